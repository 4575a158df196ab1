/* The fast kernels' one body, included once for each instruction set with BF_KERNELS_FUNCTION and BF_KERNELS_NAME
 * defined. Vectors are the compiler's own (16 floats): it turns them into the registers that the set has. Every sum is
 * taken in an order that depends on shapes alone. */
#include <string.h>

#include "tensor/kernels.h"

typedef float vec __attribute__((vector_size(64)));
typedef float vec_unaligned __attribute__((vector_size(64), aligned(4), may_alias));
enum { lanes = 16 };

#define load(p) ((vec) * (const vec_unaligned *)(p))
#define store(p, v) (*(vec_unaligned *)(p) = (v))

#include "tensor/lane_body.h"
#include "tensor/product_body.h"
#include "tensor/winograd_body.h"

/* One output pixel's taps that lie inside: [first, last) in each direction. */
static inline void tap_range(int *first, int *last, int start, int kernel, int size) {
  *first = start < 0 ? -start : 0;
  *last = start + kernel > size ? size - start : kernel;
}

/* A block of `lanes` channels of one output row, kernel 3: the nine weights stay in registers. */
static inline void depthwise3_row(float *y, const float *x, const float *w, const bf_window *g, int oy, int c0) {
  vec k[9];
  for (int i = 0; i < 9; i++) k[i] = load(w + i * g->c + c0);
  int top = oy * g->stride - g->padding, y0, y1;
  tap_range(&y0, &y1, top, 3, g->h);
  for (int ox = 0; ox < g->ow; ox++) {
    int left = ox * g->stride - g->padding, x0, x1;
    tap_range(&x0, &x1, left, 3, g->w);
    const float *p = x + ((int64_t)top * g->w + left) * g->c + c0;
    vec sum = {0};
    if (y0 == 0 && y1 == 3 && x0 == 0 && x1 == 3) {
      for (int ky = 0; ky < 3; ky++)
        for (int kx = 0; kx < 3; kx++) sum += k[ky * 3 + kx] * load(p + ((int64_t)ky * g->w + kx) * g->c);
    } else {
      for (int ky = y0; ky < y1; ky++)
        for (int kx = x0; kx < x1; kx++) sum += k[ky * 3 + kx] * load(p + ((int64_t)ky * g->w + kx) * g->c);
    }
    store(y + ((int64_t)oy * g->ow + ox) * g->c + c0, sum);
  }
}

static inline void depthwise_scalar(float *y, const float *x, const float *w, const bf_window *g, int oy, int c0) {
  for (int ox = 0; ox < g->ow; ox++) {
    int top = oy * g->stride - g->padding, left = ox * g->stride - g->padding, y0, y1, x0, x1;
    tap_range(&y0, &y1, top, g->kernel, g->h);
    tap_range(&x0, &x1, left, g->kernel, g->w);
    for (int c = c0; c < g->c; c++) {
      float sum = 0;
      for (int ky = y0; ky < y1; ky++)
        for (int kx = x0; kx < x1; kx++)
          sum += w[(ky * g->kernel + kx) * g->c + c] * x[((int64_t)(top + ky) * g->w + left + kx) * g->c + c];
      y[((int64_t)oy * g->ow + ox) * g->c + c] = sum;
    }
  }
}

static void depthwise(float *y, const float *x, const float *w, const bf_window *g, int row0, int row1) {
  for (int oy = row0; oy < row1; oy++) {
    int c0 = 0;
    if (g->kernel == 3)
      for (; c0 + lanes <= g->c; c0 += lanes) depthwise3_row(y, x, w, g, oy, c0);
    depthwise_scalar(y, x, w, g, oy, c0);
  }
}

/* The output positions that input position i feeds, as taps: i + padding - k must be a multiple of stride and inside.
 */
static inline int source(int i, int k, int padding, int stride, int size) {
  int t = i + padding - k;
  if (t < 0 || t % stride) return -1;
  t /= stride;
  return t < size ? t : -1;
}

