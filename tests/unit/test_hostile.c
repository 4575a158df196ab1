/* Files that lie, overflow, explode or end too soon, made one by one: each becomes a status with a reason, none of them
 * harms the process that asks, and files that are merely odd are read. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <time.h>

#include <cmocka.h>
#include <zlib.h>

#include "base/isolate.h"
#include "base/memory.h"
#include "dicom/dicom.h"
#include "dicom_support.h"
#include "program.h"

#define EXPLICIT "1.2.840.10008.1.2.1"
#define IMPLICIT "1.2.840.10008.1.2"
#define BIG "1.2.840.10008.1.2.2"
#define DEFLATED "1.2.840.10008.1.2.1.99"
#define RLE "1.2.840.10008.1.2.5"
#define JPEG "1.2.840.10008.1.2.4.50"
#define JPEG_LOSSLESS "1.2.840.10008.1.2.4.70"
#define JPEG_LS "1.2.840.10008.1.2.4.80"
#define JPEG_2000 "1.2.840.10008.1.2.4.90"

/* What may come out of a file. */
enum {
  GOOD = 1,
  FORMAT = 2,
  LIMIT = 4,
  UNSUPPORTED = 8,
  NO_IMAGE = 16,
  NOT_DICOM = 32,
  BAD = FORMAT | LIMIT | UNSUPPORTED
};

static struct {
  int files, kinds[6];
  int64_t slowest_ms;
  char slowest[128];
} told;

/* ---- one file ---- */

/* A file of any size: `bytes` ends at 64 KiB. */
typedef struct heap {
  unsigned char *data;
  size_t size, room;
} heap;

static void add(heap *h, const void *data, size_t size) {
  if (h->size + size > h->room) {
    h->room = 2 * (h->size + size);
    h->data = realloc(h->data, h->room);
    if (h->data == NULL) abort();
  }
  if (size > 0) memcpy(h->data + h->size, data, size);
  h->size += size;
}
static void add_bytes(heap *h, const bytes *b) { add(h, b->data, b->size); }
static void add_times(heap *h, const void *data, size_t size, int times) {
  for (int i = 0; i < times; i++) add(h, data, size);
}
static void drop(heap *h) {
  free(h->data);
  *h = (heap){0};
}

