/* Cases whose truth label files tell. */
#include <math.h>
#include <string.h>

#include "base/log.h"
#include "base/memory.h"
#include "data/mask_label.h"
#include "evaluation/cases_make.h"

enum { most_told = 10 }; /* of what could not be used, one by one */

static bf_subject subject_of(const bf_score_row *row) {
  return (bf_subject){
      row->sop_instance_uid, row->series_instance_uid, row->study_instance_uid, row->laterality, row->view, row->file};
}

static bf_label_picture picture_of(const bf_score_row *row) {
  return (bf_label_picture){row->frame, row->rows, row->columns, row->bright_edge[0]};
}

/* An image that has no score is an image all the same, and claims its label. */
static void claim_all(bf_labels *labels, const bf_scores *scores) {
  for (int64_t i = 0; i < scores->count; i++) {
    const bf_score_row *row = &scores->rows[i];
    bf_subject subject = subject_of(row);
    if (row->status == BF_ROW_OK || row->sop_instance_uid[0] != '\0') bf_labels_claim(labels, &subject);
  }
}

static bf_status match_rows(bf_cases *c, bf_labels *labels, bf_error *err) {
  bf_status status = BF_OK;
  for (int64_t i = 0; i < c->scores->count && status == BF_OK; i++) {
    const bf_score_row *row = &c->scores->rows[i];
    bf_label *label;
    if (!bf_cases_count_row(c, row)) continue;
    bf_subject subject = subject_of(row);
    status = bf_labels_match(&label, labels, &subject, err);
    if (status != BF_OK || label == NULL) {
      c->counts.unlabelled++;
      continue;
    }
    label->matched++;
    bf_cases_add(c, i, -1)->label = label;
  }
  return status;
}

/* ---- masks ---- */

/* A mask is read at the size of its row's image; where no box file speaks of the row, its boxes are its lesions. One
 * that cannot be used is told, and the row's lesions stay as unknown as they were. */
static bf_status take_mask(bf_case *one, bf_cases *c, bf_labels *labels, bf_mask_scratch *scratch, bf_error *err) {
  const bf_score_row *row = bf_case_row(c, one);
  bf_label *label = one->label;
  bool known = bf_label_knows_frame(label, row->frame) && !bf_label_says_clean(label, row->frame);
  bf_mask_found found;
  bf_error why = {0};
  if (known && !row->has_mask) return BF_OK;
  bf_status status = bf_label_take_mask(&found, scratch, label, row->frame, row->rows, row->columns, NULL, &why);
  if (status == BF_OK) {
    bf_labels_tell(labels, label, row->file, 0);
    return found.known && row->has_mask ? bf_case_set_overlap(one, c, scratch->mask, err) : BF_OK;
  }
  if (status == BF_E_MEMORY) return bf_fail(err, status, "%s", why.message);
  if (++c->counts.masks_unfit <= most_told)
    bf_log(BF_LOG_WARN, "%s: %s; its lesions count as unknown", row->file, why.message);
  return BF_OK;
}

static bf_status take_masks(bf_cases *c, bf_labels *labels, bf_error *err) {
  bf_mask_scratch scratch = {0};
  bf_status status = BF_OK;
  for (int64_t i = 0; i < c->count && status == BF_OK; i++) status = take_mask(&c->items[i], c, labels, &scratch, err);
  bf_mask_scratch_clear(&scratch);
  if (c->counts.masks_unfit > most_told)
    bf_log(BF_LOG_WARN, "%lld masks in all could not be used", (long long)c->counts.masks_unfit);
  return status;
}

/* ---- boxes ---- */

/* Lesions that the labels tell and the row's picture cannot have. */
static void tell_unfit(bf_cases *c, const bf_score_row *row, const bf_label *label) {
  const bf_label_picture picture = picture_of(row);
  for (int32_t i = 0; i < label->lesion_count; i++) {
    bf_lesion box;
    bf_lesion_fit fit = bf_label_place(&box, &label->lesions[i], &picture);
    if (fit != BF_LESION_OUTSIDE && fit != BF_LESION_OTHER_SIZE) continue;
    if (++c->counts.lesions_unfit <= most_told)
      bf_log(BF_LOG_WARN,
             "%s: the box xmin %g, ymin %g, xmax %g, ymax %g %s (%d columns, %d rows); the image's lesions count as "
             "unknown",
             row->file, (double)box.xmin, (double)box.ymin, (double)box.xmax, (double)box.ymax,
             fit == BF_LESION_OUTSIDE ? "reaches outside of the image" : "was drawn on an image of another size",
             row->columns, row->rows);
    return;
  }
}

