/* Report pages: their structure, texts that want to break out, numbers, ticks, thinning, and how a page is published.
 */
#include <jansson.h>
#include <locale.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/memory.h"
#include "base/utf8.h"
#include "html_support.h"
#include "page/axis.h"
#include "page/thin.h"
#include "page_demo.h"
#include "program.h"

static bf_page *new_page(void) {
  bf_page *page;
  bf_error err = {0};
  const bf_page_head head = {.title = "Title", .footer = "Footer"};
  assert_int_equal(bf_page_create(&page, &head, &err), BF_OK);
  return page;
}

/* Ends the page; its text, freed with free. */
static char *text_of(bf_page *page) {
  bf_error err = {0};
  if (bf_page_finish(page, in_scratch("page.html"), &err) != BF_OK) fail_msg("%s", err.message);
  bf_page_destroy(page);
  char *text = read_text(in_scratch("page.html"));
  html_is_sound(text);
  assert_true(bf_is_utf8(text));
  return text;
}

static void must_hold(const char *text, const char *part) {
  if (strstr(text, part) == NULL) fail_msg("'%s' is missing", part);
}

static int occurrences(const char *text, const char *part) {
  int count = 0;
  while ((text = strstr(text, part)) != NULL) text += strlen(part), count++;
  return count;
}

/* ---- the page ---- */

static size_t size_without_pictures(const char *text) {
  size_t size = strlen(text);
  for (const char *at = text; (at = strstr(at, "base64,")) != NULL;) {
    at += 7;
    size -= strcspn(at, "\"");
  }
  return size;
}

static void demo_is_sound(void **state) {
  (void)state;
  bf_error err = {0};
  assert_int_equal(demo_page(in_scratch("demo.html"), &err), BF_OK);
  char *text = read_text(in_scratch("demo.html"));
  html_is_sound(text);
  assert_true(size_without_pictures(text) < 150000);
  must_hold(text,
            "content=\"default-src 'none'; img-src data:; base-uri 'none'; form-action 'none'; style-src 'sha256-");
  must_hold(text, "<li><a href=\"#calibration\">Calibration</a></li>");
  assert_null(strstr(text, "http:"));
  assert_null(strstr(text, "https:"));
  assert_null(strstr(text, " style=\""));
  assert_null(strstr(text, " onclick"));
  free(text);
}

static void same_page_same_bytes(void **state) {
  (void)state;
  bf_error err = {0};
  assert_int_equal(demo_page(in_scratch("a.html"), &err), BF_OK);
  assert_int_equal(demo_page(in_scratch("b.html"), &err), BF_OK);
  assert_true(same_file(in_scratch("a.html"), in_scratch("b.html")));
}

/* A library's host may have set a locale whose numbers have commas. */
static void locales_change_nothing(void **state) {
  (void)state;
  bf_error err = {0};
  char command[600];
  snprintf(command, sizeof command, "localedef -f UTF-8 -i de_DE '%s' 2>&1 >/dev/null", in_scratch("de_DE.UTF-8"));
  assert_int_equal(demo_page(in_scratch("a.html"), &err), BF_OK);
  setenv("LOCPATH", scratch_folder, 1);
  if (system(command) != 0 || setlocale(LC_NUMERIC, "de_DE.UTF-8") == NULL) {
    print_message("SKIPPED: no German locale can be made\n");
    skip();
  }
  bf_status status = demo_page(in_scratch("b.html"), &err);
  setlocale(LC_NUMERIC, "C");
  assert_int_equal(status, BF_OK);
  assert_true(same_file(in_scratch("a.html"), in_scratch("b.html")));
}

static void sections_have_names_of_their_own(void **state) {
  (void)state;
  bf_page *page = new_page();
  bf_page_add_section(page, "a b<c", "One");
  bf_page_add_section(page, "a-b-c", "Two");
  bf_page_add_section(page, NULL, NULL);
  bf_page_add_section(page, "figure_1", "Four");
  bf_page_add_table(page, &(bf_page_table){.caption = "Empty"});
  char *text = text_of(page);
  must_hold(text, "<section id=\"a-b-c\"");
  must_hold(text, "<section id=\"a-b-c-2\"");
  must_hold(text, "<section id=\"section\"");
  must_hold(text, "<section id=\"figure-1\"");
  free(text);
}

static void folds_and_columns_end_with_their_section(void **state) {
  (void)state;
  bf_page *page = new_page();
  bf_page_add_section(page, "one", "One");
  bf_page_begin_fold(page, "Fold");
  bf_page_begin_columns(page);
  bf_page_add_section(page, "two", "Two");
  bf_page_begin_columns(page);
  bf_page_begin_fold(page, "Fold");
  bf_page_begin_fold(page, "Another");
  bf_page_end_fold(page);
  bf_page_end_fold(page);
  bf_page_begin_columns(page);
  free(text_of(page));
}

/* ---- texts ---- */

static const char hostile[] =
    "\"><script>alert(1)</script>'&amp;<!--\x01\x7F\xFF\xC0\xAF\xE2\x80\xA8\xE2\x80\xAE\xC2\x85 end";
static const char tamed[] =
    "&quot;&gt;&lt;script&gt;alert(1)&lt;/script&gt;&#39;&amp;amp;&lt;!--"
    "\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD \xEF\xBF\xBD\xEF\xBF\xBD end";

