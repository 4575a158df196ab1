/* DATA.h5 on its way out: pixels and rows go to the file as they come. */
#include "base/memory.h"
#include "store/dataset_columns.h"

/* What stays in memory of a row. */
typedef struct kept {
  int64_t pixels_start, group;
  int32_t rows, columns, fold;
  uint8_t split;
} kept;

struct bf_dataset_writer {
  bf_h5_out out;
  bf_strip pixels, masks;
  bf_h5_growing rows, lesions, left_out, duplicates;
  kept *kept;
  int64_t kept_room;
};

static bool create_strips(bf_dataset_writer *w) {
  return bf_strip_create(&w->pixels, w->out.file, "pixels", H5T_STD_U16LE,
                         "prepared luminance, 0 black to 65535 white, picture after picture") &&
         bf_strip_create(&w->masks, w->out.file, "masks", H5T_STD_U8LE,
                         "lesions of the original images, a bit a pixel, mask after mask");
}

static bf_status begin_tables(bf_dataset_writer *w, bf_error *err) {
  bf_status status = bf_h5_growing_begin(&w->rows, &w->out, "images", bf_record_columns, BF_RECORD_COLUMNS,
                                         sizeof(bf_stored_record), err);
  if (status == BF_OK)
    status = bf_h5_growing_begin(&w->lesions, &w->out, "lesions", bf_lesion_columns, BF_LESION_COLUMNS,
                                 sizeof(bf_lesion), err);
  if (status == BF_OK)
    status = bf_h5_growing_begin(&w->left_out, &w->out, "left_out", bf_left_out_columns, BF_LEFT_OUT_COLUMNS,
                                 sizeof(bf_left_out), err);
  if (status == BF_OK)
    status = bf_h5_growing_begin(&w->duplicates, &w->out, "duplicates", bf_duplicate_columns, BF_DUPLICATE_COLUMNS,
                                 sizeof(bf_duplicate), err);
  return status;
}

static void close_all(bf_dataset_writer *w) {
  bf_strip_close(&w->pixels);
  bf_strip_close(&w->masks);
  bf_h5_growing_close(&w->rows);
  bf_h5_growing_close(&w->lesions);
  bf_h5_growing_close(&w->left_out);
  bf_h5_growing_close(&w->duplicates);
}

bf_status bf_dataset_writer_create(bf_dataset_writer **out, const char *path, bf_error *err) {
  *out = NULL;
  bf_dataset_writer *w = bf_alloc(1, sizeof *w);
  if (w == NULL) return bf_fail(err, BF_E_MEMORY, "%s: no memory", path);
  w->pixels = w->masks = BF_STRIP_CLOSED;
  bf_status status = bf_h5_create(&w->out, path, err);
  if (status == BF_OK && !(bf_h5_put_text(w->out.file, "Conventions", BF_DATASET_CONVENTION) && create_strips(w)))
    status = bf_h5_fail_out(&w->out, "write", err);
  if (status == BF_OK) status = begin_tables(w, err);
  if (status != BF_OK) {
    bf_dataset_writer_destroy(w);
    return status;
  }
  *out = w;
  return BF_OK;
}

static bf_status check_sizes(const bf_record *r, int lesion_count, const uint8_t *mask, bf_error *err) {
  if (r->prepared_rows < 1 || r->prepared_columns < 1 || r->prepared_rows > BF_DATASET_MAX_SIDE ||
      r->prepared_columns > BF_DATASET_MAX_SIDE ||
      (int64_t)r->prepared_rows * r->prepared_columns > BF_DATASET_MAX_PIXELS)
    return bf_fail(err, BF_E_LIMIT, "%s: a prepared picture of %d x %d is outside of 1 x 1 to %lld pixels", r->file,
                   r->prepared_columns, r->prepared_rows, (long long)BF_DATASET_MAX_PIXELS);
  if (lesion_count < 0) return bf_fail(err, BF_E_ARGUMENT, "%s: %d lesions", r->file, lesion_count);
  if (mask != NULL && bf_strip_mask_bytes(r->rows, r->columns) < 0)
    return bf_fail(err, BF_E_LIMIT, "%s: a mask of %d x %d is outside of 1 x 1 to %lld pixels", r->file, r->columns,
                   r->rows, (long long)BF_STRIP_MASK_PIXELS);
  return BF_OK;
}

static bf_status keep(bf_dataset_writer *w, const bf_stored_record *row, bf_error *err) {
  int64_t at = w->rows.count;
  if (at == w->kept_room) {
    int64_t room = at < 64 ? 64 : 2 * at;
    kept *grown = bf_grow(w->kept, (size_t)at, (size_t)room, sizeof *grown);
    if (grown == NULL)
      return bf_fail(err, BF_E_MEMORY, "%s: no memory for the rows of the dataset", w->out.publish.final_path);
    w->kept = grown;
    w->kept_room = room;
  }
  w->kept[at] = (kept){.pixels_start = row->pixels_start,
                       .group = -1,
                       .rows = row->record.prepared_rows,
                       .columns = row->record.prepared_columns,
                       .fold = -1,
                       .split = row->record.split};
  return BF_OK;
}

