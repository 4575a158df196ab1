/* How well a weight file and a backbone go together, before any parameter is allocated. */
#ifndef BF_RUN_WEIGHTS_FIT_H
#define BF_RUN_WEIGHTS_FIT_H

#include "model/weights_format.h"
#include "nn/backbone.h"

typedef struct bf_fit {
  const bf_backbone *backbone;
  bf_graph *graph;                  /* not finished: names and shapes only; owned */
  int backbone_count;               /* parameters before this number are the backbone's, the rest the classifier's */
  int matched, missing, mismatched; /* parameters of the backbone */
  int classifier;                   /* parameters of the classifier that the file has */
  int leftover;                     /* tensors that neither wants, counters aside */
  bf_tensors made;                  /* the file unfolded (weight_unfold.h), or empty; owned */
  bf_weight_names names;            /* as the file calls them */
  const bf_tensor **found;          /* of each parameter, also of a shape that does not fit; NULL: absent; owned list */
  bool *wanted;                     /* each tensor of the file: a parameter's or a counter; owned */
  int classes;                      /* of the original classifier; 0 where the file lacks it or a part of it */
} bf_fit;

/* Adds backbone and, with classes > 0, the original classifier to a new graph for images of h x w x c. */
bf_status bf_fit_build(bf_graph **graph, bf_features *features, bf_value *input, bf_value *logits, int *backbone_count,
                       const bf_backbone *backbone, int h, int w, int c, int classes, bf_error *err);

bf_status bf_fit_one(bf_fit *out, const bf_backbone *backbone, const bf_tensors *file, bf_error *err);
/* The backbone that finds the largest share of its parameters. None finds any: BF_E_FORMAT. */
bf_status bf_fit_best(bf_fit *out, const bf_tensors *file, bf_error *err);
void bf_fit_clear(bf_fit *fit);

/* The tensor for parameter `index`, NULL when absent or of another shape; *other: it is there with another shape. */
const bf_tensor *bf_fit_tensor(const bf_fit *fit, int index, bool *other);
/* Batch norms came folded: every running mean 0 and the variances of each norm equal. False without norms. */
bool bf_fit_is_folded(const bf_fit *fit);
bool bf_fit_has_norms(const bf_fit *fit);

#endif
