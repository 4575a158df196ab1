/* Files to slots, slots to pictures, pictures to a dense batch. */
#include "run/feed.h"

#include <stdio.h>
#include <string.h>

#include "base/log.h"
#include "base/memory.h"

bf_status bf_feed_list(bf_feed *f, const char *const *paths, int count, const char *const *own, int own_count,
                       bf_error *err) {
  bf_status status = bf_file_list_collect(&f->files, paths, count, true, err);
  if (status == BF_OK) status = bf_file_list_leave(&f->files, own, own_count, err);
  if (status == BF_OK && f->files.count == 0)
    status = bf_fail(err, BF_E_NOT_FOUND, "%s: no files under it; give DICOM files, or folders of them", paths[0]);
  return status;
}

bf_status bf_feed_look(bf_feed *f, const bf_model *model, bf_pool *pool, bf_error *err) {
  bf_status status = bf_config_fill(model->config, "prepare", &f->prepare, err);
  if (status != BF_OK) return status;
  return bf_catalog_build(&f->catalog, &f->files, f->prepare.leave_out == BF_LEAVE_OUT_AUTO, NULL, NULL, pool, err);
}

bf_status bf_feed_open(bf_feed *f, bf_model *model, bf_exec *exec, int batch, bf_pool *pool, bf_feed_skip skip,
                       void *argument, bf_error *err) {
  size_t n = (size_t)batch, threads = (size_t)bf_pool_threads(pool), side = (size_t)model->options.size;
  f->model = model, f->exec = exec, f->batch = batch, f->pool = pool;
  f->skip = skip, f->argument = argument;
  f->slots = bf_alloc(n, sizeof *f->slots);
  f->group = bf_alloc(n + 1, sizeof *f->group);
  f->scratch = bf_alloc(threads, sizeof *f->scratch);
  f->grey = bf_alloc(threads, sizeof *f->grey);
  f->to_network = bf_alloc(n, sizeof *f->to_network);
  f->columns = bf_alloc(n, sizeof *f->columns);
  f->rows = bf_alloc(n, sizeof *f->rows);
  f->place = bf_alloc(n, sizeof *f->place);
  bool good = f->slots && f->group && f->scratch && f->grey && f->to_network && f->columns && f->rows && f->place;
  for (size_t i = 0; good && i < threads; i++) good = (f->grey[i] = bf_alloc(3 * side * side, sizeof(float))) != NULL;
  return good ? BF_OK : bf_fail(err, BF_E_MEMORY, "no memory for batches of %d images", batch);
}

void bf_feed_close(bf_feed *f) {
  for (int i = 0; i < bf_pool_threads(f->pool) && f->scratch != NULL; i++) bf_prepare_scratch_clear(&f->scratch[i]);
  for (int i = 0; i < bf_pool_threads(f->pool) && f->grey != NULL; i++) bf_free(f->grey[i]);
  if (f->open != NULL) bf_dicom_close(f->open);
  bf_free(f->scratch);
  bf_free(f->grey);
  bf_free(f->slots);
  bf_free(f->group);
  bf_free(f->to_network);
  bf_free(f->columns);
  bf_free(f->rows);
  bf_free(f->place);
  bf_catalog_clear(&f->catalog);
  bf_file_list_clear(&f->files);
}

void bf_feed_describe(bf_score_row *row, const bf_image *image) {
  if (image == NULL) return;
  memcpy(row->sop_instance_uid, image->sop_instance_uid, sizeof row->sop_instance_uid);
  memcpy(row->series_instance_uid, image->series_instance_uid, sizeof row->series_instance_uid);
  memcpy(row->study_instance_uid, image->study_instance_uid, sizeof row->study_instance_uid);
  memcpy(row->modality, image->modality, sizeof row->modality);
  snprintf(row->laterality, sizeof row->laterality, "%s", image->laterality);
  snprintf(row->view, sizeof row->view, "%s", image->view);
  row->rows = image->rows;
  row->columns = image->columns;
}

