/* Figures of lesions: FROC, average precision, how well hits sit, and the same by size. */
#include <math.h>

#include "base/memory.h"
#include "evaluation/assess_parts.h"
#include "evaluation/range.h"

const double bf_froc_rates[BF_FROC_RATES] = {0.25, 0.5, 1, 2, 4};

/* What is assessed, while it is. */
typedef struct work {
  bf_lesion_arrays a;
  bf_pairing *pairing;
  bf_matching matching; /* by the rule */
  double *best;         /* IoU of each lesion with its best box */
  double *size;         /* of each lesion: longer side of its box, mm or hundredths of the image's longer side */
  uint8_t *member;      /* scratch: whether each lesion is of a group */
  const bf_assess_options *options;
} work;

static void close_work(work *w) {
  bf_lesion_arrays_clear(&w->a);
  bf_pairing_destroy(w->pairing);
  bf_matching_clear(&w->matching);
  bf_free(w->best);
  bf_free(w->size);
  bf_free(w->member);
}

bf_status bf_assess_boxed(bf_boxed *out, const bf_matching *matching, const bf_lesion_arrays *a, bf_error *err) {
  return bf_boxed_make(out, matching, a->patient, a->patients, bf_froc_rates, BF_FROC_RATES, BF_BOXED_WHOLE, err);
}

static bf_status open_work(work *w, bf_lesion_figures *f, const bf_case *items, const int64_t *members, int64_t count,
                           const bf_assess_options *o, bf_error *err) {
  *w = (work){.options = o};
  bf_status status = bf_lesion_arrays_make(&w->a, items, members, count, err);
  if (status != BF_OK) return status;
  f->images = w->a.n;
  f->unknown = count - w->a.n;
  f->patients = w->a.patients;
  for (int64_t i = 0; i < w->a.n; i++) {
    f->lesions += w->a.images[i].truth_count;
    f->found += w->a.images[i].found_count;
    f->without_lesions += w->a.images[i].truth_count == 0;
  }
  w->best = bf_alloc((size_t)f->lesions, sizeof *w->best);
  w->size = bf_alloc((size_t)f->lesions, sizeof *w->size);
  w->member = bf_alloc((size_t)f->lesions, 1);
  if (!w->best || !w->size || !w->member)
    return bf_fail(err, BF_E_MEMORY, "no memory for %lld lesions", (long long)f->lesions);
  bf_metrics_best_iou(w->best, w->a.images, w->a.n);
  status = bf_pairing_create(&w->pairing, w->a.images, w->a.n, err);
  if (status != BF_OK) return status;
  return bf_metrics_match_pairing(&w->matching, w->pairing, bf_metrics_hit_test(o->rule), err);
}

/* ---- of all lesions ---- */

enum { BOXED = BF_BOXED_RATES + BF_FROC_RATES };

/* Sets that are resampled together: matchings by the rule, at IoU 0.5, of each range of sizes; best overlaps. */
enum { BY_RULE, AT_HALF, FIRST_SIZE, BOXED_SETS = FIRST_SIZE + BF_SIZE_GROUPS };
typedef struct sets {
  bf_boxed boxed[BOXED_SETS];
  bf_means overlaps;
  bf_drawn_set list[BOXED_SETS + 1];
  int at[BOXED_SETS], overlaps_at, figures, count; /* at: where the figures of each set begin; -1: it is not there */
} sets;

static void sets_clear(sets *s) {
  for (int k = 0; k < BOXED_SETS; k++) bf_boxed_clear(&s->boxed[k]);
  bf_means_clear(&s->overlaps);
}

static void put_set(sets *s, int which) {
  s->list[s->count++] = (bf_drawn_set){bf_boxed_figures, &s->boxed[which], s->boxed[which].figures};
  s->at[which] = s->figures;
  s->figures += s->boxed[which].figures;
}

static bf_status add_boxed(sets *s, int which, const bf_matching *matching, const work *w, bf_error *err) {
  bf_status status = bf_assess_boxed(&s->boxed[which], matching, &w->a, err);
  if (status == BF_OK) put_set(s, which);
  return status;
}

