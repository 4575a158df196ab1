/* What subgroups and intervals by patient need: columns that go from the studies to the dataset, to what was held out
 * in training and to scores, whole or in shards, with a key and without. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <hdf5.h>

#include "program.h"
#include "store/scores.h"

static const char *const tiny =
    "size: 64\nepochs: 1\nbatch: 8\nbackbone: mobilenet_v2\nvalidation: 0.4\nheads:\n  lesion:\n    channels: 16\n";

#define SCORE(to, ...) \
  RUN("score", in_scratch("run/model.safetensors"), in_scratch("ph/studies"), "-o", in_scratch(to), __VA_ARGS__)

static bf_dataset *data;

static int make_inputs(void **state) {
  (void)state;
  scratch_make_for_job(tiny);
  unsetenv("BIFOCAL_PATIENT_KEY");
  write_text(in_scratch("key"), "a secret of this test alone\n");
  write_text(in_scratch("other-key"), "another secret of this test\n");
  good(RUN("phantom", "-o", in_scratch("ph"), "--studies", "16", "--seed", "3", "--modality", "mg"));
  good(RUN("ingest", in_scratch("ph/studies"), "--labels", in_scratch("ph/labels.csv"), "--labels",
           in_scratch("ph/boxes.csv"), "-o", in_scratch("data.h5"), "--key-file", in_scratch("key")));
  good(RUN("train", in_scratch("tiny.yaml"), "--data", in_scratch("data.h5"), "-o", in_scratch("run")));
  good(SCORE("keyed.h5", "--key-file", in_scratch("key")));
  good(SCORE("plain.h5", "--batch", "2"));
  assert_int_equal(bf_dataset_open(&data, in_scratch("data.h5"), NULL), BF_OK);
  return 0;
}

static int tear_down(void **state) {
  bf_dataset_close(data);
  return scratch_teardown(state);
}

static const bf_record *record_of(const char *sop) {
  for (int64_t i = 0; i < bf_dataset_count(data); i++)
    if (strcmp(bf_dataset_record(data, i)->sop_instance_uid, sop) == 0) return bf_dataset_record(data, i);
  fail_msg("no row of %s", sop);
  return NULL;
}

static void read_scores(bf_scores *out, const char *name) {
  bf_error err = {0};
  if (bf_scores_read(out, in_scratch(name), &err) != BF_OK) fail_msg("%s", err.message);
}

static void same_origin(const char *name, int64_t least) {
  bf_scores s;
  read_scores(&s, name);
  assert_true(s.count >= least);
  for (int64_t i = 0; i < s.count; i++) {
    const bf_score_row *a = &s.rows[i];
    const bf_record *b = record_of(a->sop_instance_uid);
    assert_string_equal(a->patient, b->patient);
    assert_string_equal(a->manufacturer, b->manufacturer);
    assert_string_equal(a->age_group, b->age_group);
    assert_string_equal(a->laterality, b->laterality);
    assert_string_equal(a->view, b->view);
    assert_string_equal(a->bright_edge, b->bright_edge);
    assert_true(a->spacing_row == b->spacing_row && a->spacing_column == b->spacing_column);
  }
  bf_scores_clear(&s);
}

/* Different texts of a column of the dataset, at most `most`. */
static int count_different(size_t offset, int most) {
  int n = 0;
  const char *seen[64];
  for (int64_t i = 0; i < bf_dataset_count(data); i++) {
    const char *text = (const char *)bf_dataset_record(data, i) + offset;
    int k = 0;
    while (k < n && strcmp(seen[k], text) != 0) k++;
    if (k == n && n < most) seen[n++] = text;
    assert_string_not_equal(text, "");
  }
  return n;
}

static void datasets_say_where_images_come_from(void **state) {
  (void)state;
  assert_in_range(count_different(offsetof(bf_record, manufacturer), 64), 2, 5);
  assert_in_range(count_different(offsetof(bf_record, age_group), 64), 3, 8);
  assert_int_equal(count_different(offsetof(bf_record, laterality), 64), 2);
  assert_int_equal(count_different(offsetof(bf_record, view), 64), 1);
  assert_in_range(count_different(offsetof(bf_record, patient), 64), 8, 16);
  for (int64_t i = 0; i < bf_dataset_count(data); i++) {
    const bf_record *r = bf_dataset_record(data, i);
    assert_true(r->spacing_row == 0.4);
    for (int64_t k = 0; k < i; k++) /* a patient has one age */
      if (strcmp(bf_dataset_record(data, k)->patient, r->patient) == 0)
        assert_string_equal(bf_dataset_record(data, k)->age_group, r->age_group);
  }
}

