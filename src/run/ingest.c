/* DICOM files and labels to a dataset file. Files are read and prepared in parallel, a few at a time; one thread
 * matches labels and appends, in the order of the file list, so the result does not depend on the threads. */
#include "bifocal/ingest.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cancel.h"
#include "base/file.h"
#include "base/log.h"
#include "base/memory.h"
#include "base/pool.h"
#include "bifocal/version.h"
#include "data/catalog.h"
#include "data/mask_label.h"
#include "data/prepare.h"
#include "data/protocol.h"
#include "run/describe.h"
#include "run/ingest_report.h"
#include "run/patient_key.h"
#include "store/scores.h"

enum { unit_frames = 8, most_units = 64, least_units = 8 };

/* Some frames of one file, read by one task with a reader of its own. */
typedef struct unit {
  int64_t file;
  bool passed_over;            /* by the catalog: nothing is read */
  int32_t first, count, total; /* frames: first to prepare, prepared, in the file */
  bf_error error;              /* of opening */
  bf_record record;            /* what all frames of the file share */
  bf_segmentation_place place;
  bf_prepared prepared[unit_frames];
  bf_fingerprint prints[unit_frames];
  bf_error frame_error[unit_frames];
} unit;

typedef struct ingest {
  const bf_ingest_options *options;
  bf_pool *pool;
  bf_labels *labels; /* NULL when none were given */
  bf_prepare_options prepare;
  bf_split_options split;
  bf_patient_key key;
  bf_file_list files;
  bf_catalog catalog;
  bf_dataset_writer *writer;
  unit *units, *more; /* first frames of several files; further frames of one file */
  int unit_count;
  bf_prepare_scratch *scratch; /* one a thread */
  bf_string_map taken;         /* SOP Instance UID -> file */
  bf_protocol protocol;
  bf_lesion *lesions;
  bf_mask_scratch masks;
  bf_ingest_story story;
} ingest;

/* ---- start ---- */

static bf_status take_settings(ingest *g, bf_error *err) {
  const bf_option_section sections[] = {{"prepare.", bf_prepare_table, &g->prepare},
                                        {"split.", bf_split_table, &g->split}};
  bf_status status = bf_option_sections_take(sections, 2, g->options->settings, g->options->setting_count,
                                             "prepare.NAME=VALUE or split.NAME=VALUE, such as prepare.side=320", err);
  return status == BF_OK ? bf_split_check(&g->split, err) : status;
}

/* Without a key of the user's, hashes of this dataset can be compared with no other's. */
static bf_status take_key(ingest *g, bf_error *err) {
  bf_status status = bf_patient_key_take(&g->key, g->options->key_file, err);
  return status == BF_OK && g->key.bytes == NULL ? bf_patient_key_draw(&g->key, err) : status;
}

static bf_status read_labels(ingest *g, bf_error *err) {
  if (g->options->label_count == 0) {
    bf_log(BF_LOG_INFO, "no label files were given: every class and every lesion will be unknown");
    return BF_OK;
  }
  bf_status status = bf_labels_create(&g->labels, err);
  for (int i = 0; i < g->options->label_count && status == BF_OK; i++)
    status = bf_labels_read(g->labels, g->options->labels[i], err);
  return status;
}

/* Masks that label files name. */
static bf_status leave_masks(ingest *g, bf_error *err) {
  int64_t labels = g->labels == NULL ? 0 : bf_labels_count(g->labels), count = 0, n = 0;
  for (int64_t i = 0; i < labels; i++) count += bf_labels_at(g->labels, i)->mask_count;
  if (count == 0) return BF_OK;
  const char **paths = count > INT32_MAX ? NULL : bf_alloc((size_t)count, sizeof *paths);
  if (paths == NULL) return bf_fail(err, BF_E_MEMORY, "no memory for the list of %lld masks", (long long)count);
  for (int64_t i = 0; i < labels; i++) {
    const bf_label *label = bf_labels_at(g->labels, i);
    for (int32_t k = 0; k < label->mask_count; k++)
      if (label->masks[k].kind != BF_MASK_SHAPE) paths[n++] = label->masks[k].path;
  }
  bf_status status = bf_file_list_leave(&g->files, paths, (int)n, err);
  bf_free(paths);
  return status;
}

