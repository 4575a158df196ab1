/* Batch normalisation (Ioffe, Szegedy 2015) over batch and space. Batch statistics in training, running ones when
 * frozen or scoring. Statistics of fixed slices are joined in order (Chan, Golub, LeVeque 1983). */
#include <math.h>
#include <string.h>

#include "nn/norm.h"

enum { grain = 256 };
static const double epsilon = BF_NORM_EPSILON, momentum = 0.1;

enum { SCALE, SHIFT, MEAN, VAR };

static int64_t rows_of(const bf_run *r) { return (int64_t)r->n * r->out.h * r->out.w; }

static bool batch_statistics(const bf_run *r) {
  return r->training && (r->node->stage == BF_STAGE_HEAD || !r->frozen_norms);
}

/* A drawn chain's sum and clamp: see exec.c. */
static bool sums(const bf_node *node) { return node->inputs == 2; }
static bool clamps(const bf_node *node) { return node->top > 0; }

static int flags(const bf_node *node, bool statistics) {
  return (statistics ? BF_OP_READS_INPUT : 0) | (statistics || sums(node) ? 0 : BF_OP_IN_PLACE) |
         (sums(node) ? BF_OP_SUMS_IN_PLACE : 0) | (clamps(node) ? BF_OP_READS_OUTPUT : 0);
}

static int64_t kept(const bf_run *r) { return 2 * (int64_t)r->out.c; /* mean, inverse deviation */ }

static int64_t scratch(const bf_run *r, int threads) {
  (void)threads;
  return 4 * (int64_t)r->out.c + 2 * bf_slice_count(rows_of(r), grain) * r->out.c;
}

static void moments_slice(void *argument, int64_t first, int64_t count, int slice, int thread) {
  (void)thread;
  bf_run *r = argument;
  int c = r->out.c;
  float *part = r->scratch + 4 * (int64_t)c + 2 * (int64_t)slice * c;
  r->kernels->moments(part, part + c, r->x[0] + first * c, count, c);
}

static void join_moments(bf_run *r, int channel, double *mean, double *m2) {
  int64_t rows = rows_of(r);
  int c = r->out.c;
  double count = 0;
  *mean = *m2 = 0;
  for (int64_t s = 0; s < bf_slice_count(rows, grain); s++) {
    const float *part = r->scratch + 4 * (int64_t)c + 2 * s * c;
    double n = (double)(s * grain + grain <= rows ? grain : rows - s * grain);
    double delta = part[channel] - *mean, all = count + n;
    *m2 += part[c + channel] + delta * delta * count * n / all;
    *mean += delta * n / all;
    count = all;
  }
}

static void batch_moments(bf_run *r) {
  int64_t rows = rows_of(r);
  bf_slices(r->pool, moments_slice, r, rows, grain);
  float *running_mean = bf_run_param(r, MEAN)->data, *running_var = bf_run_param(r, VAR)->data;
  for (int k = 0; k < r->out.c; k++) {
    double mean, m2;
    join_moments(r, k, &mean, &m2);
    double unbiased = rows > 1 ? m2 / (double)(rows - 1) : m2;
    r->kept[k] = (float)mean;
    r->kept[r->out.c + k] = (float)(1 / sqrt(m2 / (double)rows + epsilon));
    running_mean[k] = (float)((1 - momentum) * running_mean[k] + momentum * mean);
    running_var[k] = (float)((1 - momentum) * running_var[k] + momentum * unbiased);
  }
}

static void running_moments(bf_run *r) {
  for (int k = 0; k < r->out.c; k++) {
    r->kept[k] = bf_run_param(r, MEAN)->data[k];
    r->kept[r->out.c + k] = (float)(1 / sqrt((double)bf_run_param(r, VAR)->data[k] + epsilon));
  }
}

static void forward_slice(void *argument, int64_t first, int64_t count, int slice, int thread) {
  (void)slice, (void)thread;
  bf_run *r = argument;
  int c = r->out.c;
  bf_finish finish = bf_finish_at(r->finish, 0, first * c);
  finish.scale = r->scratch, finish.shift = r->scratch + c;
  r->kernels->finish(r->y + first * c, r->x[0] + first * c, count, c, &finish);
}

static void again(bf_run *r) {
  int c = r->out.c;
  const float *scale = bf_run_param(r, SCALE)->data, *shift = bf_run_param(r, SHIFT)->data;
  for (int k = 0; k < c; k++) {
    r->scratch[k] = scale[k] * r->kept[c + k];
    r->scratch[c + k] = (float)(shift[k] - (double)r->kept[k] * scale[k] * r->kept[c + k]);
  }
  bf_slices(r->pool, forward_slice, r, rows_of(r), grain);
}

static void forward(bf_run *r) {
  if (batch_statistics(r))
    batch_moments(r);
  else
    running_moments(r);
  again(r);
}

/* The gradient as it was before the clamp and the sum, while it is in the cache: in dy itself, which nobody reads
 * later, and for the second summand. */
static void undo_finish(const bf_run *r, int64_t first, int64_t count) {
  int64_t at = first * r->out.c, n = count * r->out.c;
  float *dy = (float *)(uintptr_t)r->dy + at;
  if (clamps(r->node)) r->kernels->clamp_backward(dy, dy, r->y + at, n, r->node->top, false);
  if (!sums(r->node) || r->dx[1] == NULL || r->dx[1] == r->dy) return;
  if (r->add[1])
    r->kernels->add(r->dx[1] + at, r->dx[1] + at, dy, n);
  else
    memcpy(r->dx[1] + at, dy, (size_t)n * sizeof(float));
}

