/* Sum of two values, and concatenation of channels. */
#include <string.h>

#include "nn/op.h"

enum { grain = 1 << 15, row_grain = 1024 };

/* ---- add: the result may stand in the first input's memory ---- */

static int add_flags(const bf_node *node, bool batch_statistics) {
  (void)node, (void)batch_statistics;
  return BF_OP_IN_PLACE;
}

static void add_forward_slice(void *argument, int64_t first, int64_t count, int slice, int thread) {
  (void)slice, (void)thread;
  bf_run *r = argument;
  r->kernels->add(r->y + first, r->x[0] + first, r->x[1] + first, count);
}

static void add_backward_slice(void *argument, int64_t first, int64_t count, int slice, int thread) {
  (void)slice, (void)thread;
  bf_run *r = argument;
  for (int k = 1; k >= 0; k--) { /* input 0 may share memory with dy: it comes last */
    if (r->dx[k] == NULL || r->dx[k] == r->dy) continue;
    if (r->add[k])
      r->kernels->add(r->dx[k] + first, r->dx[k] + first, r->dy + first, count);
    else
      memcpy(r->dx[k] + first, r->dy + first, (size_t)count * sizeof(float));
  }
}

static void add_forward(bf_run *r) { bf_slices(r->pool, add_forward_slice, r, r->n * bf_elements(r->out), grain); }

static void add_backward(bf_run *r) { bf_slices(r->pool, add_backward_slice, r, r->n * bf_elements(r->out), grain); }

const bf_op bf_op_add = {.name = "add", .flags = add_flags, .forward = add_forward, .backward = add_backward};

/* ---- concat ---- */

static int concat_flags(const bf_node *node, bool batch_statistics) {
  (void)node, (void)batch_statistics;
  return 0;
}

static void concat_forward_slice(void *argument, int64_t first, int64_t count, int slice, int thread) {
  (void)slice, (void)thread;
  bf_run *r = argument;
  int a = r->in[0].c, b = r->in[1].c;
  for (int64_t i = first; i < first + count; i++) {
    memcpy(r->y + i * (a + b), r->x[0] + i * a, (size_t)a * sizeof(float));
    memcpy(r->y + i * (a + b) + a, r->x[1] + i * b, (size_t)b * sizeof(float));
  }
}

static void concat_backward_slice(void *argument, int64_t first, int64_t count, int slice, int thread) {
  (void)slice, (void)thread;
  bf_run *r = argument;
  int all = r->out.c, offset = 0;
  for (int k = 0; k < 2; offset += r->in[k].c, k++) {
    int c = r->in[k].c;
    for (int64_t i = first; r->dx[k] != NULL && i < first + count; i++) {
      float *d = r->dx[k] + i * c;
      const float *s = r->dy + i * all + offset;
      for (int j = 0; j < c; j++) d[j] = r->add[k] ? d[j] + s[j] : s[j];
    }
  }
}

static void concat_forward(bf_run *r) {
  bf_slices(r->pool, concat_forward_slice, r, (int64_t)r->n * r->out.h * r->out.w, row_grain);
}

static void concat_backward(bf_run *r) {
  bf_slices(r->pool, concat_backward_slice, r, (int64_t)r->n * r->out.h * r->out.w, row_grain);
}

const bf_op bf_op_concat = {
    .name = "concat", .flags = concat_flags, .forward = concat_forward, .backward = concat_backward};
