/* Areas under curves and thresholds against published examples and the plainest loops that compute them; what is not
 * defined is NaN. */
#include "metrics/metrics.h"
#include "metrics_support.h"

enum { most = 60 };

static double beats(double a, double b) { return a > b ? 1 : a == b ? 0.5 : 0; }

/* DeLong, DeLong, Clarke-Pearson 1988, equations 3 to 6, pair by pair. part[i]: structural component of image i. */
static double pairwise(double *part, const double *score, const uint8_t *label, int n, int *m) {
  double sum = 0;
  *m = 0;
  for (int i = 0; i < n; i++) *m += label[i];
  for (int i = 0; i < n; i++) {
    part[i] = 0;
    for (int k = 0; k < n; k++)
      if (label[k] != label[i]) part[i] += label[i] ? beats(score[i], score[k]) : beats(score[k], score[i]);
    part[i] /= label[i] ? n - *m : *m;
    if (label[i]) sum += part[i];
  }
  return sum / *m;
}

static double spread(const double *part, const uint8_t *label, int n, int which, double mean) {
  double sum = 0;
  int count = 0;
  for (int i = 0; i < n; i++)
    if (label[i] == which) sum += (part[i] - mean) * (part[i] - mean), count++;
  return sum / (count - 1) / count;
}

static void auc_pair_by_pair(void **state) {
  (void)state;
  bf_rng rng = bf_rng_make(11, 0, 0);
  bf_error err = {0};
  int checked = 0;
  for (int round = 0; round < 500; round++) {
    double score[most], part[most];
    uint8_t label[most];
    int n = draw_scores(score, label, most, &rng), m;
    double auc = pairwise(part, score, label, n, &m);
    bf_auc found;
    assert_int_equal(bf_metrics_auc(&found, score, label, n, &err), BF_OK);
    if (m == 0 || m == n) {
      assert_true(isnan(found.value) && isnan(found.interval.low));
      continue;
    }
    assert_true(near(found.value, auc));
    if (m < 2 || n - m < 2) continue;
    double variance = spread(part, label, n, 1, auc) + spread(part, label, n, 0, auc);
    if (!near(found.variance, variance)) fail_msg("%.17g instead of %.17g", found.variance, variance);
    if (variance > 0)
      assert_true(found.interval.low <= auc && found.interval.high >= auc && found.interval.low >= 0 &&
                  found.interval.high <= 1);
    else
      assert_true(isnan(found.interval.low) && isnan(found.interval.high));
    checked++;
  }
  assert_true(checked > 300);
}

static void two_models_on_the_same_images(void **state) {
  (void)state;
  bf_rng rng = bf_rng_make(12, 0, 0);
  bf_error err = {0};
  for (int round = 0; round < 200; round++) {
    double a[most], b[most], x[most], y[most];
    uint8_t label[most];
    int n = draw_scores(a, label, most, &rng), m;
    for (int i = 0; i < n; i++) b[i] = (double)bf_rng_below(&rng, 9);
    bf_auc_difference d;
    double first = pairwise(x, a, label, n, &m), second = pairwise(y, b, label, n, &m);
    assert_int_equal(bf_metrics_auc_paired(&d, a, b, label, n, &err), BF_OK);
    if (m < 2 || n - m < 2) continue;
    for (int i = 0; i < n; i++) x[i] -= y[i];
    double variance = spread(x, label, n, 1, first - second) + spread(x, label, n, 0, first - second);
    assert_true(near(d.value, first - second) && near(d.variance, variance));
    assert_true(d.p_value >= 0 && d.p_value <= 1);
    assert_int_equal(bf_metrics_auc_paired(&d, a, a, label, n, &err), BF_OK);
    assert_true(d.value == 0 && d.p_value == 1);
  }
}

