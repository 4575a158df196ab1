/* The inner loops can be chosen by name for every command; a name that is not to be had is wrong usage. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>

#include <cmocka.h>

#include "program.h"

static int make_scratch(void **state) {
  (void)state;
  scratch_make();
  return 0;
}

static int remove_scratch(void **state) {
  (void)state;
  scratch_remove();
  return 0;
}

static outcome bench(const char *kernels) {
  return RUN("bench", "--backbone", "mobilenet_v2", "--size", "32", "--repeats", "1", "--json", "--kernels", kernels);
}

static json_t *doctor(const char *kernels) { return json_of(RUN("doctor", "--json", "--kernels", kernels)); }

static const char *words(json_t *root, const char *finding) {
  const char *text = json_string_value(json_object_get(json_object_get(root, finding), "words"));
  assert_non_null(text);
  return text;
}

static void test_bench(void **state) {
  (void)state;
  static const char *const names[] = {"plain", "baseline"}; /* on every processor */
  for (int i = 0; i < 2; i++) {
    json_t *root = json_of(bench(names[i]));
    assert_string_equal(json_string_value(json_object_get(root, "kernels")), names[i]);
    assert_true(number_at(root, "ms_per_image", "median") > 0);
    json_decref(root);
  }
}

/* "auto" is what runs when nothing is said, and never the reference. */
static void test_auto(void **state) {
  (void)state;
  json_t *chosen = json_of(bench("auto"));
  json_t *silent = json_of(RUN("bench", "--size", "32", "--repeats", "1", "--json"));
  const char *name = json_string_value(json_object_get(chosen, "kernels"));
  assert_string_equal(name, json_string_value(json_object_get(silent, "kernels")));
  assert_string_not_equal(name, "plain");
  json_decref(chosen);
  json_decref(silent);
}

static void test_doctor(void **state) {
  (void)state;
  json_t *plain = doctor("plain"), *fast = doctor("auto");
  assert_string_equal(words(plain, "kernels"), "plain");
  assert_string_not_equal(words(fast, "kernels"), "plain");
  assert_string_equal(words(plain, "kernels available"), words(fast, "kernels available"));
  assert_non_null(strstr(words(fast, "kernels available"), "plain, baseline"));
  assert_non_null(strstr(words(fast, "kernels available"), words(fast, "kernels")));
  json_decref(plain);
  json_decref(fast);
}

/* Every name runs under it or is refused, just as doctor says. */
static void test_available(void **state) {
  (void)state;
  json_t *root = doctor("auto");
  static const char *const names[] = {"avx2", "avx512"};
  for (int i = 0; i < 2; i++) {
    bool there = strstr(words(root, "kernels available"), names[i]) != NULL;
    EXPECT(RUN("bench", "--size", "32", "--repeats", "1", "--kernels", names[i]), there ? 0 : 2,
           there ? "" : "this processor and build have auto, plain, baseline");
  }
  json_decref(root);
}

/* Refused before anything is read or written: none of these files exists. */
static void test_wrong_usage(void **state) {
  (void)state;
  const char *wanted = "kernels 'quick': this processor and build have auto, plain, baseline";
  EXPECT(bench("quick"), 2, wanted);
  EXPECT(RUN("doctor", "--kernels", "quick"), 2, wanted);
  EXPECT(RUN("train", "none.yaml", "--data", "none.h5", "-o", "none", "--kernels", "quick"), 2, wanted);
  EXPECT(RUN("score", "none.safetensors", "none", "-o", "none.h5", "--kernels", "quick"), 2, wanted);
  EXPECT(RUN("weights", "run", "none.safetensors", "--kernels", "quick"), 2, wanted);
  EXPECT(RUN("bench", "--kernels"), 2, "needs a value");
  EXPECT(RUN("bench", "--kernel", "plain", "--kernls", "plain"), 2, "did you mean --kernels?");
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_bench),     cmocka_unit_test(test_auto),        cmocka_unit_test(test_doctor),
      cmocka_unit_test(test_available), cmocka_unit_test(test_wrong_usage),
  };
  return cmocka_run_group_tests_name("kernels", tests, make_scratch, remove_scratch);
}
