/* Plain CSV (RFC 4180, UTF-8): images with pathology, split and PatientID, or boxes with coordinates; masks in either.
 * Columns are found by name; a cell that cannot be is an error that names line and column. */
#include <ctype.h>
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/file.h"
#include "base/memory.h"
#include "data/labels.h"

enum { most_columns = 256 };
static const size_t most_bytes = (size_t)1 << 30;

enum { uid, file, pathology, patient, split, xmin, ymin, xmax, ymax, frame, mask, known_columns };
static const char *const names[known_columns] = {"SOPInstanceUID", "file", "pathology", "PatientID", "split", "xmin",
                                                 "ymin",           "xmax", "ymax",      "frame",     "mask"};

typedef struct reader {
  bf_labels *labels;
  const char *path;
  char folder[BF_PATH_MAX];
  char *next, *end;    /* unread text, changed in place: cells are unquoted where they stand */
  long line, row_line; /* current, and where the row began */
  char *cells[most_columns];
  int cell_count, header_count;
  int column[known_columns]; /* place of each known column, -1 absent */
} reader;

/* ---- cells ---- */

static bf_status quoted_cell(reader *r, char **cell, bf_error *err) {
  char *from = r->next + 1, *to = from;
  *cell = from;
  for (;;) {
    if (from >= r->end)
      return bf_fail(err, BF_E_FORMAT, "%s: line %ld: a quoted cell does not end", r->path, r->row_line);
    if (*from == '\n') r->line++;
    if (*from == '"') {
      if (from[1] != '"') break;
      from++;
    }
    *to++ = *from++;
  }
  r->next = from + 1;
  while (r->next < r->end && (*r->next == ' ' || *r->next == '\t')) r->next++;
  if (r->next < r->end && *r->next != ',' && *r->next != '\n' && *r->next != '\r')
    return bf_fail(err, BF_E_FORMAT, "%s: line %ld: text behind a closing quote", r->path, r->line);
  *to = '\0';
  return BF_OK;
}

/* Blanks around a plain cell are no part of it. The cell is ended by the caller, who reads the separator first. */
static void plain_cell(reader *r, char **cell, char **cell_end) {
  while (*r->next == ' ' || *r->next == '\t') r->next++;
  *cell = r->next;
  while (r->next < r->end && *r->next != ',' && *r->next != '\n' && *r->next != '\r') r->next++;
  *cell_end = r->next;
  while (*cell_end > *cell && ((*cell_end)[-1] == ' ' || (*cell_end)[-1] == '\t')) (*cell_end)--;
}

/* false at the end of the file. */
static bf_status read_row(reader *r, bool *there, bf_error *err) {
  r->cell_count = 0;
  *there = r->next < r->end;
  r->row_line = r->line;
  while (*there) {
    if (r->cell_count == most_columns)
      return bf_fail(err, BF_E_LIMIT, "%s: line %ld: more than %d columns", r->path, r->row_line, most_columns);
    char **cell = &r->cells[r->cell_count++], *cell_end = NULL;
    char *start = r->next;
    while (start < r->end && (*start == ' ' || *start == '\t')) start++;
    if (start < r->end && *start == '"') {
      r->next = start;
      bf_status status = quoted_cell(r, cell, err);
      if (status != BF_OK) return status;
    } else {
      plain_cell(r, cell, &cell_end);
    }
    char separator = r->next < r->end ? *r->next : '\n';
    if (r->next < r->end) r->next++;
    if (cell_end != NULL) *cell_end = '\0';
    if (separator == ',') continue;
    if (separator == '\r' && r->next < r->end && *r->next == '\n') r->next++;
    r->line++;
    return BF_OK;
  }
  return BF_OK;
}

static bool blank_row(const reader *r) { return r->cell_count == 1 && r->cells[0][0] == '\0'; }

static const char *cell(const reader *r, int known) {
  int at = r->column[known];
  return at >= 0 && at < r->cell_count ? r->cells[at] : "";
}

static bf_status bad_cell(const reader *r, int known, const char *wanted, bf_error *err) {
  return bf_fail(err, BF_E_FORMAT, "%s: line %ld, column %s: '%.60s' is not %s", r->path, r->row_line, names[known],
                 cell(r, known), wanted);
}

/* ---- header ---- */

static bf_status read_header(reader *r, bf_error *err) {
  bool there;
  bf_status status = read_row(r, &there, err);
  if (status != BF_OK) return status;
  r->header_count = r->cell_count;
  for (int k = 0; k < known_columns; k++) {
    r->column[k] = -1;
    for (int c = 0; c < r->cell_count; c++) {
      if (strcasecmp(r->cells[c], names[k]) != 0) continue;
      if (r->column[k] >= 0)
        return bf_fail(err, BF_E_FORMAT, "%s: line 1: the column %s stands there twice", r->path, names[k]);
      r->column[k] = c;
    }
  }
  if (r->column[uid] < 0 && r->column[file] < 0)
    return bf_fail(err, BF_E_FORMAT, "%s: line 1: neither a column SOPInstanceUID nor a column file", r->path);
  int edges = 0, missing = -1;
  for (int k = xmin; k <= ymax; k++) {
    edges += r->column[k] >= 0;
    if (r->column[k] < 0) missing = k;
  }
  if (edges > 0 && edges < 4)
    return bf_fail(err, BF_E_FORMAT, "%s: line 1: the column %s is missing beside the other edges of a box", r->path,
                   names[missing]);
  if (edges == 0 && r->column[pathology] < 0 && r->column[split] < 0 && r->column[patient] < 0 && r->column[mask] < 0)
    return bf_fail(err, BF_E_FORMAT,
                   "%s: line 1: no column says anything about the images; pathology, mask or "
                   "xmin,ymin,xmax,ymax are needed",
                   r->path);
  return BF_OK;
}

