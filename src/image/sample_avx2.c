/* Eight points of a line at a time. Every operation is that of bf_sample_line, in its order and precision. */
#include "image/sample_line.h"

#if defined(__x86_64__)
#include <immintrin.h>

#define AVX2 __attribute__((target("avx2")))

/* Eight coordinates: the neighbour below, and the share on the way to the next. */
typedef struct places {
  __m256i whole;
  __m256 share;
} places;

/* m: the row of the affine. Pixel centres become whole numbers. */
AVX2 static inline __m256d coordinate(const double *m, __m256d x, __m256d y) {
  __m256d sum = _mm256_add_pd(_mm256_mul_pd(_mm256_set1_pd(m[0]), x), _mm256_mul_pd(_mm256_set1_pd(m[1]), y));
  return _mm256_sub_pd(_mm256_add_pd(sum, _mm256_set1_pd(m[2])), _mm256_set1_pd(0.5));
}

AVX2 static inline places place(__m256d low, __m256d high) {
  const __m256d one = _mm256_set1_pd(1);
  const __m128i int_one = _mm_set1_epi32(1);
  __m128i a = _mm_sub_epi32(_mm256_cvttpd_epi32(_mm256_add_pd(low, one)), int_one);
  __m128i b = _mm_sub_epi32(_mm256_cvttpd_epi32(_mm256_add_pd(high, one)), int_one);
  __m128 fa = _mm256_cvtpd_ps(_mm256_sub_pd(low, _mm256_cvtepi32_pd(a)));
  __m128 fb = _mm256_cvtpd_ps(_mm256_sub_pd(high, _mm256_cvtepi32_pd(b)));
  return (places){_mm256_set_m128i(b, a), _mm256_set_m128(fb, fa)};
}

/* Lanes with least <= value < most. */
AVX2 static inline __m256i between(__m256i value, int least, int most) {
  return _mm256_and_si256(_mm256_cmpgt_epi32(value, _mm256_set1_epi32(least - 1)),
                          _mm256_cmpgt_epi32(_mm256_set1_epi32(most), value));
}

AVX2 static inline __m256 lerp(__m256 a, __m256 b, __m256 f) {
  return _mm256_add_ps(a, _mm256_mul_ps(f, _mm256_sub_ps(b, a)));
}

/* Two neighbours of a line of pixels, fetched as one word. */
AVX2 static inline __m256 pair(const uint16_t *pixels, __m256i at, __m256 f) {
  __m256i both = _mm256_i32gather_epi32((const int *)(const void *)pixels, at, 2);
  __m256 left = _mm256_cvtepi32_ps(_mm256_and_si256(both, _mm256_set1_epi32(0xffff)));
  return lerp(left, _mm256_cvtepi32_ps(_mm256_srli_epi32(both, 16)), f);
}

AVX2 static inline __m256 inside(const bf_sampled *s, places x, places y) {
  __m256i at = _mm256_add_epi32(_mm256_mullo_epi32(y.whole, _mm256_set1_epi32(s->columns)), x.whole);
  return lerp(pair(s->pixels, at, x.share), pair(s->pixels + s->columns, at, x.share), y.share);
}

AVX2 static inline __m256d four(const float *displacement) { return _mm256_cvtps_pd(_mm_loadu_ps(displacement)); }

AVX2 void bf_sample_line_avx2(float *sum, const bf_sampled *s, int x, double fraction, double y, const float *dx,
                              const float *dy, int count) {
  const __m256d first = _mm256_set_pd(3, 2, 1, 0), second = _mm256_set_pd(7, 6, 5, 4);
  int i = 0;
  for (; i + 8 <= count; i += 8) {
    __m256d from = _mm256_set1_pd(fraction), at = _mm256_set1_pd(x + i), y0 = _mm256_set1_pd(y), y1 = y0;
    __m256d x0 = _mm256_add_pd(from, _mm256_add_pd(at, first)), x1 = _mm256_add_pd(from, _mm256_add_pd(at, second));
    if (dx != NULL) {
      x0 = _mm256_add_pd(x0, four(dx + i)), x1 = _mm256_add_pd(x1, four(dx + i + 4));
      y0 = _mm256_add_pd(y0, four(dy + i)), y1 = _mm256_add_pd(y1, four(dy + i + 4));
    }
    places px = place(coordinate(s->back, x0, y0), coordinate(s->back, x1, y1));
    places py = place(coordinate(s->back + 3, x0, y0), coordinate(s->back + 3, x1, y1));
    __m256i all = _mm256_and_si256(between(px.whole, 0, s->columns - 1), between(py.whole, 0, s->rows - 1));
    __m256i any = _mm256_and_si256(between(px.whole, -1, s->columns), between(py.whole, -1, s->rows));
    if (_mm256_movemask_epi8(all) == -1)
      _mm256_storeu_ps(sum + i, _mm256_add_ps(_mm256_loadu_ps(sum + i), inside(s, px, py)));
    else if (_mm256_movemask_epi8(any) != 0)
      bf_sample_line(sum + i, s, x + i, fraction, y, dx != NULL ? dx + i : NULL, dx != NULL ? dy + i : NULL, 8);
  }
  if (i < count)
    bf_sample_line(sum + i, s, x + i, fraction, y, dx != NULL ? dx + i : NULL, dx != NULL ? dy + i : NULL, count - i);
}

#else

void bf_sample_line_avx2(float *sum, const bf_sampled *s, int x, double fraction, double y, const float *dx,
                         const float *dy, int count) {
  bf_sample_line(sum, s, x, fraction, y, dx, dy, count);
}

#endif
