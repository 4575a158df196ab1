/* The figures of an evaluation in words: JSON, a table for people, and the files of a report. */
#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/memory.h"
#include "bifocal/version.h"
#include "run/evaluation.h"

/* ---- JSON ---- */

static json_t *number(double value) { return isfinite(value) ? json_real(value) : json_null(); }

static json_t *interval(bf_interval i) {
  return isfinite(i.low) && isfinite(i.high) ? json_pack("[f, f]", i.low, i.high) : json_null();
}

static void set(json_t *object, const char *key, json_t *value) { json_object_set_new(object, key, value); }

static void set_share(json_t *object, const char *key, bf_share share) {
  char name[64];
  snprintf(name, sizeof name, "%s_ci", key);
  set(object, key, number(share.value));
  set(object, name, interval(share.interval));
}

static json_t *classification(const bf_evaluation *e) {
  json_t *c = json_object();
  const bf_confusion *t = &e->confusion;
  bool decided = !isnan(e->threshold);
  set(c, "n", json_integer(e->n));
  set(c, "positives", json_integer(e->positives));
  set(c, "negatives", json_integer(e->n - e->positives));
  set(c, "n_unknown", json_integer(e->class_unknown));
  set(c, "n_without_probability", json_integer(e->without_probability));
  set_share(c, "prevalence", e->prevalence);
  set(c, "auc", number(e->auc.value));
  set(c, "auc_ci", interval(e->auc.interval));
  set(c, "auc_variance", number(e->auc.variance));
  set(c, "auc_method", json_string("DeLong, 95 % interval on the logit scale"));
  set(c, "partial_auc", number(e->partial_auc));
  set(c, "partial_auc_false_positive_rate", json_real(BF_PARTIAL_AUC));
  set(c, "average_precision", number(e->average_precision));
  set(c, "threshold", number(e->threshold));
  set(c, "threshold_from", e->threshold_from != NULL ? json_string(e->threshold_from) : json_null());
  set(c, "threshold_rule", e->threshold_from != NULL ? json_string(e->threshold_rule) : json_null());
  set_share(c, "sensitivity", t->sensitivity);
  set_share(c, "specificity", t->specificity);
  set_share(c, "positive_predictive_value", t->positive_predictive);
  set_share(c, "negative_predictive_value", t->negative_predictive);
  set(c, "interval_method", json_string("Wilson, 95 %"));
  set(c, "true_positives", decided ? json_integer(t->true_positive) : json_null());
  set(c, "false_positives", decided ? json_integer(t->false_positive) : json_null());
  set(c, "true_negatives", decided ? json_integer(t->true_negative) : json_null());
  set(c, "false_negatives", decided ? json_integer(t->false_negative) : json_null());
  set(c, "ece", number(e->ece));
  set(c, "ece_bins", json_integer(BF_ECE_BINS));
  set(c, "brier", number(e->brier));
  set(c, "log_loss", number(e->log_loss));
  return c;
}

static bf_share lesion_share(const bf_evaluation *e, double sensitivity) {
  const bf_share none = {NAN, {NAN, NAN}, 0, 0};
  return isfinite(sensitivity) && e->lesions > 0
             ? bf_metrics_share(llround(sensitivity * (double)e->lesions), e->lesions)
             : none;
}

static json_t *localization(const bf_evaluation *e) {
  json_t *l = json_object(), *froc = json_object(), *froc_ci = json_object();
  set(l, "images", json_integer(e->image_count));
  set(l, "lesions", json_integer(e->lesions));
  set(l, "boxes", json_integer(e->found));
  set(l, "images_without_lesions", json_integer(e->without_lesions));
  set(l, "n_unknown", json_integer(e->lesions_unknown));
  set(l, "n_unfit", json_integer(e->lesions_unfit));
  set(l, "ap50", number(e->ap50));
  set(l, "ap10", number(e->ap10));
  set(l, "ap75", number(e->ap75));
  set(l, "ap_centre", number(e->ap_centre));
  set(l, "ap_method", json_string("precision made falling, mean over 101 recalls"));
  set(l, "hit", json_string(bf_hit_rule_name(e->rule)));
  for (int i = 0; i < BF_FROC_RATES; i++) {
    char key[16];
    snprintf(key, sizeof key, "%g", bf_froc_rates[i]);
    set(froc, key, number(e->froc[i]));
    set(froc_ci, key, interval(lesion_share(e, e->froc[i]).interval));
  }
  set(l, "froc", froc);
  set(l, "froc_ci", froc_ci);
  set(l, "cpm", number(e->cpm));
  set(l, "mean_best_iou", number(e->mean_best_iou));
  return l;
}

static json_t *segmentation(const bf_evaluation *e) {
  json_t *s = json_object();
  set(s, "images", json_integer(e->outlined));
  set(s, "images_with_lesions", json_integer(e->drawn));
  set(s, "images_without_lesions", json_integer(e->outlined - e->drawn));
  set(s, "found_where_none_is", json_integer(e->empty_false));
  set(s, "mean_dice", number(e->mean_dice));
  set(s, "mean_dice_ci", interval(e->dice_interval));
  set(s, "median_dice", number(e->median_dice));
  set(s, "mean_iou", number(e->mean_iou));
  set(s, "method", json_string("of each image with a lesion, at its original size; interval: resampled images, 95 %"));
  return s;
}

