/* What a model was trained on: counted, joined, written and read back; the rules at their bounds; text that is none. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/memory.h"
#include "model/domain.h"
#include "run/likeness.h"

static bf_domain_image us(int32_t columns, int32_t rows) {
  return (bf_domain_image){.modality = "US", .photometric = "MONOCHROME2", .rows = rows, .columns = columns};
}

/* Three ultrasound pictures of 200 x 100, 300 x 150 and 240 x 400 (columns x rows). */
static bf_domain three(void) {
  bf_domain d = {.studies = 2, .patients = 1};
  bf_domain_image a = us(200, 100), b = us(300, 150), c = us(240, 400);
  b.spacing_row = 0.5, b.spacing_column = 0.25;
  c.photometric = "MONOCHROME1";
  bf_domain_add(&d, &a);
  bf_domain_add(&d, &b);
  bf_domain_add(&d, &c);
  return d;
}

static void counts_images(void **state) {
  (void)state;
  char text[64];
  bf_domain d = three();
  assert_int_equal(d.images, 3);
  assert_true(d.rows.low == 100 && d.rows.high == 400 && d.columns.low == 200 && d.columns.high == 300);
  assert_true(d.shorter.low == 100 && d.shorter.high == 240 && d.longer.low == 200 && d.longer.high == 400);
  assert_true(d.spacing.low == 0.25 && d.spacing.high == 0.5);
  bf_domain_kinds_text(text, sizeof text, &d.photometric);
  assert_string_equal(text, "MONOCHROME1 1, MONOCHROME2 2");
  bf_domain_kinds_text(text, sizeof text, &(bf_domain_kinds){0});
  assert_string_equal(text, "unknown");
}

static void there_and_back(void **state) {
  (void)state;
  bf_error err = {0};
  bf_domain d = three(), back;
  char *text = bf_domain_write(&d);
  if (bf_domain_read(&back, text, &err) != BF_OK) fail_msg("%s: %s", text, err.message);
  assert_memory_equal(&d, &back, sizeof d);
  bf_free(text);
  /* A spacing of no sense is not written, for reading would refuse it. */
  bf_domain_image odd = us(200, 100);
  odd.spacing_row = 1e300, odd.spacing_column = 1e-300;
  bf_domain_add(&d, &odd);
  text = bf_domain_write(&d);
  assert_int_equal(bf_domain_read(&back, text, &err), BF_OK);
  assert_true(back.images == 4 && back.spacing.high == 0.5);
  bf_free(text);
}

static void the_union_has_all_kinds_and_the_wider_ranges(void **state) {
  (void)state;
  bf_domain a = three(), b = {.studies = 5, .patients = 4}, none = {0};
  bf_domain_image mg = {.modality = "MG", .photometric = "MONOCHROME2", .rows = 600, .columns = 90};
  for (int i = 0; i < 4; i++) bf_domain_add(&b, &mg);
  bf_domain_join(&a, &b);
  assert_true(a.images == 4 && a.studies == 5 && a.patients == 4);
  assert_int_equal(a.modality.count, 2);
  assert_string_equal(a.modality.kind[0].word, "MG");
  assert_int_equal(a.modality.kind[0].images, 4);
  assert_int_equal(a.modality.kind[1].images, 3);
  assert_true(a.rows.high == 600 && a.columns.low == 90 && a.shorter.low == 90 && a.longer.high == 600);
  assert_true(a.spacing.high == 0.5);
  /* What one does not tell, the union does not know. */
  bf_domain_join(&a, &none);
  assert_int_equal(a.images, 0);
  a = three();
  bf_domain partly = three();
  bf_domain_image silent = us(200, 100);
  silent.photometric = "";
  bf_domain_add(&partly, &silent);
  bf_domain_image colour = us(200, 100);
  char text[BF_DOMAIN_TEXT];
  colour.photometric = "RGB";
  assert_true(bf_domain_differs(text, &a, &colour));
  bf_domain_join(&a, &partly);
  assert_false(bf_domain_differs(text, &a, &colour));
  /* Also where the other kinds of one would make up for what it does not tell. */
  a = three();
  partly = (bf_domain){0};
  bf_domain_image ct = us(200, 100), mr = us(200, 100), unknown = us(200, 100);
  ct.modality = "CT", mr.modality = "MR", unknown.modality = "";
  bf_domain_add(&partly, &ct);
  bf_domain_add(&partly, &ct);
  bf_domain_add(&partly, &unknown);
  bf_domain_join(&a, &partly);
  assert_false(bf_domain_differs(text, &a, &mr));
}