/* The example of scikit-learn's manual, and Wilson's intervals of Newcombe 1998, table I. */
static void published_examples(void **state) {
  (void)state;
  const double score[] = {0.1, 0.4, 0.35, 0.8};
  const uint8_t label[] = {0, 0, 1, 1};
  bf_error err = {0};
  bf_auc auc;
  assert_int_equal(bf_metrics_auc(&auc, score, label, 4, &err), BF_OK);
  assert_true(near(auc.value, 0.75));
  assert_true(near(average_precision_of(score, label, 4), 0.5 + 0.5 * 2 / 3));
  static const struct {
    int64_t k, n;
    double low, high;
  } wilson[] = {{81, 263, 0.2553, 0.3662}, {15, 148, 0.0624, 0.1605}, {0, 20, 0, 0.1611}, {1, 29, 0.0061, 0.1718}};
  for (size_t i = 0; i < sizeof wilson / sizeof wilson[0]; i++) {
    bf_share s = bf_metrics_share(wilson[i].k, wilson[i].n);
    assert_true(fabs(s.interval.low - wilson[i].low) < 5e-5 && fabs(s.interval.high - wilson[i].high) < 5e-5);
  }
  assert_true(isnan(bf_metrics_share(0, 0).value));
}

/* 51 abnormal and 58 normal CT scans in five ratings (Hanley, McNeil 1982, table I), whose area they give as 0.893;
 * more digits, and the standard error, by numpy, pair by pair. */
static void ratings_of_hanley_and_mcneil(void **state) {
  (void)state;
  static const int scans[2][5] = {{33, 6, 6, 11, 2}, {3, 2, 2, 11, 33}};
  double score[109];
  uint8_t label[109];
  int n = 0;
  bf_error err = {0};
  bf_auc auc;
  for (int which = 0; which < 2; which++)
    for (int rating = 0; rating < 5; rating++)
      for (int k = 0; k < scans[which][rating]; k++) score[n] = rating + 1, label[n++] = (uint8_t)which;
  assert_int_equal(n, 109);
  assert_int_equal(bf_metrics_auc(&auc, score, label, n, &err), BF_OK);
  assert_true(fabs(auc.value - 0.893) < 5e-4);
  assert_near(auc.value, 0.8931710615280595);
  assert_near(sqrt(auc.variance), 0.030724408379381122);
}

/* 43 of the patients with ovarian cancer of DeLong, DeLong, Clarke-Pearson 1988, those with all three tests: albumin
 * and total protein (tenths), K-G score (a low one speaks for surgery), and whether surgery helped. Figures by numpy,
 * pair by pair. */
static void patients_of_delong(void **state) {
  (void)state;
  enum { n = 43 };
  static const int patients[n][4] = {
      {30, 58, 10, 0}, {32, 63, 5, 1}, {39, 68, 3, 1}, {28, 48, 6, 0}, {32, 58, 3, 1}, {9, 40, 5, 0},  {25, 57, 8, 0},
      {16, 56, 5, 1},  {38, 57, 5, 1}, {37, 67, 6, 1}, {32, 54, 4, 1}, {38, 66, 6, 1}, {41, 66, 5, 1}, {36, 57, 5, 1},
      {43, 70, 4, 1},  {36, 67, 4, 0}, {23, 44, 6, 1}, {42, 76, 4, 0}, {40, 66, 6, 0}, {35, 58, 6, 1}, {38, 68, 7, 1},
      {30, 47, 8, 0},  {45, 74, 5, 1}, {37, 74, 5, 1}, {31, 66, 6, 1}, {41, 82, 6, 1}, {43, 70, 5, 1}, {43, 65, 4, 1},
      {32, 51, 5, 1},  {26, 47, 6, 1}, {33, 68, 6, 0}, {17, 40, 7, 0}, {37, 61, 5, 1}, {33, 63, 7, 1}, {42, 77, 6, 1},
      {35, 62, 5, 1},  {29, 57, 9, 0}, {21, 48, 7, 1}, {28, 62, 8, 0}, {40, 70, 7, 1}, {33, 57, 6, 1}, {37, 69, 5, 1},
      {36, 66, 5, 1}};
  static const double areas[3] = {0.7365591397849462, 0.6478494623655914, 0.7258064516129032},
                      errors[3] = {0.09269434605240269, 0.10004737558374194, 0.10282160898004764},
                      less[2] = {0.010752688172043001, -0.07795698924731187},
                      less_errors[2] = {0.09534361773009381, 0.1046095887181327}, p_values[2] = {0.9102, 0.4561};
  double test[3][n];
  uint8_t label[n];
  bf_error err = {0};
  for (int i = 0; i < n; i++) {
    test[0][i] = patients[i][0];
    test[1][i] = patients[i][1];
    test[2][i] = -patients[i][2];
    label[i] = (uint8_t)patients[i][3];
  }
  for (int k = 0; k < 3; k++) {
    bf_auc auc;
    assert_int_equal(bf_metrics_auc(&auc, test[k], label, n, &err), BF_OK);
    assert_near(auc.value, areas[k]);
    assert_near(sqrt(auc.variance), errors[k]);
  }
  for (int k = 0; k < 2; k++) {
    bf_auc_difference d;
    assert_int_equal(bf_metrics_auc_paired(&d, test[k], test[2], label, n, &err), BF_OK);
    assert_near(d.value, less[k]);
    assert_near(sqrt(d.variance), less_errors[k]);
    assert_true(fabs(d.p_value - p_values[k]) < 5e-5);
  }
}

