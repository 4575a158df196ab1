/* Means of a map's channels where a second value, one number a place, weighs the places: y = sum w x / (sum w + tiny).
 * A soft look at one region; with equal weights the global mean. */
#include "nn/op.h"

/* Where nothing has weight the mean is 0, not undefined. */
static const double tiny = 1e-6;

static int flags(const bf_node *node, bool batch_statistics) {
  (void)node, (void)batch_statistics;
  return BF_OP_READS_INPUT | BF_OP_READS_OUTPUT;
}

static int64_t places(const bf_run *r) { return (int64_t)r->in[0].h * r->in[0].w; }

static double total(const float *w, int64_t count) {
  double sum = tiny;
  for (int64_t p = 0; p < count; p++) sum += w[p];
  return sum;
}

static void forward_task(void *argument, int image, int thread) {
  (void)thread;
  const bf_run *r = argument;
  int64_t count = places(r);
  int c = r->out.c;
  const float *x = r->x[0] + image * count * c, *w = r->x[1] + image * count;
  float *y = r->y + (int64_t)image * c;
  double sum = total(w, count);
  for (int k = 0; k < c; k++) y[k] = 0;
  for (int64_t p = 0; p < count; p++) {
    float share = (float)(w[p] / sum);
    for (int k = 0; k < c; k++) y[k] += share * x[p * c + k];
  }
}

static void backward_task(void *argument, int image, int thread) {
  (void)thread;
  const bf_run *r = argument;
  int64_t count = places(r);
  int c = r->out.c;
  const float *x = r->x[0] + image * count * c, *w = r->x[1] + image * count, *y = r->y + (int64_t)image * c,
              *dy = r->dy + (int64_t)image * c;
  double sum = total(w, count);
  for (int64_t p = 0; p < count; p++) {
    float share = (float)(w[p] / sum), *dx = r->dx[0] != NULL ? r->dx[0] + (image * count + p) * c : NULL;
    double slope = 0;
    for (int k = 0; k < c && dx != NULL; k++) dx[k] = r->add[0] ? dx[k] + share * dy[k] : share * dy[k];
    if (r->dx[1] == NULL) continue;
    for (int k = 0; k < c; k++) slope += (double)dy[k] * (x[p * c + k] - y[k]);
    float *dw = r->dx[1] + image * count + p;
    *dw = (r->add[1] ? *dw : 0) + (float)(slope / sum);
  }
}

static void forward(bf_run *r) { bf_pool_run(r->pool, forward_task, r, r->n); }

static void backward(bf_run *r) { bf_pool_run(r->pool, backward_task, r, r->n); }

const bf_op bf_op_weighted_pool = {.name = "weighted_pool", .flags = flags, .forward = forward, .backward = backward};
