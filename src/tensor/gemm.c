/* The one user of cblas.h. */
#include "tensor/gemm.h"

#include <cblas.h>
#include <stdio.h>

enum { pthread_build = 1 };

bf_status bf_blas_init(bf_error *err) {
  openblas_set_num_threads(1);
  if (openblas_get_parallel() == pthread_build) return BF_OK;
  return bf_fail(
      err, BF_E_UNSUPPORTED,
      "the OpenBLAS that was loaded is not the pthread build (%s): it would give wrong or slow products; select it "
      "with 'update-alternatives --config libopenblas.so.0-x86_64-linux-gnu'",
      openblas_get_config());
}

const char *bf_blas_describe(void) {
  static char text[256];
  if (text[0] == '\0') snprintf(text, sizeof text, "%s, core %s", openblas_get_config(), openblas_get_corename());
  return text;
}

void bf_gemm(bool transpose_a, bool transpose_b, int64_t m, int64_t n, int64_t k, float alpha, const float *a,
             int64_t lda, const float *b, int64_t ldb, float beta, float *c, int64_t ldc) {
  if (m == 0 || n == 0) return;
  cblas_sgemm(CblasRowMajor, transpose_a ? CblasTrans : CblasNoTrans, transpose_b ? CblasTrans : CblasNoTrans,
              (blasint)m, (blasint)n, (blasint)k, alpha, a, (blasint)lda, b, (blasint)ldb, beta, c, (blasint)ldc);
}