static void sums_slice(void *argument, int64_t first, int64_t count, int slice, int thread) {
  (void)thread;
  bf_run *r = argument;
  int c = r->out.c;
  float *part = r->scratch + 4 * (int64_t)c + 2 * (int64_t)slice * c;
  undo_finish(r, first, count);
  r->kernels->norm_sums(part, part + c, r->dy + first * c, r->x[0] + first * c, r->kept, r->kept + c, count, c);
}

static void data_slice(void *argument, int64_t first, int64_t count, int slice, int thread) {
  (void)slice, (void)thread;
  bf_run *r = argument;
  int c = r->out.c;
  r->kernels->norm_data(r->dx[0] + first * c, r->dy + first * c, r->x[0] + first * c, r->scratch, r->scratch + c,
                        r->scratch + 2 * c, count, c, r->add[0]);
}

static void scale_slice(void *argument, int64_t first, int64_t count, int slice, int thread) {
  (void)slice, (void)thread;
  bf_run *r = argument;
  int c = r->out.c;
  undo_finish(r, first, count);
  if (r->dx[0] != NULL) r->kernels->scale(r->dx[0] + first * c, r->dy + first * c, r->scratch, count, c, r->add[0]);
}

/* With xhat = (x - mean) inverse: dx = scale inverse (dy - mean(dy) - xhat mean(dy xhat)), written as a dy + b x + d.
 */
static void backward(bf_run *r) {
  int64_t rows = rows_of(r);
  int c = r->out.c;
  const float *scale = bf_run_param(r, SCALE)->data, *mean = r->kept, *inverse = r->kept + c;
  if (!batch_statistics(r)) {
    for (int k = 0; k < c; k++) r->scratch[k] = scale[k] * inverse[k];
    bf_slices(r->pool, scale_slice, r, rows, grain);
    return;
  }
  bf_slices(r->pool, sums_slice, r, rows, grain);
  for (int k = 0; k < c; k++) {
    double dy = 0, dyx = 0;
    for (int64_t s = 0; s < bf_slice_count(rows, grain); s++) {
      const float *part = r->scratch + 4 * (int64_t)c + 2 * s * c;
      dy += part[k];
      dyx += part[c + k];
    }
    if (bf_run_trains(r, SCALE)) bf_run_param(r, SCALE)->gradient[k] = (float)dyx;
    if (bf_run_trains(r, SHIFT)) bf_run_param(r, SHIFT)->gradient[k] = (float)dy;
    double a = (double)scale[k] * inverse[k], b = -a * inverse[k] * dyx / (double)rows;
    r->scratch[k] = (float)a;
    r->scratch[c + k] = (float)b;
    r->scratch[2 * c + k] = (float)(-a * dy / (double)rows - b * mean[k]);
  }
  if (r->dx[0] != NULL) bf_slices(r->pool, data_slice, r, rows, grain);
}

const bf_op bf_op_norm = {.name = "norm",
                          .flags = flags,
                          .kept = kept,
                          .scratch = scratch,
                          .forward = forward,
                          .again = again,
                          .backward = backward};

void bf_norm_factors(bf_graph *graph, const bf_node *norm, float *to_scale, float *to_shift) {
  const float *scale = bf_graph_param(graph, norm->param[SCALE])->data,
              *shift = bf_graph_param(graph, norm->param[SHIFT])->data,
              *mean = bf_graph_param(graph, norm->param[MEAN])->data,
              *var = bf_graph_param(graph, norm->param[VAR])->data;
  for (int k = 0; k < norm->shape.c; k++) {
    float inverse = (float)(1 / sqrt((double)var[k] + epsilon));
    to_scale[k] = scale[k] * inverse;
    to_shift[k] = (float)(shift[k] - (double)mean[k] * scale[k] * inverse);
  }
}

void bf_norm_collect(bf_run *r, double *mean, double *m2, double *count) {
  double rows = (double)rows_of(r);
  bf_slices(r->pool, moments_slice, r, rows_of(r), grain);
  for (int k = 0; k < r->out.c; k++) {
    double now_mean, now_m2;
    join_moments(r, k, &now_mean, &now_m2);
    double delta = now_mean - mean[k], all = count[k] + rows;
    m2[k] += now_m2 + delta * delta * count[k] * rows / all;
    mean[k] += delta * rows / all;
    count[k] = all;
  }
}

void bf_norm_replace(bf_run *r, const double *mean, const double *m2, const double *count) {
  float *scale = bf_run_param(r, SCALE)->data, *shift = bf_run_param(r, SHIFT)->data;
  float *old_mean = bf_run_param(r, MEAN)->data, *old_var = bf_run_param(r, VAR)->data;
  for (int k = 0; k < r->out.c; k++) {
    if (count[k] < 2) continue;
    double var = m2[k] / count[k], slope = scale[k] / sqrt((double)old_var[k] + epsilon);
    scale[k] = (float)(slope * sqrt(var + epsilon));
    shift[k] = (float)(shift[k] + slope * (mean[k] - old_mean[k]));
    old_mean[k] = (float)mean[k];
    old_var[k] = (float)var;
  }
}
