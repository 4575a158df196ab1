/* Sampling a line of a frame. Private to src/image. */
#ifndef BF_IMAGE_SAMPLE_LINE_H
#define BF_IMAGE_SAMPLE_LINE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct bf_sampled {
  const uint16_t *pixels; /* [rows*columns] */
  int columns, rows;
  double back[6]; /* frame -> picture, as in bf_affine */
  double most;    /* no displacement is larger than this, in x or in y */
} bf_sampled;

/* sum[i] += the picture, in units of 1/65535, at the frame point (x + i + fraction, y), displaced by (dx[i], dy[i])
 * unless dx is NULL. Bilinear, pixel centres at +0.5, zero outside. */
void bf_sample_line(float *sum, const bf_sampled *s, int x, double fraction, double y, const float *dx, const float *dy,
                    int count);

typedef void bf_line_sampler(float *sum, const bf_sampled *s, int x, double fraction, double y, const float *dx,
                             const float *dy, int count);

/* The same bits, eight points at a time, for processors that have these instructions (x86-64 alone). The picture has at
 * least two columns and rows, and fewer than 2^31 pixels. */
bf_line_sampler bf_sample_line_avx2, bf_sample_line_avx512;

#endif
