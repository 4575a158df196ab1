/* Resampling, and figures with weights. */
#include "metrics/bootstrap.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "base/rng.h"

typedef struct scored {
  double score;
  int64_t index;
  uint8_t label;
} scored;

static int rising(const void *a, const void *b) {
  const scored *x = a, *y = b;
  if (x->score != y->score) return x->score < y->score ? -1 : 1;
  return (x->index > y->index) - (x->index < y->index);
}

bf_status bf_auc_data_make(bf_auc_data *out, const double *score, const uint8_t *label, int64_t n, bf_error *err) {
  scored *all = bf_alloc((size_t)n, sizeof *all);
  *out = (bf_auc_data){bf_alloc((size_t)n, sizeof(double)), bf_alloc((size_t)n, sizeof(int64_t)),
                       bf_alloc((size_t)n, 1), n};
  if (all == NULL || out->score == NULL || out->index == NULL || out->label == NULL) {
    bf_free(all);
    bf_auc_data_clear(out);
    return bf_fail(err, BF_E_MEMORY, "no memory for %lld scores", (long long)n);
  }
  for (int64_t i = 0; i < n; i++) all[i] = (scored){score[i], i, label[i] != 0};
  qsort(all, (size_t)n, sizeof *all, rising);
  for (int64_t i = 0; i < n; i++)
    out->score[i] = all[i].score, out->index[i] = all[i].index, out->label[i] = all[i].label;
  bf_free(all);
  return BF_OK;
}

void bf_auc_data_clear(bf_auc_data *data) {
  bf_free(data->score);
  bf_free(data->index);
  bf_free(data->label);
  *data = (bf_auc_data){0};
}

double bf_auc_weighted(const void *auc_data, const double *weight) {
  const bf_auc_data *d = auc_data;
  double below = 0, positive = 0, area = 0; /* below: negatives with a lower score */
  for (int64_t i = 0; i < d->n;) {
    double tied[2] = {0, 0};
    int64_t k = i;
    for (; k < d->n && d->score[k] == d->score[i]; k++) tied[d->label[k]] += weight[d->index[k]];
    area += tied[1] * (below + tied[0] / 2);
    below += tied[0];
    positive += tied[1];
    i = k;
  }
  return positive > 0 && below > 0 ? area / (positive * below) : NAN;
}

double bf_froc_weighted(const void *froc_data, const double *weight) {
  const bf_froc_data *d = froc_data;
  const bf_matching *m = d->matching;
  double images = 0, lesions = 0, hits = 0, false_hits = 0, best = 0;
  for (int64_t i = 0; i < m->images; i++) images += weight[i], lesions += weight[i] * (double)d->lesions[i];
  if (!(lesions > 0)) return NAN;
  for (int64_t i = 0; i < m->count; i++) {
    const bf_verdict *v = &m->verdicts[i];
    if (v->hit)
      hits += weight[v->image];
    else
      false_hits += weight[v->image];
    if (false_hits > d->rate * images + 1e-9) break;
    if (i + 1 == m->count || m->verdicts[i + 1].score != v->score) best = hits;
  }
  return best / lesions;
}

double bf_mean_weighted(const void *mean_data, const double *weight) {
  const bf_mean_data *d = mean_data;
  double sum = 0, all = 0;
  for (int64_t i = 0; i < d->n; i++)
    if (!isnan(d->value[i])) sum += weight[i] * d->value[i], all += weight[i];
  return all > 0 ? sum / all : NAN;
}

/* ---- resampling ---- */

static void draw(double *weight, int64_t *times, const int64_t *cluster, int64_t n, int64_t clusters, uint64_t seed,
                 int resample) {
  bf_rng rng = bf_rng_make(seed, UINT64_C(0x626f6f74), (uint64_t)resample);
  memset(times, 0, (size_t)clusters * sizeof *times);
  for (int64_t k = 0; k < clusters; k++) times[bf_rng_below(&rng, (uint64_t)clusters)]++;
  for (int64_t i = 0; i < n; i++) weight[i] = (double)times[cluster[i]];
}

static int by_value(const void *a, const void *b) {
  double x = *(const double *)a, y = *(const double *)b;
  return (x > y) - (x < y);
}

/* Between the two nearest of `count` sorted numbers. */
static double percentile(const double *sorted, int count, double share) {
  double at = share * (count - 1);
  int below = (int)at;
  if (below + 1 >= count) return sorted[count - 1];
  return sorted[below] + (at - below) * (sorted[below + 1] - sorted[below]);
}

bf_status bf_metrics_paired(bf_paired *out, bf_weighted_figure figure, const void *a, const void *b,
                            const int64_t *cluster, int64_t n, int64_t clusters, int resamples, uint64_t seed,
                            bf_error *err) {
  *out = (bf_paired){NAN, NAN, NAN, {NAN, NAN}, 0};
  double *weight = bf_alloc((size_t)n, sizeof *weight), *found = bf_alloc((size_t)resamples, sizeof *found);
  int64_t *times = bf_alloc((size_t)clusters, sizeof *times);
  bf_status status = weight && found && times ? BF_OK : bf_fail(err, BF_E_MEMORY, "no memory to resample");
  for (int64_t i = 0; i < n && status == BF_OK; i++) weight[i] = 1;
  if (status == BF_OK) {
    out->a = figure(a, weight);
    out->b = figure(b, weight);
    out->difference = out->a - out->b;
  }
  for (int r = 0; r < resamples && status == BF_OK && clusters > 1; r++) {
    draw(weight, times, cluster, n, clusters, seed, r);
    double difference = figure(a, weight) - figure(b, weight);
    if (!isnan(difference)) found[out->resamples++] = difference;
  }
  if (status == BF_OK && out->resamples > 0 && out->resamples >= resamples / 2) {
    qsort(found, (size_t)out->resamples, sizeof *found, by_value);
    out->interval = (bf_interval){percentile(found, out->resamples, 0.025), percentile(found, out->resamples, 0.975)};
  }
  bf_free(weight);
  bf_free(found);
  bf_free(times);
  return status;
}

/* A figure beside nothing, so that the difference of the two is the figure itself. */
typedef struct alone {
  bf_weighted_figure figure; /* NULL: nothing */
  const void *data;
} alone;

static double figure_alone(const void *data, const double *weight) {
  const alone *a = data;
  return a->figure != NULL ? a->figure(a->data, weight) : 0;
}

bf_status bf_metrics_resampled(double *value, bf_interval *interval, bf_weighted_figure figure, const void *data,
                               const int64_t *cluster, int64_t n, int64_t clusters, int resamples, uint64_t seed,
                               bf_error *err) {
  bf_paired found;
  const alone one = {figure, data}, nothing = {0};
  bf_status status =
      bf_metrics_paired(&found, figure_alone, &one, &nothing, cluster, n, clusters, resamples, seed, err);
  *value = found.a;
  *interval = found.interval;
  return status;
}
