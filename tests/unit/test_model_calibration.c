/* Calibrations and operating points of a model: what is done with a logit, several joined, and the way to JSON and
 * back, with nothing in it believed. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/memory.h"
#include "base/utf8.h"
#include "model/calibration.h"
#include "model/model.h"
#include "model/operating_points.h"

static bool near(double a, double b) { return fabs(a - b) <= 1e-14 * (1 + fabs(b)); }

static const bf_calibration platt = {BF_CALIBRATION_PLATT, 0.5, -1.25, 40, 15, 0.9, 0.4, 0.2, 0.1,
                                     "validation part",    ""};
static const bf_calibration temperature = {BF_CALIBRATION_TEMPERATURE, 1.5, 0, 60, 20, 0.7, 0.6, 0.1, 0.05,
                                           "validation part",          ""};
static const bf_calibration none = {.slope = 9, .intercept = 9, .reason = "so"};

static void a_probability(void **state) {
  (void)state;
  const bf_calibration zeroed = {0};
  assert_true(near(bf_calibration_probability(&platt, 3), 1 / (1 + exp(-0.25))));
  assert_true(near(bf_calibration_probability(&zeroed, 3), 1 / (1 + exp(-3))));
  assert_true(near(bf_calibration_probability(&none, -3), 1 / (1 + exp(3))));
  assert_true(isnan(bf_calibration_probability(&platt, NAN)));
  assert_true(bf_calibration_probability(&platt, 1e9) == 1 && bf_calibration_probability(&platt, -1e9) == 0);
}

/* The joint logit weighs each by its slope; then the joint calibration gives the mean of the calibrated logits. */
static void several_answer_together(void **state) {
  (void)state;
  const bf_calibration each[] = {platt, temperature, none};
  const double logit[] = {2, -1, 0.5};
  double weights = 0, joint = 0, mean = 0;
  for (int k = 0; k < 3; k++) {
    double slope = bf_calibration_slope(&each[k]);
    weights += slope;
    joint += slope * logit[k];
    mean += (slope * logit[k] + bf_calibration_intercept(&each[k])) / 3;
  }
  bf_calibration c = bf_calibration_join(each, 3);
  assert_int_equal(c.method, BF_CALIBRATION_PLATT);
  assert_true(near(c.slope, 1) && near(c.intercept, -1.25 / 3));
  assert_true(near(bf_calibration_probability(&c, joint / weights), 1 / (1 + exp(-mean))));
  assert_int_equal(c.n, 100);
  assert_int_equal(c.positives, 35);
  assert_true(near(c.log_loss_before, 0.78) && near(c.log_loss_after, 0.52));
  assert_true(near(c.ece_before, 0.14) && near(c.ece_after, 0.07));
  const bf_calibration nones[] = {none, none};
  c = bf_calibration_join(nones, 2);
  assert_int_equal(c.method, BF_CALIBRATION_NONE);
  assert_string_equal(c.reason, "so");
  c = bf_calibration_join(&platt, 1);
  assert_true(c.slope == 0.5 && c.intercept == -1.25);
}

static void same(const bf_calibration *a, const bf_calibration *b) {
  assert_int_equal(a->method, b->method);
  assert_string_equal(a->reason, b->reason);
  assert_string_equal(a->on, b->on);
  if (a->method == BF_CALIBRATION_NONE) return;
  assert_true(a->slope == b->slope && a->intercept == b->intercept);
  assert_true(a->n == b->n && a->positives == b->positives);
  assert_true(a->log_loss_before == b->log_loss_before && a->log_loss_after == b->log_loss_after);
  assert_true(a->ece_before == b->ece_before && a->ece_after == b->ece_after);
}

static void calibrations_there_and_back(void **state) {
  (void)state;
  bf_error err = {0};
  bf_calibration each[] = {platt, none, temperature}, back[3];
  each[0].slope = 1.0 / 3, each[2].log_loss_after = 0.1 + 0.2;
  for (int count = 1; count <= 3; count++) {
    char *text = bf_calibration_write(each, count);
    assert_int_equal(bf_calibration_read(back, count, text, &err), BF_OK);
    for (int k = 0; k < count; k++) same(&each[k], &back[k]);
    bf_free(text);
  }
  bf_calibration zeroed[2];
  memset(zeroed, 0, sizeof zeroed);
  char *text = bf_calibration_write(zeroed, 2);
  assert_string_equal(text, "none");
  bf_free(text);
  const char *const nothing[] = {NULL, "none", "{\"method\": \"none\"}"};
  for (int i = 0; i < 3; i++) {
    back[0] = platt;
    assert_int_equal(bf_calibration_read(back, 1, nothing[i], &err), BF_OK);
    same(&back[0], &zeroed[0]);
  }
}

