/* Scoring: files to slots, slots to batches, batches to journal rows, the journal to SCORES.h5. Row n of the result is
 * row n of the manifest; a file that fails is a row with a reason. */
#include "bifocal/score.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/cancel.h"
#include "base/file.h"
#include "base/log.h"
#include "base/memory.h"
#include "bifocal/version.h"
#include "run/figures.h"
#include "run/predict.h"
#include "run/sections.h"

enum { most_batch = 1024 };

/* One frame on its way. Frames of one file that stand in the same batch share its reader and are prepared by one
 * task, because a reader belongs to one thread. */
typedef struct slot {
  int64_t file;
  int32_t frame;
  bool last_frame;
  bf_dicom *dicom; /* borrowed from the group's owner */
  bf_status status;
  bf_error error;
  bf_affine to_network;
} slot;

typedef struct scorer {
  const bf_score_options *options;
  bf_pool *pool;
  bf_model *model;
  bf_prepare_options prepare;
  bf_file_list files;
  bf_journal *journal;
  char journal_path[BF_PATH_MAX];
  bf_exec *exec;
  int batch, slots_count;
  slot *slots;
  int *group; /* first slot of each group; group[groups] = slots_count */
  int groups;
  bf_prepare_scratch *scratch; /* one a thread */
  float **grey;                /* one a thread, size*size */
  bf_affine *to_network;
  int32_t *columns, *rows;
  int *place; /* slot of each place in the batch */
  bf_answer *answers, *mirrored;
  bf_dicom *open; /* the file whose frames are being dealt out */
  int64_t open_file;
  int32_t next_frame, open_frames;
  int64_t next_file;
  bf_score_report report;
} scorer;

static void scorer_clear(scorer *s) {
  for (int i = 0; i < bf_pool_threads(s->pool) && s->scratch != NULL; i++) bf_prepare_scratch_clear(&s->scratch[i]);
  for (int i = 0; i < bf_pool_threads(s->pool) && s->grey != NULL; i++) bf_free(s->grey[i]);
  bf_free(s->scratch);
  bf_free(s->grey);
  bf_free(s->slots);
  bf_free(s->group);
  bf_free(s->to_network);
  bf_free(s->columns);
  bf_free(s->rows);
  bf_free(s->place);
  bf_free(s->answers);
  bf_free(s->mirrored);
  bf_journal_close(s->journal);
  bf_exec_destroy(s->exec);
  bf_file_list_clear(&s->files);
  bf_model_destroy(s->model);
  bf_pool_destroy(s->pool);
}

/* What makes two runs the same job: model, files in order, and how each is looked at. */
static bf_status job_text(char text[256], const scorer *s, bf_error *err) {
  size_t size = 1;
  for (int64_t i = 0; i < s->files.count; i++) size += strlen(s->files.paths[i]) + 1;
  char *all = bf_alloc(size, 1), hash[65];
  if (all == NULL)
    return bf_fail(err, BF_E_MEMORY, "no memory for the manifest of %lld files", (long long)s->files.count);
  size_t used = 0;
  for (int64_t i = 0; i < s->files.count; i++) {
    size_t n = strlen(s->files.paths[i]);
    memcpy(all + used, s->files.paths[i], n);
    used += n + 1;
  }
  bf_sha256(hash, all, used);
  bf_free(all);
  snprintf(text, 256, "bifocal-score-1 model %s files %s flips %d", s->model->sha256, hash, s->options->flips);
  return BF_OK;
}

static bf_status allocate(scorer *s, bf_error *err) {
  size_t n = (size_t)s->batch, threads = (size_t)bf_pool_threads(s->pool), side = (size_t)s->model->options.size;
  s->slots = bf_alloc(n, sizeof *s->slots);
  s->group = bf_alloc(n + 1, sizeof *s->group);
  s->scratch = bf_alloc(threads, sizeof *s->scratch);
  s->grey = bf_alloc(threads, sizeof *s->grey);
  s->to_network = bf_alloc(n, sizeof *s->to_network);
  s->columns = bf_alloc(n, sizeof *s->columns);
  s->rows = bf_alloc(n, sizeof *s->rows);
  s->place = bf_alloc(n, sizeof *s->place);
  s->answers = bf_alloc(n, sizeof *s->answers);
  s->mirrored = bf_alloc(n, sizeof *s->mirrored);
  bool good = s->slots && s->group && s->scratch && s->grey && s->to_network && s->columns && s->rows && s->place &&
              s->answers && s->mirrored;
  for (size_t i = 0; good && i < threads; i++) good = (s->grey[i] = bf_alloc(side * side, sizeof(float))) != NULL;
  return good ? BF_OK : bf_fail(err, BF_E_MEMORY, "no memory for batches of %d images", s->batch);
}

