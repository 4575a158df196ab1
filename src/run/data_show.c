/* The page of a dataset, as text and as JSON. */
#include <inttypes.h>
#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/file.h"
#include "base/memory.h"
#include "base/utf8.h"
#include "bifocal/data.h"
#include "run/data_summary.h"
#include "run/reasons.h"

/* How many lines of a list the page has; JSON has all. */
enum { most_lines = 10 };

typedef struct page {
  const char *path;
  const bf_dataset *data;
  bf_data_summary summary;
  bf_left_out *left_out;
  int64_t left_out_count;
  FILE *out;
} page;

static const char *const part_names[BF_SUMMARY_PARTS] = {"not dealt", "train", "validation", "test", "excluded", "all"};

typedef struct line {
  const char *words, *key;
  size_t offset;
} line;

#define PART(field) offsetof(bf_part_summary, field)
static const line lines[] = {{"patients", "patients", PART(patients)},
                             {"studies", "studies", PART(studies)},
                             {"groups", "groups", PART(groups)},
                             {"images", "images", PART(images)},
                             {"  benign", "benign", PART(benign)},
                             {"  malignant", "malignant", PART(malignant)},
                             {"  class unknown", "unknown", PART(unknown)},
                             {"lesions known in", "lesions_known", PART(lesions_known)},
                             {"  masks of", "masks", PART(masks)},
                             {"lesions", "lesions", PART(lesions)}};
#undef PART
enum { line_count = sizeof lines / sizeof lines[0] };

static int64_t value_of(const bf_part_summary *s, const line *l) {
  int64_t value;
  memcpy(&value, (const char *)s + l->offset, sizeof value);
  return value;
}

/* Names of files may hold anything: a line stays a line. */
static void put_plain(FILE *out, const char *text) {
  for (; *text != '\0'; text++) fputc((unsigned char)*text < 32 || *text == 127 ? '?' : *text, out);
}

static bool starts(const char *text, const char *with) { return strncmp(text, with, strlen(with)) == 0; }

/* ---- reasons, counted ---- */

static bf_reasons count_reasons(const page *p) {
  bf_reasons reasons = {.count = 0};
  for (int64_t i = 0; i < p->left_out_count; i++) bf_reasons_add(&reasons, p->left_out[i].reason);
  return reasons;
}

/* ---- text ---- */

static void put_head(const page *p) {
  const bf_part_summary *all = &p->summary.parts[BF_SUMMARY_ALL];
  const char *created = bf_dataset_get_note(p->data, "created"), *key = bf_dataset_get_note(p->data, "patient_key"),
             *version = bf_dataset_get_note(p->data, "software_version");
  put_plain(p->out, bf_path_name(p->path));
  fprintf(p->out, ": %" PRId64 " images of %" PRId64 " patients in %" PRId64 " studies\n", all->images, all->patients,
          all->studies);
  fprintf(p->out, "made %s by bifocal %s; patients known by keyed hash (key: %s)\n\n", created ? created : "?",
          version ? version : "?", key ? key : "?");
}

static void put_parts(const page *p) {
  bool shown[BF_SUMMARY_PARTS];
  for (int k = 0; k < BF_SUMMARY_PARTS; k++) shown[k] = k == BF_SUMMARY_ALL || p->summary.parts[k].images > 0;
  static const int order[BF_SUMMARY_PARTS] = {BF_SPLIT_TRAIN,    BF_SPLIT_VALIDATION, BF_SPLIT_TEST,
                                              BF_SPLIT_EXCLUDED, BF_SPLIT_NONE,       BF_SUMMARY_ALL};
  fprintf(p->out, "%-20s", "");
  for (int k = 0; k < BF_SUMMARY_PARTS; k++)
    if (shown[order[k]]) fprintf(p->out, "%12s", part_names[order[k]]);
  fputc('\n', p->out);
  for (int l = 0; l < line_count; l++) {
    fprintf(p->out, "%-20s", lines[l].words);
    for (int k = 0; k < BF_SUMMARY_PARTS; k++)
      if (shown[order[k]]) fprintf(p->out, "%12" PRId64, value_of(&p->summary.parts[order[k]], &lines[l]));
    fputc('\n', p->out);
  }
  fputs("A group is what never stands on two sides of a split: a patient's images, and images that look alike.\n\n",
        p->out);
}