static inline void depthwise3_data_row(float *dx, const float *dy, const float *w, const bf_window *g, int iy, int c0,
                                       bool add) {
  vec k[9];
  int rows[3];
  for (int i = 0; i < 9; i++) k[i] = load(w + i * g->c + c0);
  for (int ky = 0; ky < 3; ky++) rows[ky] = source(iy, ky, g->padding, g->stride, g->oh);
  for (int ix = 0; ix < g->w; ix++) {
    float *d = dx + ((int64_t)iy * g->w + ix) * g->c + c0;
    vec sum = {0};
    for (int kx = 0; kx < 3; kx++) {
      int ox = source(ix, kx, g->padding, g->stride, g->ow);
      if (ox < 0) continue;
      for (int ky = 0; ky < 3; ky++)
        if (rows[ky] >= 0) sum += k[ky * 3 + kx] * load(dy + ((int64_t)rows[ky] * g->ow + ox) * g->c + c0);
    }
    if (add) sum += load(d);
    store(d, sum);
  }
}

static inline void depthwise_data_scalar(float *dx, const float *dy, const float *w, const bf_window *g, int iy, int c0,
                                         bool add) {
  for (int ix = 0; ix < g->w; ix++)
    for (int c = c0; c < g->c; c++) {
      float sum = 0, *d = dx + ((int64_t)iy * g->w + ix) * g->c + c;
      for (int ky = 0; ky < g->kernel; ky++) {
        int oy = source(iy, ky, g->padding, g->stride, g->oh);
        for (int kx = 0; oy >= 0 && kx < g->kernel; kx++) {
          int ox = source(ix, kx, g->padding, g->stride, g->ow);
          if (ox >= 0) sum += w[(ky * g->kernel + kx) * g->c + c] * dy[((int64_t)oy * g->ow + ox) * g->c + c];
        }
      }
      *d = add ? *d + sum : sum;
    }
}

static void depthwise_data(float *dx, const float *dy, const float *w, const bf_window *g, int row0, int row1,
                           bool add) {
  for (int iy = row0; iy < row1; iy++) {
    int c0 = 0;
    if (g->kernel == 3)
      for (; c0 + lanes <= g->c; c0 += lanes) depthwise3_data_row(dx, dy, w, g, iy, c0, add);
    depthwise_data_scalar(dx, dy, w, g, iy, c0, add);
  }
}

static inline void depthwise3_weight_block(float *dw, const float *x, const float *dy, const bf_window *g, int row0,
                                           int row1, int c0) {
  vec sum[9] = {{0}};
  for (int oy = row0; oy < row1; oy++) {
    int top = oy * g->stride - g->padding, y0, y1;
    tap_range(&y0, &y1, top, 3, g->h);
    for (int ox = 0; ox < g->ow; ox++) {
      int left = ox * g->stride - g->padding, x0, x1;
      tap_range(&x0, &x1, left, 3, g->w);
      vec d = load(dy + ((int64_t)oy * g->ow + ox) * g->c + c0);
      const float *p = x + ((int64_t)top * g->w + left) * g->c + c0;
      if (y0 == 0 && y1 == 3 && x0 == 0 && x1 == 3) {
        for (int ky = 0; ky < 3; ky++)
          for (int kx = 0; kx < 3; kx++) sum[ky * 3 + kx] += d * load(p + ((int64_t)ky * g->w + kx) * g->c);
      } else {
        for (int ky = y0; ky < y1; ky++)
          for (int kx = x0; kx < x1; kx++) sum[ky * 3 + kx] += d * load(p + ((int64_t)ky * g->w + kx) * g->c);
      }
    }
  }
  for (int i = 0; i < 9; i++) store(dw + i * g->c + c0, load(dw + i * g->c + c0) + sum[i]);
}

static inline void depthwise_weight_scalar(float *dw, const float *x, const float *dy, const bf_window *g, int row0,
                                           int row1, int c0) {
  for (int oy = row0; oy < row1; oy++)
    for (int ox = 0; ox < g->ow; ox++) {
      int top = oy * g->stride - g->padding, left = ox * g->stride - g->padding, y0, y1, x0, x1;
      tap_range(&y0, &y1, top, g->kernel, g->h);
      tap_range(&x0, &x1, left, g->kernel, g->w);
      for (int ky = y0; ky < y1; ky++)
        for (int kx = x0; kx < x1; kx++)
          for (int c = c0; c < g->c; c++)
            dw[(ky * g->kernel + kx) * g->c + c] +=
                dy[((int64_t)oy * g->ow + ox) * g->c + c] * x[((int64_t)(top + ky) * g->w + left + kx) * g->c + c];
    }
}

