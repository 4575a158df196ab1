/* Parts of a report from figures made by hand: every subgroup, task and reason has its place, pictures keep within
 * their limit, and what names a file stays out of the page. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/log.h"
#include "base/memory.h"
#include "evaluation/report_parts.h"
#include "html_support.h"
#include "program.h"
#include "run/report_page.h"

static bf_error err;

#define ASSERT_OK(call) \
  if ((call) != BF_OK) fail_msg("%s", err.message)

static bf_page *begin_page(void) {
  bf_page *page;
  const bf_page_head head = {.title = "Report"};
  ASSERT_OK(bf_page_create(&page, &head, &err));
  return page;
}

/* Freed with free. */
static char *end_page(bf_page *page) {
  ASSERT_OK(bf_page_finish(page, in_scratch("page.html"), &err));
  bf_page_destroy(page);
  char *text = read_text(in_scratch("page.html"));
  html_is_sound(text);
  return text;
}

static int times(const char *text, const char *part) {
  int count = 0;
  for (; (text = strstr(text, part)) != NULL; text++) count++;
  return count;
}

static void expect(const char *text, const char *part, bool there) {
  if ((strstr(text, part) != NULL) != there) fail_msg("'%s' is%s there", part, there ? " not" : "");
}

/* ---- subgroups ---- */

enum { GROUPINGS = 4 };
static bf_group groups[GROUPINGS][BF_GROUPS_MAX];

static void make_grouping(bf_grouping *out, int which) {
  *out = (bf_grouping){.groups = groups[which], .count = BF_GROUPS_MAX, .column = -1};
  snprintf(out->attribute, sizeof out->attribute, "by_%d", which);
  for (int i = 0; i < BF_GROUPS_MAX; i++) {
    groups[which][i].count = 20;
    snprintf(groups[which][i].name, sizeof groups[which][i].name, "g%d", i);
  }
}

/* 96 groups: each has a row in its table and one in the forest. */
static void no_subgroup_is_cut(void **state) {
  (void)state;
  static bf_evaluation e;
  static bf_assessment of[BF_GROUPS_MAX];
  bf_page *page = begin_page();
  for (int i = 0; i < BF_GROUPS_MAX; i++) of[i] = (bf_assessment){.cases = 20, .classes.auc.value = 0.8};
  e.all.classes.auc.value = 0.75;
  e.group_count = GROUPINGS;
  for (int g = 0; g < GROUPINGS; g++) {
    make_grouping(&e.groups[g].grouping, g);
    e.groups[g].of = of;
  }
  const bf_report r = {.evaluation = &e};
  ASSERT_OK(bf_report_add_groups(page, &r, &err));
  char *text = end_page(page);
  for (int g = 0; g < GROUPINGS; g++)
    for (int i = 0; i < BF_GROUPS_MAX; i++) {
      char label[32];
      snprintf(label, sizeof label, ">by %d: g%d <", g, i);
      if (times(text, label) == 0) fail_msg("%s has no row", label);
    }
  free(text);
}

static bf_difference difference_of(double value) {
  return (bf_difference){.of = {.a = 0.8, .b = 0.8 - value, .difference = value}, .n = 40};
}

static char *compared(bool few) {
  static bf_comparison c;
  static bf_differences of[BF_GROUPS_MAX];
  const bf_evaluation_source source = {.scores = "a.h5", .against = "b.h5"};
  bf_page *page = begin_page();
  c = (bf_comparison){.cases = 40, .delong = {.p_value = 0.04}, .calls = {.p_value = 0.5}, .group_count = GROUPINGS};
  c.all = (bf_differences){.cases = 40, .few = few, .items = {[BF_FIGURE_AUC] = difference_of(0.1)}};
  for (int i = 0; i < BF_GROUPS_MAX; i++)
    of[i] = (bf_differences){.cases = 20, .items = {[BF_FIGURE_AUC] = difference_of(0.05)}};
  for (int g = 0; g < GROUPINGS; g++) {
    make_grouping(&c.groups[g].grouping, g);
    c.groups[g].of = of;
  }
  const bf_report r = {.comparison = &c, .source = &source};
  ASSERT_OK(bf_report_add_comparison(page, &r, &err));
  return end_page(page);
}

