/* One score and one class an image: ROC, precision and recall, thresholds and what follows from them. Scores may be
 * any numbers, infinite ones too; higher means more likely positive. score >= threshold is called positive. */
#ifndef BF_METRICS_CLASSIFICATION_H
#define BF_METRICS_CLASSIFICATION_H

#include <stdbool.h>
#include <stdint.h>

#include "bifocal/status.h"
#include "metrics/share.h"

/* ---- areas ---- */

typedef struct bf_auc {
  double value;         /* area under the ROC curve, ties count one half */
  double variance;      /* DeLong, DeLong, Clarke-Pearson 1988, by the fast method of Sun, Xu 2014 */
  bf_interval interval; /* 95 %, on the logit scale so that it stays within 0..1; NaN where the variance is 0, as it is
                           where the AUC is 0 or 1: such data do not tell what more would show */
} bf_auc;
bf_status bf_metrics_auc(bf_auc *out, const double *score, const uint8_t *label, int64_t n, bf_error *err);

/* Area under the ROC curve where false positives are at most a share `most` (above 0, to 1) of the negatives, with a
 * straight line to that share, standardised so that chance is 0.5 and the best 1 (McClish 1989). NaN where a class is
 * absent or `most` cannot be. */
bf_status bf_metrics_partial_auc(double *out, const double *score, const uint8_t *label, int64_t n, double most,
                                 bf_error *err);

/* Two scores of the same images: difference of the AUCs (a - b), its DeLong interval and two-sided p-value. */
typedef struct bf_auc_difference {
  double value, variance, p_value;
  bf_interval interval;
} bf_auc_difference;
bf_status bf_metrics_auc_paired(bf_auc_difference *out, const double *a, const double *b, const uint8_t *label,
                                int64_t n, bf_error *err);

/* Area under precision over recall, stepwise (average precision); NaN without positives. */
bf_status bf_metrics_average_precision(double *out, const double *score, const uint8_t *label, int64_t n,
                                       bf_error *err);

/* What n images are to be ranked by: their logits, because the probabilities of large ones are all 1; but probabilities
 * where a logit is not finite, or logits order images otherwise than probabilities do by more than rounding makes, as
 * those of several models do, each calibrated by itself. Probabilities: any but NaN. */
bf_status bf_metrics_ranked_by_logits(bool *by_logits, const double *logit, const double *probability, int64_t n,
                                      bf_error *err);

/* ---- curves ---- */

typedef struct bf_roc_point {
  double threshold, sensitivity, specificity;
} bf_roc_point;
/* Points from the highest threshold (infinity: nothing is positive) to the lowest score; one a distinct score. points
 * has room for n + 1; *count of them are filled, 0 when a class is absent. */
bf_status bf_metrics_roc(int64_t *count, bf_roc_point *points, const double *score, const uint8_t *label, int64_t n,
                         bf_error *err);

typedef struct bf_recall_point {
  double threshold, recall, precision;
} bf_recall_point;
/* The precision-recall curve, from the highest score to the lowest; one point a distinct score, so that recall rises
 * from above or at 0 to 1. points has room for n; *count of them are filled, 0 without positives. */
bf_status bf_metrics_precision_recall(int64_t *count, bf_recall_point *points, const double *score,
                                      const uint8_t *label, int64_t n, bf_error *err);

typedef struct bf_benefit_point {
  double threshold;        /* the probability from which a patient would be treated */
  double model, all, none; /* net benefit an image: of treating whom the model calls, all, nobody (0) */
} bf_benefit_point;
/* Net benefit = TP/n - FP/n * t/(1 - t) (Vickers, Elkin 2006) at `count` thresholds, in their order. NaN where t is not
 * in 0 <= t < 1, or n is 0. */
void bf_metrics_decision_curve(bf_benefit_point *points, const double *thresholds, int count, const double *probability,
                               const uint8_t *label, int64_t n);

/* ---- thresholds ---- */

/* Thresholds stand half-way between two scores, so that rounding moves nobody across them: above the highest score
 * half-way to 1 (scores below 1) or one more, below the lowest half-way to 0 (scores above 0) or one less. All are NaN
 * when a class is absent. */

/* The threshold with the largest sensitivity + specificity (Youden 1950); the highest of equals. */
bf_status bf_metrics_youden(double *out, const double *score, const uint8_t *label, int64_t n, bf_error *err);
/* The highest threshold whose sensitivity is at least `target`. */
bf_status bf_metrics_threshold_at_sensitivity(double *out, const double *score, const uint8_t *label, int64_t n,
                                              double target, bf_error *err);
/* The lowest threshold whose specificity is at least `target`; NaN when it would have to be above infinity. */
bf_status bf_metrics_threshold_at_specificity(double *out, const double *score, const uint8_t *label, int64_t n,
                                              double target, bf_error *err);

typedef struct bf_confusion {
  int64_t true_positive, false_positive, true_negative, false_negative;
  bf_share sensitivity, specificity, positive_predictive, negative_predictive;
} bf_confusion;
bf_confusion bf_metrics_confusion(const double *score, const uint8_t *label, int64_t n, double threshold);

/* Predictive values among people of whom a share `prevalence` (0 to 1) is positive, by Bayes' rule, with 95 % intervals
 * on the logit scale (Mercaldo, Lau, Zhou 2007). Values are NaN where nobody would be called so, or a class was not
 * tested; intervals also where a sensitivity or specificity is 0 or 1, for which the method has none. */
typedef struct bf_predictive {
  double positive, negative;
  bf_interval positive_interval, negative_interval;
} bf_predictive;
bf_predictive bf_metrics_predictive_at(const bf_confusion *confusion, double prevalence);

#endif