/* What scikit-learn 1.2.1 says: roc_auc_score with max_fpr, average_precision_score. */
static void as_scikit_learn(void **state) {
  (void)state;
  static const double rates[] = {0.05, 0.1, 0.25, 0.5, 1},
                      partial[] = {0.6923076923076923, 0.6842105263157895, 0.76, 0.7966666666666666, 0.82};
  const double *score = twenty_scores();
  for (int i = 0; i < 5; i++) assert_near(partial_auc_of(score, twenty_labels, twenty, rates[i]), partial[i]);
  assert_near(average_precision_of(score, twenty_labels, twenty), 0.8423809523809523);
  assert_nan(partial_auc_of(score, twenty_labels, 2, 0.1)); /* one class */
  assert_nan(partial_auc_of(score, twenty_labels, twenty, 0));
  assert_nan(partial_auc_of(score, twenty_labels, twenty, 1.5));
  static const double tied[4] = {1, 1, 1, 1};
  static const uint8_t half[4] = {0, 1, 0, 1};
  assert_near(partial_auc_of(tied, half, 4, 0.3), 0.5);
}

/* precision_recall_curve(y, p) of scikit-learn 1.2.1, from the highest threshold, without its last point. */
static void precision_over_recall(void **state) {
  (void)state;
  static const double recall[15] = {0.1, 0.2, 0.4, 0.4, 0.5, 0.6, 0.7, 0.8, 0.8, 0.8, 0.9, 0.9, 1, 1, 1},
                      precision[15] = {1,        1,       1,   0.8,      5.0 / 6,   6.0 / 7,   7.0 / 9, 0.8,
                                       8.0 / 11, 2.0 / 3, 0.6, 9.0 / 16, 10.0 / 18, 10.0 / 19, 0.5};
  bf_recall_point points[twenty];
  bf_error err = {0};
  int64_t count;
  assert_int_equal(bf_metrics_precision_recall(&count, points, twenty_scores(), twenty_labels, twenty, &err), BF_OK);
  assert_int_equal(count, 15);
  for (int i = 0; i < 15; i++) {
    assert_true(points[i].threshold == (15 - i) / 16.0);
    assert_near(points[i].recall, recall[i]);
    assert_near(points[i].precision, precision[i]);
  }
  static const uint8_t none[3] = {0, 0, 0};
  for (int n = 0; n <= 3; n += 3) {
    assert_int_equal(bf_metrics_precision_recall(&count, points, twenty_scores(), none, n, &err), BF_OK);
    assert_int_equal(count, 0);
  }
}

