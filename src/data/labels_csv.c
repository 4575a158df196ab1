/* Plain CSV: images with pathology, split and PatientID, or boxes with coordinates; masks in either. A cell that cannot
 * be is an error that names line and column. */
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "base/file.h"
#include "data/csv_table.h"
#include "data/label_columns.h"

enum { uid, file, pathology, patient, split, xmin, ymin, xmax, ymax, frame, mask, known_columns };
static const char *const names[known_columns] = {"SOPInstanceUID", "file", "pathology", "PatientID", "split", "xmin",
                                                 "ymin",           "xmax", "ymax",      "frame",     "mask"};

typedef struct reader {
  bf_labels *labels;
  const char *path;
  char folder[BF_PATH_MAX];
  bf_csv *csv;
  const char *columns[known_columns + BF_LABEL_COLUMNS_MAX]; /* names, then those that are kept */
  int kept;                                                  /* of them, in a file of images */
} reader;

static const char *cell(const reader *r, int column) { return bf_csv_cell(r->csv, column); }

bool bf_labels_csv_means(const char *name) {
  for (int k = 0; k < known_columns; k++)
    if (strcasecmp(names[k], name) == 0) return true;
  return false;
}

static bool has_kept(const reader *r) {
  for (int k = 0; k < r->kept; k++)
    if (bf_csv_has(r->csv, known_columns + k)) return true;
  return false;
}

/* Further columns speak of images: those of boxes would be of lesions. */
static bf_status see_columns(reader *r, bf_error *err) {
  bf_label_columns *columns = bf_labels_columns(r->labels);
  bf_status status = BF_OK;
  if (bf_csv_has(r->csv, xmin)) return BF_OK;
  r->kept = columns->count;
  for (int i = 0; i < bf_csv_header_count(r->csv) && status == BF_OK; i++) {
    const char *name = bf_csv_header_cell(r->csv, i);
    if (!bf_labels_csv_means(name)) status = bf_label_columns_see(columns, name, err);
  }
  return status;
}

static bf_status check_header(const reader *r, bf_error *err) {
  const bf_csv *c = r->csv;
  if (!bf_csv_has(c, uid) && !bf_csv_has(c, file))
    return bf_fail(err, BF_E_FORMAT, "%s: line 1: neither a column SOPInstanceUID nor a column file", r->path);
  int edges = 0, missing = -1;
  for (int k = xmin; k <= ymax; k++) {
    edges += bf_csv_has(c, k);
    if (!bf_csv_has(c, k)) missing = k;
  }
  if (edges > 0 && edges < 4)
    return bf_fail(err, BF_E_FORMAT, "%s: line 1: the column %s is missing beside the other edges of a box", r->path,
                   names[missing]);
  if (edges == 0 && !bf_csv_has(c, pathology) && !bf_csv_has(c, split) && !bf_csv_has(c, patient) &&
      !bf_csv_has(c, mask) && !has_kept(r))
    return bf_fail(err, BF_E_FORMAT,
                   "%s: line 1: no column says anything about the images; pathology, mask or "
                   "xmin,ymin,xmax,ymax are needed",
                   r->path);
  return BF_OK;
}

static bf_status check_uid(const reader *r, bf_error *err) {
  const char *text = cell(r, uid);
  if (strlen(text) <= 64 && strspn(text, "0123456789.") == strlen(text)) return BF_OK;
  return bf_csv_bad(r->csv, uid, "a UID (digits and dots, at most 64)", err);
}

static bf_status touch(bf_label **label, reader *r, bf_error *err) {
  char path[BF_PATH_MAX] = "";
  bf_status status = check_uid(r, err);
  if (status != BF_OK) return status;
  if (cell(r, uid)[0] == '\0' && cell(r, file)[0] == '\0')
    return bf_fail(err, BF_E_FORMAT, "%s: line %ld: the row names no image (%s is empty)", r->path, bf_csv_line(r->csv),
                   names[bf_csv_has(r->csv, uid) ? uid : file]);
  if (cell(r, uid)[0] == '\0') status = bf_path_join(path, sizeof path, r->folder, cell(r, file), err);
  if (status != BF_OK) return status;
  *label = bf_labels_touch(r->labels, cell(r, uid), path, err);
  return *label != NULL ? BF_OK : BF_E_MEMORY;
}

static bf_status read_pathology(int8_t *out, const reader *r, bf_error *err) {
  const char *text = cell(r, pathology);
  *out = -1;
  if (text[0] == '\0') return BF_OK;
  if (strcasecmp(text, "benign") == 0) return *out = 0, BF_OK;
  if (strcasecmp(text, "malignant") == 0) return *out = 1, BF_OK;
  return bf_csv_bad(r->csv, pathology, "benign, malignant or empty (unknown)", err);
}

static bf_status read_split(uint8_t *out, const reader *r, bf_error *err) {
  static const char *const words[] = {"", "train", "validation", "test"};
  for (uint8_t i = 0; i < 4; i++)
    if (strcasecmp(cell(r, split), words[i]) == 0) return *out = i, BF_OK;
  return bf_csv_bad(r->csv, split, "train, validation, test or empty", err);
}