static void a_comparison_tells_how_far_it_goes(void **state) {
  (void)state;
  char *text = compared(false);
  expect(text, ">by 3: g23 <", true);
  expect(text, "take images for independent", true);
  /* All differences speak for A: there is a side for B all the same, and 0 is in the middle. */
  expect(text, "class=\"reference\" x1=\"50.00%\"", true);
  expect(text, "these differences say little", false);
  free(text);
  text = compared(true);
  expect(text, "these differences say little", true);
  free(text);
}

/* ---- a training ---- */

static size_t put_head(char *csv, size_t room, int tasks) {
  size_t used = (size_t)snprintf(csv, room, "epoch");
  for (int t = 0; t < tasks; t++)
    used += (size_t)snprintf(csv + used, room - used, ",train_%c,weight_%c,share_%c", 'a' + t, 'a' + t, 'a' + t);
  for (int a = 0; a < tasks; a++)
    for (int b = a + 1; b < tasks; b++)
      used += (size_t)snprintf(csv + used, room - used, ",cosine_%c_%c,conflicts_%c_%c", 'a' + a, 'a' + b, 'a' + a,
                               'a' + b);
  return used + (size_t)snprintf(csv + used, room - used, "\n");
}

/* The training section of a run of three epochs with so many tasks. */
static char *trained(int tasks) {
  static char csv[16384];
  size_t used = put_head(csv, sizeof csv, tasks);
  for (int epoch = 1; epoch <= 3; epoch++) {
    used += (size_t)snprintf(csv + used, sizeof csv - used, "%d", epoch);
    for (int k = 0; k < 3 * tasks + tasks * (tasks - 1); k++)
      used += (size_t)snprintf(csv + used, sizeof csv - used, ",0.%d", epoch);
    used += (size_t)snprintf(csv + used, sizeof csv - used, "\n");
  }
  bf_page *page = begin_page();
  const bf_report r = {.training = csv};
  ASSERT_OK(bf_report_add_training(page, &r, &err));
  return end_page(page);
}

/* Eight tasks have 81 columns and 28 pairs. */
static void no_task_is_cut(void **state) {
  (void)state;
  char name[32];
  char *text = trained(8);
  for (int a = 0; a < 8; a++) {
    snprintf(name, sizeof name, ">Loss of %c<", 'a' + a);
    expect(text, name, true);
    for (int b = a + 1; b < 8; b++) {
      snprintf(name, sizeof name, ">%c and %c<", 'a' + a, 'a' + b);
      expect(text, name, true);
    }
  }
  expect(text, ">Weights of the tasks<", true);
  free(text);
  text = trained(1);
  expect(text, ">Loss of a<", true);
  expect(text, ">Weights of the tasks<", false);
  free(text);
}

/* ---- pictures ---- */

enum { MOST_CASES = 200 };

typedef struct fake {
  size_t bytes; /* of a picture of 384 x 384 */
  bool gone;
  int side; /* that was asked for last */
} fake;

static bf_status look(bf_report_picture *out, void *source, const bf_case *one, bf_error *why) {
  const fake *f = source;
  if (f->gone) return bf_fail(why, BF_E_NOT_FOUND, "/archive/DOE^JANE/%d.dcm: is not there", (int)one->row);
  *out = (bf_report_picture){.columns = 384, .rows = 384, .from_original = bf_affine_identity()};
  return BF_OK;
}

static bf_status encode(bf_report_picture *p, void *source, const bf_case *one, int side, bf_error *why) {
  (void)one, (void)why;
  fake *f = source;
  f->side = side;
  p->png_size = f->bytes * (size_t)side / 384 * (size_t)side / 384;
  p->png = bf_alloc(p->png_size, 1);
  memcpy(p->png, "\x89PNG\r\n\x1a\n", 8);
  return BF_OK;
}

