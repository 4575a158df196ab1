/* Sampling lines with AVX-512: eight doubles are one vector. */
#if defined(__x86_64__)
#include <immintrin.h>

#define VECTOR __attribute__((target("avx2,avx512f")))
#define LINE bf_sample_line_avx512
#define WIDE VECTOR static inline __attribute__((always_inline))

typedef __m512d wide;

WIDE wide wide_set(double v) { return _mm512_set1_pd(v); }
WIDE wide wide_eight(void) { return _mm512_set_pd(7, 6, 5, 4, 3, 2, 1, 0); }
WIDE wide wide_add(wide p, wide q) { return _mm512_add_pd(p, q); }
WIDE wide wide_sub(wide p, wide q) { return _mm512_sub_pd(p, q); }
WIDE wide wide_mul(wide p, wide q) { return _mm512_mul_pd(p, q); }
WIDE wide wide_load(const float *v) { return _mm512_cvtps_pd(_mm256_loadu_ps(v)); }
WIDE wide wide_from_int(__m256i v) { return _mm512_cvtepi32_pd(v); }
WIDE __m256i wide_to_int(wide v) { return _mm512_cvttpd_epi32(v); }
WIDE __m256 wide_to_float(wide v) { return _mm512_cvtpd_ps(v); }

#include "image/sample_body.h"
#else
typedef int bf_sample_avx512_is_empty;
#endif
