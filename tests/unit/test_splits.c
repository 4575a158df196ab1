/* Folds and validation parts: no patient on both sides, classes spread evenly, given splits honoured. */
#include "data_support.h"

#include "base/memory.h"
#include "base/rng.h"
#include "data/splits.h"

typedef struct person {
  const char *patient;
  int malignant;
  bf_split split;
} person;

static bf_dataset *make(const char *name, const person *people, int count) {
  bf_dataset_writer *w = NULL;
  bf_dataset *d = NULL;
  uint16_t pixel = 0;
  assert_ok(bf_dataset_writer_create(&w, in_folder(name), err));
  for (int i = 0; i < count; i++) {
    bf_record r = plain_record("f", people[i].patient, people[i].malignant, 1, 1);
    r.split = (uint8_t)people[i].split;
    assert_ok(bf_dataset_append(w, &r, &pixel, NULL, 0, NULL, err));
  }
  assert_ok(bf_dataset_finish(w, err));
  bf_dataset_writer_destroy(w);
  assert_ok(bf_dataset_open(&d, in_folder(name), err));
  return d;
}

enum { many = 431 };
static char names[many][16];

/* As in a clinic: most patients have one image, a few have many; a third are malignant. */
static bf_dataset *clinic(const char *prefix) {
  static person people[many];
  bf_rng rng = bf_rng_make(7, 0, 0);
  int patient = 0, malignant = 0;
  for (int i = 0; i < many; i++) {
    if (i == 0 || bf_rng_uniform(&rng) < 0.8) patient++, malignant = bf_rng_uniform(&rng) < 0.33;
    snprintf(names[i], sizeof names[i], "%s%d", prefix, patient);
    people[i] = (person){names[i], i % 50 == 49 ? -1 : malignant, BF_SPLIT_NONE};
  }
  return make("clinic.h5", people, many);
}

static void folds_part_patients(void **state) {
  (void)state;
  bf_dataset *d = clinic("p");
  int fold[many], again[many], other[many], count[5][3] = {{0}}, differs = 0;
  assert_ok(bf_folds_assign(fold, d, 5, 1, err));
  assert_ok(bf_folds_assign(again, d, 5, 1, err));
  assert_ok(bf_folds_assign(other, d, 5, 2, err));
  assert_memory_equal(fold, again, sizeof fold);
  for (int i = 0; i < many; i++) {
    assert_in_range(fold[i], 0, 4);
    differs += fold[i] != other[i];
    count[fold[i]][bf_dataset_record(d, i)->malignant + 1]++;
    for (int k = 0; k < i; k++)
      if (strcmp(names[i], names[k]) == 0) assert_int_equal(fold[i], fold[k]);
  }
  assert_true(differs > many / 4);
  for (int class = 0; class < 3; class ++) {
    int low = many, high = 0;
    for (int f = 0; f < 5; f++) {
      low = count[f][class] < low ? count[f][class] : low;
      high = count[f][class] > high ? count[f][class] : high;
    }
    assert_true(high - low <= 1);
  }
  bf_dataset_close(d);
  /* The deal must not hang on the letters of the patients' hashes. */
  int renamed[many];
  d = clinic("zz");
  assert_ok(bf_folds_assign(renamed, d, 5, 1, err));
  assert_memory_equal(fold, renamed, sizeof fold);
  bf_dataset_close(d);
}

static void validation_is_a_fair_sample(void **state) {
  (void)state;
  bf_dataset *d = clinic("p");
  uint8_t part[many], use[many];
  int held[3] = {0}, total[3] = {0};
  for (int i = 0; i < many; i++) use[i] = i % 7 != 0;
  assert_ok(bf_split_validation(part, d, use, 0.2, 3, err));
  for (int i = 0; i < many; i++) {
    if (!use[i]) assert_int_equal(part[i], BF_SPLIT_NONE);
    if (!use[i]) continue;
    int class = bf_dataset_record(d, i)->malignant + 1;
    total[class]++;
    held[class] += part[i] == BF_SPLIT_VALIDATION;
    for (int k = 0; k < i; k++)
      if (use[k] && strcmp(names[i], names[k]) == 0) assert_int_equal(part[i], part[k]);
  }
  for (int class = 1; class < 3; class ++) assert_true(abs(5 * held[class] - total[class]) <= 5);
  assert_ok(bf_split_validation(part, d, use, 0, 3, err));
  for (int i = 0; i < many; i++) assert_int_equal(part[i], use[i] ? BF_SPLIT_TRAIN : BF_SPLIT_NONE);
  bf_error bad = {0};
  assert_int_equal(bf_split_validation(part, d, use, 1, 3, &bad), BF_E_ARGUMENT);
  bf_dataset_close(d);
}

