/* The draws, the intervals that come of them, and each set of figures against the plain figures of images repeated as
 * often as they were drawn. */
#include "metrics/bootstrap.h"

#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "base/pool.h"
#include "metrics/drawn.h"
#include "metrics/metrics.h"
#include "metrics/order.h"
#include "metrics_support.h"

enum { most = 600 };

static double score_a[most], score_b[most];
static uint8_t label[most];

/* Two raters of the same images, correlated; some ties. */
static void make_scores(int n, double skill_a, double skill_b, uint64_t key) {
  bf_rng rng = bf_rng_make(key, 1, 2);
  for (int i = 0; i < n; i++) {
    label[i] = i % 3 == 0;
    double common = bf_rng_normal(&rng);
    score_a[i] = round(8 * (skill_a * label[i] + common + 0.5 * bf_rng_normal(&rng)));
    score_b[i] = round(8 * (skill_b * label[i] + common + 0.5 * bf_rng_normal(&rng)));
  }
}

static bf_ranked ranked_of(const double *score, const int32_t *cluster, int64_t n, int64_t clusters) {
  static const double thresholds[3] = {5, -4, NAN};
  bf_error err = {0};
  bf_ranked r;
  const bf_ranked_input in = {score, label, cluster, n, clusters, 0.2, NULL, thresholds, 3};
  assert_int_equal(bf_ranked_make(&r, &in, &err), BF_OK);
  return r;
}

/* ---- draws ---- */

static void draw_one(uint32_t *times, int64_t clusters, uint64_t seed, int round) {
  uint16_t *several = bf_alloc((size_t)clusters * BF_DRAWS, sizeof *several);
  assert_non_null(several);
  bf_metrics_draw(several, clusters, seed, round);
  for (int64_t c = 0; c < clusters; c++) times[c] = several[c * BF_DRAWS];
  bf_free(several);
}

static void draws_are_keyed_and_even(void **state) {
  (void)state;
  enum { clusters = 7, rounds = 7000 };
  uint32_t times[clusters], again[clusters];
  int64_t total[clusters] = {0}, twice = 0;
  for (int r = 0; r < rounds; r++) {
    int64_t sum = 0;
    draw_one(times, clusters, 5, r);
    for (int c = 0; c < clusters; c++) sum += times[c], total[c] += times[c];
    assert_int_equal(sum, clusters);
    twice += times[0] == 2;
  }
  /* A cluster's mean is 1 with a standard error of sqrt(6/7/7000) = 0.011; it comes twice in 21 * 6^5/7^7 = 0.198. */
  for (int c = 0; c < clusters; c++) assert_true(fabs((double)total[c] / rounds - 1) < 0.05);
  assert_true(fabs((double)twice / rounds - 0.198) < 0.02);
  draw_one(times, clusters, 5, 3);
  draw_one(again, clusters, 5, 3);
  assert_memory_equal(times, again, sizeof times);
  draw_one(again, clusters, 6, 3);
  assert_memory_not_equal(times, again, sizeof times);
  draw_one(times, 0, 5, 3);
}

/* ---- sets of figures ---- */

/* Images with up to two lesions each, and boxes of few scores. */
static void make_boxes(bf_hit_image *images, bf_hit_box *boxes, int n, uint64_t key) {
  bf_rng rng = bf_rng_make(key, 3, 4);
  for (int i = 0; i < n; i++) {
    bf_hit_box *b = boxes + 5 * i;
    b[0] = (bf_hit_box){10, 10, 20, 20, 0};
    b[1] = (bf_hit_box){30, 10, 40, 20, 0};
    bool hit = bf_rng_uniform(&rng) < 0.8;
    b[2] = (bf_hit_box){hit ? 10 : 50, 10, hit ? 20 : 60, 19, round(20 * (bf_rng_uniform(&rng) + 0.2)) / 20};
    b[3] = (bf_hit_box){60, 10, 70, 20, round(20 * bf_rng_uniform(&rng)) / 20};
    b[4] = (bf_hit_box){30, 10, 40, 20, round(20 * bf_rng_uniform(&rng)) / 20};
    images[i] = (bf_hit_image){b, b + 2, (i + 2) % 3, 3};
  }
}

/* 120 images of 40 patients, image i of patient i % 40, and what was drawn laid out image by image. */
enum { few = 120, patients = 40 };
typedef struct laid_out {
  int32_t cluster[few];
  uint32_t times[patients];
  int64_t image[8 * few], n;
} laid_out;

static void lay_out(laid_out *l, int round) {
  draw_one(l->times, patients, 17, round);
  l->n = 0;
  for (int i = 0; i < few; i++) {
    l->cluster[i] = i % patients;
    for (uint32_t k = 0; k < l->times[i % patients]; k++) {
      assert_true(l->n < 8 * few);
      l->image[l->n++] = i;
    }
  }
}