static void expect(const bf_domain *d, bf_domain_image image, const char *said) {
  char text[BF_DOMAIN_TEXT];
  bool differs = bf_domain_differs(text, d, &image);
  if (differs != (said[0] != '\0') || strstr(text, said) == NULL) fail_msg("'%s' where '%s' is due", text, said);
}

static void rules_of_kinds(void **state) {
  (void)state;
  bf_domain d = three();
  bf_domain_image image = us(200, 100);
  expect(&d, image, "");
  image.modality = "MG";
  expect(&d, image, "modality MG: the model was trained on US alone");
  image.modality = "";
  expect(&d, image, "modality unknown: the model was trained on US alone");
  image = us(200, 100);
  image.photometric = "PALETTE COLOR";
  expect(&d, image, "colour (PALETTE COLOR): the model was trained on grey pictures alone");
  image.modality = "OT";
  expect(&d, image, "modality OT: the model was trained on US alone; colour (PALETTE COLOR)");
  /* All colours are one kind, and so are both ways of grey. */
  bf_domain colours = {0};
  bf_domain_image rgb = us(200, 100);
  rgb.photometric = "RGB";
  bf_domain_add(&colours, &rgb);
  rgb.photometric = "YBR_FULL_422";
  expect(&colours, rgb, "");
  expect(&colours, us(200, 100), "a grey picture (MONOCHROME2): the model was trained on colour pictures alone");
  bf_domain_add(&colours, &(bf_domain_image){"CT", "MONOCHROME1", 100, 200, 0, 0, ""});
  expect(&colours, us(200, 100), "");
  image = us(200, 100);
  image.modality = "MR";
  expect(&colours, image, "the model was trained on CT and US");
  expect(&(bf_domain){0}, image, "");
}

/* Shorter sides of 100 to 240 were seen, longer ones of 200 to 400. */
static void rules_of_size(void **state) {
  (void)state;
  bf_domain d = three();
  expect(&d, us(100, 50), "");
  expect(&d, us(50, 100), "");
  expect(&d, us(100, 49), "size 100 x 49: the model was trained on images whose shorter side has 100 to 240 pixels");
  expect(&d, us(99, 60), "size 99 x 60");
  expect(&d, us(800, 480), "");
  expect(&d, us(801, 480), "and the longer one 200 to 400; from half to twice that is taken");
  expect(&d, us(800, 481), "size 800 x 481");
}

/* A dataset that does not say it of every image judges none by it. */
static void kinds_that_are_partly_known_are_not_judged(void **state) {
  (void)state;
  bf_domain d = three();
  bf_domain_image silent = us(200, 100), colour = us(200, 100);
  colour.photometric = "RGB";
  silent.photometric = "";
  expect(&d, colour, "colour (RGB)");
  expect(&d, silent, "");
  bf_domain_add(&d, &silent);
  expect(&d, colour, "");
  bf_domain many = {0};
  for (int i = 0; i < 40; i++) {
    char word[8];
    snprintf(word, sizeof word, "M%d", i);
    bf_domain_add(&many, &(bf_domain_image){word, "RGB", 10, 10, 0, 0, ""});
  }
  assert_int_equal(many.modality.count, BF_DOMAIN_KINDS);
  expect(&many, (bf_domain_image){"US", "RGB", 10, 10, 0, 0, ""}, "");
}

