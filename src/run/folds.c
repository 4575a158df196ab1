/* Cross-validation by patient. Each image is scored by the one model that has seen none of its patient's pictures. All
 * fold models together are an ensemble, for images that none of them has seen. */
#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/memory.h"
#include "bifocal/version.h"
#include "data/splits.h"
#include "run/calibrate.h"
#include "run/predict_rows.h"
#include "run/sections.h"
#include "run/train_job.h"

typedef struct fold_work {
  int *fold; /* of each row */
  uint8_t *part, *use;
  int64_t *rows;                                /* of the held-out part */
  bf_answer *answers;                           /* of each row of the dataset */
  int64_t rows_count;                           /* of the dataset */
  uint8_t *held;                                /* of each row: of the fold at hand */
  uint8_t *taught;                              /* of each row: BF_SPLIT_TRAIN where a fold model was trained on it */
  char *record;                                 /* figures of the first time, out of fold; from malloc */
  int repeat;                                   /* from 0 */
  bf_model *ensemble;                           /* of the fold models so far; NULL before the first */
  bf_operating_points points[BF_MODEL_MEMBERS]; /* of each fold model so far */
  bf_operating_points first;                    /* of the first time, measured out of fold */
  int models;
  double ms_sum;
  int timed, epochs; /* epochs: of the longest fold */
} fold_work;

static void work_clear(fold_work *w) {
  bf_free(w->fold);
  bf_free(w->part);
  bf_free(w->use);
  bf_free(w->rows);
  bf_free(w->held);
  bf_free(w->taught);
  free(w->record);
  bf_model_destroy(w->ensemble);
  for (int64_t i = 0; i < w->rows_count && w->answers != NULL; i++) bf_answer_clear(&w->answers[i]);
  bf_free(w->answers);
}

static bf_status work_create(fold_work *w, const bf_train_job *job, bf_error *err) {
  size_t n = (size_t)bf_dataset_count(job->data);
  w->rows_count = (int64_t)n;
  w->fold = bf_alloc(n, sizeof *w->fold);
  w->part = bf_alloc(n, 1);
  w->use = bf_alloc(n, 1);
  w->rows = bf_alloc(n, sizeof *w->rows);
  w->held = bf_alloc(n, 1);
  w->taught = bf_alloc(n, 1);
  w->answers = bf_alloc(n, sizeof *w->answers);
  if (w->fold && w->part && w->use && w->rows && w->held && w->taught && w->answers) return BF_OK;
  return bf_fail(err, BF_E_MEMORY, "no memory for cross-validation over %zu rows", n);
}

/* The dataset's own folds, where it holds as many; every further time they are dealt anew. */
static bf_status choose_folds(fold_work *w, const bf_train_job *job, bf_error *err) {
  int folds = job->options->folds;
  /* Far from what ingest may have dealt with: a repeat must be no copy. */
  uint64_t seed = (uint64_t)job->main.seed + UINT64_C(1000003) * (uint64_t)w->repeat;
  if (w->repeat == 0 && bf_folds_stored(w->fold, job->data, folds)) {
    bf_log(BF_LOG_INFO, "the dataset's own %d folds", folds);
    return BF_OK;
  }
  bf_log(BF_LOG_INFO, "%d folds, dealt with seed %llu", folds, (unsigned long long)seed);
  return bf_folds_assign(w->fold, job->data, folds, seed, err);
}

enum { prefix_max = 64 };

/* "fold1-", and "repeat2-fold1-" from the second time on. */
static void make_prefix(char prefix[prefix_max], const fold_work *w, const char *rest) {
  if (w->repeat == 0)
    snprintf(prefix, prefix_max, "%s", rest);
  else
    snprintf(prefix, prefix_max, "repeat%d-%s", w->repeat + 1, rest);
}

/* The fold's model as it was written: the trainer's may hold features and moments beside it. */
static bf_status add_member(fold_work *w, const bf_train_job *job, const char *prefix, bf_error *err) {
  bf_config_section sections[BF_RUN_MAX_SECTIONS];
  int count = bf_run_sections(sections);
  char path[BF_PATH_MAX];
  bf_model *one = NULL;
  bf_status status = bf_train_job_path(path, job, prefix, "model.safetensors", err);
  if (status == BF_OK) status = bf_model_read(&one, path, sections, count, err);
  if (status != BF_OK) return status;
  if (w->ensemble == NULL) {
    w->ensemble = one;
    return BF_OK;
  }
  status = bf_model_join(w->ensemble, one, err);
  bf_model_destroy(one);
  return status;
}

