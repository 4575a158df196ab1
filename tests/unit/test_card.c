/* Cards of models whose training record says too little, too much, or nonsense. */
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
#include "run/card.h"
#include "run/sections.h"

static bf_model *make(const char *setting, const char *record) {
  bf_config_section sections[BF_RUN_MAX_SECTIONS];
  bf_config *config = NULL;
  bf_model *m = NULL;
  bf_error err = {0};
  if (bf_model_config(&config, sections, bf_run_sections(sections), &err) != BF_OK ||
      bf_config_set(config, "size", "32", &err) != BF_OK ||
      bf_config_set(config, "backbone", "squeezenet1_1", &err) != BF_OK ||
      (setting != NULL && bf_config_assign(config, setting, &err) != BF_OK) ||
      bf_model_create(&m, config, &err) != BF_OK)
    fail_msg("%s", err.message);
  m->training_json = bf_strdup(record);
  return m;
}

static json_t *card_of(bf_model *m) {
  json_t *card = bf_card_make(m, "m.safetensors");
  assert_non_null(card);
  return card;
}

/* Words that the card in words must have. The model goes. */
static void expect(bf_model *m, const char *words) {
  json_t *card = card_of(m);
  char *text = bf_card_tell(card);
  if (strstr(text, words) == NULL) fail_msg("'%s' is not in %s", words, text);
  for (const char *c = text; *c != '\0'; c++) assert_true(*c == '\n' || (unsigned char)*c >= 32);
  bf_free(text);
  json_decref(card);
  bf_model_destroy(m);
}

static const json_t *at(const json_t *card, const char *part, const char *key) {
  return json_object_get(json_object_get(card, part), key);
}

static bool warns(const json_t *card, const char *words) {
  const json_t *limits = json_object_get(card, "known_limits");
  for (size_t i = 0; i < json_array_size(limits); i++)
    if (strstr(json_string_value(json_array_get(limits, i)), words) != NULL) return true;
  return false;
}

static void a_model_that_says_nothing(void **state) {
  (void)state;
  bf_model *m = make(NULL, "");
  char line[BF_CARD_LINE];
  bf_card_line(line, m);
  assert_string_equal(line,
                      "model: purpose not stated; trained on images that it does not tell: none but empty "
                      "pictures is refused as unlike them");
  json_t *card = card_of(m);
  assert_true(warns(card, "training record is missing or damaged"));
  assert_true(warns(card, "does not tell what images"));
  assert_true(warns(card, "No figures"));
  assert_true(warns(card, "It has no threshold"));
  json_decref(card);
  expect(m, "unknown: it was made before models told");
}

static const char *const whole =
    "{\"software_version\":\"9\\u001b[2J\",\"validation\":{\"images\":40,\"benign\":30,\"malignant\":29,\"auc\":0.9,"
    "\"auc_ci\":[0.8,0.95],\"lesions\":30,\"froc1\":0.5,\"froc1_ci\":[0.4,0.6]},\"certificate\":{\"train\":"
    "{\"images\":7,\"patients\":3,\"benign\":4,\"malignant\":3,\"unknown\":0,\"lesions\":2}}}";

static void figures_and_what_they_cannot_carry(void **state) {
  (void)state;
  bf_model *m = make("card.purpose=a\tb", whole);
  m->threshold = 0.25;
  for (int i = 0; i < 7; i++)
    bf_domain_add(&m->domain, &(bf_domain_image){"US", "RGB", 10, 20, 0, 0, i % 3 ? "ACME" : "Beta, Ltd."});
  json_t *card = card_of(m);
  assert_true(warns(card, "rest on 29 malignant images, fewer than 30"));
  assert_false(warns(card, "benign images, fewer"));
  assert_false(warns(card, "lesions, fewer"));
  assert_true(warns(card, "one modality alone (US)"));
  assert_true(warns(card, "Patients were not known"));
  assert_true(warns(card, "also chose the epoch and the threshold"));
  assert_string_equal(json_string_value(json_object_get(card, "software_version")), "9?[2J");
  assert_string_equal(json_string_value(json_object_get(card, "purpose")), "a?b");
  json_decref(card);
  char line[BF_CARD_LINE];
  bf_card_line(line, m);
  assert_string_equal(line, "model: purpose a?b; trained on 7 images of unknown patients (modality US 7)");
  expect(m, "0.900 (0.800 to 0.950); 30 benign, 29 malignant images");
  m = make("metric=last", whole);
  card = card_of(m);
  assert_true(warns(card, "also chose the threshold"));
  json_decref(card);
  bf_model_destroy(m);
}