static void what_a_calibration_cannot_be(void **state) {
  (void)state;
  static const struct {
    const char *text, *said;
  } cases[] = {
      {"", "neither none nor a JSON object"},
      {"yes", "neither none nor a JSON object"},
      {"[]", "neither none nor a JSON object"},
      {"{}", "'method' is not none, temperature or platt"},
      {"{\"method\": 1}", "'method'"},
      {"{\"method\": \"isotonic\", \"slope\": 1, \"intercept\": 0}", "'method'"},
      {"{\"method\": \"platt\", \"intercept\": 0}", "'slope' is not a number above 0"},
      {"{\"method\": \"platt\", \"slope\": 0, \"intercept\": 0}", "'slope'"},
      {"{\"method\": \"platt\", \"slope\": -1, \"intercept\": 0}", "'slope'"},
      {"{\"method\": \"platt\", \"slope\": \"1\", \"intercept\": 0}", "'slope'"},
      {"{\"method\": \"platt\", \"slope\": 1e7, \"intercept\": 0}", "'slope'"},
      {"{\"method\": \"platt\", \"slope\": 1e999, \"intercept\": 0}", "neither"},
      {"{\"method\": \"platt\", \"slope\": 1, \"slope\": 2, \"intercept\": 0}", "neither"},
      {"{\"method\": \"platt\", \"slope\": 1}", "'intercept' is not a number"},
      {"{\"method\": \"platt\", \"slope\": 1, \"intercept\": -1e300}", "'intercept'"},
      {"{\"method\": \"platt\", \"slope\": 1, \"intercept\": 0, \"n\": -1}", "'n' is not a count from 0 to 1e12"},
      {"{\"method\": \"platt\", \"slope\": 1, \"intercept\": 0, \"n\": 1000000000001}",
       "'n' is not a count from 0 to 1e12"},
      {"{\"method\": \"platt\", \"slope\": 1, \"intercept\": 0, \"n\": \"3\"}", "'n' is not a count from 0 to 1e12"},
      {"{\"method\": \"platt\", \"slope\": 1, \"intercept\": 0, \"n\": 3, \"positives\": 4}",
       "'positives' is not a count"},
      {"{\"method\": \"platt\", \"slope\": 1, \"intercept\": 0, \"n\": 3, \"positives\": 2.5}", "'positives' is not"},
      {"{\"method\": \"platt\", \"slope\": 1, \"intercept\": 0, \"log_loss_after\": -1}", "log_loss_after"},
      {"{\"method\": \"platt\", \"slope\": 1, \"intercept\": 0, \"ece_before\": 2}", "ece_before"},
  };
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    bf_error err = {0};
    bf_calibration c;
    bf_status status = bf_calibration_read(&c, 1, cases[i].text, &err);
    if (status != BF_E_FORMAT || strstr(err.message, cases[i].said) == NULL)
      fail_msg("%s: %d, '%s'", cases[i].text, (int)status, err.message);
  }
  bf_error err = {0};
  bf_calibration two[2];
  static const char text[] =
      "{\"method\": \"platt\", \"slope\": 1, \"intercept\": 0, \"members\": [{\"method\": \"none\"}]}";
  assert_int_equal(bf_calibration_read(two, 2, text, &err), BF_E_FORMAT);
  assert_non_null(strstr(err.message, "'members' is no list of 2"));
  static const char moving[] =
      "{\"method\": \"none\", \"reason\": "
      "\"\\u001b[2J\\n0123456789012345678901234567890123456789012345678901234567890123"
      "456789012345678901234567890123456789012345678901234567890123456789012345678901234567890123456789\"}";
  assert_int_equal(bf_calibration_read(two, 1, moving, &err), BF_OK);
  assert_int_equal(strncmp(two[0].reason, "?[2J?0123", 9), 0);
  assert_int_equal(strlen(two[0].reason), sizeof two[0].reason - 1);
}

