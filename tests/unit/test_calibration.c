/* Errors of probabilities, the reliability curve and recalibration, against scikit-learn, numpy and hand. */
#include "metrics/calibration.h"

#include "metrics_support.h"

/* p = twenty_scores, y = twenty_labels; scikit-learn 1.2.1: brier_score_loss, log_loss; numpy: p.mean() - y.mean(), and
 * sum over k of |(p - y)[b == k].sum()| / 20 with b = np.minimum((p*5).astype(int), 4). */
static void as_scikit_learn(void **state) {
  (void)state;
  const double *p = twenty_scores();
  assert_near(bf_metrics_brier(p, twenty_labels, twenty), 0.1712890625);
  assert_near(bf_metrics_log_loss(p, twenty_labels, twenty), 0.5132401624587593);
  assert_near(bf_metrics_excess(p, twenty_labels, twenty), -0.015625);
  assert_near(bf_metrics_ece(p, twenty_labels, twenty, 5), 0.084375);
}

static void by_hand(void **state) {
  (void)state;
  const double p[] = {0.95, 0.9, 0.1, 0.1, 1, 0};
  const uint8_t label[] = {1, 0, 0, 1, 1, 0}, wrong[] = {1, 0};
  const double sure[] = {0, 1};
  /* Ten bins: {0.95, 0.9, 1} holds 2 of 3, {0.1, 0.1} 1 of 2, {0} 0 of 1. */
  double ece = (fabs(2.85 - 2) + fabs(0.2 - 1) + 0) / 6;
  assert_near(bf_metrics_ece(p, label, 6, 10), ece);
  assert_near(bf_metrics_brier(p, label, 6), (0.0025 + 0.81 + 0.01 + 0.81) / 6);
  double loss = -(log(0.95) + log(0.1) + log(0.9) + log(0.1)) / 6;
  assert_true(fabs(bf_metrics_log_loss(p, label, 6) - loss) < 1e-9);
  /* Sure and wrong: large, and finite. */
  assert_true(fabs(bf_metrics_log_loss(sure, wrong, 2) - -log(1e-15)) < 0.11);
  assert_nan(bf_metrics_brier(p, label, 0));
  assert_nan(bf_metrics_ece(p, label, 0, 10));
  assert_nan(bf_metrics_ece(p, label, 6, 0));
  assert_nan(bf_metrics_log_loss(p, label, 0));
  assert_nan(bf_metrics_excess(p, label, 0));
}

static void bins(void **state) {
  (void)state;
  static const double p[] = {0, 0.0999, 0.1, 0.5, 0.999, 1, -0.1, 1.1};
  static const int bin[] = {0, 0, 1, 5, 9, 9, 0, 9};
  for (int i = 0; i < 8; i++) assert_int_equal(bf_metrics_bin(p[i], 10), bin[i]);
}

/* Counts and means by numpy, with the bins of as_scikit_learn. */
static void bins_of_equal_width(void **state) {
  (void)state;
  static const int count[5] = {4, 5, 4, 3, 4}, positive[5] = {1, 1, 2, 2, 4};
  static const double predicted[5] = {0.140625, 0.3125, 0.515625, 0.6875, 0.859375};
  bf_reliability_bin found[100];
  bf_error err = {0};
  const double *p = twenty_scores();
  assert_int_equal(bf_metrics_reliability(found, 5, BF_BIN_WIDTH, p, twenty_labels, twenty, &err), BF_OK);
  for (int b = 0; b < 5; b++) {
    assert_int_equal(found[b].n, count[b]);
    assert_int_equal(found[b].observed.k, positive[b]);
    assert_near(found[b].predicted, predicted[b]);
    assert_near(found[b].low, b / 5.0);
    assert_near(found[b].high, (b + 1) / 5.0);
    assert_near(found[b].observed.interval.low, bf_metrics_share(positive[b], count[b]).interval.low);
  }
  assert_int_equal(bf_metrics_reliability(found, 100, BF_BIN_WIDTH, p, twenty_labels, twenty, &err), BF_OK);
  assert_int_equal(found[50].n, 1); /* 8/16 */
  assert_int_equal(found[51].n, 0);
  assert_nan(found[51].predicted);
  assert_nan(found[51].observed.value);
  assert_near(found[51].low, 0.51);
  assert_int_equal(bf_metrics_reliability(found, 0, BF_BIN_WIDTH, p, twenty_labels, twenty, &err), BF_E_ARGUMENT);
}

/* Five would stand in each of four; 5/16, three times, may not be parted, nor may 9/16. Sorted sixteenths:
 * 1 2 3 3 4 | 5 5 5 6 7 | 8 9 9 10 11 | 12 13 13 14 15. In three bins the cuts at 6.67 and 13.33 go to 8 and 13. */
