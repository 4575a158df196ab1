/* Several datasets made one: rows are copied in the order of the inputs, then the whole is dealt anew. */
#include <stdio.h>
#include <string.h>

#include "base/cancel.h"
#include "base/file.h"
#include "base/log.h"
#include "base/memory.h"
#include "base/pool.h"
#include "bifocal/data.h"
#include "bifocal/version.h"
#include "data/protocol.h"

enum { most_inputs = 1000 };

typedef struct merge {
  const bf_data_merge_options *options;
  bf_split_options split;
  bf_pool *pool;
  bf_dataset_writer *writer;
  bf_protocol protocol;
  bf_string_map taken; /* "SOP Instance UID frame" -> 1 */
  uint16_t *picture;
  uint8_t *mask;
  int64_t picture_room, mask_room, volumes, labels;
  char prepare[4096]; /* of the first input, to compare with */
  bf_data_merge_report *report;
} merge;

static bf_status take_settings(merge *m, bf_error *err) {
  const bf_option_section section = {"split.", bf_split_table, &m->split};
  bf_status status = bf_option_sections_take(&section, 1, m->options->settings, m->options->setting_count,
                                             "split.NAME=VALUE, such as split.folds=5", err);
  return status == BF_OK ? bf_split_check(&m->split, err) : status;
}

/* Pictures that were prepared in two ways are two kinds of input: a network would learn which is which. */
static bf_status compare_preparation(merge *m, const bf_dataset *d, const char *path, bool first, bf_error *err) {
  char text[sizeof m->prepare] = "";
  size_t used = 0;
  for (int64_t i = 0; i < bf_dataset_note_count(d) && used < sizeof text; i++) {
    const char *name, *value;
    bf_dataset_note_at(d, i, &name, &value);
    if (strncmp(name, "prepare.", 8) != 0) continue;
    used += (size_t)snprintf(text + used, sizeof text - used, "%s=%s\n", name, value);
    bf_status status = first ? bf_dataset_note(m->writer, name, value, err) : BF_OK;
    if (status != BF_OK) return status;
  }
  if (first) memcpy(m->prepare, text, sizeof text);
  if (strcmp(m->prepare, text) == 0) return BF_OK;
  return bf_fail(err, BF_E_ARGUMENT,
                 "%s: was prepared otherwise than %s; ingest both with the same --set prepare.NAME=VALUE", path,
                 m->options->inputs[0]);
}

/* Label files are numbered on; of each input its name and hash are kept. */
static bf_status copy_notes(merge *m, const bf_dataset *d, int input, bf_error *err) {
  char name[64], hash[65], text[65 + 300];
  bf_status status = bf_sha256_file(hash, m->options->inputs[input], err);
  snprintf(name, sizeof name, "merged.%d", input + 1);
  snprintf(text, sizeof text, "sha256:%s %.200s", hash, bf_path_name(m->options->inputs[input]));
  if (status == BF_OK) status = bf_dataset_note(m->writer, name, text, err);
  for (int64_t i = 0; i < bf_dataset_note_count(d) && status == BF_OK; i++) {
    const char *key, *value;
    bf_dataset_note_at(d, i, &key, &value);
    if (strncmp(key, "labels.", 7) == 0)
      snprintf(name, sizeof name, "labels.%lld", (long long)++m->labels);
    else if (strncmp(key, "merged.", 7) == 0 || strcmp(key, "counts") == 0 || strcmp(key, "patient_key") == 0)
      snprintf(name, sizeof name, "merged.%d.%.40s", input + 1, key);
    else
      continue;
    status = bf_dataset_note(m->writer, name, value, err);
  }
  return status;
}

static bool make_room(void **block, int64_t *room, int64_t wanted) {
  if (wanted <= *room) return true;
  bf_free(*block);
  *block = bf_alloc_raw((size_t)wanted, 1);
  *room = *block != NULL ? wanted : 0;
  return *block != NULL;
}

/* Whether the image came before; notes it if not. */
static bf_status came_before(bool *before, merge *m, const bf_record *r, bf_error *err) {
  char name[96];
  *before = false;
  if (r->sop_instance_uid[0] == '\0') return BF_OK;
  snprintf(name, sizeof name, "%s %d", r->sop_instance_uid, r->frame);
  *before = bf_string_map_get(&m->taken, name) >= 0;
  return *before ? BF_OK : bf_string_map_set(&m->taken, name, 1, err);
}

static bf_status leave_out_copy(merge *m, const bf_record *r, bf_error *err) {
  char message[1024];
  snprintf(message, sizeof message, "%.900s: the same image as one of an earlier dataset (equal SOP Instance UID)",
           r->file);
  m->report->left_out++;
  return bf_dataset_leave_out(m->writer, r->file, "duplicate", message, err);
}

