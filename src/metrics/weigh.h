/* Sums over clusters or items that count several times. Four sums at a time in a fixed order: the same bits every
 * time, and no addition waits for the one before. */
#ifndef BF_METRICS_WEIGH_H
#define BF_METRICS_WEIGH_H

#include <stdint.h>

/* times[0] value[0] + .. + times[n-1] value[n-1]. */
static inline double bf_weigh(const double *value, const uint32_t *times, int64_t n) {
  double sum[4] = {0, 0, 0, 0};
  int64_t i = 0;
  for (; i + 4 <= n; i += 4)
    for (int k = 0; k < 4; k++) sum[k] += value[i + k] * times[i + k];
  for (; i < n; i++) sum[0] += value[i] * times[i];
  return (sum[0] + sum[1]) + (sum[2] + sum[3]);
}

static inline int64_t bf_weigh_counts(const uint32_t *count, const uint32_t *times, int64_t n) {
  uint64_t sum = 0;
  for (int64_t i = 0; i < n; i++) sum += (uint64_t)count[i] * times[i];
  return (int64_t)sum;
}

/* times[cluster[0]] + .. + times[cluster[n-1]]. */
static inline int64_t bf_count_items(const int32_t *cluster, const uint32_t *times, int64_t n) {
  uint64_t sum = 0;
  for (int64_t i = 0; i < n; i++) sum += times[cluster[i]];
  return (int64_t)sum;
}

/* For sorting into places: from how many each of `places` takes to where it begins. Moved on by what is put there, it
 * says where it ends. */
static inline void bf_counts_to_starts(int64_t *count, int places) {
  int64_t next = 0;
  for (int k = 0; k < places; k++) {
    int64_t here = count[k];
    count[k] = next;
    next += here;
  }
}

static inline int64_t bf_cluster_of(const int32_t *cluster, int64_t i) { return cluster != NULL ? cluster[i] : i; }

/* An item of a ranking: its cluster, whether it is right (a positive, a hit), and whether it ends a run of equals. */
static inline uint32_t bf_item(int64_t cluster, int right, int ends) {
  return (uint32_t)cluster << 2 | (right ? 2u : 0u) | (ends ? 1u : 0u);
}
static inline uint32_t bf_item_times(uint32_t item, const uint32_t *times) { return times[item >> 2]; }
/* All bits when right, else none. */
static inline uint32_t bf_item_right(uint32_t item) { return 0u - (item >> 1 & 1u); }
static inline int bf_item_ends(uint32_t item) { return item & 1u; }

#endif
