/* Convolution: which way it is run for a shape, its weights in the form that this way reads, and the bias. The ways
 * themselves are conv_slide.c and conv_winograd.c; the plain twin stands here. */
#include <string.h>

#include "nn/conv.h"
#include "nn/op.h"

typedef enum algorithm { SLIDE, WINOGRAD2, WINOGRAD4, DIRECT } algorithm;

/* Multiplications a cycle and core against what memory brings in that time: rough figures of current processors, for
 * choosing alone. */
static const double fused_a_cycle = 29, bytes_a_cycle = 12;

static double slide_cycles(const bf_run *r, double images) {
  double in = r->in[0].c, out = r->out.c;
  return images * r->out.h * r->out.w * 9 * in * out / fused_a_cycle + 9 * in * out * 4 / bytes_a_cycle;
}

static double winograd_cycles(const bf_run *r, const bf_winograd_form *form, double images) {
  double in = r->in[0].c, out = r->out.c, across = (r->out.w + form->tile - 1) / form->tile,
         down = (r->out.h + form->tile - 1) / form->tile, transform = 3.6 * form->points / 16;
  return images * across * down * (form->points * in * out / fused_a_cycle + (in + out) * transform) +
         form->points * in * out * 4 / bytes_a_cycle;
}

/* Scoring must not hang on the batch, so it is judged as if for one image. */
static algorithm choose(const bf_run *r) {
  const bf_node *node = r->node;
  if (r->kernels->plain) return DIRECT;
  if (node->kernel != 3 || node->stride != 1 || node->padding > 2 || r->in[0].c < 16 || r->out.c < 16) return SLIDE;
  double images = r->trains ? r->capacity : 1, slide = slide_cycles(r, images),
         two = winograd_cycles(r, &r->kernels->winograd2, images),
         four = winograd_cycles(r, &r->kernels->winograd4, images);
  if (slide <= two && slide <= four) return SLIDE;
  return two < four ? WINOGRAD2 : WINOGRAD4;
}

/* NULL for the other ways. */
static const bf_winograd_form *form_of(const bf_run *r) {
  algorithm way = choose(r);
  return way == WINOGRAD2 ? &r->kernels->winograd2 : way == WINOGRAD4 ? &r->kernels->winograd4 : NULL;
}

static bf_map map_of(bf_shape s) { return (bf_map){s.h, s.w, s.c}; }

static int64_t taps(const bf_run *r) { return (int64_t)r->node->kernel * r->node->kernel; }
static int64_t patch(const bf_run *r) { return taps(r) * r->in[0].c; }

/* ---- weights as the product reads them ---- */

/* Floats of the forward weights; the data gradient's are [out][in] a tap. */
static int64_t packed_size(const bf_run *r, bool data) {
  int64_t in = data ? r->out.c : r->in[0].c, out = data ? r->in[0].c : r->out.c;
  const bf_winograd_form *form = form_of(r);
  return (form != NULL ? form->points : taps(r)) * bf_packed(r->kernels, in, out);
}

/* Winograd's nine taps before they are transformed. */
static int64_t taps_size(const bf_run *r) {
  if (form_of(r) == NULL) return 0;
  int64_t there = bf_packed(r->kernels, r->in[0].c, r->out.c), back = bf_packed(r->kernels, r->out.c, r->in[0].c);
  return 9 * (there > back ? there : back);
}

typedef struct pack_job {
  const bf_run *r;
  float *dst;
  bool data;
  int first_y, first_x, step, high, wide; /* taps (first - i*step) in each direction, for the data gradient */
} pack_job;

/* One tap; for a slide it becomes rows of the panels that all taps share. */
static void pack_task(void *argument, int task, int thread) {
  (void)thread;
  const pack_job *j = argument;
  const bf_run *r = j->r;
  int64_t in = r->in[0].c, out = r->out.c, k = j->data ? out : in, n = j->data ? in : out;
  int y = j->data ? j->first_y - task / j->wide * j->step : task / j->wide,
      x = j->data ? j->first_x - task % j->wide * j->step : task % j->wide;
  const float *w = bf_run_param(r, 0)->data + ((int64_t)y * r->node->kernel + x) * in * out;
  bool apart = form_of(r) != NULL;
  r->kernels->pack(j->dst + task * k * (apart ? bf_packed(r->kernels, 1, n) : r->kernels->panel), w, out, j->data, k, n,
                   apart ? k : (int64_t)j->high * j->wide * k);
}

static void pack_forward(const bf_run *r, float *dst, float *spare) {
  int kernel = r->node->kernel;
  const bf_winograd_form *form = form_of(r);
  pack_job j = {r, form != NULL ? spare : dst, false, 0, 0, 1, kernel, kernel};
  bf_pool_run(r->pool, pack_task, &j, kernel * kernel);
  if (form != NULL) bf_winograd_transform(form, r->pool, dst, spare, bf_packed(r->kernels, r->in[0].c, r->out.c));
}