static void scores_say_the_same(void **state) {
  (void)state;
  same_origin("keyed.h5", bf_dataset_count(data));
  same_origin("run/validation-scores.h5", 5);
}

static void out_of_fold_scores_say_the_same(void **state) {
  (void)state;
  good(RUN("train", in_scratch("tiny.yaml"), "--data", in_scratch("data.h5"), "-o", in_scratch("folds"), "--folds",
           "2"));
  same_origin("folds/scores.h5", bf_dataset_count(data));
}

/* Rows of one patient, and of no other, have one text, which is no hash of the number. */
static void patients_are_numbered_without_a_key(void **state) {
  (void)state;
  bf_scores s, again;
  good(SCORE("again.h5", "--threads", "1"));
  read_scores(&s, "plain.h5");
  read_scores(&again, "again.h5");
  assert_int_equal(s.count, bf_dataset_count(data));
  for (int64_t i = 0; i < s.count; i++) {
    const bf_record *a = record_of(s.rows[i].sop_instance_uid);
    assert_string_equal(s.rows[i].patient, again.rows[i].patient);
    assert_true(strlen(s.rows[i].patient) > 17 && s.rows[i].patient[16] == '-');
    assert_null(strstr(s.rows[i].patient, "PHANTOM"));
    for (int64_t k = 0; k < i; k++) {
      bool same = strcmp(a->patient, record_of(s.rows[k].sop_instance_uid)->patient) == 0;
      assert_int_equal(strcmp(s.rows[i].patient, s.rows[k].patient) == 0, same);
    }
  }
  assert_string_equal(s.rows[0].patient + 16, "-1");
  bf_scores_clear(&s);
  bf_scores_clear(&again);
}

/* Another list of files: its patients are others, also where they have the same number. */
static void numbers_are_of_one_job(void **state) {
  (void)state;
  bf_scores s, other;
  good(RUN("score", in_scratch("run/model.safetensors"), in_scratch("ph/studies/PHANTOM0001"), "-o",
           in_scratch("part.h5")));
  read_scores(&s, "plain.h5");
  read_scores(&other, "part.h5");
  assert_string_equal(other.rows[0].patient + 16, "-1");
  for (int64_t i = 0; i < s.count; i++) assert_string_not_equal(s.rows[i].patient, other.rows[0].patient);
  bf_scores_clear(&s);
  bf_scores_clear(&other);
}

static void numbered_shards_are_the_whole(void **state) {
  (void)state;
  good(SCORE("p1.h5", "--shard", "1/3"));
  good(SCORE("p2.h5", "--shard", "2/3", "--batch", "1"));
  good(SCORE("p3.h5", "--shard", "3/3", "--threads", "1"));
  good(RUN("export", "--merge", in_scratch("p3.h5"), in_scratch("p1.h5"), in_scratch("p2.h5"), "-o",
           in_scratch("whole.h5")));
  assert_true(same_file(in_scratch("plain.h5"), in_scratch("whole.h5")));
}

static void shards_have_one_key(void **state) {
  (void)state;
  good(SCORE("k1.h5", "--shard", "1/2", "--key-file", in_scratch("key")));
  good(SCORE("k2.h5", "--shard", "2/2", "--key-file", in_scratch("key"), "--batch", "1"));
  good(SCORE("o2.h5", "--shard", "2/2", "--key-file", in_scratch("other-key")));
  good(SCORE("n2.h5", "--shard", "2/2"));
  good(RUN("export", "--merge", in_scratch("k2.h5"), in_scratch("k1.h5"), "-o", in_scratch("joined.h5")));
  assert_true(same_file(in_scratch("keyed.h5"), in_scratch("joined.h5")));
  EXPECT(RUN("export", "--merge", in_scratch("k1.h5"), in_scratch("o2.h5"), "-o", in_scratch("no.h5")), 2,
         "with other options");
  EXPECT(RUN("export", "--merge", in_scratch("k1.h5"), in_scratch("n2.h5"), "-o", in_scratch("no.h5")), 2,
         "with other options");
  write_text(in_scratch("short"), "fifteen bytes..\n");
  EXPECT(SCORE("no.h5", "--key-file", in_scratch("short")), 2, "needs 16 bytes or more");
  setenv("BIFOCAL_PATIENT_KEY", "a secret of this test alone", 1);
  good(SCORE("environment.h5", "--batch", "3"));
  unsetenv("BIFOCAL_PATIENT_KEY");
  assert_true(same_file(in_scratch("keyed.h5"), in_scratch("environment.h5")));
}