bf_status bf_dataset_append(bf_dataset_writer *w, const bf_record *record, const uint16_t *pixels,
                            const bf_lesion *lesions, int lesion_count, const uint8_t *mask, bf_error *err) {
  bf_status status = check_sizes(record, lesion_count, mask, err);
  if (status != BF_OK) return status;
  bf_stored_record row = {
      .record = *record, .pixels_start = w->pixels.count, .mask_start = mask != NULL ? w->masks.count : -1};
  row.record.mask_known = mask != NULL;
  row.record.lesions_start = w->lesions.count;
  row.record.lesions_count = lesion_count;
  int64_t count = (int64_t)record->prepared_rows * record->prepared_columns;
  int64_t mask_bytes = bf_strip_mask_bytes(record->rows, record->columns);
  bool good = bf_strip_append(&w->pixels, H5T_NATIVE_UINT16, pixels, count) &&
              (mask == NULL || bf_strip_append(&w->masks, H5T_NATIVE_UINT8, mask, mask_bytes));
  if (!good || w->out.failed != 0) return bf_h5_fail_out(&w->out, "write pixels", err);
  for (int i = 0; i < lesion_count && status == BF_OK; i++) {
    bf_lesion lesion = lesions[i];
    lesion.image = w->rows.count;
    status = bf_h5_growing_append(&w->lesions, &w->out, &lesion, err);
  }
  if (status == BF_OK) status = keep(w, &row, err);
  return status == BF_OK ? bf_h5_growing_append(&w->rows, &w->out, &row, err) : status;
}

void bf_dataset_set_part(bf_dataset_writer *w, int64_t row, bf_split split, int32_t fold, int64_t group) {
  w->kept[row].split = (uint8_t)split;
  w->kept[row].fold = fold;
  w->kept[row].group = group;
}

bf_status bf_dataset_add_duplicate(bf_dataset_writer *w, const bf_duplicate *duplicate, bf_error *err) {
  return bf_h5_growing_append(&w->duplicates, &w->out, duplicate, err);
}

bf_status bf_dataset_appended_pixels(bf_dataset_writer *w, int64_t row, uint16_t *dst, int32_t *rows, int32_t *columns,
                                     bf_error *err) {
  const kept *k = &w->kept[row];
  *rows = k->rows;
  *columns = k->columns;
  return bf_strip_read(&w->pixels, H5T_NATIVE_UINT16, dst, k->pixels_start, (int64_t)k->rows * k->columns)
             ? BF_OK
             : bf_h5_fail_out(&w->out, "read what was written", err);
}

bf_status bf_dataset_leave_out(bf_dataset_writer *w, const char *file, const char *reason, const char *message,
                               bf_error *err) {
  const bf_left_out row = {(char *)file, (char *)reason, (char *)message};
  return bf_h5_growing_append(&w->left_out, &w->out, &row, err);
}

bf_status bf_dataset_note(bf_dataset_writer *w, const char *name, const char *text, bf_error *err) {
  return bf_h5_put_text(w->out.file, name, text) && w->out.failed == 0 ? BF_OK
                                                                       : bf_h5_fail_out(&w->out, "write a note", err);
}

/* Columns are written one behind another, so a block of rows serves for all of them. */
static bf_status write_parts(bf_dataset_writer *w, bf_error *err) {
  bf_h5_growing parts = {0};
  bf_stored_record row = {0};
  bf_status status = bf_h5_growing_begin(&parts, &w->out, "images", bf_part_columns, BF_PART_COLUMNS, sizeof row, err);
  for (int64_t i = 0; i < w->rows.count && status == BF_OK; i++) {
    row.record.split = w->kept[i].split;
    row.record.fold = w->kept[i].fold;
    row.record.group = w->kept[i].group;
    status = bf_h5_growing_append(&parts, &w->out, &row, err);
  }
  if (status == BF_OK) status = bf_h5_growing_flush(&parts, &w->out, err);
  bf_h5_growing_close(&parts);
  return status;
}

bf_status bf_dataset_finish(bf_dataset_writer *w, bf_error *err) {
  bf_status status = bf_h5_growing_flush(&w->rows, &w->out, err);
  if (status == BF_OK) status = write_parts(w, err);
  if (status == BF_OK) status = bf_h5_growing_flush(&w->duplicates, &w->out, err);
  if (status == BF_OK) status = bf_h5_growing_flush(&w->lesions, &w->out, err);
  if (status == BF_OK) status = bf_h5_growing_flush(&w->left_out, &w->out, err);
  close_all(w);
  if (status == BF_OK) return bf_h5_publish(&w->out, err);
  bf_h5_discard(&w->out);
  return status;
}

void bf_dataset_writer_destroy(bf_dataset_writer *w) {
  if (w == NULL) return;
  close_all(w);
  bf_h5_discard(&w->out);
  bf_free(w->kept);
  bf_free(w);
}
