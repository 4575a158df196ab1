/* Sorting, and what is read off sorted numbers. */
#include "metrics/order.h"

#include <math.h>
#include <stdlib.h>

#include "base/memory.h"

static int rising(const void *a, const void *b) {
  const bf_ordered *x = a, *y = b;
  if (x->score != y->score) return x->score < y->score ? -1 : 1;
  return (x->index > y->index) - (x->index < y->index);
}

bf_status bf_order_rising(bf_ordered **out, const double *score, int64_t n, bf_error *err) {
  bf_ordered *items = *out = bf_alloc((size_t)n, sizeof *items);
  if (items == NULL) return bf_fail(err, BF_E_MEMORY, "no memory to sort %lld scores", (long long)n);
  for (int64_t i = 0; i < n; i++) items[i] = (bf_ordered){score[i], i};
  qsort(items, (size_t)n, sizeof *items, rising);
  return BF_OK;
}

int64_t bf_positives(const uint8_t *label, int64_t n) {
  int64_t count = 0;
  for (int64_t i = 0; i < n; i++) count += label[i] != 0;
  return count;
}

static int by_value(const void *a, const void *b) {
  double x = *(const double *)a, y = *(const double *)b;
  return (x > y) - (x < y);
}

void bf_sort_numbers(double *numbers, int64_t n) { qsort(numbers, (size_t)n, sizeof *numbers, by_value); }

double bf_percentile(const double *sorted, int64_t n, double share) {
  if (n <= 0) return NAN;
  double at = share * (double)(n - 1);
  int64_t below = (int64_t)at;
  if (below + 1 >= n) return sorted[n - 1];
  /* Equal infinities have no difference. */
  if (sorted[below] == sorted[below + 1]) return sorted[below];
  return sorted[below] + (at - (double)below) * (sorted[below + 1] - sorted[below]);
}