static void ranked_of_repeated_images(void **state) {
  (void)state;
  static laid_out l;
  static double score[8 * few];
  static uint8_t labels[8 * few];
  bf_error err = {0};
  make_scores(few, 0.8, 0.8, 3);
  lay_out(&l, 0);
  bf_ranked r = ranked_of(score_a, l.cluster, few, patients);
  assert_int_equal(r.figures, bf_ranked_at(3, 0));
  for (int round = 0; round < 50; round++) {
    double found[BF_RANKED_THRESHOLDS + 3 * BF_AT_FIGURES];
    bf_auc auc;
    lay_out(&l, round);
    for (int64_t i = 0; i < l.n; i++) score[i] = score_a[l.image[i]], labels[i] = label[l.image[i]];
    drawn(found, bf_ranked_figures, &r, r.figures, l.times, patients);
    assert_int_equal(bf_metrics_auc(&auc, score, labels, l.n, &err), BF_OK);
    assert_near(found[BF_RANKED_AUC], auc.value);
    assert_near(found[BF_RANKED_AVERAGE_PRECISION], average_precision_of(score, labels, l.n));
    assert_near(found[BF_RANKED_PARTIAL_AUC], partial_auc_of(score, labels, l.n, 0.2));
    for (int t = 0; t < 2; t++) {
      bf_confusion c = bf_metrics_confusion(score, labels, l.n, t == 0 ? 5 : -4);
      assert_near(found[bf_ranked_at(t, BF_AT_SENSITIVITY)], c.sensitivity.value);
      assert_near(found[bf_ranked_at(t, BF_AT_SPECIFICITY)], c.specificity.value);
      assert_near(found[bf_ranked_at(t, BF_AT_POSITIVE_PREDICTIVE)], c.positive_predictive.value);
      assert_near(found[bf_ranked_at(t, BF_AT_NEGATIVE_PREDICTIVE)], c.negative_predictive.value);
    }
    for (int at = 0; at < BF_AT_FIGURES; at++) assert_nan(found[bf_ranked_at(2, at)]);
  }
  bf_ranked_clear(&r);
  bf_ranked_clear(&r);
}

/* Thresholds are held against the probability, whatever the order goes by. */
static void thresholds_on_another_scale(void **state) {
  (void)state;
  static const double logit[4] = {40, 50, -1, -2}, probability[4] = {1, 1, 0.26, 0.12}, twice[2] = {0.2, 0.2};
  static const uint8_t labels[4] = {0, 1, 1, 0};
  static const uint32_t once[4] = {1, 1, 1, 1};
  double found[BF_RANKED_THRESHOLDS + 2 * BF_AT_FIGURES];
  bf_error err = {0};
  bf_ranked r;
  const bf_ranked_input in = {logit, labels, NULL, 4, 4, 0, probability, twice, 2};
  assert_int_equal(bf_ranked_make(&r, &in, &err), BF_OK);
  drawn(found, bf_ranked_figures, &r, r.figures, once, 4);
  assert_near(found[BF_RANKED_AUC], 0.75); /* not tied at 1 */
  assert_nan(found[BF_RANKED_PARTIAL_AUC]);
  for (int t = 0; t < 2; t++) {
    assert_near(found[bf_ranked_at(t, BF_AT_SENSITIVITY)], 1);
    assert_near(found[bf_ranked_at(t, BF_AT_SPECIFICITY)], 0.5);
    assert_near(found[bf_ranked_at(t, BF_AT_POSITIVE_PREDICTIVE)], 2.0 / 3);
  }
  bf_ranked_clear(&r);
}

static void calibrated_of_repeated_images(void **state) {
  (void)state;
  static laid_out l;
  static double p[8 * few], all[few];
  static uint8_t labels[8 * few];
  bf_error err = {0};
  bf_calibrated c;
  bf_rng rng = bf_rng_make(9, 9, 9);
  for (int i = 0; i < few; i++) all[i] = i < 4 ? i / 2 : bf_rng_uniform(&rng), label[i] = i % 3 == 0; /* 0 and 1 too */
  lay_out(&l, 0);
  for (int round = 0; round < 50; round++) {
    int bins = round % 2 ? 15 : 400; /* of 400 most are empty */
    assert_int_equal(bf_calibrated_make(&c, all, label, l.cluster, few, patients, bins, &err), BF_OK);
    double found[BF_CALIBRATED_FIGURES];
    lay_out(&l, round);
    for (int64_t i = 0; i < l.n; i++) p[i] = all[l.image[i]], labels[i] = label[l.image[i]];
    drawn(found, bf_calibrated_figures, &c, BF_CALIBRATED_FIGURES, l.times, patients);
    assert_near(found[BF_CALIBRATED_BRIER], bf_metrics_brier(p, labels, l.n));
    assert_near(found[BF_CALIBRATED_LOG_LOSS], bf_metrics_log_loss(p, labels, l.n));
    assert_near(found[BF_CALIBRATED_ECE], bf_metrics_ece(p, labels, l.n, bins));
    assert_near(found[BF_CALIBRATED_EXCESS], bf_metrics_excess(p, labels, l.n));
    bf_calibrated_clear(&c);
  }
  bf_calibrated_clear(&c);
  assert_int_equal(bf_calibrated_make(&c, all, label, l.cluster, few, patients, 0, &err), BF_E_ARGUMENT);
}

static const double rates[] = {1, 0.1, 0.25, 2, 0.5}; /* in no order */
enum { rate_count = sizeof rates / sizeof *rates, boxed_figures = BF_BOXED_RATES + rate_count };

