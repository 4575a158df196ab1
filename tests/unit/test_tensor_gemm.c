/* The matrix product against plain loops: odd sizes, transposes, strides wider than rows, alpha and beta; and the same
 * bits from several threads at once. */
#include "net_support.h"
#include "tensor/gemm.h"

static float at(const float *m, int64_t stride, bool transposed, int64_t row, int64_t column) {
  return transposed ? m[column * stride + row] : m[row * stride + column];
}

static void check(bool ta, bool tb, int m, int n, int k, float alpha, float beta) {
  int64_t lda = (ta ? m : k) + 3, ldb = (tb ? k : n) + 1, ldc = n + 2;
  float *a = net_floats((ta ? k : m) * lda), *b = net_floats((tb ? n : k) * ldb), *c = net_floats(m * ldc),
        *was = net_floats(m * ldc);
  net_fill(a, (ta ? k : m) * lda, 1, 1);
  net_fill(b, (tb ? n : k) * ldb, 2, 1);
  net_fill(was, m * ldc, 3, 1);
  memcpy(c, was, (size_t)(m * ldc) * sizeof(float));
  bf_gemm(ta, tb, m, n, k, alpha, a, lda, b, ldb, beta, c, ldc);
  for (int i = 0; i < m; i++)
    for (int j = 0; j < ldc; j++) {
      double sum = 0, size = 1;
      for (int q = 0; q < k && j < n; q++) {
        double product = (double)at(a, lda, ta, i, q) * at(b, ldb, tb, q, j);
        sum += product;
        size += fabs(product);
      }
      double expected = j < n ? alpha * sum + beta * was[i * ldc + j] : was[i * ldc + j];
      if (fabs(c[i * ldc + j] - expected) > (j < n ? 2e-7 * size * (fabs(alpha) + 1) : 0))
        fail_msg("%d x %d x %d, %d %d, [%d][%d]: %g, expected %g", m, n, k, ta, tb, i, j, c[i * ldc + j], expected);
    }
  bf_free(a), bf_free(b), bf_free(c), bf_free(was);
}

static void test_against_loops(void **unused) {
  (void)unused;
  static const int sizes[][3] = {{1, 1, 1},    {7, 13, 1},    {1, 127, 7}, {13, 7, 127},
                                 {64, 16, 96}, {127, 33, 13}, {17, 1, 64}, {5, 5, 0}};
  for (size_t s = 0; s < sizeof sizes / sizeof sizes[0]; s++)
    for (int way = 0; way < 4; way++) {
      check(way & 1, way & 2, sizes[s][0], sizes[s][1], sizes[s][2], 1, 0);
      check(way & 1, way & 2, sizes[s][0], sizes[s][1], sizes[s][2], -0.5f, 1);
      check(way & 1, way & 2, sizes[s][0], sizes[s][1], sizes[s][2], 2, 0.25f);
    }
}

enum { m = 61, n = 67, k = 71, products = 400 };

typedef struct products_job {
  const float *a, *b, *expected;
  float *c[4];
  int wrong[products];
} products_job;

static void product(void *argument, int task, int thread) {
  products_job *job = argument;
  bf_gemm(false, false, m, n, k, 1, job->a, k, job->b, n, 0, job->c[thread], n);
  job->wrong[task] = memcmp(job->c[thread], job->expected, m * n * sizeof(float)) != 0;
}

/* The fault of Debian's serial OpenBLAS: wrong products when two threads call at once. */
static void test_threads_at_once(void **unused) {
  (void)unused;
  static products_job job;
  float *a = net_floats(m * k), *b = net_floats(k * n), *expected = net_floats(m * n);
  net_fill(a, m * k, 1, 1);
  net_fill(b, k * n, 2, 1);
  bf_gemm(false, false, m, n, k, 1, a, k, b, n, 0, expected, n);
  job.a = a, job.b = b, job.expected = expected;
  for (int i = 0; i < 4; i++) job.c[i] = net_floats(m * n);
  bf_pool *pool = net_pool(4);
  bf_pool_run(pool, product, &job, products);
  bf_pool_destroy(pool);
  for (int i = 0; i < products; i++) assert_int_equal(job.wrong[i], 0);
  for (int i = 0; i < 4; i++) bf_free(job.c[i]);
  bf_free(a), bf_free(b), bf_free(expected);
}

static void test_nothing_to_do(void **unused) {
  (void)unused;
  float one = 1;
  bf_gemm(false, false, 0, 1, 1, 1, &one, 1, &one, 1, 0, &one, 1);
  bf_gemm(false, false, 1, 0, 1, 1, &one, 1, &one, 1, 0, &one, 1);
  assert_true(one == 1);
}

static void test_says_what_was_loaded(void **unused) {
  (void)unused;
  assert_non_null(strstr(bf_blas_describe(), "OpenBLAS"));
  assert_non_null(strstr(bf_blas_describe(), "core "));
}

int main(void) {
  bf_error err = {0};
  if (bf_blas_init(&err) != BF_OK) {
    fprintf(stderr, "%s\n", err.message);
    return 1;
  }
  const struct CMUnitTest tests[] = {cmocka_unit_test(test_against_loops), cmocka_unit_test(test_threads_at_once),
                                     cmocka_unit_test(test_nothing_to_do), cmocka_unit_test(test_says_what_was_loaded)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
