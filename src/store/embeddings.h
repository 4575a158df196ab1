/* EMBED.h5 ("bifocal-embedding-1"): one vector an image, beside the columns that say which image it is. Plain HDF5 1.8,
 * published whole.
 *
 * - /images/: the columns of SCORES.h5 from file to message, one row a frame in the order of the manifest.
 * - /features: float32 [images, width]; NaN where there is no picture.
 * - Root attributes: Conventions, created, software_version, model_sha256, and what the caller notes. */
#ifndef BF_STORE_EMBEDDINGS_H
#define BF_STORE_EMBEDDINGS_H

#include "store/scores.h"

typedef struct bf_embeddings bf_embeddings; /* a file on its way */

typedef struct bf_embeddings_notes {
  const char *model_sha256, *backbone;
  const char *stage;  /* where in the backbone: "layer4" */
  const char *layout; /* how a vector is made of the map, in words */
} bf_embeddings_notes;

/* width: numbers of a vector. */
bf_status bf_embeddings_create(bf_embeddings **out, const char *path, int64_t width, const bf_embeddings_notes *notes,
                               bf_error *err);
/* Appends a row; vector NULL: NaN. Texts are copied. */
bf_status bf_embeddings_append(bf_embeddings *e, const bf_score_row *row, const float *vector, bf_error *err);
/* Publishes and frees; on failure nothing is left behind. */
bf_status bf_embeddings_publish(bf_embeddings *e, bf_error *err);
/* Throws away what was not published. Accepts NULL. */
void bf_embeddings_discard(bf_embeddings *e);

#endif
