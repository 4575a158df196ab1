/* DICOM objects that mark lesions, as masks of the images that they were drawn on:
 *   - Segmentations (PS3.3 A.51): BINARY frames, FRACTIONAL ones at half of the Maximum Fractional Value and above, and
 * Label Map Segmentations wherever a pixel is neither 0 nor the Pixel Padding Value. Which image a frame belongs to
 * stands in its Derivation Image Sequence (C.8.20.2.4, C.7.6.16.2.6); all segments of an image are joined.
 *   - RT Structure Sets (A.19): closed planar contours whose Contour Image Sequence names an image, of structures that
 * are none of organs, aids and planned volumes.
 *   - Structured reports (A.35): closed SCOORDs that were selected from an image, as TID 1500 has them.
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

/* An image, or one frame of it, that something was drawn on. What is said to be malignant, benign and nothing of these
 * are told apart: they are entries of their own. */
typedef struct bf_segmentation_image {
  char sop_instance_uid[65];
  int32_t frame;    /* from 0; -1: every frame */
  int8_t malignant; /* 0, 1; -2: nothing is said */
} bf_segmentation_image;

/* Where an image lies: bf_image's place and spacing. */
typedef struct bf_segmentation_place {
  bool known; /* false for images of several frames: each lies elsewhere */
  double position[3], row_direction[3], column_direction[3]; /* mm; of the centre of the first pixel; unit vectors */
  double spacing_row, spacing_column;
} bf_segmentation_place;

/* Whether a file that begins with these bytes is DICOM with a preamble, as segmentations are. */
bool bf_segmentation_may_be(const char *head, size_t size);

/* Reads all but the pixels. BF_E_UNSUPPORTED: compressed BINARY, frames that name several images or whose
 * pixels do not lie over the image's. BF_E_FORMAT: another kind of object, frames without an image, a file that is cut
 * short. */
bf_status bf_segmentation_open(bf_segmentation **out, const char *path, bf_error *err);
void bf_segmentation_close(bf_segmentation *s);

/* Each image once, in the order of the frames. Borrowed. */
int32_t bf_segmentation_image_count(const bf_segmentation *s);
const bf_segmentation_image *bf_segmentation_image_at(const bf_segmentation *s, int32_t index);

/* Contours and coordinates that are none of lesions, or that cannot be used: of other types, not closed, of no image.
 */
int32_t bf_segmentation_passed(const bf_segmentation *s);

/* Adds what was drawn on this entry to a bit-packed mask (image/mask.h) of rows x columns, which must be a
 * segmentation's own. Nothing was drawn: the mask stays as it is. place: of the image, needed for contours in mm
 * (BF_E_UNSUPPORTED without); may be NULL. */
bf_status bf_segmentation_add(uint8_t *mask, bf_segmentation *s, const bf_segmentation_image *entry, int32_t rows,
                              int32_t columns, const bf_segmentation_place *place, bf_error *err);

#ifdef __cplusplus
}
#endif
#endif
