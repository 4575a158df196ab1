/* weights list and weights fetch, as a user sees them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "program.h"

static int set_up(void **state) {
  (void)state;
  scratch_make();
  setenv("no_proxy", "*", 1);
  return 0;
}

static int tear_down(void **state) {
  (void)state;
  scratch_remove();
  return 0;
}

static void test_list_json(void **state) {
  (void)state;
  static const char *const texts[] = {"name", "backbone", "url", "sha256_begins", "licence", "origin"};
  json_t *root = json_of(RUN("weights", "list", "--json")), *row;
  size_t i;
  assert_true(json_array_size(root) >= 18);
  json_array_foreach(root, i, row) {
    for (size_t k = 0; k < sizeof texts / sizeof texts[0]; k++)
      assert_true(json_string_length(json_object_get(row, texts[k])) > 0);
    json_t *bytes = json_object_get(row, "bytes"), *whole = json_object_get(row, "sha256");
    assert_true(json_is_null(bytes) || json_integer_value(bytes) > 1000000);
    assert_true(json_is_null(whole) || json_string_length(whole) == 64);
    assert_true(json_is_boolean(json_object_get(row, "backbone_known")));
    json_t *inputs = json_object_get(row, "inputs");
    assert_int_equal(json_array_size(json_object_get(inputs, "mean")), 3);
    assert_int_equal(json_array_size(json_object_get(inputs, "std")), 3);
    assert_true(json_number_value(json_object_get(inputs, "range")) >= 1);
    assert_int_equal(json_string_length(json_object_get(inputs, "colour")), 3);
  }
  json_decref(root);
}

static void test_list_text(void **state) {
  (void)state;
  outcome o = RUN("weights", "list");
  assert_int_equal(o.code, 0);
  assert_non_null(strstr(o.out, "https://download.pytorch.org/models/resnet18-f37072fd.pth"));
  assert_non_null(strstr(o.out, "SHA-256 is f37072fd47e8"));
  assert_non_null(strstr(o.out, "SHA-256 begins with 8a719046\n"));
  assert_non_null(strstr(o.out, "BSD-3-Clause"));
  outcome_free(&o);
}

static void test_usage(void **state) {
  (void)state;
  EXPECT(RUN("weights", "list", "resnet18"), 2, "takes no 'resnet18'");
  EXPECT(RUN("weights", "fetch"), 2, "the name of the weights is missing");
  EXPECT(RUN("weights", "show"), 2, "the file is missing");
  EXPECT(RUN("weights", "fetch", "resnet81"), 2, "did you mean resnet18?");
  EXPECT(RUN("weights", "fetsh", "resnet18"), 2, "there are list, fetch, show");
  EXPECT(RUN("weights", "fetch", "resnet18", "--url", "ftp://127.0.0.1/x", "-o", in_scratch("x.pth")), 2,
         "must begin with http:// or https://");
}

/* Without a network: what to fetch elsewhere, where to put it, how to check it. */
static void test_offline(void **state) {
  (void)state;
  const char *path = in_scratch("resnet18-f37072fd.pth");
  outcome o = RUN("weights", "fetch", "resnet18", "--url", "http://127.0.0.1:1/x", "-o", scratch_folder);
  assert_int_equal(o.code, 1);
  assert_non_null(strstr(o.err, "http://127.0.0.1:1/x: cannot be reached from this machine"));
  assert_non_null(strstr(o.err, "bifocal weights show "));
  assert_non_null(strstr(o.err, path));
  outcome_free(&o);
  assert_int_not_equal(access(path, F_OK), 0);
  assert_int_not_equal(access(in_scratch("resnet18-f37072fd.pth.part"), F_OK), 0);
}

/* A file that somebody carried here is known by its hash. Needs the larger test data beside the repository. */
static void test_already_there(void **state) {
  (void)state;
  static const char *const folders[] = {BF_TEST_SOURCE_DIR "/shared/data/weights",
                                        BF_TEST_SOURCE_DIR "/../shared/data/weights"};
  static const char *const name = "squeezenet_weights_tf_dim_ordering_tf_kernels_notop.h5";
  char from[1024] = "", command[2200];
  for (size_t i = 0; i < 2 && (from[0] == '\0' || access(from, R_OK) != 0); i++)
    snprintf(from, sizeof from, "%s/%s", folders[i], name);
  if (access(from, R_OK) != 0) skip();
  snprintf(command, sizeof command, "cp '%s' '%s'", from, in_scratch(name));
  assert_int_equal(system(command), 0);
  outcome o = RUN("weights", "fetch", "squeezenet1_1_keras", "-o", in_scratch(name));
  assert_int_equal(o.code, 0);
  assert_non_null(strstr(o.out, "already there and right"));
  assert_non_null(strstr(o.out, "in a configuration: weights: "));
  outcome_free(&o);
  json_t *root = json_of(RUN("weights", "fetch", "squeezenet1_1_keras", "-o", scratch_folder, "--json"));
  assert_true(json_is_true(json_object_get(root, "already")));
  assert_int_equal(json_integer_value(json_object_get(root, "bytes")), 3002560);
  json_decref(root);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_list_json), cmocka_unit_test(test_list_text),     cmocka_unit_test(test_usage),
      cmocka_unit_test(test_offline),   cmocka_unit_test(test_already_there),
  };
  return cmocka_run_group_tests(tests, set_up, tear_down);
}
