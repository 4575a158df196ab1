/* JSON to polygons and run lengths. */
#include "data/mask_coco.h"

#include <math.h>
#include <string.h>

#include "base/memory.h"
#include "image/mask.h"

enum { most_corners = 20000, most_runs = 1 << 20, farthest = 1000000 };

static bf_status no_memory(bf_error *err) { return bf_fail(err, BF_E_MEMORY, "no memory for a segmentation"); }

/* ---- polygons ---- */

static bf_status check_polygon(const json_t *polygon, size_t *corners, bf_error *err) {
  size_t numbers = json_array_size(polygon); /* 0 of what is no list */
  if (numbers < 6 || numbers % 2 != 0)
    return bf_fail(err, BF_E_FORMAT,
                   "a polygon of the segmentation has %zu numbers; it needs x and y of three corners or more", numbers);
  *corners += numbers / 2;
  if (*corners > most_corners)
    return bf_fail(err, BF_E_LIMIT, "the polygons of one segmentation have more than %d corners", most_corners);
  return BF_OK;
}

static bf_status take_polygon(float *corners, const json_t *polygon, bf_error *err) {
  for (size_t i = 0; i < json_array_size(polygon); i++) {
    const json_t *value = json_array_get(polygon, i);
    double number = json_number_value(value);
    if (!json_is_number(value) || !(fabs(number) <= farthest))
      return bf_fail(err, BF_E_FORMAT, "a corner of the segmentation is no number of pixels");
    corners[i] = (float)number;
  }
  return BF_OK;
}

static bf_status take_polygons(bf_mask_shape *shape, const json_t *list, bf_error *err) {
  size_t corners = 0, at = 0, count = json_array_size(list);
  bf_status status = BF_OK;
  for (size_t p = 0; p < count && status == BF_OK; p++) status = check_polygon(json_array_get(list, p), &corners, err);
  if (status != BF_OK) return status;
  shape->corners = bf_alloc(corners, 2 * sizeof *shape->corners);
  shape->sizes = bf_alloc(count, sizeof *shape->sizes);
  if (shape->corners == NULL || shape->sizes == NULL) return no_memory(err);
  for (size_t p = 0; p < count && status == BF_OK; p++) {
    const json_t *polygon = json_array_get(list, p);
    status = take_polygon(shape->corners + at, polygon, err);
    shape->sizes[shape->polygons++] = (int32_t)(json_array_size(polygon) / 2);
    at += json_array_size(polygon);
  }
  return status;
}

/* ---- run lengths ---- */

static bf_status too_many_runs(bf_error *err) {
  return bf_fail(err, BF_E_LIMIT, "the run lengths of one segmentation are more than %d", most_runs);
}

static bf_status take_plain_runs(bf_mask_shape *shape, const json_t *counts, bf_error *err) {
  size_t n = json_array_size(counts);
  if (n > most_runs) return too_many_runs(err);
  shape->runs = bf_alloc(n, sizeof *shape->runs);
  if (shape->runs == NULL) return no_memory(err);
  for (size_t i = 0; i < n; i++) {
    const json_t *value = json_array_get(counts, i);
    if (!json_is_integer(value) || json_integer_value(value) < 0 || json_integer_value(value) > BF_MASK_MAX_PIXELS)
      return bf_fail(err, BF_E_FORMAT, "a run length of the segmentation is no number of pixels");
    shape->runs[shape->run_count++] = (uint32_t)json_integer_value(value);
  }
  return BF_OK;
}

/* One number: five bits a character, low ones first, from '0' on; 32 says that more follow, 16 of the last one is the
 * sign. false: none. */
static bool unpack(int64_t *out, const char **next) {
  int64_t value = 0;
  for (int shift = 0; shift <= 30; shift += 5) {
    int c = (unsigned char)**next - '0';
    if (c < 0 || c > 63) return false;
    (*next)++;
    value |= (int64_t)(c & 31) << shift;
    if (c & 32) continue;
    if (c & 16) value -= INT64_C(1) << (shift + 5);
    *out = value;
    return true;
  }
  return false;
}

