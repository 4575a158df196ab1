/* Whether a dataset can be trusted, whoever made it: nothing that it says of itself is believed. */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "base/pool.h"
#include "bifocal/data.h"
#include "data/alike.h"
#include "data/string_map.h"

enum { all_sides = 1 << BF_SPLIT_TRAIN | 1 << BF_SPLIT_VALIDATION | 1 << BF_SPLIT_TEST, usual_alike = 40 };

typedef struct check {
  bf_dataset *data;
  bf_pool *pool;
  bf_protocol facts; /* of the rows, as ingest collects them */
  int64_t *group;    /* by patients and studies alone */
  int64_t *first;    /* of each patient, group, ...: a row that has it; -1 none yet */
  uint16_t *picture;
  int64_t room;
  bf_data_check_report *report;
} check;

static bf_data_finding *find(check *c, const char *name) {
  bf_data_check_report *r = c->report;
  for (int i = 0; i < r->count; i++)
    if (strcmp(r->findings[i].check, name) == 0) return &r->findings[i];
  bf_data_finding *f = &r->findings[r->count < BF_DATA_FINDINGS ? r->count++ : BF_DATA_FINDINGS - 1];
  *f = (bf_data_finding){.check = name};
  return f;
}

BF_PRINTF(3, 4) static void tell(check *c, const char *name, const char *format, ...) {
  bf_data_finding *f = find(c, name);
  if (f->count++ > 0) return;
  va_list arguments;
  va_start(arguments, format);
  vsnprintf(f->example, sizeof f->example, format, arguments);
  va_end(arguments);
}

/* ---- rows by themselves ---- */

static void check_lesions(check *c, int64_t row, const bf_record *r) {
  const bf_lesion *lesions = bf_dataset_lesions(c->data, row);
  if (r->lesions_known == 0 && r->lesions_count > 0)
    tell(c, "lesions_where_nobody_looked", "row %lld has %d lesions, and lesions_known is 0", (long long)row,
         r->lesions_count);
  for (int32_t i = 0; i < r->lesions_count; i++) {
    const bf_lesion *l = &lesions[i];
    if (l->xmin < 0 || l->ymin < 0 || l->xmax > (float)r->columns || l->ymax > (float)r->rows)
      tell(c, "box_outside", "row %lld: box %g, %g to %g, %g in an image of %d x %d", (long long)row, (double)l->xmin,
           (double)l->ymin, (double)l->xmax, (double)l->ymax, r->columns, r->rows);
    if (r->malignant == 0 && l->malignant == 1)
      tell(c, "class_and_lesions_differ", "row %lld is benign and has a malignant lesion", (long long)row);
  }
}

static bool is_flat(const uint16_t *pixels, int64_t n) {
  int64_t i = 1;
  while (i < n && pixels[i] == pixels[0]) i++;
  return i >= n;
}

static bf_status look(check *c, int64_t row, bf_record *r, bf_error *err) {
  int64_t n = (int64_t)r->prepared_rows * r->prepared_columns;
  if (n > c->room) {
    bf_free(c->picture);
    c->picture = bf_alloc_raw((size_t)n, sizeof *c->picture);
    c->room = c->picture != NULL ? n : 0;
    if (c->picture == NULL) return bf_fail(err, BF_E_MEMORY, "no memory to look at a picture");
  }
  bf_status status = bf_dataset_pixels(c->data, row, c->picture, err);
  if (status != BF_OK) return status;
  bf_fingerprint print;
  char hex[BF_FINGERPRINT_HEX];
  bf_fingerprint_of(&print, c->picture, r->prepared_rows, r->prepared_columns);
  bf_fingerprint_write(hex, &print);
  if (r->fingerprint[0] != '\0' && strcmp(hex, r->fingerprint) != 0)
    tell(c, "fingerprint_differs", "row %lld: the picture is not the one that its fingerprint was made of",
         (long long)row);
  if (is_flat(c->picture, n)) tell(c, "flat_picture", "row %lld is of one grey", (long long)row);
  memcpy(r->fingerprint, hex, sizeof r->fingerprint);
  return BF_OK;
}

static bf_status check_rows(check *c, bf_error *err) {
  bf_string_map images = {0};
  bf_status status = BF_OK;
  for (int64_t i = 0; i < c->report->images && status == BF_OK; i++) {
    bf_record r = *bf_dataset_record(c->data, i);
    char name[96];
    check_lesions(c, i, &r);
    status = look(c, i, &r, err);
    if (status == BF_OK) status = bf_protocol_add(&c->facts, &r, NULL, i, err);
    if (status != BF_OK || r.sop_instance_uid[0] == '\0') continue;
    snprintf(name, sizeof name, "%s %d", r.sop_instance_uid, r.frame);
    int64_t earlier = bf_string_map_get(&images, name);
    if (earlier >= 0)
      tell(c, "same_image_twice", "rows %lld and %lld have one SOP Instance UID and frame", (long long)earlier,
           (long long)i);
    else
      status = bf_string_map_set(&images, name, i, err);
  }
  bf_string_map_clear(&images);
  return status;
}

/* ---- rows together ---- */

static void forget(check *c) {
  for (int64_t i = 0; i < c->report->images; i++) c->first[i] = -1;
}

static bool sides_differ(const bf_record *a, const bf_record *b) {
  return a->split != b->split && (all_sides >> a->split & 1) != 0 && (all_sides >> b->split & 1) != 0;
}

static bool folds_differ(const bf_record *a, const bf_record *b) {
  return a->fold >= 0 && b->fold >= 0 && a->fold != b->fold;
}

