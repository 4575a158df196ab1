/* Scores joined with labels, and every figure of the pair. */
#ifndef BF_RUN_EVALUATION_H
#define BF_RUN_EVALUATION_H

#include "bifocal/evaluate.h"
#include "data/labels.h"
#include "metrics/metrics.h"
#include "store/scores.h"

enum { BF_FROC_RATES = 5, BF_ECE_BINS = 15, BF_ROW_STATUSES = 10 };
#define BF_PARTIAL_AUC 0.1                        /* false positive rate up to which the partial AUC goes */
extern const double bf_froc_rates[BF_FROC_RATES]; /* false positives an image: 0.25 to 4 */

typedef struct bf_evaluation {
  bf_scores scores;
  bf_labels *labels;
  /* rows */
  int64_t failed, failed_by[BF_ROW_STATUSES]; /* the last counts all later statuses too */
  int64_t left_out;                           /* by rule: neither good nor failed */
  int64_t unlabelled;                         /* good rows that no label file speaks of */
  int64_t seen;                               /* labelled rows of images that the model was trained or validated on */
  int64_t unlike;   /* labelled rows that were scored though they are unlike what the model was trained on */
  int64_t repeated; /* good rows whose image and frame an earlier row has; they count like others */
  int64_t labels_unmatched;
  int64_t masks_unfit; /* rows whose masks could not be read or have another size */
  /* classification: good rows with a probability and a class */
  int64_t n, positives, class_unknown, without_probability;
  double *probability;
  double *rank; /* what orders the images: the logit where every row has one, because the probabilities of large logits
                   are all 1; else the probability */
  uint8_t *label;
  bf_auc auc;
  double partial_auc; /* at false positive rates up to BF_PARTIAL_AUC */
  double average_precision, ece, brier, log_loss;
  double threshold;
  const char *threshold_from; /* "option", "scores" or NULL; static */
  char threshold_rule[128];
  bf_confusion confusion;
  bf_share prevalence;
  /* localisation: good rows whose lesions are known */
  bf_hit_rule rule;
  bf_hit_image *images;
  bf_label **row_labels; /* of each row what people said of it; NULL when nobody did. Borrowed from labels */
  bf_hit_box *boxes;
  int64_t image_count, lesions, found, without_lesions, lesions_unknown;
  int32_t most_lesions;  /* of one row's label: room for bf_evaluation_lesions */
  int64_t lesions_unfit; /* images of lesions_unknown with a box outside, or drawn on an image of another size */
  bf_matching matching;  /* by rule */
  double ap50, ap10, ap75, ap_centre, froc[BF_FROC_RATES], cpm, mean_best_iou;
  /* segmentation: good rows with a found and a drawn mask */
  double *dice, *iou; /* of each row; NaN where it is none of these, or nothing was drawn */
  int64_t outlined;   /* rows; of these with something drawn: */
  int64_t drawn;
  int64_t empty_false; /* of the others, those where pixels were found */
  double mean_dice, median_dice, mean_iou;
  bf_interval dice_interval; /* of the mean: 95 %, resampled images */
} bf_evaluation;

const char *bf_hit_rule_name(bf_hit_rule rule);

/* Reads the label files. */
bf_status bf_evaluation_labels(bf_labels **out, const char *const *paths, int count, bf_error *err);
/* bf_label_lesions of the picture that the row is of. */
bool bf_evaluation_lesions(bf_lesion *out, int32_t *count, const bf_label *label, const bf_score_row *row);

bf_status bf_evaluation_create(bf_evaluation *out, const bf_evaluate_options *options, bf_error *err);
void bf_evaluation_clear(bf_evaluation *e);

/* Freed with bf_free; NULL when memory is short. */
char *bf_evaluation_json(const bf_evaluation *e, const bf_evaluate_options *options);
char *bf_evaluation_text(const bf_evaluation *e);
/* metrics.json, roc.csv, froc.csv. */
bf_status bf_evaluation_write(const bf_evaluation *e, const bf_evaluate_options *options, bf_error *err);

#endif
