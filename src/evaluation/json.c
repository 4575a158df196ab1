/* Figures as JSON. Keys are a contract: more may be added. */
#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "base/utf8.h"
#include "bifocal/version.h"
#include "evaluation/words.h"

static json_t *number(double value) { return isfinite(value) ? json_real(value) : json_null(); }

static json_t *interval(bf_interval i) {
  return isfinite(i.low) && isfinite(i.high) ? json_pack("[f, f]", i.low, i.high) : json_null();
}

static void set(json_t *object, const char *key, json_t *value) { json_object_set_new(object, key, value); }

/* Of a file's name, whose bytes may be anything; null where there is none. */
static json_t *name_of(const char *file) {
  char *copy = file != NULL ? bf_utf8_copy(file) : NULL;
  json_t *name = copy != NULL ? json_string(copy) : json_null();
  bf_free(copy);
  return name;
}

static void set_both(json_t *object, const char *key, double value, bf_interval i) {
  char name[64];
  snprintf(name, sizeof name, "%s_ci", key);
  set(object, key, number(value));
  set(object, name, interval(i));
}

static void set_share(json_t *object, const char *key, bf_share share) {
  set_both(object, key, share.value, share.interval);
}

static void set_resampled(json_t *object, const char *key, const bf_resampled *r) {
  set_both(object, key, r->value, r->interval);
}

/* Figures of the table from `first` to `last` that have their own key at this depth. */
static void set_figures(json_t *object, const bf_assessment *a, int first, int last, bf_assess_depth depth) {
  for (int k = first; k <= last; k++)
    if (depth == BF_ASSESS_WHOLE || bf_figure_kinds[k].depth == BF_ASSESS_GROUP)
      set_resampled(object, bf_figure_kinds[k].key, &a->figures[k]);
}

/* ---- classes ---- */

/* Wilson's intervals, and those of resampled patients; resampled: of each share, BF_AT_.... */
static void set_confusion(json_t *c, const bf_confusion *t, const bf_resampled *resampled, bool decided) {
  for (int k = 0; k < BF_AT_FIGURES; k++) {
    char name[64];
    const char *key = bf_figure_kinds[BF_FIGURE_SENSITIVITY + k].key;
    snprintf(name, sizeof name, "%s_resampled_ci", key);
    set_share(c, key, bf_confusion_share(t, k));
    set(c, name, interval(resampled[k].interval));
  }
  set(c, "true_positives", decided ? json_integer(t->true_positive) : json_null());
  set(c, "false_positives", decided ? json_integer(t->false_positive) : json_null());
  set(c, "true_negatives", decided ? json_integer(t->true_negative) : json_null());
  set(c, "false_negatives", decided ? json_integer(t->false_negative) : json_null());
}

static json_t *points(const bf_assessment *a, const bf_assess_options *o) {
  json_t *list = json_array();
  for (int k = 0; k < o->point_count; k++) {
    json_t *point = json_object();
    set(point, "name", json_string(o->points[k].name));
    set(point, "threshold", number(o->points[k].threshold));
    set_confusion(point, &a->classes.at_points[k], &a->figures[bf_place_of_point(k, 0)], true);
    json_array_append_new(list, point);
  }
  return list;
}

static json_t *classes(const bf_assessment *a, const bf_assess_options *o) {
  json_t *c = json_object();
  const bf_class_figures *f = &a->classes;
  const bf_recalibration *r = &f->recalibration;
  set(c, "n", json_integer(f->n));
  set(c, "positives", json_integer(f->positives));
  set(c, "negatives", json_integer(f->n - f->positives));
  set(c, "patients", json_integer(f->patients));
  set(c, "n_unknown", json_integer(f->unknown));
  set(c, "n_without_probability", json_integer(f->without_probability));
  set_share(c, "prevalence", f->prevalence);
  set_both(c, "auc", f->auc.value, f->auc.interval);
  set(c, "auc_variance", number(f->auc.variance));
  set(c, "auc_resampled_ci", interval(a->figures[BF_FIGURE_AUC].interval));
  set(c, "partial_auc_false_positive_rate", json_real(BF_PARTIAL_AUC));
  set_figures(c, a, BF_FIGURE_AVERAGE_PRECISION, BF_FIGURE_PARTIAL_AUC, BF_ASSESS_GROUP);
  set_confusion(c, &f->confusion, &a->figures[BF_FIGURE_SENSITIVITY], !isnan(o->threshold));
  set_figures(c, a, BF_FIGURE_BRIER, BF_FIGURE_EXCESS, BF_ASSESS_GROUP);
  set(c, "ece_bins", json_integer(BF_ECE_BINS));
  set_both(c, "calibration_slope", r->slope, r->slope_interval);
  set_both(c, "calibration_intercept", r->intercept, r->intercept_interval);
  set_both(c, "calibration_offset", r->offset, r->offset_interval);
  return c;
}

