/* Several tasks at once through the program: balances, the watch, and going on after a kill. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <math.h>
#include <stdbool.h>

#include "program.h"

static const char *const tiny =
    "size: 64\nepochs: 3\nbatch: 8\nbackbone: mobilenet_v2\nvalidation: 0.3\nheads:\n  lesion:\n    channels: 16\n";

static int make_inputs(void **state) {
  (void)state;
  setenv("SOURCE_DATE_EPOCH", "1700000000", 1);
  scratch_make();
  write_text(in_scratch("tiny.yaml"), tiny);
  good(RUN("phantom", "-o", in_scratch("ph"), "--studies", "14", "--seed", "4"));
  good(RUN("ingest", in_scratch("ph/studies"), "--labels", in_scratch("ph/labels.csv"), "--labels",
           in_scratch("ph/boxes.csv"), "-o", in_scratch("data.h5")));
  return 0;
}

static void remove_tree(const char *name) {
  char command[1200];
  snprintf(command, sizeof command, "rm -rf '%s'", in_scratch(name));
  assert_int_equal(system(command), 0);
}

#define TRAIN(to, ...) \
  RUN("train", in_scratch("tiny.yaml"), "--data", in_scratch("data.h5"), "-o", in_scratch(to), __VA_ARGS__)

static const char *const methods[] = {"fixed", "uncertainty", "dwa", "gradnorm", "pcgrad"};

/* Every method trains, and each to weights of its own. */
static void every_balance_trains(void **state) {
  (void)state;
  for (int i = 0; i < 5; i++) {
    char to[64], model[5][96], setting[64];
    snprintf(to, sizeof to, "run-%s", methods[i]);
    snprintf(setting, sizeof setting, "balance.method=%s", methods[i]);
    good(TRAIN(to, "--set", setting));
    for (int k = 0; k < i; k++) {
      snprintf(model[0], sizeof model[0], "run-%s/last.safetensors", methods[k]);
      snprintf(model[1], sizeof model[1], "run-%s/last.safetensors", methods[i]);
      char *one = strdup(in_scratch(model[0]));
      if (same_file(one, in_scratch(model[1]))) fail_msg("%s learns what %s does", methods[i], methods[k]);
      free(one);
    }
  }
}

/* Columns of metrics.csv by name, and a number of its last line. */
static double last_number(const char *file, const char *column) {
  char *text = read_text(in_scratch(file)), *line = text, *last = text;
  int place = 0, at = 0;
  char *header = strndup(text, strcspn(text, "\n"));
  bool found = false;
  for (char *word = strtok(header, ","); word != NULL && !found; word = strtok(NULL, ","))
    if (strcmp(word, column) == 0)
      found = true;
    else
      place++;
  if (!found) fail_msg("%s: no column %s", file, column);
  for (; *line != '\0'; line += strcspn(line, "\n") + 1) last = line;
  for (; at < place; at++) last += strcspn(last, ",\n") + 1;
  double value = *last == ',' || *last == '\n' ? NAN : atof(last);
  free(header);
  free(text);
  return value;
}

static void the_watch_is_written(void **state) {
  (void)state;
  double a = last_number("run-fixed/metrics.csv", "share_malignancy"),
         b = last_number("run-fixed/metrics.csv", "share_lesion"),
         cosine = last_number("run-fixed/metrics.csv", "cosine_malignancy_lesion"),
         conflicts = last_number("run-fixed/metrics.csv", "conflicts_malignancy_lesion");
  assert_true(fabs(a + b - 1) < 1e-4 && a > 0 && b > 0);
  assert_true(fabs(cosine) <= 1 && conflicts >= 0 && conflicts <= 1);
  assert_true(last_number("run-fixed/metrics.csv", "gradient_lesion") > 0);
  assert_true(last_number("run-fixed/metrics.csv", "weight_lesion") == 1);
  assert_true(last_number("run-uncertainty/metrics.csv", "weight_lesion") != 1);
}

static void who_takes_over_is_named(void **state) {
  (void)state;
  outcome o = TRAIN("heavy", "--set", "heads.lesion.weight=500");
  assert_int_equal(o.code, 0);
  const char *said = strstr(o.err, "the task lesion takes over:");
  assert_non_null(said);
  assert_non_null(strstr(said, "Try heads.lesion.weight: "));
  assert_null(strstr(said + 30, "takes over")); /* once is enough */
  outcome_free(&o);
  o = TRAIN("heavy", "--set", "heads.malignancy.weight=0");
  assert_int_equal(o.code, 0);
  assert_null(strstr(o.err, "takes over")); /* alone, nobody does */
  outcome_free(&o);
}

static void unknown_balances_are_refused(void **state) {
  (void)state;
  EXPECT(TRAIN("none", "--set", "balance.method=gradnrom"), 2, "did you mean gradnorm?");
  EXPECT(TRAIN("none", "--set", "balance.gradnorm.alpha=-1"), 2, "balance.gradnorm.alpha");
}

