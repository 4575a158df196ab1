/* For the sources of this room: scores in their order, percentiles, the normal quantile. */
#ifndef BF_METRICS_ORDER_H
#define BF_METRICS_ORDER_H

#include <stdint.h>

#include "bifocal/status.h"
#include "metrics/share.h"

#define BF_Z95 1.959963984540054 /* the 97.5th percentile of the normal distribution */

typedef struct bf_ordered {
  double score;
  int64_t index;
} bf_ordered;

/* Of n scores by rising score, equal ones by index; freed with bf_free. NULL and BF_E_MEMORY when memory is short. */
bf_status bf_order_rising(bf_ordered **out, const double *score, int64_t n, bf_error *err);

int64_t bf_positives(const uint8_t *label, int64_t n);

/* Of n numbers, none of them NaN, which change places: share 0 is the least, 1 the largest, straight between ranks
 * (numpy's "linear"). NaN where n is 0. */
double bf_percentile(double *numbers, int64_t n, double share);

#endif
