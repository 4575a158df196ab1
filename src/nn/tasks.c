/* Gradients of tasks kept apart, multiplied with each other, and mixed. */
#include "nn/tasks.h"

#include <math.h>
#include <string.h>

#include "base/memory.h"
#include "nn/op.h"
#include "tensor/kernels.h"

enum { grain = 1 << 15, pairs = BF_MAX_HEADS * (BF_MAX_HEADS + 1) / 2 };

struct bf_tasks {
  bf_network *network;
  bf_exec *exec;
  bf_pool *pool;
  int count, joint_count;
  bf_value joints[BF_MAX_STAGES];
  int64_t sizes[BF_MAX_STAGES]; /* floats of an image */
  int in_place;                 /* the task that goes back last: its gradients stay in the joints */
  float *apart[BF_MAX_HEADS];   /* the others' gradients, joint behind joint */
  double *sums;                 /* of products, for each slice and pair */
  int n;                        /* images of the pass at hand */
  double factor[BF_MAX_HEADS];
};

static int64_t whole(const bf_tasks *t) {
  int64_t all = 0;
  for (int k = 0; k < t->joint_count; k++) all += t->sizes[k];
  return all;
}

static bf_status allocate(bf_tasks *t, int batch, bf_error *err) {
  int64_t size = whole(t) * batch, slices = 0;
  for (int k = 0; k < t->joint_count; k++) slices += bf_slice_count(t->sizes[k] * batch, grain);
  t->sums = bf_alloc((size_t)(slices > 0 ? slices : 1) * pairs, sizeof *t->sums);
  bool good = t->sums != NULL;
  for (int i = 0; i < t->count && good; i++) {
    if (i == t->in_place) continue;
    t->apart[i] = bf_alloc((size_t)(size > 0 ? size : 1), sizeof(float));
    good = t->apart[i] != NULL;
  }
  return good ? BF_OK : bf_fail(err, BF_E_MEMORY, "no memory for the gradients of %d tasks", t->count);
}

bf_status bf_tasks_create(bf_tasks **out, bf_network *network, bf_exec *exec, int batch, bf_pool *pool, bf_error *err) {
  *out = NULL;
  bf_tasks *t = bf_alloc(1, sizeof *t);
  if (t == NULL) return bf_fail(err, BF_E_MEMORY, "no memory for tasks");
  *t = (bf_tasks){.network = network, .exec = exec, .pool = pool, .count = bf_network_head_count(network)};
  for (int i = 0; i < t->count; i++)
    if (bf_network_task(network, i) == 0) t->in_place = i;
  t->joint_count = bf_exec_joints(exec, t->joints, BF_MAX_STAGES);
  bf_status status = BF_OK;
  if (t->joint_count > BF_MAX_STAGES)
    status = bf_fail(err, BF_E_INTERNAL, "heads read %d shared values, more than %d", t->joint_count, BF_MAX_STAGES);
  for (int k = 0; k < t->joint_count && status == BF_OK; k++)
    t->sizes[k] = bf_elements(bf_graph_shape(bf_network_graph(network), t->joints[k]));
  if (status == BF_OK) status = allocate(t, batch, err);
  if (status != BF_OK)
    bf_tasks_destroy(t);
  else
    *out = t;
  return status;
}

void bf_tasks_destroy(bf_tasks *t) {
  if (t == NULL) return;
  for (int i = 0; i < t->count; i++) bf_free(t->apart[i]);
  bf_free(t->sums);
  bf_free(t);
}

/* Where a task's gradient of a joint stands. */
static float *gradient_of(const bf_tasks *t, int task, int joint) {
  if (task == t->in_place) return bf_exec_gradient(t->exec, t->joints[joint]);
  float *at = t->apart[task];
  for (int k = 0; k < joint; k++) at += t->sizes[k] * t->n;
  return at;
}

static void keep(const bf_tasks *t, int task) {
  if (task == t->in_place) return;
  for (int k = 0; k < t->joint_count; k++)
    memcpy(gradient_of(t, task, k), bf_exec_gradient(t->exec, t->joints[k]),
           (size_t)(t->sizes[k] * t->n) * sizeof(float));
}

/* ---- products: in slices that hang on shapes alone, added in their order ---- */

typedef struct product_job {
  const bf_tasks *t;
  int joint;
  int64_t first_slice;
} product_job;

static void product_slice(void *argument, int64_t first, int64_t count, int slice, int thread) {
  (void)thread;
  const product_job *j = argument;
  double *sum = j->t->sums + (j->first_slice + slice) * pairs;
  for (int a = 0, at = 0; a < j->t->count; a++)
    for (int b = 0; b <= a; b++, at++)
      sum[at] = bf_kernels_current()->dot(gradient_of(j->t, a, j->joint) + first,
                                          gradient_of(j->t, b, j->joint) + first, count);
}

