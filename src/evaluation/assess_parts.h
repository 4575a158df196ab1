/* What the files of assessments share; of this room alone. */
#ifndef BF_EVALUATION_ASSESS_PARTS_H
#define BF_EVALUATION_ASSESS_PARTS_H

#include "evaluation/assess.h"

bf_resampling bf_assess_resampling(const bf_assess_options *options, int32_t patients);
/* Closes the numbers of patients up, in the order in which they come. Returns how many there are; -1: no memory. */
int32_t bf_assess_close_up(int32_t *patient, int64_t n);

/* Figures of classes, resampled together: those of drawn.h's ranked set with the options' threshold, then those of its
 * calibrated one. Not to be moved; cleared also where it was not made. */
enum {
  BF_CLASS_RANKED = BF_RANKED_THRESHOLDS + BF_AT_FIGURES,
  BF_CLASS_FIGURES = BF_CLASS_RANKED + BF_CALIBRATED_FIGURES
};
typedef struct bf_class_sets {
  bf_ranked ranked;
  bf_calibrated calibrated;
  bf_drawn_set list[2];
  bf_drawn_sets all;
} bf_class_sets;
bf_status bf_class_sets_make(bf_class_sets *out, const bf_class_arrays *arrays, const bf_assess_options *options,
                             bf_error *err);
void bf_class_sets_clear(bf_class_sets *sets);

/* To resample: a matching at the rates that figures are given for. */
bf_status bf_assess_boxed(bf_boxed *out, const bf_matching *matching, const bf_lesion_arrays *arrays, bf_error *err);

bf_status bf_assess_lesions(bf_lesion_figures *out, const bf_cases *cases, const bf_case *items, const int64_t *members,
                            int64_t count, bf_assess_depth depth, const bf_assess_options *options, bf_error *err);

#endif