static void boxed_of_repeated_images(void **state) {
  (void)state;
  static laid_out l;
  static bf_hit_image images[few], repeated[8 * few];
  static bf_hit_box boxes[5 * few];
  bf_error err = {0};
  bf_matching once, narrowed, many;
  static uint8_t every_second[2 * few], repeated_second[16 * few];
  make_boxes(images, boxes, few, 7);
  lay_out(&l, 0);
  assert_int_equal(bf_metrics_match(&once, images, few, BF_HIT_IOU50, &err), BF_OK);
  for (int64_t k = 0; k < once.lesions; k++) every_second[k] = k % 2 == 0;
  assert_int_equal(bf_matching_narrow(&narrowed, &once, every_second, &err), BF_OK);
  for (int group = 0; group < 2; group++) {
    bf_boxed d, at_rates;
    const bf_matching *of = group ? &narrowed : &once;
    assert_int_equal(bf_boxed_make(&d, of, l.cluster, patients, rates, rate_count, BF_BOXED_WITH_CPM, &err), BF_OK);
    assert_int_equal(bf_boxed_make(&at_rates, of, l.cluster, patients, rates, rate_count, BF_BOXED_AT_RATES, &err),
                     BF_OK);
    assert_int_equal(d.figures, boxed_figures);
    for (int round = 0; round < 50; round++) {
      double found[boxed_figures], alone[boxed_figures];
      int64_t lesions = 0;
      lay_out(&l, round);
      for (int64_t i = 0; i < l.n; i++) {
        int64_t first = 0;
        for (int64_t k = 0; k < l.image[i]; k++) first += images[k].truth_count;
        repeated[i] = images[l.image[i]];
        for (int k = 0; k < repeated[i].truth_count; k++) repeated_second[lesions++] = every_second[first + k];
      }
      drawn(found, bf_boxed_figures, &d, d.figures, l.times, patients);
      assert_int_equal(bf_metrics_match(&many, repeated, l.n, BF_HIT_IOU50, &err), BF_OK);
      if (group) {
        bf_matching whole = many;
        assert_int_equal(bf_matching_narrow(&many, &whole, repeated_second, &err), BF_OK);
        bf_matching_clear(&whole);
      }
      for (int r = 0; r < rate_count; r++) assert_near(found[BF_BOXED_RATES + r], bf_metrics_froc(&many, rates[r]));
      assert_near(found[BF_BOXED_CPM], bf_metrics_cpm(&many));
      bf_matching_clear(&many);
      drawn(alone, bf_boxed_figures, &at_rates, at_rates.figures, l.times, patients);
      assert_nan(alone[BF_BOXED_CPM]);
      for (int r = 0; r < rate_count; r++) assert_near(alone[BF_BOXED_RATES + r], found[BF_BOXED_RATES + r]);
    }
    bf_boxed_clear(&at_rates);
    bf_boxed_clear(&d);
    bf_boxed_clear(&d);
  }
  bf_matching_clear(&once);
  bf_matching_clear(&narrowed);
}

/* Under several tests at once what each gives of the images alone, and the mean of the second and third. */
static void precisions_of_repeated_images(void **state) {
  (void)state;
  static laid_out l;
  static bf_hit_image images[few], repeated[8 * few];
  static bf_hit_box boxes[5 * few];
  static const bf_hit_test tests[] = {
      {BF_HIT_BY_CENTRE, 0}, {BF_HIT_BY_IOU, 0.1}, {BF_HIT_BY_IOU, 0.5}, {BF_HIT_BY_IOU, 0.9}};
  enum { test_count = sizeof tests / sizeof *tests };
  bf_error err = {0};
  bf_pairing *once, *many;
  bf_precise d, without_mean;
  double lowest = 1, highest = 0;
  make_boxes(images, boxes, few, 7);
  lay_out(&l, 0);
  assert_int_equal(bf_pairing_create(&once, images, few, &err), BF_OK);
  assert_int_equal(bf_precise_make(&d, once, tests, test_count, 6, l.cluster, patients, &err), BF_OK);
  assert_int_equal(bf_precise_make(&without_mean, once, tests, test_count, 0, l.cluster, patients, &err), BF_OK);
  assert_int_equal(d.figures, test_count + 1);
  for (int round = 0; round < 50; round++) {
    double found[test_count + 1], plain[test_count];
    lay_out(&l, round);
    for (int64_t i = 0; i < l.n; i++) repeated[i] = images[l.image[i]];
    assert_int_equal(bf_pairing_create(&many, repeated, l.n, &err), BF_OK);
    drawn(found, bf_precise_figures, &d, d.figures, l.times, patients);
    for (int t = 0; t < test_count; t++) {
      bf_matching m;
      assert_int_equal(bf_metrics_match_pairing(&m, many, tests[t], &err), BF_OK);
      assert_near(found[t], plain[t] = bf_metrics_box_precision(&m));
      lowest = fmin(lowest, plain[t]), highest = fmax(highest, plain[t]);
      bf_matching_clear(&m);
    }
    assert_near(found[test_count], (plain[1] + plain[2]) / 2);
    drawn(found, bf_precise_figures, &without_mean, without_mean.figures, l.times, patients);
    assert_nan(found[test_count]);
    bf_pairing_destroy(many);
  }
  assert_true(lowest < 0.3 && highest > 0.3); /* the tests tell boxes apart */
  bf_precise_clear(&d);
  bf_precise_clear(&d);
  bf_precise_clear(&without_mean);
  assert_int_equal(bf_precise_make(&d, once, tests, BF_PRECISE_MOST_TESTS + 1, 0, l.cluster, patients, &err),
                   BF_E_LIMIT);
  bf_precise_clear(&d);
  bf_pairing_destroy(once);
}

static int by_value(const void *a, const void *b) {
  double x = *(const double *)a, y = *(const double *)b;
  return (x > y) - (x < y);
}

/* The median of those that are no NaN, from its definition. */
static double median_plainly(const double *values, int64_t n) {
  static double sorted[8 * few];
  int64_t m = 0;
  for (int64_t i = 0; i < n; i++)
    if (!isnan(values[i])) sorted[m++] = values[i];
  qsort(sorted, (size_t)m, sizeof *sorted, by_value);
  return m == 0 ? NAN : (sorted[(m - 1) / 2] + sorted[m / 2]) / 2;
}

