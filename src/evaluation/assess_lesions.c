/* Figures of lesions: FROC, average precision, how well hits sit, and the same by size. */
#include <math.h>

#include "base/memory.h"
#include "evaluation/assess_parts.h"
#include "evaluation/range.h"

const double bf_froc_rates[BF_FROC_RATES] = {0.25, 0.5, 1, 2, 4};
enum { RATE_ONE = 2 }; /* of bf_froc_rates: one false positive an image */

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

void bf_assess_best_iou(double *best, const bf_lesion_arrays *a) {
  for (int64_t i = 0; i < a->n; i++) {
    const bf_hit_image *image = &a->images[i];
    for (int t = 0; t < image->truth_count; t++, best++) {
      *best = 0;
      for (int f = 0; f < image->found_count; f++)
        *best = fmax(*best, bf_metrics_iou(&image->found[f], &image->truths[t]));
    }
  }
}

bf_status bf_assess_boxed(bf_boxed *out, const bf_matching *matching, const bf_lesion_arrays *a, bf_error *err) {
  return bf_boxed_make(out, matching, a->patient, a->patients, bf_froc_rates, BF_FROC_RATES, err);
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
  bf_assess_best_iou(w->best, &w->a);
  status = bf_pairing_create(&w->pairing, w->a.images, w->a.n, err);
  if (status != BF_OK) return status;
  return bf_metrics_match_pairing(&w->matching, w->pairing, bf_metrics_hit_test(o->rule), err);
}

/* ---- of all lesions ---- */

/* found: BF_BOXED_RATES + BF_FROC_RATES. */
static bf_status resample(bf_resampled *found, const bf_matching *matching, const work *w, bf_error *err) {
  bf_boxed data;
  const bf_resampling how = bf_assess_resampling(w->options, w->a.patients);
  bf_status status = bf_assess_boxed(&data, matching, &w->a, err);
  if (status != BF_OK) return status;
  status = bf_metrics_resample(found, data.figures, bf_boxed_figures, &data, &how, err);
  bf_boxed_clear(&data);
  return status;
}

/* All found, or none: resampling cannot see what more lesions would show, and Wilson's interval stands in. */
static void mend(bf_resampled *r, int64_t lesions) {
  if (isnan(r->value) || r->interval.low != r->interval.high) return;
  r->interval = bf_metrics_share(llround(r->value * (double)lesions), lesions).interval;
}

