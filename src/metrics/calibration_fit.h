/* Fits of probabilities to what came true: the probability of an image is 1/(1 + exp(-(slope*logit + intercept))).
 * Arrays in, numbers out; all functions may be called from any thread. */
#ifndef BF_METRICS_CALIBRATION_FIT_H
#define BF_METRICS_CALIBRATION_FIT_H

#include <stdbool.h>
#include <stdint.h>

enum { BF_CALIBRATION_LEAST = 10 }; /* images of each class that a fit needs */

/* Where an optimum may lie; one on the edge is none. */
#define BF_CALIBRATION_SLOPE_LEAST 0.01
#define BF_CALIBRATION_SLOPE_MOST 100.0
#define BF_CALIBRATION_INTERCEPT_MOST 100.0 /* either sign */

/* Log losses: mean of -log of the probability of the image's class, natural logarithm; before: slope 1, intercept 0.
 * What is not fitted has slope 1 and intercept 0, and the loss after is the loss before. */
typedef struct bf_calibration_fit {
  bool fitted;
  double slope, intercept;
  int64_t n, positives;
  double log_loss_before, log_loss_after; /* NaN without images, or where a logit is not finite */
  const char *reason;                     /* in words, why it is not fitted; static; NULL where it is */
} bf_calibration_fit;

/* Temperature scaling (Guo et al. 2017): the slope, 1/temperature, with the least log loss; intercept 0. Newton's
 * method, halving of the interval where a step leaves it. Classes that the logits part wholly have no best slope, and
 * are not fitted. logit[n], label[n]: 0 or 1. */
bf_calibration_fit bf_metrics_fit_temperature(const double *logit, const uint8_t *label, int64_t n);

/* Platt scaling (Platt 1999): slope and intercept with the least log loss against his smoothed targets, (N+ + 1)/(N+ +
 * 2) for positives and 1/(N- + 2) for negatives, so that classes that are parted wholly have an optimum too. Newton's
 * method with steps that are halved until the loss falls (Lin, Lin, Weng 2007). */
bf_calibration_fit bf_metrics_fit_platt(const double *logit, const uint8_t *label, int64_t n);

#endif