static int64_t now_ms(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

static bf_status look_at(const char *path, bf_error *err) {
  bf_dicom *dicom;
  bf_image seen;
  bf_status status = bf_dicom_open_seen(&dicom, &seen, path, err);
  if (status != BF_OK) return status;
  const bf_image *image = bf_dicom_image(dicom);
  void *pixels = bf_alloc_raw(image->frame_bytes, 1);
  for (int f = 0; f < image->frames && f < 3 && status == BF_OK; f++) status = bf_dicom_decode(dicom, f, pixels, err);
  bf_free(pixels);
  bf_dicom_close(dicom);
  return status;
}

static int kind_of(bf_status status) {
  switch (status) {
    case BF_OK: return GOOD;
    case BF_E_FORMAT: return FORMAT;
    case BF_E_LIMIT: return LIMIT;
    case BF_E_UNSUPPORTED: return UNSUPPORTED;
    case BF_E_NO_IMAGE: return NO_IMAGE;
    case BF_E_NOT_DICOM: return NOT_DICOM;
    default: return 0;
  }
}

/* name: of the case, for messages. words: a part of the reason, or NULL. */
static void ends_as(int kinds, const char *words, const void *data, size_t size, const char *name, ...) {
  char what[160];
  va_list list;
  va_start(list, name);
  vsnprintf(what, sizeof what, name, list);
  va_end(list);
  const char *path = in_scratch("hostile.dcm");
  FILE *file = fopen(path, "wb");
  if (file == NULL || fwrite(data, 1, size, file) != size || fclose(file) != 0) abort();
  bf_error err = {0};
  int64_t start = now_ms();
  bf_status status = look_at(path, &err);
  int64_t took = now_ms() - start;
  if (took > told.slowest_ms) {
    told.slowest_ms = took;
    snprintf(told.slowest, sizeof told.slowest, "%.120s", what);
  }
  told.files++;
  int kind = kind_of(status);
  if ((kind & kinds) == 0) fail_msg("%s: %s: %s", what, bf_status_name(status), err.message);
  for (int i = 0; i < 6; i++) told.kinds[i] += kind == 1 << i;
  if (status == BF_OK) return;
  if (strstr(err.message, "hostile.dcm") == NULL) fail_msg("%s: the message names no file: %s", what, err.message);
  if (words != NULL && strstr(err.message, words) == NULL) fail_msg("%s: wanted '%s': %s", what, words, err.message);
  if (getenv("BIFOCAL_SAY") != NULL) fprintf(stderr, "%s: %s: %s\n", what, bf_status_name(status), err.message);
}

static void bytes_end_as(int kinds, const char *words, const bytes *b, const char *name, int number) {
  ends_as(kinds, words, b->data, b->size, name, number);
}

static bytes file;
enum { side = 16 };
static unsigned char grey[4 * side * side];

static void begin(const char *syntax) {
  put_start(&file, syntax);
  put_text(&file, 0x00080016, "UI", "1.2.840.10008.5.1.4.1.1.7");
  put_text(&file, 0x00080018, "UI", "1.2.3.4");
  put_text(&file, 0x00080060, "CS", "US");
}

static void begin_grey(const char *syntax) {
  begin(syntax);
  put_shape(&file, 1, "MONOCHROME2", 0, side, side, 8, 0);
}

static void put_pixels(size_t size) { put_element(&file, 0x7fe00010, "OB", grey, size); }

/* ---- cases ---- */

static const char *const written[] = {IMPLICIT, EXPLICIT, BIG, DEFLATED, RLE, JPEG_LOSSLESS, JPEG_LS, JPEG_2000};
enum { writers = sizeof written / sizeof written[0] };

static void write_good(const char *syntax, const char *path) {
  static uint16_t picture[64 * 48];
  for (int i = 0; i < 64 * 48; i++) picture[i] = (uint16_t)((i * 2654435761u >> 20) & 4095);
  bf_error err = {0};
  bf_dicom_write w = {.sop_class_uid = "1.2.840.10008.5.1.4.1.1.6.1",
                      .modality = "US",
                      .study_instance_uid = "1.2.3",
                      .series_instance_uid = "1.2.3.4",
                      .sop_instance_uid = "1.2.3.4.5",
                      .transfer_syntax_uid = syntax,
                      .rows = 48,
                      .columns = 64,
                      .bits_stored = 12,
                      .slope = 1,
                      .pixels = picture};
  if (bf_dicom_write_image(path, &w, &err) != BF_OK) fail_msg("%s", err.message);
}

static heap read_all(const char *path) {
  heap h = {0};
  char part[4096];
  FILE *f = fopen(path, "rb");
  for (size_t got; (got = fread(part, 1, sizeof part, f)) > 0;) add(&h, part, got);
  fclose(f);
  return h;
}

static void cut(void **state) {
  (void)state;
  for (int s = 0; s < writers; s++) {
    write_good(written[s], in_scratch("good.dcm"));
    heap h = read_all(in_scratch("good.dcm"));
    ends_as(GOOD, NULL, h.data, h.size, "whole %s", written[s]);
    /* The last bytes may be a delimiter that nobody needs, or padding. */
    for (int k = 1; k < 14; k++)
      ends_as(BAD | NO_IMAGE | NOT_DICOM, NULL, h.data, (h.size - 20) * (size_t)k / 14, "%s cut at %d of 14",
              written[s], k);
    drop(&h);
  }
}

static void no_dicom(void **state) {
  (void)state;
  static const char elf[] = "\177ELF\2\1\1", png[] = "\x89PNG\r\n\x1a\n", zip[] = "PK\3\4";
  ends_as(NOT_DICOM, "empty", "", 0, "empty");
  ends_as(NOT_DICOM, NULL, "hello\n", 6, "text");
  ends_as(NOT_DICOM, NULL, elf, sizeof elf, "program");
  ends_as(NOT_DICOM, NULL, png, sizeof png, "PNG");
  ends_as(NOT_DICOM, NULL, zip, sizeof zip, "archive");
  ends_as(NOT_DICOM, NULL, grey, sizeof grey, "zeros");
  heap h = {0};
  add(&h, grey, 128);
  add(&h, "DICM", 4);
  ends_as(FORMAT | NO_IMAGE | UNSUPPORTED, NULL, h.data, h.size, "mark alone");
  for (int n = 1; n < 8; n++) {
    add(&h, "\xff", 1);
    ends_as(BAD | NO_IMAGE, NULL, h.data, h.size, "mark and %d bytes", n);
  }
  drop(&h);
  /* A program in the preamble, the rest sound (CVE-2019-11687): read as a picture and nothing else. */
  begin_grey(EXPLICIT);
  put_pixels(side * side);
  memcpy(file.data, elf, sizeof elf);
  bytes_end_as(GOOD, NULL, &file, "program in the preamble", 0);
}

static void shapes(void **state) {
  (void)state;
  static const int sides[][2] = {{0, 16},    {16, 0},        {0, 0},   {65535, 65535}, {65535, 1}, {1, 65535},
                                 {32769, 1}, {32768, 32768}, {17, 16}, {16, 17},       {256, 256}, {30000, 30000}};
  for (size_t i = 0; i < sizeof sides / sizeof sides[0]; i++) {
    begin(EXPLICIT);
    put_shape(&file, 1, "MONOCHROME2", 0, sides[i][0], sides[i][1], 8, 0);
    put_pixels(side * side);
    bytes_end_as(FORMAT | LIMIT, NULL, &file, "size %d", (int)i);
  }
  static const char *const frames[] = {"-5",  "0",     "2147483647", "99999999999", "abc",
                                       "1e9", "20001", "2",          "-2147483648", "1.5"};
  for (size_t i = 0; i < sizeof frames / sizeof frames[0]; i++) {
    begin(EXPLICIT);
    put_us(&file, 0x00280002, 1);
    put_text(&file, 0x00280004, "CS", "MONOCHROME2");
    put_text(&file, 0x00280008, "IS", frames[i]);
    put_us(&file, 0x00280010, side), put_us(&file, 0x00280011, side);
    put_us(&file, 0x00280100, 8), put_us(&file, 0x00280101, 8), put_us(&file, 0x00280102, 7);
    put_pixels(side * side);
    bytes_end_as(FORMAT | LIMIT | (strcmp(frames[i], "1.5") == 0 ? GOOD : 0), NULL, &file, "frames %d", (int)i);
  }
}

static void depths(void **state) {
  (void)state;
  static const int bits[][3] = {
      {0, 0, 0},   {2, 2, 1},    {7, 7, 6},    {9, 9, 8},   {12, 12, 11}, {24, 24, 23},          {31, 8, 7},
      {33, 8, 7},  {64, 64, 63}, {255, 8, 7},  {8, 0, 7},   {8, 9, 8},    {8, 255, 7},           {8, 8, 8},
      {8, 8, 255}, {8, 8, 0},    {16, 17, 16}, {16, 12, 3}, {32, 33, 31}, {65535, 65535, 65535}, {8, 65535, 65534}};
  for (size_t i = 0; i < sizeof bits / sizeof bits[0]; i++) {
    begin(EXPLICIT);
    put_us(&file, 0x00280002, 1);
    put_text(&file, 0x00280004, "CS", "MONOCHROME2");
    put_us(&file, 0x00280010, side), put_us(&file, 0x00280011, side);
    put_us(&file, 0x00280100, (unsigned)bits[i][0]);
    put_us(&file, 0x00280101, (unsigned)bits[i][1]);
    put_us(&file, 0x00280102, (unsigned)bits[i][2]);
    put_us(&file, 0x00280103, 0);
    put_pixels(4 * side * side);
    bytes_end_as(FORMAT | UNSUPPORTED, "(0028,010", &file, "bits %d", (int)i);
  }
  static const int samples[] = {0, 2, 4, 5, 255, 65535};
  for (size_t i = 0; i < 6; i++) {
    begin(EXPLICIT);
    put_shape(&file, samples[i], "RGB", 0, side, side, 8, 0);
    put_pixels(4 * side * side);
    bytes_end_as(UNSUPPORTED, "(0028,0002)", &file, "%d samples", samples[i]);
  }
  static const char *const models[] = {"", "GREY", "CMYK", "ARGB", "HSV", "monochrome2", "RGB", "YBR_FULL", "\x1b[31m"};
  for (size_t i = 0; i < sizeof models / sizeof models[0]; i++) {
    begin(EXPLICIT);
    put_shape(&file, 1, models[i], 0, side, side, 8, 0);
    put_pixels(4 * side * side);
    bytes_end_as(FORMAT | UNSUPPORTED, "otometric", &file, "colour model %d", (int)i);
  }
}

static void pixel_data(void **state) {
  (void)state;
  static const size_t sizes[] = {0, 2, 100, 254};
  for (size_t i = 0; i < 4; i++) {
    begin_grey(EXPLICIT);
    put_pixels(sizes[i]);
    bytes_end_as(FORMAT, "(7FE0,0010)", &file, "%d bytes of pixels", (int)sizes[i]);
  }
  begin_grey(EXPLICIT);
  bytes_end_as(NO_IMAGE, "no pixel data", &file, "no pixels", 0);
  begin(EXPLICIT);
  put_pixels(4);
  bytes_end_as(BAD, NULL, &file, "pixels and no shape", 0);
  begin_grey(EXPLICIT); /* a fragment sequence where native pixels are due */
  put_fragments(&file, (bytes[2]){{.size = 0}, {.size = side * side}}, 2);
  bytes_end_as(BAD, NULL, &file, "fragments in a native file", 0);
  begin_grey(JPEG); /* and the other way about */
  put_pixels(64);
  bytes_end_as(BAD, NULL, &file, "native pixels in a JPEG file", 0);
}

/* The length of one element is another. Which byte it is: behind tag and VR. */
static void lengths(void **state) {
  (void)state;
  static const uint32_t tags[] = {0x00080016, 0x00080018, 0x00080060, 0x00280002, 0x00280004, 0x00280010, 0x00280100};
  static const unsigned wrong[] = {0, 1, 3, 0x100, 0x7fff, 0xfffe, 0xffff};
  for (size_t t = 0; t < sizeof tags / sizeof tags[0]; t++)
    for (size_t w = 0; w < sizeof wrong / sizeof wrong[0]; w++) {
      begin_grey(EXPLICIT);
      put_pixels(side * side);
      unsigned char tag[4] = {(unsigned char)(tags[t] >> 16), 0, (unsigned char)tags[t], (unsigned char)(tags[t] >> 8)};
      unsigned char *at = memmem(file.data + 132, file.size - 132, tag, 4);
      assert_non_null(at);
      at[6] = (unsigned char)wrong[w], at[7] = (unsigned char)(wrong[w] >> 8);
      /* A text element that is shorter by nothing that matters may still leave a sound file. */
      ends_as(BAD | NO_IMAGE | GOOD, NULL, file.data, file.size, "length %u of %08x", wrong[w], tags[t]);
    }
  static const uint32_t long_wrong[] = {0xffffffff, 0xfffffffe, 0x80000000, 0x7fffffff, 0x10000, 258};
  for (size_t w = 0; w < sizeof long_wrong / sizeof long_wrong[0]; w++) {
    begin_grey(EXPLICIT);
    size_t at = file.size + 8;
    put_pixels(side * side);
    for (int k = 0; k < 4; k++) file.data[at + (size_t)k] = (unsigned char)(long_wrong[w] >> 8 * k);
    ends_as(BAD | NO_IMAGE, NULL, file.data, file.size, "pixel data of length %08x", long_wrong[w]);
    begin(EXPLICIT);
    put_element(&file, 0x00091001, "OB", "abcd", 4);
    for (int k = 0; k < 4; k++) file.data[file.size - 8 + (size_t)k] = (unsigned char)(long_wrong[w] >> 8 * k);
    put_shape(&file, 1, "MONOCHROME2", 0, side, side, 8, 0);
    put_pixels(side * side);
    ends_as(BAD | NO_IMAGE, NULL, file.data, file.size, "private element of length %08x", long_wrong[w]);
  }
}

static void meta(void **state) {
  (void)state;
  static const char *const syntaxes[] = {"1.2.3",
                                         "",
                                         "9.9.9.9.9.9.9.9.9.9.9.9.9.9.9.9.9.9.9.9.9.9.9.9.9.9.9.9.9.9.9.9.9.9.9.9",
                                         "1.2.840.10008.1.2.4.100",
                                         "1.2.840.10008.1.2.4.94",
                                         "1.2.840.10008.1.2.6.1",
                                         "\x1b[2J",
                                         "1.2.840.10008.1.2.1.98"};
  for (size_t i = 0; i < sizeof syntaxes / sizeof syntaxes[0]; i++) {
    begin_grey(syntaxes[i]);
    put_pixels(side * side);
    bytes_end_as(BAD | (i == 1 ? GOOD : 0), NULL, &file, "transfer syntax %d", (int)i);
  }
  static const unsigned wrong[] = {0, 1, 0xffff, 0x10};
  for (size_t i = 0; i < 4; i++) {
    begin_grey(EXPLICIT);
    put_pixels(side * side);
    file.data[140] = (unsigned char)wrong[i], file.data[141] = (unsigned char)(wrong[i] >> 8);
    bytes_end_as(BAD | NO_IMAGE | GOOD, NULL, &file, "meta length %d", (int)i);
  }
}

/* ---- nesting ---- */

static void put_nest(heap *h, int depth, bool implicit, bool closed) {
  static const unsigned char sequence[] = {0x40, 0, 0x75, 2, 'S', 'Q', 0, 0, 0xff, 0xff, 0xff, 0xff};
  static const unsigned char implicit_sequence[] = {0x40, 0, 0x75, 2, 0xff, 0xff, 0xff, 0xff};
  static const unsigned char item[] = {0xfe, 0xff, 0, 0xe0, 0xff, 0xff, 0xff, 0xff};
  static const unsigned char ends[] = {0xfe, 0xff, 0x0d, 0xe0, 0, 0, 0, 0, 0xfe, 0xff, 0xdd, 0xe0, 0, 0, 0, 0};
  for (int i = 0; i < depth; i++) {
    if (implicit)
      add(h, implicit_sequence, sizeof implicit_sequence);
    else
      add(h, sequence, sizeof sequence);
    add(h, item, sizeof item);
  }
  if (closed) add_times(h, ends, sizeof ends, depth);
}

static void nesting(void **state) {
  (void)state;
  static const int deepest[] = {1, 10, 60, 70, 200, 1000, 4000, 6000, 20000, 100000, 300000};
  for (size_t i = 0; i < sizeof deepest / sizeof deepest[0]; i++)
    for (int closed = 0; closed < 2; closed++) {
      heap h = {0};
      begin(EXPLICIT);
      add_bytes(&h, &file);
      put_nest(&h, deepest[i], false, closed == 1);
      file.size = 0;
      put_shape(&file, 1, "MONOCHROME2", 0, side, side, 8, 0);
      put_pixels(side * side);
      add_bytes(&h, &file);
      bool fine = closed && deepest[i] <= 64;
      ends_as(fine ? GOOD : BAD | NO_IMAGE, closed && !fine ? "nest" : NULL, h.data, h.size,
              "%d sequences in each other, %s", deepest[i], closed ? "closed" : "open");
      drop(&h);
    }
  for (size_t i = 4; i < sizeof deepest / sizeof deepest[0]; i++) { /* without types, and without a meta header */
    heap h = {0};
    begin(IMPLICIT);
    add(&h, file.data, (size_t)((unsigned char *)memmem(file.data, file.size, "2.25.1", 6) - file.data) + 6);
    put_nest(&h, deepest[i], true, true);
    ends_as(BAD | NO_IMAGE, "nest", h.data, h.size, "%d sequences without types", deepest[i]);
    drop(&h);
  }
}

/* ---- many things ---- */

static void multitudes(void **state) {
  (void)state;
  heap h = {0};
  begin(EXPLICIT);
  add_bytes(&h, &file);
  for (unsigned i = 0; i < 300000; i++) { /* private elements, in order */
    unsigned group = 9 + 2 * (i >> 15), element = 0x1000 + (i & 0x7fff);
    unsigned char e[8] = {(unsigned char)group,
                          (unsigned char)(group >> 8),
                          (unsigned char)element,
                          (unsigned char)(element >> 8),
                          'L',
                          'O',
                          0,
                          0};
    add(&h, e, 8);
  }
  ends_as(BAD | NO_IMAGE, NULL, h.data, h.size, "300000 elements");
  drop(&h);
  begin(EXPLICIT);
  add_bytes(&h, &file);
  static const unsigned char sequence[] = {0x40, 0, 0x75, 2, 'S', 'Q', 0, 0, 0xff, 0xff, 0xff, 0xff};
  static const unsigned char item[] = {0xfe, 0xff, 0, 0xe0, 0, 0, 0, 0};
  add(&h, sequence, sizeof sequence);
  add_times(&h, item, sizeof item, 400000);
  ends_as(BAD | NO_IMAGE, NULL, h.data, h.size, "400000 items");
  drop(&h);
  begin_grey(JPEG_LS);
  add_bytes(&h, &file);
  add(&h, "\xe0\x7f\x10\0OB\0\0\xff\xff\xff\xff", 12);
  add_times(&h, item, sizeof item, 400000);
  add(&h, "\xfe\xff\xdd\xe0\0\0\0", 8);
  ends_as(BAD, NULL, h.data, h.size, "400000 empty fragments");
  drop(&h);
}

/* ---- deflated ---- */

/* The data set behind the meta header, `zeros` bytes of it in front of what closes it. */
static heap deflate_set(const bytes *head, size_t zeros, const bytes *tail) {
  static unsigned char none[1 << 16], out[1 << 16];
  heap h = {0};
  z_stream z = {0};
  if (deflateInit2(&z, 9, Z_DEFLATED, -15, 9, Z_DEFAULT_STRATEGY) != Z_OK) abort();
  for (int part = 0; part < 3; part++) {
    size_t left = part == 1 ? zeros : part == 0 ? head->size : tail->size;
    const unsigned char *from = part == 0 ? head->data : tail->data;
    do {
      size_t n = part == 1 && left > sizeof none ? sizeof none : left;
      z.next_in = (unsigned char *)(part == 1 ? none : from);
      z.avail_in = (unsigned)n;
      left -= n;
      do {
        z.next_out = out;
        z.avail_out = sizeof out;
        deflate(&z, part == 2 ? Z_FINISH : Z_NO_FLUSH);
        add(&h, out, sizeof out - z.avail_out);
      } while (z.avail_out == 0);
    } while (left > 0);
  }
  deflateEnd(&z);
  return h;
}

static void explosions(void **state) {
  (void)state;
  static bytes head, tail;
  static const size_t sizes[] = {(size_t)1 << 30, (size_t)300 << 20};
  for (int i = 0; i < 2; i++)
    for (int before = 0; before < 2; before++) {
      head.size = tail.size = 0;
      put_text(&head, 0x00080016, "UI", "1.2.840.10008.5.1.4.1.1.7");
      bytes *shape_in = before ? &tail : &head;
      if (before) {
        put_raw(&head, "\x09\0\x01\x10OB\0\0", 8);
        put32(&head, (uint32_t)sizes[i]);
      }
      put_shape(shape_in, 1, "MONOCHROME2", 0, side, side, 8, 0);
      put_raw(shape_in, "\xe0\x7f\x10\0OB\0\0", 8);
      put32(shape_in, before ? side * side : (uint32_t)sizes[i]);
      if (before) put_raw(&tail, grey, side * side);
      heap z = deflate_set(&head, sizes[i], &tail), h = {0};
      begin(DEFLATED);
      add(&h, file.data, (size_t)((unsigned char *)memmem(file.data, file.size, "2.25.1", 6) - file.data) + 6);
      size_t start = h.size;
      add(&h, z.data, z.size);
      /* Under sanitizers nothing limits memory. */
      ends_as(LIMIT | (bf_isolate_limits_memory() ? 0 : GOOD), NULL, h.data, h.size, "%zu MiB in %zu KiB",
              sizes[i] >> 20, z.size >> 10);
      if (i == 1) {
        ends_as(BAD | NO_IMAGE, NULL, h.data, start, "nothing deflated");
        ends_as(BAD | NO_IMAGE, NULL, h.data, start + 10, "deflated and cut");
        memset(h.data + start, 0xff, z.size);
        ends_as(BAD | NO_IMAGE, NULL, h.data, h.size, "deflated rubbish");
      }
      drop(&z);
      drop(&h);
    }
}

/* ---- streams ---- */

static void stream_ends_as(int kinds, const char *words, const char *syntax, const void *data, size_t size,
                           const char *name, int number) {
  static bytes parts[2];
  parts[0].size = parts[1].size = 0;
  put_raw(&parts[1], data, size);
  begin_grey(syntax);
  put_fragments(&file, parts, 2);
  bytes_end_as(kinds, words, &file, name, number);
}

static void big_stream_ends_as(int kinds, const char *words, const char *syntax, int rows, int columns,
                               const void *data, size_t size, const char *name) {
  static bytes parts[2];
  parts[0].size = parts[1].size = 0;
  put_raw(&parts[1], data, size);
  begin(syntax);
  put_shape(&file, 1, "MONOCHROME2", 0, rows, columns, 8, 0);
  put_fragments(&file, parts, 2);
  bytes_end_as(kinds, words, &file, name, 0);
}

static size_t jpeg(unsigned char *out, int frame, int rows, int columns, int scans) {
  static const unsigned char quantiser[] = {0xff, 0xdb, 0, 67, 0};
  static const unsigned char table[] = {0xff, 0xc4, 0, 20, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0};
  static const unsigned char scan[] = {0xff, 0xda, 0, 8, 1, 1, 0, 0, 0, 0};
  unsigned char *to = out;
  *to++ = 0xff, *to++ = 0xd8;
  memcpy(to, quantiser, sizeof quantiser), to += sizeof quantiser;
  memset(to, 1, 64), to += 64;
  unsigned char start[] = {0xff,
                           (unsigned char)frame,
                           0,
                           11,
                           8,
                           (unsigned char)(rows >> 8),
                           (unsigned char)rows,
                           (unsigned char)(columns >> 8),
                           (unsigned char)columns,
                           1,
                           1,
                           0x11,
                           0};
  memcpy(to, start, sizeof start), to += sizeof start;
  for (int class = 0; class < 2; class ++) {
    memcpy(to, table, sizeof table);
    to[4] = (unsigned char)(class << 4);
    to += sizeof table;
  }
  for (int i = 0; i < scans; i++) {
    memcpy(to, scan, sizeof scan);
    if (frame != 0xc2) to[8] = 63;
    to += sizeof scan;
    *to++ = 0;
  }
  *to++ = 0xff, *to++ = 0xd9;
  return (size_t)(to - out);
}

static void jpegs(void **state) {
  (void)state;
  static unsigned char s[60000];
  size_t n = jpeg(s, 0xc0, 65500, 65500, 1);
  stream_ends_as(BAD, NULL, JPEG, s, n, "JPEG that says 65500 x 65500", 0);
  n = jpeg(s, 0xc0, 8, 8, 1);
  stream_ends_as(BAD, NULL, JPEG, s, n, "JPEG of another size", 0);
  for (size_t k = 2; k < n; k += 12) stream_ends_as(BAD, NULL, JPEG, s, k, "JPEG cut at %d", (int)k);
  stream_ends_as(BAD, NULL, JPEG, "\xff\xd8\xff\xd9", 4, "JPEG of nothing", 0);
  stream_ends_as(BAD, NULL, JPEG, grey, 200, "JPEG of zeros", 0);
  memset(s, 0xff, 200);
  stream_ends_as(BAD, NULL, JPEG, s, 200, "JPEG of ones", 0);
  n = jpeg(s, 0xc0, 32000, 32000, 1);
  big_stream_ends_as(BAD, "hostile", JPEG, 32000, 32000, s, n, "a gigabyte of JPEG in 200 bytes");
  n = jpeg(s, 0xc2, 8000, 8000, 4000);
  big_stream_ends_as(LIMIT, "scans", "1.2.840.10008.1.2.4.55", 8000, 8000, s, n, "JPEG of 4000 scans");
  n = jpeg(s, 0xc3, 16, 16, 1);
  stream_ends_as(BAD, NULL, JPEG_LOSSLESS, s, n, "lossless JPEG with a bad predictor", 0);
}

static void jpegls(void **state) {
  (void)state;
  unsigned char s[] = {0xff, 0xd8, 0xff, 0xf7, 0, 11, 8, 0, side, 0, side, 1, 1, 0x11, 0,   0xff,
                       0xda, 0,    8,    1,    1, 0,  0, 0, 0,    0, 0,    0, 0, 0xff, 0xd9};
  stream_ends_as(BAD, NULL, JPEG_LS, s, 10, "JPEG-LS header alone", 0);
  stream_ends_as(BAD, NULL, JPEG_LS, grey, 100, "JPEG-LS of zeros", 0);
  s[6] = 17;
  stream_ends_as(BAD, NULL, JPEG_LS, s, sizeof s, "JPEG-LS of 17 bits", 0);
  s[6] = 16;
  stream_ends_as(BAD, "bits", JPEG_LS, s, sizeof s, "JPEG-LS of 16 bits", 0);
  s[6] = 8, s[11] = 3;
  stream_ends_as(BAD, NULL, JPEG_LS, s, sizeof s, "JPEG-LS of three components", 0);
  s[11] = 1, s[7] = s[9] = 0xff;
  stream_ends_as(BAD, "65", JPEG_LS, s, sizeof s, "JPEG-LS of 65000 x 65000", 0);
  s[7] = s[9] = 0, s[7] = 0x7d;
  s[8] = 0, s[9] = 0x7d, s[10] = 0;
  big_stream_ends_as(BAD, "hostile", JPEG_LS, 32000, 32000, s, sizeof s, "a gigabyte of JPEG-LS in 30 bytes");
  static const unsigned char preset[] = {0xff, 0xd8, 0xff, 0xf8, 0,    13,   1,    0xff, 0xff,
                                         0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff};
  stream_ends_as(BAD, NULL, JPEG_LS, preset, sizeof preset, "JPEG-LS with a strange preset", 0);
  stream_ends_as(BAD, NULL, JPEG_LS, "", 0, "JPEG-LS of nothing", 0);
}

/* SIZ with these numbers, and the start of a coding style. */
static size_t jpeg2000(unsigned char *out, uint32_t width, uint32_t height, uint32_t tile, unsigned components,
                       int depth) {
  unsigned char *to = out;
  memcpy(to, "\xff\x4f\xff\x51", 4), to += 4;
  unsigned length = 38 + 3 * components;
  *to++ = (unsigned char)(length >> 8), *to++ = (unsigned char)length, *to++ = 0, *to++ = 0;
  const uint32_t numbers[] = {width, height, 0, 0, tile, tile, 0, 0};
  for (int i = 0; i < 8; i++)
    for (int k = 3; k >= 0; k--) *to++ = (unsigned char)(numbers[i] >> 8 * k);
  *to++ = (unsigned char)(components >> 8), *to++ = (unsigned char)components;
  for (unsigned i = 0; i < components && i < 1000; i++) *to++ = (unsigned char)(depth - 1), *to++ = 1, *to++ = 1;
  static const unsigned char rest[] = {0xff, 0x52, 0, 12, 0,    0,    0,    1,    0,    1,    4,    4, 0,    1,
                                       0xff, 0x5c, 0, 7,  0x40, 0x40, 0x48, 0x48, 0x50, 0xff, 0x90, 0, 10,   0,
                                       0,    0,    0, 0,  0,    0,    1,    0xff, 0x93, 0,    0,    0, 0xff, 0xd9};
  memcpy(to, rest, sizeof rest);
  return (size_t)(to + sizeof rest - out);
}

static void jpeg2000s(void **state) {
  (void)state;
  static unsigned char s[8192];
  static const uint32_t sizes[][3] = {
      {60000, 60000, 60000}, {0xffffffff, 0xffffffff, 0xffffffff}, {0, 0, 1}, {8, 8, 8}, {side, side, 0},
      {side, 8, side}};
  for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
    size_t n = jpeg2000(s, sizes[i][0], sizes[i][1], sizes[i][2], 1, 8);
    stream_ends_as(BAD, "JPEG 2000", JPEG_2000, s, n, "JPEG 2000 of the size %d", (int)i);
  }
  static const unsigned components[] = {0, 2, 3, 16384, 65535};
  for (size_t i = 0; i < 5; i++)
    stream_ends_as(BAD, "JPEG 2000", JPEG_2000, s, jpeg2000(s, side, side, side, components[i], 8),
                   "JPEG 2000 of %d components", (int)components[i]);
  static const int bits[] = {9, 16, 38, 64};
  for (size_t i = 0; i < 4; i++)
    stream_ends_as(BAD, "JPEG 2000", JPEG_2000, s, jpeg2000(s, side, side, side, 1, bits[i]), "JPEG 2000 of %d bits",
                   bits[i]);
  size_t n = jpeg2000(s, side, side, side, 1, 8);
  for (size_t k = 2; k + 8 < n; k += 9)
    stream_ends_as(BAD, "JPEG 2000", JPEG_2000, s, k, "JPEG 2000 cut at %d", (int)k);
  n = jpeg2000(s, 32000, 32000, 1, 1, 8);
  big_stream_ends_as(BAD, NULL, JPEG_2000, 32000, 32000, s, n, "JPEG 2000 of a thousand million tiles");
  n = jpeg2000(s, 32000, 32000, 32000, 1, 8);
  big_stream_ends_as(BAD, "hostile", JPEG_2000, 32000, 32000, s, n, "a gigabyte of JPEG 2000 in 100 bytes");
  static const unsigned char boxes[] = {0,    0,  0, 12, 'j', 'P', ' ', ' ', 13,  10,
                                        0x87, 10, 0, 0,  0,   0,   'j', 'p', '2', 'c'};
  stream_ends_as(BAD, "JPEG 2000", JPEG_2000, boxes, sizeof boxes, "JP2 boxes without a stream", 0);
}

