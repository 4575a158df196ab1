/* Scoring: batches of pictures to journal rows, the journal to SCORES.h5. Row n of the result is row n of the manifest;
 * a file that fails is a row with a reason. */
#include "bifocal/score.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/cancel.h"
#include "base/file.h"
#include "base/log.h"
#include "base/memory.h"
#include "bifocal/version.h"
#include "run/card.h"
#include "run/feed.h"
#include "run/job_notes.h"
#include "run/patient_key.h"
#include "run/predictor.h"
#include "run/sections.h"

enum { most_batch = 1024 };

typedef struct scorer {
  const bf_score_options *options;
  bf_patient_key key;
  bf_pool *pool;
  bf_model *model;
  bf_feed feed;
  bf_journal *journal;
  char journal_path[BF_PATH_MAX];
  bf_predictor predictor;
  int batch;
  bf_answer *answers; /* of the batch at hand */
  uint8_t *skip;      /* files of other shards, and those that an earlier run has finished */
  bf_job_part part;
  double published; /* when, by bf_now */
  bf_score_report report;
} scorer;

static void scorer_clear(scorer *s) {
  bf_feed_close(&s->feed);
  bf_free(s->answers);
  bf_free(s->skip);
  bf_journal_close(s->journal);
  bf_predictor_clear(&s->predictor);
  bf_model_destroy(s->model);
  bf_pool_destroy(s->pool);
  bf_patient_key_clear(&s->key);
}

static bf_status hash_files(char hex[65], const scorer *s, bf_error *err) {
  size_t size = 1;
  for (int64_t i = 0; i < s->feed.files.count; i++) size += strlen(s->feed.files.paths[i]) + 1;
  char *all = bf_alloc(size, 1);
  if (all == NULL)
    return bf_fail(err, BF_E_MEMORY, "no memory for the manifest of %lld files", (long long)s->feed.files.count);
  size_t used = 0;
  for (int64_t i = 0; i < s->feed.files.count; i++) {
    size_t n = strlen(s->feed.files.paths[i]);
    memcpy(all + used, s->feed.files.paths[i], n);
    used += n + 1;
  }
  bf_sha256(hex, all, used);
  bf_free(all);
  return BF_OK;
}

static bf_status choose_part(scorer *s, bf_error *err) {
  s->part.files = s->feed.files.count;
  bf_status status = hash_files(s->part.sha256, s, err);
  return status == BF_OK ? bf_job_part_of(&s->part, s->options->shard, err) : status;
}

enum { job_room = 320 };

/* What makes two runs the same job: model, files in order, how each is looked at, and how patients are named. */
static void job_text(char text[job_room], const scorer *s) {
  snprintf(text, job_room, "bifocal-score-4 model %s files %s flips %d heat %d unlike %s shard %d/%d patients %s",
           s->model->sha256, s->part.sha256, s->options->flips, s->options->heat, bf_unlike_name(s->feed.unlike),
           s->part.shard, s->part.shards, s->key.bytes != NULL ? s->key.check : "numbered");
}

static bf_status list_files(scorer *s, bf_error *err) {
  static const char *const endings[] = {"", ".journal", ".journal-wal", ".journal-shm"};
  enum { ending_count = sizeof endings / sizeof endings[0], own_count = ending_count + 1 };
  char(*own)[BF_PATH_MAX] = bf_alloc(own_count, sizeof *own);
  const char *paths[own_count + 2] = {s->options->model, [own_count + 1] = s->options->key_file};
  if (own == NULL) return bf_fail(err, BF_E_MEMORY, "no memory for the list of files");
  for (int i = 0; i < own_count; i++) {
    if (i < ending_count)
      snprintf(own[i], sizeof own[i], "%.*s%s", BF_PATH_MAX - 32, s->options->output, endings[i]);
    else
      bf_publish_temporary(own[i], s->options->output);
    paths[i + 1] = own[i];
  }
  bf_status status = bf_feed_list(&s->feed, s->options->paths, s->options->path_count, paths, own_count + 2, err);
  bf_free(own);
  return status;
}

static bf_status choose_files(scorer *s, bf_error *err) {
  int64_t count = s->feed.files.count;
  s->skip = bf_alloc((size_t)count, 1);
  if (s->skip == NULL) return bf_fail(err, BF_E_MEMORY, "no memory for a list of %lld files", (long long)count);
  for (int64_t i = 0; i < count; i++) {
    bool ours = i >= s->part.first && i - s->part.first < s->part.count,
         done = ours && bf_journal_has_file(s->journal, i);
    s->report.resumed += done;
    s->skip[i] = !ours || done;
  }
  return BF_OK;
}

static void tell_model(const bf_model *model) {
  char line[BF_CARD_LINE];
  bf_card_line(line, model);
  bf_log(BF_LOG_INFO, "%s", line);
}

