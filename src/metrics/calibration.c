/* Errors of probabilities, the reliability curve and logistic recalibration. */
#include "metrics/calibration.h"

#include <math.h>

#include "base/memory.h"
#include "metrics/logistic.h"
#include "metrics/order.h"

static double clip(double p) { return fmin(fmax(p, 1e-15), 1 - 1e-15); }

double bf_metrics_log_loss_of(double probability, bool positive) {
  double p = clip(probability);
  return -(positive ? log(p) : log1p(-p));
}

int bf_metrics_bin(double probability, int bins) {
  double at = probability * bins;
  return at >= bins ? bins - 1 : at > 0 ? (int)at : 0;
}

double bf_metrics_ece(const double *probability, const uint8_t *label, int64_t n, int bins) {
  double excess[BF_ECE_BINS_MAX] = {0}, sum = 0;
  if (n <= 0 || bins < 1 || bins > BF_ECE_BINS_MAX) return NAN;
  for (int64_t i = 0; i < n; i++) excess[bf_metrics_bin(probability[i], bins)] += probability[i] - (label[i] != 0);
  for (int b = 0; b < bins; b++) sum += fabs(excess[b]);
  return sum / (double)n;
}

double bf_metrics_brier(const double *probability, const uint8_t *label, int64_t n) {
  double sum = 0;
  for (int64_t i = 0; i < n; i++) {
    double d = probability[i] - (label[i] != 0);
    sum += d * d;
  }
  return n > 0 ? sum / (double)n : NAN;
}

double bf_metrics_log_loss(const double *probability, const uint8_t *label, int64_t n) {
  double sum = 0;
  for (int64_t i = 0; i < n; i++) sum += bf_metrics_log_loss_of(probability[i], label[i] != 0);
  return n > 0 ? sum / (double)n : NAN;
}

double bf_metrics_excess(const double *probability, const uint8_t *label, int64_t n) {
  double sum = 0;
  for (int64_t i = 0; i < n; i++) sum += probability[i] - (label[i] != 0);
  return n > 0 ? sum / (double)n : NAN;
}

/* ---- reliability ---- */

/* Of the images from..to-1 of the order. */
static bf_reliability_bin bin_of(const bf_ordered *items, const uint8_t *label, int64_t from, int64_t to) {
  bf_reliability_bin bin = {.n = to - from, .low = NAN, .high = NAN, .predicted = NAN};
  int64_t positive = 0;
  double sum = 0;
  for (int64_t i = from; i < to; i++) sum += items[i].score, positive += label[items[i].index] != 0;
  bin.observed = bf_metrics_share(positive, to - from);
  if (to == from) return bin;
  bin.predicted = sum / (double)(to - from);
  bin.low = items[from].score;
  bin.high = items[to - 1].score;
  return bin;
}

bf_status bf_metrics_reliability(bf_reliability_bin *bins, int count, bf_binning binning, const double *probability,
                                 const uint8_t *label, int64_t n, bf_error *err) {
  if (count < 1) return bf_fail(err, BF_E_ARGUMENT, "a reliability curve of %d bins; at least one is needed", count);
  bf_ordered *items;
  int64_t from = 0, to = 0;
  bf_status status = bf_order_rising(&items, probability, n, err);
  if (status != BF_OK) return status;
  for (int b = 0; b < count; b++, from = to) {
    if (binning == BF_BIN_WIDTH) {
      while (to < n && bf_metrics_bin(items[to].score, count) <= b) to++;
      bins[b] = bin_of(items, label, from, to);
      bins[b].low = (double)b / count;
      bins[b].high = (double)(b + 1) / count;
    } else {
      int64_t cut = (int64_t)((double)n * (b + 1) / count + 0.5);
      while (to < n && (to < cut || (to > 0 && items[to].score == items[to - 1].score))) to++;
      bins[b] = bin_of(items, label, from, to);
    }
  }
  bf_free(items);
  return BF_OK;
}

/* ---- recalibration ---- */

static bf_interval wald(double value, double variance) {
  double reach = BF_Z95 * sqrt(variance);
  return (bf_interval){value - reach, value + reach};
}

/* Whether one class has all its numbers at or above all of the other's. */
static bool parted(const double *x, const uint8_t *label, int64_t n) {
  double low[2] = {INFINITY, INFINITY}, high[2] = {-INFINITY, -INFINITY};
  for (int64_t i = 0; i < n; i++) {
    int k = label[i] != 0;
    low[k] = fmin(low[k], x[i]);
    high[k] = fmax(high[k], x[i]);
  }
  return high[0] <= low[1] || high[1] <= low[0];
}

bf_status bf_metrics_recalibration(bf_recalibration *out, const double *probability, const uint8_t *label, int64_t n,
                                   bf_error *err) {
  const bf_interval none = {NAN, NAN};
  *out = (bf_recalibration){NAN, NAN, none, none, NAN, none};
  int64_t m = bf_positives(label, n);
  if (m == 0 || m == n) return BF_OK;
  double *x = bf_alloc((size_t)n, sizeof *x);
  if (x == NULL) return bf_fail(err, BF_E_MEMORY, "no memory to recalibrate %lld probabilities", (long long)n);
  for (int64_t i = 0; i < n; i++) x[i] = log(clip(probability[i])) - log1p(-clip(probability[i]));
  const bf_logistic_data data = {x, label, n, {0, 1}, 0, 1};
  bf_logistic_line held = {.slope = 1}, found = {0};
  bf_logistic_fit(&held, &data, false);
  out->offset = held.intercept;
  out->offset_interval = wald(held.intercept, held.intercept_variance);
  if (!parted(x, label, n) && bf_logistic_fit(&found, &data, true)) {
    out->intercept = found.intercept;
    out->slope = found.slope;
    out->intercept_interval = wald(found.intercept, found.intercept_variance);
    out->slope_interval = wald(found.slope, found.slope_variance);
  }
  bf_free(x);
  return BF_OK;
}
