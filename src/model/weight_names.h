/* How a weight file calls a backbone's parameters: in whose names, and behind which prefix. Found by looking, so that
 * nobody has to rename a file's tensors first. */
#ifndef BF_MODEL_WEIGHT_NAMES_H
#define BF_MODEL_WEIGHT_NAMES_H

#include "model/tensors.h"
#include "nn/backbone.h"

typedef struct bf_weight_names {
  const bf_naming *naming;        /* NULL: torchvision's, which are ours */
  char prefix[BF_PARAM_NAME_MAX]; /* "", "module.", "state_dict.model." */
  bool unfolded;                  /* found in what bf_weight_unfold made of the file */
} bf_weight_names;

/* Of all ways to call them the one under which the file has most of the graph's first `count` parameters in their
 * shapes; among equals torchvision's names, then the shorter prefix. No name is found at all: torchvision's without
 * prefix. */
bf_weight_names bf_weight_names_find(const bf_backbone *backbone, bf_graph *graph, int count, const bf_tensors *file);
/* The tensor for our parameter; NULL when absent. */
const bf_tensor *bf_weight_names_tensor(const bf_weight_names *names, const bf_tensors *file, const char *ours);
/* "torchvision's", "timm's behind 'module.'": for messages. */
void bf_weight_names_describe(char *text, size_t capacity, const bf_weight_names *names);

/* The tensor can be the parameter: its shape, or the same numbers in the same order (a linear layer kept as a
 * convolution over its whole map, sides of 1), or for a first convolution three input channels where the other has one.
 */
bool bf_weight_fits(const bf_param *param, const bf_tensor *tensor);

#endif
