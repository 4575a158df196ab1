/* DATA.h5 as training reads it: rows in memory at once, pixels a picture at a time. Nothing in the file is believed. */
#include <math.h>
#include <string.h>

#include "base/memory.h"
#include "store/dataset_columns.h"

typedef struct note {
  char *name, *text;
} note;

struct bf_dataset {
  hid_t file, pixels, masks; /* masks < 0: no image has one */
  char path[BF_PATH_MAX];
  bf_stored_record *rows;
  int64_t count;
  bf_lesion *lesions;
  int64_t lesion_count, left_out_count;
  note *notes;
  int note_count;
};

static bool clean_text(const char *text) {
  for (; *text != '\0'; text++)
    if ((unsigned char)*text < 32 || (unsigned char)*text > 126) return false;
  return true;
}

/* Rows of older files hold no mask. */
static bool mask_good(const bf_stored_record *row, int64_t masks) {
  int64_t bytes = bf_dataset_mask_bytes(&row->record);
  if (!row->record.mask_known) return true;
  return bytes > 0 && row->mask_start >= 0 && row->mask_start <= masks && bytes <= masks - row->mask_start;
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
  if (r->malignant < -1 || r->malignant > 1) return "malignant";
  if (r->lesions_known < 0 || r->lesions_known > 1) return "lesions_known";
  if (r->mask_known < 0 || r->mask_known > 1) return "mask_known";
  if (!mask_good(row, masks)) return "mask_start";
  if (r->split > BF_SPLIT_TEST) return "split";
  for (int i = 0; i < 6; i++)
    if (!isfinite(r->to_prepared[i])) return "to_prepared";
  if (!(fabs(r->to_prepared[0] * r->to_prepared[4] - r->to_prepared[1] * r->to_prepared[3]) > 1e-12))
    return "to_prepared";
  if (!(isfinite(r->spacing_row) && isfinite(r->spacing_column))) return "spacing_row and spacing_column";
  if (!clean_text(r->sop_instance_uid) || !clean_text(r->study_instance_uid) || !clean_text(r->series_instance_uid) ||
      !clean_text(r->patient) || !clean_text(r->modality))
    return "an identifier";
  return NULL;
}

static bool lesion_good(const bf_lesion *l) {
  return isfinite(l->xmin) && isfinite(l->ymin) && isfinite(l->xmax) && isfinite(l->ymax) && l->xmax > l->xmin &&
         l->ymax > l->ymin && l->malignant >= -1 && l->malignant <= 1;
}

