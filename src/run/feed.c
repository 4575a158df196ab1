/* Files to slots, slots to pictures, pictures to a dense batch.
 *
 * Batches stand in trays, a ring of them: the reader fills some while the network works on another. A tray's work is
 * cut into groups, the frames of one file in it, because opening costs as much as a frame. Whoever is free takes the
 * next group: threads of the pool that the network has no task for, and the caller while it waits. So no thread is ever
 * there for reading alone, and one thread does the same in turns. */
#include "run/feed.h"

#include <pthread.h>
#include <stdio.h>
#include <string.h>

#include "base/memory.h"
#include "run/describe.h"

enum { trays = 3 };

typedef struct group {
  int first, count; /* slots */
} group;

typedef struct tray {
  int count, good;
  bf_feed_slot *slots;
  group *groups;
  int group_count, taken, finished;
  float *pictures; /* network input of each slot */
  int *place;
  bf_affine *to_network;
  int32_t *columns, *rows;
} tray;

struct bf_feed_line {
  const bf_feed *feed;
  const uint8_t *skip;
  bf_model *model;
  bf_pool *pool;
  bf_exec *exec;
  int batch;
  bf_prepare_scratch *scratch;
  float **grey; /* three pictures a thread */
  pthread_mutex_t lock;
  pthread_cond_t finished;
  /* under lock */
  tray trays[trays];
  int64_t dealt, released; /* trays; tray number t stands at t % trays */
  int64_t next_file;
  int32_t next_frame;
  bf_dicom *waiting; /* reader of a file whose next frames come into another tray */
  int64_t waiting_file;
};

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

void bf_feed_describe(bf_score_row *row, const bf_feed *f, const bf_feed_slot *slot) {
  bf_record record = {.malignant = -1};
  if (slot->opened) bf_describe(&record, &slot->image);
  record.file = f->files.paths[slot->file];
  record.frame = slot->frame;
  record.bright_edge[0] = slot->bright_edge;
  bf_score_row_describe(row, &record);
}

/* ---- dealing: which frames come into a tray; under lock ---- */

static bool more_files(bf_feed_line *l) {
  while (l->next_file < l->feed->files.count && l->skip != NULL && l->skip[l->next_file] != 0) l->next_file++;
  return l->next_file < l->feed->files.count;
}

/* A file that is not taken, or whose header cannot be read, is one row with the reason. */
static void deal_refused(tray *t, int64_t file, const bf_catalog_file *seen) {
  bf_feed_slot *one = &t->slots[t->count++];
  *one = (bf_feed_slot){.file = file, .last_frame = true};
  one->status = bf_fail(&one->error, seen->rule != NULL ? BF_E_LEFT_OUT : seen->status, "%s", seen->message);
}

static void deal_frames(bf_feed_line *l, tray *t, int32_t frames) {
  group *g = &t->groups[t->group_count++];
  *g = (group){.first = t->count};
  for (; t->count < l->batch && l->next_frame < frames; g->count++) {
    bool last = l->next_frame + 1 == frames;
    t->slots[t->count++] = (bf_feed_slot){.file = l->next_file, .frame = l->next_frame++, .last_frame = last};
  }
}

static void deal(bf_feed_line *l, tray *t) {
  t->count = t->good = t->group_count = t->taken = t->finished = 0;
  while (t->count < l->batch && more_files(l)) {
    const bf_catalog_file *seen = &l->feed->catalog.files[l->next_file];
    bool takes = bf_catalog_file_takes(seen);
    if (takes)
      deal_frames(l, t, seen->frames);
    else
      deal_refused(t, l->next_file, seen);
    if (takes && l->next_frame < seen->frames) break; /* the tray is full */
    l->next_file++;
    l->next_frame = 0;
  }
  l->dealt++;
}

/* ---- pictures ---- */

static void sample_grey(float *grey, bf_affine *fit, int size, const bf_prepared *prepared) {
  *fit = bf_affine_fit(prepared->columns, prepared->rows, size, size);
  bf_sample_grey(grey, size, size, prepared->pixels, prepared->columns, prepared->rows, *fit);
}

static bool in_volume(const bf_feed *f, int64_t file, int64_t volume) {
  return file >= 0 && file < f->files.count && f->catalog.files[file].volume == volume;
}

