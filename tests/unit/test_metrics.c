/* Figures against published examples and against the plainest loops that compute them; what is not defined is NaN. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/rng.h"
#include "metrics/metrics.h"

enum { most = 60 };

static bool near(double a, double b) { return fabs(a - b) < 1e-12 + 1e-9 * fabs(b); }

/* Few distinct values, so that ties are common. */
static int draw(double *score, uint8_t *label, bf_rng *rng) {
  int n = 2 + (int)bf_rng_below(rng, most - 2);
  for (int i = 0; i < n; i++) {
    label[i] = bf_rng_uniform(rng) < 0.4;
    score[i] = (double)bf_rng_below(rng, 12) / 12 + 0.2 * label[i];
  }
  return n;
}

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
    int n = draw(score, label, &rng), m;
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
    assert_true(found.interval.low <= auc && found.interval.high >= auc && found.interval.low >= 0 &&
                found.interval.high <= 1);
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
    int n = draw(a, label, &rng), m;
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
  assert_true(near(bf_metrics_average_precision(score, label, 4), 0.5 + 0.5 * 2 / 3));
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

/* What scikit-learn 1.2.1 says: roc_auc_score with max_fpr, average_precision_score, brier_score_loss, log_loss. */
static void as_scikit_learn(void **state) {
  (void)state;
  static const int sixteenths[] = {1, 3, 3, 5, 5, 5, 7, 8, 9, 9, 11, 12, 13, 13, 14, 15, 2, 6, 10, 4};
  static const uint8_t label[] = {0, 0, 1, 0, 0, 1, 0, 1, 0, 1, 1, 0, 1, 1, 1, 1, 0, 0, 1, 0};
  static const double rates[] = {0.05, 0.1, 0.25, 0.5, 1},
                      partial[] = {0.6923076923076923, 0.6842105263157895, 0.76, 0.7966666666666666, 0.82};
  enum { n = sizeof label };
  double score[n];
  for (int i = 0; i < n; i++) score[i] = sixteenths[i] / 16.0;
  for (int i = 0; i < 5; i++) assert_true(near(bf_metrics_partial_auc(score, label, n, rates[i]), partial[i]));
  assert_true(near(bf_metrics_average_precision(score, label, n), 0.8423809523809523));
  assert_true(near(bf_metrics_brier(score, label, n), 0.1712890625));
  assert_true(near(bf_metrics_log_loss(score, label, n), 0.5132401624587593));
  assert_true(isnan(bf_metrics_partial_auc(score, label, 2, 0.1))); /* one class */
  assert_true(isnan(bf_metrics_partial_auc(score, label, n, 0)));
  assert_true(isnan(bf_metrics_partial_auc(score, label, n, 1.5)));
  static const double tied[4] = {1, 1, 1, 1};
  static const uint8_t half[4] = {0, 1, 0, 1};
  assert_true(near(bf_metrics_partial_auc(tied, half, 4, 0.3), 0.5));
}

/* Whatever is rounded on its way to a file, a threshold calls what it was chosen to call. */
static void thresholds_keep_their_promise(void **state) {
  (void)state;
  bf_rng rng = bf_rng_make(13, 0, 0);
  int checked = 0;
  for (int round = 0; round < 400; round++) {
    double score[most];
    uint8_t label[most];
    int n = draw(score, label, &rng), m = 0;
    for (int i = 0; i < n; i++) m += label[i], score[i] = (float)(0.05 + score[i] / 2.7);
    double target = bf_rng_uniform(&rng), wanted = round % 2 ? 1 : target;
    double t = bf_metrics_threshold_at_sensitivity(score, label, n, wanted),
           youden = bf_metrics_youden(score, label, n);
    if (m == 0 || m == n) {
      assert_true(isnan(t) && isnan(youden));
      continue;
    }
    for (int i = 0; i < n; i++) assert_true(fabs(score[i] - t) > 1e-4 && fabs(score[i] - youden) > 1e-4);
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

static void probabilities(void **state) {
  (void)state;
  const double p[] = {0.95, 0.9, 0.1, 0.1, 1, 0};
  const uint8_t label[] = {1, 0, 0, 1, 1, 0};
  /* Ten bins: {0.95, 0.9, 1} holds 2 of 3, {0.1, 0.1} 1 of 2, {0} 0 of 1. */
  double ece = (fabs(2.85 - 2) + fabs(0.2 - 1) + 0) / 6;
  assert_true(near(bf_metrics_ece(p, label, 6, 10), ece));
  assert_true(near(bf_metrics_brier(p, label, 6), (0.0025 + 0.81 + 0.01 + 0.81) / 6));
  double loss = -(log(0.95) + log(0.1) + log(0.9) + log(0.1)) / 6;
  assert_true(fabs(bf_metrics_log_loss(p, label, 6) - loss) < 1e-9);
  assert_true(isnan(bf_metrics_brier(p, label, 0)) && isnan(bf_metrics_ece(p, label, 0, 10)) &&
              isnan(bf_metrics_log_loss(p, label, 0)));
}

/* Two images, three lesions; found boxes by falling score: hit, false, hit twice (so false), hit. */
static void lesions_by_hand(void **state) {
  (void)state;
  const bf_hit_box truths[] = {{0, 0, 10, 10, 0}, {20, 20, 30, 30, 0}, {5, 5, 9, 9, 0}};
  const bf_hit_box found[] = {{0, 0, 10, 9, 0.9}, {40, 40, 50, 50, 0.8}, {1, 0, 10, 10, 0.7}, {5, 5, 9, 8, 0.6}};
  const bf_hit_image images[] = {{truths, found, 2, 3}, {truths + 2, found + 3, 1, 1}};
  bf_matching m;
  bf_error err = {0};
  assert_int_equal(bf_metrics_match(&m, images, 2, BF_HIT_IOU50, &err), BF_OK);
  assert_int_equal(m.lesions, 3);
  assert_true(near(bf_metrics_froc(&m, 0.25), 1.0 / 3) && near(bf_metrics_froc(&m, 0.5), 1.0 / 3));
  assert_true(near(bf_metrics_froc(&m, 1), 2.0 / 3) && near(bf_metrics_froc(&m, 8), 2.0 / 3));
  /* Precision 1 up to recall 1/3 (34 of 101 points), 1/2 up to 2/3 (33 more), 0 beyond. */
  assert_true(near(bf_metrics_box_precision(&m), (34 + 33 * 0.5) / 101));
  assert_true(near(bf_metrics_mean_best_iou(images, 2), (0.9 + 0 + 0.75) / 3));
  bf_matching_clear(&m);
  const bf_hit_image none[] = {{truths, found, 0, 3}};
  assert_int_equal(bf_metrics_match(&m, none, 1, BF_HIT_IOU50, &err), BF_OK);
  assert_true(isnan(bf_metrics_froc(&m, 1)) && isnan(bf_metrics_box_precision(&m)) &&
              isnan(bf_metrics_mean_best_iou(none, 1)));
  bf_matching_clear(&m);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(auc_pair_by_pair),
      cmocka_unit_test(two_models_on_the_same_images),
      cmocka_unit_test(published_examples),
      cmocka_unit_test(as_scikit_learn),
      cmocka_unit_test(thresholds_keep_their_promise),
      cmocka_unit_test(probabilities),
      cmocka_unit_test(lesions_by_hand),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
