/* The fast kernels' one body, included once for each instruction set with BF_KERNELS_FUNCTION and BF_KERNELS_NAME
 * defined. Vectors are the set's widest (lane_body.h). Every sum is
 * taken in an order that depends on shapes alone. */
#include <string.h>

#include "tensor/kernels.h"

#include "tensor/lane_body.h"
#include "tensor/product_body.h"
#include "tensor/winograd_body.h"

/* One output pixel's taps that lie inside: [first, last) in each direction. */
static inline void tap_range(int *first, int *last, int start, int kernel, int size) {
  *first = start < 0 ? -start : 0;
  *last = start + kernel > size ? size - start : kernel;
}

#include "tensor/depthwise_body.h"

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

#include "tensor/activation_body.h"

/* ---- the optimiser's passes: memory's pace ---- */

static double dot(const float *a, const float *b, int64_t n) {
  typedef double wide __attribute__((vector_size(64)));
  typedef float half __attribute__((vector_size(32)));
  typedef float half_unaligned __attribute__((vector_size(32), aligned(4), may_alias));
  wide sum[2] = {{0}};
  int64_t i = 0;
  for (; i + 16 <= n; i += 16)
    for (int k = 0; k < 2; k++) {
      wide u = __builtin_convertvector((half) * (const half_unaligned *)(a + i + 8 * k), wide);
      wide v = __builtin_convertvector((half) * (const half_unaligned *)(b + i + 8 * k), wide);
      sum[k] += u * v;
    }
  double all = 0;
  for (int k = 0; k < 8; k++) all += sum[0][k] + sum[1][k];
  for (; i < n; i++) all += (double)a[i] * b[i];
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
