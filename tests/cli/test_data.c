/* The protocol of a dataset through the commands: dealt by ingest, told by `data show`, checked, merged; the folds that
 * train takes, and all fold models as one ensemble. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <math.h>

#include "program.h"

static int make_inputs(void **state) {
  (void)state;
  setenv("BIFOCAL_PATIENT_KEY", "key of this test", 1);
  setenv("SOURCE_DATE_EPOCH", "1700000000", 1);
  scratch_make();
  good(RUN("phantom", "-o", in_scratch("a"), "--studies", "18", "--seed", "5", "--side", "64"));
  good(RUN("phantom", "-o", in_scratch("b"), "--studies", "6", "--seed", "6", "--side", "64"));
  good(RUN("ingest", in_scratch("a/studies"), "--labels", in_scratch("a/labels.csv"), "--labels",
           in_scratch("a/boxes.csv"), "-o", in_scratch("a.h5"), "--set", "split.test=0.2", "--set", "split.folds=2",
           "--set", "split.seed=7"));
  good(RUN("ingest", in_scratch("b/studies"), "--labels", in_scratch("b/labels.csv"), "-o", in_scratch("b.h5")));
  write_text(in_scratch("tiny.yaml"), "size: 32\nepochs: 1\nbatch: 8\nbackbone: mobilenet_v2\nvalidation: 0.3\n");
  return 0;
}

static int64_t number(const json_t *root, const char *a, const char *b, const char *c) {
  const json_t *at = json_object_get(root, a);
  if (b != NULL) at = json_object_get(at, b);
  if (c != NULL) at = json_object_get(at, c);
  assert_true(json_is_integer(at));
  return json_integer_value(at);
}

static void test_show(void **state) {
  (void)state;
  json_t *d = json_of(RUN("data", "show", in_scratch("a.h5"), "--json"));
  int64_t all = number(d, "parts", "all", "images"), test = number(d, "parts", "test", "images"),
          none = number(d, "parts", "none", "images");
  assert_true(all > 18 && test > 0 && test + none == all);
  assert_true(fabs((double)test - 0.2 * (double)all) <= 3);
  assert_int_equal(json_array_size(json_object_get(d, "folds")), 2);
  int64_t in_folds = 0;
  for (size_t i = 0; i < 2; i++)
    in_folds += json_integer_value(json_object_get(json_array_get(json_object_get(d, "folds"), i), "images"));
  assert_int_equal(in_folds, none);
  assert_int_equal(number(d, "patients_on_two_sides", NULL, NULL), 0);
  assert_string_equal(json_string_value(json_object_get(json_object_get(d, "notes"), "split.seed")), "7");
  assert_non_null(strstr(json_string_value(json_object_get(json_object_get(d, "notes"), "labels.2")), "boxes.csv"));
  json_decref(d);
  outcome o = RUN("data", "show", in_scratch("a.h5"));
  static const char *const said[] = {
      "not dealt",         "leaks: 0 patients", "folds: 2, dealt with seed 7", "longest side of", "modalities: US",
      "labels.1: sha256:", "split.test: 0.2"};
  for (size_t i = 0; i < sizeof said / sizeof said[0]; i++)
    if (strstr(o.out, said[i]) == NULL) fail_msg("'%s' is not in: %s", said[i], o.out);
  outcome_free(&o);
  outcome bad = RUN("data", "show", in_scratch("a/labels.csv"));
  assert_int_equal(bad.code, 1);
  outcome_free(&bad);
  bad = RUN("data", "stir", in_scratch("a.h5"));
  assert_int_equal(bad.code, 2);
  outcome_free(&bad);
}

static void test_merge(void **state) {
  (void)state;
  json_t *m = json_of(RUN("data", "merge", in_scratch("a.h5"), in_scratch("b.h5"), "-o", in_scratch("both.h5"), "--set",
                          "split.folds=4", "--json")),
         *a = json_of(RUN("data", "show", in_scratch("a.h5"), "--json")),
         *b = json_of(RUN("data", "show", in_scratch("b.h5"), "--json")),
         *both = json_of(RUN("data", "show", in_scratch("both.h5"), "--json"));
  static const char *const kept[] = {"images", "benign", "malignant", "unknown", "lesions", "lesions_known"};
  for (size_t i = 0; i < sizeof kept / sizeof kept[0]; i++)
    assert_int_equal(number(both, "parts", "all", kept[i]),
                     number(a, "parts", "all", kept[i]) + number(b, "parts", "all", kept[i]));
  /* Both phantoms number their patients from 0, and the key is one. */
  int64_t pa = number(a, "parts", "all", "patients"), pb = number(b, "parts", "all", "patients");
  assert_int_equal(number(both, "parts", "all", "patients"), pa > pb ? pa : pb);
  assert_true(number(both, "parts", "test", "images") >= number(a, "parts", "test", "images"));
  assert_int_equal(json_array_size(json_object_get(both, "folds")), 4);
  assert_non_null(json_object_get(json_object_get(both, "notes"), "labels.3"));
  assert_non_null(json_object_get(json_object_get(both, "notes"), "merged.2.counts"));
  assert_int_equal(number(m, "left_out", NULL, NULL), 0);
  json_decref(m), json_decref(a), json_decref(b), json_decref(both);
  good(RUN("data", "check", in_scratch("both.h5")));
  /* The same images again are copies. */
  m = json_of(RUN("data", "merge", in_scratch("b.h5"), in_scratch("b.h5"), "-o", in_scratch("twice.h5"), "--json"));
  assert_int_equal(number(m, "left_out", NULL, NULL), number(m, "images", NULL, NULL));
  json_decref(m);
  good(RUN("ingest", in_scratch("b/studies"), "-o", in_scratch("c.h5"), "--set", "prepare.side=48"));
  outcome o = RUN("data", "merge", in_scratch("b.h5"), in_scratch("c.h5"), "-o", in_scratch("no.h5"));
  assert_int_equal(o.code, 2);
  assert_non_null(strstr(o.err, "prepared otherwise"));
  assert_int_not_equal(access(in_scratch("no.h5"), F_OK), 0);
  outcome_free(&o);
}

