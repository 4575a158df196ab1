/* Figures of classes and masks, and the whole of an assessment; lesions are assess_lesions.c's. */
#include "evaluation/assess.h"

#include <math.h>

#include "base/memory.h"
#include "evaluation/assess_parts.h"

bf_resampling bf_assess_resampling(const bf_assess_options *o, int32_t patients) {
  return (bf_resampling){.clusters = patients, .rounds = o->rounds, .seed = o->seed, .pool = o->pool};
}

/* ---- classes ---- */

bf_status bf_class_sets_make(bf_class_sets *out, const bf_class_arrays *a, const bf_assess_options *o, bf_error *err) {
  const bf_ranked_input in = {.score = a->rank,
                              .label = a->label,
                              .cluster = a->patient,
                              .n = a->n,
                              .clusters = a->patients,
                              .most = BF_PARTIAL_AUC,
                              .probability = a->probability,
                              .thresholds = &o->threshold,
                              .threshold_count = 1};
  *out = (bf_class_sets){.list = {{bf_ranked_figures, &out->ranked, BF_CLASS_RANKED},
                                  {bf_calibrated_figures, &out->calibrated, BF_CALIBRATED_FIGURES}},
                         .all = {out->list, 2}};
  bf_status status = bf_ranked_make(&out->ranked, &in, err);
  if (status == BF_OK)
    status =
        bf_calibrated_make(&out->calibrated, a->probability, a->label, a->patient, a->n, a->patients, BF_ECE_BINS, err);
  return status;
}

void bf_class_sets_clear(bf_class_sets *s) {
  bf_ranked_clear(&s->ranked);
  bf_calibrated_clear(&s->calibrated);
}

static bf_status class_figures(bf_class_figures *f, const bf_class_arrays *a, const bf_assess_options *o,
                               bf_error *err) {
  bf_class_sets sets;
  bf_resampled found[BF_CLASS_FIGURES];
  const bf_resampling how = bf_assess_resampling(o, a->patients);
  bf_status status = bf_class_sets_make(&sets, a, o, err);
  if (status == BF_OK)
    status = bf_metrics_resample(found, BF_CLASS_FIGURES, bf_drawn_sets_figures, &sets.all, &how, err);
  bf_class_sets_clear(&sets);
  if (status != BF_OK) return status;
  f->auc_resampled = found[BF_RANKED_AUC];
  f->average_precision = found[BF_RANKED_AVERAGE_PRECISION];
  f->partial_auc = found[BF_RANKED_PARTIAL_AUC];
  for (int k = 0; k < BF_AT_FIGURES; k++) f->at[k] = found[bf_ranked_at(0, k)];
  f->brier = found[BF_CLASS_RANKED + BF_CALIBRATED_BRIER];
  f->log_loss = found[BF_CLASS_RANKED + BF_CALIBRATED_LOG_LOSS];
  f->ece = found[BF_CLASS_RANKED + BF_CALIBRATED_ECE];
  f->excess = found[BF_CLASS_RANKED + BF_CALIBRATED_EXCESS];
  return bf_metrics_recalibration(&f->recalibration, a->probability, a->label, a->n, err);
}

static const bf_share no_share = {NAN, {NAN, NAN}, 0, 0};

static bf_confusion confusion_at(const bf_class_arrays *a, double threshold) {
  if (isnan(threshold)) return (bf_confusion){0, 0, 0, 0, no_share, no_share, no_share, no_share};
  return bf_metrics_confusion(a->probability, a->label, a->n, threshold);
}

static bf_interval shown(const bf_class_figures *f, const bf_resampled *resampled, bf_interval plain) {
  return f->patients < f->n && isfinite(resampled->interval.low) ? resampled->interval : plain;
}

bf_interval bf_auc_interval(const bf_class_figures *f) { return shown(f, &f->auc_resampled, f->auc.interval); }

bf_share bf_confusion_share(const bf_confusion *c, int at) {
  return at == BF_AT_SENSITIVITY           ? c->sensitivity
         : at == BF_AT_SPECIFICITY         ? c->specificity
         : at == BF_AT_POSITIVE_PREDICTIVE ? c->positive_predictive
                                           : c->negative_predictive;
}

bf_share bf_class_share(const bf_class_figures *f, int at) {
  bf_share share = bf_confusion_share(&f->confusion, at);
  share.interval = shown(f, &f->at[at], share.interval);
  return share;
}

