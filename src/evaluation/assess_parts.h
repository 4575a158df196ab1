/* What the files of assessments share; of this room alone. */
#ifndef BF_EVALUATION_ASSESS_PARTS_H
#define BF_EVALUATION_ASSESS_PARTS_H

#include "evaluation/assess.h"

bf_resampling bf_assess_resampling(const bf_assess_options *options, int32_t patients);
/* Closes the numbers of patients up, in the order in which they come. Returns how many there are; -1: no memory. */
int32_t bf_assess_close_up(int32_t *patient, int64_t n);

/* Sets to resample: of ranks with the options' threshold, and of a matching at the rates that figures are given for. */
bf_status bf_assess_ranked(bf_ranked *out, const bf_class_arrays *arrays, const bf_assess_options *options,
                           bf_error *err);
bf_status bf_assess_boxed(bf_boxed *out, const bf_matching *matching, const bf_lesion_arrays *arrays, bf_error *err);
/* best[k]: best IoU of lesion k among its image's boxes, lesions counted on over the images. */
void bf_assess_best_iou(double *best, const bf_lesion_arrays *arrays);

bf_status bf_assess_lesions(bf_lesion_figures *out, const bf_cases *cases, const bf_case *items, const int64_t *members,
                            int64_t count, bf_assess_depth depth, const bf_assess_options *options, bf_error *err);

#endif
