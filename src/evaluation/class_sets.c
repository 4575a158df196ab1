/* What of classes and masks is resampled. */
#include <math.h>

#include "evaluation/assess_parts.h"

_Static_assert(BF_FIGURE_AUC + BF_RANKED_AVERAGE_PRECISION == BF_FIGURE_AVERAGE_PRECISION &&
                   BF_FIGURE_AUC + BF_RANKED_PARTIAL_AUC == BF_FIGURE_PARTIAL_AUC &&
                   BF_FIGURE_SENSITIVITY + BF_AT_NEGATIVE_PREDICTIVE == BF_FIGURE_NEGATIVE_PREDICTIVE &&
                   BF_FIGURE_BRIER + BF_CALIBRATED_ECE == BF_FIGURE_ECE &&
                   BF_FIGURE_BRIER + BF_CALIBRATED_EXCESS == BF_FIGURE_EXCESS,
               "the table has the order of the sets");

bf_status bf_class_sets_make(bf_class_sets *s, const bf_class_arrays *a, const bf_assess_options *o, bf_error *err) {
  double thresholds[1 + BF_POINTS_MAX] = {o->threshold};
  for (int k = 0; k < o->point_count; k++) thresholds[1 + k] = o->points[k].threshold;
  const bf_ranked_input in = {.score = a->rank,
                              .label = a->label,
                              .cluster = a->patient,
                              .n = a->n,
                              .clusters = a->patients,
                              .most = BF_PARTIAL_AUC,
                              .probability = a->probability,
                              .thresholds = thresholds,
                              .threshold_count = 1 + o->point_count};
  *s = (bf_class_sets){0};
  bf_status status = bf_ranked_make(&s->ranked, &in, err);
  if (status == BF_OK)
    status =
        bf_calibrated_make(&s->calibrated, a->probability, a->label, a->patient, a->n, a->patients, BF_ECE_BINS, err);
  if (status != BF_OK) return status;
  int first = bf_plan_add(&s->plan, bf_ranked_figures, &s->ranked, s->ranked.figures);
  bf_plan_place(&s->plan, first, BF_FIGURE_AUC, BF_RANKED_THRESHOLDS);
  bf_plan_place(&s->plan, first + bf_ranked_at(0, 0), BF_FIGURE_SENSITIVITY, BF_AT_FIGURES);
  bf_plan_place(&s->plan, first + bf_ranked_at(1, 0), BF_PLACE_POINTS, o->point_count * BF_AT_FIGURES);
  first = bf_plan_add(&s->plan, bf_calibrated_figures, &s->calibrated, BF_CALIBRATED_FIGURES);
  bf_plan_place(&s->plan, first, BF_FIGURE_BRIER, BF_CALIBRATED_FIGURES);
  return BF_OK;
}

void bf_class_sets_clear(bf_class_sets *s) {
  bf_ranked_clear(&s->ranked);
  bf_calibrated_clear(&s->calibrated);
}

bf_status bf_mask_sets_make(bf_mask_sets *s, const bf_mask_arrays *a, bf_error *err) {
  const double *const columns[] = {a->dice, a->iou};
  *s = (bf_mask_sets){0};
  bf_status status = bf_means_make(&s->means, columns, 2, a->patient, a->n, a->patients, err);
  if (status == BF_OK) status = bf_medians_make(&s->medians, columns, 1, a->patient, a->n, a->patients, err);
  if (status != BF_OK) return status;
  int first = bf_plan_add(&s->plan, bf_means_figures, &s->means, 2);
  bf_plan_place(&s->plan, first, BF_FIGURE_DICE_MEAN, 1);
  bf_plan_place(&s->plan, first + 1, BF_FIGURE_MASK_IOU_MEAN, 1);
  bf_plan_place(&s->plan, bf_plan_add(&s->plan, bf_medians_figures, &s->medians, 1), BF_FIGURE_DICE_MEDIAN, 1);
  return BF_OK;
}

void bf_mask_sets_clear(bf_mask_sets *s) {
  bf_means_clear(&s->means);
  bf_medians_clear(&s->medians);
}
