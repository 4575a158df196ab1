/* Two models: which images they share, whose truth holds, and what is said of differences. */
#include "evaluation_support.h"

#include "evaluation/compare.h"

enum { many = 40 };

static bf_score_row rows[2][many + 4];
static bf_found_box boxes[many];
static bf_scores scores[2];
static char text[8192], lesions[8192];

/* Images 0 .. many-1 of twenty patients, half malignant, each with one lesion; every third box misses. */
static void make_rows(bf_score_row *of) {
  int used = snprintf(text, sizeof text, "SOPInstanceUID,PatientID,pathology\n");
  int more = snprintf(lesions, sizeof lesions, "SOPInstanceUID,xmin,ymin,xmax,ymax\n");
  for (int i = 0; i < many; i++) {
    char uid[16], study[16];
    snprintf(uid, sizeof uid, "1.%d", i);
    snprintf(study, sizeof study, "2.%d", i / 2);
    of[i] = scored(uid, study, 0.05f + 0.9f * (float)((i * 7) % many) / many);
    snprintf(of[i].view, sizeof of[i].view, "%s", i % 4 < 2 ? "CC" : "MLO");
    boxes[i] = (bf_found_box){10, 10, 30, i % 3 == 0 ? 14 : 30, 0.9f - 0.01f * (float)i};
    of[i].boxes = &boxes[i];
    of[i].box_count = 1;
    used += snprintf(text + used, sizeof text - (size_t)used, "%s,P%d,%s\n", uid, i / 2,
                     (i * 7) % many + 4 * (i % 5) > many / 2 + 8 ? "malignant" : "benign");
    more += snprintf(lesions + more, sizeof lesions - (size_t)more, "%s,10,10,30,30\n", uid);
  }
}

static void answer(bf_score_row *row, float probability) {
  row->malignant_probability = probability;
  row->malignant_logit = logf(probability / (1 - probability));
}

static bf_labels *second; /* of B, which reads the same files for itself */

static int begin_twice(void **state) { return begin_quietly(state) | bf_labels_create(&second, NULL); }

static int end_twice(void **state) {
  bf_labels_destroy(second);
  return end(state);
}

static bf_evaluation evaluate(int which, int64_t count, const char *threshold) {
  bf_labels *const own[] = {labels, second};
  bf_cases c;
  scores[which] = held(rows[which], count);
  assert_ok(bf_labels_read(own[which], write_text("images.csv", text), err));
  assert_ok(bf_labels_read(own[which], write_text("boxes.csv", lesions), err));
  assert_ok(bf_cases_of_labels(&c, &scores[which], own[which], "scores.h5", err));
  return evaluated(c, threshold);
}

static void expect_alike(const bf_differences *d) {
  int told = 0;
  for (int k = 0; k < BF_FIGURES; k++) {
    const bf_difference *one = &d->items[k];
    if (one->n == 0) continue;
    assert_int_equal(bf_difference_winner(d, k), 0);
    if (isnan(one->of.a)) continue;
    told++;
    assert_true(one->of.difference == 0 && one->of.a == one->of.b);
    if (isnan(one->of.interval.low)) continue;
    assert_true(one->of.interval.low == 0 && one->of.interval.high == 0);
    assert_true(one->of.p_value == 1);
  }
  assert_true(told > 0);
}

/* Rows that repeat an image are compared with themselves, not with each other. */
static void a_model_against_itself(void **state) {
  (void)state;
  bf_comparison c;
  make_rows(rows[0]);
  for (int k = 0; k < 3; k++) {
    rows[0][many + k] = rows[0][5];
    answer(&rows[0][many + k], 0.3f * (float)(k + 1));
  }
  memcpy(rows[1], rows[0], sizeof rows[1]);
  bf_evaluation a = evaluate(0, many + 3, "0.5"), b = evaluate(1, many + 3, "0.5");
  assert_ok(bf_comparison_create(&c, &a, &b, err));
  assert_int_equal(c.cases, many + 3);
  assert_int_equal(c.a_alone, 0);
  assert_int_equal(c.b_alone, 0);
  expect_alike(&c.all);
  assert_true(c.delong.value == 0 && c.delong.p_value == 1);
  assert_int_equal(c.calls.a_alone + c.calls.b_alone, 0);
  assert_true(c.calls.p_value == 1);
  assert_int_equal(c.group_count, a.group_count);
  for (int g = 0; g < c.group_count; g++)
    for (int i = 0; i < c.groups[g].grouping.count; i++) expect_alike(&c.groups[g].of[i]);
  bf_comparison_clear(&c);
  bf_evaluation_clear(&a);
  bf_evaluation_clear(&b);
}

