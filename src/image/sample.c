/* Sampling a prepared picture through a warp. */
#include "image/sample.h"

#include <math.h>
#include <string.h>

#include "image/sample_line.h"
#include "image/warp_line.h"

static inline float tap(const uint16_t *p, int columns, int rows, int x, int y) {
  return x >= 0 && y >= 0 && x < columns && y < rows ? p[(int64_t)y * columns + x] : 0.0f;
}

/* Bilinear value at (x, y), pixel centres at +0.5, zero outside. Units of 1/65535. */
static inline float bilinear(const uint16_t *p, int columns, int rows, double x, double y) {
  x -= 0.5;
  y -= 0.5;
  if (!(x > -1 && y > -1 && x < columns && y < rows)) return 0;
  int x0 = (int)(x + 1) - 1, y0 = (int)(y + 1) - 1; /* floor for values above -1 */
  float fx = (float)(x - x0), fy = (float)(y - y0);
  if (x0 >= 0 && y0 >= 0 && x0 + 1 < columns && y0 + 1 < rows) {
    const uint16_t *q = p + (int64_t)y0 * columns + x0;
    float top = q[0] + fx * ((float)q[1] - q[0]), bottom = q[columns] + fx * ((float)q[columns + 1] - q[columns]);
    return top + fy * (bottom - top);
  }
  float a = tap(p, columns, rows, x0, y0), b = tap(p, columns, rows, x0 + 1, y0);
  float c = tap(p, columns, rows, x0, y0 + 1), d = tap(p, columns, rows, x0 + 1, y0 + 1);
  float top = a + fx * (b - a), bottom = c + fx * (d - c);
  return top + fy * (bottom - top);
}

void bf_sample_line(float *sum, const bf_sampled *s, int x, double fraction, double y, const float *dx, const float *dy,
                    int count) {
  const double *m = s->back;
  for (int i = 0; i < count; i++) {
    double fx = x + i + fraction, fy = y;
    if (dx != NULL) fx += (double)dx[i], fy += (double)dy[i];
    sum[i] += bilinear(s->pixels, s->columns, s->rows, m[0] * fx + m[1] * fy + m[2], m[3] * fx + m[4] * fy + m[5]);
  }
}

/* The vector samplers' places of pixels are 32-bit integers. */
static bf_line_sampler *fastest(const bf_sampled *s) {
#if defined(__x86_64__)
  if (s->columns > 1 && s->rows > 1 && (int64_t)s->columns * s->rows <= INT32_MAX) {
    if (__builtin_cpu_supports("avx512f")) return bf_sample_line_avx512;
    if (__builtin_cpu_supports("avx2")) return bf_sample_line_avx2;
  }
#endif
  return bf_sample_line;
}

/* A spline's values lie between those of its control points. */
static double most_displaced(const bf_warp *w) {
  double most = 0;
  for (int y = 0; w->cell > 0 && y < w->rows + 3; y++)
    for (int x = 0; x < w->columns + 3; x++)
      most = fmax(most, fmax(fabs((double)w->dx[y][x]), fabs((double)w->dy[y][x])));
  return most;
}

/* Turned and displaced lines read a picture out of order: it comes into the second-level cache in order before, where
 * it fits. */
static void fetch(const uint16_t *pixels, int columns, int rows) {
  const size_t cache_line = 64 / sizeof *pixels, most = (768 << 10) / sizeof *pixels;
  size_t count = (size_t)columns * (size_t)rows;
  for (size_t i = 0; i < count && count <= most; i += cache_line) __builtin_prefetch(pixels + i, 0, 2);
}

void bf_sample_warped(float *grey, int width, int height, const uint16_t *pixels, int columns, int rows,
                      const bf_warp *warp) {
  bf_sampled s = {.pixels = pixels, .columns = columns, .rows = rows};
  bf_affine back;
  float room_x[BF_LINE_MOST], room_y[BF_LINE_MOST], *dx = warp->cell > 0 ? room_x : NULL, *dy = room_y;
  memset(grey, 0, (size_t)width * (size_t)height * sizeof *grey);
  if (!bf_affine_invert(&back, warp->affine)) return;
  memcpy(s.back, back.m, sizeof s.back);
  s.most = most_displaced(warp);
  fetch(pixels, columns, rows);
  int n = bf_warp_density(&back);
  bf_line_sampler *line_sampler = fastest(&s);
  const float scale = 1.0f / (65535.0f * (float)(n * n));
  for (int y = 0; y < height; y++)
    for (int x = 0; x < width; x += BF_LINE_MOST) {
      float *line = grey + (int64_t)y * width + x;
      int count = width - x < BF_LINE_MOST ? width - x : BF_LINE_MOST;
      for (int k = 0; k < n * n; k++) {
        double fraction = (k % n + 0.5) / n, fy = y + (k / n + 0.5) / n;
        if (dx != NULL) bf_warp_displace_line(dx, dy, warp, x + fraction, fy, count);
        line_sampler(line, &s, x, fraction, fy, dx, dy, count);
      }
      for (int i = 0; i < count; i++) line[i] *= scale;
    }
}

void bf_sample_grey(float *grey, int width, int height, const uint16_t *pixels, int columns, int rows,
                    bf_affine to_frame) {
  bf_warp warp;
  bf_warp_plain(&warp, to_frame);
  bf_sample_warped(grey, width, height, pixels, columns, rows, &warp);
}

void bf_sample_normalise_slices(float *dst, const float *const grey[3], int width, int height,
                                const bf_normalisation *n) {
  float a[3], b[3];
  for (int c = 0; c < 3; c++) {
    a[c] = 1 / n->std[c];
    b[c] = -n->mean[c] / n->std[c];
  }
  for (int64_t i = 0; i < (int64_t)width * height; i++)
    for (int c = 0; c < 3; c++) dst[3 * i + c] = grey[c][i] * a[c] + b[c];
}

void bf_sample_normalise(float *dst, const float *grey, int width, int height, const bf_normalisation *n) {
  const float *const same[3] = {grey, grey, grey};
  bf_sample_normalise_slices(dst, same, width, height, n);
}
