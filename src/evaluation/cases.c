/* What all ways to make cases share: counting rows, truth boxes, overlaps of masks, patients. */
#include "evaluation/cases.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/memory.h"
#include "evaluation/cases_make.h"
#include "image/mask.h"

void bf_cases_clear(bf_cases *c) {
  bf_free(c->items);
  bf_free(c->boxes);
  *c = (bf_cases){0};
}

/* ---- rows ---- */

static int by_image(const void *a, const void *b) {
  return bf_image_key_order(*(const bf_image_key *)a, *(const bf_image_key *)b);
}

static bf_status count_repeated(bf_cases *c, bf_error *err) {
  const bf_scores *s = c->scores;
  bf_image_key *keys = bf_alloc((size_t)s->count, sizeof *keys);
  int64_t n = 0;
  if (keys == NULL) return bf_fail(err, BF_E_MEMORY, "no memory for %lld rows", (long long)s->count);
  for (int64_t i = 0; i < s->count; i++) {
    const bf_score_row *row = &s->rows[i];
    if (row->status == BF_ROW_OK && row->sop_instance_uid[0] != '\0')
      keys[n++] = bf_image_key_of(row->sop_instance_uid, row->file, row->frame);
  }
  qsort(keys, (size_t)n, sizeof *keys, by_image);
  for (int64_t i = 1; i < n; i++) c->counts.repeated += bf_image_key_order(keys[i - 1], keys[i]) == 0;
  bf_free(keys);
  return BF_OK;
}

bf_status bf_cases_begin(bf_cases *c, bf_scores *scores, bf_error *err) {
  size_t room = (size_t)scores->count;
  *c = (bf_cases){.scores = scores, .counts.rows = scores->count};
  c->items = bf_alloc(room, sizeof *c->items);
  if (c->items == NULL) return bf_fail(err, BF_E_MEMORY, "no memory for %lld rows", (long long)scores->count);
  return count_repeated(c, err);
}

bool bf_cases_count_row(bf_cases *c, const bf_score_row *row) {
  bf_case_counts *n = &c->counts;
  if (row->status == BF_ROW_OK) return true;
  if (row->status == BF_ROW_LEFT_OUT) {
    n->left_out++;
    return false;
  }
  n->failed++;
  n->failed_by[row->status < BF_ROW_STATUSES ? row->status : BF_ROW_STATUSES - 1]++;
  return false;
}

bf_case *bf_cases_add(bf_cases *c, int64_t index, int8_t malignant) {
  const bf_score_row *row = &c->scores->rows[index];
  bf_case *one = &c->items[c->count++];
  *one = (bf_case){.row = index,
                   .probability = row->malignant_probability,
                   .rank = row->malignant_logit,
                   .malignant = malignant,
                   .record = -1,
                   .dice = NAN,
                   .iou = NAN};
  c->counts.seen += row->seen == 1;
  c->counts.unlike += row->unlike != NULL && row->unlike[0] != '\0';
  return one;
}

void bf_cases_tell(const bf_cases *c, const char *name) {
  if (c->counts.repeated > 0)
    bf_log(BF_LOG_WARN, "%s: %lld rows repeat an image and frame that an earlier row has: they count twice", name,
           (long long)c->counts.repeated);
  if (c->counts.seen > 0)
    bf_log(
        BF_LOG_WARN,
        "%s: %lld of the labelled images are among those that the model was trained or validated on: figures of them "
        "are no test of it",
        name, (long long)c->counts.seen);
  if (c->counts.unlike > 0)
    bf_log(BF_LOG_WARN,
           "%s: %lld of the labelled images are unlike those that the model was trained on (column 'unlike')", name,
           (long long)c->counts.unlike);
}

/* ---- ranks ---- */

static bf_status ranked_by_logits(bool *by_logits, const bf_cases *c, bf_error *err) {
  double *logit = bf_alloc((size_t)c->count, sizeof *logit), *probability = bf_alloc((size_t)c->count, sizeof *logit);
  int64_t n = 0;
  bf_status status = logit != NULL && probability != NULL
                         ? BF_OK
                         : bf_fail(err, BF_E_MEMORY, "no memory to rank %lld cases", (long long)c->count);
  *by_logits = true;
  for (int64_t i = 0; i < c->count && status == BF_OK; i++) {
    if (isnan(c->items[i].probability)) continue;
    logit[n] = c->items[i].rank;
    probability[n++] = c->items[i].probability;
  }
  if (status == BF_OK) status = bf_metrics_ranked_by_logits(by_logits, logit, probability, n, err);
  bf_free(logit);
  bf_free(probability);
  return status;
}

bf_status bf_cases_rank(bf_cases *c, bf_error *err) {
  bool by_logits;
  bf_status status = ranked_by_logits(&by_logits, c, err);
  for (int64_t i = 0; i < c->count && status == BF_OK && !by_logits; i++) c->items[i].rank = c->items[i].probability;
  return status;
}

/* ---- boxes and masks ---- */

void bf_case_set_boxes(bf_case *one, bf_hit_box **next, const bf_lesion *lesions, int32_t count,
                       const bf_score_row *row) {
  one->lesions_known = true;
  one->boxes = (bf_hit_image){.truths = *next, .truth_count = count, .found_count = row->box_count};
  for (int32_t i = 0; i < count; i++)
    *(*next)++ = (bf_hit_box){lesions[i].xmin, lesions[i].ymin, lesions[i].xmax, lesions[i].ymax, 0};
  one->boxes.found = *next;
  for (int32_t i = 0; i < row->box_count; i++) {
    const bf_found_box *b = &row->boxes[i];
    *(*next)++ = (bf_hit_box){b->xmin, b->ymin, b->xmax, b->ymax, b->score};
  }
}

bf_status bf_case_set_overlap(bf_case *one, const bf_cases *c, const uint8_t *drawn, bf_error *err) {
  const bf_score_row *row = bf_case_row(c, one);
  size_t bytes = bf_mask_bytes(row->rows, row->columns);
  uint8_t *found = bf_alloc_raw(bytes, 1);
  if (found == NULL) return bf_fail(err, BF_E_MEMORY, "no memory for a mask of %d x %d", row->columns, row->rows);
  bf_status status = bf_scores_mask(c->scores, one->row, found, err);
  if (status == BF_OK) {
    bf_overlap o = bf_metrics_overlap(found, drawn, (int64_t)bytes);
    one->outlined = true;
    one->found_anything = o.a > 0;
    if (o.b > 0) {
      one->dice = bf_metrics_dice(o);
      one->iou = bf_metrics_mask_iou(o);
    }
  }
  bf_free(found);
  return status;
}

bf_status bf_cases_of_scores(bf_cases *c, bf_scores *scores, bf_error *err) {
  bf_status status = bf_cases_begin(c, scores, err);
  for (int64_t i = 0; i < scores->count && status == BF_OK; i++)
    if (bf_cases_count_row(c, &scores->rows[i])) bf_cases_add(c, i, -1);
  if (status == BF_OK) status = bf_cases_rank(c, err);
  if (status == BF_OK) status = bf_cases_number_patients(c, err);
  if (status != BF_OK) bf_cases_clear(c);
  return status;
}
