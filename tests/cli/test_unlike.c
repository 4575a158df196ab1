/* A model and images unlike those that it was trained on: refused with reasons, or scored and marked; and its card. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "dicom_support.h"
#include "program.h"

static const char *const config =
    "size: 64\nepochs: 1\nbatch: 8\nbackbone: squeezenet1_1\nvalidation: 0.3\nheads:\n  lesion:\n    channels: 16\n"
    "card:\n  purpose: \"tests of bifocal\"\n  limits: \"patients\\e[2J\"\n";

enum { black_rows = 200, black_columns = 250 };

/* An ultrasound picture of the size that was trained on, black all over. */
static void write_black(const char *path) {
  static bytes b;
  static const unsigned char black[black_rows * black_columns];
  put_start(&b, "1.2.840.10008.1.2.1");
  put_text(&b, 0x00080016, "UI", "1.2.840.10008.5.1.4.1.1.6.1");
  put_text(&b, 0x00080018, "UI", "1.2.3.4");
  put_text(&b, 0x00080060, "CS", "US");
  put_text(&b, 0x0020000d, "UI", "1.2.3");
  put_text(&b, 0x0020000e, "UI", "1.2.3.1");
  put_shape(&b, 1, "MONOCHROME2", 0, black_rows, black_columns, 8, 0);
  put_element(&b, 0x7fe00010, "OB", black, sizeof black);
  put_file(&b, path);
}

static int make_inputs(void **state) {
  (void)state;
  scratch_make_for_job(config);
  good(RUN("phantom", "-o", in_scratch("us"), "--studies", "9", "--seed", "4"));
  good(RUN("phantom", "-o", in_scratch("mg"), "--studies", "1", "--seed", "4", "--modality", "mg"));
  write_black(in_scratch("black.dcm"));
  good(RUN("ingest", in_scratch("us/studies"), "--labels", in_scratch("us/labels.csv"), "--labels",
           in_scratch("us/boxes.csv"), "-o", in_scratch("data.h5")));
  good(RUN("train", in_scratch("tiny.yaml"), "--data", in_scratch("data.h5"), "-o", in_scratch("run")));
  return 0;
}

/* What the row of the file whose name ends so says, of scores exported as JSON into `folder`. */
static json_t *row_of(const char *folder, const char *ending) {
  char name[64];
  snprintf(name, sizeof name, "%s/scores.jsonl", folder);
  char *text = read_text(in_scratch(name));
  json_t *found = NULL;
  for (char *line = strtok(text, "\n"); line != NULL && found == NULL; line = strtok(NULL, "\n")) {
    json_t *row = json_loads(line, 0, NULL);
    const char *file = json_string_value(json_object_get(row, "file"));
    if (strstr(file, ending) != NULL)
      found = row;
    else
      json_decref(row);
  }
  free(text);
  assert_non_null(found);
  return found;
}

static const char *said(const json_t *row, const char *key) { return json_string_value(json_object_get(row, key)); }

static void unlike_images_are_refused(void **state) {
  (void)state;
  outcome o = RUN("score", in_scratch("run/model.safetensors"), in_scratch("mg/studies"), in_scratch("us/studies"),
                  in_scratch("black.dcm"), "-o", in_scratch("refused.h5"));
  assert_int_equal(o.code, 3);
  assert_non_null(strstr(o.err, "model: purpose tests of bifocal; trained on "));
  assert_non_null(strstr(o.err, "images are unlike those that the model was trained on: they are not scored"));
  outcome_free(&o);
  good(RUN("export", in_scratch("refused.h5"), "--format", "json", "-o", in_scratch("refused")));
  json_t *mg = row_of("refused", "mg/studies"), *us = row_of("refused", "us/studies"),
         *black = row_of("refused", "black.dcm");
  assert_string_equal(said(mg, "status"), "unlike_training");
  assert_non_null(strstr(said(mg, "message"), "modality MG: the model was trained on US alone; --unlike score"));
  assert_string_equal(said(mg, "unlike"), "modality MG: the model was trained on US alone");
  assert_true(json_is_null(json_object_get(mg, "malignant_probability")));
  assert_string_equal(said(us, "status"), "ok");
  assert_string_equal(said(us, "unlike"), "");
  assert_true(json_is_number(json_object_get(us, "malignant_probability")));
  assert_string_equal(said(black, "status"), "unlike_training");
  assert_non_null(strstr(said(black, "message"), "an empty picture: its pixels have 1 of 256 grey levels"));
  json_decref(mg);
  json_decref(us);
  json_decref(black);
  EXPECT(RUN("evaluate", in_scratch("refused.h5"), "--labels", in_scratch("us/labels.csv")), 0, "");
}