static void medians_of_repeated_images(void **state) {
  (void)state;
  static laid_out l;
  static double all[3][few], repeated[8 * few];
  const double *columns[3] = {all[0], all[1], all[2]};
  bf_error err = {0};
  bf_medians d;
  bf_rng rng = bf_rng_make(31, 0, 0);
  for (int i = 0; i < few; i++) {
    all[0][i] = bf_rng_uniform(&rng);
    all[1][i] = i % 3 == 0 ? NAN : (double)bf_rng_below(&rng, 4); /* ties, and images without a number */
    all[2][i] = NAN;
  }
  lay_out(&l, 0);
  assert_int_equal(bf_medians_make(&d, columns, 3, l.cluster, few, patients, &err), BF_OK);
  for (int round = 0; round < 50; round++) {
    double found[3];
    lay_out(&l, round);
    drawn(found, bf_medians_figures, &d, d.columns, l.times, patients);
    for (int column = 0; column < 2; column++) {
      for (int64_t i = 0; i < l.n; i++) repeated[i] = all[column][l.image[i]];
      assert_near(found[column], median_plainly(repeated, l.n));
    }
    assert_nan(found[2]);
  }
  bf_medians_clear(&d);
  bf_medians_clear(&d);
  all[0][0] = INFINITY, all[0][1] = INFINITY; /* between equal infinities, and of nobody */
  const uint32_t both[patients] = {1, 1};
  static const int32_t own[2] = {0, 1};
  double found;
  assert_int_equal(bf_medians_make(&d, columns, 1, own, 2, 2, &err), BF_OK);
  drawn(&found, bf_medians_figures, &d, d.columns, both, 2);
  assert_true(found == INFINITY);
  bf_medians_clear(&d);
  assert_int_equal(bf_medians_make(&d, columns, 1, NULL, 0, 0, &err), BF_OK);
  drawn(&found, bf_medians_figures, &d, d.columns, both, 0);
  assert_nan(found);
  bf_medians_clear(&d);
}

/* Of 0 or 1 resampling tells nothing: Wilson's of 0 of 5 and 5 of 5.*/
static void shares_of_none_and_all(void **state) {
  (void)state;
  const double z2 = 1.959963984540054 * 1.959963984540054;
  const bf_resampled nothing = {0, {NAN, NAN}, 100}, all = {1, {NAN, NAN}, 100}, half = {0.5, {0.4, 0.6}, 100};
  bf_resampled r = bf_metrics_resampled_share(nothing, 5);
  assert_near(r.interval.low, 0);
  assert_near(r.interval.high, 1 / (1 + 5 / (z2)));
  r = bf_metrics_resampled_share(all, 5);
  assert_near(r.interval.low, 5 / (5 + z2));
  assert_near(r.interval.high, 1);
  assert_near(bf_metrics_resampled_share(half, 5).interval.high, 0.6);
  assert_nan(bf_metrics_resampled_share((bf_resampled){NAN, {NAN, NAN}, 0}, 0).interval.low);
}

static void rates_that_are_none(void **state) {
  (void)state;
  static double many[BF_BOXED_MOST_RATES + 1];
  const double bad[] = {1, NAN};
  bf_matching m;
  bf_error err = {0};
  bf_boxed d;
  assert_int_equal(bf_metrics_match(&m, NULL, 0, BF_HIT_IOU50, &err), BF_OK);
  assert_int_equal(bf_boxed_make(&d, &m, NULL, 0, many, BF_BOXED_MOST_RATES + 1, BF_BOXED_WITH_CPM, &err), BF_E_LIMIT);
  bf_boxed_clear(&d);
  assert_int_equal(bf_boxed_make(&d, &m, NULL, 0, bad, 2, BF_BOXED_WITH_CPM, &err), BF_E_ARGUMENT);
  bf_boxed_clear(&d);
  assert_int_equal(bf_boxed_make(&d, &m, NULL, 0, many, BF_BOXED_MOST_RATES, BF_BOXED_WITH_CPM, &err), BF_OK);
  bf_boxed_clear(&d);
  bf_matching_clear(&m);
}

static void means_of_repeated_images(void **state) {
  (void)state;
  static laid_out l;
  static double x[few], y[few];
  const double *columns[2] = {x, y};
  bf_error err = {0};
  bf_means m;
  for (int i = 0; i < few; i++) x[i] = i, y[i] = i % 4 == 0 ? NAN : sin(i);
  lay_out(&l, 0);
  assert_int_equal(bf_means_make(&m, columns, 2, l.cluster, few, patients, &err), BF_OK);
  for (int round = 0; round < 50; round++) {
    double found[2], sum[2] = {0, 0}, have = 0;
    lay_out(&l, round);
    for (int64_t i = 0; i < l.n; i++) {
      sum[0] += x[l.image[i]];
      if (!isnan(y[l.image[i]])) sum[1] += y[l.image[i]], have++;
    }
    drawn(found, bf_means_figures, &m, m.columns, l.times, patients);
    assert_near(found[0], sum[0] / (double)l.n);
    assert_near(found[1], sum[1] / have);
  }
  bf_means_clear(&m);
  bf_means_clear(&m);
}

