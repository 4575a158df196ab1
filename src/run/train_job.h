/* What a training and each fold of a cross-validation share: files, dataset, configuration. */
#ifndef BF_RUN_TRAIN_JOB_H
#define BF_RUN_TRAIN_JOB_H

#include "base/file.h"
#include "bifocal/train.h"
#include "run/figures.h"
#include "run/job_notes.h"
#include "run/trainer.h"

typedef struct bf_train_job {
  const bf_train_options *options;
  bf_pool *pool;
  bf_dataset *data;
  bf_embedding *embedding; /* features that trainers keep; NULL until one does */
  bf_main_options main;
  char *config_text; /* resolved */
  char data_sha256[65];
  const uint8_t *held; /* rows that a fold holds out; NULL: those of the dataset's test part */
  char base_folder[BF_PATH_MAX], config_path[BF_PATH_MAX];
} bf_train_job;

bf_status bf_train_job_open(bf_train_job *job, const bf_train_options *options, bf_error *err);
void bf_train_job_close(bf_train_job *job);

/* A fresh configuration of this job. */
bf_status bf_train_job_config(bf_config **out, const bf_train_job *job, bf_error *err);

/* What a training may use of the rows with use[row] != 0: bf_split of each row. */
bf_status bf_train_job_parts(uint8_t *part, const bf_train_job *job, const uint8_t *use, bf_error *err);

/* A trainer on all rows that are not held for testing, with a validation part of its own. */
bf_status bf_train_job_trainer(bf_trainer **out, bf_train_job *job, bf_error *err);

/* OUTPUT/<prefix><name>. */
bf_status bf_train_job_path(char path[BF_PATH_MAX], const bf_train_job *job, const char *prefix, const char *name,
                            bf_error *err);

/* All epochs, with metrics.csv and checkpoint.h5 after each; resumes where the options ask for it. */
bf_status bf_train_job_run(bf_trainer *t, const bf_train_job *job, const char *prefix, bf_error *err);

/* Finishes with the best (or last) weights and writes the model. */
bf_status bf_train_job_model(bf_trainer *t, const bf_train_job *job, const char *prefix, const char *name, bool last,
                             bf_error *err);

/* OUTPUT/<name>: SCORES.h5 of these rows of the dataset and their answers. Of the notes thresholds and calibration are
 * taken. */
bf_status bf_train_job_scores(const bf_train_job *job, const char *name, const int64_t *rows, const bf_answer *answers,
                              int64_t count, const bf_job_notes *notes, bf_error *err);

/* What OUTPUT/report.html is made of. */
typedef struct bf_train_pages {
  const char *scores; /* OUTPUT/<scores>: of what was held out; NULL: nothing was */
  const char *prefix; /* of the metrics.csv whose curves are drawn */
  const char *model;  /* OUTPUT/<model>: whose card stands in it */
  const char *note;   /* what the held-out images are */
} bf_train_pages;
/* Hours of training do not fail for their report: where it cannot be made, that is told. */
void bf_train_job_page(const bf_train_job *job, const bf_train_pages *pages);

/* Who is on which side of the training, as JSON from malloc: images, patients, groups, classes and a hash of each side,
 * and where the dataset's labels and splits came from. held: of each row, or NULL. A patient or a group on two sides:
 * BF_E_INTERNAL. */
bf_status bf_certificate_make(char **json, const bf_trainer *t, const uint8_t *held, bf_error *err);

/* Writes down in the model which images it has seen: those of its training and validation part. */
bf_status bf_certificate_seen(bf_trainer *t, bf_error *err);

/* The domain of a model that was trained on the rows whose part is BF_SPLIT_TRAIN. */
bf_status bf_train_domain(bf_domain *out, const bf_dataset *data, const uint8_t *part, bf_error *err);

/* Cross-validation: fold models, and out-of-fold scores as OUTPUT/scores.h5. */
bf_status bf_train_folds(bf_train_report *report, bf_train_job *job, bf_error *err);

#endif
