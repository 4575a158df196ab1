/* Checkpoints: blocks and text come back; another network's are refused; a full disk leaves the old one. */
#include "data_support.h"

#include <math.h>

#include "base/memory.h"
#include "store/checkpoint.h"

static void comes_back(void **state) {
  (void)state;
  float a[127], b[1] = {-0.0f}, none[1], a2[127] = {0}, b2[1] = {1};
  for (int i = 0; i < 127; i++) a[i] = i == 13 ? NAN : 1.0f / (float)(i + 1);
  char *text = NULL;
  bf_block out[] = {{"weights", a, 127}, {"moments/first", b, 1}, {"empty", none, 0}};
  bf_block in[] = {{"empty", none, 0}, {"moments/first", b2, 1}, {"weights", a2, 127}};
  assert_ok(bf_checkpoint_write(in_folder("c.h5"), out, 3, "epoch 3\nlines \xe2\x82\xac\n", err));
  assert_ok(bf_checkpoint_read(in_folder("c.h5"), in, 3, &text, err));
  assert_string_equal(text, "epoch 3\nlines \xe2\x82\xac\n");
  assert_memory_equal(a, a2, sizeof a);
  assert_memory_equal(b, b2, sizeof b);
  bf_free(text);
}

static void long_text(void **state) {
  (void)state;
  enum { size = 1 << 18 }; /* more than an attribute of the 1.8 format holds in place */
  char *text = bf_alloc(size + 1, 1), *back = NULL;
  memset(text, 'x', size);
  assert_ok(bf_checkpoint_write(in_folder("l.h5"), NULL, 0, text, err));
  assert_ok(bf_checkpoint_read(in_folder("l.h5"), NULL, 0, &back, err));
  assert_string_equal(text, back);
  bf_free(text);
  bf_free(back);
}

static void refuses_others(void **state) {
  (void)state;
  float a[8] = {0};
  char *text = NULL;
  bf_error bad = {0};
  bf_block out = {"weights", a, 7}, longer = {"weights", a, 8}, other = {"biases", a, 7};
  assert_ok(bf_checkpoint_write(in_folder("o.h5"), &out, 1, "", err));
  bf_checkpoint_read(in_folder("o.h5"), &longer, 1, &text, &bad);
  assert_message(bad, BF_E_FORMAT, "another network");
  assert_null(text);
  bf_checkpoint_read(in_folder("o.h5"), &other, 1, &text, &bad);
  assert_message(bad, BF_E_FORMAT, "biases");
  bf_checkpoint_read(in_folder("absent.h5"), &out, 1, &text, &bad);
  assert_message(bad, BF_E_NOT_FOUND, "absent.h5");
}

static void full_disk(void **state) {
  (void)state;
  enum { count = 100000 };
  float *a = bf_alloc(count, sizeof *a);
  char *text = NULL;
  bf_block block = {"weights", a, count};
  assert_ok(bf_checkpoint_write(in_folder("f.h5"), &block, 1, "old", err));
  bf_error bad = {0};
  take_space(200000);
  bf_status status = bf_checkpoint_write(in_folder("f.h5"), &block, 1, "new", &bad);
  give_space();
  assert_int_equal(status, BF_E_IO);
  assert_message(bad, BF_E_IO, "File too large");
  assert_ok(bf_checkpoint_read(in_folder("f.h5"), &block, 1, &text, err));
  assert_string_equal(text, "old");
  bf_free(text);
  bf_free(a);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(comes_back), cmocka_unit_test(long_text),
                                     cmocka_unit_test(refuses_others), cmocka_unit_test(full_disk)};
  return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
