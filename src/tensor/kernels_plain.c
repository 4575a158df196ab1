/* Reference kernels: the plainest loops that compute what kernels.h says. */
#include <string.h>

#include "tensor/kernels.h"

static void im2col(float *dst, const float *x, const bf_window *g, int first, int count) {
  for (int p = first; p < first + count; p++)
    for (int ky = 0; ky < g->kernel; ky++)
      for (int kx = 0; kx < g->kernel; kx++)
        for (int c = 0; c < g->c; c++) {
          int y = p / g->ow * g->stride - g->padding + ky, z = p % g->ow * g->stride - g->padding + kx;
          bool inside = y >= 0 && y < g->h && z >= 0 && z < g->w;
          *dst++ = inside ? x[((int64_t)y * g->w + z) * g->c + c] : 0;
        }
}

static void col2im(float *dx, const float *src, const bf_window *g, int first, int count) {
  for (int p = first; p < first + count; p++)
    for (int ky = 0; ky < g->kernel; ky++)
      for (int kx = 0; kx < g->kernel; kx++)
        for (int c = 0; c < g->c; c++, src++) {
          int y = p / g->ow * g->stride - g->padding + ky, z = p % g->ow * g->stride - g->padding + kx;
          if (y >= 0 && y < g->h && z >= 0 && z < g->w) dx[((int64_t)y * g->w + z) * g->c + c] += *src;
        }
}

static void depthwise(float *y, const float *x, const float *w, const bf_window *g, int row0, int row1) {
  for (int oy = row0; oy < row1; oy++)
    for (int ox = 0; ox < g->ow; ox++)
      for (int c = 0; c < g->c; c++) {
        float sum = 0;
        for (int ky = 0; ky < g->kernel; ky++)
          for (int kx = 0; kx < g->kernel; kx++) {
            int iy = oy * g->stride - g->padding + ky, ix = ox * g->stride - g->padding + kx;
            if (iy < 0 || iy >= g->h || ix < 0 || ix >= g->w) continue;
            sum += x[((int64_t)iy * g->w + ix) * g->c + c] * w[(ky * g->kernel + kx) * g->c + c];
          }
        y[((int64_t)oy * g->ow + ox) * g->c + c] = sum;
      }
}

static void depthwise_data(float *dx, const float *dy, const float *w, const bf_window *g, int row0, int row1,
                           bool add) {
  for (int iy = row0; iy < row1; iy++)
    for (int ix = 0; ix < g->w; ix++)
      for (int c = 0; c < g->c; c++) {
        float sum = 0;
        for (int ky = 0; ky < g->kernel; ky++)
          for (int kx = 0; kx < g->kernel; kx++) {
            int ty = iy + g->padding - ky, tx = ix + g->padding - kx;
            if (ty < 0 || tx < 0 || ty % g->stride || tx % g->stride) continue;
            if (ty / g->stride >= g->oh || tx / g->stride >= g->ow) continue;
            sum += dy[((int64_t)(ty / g->stride) * g->ow + tx / g->stride) * g->c + c] *
                   w[(ky * g->kernel + kx) * g->c + c];
          }
        float *d = &dx[((int64_t)iy * g->w + ix) * g->c + c];
        *d = add ? *d + sum : sum;
      }
}

static void depthwise_weight(float *dw, const float *x, const float *dy, const bf_window *g, int row0, int row1) {
  for (int ky = 0; ky < g->kernel; ky++)
    for (int kx = 0; kx < g->kernel; kx++)
      for (int c = 0; c < g->c; c++) {
        float sum = 0;
        for (int oy = row0; oy < row1; oy++)
          for (int ox = 0; ox < g->ow; ox++) {
            int iy = oy * g->stride - g->padding + ky, ix = ox * g->stride - g->padding + kx;
            if (iy < 0 || iy >= g->h || ix < 0 || ix >= g->w) continue;
            sum += x[((int64_t)iy * g->w + ix) * g->c + c] * dy[((int64_t)oy * g->ow + ox) * g->c + c];
          }
        dw[(ky * g->kernel + kx) * g->c + c] += sum;
      }
}

static void clamp(float *y, const float *x, int64_t n, float top) {
  for (int64_t i = 0; i < n; i++) y[i] = x[i] < 0 ? 0 : x[i] > top ? top : x[i];
}

static void clamp_backward(float *dx, const float *dy, const float *y, int64_t n, float top, bool add) {
  for (int64_t i = 0; i < n; i++) {
    float d = y[i] > 0 && y[i] < top ? dy[i] : 0;
    dx[i] = add ? dx[i] + d : d;
  }
}

static void affine(float *y, const float *x, const float *scale, const float *shift, int64_t rows, int c) {
  for (int64_t r = 0; r < rows; r++)
    for (int k = 0; k < c; k++) y[r * c + k] = x[r * c + k] * scale[k] + shift[k];
}

static void scale(float *dx, const float *dy, const float *factor, int64_t rows, int c, bool add) {
  for (int64_t r = 0; r < rows; r++)
    for (int k = 0; k < c; k++) dx[r * c + k] = dy[r * c + k] * factor[k] + (add ? dx[r * c + k] : 0);
}

static void add_arrays(float *y, const float *a, const float *b, int64_t n) {
  for (int64_t i = 0; i < n; i++) y[i] = a[i] + b[i];
}

static void moments(float *mean, float *m2, const float *x, int64_t rows, int c) {
  for (int k = 0; k < c; k++) {
    double sum = 0, squares = 0;
    for (int64_t r = 0; r < rows; r++) sum += x[r * c + k];
    double m = sum / (double)rows;
    for (int64_t r = 0; r < rows; r++) squares += (x[r * c + k] - m) * (x[r * c + k] - m);
    mean[k] = (float)m;
    m2[k] = (float)squares;
  }
}

static void norm_sums(float *sum_dy, float *sum_dyx, const float *dy, const float *x, const float *mean,
                      const float *inverse, int64_t rows, int c) {
  for (int k = 0; k < c; k++) {
    double a = 0, b = 0;
    for (int64_t r = 0; r < rows; r++) {
      a += dy[r * c + k];
      if (x != NULL) b += dy[r * c + k] * ((x[r * c + k] - mean[k]) * inverse[k]);
    }
    sum_dy[k] = (float)a;
    if (x != NULL) sum_dyx[k] = (float)b;
  }
}

static void norm_data(float *dx, const float *dy, const float *x, const float *a, const float *b, const float *d,
                      int64_t rows, int c, bool add) {
  for (int64_t r = 0; r < rows; r++)
    for (int k = 0; k < c; k++) {
      float v = a[k] * dy[r * c + k] + b[k] * x[r * c + k] + d[k];
      dx[r * c + k] = add ? dx[r * c + k] + v : v;
    }
}

const bf_kernels *bf_kernels_plain(void) {
  static const bf_kernels table = {"plain",          true,      im2col,         col2im, depthwise, depthwise_data,
                                   depthwise_weight, clamp,     clamp_backward, affine, scale,     add_arrays,
                                   moments,          norm_sums, norm_data};
  return &table;
}