static bf_status score_held_out(fold_work *w, bf_trainer *t, const bf_train_job *job, int fold, bf_error *err) {
  int64_t n = bf_dataset_count(job->data), count = 0;
  for (int64_t i = 0; i < n; i++) {
    w->use[i] = w->fold[i] == fold;
    if (w->use[i]) w->rows[count++] = i;
  }
  bf_source source = bf_trainer_source(t, false);
  bf_loader *loader = NULL;
  /* The executor of the validation part does for the held-out part too. */
  bool flips = job->options->flips;
  bf_exec *own = NULL, *exec = t->valid_exec;
  if (flips && source.embedding != NULL) source.embedding = NULL, exec = NULL; /* features cannot be mirrored */
  bf_answer *answers = bf_alloc((size_t)count, sizeof *answers);
  bf_loader_options options = {.slices = t->main.slices == BF_SLICES_THREE,
                               .width = t->main.size,
                               .height = t->main.size,
                               .normalisation = t->model->normalisation};
  bf_status status =
      answers == NULL ? bf_fail(err, BF_E_MEMORY, "no memory for %lld answers", (long long)count) : BF_OK;
  if (status == BF_OK && source.embedding == NULL) status = bf_loader_create(&loader, job->data, w->use, &options, err);
  source.loader = loader;
  if (status == BF_OK && exec == NULL) {
    int values = 0;
    const bf_value *given = source.embedding != NULL ? bf_embedding_values(source.embedding, &values) : NULL;
    status = bf_exec_create_from(&own, bf_network_graph(t->model->network), given, values, t->main.batch, false,
                                 job->pool, err);
    exec = own;
  }
  if (status == BF_OK)
    status =
        bf_predict_rows(answers, NULL, t->model, exec, t->main.batch, &source, job->data, w->rows, count, flips, err);
  /* Moved: what answers own is the work's from here on, whatever happens. */
  for (int64_t i = 0; i < count && answers != NULL; i++) w->answers[w->rows[i]] = answers[i];
  bf_figures figures;
  if (status == BF_OK) status = bf_figures_of(&figures, job->data, w->rows, answers, count, err);
  if (status == BF_OK)
    bf_log(BF_LOG_INFO, "fold %d: %lld held-out images, AUC %.3f, lesion sensitivity at 1 false positive an image %.3f",
           fold + 1, (long long)count, figures.auc, figures.froc1);
  bf_exec_destroy(own);
  bf_loader_destroy(loader);
  bf_free(answers);
  return status;
}

static bf_status one_fold(fold_work *w, bf_train_job *job, int fold, bf_error *err) {
  int64_t n = bf_dataset_count(job->data);
  char prefix[prefix_max], name[32];
  snprintf(name, sizeof name, "fold%d-", fold + 1);
  make_prefix(prefix, w, name);
  bf_config *config = NULL;
  bf_model *model = NULL;
  bf_trainer *t = NULL;
  for (int64_t i = 0; i < n; i++) {
    w->use[i] = w->fold[i] >= 0 && w->fold[i] != fold;
    w->held[i] = w->fold[i] == fold;
  }
  job->held = w->held;
  bf_status status = bf_train_job_parts(w->part, job, w->use, err);
  if (status == BF_OK) status = bf_train_job_config(&config, job, err);
  if (status == BF_OK) status = bf_model_create(&model, config, err);
  if (status == BF_OK)
    status = bf_trainer_create(&t, model, job->data, w->part, job->pool, job->base_folder, &job->embedding, err);
  if (status != BF_OK) return status;
  bf_log(BF_LOG_INFO, "fold %d of %d: %lld images to train on, %lld to choose the best epoch", fold + 1,
         job->options->folds, (long long)t->train_count, (long long)t->valid_count);
  for (int64_t i = 0; i < n; i++)
    if (t->part[i] == BF_SPLIT_TRAIN) w->taught[i] = BF_SPLIT_TRAIN;
  if (fold == 0) bf_trainer_say_plan(t);
  status = bf_train_job_run(t, job, prefix, err);
  if (status == BF_OK) status = bf_train_job_model(t, job, prefix, "model.safetensors", false, err);
  if (status == BF_OK) status = score_held_out(w, t, job, fold, err);
  if (status == BF_OK) status = add_member(w, job, prefix, err);
  if (status == BF_OK) w->points[w->models++] = t->model->points;
  double ms = bf_trainer_ms_per_image(t); /* none in a fold that was finished before */
  if (status == BF_OK && isfinite(ms)) w->ms_sum += ms, w->timed++;
  if (t->epoch > w->epochs) w->epochs = t->epoch;
  bf_trainer_destroy(t);
  return status;
}

