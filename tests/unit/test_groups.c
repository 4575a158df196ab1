/* Subgroups: their order, what is joined when they are too many, and names from strangers. */
#include "evaluation_support.h"

#include <jansson.h>

#include "base/memory.h"
#include "base/utf8.h"
#include "evaluation/words.h"

enum { most_rows = 200 };
static bf_score_row rows[most_rows];
static bf_scores scores;

/* Cases of rows[0 .. count-1], of which nothing is known. */
static bf_cases all_of(int count) {
  bf_cases c;
  scores = held(rows, count);
  assert_ok(bf_cases_of_scores(&c, &scores, err));
  return c;
}

static void put(int *count, const char *modality, int times) {
  for (int k = 0; k < times; k++) {
    char uid[32];
    snprintf(uid, sizeof uid, "1.%d", *count);
    rows[*count] = scored(uid, "", 0.5f);
    snprintf(rows[*count].modality, sizeof rows[0].modality, "%s", modality);
    ++*count;
  }
}

/* Every case in one group, rising within it. */
static void expect_whole(const bf_grouping *g, int64_t count) {
  bool seen[most_rows] = {false};
  int64_t sum = 0;
  for (int i = 0; i < g->count; i++)
    for (int64_t k = 0; k < g->groups[i].count; k++, sum++) {
      assert_false(seen[g->groups[i].members[k]]);
      seen[g->groups[i].members[k]] = true;
      if (k > 0) assert_true(g->groups[i].members[k - 1] < g->groups[i].members[k]);
    }
  assert_int_equal(sum, count);
}

static void expect(const bf_group *g, const char *name, int64_t count) {
  assert_string_equal(g->name, name);
  assert_int_equal(g->count, count);
}

/* The largest stand at the end of the alphabet, behind more equal ones than there is room for. */
static void the_largest_stay(void **state) {
  (void)state;
  int n = 0;
  char name[8];
  put(&n, "", 2);
  for (int i = 0; i < 26; i++) {
    snprintf(name, sizeof name, "A%c", 'A' + i);
    put(&n, name, 1);
  }
  for (int i = 0; i < 4; i++) {
    snprintf(name, sizeof name, "Z%c", 'A' + i);
    put(&n, name, 3);
  }
  bf_cases c = all_of(n);
  bf_grouping g;
  assert_ok(bf_grouping_make(&g, "modality", -1, &c, err));
  assert_int_equal(g.count, BF_GROUPS_MAX);
  expect(&g.groups[0], "AA", 1);
  expect(&g.groups[17], "AR", 1);
  expect(&g.groups[18], "ZA", 3);
  expect(&g.groups[21], "ZD", 3);
  expect(&g.groups[22], "all others", 8);
  expect(&g.groups[23], "unknown", 2);
  expect_whole(&g, n);
  bf_grouping_clear(&g);
  bf_cases_clear(&c);
}

static void as_many_as_there_is_room_for(void **state) {
  (void)state;
  for (int extra = 0; extra < 2; extra++) {
    int n = 0;
    for (int i = 0; i < BF_GROUPS_MAX + extra; i++) {
      char name[8];
      snprintf(name, sizeof name, "M%02d", i);
      put(&n, name, 1 + (i == 3));
    }
    bf_cases c = all_of(n);
    bf_grouping g;
    assert_ok(bf_grouping_make(&g, "modality", -1, &c, err));
    assert_int_equal(g.count, BF_GROUPS_MAX);
    expect(&g.groups[3], "M03", 2);
    expect(&g.groups[BF_GROUPS_MAX - 1], extra ? "all others" : "M23", 1 + extra);
    expect_whole(&g, n);
    bf_grouping_clear(&g);
    bf_cases_clear(&c);
  }
}

