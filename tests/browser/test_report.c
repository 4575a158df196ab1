/* The reports that evaluate and train write, opened in a browser: sound at both widths, nothing complained of, and the
 * numbers that stand in metrics.json. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "program.h"

#include "browser_support.h"
#include "html_support.h"

static browser b;

/* ---- made once: a small model, scores of other studies, reports ---- */

static int make_reports(void **state) {
  (void)state;
  write_text(in_scratch("tiny.yaml"),
             "size: 64\nepochs: 2\nbatch: 8\nbackbone: squeezenet1_1\nvalidation: 0.4\n"
             "heads:\n  lesion:\n    channels: 16\n");
  good(RUN("phantom", "-o", in_scratch("ph"), "--studies", "24", "--seed", "5", "--side", "96"));
  good(RUN("ingest", in_scratch("ph/studies"), "--labels", in_scratch("ph/labels.csv"), "--labels",
           in_scratch("ph/boxes.csv"), "-o", in_scratch("data.h5")));
  good(RUN("train", in_scratch("tiny.yaml"), "--data", in_scratch("data.h5"), "-o", in_scratch("run")));
  good(RUN("score", in_scratch("run/model.safetensors"), in_scratch("ph/studies"), "--heat", "-o", in_scratch("a.h5")));
  good(RUN("score", in_scratch("run/last.safetensors"), in_scratch("ph/studies"), "-o", in_scratch("b.h5")));
  good(RUN("evaluate", in_scratch("a.h5"), "--against", in_scratch("b.h5"), "--labels", in_scratch("ph/labels.csv"),
           in_scratch("ph/boxes.csv"), "--model", in_scratch("run/model.safetensors"), "--rounds", "200", "-o",
           in_scratch("report")));
  return 0;
}

static void open_page(const char *path) {
  b.complaints = 0;
  browser_resize(&b, 1400);
  browser_dress(&b, "", "light");
  browser_open(&b, path);
}

/* Well formed, small, of itself alone; no number that is none. */
static void expect_file(const char *path) {
  char *text = read_text(path);
  html_is_sound(text);
  assert_true(strlen(text) < 5u << 20);
  assert_null(strstr(text, "https://"));
  static const char *const none[] = {">nan", " nan", "-nan", ">inf", " inf ", "\"nan", "\"inf", "NaN\""};
  for (size_t i = 0; i < sizeof none / sizeof none[0]; i++)
    if (strstr(text, none[i]) != NULL) fail_msg("%s holds '%s'", path, none[i]);
  free(text);
}

static void expect_sound(const char *path) {
  expect_file(path);
  open_page(path);
  browser_expect_sound(&b, 400);
  browser_expect_sound(&b, 1400);
  assert_int_equal(b.complaints, 0);
}

static void expect_sections(const char *const *ids, int count) {
  for (int i = 0; i < count; i++) {
    char expression[120];
    snprintf(expression, sizeof expression, "document.querySelectorAll('section#%s').length", ids[i]);
    if (browser_number(&b, expression) != 1) fail_msg("there is no section %s", ids[i]);
  }
}

/* ---- evaluate ---- */

static void evaluation_is_sound(void **state) {
  (void)state;
  static const char *const ids[] = {"classes",   "lesions", "against", "pictures",
                                    "subgroups", "methods", "card",    "provenance"};
  expect_sound(in_scratch("report/report.html"));
  expect_sections(ids, 8);
}

static json_t *metrics(void) {
  char *text = read_text(in_scratch("report/metrics.json"));
  json_t *root = json_loads(text, 0, NULL);
  free(text);
  assert_non_null(root);
  return root;
}

static double count_in_page(const char *key) {
  char expression[120];
  snprintf(expression, sizeof expression,
           "Number(document.querySelector('[data-cell=%s]').textContent.replace(/,/g, ''))", key);
  return browser_number(&b, expression);
}

/* The explorer begins at the threshold of the scores. */
static void the_page_says_what_the_figures_say(void **state) {
  (void)state;
  static const struct {
    const char *cell, *key;
  } cells[] = {
      {"tp", "true_positives"}, {"fp", "false_positives"}, {"tn", "true_negatives"}, {"fn", "false_negatives"}};
  json_t *root = metrics(), *c = json_object_get(root, "classification");
  open_page(in_scratch("report/report.html"));
  for (int i = 0; i < 4; i++)
    assert_true(count_in_page(cells[i].cell) == json_number_value(json_object_get(c, cells[i].key)));
  char auc[32];
  snprintf(auc, sizeof auc, "AUC of %.3f", json_number_value(json_object_get(c, "auc")));
  char *text = read_text(in_scratch("report/report.html"));
  assert_non_null(strstr(text, auc));
  free(text);
  json_decref(root);
}

