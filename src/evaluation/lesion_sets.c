/* What of lesions is resampled. */
#include <math.h>

#include "base/memory.h"
#include "evaluation/assess_parts.h"

const double bf_froc_rates[BF_FROC_RATES] = {0.25, 0.5, 1, 2, 4};

void bf_lesion_sets_clear(bf_lesion_sets *s) {
  bf_boxed_clear(&s->boxed);
  for (int k = 0; k < BF_SIZE_GROUPS; k++) bf_boxed_clear(&s->sizes[k]);
  bf_precise_clear(&s->precise);
  bf_means_clear(&s->overlaps);
  bf_means_clear(&s->hit_means);
  bf_medians_clear(&s->hit_medians);
}

/* ---- sensitivities ---- */

static bf_status add_boxed(bf_lesion_sets *s, const bf_matching *m, const bf_lesion_arrays *a, bf_error *err) {
  bf_status status =
      bf_boxed_make(&s->boxed, m, a->patient, a->patients, bf_froc_rates, BF_FROC_RATES, BF_BOXED_WITH_CPM, err);
  if (status != BF_OK) return status;
  int first = bf_plan_add(&s->plan, bf_boxed_figures, &s->boxed, s->boxed.figures);
  bf_plan_place(&s->plan, first + BF_BOXED_CPM, BF_FIGURE_CPM, 1);
  bf_plan_place(&s->plan, first + BF_BOXED_RATES, BF_FIGURE_FROC_QUARTER, BF_FROC_RATES);
  return BF_OK;
}

/* member: scratch, whether each lesion is of the group. */
static bf_status add_size(bf_lesion_sets *s, int group, const bf_matching *m, const bf_lesion_arrays *a,
                          const uint8_t *member, bf_error *err) {
  static const double rate = 1;
  bf_matching narrow = {0};
  bf_status status = bf_matching_narrow(&narrow, m, member, err);
  if (status == BF_OK)
    status = bf_boxed_make(&s->sizes[group], &narrow, a->patient, a->patients, &rate, 1, BF_BOXED_AT_RATES, err);
  bf_matching_clear(&narrow);
  if (status != BF_OK) return status;
  int first = bf_plan_add(&s->plan, bf_boxed_figures, &s->sizes[group], s->sizes[group].figures);
  bf_plan_place(&s->plan, first + BF_BOXED_RATES, bf_place_of_size(group, BF_SIZE_FROC_1), 1);
  return BF_OK;
}

static bf_status add_sizes(bf_lesion_sets *s, const bf_matching *m, const bf_lesion_arrays *a, int64_t lesions,
                           const uint8_t *size, bf_error *err) {
  uint8_t *member = bf_alloc((size_t)lesions, 1);
  bf_status status =
      member != NULL ? BF_OK : bf_fail(err, BF_E_MEMORY, "no memory for %lld lesions", (long long)lesions);
  for (int k = 0; k < BF_SIZE_GROUPS && status == BF_OK; k++) {
    for (int64_t i = 0; i < lesions; i++) member[i] = size[i] == k;
    status = add_size(s, k, m, a, member, err);
  }
  bf_free(member);
  return status;
}

/* ---- precision ---- */

/* Tests of the whole, in this order: those of the table, those that COCO's mean has beside, the centre. */
enum { BEYOND = 4, BY_CENTRE = BF_AP_THRESHOLDS + BEYOND, TESTS };
enum { FIRST_OF_MEAN = BF_FIGURE_AP_50 - BF_FIGURE_AP_10, TESTS_OF_MEAN = 10 };
_Static_assert(FIRST_OF_MEAN + TESTS_OF_MEAN == BY_CENTRE, "IoU 0.50 to 0.95");
_Static_assert(BF_FIGURE_AP_10 + BF_AP_THRESHOLDS - 1 == BF_FIGURE_AP_75, "the table has all of them");

