/* Weights of others into a graph, by the original implementation's names. */
#ifndef BF_MODEL_WEIGHTS_H
#define BF_MODEL_WEIGHTS_H

#include "image/sample.h"
#include "model/tensors.h"
#include "nn/graph.h"

typedef struct bf_weights_report {
  int loaded;   /* tensors */
  int missing;  /* parameters of the backbone that the file lacks: they stay new */
  int leftover; /* tensors that nothing wanted */
  bool folded;  /* batch norms came folded into scale and shift */
  bool has_normalisation;
  bf_normalisation normalisation; /* from the file's metadata (mean, std) */
  char first_missing[3][BF_PARAM_NAME_MAX];
  char sha256[65];
} bf_weights_report;

/* Loads every parameter of stages below `stage_limit` (BF_STAGE_HEAD: the backbone) that the file has; a tensor of the
 * right name and a wrong shape is an error that names both shapes. No tensor that fits: BF_E_FORMAT. */
bf_status bf_weights_load(bf_weights_report *report, bf_graph *graph, int stage_limit, const char *path, bf_error *err);

#endif