/* Pieces of images, which label files name as such. */
static bf_status leave_pieces(ingest *g, bf_error *err) {
  int64_t count = 0;
  const char *const *paths = g->labels != NULL ? bf_labels_passed(g->labels, &count) : NULL;
  if (count > INT32_MAX)
    return bf_fail(err, BF_E_LIMIT, "the label files name %lld pieces of images", (long long)count);
  return count > 0 ? bf_file_list_leave(&g->files, paths, (int)count, err) : BF_OK;
}

static bf_status leave_labels(ingest *g, bf_error *err) {
  const bf_ingest_options *o = g->options;
  bf_status status = bf_file_list_leave(&g->files, o->labels, o->label_count, err);
  for (int i = 0; i < o->label_count && status == BF_OK; i++) {
    bf_file_list inside = {0};
    if (!bf_is_folder(o->labels[i])) continue;
    status = bf_labels_list_files(&inside, o->labels[i], err);
    if (status == BF_OK && inside.count > INT32_MAX)
      status = bf_fail(err, BF_E_LIMIT, "%s: more than %d files", o->labels[i], INT32_MAX);
    if (status == BF_OK)
      status = bf_file_list_leave(&g->files, (const char *const *)inside.paths, (int)inside.count, err);
    bf_file_list_clear(&inside);
  }
  return status;
}

/* Label files, the key and an older dataset may lie in the folders that are ingested: they are no input, and no fault.
 */
static bf_status list_files(ingest *g, bf_error *err) {
  const bf_ingest_options *o = g->options;
  char part[BF_PATH_MAX];
  bf_publish_temporary(part, o->output);
  const char *own[] = {o->output, part, o->key_file};
  bf_status status = bf_file_list_collect(&g->files, o->paths, o->path_count, true, err);
  if (status == BF_OK) status = bf_file_list_leave(&g->files, own, 3, err);
  int64_t found = g->files.count;
  if (status == BF_OK) status = leave_labels(g, err);
  if (status == BF_OK) status = leave_masks(g, err);
  if (status == BF_OK) status = leave_pieces(g, err);
  if (status != BF_OK) return status;
  g->story.counts.files = g->files.count;
  g->story.counts.passed_over = found - g->files.count;
  return g->files.count > 0
             ? BF_OK
             : bf_fail(err, BF_E_NOT_FOUND, "%s: no files under it; give DICOM files, or folders of them", o->paths[0]);
}

static bf_subject subject_of(const bf_image *image, const char *path) {
  return (bf_subject){image->sop_instance_uid,
                      image->series_instance_uid,
                      image->study_instance_uid,
                      image->laterality,
                      image->view,
                      path};
}

static bool is_named(void *argument, const bf_image *image, const char *path) {
  const ingest *g = argument;
  bf_subject subject = subject_of(image, path);
  return g->labels != NULL && bf_labels_claim(g->labels, &subject);
}

static bf_status note_prepare(ingest *g, bf_error *err) {
  bf_status status = BF_OK;
  for (const bf_option *row = bf_prepare_table; row->name != NULL && status == BF_OK; row++) {
    char key[128];
    int used = snprintf(key, sizeof key, "prepare.%s", row->name);
    const char *value = row->fallback;
    for (int i = 0; i < g->options->setting_count; i++)
      if (strncmp(g->options->settings[i], key, (size_t)used) == 0 && g->options->settings[i][used] == '=')
        value = g->options->settings[i] + used + 1;
    status = bf_dataset_note(g->writer, key, value, err);
  }
  return status;
}

static bf_status note_labels(ingest *g, bf_error *err) {
  bf_status status = BF_OK;
  for (int i = 0; i < g->options->label_count && status == BF_OK; i++) {
    char name[64], hash[65], value[65 + 256], path[BF_PATH_MAX];
    snprintf(path, sizeof path, "%s", g->options->labels[i]);
    for (size_t n = strlen(path); n > 1 && path[n - 1] == '/'; n--) path[n - 1] = '\0';
    status = bf_labels_sha256(hash, g->options->labels[i], err);
    if (status != BF_OK) break;
    snprintf(name, sizeof name, "labels.%d", i + 1);
    snprintf(value, sizeof value, "sha256:%s %.200s", hash, bf_path_name(path));
    status = bf_dataset_note(g->writer, name, value, err);
  }
  return status;
}

