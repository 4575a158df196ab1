/* The main job through the program: studies in, scores out, and what must hold on the way: the same bits after a kill
 * and with any number of threads, rows that survive SIGKILL. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <math.h>
#include <sched.h>
#include <stdbool.h>

#include "program.h"

static const char *const tiny =
    "size: 64\nepochs: 3\nbatch: 8\nbackbone: mobilenet_v2\nvalidation: 0.3\noptimiser:\n  average: 0.9\nheads:\n  "
    "lesion:\n    channels: 16\n";

static int make_inputs(void **state) {
  (void)state;
  scratch_make_for_job(tiny);
  good(RUN("phantom", "-o", in_scratch("ph"), "--studies", "14", "--seed", "4"));
  good(RUN("ingest", in_scratch("ph/studies"), "--labels", in_scratch("ph/labels.csv"), "--labels",
           in_scratch("ph/boxes.csv"), "-o", in_scratch("data.h5")));
  good(RUN("train", in_scratch("tiny.yaml"), "--data", in_scratch("data.h5"), "-o", in_scratch("run"), "--threads",
           "2"));
  return 0;
}

static void test_threads_do_not_matter(void **state) {
  (void)state;
  good(RUN("train", in_scratch("tiny.yaml"), "--data", in_scratch("data.h5"), "-o", in_scratch("one"), "--threads",
           "1"));
  assert_true(same_file(in_scratch("run/model.safetensors"), in_scratch("one/model.safetensors")));
  assert_true(same_file(in_scratch("run/last.safetensors"), in_scratch("one/last.safetensors")));
  good(RUN("train", in_scratch("tiny.yaml"), "--data", in_scratch("data.h5"), "-o", in_scratch("other"), "--set",
           "seed=2"));
  assert_false(same_file(in_scratch("run/last.safetensors"), in_scratch("other/last.safetensors")));
}

static void test_killed_training_goes_on(void **state) {
  (void)state;
  const char *const arguments[] = {"train", in_scratch("tiny.yaml"), "--data", in_scratch("data.h5"),
                                   "-o",    in_scratch("killed"),    NULL};
  pid_t child = start_program(arguments, 0);
  wait_for(in_scratch("killed/checkpoint.h5"), child);
  kill(child, SIGKILL);
  outcome o = finish_program(child);
  outcome_free(&o);
  o = RUN("train", in_scratch("tiny.yaml"), "--data", in_scratch("data.h5"), "-o", in_scratch("killed"), "--resume");
  assert_int_equal(o.code, 0);
  assert_non_null(strstr(o.err, "going on after epoch"));
  outcome_free(&o);
  assert_true(same_file(in_scratch("run/model.safetensors"), in_scratch("killed/model.safetensors")));
  assert_true(same_file(in_scratch("run/last.safetensors"), in_scratch("killed/last.safetensors")));
  EXPECT(RUN("train", in_scratch("tiny.yaml"), "--data", in_scratch("data.h5"), "-o", in_scratch("killed"), "--resume",
             "--set", "seed=9"),
         2, "another dataset, configuration");
}

static void test_score_and_evaluate(void **state) {
  (void)state;
  good(RUN("score", in_scratch("run/model.safetensors"), in_scratch("ph/studies"), "-o", in_scratch("scores.h5")));
  assert_int_not_equal(access(in_scratch("scores.h5.journal"), F_OK), 0);
  json_t *root = json_of(RUN("evaluate", in_scratch("scores.h5"), "--labels", in_scratch("ph/labels.csv"), "--labels",
                             in_scratch("ph/boxes.csv"), "--json"));
  double auc = number_at(root, "classification", "auc");
  assert_true(auc >= 0 && auc <= 1);
  assert_true(number_at(root, "classification", "n") > 10);
  assert_true(number_at(root, "classification", "sensitivity") >= 0);
  assert_true(number_at(root, "localization", "lesions") > 5);
  assert_true(json_is_number(json_object_get(json_object_get(json_object_get(root, "localization"), "froc"), "0.25")));
  json_decref(root);
  good(RUN("export", in_scratch("scores.h5"), "--format", "csv", "-o", in_scratch("csv")));
}

/* A picture's result does not hang on its place in a batch, or on its neighbours there. */
static void test_batches_do_not_matter(void **state) {
  (void)state;
  static const char *const batches[] = {"1", "3", "8"};
  char command[1200];
  for (int i = 0; i < 3; i++) {
    good(RUN("score", in_scratch("run/model.safetensors"), in_scratch("ph/studies"), "-o", in_scratch("batch.h5"),
             "--batch", batches[i], "--flips"));
    good(RUN("export", in_scratch("batch.h5"), "--format", "json", "-o", in_scratch(i == 0 ? "batch-0" : "batch-n")));
    snprintf(command, sizeof command, "diff -r '%s' '%s'", in_scratch("batch-0"),
             in_scratch(i == 0 ? "batch-0" : "batch-n"));
    assert_int_equal(system(command), 0);
  }
}

