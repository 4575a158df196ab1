/* Scores in their order, and percentiles. */
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

/* Moves the numbers so that the one of place k stands there, none before it is larger and none behind it smaller (Hoare
 * 1961); pivots of the middle, so that sorted numbers take no longer. */
static void put_in_place(double *numbers, int64_t n, int64_t k) {
  for (int64_t low = 0, high = n - 1; low < high;) {
    const double pivot = numbers[low + (high - low) / 2];
    int64_t i = low, j = high;
    while (i <= j) {
      while (numbers[i] < pivot) i++;
      while (numbers[j] > pivot) j--;
      if (i > j) break;
      const double other = numbers[i];
      numbers[i++] = numbers[j];
      numbers[j--] = other;
    }
    if (k <= j)
      high = j;
    else if (k >= i)
      low = i;
    else
      return;
  }
}

double bf_percentile(double *numbers, int64_t n, double share) {
  if (n <= 0) return NAN;
  const double at = share * (double)(n - 1);
  const int64_t below = (int64_t)at;
  put_in_place(numbers, n, below);
  const double low = numbers[below];
  if (below + 1 >= n) return low;
  double next = numbers[below + 1];
  for (int64_t i = below + 2; i < n; i++)
    if (numbers[i] < next) next = numbers[i];
  /* Equal infinities have no difference. */
  return low == next ? low : low + (at - (double)below) * (next - low);
}
