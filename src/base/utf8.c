/* Checking and mending of UTF-8. */
#include "base/utf8.h"

#include <string.h>

#include "base/memory.h"

long bf_utf8_next(const char **text) {
  static const long least[] = {0, 0x80, 0x800, 0x10000};
  const unsigned char *t = (const unsigned char *)*text;
  int more = t[0] < 0x80 ? 0 : (t[0] & 0xE0) == 0xC0 ? 1 : (t[0] & 0xF0) == 0xE0 ? 2 : (t[0] & 0xF8) == 0xF0 ? 3 : -1;
  if (more < 0) return -1;
  long code = more == 0 ? t[0] : t[0] & (0x3F >> more);
  for (int i = 1; i <= more; i++) {
    if ((t[i] & 0xC0) != 0x80) return -1;
    code = code << 6 | (t[i] & 0x3F);
  }
  if (code < least[more] || code > 0x10FFFF || (code >= 0xD800 && code <= 0xDFFF)) return -1;
  *text += more + 1;
  return code;
}

size_t bf_utf8_mark(const char *text, size_t size) { return size >= 3 && memcmp(text, "\xEF\xBB\xBF", 3) == 0 ? 3 : 0; }

bool bf_is_utf8(const char *text) {
  while (*text)
    if (bf_utf8_next(&text) < 0) return false;
  return true;
}

char *bf_utf8_copy(const char *text) {
  char *copy = bf_alloc_raw(3 * strlen(text) + 1, 1), *to = copy;
  while (copy != NULL && *text) {
    const char *from = text;
    bool good = bf_utf8_next(&text) >= 0;
    if (!good) text++;
    size_t size = good ? (size_t)(text - from) : 3;
    memcpy(to, good ? from : "\xEF\xBF\xBD", size);
    to += size;
  }
  if (copy != NULL) *to = '\0';
  return copy;
}

static bool is_plain(long code) {
  if (code < 0x20 || (code >= 0x7F && code < 0xA0)) return false;
  return !(code == 0x2028 || code == 0x2029 || (code >= 0x202A && code <= 0x202E) ||
           (code >= 0x2066 && code <= 0x2069));
}

bool bf_is_plain_text(const char *text) {
  while (*text)
    if (!is_plain(bf_utf8_next(&text))) return false;
  return true;
}

void bf_make_plain(char *text) {
  while (*text) {
    const char *next = text;
    if (is_plain(bf_utf8_next(&next))) {
      text += next - text;
      continue;
    }
    /* Bytes that are no UTF-8 stay: file names may hold them, and they are no terminal's commands; the rest goes. */
    bool broken = next == text;
    size_t size = broken ? 1 : (size_t)(next - text);
    if (!broken || (unsigned char)*text < 0x20) memset(text, '?', size);
    text += size;
  }
}
