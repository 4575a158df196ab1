/* What a model may say of the data that it learnt from: who was on which side, and that nobody was on two. */
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/memory.h"
#include "data/groups.h"
#include "run/train_job.h"

enum { side_train, side_validation, side_held, sides };

static const char *const side_names[sides] = {"train", "validation", "held_out"};

typedef struct certificate {
  const bf_trainer *trainer;
  const bf_dataset *data;
  const uint8_t *held; /* of each row, or NULL: what the dataset keeps for testing */
  int64_t *group, *patient;
  uint8_t *seen; /* of each group or patient: a bit a side */
  int64_t groups, patients;
} certificate;

static int side_of(const certificate *c, int64_t row) {
  const bf_record *r = bf_dataset_record(c->data, row);
  if (c->trainer->part[row] == BF_SPLIT_TRAIN) return side_train;
  if (c->trainer->part[row] == BF_SPLIT_VALIDATION) return side_validation;
  if (c->held != NULL ? c->held[row] != 0 : r->split == BF_SPLIT_TEST) return side_held;
  return -1; /* of no part: nothing is learnt from it, and nothing judged by it */
}

/* Which sides each member of a numbering stands on; returns how many stand on more than one. */
static int64_t mark_sides(certificate *c, const int64_t *number, int64_t count) {
  int64_t crossing = 0;
  memset(c->seen, 0, (size_t)count);
  for (int64_t i = 0; i < bf_dataset_count(c->data); i++) {
    int side = side_of(c, i);
    if (side >= 0 && number[i] >= 0) c->seen[number[i]] |= (uint8_t)(1 << side);
  }
  for (int64_t i = 0; i < count; i++) crossing += (c->seen[i] & (c->seen[i] - 1)) != 0;
  return crossing;
}

static int64_t members_on(const certificate *c, int side, int64_t count) {
  int64_t n = 0;
  for (int64_t i = 0; i < count; i++) n += c->seen[i] >> side & 1;
  return n;
}

static int by_text(const void *a, const void *b) { return strcmp(*(char *const *)a, *(char *const *)b); }

/* Of the lines "<SOP Instance UID> <frame>\n", sorted: two sets of images are equal when their hashes are. */
static bf_status hash_side(char hex[65], const certificate *c, int side, bf_error *err) {
  enum { line_max = 96 };
  int64_t rows = bf_dataset_count(c->data), n = 0;
  char(*lines)[line_max] = bf_alloc((size_t)rows, line_max), **sorted = bf_alloc((size_t)rows, sizeof(char *)),
  *all = bf_alloc((size_t)rows, line_max);
  bf_status status = lines && sorted && all ? BF_OK : bf_fail(err, BF_E_MEMORY, "no memory for the training record");
  for (int64_t i = 0; i < rows && status == BF_OK; i++) {
    if (side_of(c, i) != side) continue;
    const bf_record *r = bf_dataset_record(c->data, i);
    snprintf(lines[n], line_max, "%s %d\n", r->sop_instance_uid, r->frame);
    sorted[n] = lines[n];
    n++;
  }
  if (status == BF_OK) {
    size_t used = 0;
    qsort(sorted, (size_t)n, sizeof *sorted, by_text);
    for (int64_t i = 0; i < n; i++) {
      size_t length = strlen(sorted[i]);
      memcpy(all + used, sorted[i], length);
      used += length;
    }
    bf_sha256(hex, all, used);
  }
  bf_free(lines);
  bf_free(sorted);
  bf_free(all);
  return status;
}

static bf_status add_side(json_t *to, certificate *c, int side, bf_error *err) {
  int64_t images = 0, of_class[3] = {0}, lesions = 0;
  for (int64_t i = 0; i < bf_dataset_count(c->data); i++) {
    const bf_record *r = bf_dataset_record(c->data, i);
    if (side_of(c, i) != side) continue;
    images++;
    of_class[r->malignant < 0 ? 2 : r->malignant]++;
    lesions += r->lesions_count;
  }
  char hex[65];
  bf_status status = hash_side(hex, c, side, err);
  if (status != BF_OK) return status;
  mark_sides(c, c->group, c->groups);
  int64_t groups = members_on(c, side, c->groups);
  mark_sides(c, c->patient, c->patients);
  json_object_set_new(to, side_names[side],
                      json_pack("{s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:s}", "images", (json_int_t)images, "patients",
                                (json_int_t)members_on(c, side, c->patients), "groups", (json_int_t)groups, "benign",
                                (json_int_t)of_class[0], "malignant", (json_int_t)of_class[1], "unknown",
                                (json_int_t)of_class[2], "lesions", (json_int_t)lesions, "sha256", hex));
  return BF_OK;
}

