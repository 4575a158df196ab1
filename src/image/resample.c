/* Each axis is a sparse matrix: of each destination pixel the first source pixel and its weights, which join the
 * Gaussian and the interpolation. Rows first: whole lines are summed, in vectors, and the second pass is smaller. */
#include "image/resample.h"

#include <math.h>
#include <string.h>

#include "base/memory.h"

typedef struct axis {
  int count, taps; /* destination pixels; weights of each, zeros behind */
  int *first, *used;
  float *weights; /* [count][taps] */
} axis;

static const double least_shrink = 1.05, cut = 4;

static void axis_clear(axis *a) {
  bf_free(a->first);
  bf_free(a->used);
  bf_free(a->weights);
}

static double sigma_of(double shrink, int source) {
  return shrink > least_shrink && source > 4 ? 0.45 * sqrt(shrink * shrink - 1) : 0;
}

/* Adds `share` of a Gaussian about source pixel `centre`; what would lie outside goes to the edge. */
static void add_gaussian(float *weights, int first, int centre, int source, double sigma, double share) {
  int reach = (int)ceil(cut * sigma);
  double sum = 0;
  for (int d = -reach; d <= reach; d++) sum += sigma > 0 ? exp(-0.5 * d * d / (sigma * sigma)) : 1;
  for (int d = -reach; d <= reach; d++) {
    int i = centre + d < 0 ? 0 : centre + d >= source ? source - 1 : centre + d;
    weights[i - first] += (float)(share * (sigma > 0 ? exp(-0.5 * d * d / (sigma * sigma)) : 1) / sum);
  }
}

/* Destination pixel x lies at source position scale*x + shift, centres at whole numbers. */
static void fill(axis *a, int x, double position, int source, double sigma) {
  int reach = (int)ceil(cut * sigma), low = (int)floor(position), high = low + 1;
  double part = position - low;
  if (position < -0.5 || position >= source - 0.5) return;
  low = low < 0 ? 0 : low;
  high = high >= source ? source - 1 : high;
  int first = low - reach < 0 ? 0 : low - reach, last = high + reach >= source ? source - 1 : high + reach;
  float *weights = a->weights + (size_t)x * (size_t)a->taps;
  a->first[x] = first;
  a->used[x] = last - first + 1;
  add_gaussian(weights, first, low, source, sigma, 1 - part);
  add_gaussian(weights, first, high, source, sigma, part);
}

static bf_status axis_make(axis *a, int count, int source, double scale, double shift, bf_error *err) {
  double sigma = sigma_of(fabs(scale), source);
  *a = (axis){.count = count, .taps = 2 * (int)ceil(cut * sigma) + 2};
  a->first = bf_alloc((size_t)count, sizeof *a->first);
  a->used = bf_alloc((size_t)count, sizeof *a->used);
  a->weights = bf_alloc((size_t)count * (size_t)a->taps, sizeof *a->weights);
  if (a->first == NULL || a->used == NULL || a->weights == NULL)
    return bf_fail(err, BF_E_MEMORY, "no memory to resample");
  for (int x = 0; x < count; x++) fill(a, x, scale * x + shift, source, sigma);
  return BF_OK;
}

static void sum_rows(float *restrict line, const axis *vertical, int y, const float *src, int columns) {
  const float *weights = vertical->weights + (size_t)y * (size_t)vertical->taps;
  memset(line, 0, (size_t)columns * sizeof *line);
  for (int k = 0; k < vertical->used[y]; k++) {
    const float *restrict from = src + (size_t)(vertical->first[y] + k) * (size_t)columns;
    float weight = weights[k];
    for (int x = 0; x < columns; x++) line[x] += weight * from[x];
  }
}

static void sum_columns(float *restrict dst, const axis *horizontal, const float *restrict line) {
  for (int x = 0; x < horizontal->count; x++) {
    const float *weights = horizontal->weights + (size_t)x * (size_t)horizontal->taps,
                *from = line + horizontal->first[x];
    float sum = 0;
    for (int k = 0; k < horizontal->used[x]; k++) sum += weights[k] * from[k];
    dst[x] = sum;
  }
}

bf_status bf_image_resample(float *dst, int dst_columns, int dst_rows, const float *src, int columns, int rows,
                            bf_affine to_dst, bf_error *err) {
  bf_affine back;
  axis horizontal = {0}, vertical = {0};
  if (to_dst.m[1] != 0 || to_dst.m[3] != 0 || !bf_affine_invert(&back, to_dst))
    return bf_fail(err, BF_E_INTERNAL, "resampling by a map that turns, or that cannot be inverted");
  /* Pixels' centres lie at +0.5, the axes' at whole numbers. */
  bf_status status = axis_make(&horizontal, dst_columns, columns, back.m[0], 0.5 * back.m[0] + back.m[2] - 0.5, err);
  if (status == BF_OK) status = axis_make(&vertical, dst_rows, rows, back.m[4], 0.5 * back.m[4] + back.m[5] - 0.5, err);
  float *line = bf_alloc_raw((size_t)columns, sizeof *line);
  if (status == BF_OK && line == NULL) status = bf_fail(err, BF_E_MEMORY, "no memory to resample");
  for (int y = 0; y < dst_rows && status == BF_OK; y++) {
    sum_rows(line, &vertical, y, src, columns);
    sum_columns(dst + (size_t)y * (size_t)dst_columns, &horizontal, line);
  }
  bf_free(line);
  axis_clear(&horizontal);
  axis_clear(&vertical);
  return status;
}