static bool prepare_file(bf_feed_line *l, bf_prepared *prepared, int64_t file, int thread) {
  bf_dicom *dicom = NULL;
  bf_error why = {0};
  bf_status status = bf_dicom_open(&dicom, l->feed->files.paths[file], NULL, 0, &why);
  if (status == BF_OK) status = bf_prepare_frame(prepared, dicom, 0, &l->feed->prepare, &l->scratch[thread], &why);
  bf_dicom_close(dicom);
  return status == BF_OK;
}

/* The nearest slice of the volume on that side that can be read: one that cannot is no row of a dataset either.
 * Neighbours are decoded again for each slice between them, so that no slice hangs on what came before it. */
static bool prepare_neighbour(bf_feed_line *l, bf_prepared *prepared, const bf_feed_slot *one, bf_dicom *dicom,
                              int step, int thread) {
  const bf_feed *f = l->feed;
  int64_t volume = f->catalog.files[one->file].volume;
  int32_t frames = bf_dicom_image(dicom)->frames;
  bf_error why = {0};
  if (volume < 0) return false;
  for (int32_t i = one->frame + step; frames > 1 && i >= 0 && i < frames; i += step)
    if (bf_prepare_frame(prepared, dicom, i, &f->prepare, &l->scratch[thread], &why) == BF_OK) return true;
  for (int64_t i = one->file + step; frames == 1 && in_volume(f, i, volume); i += step)
    if (prepare_file(l, prepared, i, thread)) return true;
  return false;
}

/* A slice between its neighbours; at an end of the volume, and where there is none, itself again. */
static void normalise_slices(bf_feed_line *l, float *place, const bf_feed_slot *one, bf_dicom *dicom, int thread) {
  int size = l->model->options.size;
  size_t picture = (size_t)size * (size_t)size;
  const float *grey[3] = {l->grey[thread], l->grey[thread], l->grey[thread]};
  for (int side = 0; side < 2; side++) {
    bf_prepared prepared = {0};
    bf_affine fit;
    float *to = l->grey[thread] + (1 + (size_t)side) * picture;
    if (!prepare_neighbour(l, &prepared, one, dicom, side == 0 ? -1 : 1, thread)) continue;
    sample_grey(to, &fit, size, &prepared);
    grey[2 * side] = to;
    bf_prepared_clear(&prepared);
  }
  bf_sample_normalise_slices(place, grey, size, size, &l->model->normalisation);
}

static void prepare_slot(bf_feed_line *l, bf_feed_slot *one, float *place, bf_dicom *dicom, int thread) {
  int size = l->model->options.size;
  bf_prepared prepared = {0};
  bf_affine fit;
  one->image = bf_image_without_tables(bf_dicom_image(dicom));
  one->opened = true;
  one->status = bf_prepare_frame(&prepared, dicom, one->frame, &l->feed->prepare, &l->scratch[thread], &one->error);
  if (one->status == BF_OK) {
    one->status = bf_likeness_judge(one->unlike, &l->model->domain, l->feed->unlike, bf_dicom_image(dicom), &prepared,
                                    bf_dicom_path(dicom), &one->error);
    if (one->status != BF_OK) bf_prepared_clear(&prepared);
  }
  if (one->status != BF_OK) return;
  sample_grey(l->grey[thread], &fit, size, &prepared);
  one->to_network = bf_affine_compose(fit, prepared.to_prepared);
  one->bright_edge = prepared.bright_edge;
  bf_prepared_clear(&prepared);
  if (l->model->options.slices == BF_SLICES_THREE)
    normalise_slices(l, place, one, dicom, thread);
  else
    bf_sample_normalise(place, l->grey[thread], size, size, &l->model->normalisation);
}

static size_t picture_floats(const bf_feed_line *l) {
  return 3 * (size_t)l->model->options.size * (size_t)l->model->options.size;
}

/* A file of very many frames is opened once, not once a tray, unless two trays of it are prepared at once. */
static bf_dicom *take_reader(bf_feed_line *l, int64_t file) {
  bf_dicom *dicom = NULL;
  pthread_mutex_lock(&l->lock);
  if (l->waiting != NULL && l->waiting_file == file) {
    dicom = l->waiting;
    l->waiting = NULL;
  }
  pthread_mutex_unlock(&l->lock);
  return dicom;
}

