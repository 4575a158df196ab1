/* The value as it is, and no way back for gradients: what one task may read of another's without teaching it. */
#include <string.h>

#include "nn/op.h"

static int flags(const bf_node *node, bool batch_statistics) {
  (void)node, (void)batch_statistics;
  return BF_OP_STOPS;
}

static void forward(bf_run *r) { memcpy(r->y, r->x[0], (size_t)(r->n * bf_elements(r->out)) * sizeof(float)); }

/* Never called: nothing before this node wants a gradient through it. */
static void backward(bf_run *r) { (void)r; }

const bf_op bf_op_detach = {.name = "detach", .flags = flags, .forward = forward, .backward = backward};
