/* ROC, DeLong, thresholds, average precision and calibration. */
#include <math.h>
#include <stdlib.h>

#include "base/memory.h"
#include "metrics/metrics.h"

static const double z95 = 1.959963984540054;

typedef struct item {
  double score;
  int64_t index;
} item;

static int rising(const void *a, const void *b) {
  const item *x = a, *y = b;
  if (x->score != y->score) return x->score < y->score ? -1 : 1;
  return (x->index > y->index) - (x->index < y->index);
}

static item *sorted(const double *score, int64_t n) {
  item *items = bf_alloc((size_t)n, sizeof *items);
  if (items == NULL) return NULL;
  for (int64_t i = 0; i < n; i++) items[i] = (item){score[i], i};
  qsort(items, (size_t)n, sizeof *items, rising);
  return items;
}

/* rank[i]: 1-based, ties share their mean. */
static bool midranks(double *rank, const double *score, int64_t n) {
  item *items = sorted(score, n);
  if (items == NULL) return false;
  for (int64_t i = 0; i < n;) {
    int64_t j = i;
    while (j < n && items[j].score == items[i].score) j++;
    for (int64_t k = i; k < j; k++) rank[items[k].index] = 0.5 * (double)(i + j - 1) + 1;
    i = j;
  }
  bf_free(items);
  return true;
}

static int64_t positives(const uint8_t *label, int64_t n) {
  int64_t count = 0;
  for (int64_t i = 0; i < n; i++) count += label[i] != 0;
  return count;
}

/* Each positive's share of negatives below it, and each negative's share of positives above it: DeLong's structural
 * components, in the order of the input. */
static bool components(double *part, const double *score, const uint8_t *label, int64_t n) {
  int64_t m = positives(label, n), k = n - m;
  double *group = bf_alloc((size_t)n, sizeof *group), *all = bf_alloc((size_t)n, sizeof *all),
         *within = bf_alloc((size_t)n, sizeof *within);
  bool good = group != NULL && all != NULL && within != NULL && midranks(all, score, n);
  for (int which = 0; which < 2 && good; which++) {
    int64_t size = 0;
    for (int64_t i = 0; i < n; i++)
      if ((label[i] != 0) == which) group[size++] = score[i];
    good = midranks(within, group, size);
    size = 0;
    for (int64_t i = 0; i < n && good; i++)
      if ((label[i] != 0) == which) {
        double below = (all[i] - within[size++]) / (double)(which ? k : m);
        part[i] = which ? below : 1 - below;
      }
  }
  bf_free(group);
  bf_free(all);
  bf_free(within);
  return good;
}

static double mean_of(const double *part, const uint8_t *label, int64_t n, int which) {
  double sum = 0;
  int64_t count = 0;
  for (int64_t i = 0; i < n; i++)
    if ((label[i] != 0) == which) sum += part[i], count++;
  return sum / (double)count;
}

static double covariance(const double *a, const double *b, const uint8_t *label, int64_t n, int which) {
  double ma = mean_of(a, label, n, which), mb = mean_of(b, label, n, which), sum = 0;
  int64_t count = 0;
  for (int64_t i = 0; i < n; i++)
    if ((label[i] != 0) == which) sum += (a[i] - ma) * (b[i] - mb), count++;
  return count > 1 ? sum / (double)(count - 1) / (double)count : NAN;
}

static bf_interval auc_interval(double value, double variance) {
  double deviation = sqrt(variance);
  if (isnan(value) || isnan(variance)) return (bf_interval){NAN, NAN};
  if (value <= 0 || value >= 1)
    return (bf_interval){fmax(0, value - z95 * deviation), fmin(1, value + z95 * deviation)};
  double logit = log(value / (1 - value)), reach = z95 * deviation / (value * (1 - value));
  return (bf_interval){1 / (1 + exp(reach - logit)), 1 / (1 + exp(-reach - logit))};
}

bf_status bf_metrics_auc(bf_auc *out, const double *score, const uint8_t *label, int64_t n, bf_error *err) {
  *out = (bf_auc){NAN, NAN, {NAN, NAN}};
  int64_t m = positives(label, n);
  if (m == 0 || m == n) return BF_OK;
  double *part = bf_alloc((size_t)n, sizeof *part);
  if (part == NULL || !components(part, score, label, n)) {
    bf_free(part);
    return bf_fail(err, BF_E_MEMORY, "no memory for the AUC of %lld scores", (long long)n);
  }
  out->value = mean_of(part, label, n, 1);
  out->variance = covariance(part, part, label, n, 1) + covariance(part, part, label, n, 0);
  out->interval = auc_interval(out->value, out->variance);
  bf_free(part);
  return BF_OK;
}

bf_status bf_metrics_auc_paired(bf_auc_difference *out, const double *a, const double *b, const uint8_t *label,
                                int64_t n, bf_error *err) {
  *out = (bf_auc_difference){NAN, NAN, NAN, {NAN, NAN}};
  int64_t m = positives(label, n);
  if (m == 0 || m == n) return BF_OK;
  double *x = bf_alloc((size_t)n, sizeof *x), *y = bf_alloc((size_t)n, sizeof *y);
  bf_status status = BF_OK;
  if (x == NULL || y == NULL || !components(x, a, label, n) || !components(y, b, label, n)) {
    status = bf_fail(err, BF_E_MEMORY, "no memory to compare the AUCs of %lld scores", (long long)n);
  } else {
    for (int64_t i = 0; i < n; i++) x[i] -= y[i];
    out->value = mean_of(x, label, n, 1);
    out->variance = covariance(x, x, label, n, 1) + covariance(x, x, label, n, 0);
    double deviation = sqrt(out->variance);
    out->interval = (bf_interval){out->value - z95 * deviation, out->value + z95 * deviation};
    out->p_value = deviation > 0 ? erfc(fabs(out->value) / deviation / sqrt(2.0)) : out->value == 0 ? 1 : 0;
  }
  bf_free(x);
  bf_free(y);
  return status;
}