/* A balance's numbers are in the checkpoint: killed after an epoch, training ends with the same bits. */
static void killed_balances_go_on(void **state) {
  (void)state;
  static const struct {
    const char *method, *also;
  } stateful[] = {{"uncertainty", "balance.uncertainty.rate=0.5"}, {"dwa", "epochs=4"}, {"gradnorm", "epochs=8"}};
  for (int i = 0; i < 3; i++) {
    char setting[64];
    snprintf(setting, sizeof setting, "balance.method=%s", stateful[i].method);
    good(TRAIN("whole", "--set", setting, "--set", stateful[i].also));
    remove_tree("killed");
    const char *const arguments[] = {"train", in_scratch("tiny.yaml"), "--data", in_scratch("data.h5"),
                                     "-o",    in_scratch("killed"),    "--set",  setting,
                                     "--set", stateful[i].also,        NULL};
    pid_t child = start_program(arguments, 0);
    wait_for(in_scratch("killed/checkpoint.h5"), child);
    kill(child, SIGKILL);
    outcome o = finish_program(child);
    outcome_free(&o);
    EXPECT(TRAIN("killed", "--set", "balance.method=fixed", "--resume"), 2, "another dataset, configuration");
    o = TRAIN("killed", "--set", setting, "--set", stateful[i].also, "--resume");
    assert_int_equal(o.code, 0);
    assert_non_null(strstr(o.err, "going on after epoch"));
    outcome_free(&o);
    if (!same_file(in_scratch("whole/last.safetensors"), in_scratch("killed/last.safetensors")))
      fail_msg("%s goes on differently", stateful[i].method);
  }
}

/* few: so few patients that there is no interval, and so no verdict. */
static void check_twin(const json_t *root, const char *task, const char *figure, bool few) {
  json_t *twins = json_object_get(root, "twins"), *twin = json_object_get(twins, task);
  double together = number_at(twins, task, "together"), alone = number_at(twins, task, "alone"),
         difference = number_at(twins, task, "difference");
  const char *verdict = json_string_value(json_object_get(twin, "verdict"));
  assert_string_equal(json_string_value(json_object_get(twin, "figure")), figure);
  assert_true(together >= 0 && together <= 1 && alone >= 0 && alone <= 1);
  assert_true(fabs(together - alone - difference) < 1e-9);
  assert_int_equal(number_at(twins, task, "patients") < 5, few);
  if (few) {
    assert_true(json_is_null(json_object_get(twin, "low")) && json_is_null(json_object_get(twin, "high")));
    assert_string_equal(verdict, "unknown");
  } else {
    double low = number_at(twins, task, "low"), high = number_at(twins, task, "high");
    assert_true(low <= difference && difference <= high);
    assert_string_equal(verdict, low > 0 ? "better" : high < 0 ? "worse" : "same");
  }
}

/* Twins: each task alone, in its own folder, as that configuration trains by itself; verdicts in the models. */
static void twins_are_compared(void **state) {
  (void)state;
  json_t *root =
      json_of(TRAIN("tw", "--set", "epochs=2", "--set", "balance.method=pcgrad", "--folds", "3", "--twins", "--json"));
  check_twin(root, "malignancy", "auc", false);
  check_twin(root, "lesion", "froc1", false);
  json_decref(root);
  good(TRAIN("hand", "--set", "epochs=2", "--folds", "3", "--set", "heads.lesion.weight=0"));
  json_t *hand =
      json_of(RUN("evaluate", in_scratch("hand/scores.h5"), "--labels", in_scratch("ph/labels.csv"), "--json"));
  json_t *twin = json_of(
      RUN("evaluate", in_scratch("tw/twin-malignancy/scores.h5"), "--labels", in_scratch("ph/labels.csv"), "--json"));
  assert_true(number_at(hand, "classification", "auc") == number_at(twin, "classification", "auc"));
  assert_true(number_at(hand, "classification", "brier") == number_at(twin, "classification", "brier"));
  json_decref(hand);
  json_decref(twin);
  for (int fold = 1; fold <= 3; fold++) {
    char name[64];
    snprintf(name, sizeof name, "tw/fold%d-model.safetensors", fold);
    char *head = read_text(in_scratch(name)); /* 8 bytes of length, then JSON */
    assert_non_null(memmem(head + 8, 65536, "twins", 5));
    assert_non_null(memmem(head + 8, 65536, "verdict", 7));
    free(head);
  }
  good(RUN("score", in_scratch("tw/fold1-model.safetensors"), in_scratch("ph/studies"), "-o", in_scratch("tw.h5")));
}

