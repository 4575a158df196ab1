/* The figures of a training are those that evaluate finds in the scores that it leaves. */
#include "data_support.h"
#include "memory_support.h"

#include <jansson.h>
#include <math.h>

#include "base/log.h"
#include "base/memory.h"
#include "evaluation/evaluation.h"
#include "nn/loss.h"
#include "run/figures.h"

enum { count = 40 };

static bf_dataset *data;
static bf_answer answers[count];
static int64_t rows[count];

static int start(void **state) {
  if (make_folder(state) != 0) return -1;
  bf_log_set_level(BF_LOG_ERROR);
  const uint16_t pixels[4] = {1, 2, 3, 4};
  const bf_lesion lesion = {.xmin = 0, .ymin = 0, .xmax = 2, .ymax = 2};
  bf_dataset_writer *w;
  assert_ok(bf_dataset_writer_create(&w, in_folder("d.h5"), err));
  for (int i = 0; i < count; i++) {
    char patient[16];
    snprintf(patient, sizeof patient, "p%d", i);
    bf_record r = plain_record("f.dcm", patient, i % 9 == 0 ? -1 : i * 7 % 5 > 2, 2, 2);
    snprintf(r.sop_instance_uid, sizeof r.sop_instance_uid, "1.%d", i + 1);
    r.lesions_known = i % 4 == 0;
    assert_ok(bf_dataset_append(w, &r, pixels, &lesion, i % 4 == 0, NULL, err));
    rows[i] = i;
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

/* Answers of two models, the second of which has a slope and an intercept of its own, or of one alone. */
static void answer(bool two, double scale) {
  for (int i = 0; i < count; i++) {
    double logit = scale * (i * 11 % count - count / 2);
    bool second = two && i % 2 == 1;
    answers[i] = (bf_answer){.logit = (float)logit, .has_boxes = true};
    answers[i].probability = bf_sigmoid(second ? 0.25 * (double)answers[i].logit + 3 : (double)answers[i].logit);
  }
  answers[5].logit = NAN; /* nothing was found to look at */
  answers[5].probability = NAN;
}

static double evaluated_auc(void) {
  static bf_score_row all[count];
  bf_scores scores = {.count = count, .rows = all};
  bf_cases cases;
  bf_evaluation e;
  for (int i = 0; i < count; i++) {
    all[i] = (bf_score_row){.file = "f.dcm",
                            .message = "",
                            .malignant_logit = answers[i].logit,
                            .malignant_probability = (float)answers[i].probability};
    snprintf(all[i].sop_instance_uid, sizeof all[i].sop_instance_uid, "1.%d", i + 1);
  }
  assert_ok(bf_cases_of_dataset(&cases, &scores, data, "scores.h5", err));
  const bf_evaluation_options o = {.scores = "scores.h5"};
  assert_ok(bf_evaluation_create(&e, &cases, &o, err));
  double auc = e.all.classes.auc.value;
  bf_evaluation_clear(&e);
  return auc;
}

static double recorded_auc(void) {
  char *text;
  assert_ok(bf_figures_record(&text, data, rows, answers, count, 0.5, 1, err));
  json_t *root = json_loads(text, 0, NULL);
  double auc = json_number_value(json_object_get(root, "auc"));
  json_decref(root);
  free(text);
  return auc;
}

/* Images out of fold rank by probability, because logits of several models are of several scales; those of one model
 * by logit, because the probabilities of large ones are all 1. */
static void the_auc_is_that_of_evaluate(void **state) {
  (void)state;
  static const struct {
    bool two;
    double scale;
  } cases[] = {{false, 0.3}, {false, 7}, {true, 0.3}, {true, 7}};
  double found[4];
  for (int i = 0; i < 4; i++) {
    bf_figures figures;
    answer(cases[i].two, cases[i].scale);
    found[i] = evaluated_auc();
    assert_true(isfinite(found[i]));
    assert_ok(bf_figures_of(&figures, data, rows, answers, count, err));
    assert_true(figures.auc == found[i]);
    assert_true(fabs(recorded_auc() - found[i]) < 1e-12);
  }
  assert_true(found[0] == found[1]); /* by logits, whatever their size */
  assert_true(found[2] != found[0]); /* by probabilities */
}

static bf_status watch(bf_error *e) {
  bf_figures figures;
  return bf_figures_of(&figures, data, rows, answers, count, e);
}

static bf_status record(bf_error *e) {
  char *text;
  bf_status status = bf_figures_record(&text, data, rows, answers, count, 0.5, 1, e);
  free(text);
  return status;
}

static void short_memory_is_an_error(void **state) {
  (void)state;
  answer(true, 0.3);
  assert_tells_short_memory(watch, 15);
  assert_tells_short_memory(record, 20);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(the_auc_is_that_of_evaluate),
                                     cmocka_unit_test(short_memory_is_an_error)};
  return cmocka_run_group_tests(tests, start, end);
}