static bf_status write_notes(ingest *g, bf_error *err) {
  char created[32];
  bf_utc_now(created, sizeof created);
  bf_status status = bf_dataset_note(g->writer, "created", created, err);
  if (status == BF_OK) status = bf_dataset_note(g->writer, "software_version", BIFOCAL_VERSION, err);
  if (status == BF_OK) status = bf_dataset_note(g->writer, "dicom_library", bf_dicom_library_version(), err);
  if (status == BF_OK) status = bf_dataset_note(g->writer, "patient_key", g->key.origin, err);
  if (status == BF_OK) status = note_prepare(g, err);
  return status == BF_OK ? note_labels(g, err) : status;
}

static bf_status start(ingest *g, const bf_ingest_options *options, bf_error *err) {
  *g = (ingest){.options = options};
  if (options->output == NULL) return bf_fail(err, BF_E_ARGUMENT, "-o: name the dataset file, such as -o data.h5");
  if (options->path_count < 1) return bf_fail(err, BF_E_ARGUMENT, "name the DICOM files, or folders of them");
  bf_status status = take_settings(g, err);
  if (status == BF_OK) status = take_key(g, err);
  if (status == BF_OK) status = read_labels(g, err);
  if (status == BF_OK) status = list_files(g, err);
  if (status == BF_OK) status = bf_dataset_writer_create(&g->writer, options->output, err);
  if (status == BF_OK) status = bf_pool_create(&g->pool, options->threads, err);
  if (status == BF_OK)
    status =
        bf_catalog_build(&g->catalog, &g->files, g->prepare.leave_out == BF_LEAVE_OUT_AUTO, is_named, g, g->pool, err);
  if (status != BF_OK) return status;
  int threads = bf_pool_threads(g->pool);
  g->unit_count = 2 * threads < least_units ? least_units : 2 * threads > most_units ? most_units : 2 * threads;
  g->units = bf_alloc((size_t)g->unit_count, sizeof *g->units);
  g->more = bf_alloc((size_t)g->unit_count, sizeof *g->more);
  g->scratch = bf_alloc((size_t)threads, sizeof *g->scratch);
  if (g->units == NULL || g->more == NULL || g->scratch == NULL)
    return bf_fail(err, BF_E_MEMORY, "no memory to read files");
  return write_notes(g, err);
}

static void finish(ingest *g) {
  for (int i = 0; g->scratch != NULL && i < bf_pool_threads(g->pool); i++) bf_prepare_scratch_clear(&g->scratch[i]);
  bf_patient_key_clear(&g->key);
  bf_free(g->scratch);
  bf_free(g->units);
  bf_free(g->more);
  bf_free(g->lesions);
  bf_mask_scratch_clear(&g->masks);
  bf_string_map_clear(&g->taken);
  bf_protocol_clear(&g->protocol);
  bf_dataset_writer_destroy(g->writer);
  bf_catalog_clear(&g->catalog);
  bf_file_list_clear(&g->files);
  bf_labels_destroy(g->labels);
  bf_pool_destroy(g->pool);
  bf_ingest_story_clear(&g->story);
}

/* ---- reading: in any thread ---- */

static bf_segmentation_place place_of(const bf_image *image) {
  bf_segmentation_place p = {.known = image->has_place && image->frames == 1,
                             .spacing_row = image->spacing_row,
                             .spacing_column = image->spacing_column};
  memcpy(p.position, image->position, sizeof p.position);
  memcpy(p.row_direction, image->row_direction, sizeof p.row_direction);
  memcpy(p.column_direction, image->column_direction, sizeof p.column_direction);
  return p;
}