static void run_lengths(void **state) {
  (void)state;
  unsigned char s[64 + 300];
  static const uint32_t segments[] = {0, 2, 3, 15, 16, 255, 0xffffffff};
  for (size_t i = 0; i < sizeof segments / sizeof segments[0]; i++) {
    memset(s, 0, sizeof s);
    memcpy(s, &segments[i], 4);
    s[4] = 64;
    stream_ends_as(BAD | (segments[i] == 2 ? 0 : 0), NULL, RLE, s, sizeof s, "RLE of %d segments", (int)segments[i]);
  }
  static const uint32_t offsets[] = {0, 1, 63, 65, 1000, 0xffffffff, 0x80000000};
  for (size_t i = 0; i < sizeof offsets / sizeof offsets[0]; i++) {
    memset(s, 0, sizeof s);
    s[0] = 1;
    memcpy(s + 4, &offsets[i], 4);
    for (size_t k = 64; k + 1 < sizeof s; k += 2) s[k] = 0x81, s[k + 1] = 5; /* runs of 128 */
    /* From a wrong place on the runs are others, and may give a whole picture. */
    stream_ends_as(BAD | GOOD, NULL, RLE, s, sizeof s, "RLE from offset %d", (int)i);
  }
  memset(s, 0, sizeof s);
  s[0] = 1, s[4] = 64;
  memset(s + 64, 0x7f, 300); /* literals of 128 */
  stream_ends_as(BAD, NULL, RLE, s, 64 + 20, "RLE that is cut", 0);
  memset(s + 64, 0x80, 300); /* nothing at all */
  stream_ends_as(BAD, NULL, RLE, s, sizeof s, "RLE of no operations", 0);
  stream_ends_as(BAD, NULL, RLE, s, 30, "RLE header that is cut", 0);
}

