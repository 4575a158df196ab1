/* What a model gets from answers to images of known class: calibration, thresholds, and their names in words. */
#include "data_support.h"
#include "memory_support.h"

#include <math.h>

#include "base/memory.h"
#include "metrics/calibration_fit.h"
#include "metrics/metrics.h"
#include "run/calibrate.h"
#include "run/sections.h"

enum { count = 50, unknown = 7 };

static bf_dataset *data;
static bf_answer answers[count];
static int64_t rows[count];
static double logit[count];
static uint8_t label[count];
static int64_t known;

/* Logits that are too large by a factor: far from what comes true. Some images are of no known class. */
static int start(void **state) {
  if (make_folder(state) != 0) return -1;
  const uint16_t pixels[4] = {1, 2, 3, 4};
  bf_dataset_writer *w;
  assert_ok(bf_dataset_writer_create(&w, in_folder("d.h5"), err));
  for (int i = 0; i < count; i++) {
    char patient[16];
    double z = i * 17 % count - 24.5;
    int malignant = i % unknown == 0 ? -1 : z + 13 * sin(9.0 * i) > 0;
    snprintf(patient, sizeof patient, "p%d", i);
    bf_record r = plain_record("f.dcm", patient, malignant, 2, 2);
    assert_ok(bf_dataset_append(w, &r, pixels, NULL, 0, NULL, err));
    answers[i] = (bf_answer){.logit = (float)z};
    rows[i] = i;
    if (malignant < 0) continue;
    logit[known] = z;
    label[known++] = malignant > 0;
  }
  assert_ok(bf_dataset_finish(w, err));
  bf_dataset_writer_destroy(w);
  assert_ok(bf_dataset_open(&data, in_folder("d.h5"), err));
  return 0;
}

static int end(void **state) {
  bf_dataset_close(data);
  return remove_folder(state);
}

/* A model of these settings, "" for none, calibrated on the first n rows. */
static bf_model *calibrated(const char *one, const char *other, int64_t n) {
  bf_config_section sections[BF_RUN_MAX_SECTIONS];
  int section_count = bf_run_sections(sections);
  bf_config *config;
  bf_model *m = NULL;
  assert_ok(bf_model_config(&config, sections, section_count, err));
  assert_ok(bf_config_assign(config, "size=32", err));
  assert_ok(bf_config_assign(config, "backbone=squeezenet1_1", err));
  if (one[0] != '\0') assert_ok(bf_config_assign(config, one, err));
  if (other[0] != '\0') assert_ok(bf_config_assign(config, other, err));
  assert_ok(bf_model_create_unset(&m, config, err));
  m->threshold = 0.5, m->points.count = 9, m->calibration[0] = (bf_calibration){.method = BF_CALIBRATION_PLATT};
  assert_ok(bf_calibrate(m, answers, data, rows, n, "validation part", err));
  return m;
}

static void the_fit_is_metrics(void **state) {
  (void)state;
  bf_model *m = calibrated("", "", count);
  bf_calibration_fit f = bf_metrics_fit_temperature(logit, label, known);
  const bf_calibration *c = &m->calibration[0];
  assert_true(f.fitted && f.slope < 0.5 && f.log_loss_after < f.log_loss_before);
  assert_int_equal(c->method, BF_CALIBRATION_TEMPERATURE);
  assert_true(c->slope == f.slope && c->intercept == 0);
  assert_true(c->log_loss_before == f.log_loss_before && c->log_loss_after == f.log_loss_after);
  assert_true(c->n == known && c->positives == f.positives);
  double p[count];
  for (int64_t i = 0; i < known; i++) p[i] = 1 / (1 + exp(-f.slope * logit[i]));
  assert_true(fabs(bf_metrics_ece(p, label, known, 15) - c->ece_after) < 1e-12);
  /* All answers, also those of unknown class. */
  for (int i = 0; i < count; i++)
    assert_true(fabs(answers[i].probability - 1 / (1 + exp(-f.slope * (double)answers[i].logit))) < 1e-12);
  char line[BF_CALIBRATION_LINE];
  bf_calibration_tell(line, c);
  assert_non_null(strstr(line, "temperature: slope 0."));
  assert_non_null(strstr(line, " on 42 images of the validation part"));
  bf_model_destroy(m);
  m = calibrated("calibration=platt", "", count);
  f = bf_metrics_fit_platt(logit, label, known);
  assert_true(f.fitted && m->calibration[0].slope == f.slope && m->calibration[0].intercept == f.intercept);
  assert_true(fabs(answers[3].probability - 1 / (1 + exp(-f.slope * (double)answers[3].logit - f.intercept))) < 1e-12);
  bf_model_destroy(m);
}

