/* Brier score, log loss, ECE and excess of drawn clusters. */
#include <math.h>

#include "base/memory.h"
#include "metrics/calibration.h"
#include "metrics/drawn.h"
#include "metrics/weigh.h"

static bool alloc_all(bf_calibrated *c, int64_t n) {
  c->cluster = bf_alloc((size_t)n, sizeof *c->cluster);
  c->excess = bf_alloc((size_t)n, sizeof *c->excess);
  c->loss = bf_alloc((size_t)n, sizeof *c->loss);
  c->bin_end = bf_alloc((size_t)c->bins, sizeof *c->bin_end);
  return c->cluster && c->excess && c->loss && c->bin_end;
}

bf_status bf_calibrated_make(bf_calibrated *out, const double *probability, const uint8_t *label,
                             const int32_t *cluster, int64_t n, int64_t clusters, int bins, bf_error *err) {
  (void)clusters; /* sums are over images */
  *out = (bf_calibrated){.bins = bins};
  if (bins < 1) return bf_fail(err, BF_E_ARGUMENT, "a calibration error of %d bins; at least one is needed", bins);
  if (!alloc_all(out, n)) {
    bf_calibrated_clear(out);
    return bf_fail(err, BF_E_MEMORY, "no memory for the calibration of %lld probabilities", (long long)n);
  }
  for (int64_t i = 0; i < n; i++) out->bin_end[bf_metrics_bin(probability[i], bins)]++;
  bf_counts_to_starts(out->bin_end, bins);
  for (int64_t i = 0; i < n; i++) {
    int64_t at = out->bin_end[bf_metrics_bin(probability[i], bins)]++;
    out->cluster[at] = (int32_t)bf_cluster_of(cluster, i);
    out->excess[at] = probability[i] - (label[i] != 0);
    out->loss[at] = bf_metrics_log_loss_of(probability[i], label[i] != 0);
  }
  return BF_OK;
}

void bf_calibrated_clear(bf_calibrated *c) {
  bf_free(c->cluster);
  bf_free(c->excess);
  bf_free(c->loss);
  bf_free(c->bin_end);
  *c = (bf_calibrated){0};
}

/* Four sums at a time, as in weigh.h. */
enum { lanes = 4 };
typedef struct sums {
  double excess[lanes], squares[lanes], loss[lanes];
  uint64_t n;
} sums;

static void add(sums *s, const bf_calibrated *c, const uint32_t *times, int64_t i, int lane) {
  uint32_t drawn = times[c->cluster[i]];
  double excess = c->excess[i] * drawn;
  s->n += drawn;
  s->excess[lane] += excess;
  s->squares[lane] += excess * c->excess[i];
  s->loss[lane] += c->loss[i] * drawn;
}

static double total(const double *sum) { return (sum[0] + sum[1]) + (sum[2] + sum[3]); }

void bf_calibrated_figures(double *out, const void *calibrated, const uint32_t *times) {
  const bf_calibrated *c = calibrated;
  double squares = 0, loss = 0, excess = 0, error = 0, n = 0;
  int64_t i = 0;
  for (int b = 0; b < c->bins; b++) {
    sums s = {0};
    for (; i + lanes <= c->bin_end[b]; i += lanes)
      for (int lane = 0; lane < lanes; lane++) add(&s, c, times, i + lane, lane);
    for (; i < c->bin_end[b]; i++) add(&s, c, times, i, 0);
    n += (double)s.n;
    squares += total(s.squares);
    loss += total(s.loss);
    excess += total(s.excess);
    error += fabs(total(s.excess));
  }
  /* 0/0 where nothing was drawn. */
  out[BF_CALIBRATED_BRIER] = squares / n;
  out[BF_CALIBRATED_LOG_LOSS] = loss / n;
  out[BF_CALIBRATED_ECE] = error / n;
  out[BF_CALIBRATED_EXCESS] = excess / n;
}
