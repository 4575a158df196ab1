/* Areas under the ROC curve and how sure they are: DeLong's method. */
#include <math.h>

#include "base/memory.h"
#include "metrics/classification.h"
#include "metrics/order.h"

/* rank[i]: 1-based, ties share their mean. */
static bf_status midranks(double *rank, const double *score, int64_t n, bf_error *err) {
  bf_ordered *items;
  bf_status status = bf_order_rising(&items, score, n, err);
  if (status != BF_OK) return status;
  for (int64_t i = 0; i < n;) {
    int64_t j = i;
    while (j < n && items[j].score == items[i].score) j++;
    for (int64_t k = i; k < j; k++) rank[items[k].index] = 0.5 * (double)(i + j - 1) + 1;
    i = j;
  }
  bf_free(items);
  return BF_OK;
}

/* Each positive's share of negatives below it, and each negative's share of positives above it: DeLong's structural
 * components, in the order of the input. *out[n] is freed with bf_free, whatever came. */
static bf_status components(double **out, const double *score, const uint8_t *label, int64_t n, bf_error *err) {
  int64_t m = bf_positives(label, n), k = n - m;
  double *part = *out = bf_alloc((size_t)n, sizeof *part), *group = bf_alloc((size_t)n, sizeof *group),
         *all = bf_alloc((size_t)n, sizeof *all), *within = bf_alloc((size_t)n, sizeof *within);
  bf_status status = part && group && all && within
                         ? midranks(all, score, n, err)
                         : bf_fail(err, BF_E_MEMORY, "no memory for the AUC of %lld scores", (long long)n);
  for (int which = 0; which < 2 && status == BF_OK; which++) {
    int64_t size = 0;
    for (int64_t i = 0; i < n; i++)
      if ((label[i] != 0) == which) group[size++] = score[i];
    status = midranks(within, group, size, err);
    size = 0;
    for (int64_t i = 0; i < n && status == BF_OK; i++)
      if ((label[i] != 0) == which) {
        double below = (all[i] - within[size++]) / (double)(which ? k : m);
        part[i] = which ? below : 1 - below;
      }
  }
  bf_free(group);
  bf_free(all);
  bf_free(within);
  return status;
}

static double mean_of(const double *part, const uint8_t *label, int64_t n, int which) {
  double sum = 0;
  int64_t count = 0;
  for (int64_t i = 0; i < n; i++)
    if ((label[i] != 0) == which) sum += part[i], count++;
  return sum / (double)count;
}

/* Variance of the mean of a class's components. */
static double variance_of(const double *part, const uint8_t *label, int64_t n, int which) {
  double mean = mean_of(part, label, n, which), sum = 0;
  int64_t count = 0;
  for (int64_t i = 0; i < n; i++)
    if ((label[i] != 0) == which) sum += (part[i] - mean) * (part[i] - mean), count++;
  return count > 1 ? sum / (double)(count - 1) / (double)count : NAN;
}

static bf_interval auc_interval(double value, double variance) {
  double deviation = sqrt(variance);
  if (!(variance > 0) || value <= 0 || value >= 1) return (bf_interval){NAN, NAN};
  double logit = log(value / (1 - value)), reach = BF_Z95 * deviation / (value * (1 - value));
  return (bf_interval){1 / (1 + exp(reach - logit)), 1 / (1 + exp(-reach - logit))};
}

bf_status bf_metrics_auc(bf_auc *out, const double *score, const uint8_t *label, int64_t n, bf_error *err) {
  *out = (bf_auc){NAN, NAN, {NAN, NAN}};
  int64_t m = bf_positives(label, n);
  if (m == 0 || m == n) return BF_OK;
  double *part;
  bf_status status = components(&part, score, label, n, err);
  if (status == BF_OK) {
    out->value = mean_of(part, label, n, 1);
    out->variance = variance_of(part, label, n, 1) + variance_of(part, label, n, 0);
    out->interval = auc_interval(out->value, out->variance);
  }
  bf_free(part);
  return status;
}

/* That a difference of mean 0 and this deviation is as far from 0 as `value`, on either side. */
static double two_sided(double value, double deviation) {
  if (isnan(deviation)) return NAN;
  if (deviation > 0) return erfc(fabs(value) / deviation / sqrt(2.0));
  /* Nothing varies: of equal answers that is no difference, of others it tells nothing. */
  return value == 0 ? 1 : NAN;
}

bf_status bf_metrics_auc_paired(bf_auc_difference *out, const double *a, const double *b, const uint8_t *label,
                                int64_t n, bf_error *err) {
  *out = (bf_auc_difference){NAN, NAN, NAN, {NAN, NAN}};
  int64_t m = bf_positives(label, n);
  if (m == 0 || m == n) return BF_OK;
  double *x, *y = NULL;
  bf_status status = components(&x, a, label, n, err);
  if (status == BF_OK) status = components(&y, b, label, n, err);
  if (status == BF_OK) {
    for (int64_t i = 0; i < n; i++) x[i] -= y[i];
    out->value = mean_of(x, label, n, 1);
    out->variance = variance_of(x, label, n, 1) + variance_of(x, label, n, 0);
    double deviation = sqrt(out->variance);
    if (deviation > 0 || out->value == 0)
      out->interval = (bf_interval){out->value - BF_Z95 * deviation, out->value + BF_Z95 * deviation};
    out->p_value = two_sided(out->value, deviation);
  }
  bf_free(x);
  bf_free(y);
  return status;
}

/* Left of `most`, a share of the negatives. */
static double area_left_of(double most, const bf_roc_point *points, int64_t count) {
  double area = 0;
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
  return area;
}

bf_status bf_metrics_partial_auc(double *out, const double *score, const uint8_t *label, int64_t n, double most,
                                 bf_error *err) {
  int64_t count = 0;
  double chance = most * most / 2;
  *out = NAN;
  if (!(most > 0 && most <= 1)) return BF_OK;
  bf_roc_point *points = bf_alloc((size_t)n + 1, sizeof *points);
  bf_status status = points != NULL
                         ? bf_metrics_roc(&count, points, score, label, n, err)
                         : bf_fail(err, BF_E_MEMORY, "no memory for the ROC curve of %lld scores", (long long)n);
  if (count > 0) *out = 0.5 * (1 + (area_left_of(most, points, count) - chance) / (most - chance));
  bf_free(points);
  return status;
}