static bf_status open_file(bf_feed *f, int64_t file, bf_error *why) {
  const bf_catalog_file *seen = &f->catalog.files[file];
  if (seen->rule != NULL) return bf_fail(why, BF_E_LEFT_OUT, "%s", seen->message);
  if (seen->status != BF_OK) return bf_fail(why, seen->status, "%s", seen->message);
  return bf_dicom_open(&f->open, f->files.paths[file], "", 0, why);
}

/* Opens the next file that is wanted; one that is not taken, or cannot be opened, takes a slot of its own. */
static void open_next(bf_feed *f) {
  while (f->open == NULL && f->next_file < f->files.count && f->count < f->batch) {
    int64_t file = f->next_file++;
    if (f->skip != NULL && f->skip(f->argument, file)) continue;
    bf_error why = {0};
    bf_status status = open_file(f, file, &why);
    if (status == BF_OK) {
      f->open_file = file;
      f->next_frame = 0;
      f->open_frames = bf_dicom_image(f->open)->frames;
      return;
    }
    f->open = NULL;
    f->group[f->groups++] = f->count;
    f->slots[f->count++] = (bf_feed_slot){.file = file, .last_frame = true, .status = status, .error = why};
  }
}

static void deal_slots(bf_feed *f) {
  f->count = f->groups = 0;
  while (f->count < f->batch) {
    if (f->open == NULL) open_next(f);
    if (f->open == NULL || f->count == f->batch) break;
    f->group[f->groups++] = f->count;
    while (f->count < f->batch && f->next_frame < f->open_frames) {
      bool last = f->next_frame + 1 == f->open_frames;
      f->slots[f->count++] =
          (bf_feed_slot){.file = f->open_file, .frame = f->next_frame++, .last_frame = last, .dicom = f->open};
    }
    if (f->next_frame == f->open_frames) f->open = NULL; /* its last slot closes it */
  }
  f->group[f->groups] = f->count;
}

static void sample_grey(float *grey, bf_affine *fit, int size, const bf_prepared *prepared) {
  *fit = bf_affine_fit(prepared->columns, prepared->rows, size, size);
  bf_sample_grey(grey, size, size, prepared->pixels, prepared->columns, prepared->rows, *fit);
}

/* ---- slices ---- */

static bool in_volume(const bf_feed *f, int64_t file, int64_t volume) {
  return file >= 0 && file < f->files.count && f->catalog.files[file].volume == volume;
}

static bool prepare_file(bf_feed *f, bf_prepared *prepared, int64_t file, int thread) {
  bf_dicom *dicom = NULL;
  bf_error why = {0};
  bf_status status = bf_dicom_open(&dicom, f->files.paths[file], "", 0, &why);
  if (status == BF_OK) status = bf_prepare_frame(prepared, dicom, 0, &f->prepare, &f->scratch[thread], &why);
  bf_dicom_close(dicom);
  return status == BF_OK;
}

/* The nearest slice of the volume on that side that can be read: one that cannot is no row of a dataset either.
 * Neighbours are decoded again for each slice between them, so that no slice hangs on what came before it. */
static bool prepare_neighbour(bf_feed *f, bf_prepared *prepared, const bf_feed_slot *one, int step, int thread) {
  int64_t volume = f->catalog.files[one->file].volume;
  int32_t frames = bf_dicom_image(one->dicom)->frames;
  bf_error why = {0};
  if (volume < 0) return false;
  for (int32_t i = one->frame + step; frames > 1 && i >= 0 && i < frames; i += step)
    if (bf_prepare_frame(prepared, one->dicom, i, &f->prepare, &f->scratch[thread], &why) == BF_OK) return true;
  for (int64_t i = one->file + step; frames == 1 && in_volume(f, i, volume); i += step)
    if (prepare_file(f, prepared, i, thread)) return true;
  return false;
}

