/* Whether probabilities mean what they say. Probabilities are in 0..1; whatever takes their logarithm clips them at
 * 1e-15 and 1 - 1e-15. */
#ifndef BF_METRICS_CALIBRATION_H
#define BF_METRICS_CALIBRATION_H

#include <stdbool.h>
#include <stdint.h>

#include "bifocal/status.h"
#include "metrics/share.h"

enum {
  BF_ECE_BINS = 15, /* of the calibration error, wherever the program tells one */
  BF_ECE_BINS_MAX = 1000
};

/* Expected calibration error: `bins` bins of equal width, weighted by their counts (Guo et al. 2017). NaN without
 * images, and with bins that are not 1 to BF_ECE_BINS_MAX. */
double bf_metrics_ece(const double *probability, const uint8_t *label, int64_t n, int bins);
double bf_metrics_brier(const double *probability, const uint8_t *label, int64_t n);
double bf_metrics_log_loss(const double *probability, const uint8_t *label, int64_t n);
double bf_metrics_log_loss_of(double probability, bool positive); /* of one image */
/* Mean probability minus the share of positives: calibration in the large. Above 0: too many are expected. */
double bf_metrics_excess(const double *probability, const uint8_t *label, int64_t n);

/* The bin of a probability among `bins` of equal width: 0 to bins - 1; the last holds 1 too. */
int bf_metrics_bin(double probability, int bins);

/* The reliability curve. */
typedef enum bf_binning {
  BF_BIN_WIDTH, /* of equal width over 0..1 */
  BF_BIN_COUNT  /* of equal count, as nearly as equal probabilities, which stay together, allow */
} bf_binning;
typedef struct bf_reliability_bin {
  int64_t n;
  double low, high; /* edges under BF_BIN_WIDTH, else least and largest probability in it; NaN when those are none */
  double predicted; /* mean probability; NaN when empty */
  bf_share observed;
} bf_reliability_bin;
/* Fills bins[0 .. count-1], empty ones too (n = 0). BF_E_ARGUMENT when count is below 1. */
bf_status bf_metrics_reliability(bf_reliability_bin *bins, int count, bf_binning binning, const double *probability,
                                 const uint8_t *label, int64_t n, bf_error *err);

/* Logistic recalibration (Cox 1958): logit of the chance = intercept + slope * logit(probability), by maximum
 * likelihood. Perfect is 0 and 1; a slope below 1: answers too extreme. NaN with one class, and where a threshold on
 * the probability parts the classes (ties at it included), because then no maximum exists. Intervals: 95 %, Wald. */
typedef struct bf_recalibration {
  double slope, intercept;
  bf_interval slope_interval, intercept_interval;
  double offset; /* the intercept when the slope is held at 1; NaN with one class alone */
  bf_interval offset_interval;
} bf_recalibration;
bf_status bf_metrics_recalibration(bf_recalibration *out, const double *probability, const uint8_t *label, int64_t n,
                                   bf_error *err);

#endif