static void fragments(void **state) {
  (void)state;
  static bytes parts[4];
  memset(parts, 0, sizeof parts);
  begin_grey(JPEG_LS);
  put_fragments(&file, parts, 0);
  bytes_end_as(BAD, NULL, &file, "no fragments", 0);
  begin_grey(JPEG_LS);
  put_fragments(&file, parts, 1);
  bytes_end_as(BAD, NULL, &file, "an offset table alone", 0);
  for (int frames = 2; frames < 5; frames++) {
    static const uint32_t wild[] = {0, 0xfffffff0, 1, 0x80000000};
    parts[0].size = 0;
    for (int i = 0; i < frames && i < 4; i++) put32(&parts[0], wild[i]);
    parts[1].size = parts[2].size = 0;
    put_raw(&parts[1], "\xff\xd8\xff\xd9", 4);
    put_raw(&parts[2], "\xff\xd8\xff\xd9", 4);
    begin(JPEG_LS);
    put_shape(&file, 1, "MONOCHROME2", frames, side, side, 8, 0);
    put_fragments(&file, parts, 3);
    bytes_end_as(BAD, NULL, &file, "wild offsets, %d frames", frames);
    begin(RLE);
    put_shape(&file, 1, "MONOCHROME2", frames, side, side, 8, 0);
    put_fragments(&file, parts, 3);
    bytes_end_as(BAD, NULL, &file, "wild offsets of RLE, %d frames", frames);
  }
  static const uint32_t lengths_of[] = {0xffffffff, 0x7fffffff, 0xfffffffe, 1000};
  for (size_t i = 0; i < 4; i++) {
    begin_grey(JPEG_LS);
    put_raw(&file, "\xe0\x7f\x10\0OB\0\0\xff\xff\xff\xff", 12);
    put_raw(&file, "\xfe\xff\0\xe0\0\0\0\0\xfe\xff\0\xe0", 12);
    put32(&file, lengths_of[i]);
    put_raw(&file, "\xff\xd8\xff\xf7", 4);
    bytes_end_as(BAD | NO_IMAGE, NULL, &file, "a fragment of length %d", (int)i);
  }
}