static void names_from_strangers(void **state) {
  (void)state;
  static const char *const hostile[] = {"\xff\xfe", "\x1b[31mUS", "a\"b,c\n=1",  "unknown",
                                        "",         "</script>",  "\xc3\xa4\xc3"};
  const bf_evaluation_source source = {.scores = "a\xff.h5"};
  int n = 0;
  for (int i = 0; i < 7; i++) put(&n, hostile[i], 2);
  bf_evaluation e = evaluated(all_of(n), NULL);
  const bf_grouping *g = NULL;
  for (int i = 0; i < e.group_count; i++)
    if (strcmp(e.groups[i].grouping.attribute, "modality") == 0) g = &e.groups[i].grouping;
  assert_non_null(g);
  assert_int_equal(g->count, 6);
  for (int i = 0; i < g->count; i++) assert_true(bf_is_plain_text(g->groups[i].name));
  expect(&g->groups[5], "unknown", 4);
  char *text = bf_evaluation_json(&e, NULL, &source);
  json_t *root = json_loads(text, JSON_REJECT_DUPLICATES, NULL);
  assert_string_equal(json_string_value(json_object_get(root, "scores")), "a\xef\xbf\xbd.h5");
  const json_t *list = json_object_get(json_object_get(root, "subgroups"), "modality");
  assert_int_equal(json_array_size(list), 6);
  for (size_t i = 0; i < 6; i++)
    assert_string_equal(json_string_value(json_object_get(json_array_get(list, i), "group")), g->groups[i].name);
  json_decref(root);
  bf_free(text);
  bf_evaluation_clear(&e);
}

/* By size, not by the alphabet. */
static void sizes_in_their_order(void **state) {
  (void)state;
  static const int longer[] = {3000, 1024, 0, 511, 512, 2047, 2048};
  int n = 0;
  put(&n, "US", 7);
  for (int i = 0; i < n; i++) rows[i].rows = longer[i], rows[i].columns = longer[i] / 2;
  bf_cases c = all_of(n);
  bf_grouping g;
  assert_ok(bf_grouping_make(&g, "image_size", -1, &c, err));
  assert_int_equal(g.count, 5);
  expect(&g.groups[0], "below 512 pixels", 1);
  expect(&g.groups[1], "512 to 1024 pixels", 1);
  expect(&g.groups[2], "1024 to 2048 pixels", 2);
  expect(&g.groups[3], "2048 pixels and more", 2);
  expect(&g.groups[4], "unknown", 1);
  bf_grouping_clear(&g);
  bf_cases_clear(&c);
}

static void numbers_of_lesions_in_their_order(void **state) {
  (void)state;
  int n = 0;
  put(&n, "US", 6);
  bf_cases c = all_of(n);
  for (int i = 0; i < 5; i++) c.items[i].lesions_known = true, c.items[i].boxes.truth_count = 4 - i;
  bf_grouping g;
  assert_ok(bf_grouping_make(&g, "lesion_count", -1, &c, err));
  assert_int_equal(g.count, 4);
  expect(&g.groups[0], "none", 1);
  expect(&g.groups[1], "one", 1);
  expect(&g.groups[2], "two and more", 3);
  expect(&g.groups[3], "unknown", 1);
  bf_grouping_clear(&g);
  bf_cases_clear(&c);
}

static void no_such_attribute(void **state) {
  (void)state;
  int n = 0;
  put(&n, "US", 1);
  bf_cases c = all_of(n);
  bf_grouping g;
  bf_error err = {0};
  assert_int_equal(bf_grouping_make(&g, "colour", -1, &c, &err), BF_E_ARGUMENT);
  assert_message(err, BF_E_ARGUMENT, "--by colour: no such attribute");
  for (int i = 0; bf_attribute_name(i) != NULL; i++) assert_message(err, BF_E_ARGUMENT, bf_attribute_name(i));
  bf_cases_clear(&c);
}

/* ---- columns of the labels ---- */

/* Cases of `count` rows with these texts in a column. */
static bf_cases with_column(const char *const *texts, int count) {
  char csv[8192];
  int n = 0, used = snprintf(csv, sizeof csv, "SOPInstanceUID,column,pathology\n");
  put(&n, "US", count);
  for (int i = 0; i < n; i++) used += snprintf(csv + used, sizeof csv - (size_t)used, "1.%d,%s,benign\n", i, texts[i]);
  assert_int_equal(bf_labels_keep(labels, "column", NULL), 0);
  scores = held(rows, n);
  return cases_of(&scores, csv);
}