/* The explorer, its tiles and the table of operating points have one interval for one number, whichever way they were
 * made. */
static void one_number_has_one_interval(void **state) {
  (void)state;
  static const char odd[] =
      "(function () { const odd = [], text = e => e.textContent.trim().replace(/\\s+/g, ' ');"
      "  const shown = key => text(document.querySelector('[data-measure=' + key + '] .number'));"
      "  for (const t of document.querySelectorAll('.tile')) {"
      "    const key = { Sensitivity: 'sensitivity', Specificity: 'specificity' }[text(t.querySelector('dt'))];"
      "    if (key && !text(t.querySelector('dd')).startsWith(shown(key))) odd.push(text(t) + ' / ' + shown(key)); }"
      "  const rows = document.querySelector('.explorer ~ figure.table table').tBodies[0].rows;"
      "  const buttons = document.querySelectorAll('[data-point]');"
      "  if (rows.length !== buttons.length || rows.length < 3) odd.push(rows.length + ' rows');"
      "  for (let k = 0; k < rows.length; k++) { buttons[k].click();"
      "    ['sensitivity', 'specificity', 'positive', 'negative'].forEach((key, i) => {"
      "      const cell = text(rows[k].cells[2 + i]).replace(/ n = .*/, '');"
      "      if (cell !== shown(key)) odd.push(key + ' ' + cell + ' / ' + shown(key)); }); }"
      "  return odd.join('; '); })()";
  json_t *root = metrics(), *c = json_object_get(root, "classification");
  double n = json_number_value(json_object_get(c, "n")), patients = json_number_value(json_object_get(c, "patients"));
  assert_true(patients > 0 && patients < n);
  json_decref(root);
  open_page(in_scratch("report/report.html"));
  browser_expect_text(&b, odd, "");
  good(RUN("evaluate", in_scratch("a.h5"), "--labels", in_scratch("ph/labels.csv"), in_scratch("ph/boxes.csv"),
           "--rounds", "9000", "--pictures", "0", "-o", in_scratch("rounds")));
  open_page(in_scratch("rounds/report.html"));
  browser_expect_text(&b, odd, "");
}

/* To the highest threshold and the lowest: nobody, and all, are called malignant. */
static void the_slider_moves_the_figures(void **state) {
  (void)state;
  json_t *root = metrics(), *c = json_object_get(root, "classification");
  double positives = json_number_value(json_object_get(c, "positives")),
         negatives = json_number_value(json_object_get(c, "negatives"));
  json_decref(root);
  open_page(in_scratch("report/report.html"));
  browser_evaluate(&b, "document.querySelector('input[type=range]').focus()");
  double sum[2];
  browser_press(&b, "Home", 36);
  sum[0] = count_in_page("tp") + count_in_page("fp");
  browser_press(&b, "End", 35);
  sum[1] = count_in_page("tp") + count_in_page("fp");
  assert_true(fmax(sum[0], sum[1]) == positives + negatives);
  assert_true(fmin(sum[0], sum[1]) < fmax(sum[0], sum[1]));
  assert_true(count_in_page("tp") + count_in_page("fn") == positives);
  assert_int_equal(b.complaints, 0);
}

static void pictures_are_pictures(void **state) {
  (void)state;
  open_page(in_scratch("report/report.html"));
  browser_evaluate(&b, "document.querySelectorAll('#pictures img').forEach(i => { i.loading = 'eager'; })");
  double shown = browser_number(&b, "document.querySelectorAll('#pictures figure').length");
  assert_true(shown == 24);
  assert_true(browser_number(&b, "document.querySelectorAll('#pictures figure svg').length") >= shown);
  assert_true(browser_number(&b, "document.querySelectorAll('#pictures .heat').length") >= shown);
}

/* Of images that are gone the page says so. */
static void pictures_that_are_gone(void **state) {
  (void)state;
  char moved[520];
  snprintf(moved, sizeof moved, "%s", in_scratch("away"));
  assert_int_equal(rename(in_scratch("ph/studies"), moved), 0);
  good(RUN("evaluate", in_scratch("a.h5"), "--labels", in_scratch("ph/labels.csv"), in_scratch("ph/boxes.csv"),
           "--rounds", "100", "-o", in_scratch("gone")));
  assert_int_equal(rename(moved, in_scratch("ph/studies")), 0);
  char *text = read_text(in_scratch("gone/report.html"));
  assert_non_null(strstr(text, "24 pictures cannot be shown"));
  assert_null(strstr(text, ".dcm"));
  free(text);
  expect_sound(in_scratch("gone/report.html"));
}

