/* Two models on the same cases: differences with intervals from the same resampled patients, and who wins where. A is
 * the first named, differences are A - B. */
#ifndef BF_EVALUATION_COMPARE_H
#define BF_EVALUATION_COMPARE_H

#include "evaluation/evaluation.h"

typedef struct bf_difference {
  bf_resampled_pair of;
  int64_t n; /* as the table of figures says; 0: the figure is not compared */
} bf_difference;

typedef struct bf_differences {
  int64_t cases;
  bool few;                        /* as of an assessment: too few to say much */
  bf_difference items[BF_FIGURES]; /* by figure */
} bf_differences;

/* Whether there is such a difference, and it is a number. */
bool bf_difference_told(const bf_differences *differences, int figure);
/* 1: A is better beyond chance (p below 0.05, and then the interval leaves 0 out), -1: B is, 0: cannot be told. */
int bf_difference_winner(const bf_differences *differences, int figure);
const char *bf_difference_words(const bf_differences *differences, int figure); /* "A", "B", "cannot be told" */

/* Calls at each one's own threshold (McNemar 1947, exact binomial). */
typedef struct bf_discordance {
  int64_t both_right, a_alone, b_alone, both_wrong;
  double p_value; /* NaN where one of the thresholds is missing */
} bf_discordance;

typedef struct bf_group_differences {
  bf_grouping grouping;
  bf_differences *of; /* owned: of each group */
} bf_group_differences;

typedef struct bf_comparison {
  int64_t cases, a_alone, b_alone; /* cases of both; of one alone, which take no part */
  double threshold_a, threshold_b;
  bf_auc_difference delong;
  bf_discordance calls;
  bf_differences all;
  bf_group_differences groups[BF_ATTRIBUTES_MAX];
  int group_count;
} bf_comparison;

/* a: whole, with its groups, by which the comparison groups too. b: its cases and options alone are read; its truth is
 * taken from a. No case of both: BF_E_NOT_FOUND. */
bf_status bf_comparison_create(bf_comparison *out, const bf_evaluation *a, const bf_evaluation *b, bf_error *err);
void bf_comparison_clear(bf_comparison *comparison);

#endif
