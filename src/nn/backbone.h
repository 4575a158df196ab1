/* Backbones: the table (backbones.def) and the row. A backbone is a recipe that reads like its paper. */
#ifndef BF_NN_BACKBONE_H
#define BF_NN_BACKBONE_H

#include <stddef.h>

#include "nn/naming.h"

#define BF_MAX_STAGES 8

/* What heads build on: the last activation at each stride, finest first. */
typedef struct bf_features {
  int count;
  bf_value value[BF_MAX_STAGES];
  int stride[BF_MAX_STAGES]; /* of 2, 4, 8, 16, 32 those that the network has, each twice the one before */
  /* A head's map of lesion logits, one number a cell, for heads that look there; where_stride 0: there is none. */
  bf_value where;
  int where_stride;
} bf_features;

typedef struct bf_backbone {
  const char *name; /* as in the config */
  const char *help; /* one line: paper, parameters */
  int stages;       /* for freezing and learning rates: stage indices 0 .. stages-1 are used */
  /* Adds the feature extractor behind `image` (a value of c channels) and fills features. */
  void (*build)(bf_graph *graph, bf_value image, bf_features *features);
  /* Adds the original classifier (1000 classes) on the last feature; returns the logits. */
  bf_value (*classifier)(bf_graph *graph, const bf_features *features, int classes);
  const char *stage_names;  /* "features/<stage>" names of `weights run`, comma-separated, one for each feature */
  const bf_naming *namings; /* in the weight files of others; ends with {0}; NULL: as torchvision's everywhere */
} bf_backbone;

/* Name of feature `index` among stage_names, cut to the capacity. */
void bf_backbone_stage_name(char *name, size_t capacity, const bf_backbone *backbone, int index);

int bf_backbone_count(void);
const bf_backbone *bf_backbone_at(int index);
/* NULL and an error with the nearest name when unknown. */
const bf_backbone *bf_backbone_find(const char *name, bf_error *err);

#endif
