/* Who belongs together, which part and fold each image has, what looks alike: as ingest deals it, and as a dataset
 * gives it back. */
#include "data_support.h"

#include <math.h>

#include "base/memory.h"
#include "base/rng.h"
#include "data/protocol.h"

enum { side = 40, most = 400 };

typedef struct person {
  const char *patient, *study, *modality;
  int malignant;
  bf_split split;
  int picture; /* which of the pictures below it shows */
  double noise;
} person;

static const char *const *said; /* patient of each row's label; NULL: no label says any */

enum { ramps = 1000 };

/* From `ramps` on: each brighter to the right everywhere, so that fingerprints are equal, with spots of its own. */
static void draw_ramp(uint16_t *to, int picture) {
  bf_rng rng = bf_rng_make((uint64_t)picture, 9, 0);
  uint16_t spots[8][8];
  for (int i = 0; i < 64; i++) spots[i / 8][i % 8] = (uint16_t)(1000 * bf_rng_below(&rng, 2));
  for (int i = 0; i < side * side; i++) to[i] = (uint16_t)(1500 * (i % side) + spots[i / side / 5][i % side / 5]);
}

/* A smooth random picture of its own for each number. */
static void draw(uint16_t *to, int picture, double noise, int row) {
  if (picture >= ramps) {
    draw_ramp(to, picture);
    return;
  }
  bf_rng rng = bf_rng_make((uint64_t)picture, 5, 0), other = bf_rng_make((uint64_t)row, 6, 0);
  double across[10], down[10], phase[10];
  for (int i = 0; i < 10; i++) {
    across[i] = bf_rng_range(&rng, -4, 4);
    down[i] = bf_rng_range(&rng, -4, 4);
    phase[i] = bf_rng_range(&rng, 0, 6.2832);
  }
  for (int y = 0; y < side; y++)
    for (int x = 0; x < side; x++) {
      double sum = 0;
      for (int i = 0; i < 10; i++) sum += sin(6.2832 * (across[i] * (x + 0.5) + down[i] * (y + 0.5)) / side + phase[i]);
      double value = 32000 + 4000 * sum + noise * bf_rng_normal(&other);
      to[y * side + x] = (uint16_t)(value < 0 ? 0 : value > 65535 ? 65535 : value);
    }
}

typedef struct made {
  bf_status status;
  bf_error error;
  bf_protocol_counts counts;
  int64_t crossing[2];
  bf_dataset *data;
} made;

static made make(const person *people, int count, const bf_split_options *options) {
  static uint16_t picture[side * side];
  made m = {.status = BF_OK};
  bf_dataset_writer *w = NULL;
  bf_protocol p = {0};
  assert_ok(bf_dataset_writer_create(&w, in_folder("protocol.h5"), err));
  for (int i = 0; i < count; i++) {
    bf_record r = plain_record("f", people[i].patient, people[i].malignant, side, side);
    bf_fingerprint print;
    r.split = (uint8_t)people[i].split;
    snprintf(r.study_instance_uid, sizeof r.study_instance_uid, "%s", people[i].study ? people[i].study : "");
    if (people[i].modality != NULL) snprintf(r.modality, sizeof r.modality, "%s", people[i].modality);
    draw(picture, people[i].picture, people[i].noise, i);
    bf_fingerprint_of(&print, picture, side, side);
    bf_fingerprint_write(r.fingerprint, &print);
    assert_ok(bf_dataset_append(w, &r, picture, NULL, 0, NULL, err));
    assert_ok(bf_protocol_add(&p, &r, said != NULL ? said[i] : NULL, 1000 + i, err));
  }
  m.status = bf_protocol_finish(&p, w, options, NULL, &m.error);
  m.counts = p.counts;
  m.crossing[0] = p.crossing[0], m.crossing[1] = p.crossing[1];
  if (m.status == BF_OK) {
    assert_ok(bf_dataset_finish(w, err));
    assert_ok(bf_dataset_open(&m.data, in_folder("protocol.h5"), err));
  }
  bf_dataset_writer_destroy(w);
  bf_protocol_clear(&p);
  return m;
}

static const bf_split_options usual = {.folds = 2, .seed = 1, .alike = 40};

