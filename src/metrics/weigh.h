/* Sums over clusters or items in BF_DRAWS draws at once (bootstrap.h): every sum is an array of BF_DRAWS numbers, and
 * counts are doubles, which are exact to 2^53. */
#ifndef BF_METRICS_WEIGH_H
#define BF_METRICS_WEIGH_H

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "metrics/bootstrap.h"

/* Vectors of the compiler's, because loops over draws are not always made into such. */
typedef uint16_t bf_drawn_vector __attribute__((vector_size(BF_DRAWS * sizeof(uint16_t))));
typedef int32_t bf_drawn_wide __attribute__((vector_size(BF_DRAWS * sizeof(int32_t))));
typedef double bf_sum_vector __attribute__((vector_size(BF_DRAWS * sizeof(double))));
typedef double bf_two __attribute__((vector_size(2 * sizeof(double))));
typedef int64_t bf_two_masks __attribute__((vector_size(2 * sizeof(int64_t))));

/* How often cluster c counts in each draw. */
static inline const uint16_t *bf_drawn_times(const uint16_t *times, int64_t c) { return times + c * BF_DRAWS; }

static inline void bf_clear_sum(double *sum) { memset(sum, 0, BF_DRAWS * sizeof *sum); }

/* sum += value * drawn, in each draw. */
static inline void bf_weigh(double *sum, const uint16_t *drawn, double value) {
  bf_drawn_vector of;
  bf_sum_vector to;
  memcpy(&of, drawn, sizeof of);
  memcpy(&to, sum, sizeof to);
  to += value * __builtin_convertvector(__builtin_convertvector(of, bf_drawn_wide), bf_sum_vector);
  memcpy(sum, &to, sizeof to);
}
static inline void bf_count(double *sum, const uint16_t *drawn) { bf_weigh(sum, drawn, 1); }

static inline bf_two bf_two_of(const double *numbers) {
  bf_two two;
  memcpy(&two, numbers, sizeof two);
  return two;
}
/* Whether a is above b, or not below it, in any draw. */
static inline bool bf_any_above(const double *a, const double *b) {
  bf_two_masks any = {0, 0};
  for (int d = 0; d < BF_DRAWS; d += 2) any |= bf_two_of(a + d) > bf_two_of(b + d);
  return (any[0] | any[1]) != 0;
}
static inline bool bf_any_reaches(const double *a, const double *b) {
  bf_two_masks any = {0, 0};
  for (int d = 0; d < BF_DRAWS; d += 2) any |= bf_two_of(a + d) >= bf_two_of(b + d);
  return (any[0] | any[1]) != 0;
}

/* Of n clusters in their order: value[c] as often as each counts. */
static inline void bf_weigh_counts(double *sum, const uint32_t *count, const uint16_t *times, int64_t n) {
  bf_clear_sum(sum);
  for (int64_t c = 0; c < n; c++) bf_weigh(sum, bf_drawn_times(times, c), count[c]);
}

/* How often the items of these clusters count together. */
static inline void bf_count_items(double *sum, const int32_t *cluster, const uint16_t *times, int64_t n) {
  bf_clear_sum(sum);
  for (int64_t i = 0; i < n; i++) bf_count(sum, bf_drawn_times(times, cluster[i]));
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
static inline const uint16_t *bf_item_times(uint32_t item, const uint16_t *times) {
  return bf_drawn_times(times, item >> 2);
}
static inline bool bf_item_right(uint32_t item) { return item & 2u; }
static inline bool bf_item_ends(uint32_t item) { return item & 1u; }

#endif
