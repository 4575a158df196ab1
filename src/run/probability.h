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

#endif