static void put_identity(const page *p) {
  const bf_data_summary *s = &p->summary;
  fprintf(p->out, "leaks: %" PRId64 " patients and %" PRId64 " groups stand on two sides\n", s->patients_on_two_sides,
          s->groups_on_two_sides);
  fprintf(p->out,
          "identity: %" PRId64 " images have no Patient ID and are held together by their study, %" PRId64
          " have neither\n",
          s->without_patient, s->without_identity);
}

static void put_duplicates(const page *p) {
  int64_t count = bf_dataset_duplicate_count(p->data);
  const bf_duplicate *d = bf_dataset_duplicates(p->data);
  const char *alike = bf_dataset_get_note(p->data, "split.alike");
  if (alike == NULL || strcmp(alike, "0") == 0) {
    fputs("alike: nobody looked for images of different patients that look alike\n", p->out);
    return;
  }
  fprintf(p->out,
          "alike: %" PRId64 " pairs of images of different patients look alike (at most %s of 256 bits); of %" PRId64
          " one is benign and one malignant\n",
          count, alike, p->summary.labels_differ);
  for (int64_t i = 0; i < count && i < most_lines; i++) {
    fprintf(p->out, "  rows %" PRId64 " and %" PRId64 ", %d bits, detail %.2f%s: ", d[i].first, d[i].second,
            d[i].distance, (double)d[i].correlation, d[i].labels_differ ? ", LABELS DIFFER" : "");
    put_plain(p->out, bf_dataset_record(p->data, d[i].first)->file);
    fputs(", ", p->out);
    put_plain(p->out, bf_dataset_record(p->data, d[i].second)->file);
    fputc('\n', p->out);
  }
  if (count > most_lines) fprintf(p->out, "  ... and %" PRId64 " more under /duplicates\n", count - most_lines);
}

static void put_folds(const page *p) {
  const char *seed = bf_dataset_get_note(p->data, "split.seed");
  if (p->summary.fold_count == 0) {
    fputs("folds: none\n", p->out);
    return;
  }
  fprintf(p->out, "folds: %d, dealt with seed %s:", p->summary.fold_count, seed ? seed : "?");
  for (int k = 0; k < p->summary.fold_count; k++) {
    const bf_part_summary *f = &p->summary.folds[k];
    fprintf(p->out, "%s %" PRId64 " patients with %" PRId64 " benign, %" PRId64 " malignant, %" PRId64 " unknown",
            k > 0 ? ";" : "", f->patients, f->benign, f->malignant, f->unknown);
  }
  fputs("\n\n", p->out);
}

static void put_size(FILE *out, const char *unit, const bf_size_summary *s) {
  if (s->count == 0) return;
  fprintf(out, "longest side of %" PRId64 " lesions: %.3g to %.3g %s, quartiles %.3g, %.3g, %.3g\n", s->count,
          s->quantiles[0], s->quantiles[4], unit, s->quantiles[1], s->quantiles[2], s->quantiles[3]);
}

/* In words, and as a key. */
static const char *const column_names[BF_SUMMARY_COLUMNS][2] = {{"modalities", "modalities"},
                                                                {"manufacturers", "manufacturers"},
                                                                {"age groups", "age_groups"},
                                                                {"lateralities", "lateralities"},
                                                                {"views", "views"}};

/* Makers' names hold commas. */
static void put_words(FILE *out, int column, const bf_data_summary *s) {
  const bf_words_summary *w = &s->columns[column];
  fprintf(out, "%s:", column_names[column][0]);
  for (int k = 0; k < w->count; k++)
    fprintf(out, "%s %s %" PRId64,
            k == 0                              ? ""
            : column == BF_SUMMARY_MANUFACTURER ? ";"
                                                : ",",
            w->words[k].word[0] != '\0' ? w->words[k].word : "unknown", w->words[k].images);
}

