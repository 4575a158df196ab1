/* Steps that the ways to make cases share; of this room alone. */
#ifndef BF_EVALUATION_CASES_MAKE_H
#define BF_EVALUATION_CASES_MAKE_H

#include <string.h>

#include "evaluation/cases.h"

/* Room for a case a row; counts what rows repeat. Clear also what failed. */
bf_status bf_cases_begin(bf_cases *cases, bf_scores *scores, bf_error *err);
/* Whether a case may be made of the row; counts it where not. */
bool bf_cases_count_row(bf_cases *cases, const bf_score_row *row);
/* A case of row `index`. */
bf_case *bf_cases_add(bf_cases *cases, int64_t index, int8_t malignant);
/* Gives all cases ranks on one scale: their logits, or where these are of several scales their probabilities. */
bf_status bf_cases_rank(bf_cases *cases, bf_error *err);
/* Warns of what the counts say. name: of the scores. */
void bf_cases_tell(const bf_cases *cases, const char *name);

/* What an image and frame is known by: SOP Instance UID, or file where there is none. For sorting and searching. */
typedef struct bf_image_key {
  const char *name;
  int32_t frame;
} bf_image_key;

static inline bf_image_key bf_image_key_of(const char *sop_instance_uid, const char *file, int32_t frame) {
  return (bf_image_key){sop_instance_uid[0] != '\0' ? sop_instance_uid : file, frame};
}

static inline int bf_image_key_order(bf_image_key a, bf_image_key b) {
  int order = strcmp(a.name, b.name);
  return order != 0 ? order : (a.frame > b.frame) - (a.frame < b.frame);
}

/* Lesions and found boxes, put behind *next, which is moved on. */
void bf_case_set_boxes(bf_case *one, bf_hit_box **next, const bf_lesion *lesions, int32_t count,
                       const bf_score_row *row);
/* The found mask of the case's row, which has one, against the drawn one. */
bf_status bf_case_set_overlap(bf_case *one, const bf_cases *cases, const uint8_t *drawn, bf_error *err);

/* Patients: cases that share what labels or dataset say of whose they are (said), a patient of the scores or a study
 * are of one. */
bf_status bf_cases_number_patients(bf_cases *cases, bf_error *err);

#endif
