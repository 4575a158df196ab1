/* Joining scores with labels, and the figures. How they are said stands in evaluation_report.c. */
#include "run/evaluation.h"

#include <errno.h>
#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/memory.h"
#include "data/mask_label.h"
#include "image/mask.h"
#include "metrics/drawn.h"
#include "run/job_notes.h"

enum { most_told = 10 }; /* masks that could not be used, one by one */

const double bf_froc_rates[BF_FROC_RATES] = {0.25, 0.5, 1, 2, 4};

static const struct {
  const char *name;
  bf_hit_rule rule;
} rules[] = {{"iou50", BF_HIT_IOU50}, {"iou10", BF_HIT_IOU10}, {"centre", BF_HIT_CENTRE}, {"iou75", BF_HIT_IOU75}};

const char *bf_hit_rule_name(bf_hit_rule rule) {
  for (size_t i = 0; i < sizeof rules / sizeof rules[0]; i++)
    if (rules[i].rule == rule) return rules[i].name;
  return "?";
}

static bf_status find_rule(bf_hit_rule *out, const char *name, bf_error *err) {
  *out = BF_HIT_IOU50;
  if (name == NULL) return BF_OK;
  for (size_t i = 0; i < sizeof rules / sizeof rules[0]; i++)
    if (strcmp(rules[i].name, name) == 0) {
      *out = rules[i].rule;
      return BF_OK;
    }
  return bf_fail(err, BF_E_ARGUMENT, "--hit %s: no such rule; there are iou50, iou10, centre and iou75", name);
}

bf_status bf_evaluation_labels(bf_labels **out, const char *const *paths, int count, bf_error *err) {
  bf_status status = bf_labels_create(out, err);
  for (int i = 0; i < count && status == BF_OK; i++) status = bf_labels_read(*out, paths[i], err);
  if (status != BF_OK) {
    bf_labels_destroy(*out);
    *out = NULL;
  }
  return status;
}

static bf_subject subject_of(const bf_score_row *row) {
  return (bf_subject){
      row->sop_instance_uid, row->series_instance_uid, row->study_instance_uid, row->laterality, row->view, row->file};
}

/* ---- joining ---- */

static int same_frame(const void *a, const void *b) {
  const bf_score_row *const *x = a, *const *y = b;
  int order = strcmp((*x)->sop_instance_uid, (*y)->sop_instance_uid);
  return order != 0 ? order : ((*x)->frame > (*y)->frame) - ((*x)->frame < (*y)->frame);
}

static bf_status count_repeated(bf_evaluation *e, bf_error *err) {
  const bf_score_row **rows = bf_alloc((size_t)e->scores.count, sizeof *rows);
  int64_t n = 0;
  if (rows == NULL) return bf_fail(err, BF_E_MEMORY, "no memory for %lld rows", (long long)e->scores.count);
  for (int64_t i = 0; i < e->scores.count; i++)
    if (e->scores.rows[i].status == BF_ROW_OK && e->scores.rows[i].sop_instance_uid[0]) rows[n++] = &e->scores.rows[i];
  qsort(rows, (size_t)n, sizeof *rows, same_frame);
  for (int64_t i = 1; i < n; i++) e->repeated += same_frame(&rows[i - 1], &rows[i]) == 0;
  bf_free(rows);
  if (e->repeated > 0)
    bf_log(BF_LOG_WARN, "%lld rows repeat an image and frame that an earlier row has: they count twice",
           (long long)e->repeated);
  return BF_OK;
}

static void take_class(bf_evaluation *e, const bf_score_row *row, const bf_label *label) {
  if (label->malignant < 0) {
    e->class_unknown++;
  } else if (isnan(row->malignant_probability)) {
    e->without_probability++;
  } else {
    e->probability[e->n] = row->malignant_probability;
    e->rank[e->n] = row->malignant_logit;
    e->label[e->n++] = label->malignant > 0;
    e->positives += label->malignant > 0;
  }
}

