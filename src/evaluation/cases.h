/* Cases: scored images joined with what is known of them, and the patients that they are of. Truth comes from label
 * files, or from the dataset that a training was made from. Figures are taken of cases (assess.h), and know neither
 * files nor labels. */
#ifndef BF_EVALUATION_CASES_H
#define BF_EVALUATION_CASES_H

#include "data/labels.h"
#include "metrics/metrics.h"
#include "store/dataset.h"
#include "store/scores.h"

enum { BF_ROW_STATUSES = 10 };

/* One image, or several of one breast or study taken together (units.h). */
typedef struct bf_case {
  int64_t row;        /* of the scores; of several images the first */
  double probability; /* malignant; NaN: none */
  double rank;        /* what orders cases: the logit, because the probabilities of large ones are all 1; where logits
                         are of several scales, the probability */
  int8_t malignant;   /* -1 unknown */
  bool lesions_known;
  bool outlined;       /* a found and a drawn mask are there */
  bool found_anything; /* the found mask is not empty */
  bf_hit_image boxes;  /* where lesions_known */
  double dice, iou;    /* of masks; NaN where not outlined, or nothing was drawn */
  int32_t patient;     /* 0 .. patients-1 */
  bf_label *label;     /* what people said of it, borrowed; NULL: truth is a dataset's */
  int64_t record;      /* row of the dataset; -1: truth is that of labels */
  const char *said;    /* whose it is, as labels or dataset say; borrowed of them; NULL or "": they do not */
} bf_case;

/* What happened to the rows of the scores. */
typedef struct bf_case_counts {
  int64_t rows, failed, failed_by[BF_ROW_STATUSES]; /* the last counts all later statuses too */
  int64_t left_out;                                 /* by rule: neither good nor failed */
  int64_t unlabelled;                               /* good rows of which nothing is known */
  int64_t seen;                                     /* cases of images that the model was trained or validated on */
  int64_t unlike;   /* cases that were scored though they are unlike what the model was trained on */
  int64_t repeated; /* good rows whose image and frame an earlier row has; they count like others */
  int64_t labels_unmatched;
  int64_t masks_unfit;   /* rows whose masks could not be read or have another size */
  int64_t lesions_unfit; /* images whose lesions are unknown because a box lies outside, or is of another size */
} bf_case_counts;

typedef struct bf_cases {
  bf_scores *scores; /* borrowed */
  bf_case *items;    /* owned, in the order of their rows */
  int64_t count;
  int32_t patients;
  bool patients_known; /* every case says whose it is; else some stand for themselves, or for their study */
  bf_hit_box *boxes;   /* owned */
  bf_case_counts counts;
} bf_cases;

/* Joins scores with labels, which stay the caller's, as the scores do, and outlive the cases. Reads masks. No row that
 * the labels speak of: BF_E_NOT_FOUND. name: of the scores, for messages. */
bf_status bf_cases_of_labels(bf_cases *out, bf_scores *scores, bf_labels *labels, const char *name, bf_error *err);
/* The same with what a dataset holds, whose rows are found by image and frame. */
bf_status bf_cases_of_dataset(bf_cases *out, bf_scores *scores, bf_dataset *data, const char *name, bf_error *err);
/* The good rows, of which nothing else is known. */
bf_status bf_cases_of_scores(bf_cases *out, bf_scores *scores, bf_error *err);
void bf_cases_clear(bf_cases *cases); /* accepts zeroed ones */

/* The row of a case. */
static inline const bf_score_row *bf_case_row(const bf_cases *cases, const bf_case *one) {
  return &cases->scores->rows[one->row];
}

#endif
