/* Reference kernels: the plainest loops that compute what kernels.h says. */
#include <math.h>
#include <string.h>

#include "tensor/kernels.h"
#include "tensor/winograd.h"

static void pack(float *dst, const float *b, int64_t ldb, bool transposed, int64_t k, int64_t n, int64_t dst_rows) {
  for (int64_t j = 0; j < n; j++)
    for (int64_t p = 0; p < k; p++) dst[j * dst_rows + p] = transposed ? b[j * ldb + p] : b[p * ldb + j];
}

static float finished(float s, const bf_finish *f, int64_t j, int64_t at) {
  if (f->scale != NULL) s *= f->scale[j];
  if (f->shift != NULL) s += f->shift[j];
  if (f->other != NULL) s += f->other[at];
  if (f->clamp && s < 0) s = 0;
  if (f->clamp && s > f->top) s = f->top;
  return s;
}

static void product(const bf_product *q) {
  for (int64_t i = 0; i < q->rows; i++)
    for (int64_t j = 0; j < q->columns; j++) {
      float sum = 0;
      for (int64_t o = 0; o < q->outer; o++)
        for (int64_t p = 0; p < q->inner; p++)
          sum += q->a[i * q->a_row + o * q->a_outer + p * q->a_inner] * q->b[(j * q->outer + o) * q->inner + p];
      float *c = &q->c[i * q->c_row + j];
      if (q->finish != NULL) sum = finished(sum, q->finish, j, i * q->c_row + j);
      *c = q->add ? *c + sum : sum;
    }
}

static void finish_rows(float *y, const float *x, int64_t rows, int64_t columns, const bf_finish *f) {
  for (int64_t i = 0; i < rows; i++)
    for (int64_t j = 0; j < columns; j++) y[i * columns + j] = finished(x[i * columns + j], f, j, i * columns + j);
}

static void linear(float *y, const float *x, int64_t x_row, const float *w, int64_t n, int64_t inputs,
                   int64_t outputs) {
  for (int64_t i = 0; i < n; i++)
    for (int64_t k = 0; k < inputs; k++)
      for (int64_t j = 0; j < outputs; j++) y[i * outputs + j] += x[i * x_row + k] * w[k * outputs + j];
}

static void linear_data(float *dx, int64_t dx_row, const float *dy, const float *w, int64_t n, int64_t inputs,
                        int64_t outputs, bool add) {
  for (int64_t i = 0; i < n; i++)
    for (int64_t k = 0; k < inputs; k++) {
      float sum = 0, *d = dx + i * dx_row + k;
      for (int64_t j = 0; j < outputs; j++) sum += w[k * outputs + j] * dy[i * outputs + j];
      *d = add ? *d + sum : sum;
    }
}

static void linear_weight(float *dw, const float *x, int64_t x_row, const float *dy, int64_t n, int64_t inputs,
                          int64_t outputs) {
  for (int64_t k = 0; k < inputs; k++)
    for (int64_t j = 0; j < outputs; j++) {
      dw[k * outputs + j] = 0;
      for (int64_t i = 0; i < n; i++) dw[k * outputs + j] += x[i * x_row + k] * dy[i * outputs + j];
    }
}

/* ---- Winograd: the matrices B^T, G and A^T ---- */

/* The three matrices, by rows. */
typedef struct matrices {
  int tile;
  const float *bt, *g, *at;
} matrices;

static const matrices of_2 = {2, (const float[]){1, 0, -1, 0, 0, 1, 1, 0, 0, -1, 1, 0, 0, 1, 0, -1},
                              (const float[]){1, 0, 0, 0.5f, 0.5f, 0.5f, 0.5f, -0.5f, 0.5f, 0, 0, 1},
                              (const float[]){1, 1, 1, 0, 0, 1, -1, -1}};
static const float bt_4[6][6] = {{WA2 * WB2, 0, -WA2 - WB2, 0, 1, 0}, {0, -WA *WB2, -WB2, WA, 1, 0},
                                 {0, WA *WB2, -WB2, -WA, 1, 0},       {0, -WB *WA2, -WA2, WB, 1, 0},
                                 {0, WB *WA2, -WA2, -WB, 1, 0},       {0, WA2 *WB2, 0, -WA2 - WB2, 0, 1}};
static const float g_4[6][3] = {{WN0, 0, 0},
                                {WNA, WNA *WA, WNA *WA2},
                                {WNA, -WNA *WA, WNA *WA2},
                                {WNB, WNB *WB, WNB *WB2},
                                {WNB, -WNB *WB, WNB *WB2},
                                {0, 0, 1}};
