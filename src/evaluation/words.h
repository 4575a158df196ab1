/* The figures of an evaluation in words: JSON, tables for people, and curves as CSV. */
#ifndef BF_EVALUATION_WORDS_H
#define BF_EVALUATION_WORDS_H

#include "evaluation/compare.h"

/* What the words say beside the figures. */
typedef struct bf_evaluation_source {
  const char *scores, *against; /* files; against may be NULL */
  const char *const *labels;
  int label_count;
  const char *model_sha256; /* NULL: unknown */
} bf_evaluation_source;

/* Freed with bf_free; NULL when memory is short. comparison may be NULL. */
char *bf_evaluation_json(const bf_evaluation *e, const bf_comparison *comparison, const bf_evaluation_source *source);
char *bf_evaluation_text(const bf_evaluation *e, const bf_comparison *comparison, const bf_evaluation_source *source);
/* roc.csv, pr.csv, froc.csv, reliability.csv, decision.csv and subgroups.csv into the folder. */
bf_status bf_evaluation_write_curves(const bf_evaluation *e, const char *folder, bf_error *err);

/* Thresholds of decision curves: 0.01 to 0.99. */
enum { BF_DECISION_POINTS = 99, BF_RELIABILITY_BINS = 10 };

#endif
