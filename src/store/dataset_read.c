/* DATA.h5 as training reads it: rows in memory at once, pixels a picture at a time. Nothing in the file is believed. */
#include <math.h>
#include <string.h>

#include "base/memory.h"
#include "store/dataset_columns.h"

typedef struct note {
  char *name, *text;
} note;

struct bf_dataset {
  hid_t file;
  bf_strip pixels, masks; /* masks closed: no image has one */
  char path[BF_PATH_MAX];
  bf_stored_record *rows;
  int64_t count;
  bf_lesion *lesions;
  bf_duplicate *duplicates;
  int64_t lesion_count, left_out_count, duplicate_count;
  note *notes;
  int note_count;
};

/* Rows of older files hold no mask. */
static bool mask_good(const bf_stored_record *row, int64_t masks) {
  const bf_record *r = &row->record;
  return !r->mask_known || bf_strip_holds_mask(masks, row->mask_start, r->rows, r->columns);
}

static const char *record_fault(const bf_stored_record *row, int64_t pixels, int64_t lesions, int64_t masks) {
  const bf_record *r = &row->record;
  if (r->prepared_rows < 1 || r->prepared_columns < 1 || r->prepared_rows > BF_DATASET_MAX_SIDE ||
      r->prepared_columns > BF_DATASET_MAX_SIDE)
    return "the size of the prepared picture";
  int64_t size = (int64_t)r->prepared_rows * r->prepared_columns;
  if (size > BF_DATASET_MAX_PIXELS) return "the size of the prepared picture";
  if (row->pixels_start < 0 || row->pixels_start > pixels || size > pixels - row->pixels_start) return "pixels_start";
  if (r->lesions_start < 0 || r->lesions_count < 0 || r->lesions_start > lesions ||
      r->lesions_count > lesions - r->lesions_start)
    return "lesions_start and lesions_count";
  if (r->rows < 1 || r->columns < 1) return "rows and columns";
  if (r->frame < 0) return "frame";
  if (r->volume < -1) return "volume";
  if (r->malignant < -1 || r->malignant > 1) return "malignant";
  if (r->lesions_known < 0 || r->lesions_known > 1) return "lesions_known";
  if (r->mask_known < 0 || r->mask_known > 1) return "mask_known";
  if (!mask_good(row, masks)) return "mask_start";
  if (r->split > BF_SPLIT_EXCLUDED) return "split";
  for (int i = 0; i < 6; i++)
    if (!isfinite(r->to_prepared[i])) return "to_prepared";
  if (!(fabs(r->to_prepared[0] * r->to_prepared[4] - r->to_prepared[1] * r->to_prepared[3]) > 1e-12))
    return "to_prepared";
  if (!(isfinite(r->spacing_row) && isfinite(r->spacing_column))) return "spacing_row and spacing_column";
  if (r->fold < -1) return "fold";
  if (r->group < -1) return "group";
  return bf_h5_unclean(row, bf_record_columns, BF_RECORD_COLUMNS);
}

static bool lesion_good(const bf_lesion *l) {
  return isfinite(l->xmin) && isfinite(l->ymin) && isfinite(l->xmax) && isfinite(l->ymax) && l->xmax > l->xmin &&
         l->ymax > l->ymin && l->malignant >= -1 && l->malignant <= 1;
}

static bf_status check(const bf_dataset *d, bf_error *err) {
  for (int64_t i = 0; i < d->count; i++) {
    const char *fault = record_fault(&d->rows[i], d->pixels.count, d->lesion_count, d->masks.count);
    if (fault != NULL)
      return bf_fail(err, BF_E_FORMAT, "%s: row %lld of /images: %s cannot be; the file is damaged", d->path,
                     (long long)i, fault);
    const bf_record *r = &d->rows[i].record;
    for (int64_t k = r->lesions_start; k < r->lesions_start + r->lesions_count; k++)
      if (!lesion_good(&d->lesions[k]) || d->lesions[k].image != i)
        return bf_fail(err, BF_E_FORMAT, "%s: row %lld of /lesions cannot be; the file is damaged", d->path,
                       (long long)k);
  }
  return BF_OK;
}

static bf_status open_masks(bf_dataset *d, bf_error *err) {
  bool any = false;
  for (int64_t i = 0; i < d->count; i++) any = any || d->rows[i].record.mask_known;
  return any ? bf_strip_open(&d->masks, d->file, d->path, "masks", 1, err) : BF_OK;
}

enum { most_notes = 100000 };

