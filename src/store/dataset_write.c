/* DATA.h5 on its way out: pixels go to the file as they come, rows wait in memory for bf_dataset_finish. */
#include <math.h>
#include <string.h>

#include "base/memory.h"
#include "store/dataset_columns.h"

typedef struct note {
  char *name, *text;
} note;

struct bf_dataset_writer {
  bf_h5_out out;
  bf_strip pixels, masks;
  bf_stored_record *rows;
  int64_t row_count, row_room;
  bf_lesion *lesions;
  int64_t lesion_count, lesion_room;
  bf_left_out *left_out;
  int64_t left_out_count, left_out_room;
  note *notes;
  int64_t note_count, note_room;
};

/* Room for one more item of an array that doubles. */
static bool make_room(void **items, int64_t count, int64_t more, int64_t *room, size_t size) {
  if (count + more <= *room) return true;
  int64_t wanted = *room < 16 ? 16 : *room * 2;
  if (wanted < count + more) wanted = count + more;
  void *grown = bf_grow(*items, (size_t)count, (size_t)wanted, size);
  if (grown == NULL) return false;
  *items = grown;
  *room = wanted;
  return true;
}

static bf_status no_memory(const bf_dataset_writer *w, bf_error *err) {
  return bf_fail(err, BF_E_MEMORY, "%s: no memory for the rows of the dataset", w->out.publish.final_path);
}

static bool create_strips(bf_dataset_writer *w) {
  return bf_strip_create(&w->pixels, w->out.file, "pixels", H5T_STD_U16LE,
                         "prepared luminance, 0 black to 65535 white, picture after picture") &&
         bf_strip_create(&w->masks, w->out.file, "masks", H5T_STD_U8LE,
                         "lesions of the original images, a bit a pixel, mask after mask");
}

static void close_strips(bf_dataset_writer *w) {
  bf_strip_close(&w->pixels);
  bf_strip_close(&w->masks);
}

bf_status bf_dataset_writer_create(bf_dataset_writer **out, const char *path, bf_error *err) {
  *out = NULL;
  bf_dataset_writer *w = bf_alloc(1, sizeof *w);
  if (w == NULL) return bf_fail(err, BF_E_MEMORY, "%s: no memory", path);
  w->pixels = w->masks = BF_STRIP_CLOSED;
  bf_status status = bf_h5_create(&w->out, path, err);
  if (status == BF_OK && !create_strips(w)) status = bf_h5_fail_out(&w->out, "write", err);
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

bf_status bf_dataset_append(bf_dataset_writer *w, const bf_record *record, const uint16_t *pixels,
                            const bf_lesion *lesions, int lesion_count, const uint8_t *mask, bf_error *err) {
  bf_status status = check_sizes(record, lesion_count, mask, err);
  if (status != BF_OK) return status;
  if (!make_room((void **)&w->rows, w->row_count, 1, &w->row_room, sizeof *w->rows) ||
      !make_room((void **)&w->lesions, w->lesion_count, lesion_count, &w->lesion_room, sizeof *w->lesions))
    return no_memory(w, err);
  bf_stored_record row = {
      .record = *record, .pixels_start = w->pixels.count, .mask_start = mask != NULL ? w->masks.count : -1};
  row.record.mask_known = mask != NULL;
  row.record.lesions_start = w->lesion_count;
  row.record.lesions_count = lesion_count;
  row.record.file = bf_strdup(record->file != NULL ? record->file : "");
  if (row.record.file == NULL) return no_memory(w, err);
  int64_t count = (int64_t)record->prepared_rows * record->prepared_columns;
  int64_t mask_bytes = bf_strip_mask_bytes(record->rows, record->columns);
  bool good = bf_strip_append(&w->pixels, H5T_NATIVE_UINT16, pixels, count) &&
              (mask == NULL || bf_strip_append(&w->masks, H5T_NATIVE_UINT8, mask, mask_bytes));
  if (!good || w->out.failed != 0) {
    bf_free(row.record.file);
    return bf_h5_fail_out(&w->out, "write pixels", err);
  }
  for (int i = 0; i < lesion_count; i++) {
    w->lesions[w->lesion_count] = lesions[i];
    w->lesions[w->lesion_count++].image = w->row_count;
  }
  w->rows[w->row_count++] = row;
  return BF_OK;
}

bf_status bf_dataset_leave_out(bf_dataset_writer *w, const char *file, const char *reason, const char *message,
                               bf_error *err) {
  if (!make_room((void **)&w->left_out, w->left_out_count, 1, &w->left_out_room, sizeof *w->left_out))
    return no_memory(w, err);
  bf_left_out *row = &w->left_out[w->left_out_count++];
  *row = (bf_left_out){bf_strdup(file), bf_strdup(reason), bf_strdup(message)};
  return row->file && row->reason && row->message ? BF_OK : no_memory(w, err);
}

bf_status bf_dataset_note(bf_dataset_writer *w, const char *name, const char *text, bf_error *err) {
  if (!make_room((void **)&w->notes, w->note_count, 1, &w->note_room, sizeof *w->notes)) return no_memory(w, err);
  note *row = &w->notes[w->note_count++];
  *row = (note){bf_strdup(name), bf_strdup(text)};
  return row->name && row->text ? BF_OK : no_memory(w, err);
}

bf_status bf_dataset_finish(bf_dataset_writer *w, bf_error *err) {
  bf_status status = BF_OK;
  if (!bf_h5_put_text(w->out.file, "Conventions", BF_DATASET_CONVENTION))
    status = bf_h5_fail_out(&w->out, "write", err);
  for (int64_t i = 0; i < w->note_count && status == BF_OK; i++)
    if (!bf_h5_put_text(w->out.file, w->notes[i].name, w->notes[i].text))
      status = bf_h5_fail_out(&w->out, "write a note", err);
  if (status == BF_OK)
    status = bf_h5_write_table(&w->out, "images", bf_record_columns, BF_RECORD_COLUMNS, w->rows, sizeof *w->rows,
                               w->row_count, err);
  if (status == BF_OK)
    status = bf_h5_write_table(&w->out, "lesions", bf_lesion_columns, BF_LESION_COLUMNS, w->lesions, sizeof *w->lesions,
                               w->lesion_count, err);
  if (status == BF_OK)
    status = bf_h5_write_table(&w->out, "left_out", bf_left_out_columns, BF_LEFT_OUT_COLUMNS, w->left_out,
                               sizeof *w->left_out, w->left_out_count, err);
  close_strips(w);
  if (status == BF_OK) return bf_h5_publish(&w->out, err);
  bf_h5_discard(&w->out);
  return status;
}

void bf_dataset_writer_destroy(bf_dataset_writer *w) {
  if (w == NULL) return;
  close_strips(w);
  bf_h5_discard(&w->out);
  bf_h5_free_texts(w->rows, sizeof *w->rows, w->row_count, bf_record_columns, BF_RECORD_COLUMNS);
  bf_h5_free_texts(w->left_out, sizeof *w->left_out, w->left_out_count, bf_left_out_columns, BF_LEFT_OUT_COLUMNS);
  for (int64_t i = 0; i < w->note_count; i++) {
    bf_free(w->notes[i].name);
    bf_free(w->notes[i].text);
  }
  bf_free(w->rows);
  bf_free(w->lesions);
  bf_free(w->left_out);
  bf_free(w->notes);
  bf_free(w);
}