static bf_status check(const bf_dataset *d, int64_t pixels, int64_t masks, bf_error *err) {
  for (int64_t i = 0; i < d->count; i++) {
    const char *fault = record_fault(&d->rows[i], pixels, d->lesion_count, masks);
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

/* A row of whole numbers of `size` bytes; closed with the dataset, also after a failure. */
static bf_status open_strip(hid_t *out, int64_t *count, const bf_dataset *d, const char *name, size_t size,
                            bf_error *err) {
  bf_status status = bf_h5_open_dataset(out, d->file, d->path, name, err);
  if (status != BF_OK) return status;
  hid_t space = H5Dget_space(*out), type = H5Dget_type(*out);
  hsize_t length = 0;
  bool good = space >= 0 && type >= 0 && H5Sget_simple_extent_ndims(space) == 1 &&
              H5Sget_simple_extent_dims(space, &length, NULL) == 1 && H5Tget_class(type) == H5T_INTEGER &&
              H5Tget_size(type) == size && length <= (hsize_t)INT64_MAX / 4;
  if (type >= 0) H5Tclose(type);
  if (space >= 0) H5Sclose(space);
  if (!good) return bf_fail(err, BF_E_FORMAT, "%s: /%s is not one row of %zu-bit values", d->path, name, 8 * size);
  if (!bf_h5_believable(*out, (int64_t)length, size))
    return bf_fail(err, BF_E_FORMAT, "%s: /%s promises %lld values and does not hold them", d->path, name,
                   (long long)length);
  *count = (int64_t)length;
  return BF_OK;
}

static bf_status open_masks(bf_dataset *d, int64_t *count, bf_error *err) {
  bool any = false;
  for (int64_t i = 0; i < d->count; i++) any = any || d->rows[i].record.mask_known;
  *count = 0;
  return any ? open_strip(&d->masks, count, d, "masks", 1, err) : BF_OK;
}

static herr_t read_note(hid_t object, const char *name, const H5A_info_t *about, void *data) {
  bf_dataset *d = data;
  (void)about;
  char *text = bf_h5_get_text(object, name);
  if (text == NULL) return 0;
  note *grown =
      d->note_count >= 256 ? NULL : bf_grow(d->notes, (size_t)d->note_count, (size_t)d->note_count + 1, sizeof *grown);
  if (grown == NULL) {
    bf_free(text);
    return 0;
  }
  d->notes = grown;
  d->notes[d->note_count++] = (note){bf_strdup(name), text};
  return 0;
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
  for (int64_t i = 0; i < d->count; i++) d->rows[i].mask_start = -1;
  if (status == BF_OK)
    status = bf_h5_read_later_columns(d->rows, sizeof *d->rows, d->count, d->file, d->path, "images",
                                      bf_record_columns + first, BF_RECORD_LATER, err);
  if (status == BF_OK)
    status = bf_h5_read_table(d->lesions, sizeof *d->lesions, d->lesion_count, d->file, d->path, "lesions",
                              bf_lesion_columns, BF_LESION_COLUMNS, err);
  return status;
}

bf_status bf_dataset_open(bf_dataset **out, const char *path, bf_error *err) {
  *out = NULL;
  bf_dataset *d = bf_alloc(1, sizeof *d);
  if (d == NULL) return bf_fail(err, BF_E_MEMORY, "%s: no memory", path);
  d->file = d->pixels = d->masks = -1;
  size_t length = strlen(path);
  int64_t pixels = 0, masks = 0;
  bf_status status =
      length < sizeof d->path ? BF_OK : bf_fail(err, BF_E_ARGUMENT, "the path of the dataset is too long");
  if (status == BF_OK) memcpy(d->path, path, length + 1);
  if (status == BF_OK) status = bf_h5_open(&d->file, path, BF_DATASET_CONVENTION, err);
  if (status == BF_OK) status = read_tables(d, err);
  if (status == BF_OK) status = open_strip(&d->pixels, &pixels, d, "pixels", 2, err);
  if (status == BF_OK) status = open_masks(d, &masks, err);
  if (status == BF_OK) status = check(d, pixels, masks, err);
  if (status == BF_OK) H5Aiterate2(d->file, H5_INDEX_NAME, H5_ITER_INC, NULL, read_note, d);
  if (status != BF_OK) {
    bf_dataset_close(d);
    return status;
  }
  *out = d;
  return BF_OK;
}

void bf_dataset_close(bf_dataset *d) {
  if (d == NULL) return;
  if (d->pixels >= 0) H5Dclose(d->pixels);
  if (d->masks >= 0) H5Dclose(d->masks);
  if (d->file >= 0) H5Fclose(d->file);
  bf_h5_free_texts(d->rows, sizeof *d->rows, d->count, bf_record_columns, BF_RECORD_COLUMNS);
  bf_free(d->rows);
  bf_free(d->lesions);
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

/* type: of the values in dst. */
static bool read_values(void *dst, hid_t dataset, hid_t type, int64_t first, int64_t values) {
  hsize_t start = (hsize_t)first, count = (hsize_t)values;
  hid_t file_space = H5Dget_space(dataset), memory_space = H5Screate_simple(1, &count, NULL);
  bool good = file_space >= 0 && memory_space >= 0 &&
              H5Sselect_hyperslab(file_space, H5S_SELECT_SET, &start, NULL, &count, NULL) >= 0 &&
              H5Dread(dataset, type, memory_space, file_space, H5P_DEFAULT, dst) >= 0;
  if (file_space >= 0) H5Sclose(file_space);
  if (memory_space >= 0) H5Sclose(memory_space);
  return good;
}

bf_status bf_dataset_pixels(bf_dataset *d, int64_t row, uint16_t *dst, bf_error *err) {
  const bf_record *r = &d->rows[row].record;
  int64_t values = (int64_t)r->prepared_rows * r->prepared_columns;
  bool good = read_values(dst, d->pixels, H5T_NATIVE_UINT16, d->rows[row].pixels_start, values);
  return good ? BF_OK : bf_h5_fail_in(d->path, "/pixels", err);
}

bf_status bf_dataset_mask(bf_dataset *d, int64_t row, uint8_t *dst, bf_error *err) {
  const bf_record *r = &d->rows[row].record;
  if (!r->mask_known) return bf_fail(err, BF_E_ARGUMENT, "%s: row %lld has no mask", d->path, (long long)row);
  if (!read_values(dst, d->masks, H5T_NATIVE_UINT8, d->rows[row].mask_start, bf_dataset_mask_bytes(r)))
    return bf_h5_fail_in(d->path, "/masks", err);
  size_t stride = ((size_t)r->columns + 7) / 8;
  for (int32_t y = 0; y < r->rows && r->columns % 8 != 0; y++)
    dst[(size_t)(y + 1) * stride - 1] &= (uint8_t)(0xff << (8 - r->columns % 8));
  return BF_OK;
}

const char *bf_dataset_get_note(const bf_dataset *d, const char *name) {
  for (int i = 0; i < d->note_count; i++)
    if (d->notes[i].name != NULL && strcmp(d->notes[i].name, name) == 0) return d->notes[i].text;
  return NULL;
}

int64_t bf_dataset_left_out_count(const bf_dataset *d) { return d->left_out_count; }
