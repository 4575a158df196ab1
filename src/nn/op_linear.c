/* Fully connected layer on 1 x 1 x c values. The weights are the work: they are read once, in order, in chunks of
 * inputs; chunks' sums are added in order. */
#include <string.h>

#include "nn/op.h"

enum { most_chunks = 16, chunk_inputs = 64, input_grain = 64 };

static int flags(const bf_node *node, bool batch_statistics) {
  (void)node, (void)batch_statistics;
  return BF_OP_READS_INPUT;
}

/* A fixed number for a shape. */
static int chunks(const bf_run *r) {
  int count = (r->in[0].c + chunk_inputs - 1) / chunk_inputs;
  return count < most_chunks ? count : most_chunks;
}

static int64_t scratch(const bf_run *r, int threads) {
  (void)threads;
  return (int64_t)chunks(r) * r->n * r->out.c;
}

static void forward_chunk(void *argument, int task, int thread) {
  (void)thread;
  const bf_run *r = argument;
  int64_t in = r->in[0].c, out = r->out.c, first = in * task / chunks(r), last = in * (task + 1) / chunks(r);
  float *sums = r->scratch + (int64_t)task * r->n * out;
  memset(sums, 0, (size_t)(r->n * out) * sizeof(float));
  r->kernels->linear(sums, r->x[0] + first, in, bf_run_param(r, 0)->data + first * out, r->n, last - first, out);
}

static void join_image(void *argument, int task, int thread) {
  (void)thread;
  const bf_run *r = argument;
  int64_t out = r->out.c;
  float *y = r->y + task * out;
  memcpy(y, bf_run_param(r, 1)->data, (size_t)out * sizeof(float));
  for (int k = 0; k < chunks(r); k++) r->kernels->add(y, y, r->scratch + ((int64_t)k * r->n + task) * out, out);
}

static void weight_slice(void *argument, int64_t first, int64_t count, int slice, int thread) {
  (void)slice, (void)thread;
  const bf_run *r = argument;
  int64_t in = r->in[0].c, out = r->out.c;
  r->kernels->linear_weight(bf_run_param(r, 0)->gradient + first * out, r->x[0] + first, in, r->dy, r->n, count, out);
}

static void data_slice(void *argument, int64_t first, int64_t count, int slice, int thread) {
  (void)slice, (void)thread;
  const bf_run *r = argument;
  int64_t in = r->in[0].c, out = r->out.c;
  r->kernels->linear_data(r->dx[0] + first, in, r->dy, bf_run_param(r, 0)->data + first * out, r->n, count, out,
                          r->add[0]);
}

static void forward(bf_run *r) {
  bf_pool_run(r->pool, forward_chunk, r, chunks(r));
  bf_pool_run(r->pool, join_image, r, r->n);
}

static void backward(bf_run *r) {
  if (bf_run_trains(r, 0)) bf_slices(r->pool, weight_slice, r, r->in[0].c, input_grain);
  if (bf_run_trains(r, 1))
    r->kernels->norm_sums(bf_run_param(r, 1)->gradient, NULL, r->dy, NULL, NULL, NULL, r->n, r->out.c);
  if (r->dx[0] != NULL) bf_slices(r->pool, data_slice, r, r->in[0].c, input_grain);
}

static double flop(const bf_run *r) { return 2.0 * r->in[0].c * r->out.c; }

const bf_op bf_op_linear = {
    .name = "linear", .flags = flags, .scratch = scratch, .forward = forward, .backward = backward, .flop = flop};
