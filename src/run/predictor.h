/* What score does with a batch: looks of each member of a model, mirrored as well if asked for, joined; and heat maps.
 * One look is predict.h's. */
#ifndef BF_RUN_PREDICTOR_H
#define BF_RUN_PREDICTOR_H

#include "nn/explain.h"
#include "run/predict.h"

typedef struct bf_predictor {
  bf_model *model; /* borrowed, as the pool */
  bf_pool *pool;
  int batch;
  bool flips;                   /* each image mirrored as well */
  bf_heat_grid grids[BF_HEATS]; /* of the heat maps that are made; rows 0: none of that kind */
  bf_exec **execs;              /* one a member */
  bf_explain **explains;        /* one a member; NULL: no heat maps */
} bf_predictor;

/* The model's weights move into the executors: it can score and be destroyed from then on, not written. heat: make the
 * heat maps that the model's heads have; BF_E_ARGUMENT where they have none. Clear also what failed. */
bf_status bf_predictor_create(bf_predictor *out, bf_model *model, int batch, bool flips, bool heat, bf_pool *pool,
                              bf_error *err);
void bf_predictor_clear(bf_predictor *predictor); /* accepts a zeroed one */
/* The first n images in the first executor's input all the way: one look of each member, or with flips a mirrored one
 * as well, joined; finished. The input is then no longer there. n may be 0. After a failure the answers own nothing. */
bf_status bf_predictor_run(bf_answer *out, const bf_predictor *predictor, const bf_affine *to_network,
                           const int32_t *columns, const int32_t *rows, int n, bf_error *err);

#endif