/* Whatever is rounded on its way to a file, a threshold calls what it was chosen to call. */
static void thresholds_keep_their_promise(void **state) {
  (void)state;
  bf_rng rng = bf_rng_make(13, 0, 0);
  int checked = 0;
  for (int round = 0; round < 400; round++) {
    double score[most];
    uint8_t label[most];
    int n = draw_scores(score, label, most, &rng), m = 0;
    for (int i = 0; i < n; i++) m += label[i], score[i] = (float)(0.05 + score[i] / 2.7);
    double target = bf_rng_uniform(&rng), wanted = round % 2 ? 1 : target;
    double t = threshold_at_sensitivity(score, label, n, wanted), u = threshold_at_specificity(score, label, n, wanted),
           youden = youden_of(score, label, n);
    if (m == 0 || m == n) {
      assert_true(isnan(t) && isnan(youden) && isnan(u));
      continue;
    }
    for (int i = 0; i < n; i++)
      assert_true(fabs(score[i] - t) > 1e-4 && fabs(score[i] - youden) > 1e-4 && fabs(score[i] - u) > 1e-4);
    assert_true(bf_metrics_confusion(score, label, n, u).specificity.value >= wanted - 1e-12);
    for (int i = 0; i < n; i++) /* no lower one would do */
      if (score[i] < u) assert_true(bf_metrics_confusion(score, label, n, score[i]).specificity.value < wanted);
    assert_true(bf_metrics_confusion(score, label, n, t).sensitivity.value >= wanted - 1e-12);
    double best = -1, own;
    for (int i = 0; i < n; i++) {
      bf_confusion c = bf_metrics_confusion(score, label, n, score[i]);
      best = fmax(best, c.sensitivity.value + c.specificity.value);
    }
    bf_confusion c = bf_metrics_confusion(score, label, n, youden);
    own = c.sensitivity.value + c.specificity.value;
    assert_true(near(own, best));
    checked++;
  }
  assert_true(checked > 300);
}

/* By hand: where every score is called wrongly, at the ends, and beside infinities. */
static void thresholds_at_the_ends(void **state) {
  (void)state;
  static const uint8_t label[4] = {1, 0, 1, 0};
  static const double probability[4] = {0.2, 0.8, 0.4, 0.6}, logit[4] = {-2, 5, -1, 3},
                      endless[4] = {-INFINITY, 3, 5, INFINITY};
  assert_near(threshold_at_specificity(probability, label, 4, 1), 0.9);
  assert_near(threshold_at_specificity(logit, label, 4, 1), 6);
  assert_near(threshold_at_specificity(probability, label, 4, 0.5), 0.7);
  assert_near(threshold_at_specificity(probability, label, 4, 0), 0.1);
  assert_near(threshold_at_sensitivity(probability, label, 4, 1), 0.1);
  assert_near(threshold_at_sensitivity(probability, label, 4, 0), 0.3); /* calls somebody rightly */
  assert_near(threshold_at_sensitivity(logit, label, 4, 1), -3);
  /* 5 is positive, 3 and infinity are not, -infinity is. */
  assert_nan(threshold_at_specificity(endless, label, 4, 1));
  assert_near(threshold_at_specificity(endless, label, 4, 0.5), 4);
  assert_true(threshold_at_specificity(endless, label, 4, 0) == -INFINITY);
  assert_near(threshold_at_sensitivity(endless, label, 4, 0.5), 4);
  static const uint8_t upper[3] = {0, 0, 1};
  static const double low[3] = {-INFINITY, -INFINITY, 2}, close[3] = {1, 1, 0x1.0000000000001p0};
  assert_near(youden_of(low, upper, 3), 1);
  /* Nothing lies between the two. */
  assert_true(youden_of(close, upper, 3) == close[2]);
}

static void infinite_scores(void **state) {
  (void)state;
  static const double score[6] = {-INFINITY, -INFINITY, 0, 1, INFINITY, INFINITY};
  static const uint8_t label[6] = {0, 1, 0, 1, 0, 1};
  bf_error err = {0};
  bf_auc auc;
  assert_int_equal(bf_metrics_auc(&auc, score, label, 6, &err), BF_OK);
  assert_near(auc.value, (0.5 + 2 + 2.5) / 9);
  assert_near(partial_auc_of(score, label, 6, 1), (0.5 + 2 + 2.5) / 9);
  assert_near(average_precision_of(score, label, 6), (1 / 2.0 + 2 / 3.0 + 3 / 6.0) / 3);
}

/* One positive says nothing about the positives' variance. */
static void one_of_a_class(void **state) {
  (void)state;
  static const double a[3] = {1, 2, 3}, b[3] = {3, 2, 1};
  static const uint8_t label[3] = {0, 0, 1}, none[3] = {0, 0, 0};
  bf_error err = {0};
  bf_auc auc;
  bf_auc_difference d;
  assert_int_equal(bf_metrics_auc(&auc, a, label, 3, &err), BF_OK);
  assert_true(auc.value == 1);
  assert_nan(auc.variance);
  assert_nan(auc.interval.low);
  assert_int_equal(bf_metrics_auc_paired(&d, a, b, label, 3, &err), BF_OK);
  assert_true(d.value == 1);
  assert_nan(d.p_value);
  assert_int_equal(bf_metrics_auc_paired(&d, a, b, none, 3, &err), BF_OK);
  assert_nan(d.value);
  assert_nan(average_precision_of(a, none, 3));
  assert_nan(average_precision_of(a, none, 0));
  assert_int_equal(bf_metrics_auc(&auc, a, none, 0, &err), BF_OK);
  assert_nan(auc.value);
}

