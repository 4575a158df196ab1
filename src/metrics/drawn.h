/* Sets of figures for bootstrap.h. Each is made once from images with their clusters, sorted and summed by cluster as
 * far as that goes, so that a draw costs one pass. Inputs are borrowed while a set is made; what it keeps it owns, and
 * its _clear frees (a cleared or {0} set may be cleared again). Sets are read alone afterwards: any thread.
 * cluster[i] in 0 .. clusters-1 is that of image i; NULL: each image is its own (clusters = n). */
#ifndef BF_METRICS_DRAWN_H
#define BF_METRICS_DRAWN_H

#include "metrics/bootstrap.h"
#include "metrics/localisation.h"

/* ---- several sets under the same draws ---- */

/* Cheaper than one after the other, and their figures belong together round by round. The sets share their clusters; a
 * cluster may be without images in some of them. All borrowed. */
typedef struct bf_drawn_set {
  bf_drawn_figures figures;
  const void *data;
  int count; /* how many figures it gives */
} bf_drawn_set;
typedef struct bf_drawn_sets {
  const bf_drawn_set *sets;
  int count;
} bf_drawn_sets;
/* out: the figures of the first set, behind them those of the second, and so on. */
void bf_drawn_sets_figures(double *out, const void *drawn_sets, const uint32_t *times);

/* ---- ranked scores ---- */

typedef struct bf_ranked_input {
  const double *score; /* what orders the images */
  const uint8_t *label;
  const int32_t *cluster;
  int64_t n, clusters;
  double most;               /* largest false positive rate of the partial AUC, above 0, to 1; else that is NaN */
  const double *probability; /* what the thresholds are held against; NULL: the score */
  const double *thresholds;  /* one that is NaN gives NaN */
  int threshold_count;
} bf_ranked_input;

/* Order of bf_ranked_figures' out; behind these, four for each threshold. */
enum { BF_RANKED_AUC, BF_RANKED_AVERAGE_PRECISION, BF_RANKED_PARTIAL_AUC, BF_RANKED_THRESHOLDS };
enum { BF_AT_SENSITIVITY, BF_AT_SPECIFICITY, BF_AT_POSITIVE_PREDICTIVE, BF_AT_NEGATIVE_PREDICTIVE, BF_AT_FIGURES };
/* Where figure `at` (BF_AT_...) of threshold t stands. */
static inline int bf_ranked_at(int t, int at) { return BF_RANKED_THRESHOLDS + t * BF_AT_FIGURES + at; }

/* Figures are those of classification.h. */
typedef struct bf_ranked {
  uint32_t *items; /* by falling score: cluster, label, whether the next score is another */
  /* Images by cell: 2 for each of the `steps` + 1 intervals between rising thresholds, negatives first. */
  int32_t *cell_cluster;
  int64_t *cell_end; /* where the images of each cell end */
  int *step;         /* which threshold each step is; those that are NaN are none */
  int64_t n;
  double most;
  int threshold_count, steps;
  int figures; /* how many bf_ranked_figures gives */
} bf_ranked;
bf_status bf_ranked_make(bf_ranked *out, const bf_ranked_input *in, bf_error *err);
void bf_ranked_clear(bf_ranked *data);
void bf_ranked_figures(double *out, const void *ranked, const uint32_t *times);

/* ---- calibration ---- */

/* Order of bf_calibrated_figures' out: those of calibration.h. */
enum { BF_CALIBRATED_BRIER, BF_CALIBRATED_LOG_LOSS, BF_CALIBRATED_ECE, BF_CALIBRATED_EXCESS, BF_CALIBRATED_FIGURES };

typedef struct bf_calibrated {
  /* images by bin: cluster, probability minus label, log loss */
  int32_t *cluster;
  double *excess, *loss;
  int64_t *bin_end; /* where the images of each bin end */
  int bins;
} bf_calibrated;
/* bins: of the ECE, at least 1. */
bf_status bf_calibrated_make(bf_calibrated *out, const double *probability, const uint8_t *label,
                             const int32_t *cluster, int64_t n, int64_t clusters, int bins, bf_error *err);
void bf_calibrated_clear(bf_calibrated *data);
void bf_calibrated_figures(double *out, const void *calibrated, const uint32_t *times);

/* ---- found boxes ---- */

enum { BF_BOXED_MOST_RATES = 24 };
/* Order of bf_boxed_figures' out; behind these, the sensitivity at each rate. */
enum { BF_BOXED_PRECISION, BF_BOXED_CPM, BF_BOXED_RATES };

typedef struct bf_boxed {
  uint32_t *items;            /* by falling score, of equals the false ones first: cluster, hit */
  uint32_t *images, *lesions; /* of each cluster */
  int64_t count, clusters;
  double rates[BF_BOXED_MOST_RATES + BF_CPM_RATES]; /* rising; slot: which of out it is, -1 for one of CPM's */
  int slot[BF_BOXED_MOST_RATES + BF_CPM_RATES], rate_count;
  int figures; /* how many bf_boxed_figures gives */
} bf_boxed;
/* cluster: of the matching's images. rates: false positives an image, in any order, at most BF_BOXED_MOST_RATES. A
 * matching narrowed to a group of lesions gives the group's figures. */
bf_status bf_boxed_make(bf_boxed *out, const bf_matching *matching, const int32_t *cluster, int64_t clusters,
                        const double *rates, int rate_count, bf_error *err);
void bf_boxed_clear(bf_boxed *data);
void bf_boxed_figures(double *out, const void *boxed, const uint32_t *times);

/* ---- means ---- */

typedef struct bf_means {
  double *sums;   /* [columns][clusters] */
  uint32_t *have; /* [columns][clusters]: images that have the number */
  int64_t clusters;
  int columns; /* as many figures */
} bf_means;
/* values[column][i] of image i; NaN: the image has none. */
bf_status bf_means_make(bf_means *out, const double *const *values, int columns, const int32_t *cluster, int64_t n,
                        int64_t clusters, bf_error *err);
void bf_means_clear(bf_means *data);
void bf_means_figures(double *out, const void *means, const uint32_t *times);

#endif
