/* Random draws keyed by what they are for, never by thread or by order of calls: the same (seed, a, b) gives the same
 * sequence everywhere. Generator: SplitMix64 (Steele, Lea, Flood 2014) seeded with a mix of the key. */
#ifndef BF_BASE_RNG_H
#define BF_BASE_RNG_H

#include <stdint.h>

typedef struct bf_rng {
  uint64_t state;
} bf_rng;

/* a and b name the stream, for example epoch and row. */
bf_rng bf_rng_make(uint64_t seed, uint64_t a, uint64_t b);
/* Inline: pictures take a draw a pixel. */
static inline uint64_t bf_rng_next(bf_rng *rng) {
  uint64_t z = rng->state += UINT64_C(0x9e3779b97f4a7c15); /* 2^64 over the golden ratio */
  z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
  z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
  return z ^ (z >> 31);
}
double bf_rng_uniform(bf_rng *rng);                        /* [0, 1) */
double bf_rng_range(bf_rng *rng, double low, double high); /* [low, high) */
double bf_rng_normal(bf_rng *rng);                         /* mean 0, variance 1 (Box-Muller) */
uint64_t bf_rng_below(bf_rng *rng, uint64_t bound);        /* 0 .. bound-1, unbiased; 0 when bound is 0 */
/* Fisher-Yates. */
void bf_rng_shuffle(bf_rng *rng, int64_t *items, int64_t count);

#endif
