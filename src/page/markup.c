/* Growing, escaping, base64. How numbers look is number.c. */
#include "page/markup.h"

#include <stdio.h>
#include <string.h>

#include "base/memory.h"
#include "base/utf8.h"

void bf_markup_clear(bf_markup *m) {
  bf_free(m->bytes);
  *m = (bf_markup){0};
}

/* Where `size` more bytes go, a NUL behind them; NULL after a failure. */
static char *room_for(bf_markup *m, size_t size) {
  if (m->status != BF_OK) return NULL;
  if (size >= m->room - m->size || m->room == 0) {
    size_t room = m->room < 4096 ? 4096 : 2 * m->room;
    while (room > m->room && room <= m->size + size) room *= 2;
    char *grown = room <= m->size + size ? NULL : bf_alloc_raw(room, 1);
    if (grown == NULL) {
      m->status = BF_E_MEMORY;
      return NULL;
    }
    if (m->size > 0) memcpy(grown, m->bytes, m->size);
    bf_free(m->bytes);
    m->bytes = grown;
    m->room = room;
  }
  char *at = m->bytes + m->size;
  m->size += size;
  m->bytes[m->size] = '\0';
  return at;
}

void bf_markup_bytes(bf_markup *m, const char *bytes, size_t size) {
  char *at = room_for(m, size);
  if (at != NULL && size > 0) memcpy(at, bytes, size);
}

void bf_markup_raw(bf_markup *m, const char *html) { bf_markup_bytes(m, html, strlen(html)); }

/* NULL when memory is short; freed with bf_free. */
BF_PRINTF(1, 0) static char *printed(const char *format, va_list arguments) {
  va_list again;
  va_copy(again, arguments);
  int size = vsnprintf(NULL, 0, format, again);
  va_end(again);
  char *text = size < 0 ? NULL : bf_alloc_raw((size_t)size + 1, 1);
  if (text != NULL) vsnprintf(text, (size_t)size + 1, format, arguments);
  return text;
}

void bf_markup_put(bf_markup *m, const char *format, ...) {
  va_list arguments;
  va_start(arguments, format);
  char *text = printed(format, arguments);
  va_end(arguments);
  if (text != NULL)
    bf_markup_raw(m, text);
  else if (m->status == BF_OK)
    m->status = BF_E_MEMORY;
  bf_free(text);
}

void bf_markup_words(bf_markup *m, const char *format, va_list arguments) {
  char *text = printed(format, arguments);
  if (text != NULL)
    bf_markup_text(m, text);
  else if (m->status == BF_OK)
    m->status = BF_E_MEMORY;
  bf_free(text);
}

/* What no page may hold: controls, directions of writing that turn the words behind them about, noncharacters. */
static bool is_unfit(long code) {
  if (code < 0x20) return code != '\n' && code != '\t';
  if (code < 0xA0) return code >= 0x7F;
  return (code >= 0x202A && code <= 0x202E) || (code >= 0x2066 && code <= 0x2069) ||
         (code >= 0xFDD0 && code <= 0xFDEF) || (code & 0xFFFE) == 0xFFFE;
}

/* The next code point, U+FFFD in place of what is unfit. */
static long next_fit(const char **text) {
  long code = bf_utf8_next(text);
  if (code < 0) ++*text;
  return is_unfit(code) ? 0xFFFD : code;
}

/* Up to `end`, which does not cut a character. */
static void put_text(bf_markup *m, const char *text, const char *end) {
  while (text < end) {
    const char *from = text, *as = NULL;
    switch (next_fit(&text)) {
      case '&': as = "&amp;"; break;
      case '<': as = "&lt;"; break;
      case '>': as = "&gt;"; break;
      case '"': as = "&quot;"; break;
      case '\'': as = "&#39;"; break;
      case 0x2028:
      case 0x2029: as = " "; break;
      case 0xFFFD: as = "\xEF\xBF\xBD"; break;
      default: break;
    }
    if (as != NULL)
      bf_markup_raw(m, as);
    else
      bf_markup_bytes(m, from, (size_t)(text - from));
  }
}

void bf_markup_text(bf_markup *m, const char *text) {
  if (text != NULL) put_text(m, text, text + strlen(text));
}

/* Longer words may have to break on a telephone. */
static bool stays_whole(const char *word, size_t size) {
  static const char dash[] = "\xE2\x80\x93";
  const char *at = strstr(word, dash);
  return size <= 16 && (memchr(word, '-', size) != NULL || (at != NULL && at < word + size));
}

void bf_markup_label(bf_markup *m, const char *text) {
  while (text != NULL && *text) {
    size_t size = strcspn(text, " \t\n");
    bool whole = stays_whole(text, size);
    if (whole) bf_markup_raw(m, "<span class=\"whole\">");
    put_text(m, text, text + size);
    if (whole) bf_markup_raw(m, "</span>");
    text += size;
    size = strspn(text, " \t\n");
    put_text(m, text, text + size);
    text += size;
  }
}

void bf_markup_element(bf_markup *m, const char *tag, const char *name, const char *text) {
  if (name != NULL)
    bf_markup_put(m, "<%s class=\"%s\">", tag, name);
  else
    bf_markup_put(m, "<%s>", tag);
  bf_markup_text(m, text);
  bf_markup_put(m, "</%s>", tag);
}

void bf_markup_json(bf_markup *m, const char *text) {
  bf_markup_raw(m, "\"");
  while (text != NULL && *text) {
    const char *from = text;
    long code = next_fit(&text);
    if (code < 0x20 || strchr("\"\\<>&", (int)(code < 0x80 ? code : 'a')) != NULL || code == 0x2028 || code == 0x2029 ||
        code == 0xFFFD)
      bf_markup_put(m, "\\u%04lx", (unsigned long)code);
    else
      bf_markup_bytes(m, from, (size_t)(text - from));
  }
  bf_markup_raw(m, "\"");
}

void bf_markup_base64(bf_markup *m, const void *data, size_t size) {
  static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  const unsigned char *from = data;
  char *to = size > SIZE_MAX / 2 ? NULL : room_for(m, (size + 2) / 3 * 4);
  for (size_t i = 0; to != NULL && i < size; i += 3, to += 4) {
    unsigned long left = size - i, bits = (unsigned long)from[i] << 16;
    if (left > 1) bits |= (unsigned long)from[i + 1] << 8;
    if (left > 2) bits |= from[i + 2];
    for (int k = 0; k < 4; k++) to[k] = digits[bits >> (18 - 6 * k) & 63];
    if (left < 3) to[3] = '=';
    if (left < 2) to[2] = '=';
  }
}