static void read_unit(const ingest *g, unit *u, bf_prepare_scratch *scratch) {
  bf_dicom *dicom = NULL;
  u->count = u->total = 0;
  bf_error_clear(&u->error);
  memset(&u->record, 0, sizeof u->record);
  if (bf_dicom_open(&dicom, g->files.paths[u->file], g->key.bytes, g->key.size, &u->error) != BF_OK) return;
  bf_describe(&u->record, bf_dicom_image(dicom));
  u->place = place_of(bf_dicom_image(dicom));
  u->total = bf_dicom_image(dicom)->frames;
  for (int32_t frame = u->first; frame < u->total && u->count < unit_frames; frame++, u->count++) {
    u->prepared[u->count] = (bf_prepared){0};
    bf_error_clear(&u->frame_error[u->count]);
    bf_prepared *p = &u->prepared[u->count];
    if (bf_prepare_frame(p, dicom, frame, &g->prepare, scratch, &u->frame_error[u->count]) == BF_OK)
      bf_fingerprint_of(&u->prints[u->count], p->pixels, p->rows, p->columns);
  }
  bf_dicom_close(dicom);
}

static void read_first(void *argument, int task, int thread) {
  const ingest *g = argument;
  if (!g->units[task].passed_over) read_unit(g, &g->units[task], &g->scratch[thread]);
}

static void read_more(void *argument, int task, int thread) {
  const ingest *g = argument;
  read_unit(g, &g->more[task], &g->scratch[thread]);
}

static void unit_clear(unit *u) {
  for (int32_t i = 0; i < u->count; i++) bf_prepared_clear(&u->prepared[i]);
  u->count = 0;
}

/* ---- taking: in the caller's thread, in the order of the list ---- */

static bf_status leave_out(ingest *g, int64_t file, const char *reason, const char *message, bool failed,
                           bf_error *err) {
  const char *path = g->files.paths[file];
  bf_status status = bf_dataset_leave_out(g->writer, path, reason, message, err);
  if (failed) g->story.counts.failed++;
  return status == BF_OK ? bf_ingest_story_leave_out(&g->story, path, reason, message, err) : status;
}

static bf_status leave_out_error(ingest *g, int64_t file, bf_status why, const char *message, bf_error *err) {
  bf_row_status kind = bf_row_status_of(why);
  bool failed = kind != BF_ROW_NOT_DICOM && kind != BF_ROW_NO_PIXELS;
  return leave_out(g, file, bf_row_status_name(kind), message, failed, err);
}

/* Why the label's lesions are not all taken. */
static bf_status tell_unfit(ingest *g, const bf_label *label, const bf_label_picture *picture, bool mask_told,
                            const char *path, bf_error *err) {
  bf_status status = BF_OK;
  bool sized = mask_told;
  for (int32_t i = 0; i < label->lesion_count && status == BF_OK; i++) {
    const bf_label_lesion *l = &label->lesions[i];
    bf_lesion box;
    bf_lesion_fit fit = bf_label_place(&box, l, picture);
    if (fit == BF_LESION_OUTSIDE)
      status = bf_ingest_story_outside(&g->story, path, box, picture->rows, picture->columns, err);
    if (fit != BF_LESION_OTHER_SIZE || sized) continue;
    char message[256];
    sized = true;
    snprintf(message, sizeof message,
             "its lesions were drawn on %d columns and %d rows, the image has %d and %d; they count as unknown",
             l->columns, l->rows, picture->columns, picture->rows);
    status = bf_ingest_story_unfit(&g->story, path, message, err);
  }
  return status;
}

/* Copies the frame's lesions to g->lesions. mask_told: that a mask does not fit has been told. */
static bf_status take_lesions(ingest *g, int *count, bf_record *record, const bf_label *label, bool mask_told,
                              const char *path, bf_error *err) {
  const bf_label_picture picture = {record->frame, record->rows, record->columns, record->bright_edge[0]};
  int32_t taken = 0;
  *count = 0;
  bf_free(g->lesions);
  g->lesions = bf_alloc((size_t)label->lesion_count, sizeof *g->lesions);
  if (g->lesions == NULL) return bf_fail(err, BF_E_MEMORY, "no memory for lesions");
  record->lesions_known = bf_label_lesions(g->lesions, &taken, label, &picture);
  *count = taken;
  return record->lesions_known ? BF_OK : tell_unfit(g, label, &picture, mask_told, path, err);
}

/* Reads the frame's masks; where no box file spoke of it, their boxes join the label's lesions. A mask that cannot be
 * used is told, and is then unknown; only memory that is short ends the run. */