/* A stream that ends too soon in a fragment of the right length: half a picture is none. */
static void cut_streams(void **state) {
  (void)state;
  static const char *const syntaxes[] = {RLE,
                                         JPEG,
                                         "1.2.840.10008.1.2.4.51",
                                         "1.2.840.10008.1.2.4.55",
                                         "1.2.840.10008.1.2.4.57",
                                         JPEG_LOSSLESS,
                                         JPEG_LS,
                                         "1.2.840.10008.1.2.4.81",
                                         JPEG_2000,
                                         "1.2.840.10008.1.2.4.91"};
  static uint16_t picture[64 * 48];
  static bytes parts[2];
  for (int i = 0; i < 64 * 48; i++) picture[i] = (uint16_t)(128 + 100 * (i % 64 / 32) + i % 7);
  for (size_t s = 0; s < sizeof syntaxes / sizeof syntaxes[0]; s++) {
    bf_error err = {0};
    bf_dicom_write w = {.sop_class_uid = "1.2.840.10008.5.1.4.1.1.7",
                        .modality = "US",
                        .sop_instance_uid = "1.2",
                        .transfer_syntax_uid = syntaxes[s],
                        .rows = 48,
                        .columns = 64,
                        .bits_stored = 8,
                        .slope = 1,
                        .pixels = picture};
    if (bf_dicom_write_image(in_scratch("s.dcm"), &w, &err) != BF_OK) fail_msg("%s", err.message);
    heap h = read_all(in_scratch("s.dcm"));
    unsigned char *pixels = memmem(h.data, h.size, "\xe0\x7f\x10\0", 4);
    uint32_t table, length;
    memcpy(&table, pixels + 16, 4);
    unsigned char *fragment = pixels + 20 + table;
    memcpy(&length, fragment + 4, 4);
    for (int k = 0; k <= 10; k++) {
      parts[1].size = 0;
      put_raw(&parts[1], fragment + 8, length * (size_t)k / 10);
      begin(syntaxes[s]);
      put_shape(&file, 1, "MONOCHROME2", 0, 48, 64, 8, 0);
      put_fragments(&file, parts, 2);
      ends_as(k == 10 ? GOOD : BAD, NULL, file.data, file.size, "%s, %d tenths of its stream", syntaxes[s], k);
    }
    drop(&h);
  }
}

