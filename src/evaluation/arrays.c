/* Cases to the arrays that metrics take. */
#include <math.h>

#include "base/memory.h"
#include "evaluation/assess_parts.h"

int32_t bf_assess_close_up(int32_t *patient, int64_t n) {
  int32_t most = -1, count = 0;
  for (int64_t i = 0; i < n; i++)
    if (patient[i] > most) most = patient[i];
  int32_t *number = bf_alloc((size_t)most + 1, sizeof *number);
  if (number == NULL) return -1;
  for (int64_t i = 0; i < n; i++) {
    int32_t *mine = &number[patient[i]];
    if (*mine == 0) *mine = ++count;
    patient[i] = *mine - 1;
  }
  bf_free(number);
  return count;
}

bf_status bf_class_arrays_make(bf_class_arrays *a, const bf_case *items, const int64_t *members, int64_t count,
                               bf_error *err) {
  size_t room = (size_t)count;
  *a = (bf_class_arrays){bf_alloc(room, sizeof *a->probability),
                         bf_alloc(room, sizeof *a->rank),
                         bf_alloc(room, 1),
                         bf_alloc(room, sizeof *a->patient),
                         bf_alloc(room, sizeof *a->at),
                         0,
                         0,
                         0};
  bool good = a->probability && a->rank && a->label && a->patient && a->at;
  for (int64_t i = 0; i < count && good; i++) {
    const bf_case *one = bf_case_at(items, members, i);
    if (one->malignant < 0 || isnan(one->probability)) continue;
    a->probability[a->n] = one->probability;
    a->rank[a->n] = one->rank;
    a->label[a->n] = one->malignant > 0;
    a->patient[a->n] = one->patient;
    a->at[a->n++] = i;
    a->positives += one->malignant > 0;
  }
  if (good) a->patients = bf_assess_close_up(a->patient, a->n);
  if (good && a->patients >= 0) return BF_OK;
  bf_class_arrays_clear(a);
  return bf_fail(err, BF_E_MEMORY, "no memory for the scores of %lld cases", (long long)count);
}

void bf_class_arrays_clear(bf_class_arrays *a) {
  bf_free(a->probability);
  bf_free(a->rank);
  bf_free(a->label);
  bf_free(a->patient);
  bf_free(a->at);
  *a = (bf_class_arrays){0};
}

bf_status bf_lesion_arrays_make(bf_lesion_arrays *a, const bf_case *items, const int64_t *members, int64_t count,
                                bf_error *err) {
  size_t room = (size_t)count;
  *a = (bf_lesion_arrays){bf_alloc(room, sizeof *a->images), bf_alloc(room, sizeof *a->patient),
                          bf_alloc(room, sizeof *a->at), 0, 0};
  bool good = a->images && a->patient && a->at;
  for (int64_t i = 0; i < count && good; i++) {
    const bf_case *one = bf_case_at(items, members, i);
    if (!one->lesions_known) continue;
    a->images[a->n] = one->boxes;
    a->patient[a->n] = one->patient;
    a->at[a->n++] = i;
  }
  if (good) a->patients = bf_assess_close_up(a->patient, a->n);
  if (good && a->patients >= 0) return BF_OK;
  bf_lesion_arrays_clear(a);
  return bf_fail(err, BF_E_MEMORY, "no memory for the lesions of %lld cases", (long long)count);
}

void bf_lesion_arrays_clear(bf_lesion_arrays *a) {
  bf_free(a->images);
  bf_free(a->patient);
  bf_free(a->at);
  *a = (bf_lesion_arrays){0};
}

bf_status bf_mask_arrays_make(bf_mask_arrays *a, const bf_case *items, const int64_t *members, int64_t count,
                              bf_error *err) {
  size_t room = (size_t)count;
  *a = (bf_mask_arrays){bf_alloc(room, sizeof *a->dice), bf_alloc(room, sizeof *a->iou),
                        bf_alloc(room, sizeof *a->patient), 0, 0};
  bool good = a->dice && a->iou && a->patient;
  for (int64_t i = 0; i < count && good; i++) {
    const bf_case *one = bf_case_at(items, members, i);
    if (isnan(one->dice)) continue;
    a->dice[a->n] = one->dice;
    a->iou[a->n] = one->iou;
    a->patient[a->n++] = one->patient;
  }
  if (good) a->patients = bf_assess_close_up(a->patient, a->n);
  if (good && a->patients >= 0) return BF_OK;
  bf_mask_arrays_clear(a);
  return bf_fail(err, BF_E_MEMORY, "no memory for the masks of %lld cases", (long long)count);
}

void bf_mask_arrays_clear(bf_mask_arrays *a) {
  bf_free(a->dice);
  bf_free(a->iou);
  bf_free(a->patient);
  *a = (bf_mask_arrays){0};
}
