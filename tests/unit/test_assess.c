/* What intervals promise: of many made data sets, whose truth is known, 95 in a hundred hold it. */
#include "evaluation_support.h"

#include "base/rng.h"

enum { sets = 600, patients = 60, images = 4, rounds = 300 };

/* Images of a patient are alike: they share their class and half of the noise. The AUC of two such groups, a distance
 * apart, is that of two normal distributions. */
static const double distance = 1.2;

static void draw(bf_case *items, bf_rng *rng) {
  for (int p = 0; p < patients; p++) {
    bool malignant = bf_rng_uniform(rng) < 0.4;
    double shared = sqrt(0.5) * bf_rng_normal(rng);
    for (int k = 0; k < images; k++) {
      double logit = shared + sqrt(0.5) * bf_rng_normal(rng) + (malignant ? distance / 2 : -distance / 2);
      items[p * images + k] = (bf_case){.row = p * images + k,
                                        .probability = 1 / (1 + exp(-logit)),
                                        .rank = logit,
                                        .malignant = malignant,
                                        .patient = p,
                                        .dice = NAN,
                                        .iou = NAN};
    }
  }
}

static bool holds(bf_interval i, double truth) { return i.low <= truth && truth <= i.high; }

static void intervals_hold_the_truth(void **state) {
  (void)state;
  static bf_case items[patients * images];
  const double auc = 0.5 * erfc(-distance / 2), sensitivity = 0.5 * erfc(-distance / 2 / sqrt(2));
  int of_auc = 0, of_share = 0, delong = 0, wilson = 0;
  for (int s = 0; s < sets; s++) {
    bf_rng rng = bf_rng_make(11, 12, (uint64_t)s);
    bf_assessment a;
    const bf_cases cases = {.items = items, .count = patients * images, .patients = patients};
    const bf_assess_options o = {.threshold = 0.5, .rounds = rounds, .seed = (uint64_t)s};
    draw(items, &rng);
    assert_ok(bf_assess(&a, &cases, items, NULL, cases.count, BF_ASSESS_GROUP, &o, err));
    assert_int_equal(a.classes.patients, patients);
    of_auc += holds(a.figures[BF_FIGURE_AUC].interval, auc);
    of_share += holds(a.figures[BF_FIGURE_SENSITIVITY].interval, sensitivity);
    delong += holds(a.classes.auc.interval, auc);
    wilson += holds(a.classes.confusion.sensitivity.interval, sensitivity);
  }
  print_message(
      "of %d intervals hold the truth: AUC of resampled patients %d, DeLong %d; sensitivity of resampled "
      "patients %d, Wilson %d\n",
      sets, of_auc, delong, of_share, wilson);
  /* Percentiles of 60 patients hold some 93 in a hundred; three standard errors of 600 sets are three in a hundred. */
  assert_in_range(of_auc, 0.90 * sets, 0.98 * sets);
  assert_in_range(of_share, 0.90 * sets, 0.98 * sets);
  /* Those that take images for independent promise too much. */
  assert_true(delong < 0.88 * sets);
  assert_true(wilson < 0.88 * sets);
}

int main(void) {
  const struct CMUnitTest tests[] = {FOLDER_TEST(intervals_hold_the_truth)};
  return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