static void depthwise_weight(float *dw, const float *x, const float *dy, const bf_window *g, int row0, int row1) {
  int c0 = 0;
  if (g->kernel == 3)
    for (; c0 + lanes <= g->c; c0 += lanes) depthwise3_weight_block(dw, x, dy, g, row0, row1, c0);
  if (c0 < g->c) depthwise_weight_scalar(dw, x, dy, g, row0, row1, c0);
}

/* ---- maxima of windows ---- */

typedef struct pool_window {
  int top, left, y0, y1, x0, x1; /* taps inside the map */
} pool_window;

static inline pool_window pool_at(const bf_window *g, int oy, int ox) {
  pool_window b = {.top = oy * g->stride - g->padding, .left = ox * g->stride - g->padding};
  tap_range(&b.y0, &b.y1, b.top, g->kernel, g->h);
  tap_range(&b.x0, &b.x1, b.left, g->kernel, g->w);
  return b;
}

static void max_pool(float *y, const float *x, const bf_window *g, int row0, int row1) {
  y += (int64_t)row0 * g->ow * g->c;
  for (int oy = row0; oy < row1; oy++)
    for (int ox = 0; ox < g->ow; ox++, y += g->c) {
      pool_window b = pool_at(g, oy, ox);
      for (int c0 = 0; c0 < g->c; c0 += lane_count) {
        int count = g->c - c0 < lane_count ? g->c - c0 : lane_count;
        lane best = -__builtin_inff() - (lane){0};
        for (int ky = b.y0; ky < b.y1; ky++)
          for (int kx = b.x0; kx < b.x1; kx++) {
            lane v = get_some(x + ((int64_t)(b.top + ky) * g->w + b.left + kx) * g->c + c0, count);
            lane_bits more = v > best;
            best = (lane)(((lane_bits)v & more) | ((lane_bits)best & ~more));
          }
        put_some(y + c0, best, count);
      }
    }
}

static void max_pool_backward(float *dx, const float *x, const float *y, const float *dy, const bf_window *g) {
  for (int oy = 0; oy < g->oh; oy++)
    for (int ox = 0; ox < g->ow; ox++, y += g->c, dy += g->c) {
      pool_window b = pool_at(g, oy, ox);
      for (int c0 = 0; c0 < g->c; c0 += lane_count) {
        int count = g->c - c0 < lane_count ? g->c - c0 : lane_count;
        lane best = get_some(y + c0, count), d = get_some(dy + c0, count);
        lane_bits open = ~(lane_bits){0};
        for (int ky = b.y0; ky < b.y1; ky++)
          for (int kx = b.x0; kx < b.x1; kx++) {
            int64_t at = ((int64_t)(b.top + ky) * g->w + b.left + kx) * g->c + c0;
            lane_bits here = (get_some(x + at, count) == best) & open;
            open &= ~here;
            put_some(dx + at, get_some(dx + at, count) + (lane)((lane_bits)d & here), count);
          }
      }
    }
}

static void clamp(float *y, const float *x, int64_t n, float top) {
  for (int64_t i = 0; i < n; i++) {
    float v = x[i] < 0 ? 0 : x[i];
    y[i] = v > top ? top : v;
  }
}

static void clamp_backward(float *dx, const float *dy, const float *y, int64_t n, float top, bool add) {
  if (add) {
    for (int64_t i = 0; i < n; i++) dx[i] += (y[i] > 0) & (y[i] < top) ? dy[i] : 0;
  } else {
    for (int64_t i = 0; i < n; i++) dx[i] = (y[i] > 0) & (y[i] < top) ? dy[i] : 0;
  }
}

static void scale(float *dx, const float *dy, const float *restrict factor, int64_t rows, int c, bool add) {
  for (int64_t r = 0; r < rows; r++, dx += c, dy += c) {
    if (add) {
      for (int k = 0; k < c; k++) dx[k] += dy[k] * factor[k];
    } else {
      for (int k = 0; k < c; k++) dx[k] = dy[k] * factor[k];
    }
  }
}

static void add_arrays(float *y, const float *a, const float *b, int64_t n) {
  for (int64_t i = 0; i < n; i++) y[i] = a[i] + b[i];
}

