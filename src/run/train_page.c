/* RUN/report.html: how good the model was on what was held out, how the training went, and what it was made of. */
#include <stdio.h>
#include <string.h>

#include "base/file.h"
#include "base/log.h"
#include "base/memory.h"
#include "bifocal/card.h"
#include "bifocal/evaluate.h"
#include "bifocal/version.h"
#include "evaluation/report.h"
#include "run/report_page.h"
#include "run/report_pictures.h"
#include "run/train_job.h"

enum { LARGEST_RECORD = 64 << 20 };

/* All that the page borrows. */
typedef struct work {
  const bf_train_job *job;
  char scores_path[BF_PATH_MAX];
  bf_scores scores;
  bf_evaluation evaluation;
  bf_picture_source source;
  bf_report_pictures pictures;
  bf_loss_list losses;
  bf_fact_list facts;
  char *metrics, *card;
} work;

static void close_work(work *w) {
  if (w == NULL) return;
  bf_picture_source_close(&w->source);
  bf_evaluation_clear(&w->evaluation);
  bf_scores_clear(&w->scores);
  bf_fact_list_clear(&w->facts);
  bf_free(w->metrics);
  bf_free(w->card);
  bf_free(w);
}

/* The answers on what was held out, with the dataset's own truth. */
static bf_status evaluate(work *w, const bf_train_pages *p, bf_error *err) {
  bf_cases cases = {0};
  bf_status status = bf_train_job_path(w->scores_path, w->job, "", p->scores, err);
  const bf_evaluation_options options = {.scores = w->scores_path,
                                         .rounds = BF_EVALUATE_ROUNDS,
                                         .seed = (uint64_t)w->job->main.seed,
                                         .pool = w->job->pool};
  if (status == BF_OK) status = bf_scores_read(&w->scores, w->scores_path, err);
  if (status == BF_OK) status = bf_cases_of_dataset(&cases, &w->scores, w->job->data, w->scores_path, err);
  /* The page says by itself that these images chose the model. */
  cases.counts.seen = 0;
  if (status == BF_OK) status = bf_evaluation_create(&w->evaluation, &cases, &options, err);
  if (status != BF_OK) return status;
  bf_loss_add_rows(&w->losses, &w->evaluation.cases.counts);
  bf_loss_add_unknown(&w->losses, &w->evaluation.all);
  return bf_picture_source_open(&w->source, &w->pictures, BF_EVALUATE_PICTURES, &w->scores, w->scores_path,
                                w->job->data, err);
}

static bf_status read_metrics(work *w, const bf_train_pages *p, bf_error *err) {
  char path[BF_PATH_MAX];
  size_t size;
  bf_status status = bf_train_job_path(path, w->job, p->prefix, "metrics.csv", err);
  return status == BF_OK ? bf_file_read(&w->metrics, &size, path, LARGEST_RECORD, err) : status;
}

static void collect_facts(bf_fact_list *f, const bf_train_job *job) {
  bf_fact_add(f, "Dataset", "%s", job->options->data);
  bf_fact_add(f, "Dataset, SHA-256", "%s", job->data_sha256);
  bf_fact_add(f, "Configuration", "%s", job->options->config);
  bf_fact_add(f, "Seed", "%d", job->main.seed);
  bf_fact_add(f, "Trained by", "bifocal %s", BIFOCAL_VERSION);
}

static bf_status write_page(const bf_train_job *job, const bf_train_pages *p, bf_error *err) {
  char path[BF_PATH_MAX], model[BF_PATH_MAX], title[256], of[96], calibration[BF_CALIBRATION_WORDS];
  work *w = bf_alloc(1, sizeof *w);
  if (w == NULL) return bf_fail(err, BF_E_MEMORY, "no memory for the report of a training");
  w->job = job;
  bf_status status = p->scores != NULL ? evaluate(w, p, err) : BF_OK;
  if (status == BF_OK) status = read_metrics(w, p, err);
  if (status == BF_OK) status = bf_train_job_path(model, job, "", p->model, err);
  if (status == BF_OK) status = bf_card(&w->card, model, 0, err);
  if (status == BF_OK) status = bf_loss_add_files(&w->losses, job->data, err);
  if (status == BF_OK) status = bf_train_job_path(path, job, "", "report.html", err);
  collect_facts(&w->facts, job);
  bf_calibration_words(calibration, w->scores.extra_json);
  snprintf(title, sizeof title, "Training of %.200s", bf_path_name(job->options->output));
  snprintf(of, sizeof of, "%s", job->options->folds > 0 ? "held-out images" : "images of the validation part");
  const bf_report report = {.title = title,
                            .of = of,
                            .evaluation = p->scores != NULL ? &w->evaluation : NULL,
                            .note = p->note,
                            .pictures = p->scores != NULL ? &w->pictures : NULL,
                            .training = w->metrics,
                            .card = w->card,
                            .config = job->config_text,
                            .calibration = calibration[0] != '\0' ? calibration : NULL,
                            .losses = w->losses.bars,
                            .loss_count = w->losses.count,
                            .provenance = w->facts.facts,
                            .provenance_count = w->facts.count};
  if (status == BF_OK) status = bf_report_write(&report, path, err);
  if (status == BF_OK) bf_log(BF_LOG_INFO, "report: %s", path);
  close_work(w);
  return status;
}

void bf_train_job_page(const bf_train_job *job, const bf_train_pages *p) {
  bf_error why = {0};
  if (write_page(job, p, &why) != BF_OK)
    bf_log(BF_LOG_WARN, "report.html is not written: %s; the models are, and 'train --resume' makes it again",
           why.message);
}
