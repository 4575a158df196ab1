/* SCORES.h5 on its way out: columns from rows, series and studies pooled, published whole. */
#include <math.h>
#include <stdio.h>
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

static bf_stored_box *gather_boxes(bf_stored_row *stored, const bf_score_row *rows, int64_t count, int64_t *total) {
  *total = 0;
  for (int64_t i = 0; i < count; i++) *total += rows[i].box_count;
  bf_stored_box *boxes = bf_alloc((size_t)*total, sizeof *boxes);
  int64_t n = 0;
  for (int64_t i = 0; i < count && boxes != NULL; i++) {
    stored[i] = (bf_stored_row){rows[i], n, -1};
    for (int k = 0; k < rows[i].box_count; k++) boxes[n++] = (bf_stored_box){i, rows[i].boxes[k]};
    qsort(boxes + stored[i].boxes_start, (size_t)rows[i].box_count, sizeof *boxes, by_score);
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
static bf_stored_pool *pool_rows(const bf_score_row *rows, int64_t count, const char *(*uid_of)(const bf_score_row *),
                                 int64_t *total) {
  member *sorted = bf_alloc((size_t)count, sizeof *sorted), *firsts = bf_alloc((size_t)count, sizeof *firsts);
  int64_t n = 0, pools = 0;
  bf_stored_pool *pooled = NULL;
  if (sorted == NULL || firsts == NULL) goto out;
  for (int64_t i = 0; i < count; i++)
    if (uid_of(&rows[i])[0] != '\0') sorted[n++] = (member){.uid = uid_of(&rows[i]), .row = i};
  qsort(sorted, (size_t)n, sizeof *sorted, by_uid);
  for (int64_t i = 0; i < n; i++)
    if (i == 0 || strcmp(sorted[i].uid, sorted[i - 1].uid) != 0)
      firsts[pools++] = (member){sorted[i].uid, sorted[i].row, i};
  qsort(firsts, (size_t)pools, sizeof *firsts, by_first_row);
  if ((pooled = bf_alloc((size_t)pools, sizeof *pooled)) == NULL) goto out;
  for (int64_t s = 0; s < pools; s++) {
    const bf_score_row *first = &rows[firsts[s].row];
    memcpy(pooled[s].series_instance_uid, first->series_instance_uid, sizeof pooled[s].series_instance_uid);
    memcpy(pooled[s].study_instance_uid, first->study_instance_uid, sizeof pooled[s].study_instance_uid);
    pooled[s].malignant_probability = NAN;
    for (int64_t i = firsts[s].start; i < n && strcmp(sorted[i].uid, firsts[s].uid) == 0; i++)
      pool_row(&pooled[s], &rows[sorted[i].row]);
  }
out:
  bf_free(sorted);
  bf_free(firsts);
  *total = pools;
  return pooled;
}

/* Where the rows to be written come from. parts NULL: rows in memory with their masks. */
typedef struct origin {
  const bf_score_row *rows;
  int64_t count;
  bf_scores *parts; /* of which `rows` are all rows, one part behind the other */
} origin;

static bool has_mask(const origin *o, int64_t row) {
  return o->parts != NULL ? o->rows[row].has_mask : o->rows[row].mask != NULL;
}

/* Masks of rows, asked for in the order of the rows. */
typedef struct mask_reader {
  const origin *from;
  int part;
  int64_t before; /* rows of the parts before */
  uint8_t *read;  /* the last one that was read; owned */
} mask_reader;

static bf_status find_mask(const uint8_t **mask, mask_reader *r, int64_t row, int64_t bytes, bf_error *err) {
  bf_scores *parts = r->from->parts;
  *mask = r->from->rows[row].mask;
  if (parts == NULL) return BF_OK;
  while (row - r->before >= parts[r->part].count) r->before += parts[r->part++].count;
  bf_free(r->read);
  *mask = r->read = bf_alloc_raw((size_t)bytes, 1);
  if (r->read == NULL) return bf_fail(err, BF_E_MEMORY, "no memory for a mask of %lld bytes", (long long)bytes);
  return bf_scores_mask(&parts[r->part], row - r->before, r->read, err);
}

/* One mask to the end of /masks, which is made with the first; *start: where in it the mask begins. */
static bf_status append_mask(bf_strip *masks, int64_t *start, bf_h5_out *out, const uint8_t *mask, int64_t bytes,
                             bf_error *err) {
  bool good =
      masks->dataset >= 0 || bf_strip_create(masks, out->file, "masks", H5T_STD_U8LE,
                                             "found lesions of the original images, a bit a pixel, mask after mask");
  *start = masks->count;
  good = good && bf_strip_append(masks, H5T_NATIVE_UINT8, mask, bytes) && out->failed == 0;
  return good ? BF_OK : bf_h5_fail_out(out, "write masks", err);
}

/* starts: where each row's mask begins, -1 without one. */
static bf_status put_masks(bf_h5_out *out, int64_t *starts, const origin *o, bf_error *err) {
  const bf_score_row *rows = o->rows;
  mask_reader reader = {.from = o};
  const uint8_t *mask = NULL;
  bf_status status = BF_OK;
  bf_strip masks = BF_STRIP_CLOSED;
  for (int64_t i = 0; i < o->count && status == BF_OK; i++) {
    starts[i] = -1;
    int64_t bytes = has_mask(o, i) ? bf_strip_mask_bytes(rows[i].rows, rows[i].columns) : -1;
    if (bytes < 0) continue; /* no image beyond those limits is scored */
    status = find_mask(&mask, &reader, i, bytes, err);
    if (status == BF_OK) status = append_mask(&masks, &starts[i], out, mask, bytes, err);
  }
  bf_strip_close(&masks);
  bf_free(reader.read);
  return status;
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

static bf_status check_rows(const char *path, const bf_score_row *rows, int64_t count, bf_error *err) {
  for (int64_t i = 0; i < count; i++)
    if (rows[i].box_count < 0 || (rows[i].box_count > 0 && rows[i].boxes == NULL) || rows[i].status > BF_ROW_LEFT_OUT)
      return bf_fail(err, BF_E_INTERNAL, "%s: row %lld of the scores is not well formed", path, (long long)i);
  return BF_OK;
}

/* All that a file of scores holds but its notes and masks. */
typedef struct tables {
  bf_stored_row *stored;
  bf_stored_box *boxes;
  bf_stored_pool *series, *studies;
  int64_t rows, box_count, series_count, study_count;
  bool masks; /* whether the column mask_start is there */
} tables;

static bf_status fill_tables(tables *t, const char *path, const bf_score_row *rows, const int64_t *starts,
                             int64_t count, bf_error *err) {
  *t = (tables){.rows = count, .stored = bf_alloc((size_t)count, sizeof *t->stored)};
  if (t->stored == NULL || (t->boxes = gather_boxes(t->stored, rows, count, &t->box_count)) == NULL ||
      (t->series = pool_rows(rows, count, series_of, &t->series_count)) == NULL ||
      (t->studies = pool_rows(rows, count, study_of, &t->study_count)) == NULL)
    return bf_fail(err, BF_E_MEMORY, "%s: no memory for %lld rows", path, (long long)count);
  for (int64_t i = 0; i < count; i++) {
    t->stored[i].mask_start = starts[i];
    t->masks = t->masks || starts[i] >= 0;
  }
  return BF_OK;
}

static void clear_tables(tables *t) {
  bf_free(t->stored);
  bf_free(t->boxes);
  bf_free(t->series);
  bf_free(t->studies);
}

static bf_status write_tables(bf_h5_out *out, const tables *t, const char *pooling, bf_error *err) {
  bf_status status =
      bf_h5_write_table(out, "images", bf_row_columns, t->masks ? BF_ROW_COLUMNS : BF_ROW_COLUMNS - BF_ROW_MASK,
                        t->stored, sizeof *t->stored, t->rows, err);
  if (status == BF_OK)
    status =
        bf_h5_write_table(out, "boxes", bf_box_columns, BF_BOX_COLUMNS, t->boxes, sizeof *t->boxes, t->box_count, err);
  if (status == BF_OK)
    status = bf_h5_write_table(out, "series", bf_series_columns, BF_SERIES_COLUMNS, t->series, sizeof *t->series,
                               t->series_count, err);
  if (status == BF_OK)
    status = bf_h5_write_table(out, "studies", bf_study_columns, BF_STUDY_COLUMNS, t->studies, sizeof *t->studies,
                               t->study_count, err);
  if (status == BF_OK && !(put_pooling(out->file, "series/malignant_probability", pooling) &&
                           put_pooling(out->file, "studies/malignant_probability", pooling)))
    status = bf_h5_fail_out(out, "write", err);
  return status;
}

static bf_status begin(bf_h5_out *out, const char *path, const bf_scores_notes *notes, bf_error *err) {
  bf_status status = bf_h5_create(out, path, err);
  return status == BF_OK && !put_notes(out->file, notes) ? bf_h5_fail_out(out, "write", err) : status;
}

static bf_status finish(bf_h5_out *out, const char *path, const bf_score_row *rows, const int64_t *starts,
                        int64_t count, const char *pooling, bf_error *err) {
  tables t;
  bf_status status = fill_tables(&t, path, rows, starts, count, err);
  if (status == BF_OK) status = write_tables(out, &t, pooling, err);
  if (status == BF_OK) status = bf_h5_publish(out, err);
  clear_tables(&t);
  return status;
}

static bf_status publish(const char *path, const origin *o, const bf_scores_notes *notes, bf_error *err) {
  bf_h5_out out = {.file = -1};
  int64_t *starts = bf_alloc((size_t)o->count, sizeof *starts);
  bf_status status = check_rows(path, o->rows, o->count, err);
  if (status == BF_OK && starts == NULL)
    status = bf_fail(err, BF_E_MEMORY, "%s: no memory for %lld rows", path, (long long)o->count);
  if (status == BF_OK) status = begin(&out, path, notes, err);
  if (status == BF_OK) status = put_masks(&out, starts, o, err);
  if (status == BF_OK) status = finish(&out, path, o->rows, starts, o->count, notes->pooling, err);
  bf_h5_discard(&out);
  bf_free(starts);
  return status;
}

bf_status bf_scores_publish(const char *path, const bf_score_row *rows, int64_t count, const bf_scores_notes *notes,
                            bf_error *err) {
  return publish(path, &(origin){.rows = rows, .count = count}, notes, err);
}

bf_status bf_scores_publish_joined(const char *path, bf_scores *parts, int count, const bf_scores_notes *notes,
                                   bf_error *err) {
  int64_t total = 0, n = 0;
  for (int i = 0; i < count; i++) total += parts[i].count;
  bf_score_row *rows = bf_alloc((size_t)total, sizeof *rows);
  if (rows == NULL) return bf_fail(err, BF_E_MEMORY, "%s: no memory for %lld rows", path, (long long)total);
  for (int i = 0; i < count; i++) {
    if (parts[i].count > 0) memcpy(rows + n, parts[i].rows, (size_t)parts[i].count * sizeof *rows);
    n += parts[i].count;
  }
  bf_status status = publish(path, &(origin){rows, total, parts}, notes, err);
  bf_free(rows);
  return status;
}

bf_status bf_scores_publish_journal(bf_scores_totals *totals, const char *path, bf_journal *j,
                                    const bf_scores_notes *notes, bf_error *err) {
  bf_score_row *rows = NULL;
  int64_t count = 0;
  bf_status status = bf_journal_rows(&rows, &count, j, err);
  if (status != BF_OK) return status;
  status = bf_scores_publish(path, rows, count, notes, err);
  if (totals != NULL) *totals = (bf_scores_totals){.rows = count};
  for (int64_t i = 0; i < count && totals != NULL; i++)
    totals->failed += rows[i].status != BF_ROW_OK && rows[i].status != BF_ROW_LEFT_OUT;
  bf_journal_free_rows(rows, count);
  return status;
}

/* ---- row by row ---- */

struct bf_scores_writer {
  bf_h5_out out;
  bf_strip masks;
  bf_score_row *rows; /* file, message and boxes are its own */
  int64_t *starts;
  int64_t count, room;
  char *pooling;
  char path[BF_PATH_MAX];
};

bf_status bf_scores_writer_open(bf_scores_writer **out, const char *path, const bf_scores_notes *notes, bf_error *err) {
  bf_scores_writer *w = *out = bf_alloc(1, sizeof *w);
  if (w == NULL) return bf_fail(err, BF_E_MEMORY, "%s: no memory", path);
  w->out.file = -1;
  w->masks = BF_STRIP_CLOSED;
  snprintf(w->path, sizeof w->path, "%s", path);
  w->pooling = bf_strdup(notes->pooling != NULL ? notes->pooling : "maximum");
  bf_status status = w->pooling != NULL ? BF_OK : bf_fail(err, BF_E_MEMORY, "%s: no memory", path);
  if (status == BF_OK) status = begin(&w->out, path, notes, err);
  if (status == BF_OK) return BF_OK;
  bf_scores_writer_abandon(w);
  *out = NULL;
  return status;
}

static bool make_room(bf_scores_writer *w) {
  if (w->count < w->room) return true;
  int64_t room = w->room > 0 ? 2 * w->room : 256;
  bf_score_row *rows = bf_grow(w->rows, (size_t)w->room, (size_t)room, sizeof *rows);
  if (rows != NULL) w->rows = rows;
  int64_t *starts = rows != NULL ? bf_grow(w->starts, (size_t)w->room, (size_t)room, sizeof *starts) : NULL;
  if (starts == NULL) return false;
  w->starts = starts;
  w->room = room;
  return true;
}

/* The boxes are its own even where there are none. */
static bool keep_row(bf_score_row *kept, const bf_score_row *row) {
  bf_found_box *boxes = bf_alloc((size_t)row->box_count, sizeof *boxes);
  *kept = *row;
  kept->file = bf_strdup(row->file != NULL ? row->file : "");
  kept->message = bf_strdup(row->message != NULL ? row->message : "");
  kept->boxes = boxes;
  kept->mask = NULL;
  if (boxes != NULL && row->box_count > 0) memcpy(boxes, row->boxes, (size_t)row->box_count * sizeof *boxes);
  return kept->file != NULL && kept->message != NULL && boxes != NULL;
}

bf_status bf_scores_writer_put(bf_scores_writer *w, const bf_score_row *row, bf_error *err) {
  bf_status status = check_rows(w->path, row, 1, err);
  if (status != BF_OK) return status;
  if (!make_room(w)) return bf_fail(err, BF_E_MEMORY, "%s: no memory for row %lld", w->path, (long long)w->count);
  int64_t at = w->count++, bytes = row->mask != NULL ? bf_strip_mask_bytes(row->rows, row->columns) : -1;
  w->starts[at] = -1;
  if (!keep_row(&w->rows[at], row))
    return bf_fail(err, BF_E_MEMORY, "%s: no memory for row %lld", w->path, (long long)at);
  return bytes < 0 ? BF_OK : append_mask(&w->masks, &w->starts[at], &w->out, row->mask, bytes, err);
}

bf_status bf_scores_writer_finish(bf_scores_writer *w, bf_error *err) {
  bf_strip_close(&w->masks);
  bf_status status = finish(&w->out, w->path, w->rows, w->starts, w->count, w->pooling, err);
  bf_scores_writer_abandon(w);
  return status;
}

void bf_scores_writer_abandon(bf_scores_writer *w) {
  if (w == NULL) return;
  bf_strip_close(&w->masks);
  bf_h5_discard(&w->out);
  for (int64_t i = 0; i < w->count; i++) {
    bf_free((void *)w->rows[i].file);
    bf_free((void *)w->rows[i].message);
    bf_free((void *)w->rows[i].boxes);
  }
  bf_free(w->rows);
  bf_free(w->starts);
  bf_free(w->pooling);
  bf_free(w);
}
