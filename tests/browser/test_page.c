/* Report pages in a browser: that nothing is blocked or complained of, at any width, light and dark; that keys work;
 * that the threshold explorer's scripts come to the numbers that metrics come to. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "page_demo.h"
#include "program.h"

#include "browser_support.h"

static browser b;

static void open_demo(void) {
  b.complaints = 0;
  browser_resize(&b, 1400);
  browser_dress(&b, "", "light");
  browser_open(&b, in_scratch("demo.html"));
}

static void page_is_sound_at_all_widths(void **state) {
  (void)state;
  static const int widths[] = {320, 400, 760, 1100, 1400, 1600};
  open_demo();
  for (int i = 0; i < 6; i++) browser_expect_sound(&b, widths[i]);
  browser_evaluate(&b, "document.querySelectorAll('details').forEach(d => { d.open = true; })");
  browser_expect_sound(&b, 400);
  browser_expect_sound(&b, 1400);
  assert_int_equal(b.complaints, 0);
}

/* Names of charts do not lie on each other or on what is drawn beside the frame. */
static const char overlaps[] =
    "(function () { let count = 0; for (const svg of document.querySelectorAll('svg.chart')) {"
    "  const boxes = Array.from(svg.querySelectorAll('text')).map(t => t.getBoundingClientRect());"
    "  for (let i = 0; i < boxes.length; i++) for (let k = 0; k < i; k++) { const a = boxes[i], c = boxes[k];"
    "    if (a.left < c.right - 1 && c.left < a.right - 1 && a.top < c.bottom - 2 && c.top < a.bottom - 2) count++; }"
    "} return count; })()";

static void names_in_charts_are_apart(void **state) {
  (void)state;
  static const int widths[] = {400, 1400};
  open_demo();
  for (int i = 0; i < 2; i++) {
    browser_resize(&b, widths[i]);
    assert_int_equal(browser_number(&b, overlaps), 0);
  }
}

/* What is too wide scrolls in its own box: its title stands still and whole, its first column stays. */
static void tables_fit_telephones(void **state) {
  (void)state;
  open_demo();
  browser_resize(&b, 400);
  assert_true(browser_is(&b,
                         "Array.from(document.querySelectorAll('table.forest, table.bars')).every("
                         "t => t.parentElement.scrollWidth <= t.parentElement.clientWidth)"));
  assert_true(browser_is(&b,
                         "(t => { const s = t.closest('.scroll'), head = t.tBodies[0].rows[0].cells[0];"
                         " const before = head.getBoundingClientRect().left; s.scrollLeft = 1000;"
                         " return s.scrollLeft > 50 && head.getBoundingClientRect().left === before"
                         "   && t.rows[0].cells[0].getBoundingClientRect().left === before"
                         "   && getComputedStyle(head).backgroundColor !== 'rgba(0, 0, 0, 0)'"
                         "   && head.getBoundingClientRect().width < 0.5 * s.clientWidth; })"
                         "(document.querySelector('#groups table.data'))"));
  assert_true(
      browser_is(&b,
                 "Array.from(document.querySelectorAll('table[aria-labelledby]')).every(t => {"
                 " const title = document.getElementById(t.getAttribute('aria-labelledby'));"
                 " const box = title.getBoundingClientRect();"
                 " return title.textContent !== '' && !title.closest('.scroll') && box.right <= innerWidth; })"));
  assert_true(
      browser_is(&b,
                 "Array.from(document.querySelectorAll('.whole')).some(e => e.textContent === '50-59') &&"
                 "Array.from(document.querySelectorAll('.whole')).every(e => e.getClientRects().length === 1)"));
}

/* ---- threshold explorer ---- */