/* ---- the jobs ---- */

static bf_slide slide_forward(const bf_run *r) {
  const bf_node *node = r->node;
  return (bf_slide){.kernels = r->kernels,
                    .pool = r->pool,
                    .n = r->n,
                    .in = map_of(r->in[0]),
                    .out = map_of(r->out),
                    .src = r->x[0],
                    .dst = r->y,
                    .top = -node->padding,
                    .left = -node->padding,
                    .step = node->stride,
                    .high = node->kernel,
                    .wide = node->kernel,
                    .rows = r->out.h,
                    .cols = r->out.w,
                    .dst_step = 1};
}

/* The taps that reach input rows first, first + stride, ..: ky = (first + padding) mod stride, and on in strides. */
typedef struct residue {
  int taps, tap; /* the highest tap, which is read first */
  int start;     /* of the window in the gradient */
  int count;     /* of input rows */
} residue;

static residue residue_of(const bf_node *node, int first, int size) {
  int low = (first + node->padding) % node->stride;
  residue s = {low < node->kernel ? (node->kernel - low + node->stride - 1) / node->stride : 0, 0, 0, 0};
  s.tap = low + (s.taps - 1) * node->stride;
  s.start = (first + node->padding - low) / node->stride - (s.taps - 1);
  s.count = first < size ? (size - first + node->stride - 1) / node->stride : 0;
  return s;
}

static bf_slide slide_data(const bf_run *r, residue y, residue x, int first_y, int first_x) {
  return (bf_slide){.kernels = r->kernels,
                    .pool = r->pool,
                    .n = r->n,
                    .in = map_of(r->out),
                    .out = map_of(r->in[0]),
                    .src = r->dy,
                    .dst = r->dx[0],
                    .top = y.start,
                    .left = x.start,
                    .step = 1,
                    .high = y.taps,
                    .wide = x.taps,
                    .rows = y.count,
                    .cols = x.count,
                    .dst_top = first_y,
                    .dst_left = first_x,
                    .dst_step = r->node->stride,
                    .add = r->add[0]};
}

static bf_winograd winograd_forward(const bf_run *r) {
  return (bf_winograd){.kernels = r->kernels,
                       .form = form_of(r),
                       .pool = r->pool,
                       .n = r->n,
                       .in = map_of(r->in[0]),
                       .out = map_of(r->out),
                       .padding = r->node->padding,
                       .src = r->x[0],
                       .dst = r->y};
}

/* The correlation of the output's gradient with the filters turned by half a turn. */
static bf_winograd winograd_data(const bf_run *r) {
  return (bf_winograd){.kernels = r->kernels,
                       .form = form_of(r),
                       .pool = r->pool,
                       .n = r->n,
                       .in = map_of(r->out),
                       .out = map_of(r->in[0]),
                       .padding = 2 - r->node->padding,
                       .src = r->dy,
                       .dst = r->dx[0],
                       .add = r->add[0]};
}

/* ---- memory: packed weights, taps, then the way's own; or the partial sums of the bias ---- */

enum { most_bias_parts = 64 };

static int64_t round16(int64_t floats) { return (floats + 15) / 16 * 16; }

static int64_t most(int64_t a, int64_t b) { return a > b ? a : b; }

static int64_t scratch(const bf_run *r, int threads) {
  if (r->kernels->plain) return r->out.c; /* sums of a pixel */
  bool packs = r->prepared == NULL;
  int64_t packed = packs ? round16(packed_size(r, false)) : 0, spare = packs ? round16(taps_size(r)) : 0;
  int64_t work, back = 0;
  if (form_of(r) != NULL) {
    bf_winograd there = winograd_forward(r), data = winograd_data(r);
    work = bf_winograd_scratch(&there, threads);
    if (r->trains)
      back = most(round16(packed_size(r, true)) + spare + bf_winograd_scratch(&data, threads),
                  bf_winograd_weight_scratch(&there));
  } else {
    bf_slide there = slide_forward(r);
    work = bf_slide_scratch(&there, threads);
    for (int i = 0; r->trains && i < r->node->stride * r->node->stride; i++) {
      int y = i / r->node->stride, x = i % r->node->stride;
      bf_slide data = slide_data(r, residue_of(r->node, y, r->in[0].h), residue_of(r->node, x, r->in[0].w), y, x);
      if (data.high == 0 || data.wide == 0 || data.rows <= 0 || data.cols <= 0) continue;
      back = most(back, round16(packed_size(r, true)) + bf_slide_scratch(&data, threads));
    }
    if (r->trains) back = most(back, bf_slide_weight_scratch(&there));
  }
  return most(most(packed + spare + work, back), (int64_t)most_bias_parts * r->out.c) + 64;
}

