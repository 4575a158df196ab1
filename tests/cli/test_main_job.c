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
#include "store/scores.h"

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

/* Cells of each image add up to its logit, but for one number of the head. */
static void cells_add_up(bf_scores *s) {
  bf_error err = {0};
  float map[64];
  double bias = NAN;
  assert_int_equal(s->grids[BF_HEAT_MALIGNANCY].rows * s->grids[BF_HEAT_MALIGNANCY].columns, 4);
  for (int64_t i = 0; i < s->count; i++) {
    const bf_score_row *r = &s->rows[i];
    double rest = r->malignant_logit;
    assert_true(r->has_heat);
    assert_int_equal(bf_scores_heat(s, i, BF_HEAT_MALIGNANCY, map, &err), BF_OK);
    for (int k = 0; k < 4; k++) rest -= (double)map[k];
    if (isnan(bias)) bias = rest;
    assert_true(fabs(rest - bias) < 1e-4);
  }
}

/* What the network sees is the original, fitted into its square: the middles meet. */
static void maps_lie_on_images(const bf_scores *s) {
  for (int64_t i = 0; i < s->count; i++) {
    const double *m = s->rows[i].to_original;
    assert_true(fabs(m[0] * 32 + m[1] * 32 + m[2] - s->rows[i].columns / 2.0) < 1);
    assert_true(fabs(m[3] * 32 + m[4] * 32 + m[5] - s->rows[i].rows / 2.0) < 1);
  }
}

static void same_heat(bf_scores *a, bf_scores *b, bool wanted) {
  bf_error err = {0};
  bool same = true;
  float x[64], y[64];
  assert_int_equal(a->count, b->count);
  for (int64_t i = 0; i < a->count; i++)
    for (int k = 0; k < BF_HEATS; k++) {
      int cells = a->grids[k].rows * a->grids[k].columns;
      assert_in_range(cells, 1, 64);
      assert_int_equal(bf_scores_heat(a, i, (bf_heat_kind)k, x, &err), BF_OK);
      assert_int_equal(bf_scores_heat(b, i, (bf_heat_kind)k, y, &err), BF_OK);
      for (int c = 0; c < cells && k == BF_HEAT_LESION; c++) assert_true(x[c] > 0 && x[c] < 1);
      same = same && memcmp(x, y, (size_t)cells * sizeof *x) == 0;
    }
  assert_int_equal(same, wanted);
}

static void test_heat_maps(void **state) {
  (void)state;
  static const char *const shards[] = {"1/2", "2/2"};
  char model[600], studies[600];
  snprintf(model, sizeof model, "%s", in_scratch("run/model.safetensors"));
  snprintf(studies, sizeof studies, "%s", in_scratch("ph/studies"));
  bf_scores plain, one, mirrored, joined;
  bf_error err = {0};
  good(RUN("score", model, studies, "-o", in_scratch("plain.h5")));
  good(RUN("score", model, studies, "-o", in_scratch("heat.h5"), "--heat", "--batch", "3"));
  good(RUN("score", model, studies, "-o", in_scratch("mirrored.h5"), "--heat", "--flips"));
  for (int i = 0; i < 2; i++)
    good(RUN("score", model, studies, "-o", in_scratch(i ? "h2.h5" : "h1.h5"), "--heat", "--shard", shards[i]));
  good(RUN("export", "--merge", in_scratch("h1.h5"), in_scratch("h2.h5"), "-o", in_scratch("joined.h5")));
  assert_int_equal(bf_scores_read(&plain, in_scratch("plain.h5"), &err), BF_OK);
  assert_int_equal(bf_scores_read(&one, in_scratch("heat.h5"), &err), BF_OK);
  assert_int_equal(bf_scores_read(&mirrored, in_scratch("mirrored.h5"), &err), BF_OK);
  assert_int_equal(bf_scores_read(&joined, in_scratch("joined.h5"), &err), BF_OK);
  assert_false(plain.rows[0].has_heat);
  for (int64_t i = 0; i < plain.count; i++) /* keeping maps changes no score */
    assert_true(plain.rows[i].malignant_logit == one.rows[i].malignant_logit);
  cells_add_up(&one), cells_add_up(&mirrored);
  maps_lie_on_images(&one), maps_lie_on_images(&mirrored);
  same_heat(&one, &joined, true);
  same_heat(&one, &mirrored, false);
  bf_scores_clear(&plain), bf_scores_clear(&mirrored);
  /* A part of them, and pictures. */
  good(RUN("export", in_scratch("heat.h5"), "--format", "hdf5", "-o", in_scratch("again")));
  bf_scores_clear(&joined);
  assert_int_equal(bf_scores_read(&joined, in_scratch("again/scores.h5"), &err), BF_OK);
  same_heat(&one, &joined, true);
  bf_scores_clear(&one), bf_scores_clear(&joined);
  good(RUN("export", in_scratch("heat.h5"), "--format", "overlay", "--rows", "1-2", "-o", in_scratch("seen")));
  good(RUN("export", in_scratch("heat.h5"), "--format", "overlay", "--rows", "1-2", "--heat", "malignancy", "-o",
           in_scratch("hot")));
  assert_false(same_file(in_scratch("seen/row-0001.png"), in_scratch("hot/row-0001.png")));
  EXPECT(RUN("export", in_scratch("plain.h5"), "--format", "overlay", "--heat", "lesion", "-o", in_scratch("no")), 2,
         "holds no heat maps of lesion; 'score --heat' keeps them");
  EXPECT(RUN("export", in_scratch("heat.h5"), "--format", "overlay", "--heat", "warm", "-o", in_scratch("no")), 2,
         "there are malignancy, lesion");
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
      cmocka_unit_test(test_threads_do_not_matter),
      cmocka_unit_test(test_killed_training_goes_on),
      cmocka_unit_test(test_score_and_evaluate),
      cmocka_unit_test(test_killed_scoring_goes_on),
      cmocka_unit_test(test_batches_do_not_matter),
      cmocka_unit_test(test_folds),
      cmocka_unit_test(test_folds_are_part_of_the_job),
      cmocka_unit_test(test_one_head_alone),
      cmocka_unit_test(test_partly_labelled),
      cmocka_unit_test(test_doctor_and_bench),
      cmocka_unit_test(test_heat_maps),
  };
  return cmocka_run_group_tests_name("main_job", tests, make_inputs, scratch_teardown);
}
