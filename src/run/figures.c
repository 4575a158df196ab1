/* Answers and labels to watched figures. */
#include "run/figures.h"

#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/memory.h"
#include "metrics/metrics.h"

static int64_t known_classes(double *score, uint8_t *label, bool logits, const bf_dataset *data, const int64_t *rows,
                             const bf_answer *answers, int64_t count) {
  int64_t n = 0;
  for (int64_t i = 0; i < count; i++) {
    int malignant = bf_dataset_record(data, rows[i])->malignant;
    if (malignant < 0 || isnan(answers[i].logit)) continue;
    /* The logit where only order counts: probabilities of large ones are all 1, and tied. */
    score[n] = logits ? answers[i].logit : bf_sigmoid(answers[i].logit);
    label[n++] = malignant > 0;
  }
  return n;
}

static bf_status lesion_figure(double *froc1, const bf_dataset *data, const int64_t *rows, const bf_answer *answers,
                               int64_t count, bf_error *err) {
  int64_t truths = 0, found = 0, n = 0;
  *froc1 = NAN;
  if (count == 0 || !answers[0].has_boxes) return BF_OK;
  for (int64_t i = 0; i < count; i++)
    truths += bf_dataset_record(data, rows[i])->lesions_count, found += answers[i].box_count;
  bf_hit_image *images = bf_alloc((size_t)count, sizeof *images);
  bf_hit_box *boxes = bf_alloc((size_t)(truths + found), sizeof *boxes), *next = boxes;
  bf_matching matching = {0};
  bf_status status = images == NULL || boxes == NULL ? bf_fail(err, BF_E_MEMORY, "no memory to match lesions") : BF_OK;
  for (int64_t i = 0; i < count && status == BF_OK; i++) {
    const bf_record *r = bf_dataset_record(data, rows[i]);
    const bf_lesion *lesions = bf_dataset_lesions(data, rows[i]);
    if (!r->lesions_known) continue;
    images[n++] = (bf_hit_image){next, next + r->lesions_count, r->lesions_count, answers[i].box_count};
    for (int k = 0; k < r->lesions_count; k++)
      *next++ = (bf_hit_box){lesions[k].xmin, lesions[k].ymin, lesions[k].xmax, lesions[k].ymax, 0};
    for (int k = 0; k < answers[i].box_count; k++) {
      const bf_found_box *b = &answers[i].boxes[k];
      *next++ = (bf_hit_box){b->xmin, b->ymin, b->xmax, b->ymax, b->score};
    }
  }
  if (status == BF_OK) status = bf_metrics_match(&matching, images, n, BF_HIT_IOU50, err);
  if (status == BF_OK) *froc1 = bf_metrics_froc(&matching, 1);
  bf_matching_clear(&matching);
  bf_free(images);
  bf_free(boxes);
  return status;
}

bf_status bf_figures_of(bf_figures *out, const bf_dataset *data, const int64_t *rows, const bf_answer *answers,
                        int64_t count, bf_error *err) {
  *out = (bf_figures){NAN, NAN, NAN, NAN};
  double *score = bf_alloc((size_t)count, sizeof *score);
  uint8_t *label = bf_alloc((size_t)count, 1);
  bf_status status = score == NULL || label == NULL ? bf_fail(err, BF_E_MEMORY, "no memory for figures") : BF_OK;
  bf_auc auc = {NAN, NAN, {NAN, NAN}};
  if (status == BF_OK)
    status = bf_metrics_auc(&auc, score, label, known_classes(score, label, true, data, rows, answers, count), err);
  if (status == BF_OK) status = lesion_figure(&out->froc1, data, rows, answers, count, err);
  out->auc = auc.value;
  out->combined = isnan(out->auc) ? out->froc1 : isnan(out->froc1) ? out->auc : (out->auc + out->froc1) / 2;
  bf_free(score);
  bf_free(label);
  return status;
}

double bf_figures_threshold(char *rule, size_t capacity, const bf_dataset *data, const int64_t *rows,
                            const bf_answer *answers, int64_t count, double sensitivity) {
  double *score = bf_alloc((size_t)count, sizeof *score), threshold = NAN;
  uint8_t *label = bf_alloc((size_t)count, 1);
  if (score != NULL && label != NULL) {
    int64_t n = known_classes(score, label, false, data, rows, answers, count);
    threshold = sensitivity > 0 ? bf_metrics_threshold_at_sensitivity(score, label, n, sensitivity)
                                : bf_metrics_youden(score, label, n);
  }
  if (isnan(threshold))
    snprintf(rule, capacity, "none: the validation part lacks a class");
  else if (sensitivity > 0)
    snprintf(rule, capacity, "sensitivity of at least %g on the validation part", sensitivity);
  else
    snprintf(rule, capacity, "largest sensitivity + specificity on the validation part (Youden)");
  bf_free(score);
  bf_free(label);
  return threshold;
}
