/* CBIS-DDSM (Lee and others, Scientific Data 2017): *_case_description_*.csv, a row an abnormality. The image is known
 * by the series in its path, because copies of the collection name files differently; masks are DICOM images, and in
 * some rows their path and that of the cropped picture are exchanged: of the two, the larger is the mask. */
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/file.h"
#include "data/csv_table.h"
#include "data/labels.h"
#include "dicom/dicom.h"

enum { patient, pathology, image, crop, mask, known_columns };
static const char *const names[known_columns] = {"patient_id", "pathology", "image file path",
                                                 "cropped image file path", "ROI mask file path"};

typedef struct reader {
  bf_labels *labels;
  const char *path;
  char folder[BF_PATH_MAX];
  bf_csv *csv;
} reader;

/* ".../StudyUID/SeriesUID/000000.dcm" */
static bf_status read_series(char out[65], const reader *r, bf_error *err) {
  const char *text = bf_csv_cell(r->csv, image), *end = strrchr(text, '/'), *start = end;
  while (start != NULL && start > text && start[-1] != '/') start--;
  size_t length = end != NULL ? (size_t)(end - start) : 0;
  if (length < 3 || length > 64 || strspn(start, "0123456789.") != length)
    return bf_csv_bad(r->csv, image, "a path of .../StudyUID/SeriesUID/FILE", err);
  memcpy(out, start, length);
  out[length] = '\0';
  return BF_OK;
}

/* "Mass-Training_P_00001_LEFT_CC/..." */
static uint8_t split_of(const char *text) {
  size_t length = strcspn(text, "_/");
  const char *dash = memchr(text, '-', length);
  if (dash == NULL) return BF_SPLIT_NONE;
  length -= (size_t)(dash + 1 - text);
  if (length == 8 && strncasecmp(dash + 1, "Training", 8) == 0) return BF_SPLIT_TRAIN;
  return length == 4 && strncasecmp(dash + 1, "Test", 4) == 0 ? BF_SPLIT_TEST : BF_SPLIT_NONE;
}

static bf_status read_pathology(int8_t *out, const reader *r, bf_error *err) {
  const char *text = bf_csv_cell(r->csv, pathology);
  *out = strcasecmp(text, "MALIGNANT") == 0 ? 1 : 0;
  if (*out == 1 || strcasecmp(text, "BENIGN") == 0 || strcasecmp(text, "BENIGN_WITHOUT_CALLBACK") == 0) return BF_OK;
  return bf_csv_bad(r->csv, pathology, "MALIGNANT, BENIGN or BENIGN_WITHOUT_CALLBACK", err);
}

/* Of all DICOM images that are looked at the one of the most pixels. The others are pieces of the image, and none of
 * their own. */
typedef struct choice {
  char path[BF_PATH_MAX];
  int64_t size;
  bf_status status;
} choice;

static void take_larger(choice *best, reader *r, const char *path) {
  bf_image seen;
  bf_error why = {0};
  if (strcmp(best->path, path) == 0 || bf_dicom_look(&seen, path, NULL, 0, &why) != BF_OK || best->status != BF_OK)
    return;
  int64_t size = (int64_t)seen.rows * seen.columns;
  if (size <= best->size) {
    best->status = bf_labels_pass(r->labels, path, NULL);
    return;
  }
  if (best->size > 0) best->status = bf_labels_pass(r->labels, best->path, NULL);
  best->size = size;
  snprintf(best->path, sizeof best->path, "%s", path);
}

static int is_visible(const struct dirent *entry) { return entry->d_name[0] != '.'; }

/* By name, so that of two of one size the same is taken everywhere. A series of masks has two files; a folder of many
 * is something else. */
static void look_into(choice *best, reader *r, const char *folder) {
  enum { most_files = 8 };
  char path[BF_PATH_MAX];
  struct dirent **entries = NULL;
  int count = scandir(folder, &entries, is_visible, alphasort);
  for (int i = 0; i < count; i++) {
    if (count <= most_files && bf_path_join(path, sizeof path, folder, entries[i]->d_name, NULL) == BF_OK &&
        !bf_is_folder(path))
      take_larger(best, r, path);
    free(entries[i]);
  }
  free(entries);
}

/* The file, or where a copy of the collection calls it otherwise whatever lies in its folder. */
static void look_at(choice *best, reader *r, int column) {
  char path[BF_PATH_MAX], folder[BF_PATH_MAX];
  const char *text = bf_csv_cell(r->csv, column);
  if (text[0] == '\0' || bf_path_join(path, sizeof path, r->folder, text, NULL) != BF_OK) return;
  if (bf_file_exists(path) && !bf_is_folder(path)) {
    take_larger(best, r, path);
    return;
  }
  bf_path_folder(folder, sizeof folder, path);
  look_into(best, r, folder);
}

static bf_status add_mask(reader *r, bf_label *label, int8_t malignant, bf_error *err) {
  choice best = {.size = 0};
  if (bf_csv_cell(r->csv, mask)[0] == '\0' && bf_csv_cell(r->csv, crop)[0] == '\0') return BF_OK;
  look_at(&best, r, mask);
  look_at(&best, r, crop);
  if (best.status != BF_OK) return bf_fail(err, best.status, "%s: no memory for its rows", r->path);
  if (best.size > 0) return bf_label_add_class_mask(label, BF_MASK_DICOM, best.path, -1, malignant, err);
  bf_labels_complain(r->labels, "%.600s: line %ld: no mask is found at '%.200s' below the folder of the table", r->path,
                     bf_csv_line(r->csv), bf_csv_cell(r->csv, mask));
  return BF_OK;
}

static bf_status one_row(void *context, bf_error *err) {
  reader *r = context;
  char series[65];
  int8_t malignant;
  bf_status status = read_series(series, r, err);
  if (status == BF_OK) status = read_pathology(&malignant, r, err);
  if (status != BF_OK) return status;
  bf_label *label = bf_labels_touch_by(r->labels, BF_LABEL_SERIES, series, err);
  if (label == NULL) return BF_E_MEMORY;
  bf_label_add_class(label, malignant);
  bf_labels_tell(r->labels, label, r->path, bf_csv_line(r->csv));
  status = bf_label_set_patient(label, bf_csv_cell(r->csv, patient), r->path, bf_csv_line(r->csv), err);
  if (status == BF_OK)
    status = bf_label_set_split(label, split_of(bf_csv_cell(r->csv, image)), r->path, bf_csv_line(r->csv), err);
  return status == BF_OK ? add_mask(r, label, malignant, err) : status;
}

static bf_status cbis_read(bf_labels *labels, const char *path, bf_error *err) {
  reader r = {.labels = labels, .path = path};
  bf_path_folder(r.folder, sizeof r.folder, path);
  bf_status status = bf_csv_open(&r.csv, path, names, known_columns, err);
  if (status == BF_OK) status = bf_csv_each(r.csv, one_row, &r, err);
  bf_csv_close(r.csv);
  return status;
}

static int cbis_detect(const char *path, const char *head, size_t size) {
  static const char *const wanted[] = {"image file path", "ROI mask file path", "pathology"};
  (void)path;
  return bf_csv_count_names(head, size, wanted, 3) == 3 ? 95 : 0;
}

const bf_label_format bf_labels_format_cbis = {
    "cbis", "CBIS-DDSM: *_case_description_*.csv, with the DICOM masks that it names below its folder", cbis_detect,
    cbis_read};
