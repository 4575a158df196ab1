/* Evaluation: scores against labels. */
#ifndef BIFOCAL_EVALUATE_H
#define BIFOCAL_EVALUATE_H

#include <stdbool.h>

#include "bifocal/status.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct bf_evaluate_options {
  const char *scores; /* SCORES.h5 */
  const char *const *labels;
  int label_count;
  const char *report;    /* folder for metrics.json, roc.csv and froc.csv; or NULL */
  const char *threshold; /* malignant at and above this probability; NULL: the one that the scores carry */
  const char *hit;       /* iou50, iou10, centre; NULL: iou50 */
  bool json;             /* text: one JSON object, else a table for people */
} bf_evaluate_options;

/* text: freed with bf_text_free. Images without a class take no part in classification, images whose lesions are
 * unknown none in localisation; failed rows are counted. A figure that is not defined is null in JSON. */
bf_status bf_evaluate(char **text, const bf_evaluate_options *options, bf_error *err);

#ifdef __cplusplus
}
#endif
#endif