/* A slice between its neighbours; at an end of the volume, and where there is none, itself again. */
static void normalise_slices(bf_feed *f, float *place, const bf_feed_slot *one, int thread) {
  int size = f->model->options.size;
  size_t picture = (size_t)size * (size_t)size;
  const float *grey[3] = {f->grey[thread], f->grey[thread], f->grey[thread]};
  for (int side = 0; side < 2; side++) {
    bf_prepared prepared = {0};
    bf_affine fit;
    float *to = f->grey[thread] + (1 + (size_t)side) * picture;
    if (!prepare_neighbour(f, &prepared, one, side == 0 ? -1 : 1, thread)) continue;
    sample_grey(to, &fit, size, &prepared);
    grey[2 * side] = to;
    bf_prepared_clear(&prepared);
  }
  bf_sample_normalise_slices(place, grey, size, size, &f->model->normalisation);
}

static void prepare_slot(bf_feed *f, int index, int thread) {
  bf_feed_slot *one = &f->slots[index];
  int size = f->model->options.size;
  bf_prepared prepared = {0};
  bf_affine fit;
  if (one->dicom == NULL) return;
  one->status = bf_prepare_frame(&prepared, one->dicom, one->frame, &f->prepare, &f->scratch[thread], &one->error);
  if (one->status == BF_OK) {
    one->status = bf_likeness_judge(one->unlike, &f->model->domain, f->unlike, bf_dicom_image(one->dicom), &prepared,
                                    bf_dicom_path(one->dicom), &one->error);
    if (one->status != BF_OK) bf_prepared_clear(&prepared);
  }
  if (one->status != BF_OK) return;
  sample_grey(f->grey[thread], &fit, size, &prepared);
  one->to_network = bf_affine_compose(fit, prepared.to_prepared);
  one->bright_edge = prepared.bright_edge;
  bf_prepared_clear(&prepared);
  float *place = bf_exec_value(f->exec, bf_network_input(f->model->network)) + (size_t)index * size * size * 3;
  if (f->model->options.slices == BF_SLICES_THREE)
    normalise_slices(f, place, one, thread);
  else
    bf_sample_normalise(place, f->grey[thread], size, size, &f->model->normalisation);
}

static void prepare_group(void *argument, int task, int thread) {
  bf_feed *f = argument;
  for (int i = f->group[task]; i < f->group[task + 1]; i++) prepare_slot(f, i, thread);
}

/* Places without a good picture are closed up, so that the batch is dense. */
static int close_up(bf_feed *f) {
  float *input = bf_exec_value(f->exec, bf_network_input(f->model->network));
  size_t picture = (size_t)f->model->options.size * f->model->options.size * 3;
  int n = 0;
  for (int i = 0; i < f->count; i++) {
    if (f->slots[i].status != BF_OK) continue;
    if (n != i) memcpy(input + (size_t)n * picture, input + (size_t)i * picture, picture * sizeof(float));
    const bf_image *image = bf_dicom_image(f->slots[i].dicom);
    f->to_network[n] = f->slots[i].to_network;
    f->columns[n] = image->columns;
    f->rows[n] = image->rows;
    f->place[n++] = i;
  }
  return n;
}

void bf_feed_next(bf_feed *f) {
  f->good = 0;
  deal_slots(f);
  if (f->count == 0) return;
  bf_pool_run(f->pool, prepare_group, f, f->groups);
  f->good = close_up(f);
}

void bf_feed_release(bf_feed *f) {
  for (int i = 0; i < f->count; i++)
    if (f->slots[i].last_frame && f->slots[i].dicom != NULL) bf_dicom_close(f->slots[i].dicom);
  f->count = f->good = 0;
}

const bf_image *bf_feed_image(const bf_feed_slot *slot) {
  return slot->dicom != NULL ? bf_dicom_image(slot->dicom) : NULL;
}