/* A label file that gives a patient two splits makes no dataset. */
static void test_crossing(void **state) {
  (void)state;
  char *text = read_text(in_scratch("a/labels.csv"));
  FILE *out = fopen(in_scratch("crossing.csv"), "w");
  int row = 0;
  for (char *line = strtok(text, "\n"); line != NULL; line = strtok(NULL, "\n"), row++)
    fprintf(out, "%s,%s\n", line, row == 0 ? "split" : row % 2 ? "train" : "test");
  fclose(out);
  free(text);
  outcome o = RUN("ingest", in_scratch("a/studies"), "--labels", in_scratch("crossing.csv"), "-o", in_scratch("x.h5"));
  assert_int_not_equal(o.code, 0);
  if (strstr(o.err, "two splits to the images of one patient") == NULL) fail_msg("%s", o.err);
  assert_int_not_equal(access(in_scratch("x.h5"), F_OK), 0);
  outcome_free(&o);
}

typedef struct logits {
  double of[128];
  int count;
} logits;

static logits logits_of(const char *scores) {
  logits l = {.count = 0};
  char folder[600];
  snprintf(folder, sizeof folder, "%s.json", scores);
  good(RUN("export", scores, "--format", "json", "-o", folder));
  strcat(folder, "/scores.jsonl");
  char *text = read_text(folder), *rest = NULL;
  for (char *line = strtok_r(text, "\n", &rest); line != NULL; line = strtok_r(NULL, "\n", &rest)) {
    json_t *row = json_loads(line, 0, NULL);
    assert_true(l.count < 128);
    l.of[l.count++] = json_number_value(json_object_get(row, "malignant_logit"));
    json_decref(row);
  }
  free(text);
  return l;
}

