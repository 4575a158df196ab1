/* ReLU and ReLU6: a clamp from below, and from above. */
#include "nn/op.h"

enum { grain = 1 << 15 };

static int flags(const bf_node *node, bool batch_statistics) {
  (void)node, (void)batch_statistics;
  return BF_OP_READS_OUTPUT | BF_OP_IN_PLACE;
}

static void forward_slice(void *argument, int64_t first, int64_t count, int slice, int thread) {
  (void)slice, (void)thread;
  bf_run *r = argument;
  r->kernels->clamp(r->y + first, r->x[0] + first, count, r->node->top);
}

static void backward_slice(void *argument, int64_t first, int64_t count, int slice, int thread) {
  (void)slice, (void)thread;
  bf_run *r = argument;
  r->kernels->clamp_backward(r->dx[0] + first, r->dy + first, r->y + first, count, r->node->top, r->add[0]);
}

static void forward(bf_run *r) { bf_slices(r->pool, forward_slice, r, r->n * bf_elements(r->out), grain); }

static void backward(bf_run *r) {
  if (r->dx[0] != NULL) bf_slices(r->pool, backward_slice, r, r->n * bf_elements(r->out), grain);
}

const bf_op bf_op_clamp = {.name = "clamp", .flags = flags, .forward = forward, .backward = backward};
