/* One training from the configuration to the model files, with metrics.csv, checkpoints and resume. */
#include "bifocal/train.h"

#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cancel.h"
#include "base/file.h"
#include "base/log.h"
#include "base/memory.h"
#include "bifocal/version.h"
#include "data/splits.h"
#include "run/epoch_report.h"
#include "run/train_job.h"

/* Preparation is the dataset's: scoring must prepare as ingest did. */
static bf_status prepare_from_data(bf_config *config, const bf_dataset *data, bf_error *err) {
  for (const bf_option *row = bf_prepare_table; row->name != NULL; row++) {
    char key[64];
    snprintf(key, sizeof key, "prepare.%s", row->name);
    const char *value = bf_dataset_get_note(data, key);
    bf_status status = value == NULL ? BF_OK : bf_config_set(config, key, value, err);
    if (status != BF_OK) return status;
  }
  return BF_OK;
}

bf_status bf_train_job_config(bf_config **out, const bf_train_job *job, bf_error *err) {
  bf_config_section sections[BF_RUN_MAX_SECTIONS];
  int count = bf_run_sections(sections);
  bf_status status = bf_model_config(out, sections, count, err);
  if (status == BF_OK) status = bf_config_read_file(*out, job->options->config, err);
  for (int i = 0; i < job->options->setting_count && status == BF_OK; i++)
    status = bf_config_assign(*out, job->options->settings[i], err);
  if (status == BF_OK) status = prepare_from_data(*out, job->data, err);
  if (status != BF_OK) {
    bf_config_destroy(*out);
    *out = NULL;
  }
  return status;
}

bf_status bf_train_job_open(bf_train_job *job, const bf_train_options *options, bf_error *err) {
  *job = (bf_train_job){.options = options};
  bf_path_folder(job->base_folder, sizeof job->base_folder, options->config);
  bf_config *config = NULL;
  bf_status status = bf_pool_create(&job->pool, options->threads, err);
  if (status == BF_OK) status = bf_dataset_open(&job->data, options->data, err);
  if (status == BF_OK) status = bf_sha256_file(job->data_sha256, options->data, err);
  if (status == BF_OK) status = bf_train_job_config(&config, job, err);
  if (status == BF_OK) status = bf_config_fill(config, "", &job->main, err);
  if (status == BF_OK && (job->config_text = bf_config_write(config, false)) == NULL)
    status = bf_fail(err, BF_E_MEMORY, "no memory for the configuration's text");
  if (status == BF_OK) status = bf_make_folders(options->output, err);
  if (status == BF_OK) status = bf_train_job_path(job->config_path, job, "", "config.yaml", err);
  bf_config_destroy(config);
  if (status != BF_OK) bf_train_job_close(job);
  return status;
}

void bf_train_job_close(bf_train_job *job) {
  bf_embedding_destroy(job->embedding);
  bf_dataset_close(job->data);
  bf_pool_destroy(job->pool);
  bf_free(job->config_text);
  *job = (bf_train_job){0};
}

bf_status bf_train_job_parts(uint8_t *part, const bf_train_job *job, const uint8_t *use, bf_error *err) {
  uint64_t seed = (uint64_t)job->main.seed;
  bf_status status = bf_split_validation(part, job->data, use, job->main.validation, seed, err);
  return status == BF_OK ? bf_split_thin(part, job->data, job->main.train_fraction, seed, err) : status;
}

bf_status bf_train_job_path(char path[BF_PATH_MAX], const bf_train_job *job, const char *prefix, const char *name,
                            bf_error *err) {
  char file[128];
  snprintf(file, sizeof file, "%s%s", prefix, name);
  return bf_path_join(path, BF_PATH_MAX, job->options->output, file, err);
}

/* What a checkpoint must agree with, then the lines of metrics.csv so far. The part of each row is in it: another
 * number of folds, or another way to split, would train on what was held out. */
static char *checkpoint_text(const bf_trainer *t, const bf_train_job *job, const char *lines) {
  size_t size = strlen(lines) + 512;
  char *text = bf_alloc(size, 1), config_sha256[65], part_sha256[65];
  if (text == NULL) return NULL;
  bf_sha256(config_sha256, job->config_text, strlen(job->config_text));
  bf_sha256(part_sha256, t->part, (size_t)bf_dataset_count(t->data));
  snprintf(text, size, "data %s\nconfig %s\nparts %s\nweights %s\n%s", job->data_sha256, config_sha256, part_sha256,
           t->model->weights_sha256, lines);
  return text;
}

