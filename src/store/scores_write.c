/* SCORES.h5 on its way out: columns from rows, series and studies pooled, published whole. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/memory.h"
#include "bifocal/version.h"
#include "store/heat_maps.h"
#include "store/journal.h"

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

static bool put_notes(hid_t file, const bf_scores_notes *notes) {
  char created[32];
  bf_utc_now(created, sizeof created);
  return bf_h5_put_text(file, "Conventions", BF_SCORES_CONVENTION) && bf_h5_put_text(file, "created", created) &&
         bf_h5_put_text(file, "software_version", BIFOCAL_VERSION) &&
         bf_h5_put_text(file, "model_sha256", notes->model_sha256 ? notes->model_sha256 : "") &&
         bf_h5_put_text(file, "config_yaml", notes->config_yaml ? notes->config_yaml : "") &&
         (notes->extra_json == NULL || bf_h5_put_text(file, "extra_json", notes->extra_json));
}

/* ---- row by row ---- */

struct bf_scores_writer {
  bf_h5_out out;
  bf_strip masks;
  bf_heat_out heat;
  bf_stored_row *rows; /* texts and boxes are its own */
  int64_t count, room;
  char *pooling;
  char path[BF_PATH_MAX];
};

bf_status bf_scores_writer_open(bf_scores_writer **out, const char *path, const bf_scores_notes *notes, bf_error *err) {
  bf_scores_writer *w = *out = bf_alloc(1, sizeof *w);
  if (w == NULL) return bf_fail(err, BF_E_MEMORY, "%s: no memory", path);
  w->out.file = -1;
  w->masks = BF_STRIP_CLOSED;
  bf_heat_out_begin(&w->heat, notes->grids);
  snprintf(w->path, sizeof w->path, "%s", path);
  w->pooling = bf_strdup(notes->pooling != NULL ? notes->pooling : "maximum");
  bf_status status = w->pooling != NULL ? BF_OK : bf_fail(err, BF_E_MEMORY, "%s: no memory", path);
  if (status == BF_OK) status = bf_h5_create(&w->out, path, err);
  if (status == BF_OK && !put_notes(w->out.file, notes)) status = bf_h5_fail_out(&w->out, "write", err);
  if (status == BF_OK) return BF_OK;
  bf_scores_writer_abandon(w);
  *out = NULL;
  return status;
}

static bool make_room(bf_scores_writer *w) {
  if (w->count < w->room) return true;
  int64_t room = w->room > 0 ? 2 * w->room : 256;
  bf_stored_row *rows = bf_grow(w->rows, (size_t)w->room, (size_t)room, sizeof *rows);
  if (rows == NULL) return false;
  w->rows = rows;
  w->room = room;
  return true;
}

static void free_row(bf_stored_row *kept) {
  bf_free((void *)kept->row.file);
  bf_free((void *)kept->row.message);
  bf_free((void *)kept->row.unlike);
  bf_free((void *)kept->row.boxes);
}

static bool keep_row(bf_stored_row *kept, const bf_score_row *row) {
  /* The boxes are its own even where there are none. */
  bf_found_box *boxes = bf_alloc((size_t)row->box_count, sizeof *boxes);
  *kept = (bf_stored_row){.row = *row, .mask_start = -1};
  kept->row.file = bf_strdup(row->file != NULL ? row->file : "");
  kept->row.message = bf_strdup(row->message != NULL ? row->message : "");
  kept->row.unlike = bf_strdup(row->unlike != NULL ? row->unlike : "");
  kept->row.boxes = boxes;
  if (boxes != NULL && row->box_count > 0) memcpy(boxes, row->boxes, (size_t)row->box_count * sizeof *boxes);
  return kept->row.file != NULL && kept->row.message != NULL && kept->row.unlike != NULL && boxes != NULL;
}

/* To the end of /masks, which is made with the first. */
static bf_status put_mask(bf_scores_writer *w, bf_stored_row *kept, const bf_score_row *row, bf_error *err) {
  int64_t bytes = row->mask != NULL ? bf_strip_mask_bytes(row->rows, row->columns) : -1;
  if (bytes < 0) return BF_OK; /* no image beyond those limits is scored */
  bool good =
      w->masks.dataset >= 0 || bf_strip_create(&w->masks, w->out.file, "masks", H5T_STD_U8LE,
                                               "found lesions of the original images, a bit a pixel, mask after mask");
  kept->mask_start = w->masks.count;
  good = good && bf_strip_append(&w->masks, H5T_NATIVE_UINT8, row->mask, bytes) && w->out.failed == 0;
  return good ? BF_OK : bf_h5_fail_out(&w->out, "write masks", err);
}

