/* bifocal evaluate as it is typed: options that are wrong are named with what to do, before anything is written. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "program.h"
#include "store/scores.h"

/* Six rows, with these notes. */
static bf_status publish(const char *name, const char *extra_json) {
  const bf_scores_notes notes = {"", "", "maximum", extra_json, NULL};
  bf_score_row rows[6];
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
  }
  return bf_scores_publish(in_scratch(name), rows, 6, &notes, NULL);
}

/* Labels of the rows; columns: the further ones' names, each with a comma before it; texts: of each row. */
static const char *write_labels(const char *name, const char *columns, const char *const texts[6]) {
  char labels[8192];
  int used = snprintf(labels, sizeof labels, "SOPInstanceUID,pathology%s\n", columns);
  for (int i = 0; i < 6; i++)
    used += snprintf(labels + used, sizeof labels - (size_t)used, "1.%d,%s%s\n", i, i > 2 ? "malignant" : "benign",
                     texts != NULL ? texts[i] : "");
  write_text(in_scratch(name), labels);
  return in_scratch(name);
}

static int make_inputs(void **state) {
  (void)state;
  scratch_make();
  write_labels("images.csv", "", NULL);
  return publish("scores.h5", "{\"threshold\": 0.5}");
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

/* ---- what scores say of thresholds ---- */

static char *nested(void) {
  enum { deep = 30000 };
  char *text = malloc(2 * deep + 1);
  memset(text, '[', deep);
  memset(text + deep, ']', deep);
  text[2 * deep] = '\0';
  return text;
}

/* due NULL: nothing is said. */
static void expect_notes(const char *extra_json, const char *due) {
  char warned[512];
  assert_int_equal(publish("notes.h5", extra_json), BF_OK);
  outcome o = RUN("evaluate", in_scratch("notes.h5"), "--labels", in_scratch("images.csv"), "--rounds", "100");
  assert_int_equal(o.code, 0);
  snprintf(warned, sizeof warned, "notes.h5: %s", due != NULL ? due : "");
  if (due != NULL ? strstr(o.err, warned) == NULL : o.err[0] != '\0')
    fail_msg("%.80s: '%s' instead of '%s'", extra_json != NULL ? extra_json : "none", o.err, due != NULL ? due : "");
  outcome_free(&o);
}

static void damaged_notes(void **state) {
  (void)state;
  char *deep = nested();
  static const char no_json[] = "extra_json is not to be read, and no threshold or operating point of it used";
  expect_notes(NULL, NULL);
  expect_notes("{}", NULL);
  expect_notes("{\"threshold\": null, \"operating_points\": []}", NULL);
  expect_notes("{\"threshold\": 1, \"operating_points\": [{\"name\": \"a\", \"threshold\": 0}]}", NULL);
  expect_notes("{not json", no_json);
  expect_notes(deep, no_json);
  expect_notes("{\"threshold\": 0.4, \"threshold_rule\": \"\xff\xfe\"}", no_json);
  expect_notes("[1, 2, 3]", no_json);
  free(deep);
}

static void damaged_thresholds(void **state) {
  (void)state;
  expect_notes("{\"threshold\": \"0.5\"}", "the stored threshold \"0.5\" is no number from 0 to 1, and not used");
  expect_notes("{\"threshold\": 7}", "the stored threshold 7 is no number from 0 to 1, and not used");
  expect_notes("{\"threshold\": -1e-3}", "the stored threshold -0.001 is no number from 0 to 1, and not used");
  expect_notes("{\"threshold\": [\"\\u001b[31m\"]}",
               "the stored threshold [\"\\u001B[31m\"] is no number from 0 to 1, and not used");
  expect_notes("{\"operating_points\": {\"name\": \"a\", \"threshold\": 0.5}}",
               "operating_points is no list, and not used");
  expect_notes(
      "{\"operating_points\": [{\"name\": \"a\", \"threshold\": 0.5}, {\"name\": 5, \"threshold\": 0.2},"
      "{\"name\": \"x\", \"threshold\": \"q\"}, {\"name\": \"y\", \"threshold\": 1.5}, 3]}",
      "4 of 5 stored operating points are not a name and a threshold from 0 to 1, and not used; the first of "
      "them is number 2");
}

static void many_points(void **state) {
  (void)state;
  char text[1024];
  for (int n = 8; n <= 9; n++) {
    int used = snprintf(text, sizeof text, "{\"operating_points\": [");
    for (int i = 0; i < n; i++)
      used += snprintf(text + used, sizeof text - (size_t)used, "%s{\"name\": \"p%d\", \"threshold\": 0.%d}",
                       i > 0 ? ", " : "", i, i + 1);
    snprintf(text + used, sizeof text - (size_t)used, "]}");
    expect_notes(text, n > 8 ? "9 operating points are stored; the first 8 are used" : NULL);
  }
}

/* ---- subgroups by columns of the labels ---- */

static void expect_out(outcome o, const char *const *due, int count) {
  assert_int_equal(o.code, 0);
  for (int i = 0; i < count; i++)
    if (strstr(o.out, due[i]) == NULL) fail_msg("no '%s' in\n%s\n%s", due[i], o.out, o.err);
  outcome_free(&o);
}

#define BY(labels, ...) RUN("evaluate", in_scratch("scores.h5"), "--labels", labels, "--rounds", "100", __VA_ARGS__)

/* Columns of a terminal, not bytes; 40 at most, and what differs still does. */
static void names_of_groups(void **state) {
  (void)state;
  static const char *const sites[] = {",\xe6\x97\xa5\xe6\x9c\xac\xe8\xaa\x9e",
                                      ",M\xc3\xbcnchen",
                                      ",University Hospital of the North; Ward A of two",
                                      ",University Hospital of the North; Ward B of two",
                                      ",North",
                                      ","};
  const char *labels = write_labels("sites.csv", ",site", sites);
  static const char *const due[] = {
      "\n                                               images  AUC",
      "\n    North                                           1",
      "\n    M\xc3\xbcnchen                                         1",
      "\n    \xe6\x97\xa5\xe6\x9c\xac\xe8\xaa\x9e                                          1",
      "\n    University Hospital of th...ard A of two        1",
      "\n    University Hospital of th...ard B of two        1",
      "\n    unknown                                         1"};
  expect_out(BY(labels, "--by", "site"), due, 7);
}

/* Both names at their full width, under each other. */
static void names_in_differences(void **state) {
  (void)state;
  static const char *const sites[] = {",University Hospital of the North; Ward A of two",
                                      ",University Hospital of the North; Ward B of two",
                                      ",\xe6\x97\xa5\xe6\x9c\xac",
                                      ",University Hospital of the North; Ward A of two",
                                      ",University Hospital of the North; Ward B of two",
                                      ",\xe6\x97\xa5\xe6\x9c\xac"};
  const char *labels = write_labels("wards.csv", ",site", sites);
  static const char *const due[] = {
      "\n                                                            A       B    A - B  95 % interval",
      "\n    site University Hospital of th...ard A of two, n 2  1.000   1.000   ",
      "\n    site University Hospital of th...ard B of two, n 2  1.000   1.000   ",
      "\n    site \xe6\x97\xa5\xe6\x9c\xac, n 2                                      1.000   1.000   "};
  expect_out(BY(labels, "--by", "site", "--against", in_scratch("scores.h5")), due, 4);
}

static void columns_named_like_attributes(void **state) {
  (void)state;
  static const char *const texts[] = {",a,x", ",a,x", ",b,x", ",a,y", ",a,y", ",b,y"};
  const char *labels = write_labels("named.csv", ",Modality,site", texts);
  outcome o = BY(labels, "--by", "modality", "--by", "site");
  assert_int_equal(o.code, 0);
  assert_non_null(strstr(o.out, "\n  modality\n    US "));
  assert_non_null(strstr(o.err,
                         "--by modality: groups by what the scores say; the labels have a column of that name, "
                         "too, which --by labels:modality asks for"));
  outcome_free(&o);
  o = BY(labels, "--by", "modality", "--by", "labels:modality", "--by", "labels:site", "--by", "site");
  assert_int_equal(o.code, 0);
  assert_string_equal(o.err, "");
  assert_non_null(strstr(o.out, "\n  modality\n    US "));
  assert_non_null(strstr(o.out, "\n  labels:modality\n    a "));
  const char *site = strstr(o.out, "\n  site\n    x ");
  assert_non_null(site);
  assert_null(strstr(site + 8, "site\n"));
  outcome_free(&o);
  o = BY(labels, "--by", "view");
  assert_int_equal(o.code, 0);
  assert_string_equal(o.err, "");
  outcome_free(&o);
}

/* Each is named, with its limit. */
static void columns_that_cannot_be(void **state) {
  (void)state;
  char columns[1024] = "", text[512] = "", names[17][8], by[128];
  const char *texts[] = {text, text, text, text, text, text};
  for (int i = 0; i < 17; i++) {
    snprintf(names[i], sizeof names[i], "c%d", i);
    snprintf(columns + strlen(columns), sizeof columns - strlen(columns), ",%s", names[i]);
    strcat(text, ",v");
  }
  const char *labels = write_labels("many.csv", columns, texts);
  expect_out(BY(labels, "--by", "c16"), (const char *const[]){"\n  c16\n    v "}, 1);
  EXPECT(BY(labels, "--by", "c0", "--by", "c1", "--by", "c2", "--by", "c3", "--by", "c4", "--by", "c5", "--by", "c6",
            "--by", "c7", "--by", "c8", "--by", "c9", "--by", "c10", "--by", "c11", "--by", "c12", "--by", "c13",
            "--by", "c14", "--by", "c15", "--by", "c16"),
         2, "--by c16: at most 16 columns of the labels at a time");
  memset(by, 'n', 65);
  by[65] = '\0';
  EXPECT(BY(labels, "--by", by), 2, "nnnnnnnn: a name of 65 bytes; columns of the labels have 1 to 64 of plain text");
  EXPECT(BY(labels, "--by", "labels:"), 2, "a name of 0 bytes; columns of the labels have 1 to 64 of plain text");
  EXPECT(BY(labels, "--by", "labels:colour"), 2, "has a column colour");
  EXPECT(BY(labels, "--by", "labels:pathology"), 2, "column pathology: has a meaning of its own");
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(wrong_options),
      cmocka_unit_test(attributes_that_there_are_not),
      cmocka_unit_test(files_that_are_no_scores),
      cmocka_unit_test(help_tells_all),
      cmocka_unit_test(words_and_files),
      cmocka_unit_test(the_page_tells_how_little_it_is),
      cmocka_unit_test(damaged_notes),
      cmocka_unit_test(damaged_thresholds),
      cmocka_unit_test(many_points),
      cmocka_unit_test(names_of_groups),
      cmocka_unit_test(names_in_differences),
      cmocka_unit_test(columns_named_like_attributes),
      cmocka_unit_test(columns_that_cannot_be),
  };
  return cmocka_run_group_tests(tests, make_inputs, scratch_teardown);
}