/* A gallery of so many images of both classes. */
static char *shown(fake *f, int count, double threshold) {
  static bf_case items[MOST_CASES];
  static bf_score_row rows[MOST_CASES];
  bf_scores scores = {.count = count, .rows = rows};
  bf_evaluation e = {.cases = {.scores = &scores, .items = items, .count = count}, .options.threshold = threshold};
  for (int i = 0; i < count; i++) {
    rows[i] = (bf_score_row){.file = "x.dcm", .modality = "US"};
    items[i] = (bf_case){.row = i, .probability = 0.3, .rank = 0.3, .malignant = (int8_t)(i % 2)};
  }
  e.all.classes.n = count;
  const bf_report_pictures pictures = {.most = count, .look = look, .encode = encode, .source = f};
  const bf_report r = {.evaluation = &e, .pictures = &pictures};
  bf_page *page = begin_page();
  ASSERT_OK(bf_report_add_gallery(page, &r, &err));
  return end_page(page);
}

static void pictures_keep_within_their_limit(void **state) {
  (void)state;
  static const struct {
    int count, side;
    size_t bytes;
  } cases[] = {{10, 384, 100000}, {24, 384, 131000}, {24, 320, 147456}, {200, 96, 184320}};
  for (int i = 0; i < 4; i++) {
    fake f = {.bytes = cases[i].bytes};
    char *text = shown(&f, cases[i].count, 0.5);
    assert_int_equal(f.side, cases[i].side);
    assert_int_equal(times(text, "data:image/png"), cases[i].count);
    assert_true(strlen(text) < 5u << 20);
    free(text);
  }
}

static void a_page_names_no_file(void **state) {
  (void)state;
  fake f = {.gone = true};
  bf_log_set_level(BF_LOG_ERROR);
  char *text = shown(&f, 3, 0.5);
  expect(text, "3 pictures cannot be shown", true);
  expect(text, "DOE", false);
  expect(text, ".dcm", false);
  free(text);
}

static void who_calls_without_a_threshold(void **state) {
  (void)state;
  fake f = {.bytes = 1000};
  char *text = shown(&f, 2, NAN);
  expect(text, "because there is no threshold", true);
  free(text);
  text = shown(&f, 2, 0.5);
  expect(text, "because there is no threshold", false);
  free(text);
}

/* ---- reasons and facts ---- */

static void no_reason_is_lost(void **state) {
  (void)state;
  bf_loss_list *l = calloc(1, sizeof *l);
  int64_t sum = 0;
  char label[32];
  assert_non_null(l);
  for (int i = 0; i < 60; i++) {
    snprintf(label, sizeof label, "reason %d", i);
    bf_loss_add(l, label, i);
  }
  assert_int_equal(l->count, BF_LOSSES_MAX);
  for (int i = 0; i < l->count; i++) sum += l->bars[i].count;
  assert_int_equal(sum, 59 * 60 / 2);
  assert_string_equal(l->bars[0].label, "reason 1");
  assert_string_equal(l->bars[BF_LOSSES_MAX - 2].label, "reason 39");
  assert_string_equal(l->bars[BF_LOSSES_MAX - 1].label, "other reasons");
  free(l);
}

static void every_name_is_in_the_fact(void **state) {
  (void)state;
  static char names[200][64];
  const char *list[200];
  bf_fact_list l = {0};
  for (int i = 0; i < 200; i++) {
    snprintf(names[i], sizeof names[i], "labels/of-the-hospital-with-a-long-name/%d.csv", i);
    list[i] = names[i];
  }
  bf_fact_add_names(&l, "Labels", list, 200);
  bf_fact_add(&l, "Nothing", "%s", "");
  bf_fact_add_names(&l, "None", list, 0);
  assert_int_equal(l.count, 1);
  assert_string_equal(l.facts[0].term, "Labels");
  assert_non_null(strstr(l.facts[0].words, "name/0.csv, labels/"));
  for (int i = 0; i < 200; i++) assert_non_null(strstr(l.facts[0].words, names[i]));
  bf_fact_list_clear(&l);
}

static int begin(void **state) {
  (void)state;
  scratch_make();
  return 0;
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(no_subgroup_is_cut),   cmocka_unit_test(a_comparison_tells_how_far_it_goes),
      cmocka_unit_test(no_task_is_cut),       cmocka_unit_test(pictures_keep_within_their_limit),
      cmocka_unit_test(a_page_names_no_file), cmocka_unit_test(who_calls_without_a_threshold),
      cmocka_unit_test(no_reason_is_lost),    cmocka_unit_test(every_name_is_in_the_fact)};
  return cmocka_run_group_tests(tests, begin, scratch_teardown);
}