/* ---- values ---- */

static bf_status check_uid(const reader *r, bf_error *err) {
  const char *text = cell(r, uid);
  if (strlen(text) <= 64 && strspn(text, "0123456789.") == strlen(text)) return BF_OK;
  return bad_cell(r, uid, "a UID (digits and dots, at most 64)", err);
}

static bf_status touch(bf_label **label, reader *r, bf_error *err) {
  char path[BF_PATH_MAX] = "";
  bf_status status = check_uid(r, err);
  if (status != BF_OK) return status;
  if (cell(r, uid)[0] == '\0' && cell(r, file)[0] == '\0')
    return bf_fail(err, BF_E_FORMAT, "%s: line %ld: the row names no image (%s is empty)", r->path, r->row_line,
                   r->column[uid] >= 0 ? names[uid] : names[file]);
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
  return bad_cell(r, pathology, "benign, malignant or empty (unknown)", err);
}

static bf_status read_split(uint8_t *out, const reader *r, bf_error *err) {
  static const char *const words[] = {"", "train", "validation", "test"};
  for (uint8_t i = 0; i < 4; i++)
    if (strcasecmp(cell(r, split), words[i]) == 0) return *out = i, BF_OK;
  return bad_cell(r, split, "train, validation, test or empty", err);
}

static bf_status contradiction(const reader *r, int known, bf_error *err) {
  return bf_fail(err, BF_E_FORMAT, "%s: line %ld, column %s: an earlier row says something else about the same image",
                 r->path, r->row_line, names[known]);
}

static bf_status image_row(reader *r, bf_error *err) {
  bf_label *label;
  int8_t malignant = -1;
  uint8_t part = BF_SPLIT_NONE;
  bf_status status = touch(&label, r, err);
  if (status == BF_OK) status = read_pathology(&malignant, r, err);
  if (status == BF_OK) status = read_split(&part, r, err);
  if (status != BF_OK) return status;
  if (malignant >= 0 && label->malignant >= 0 && malignant != label->malignant) return contradiction(r, pathology, err);
  if (part != BF_SPLIT_NONE && label->split != BF_SPLIT_NONE && part != label->split)
    return contradiction(r, split, err);
  label->has_class = label->has_class || r->column[pathology] >= 0;
  if (malignant >= 0) label->malignant = malignant;
  if (part != BF_SPLIT_NONE) label->split = part;
  const char *id = cell(r, patient);
  if (id[0] == '\0') return BF_OK;
  if (label->patient_id != NULL) return strcmp(label->patient_id, id) == 0 ? BF_OK : contradiction(r, patient, err);
  label->patient_id = bf_strdup(id);
  return label->patient_id != NULL ? BF_OK : bf_fail(err, BF_E_MEMORY, "%s: no memory for its rows", r->path);
}

static bf_status read_edge(float *out, const reader *r, int known, bf_error *err) {
  const char *text = cell(r, known);
  char *end;
  double value = strtod(text, &end);
  /* strtod also takes hexadecimal, inf and nan, which no table of boxes means. */
  bool plain = text[0] != '\0' && strspn(text, "+-0123456789.eE") == strlen(text) && *end == '\0';
  if (!plain || !(fabs(value) <= 1e6)) return bad_cell(r, known, "a number of pixels", err);
  *out = (float)value;
  return BF_OK;
}

static bf_status read_frame(int32_t *out, const reader *r, bf_error *err) {
  const char *text = cell(r, frame);
  *out = -1;
  if (text[0] == '\0') return BF_OK;
  if (strspn(text, "0123456789") != strlen(text) || strlen(text) > 7)
    return bad_cell(r, frame, "a frame number (from 0)", err);
  *out = (int32_t)atol(text);
  return BF_OK;
}

/* A row without coordinates beside a row with some: somebody erred, and nobody can tell who. */
static bool contradicts_lesions(const bf_label *label, int32_t where) {
  for (int32_t i = 0; i < label->lesion_count; i++)
    if (label->lesion_frames[i] == where) return true;
  return false;
}

static bool was_called_clean(const bf_label *label, int32_t where) {
  for (int32_t i = 0; i < label->looked_count; i++)
    if (label->looked_frames[i] == where) return !contradicts_lesions(label, where);
  return false;
}