/* What the job itself reads and writes may lie in the folder that is scored. */
static bf_status list_files(scorer *s, bf_error *err) {
  static const char *const endings[] = {"", ".journal", ".journal-wal", ".journal-shm"};
  enum { ending_count = sizeof endings / sizeof endings[0], own_count = ending_count + 1 };
  char(*own)[BF_PATH_MAX] = bf_alloc(own_count, sizeof *own);
  const char *paths[own_count + 1] = {s->options->model};
  bf_status status = own != NULL ? bf_file_list_collect(&s->files, s->options->paths, s->options->path_count, err)
                                 : bf_fail(err, BF_E_MEMORY, "no memory for the list of files");
  for (int i = 0; i < own_count && status == BF_OK; i++) {
    if (i < ending_count)
      snprintf(own[i], sizeof own[i], "%.*s%s", BF_PATH_MAX - 32, s->options->output, endings[i]);
    else
      bf_publish_temporary(own[i], s->options->output);
    paths[i + 1] = own[i];
  }
  if (status == BF_OK) status = bf_file_list_leave(&s->files, paths, own_count + 1, err);
  if (status == BF_OK && s->files.count == 0)
    status = bf_fail(err, BF_E_NOT_FOUND, "%s: no files under it; give DICOM files, or folders of them",
                     s->options->paths[0]);
  bf_free(own);
  return status;
}

static bf_status scorer_open(scorer *s, const bf_score_options *options, bf_error *err) {
  bf_config_section sections[BF_RUN_MAX_SECTIONS];
  int count = bf_run_sections(sections);
  char job[256];
  *s = (scorer){.options = options, .batch = options->batch > 0 ? options->batch : 8};
  if (options->output == NULL) return bf_fail(err, BF_E_ARGUMENT, "-o: name the result file, such as -o scores.h5");
  if (s->batch > most_batch) return bf_fail(err, BF_E_ARGUMENT, "--batch %d: at most %d", s->batch, most_batch);
  bf_status status = bf_publish_check(options->output, err);
  if (status == BF_OK) status = bf_pool_create(&s->pool, options->threads, err);
  if (status == BF_OK) status = bf_model_read(&s->model, options->model, sections, count, err);
  if (status == BF_OK) status = bf_config_fill(s->model->config, "prepare", &s->prepare, err);
  if (status == BF_OK) status = list_files(s, err);
  if (status == BF_OK) status = job_text(job, s, err);
  if (status == BF_OK &&
      snprintf(s->journal_path, sizeof s->journal_path, "%s.journal", options->output) >= BF_PATH_MAX)
    status = bf_fail(err, BF_E_ARGUMENT, "%s: the path is too long", options->output);
  if (status == BF_OK) status = allocate(s, err);
  if (status == BF_OK)
    status = bf_exec_create(&s->exec, bf_network_graph(s->model->network), s->batch, false, s->pool, err);
  if (status == BF_OK) status = bf_exec_hold_weights(s->exec, err);
  /* Last: a start that fails leaves no journal behind. */
  if (status == BF_OK) status = bf_journal_open(&s->journal, s->journal_path, job, err);
  s->report.files = s->files.count;
  return status;
}

static void describe(bf_score_row *row, const bf_image *image) {
  if (image == NULL) return;
  memcpy(row->sop_instance_uid, image->sop_instance_uid, sizeof row->sop_instance_uid);
  memcpy(row->series_instance_uid, image->series_instance_uid, sizeof row->series_instance_uid);
  memcpy(row->study_instance_uid, image->study_instance_uid, sizeof row->study_instance_uid);
  memcpy(row->modality, image->modality, sizeof row->modality);
  row->rows = image->rows;
  row->columns = image->columns;
}

static bf_status put(scorer *s, int64_t file, int32_t frame, const bf_image *image, const bf_answer *answer,
                     const bf_error *error, bool last, bf_error *err) {
  bf_score_row row = {.file = s->files.paths[file],
                      .frame = frame,
                      .message = "",
                      .malignant_logit = NAN,
                      .malignant_probability = NAN};
  describe(&row, image);
  if (answer != NULL) {
    row.malignant_logit = answer->logit;
    row.malignant_probability = bf_sigmoid(answer->logit);
    row.box_count = answer->box_count;
    row.boxes = answer->boxes;
  } else {
    row.status = (uint8_t)bf_row_status_of(error->status);
    row.message = error->message;
  }
  s->report.scored++;
  bf_status status = bf_journal_put(s->journal, file * (INT64_C(1) << 20) + frame, &row, err);
  return status == BF_OK && last ? bf_journal_file_done(s->journal, file, err) : status;
}

