/* Answers and labels to watched figures. */
#include "run/figures.h"

#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/memory.h"
#include "data/groups.h"
#include "metrics/drawn.h"
#include "metrics/metrics.h"

int64_t bf_figures_classes(double *score, uint8_t *label, bool logits, const bf_dataset *data, const int64_t *rows,
                           const bf_answer *answers, int64_t count) {
  int64_t n = 0;
  for (int64_t i = 0; i < count; i++) {
    int malignant = bf_dataset_record(data, rows[i])->malignant;
    if (malignant < 0 || isnan(answers[i].logit)) continue;
    /* As SCORES.h5 holds them, so that what is chosen and measured here is what the file's readers find. */
    score[n] = logits ? answers[i].logit : (float)answers[i].probability;
    label[n++] = malignant > 0;
  }
  return n;
}

/* Whether logits rank the answers: what evaluate says of the file that holds them, its rows of unknown class too. */
static bf_status ranked_by_logits(bool *by_logits, const bf_answer *answers, int64_t count, bf_error *err) {
  double *logit = bf_alloc((size_t)count, sizeof *logit), *probability = bf_alloc((size_t)count, sizeof *probability);
  int64_t n = 0;
  bf_status status = logit != NULL && probability != NULL ? BF_OK : bf_fail(err, BF_E_MEMORY, "no memory for figures");
  for (int64_t i = 0; i < count && status == BF_OK; i++) {
    if (isnan(answers[i].probability)) continue;
    logit[n] = answers[i].logit;
    probability[n++] = (float)answers[i].probability;
  }
  if (status == BF_OK) status = bf_metrics_ranked_by_logits(by_logits, logit, probability, n, err);
  bf_free(logit);
  bf_free(probability);
  return status;
}

/* Of the rows whose class is known: what ranks them, and how well. */
typedef struct ranked {
  double *score; /* both with room for all rows */
  uint8_t *label;
  int64_t n;
  bf_auc auc;
} ranked;

static bf_status ranked_make(ranked *r, const bf_dataset *data, const int64_t *rows, const bf_answer *answers,
                             int64_t count, bf_error *err) {
  bool by_logits;
  *r = (ranked){bf_alloc((size_t)count, sizeof *r->score), bf_alloc((size_t)count, 1), 0, {NAN, NAN, {NAN, NAN}}};
  bf_status status = r->score != NULL && r->label != NULL ? ranked_by_logits(&by_logits, answers, count, err)
                                                          : bf_fail(err, BF_E_MEMORY, "no memory for figures");
  if (status != BF_OK) return status;
  r->n = bf_figures_classes(r->score, r->label, by_logits, data, rows, answers, count);
  return bf_metrics_auc(&r->auc, r->score, r->label, r->n, err);
}

static void ranked_clear(ranked *r) {
  bf_free(r->score);
  bf_free(r->label);
}

/* Of `count` rows the places whose lesions are known. */
static int64_t known_lesions(int64_t *use, const bf_dataset *data, const int64_t *rows, int64_t count) {
  int64_t n = 0;
  for (int64_t i = 0; i < count; i++)
    if (bf_dataset_record(data, rows[i])->lesions_known) use[n++] = i;
  return n;
}

/* Found boxes and lesions of one image, put behind *next. */
static bf_hit_image hit_image(bf_hit_box **next, const bf_dataset *data, int64_t row, const bf_answer *answer) {
  int lesions = bf_dataset_record(data, row)->lesions_count;
  const bf_lesion *l = bf_dataset_lesions(data, row);
  bf_hit_image image = {*next, *next + lesions, lesions, answer->box_count};
  for (int k = 0; k < lesions; k++) *(*next)++ = (bf_hit_box){l[k].xmin, l[k].ymin, l[k].xmax, l[k].ymax, 0};
  for (int k = 0; k < answer->box_count; k++) {
    const bf_found_box *b = &answer->boxes[k];
    *(*next)++ = (bf_hit_box){b->xmin, b->ymin, b->xmax, b->ymax, b->score};
  }
  return image;
}