static bf_status text_cells(const reader *r, bf_label *label, bf_error *err) {
  bf_status status = BF_OK;
  for (int k = 0; k < r->kept && status == BF_OK; k++)
    status = bf_labels_set_text(r->labels, label, k, cell(r, known_columns + k), r->path, bf_csv_line(r->csv), err);
  return status;
}

static bf_status image_row(reader *r, bf_error *err) {
  bf_label *label;
  int8_t malignant = -1;
  uint8_t part = BF_SPLIT_NONE;
  long line = bf_csv_line(r->csv);
  bf_status status = touch(&label, r, err);
  if (status == BF_OK) status = read_pathology(&malignant, r, err);
  if (status == BF_OK) status = read_split(&part, r, err);
  if (status != BF_OK) return status;
  bf_label_set_class(label, malignant);
  bf_labels_tell(r->labels, label, r->path, line);
  status = bf_label_set_split(label, part, r->path, line, err);
  if (status == BF_OK) status = bf_label_set_patient(label, cell(r, patient), r->path, line, err);
  return status == BF_OK ? text_cells(r, label, err) : status;
}

static bf_status box_row(reader *r, bf_error *err) {
  bf_label *label;
  bf_label_lesion lesion = {.frame = -1};
  bf_lesion *box = &lesion.box;
  int empty = 0;
  for (int k = xmin; k <= ymax; k++) empty += cell(r, k)[0] == '\0';
  bf_status status = touch(&label, r, err);
  if (status == BF_OK) status = bf_csv_whole(&lesion.frame, r->csv, frame, -1, "a frame number (from 0)", err);
  if (status == BF_OK) status = read_pathology(&box->malignant, r, err);
  if (status != BF_OK) return status;
  if (empty == 4) {
    status = bf_label_look_at(label, lesion.frame, BF_LOOK_CLEAN, err);
    bf_labels_tell(r->labels, label, r->path, bf_csv_line(r->csv));
    return status;
  }
  double edges[4];
  for (int k = 0; k < 4 && status == BF_OK; k++)
    status = bf_csv_number(&edges[k], r->csv, xmin + k, "a number of pixels", err);
  if (status != BF_OK) return status;
  box->xmin = (float)edges[0], box->ymin = (float)edges[1], box->xmax = (float)edges[2], box->ymax = (float)edges[3];
  if (!(box->xmax > box->xmin)) return bf_csv_bad(r->csv, xmax, "greater than xmin (it is exclusive)", err);
  if (!(box->ymax > box->ymin)) return bf_csv_bad(r->csv, ymax, "greater than ymin (it is exclusive)", err);
  status = bf_label_add_lesion(label, lesion, err);
  bf_labels_tell(r->labels, label, r->path, bf_csv_line(r->csv));
  return status;
}

/* An empty cell says nothing of a mask. */
static bf_status mask_cell(reader *r, bf_error *err) {
  bf_label *label;
  int32_t where = -1;
  char path[BF_PATH_MAX];
  if (cell(r, mask)[0] == '\0') return BF_OK;
  bf_status status = touch(&label, r, err);
  if (status == BF_OK) status = bf_csv_whole(&where, r->csv, frame, -1, "a frame number (from 0)", err);
  if (status == BF_OK) status = bf_path_join(path, sizeof path, r->folder, cell(r, mask), err);
  if (status != BF_OK) return status;
  if (!bf_file_exists(path) || bf_is_folder(path))
    return bf_csv_bad(r->csv, mask, "a file that is there (paths are relative to the folder of the CSV)", err);
  return bf_label_add_mask(label, BF_MASK_PNG, path, where, err);
}

static bf_status one_row(void *context, bf_error *err) {
  reader *r = context;
  bf_status status = bf_csv_has(r->csv, xmin) ? box_row(r, err) : image_row(r, err);
  return status == BF_OK ? mask_cell(r, err) : status;
}

static bf_status csv_read(bf_labels *labels, const char *path, bf_error *err) {
  const bf_label_columns *kept = bf_labels_columns(labels);
  reader r = {.labels = labels, .path = path};
  for (int k = 0; k < known_columns; k++) r.columns[k] = names[k];
  for (int k = 0; k < kept->count; k++) r.columns[known_columns + k] = kept->names[k];
  bf_path_folder(r.folder, sizeof r.folder, path);
  bf_status status = bf_csv_open(&r.csv, path, r.columns, known_columns + kept->count, err);
  if (status == BF_OK) status = see_columns(&r, err);
  if (status == BF_OK) status = check_header(&r, err);
  if (status == BF_OK) status = bf_csv_each(r.csv, one_row, &r, err);
  bf_csv_close(r.csv);
  return status;
}

/* Sure when the first line holds one of the two names of an image between commas. */
static int csv_detect(const char *path, const char *head, size_t size) {
  (void)path;
  return bf_csv_count_names(head, size, names, file + 1) > 0 ? 90 : 0;
}

const bf_label_format bf_labels_format_csv = {"csv",
                                              "CSV with a header: SOPInstanceUID or file, then pathology, split, "
                                              "PatientID, or xmin, ymin, xmax, ymax, frame; mask",
                                              csv_detect, csv_read};
