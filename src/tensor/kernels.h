/* Loops over contiguous channels, NHWC float32. Each table holds the same functions: "plain" is the reference, written
 * to be read; the others are one body compiled for several instruction sets and chosen at start. Kernels know nothing
 * of threads: callers cut the work into slices. Pointers may not overlap unless a function says so. */
#ifndef BF_TENSOR_KERNELS_H
#define BF_TENSOR_KERNELS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "bifocal/status.h"

/* A square window over one image: input h x w x c, output oh x ow (x out channels). */
typedef struct bf_window {
  int h, w, c, kernel, stride, padding, oh, ow;
} bf_window;

typedef struct bf_kernels {
  const char *name;
  bool plain; /* convolutions run as direct loops */

  /* Rows [first, first+count) of the matrix [oh*ow][kernel*kernel*c] of one image. */
  void (*im2col)(float *dst, const float *x, const bf_window *g, int first, int count);
  /* The adjoint: adds those rows into dx. */
  void (*col2im)(float *dx, const float *src, const bf_window *g, int first, int count);

  /* Depthwise, w [kernel][kernel][c], output rows [row0, row1) of one image. */
  void (*depthwise)(float *y, const float *x, const float *w, const bf_window *g, int row0, int row1);
  /* Input rows [row0, row1) of dx, overwritten or added to. */
  void (*depthwise_data)(float *dx, const float *dy, const float *w, const bf_window *g, int row0, int row1, bool add);
  /* Adds to dw[kernel][kernel][c] from output rows [row0, row1). */
  void (*depthwise_weight)(float *dw, const float *x, const float *dy, const bf_window *g, int row0, int row1);

  /* y = min(max(x, 0), top); y may be x. */
  void (*clamp)(float *y, const float *x, int64_t n, float top);
  /* dx (+)= dy where 0 < y < top; dx may be dy. */
  void (*clamp_backward)(float *dx, const float *dy, const float *y, int64_t n, float top, bool add);
  /* y[r][c] = x[r][c]*scale[c] + shift[c]; y may be x. */
  void (*affine)(float *y, const float *x, const float *scale, const float *shift, int64_t rows, int c);
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
} bf_kernels;

/* The tables; NULL where the processor lacks the instructions. */
const bf_kernels *bf_kernels_plain(void);
const bf_kernels *bf_kernels_baseline(void);
const bf_kernels *bf_kernels_avx2(void);
const bf_kernels *bf_kernels_avx512(void);

/* The table in use: the best for this processor unless another was selected. */
const bf_kernels *bf_kernels_current(void);

/* The names of the tables that this processor and build have, "plain, baseline, ..."; static. */
const char *bf_kernels_names(void);

/* "auto", "plain", or a table's name; process-wide, before use. */
bf_status bf_kernels_choose(const char *name, bf_error *err);

#endif
