/* A map from texts to numbers: finds labels by UID or path, and files that come twice. One thread at a time. */
#ifndef BF_DATA_STRING_MAP_H
#define BF_DATA_STRING_MAP_H

#include <stdint.h>

#include "bifocal/status.h"

typedef struct bf_string_map {
  struct bf_string_entry *entries;
  int64_t room, count;
} bf_string_map; /* zeroed: empty */

/* -1 when the text is not there. */
int64_t bf_string_map_get(const bf_string_map *map, const char *text);
/* The map's own copy, good until the map is cleared; NULL when the text is not there. */
const char *bf_string_map_text(const bf_string_map *map, const char *text);
/* Adds the text (copied) or changes its number (from 0 on). */
bf_status bf_string_map_set(bf_string_map *map, const char *text, int64_t value, bf_error *err);
/* The text's number, given from 0 on in the order of coming; -1 for "". */
bf_status bf_string_map_number(int64_t *out, bf_string_map *map, const char *text, bf_error *err);
void bf_string_map_clear(bf_string_map *map);

#endif
