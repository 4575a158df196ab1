/* Breast Cancer Screening - Digital Breast Tomosynthesis (Buda and others, JAMA Network Open 2021): the tables of boxes
 * and of labels. A volume is known by its study and its view. Boxes hold for the volume as its breast should lie: a
 * volume whose brighter edge lies on the other side is turned by 180 degrees before (the collection's own reader). */
#include <ctype.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "data/csv_table.h"
#include "data/labels.h"

enum {
  patient,
  study,
  view,
  slice,
  left,
  top,
  width,
  height,
  class_of,
  normal,
  actionable,
  benign,
  cancer,
  known_columns
};
static const char *const names[known_columns] = {"PatientID",  "StudyUID", "View",   "Slice", "X",
                                                 "Y",          "Width",    "Height", "Class", "Normal",
                                                 "Actionable", "Benign",   "Cancer"};

typedef struct reader {
  bf_labels *labels;
  const char *path;
  bf_csv *csv;
} reader;

/* "lcc", "rmlo2": side, view, and a number where there are several. */
static bf_status touch(bf_label **label, reader *r, bf_error *err) {
  const char *uid = bf_csv_cell(r->csv, study), *said = bf_csv_cell(r->csv, view);
  char name[8] = "", side[2] = "", text[BF_VIEW_TEXT_MAX];
  size_t length = strcspn(said, "0123456789");
  if (uid[0] == '\0' || strlen(uid) > 64) return bf_csv_bad(r->csv, study, "a Study Instance UID", err);
  if (length < 3 || length > sizeof name || (tolower(said[0]) != 'l' && tolower(said[0]) != 'r'))
    return bf_csv_bad(r->csv, view, "a view such as lcc or rmlo", err);
  side[0] = (char)toupper(said[0]);
  for (size_t i = 1; i < length; i++) name[i - 1] = (char)toupper(said[i]);
  bf_label_view_text(text, uid, side, name);
  *label = bf_labels_touch_by(r->labels, BF_LABEL_VIEW, text, err);
  if (*label == NULL) return BF_E_MEMORY;
  return bf_label_set_patient(*label, bf_csv_cell(r->csv, patient), r->path, bf_csv_line(r->csv), err);
}

static bf_status box_row(reader *r, bf_label *label, bf_error *err) {
  static const int columns[] = {left, top, width, height};
  const char *said = bf_csv_cell(r->csv, class_of);
  double v[4];
  int32_t frame;
  bf_status status = bf_csv_whole(&frame, r->csv, slice, -1, "a slice (from 0)", err);
  for (int k = 0; k < 4 && status == BF_OK; k++)
    status = bf_csv_number(&v[k], r->csv, columns[k], "a number of pixels", err);
  if (status != BF_OK) return status;
  if (frame < 0) return bf_csv_bad(r->csv, slice, "a slice (from 0)", err);
  if (!(v[2] > 0)) return bf_csv_bad(r->csv, width, "greater than 0", err);
  if (!(v[3] > 0)) return bf_csv_bad(r->csv, height, "greater than 0", err);
  int8_t malignant = strcasecmp(said, "cancer") == 0 ? 1 : strcasecmp(said, "benign") == 0 ? 0 : -1;
  if (malignant < 0) return bf_csv_bad(r->csv, class_of, "benign or cancer", err);
  bf_label_add_class(label, malignant);
  bf_label_lesion lesion = {.box = {.xmin = (float)v[0],
                                    .ymin = (float)v[1],
                                    .xmax = (float)(v[0] + v[2]),
                                    .ymax = (float)(v[1] + v[3]),
                                    .malignant = malignant},
                            .frame = frame,
                            .lies = (char)toupper(bf_csv_cell(r->csv, view)[0])};
  return bf_label_add_lesion(label, lesion, err);
}

/* One of the four is 1. Called back without a biopsy (Actionable) says nothing of what it was. */
static bf_status label_row(reader *r, bf_label *label, bf_error *err) {
  int marked = -1, count = 0;
  for (int k = normal; k <= cancer; k++) {
    const char *said = bf_csv_cell(r->csv, k);
    if (strcmp(said, "0") != 0 && strcmp(said, "1") != 0) return bf_csv_bad(r->csv, k, "0 or 1", err);
    if (said[0] == '1') marked = k, count++;
  }
  if (count != 1)
    return bf_fail(err, BF_E_FORMAT, "%s: line %ld: %d of Normal, Actionable, Benign, Cancer are 1, not one", r->path,
                   bf_csv_line(r->csv), count);
  int8_t malignant = marked == cancer ? 1 : marked == actionable ? -1 : 0;
  bf_label_set_class(label, malignant);
  return marked == normal ? bf_label_look_at(label, -1, BF_LOOK_CLEAN, err) : BF_OK;
}

static bf_status one_row(void *context, bf_error *err) {
  reader *r = context;
  bf_label *label = NULL;
  bf_status status = touch(&label, r, err);
  if (status != BF_OK) return status;
  status = bf_csv_has(r->csv, slice) ? box_row(r, label, err) : label_row(r, label, err);
  bf_labels_tell(r->labels, label, r->path, bf_csv_line(r->csv));
  return status;
}

static bf_status dbt_read(bf_labels *labels, const char *path, bf_error *err) {
  reader r = {.labels = labels, .path = path};
  bf_status status = bf_csv_open(&r.csv, path, names, known_columns, err);
  bool boxes = status == BF_OK && bf_csv_has(r.csv, slice);
  for (int k = boxes ? left : normal; k <= (boxes ? class_of : cancer) && status == BF_OK; k++)
    if (!bf_csv_has(r.csv, k))
      status = bf_fail(err, BF_E_FORMAT, "%s: line 1: the column %s is missing", path, names[k]);
  if (status == BF_OK) status = bf_csv_each(r.csv, one_row, &r, err);
  bf_csv_close(r.csv);
  return status;
}

static int dbt_detect(const char *path, const char *head, size_t size) {
  static const char *const boxes[] = {"StudyUID", "View", "Slice", "Width"}, *const classes[] = {"StudyUID", "View",
                                                                                                 "Actionable",
                                                                                                 "Cancer"};
  (void)path;
  return bf_csv_count_names(head, size, boxes, 4) == 4 || bf_csv_count_names(head, size, classes, 4) == 4 ? 95 : 0;
}

const bf_label_format bf_labels_format_dbt = {
    "dbt",
    "BCS-DBT: the table of boxes (StudyUID, View, Slice, X, Y, Width, Height, Class) or of labels (Normal, "
    "Actionable, Benign, Cancer)",
    dbt_detect, dbt_read};
