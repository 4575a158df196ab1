/* Calibration and operating points through the program: chosen by train on the validation part, kept in the model,
 * applied by score, told by the card. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <math.h>

#include "metrics/calibration_fit.h"
#include "metrics/metrics.h"
#include "model/model.h"
#include "program.h"
#include "run/sections.h"
#include "store/dataset.h"
#include "store/scores.h"

enum { most = 400 };

static const char *const tiny =
    "size: 64\nepochs: 2\nbatch: 8\nbackbone: squeezenet1_1\nvalidation: 0.5\nmetric: last\nsensitivity: 0.8\nheads:\n"
    "  lesion:\n    channels: 16\n";

static int make_inputs(void **state) {
  (void)state;
  scratch_make_for_job(tiny);
  good(RUN("phantom", "-o", in_scratch("ph"), "--studies", "40", "--seed", "4"));
  good(RUN("ingest", in_scratch("ph/studies"), "--labels", in_scratch("ph/labels.csv"), "--labels",
           in_scratch("ph/boxes.csv"), "-o", in_scratch("data.h5")));
  good(RUN("train", in_scratch("tiny.yaml"), "--data", in_scratch("data.h5"), "-o", in_scratch("run")));
  return 0;
}

static bf_model *read_model(const char *name) {
  bf_config_section sections[BF_RUN_MAX_SECTIONS];
  int count = bf_run_sections(sections);
  bf_model *m = NULL;
  bf_error err = {0};
  if (bf_model_read(&m, in_scratch(name), sections, count, &err) != BF_OK) fail_msg("%s", err.message);
  return m;
}

/* A file of scores with what is known of its images. */
typedef struct scored {
  bf_scores scores;
  json_t *extra;
  double logit[most], probability[most];
  uint8_t label[most];
  int64_t n;
} scored;

static void read_scored(scored *s, const char *name) {
  bf_error err = {0};
  bf_dataset *data;
  assert_int_equal(bf_scores_read(&s->scores, in_scratch(name), &err), BF_OK);
  assert_int_equal(bf_dataset_open(&data, in_scratch("data.h5"), &err), BF_OK);
  assert_in_range(s->scores.count, 1, most);
  s->extra = json_loads(s->scores.extra_json, 0, NULL);
  s->n = 0;
  for (int64_t i = 0; i < s->scores.count; i++)
    for (int64_t k = 0; k < bf_dataset_count(data); k++) {
      const bf_score_row *row = &s->scores.rows[i];
      const bf_record *r = bf_dataset_record(data, k);
      if (strcmp(r->sop_instance_uid, row->sop_instance_uid) != 0 || r->frame != row->frame || r->malignant < 0)
        continue;
      s->logit[s->n] = row->malignant_logit;
      s->probability[s->n] = row->malignant_probability;
      s->label[s->n++] = r->malignant > 0;
    }
  bf_dataset_close(data);
}

static void scored_clear(scored *s) {
  bf_scores_clear(&s->scores);
  json_decref(s->extra);
}

static double sigmoid(double z) { return 1 / (1 + exp(-z)); }

/* Probabilities are the logits' under this slope and intercept, to a float's last bits. */
static void expect_line(const scored *s, double slope, double intercept) {
  for (int64_t i = 0; i < s->scores.count; i++) {
    const bf_score_row *row = &s->scores.rows[i];
    double wanted = sigmoid(slope * (double)row->malignant_logit + intercept);
    assert_true(fabs((double)row->malignant_probability - wanted) <= 1e-7);
  }
}