/* A draw that holds one class alone, no lesion, or nobody. */
static void draws_that_say_nothing(void **state) {
  (void)state;
  static const uint8_t mixed[3] = {0, 1, 1};
  static const uint32_t benign[3] = {3, 0, 0}, malignant[3] = {0, 1, 2}, nobody[3] = {0, 0, 0};
  static const double score[3] = {0.2, 0.4, 0.6}, no_numbers[3] = {NAN, 1, 2};
  const double *column = no_numbers;
  static const bf_hit_box box = {0, 0, 9, 9, 0.5};
  const bf_hit_image images[3] = {{&box, &box, 0, 1}, {&box, &box, 1, 1}, {&box, &box, 1, 0}};
  bf_error err = {0};
  bf_ranked r;
  bf_calibrated c;
  bf_boxed b;
  bf_precise p;
  bf_means m;
  bf_matching matching;
  bf_pairing *pairing;
  const bf_hit_test half = {BF_HIT_BY_IOU, 0.5};
  double found[16];
  const bf_ranked_input in = {score, mixed, NULL, 3, 3, 0.5, NULL, score, 1};
  assert_int_equal(bf_ranked_make(&r, &in, &err), BF_OK);
  drawn(found, bf_ranked_figures, &r, r.figures, benign, 3);
  assert_nan(found[BF_RANKED_AUC]);
  assert_nan(found[BF_RANKED_AVERAGE_PRECISION]);
  assert_nan(found[bf_ranked_at(0, BF_AT_SENSITIVITY)]);
  assert_near(found[bf_ranked_at(0, BF_AT_SPECIFICITY)], 0);
  assert_near(found[bf_ranked_at(0, BF_AT_POSITIVE_PREDICTIVE)], 0);
  assert_nan(found[bf_ranked_at(0, BF_AT_NEGATIVE_PREDICTIVE)]);
  drawn(found, bf_ranked_figures, &r, r.figures, malignant, 3);
  assert_nan(found[BF_RANKED_AUC]);
  assert_nan(found[BF_RANKED_PARTIAL_AUC]);
  assert_near(found[BF_RANKED_AVERAGE_PRECISION], 1);
  assert_nan(found[bf_ranked_at(0, BF_AT_SPECIFICITY)]);
  bf_ranked_clear(&r);
  assert_int_equal(bf_calibrated_make(&c, score, mixed, NULL, 3, 3, 5, &err), BF_OK);
  drawn(found, bf_calibrated_figures, &c, BF_CALIBRATED_FIGURES, nobody, 3);
  for (int k = 0; k < BF_CALIBRATED_FIGURES; k++) assert_nan(found[k]);
  bf_calibrated_clear(&c);
  assert_int_equal(bf_metrics_match(&matching, images, 3, BF_HIT_IOU50, &err), BF_OK);
  assert_int_equal(bf_boxed_make(&b, &matching, NULL, 3, rates, 1, BF_BOXED_WITH_CPM, &err), BF_OK);
  drawn(found, bf_boxed_figures, &b, b.figures, benign, 3); /* images without a lesion */
  for (int k = 0; k < b.figures; k++) assert_nan(found[k]);
  drawn(found, bf_boxed_figures, &b, b.figures, malignant, 3);
  assert_near(found[BF_BOXED_RATES], 1.0 / 3);
  bf_boxed_clear(&b);
  assert_int_equal(bf_pairing_create(&pairing, images, 3, &err), BF_OK);
  assert_int_equal(bf_precise_make(&p, pairing, &half, 1, 1, NULL, 3, &err), BF_OK);
  drawn(found, bf_precise_figures, &p, p.figures, benign, 3);
  for (int k = 0; k < p.figures; k++) assert_nan(found[k]);
  bf_precise_clear(&p);
  bf_pairing_destroy(pairing);
  bf_matching_clear(&matching);
  assert_int_equal(bf_means_make(&m, &column, 1, NULL, 3, 3, &err), BF_OK);
  drawn(found, bf_means_figures, &m, m.columns, benign, 3);
  assert_nan(found[0]);
  bf_means_clear(&m);
}

/* ---- intervals ---- */

/* numpy's percentile(found, 100 * share), linear. */
static double percentile(double *found, int n, double share) {
  qsort(found, (size_t)n, sizeof *found, by_value);
  int below = (int)floor(share * (n - 1));
  double part = share * (n - 1) - below;
  return below + 1 < n ? (1 - part) * found[below] + part * found[below + 1] : found[below];
}

/* Numbers of few values, so that many are the same, in any order, rising and falling, and infinite ones. */
static void percentiles_without_sorting(void **state) {
  (void)state;
  enum { room = 60 };
  double numbers[room], sorted[room];
  bf_rng rng = bf_rng_make(41, 0, 0);
  for (int round = 0; round < 3000; round++) {
    const int n = 1 + (int)bf_rng_below(&rng, room - 1), values = 1 + (int)bf_rng_below(&rng, 40);
    for (int i = 0; i < n; i++)
      numbers[i] = round % 3 == 0 ? (double)bf_rng_below(&rng, (uint64_t)values) : round % 3 == 1 ? i : -i;
    if (round % 7 == 0) numbers[0] = numbers[n - 1] = INFINITY;
    memcpy(sorted, numbers, sizeof numbers);
    const double share = round % 5 == 0 ? (double)bf_rng_below(&rng, 2) : bf_rng_uniform(&rng);
    qsort(sorted, (size_t)n, sizeof *sorted, by_value);
    const double at = share * (n - 1), low = sorted[(int)at], next = sorted[(int)at + 1 < n ? (int)at + 1 : n - 1];
    const double found = bf_percentile(numbers, n, share),
                 due = low == next ? low : low + (at - (int)at) * (next - low);
    assert_true(found == due || (isnan(found) && isnan(due)));
  }
  assert_nan(bf_percentile(numbers, 0, 0.5));
}