static bool groups_differ(const bf_record *a, const bf_record *b) { return a->group != b->group; }

static bool has_side(const bf_record *r) { return (all_sides >> r->split & 1) != 0; }
static bool has_fold(const bf_record *r) { return r->fold >= 0; }
static bool has_group(const bf_record *r) { return r->group >= 0; }

/* Each row with the first one of its number that has what is compared. */
static void compare_with_first(check *c, const int64_t *number, bool (*has)(const bf_record *),
                               bool (*differ)(const bf_record *, const bf_record *), const char *finding) {
  forget(c);
  for (int64_t i = 0; i < c->report->images; i++) {
    const bf_record *r = bf_dataset_record(c->data, i);
    if (number[i] < 0 || !has(r)) continue;
    int64_t *first = &c->first[number[i]];
    if (*first < 0)
      *first = i;
    else if (differ(bf_dataset_record(c->data, *first), r))
      tell(c, finding, "rows %lld and %lld", (long long)*first, (long long)i);
  }
}

/* Static words for the findings. */
static void check_together(check *c, const int64_t *number, const char *on_sides, const char *in_folds,
                           const char *in_groups) {
  compare_with_first(c, number, has_side, sides_differ, on_sides);
  compare_with_first(c, number, has_fold, folds_differ, in_folds);
  if (in_groups != NULL) compare_with_first(c, number, has_group, groups_differ, in_groups);
}

static void check_identity(check *c) {
  for (int64_t i = 0; i < c->report->images; i++)
    if (c->facts.facts[i].owner.patient < 0)
      tell(c, "no_patient", "row %lld: one person may stand on both sides of a split", (long long)i);
}

static bf_status read_pixels(void *argument, int64_t row, uint16_t *dst, int32_t *rows, int32_t *columns,
                             bf_error *err) {
  bf_dataset *data = argument;
  const bf_record *r = bf_dataset_record(data, row);
  *rows = r->prepared_rows;
  *columns = r->prepared_columns;
  return bf_dataset_pixels(data, row, dst, err);
}

static bf_status check_alike(check *c, bf_error *err) {
  bf_alike alike;
  const char *said = bf_dataset_get_note(c->data, "split.alike");
  int most = said != NULL ? atoi(said) : usual_alike;
  bf_status status =
      bf_alike_find(&alike, c->facts.facts, c->group, c->report->images, most, read_pixels, c->data, c->pool, err);
  for (int64_t i = 0; i < alike.count && status == BF_OK; i++) {
    const bf_duplicate *d = &alike.duplicates[i];
    const bf_record *a = bf_dataset_record(c->data, d->first), *b = bf_dataset_record(c->data, d->second);
    if (sides_differ(a, b) || folds_differ(a, b) || (a->group >= 0 && a->group != b->group) || a->group < 0)
      tell(c, sides_differ(a, b) ? "alike_on_two_sides" : "alike_and_apart",
           "rows %lld and %lld of different patients look alike (%d bits, detail %.2f)", (long long)d->first,
           (long long)d->second, d->distance, (double)d->correlation);
    if (d->labels_differ)
      tell(c, "alike_and_labels_differ", "rows %lld and %lld: one is benign and one malignant", (long long)d->first,
           (long long)d->second);
  }
  bf_alike_clear(&alike);
  return status;
}

static bf_status check_all(check *c, bf_error *err) {
  size_t n = (size_t)c->report->images;
  int64_t count, *patient = bf_alloc(n, sizeof *patient);
  bf_owner *owners = bf_alloc(n, sizeof *owners);
  bf_status status = patient && owners ? check_rows(c, err) : bf_fail(err, BF_E_MEMORY, "no memory to check");
  for (size_t i = 0; i < n && status == BF_OK; i++) {
    owners[i] = c->facts.facts[i].owner;
    patient[i] = owners[i].patient;
  }
  if (status == BF_OK) status = bf_groups_make(c->group, &count, owners, (int64_t)n, NULL, 0, err);
  if (status == BF_OK) {
    check_together(c, patient, "patient_on_two_sides", "patient_in_two_folds", "patient_in_two_groups");
    check_identity(c);
    status = check_alike(c, err);
  }
  if (status == BF_OK && bf_dataset_has_groups(c->data) &&
      (status = bf_groups_of(c->group, &count, c->data, err)) == BF_OK)
    check_together(c, c->group, "group_on_two_sides", "group_in_two_folds", NULL);
  bf_free(patient);
  bf_free(owners);
  return status;
}

bf_status bf_data_check(bf_data_check_report *report, const char *path, int threads, bf_error *err) {
  check c = {.report = report};
  *report = (bf_data_check_report){.count = 0};
  bf_status status = bf_dataset_open(&c.data, path, err);
  if (status != BF_OK) return status;
  report->images = bf_dataset_count(c.data);
  status = bf_pool_create(&c.pool, threads, err);
  c.group = bf_alloc((size_t)report->images, sizeof *c.group);
  c.first = bf_alloc((size_t)report->images, sizeof *c.first);
  if (status == BF_OK && (c.group == NULL || c.first == NULL))
    status = bf_fail(err, BF_E_MEMORY, "%s: no memory to check it", path);
  if (status == BF_OK) status = check_all(&c, err);
  bf_protocol_clear(&c.facts);
  bf_free(c.group);
  bf_free(c.first);
  bf_free(c.picture);
  bf_pool_destroy(c.pool);
  bf_dataset_close(c.data);
  return status;
}
