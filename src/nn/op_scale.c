/* Each channel times a factor: a parameter's (layer scale: Touvron, Cord, Sablayrolles, Synnaeve, Jégou 2021), or each
 * image's own from a second value of 1 x 1 x c (the gate of squeeze and excitation: Hu, Shen, Sun 2018). */
#include <string.h>

#include "nn/op.h"

enum { grain = 256 };

static int64_t pixels(const bf_run *r) { return (int64_t)r->out.h * r->out.w; }

static int flags(const bf_node *node, bool batch_statistics) {
  (void)node, (void)batch_statistics;
  return BF_OP_READS_INPUT | BF_OP_OVERWRITES;
}

/* ---- a parameter's factors ---- */

/* The kernel that sums wants a mean to take away and a factor: 0 and 1. Behind them the slices' sums. */
static int64_t scale_scratch(const bf_run *r, int threads) {
  (void)threads;
  return (2 + 2 * bf_slice_count(r->n * pixels(r), grain)) * r->out.c;
}

static void scale_slice(void *argument, int64_t first, int64_t count, int slice, int thread) {
  (void)slice, (void)thread;
  bf_run *r = argument;
  int c = r->out.c;
  r->kernels->scale(r->y + first * c, r->x[0] + first * c, bf_run_param(r, 0)->data, count, c, false);
}

static void scale_sums_slice(void *argument, int64_t first, int64_t count, int slice, int thread) {
  (void)thread;
  bf_run *r = argument;
  int c = r->out.c;
  float *sums = r->scratch + (2 + 2 * (int64_t)slice) * c;
  r->kernels->norm_sums(sums, sums + c, r->dy + first * c, r->x[0] + first * c, r->scratch, r->scratch + c, count, c);
}

static void scale_back_slice(void *argument, int64_t first, int64_t count, int slice, int thread) {
  (void)slice, (void)thread;
  bf_run *r = argument;
  int c = r->out.c;
  r->kernels->scale(r->dx[0] + first * c, r->dy + first * c, bf_run_param(r, 0)->data, count, c, r->add[0]);
}

static void zero_and_one(float *to, int c) {
  memset(to, 0, (size_t)c * sizeof(float));
  for (int k = 0; k < c; k++) to[c + k] = 1;
}

static void scale_forward(bf_run *r) { bf_slices(r->pool, scale_slice, r, r->n * pixels(r), grain); }

static void scale_backward(bf_run *r) {
  int64_t rows = r->n * pixels(r), c = r->out.c;
  if (bf_run_trains(r, 0)) {
    float *gradient = bf_run_param(r, 0)->gradient;
    zero_and_one(r->scratch, (int)c);
    bf_slices(r->pool, scale_sums_slice, r, rows, grain);
    memset(gradient, 0, (size_t)c * sizeof(float));
    for (int64_t s = 0; s < bf_slice_count(rows, grain); s++)
      r->kernels->add(gradient, gradient, r->scratch + (3 + 2 * s) * c, c);
  }
  if (r->dx[0] != NULL) bf_slices(r->pool, scale_back_slice, r, rows, grain);
}

const bf_op bf_op_scale = {
    .name = "scale", .flags = flags, .scratch = scale_scratch, .forward = scale_forward, .backward = scale_backward};

/* ---- each image's own ---- */

static int64_t gate_scratch(const bf_run *r, int threads) {
  (void)threads;
  return (2 + 2 * (int64_t)r->n) * r->out.c;
}

static void gate_task(void *argument, int image, int thread) {
  (void)thread;
  bf_run *r = argument;
  int64_t at = image * bf_elements(r->out), c = r->out.c;
  r->kernels->scale(r->y + at, r->x[0] + at, r->x[1] + image * c, pixels(r), (int)c, false);
}

static void gate_back_task(void *argument, int image, int thread) {
  (void)thread;
  bf_run *r = argument;
  int64_t at = image * bf_elements(r->out), c = r->out.c;
  float *sums = r->scratch + (2 + 2 * (int64_t)image) * c;
  if (r->dx[1] != NULL) {
    r->kernels->norm_sums(sums, sums + c, r->dy + at, r->x[0] + at, r->scratch, r->scratch + c, pixels(r), (int)c);
    float *to = r->dx[1] + image * c;
    for (int64_t k = 0; k < c; k++) to[k] = r->add[1] ? to[k] + sums[c + k] : sums[c + k];
  }
  if (r->dx[0] != NULL) r->kernels->scale(r->dx[0] + at, r->dy + at, r->x[1] + image * c, pixels(r), (int)c, r->add[0]);
}

static void gate_forward(bf_run *r) { bf_pool_run(r->pool, gate_task, r, r->n); }

static void gate_backward(bf_run *r) {
  zero_and_one(r->scratch, r->out.c);
  bf_pool_run(r->pool, gate_back_task, r, r->n);
}

const bf_op bf_op_gate = {
    .name = "gate", .flags = flags, .scratch = gate_scratch, .forward = gate_forward, .backward = gate_backward};