static json_t *rows(const bf_evaluation *e) {
  json_t *r = json_object(), *by = json_object();
  set(r, "total", json_integer(e->scores.count));
  set(r, "failed", json_integer(e->failed));
  set(r, "left_out", json_integer(e->left_out));
  for (int i = 1; i < BF_ROW_STATUSES; i++)
    if (e->failed_by[i] > 0) set(by, bf_row_status_name((bf_row_status)i), json_integer(e->failed_by[i]));
  set(r, "failed_by_status", by);
  set(r, "unlabelled", json_integer(e->unlabelled));
  set(r, "seen_in_training", json_integer(e->seen));
  set(r, "unlike_training", json_integer(e->unlike));
  set(r, "repeated", json_integer(e->repeated));
  set(r, "labels_unmatched", json_integer(e->labels_unmatched));
  set(r, "masks_unfit", json_integer(e->masks_unfit));
  return r;
}

char *bf_evaluation_json(const bf_evaluation *e, const bf_evaluate_options *o) {
  json_t *root = json_object(), *files = json_array();
  for (int i = 0; i < o->label_count; i++) json_array_append_new(files, json_string(o->labels[i]));
  set(root, "classification", classification(e));
  set(root, "localization", localization(e));
  if (e->outlined > 0) set(root, "segmentation", segmentation(e));
  set(root, "rows", rows(e));
  set(root, "scores", json_string(o->scores));
  set(root, "labels", files);
  set(root, "model_sha256", e->scores.model_sha256 != NULL ? json_string(e->scores.model_sha256) : json_null());
  set(root, "software_version", json_string(BIFOCAL_VERSION));
  char *text = json_dumps(root, JSON_INDENT(2) | JSON_REAL_PRECISION(12)), *copy = bf_strdup(text);
  json_decref(root);
  free(text);
  return copy;
}

/* ---- a table for people ---- */

static void line(FILE *f, const char *name, double value, bf_interval i, int64_t k, int64_t n) {
  fprintf(f, "  %-34s", name);
  if (!isfinite(value)) {
    fprintf(f, "not defined\n");
    return;
  }
  fprintf(f, "%.3f", value);
  if (isfinite(i.low) && isfinite(i.high)) fprintf(f, "   95 %% interval %.3f to %.3f", i.low, i.high);
  if (n > 0) fprintf(f, "   (%lld of %lld)", (long long)k, (long long)n);
  fputc('\n', f);
}

static void share_line(FILE *f, const char *name, bf_share s) { line(f, name, s.value, s.interval, s.k, s.n); }

static void plain_line(FILE *f, const char *name, double value) { line(f, name, value, (bf_interval){NAN, NAN}, 0, 0); }

static void write_rows(FILE *f, const bf_evaluation *e) {
  fprintf(f, "rows: %lld, %lld failed", (long long)e->scores.count, (long long)e->failed);
  const char *before = " (";
  for (int i = 1; i < BF_ROW_STATUSES; i++) {
    if (e->failed_by[i] == 0) continue;
    fprintf(f, "%s%lld %s", before, (long long)e->failed_by[i], bf_row_status_name((bf_row_status)i));
    before = ", ";
  }
  if (e->left_out > 0) fprintf(f, "%s, %lld left out by rule", e->failed > 0 ? ")" : "", (long long)e->left_out);
  fprintf(f, "%s, %lld not in the labels; %lld labelled images without a good row\n",
          e->failed > 0 && e->left_out == 0 ? ")" : "", (long long)e->unlabelled, (long long)e->labels_unmatched);
  if (e->seen > 0)
    fprintf(f, "%lld rows are of images that the model was trained or validated on: these figures are no test\n",
            (long long)e->seen);
  if (e->masks_unfit > 0)
    fprintf(f, "masks of %lld rows could not be used; what they say of lesions is unknown\n",
            (long long)e->masks_unfit);
}

static void write_classification(FILE *f, const bf_evaluation *e) {
  fprintf(f, "\nbenign or malignant: %lld images, %lld malignant; %lld of unknown class", (long long)e->n,
          (long long)e->positives, (long long)e->class_unknown);
  if (e->without_probability > 0) fprintf(f, "; %lld without a probability", (long long)e->without_probability);
  fputc('\n', f);
  line(f, "area under the ROC curve (DeLong)", e->auc.value, e->auc.interval, 0, 0);
  plain_line(f, "the same to 10 % false positives", e->partial_auc);
  plain_line(f, "average precision", e->average_precision);
  if (isnan(e->threshold))
    fprintf(f, "  %-34snone: the scores carry no threshold; give --threshold\n", "threshold");
  else
    fprintf(f, "  %-34s%.4g   %s\n", "threshold", e->threshold, e->threshold_rule);
  share_line(f, "sensitivity", e->confusion.sensitivity);
  share_line(f, "specificity", e->confusion.specificity);
  share_line(f, "positive predictive value", e->confusion.positive_predictive);
  share_line(f, "negative predictive value", e->confusion.negative_predictive);
  plain_line(f, "expected calibration error", e->ece);
  plain_line(f, "Brier score", e->brier);
  plain_line(f, "log loss", e->log_loss);
}

