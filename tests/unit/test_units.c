/* Breasts and studies: which images they are of, and what is taken of them. */
#include "evaluation_support.h"

static bf_score_row shown(const char *uid, const char *study, const char *laterality, float probability) {
  bf_score_row r = scored(uid, study, probability);
  snprintf(r.laterality, sizeof r.laterality, "%s", laterality);
  return r;
}

static void expect(const bf_case *unit, int64_t row, double probability, int malignant) {
  assert_int_equal(unit->row, row);
  assert_int_equal(unit->malignant, malignant);
  assert_true(isnan(probability) ? isnan(unit->probability) && isnan(unit->rank)
                                 : unit->probability == (float)probability);
  assert_false(unit->lesions_known);
  assert_true(isnan(unit->dice));
}

/* The second study's right breast comes first among the rows. */
static bf_cases example(bf_scores *scores) {
  static bf_score_row rows[10];
  rows[0] = shown("1.1", "s2", "R", 0.3f);
  rows[1] = shown("1.2", "s1", "L", 0.2f);
  rows[2] = shown("1.3", "s1", "L", 0.9f);
  rows[3] = shown("1.4", "s1", "R", 0.4f);
  rows[4] = shown("1.5", "s1", "R", NAN);
  rows[5] = shown("1.6", "s1", "", 0.95f);
  rows[6] = shown("1.7", "", "L", 0.99f);
  rows[7] = shown("1.8", "s2", "R", 0.1f);
  rows[8] = shown("1.9", "s3", "L", NAN);
  rows[9] = shown("1.10", "s3", "L", NAN);
  rows[4].malignant_logit = 50; /* without a probability it orders nothing */
  *scores = held(rows, 10);
  return cases_of(scores,
                  "SOPInstanceUID,pathology\n1.1,benign\n1.2,benign\n1.3,malignant\n1.4,benign\n1.5,benign\n"
                  "1.6,\n1.7,malignant\n1.8,\n1.9,benign\n1.10,malignant\n");
}

static void breasts(void **state) {
  (void)state;
  bf_scores scores;
  bf_cases c = example(&scores);
  bf_units u;
  assert_ok(bf_units_make(&u, &c, BF_UNIT_BREAST, err));
  assert_int_equal(u.count, 4);
  assert_int_equal(u.images, 8);
  assert_int_equal(u.without, 2);
  expect(&u.items[0], 0, 0.3, -1); /* one benign, one unknown */
  expect(&u.items[1], 1, 0.9, 1);
  expect(&u.items[2], 3, 0.4, 0);
  expect(&u.items[3], 8, NAN, 1);
  assert_true(u.items[2].rank == (double)scores.rows[3].malignant_logit);
  bf_units_clear(&u);
  bf_cases_clear(&c);
}

static void studies(void **state) {
  (void)state;
  bf_scores scores;
  bf_cases c = example(&scores);
  bf_units u;
  assert_ok(bf_units_make(&u, &c, BF_UNIT_STUDY, err));
  assert_int_equal(u.count, 3);
  assert_int_equal(u.images, 9);
  assert_int_equal(u.without, 1);
  expect(&u.items[0], 0, 0.3, -1);
  expect(&u.items[1], 1, 0.95, 1); /* malignant though another of its images is of unknown class */
  expect(&u.items[2], 8, NAN, 1);
  assert_int_equal(u.items[1].patient, c.items[1].patient);
  bf_units_clear(&u);
  bf_cases_clear(&c);
}

int main(void) {
  const struct CMUnitTest tests[] = {FOLDER_TEST(breasts), FOLDER_TEST(studies)};
  return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