static bf_status copy_row(merge *m, bf_dataset *d, int64_t row, int64_t first_volume, bf_error *err) {
  bf_record r = *bf_dataset_record(d, row);
  bool before;
  bf_status status = came_before(&before, m, &r, err);
  if (status != BF_OK || before) return status == BF_OK ? leave_out_copy(m, &r, err) : status;
  int64_t pixels = (int64_t)r.prepared_rows * r.prepared_columns * (int64_t)sizeof *m->picture,
          mask = r.mask_known ? (int64_t)r.rows * ((r.columns + 7) / 8) : 0;
  if (!make_room((void **)&m->picture, &m->picture_room, pixels) || !make_room((void **)&m->mask, &m->mask_room, mask))
    return bf_fail(err, BF_E_MEMORY, "no memory to copy an image");
  status = bf_dataset_pixels(d, row, m->picture, err);
  if (status == BF_OK && r.mask_known) status = bf_dataset_mask(d, row, m->mask, err);
  if (r.volume >= 0) r.volume += first_volume;
  if (r.volume >= m->volumes) m->volumes = r.volume + 1;
  if (r.fingerprint[0] == '\0' && status == BF_OK) {
    bf_fingerprint print;
    bf_fingerprint_of(&print, m->picture, r.prepared_rows, r.prepared_columns);
    bf_fingerprint_write(r.fingerprint, &print);
  }
  if (status == BF_OK)
    status = bf_dataset_append(m->writer, &r, m->picture, bf_dataset_lesions(d, row), r.lesions_count,
                               r.mask_known ? m->mask : NULL, err);
  return status == BF_OK ? bf_protocol_add(&m->protocol, &r, NULL, m->report->images++, err) : status;
}

static bf_status copy_left_out(merge *m, const bf_dataset *d, bf_error *err) {
  bf_left_out *rows;
  int64_t count = bf_dataset_left_out_count(d);
  bf_status status = bf_dataset_left_out(&rows, d, err);
  if (status != BF_OK) return status;
  for (int64_t i = 0; i < count && status == BF_OK; i++)
    status = bf_dataset_leave_out(m->writer, rows[i].file, rows[i].reason, rows[i].message, err);
  bf_dataset_left_out_free(rows, count);
  return status;
}

static bf_status copy_input(merge *m, int input, bool *random_key, bf_error *err) {
  const char *path = m->options->inputs[input], *key;
  bf_dataset *d;
  int64_t first_volume = m->volumes;
  bf_status status = bf_dataset_open(&d, path, err);
  if (status != BF_OK) return status;
  key = bf_dataset_get_note(d, "patient_key");
  *random_key = *random_key || key == NULL || strncmp(key, "random", 6) == 0;
  status = compare_preparation(m, d, path, input == 0, err);
  if (status == BF_OK) status = copy_notes(m, d, input, err);
  for (int64_t i = 0; i < bf_dataset_count(d) && status == BF_OK; i++) {
    status = copy_row(m, d, i, first_volume, err);
    if (status == BF_OK && bf_cancelled())
      status = bf_fail(err, BF_E_CANCELLED, "stopped as asked; nothing was written");
  }
  if (status == BF_OK) status = copy_left_out(m, d, err);
  bf_dataset_close(d);
  return status;
}

static bf_status merge_all(merge *m, bf_error *err) {
  char created[32];
  bool random_key = false;
  bf_utc_now(created, sizeof created);
  bf_status status = bf_dataset_note(m->writer, "created", created, err);
  if (status == BF_OK) status = bf_dataset_note(m->writer, "software_version", BIFOCAL_VERSION, err);
  for (int i = 0; i < m->options->input_count && status == BF_OK; i++) status = copy_input(m, i, &random_key, err);
  if (status != BF_OK) return status;
  if (random_key)
    bf_log(BF_LOG_WARN,
           "a dataset has patient hashes of a random key: a patient of two datasets is not recognised; ingest with one "
           "--key-file");
  status =
      bf_dataset_note(m->writer, "patient_key", random_key ? "random, of several datasets" : "of the datasets", err);
  bf_error why = {0};
  if (status == BF_OK) status = bf_protocol_finish(&m->protocol, m->writer, &m->split, m->pool, &why);
  if (why.status != BF_OK && m->protocol.crossing[0] >= 0 && status == BF_E_ARGUMENT)
    return bf_fail(err, status,
                   "%s (rows %lld and %lld of the whole): give all of a patient's images the same split, or "
                   "deal anew with --set split.given=ignore",
                   why.message, (long long)m->protocol.crossing[0], (long long)m->protocol.crossing[1]);
  return status == BF_OK ? bf_dataset_finish(m->writer, err) : bf_fail(err, status, "%s", why.message);
}

bf_status bf_data_merge(bf_data_merge_report *report, const bf_data_merge_options *options, bf_error *err) {
  merge m = {.options = options, .report = report};
  *report = (bf_data_merge_report){0};
  if (options->output == NULL) return bf_fail(err, BF_E_ARGUMENT, "-o: name the dataset file, such as -o all.h5");
  if (options->input_count < 1 || options->input_count > most_inputs)
    return bf_fail(err, BF_E_ARGUMENT, "%d datasets: name 1 to %d", options->input_count, most_inputs);
  bf_status status = take_settings(&m, err);
  if (status == BF_OK) status = bf_pool_create(&m.pool, options->threads, err);
  if (status == BF_OK) status = bf_dataset_writer_create(&m.writer, options->output, err);
  if (status == BF_OK) status = merge_all(&m, err);
  const bf_protocol_counts *c = &m.protocol.counts;
  report->patients = c->patients;
  report->groups = c->groups;
  report->duplicates = c->duplicates;
  bf_dataset_writer_destroy(m.writer);
  bf_protocol_clear(&m.protocol);
  bf_string_map_clear(&m.taken);
  bf_free(m.picture);
  bf_free(m.mask);
  bf_pool_destroy(m.pool);
  return status;
}
