/* Medians over images of drawn clusters. */
#include <math.h>

#include "base/memory.h"
#include "metrics/drawn.h"
#include "metrics/order.h"
#include "metrics/weigh.h"

/* Of images that have a number: what they have and which they are. */
static int64_t have_number(double *number, int64_t *image, const double *values, int64_t n) {
  int64_t count = 0;
  for (int64_t i = 0; i < n; i++) {
    if (isnan(values[i])) continue;
    number[count] = values[i];
    image[count++] = i;
  }
  return count;
}

/* Appends a column of n, none of them NaN. */
static bf_status append(bf_medians *d, uint32_t *have, int64_t *used, const double *number, const int64_t *image,
                        int64_t n, const int32_t *cluster, bf_error *err) {
  bf_ordered *order;
  bf_status status = bf_order_rising(&order, number, n, err);
  if (status != BF_OK) return status;
  for (int64_t i = 0; i < n; i++) {
    d->value[*used] = order[i].score;
    d->cluster[*used] = (int32_t)bf_cluster_of(cluster, image[order[i].index]);
    have[d->cluster[(*used)++]]++;
  }
  bf_free(order);
  return BF_OK;
}

bf_status bf_medians_make(bf_medians *out, const double *const *values, int columns, const int32_t *cluster, int64_t n,
                          int64_t clusters, bf_error *err) {
  const size_t room = (size_t)columns * (size_t)n;
  double *number = bf_alloc((size_t)n, sizeof *number);
  int64_t *image = bf_alloc((size_t)n, sizeof *image), used = 0;
  *out = (bf_medians){bf_alloc(room, sizeof *out->value),
                      bf_alloc(room, sizeof *out->cluster),
                      bf_alloc((size_t)columns, sizeof *out->end),
                      bf_alloc((size_t)columns * (size_t)clusters, sizeof *out->have),
                      clusters,
                      columns};
  bf_status status = number && image && out->value && out->cluster && out->end && out->have
                         ? BF_OK
                         : bf_fail(err, BF_E_MEMORY, "no memory for the medians of %lld numbers", (long long)n);
  for (int column = 0; column < columns && status == BF_OK; column++) {
    int64_t count = have_number(number, image, values[column], n);
    status = append(out, out->have + column * clusters, &used, number, image, count, cluster, err);
    out->end[column] = used;
  }
  bf_free(number);
  bf_free(image);
  if (status != BF_OK) bf_medians_clear(out);
  return status;
}

void bf_medians_clear(bf_medians *d) {
  bf_free(d->value);
  bf_free(d->cluster);
  bf_free(d->end);
  bf_free(d->have);
  *d = (bf_medians){0};
}

/* In each draw the numbers below and above the middle, the same one where the count is odd: of numbers that rise, and
 * each count as often as their cluster was drawn. low and high stay as they are where nothing was drawn. */
static void middle_two(double *low, double *high, const double *value, const int32_t *cluster, const uint16_t *times,
                       const double *total) {
  double reached[BF_DRAWS] = {0}, next[BF_DRAWS]; /* next: the place that is looked for */
  bool has_low[BF_DRAWS] = {false};
  int missing = 0;
  for (int d = 0; d < BF_DRAWS; d++) {
    next[d] = total[d] > 0 ? floor((total[d] - 1) / 2) : INFINITY;
    missing += total[d] > 0;
  }
  for (int64_t i = 0; missing > 0; i++) {
    bf_count(reached, bf_drawn_times(times, cluster[i]));
    if (!bf_any_above(reached, next)) continue;
    for (int d = 0; d < BF_DRAWS; d++) {
      if (!has_low[d] && reached[d] > next[d]) low[d] = value[i], next[d] = floor(total[d] / 2), has_low[d] = true;
      if (has_low[d] && reached[d] > next[d]) high[d] = value[i], next[d] = INFINITY, missing--;
    }
  }
}

void bf_medians_figures(double *out, const void *medians, const uint16_t *times) {
  const bf_medians *m = medians;
  for (int column = 0; column < m->columns; column++) {
    const int64_t from = column > 0 ? m->end[column - 1] : 0;
    double total[BF_DRAWS], low[BF_DRAWS] = {0}, high[BF_DRAWS] = {0};
    bf_weigh_counts(total, m->have + column * m->clusters, times, m->clusters);
    middle_two(low, high, m->value + from, m->cluster + from, times, total);
    /* Equal infinities have no difference. */
    for (int d = 0; d < BF_DRAWS; d++)
      out[column * BF_DRAWS + d] = !(total[d] > 0)     ? NAN
                                   : low[d] == high[d] ? low[d]
                                                       : low[d] + 0.5 * (high[d] - low[d]);
  }
}