static const float at_4[4][6] = {{1, 1, 1, 1, 1, 0},
                                 {0, WA, -WA, WB, -WB, 0},
                                 {0, WA2, WA2, WB2, WB2, 0},
                                 {0, WA *WA2, -WA *WA2, WB *WB2, -WB *WB2, 1}};
static const matrices of_4 = {4, bt_4[0], g_4[0], at_4[0]};

/* out[rows][rows] = m x m^T; entry (i, k) of m is m[i*row + k*column], so that a transpose is a matter of strides. */
static void both_sides(float *out, const float *m, int row, int column, int rows, const float *x, int size) {
  for (int i = 0; i < rows; i++)
    for (int j = 0; j < rows; j++) {
      out[i * rows + j] = 0;
      for (int a = 0; a < size; a++)
        for (int b = 0; b < size; b++)
          out[i * rows + j] += m[i * row + a * column] * x[a * size + b] * m[j * row + b * column];
    }
}

static void transform_input(const matrices *of, float *v, int64_t plane, const float *x, int h, int w, int c, int top,
                            int left) {
  int side = of->tile + 2, points = side * side;
  for (int k = 0; k < c; k++) {
    float d[36], out[36];
    for (int i = 0; i < points; i++) {
      int iy = top + i / side, ix = left + i % side;
      d[i] = iy >= 0 && iy < h && ix >= 0 && ix < w ? x[((int64_t)iy * w + ix) * c + k] : 0;
    }
    both_sides(out, of->bt, side, 1, side, d, side);
    for (int i = 0; i < points; i++) v[i * plane + k] = out[i];
  }
}

static void transform_output(const matrices *of, float *y, const float *m, int64_t plane, int h, int w, int c, int top,
                             int left, bool add, const bf_finish *finish) {
  int tile = of->tile, side = tile + 2;
  for (int k = 0; k < c; k++) {
    float d[36], out[16];
    for (int i = 0; i < side * side; i++) d[i] = m[i * plane + k];
    both_sides(out, of->at, side, 1, tile, d, side);
    for (int i = 0; i < tile * tile; i++) {
      if (top + i / tile >= h || left + i % tile >= w) continue;
      int64_t to = ((int64_t)(top + i / tile) * w + left + i % tile) * c + k;
      float s = add ? y[to] + out[i] : out[i];
      y[to] = finish != NULL ? finished(s, finish, k, to) : s;
    }
  }
}

static void transform_gradient(const matrices *of, float *v, int64_t plane, int64_t panel_step, const float *dy, int h,
                               int w, int c, int top, int left) {
  int tile = of->tile, side = tile + 2;
  for (int k = 0; k < c; k++) {
    float d[16], out[36];
    for (int i = 0; i < tile * tile; i++) {
      int iy = top + i / tile, ix = left + i % tile;
      d[i] = iy < h && ix < w ? dy[((int64_t)iy * w + ix) * c + k] : 0;
    }
    both_sides(out, of->at, 1, side, side, d, tile);
    for (int i = 0; i < side * side; i++) v[i * plane + k * panel_step] = out[i];
  }
}

static void transform_weights(const matrices *of, float *u, int64_t u_plane, const float *g, int64_t g_plane,
                              int64_t n) {
  int side = of->tile + 2;
  for (int64_t k = 0; k < n; k++) {
    float d[9], out[36];
    for (int i = 0; i < 9; i++) d[i] = g[i * g_plane + k];
    both_sides(out, of->g, 3, 1, side, d, 3);
    for (int i = 0; i < side * side; i++) u[i * u_plane + k] = out[i];
  }
}

static void transform_weights_gradient(const matrices *of, float *dg, int64_t g_plane, const float *du, int64_t u_plane,
                                       int64_t n) {
  int side = of->tile + 2;
  for (int64_t k = 0; k < n; k++) {
    float d[36], out[9];
    for (int i = 0; i < side * side; i++) d[i] = du[i * u_plane + k];
    both_sides(out, of->g, 1, 3, 3, d, side);
    for (int i = 0; i < 9; i++) dg[i * g_plane + k] = out[i];
  }
}