static int64_t group(const made *m, int row) { return bf_dataset_record(m->data, row)->group; }
static int part(const made *m, int row) { return bf_dataset_record(m->data, row)->split; }
static int fold(const made *m, int row) { return bf_dataset_record(m->data, row)->fold; }

static void what_looks_alike_stays_together(void **state) {
  (void)state;
  /* 0 and 3 of two patients show the same; 1 and 2 are one patient's; 4 has a study alone, as 5; 6 has neither. */
  const person people[] = {{"a", "1", NULL, 0, 0, 1, 900},  {"b", "2", NULL, 1, 0, 2, 900},
                           {"b", "3", NULL, 0, 0, 3, 900},  {"c", "4", NULL, 1, 0, 1, 900},
                           {"", "5", NULL, 0, 0, 4, 900},   {"", "5", NULL, 1, 0, 5, 900},
                           {"", NULL, NULL, -1, 0, 6, 900}, {"d", "6", NULL, 0, 0, 7, 900}};
  made m = make(people, 8, &usual);
  assert_int_equal(m.status, BF_OK);
  assert_int_equal(group(&m, 0), group(&m, 3));
  assert_int_equal(group(&m, 1), group(&m, 2));
  assert_int_equal(group(&m, 4), group(&m, 5));
  assert_int_equal(m.counts.groups, 5);
  assert_int_equal(m.counts.duplicates, 1);
  assert_int_equal(m.counts.labels_differ, 1);
  assert_int_equal(m.counts.without_patient, 2);
  assert_int_equal(m.counts.without_identity, 1);
  assert_int_equal(m.counts.largest, 2);
  assert_int_equal(bf_dataset_duplicate_count(m.data), 1);
  const bf_duplicate *d = bf_dataset_duplicates(m.data);
  assert_true(d->first == 0 && d->second == 3 && d->labels_differ == 1 && d->distance <= 40 && d->correlation > 0.75f);
  assert_int_equal(fold(&m, 0), fold(&m, 3));
  for (int i = 0; i < 8; i++) {
    assert_in_range(fold(&m, i), 0, 1);
    assert_int_equal(part(&m, i), BF_SPLIT_NONE);
  }
  assert_string_equal(bf_dataset_get_note(m.data, "split.seed"), "1");
  assert_string_equal(bf_dataset_get_note(m.data, "split.folds"), "2");
  bf_dataset_close(m.data);
  /* Nobody looks. */
  bf_split_options blind = usual;
  blind.alike = 0;
  m = make(people, 8, &blind);
  assert_int_equal(m.counts.groups, 6);
  assert_int_equal(m.counts.duplicates, 0);
  bf_dataset_close(m.data);
}

/* Fingerprints alone are no proof. */
static void what_is_not_alike_stays_apart(void **state) {
  (void)state;
  const person people[] = {{"a", "1", NULL, 0, 0, ramps, 0},
                           {"b", "2", NULL, 0, 0, ramps + 1, 0},
                           {"c", "3", NULL, 0, 0, 1, 0},
                           {"d", "4", NULL, 0, 0, 2, 0}};
  made m = make(people, 4, &usual);
  assert_string_equal(bf_dataset_record(m.data, 0)->fingerprint, bf_dataset_record(m.data, 1)->fingerprint);
  assert_int_equal(m.counts.duplicates, 0);
  assert_int_equal(m.counts.groups, 4);
  bf_dataset_close(m.data);
}

/* A study is one person's, whatever its files say; and so is what a label says to be one's. */
static void what_is_said_to_be_one(void **state) {
  (void)state;
  static const char *const names_said[] = {"x", "x", "y", NULL};
  const person people[] = {{"a", "1", NULL, 0, 0, 1, 0},
                           {"b", "2", NULL, 0, 0, 2, 0},
                           {"c", "3", NULL, 0, 0, 3, 0},
                           {"d", "3", NULL, 0, 0, 4, 0}};
  said = names_said;
  made m = make(people, 4, &usual);
  said = NULL;
  assert_int_equal(m.counts.groups, 2);
  assert_int_equal(group(&m, 0), group(&m, 1));
  assert_int_equal(group(&m, 2), group(&m, 3));
  bf_dataset_close(m.data);
}