static json_t *reliability(const bf_evaluation *e) {
  bf_class_arrays a;
  bf_reliability_bin bins[BF_RELIABILITY_BINS];
  json_t *list = json_array();
  if (bf_class_arrays_make(&a, e->cases.items, NULL, e->cases.count, NULL) != BF_OK) return list;
  if (bf_metrics_reliability(bins, BF_RELIABILITY_BINS, BF_BIN_WIDTH, a.probability, a.label, a.n, NULL) == BF_OK)
    for (int k = 0; k < BF_RELIABILITY_BINS; k++) {
      json_t *bin = json_object();
      set(bin, "low", number(bins[k].low));
      set(bin, "high", number(bins[k].high));
      set(bin, "n", json_integer(bins[k].n));
      set(bin, "predicted", number(bins[k].predicted));
      set_share(bin, "observed", bins[k].observed);
      json_array_append_new(list, bin);
    }
  bf_class_arrays_clear(&a);
  return list;
}

static json_t *classification(const bf_evaluation *e) {
  json_t *c = classes(&e->all, &e->options);
  set(c, "auc_method",
      json_string("DeLong, 95 % interval on the logit scale; auc_resampled_ci: of resampled patients"));
  set(c, "threshold", number(e->options.threshold));
  set(c, "threshold_from", e->threshold_from != NULL ? json_string(e->threshold_from) : json_null());
  set(c, "threshold_rule", e->threshold_from != NULL ? json_string(e->threshold_rule) : json_null());
  set(c, "interval_method",
      json_string("sensitivity, specificity, predictive values, prevalence, observed: Wilson; "
                  "calibration_slope, calibration_intercept, calibration_offset: Wald; ..._resampled_ci and else: "
                  "resampled patients; 95 %"));
  set(c, "operating_points", points(&e->all, &e->options));
  set(c, "reliability", reliability(e));
  return c;
}

/* ---- lesions and masks ---- */

static json_t *sizes(const bf_assessment *a) {
  json_t *list = json_array();
  for (int k = 0; k < BF_SIZE_GROUPS; k++) {
    json_t *size = json_object();
    set(size, "size", json_string(a->lesions.sizes[k].name));
    set(size, "lesions", json_integer(a->lesions.sizes[k].lesions));
    set_resampled(size, "froc_1", &a->figures[bf_place_of_size(k, BF_SIZE_FROC_1)]);
    set_resampled(size, "mean_best_iou", &a->figures[bf_place_of_size(k, BF_SIZE_BEST_IOU)]);
    set(size, "small", json_boolean(bf_few(a->lesions.sizes[k].lesions)));
    json_array_append_new(list, size);
  }
  return list;
}

/* Figures that are of one kind, as an object from what is asked to the figure, and one to its interval. */
static void set_family(json_t *l, const char *key, const char *key_ci, const char *format, const bf_assessment *a,
                       int first, int count, double (*asked)(int k)) {
  json_t *values = json_object(), *intervals = json_object();
  for (int k = 0; k < count; k++) {
    char name[16];
    snprintf(name, sizeof name, format, asked(k));
    set(values, name, number(a->figures[first + k].value));
    set(intervals, name, interval(a->figures[first + k].interval));
  }
  set(l, key, values);
  set(l, key_ci, intervals);
}

static double froc_rate(int k) { return bf_froc_rates[k]; }
static double ap_threshold(int k) { return bf_ap_threshold(k); }