static bf_status resume_from(bf_trainer *t, const bf_train_job *job, const char *path, char **lines, bf_error *err) {
  char *expected = checkpoint_text(t, job, "");
  bf_status status = expected == NULL ? bf_fail(err, BF_E_MEMORY, "no memory to resume")
                                      : bf_trainer_load(t, path, expected, lines, err);
  bf_free(expected);
  return status;
}

static bf_status write_files(bf_trainer *t, const bf_train_job *job, const char *prefix, const char *lines,
                             bf_error *err) {
  char path[BF_PATH_MAX];
  char *text = checkpoint_text(t, job, lines);
  bf_status status = text == NULL ? bf_fail(err, BF_E_MEMORY, "no memory for the checkpoint") : BF_OK;
  if (status == BF_OK) status = bf_train_job_path(path, job, prefix, "metrics.csv", err);
  if (status == BF_OK) status = bf_file_write(path, lines, strlen(lines), err);
  if (status == BF_OK) status = bf_train_job_path(path, job, prefix, "checkpoint.h5", err);
  if (status == BF_OK) status = bf_trainer_save(t, path, text, err);
  bf_free(text);
  return status;
}

static bf_status one_epoch(bf_trainer *t, const bf_train_job *job, const char *prefix, bf_epoch_report *report,
                           bf_progress *progress, bf_error *err) {
  bf_epoch_line line = {.figures = {NAN, NAN, NAN, NAN}};
  double started = bf_now();
  bf_status status = bf_trainer_epoch(t, &line.epoch, progress, err);
  /* Epochs without a look at the validation part neither gain nor lose the best weights. */
  bool look = t->epoch % t->main.evaluate_every == 0 || t->epoch == t->main.epochs;
  if (status == BF_OK && look) status = bf_trainer_validate(t, &line.figures, &line.validation, err);
  if (status != BF_OK) return status;
  line.best = look && bf_trainer_keep_best(t, &line.figures);
  line.seconds = bf_now() - started;
  status = bf_epoch_report_add(report, t, &line, err);
  return status == BF_OK ? write_files(t, job, prefix, report->csv, err) : status;
}

bf_status bf_train_job_run(bf_trainer *t, const bf_train_job *job, const char *prefix, bf_error *err) {
  char path[BF_PATH_MAX];
  bf_epoch_report report = {0};
  char *certificate;
  /* Before a step is made. */
  bf_status status = bf_certificate_make(&certificate, t, job->held, err);
  free(certificate);
  if (status == BF_OK) status = bf_train_job_path(path, job, prefix, "checkpoint.h5", err);
  if (status != BF_OK) return status;
  if (job->options->resume && bf_file_exists(path)) {
    status = resume_from(t, job, path, &report.csv, err);
    if (status == BF_OK) bf_log(BF_LOG_INFO, "going on after epoch %d of %d", t->epoch, t->main.epochs);
  } else {
    status = bf_epoch_report_begin(&report, t, err);
  }
  /* Only now: a checkpoint of another configuration has been refused, and its config.yaml stands. */
  if (status == BF_OK) status = bf_file_write(job->config_path, job->config_text, strlen(job->config_text), err);
  bf_progress progress;
  bf_progress_start(&progress, "training", "images", t->total_steps * t->main.batch);
  while (status == BF_OK && !bf_trainer_is_done(t)) status = one_epoch(t, job, prefix, &report, &progress, err);
  if (status == BF_OK) bf_progress_end(&progress, NULL);
  if (status == BF_OK && t->epoch < t->main.epochs)
    bf_log(BF_LOG_INFO, "no better epoch than %d within %d epochs: training ends here", t->best_epoch,
           t->main.patience);
  bf_epoch_report_clear(&report);
  return status;
}

static void add_figure(json_t *record, const char *key, double value) {
  json_object_set_new(record, key, isfinite(value) ? json_real(value) : json_null());
}

/* A text of JSON, taken over, or a bare word. */
static void add_text(json_t *record, const char *key, char *text) {
  json_t *value = text != NULL ? json_loads(text, 0, NULL) : NULL;
  if (value == NULL && text != NULL) value = json_string(text);
  if (value != NULL) json_object_set_new(record, key, value);
  bf_free(text);
}

/* The training record in the model: enough to tell where a number came from. epoch: whose weights these are; f: their
 * figures on the validation part. */
