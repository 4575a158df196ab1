/* RSNA Screening Mammography Breast Cancer Detection (2022): train.csv. Files are <patient_id>/<image_id>.dcm. */
#include <stdio.h>
#include <string.h>

#include "base/file.h"
#include "data/csv_table.h"
#include "data/labels.h"

enum { patient, image, cancer, known_columns };
static const char *const names[known_columns] = {"patient_id", "image_id", "cancer"};

typedef struct reader {
  bf_labels *labels;
  const char *path;
  bf_csv *csv;
} reader;

static bf_status one_row(void *context, bf_error *err) {
  const reader *r = context;
  const bf_csv *csv = r->csv;
  const char *id = bf_csv_cell(csv, image), *of = bf_csv_cell(csv, patient), *said = bf_csv_cell(csv, cancer);
  char stem[BF_PATH_MAX];
  int8_t malignant = -1;
  if (id[0] == '\0') return bf_csv_bad(csv, image, "an image", err);
  if (said[0] != '\0') {
    if ((said[0] != '0' && said[0] != '1') || said[1] != '\0') return bf_csv_bad(csv, cancer, "0 or 1", err);
    malignant = (int8_t)(said[0] - '0');
  }
  snprintf(stem, sizeof stem, of[0] != '\0' ? "%.200s/%.200s" : "%.0s%.200s", of, id);
  bf_label *label = bf_labels_touch_by(r->labels, BF_LABEL_STEM, stem, err);
  if (label == NULL) return BF_E_MEMORY;
  bf_label_set_class(label, malignant);
  bf_labels_tell(r->labels, label, r->path, bf_csv_line(csv));
  return bf_label_set_patient(label, of, r->path, bf_csv_line(csv), err);
}

static bf_status rsna_read(bf_labels *labels, const char *path, bf_error *err) {
  reader r = {.labels = labels, .path = path};
  bf_status status = bf_csv_open(&r.csv, path, names, known_columns, err);
  if (status == BF_OK) status = bf_csv_each(r.csv, one_row, &r, err);
  bf_csv_close(r.csv);
  return status;
}

static int rsna_detect(const char *path, const char *head, size_t size) {
  (void)path;
  return bf_csv_count_names(head, size, names, known_columns) == known_columns ? 95 : 0;
}

const bf_label_format bf_labels_format_rsna = {
    "rsna", "RSNA mammography 2022: train.csv (patient_id, image_id, cancer)", rsna_detect, rsna_read};
