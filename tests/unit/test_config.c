/* The configuration: tables, YAML in and out, and what its errors say. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/file.h"
#include "base/memory.h"
#include "base/rng.h"
#include "model/model.h"

typedef struct turn {
  double degrees;
  bool on;
  int mode;
  char text[BF_OPTION_TEXT_MAX];
} turn;

static const bf_option turn_table[] = {
    {"degrees", BF_OPTION_REAL, offsetof(turn, degrees), "10", 0, 180, NULL, "largest turn"},
    {"on", BF_OPTION_BOOL, offsetof(turn, on), "true", 0, 0, NULL, "whether"},
    {"mode", BF_OPTION_CHOICE, offsetof(turn, mode), "off", 0, 0, "off|fast|slow", "how"},
    {"text", BF_OPTION_TEXT, offsetof(turn, text), "", 0, 0, NULL, "words"},
    {0},
};

static const bf_config_section sections[] = {{"", bf_main_table},
                                             {"optimiser", bf_rate_table},
                                             {"augment.turn", turn_table},
                                             {"prepare", turn_table},
                                             {"augment.shift", turn_table}};

static bf_config *make(void) {
  bf_config *c = NULL;
  bf_error err = {0};
  assert_int_equal(bf_config_create(&c, sections, 5, &err), BF_OK);
  return c;
}

static void defaults_are_accepted_by_their_tables(void **state) {
  (void)state;
  bf_main_options m;
  bf_rate_options r;
  bf_error err = {0};
  bf_config *c = make();
  assert_int_equal(bf_config_fill(c, "", &m, &err), BF_OK);
  assert_int_equal(bf_config_fill(c, "optimiser", &r, &err), BF_OK);
  assert_string_equal(m.backbone, "mobilenet_v2");
  assert_int_equal(m.size, 224);
  assert_string_equal(m.freeze, "none");
  assert_true(m.balanced);
  assert_true(r.learning_rate == 0.001 && r.epsilon == 1e-8);
  assert_int_equal(bf_config_fill(c, "no.such", &r, &err), BF_E_INTERNAL);
  bf_config_destroy(c);
}

static void yaml_fills_nested_keys(void **state) {
  (void)state;
  bf_error err = {0};
  bf_config *c = make();
  const char *text =
      "# a comment\nepochs: 7\nweights: \"a b.safetensors\"\naugment:\n  shift: {degrees: 3, on: no}\n  turn:\n"
      "    mode: slow\noptimiser:\n  learning_rate: 3.5e-4\n";
  assert_int_equal(bf_config_read_text(c, text, "t.yaml", &err), BF_OK);
  assert_string_equal(bf_config_get(c, "epochs"), "7");
  assert_string_equal(bf_config_get(c, "weights"), "a b.safetensors");
  assert_string_equal(bf_config_get(c, "augment.turn.degrees"), "10");
  assert_null(bf_config_get(c, "augment.turn"));
  turn t;
  assert_int_equal(bf_config_fill(c, "augment.shift", &t, &err), BF_OK);
  assert_true(t.degrees == 3 && !t.on && t.mode == 0);
  assert_int_equal(bf_config_fill(c, "augment.turn", &t, &err), BF_OK);
  assert_true(t.degrees == 10 && t.on && t.mode == 2);
  assert_int_equal(bf_config_read_text(c, "", "t.yaml", &err), BF_OK);
  assert_string_equal(bf_config_get(c, "epochs"), "7");
  bf_config_destroy(c);
}

static void errors_name_file_key_and_remedy(void **state) {
  (void)state;
  static const struct {
    const char *text;
    bf_status status;
    const char *said;
  } cases[] = {
      {"epoch: 3\n", BF_E_ARGUMENT, "t.yaml: epoch: no such key; did you mean epochs?"},
      {"augment:\n  turn:\n    degree: 3\n", BF_E_ARGUMENT,
       "t.yaml: augment.turn.degree: no such key; did you mean augment.turn.degrees?"},
      {"augment:\n  tern:\n    degrees: 3\n", BF_E_ARGUMENT,
       "t.yaml: augment.tern: no such key; did you mean augment.turn?"},
      {"learning_rate: 3\n", BF_E_ARGUMENT,
       "t.yaml: learning_rate: no such key; did you mean optimiser.learning_rate?"},
      {"optimizer:\n  name: sgd\n", BF_E_ARGUMENT, "t.yaml: optimizer: no such key; did you mean optimiser?"},
      {"zzzzzz: {a: [1, 2]}\n", BF_E_ARGUMENT, "t.yaml: zzzzzz: no such key"},
      {"epochs: 0\n", BF_E_ARGUMENT, "t.yaml: epochs: '0' is not a whole number from 1 to 100000"},
      {"epochs:\n", BF_E_ARGUMENT, "t.yaml: epochs: '' is not a whole number"},
      {"epochs: nan\n", BF_E_ARGUMENT, "t.yaml: epochs: 'nan' is not a whole number"},
      {"optimiser:\n  momentum: .nan\n", BF_E_ARGUMENT, "t.yaml: optimiser.momentum: '.nan' is not a number from 0"},
      {"augment: {turn: {mode: quick}}\n", BF_E_ARGUMENT,
       "t.yaml: augment.turn.mode: 'quick' is none of off|fast|slow"},
      {"epochs: 3\nepochs: 4\n", BF_E_ARGUMENT, "t.yaml: epochs: given twice"},
      {"augment:\n  turn: {on: yes}\naugment:\n  turn: {on: no}\n", BF_E_ARGUMENT, "t.yaml: augment: given twice"},
      {"backbone: &x vgg19\nweights: *x\n", BF_E_ARGUMENT, "t.yaml: weights: aliases (*name) are not taken"},
      {"epochs: [1, 2]\n", BF_E_ARGUMENT, "t.yaml: epochs: one value is wanted here, not a list or more keys"},
      {"augment: 3\n", BF_E_ARGUMENT, "t.yaml: augment: keys are wanted here, not a value or list"},
      {"- epochs\n", BF_E_ARGUMENT, "t.yaml: keys are wanted here, not a value or list"},
      {"weights: \"open\n", BF_E_FORMAT, "t.yaml: weights: not YAML: found unexpected end of stream"},
      {"epochs: 3\n\tbatch: 4\n", BF_E_FORMAT, "t.yaml: epochs: not YAML: "},
      {"epochs: 3\n---\nepochs: 4\n", BF_E_ARGUMENT, "t.yaml: more than one YAML document"},
      {"weights: \"\xFF\"\n", BF_E_FORMAT, "t.yaml: not YAML: invalid leading UTF-8 octet"},
  };
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    bf_error err = {0};
    bf_config *c = make();
    bf_status status = bf_config_read_text(c, cases[i].text, "t.yaml", &err);
    if (status != cases[i].status || strncmp(err.message, cases[i].said, strlen(cases[i].said)) != 0)
      fail_msg("case %zu: %d, '%s' where '%s' is due", i, (int)status, err.message, cases[i].said);
    bf_config_destroy(c);
  }
}

static void assignments(void **state) {
  (void)state;
  bf_error err = {0};
  bf_config *c = make();
  assert_int_equal(bf_config_assign(c, "augment.turn.text=a=b", &err), BF_OK);
  assert_string_equal(bf_config_get(c, "augment.turn.text"), "a=b");
  assert_int_equal(bf_config_assign(c, "epochs", &err), BF_E_ARGUMENT);
  assert_string_equal(err.message, "'epochs': write key=value, such as epochs=10");
  assert_int_equal(bf_config_assign(c, "=3", &err), BF_E_ARGUMENT);
  assert_int_equal(bf_config_assign(c, "bach=3", &err), BF_E_ARGUMENT);
  assert_string_equal(err.message, "bach: no such key; did you mean batch?");
  assert_int_equal(bf_config_set(c, "weights", "\xC0\x80", &err), BF_E_ARGUMENT);
  assert_string_equal(err.message, "weights: the value is not UTF-8 text");
  assert_string_equal(bf_config_get(c, "weights"), "none");
  bf_config_destroy(c);
}

static void written_text_reads_back_equal(void **state) {
  (void)state;
  static const char *const nasty[] = {"",
                                      " ",
                                      "a: b",
                                      "#x",
                                      "'",
                                      "\"q\"",
                                      "null",
                                      "~",
                                      "yes",
                                      "1e3",
                                      "-",
                                      "- a",
                                      "../up/file.yaml",
                                      "\t\n\\",
                                      "{a}",
                                      "*a",
                                      "&a",
                                      "!t",
                                      "|",
                                      ">",
                                      "%x",
                                      "@x",
                                      "`x",
                                      "a # b",
                                      "trailing ",
                                      "\xC3\xA9t\xC3\xA9",
                                      "\x01\x7F",
                                      "\xC2\x85\xE2\x80\xA8",
                                      "\xF0\x9F\x98\x80",
                                      "\xEF\xBB\xBFx",
                                      "---",
                                      "...",
                                      "?",
                                      ": ",
                                      "a:"};
  for (size_t i = 0; i < sizeof nasty / sizeof nasty[0]; i++)
    for (int comments = 0; comments < 2; comments++) {
      bf_error err = {0};
      bf_config *c = make(), *d = make();
      assert_int_equal(bf_config_set(c, "augment.shift.text", nasty[i], &err), BF_OK);
      assert_int_equal(bf_config_set(c, "optimiser.name", "sgd", &err), BF_OK);
      assert_int_equal(bf_config_set(c, "freeze", "3", &err), BF_OK);
      char *text = bf_config_write(c, comments);
      assert_non_null(text);
      if (bf_config_read_text(d, text, "t.yaml", &err) != BF_OK) fail_msg("%zu: %s\n%s", i, err.message, text);
      assert_string_equal(bf_config_get(d, "augment.shift.text"), nasty[i]);
      char *again = bf_config_write(d, comments);
      assert_string_equal(text, again);
      /* Sections that share a beginning share one mapping. */
      const char *first = strstr(text, "\naugment:");
      assert_non_null(first);
      assert_null(strstr(first + 1, "\naugment:"));
      bf_free(text);
      bf_free(again);
      bf_config_destroy(c);
      bf_config_destroy(d);
    }
}

