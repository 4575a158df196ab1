/* From a network's malignant logit to a probability that says how often it comes true. It is fitted on images that the
 * network was not trained on (metrics/calibration_fit.h), and travels in the model's metadata. */
#ifndef BF_MODEL_CALIBRATION_H
#define BF_MODEL_CALIBRATION_H

#include <stdint.h>

#include "bifocal/status.h"

/* In the order of the configuration's words. */
typedef enum bf_calibration_method {
  BF_CALIBRATION_NONE,        /* the logit is taken as it is */
  BF_CALIBRATION_TEMPERATURE, /* Guo et al. 2017 */
  BF_CALIBRATION_PLATT        /* Platt 1999 */
} bf_calibration_method;

/* Zeroed: none. */
typedef struct bf_calibration {
  bf_calibration_method method;
  double slope, intercept; /* of what is fitted; not read where the method is none */
  int64_t n, positives;    /* images that it was fitted on; 0: unknown */
  double log_loss_before, log_loss_after, ece_before, ece_after; /* on these images; NaN: unknown */
  char on[96];                                                   /* which images, in words */
  char reason[160];                                              /* why there is none, in words; "": nobody said */
} bf_calibration;

/* "none", "temperature" or "platt"; static. */
const char *bf_calibration_name(bf_calibration_method method);
/* 1 where there is none. */
double bf_calibration_slope(const bf_calibration *c);
double bf_calibration_intercept(const bf_calibration *c); /* 0 where there is none */
/* sigmoid(slope*logit + intercept); NaN stays NaN. */
double bf_calibration_probability(const bf_calibration *c, double logit);

/* Of `count` networks that answer together, where the joint logit is the mean of their logits weighted by their slopes:
 * slope and intercept are the means of theirs, so that the joint probability is that of the mean of their calibrated
 * logits. Counts are sums, losses means over the images. None where none of them has any. */
bf_calibration bf_calibration_join(const bf_calibration *each, int count);

/* "temperature: slope 0.41, intercept 0; log loss 0.65, then 0.51, on 60 images of the validation part", or why there
 * is none. */
enum { BF_CALIBRATION_LINE = 400 };
void bf_calibration_tell(char text[BF_CALIBRATION_LINE], const bf_calibration *calibration);

/* "none", or JSON: {"method", "slope", "intercept", "n", "positives", "log_loss_before", "log_loss_after",
 * "ece_before", "ece_after", "on"}, {"method": "none", "reason"}; of several networks the joined one with each in the
 * list "members". Freed with bf_free; NULL when memory is short. */
char *bf_calibration_write(const bf_calibration *each, int count);
/* each[count] from such a text, NULL for a file that has none: then all are none. BF_E_FORMAT where slopes are not
 * above 0, numbers cannot be, or members are not as many; texts are made plain. */
bf_status bf_calibration_read(bf_calibration *each, int count, const char *text, bf_error *err);

#endif