/* Without folds the validation part is what they are compared on; a model that stood keeps its answers. */
static void twins_of_one_training(void **state) {
  (void)state;
  outcome o = TRAIN("one", "--set", "heads.malignancy.pool=lesion", "--twins", "--json");
  assert_non_null(strstr(o.err, "(no interval, "));
  assert_null(strstr(o.err, "+nan"));
  json_t *root = json_of(o);
  check_twin(root, "malignancy", "auc", true);
  check_twin(root, "lesion", "froc1", true);
  json_decref(root);
  EXPECT(TRAIN("none", "--twins", "--set", "heads.lesion.weight=0"), 2, "only one head has a weight");
  EXPECT(TRAIN("none", "--twins", "--set", "validation=0"), 2, "no validation part");
}

/* Boxes of the first few images alone. */
static void keep_lines(const char *from, const char *to, int lines) {
  char *text = read_text(in_scratch(from)), *end = text;
  for (int i = 0; i < lines; i++) end += strcspn(end, "\n") + 1;
  *end = '\0';
  write_text(in_scratch(to), text);
  free(text);
}

/* A task with few labels is in every batch; alone, it is trained on the images that have them. */
static void few_labels_of_one_task(void **state) {
  (void)state;
  keep_lines("ph/boxes.csv", "few.csv", 5);
  good(RUN("ingest", in_scratch("ph/studies"), "--labels", in_scratch("ph/labels.csv"), "--labels",
           in_scratch("few.csv"), "-o", in_scratch("few.h5")));
  outcome o = RUN("train", in_scratch("tiny.yaml"), "--data", in_scratch("few.h5"), "-o", in_scratch("few"));
  assert_int_equal(o.code, 0);
  assert_null(strstr(o.err, "have no label"));
  outcome_free(&o);
  assert_true(last_number("few/metrics.csv", "train_lesion") > 0);
  assert_true(last_number("few/metrics.csv", "share_lesion") > 0);
  o = RUN("train", in_scratch("tiny.yaml"), "--data", in_scratch("few.h5"), "-o", in_scratch("alone"), "--set",
          "heads.malignancy.weight=0", "--set", "validation=0");
  assert_int_equal(o.code, 0);
  assert_non_null(strstr(o.err, "training images have no label that a head is trained from: they are left out"));
  outcome_free(&o);
  EXPECT(RUN("train", in_scratch("tiny.yaml"), "--data", in_scratch("few.h5"), "-o", in_scratch("none"), "--set",
             "heads.malignancy.weight=0", "--set", "heads.lesion.weight=0", "--set", "heads.mask.weight=1"),
         2, "none of the training images has a label");
}

/* What does not change the picture moves nothing; what does, something; the same copies each time. */
static void invariance_is_measured(void **state) {
  (void)state;
  json_t *root =
      json_of(RUN("invariance", in_scratch("run-fixed/last.safetensors"), "--data", in_scratch("data.h5"), "--copies",
                  "2", "--set", "augment.flip.horizontal=0", "--set", "augment.rotate.degrees=40", "--json"));
  json_t *all = json_object_get(root, "augmentations");
  assert_int_equal(json_object_size(all), 15);
  assert_true(number_at(all, "flip", "probability_move") == 0 && number_at(all, "flip", "logit_move") == 0);
  assert_true(number_at(all, "flip", "decision_change") == 0);
  assert_true(number_at(all, "rotate", "probability_move") > 0);
  if (json_number_value(json_object_get(root, "images_with_a_box")) > 0) {
    assert_float_equal(number_at(all, "flip", "box_iou"), 1, 1e-4);
    assert_true(number_at(all, "flip", "box_kept") == 1 && number_at(all, "rotate", "box_iou") < 1);
  }
  json_t *again = json_of(RUN("invariance", in_scratch("run-fixed/last.safetensors"), "--data", in_scratch("data.h5"),
                              "--copies", "2", "--set", "augment.flip.horizontal=0", "--set",
                              "augment.rotate.degrees=40", "--threads", "1", "--json"));
  assert_true(json_equal(root, again));
  json_decref(root);
  json_decref(again);
  EXPECT(RUN("invariance", in_scratch("run-fixed/last.safetensors"), "--data", in_scratch("data.h5"), "--set",
             "rotate.degrees=4"),
         2, "augment.NAME.OPTION=VALUE");
  EXPECT(RUN("invariance", in_scratch("run-fixed/last.safetensors"), "--data", in_scratch("data.h5"), "--set",
             "augment.rotate.degree=4"),
         2, "did you mean");
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(every_balance_trains),    cmocka_unit_test(the_watch_is_written),
      cmocka_unit_test(who_takes_over_is_named), cmocka_unit_test(unknown_balances_are_refused),
      cmocka_unit_test(killed_balances_go_on),   cmocka_unit_test(twins_are_compared),
      cmocka_unit_test(twins_of_one_training),   cmocka_unit_test(few_labels_of_one_task),
      cmocka_unit_test(invariance_is_measured)};
  return cmocka_run_group_tests(tests, make_inputs, scratch_teardown);
}
