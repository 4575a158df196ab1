/* Where batches come from: pictures into a whole executor; or, for a frozen backbone, features that were computed once
 * and kept into an executor that begins behind it (bf_exec_create_from), so that a head trains in seconds. */
#ifndef BF_RUN_SOURCE_H
#define BF_RUN_SOURCE_H

#include "data/loader.h"
#include "model/model.h"

/* ---- kept features ---- */

/* Of each row of a dataset: of the picture as it is, and of `views` augmented ones. Computed when first asked for. */
typedef struct bf_embedding bf_embedding;

enum { BF_EMBEDDING_VALUES = 12 };

/* views: 1 or more augmented pictures a row. batch: images at once. Data and pool are borrowed. Takes no memory to
 * speak of before it is bound. */
bf_status bf_embedding_create(bf_embedding **out, bf_dataset *data, int views, int batch, bf_pool *pool, bf_error *err);
void bf_embedding_destroy(bf_embedding *embedding);
/* Gives back what it holds; it can be bound again. */
void bf_embedding_release(bf_embedding *embedding);

/* For this model, frozen as it is: the values that are kept are its frontier. What was kept for another one with the
 * same frozen numbers, preparation and draws, as in the folds of a cross-validation, stays. *used false: nothing is
 * frozen, or the features would take more than `most_mib`, or pictures are to be mixed with others of the training
 * part, which the log then says. The model is borrowed until the next call or destroy. */
bf_status bf_embedding_bind(bool *used, bf_embedding *embedding, bf_model *model, int most_mib, bf_error *err);
/* The kept values, for bf_exec_create_from; valid until the next bind. */
const bf_value *bf_embedding_values(const bf_embedding *embedding, int *count);

/* ---- one interface to both ---- */

typedef struct bf_source {
  bf_loader *loader;
  bf_pool *pool;
  bf_value input;          /* of the network */
  bf_embedding *embedding; /* NULL: pictures from the loader */
} bf_source;

/* n rows into the executor, and their labels and boxes into *count samples, of room for 2 n, as bf_loader_fill gives
 * them. repeats may be NULL. epoch keys augmentation, and chooses among the kept views; below 0: pictures as they are.
 */
bf_status bf_source_fill(const bf_source *source, bf_exec *exec, bf_sample *samples, int *count, const int64_t *rows,
                         const int64_t *repeats, int n, int64_t epoch, bf_error *err);
/* Masks of samples that it filled, through the same warps: dst[n][*height][*width], as bf_loader_masks gives them. */
void bf_source_masks(const bf_source *source, uint8_t *dst, int *width, int *height, const bf_sample *samples, int n);

#endif