static bf_status take_boxes(bf_cases *c, bf_error *err) {
  int64_t boxes = 0;
  int32_t most = 0;
  for (int64_t i = 0; i < c->count; i++) {
    int32_t lesions = c->items[i].label->lesion_count;
    boxes += lesions + bf_case_row(c, &c->items[i])->box_count;
    if (lesions > most) most = lesions;
  }
  bf_lesion *lesions = bf_alloc((size_t)most, sizeof *lesions);
  bf_hit_box *next = c->boxes = bf_alloc((size_t)boxes, sizeof *c->boxes);
  bf_status status =
      lesions != NULL && next != NULL ? BF_OK : bf_fail(err, BF_E_MEMORY, "no memory for %lld boxes", (long long)boxes);
  for (int64_t i = 0; i < c->count && status == BF_OK; i++) {
    const bf_score_row *row = bf_case_row(c, &c->items[i]);
    const bf_label_picture picture = picture_of(row);
    int32_t count;
    if (bf_label_lesions(lesions, &count, c->items[i].label, &picture))
      bf_case_set_boxes(&c->items[i], &next, lesions, count, row);
    else
      tell_unfit(c, row, c->items[i].label);
  }
  if (c->counts.lesions_unfit > most_told)
    bf_log(BF_LOG_WARN, "the boxes of %lld images in all do not fit them", (long long)c->counts.lesions_unfit);
  bf_free(lesions);
  return status;
}

/* What the labels say twice, at too great length, or of nobody in particular. */
static void tell_labels(const bf_labels *labels) {
  int64_t ambiguous = bf_labels_ambiguous(labels);
  for (int64_t i = 0; i < bf_labels_complaints(labels) && i < most_told; i++)
    if (bf_labels_complaint(labels, i) != NULL) bf_log(BF_LOG_WARN, "%s", bf_labels_complaint(labels, i));
  if (bf_labels_complaints(labels) > most_told)
    bf_log(BF_LOG_WARN, "%lld such complaints of the labels in all: contradictions, and texts that are too long",
           (long long)bf_labels_complaints(labels));
  if (ambiguous > 0)
    bf_log(BF_LOG_WARN, "%lld labels are met by several images, and used for none", (long long)ambiguous);
}

bf_status bf_cases_of_labels(bf_cases *c, bf_scores *scores, bf_labels *labels, const char *name, bf_error *err) {
  bf_status status = bf_cases_begin(c, scores, err);
  if (status == BF_OK) claim_all(labels, scores);
  if (status == BF_OK) status = match_rows(c, labels, err);
  if (status == BF_OK && c->count == 0 && c->counts.unlabelled > 0)
    status =
        bf_fail(err, BF_E_NOT_FOUND,
                "%s: none of its %lld good rows is spoken of in the labels; they match by SOPInstanceUID or by file",
                name, (long long)c->counts.unlabelled);
  if (status == BF_OK) status = take_masks(c, labels, err);
  if (status == BF_OK) tell_labels(labels);
  /* A later match may have joined what is said into an earlier label: read when all stand. */
  for (int64_t i = 0; i < c->count && status == BF_OK; i++) {
    c->items[i].malignant = c->items[i].label->malignant;
    c->items[i].said = c->items[i].label->patient_id;
  }
  if (status == BF_OK) status = take_boxes(c, err);
  if (status == BF_OK) status = bf_cases_number_patients(c, err);
  for (int64_t i = 0; i < bf_labels_count(labels) && status == BF_OK; i++)
    c->counts.labels_unmatched += bf_labels_at(labels, i)->matched == 0;
  if (status == BF_OK) status = bf_cases_rank(c, err);
  if (status == BF_OK) bf_cases_tell(c, name);
  if (status != BF_OK) bf_cases_clear(c);
  return status;
}