static bf_status record_training(bf_trainer *t, const bf_train_job *job, int epoch, const bf_figures *f,
                                 bf_error *err) {
  char created[32], *certificate, *figures = NULL;
  bf_status status = bf_certificate_make(&certificate, t, job->held, err);
  if (status == BF_OK) status = bf_certificate_seen(t, err);
  if (status == BF_OK) status = bf_train_domain(&t->model->domain, t->data, t->part, err);
  if (status == BF_OK && t->valid_count > 0)
    status = bf_figures_record(&figures, t->data, t->valid_rows, t->valid_answers, t->valid_count, t->model->threshold,
                               (uint64_t)t->main.seed, err);
  if (status != BF_OK) {
    free(certificate);
    return status;
  }
  bf_utc_now(created, sizeof created);
  json_t *r = json_object();
  json_object_set_new(r, "software_version", json_string(BIFOCAL_VERSION));
  json_object_set_new(r, "created", json_string(created));
  json_object_set_new(r, "data_sha256", json_string(job->data_sha256));
  json_object_set_new(r, "weights_sha256", json_string(t->model->weights_sha256));
  json_object_set_new(r, "train_images", json_integer(t->train_count));
  json_object_set_new(r, "validation_images", json_integer(t->valid_count));
  json_object_set_new(r, "epochs", json_integer(t->epoch));
  json_object_set_new(r, "epoch", json_integer(epoch));
  add_figure(r, "validation_auc", f->auc);
  add_figure(r, "validation_froc1", f->froc1);
  if (figures != NULL) json_object_set_new(r, "validation", json_loads(figures, 0, NULL));
  add_text(r, "calibration", bf_calibration_write(t->model->calibration, 1));
  add_text(r, "operating_points", bf_operating_points_write(&t->model->points));
  json_object_set_new(r, "norms", json_string(t->model->norms_frozen ? "frozen" : "batch"));
  json_object_set_new(r, "certificate", json_loads(certificate, 0, NULL));
  free(certificate);
  free(figures);
  char *text = json_dumps(r, JSON_PRESERVE_ORDER | JSON_REAL_PRECISION(6));
  bf_free(t->model->training_json);
  t->model->training_json = bf_strdup(text);
  free(text);
  json_decref(r);
  return t->model->training_json != NULL ? BF_OK : bf_fail(err, BF_E_MEMORY, "no memory for the training record");
}

static void tell_calibration(const bf_model *m) {
  char text[BF_CALIBRATION_LINE];
  bf_calibration_tell(text, &m->calibration[0]);
  bf_log(BF_LOG_INFO, "calibration: %s", text);
}

bf_status bf_train_job_model(bf_trainer *t, const bf_train_job *job, const char *prefix, const char *name, bool last,
                             bf_error *err) {
  char path[BF_PATH_MAX];
  bf_figures figures = {NAN, NAN, NAN, NAN};
  bf_status status = bf_trainer_finish(t, last, err);
  if (status == BF_OK && t->valid_count > 0)
    status = bf_figures_of(&figures, t->data, t->valid_rows, t->valid_answers, t->valid_count, err);
  if (status == BF_OK && !last) tell_calibration(t->model);
  if (status == BF_OK) status = record_training(t, job, last ? t->epoch : t->best_epoch, &figures, err);
  if (status == BF_OK) status = bf_train_job_path(path, job, prefix, name, err);
  return status == BF_OK ? bf_model_write(t->model, path, err) : status;
}

static bf_score_row row_of(const bf_record *r, const bf_answer *a, int8_t seen) {
  bf_score_row row = {.status = BF_ROW_OK,
                      .message = "",
                      .malignant_probability = (float)a->probability,
                      .malignant_logit = a->logit,
                      .box_count = a->box_count,
                      .boxes = a->boxes,
                      .mask = a->mask,
                      .seen = seen};
  bf_score_row_describe(&row, r);
  return row;
}

bf_status bf_train_job_scores(const bf_train_job *job, const char *name, const int64_t *rows, const bf_answer *answers,
                              int64_t count, const bf_job_notes *given, bf_error *err) {
  char path[BF_PATH_MAX];
  bf_score_row *all = bf_alloc((size_t)count, sizeof *all);
  char *extra = bf_job_notes_write(&(bf_job_notes){.threshold = given->threshold,
                                                   .rule = given->rule,
                                                   .calibration = given->calibration,
                                                   .points = given->points,
                                                   .folds = job->options->folds,
                                                   .flips = job->options->flips});
  bf_scores_notes notes = {
      .model_sha256 = "", .config_yaml = job->config_text, .pooling = "maximum", .extra_json = extra};
  bf_status status = all != NULL && extra != NULL
                         ? bf_train_job_path(path, job, "", name, err)
                         : bf_fail(err, BF_E_MEMORY, "no memory for %lld rows of scores", (long long)count);
  for (int64_t i = 0; i < count && status == BF_OK; i++)
    all[i] = row_of(bf_dataset_record(job->data, rows[i]), &answers[i], job->options->folds == 0);
  if (status == BF_OK) status = bf_scores_publish(path, all, count, &notes, err);
  if (status == BF_OK) bf_log(BF_LOG_INFO, "scores of what was held out: %s", path);
  bf_free(extra);
  bf_free(all);
  return status;
}