static void why_there_is_none(void **state) {
  (void)state;
  static const struct {
    const char *setting;
    int64_t n;
    const char *said;
  } cases[] = {{"calibration=none", count, "the configuration asks for none"},
               {"", 0, "no validation part"},
               {"", 12, "fewer than 10 images of a class (7 benign, 3 malignant)"}};
  for (int i = 0; i < 3; i++) {
    bf_model *m = calibrated(cases[i].setting, "", cases[i].n);
    assert_int_equal(m->calibration[0].method, BF_CALIBRATION_NONE);
    assert_string_equal(m->calibration[0].reason, cases[i].said);
    if (cases[i].n > 0) assert_true(fabs(answers[1].probability - 1 / (1 + exp(-(double)answers[1].logit))) < 1e-12);
    bf_model_destroy(m);
  }
}

/* Its promise, and that no other score would have been the better place to part. */
static void expect_point(const bf_operating_point *p) {
  double score[count];
  for (int64_t i = 0, k = 0; i < count; i++)
    if (i % unknown != 0) score[k++] = (float)answers[i].probability; /* as SCORES.h5 has it */
  bf_confusion c = bf_metrics_confusion(score, label, known, p->threshold);
  assert_true(p->sensitivity == c.sensitivity.value && p->specificity == c.specificity.value);
  for (int64_t i = 0; i < known; i++) {
    bf_confusion d = bf_metrics_confusion(score, label, known, score[i]);
    double sensitivity = d.sensitivity.value, specificity = d.specificity.value;
    assert_true(score[i] != p->threshold || score[i] == 0); /* 0 has none below it */
    if (p->kind == BF_POINT_YOUDEN) assert_true(sensitivity + specificity <= p->sensitivity + p->specificity + 1e-12);
    if (p->kind == BF_POINT_SENSITIVITY && score[i] > p->threshold)
      assert_true(sensitivity < p->target || sensitivity == p->sensitivity);
    if (p->kind == BF_POINT_SPECIFICITY && score[i] < p->threshold) assert_true(specificity < p->target);
  }
  if (p->kind == BF_POINT_SENSITIVITY) assert_true(p->sensitivity >= p->target);
  if (p->kind == BF_POINT_SPECIFICITY) assert_true(p->specificity >= p->target);
}

static void points_and_their_rules(void **state) {
  (void)state;
  static const struct {
    const char *setting, *rule;
    int points, chosen;
  } cases[] = {{"", "largest sensitivity + specificity on the validation part (Youden)", 5, 0},
               {"sensitivity=0.9", "sensitivity of at least 0.9 on the validation part", 5, 1},
               {"sensitivity=0.8", "sensitivity of at least 0.8 on the validation part", 6, 5},
               {"specificity=0.95", "specificity of at least 0.95 on the validation part", 5, 4},
               {"specificity=0.6", "specificity of at least 0.6 on the validation part", 6, 5}};
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    bf_model *m = calibrated(cases[i].setting, i % 2 ? "calibration=platt" : "", count);
    assert_string_equal(m->threshold_rule, cases[i].rule);
    assert_int_equal(m->points.count, cases[i].points);
    assert_int_equal(m->points.chosen, cases[i].chosen);
    assert_true(m->threshold == m->points.at[cases[i].chosen].threshold);
    for (int k = 0; k < m->points.count; k++) expect_point(&m->points.at[k]);
    bf_operating_points again = m->points;
    for (int k = 0; k < again.count; k++) again.at[k].sensitivity = again.at[k].specificity = 7;
    assert_ok(bf_calibrate_measure(&again, answers, data, rows, count, err));
    for (int k = 0; k < again.count; k++) expect_point(&again.at[k]);
    bf_model_destroy(m);
  }
}