static void add_hostile_words(bf_page *page) {
  const char *const items[] = {hostile, NULL};
  const bf_page_fact fact = {hostile, hostile};
  const bf_page_figure figure = {hostile, bf_page_plain(1), {0}, 0, 1, NAN, hostile};
  bf_page_add_figures(page, &figure, 1);
  bf_page_add_section(page, hostile, hostile);
  bf_page_add_heading(page, hostile);
  bf_page_add_lead(page, "%s", hostile);
  bf_page_add_text(page, "%s", hostile);
  bf_page_add_note(page, (bf_page_mood)77, "%s", hostile);
  bf_page_add_list(page, items, 2);
  bf_page_add_lines(page, hostile, hostile);
  bf_page_add_facts(page, &fact, 1);
  bf_page_begin_fold(page, hostile);
}

static void add_hostile_tables(bf_page *page) {
  const bf_page_column columns[] = {{hostile, hostile, true, {0}}, {NULL, NULL, false, {-5, true}}};
  const bf_page_cell cells[] = {bf_page_cell_words(hostile), bf_page_cell_words(hostile)};
  const bf_page_table table = {hostile, columns, 2, cells, 1, NULL};
  bf_page_add_table(page, &table);
  const bf_page_forest_row row = {hostile, bf_page_plain(0.3), true};
  bf_page_forest forest = {.title = hostile,
                           .caption = hostile,
                           .label_title = hostile,
                           .axis = {.title = hostile, .unit = hostile},
                           .reference = 0.3,
                           .reference_name = hostile,
                           .rows = &row,
                           .row_count = 1};
  bf_page_add_forest(page, &forest);
  forest.left = forest.right = hostile;
  bf_page_add_forest(page, &forest);
  const bf_page_bar bar = {hostile, -4};
  const bf_page_bars bars = {hostile, hostile, hostile, hostile, &bar, 1};
  bf_page_add_bars(page, &bars);
}

static void add_hostile_drawings(bf_page *page) {
  static png_bytes grey;
  static const double ones[] = {1, 1};
  static const int64_t counts[] = {1, 2};
  const bf_page_series series = {hostile, BF_PAGE_LINE, ones, ones, ones, ones, 2};
  const bf_page_mark mark = {hostile, 1, 1};
  const bf_page_reference line = {hostile, 1, -INFINITY, 1, INFINITY};
  bf_page_chart chart = {.title = hostile,
                         .caption = hostile,
                         .interval_name = hostile,
                         .shape = (bf_page_shape)9,
                         .x = {.title = hostile, .unit = hostile},
                         .series = &series,
                         .series_count = 1,
                         .marks = &mark,
                         .mark_count = 1,
                         .references = &line,
                         .reference_count = 1};
  bf_page_add_chart(page, &chart);
  chart.description = hostile;
  bf_page_add_chart(page, &chart);
  const bf_page_operating_point point = {hostile, 1};
  const bf_page_explorer explorer = {.title = hostile,
                                     .caption = hostile,
                                     .positive = hostile,
                                     .negative = hostile,
                                     .threshold = ones,
                                     .true_positive = counts,
                                     .false_positive = counts,
                                     .count = 2,
                                     .positives = 2,
                                     .negatives = 2,
                                     .points = &point,
                                     .point_count = 1};
  bf_page_add_explorer(page, &explorer);
  demo_grey(&grey, 8, 1);
  const bf_page_picture picture = {.png = grey.data,
                                   .png_size = grey.size,
                                   .columns = 8,
                                   .rows = 8,
                                   .alt = hostile,
                                   .title = hostile,
                                   .caption = hostile,
                                   .tag = hostile,
                                   .mood = (bf_page_mood)-3};
  const bf_page_gallery gallery = {hostile, hostile, hostile, hostile, &picture, 1};
  bf_page_add_gallery(page, &gallery);
}

static void hostile_texts_stay_texts(void **state) {
  (void)state;
  bf_page *page;
  bf_error err = {0};
  const bf_page_head head = {hostile, hostile, hostile, hostile};
  assert_int_equal(bf_page_create(&page, &head, &err), BF_OK);
  add_hostile_words(page);
  add_hostile_tables(page);
  add_hostile_drawings(page);
  char *text = text_of(page);
  assert_null(strstr(text, "<script>alert"));
  assert_int_equal(occurrences(text, "<script"), 2);
  assert_int_equal(occurrences(text, "</script>"), 2);
  assert_true(occurrences(text, tamed) > 40);
  for (const char *c = text; *c; c++) assert_true((unsigned char)*c >= 0x20 || *c == '\n');
  assert_null(strstr(text, "\xE2\x80\xA8"));
  assert_null(strstr(text, "\xE2\x80\xAE"));
  free(text);
}

/* ---- numbers ---- */

static void numbers_are_written_for_people(void **state) {
  (void)state;
  char text[BF_PAGE_NUMBER_MAX];
  assert_string_equal(bf_page_number(text, -0.0614, (bf_page_format){3, false}),
                      "\xE2\x88\x92"
                      "0.061");
  assert_string_equal(bf_page_number(text, -0.0001, (bf_page_format){2, false}), "0.00");
  assert_string_equal(bf_page_number(text, 0.9132, (bf_page_format){1, true}), "91.3\xC2\xA0%");
  assert_string_equal(bf_page_number(text, NAN, (bf_page_format){1, true}), "not defined");
  assert_string_equal(bf_page_number(text, INFINITY, (bf_page_format){1, false}), "not defined");
  assert_string_equal(bf_page_number(text, 1e200, (bf_page_format){9, false}), "1e200");
  assert_string_equal(bf_count(text, 1234567), "1,234,567");
  assert_string_equal(bf_count(text, 999), "999");
  assert_string_equal(bf_count(text, -1000),
                      "\xE2\x88\x92"
                      "1,000");
  assert_string_equal(bf_number_short(text, 0.125, 4), "0.125");
  assert_string_equal(bf_number_short(text, 123456, 4), "123456");
  assert_string_equal(bf_number_short(text, -1.5e-9, 4),
                      "\xE2\x88\x92"
                      "1.5e-9");
  assert_string_equal(bf_number_short(text, 0, 4), "0");
}