static void expect_share(const char *key, int64_t k, int64_t n) {
  char expression[160], wanted[64];
  double low, high;
  demo_ends(&low, &high, k, n);
  snprintf(expression, sizeof expression, "document.querySelector('[data-measure=%s] .number').textContent", key);
  if (n == 0)
    snprintf(wanted, sizeof wanted, "not defined");
  else if (isnan(low))
    snprintf(wanted, sizeof wanted, "%.1f\xC2\xA0%%", 100.0 * (double)k / (double)n);
  else
    snprintf(wanted, sizeof wanted, "%.1f\xC2\xA0%% (%.1f\xE2\x80\x93%.1f\xC2\xA0%%)", 100.0 * (double)k / (double)n,
             100 * low, 100 * high);
  browser_expect_text(&b, expression, wanted);
  snprintf(expression, sizeof expression, "document.querySelectorAll('[data-measure=%s] line.whisker').length", key);
  assert_int_equal(browser_number(&b, expression), n > 0 && !isnan(low));
}

static double cell(const char *key) {
  char expression[120];
  snprintf(expression, sizeof expression,
           "Number(document.querySelector('[data-cell=%s]').textContent.replace(/,/g, ''))", key);
  return browser_number(&b, expression);
}

/* What the page shows, against the scores themselves. */
static void expect_stop(int place) {
  static demo_curve c;
  char expression[200];
  if (c.count == 0) demo_roc(&c, 1, 2.0);
  snprintf(expression, sizeof expression,
           "JSON.parse(document.querySelector('.explorer script').textContent).stops[%d][0]", place);
  double threshold = browser_number(&b, expression);
  int64_t i = 0;
  while (i < c.count && c.threshold[i] >= threshold) i++;
  int64_t tp = i > 0 ? c.true_positive[i - 1] : 0, fp = i > 0 ? c.false_positive[i - 1] : 0;
  assert_int_equal(cell("tp"), tp);
  assert_int_equal(cell("fp"), fp);
  assert_int_equal(cell("fn"), demo_positives - tp);
  assert_int_equal(cell("tn"), demo_negatives - fp);
  expect_share("sensitivity", tp, demo_positives);
  expect_share("specificity", demo_negatives - fp, demo_negatives);
  expect_share("positive", tp, tp + fp);
  expect_share("negative", demo_negatives - fp, demo_negatives - fp + demo_positives - tp);
  const char *off =
      "Math.hypot(document.querySelector('.moving').cx.baseVal.value - (%s[0] + %s[2] * %.9f),"
      " document.querySelector('.moving').cy.baseVal.value - (%s[1] + %s[3] * %.9f))";
  const char *frame = "document.querySelector('.explorer svg.chart').dataset.frame.split(' ').map(Number)";
  char moved[1024];
  snprintf(moved, sizeof moved, off, frame, frame, (double)fp / demo_negatives, frame, frame,
           (double)tp / demo_positives);
  assert_true(browser_number(&b, moved) < 0.1);
}

static void slider_moves_all_numbers(void **state) {
  (void)state;
  static const int places[] = {0, 1, 250, 477, 5000}; /* the slider ends before the last */
  char expression[200];
  open_demo();
  expect_stop((int)browser_number(&b, "Number(document.querySelector('.explorer input[type=range]').value)"));
  for (int i = 0; i < 5; i++) {
    snprintf(expression, sizeof expression,
             "(s => { s.value = %d; s.dispatchEvent(new Event('input')); return Number(s.value); })"
             "(document.querySelector('.explorer input[type=range]'))",
             places[i]);
    int place = (int)browser_number(&b, expression);
    assert_true(place == places[i] || i == 4);
    expect_stop(place);
  }
  assert_int_equal(b.complaints, 0);
}