/* The highest score is a benign image's: only a threshold above all has a specificity of 1. With a probability of 1,
 * or one that a float32 holds as 1, there is no room above it, and no threshold. */
static void a_specificity_hard_to_reach(void **state) {
  (void)state;
  static const double heights[] = {30, 30, 99};
  int64_t benign = 0;
  while (bf_dataset_record(data, benign)->malignant != 0) benign++;
  float kept = answers[benign].logit;
  for (int i = 0; i < 3; i++) {
    answers[benign].logit = (float)heights[i];
    bf_model *m = calibrated("specificity=1", i == 0 ? "" : "calibration=none", count);
    assert_true(i == 0 ? m->threshold > answers[benign].probability : isnan(m->threshold));
    assert_true((m->points.chosen == m->points.count) == (i > 0));
    if (i == 0) assert_true(m->points.at[m->points.chosen].specificity == 1);
    if (i == 0) assert_true(m->points.at[m->points.chosen].sensitivity == 0);
    if (i > 0) assert_non_null(strstr(m->threshold_rule, "leaves no room for a threshold"));
    bf_model_destroy(m);
  }
  answers[benign].logit = kept;
}

/* Probabilities that are several in a double and one in a float32: thresholds part what SCORES.h5 keeps apart, and are
 * measured on that. Below a probability that is held as 0 none is: 0 itself calls all. */
static void as_files_hold_probabilities(void **state) {
  (void)state;
  float kept[count];
  for (int i = 0; i < count; i++) {
    kept[i] = answers[i].logit;
    answers[i].logit = i < 8 ? -120 - (float)i : 12 + kept[i] / 4096;
  }
  bf_model *m = calibrated("sensitivity=1", "calibration=none", count);
  for (int k = 0; k < m->points.count; k++) expect_point(&m->points.at[k]);
  assert_true(m->threshold == 0);
  assert_true(m->points.at[m->points.chosen].sensitivity == 1);
  bf_model_destroy(m);
  for (int i = 0; i < count; i++) answers[i].logit = kept[i];
}

static void without_images(void **state) {
  (void)state;
  bf_model *m = calibrated("", "", 0);
  assert_true(isnan(m->threshold));
  assert_int_equal(m->points.count, 0);
  assert_string_equal(m->threshold_rule, "none: no validation part");
  bf_model_destroy(m);
}

static bf_model *at_hand;
static bf_status calibrate(bf_error *e) {
  return bf_calibrate(at_hand, answers, data, rows, count, "validation part", e);
}

/* Short memory is no reason to have no calibration, and no threshold. */
static void short_memory_is_an_error(void **state) {
  (void)state;
  at_hand = calibrated("calibration=platt", "sensitivity=0.8", count);
  assert_tells_short_memory(calibrate, 10);
  assert_int_equal(at_hand->points.count, 6);
  bf_model_destroy(at_hand);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(the_fit_is_metrics),          cmocka_unit_test(why_there_is_none),
      cmocka_unit_test(points_and_their_rules),      cmocka_unit_test(a_specificity_hard_to_reach),
      cmocka_unit_test(as_files_hold_probabilities), cmocka_unit_test(without_images),
      cmocka_unit_test(short_memory_is_an_error),
  };
  return cmocka_run_group_tests(tests, start, end);
}