static bf_label_picture picture_of(const bf_score_row *row) {
  return (bf_label_picture){row->frame, row->rows, row->columns, row->bright_edge[0]};
}

bool bf_evaluation_lesions(bf_lesion *out, int32_t *count, const bf_label *label, const bf_score_row *row) {
  const bf_label_picture picture = picture_of(row);
  return bf_label_lesions(out, count, label, &picture);
}

/* Lesions that the labels tell and the row's picture cannot have. */
static void tell_unfit(bf_evaluation *e, const bf_score_row *row, const bf_label *label) {
  const bf_label_picture picture = picture_of(row);
  for (int32_t i = 0; i < label->lesion_count; i++) {
    bf_lesion box;
    bf_lesion_fit fit = bf_label_place(&box, &label->lesions[i], &picture);
    if (fit != BF_LESION_OUTSIDE && fit != BF_LESION_OTHER_SIZE) continue;
    if (++e->lesions_unfit <= most_told)
      bf_log(BF_LOG_WARN,
             "%s: the box xmin %g, ymin %g, xmax %g, ymax %g %s (%d columns, %d rows); the image's lesions count as "
             "unknown",
             row->file, (double)box.xmin, (double)box.ymin, (double)box.xmax, (double)box.ymax,
             fit == BF_LESION_OUTSIDE ? "reaches outside of the image" : "was drawn on an image of another size",
             row->columns, row->rows);
    return;
  }
}

/* next: room in e->boxes; moved on. lesions: scratch, room for the label's. */
static void take_boxes(bf_evaluation *e, bf_hit_box **next, bf_lesion *lesions, const bf_score_row *row,
                       const bf_label *label) {
  int32_t count;
  if (!bf_evaluation_lesions(lesions, &count, label, row)) {
    e->lesions_unknown++;
    tell_unfit(e, row, label);
    return;
  }
  bf_hit_image *image = &e->images[e->image_count++];
  *image = (bf_hit_image){.truths = *next, .truth_count = count};
  for (int32_t i = 0; i < count; i++)
    *(*next)++ = (bf_hit_box){lesions[i].xmin, lesions[i].ymin, lesions[i].xmax, lesions[i].ymax, 0};
  image->found = *next;
  image->found_count = row->box_count;
  for (int32_t i = 0; i < row->box_count; i++) {
    const bf_found_box *b = &row->boxes[i];
    *(*next)++ = (bf_hit_box){b->xmin, b->ymin, b->xmax, b->ymax, b->score};
  }
  e->lesions += image->truth_count;
  e->found += image->found_count;
  e->without_lesions += image->truth_count == 0;
}

/* A found mask against the drawn one, which stands in the scratch. */
static bf_status take_overlap(bf_evaluation *e, int64_t i, const bf_mask_scratch *drawn, bf_error *err) {
  const bf_score_row *row = &e->scores.rows[i];
  size_t bytes = bf_mask_bytes(row->rows, row->columns);
  uint8_t *found = bf_alloc_raw(bytes, 1);
  if (found == NULL) return bf_fail(err, BF_E_MEMORY, "no memory for a mask of %d x %d", row->columns, row->rows);
  bf_status status = bf_scores_mask(&e->scores, i, found, err);
  if (status == BF_OK) {
    bf_overlap o = bf_metrics_overlap(found, drawn->mask, (int64_t)bytes);
    e->outlined++;
    if (o.b > 0) {
      e->drawn++;
      e->dice[i] = bf_metrics_dice(o);
      e->iou[i] = bf_metrics_mask_iou(o);
    } else {
      e->empty_false += o.a > 0;
    }
  }
  bf_free(found);
  return status;
}

/* Masks are read at the size of each row's image; where no box file speaks of the row, their boxes are its lesions. A
 * mask that cannot be used is told, and the row's lesions stay as unknown as they were. */
