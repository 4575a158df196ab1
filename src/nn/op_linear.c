/* Fully connected layer on 1 x 1 x c values. */
#include <string.h>

#include "nn/op.h"
#include "tensor/gemm.h"

enum { column_grain = 256, row_grain = 64, small_weights = 1 << 18 };

static int flags(const bf_node *node, bool batch_statistics) {
  (void)node, (void)batch_statistics;
  return BF_OP_READS_INPUT;
}

/* Slices are columns of outputs: batches are small, layers wide. */
static void forward_slice(void *argument, int64_t first, int64_t count, int slice, int thread) {
  (void)slice, (void)thread;
  bf_run *r = argument;
  int in = r->in[0].c, out = r->out.c;
  for (int i = 0; i < r->n; i++)
    memcpy(r->y + (int64_t)i * out + first, bf_run_param(r, 1)->data + first, (size_t)count * sizeof(float));
  bf_gemm(false, false, r->n, count, in, 1, r->x[0], in, bf_run_param(r, 0)->data + first, out, 1, r->y + first, out);
}

/* Small layers in scoring: image by image, so that a picture's bits do not hang on its place in the batch. Large ones
 * (the original classifiers) would read their weights once for each image. */
static void forward_image(void *argument, int task, int thread) {
  (void)thread;
  const bf_run *r = argument;
  int in = r->in[0].c, out = r->out.c;
  float *y = r->y + (int64_t)task * out;
  memcpy(y, bf_run_param(r, 1)->data, (size_t)out * sizeof(float));
  bf_gemm(false, false, 1, out, in, 1, r->x[0] + (int64_t)task * in, in, bf_run_param(r, 0)->data, out, 1, y, out);
}

static void weight_slice(void *argument, int64_t first, int64_t count, int slice, int thread) {
  (void)slice, (void)thread;
  bf_run *r = argument;
  int in = r->in[0].c, out = r->out.c;
  bf_gemm(true, false, count, out, r->n, 1, r->x[0] + first, in, r->dy, out, 0,
          bf_run_param(r, 0)->gradient + first * out, out);
}

static void data_slice(void *argument, int64_t first, int64_t count, int slice, int thread) {
  (void)slice, (void)thread;
  bf_run *r = argument;
  int in = r->in[0].c, out = r->out.c;
  bf_gemm(false, true, r->n, count, out, 1, r->dy, out, bf_run_param(r, 0)->data + first * out, out, r->add[0],
          r->dx[0] + first, in);
}

static void forward(bf_run *r) {
  if (!r->training && (int64_t)r->in[0].c * r->out.c <= small_weights)
    bf_pool_run(r->pool, forward_image, r, r->n);
  else
    bf_slices(r->pool, forward_slice, r, r->out.c, column_grain);
}

static void backward(bf_run *r) {
  if (bf_run_trains(r, 0)) bf_slices(r->pool, weight_slice, r, r->in[0].c, row_grain);
  if (bf_run_trains(r, 1))
    r->kernels->norm_sums(bf_run_param(r, 1)->gradient, NULL, r->dy, NULL, NULL, NULL, r->n, r->out.c);
  if (r->dx[0] != NULL) bf_slices(r->pool, data_slice, r, r->in[0].c, column_grain);
}

static double flop(const bf_run *r) { return 2.0 * r->in[0].c * r->out.c; }

const bf_op bf_op_linear = {"linear", flags, NULL, NULL, forward, backward, flop};