/* The same draws, every round laid out image by image and measured from scratch. */
static void intervals_round_by_round(void **state) {
  (void)state;
  enum { rounds = 200 };
  static laid_out l;
  static double score[2][8 * few], of_a[rounds], difference[rounds];
  static uint8_t labels[8 * few];
  bf_error err = {0};
  const bf_resampling how = {patients, rounds, 17, NULL};
  make_scores(few, 0.8, 0.6, 3);
  lay_out(&l, 0);
  bf_ranked a = ranked_of(score_a, l.cluster, few, patients), b = ranked_of(score_b, l.cluster, few, patients);
  bf_resampled alone[BF_RANKED_THRESHOLDS + 3 * BF_AT_FIGURES];
  bf_resampled_pair pair[BF_RANKED_THRESHOLDS + 3 * BF_AT_FIGURES];
  assert_int_equal(bf_metrics_resample(alone, a.figures, bf_ranked_figures, &a, &how, &err), BF_OK);
  assert_int_equal(bf_metrics_resample_pair(pair, a.figures, bf_ranked_figures, &a, &b, &how, &err), BF_OK);
  /* scipy: norm.cdf(-2.0226909200367609 * sqrt(40/39)), and t.cdf(-2.0226909200367609, 39) is 0.025. */
  const double tail = 0.020257536362843834;
  int below = 0, above = 0;
  for (int round = 0; round < rounds; round++) {
    bf_auc x, y;
    lay_out(&l, round);
    for (int64_t i = 0; i < l.n; i++) {
      score[0][i] = score_a[l.image[i]];
      score[1][i] = score_b[l.image[i]];
      labels[i] = label[l.image[i]];
    }
    assert_int_equal(bf_metrics_auc(&x, score[0], labels, l.n, &err), BF_OK);
    assert_int_equal(bf_metrics_auc(&y, score[1], labels, l.n, &err), BF_OK);
    of_a[round] = x.value;
    difference[round] = x.value - y.value;
    below += difference[round] <= 0;
    above += difference[round] >= 0;
  }
  assert_int_equal(alone[BF_RANKED_AUC].defined, rounds);
  assert_near(alone[BF_RANKED_AUC].interval.low, percentile(of_a, rounds, tail));
  assert_near(alone[BF_RANKED_AUC].interval.high, percentile(of_a, rounds, 1 - tail));
  assert_near(pair[BF_RANKED_AUC].interval.low, percentile(difference, rounds, tail));
  assert_near(pair[BF_RANKED_AUC].interval.high, percentile(difference, rounds, 1 - tail));
  /* scipy: 2 * t.cdf(norm.ppf(17 / 201) * sqrt(39/40), 39) */
  assert_int_equal(below < above ? below : above, 16);
  assert_near(pair[BF_RANKED_AUC].p_value, 0.1823848886664888);
  assert_true(pair[BF_RANKED_AUC].p_value < 0.2 && pair[BF_RANKED_AUC].p_value > 2.0 / (rounds + 1));
  bf_auc x;
  assert_int_equal(bf_metrics_auc(&x, score_a, label, few, &err), BF_OK);
  assert_near(alone[BF_RANKED_AUC].value, x.value);
  assert_true(pair[BF_RANKED_AUC].a == alone[BF_RANKED_AUC].value);
  assert_near(pair[BF_RANKED_AUC].difference, pair[BF_RANKED_AUC].a - pair[BF_RANKED_AUC].b);
  assert_nan(alone[bf_ranked_at(2, 0)].interval.low); /* a threshold of NaN */
  assert_int_equal(alone[bf_ranked_at(2, 0)].defined, 0);
  assert_nan(pair[bf_ranked_at(2, 0)].p_value);
  bf_ranked_clear(&a);
  bf_ranked_clear(&b);
}

static void the_same_bits_for_any_threads(void **state) {
  (void)state;
  static laid_out l;
  static double p[few];
  static bf_hit_image images[few];
  static bf_hit_box boxes[5 * few];
  bf_error err = {0};
  bf_matching matching;
  bf_calibrated c;
  bf_boxed b;
  bf_precise precise;
  bf_pairing *pairing;
  const bf_hit_test half = {BF_HIT_BY_IOU, 0.5};
  make_scores(few, 0.8, 0.6, 3);
  make_boxes(images, boxes, few, 7);
  lay_out(&l, 0);
  for (int i = 0; i < few; i++) p[i] = 1 / (1 + exp(-score_a[i] / 8));
  bf_ranked r = ranked_of(score_a, l.cluster, few, patients);
  assert_int_equal(bf_calibrated_make(&c, p, label, l.cluster, few, patients, 15, &err), BF_OK);
  assert_int_equal(bf_metrics_match(&matching, images, few, BF_HIT_IOU50, &err), BF_OK);
  assert_int_equal(bf_boxed_make(&b, &matching, l.cluster, patients, rates, rate_count, BF_BOXED_WITH_CPM, &err),
                   BF_OK);
  assert_int_equal(bf_pairing_create(&pairing, images, few, &err), BF_OK);
  assert_int_equal(bf_precise_make(&precise, pairing, &half, 1, 1, l.cluster, patients, &err), BF_OK);
  const bf_drawn_set sets[4] = {{bf_ranked_figures, &r, bf_ranked_at(2, 0)},
                                {bf_calibrated_figures, &c, BF_CALIBRATED_FIGURES},
                                {bf_boxed_figures, &b, boxed_figures},
                                {bf_precise_figures, &precise, precise.figures}};
  for (int k = 0; k < 4; k++) {
    bf_resampled first[16] = {{0}}, other[16] = {{0}};
    for (int threads = 0; threads <= 3; threads++) {
      bf_pool *pool = NULL;
      if (threads > 0) assert_int_equal(bf_pool_create(&pool, threads, &err), BF_OK);
      const bf_resampling how = {patients, 301, 17, pool};
      assert_int_equal(
          bf_metrics_resample(threads ? other : first, sets[k].count, sets[k].figures, sets[k].data, &how, &err),
          BF_OK);
      for (int i = 0; i < sets[k].count && threads > 0; i++)
        assert_true(first[i].value == other[i].value && first[i].interval.low == other[i].interval.low &&
                    first[i].interval.high == other[i].interval.high && first[i].defined == other[i].defined);
      bf_pool_destroy(pool);
    }
  }
  bf_ranked_clear(&r);
  bf_calibrated_clear(&c);
  bf_boxed_clear(&b);
  bf_precise_clear(&precise);
  bf_pairing_destroy(pairing);
  bf_matching_clear(&matching);
}