bf_status bf_scores_writer_put(bf_scores_writer *w, const bf_score_row *row, bf_error *err) {
  int64_t at = w->count;
  if (row->box_count < 0 || (row->box_count > 0 && row->boxes == NULL) || row->status > BF_ROW_UNLIKE_TRAINING)
    return bf_fail(err, BF_E_INTERNAL, "%s: row %lld of the scores is not well formed", w->path, (long long)at);
  bool good = make_room(w);
  if (good) good = keep_row(&w->rows[w->count++], row);
  if (!good) return bf_fail(err, BF_E_MEMORY, "%s: no memory for row %lld", w->path, (long long)at);
  bf_status status = put_mask(w, &w->rows[at], row, err);
  return status == BF_OK ? bf_heat_out_put(&w->heat, &w->out, at, row, err) : status;
}

/* ---- all else, when the rows are there ---- */

static bool put_pooling(hid_t file, const char *column, const char *pooling) {
  hid_t dataset = H5Dopen2(file, column, H5P_DEFAULT);
  bool good = dataset >= 0 && bf_h5_put_text(dataset, "pooling", pooling);
  if (dataset >= 0) H5Dclose(dataset);
  return good;
}

typedef struct tables {
  bf_stored_box *boxes;
  bf_stored_pool *series, *studies;
  int64_t box_count, series_count, study_count;
} tables;

static bf_status write_tables(bf_scores_writer *w, const tables *t, bf_error *err) {
  int row_columns = w->masks.count > 0 ? BF_ROW_COLUMNS : BF_ROW_COLUMNS - BF_ROW_MASK;
  bf_h5_out *out = &w->out;
  bf_status status =
      bf_h5_write_table(out, "images", bf_row_columns, row_columns, w->rows, sizeof *w->rows, w->count, err);
  if (status == BF_OK)
    status =
        bf_h5_write_table(out, "boxes", bf_box_columns, BF_BOX_COLUMNS, t->boxes, sizeof *t->boxes, t->box_count, err);
  if (status == BF_OK)
    status = bf_h5_write_table(out, "series", bf_series_columns, BF_SERIES_COLUMNS, t->series, sizeof *t->series,
                               t->series_count, err);
  if (status == BF_OK)
    status = bf_h5_write_table(out, "studies", bf_study_columns, BF_STUDY_COLUMNS, t->studies, sizeof *t->studies,
                               t->study_count, err);
  if (status == BF_OK) status = bf_heat_out_finish(&w->heat, out, err);
  if (status == BF_OK && !(put_pooling(out->file, "series/malignant_probability", w->pooling) &&
                           put_pooling(out->file, "studies/malignant_probability", w->pooling)))
    status = bf_h5_fail_out(out, "write", err);
  return status;
}

static bf_status finish(bf_scores_writer *w, bf_error *err) {
  tables t = {0};
  bf_status status = BF_OK;
  if ((t.boxes = gather_boxes(w->rows, w->count, &t.box_count)) == NULL ||
      (t.series = pool_rows(w->rows, w->count, series_of, &t.series_count)) == NULL ||
      (t.studies = pool_rows(w->rows, w->count, study_of, &t.study_count)) == NULL)
    status = bf_fail(err, BF_E_MEMORY, "%s: no memory for %lld rows", w->path, (long long)w->count);
  if (status == BF_OK) status = write_tables(w, &t, err);
  bf_free(t.boxes);
  bf_free(t.series);
  bf_free(t.studies);
  bf_strip_close(&w->masks);
  bf_heat_out_close(&w->heat);
  return status == BF_OK ? bf_h5_publish(&w->out, err) : status;
}

bf_status bf_scores_writer_finish(bf_scores_writer *w, bf_error *err) {
  bf_status status = finish(w, err);
  bf_scores_writer_abandon(w);
  return status;
}

void bf_scores_writer_abandon(bf_scores_writer *w) {
  if (w == NULL) return;
  bf_strip_close(&w->masks);
  bf_heat_out_close(&w->heat);
  bf_h5_discard(&w->out);
  for (int64_t i = 0; i < w->count; i++) free_row(&w->rows[i]);
  bf_free(w->rows);
  bf_free(w->pooling);
  bf_free(w);
}

/* ---- whole results ---- */

static bf_status end(bf_scores_writer *w, bf_status status, bf_error *err) {
  if (status == BF_OK) return bf_scores_writer_finish(w, err);
  bf_scores_writer_abandon(w);
  return status;
}

