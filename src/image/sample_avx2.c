/* Sampling lines with AVX2: eight doubles are two vectors of four. */
#if defined(__x86_64__)
#include <immintrin.h>

#define VECTOR __attribute__((target("avx2")))
#define LINE bf_sample_line_avx2
#define WIDE VECTOR static inline __attribute__((always_inline))

typedef struct wide {
  __m256d a, b;
} wide;

WIDE wide wide_set(double v) { return (wide){_mm256_set1_pd(v), _mm256_set1_pd(v)}; }
WIDE wide wide_eight(void) { return (wide){_mm256_set_pd(3, 2, 1, 0), _mm256_set_pd(7, 6, 5, 4)}; }
WIDE wide wide_add(wide p, wide q) { return (wide){_mm256_add_pd(p.a, q.a), _mm256_add_pd(p.b, q.b)}; }
WIDE wide wide_sub(wide p, wide q) { return (wide){_mm256_sub_pd(p.a, q.a), _mm256_sub_pd(p.b, q.b)}; }
WIDE wide wide_mul(wide p, wide q) { return (wide){_mm256_mul_pd(p.a, q.a), _mm256_mul_pd(p.b, q.b)}; }
WIDE wide wide_load(const float *v) {
  return (wide){_mm256_cvtps_pd(_mm_loadu_ps(v)), _mm256_cvtps_pd(_mm_loadu_ps(v + 4))};
}
WIDE wide wide_from_int(__m256i v) {
  return (wide){_mm256_cvtepi32_pd(_mm256_castsi256_si128(v)), _mm256_cvtepi32_pd(_mm256_extracti128_si256(v, 1))};
}
WIDE __m256i wide_to_int(wide v) { return _mm256_set_m128i(_mm256_cvttpd_epi32(v.b), _mm256_cvttpd_epi32(v.a)); }
WIDE __m256 wide_to_float(wide v) { return _mm256_set_m128(_mm256_cvtpd_ps(v.b), _mm256_cvtpd_ps(v.a)); }

#include "image/sample_body.h"
#else
typedef int bf_sample_avx2_is_empty;
#endif
