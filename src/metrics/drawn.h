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
/* The figures of the first set, behind them those of the second, and so on. */
void bf_drawn_sets_figures(double *out, const void *drawn_sets, const uint16_t *times);

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
  int64_t n, clusters;
  double most;
  int threshold_count, steps;
  int figures; /* how many bf_ranked_figures gives */
} bf_ranked;
bf_status bf_ranked_make(bf_ranked *out, const bf_ranked_input *in, bf_error *err);
void bf_ranked_clear(bf_ranked *data);
void bf_ranked_figures(double *out, const void *ranked, const uint16_t *times);
/* How many of the clusters have an image that figure `at` of threshold t is a share of; 0 of a threshold that is NaN.
 */
bf_status bf_ranked_clusters(int64_t *out, const bf_ranked *data, int t, int at, bf_error *err);

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
void bf_calibrated_figures(double *out, const void *calibrated, const uint16_t *times);

/* ---- found boxes: lesion sensitivity ---- */

enum { BF_BOXED_MOST_RATES = 24 };
/* Order of bf_boxed_figures' out; behind CPM, the sensitivity at each rate. */
enum { BF_BOXED_CPM, BF_BOXED_RATES };

typedef struct bf_boxed {
  uint32_t *items;                           /* by falling score, of equals the false ones first: cluster, hit */
  uint32_t *images, *lesions, *hits, *wrong; /* of each cluster */
  int64_t count, clusters;
  double rates[BF_BOXED_MOST_RATES + BF_CPM_RATES]; /* rising; slot: which of out it is, -1 for one of CPM's */
  int slot[BF_BOXED_MOST_RATES + BF_CPM_RATES], rate_count;
  int figures; /* how many bf_boxed_figures gives */
  bool cpm;    /* CPM is wanted, too */
} bf_boxed;
typedef enum bf_boxed_depth {
  BF_BOXED_WITH_CPM,
  BF_BOXED_AT_RATES /* CPM is NaN, and boxes behind the largest rate are not looked at */
} bf_boxed_depth;
/* cluster: of the matching's images. rates: false positives an image, in any order, at most BF_BOXED_MOST_RATES. A
 * matching narrowed to a group of lesions gives the group's figures. */
bf_status bf_boxed_make(bf_boxed *out, const bf_matching *matching, const int32_t *cluster, int64_t clusters,
                        const double *rates, int rate_count, bf_boxed_depth depth, bf_error *err);
void bf_boxed_clear(bf_boxed *data);
void bf_boxed_figures(double *out, const void *boxed, const uint16_t *times);
/* How many of the clusters have a lesion. */
int64_t bf_boxed_clusters(const bf_boxed *data);

/* ---- found boxes: average precision ---- */

enum { BF_PRECISE_MOST_TESTS = 24 };

/* Average precision under each test, behind them its mean over some of them: one pass over the boxes for all. */
typedef struct bf_precise {
  uint32_t *items; /* by falling score: cluster, whether any test has it for a hit, whether the next score is another */
  uint32_t *hits;  /* of each that is a hit, in their order: bit t where it is one under test t */
  uint32_t *lesions; /* of each cluster */
  int64_t count, clusters;
  uint32_t averaged;
  int tests;
  int figures; /* how many bf_precise_figures gives: tests + 1 */
} bf_precise;
/* cluster: of the pairing's images. tests: at most BF_PRECISE_MOST_TESTS. averaged: bit t where test t belongs to the
 * mean; 0: the mean is NaN. */
bf_status bf_precise_make(bf_precise *out, const bf_pairing *pairing, const bf_hit_test *tests, int test_count,
                          uint32_t averaged, const int32_t *cluster, int64_t clusters, bf_error *err);
void bf_precise_clear(bf_precise *data);
void bf_precise_figures(double *out, const void *precise, const uint16_t *times);

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
void bf_means_figures(double *out, const void *means, const uint16_t *times);

/* ---- medians ---- */

typedef struct bf_medians {
  double *value; /* of all columns, one behind the other, each rising */
  int32_t *cluster;
  int64_t *end;   /* of each column */
  uint32_t *have; /* [columns][clusters]: images that have the number */
  int64_t clusters;
  int columns; /* as many figures */
} bf_medians;
/* values[column][i] of image i; NaN: the image has none. Half-way between the middle two of an even number. */
bf_status bf_medians_make(bf_medians *out, const double *const *values, int columns, const int32_t *cluster, int64_t n,
                          int64_t clusters, bf_error *err);
void bf_medians_clear(bf_medians *data);
void bf_medians_figures(double *out, const void *medians, const uint16_t *times);

#endif
