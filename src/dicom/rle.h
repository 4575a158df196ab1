/* RLE frames. */
#ifndef BF_DICOM_RLE_H
#define BF_DICOM_RLE_H

#include "image/image.h"

#ifdef __cplusplus
extern "C" {
#endif

/* One frame from its stream to interleaved samples; dst has image->frame_bytes. */
bf_status bf_rle_decode(void *dst, bf_image *image, const void *data, size_t size, bf_error *err);

#ifdef __cplusplus
}
#endif
#endif