static void moments(float *restrict mean, float *restrict m2, const float *restrict x, int64_t rows, int c) {
  memset(mean, 0, (size_t)c * sizeof(float));
  memset(m2, 0, (size_t)c * sizeof(float));
  for (int64_t r = 0; r < rows; r++)
    for (int k = 0; k < c; k++) mean[k] += x[r * c + k];
  float share = 1.0f / (float)rows;
  for (int k = 0; k < c; k++) mean[k] *= share;
  for (int64_t r = 0; r < rows; r++)
    for (int k = 0; k < c; k++) {
      float d = x[r * c + k] - mean[k];
      m2[k] += d * d;
    }
}

static void norm_sums(float *restrict sum_dy, float *restrict sum_dyx, const float *restrict dy,
                      const float *restrict x, const float *restrict mean, const float *restrict inverse, int64_t rows,
                      int c) {
  memset(sum_dy, 0, (size_t)c * sizeof(float));
  if (x == NULL) {
    for (int64_t r = 0; r < rows; r++)
      for (int k = 0; k < c; k++) sum_dy[k] += dy[r * c + k];
    return;
  }
  memset(sum_dyx, 0, (size_t)c * sizeof(float));
  for (int64_t r = 0; r < rows; r++)
    for (int k = 0; k < c; k++) {
      float d = dy[r * c + k];
      sum_dy[k] += d;
      sum_dyx[k] += d * ((x[r * c + k] - mean[k]) * inverse[k]);
    }
}

static void norm_data(float *dx, const float *dy, const float *x, const float *restrict a, const float *restrict b,
                      const float *restrict d, int64_t rows, int c, bool add) {
  for (int64_t r = 0; r < rows; r++, dx += c, dy += c, x += c) {
    if (add) {
      for (int k = 0; k < c; k++) dx[k] += a[k] * dy[k] + b[k] * x[k] + d[k];
    } else {
      for (int k = 0; k < c; k++) dx[k] = a[k] * dy[k] + b[k] * x[k] + d[k];
    }
  }
}

/* ---- the optimiser's passes: memory's pace ---- */

static double squares(const float *g, int64_t n) {
  typedef double wide __attribute__((vector_size(64)));
  typedef float half __attribute__((vector_size(32)));
  typedef float half_unaligned __attribute__((vector_size(32), aligned(4), may_alias));
  wide sum[2] = {{0}};
  int64_t i = 0;
  for (; i + lanes <= n; i += lanes)
    for (int k = 0; k < 2; k++) {
      wide v = __builtin_convertvector((half) * (const half_unaligned *)(g + i + 8 * k), wide);
      sum[k] += v * v;
    }
  double all = 0;
  for (int k = 0; k < 8; k++) all += sum[0][k] + sum[1][k];
  for (; i < n; i++) all += (double)g[i] * g[i];
  return all;
}

static void sgd(float *restrict w, float *restrict m, const float *restrict g, int64_t n, const bf_update *u) {
  float rate = u->rate, clip = u->clip, decay = u->decay, momentum = u->momentum;
  for (int64_t i = 0; i < n; i++) {
    float moved = momentum * m[i] + g[i] * clip + decay * w[i];
    m[i] = moved;
    w[i] -= rate * moved;
  }
}

static void adamw(float *restrict w, float *restrict m, float *restrict v, const float *restrict g, int64_t n,
                  const bf_update *u) {
  bf_update t = *u;
  for (int64_t i = 0; i < n; i++) {
    float d = g[i] * t.clip, first = t.beta1 * m[i] + t.rest1 * d, second = t.beta2 * v[i] + t.rest2 * d * d;
    m[i] = first;
    v[i] = second;
    w[i] = t.keep * w[i] - t.rate * (first * t.correction1) / (__builtin_sqrtf(second * t.correction2) + t.epsilon);
  }
}

const bf_kernels *BF_KERNELS_FUNCTION(void);
const bf_kernels *BF_KERNELS_FUNCTION(void) {
  static const bf_kernels table = {
      .name = BF_KERNELS_NAME,
      .panel = panel,
      .pack = pack,
      .product = product,
      .finish = finish_rows,
      .linear = linear,
      .linear_data = linear_data,
      .linear_weight = linear_weight,
      .winograd_input = winograd_input,
      .winograd_output = winograd_output,
      .winograd_gradient = winograd_gradient,
      .winograd_weights = winograd_weights,
      .winograd_weights_gradient = winograd_weights_gradient,
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
      .squares = squares,
      .sgd = sgd,
      .adamw = adamw,
  };
  return &table;
}
