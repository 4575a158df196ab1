/* Reading YAML by libcyaml. Its schema is built at run time from the option tables: nested mappings whose leaves are
 * all optional text, so that types and ranges are judged in one place, by the tables. libcyaml refuses unknown keys,
 * keys given twice and aliases; the words for them are taken from its log. */
#include <cyaml/cyaml.h>
#include <stdio.h>
#include <string.h>

#include "base/file.h"
#include "base/memory.h"
#include "model/config_entries.h"

enum { file_limit = 1 << 20, max_depth = 8, name_max = 64 };

/* A mapping of the schema: its fields end with an empty one; its data is one pointer a field. */
typedef struct mapping {
  cyaml_schema_field_t *fields;
  int *index; /* entry of a leaf, mapping of a section, by field */
  char (*names)[name_max];
  int count;
} mapping;

typedef struct schema {
  mapping *maps; /* maps[0] is the whole document */
  int count;
} schema;

static void schema_clear(schema *s) {
  for (int i = 0; i < s->count; i++) {
    bf_free(s->maps[i].fields);
    bf_free(s->maps[i].index);
    bf_free(s->maps[i].names);
  }
  bf_free(s->maps);
}

/* The new mapping's number, -1 when memory is short. room: fields that it can get at most. */
static int add_mapping(schema *s, int room) {
  mapping *m = &s->maps[s->count];
  m->fields = bf_alloc((size_t)room + 1, sizeof *m->fields);
  m->index = bf_alloc((size_t)room, sizeof *m->index);
  m->names = bf_alloc((size_t)room, sizeof *m->names);
  return s->count++, m->fields != NULL && m->index != NULL && m->names != NULL ? s->count - 1 : -1;
}

static cyaml_schema_field_t *add_field(mapping *m, const char *name, size_t length, int index) {
  int i = m->count++;
  memcpy(m->names[i], name, length < name_max ? length : name_max - 1);
  m->index[i] = index;
  m->fields[i] = (cyaml_schema_field_t){.key = m->names[i], .data_offset = (uint32_t)((size_t)i * sizeof(void *))};
  m->fields[i].value.flags = CYAML_FLAG_POINTER | CYAML_FLAG_OPTIONAL;
  return &m->fields[i];
}

/* The mapping of the section called prefix, made with those above it where needed; -1 when memory is short. */
static int section_mapping(schema *s, const char *prefix, int room) {
  int at = 0;
  while (*prefix) {
    size_t length = strcspn(prefix, ".");
    mapping *m = &s->maps[at];
    int next = -1;
    for (int i = 0; i < m->count && next < 0; i++)
      if (strlen(m->names[i]) == length && strncmp(m->names[i], prefix, length) == 0) next = m->index[i];
    if (next < 0) {
      next = add_mapping(s, room);
      if (next < 0) return -1;
      add_field(m, prefix, length, next)->value.type = CYAML_MAPPING;
    }
    at = next;
    prefix += length + (prefix[length] == '.');
  }
  return at;
}

static bool schema_build(schema *s, const bf_config *c) {
  int room = c->count + c->section_count;
  s->maps = bf_alloc((size_t)c->section_count * max_depth + 1, sizeof *s->maps);
  if (s->maps == NULL || add_mapping(s, room) < 0) return false;
  for (int i = 0; i < c->count; i++) {
    int at = section_mapping(s, c->entries[i].section->prefix, room);
    if (at < 0) return false;
    cyaml_schema_field_t *field = add_field(&s->maps[at], c->entries[i].row->name, strlen(c->entries[i].row->name), i);
    field->value.type = CYAML_STRING;
    field->value.data_size = 1;
    field->value.string.max = 1 << 16;
  }
  /* Sizes and places are known now. */
  for (int m = 0; m < s->count; m++)
    for (int i = 0; i < s->maps[m].count; i++) {
      cyaml_schema_value_t *value = &s->maps[m].fields[i].value;
      if (value->type != CYAML_MAPPING) continue;
      value->mapping.fields = s->maps[s->maps[m].index[i]].fields;
      value->data_size = (uint32_t)((size_t)s->maps[s->maps[m].index[i]].count * sizeof(void *));
    }
  return true;
}

/* What libcyaml said: its first error line, then the fields around the place, innermost first. */
typedef struct talk {
  char first[256];
  char field[max_depth][name_max];
  int fields;
  unsigned long line;
  bool more_documents;
} talk;

static void listen(cyaml_log_t level, void *context, const char *format, va_list arguments) {
  talk *t = context;
  char text[512], name[name_max];
  unsigned long line;
  vsnprintf(text, sizeof text, format, arguments);
  text[strcspn(text, "\n")] = '\0';
  if (level == CYAML_LOG_WARNING && strstr(text, "documents after first") != NULL) t->more_documents = true;
  if (level != CYAML_LOG_ERROR) return;
  if (sscanf(text, " in mapping field '%63[^']' (line: %lu", name, &line) == 2 && t->fields < max_depth) {
    if (t->line == 0) t->line = line;
    memcpy(t->field[t->fields++], name, sizeof name);
  } else if (sscanf(text, " in mapping (line: %lu", &line) == 1) {
    if (t->line == 0) t->line = line;
  } else if (t->first[0] == '\0' && strstr(text, "Backtrace") == NULL) {
    const char *said = strncmp(text, "Load: ", 6) == 0 ? text + 6 : text;
    snprintf(t->first, sizeof t->first, "%.*s", (int)sizeof t->first - 1, said);
  }
}

