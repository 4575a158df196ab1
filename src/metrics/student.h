/* Student's t distribution, and what few clusters make of percentiles. For the sources of this room. */
#ifndef BF_METRICS_STUDENT_H
#define BF_METRICS_STUDENT_H

#include <stdint.h>

/* Chance that Student's t of so many degrees of freedom, at least 1, is at most t; to 1e-9 of it. */
double bf_student_below(double t, int64_t freedom);
/* The t that it is at most with this chance, from 0 to 1. */
double bf_student_quantile(double chance, int64_t freedom);

/* A resampled figure of n clusters varies less than the figure itself, by (n - 1)/n, and its spread is an estimate: the
 * percentiles of the rounds are too narrow, as those of a normal distribution would be in place of Student's. The share
 * to leave out at each end for an interval of 95 %: the normal tail beyond sqrt(n/(n - 1)) times Student's quantile of
 * n - 1 degrees (Hesterberg 2015, the expanded percentile interval). clusters: at least 2. */
double bf_expanded_tail(int64_t clusters);
/* The other way: the two-sided p-value where a share `tail` of the rounds lies beyond; above 0.05 where that is above
 * the share that the interval leaves out. */
double bf_expanded_p_value(double tail, int64_t clusters);

#endif
