/* Datasets of others, each with one fault: the check names it, and nothing where nothing is wrong. */
#include "data_support.h"

#include "base/rng.h"
#include "bifocal/data.h"
#include "image/fingerprint.h"

enum { side = 40, images = 6 };

typedef struct fault {
  const char *name; /* the finding; NULL: none */
  int64_t count;
} fault;

typedef struct image {
  bf_record record;
  bf_lesion lesion;
  int lesions, picture;
  bf_split split;
  int fold;
  int64_t group;
} image;

static void draw(uint16_t *to, int picture, int row) {
  bf_rng rng = bf_rng_make((uint64_t)picture, 7, 0), noise = bf_rng_make((uint64_t)row, 8, 0);
  uint16_t coarse[8][8];
  for (int i = 0; i < 64; i++) coarse[i / 8][i % 8] = (uint16_t)bf_rng_below(&rng, 60000);
  for (int i = 0; i < side * side; i++)
    to[i] = (uint16_t)(coarse[i / side / 5][i % side / 5] + bf_rng_below(&noise, 500));
  if (picture < 0) memset(to, 0x33, side * side * sizeof *to);
}

/* Six sound images of four patients. */
static void begin(image rows[images]) {
  static const char *const patients[images] = {"a", "a", "b", "c", "c", "d"};
  for (int i = 0; i < images; i++) {
    rows[i] = (image){.record = plain_record("f", patients[i], i % 2, side, side),
                      .lesion = {.xmin = 1, .ymin = 2, .xmax = 9, .ymax = 8, .malignant = (int8_t)(i % 2)},
                      .lesions = 1,
                      .picture = i,
                      .split = i < 3 ? BF_SPLIT_TRAIN : BF_SPLIT_TEST,
                      .fold = i < 2 ? 0 : 1,
                      .group = patients[i][0]};
    rows[i].record.lesions_known = 1;
    snprintf(rows[i].record.sop_instance_uid, 65, "1.2.%d", i);
  }
}

static bf_data_check_report check(const image rows[images], bool prints) {
  bf_dataset_writer *w = NULL;
  bf_data_check_report report;
  static uint16_t picture[side * side];
  assert_ok(bf_dataset_writer_create(&w, in_folder("check.h5"), err));
  for (int i = 0; i < images; i++) {
    bf_record r = rows[i].record;
    bf_fingerprint print;
    draw(picture, rows[i].picture, i);
    bf_fingerprint_of(&print, picture, side, side);
    if (prints && r.fingerprint[0] == '\0') bf_fingerprint_write(r.fingerprint, &print);
    assert_ok(bf_dataset_append(w, &r, picture, &rows[i].lesion, rows[i].lesions, NULL, err));
    bf_dataset_set_part(w, i, rows[i].split, rows[i].fold, rows[i].group);
  }
  assert_ok(bf_dataset_finish(w, err));
  bf_dataset_writer_destroy(w);
  assert_ok(bf_data_check(&report, in_folder("check.h5"), 1, err));
  assert_int_equal(report.images, images);
  return report;
}

static void expect(const image rows[images], const fault *faults) {
  bf_data_check_report r = check(rows, true);
  int n = 0;
  for (; faults[n].name != NULL; n++) {
    int k = 0;
    while (k < r.count && strcmp(r.findings[k].check, faults[n].name) != 0) k++;
    if (k == r.count) fail_msg("%s was not found", faults[n].name);
    assert_int_equal(r.findings[k].count, faults[n].count);
    assert_true(strlen(r.findings[k].example) > 5);
  }
  for (int k = n; k < r.count; k++) print_message("%s: %s\n", r.findings[k].check, r.findings[k].example);
  assert_int_equal(r.count, n);
}

#define EXPECT(...) expect(rows, (const fault[]){__VA_ARGS__, {NULL, 0}})

static void sound(void **state) {
  (void)state;
  image rows[images];
  begin(rows);
  assert_int_equal(check(rows, true).count, 0);
  assert_int_equal(check(rows, false).count, 0);
}

static void rows_by_themselves(void **state) {
  (void)state;
  image rows[images];
  begin(rows);
  rows[2].lesion.xmax = side + 1;
  EXPECT({"box_outside", 1});
  begin(rows);
  rows[3].record.lesions_known = rows[4].record.lesions_known = 0;
  EXPECT({"lesions_where_nobody_looked", 2});
  begin(rows);
  rows[2].lesion.malignant = 1;
  EXPECT({"class_and_lesions_differ", 1});
  begin(rows);
  rows[5].picture = -1;
  EXPECT({"flat_picture", 1});
  begin(rows);
  memset(rows[1].record.fingerprint, '7', 64);
  EXPECT({"fingerprint_differs", 1});
  begin(rows);
  memcpy(rows[4].record.sop_instance_uid, rows[1].record.sop_instance_uid, 65);
  EXPECT({"same_image_twice", 1});
  rows[4].record.frame = 1;
  assert_int_equal(check(rows, true).count, 0);
}

static void rows_together(void **state) {
  (void)state;
  image rows[images];
  begin(rows);
  rows[1].split = BF_SPLIT_VALIDATION;
  EXPECT({"patient_on_two_sides", 1}, {"group_on_two_sides", 1});
  begin(rows);
  rows[3].split = BF_SPLIT_EXCLUDED, rows[3].record.patient[0] = 'a', rows[3].group = 'a'; /* the first is of no side */
  rows[0].split = BF_SPLIT_EXCLUDED, rows[4].record.patient[0] = rows[5].record.patient[0] = 'e';
  rows[4].group = rows[5].group = 'e', rows[5].split = BF_SPLIT_TRAIN;
  EXPECT({"patient_on_two_sides", 1}, {"group_on_two_sides", 1}, {"patient_in_two_folds", 1},
         {"group_in_two_folds", 1});
  begin(rows);
  rows[1].split = BF_SPLIT_EXCLUDED; /* of no side */
  assert_int_equal(check(rows, true).count, 0);
  begin(rows);
  rows[4].fold = 0;
  EXPECT({"patient_in_two_folds", 1}, {"group_in_two_folds", 1});
  begin(rows);
  rows[4].group = 77;
  EXPECT({"patient_in_two_groups", 1});
  begin(rows);
  rows[5].record.patient[0] = '\0';
  EXPECT({"no_patient", 1});
}

static void alike(void **state) {
  (void)state;
  image rows[images];
  begin(rows);
  rows[5].picture = 2; /* the patients b in training and d in the test part */
  EXPECT({"alike_on_two_sides", 1}, {"alike_and_labels_differ", 1});
  begin(rows);
  rows[5].picture = 3; /* both in the test part, but of two groups */
  EXPECT({"alike_and_apart", 1});
  rows[5].group = rows[4].group;
  assert_int_equal(check(rows, true).count, 0);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(sound), cmocka_unit_test(rows_by_themselves),
                                     cmocka_unit_test(rows_together), cmocka_unit_test(alike)};
  return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