/* What the model says of its fit is what another fit on the rows of validation-scores.h5 finds. */
static void expect_fit(const char *folder, bf_calibration_fit (*fit)(const double *, const uint8_t *, int64_t)) {
  char name[64];
  scored s;
  snprintf(name, sizeof name, "%s/model.safetensors", folder);
  bf_model *m = read_model(name);
  snprintf(name, sizeof name, "%s/validation-scores.h5", folder);
  read_scored(&s, name);
  bf_calibration_fit f = fit(s.logit, s.label, s.n);
  const bf_calibration *c = &m->calibration[0];
  assert_int_equal(c->method != BF_CALIBRATION_NONE, f.fitted);
  if (f.fitted) {
    assert_true(c->slope == f.slope && c->intercept == f.intercept);
    assert_true(c->n == f.n && c->positives == f.positives);
    assert_true(c->log_loss_after == f.log_loss_after);
    assert_true(fabs(c->ece_after - bf_metrics_ece(s.probability, s.label, s.n, 15)) < 1e-6);
    json_t *told = json_object_get(s.extra, "calibration");
    assert_true(json_number_value(json_object_get(told, "slope")) == f.slope);
  } else {
    assert_non_null(strstr(c->reason, f.reason));
  }
  expect_line(&s, f.slope, f.intercept);
  scored_clear(&s);
  bf_model_destroy(m);
}

static void training_fits_on_validation(void **state) {
  (void)state;
  expect_fit("run", bf_metrics_fit_temperature);
  good(RUN("train", in_scratch("tiny.yaml"), "--data", in_scratch("data.h5"), "-o", in_scratch("platt"), "--set",
           "calibration=platt"));
  expect_fit("platt", bf_metrics_fit_platt);
}

static void none_is_the_networks_own(void **state) {
  (void)state;
  scored s;
  good(RUN("train", in_scratch("tiny.yaml"), "--data", in_scratch("data.h5"), "-o", in_scratch("none"), "--set",
           "calibration=none"));
  good(RUN("score", in_scratch("none/model.safetensors"), in_scratch("ph/studies"), "-o", in_scratch("none.h5")));
  read_scored(&s, "none.h5");
  expect_line(&s, 1, 0);
  assert_string_equal(json_string_value(json_object_get(json_object_get(s.extra, "calibration"), "method")), "none");
  scored_clear(&s);
  json_t *card = json_of(RUN("card", in_scratch("none/model.safetensors"), "--json"));
  json_t *words = json_object_get(json_object_get(card, "calibration"), "in_words");
  assert_string_equal(json_string_value(words), "none: the configuration asks for none");
  json_decref(card);
}

/* Each point keeps its promise on the images that it was chosen on, and one is the threshold. */
static void points_keep_their_promise(void **state) {
  (void)state;
  scored s;
  read_scored(&s, "run/validation-scores.h5");
  json_t *list = json_object_get(s.extra, "operating_points"), *point;
  size_t i;
  int chosen = 0;
  assert_int_equal(json_array_size(list), 6);
  json_array_foreach(list, i, point) {
    const char *name = json_string_value(json_object_get(point, "rule"));
    double threshold = json_number_value(json_object_get(point, "threshold")),
           target = json_number_value(json_object_get(point, "target"));
    bf_confusion c = bf_metrics_confusion(s.probability, s.label, s.n, threshold);
    assert_true(c.sensitivity.value == json_number_value(json_object_get(point, "sensitivity")));
    assert_true(c.specificity.value == json_number_value(json_object_get(point, "specificity")));
    if (strcmp(name, "sensitivity") == 0) assert_true(c.sensitivity.value >= target);
    if (strcmp(name, "specificity") == 0) assert_true(c.specificity.value >= target);
    /* A lower threshold would call a benign image too many. */
    double below = -1;
    for (int64_t k = 0; k < s.n; k++)
      if (s.probability[k] < threshold && s.probability[k] > below) below = s.probability[k];
    if (strcmp(name, "specificity") == 0 && below >= 0)
      assert_true(bf_metrics_confusion(s.probability, s.label, s.n, below).specificity.value < target);
    if (!json_is_true(json_object_get(point, "chosen"))) continue;
    chosen++;
    assert_string_equal(name, "sensitivity");
    assert_true(target == 0.8);
    assert_true(threshold == json_number_value(json_object_get(s.extra, "threshold")));
  }
  assert_int_equal(chosen, 1);
  scored_clear(&s);
}

