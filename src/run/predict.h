/* From a filled batch to answers in original pixels: shared by validation, cross-validation and scoring. */
#ifndef BF_RUN_PREDICT_H
#define BF_RUN_PREDICT_H

#include "model/model.h"
#include "nn/loss.h"
#include "run/source.h"
#include "store/scores.h"

typedef struct bf_answer {
  float logit;    /* malignant; NaN where no head gives it */
  bool has_boxes; /* a head looked for lesions */
  int box_count;
  bf_found_box boxes[BF_MAX_BOXES]; /* original pixels, best first */
} bf_answer;

/* Runs the first n images in the executor's input (seed 0) and decodes them. to_network[i]: original -> network
 * pixels. columns and rows: of the original images, boxes are cut to them. */
bf_status bf_predict_batch(bf_answer *out, bf_model *model, bf_exec *exec, const bf_affine *to_network,
                           const int32_t *columns, const int32_t *rows, int n, bf_error *err);

/* Joins the answers of `views` looks at the same image into the first: mean logit, fused boxes. */
void bf_predict_join(bf_answer *answers, int views);

/* Whole rows of a dataset, in batches, as they are. answers[count]. losses may be NULL: means over the labelled images.
 */
bf_status bf_predict_rows(bf_answer *answers, bf_losses *losses, bf_model *model, bf_exec *exec, int batch,
                          const bf_source *source, const bf_dataset *data, const int64_t *rows, int64_t count,
                          bf_error *err);

/* What the loader knows, in the network's terms. boxes: room for n * BF_LOADER_MAX_BOXES. */
void bf_predict_truths(bf_truth *truths, bf_box *boxes, const bf_sample *samples, int n);

#endif