static void give_reader(bf_feed_line *l, bf_dicom *dicom, int64_t file, bool finished) {
  bf_dicom *unwanted = dicom;
  pthread_mutex_lock(&l->lock);
  if (dicom != NULL && !finished) {
    unwanted = l->waiting;
    l->waiting = dicom;
    l->waiting_file = file;
  }
  pthread_mutex_unlock(&l->lock);
  bf_dicom_close(unwanted);
}

static void prepare_group(bf_feed_line *l, tray *t, const group *g, int thread) {
  bf_feed_slot *slots = &t->slots[g->first];
  int64_t file = slots->file;
  bf_error why = {0};
  bf_dicom *dicom = take_reader(l, file);
  bf_status status =
      dicom != NULL ? BF_OK : bf_dicom_open(&dicom, l->feed->files.paths[file], l->feed->key, l->feed->key_size, &why);
  for (int i = 0; i < g->count; i++) {
    slots[i].status = status;
    slots[i].error = why;
    float *place = t->pictures + (size_t)(g->first + i) * picture_floats(l);
    if (status == BF_OK) prepare_slot(l, &slots[i], place, dicom, thread);
  }
  give_reader(l, dicom, file, slots[g->count - 1].last_frame);
}

/* ---- who does what ---- */

/* Groups are taken in their order, so that those which nobody has are of the last tray. Under lock. */
static tray *tray_with_work(bf_feed_line *l) {
  tray *t = l->dealt > l->released ? &l->trays[(l->dealt - 1) % trays] : NULL;
  if (t != NULL && t->taken < t->group_count) return t;
  while (l->dealt < l->released + trays && more_files(l)) {
    t = &l->trays[l->dealt % trays];
    deal(l, t);
    if (t->group_count > 0) return t;
    pthread_cond_signal(&l->finished); /* of refused files alone: there is nothing to do */
  }
  return NULL;
}

/* Called and returns under lock. */
static bool do_group(bf_feed_line *l, int thread) {
  tray *t = tray_with_work(l);
  if (t == NULL) return false;
  const group *g = &t->groups[t->taken++];
  pthread_mutex_unlock(&l->lock);
  prepare_group(l, t, g, thread);
  pthread_mutex_lock(&l->lock);
  if (++t->finished == t->group_count) pthread_cond_signal(&l->finished);
  return true;
}

static bool do_group_in_pool(void *argument, int thread) {
  bf_feed_line *l = argument;
  pthread_mutex_lock(&l->lock);
  bool done = do_group(l, thread);
  pthread_mutex_unlock(&l->lock);
  return done;
}

static bool is_ready(const bf_feed_line *l) {
  const tray *t = &l->trays[l->released % trays];
  return l->dealt > l->released && t->finished == t->group_count;
}

/* The next tray when it is finished, NULL when there is none. */
static tray *wait_for_tray(bf_feed_line *l) {
  pthread_mutex_lock(&l->lock);
  while (!is_ready(l))
    if (!do_group(l, 0)) {
      if (l->dealt == l->released) break; /* and no file is left */
      if (!is_ready(l)) pthread_cond_wait(&l->finished, &l->lock);
    }
  tray *t = l->dealt > l->released ? &l->trays[l->released % trays] : NULL;
  pthread_mutex_unlock(&l->lock);
  return t;
}

/* ---- the caller's side ---- */

typedef struct move {
  bf_feed_line *line;
  const tray *from;
  float *input;
} move;

static void move_picture(void *argument, int k, int thread) {
  (void)thread;
  const move *m = argument;
  size_t picture = picture_floats(m->line);
  memcpy(m->input + (size_t)k * picture, m->from->pictures + (size_t)m->from->place[k] * picture,
         picture * sizeof(float));
}

/* Good pictures alone come into the executor, so that the batch is dense. */
static void hand_over(bf_feed_line *l, tray *t) {
  move m = {l, t, bf_exec_value(l->exec, bf_network_input(l->model->network))};
  t->good = 0;
  for (int i = 0; i < t->count; i++) {
    const bf_feed_slot *one = &t->slots[i];
    if (one->status != BF_OK) continue;
    t->to_network[t->good] = one->to_network;
    t->columns[t->good] = one->image.columns;
    t->rows[t->good] = one->image.rows;
    t->place[t->good++] = i;
  }
  bf_pool_run(l->pool, move_picture, &m, t->good);
}