/* Slices of two patients' volumes look alike without being the same. */
static void slices_must_be_the_same(void **state) {
  (void)state;
  const person people[] = {{"a", "1", "CT", 0, 0, 1, 1500},
                           {"b", "2", "CT", 1, 0, 1, 1500},
                           {"c", "3", "CT", 1, 0, 2, 0},
                           {"d", "4", "CT", 1, 0, 2, 0}};
  made m = make(people, 4, &usual);
  assert_int_equal(m.status, BF_OK);
  assert_int_equal(m.counts.duplicates, 1);
  assert_int_equal(group(&m, 2), group(&m, 3));
  assert_int_not_equal(group(&m, 0), group(&m, 1));
  bf_dataset_close(m.data);
}

static void a_patient_crosses_no_split(void **state) {
  (void)state;
  const person people[] = {{"a", "1", NULL, 0, BF_SPLIT_TRAIN, 1, 0},
                           {"b", "2", NULL, 1, BF_SPLIT_TEST, 2, 0},
                           {"b", "3", NULL, 0, 0, 3, 0},
                           {"b", "4", NULL, 0, BF_SPLIT_VALIDATION, 4, 0}};
  made m = make(people, 4, &usual);
  assert_message(m.error, BF_E_ARGUMENT, "two splits");
  assert_int_equal(m.crossing[0], 1001);
  assert_int_equal(m.crossing[1], 1003);
  bf_split_options ignoring = usual;
  ignoring.given = BF_SPLIT_IGNORE;
  m = make(people, 4, &ignoring);
  assert_int_equal(m.status, BF_OK);
  for (int i = 0; i < 4; i++) assert_int_equal(part(&m, i), BF_SPLIT_NONE);
  bf_dataset_close(m.data);
  /* A study without patients is one person's. */
  const person study[] = {{"", "1", NULL, 0, BF_SPLIT_TRAIN, 1, 0}, {"", "1", NULL, 1, BF_SPLIT_TEST, 2, 0}};
  m = make(study, 2, &usual);
  assert_message(m.error, BF_E_ARGUMENT, "two splits");
}

/* A given split is honoured; a training picture that looks like a test picture is learnt from no more. */
static void given_splits_stand(void **state) {
  (void)state;
  const person people[] = {{"a", "1", NULL, 0, BF_SPLIT_TRAIN, 1, 900},
                           {"a", "1", NULL, 0, BF_SPLIT_TRAIN, 2, 900},
                           {"b", "2", NULL, 1, BF_SPLIT_TEST, 2, 900},
                           {"c", "3", NULL, 1, BF_SPLIT_VALIDATION, 3, 900},
                           {"d", "4", NULL, 1, 0, 4, 900},
                           {"e", "5", NULL, 0, BF_SPLIT_TRAIN, 5, 900}};
  bf_split_options options = usual;
  options.test = 0.5; /* a given part is the whole of it */
  made m = make(people, 6, &options);
  assert_int_equal(m.status, BF_OK);
  assert_int_equal(part(&m, 0), BF_SPLIT_EXCLUDED); /* the patient's other picture, too */
  assert_int_equal(part(&m, 1), BF_SPLIT_EXCLUDED);
  assert_int_equal(part(&m, 2), BF_SPLIT_TEST);
  assert_int_equal(part(&m, 3), BF_SPLIT_VALIDATION);
  assert_int_equal(part(&m, 4), BF_SPLIT_TRAIN);
  assert_int_equal(part(&m, 5), BF_SPLIT_TRAIN);
  assert_int_equal(m.counts.excluded, 2);
  for (int i = 0; i < 3; i++) assert_int_equal(fold(&m, i), -1);
  uint8_t parts[6], use[6] = {1, 1, 1, 1, 1, 1};
  assert_ok(bf_split_validation(parts, m.data, use, 0.5, 1, err));
  const uint8_t wanted[6] = {BF_SPLIT_NONE,       BF_SPLIT_NONE,  BF_SPLIT_NONE,
                             BF_SPLIT_VALIDATION, BF_SPLIT_TRAIN, BF_SPLIT_TRAIN};
  assert_memory_equal(parts, wanted, sizeof parts);
  int folds[6];
  assert_true(bf_folds_stored(folds, m.data, 2));
  assert_false(bf_folds_stored(folds, m.data, 3));
  bf_dataset_close(m.data);
}

