/* AdamW and SGD with momentum over one block of parameters. Slices are fixed, and the gradient's norm is summed slice
 * by slice in order. */
#include "nn/optimiser.h"

#include "nn/op.h"

#include <math.h>
#include <string.h>

#include "base/memory.h"

enum { grain = 1 << 14, most_slices = 1 << 16 };

/* A run of numbers of one parameter. */
typedef struct span {
  int param;
  int64_t first, count; /* within the parameter */
} span;

struct bf_optimiser {
  bf_graph *graph;
  bf_optimiser_spec spec;
  int blocks;
  float *moment[2];
  int64_t steps[BF_OPTIMISER_STAGES];
  span *spans;
  double *squares; /* of each span */
  int span_count;
  /* of the step at work */
  double rate[BF_OPTIMISER_STAGES], correction1[BF_OPTIMISER_STAGES], correction2[BF_OPTIMISER_STAGES], clip, momentum,
      beta1;
};

static bf_status list_spans(bf_optimiser *o, bf_error *err) {
  int64_t count = 0;
  for (int pass = 0; pass < 2; pass++) {
    int64_t k = 0;
    for (int i = 0; i < bf_graph_param_count(o->graph); i++) {
      const bf_param *p = bf_graph_param(o->graph, i);
      for (int64_t first = 0; first < p->count; first += grain, k++)
        if (pass == 1) o->spans[k] = (span){i, first, p->count - first < grain ? p->count - first : grain};
    }
    count = k;
    if (pass == 1) break;
    o->spans = bf_alloc((size_t)count, sizeof *o->spans);
    o->squares = bf_alloc((size_t)count, sizeof *o->squares);
    if (count > INT32_MAX || o->spans == NULL || o->squares == NULL)
      return bf_fail(err, BF_E_MEMORY, "no memory for the optimiser");
  }
  o->span_count = (int)count;
  return BF_OK;
}

bf_status bf_optimiser_create(bf_optimiser **out, bf_graph *graph, const bf_optimiser_spec *spec, bf_error *err) {
  *out = NULL;
  bf_optimiser *o = bf_alloc(1, sizeof *o);
  if (o == NULL) return bf_fail(err, BF_E_MEMORY, "no memory for the optimiser");
  o->graph = graph;
  o->spec = *spec;
  o->blocks = spec->kind == BF_ADAMW ? 2 : 1;
  bf_status status = bf_graph_need_gradients(graph, err);
  if (status == BF_OK) status = list_spans(o, err);
  for (int i = 0; i < o->blocks && status == BF_OK; i++)
    if ((o->moment[i] = bf_alloc((size_t)bf_graph_block_size(graph), sizeof(float))) == NULL)
      status = bf_fail(err, BF_E_MEMORY, "no memory for the optimiser's moments");
  if (status != BF_OK)
    bf_optimiser_destroy(o);
  else
    *out = o;
  return status;
}

void bf_optimiser_destroy(bf_optimiser *o) {
  if (o == NULL) return;
  bf_free(o->moment[0]);
  bf_free(o->moment[1]);
  bf_free(o->spans);
  bf_free(o->squares);
  bf_free(o);
}

static void square_task(void *argument, int task, int thread) {
  (void)thread;
  bf_optimiser *o = argument;
  const bf_param *p = bf_graph_param(o->graph, o->spans[task].param);
  const float *g = p->gradient + o->spans[task].first;
  o->squares[task] = p->trainable ? bf_kernels_current()->dot(g, g, o->spans[task].count) : 0;
}

/* Where the parameter's stage stands in lists of them. */
static int place_of(const bf_param *p) {
  if (p->stage == BF_STAGE_HEAD) return BF_MAX_STAGES;
  return p->stage < BF_MAX_STAGES ? p->stage : BF_MAX_STAGES - 1;
}

static bf_update update_of(const bf_optimiser *o, const bf_param *p) {
  const bf_optimiser_spec *spec = &o->spec;
  int place = place_of(p);
  float rate = (float)o->rate[place], decay = p->decay ? (float)spec->weight_decay : 0;
  return (bf_update){.rate = rate,
                     .clip = (float)o->clip,
                     .decay = decay,
                     .momentum = (float)o->momentum,
                     .beta1 = (float)o->beta1,
                     .beta2 = (float)spec->beta2,
                     .epsilon = (float)spec->epsilon,
                     /* In double first: 1 - 0.999f is off by one part in 70,000. */
                     .rest1 = (float)(1 - o->beta1),
                     .rest2 = (float)(1 - spec->beta2),
                     .correction1 = (float)(1 / o->correction1[place]),
                     .correction2 = (float)(1 / o->correction2[place]),
                     .keep = 1 - rate * decay};
}

static void update_task(void *argument, int task, int thread) {
  (void)thread;
  bf_optimiser *o = argument;
  const span *s = &o->spans[task];
  const bf_param *p = bf_graph_param(o->graph, s->param);
  if (!p->trainable) return;
  bf_update u = update_of(o, p);
  int64_t at = p->offset + s->first;
  float *w = p->data + s->first;
  const float *g = p->gradient + s->first;
  if (o->spec.kind == BF_ADAMW)
    bf_kernels_current()->adamw(w, o->moment[0] + at, o->moment[1] + at, g, s->count, &u);
  else
    bf_kernels_current()->sgd(w, o->moment[0] + at, g, s->count, &u);
}

/* A stage's count rises with each step in which something of it is trained. */
static void count_steps(bf_optimiser *o) {
  bool trains[BF_OPTIMISER_STAGES] = {false};
  for (int i = 0; i < bf_graph_param_count(o->graph); i++) {
    const bf_param *p = bf_graph_param(o->graph, i);
    if (p->trainable) trains[place_of(p)] = true;
  }
  for (int k = 0; k < BF_OPTIMISER_STAGES; k++) {
    o->steps[k] += trains[k];
    o->correction1[k] = 1 - pow(o->beta1, (double)o->steps[k]);
    o->correction2[k] = 1 - pow(o->spec.beta2, (double)o->steps[k]);
  }
}

double bf_optimiser_step(bf_optimiser *o, bf_pool *pool, const double *stage_rate, double head_rate, double momentum) {
  bf_pool_run(pool, square_task, o, o->span_count);
  double squares = 0;
  for (int i = 0; i < o->span_count; i++) squares += o->squares[i];
  double norm = sqrt(squares);
  if (!isfinite(norm)) return norm;
  for (int s = 0; s < BF_MAX_STAGES; s++) o->rate[s] = stage_rate[s];
  o->rate[BF_MAX_STAGES] = head_rate;
  o->momentum = isnan(momentum) ? o->spec.momentum : momentum;
  o->beta1 = isnan(momentum) ? o->spec.beta1 : momentum;
  o->clip = o->spec.gradient_clip > 0 && norm > o->spec.gradient_clip ? o->spec.gradient_clip / norm : 1;
  count_steps(o);
  bf_pool_run(pool, update_task, o, o->span_count);
  return norm;
}

int bf_optimiser_blocks(const bf_optimiser *o) { return o->blocks; }
float *bf_optimiser_block(bf_optimiser *o, int index) { return o->moment[index]; }
int64_t *bf_optimiser_steps(bf_optimiser *o) { return o->steps; }
