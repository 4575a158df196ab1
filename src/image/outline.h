/* Points on the edge of one lesion of a mask, few enough to be mapped for every augmented picture: the box around the
 * mapped points is that of the mapped lesion, where a mapped box's own corners would give a larger one. */
#ifndef BF_IMAGE_OUTLINE_H
#define BF_IMAGE_OUTLINE_H

#include "bifocal/status.h"
#include "image/warp.h"

typedef struct bf_point {
  float x, y; /* corners of pixels of the original image */
} bf_point;

typedef struct bf_outline {
  bf_point *points; /* owned */
  int32_t count;    /* 0: the box is all that is known */
} bf_outline;

/* Of the mask's pixels (bit-packed: image/mask.h) inside `box`: the corners of their convex hull, which decide for
 * every affine map, and ends of rows and columns between them, for displacements. Empty where the pixels' own box is
 * more than 1.5 pixels from `box` on any side: the two are not of one drawing, and the box counts. */
bf_status bf_outline_find(bf_outline *out, const uint8_t *mask, int32_t rows, int32_t columns, bf_rect box,
                          bf_error *err);
void bf_outline_clear(bf_outline *outline);

/* Upright box in the frame around the mapped points; of an outline without points, bf_warp_rect of the box. */
bf_rect bf_outline_rect(const bf_outline *outline, const bf_warp *warp, bf_rect box);

#endif
