/* Brier score, log loss, ECE and excess of drawn clusters. */
#include <math.h>
#include <stdlib.h>

#include "base/memory.h"
#include "metrics/calibration.h"
#include "metrics/drawn.h"
#include "metrics/weigh.h"

typedef struct binned {
  double excess;
  int64_t cluster;
  int bin;
} binned;

/* By bin, in a bin by cluster: a draw is then read in its order. */
static int by_bin(const void *a, const void *b) {
  const binned *x = a, *y = b;
  if (x->bin != y->bin) return x->bin - y->bin;
  if (x->cluster != y->cluster) return x->cluster < y->cluster ? -1 : 1;
  return (x->excess > y->excess) - (x->excess < y->excess);
}

/* A cluster's images of one bin make one item. */
static void take_items(bf_calibrated *c, binned *all, int64_t n) {
  qsort(all, (size_t)n, sizeof *all, by_bin);
  int64_t count = 0;
  for (int64_t i = 0; i < n; i++) {
    bool new = i == 0 || all[i].bin != all[i - 1].bin || all[i].cluster != all[i - 1].cluster;
    if (new) c->item_cluster[count++] = (int32_t)all[i].cluster;
    c->item_excess[count - 1] += all[i].excess;
    c->bin_end[all[i].bin] = count;
  }
  for (int b = 1; b < c->bins; b++)
    if (c->bin_end[b] < c->bin_end[b - 1]) c->bin_end[b] = c->bin_end[b - 1]; /* empty */
}

static void take_image(bf_calibrated *c, binned *item, double probability, bool positive, int64_t cluster) {
  double excess = probability - positive;
  *item = (binned){excess, cluster, bf_metrics_bin(probability, c->bins)};
  c->all[cluster]++;
  c->sums[cluster] += excess * excess;
  c->sums[c->clusters + cluster] += bf_metrics_log_loss_of(probability, positive);
  c->sums[2 * c->clusters + cluster] += excess;
}

static bool alloc_all(bf_calibrated *c, int64_t n) {
  c->sums = bf_alloc((size_t)c->clusters, 3 * sizeof *c->sums);
  c->all = bf_alloc((size_t)c->clusters, sizeof *c->all);
  c->bin_end = bf_alloc((size_t)c->bins, sizeof *c->bin_end);
  c->item_cluster = bf_alloc((size_t)n, sizeof *c->item_cluster);
  c->item_excess = bf_alloc((size_t)n, sizeof *c->item_excess);
  return c->sums && c->all && c->bin_end && c->item_cluster && c->item_excess;
}

bf_status bf_calibrated_make(bf_calibrated *out, const double *probability, const uint8_t *label,
                             const int32_t *cluster, int64_t n, int64_t clusters, int bins, bf_error *err) {
  *out = (bf_calibrated){.clusters = clusters, .bins = bins};
  if (bins < 1) return bf_fail(err, BF_E_ARGUMENT, "a calibration error of %d bins; at least one is needed", bins);
  binned *all = bf_alloc((size_t)n, sizeof *all);
  if (!alloc_all(out, n) || all == NULL) {
    bf_free(all);
    bf_calibrated_clear(out);
    return bf_fail(err, BF_E_MEMORY, "no memory for the calibration of %lld probabilities", (long long)n);
  }
  for (int64_t i = 0; i < n; i++) take_image(out, &all[i], probability[i], label[i] != 0, bf_cluster_of(cluster, i));
  take_items(out, all, n);
  bf_free(all);
  return BF_OK;
}

void bf_calibrated_clear(bf_calibrated *c) {
  bf_free(c->sums);
  bf_free(c->all);
  bf_free(c->bin_end);
  bf_free(c->item_cluster);
  bf_free(c->item_excess);
  *c = (bf_calibrated){0};
}

void bf_calibrated_figures(double *out, const void *calibrated, const uint32_t *times) {
  static const int figure[] = {BF_CALIBRATED_BRIER, BF_CALIBRATED_LOG_LOSS, BF_CALIBRATED_EXCESS};
  const bf_calibrated *c = calibrated;
  double n = (double)bf_weigh_counts(c->all, times, c->clusters), ece = 0;
  for (int k = 0; k < 3; k++)
    out[figure[k]] = n > 0 ? bf_weigh(c->sums + k * c->clusters, times, c->clusters) / n : NAN;
  for (int64_t b = 0, from = 0; b < c->bins; from = c->bin_end[b++])
    ece += fabs(bf_weigh_items(c->item_excess + from, c->item_cluster + from, times, c->bin_end[b] - from));
  out[BF_CALIBRATED_ECE] = n > 0 ? ece / n : NAN;
}
