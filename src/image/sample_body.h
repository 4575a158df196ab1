/* Eight points of a line at a time; the including file says what eight doubles are (wide, wide_*), for which processors
 * (VECTOR) and the name (LINE). Every operation is that of bf_sample_line, in its order and precision. */
#include <math.h>

#include "image/sample_line.h"

#define EACH VECTOR static inline __attribute__((always_inline))

/* Eight coordinates: the neighbour below, and the share on the way to the next. What no int holds (or is not a number)
 * becomes INT32_MAX, outside of any picture. */
typedef struct places {
  __m256i whole;
  __m256 share;
} places;

/* row: of the affine. Pixel centres become whole numbers. */
EACH places place(const double *row, wide x, wide y) {
  wide sum = wide_add(wide_mul(wide_set(row[0]), x), wide_mul(wide_set(row[1]), y));
  wide at = wide_sub(wide_add(sum, wide_set(row[2])), wide_set(0.5));
  __m256i whole = _mm256_sub_epi32(wide_to_int(wide_add(at, wide_set(1))), _mm256_set1_epi32(1));
  return (places){whole, wide_to_float(wide_sub(at, wide_from_int(whole)))};
}

/* Lanes with least <= value < most. */
EACH __m256i between(__m256i value, int least, int most) {
  return _mm256_and_si256(_mm256_cmpgt_epi32(value, _mm256_set1_epi32(least - 1)),
                          _mm256_cmpgt_epi32(_mm256_set1_epi32(most), value));
}

typedef enum whereabouts { OUTSIDE, ACROSS, INSIDE } whereabouts;

/* INSIDE: all four neighbours of every point are in the picture. OUTSIDE: none of any point. */
EACH whereabouts where(const bf_sampled *s, places x, places y) {
  __m256i all = _mm256_and_si256(between(x.whole, 0, s->columns - 1), between(y.whole, 0, s->rows - 1));
  if (_mm256_movemask_epi8(all) == -1) return INSIDE;
  __m256i any = _mm256_and_si256(between(x.whole, -1, s->columns), between(y.whole, -1, s->rows));
  return _mm256_movemask_epi8(any) != 0 ? ACROSS : OUTSIDE;
}

EACH __m256 lerp(__m256 a, __m256 b, __m256 f) { return _mm256_add_ps(a, _mm256_mul_ps(f, _mm256_sub_ps(b, a))); }

/* Two neighbours in a row of pixels, fetched as one word. */
EACH __m256 pair(const uint16_t *pixels, __m256i at, __m256 f) {
  __m256i both = _mm256_i32gather_epi32((const int *)(const void *)pixels, at, 2);
  __m256 left = _mm256_cvtepi32_ps(_mm256_and_si256(both, _mm256_set1_epi32(0xffff)));
  return lerp(left, _mm256_cvtepi32_ps(_mm256_srli_epi32(both, 16)), f);
}

EACH void add_inside(float *sum, const bf_sampled *s, places x, places y) {
  __m256i at = _mm256_add_epi32(_mm256_mullo_epi32(y.whole, _mm256_set1_epi32(s->columns)), x.whole);
  __m256 value = lerp(pair(s->pixels, at, x.share), pair(s->pixels + s->columns, at, x.share), y.share);
  _mm256_storeu_ps(sum, _mm256_add_ps(_mm256_loadu_ps(sum), value));
}

EACH wide ahead(int x, double fraction) { return wide_add(wide_add(wide_set(x), wide_eight()), wide_set(fraction)); }

/* count: a multiple of 8. checked: points may lie outside. The picture is a copy, so that it stays in registers: stores
 * of vectors might else change it. */
EACH void run(float *sum, const bf_sampled *picture, int x, double fraction, double y, const float *dx, const float *dy,
              int count, bool checked) {
  const bf_sampled s = *picture;
  for (int i = 0; i < count; i += 8) {
    wide px = ahead(x + i, fraction), py = wide_set(y);
    if (dx != NULL) px = wide_add(px, wide_load(dx + i)), py = wide_add(py, wide_load(dy + i));
    places h = place(s.back, px, py), v = place(s.back + 3, px, py);
    whereabouts at = checked ? where(&s, h, v) : INSIDE;
    if (at == INSIDE)
      add_inside(sum + i, &s, h, v);
    else if (at == ACROSS)
      bf_sample_line(sum + i, picture, x + i, fraction, y, dx != NULL ? dx + i : NULL, dx != NULL ? dy + i : NULL, 8);
  }
}

/* Whether a frame point lies inside by `margin` picture pixels and more. */
static bool is_inside(const bf_sampled *s, double x, double y, double margin) {
  const double *m = s->back;
  double px = m[0] * x + m[1] * y + m[2] - 0.5 + 1, py = m[3] * x + m[4] * y + m[5] - 0.5 + 1;
  return px >= 1 + margin && py >= 1 + margin && px < s->columns - margin && py < s->rows - margin;
}

VECTOR void LINE(float *sum, const bf_sampled *s, int x, double fraction, double y, const float *dx, const float *dy,
                 int count) {
  enum { piece = 64 };
  const double *m = s->back;
  const double stretch = fmax(fabs(m[0]) + fabs(m[1]), fabs(m[3]) + fabs(m[4]));
  const double margin = dx != NULL ? 1 + stretch * s->most : 0;
  int whole = count & ~7;
  for (int i = 0; i < whole; i += piece) {
    int n = whole - i < piece ? whole - i : piece;
    /* A straight line whose ends are inside is inside as a whole, and one that is displaced, if they are far inside. */
    bool inside = is_inside(s, x + i + fraction, y, margin) && is_inside(s, x + i + n - 1 + fraction, y, margin);
    if (dx == NULL && inside)
      run(sum + i, s, x + i, fraction, y, NULL, NULL, n, false);
    else if (dx == NULL)
      run(sum + i, s, x + i, fraction, y, NULL, NULL, n, true);
    else if (inside)
      run(sum + i, s, x + i, fraction, y, dx + i, dy + i, n, false);
    else
      run(sum + i, s, x + i, fraction, y, dx + i, dy + i, n, true);
  }
  if (whole < count)
    bf_sample_line(sum + whole, s, x + whole, fraction, y, dx != NULL ? dx + whole : NULL,
                   dx != NULL ? dy + whole : NULL, count - whole);
}
