/* Outlines to masks. */
#ifndef BF_IMAGE_POLYGON_H
#define BF_IMAGE_POLYGON_H

#include <stdint.h>

#include "bifocal/status.h"

#ifdef __cplusplus
extern "C" {
#endif

/* In pixels, (0, 0) being the upper left corner of the image; finite. */
typedef struct bf_corner {
  double x, y;
} bf_corner;

/* Adds to a mask (image/mask.h) every pixel whose centre the closed outlines go around an odd number of times: one
 * outline within another is a hole. corners: of the outlines one behind another; sizes[outlines]: how many each has.
 * What lies outside of the image is cut off. BF_E_MEMORY. Time grows with the rows that each edge passes, memory with
 * the corners. Threads: any, on masks of their own. */
bf_status bf_polygon_fill(uint8_t *mask, int32_t rows, int32_t columns, const bf_corner *corners, const int32_t *sizes,
                          int32_t outlines, bf_error *err);

#ifdef __cplusplus
}
#endif
#endif