bf_status bf_scores_publish(const char *path, const bf_score_row *rows, int64_t count, const bf_scores_notes *notes,
                            bf_error *err) {
  bf_scores_writer *w;
  bf_status status = bf_scores_writer_open(&w, path, notes, err);
  for (int64_t i = 0; i < count && status == BF_OK; i++) status = bf_scores_writer_put(w, &rows[i], err);
  return end(w, status, err);
}

/* What of a row of a file stays in the file until it is asked for. */
typedef struct fetched {
  uint8_t *mask;
  float *heat[BF_HEATS];
} fetched;

static bf_status fetch(fetched *f, bf_score_row *row, bf_scores *scores, int64_t i, bf_error *err) {
  bf_status status = BF_OK;
  if (row->has_mask) {
    f->mask = bf_alloc_raw((size_t)bf_strip_mask_bytes(row->rows, row->columns), 1);
    status = f->mask != NULL ? bf_scores_mask(scores, i, f->mask, err)
                             : bf_fail(err, BF_E_MEMORY, "no memory for the mask of row %lld", (long long)i);
  }
  for (int k = 0; k < BF_HEATS && row->has_heat && status == BF_OK; k++) {
    const bf_heat_grid *grid = &scores->grids[k];
    if (grid->rows == 0) continue;
    f->heat[k] = bf_alloc_raw((size_t)grid->rows * (size_t)grid->columns, sizeof(float));
    status = f->heat[k] != NULL ? bf_scores_heat(scores, i, (bf_heat_kind)k, f->heat[k], err)
                                : bf_fail(err, BF_E_MEMORY, "no memory for the heat map of row %lld", (long long)i);
    row->heat[k] = f->heat[k];
  }
  row->mask = f->mask;
  return status;
}

static void fetched_clear(fetched *f) {
  bf_free(f->mask);
  for (int k = 0; k < BF_HEATS; k++) bf_free(f->heat[k]);
}

static bf_status put_part(bf_scores_writer *w, bf_scores *part, bf_error *err) {
  bf_status status = BF_OK;
  for (int64_t i = 0; i < part->count && status == BF_OK; i++) {
    bf_score_row row = part->rows[i];
    fetched f = {0};
    status = fetch(&f, &row, part, i, err);
    if (status == BF_OK) status = bf_scores_writer_put(w, &row, err);
    fetched_clear(&f);
  }
  return status;
}

/* The grids of all parts that have heat maps; false where two differ. */
static bool common_grids(bf_heat_grid grids[BF_HEATS], const bf_scores *parts, int count) {
  memset(grids, 0, BF_HEATS * sizeof *grids);
  for (int i = 0; i < count; i++)
    for (int k = 0; k < BF_HEATS; k++) {
      const bf_heat_grid *one = &parts[i].grids[k];
      if (one->rows == 0) continue;
      if (grids[k].rows != 0 &&
          (grids[k].rows != one->rows || grids[k].columns != one->columns || grids[k].cell != one->cell))
        return false;
      grids[k] = *one;
    }
  return true;
}

bf_status bf_scores_publish_joined(const char *path, bf_scores *parts, int count, const bf_scores_notes *notes,
                                   bf_error *err) {
  bf_heat_grid grids[BF_HEATS];
  bf_scores_notes with = *notes;
  bf_scores_writer *w;
  if (!common_grids(grids, parts, count))
    return bf_fail(err, BF_E_ARGUMENT, "%s: the heat maps of its parts are of different sizes", path);
  with.grids = grids;
  bf_status status = bf_scores_writer_open(&w, path, &with, err);
  for (int i = 0; i < count && status == BF_OK; i++) status = put_part(w, &parts[i], err);
  return end(w, status, err);
}

typedef struct journal_job {
  bf_scores_writer *writer;
  bf_scores_totals totals;
} journal_job;

static bf_status put_journal_row(void *argument, const bf_score_row *row, bf_error *err) {
  journal_job *job = argument;
  job->totals.rows++;
  job->totals.failed += row->status != BF_ROW_OK && row->status != BF_ROW_LEFT_OUT;
  job->totals.unlike += row->unlike[0] != '\0';
  return bf_scores_writer_put(job->writer, row, err);
}

bf_status bf_scores_publish_journal(bf_scores_totals *totals, const char *path, bf_journal *j,
                                    const bf_scores_notes *notes, bf_error *err) {
  journal_job job = {0};
  bf_status status = bf_scores_writer_open(&job.writer, path, notes, err);
  if (status == BF_OK) status = bf_journal_each(j, put_journal_row, &job, err);
  status = end(job.writer, status, err);
  if (status == BF_OK && totals != NULL) *totals = job.totals;
  return status;
}