static void slider_obeys_keys(void **state) {
  (void)state;
  static const char value[] = "Number(document.activeElement.value)";
  open_demo();
  browser_evaluate(&b, "document.querySelector('.explorer input[type=range]').focus()");
  double before = browser_number(&b, value);
  browser_press(&b, "ArrowRight", 39);
  assert_int_equal(browser_number(&b, value), before + 1);
  expect_stop((int)before + 1);
  browser_press(&b, "Home", 36);
  expect_stop(0);
  assert_true(browser_is(&b,
                         "/^Threshold .*, sensitivity 100.0\xC2\xA0%, specificity 0.\\d\xC2\xA0%$/"
                         ".test(document.activeElement.getAttribute('aria-valuetext'))"));
}

static const char pressed[] =
    "Array.from(document.querySelectorAll('[aria-pressed=true]')).map(b => b.textContent).join()";

/* The threshold that the summary says, and the point's name where one is named. */
static void expect_summary(const char *threshold, const char *name) {
  char wanted[80];
  snprintf(wanted, sizeof wanted, name[0] != '\0' ? "Threshold %s (%s)" : "Threshold %s", threshold, name);
  browser_expect_text(&b, "document.querySelector('output').textContent.split(':')[0]", wanted);
  browser_expect_text(&b, pressed, name);
}

static void buttons_go_to_their_points(void **state) {
  (void)state;
  open_demo();
  expect_summary("0.46", "balanced");
  browser_evaluate(&b, "document.querySelectorAll('.buttons button')[0].focus()");
  browser_press(&b, "Enter", 13);
  assert_true(browser_is(&b, "document.activeElement.getAttribute('aria-pressed') === 'true'"));
  expect_summary("0.281", "high sensitivity");
  expect_stop((int)browser_number(&b, "Number(document.querySelector('.explorer input[type=range]').value)"));
}

/* Two points that call the same cases are two buttons, each with its own threshold. */
static void equal_points_are_told_apart(void **state) {
  (void)state;
  open_demo();
  double place = browser_number(&b, "Number(document.querySelector('.explorer input[type=range]').value)");
  browser_evaluate(&b, "document.querySelectorAll('.buttons button')[3].click()");
  expect_summary("0.46", "as balanced"); /* of 4 digits */
  assert_true(browser_number(&b, "Number(document.querySelector('.explorer input[type=range]').value)") == place);
  browser_evaluate(&b, "document.querySelectorAll('.buttons button')[1].click()");
  expect_summary("0.46", "balanced");
  browser_evaluate(&b, "document.querySelector('.explorer input[type=range]').focus()");
  browser_press(&b, "ArrowRight", 39);
  browser_expect_text(&b, pressed, "");
  browser_press(&b, "ArrowLeft", 37);
  expect_summary("0.46", "balanced");
}

static void set_prevalence(const char *value) {
  char expression[200];
  snprintf(expression, sizeof expression,
           "(f => { f.value = '%s'; f.dispatchEvent(new Event('input')); })"
           "(document.querySelector('input[type=number]'))",
           value);
  browser_evaluate(&b, expression);
}

static void unfit_prevalence_is_said(void **state) {
  (void)state;
  static const char *const unfit[] = {"101", "-1", "1e9"}, *const fit[] = {"", "0", "100", "12.5"};
  static const char words[] = "document.querySelector('.unfit').textContent",
                    marked[] = "document.querySelector('input[type=number]').getAttribute('aria-invalid')";
  open_demo();
  for (int i = 0; i < 3; i++) {
    set_prevalence(unfit[i]);
    browser_expect_text(&b, marked, "true");
    browser_expect_text(&b, words, "Not 0 to 100: 9.67\xC2\xA0% is in use, that of these cases.");
    expect_share("positive", (int64_t)cell("tp"), (int64_t)(cell("tp") + cell("fp")));
    browser_expect_sound(&b, 400);
  }
  for (int i = 0; i < 4; i++) {
    set_prevalence(fit[i]);
    browser_expect_text(&b, marked, "false");
    browser_expect_text(&b, words, "");
  }
  set_prevalence("0");
  browser_expect_text(&b, "document.querySelector('[data-measure=positive] .number').textContent", "0.0\xC2\xA0%");
  assert_int_equal(b.complaints, 0);
}