/* One that is alike and judges in the validation part: of no fold and no part. A file that nobody resolved is no other.
 */
static void alike_of_the_validation_part(void **state) {
  (void)state;
  const person people[] = {{"a", "1", NULL, 0, BF_SPLIT_TRAIN, 1, 900},
                           {"b", "2", NULL, 1, BF_SPLIT_VALIDATION, 1, 900},
                           {"c", "3", NULL, 1, BF_SPLIT_TRAIN, 3, 900},
                           {"d", "4", NULL, 0, BF_SPLIT_TRAIN, 4, 900}};
  made m = make(people, 4, &usual);
  assert_int_equal(part(&m, 0), BF_SPLIT_EXCLUDED);
  assert_int_equal(fold(&m, 0), -1);
  assert_true(fold(&m, 1) >= 0);
  bf_dataset_close(m.data);
  bf_dataset_writer *w = NULL;
  bf_dataset *d = NULL;
  uint16_t pixel = 0;
  static const bf_split given[] = {BF_SPLIT_TRAIN, BF_SPLIT_VALIDATION, BF_SPLIT_TRAIN};
  assert_ok(bf_dataset_writer_create(&w, in_folder("given.h5"), err));
  for (int i = 0; i < 3; i++) {
    bf_record r = plain_record("f", i == 0 ? "a" : i == 1 ? "b" : "c", 0, 1, 1);
    assert_ok(bf_dataset_append(w, &r, &pixel, NULL, 0, NULL, err));
    bf_dataset_set_part(w, i, given[i], -1, i / 2);
  }
  assert_ok(bf_dataset_finish(w, err));
  bf_dataset_writer_destroy(w);
  assert_ok(bf_dataset_open(&d, in_folder("given.h5"), err));
  uint8_t parts[3], use[3] = {1, 1, 1};
  assert_ok(bf_split_validation(parts, d, use, 0.5, 1, err));
  assert_int_equal(parts[0], BF_SPLIT_NONE);
  assert_int_equal(parts[1], BF_SPLIT_VALIDATION);
  assert_int_equal(parts[2], BF_SPLIT_TRAIN);
  bf_dataset_close(d);
}

static char names[most][16];

static int clinic(person *people) {
  bf_rng rng = bf_rng_make(3, 0, 0);
  int patient = 0, malignant = 0, mg = 0;
  for (int i = 0; i < most; i++) {
    if (i == 0 || bf_rng_uniform(&rng) < 0.7) {
      patient++;
      malignant = bf_rng_uniform(&rng) < 0.3;
      mg = bf_rng_uniform(&rng) < 0.25;
    }
    snprintf(names[i], sizeof names[i], "p%d", patient);
    people[i] = (person){names[i], NULL, mg ? "MG" : "US", malignant, 0, i, 0};
  }
  return most;
}

static void parts_are_fair(void **state) {
  (void)state;
  static person people[most];
  clinic(people);
  const bf_split_options options = {.test = 0.2, .validation = 0.1, .folds = 5, .seed = 4};
  made m = make(people, most, &options);
  assert_int_equal(m.status, BF_OK);
  static const double share[] = {0, 0.7, 0.1, 0.2};
  for (int modality = 0; modality < 2; modality++)
    for (int class = 0; class < 2; class ++) {
      double all = 0, of[4] = {0}, of_fold[5] = {0};
      for (int i = 0; i < most; i++) {
        if ((strcmp(people[i].modality, "MG") == 0) != modality || people[i].malignant != class) continue;
        all++, of[part(&m, i)]++;
        if (fold(&m, i) >= 0) of_fold[fold(&m, i)]++;
      }
      for (int k = 1; k < 4; k++) assert_true(fabs(of[k] - share[k] * all) <= 3);
      for (int k = 0; k < 5; k++) assert_true(fabs(of_fold[k] - 0.8 * all / 5) <= 3);
    }
  for (int i = 0; i < most; i++) {
    assert_true((fold(&m, i) < 0) == (part(&m, i) == BF_SPLIT_TEST));
    if (i > 0 && strcmp(names[i], names[i - 1]) == 0) {
      assert_int_equal(part(&m, i), part(&m, i - 1));
      assert_int_equal(fold(&m, i), fold(&m, i - 1));
    }
  }
  bf_dataset_close(m.data);
  /* Without a validation part, what is no test is left to who trains. */
  const bf_split_options test_alone = {.test = 0.2, .seed = 4};
  m = make(people, most, &test_alone);
  for (int i = 0; i < most; i++) assert_true(part(&m, i) == BF_SPLIT_NONE || part(&m, i) == BF_SPLIT_TEST);
  assert_int_equal(m.counts.folds, 0);
  bf_dataset_close(m.data);
  const bf_split_options too_much = {.test = 0.6, .validation = 0.5};
  m = make(people, most, &too_much);
  assert_message(m.error, BF_E_ARGUMENT, "nothing to train on");
}

