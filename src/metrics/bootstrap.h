/* How sure figures and differences of figures are, from resampled patients (Efron 1979; of whole clusters, because a
 * patient's images are alike: Field, Welsh 2007). A round draws as many clusters as there are, with replacement; every
 * image counts as often as its cluster was drawn. Sets of figures to resample stand in drawn.h. */
#ifndef BF_METRICS_BOOTSTRAP_H
#define BF_METRICS_BOOTSTRAP_H

#include <stdint.h>

#include "base/pool.h"
#include "bifocal/status.h"
#include "metrics/share.h"

/* Draws that are looked at in one pass: what a pass is slow in, finding a cluster and guessing a branch, is then the
 * same for all of them. */
enum { BF_DRAWS = 8 };

/* Figures of BF_DRAWS draws: in draw d cluster c counts times[c * BF_DRAWS + d] times. out[k * BF_DRAWS + d]: NaN where
 * figure k is not defined. Called by several threads at once on the same data. */
typedef void (*bf_drawn_figures)(double *out, const void *data, const uint16_t *times);

typedef struct bf_resampling {
  int64_t clusters; /* below 2^30 */
  int rounds;
  uint64_t seed;
  bf_pool *pool; /* NULL: this thread alone. The figures have the same bits for any number of threads */
} bf_resampling;

/* Fewer clusters have no interval: the likeliest of their most extreme draws, one of them alone, comes more often than
 * an interval of 95 % may leave out. */
enum { BF_CLUSTERS_LEAST = 5 };

/* A figure with its 95 % interval: percentiles of the rounds in which it was defined, straight between ranks (numpy's
 * "linear"), further out the fewer clusters there are (Hesterberg 2015, the expanded percentile interval: of 10
 * clusters 0.9 and 99.1 %, of 1000 2.48 and 97.52 %), because a resampled figure varies too little. NaN when fewer than
 * half of the rounds are defined, of fewer than BF_CLUSTERS_LEAST clusters, and where both ends are the same but for
 * rounding: rounds that are all alike do not tell what more clusters would show. */
typedef struct bf_resampled {
  double value; /* every cluster once */
  bf_interval interval;
  int defined; /* rounds */
} bf_resampled;
bf_status bf_metrics_resample(bf_resampled *out, int count, bf_drawn_figures figures, const void *data,
                              const bf_resampling *how, bf_error *err);

/* The same of a share that is 0 or 1, where resampling cannot see what more would show: with Wilson's interval of
 * `clusters`, those that have any of what it is a share of, in its place, as if each were one case. That is as wide as
 * alike cases of a cluster can make it. Other values stay as they are. */
bf_resampled bf_metrics_resampled_share(bf_resampled share, int64_t clusters);

/* The figures of two answers to the same images, from the same draws. With D rounds in which both are defined, L of
 * them with a difference <= 0 and G with one >= 0, the tail is (min(L, G) + 1) / (D + 1), so never 0 (Davison, Hinkley
 * 1997, section 4.2), and p is 0.05 where it is the share that the interval leaves out at an end: p below 0.05 leaves 0
 * out of the interval. p is NaN where too few rounds or clusters are; the interval also where all rounds are alike, but
 * not where they are 0: then it is 0 to 0, and p is 1. */
typedef struct bf_resampled_pair {
  double a, b, difference; /* every cluster once; a - b */
  bf_interval interval;    /* of the difference */
  double p_value;          /* two-sided, that the two are alike */
  int defined;             /* rounds in which both figures were */
} bf_resampled_pair;
bf_status bf_metrics_resample_pair(bf_resampled_pair *out, int count, bf_drawn_figures figures, const void *a,
                                   const void *b, const bf_resampling *how, bf_error *err);

/* The draw of one round, keyed by (seed, round), as one of BF_DRAWS: adds to times[c * BF_DRAWS] how often cluster c is
 * drawn. Where there are more clusters than a number of 16 bits counts, none is drawn so often: the chance is below
 * 1/65536!. */
void bf_metrics_draw(uint16_t *times, int64_t clusters, uint64_t seed, int round);

#endif