static void bins_of_equal_count(void **state) {
  (void)state;
  bf_reliability_bin found[4];
  bf_error err = {0};
  const double *p = twenty_scores();
  assert_int_equal(bf_metrics_reliability(found, 4, BF_BIN_COUNT, p, twenty_labels, twenty, &err), BF_OK);
  for (int b = 0; b < 4; b++) assert_int_equal(found[b].n, 5);
  assert_near(found[1].predicted, 28 / 80.0);
  assert_near(found[1].low, 5 / 16.0);
  assert_near(found[1].high, 7 / 16.0);
  assert_int_equal(found[1].observed.k, 1);
  assert_int_equal(bf_metrics_reliability(found, 3, BF_BIN_COUNT, p, twenty_labels, twenty, &err), BF_OK);
  assert_int_equal(found[0].n, 8);
  assert_int_equal(found[1].n, 5);
  assert_int_equal(found[2].n, 7);
  static const double same[4] = {0.3, 0.3, 0.3, 0.3};
  assert_int_equal(bf_metrics_reliability(found, 2, BF_BIN_COUNT, same, twenty_labels, 4, &err), BF_OK);
  assert_int_equal(found[0].n, 4);
  assert_int_equal(found[1].n, 0);
  assert_nan(found[1].low);
  assert_int_equal(bf_metrics_reliability(found, 2, BF_BIN_COUNT, same, twenty_labels, 0, &err), BF_OK);
  assert_int_equal(found[0].n + found[1].n, 0);
}

/* LogisticRegression(penalty="none", solver="newton-cg", tol=1e-14).fit(scipy.special.logit(p)[:, None], y), and
 * numpy's Newton steps for the last digits and the inverse information; the offset by scipy.optimize.brentq. */
static void recalibrated_as_others_do(void **state) {
  (void)state;
  bf_recalibration r = recalibration_of(twenty_scores(), twenty_labels, twenty);
  assert_near(r.intercept, 0.10509735078258088);
  assert_near(r.slope, 1.1594624781500313);
  assert_near(r.intercept_interval.low, -0.968298871636989);
  assert_near(r.intercept_interval.high, 1.1784935732021509);
  assert_near(r.slope_interval.low, 0.09726915157509497);
  assert_near(r.slope_interval.high, 2.2216558047249677);
  assert_near(r.offset, 0.08581919928861978);
  assert_near(r.offset_interval.low, -0.9407631956262988);
  assert_near(r.offset_interval.high, 1.1124015942035383);
}

/* What was made from a known line comes back: logit(chance) = 0.7 + 0.5 logit(p), as counts of 1000. */
static void a_known_line_comes_back(void **state) {
  (void)state;
  enum { levels = 9, each = 1000 };
  static double p[levels * each];
  static uint8_t label[levels * each];
  for (int k = 0; k < levels; k++) {
    double logit = k - 4.0, chance = 1 / (1 + exp(-0.7 - 0.5 * logit));
    for (int i = 0; i < each; i++) {
      p[k * each + i] = 1 / (1 + exp(-logit));
      label[k * each + i] = i < lround(chance * each);
    }
  }
  bf_recalibration r = recalibration_of(p, label, levels * each);
  assert_true(fabs(r.slope - 0.5) < 1e-3 && fabs(r.intercept - 0.7) < 1e-3);
}

static void recalibration_that_has_no_maximum(void **state) {
  (void)state;
  static const double apart[4] = {0.1, 0.2, 0.7, 0.8}, touching[4] = {0.1, 0.5, 0.5, 0.8},
                      same[4] = {0.5, 0.5, 0.5, 0.5}, sure[4] = {0, 1, 0, 1};
  static const uint8_t rising[4] = {0, 0, 1, 1}, falling[4] = {1, 1, 0, 0}, one[4] = {1, 1, 1, 1};
  const double *parted[] = {apart, touching, same};
  for (int k = 0; k < 3; k++)
    for (int way = 0; way < 2; way++) {
      bf_recalibration r = recalibration_of(parted[k], way ? rising : falling, 4);
      assert_nan(r.slope);
      assert_nan(r.intercept);
      assert_nan(r.slope_interval.low);
      assert_true(isfinite(r.offset));
    }
  assert_true(fabs(recalibration_of(same, rising, 4).offset) < 1e-12);
  /* Far off: the first step of Newton's method would be of 5e8, or of 5e14. */
  static const double far[4] = {1 - 1e-9, 1 - 1e-9, 1 - 1e-9, 1 - 1e-9}, certain[4] = {1, 1, 1, 1};
  assert_true(fabs(recalibration_of(far, rising, 4).offset + log((1 - 1e-9) / 1e-9)) < 1e-6);
  assert_true(fabs(recalibration_of(certain, rising, 4).offset + log(1e15)) < 0.2);
  assert_nan(recalibration_of(apart, one, 4).offset);
  assert_nan(recalibration_of(apart, one, 0).slope);
  /* Sure, and right every second time: probabilities of 0 and 1 have a finite logit here, and the slope says 0. */
  bf_recalibration r = recalibration_of(sure, rising, 4);
  assert_true(fabs(r.slope) < 1e-9 && fabs(r.intercept) < 1e-9);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(as_scikit_learn),
      cmocka_unit_test(by_hand),
      cmocka_unit_test(bins),
      cmocka_unit_test(bins_of_equal_width),
      cmocka_unit_test(bins_of_equal_count),
      cmocka_unit_test(recalibrated_as_others_do),
      cmocka_unit_test(a_known_line_comes_back),
      cmocka_unit_test(recalibration_that_has_no_maximum),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