/* Images of no modality, and of more than there are strata. */
static void odd_modalities(void **state) {
  (void)state;
  static char modality[20][8], name[20][8];
  person people[20];
  for (int i = 0; i < 20; i++) {
    snprintf(modality[i], 8, i % 2 ? "" : "M%d", i);
    snprintf(name[i], 8, "q%d", i);
    people[i] = (person){name[i], NULL, modality[i], i % 3 - 1, 0, i, 0};
    for (int class = -1; class < 2; class ++) assert_in_range(bf_stratum_of(class, i - 1), 0, BF_STRATA - 1);
  }
  made m = make(people, 20, &usual);
  assert_int_equal(m.status, BF_OK);
  int of[2] = {0};
  for (int i = 0; i < 20; i++) of[fold(&m, i)]++;
  assert_in_range(of[0], 8, 12);
  bf_dataset_close(m.data);
}

/* Fewer patients than folds are no reason to refuse a dataset. */
static void few_patients(void **state) {
  (void)state;
  const person people[] = {{"a", "1", NULL, 0, 0, 1, 0}, {"b", "2", NULL, 1, 0, 2, 0}};
  bf_split_options options = usual;
  options.folds = 5;
  made m = make(people, 2, &options);
  assert_int_equal(m.status, BF_OK);
  assert_int_equal(m.counts.folds, 0);
  assert_int_equal(fold(&m, 0), -1);
  assert_string_equal(bf_dataset_get_note(m.data, "split.folds"), "0");
  bf_dataset_close(m.data);
}

/* Groups of a file are its own numbers: dealing does not hang on them. */
static void groups_are_numbered_anew(void **state) {
  (void)state;
  bf_dataset_writer *w = NULL;
  bf_dataset *d = NULL;
  uint16_t pixel = 0;
  static const int64_t given[] = {INT64_MAX, 7, 7, INT64_MAX, 123456789012};
  assert_ok(bf_dataset_writer_create(&w, in_folder("groups.h5"), err));
  for (int i = 0; i < 5; i++) {
    bf_record r = plain_record("f", "", 0, 1, 1);
    assert_ok(bf_dataset_append(w, &r, &pixel, NULL, 0, NULL, err));
    bf_dataset_set_part(w, i, BF_SPLIT_NONE, -1, given[i]);
  }
  assert_ok(bf_dataset_finish(w, err));
  bf_dataset_writer_destroy(w);
  assert_ok(bf_dataset_open(&d, in_folder("groups.h5"), err));
  int64_t groups[5], count;
  assert_ok(bf_groups_of(groups, &count, d, err));
  static const int64_t wanted[] = {0, 1, 1, 0, 2};
  assert_int_equal(count, 3);
  assert_memory_equal(groups, wanted, sizeof wanted);
  int folds[5];
  assert_ok(bf_folds_assign(folds, d, 3, 1, err));
  assert_true(folds[0] == folds[3] && folds[1] == folds[2]);
  bf_dataset_close(d);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(what_looks_alike_stays_together),
      cmocka_unit_test(what_is_not_alike_stays_apart),
      cmocka_unit_test(what_is_said_to_be_one),
      cmocka_unit_test(slices_must_be_the_same),
      cmocka_unit_test(alike_of_the_validation_part),
      cmocka_unit_test(a_patient_crosses_no_split),
      cmocka_unit_test(given_splits_stand),
      cmocka_unit_test(parts_are_fair),
      cmocka_unit_test(odd_modalities),
      cmocka_unit_test(few_patients),
      cmocka_unit_test(groups_are_numbered_anew),
  };
  return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
