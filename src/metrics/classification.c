/* Curves over thresholds, thresholds chosen on them, and what is called at one. The areas stand in auc.c. */
#include "metrics/classification.h"

#include <math.h>

#include "base/memory.h"
#include "metrics/order.h"

/* ---- curves ---- */

bf_status bf_metrics_roc(int64_t *count, bf_roc_point *points, const double *score, const uint8_t *label, int64_t n,
                         bf_error *err) {
  int64_t m = bf_positives(label, n), k = n - m, hit = 0, false_hit = 0;
  bf_ordered *items;
  *count = 0;
  if (m == 0 || k == 0) return BF_OK;
  bf_status status = bf_order_rising(&items, score, n, err);
  if (status != BF_OK) return status;
  points[(*count)++] = (bf_roc_point){INFINITY, 0, 1};
  for (int64_t i = n - 1; i >= 0; i--) {
    if (label[items[i].index])
      hit++;
    else
      false_hit++;
    if (i > 0 && items[i - 1].score == items[i].score) continue;
    points[(*count)++] = (bf_roc_point){items[i].score, (double)hit / (double)m, 1 - (double)false_hit / (double)k};
  }
  bf_free(items);
  return BF_OK;
}

bf_status bf_metrics_precision_recall(int64_t *count, bf_recall_point *points, const double *score,
                                      const uint8_t *label, int64_t n, bf_error *err) {
  int64_t m = bf_positives(label, n), hit = 0;
  bf_ordered *items;
  *count = 0;
  if (m == 0) return BF_OK;
  bf_status status = bf_order_rising(&items, score, n, err);
  if (status != BF_OK) return status;
  for (int64_t i = n - 1; i >= 0; i--) {
    hit += label[items[i].index] != 0;
    if (i > 0 && items[i - 1].score == items[i].score) continue;
    points[(*count)++] = (bf_recall_point){items[i].score, (double)hit / (double)m, (double)hit / (double)(n - i)};
  }
  bf_free(items);
  return BF_OK;
}

bf_status bf_metrics_average_precision(double *out, const double *score, const uint8_t *label, int64_t n,
                                       bf_error *err) {
  bf_recall_point *points = bf_alloc((size_t)n, sizeof *points);
  int64_t count = 0;
  double sum = 0;
  bf_status status = points != NULL ? bf_metrics_precision_recall(&count, points, score, label, n, err)
                                    : bf_fail(err, BF_E_MEMORY,
                                              "no memory for the precision-recall curve of %lld scores", (long long)n);
  for (int64_t i = 0; i < count; i++)
    sum += (points[i].recall - (i > 0 ? points[i - 1].recall : 0)) * points[i].precision;
  bf_free(points);
  *out = count > 0 ? sum : NAN;
  return status;
}

void bf_metrics_decision_curve(bf_benefit_point *points, const double *thresholds, int count, const double *probability,
                               const uint8_t *label, int64_t n) {
  double m = (double)bf_positives(label, n), all = (double)n;
  for (int k = 0; k < count; k++) {
    double t = thresholds[k], odds = t / (1 - t);
    points[k] = (bf_benefit_point){t, NAN, NAN, NAN};
    if (!(t >= 0 && t < 1) || n <= 0) continue;
    int64_t called = 0, right = 0;
    for (int64_t i = 0; i < n; i++)
      if (probability[i] >= t) called++, right += label[i] != 0;
    points[k].model = (double)right / all - (double)(called - right) / all * odds;
    points[k].all = m / all - (all - m) / all * odds;
    points[k].none = 0;
  }
}

/* ---- thresholds ---- */

/* Half-way, and above `low` all the same where nothing lies between the two or one is infinite. */
static double between(double high, double low) {
  if (high <= low) return high;
  if (isinf(high) || isinf(low)) return isfinite(high) ? high - 1 : isfinite(low) ? low + 1 : 0;
  double middle = 0.5 * high + 0.5 * low;
  return middle > low ? middle : high;
}

/* The threshold that calls what points[i] calls. */
static double threshold_of(const bf_roc_point *points, int64_t count, int64_t i) {
  double here = points[i].threshold, next = i + 1 < count ? points[i + 1].threshold : -INFINITY;
  if (i == 0 && next == INFINITY) return NAN; /* no threshold is above it */
  if (i == 0) return next < 1 && next >= 0 ? between(1, next) : between(INFINITY, next);
  if (i + 1 < count) return between(here, next);
  return here > 0 && isfinite(here) ? 0.5 * here : between(here, -INFINITY);
}

typedef int64_t (*chooser)(const bf_roc_point *points, int64_t count, double target);