static bf_status add_precisions(bf_lesion_sets *s, const bf_pairing *pairing, const bf_lesion_arrays *a,
                                bf_error *err) {
  const uint32_t mean = ((1u << TESTS_OF_MEAN) - 1) << FIRST_OF_MEAN;
  bf_hit_test tests[TESTS];
  for (int k = 0; k < BY_CENTRE; k++) tests[k] = (bf_hit_test){BF_HIT_BY_IOU, bf_ap_threshold(k)};
  tests[BY_CENTRE] = bf_metrics_hit_test(BF_HIT_CENTRE);
  bf_status status = bf_precise_make(&s->precise, pairing, tests, TESTS, mean, a->patient, a->patients, err);
  if (status != BF_OK) return status;
  int first = bf_plan_add(&s->plan, bf_precise_figures, &s->precise, s->precise.figures);
  bf_plan_place(&s->plan, first, BF_FIGURE_AP_10, BF_AP_THRESHOLDS);
  bf_plan_place(&s->plan, first + BY_CENTRE, BF_FIGURE_AP_CENTRE, 1);
  bf_plan_place(&s->plan, first + TESTS, BF_FIGURE_AP_COCO, 1);
  return BF_OK;
}

static bf_status add_half(bf_lesion_sets *s, const bf_pairing *pairing, const bf_lesion_arrays *a, bf_error *err) {
  const bf_hit_test half = bf_metrics_hit_test(BF_HIT_IOU50);
  bf_status status = bf_precise_make(&s->precise, pairing, &half, 1, 0, a->patient, a->patients, err);
  if (status != BF_OK) return status;
  int first = bf_plan_add(&s->plan, bf_precise_figures, &s->precise, s->precise.figures);
  bf_plan_place(&s->plan, first, BF_FIGURE_AP_50, 1);
  return BF_OK;
}

/* ---- overlaps ---- */

/* best[0]: of each lesion; best[1 + k]: of those of range k of sizes. */
static bf_status make_overlaps(bf_lesion_sets *s, double *const best[1 + BF_SIZE_GROUPS], int32_t *patient,
                               const bf_lesion_arrays *a, int64_t lesions, const uint8_t *size, bf_error *err) {
  int64_t next = 0;
  for (int64_t i = 0; i < a->n; i++)
    for (int t = 0; t < a->images[i].truth_count; t++) patient[next++] = a->patient[i];
  bf_metrics_best_iou(best[0], a->images, a->n);
  for (int k = 0; k < BF_SIZE_GROUPS && size != NULL; k++)
    for (int64_t i = 0; i < lesions; i++) best[1 + k][i] = size[i] == k ? best[0][i] : NAN;
  return bf_means_make(&s->overlaps, (const double *const *)best, size != NULL ? 1 + BF_SIZE_GROUPS : 1, patient,
                       lesions, a->patients, err);
}

/* Means over lesions: each is a case of its patient. */
static bf_status add_overlaps(bf_lesion_sets *s, const bf_lesion_arrays *a, int64_t lesions, const uint8_t *size,
                              bf_error *err) {
  double *room = bf_alloc((1 + BF_SIZE_GROUPS) * (size_t)lesions, sizeof *room), *best[1 + BF_SIZE_GROUPS];
  int32_t *patient = bf_alloc((size_t)lesions, sizeof *patient);
  bf_status status =
      room && patient ? BF_OK : bf_fail(err, BF_E_MEMORY, "no memory for %lld lesions", (long long)lesions);
  if (status == BF_OK) {
    for (int k = 0; k <= BF_SIZE_GROUPS; k++) best[k] = room + k * lesions;
    status = make_overlaps(s, best, patient, a, lesions, size, err);
  }
  bf_free(room);
  bf_free(patient);
  if (status != BF_OK) return status;
  int first = bf_plan_add(&s->plan, bf_means_figures, &s->overlaps, s->overlaps.columns);
  bf_plan_place(&s->plan, first, BF_FIGURE_BEST_IOU, 1);
  for (int k = 0; k + 1 < s->overlaps.columns; k++)
    bf_plan_place(&s->plan, first + 1 + k, bf_place_of_size(k, BF_SIZE_BEST_IOU), 1);
  return BF_OK;
}

