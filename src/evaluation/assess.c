/* Figures of classes and masks, and the whole of an assessment; lesions are assess_lesions.c's. */
#include "evaluation/assess.h"

#include <math.h>

#include "evaluation/assess_parts.h"

/* ---- classes ---- */

static const bf_share no_share = {NAN, {NAN, NAN}, 0, 0};

static bf_confusion confusion_at(const bf_class_arrays *a, double threshold) {
  if (isnan(threshold)) return (bf_confusion){0, 0, 0, 0, no_share, no_share, no_share, no_share};
  return bf_metrics_confusion(a->probability, a->label, a->n, threshold);
}

bf_status bf_assess_settle(bf_resampled *figures, const bf_ranked *ranked, int threshold, bf_error *err) {
  bf_status status = BF_OK;
  for (int k = 0; k < BF_AT_FIGURES && status == BF_OK; k++) {
    int64_t patients = 0;
    if (figures[k].value != 0 && figures[k].value != 1) continue;
    status = bf_ranked_clusters(&patients, ranked, threshold, k, err);
    figures[k] = bf_metrics_resampled_share(figures[k], patients);
  }
  return status;
}

static bf_status resample_classes(bf_assessment *out, const bf_class_arrays *a, const bf_assess_options *o,
                                  bf_error *err) {
  bf_class_sets sets;
  bf_status status = bf_class_sets_make(&sets, a, o, err);
  if (status == BF_OK) status = bf_plan_resample(out->figures, &sets.plan, a->patients, o, err);
  if (status == BF_OK) status = bf_assess_settle(&out->figures[BF_FIGURE_SENSITIVITY], &sets.ranked, 0, err);
  for (int k = 0; k < o->point_count && status == BF_OK; k++)
    status = bf_assess_settle(&out->figures[bf_place_of_point(k, 0)], &sets.ranked, 1 + k, err);
  bf_class_sets_clear(&sets);
  return status;
}

static bf_status assess_classes(bf_assessment *out, const bf_case *items, const int64_t *members, int64_t count,
                                const bf_assess_options *o, bf_error *err) {
  bf_class_figures *f = &out->classes;
  bf_class_arrays a;
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
  if (status == BF_OK) status = bf_metrics_recalibration(&f->recalibration, a.probability, a.label, a.n, err);
  if (status == BF_OK) status = resample_classes(out, &a, o, err);
  bf_class_arrays_clear(&a);
  return status;
}

/* ---- masks ---- */

static bf_status resample_masks(bf_assessment *out, const bf_mask_arrays *a, const bf_assess_options *o,
                                bf_error *err) {
  bf_mask_sets sets;
  bf_status status = bf_mask_sets_make(&sets, a, err);
  if (status == BF_OK) status = bf_plan_resample(out->figures, &sets.plan, a->patients, o, err);
  bf_mask_sets_clear(&sets);
  return status;
}

static bf_status assess_masks(bf_assessment *out, const bf_case *items, const int64_t *members, int64_t count,
                              const bf_assess_options *o, bf_error *err) {
  bf_mask_figures *f = &out->masks;
  bf_mask_arrays a;
  for (int64_t i = 0; i < count; i++) {
    const bf_case *one = bf_case_at(items, members, i);
    f->images += one->outlined;
    f->found_where_none += one->outlined && isnan(one->dice) && one->found_anything;
  }
  bf_status status = bf_mask_arrays_make(&a, items, members, count, err);
  if (status != BF_OK) return status;
  f->drawn = a.n;
  status = resample_masks(out, &a, o, err);
  bf_mask_arrays_clear(&a);
  return status;
}

/* ---- all ---- */

bf_status bf_assess(bf_assessment *out, const bf_cases *cases, const bf_case *items, const int64_t *members,
                    int64_t count, bf_assess_depth depth, const bf_assess_options *o, bf_error *err) {
  *out = (bf_assessment){.cases = count};
  for (int k = 0; k < BF_PLACES; k++) out->figures[k] = (bf_resampled){NAN, {NAN, NAN}, 0};
  bf_status status = assess_classes(out, items, members, count, o, err);
  if (status == BF_OK) status = bf_assess_lesions(out, cases, items, members, count, depth, o, err);
  return status == BF_OK ? assess_masks(out, items, members, count, o, err) : status;
}

int bf_assessment_few(bf_few_of few[BF_FEW_COUNTS], const bf_assessment *a) {
  const bf_few_of counts[BF_FEW_COUNTS] = {{"images", a->cases},
                                           {"malignant images", a->classes.positives},
                                           {"benign images", a->classes.n - a->classes.positives},
                                           {"patients of known class", a->classes.patients},
                                           {"lesions", a->lesions.lesions},
                                           {"patients of known lesions", a->lesions.patients}};
  int count = 0;
  for (int k = 0; k < BF_FEW_COUNTS; k++)
    if (bf_few(counts[k].n)) few[count++] = counts[k];
  return count;
}

bool bf_assessment_small(const bf_assessment *a) {
  bf_few_of few[BF_FEW_COUNTS];
  return bf_assessment_few(few, a) > 0;
}

/* ---- to be shown ---- */

bf_share bf_confusion_share(const bf_confusion *c, int at) {
  return at == BF_AT_SENSITIVITY           ? c->sensitivity
         : at == BF_AT_SPECIFICITY         ? c->specificity
         : at == BF_AT_POSITIVE_PREDICTIVE ? c->positive_predictive
                                           : c->negative_predictive;
}

static int64_t count_of(const bf_assessment *a, bf_figure_of of) {
  const int64_t counts[BF_OF_COUNTS] = {[BF_OF_CASES] = a->classes.n,
                                        [BF_OF_POSITIVES] = a->classes.positives,
                                        [BF_OF_NEGATIVES] = a->classes.n - a->classes.positives,
                                        [BF_OF_LESIONS] = a->lesions.lesions,
                                        [BF_OF_HITS] = a->lesions.hits,
                                        [BF_OF_MASKS] = a->masks.drawn};
  return counts[of];
}

/* Of cases that are alike in their patients `plain` takes too many for independent. */
static bf_interval choose(const bf_assessment *a, int place, bf_interval plain) {
  return bf_cases_alike(&a->classes) ? a->figures[place].interval : plain;
}

static bf_shown show_share(const bf_assessment *a, int place, bf_share share) {
  return (bf_shown){share.value, choose(a, place, share.interval), share.n};
}

bf_shown bf_assessment_shown(const bf_assessment *a, int place) {
  const bf_resampled *r = &a->figures[place];
  if (place == BF_FIGURE_AUC)
    return (bf_shown){a->classes.auc.value, choose(a, place, a->classes.auc.interval), a->classes.n};
  if (place >= BF_FIGURE_SENSITIVITY && place < BF_FIGURE_SENSITIVITY + BF_AT_FIGURES)
    return show_share(a, place, bf_confusion_share(&a->classes.confusion, place - BF_FIGURE_SENSITIVITY));
  if (place >= BF_PLACE_POINTS) {
    int k = place - BF_PLACE_POINTS;
    return show_share(a, place, bf_confusion_share(&a->classes.at_points[k / BF_AT_FIGURES], k % BF_AT_FIGURES));
  }
  if (place >= BF_PLACE_SIZES)
    return (bf_shown){r->value, r->interval, a->lesions.sizes[(place - BF_PLACE_SIZES) / BF_SIZE_FIGURES].lesions};
  return (bf_shown){r->value, r->interval, count_of(a, bf_figure_kinds[place].of)};
}