/* Of the n rows in use. */
static bf_status match(bf_matching *out, const bf_dataset *data, const int64_t *rows, const bf_answer *answers,
                       const int64_t *use, int64_t n, bf_error *err) {
  int64_t total = 0;
  for (int64_t i = 0; i < n; i++)
    total += bf_dataset_record(data, rows[use[i]])->lesions_count + answers[use[i]].box_count;
  bf_hit_image *images = bf_alloc((size_t)n, sizeof *images);
  bf_hit_box *boxes = bf_alloc((size_t)total, sizeof *boxes), *next = boxes;
  bf_status status = images == NULL || boxes == NULL ? bf_fail(err, BF_E_MEMORY, "no memory to match lesions") : BF_OK;
  for (int64_t i = 0; i < n && status == BF_OK; i++) images[i] = hit_image(&next, data, rows[use[i]], &answers[use[i]]);
  if (status == BF_OK) status = bf_metrics_match(out, images, n, BF_HIT_IOU50, err);
  bf_free(images);
  bf_free(boxes);
  return status;
}

static bf_status lesion_figure(double *froc1, const bf_dataset *data, const int64_t *rows, const bf_answer *answers,
                               int64_t count, bf_error *err) {
  *froc1 = NAN;
  if (count == 0 || !answers[0].has_boxes) return BF_OK;
  int64_t *use = bf_alloc((size_t)count, sizeof *use);
  bf_matching matching = {0};
  bf_status status = use == NULL ? bf_fail(err, BF_E_MEMORY, "no memory to match lesions") : BF_OK;
  if (status == BF_OK) status = match(&matching, data, rows, answers, use, known_lesions(use, data, rows, count), err);
  if (status == BF_OK) *froc1 = bf_metrics_froc(&matching, 1);
  bf_matching_clear(&matching);
  bf_free(use);
  return status;
}

bf_status bf_figures_of(bf_figures *out, const bf_dataset *data, const int64_t *rows, const bf_answer *answers,
                        int64_t count, bf_error *err) {
  *out = (bf_figures){NAN, NAN, NAN, NAN};
  ranked r;
  bf_status status = ranked_make(&r, data, rows, answers, count, err);
  if (status == BF_OK) status = lesion_figure(&out->froc1, data, rows, answers, count, err);
  out->auc = r.auc.value;
  out->combined = isnan(out->auc) ? out->froc1 : isnan(out->froc1) ? out->auc : (out->auc + out->froc1) / 2;
  ranked_clear(&r);
  return status;
}

/* ---- for the training record ---- */

enum { resamples = 1000 };

static void put_number(json_t *to, const char *key, double value) {
  json_object_set_new(to, key, isfinite(value) ? json_real(value) : json_null());
}

static void put_interval(json_t *to, const char *key, bf_interval i) {
  bool known = isfinite(i.low) && isfinite(i.high);
  json_object_set_new(to, key, known ? json_pack("[f, f]", i.low, i.high) : json_null());
}

static void put_share(json_t *to, const char *key, const char *interval, bf_share share) {
  put_number(to, key, share.value);
  put_interval(to, interval, share.interval);
}

static void record_probabilities(json_t *to, const double *probability, const uint8_t *label, int64_t n,
                                 double threshold) {
  put_number(to, "ece", bf_metrics_ece(probability, label, n, BF_ECE_BINS));
  put_number(to, "brier", bf_metrics_brier(probability, label, n));
  put_number(to, "log_loss", bf_metrics_log_loss(probability, label, n));
  if (isnan(threshold)) return;
  bf_confusion c = bf_metrics_confusion(probability, label, n, threshold);
  put_number(to, "threshold", threshold);
  put_share(to, "sensitivity", "sensitivity_ci", c.sensitivity);
  put_share(to, "specificity", "specificity_ci", c.specificity);
}

static bf_status record_classes(json_t *to, const bf_dataset *data, const int64_t *rows, const bf_answer *answers,
                                int64_t count, double threshold, bf_error *err) {
  int64_t malignant = 0;
  ranked r;
  bf_status status = ranked_make(&r, data, rows, answers, count, err);
  for (int64_t i = 0; i < r.n; i++) malignant += r.label[i];
  json_object_set_new(to, "benign", json_integer(r.n - malignant));
  json_object_set_new(to, "malignant", json_integer(malignant));
  put_number(to, "auc", r.auc.value);
  put_interval(to, "auc_ci", r.auc.interval);
  if (status == BF_OK) {
    bf_figures_classes(r.score, r.label, false, data, rows, answers, count);
    record_probabilities(to, r.score, r.label, r.n, threshold);
  }
  ranked_clear(&r);
  return status;
}

