/* Dropout (Srivastava et al. 2014), inverted: kept values are scaled up in training, and scoring changes nothing. Draws
 * are keyed by (seed, node, element), so backward makes them again instead of keeping them. Stochastic depth (Huang,
 * Sun, Liu, Sedra, Weinberger 2016) is the same with one draw for an image's whole value. */
#include <string.h>

#include "base/rng.h"
#include "nn/op.h"

static int flags(const bf_node *node, bool batch_statistics) {
  (void)node, (void)batch_statistics;
  return BF_OP_IN_PLACE;
}

typedef struct job {
  const bf_run *run;
  float *to;
  const float *from;
  bool add;
} job;

static void apply_image(void *argument, int i, int thread) {
  (void)thread;
  const job *j = argument;
  const bf_node *node = j->run->node;
  int64_t each = bf_elements(j->run->out);
  float up = (float)(1 / (1 - node->probability)), *to = j->to + i * each;
  const float *from = j->from + i * each;
  bf_rng rng = bf_rng_make(j->run->seed, node->ordinal, (uint64_t)i);
  bool dropped = node->whole && bf_rng_uniform(&rng) < node->probability;
  for (int64_t k = 0; k < each; k++) {
    if (!node->whole) dropped = bf_rng_uniform(&rng) < node->probability;
    float v = dropped ? 0 : from[k] * up;
    to[k] = j->add ? to[k] + v : v;
  }
}

static void apply(const bf_run *r, float *to, const float *from, bool add) {
  job j = {r, to, from, add};
  int64_t all = r->n * bf_elements(r->out);
  if (r->training && r->node->probability > 0)
    bf_pool_run(r->pool, apply_image, &j, r->n);
  else if (add)
    r->kernels->add(to, to, from, all);
  else if (to != from)
    memcpy(to, from, (size_t)all * sizeof(float));
}

static void forward(bf_run *r) { apply(r, r->y, r->x[0], false); }

static void backward(bf_run *r) {
  if (r->dx[0] != NULL) apply(r, r->dx[0], r->dy, r->add[0]);
}

const bf_op bf_op_dropout = {.name = "dropout", .flags = flags, .forward = forward, .backward = backward};
