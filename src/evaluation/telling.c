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

/* ---- what shown boxes find ---- */

/* Of each lesion whether a shown box hits it, lesions counted on over the cases. */
typedef struct hit_lesions {
  bool *hit;
  int64_t *first; /* of each case */
} hit_lesions;

static void hit_lesions_clear(hit_lesions *h) {
  bf_free(h->hit);
  bf_free(h->first);
}

/* By the same matching as FROC, so that what is called found here and there is the same. */
static bf_status find_hits(hit_lesions *h, const bf_cases *c, bf_hit_rule rule, double shown_at, bf_error *err) {
  bf_lesion_arrays a = {0};
  bf_matching m = {0};
  int64_t lesions = 0;
  h->first = bf_alloc((size_t)c->count, sizeof *h->first);
  for (int64_t i = 0; i < c->count && h->first != NULL; lesions += c->items[i++].boxes.truth_count)
    h->first[i] = lesions;
  h->hit = bf_alloc((size_t)lesions, sizeof *h->hit);
  bf_status status = h->first != NULL && h->hit != NULL
                         ? bf_lesion_arrays_make(&a, c->items, NULL, c->count, err)
                         : bf_fail(err, BF_E_MEMORY, "no memory to judge %lld images", (long long)c->count);
  if (status == BF_OK) status = bf_metrics_match(&m, a.images, a.n, rule, err);
  for (int64_t k = 0; k < m.count && m.verdicts[k].score >= shown_at; k++)
    if (m.verdicts[k].hit) h->hit[h->first[a.at[m.verdicts[k].image]] + m.verdicts[k].truth] = true;
  bf_matching_clear(&m);
  bf_lesion_arrays_clear(&a);
  return status;
}

/* hit: of the case's lesions. A lesion that is hit by its centre alone is touched, too. */
static void judge_lesions(bf_telling *t, const bool *hit, double shown_at) {
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
    t->hits += hit[i];
    t->touched += hit[i] || best_shown >= 0.1;
    if (isnan(t->best_iou) || best > t->best_iou) t->best_iou = best;
  }
}

/* ---- ranks ---- */

static bf_telling judge(const bf_case *one, const bool *hit, double called_at, double shown_at) {
  bf_telling t = {.one = one, .rank = BF_TELLING_UNKNOWN};
  int malignant = one->malignant;
  double p = one->probability;
  judge_lesions(&t, hit, shown_at);
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

bf_status bf_telling_make(bf_telling **out, const bf_cases *c, const bf_telling_how *how, bf_error *err) {
  hit_lesions h = {0};
  *out = bf_alloc((size_t)c->count, sizeof **out);
  bf_status status = *out != NULL ? find_hits(&h, c, how->rule, how->shown_at, err)
                                  : bf_fail(err, BF_E_MEMORY, "no memory to judge %lld images", (long long)c->count);
  for (int64_t i = 0; i < c->count && status == BF_OK; i++)
    (*out)[i] = judge(&c->items[i], h.hit + h.first[i], how->called_at, how->shown_at);
  if (status == BF_OK) qsort(*out, (size_t)c->count, sizeof **out, worst_first);
  hit_lesions_clear(&h);
  return status;
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