static bf_status scorer_open(scorer *s, const bf_score_options *options, bf_error *err) {
  bf_config_section sections[BF_RUN_MAX_SECTIONS];
  int count = bf_run_sections(sections);
  char job[job_room];
  *s = (scorer){.options = options, .batch = options->batch > 0 ? options->batch : 8};
  if (options->output == NULL) return bf_fail(err, BF_E_ARGUMENT, "-o: name the result file, such as -o scores.h5");
  if (s->batch > most_batch) return bf_fail(err, BF_E_ARGUMENT, "--batch %d: at most %d", s->batch, most_batch);
  bf_status status = bf_publish_check(options->output, err);
  if (status == BF_OK) status = bf_patient_key_take(&s->key, options->key_file, err);
  if (status == BF_OK) s->feed.key = s->key.bytes, s->feed.key_size = s->key.size;
  if (status == BF_OK) status = bf_unlike_parse(&s->feed.unlike, options->unlike, err);
  if (status == BF_OK) status = bf_pool_create(&s->pool, options->threads, err);
  if (status == BF_OK) status = bf_model_read(&s->model, options->model, sections, count, err);
  if (status == BF_OK) tell_model(s->model);
  if (status == BF_OK) status = list_files(s, err);
  if (status == BF_OK) status = bf_feed_look(&s->feed, s->model, s->pool, err);
  if (status == BF_OK) status = choose_part(s, err);
  if (status == BF_OK) job_text(job, s);
  if (status == BF_OK &&
      snprintf(s->journal_path, sizeof s->journal_path, "%s.journal", options->output) >= BF_PATH_MAX)
    status = bf_fail(err, BF_E_ARGUMENT, "%s: the path is too long", options->output);
  s->answers = bf_alloc((size_t)s->batch, sizeof *s->answers);
  if (status == BF_OK && s->answers == NULL)
    status = bf_fail(err, BF_E_MEMORY, "no memory for batches of %d images", s->batch);
  if (status == BF_OK)
    status = bf_predictor_create(&s->predictor, s->model, s->batch, options->flips, options->heat, s->pool, err);
  /* Late: a start that fails leaves no journal behind. */
  if (status == BF_OK) status = bf_journal_open(&s->journal, s->journal_path, job, err);
  if (status == BF_OK) bf_journal_set_grids(s->journal, s->predictor.grids);
  if (status == BF_OK) status = choose_files(s, err);
  if (status == BF_OK)
    status = bf_feed_open(&s->feed, s->model, s->predictor.execs[0], s->batch, s->pool, s->skip, err);
  s->report.files = s->part.count;
  s->published = bf_now();
  return status;
}

static void take_heat(bf_score_row *row, const bf_answer *answer, const bf_feed_slot *one) {
  bf_affine back;
  if (!bf_affine_invert(&back, one->to_network)) return; /* never: pictures have an area */
  for (int k = 0; k < BF_HEATS; k++) row->heat[k] = answer->heat[k];
  memcpy(row->to_original, back.m, sizeof row->to_original);
}

/* Without a key, rows of one patient have a number in common. A hash of what all shards know would be the same for all
 * of them too, but whoever has the file knows it as well, and finds the Patient ID by trying numbers; a key of the
 * job's own would make other bytes of the same input, and other ones in each shard. All headers are looked at, whatever
 * the shard, so a number by first mention is the same in all. The list's hash keeps patients of two jobs apart. */
static void name_patient(bf_score_row *row, const scorer *s, const bf_feed_slot *one) {
  int64_t number = s->feed.catalog.files[one->file].patient;
  if (s->key.bytes != NULL || !one->opened) return;
  row->patient[0] = '\0';
  if (number >= 0) snprintf(row->patient, sizeof row->patient, "%.16s-%lld", s->part.sha256, (long long)number + 1);
}

static bf_status put(scorer *s, const bf_feed_slot *one, const bf_answer *answer, bf_error *err) {
  const bf_error *error = &one->error;
  bf_score_row row = {.message = "", .unlike = one->unlike, .malignant_logit = NAN, .malignant_probability = NAN};
  bf_feed_describe(&row, &s->feed, one);
  name_patient(&row, s, one);
  row.seen = s->model->seen.count == 0 || row.sop_instance_uid[0] == '\0'
                 ? -1
                 : bf_seen_has(&s->model->seen, row.sop_instance_uid);
  if (answer != NULL) {
    row.malignant_logit = answer->logit;
    row.malignant_probability = (float)answer->probability;
    row.box_count = answer->box_count;
    row.boxes = answer->boxes;
    row.mask = answer->mask;
    take_heat(&row, answer, one);
  } else {
    row.status = (uint8_t)bf_row_status_of(error->status);
    row.message = error->message;
  }
  s->report.scored++;
  bf_status status = bf_journal_put(s->journal, one->file * (INT64_C(1) << 20) + one->frame, &row, err);
  return status == BF_OK && one->last_frame ? bf_journal_file_done(s->journal, one->file, err) : status;
}