static void expect_column(const char *const *texts, int count, const char *const *names, const int *sizes, int groups) {
  bf_cases c = with_column(texts, count);
  bf_grouping g;
  assert_ok(bf_grouping_make(&g, "column", 0, &c, err));
  for (int i = 0; i < g.count && i < groups; i++) expect(&g.groups[i], names[i], sizes[i]);
  assert_int_equal(g.count, groups);
  expect_whole(&g, count);
  bf_grouping_clear(&g);
  bf_cases_clear(&c);
}

static void numbers_in_their_order(void **state) {
  (void)state;
  static const char *const texts[] = {"10", "2", "", "1", "100", "-3.5", "1e1", "2"};
  static const char *const names[] = {"-3.5", "1", "2", "10", "1e1", "100", "unknown"};
  static const int sizes[] = {1, 1, 2, 1, 1, 1, 1};
  expect_column(texts, 8, names, sizes, 7);
}

/* One word, or what strtod alone takes for a number, makes texts of all. */
static void texts_as_they_are(void **state) {
  (void)state;
  static const char *const texts[] = {"10", "2", "n/a", "N/A", "Unknown", "unknown", "nan", "0x10", "inf"};
  static const char *const names[] = {"0x10", "10", "2", "N/A", "Unknown", "inf", "n/a", "nan", "unknown"};
  static const int sizes[] = {1, 1, 1, 1, 1, 1, 1, 1, 1};
  expect_column(texts, 9, names, sizes, 9);
}

static void many_numbers_in_quartiles(void **state) {
  (void)state;
  static char text[45][8];
  const char *texts[45];
  static const char *const names[] = {"below 30", "30 to 40", "40 to 50", "50 and more", "unknown"};
  static const int sizes[] = {10, 10, 10, 10, 5};
  for (int i = 0; i < 45; i++) {
    snprintf(text[i], sizeof text[i], "%d", 20 + 7 * i % 40);
    texts[i] = i < 40 ? text[i] : "";
  }
  expect_column(texts, 45, names, sizes, 5);
}

/* Twelve stand by themselves, thirteen do not. */
static void as_many_numbers_as_stand_alone(void **state) {
  (void)state;
  static const char *const texts[] = {"1", "2", "3", "4", "5", "6", "7", "8", "9", "10", "11", "12", "12.0", "12.5"};
  for (int n = 12; n <= 14; n++) {
    bf_cases c = with_column(texts, n);
    bf_grouping g;
    assert_ok(bf_grouping_make(&g, "column", 0, &c, err));
    assert_int_equal(g.count, n == 14 ? 4 : n);
    bf_grouping_clear(&g);
    bf_cases_clear(&c);
    bf_labels_destroy(labels);
    assert_ok(bf_labels_create(&labels, err));
  }
}

/* Quartiles that fall on the same number: no empty group, no name twice. */
static void quartiles_of_equal_numbers(void **state) {
  (void)state;
  static char text[60][8];
  const char *texts[60];
  static const char *const names[] = {"below 1", "1 and more"};
  static const int sizes[] = {46, 14};
  for (int i = 0; i < 60; i++) {
    snprintf(text[i], sizeof text[i], "%d", i < 46 ? 0 : i - 45);
    texts[i] = text[i];
  }
  expect_column(texts, 60, names, sizes, 2);
}

static void numbers_of_many_digits(void **state) {
  (void)state;
  static char text[16][16];
  const char *texts[16];
  static const char *const names[] = {"below 20230105", "20230105 to 20230109", "20230109 to 20230113",
                                      "20230113 and more"};
  static const int sizes[] = {4, 4, 4, 4};
  for (int i = 0; i < 16; i++) {
    snprintf(text[i], sizeof text[i], "%d", 20230101 + i);
    texts[i] = text[i];
  }
  expect_column(texts, 16, names, sizes, 4);
}