static bf_status take_masks(bf_evaluation *e, bf_label *const *labels, bf_error *err) {
  bf_mask_scratch scratch = {0};
  bf_status status = BF_OK;
  for (int64_t i = 0; i < e->scores.count && status == BF_OK; i++) {
    const bf_score_row *row = &e->scores.rows[i];
    bf_mask_found found;
    bf_error why = {0};
    if (labels[i] == NULL) continue;
    bool known = bf_label_knows_frame(labels[i], row->frame) && !bf_label_says_clean(labels[i], row->frame);
    if (known && !row->has_mask) continue;
    status = bf_label_take_mask(&found, &scratch, labels[i], row->frame, row->rows, row->columns, NULL, &why);
    if (status == BF_OK) {
      bf_labels_tell(e->labels, labels[i], row->file, 0);
      if (found.known && row->has_mask) status = take_overlap(e, i, &scratch, err);
      continue;
    }
    if (status == BF_E_MEMORY) {
      bf_fail(err, status, "%s", why.message);
      break;
    }
    status = BF_OK;
    if (++e->masks_unfit <= most_told)
      bf_log(BF_LOG_WARN, "%s: %s; its lesions count as unknown", row->file, why.message);
  }
  bf_mask_scratch_clear(&scratch);
  if (e->masks_unfit > most_told) bf_log(BF_LOG_WARN, "%lld masks in all could not be used", (long long)e->masks_unfit);
  return status;
}

/* What the labels say twice, or of nobody in particular. */
static void tell_labels(const bf_labels *labels) {
  int64_t ambiguous = bf_labels_ambiguous(labels);
  for (int64_t i = 0; i < bf_labels_complaints(labels) && i < most_told; i++)
    if (bf_labels_complaint(labels, i) != NULL) bf_log(BF_LOG_WARN, "%s", bf_labels_complaint(labels, i));
  if (bf_labels_complaints(labels) > most_told)
    bf_log(BF_LOG_WARN, "%lld contradictions in all", (long long)bf_labels_complaints(labels));
  if (ambiguous > 0)
    bf_log(BF_LOG_WARN, "%lld labels are met by several images, and used for none", (long long)ambiguous);
}

