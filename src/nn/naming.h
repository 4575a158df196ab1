/* Names of a backbone's parameters in the weight files of others. Ours are torchvision's. */
#ifndef BF_NN_NAMING_H
#define BF_NN_NAMING_H

#include <stdbool.h>

#include "nn/graph.h"

typedef struct bf_naming {
  const char *name; /* "timm", "Keras" */
  /* Their name for our parameter; false where they have none. */
  bool (*translate)(char theirs[BF_PARAM_NAME_MAX], const char *ours);
  bool caffe; /* their inputs are 0 .. 255, blue first, less a mean of each colour: Caffe's way, which Keras kept */
} bf_naming;

typedef struct bf_name_pair {
  const char *ours, *theirs; /* without the dot that follows */
} bf_name_pair;

/* The first pair whose `ours` begins the name, up to a dot or its end, is replaced. The table ends with {0}. */
bool bf_naming_replace(char theirs[BF_PARAM_NAME_MAX], const char *ours, const bf_name_pair *table);

#endif