static void test_folds_and_ensemble(void **state) {
  (void)state;
  outcome o = RUN("train", in_scratch("tiny.yaml"), "--data", in_scratch("a.h5"), "-o", in_scratch("cv"), "--folds",
                  "2", "--repeats", "2");
  assert_int_equal(o.code, 0);
  assert_non_null(strstr(o.err, "the dataset's own 2 folds"));
  assert_non_null(strstr(o.err, "2 folds, dealt with seed 1000004"));
  outcome_free(&o);
  /* Resumed fold by fold: what was finished is not done again, and the end is the same. */
  assert_int_equal(rename(in_scratch("cv/scores.h5"), in_scratch("first.h5")), 0);
  assert_int_equal(rename(in_scratch("cv/ensemble.safetensors"), in_scratch("first.safetensors")), 0);
  assert_int_equal(unlink(in_scratch("cv/repeat2-fold2-checkpoint.h5")), 0);
  good(RUN("train", in_scratch("tiny.yaml"), "--data", in_scratch("a.h5"), "-o", in_scratch("cv"), "--folds", "2",
           "--repeats", "2", "--resume"));
  assert_true(same_file(in_scratch("first.h5"), in_scratch("cv/scores.h5")));
  assert_true(same_file(in_scratch("first.safetensors"), in_scratch("cv/ensemble.safetensors")));
  /* The ensemble says the mean of what its members say. */
  static const char *const members[] = {"fold1", "fold2", "repeat2-fold1", "repeat2-fold2"};
  logits sum = {.count = 0};
  for (int m = 0; m < 4; m++) {
    char model[64], scores[64];
    snprintf(model, sizeof model, "cv/%s-model.safetensors", members[m]);
    snprintf(scores, sizeof scores, "m%d.h5", m);
    good(RUN("score", in_scratch(model), in_scratch("b/studies"), "-o", in_scratch(scores)));
    logits one = logits_of(in_scratch(scores));
    for (int i = 0; i < one.count; i++) sum.of[i] += one.of[i] / 4;
    sum.count = one.count;
  }
  good(RUN("score", in_scratch("cv/ensemble.safetensors"), in_scratch("b/studies"), "-o", in_scratch("e.h5")));
  logits together = logits_of(in_scratch("e.h5"));
  assert_int_equal(together.count, sum.count);
  assert_true(sum.count > 6);
  for (int i = 0; i < sum.count; i++) assert_true(fabs(together.of[i] - sum.of[i]) < 1e-5 * (1 + fabs(sum.of[i])));
  o = RUN("embed", in_scratch("cv/ensemble.safetensors"), in_scratch("b/studies"), "-o", in_scratch("emb.h5"));
  assert_int_equal(o.code, 1);
  assert_non_null(strstr(o.err, "ensemble of 4"));
  outcome_free(&o);
}

/* Figures of images that a model has learnt from are no test of it; out of fold, nobody has seen them. */
static void test_seen_images(void **state) {
  (void)state;
  static const struct {
    const char *scores;
    bool seen;
  } cases[] = {{"all.h5", true}, {"cv/scores.h5", false}, {"e.h5", false}};
  good(RUN("score", in_scratch("cv/ensemble.safetensors"), in_scratch("a/studies"), "-o", in_scratch("all.h5")));
  for (int i = 0; i < 3; i++) {
    const char *labels = i == 2 ? "b/labels.csv" : "a/labels.csv";
    outcome o = RUN("evaluate", in_scratch(cases[i].scores), "--labels", in_scratch(labels), "--json");
    json_t *root = json_loads(o.out, 0, NULL);
    int64_t seen = number(root, "rows", "seen_in_training", NULL);
    json_t *d = json_of(RUN("data", "show", in_scratch("a.h5"), "--json"));
    /* The members have seen all but the test part. */
    assert_int_equal(seen, cases[i].seen ? number(d, "parts", "none", "images") : 0);
    assert_int_equal(strstr(o.err, "no test of it") != NULL, cases[i].seen);
    json_decref(d);
    json_decref(root);
    outcome_free(&o);
  }
}