/* Of fewer cases the same groups, though their own quartiles are others. */
static void groups_like_others(void **state) {
  (void)state;
  static char text[40][8];
  const char *texts[40];
  for (int i = 0; i < 40; i++) {
    snprintf(text[i], sizeof text[i], "%d", 20 + i);
    texts[i] = text[i];
  }
  bf_cases c = with_column(texts, 40);
  bf_grouping whole, part;
  assert_ok(bf_grouping_make(&whole, "column", 0, &c, err));
  bf_cases few = c;
  few.items += 12;
  few.count = 10;
  assert_ok(bf_grouping_like(&part, &whole, &few, err));
  assert_string_equal(part.attribute, "column");
  assert_int_equal(part.count, 2);
  expect(&part.groups[0], "30 to 40", 8);
  expect(&part.groups[1], "40 to 50", 2);
  bf_grouping_clear(&part);
  bf_grouping_clear(&whole);
  bf_cases_clear(&c);
}

/* A value of that name is another group than those that are joined. */
static void the_name_of_all_others(void **state) {
  (void)state;
  static char text[40][16];
  const char *texts[40];
  int n = 0;
  for (int i = 0; i < 30; i++, n++) snprintf(text[n], sizeof text[n], "v%02d", i);
  for (int i = 0; i < 3; i++, n++) snprintf(text[n], sizeof text[n], "all others");
  for (int i = 0; i < n; i++) texts[i] = text[i];
  bf_cases c = with_column(texts, n);
  bf_grouping g;
  assert_ok(bf_grouping_make(&g, "column", 0, &c, err));
  assert_int_equal(g.count, BF_GROUPS_MAX);
  expect(&g.groups[0], "all others", 3);
  expect(&g.groups[BF_GROUPS_MAX - 1], "all others (2)", 8);
  expect_whole(&g, n);
  bf_grouping_clear(&g);
  bf_cases_clear(&c);
}

static void what_is_few(void **state) {
  (void)state;
  const bf_assessment good = {.cases = 40,
                              .classes = {.n = 40, .positives = 20, .patients = 10},
                              .lesions = {.images = 40, .lesions = 10, .patients = 10}};
  bf_assessment a = good;
  assert_false(bf_assessment_small(&a));
  a.classes.positives = 9, assert_true(bf_assessment_small(&a)), a = good;
  a.classes.positives = 31, assert_true(bf_assessment_small(&a)), a = good;
  a.classes.positives = 40, assert_false(bf_assessment_small(&a)), a = good; /* one class alone is another matter */
  a.classes.patients = 9, assert_true(bf_assessment_small(&a)), a = good;
  a.lesions.lesions = 9, assert_true(bf_assessment_small(&a)), a = good;
  a.lesions.lesions = 0, assert_false(bf_assessment_small(&a)), a = good;
  a.lesions.patients = 9, assert_true(bf_assessment_small(&a)), a = good;
  a.cases = 9, assert_true(bf_assessment_small(&a));
}

int main(void) {
  const struct CMUnitTest tests[] = {
      FOLDER_TEST(the_largest_stay),
      FOLDER_TEST(as_many_as_there_is_room_for),
      FOLDER_TEST(names_from_strangers),
      FOLDER_TEST(sizes_in_their_order),
      FOLDER_TEST(what_is_few),
      FOLDER_TEST(numbers_of_lesions_in_their_order),
      FOLDER_TEST(no_such_attribute),
      FOLDER_TEST(numbers_in_their_order),
      FOLDER_TEST(texts_as_they_are),
      FOLDER_TEST(many_numbers_in_quartiles),
      FOLDER_TEST(as_many_numbers_as_stand_alone),
      FOLDER_TEST(quartiles_of_equal_numbers),
      FOLDER_TEST(numbers_of_many_digits),
      FOLDER_TEST(groups_like_others),
      FOLDER_TEST(the_name_of_all_others),
  };
  return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
