/* Short memory is an error of every figure that needs some, and never a figure that is not defined. */
#include "memory_support.h"

#include <math.h>

#include "metrics/metrics.h"
#include "metrics_support.h"

static bf_status roc(bf_error *err) {
  bf_roc_point points[twenty + 1];
  int64_t count = -1;
  bf_status status = bf_metrics_roc(&count, points, twenty_scores(), twenty_labels, twenty, err);
  assert_true(status == BF_OK ? count > 1 : count == 0);
  return status;
}

static bf_status precision_recall(bf_error *err) {
  bf_recall_point points[twenty];
  int64_t count = -1;
  bf_status status = bf_metrics_precision_recall(&count, points, twenty_scores(), twenty_labels, twenty, err);
  assert_true(status == BF_OK ? count > 1 : count == 0);
  return status;
}

/* Whatever the figure, it is NaN where it failed and a number where it did not. */
static bf_status told(bf_status status, double value) {
  assert_true((status == BF_OK) == isfinite(value));
  return status;
}

static bf_status average_precision(bf_error *err) {
  double value;
  bf_status status = bf_metrics_average_precision(&value, twenty_scores(), twenty_labels, twenty, err);
  return told(status, value);
}

static bf_status partial_auc(bf_error *err) {
  double value;
  bf_status status = bf_metrics_partial_auc(&value, twenty_scores(), twenty_labels, twenty, 0.2, err);
  return told(status, value);
}

static bf_status youden(bf_error *err) {
  double value;
  bf_status status = bf_metrics_youden(&value, twenty_scores(), twenty_labels, twenty, err);
  return told(status, value);
}

static bf_status at_sensitivity(bf_error *err) {
  double value;
  bf_status status = bf_metrics_threshold_at_sensitivity(&value, twenty_scores(), twenty_labels, twenty, 0.9, err);
  return told(status, value);
}

static bf_status at_specificity(bf_error *err) {
  double value;
  bf_status status = bf_metrics_threshold_at_specificity(&value, twenty_scores(), twenty_labels, twenty, 0.9, err);
  return told(status, value);
}

static bf_status auc(bf_error *err) {
  bf_auc found;
  bf_status status = bf_metrics_auc(&found, twenty_scores(), twenty_labels, twenty, err);
  return told(status, found.value);
}

static bf_status auc_paired(bf_error *err) {
  bf_auc_difference found;
  double other[twenty];
  for (int i = 0; i < twenty; i++) other[i] = i;
  bf_status status = bf_metrics_auc_paired(&found, twenty_scores(), other, twenty_labels, twenty, err);
  return told(status, found.value);
}

static bf_status ranked_by_logits(bf_error *err) {
  bool by_logits;
  return bf_metrics_ranked_by_logits(&by_logits, twenty_scores(), twenty_scores(), twenty, err);
}

static bf_status reliability(bf_error *err) {
  bf_reliability_bin bins[5];
  return bf_metrics_reliability(bins, 5, BF_BIN_COUNT, twenty_scores(), twenty_labels, twenty, err);
}

static bf_status recalibration(bf_error *err) {
  bf_recalibration found;
  bf_status status = bf_metrics_recalibration(&found, twenty_scores(), twenty_labels, twenty, err);
  return told(status, found.slope);
}

static void each_figure_says_so(void **state) {
  (void)state;
  static const struct {
    bf_status (*work)(bf_error *err);
    int least;
  } figures[] = {{roc, 1},         {precision_recall, 1}, {average_precision, 2}, {partial_auc, 2},
                 {youden, 2},      {at_sensitivity, 2},   {at_specificity, 2},    {auc, 5},
                 {auc_paired, 10}, {ranked_by_logits, 1}, {reliability, 1},       {recalibration, 1}};
  for (size_t i = 0; i < sizeof figures / sizeof figures[0]; i++)
    assert_tells_short_memory(figures[i].work, figures[i].least);
}

/* Where a class is absent there is no curve, and that is no failure. */
static void an_absent_class_is_none(void **state) {
  (void)state;
  static const uint8_t none[3] = {0};
  bf_error err = {0};
  bf_roc_point points[4];
  bf_recall_point recalls[3];
  int64_t count = -1;
  double value = 0;
  assert_int_equal(bf_metrics_roc(&count, points, twenty_scores(), none, 3, &err), BF_OK);
  assert_int_equal(count, 0);
  count = -1;
  assert_int_equal(bf_metrics_precision_recall(&count, recalls, twenty_scores(), none, 3, &err), BF_OK);
  assert_int_equal(count, 0);
  assert_int_equal(bf_metrics_youden(&value, twenty_scores(), none, 3, &err), BF_OK);
  assert_nan(value);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(each_figure_says_so), cmocka_unit_test(an_absent_class_is_none)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
