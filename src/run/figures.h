/* From answers and labels to the figures that training watches: a bridge to the metrics room. */
#ifndef BF_RUN_FIGURES_H
#define BF_RUN_FIGURES_H

#include "run/trainer.h"

/* AUC over images of known class, lesion sensitivity at one false positive an image (iou50) over images of known
 * lesions, and their mean (whichever is defined). NaN where not defined. */
bf_status bf_figures_of(bf_figures *out, const bf_dataset *data, const int64_t *rows, const bf_answer *answers,
                        int64_t count, bf_error *err);

/* The operating point: the highest threshold on the probability that reaches `sensitivity`, or Youden's where it is 0.
 * NaN when a class is absent. rule gets its name in words. */
double bf_figures_threshold(char *rule, size_t capacity, const bf_dataset *data, const int64_t *rows,
                            const bf_answer *answers, int64_t count, double sensitivity);

/* The same figures for the training record, as JSON from malloc: AUC with its DeLong interval, sensitivity and
 * specificity at the threshold (NaN: left out) with Wilson's, lesion sensitivity with one from resampled groups of
 * images, keyed by the seed, or Wilson's where none or all are found; all 95 %, null where not defined, with the counts
 * that they were measured on. */
bf_status bf_figures_record(char **json, const bf_dataset *data, const int64_t *rows, const bf_answer *answers,
                            int64_t count, double threshold, uint64_t seed, bf_error *err);

#endif
