/* Temperature and Platt scaling by Newton's method. Both losses are convex, so that what is found is the optimum. */
#include "metrics/calibration_fit.h"

#include <math.h>
#include <stddef.h>

#include "metrics/logistic.h"

enum { most_steps = 200 };

static double log_loss(const double *logit, const uint8_t *label, int64_t n, double slope, double intercept) {
  double sum = 0;
  for (int64_t i = 0; i < n; i++) sum += bf_logistic_loss(slope * logit[i] + intercept, label[i] != 0);
  return n > 0 ? sum / (double)n : NAN;
}

/* Counts, the loss as it is, and a reason where nothing can be fitted. */
static bf_calibration_fit begin(const double *logit, const uint8_t *label, int64_t n) {
  bf_calibration_fit f = {.slope = 1, .n = n};
  bool finite = true, same = true;
  for (int64_t i = 0; i < n; i++) {
    f.positives += label[i] != 0;
    finite = finite && isfinite(logit[i]);
    same = same && logit[i] == logit[0];
  }
  f.log_loss_before = f.log_loss_after = finite ? log_loss(logit, label, n, 1, 0) : NAN;
  if (!finite)
    f.reason = "a logit is not finite";
  else if (f.positives < BF_CALIBRATION_LEAST || n - f.positives < BF_CALIBRATION_LEAST)
    f.reason = "fewer than 10 images of a class";
  else if (same)
    f.reason = "all logits are the same";
  return f;
}
_Static_assert(BF_CALIBRATION_LEAST == 10, "the number in the words above");

static void accept(bf_calibration_fit *f, const double *logit, const uint8_t *label, double slope, double intercept) {
  f->fitted = true;
  f->slope = slope;
  f->intercept = intercept;
  f->log_loss_after = log_loss(logit, label, f->n, slope, intercept);
}

/* ---- temperature ---- */

typedef struct pull {
  double first, second; /* derivatives of the mean log loss in the slope */
} pull;

static pull pull_at(const double *logit, const uint8_t *label, int64_t n, double slope) {
  pull d = {0, 0};
  for (int64_t i = 0; i < n; i++) {
    double p = bf_logistic(slope * logit[i]);
    d.first += (p - (label[i] != 0)) * logit[i];
    d.second += p * (1 - p) * logit[i] * logit[i];
  }
  d.first /= (double)n;
  d.second /= (double)n;
  return d;
}

/* The zero of a rising derivative between low and high. */
static double find_slope(const double *logit, const uint8_t *label, int64_t n, double low, double high) {
  double slope = 1;
  for (int step = 0; step < most_steps && high - low > 1e-14 * high; step++) {
    pull d = pull_at(logit, label, n, slope);
    if (d.first == 0) break;
    *(d.first < 0 ? &low : &high) = slope;
    double next = slope - d.first / d.second;
    if (!(next > low && next < high)) next = low + (high - low) / 2;
    bool still = fabs(next - slope) <= 1e-15 * slope;
    slope = next;
    if (still) break;
  }
  return slope;
}

bf_calibration_fit bf_metrics_fit_temperature(const double *logit, const uint8_t *label, int64_t n) {
  const double low = BF_CALIBRATION_SLOPE_LEAST, high = BF_CALIBRATION_SLOPE_MOST;
  bf_calibration_fit f = begin(logit, label, n);
  if (f.reason != NULL) return f;
  if (pull_at(logit, label, n, low).first >= 0)
    f.reason = "the logits do not order the classes: no slope above 0 is better than a smaller one";
  else if (pull_at(logit, label, n, high).first <= 0)
    f.reason = "the logits part the classes wholly: every larger slope is better";
  else
    accept(&f, logit, label, find_slope(logit, label, n, low, high), 0);
  return f;
}

/* ---- Platt ---- */

/* Smoothed targets, and logits as (logit - mean)/deviation. */
static bf_logistic_data platt_data(const double *logit, const uint8_t *label, int64_t n, int64_t positives) {
  double sum = 0, squares = 0, high = (double)positives, low = (double)(n - positives);
  for (int64_t i = 0; i < n; i++) sum += logit[i];
  double mean = sum / (double)n;
  for (int64_t i = 0; i < n; i++) squares += (logit[i] - mean) * (logit[i] - mean);
  return (bf_logistic_data){logit, label, n, {1 / (low + 2), (high + 1) / (high + 2)}, mean, sqrt(squares / (double)n)};
}

bf_calibration_fit bf_metrics_fit_platt(const double *logit, const uint8_t *label, int64_t n) {
  bf_calibration_fit f = begin(logit, label, n);
  if (f.reason != NULL) return f;
  bf_logistic_data d = platt_data(logit, label, n, f.positives);
  bf_logistic_line line = {.intercept = log(((double)f.positives + 1) / ((double)(n - f.positives) + 1))};
  bool found = bf_logistic_fit(&line, &d, true);
  double slope = line.slope / d.width, intercept = line.intercept - slope * d.middle;
  if (!found)
    f.reason = "Newton's method found no optimum";
  else if (slope < BF_CALIBRATION_SLOPE_LEAST)
    f.reason = "the logits do not order the classes: the best slope is not above 0.01";
  else if (slope > BF_CALIBRATION_SLOPE_MOST || fabs(intercept) > BF_CALIBRATION_INTERCEPT_MOST)
    f.reason = "the best slope or intercept is above 100";
  else
    accept(&f, logit, label, slope, intercept);
  return f;
}