static void put_content(const page *p) {
  const bf_data_summary *s = &p->summary;
  put_size(p->out, "pixels", &s->pixels);
  put_size(p->out, "mm", &s->millimetres);
  put_words(p->out, BF_SUMMARY_MODALITY, s);
  fprintf(p->out, "; %" PRId64 " volumes\n", s->volumes);
  for (int c = BF_SUMMARY_MODALITY + 1; c < BF_SUMMARY_COLUMNS; c++) {
    put_words(p->out, c, s);
    fputc('\n', p->out);
  }
}

static void put_left_out(const page *p) {
  bf_reasons reasons = count_reasons(p);
  fprintf(p->out, "left out: %" PRId64 " files", p->left_out_count);
  for (int k = 0; k < reasons.count; k++)
    fprintf(p->out, "%s %s %" PRId64, k > 0 ? "," : ":", reasons.items[k].name, reasons.items[k].count);
  fputs(p->left_out_count > 0 ? " (each with its reason under /left_out)\n" : "\n", p->out);
}

/* Where it comes from: label files and settings, in the order of their names. */
static void put_notes(const page *p) {
  for (int64_t i = 0; i < bf_dataset_note_count(p->data); i++) {
    const char *name, *text;
    bf_dataset_note_at(p->data, i, &name, &text);
    if (!starts(name, "labels.") && !starts(name, "prepare.") && !starts(name, "split.") && !starts(name, "merged."))
      continue;
    fprintf(p->out, "%s: ", name);
    put_plain(p->out, text);
    fputc('\n', p->out);
  }
  const char *counts = bf_dataset_get_note(p->data, "counts");
  if (counts != NULL) fprintf(p->out, "counts of ingest: %s\n", counts);
}

static void put_page(const page *p) {
  put_head(p);
  put_parts(p);
  put_identity(p);
  put_duplicates(p);
  put_folds(p);
  put_content(p);
  put_left_out(p);
  put_notes(p);
}

static bf_status make_text(char **text, page *p, bf_error *err) {
  size_t size;
  p->out = open_memstream(text, &size);
  if (p->out == NULL) return bf_fail(err, BF_E_MEMORY, "%s: no memory for its page", p->path);
  put_page(p);
  bool good = !ferror(p->out);
  good = fclose(p->out) == 0 && good;
  return good ? BF_OK : bf_fail(err, BF_E_MEMORY, "%s: no memory for its page", p->path);
}

/* ---- JSON ---- */

static json_t *bytes(const char *text) {
  char *copy = bf_utf8_copy(text);
  json_t *value = json_string(copy != NULL ? copy : "?");
  bf_free(copy);
  return value;
}

static json_t *real(double value) { return isfinite(value) ? json_real(value) : json_null(); }

static json_t *part_json(const bf_part_summary *s) {
  json_t *o = json_object();
  for (int l = 0; l < line_count; l++) json_object_set_new(o, lines[l].key, json_integer(value_of(s, &lines[l])));
  return o;
}

static json_t *size_json(const bf_size_summary *s) {
  json_t *o = json_object(), *quantiles = json_array();
  json_object_set_new(o, "count", json_integer(s->count));
  for (int k = 0; k < BF_SUMMARY_SIZES; k++) json_array_append_new(quantiles, real(s->quantiles[k]));
  json_object_set_new(o, "quantiles", quantiles);
  return o;
}

static json_t *words_json(const bf_words_summary *s) {
  json_t *o = json_object();
  for (int k = 0; k < s->count; k++) json_object_set_new(o, s->words[k].word, json_integer(s->words[k].images));
  return o;
}