static void nothing_in_common(void **state) {
  (void)state;
  bf_comparison c;
  bf_error bad = {0};
  make_rows(rows[0]);
  memcpy(rows[1], rows[0], sizeof rows[1]);
  for (int i = 0; i < many / 2; i++) rows[1][i] = rows[0][i + many / 2];
  bf_evaluation a = evaluate(0, many / 2, "0.5"), b = evaluate(1, many / 2, "0.5");
  assert_int_equal(bf_comparison_create(&c, &a, &b, &bad), BF_E_NOT_FOUND);
  assert_message(bad, BF_E_NOT_FOUND, "no labelled image in common");
  bf_evaluation_clear(&a);
  bf_evaluation_clear(&b);
}

/* A has images 0 to 29, B 20 to 39 and one of them twice: figures are those of 20 to 29 alone. */
static void half_shared(void **state) {
  (void)state;
  bf_comparison c;
  make_rows(rows[0]);
  for (int i = 0; i < 20; i++) {
    rows[1][i] = rows[0][39 - i];
    answer(&rows[1][i], 1 - rows[1][i].malignant_probability);
  }
  rows[1][20] = rows[1][19];
  bf_evaluation a = evaluate(0, 30, "0.5"), b = evaluate(1, 21, "0.4");
  assert_ok(bf_comparison_create(&c, &a, &b, err));
  assert_int_equal(c.cases, 10);
  assert_int_equal(c.a_alone, 20);
  assert_int_equal(c.b_alone, 11);
  assert_true(c.threshold_a == 0.5 && c.threshold_b == 0.4);
  const bf_difference *auc = &c.all.items[BF_FIGURE_AUC], *froc = &c.all.items[BF_FIGURE_FROC_1];
  assert_true(fabs(auc->of.a + auc->of.b - 1) < 1e-12); /* turned about */
  assert_int_equal(auc->n, 10);
  assert_int_equal(froc->n, 10);
  assert_true(froc->of.a == 0.7 && froc->of.b == 0.7); /* 21, 24 and 27 miss */
  assert_true(c.all.few);
  for (int i = 0; i < 10; i++) rows[0][i] = rows[0][20 + i];
  bf_evaluation alone = evaluate(0, 10, "0.5");
  assert_true(fabs(alone.all.classes.auc.value - auc->of.a) < 1e-12);
  bf_evaluation_clear(&alone);
  bf_comparison_clear(&c);
  bf_evaluation_clear(&a);
  bf_evaluation_clear(&b);
}

/* One call right by A alone and eight by B alone: p = 2 (C(9,0) + C(9,1)) / 2^9. */
static void calls_by_hand(void **state) {
  (void)state;
  bf_comparison c;
  make_rows(rows[0]);
  int used = snprintf(text, sizeof text, "SOPInstanceUID,pathology\n");
  for (int i = 0; i < 20; i++) {
    used += snprintf(text + used, sizeof text - (size_t)used, "1.%d,%s\n", i, i % 2 ? "malignant" : "benign");
    rows[1][i] = rows[0][i];
    answer(&rows[0][i], i == 19 || (i % 2 == 0) != (i >= 1 && i < 9) ? 0.2f : 0.8f);
    answer(&rows[1][i], i == 0 ? 0.9f : i == 19 || i % 2 == 0 ? 0.2f : 0.8f);
  }
  bf_evaluation a = evaluate(0, 20, "0.5"), b = evaluate(1, 20, "0.5");
  assert_ok(bf_comparison_create(&c, &a, &b, err));
  assert_int_equal(c.calls.both_right, 10);
  assert_int_equal(c.calls.a_alone, 1);
  assert_int_equal(c.calls.b_alone, 8);
  assert_int_equal(c.calls.both_wrong, 1);
  assert_true(fabs(c.calls.p_value - 20.0 / 512) < 1e-12);
  assert_true(c.all.items[BF_FIGURE_BRIER].of.difference > 0);
  assert_int_equal(bf_difference_winner(&c.all, BF_FIGURE_BRIER), -1); /* less is better */
  assert_int_equal(c.all.items[BF_FIGURE_EXCESS].n, 0);                /* not compared */
  bf_comparison_clear(&c);
  bf_evaluation_clear(&a);
  bf_evaluation_clear(&b);
}

