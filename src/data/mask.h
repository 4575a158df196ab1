/* Masks of lesions as files: one file drawn on one frame is read, at the size of its image, into a bit-packed mask
 * (image/mask.h). Which mask belongs to which image stands in data/labels.h, what follows from it in data/mask_label.h.
 */
#ifndef BF_DATA_MASK_H
#define BF_DATA_MASK_H

#include "dicom/segmentation.h"
#include "image/mask.h"

typedef enum bf_mask_kind {
  BF_MASK_PNG,
  BF_MASK_SEGMENTATION,
  BF_MASK_DICOM, /* an image whose pixels of half the largest value or more are the lesion */
  BF_MASK_SHAPE  /* in memory: data/mask_shape.h */
} bf_mask_kind;

typedef struct bf_mask_file {
  char *path; /* owned by whoever holds the struct */
  bf_mask_kind kind;
  int32_t frame;                     /* of the image, from 0; -1: every frame */
  int8_t malignant;                  /* class of what it marks, 0 or 1; BF_MASK_CLASS_OF_IMAGE: the image's */
  const struct bf_mask_shape *shape; /* SHAPE: borrowed of the labels; path is then the file that it stands in */
} bf_mask_file;

enum { BF_MASK_CLASS_OF_IMAGE = -2 };

/* Keeps the segmentation that was read last open: its masks come one after another. Zeroed: empty. One thread. */
typedef struct bf_mask_reader {
  bf_segmentation *open;
  char *path; /* of the open one */
} bf_mask_reader;

void bf_mask_reader_clear(bf_mask_reader *reader);

/* Adds what the file marks on the image to `mask`, which has the size of the image; what is set in it stays. uid: SOP
 * Instance UID of the image, for segmentations. A file of another size, a damaged one, one that cannot be read: an
 * error that names the file, and the mask is then in an undefined state. */
bf_status bf_mask_read(uint8_t *mask, bf_mask_reader *reader, const bf_mask_file *file, const char *uid, int32_t rows,
                       int32_t columns, const bf_segmentation_place *place, bf_error *err);

/* The same for a PNG of any depth and colour type. A pixel is lesion where its luminance (ITU-R BT.601 of the stored
 * values, whatever gamma or profile the file names) is half of white or more; transparency is not looked at, but a
 * wholly transparent pixel is no lesion. Interlaced files are read. A file that is cut short is never padded, and one
 * without any lesion pixel that is not black all over is refused: masks of 0 and 1 would be read as empty. */
bf_status bf_mask_png_read(uint8_t *mask, const char *path, int32_t rows, int32_t columns, bf_error *err);

#endif