/* Sensitivity 0.5, specificity 0.5 would give the prevalence itself; here Bayes' theorem by hand. */
static void predictive_values_follow_prevalence(void **state) {
  (void)state;
  open_demo();
  set_prevalence("1");
  double sensitivity = cell("tp") / demo_positives, specificity = cell("tn") / demo_negatives;
  double positive = sensitivity * 0.01 / (sensitivity * 0.01 + (1 - specificity) * 0.99);
  char wanted[32];
  snprintf(wanted, sizeof wanted, "%.1f\xC2\xA0%%", 100 * positive);
  browser_expect_text(&b, "document.querySelector('[data-measure=positive] .number').textContent", wanted);
  set_prevalence("");
  expect_share("positive", (int64_t)cell("tp"), (int64_t)(cell("tp") + cell("fp")));
}

/* ---- pictures ---- */

static void heat_maps_need_no_script(void **state) {
  (void)state;
  static const char shown[] = "getComputedStyle(document.querySelector('.heat')).display !== 'none'";
  open_demo();
  assert_false(browser_is(&b, shown));
  browser_evaluate(&b, "document.querySelector('.show-heat').click()");
  assert_true(browser_is(&b, shown));
}

static void pictures_are_enlarged_and_left_by_keys(void **state) {
  (void)state;
  static const char title[] = "document.querySelector('.viewer-title').textContent";
  open_demo();
  browser_evaluate(&b, "document.querySelectorAll('.zoom')[1].focus()");
  browser_press(&b, "Enter", 13);
  assert_true(browser_is(&b, "document.querySelector('dialog').open"));
  browser_expect_text(&b, title, "Row 97 missed");
  browser_press(&b, "ArrowRight", 39);
  browser_expect_text(&b, title, "Row 233 false alarm");
  browser_expect_sound(&b, 400);
  browser_press(&b, "Escape", 27);
  assert_false(browser_is(&b, "document.querySelector('dialog').open"));
  assert_true(browser_is(&b, "document.activeElement === document.querySelectorAll('.zoom')[1]"));
  browser_evaluate(&b, "document.querySelectorAll('.picture img')[3].click()");
  browser_expect_text(&b, title, "Row 408 found");
  browser_evaluate(&b, "document.querySelector('[data-close]').click()");
  assert_true(browser_is(&b, "document.activeElement === document.querySelectorAll('.zoom')[3]"));
  assert_int_equal(b.complaints, 0);
}

/* For people: BIFOCAL_PICTURES=FOLDER in the environment leaves pictures of the page there. */
static void pictures_for_people(void **state) {
  (void)state;
  static const char *const schemes[] = {"light", "dark"};
  static const int widths[] = {400, 1400};
  const char *folder = getenv("BIFOCAL_PICTURES");
  char path[600];
  if (folder == NULL) skip();
  open_demo();
  browser_evaluate(&b, "document.querySelectorAll('.switch input').forEach(i => { i.checked = true; })");
  for (int i = 0; i < 4; i++) {
    browser_resize(&b, widths[i / 2]);
    browser_dress(&b, "", schemes[i % 2]);
    snprintf(path, sizeof path, "%s/page-%d-%s.png", folder, widths[i / 2], schemes[i % 2]);
    browser_picture(&b, path);
  }
}

/* ---- without scripts, and on paper ---- */

static void page_is_whole_without_scripts(void **state) {
  (void)state;
  static const char words[] =
      "document.querySelector('.measures').innerText + document.querySelector('output').innerText + "
      "document.querySelector('.confusion').innerText";
  open_demo();
  json_t *with = browser_evaluate(&b, words);
  browser_do(&b, "Emulation.setScriptExecutionDisabled", json_pack("{s:b}", "value", 1));
  open_demo();
  browser_expect_text(&b, words, json_string_value(with));
  assert_true(browser_is(&b, "document.querySelector('.controls').hidden && document.querySelector('.zoom').hidden"));
  browser_do(&b, "Emulation.setScriptExecutionDisabled", json_pack("{s:b}", "value", 0));
  json_decref(with);
}