/* Beside each other as alone. */
static void several_sets_at_once(void **state) {
  (void)state;
  enum { ranked_figures = BF_RANKED_THRESHOLDS + 3 * BF_AT_FIGURES };
  static laid_out l;
  const double *column = score_b;
  bf_error err = {0};
  bf_means m;
  const bf_resampling how = {patients, 100, 17, NULL};
  bf_resampled together[1 + ranked_figures], mean, ranked[ranked_figures];
  make_scores(few, 0.8, 0.6, 3);
  lay_out(&l, 0);
  bf_ranked r = ranked_of(score_a, l.cluster, few, patients);
  assert_int_equal(bf_means_make(&m, &column, 1, l.cluster, few, patients, &err), BF_OK);
  const bf_drawn_set sets[2] = {{bf_means_figures, &m, 1}, {bf_ranked_figures, &r, r.figures}};
  const bf_drawn_sets both = {sets, 2};
  assert_int_equal(bf_metrics_resample(together, 1 + r.figures, bf_drawn_sets_figures, &both, &how, &err), BF_OK);
  assert_int_equal(bf_metrics_resample(&mean, 1, bf_means_figures, &m, &how, &err), BF_OK);
  assert_int_equal(bf_metrics_resample(ranked, r.figures, bf_ranked_figures, &r, &how, &err), BF_OK);
  assert_true(together[0].value == mean.value && together[0].interval.low == mean.interval.low);
  for (int k = 0; k < bf_ranked_at(2, 0); k++)
    assert_true(together[1 + k].value == ranked[k].value && together[1 + k].interval.low == ranked[k].interval.low);
  bf_ranked_clear(&r);
  bf_means_clear(&m);
}

/* Its standard error is that of DeLong's method, which needs no draws. */
static void auc_intervals_are_as_wide_as_delongs(void **state) {
  (void)state;
  bf_error err = {0};
  bf_resampled_pair p[BF_RANKED_THRESHOLDS + 3 * BF_AT_FIGURES];
  bf_resampled alone[BF_RANKED_THRESHOLDS + 3 * BF_AT_FIGURES];
  bf_auc_difference theory;
  bf_auc auc;
  const bf_resampling how = {most, 2000, 1, NULL};
  make_scores(most, 1.2, 0.8, 5);
  bf_ranked a = ranked_of(score_a, NULL, most, most), b = ranked_of(score_b, NULL, most, most);
  assert_int_equal(bf_metrics_resample_pair(p, a.figures, bf_ranked_figures, &a, &b, &how, &err), BF_OK);
  assert_int_equal(bf_metrics_resample(alone, a.figures, bf_ranked_figures, &a, &how, &err), BF_OK);
  assert_int_equal(bf_metrics_auc_paired(&theory, score_a, score_b, label, most, &err), BF_OK);
  assert_int_equal(bf_metrics_auc(&auc, score_a, label, most, &err), BF_OK);
  assert_near(p[0].difference, theory.value);
  assert_int_equal(p[0].defined, 2000);
  double found = p[0].interval.high - p[0].interval.low, expected = theory.interval.high - theory.interval.low,
         one = alone[0].interval.high - alone[0].interval.low, one_expected = auc.interval.high - auc.interval.low;
  if (fabs(found / expected - 1) > 0.1) fail_msg("width %g, DeLong's %g", found, expected);
  if (fabs(one / one_expected - 1) > 0.1) fail_msg("width %g, DeLong's %g", one, one_expected);
  assert_true(fabs(alone[0].interval.low - auc.interval.low) < 0.15 * one_expected);
  assert_true(p[0].interval.low < p[0].difference && p[0].difference < p[0].interval.high);
  assert_true(p[0].interval.low > 0 && p[0].p_value < 0.01); /* a is better, and it shows */
  bf_ranked_clear(&a);
  bf_ranked_clear(&b);
}

static void the_same_answers_do_not_differ(void **state) {
  (void)state;
  bf_error err = {0};
  bf_resampled_pair p[BF_RANKED_THRESHOLDS + 3 * BF_AT_FIGURES];
  const bf_resampling how = {100, 300, 1, NULL};
  make_scores(100, 1, 1, 5);
  bf_ranked a = ranked_of(score_a, NULL, 100, 100);
  assert_int_equal(bf_metrics_resample_pair(p, a.figures, bf_ranked_figures, &a, &a, &how, &err), BF_OK);
  assert_true(p[0].difference == 0 && p[0].interval.low == 0 && p[0].interval.high == 0 && p[0].p_value == 1);
  bf_ranked_clear(&a);
}

/* The mean's interval is that of theory. Four copies of each image say no more than one: by patient the interval stays,
 * by image it would shrink. */