/* ---- tables ---- */

static void lut_file(bool segmented, unsigned count, unsigned bits, const uint16_t *words, size_t n) {
  begin(EXPLICIT);
  put_shape(&file, 1, "PALETTE COLOR", 0, side, side, 8, 0);
  for (unsigned k = 0; k < 3; k++) {
    unsigned char d[6] = {(unsigned char)count, (unsigned char)(count >> 8), 0, 0, (unsigned char)bits, 0};
    put_element(&file, 0x00281101 + k, "US", d, 6);
  }
  for (unsigned k = 0; k < 3; k++) put_element(&file, (segmented ? 0x00281221 : 0x00281201) + k, "OW", words, 2 * n);
  put_pixels(side * side);
}

static void tables(void **state) {
  (void)state;
  static const uint16_t discrete[] = {0, 4, 1, 2, 3, 4}, line[] = {0, 1, 0, 1, 3, 30},
                        copy[] = {0, 2, 5, 6, 2, 1, 0, 0};
  static const struct {
    const uint16_t *words;
    size_t n;
    unsigned count;
  } good[] = {{discrete, 6, 4}, {line, 6, 4}, {copy, 8, 4}};
  for (int i = 0; i < 3; i++) {
    lut_file(true, good[i].count, 16, good[i].words, good[i].n);
    bytes_end_as(GOOD, NULL, &file, "segments %d", i);
    lut_file(true, good[i].count + 1, 16, good[i].words, good[i].n);
    bytes_end_as(FORMAT, "segmented palette", &file, "segments %d, one too few", i);
    lut_file(true, good[i].count - 1, 16, good[i].words, good[i].n);
    bytes_end_as(FORMAT, "segmented palette", &file, "segments %d, one too many", i);
    lut_file(true, good[i].count, 16, good[i].words, good[i].n - 1);
    bytes_end_as(FORMAT, "segmented palette", &file, "segments %d, cut", i);
  }
  static const uint16_t first_line[] = {1, 4, 9}, self[] = {0, 1, 7, 2, 1, 6, 0}, ahead[] = {0, 1, 7, 2, 1, 200, 0},
                        far[] = {0, 1, 7, 2, 9, 0xffff, 0xffff}, deep[] = {0, 1, 7, 2, 1, 0, 0, 2, 1, 6, 0},
                        kind[] = {3, 1, 1}, much[] = {0, 1, 1, 1, 65535, 9}, much_copy[] = {0, 1, 7, 2, 65535, 0, 0};
  static const struct {
    const uint16_t *words;
    size_t n;
  } bad[] = {{first_line, 3}, {self, 7}, {ahead, 7}, {far, 7}, {deep, 11}, {kind, 3}, {much, 6}, {much_copy, 7}};
  for (int i = 0; i < 8; i++) {
    lut_file(true, 100, 16, bad[i].words, bad[i].n);
    bytes_end_as(FORMAT, "segmented palette", &file, "bad segments %d", i);
  }
  static const uint16_t few[8] = {1, 2, 3, 4, 5, 6, 7, 8};
  static const unsigned counts[] = {0, 17, 256, 65535};
  for (int i = 0; i < 4; i++) {
    lut_file(false, counts[i], 16, few, 8);
    bytes_end_as(FORMAT, "shorter", &file, "a table of %d entries", (int)counts[i]);
  }
  static const unsigned depths_of[] = {0, 7, 17, 255};
  for (int i = 0; i < 4; i++) {
    lut_file(false, 8, depths_of[i], few, 8);
    bytes_end_as(FORMAT, "bits", &file, "a table of %d bits", (int)depths_of[i]);
  }
  begin(EXPLICIT);
  put_shape(&file, 1, "PALETTE COLOR", 0, side, side, 8, 0);
  put_pixels(side * side);
  bytes_end_as(FORMAT, "tables", &file, "no tables", 0);
}

