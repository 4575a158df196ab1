/* Dropout (Srivastava et al. 2014), inverted: kept values are scaled up in training, and scoring changes nothing. Draws
 * are keyed by (seed, node, element), so backward makes them again instead of keeping them. */
#include <string.h>

#include "base/rng.h"
#include "nn/op.h"

static int flags(const bf_node *node, bool batch_statistics) {
  (void)node, (void)batch_statistics;
  return BF_OP_IN_PLACE;
}

static void apply(const bf_run *r, float *to, const float *from, bool add) {
  int64_t each = bf_elements(r->out);
  bool acts = r->training && r->node->probability > 0;
  float up = (float)(1 / (1 - r->node->probability));
  for (int i = 0; i < r->n; i++) {
    bf_rng rng = bf_rng_make(r->seed, r->node->ordinal, (uint64_t)i);
    for (int64_t k = i * each; k < (i + 1) * each; k++) {
      float v = !acts ? from[k] : bf_rng_uniform(&rng) < r->node->probability ? 0 : from[k] * up;
      to[k] = add ? to[k] + v : v;
    }
  }
}

static void forward(bf_run *r) { apply(r, r->y, r->x[0], false); }

static void backward(bf_run *r) {
  if (r->dx[0] != NULL) apply(r, r->dx[0], r->dy, r->add[0]);
}

const bf_op bf_op_dropout = {.name = "dropout", .flags = flags, .forward = forward, .backward = backward};
