/* From the losses of a range test to a suggestion; and charts. */
#include <math.h>

#include "base/memory.h"
#include "data_support.h"
#include "output/chart.h"
#include "run/find_rate.h"

enum { count = 100 };

static double rate_at(int i) { return 1e-6 * pow(1e6, i / 99.0); }

/* Flat, a fall from place 40 to 70, then away: the suggestion lies two thirds down the fall. */
static void a_fall(void **state) {
  (void)state;
  double rates[count], losses[count];
  for (int i = 0; i < count; i++) {
    rates[i] = rate_at(i);
    losses[i] = i < 40 ? 2 : i <= 70 ? 2 - (i - 40) / 30.0 : 1 + pow(1.2, i - 70) - 1;
  }
  bf_rate_suggestion s = bf_rate_suggest(rates, losses, count);
  assert_true(s.valley == rates[40 - 1 + 31 * 2 / 3] || s.valley == rates[40 + 30 * 2 / 3]);
  assert_true(s.steepest > rates[40] && s.steepest < rates[70]);
  assert_float_equal(s.lowest, rates[70] / 10, 1e-12);
}

/* A rise of one step within the fall does not break it. */
static void a_fall_with_noise(void **state) {
  (void)state;
  double rates[count], losses[count];
  for (int i = 0; i < count; i++) {
    rates[i] = rate_at(i);
    losses[i] = (i < 30 ? 2 : i <= 80 ? 2 - (i - 30) / 50.0 : 3) + (i % 5 == 0 ? 0.05 : 0);
  }
  bf_rate_suggestion s = bf_rate_suggest(rates, losses, count);
  assert_true(s.valley > rates[45] && s.valley < rates[72]);
}

static void no_fall(void **state) {
  (void)state;
  double rates[count], losses[count];
  for (int i = 0; i < count; i++) rates[i] = rate_at(i), losses[i] = 1 + i;
  bf_rate_suggestion s = bf_rate_suggest(rates, losses, count);
  assert_true(isnan(s.valley) && isnan(s.steepest) && isnan(s.lowest));
  s = bf_rate_suggest(rates, losses, 2);
  assert_true(isnan(s.valley));
}

/* ---- charts ---- */

static char *read_chart(void) {
  char *text;
  size_t size;
  assert_ok(bf_file_read(&text, &size, in_folder("c.svg"), 1 << 20, err));
  return text;
}

static void charts(void **state) {
  (void)state;
  const double x[] = {1e-4, 1e-3, 1e-2, 1e-1}, y[] = {2, NAN, 1, 3};
  const bf_curve curves[] = {{"loss <a & b>", x, y, 4, false}, {NULL, x, y, 4, true}};
  const bf_chart_mark marks[] = {{"here", 1e-3}, {"outside", 10}};
  bf_chart chart = {.title = "Title",
                    .x_label = "rate",
                    .y_label = "loss",
                    .log_x = true,
                    .curves = curves,
                    .curve_count = 2,
                    .marks = marks,
                    .mark_count = 2};
  assert_ok(bf_chart_write(in_folder("c.svg"), &chart, err));
  char *text = read_chart();
  assert_true(strncmp(text, "<svg xmlns=", 11) == 0 && strstr(text, "</svg>") != NULL);
  assert_non_null(strstr(text, "loss &lt;a &amp; b&gt;"));
  assert_non_null(strstr(text, "<title>Title</title>"));
  assert_non_null(strstr(text, ">1e-3<"));
  assert_non_null(strstr(text, ">here<"));
  assert_null(strstr(text, ">outside<"));
  assert_null(strstr(text, "nan"));
  assert_null(strstr(text, "inf"));
  bf_free(text);
  const double nothing[] = {NAN, NAN, NAN, INFINITY};
  const bf_curve empty = {"e", x, nothing, 4, false};
  chart.curves = &empty, chart.curve_count = 1;
  bf_error err = {0};
  assert_int_equal(bf_chart_write(in_folder("d.svg"), &chart, &err), BF_E_ARGUMENT);
  assert_int_not_equal(access(in_folder("d.svg"), F_OK), 0);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(a_fall), cmocka_unit_test(a_fall_with_noise),
                                     cmocka_unit_test(no_fall), cmocka_unit_test(charts)};
  return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