bool bf_feed_next(bf_feed_batch *batch, bf_feed *f) {
  tray *t = wait_for_tray(f->line);
  if (t == NULL) return false;
  hand_over(f->line, t);
  *batch = (bf_feed_batch){t->count, t->good, t->slots, t->place, t->to_network, t->columns, t->rows};
  return true;
}

bf_status bf_feed_check(const char *result, bf_error *err) {
  if (bf_dicom_can_read()) return BF_OK;
  return bf_fail(err, BF_E_IO, "%s: the processes that read DICOM files were killed, and no other can be started",
                 result);
}

void bf_feed_release(bf_feed *f) {
  bf_feed_line *l = f->line;
  pthread_mutex_lock(&l->lock);
  l->released++;
  pthread_mutex_unlock(&l->lock);
  bf_pool_wake(l->pool);
}

static bool tray_create(tray *t, size_t batch, size_t picture) {
  t->slots = bf_alloc(batch, sizeof *t->slots);
  t->groups = bf_alloc(batch, sizeof *t->groups);
  t->pictures = bf_alloc_raw(batch * picture, sizeof *t->pictures);
  t->place = bf_alloc(batch, sizeof *t->place);
  t->to_network = bf_alloc(batch, sizeof *t->to_network);
  t->columns = bf_alloc(batch, sizeof *t->columns);
  t->rows = bf_alloc(batch, sizeof *t->rows);
  return t->slots && t->groups && t->pictures && t->place && t->to_network && t->columns && t->rows;
}

static void tray_clear(tray *t) {
  bf_free(t->slots);
  bf_free(t->groups);
  bf_free(t->pictures);
  bf_free(t->place);
  bf_free(t->to_network);
  bf_free(t->columns);
  bf_free(t->rows);
}

static bool line_allocate(bf_feed_line *l) {
  size_t threads = (size_t)bf_pool_threads(l->pool), picture = picture_floats(l);
  l->scratch = bf_alloc(threads, sizeof *l->scratch);
  l->grey = bf_alloc(threads, sizeof *l->grey);
  bool good = l->scratch != NULL && l->grey != NULL;
  for (size_t i = 0; i < threads && good; i++) good = (l->grey[i] = bf_alloc(picture, sizeof(float))) != NULL;
  for (int i = 0; i < trays && good; i++) good = tray_create(&l->trays[i], (size_t)l->batch, picture);
  return good;
}

bf_status bf_feed_open(bf_feed *f, bf_model *model, bf_exec *exec, int batch, bf_pool *pool, const uint8_t *skip,
                       bf_error *err) {
  bf_feed_line *l = f->line = bf_alloc(1, sizeof *l);
  if (l == NULL) return bf_fail(err, BF_E_MEMORY, "no memory to read files");
  *l = (bf_feed_line){.feed = f, .skip = skip, .model = model, .pool = pool, .exec = exec, .batch = batch};
  pthread_mutex_init(&l->lock, NULL);
  pthread_cond_init(&l->finished, NULL);
  if (!line_allocate(l)) return bf_fail(err, BF_E_MEMORY, "no memory for batches of %d images", batch);
  bf_pool_idle(pool, do_group_in_pool, l);
  return BF_OK;
}

static void line_destroy(bf_feed_line *l) {
  if (l == NULL) return;
  bf_pool_idle(l->pool, NULL, NULL);
  for (int i = 0; i < bf_pool_threads(l->pool) && l->scratch != NULL; i++) bf_prepare_scratch_clear(&l->scratch[i]);
  for (int i = 0; i < bf_pool_threads(l->pool) && l->grey != NULL; i++) bf_free(l->grey[i]);
  for (int i = 0; i < trays; i++) tray_clear(&l->trays[i]);
  bf_dicom_close(l->waiting);
  bf_free(l->scratch);
  bf_free(l->grey);
  pthread_cond_destroy(&l->finished);
  pthread_mutex_destroy(&l->lock);
  bf_free(l);
}

void bf_feed_close(bf_feed *f) {
  line_destroy(f->line);
  f->line = NULL;
  bf_catalog_clear(&f->catalog);
  bf_file_list_clear(&f->files);
}