/* As many networks as a model may have, each with the most images that a text may tell, have a sum. */
static void counts_of_strangers_can_be_added(void **state) {
  (void)state;
  static const char *const most[] = {"9223372036854775807", "1000000000000"};
  bf_calibration each[BF_MODEL_MEMBERS];
  for (int i = 0; i < 2; i++) {
    char text[128 * BF_MODEL_MEMBERS];
    bf_error err = {0};
    int used = snprintf(text, sizeof text, "{\"members\": [");
    for (int k = 0; k < BF_MODEL_MEMBERS; k++)
      used += snprintf(text + used, sizeof text - (size_t)used,
                       "%s{\"method\": \"platt\", \"slope\": 1, \"intercept\": 0, \"n\": %s, \"positives\": %s}",
                       k > 0 ? ", " : "", most[i], most[i]);
    snprintf(text + used, sizeof text - (size_t)used, "]}");
    bf_status status = bf_calibration_read(each, BF_MODEL_MEMBERS, text, &err);
    bf_calibration joined = status == BF_OK ? bf_calibration_join(each, BF_MODEL_MEMBERS) : (bf_calibration){0};
    assert_int_equal(status, i == 0 ? BF_E_FORMAT : BF_OK);
    assert_true(i == 0 || joined.positives == INT64_C(1000000000000) * BF_MODEL_MEMBERS);
  }
}

/* Too long for its room: it ends between two characters. */
static void texts_of_strangers_stay_text(void **state) {
  (void)state;
  char text[512] = "{\"method\": \"none\", \"reason\": \"";
  bf_error err = {0};
  bf_calibration c;
  for (int i = 0; i < 90; i++) strcat(text, "\xC3\xA9");
  strcat(text, "\"}");
  assert_int_equal(bf_calibration_read(&c, 1, text, &err), BF_OK);
  assert_true(bf_is_utf8(c.reason));
  assert_int_equal(strlen(c.reason), sizeof c.reason - 2);
}

/* ---- operating points ---- */

static bf_operating_points three(double first) {
  bf_operating_points p = {0};
  bf_operating_points_add(&p, (bf_operating_point){BF_POINT_YOUDEN, 0, first, 0.75, NAN});
  bf_operating_points_add(&p, (bf_operating_point){BF_POINT_SENSITIVITY, 0.9, first / 2, 0.9, 0.5});
  bf_operating_points_add(&p, (bf_operating_point){BF_POINT_SPECIFICITY, 0.9, 0.75, 0.25, 1});
  return p;
}

static void points_are_put_together(void **state) {
  (void)state;
  bf_operating_points p = three(0.5);
  assert_int_equal(p.count, 3);
  assert_int_equal(p.chosen, 3);
  assert_true(isnan(bf_operating_points_threshold(&p)));
  p.chosen = 1;
  /* Twice, no number, no probability. */
  bf_operating_points_add(&p, (bf_operating_point){BF_POINT_SENSITIVITY, 0.9, 0.1, NAN, NAN});
  bf_operating_points_add(&p, (bf_operating_point){BF_POINT_SENSITIVITY, 0.8, NAN, NAN, NAN});
  bf_operating_points_add(&p, (bf_operating_point){BF_POINT_SENSITIVITY, 0.7, 1.5, NAN, NAN});
  assert_int_equal(p.count, 3);
  assert_true(bf_operating_points_threshold(&p) == 0.25);
  for (int i = 0; i < 20; i++)
    bf_operating_points_add(&p, (bf_operating_point){BF_POINT_SPECIFICITY, 0.01 * (i + 1), 0.1, NAN, NAN});
  assert_int_equal(p.count, BF_OPERATING_POINTS_MAX);
  assert_int_equal(p.chosen, 1);
  assert_int_equal(bf_operating_points_find(&p, BF_POINT_SPECIFICITY, 0.9), 2);
  assert_int_equal(bf_operating_points_find(&p, BF_POINT_SPECIFICITY, 0.8), -1);
}

static void points_of_several(void **state) {
  (void)state;
  bf_operating_points lists[3] = {three(0.5), three(0.25)};
  bf_operating_points_add(&lists[2], (bf_operating_point){BF_POINT_SENSITIVITY, 0.8, 0.375, 1, 1});
  bf_operating_points_add(&lists[2], (bf_operating_point){BF_POINT_YOUDEN, 0, 1, 1, 1});
  lists[1].chosen = 0;
  bf_operating_points mean = bf_operating_points_mean(lists, 3);
  assert_int_equal(mean.count, 4);
  assert_true(near(bf_operating_points_threshold(&mean), 1.75 / 3));
  assert_true(near(mean.at[1].threshold, 0.1875) && near(mean.at[2].threshold, 0.75));
  assert_true(near(mean.at[3].threshold, 0.375) && isnan(mean.at[3].sensitivity) && isnan(mean.at[3].specificity));
  lists[1].chosen = lists[1].count;
  mean = bf_operating_points_mean(lists, 3);
  assert_true(isnan(bf_operating_points_threshold(&mean)));
  mean = bf_operating_points_mean(lists, 0);
  assert_int_equal(mean.count, 0);
}