/* The dotted key of the place, with `last` behind it unless it is NULL. */
static void place(char *key, size_t capacity, const talk *t, const char *last) {
  size_t used = 0;
  key[0] = '\0';
  for (int i = t->fields - 1; i >= 0 && used < capacity; i--)
    used += (size_t)snprintf(key + used, capacity - used, "%s%s", used ? "." : "", t->field[i]);
  if (last != NULL && used < capacity) snprintf(key + used, capacity - used, "%s%s", used ? "." : "", last);
}

static bf_status explain(const bf_config *c, cyaml_err_t code, const talk *t, bf_error *err) {
  char key[512], word[128];
  if (code == CYAML_ERR_OOM) return bf_fail(err, BF_E_MEMORY, "no memory to read it");
  if (sscanf(t->first, "Unexpected key: %127s", word) == 1) {
    place(key, sizeof key, t, word);
    return bf_config_unknown(c, key, err);
  }
  place(key, sizeof key, t, NULL);
  const char *colon = key[0] ? ": " : "";
  char where[48] = "";
  if (t->line > 0) snprintf(where, sizeof where, " (near line %lu)", t->line);
  if (strncmp(t->first, "Mapping field already seen", 26) == 0)
    return bf_fail(err, BF_E_ARGUMENT, "%s%sgiven twice%s", key, colon, where);
  if (code == CYAML_ERR_ALIAS)
    return bf_fail(err, BF_E_ARGUMENT, "%s%saliases (*name) are not taken%s", key, colon, where);
  if (strncmp(t->first, "Expecting STRING", 16) == 0)
    return bf_fail(err, BF_E_ARGUMENT, "%s%sone value is wanted here, not a list or more keys%s", key, colon, where);
  if (strncmp(t->first, "Expecting MAPPING", 17) == 0)
    return bf_fail(err, BF_E_ARGUMENT, "%s%skeys are wanted here, not a value or list%s", key, colon, where);
  const char *said = strncmp(t->first, "libyaml: ", 9) == 0 ? t->first + 9 : t->first;
  return bf_fail(err, BF_E_FORMAT, "%s%snot YAML: %s%s", key, colon, said[0] ? said : cyaml_strerror(code), where);
}

static bf_status take_values(bf_config *c, const schema *s, int map, void *const *data, bf_error *err) {
  const mapping *m = &s->maps[map];
  bf_status status = BF_OK;
  for (int i = 0; i < m->count && status == BF_OK; i++) {
    if (data[i] == NULL) continue;
    if (m->fields[i].value.type == CYAML_MAPPING)
      status = take_values(c, s, m->index[i], data[i], err);
    else
      status = bf_config_set(c, c->entries[m->index[i]].key, data[i], err);
  }
  return status;
}

static bf_status read_yaml(bf_config *c, const char *text, bf_error *err) {
  schema s = {0};
  talk t = {0};
  void *data = NULL;
  bf_status status = BF_OK;
  const cyaml_config_t how = {.log_fn = listen,
                              .log_ctx = &t,
                              .mem_fn = cyaml_mem,
                              .log_level = CYAML_LOG_WARNING,
                              .flags = CYAML_CFG_NO_ALIAS};
  if (!schema_build(&s, c)) {
    status = bf_fail(err, BF_E_MEMORY, "no memory for the configuration's schema");
    goto out;
  }
  const cyaml_schema_value_t root = {.type = CYAML_MAPPING,
                                     .flags = CYAML_FLAG_POINTER,
                                     .data_size = (uint32_t)((size_t)s.maps[0].count * sizeof(void *)),
                                     .mapping.fields = s.maps[0].fields};
  cyaml_err_t code = cyaml_load_data((const uint8_t *)text, strlen(text), &how, &root, &data, NULL);
  if (code != CYAML_OK)
    status = explain(c, code, &t, err);
  else if (t.more_documents)
    status = bf_fail(err, BF_E_ARGUMENT, "more than one YAML document; leave out the line '---'");
  else if (data != NULL)
    status = take_values(c, &s, 0, data, err);
  if (code == CYAML_OK) cyaml_free(&how, &root, data, 0);
out:
  schema_clear(&s);
  return status;
}

bf_status bf_config_read_text(bf_config *c, const char *text, const char *origin, bf_error *err) {
  size_t size = strlen(text);
  bf_status status = size <= file_limit
                         ? read_yaml(c, text, err)
                         : bf_fail(err, BF_E_FORMAT, "%zu bytes, more than the limit of %d", size, file_limit);
  if (status != BF_OK) bf_error_prefix(err, "%s", origin);
  return status;
}

bf_status bf_config_read_file(bf_config *c, const char *path, bf_error *err) {
  char *text;
  size_t size;
  bf_status status = bf_file_read(&text, &size, path, file_limit, err);
  if (status != BF_OK) return status;
  if (strlen(text) != size)
    status = bf_fail(err, BF_E_FORMAT, "%s: not YAML: it holds a NUL byte", path);
  else
    status = bf_config_read_text(c, text, path, err);
  bf_free(text);
  return status;
}
