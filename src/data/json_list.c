/* Finding where values of JSON end, and parsing one at a time. */
#include "data/json_list.h"

#include <stdbool.h>
#include <string.h>

static const char *skip_blanks(const char *c) { return c + strspn(c, " \t\r\n"); }

/* Behind the closing quote; NULL where there is none. */
static const char *skip_string(const char *c) {
  for (c++; *c != '"'; c++) {
    if (*c == '\\' && c[1] != '\0') c++;
    if (*c == '\0') return NULL;
  }
  return c + 1;
}

/* Behind the value that begins here; NULL where it does not end. Whether it is sound is seen when it is parsed. */
static const char *skip_value(const char *c, int depth, bool *deep) {
  int open = 0;
  do {
    c = skip_blanks(c);
    if (*c == '\0') return NULL;
    if (*c == '{' || *c == '[') {
      if (++open + depth > BF_JSON_DEPTH_MAX) *deep = true;
      c++;
    } else if (*c == '}' || *c == ']') {
      if (open-- == 0) return NULL;
      c++;
    } else if (*c == '"') {
      if ((c = skip_string(c)) == NULL) return NULL;
    } else {
      size_t size = strcspn(c, open > 0 ? "{}[]\"" : "{}[]\", \t\r\n");
      if (size == 0) return NULL;
      c += size;
    }
  } while (open > 0);
  return c;
}

static bf_status too_deep(const char *path, bf_error *err) {
  return bf_fail(err, BF_E_LIMIT, "%s: is nested more than %d deep", path, BF_JSON_DEPTH_MAX);
}

/* What stands there is not repeated: it may tell of a patient. */
static bf_status damaged(const char *path, const char *text, const char *at, bf_error *err) {
  long line = 1;
  for (const char *c = text; c < at; c++) line += *c == '\n';
  return bf_fail(err, BF_E_FORMAT, "%s: line %ld: is no sound JSON (cut short, or a mark is missing)", path, line);
}

static int name_at(const char *key, size_t size, const char *const *names, int count) {
  for (int k = 0; k < count; k++)
    if (strlen(names[k]) == size && memcmp(key, names[k], size) == 0) return k;
  return -1;
}

/* One member of the object; moves *at behind it. */
static bf_status member(const char *starts[], const char **at, const char *text, const char *const *names, int count,
                        const char *path, bf_error *err) {
  bool deep = false;
  const char *key = *at, *end = *key == '"' ? skip_string(key) : NULL;
  const char *colon = end != NULL ? skip_blanks(end) : key;
  if (end == NULL || *colon != ':') return damaged(path, text, colon, err);
  const char *value = skip_blanks(colon + 1), *behind = skip_value(value, 1, &deep);
  if (deep) return too_deep(path, err);
  if (behind == NULL) return damaged(path, text, text + strlen(text), err);
  *at = behind;
  int k = name_at(key + 1, (size_t)(end - key) - 2, names, count);
  if (k < 0) return BF_OK;
  if (starts[k] != NULL) return bf_fail(err, BF_E_FORMAT, "%s: holds '%s' twice", path, names[k]);
  if (*value != '[') return bf_fail(err, BF_E_FORMAT, "%s: '%s' is no list", path, names[k]);
  starts[k] = value;
  return BF_OK;
}

bf_status bf_json_lists(const char *starts[], const char *text, const char *const *names, int count, const char *path,
                        bf_error *err) {
  const char *at = skip_blanks(text);
  bf_status status = BF_OK;
  for (int k = 0; k < count; k++) starts[k] = NULL;
  if (*at != '{') return damaged(path, text, at, err);
  at = skip_blanks(at + 1);
  while (*at != '}' && status == BF_OK) {
    status = member(starts, &at, text, names, count, path, err);
    if (status != BF_OK) return status;
    at = skip_blanks(at);
    if (*at == '}') break;
    if (*at != ',') return damaged(path, text, at, err);
    at = skip_blanks(at + 1);
    if (*at == '}') return damaged(path, text, at, err);
  }
  at = skip_blanks(at + 1);
  if (*at != '\0') return damaged(path, text, at, err);
  for (int k = 0; k < count; k++)
    if (starts[k] == NULL) return bf_fail(err, BF_E_FORMAT, "%s: holds no list '%s'", path, names[k]);
  return BF_OK;
}

static bf_status unsound(const bf_json_cursor *c, bf_error *err) {
  return bf_fail(err, BF_E_FORMAT, "%s: %s[%zu]: is no sound JSON", c->path, c->name, c->index);
}

bf_status bf_json_next(json_t **out, bf_json_cursor *c, bf_error *err) {
  bool deep = false;
  json_error_t why;
  *out = NULL;
  const char *start = skip_blanks(c->next);
  if (*start == ']' && c->index > 0) return BF_OK;
  if (*start != (c->index == 0 ? '[' : ',')) return unsound(c, err);
  start = skip_blanks(start + 1);
  if (*start == ']' && c->index == 0) return BF_OK;
  const char *end = skip_value(start, 2, &deep);
  if (deep) return too_deep(c->path, err);
  if (end == NULL) return unsound(c, err);
  if (end - start > BF_JSON_ELEMENT_MAX)
    return bf_fail(err, BF_E_LIMIT, "%s: %s[%zu]: has more than %d bytes", c->path, c->name, c->index,
                   BF_JSON_ELEMENT_MAX);
  *out = json_loadb(start, (size_t)(end - start), JSON_REJECT_DUPLICATES | JSON_DECODE_ANY, &why);
  if (*out == NULL && json_error_code(&why) == json_error_out_of_memory)
    return bf_fail(err, BF_E_MEMORY, "%s: %s[%zu]: no memory to read it", c->path, c->name, c->index);
  if (*out == NULL) return unsound(c, err);
  c->next = end;
  c->index++;
  return BF_OK;
}
