/* What training does when: the learning rate over its steps, and which stages of the backbone are frozen in which
 * epoch. Pure functions of the step and the epoch, so that a resumed run goes on as it would have. */
#ifndef BF_NN_SCHEDULE_H
#define BF_NN_SCHEDULE_H

#include <stdint.h>

#include "bifocal/status.h"
#include "nn/backbone.h"

/* ---- the learning rate ---- */

typedef enum bf_schedule_kind { BF_COSINE, BF_ONE_CYCLE, BF_CONSTANT } bf_schedule_kind;

typedef struct bf_schedule {
  bf_schedule_kind kind;
  int64_t total, warmup; /* steps; warmup: linear rise of cosine and constant */
  double rise;           /* part of the one cycle that goes up, 0 to 1 */
  double floor;          /* where the fall ends, times the learning rate */
} bf_schedule;

typedef struct bf_pace {
  double rate;     /* factor of the learning rate */
  double momentum; /* SGD's momentum or AdamW's beta1; NaN: as configured */
} bf_pace;

/* cosine: linear warm-up, then half a cosine (Loshchilov, Hutter 2017). one_cycle (Smith 2018, "A disciplined approach
 * to neural network hyper-parameters"): half a cosine from 1/25 up and another down, momentum from 0.95 to 0.85 and
 * back. */
bf_pace bf_schedule_at(const bf_schedule *schedule, int64_t step);

/* ---- freezing ---- */

/* Stages 0 .. frozen are not trained; steps thaw, each from its epoch on. */
typedef struct bf_thaw {
  int frozen; /* at the start; -1 none */
  int count;
  struct {
    int stage, epoch; /* from this epoch on (0 is the first) this stage and all later ones are trained */
  } steps[BF_MAX_STAGES];
} bf_thaw;

/* freeze: "none" (or "-1"), "all", or the last frozen stage as a number. unfreeze: "none", "every N" (the last frozen
 * stage after N epochs, the one before it after 2 N, ...), or "4 at 3, 2 at 6, 0 at 9" (stage at epoch, counted from 1,
 * later epochs with earlier stages). stages: of the backbone. */
bf_status bf_thaw_parse(bf_thaw *out, const char *freeze, const char *unfreeze, int stages, bf_error *err);
/* The last stage that is frozen in this epoch (0 is the first); -1 none. */
int bf_thaw_frozen(const bf_thaw *thaw, int64_t epoch);
/* The first epoch in which the stage is trained; -1 never. */
int bf_thaw_epoch(const bf_thaw *thaw, int stage);

/* ---- learning rates of stages ---- */

/* Low early, high late: the last stage's is rate, each before it a further factor `decay`. list, "none" or one number a
 * stage ("1e-5, 1e-5, 3e-5, 1e-4, 3e-4"), replaces that. out has BF_MAX_STAGES places, those past the last stage as the
 * last. */
bf_status bf_stage_rates(double *out, int stages, double rate, double decay, const char *list, bf_error *err);

#endif
