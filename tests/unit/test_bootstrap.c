/* Weighted figures against plain ones, and intervals against what theory says. */
#include "base/rng.h"
#include "metrics/bootstrap.h"
#include "net_support.h"

enum { most = 600 };

static double score_a[most], score_b[most];
static uint8_t label[most];
static int64_t alone[most];

/* Two raters of the same images, correlated; some ties. */
static void make_scores(int n, double skill_a, double skill_b, uint64_t key) {
  bf_rng rng = bf_rng_make(key, 1, 2);
  for (int i = 0; i < n; i++) {
    label[i] = i % 3 == 0;
    double common = bf_rng_normal(&rng);
    score_a[i] = round(8 * (skill_a * label[i] + common + 0.5 * bf_rng_normal(&rng)));
    score_b[i] = round(8 * (skill_b * label[i] + common + 0.5 * bf_rng_normal(&rng)));
    alone[i] = i;
  }
}

static bf_auc_data auc_data(const double *score, int n) {
  bf_error err = {0};
  bf_auc_data d;
  assert_int_equal(bf_auc_data_make(&d, score, label, n, &err), BF_OK);
  return d;
}

/* Whole weights are repeated images. */
static void auc_of_repeated_images(void **unused) {
  (void)unused;
  bf_error err = {0};
  static double repeated[3 * most];
  static uint8_t labels[3 * most];
  double weight[most];
  make_scores(200, 0.8, 0.8, 3);
  int64_t n = 0;
  for (int i = 0; i < 200; i++) {
    weight[i] = i % 4; /* 0: left out */
    for (int k = 0; k < i % 4; k++) repeated[n] = score_a[i], labels[n++] = label[i];
  }
  bf_auc whole;
  assert_int_equal(bf_metrics_auc(&whole, repeated, labels, n, &err), BF_OK);
  bf_auc_data d = auc_data(score_a, 200);
  assert_float_equal(bf_auc_weighted(&d, weight), whole.value, 1e-12);
  for (int i = 0; i < 200; i++) weight[i] = label[i];
  assert_true(isnan(bf_auc_weighted(&d, weight))); /* one class alone */
  bf_auc_data_clear(&d);
}

/* Images with one lesion each, and some boxes; `shift` moves the scores of the false ones. */
static void make_boxes(bf_hit_image *images, bf_hit_box *boxes, int n, uint64_t key, double skill) {
  bf_rng rng = bf_rng_make(key, 3, 4);
  for (int i = 0; i < n; i++) {
    bf_hit_box *b = boxes + 4 * i;
    b[0] = (bf_hit_box){10, 10, 20, 20, 0};
    bool hit = bf_rng_uniform(&rng) < 0.8;
    b[1] = hit ? (bf_hit_box){10, 10, 20, 19, round(20 * (bf_rng_uniform(&rng) + skill)) / 20}
               : (bf_hit_box){40, 10, 50, 20, round(20 * bf_rng_uniform(&rng)) / 20};
    b[2] = (bf_hit_box){60, 10, 70, 20, round(20 * bf_rng_uniform(&rng)) / 20};
    b[3] = (bf_hit_box){80, 10, 90, 20, round(20 * bf_rng_uniform(&rng)) / 20};
    images[i] = (bf_hit_image){b, b + 1, i % 5 != 4, 3};
  }
}

static void froc_of_repeated_images(void **unused) {
  (void)unused;
  bf_error err = {0};
  static bf_hit_image images[100], repeated[300];
  static bf_hit_box boxes[400];
  int64_t lesions[100], n = 0;
  double weight[100];
  make_boxes(images, boxes, 100, 7, 0.2);
  for (int i = 0; i < 100; i++) {
    weight[i] = i % 4;
    lesions[i] = images[i].truth_count;
    for (int k = 0; k < i % 4; k++) repeated[n++] = images[i];
  }
  bf_matching once, many;
  assert_int_equal(bf_metrics_match(&once, images, 100, BF_HIT_IOU50, &err), BF_OK);
  assert_int_equal(bf_metrics_match(&many, repeated, n, BF_HIT_IOU50, &err), BF_OK);
  static const double rates[] = {0.1, 0.25, 0.5, 1, 2};
  for (int r = 0; r < 5; r++) {
    bf_froc_data d = {&once, lesions, rates[r]};
    assert_float_equal(bf_froc_weighted(&d, weight), bf_metrics_froc(&many, rates[r]), 1e-12);
  }
  bf_matching_clear(&once);
  bf_matching_clear(&many);
}

