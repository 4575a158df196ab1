/* Loops over contiguous channels, NHWC float32. Each table holds the same functions: "plain" is the reference, written
 * to be read; the others are one body compiled for several instruction sets and chosen at start. Kernels know nothing
 * of threads: callers cut the work into slices. Pointers may not overlap unless a function says so. */
#ifndef BF_TENSOR_KERNELS_H
#define BF_TENSOR_KERNELS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "bifocal/status.h"
#include "tensor/product.h"

/* A square window over one image: input h x w x c, output oh x ow (x out channels). */
typedef struct bf_window {
  int h, w, c, kernel, stride, padding, oh, ow;
} bf_window;

/* One update of weights: d = gradient*clip; see sgd and adamw. */
typedef struct bf_update {
  float rate, clip, decay, momentum;    /* SGD */
  float beta1, beta2, epsilon;          /* AdamW (Loshchilov, Hutter 2019) */
  float rest1, rest2;                   /* 1 - beta1, 1 - beta2, taken in double */
  float correction1, correction2, keep; /* 1/(1 - beta^steps); 1 - rate*decay */
} bf_update;

/* Winograd's F(t x t, 3x3): Y = A^T [ (G g G^T) . (B^T d B) ] A and its adjoints (Lavin, Gray 2016). A transformed tile
 * is (t+2)^2 values of each channel, `plane` floats apart; x, y and dy are whole maps h x w x c.
 * input: the patch of (t+2)^2 pixels that begins at (top, left); what lies outside the map is 0.
 * output: the t x t pixels at (top, left), cut at the map's edge, added to y or finished (other has y's shape).
 * gradient: A dy A^T of the tile at (top, left), in panels `panel_step` floats apart.
 * weights: n filters; element i of tap k at g[k*g_plane + i]. weights_gradient: its adjoint. */
typedef struct bf_winograd_form {
  int tile;   /* t */
  int points; /* (t+2)^2 */
  void (*input)(float *v, int64_t plane, const float *x, int h, int w, int c, int top, int left);
  void (*output)(float *y, const float *m, int64_t plane, int h, int w, int c, int top, int left, bool add,
                 const bf_finish *finish);
  void (*gradient)(float *v, int64_t plane, int64_t panel_step, const float *dy, int h, int w, int c, int top,
                   int left);
  void (*weights)(float *u, int64_t u_plane, const float *g, int64_t g_plane, int64_t n);
  void (*weights_gradient)(float *dg, int64_t g_plane, const float *du, int64_t u_plane, int64_t n);
} bf_winograd_form;

