/* Shrinking and mirroring of grey pictures, one axis at a time. Pure C on the caller's buffers; any thread. */
#ifndef BF_IMAGE_RESAMPLE_H
#define BF_IMAGE_RESAMPLE_H

#include "bifocal/status.h"
#include "image/geometry.h"

#ifdef __cplusplus
extern "C" {
#endif

/* src[rows*columns] through the affine that maps source pixels to destination pixels, to dst[dst_rows*dst_columns].
 * The map may scale, shift and mirror; one that turns or shears: BF_E_INTERNAL. Where an axis shrinks by s > 1.05, a
 * Gaussian of sigma 0.45 sqrt(s^2 - 1) source pixels, cut at 4 sigma, goes before linear interpolation, so that detail
 * finer than the new grid does not alias (the sigma that makes a pixel's own blur grow by s; Lindeberg 1994). Edges
 * are repeated; 0 outside of the source. Errors: BF_E_MEMORY. */
bf_status bf_image_resample(float *dst, int dst_columns, int dst_rows, const float *src, int columns, int rows,
                            bf_affine to_dst, bf_error *err);

#ifdef __cplusplus
}
#endif
#endif