bf_status bf_train_job_trainer(bf_trainer **out, bf_train_job *job, bf_error *err) {
  size_t rows = (size_t)bf_dataset_count(job->data);
  uint8_t *part = bf_alloc(rows, 1), *use = bf_alloc(rows, 1);
  bf_config *config = NULL;
  bf_model *model = NULL;
  *out = NULL;
  bf_status status = part == NULL || use == NULL ? bf_fail(err, BF_E_MEMORY, "no memory for %zu rows", rows) : BF_OK;
  if (status == BF_OK) {
    memset(use, 1, rows);
    status = bf_train_job_parts(part, job, use, err);
  }
  if (status == BF_OK) status = bf_train_job_config(&config, job, err);
  if (status == BF_OK) status = bf_model_create(&model, config, err);
  if (status == BF_OK)
    status = bf_trainer_create(out, model, job->data, part, job->pool, job->base_folder, &job->embedding, err);
  bf_free(part);
  bf_free(use);
  return status;
}

static bf_status write_validation(const bf_trainer *t, const bf_train_job *job, bf_error *err) {
  const bf_model *m = t->model;
  char *calibration = bf_calibration_write(m->calibration, 1);
  const bf_job_notes notes = {
      .threshold = m->threshold, .rule = m->threshold_rule, .calibration = calibration, .points = &m->points};
  bf_status status = calibration != NULL ? bf_train_job_scores(job, "validation-scores.h5", t->valid_rows,
                                                               t->valid_answers, t->valid_count, &notes, err)
                                         : bf_fail(err, BF_E_MEMORY, "no memory for the notes of the scores");
  bf_free(calibration);
  return status;
}

static void write_page(const bf_train_job *job, bool validated) {
  const bf_train_pages pages = {
      .scores = validated ? "validation-scores.h5" : NULL,
      .prefix = "",
      .model = "model.safetensors",
      .note =
          "The validation part chose the epoch, the threshold and the calibration: its figures flatter. Images that "
          "took no part in training (score, then evaluate) tell how good the model is."};
  bf_train_job_page(job, &pages);
}

static bf_status train_once(bf_train_report *report, bf_train_job *job, bf_error *err) {
  bf_trainer *t;
  bf_status status = bf_train_job_trainer(&t, job, err);
  if (status == BF_OK) bf_trainer_say_plan(t);
  if (status == BF_OK) status = bf_train_job_run(t, job, "", err);
  /* "last" first: afterwards the best weights stand in the model and their figures in the report. */
  if (status == BF_OK) status = bf_train_job_model(t, job, "", "last.safetensors", true, err);
  if (status == BF_OK) status = bf_train_job_model(t, job, "", "model.safetensors", false, err);
  if (status == BF_OK && t->valid_count > 0) status = write_validation(t, job, err);
  if (status == BF_OK) write_page(job, t->valid_count > 0);
  bf_figures figures = {NAN, NAN, NAN, NAN};
  if (status == BF_OK && t->valid_count > 0)
    status = bf_figures_of(&figures, t->data, t->valid_rows, t->valid_answers, t->valid_count, err);
  if (status == BF_OK)
    *report = (bf_train_report){.epochs = t->epoch,
                                .best_epoch = t->best_epoch,
                                .validation_images = t->valid_count,
                                .best_metric = t->best_metric,
                                .auc = figures.auc,
                                .froc1 = figures.froc1,
                                .auc_deviation = NAN,
                                .froc1_deviation = NAN,
                                .threshold = t->model->threshold,
                                .ms_per_image = bf_trainer_ms_per_image(t),
                                .peak_rss_mib = bf_peak_rss_mib()};
  bf_trainer_destroy(t);
  return status;
}

bf_status bf_train(bf_train_report *report, const bf_train_options *options, bf_error *err) {
  bf_train_job job;
  bf_status status = bf_train_job_open(&job, options, err);
  if (status != BF_OK) return status;
  status = options->folds > 0 ? bf_train_folds(report, &job, err) : train_once(report, &job, err);
  bf_train_job_close(&job);
  return status;
}