static void given_splits_hold(void **state) {
  (void)state;
  const person people[] = {{"a", 0, BF_SPLIT_TRAIN}, {"a", 0, BF_SPLIT_NONE}, {"b", 1, BF_SPLIT_VALIDATION},
                           {"b", 0, BF_SPLIT_NONE},  {"c", 1, BF_SPLIT_TEST}, {"c", 1, BF_SPLIT_NONE},
                           {"d", 0, BF_SPLIT_NONE},  {"", 1, BF_SPLIT_NONE},  {"", 1, BF_SPLIT_NONE}};
  bf_dataset *d = make("given.h5", people, 9);
  const uint8_t use[9] = {1, 1, 1, 1, 1, 1, 1, 1, 1};
  uint8_t part[9];
  int fold[9];
  assert_ok(bf_split_validation(part, d, use, 0.5, 1, err));
  const uint8_t wanted[9] = {BF_SPLIT_TRAIN, BF_SPLIT_TRAIN, BF_SPLIT_VALIDATION, BF_SPLIT_VALIDATION, BF_SPLIT_NONE,
                             BF_SPLIT_NONE,  BF_SPLIT_TRAIN, BF_SPLIT_TRAIN,      BF_SPLIT_TRAIN};
  assert_memory_equal(part, wanted, sizeof wanted);
  assert_ok(bf_folds_assign(fold, d, 2, 1, err));
  assert_int_equal(fold[4], -1);
  assert_int_equal(fold[5], -1); /* of a patient of the test part */
  assert_int_equal(fold[0], fold[1]);
  assert_int_not_equal(fold[7], -1);
  bf_dataset_close(d);
}

/* Rarer classes than folds: no fold stays empty, and all have nearly the same size. */
static void few_patients(void **state) {
  (void)state;
  static const struct {
    int benign, malignant, folds;
  } cases[] = {{1, 1, 2}, {2, 2, 4}, {3, 3, 5}, {15, 5, 10}, {7, 0, 7}, {2, 9, 5}};
  for (size_t c = 0; c < sizeof cases / sizeof cases[0]; c++) {
    person people[20];
    char called[20][16];
    int n = cases[c].benign + cases[c].malignant, fold[20], size[10] = {0}, least = 99, most = 0;
    for (int i = 0; i < n; i++) {
      snprintf(called[i], sizeof called[i], "p%d", i);
      people[i] = (person){called[i], i >= cases[c].benign, BF_SPLIT_NONE};
    }
    bf_dataset *d = make("some.h5", people, n);
    for (uint64_t seed = 0; seed < 5; seed++) {
      memset(size, 0, sizeof size);
      assert_ok(bf_folds_assign(fold, d, cases[c].folds, seed, err));
      for (int i = 0; i < n; i++) size[fold[i]]++;
      least = 99, most = 0;
      for (int f = 0; f < cases[c].folds; f++)
        least = size[f] < least ? size[f] : least, most = size[f] > most ? size[f] : most;
      if (least < 1 || most - least > 1)
        fail_msg("%d + %d in %d folds: %d to %d", cases[c].benign, cases[c].malignant, cases[c].folds, least, most);
    }
    bf_dataset_close(d);
  }
}

/* Pictures of one study, some of them without a patient: they are one person's. */
static void studies_hold_together(void **state) {
  (void)state;
  enum { studies = 12 };
  bf_dataset_writer *w = NULL;
  bf_dataset *d = NULL;
  const uint16_t pixel = 1;
  int fold[3 * studies];
  assert_ok(bf_dataset_writer_create(&w, in_folder("mixed.h5"), err));
  for (int i = 0; i < 3 * studies;
       i++) { /* study, its second picture without a patient, and another study of the same patient */
    char patient[16], study[24];
    snprintf(patient, sizeof patient, "p%d", i / 3);
    snprintf(study, sizeof study, "1.%d.%d", i / 3, i % 3 == 2);
    bf_record r = plain_record("f", i % 3 == 1 ? "" : patient, i / 3 % 2, 1, 1);
    snprintf(r.study_instance_uid, sizeof r.study_instance_uid, "%s", study);
    assert_ok(bf_dataset_append(w, &r, &pixel, NULL, 0, NULL, err));
  }
  assert_ok(bf_dataset_finish(w, err));
  bf_dataset_writer_destroy(w);
  assert_ok(bf_dataset_open(&d, in_folder("mixed.h5"), err));
  assert_ok(bf_folds_assign(fold, d, 4, 1, err));
  for (int i = 0; i < 3 * studies; i++) assert_int_equal(fold[i], fold[i / 3 * 3]);
  bf_dataset_close(d);
}

