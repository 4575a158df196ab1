/* The ITK shim: resampling and content finding on the caller's buffers. No file access. noexcept; exceptions become
 * errors. ITK is held to one thread; calls from different threads may run at the same time. */
#ifndef BF_ITK_ITK_H
#define BF_ITK_ITK_H

#include "bifocal/status.h"
#include "image/geometry.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Once, before threads. */
bf_status bf_itk_init(bf_error *err);

/* Otsu threshold (Otsu 1979) and the largest connected component's bounding box, in pixels of src[rows*columns].
 * found = false when the picture is constant. */
bf_status bf_itk_content(bf_rect *out, bool *found, const float *src, int columns, int rows, bf_error *err);

/* Resamples src through the affine that maps source pixels to destination pixels: smoothed against aliasing where it
 * shrinks, linear interpolation, 0 outside. Any affine; ten times slower than bf_image_resample, which the tests hold
 * against it. */
bf_status bf_itk_resample(float *dst, int dst_columns, int dst_rows, const float *src, int columns, int rows,
                          bf_affine to_dst, bf_error *err);

const char *bf_itk_library_version(void); /* static */

#ifdef __cplusplus
}
#endif
#endif