static void intervals_and_counts_follow_values(void **state) {
  (void)state;
  bf_page *page = new_page();
  const bf_page_column columns[] = {{"Group", NULL, true, {0}}, {"Value", "mm", false, {1, true}}};
  const bf_page_cell cells[] = {bf_page_cell_words("a"), bf_page_cell_value(bf_page_interval(0.5, 0.25, 0.75, 1200)),
                                bf_page_cell_words("b"),
                                bf_page_cell_value(bf_page_interval(-0.5, -0.75, INFINITY, 0))};
  static const bool small_group[] = {false, true};
  const bf_page_table table = {"Table", columns, 2, cells, 2, small_group};
  bf_page_add_table(page, &table);
  char *text = text_of(page);
  must_hold(text, "<th scope=\"col\" class=\"number\">Value (mm)</th>");
  must_hold(text,
            "<td class=\"number\"><span class=\"value\">50.0\xC2\xA0%</span> <span class=\"interval\">(25.0\xE2\x80\x93"
            "75.0\xC2\xA0%)</span> <span class=\"n\">n\xC2\xA0=\xC2\xA0"
            "1,200</span></td>");
  must_hold(text, "<th scope=\"row\">b <span class=\"flag\">small group</span></th>");
  must_hold(text,
            "<td class=\"number\"><span class=\"value\">\xE2\x88\x92"
            "50.0\xC2\xA0%</span> <span class=\"n\">");
  free(text);
}

static void short_names_stay_on_one_line(void **state) {
  (void)state;
  bf_page *page = new_page();
  const bf_page_column columns[] = {{"Group", NULL, true, {0}}};
  const bf_page_cell cells[] = {bf_page_cell_words("30-39"),
                                bf_page_cell_words("from 20\xE2\x80\x93"
                                                   "30 mm\tof A-<b>  x"),
                                bf_page_cell_words("a-maker-with-a-long-name no dash"), bf_page_cell_words("")};
  const bf_page_table table = {"Table", columns, 1, cells, 4, NULL};
  bf_page_add_table(page, &table);
  char *text = text_of(page);
  must_hold(text, "<th scope=\"row\"><span class=\"whole\">30-39</span></th>");
  must_hold(text,
            "<th scope=\"row\">from <span class=\"whole\">20\xE2\x80\x93"
            "30</span> mm\tof <span class=\"whole\">A-&lt;b&gt;</span>  x</th>");
  must_hold(text, "<th scope=\"row\">a-maker-with-a-long-name no dash</th>");
  free(text);
}

/* A title that scrolls with its table is cut on a telephone. */
static void titles_of_tables_stand_outside(void **state) {
  (void)state;
  bf_page *page = new_page();
  const bf_page_column columns[] = {{"Group", NULL, true, {0}}};
  const bf_page_cell cells[] = {bf_page_cell_words("a")};
  const bf_page_table table = {"A <title>", columns, 1, cells, 1, NULL};
  bf_page_add_table(page, &table);
  char *text = text_of(page);
  must_hold(text,
            "<figcaption><p class=\"title\" id=\"figure_1_title\">A &lt;title&gt;</p></figcaption>\n"
            "<div class=\"scroll\" role=\"region\" tabindex=\"0\" aria-labelledby=\"figure_1_title\">"
            "<table class=\"data\" aria-labelledby=\"figure_1_title\">");
  free(text);
}

/* ---- axes ---- */

static void expect_ticks(bf_page_axis axis, double low, double high, int count, const double *wanted) {
  bf_scale s = bf_scale_make(&axis, low, high, 5);
  if (s.tick_count != count) fail_msg("%g .. %g: %d ticks, not %d", low, high, s.tick_count, count);
  for (int i = 0; i < count; i++) assert_true(fabs(s.ticks[i] - wanted[i]) <= 1e-9 * fabs(wanted[i]) + 1e-12);
  double slack = 1e-9 * (s.high - s.low);
  assert_true(s.low <= s.ticks[0] + slack && s.high >= s.ticks[count - 1] - slack);
}

static void ticks_are_round(void **state) {
  (void)state;
  const bf_page_axis free_axis = {.low = NAN, .high = NAN}, unit = {.low = 0, .high = 1};
  const bf_page_axis log_axis = {.low = NAN, .high = NAN, .logarithm = true};
  const bf_page_axis doublings = {.low = 0.125, .high = 8, .logarithm = true};
  expect_ticks(unit, NAN, NAN, 6, (const double[]){0, 0.2, 0.4, 0.6, 0.8, 1});
  expect_ticks(free_axis, 3, 97, 6, (const double[]){0, 20, 40, 60, 80, 100});
  expect_ticks(free_axis, -0.012, 0.031, 7, (const double[]){-0.02, -0.01, 0, 0.01, 0.02, 0.03, 0.04});
  expect_ticks(log_axis, 0.003, 900, 6, (const double[]){0.01, 0.1, 1, 10, 100, 1000});
  expect_ticks(log_axis, 1, 5, 3, (const double[]){1, 2, 5});
  expect_ticks(doublings, NAN, NAN, 7, (const double[]){0.125, 0.25, 0.5, 1, 2, 4, 8});
}

