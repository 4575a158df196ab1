/* Masks that stand in a label file itself: polygons and run lengths, as COCO has them. Held as they are and drawn when
 * the image is there: drawn masks of all images would not fit in memory. */
#ifndef BF_DATA_MASK_SHAPE_H
#define BF_DATA_MASK_SHAPE_H

#include <stdint.h>

#include "bifocal/status.h"

typedef struct bf_mask_shape {
  int32_t rows, columns; /* of the image that it was drawn on */
  /* Polygons one behind another, x and y of each corner in pixels, (0, 0) being the upper left corner of the image. */
  float *corners;
  int32_t *sizes; /* corners of each polygon */
  int32_t polygons;
  /* Run lengths, column by column: background first, then lesion, and so on. */
  uint32_t *runs;
  int32_t run_count;
} bf_mask_shape;

void bf_mask_shape_destroy(bf_mask_shape *shape);
/* Adds the shape to a mask of rows x columns. A pixel is in a polygon when its centre is (even-odd rule). Another size
 * than the shape's, or runs that are not as many as pixels: BF_E_FORMAT naming `path`. */
bf_status bf_mask_shape_draw(uint8_t *mask, const bf_mask_shape *shape, const char *path, int32_t rows, int32_t columns,
                             bf_error *err);

#endif