static void who_wins(void **state) {
  (void)state;
  static const struct {
    double difference, p;
    int more, less; /* who wins where more is better, and where less is */
  } due[] = {{0.1, 0.049, 1, -1}, {-0.1, 0.049, -1, 1}, {0.1, 0.051, 0, 0}, {0.1, NAN, 0, 0}, {0, 1, 0, 0}};
  static bf_differences d;
  for (size_t i = 0; i < sizeof due / sizeof due[0]; i++) {
    d.items[BF_FIGURE_AUC] = d.items[BF_FIGURE_BRIER] =
        (bf_difference){.of = {.difference = due[i].difference, .p_value = due[i].p}, .n = 9};
    assert_int_equal(bf_difference_winner(&d, BF_FIGURE_AUC), due[i].more);
    assert_int_equal(bf_difference_winner(&d, BF_FIGURE_BRIER), due[i].less);
  }
}

static void without_a_threshold_nobody_calls(void **state) {
  (void)state;
  bf_comparison c;
  make_rows(rows[0]);
  make_rows(rows[1]);
  bf_evaluation a = evaluate(0, many, "0.5"), b = evaluate(1, many, NULL);
  assert_ok(bf_comparison_create(&c, &a, &b, err));
  assert_true(isnan(c.calls.p_value));
  const bf_difference *d = &c.all.items[BF_FIGURE_SENSITIVITY];
  assert_true(!isnan(d->of.a) && isnan(d->of.b) && isnan(d->of.difference));
  assert_int_equal(bf_difference_winner(&c.all, BF_FIGURE_SENSITIVITY), 0);
  assert_true(!bf_difference_told(&c.all, BF_FIGURE_SENSITIVITY) && bf_difference_told(&c.all, BF_FIGURE_AUC));
  bf_comparison_clear(&c);
  bf_evaluation_clear(&a);
  bf_evaluation_clear(&b);
}

/* B's images are a pixel narrower, which cuts its lesions: 50 of 100 pixels are IoU 0.5 of A's, and less of B's own. */
static void the_truth_is_that_of_a(void **state) {
  (void)state;
  bf_comparison c;
  make_rows(rows[0]);
  int more = snprintf(lesions, sizeof lesions, "SOPInstanceUID,xmin,ymin,xmax,ymax\n");
  for (int i = 0; i < many; i++) {
    boxes[i] = (bf_found_box){95, 0, 100, 10, 0.9f};
    rows[1][i] = rows[0][i];
    rows[1][i].columns = side - 1;
    more += snprintf(lesions + more, sizeof lesions - (size_t)more, "1.%d,90,0,100,10\n", i);
  }
  bf_evaluation a = evaluate(0, many, "0.5"), b = evaluate(1, many, "0.5");
  assert_true(a.all.figures[BF_FIGURE_FROC_1].value == 1 && b.all.figures[BF_FIGURE_FROC_1].value == 0);
  assert_ok(bf_comparison_create(&c, &a, &b, err));
  const bf_difference *d = &c.all.items[BF_FIGURE_FROC_1];
  assert_true(d->of.a == 1 && d->of.b == 1);
  bf_comparison_clear(&c);
  bf_evaluation_clear(&a);
  bf_evaluation_clear(&b);
}

/* An image without an answer or lesions of one model takes no part for either. */
static void both_answer_or_neither(void **state) {
  (void)state;
  bf_comparison c;
  make_rows(rows[0]);
  make_rows(rows[1]);
  for (int i = 0; i < 12; i++) rows[i % 2][i].malignant_probability = NAN;
  bf_evaluation a = evaluate(0, many, "0.5"), b = evaluate(1, many, "0.5");
  assert_ok(bf_comparison_create(&c, &a, &b, err));
  const bf_difference *auc = &c.all.items[BF_FIGURE_AUC];
  assert_int_equal(auc->n, many - 12);
  assert_true(auc->of.difference == 0);
  assert_int_equal(c.calls.both_right + c.calls.both_wrong, many - 12);
  bf_comparison_clear(&c);
  bf_evaluation_clear(&a);
  bf_evaluation_clear(&b);
}

#define TWICE(f) cmocka_unit_test_setup_teardown(f, begin_twice, end_twice)

int main(void) {
  const struct CMUnitTest tests[] = {
      TWICE(a_model_against_itself), TWICE(nothing_in_common),      TWICE(half_shared),
      TWICE(calls_by_hand),          cmocka_unit_test(who_wins),    TWICE(without_a_threshold_nobody_calls),
      TWICE(the_truth_is_that_of_a), TWICE(both_answer_or_neither),
  };
  return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
