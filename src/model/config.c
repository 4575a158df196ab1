/* The flat list of dotted keys: defaults, single assignments, and the structs that values go to. Reading YAML stands in
 * config_yaml.c, writing it in config_write.c. */
#include "model/config.h"

#include <stdio.h>
#include <string.h>

#include "base/memory.h"
#include "base/utf8.h"
#include "model/config_entries.h"

static bool copy_sections(bf_config *c, const bf_config_section *sections, int count) {
  c->sections = bf_alloc((size_t)count, sizeof *c->sections);
  if (c->sections == NULL) return false;
  for (; c->section_count < count; c->section_count++) {
    char *prefix = bf_strdup(sections[c->section_count].prefix);
    if (prefix == NULL) return false;
    c->sections[c->section_count] = (bf_config_section){prefix, sections[c->section_count].table};
  }
  return true;
}

static bool add_entry(bf_config *c, const bf_config_section *section, const bf_option *row) {
  size_t size = strlen(section->prefix) + strlen(row->name) + 2;
  char *key = bf_alloc(size, 1), *value = bf_strdup(row->fallback);
  if (key == NULL || value == NULL) {
    bf_free(key);
    bf_free(value);
    return false;
  }
  snprintf(key, size, "%s%s%s", section->prefix, section->prefix[0] ? "." : "", row->name);
  c->entries[c->count++] = (bf_config_entry){key, value, section, row};
  return true;
}

bf_status bf_config_create(bf_config **out, const bf_config_section *sections, int count, bf_error *err) {
  *out = NULL;
  size_t rows = 0;
  for (int i = 0; i < count; i++)
    for (const bf_option *row = sections[i].table; row->name != NULL; row++) rows++;
  bf_config *c = bf_alloc(1, sizeof *c);
  if (c == NULL) return bf_fail(err, BF_E_MEMORY, "no memory for the configuration");
  bool good = copy_sections(c, sections, count) && (c->entries = bf_alloc(rows, sizeof *c->entries)) != NULL;
  for (int i = 0; good && i < count; i++)
    for (const bf_option *row = sections[i].table; good && row->name != NULL; row++)
      good = add_entry(c, &c->sections[i], row);
  if (!good) {
    bf_config_destroy(c);
    return bf_fail(err, BF_E_MEMORY, "no memory for the configuration");
  }
  *out = c;
  return BF_OK;
}

void bf_config_destroy(bf_config *c) {
  if (c == NULL) return;
  for (int i = 0; i < c->count; i++) {
    bf_free(c->entries[i].key);
    bf_free(c->entries[i].value);
  }
  for (int i = 0; i < c->section_count; i++) bf_free((char *)c->sections[i].prefix);
  bf_free(c->entries);
  bf_free(c->sections);
  bf_free(c);
}

static bf_config_entry *find(const bf_config *c, const char *key) {
  for (int i = 0; i < c->count; i++)
    if (strcmp(c->entries[i].key, key) == 0) return &c->entries[i];
  return NULL;
}

static const char *last_word(const char *key) {
  const char *dot = strrchr(key, '.');
  return dot != NULL ? dot + 1 : key;
}

/* A slip of the hand in the whole key, else the right word in the wrong section. */
static const char *suggestion(const bf_config *c, const char *key) {
  const char *best = NULL;
  const char **keys = bf_alloc((size_t)c->count + (size_t)c->section_count, sizeof *keys);
  if (keys == NULL) return NULL;
  int count = 0;
  for (int i = 0; i < c->count; i++) keys[count++] = c->entries[i].key;
  for (int i = 0; i < c->section_count; i++)
    if (c->sections[i].prefix[0]) keys[count++] = c->sections[i].prefix;
  best = bf_nearest(key, keys, count);
  bf_free(keys);
  for (int i = 0; i < c->count && best == NULL; i++)
    if (strcmp(last_word(c->entries[i].key), last_word(key)) == 0) best = c->entries[i].key;
  return best;
}

bf_status bf_config_unknown(const bf_config *c, const char *key, bf_error *err) {
  const char *near = suggestion(c, key);
  if (near != NULL) return bf_fail(err, BF_E_ARGUMENT, "%s: no such key; did you mean %s?", key, near);
  return bf_fail(err, BF_E_ARGUMENT, "%s: no such key", key);
}

bf_status bf_config_set(bf_config *c, const char *key, const char *value, bf_error *err) {
  bf_config_entry *entry = find(c, key);
  if (entry == NULL) return bf_config_unknown(c, key, err);
  char where[256];
  snprintf(where, sizeof where, "%s%s", entry->section->prefix, entry->section->prefix[0] ? "." : "");
  bf_status status = bf_option_check(entry->row, where, value, err);
  if (status != BF_OK) return status;
  if (!bf_is_utf8(value)) return bf_fail(err, BF_E_ARGUMENT, "%s: the value is not UTF-8 text", key);
  char *copy = bf_strdup(value);
  if (copy == NULL) return bf_fail(err, BF_E_MEMORY, "no memory for the value of %s", key);
  bf_free(entry->value);
  entry->value = copy;
  return BF_OK;
}

bf_status bf_config_assign(bf_config *c, const char *assignment, bf_error *err) {
  const char *equals = strchr(assignment, '=');
  char key[256];
  if (equals == NULL || equals == assignment || (size_t)(equals - assignment) >= sizeof key)
    return bf_fail(err, BF_E_ARGUMENT, "'%s': write key=value, such as epochs=10", assignment);
  memcpy(key, assignment, (size_t)(equals - assignment));
  key[equals - assignment] = '\0';
  return bf_config_set(c, key, equals + 1, err);
}

const char *bf_config_get(const bf_config *c, const char *key) {
  const bf_config_entry *entry = find(c, key);
  return entry != NULL ? entry->value : NULL;
}

bf_status bf_config_fill(const bf_config *c, const char *prefix, void *options, bf_error *err) {
  const bf_config_section *section = NULL;
  for (int i = 0; i < c->section_count && section == NULL; i++)
    if (strcmp(c->sections[i].prefix, prefix) == 0) section = &c->sections[i];
  if (section == NULL) return bf_fail(err, BF_E_INTERNAL, "the configuration has no section '%s'", prefix);
  bf_status status = bf_options_defaults(section->table, options, err);
  for (int i = 0; i < c->count && status == BF_OK; i++)
    if (c->entries[i].section == section)
      status = bf_options_set(section->table, options, prefix, c->entries[i].row->name, c->entries[i].value, err);
  return status;
}