static json_t *duplicates_json(const page *p) {
  json_t *list = json_array();
  const bf_duplicate *d = bf_dataset_duplicates(p->data);
  for (int64_t i = 0; i < bf_dataset_duplicate_count(p->data); i++)
    json_array_append_new(list, json_pack("{s:I, s:I, s:i, s:o, s:b}", "first", (json_int_t)d[i].first, "second",
                                          (json_int_t)d[i].second, "distance", (int)d[i].distance, "correlation",
                                          real((double)d[i].correlation), "labels_differ", d[i].labels_differ != 0));
  return list;
}

static json_t *left_out_json(const page *p) {
  json_t *o = json_object();
  bf_reasons reasons = count_reasons(p);
  for (int k = 0; k < reasons.count; k++)
    json_object_set_new(o, reasons.items[k].name, json_integer(reasons.items[k].count));
  return o;
}

static json_t *notes_json(const page *p) {
  json_t *o = json_object();
  for (int64_t i = 0; i < bf_dataset_note_count(p->data); i++) {
    const char *name, *text;
    bf_dataset_note_at(p->data, i, &name, &text);
    json_object_set_new(o, name, bytes(text));
  }
  return o;
}

static bf_status make_json(char **json, const page *p, bf_error *err) {
  const bf_data_summary *s = &p->summary;
  json_t *root = json_object(), *parts = json_object(), *folds = json_array();
  static const char *const keys[BF_SUMMARY_PARTS] = {"none", "train", "validation", "test", "excluded", "all"};
  for (int k = 0; k < BF_SUMMARY_PARTS; k++) json_object_set_new(parts, keys[k], part_json(&s->parts[k]));
  for (int k = 0; k < s->fold_count; k++) json_array_append_new(folds, part_json(&s->folds[k]));
  json_object_set_new(root, "parts", parts);
  json_object_set_new(root, "folds", folds);
  for (int c = 0; c < BF_SUMMARY_COLUMNS; c++)
    json_object_set_new(root, column_names[c][1], words_json(&s->columns[c]));
  json_object_set_new(root, "volumes", json_integer(s->volumes));
  json_object_set_new(root, "lesion_pixels", size_json(&s->pixels));
  json_object_set_new(root, "lesion_millimetres", size_json(&s->millimetres));
  json_object_set_new(root, "patients_on_two_sides", json_integer(s->patients_on_two_sides));
  json_object_set_new(root, "groups_on_two_sides", json_integer(s->groups_on_two_sides));
  json_object_set_new(root, "without_patient", json_integer(s->without_patient));
  json_object_set_new(root, "without_identity", json_integer(s->without_identity));
  json_object_set_new(root, "duplicates", duplicates_json(p));
  json_object_set_new(root, "left_out", left_out_json(p));
  json_object_set_new(root, "notes", notes_json(p));
  *json = json_dumps(root, JSON_INDENT(2) | JSON_PRESERVE_ORDER | JSON_REAL_PRECISION(9));
  json_decref(root);
  return *json != NULL ? BF_OK : bf_fail(err, BF_E_MEMORY, "%s: no memory for its page", p->path);
}

bf_status bf_data_show(char **text, char **json, const char *path, bf_error *err) {
  bf_dataset *data = NULL;
  page p = {.path = path};
  if (text != NULL) *text = NULL;
  if (json != NULL) *json = NULL;
  bf_status status = bf_dataset_open(&data, path, err);
  if (status != BF_OK) return status;
  p.data = data;
  p.left_out_count = bf_dataset_left_out_count(data);
  status = bf_dataset_left_out(&p.left_out, data, err);
  if (status == BF_OK) status = bf_data_summarise(&p.summary, data, err);
  if (status == BF_OK && text != NULL) status = make_text(text, &p, err);
  if (status == BF_OK && json != NULL) status = make_json(json, &p, err);
  bf_data_summary_clear(&p.summary);
  if (p.left_out != NULL) bf_dataset_left_out_free(p.left_out, p.left_out_count);
  bf_dataset_close(data);
  return status;
}
