/* A batch's samples and what they say in the network's terms: labels, boxes, and masks where a head is trained from
 * them. */
#ifndef BF_RUN_TRUTHS_H
#define BF_RUN_TRUTHS_H

#include "nn/network.h"
#include "run/source.h"

typedef struct bf_truths {
  bf_sample *samples; /* [2 batch]: filled by bf_source_fill */
  bf_truth *at;       /* of each sample: filled by bf_truths_fill; borrows from the rest */
  bf_box *boxes;
  uint8_t *masks; /* [2 batch][size][size]; NULL: no head reads them */
} bf_truths;

/* For batches of up to `batch` pictures of size x size. */
bf_status bf_truths_create(bf_truths *out, const bf_network *network, int batch, int size, bf_error *err);
void bf_truths_clear(bf_truths *truths);
/* Of the first n samples. */
void bf_truths_fill(bf_truths *truths, const bf_source *source, int n);

#endif
