/* Smooth activations: SiLU x*sigmoid(x) (Elfwing, Uchibe, Doya 2018), GELU x*Phi(x) in its exact form (Hendrycks,
 * Gimpel 2016), and the sigmoid. */
#include "nn/op.h"

enum { grain = 1 << 14 };

static int flags_input(const bf_node *node, bool batch_statistics) {
  (void)node, (void)batch_statistics;
  return BF_OP_READS_INPUT | BF_OP_OVERWRITES;
}

static int flags_output(const bf_node *node, bool batch_statistics) {
  (void)node, (void)batch_statistics;
  return BF_OP_READS_OUTPUT | BF_OP_IN_PLACE;
}

#define ACTIVATION(activation, flag_function, seen)                                                          \
  static void activation##_slice(void *argument, int64_t first, int64_t count, int slice, int thread) {      \
    (void)slice, (void)thread;                                                                               \
    bf_run *r = argument;                                                                                    \
    r->kernels->activation(r->y + first, r->x[0] + first, count);                                            \
  }                                                                                                          \
  static void activation##_back_slice(void *argument, int64_t first, int64_t count, int slice, int thread) { \
    (void)slice, (void)thread;                                                                               \
    bf_run *r = argument;                                                                                    \
    r->kernels->activation##_backward(r->dx[0] + first, r->dy + first, (seen) + first, count, r->add[0]);    \
  }                                                                                                          \
  static void activation##_forward(bf_run *r) {                                                              \
    bf_slices(r->pool, activation##_slice, r, r->n *bf_elements(r->out), grain);                             \
  }                                                                                                          \
  static void activation##_back(bf_run *r) {                                                                 \
    if (r->dx[0] != NULL) bf_slices(r->pool, activation##_back_slice, r, r->n *bf_elements(r->out), grain);  \
  }                                                                                                          \
  const bf_op bf_op_##activation = {                                                                         \
      .name = #activation, .flags = flag_function, .forward = activation##_forward, .backward = activation##_back};

ACTIVATION(silu, flags_input, r->x[0])
ACTIVATION(gelu, flags_input, r->x[0])
ACTIVATION(sigmoid, flags_output, r->y)
