/* SCORES.h5 on its way out: columns from rows, series and studies pooled, published whole. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/memory.h"
#include "bifocal/version.h"
#include "store/journal.h"
#include "store/scores_columns.h"

static int by_score(const void *a, const void *b) {
  const bf_stored_box *p = a, *q = b;
  if (p->box.score != q->box.score) return p->box.score > q->box.score ? -1 : 1;
  /* Equal scores: an order that does not depend on how sorting works. */
  const float *x = &p->box.xmin, *y = &q->box.xmin;
  for (int i = 0; i < 4; i++)
    if (x[i] != y[i]) return x[i] < y[i] ? -1 : 1;
  return 0;
}

static bf_stored_box *gather_boxes(bf_stored_row *rows, int64_t count, int64_t *total) {
  *total = 0;
  for (int64_t i = 0; i < count; i++) *total += rows[i].row.box_count;
  bf_stored_box *boxes = bf_alloc((size_t)*total, sizeof *boxes);
  int64_t n = 0;
  for (int64_t i = 0; i < count && boxes != NULL; i++) {
    const bf_score_row *row = &rows[i].row;
    rows[i].boxes_start = n;
    for (int k = 0; k < row->box_count; k++) boxes[n++] = (bf_stored_box){i, row->boxes[k]};
    qsort(boxes + rows[i].boxes_start, (size_t)row->box_count, sizeof *boxes, by_score);
  }
  return boxes;
}

/* A row by the series or study that it is of; `start` is where the rows of its like begin in the sorted array. */
typedef struct member {
  const char *uid;
  int64_t row, start;
} member;

static int by_uid(const void *a, const void *b) {
  const member *p = a, *q = b;
  int order = strcmp(p->uid, q->uid);
  return order != 0 ? order : (p->row > q->row) - (p->row < q->row);
}

static int by_first_row(const void *a, const void *b) {
  const member *p = a, *q = b;
  return (p->row > q->row) - (p->row < q->row);
}

static const char *series_of(const bf_score_row *row) { return row->series_instance_uid; }
static const char *study_of(const bf_score_row *row) { return row->study_instance_uid; }

static void pool_row(bf_stored_pool *pool, const bf_score_row *row) {
  float p = row->malignant_probability;
  if (row->status != BF_ROW_OK || isnan(p)) return;
  if (isnan(pool->malignant_probability) || p > pool->malignant_probability) pool->malignant_probability = p;
  pool->images++;
}

/* In the order of their first row; rows without such a UID (failed files) are in none. The largest of a study's series
 * is the largest of its frames. */
static bf_stored_pool *pool_rows(const bf_stored_row *rows, int64_t count, const char *(*uid_of)(const bf_score_row *),
                                 int64_t *total) {
  member *sorted = bf_alloc((size_t)count, sizeof *sorted), *firsts = bf_alloc((size_t)count, sizeof *firsts);
  int64_t n = 0, pools = 0;
  bf_stored_pool *pooled = NULL;
  if (sorted == NULL || firsts == NULL) goto out;
  for (int64_t i = 0; i < count; i++)
    if (uid_of(&rows[i].row)[0] != '\0') sorted[n++] = (member){.uid = uid_of(&rows[i].row), .row = i};
  qsort(sorted, (size_t)n, sizeof *sorted, by_uid);
  for (int64_t i = 0; i < n; i++)
    if (i == 0 || strcmp(sorted[i].uid, sorted[i - 1].uid) != 0)
      firsts[pools++] = (member){sorted[i].uid, sorted[i].row, i};
  qsort(firsts, (size_t)pools, sizeof *firsts, by_first_row);
  if ((pooled = bf_alloc((size_t)pools, sizeof *pooled)) == NULL) goto out;
  for (int64_t s = 0; s < pools; s++) {
    const bf_score_row *first = &rows[firsts[s].row].row;
    memcpy(pooled[s].series_instance_uid, first->series_instance_uid, sizeof pooled[s].series_instance_uid);
    memcpy(pooled[s].study_instance_uid, first->study_instance_uid, sizeof pooled[s].study_instance_uid);
    pooled[s].malignant_probability = NAN;
    for (int64_t i = firsts[s].start; i < n && strcmp(sorted[i].uid, firsts[s].uid) == 0; i++)
      pool_row(&pooled[s], &rows[sorted[i].row].row);
  }
out:
  bf_free(sorted);
  bf_free(firsts);
  *total = pools;
  return pooled;
}

