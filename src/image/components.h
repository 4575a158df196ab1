/* The connected pieces of a bit-packed mask (image/mask.h). Pixels that touch at an edge or a corner belong together
 * (8-connected). One pass over the runs of each row, joined to those of the row above by union and find (Tarjan 1975,
 * as in He, Chao, Suzuki, "A run-based two-scan labeling algorithm", IEEE Trans. Image Processing 2008, without the
 * second scan: no picture of labels is made). Time grows with pixels, memory with pieces. Any thread. */
#ifndef BF_IMAGE_COMPONENTS_H
#define BF_IMAGE_COMPONENTS_H

#include <stdbool.h>
#include <stdint.h>

#include "bifocal/status.h"

typedef struct bf_component {
  int32_t xmin, ymin, xmax, ymax; /* pixels, max exclusive: the smallest box around the piece */
  int64_t area;                   /* pixels */
  double x, y;                    /* centroid; the centre of the pixel in column 0, row 0 is (0.5, 0.5) */
} bf_component;

typedef struct bf_components {
  bf_component *items; /* owned; ordered by the first pixel of each piece, row by row */
  int32_t count;
} bf_components; /* zeroed: empty */

/* All pieces of the mask; bits behind the last column are not looked at. A mask beyond the limits of image/mask.h, or
 * of more than four million runs that begin a piece, is BF_E_LIMIT. *out is overwritten, and empty after a failure. */
bf_status bf_components_find(bf_components *out, const uint8_t *mask, int32_t rows, int32_t columns, bf_error *err);
void bf_components_clear(bf_components *components);

/* Takes specks out of the list; how many there were. Too small for a lesion is what has fewer than 9 pixels, or less
 * than 0.02 % of the image and less than a tenth of the largest piece. image: its pixels. */
int32_t bf_components_drop_specks(bf_components *components, int64_t image);

#endif