static bf_status choose(double *out, const double *score, const uint8_t *label, int64_t n, chooser choice,
                        double target, bf_error *err) {
  bf_roc_point *points = bf_alloc((size_t)n + 1, sizeof *points);
  int64_t count = 0;
  bf_status status = points != NULL
                         ? bf_metrics_roc(&count, points, score, label, n, err)
                         : bf_fail(err, BF_E_MEMORY, "no memory for the ROC curve of %lld scores", (long long)n);
  int64_t chosen = count > 0 ? choice(points, count, target) : -1;
  *out = chosen >= 0 ? threshold_of(points, count, chosen) : NAN;
  bf_free(points);
  return status;
}

static int64_t best_sum(const bf_roc_point *points, int64_t count, double unused) {
  (void)unused;
  int64_t best = 1;
  for (int64_t i = 2; i < count; i++)
    if (points[i].sensitivity + points[i].specificity > points[best].sensitivity + points[best].specificity) best = i;
  return best;
}

static int64_t first_sensitive(const bf_roc_point *points, int64_t count, double target) {
  for (int64_t i = 1; i < count; i++)
    if (points[i].sensitivity >= target - 1e-12 && points[i].sensitivity > 0) return i;
  return -1;
}

static int64_t last_specific(const bf_roc_point *points, int64_t count, double target) {
  for (int64_t i = count - 1; i >= 0; i--)
    if (points[i].specificity >= target - 1e-12) return i;
  return -1;
}

bf_status bf_metrics_youden(double *out, const double *score, const uint8_t *label, int64_t n, bf_error *err) {
  return choose(out, score, label, n, best_sum, 0, err);
}

bf_status bf_metrics_threshold_at_sensitivity(double *out, const double *score, const uint8_t *label, int64_t n,
                                              double target, bf_error *err) {
  return choose(out, score, label, n, first_sensitive, target, err);
}

bf_status bf_metrics_threshold_at_specificity(double *out, const double *score, const uint8_t *label, int64_t n,
                                              double target, bf_error *err) {
  return choose(out, score, label, n, last_specific, target, err);
}

bf_confusion bf_metrics_confusion(const double *score, const uint8_t *label, int64_t n, double threshold) {
  bf_confusion c = {0};
  for (int64_t i = 0; i < n; i++) {
    bool called = score[i] >= threshold;
    if (label[i])
      *(called ? &c.true_positive : &c.false_negative) += 1;
    else
      *(called ? &c.false_positive : &c.true_negative) += 1;
  }
  c.sensitivity = bf_metrics_share(c.true_positive, c.true_positive + c.false_negative);
  c.specificity = bf_metrics_share(c.true_negative, c.true_negative + c.false_positive);
  c.positive_predictive = bf_metrics_share(c.true_positive, c.true_positive + c.false_positive);
  c.negative_predictive = bf_metrics_share(c.true_negative, c.true_negative + c.false_negative);
  return c;
}

/* `right` of those called so are right, and `wrong` are not; variance: of the logarithm of right/wrong. */
static double predictive(bf_interval *interval, double right, double wrong, double variance) {
  double logit = log(right / wrong), reach = BF_Z95 * sqrt(variance);
  *interval = (bf_interval){1 / (1 + exp(reach - logit)), 1 / (1 + exp(-reach - logit))};
  return right + wrong > 0 ? right / (right + wrong) : NAN;
}

bf_predictive bf_metrics_predictive_at(const bf_confusion *c, double prevalence) {
  double sensitivity = c->sensitivity.value, specificity = c->specificity.value, healthy = 1 - prevalence,
         m = (double)c->sensitivity.n, k = (double)c->specificity.n;
  bool inside = sensitivity > 0 && sensitivity < 1 && specificity > 0 && specificity < 1;
  bf_predictive p;
  p.positive = predictive(&p.positive_interval, sensitivity * prevalence, (1 - specificity) * healthy,
                          (1 - sensitivity) / (sensitivity * m) + specificity / ((1 - specificity) * k));
  p.negative = predictive(&p.negative_interval, specificity * healthy, (1 - sensitivity) * prevalence,
                          sensitivity / ((1 - sensitivity) * m) + (1 - specificity) / (specificity * k));
  if (!inside) p.positive_interval = p.negative_interval = (bf_interval){NAN, NAN};
  return p;
}

/* ---- ranks ---- */

/* A probability may lie this far off what its neighbours' logits let expect, by rounding. */
static const double rounding = 1e-6;

bf_status bf_metrics_ranked_by_logits(bool *by_logits, const double *logit, const double *probability, int64_t n,
                                      bf_error *err) {
  bf_ordered *order;
  double most = -INFINITY;
  *by_logits = true;
  for (int64_t i = 0; i < n && *by_logits; i++) *by_logits = isfinite(logit[i]);
  if (!*by_logits) return BF_OK;
  bf_status status = bf_order_rising(&order, logit, n, err);
  if (status != BF_OK) return status;
  for (int64_t i = 0; i < n; i++) {
    double here = probability[order[i].index];
    if (here < most - rounding) *by_logits = false;
    most = fmax(most, here);
  }
  bf_free(order);
  return BF_OK;
}
