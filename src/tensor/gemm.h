/* Single-precision matrix product: the one user of cblas.h. OpenBLAS runs single-threaded here; parallel work is cut
 * by the callers into tiles of a fixed grid. All matrices are row-major. */
#ifndef BF_TENSOR_GEMM_H
#define BF_TENSOR_GEMM_H

#include <stdbool.h>
#include <stdint.h>

#include "bifocal/status.h"

/* Sets OpenBLAS to one thread and checks that the library loaded is the pthread build: Debian's serial build gives
 * wrong products when called from two threads, the OpenMP build ignores the thread count. Call before any thread is
 * made. Fails with BF_E_UNSUPPORTED and says which alternative to select. */
bf_status bf_blas_init(bf_error *err);
/* For doctor and provenance; borrowed, static. */
const char *bf_blas_describe(void);

/* C[m,n] = alpha * op(A)[m,k] * op(B)[k,n] + beta * C; lda, ldb, ldc are row strides. */
void bf_gemm(bool transpose_a, bool transpose_b, int64_t m, int64_t n, int64_t k, float alpha, const float *a,
             int64_t lda, const float *b, int64_t ldb, float beta, float *c, int64_t ldc);

#endif