static void begin_with_scale(const char *spacing, const char *window, const char *scale) {
  begin(EXPLICIT);
  put_us(&file, 0x00280002, 1);
  put_text(&file, 0x00280004, "CS", "MONOCHROME2");
  put_us(&file, 0x00280010, side), put_us(&file, 0x00280011, side);
  put_text(&file, 0x00280030, "DS", spacing);
  put_us(&file, 0x00280100, 8), put_us(&file, 0x00280101, 8), put_us(&file, 0x00280102, 7),
      put_us(&file, 0x00280103, 0);
  put_text(&file, 0x00281050, "DS", window);
  put_text(&file, 0x00281051, "DS", window);
  put_text(&file, 0x00281052, "DS", scale);
  put_text(&file, 0x00281053, "DS", scale);
  put_pixels(side * side);
}

/* Numbers that are none: the file is read without them. A scale that turns values into what no number holds: it is
 * refused. */
static void odd_numbers(void **state) {
  (void)state;
  static const char *const numbers[] = {"nan", "inf", "1e999", "-1e999", "", "abc", "0", "-0", "1e-320"};
  for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++) {
    char two[64];
    snprintf(two, sizeof two, "%s\\%s", numbers[i], numbers[i]);
    begin_with_scale(two, numbers[i], numbers[i]);
    bytes_end_as(GOOD, NULL, &file, "number %d", (int)i);
  }
  static const char *const scales[] = {"1e307", "-1e200", "2e12"};
  for (int i = 0; i < 3; i++) {
    begin_with_scale("1\\1", "100", scales[i]);
    bytes_end_as(FORMAT, "RescaleSlope (0028,1053)", &file, "scale %d", i);
  }
}