static void multiply(const bf_tasks *t, bf_balance_step *step) {
  int64_t slices = 0;
  for (int k = 0; k < t->joint_count; k++) {
    product_job job = {t, k, slices};
    bf_slices(t->pool, product_slice, &job, t->sizes[k] * t->n, grain);
    slices += bf_slice_count(t->sizes[k] * t->n, grain);
  }
  for (int a = 0, at = 0; a < t->count; a++)
    for (int b = 0; b <= a; b++, at++) {
      double all = 0;
      for (int64_t s = 0; s < slices; s++) all += t->sums[s * pairs + at];
      step->product[a][b] = step->product[b][a] = all;
    }
}

/* ---- mixing ---- */

typedef struct mix_job {
  const bf_tasks *t;
  int joint;
} mix_job;

static void mix_slice(void *argument, int64_t first, int64_t count, int slice, int thread) {
  (void)slice, (void)thread;
  const mix_job *j = argument;
  float *to = bf_exec_gradient(j->t->exec, j->t->joints[j->joint]) + first, own = (float)j->t->factor[j->t->in_place];
  for (int64_t k = 0; k < count && own != 1; k++) to[k] *= own;
  for (int i = 0; i < j->t->count; i++) {
    if (i == j->t->in_place) continue;
    const float *from = gradient_of(j->t, i, j->joint) + first;
    float factor = (float)j->t->factor[i];
    for (int64_t k = 0; k < count; k++) to[k] += factor * from[k];
  }
}

static void mix(const bf_tasks *t) {
  for (int k = 0; k < t->joint_count; k++) {
    mix_job job = {t, k};
    bf_slices(t->pool, mix_slice, &job, t->sizes[k] * t->n, grain);
  }
}

void bf_tasks_backward(bf_tasks *t, bf_balance *balance, const bf_truth *truth, int truths, int n, uint64_t key,
                       bf_losses *losses, bf_balance_step *step) {
  *step = (bf_balance_step){.tasks = t->count, .key = key};
  t->n = n;
  for (int i = 0; i < t->count; i++) step->base[i] = bf_network_weight(t->network, i), t->factor[i] = 1;
  balance->type->weigh(step->weight, balance->options, balance->state, t->count, step->base);
  bf_network_loss(t->network, t->exec, truth, truths, step->weight, losses);
  for (int i = 0; i < t->count; i++) step->present[i] = losses->labelled[i] > 0, step->loss[i] = losses->task[i];
  for (int task = t->count - 1; task >= 0; task--) {
    bf_exec_backward_task(t->exec, n, task);
    for (int i = 0; i < t->count; i++)
      if (bf_network_task(t->network, i) == task) keep(t, i);
  }
  multiply(t, step);
  if (balance->type->mix != NULL) balance->type->mix(t->factor, balance->options, balance->state, step);
  mix(t);
  bf_exec_backward_shared(t->exec, n);
}

/* ---- what happens over an epoch ---- */

void bf_watch_add(bf_watch *w, const bf_balance_step *step) {
  double size[BF_MAX_HEADS], sum = 0;
  w->steps++;
  for (int t = 0; t < step->tasks; t++) sum += size[t] = sqrt(fmax(step->product[t][t], 0));
  for (int t = 0; t < step->tasks; t++) {
    if (!step->present[t]) continue;
    w->present[t]++;
    w->weight[t] += step->weight[t];
    w->norm[t] += size[t] / step->weight[t];
    if (sum > 0) w->pull[t] += size[t] / sum;
    for (int u = 0; u < t; u++) {
      if (!step->present[u] || !(size[t] * size[u] > 0)) continue;
      double cosine = step->product[t][u] / (size[t] * size[u]);
      w->together[t][u] = ++w->together[u][t];
      w->cosine[t][u] = w->cosine[u][t] += cosine;
      w->against[t][u] = w->against[u][t] += cosine < 0;
    }
  }
}

static double mean(double sum, int64_t count) { return count > 0 ? sum / (double)count : NAN; }

bf_task_figures bf_watch_task(const bf_watch *w, int tasks, int task) {
  double all = 0;
  for (int t = 0; t < tasks; t++) all += w->pull[t];
  return (bf_task_figures){.weight = mean(w->weight[task], w->present[task]),
                           .norm = all > 0 ? mean(w->norm[task], w->present[task]) : NAN,
                           .share = all > 0 ? w->pull[task] / all : NAN,
                           .present = mean((double)w->present[task], w->steps)};
}

double bf_watch_cosine(const bf_watch *w, int a, int b) { return mean(w->cosine[a][b], w->together[a][b]); }

double bf_watch_conflicts(const bf_watch *w, int a, int b) {
  return isnan(bf_watch_cosine(w, a, b)) ? NAN : mean((double)w->against[a][b], w->together[a][b]);
}

int bf_watch_dominant(const bf_watch *w, int tasks, double share, double *remedy) {
  for (int t = 0; t < tasks && tasks > 1; t++) {
    bf_task_figures f = bf_watch_task(w, tasks, t);
    if (!(f.share >= share)) continue;
    double others = (1 - f.share) / (tasks - 1);
    *remedy = f.weight * others / f.share;
    return t;
  }
  return -1;
}