int64_t bf_metrics_roc(bf_roc_point *points, const double *score, const uint8_t *label, int64_t n) {
  int64_t m = positives(label, n), k = n - m, count = 0, hit = 0, false_hit = 0;
  if (m == 0 || k == 0) return 0;
  item *items = sorted(score, n);
  if (items == NULL) return 0;
  points[count++] = (bf_roc_point){INFINITY, 0, 1};
  for (int64_t i = n - 1; i >= 0; i--) {
    if (label[items[i].index])
      hit++;
    else
      false_hit++;
    if (i > 0 && items[i - 1].score == items[i].score) continue;
    points[count++] = (bf_roc_point){items[i].score, (double)hit / (double)m, 1 - (double)false_hit / (double)k};
  }
  bf_free(items);
  return count;
}

double bf_metrics_partial_auc(const double *score, const uint8_t *label, int64_t n, double most) {
  bf_roc_point *points = most > 0 && most <= 1 ? bf_alloc((size_t)n + 1, sizeof *points) : NULL;
  int64_t count = points == NULL ? 0 : bf_metrics_roc(points, score, label, n);
  double area = 0, chance = most * most / 2;
  for (int64_t i = 1; i < count; i++) {
    double x0 = 1 - points[i - 1].specificity, x1 = 1 - points[i].specificity, y0 = points[i - 1].sensitivity,
           y1 = points[i].sensitivity;
    if (x0 >= most) break;
    if (x1 > most) {
      y1 = y0 + (y1 - y0) * (most - x0) / (x1 - x0);
      x1 = most;
    }
    area += (x1 - x0) * (y0 + y1) / 2;
  }
  bf_free(points);
  return count == 0 ? NAN : 0.5 * (1 + (area - chance) / (most - chance));
}

bf_share bf_metrics_share(int64_t k, int64_t n) {
  if (n <= 0) return (bf_share){NAN, {NAN, NAN}, k, n};
  double p = (double)k / (double)n, z2 = z95 * z95, size = (double)n;
  double centre = (p + z2 / (2 * size)) / (1 + z2 / size);
  double reach = z95 * sqrt(p * (1 - p) / size + z2 / (4 * size * size)) / (1 + z2 / size);
  return (bf_share){p, {fmax(0, centre - reach), fmin(1, centre + reach)}, k, n};
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

/* Half-way from point i to the next lower score, so that a threshold does not sit on a score and rounding moves nobody
 * across it; below the lowest one half-way to 0 (scores above 0), or one less. */
static double between(const bf_roc_point *points, int64_t count, int64_t i) {
  double here = points[i].threshold;
  if (i + 1 < count) return 0.5 * (here + points[i + 1].threshold);
  return here > 0 ? 0.5 * here : here - 1;
}

static double choose(const double *score, const uint8_t *label, int64_t n, double target) {
  bf_roc_point *points = bf_alloc((size_t)n + 1, sizeof *points);
  double chosen = NAN, best = -1;
  int64_t count = points == NULL ? 0 : bf_metrics_roc(points, score, label, n);
  for (int64_t i = 1; i < count; i++) {
    double worth = target > 0 ? points[i].sensitivity >= target - 1e-12 : points[i].sensitivity + points[i].specificity;
    if (worth <= best || (target > 0 && worth == 0)) continue;
    best = worth;
    chosen = between(points, count, i);
  }
  bf_free(points);
  return chosen;
}

double bf_metrics_youden(const double *score, const uint8_t *label, int64_t n) { return choose(score, label, n, 0); }

double bf_metrics_threshold_at_sensitivity(const double *score, const uint8_t *label, int64_t n, double target) {
  return choose(score, label, n, target > 0 ? target : 1e-9);
}

double bf_metrics_average_precision(const double *score, const uint8_t *label, int64_t n) {
  int64_t m = positives(label, n), hit = 0;
  if (m == 0) return NAN;
  item *items = sorted(score, n);
  if (items == NULL) return NAN;
  double sum = 0;
  int64_t before = 0;
  for (int64_t i = n - 1; i >= 0; i--) {
    hit += label[items[i].index] != 0;
    if (i > 0 && items[i - 1].score == items[i].score) continue;
    sum += (double)(hit - before) * (double)hit / (double)(n - i);
    before = hit;
  }
  bf_free(items);
  return sum / (double)m;
}

double bf_metrics_ece(const double *probability, const uint8_t *label, int64_t n, int bins) {
  if (n == 0 || bins < 1) return NAN;
  double sum = 0;
  for (int b = 0; b < bins; b++) {
    double difference = 0;
    for (int64_t i = 0; i < n; i++) {
      int bin = (int)(probability[i] * bins);
      if ((bin < bins ? bin : bins - 1) == b) difference += probability[i] - (label[i] != 0);
    }
    sum += fabs(difference);
  }
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
  for (int64_t i = 0; i < n; i++) {
    double p = fmin(fmax(probability[i], 1e-15), 1 - 1e-15);
    sum -= label[i] ? log(p) : log1p(-p);
  }
  return n > 0 ? sum / (double)n : NAN;
}
