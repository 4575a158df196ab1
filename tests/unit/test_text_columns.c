/* Columns that texts take in a terminal, and texts cut to them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/text_columns.h"
#include "base/utf8.h"

static void columns_of_texts(void **state) {
  (void)state;
  static const struct {
    const char *text;
    int width;
  } texts[] = {{"", 0},
               {"US", 2},
               {"M\xc3\xbcnchen", 7},
               {"e\xcc\x81t\xc3\xa9", 3},       /* e and a combining accent */
               {"\xe6\x97\xa5\xe6\x9c\xac", 4}, /* two ideographs */
               {"\xed\x95\x9c", 2},             /* Hangul */
               {"\xf0\x9f\x98\x80", 2},         /* emoji */
               {"\xd9\x85\xd8\xb3", 2},         /* Arabic */
               {"\xff\xfe", 2}};
  for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++)
    assert_int_equal(bf_text_columns(texts[i].text), texts[i].width);
}

static void padded_by_columns(void **state) {
  (void)state;
  static const char *const texts[] = {"US", "\xe6\x97\xa5\xe6\x9c\xac", "\xc3\xa9", "too long for it"};
  static const char *const due[] = {"US    |", "\xe6\x97\xa5\xe6\x9c\xac  |", "\xc3\xa9     |", "too long for it|"};
  for (int i = 0; i < 4; i++) {
    char *text = NULL;
    size_t size;
    FILE *f = open_memstream(&text, &size);
    bf_text_pad(f, texts[i], 6);
    fputc('|', f);
    fclose(f);
    assert_string_equal(text, due[i]);
    free(text);
  }
}

static void expect_short(const char *text, int width, const char *due) {
  char out[128];
  bf_text_shorten(out, sizeof out, text, width);
  assert_string_equal(out, due);
  assert_true(bf_text_columns(out) <= width);
}

static void cut_in_the_middle(void **state) {
  (void)state;
  expect_short("abcdefghijkl", 12, "abcdefghijkl");
  expect_short("abcdefghijkl", 11, "abcdef...kl");
  expect_short("abcdefghijkl", 5, "ab...");
  /* Wide characters are whole or not there, and marks stay with their letter. */
  expect_short("\xe6\x97\xa5\xe6\x9c\xac\xe8\xaa\x9e\xe6\x97\xa5\xe6\x9c\xac\xe8\xaa\x9e", 10,
               "\xe6\x97\xa5\xe6\x9c\xac...\xe8\xaa\x9e");
  expect_short(
      "ae\xcc\x81"
      "defghie\xcc\x81"
      "l",
      8,
      "ae\xcc\x81"
      "de...l");
  expect_short(
      "abcdefge\xcc\x81"
      "l",
      9,
      "abcdefge\xcc\x81"
      "l");
  for (int width = 5; width < 30; width++) {
    char out[128];
    bf_text_shorten(out, sizeof out, "\xe6\x97\xa5 e\xcc\x81\xf0\x9f\x98\x80 abcdefgh \xed\x95\x9c\xc3\xa9 xy z",
                    width);
    assert_true(bf_is_utf8(out));
    assert_true(bf_text_columns(out) <= width);
  }
}

static void what_differs_stays_apart(void **state) {
  (void)state;
  static const char *const texts[] = {"a hospital with a very long name, ward 1 of 9, main building", "short",
                                      "a hospital with a very long name, ward 2 of 9, main building",
                                      "another one that is long enough, but unlike the others",
                                      "a hospital with a very long name, ward 3"};
  char out[5][80];
  bf_texts_shorten(out[0], sizeof out[0], texts, 5, 30);
  for (int i = 0; i < 5; i++) {
    assert_true(bf_text_columns(out[i]) <= 30);
    for (int k = 0; k < i; k++) assert_string_not_equal(out[i], out[k]);
  }
  assert_string_equal(out[1], "short");
  assert_string_equal(out[2], "a hospital with a very l...(3)");
  /* Where the ends tell them apart, no number is needed. */
  static const char *const ends[] = {"a hospital with a very long name, ward 1",
                                     "a hospital with a very long name, ward 2"};
  bf_texts_shorten(out[0], sizeof out[0], ends, 2, 30);
  assert_string_equal(out[0], "a hospital with a ...e, ward 1");
  assert_string_equal(out[1], "a hospital with a ...e, ward 2");
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(columns_of_texts),
      cmocka_unit_test(padded_by_columns),
      cmocka_unit_test(cut_in_the_middle),
      cmocka_unit_test(what_differs_stays_apart),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
