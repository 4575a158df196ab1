/* Weights of others into a graph, by torchvision's names or those that the backbone's row knows. */
#ifndef BF_MODEL_WEIGHTS_H
#define BF_MODEL_WEIGHTS_H

#include "image/sample.h"
#include "model/weight_names.h"

typedef struct bf_weights_report {
  int loaded;   /* tensors */
  int missing;  /* parameters of the backbone that the file lacks: they stay new */
  int leftover; /* tensors that nothing wanted */
  bf_weight_names names;
  bool folded; /* batch norms came folded into scale and shift */
  bool has_normalisation;
  bf_normalisation normalisation; /* that the file or its naming says */
  char first_missing[3][BF_PARAM_NAME_MAX];
  char sha256[65];
} bf_weights_report;

/* Loads every parameter of stages below `stage_limit` (BF_STAGE_HEAD: the backbone) that the file has; a tensor of the
 * right name and a wrong shape is an error that names both shapes. No tensor that fits: BF_E_FORMAT. */
bf_status bf_weights_load(bf_weights_report *report, bf_graph *graph, const bf_backbone *backbone, int stage_limit,
                          const char *path, bf_error *err);

#endif
