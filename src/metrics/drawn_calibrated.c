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

void bf_calibrated_figures(double *out, const void *calibrated, const uint16_t *times) {
  const bf_calibrated *c = calibrated;
  double squares[BF_DRAWS] = {0}, loss[BF_DRAWS] = {0}, excess[BF_DRAWS] = {0}, error[BF_DRAWS] = {0},
         n[BF_DRAWS] = {0};
  int64_t i = 0;
  for (int b = 0; b < c->bins; b++) {
    double of_bin[BF_DRAWS] = {0};
    for (; i < c->bin_end[b]; i++) {
      const uint16_t *drawn = bf_drawn_times(times, c->cluster[i]);
      bf_count(n, drawn);
      bf_weigh(of_bin, drawn, c->excess[i]);
      bf_weigh(squares, drawn, c->excess[i] * c->excess[i]);
      bf_weigh(loss, drawn, c->loss[i]);
    }
    for (int d = 0; d < BF_DRAWS; d++) excess[d] += of_bin[d], error[d] += fabs(of_bin[d]);
  }
  /* 0/0 where nothing was drawn. */
  for (int d = 0; d < BF_DRAWS; d++) {
    out[BF_CALIBRATED_BRIER * BF_DRAWS + d] = squares[d] / n[d];
    out[BF_CALIBRATED_LOG_LOSS * BF_DRAWS + d] = loss[d] / n[d];
    out[BF_CALIBRATED_ECE * BF_DRAWS + d] = error[d] / n[d];
    out[BF_CALIBRATED_EXCESS * BF_DRAWS + d] = excess[d] / n[d];
  }
}