static bf_status join(bf_evaluation *e, bf_error *err) {
  int64_t count = e->scores.count, boxes = 0;
  bf_label **labels = e->row_labels = bf_alloc((size_t)count, sizeof *labels);
  bf_lesion *lesions = NULL;
  e->probability = bf_alloc((size_t)count, sizeof *e->probability);
  e->rank = bf_alloc((size_t)count, sizeof *e->rank);
  e->label = bf_alloc((size_t)count, sizeof *e->label);
  e->images = bf_alloc((size_t)count, sizeof *e->images);
  e->dice = bf_alloc((size_t)count, sizeof *e->dice);
  e->iou = bf_alloc((size_t)count, sizeof *e->iou);
  bf_status status = BF_OK;
  if (labels == NULL || e->probability == NULL || e->rank == NULL || e->label == NULL || e->images == NULL ||
      e->dice == NULL || e->iou == NULL)
    status = bf_fail(err, BF_E_MEMORY, "no memory for %lld rows", (long long)count);
  for (int64_t i = 0; i < count; i++) {
    const bf_score_row *row = &e->scores.rows[i];
    bf_subject subject = subject_of(row);
    /* An image that has no score is an image all the same, and claims its label. */
    if (row->status == BF_ROW_OK || row->sop_instance_uid[0] != '\0') bf_labels_claim(e->labels, &subject);
  }
  for (int64_t i = 0; i < count && status == BF_OK; i++) {
    const bf_score_row *row = &e->scores.rows[i];
    if (row->status == BF_ROW_LEFT_OUT) {
      e->left_out++;
      continue;
    }
    if (row->status != BF_ROW_OK) {
      e->failed++;
      e->failed_by[row->status < BF_ROW_STATUSES ? row->status : BF_ROW_STATUSES - 1]++;
      continue;
    }
    bf_subject subject = subject_of(row);
    status = bf_labels_match(&labels[i], e->labels, &subject, err);
    if (status != BF_OK || labels[i] == NULL) {
      e->unlabelled++;
      continue;
    }
    labels[i]->matched++;
    e->seen += row->seen == 1;
    e->unlike += row->unlike != NULL && row->unlike[0] != '\0';
  }
  if (e->seen > 0)
    bf_log(BF_LOG_WARN,
           "%lld of the labelled images are among those that the model was trained or validated on: figures of them "
           "are no test of it",
           (long long)e->seen);
  if (e->unlike > 0)
    bf_log(BF_LOG_WARN, "%lld of the labelled images are unlike those that the model was trained on (column 'unlike')",
           (long long)e->unlike);
  for (int64_t i = 0; i < count && status == BF_OK; i++) e->dice[i] = e->iou[i] = NAN;
  if (status == BF_OK) status = take_masks(e, labels, err);
  if (status == BF_OK) tell_labels(e->labels);
  /* A later match may have joined lesions into an earlier label: counted when all stand. */
  for (int64_t i = 0; i < count && status == BF_OK; i++)
    if (labels[i] != NULL) {
      boxes += labels[i]->lesion_count + e->scores.rows[i].box_count;
      if (labels[i]->lesion_count > e->most_lesions) e->most_lesions = labels[i]->lesion_count;
    }
  e->boxes = bf_alloc((size_t)boxes, sizeof *e->boxes);
  lesions = bf_alloc((size_t)e->most_lesions, sizeof *lesions);
  if (status == BF_OK && (e->boxes == NULL || lesions == NULL))
    status = bf_fail(err, BF_E_MEMORY, "no memory for %lld boxes", (long long)boxes);
  bf_hit_box *next = e->boxes;
  for (int64_t i = 0; i < count && status == BF_OK; i++) {
    if (labels[i] == NULL) continue;
    take_class(e, &e->scores.rows[i], labels[i]);
    take_boxes(e, &next, lesions, &e->scores.rows[i], labels[i]);
  }
  for (int64_t i = 0; i < bf_labels_count(e->labels) && status == BF_OK; i++)
    e->labels_unmatched += bf_labels_at(e->labels, i)->matched == 0;
  if (e->lesions_unfit > most_told)
    bf_log(BF_LOG_WARN, "the boxes of %lld images in all do not fit them", (long long)e->lesions_unfit);
  bf_free(lesions);
  return status;
}

/* ---- figures ---- */

static bf_status find_threshold(bf_evaluation *e, const bf_evaluate_options *o, bf_error *err) {
  e->threshold = NAN;
  if (o->threshold != NULL) {
    char *end;
    errno = 0;
    e->threshold = strtod(o->threshold, &end);
    if (end == o->threshold || *end != '\0' || !(e->threshold >= 0 && e->threshold <= 1))
      return bf_fail(err, BF_E_ARGUMENT, "--threshold: '%s' is not a probability from 0 to 1", o->threshold);
    e->threshold_from = "option";
    snprintf(e->threshold_rule, sizeof e->threshold_rule, "given with --threshold");
    return BF_OK;
  }
  json_t *extra = e->scores.extra_json != NULL ? json_loads(e->scores.extra_json, 0, NULL) : NULL;
  const json_t *value = json_object_get(extra, "threshold");
  const char *rule = json_string_value(json_object_get(extra, "threshold_rule"));
  if (json_is_number(value)) {
    e->threshold = json_number_value(value);
    e->threshold_from = "scores";
    snprintf(e->threshold_rule, sizeof e->threshold_rule, "%s", rule != NULL ? rule : "");
  }
  json_decref(extra);
  return BF_OK;
}

