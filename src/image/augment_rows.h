/* What several augmentations share. Private to the augment_<name>.c files. */
#ifndef BF_IMAGE_AUGMENT_ROWS_H
#define BF_IMAGE_AUGMENT_ROWS_H

#include <math.h>
#include <stddef.h>

#include "image/augment.h"

#define BF_NO_OPTION \
  { NULL, BF_OPTION_INT, 0, NULL, 0, 0, NULL, NULL }

/* A factor 1/(1+range) .. 1+range, as likely below 1 as above. */
static inline double bf_draw_factor(bf_rng *rng, double range) {
  double most = log1p(range);
  return exp(bf_rng_range(rng, -most, most));
}

/* `inner` about the centre of the frame instead of the origin. */
static inline bf_affine bf_about_centre(bf_affine inner, int width, int height) {
  double cx = 0.5 * width, cy = 0.5 * height;
  return bf_affine_compose(bf_affine_translate(cx, cy), bf_affine_compose(inner, bf_affine_translate(-cx, -cy)));
}

static inline float bf_clip_grey(float value) { return value < 0 ? 0 : value > 1 ? 1 : value; }

#define BF_BELLS 128 /* bell-shaped draws made at once */

/* Eight bytes of a draw added up: bell-shaped (Irwin-Hall), mean 0, variance 1, within +-4.9, and far cheaper than a
 * logarithm and a cosine a pixel. In stages, so that all but the draws go in vectors. */
static inline void bf_draw_bells(float *out, bf_rng *rng, int count) {
  const uint64_t even = UINT64_C(0x00ff00ff00ff00ff);
  uint32_t sums[BF_BELLS];
  for (int i = 0; i < count; i++) {
    /* Pairs of bytes are added in 16-bit lanes, then the four lanes. */
    uint64_t bits = bf_rng_next(rng), lanes = (bits & even) + ((bits >> 8) & even);
    sums[i] = (uint32_t)((lanes * UINT64_C(0x0001000100010001)) >> 48);
  }
  /* Mean 8 * 127.5; variance 8 * (256^2 - 1) / 12 = 43690. */
  for (int i = 0; i < count; i++) out[i] = ((float)(int32_t)sums[i] - 1020.0f) * 0.0047841927f;
}

#endif