static void add_notes(json_t *to, const bf_dataset *data) {
  json_t *notes = json_object();
  for (int64_t i = 0; i < bf_dataset_note_count(data); i++) {
    const char *name, *text;
    bf_dataset_note_at(data, i, &name, &text);
    if (strncmp(name, "labels.", 7) == 0 || strncmp(name, "split.", 6) == 0 || strcmp(name, "patient_key") == 0)
      json_object_set_new(notes, name, json_string(text));
  }
  json_object_set_new(to, "dataset", notes);
}

static bf_status certificate_open(certificate *c, const bf_trainer *t, const uint8_t *held, bf_error *err) {
  size_t n = (size_t)bf_dataset_count(t->data);
  *c = (certificate){.trainer = t,
                     .data = t->data,
                     .held = held,
                     .group = bf_alloc(n, sizeof *c->group),
                     .patient = bf_alloc(n, sizeof *c->patient),
                     .seen = bf_alloc(n, 1)};
  bf_owner *owners = bf_alloc(n, sizeof *owners);
  bf_status status = c->group && c->patient && c->seen && owners
                         ? BF_OK
                         : bf_fail(err, BF_E_MEMORY, "no memory for the training record");
  if (status == BF_OK) status = bf_owners_of(owners, t->data, err);
  if (status == BF_OK) status = bf_groups_of(c->group, &c->groups, t->data, err);
  for (size_t i = 0; i < n && status == BF_OK; i++) {
    c->patient[i] = owners[i].patient;
    if (c->patient[i] >= c->patients) c->patients = c->patient[i] + 1;
  }
  bf_free(owners);
  return status;
}

static void certificate_clear(certificate *c) {
  bf_free(c->group);
  bf_free(c->patient);
  bf_free(c->seen);
}

/* A leak is a fault of ours, whatever the data: no model is made that hides one. */
static bf_status refuse_leaks(certificate *c, bf_error *err) {
  int64_t groups = mark_sides(c, c->group, c->groups), patients = mark_sides(c, c->patient, c->patients);
  if (groups == 0 && patients == 0) return BF_OK;
  return bf_fail(err, BF_E_INTERNAL,
                 "%lld patients and %lld groups of images stand on two sides of the split; nothing is trained",
                 (long long)patients, (long long)groups);
}

bf_status bf_certificate_make(char **json, const bf_trainer *t, const uint8_t *held, bf_error *err) {
  certificate c;
  *json = NULL;
  bf_status status = certificate_open(&c, t, held, err);
  if (status == BF_OK) status = refuse_leaks(&c, err);
  json_t *root = json_object();
  for (int side = 0; side < sides && status == BF_OK; side++) status = add_side(root, &c, side, err);
  if (status == BF_OK) {
    json_object_set_new(root, "patients_on_two_sides", json_integer(0));
    json_object_set_new(root, "groups_on_two_sides", json_integer(0));
    json_object_set_new(root, "duplicates", json_integer(bf_dataset_duplicate_count(t->data)));
    add_notes(root, t->data);
    *json = json_dumps(root, JSON_PRESERVE_ORDER | JSON_COMPACT);
    if (*json == NULL) status = bf_fail(err, BF_E_MEMORY, "no memory for the training record");
  }
  json_decref(root);
  certificate_clear(&c);
  return status;
}

bf_status bf_certificate_seen(bf_trainer *t, bf_error *err) {
  int64_t rows = bf_dataset_count(t->data), n = 0;
  uint64_t *hashes = bf_alloc((size_t)rows, sizeof *hashes);
  if (hashes == NULL) return bf_fail(err, BF_E_MEMORY, "no memory for the training record");
  for (int64_t i = 0; i < rows; i++) {
    const bf_record *r = bf_dataset_record(t->data, i);
    bool seen = t->part[i] == BF_SPLIT_TRAIN || t->part[i] == BF_SPLIT_VALIDATION;
    if (seen && r->sop_instance_uid[0] != '\0') hashes[n++] = bf_seen_hash(r->sop_instance_uid);
  }
  bf_seen_clear(&t->model->seen);
  bf_status status = bf_seen_add(&t->model->seen, hashes, n, err);
  bf_free(hashes);
  return status;
}