static herr_t read_note(hid_t object, const char *name, const H5A_info_t *about, void *data) {
  bf_dataset *d = data;
  (void)about;
  char *text = bf_h5_get_text(object, name);
  if (text == NULL) return 0; /* a number, or another program's */
  note *grown = d->note_count >= most_notes
                    ? NULL
                    : bf_grow(d->notes, (size_t)d->note_count, (size_t)d->note_count + 1, sizeof *grown);
  if (grown == NULL) {
    bf_free(text);
    return -1;
  }
  d->notes = grown;
  d->notes[d->note_count++] = (note){bf_strdup(name), text};
  return d->notes[d->note_count - 1].name != NULL ? 0 : -1;
}

static bf_status read_tables(bf_dataset *d, bf_error *err) {
  bf_status status = bf_h5_table_count(&d->count, d->file, d->path, "images", bf_record_columns, err);
  if (status == BF_OK)
    status = bf_h5_table_count(&d->lesion_count, d->file, d->path, "lesions", bf_lesion_columns, err);
  if (status == BF_OK)
    status = bf_h5_table_count(&d->left_out_count, d->file, d->path, "left_out", bf_left_out_columns, err);
  if (status != BF_OK) return status;
  d->rows = bf_alloc((size_t)d->count, sizeof *d->rows);
  d->lesions = bf_alloc((size_t)d->lesion_count, sizeof *d->lesions);
  if (d->rows == NULL || d->lesions == NULL) {
    status = bf_fail(err, BF_E_MEMORY, "%s: no memory for %lld images and %lld lesions", d->path, (long long)d->count,
                     (long long)d->lesion_count);
    d->count = d->rows == NULL ? 0 : d->count;
    return status;
  }
  const int first = BF_RECORD_COLUMNS - BF_RECORD_LATER;
  status =
      bf_h5_read_table(d->rows, sizeof *d->rows, d->count, d->file, d->path, "images", bf_record_columns, first, err);
  for (int64_t i = 0; i < d->count; i++)
    d->rows[i].mask_start = d->rows[i].record.volume = d->rows[i].record.group = d->rows[i].record.fold = -1;
  if (status == BF_OK)
    status = bf_h5_read_table(d->rows, sizeof *d->rows, d->count, d->file, d->path, "images", bf_part_columns, 1, err);
  if (status == BF_OK)
    status = bf_h5_read_later_columns(d->rows, sizeof *d->rows, d->count, d->file, d->path, "images",
                                      bf_part_columns + 1, BF_PART_COLUMNS - 1, err);
  if (status == BF_OK)
    status = bf_h5_read_later_columns(d->rows, sizeof *d->rows, d->count, d->file, d->path, "images",
                                      bf_record_columns + first, BF_RECORD_LATER, err);
  if (status == BF_OK)
    status = bf_h5_read_table(d->lesions, sizeof *d->lesions, d->lesion_count, d->file, d->path, "lesions",
                              bf_lesion_columns, BF_LESION_COLUMNS, err);
  return status;
}

static bf_status read_duplicates(bf_dataset *d, bf_error *err) {
  if (!bf_h5_has(d->file, "duplicates")) return BF_OK;
  bf_status status = bf_h5_table_count(&d->duplicate_count, d->file, d->path, "duplicates", bf_duplicate_columns, err);
  if (status != BF_OK) return status;
  d->duplicates = bf_alloc((size_t)d->duplicate_count, sizeof *d->duplicates);
  if (d->duplicates == NULL) {
    d->duplicate_count = 0;
    return bf_fail(err, BF_E_MEMORY, "%s: no memory for its list of duplicates", d->path);
  }
  status = bf_h5_read_table(d->duplicates, sizeof *d->duplicates, d->duplicate_count, d->file, d->path, "duplicates",
                            bf_duplicate_columns, BF_DUPLICATE_COLUMNS, err);
  for (int64_t i = 0; i < d->duplicate_count && status == BF_OK; i++) {
    const bf_duplicate *p = &d->duplicates[i];
    if (p->first < 0 || p->second <= p->first || p->second >= d->count)
      status = bf_fail(err, BF_E_FORMAT, "%s: row %lld of /duplicates cannot be; the file is damaged", d->path,
                       (long long)i);
  }
  return status;
}