/* ---- all of them ---- */

static long resident_kib(void) {
  char text[4096] = "";
  FILE *f = fopen("/proc/self/status", "r");
  if (f == NULL) return 0;
  text[fread(text, 1, sizeof text - 1, f)] = '\0';
  fclose(f);
  const char *at = strstr(text, "VmRSS:");
  return at != NULL ? strtol(at + 6, NULL, 10) : 0;
}

static long before_kib;

static int set_up(void **state) {
  (void)state;
  bf_error err = {0};
  scratch_make();
  if (bf_dicom_init(&err) != BF_OK) return 1;
  before_kib = resident_kib();
  return 0;
}

static void nothing_was_harmed(void **state) {
  (void)state;
  long grown = resident_kib() - before_kib;
  printf(
      "%d files: %d read, %d damaged, %d over a limit, %d unsupported, %d no image, %d no DICOM; %lld processes died; "
      "slowest "
      "%lld ms (%s); this process grew by %ld KiB\n",
      told.files, told.kinds[0], told.kinds[1], told.kinds[2], told.kinds[3], told.kinds[4], told.kinds[5],
      (long long)bf_dicom_deaths(), (long long)told.slowest_ms, told.slowest, grown);
  assert_true(told.files >= 300);
  /* What this test itself allocates and gives back stays in its heap; the bombs are a hundred times as large. */
  if (bf_isolate_limits_memory()) assert_true(grown < 16384);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(cut),
                                     cmocka_unit_test(no_dicom),
                                     cmocka_unit_test(shapes),
                                     cmocka_unit_test(depths),
                                     cmocka_unit_test(pixel_data),
                                     cmocka_unit_test(lengths),
                                     cmocka_unit_test(meta),
                                     cmocka_unit_test(nesting),
                                     cmocka_unit_test(multitudes),
                                     cmocka_unit_test(explosions),
                                     cmocka_unit_test(jpegs),
                                     cmocka_unit_test(jpegls),
                                     cmocka_unit_test(jpeg2000s),
                                     cmocka_unit_test(run_lengths),
                                     cmocka_unit_test(fragments),
                                     cmocka_unit_test(cut_streams),
                                     cmocka_unit_test(tables),
                                     cmocka_unit_test(odd_numbers),
                                     cmocka_unit_test(nothing_was_harmed)};
  return cmocka_run_group_tests(tests, set_up, scratch_teardown);
}
