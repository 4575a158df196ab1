/* The table of figures: what all words about them are made from. */
#ifndef BF_EVALUATION_FIGURE_H
#define BF_EVALUATION_FIGURE_H

#include <stdbool.h>

typedef enum bf_figure {
#define FIGURE(id, part, of, better, depth, told, key, name) BF_FIGURE_##id,
#include "evaluation/figure.def"
#undef FIGURE
  BF_FIGURES
} bf_figure;

typedef enum bf_figure_part { BF_PART_CLASSES, BF_PART_LESIONS, BF_PART_MASKS } bf_figure_part;
/* What a figure's n counts. */
typedef enum bf_figure_of {
  BF_OF_CASES, /* with a probability and a class */
  BF_OF_POSITIVES,
  BF_OF_NEGATIVES,
  BF_OF_LESIONS,
  BF_OF_HITS,  /* boxes that hit a lesion by the rule in force */
  BF_OF_MASKS, /* images with a drawn lesion and a found mask */
  BF_OF_COUNTS
} bf_figure_of;
typedef enum bf_figure_better { BF_BETTER_LESS = -1, BF_BETTER_NEITHER, BF_BETTER_MORE } bf_figure_better;
typedef enum bf_assess_depth {
  BF_ASSESS_WHOLE,
  BF_ASSESS_GROUP /* of lesions neither sizes nor precision under many overlaps, nor how well hits sit: those are NaN */
} bf_assess_depth;

typedef struct bf_figure_kind {
  const char *key, *name; /* in JSON; for people */
  bf_figure_part part;
  bf_figure_of of;
  bf_figure_better better;
  bf_assess_depth depth;
  bool told; /* else in JSON alone */
} bf_figure_kind;
extern const bf_figure_kind bf_figure_kinds[BF_FIGURES];

#endif
