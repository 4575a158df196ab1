/* The secret of the patient hash: where it comes from, and by what two jobs know that theirs is the same. */
#ifndef BF_RUN_PATIENT_KEY_H
#define BF_RUN_PATIENT_KEY_H

#include <stddef.h>

#include "bifocal/status.h"

typedef struct bf_patient_key {
  char *bytes; /* owned; NULL: there is none */
  size_t size;
  const char *origin; /* in words, static */
  char check[17];     /* of a keyed hash of fixed words: equal keys have equal ones; "" without a key */
} bf_patient_key;

/* From the file, else from BIFOCAL_PATIENT_KEY in the environment, else none. Shorter than 16 bytes: BF_E_ARGUMENT.
 * Cleared in any case. */
bf_status bf_patient_key_take(bf_patient_key *out, const char *key_file, bf_error *err);
/* A key that nobody else has, from the system's random source. */
bf_status bf_patient_key_draw(bf_patient_key *out, bf_error *err);
/* Leaves no copy in memory. Accepts a zeroed one. */
void bf_patient_key_clear(bf_patient_key *key);

#endif
