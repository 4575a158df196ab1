/* Polygons and run lengths to pixels. */
#include "data/mask_shape.h"

#include <math.h>
#include <stdlib.h>

#include "base/memory.h"
#include "image/mask.h"

void bf_mask_shape_destroy(bf_mask_shape *shape) {
  if (shape == NULL) return;
  bf_free(shape->corners);
  bf_free(shape->sizes);
  bf_free(shape->runs);
  bf_free(shape);
}

static int by_value(const void *a, const void *b) {
  double x = *(const double *)a, y = *(const double *)b;
  return (x > y) - (x < y);
}

/* Where the line through the centres of a row crosses the polygon's edges. */
static int crossings(double *at, const float *corners, int32_t size, double y) {
  int n = 0;
  for (int32_t i = 0; i < size; i++) {
    const float *a = corners + 2 * (size_t)i, *b = corners + 2 * (size_t)((i + 1) % size);
    double ay = (double)a[1], by = (double)b[1];
    if ((ay <= y) == (by <= y)) continue;
    at[n++] = (double)a[0] + (y - ay) / (by - ay) * ((double)b[0] - (double)a[0]);
  }
  qsort(at, (size_t)n, sizeof *at, by_value);
  return n;
}

static void fill(uint8_t *mask, int32_t columns, int32_t y, double from, double to) {
  int32_t first = (int32_t)fmax(0, ceil(from - 0.5)), end = (int32_t)fmin(columns, ceil(to - 0.5));
  for (int32_t x = first; x < end; x++) bf_mask_set(mask, columns, x, y);
}

static bf_status draw_polygon(uint8_t *mask, const float *corners, int32_t size, int32_t rows, int32_t columns,
                              bf_error *err) {
  double *at = bf_alloc((size_t)size, sizeof *at), low = INFINITY, high = -INFINITY;
  if (at == NULL) return bf_fail(err, BF_E_MEMORY, "no memory for a polygon of %d corners", size);
  for (int32_t i = 0; i < size; i++) {
    low = fmin(low, (double)corners[2 * (size_t)i + 1]);
    high = fmax(high, (double)corners[2 * (size_t)i + 1]);
  }
  for (int32_t y = (int32_t)fmax(0, floor(low)); y < fmin(rows, ceil(high)); y++) {
    int n = crossings(at, corners, size, y + 0.5);
    for (int k = 0; k + 1 < n; k += 2) fill(mask, columns, y, at[k], at[k + 1]);
  }
  bf_free(at);
  return BF_OK;
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
  for (int32_t p = 0; p < s->polygons && status == BF_OK; corners += 2 * (size_t)s->sizes[p++])
    status = draw_polygon(mask, corners, s->sizes[p], rows, columns, err);
  return status;
}
