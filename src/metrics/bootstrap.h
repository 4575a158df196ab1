/* How sure a difference is: two answers to the same images, compared on resampled patients (Efron 1979; of whole
 * clusters, because a patient's images are alike: Field, Welsh 2007). Figures are taken with a weight for each image,
 * how often its patient was drawn. */
#ifndef BF_METRICS_BOOTSTRAP_H
#define BF_METRICS_BOOTSTRAP_H

#include "metrics/metrics.h"

/* A figure of images that count weight[i] >= 0 times; NaN where it is not defined. Any thread. */
typedef double (*bf_weighted_figure)(const void *data, const double *weight);

typedef struct bf_paired {
  double a, b, difference; /* of all images; a - b */
  bf_interval interval;    /* 95 %, percentiles of the resampled differences */
  int resamples;           /* in which both figures were defined */
} bf_paired;

/* cluster[i] in 0 .. clusters-1 for each of n images. Draws are keyed by (seed, resample). Fewer than half of the
 * resamples defined, or fewer than two clusters: the interval is NaN. */
bf_status bf_metrics_paired(bf_paired *out, bf_weighted_figure figure, const void *a, const void *b,
                            const int64_t *cluster, int64_t n, int64_t clusters, int resamples, uint64_t seed,
                            bf_error *err);

/* The interval of one figure, drawn in the same way; *value is that of all images. */
bf_status bf_metrics_resampled(double *value, bf_interval *interval, bf_weighted_figure figure, const void *data,
                               const int64_t *cluster, int64_t n, int64_t clusters, int resamples, uint64_t seed,
                               bf_error *err);

/* AUC: scores sorted once. Ties count one half. */
typedef struct bf_auc_data {
  double *score;  /* owned, rising */
  int64_t *index; /* owned: image of each */
  uint8_t *label; /* owned, in that order */
  int64_t n;
} bf_auc_data;
bf_status bf_auc_data_make(bf_auc_data *out, const double *score, const uint8_t *label, int64_t n, bf_error *err);
void bf_auc_data_clear(bf_auc_data *data);
double bf_auc_weighted(const void *auc_data, const double *weight);

/* Lesion sensitivity at `rate` false positives an image. lesions[i]: of image i. All borrowed. */
typedef struct bf_froc_data {
  const bf_matching *matching;
  const int64_t *lesions;
  double rate;
} bf_froc_data;
double bf_froc_weighted(const void *froc_data, const double *weight);

/* Mean of a number an image; NaN: the image has none. */
typedef struct bf_mean_data {
  const double *value;
  int64_t n;
} bf_mean_data;
double bf_mean_weighted(const void *mean_data, const double *weight);

#endif