static void scales_always_have_an_extent(void **state) {
  (void)state;
  static const double ends[] = {NAN, -INFINITY, -1e299, -1, -1e-320, 0, 1e-320, 1, 1 + 1e-15, 5, 1e299, INFINITY};
  enum { n = sizeof ends / sizeof ends[0] };
  for (int k = 0; k < 2 * n * n * n; k++) {
    double low = ends[k % n], high = ends[k / n % n], given = ends[k / n / n % n];
    bool logarithm = k >= n * n * n;
    if (bf_defined(low) && bf_defined(high) && low > high) continue;
    for (int side = 0; side < 2; side++) {
      bf_page_axis axis = {.low = side ? given : NAN, .high = side ? NAN : given, .logarithm = logarithm};
      double from = NAN, to = NAN;
      bf_axis_widen(&axis, &from, &to, low);
      bf_axis_widen(&axis, &from, &to, high);
      bf_scale s = bf_scale_make(&axis, from, to, 5);
      if (!(s.low < s.high && s.tick_count >= 1 && bf_defined(s.low) && bf_defined(s.high) &&
            (!logarithm || s.low > 0)))
        fail_msg("data %g .. %g, given %g, logarithm %d, side %d: %g .. %g, %d ticks", low, high, given, logarithm,
                 side, s.low, s.high, s.tick_count);
      double at = bf_scale_at(&s, s.high);
      if (!(fabs(at - 1) < 1e-9)) fail_msg("%g .. %g: the high end is at %g", s.low, s.high, at);
    }
  }
}

/* ---- charts ---- */

static double distance_to(bf_spot p, const bf_spot *line, size_t count) {
  double best = INFINITY;
  for (size_t i = 1; i < count; i++) {
    double dx = line[i].x - line[i - 1].x, dy = line[i].y - line[i - 1].y, length = dx * dx + dy * dy;
    double t = length > 0 ? ((p.x - line[i - 1].x) * dx + (p.y - line[i - 1].y) * dy) / length : 0;
    t = fmax(0, fmin(1, t));
    best = fmin(best, hypot(p.x - line[i - 1].x - t * dx, p.y - line[i - 1].y - t * dy));
  }
  return best;
}

static void thinning_keeps_every_spot_near(void **state) {
  (void)state;
  enum { n = 6007 };
  static bf_spot all[n], kept[n];
  for (int shape = 0; shape < 3; shape++) {
    bf_rng rng = bf_rng_make(5, (uint64_t)shape, 0);
    for (int i = 0; i < n; i++) {
      double t = (double)i / n;
      all[i] = shape == 0   ? (bf_spot){200 * cos(7 * t), 200 * sin(5 * t)}
               : shape == 1 ? (bf_spot){400 * t, i == 0 ? 0 : all[i - 1].y + bf_rng_range(&rng, -1, 1)}
                            : (bf_spot){400 * floor(40 * t) / 40, 300 * floor(30 * t) / 30};
      kept[i] = all[i];
    }
    size_t count = bf_thin(kept, n, 0.12);
    assert_memory_equal(&kept[0], &all[0], sizeof all[0]);
    assert_memory_equal(&kept[count - 1], &all[n - 1], sizeof all[0]);
    if (shape != 1) assert_true(count < 400);
    for (int i = 0; i < n; i++) assert_true(distance_to(all[i], kept, count) <= 0.12);
  }
}

/* Spots of a path's data. */
static size_t read_path(bf_spot *spots, size_t room, const char *d) {
  size_t count = 0;
  while (*d != '"') {
    char command = *d++, *end;
    bf_spot s = count > 0 ? spots[count - 1] : (bf_spot){0, 0};
    assert_non_null(strchr("MLHV", command));
    if (command != 'V') s.x = strtod(d, &end), d = end;
    if (command != 'H') s.y = strtod(d, &end), d = end;
    assert_true(count < room);
    spots[count++] = s;
  }
  return count;
}

static double attribute(const char *element, const char *name) {
  const char *at = strstr(element, name);
  assert_non_null(at);
  return strtod(at + strlen(name) + 2, NULL);
}

static void long_curves_are_drawn_true(void **state) {
  (void)state;
  enum { n = 100000, room = 4000 };
  double *x = malloc(n * sizeof *x), *y = malloc(n * sizeof *y);
  for (int i = 0; i < n; i++) x[i] = (double)i / (n - 1), y[i] = pow(x[i], 0.2) * (0.9 + 0.1 * cos(20 * x[i]));
  const bf_page_series series = {"curve", BF_PAGE_LINE, x, y, NULL, NULL, n};
  const bf_page_chart chart = {
      .title = "Long", .x = {.low = 0, .high = 1}, .y = {.low = 0, .high = 1}, .series = &series, .series_count = 1};
  bf_page *page = new_page();
  bf_page_add_chart(page, &chart);
  char *text = text_of(page);
  static bf_spot line[room];
  size_t count = read_path(line, room, strstr(text, "<path class=\"line\" d=\"") + 22);
  const char *clip = strstr(text, "<clipPath");
  double left = attribute(clip, " x") + 1.2, top = attribute(clip, " y") + 1.2;
  double width = attribute(clip, " width") - 2.4, height = attribute(clip, " height") - 2.4;
  assert_true(count < 1000);
  for (int i = 0; i < n; i += 13)
    assert_true(distance_to((bf_spot){left + width * x[i], top + height * (1 - y[i])}, line, count) < 0.2);
  must_hold(text, "<p class=\"text\">50 of 100,000 points, evenly chosen.</p>");
  assert_int_equal(occurrences(text, "<tr><th scope=\"row\">curve</th>"), 50);
  free(text);
  free(x);
  free(y);
}

