/* Open addressing with linear probing over FNV-1a hashes; the table is at most half full. */
#include "data/string_map.h"

#include <string.h>

#include "base/memory.h"

struct bf_string_entry {
  char *text; /* NULL: free */
  uint64_t hash;
  int64_t value;
};

static uint64_t hash_of(const char *text) {
  uint64_t hash = UINT64_C(0xcbf29ce484222325);
  for (; *text != '\0'; text++) hash = (hash ^ (unsigned char)*text) * UINT64_C(0x100000001b3);
  return hash ^ (hash >> 32);
}

static struct bf_string_entry *place_of(const bf_string_map *map, const char *text, uint64_t hash) {
  for (int64_t i = (int64_t)(hash & (uint64_t)(map->room - 1));; i = (i + 1) & (map->room - 1)) {
    struct bf_string_entry *entry = &map->entries[i];
    if (entry->text == NULL || (entry->hash == hash && strcmp(entry->text, text) == 0)) return entry;
  }
}

int64_t bf_string_map_get(const bf_string_map *map, const char *text) {
  if (map->count == 0) return -1;
  const struct bf_string_entry *entry = place_of(map, text, hash_of(text));
  return entry->text == NULL ? -1 : entry->value;
}

const char *bf_string_map_text(const bf_string_map *map, const char *text) {
  return map->count == 0 ? NULL : place_of(map, text, hash_of(text))->text;
}

static bf_status make_room(bf_string_map *map, bf_error *err) {
  if (map->count * 4 < map->room * 3) return BF_OK;
  bf_string_map larger = {.room = map->room == 0 ? 64 : map->room * 2, .count = map->count};
  larger.entries = bf_alloc((size_t)larger.room, sizeof *larger.entries);
  if (larger.entries == NULL)
    return bf_fail(err, BF_E_MEMORY, "no memory for an index of %lld names", (long long)map->count);
  for (int64_t i = 0; i < map->room; i++)
    if (map->entries[i].text != NULL) *place_of(&larger, map->entries[i].text, map->entries[i].hash) = map->entries[i];
  bf_free(map->entries);
  *map = larger;
  return BF_OK;
}

bf_status bf_string_map_set(bf_string_map *map, const char *text, int64_t value, bf_error *err) {
  bf_status status = make_room(map, err);
  if (status != BF_OK) return status;
  uint64_t hash = hash_of(text);
  struct bf_string_entry *entry = place_of(map, text, hash);
  if (entry->text == NULL) {
    char *copy = bf_strdup(text);
    if (copy == NULL) return bf_fail(err, BF_E_MEMORY, "no memory for an index of %lld names", (long long)map->count);
    *entry = (struct bf_string_entry){copy, hash, value};
    map->count++;
  }
  entry->value = value;
  return BF_OK;
}

bf_status bf_string_map_number(int64_t *out, bf_string_map *map, const char *text, bf_error *err) {
  *out = text[0] != '\0' ? bf_string_map_get(map, text) : -1;
  if (text[0] == '\0' || *out >= 0) return BF_OK;
  *out = map->count;
  return bf_string_map_set(map, text, *out, err);
}

void bf_string_map_clear(bf_string_map *map) {
  for (int64_t i = 0; i < map->room; i++) bf_free(map->entries[i].text);
  bf_free(map->entries);
  *map = (bf_string_map){0};
}