/* Two images of one maker and modality: whether they are alone the third says, and not where nobody knows its own. */
static void one_maker_alone(void **state) {
  (void)state;
  static const struct {
    const char *maker, *modality;
    bool alone;
  } third[] = {{"ACME", "US", true}, {"Beta, Ltd.", "MG", false}, {"", "", false}};
  for (int i = 0; i < 3; i++) {
    bf_model *m = make(NULL, whole);
    for (int k = 0; k < 2; k++) bf_domain_add(&m->domain, &(bf_domain_image){"US", "RGB", 10, 20, 0, 0, "ACME"});
    bf_domain_add(&m->domain, &(bf_domain_image){third[i].modality, "RGB", 10, 20, 0, 0, third[i].maker});
    json_t *card = card_of(m);
    assert_int_equal(warns(card, "images of one maker alone:"), third[i].alone);
    assert_int_equal(warns(card, "one modality alone (US)"), third[i].alone);
    json_decref(card);
    bf_model_destroy(m);
  }
}

/* A record without intervals. */
static void a_record_without_intervals(void **state) {
  (void)state;
  expect(make(NULL, "{\"validation_auc\":0.75,\"validation_froc1\":null}"), "0.750 (no interval)");
}

static void nonsense_is_left_out(void **state) {
  (void)state;
  bf_model *m =
      make(NULL,
           "{\"data_sha256\":[],\"created\":7,\"weights_sha256\":\"ab\",\"validation\":{\"images\":-1,"
           "\"benign\":\"9\",\"malignant\":1e300,\"auc\":7,\"auc_ci\":[0.1],\"froc1\":\"x\",\"froc1_ci\":[0,2],"
           "\"sensitivity\":-0.1},\"certificate\":{\"train\":[],\"validation\":{\"images\":{}},\"dataset\":"
           "{\"split.test\":5,\"a\\u0007\":\"b\",\"labels.1\":\"c\\r\\nd\"}}}");
  json_t *card = card_of(m);
  static const char *const nulls[] = {"images", "benign", "malignant", "auc",
                                      "auc_ci", "froc1",  "froc1_ci",  "sensitivity"};
  for (size_t i = 0; i < sizeof nulls / sizeof nulls[0]; i++) assert_true(json_is_null(at(card, "figures", nulls[i])));
  assert_true(json_is_null(at(card, "network", "weights_sha256")));
  assert_true(json_is_null(at(card, "parts", "train")));
  assert_true(json_is_null(at(card, "dataset", "sha256")));
  assert_true(json_is_null(at(card, "dataset", "split.test")));
  assert_null(at(card, "dataset", "a\a"));
  assert_string_equal(json_string_value(at(card, "dataset", "labels.1")), "c??d");
  json_decref(card);
  expect(m, "AUC            unknown");
  expect(make(NULL, "[[[["), "missing or damaged");
  expect(make(NULL, "{\"folds\":3,\"first_time\":[],\"first_member\":9}"), "out of fold");
}

static void what_probabilities_are_worth(void **state) {
  (void)state;
  bf_model *m = make(NULL, whole);
  snprintf(m->calibration[0].reason, sizeof m->calibration[0].reason, "too few");
  json_t *card = card_of(m);
  assert_true(warns(card, "not calibrated"));
  json_decref(card);
  m->calibration[0] =
      (bf_calibration){BF_CALIBRATION_PLATT, 0.5, -0.25, 60, 20, 0.9, 0.4, 0.2, 0.1, "validation part", ""};
  bf_operating_points_add(&m->points, (bf_operating_point){BF_POINT_YOUDEN, 0, 0.25, 0.75, 0.5});
  bf_operating_points_add(&m->points, (bf_operating_point){BF_POINT_SENSITIVITY, 0.9, 0.125, NAN, NAN});
  m->points.chosen = 1;
  card = card_of(m);
  assert_false(warns(card, "not calibrated"));
  assert_true(warns(card, "calibrated on the same images that its figures were measured on"));
  assert_true(json_number_value(at(card, "calibration", "slope")) == 0.5);
  assert_int_equal(json_array_size(json_object_get(card, "operating_points")), 2);
  char *text = bf_card_tell(card);
  assert_non_null(strstr(text,
                         "platt: slope 0.5, intercept -0.25; log loss 0.900, then 0.400, on 60 images of the "
                         "validation part\n"));
  assert_non_null(strstr(text, "expected calibration error 0.200, then 0.100, on the same images\n"));
  assert_non_null(strstr(text, "youden            at 0.2500: sensitivity 0.750, specificity 0.500\n"));
  assert_non_null(strstr(text, "sensitivity 0.9   at 0.1250: sensitivity unknown, specificity unknown; chosen\n"));
  bf_free(text);
  json_decref(card);
  bf_model_destroy(m);
  expect(make(NULL, ""), "calibration    none: nobody made one\n");
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(a_model_that_says_nothing),
      cmocka_unit_test(figures_and_what_they_cannot_carry),
      cmocka_unit_test(what_probabilities_are_worth),
      cmocka_unit_test(a_record_without_intervals),
      cmocka_unit_test(one_maker_alone),
      cmocka_unit_test(nonsense_is_left_out),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