/* ---- how well hits sit ---- */

enum { PLACED = 3 };
_Static_assert(BF_FIGURE_HIT_IOU_MEAN + PLACED == BF_FIGURE_HIT_IOU_MEDIAN &&
                   BF_FIGURE_HIT_IOU_MEDIAN + PLACED == BF_FIGURE_CENTRE_MEDIAN_SHARE + 1,
               "overlap, distance, share of the diagonal: means, then medians");

static bf_status make_hits(bf_lesion_sets *s, const bf_hit_places *hits, int32_t *patient, const bf_lesion_arrays *a,
                           bf_error *err) {
  const double *const columns[PLACED] = {hits->iou, hits->distance, hits->relative};
  for (int64_t i = 0; i < hits->count; i++) patient[i] = a->patient[hits->image[i]];
  bf_status status = bf_means_make(&s->hit_means, columns, PLACED, patient, hits->count, a->patients, err);
  return status == BF_OK ? bf_medians_make(&s->hit_medians, columns, PLACED, patient, hits->count, a->patients, err)
                         : status;
}

static bf_status add_hits(bf_lesion_sets *s, const bf_matching *m, const bf_lesion_arrays *a, bf_error *err) {
  bf_hit_places hits;
  bf_status status = bf_metrics_hit_places(&hits, m, a->images, err);
  if (status != BF_OK) return status;
  int32_t *patient = bf_alloc((size_t)hits.count, sizeof *patient);
  status = patient != NULL ? make_hits(s, &hits, patient, a, err)
                           : bf_fail(err, BF_E_MEMORY, "no memory for %lld hits", (long long)hits.count);
  bf_free(patient);
  bf_hit_places_clear(&hits);
  if (status != BF_OK) return status;
  bf_plan_place(&s->plan, bf_plan_add(&s->plan, bf_means_figures, &s->hit_means, PLACED), BF_FIGURE_HIT_IOU_MEAN,
                PLACED);
  bf_plan_place(&s->plan, bf_plan_add(&s->plan, bf_medians_figures, &s->hit_medians, PLACED), BF_FIGURE_HIT_IOU_MEDIAN,
                PLACED);
  return BF_OK;
}

/* ---- all ---- */

static int64_t count_hits(const bf_matching *m) {
  int64_t hits = 0;
  for (int64_t i = 0; i < m->count; i++) hits += m->verdicts[i].hit;
  return hits;
}

bf_status bf_lesion_sets_make(bf_lesion_sets *s, const bf_lesion_arrays *a, int64_t lesions, const uint8_t *size,
                              const bf_assess_options *o, bf_assess_depth depth, bf_error *err) {
  bf_pairing *pairing = NULL;
  bf_matching m = {0};
  *s = (bf_lesion_sets){0};
  bf_status status = bf_pairing_create(&pairing, a->images, a->n, err);
  if (status == BF_OK) status = bf_metrics_match_pairing(&m, pairing, bf_metrics_hit_test(o->rule), err);
  s->hits = count_hits(&m);
  if (status == BF_OK) status = add_boxed(s, &m, a, err);
  if (status == BF_OK) status = (depth == BF_ASSESS_WHOLE ? add_precisions : add_half)(s, pairing, a, err);
  if (status == BF_OK) status = add_overlaps(s, a, lesions, size, err);
  if (status == BF_OK && depth == BF_ASSESS_WHOLE) status = add_hits(s, &m, a, err);
  if (status == BF_OK && size != NULL) status = add_sizes(s, &m, a, lesions, size, err);
  bf_matching_clear(&m);
  bf_pairing_destroy(pairing);
  return status;
}
