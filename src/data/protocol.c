/* Facts row by row, then everything at once. */
#include "data/protocol.h"

#include <stdio.h>
#include <string.h>

#include "base/memory.h"
#include "data/alike.h"

/* ---- facts ---- */

static bool is_volumetric(const bf_record *r) {
  return r->volume >= 0 || strcmp(r->modality, "CT") == 0 || strcmp(r->modality, "MR") == 0 ||
         strcmp(r->modality, "PT") == 0;
}

bf_status bf_protocol_add(bf_protocol *p, const bf_record *record, const char *said, int64_t source, bf_error *err) {
  if (p->count == p->room) {
    int64_t room = p->room < 64 ? 64 : 2 * p->room;
    bf_row_fact *grown = bf_grow(p->facts, (size_t)p->count, (size_t)room, sizeof *grown);
    if (grown == NULL) return bf_fail(err, BF_E_MEMORY, "no memory for what is known of the images");
    p->facts = grown;
    p->room = room;
  }
  bf_row_fact *fact = &p->facts[p->count];
  *fact = (bf_row_fact){.source = source,
                        .pixels = record->prepared_rows * record->prepared_columns,
                        .malignant = record->malignant,
                        .split = record->split,
                        .volumetric = is_volumetric(record)};
  fact->has_print = bf_fingerprint_read(&fact->print, record->fingerprint);
  bf_status status = bf_string_map_number(&fact->owner.patient, &p->patients, record->patient, err);
  if (status == BF_OK) status = bf_string_map_number(&fact->owner.study, &p->studies, record->study_instance_uid, err);
  if (status == BF_OK) status = bf_string_map_number(&fact->owner.said, &p->said, said != NULL ? said : "", err);
  if (status == BF_OK) status = bf_string_map_number(&fact->modality, &p->modalities, record->modality, err);
  if (status == BF_OK) p->count++;
  return status;
}

void bf_protocol_clear(bf_protocol *p) {
  bf_free(p->facts);
  bf_string_map_clear(&p->patients);
  bf_string_map_clear(&p->studies);
  bf_string_map_clear(&p->modalities);
  bf_string_map_clear(&p->said);
  *p = (bf_protocol){0};
}

/* ---- at the end ---- */

typedef struct work {
  bf_owner *owners;
  int64_t *group, *said;
  bf_split_row *rows;
  uint8_t *split;
  int32_t *fold;
  bf_alike alike;
} work;

static void work_clear(work *w) {
  bf_free(w->owners);
  bf_free(w->group);
  bf_free(w->said);
  bf_free(w->rows);
  bf_free(w->split);
  bf_free(w->fold);
  bf_alike_clear(&w->alike);
}

static bf_status work_create(work *w, const bf_protocol *p, bf_error *err) {
  size_t n = (size_t)p->count;
  *w = (work){.owners = bf_alloc(n, sizeof *w->owners),
              .group = bf_alloc(n, sizeof *w->group),
              .said = bf_alloc(n, sizeof *w->said),
              .rows = bf_alloc(n, sizeof *w->rows),
              .split = bf_alloc(n, 1),
              .fold = bf_alloc(n, sizeof *w->fold)};
  if (!w->owners || !w->group || !w->said || !w->rows || !w->split || !w->fold)
    return bf_fail(err, BF_E_MEMORY, "no memory to split %zu images", n);
  for (int64_t i = 0; i < p->count; i++) w->owners[i] = p->facts[i].owner;
  return BF_OK;
}

/* The labels' splits, against those who are known to be one patient. */
static bf_status check_crossing(bf_protocol *p, work *w, bf_error *err) {
  int64_t crossing = 0;
  for (int64_t i = 0; i < p->count; i++) w->said[i] = -1;
  p->crossing[0] = p->crossing[1] = -1;
  for (int64_t i = 0; i < p->count; i++) {
    if (p->facts[i].split == BF_SPLIT_NONE || p->facts[i].split == BF_SPLIT_EXCLUDED) continue;
    int64_t *said = &w->said[w->group[i]];
    if (*said < 0) *said = i;
    if (p->facts[i].split == p->facts[*said].split) continue;
    if (crossing++ == 0) p->crossing[0] = p->facts[*said].source, p->crossing[1] = p->facts[i].source;
  }
  if (crossing == 0) return BF_OK;
  return bf_fail(err, BF_E_ARGUMENT, "the labels give two splits to the images of one patient");
}

static bf_status read_pixels(void *argument, int64_t row, uint16_t *dst, int32_t *rows, int32_t *columns,
                             bf_error *err) {
  return bf_dataset_appended_pixels(argument, row, dst, rows, columns, err);
}