static json_t *lesions(const bf_assessment *a, const bf_assess_options *o, bf_assess_depth depth) {
  json_t *l = json_object();
  const bf_lesion_figures *f = &a->lesions;
  set(l, "images", json_integer(f->images));
  set(l, "lesions", json_integer(f->lesions));
  set(l, "patients", json_integer(f->patients));
  set(l, "boxes", json_integer(f->found));
  set(l, "images_without_lesions", json_integer(f->without_lesions));
  set(l, "n_unknown", json_integer(f->unknown));
  set(l, "hit", json_string(bf_hit_rule_name(o->rule)));
  set(l, "hits", json_integer(f->hits));
  set_family(l, "froc", "froc_ci", "%g", a, BF_FIGURE_FROC_QUARTER, BF_FROC_RATES, froc_rate);
  if (depth == BF_ASSESS_WHOLE)
    set_family(l, "ap_at_iou", "ap_at_iou_ci", "%.2f", a, BF_FIGURE_AP_10, BF_AP_THRESHOLDS, ap_threshold);
  set_figures(l, a, BF_FIGURE_CPM, BF_FIGURE_AP_10, depth);
  set_figures(l, a, BF_FIGURE_AP_50, BF_FIGURE_AP_50, depth);
  set_figures(l, a, BF_FIGURE_AP_75, BF_FIGURE_CENTRE_MEDIAN_SHARE, depth);
  return l;
}

static json_t *localization(const bf_evaluation *e) {
  json_t *l = lesions(&e->all, &e->options, BF_ASSESS_WHOLE);
  set(l, "n_unfit", json_integer(e->cases.counts.lesions_unfit));
  set(l, "ap_method", json_string("precision made falling, mean over 101 recalls"));
  set(l, "interval_method",
      json_string("resampled patients, 95 %; of froc and froc_1 Wilson's where all or no lesions are found"));
  set(l, "by_size", sizes(&e->all));
  return l;
}

static json_t *segmentation(const bf_assessment *a) {
  json_t *s = json_object();
  const bf_mask_figures *f = &a->masks;
  set(s, "images", json_integer(f->images));
  set(s, "images_with_lesions", json_integer(f->drawn));
  set(s, "images_without_lesions", json_integer(f->images - f->drawn));
  set(s, "found_where_none_is", json_integer(f->found_where_none));
  set_figures(s, a, BF_FIGURE_DICE_MEAN, BF_FIGURE_DICE_MEDIAN, BF_ASSESS_GROUP);
  set(s, "method",
      json_string("of each image with a lesion, at its original size; interval: resampled patients, 95 %"));
  return s;
}

/* ---- units and groups ---- */

static json_t *unit(const bf_unit_figures *f, const bf_assess_options *o) {
  json_t *u = classes(&f->figures, o);
  set(u, "units", json_integer(f->units));
  set(u, "images", json_integer(f->images));
  set(u, "images_without", json_integer(f->without));
  set(u, "pooling", json_string("maximum"));
  set(u, "operating_points", points(&f->figures, o));
  return u;
}

static json_t *group(const bf_group *g, const bf_assessment *a, const bf_assess_options *o) {
  json_t *out = json_object();
  set(out, "group", json_string(g->name));
  set(out, "images", json_integer(g->count));
  set(out, "small", json_boolean(bf_assessment_small(a)));
  if (a->classes.n > 0) set(out, "classification", classes(a, o));
  if (a->lesions.images > 0) set(out, "localization", lesions(a, o, BF_ASSESS_GROUP));
  if (a->masks.images > 0) set(out, "segmentation", segmentation(a));
  return out;
}

static json_t *groups(const bf_evaluation *e) {
  json_t *all = json_object();
  for (int g = 0; g < e->group_count; g++) {
    const bf_grouping *by = &e->groups[g].grouping;
    json_t *list = json_array();
    for (int i = 0; i < by->count; i++)
      json_array_append_new(list, group(&by->groups[i], &e->groups[g].of[i], &e->options));
    set(all, by->attribute, list);
  }
  return all;
}

/* ---- rows ---- */

static json_t *rows(const bf_case_counts *n) {
  json_t *r = json_object(), *by = json_object();
  set(r, "total", json_integer(n->rows));
  set(r, "failed", json_integer(n->failed));
  set(r, "left_out", json_integer(n->left_out));
  for (int i = 1; i < BF_ROW_STATUSES; i++)
    if (n->failed_by[i] > 0) set(by, bf_row_status_name((bf_row_status)i), json_integer(n->failed_by[i]));
  set(r, "failed_by_status", by);
  set(r, "unlabelled", json_integer(n->unlabelled));
  set(r, "seen_in_training", json_integer(n->seen));
  set(r, "unlike_training", json_integer(n->unlike));
  set(r, "repeated", json_integer(n->repeated));
  set(r, "labels_unmatched", json_integer(n->labels_unmatched));
  set(r, "masks_unfit", json_integer(n->masks_unfit));
  return r;
}

/* ---- against another ---- */

