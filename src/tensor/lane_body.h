/* Vectors of the widest kind that the instruction set has, and what every kernel does with its sums at the end.
 * Included by kernels_body.h. */
#if defined(__AVX__)
#include <immintrin.h>
#endif

#if defined(__AVX512F__)
enum { lane_count = 16, tile_rows = 14 };
#elif defined(__AVX__)
enum { lane_count = 8, tile_rows = 6 };
#else
enum { lane_count = 4, tile_rows = 6 };
#endif
enum { panel = 2 * lane_count };

typedef float lane __attribute__((vector_size(lane_count * 4)));
typedef float lane_unaligned __attribute__((vector_size(lane_count * 4), aligned(4), may_alias));
typedef int32_t lane_bits __attribute__((vector_size(lane_count * 4)));
#define get(p) ((lane) * (const lane_unaligned *)(p))
#define put(p, v) (*(lane_unaligned *)(p) = (v))
/* Holds a value in a register, where the compiler would read it from memory once more for each use. */
#define hold(v) __asm__("" : "+v"(v))
#define always static inline __attribute__((always_inline))

/* The first `count` values, the rest 0. */
always lane get_some(const float *p, int count) {
  if (count == lane_count) return get(p);
#if defined(__AVX512F__)
  return (lane)_mm512_maskz_loadu_ps((__mmask16)((1u << count) - 1), p);
#elif defined(__AVX2__)
  __m256i places = _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7);
  return (lane)_mm256_maskload_ps(p, _mm256_cmpgt_epi32(_mm256_set1_epi32(count), places));
#else
  float some[lane_count] = {0};
  for (int i = 0; i < count; i++) some[i] = p[i];
  return get(some);
#endif
}

always void put_some(float *p, lane v, int count) {
  if (count == lane_count) {
    put(p, v);
    return;
  }
#if defined(__AVX512F__)
  _mm512_mask_storeu_ps(p, (__mmask16)((1u << count) - 1), (__m512)v);
#elif defined(__AVX2__)
  __m256i places = _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7);
  _mm256_maskstore_ps(p, _mm256_cmpgt_epi32(_mm256_set1_epi32(count), places), (__m256)v);
#else
  float some[lane_count];
  put(some, v);
  for (int i = 0; i < count; i++) p[i] = some[i];
#endif
}

/* To [low, top]. The instructions give their second operand where either is NaN: NaN stays NaN. */
always lane between(lane s, lane low, lane top) {
#if defined(__AVX512F__)
  return (lane)_mm512_min_ps((__m512)top, _mm512_max_ps((__m512)low, (__m512)s));
#elif defined(__AVX__)
  return (lane)_mm256_min_ps((__m256)top, _mm256_max_ps((__m256)low, (__m256)s));
#else
  lane_bits under = s<low, over = s> top;
  return (lane)(((lane_bits)s & ~under & ~over) | ((lane_bits)low & under) | ((lane_bits)top & over));
#endif
}

/* a*b + c, rounded once where the set can, wherever it stands: left to the compiler, that hangs on the code around it.
 */
always lane fused(lane a, lane b, lane c) {
#if defined(__AVX512F__)
  return (lane)_mm512_fmadd_ps((__m512)a, (__m512)b, (__m512)c);
#elif defined(__FMA__)
  return (lane)_mm256_fmadd_ps((__m256)a, (__m256)b, (__m256)c);
#else
  return a * b + c;
#endif
}

/* A finish of some columns: s -> [low, top] of s*scale + shift + other. */
typedef struct ending {
  lane scale, shift, low, top;
} ending;

/* f NULL: nothing is done. */
always ending ending_of(const bf_finish *f, int64_t column, int count) {
  lane zero = {0};
  bool clamps = f != NULL && f->clamp;
  return (ending){f != NULL && f->scale != NULL ? get_some(f->scale + column, count) : zero + 1.0f,
                  f != NULL && f->shift != NULL ? get_some(f->shift + column, count) : zero,
                  zero + (clamps ? 0.0f : -__builtin_inff()), zero + (clamps ? f->top : __builtin_inff())};
}

always lane ended(lane s, const ending *e) { return between(fused(s, e->scale, e->shift), e->low, e->top); }

always lane ended_with(lane s, lane other, const ending *e) {
  return between(fused(s, e->scale, e->shift) + other, e->low, e->top);
}
