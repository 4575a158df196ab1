/* Cross-validation by patient. Each image is scored by the one model that has seen none of its patient's pictures. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/log.h"
#include "base/memory.h"
#include "data/splits.h"
#include "run/train_job.h"

typedef struct fold_work {
  int *fold; /* of each row */
  uint8_t *part, *use;
  int64_t *rows;      /* of the held-out part */
  bf_answer *answers; /* of each row of the dataset */
  int64_t rows_count; /* of the dataset */
  double threshold_sum;
  int thresholds;
  double ms_sum;
  int timed, epochs; /* epochs: of the longest fold */
} fold_work;

static void work_clear(fold_work *w) {
  bf_free(w->fold);
  bf_free(w->part);
  bf_free(w->use);
  bf_free(w->rows);
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
  w->answers = bf_alloc(n, sizeof *w->answers);
  if (w->fold && w->part && w->use && w->rows && w->answers)
    return bf_folds_assign(w->fold, job->data, job->options->folds, (uint64_t)job->main.seed, err);
  return bf_fail(err, BF_E_MEMORY, "no memory for cross-validation over %zu rows", n);
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
  char prefix[32];
  snprintf(prefix, sizeof prefix, "fold%d-", fold + 1);
  bf_config *config = NULL;
  bf_model *model = NULL;
  bf_trainer *t = NULL;
  for (int64_t i = 0; i < n; i++) w->use[i] = w->fold[i] >= 0 && w->fold[i] != fold;
  bf_status status = bf_train_job_parts(w->part, job, w->use, err);
  if (status == BF_OK) status = bf_train_job_config(&config, job, err);
  if (status == BF_OK) status = bf_model_create(&model, config, err);
  if (status == BF_OK)
    status = bf_trainer_create(&t, model, job->data, w->part, job->pool, job->base_folder, &job->embedding, err);
  if (status != BF_OK) return status;
  bf_log(BF_LOG_INFO, "fold %d of %d: %lld images to train on, %lld to choose the best epoch", fold + 1,
         job->options->folds, (long long)t->train_count, (long long)t->valid_count);
  if (fold == 0) bf_trainer_say_plan(t);
  status = bf_train_job_run(t, job, prefix, err);
  if (status == BF_OK) status = bf_train_job_model(t, job, prefix, "model.safetensors", false, err);
  if (status == BF_OK) status = score_held_out(w, t, job, fold, err);
  if (status == BF_OK && !isnan(t->model->threshold)) w->threshold_sum += t->model->threshold, w->thresholds++;
  double ms = bf_trainer_ms_per_image(t); /* none in a fold that was finished before */
  if (status == BF_OK && isfinite(ms)) w->ms_sum += ms, w->timed++;
  if (t->epoch > w->epochs) w->epochs = t->epoch;
  bf_trainer_destroy(t);
  return status;
}

static bf_status publish(fold_work *w, const bf_train_job *job, double threshold, bf_error *err) {
  int64_t n = bf_dataset_count(job->data), count = 0;
  bf_answer *answers = bf_alloc((size_t)n, sizeof *answers);
  if (answers == NULL) return bf_fail(err, BF_E_MEMORY, "no memory for %lld answers", (long long)n);
  for (int64_t i = 0; i < n; i++)
    if (w->fold[i] >= 0) w->rows[count] = i, answers[count++] = w->answers[i];
  bf_status status = bf_train_job_scores(job, "scores.h5", w->rows, answers, count, threshold,
                                         "mean over folds of the one chosen on validation", err);
  bf_free(answers);
  return status;
}

static bf_status pooled_figures(bf_figures *figures, fold_work *w, const bf_train_job *job, bf_error *err) {
  int64_t n = bf_dataset_count(job->data), count = 0;
  bf_answer *answers = bf_alloc((size_t)n, sizeof *answers);
  if (answers == NULL) return bf_fail(err, BF_E_MEMORY, "no memory for %lld answers", (long long)n);
  for (int64_t i = 0; i < n; i++)
    if (w->fold[i] >= 0) w->rows[count] = i, answers[count++] = w->answers[i];
  bf_status status = bf_figures_of(figures, job->data, w->rows, answers, count, err);
  bf_free(answers);
  return status;
}

bf_status bf_train_folds(bf_train_report *report, bf_train_job *job, bf_error *err) {
  fold_work w = {0};
  int folds = job->options->folds;
  if (folds < 2) return bf_fail(err, BF_E_ARGUMENT, "--folds: %d; give 2 or more", folds);
  bf_status status = work_create(&w, job, err);
  for (int f = 0; f < folds && status == BF_OK; f++) status = one_fold(&w, job, f, err);
  double threshold = w.thresholds > 0 ? w.threshold_sum / w.thresholds : NAN;
  bf_figures figures = {NAN, NAN, NAN, NAN};
  if (status == BF_OK) status = publish(&w, job, threshold, err);
  if (status == BF_OK) status = pooled_figures(&figures, &w, job, err);
  if (status == BF_OK)
    *report = (bf_train_report){.epochs = w.epochs,
                                .best_metric = figures.combined,
                                .auc = figures.auc,
                                .froc1 = figures.froc1,
                                .threshold = threshold,
                                .ms_per_image = w.timed > 0 ? w.ms_sum / w.timed : NAN,
                                .peak_rss_mib = bf_peak_rss_mib()};
  work_clear(&w);
  return status;
}