static void write_localisation(FILE *f, const bf_evaluation *e) {
  fprintf(f,
          "\nlesions: %lld in %lld images, %lld of them without a lesion; %lld images of unknown lesions; %lld boxes "
          "found\n",
          (long long)e->lesions, (long long)e->image_count, (long long)e->without_lesions,
          (long long)e->lesions_unknown, (long long)e->found);
  plain_line(f, "average precision, IoU 0.5", e->ap50);
  plain_line(f, "average precision, IoU 0.1", e->ap10);
  plain_line(f, "mean best IoU", e->mean_best_iou);
  fprintf(f, "  lesion sensitivity (hit: %s) at\n", bf_hit_rule_name(e->rule));
  for (int i = 0; i < BF_FROC_RATES; i++) {
    char name[64];
    bf_share share = lesion_share(e, e->froc[i]);
    snprintf(name, sizeof name, "  %g false positives an image", bf_froc_rates[i]);
    share_line(f, name, share);
  }
  plain_line(f, "mean over 1/8 to 8 (CPM)", e->cpm);
}

static void write_segmentation(FILE *f, const bf_evaluation *e) {
  fprintf(f, "masks: %lld images, %lld with lesions; of the others %lld with pixels that were found\n",
          (long long)e->outlined, (long long)e->drawn, (long long)e->empty_false);
  line(f, "mean Dice", e->mean_dice, e->dice_interval, 0, 0);
  plain_line(f, "median Dice", e->median_dice);
  plain_line(f, "mean IoU", e->mean_iou);
}

char *bf_evaluation_text(const bf_evaluation *e) {
  char *buffer = NULL, *copy = NULL;
  size_t size;
  FILE *f = open_memstream(&buffer, &size);
  if (f == NULL) return NULL;
  write_rows(f, e);
  write_classification(f, e);
  write_localisation(f, e);
  if (e->outlined > 0) write_segmentation(f, e);
  if (fclose(f) == 0) copy = bf_strdup(buffer);
  free(buffer);
  return copy;
}

/* ---- the report's files ---- */

static void write_roc(FILE *f, const bf_evaluation *e) {
  bf_roc_point *points = bf_alloc((size_t)e->n + 1, sizeof *points);
  int64_t count = points != NULL ? bf_metrics_roc(points, e->probability, e->label, e->n) : 0;
  fprintf(f, "threshold,sensitivity,specificity\n");
  for (int64_t i = 0; i < count; i++)
    fprintf(f, "%.9g,%.9g,%.9g\n", points[i].threshold, points[i].sensitivity, points[i].specificity);
  bf_free(points);
}

static void write_froc(FILE *f, const bf_evaluation *e) {
  const bf_matching *m = &e->matching;
  int64_t hits = 0;
  fprintf(f, "threshold,false_positives_per_image,sensitivity\n");
  for (int64_t i = 0; i < m->count && m->lesions > 0 && m->images > 0; i++) {
    hits += m->verdicts[i].hit;
    if (i + 1 < m->count && m->verdicts[i + 1].score == m->verdicts[i].score) continue;
    fprintf(f, "%.9g,%.9g,%.9g\n", m->verdicts[i].score, (double)(i + 1 - hits) / (double)m->images,
            (double)hits / (double)m->lesions);
  }
}

static bf_status write_curve(const char *folder, const char *name, const bf_evaluation *e,
                             void (*write)(FILE *, const bf_evaluation *), bf_error *err) {
  char path[BF_PATH_MAX], *buffer = NULL;
  size_t size = 0;
  bf_status status = bf_path_join(path, sizeof path, folder, name, err);
  if (status != BF_OK) return status;
  FILE *f = open_memstream(&buffer, &size);
  if (f == NULL) return bf_fail(err, BF_E_MEMORY, "%s: no memory to write it", path);
  write(f, e);
  status = fclose(f) == 0 ? bf_file_write(path, buffer, size, err)
                          : bf_fail(err, BF_E_MEMORY, "%s: no memory to write it", path);
  free(buffer);
  return status;
}

bf_status bf_evaluation_write(const bf_evaluation *e, const bf_evaluate_options *o, bf_error *err) {
  char path[BF_PATH_MAX], *json = NULL;
  bf_status status = bf_make_folders(o->report, err);
  if (status == BF_OK) status = bf_path_join(path, sizeof path, o->report, "metrics.json", err);
  if (status == BF_OK && (json = bf_evaluation_json(e, o)) == NULL)
    status = bf_fail(err, BF_E_MEMORY, "%s: no memory to write it", path);
  if (status == BF_OK) status = bf_file_write(path, json, strlen(json), err);
  bf_free(json);
  if (status == BF_OK) status = write_curve(o->report, "roc.csv", e, write_roc, err);
  if (status == BF_OK) status = write_curve(o->report, "froc.csv", e, write_froc, err);
  return status;
}
