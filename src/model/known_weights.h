/* Weight files that many people use, and what their publishers say of them: the table (known_weights.def) and the row.
 * Two uses: fetching a file by its name, and knowing the inputs that a file was trained with from its hash alone, since
 * the files themselves do not say. Nothing here opens a file or a connection. */
#ifndef BF_MODEL_KNOWN_WEIGHTS_H
#define BF_MODEL_KNOWN_WEIGHTS_H

#include <stdbool.h>
#include <stdint.h>

#include "bifocal/status.h"
#include "image/sample.h"

/* How pixels become inputs: input = (pixel scaled to 0..range - mean) / std, channel by channel. */
typedef struct bf_known_inputs {
  double range;       /* white before mean and std: 1 or 255 */
  double mean[3];     /* in the order of `channels`, on the scale of range */
  double std[3];      /* likewise */
  const char *colour; /* "RGB" or "BGR": the order of the channels */
} bf_known_inputs;

typedef struct bf_known_weights {
  const char *name;     /* as in `bifocal weights fetch NAME` */
  const char *backbone; /* the network that the file is for; it need not be one of bf_backbone_find's */
  const char *url;      /* where its publisher keeps it; ends in the file's name */
  int64_t bytes;        /* size of the file; 0: not known */
  const char *sha256;   /* lower-case hexadecimal: all 64 digits, or the published beginning (8 digits) */
  const char *licence;  /* in words */
  const char *origin;   /* paper; implementation */
  bf_known_inputs inputs;
} bf_known_weights;

int bf_known_weights_count(void);
const bf_known_weights *bf_known_weights_at(int index); /* NULL out of range */
/* NULL and an error with the nearest name when unknown. */
const bf_known_weights *bf_known_weights_find(const char *name, bf_error *err);

/* Whether the row holds the whole hash, or its published beginning only. */
bool bf_known_weights_is_whole(const bf_known_weights *row);

/* The row of a file with this hash (64 digits, in any case) and size in bytes (0: not known), or NULL. A row that
 * holds the beginning of its hash fits by that, and by the size where row and caller know it: 32 bits tell files apart
 * that nobody made alike on purpose, so take from such a row what the inputs are, not that the file is trustworthy. */
const bf_known_weights *bf_known_weights_by_sha256(const char *sha256, int64_t bytes);

/* Keras's preprocess_input of its older models, "caffe". */
extern const bf_known_inputs bf_caffe_inputs;

/* Mean and std for a grey value 0..1 repeated into the three channels. */
void bf_known_inputs_normalisation(bf_normalisation *out, const bf_known_inputs *inputs);

#endif