static bf_status take_mask(ingest *g, bf_mask_found *found, const bf_record *record, bf_label *label,
                           const bf_segmentation_place *place, const char *path, bf_error *err) {
  bf_error why = {0};
  bf_ingest_report *c = &g->story.counts;
  bf_status status =
      bf_label_take_mask(found, &g->masks, label, record->frame, record->rows, record->columns, place, &why);
  if (status == BF_E_MEMORY) return bf_fail(err, status, "%s", why.message);
  if (status != BF_OK) return bf_ingest_story_unfit(&g->story, path, why.message, err);
  bf_labels_tell(g->labels, label, path, 0);
  c->masks += found->known;
  c->mask_pixels += found->pixels;
  c->boxes_from_masks += found->boxes;
  c->specks += found->specks;
  return BF_OK;
}

/* As the reader of DICOM files hashes a Patient ID without an issuer. */
static bf_status hash_patient(const ingest *g, bf_record *record, const char *id, bf_error *err) {
  size_t size = strlen(id) + 2;
  char *text = bf_alloc(size, 1);
  if (text == NULL) return bf_fail(err, BF_E_MEMORY, "no memory to hash");
  snprintf(text, size, "%s\\", id);
  bf_hmac_sha256(record->patient, g->key.bytes, g->key.size, text, size - 1);
  explicit_bzero(text, size);
  bf_free(text);
  return BF_OK;
}

static void count_frame(ingest *g, const bf_record *record, int lesions) {
  bf_ingest_report *c = &g->story.counts;
  c->frames++;
  c->malignant += record->malignant == 1;
  c->benign += record->malignant == 0;
  c->unknown_class += record->malignant < 0;
  c->lesions_known += record->lesions_known;
  c->lesions += lesions;
}

static bf_status take_frame(ingest *g, const unit *u, int index, bf_label *label, bool *taken, bf_error *err) {
  char *path = g->files.paths[u->file];
  const bf_prepared *picture = &u->prepared[index];
  const bf_error *why = &u->frame_error[index];
  if (why->status != BF_OK) return leave_out_error(g, u->file, why->status, why->message, err);
  bf_record record = u->record;
  bf_mask_found mask = {0};
  int lesions = 0;
  bf_status status = BF_OK;
  record.file = path;
  record.frame = u->first + index;
  record.volume = g->catalog.files[u->file].volume;
  record.prepared_rows = picture->rows;
  record.prepared_columns = picture->columns;
  memcpy(record.to_prepared, picture->to_prepared.m, sizeof record.to_prepared);
  bf_fingerprint_write(record.fingerprint, &u->prints[index]);
  record.bright_edge[0] = picture->bright_edge;
  if (label != NULL) {
    record.malignant = label->malignant;
    record.split = label->split;
    status = take_mask(g, &mask, &record, label, &u->place, path, err);
    if (status == BF_OK)
      status = take_lesions(g, &lesions, &record, label, label->mask_count > 0 && !mask.known, path, err);
    if (status == BF_OK && record.patient[0] == '\0' && label->patient_id != NULL)
      status = hash_patient(g, &record, label->patient_id, err);
  }
  if (status == BF_OK)
    status = bf_dataset_append(g->writer, &record, picture->pixels, g->lesions, lesions,
                               mask.known ? g->masks.mask : NULL, err);
  if (status == BF_OK && record.sop_instance_uid[0] != '\0')
    status = bf_string_map_set(&g->taken, record.sop_instance_uid, u->file, err);
  if (status == BF_OK)
    status = bf_protocol_add(&g->protocol, &record, label != NULL ? label->patient_id : NULL, u->file, err);
  if (status != BF_OK) return status;
  *taken = true;
  count_frame(g, &record, lesions);
  return BF_OK;
}

static bf_status take_unit(ingest *g, const unit *u, bf_label *label, bool *taken, bf_error *err) {
  bf_status status =
      u->error.status != BF_OK ? leave_out_error(g, u->file, u->error.status, u->error.message, err) : BF_OK;
  for (int32_t i = 0; i < u->count && status == BF_OK; i++) status = take_frame(g, u, i, label, taken, err);
  return status;
}

