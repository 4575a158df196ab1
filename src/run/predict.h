/* From a filled batch to answers in original pixels: shared by validation, cross-validation and scoring. */
#ifndef BF_RUN_PREDICT_H
#define BF_RUN_PREDICT_H

#include "model/model.h"
#include "nn/loss.h"
#include "store/scores.h"

typedef struct bf_answer {
  float logit;        /* malignant; NaN where no head gives it */
  double probability; /* of malignancy, as the model calibrates it (bf_predict_probabilities); NaN likewise */
  bool has_boxes;     /* a head looked for lesions */
  int box_count;
  bf_found_box boxes[BF_MAX_BOXES]; /* original pixels, best first */
  /* Where a head outlines lesions, of the original image: the probability of each pixel in 255ths, [rows][columns], of
   * one look and of several joined; and after bf_predict_finish in its place the lesions, bit-packed (image/mask.h).
   * Owned. */
  uint8_t *probable, *mask;
  double sides;          /* how far boxes take the sides of the mask's pieces */
  float *heat[BF_HEATS]; /* [rows][columns] of the predictor's grids; NULL: none is made. Owned */
} bf_answer;

/* Frees what the answer owns, and zeroes that. */
void bf_answer_clear(bf_answer *answer);

/* Runs the first n images in the executor's input (seed 0) and decodes them; out is overwritten, not cleared.
 * to_network[i]: original -> network pixels. columns and rows: of the original images, boxes are cut to them. */
bf_status bf_predict_batch(bf_answer *out, bf_network *network, bf_exec *exec, bf_pool *pool,
                           const bf_affine *to_network, const int32_t *columns, const int32_t *rows, int n,
                           bf_error *err);

/* Each answer's probability from its logit. */
void bf_predict_probabilities(bf_answer *answers, int64_t count, const bf_model *model);

/* Joins the answers of `views` looks at the same image (columns x rows), 2 to BF_LOOKS_MAX, into the first: mean logit,
 * by these weights above 0 or, NULL, of equal ones; fused boxes, mean masks; what the others own is freed. */
enum { BF_LOOKS_MAX = 2 * BF_MODEL_MEMBERS };
void bf_predict_join(bf_answer *answers, const double *weights, int views, int32_t columns, int32_t rows);

/* Makes the mask of n answers: pixels of probability one half and more. Where no head looked for boxes, they are those
 * of the mask's connected pieces but specks, with the mean probability of their pixels as score; where one did, its
 * boxes take the pieces' sides as far as the mask head's options say (bf_probability_sides). */
bf_status bf_predict_finish(bf_answer *answers, bf_pool *pool, const int32_t *columns, const int32_t *rows, int n,
                            bf_error *err);

#endif