/* A model whose calibration is known: the column follows it, the logit does not, and the whole and its shards agree. */
static void score_applies_it(void **state) {
  (void)state;
  static const char *const shards[] = {"1/2", "2/2"};
  bf_error err = {0};
  scored plain, s, joined;
  bf_model *m = read_model("run/model.safetensors");
  m->calibration[0] = (bf_calibration){0};
  assert_int_equal(bf_model_write(m, in_scratch("plain.safetensors"), &err), BF_OK);
  m->calibration[0] = (bf_calibration){.method = BF_CALIBRATION_PLATT, .slope = 2.5, .intercept = -0.75};
  assert_int_equal(bf_model_write(m, in_scratch("known.safetensors"), &err), BF_OK);
  bf_model_destroy(m);
  good(RUN("score", in_scratch("plain.safetensors"), in_scratch("ph/studies"), "-o", in_scratch("plain.h5"), "--heat"));
  good(RUN("score", in_scratch("known.safetensors"), in_scratch("ph/studies"), "-o", in_scratch("known.h5")));
  for (int i = 0; i < 2; i++)
    good(RUN("score", in_scratch("known.safetensors"), in_scratch("ph/studies"), "-o", in_scratch(i ? "2.h5" : "1.h5"),
             "--shard", shards[i], "--flips"));
  good(RUN("export", "--merge", in_scratch("1.h5"), in_scratch("2.h5"), "-o", in_scratch("joined.h5")));
  read_scored(&plain, "plain.h5"), read_scored(&s, "known.h5"), read_scored(&joined, "joined.h5");
  expect_line(&plain, 1, 0);
  expect_line(&s, 2.5, -0.75);
  expect_line(&joined, 2.5, -0.75);
  assert_int_equal(s.scores.count, plain.scores.count);
  for (int64_t i = 0; i < s.scores.count; i++)
    assert_true(s.scores.rows[i].malignant_logit == plain.scores.rows[i].malignant_logit);
  json_t *told = json_object_get(s.extra, "calibration");
  assert_string_equal(json_string_value(json_object_get(told, "method")), "platt");
  assert_true(json_number_value(json_object_get(told, "intercept")) == -0.75);
  assert_true(json_equal(told, json_object_get(joined.extra, "calibration")));
  assert_true(
      json_equal(json_object_get(s.extra, "operating_points"), json_object_get(joined.extra, "operating_points")));
  scored_clear(&plain), scored_clear(&s), scored_clear(&joined);
}

/* Out of fold each row has the probability of its own fold's model; the ensemble that of all of them. */
static void folds_have_their_own(void **state) {
  (void)state;
  scored s, all;
  bf_model *folds[2];
  good(RUN("train", in_scratch("tiny.yaml"), "--data", in_scratch("data.h5"), "-o", in_scratch("cv"), "--folds", "2",
           "--set", "calibration=platt", "--set", "sensitivity=0"));
  folds[0] = read_model("cv/fold1-model.safetensors"), folds[1] = read_model("cv/fold2-model.safetensors");
  read_scored(&s, "cv/scores.h5");
  for (int64_t i = 0; i < s.scores.count; i++) {
    double p = (double)s.scores.rows[i].malignant_probability, z = (double)s.scores.rows[i].malignant_logit;
    assert_true(fabs(p - bf_model_probability(folds[0], z)) <= 1e-7 ||
                fabs(p - bf_model_probability(folds[1], z)) <= 1e-7);
  }
  json_t *told = json_object_get(s.extra, "calibration");
  assert_null(json_object_get(told, "slope"));
  bf_model *ensemble = read_model("cv/ensemble.safetensors");
  bf_calibration whole = bf_model_calibration(ensemble);
  if (whole.method != BF_CALIBRATION_NONE) assert_int_equal(json_array_size(json_object_get(told, "members")), 2);
  for (int k = 0; k < 2; k++) {
    assert_int_equal(ensemble->calibration[k].method, folds[k]->calibration[0].method);
    assert_true(ensemble->calibration[k].slope == folds[k]->calibration[0].slope);
    bf_model_destroy(folds[k]);
  }
  assert_true(json_number_value(json_object_get(s.extra, "threshold")) == ensemble->threshold);
  good(RUN("score", in_scratch("cv/ensemble.safetensors"), in_scratch("ph/studies"), "-o", in_scratch("all.h5")));
  read_scored(&all, "all.h5");
  expect_line(&all, bf_calibration_slope(&whole), bf_calibration_intercept(&whole));
  scored_clear(&s), scored_clear(&all);
  bf_model_destroy(ensemble);
}

