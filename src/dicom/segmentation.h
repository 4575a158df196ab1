/* DICOM Segmentation objects (PS3.3 A.51, SOP class 1.2.840.10008.5.1.4.1.1.66.4) as masks of the images that they were
 * drawn on. BINARY frames, and FRACTIONAL ones at half of the Maximum Fractional Value and above. Which image a frame
 * belongs to stands in its Derivation Image Sequence (C.8.20.2.4, C.7.6.16.2.6); all segments of an image are joined.
 * Every function is noexcept. One object per thread at a time. */
#ifndef BF_DICOM_SEGMENTATION_H
#define BF_DICOM_SEGMENTATION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "bifocal/status.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct bf_segmentation bf_segmentation;

/* An image, or one frame of it, that frames of the segmentation were drawn on. */
typedef struct bf_segmentation_image {
  char sop_instance_uid[65];
  int32_t frame; /* from 0; -1: every frame */
} bf_segmentation_image;

/* Whether a file that begins with these bytes is DICOM with a preamble, as segmentations are. */
bool bf_segmentation_may_be(const char *head, size_t size);

/* Reads all but the pixels. BF_E_UNSUPPORTED: label maps, compressed BINARY, frames that name several images or whose
 * pixels do not lie over the image's. BF_E_FORMAT: another kind of object, frames without an image, a file that is cut
 * short. */
bf_status bf_segmentation_open(bf_segmentation **out, const char *path, bf_error *err);
void bf_segmentation_close(bf_segmentation *s);

/* Each image once, in the order of the frames. Borrowed. */
int32_t bf_segmentation_image_count(const bf_segmentation *s);
const bf_segmentation_image *bf_segmentation_image_at(const bf_segmentation *s, int32_t index);

/* Adds what was drawn on this very image and frame to a bit-packed mask (image/mask.h) of rows x columns, which must be
 * the segmentation's own. Nothing was drawn: the mask stays as it is. */
bf_status bf_segmentation_add(uint8_t *mask, bf_segmentation *s, const char *sop_instance_uid, int32_t frame,
                              int32_t rows, int32_t columns, bf_error *err);

#ifdef __cplusplus
}
#endif
#endif