/* The frames behind the first unit, several units at a time. */
static bf_status take_further_frames(ingest *g, const unit *first, bf_label *label, bool *taken, bf_error *err) {
  bf_status status = BF_OK;
  for (int32_t frame = first->count; frame < first->total && status == BF_OK;) {
    int n = 0;
    for (; n < g->unit_count && frame < first->total; frame += unit_frames)
      g->more[n++] = (unit){.file = first->file, .first = frame};
    bf_pool_run(g->pool, read_more, g, n);
    for (int i = 0; i < n; i++) {
      if (status == BF_OK) status = take_unit(g, &g->more[i], label, taken, err);
      unit_clear(&g->more[i]);
    }
    if (status == BF_OK && bf_cancelled())
      status = bf_fail(err, BF_E_CANCELLED, "stopped as asked; nothing was written");
  }
  return status;
}

static bf_status tell_absent_mask(ingest *g, const unit *u, const bf_mask_file *mask, bf_error *err) {
  char message[1024];
  if (mask->frame < u->total) return BF_OK;
  snprintf(message, sizeof message, "%.900s: a mask for frame %d, and the file has frames 0 to %d", mask->path,
           mask->frame, u->total - 1);
  return bf_ingest_story_unfit(&g->story, g->files.paths[u->file], message, err);
}

/* Boxes and masks of frames that the file does not have are told like those that do not fit their picture. */
static bf_status tell_absent_frames(ingest *g, const unit *u, const bf_label *label, bf_error *err) {
  bf_status status = BF_OK;
  for (int32_t i = 0; label != NULL && u->total > 0 && i < label->lesion_count && status == BF_OK; i++)
    if (label->lesions[i].frame >= u->total)
      status = bf_ingest_story_absent_frame(&g->story, g->files.paths[u->file], label->lesions[i].box,
                                            label->lesions[i].frame, u->total, err);
  for (int32_t i = 0; label != NULL && u->total > 0 && i < label->mask_count && status == BF_OK; i++)
    status = tell_absent_mask(g, u, &label->masks[i], err);
  return status;
}

static bf_status take_file(ingest *g, const unit *u, bf_error *err) {
  bf_label *label = NULL;
  bool taken = false;
  const char *uid = u->record.sop_instance_uid;
  const bf_record *r = &u->record;
  const bf_subject subject = {uid,     r->series_instance_uid, r->study_instance_uid, r->laterality,
                              r->view, g->files.paths[u->file]};
  int64_t earlier = uid[0] != '\0' ? bf_string_map_get(&g->taken, uid) : -1;
  if (earlier >= 0) {
    char message[1024];
    bool unused = g->labels != NULL && bf_labels_mark(g->labels, &subject);
    snprintf(message, sizeof message, "%.440s: the same image as %.440s (equal SOP Instance UID)%s",
             g->files.paths[u->file], g->files.paths[earlier],
             unused ? "; the label of this copy is not used, name the image by SOPInstanceUID" : "");
    return leave_out(g, u->file, "duplicate", message, false, err);
  }
  bf_status status = g->labels == NULL ? BF_OK : bf_labels_match(&label, g->labels, &subject, err);
  if (status != BF_OK) return status;
  if (label != NULL) label->matched++;
  status = take_unit(g, u, label, &taken, err);
  if (status == BF_OK) status = take_further_frames(g, u, label, &taken, err);
  if (status == BF_OK && taken) status = tell_absent_frames(g, u, label, err);
  if (status == BF_OK && taken && g->labels != NULL && label == NULL)
    status = bf_ingest_story_unlabelled(&g->story, g->files.paths[u->file], err);
  g->story.counts.taken += taken;
  return status;
}

/* What needs no second look: rows with a reason. A label that names a file which cannot be read has found it. */
static bf_status pass_over(ingest *g, int64_t file, bf_error *err) {
  const bf_catalog_file *f = &g->catalog.files[file];
  if (f->rule != NULL) return leave_out(g, file, f->rule, f->message, false, err);
  if (g->labels != NULL) bf_labels_mark(g->labels, &(bf_subject){.path = g->files.paths[file]});
  return leave_out_error(g, file, f->status, f->message, err);
}