static bf_status assess_classes(bf_class_figures *f, const bf_case *items, const int64_t *members, int64_t count,
                                const bf_assess_options *o, bf_error *err) {
  bf_class_arrays a;
  *f = (bf_class_figures){0};
  for (int64_t i = 0; i < count; i++) {
    const bf_case *one = bf_case_at(items, members, i);
    f->unknown += one->malignant < 0;
    f->without_probability += one->malignant >= 0 && isnan(one->probability);
  }
  bf_status status = bf_class_arrays_make(&a, items, members, count, err);
  if (status != BF_OK) return status;
  f->n = a.n;
  f->positives = a.positives;
  f->patients = a.patients;
  f->prevalence = bf_metrics_share(a.positives, a.n);
  f->confusion = confusion_at(&a, o->threshold);
  for (int k = 0; k < o->point_count; k++) f->at_points[k] = confusion_at(&a, o->points[k].threshold);
  status = bf_metrics_auc(&f->auc, a.rank, a.label, a.n, err);
  if (status == BF_OK) status = class_figures(f, &a, o, err);
  bf_class_arrays_clear(&a);
  return status;
}

/* ---- masks ---- */

static bf_status mask_figures(bf_mask_figures *f, double *dice, double *iou, int32_t *patient,
                              const bf_assess_options *o, bf_error *err) {
  bf_means data;
  bf_resampled found[2];
  const double *const columns[] = {dice, iou};
  int32_t patients = bf_assess_close_up(patient, f->drawn);
  if (patients < 0) return bf_fail(err, BF_E_MEMORY, "no memory for the masks' figures");
  const bf_resampling how = bf_assess_resampling(o, patients);
  bf_status status = bf_means_make(&data, columns, 2, patient, f->drawn, patients, err);
  if (status != BF_OK) return status;
  status = bf_metrics_resample(found, 2, bf_means_figures, &data, &how, err);
  bf_means_clear(&data);
  if (status != BF_OK) return status;
  f->mean_dice = found[0];
  f->mean_iou = found[1];
  f->median_dice = bf_metrics_median(dice, f->drawn);
  return BF_OK;
}

static bf_status assess_masks(bf_mask_figures *f, const bf_case *items, const int64_t *members, int64_t count,
                              const bf_assess_options *o, bf_error *err) {
  double *dice = bf_alloc((size_t)count, sizeof *dice), *iou = bf_alloc((size_t)count, sizeof *iou);
  int32_t *patient = bf_alloc((size_t)count, sizeof *patient);
  bf_status status = dice && iou && patient ? BF_OK : bf_fail(err, BF_E_MEMORY, "no memory for the masks' figures");
  *f = (bf_mask_figures){0};
  for (int64_t i = 0; i < count && status == BF_OK; i++) {
    const bf_case *one = bf_case_at(items, members, i);
    f->images += one->outlined;
    f->found_where_none += one->outlined && isnan(one->dice) && one->found_anything;
    if (isnan(one->dice)) continue;
    dice[f->drawn] = one->dice;
    iou[f->drawn] = one->iou;
    patient[f->drawn++] = one->patient;
  }
  if (status == BF_OK) status = mask_figures(f, dice, iou, patient, o, err);
  bf_free(dice);
  bf_free(iou);
  bf_free(patient);
  return status;
}

/* ---- all ---- */

bf_status bf_assess(bf_assessment *out, const bf_cases *cases, const bf_case *items, const int64_t *members,
                    int64_t count, bf_assess_depth depth, const bf_assess_options *o, bf_error *err) {
  out->cases = count;
  bf_status status = assess_classes(&out->classes, items, members, count, o, err);
  if (status == BF_OK) status = bf_assess_lesions(&out->lesions, cases, items, members, count, depth, o, err);
  return status == BF_OK ? assess_masks(&out->masks, items, members, count, o, err) : status;
}

bool bf_assessment_small(const bf_assessment *a) {
  const bf_class_figures *c = &a->classes;
  const bf_lesion_figures *l = &a->lesions;
  return bf_few(a->cases) || bf_few(c->positives) || bf_few(c->n - c->positives) || bf_few(c->patients) ||
         bf_few(l->lesions) || bf_few(l->patients);
}
