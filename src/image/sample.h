/* From a prepared 16-bit picture to one place of a batch: one bilinear sampling through a warp, then normalise.
 * The same function serves training and scoring, so that they cannot drift apart. */
#ifndef BF_IMAGE_SAMPLE_H
#define BF_IMAGE_SAMPLE_H

#include <stdint.h>

#include "image/warp.h"

typedef struct bf_normalisation {
  float mean[3], std[3]; /* of luminance 0..1 repeated into three channels */
} bf_normalisation;

/* grey[height*width] in 0..1 from pixels[rows*columns] (0..65535); to_frame maps prepared pixels to frame pixels.
 * Outside the picture: 0. Downscaling by more than 1.5 averages (samples) so that fine detail does not alias. */
void bf_sample_grey(float *grey, int width, int height, const uint16_t *pixels, int columns, int rows,
                    bf_affine to_frame);
/* The same with a displacement behind the affine; without one the same bits. */
void bf_sample_warped(float *grey, int width, int height, const uint16_t *pixels, int columns, int rows,
                      const bf_warp *warp);
/* dst[height*width*3] (NHWC) = (grey - mean) / std, a picture for each channel: a slice between its neighbours. */
void bf_sample_normalise_slices(float *dst, const float *const grey[3], int width, int height,
                                const bf_normalisation *n);
/* The same picture in all three. */
void bf_sample_normalise(float *dst, const float *grey, int width, int height, const bf_normalisation *n);

#endif