static int64_t prepared(const bf_run *r) { return r->kernels->plain ? 0 : round16(packed_size(r, false)); }

static void prepare(bf_run *r) { pack_forward(r, r->prepared, r->scratch); }

/* ---- the plain twin: direct loops ---- */

/* Taps of one output pixel that lie inside: use(.., floats before the input pixel, before the tap's weights). */
typedef void (*use_tap)(const bf_run *r, int64_t from, int64_t weights, const float *dy, float *sums);

static void over_taps(const bf_run *r, int image, int oy, int ox, use_tap use, const float *dy, float *sums) {
  bf_window g = bf_run_window(r);
  for (int ky = 0; ky < g.kernel; ky++)
    for (int kx = 0; kx < g.kernel; kx++) {
      int iy = oy * g.stride - g.padding + ky, ix = ox * g.stride - g.padding + kx;
      if (iy < 0 || iy >= g.h || ix < 0 || ix >= g.w) continue;
      use(r, image * bf_elements(r->in[0]) + ((int64_t)iy * g.w + ix) * g.c,
          (int64_t)(ky * g.kernel + kx) * g.c * r->out.c, dy, sums);
    }
}

static void tap_forward(const bf_run *r, int64_t from, int64_t weights, const float *dy, float *sums) {
  (void)dy;
  const float *w = bf_run_param(r, 0)->data + weights;
  for (int c = 0; c < r->in[0].c; c++)
    for (int k = 0; k < r->out.c; k++) sums[k] += r->x[0][from + c] * w[c * r->out.c + k];
}

static void tap_weight(const bf_run *r, int64_t from, int64_t weights, const float *dy, float *sums) {
  (void)sums;
  float *dw = bf_run_param(r, 0)->gradient + weights;
  for (int c = 0; c < r->in[0].c; c++)
    for (int k = 0; k < r->out.c; k++) dw[c * r->out.c + k] += r->x[0][from + c] * dy[k];
}

static void tap_data(const bf_run *r, int64_t from, int64_t weights, const float *dy, float *sums) {
  (void)sums;
  const float *w = bf_run_param(r, 0)->data + weights;
  for (int c = 0; c < r->in[0].c; c++)
    for (int k = 0; k < r->out.c; k++) r->dx[0][from + c] += w[c * r->out.c + k] * dy[k];
}

static void direct_forward(bf_run *r) {
  const bf_param *bias = bf_run_param(r, 1);
  int out = r->out.c;
  size_t bytes = (size_t)out * sizeof(float);
  for (int i = 0; i < r->n; i++)
    for (int oy = 0; oy < r->out.h; oy++)
      for (int ox = 0; ox < r->out.w; ox++) {
        int64_t at = i * bf_elements(r->out) + ((int64_t)oy * r->out.w + ox) * out;
        memset(r->scratch, 0, bytes);
        if (r->finish == NULL && bias != NULL) memcpy(r->scratch, bias->data, bytes);
        over_taps(r, i, oy, ox, tap_forward, NULL, r->scratch);
        if (r->finish != NULL) {
          bf_finish finish = bf_finish_at(r->finish, 0, at);
          r->kernels->finish(r->scratch, r->scratch, 1, out, &finish);
        }
        memcpy(r->y + at, r->scratch, bytes);
      }
}

static void direct_gradient(bf_run *r, use_tap use) {
  for (int i = 0; i < r->n; i++)
    for (int oy = 0; oy < r->out.h; oy++)
      for (int ox = 0; ox < r->out.w; ox++)
        over_taps(r, i, oy, ox, use, r->dy + i * bf_elements(r->out) + ((int64_t)oy * r->out.w + ox) * r->out.c, NULL);
}

static void direct_backward(bf_run *r) {
  bool weight = bf_run_trains(r, 0), data = r->dx[0] != NULL;
  bf_param *bias = bf_run_param(r, 1);
  if (weight) memset(bf_run_param(r, 0)->gradient, 0, (size_t)bf_run_param(r, 0)->count * sizeof(float));
  if (data && !r->add[0]) memset(r->dx[0], 0, (size_t)(r->n * bf_elements(r->in[0])) * sizeof(float));
  if (weight) direct_gradient(r, tap_weight);
  if (data) direct_gradient(r, tap_data);
  if (bias != NULL && bias->trainable)
    r->kernels->norm_sums(bias->gradient, NULL, r->dy, NULL, NULL, NULL, (int64_t)r->n * r->out.h * r->out.w, r->out.c);
}

/* ---- forward and backward ---- */