static void paper_shows_no_controls(void **state) {
  (void)state;
  open_demo();
  browser_dress(&b, "print", "dark");
  assert_true(browser_is(&b,
                         "Array.from(document.querySelectorAll('nav, .controls, .skip, .zoom, input, dialog'))"
                         ".every(e => !e.checkVisibility())"));
  assert_true(browser_is(&b, "getComputedStyle(document.body).color === 'rgb(0, 0, 0)'"));
}

/* 7 points are 28/3 pixels of the page. A4 with its margins is 680 wide. */
static void paper_can_be_read(void **state) {
  (void)state;
  static const char small[] =
      "(function () { let count = 0; const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);"
      "while (walker.nextNode()) { const e = walker.currentNode.parentElement;"
      "  if (!walker.currentNode.data.trim() || !e.checkVisibility() || e.closest('.unseen, .layers, script, title, "
      "desc')) continue;"
      "  const scale = e instanceof SVGElement ? e.getScreenCTM().a : 1;"
      "  if (scale * parseFloat(getComputedStyle(e).fontSize) < 28 / 3) count++; } return count; })()";
  open_demo();
  browser_dress(&b, "print", "light");
  browser_resize(&b, 680);
  assert_int_equal(browser_number(&b, small), 0);
  assert_true(browser_is(&b,
                         "getComputedStyle(document.querySelector('.columns')).gridTemplateColumns.split(' ').length "
                         "=== 2"));
  assert_int_equal(browser_number(&b, overlaps), 0);
  assert_true(browser_is(
      &b,
      "Array.from(document.querySelectorAll('.columns text, .explorer text')).map(t => t.getBoundingClientRect())"
      ".every(box => box.left > -0.5 && box.right < 680.5)"));
}

/* The policy is at work: what the page does not bring itself is blocked, and its console says so. */
static void policy_blocks_strangers(void **state) {
  (void)state;
  open_demo();
  browser_evaluate(
      &b,
      "new Promise(done => { const s = document.createElement('script'); s.textContent = 'window.strange = 1';"
      " document.body.append(s); const i = new Image(); i.onerror = i.onload = () => done();"
      " i.src = 'demo.html'; })");
  assert_true(browser_is(&b, "window.strange === undefined"));
  assert_true(b.complaints >= 2);
}

static int set_up(void **state) {
  (void)state;
  bf_error err = {0};
  return demo_page(in_scratch("demo.html"), &err) == BF_OK ? 0 : -1;
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(page_is_sound_at_all_widths),
      cmocka_unit_test(names_in_charts_are_apart),
      cmocka_unit_test(slider_moves_all_numbers),
      cmocka_unit_test(slider_obeys_keys),
      cmocka_unit_test(buttons_go_to_their_points),
      cmocka_unit_test(equal_points_are_told_apart),
      cmocka_unit_test(unfit_prevalence_is_said),
      cmocka_unit_test(tables_fit_telephones),
      cmocka_unit_test(predictive_values_follow_prevalence),
      cmocka_unit_test(heat_maps_need_no_script),
      cmocka_unit_test(pictures_are_enlarged_and_left_by_keys),
      cmocka_unit_test(pictures_for_people),
      cmocka_unit_test(page_is_whole_without_scripts),
      cmocka_unit_test(paper_shows_no_controls),
      cmocka_unit_test(paper_can_be_read),
      cmocka_unit_test(policy_blocks_strangers),
  };
  scratch_make();
  int failed = BROWSER_SKIPPED;
  if (browser_start(&b)) {
    failed = cmocka_run_group_tests(tests, set_up, NULL);
    browser_stop(&b);
  }
  scratch_remove();
  return failed;
}
