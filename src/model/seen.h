/* Which images a model has seen while it was made: kept as hashes of their SOP Instance UIDs, so that scoring can tell
 * when a "test" image is none. */
#ifndef BF_MODEL_SEEN_H
#define BF_MODEL_SEEN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "bifocal/status.h"

/* Zeroed: nothing is known. */
typedef struct bf_seen {
  uint64_t *hashes; /* rising, each once; owned */
  int64_t count;
} bf_seen;

void bf_seen_clear(bf_seen *seen);
/* The first 8 bytes of the SHA-256 of a SOP Instance UID. Among 50,000 images one of 7 * 10^9 others is taken for one
 * of them. */
uint64_t bf_seen_hash(const char *sop_instance_uid);
/* Adds hashes in any order. */
bf_status bf_seen_add(bf_seen *seen, const uint64_t *hashes, int64_t count, bf_error *err);
bool bf_seen_has(const bf_seen *seen, const char *sop_instance_uid);

/* 16 hexadecimal digits each, freed with bf_free; NULL when memory is short. */
char *bf_seen_write(const bf_seen *seen);
/* BF_E_FORMAT where the text is none. */
bf_status bf_seen_read(bf_seen *out, const char *text, bf_error *err);

#endif
