/* What the files of assessments and comparisons share; of this room alone. */
#ifndef BF_EVALUATION_ASSESS_PARTS_H
#define BF_EVALUATION_ASSESS_PARTS_H

#include "evaluation/assess.h"

bf_resampling bf_assess_resampling(const bf_assess_options *options, int32_t patients);
/* Closes the numbers of patients up, in the order in which they come. Returns how many there are; -1: no memory. */
int32_t bf_assess_close_up(int32_t *patient, int64_t n);

/* ---- plans: sets of figures that are resampled together, and where each figure belongs ---- */

enum { BF_PLAN_SETS = 12, BF_PLAN_FIGURES = BF_PLACES + 32 };
typedef struct bf_plan {
  bf_drawn_set sets[BF_PLAN_SETS];
  int set_count;
  int place[BF_PLAN_FIGURES]; /* of each figure, one set's behind another's; -1: is not told */
  int count;
} bf_plan;
/* Appends a set, whose figures have no place yet. Returns the number of its first. */
int bf_plan_add(bf_plan *plan, bf_drawn_figures figures, const void *data, int count);
/* Figures first, first + 1, ... get the places from `place` on. */
void bf_plan_place(bf_plan *plan, int first, int place, int count);
/* Into figures[place]. */
bf_status bf_plan_resample(bf_resampled *figures, const bf_plan *plan, int32_t patients,
                           const bf_assess_options *options, bf_error *err);

/* The shares at a threshold of the set, from `figures` on: those of 0 and 1 get Wilson's interval of their patients. */
bf_status bf_assess_settle(bf_resampled *figures, const bf_ranked *ranked, int threshold, bf_error *err);

/* ---- the plan of each part; not to be moved, and cleared also where it was not made ---- */

typedef struct bf_class_sets {
  bf_ranked ranked;
  bf_calibrated calibrated;
  bf_plan plan;
} bf_class_sets;
bf_status bf_class_sets_make(bf_class_sets *out, const bf_class_arrays *arrays, const bf_assess_options *options,
                             bf_error *err);
void bf_class_sets_clear(bf_class_sets *sets);

typedef struct bf_lesion_sets {
  bf_boxed boxed, sizes[BF_SIZE_GROUPS]; /* by the rule */
  bf_precise precise;
  bf_means overlaps, hit_means;
  bf_medians hit_medians;
  int64_t hits;
  bf_plan plan;
} bf_lesion_sets;
/* size: of each lesion, lesions counted on over the images in their order, its range of sizes; NULL: none are made. */
bf_status bf_lesion_sets_make(bf_lesion_sets *out, const bf_lesion_arrays *arrays, int64_t lesions, const uint8_t *size,
                              const bf_assess_options *options, bf_assess_depth depth, bf_error *err);
void bf_lesion_sets_clear(bf_lesion_sets *sets);

typedef struct bf_mask_sets {
  bf_means means;
  bf_medians medians;
  bf_plan plan;
} bf_mask_sets;
bf_status bf_mask_sets_make(bf_mask_sets *out, const bf_mask_arrays *arrays, bf_error *err);
void bf_mask_sets_clear(bf_mask_sets *sets);

bf_status bf_assess_lesions(bf_assessment *out, const bf_cases *cases, const bf_case *items, const int64_t *members,
                            int64_t count, bf_assess_depth depth, const bf_assess_options *options, bf_error *err);

#endif
