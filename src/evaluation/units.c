/* Images to breasts and studies. */
#include "evaluation/units.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"

const char *bf_unit_name(bf_unit unit) { return unit == BF_UNIT_BREAST ? "breast" : "study"; }

typedef struct member {
  const char *study, *side;
  int64_t at; /* case */
} member;

static int same_unit(const member *x, const member *y) {
  int order = strcmp(x->study, y->study);
  return order != 0 ? order : strcmp(x->side, y->side);
}

static int by_unit(const void *a, const void *b) {
  const member *x = a, *y = b;
  int order = same_unit(x, y);
  return order != 0 ? order : (x->at > y->at) - (x->at < y->at);
}

static int by_row(const void *a, const void *b) {
  const bf_case *x = a, *y = b;
  return (x->row > y->row) - (x->row < y->row);
}

/* NaN counts for nothing. */
static double larger(double a, double b) { return isnan(a) || b > a ? b : a; }

static void take(bf_case *unit, const bf_case *image) {
  unit->probability = larger(unit->probability, image->probability);
  unit->rank = larger(unit->rank, image->rank);
  if (unit->malignant == 1 || image->malignant == 1)
    unit->malignant = 1;
  else if (image->malignant < 0)
    unit->malignant = -1;
}

static bf_case begin(const bf_case *image) {
  return (bf_case){.row = image->row,
                   .probability = NAN,
                   .rank = NAN,
                   .dice = NAN,
                   .iou = NAN,
                   .malignant = 0,
                   .patient = image->patient};
}

bf_status bf_units_make(bf_units *out, const bf_cases *c, bf_unit unit, bf_error *err) {
  *out = (bf_units){.items = bf_alloc((size_t)c->count, sizeof *out->items)};
  member *members = bf_alloc((size_t)c->count, sizeof *members);
  if (out->items == NULL || members == NULL) {
    bf_free(members);
    bf_units_clear(out);
    return bf_fail(err, BF_E_MEMORY, "no memory to pool %lld images", (long long)c->count);
  }
  for (int64_t i = 0; i < c->count; i++) {
    const bf_score_row *row = bf_case_row(c, &c->items[i]);
    const char *side = unit == BF_UNIT_BREAST ? row->laterality : "";
    if (row->study_instance_uid[0] == '\0' || (unit == BF_UNIT_BREAST && side[0] == '\0'))
      out->without++;
    else
      members[out->images++] = (member){row->study_instance_uid, side, i};
  }
  qsort(members, (size_t)out->images, sizeof *members, by_unit);
  for (int64_t i = 0; i < out->images; i++) {
    const bf_case *image = &c->items[members[i].at];
    if (i == 0 || same_unit(&members[i - 1], &members[i]) != 0) out->items[out->count++] = begin(image);
    take(&out->items[out->count - 1], image);
  }
  qsort(out->items, (size_t)out->count, sizeof *out->items, by_row);
  bf_free(members);
  return BF_OK;
}

void bf_units_clear(bf_units *units) {
  bf_free(units->items);
  *units = (bf_units){0};
}
