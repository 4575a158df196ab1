/* Two ways of running a convolution and its gradients, for op_conv.c: windows that slide over a map, read in place by
 * the product, and Winograd's F(2x2,3x3) or F(4x4,3x3). Both cut work freely: the product's sums do not hang on the
 * cut. */
#ifndef BF_NN_CONV_H
#define BF_NN_CONV_H

#include "base/pool.h"
#include "tensor/kernels.h"

/* Maps h x w x c of n images, one after the other. */
typedef struct bf_map {
  int h, w, c;
} bf_map;

/* Every output pixel (y, x), y < rows, x < cols, is the product of the window of high x wide pixels that begins at
 * (top + y*step, left + x*step) of the source (outside of it: 0) with packed weights [high*wide*c][channels]; it goes
 * to pixel (dst_top + y*dst_step, dst_left + x*dst_step) of the destination. A convolution's forward pass is one of
 * these; its data gradient is one for each residue of the stride. */
typedef struct bf_slide {
  const bf_kernels *kernels;
  bf_pool *pool;
  int n;
  bf_map in, out;
  const float *src;
  float *dst;
  int top, left, step, high, wide;
  int rows, cols, dst_top, dst_left, dst_step;
  const float *packed;
  bool add;                /* to what stands in the destination */
  const bf_finish *finish; /* other has the destination's shape */
  float *scratch;
} bf_slide;

int64_t bf_slide_scratch(const bf_slide *s, int threads);
void bf_slide_run(const bf_slide *s);
/* The weights' gradient [high*wide*in.c][out.c], overwritten; src, and dst as the gradient of a forward slide. */
int64_t bf_slide_weight_scratch(const bf_slide *s);
void bf_slide_weight(const bf_slide *s, float *gradient);

/* A 3x3 correlation of stride 1 whose first window begins at (-padding, -padding). */
typedef struct bf_winograd {
  const bf_kernels *kernels;
  const bf_winograd_form *form; /* of the kernels */
  bf_pool *pool;
  int n;
  bf_map in, out;
  int padding;
  const float *src;
  float *dst;
  const float *u; /* transformed packed weights: form->points planes of in.c x out.c */
  bool add;
  const bf_finish *finish;
  float *scratch;
} bf_winograd;

int64_t bf_winograd_scratch(const bf_winograd *s, int threads);
void bf_winograd_run(const bf_winograd *s);
int64_t bf_winograd_weight_scratch(const bf_winograd *s);
void bf_winograd_weight(const bf_winograd *s, float *gradient);
/* Nine packed taps [9][count] to form->points planes. */
void bf_winograd_transform(const bf_winograd_form *form, bf_pool *pool, float *u, const float *taps, int64_t count);

/* Floats of packed [k][n] weights. */
static inline int64_t bf_packed(const bf_kernels *kernels, int64_t k, int64_t n) {
  return k * ((n + kernels->panel - 1) / kernels->panel) * kernels->panel;
}

static inline int64_t bf_map_size(bf_map m) { return (int64_t)m.h * m.w * m.c; }

/* [part*count/parts, (part+1)*count/parts) in whole steps. */
typedef struct bf_range {
  int64_t first, count;
} bf_range;

static inline bf_range bf_part(int64_t count, int64_t step, int part, int parts) {
  int64_t steps = (count + step - 1) / step, first = steps * part / parts * step,
          last = steps * (part + 1) / parts * step;
  if (last > count) last = count;
  return (bf_range){first, last > first ? last - first : 0};
}

#endif
