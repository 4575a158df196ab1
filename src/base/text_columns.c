/* Widths of characters: the C library's, where it has the locale that knows Unicode. */
#include "base/text_columns.h"

#include <locale.h>
#include <pthread.h>
#include <stdbool.h>
#include <string.h>
#include <wchar.h>

#include "base/utf8.h"

/* ---- of a character ---- */

static locale_t unicode;
static pthread_once_t opened = PTHREAD_ONCE_INIT;

/* Of this file alone: the program's locale stays "C", because numbers are read and written by it. */
static void open_locale(void) { unicode = newlocale(LC_CTYPE_MASK, "C.UTF-8", (locale_t)0); }

/* Without that locale: the blocks that make up nearly all of such text (Unicode's EastAsianWidth.txt). */
static int simple_width(long code) {
  static const struct {
    long first, last;
    int width;
  } ranges[] = {{0x300, 0x36F, 0},     {0x200B, 0x200F, 0},  {0x20D0, 0x20FF, 0},   {0xFE00, 0xFE0F, 0},
                {0xFE20, 0xFE2F, 0},   {0x1100, 0x115F, 2},  {0x2E80, 0x303E, 2},   {0x3041, 0xA4CF, 2},
                {0xA960, 0xA97F, 2},   {0xAC00, 0xD7A3, 2},  {0xF900, 0xFAFF, 2},   {0xFE30, 0xFE6F, 2},
                {0xFF00, 0xFF60, 2},   {0xFFE0, 0xFFE6, 2},  {0x1F300, 0x1F64F, 2}, {0x1F680, 0x1F6FF, 2},
                {0x1F900, 0x1F9FF, 2}, {0x20000, 0x3FFFD, 2}};
  for (size_t i = 0; i < sizeof ranges / sizeof ranges[0]; i++)
    if (code >= ranges[i].first && code <= ranges[i].last) return ranges[i].width;
  return 1;
}

/* Moves *text behind a character, and returns its columns. */
static int next_width(const char **text) {
  const char *start = *text;
  long code = bf_utf8_next(text);
  if (code < 0) *text = start + 1;
  if (code < 0x80) return 1;
  if (unicode == (locale_t)0) return simple_width(code);
  int width = wcwidth((wchar_t)code);
  return width < 0 ? 1 : width;
}

/* wcwidth goes by the thread's locale. */
static locale_t enter(void) {
  pthread_once(&opened, open_locale);
  return unicode != (locale_t)0 ? uselocale(unicode) : (locale_t)0;
}

static void leave(locale_t before) {
  if (before != (locale_t)0) uselocale(before);
}

/* ---- of texts ---- */

static int width_of(const char *text) {
  int width = 0;
  while (*text != '\0') width += next_width(&text);
  return width;
}

int bf_text_columns(const char *text) {
  locale_t before = enter();
  int width = width_of(text);
  leave(before);
  return width;
}

void bf_text_pad(FILE *f, const char *text, int width) {
  int blanks = width - bf_text_columns(text);
  fprintf(f, "%s%*s", text, blanks > 0 ? blanks : 0, "");
}

/* Bytes of the longest beginning of at most `width` columns; marks stay with their letter. */
static size_t beginning(const char *text, int width) {
  const char *end = text;
  while (*end != '\0') {
    const char *next = end;
    width -= next_width(&next);
    if (width < 0) break;
    end = next;
  }
  return (size_t)(end - text);
}

/* The longest end of at most `width` columns, which begins with no mark. */
static const char *ending(const char *text, int width) {
  int left = width_of(text);
  while (*text != '\0') {
    const char *next = text;
    int columns = next_width(&next);
    if (left <= width && columns > 0) break;
    left -= columns;
    text = next;
  }
  return text;
}

void bf_text_shorten(char *out, size_t size, const char *text, int width) {
  locale_t before = enter();
  if (width_of(text) <= width) {
    snprintf(out, size, "%s", text);
  } else {
    int tail = (width - 3) / 3, head = width - 3 - tail;
    snprintf(out, size, "%.*s...%s", (int)beginning(text, head), text, ending(text, tail));
  }
  leave(before);
}

static bool is_taken(const char *out, size_t size, int count, int at) {
  for (int i = 0; i < count; i++)
    if (i != at && strcmp(out + (size_t)i * size, out + (size_t)at * size) == 0) return true;
  return false;
}

/* "begin...(7)" */
static void put_number(char *out, size_t size, const char *text, int width, int number) {
  char mark[24];
  int length = snprintf(mark, sizeof mark, "...(%d)", number);
  locale_t before = enter();
  snprintf(out, size, "%.*s%s", (int)beginning(text, width - length), text, mark);
  leave(before);
}

void bf_texts_shorten(char *out, size_t size, const char *const *texts, int count, int width) {
  bool alike = false;
  for (int i = 0; i < count; i++) bf_text_shorten(out + (size_t)i * size, size, texts[i], width);
  for (int i = 0; i < count && !alike; i++) alike = bf_text_columns(texts[i]) > width && is_taken(out, size, count, i);
  for (int i = 0; i < count && alike; i++)
    if (bf_text_columns(texts[i]) > width) put_number(out + (size_t)i * size, size, texts[i], width, i + 1);
}
