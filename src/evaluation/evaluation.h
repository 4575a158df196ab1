/* An evaluation: cases, and every figure of them: of images, breasts and studies, and of subgroups. Its words are
 * words.h's. */
#ifndef BF_EVALUATION_EVALUATION_H
#define BF_EVALUATION_EVALUATION_H

#include "evaluation/assess.h"
#include "evaluation/groups.h"
#include "evaluation/units.h"

typedef struct bf_evaluation_options {
  const char *scores;    /* name of the file, for messages */
  const char *threshold; /* a probability as text; NULL: the one that the scores carry */
  const char *hit;       /* name of a rule; NULL: iou50 */
  const char *const *by; /* attributes and label columns to group by, beside those that have several groups */
  const int *columns;    /* of each of them: column of the labels, -1: an attribute */
  int by_count;
  int rounds; /* of resampled patients */
  uint64_t seed;
  bf_pool *pool; /* may be NULL */
} bf_evaluation_options;

typedef struct bf_unit_figures {
  int64_t units, images, without; /* without: images whose study or side is not known */
  bf_assessment figures;          /* of classes alone */
} bf_unit_figures;

typedef struct bf_group_figures {
  bf_grouping grouping;
  bf_assessment *of; /* owned: of each group */
} bf_group_figures;

typedef struct bf_evaluation {
  bf_cases cases;
  bf_assess_options options;
  const char *threshold_from; /* "option", "scores" or NULL; static */
  char threshold_rule[128];
  bf_assessment all;
  bf_unit_figures units[BF_UNITS];
  bf_group_figures groups[BF_ATTRIBUTES_MAX];
  int group_count;
} bf_evaluation;

const char *bf_hit_rule_name(bf_hit_rule rule);

/* What is wrong in the options whatever the scores are: BF_E_ARGUMENT names the option. */
bf_status bf_evaluation_check(const bf_evaluation_options *options, bf_error *err);
/* The threshold, named points and hit rule that the options and the scores ask for. */
bf_status bf_evaluation_choose(bf_evaluation *e, const bf_scores *scores, const bf_evaluation_options *options,
                               bf_error *err);
/* Takes the cases over, also where it fails. Subgroups come from the attributes with two groups or more, and from
 * options->by. */
bf_status bf_evaluation_create(bf_evaluation *out, bf_cases *cases, const bf_evaluation_options *options,
                               bf_error *err);
void bf_evaluation_clear(bf_evaluation *e);

#endif
