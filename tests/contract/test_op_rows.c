/* Every row of ops.def is whole. Gradients and kernels of every row are tested in grad/test_ops.c. */
#include "net_support.h"
#include "nn/op.h"

static const bf_op *const ops[] = {
#define BF_OP(file, name) &bf_op_##name,
#include "nn/ops.def"
#undef BF_OP
};
enum { op_count = sizeof ops / sizeof ops[0] };

static void test_rows_are_whole(void **unused) {
  (void)unused;
  for (int i = 0; i < op_count; i++) {
    assert_non_null(ops[i]->name);
    assert_true(strlen(ops[i]->name) > 0);
    assert_non_null(ops[i]->flags);
    assert_non_null(ops[i]->forward);
    assert_non_null(ops[i]->backward);
    for (int k = 0; k < i; k++) assert_string_not_equal(ops[i]->name, ops[k]->name);
  }
}

/* An operation that works in place has lost its input when its backward pass comes. */
static void test_in_place_and_its_input(void **unused) {
  (void)unused;
  const bf_node node = {.kernel = 1, .stride = 1};
  for (int i = 0; i < op_count; i++)
    for (int statistics = 0; statistics < 2; statistics++) {
      int flags = ops[i]->flags(&node, statistics);
      assert_false((flags & BF_OP_IN_PLACE) && (flags & BF_OP_READS_INPUT));
    }
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(test_rows_are_whole),
                                     cmocka_unit_test(test_in_place_and_its_input)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