static const char mean_rule[] = "mean over folds of the one chosen on validation";

/* Out-of-fold rows and their answers, borrowed in a list of their own. */
static bf_answer *gather(int64_t *count, fold_work *w, const bf_train_job *job, bf_error *err) {
  int64_t n = bf_dataset_count(job->data);
  bf_answer *answers = bf_alloc((size_t)n, sizeof *answers);
  *count = 0;
  if (answers == NULL) bf_fail(err, BF_E_MEMORY, "no memory for %lld answers", (long long)n);
  for (int64_t i = 0; i < n && answers != NULL; i++)
    if (w->fold[i] >= 0) w->rows[*count] = i, answers[(*count)++] = w->answers[i];
  return answers;
}

static bf_status publish(const fold_work *w, const bf_train_job *job, const bf_answer *answers, int64_t count,
                         const bf_operating_points *points, bf_error *err) {
  char name[prefix_max];
  int folds = job->options->folds;
  make_prefix(name, w, "scores.h5");
  char *calibration = bf_calibration_write(&w->ensemble->calibration[w->models - folds], folds);
  if (calibration == NULL) return bf_fail(err, BF_E_MEMORY, "no memory for the notes of the scores");
  const bf_job_notes notes = {.threshold = bf_operating_points_threshold(points),
                              .rule = mean_rule,
                              .calibration = calibration,
                              .points = points};
  bf_status status = bf_train_job_scores(job, name, w->rows, answers, count, &notes, err);
  bf_free(calibration);
  return status;
}

/* What the folds of one time say of all images: their operating points, scores and figures. */
static bf_status pool(bf_figures *figures, fold_work *w, const bf_train_job *job, bf_error *err) {
  int folds = job->options->folds;
  int64_t count;
  bf_operating_points points = bf_operating_points_mean(&w->points[w->models - folds], folds);
  bf_answer *answers = gather(&count, w, job, err);
  if (answers == NULL) return BF_E_MEMORY;
  bf_status status = bf_calibrate_measure(&points, answers, job->data, w->rows, count, err);
  if (status == BF_OK) status = publish(w, job, answers, count, &points, err);
  if (status == BF_OK) status = bf_figures_of(figures, job->data, w->rows, answers, count, err);
  if (status == BF_OK && w->repeat == 0) {
    w->first = points;
    status = bf_figures_record(&w->record, job->data, w->rows, answers, count, bf_operating_points_threshold(&points),
                               (uint64_t)job->main.seed, err);
  }
  bf_free(answers);
  return status;
}

/* Mean and standard deviation of what was measured; NaN where nothing, or one alone, was. */
typedef struct spread {
  double sum, squares;
  int count;
} spread;

static void spread_add(spread *s, double value) {
  if (isnan(value)) return;
  s->sum += value;
  s->squares += value * value;
  s->count++;
}

static double spread_mean(const spread *s) { return s->count > 0 ? s->sum / s->count : NAN; }

static double spread_deviation(const spread *s) {
  if (s->count < 2) return NAN;
  double mean = s->sum / s->count;
  return sqrt(fmax(0, (s->squares - s->count * mean * mean) / (s->count - 1)));
}

typedef struct spreads {
  spread combined, auc, froc1;
} spreads;

static bf_status all_folds(spreads *s, fold_work *w, bf_train_job *job, bf_error *err) {
  bf_figures figures = {NAN, NAN, NAN, NAN};
  for (int64_t i = 0; i < w->rows_count; i++) bf_answer_clear(&w->answers[i]);
  bf_status status = choose_folds(w, job, err);
  for (int f = 0; f < job->options->folds && status == BF_OK; f++) status = one_fold(w, job, f, err);
  if (status == BF_OK) status = pool(&figures, w, job, err);
  if (status != BF_OK) return status;
  spread_add(&s->combined, figures.combined);
  spread_add(&s->auc, figures.auc);
  spread_add(&s->froc1, figures.froc1);
  if (job->options->repeats > 1)
    bf_log(BF_LOG_INFO, "time %d of %d: AUC %.3f, lesion sensitivity at 1 false positive an image %.3f", w->repeat + 1,
           job->options->repeats, figures.auc, figures.froc1);
  return BF_OK;
}

/* Its thresholds are the folds' means: nothing that all members have not seen is left to choose one on. Of several
 * times nobody measured them. */
