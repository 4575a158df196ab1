/* The table of figures. */
#include "evaluation/figure.h"

const bf_figure_kind bf_figure_kinds[BF_FIGURES] = {
#define FIGURE(id, part, of, better, depth, told, key, name) \
  [BF_FIGURE_##id] = {key, name, BF_PART_##part, BF_OF_##of, BF_BETTER_##better, BF_ASSESS_##depth, told},
#include "evaluation/figure.def"
#undef FIGURE
};