static void tables_of_charts_hold_the_numbers(void **state) {
  (void)state;
  static const double x[] = {0.125, 2, 30}, y[] = {0.5, NAN, -1}, low[] = {0.25, 0, -2}, high[] = {0.75, 1, INFINITY};
  const bf_page_series series = {"a", BF_PAGE_POINTS, x, y, low, high, 3};
  const bf_page_mark mark = {"here", 2, 0.0625};
  const bf_page_chart chart = {.title = "Chart",
                               .x = {"Size", "mm", NAN, NAN, false, false},
                               .y = {"Share", NULL, NAN, NAN, false, true},
                               .series = &series,
                               .series_count = 1,
                               .marks = &mark,
                               .mark_count = 1};
  bf_page *page = new_page();
  bf_page_add_chart(page, &chart);
  char *text = text_of(page);
  must_hold(text, "<th scope=\"col\" class=\"number\">Size (mm)</th><th scope=\"col\" class=\"number\">Share (%)</th>");
  must_hold(text,
            "<tr><th scope=\"row\">a</th><td class=\"number\">0.125</td><td class=\"number\">50</td>"
            "<td class=\"number\">25</td><td class=\"number\">75</td></tr>");
  must_hold(text, "<td class=\"number\">2</td><td class=\"number\">not defined</td>");
  must_hold(text, "<tr><th scope=\"row\">here</th><td class=\"number\">2</td><td class=\"number\">6.25</td>");
  free(text);
}

/* The first place to the right and below would lie on the falling line. */
static void names_keep_away_from_lines(void **state) {
  (void)state;
  static const double rising[] = {0, 1}, falling[] = {1, 0};
  const bf_page_series series = {"line", BF_PAGE_LINE, rising, falling, NULL, NULL, 2};
  const bf_page_mark marks[] = {{"middle", 0.5, 0.5}, {"middle", 0.5, 0.5}, {"outside", 3, 0.5}, {"nowhere", NAN, 0.5}};
  const bf_page_reference lines[] = {{"none", NAN, 0, 1, 1}, {"all", 0, INFINITY, INFINITY, INFINITY}};
  const bf_page_chart chart = {.title = "t",
                               .x = {.low = 0, .high = 1},
                               .y = {.low = 0, .high = 1},
                               .series = &series,
                               .series_count = 1,
                               .marks = marks,
                               .mark_count = 4,
                               .references = lines,
                               .reference_count = 2};
  bf_page *page = new_page();
  bf_page_add_chart(page, &chart);
  char *text = text_of(page);
  const char *first = strstr(text, "<text class=\"name mark-name"),
             *second = strstr(first + 1, "<text class=\"name mark-name");
  double x = attribute(strstr(text, "<circle class=\"mark\""), " cx"),
         y = attribute(strstr(text, "<circle class=\"mark\""), " cy");
  assert_true((attribute(first, " x") < x) == (attribute(first, " y") > y));
  assert_true(fabs(attribute(first, " y") - attribute(second, " y")) > 10 ||
              attribute(first, " x") != attribute(second, " x"));
  assert_int_equal(occurrences(text, "<circle class=\"mark\""), 2);
  assert_int_equal(occurrences(text, "<path class=\"reference\""), 1);
  free(text);
}

/* Whatever the numbers: html_is_sound refuses coordinates that are none. */
static void no_numbers_break_a_chart(void **state) {
  (void)state;
  static const double odd[] = {NAN, INFINITY, -INFINITY, 0, 1, 1, 1e308, -1e308, 1e-310, -0.0, 5e-324, 1e299};
  enum { n = sizeof odd / sizeof odd[0] };
  bf_page *page = new_page();
  for (int k = 0; k < n * n * 2; k++) {
    double x[3] = {odd[k % n], 1, 2}, y[3] = {odd[k / n % n], odd[k % n], 3};
    const bf_page_series series[] = {{"l", k % 3 == 0 ? BF_PAGE_STEPS : BF_PAGE_LINE, x, y, y, x, k % 4},
                                     {"p", BF_PAGE_POINTS, y, x, x, y, k % 4}};
    const bf_page_mark mark = {"m", y[0], x[0]};
    const bf_page_reference line = {"r", x[0], y[0], y[1], x[1]};
    const bf_page_axis axis = {.title = "a", .low = NAN, .high = k % 5 == 0 ? y[0] : NAN, .logarithm = k >= n * n};
    const bf_page_chart chart = {.title = "t",
                                 .x = axis,
                                 .y = axis,
                                 .series = series,
                                 .series_count = k % 3,
                                 .marks = &mark,
                                 .mark_count = k % 2,
                                 .references = &line,
                                 .reference_count = 1};
    bf_page_add_chart(page, &chart);
    const bf_page_forest_row row = {"r", bf_page_interval(y[0], x[0], y[1], 1), false};
    const bf_page_forest forest = {.axis = axis, .reference = x[0], .rows = &row, .row_count = k % 2};
    bf_page_add_forest(page, &forest);
    const bf_page_figure figure = {"f", row.value, {2, false}, x[0], y[0], y[1], NULL};
    bf_page_add_figures(page, &figure, 1);
    if (k % 24 != 23) continue;
    free(text_of(page));
    page = new_page();
  }
  bf_page_destroy(page);
}

/* ---- threshold explorer ---- */

static json_t *explorer_data(const char *text) {
  static const char start[] = "<script type=\"application/json\">";
  const char *at = strstr(text, start);
  assert_non_null(at);
  at += strlen(start);
  json_t *root = json_loadb(at, (size_t)(strstr(at, "</script>") - at), 0, NULL);
  assert_non_null(root);
  return root;
}