/* Precision is that of the rule, too: one pass where the rule is IoU 0.5. */
static bf_status froc_figures(bf_lesion_figures *f, const work *w, bf_error *err) {
  bf_resampled found[BF_BOXED_RATES + BF_FROC_RATES];
  bf_status status = resample(found, &w->matching, w, err);
  if (status != BF_OK) return status;
  f->cpm = found[BF_BOXED_CPM];
  for (int k = 0; k < BF_FROC_RATES; k++) {
    f->froc[k] = found[BF_BOXED_RATES + k];
    mend(&f->froc[k], f->lesions);
  }
  f->ap50 = found[BF_BOXED_PRECISION];
  if (w->options->rule == BF_HIT_IOU50) return BF_OK;
  bf_matching matching = {0};
  status = bf_metrics_match_pairing(&matching, w->pairing, bf_metrics_hit_test(BF_HIT_IOU50), err);
  if (status == BF_OK) status = resample(found, &matching, w, err);
  if (status == BF_OK) f->ap50 = found[BF_BOXED_PRECISION];
  bf_matching_clear(&matching);
  return status;
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

static bf_status overlap_figures(bf_lesion_figures *f, const work *w, bf_error *err) {
  bf_means data = {0};
  const double *const columns[] = {w->best};
  const bf_resampling how = bf_assess_resampling(w->options, w->a.patients);
  int32_t *patient = bf_alloc((size_t)f->lesions, sizeof *patient);
  int64_t k = 0;
  bf_status status =
      patient != NULL ? BF_OK : bf_fail(err, BF_E_MEMORY, "no memory for %lld lesions", (long long)f->lesions);
  for (int64_t i = 0; i < w->a.n && status == BF_OK; i++)
    for (int t = 0; t < w->a.images[i].truth_count; t++) patient[k++] = w->a.patient[i];
  if (status == BF_OK) status = bf_means_make(&data, columns, 1, patient, k, w->a.patients, err);
  if (status == BF_OK) status = bf_metrics_resample(&f->mean_best_iou, 1, bf_means_figures, &data, &how, err);
  bf_means_clear(&data);
  bf_free(patient);
  return status == BF_OK ? bf_metrics_hit_quality(&f->quality, &w->matching, w->a.images, err) : status;
}

/* ---- by size ---- */

/* mm as clinicians group nodules and masses; shares of the image where no spacing is known. */
static const double size_limits[2][BF_SIZE_GROUPS - 1] = {{10, 25}, {10, 20}};

static bool spacing_known(const bf_cases *c, const bf_case *items, const int64_t *members, const bf_lesion_arrays *a) {
  for (int64_t i = 0; i < a->n; i++) {
    const bf_case *one = &items[members != NULL ? members[a->at[i]] : a->at[i]];
    double row, column;
    bf_case_spacing(&row, &column, c, one);
    if (one->boxes.truth_count > 0 && !(row > 0 && column > 0)) return false;
  }
  return true;
}

static void measure(work *w, bf_lesion_figures *f, const bf_cases *c, const bf_case *items, const int64_t *members) {
  double *size = w->size;
  f->sizes_in_mm = f->lesions > 0 && spacing_known(c, items, members, &w->a);
  for (int64_t i = 0; i < w->a.n; i++) {
    const bf_case *one = &items[members != NULL ? members[w->a.at[i]] : w->a.at[i]];
    const bf_score_row *row = bf_case_row(c, one);
    double down, across, side = row->rows > row->columns ? row->rows : row->columns;
    bf_case_spacing(&down, &across, c, one);
    if (!f->sizes_in_mm) down = across = 100 / (side > 0 ? side : 1);
    for (int t = 0; t < one->boxes.truth_count; t++) {
      const bf_hit_box *b = &one->boxes.truths[t];
      *size++ = fmax((b->xmax - b->xmin) * across, (b->ymax - b->ymin) * down);
    }
  }
}

static bf_status one_size(bf_size_figures *f, work *w, int64_t lesions, double low, double high, bf_error *err) {
  bf_matching narrow = {0};
  bf_resampled found[BF_BOXED_RATES + BF_FROC_RATES];
  double sum = 0;
  for (int64_t k = 0; k < lesions; k++) {
    w->member[k] = w->size[k] >= low && w->size[k] < high;
    f->lesions += w->member[k];
    if (w->member[k]) sum += w->best[k];
  }
  f->mean_best_iou = f->lesions > 0 ? sum / (double)f->lesions : NAN;
  bf_status status = bf_matching_narrow(&narrow, &w->matching, w->member, err);
  if (status == BF_OK) status = resample(found, &narrow, w, err);
  if (status == BF_OK) {
    f->froc1 = found[BF_BOXED_RATES + RATE_ONE];
    mend(&f->froc1, f->lesions);
  }
  bf_matching_clear(&narrow);
  return status;
}

static bf_status by_size(bf_lesion_figures *f, work *w, bf_error *err) {
  const double *limits = size_limits[f->sizes_in_mm];
  bf_status status = BF_OK;
  for (int k = 0; k < BF_SIZE_GROUPS && status == BF_OK; k++) {
    bf_range_name(f->sizes[k].name, sizeof f->sizes[k].name, limits, BF_SIZE_GROUPS - 1, k,
                  f->sizes_in_mm ? "mm" : "% of the image");
    status = one_size(&f->sizes[k], w, f->lesions, k > 0 ? limits[k - 1] : -INFINITY,
                      k < BF_SIZE_GROUPS - 1 ? limits[k] : INFINITY, err);
  }
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
  if (status == BF_OK) status = froc_figures(f, &w, err);
  if (status == BF_OK) status = overlap_figures(f, &w, err);
  if (status == BF_OK && depth == BF_ASSESS_WHOLE) {
    status = precisions(f, &w, err);
    measure(&w, f, c, items, members);
    if (status == BF_OK) status = by_size(f, &w, err);
  }
  close_work(&w);
  return status;
}
