/* Means over images of drawn clusters. */
#include <math.h>

#include "base/memory.h"
#include "metrics/drawn.h"
#include "metrics/weigh.h"

bf_status bf_means_make(bf_means *out, const double *const *values, int columns, const int32_t *cluster, int64_t n,
                        int64_t clusters, bf_error *err) {
  size_t cells = (size_t)columns * (size_t)clusters;
  *out = (bf_means){bf_alloc(cells, sizeof *out->sums), bf_alloc(cells, sizeof *out->have), clusters, columns};
  if (out->sums == NULL || out->have == NULL) {
    bf_means_clear(out);
    return bf_fail(err, BF_E_MEMORY, "no memory for the means of %lld clusters", (long long)clusters);
  }
  for (int column = 0; column < columns; column++)
    for (int64_t i = 0; i < n; i++) {
      if (isnan(values[column][i])) continue;
      int64_t cell = column * clusters + bf_cluster_of(cluster, i);
      out->sums[cell] += values[column][i];
      out->have[cell]++;
    }
  return BF_OK;
}

void bf_means_clear(bf_means *m) {
  bf_free(m->sums);
  bf_free(m->have);
  *m = (bf_means){0};
}

void bf_means_figures(double *out, const void *means, const uint16_t *times) {
  const bf_means *m = means;
  for (int column = 0; column < m->columns; column++) {
    const double *sums = m->sums + column * m->clusters;
    const uint32_t *have = m->have + column * m->clusters;
    double sum[BF_DRAWS] = {0}, count[BF_DRAWS] = {0};
    for (int64_t c = 0; c < m->clusters; c++) {
      const uint16_t *drawn = bf_drawn_times(times, c);
      bf_weigh(sum, drawn, sums[c]);
      bf_weigh(count, drawn, have[c]);
    }
    for (int d = 0; d < BF_DRAWS; d++) out[column * BF_DRAWS + d] = count[d] > 0 ? sum[d] / count[d] : NAN;
  }
}