static char *header_of(const char *path) {
  FILE *f = fopen(path, "rb");
  uint64_t size = 0;
  if (f == NULL || fread(&size, 8, 1, f) != 1 || size > (1 << 24)) abort();
  char *text = calloc(size + 1, 1);
  if (fread(text, 1, size, f) != size) abort();
  fclose(f);
  return text;
}

static void put_header(const char *from, const char *to, const char *text) {
  char command[1400];
  uint64_t old = 0, size = strlen(text);
  FILE *f = fopen(from, "rb");
  if (f == NULL || fread(&old, 8, 1, f) != 1) abort();
  fclose(f);
  f = fopen(to, "wb");
  fwrite(&size, 8, 1, f);
  fputs(text, f);
  fclose(f);
  snprintf(command, sizeof command, "tail -c +%llu '%s' >> '%s'", (unsigned long long)old + 9, from, to);
  if (system(command) != 0) abort();
}

static void replace(char *text, const char *what, const char *with) {
  char *at = strstr(text, what);
  assert_non_null(at);
  assert_int_equal(strlen(what), strlen(with));
  memcpy(at, with, strlen(with));
}

static void test_certificate_and_broken_ensembles(void **state) {
  (void)state;
  json_t *header = NULL;
  char *text = header_of(in_scratch("cv/fold1-model.safetensors"));
  header = json_loads(text, 0, NULL);
  json_t *training =
      json_loads(json_string_value(json_object_get(json_object_get(header, "__metadata__"), "training")), 0, NULL);
  json_t *c = json_object_get(training, "certificate");
  assert_non_null(c);
  assert_int_equal(number(c, "groups_on_two_sides", NULL, NULL), 0);
  assert_true(number(c, "train", "patients", NULL) > 0 && number(c, "held_out", "images", NULL) > 0);
  assert_int_equal(json_string_length(json_object_get(json_object_get(c, "train"), "sha256")), 64);
  assert_string_not_equal(json_string_value(json_object_get(json_object_get(c, "train"), "sha256")),
                          json_string_value(json_object_get(json_object_get(c, "held_out"), "sha256")));
  json_decref(training);
  json_decref(header);
  free(text);
  static const struct {
    const char *what, *with, *said;
  } broken[] = {{"\"members\":\"4\"", "\"members\":\"6\"", "says 6 members"},
                {"\"members\":\"4\"", "\"members\":\"3\"", "says 3 members"},
                {"\"members\":\"4\"", "\"members\":\"x\"", "members are x"},
                {"\"members\":\"4\"", "\"members\":\"1\"", "members are 1"},
                {"members.3.", "members.9.", "is missing"}};
  for (size_t i = 0; i < sizeof broken / sizeof broken[0]; i++) {
    text = header_of(in_scratch("cv/ensemble.safetensors"));
    replace(text, broken[i].what, broken[i].with);
    put_header(in_scratch("cv/ensemble.safetensors"), in_scratch("broken.safetensors"), text);
    free(text);
    outcome o = RUN("score", in_scratch("broken.safetensors"), in_scratch("b/studies"), "-o", in_scratch("n.h5"));
    assert_int_equal(o.code, 1);
    if (strstr(o.err, broken[i].said) == NULL) fail_msg("%d: '%s' is not in: %s", (int)i, broken[i].said, o.err);
    outcome_free(&o);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_show),        cmocka_unit_test(test_merge),
      cmocka_unit_test(test_crossing),    cmocka_unit_test(test_folds_and_ensemble),
      cmocka_unit_test(test_seen_images), cmocka_unit_test(test_certificate_and_broken_ensembles),
  };
  return cmocka_run_group_tests(tests, make_inputs, scratch_teardown);
}
