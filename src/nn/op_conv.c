/* Convolution: a 1x1 of stride 1 is one product over the whole batch; others go through im2col, tile by tile.
 * choose() is the one place where an algorithm is picked for a shape. */
#include <string.h>

#include "base/memory.h"
#include "nn/op.h"
#include "tensor/gemm.h"

enum { tile_rows = 256, col_floats = 128 * 1024, most_chunks = 8 };

typedef enum algorithm { POINTWISE, IM2COL, DIRECT } algorithm;

static algorithm choose(const bf_run *r) {
  if (r->kernels->plain) return DIRECT;
  const bf_node *node = r->node;
  return node->kernel == 1 && node->stride == 1 && node->padding == 0 ? POINTWISE : IM2COL;
}

static bf_window window(const bf_run *r) {
  return (bf_window){r->in[0].h,      r->in[0].w,       r->in[0].c, r->node->kernel,
                     r->node->stride, r->node->padding, r->out.h,   r->out.w};
}

static int64_t patch(const bf_run *r) { return (int64_t)r->node->kernel * r->node->kernel * r->in[0].c; }

/* Output pixels a tile: its patches stay in the second-level cache. */
static int tile_pixels(const bf_run *r) {
  int64_t rows = col_floats / patch(r);
  if (rows > tile_rows) rows = tile_rows;
  if (rows < 16) rows = 16;
  int64_t all = (int64_t)r->out.h * r->out.w;
  return (int)(rows < all ? rows : all);
}

static int tiles_an_image(const bf_run *r) {
  int64_t all = (int64_t)r->out.h * r->out.w;
  return (int)((all + tile_pixels(r) - 1) / tile_pixels(r));
}

/* Pieces that the weight gradient's sum is cut into, a fixed number for a shape. */
static int chunks(const bf_run *r) {
  int64_t weights = patch(r) * r->out.c;
  int64_t most = weights > (1 << 20) ? 2 : weights > (1 << 18) ? 4 : most_chunks;
  int64_t images = r->n;
  if (choose(r) == POINTWISE) {
    images = ((int64_t)r->n * r->out.h * r->out.w + 1023) / 1024;
    if (images < 2 && (int64_t)r->n * r->out.h * r->out.w >= 128) images = 2;
  }
  return (int)(images < most ? images : most);
}

static int64_t scratch(const bf_run *r, int threads) {
  if (r->kernels->plain) return 0;
  int64_t columns = choose(r) == POINTWISE ? 0 : tile_pixels(r) * patch(r);
  int64_t partial = patch(r) * r->out.c * most_chunks;
  int64_t bias = (int64_t)most_chunks * r->out.c;
  return columns * threads + (r->training ? partial + bias : 0) + 64;
}

static float *thread_columns(const bf_run *r, int thread) {
  return r->scratch + (int64_t)thread * tile_pixels(r) * patch(r);
}

static float *partials(const bf_run *r) {
  int64_t columns = choose(r) == POINTWISE ? 0 : tile_pixels(r) * patch(r);
  return r->scratch + columns * bf_pool_threads(r->pool);
}

static void fill_bias(float *y, const float *bias, int64_t rows, int c) {
  for (int64_t i = 0; i < rows; i++) memcpy(y + i * c, bias, (size_t)c * sizeof(float));
}

/* ---- pointwise ---- */

static void pointwise_forward(void *argument, int64_t first, int64_t count, int slice, int thread) {
  (void)slice, (void)thread;
  bf_run *r = argument;
  int in = r->in[0].c, out = r->out.c;
  const bf_param *bias = bf_run_param(r, 1);
  if (bias != NULL) fill_bias(r->y + first * out, bias->data, count, out);
  bf_gemm(false, false, count, out, in, 1, r->x[0] + first * in, in, bf_run_param(r, 0)->data, out, bias != NULL,
          r->y + first * out, out);
}

static void pointwise_data(void *argument, int64_t first, int64_t count, int slice, int thread) {
  (void)slice, (void)thread;
  bf_run *r = argument;
  int in = r->in[0].c, out = r->out.c;
  bf_gemm(false, true, count, in, out, 1, r->dy + first * out, out, bf_run_param(r, 0)->data, out, r->add[0],
          r->dx[0] + first * in, in);
}

/* ---- through im2col ---- */

typedef struct tile {
  int image, first, count;
} tile;

static tile tile_of(const bf_run *r, int task) {
  int per = tiles_an_image(r), pixels = tile_pixels(r), all = r->out.h * r->out.w;
  tile t = {task / per, task % per * pixels, pixels};
  if (t.first + t.count > all) t.count = all - t.first;
  return t;
}

/* In scoring no slice crosses pictures: a picture's bits must not hang on its place in the batch, because after a kill
 * batches begin elsewhere. */