static bf_status box_row(reader *r, bf_error *err) {
  bf_label *label;
  bf_lesion box = {0};
  int32_t where = -1;
  int empty = 0;
  for (int k = xmin; k <= ymax; k++) empty += cell(r, k)[0] == '\0';
  bf_status status = touch(&label, r, err);
  if (status == BF_OK) status = read_frame(&where, r, err);
  if (status == BF_OK) status = read_pathology(&box.malignant, r, err);
  if (status != BF_OK) return status;
  if (empty == 4) {
    if (contradicts_lesions(label, where))
      return bf_fail(err, BF_E_FORMAT,
                     "%s: line %ld: says that there is no lesion, and an earlier row gives a box for the same image",
                     r->path, r->row_line);
    return bf_label_look(label, where, err);
  }
  float *edges[] = {&box.xmin, &box.ymin, &box.xmax, &box.ymax};
  for (int k = 0; k < 4 && status == BF_OK; k++) status = read_edge(edges[k], r, xmin + k, err);
  if (status != BF_OK) return status;
  if (!(box.xmax > box.xmin)) return bad_cell(r, xmax, "greater than xmin (it is exclusive)", err);
  if (!(box.ymax > box.ymin)) return bad_cell(r, ymax, "greater than ymin (it is exclusive)", err);
  if (was_called_clean(label, where))
    return bf_fail(err, BF_E_FORMAT,
                   "%s: line %ld: gives a box, and an earlier row says that the same image has no lesion", r->path,
                   r->row_line);
  return bf_label_add_lesion(label, box, where, err);
}

/* An empty cell says nothing of a mask. */
static bf_status mask_cell(reader *r, bf_error *err) {
  bf_label *label;
  int32_t where = -1;
  char path[BF_PATH_MAX];
  if (cell(r, mask)[0] == '\0') return BF_OK;
  bf_status status = touch(&label, r, err);
  if (status == BF_OK) status = read_frame(&where, r, err);
  if (status == BF_OK) status = bf_path_join(path, sizeof path, r->folder, cell(r, mask), err);
  if (status != BF_OK) return status;
  if (!bf_file_exists(path) || bf_is_folder(path))
    return bad_cell(r, mask, "a file that is there (paths are relative to the folder of the CSV)", err);
  return bf_label_add_mask(label, BF_MASK_PNG, path, where, err);
}

static bf_status read_rows(reader *r, bf_error *err) {
  bool there;
  bf_status status = read_header(r, err);
  while (status == BF_OK) {
    status = read_row(r, &there, err);
    if (status != BF_OK || !there) break;
    if (blank_row(r)) continue;
    if (r->cell_count != r->header_count)
      return bf_fail(err, BF_E_FORMAT,
                     "%s: line %ld: %d cells, and the header has %d; a cell with a comma must stand in quotes", r->path,
                     r->row_line, r->cell_count, r->header_count);
    status = r->column[xmin] >= 0 ? box_row(r, err) : image_row(r, err);
    if (status == BF_OK) status = mask_cell(r, err);
  }
  return status;
}

static bf_status csv_read(bf_labels *labels, const char *path, bf_error *err) {
  char *text = NULL;
  size_t size = 0;
  bf_status status = bf_file_read(&text, &size, path, most_bytes, err);
  if (status != BF_OK) return status;
  reader *r = bf_alloc(1, sizeof *r);
  if (r == NULL) {
    status = bf_fail(err, BF_E_MEMORY, "%s: no memory to read it", path);
    goto out;
  }
  bool marked = size >= 3 && memcmp(text, "\xef\xbb\xbf", 3) == 0;
  *r = (reader){.labels = labels, .path = path, .next = text + (marked ? 3 : 0), .end = text + size, .line = 1};
  bf_path_folder(r->folder, sizeof r->folder, path);
  if (memchr(text, '\0', size) != NULL)
    status = bf_fail(err, BF_E_FORMAT, "%s: holds NUL bytes; save it as UTF-8 text", path);
  else
    status = read_rows(r, err);
out:
  bf_free(r);
  bf_free(text);
  return status;
}

/* Sure when the first line holds one of the two names of an image between commas. */
static int csv_detect(const char *path, const char *head, size_t size) {
  (void)path;
  size_t line = 0;
  while (line < size && head[line] != '\n' && head[line] != '\r') line++;
  size_t start = size >= 3 && memcmp(head, "\xef\xbb\xbf", 3) == 0 ? 3 : 0;
  for (size_t i = start; i < line;) {
    size_t end = i;
    while (end < line && head[end] != ',') end++;
    size_t a = i, b = end;
    while (a < b && (head[a] == ' ' || head[a] == '"')) a++;
    while (b > a && (head[b - 1] == ' ' || head[b - 1] == '"')) b--;
    for (int k = uid; k <= file; k++)
      if (b - a == strlen(names[k]) && strncasecmp(head + a, names[k], b - a) == 0) return 100;
    i = end + 1;
  }
  return 0;
}

const bf_label_format bf_labels_format_csv = {"csv",
                                              "CSV with a header: SOPInstanceUID or file, then pathology, split, "
                                              "PatientID, or xmin, ymin, xmax, ymax, frame; mask",
                                              csv_detect, csv_read};