static json_t *differences(const bf_differences *d) {
  static const char *const winners[] = {"b", "neither", "a"};
  json_t *all = json_object();
  for (int k = 0; k < BF_FIGURES; k++) {
    const bf_difference *one = &d->items[k];
    json_t *o = one->n > 0 ? json_object() : NULL;
    if (o == NULL) continue;
    set(o, "a", number(one->of.a));
    set(o, "b", number(one->of.b));
    set_both(o, "difference", one->of.difference, one->of.interval);
    set(o, "p_value", number(one->of.p_value));
    set(o, "n", json_integer(one->n));
    set(o, "better", json_string(winners[1 + bf_difference_winner(d, k)]));
    set(all, bf_figure_kinds[k].key, o);
  }
  return all;
}

static json_t *calls(const bf_discordance *c) {
  return json_pack("{s:I, s:I, s:I, s:I, s:o}", "both_right", (json_int_t)c->both_right, "a_alone_right",
                   (json_int_t)c->a_alone, "b_alone_right", (json_int_t)c->b_alone, "both_wrong",
                   (json_int_t)c->both_wrong, "p_value", number(c->p_value));
}

static json_t *comparison_groups(const bf_comparison *c) {
  json_t *all = json_object();
  for (int g = 0; g < c->group_count; g++) {
    const bf_grouping *by = &c->groups[g].grouping;
    json_t *list = json_array();
    for (int i = 0; i < by->count; i++) {
      json_t *o = json_object();
      set(o, "group", json_string(by->groups[i].name));
      set(o, "images", json_integer(by->groups[i].count));
      set(o, "small", json_boolean(c->groups[g].of[i].few));
      set(o, "figures", differences(&c->groups[g].of[i]));
      json_array_append_new(list, o);
    }
    set(all, by->attribute, list);
  }
  return all;
}

static json_t *against(const bf_comparison *c, const char *file) {
  json_t *o = json_object();
  set(o, "scores", name_of(file));
  set(o, "images", json_integer(c->cases));
  set(o, "images_of_a_alone", json_integer(c->a_alone));
  set(o, "images_of_b_alone", json_integer(c->b_alone));
  set(o, "rows_of_b", rows(&c->rows_of_b));
  set(o, "threshold_a", number(c->threshold_a));
  set(o, "threshold_b", number(c->threshold_b));
  set(o, "figures", differences(&c->all));
  set(o, "auc_delong",
      json_pack("{s:o, s:o, s:o}", "difference", number(c->delong.value), "difference_ci", interval(c->delong.interval),
                "p_value", number(c->delong.p_value)));
  set(o, "calls", calls(&c->calls));
  set(o, "subgroups", comparison_groups(c));
  set(o, "method",
      json_string("differences are a - b on the same resampled patients, 95 %; auc_delong: DeLong, paired; "
                  "calls: McNemar, exact"));
  return o;
}

/* ---- all ---- */

char *bf_evaluation_json(const bf_evaluation *e, const bf_comparison *comparison, const bf_evaluation_source *s) {
  json_t *root = json_object(), *files = json_array();
  for (int i = 0; i < s->label_count; i++) json_array_append_new(files, name_of(s->labels[i]));
  set(root, "classification", classification(e));
  for (int u = 0; u < BF_UNITS; u++)
    if (e->units[u].units > 0) {
      char key[32];
      snprintf(key, sizeof key, "per_%s", bf_unit_name(u));
      set(root, key, unit(&e->units[u], &e->options));
    }
  set(root, "localization", localization(e));
  if (e->all.masks.images > 0) set(root, "segmentation", segmentation(&e->all));
  set(root, "subgroups", groups(e));
  if (comparison != NULL) set(root, "against", against(comparison, s->against));
  set(root, "small", json_boolean(bf_assessment_small(&e->all)));
  set(root, "rows", rows(&e->cases.counts));
  set(root, "bootstrap",
      json_pack("{s:i, s:I, s:i, s:b}", "rounds", e->options.rounds, "seed", (json_int_t)e->options.seed, "patients",
                (int)e->cases.patients, "patients_known", (int)e->cases.patients_known));
  set(root, "scores", name_of(s->scores));
  set(root, "labels", files);
  set(root, "model_sha256", name_of(s->model_sha256));
  set(root, "software_version", json_string(BIFOCAL_VERSION));
  char *text = json_dumps(root, JSON_INDENT(2) | JSON_REAL_PRECISION(12)), *copy = bf_strdup(text);
  json_decref(root);
  free(text);
  return copy;
}