static void pointwise_tile(void *argument, int task, int thread) {
  const bf_run *r = argument;
  tile t = tile_of(r, task);
  pointwise_forward(argument, (int64_t)t.image * r->out.h * r->out.w + t.first, t.count, 0, thread);
}

static void im2col_tile(const bf_run *r, float *columns, tile t) {
  bf_window g = window(r);
  r->kernels->im2col(columns, r->x[0] + t.image * bf_elements(r->in[0]), &g, t.first, t.count);
}

static void im2col_forward(void *argument, int task, int thread) {
  bf_run *r = argument;
  tile t = tile_of(r, task);
  float *columns = thread_columns(r, thread);
  im2col_tile(r, columns, t);
  const bf_param *bias = bf_run_param(r, 1);
  float *y = r->y + t.image * bf_elements(r->out) + (int64_t)t.first * r->out.c;
  if (bias != NULL) fill_bias(y, bias->data, t.count, r->out.c);
  bf_gemm(false, false, t.count, r->out.c, patch(r), 1, columns, patch(r), bf_run_param(r, 0)->data, r->out.c,
          bias != NULL, y, r->out.c);
}

/* Patches of neighbouring tiles overlap in dx, so one task takes a whole image. */
static void im2col_data(void *argument, int task, int thread) {
  bf_run *r = argument;
  bf_window g = window(r);
  float *columns = thread_columns(r, thread), *dx = r->dx[0] + task * bf_elements(r->in[0]);
  if (!r->add[0]) memset(dx, 0, (size_t)bf_elements(r->in[0]) * sizeof(float));
  for (int k = 0; k < tiles_an_image(r); k++) {
    tile t = tile_of(r, task * tiles_an_image(r) + k);
    const float *dy = r->dy + t.image * bf_elements(r->out) + (int64_t)t.first * r->out.c;
    bf_gemm(false, true, t.count, patch(r), r->out.c, 1, dy, r->out.c, bf_run_param(r, 0)->data, r->out.c, 0, columns,
            patch(r));
    r->kernels->col2im(dx, columns, &g, t.first, t.count);
  }
}

/* ---- weight gradient: partial sums over a fixed cut, then added in order ---- */

static void bias_partial(const bf_run *r, int chunk, int64_t first, int64_t rows) {
  if (!bf_run_trains(r, 1)) return;
  float *sum = partials(r) + patch(r) * r->out.c * most_chunks + (int64_t)chunk * r->out.c;
  r->kernels->norm_sums(sum, NULL, r->dy + first * r->out.c, NULL, NULL, NULL, rows, r->out.c);
}

static void weight_chunk(void *argument, int task, int thread) {
  bf_run *r = argument;
  int count = chunks(r), out = r->out.c;
  float *sum = partials(r) + task * patch(r) * out;
  if (choose(r) == POINTWISE) {
    int64_t rows = (int64_t)r->n * r->out.h * r->out.w, first = rows * task / count, last = rows * (task + 1) / count;
    bf_gemm(true, false, patch(r), out, last - first, 1, r->x[0] + first * r->in[0].c, r->in[0].c, r->dy + first * out,
            out, 0, sum, out);
    bias_partial(r, task, first, last - first);
    return;
  }
  int from = (int)((int64_t)r->n * task / count), to = (int)((int64_t)r->n * (task + 1) / count);
  float beta = 0;
  for (int k = from * tiles_an_image(r); k < to * tiles_an_image(r); k++) {
    tile t = tile_of(r, k);
    float *columns = thread_columns(r, thread);
    im2col_tile(r, columns, t);
    const float *dy = r->dy + t.image * bf_elements(r->out) + (int64_t)t.first * out;
    bf_gemm(true, false, patch(r), out, t.count, 1, columns, patch(r), dy, out, beta, sum, out);
    beta = 1;
  }
  int64_t pixels = (int64_t)r->out.h * r->out.w;
  bias_partial(r, task, from * pixels, (to - from) * pixels);
}

static void add_partials(void *argument, int64_t first, int64_t count, int slice, int thread) {
  (void)slice, (void)thread;
  bf_run *r = argument;
  float *gradient = bf_run_param(r, 0)->gradient + first;
  int64_t size = patch(r) * r->out.c;
  memcpy(gradient, partials(r) + first, (size_t)count * sizeof(float));
  for (int k = 1; k < chunks(r); k++) r->kernels->add(gradient, gradient, partials(r) + k * size + first, count);
}

static void add_bias_partials(const bf_run *r) {
  float *gradient = bf_run_param(r, 1)->gradient;
  const float *sums = partials(r) + patch(r) * r->out.c * most_chunks;
  memcpy(gradient, sums, (size_t)r->out.c * sizeof(float));
  for (int k = 1; k < chunks(r); k++) r->kernels->add(gradient, gradient, sums + (int64_t)k * r->out.c, r->out.c);
}

