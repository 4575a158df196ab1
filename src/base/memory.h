/* Checked, aligned memory. Every size product is checked for overflow. */
#ifndef BF_BASE_MEMORY_H
#define BF_BASE_MEMORY_H

#include <stdbool.h>
#include <stddef.h>

#include "bifocal/status.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Zeroed memory for count items of size bytes each, aligned to 64 bytes; NULL when count*size overflows or memory
 * is short. count or size 0 gives a valid pointer. Freed with bf_free. */
void *bf_alloc(size_t count, size_t size);

/* As bf_alloc, but not zeroed. */
void *bf_alloc_raw(size_t count, size_t size);

/* Memory that is used again: makes *block, which has room for *have items (NULL and 0 at first), one for count of them
 * where it is not. What stood in it is lost then. False when memory is short; the block is then NULL. */
bool bf_make_room(void **block, size_t *have, size_t count, size_t size);

/* The system gets back whole pages of this part of a block, whose contents are lost. The block is freed as before. */
void bf_give_back(void *part, size_t size);

/* Grows an array that came from bf_alloc (or NULL) from old_count to new_count items; the old items are kept, new
 * ones are zero. NULL on failure, and the old block is then still valid. */
void *bf_grow(void *old, size_t old_count, size_t new_count, size_t size);

/* Accepts NULL. */
void bf_free(void *block);

/* A copy freed with bf_free; NULL when memory is short or text is NULL. */
char *bf_strdup(const char *text);

/* Highest resident size of this process so far, MiB; 0 where unknown. */
double bf_peak_rss_mib(void);

#ifdef __cplusplus
}
#endif
#endif