static void forward(bf_run *r) {
  algorithm way = choose(r);
  if (way == DIRECT) {
    direct_forward(r);
    return;
  }
  const bf_param *bias = bf_run_param(r, 1);
  bf_finish with_bias = {.shift = bias != NULL ? bias->data : NULL};
  const bf_finish *finish = r->finish != NULL ? r->finish : bias != NULL ? &with_bias : NULL;
  float *packed = r->prepared, *work = r->scratch;
  if (packed == NULL) {
    packed = r->scratch;
    work += round16(packed_size(r, false));
    pack_forward(r, packed, work);
  }
  if (way == WINOGRAD2 || way == WINOGRAD4) {
    bf_winograd s = winograd_forward(r);
    s.u = packed, s.finish = finish, s.scratch = work;
    bf_winograd_run(&s);
    return;
  }
  bf_slide s = slide_forward(r);
  s.packed = packed, s.finish = finish, s.scratch = work;
  bf_slide_run(&s);
}

static void backward_data(bf_run *r) {
  float *packed = r->scratch, *work = packed + round16(packed_size(r, true));
  int kernel = r->node->kernel, stride = r->node->stride;
  if (form_of(r) != NULL) {
    bf_winograd s = winograd_data(r);
    pack_job j = {r, work, true, 2, 2, 1, kernel, kernel};
    bf_pool_run(r->pool, pack_task, &j, kernel * kernel);
    bf_winograd_transform(s.form, r->pool, packed, work, bf_packed(r->kernels, r->out.c, r->in[0].c));
    s.u = packed, s.scratch = work;
    bf_winograd_run(&s);
    return;
  }
  for (int i = 0; i < stride * stride; i++) {
    residue y = residue_of(r->node, i / stride, r->in[0].h), x = residue_of(r->node, i % stride, r->in[0].w);
    bf_slide s = slide_data(r, y, x, i / stride, i % stride);
    if (y.taps > 0 && x.taps > 0) {
      pack_job j = {r, packed, true, y.tap, x.tap, stride, y.taps, x.taps};
      bf_pool_run(r->pool, pack_task, &j, y.taps * x.taps);
    }
    s.packed = packed, s.scratch = work;
    bf_slide_run(&s);
  }
}

typedef struct bias_job {
  const bf_run *r;
  int parts;
} bias_job;

static void bias_task(void *argument, int task, int thread) {
  (void)thread;
  const bias_job *j = argument;
  const bf_run *r = j->r;
  bf_range rows = bf_part((int64_t)r->n * r->out.h * r->out.w, 1, task, j->parts);
  r->kernels->norm_sums(r->scratch + (int64_t)task * r->out.c, NULL, r->dy + rows.first * r->out.c, NULL, NULL, NULL,
                        rows.count, r->out.c);
}

/* Sums of a fixed cut, added in order. */
static void backward_bias(const bf_run *r) {
  int64_t rows = (int64_t)r->n * r->out.h * r->out.w, parts = (rows + 1023) / 1024;
  bias_job j = {r, (int)(parts < most_bias_parts ? parts : most_bias_parts)};
  bf_pool_run(r->pool, bias_task, &j, j.parts);
  float *gradient = bf_run_param(r, 1)->gradient;
  memcpy(gradient, r->scratch, (size_t)r->out.c * sizeof(float));
  for (int k = 1; k < j.parts; k++) r->kernels->add(gradient, gradient, r->scratch + (int64_t)k * r->out.c, r->out.c);
}

static void backward_weight(bf_run *r) {
  float *gradient = bf_run_param(r, 0)->gradient;
  if (form_of(r) != NULL) {
    bf_winograd s = winograd_forward(r);
    s.dst = (float *)(uintptr_t)r->dy, s.scratch = r->scratch;
    bf_winograd_weight(&s, gradient);
    return;
  }
  bf_slide s = slide_forward(r);
  s.dst = (float *)(uintptr_t)r->dy, s.scratch = r->scratch;
  bf_slide_weight(&s, gradient);
}

static void backward(bf_run *r) {
  if (choose(r) == DIRECT) {
    direct_backward(r);
    return;
  }
  if (bf_run_trains(r, 0)) backward_weight(r);
  if (bf_run_trains(r, 1)) backward_bias(r);
  if (r->dx[0] != NULL) backward_data(r);
}

static int flags(const bf_node *node, bool batch_statistics) {
  (void)node, (void)batch_statistics;
  return BF_OP_READS_INPUT | BF_OP_FINISHES | BF_OP_SUMS_IN_PLACE;
}

static double flop(const bf_run *r) { return 2.0 * (double)patch(r) * (double)bf_elements(r->out); }

const bf_op bf_op_conv = {.name = "conv",
                          .flags = flags,
                          .scratch = scratch,
                          .prepared = prepared,
                          .prepare = prepare,
                          .forward = forward,
                          .backward = backward,
                          .flop = flop};
