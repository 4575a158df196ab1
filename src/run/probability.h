/* From a head's coarse map of lesion logits to the pixels of the original image, and to a mask and boxes there. */
#ifndef BF_RUN_PROBABILITY_H
#define BF_RUN_PROBABILITY_H

#include "image/geometry.h"
#include "nn/head.h"
#include "store/scores.h"

/* *out, owned: [rows][columns], the probability at each pixel's middle in 255ths, between the cells' by straight lines;
 * 0 where the network did not look. Any thread. */
bf_status bf_probability_map(uint8_t **out, const bf_prediction *prediction, bf_affine to_network, int32_t columns,
                             int32_t rows, bf_error *err);

/* *out, owned: bit-packed pixels of one half and more. */
bf_status bf_probability_mask(uint8_t **out, const uint8_t *probable, int32_t columns, int32_t rows, bf_error *err);

/* Boxes around the mask's pieces but specks, best first, up to BF_MAX_BOXES; score: mean probability of the piece. */
bf_status bf_probability_boxes(bf_found_box *boxes, int *count, const uint8_t *probable, const uint8_t *mask,
                               int32_t columns, int32_t rows, bf_error *err);

/* Lets boxes take the sides of the mask's pieces: each box moves by `share` (0 to 1) towards the box of the piece, no
 * speck, that it overlaps most, where their IoU is at least 0.1. An outline says where a lesion ends better than a
 * distance guessed from its middle; the score stays that of the box. Of boxes that follow the same piece only the first
 * stays, unless their IoU is below 0.5 even now. Boxes stand best first. share 0: nothing is done. */
bf_status bf_probability_sides(bf_found_box *boxes, int *count, const uint8_t *mask, int32_t columns, int32_t rows,
                               double share, bf_error *err);

#endif
