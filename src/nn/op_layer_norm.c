/* Layer normalisation (Ba, Kiros, Hinton 2016) of each pixel over its channels, as ConvNeXt has it: the same in
 * training and scoring. Slices' sums of the parameters' gradients are added in order. */
#include <string.h>

#include "nn/op.h"

enum { grain = 256, SCALE = 0, SHIFT = 1 };
static const float epsilon = 1e-6f;

static int64_t rows_of(const bf_run *r) { return (int64_t)r->n * r->out.h * r->out.w; }

static int flags(const bf_node *node, bool batch_statistics) {
  (void)node, (void)batch_statistics;
  return BF_OP_READS_INPUT | BF_OP_OVERWRITES;
}

/* Mean and inverse deviation of each pixel. */
static int64_t kept(const bf_run *r) { return 2 * (int64_t)r->capacity * r->out.h * r->out.w; }

static int64_t scratch(const bf_run *r, int threads) {
  (void)threads;
  return 2 * bf_slice_count(rows_of(r), grain) * r->out.c;
}

static void forward_slice(void *argument, int64_t first, int64_t count, int slice, int thread) {
  (void)slice, (void)thread;
  bf_run *r = argument;
  int c = r->out.c;
  r->kernels->layer_norm(r->y + first * c, r->kept + 2 * first, r->x[0] + first * c, bf_run_param(r, SCALE)->data,
                         bf_run_param(r, SHIFT)->data, epsilon, count, c);
}

static void sums_slice(void *argument, int64_t first, int64_t count, int slice, int thread) {
  (void)thread;
  bf_run *r = argument;
  int c = r->out.c;
  float *part = r->scratch + 2 * (int64_t)slice * c;
  r->kernels->layer_norm_sums(part, part + c, r->dy + first * c, r->x[0] + first * c, r->kept + 2 * first, count, c);
}

static void data_slice(void *argument, int64_t first, int64_t count, int slice, int thread) {
  (void)slice, (void)thread;
  bf_run *r = argument;
  int c = r->out.c;
  r->kernels->layer_norm_data(r->dx[0] + first * c, r->dy + first * c, r->x[0] + first * c, r->kept + 2 * first,
                              bf_run_param(r, SCALE)->data, count, c, r->add[0]);
}

static void forward(bf_run *r) { bf_slices(r->pool, forward_slice, r, rows_of(r), grain); }

static void backward(bf_run *r) {
  int64_t slices = bf_slice_count(rows_of(r), grain), c = r->out.c;
  if (bf_run_trains(r, SCALE)) {
    float *shift = bf_run_param(r, SHIFT)->gradient, *scale = bf_run_param(r, SCALE)->gradient;
    bf_slices(r->pool, sums_slice, r, rows_of(r), grain);
    memset(shift, 0, (size_t)c * sizeof(float));
    memset(scale, 0, (size_t)c * sizeof(float));
    for (int64_t s = 0; s < slices; s++) {
      r->kernels->add(shift, shift, r->scratch + 2 * s * c, c);
      r->kernels->add(scale, scale, r->scratch + (2 * s + 1) * c, c);
    }
  }
  if (r->dx[0] != NULL) bf_slices(r->pool, data_slice, r, rows_of(r), grain);
}

const bf_op bf_op_layer_norm = {
    .name = "layer_norm", .flags = flags, .kept = kept, .scratch = scratch, .forward = forward, .backward = backward};
