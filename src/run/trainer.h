/* One training: model, parts of the dataset, executors, optimiser and the state that a resumed run needs. Used by
 * train (once) and by cross-validation (once a fold). */
#ifndef BF_RUN_TRAINER_H
#define BF_RUN_TRAINER_H

#include "base/log.h"
#include "data/order.h"
#include "nn/tasks.h"
#include "run/predict.h"
#include "run/sections.h"
#include "run/truths.h"

typedef struct bf_figures {
  double loss, auc, froc1, combined; /* NaN where not defined */
} bf_figures;

typedef struct bf_trainer {
  bf_model *model;  /* owned */
  bf_dataset *data; /* borrowed */
  bf_pool *pool;    /* borrowed */
  bf_main_options main;
  bf_rate_options rate;
  bf_thaw thaw;
  bf_schedule schedule;
  double stage_rates[BF_MAX_STAGES]; /* at their peak */
  int frozen;                        /* last frozen stage that exec was made with */
  bf_augmenter augmenter;
  uint8_t *part;                          /* bf_split of each row, of this training */
  bf_loader *train_loader, *valid_loader; /* NULL until pictures are needed */
  bf_embedding *embedding;                /* borrowed; NULL: pictures go through the whole network */
  bf_exec *exec, *valid_exec;             /* valid_exec: NULL without a validation part */
  bf_tasks *tasks;                        /* of exec */
  bf_optimiser *optimiser;
  float *average;  /* exponential moving average of the parameter block, or NULL */
  float *best;     /* parameter block of the best epoch */
  bf_order *draws; /* of the training part */
  int64_t *order, *repeats, *valid_rows, valid_count;
  int64_t train_count, steps_per_epoch, total_steps;
  bf_truths truths; /* of a step */
  bf_answer *valid_answers;
  /* the state that a checkpoint keeps beside the blocks */
  bf_balance balance;
  int64_t step;
  int epoch; /* finished epochs */
  int best_epoch;
  double best_metric;
  double step_ms[512]; /* the last steps, for the median */
  int step_ms_count;
} bf_trainer;

/* Takes model over. part: copied; rows TRAIN and VALIDATION are used. base_folder: of the configuration file, for the
 * weights' path. embedding: where the configuration wants features kept they are made into it; the caller's, for the
 * next trainer (a fold's) and for bf_embedding_destroy after all trainers; NULL: none are kept. */
bf_status bf_trainer_create(bf_trainer **out, bf_model *model, bf_dataset *data, const uint8_t *part, bf_pool *pool,
                            const char *base_folder, bf_embedding **embedding, bf_error *err);
void bf_trainer_destroy(bf_trainer *t);

/* Where this trainer's executors are filled from: for validation, or (training) for steps. */
bf_source bf_trainer_source(const bf_trainer *t, bool training);

/* Draws the order of the epoch at hand into t->order and t->repeats; returns how many rows it has. */
int64_t bf_trainer_order(bf_trainer *t);

/* What a step brought. norm: L2, of the whole gradient. */
typedef struct bf_step {
  bf_losses losses;
  bf_balance_step balance;
  double norm;
} bf_step;

/* One step on t->order[first ..] (of bf_trainer_order) at this pace. Whether loss and norm (of the whole gradient) are
 * finite is for the caller to judge; where the norm is not, nothing was changed. */
bf_status bf_trainer_step(bf_trainer *t, int64_t first, bf_pace pace, bf_step *step, bf_error *err);

/* Whether training is over: all epochs, or at a look at the validation part `patience` of them without a better one. */
bool bf_trainer_is_done(const bf_trainer *t);

/* The plan as a table in the log: each stage's parameters, norms, the epochs in which it is trained and its peak
 * learning rate. */
void bf_trainer_say_plan(const bf_trainer *t);

/* What an epoch brought. losses and norm: means over its steps. */
typedef struct bf_epoch {
  bf_losses losses;
  double norm;
  bf_watch watch;
} bf_epoch;

/* One epoch of steps. progress may be NULL. */
bf_status bf_trainer_epoch(bf_trainer *t, bf_epoch *epoch, bf_progress *progress, bf_error *err);

/* Figures on the validation part with the weights that would be kept (averaged ones where the configuration asks). */
bf_status bf_trainer_validate(bf_trainer *t, bf_figures *figures, bf_losses *losses, bf_error *err);

/* Decides by the configured metric whether this epoch is the best so far, and keeps its weights. */
bool bf_trainer_keep_best(bf_trainer *t, const bf_figures *figures);

/* Puts the best weights (or with `last` the newest) into the model, and chooses its calibration and its operating
 * points on validation. */
bf_status bf_trainer_finish(bf_trainer *t, bool last, bf_error *err);

/* The parameters, as one block of floats, and how many. */
float *bf_trainer_block(const bf_trainer *t);
int64_t bf_trainer_block_size(const bf_trainer *t);
/* Freezes what the plan freezes in this epoch (0 is the first). What is frozen is planned into the executor: a stage
 * that thaws needs another one. */
bf_status bf_trainer_freeze(bf_trainer *t, int64_t epoch, bf_error *err);

bf_status bf_trainer_save(bf_trainer *t, const char *path, const char *text, bf_error *err);
/* The saved text must begin with `expected` (what the run was), else BF_E_ARGUMENT; *rest, freed with bf_free, is what
 * follows. */
bf_status bf_trainer_load(bf_trainer *t, const char *path, const char *expected, char **rest, bf_error *err);

double bf_trainer_ms_per_image(const bf_trainer *t); /* median of the last steps; NaN before the first */

#endif