/* Killed at different moments, the same command goes on, and the file ends the same. */
static void test_killed_scoring_goes_on(void **state) {
  (void)state;
  good(RUN("score", in_scratch("run/model.safetensors"), in_scratch("ph/studies"), "-o", in_scratch("whole.h5"),
           "--batch", "2"));
  good(RUN("export", in_scratch("whole.h5"), "--format", "json", "-o", in_scratch("whole")));
  for (int round = 0; round < 4; round++) {
    const char *const arguments[] = {"score",
                                     in_scratch("run/model.safetensors"),
                                     in_scratch("ph/studies"),
                                     "-o",
                                     in_scratch("part.h5"),
                                     "--batch",
                                     "2",
                                     NULL};
    pid_t child = start_program(arguments, 0);
    wait_for(in_scratch("part.h5.journal"), child);
    for (int i = 0; i < round * 2000; i++) sched_yield();
    kill(child, SIGKILL);
    outcome o = finish_program(child);
    outcome_free(&o);
  }
  good(RUN("score", in_scratch("run/model.safetensors"), in_scratch("ph/studies"), "-o", in_scratch("part.h5"),
           "--batch", "2"));
  good(RUN("export", in_scratch("part.h5"), "--format", "json", "-o", in_scratch("part")));
  char command[1200];
  snprintf(command, sizeof command, "diff -r '%s' '%s'", in_scratch("whole"), in_scratch("part"));
  assert_int_equal(system(command), 0);
}

static void test_folds(void **state) {
  (void)state;
  good(RUN("train", in_scratch("tiny.yaml"), "--data", in_scratch("data.h5"), "-o", in_scratch("cv"), "--folds", "3",
           "--set", "epochs=1"));
  json_t *root =
      json_of(RUN("evaluate", in_scratch("cv/scores.h5"), "--labels", in_scratch("ph/labels.csv"), "--json"));
  char *labels = read_text(in_scratch("ph/labels.csv"));
  int images = -1;
  for (const char *c = labels; *c; c++) images += *c == '\n';
  assert_int_equal((int)number_at(root, "classification", "n"), images);
  free(labels);
  json_decref(root);
}

/* What one fold held out, another number of folds trains on: its checkpoint must not be gone on from. */
static void test_folds_are_part_of_the_job(void **state) {
  (void)state;
  good(RUN("train", in_scratch("tiny.yaml"), "--data", in_scratch("data.h5"), "-o", in_scratch("cv2"), "--folds", "3",
           "--set", "epochs=1"));
  EXPECT(RUN("train", in_scratch("tiny.yaml"), "--data", in_scratch("data.h5"), "-o", in_scratch("cv2"), "--folds", "2",
             "--set", "epochs=1", "--resume"),
         2, "number of folds");
  outcome o = RUN("train", in_scratch("tiny.yaml"), "--data", in_scratch("data.h5"), "-o", in_scratch("cv2"), "--folds",
                  "3", "--set", "epochs=1", "--resume");
  assert_int_equal(o.code, 0);
  assert_null(strstr(o.out, "nan"));
  outcome_free(&o);
}