/* Its standard error is that of DeLong's method, which needs no draws. */
static void auc_intervals_are_as_wide_as_delongs(void **unused) {
  (void)unused;
  bf_error err = {0};
  bf_paired p;
  bf_auc_difference theory;
  make_scores(most, 1.2, 0.8, 5);
  bf_auc_data a = auc_data(score_a, most), b = auc_data(score_b, most);
  assert_int_equal(bf_metrics_paired(&p, bf_auc_weighted, &a, &b, alone, most, most, 2000, 1, &err), BF_OK);
  assert_int_equal(bf_metrics_auc_paired(&theory, score_a, score_b, label, most, &err), BF_OK);
  assert_float_equal(p.difference, theory.value, 1e-12);
  assert_int_equal(p.resamples, 2000);
  double found = p.interval.high - p.interval.low, expected = theory.interval.high - theory.interval.low;
  if (fabs(found / expected - 1) > 0.1) fail_msg("width %g, DeLong's %g", found, expected);
  assert_true(p.interval.low < p.difference && p.difference < p.interval.high);
  assert_true(p.interval.low > 0); /* a is better, and it shows */
  bf_auc_data_clear(&a);
  bf_auc_data_clear(&b);
}

static void the_same_answers_do_not_differ(void **unused) {
  (void)unused;
  bf_error err = {0};
  bf_paired p;
  make_scores(100, 1, 1, 5);
  bf_auc_data a = auc_data(score_a, 100);
  assert_int_equal(bf_metrics_paired(&p, bf_auc_weighted, &a, &a, alone, 100, 100, 300, 1, &err), BF_OK);
  assert_true(p.difference == 0 && p.interval.low == 0 && p.interval.high == 0);
  bf_auc_data_clear(&a);
}

/* Four copies of each image say no more than one: by patient the interval stays, by image it would shrink. */
static void copies_say_nothing_new(void **unused) {
  (void)unused;
  bf_error err = {0};
  enum { n = 150 };
  double value_a[4 * n], value_b[4 * n];
  int64_t patient[4 * n];
  bf_rng rng = bf_rng_make(8, 8, 8);
  for (int i = 0; i < n; i++) {
    double x = bf_rng_normal(&rng), y = bf_rng_normal(&rng);
    for (int k = 0; k < 4; k++) value_a[4 * i + k] = x, value_b[4 * i + k] = y, patient[4 * i + k] = i;
  }
  bf_mean_data a = {value_a, 4 * n}, b = {value_b, 4 * n};
  bf_paired by_patient, by_image;
  assert_int_equal(bf_metrics_paired(&by_patient, bf_mean_weighted, &a, &b, patient, 4 * n, n, 2000, 1, &err), BF_OK);
  assert_int_equal(bf_metrics_paired(&by_image, bf_mean_weighted, &a, &b, alone, 4 * n, 4 * n, 2000, 1, &err), BF_OK);
  double wide = by_patient.interval.high - by_patient.interval.low,
         narrow = by_image.interval.high - by_image.interval.low;
  assert_float_equal(wide, 2 * 1.96 * sqrt(2.0 / n), 0.08);
  assert_float_equal(wide / narrow, 2, 0.25);
}

static void what_cannot_be_resampled(void **unused) {
  (void)unused;
  bf_error err = {0};
  bf_paired p;
  double value[4] = {1, 2, NAN, 3};
  const int64_t one[4] = {0, 0, 0, 0};
  bf_mean_data d = {value, 4};
  assert_int_equal(bf_metrics_paired(&p, bf_mean_weighted, &d, &d, one, 4, 1, 100, 1, &err), BF_OK);
  assert_true(p.a == 2 && p.difference == 0 && isnan(p.interval.low) && p.resamples == 0);
  value[0] = value[1] = value[3] = NAN; /* no figure at all */
  assert_int_equal(bf_metrics_paired(&p, bf_mean_weighted, &d, &d, alone, 4, 4, 100, 1, &err), BF_OK);
  assert_true(isnan(p.difference) && isnan(p.interval.high));
}

/* The mean's interval is that of theory, about the value and not about nothing. */
static void one_figure_alone(void **unused) {
  (void)unused;
  bf_error err = {0};
  static double value[most];
  double mean, sum = 0;
  bf_interval interval;
  bf_rng rng = bf_rng_make(5, 6, 7);
  for (int i = 0; i < most; i++) sum += value[i] = 3 + bf_rng_normal(&rng);
  bf_mean_data d = {value, most};
  assert_int_equal(bf_metrics_resampled(&mean, &interval, bf_mean_weighted, &d, alone, most, most, 2000, 1, &err),
                   BF_OK);
  assert_float_equal(mean, sum / most, 1e-12);
  assert_float_equal((interval.low + interval.high) / 2, mean, 0.02);
  assert_float_equal(interval.high - interval.low, 2 * 1.96 / sqrt(most), 0.02);
}

int main(void) {
  for (int i = 0; i < most; i++) alone[i] = i;
  const struct CMUnitTest tests[] = {cmocka_unit_test(auc_of_repeated_images),
                                     cmocka_unit_test(froc_of_repeated_images),
                                     cmocka_unit_test(auc_intervals_are_as_wide_as_delongs),
                                     cmocka_unit_test(the_same_answers_do_not_differ),
                                     cmocka_unit_test(copies_say_nothing_new),
                                     cmocka_unit_test(what_cannot_be_resampled),
                                     cmocka_unit_test(one_figure_alone)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