static bf_status add_half(sets *s, const work *w, bf_error *err) {
  bf_matching matching = {0};
  if (w->options->rule == BF_HIT_IOU50) {
    s->at[AT_HALF] = s->at[BY_RULE];
    return BF_OK;
  }
  bf_status status = bf_metrics_match_pairing(&matching, w->pairing, bf_metrics_hit_test(BF_HIT_IOU50), err);
  if (status == BF_OK) status = add_boxed(s, AT_HALF, &matching, w, err);
  bf_matching_clear(&matching);
  return status;
}

/* A mean over lesions: each is a case of its patient. */
static bf_status add_overlaps(sets *s, const work *w, int64_t lesions, bf_error *err) {
  const double *const columns[] = {w->best};
  int32_t *patient = bf_alloc((size_t)lesions, sizeof *patient);
  int64_t k = 0;
  if (patient == NULL) return bf_fail(err, BF_E_MEMORY, "no memory for %lld lesions", (long long)lesions);
  for (int64_t i = 0; i < w->a.n; i++)
    for (int t = 0; t < w->a.images[i].truth_count; t++) patient[k++] = w->a.patient[i];
  bf_status status = bf_means_make(&s->overlaps, columns, 1, patient, k, w->a.patients, err);
  bf_free(patient);
  if (status != BF_OK) return status;
  s->list[s->count++] = (bf_drawn_set){bf_means_figures, &s->overlaps, 1};
  s->overlaps_at = s->figures++;
  return BF_OK;
}

static bf_status precisions(bf_lesion_figures *f, const work *w, bf_error *err) {
  double least[BF_AP_THRESHOLDS];
  bf_matching matching = {0};
  for (int k = 0; k < BF_AP_THRESHOLDS; k++) least[k] = bf_ap_threshold(k);
  bf_status status = bf_metrics_box_precisions(f->ap, least, BF_AP_THRESHOLDS, w->pairing, err);
  if (status == BF_OK) status = bf_metrics_coco_precision(&f->ap_coco, w->pairing, err);
  if (status == BF_OK)
    status = bf_metrics_match_pairing(&matching, w->pairing, bf_metrics_hit_test(BF_HIT_CENTRE), err);
  if (status == BF_OK) f->ap_centre = bf_metrics_box_precision(&matching);
  bf_matching_clear(&matching);
  return status;
}

/* ---- by size ---- */

/* Hundredths of the image where some spacing is unknown; else mm, the limits of T1b and T1 tumours of the breast. */
static const double size_limits[2][BF_SIZE_GROUPS - 1] = {{10, 25}, {10, 20}};

static bool spacing_known(const bf_cases *c, const bf_case *items, const int64_t *members, const bf_lesion_arrays *a) {
  for (int64_t i = 0; i < a->n; i++) {
    const bf_case *one = bf_case_at(items, members, a->at[i]);
    const bf_score_row *row = bf_case_row(c, one);
    if (one->boxes.truth_count > 0 && !(row->spacing_row > 0 && row->spacing_column > 0)) return false;
  }
  return true;
}

static void measure(work *w, bf_lesion_figures *f, const bf_cases *c, const bf_case *items, const int64_t *members) {
  double *size = w->size;
  f->sizes_in_mm = f->lesions > 0 && spacing_known(c, items, members, &w->a);
  for (int64_t i = 0; i < w->a.n; i++) {
    const bf_case *one = bf_case_at(items, members, w->a.at[i]);
    const bf_score_row *row = bf_case_row(c, one);
    double down = row->spacing_row, across = row->spacing_column,
           side = row->rows > row->columns ? row->rows : row->columns;
    if (!f->sizes_in_mm) down = across = 100 / (side > 0 ? side : 1);
    for (int t = 0; t < one->boxes.truth_count; t++) {
      const bf_hit_box *b = &one->boxes.truths[t];
      *size++ = fmax((b->xmax - b->xmin) * across, (b->ymax - b->ymin) * down);
    }
  }
}

static bf_status add_size(sets *s, bf_size_figures *f, int k, work *w, int64_t lesions, double low, double high,
                          bf_error *err) {
  bf_matching narrow = {0};
  double sum = 0;
  for (int64_t i = 0; i < lesions; i++) {
    w->member[i] = w->size[i] >= low && w->size[i] < high;
    f->lesions += w->member[i];
    if (w->member[i]) sum += w->best[i];
  }
  f->mean_best_iou = f->lesions > 0 ? sum / (double)f->lesions : NAN;
  bf_status status = bf_matching_narrow(&narrow, &w->matching, w->member, err);
  if (status == BF_OK)
    status = bf_boxed_make(&s->boxed[FIRST_SIZE + k], &narrow, w->a.patient, w->a.patients, &bf_froc_rates[BF_RATE_ONE],
                           1, BF_BOXED_AT_RATES, err);
  if (status == BF_OK) put_set(s, FIRST_SIZE + k);
  bf_matching_clear(&narrow);
  return status;
}

