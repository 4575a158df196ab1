/* Sampling a prepared picture through an affine. */
#include "image/sample.h"

#include <math.h>

/* Bilinear value at (x, y), pixel centres at +0.5, zero outside. Units of 1/65535. */
static inline float tap(const uint16_t *p, int columns, int rows, int x, int y) {
  return x >= 0 && y >= 0 && x < columns && y < rows ? p[(int64_t)y * columns + x] : 0.0f;
}

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

void bf_sample_grey(float *grey, int width, int height, const uint16_t *pixels, int columns, int rows,
                    bf_affine to_frame) {
  bf_affine back;
  if (!bf_affine_invert(&back, to_frame)) {
    for (int64_t i = 0; i < (int64_t)width * height; i++) grey[i] = 0;
    return;
  }
  const double *m = back.m;
  double shrink = sqrt(fabs(m[0] * m[4] - m[1] * m[3])); /* picture pixels a frame pixel, one way */
  int n = shrink > 1.5 ? (int)ceil(shrink) : 1;
  if (n > 8) n = 8;
  const float scale = 1.0f / (65535.0f * (float)(n * n));
  for (int y = 0; y < height; y++)
    for (int x = 0; x < width; x++) {
      float sum = 0;
      for (int v = 0; v < n; v++)
        for (int u = 0; u < n; u++) {
          double fx = x + (u + 0.5) / n, fy = y + (v + 0.5) / n;
          sum += bilinear(pixels, columns, rows, m[0] * fx + m[1] * fy + m[2], m[3] * fx + m[4] * fy + m[5]);
        }
      grey[(int64_t)y * width + x] = sum * scale;
    }
}

void bf_sample_normalise(float *dst, const float *grey, int width, int height, const bf_normalisation *n) {
  float a[3], b[3];
  for (int c = 0; c < 3; c++) {
    a[c] = 1 / n->std[c];
    b[c] = -n->mean[c] / n->std[c];
  }
  for (int64_t i = 0; i < (int64_t)width * height; i++)
    for (int c = 0; c < 3; c++) dst[3 * i + c] = grey[i] * a[c] + b[c];
}
