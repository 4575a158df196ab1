/* Arrays in, numbers out. What is not defined (one class only, no lesions, no finite value) is NaN, never nonsense.
 * Scores that are NaN must be left out by the caller. Labels: 0 or 1. All functions may be called from any thread. */
#ifndef BF_METRICS_METRICS_H
#define BF_METRICS_METRICS_H

#include <stdbool.h>
#include <stdint.h>

#include "bifocal/status.h"

typedef struct bf_interval {
  double low, high;
} bf_interval;

/* ---- classification ---- */

typedef struct bf_auc {
  double value;         /* area under the ROC curve, ties count one half */
  double variance;      /* DeLong, DeLong, Clarke-Pearson 1988, by the fast method of Sun, Xu 2014 */
  bf_interval interval; /* 95 %, on the logit scale so that it stays within 0..1; plain where the AUC is 0 or 1 */
} bf_auc;
bf_status bf_metrics_auc(bf_auc *out, const double *score, const uint8_t *label, int64_t n, bf_error *err);

/* Area under the ROC curve where false positives are at most a share `most` (above 0, to 1) of the negatives, with a
 * straight line to that share, standardised so that chance is 0.5 and the best 1 (McClish 1989). */
double bf_metrics_partial_auc(const double *score, const uint8_t *label, int64_t n, double most);

/* Two scores of the same images: difference of the AUCs (a - b), its DeLong interval and two-sided p-value. */
typedef struct bf_auc_difference {
  double value, variance, p_value;
  bf_interval interval;
} bf_auc_difference;
bf_status bf_metrics_auc_paired(bf_auc_difference *out, const double *a, const double *b, const uint8_t *label,
                                int64_t n, bf_error *err);

/* A point of the ROC curve: score >= threshold is called positive. */
typedef struct bf_roc_point {
  double threshold, sensitivity, specificity;
} bf_roc_point;
/* Points from the highest threshold (infinity: nothing is positive) to the lowest score; one a distinct score. points
 * has room for n + 1. Returns the count; 0 when a class is absent or memory is short. */
int64_t bf_metrics_roc(bf_roc_point *points, const double *score, const uint8_t *label, int64_t n);

/* A share k of n with its Wilson interval (Wilson 1927), 95 %. */
typedef struct bf_share {
  double value;
  bf_interval interval;
  int64_t k, n;
} bf_share;
bf_share bf_metrics_share(int64_t k, int64_t n);

typedef struct bf_confusion {
  int64_t true_positive, false_positive, true_negative, false_negative;
  bf_share sensitivity, specificity, positive_predictive, negative_predictive;
} bf_confusion;
bf_confusion bf_metrics_confusion(const double *score, const uint8_t *label, int64_t n, double threshold);

/* The threshold with the largest sensitivity + specificity (Youden 1950), half-way to the next lower score; NaN when a
 * class is absent. */
double bf_metrics_youden(const double *score, const uint8_t *label, int64_t n);
/* The highest threshold whose sensitivity is at least `target`. */
double bf_metrics_threshold_at_sensitivity(const double *score, const uint8_t *label, int64_t n, double target);

/* Area under precision over recall, stepwise (average precision). */
double bf_metrics_average_precision(const double *score, const uint8_t *label, int64_t n);

/* Of probabilities. ECE: `bins` bins of equal width, weighted by their counts (Guo et al. 2017). */
double bf_metrics_ece(const double *probability, const uint8_t *label, int64_t n, int bins);
double bf_metrics_brier(const double *probability, const uint8_t *label, int64_t n);
double bf_metrics_log_loss(const double *probability, const uint8_t *label, int64_t n); /* clipped at 1e-15 */

/* ---- localisation ---- */

typedef struct bf_hit_box {
  double xmin, ymin, xmax, ymax, score; /* score unused in truths */
} bf_hit_box;

typedef struct bf_hit_image {
  const bf_hit_box *truths, *found;
  int truth_count, found_count;
} bf_hit_image;

/* When a found box hits a lesion: IoU >= 0.5; IoU >= 0.1; or its centre lies in the lesion's box. */
typedef enum bf_hit_rule { BF_HIT_IOU50, BF_HIT_IOU10, BF_HIT_CENTRE, BF_HIT_IOU75 } bf_hit_rule;

/* Every found box of every image with its verdict, best score first. Within an image boxes are taken by score, each
 * hits the free lesion that it overlaps most under the rule; a lesion is hit once, further boxes on it are false. */
typedef struct bf_verdict {
  double score;
  bool hit;
  int64_t image;
} bf_verdict;
typedef struct bf_matching {
  bf_verdict *verdicts; /* owned */
  int64_t count, images, lesions;
} bf_matching;
bf_status bf_metrics_match(bf_matching *out, const bf_hit_image *images, int64_t count, bf_hit_rule rule,
                           bf_error *err);
void bf_matching_clear(bf_matching *matching);

/* Lesion sensitivity where the false positives an image do not exceed `rate` (Bunch et al. 1977, FROC). */
double bf_metrics_froc(const bf_matching *matching, double rate);
/* Mean of the sensitivities at 1/8, 1/4, 1/2, 1, 2, 4, 8 false positives an image (CPM). */
double bf_metrics_cpm(const bf_matching *matching);
/* Precision made falling from the right, mean over 101 recalls (COCO). */
double bf_metrics_box_precision(const bf_matching *matching);
/* Mean over lesions of the best IoU among the image's boxes, whatever their score. */
double bf_metrics_mean_best_iou(const bf_hit_image *images, int64_t count);
double bf_metrics_iou(const bf_hit_box *a, const bf_hit_box *b);

/* ---- segmentation ---- */

/* Set bits of two bit-packed masks, and of both. */
typedef struct bf_overlap {
  int64_t a, b, both;
} bf_overlap;
bf_overlap bf_metrics_overlap(const uint8_t *a, const uint8_t *b, int64_t bytes);
/* 2 both/(a + b) (Dice 1945), and both over either (Jaccard 1912); NaN where both masks are empty. */
double bf_metrics_dice(bf_overlap overlap);
double bf_metrics_mask_iou(bf_overlap overlap);

#endif