static bf_status add_sizes(sets *s, bf_lesion_figures *f, work *w, bf_error *err) {
  const double *limits = size_limits[f->sizes_in_mm];
  bf_status status = BF_OK;
  for (int k = 0; k < BF_SIZE_GROUPS && status == BF_OK; k++) {
    bf_range_name(f->sizes[k].name, sizeof f->sizes[k].name, limits, BF_SIZE_GROUPS - 1, k,
                  f->sizes_in_mm ? "mm" : "% of the image");
    status = add_size(s, &f->sizes[k], k, w, f->lesions, k > 0 ? limits[k - 1] : -INFINITY,
                      k < BF_SIZE_GROUPS - 1 ? limits[k] : INFINITY, err);
  }
  return status;
}

/* ---- all ---- */

static void take(bf_lesion_figures *f, const sets *s, const bf_resampled *found) {
  const bf_resampled *rule = found + s->at[BY_RULE];
  f->cpm = rule[BF_BOXED_CPM];
  for (int k = 0; k < BF_FROC_RATES; k++) f->froc[k] = bf_metrics_resampled_share(rule[BF_BOXED_RATES + k], f->lesions);
  f->ap50 = found[s->at[AT_HALF] + BF_BOXED_PRECISION];
  f->mean_best_iou = found[s->overlaps_at];
  for (int k = 0; k < BF_SIZE_GROUPS; k++)
    if (s->at[FIRST_SIZE + k] >= 0)
      f->sizes[k].froc1 =
          bf_metrics_resampled_share(found[s->at[FIRST_SIZE + k] + BF_BOXED_RATES], f->sizes[k].lesions);
}

static bf_status resample_lesions(bf_lesion_figures *f, work *w, bf_assess_depth depth, bf_error *err) {
  sets s = {.at = {-1, -1, -1, -1, -1}};
  bf_resampled found[BOXED_SETS * BOXED + 1];
  bf_status status = add_boxed(&s, BY_RULE, &w->matching, w, err);
  if (status == BF_OK) status = add_half(&s, w, err);
  if (status == BF_OK) status = add_overlaps(&s, w, f->lesions, err);
  if (status == BF_OK && depth == BF_ASSESS_WHOLE) status = add_sizes(&s, f, w, err);
  const bf_drawn_sets all = {s.list, s.count};
  const bf_resampling how = bf_assess_resampling(w->options, w->a.patients);
  if (status == BF_OK) status = bf_metrics_resample(found, s.figures, bf_drawn_sets_figures, &all, &how, err);
  if (status == BF_OK) take(f, &s, found);
  sets_clear(&s);
  return status;
}

static void set_unknown(bf_lesion_figures *f) {
  const bf_resampled none = {NAN, {NAN, NAN}, 0};
  for (int k = 0; k < BF_AP_THRESHOLDS; k++) f->ap[k] = NAN;
  for (int k = 0; k < BF_SIZE_GROUPS; k++) f->sizes[k] = (bf_size_figures){.froc1 = none, .mean_best_iou = NAN};
  f->ap_centre = f->ap_coco = NAN;
}

bf_status bf_assess_lesions(bf_lesion_figures *f, const bf_cases *c, const bf_case *items, const int64_t *members,
                            int64_t count, bf_assess_depth depth, const bf_assess_options *o, bf_error *err) {
  work w;
  *f = (bf_lesion_figures){0};
  set_unknown(f);
  bf_status status = open_work(&w, f, items, members, count, o, err);
  if (status == BF_OK && depth == BF_ASSESS_WHOLE) {
    measure(&w, f, c, items, members);
    status = precisions(f, &w, err);
  }
  if (status == BF_OK) status = resample_lesions(f, &w, depth, err);
  if (status == BF_OK) status = bf_metrics_hit_quality(&f->quality, &w.matching, w.a.images, err);
  close_work(&w);
  return status;
}