/* Where the rows to be written come from. Neither journal nor parts: rows in memory with their masks. */
typedef struct origin {
  bf_stored_row *rows;
  int64_t count;
  bf_journal *journal; /* whose rows they are */
  bf_scores *parts;    /* of which `rows` are all rows, one part behind the other */
} origin;

static bool has_mask(const origin *o, int64_t row) {
  const bf_score_row *r = &o->rows[row].row;
  return o->journal != NULL || o->parts != NULL ? r->has_mask : r->mask != NULL;
}

/* Masks of rows, asked for in the order of the rows. */
typedef struct mask_reader {
  const origin *from;
  int part;
  int64_t before; /* rows of the parts before */
  uint8_t *read;  /* the last one that was read; owned */
} mask_reader;

static bf_status find_mask(const uint8_t **mask, mask_reader *r, int64_t row, int64_t bytes, bf_error *err) {
  const origin *from = r->from;
  *mask = from->rows[row].row.mask;
  if (from->journal == NULL && from->parts == NULL) return BF_OK;
  bf_free(r->read);
  *mask = r->read = bf_alloc_raw((size_t)bytes, 1);
  if (r->read == NULL) return bf_fail(err, BF_E_MEMORY, "no memory for a mask of %lld bytes", (long long)bytes);
  if (from->journal != NULL) return bf_journal_mask(r->read, from->journal, from->rows[row].key, bytes, err);
  while (row - r->before >= from->parts[r->part].count) r->before += from->parts[r->part++].count;
  return bf_scores_mask(&from->parts[r->part], row - r->before, r->read, err);
}

/* /masks, and where in it each row's begins. */
static bf_status put_masks(bf_h5_out *out, const origin *o, bf_error *err) {
  mask_reader reader = {.from = o};
  const uint8_t *mask = NULL;
  bf_status status = BF_OK;
  bf_strip masks;
  bool good = bf_strip_create(&masks, out->file, "masks", H5T_STD_U8LE,
                              "found lesions of the original images, a bit a pixel, mask after mask");
  for (int64_t i = 0; i < o->count && good && status == BF_OK; i++) {
    if (!has_mask(o, i)) continue;
    bf_stored_row *row = &o->rows[i];
    int64_t bytes = bf_strip_mask_bytes(row->row.rows, row->row.columns);
    if (bytes < 0) continue; /* no image of that size is scored */
    row->mask_start = masks.count;
    status = find_mask(&mask, &reader, i, bytes, err);
    good = status != BF_OK || (bf_strip_append(&masks, H5T_NATIVE_UINT8, mask, bytes) && out->failed == 0);
  }
  bf_strip_close(&masks);
  bf_free(reader.read);
  if (status != BF_OK) return status;
  return good ? BF_OK : bf_h5_fail_out(out, "write masks", err);
}

static bool put_notes(hid_t file, const bf_scores_notes *notes) {
  char created[32];
  bf_utc_now(created, sizeof created);
  return bf_h5_put_text(file, "Conventions", BF_SCORES_CONVENTION) && bf_h5_put_text(file, "created", created) &&
         bf_h5_put_text(file, "software_version", BIFOCAL_VERSION) &&
         bf_h5_put_text(file, "model_sha256", notes->model_sha256 ? notes->model_sha256 : "") &&
         bf_h5_put_text(file, "config_yaml", notes->config_yaml ? notes->config_yaml : "") &&
         (notes->extra_json == NULL || bf_h5_put_text(file, "extra_json", notes->extra_json));
}

static bool put_pooling(hid_t file, const char *column, const char *pooling) {
  hid_t dataset = H5Dopen2(file, column, H5P_DEFAULT);
  bool good = dataset >= 0 && bf_h5_put_text(dataset, "pooling", pooling != NULL ? pooling : "maximum");
  if (dataset >= 0) H5Dclose(dataset);
  return good;
}

static bf_status check_rows(const char *path, const bf_stored_row *rows, int64_t count, bf_error *err) {
  for (int64_t i = 0; i < count; i++) {
    const bf_score_row *r = &rows[i].row;
    if (r->box_count < 0 || (r->box_count > 0 && r->boxes == NULL) || r->status > BF_ROW_UNLIKE_TRAINING)
      return bf_fail(err, BF_E_INTERNAL, "%s: row %lld of the scores is not well formed", path, (long long)i);
  }
  return BF_OK;
}