/* ---- the plain twin: direct loops ---- */

static void direct(const bf_run *r, int image, bool data, bool weight) {
  bf_window g = window(r);
  int out = r->out.c;
  const float *x = r->x[0] + image * bf_elements(r->in[0]), *w = bf_run_param(r, 0)->data;
  float *dw = weight ? bf_run_param(r, 0)->gradient : NULL,
        *dx = data ? r->dx[0] + image * bf_elements(r->in[0]) : NULL;
  for (int oy = 0; oy < g.oh; oy++)
    for (int ox = 0; ox < g.ow; ox++)
      for (int ky = 0; ky < g.kernel; ky++)
        for (int kx = 0; kx < g.kernel; kx++) {
          int iy = oy * g.stride - g.padding + ky, ix = ox * g.stride - g.padding + kx;
          if (iy < 0 || iy >= g.h || ix < 0 || ix >= g.w) continue;
          int64_t from = ((int64_t)iy * g.w + ix) * g.c, tap = (int64_t)(ky * g.kernel + kx) * g.c;
          int64_t to = image * bf_elements(r->out) + ((int64_t)oy * g.ow + ox) * out;
          for (int c = 0; c < g.c; c++)
            for (int k = 0; k < out; k++) {
              if (dw != NULL) dw[(tap + c) * out + k] += x[from + c] * r->dy[to + k];
              if (dx != NULL) dx[from + c] += w[(tap + c) * out + k] * r->dy[to + k];
              if (dw == NULL && dx == NULL) r->y[to + k] += x[from + c] * w[(tap + c) * out + k];
            }
        }
}

static void direct_forward(bf_run *r) {
  const bf_param *bias = bf_run_param(r, 1);
  int64_t rows = (int64_t)r->n * r->out.h * r->out.w;
  memset(r->y, 0, (size_t)(rows * r->out.c) * sizeof(float));
  if (bias != NULL) fill_bias(r->y, bias->data, rows, r->out.c);
  for (int i = 0; i < r->n; i++) direct(r, i, false, false);
}

static void direct_backward(bf_run *r) {
  bool weight = bf_run_trains(r, 0), data = r->dx[0] != NULL;
  bf_param *bias = bf_run_param(r, 1);
  if (weight) memset(bf_run_param(r, 0)->gradient, 0, (size_t)bf_run_param(r, 0)->count * sizeof(float));
  if (data && !r->add[0]) memset(r->dx[0], 0, (size_t)(r->n * bf_elements(r->in[0])) * sizeof(float));
  for (int i = 0; i < r->n && (weight || data); i++) direct(r, i, data, weight);
  if (bias != NULL && bias->trainable)
    r->kernels->norm_sums(bias->gradient, NULL, r->dy, NULL, NULL, NULL, (int64_t)r->n * r->out.h * r->out.w, r->out.c);
}

static void forward(bf_run *r) {
  int64_t rows = (int64_t)r->n * r->out.h * r->out.w;
  switch (choose(r)) {
    case POINTWISE:
      if (r->training)
        bf_slices(r->pool, pointwise_forward, r, rows, tile_rows);
      else
        bf_pool_run(r->pool, pointwise_tile, r, r->n * tiles_an_image(r));
      break;
    case IM2COL: bf_pool_run(r->pool, im2col_forward, r, r->n * tiles_an_image(r)); break;
    case DIRECT: direct_forward(r); break;
  }
}

static void backward(bf_run *r) {
  int64_t rows = (int64_t)r->n * r->out.h * r->out.w;
  algorithm way = choose(r);
  if (way == DIRECT) {
    direct_backward(r);
    return;
  }
  if (bf_run_trains(r, 0)) {
    bf_pool_run(r->pool, weight_chunk, r, chunks(r));
    bf_slices(r->pool, add_partials, r, patch(r) * r->out.c, 1 << 15);
    if (bf_run_trains(r, 1)) add_bias_partials(r);
  }
  if (r->dx[0] == NULL) return;
  if (way == POINTWISE)
    bf_slices(r->pool, pointwise_data, r, rows, tile_rows);
  else
    bf_pool_run(r->pool, im2col_data, r, r->n);
}

static int flags(const bf_node *node, bool batch_statistics) {
  (void)node, (void)batch_statistics;
  return BF_OP_READS_INPUT;
}

static double flop(const bf_run *r) { return 2.0 * (double)patch(r) * (double)bf_elements(r->out); }

const bf_op bf_op_conv = {"conv", flags, NULL, scratch, forward, backward, flop};