static void count_identities(bf_protocol *p) {
  for (int64_t i = 0; i < p->count; i++) {
    bf_owner o = p->facts[i].owner;
    p->counts.without_patient += o.patient < 0 && o.study >= 0;
    p->counts.without_identity += o.patient < 0 && o.study < 0;
  }
}

static bf_status deal(bf_protocol *p, work *w, const bf_split_options *o, bf_error *err) {
  bf_error why = {0};
  for (int64_t i = 0; i < p->count; i++)
    w->rows[i] = (bf_split_row){.group = w->group[i],
                                .stratum = bf_stratum_of(p->facts[i].malignant, p->facts[i].modality),
                                .split = p->facts[i].split};
  bf_status status = bf_deal_parts(w->split, w->rows, p->count, o->test, o->validation, (uint64_t)o->seed, err);
  for (int64_t i = 0; i < p->count; i++) w->rows[i].split = w->split[i], w->fold[i] = -1;
  if (status != BF_OK || o->folds < 2) return status;
  status = bf_deal_folds(w->fold, w->rows, p->count, o->folds, (uint64_t)o->seed, &why);
  if (status == BF_OK) p->counts.folds = o->folds;
  if (status == BF_E_ARGUMENT) return BF_OK; /* too few patients: train says so where folds are asked for */
  return status == BF_OK ? BF_OK : bf_fail(err, status, "%s", why.message);
}

static void count_groups(bf_protocol *p, work *w) {
  for (int64_t i = 0; i < p->count; i++) w->said[i] = 0;
  for (int64_t i = 0; i < p->count; i++) {
    int64_t size = ++w->said[w->group[i]];
    if (size > p->counts.largest) p->counts.largest = size;
  }
}

static bf_status write_all(bf_protocol *p, work *w, bf_dataset_writer *writer, const bf_split_options *o,
                           bf_error *err) {
  bf_protocol_counts *c = &p->counts;
  bf_status status = BF_OK;
  for (int64_t i = 0; i < p->count; i++) {
    bf_dataset_set_part(writer, i, (bf_split)w->split[i], w->fold[i], w->group[i]);
    c->parts[w->split[i]]++;
  }
  c->excluded = c->parts[BF_SPLIT_EXCLUDED];
  for (int64_t i = 0; i < w->alike.count && status == BF_OK; i++) {
    status = bf_dataset_add_duplicate(writer, &w->alike.duplicates[i], err);
    c->labels_differ += w->alike.duplicates[i].labels_differ;
  }
  char text[64];
  const struct {
    const char *name;
    double value;
  } notes[] = {{"split.test", o->test},
               {"split.validation", o->validation},
               {"split.folds", (double)c->folds},
               {"split.seed", o->seed},
               {"split.given_ignored", o->given == BF_SPLIT_IGNORE},
               {"split.alike", o->alike}};
  for (size_t i = 0; i < sizeof notes / sizeof notes[0] && status == BF_OK; i++) {
    snprintf(text, sizeof text, "%.10g", notes[i].value);
    status = bf_dataset_note(writer, notes[i].name, text, err);
  }
  return status;
}

bf_status bf_protocol_finish(bf_protocol *p, bf_dataset_writer *writer, const bf_split_options *options, bf_pool *pool,
                             bf_error *err) {
  work w;
  int64_t groups;
  for (int64_t i = 0; i < p->count && options->given == BF_SPLIT_IGNORE; i++) p->facts[i].split = BF_SPLIT_NONE;
  p->counts = (bf_protocol_counts){.patients = p->patients.count, .studies = p->studies.count};
  bf_status status = work_create(&w, p, err);
  if (status == BF_OK) status = bf_groups_make(w.group, &groups, w.owners, p->count, NULL, 0, err);
  if (status == BF_OK) status = check_crossing(p, &w, err);
  if (status == BF_OK)
    status = bf_alike_find(&w.alike, p->facts, w.group, p->count, options->alike, read_pixels, writer, pool, err);
  if (status == BF_OK)
    status = bf_groups_make(w.group, &p->counts.groups, w.owners, p->count, w.alike.pairs, w.alike.count, err);
  if (status == BF_OK) status = deal(p, &w, options, err);
  if (status == BF_OK) {
    p->counts.duplicates = w.alike.count;
    p->counts.crowded = w.alike.crowded;
    count_identities(p);
    count_groups(p, &w);
    status = write_all(p, &w, writer, options, err);
  }
  work_clear(&w);
  return status;
}