static bf_status classify(bf_evaluation *e, bf_error *err) {
  bool whole = true;
  for (int64_t i = 0; i < e->n; i++) whole = whole && isfinite(e->rank[i]);
  if (!whole && e->n > 0) memcpy(e->rank, e->probability, (size_t)e->n * sizeof *e->rank);
  bf_status status = bf_metrics_auc(&e->auc, e->rank, e->label, e->n, err);
  if (status != BF_OK) return status;
  e->partial_auc = bf_metrics_partial_auc(e->rank, e->label, e->n, BF_PARTIAL_AUC);
  e->average_precision = bf_metrics_average_precision(e->rank, e->label, e->n);
  e->ece = bf_metrics_ece(e->probability, e->label, e->n, BF_ECE_BINS);
  e->brier = bf_metrics_brier(e->probability, e->label, e->n);
  e->log_loss = bf_metrics_log_loss(e->probability, e->label, e->n);
  e->prevalence = bf_metrics_share(e->positives, e->n);
  const bf_share none = {NAN, {NAN, NAN}, 0, 0};
  e->confusion = (bf_confusion){0, 0, 0, 0, none, none, none, none};
  if (!isnan(e->threshold)) e->confusion = bf_metrics_confusion(e->probability, e->label, e->n, e->threshold);
  return BF_OK;
}

static bf_status box_precision(double *out, const bf_evaluation *e, bf_hit_rule rule, bf_error *err) {
  bf_matching matching = {0};
  bf_status status = bf_metrics_match(&matching, e->images, e->image_count, rule, err);
  *out = status == BF_OK ? bf_metrics_box_precision(&matching) : NAN;
  bf_matching_clear(&matching);
  return status;
}

static bf_status localise(bf_evaluation *e, bf_error *err) {
  bf_status status = bf_metrics_match(&e->matching, e->images, e->image_count, e->rule, err);
  if (status == BF_OK) status = box_precision(&e->ap50, e, BF_HIT_IOU50, err);
  if (status == BF_OK) status = box_precision(&e->ap10, e, BF_HIT_IOU10, err);
  if (status == BF_OK) status = box_precision(&e->ap75, e, BF_HIT_IOU75, err);
  if (status == BF_OK) status = box_precision(&e->ap_centre, e, BF_HIT_CENTRE, err);
  if (status != BF_OK) return status;
  for (int i = 0; i < BF_FROC_RATES; i++) e->froc[i] = bf_metrics_froc(&e->matching, bf_froc_rates[i]);
  e->cpm = bf_metrics_cpm(&e->matching);
  e->mean_best_iou = bf_metrics_mean_best_iou(e->images, e->image_count);
  if (e->lesions > 0 && e->found == 0)
    bf_log(BF_LOG_WARN, "the scores hold no box at all for %lld known lesions", (long long)e->lesions);
  return BF_OK;
}

static int by_value(const void *a, const void *b) {
  double x = *(const double *)a, y = *(const double *)b;
  return (x > y) - (x < y);
}

static bf_status outline(bf_evaluation *e, bf_error *err) {
  enum { resamples = 2000, columns = 2 };
  e->mean_dice = e->median_dice = e->mean_iou = e->dice_interval.low = e->dice_interval.high = NAN;
  if (e->drawn == 0) return BF_OK;
  int64_t n = 0;
  double *dice = bf_alloc((size_t)e->drawn, sizeof *dice), *iou = bf_alloc((size_t)e->drawn, sizeof *iou);
  bf_means means = {0};
  bf_resampled found[columns];
  const bf_resampling how = {e->drawn, resamples, 1, NULL};
  bf_status status = dice && iou ? BF_OK : bf_fail(err, BF_E_MEMORY, "no memory for the masks' figures");
  for (int64_t i = 0; i < e->scores.count && status == BF_OK; i++) {
    if (isnan(e->dice[i])) continue;
    iou[n] = e->iou[i];
    dice[n++] = e->dice[i];
  }
  if (status == BF_OK)
    status = bf_means_make(&means, (const double *const[]){dice, iou}, columns, NULL, n, e->drawn, err);
  if (status == BF_OK) status = bf_metrics_resample(found, columns, bf_means_figures, &means, &how, err);
  if (status == BF_OK) {
    e->mean_dice = found[0].value;
    e->dice_interval = found[0].interval;
    e->mean_iou = found[1].value;
    qsort(dice, (size_t)n, sizeof *dice, by_value);
    e->median_dice = (dice[(n - 1) / 2] + dice[n / 2]) / 2;
  }
  bf_means_clear(&means);
  bf_free(dice);
  bf_free(iou);
  return status;
}

