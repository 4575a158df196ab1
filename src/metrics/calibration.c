/* Errors of probabilities, the reliability curve and logistic recalibration. */
#include "metrics/calibration.h"

#include <math.h>

#include "base/memory.h"
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

/* Minus log likelihood of chance(x) = 1/(1 + exp(-(intercept + slope x))), its gradient and its curvature. */
typedef struct fit_state {
  double loss, g0, g1, h00, h01, h11;
} fit_state;

static fit_state look(const double *x, const uint8_t *label, int64_t n, double intercept, double slope) {
  fit_state s = {0};
  for (int64_t i = 0; i < n; i++) {
    double z = intercept + slope * x[i], toward = label[i] ? -z : z, small = exp(-fabs(z));
    double p = z >= 0 ? 1 / (1 + small) : small / (1 + small), w = small / ((1 + small) * (1 + small));
    s.loss += fmax(toward, 0) + log1p(small);
    s.g0 += p - (label[i] != 0);
    s.g1 += (p - (label[i] != 0)) * x[i];
    s.h00 += w;
    s.h01 += w * x[i];
    s.h11 += w * x[i] * x[i];
  }
  return s;
}

static bf_interval wald(double value, double variance) {
  double reach = BF_Z95 * sqrt(variance);
  return (bf_interval){value - reach, value + reach};
}

typedef struct line {
  double intercept, slope, intercept_variance, slope_variance; /* NaN where no maximum was found */
} line;

/* Newton's method with halved steps: the loss is convex, so it ends where the gradient does. */
static line fit_line(const double *x, const uint8_t *label, int64_t n, bool free_slope) {
  enum { most_steps = 200, most_halvings = 60 };
  double a = 0, b = free_slope ? 0 : 1, det = NAN;
  fit_state s = look(x, label, n, a, b);
  for (int step = 0; step < most_steps; step++) {
    det = free_slope ? s.h00 * s.h11 - s.h01 * s.h01 : s.h00;
    if (!(det > 0)) return (line){NAN, NAN, NAN, NAN};
    double da = free_slope ? (s.h01 * s.g1 - s.h11 * s.g0) / det : -s.g0 / s.h00,
           db = free_slope ? (s.h01 * s.g0 - s.h00 * s.g1) / det : 0;
    /* What the step gains is less than the loss is exact to. Steps square their error: this is the last one, and the
     * curvature behind it is that of the maximum. */
    if (-(s.g0 * da + s.g1 * db) <= 1e-14 * s.loss) {
      a += da, b += db;
      s = look(x, label, n, a, b);
      det = free_slope ? s.h00 * s.h11 - s.h01 * s.h01 : s.h00;
      break;
    }
    fit_state next = look(x, label, n, a + da, b + db);
    for (int k = 0; k < most_halvings && !(next.loss <= s.loss); k++)
      da /= 2, db /= 2, next = look(x, label, n, a + da, b + db);
    if (!(next.loss <= s.loss)) break; /* the minimum, as far as rounding lets it be told */
    a += da, b += db, s = next;
  }
  return free_slope ? (line){a, b, s.h11 / det, s.h00 / det} : (line){a, b, 1 / det, 0};
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
  line held = fit_line(x, label, n, false);
  out->offset = held.intercept;
  out->offset_interval = wald(held.intercept, held.intercept_variance);
  if (!parted(x, label, n)) {
    line found = fit_line(x, label, n, true);
    out->intercept = found.intercept;
    out->slope = found.slope;
    out->intercept_interval = wald(found.intercept, found.intercept_variance);
    out->slope_interval = wald(found.slope, found.slope_variance);
  }
  bf_free(x);
  return BF_OK;
}
