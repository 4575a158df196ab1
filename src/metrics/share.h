/* Shares and intervals: what the other figures are told in. */
#ifndef BF_METRICS_SHARE_H
#define BF_METRICS_SHARE_H

#include <stdint.h>

typedef struct bf_interval {
  double low, high; /* NaN, NaN: not defined */
} bf_interval;

/* A share k of n with its Wilson interval (Wilson 1927), 95 %. NaN where n is 0. */
typedef struct bf_share {
  double value;
  bf_interval interval;
  int64_t k, n;
} bf_share;
bf_share bf_metrics_share(int64_t k, int64_t n);

#endif
