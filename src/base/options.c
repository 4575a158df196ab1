/* Option tables: parsing, checking, defaults, and the nearest known name for a slip of the hand. */
#include "base/options.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

static bool parse_bool(bool *out, const char *text) {
  static const char *const yes[] = {"true", "yes", "on", "1"}, *const no[] = {"false", "no", "off", "0"};
  for (int i = 0; i < 4; i++) {
    if (strcasecmp(text, yes[i]) == 0) return *out = true, true;
    if (strcasecmp(text, no[i]) == 0) return *out = false, true;
  }
  return false;
}

static int parse_choice(const char *choices, const char *text) {
  size_t size = strlen(text);
  int index = 0;
  for (const char *c = choices; c != NULL; c = strchr(c, '|'), c = c ? c + 1 : NULL, index++)
    if (strncmp(c, text, size) == 0 && (c[size] == '|' || c[size] == '\0')) return index;
  return -1;
}

static bool parse_real(double *out, const char *text) {
  char *end;
  errno = 0;
  *out = strtod(text, &end);
  return end != text && *end == '\0' && isfinite(*out);
}

static bool parse_int(double *out, const char *text) {
  char *end;
  errno = 0;
  long long value = strtoll(text, &end, 10);
  *out = (double)value;
  return end != text && *end == '\0' && errno == 0 && value >= -2147483647LL && value <= 2147483647LL;
}

/* Writes to `field` unless it is NULL. */
static bf_status parse(const bf_option *row, void *field, const char *where, const char *value, bf_error *err) {
  double number;
  bool flag;
  switch (row->type) {
    case BF_OPTION_INT:
      if (!parse_int(&number, value) || number < row->low || number > row->high)
        return bf_fail(err, BF_E_ARGUMENT, "%s%s: '%s' is not a whole number from %.0f to %.0f", where, row->name,
                       value, row->low, row->high);
      if (field != NULL) *(int *)field = (int)number;
      return BF_OK;
    case BF_OPTION_REAL:
      if (!parse_real(&number, value) || number < row->low || number > row->high)
        return bf_fail(err, BF_E_ARGUMENT, "%s%s: '%s' is not a number from %g to %g", where, row->name, value,
                       row->low, row->high);
      if (field != NULL) *(double *)field = number;
      return BF_OK;
    case BF_OPTION_BOOL:
      if (!parse_bool(&flag, value))
        return bf_fail(err, BF_E_ARGUMENT, "%s%s: '%s' is neither true nor false", where, row->name, value);
      if (field != NULL) *(bool *)field = flag;
      return BF_OK;
    case BF_OPTION_TEXT:
      if (strlen(value) >= BF_OPTION_TEXT_MAX)
        return bf_fail(err, BF_E_ARGUMENT, "%s%s: longer than %d characters", where, row->name, BF_OPTION_TEXT_MAX - 1);
      if (field != NULL) strcpy(field, value);
      return BF_OK;
    case BF_OPTION_CHOICE:
      if (parse_choice(row->choices, value) < 0)
        return bf_fail(err, BF_E_ARGUMENT, "%s%s: '%s' is none of %s", where, row->name, value, row->choices);
      if (field != NULL) *(int *)field = parse_choice(row->choices, value);
      return BF_OK;
  }
  return bf_fail(err, BF_E_INTERNAL, "%s%s: unknown option type %d", where, row->name, (int)row->type);
}

bf_status bf_option_check(const bf_option *row, const char *where, const char *value, bf_error *err) {
  return parse(row, NULL, where, value, err);
}

bf_status bf_options_defaults(const bf_option *table, void *options, bf_error *err) {
  for (const bf_option *row = table; row->name != NULL; row++)
    if (parse(row, (char *)options + row->offset, "", row->fallback, err) != BF_OK) {
      bf_error_prefix(err, "default");
      if (err != NULL) err->status = BF_E_INTERNAL;
      return BF_E_INTERNAL;
    }
  return BF_OK;
}

const bf_option *bf_options_find(const bf_option *table, const char *name) {
  for (const bf_option *row = table; row->name != NULL; row++)
    if (strcmp(row->name, name) == 0) return row;
  return NULL;
}

bf_status bf_options_set(const bf_option *table, void *options, const char *where, const char *name, const char *value,
                         bf_error *err) {
  const bf_option *row = bf_options_find(table, name);
  if (row != NULL) return parse(row, (char *)options + row->offset, where, value, err);
  const char *names[64];
  int count = 0;
  for (row = table; row->name != NULL && count < 64; row++) names[count++] = row->name;
  const char *near = bf_nearest(name, names, count);
  if (near != NULL)
    return bf_fail(err, BF_E_ARGUMENT, "%s%s: no such key; did you mean %s%s?", where, name, where, near);
  return bf_fail(err, BF_E_ARGUMENT, "%s%s: no such key", where, name);
}

/* Levenshtein distance, words cut to 63 characters. */
static int distance(const char *a, const char *b) {
  int n = (int)strnlen(a, 63), m = (int)strnlen(b, 63);
  int row[64];
  for (int j = 0; j <= m; j++) row[j] = j;
  for (int i = 1; i <= n; i++) {
    int diagonal = row[0];
    row[0] = i;
    for (int j = 1; j <= m; j++) {
      int best = diagonal + (a[i - 1] != b[j - 1]);
      if (row[j] + 1 < best) best = row[j] + 1;
      if (row[j - 1] + 1 < best) best = row[j - 1] + 1;
      diagonal = row[j];
      row[j] = best;
    }
  }
  return row[m];
}

const char *bf_nearest(const char *word, const char *const *candidates, int count) {
  const char *best = NULL;
  int least = 1 + (int)strnlen(word, 63) / 3;
  for (int i = 0; i < count; i++) {
    int d = distance(word, candidates[i]);
    if (d <= least && (best == NULL || d < least)) best = candidates[i], least = d;
  }
  return best;
}

static bf_status take_setting(const bf_option_section *sections, int count, const char *text, const char *wanted,
                              bf_error *err) {
  const char *equals = strchr(text, '=');
  char name[128];
  for (int i = 0; i < count && equals != NULL; i++) {
    size_t length = strlen(sections[i].prefix);
    if (strncmp(text, sections[i].prefix, length) != 0 || (size_t)(equals - text) >= sizeof name) continue;
    snprintf(name, sizeof name, "%.*s", (int)((size_t)(equals - text) - length), text + length);
    return bf_options_set(sections[i].table, sections[i].options, sections[i].prefix, name, equals + 1, err);
  }
  return bf_fail(err, BF_E_ARGUMENT, "--set %s: give %s", text, wanted);
}

bf_status bf_option_sections_take(const bf_option_section *sections, int count, const char *const *settings,
                                  int setting_count, const char *wanted, bf_error *err) {
  bf_status status = BF_OK;
  for (int i = 0; i < count && status == BF_OK; i++)
    status = bf_options_defaults(sections[i].table, sections[i].options, err);
  for (int i = 0; i < setting_count && status == BF_OK; i++)
    status = take_setting(sections, count, settings[i], wanted, err);
  return status;
}