/* One AUC of the same images: of evaluate, of the ensemble's record and of its twins. */
static void the_auc_out_of_fold_is_one(void **state) {
  (void)state;
  json_t *trained =
      json_of(RUN("train", in_scratch("tiny.yaml"), "--data", in_scratch("data.h5"), "-o", in_scratch("tw"), "--folds",
                  "2", "--set", "calibration=platt", "--set", "validation=0.8", "--twins", "--json"));
  json_t *card = json_of(RUN("card", in_scratch("tw/ensemble.safetensors"), "--json"));
  json_t *found =
      json_of(RUN("evaluate", in_scratch("tw/scores.h5"), "--labels", in_scratch("ph/labels.csv"), "--json"));
  double auc = number_at(found, "classification", "auc");
  assert_true(fabs(number_at(card, "figures", "auc") - auc) < 1e-5);
  assert_true(fabs(number_at(json_object_get(trained, "twins"), "malignancy", "together") - auc) < 1e-5);
  json_decref(trained);
  json_decref(card);
  json_decref(found);
}

static void a_specificity_that_is_asked_for(void **state) {
  (void)state;
  EXPECT(RUN("train", in_scratch("tiny.yaml"), "--data", in_scratch("data.h5"), "-o", in_scratch("both"), "--set",
             "specificity=0.9"),
         2, "the stored threshold aims at one of them");
  good(RUN("train", in_scratch("tiny.yaml"), "--data", in_scratch("data.h5"), "-o", in_scratch("spec"), "--set",
           "sensitivity=0", "--set", "specificity=0.7"));
  json_t *card = json_of(RUN("card", in_scratch("spec/model.safetensors"), "--json"));
  json_t *list = json_object_get(card, "operating_points"), *last = json_array_get(list, json_array_size(list) - 1);
  assert_string_equal(json_string_value(json_object_get(last, "name")), "specificity 0.7");
  assert_true(json_is_true(json_object_get(last, "chosen")));
  assert_true(number_at(card, "figures", "threshold") == json_number_value(json_object_get(last, "threshold")));
  assert_true(number_at(card, "figures", "specificity") >= 0.7);
  assert_string_equal(json_string_value(json_object_get(json_object_get(card, "figures"), "threshold_rule")),
                      "specificity of at least 0.7 on the validation part");
  json_decref(card);
  outcome o = RUN("card", in_scratch("spec/model.safetensors"));
  assert_non_null(strstr(o.out, "Its probabilities\n  calibration    "));
  assert_non_null(strstr(o.out, "specificity 0.7   at 0."));
  outcome_free(&o);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(training_fits_on_validation), cmocka_unit_test(none_is_the_networks_own),
      cmocka_unit_test(points_keep_their_promise),   cmocka_unit_test(score_applies_it),
      cmocka_unit_test(folds_have_their_own),        cmocka_unit_test(a_specificity_that_is_asked_for),
      cmocka_unit_test(the_auc_out_of_fold_is_one),
  };
  return cmocka_run_group_tests(tests, make_inputs, scratch_teardown);
}