/* Text changed at random is read or refused with words; what was read is written and read back equal. */
static void random_text(void **state) {
  (void)state;
  static const char good[] =
      "epochs: 7\nweights: \"a b\"\naugment:\n  shift: {degrees: 3, on: no}\n  turn:\n    mode: slow\n",
                    likely[] = " \n:{}[]#&*!|>'\"%@`,-?\t0a\\";
  int refused = 0;
  for (uint64_t round = 0; round < 3000; round++) {
    bf_rng rng = bf_rng_make(2, round, 0);
    bf_error err = {0};
    bf_config *c = make(), *d = make();
    char text[sizeof good];
    memcpy(text, good, sizeof good);
    for (uint64_t i = 0; i <= bf_rng_below(&rng, 4); i++)
      text[bf_rng_below(&rng, sizeof good - 1)] =
          bf_rng_below(&rng, 3) ? likely[bf_rng_below(&rng, sizeof likely - 1)] : (char)(1 + bf_rng_below(&rng, 255));
    if (bf_config_read_text(c, text, "t.yaml", &err) != BF_OK) {
      refused++;
      assert_true(err.status == BF_E_ARGUMENT || err.status == BF_E_FORMAT);
      assert_int_equal(strncmp(err.message, "t.yaml: ", 8), 0);
    } else {
      char *written = bf_config_write(c, true);
      if (bf_config_read_text(d, written, "again", &err) != BF_OK)
        fail_msg("round %d: %s\n%s", (int)round, err.message, written);
      char *again = bf_config_write(d, true);
      assert_string_equal(written, again);
      bf_free(written);
      bf_free(again);
    }
    bf_config_destroy(c);
    bf_config_destroy(d);
  }
  assert_true(refused > 500 && refused < 3000);
}

static void a_missing_file_is_named(void **state) {
  (void)state;
  bf_error err = {0};
  bf_config *c = make();
  assert_int_equal(bf_config_read_file(c, "/nonexistent/c.yaml", &err), BF_E_NOT_FOUND);
  assert_non_null(strstr(err.message, "/nonexistent/c.yaml"));
  bf_config_destroy(c);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(defaults_are_accepted_by_their_tables),
      cmocka_unit_test(yaml_fills_nested_keys),
      cmocka_unit_test(errors_name_file_key_and_remedy),
      cmocka_unit_test(assignments),
      cmocka_unit_test(written_text_reads_back_equal),
      cmocka_unit_test(a_missing_file_is_named),
      cmocka_unit_test(random_text),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
