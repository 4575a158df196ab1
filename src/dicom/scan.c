/* Tags and lengths alone (PS3.5 7), level by level on a stack of ends; never recursive. It stops, content, at the first
 * thing that it does not understand. */
#include "dicom/scan.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>
#include <unistd.h>

enum { chunk = 4096 };
static const uint32_t undefined = 0xffffffff, item_tag = 0xfffee000, item_end = 0xfffee00d, sequence_end = 0xfffee0dd,
                      pixel_data = 0x7fe00010;

typedef struct reader {
  int file;
  int64_t size, at, start; /* start: of the chunk */
  ssize_t held;
  unsigned char bytes[chunk];
} reader;

/* A level: a sequence, or an item of one. */
typedef struct level {
  int64_t end; /* -1: a delimiter ends it */
  bool sequence, explicit;
} level;

typedef struct scan {
  reader r;
  bool big, explicit;
  level levels[2 * BF_SCAN_DEPTH + 2];
  int depth;
  int64_t elements;
} scan;

static bool look(unsigned char *dst, reader *r, int64_t at, int n) {
  if (at < 0 || at + n > r->size) return false;
  if (at < r->start || at + n > r->start + r->held) {
    while ((r->held = pread(r->file, r->bytes, chunk, (off_t)at)) < 0 && errno == EINTR) continue;
    r->start = at;
    if (r->held < n) return r->held = 0, false;
  }
  memcpy(dst, r->bytes + (at - r->start), (size_t)n);
  return true;
}

static uint32_t number(const unsigned char *b, int n, bool big) {
  uint32_t v = 0;
  for (int i = 0; i < n; i++) v |= (uint32_t)b[i] << 8 * (big ? n - 1 - i : i);
  return v;
}

typedef struct element {
  uint32_t tag, length;
  char type[3]; /* "" where there is none */
  int64_t value;
} element;

/* Types with two empty bytes and a length of four (PS3.5 7.1.2). */
static bool is_long(const char *type) {
  static const char *const types[] = {"OB", "OD", "OF", "OL", "OV", "OW", "SQ", "SV", "UC", "UN", "UR", "UT", "UV"};
  for (size_t i = 0; i < sizeof types / sizeof types[0]; i++)
    if (strcmp(types[i], type) == 0) return true;
  return false;
}

static bool is_type(const unsigned char *b) { return b[0] >= 'A' && b[0] <= 'Z' && b[1] >= 'A' && b[1] <= 'Z'; }

static bool read_element(element *e, reader *r, bool explicit, bool big) {
  unsigned char b[12];
  if (!look(b, r, r->at, 8)) return false;
  e->tag = number(b, 2, big) << 16 | number(b + 2, 2, big);
  e->type[0] = '\0';
  e->value = r->at + 8;
  if (e->tag >> 16 == 0xfffe || !explicit || !is_type(b + 4)) {
    e->length = number(b + 4, 4, big);
    return true;
  }
  memcpy(e->type, b + 4, 2);
  e->type[2] = '\0';
  e->length = number(b + 6, 2, big);
  if (!is_long(e->type)) return true;
  if (!look(b, r, r->at, 12)) return false;
  e->length = number(b + 8, 4, big);
  e->value = r->at + 12;
  return true;
}

static bf_status push(scan *s, bool sequence, bool explicit, const element *e, bf_error *err) {
  int64_t end = e->length == undefined ? -1 : e->value + e->length;
  if (s->depth >= 2 * BF_SCAN_DEPTH)
    return bf_fail(err, BF_E_LIMIT, "sequences nest deeper than the limit of %d: it is damaged or hostile",
                   BF_SCAN_DEPTH);
  s->levels[s->depth++] = (level){end, sequence, explicit};
  s->r.at = e->value;
  return BF_OK;
}

/* Whether the value is a sequence: by type, by a length that only sequences may leave open, or by how it begins. */
static bool is_sequence(scan *s, const element *e) {
  unsigned char b[4];
  if (e->tag >> 16 == 0xfffe) return false;
  if (strcmp(e->type, "SQ") == 0 || e->length == undefined) return true;
  if (e->type[0] != '\0' || e->length < 8 || !look(b, &s->r, e->value, 4)) return false;
  return number(b, 2, s->big) == 0xfffe && number(b + 2, 2, s->big) == 0xe000;
}

static void leave_ended(scan *s) {
  while (s->depth > 0 && s->levels[s->depth - 1].end >= 0 && s->r.at >= s->levels[s->depth - 1].end) s->depth--;
}

/* One element; false: the look is over. */
static bool step(bf_status *status, scan *s, bf_error *err) {
  element e;
  leave_ended(s);
  const level *top = s->depth > 0 ? &s->levels[s->depth - 1] : NULL;
  bool explicit = top != NULL ? top->explicit : s->explicit;
  if (!read_element(&e, &s->r, explicit, s->big) || (s->depth == 0 && e.tag == pixel_data)) return false;
  if (++s->elements > BF_SCAN_ELEMENTS) {
    *status = bf_fail(err, BF_E_LIMIT, "it has more elements than the limit of %d: it is damaged or hostile",
                      BF_SCAN_ELEMENTS);
    return false;
  }
  if (e.tag == item_end || e.tag == sequence_end) {
    if (top == NULL || top->sequence != (e.tag == sequence_end)) return false;
    s->depth--;
    s->r.at = e.value;
    return true;
  }
  if (e.tag == item_tag && top != NULL && top->sequence) {
    *status = push(s, false, explicit, &e, err);
  } else if (is_sequence(s, &e)) {
    /* Inside of UN everything is implicit (PS3.5 6.2.2). */
    *status = push(s, true, explicit && strcmp(e.type, "UN") != 0, &e, err);
  } else {
    s->r.at = e.value + e.length;
  }
  return *status == BF_OK;
}

/* Behind the meta header: its transfer syntax says how the rest is written. */
static bool read_syntax(char *syntax, size_t room, reader *r) {
  element e;
  unsigned char mark[4];
  syntax[0] = '\0';
  r->at = look(mark, r, 128, 4) && memcmp(mark, "DICM", 4) == 0 ? 132 : 0;
  while (read_element(&e, r, true, false) && e.tag >> 16 == 2 && e.length != undefined) {
    if (e.tag == 0x00020010 && e.length < room) {
      if (!look((unsigned char *)syntax, r, e.value, (int)e.length)) return false;
      syntax[e.length] = '\0';
    }
    r->at = e.value + e.length;
  }
  syntax[strcspn(syntax, " ")] = '\0';
  return true;
}

bf_status bf_scan(int file, int64_t size, bf_error *err) {
  scan s = {.r = {.file = file, .size = size}};
  char syntax[65];
  unsigned char first[8];
  bf_status status = BF_OK;
  if (!read_syntax(syntax, sizeof syntax, &s.r) || strcmp(syntax, "1.2.840.10008.1.2.1.99") == 0) return BF_OK;
  s.big = strcmp(syntax, "1.2.840.10008.1.2.2") == 0;
  s.explicit = look(first, &s.r, s.r.at, 8) && is_type(first + 4);
  while (step(&status, &s, err)) continue;
  return status;
}