/* A head that is left out has no figure; it is not bad at its task. */
static void test_one_head_alone(void **state) {
  (void)state;
  json_t *root = json_of(RUN("train", in_scratch("tiny.yaml"), "--data", in_scratch("data.h5"), "-o",
                             in_scratch("alone"), "--set", "heads.lesion.weight=0", "--set", "epochs=1", "--json"));
  assert_true(json_is_null(json_object_get(root, "froc1")));
  assert_true(json_is_number(json_object_get(root, "auc")));
  assert_true(json_number_value(json_object_get(root, "best_metric")) ==
              json_number_value(json_object_get(root, "auc")));
  json_decref(root);
  root = json_of(RUN("train", in_scratch("tiny.yaml"), "--data", in_scratch("data.h5"), "-o", in_scratch("alone"),
                     "--set", "heads.malignancy.weight=0", "--set", "epochs=1", "--json"));
  assert_true(json_is_null(json_object_get(root, "auc")));
  assert_true(json_is_number(json_object_get(root, "froc1")));
  json_decref(root);
}

/* Rows without a label of one task, in training and validation; with none at all the loss is unknown, not 0. */
static void test_partly_labelled(void **state) {
  (void)state;
  char *labels = read_text(in_scratch("ph/labels.csv")), text[20000];
  int used = snprintf(text, sizeof text, "SOPInstanceUID,pathology\n"), number = 0;
  for (char *line = strchr(labels, '\n') + 1; *line != '\0'; line = strchr(line, '\n') + 1, number++) {
    char *uid = strchr(strchr(strchr(line, ',') + 1, ',') + 1, ',') + 1;
    const char *class = strstr(line, ",malignant\n") != NULL && strstr(line, ",malignant\n") < strchr(line, '\n')
                            ? "malignant"
                            : "benign";
    used += snprintf(text + used, sizeof text - (size_t)used, "%.*s,%s\n", (int)strcspn(uid, ","), uid,
                     number % 2 ? class : "");
  }
  free(labels);
  write_text(in_scratch("half.csv"), text);
  good(RUN("ingest", in_scratch("ph/studies"), "--labels", in_scratch("half.csv"), "--labels",
           in_scratch("ph/boxes.csv"), "-o", in_scratch("half.h5")));
  good(RUN("train", in_scratch("tiny.yaml"), "--data", in_scratch("half.h5"), "-o", in_scratch("half"), "--set",
           "heads.lesion.weight=0", "--set", "batch=2", "--set", "epochs=1"));
  char *metrics = read_text(in_scratch("half/metrics.csv")), *row = strchr(metrics, '\n') + 1;
  double values[9];
  assert_int_equal(sscanf(row, "%lf,%lf,%lf,%lf,%lf,%lf,%lf", values, values + 1, values + 2, values + 3, values + 4,
                          values + 5, values + 6),
                   7);
  assert_true(fabs(values[5] - values[6]) < 1e-5); /* one task of weight 1: its validation loss is the whole */
  free(metrics);
}

static void test_doctor_and_bench(void **state) {
  (void)state;
  json_t *root = json_of(RUN("doctor", "--json"));
  assert_true(json_is_true(json_object_get(root, "healthy")));
  json_decref(root);
  root = json_of(RUN("bench", "--size", "64", "--repeats", "2", "--json"));
  assert_true(number_at(root, "ms_per_image", "median") > 0);
  assert_true(json_number_value(json_object_get(root, "sgemm_peak_gflops")) > 0);
  json_decref(root);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_threads_do_not_matter),     cmocka_unit_test(test_killed_training_goes_on),
      cmocka_unit_test(test_score_and_evaluate),        cmocka_unit_test(test_killed_scoring_goes_on),
      cmocka_unit_test(test_batches_do_not_matter),     cmocka_unit_test(test_folds),
      cmocka_unit_test(test_folds_are_part_of_the_job), cmocka_unit_test(test_one_head_alone),
      cmocka_unit_test(test_partly_labelled),           cmocka_unit_test(test_doctor_and_bench),
  };
  return cmocka_run_group_tests_name("main_job", tests, make_inputs, scratch_teardown);
}