static bf_status publish(const char *path, const origin *o, const bf_scores_notes *notes, bf_error *err) {
  bf_stored_row *rows = o->rows;
  const int64_t count = o->count;
  bf_h5_out out = {.file = -1};
  int64_t box_count = 0, series_count = 0, study_count = 0;
  bf_stored_box *boxes = NULL;
  bf_stored_pool *series = NULL, *studies = NULL;
  bf_status status = check_rows(path, rows, count, err);
  if (status == BF_OK && ((boxes = gather_boxes(rows, count, &box_count)) == NULL ||
                          (series = pool_rows(rows, count, series_of, &series_count)) == NULL ||
                          (studies = pool_rows(rows, count, study_of, &study_count)) == NULL))
    status = bf_fail(err, BF_E_MEMORY, "%s: no memory for %lld rows", path, (long long)count);
  if (status == BF_OK) status = bf_h5_create(&out, path, err);
  if (status == BF_OK && !put_notes(out.file, notes)) status = bf_h5_fail_out(&out, "write", err);
  bool masks = false;
  for (int64_t i = 0; i < count; i++) masks = masks || has_mask(o, i);
  if (status == BF_OK && masks) status = put_masks(&out, o, err);
  if (status == BF_OK)
    status = bf_h5_write_table(&out, "images", bf_row_columns, masks ? BF_ROW_COLUMNS : BF_ROW_COLUMNS - BF_ROW_MASK,
                               rows, sizeof *rows, count, err);
  if (status == BF_OK)
    status = bf_h5_write_table(&out, "boxes", bf_box_columns, BF_BOX_COLUMNS, boxes, sizeof *boxes, box_count, err);
  if (status == BF_OK)
    status = bf_h5_write_table(&out, "series", bf_series_columns, BF_SERIES_COLUMNS, series, sizeof *series,
                               series_count, err);
  if (status == BF_OK)
    status = bf_h5_write_table(&out, "studies", bf_study_columns, BF_STUDY_COLUMNS, studies, sizeof *studies,
                               study_count, err);
  if (status == BF_OK && !(put_pooling(out.file, "series/malignant_probability", notes->pooling) &&
                           put_pooling(out.file, "studies/malignant_probability", notes->pooling)))
    status = bf_h5_fail_out(&out, "write", err);
  if (status == BF_OK) status = bf_h5_publish(&out, err);
  bf_h5_discard(&out);
  bf_free(boxes);
  bf_free(series);
  bf_free(studies);
  return status;
}

/* Copies that the writer may fill in; what they point to stays the caller's. */
static void take_rows(bf_stored_row *to, const bf_score_row *rows, int64_t count) {
  for (int64_t i = 0; i < count; i++) to[i] = (bf_stored_row){.row = rows[i], .mask_start = -1};
}

bf_status bf_scores_publish(const char *path, const bf_score_row *rows, int64_t count, const bf_scores_notes *notes,
                            bf_error *err) {
  bf_stored_row *stored = bf_alloc((size_t)count, sizeof *stored);
  if (stored == NULL) return bf_fail(err, BF_E_MEMORY, "%s: no memory for %lld rows", path, (long long)count);
  take_rows(stored, rows, count);
  bf_status status = publish(path, &(origin){.rows = stored, .count = count}, notes, err);
  bf_free(stored);
  return status;
}

bf_status bf_scores_publish_joined(const char *path, bf_scores *parts, int count, const bf_scores_notes *notes,
                                   bf_error *err) {
  int64_t total = 0, n = 0;
  for (int i = 0; i < count; i++) total += parts[i].count;
  bf_stored_row *rows = bf_alloc((size_t)total, sizeof *rows);
  if (rows == NULL) return bf_fail(err, BF_E_MEMORY, "%s: no memory for %lld rows", path, (long long)total);
  for (int i = 0; i < count; n += parts[i++].count) take_rows(rows + n, parts[i].rows, parts[i].count);
  bf_status status = publish(path, &(origin){.rows = rows, .count = total, .parts = parts}, notes, err);
  bf_free(rows);
  return status;
}

bf_status bf_scores_publish_journal(bf_scores_totals *totals, const char *path, bf_journal *j,
                                    const bf_scores_notes *notes, bf_error *err) {
  bf_stored_row *rows = NULL;
  int64_t count = 0;
  bf_status status = bf_journal_rows(&rows, &count, j, err);
  if (status != BF_OK) return status;
  status = publish(path, &(origin){.rows = rows, .count = count, .journal = j}, notes, err);
  if (totals != NULL) *totals = (bf_scores_totals){.rows = count};
  for (int64_t i = 0; i < count && totals != NULL; i++) {
    totals->failed += rows[i].row.status != BF_ROW_OK && rows[i].row.status != BF_ROW_LEFT_OUT;
    totals->unlike += rows[i].row.unlike[0] != '\0';
  }
  bf_journal_free_rows(rows, count);
  return status;
}