/* The groups of the n rows in use, numbered from 0. */
static bf_status number_groups(int32_t *cluster, int64_t *clusters, const bf_dataset *data, const int64_t *rows,
                               const int64_t *use, int64_t n, bf_error *err) {
  int64_t count = 0, *group = bf_alloc((size_t)bf_dataset_count(data), sizeof *group), *number = NULL;
  bf_status status = group == NULL ? bf_fail(err, BF_E_MEMORY, "no memory for figures") : BF_OK;
  if (status == BF_OK) status = bf_groups_of(group, &count, data, err);
  if (status == BF_OK && (number = bf_alloc((size_t)count, sizeof *number)) == NULL)
    status = bf_fail(err, BF_E_MEMORY, "no memory for figures");
  *clusters = 0;
  for (int64_t i = 0; i < n && status == BF_OK; i++) {
    int64_t *mine = &number[group[rows[use[i]]]];
    if (*mine == 0) *mine = ++*clusters;
    cluster[i] = (int32_t)(*mine - 1);
  }
  bf_free(group);
  bf_free(number);
  return status;
}

/* Of patients and what belongs to them, because a patient's images are alike. */
static bf_status resample(bf_resampled *out, const bf_matching *matching, const int32_t *cluster, int64_t clusters,
                          uint64_t seed, bf_error *err) {
  static const double rate = 1;
  bf_boxed data;
  bf_resampled found[BF_BOXED_RATES + 1];
  const bf_resampling how = {clusters, resamples, seed, NULL};
  bf_status status = bf_boxed_make(&data, matching, cluster, clusters, &rate, 1, BF_BOXED_AT_RATES, err);
  if (status == BF_OK) status = bf_metrics_resample(found, data.figures, bf_boxed_figures, &data, &how, err);
  if (status == BF_OK) *out = bf_metrics_resampled_share(found[BF_BOXED_RATES], bf_boxed_clusters(&data));
  bf_boxed_clear(&data);
  return status;
}

static bf_status record_lesions(json_t *to, const bf_dataset *data, const int64_t *rows, const bf_answer *answers,
                                int64_t count, uint64_t seed, bf_error *err) {
  if (count == 0 || !answers[0].has_boxes) return BF_OK;
  int64_t *use = bf_alloc((size_t)count, sizeof *use), clusters = 0, n = 0;
  int32_t *cluster = bf_alloc((size_t)count, sizeof *cluster);
  bf_matching matching = {0};
  bf_resampled froc1 = {NAN, {NAN, NAN}, 0};
  bf_status status = use && cluster ? BF_OK : bf_fail(err, BF_E_MEMORY, "no memory for figures");
  if (status == BF_OK) n = known_lesions(use, data, rows, count);
  if (status == BF_OK) status = number_groups(cluster, &clusters, data, rows, use, n, err);
  if (status == BF_OK) status = match(&matching, data, rows, answers, use, n, err);
  if (status == BF_OK) status = resample(&froc1, &matching, cluster, clusters, seed, err);
  json_object_set_new(to, "lesion_images", json_integer(n));
  json_object_set_new(to, "lesions", json_integer(matching.lesions));
  put_number(to, "froc1", froc1.value);
  put_interval(to, "froc1_ci", froc1.interval);
  bf_matching_clear(&matching);
  bf_free(use);
  bf_free(cluster);
  return status;
}

bf_status bf_figures_record(char **json, const bf_dataset *data, const int64_t *rows, const bf_answer *answers,
                            int64_t count, double threshold, uint64_t seed, bf_error *err) {
  json_t *root = json_object();
  *json = NULL;
  json_object_set_new(root, "images", json_integer(count));
  bf_status status = record_classes(root, data, rows, answers, count, threshold, err);
  if (status == BF_OK) status = record_lesions(root, data, rows, answers, count, seed, err);
  if (status == BF_OK && (*json = json_dumps(root, JSON_PRESERVE_ORDER | JSON_COMPACT)) == NULL)
    status = bf_fail(err, BF_E_MEMORY, "no memory for figures");
  json_decref(root);
  return status;
}
