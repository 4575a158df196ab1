/* Candidates and judgement. Details are kept for candidates alone, in a byte a value. */
#include "data/alike.h"

#include <math.h>
#include <string.h>

#include "base/memory.h"

/* On breast ultrasound 0.75 keeps 68 of 69 pairs of near-duplicates (docs/protocol.md). */
static const float alike_detail = 0.75f, same_slice_detail = 0.98f;
enum { same_slice_bits = 8 };

typedef struct detail {
  int8_t values[BF_DETAIL];
  float scale; /* makes their length 1; 0 for a picture of one grey */
} detail;

typedef struct judge {
  const bf_row_fact *facts;
  bf_alike_pixels pixels;
  void *argument;
  detail **details; /* of rows that were looked at */
  uint16_t *picture;
  int32_t room;
} judge;

static void quantise(detail *out, const float values[BF_DETAIL]) {
  float most = 0;
  int64_t length = 0;
  for (int i = 0; i < BF_DETAIL; i++) most = fmaxf(most, fabsf(values[i]));
  for (int i = 0; i < BF_DETAIL; i++) {
    out->values[i] = (int8_t)(most > 0 ? lroundf(values[i] / most * 127) : 0);
    length += out->values[i] * out->values[i];
  }
  out->scale = length > 0 ? 1 / sqrtf((float)length) : 0;
}

static bf_status look(judge *j, int64_t row, bf_error *err) {
  float values[BF_DETAIL];
  int32_t rows, columns;
  if (j->details[row] != NULL) return BF_OK;
  if (j->facts[row].pixels > j->room) {
    bf_free(j->picture);
    j->room = j->facts[row].pixels;
    j->picture = bf_alloc_raw((size_t)j->room, sizeof *j->picture);
  }
  j->details[row] = bf_alloc_raw(1, sizeof **j->details);
  if (j->picture == NULL || j->details[row] == NULL) return bf_fail(err, BF_E_MEMORY, "no memory to compare pictures");
  bf_status status = j->pixels(j->argument, row, j->picture, &rows, &columns, err);
  if (status != BF_OK) return status;
  bf_detail_of(values, j->picture, rows, columns);
  quantise(j->details[row], values);
  return BF_OK;
}

static float correlation(const detail *a, const detail *b) {
  int64_t sum = 0;
  for (int i = 0; i < BF_DETAIL; i++) sum += a->values[i] * b->values[i];
  return (float)sum * a->scale * b->scale;
}

static bool is_alike(const judge *j, const bf_near_pair *p, float detail_agrees) {
  if (j->facts[p->a].volumetric || j->facts[p->b].volumetric)
    return p->distance <= same_slice_bits && detail_agrees >= same_slice_detail;
  return detail_agrees >= alike_detail;
}

static bf_status judge_pairs(bf_alike *out, judge *j, const bf_near_pairs *candidates, const int64_t *row_of,
                             bf_error *err) {
  for (int64_t i = 0; i < candidates->count; i++) {
    bf_near_pair p = candidates->items[i];
    p.a = row_of[p.a], p.b = row_of[p.b];
    bf_status status = look(j, p.a, err);
    if (status == BF_OK) status = look(j, p.b, err);
    if (status != BF_OK) return status;
    float agrees = correlation(j->details[p.a], j->details[p.b]);
    if (!is_alike(j, &p, agrees)) continue;
    const bf_row_fact *a = &j->facts[p.a], *b = &j->facts[p.b];
    out->duplicates[out->count] =
        (bf_duplicate){.first = p.a,
                       .second = p.b,
                       .distance = p.distance,
                       .correlation = agrees,
                       .labels_differ = a->malignant >= 0 && b->malignant >= 0 && a->malignant != b->malignant};
    out->pairs[out->count++] = p;
  }
  return BF_OK;
}

/* Rows without a fingerprint are compared with none. */
static int64_t collect(bf_fingerprint *prints, int64_t *same_of, int64_t *row_of, const bf_row_fact *facts,
                       const int64_t *same, int64_t count) {
  int64_t n = 0;
  for (int64_t i = 0; i < count; i++) {
    if (!facts[i].has_print) continue;
    prints[n] = facts[i].print;
    same_of[n] = same[i];
    row_of[n++] = i;
  }
  return n;
}

static bf_status judge_all(bf_alike *out, const bf_near_pairs *candidates, const bf_row_fact *facts,
                           const int64_t *row_of, int64_t count, bf_alike_pixels pixels, void *argument,
                           bf_error *err) {
  judge j = {.facts = facts, .pixels = pixels, .argument = argument};
  j.details = bf_alloc((size_t)count, sizeof *j.details);
  out->pairs = bf_alloc((size_t)candidates->count, sizeof *out->pairs);
  out->duplicates = bf_alloc((size_t)candidates->count, sizeof *out->duplicates);
  out->crowded = candidates->crowded;
  bf_status status = j.details && out->pairs && out->duplicates
                         ? judge_pairs(out, &j, candidates, row_of, err)
                         : bf_fail(err, BF_E_MEMORY, "no memory to compare pictures");
  for (int64_t i = 0; i < count && j.details != NULL; i++) bf_free(j.details[i]);
  bf_free(j.details);
  bf_free(j.picture);
  return status;
}

bf_status bf_alike_find(bf_alike *out, const bf_row_fact *facts, const int64_t *same, int64_t count, int most,
                        bf_alike_pixels pixels, void *argument, bf_pool *pool, bf_error *err) {
  *out = (bf_alike){0};
  if (most == 0 || count < 2) return BF_OK;
  bf_near_pairs candidates = {0};
  bf_fingerprint *prints = bf_alloc((size_t)count, sizeof *prints);
  int64_t *same_of = bf_alloc((size_t)count, sizeof *same_of), *row_of = bf_alloc((size_t)count, sizeof *row_of);
  bf_status status = prints && same_of && row_of ? BF_OK : bf_fail(err, BF_E_MEMORY, "no memory to compare pictures");
  if (status == BF_OK) {
    int64_t n = collect(prints, same_of, row_of, facts, same, count);
    status = bf_near_find(&candidates, prints, same_of, n, most, pool, err);
  }
  if (status == BF_OK) status = judge_all(out, &candidates, facts, row_of, count, pixels, argument, err);
  bf_near_clear(&candidates);
  bf_free(prints);
  bf_free(same_of);
  bf_free(row_of);
  return status;
}

void bf_alike_clear(bf_alike *alike) {
  bf_free(alike->pairs);
  bf_free(alike->duplicates);
  *alike = (bf_alike){0};
}