static bf_status run(ingest *g, bf_error *err) {
  bf_progress progress;
  bf_status status = BF_OK;
  bf_progress_start(&progress, "reading", "files", g->files.count);
  for (int64_t next = 0; next < g->files.count && status == BF_OK;) {
    int n = 0;
    for (; next < g->files.count && n < g->unit_count; next++, n++)
      g->units[n] = (unit){.file = next, .passed_over = !bf_catalog_takes(&g->catalog, next)};
    bf_pool_run(g->pool, read_first, g, n);
    for (int i = 0; i < n; i++) {
      const unit *u = &g->units[i];
      if (status == BF_OK) status = u->passed_over ? pass_over(g, u->file, err) : take_file(g, u, err);
      unit_clear(&g->units[i]);
    }
    bf_progress_update(&progress, next, NULL);
    if (status == BF_OK && bf_cancelled())
      status = bf_fail(err, BF_E_CANCELLED, "stopped as asked; nothing was written");
  }
  if (status == BF_OK) bf_progress_end(&progress, NULL);
  return status;
}

static bf_status judge(ingest *g, bf_error *err) {
  bf_ingest_report *c = &g->story.counts;
  int64_t labels = g->labels == NULL ? 0 : bf_labels_count(g->labels);
  for (int64_t i = 0; i < labels; i++) {
    const bf_label *label = bf_labels_at(g->labels, i);
    c->labels_unmatched += label->matched == 0 && !label->ambiguous;
    c->masks_unmatched += label->matched == 0 && !label->ambiguous ? label->mask_count : 0;
  }
  c->contradictions = g->labels == NULL ? 0 : bf_labels_complaints(g->labels);
  c->labels_ambiguous = g->labels == NULL ? 0 : bf_labels_ambiguous(g->labels);
  if (c->frames == 0) {
    bf_ingest_story_tell(&g->story, NULL);
    return bf_fail(err, BF_E_NOT_FOUND, "%s: none of %lld files is an image that can be used (%s)",
                   g->options->paths[0], (long long)c->files,
                   c->left_out > 0 ? g->story.left_out[0].message : "no files");
  }
  if (labels > 0 && c->labels_unmatched == labels)
    return bf_fail(err, BF_E_ARGUMENT,
                   "none of %lld labels names an image that was found (the first names %s); compare the column "
                   "SOPInstanceUID, or the names of the masks, with "
                   "'bifocal inspect --json', or the column file with the folder of the label file",
                   (long long)labels, bf_label_title(bf_labels_at(g->labels, 0)));
  return BF_OK;
}

/* Splits, folds, and what looks alike. */
static bf_status finish_protocol(ingest *g, bf_error *err) {
  bf_error why = {0};
  bf_status status = bf_protocol_finish(&g->protocol, g->writer, &g->split, g->pool, &why);
  const int64_t *crossing = g->protocol.crossing;
  if (status == BF_E_ARGUMENT && crossing[0] >= 0)
    return bf_fail(err, status,
                   "%s: %.400s and %.400s; give all of a patient's images the same split, or deal anew with --set "
                   "split.given=ignore",
                   why.message, g->files.paths[crossing[0]], g->files.paths[crossing[1]]);
  if (status != BF_OK) return bf_fail(err, status, "%s", why.message);
  bf_ingest_story_take_protocol(&g->story, &g->protocol.counts);
  char *counts = bf_ingest_story_counts(&g->story);
  status = counts != NULL ? bf_dataset_note(g->writer, "counts", counts, err)
                          : bf_fail(err, BF_E_MEMORY, "no memory for the counts");
  free(counts);
  return status;
}

bf_status bf_ingest(bf_ingest_report *report, char **json, const bf_ingest_options *options, bf_error *err) {
  ingest g;
  if (json != NULL) *json = NULL;
  bf_status status = start(&g, options, err);
  if (status == BF_OK) status = run(&g, err);
  if (status == BF_OK) status = judge(&g, err);
  if (status == BF_OK) status = finish_protocol(&g, err);
  if (status == BF_OK) status = bf_dataset_finish(g.writer, err);
  if (status == BF_OK) bf_ingest_story_tell(&g.story, g.labels);
  if (status == BF_OK && json != NULL && (*json = bf_ingest_story_json(&g.story, options->output, g.labels)) == NULL)
    status = bf_fail(err, BF_E_MEMORY, "no memory for the report");
  *report = g.story.counts;
  finish(&g);
  return status;
}

void bf_text_free(char *text) { free(text); }