static bf_status write_ensemble(fold_work *w, const bf_train_job *job, const spreads *s, bf_error *err) {
  char path[BF_PATH_MAX];
  bf_model *m = w->ensemble;
  json_t *r = json_object(), *figures = json_object();
  json_object_set_new(r, "software_version", json_string(BIFOCAL_VERSION));
  json_object_set_new(r, "data_sha256", json_string(job->data_sha256));
  json_object_set_new(r, "folds", json_integer(job->options->folds));
  json_object_set_new(r, "repeats", json_integer(w->repeat));
  if (s->auc.count > 0) json_object_set_new(figures, "auc", json_real(spread_mean(&s->auc)));
  if (s->froc1.count > 0) json_object_set_new(figures, "froc1", json_real(spread_mean(&s->froc1)));
  json_object_set_new(r, "out_of_fold", figures);
  if (w->record != NULL) json_object_set_new(r, "first_time", json_loads(w->record, 0, NULL));
  json_t *first = m->training_json != NULL ? json_loads(m->training_json, 0, NULL) : NULL;
  json_object_set_new(r, "first_member", first != NULL ? first : json_null());
  char *text = json_dumps(r, JSON_PRESERVE_ORDER | JSON_REAL_PRECISION(6));
  bf_free(m->training_json);
  m->training_json = bf_strdup(text);
  free(text);
  json_decref(r);
  m->points = w->repeat == 1 ? w->first : bf_operating_points_mean(w->points, w->models);
  m->threshold = bf_operating_points_threshold(&m->points);
  snprintf(m->threshold_rule, sizeof m->threshold_rule, "%s", isnan(m->threshold) ? "" : mean_rule);
  bf_status status = bf_train_domain(&m->domain, job->data, w->taught, err);
  if (status != BF_OK) return status;
  status = m->training_json != NULL ? bf_train_job_path(path, job, "", "ensemble.safetensors", err)
                                    : bf_fail(err, BF_E_MEMORY, "no memory for the training record");
  return status == BF_OK ? bf_model_write(m, path, err) : status;
}

static void write_page(const bf_train_job *job) {
  const bf_train_pages pages = {
      .scores = "scores.h5",
      .prefix = "fold1-",
      .model = "ensemble.safetensors",
      .note =
          "Each image was scored by the one fold's model that has seen none of its patient's pictures. Curves of the "
          "training are those of the first fold; the card is that of all folds together."};
  bf_train_job_page(job, &pages);
}

static bf_status check_counts(const bf_train_options *o, bf_error *err) {
  if (o->folds < 2) return bf_fail(err, BF_E_ARGUMENT, "--folds: %d; give 2 or more", o->folds);
  if (o->repeats < 0) return bf_fail(err, BF_E_ARGUMENT, "--repeats: %d; give 1 or more", o->repeats);
  int64_t members = (int64_t)o->folds * (o->repeats > 1 ? o->repeats : 1);
  if (members <= BF_MODEL_MEMBERS) return BF_OK;
  return bf_fail(err, BF_E_ARGUMENT, "%lld models in all; up to %d make an ensemble: take fewer folds or repeats",
                 (long long)members, BF_MODEL_MEMBERS);
}

bf_status bf_train_folds(bf_train_report *report, bf_train_job *job, bf_error *err) {
  fold_work w = {0};
  spreads s = {0};
  int repeats = job->options->repeats > 1 ? job->options->repeats : 1;
  bf_status status = check_counts(job->options, err);
  if (status != BF_OK) return status;
  status = work_create(&w, job, err);
  for (; w.repeat < repeats && status == BF_OK; w.repeat += status == BF_OK) status = all_folds(&s, &w, job, err);
  if (status == BF_OK) status = write_ensemble(&w, job, &s, err);
  if (status == BF_OK) write_page(job);
  if (status == BF_OK)
    *report = (bf_train_report){.epochs = w.epochs,
                                .best_metric = spread_mean(&s.combined),
                                .auc = spread_mean(&s.auc),
                                .froc1 = spread_mean(&s.froc1),
                                .auc_deviation = spread_deviation(&s.auc),
                                .froc1_deviation = spread_deviation(&s.froc1),
                                .threshold = w.ensemble->threshold,
                                .ms_per_image = w.timed > 0 ? w.ms_sum / w.timed : NAN,
                                .peak_rss_mib = bf_peak_rss_mib()};
  job->held = NULL;
  work_clear(&w);
  return status;
}