static double item(const json_t *stops, size_t i, size_t k) {
  return json_number_value(json_array_get(json_array_get(stops, i), k));
}

/* Tenths of a percent, as they are written. */
static void expect_ends(const json_t *stop, const bf_page_stop_intervals *i) {
  for (size_t k = 0; k < BF_PAGE_MEASURES; k++)
    for (size_t end = 0; end < 2; end++) {
      const json_t *given = json_array_get(stop, 3 + 2 * k + end);
      char text[BF_PAGE_NUMBER_MAX], wanted[BF_PAGE_NUMBER_MAX];
      if (isnan(i->low[k])) {
        assert_true(json_is_null(given));
        continue;
      }
      assert_true(json_is_integer(given));
      bf_page_number(text, 0.001 * json_number_value(given), (bf_page_format){1, true});
      assert_string_equal(text, bf_page_number(wanted, end == 0 ? i->low[k] : i->high[k], (bf_page_format){1, true}));
    }
}

static void explorer_is_exact(void **state) {
  (void)state;
  enum { n = 20000 };
  double *threshold = malloc(n * sizeof *threshold);
  int64_t *tp = malloc(n * sizeof *tp), *fp = malloc(n * sizeof *fp);
  for (int i = 0; i < n; i++) threshold[i] = 1 - (i + 1) / 32768.0, tp[i] = (i + 1) / 2, fp[i] = (i + 2) / 2;
  const bf_page_operating_point points[] = {{"</script>", 0.500001}, {"low", 0.0001}, {"above all", 2}};
  bf_page_explorer e = {.title = "t",
                        .positive = "malignant",
                        .negative = "benign",
                        .threshold = threshold,
                        .true_positive = tp,
                        .false_positive = fp,
                        .count = n,
                        .positives = n / 2,
                        .negatives = n / 2 + 1,
                        .points = points,
                        .point_count = 3,
                        .chosen = 0,
                        .start = 0.7};
  static bf_page_stop found[BF_PAGE_STOPS_MAX];
  static bf_page_stop_intervals intervals[BF_PAGE_STOPS_MAX];
  int found_count = 0;
  bf_error err = {0};
  assert_int_equal(bf_page_explorer_stops(found, &found_count, &e, &err), BF_OK);
  for (int i = 0; i < found_count; i++)
    for (int k = 0; k < BF_PAGE_MEASURES; k++) {
      intervals[i].low[k] = i % 7 == 0 ? NAN : 0.0625 * k + 1e-5 * i;
      intervals[i].high[k] = 1 - 1e-5 * i;
    }
  e.intervals = intervals;
  bf_page *page = new_page();
  bf_page_add_explorer(page, &e);
  char *text = text_of(page);
  json_t *root = explorer_data(text), *stops = json_object_get(root, "stops"), *named = json_object_get(root, "points");
  size_t count = json_array_size(stops), matched = 0;
  assert_true(count <= 1000 && count > 990 && count == (size_t)found_count);
  for (size_t i = 0; i < count; i++) {
    assert_true(item(stops, i, 0) == found[i].threshold);
    expect_ends(json_array_get(stops, i), &intervals[i]);
    double t = item(stops, i, 0);
    if (i > 0) assert_true(t > item(stops, i - 1, 0));
    int64_t called = 0;
    while (called < n && threshold[called] >= t) called++;
    assert_int_equal(item(stops, i, 1), called > 0 ? tp[called - 1] : 0);
    assert_int_equal(item(stops, i, 2), called > 0 ? fp[called - 1] : 0);
  }
  for (size_t k = 0; k < 3; k++) {
    const json_t *point = json_array_get(named, k);
    assert_string_equal(json_string_value(json_object_get(point, "name")), points[k].name);
    matched += item(stops, (size_t)json_integer_value(json_object_get(point, "stop")), 0) == points[k].threshold;
  }
  assert_int_equal(matched, 3);
  json_decref(root);
  free(text);
  free(threshold);
  free(tp);
  free(fp);
}

static const double few_thresholds[] = {INFINITY, 0.9, 0.4, 0.1};
static const int64_t few_found[] = {0, 2, 8, 10}, few_alarms[] = {0, 0, 1, 4};
static const bf_page_explorer few = {.title = "t",
                                     .positive = "malignant",
                                     .negative = "benign",
                                     .threshold = few_thresholds,
                                     .true_positive = few_found,
                                     .false_positive = few_alarms,
                                     .count = 4,
                                     .positives = 10,
                                     .negatives = 4,
                                     .chosen = -1,
                                     .start = 0.4};

static char *explorer_text(const bf_page_explorer *e) {
  bf_page *page = new_page();
  bf_page_add_explorer(page, e);
  return text_of(page);
}

