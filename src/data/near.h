/* Which pictures of a collection look alike. */
#ifndef BF_DATA_NEAR_H
#define BF_DATA_NEAR_H

#include "base/pool.h"
#include "bifocal/status.h"
#include "image/fingerprint.h"

typedef struct bf_near_pair {
  int64_t a, b; /* a < b */
  int distance; /* bits of the fingerprints that differ */
} bf_near_pair;

typedef struct bf_near_pairs {
  bf_near_pair *items; /* by a, then b; owned */
  int64_t count;
  int64_t crowded; /* pictures that have more neighbours behind them than are kept (BF_NEAR_MOST) */
} bf_near_pairs;

enum { BF_NEAR_MOST = 32 };

void bf_near_clear(bf_near_pairs *pairs);

/* Pairs at most `most` bits apart; of one that has more than BF_NEAR_MOST behind it, the nearest. same: pictures of the
 * same number belong together anyway and are no pair; NULL: none do. Locality-sensitive hashing with sorted tables
 * (Charikar, STOC 2002, section 3): in each of 64 tables fingerprints stand in the order of other bits, and each is
 * compared with the next 64. A pair at 40 of 256 bits is missed by fewer than one in 10,000 among 50,000 pictures whose
 * fingerprints are unlike. Time n log n, memory 300 bytes a picture, and where all are near each other
 * 1.5 KB a picture and thread; the result does not depend on the threads. */
bf_status bf_near_find(bf_near_pairs *out, const bf_fingerprint *prints, const int64_t *same, int64_t count, int most,
                       bf_pool *pool, bf_error *err);

#endif