static void points_there_and_back(void **state) {
  (void)state;
  bf_error err = {0};
  char name[BF_OPERATING_NAME];
  for (int chosen = 0; chosen <= 3; chosen++) {
    bf_operating_points p = three(1.0 / 3), back;
    p.chosen = chosen;
    char *text = bf_operating_points_write(&p);
    assert_non_null(strstr(text, "{\"name\": \"sensitivity 0.9\", \"rule\": \"sensitivity\", \"target\": 0.9"));
    assert_int_equal(bf_operating_points_read(&back, text, &err), BF_OK);
    assert_int_equal(back.count, 3);
    assert_int_equal(back.chosen, chosen);
    for (int i = 0; i < 3; i++) {
      assert_int_equal(back.at[i].kind, p.at[i].kind);
      assert_true(back.at[i].target == p.at[i].target && back.at[i].threshold == p.at[i].threshold);
      assert_true(isnan(p.at[i].specificity) ? isnan(back.at[i].specificity)
                                             : back.at[i].specificity == p.at[i].specificity);
    }
    bf_operating_point_name(name, &back.at[0]);
    assert_string_equal(name, "youden");
    bf_free(text);
  }
}

static void what_points_cannot_be(void **state) {
  (void)state;
#define YOUDEN "{\"rule\": \"youden\", \"threshold\": 0.5, \"chosen\": true}"
#define EIGHT YOUDEN "," YOUDEN "," YOUDEN "," YOUDEN "," YOUDEN "," YOUDEN "," YOUDEN "," YOUDEN
  static const struct {
    const char *text, *said;
  } cases[] = {
      {"", "no list"},
      {"{}", "no list"},
      {"[" EIGHT "," EIGHT "," YOUDEN "]", "no list of up to 16"},
      {"[7]", "entry 1"},
      {"[{\"rule\": \"best\", \"threshold\": 0.5}]", "entry 1"},
      {"[{\"rule\": \"youden\"}]", "entry 1"},
      {"[{\"rule\": \"youden\", \"threshold\": null}]", "entry 1"},
      {"[{\"rule\": \"youden\", \"threshold\": 1.01}]", "entry 1"},
      {"[{\"rule\": \"youden\", \"threshold\": \"0.5\"}]", "entry 1"},
      {"[{\"rule\": \"youden\", \"target\": 0.9, \"threshold\": 0.5}]", "entry 1"},
      {"[{\"rule\": \"sensitivity\", \"threshold\": 0.5}]", "entry 1"},
      {"[{\"rule\": \"sensitivity\", \"target\": 2, \"threshold\": 0.5}]", "entry 1"},
      {"[{\"rule\": \"youden\", \"threshold\": 0.5, \"specificity\": -1}]", "entry 1"},
      {"[" YOUDEN "," YOUDEN "]", "entry 2"},
      {"[" YOUDEN ", {\"rule\": \"sensitivity\", \"target\": 1, \"threshold\": 0, \"chosen\": true}]",
       "entries 1 and 2 are both chosen"},
  };
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    bf_error err = {0};
    bf_operating_points p;
    bf_status status = bf_operating_points_read(&p, cases[i].text, &err);
    if (status != BF_E_FORMAT || strstr(err.message, cases[i].said) == NULL)
      fail_msg("%s: %d, '%s'", cases[i].text, (int)status, err.message);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(a_probability),
      cmocka_unit_test(several_answer_together),
      cmocka_unit_test(calibrations_there_and_back),
      cmocka_unit_test(what_a_calibration_cannot_be),
      cmocka_unit_test(counts_of_strangers_can_be_added),
      cmocka_unit_test(texts_of_strangers_stay_text),
      cmocka_unit_test(points_are_put_together),
      cmocka_unit_test(points_of_several),
      cmocka_unit_test(points_there_and_back),
      cmocka_unit_test(what_points_cannot_be),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
