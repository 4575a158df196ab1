/* Eight points of a line at a time; the including file says what eight doubles are (wide, wide_*), for which processors
 * (VECTOR) and the name (LINE). Every operation is that of bf_sample_line, in its order and precision. */
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

/* A straight line of points whose ends are inside lies inside as a whole: no point is asked. */
VECTOR static void run_inside(float *sum, const bf_sampled *s, int x, double fraction, double y, int count) {
  for (int i = 0; i < count; i += 8) {
    wide px = ahead(x + i, fraction), py = wide_set(y);
    add_inside(sum + i, s, place(s->back, px, py), place(s->back + 3, px, py));
  }
}

VECTOR static void run_across(float *sum, const bf_sampled *s, int x, double fraction, double y, int count) {
  for (int i = 0; i < count; i += 8) {
    wide px = ahead(x + i, fraction), py = wide_set(y);
    places h = place(s->back, px, py), v = place(s->back + 3, px, py);
    whereabouts at = where(s, h, v);
    if (at == INSIDE)
      add_inside(sum + i, s, h, v);
    else if (at == ACROSS)
      bf_sample_line(sum + i, s, x + i, fraction, y, NULL, NULL, 8);
  }
}

VECTOR static void run_displaced(float *sum, const bf_sampled *s, int x, double fraction, double y, const float *dx,
                                 const float *dy, int count) {
  for (int i = 0; i < count; i += 8) {
    wide px = wide_add(ahead(x + i, fraction), wide_load(dx + i)), py = wide_add(wide_set(y), wide_load(dy + i));
    places h = place(s->back, px, py), v = place(s->back + 3, px, py);
    whereabouts at = where(s, h, v);
    if (at == INSIDE)
      add_inside(sum + i, s, h, v);
    else if (at == ACROSS)
      bf_sample_line(sum + i, s, x + i, fraction, y, dx + i, dy + i, 8);
  }
}

static bool is_inside(const bf_sampled *s, double x, double y) {
  const double *m = s->back;
  double px = m[0] * x + m[1] * y + m[2] - 0.5 + 1, py = m[3] * x + m[4] * y + m[5] - 0.5 + 1;
  return px >= 1 && py >= 1 && px < s->columns && py < s->rows;
}

VECTOR void LINE(float *sum, const bf_sampled *s, int x, double fraction, double y, const float *dx, const float *dy,
                 int count) {
  enum { piece = 64 };
  int whole = count & ~7;
  if (dx != NULL) run_displaced(sum, s, x, fraction, y, dx, dy, whole);
  for (int i = 0; i < whole && dx == NULL; i += piece) {
    int n = whole - i < piece ? whole - i : piece;
    bool inside = is_inside(s, x + i + fraction, y) && is_inside(s, x + i + n - 1 + fraction, y);
    (inside ? run_inside : run_across)(sum + i, s, x + i, fraction, y, n);
  }
  if (whole < count)
    bf_sample_line(sum + whole, s, x + whole, fraction, y, dx != NULL ? dx + whole : NULL,
                   dx != NULL ? dy + whole : NULL, count - whole);
}
