/* One file of a mask, by its kind. */
#include "data/mask.h"

#include <string.h>

#include "base/memory.h"
#include "data/mask_shape.h"
#include "dicom/dicom.h"

void bf_mask_reader_clear(bf_mask_reader *reader) {
  bf_segmentation_close(reader->open);
  bf_free(reader->path);
  *reader = (bf_mask_reader){0};
}

static bf_status open_segmentation(bf_mask_reader *reader, const char *path, bf_error *err) {
  if (reader->path != NULL && strcmp(reader->path, path) == 0) return BF_OK;
  bf_mask_reader_clear(reader);
  bf_status status = bf_segmentation_open(&reader->open, path, err);
  if (status != BF_OK) return status;
  reader->path = bf_strdup(path);
  return reader->path != NULL ? BF_OK : bf_fail(err, BF_E_MEMORY, "%s: no memory to read it", path);
}

/* A lesion is what is at least half as bright as the brightest pixel; an image that is black all over has none. */
static void take_bright(uint8_t *mask, const bf_image *image, const void *pixels) {
  int64_t n = (int64_t)image->rows * image->columns, most = 0;
  for (int64_t i = 0; i < n; i++) {
    int64_t value = bf_image_stored(image, pixels, i);
    if (value > most) most = value;
  }
  for (int64_t i = 0; i < n && most > 0; i++)
    if (2 * bf_image_stored(image, pixels, i) >= most)
      bf_mask_set(mask, image->columns, (int32_t)(i % image->columns), (int32_t)(i / image->columns));
}

static bf_status read_dicom(uint8_t *mask, const char *path, int32_t rows, int32_t columns, bf_error *err) {
  bf_dicom *dicom = NULL;
  bf_status status = bf_dicom_open(&dicom, path, NULL, 0, err);
  if (status != BF_OK) return status;
  const bf_image *image = bf_dicom_image(dicom);
  void *pixels = NULL;
  if (image->rows != rows || image->columns != columns)
    status = bf_fail(err, BF_E_FORMAT, "%s: the mask has %d columns and %d rows, the image %d columns and %d rows",
                     path, image->columns, image->rows, columns, rows);
  else if (image->samples != 1)
    status = bf_fail(err, BF_E_FORMAT, "%s: the mask is in colour", path);
  else if ((pixels = bf_alloc_raw(image->frame_bytes, 1)) == NULL)
    status = bf_fail(err, BF_E_MEMORY, "%s: no memory to read it", path);
  else if ((status = bf_dicom_decode(dicom, 0, pixels, err)) == BF_OK)
    take_bright(mask, image, pixels);
  bf_free(pixels);
  bf_dicom_close(dicom);
  return status;
}

bf_status bf_mask_read(uint8_t *mask, bf_mask_reader *reader, const bf_mask_file *file, const char *uid, int32_t rows,
                       int32_t columns, const bf_segmentation_place *place, bf_error *err) {
  if (!bf_mask_size_good(rows, columns))
    return bf_fail(err, BF_E_LIMIT, "%s: a mask of an image of %d x %d; up to %lld pixels are handled", file->path,
                   columns, rows, (long long)BF_MASK_MAX_PIXELS);
  if (file->kind == BF_MASK_DICOM) return read_dicom(mask, file->path, rows, columns, err);
  if (file->kind == BF_MASK_PNG) return bf_mask_png_read(mask, file->path, rows, columns, err);
  if (file->kind == BF_MASK_SHAPE) return bf_mask_shape_draw(mask, file->shape, file->path, rows, columns, err);
  bf_status status = open_segmentation(reader, file->path, err);
  bf_segmentation_image entry = {.frame = file->frame, .malignant = file->malignant};
  if (status != BF_OK || strlen(uid) >= sizeof entry.sop_instance_uid) return status; /* nobody's */
  memcpy(entry.sop_instance_uid, uid, strlen(uid) + 1);
  return bf_segmentation_add(mask, reader->open, &entry, rows, columns, place, err);
}