/* In two shards, so that the marks also pass their joining. */
static void unlike_images_are_scored_and_marked(void **state) {
  (void)state;
  json_t *report = NULL;
  for (int i = 0; i < 2; i++) {
    json_decref(report);
    report =
        json_of(RUN("score", in_scratch("run/model.safetensors"), in_scratch("mg/studies"), in_scratch("us/studies"),
                    in_scratch("black.dcm"), "-o", in_scratch(i == 0 ? "part1.h5" : "part2.h5"), "--unlike", "score",
                    "--shard", i == 0 ? "1/2" : "2/2", "--json"));
    assert_int_equal(json_integer_value(json_object_get(report, "failed")), 0);
  }
  json_decref(report);
  good(RUN("export", "--merge", in_scratch("part1.h5"), in_scratch("part2.h5"), "-o", in_scratch("marked.h5")));
  good(RUN("export", in_scratch("marked.h5"), "--format", "json", "-o", in_scratch("marked")));
  static const char *const files[] = {"mg/studies", "black.dcm"};
  for (int i = 0; i < 2; i++) {
    json_t *row = row_of("marked", files[i]);
    assert_string_equal(said(row, "status"), "ok");
    assert_string_equal(said(row, "message"), "");
    assert_non_null(strstr(said(row, "unlike"), i == 0 ? "modality MG" : "an empty picture"));
    assert_true(json_is_number(json_object_get(row, "malignant_probability")));
    json_decref(row);
  }
  json_t *us = row_of("marked", "us/studies");
  assert_string_equal(said(us, "unlike"), "");
  json_decref(us);
  json_t *judged = json_of(RUN("evaluate", in_scratch("marked.h5"), "--labels", in_scratch("us/labels.csv"), "--labels",
                               in_scratch("mg/labels.csv"), "--json"));
  assert_true(number_at(judged, "rows", "unlike_training") >= 1);
  json_decref(judged);
}

/* A journal with rows in it: of a job that was asked to stop before its end. */
static void leave_journal(void) {
  const char *const arguments[] = {
      "score", in_scratch("run/model.safetensors"), in_scratch("us/studies"), "-o", in_scratch("j.h5"), "--batch", "1",
      NULL};
  for (int i = 0; i < 20 && access(in_scratch("j.h5.journal"), F_OK) != 0; i++) {
    pid_t child = start_program(arguments, 0);
    wait_for(in_scratch("j.h5.journal"), child);
    kill(child, SIGTERM);
    outcome o = finish_program(child);
    outcome_free(&o);
  }
  assert_int_equal(access(in_scratch("j.h5.journal"), F_OK), 0);
}

/* Parts that treated such images in two ways are no one job, and neither is its journal. */
static void the_setting_is_part_of_the_job(void **state) {
  (void)state;
  good(RUN("score", in_scratch("run/model.safetensors"), in_scratch("us/studies"), "-o", in_scratch("a.h5"), "--shard",
           "1/2"));
  good(RUN("score", in_scratch("run/model.safetensors"), in_scratch("us/studies"), "-o", in_scratch("b.h5"), "--shard",
           "2/2", "--unlike", "score"));
  EXPECT(RUN("export", "--merge", in_scratch("a.h5"), in_scratch("b.h5"), "-o", in_scratch("ab.h5")), 2,
         "with other options");
  leave_journal();
  EXPECT(RUN("score", in_scratch("run/model.safetensors"), in_scratch("us/studies"), "-o", in_scratch("j.h5"),
             "--unlike", "score"),
         2, "journal of another job");
  good(RUN("score", in_scratch("run/model.safetensors"), in_scratch("us/studies"), "-o", in_scratch("j.h5")));
  EXPECT(RUN("score", in_scratch("run/model.safetensors"), in_scratch("us/studies"), "-o", in_scratch("c.h5"),
             "--unlike", "yes"),
         2, "--unlike: 'yes' is neither refuse nor score");
}