/* From the fourth on each is the difference to the one before the last. */
static bf_status take_packed_runs(bf_mask_shape *shape, const char *text, bf_error *err) {
  size_t most = strlen(text);
  if (most > most_runs) return too_many_runs(err);
  shape->runs = bf_alloc(most, sizeof *shape->runs);
  if (shape->runs == NULL) return no_memory(err);
  while (*text != '\0') {
    int64_t value;
    int32_t n = shape->run_count;
    if (!unpack(&value, &text))
      return bf_fail(err, BF_E_FORMAT, "the packed run lengths of the segmentation are damaged");
    if (n > 2) value += shape->runs[n - 2];
    if (value < 0 || value > BF_MASK_MAX_PIXELS)
      return bf_fail(err, BF_E_FORMAT, "a run length of the segmentation is no number of pixels");
    shape->runs[shape->run_count++] = (uint32_t)value;
  }
  return BF_OK;
}

static bf_status check_runs(const bf_mask_shape *shape, const json_t *size, bf_error *err) {
  json_int_t rows = json_integer_value(json_array_get(size, 0)), columns = json_integer_value(json_array_get(size, 1));
  uint64_t pixels = 0;
  if (rows != shape->rows || columns != shape->columns)
    return bf_fail(err, BF_E_FORMAT, "the segmentation's size is not the height and width of its image (%d, %d)",
                   shape->rows, shape->columns);
  for (int32_t i = 0; i < shape->run_count; i++) pixels += shape->runs[i];
  if (pixels == (uint64_t)shape->rows * (uint64_t)shape->columns) return BF_OK;
  return bf_fail(err, BF_E_FORMAT, "the run lengths of the segmentation add up to %llu pixels, the image has %d x %d",
                 (unsigned long long)pixels, shape->columns, shape->rows);
}

static bf_status take_runs(bf_mask_shape *shape, const json_t *value, bf_error *err) {
  const json_t *counts = json_object_get(value, "counts");
  bf_status status;
  if (json_is_array(counts))
    status = take_plain_runs(shape, counts, err);
  else if (json_is_string(counts))
    status = take_packed_runs(shape, json_string_value(counts), err);
  else
    status = bf_fail(err, BF_E_FORMAT, "the segmentation has no counts");
  return status == BF_OK ? check_runs(shape, json_object_get(value, "size"), err) : status;
}

/* ---- both ---- */

bf_status bf_coco_shape(bf_mask_shape **out, const json_t *value, int32_t rows, int32_t columns, bf_error *err) {
  *out = NULL;
  if (value == NULL || json_is_null(value) || (json_is_array(value) && json_array_size(value) == 0)) return BF_OK;
  if (!json_is_array(value) && !json_is_object(value))
    return bf_fail(err, BF_E_FORMAT, "the segmentation is neither a list of polygons nor run lengths");
  if (rows < 1 || !bf_mask_size_good(rows, columns))
    return bf_fail(err, BF_E_FORMAT, "the image of a segmentation needs width and height, of up to %lld pixels in all",
                   (long long)BF_MASK_MAX_PIXELS);
  bf_mask_shape *shape = bf_alloc(1, sizeof *shape);
  if (shape == NULL) return no_memory(err);
  shape->rows = rows;
  shape->columns = columns;
  bf_status status = json_is_array(value) ? take_polygons(shape, value, err) : take_runs(shape, value, err);
  if (status == BF_OK)
    *out = shape;
  else
    bf_mask_shape_destroy(shape);
  return status;
}

static void widen(bf_coco_edges *e, double xmin, double ymin, double xmax, double ymax) {
  e->xmin = fmin(e->xmin, xmin);
  e->ymin = fmin(e->ymin, ymin);
  e->xmax = fmax(e->xmax, xmax);
  e->ymax = fmax(e->ymax, ymax);
}

bool bf_coco_shape_edges(bf_coco_edges *out, const bf_mask_shape *s) {
  int64_t corners = 0, at = 0;
  *out = (bf_coco_edges){INFINITY, INFINITY, -INFINITY, -INFINITY};
  for (int32_t p = 0; p < s->polygons; p++) corners += s->sizes[p];
  for (const float *c = s->corners; c != NULL && c < s->corners + 2 * corners; c += 2)
    widen(out, (double)c[0], (double)c[1], (double)c[0], (double)c[1]);
  for (int32_t i = 0; i < s->run_count; at += s->runs[i++]) {
    if (i % 2 == 0 || s->runs[i] == 0) continue;
    int64_t end = at + s->runs[i] - 1, from = at / s->rows, to = end / s->rows;
    bool whole = from != to; /* a run that goes on in the next column touches both edges */
    widen(out, (double)from, whole ? 0 : (double)(at % s->rows), (double)to + 1,
          whole ? s->rows : (double)(end % s->rows) + 1);
  }
  return out->xmax > out->xmin && out->ymax > out->ymin;
}