/* Opens the next file that is not yet done; a file that cannot be opened becomes its row at once. */
static bf_status open_next(scorer *s, bf_error *err) {
  while (s->open == NULL && s->next_file < s->files.count) {
    int64_t file = s->next_file++;
    if (bf_journal_has_file(s->journal, file)) {
      s->report.resumed++;
      continue;
    }
    bf_error why = {0};
    if (bf_dicom_open(&s->open, s->files.paths[file], "", 0, &why) == BF_OK) {
      s->open_file = file;
      s->next_frame = 0;
      s->open_frames = bf_dicom_image(s->open)->frames;
      return BF_OK;
    }
    s->open = NULL;
    bf_status status = put(s, file, 0, NULL, NULL, &why, true, err);
    if (status != BF_OK) return status;
  }
  return BF_OK;
}

static bf_status deal_slots(scorer *s, bf_error *err) {
  s->slots_count = s->groups = 0;
  while (s->slots_count < s->batch) {
    bf_status status = s->open == NULL ? open_next(s, err) : BF_OK;
    if (status != BF_OK) return status;
    if (s->open == NULL) break;
    s->group[s->groups++] = s->slots_count;
    while (s->slots_count < s->batch && s->next_frame < s->open_frames) {
      bool last = s->next_frame + 1 == s->open_frames;
      s->slots[s->slots_count++] =
          (slot){.file = s->open_file, .frame = s->next_frame++, .last_frame = last, .dicom = s->open};
    }
    if (s->next_frame == s->open_frames) s->open = NULL; /* its last slot closes it */
  }
  s->group[s->groups] = s->slots_count;
  return BF_OK;
}

static void prepare_slot(scorer *s, int index, int thread) {
  slot *one = &s->slots[index];
  int size = s->model->options.size;
  bf_prepared prepared = {0};
  one->status = bf_prepare_frame(&prepared, one->dicom, one->frame, &s->prepare, &s->scratch[thread], &one->error);
  if (one->status != BF_OK) return;
  bf_affine fit = bf_affine_fit(prepared.columns, prepared.rows, size, size);
  one->to_network = bf_affine_compose(fit, prepared.to_prepared);
  bf_sample_grey(s->grey[thread], size, size, prepared.pixels, prepared.columns, prepared.rows, fit);
  float *place = bf_exec_value(s->exec, bf_network_input(s->model->network)) + (size_t)index * size * size * 3;
  bf_sample_normalise(place, s->grey[thread], size, size, &s->model->normalisation);
  bf_prepared_clear(&prepared);
}

static void prepare_group(void *argument, int task, int thread) {
  scorer *s = argument;
  for (int i = s->group[task]; i < s->group[task + 1]; i++) prepare_slot(s, i, thread);
}

/* Places without a good picture are closed up, so that the batch is dense. */
static int close_up(scorer *s) {
  float *input = bf_exec_value(s->exec, bf_network_input(s->model->network));
  size_t picture = (size_t)s->model->options.size * s->model->options.size * 3;
  int n = 0;
  for (int i = 0; i < s->slots_count; i++) {
    if (s->slots[i].status != BF_OK) continue;
    if (n != i) memcpy(input + (size_t)n * picture, input + (size_t)i * picture, picture * sizeof(float));
    const bf_image *image = bf_dicom_image(s->slots[i].dicom);
    s->to_network[n] = s->slots[i].to_network;
    s->columns[n] = image->columns;
    s->rows[n] = image->rows;
    s->place[n++] = i;
  }
  return n;
}

static void mirror_input(scorer *s, int n) {
  float *input = bf_exec_value(s->exec, bf_network_input(s->model->network));
  int size = s->model->options.size;
  for (int64_t line = 0; line < (int64_t)n * size; line++) {
    float *row = input + line * size * 3;
    for (int x = 0; x < size / 2; x++)
      for (int c = 0; c < 3; c++) {
        float kept = row[3 * x + c];
        row[3 * x + c] = row[3 * (size - 1 - x) + c];
        row[3 * (size - 1 - x) + c] = kept;
      }
  }
  bf_affine flip = {{-1, 0, size, 0, 1, 0}};
  for (int i = 0; i < n; i++) s->to_network[i] = bf_affine_compose(flip, s->to_network[i]);
}