#define WINOGRAD(t)                                                                                                  \
  static void winograd##t##_input(float *v, int64_t plane, const float *x, int h, int w, int c, int top, int left) { \
    transform_input(&of_##t, v, plane, x, h, w, c, top, left);                                                       \
  }                                                                                                                  \
  static void winograd##t##_output(float *y, const float *m, int64_t plane, int h, int w, int c, int top, int left,  \
                                   bool add, const bf_finish *finish) {                                              \
    transform_output(&of_##t, y, m, plane, h, w, c, top, left, add, finish);                                         \
  }                                                                                                                  \
  static void winograd##t##_gradient(float *v, int64_t plane, int64_t panel_step, const float *dy, int h, int w,     \
                                     int c, int top, int left) {                                                     \
    transform_gradient(&of_##t, v, plane, panel_step, dy, h, w, c, top, left);                                       \
  }                                                                                                                  \
  static void winograd##t##_weights(float *u, int64_t u_plane, const float *g, int64_t g_plane, int64_t n) {         \
    transform_weights(&of_##t, u, u_plane, g, g_plane, n);                                                           \
  }                                                                                                                  \
  static void winograd##t##_weights_gradient(float *dg, int64_t g_plane, const float *du, int64_t u_plane,           \
                                             int64_t n) {                                                            \
    transform_weights_gradient(&of_##t, dg, g_plane, du, u_plane, n);                                                \
  }
WINOGRAD(2)
WINOGRAD(4)

static void depthwise(float *y, const float *x, const float *w, const bf_window *g, int row0, int row1,
                      const bf_finish *finish) {
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
        int64_t at = ((int64_t)oy * g->ow + ox) * g->c + c;
        y[at] = finish != NULL ? finished(sum, finish, c, at) : sum;
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

/* The place of a window's first greatest value; -1 where the window lies outside or holds NaN alone. */
static int64_t greatest(const float *x, const bf_window *g, int oy, int ox, int k) {
  int64_t found = -1;
  float best = -INFINITY;
  for (int ky = 0; ky < g->kernel; ky++)
    for (int kx = 0; kx < g->kernel; kx++) {
      int iy = oy * g->stride - g->padding + ky, ix = ox * g->stride - g->padding + kx;
      if (iy < 0 || iy >= g->h || ix < 0 || ix >= g->w) continue;
      int64_t at = ((int64_t)iy * g->w + ix) * g->c + k;
      if (x[at] > best || (found < 0 && x[at] == best)) found = at, best = x[at];
    }
  return found;
}

static void max_pool(float *y, const float *x, const bf_window *g, int row0, int row1) {
  for (int oy = row0; oy < row1; oy++)
    for (int ox = 0; ox < g->ow; ox++)
      for (int k = 0; k < g->c; k++) {
        int64_t at = greatest(x, g, oy, ox, k);
        y[((int64_t)oy * g->ow + ox) * g->c + k] = at < 0 ? -INFINITY : x[at];
      }
}

static void max_pool_backward(float *dx, const float *x, const float *y, const float *dy, const bf_window *g) {
  (void)y;
  for (int oy = 0; oy < g->oh; oy++)
    for (int ox = 0; ox < g->ow; ox++)
      for (int k = 0; k < g->c; k++) {
        int64_t at = greatest(x, g, oy, ox, k);
        if (at >= 0) dx[at] += dy[((int64_t)oy * g->ow + ox) * g->c + k];
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

/* ---- smooth activations, layer normalisation ---- */

static float sigmoid_of(float x) { return 1 / (1 + expf(-x)); }

static float normal_below(float x) { return 0.5f * erfcf(-x * 0.70710678f); }

static void put(float *to, float value, bool add) { *to = add ? *to + value : value; }

static void silu(float *y, const float *x, int64_t n) {
  for (int64_t i = 0; i < n; i++) y[i] = x[i] * sigmoid_of(x[i]);
}

static void silu_backward(float *dx, const float *dy, const float *x, int64_t n, bool add) {
  for (int64_t i = 0; i < n; i++) {
    float s = sigmoid_of(x[i]);
    put(&dx[i], dy[i] * s * (1 + x[i] * (1 - s)), add);
  }
}

static void gelu(float *y, const float *x, int64_t n) {
  for (int64_t i = 0; i < n; i++) y[i] = x[i] * normal_below(x[i]);
}

static void gelu_backward(float *dx, const float *dy, const float *x, int64_t n, bool add) {
  for (int64_t i = 0; i < n; i++)
    put(&dx[i], dy[i] * (normal_below(x[i]) + x[i] * expf(-0.5f * x[i] * x[i]) * 0.398942280f), add);
}

static void sigmoid(float *y, const float *x, int64_t n) {
  for (int64_t i = 0; i < n; i++) y[i] = sigmoid_of(x[i]);
}

static void sigmoid_backward(float *dx, const float *dy, const float *y, int64_t n, bool add) {
  for (int64_t i = 0; i < n; i++) put(&dx[i], dy[i] * y[i] * (1 - y[i]), add);
}

static void layer_norm(float *y, float *stats, const float *x, const float *scale, const float *shift, float epsilon,
                       int64_t rows, int c) {
  for (int64_t r = 0; r < rows; r++) {
    double sum = 0, squares = 0;
    for (int k = 0; k < c; k++) sum += x[r * c + k];
    double mean = sum / c;
    for (int k = 0; k < c; k++) squares += (x[r * c + k] - mean) * (x[r * c + k] - mean);
    stats[2 * r] = (float)mean;
    stats[2 * r + 1] = (float)(1 / sqrt(squares / c + (double)epsilon));
    for (int k = 0; k < c; k++) y[r * c + k] = (x[r * c + k] - stats[2 * r]) * stats[2 * r + 1] * scale[k] + shift[k];
  }
}

static void layer_norm_sums(float *sum_dy, float *sum_dyx, const float *dy, const float *x, const float *stats,
                            int64_t rows, int c) {
  for (int k = 0; k < c; k++) {
    sum_dy[k] = sum_dyx[k] = 0;
    for (int64_t r = 0; r < rows; r++) {
      sum_dy[k] += dy[r * c + k];
      sum_dyx[k] += dy[r * c + k] * ((x[r * c + k] - stats[2 * r]) * stats[2 * r + 1]);
    }
  }
}

static void layer_norm_data(float *dx, const float *dy, const float *x, const float *stats, const float *scale,
                            int64_t rows, int c, bool add) {
  for (int64_t r = 0; r < rows; r++) {
    double first = 0, second = 0;
    for (int k = 0; k < c; k++) {
      double g = (double)dy[r * c + k] * scale[k];
      first += g;
      second += g * ((x[r * c + k] - stats[2 * r]) * stats[2 * r + 1]);
    }
    for (int k = 0; k < c; k++) {
      double z = (x[r * c + k] - stats[2 * r]) * stats[2 * r + 1], g = (double)dy[r * c + k] * scale[k];
      put(&dx[r * c + k], (float)(stats[2 * r + 1] * (g - first / c - z * second / c)), add);
    }
  }
}

static double dot(const float *a, const float *b, int64_t n) {
  double sum = 0;
  for (int64_t i = 0; i < n; i++) sum += (double)a[i] * b[i];
  return sum;
}

static void sgd(float *w, float *m, const float *g, int64_t n, const bf_update *u) {
  for (int64_t i = 0; i < n; i++) {
    m[i] = u->momentum * m[i] + g[i] * u->clip + u->decay * w[i];
    w[i] -= u->rate * m[i];
  }
}

static void adamw(float *w, float *m, float *v, const float *g, int64_t n, const bf_update *u) {
  for (int64_t i = 0; i < n; i++) {
    float d = g[i] * u->clip;
    m[i] = u->beta1 * m[i] + u->rest1 * d;
    v[i] = u->beta2 * v[i] + u->rest2 * d * d;
    w[i] = u->keep * w[i] - u->rate * (m[i] * u->correction1) / (sqrtf(v[i] * u->correction2) + u->epsilon);
  }
}

const bf_kernels *bf_kernels_plain(void) {
  static const bf_kernels table = {
      .name = "plain",
      .plain = true,
      .panel = 1,
      .pack = pack,
      .product = product,
      .finish = finish_rows,
      .linear = linear,
      .linear_data = linear_data,
      .linear_weight = linear_weight,
      .winograd2 = {2, 16, winograd2_input, winograd2_output, winograd2_gradient, winograd2_weights,
                    winograd2_weights_gradient},
      .winograd4 = {4, 36, winograd4_input, winograd4_output, winograd4_gradient, winograd4_weights,
                    winograd4_weights_gradient},
      .depthwise = depthwise,
      .depthwise_data = depthwise_data,
      .depthwise_weight = depthwise_weight,
      .max_pool = max_pool,
      .max_pool_backward = max_pool_backward,
      .clamp = clamp,
      .clamp_backward = clamp_backward,
      .scale = scale,
      .add = add_arrays,
      .moments = moments,
      .norm_sums = norm_sums,
      .norm_data = norm_data,
      .silu = silu,
      .silu_backward = silu_backward,
      .gelu = gelu,
      .gelu_backward = gelu_backward,
      .sigmoid = sigmoid,
      .sigmoid_backward = sigmoid_backward,
      .layer_norm = layer_norm,
      .layer_norm_sums = layer_norm_sums,
      .layer_norm_data = layer_norm_data,
      .dot = dot,
      .sgd = sgd,
      .adamw = adamw,
  };
  return &table;
}
