/* The table of known weight files: every row is usable, and a file is known by its hash. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/file.h"
#include "model/known_weights.h"

static void test_rows(void **state) {
  (void)state;
  assert_true(bf_known_weights_count() >= 18);
  assert_null(bf_known_weights_at(-1));
  assert_null(bf_known_weights_at(bf_known_weights_count()));
  for (int i = 0; i < bf_known_weights_count(); i++) {
    const bf_known_weights *row = bf_known_weights_at(i);
    size_t digits = strlen(row->sha256);
    assert_true(digits == 64 || digits == 8);
    assert_int_equal(strspn(row->sha256, "0123456789abcdef"), digits);
    assert_int_equal(strncmp(row->url, "https://", 8), 0);
    assert_true(strlen(bf_path_name(row->url)) > 4);
    assert_true(row->bytes >= 0 && row->bytes < 4000000000);
    assert_true(strlen(row->licence) > 0 && strlen(row->origin) > 0 && strlen(row->backbone) > 0);
    assert_true(row->inputs.range == 1 || row->inputs.range == 255);
    assert_true(strcmp(row->inputs.colour, "RGB") == 0 || strcmp(row->inputs.colour, "BGR") == 0);
    for (int c = 0; c < 3; c++) assert_true(row->inputs.std[c] > 0 && row->inputs.mean[c] < row->inputs.range);
    for (int k = 0; k < i; k++) {
      assert_string_not_equal(row->name, bf_known_weights_at(k)->name);
      assert_int_not_equal(strncmp(row->sha256, bf_known_weights_at(k)->sha256, 8), 0);
    }
    assert_ptr_equal(bf_known_weights_find(row->name, NULL), row);
  }
}

/* torchvision writes the beginning of the hash into the file's name. */
static void test_hash_in_the_name(void **state) {
  (void)state;
  for (int i = 0; i < bf_known_weights_count(); i++) {
    const bf_known_weights *row = bf_known_weights_at(i);
    char end[16];
    if (strstr(row->url, "download.pytorch.org") == NULL) continue;
    snprintf(end, sizeof end, "-%.8s.pth", row->sha256);
    assert_string_equal(row->url + strlen(row->url) - strlen(end), end);
  }
}

static void test_names(void **state) {
  (void)state;
  bf_error err = {0};
  assert_null(bf_known_weights_find("resnet81", &err));
  assert_int_equal(err.status, BF_E_ARGUMENT);
  assert_non_null(strstr(err.message, "did you mean resnet18?"));
  assert_null(bf_known_weights_find("something else", &err));
  assert_non_null(strstr(err.message, "weights list"));
}

static void test_by_hash(void **state) {
  (void)state;
  const bf_known_weights *whole = bf_known_weights_find("resnet18", NULL);
  const bf_known_weights *part = bf_known_weights_find("vgg11", NULL);
  char hash[65];
  assert_ptr_equal(bf_known_weights_by_sha256(whole->sha256, 0), whole);
  assert_ptr_equal(bf_known_weights_by_sha256("F37072FD47E89C5E827621C5BAFFA7500819F7896BBACEC160B1A16C560E07EC", 1),
                   whole);
  memcpy(hash, whole->sha256, sizeof hash);
  hash[63] = hash[63] == '0' ? '1' : '0';
  assert_null(bf_known_weights_by_sha256(hash, whole->bytes)); /* the beginning is not enough for a row that has all */
  assert_null(bf_known_weights_by_sha256("f37072fd", whole->bytes));
  assert_null(bf_known_weights_by_sha256("", 0));
  assert_false(bf_known_weights_is_whole(part));
  memset(hash, '5', 64);
  memcpy(hash, part->sha256, 8);
  assert_ptr_equal(bf_known_weights_by_sha256(hash, part->bytes), part);
  assert_ptr_equal(bf_known_weights_by_sha256(hash, 0), part);
}

static void test_normalisation(void **state) {
  (void)state;
  bf_normalisation n;
  bf_known_inputs_normalisation(&n, &bf_known_weights_find("resnet18", NULL)->inputs);
  assert_float_equal(n.mean[0], 0.485f, 1e-6);
  assert_float_equal(n.std[2], 0.225f, 1e-6);
  /* 255 x grey - 103.939 = (grey - mean) / std */
  bf_known_inputs_normalisation(&n, &bf_known_weights_find("squeezenet1_1_keras", NULL)->inputs);
  assert_float_equal((0.25f - n.mean[0]) / n.std[0], 255 * 0.25 - 103.939, 1e-3);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_rows),    cmocka_unit_test(test_hash_in_the_name), cmocka_unit_test(test_names),
      cmocka_unit_test(test_by_hash), cmocka_unit_test(test_normalisation),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