static bf_status answer_batch(scorer *s, int n, bf_error *err) {
  bool again = s->options->flips && n > 0;
  /* The executor may use the input's memory for later activations: keep the pictures for the mirrored look. */
  size_t bytes = (size_t)n * s->model->options.size * s->model->options.size * 3 * sizeof(float);
  float *input = bf_exec_value(s->exec, bf_network_input(s->model->network));
  float *kept = again ? bf_alloc_raw(bytes, 1) : NULL;
  if (again && kept == NULL) return bf_fail(err, BF_E_MEMORY, "no memory for the mirrored look at %d images", n);
  if (kept != NULL) memcpy(kept, input, bytes);
  bf_status status =
      n > 0 ? bf_predict_batch(s->answers, s->model, s->exec, s->to_network, s->columns, s->rows, n, err) : BF_OK;
  if (kept == NULL) return status;
  memcpy(input, kept, bytes);
  bf_free(kept);
  mirror_input(s, n);
  if (status == BF_OK)
    status = bf_predict_batch(s->mirrored, s->model, s->exec, s->to_network, s->columns, s->rows, n, err);
  for (int i = 0; i < n && status == BF_OK; i++) {
    bf_answer views[2] = {s->answers[i], s->mirrored[i]};
    bf_predict_join(views, 2);
    s->answers[i] = views[0];
  }
  return status;
}

/* Puts the rows where `status` is good, and closes the readers in any case. */
static bf_status put_batch(scorer *s, int n, bf_status status, bf_error *err) {
  int next = 0;
  for (int i = 0; i < s->slots_count; i++) {
    slot *one = &s->slots[i];
    const bf_answer *answer = next < n && s->place[next] == i ? &s->answers[next++] : NULL;
    if (status == BF_OK)
      status = put(s, one->file, one->frame, bf_dicom_image(one->dicom), answer, &one->error, one->last_frame, err);
    if (one->last_frame) bf_dicom_close(one->dicom);
  }
  return status == BF_OK ? bf_journal_commit(s->journal, err) : status;
}

static bf_status run(scorer *s, bf_error *err) {
  bf_progress progress;
  bf_progress_start(&progress, "scoring", "files", s->files.count);
  int64_t before = bf_journal_files(s->journal);
  if (before > 0)
    bf_log(BF_LOG_INFO, "going on: %lld of %lld files are already scored", (long long)before,
           (long long)s->files.count);
  for (;;) {
    int n = 0;
    bf_status status = deal_slots(s, err);
    if (status == BF_OK && s->slots_count == 0) break;
    if (status == BF_OK) {
      bf_pool_run(s->pool, prepare_group, s, s->groups);
      n = close_up(s);
      status = answer_batch(s, n, err);
    }
    status = put_batch(s, n, status, err);
    if (status != BF_OK) return status;
    bf_progress_update(&progress, s->next_file, NULL);
    if (bf_cancelled())
      return bf_fail(err, BF_E_CANCELLED,
                     "stopped as asked after %lld of %lld files; the same command goes on from there",
                     (long long)bf_journal_files(s->journal), (long long)s->files.count);
  }
  bf_progress_update(&progress, s->files.count, NULL);
  bf_progress_end(&progress, NULL);
  return bf_journal_commit(s->journal, err);
}

static bf_status publish(scorer *s, bf_error *err) {
  char *config = bf_config_write(s->model->config, false),
       *extra = bf_figures_extra(s->model->threshold, s->model->threshold_rule, 0);
  if (config == NULL || extra == NULL) {
    bf_free(config);
    bf_free(extra);
    return bf_fail(err, BF_E_MEMORY, "no memory for the notes of the result");
  }
  bf_scores_notes notes = {s->model->sha256, config, "maximum", extra};
  bf_scores_totals totals = {0};
  bf_status status = bf_scores_publish_journal(&totals, s->options->output, s->journal, &notes, err);
  s->report.rows = totals.rows;
  s->report.failed = totals.failed;
  bf_free(config);
  bf_free(extra);
  return status;
}

bf_status bf_score(bf_score_report *report, const bf_score_options *options, bf_error *err) {
  scorer s;
  double started = bf_now();
  bf_status status = scorer_open(&s, options, err);
  if (status == BF_OK) status = run(&s, err);
  if (status == BF_OK) status = publish(&s, err);
  if (s.open != NULL) bf_dicom_close(s.open);
  s.report.seconds = bf_now() - started;
  *report = s.report;
  char journal[BF_PATH_MAX];
  memcpy(journal, s.journal_path, sizeof journal);
  scorer_clear(&s);
  if (status == BF_OK) bf_journal_remove(journal);
  return status;
}
