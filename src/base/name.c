/* Names that JSON and terminals can take. */
#include "base/name.h"

#include <string.h>

#include "base/utf8.h"

void bf_name_set(char *name, size_t size, const char *text) {
  size_t used = 0;
  while (text != NULL && *text != '\0') {
    const char *next = text;
    bool broken = bf_utf8_next(&next) < 0;
    size_t bytes = next > text ? (size_t)(next - text) : 1;
    if (used + bytes >= size) break;
    memcpy(name + used, broken ? "?" : text, bytes);
    used += bytes;
    text += bytes;
  }
  name[used] = '\0';
  bf_make_plain(name);
}