/* What an unfinished job, or one of several, leaves out looks like nothing in figures. */
static void tell_part(const bf_scores *scores, const char *path) {
  bf_job_part part;
  if (!bf_job_part_read(&part, scores->extra_json) || (part.shards == 0 && part.done == part.files)) return;
  bf_log(BF_LOG_WARN, "%s: holds %lld of the %lld files of its job%s", path, (long long)part.done,
         (long long)part.files,
         part.shards > 0 ? "; 'bifocal export --merge' joins the shards" : "; the job was not finished");
}

static void tell_subset(const bf_scores *scores, const char *path) {
  bf_job_subset subset;
  if (!bf_job_subset_read(&subset, scores->extra_json)) return;
  bf_log(BF_LOG_WARN, "%s: holds %lld rows chosen out of %lld; figures are of those alone", path,
         (long long)subset.rows, (long long)subset.of);
}

bf_status bf_evaluation_create(bf_evaluation *e, const bf_evaluate_options *o, bf_error *err) {
  *e = (bf_evaluation){.threshold = NAN};
  if (o->label_count == 0) return bf_fail(err, BF_E_ARGUMENT, "--labels is missing; name at least one label file");
  bf_status status = find_rule(&e->rule, o->hit, err);
  if (status == BF_OK) status = bf_scores_read(&e->scores, o->scores, err);
  if (status == BF_OK) tell_part(&e->scores, o->scores);
  if (status == BF_OK) tell_subset(&e->scores, o->scores);
  if (status == BF_OK) status = find_threshold(e, o, err);
  if (status == BF_OK) status = bf_evaluation_labels(&e->labels, o->labels, o->label_count, err);
  if (status == BF_OK) status = count_repeated(e, err);
  if (status == BF_OK) status = join(e, err);
  int64_t good = e->scores.count - e->failed - e->left_out;
  if (status == BF_OK && good > 0 && e->unlabelled == good)
    status =
        bf_fail(err, BF_E_NOT_FOUND,
                "%s: none of its %lld good rows is spoken of in the labels; they match by SOPInstanceUID or by file",
                o->scores, (long long)e->unlabelled);
  if (status == BF_OK) status = classify(e, err);
  if (status == BF_OK) status = localise(e, err);
  if (status == BF_OK) status = outline(e, err);
  if (status != BF_OK) bf_evaluation_clear(e);
  return status;
}

void bf_evaluation_clear(bf_evaluation *e) {
  bf_matching_clear(&e->matching);
  bf_free(e->probability);
  bf_free(e->rank);
  bf_free(e->label);
  bf_free(e->images);
  bf_free(e->dice);
  bf_free(e->iou);
  bf_free(e->boxes);
  bf_free(e->row_labels);
  bf_labels_destroy(e->labels);
  bf_scores_clear(&e->scores);
  *e = (bf_evaluation){.threshold = NAN};
}

bf_status bf_evaluate(char **text, const bf_evaluate_options *o, bf_error *err) {
  bf_evaluation e;
  *text = NULL;
  bf_status status = bf_evaluation_create(&e, o, err);
  if (status != BF_OK) return status;
  *text = o->json ? bf_evaluation_json(&e, o) : bf_evaluation_text(&e);
  if (*text == NULL) status = bf_fail(err, BF_E_MEMORY, "no memory for the figures");
  if (status == BF_OK && o->report != NULL) status = bf_evaluation_write(&e, o, err);
  bf_evaluation_clear(&e);
  if (status != BF_OK) {
    bf_free(*text);
    *text = NULL;
  }
  return status;
}