static void copies_say_nothing_new(void **state) {
  (void)state;
  enum { n = 150 };
  static double value[4 * n];
  static int32_t patient[4 * n];
  const double *column = value;
  bf_error err = {0};
  bf_means m;
  bf_resampled by_patient, by_image;
  bf_rng rng = bf_rng_make(8, 8, 8);
  double sum = 0;
  for (int i = 0; i < n; i++) {
    double x = 3 + bf_rng_normal(&rng);
    for (int k = 0; k < 4; k++) sum += value[4 * i + k] = x, patient[4 * i + k] = i;
  }
  assert_int_equal(bf_means_make(&m, &column, 1, patient, 4 * n, n, &err), BF_OK);
  assert_int_equal(bf_metrics_resample(&by_patient, 1, bf_means_figures, &m, &(bf_resampling){n, 2000, 1, NULL}, &err),
                   BF_OK);
  bf_means_clear(&m);
  assert_int_equal(bf_means_make(&m, &column, 1, NULL, 4 * n, 4 * n, &err), BF_OK);
  assert_int_equal(
      bf_metrics_resample(&by_image, 1, bf_means_figures, &m, &(bf_resampling){4 * n, 2000, 1, NULL}, &err), BF_OK);
  bf_means_clear(&m);
  double wide = by_patient.interval.high - by_patient.interval.low,
         narrow = by_image.interval.high - by_image.interval.low;
  assert_near(by_patient.value, sum / (4 * n));
  assert_true(fabs((by_patient.interval.low + by_patient.interval.high) / 2 - by_patient.value) < 0.03);
  assert_true(fabs(wide - 2 * 1.96 / sqrt(n)) < 0.06);
  assert_true(fabs(wide / narrow - 2) < 0.25);
}

static void what_cannot_be_resampled(void **state) {
  (void)state;
  static double value[5] = {1, 2, NAN, 3, 4};
  static const int32_t one[4] = {0, 0, 0, 0};
  const double *column = value;
  bf_error err = {0};
  bf_means m;
  bf_resampled found;
  bf_resampled_pair pair;
  assert_int_equal(bf_means_make(&m, &column, 1, one, 4, 1, &err), BF_OK); /* one cluster */
  bf_resampling how = {1, 100, 1, NULL};
  assert_int_equal(bf_metrics_resample(&found, 1, bf_means_figures, &m, &how, &err), BF_OK);
  assert_true(found.value == 2 && found.defined == 100);
  assert_nan(found.interval.low);
  assert_int_equal(bf_metrics_resample_pair(&pair, 1, bf_means_figures, &m, &m, &how, &err), BF_OK);
  assert_true(pair.difference == 0);
  assert_nan(pair.interval.high);
  assert_nan(pair.p_value);
  bf_means_clear(&m);
  for (int clusters = BF_CLUSTERS_LEAST - 1; clusters <= BF_CLUSTERS_LEAST; clusters++) {
    how.clusters = clusters;
    assert_int_equal(bf_means_make(&m, &column, 1, NULL, clusters, clusters, &err), BF_OK);
    assert_int_equal(bf_metrics_resample(&found, 1, bf_means_figures, &m, &how, &err), BF_OK);
    assert_int_equal(isnan(found.interval.low), clusters < BF_CLUSTERS_LEAST);
    bf_means_clear(&m);
  }
  assert_int_equal(bf_means_make(&m, &column, 1, NULL, 0, 0, &err), BF_OK); /* nobody */
  how.clusters = 0;
  assert_int_equal(bf_metrics_resample(&found, 1, bf_means_figures, &m, &how, &err), BF_OK);
  assert_nan(found.value);
  assert_nan(found.interval.high);
  bf_means_clear(&m);
  how.clusters = INT64_C(1) << 30;
  assert_int_equal(bf_metrics_resample(&found, 1, bf_means_figures, &m, &how, &err), BF_E_LIMIT);
}

/* Defined in the share of rounds that the data say: in which cluster 0 was drawn so often. */
static void drawn_at_least(double *out, const void *data, const uint16_t *times) {
  for (int d = 0; d < BF_DRAWS; d++) out[d] = times[d] >= *(const uint32_t *)data ? times[d] : NAN;
}

/* At least once comes in 63 % of the rounds, at least twice in 26 %: less than half say nothing. */
static void few_rounds_are_not_enough(void **state) {
  (void)state;
  bf_error err = {0};
  bf_resampled found;
  const bf_resampling how = {100, 1000, 1, NULL};
  const uint32_t once = 1, twice = 2;
  assert_int_equal(bf_metrics_resample(&found, 1, drawn_at_least, &once, &how, &err), BF_OK);
  assert_true(found.defined > 580 && found.defined < 690 && found.interval.low == 1 && found.value == 1);
  assert_int_equal(bf_metrics_resample(&found, 1, drawn_at_least, &twice, &how, &err), BF_OK);
  assert_true(found.defined > 210 && found.defined < 320);
  assert_nan(found.interval.low);
  assert_nan(found.value);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(draws_are_keyed_and_even),       cmocka_unit_test(ranked_of_repeated_images),
      cmocka_unit_test(thresholds_on_another_scale),    cmocka_unit_test(calibrated_of_repeated_images),
      cmocka_unit_test(boxed_of_repeated_images),       cmocka_unit_test(precisions_of_repeated_images),
      cmocka_unit_test(medians_of_repeated_images),     cmocka_unit_test(rates_that_are_none),
      cmocka_unit_test(shares_of_none_and_all),         cmocka_unit_test(means_of_repeated_images),
      cmocka_unit_test(draws_that_say_nothing),         cmocka_unit_test(intervals_round_by_round),
      cmocka_unit_test(percentiles_without_sorting),    cmocka_unit_test(the_same_bits_for_any_threads),
      cmocka_unit_test(several_sets_at_once),           cmocka_unit_test(auc_intervals_are_as_wide_as_delongs),
      cmocka_unit_test(the_same_answers_do_not_differ), cmocka_unit_test(copies_say_nothing_new),
      cmocka_unit_test(what_cannot_be_resampled),       cmocka_unit_test(few_rounds_are_not_enough),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
