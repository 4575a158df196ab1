/* Which rows of a dataset that is being written look alike: candidates by fingerprint (near.h), each pair then judged
 * by the pictures' detail. */
#ifndef BF_DATA_ALIKE_H
#define BF_DATA_ALIKE_H

#include "data/protocol.h"

typedef struct bf_alike {
  bf_near_pair *pairs;      /* that were judged to be alike; owned */
  bf_duplicate *duplicates; /* the same as they are stored; owned */
  int64_t count, crowded;
} bf_alike;

/* Reads a row's pixels: fact->pixels values. */
typedef bf_status (*bf_alike_pixels)(void *argument, int64_t row, uint16_t *dst, int32_t *rows, int32_t *columns,
                                     bf_error *err);

/* same: rows of one number are no pair. most: bits; 0: none are looked for. */
bf_status bf_alike_find(bf_alike *out, const bf_row_fact *facts, const int64_t *same, int64_t count, int most,
                        bf_alike_pixels pixels, void *argument, bf_pool *pool, bf_error *err);
void bf_alike_clear(bf_alike *alike);

#endif
