/* Segments: 0 lists values, 1 is a line from the last value to an end value, 2 repeats segments that came before. */
#include "dicom/palette.h"

#include <stdbool.h>

enum { discrete, linear, indirect };

typedef struct reader {
  const uint8_t *data;
  size_t size, at; /* bytes */
  size_t each;     /* bytes of a value */
} reader;

typedef struct table {
  uint16_t *values;
  size_t count, room;
} table;

static bool take(uint32_t *value, reader *r) {
  if (r->size - r->at < r->each) return false;
  *value = r->each == 1 ? r->data[r->at] : (uint32_t)r->data[r->at] | (uint32_t)r->data[r->at + 1] << 8;
  r->at += r->each;
  return true;
}

static bf_status cut_short(bf_error *err) {
  return bf_fail(err, BF_E_FORMAT, "a segmented palette table ends in the middle of a segment");
}

static bf_status add(table *t, uint32_t value, bf_error *err) {
  if (t->count == t->room)
    return bf_fail(err, BF_E_FORMAT, "a segmented palette table gives more than the %zu values of its descriptor",
                   t->room);
  t->values[t->count++] = (uint16_t)value;
  return BF_OK;
}

static bf_status add_values(table *t, reader *r, uint32_t length, bf_error *err) {
  bf_status status = BF_OK;
  for (uint32_t i = 0, value; i < length && status == BF_OK; i++)
    status = take(&value, r) ? add(t, value, err) : cut_short(err);
  return status;
}

/* The last of `length` values is the end value; the first lies one step from the value before. */
static bf_status add_line(table *t, reader *r, uint32_t length, bf_error *err) {
  uint32_t end;
  bf_status status = BF_OK;
  if (!take(&end, r)) return cut_short(err);
  if (t->count == 0)
    return bf_fail(err, BF_E_FORMAT, "a segmented palette table begins with a line, which has no start");
  double start = t->values[t->count - 1], step = ((double)end - start) / length;
  for (uint32_t i = 1; i <= length && status == BF_OK; i++)
    status = add(t, (uint32_t)(i == length ? end : start + step * i + 0.5), err);
  return status;
}

static bf_status add_segment(table *t, reader *r, bool may_copy, bf_error *err);

/* `segments` of those from a byte offset on. They may not copy in turn: the depth ends here. */
static bf_status add_copies(table *t, reader *r, uint32_t segments, bf_error *err) {
  uint32_t offset = 0;
  bf_status status = BF_OK;
  for (size_t shift = 0; shift < 32; shift += 8 * r->each) {
    uint32_t part;
    if (!take(&part, r)) return cut_short(err);
    offset |= part << shift;
  }
  reader from = *r;
  from.at = offset;
  if (offset >= r->at)
    return bf_fail(err, BF_E_FORMAT, "a segmented palette table copies from byte %u, which is not before it", offset);
  for (uint32_t i = 0; i < segments && status == BF_OK; i++) status = add_segment(t, &from, false, err);
  return status;
}

static bf_status add_segment(table *t, reader *r, bool may_copy, bf_error *err) {
  uint32_t kind, length;
  if (!take(&kind, r) || !take(&length, r)) return cut_short(err);
  if (kind == discrete) return add_values(t, r, length, err);
  if (kind == linear) return add_line(t, r, length, err);
  if (kind == indirect && may_copy) return add_copies(t, r, length, err);
  return bf_fail(err, BF_E_FORMAT, "a segmented palette table has a segment of the kind %u at a place for %s", kind,
                 may_copy ? "0, 1 or 2" : "0 or 1");
}

bf_status bf_palette_write_out(uint16_t *dst, size_t count, const uint8_t *data, size_t size, int bits, bf_error *err) {
  table t = {.values = dst, .room = count};
  reader r = {.data = data, .size = size, .each = bits > 8 ? 2 : 1};
  bf_status status = BF_OK;
  /* One byte more is the one that makes the length even. */
  while (status == BF_OK && t.count < count && r.size - r.at > r.each) status = add_segment(&t, &r, true, err);
  if (status != BF_OK || t.count == count) return status;
  return bf_fail(err, BF_E_FORMAT, "a segmented palette table gives %zu of %zu values", t.count, count);
}
