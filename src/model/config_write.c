/* The resolved configuration as YAML that reads back equal. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "base/utf8.h"
#include "model/config_entries.h"

/* Safe without quotes, and text to every YAML reader where our option is text. */
static bool is_plain(const bf_option *row, const char *value) {
  static const char letters[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_./+-";
  static const char *const words[] = {"null", "Null", "NULL", "true", "True", "TRUE", "false", "False", "FALSE",
                                      "yes",  "Yes",  "YES",  "no",   "No",   "NO",   "on",    "On",    "ON",
                                      "off",  "Off",  "OFF",  "y",    "Y",    "n",    "N"};
  if (value[0] == '\0' || value[strspn(value, letters)] != '\0') return false;
  if (row->type != BF_OPTION_TEXT && row->type != BF_OPTION_CHOICE) return true;
  if (strchr("-+0123456789", value[0]) != NULL) return false;
  if (value[0] == '.' && value[1] != '.' && value[1] != '/') return false;
  for (size_t i = 0; i < sizeof words / sizeof words[0]; i++)
    if (strcmp(words[i], value) == 0) return false;
  return true;
}

/* Double quotes. Escaped: what YAML 1.1 does not let stand, and the line breaks that a reader would fold. */
static void write_quoted(FILE *f, const char *value) {
  fputc('"', f);
  while (*value) {
    const char *start = value;
    long code = bf_utf8_next(&value);
    if (code == '"' || code == '\\')
      fprintf(f, "\\%c", (int)code);
    else if (code < 0x20 || (code >= 0x7F && code <= 0xA0) || code == 0x2028 || code == 0x2029 || code == 0xFEFF ||
             code == 0xFFFE || code == 0xFFFF)
      fprintf(f, "\\u%04lX", code);
    else
      fwrite(start, 1, (size_t)(value - start), f);
  }
  fputc('"', f);
}

static void write_entry(FILE *f, const bf_config_entry *entry, int indent, bool comments) {
  const bf_option *row = entry->row;
  if (comments && row->help != NULL) {
    fprintf(f, "%*s# %s", indent, "", row->help);
    if (row->type == BF_OPTION_CHOICE) fprintf(f, " (%s)", row->choices);
    if (row->type == BF_OPTION_INT || row->type == BF_OPTION_REAL) fprintf(f, " (%g to %g)", row->low, row->high);
    fputc('\n', f);
  }
  fprintf(f, "%*s%s: ", indent, "", row->name);
  if (is_plain(row, entry->value))
    fputs(entry->value, f);
  else
    write_quoted(f, entry->value);
  fputc('\n', f);
}

/* True when some section before `index` starts with the same `size` characters and a dot or its end. */
static bool seen_before(const bf_config *c, int index, size_t size) {
  const char *prefix = c->sections[index].prefix;
  for (int i = 0; i < index; i++)
    if (strncmp(c->sections[i].prefix, prefix, size) == 0 &&
        (c->sections[i].prefix[size] == '.' || !c->sections[i].prefix[size]))
      return true;
  return false;
}

/* The section called by the first `size` characters of prefix, then the sections below it, in table order. */
static void write_level(FILE *f, const bf_config *c, const char *prefix, size_t size, int indent, bool comments) {
  for (int i = 0; i < c->count; i++)
    if (strlen(c->entries[i].section->prefix) == size && strncmp(c->entries[i].section->prefix, prefix, size) == 0)
      write_entry(f, &c->entries[i], indent, comments);
  for (int i = 0; i < c->section_count; i++) {
    const char *other = c->sections[i].prefix;
    if (strncmp(other, prefix, size) != 0 || (size > 0 && other[size] != '.')) continue;
    size_t start = size > 0 ? size + 1 : 0, length = strcspn(other + start, ".");
    if (length == 0 || seen_before(c, i, start + length)) continue;
    fprintf(f, "%*s%.*s:\n", indent, "", (int)length, other + start);
    write_level(f, c, other, start + length, indent + 2, comments);
  }
}

char *bf_config_write(const bf_config *c, bool comments) {
  char *text = NULL, *copy = NULL;
  size_t size = 0;
  FILE *f = open_memstream(&text, &size);
  if (f == NULL) return NULL;
  write_level(f, c, "", 0, 0, comments);
  bool good = !ferror(f);
  if (fclose(f) == 0 && good) copy = bf_strdup(text);
  free(text);
  return copy;
}