/* A fact for the reader: it comes back, is joined, and refuses nothing. */
static void makers_are_counted_and_not_judged(void **state) {
  (void)state;
  bf_domain d = {0}, other = {0}, back;
  bf_error err = {0};
  char text[160];
  bf_domain_image a = us(200, 100), b = us(200, 100), silent = us(200, 100);
  a.manufacturer = "Maker of 32 letters in all, Inc.";
  b.manufacturer = "Beta";
  for (int i = 0; i < 3; i++) bf_domain_add(&d, &a);
  bf_domain_add(&d, &silent);
  bf_domain_add(&other, &a);
  bf_domain_add(&other, &b);
  expect(&d, b, "");
  expect(&d, silent, "");
  char *json = bf_domain_write(&d);
  assert_int_equal(bf_domain_read(&back, json, &err), BF_OK);
  bf_free(json);
  bf_domain_kinds_text(text, sizeof text, &back.manufacturer);
  assert_string_equal(text, "Maker of 32 letters in all, Inc. 3");
  bf_domain_join(&d, &other);
  bf_domain_kinds_text(text, sizeof text, &d.manufacturer);
  assert_string_equal(text, "Beta 1, Maker of 32 letters in all, Inc. 3");
  static const char *const bad[] = {"{\"Maker of 33 letters in all, Incorp\":1}", "{\"\":1}", "{\"A\":9}", "[]"};
  for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
    snprintf(text, sizeof text,
             "{\"images\":3,\"studies\":1,\"patients\":1,\"modality\":{},\"photometric\":{},\"manufacturer\":%s}",
             bad[i]);
    assert_int_equal(bf_domain_read(&back, text, &err), BF_E_FORMAT);
    assert_non_null(strstr(err.message, "'manufacturer' cannot be"));
  }
}

static void text_that_is_none_is_refused(void **state) {
  (void)state;
#define TAIL "\"patients\":1,\"modality\":{\"US\":3},\"photometric\":{}"
  static const struct {
    const char *text, *said;
  } cases[] = {
      {"", "not a JSON object"},
      {"[1]", "not a JSON object"},
      {"{\"images\":3,\"images\":3,\"studies\":1," TAIL "}", "not a JSON object"},
      {"{\"images\":3,\"studies\":1," TAIL, "not a JSON object"},
      {"{\"studies\":1," TAIL "}", "'images'"},
      {"{\"images\":0,\"studies\":0," TAIL "}", "'images'"},
      {"{\"images\":-3,\"studies\":1," TAIL "}", "'images'"},
      {"{\"images\":3.0,\"studies\":1," TAIL "}", "'images'"},
      {"{\"images\":9223372036854775807,\"studies\":1," TAIL "}", "'images'"},
      {"{\"images\":99999999999999999999999,\"studies\":1," TAIL "}", "not a JSON object"},
      {"{\"images\":3,\"studies\":4," TAIL "}", "'studies'"},
      {"{\"images\":3,\"studies\":1,\"modality\":{\"US\":3},\"photometric\":{}}", "'patients'"},
      {"{\"images\":3,\"studies\":1,\"patients\":1,\"modality\":{\"US\":4},\"photometric\":{}}", "'modality'"},
      {"{\"images\":3,\"studies\":1,\"patients\":1,\"modality\":{\"US\":\"3\"},\"photometric\":{}}", "'modality'"},
      {"{\"images\":3,\"studies\":1,\"patients\":1,\"modality\":{\"ABCDEFGHIJKLMNOPQ\":3},\"photometric\":{}}",
       "'modality'"},
      {"{\"images\":3,\"studies\":1,\"patients\":1,\"modality\":{\"U\\u001bS\":3},\"photometric\":{}}", "'modality'"},
      {"{\"images\":3,\"studies\":1,\"patients\":1,\"modality\":[],\"photometric\":{}}", "'modality'"},
      {"{\"images\":3,\"studies\":1,\"patients\":1,\"modality\":{\"US\":3}}", "'photometric'"},
      {"{\"images\":3,\"studies\":1," TAIL ",\"rows\":[2,1]}", "'rows'"},
      {"{\"images\":3,\"studies\":1," TAIL ",\"rows\":[0,1]}", "'rows'"},
      {"{\"images\":3,\"studies\":1," TAIL ",\"columns\":[1,2,3]}", "'columns'"},
      {"{\"images\":3,\"studies\":1," TAIL ",\"shorter_side\":[1,1e30]}", "'shorter_side'"},
      {"{\"images\":3,\"studies\":1," TAIL ",\"longer_side\":{\"a\":1}}", "'longer_side'"},
      {"{\"images\":3,\"studies\":1," TAIL ",\"spacing_mm\":[0,1]}", "'spacing_mm'"},
  };
  bf_domain d;
  bf_error err = {0};
  assert_int_equal(bf_domain_read(&d, "{\"images\":3,\"studies\":1," TAIL ",\"later\":[]}", &err), BF_OK);
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    bf_status status = bf_domain_read(&d, cases[i].text, &err);
    if (status != BF_E_FORMAT || strstr(err.message, cases[i].said) == NULL)
      fail_msg("%s: %d, '%s'", cases[i].text, (int)status, err.message);
    assert_int_equal(d.images, 0);
  }
}

