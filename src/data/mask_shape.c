/* Polygons and run lengths to pixels. */
#include "data/mask_shape.h"

#include "base/memory.h"
#include "image/mask.h"
#include "image/polygon.h"

void bf_mask_shape_destroy(bf_mask_shape *shape) {
  if (shape == NULL) return;
  bf_free(shape->corners);
  bf_free(shape->sizes);
  bf_free(shape->runs);
  bf_free(shape);
}

static bf_status draw_polygon(uint8_t *mask, const float *corners, int32_t size, int32_t rows, int32_t columns,
                              bf_error *err) {
  bf_corner *outline = bf_alloc((size_t)size, sizeof *outline);
  if (outline == NULL) return bf_fail(err, BF_E_MEMORY, "no memory for a polygon of %d corners", size);
  for (size_t i = 0; i < (size_t)size; i++)
    outline[i] = (bf_corner){(double)corners[2 * i], (double)corners[2 * i + 1]};
  bf_status status = bf_polygon_fill(mask, rows, columns, outline, &size, 1, err);
  bf_free(outline);
  return status;
}

static bf_status draw_runs(uint8_t *mask, const bf_mask_shape *s, const char *path, bf_error *err) {
  uint64_t pixels = (uint64_t)s->rows * (uint64_t)s->columns, at = 0;
  for (int32_t k = 0; k < s->run_count; k++) {
    uint64_t end = at + s->runs[k];
    if (end > pixels) break;
    for (; k % 2 == 1 && at < end; at++)
      bf_mask_set(mask, s->columns, (int32_t)(at / (uint64_t)s->rows), (int32_t)(at % (uint64_t)s->rows));
    at = end;
    if (k + 1 == s->run_count && at == pixels) return BF_OK;
  }
  return bf_fail(err, BF_E_FORMAT, "%s: the run lengths of a mask do not add up to its %d x %d pixels", path,
                 s->columns, s->rows);
}

bf_status bf_mask_shape_draw(uint8_t *mask, const bf_mask_shape *s, const char *path, int32_t rows, int32_t columns,
                             bf_error *err) {
  bf_status status = BF_OK;
  const float *corners = s->corners;
  if (s->rows != rows || s->columns != columns)
    return bf_fail(err, BF_E_FORMAT, "%s: a mask was drawn on %d columns and %d rows, the image has %d and %d", path,
                   s->columns, s->rows, columns, rows);
  if (s->run_count > 0) return draw_runs(mask, s, path, err);
  /* Each by itself: where two lie on each other is no hole. */
  for (int32_t p = 0; p < s->polygons && status == BF_OK; corners += 2 * (size_t)s->sizes[p++])
    status = draw_polygon(mask, corners, s->sizes[p], rows, columns, err);
  return status;
}