typedef struct bf_kernels {
  const char *name;
  bool plain; /* convolutions run as direct loops */

  /* Matrix product: columns of a panel; B [k][n], or its transpose [n][k], into panels [dst_rows][panel] each, of which
   * the first k rows are written, columns past n with zeros; and the product. */
  int panel;
  void (*pack)(float *dst, const float *b, int64_t ldb, bool transposed, int64_t k, int64_t n, int64_t dst_rows);
  void (*product)(const bf_product *q);
  /* The finish of what stands in x; y, x and other are [rows][columns], and y may be either. */
  void (*finish)(float *y, const float *x, int64_t rows, int64_t columns, const bf_finish *f);

  /* Some inputs of a fully connected layer, w [inputs][outputs], of n images: y [n][outputs] += x w; dx (+)= dy w^T;
   * dw = x^T dy. x and dx are x_row apart. An image's numbers do not hang on the others. */
  void (*linear)(float *y, const float *x, int64_t x_row, const float *w, int64_t n, int64_t inputs, int64_t outputs);
  void (*linear_data)(float *dx, int64_t dx_row, const float *dy, const float *w, int64_t n, int64_t inputs,
                      int64_t outputs, bool add);
  void (*linear_weight)(float *dw, const float *x, int64_t x_row, const float *dy, int64_t n, int64_t inputs,
                        int64_t outputs);

  bf_winograd_form winograd2, winograd4; /* F(2x2,3x3) and F(4x4,3x3) */

  /* Depthwise, w [kernel][kernel][c], output rows [row0, row1) of one image; finish NULL: none (other has y's shape).
   */
  void (*depthwise)(float *y, const float *x, const float *w, const bf_window *g, int row0, int row1,
                    const bf_finish *finish);
  /* Input rows [row0, row1) of dx, overwritten or added to. */
  void (*depthwise_data)(float *dx, const float *dy, const float *w, const bf_window *g, int row0, int row1, bool add);
  /* Adds to dw[kernel][kernel][c] from output rows [row0, row1). */
  void (*depthwise_weight)(float *dw, const float *x, const float *dy, const bf_window *g, int row0, int row1);

  /* Maxima of windows, output rows [row0, row1) of one image; what lies outside the map does not count. */
  void (*max_pool)(float *y, const float *x, const bf_window *g, int row0, int row1);
  /* dx of one image += dy where the window's first greatest value stands; y is what max_pool gave. */
  void (*max_pool_backward)(float *dx, const float *x, const float *y, const float *dy, const bf_window *g);

  /* y = min(max(x, 0), top); y may be x. */
  void (*clamp)(float *y, const float *x, int64_t n, float top);
  /* dx (+)= dy where 0 < y < top; dx may be dy. */
  void (*clamp_backward)(float *dx, const float *dy, const float *y, int64_t n, float top, bool add);
  /* dx[r][c] (+)= dy[r][c]*scale[c]; dx may be dy. */
  void (*scale)(float *dx, const float *dy, const float *scale, int64_t rows, int c, bool add);
  /* y = a + b; y may be a or b. */
  void (*add)(float *y, const float *a, const float *b, int64_t n);
  /* Mean and sum of squared deviations of each channel over the rows. */
  void (*moments)(float *mean, float *m2, const float *x, int64_t rows, int c);
  /* sum_dy[c] = sum dy; sum_dyx[c] = sum dy * (x - mean)*inverse. x NULL: only sum_dy. */
  void (*norm_sums)(float *sum_dy, float *sum_dyx, const float *dy, const float *x, const float *mean,
                    const float *inverse, int64_t rows, int c);
  /* dx (+)= a[c]*dy + b[c]*x + d[c]. */
  void (*norm_data)(float *dx, const float *dy, const float *x, const float *a, const float *b, const float *d,
                    int64_t rows, int c, bool add);

  /* y = x/(1 + e^-x); x*Phi(x) with the normal distribution's Phi; 1/(1 + e^-x). y may be x. Backward from x, or for
   * the sigmoid from y: dx (+)= dy * slope; dx may be dy. */
  void (*silu)(float *y, const float *x, int64_t n);
  void (*silu_backward)(float *dx, const float *dy, const float *x, int64_t n, bool add);
  void (*gelu)(float *y, const float *x, int64_t n);
  void (*gelu_backward)(float *dx, const float *dy, const float *x, int64_t n, bool add);
  void (*sigmoid)(float *y, const float *x, int64_t n);
  void (*sigmoid_backward)(float *dx, const float *dy, const float *y, int64_t n, bool add);

  /* Each row over its c channels: y = (x - mean)/sqrt(variance + epsilon)*scale + shift; y may be x. stats gets mean
   * and inverse deviation of each row, which the backward passes read. */
  void (*layer_norm)(float *y, float *stats, const float *x, const float *scale, const float *shift, float epsilon,
                     int64_t rows, int c);
  /* sum_dy[c] = sum dy; sum_dyx[c] = sum dy * normalised x. */
  void (*layer_norm_sums)(float *sum_dy, float *sum_dyx, const float *dy, const float *x, const float *stats,
                          int64_t rows, int c);
  /* dx (+)= the gradient with respect to x; dx may be dy. */
  void (*layer_norm_data)(float *dx, const float *dy, const float *x, const float *stats, const float *scale,
                          int64_t rows, int c, bool add);

  /* Sum of products, in double; b may be a. */
  double (*dot)(const float *a, const float *b, int64_t n);
  /* m = momentum*m + d + decay*w; w -= rate*m. */
  void (*sgd)(float *w, float *m, const float *g, int64_t n, const bf_update *u);
  /* m = beta1*m + rest1*d; v = beta2*v + rest2*d^2; w = keep*w - rate*(m*correction1)/(sqrt(v*correction2)+epsilon). */
  void (*adamw)(float *w, float *m, float *v, const float *g, int64_t n, const bf_update *u);
} bf_kernels;

/* The tables; NULL where the processor lacks the instructions. */
const bf_kernels *bf_kernels_plain(void);
const bf_kernels *bf_kernels_baseline(void);
const bf_kernels *bf_kernels_avx2(void);
const bf_kernels *bf_kernels_avx512(void);

/* The table in use: the best for this processor unless another was selected (bifocal/kernels.h). */
const bf_kernels *bf_kernels_current(void);

#endif
