/* One file of a mask, by its kind. */
#include "data/mask.h"

#include <string.h>

#include "base/memory.h"
#include "data/mask_shape.h"

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

bf_status bf_mask_read(uint8_t *mask, bf_mask_reader *reader, const bf_mask_file *file, const char *uid, int32_t rows,
                       int32_t columns, bf_error *err) {
  if (!bf_mask_size_good(rows, columns))
    return bf_fail(err, BF_E_LIMIT, "%s: a mask of an image of %d x %d; up to %lld pixels are handled", file->path,
                   columns, rows, (long long)BF_MASK_MAX_PIXELS);
  if (file->kind == BF_MASK_PNG) return bf_mask_png_read(mask, file->path, rows, columns, err);
  if (file->kind == BF_MASK_SHAPE) return bf_mask_shape_draw(mask, file->shape, file->path, rows, columns, err);
  bf_status status = open_segmentation(reader, file->path, err);
  return status == BF_OK ? bf_segmentation_add(mask, reader->open, uid, file->frame, rows, columns, err) : status;
}
