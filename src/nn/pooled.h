/* What a head of one answer an image reads: the deepest features as means of the whole map, unrolled from a grid as
 * VGG's own classifier has them (Simonyan, Zisserman 2015), or means of the whole map beside means of where a lesion is
 * thought to be; then hidden linear layers where asked for, and dropout. Private to the heads. */
#ifndef BF_NN_POOLED_H
#define BF_NN_POOLED_H

#include "nn/head.h"

typedef enum bf_pool_kind { BF_POOL_AVERAGE, BF_POOL_FLATTEN, BF_POOL_LESION } bf_pool_kind;

typedef struct bf_pooled {
  int pool; /* bf_pool_kind */
  int grid, hidden, layers;
  double dropout;
} bf_pooled;

/* The rows of an option table; `type` has a bf_pooled called `field`. */
#define BF_POOLED_OPTIONS(type, field, usual_pool, usual_grid, usual_dropout)                                        \
  {"dropout",                                                                                                        \
   BF_OPTION_REAL,                                                                                                   \
   offsetof(type, field.dropout),                                                                                    \
   usual_dropout,                                                                                                    \
   0,                                                                                                                \
   0.95,                                                                                                             \
   NULL,                                                                                                             \
   "share of its inputs that each linear layer but the first loses in training; without hidden ones, the only "      \
   "layer's"},                                                                                                       \
      {"pool",                                                                                                       \
       BF_OPTION_CHOICE,                                                                                             \
       offsetof(type, field.pool),                                                                                   \
       usual_pool,                                                                                                   \
       0,                                                                                                            \
       0,                                                                                                            \
       "average|flatten|lesion",                                                                                     \
       "what the head reads: each channel's mean; all places of a grid one after the other; or the mean beside the " \
       "mean of where the lesion or mask head sees a lesion"},                                                       \
      {"grid", BF_OPTION_INT, offsetof(type, field.grid), usual_grid, 1, 32, NULL, "of flatten: places a side"},     \
      {"hidden",                                                                                                     \
       BF_OPTION_INT,                                                                                                \
       offsetof(type, field.hidden),                                                                                 \
       "0",                                                                                                          \
       0,                                                                                                            \
       8192,                                                                                                         \
       NULL,                                                                                                         \
       "units of each hidden linear layer (VGG's own: 4096); 0: none"},                                              \
  {                                                                                                                  \
    "layers", BF_OPTION_INT, offsetof(type, field.layers), "2", 1, 4, NULL,                                          \
        "hidden linear layers, where hidden is not 0"                                                                \
  }

/* -> 1 x 1 x n; hidden layers are "heads.<head>.hidden<i>". */
bf_value bf_pooled_build(bf_graph *graph, const bf_features *features, const bf_pooled *pooled, const char *head);

#endif