/* As many pictures as may be asked for, of 500 images that are noise to a packer: below 5 MB (expect_file). */
static void pictures_of_noise(void **state) {
  (void)state;
  good(RUN("phantom", "-o", in_scratch("noise"), "--studies", "250", "--seed", "6", "--side", "400"));
  good(RUN("score", in_scratch("run/model.safetensors"), in_scratch("noise/studies"), "--heat", "--unlike", "score",
           "-o", in_scratch("noise.h5")));
  good(RUN("evaluate", in_scratch("noise.h5"), "--labels", in_scratch("noise/labels.csv"),
           in_scratch("noise/boxes.csv"), "--rounds", "100", "--pictures", "200", "-o", in_scratch("many")));
  expect_sound(in_scratch("many/report.html"));
  assert_true(browser_number(&b, "document.querySelectorAll('#pictures figure').length") == 200);
}

/* One class, and nobody looked for lesions: said, and no chart of it. */
static void little_is_known(void **state) {
  (void)state;
  char command[600];
  snprintf(command, sizeof command, "sed -e 's/malignant/benign/' '%s' > '%s'", in_scratch("ph/labels.csv"),
           in_scratch("benign.csv"));
  assert_int_equal(system(command), 0);
  good(RUN("evaluate", in_scratch("a.h5"), "--labels", in_scratch("benign.csv"), "--rounds", "100", "--pictures", "0",
           "-o", in_scratch("little")));
  expect_sound(in_scratch("little/report.html"));
  char *text = read_text(in_scratch("little/report.html"));
  assert_non_null(strstr(text, "cannot be said"));
  assert_null(strstr(text, "id=\"lesions\""));
  assert_null(strstr(text, "id=\"pictures\""));
  free(text);
}

static void another_models_card_is_refused(void **state) {
  (void)state;
  outcome o = RUN("evaluate", in_scratch("a.h5"), "--labels", in_scratch("ph/labels.csv"), "--model",
                  in_scratch("run/last.safetensors"), "--rounds", "100", "-o", in_scratch("other"));
  bool same = same_file(in_scratch("run/last.safetensors"), in_scratch("run/model.safetensors"));
  assert_int_equal(o.code, same ? 0 : 2);
  if (!same) assert_non_null(strstr(o.err, "--model"));
  outcome_free(&o);
}

/* ---- train ---- */

static void training_is_sound(void **state) {
  (void)state;
  static const char *const ids[] = {"classes", "lesions", "pictures", "training", "methods", "card", "provenance"};
  expect_sound(in_scratch("run/report.html"));
  expect_sections(ids, 7);
  /* Losses of both tasks, what was watched, weights, shares and agreement. */
  assert_true(browser_number(&b, "document.querySelectorAll('#training svg.chart').length") == 6);
  assert_true(browser_number(&b, "document.querySelectorAll('#pictures img').length") > 0);
}

static void a_training_without_validation(void **state) {
  (void)state;
  good(RUN("train", in_scratch("tiny.yaml"), "--data", in_scratch("data.h5"), "-o", in_scratch("blind"), "--set",
           "validation=0", "--set", "epochs=1"));
  expect_sound(in_scratch("blind/report.html"));
  char *text = read_text(in_scratch("blind/report.html"));
  assert_non_null(strstr(text, "nothing tells how good the model is"));
  free(text);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(evaluation_is_sound),
                                     cmocka_unit_test(the_page_says_what_the_figures_say),
                                     cmocka_unit_test(one_number_has_one_interval),
                                     cmocka_unit_test(the_slider_moves_the_figures),
                                     cmocka_unit_test(pictures_are_pictures),
                                     cmocka_unit_test(pictures_that_are_gone),
                                     cmocka_unit_test(pictures_of_noise),
                                     cmocka_unit_test(little_is_known),
                                     cmocka_unit_test(another_models_card_is_refused),
                                     cmocka_unit_test(training_is_sound),
                                     cmocka_unit_test(a_training_without_validation)};
  scratch_make();
  int failed = BROWSER_SKIPPED;
  if (browser_start(&b)) {
    failed = cmocka_run_group_tests(tests, make_reports, NULL);
    browser_stop(&b);
  }
  scratch_remove();
  return failed;
}
