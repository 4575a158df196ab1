/* VinDr-Mammo (Nguyen and others, Scientific Data 2023): finding_annotations.csv, and breast-level_annotations.csv,
 * which has no findings. What it says of a breast is suspicion (BI-RADS), not pathology: docs/labels.md. */
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "data/csv_table.h"
#include "data/labels.h"

enum { image, height, width, breast, finding, categories, xmin, ymin, xmax, ymax, split, known_columns };
static const char *const names[known_columns] = {
    "image_id", "height", "width", "breast_birads", "finding_birads", "finding_categories",
    "xmin",     "ymin",   "xmax",  "ymax",          "split"};

typedef struct reader {
  bf_labels *labels;
  const char *path;
  bf_csv *csv;
} reader;

/* "BI-RADS 4": 1 and 2 are benign, 4 and 5 suspected to be malignant; 3 is neither. */
static bf_status read_birads(int8_t *out, const reader *r, int column, bf_error *err) {
  static const int8_t classes[] = {-1, 0, 0, -1, 1, 1, 1};
  const char *text = bf_csv_cell(r->csv, column);
  *out = -1;
  if (text[0] == '\0') return BF_OK;
  const char *digit = strncasecmp(text, "BI-RADS ", 8) == 0 ? text + 8 : text;
  if (digit[0] < '0' || digit[0] > '6' || (digit[1] != '\0' && digit[1] != '.'))
    return bf_csv_bad(r->csv, column, "a BI-RADS category from 0 to 6", err);
  *out = classes[digit[0] - '0'];
  return BF_OK;
}

static bf_status read_split(uint8_t *out, const reader *r, bf_error *err) {
  const char *text = bf_csv_cell(r->csv, split);
  *out = BF_SPLIT_NONE;
  if (text[0] == '\0') return BF_OK;
  if (strcasecmp(text, "training") == 0 || strcasecmp(text, "train") == 0) return *out = BF_SPLIT_TRAIN, BF_OK;
  if (strcasecmp(text, "test") == 0) return *out = BF_SPLIT_TEST, BF_OK;
  return bf_csv_bad(r->csv, split, "training or test", err);
}

/* "['Mass', 'Skin Thickening']": a list in Python's writing. A row of "No Finding" has no box. */
static bf_status finding_row(reader *r, bf_label *label, bf_error *err) {
  bf_label_lesion lesion = {.frame = -1};
  bf_lesion *box = &lesion.box;
  double edges[4];
  int empty = 0;
  for (int k = xmin; k <= ymax; k++) empty += bf_csv_cell(r->csv, k)[0] == '\0';
  bool none = strstr(bf_csv_cell(r->csv, categories), "No Finding") != NULL;
  if (empty == 4 && none) return bf_label_look_at(label, -1, BF_LOOK_CLEAN, err);
  bf_status status = bf_csv_whole(&lesion.rows, r->csv, height, 0, "a number of pixels", err);
  if (status == BF_OK) status = bf_csv_whole(&lesion.columns, r->csv, width, 0, "a number of pixels", err);
  for (int k = 0; k < 4 && status == BF_OK; k++)
    status = bf_csv_number(&edges[k], r->csv, xmin + k, "a number of pixels", err);
  if (status == BF_OK) status = read_birads(&box->malignant, r, finding, err);
  if (status != BF_OK) return status;
  box->xmin = (float)edges[0], box->ymin = (float)edges[1], box->xmax = (float)edges[2], box->ymax = (float)edges[3];
  if (!(box->xmax > box->xmin)) return bf_csv_bad(r->csv, xmax, "greater than xmin", err);
  if (!(box->ymax > box->ymin)) return bf_csv_bad(r->csv, ymax, "greater than ymin", err);
  return bf_label_add_lesion(label, lesion, err);
}

static bf_status one_row(void *context, bf_error *err) {
  reader *r = context;
  const char *id = bf_csv_cell(r->csv, image);
  int8_t malignant = -1;
  uint8_t part = BF_SPLIT_NONE;
  if (id[0] == '\0') return bf_csv_bad(r->csv, image, "an image", err);
  bf_label *label = bf_labels_touch_by(r->labels, BF_LABEL_STEM, id, err);
  if (label == NULL) return BF_E_MEMORY;
  bf_status status = read_birads(&malignant, r, breast, err);
  if (status == BF_OK) status = read_split(&part, r, err);
  if (status != BF_OK) return status;
  bf_label_set_class(label, malignant);
  status = bf_label_set_split(label, part, r->path, bf_csv_line(r->csv), err);
  if (status == BF_OK && bf_csv_has(r->csv, categories)) status = finding_row(r, label, err);
  bf_labels_tell(r->labels, label, r->path, bf_csv_line(r->csv));
  return status;
}

static bf_status vindr_read(bf_labels *labels, const char *path, bf_error *err) {
  reader r = {.labels = labels, .path = path};
  bf_status status = bf_csv_open(&r.csv, path, names, known_columns, err);
  for (int k = xmin; k <= ymax && status == BF_OK; k++)
    if (bf_csv_has(r.csv, categories) && !bf_csv_has(r.csv, k))
      status = bf_fail(err, BF_E_FORMAT, "%s: line 1: the column %s is missing", path, names[k]);
  if (status == BF_OK) status = bf_csv_each(r.csv, one_row, &r, err);
  bf_csv_close(r.csv);
  return status;
}

static int vindr_detect(const char *path, const char *head, size_t size) {
  static const char *const wanted[] = {"image_id", "breast_birads"};
  (void)path;
  return bf_csv_count_names(head, size, wanted, 2) == 2 ? 95 : 0;
}

const bf_label_format bf_labels_format_vindr = {
    "vindr", "VinDr-Mammo: finding_annotations.csv or breast-level_annotations.csv", vindr_detect, vindr_read};