static void explorer_shows_the_intervals_given(void **state) {
  (void)state;
  bf_page_stop stops[BF_PAGE_STOPS_MAX];
  bf_page_stop_intervals intervals[BF_PAGE_STOPS_MAX] = {{{0}, {0}}};
  int count = 0;
  bf_error err = {0};
  bf_page_explorer e = few;
  char *text = explorer_text(&e);
  must_hold(text, "Threshold 0.4: 8 of 10 malignant found, 1 of 4 benign called malignant.");
  must_hold(text, "<span class=\"value\">80.0\xC2\xA0%</span></td>");
  must_hold(text, "data-cell=\"fn\">2</td>");
  must_hold(text, "data-cell=\"tn\">3</td>");
  must_hold(text, "max=\"2\"");
  assert_null(strstr(text, "class=\"interval"));
  free(text);
  assert_int_equal(bf_page_explorer_stops(stops, &count, &e, &err), BF_OK);
  assert_int_equal(count, 3);
  assert_true(stops[1].threshold == 0.4 && stops[1].true_positive == 8 && stops[1].false_positive == 1);
  intervals[1] = (bf_page_stop_intervals){{0.123, NAN, 0.5, 0.25}, {0.987, NAN, NAN, 1}};
  e.intervals = intervals;
  e.interval_words = "Of <nobody>.";
  text = explorer_text(&e);
  must_hold(text,
            "<span class=\"value\">80.0\xC2\xA0%</span> <span class=\"interval\">(12.3\xE2\x80\x93"
            "98.7\xC2\xA0%)</span></td>");
  must_hold(text, "<span class=\"value\">75.0\xC2\xA0%</span></td>");
  must_hold(text, ",[0.4,8,1,123,987,null,null,null,null,250,1000],");
  must_hold(text, "Of &lt;nobody&gt;.");
  free(text);
}

/* Not where the shares on these very cases are best, 0.4. */
static void explorer_opens_where_it_is_told(void **state) {
  (void)state;
  static const struct {
    double start;
    const char *words;
  } starts[] = {{0.5, "Threshold 0.5: 2 of 10 malignant found, 0 of 4"},
                {0.95, "Threshold 0.95: 0 of 10 malignant found, 0 of 4"},
                {0.05, "Threshold 0.05: 10 of 10 malignant found, 4 of 4"}};
  for (int i = 0; i < 3; i++) {
    bf_page_explorer e = few;
    e.start = starts[i].start;
    char *text = explorer_text(&e);
    must_hold(text, starts[i].words);
    free(text);
  }
}

/* No score lies between 0.45, 0.5 and 0.89; two other points lie above all scores. */
static void points_of_one_place_keep_their_names(void **state) {
  (void)state;
  const bf_page_operating_point points[] = {{"first", 0.5}, {"second", 0.45}, {"third", 0.89}, {"x", 2}, {"y", 3}};
  static const char *const words[] = {"Threshold 0.5 (first): 2",  "Threshold 0.45 (second): 2",
                                      "Threshold 0.89 (third): 2", "Threshold 2 (x): 0",
                                      "Threshold 3 (y): 0",        "Threshold 0.5 (first): 2"};
  bf_page_explorer e = few;
  e.points = points;
  e.point_count = 5;
  e.start = 0.7;
  for (int i = 0; i < 6; i++) {
    e.chosen = i;
    char *text = explorer_text(&e);
    must_hold(text, words[i]);
    json_t *root = explorer_data(text);
    assert_int_equal(json_integer_value(json_object_get(root, "named")), i % 5);
    for (int k = 0; k < 5; k++) {
      json_t *point = json_array_get(json_object_get(root, "points"), (size_t)k);
      assert_true(json_number_value(json_object_get(point, "threshold")) == points[k].threshold);
      assert_string_equal(json_string_value(json_object_get(point, "name")), points[k].name);
    }
    json_decref(root);
    free(text);
  }
}

static void stops_can_be_fewer(void **state) {
  (void)state;
  enum { n = 3000 };
  static double threshold[n];
  static int64_t tp[n], fp[n];
  static bf_page_stop stops[BF_PAGE_STOPS_MAX];
  static const int most[] = {-1, 0, 1, 24, 100, 1000, 5000}, wanted[] = {998, 998, 22, 22, 98, 998, 998};
  for (int i = 0; i < n; i++) threshold[i] = 1 - i / 4096.0, tp[i] = i + 1, fp[i] = 0;
  bf_page_explorer e = {.threshold = threshold,
                        .true_positive = tp,
                        .false_positive = fp,
                        .count = n,
                        .positives = n,
                        .negatives = 1,
                        .chosen = -1,
                        .start = 0.5};
  for (int i = 0; i < 7; i++) {
    int count = 0;
    bf_error err = {0};
    e.stops_most = most[i];
    assert_int_equal(bf_page_explorer_stops(stops, &count, &e, &err), BF_OK);
    if (abs(count - wanted[i]) > 1) fail_msg("at most %d: %d stops, not %d", most[i], count, wanted[i]);
    assert_int_equal(stops[0].true_positive, n);
    assert_int_equal(stops[count - 1].true_positive, 1);
  }
}

static void unfit_explorers_are_refused(void **state) {
  (void)state;
  static bf_page_stop stops[BF_PAGE_STOPS_MAX];
  int count = 7;
  bf_error err = {0};
  bf_page_explorer e = few;
  e.true_positive = NULL;
  assert_int_equal(bf_page_explorer_stops(stops, &count, &e, &err), BF_E_ARGUMENT);
  assert_int_equal(count, 0);
  must_hold(err.message, "true positives has the length 4 and no items");
  e = few;
  e.negatives = -1;
  assert_int_equal(bf_page_explorer_stops(stops, &count, &e, &err), BF_E_ARGUMENT);
  must_hold(err.message, "-1 negatives");
  const bf_page_explorer empty = {.title = "t"};
  assert_int_equal(bf_page_explorer_stops(stops, &count, &empty, &err), BF_OK);
  assert_int_equal(count, 0);
}

static void explorer_of_one_class_says_so(void **state) {
  (void)state;
  static const double threshold[] = {0.9};
  static const int64_t one[] = {1}, none[] = {0};
  const bf_page_explorer e = {
      .title = "t", .threshold = threshold, .true_positive = one, .false_positive = none, .count = 1, .positives = 1};
  const bf_page_explorer empty = {.title = "t"};
  bf_page *page = new_page();
  bf_page_add_explorer(page, &e);
  bf_page_add_explorer(page, &empty);
  char *text = text_of(page);
  must_hold(text, "<span class=\"value none\">not defined</span>");
  assert_int_equal(occurrences(text, "<figure class=\"explorer\""), 1);
  free(text);
}

