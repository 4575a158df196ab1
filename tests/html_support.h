/* A strict look at HTML that our own code wrote: every element closed or self-closed, attributes quoted and single,
 * characters escaped, names of elements unique and every reference to one met. Stricter than HTML, so that what it
 * takes any browser reads in one way. cmocka.h comes first. */
#ifndef BF_TESTS_HTML_SUPPORT_H
#define BF_TESTS_HTML_SUPPORT_H

#include <ctype.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { html_depth_max = 64, html_ids_max = 4096, html_id_max = 80 };

typedef struct html_check {
  const char *start, *at;
  char open[html_depth_max][24];
  int depth;
  char ids[html_ids_max][html_id_max], wanted[html_ids_max][html_id_max];
  int id_count, wanted_count;
  int heading; /* level of the last one */
} html_check;

static inline void html_fail(const html_check *h, const char *what) {
  fail_msg("%s at byte %ld: %.60s", what, (long)(h->at - h->start), h->at);
}

static inline void html_name(html_check *h, char *name, size_t capacity) {
  size_t size = strcspn(h->at, " \t\n=/>\"'<");
  if (size == 0 || size >= capacity) html_fail(h, "no name");
  memcpy(name, h->at, size);
  name[size] = '\0';
  h->at += size;
}

/* Up to `end`: text or the value of an attribute. */
static inline void html_escaped(html_check *h, char end) {
  static const char *const good[] = {"&amp;", "&lt;", "&gt;", "&quot;", "&#39;"};
  for (; *h->at != '\0' && *h->at != end; h->at++) {
    unsigned char c = (unsigned char)*h->at;
    if (c == '<' || c == '>' || c == '"' || (c < 0x20 && c != '\n' && c != '\t') || c == 0x7F)
      html_fail(h, "bare character");
    bool known = c != '&';
    for (int i = 0; i < 5; i++) known = known || strncmp(h->at, good[i], strlen(good[i])) == 0;
    if (!known) html_fail(h, "bare ampersand");
  }
}

static inline void html_keep(char (*names)[html_id_max], int *count, const char *name, size_t size) {
  if (*count >= html_ids_max || size >= html_id_max) abort();
  memcpy(names[*count], name, size);
  names[(*count)++][size] = '\0';
}

static inline bool html_has(const html_check *h, const char *id) {
  for (int i = 0; i < h->id_count; i++)
    if (strcmp(h->ids[i], id) == 0) return true;
  return false;
}

/* Numbers of drawings must be numbers. */
static inline void html_number(html_check *h, const char *name, const char *value, size_t size) {
  static const char *const names[] = {"d",  "x",  "y",  "cx",    "cy",     "r",       "x1",
                                      "x2", "y1", "y2", "width", "height", "viewBox", "data-frame"};
  for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
    if (strcmp(name, names[i]) == 0 && strspn(value, "0123456789.%- MLHVZmhvzla") != size) html_fail(h, "no number");
}

static inline void html_attribute(html_check *h, const char *name, const char *value, size_t size) {
  if (strcmp(name, "id") == 0) {
    char id[html_id_max];
    snprintf(id, sizeof id, "%.*s", (int)size, value);
    if (html_has(h, id)) html_fail(h, "a name that is there already");
    html_keep(h->ids, &h->id_count, value, size);
  }
  if (strcmp(name, "for") == 0) html_keep(h->wanted, &h->wanted_count, value, size);
  if (strcmp(name, "href") == 0 && value[0] == '#') html_keep(h->wanted, &h->wanted_count, value + 1, size - 1);
  if (strcmp(name, "aria-labelledby") == 0)
    for (const char *v = value; v < value + size;) {
      size_t length = strcspn(v, " \"");
      html_keep(h->wanted, &h->wanted_count, v, length);
      v += length + 1;
    }
  html_number(h, name, value, size);
}

/* Behind the name of an element. True where it closed itself. */
static inline bool html_attributes(html_check *h) {
  char names[24][32];
  int count = 0;
  for (;;) {
    while (isspace((unsigned char)*h->at)) h->at++;
    if (strncmp(h->at, "/>", 2) == 0) return h->at += 2, true;
    if (*h->at == '>') return h->at++, false;
    html_name(h, names[count], sizeof names[0]);
    for (int i = 0; i < count; i++)
      if (strcmp(names[i], names[count]) == 0) html_fail(h, "an attribute twice");
    if (strncmp(h->at, "=\"", 2) != 0) html_fail(h, "attribute without a quoted value");
    const char *value = h->at += 2;
    html_escaped(h, '"');
    html_attribute(h, names[count], value, (size_t)(h->at - value));
    h->at++;
    if (++count >= 24) html_fail(h, "too many attributes");
  }
}

static inline void html_heading(html_check *h, const char *name) {
  if (name[0] != 'h' || name[1] < '1' || name[1] > '6' || name[2] != '\0') return;
  int level = name[1] - '0';
  if (level > h->heading + 1) html_fail(h, "heading out of order");
  h->heading = level;
}

static inline void html_element(html_check *h) {
  char name[24];
  if (h->at[1] == '/') {
    h->at += 2;
    html_name(h, name, sizeof name);
    if (h->depth == 0 || strcmp(h->open[--h->depth], name) != 0) html_fail(h, "closes what is not open");
    if (*h->at++ != '>') html_fail(h, "closing element with attributes");
    return;
  }
  h->at++;
  html_name(h, name, sizeof name);
  html_heading(h, name);
  if (html_attributes(h)) return;
  if (strcmp(name, "script") == 0 || strcmp(name, "style") == 0) {
    char end[32];
    snprintf(end, sizeof end, "</%s>", name);
    const char *found = strstr(h->at, end);
    if (found == NULL) html_fail(h, "raw text without an end");
    h->at = found + strlen(end);
    return;
  }
  if (h->depth >= html_depth_max) html_fail(h, "too deep");
  strcpy(h->open[h->depth++], name);
}

static inline void html_is_sound(const char *html) {
  static const char doctype[] = "<!DOCTYPE html>\n";
  html_check *h = calloc(1, sizeof *h);
  h->start = h->at = html;
  assert_memory_equal(html, doctype, strlen(doctype));
  h->at += strlen(doctype);
  while (*h->at != '\0') {
    if (*h->at == '<')
      html_element(h);
    else
      html_escaped(h, '<');
  }
  if (h->depth != 0) html_fail(h, "elements stay open");
  for (int i = 0; i < h->wanted_count; i++)
    if (!html_has(h, h->wanted[i])) fail_msg("nothing is called '%s'", h->wanted[i]);
  free(h);
}

#endif
