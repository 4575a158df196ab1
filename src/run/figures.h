/* From answers and labels to the figures that training watches: a bridge to the metrics room. */
#ifndef BF_RUN_FIGURES_H
#define BF_RUN_FIGURES_H

#include "run/trainer.h"

/* AUC over images of known class, which are ranked as evaluate ranks them (bf_metrics_ranked_by_logits), lesion
 * sensitivity at one false positive an image (iou50) over images of known lesions, and their mean (whichever is
 * defined). NaN where not defined. */
bf_status bf_figures_of(bf_figures *out, const bf_dataset *data, const int64_t *rows, const bf_answer *answers,
                        int64_t count, bf_error *err);

/* Logits, or probabilities rounded to float32 as SCORES.h5 holds them, and labels of those of the rows whose class is
 * known and whose answers are numbers: score[] and label[] have room for count. Returns how many they are. */
int64_t bf_figures_classes(double *score, uint8_t *label, bool logits, const bf_dataset *data, const int64_t *rows,
                           const bf_answer *answers, int64_t count);

/* The same figures for the training record, as JSON from malloc: AUC with its DeLong interval, sensitivity and
 * specificity at the threshold (NaN: left out) with Wilson's, calibration error, Brier score and log loss of the
 * probabilities, lesion sensitivity with one from resampled groups of
 * images, keyed by the seed, or Wilson's where none or all are found; all 95 %, null where not defined, with the counts
 * that they were measured on. */
bf_status bf_figures_record(char **json, const bf_dataset *data, const int64_t *rows, const bf_answer *answers,
                            int64_t count, double threshold, uint64_t seed, bf_error *err);

#endif