static void the_card(void **state) {
  (void)state;
  outcome o = RUN("card", in_scratch("run/model.safetensors"));
  assert_int_equal(o.code, 0);
  static const char *const wanted[] = {"tests of bifocal",
                                       "patients?[2J",
                                       "licence        not stated",
                                       "US ",
                                       "MONOCHROME2",
                                       "validation part",
                                       "AUC            ",
                                       "Known limits",
                                       "squeezenet1_1",
                                       "no medical device",
                                       "SHA-256",
                                       "bifocal-model-1"};
  for (size_t i = 0; i < sizeof wanted / sizeof wanted[0]; i++)
    if (strstr(o.out, wanted[i]) == NULL) fail_msg("'%s' is not in %s", wanted[i], o.out);
  assert_null(strstr(o.out, "PHANTOM"));
  assert_null(strchr(o.out, '\033'));
  outcome_free(&o);
  json_t *card = json_of(RUN("card", in_scratch("run/model.safetensors"), "--json"));
  json_t *trained = json_object_get(card, "trained_on"), *figures = json_object_get(card, "figures");
  json_t *parts = json_object_get(card, "parts");
  double images = json_number_value(json_object_get(trained, "images"));
  assert_true(images > 5 && images == number_at(parts, "train", "images"));
  assert_true(json_number_value(json_object_get(trained, "patients")) == number_at(parts, "train", "patients"));
  assert_true(number_at(trained, "modality", "US") == images);
  assert_string_equal(said(figures, "on"), "validation part");
  assert_true(json_is_number(json_object_get(figures, "froc1")));
  assert_int_equal(json_array_size(json_object_get(figures, "froc1_ci")), 2);
  assert_true(json_number_value(json_object_get(figures, "lesions")) > 0);
  assert_true(json_array_size(json_object_get(card, "known_limits")) > 4);
  assert_int_equal(strlen(said(card, "sha256")), 64);
  json_decref(card);
  EXPECT(RUN("card", in_scratch("data.h5")), 1, "not a safetensors file");
}

/* The union of the folds: every image of the dataset was trained on by some member. */
static void the_card_of_an_ensemble(void **state) {
  (void)state;
  good(RUN("train", in_scratch("tiny.yaml"), "--data", in_scratch("data.h5"), "-o", in_scratch("cv"), "--folds", "2",
           "--set", "validation=0"));
  json_t *card = json_of(RUN("card", in_scratch("cv/ensemble.safetensors"), "--json"));
  json_t *one = json_of(RUN("card", in_scratch("cv/fold1-model.safetensors"), "--json"));
  double all = number_at(card, "trained_on", "images");
  assert_true(all == number_at(card, "figures", "images"));
  assert_true(all > number_at(one, "trained_on", "images"));
  assert_true(all == json_number_value(json_object_get(card, "seen_images")));
  assert_string_equal(said(json_object_get(card, "figures"), "on"), "out of fold");
  assert_string_equal(said(json_object_get(one, "figures"), "on"), "nothing");
  json_t *auc = json_object_get(json_object_get(card, "figures"), "auc");
  json_t *interval = json_object_get(json_object_get(card, "figures"), "auc_ci");
  assert_true(json_is_number(auc));
  assert_true(json_number_value(json_array_get(interval, 0)) <= json_number_value(auc));
  assert_true(json_number_value(json_array_get(interval, 1)) >= json_number_value(auc));
  json_decref(card);
  json_decref(one);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(unlike_images_are_refused),      cmocka_unit_test(unlike_images_are_scored_and_marked),
      cmocka_unit_test(the_setting_is_part_of_the_job), cmocka_unit_test(the_card),
      cmocka_unit_test(the_card_of_an_ensemble),
  };
  return cmocka_run_group_tests_name("unlike", tests, make_inputs, scratch_teardown);
}
