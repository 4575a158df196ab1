/* SplitMix64 streams keyed by purpose. */
#include "base/rng.h"

#include <math.h>

static uint64_t mix(uint64_t z) {
  z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
  z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
  return z ^ (z >> 31);
}

static const uint64_t golden_gamma = UINT64_C(0x9e3779b97f4a7c15);

bf_rng bf_rng_make(uint64_t seed, uint64_t a, uint64_t b) {
  uint64_t s = mix(seed + golden_gamma);
  s = mix(s ^ (a + golden_gamma * 3));
  s = mix(s ^ (b + golden_gamma * 5));
  return (bf_rng){s};
}

double bf_rng_uniform(bf_rng *rng) { return (double)(bf_rng_next(rng) >> 11) * 0x1.0p-53; }

double bf_rng_range(bf_rng *rng, double low, double high) { return low + (high - low) * bf_rng_uniform(rng); }

double bf_rng_normal(bf_rng *rng) {
  double u = 1.0 - bf_rng_uniform(rng); /* (0, 1]: the logarithm is finite */
  double v = bf_rng_uniform(rng);
  return sqrt(-2.0 * log(u)) * cos(6.283185307179586477 * v);
}

uint64_t bf_rng_below(bf_rng *rng, uint64_t bound) {
  if (bound == 0) return 0;
  uint64_t limit = UINT64_MAX - UINT64_MAX % bound; /* draws above would favour small numbers */
  uint64_t draw;
  do draw = bf_rng_next(rng);
  while (draw >= limit);
  return draw % bound;
}

void bf_rng_shuffle(bf_rng *rng, int64_t *items, int64_t count) {
  for (int64_t i = count - 1; i > 0; i--) {
    int64_t j = (int64_t)bf_rng_below(rng, (uint64_t)i + 1);
    int64_t swap = items[i];
    items[i] = items[j];
    items[j] = swap;
  }
}
