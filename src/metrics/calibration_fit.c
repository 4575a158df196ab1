/* Temperature and Platt scaling by Newton's method. Both losses are convex, so that what is found is the optimum. */
#include "metrics/calibration_fit.h"

#include <math.h>
#include <stddef.h>

enum { most_steps = 200 };

static double sigmoid(double z) { return z >= 0 ? 1 / (1 + exp(-z)) : exp(z) / (1 + exp(z)); }

/* -(t log p + (1 - t) log(1 - p)) of p = sigmoid(z), without a p that rounds to 0 or 1. */
static double cross_entropy(double z, double target) { return fmax(z, 0) - target * z + log1p(exp(-fabs(z))); }

static double log_loss(const double *logit, const uint8_t *label, int64_t n, double slope, double intercept) {
  double sum = 0;
  for (int64_t i = 0; i < n; i++) sum += cross_entropy(slope * logit[i] + intercept, label[i] != 0);
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
    double p = sigmoid(slope * logit[i]);
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

/* Logits are fitted as (logit - middle) / width, which keeps the second derivatives far from singular. */
typedef struct platt {
  const double *logit;
  const uint8_t *label;
  int64_t n;
  double target[2]; /* of a negative and a positive */
  double middle, width;
  double slope, intercept; /* of what is fitted */
} platt;

static double platt_z(const platt *p, int64_t i, double slope, double intercept) {
  return slope * ((p->logit[i] - p->middle) / p->width) + intercept;
}

static double platt_loss(const platt *p, double slope, double intercept) {
  double sum = 0;
  for (int64_t i = 0; i < p->n; i++) sum += cross_entropy(platt_z(p, i, slope, intercept), p->target[p->label[i] != 0]);
  return sum / (double)p->n;
}

static void platt_begin(platt *p, int64_t positives) {
  double sum = 0, squares = 0, n = (double)p->n;
  for (int64_t i = 0; i < p->n; i++) sum += p->logit[i];
  p->middle = sum / n;
  for (int64_t i = 0; i < p->n; i++) squares += (p->logit[i] - p->middle) * (p->logit[i] - p->middle);
  p->width = sqrt(squares / n);
  p->target[0] = 1 / ((double)(p->n - positives) + 2);
  p->target[1] = ((double)positives + 1) / ((double)positives + 2);
  p->slope = 0;
  p->intercept = log(((double)positives + 1) / ((double)(p->n - positives) + 1));
}

/* Newton's direction; false where the second derivatives are singular. */
static bool platt_direction(double step[2], const platt *p) {
  double g[2] = {0, 0}, h[3] = {0, 0, 0}, n = (double)p->n;
  for (int64_t i = 0; i < p->n; i++) {
    double x = (p->logit[i] - p->middle) / p->width, q = sigmoid(p->slope * x + p->intercept), w = q * (1 - q),
           d = q - p->target[p->label[i] != 0];
    g[0] += d * x / n, g[1] += d / n;
    h[0] += w * x * x / n, h[1] += w * x / n, h[2] += w / n;
  }
  double determinant = h[0] * h[2] - h[1] * h[1];
  step[0] = -(h[2] * g[0] - h[1] * g[1]) / determinant;
  step[1] = -(h[0] * g[1] - h[1] * g[0]) / determinant;
  return determinant > 0 && isfinite(step[0]) && isfinite(step[1]);
}

typedef enum outcome { GOES_ON, ARRIVED, STUCK } outcome;

/* One step, halved until it goes down. Near the optimum the loss is flat to its last bit and cannot judge; there a
 * whole step squares what is left of the error. */
static outcome platt_step(platt *p) {
  const double near = 1e-7;
  double step[2], before = platt_loss(p, p->slope, p->intercept);
  if (!platt_direction(step, p)) return STUCK;
  bool last = hypot(step[0], step[1]) <= near;
  for (double share = 1; share > 1e-10; share /= 2) {
    double slope = p->slope + share * step[0], intercept = p->intercept + share * step[1];
    if (!last && !(platt_loss(p, slope, intercept) < before)) continue;
    p->slope = slope;
    p->intercept = intercept;
    return last ? ARRIVED : GOES_ON;
  }
  return STUCK;
}

static bool platt_run(platt *p) {
  outcome o = GOES_ON;
  for (int k = 0; k < most_steps && o == GOES_ON; k++) o = platt_step(p);
  return o == ARRIVED;
}

bf_calibration_fit bf_metrics_fit_platt(const double *logit, const uint8_t *label, int64_t n) {
  platt p = {.logit = logit, .label = label, .n = n};
  bf_calibration_fit f = begin(logit, label, n);
  if (f.reason != NULL) return f;
  platt_begin(&p, f.positives);
  bool found = platt_run(&p);
  double slope = p.slope / p.width, intercept = p.intercept - slope * p.middle;
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