/* ---- the picture itself ---- */

static bf_status judge(char text[BF_DOMAIN_TEXT], const bf_domain *d, bf_unlike unlike, int levels, bf_error *err) {
  uint16_t pixels[100 * 200];
  bf_image image = {.modality = "US", .photometric_name = "MONOCHROME2", .rows = 100, .columns = 200};
  for (int i = 0; i < 100 * 200; i++) pixels[i] = (uint16_t)(i % levels << 8 | (i % 7)); /* noise below a level */
  return bf_likeness_judge(text, d, unlike, &image, &(bf_prepared){.rows = 100, .columns = 200, .pixels = pixels},
                           "a.dcm", err);
}

static void empty_pictures(void **state) {
  (void)state;
  char text[BF_DOMAIN_TEXT];
  bf_error err = {0};
  bf_domain d = three(), none = {0};
  assert_int_equal(judge(text, &d, BF_UNLIKE_REFUSE, 4, &err), BF_OK);
  assert_string_equal(text, "");
  for (int levels = 1; levels < 4; levels++) {
    assert_int_equal(judge(text, &none, BF_UNLIKE_REFUSE, levels, &err), BF_E_UNLIKE);
    assert_non_null(strstr(text, "an empty picture"));
    assert_non_null(strstr(err.message, "a.dcm: an empty picture"));
    assert_non_null(strstr(err.message, "--unlike score"));
    assert_int_equal(judge(text, &d, BF_UNLIKE_SCORE, levels, &err), BF_OK);
    assert_non_null(strstr(text, "an empty picture"));
    assert_int_equal(judge(text, &d, BF_UNLIKE_PASS, levels, &err), BF_OK);
    assert_string_equal(text, "");
  }
}

static void words_of_the_option(void **state) {
  (void)state;
  bf_unlike u;
  bf_error err = {0};
  assert_int_equal(bf_unlike_parse(&u, NULL, &err), BF_OK);
  assert_int_equal(u, BF_UNLIKE_REFUSE);
  assert_int_equal(bf_unlike_parse(&u, "score", &err), BF_OK);
  assert_int_equal(u, BF_UNLIKE_SCORE);
  assert_int_equal(bf_unlike_parse(&u, "pass", &err), BF_E_ARGUMENT);
  assert_non_null(strstr(err.message, "--unlike: 'pass' is neither refuse nor score"));
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(makers_are_counted_and_not_judged),
      cmocka_unit_test(counts_images),
      cmocka_unit_test(there_and_back),
      cmocka_unit_test(the_union_has_all_kinds_and_the_wider_ranges),
      cmocka_unit_test(rules_of_kinds),
      cmocka_unit_test(rules_of_size),
      cmocka_unit_test(kinds_that_are_partly_known_are_not_judged),
      cmocka_unit_test(text_that_is_none_is_refused),
      cmocka_unit_test(empty_pictures),
      cmocka_unit_test(words_of_the_option),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
