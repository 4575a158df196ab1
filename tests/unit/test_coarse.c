/* What is kept of a maker's name and of an age: hostile texts, every unit of an age, dates where there is no age. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "dicom/coarse.h"

static void name_is(const char *name, const char *wanted) {
  char out[BF_COARSE_NAME];
  memset(out, 'x', sizeof out);
  bf_coarse_name(out, name);
  assert_string_equal(out, wanted);
}

static void names_are_cleaned(void **state) {
  (void)state;
  name_is("", "");
  name_is("GE MEDICAL SYSTEMS", "GE MEDICAL SYSTEMS");
  name_is("Lorad, A Hologic Company", "Lorad, A Hologic Company");
  name_is("A & B (Co.) / C-D", "A & B (Co.) / C-D");
  name_is("  SIEMENS \t Healthineers   ", "SIEMENS Healthineers");
  name_is("a_b<c>'d\"e;f=g", "a b c d e f g");
  name_is("\x1b[31mred\x1b[0m\r\nnext,line", "31mred 0m next,line");
  name_is("J\xc3\xa4ger \xe6\x97\xa5\xe6\x9c\xac Optik", "J ger Optik");
  name_is("\xff\xfe\x01", "");
  name_is("${HOME}`id`|%n%s", "HOME id n s");
  /* 32 characters, and the one behind them is a blank. */
  name_is("12345678901234567890123456789012", "12345678901234567890123456789012");
  name_is("1234567890123456789012345678901 more", "1234567890123456789012345678901");
  name_is("123456789012345678901234567890 more", "123456789012345678901234567890 m");
}

/* What was cleaned stays as it is, also in its own place. */
static void names_are_cleaned_in_place(void **state) {
  (void)state;
  char name[BF_COARSE_NAME] = "  a__b  (c)  ";
  bf_coarse_name(name, name);
  assert_string_equal(name, "a b (c)");
  bf_coarse_name(name, name);
  assert_string_equal(name, "a b (c)");
}

static void age_is(const char *age, const char *birth, const char *date, const char *wanted) {
  char out[BF_COARSE_AGE];
  memset(out, 'x', sizeof out);
  bf_coarse_age(out, age, birth, date);
  if (strcmp(out, wanted) != 0) fail_msg("'%s' '%s' '%s': '%s', not '%s'", age, birth, date, out, wanted);
  assert_true(out[0] == '\0' || bf_coarse_is_age(out));
}

static void ages_are_decades(void **state) {
  (void)state;
  static const char *const ages[][2] = {
      {"045Y", "40-49"}, {"040Y", "40-49"}, {"039Y", "30-39"}, {"049Y ", "40-49"}, {"000Y", "0-9"}, {"009Y", "0-9"},
      {"010Y", "10-19"}, {"089Y", "80-89"}, {"090Y", "90+"},   {"091Y", "90+"},    {"999Y", "90+"}, {"018M", "0-9"},
      {"119M", "0-9"},   {"120M", "10-19"}, {"999M", "80-89"}, {"003W", "0-9"},    {"521W", "0-9"}, {"522W", "10-19"},
      {"999W", "10-19"}, {"045D", "0-9"},   {"999D", "0-9"},   {"000D", "0-9"}};
  for (size_t i = 0; i < sizeof ages / sizeof ages[0]; i++) age_is(ages[i][0], "", "", ages[i][1]);
}

static void rubbish_is_no_age(void **state) {
  (void)state;
  static const char *const rubbish[] = {"",     "45",   "45Y",  "45Y ",  "0045Y", "045y", "045",  "-45Y",
                                        "+45Y", " 45Y", "0x5Y", "4.5Y",  "045YY", "045X", "Y045", "045 Y",
                                        "1e1Y", "\xff", "old",  "045Y1", "4 5Y",  "\t"};
  for (size_t i = 0; i < sizeof rubbish / sizeof rubbish[0]; i++) {
    age_is(rubbish[i], "", "", "");
    age_is(rubbish[i], "19600301", "20200301", "60-69");
  }
  age_is("012Y", "19600301", "20200301", "10-19"); /* what is said goes before what follows */
}

static void dates_give_whole_years(void **state) {
  (void)state;
  age_is("", "19600302", "20200301", "50-59"); /* the day before the birthday */
  age_is("", "19600301", "20200301", "60-69");
  age_is("", "19600401", "20200301", "50-59");
  age_is("", "20000229", "20100228", "0-9");
  age_is("", "20000229", "20100301", "10-19");
  age_is("", "20200301", "20200301", "0-9");
  age_is("", "18881231", "20200301", "90+");
  age_is("", "20200302", "20200301", ""); /* born after the study */
  age_is("", "20300101", "20200301", "");
  age_is("", "", "20200301", "");
  age_is("", "19600301", "", "");
  static const char *const none[] = {"1960",     "196003",   "19601301", "19600001", "19600132",  "19600100",
                                     "19600231", "1960.3.1", "00000101", "1960030x", "196003011", "unknown!"};
  for (size_t i = 0; i < sizeof none / sizeof none[0]; i++) {
    age_is("", none[i], "20200301", "");
    age_is("", "19500101", none[i], "");
  }
  age_is("", "19600301 ", "20200301  ", "60-69");
}

static void other_texts_are_no_age_groups(void **state) {
  (void)state;
  static const char *const none[] = {"", "45", "40-48", "045Y", "90-99", "100-109", "0-9 ", "40-49x", "-1"};
  for (size_t i = 0; i < sizeof none / sizeof none[0]; i++) assert_false(bf_coarse_is_age(none[i]));
  assert_true(bf_coarse_is_age("0-9"));
  assert_true(bf_coarse_is_age("80-89"));
  assert_true(bf_coarse_is_age("90+"));
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(names_are_cleaned),      cmocka_unit_test(names_are_cleaned_in_place),
      cmocka_unit_test(ages_are_decades),       cmocka_unit_test(rubbish_is_no_age),
      cmocka_unit_test(dates_give_whole_years), cmocka_unit_test(other_texts_are_no_age_groups),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