static herr_t has_words(hid_t group, const char *name, const H5L_info_t *info, void *count) {
  (void)info;
  hid_t column = H5Dopen2(group, name, H5P_DEFAULT);
  if (H5Aexists(column, "units") <= 0 || H5Aexists(column, "long_name") <= 0) fail_msg("%s has no words", name);
  H5Dclose(column);
  ++*(int *)count;
  return 0;
}

static void columns_tell_what_they_hold(void **state) {
  (void)state;
  static const char *const files[] = {"merged.h5", "keyed.h5"};
  bf_dataset *merged;
  good(RUN("data", "merge", in_scratch("data.h5"), "-o", in_scratch("merged.h5")));
  assert_int_equal(bf_dataset_open(&merged, in_scratch("merged.h5"), NULL), BF_OK);
  assert_string_equal(bf_dataset_record(merged, 0)->manufacturer, bf_dataset_record(data, 0)->manufacturer);
  assert_string_equal(bf_dataset_record(merged, 0)->view, "MLO");
  bf_dataset_close(merged);
  for (int i = 0; i < 2; i++) {
    int count = 0;
    hid_t file = H5Fopen(in_scratch(files[i]), H5F_ACC_RDONLY, H5P_DEFAULT), group = H5Gopen2(file, "images", 0);
    assert_true(H5Literate(group, H5_INDEX_NAME, H5_ITER_NATIVE, NULL, has_words, &count) >= 0);
    assert_true(count >= 24);
    H5Gclose(group), H5Fclose(file);
  }
}

static void pages_and_lists_show_them(void **state) {
  (void)state;
  const char *maker = bf_dataset_record(data, 0)->manufacturer, *age = bf_dataset_record(data, 0)->age_group;
  outcome o = RUN("data", "show", in_scratch("data.h5"));
  assert_non_null(strstr(o.out, "\nmanufacturers: "));
  assert_non_null(strstr(o.out, "\nage groups: "));
  assert_non_null(strstr(o.out, "\nviews: MLO "));
  assert_non_null(strstr(o.out, maker));
  outcome_free(&o);
  json_t *page = json_of(RUN("data", "show", in_scratch("data.h5"), "--json")), *value;
  const char *key;
  json_int_t images = 0;
  json_object_foreach(json_object_get(page, "manufacturers"), key, value) images += json_integer_value(value);
  assert_int_equal(images, bf_dataset_count(data));
  assert_true(json_integer_value(json_object_get(json_object_get(page, "age_groups"), age)) > 0);
  assert_int_equal(json_object_size(json_object_get(page, "lateralities")), 2);
  json_decref(page);
  o = RUN("card", in_scratch("run/model.safetensors"));
  assert_non_null(strstr(o.out, "\n  manufacturer   "));
  assert_non_null(strstr(o.out, maker));
  outcome_free(&o);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(datasets_say_where_images_come_from),
      cmocka_unit_test(scores_say_the_same),
      cmocka_unit_test(out_of_fold_scores_say_the_same),
      cmocka_unit_test(patients_are_numbered_without_a_key),
      cmocka_unit_test(numbers_are_of_one_job),
      cmocka_unit_test(numbered_shards_are_the_whole),
      cmocka_unit_test(shards_have_one_key),
      cmocka_unit_test(columns_tell_what_they_hold),
      cmocka_unit_test(pages_and_lists_show_them),
  };
  return cmocka_run_group_tests_name("columns", tests, make_inputs, tear_down);
}
