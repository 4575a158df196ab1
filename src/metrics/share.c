/* Wilson's interval. */
#include "metrics/share.h"

#include <math.h>

#include "metrics/order.h"

bf_share bf_metrics_share(int64_t k, int64_t n) {
  if (n <= 0) return (bf_share){NAN, {NAN, NAN}, k, n};
  double p = (double)k / (double)n, z2 = BF_Z95 * BF_Z95, size = (double)n;
  double centre = (p + z2 / (2 * size)) / (1 + z2 / size);
  double reach = BF_Z95 * sqrt(p * (1 - p) / size + z2 / (4 * size * size)) / (1 + z2 / size);
  /* What rounding leaves of the ends that are 0 and 1. */
  return (bf_share){p, {k == 0 ? 0 : centre - reach, k == n ? 1 : centre + reach}, k, n};
}
