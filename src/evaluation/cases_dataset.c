/* Cases whose truth is that of the dataset which a training was made from. */
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "evaluation/cases_make.h"
#include "image/mask.h"

typedef struct key {
  bf_image_key image;
  int64_t row; /* of the dataset */
} key;

static int by_image(const void *a, const void *b) {
  const key *x = a, *y = b;
  return bf_image_key_order(x->image, y->image);
}

static key *sorted_keys(const bf_dataset *data) {
  int64_t n = bf_dataset_count(data);
  key *keys = bf_alloc((size_t)n, sizeof *keys);
  for (int64_t i = 0; i < n && keys != NULL; i++) {
    const bf_record *r = bf_dataset_record(data, i);
    keys[i] = (key){bf_image_key_of(r->sop_instance_uid, r->file, r->frame), i};
  }
  if (keys != NULL) qsort(keys, (size_t)n, sizeof *keys, by_image);
  return keys;
}

static void match_rows(bf_cases *c, const key *keys, const bf_dataset *data) {
  for (int64_t i = 0; i < c->scores->count; i++) {
    const bf_score_row *row = &c->scores->rows[i];
    if (!bf_cases_count_row(c, row)) continue;
    const key wanted = {bf_image_key_of(row->sop_instance_uid, row->file, row->frame), 0};
    const key *found = bsearch(&wanted, keys, (size_t)bf_dataset_count(data), sizeof *keys, by_image);
    if (found == NULL) {
      c->counts.unlabelled++;
      continue;
    }
    const bf_record *r = bf_dataset_record(data, found->row);
    bf_case *one = bf_cases_add(c, i, r->malignant);
    one->record = found->row;
    one->said = r->patient;
  }
}

static bf_status take_boxes(bf_cases *c, const bf_dataset *data, bf_error *err) {
  int64_t boxes = 0;
  for (int64_t i = 0; i < c->count; i++)
    boxes += bf_dataset_record(data, c->items[i].record)->lesions_count + bf_case_row(c, &c->items[i])->box_count;
  bf_hit_box *next = c->boxes = bf_alloc((size_t)boxes, sizeof *c->boxes);
  if (next == NULL) return bf_fail(err, BF_E_MEMORY, "no memory for %lld boxes", (long long)boxes);
  for (int64_t i = 0; i < c->count; i++) {
    const bf_record *r = bf_dataset_record(data, c->items[i].record);
    if (r->lesions_known)
      bf_case_set_boxes(&c->items[i], &next, bf_dataset_lesions(data, c->items[i].record), r->lesions_count,
                        bf_case_row(c, &c->items[i]));
  }
  return BF_OK;
}

static bf_status take_mask(bf_case *one, bf_cases *c, bf_dataset *data, bf_error *err) {
  const bf_score_row *row = bf_case_row(c, one);
  const bf_record *r = bf_dataset_record(data, one->record);
  if (!row->has_mask || !r->mask_known || r->rows != row->rows || r->columns != row->columns) return BF_OK;
  uint8_t *drawn = bf_alloc_raw(bf_mask_bytes(row->rows, row->columns), 1);
  if (drawn == NULL) return bf_fail(err, BF_E_MEMORY, "no memory for a mask of %d x %d", row->columns, row->rows);
  bf_status status = bf_dataset_mask(data, one->record, drawn, err);
  if (status == BF_OK) status = bf_case_set_overlap(one, c, drawn, err);
  bf_free(drawn);
  return status;
}

bf_status bf_cases_of_dataset(bf_cases *c, bf_scores *scores, bf_dataset *data, const char *name, bf_error *err) {
  bf_status status = bf_cases_begin(c, scores, err);
  key *keys = sorted_keys(data);
  if (status == BF_OK && keys == NULL)
    status = bf_fail(err, BF_E_MEMORY, "no memory for %lld rows", (long long)scores->count);
  if (status == BF_OK) match_rows(c, keys, data);
  if (status == BF_OK && c->count == 0 && c->counts.unlabelled > 0)
    status = bf_fail(err, BF_E_NOT_FOUND,
                     "%s: none of its %lld good rows is in the dataset; they match by SOPInstanceUID and frame", name,
                     (long long)c->counts.unlabelled);
  if (status == BF_OK) status = take_boxes(c, data, err);
  for (int64_t i = 0; i < c->count && status == BF_OK; i++) status = take_mask(&c->items[i], c, data, err);
  if (status == BF_OK) status = bf_cases_number_patients(c, err);
  if (status == BF_OK) status = bf_cases_rank(c, err);
  bf_free(keys);
  if (status != BF_OK) bf_cases_clear(c);
  return status;
}
