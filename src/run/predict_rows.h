/* Validation and cross-validation: answers to rows of a dataset, and what they cost. */
#ifndef BF_RUN_PREDICT_ROWS_H
#define BF_RUN_PREDICT_ROWS_H

#include "run/predict.h"
#include "run/truths.h"

/* Whole rows of a dataset, in batches, as they are, or with `flips` mirrored as well. answers[count], cleared before.
 * losses may be NULL: means over the labelled images, of one look (not together with flips). flips needs a source of
 * pictures, not of kept features. */
bf_status bf_predict_rows(bf_answer *answers, bf_losses *losses, bf_model *model, bf_exec *exec, int batch,
                          const bf_source *source, const bf_dataset *data, const int64_t *rows, int64_t count,
                          bool flips, bf_error *err);

#endif