bf_status bf_dataset_open(bf_dataset **out, const char *path, bf_error *err) {
  *out = NULL;
  bf_dataset *d = bf_alloc(1, sizeof *d);
  if (d == NULL) return bf_fail(err, BF_E_MEMORY, "%s: no memory", path);
  d->file = -1;
  d->pixels = d->masks = BF_STRIP_CLOSED;
  size_t length = strlen(path);
  bf_status status =
      length < sizeof d->path ? BF_OK : bf_fail(err, BF_E_ARGUMENT, "the path of the dataset is too long");
  if (status == BF_OK) memcpy(d->path, path, length + 1);
  if (status == BF_OK) status = bf_h5_open(&d->file, path, BF_DATASET_CONVENTION, err);
  if (status == BF_OK) status = read_tables(d, err);
  if (status == BF_OK) status = bf_strip_open(&d->pixels, d->file, d->path, "pixels", 2, err);
  if (status == BF_OK) status = open_masks(d, err);
  if (status == BF_OK) status = check(d, err);
  if (status == BF_OK) status = read_duplicates(d, err);
  if (status == BF_OK && H5Aiterate2(d->file, H5_INDEX_NAME, H5_ITER_INC, NULL, read_note, d) < 0)
    status = bf_fail(err, BF_E_LIMIT, "%s: its attributes cannot be read, or are more than %d", path, most_notes);
  if (status != BF_OK) {
    bf_dataset_close(d);
    return status;
  }
  *out = d;
  return BF_OK;
}

void bf_dataset_close(bf_dataset *d) {
  if (d == NULL) return;
  bf_strip_close(&d->pixels);
  bf_strip_close(&d->masks);
  if (d->file >= 0) H5Fclose(d->file);
  bf_h5_free_texts(d->rows, sizeof *d->rows, d->count, bf_record_columns, BF_RECORD_COLUMNS);
  bf_free(d->rows);
  bf_free(d->lesions);
  bf_free(d->duplicates);
  for (int i = 0; i < d->note_count; i++) {
    bf_free(d->notes[i].name);
    bf_free(d->notes[i].text);
  }
  bf_free(d->notes);
  bf_free(d);
}

int64_t bf_dataset_count(const bf_dataset *d) { return d->count; }

const bf_record *bf_dataset_record(const bf_dataset *d, int64_t row) { return &d->rows[row].record; }

const bf_lesion *bf_dataset_lesions(const bf_dataset *d, int64_t row) {
  return d->lesions + d->rows[row].record.lesions_start;
}

bf_status bf_dataset_pixels(bf_dataset *d, int64_t row, uint16_t *dst, bf_error *err) {
  const bf_record *r = &d->rows[row].record;
  int64_t values = (int64_t)r->prepared_rows * r->prepared_columns;
  bool good = bf_strip_read(&d->pixels, H5T_NATIVE_UINT16, dst, d->rows[row].pixels_start, values);
  return good ? BF_OK : bf_h5_fail_in(d->path, "/pixels", err);
}

bf_status bf_dataset_mask(bf_dataset *d, int64_t row, uint8_t *dst, bf_error *err) {
  const bf_record *r = &d->rows[row].record;
  if (!r->mask_known) return bf_fail(err, BF_E_ARGUMENT, "%s: row %lld has no mask", d->path, (long long)row);
  bool good = bf_strip_read_mask(&d->masks, dst, d->rows[row].mask_start, r->rows, r->columns);
  return good ? BF_OK : bf_h5_fail_in(d->path, "/masks", err);
}

const char *bf_dataset_get_note(const bf_dataset *d, const char *name) {
  for (int i = 0; i < d->note_count; i++)
    if (d->notes[i].name != NULL && strcmp(d->notes[i].name, name) == 0) return d->notes[i].text;
  return NULL;
}

int64_t bf_dataset_left_out_count(const bf_dataset *d) { return d->left_out_count; }

int64_t bf_dataset_note_count(const bf_dataset *d) { return d->note_count; }

void bf_dataset_note_at(const bf_dataset *d, int64_t index, const char **name, const char **text) {
  *name = d->notes[index].name;
  *text = d->notes[index].text;
}

bf_status bf_dataset_left_out(bf_left_out **out, const bf_dataset *d, bf_error *err) {
  *out = bf_alloc((size_t)d->left_out_count, sizeof **out);
  if (*out == NULL) return bf_fail(err, BF_E_MEMORY, "%s: no memory for what was left out", d->path);
  bf_status status = bf_h5_read_table(*out, sizeof **out, d->left_out_count, d->file, d->path, "left_out",
                                      bf_left_out_columns, BF_LEFT_OUT_COLUMNS, err);
  if (status == BF_OK) return BF_OK;
  bf_dataset_left_out_free(*out, d->left_out_count);
  *out = NULL;
  return status;
}

void bf_dataset_left_out_free(bf_left_out *rows, int64_t count) {
  bf_h5_free_texts(rows, sizeof *rows, count, bf_left_out_columns, BF_LEFT_OUT_COLUMNS);
  bf_free(rows);
}

int64_t bf_dataset_duplicate_count(const bf_dataset *d) { return d->duplicate_count; }

const bf_duplicate *bf_dataset_duplicates(const bf_dataset *d) { return d->duplicates; }

bool bf_dataset_has_groups(const bf_dataset *d) {
  bool all = true;
  for (int64_t i = 0; i < d->count && all; i++) all = d->rows[i].record.group >= 0;
  return all;
}
