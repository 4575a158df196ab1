/* What a JPEG stream (ISO/IEC 10918-1 B.2.2) says of itself. */
#ifndef BF_DICOM_JPEG_HEADER_H
#define BF_DICOM_JPEG_HEADER_H

#include "image/image.h"

#ifdef __cplusplus
extern "C" {
#endif

/* BF_E_FORMAT where the frame header is absent, or is another picture's than the image's; BF_E_LIMIT for a stream of
 * scans without end. */
bf_status bf_jpeg_check(const bf_image *image, const void *data, size_t size, bf_error *err);

#ifdef __cplusplus
}
#endif
#endif
