/* bifocal evaluate as it is typed: options that are wrong are named with what to do, before anything is written. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "program.h"
#include "store/scores.h"

static int make_inputs(void **state) {
  (void)state;
  const bf_scores_notes notes = {"", "", "maximum", "{\"threshold\": 0.5}", NULL};
  bf_score_row rows[6];
  char labels[1024];
  int used = snprintf(labels, sizeof labels, "SOPInstanceUID,pathology\n");
  scratch_make();
  for (int i = 0; i < 6; i++) {
    rows[i] = (bf_score_row){.file = "x.dcm",
                             .modality = "US",
                             .seen = -1,
                             .rows = 50,
                             .columns = 40,
                             .message = "",
                             .malignant_probability = 0.1f + 0.15f * (float)i,
                             .malignant_logit = (float)i - 3};
    snprintf(rows[i].sop_instance_uid, sizeof rows[i].sop_instance_uid, "1.%d", i);
    used += snprintf(labels + used, sizeof labels - (size_t)used, "1.%d,%s\n", i, i > 2 ? "malignant" : "benign");
  }
  write_text(in_scratch("images.csv"), labels);
  return bf_scores_publish(in_scratch("scores.h5"), rows, 6, &notes, NULL);
}

#define EVALUATE(...)                                                                                        \
  RUN("evaluate", in_scratch("scores.h5"), "--labels", in_scratch("images.csv"), "-o", in_scratch("report"), \
      __VA_ARGS__)

static void wrong_options(void **state) {
  (void)state;
  static const char *const few[] = {"0", "1", "99", "1000001"};
  for (int i = 0; i < 4; i++) EXPECT(EVALUATE("--rounds", few[i]), 2, "--rounds: must be 100 to 1000000");
  EXPECT(EVALUATE("--rounds", "-5"), 2, "--rounds: '-5' is no whole number");
  EXPECT(EVALUATE("--pictures", "201"), 2, "--pictures 201: must be 0 to 200");
  EXPECT(EVALUATE("--pictures", "-1"), 2, "--pictures");
  EXPECT(EVALUATE("--seed", "x"), 2, "--seed: 'x' is no whole number");
  EXPECT(EVALUATE("--threshold", "2"), 2, "--threshold: '2' is not a probability");
  EXPECT(EVALUATE("--hit", "iou51"), 2, "there are iou50, iou10, centre and iou75");
  EXPECT(EVALUATE("--agianst", "x"), 2, "did you mean --against?");
  EXPECT(RUN("evaluate", in_scratch("scores.h5")), 2, "--labels");
  EXPECT(RUN("evaluate"), 2, "missing arguments");
  assert_int_not_equal(access(in_scratch("report"), F_OK), 0);
}

static void attributes_that_there_are_not(void **state) {
  (void)state;
  static const char *const there[] = {"modality", "manufacturer", "age_group",    "laterality",
                                      "view",     "image_size",   "lesion_count", "pathology"};
  for (int i = 0; i < 8; i++) EXPECT(EVALUATE("--by", "colour"), 2, there[i]);
  EXPECT(EVALUATE("--by", "view", "--by", "colour"), 2,
         "--by: no CSV file of images among the labels has a column colour");
  assert_int_not_equal(access(in_scratch("report"), F_OK), 0);
}

static void files_that_are_no_scores(void **state) {
  (void)state;
  EXPECT(EVALUATE("--against", in_scratch("images.csv")), 1, "images.csv: ");
  EXPECT(EVALUATE("--against", in_scratch("nowhere.h5")), 1, "nowhere.h5: ");
  EXPECT(RUN("evaluate", in_scratch("images.csv"), "--labels", in_scratch("images.csv")), 1, "images.csv: ");
  EXPECT(RUN("evaluate", in_scratch("scores.h5"), "--labels", in_scratch("nowhere.csv")), 1, "nowhere.csv: ");
  assert_int_not_equal(access(in_scratch("report"), F_OK), 0);
}

static void help_tells_all(void **state) {
  (void)state;
  static const char *const options[] = {"--labels FILE", "--against B.h5", "-o REPORT/", "--threshold P",
                                        "--hit RULE",    "--by NAME",      "--rounds N", "--seed N",
                                        "--threads N",   "--json",         "iou10",      "example:"};
  outcome o = RUN("evaluate", "--help");
  assert_int_equal(o.code, 0);
  for (size_t i = 0; i < sizeof options / sizeof options[0]; i++)
    if (strstr(o.out, options[i]) == NULL) fail_msg("--help says nothing of %s", options[i]);
  outcome_free(&o);
}

static void words_and_files(void **state) {
  (void)state;
  static const char *const files[] = {"metrics.json",    "roc.csv",      "pr.csv",       "froc.csv",
                                      "reliability.csv", "decision.csv", "subgroups.csv"};
  outcome o = EVALUATE("--rounds", "100", "--by", "view", "--against", in_scratch("scores.h5"));
  assert_int_equal(o.code, 0);
  assert_non_null(strstr(o.out, "area under the ROC curve (DeLong)             1.000"));
  assert_non_null(strstr(o.out, "6 images of both; 0 of A alone, 0 of B alone"));
  assert_non_null(strstr(o.out, "subgroups (few: fewer than 10 of a class, lesions or patients)"));
  outcome_free(&o);
  for (size_t i = 0; i < sizeof files / sizeof files[0]; i++) {
    char name[64];
    snprintf(name, sizeof name, "report/%s", files[i]);
    assert_int_equal(access(in_scratch(name), F_OK), 0);
  }
}

/* Six images, all told rightly. */
static void the_page_tells_how_little_it_is(void **state) {
  (void)state;
  outcome o = EVALUATE("--rounds", "100");
  assert_int_equal(o.code, 0);
  outcome_free(&o);
  char *page = read_text(in_scratch("report/report.html"));
  assert_non_null(strstr(page, "AUC of 1.000 (too little varies for an interval)"));
  assert_non_null(strstr(page, "Fewer than 10: images (6), malignant images (3), benign images (3)"));
  assert_non_null(strstr(page, "6 pictures cannot be shown"));
  assert_null(strstr(page, "x.dcm"));
  free(page);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(wrong_options),
      cmocka_unit_test(attributes_that_there_are_not),
      cmocka_unit_test(files_that_are_no_scores),
      cmocka_unit_test(help_tells_all),
      cmocka_unit_test(words_and_files),
      cmocka_unit_test(the_page_tells_how_little_it_is),
  };
  return cmocka_run_group_tests(tests, make_inputs, scratch_teardown);
}
