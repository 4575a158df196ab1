/* Evaluation: scores against labels. */
#ifndef BIFOCAL_EVALUATE_H
#define BIFOCAL_EVALUATE_H

#include <stdbool.h>

#include "bifocal/status.h"

#ifdef __cplusplus
extern "C" {
#endif

enum {
  BF_EVALUATE_ROUNDS = 2000,      /* of resampled patients, where none are asked for */
  BF_EVALUATE_PICTURES = 24,      /* a usual gallery */
  BF_EVALUATE_PICTURES_MOST = 200 /* more make no page that can be looked through */
};

typedef struct bf_evaluate_options {
  const char *scores; /* SCORES.h5 */
  const char *const *labels;
  int label_count;
  const char *against;   /* SCORES.h5 of another model, which is compared on the same images; or NULL */
  const char *report;    /* folder for report.html, metrics.json and curves as CSV; or NULL */
  const char *model;     /* the model that scored: its card stands in the report; or NULL */
  const char *threshold; /* malignant at and above this probability; NULL: the one that the scores carry */
  const char *hit;       /* iou50, iou10, centre, iou75; NULL: iou50 */
  const char *const *by; /* attributes or label columns to group by, beside the usual attributes; "labels:NAME": a
                            column also where an attribute has its name */
  int by_count;
  int rounds;   /* of resampled patients, for intervals: 100 to 1000000; 0: BF_EVALUATE_ROUNDS */
  int seed;     /* of the draws */
  int pictures; /* most in the report's gallery, to BF_EVALUATE_PICTURES_MOST; 0: none */
  int threads;  /* 0: the processors that this process may use. Figures are the same for any number */
  bool json;    /* text: one JSON object, else a table for people */
} bf_evaluate_options;

/* text: freed with bf_text_free. Images without a class take no part in classification, images whose lesions are
 * unknown none in localisation; failed rows are counted. A figure that is not defined is null in JSON. */
bf_status bf_evaluate(char **text, const bf_evaluate_options *options, bf_error *err);

#ifdef __cplusplus
}
#endif
#endif