/* A learning curve's parts: by patient, in the classes' shares, the smaller within the larger, nothing else touched. */
static void thinned_parts_are_nested(void **state) {
  (void)state;
  static const double fractions[] = {0.05, 0.1, 0.25, 0.5, 1};
  bf_dataset *d = clinic("p");
  uint8_t before[many] = {0}, part[many];
  for (int i = 0; i < many; i++) {
    bf_split which = (names[i][strlen(names[i]) - 1] == '7') ? BF_SPLIT_VALIDATION : BF_SPLIT_TRAIN;
    part[i] = (uint8_t)which;
  }
  uint8_t whole[many];
  memcpy(whole, part, sizeof whole);
  int all = 0, malignant = 0;
  for (int i = 0; i < many; i++)
    if (whole[i] == BF_SPLIT_TRAIN) all++, malignant += bf_dataset_record(d, i)->malignant == 1;
  for (int f = 0; f < 5; f++) {
    int kept = 0, bad = 0;
    memcpy(part, whole, sizeof part);
    assert_ok(bf_split_thin(part, d, fractions[f], 3, err));
    for (int i = 0; i < many; i++) {
      if (whole[i] != BF_SPLIT_TRAIN) assert_int_equal(part[i], whole[i]);
      if (before[i]) assert_int_equal(part[i], BF_SPLIT_TRAIN);
      kept += part[i] == BF_SPLIT_TRAIN;
      bad += part[i] == BF_SPLIT_TRAIN && bf_dataset_record(d, i)->malignant == 1;
      for (int k = 0; k < i; k++)
        if (strcmp(names[i], names[k]) == 0) assert_int_equal(part[i], part[k]);
      before[i] = part[i] == BF_SPLIT_TRAIN;
    }
    assert_true(kept >= fractions[f] * all * 0.8 - 3 && kept <= fractions[f] * all * 1.2 + 3);
    assert_true(abs(bad * all - malignant * kept) <= 4 * all);
  }
  bf_error err = {0};
  assert_int_equal(bf_split_thin(part, d, 0, 3, &err), BF_E_ARGUMENT);
  bf_dataset_close(d);
}

/* Of few patients, each with a picture, nearly the fraction, and one at least. */
static void thinned_parts_of_few(void **state) {
  (void)state;
  static const int counts[] = {1, 4, 8, 12, 24, 60};
  static const double fractions[] = {0.01, 0.1, 0.25, 0.5, 0.75};
  for (int c = 0; c < 6; c++) {
    person people[60];
    char who[60][8];
    uint8_t part[60];
    for (int i = 0; i < counts[c]; i++) {
      snprintf(who[i], sizeof who[i], "q%d", i);
      people[i] = (person){who[i], i % 3 == 0, BF_SPLIT_NONE};
    }
    bf_dataset *d = make("few.h5", people, counts[c]);
    for (int f = 0; f < 5; f++) {
      int kept = 0;
      memset(part, BF_SPLIT_TRAIN, sizeof part);
      assert_ok(bf_split_thin(part, d, fractions[f], 5, err));
      for (int i = 0; i < counts[c]; i++) kept += part[i] == BF_SPLIT_TRAIN;
      double wanted = fractions[f] * counts[c];
      if (kept < 1 || (kept > 1 && (kept < wanted - 0.51 || kept > wanted + 0.51)))
        fail_msg("%d of %d for %g", kept, counts[c], fractions[f]);
    }
    bf_dataset_close(d);
  }
}

static void refuses(void **state) {
  (void)state;
  const person people[] = {{"CANARY", 0, BF_SPLIT_TRAIN}, {"b", 1, BF_SPLIT_NONE}, {"CANARY", 1, BF_SPLIT_TEST}};
  bf_dataset *d = make("both.h5", people, 3);
  bf_error bad = {0};
  uint8_t part[3];
  int fold[3];
  assert_int_equal(bf_split_validation(part, d, (const uint8_t[]){1, 1, 1}, 0.3, 1, &bad), BF_E_ARGUMENT);
  assert_message(bad, BF_E_ARGUMENT, "rows 0 and 2");
  assert_null(strstr(bad.message, "CANARY"));
  assert_ok(
      bf_split_validation(part, d, (const uint8_t[]){1, 1, 0}, 0.3, 1, err)); /* a row that is not used has no say */
  bf_dataset_close(d);
  d = make("few.h5", people, 2);
  assert_int_equal(bf_folds_assign(fold, d, 3, 1, &bad), BF_E_ARGUMENT);
  assert_message(bad, BF_E_ARGUMENT, "only 2 patients");
  assert_int_equal(bf_folds_assign(fold, d, 1, 1, &bad), BF_E_ARGUMENT);
  bf_dataset_close(d);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(folds_part_patients),   cmocka_unit_test(validation_is_a_fair_sample),
      cmocka_unit_test(given_splits_hold),     cmocka_unit_test(few_patients),
      cmocka_unit_test(studies_hold_together), cmocka_unit_test(thinned_parts_are_nested),
      cmocka_unit_test(thinned_parts_of_few),  cmocka_unit_test(refuses)};
  return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