static bf_status put_batch(scorer *s, const bf_feed_batch *b, bf_error *err) {
  bf_status status = BF_OK;
  for (int i = 0, next = 0; i < b->count && status == BF_OK; i++) {
    const bf_answer *answer = next < b->good && b->place[next] == i ? &s->answers[next++] : NULL;
    status = put(s, &b->slots[i], answer, err);
  }
  return status == BF_OK ? bf_journal_commit(s->journal, err) : status;
}

static bf_status publish(scorer *s, bf_error *err) {
  s->part.done = bf_journal_files(s->journal);
  char *calibration = bf_calibration_write(s->model->calibration, bf_model_members(s->model));
  const bf_job_notes job = {.threshold = s->model->threshold,
                            .rule = s->model->threshold_rule,
                            .calibration = calibration,
                            .points = &s->model->points,
                            .flips = s->options->flips,
                            .heat = s->options->heat,
                            .unlike = bf_unlike_name(s->feed.unlike),
                            .patient_key = s->key.bytes != NULL ? s->key.check : NULL,
                            .part = &s->part};
  char *config = bf_config_write(s->model->config, false), *extra = bf_job_notes_write(&job);
  if (calibration == NULL || config == NULL || extra == NULL) {
    bf_free(calibration);
    bf_free(config);
    bf_free(extra);
    return bf_fail(err, BF_E_MEMORY, "no memory for the notes of the result");
  }
  bf_scores_notes notes = {s->model->sha256, config, "maximum", extra, s->predictor.grids};
  bf_scores_totals totals = {0};
  bf_status status = bf_scores_publish_journal(&totals, s->options->output, s->journal, &notes, err);
  s->report.rows = totals.rows;
  s->report.failed = totals.failed;
  s->report.unlike = totals.unlike;
  s->published = bf_now();
  bf_free(calibration);
  bf_free(config);
  bf_free(extra);
  return status;
}

/* What is done stands in the result, and in the journal for the next run. */
static bf_status stop(scorer *s, bf_error *err) {
  bf_status status = publish(s, err);
  if (status != BF_OK) return status;
  return bf_fail(
      err, BF_E_CANCELLED,
      "stopped as asked after %lld of %lld files, whose rows stand in %s; the same command goes on from there",
      (long long)s->part.done, (long long)s->part.count, s->options->output);
}

static bool is_time_to_publish(const scorer *s) {
  return s->options->publish_minutes > 0 && bf_now() - s->published >= 60 * s->options->publish_minutes;
}

static bf_status score_batch(scorer *s, const bf_feed_batch *b, bf_error *err) {
  double before = bf_now();
  bf_status status = bf_predictor_run(s->answers, &s->predictor, b->to_network, b->columns, b->rows, b->good, err);
  s->report.forward_seconds += bf_now() - before;
  if (status == BF_OK) status = bf_feed_check(s->options->output, err);
  if (status == BF_OK) status = put_batch(s, b, err);
  for (int i = 0; i < s->batch; i++) bf_answer_clear(&s->answers[i]);
  return status;
}

static bf_status run(scorer *s, bf_error *err) {
  bf_progress progress;
  bf_feed_batch batch;
  bf_progress_start(&progress, "scoring", "files", s->part.count);
  int64_t before = bf_journal_files(s->journal);
  if (before > 0)
    bf_log(BF_LOG_INFO, "going on: %lld of %lld files are already scored", (long long)before, (long long)s->part.count);
  while (bf_feed_next(&batch, &s->feed)) {
    bf_status status = score_batch(s, &batch, err);
    bf_feed_release(&s->feed);
    if (status != BF_OK) return status;
    bf_progress_update(&progress, bf_journal_files(s->journal), NULL);
    if (bf_cancelled() && bf_journal_files(s->journal) < s->part.count) return stop(s, err);
    if (is_time_to_publish(s) && (status = publish(s, err)) != BF_OK) return status;
  }
  bf_progress_update(&progress, s->part.count, NULL);
  bf_progress_end(&progress, NULL);
  return bf_journal_commit(s->journal, err);
}

static void tell_unlike(const scorer *s) {
  if (s->report.unlike == 0) return;
  bf_log(BF_LOG_WARN, "%lld of %lld images are unlike those that the model was trained on: %s",
         (long long)s->report.unlike, (long long)s->report.rows,
         s->feed.unlike == BF_UNLIKE_SCORE
             ? "their scores are marked in the column 'unlike', and nothing shows that they are right"
             : "they are not scored, and their rows say why; --unlike score scores them all the same");
}

bf_status bf_score(bf_score_report *report, const bf_score_options *options, bf_error *err) {
  scorer s;
  double started = bf_now();
  bf_status status = scorer_open(&s, options, err);
  if (status == BF_OK) status = run(&s, err);
  if (status == BF_OK) status = publish(&s, err);
  if (status == BF_OK) tell_unlike(&s);
  s.report.seconds = bf_now() - started;
  *report = s.report;
  char journal[BF_PATH_MAX];
  memcpy(journal, s.journal_path, sizeof journal);
  scorer_clear(&s);
  if (status == BF_OK) bf_journal_remove(journal);
  return status;
}