/* 8 of 10 positives and 2 of 10 negatives are called. Intervals by numpy, from the formulas of the paper. */
static void predictive_values_elsewhere(void **state) {
  (void)state;
  static const double prevalence[3] = {0.01, 0.1, 0.5},
                      positive[3][3] = {{0.03883495145631069, 0.011133886168497243, 0.12663050283951985},
                                        {0.30769230769230776, 0.11020288417502189, 0.6146284431187427},
                                        {0.8, 0.5271119235282995, 0.9348707515802992}},
                      negative[3][3] = {{0.9974811083123425, 0.9910194587745809, 0.9992967920166822},
                                        {0.972972972972973, 0.90935450276827, 0.9923187275049115},
                                        {0.8, 0.5271119235282995, 0.9348707515802992}};
  const double *score = twenty_scores();
  bf_confusion c = bf_metrics_confusion(score, twenty_labels, twenty, 0.5);
  for (int k = 0; k < 3; k++) {
    bf_predictive p = bf_metrics_predictive_at(&c, prevalence[k]);
    const double found[2][3] = {{p.positive, p.positive_interval.low, p.positive_interval.high},
                                {p.negative, p.negative_interval.low, p.negative_interval.high}};
    for (int i = 0; i < 3; i++) {
      assert_near(found[0][i], positive[k][i]);
      assert_near(found[1][i], negative[k][i]);
    }
  }
  bf_predictive nobody = bf_metrics_predictive_at(&c, 0);
  assert_true(nobody.positive == 0 && nobody.negative == 1);
  c = bf_metrics_confusion(score, twenty_labels, twenty, 2); /* calls nobody */
  bf_predictive p = bf_metrics_predictive_at(&c, 0.1);
  assert_nan(p.positive);
  assert_near(p.negative, 0.9);
  assert_nan(p.negative_interval.low);
  c = bf_metrics_confusion(score, twenty_labels, 2, 0.5); /* one class */
  p = bf_metrics_predictive_at(&c, 0.1);
  assert_nan(p.positive);
  assert_nan(p.negative);
}

/* tp/20 - fp/20*t/(1 - t) with tp, fp counted by numpy. */
static void decisions(void **state) {
  (void)state;
  static const double thresholds[8] = {0, 0.1, 0.25, 0.5, 0.75, 0.9, 1, -0.1},
                      model[6] = {0.5, 0.45, 1.0 / 3, 0.3, 0.05, 0.05}, all[6] = {0.5, 4.0 / 9, 1.0 / 3, 0, -1, -4};
  bf_benefit_point points[8];
  bf_metrics_decision_curve(points, thresholds, 8, twenty_scores(), twenty_labels, twenty);
  for (int k = 0; k < 6; k++) {
    assert_true(points[k].threshold == thresholds[k] && points[k].none == 0);
    assert_near(points[k].model, model[k]);
    assert_near(points[k].all, all[k]);
  }
  assert_nan(points[6].model);
  assert_nan(points[7].all);
  bf_metrics_decision_curve(points, thresholds, 1, twenty_scores(), twenty_labels, 0);
  assert_nan(points[0].model);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(auc_pair_by_pair),
      cmocka_unit_test(two_models_on_the_same_images),
      cmocka_unit_test(published_examples),
      cmocka_unit_test(ratings_of_hanley_and_mcneil),
      cmocka_unit_test(patients_of_delong),
      cmocka_unit_test(as_scikit_learn),
      cmocka_unit_test(precision_over_recall),
      cmocka_unit_test(thresholds_keep_their_promise),
      cmocka_unit_test(thresholds_at_the_ends),
      cmocka_unit_test(infinite_scores),
      cmocka_unit_test(one_of_a_class),
      cmocka_unit_test(predictive_values_elsewhere),
      cmocka_unit_test(decisions),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