/* ---- pictures ---- */

static void pictures_stand_as_given(void **state) {
  (void)state;
  static const unsigned char png[] = {0x89, 'P', 'N', 'G', '\r', '\n', 0x1A, '\n', 0xFF, 0xFE};
  const bf_page_box truth = {10, 20, 30.25, 60, NAN}, found = {0, 1, 2, 3, 0.875};
  for (size_t size = 8; size <= 10; size++) {
    static const char *const wanted[] = {"base64,iVBORw0KGgo=\"", "base64,iVBORw0KGgr/\"", "base64,iVBORw0KGgr//g==\""};
    const bf_page_picture picture = {.png = png,
                                     .png_size = size,
                                     .columns = 400,
                                     .rows = 300,
                                     .alt = "a",
                                     .truths = &truth,
                                     .truth_count = 1,
                                     .found = &found,
                                     .found_count = 1};
    const bf_page_gallery gallery = {.pictures = &picture, .picture_count = 1};
    bf_page *page = new_page();
    bf_page_add_gallery(page, &gallery);
    char *text = text_of(page);
    must_hold(text, wanted[size - 8]);
    must_hold(text, "<rect class=\"truth\" x=\"10\" y=\"20\" width=\"20.3\" height=\"40\"/>");
    must_hold(text, "<text class=\"found\" x=\"0\" y=\"23\">0.88</text>");
    assert_null(strstr(text, "class=\"show-heat\""));
    free(text);
  }
}

/* ---- publishing ---- */

static void expect_refusal(bf_page *page, bf_status wanted, const char *words) {
  bf_error err = {0};
  write_text(in_scratch("old.html"), "old");
  assert_int_equal(bf_page_finish(page, in_scratch("old.html"), &err), wanted);
  must_hold(err.message, words);
  bf_page_destroy(page);
  char *text = read_text(in_scratch("old.html"));
  assert_string_equal(text, "old");
  free(text);
}

static void failures_publish_nothing(void **state) {
  (void)state;
  bf_page *page = new_page();
  bf_page_add_list(page, NULL, -1);
  bf_page_add_list(page, NULL, 3);
  expect_refusal(page, BF_E_ARGUMENT, "items has the length -1");
  page = new_page();
  bf_page_add_bars(page, &(bf_page_bars){.bar_count = 2});
  expect_refusal(page, BF_E_ARGUMENT, "bars has the length 2 and no items");
  page = new_page();
  const bf_page_picture picture = {.png = "no picture", .png_size = 10, .columns = 1, .rows = 1};
  bf_page_add_gallery(page, &(bf_page_gallery){.pictures = &picture, .picture_count = 1});
  expect_refusal(page, BF_E_ARGUMENT, "picture 1: not a PNG file");
  bf_error err = {0};
  page = new_page();
  assert_int_not_equal(bf_page_finish(page, in_scratch("no/such/folder.html"), &err), BF_OK);
  bf_page_destroy(page);
  bf_page_destroy(NULL);
}

static void a_page_is_finished_twice(void **state) {
  (void)state;
  bf_error err = {0};
  bf_page *page = new_page();
  bf_page_add_section(page, "one", "One");
  bf_page_begin_fold(page, "Fold");
  assert_int_equal(bf_page_finish(page, in_scratch("first.html"), &err), BF_OK);
  bf_page_add_text(page, "More.");
  char *text = text_of(page), *first = read_text(in_scratch("first.html"));
  html_is_sound(first);
  assert_null(strstr(first, "More."));
  must_hold(text, "More.");
  free(text);
  free(first);
}

static int set_up(void **state) {
  (void)state;
  scratch_make();
  return 0;
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(demo_is_sound),
      cmocka_unit_test(same_page_same_bytes),
      cmocka_unit_test(locales_change_nothing),
      cmocka_unit_test(sections_have_names_of_their_own),
      cmocka_unit_test(folds_and_columns_end_with_their_section),
      cmocka_unit_test(hostile_texts_stay_texts),
      cmocka_unit_test(numbers_are_written_for_people),
      cmocka_unit_test(intervals_and_counts_follow_values),
      cmocka_unit_test(short_names_stay_on_one_line),
      cmocka_unit_test(titles_of_tables_stand_outside),
      cmocka_unit_test(ticks_are_round),
      cmocka_unit_test(scales_always_have_an_extent),
      cmocka_unit_test(thinning_keeps_every_spot_near),
      cmocka_unit_test(long_curves_are_drawn_true),
      cmocka_unit_test(tables_of_charts_hold_the_numbers),
      cmocka_unit_test(names_keep_away_from_lines),
      cmocka_unit_test(no_numbers_break_a_chart),
      cmocka_unit_test(explorer_is_exact),
      cmocka_unit_test(explorer_shows_the_intervals_given),
      cmocka_unit_test(explorer_opens_where_it_is_told),
      cmocka_unit_test(points_of_one_place_keep_their_names),
      cmocka_unit_test(stops_can_be_fewer),
      cmocka_unit_test(unfit_explorers_are_refused),
      cmocka_unit_test(explorer_of_one_class_says_so),
      cmocka_unit_test(pictures_stand_as_given),
      cmocka_unit_test(failures_publish_nothing),
      cmocka_unit_test(a_page_is_finished_twice),
  };
  return cmocka_run_group_tests(tests, set_up, scratch_teardown);
}
