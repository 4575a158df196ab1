/* Judging cases one by one. */
#include "evaluation/telling.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "evaluation/assess.h"

const char *bf_telling_words(bf_telling_rank rank) {
  static const char *const words[] = {"missed", "false alarm", "lesion missed", "box inexact", "right", "right", ""};
  return words[rank];
}

bf_status bf_telling_shown_at(double *score, const bf_cases *c, bf_hit_rule rule, bf_error *err) {
  bf_lesion_arrays a;
  bf_matching m = {0};
  int64_t wrong = 0;
  *score = 0.5;
  bf_status status = bf_lesion_arrays_make(&a, c->items, NULL, c->count, err);
  if (status == BF_OK) status = bf_metrics_match(&m, a.images, a.n, rule, err);
  if (status == BF_OK && m.lesions > 0) {
    *score = INFINITY;
    for (int64_t i = 0; i < m.count; i++) {
      wrong += !m.verdicts[i].hit;
      if (wrong > m.images) break;
      if (i + 1 == m.count || m.verdicts[i + 1].score != m.verdicts[i].score) *score = m.verdicts[i].score;
    }
  }
  bf_matching_clear(&m);
  bf_lesion_arrays_clear(&a);
  return status;
}

static void judge_lesions(bf_telling *t, double shown_at) {
  const bf_hit_image *boxes = &t->one->boxes;
  t->best_iou = NAN;
  t->truths = boxes->truth_count;
  for (int32_t i = 0; i < boxes->truth_count; i++) {
    double best = 0, best_shown = 0;
    for (int32_t k = 0; k < boxes->found_count; k++) {
      double iou = bf_metrics_iou(&boxes->truths[i], &boxes->found[k]);
      if (iou > best) best = iou;
      if (iou > best_shown && boxes->found[k].score >= shown_at) best_shown = iou;
    }
    t->hits += best_shown >= 0.5;
    t->touched += best_shown >= 0.1;
    if (isnan(t->best_iou) || best > t->best_iou) t->best_iou = best;
  }
}

static bf_telling judge(const bf_case *one, double called_at, double shown_at) {
  bf_telling t = {.one = one, .rank = BF_TELLING_UNKNOWN};
  int malignant = one->malignant;
  double p = one->probability;
  judge_lesions(&t, shown_at);
  t.badness = isnan(p) ? 0 : p;
  t.rank = t.truths > t.touched        ? BF_TELLING_LESION_MISSED
           : t.truths > t.hits         ? BF_TELLING_BOX_INEXACT
           : malignant < 0 || isnan(p) ? BF_TELLING_UNKNOWN
           : malignant                 ? BF_TELLING_MALIGNANT
                                       : BF_TELLING_BENIGN;
  if (malignant < 0 || isnan(p)) return t;
  t.badness = malignant ? 1 - p : p;
  bool called = p >= called_at;
  if (called != (malignant > 0)) t.rank = malignant ? BF_TELLING_MISSED : BF_TELLING_FALSE_ALARM;
  /* Among lesions that were not found well the malignant ones come first. */
  if (t.rank == BF_TELLING_LESION_MISSED || t.rank == BF_TELLING_BOX_INEXACT) t.badness += malignant;
  return t;
}

static int worst_first(const void *a, const void *b) {
  const bf_telling *x = a, *y = b;
  if (x->rank != y->rank) return x->rank < y->rank ? -1 : 1;
  if (x->badness != y->badness) return x->badness > y->badness ? -1 : 1;
  return (x->one->row > y->one->row) - (x->one->row < y->one->row);
}

bf_status bf_telling_make(bf_telling **out, const bf_cases *c, double called_at, double shown_at, bf_error *err) {
  *out = bf_alloc((size_t)c->count, sizeof **out);
  if (*out == NULL) return bf_fail(err, BF_E_MEMORY, "no memory to judge %lld images", (long long)c->count);
  for (int64_t i = 0; i < c->count; i++) (*out)[i] = judge(&c->items[i], called_at, shown_at);
  qsort(*out, (size_t)c->count, sizeof **out, worst_first);
  return BF_OK;
}

/* Of 24 places. */
static const int shares[BF_TELLING_RANKS] = {9, 5, 4, 2, 2, 2, 0};

void bf_telling_mix(bf_telling *all, int64_t count, int most) {
  int64_t taken = 0, of[BF_TELLING_RANKS] = {0};
  int room = most;
  for (int64_t i = 0; i < count; i++) of[all[i].rank]++;
  for (int r = 0; r < BF_TELLING_RANKS; r++) {
    int64_t share = (int64_t)shares[r] * most / 24;
    of[r] = of[r] < share ? of[r] : share;
    room -= (int)of[r];
  }
  /* In one pass: each rank's share, and the first that are left. */
  int64_t left[BF_TELLING_RANKS];
  for (int r = 0; r < BF_TELLING_RANKS; r++) left[r] = of[r];
  for (int64_t i = 0; i < count && taken < most; i++) {
    bool shared = left[all[i].rank] > 0;
    if (!shared && room == 0) continue;
    left[all[i].rank] -= shared;
    room -= !shared;
    const bf_telling kept = all[i];
    memmove(&all[taken + 1], &all[taken], (size_t)(i - taken) * sizeof *all);
    all[taken++] = kept;
  }
}
