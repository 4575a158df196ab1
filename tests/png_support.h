/* PNG files byte by byte, stored without compression: masks of every kind, and files that no library would write. */
#ifndef BF_TESTS_PNG_SUPPORT_H
#define BF_TESTS_PNG_SUPPORT_H

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct png_bytes {
  unsigned char data[1 << 18];
  size_t size;
} png_bytes;

typedef struct png_picture {
  uint32_t columns, rows;
  int depth, colour, interlace; /* as in IHDR */
  const void *pixels;           /* scan lines without filter bytes, one behind another; of all passes when interlaced */
  size_t line, lines;           /* bytes of a line, and lines; an interlaced picture says them in `passes` instead */
  const size_t (*passes)[2];    /* seven times line and lines; a line of 0 bytes: the pass is empty */
  const void *palette, *transparency; /* PLTE and tRNS, or NULL */
  size_t palette_size, transparency_size;
} png_picture;

static inline void png_raw(png_bytes *b, const void *data, size_t size) {
  if (b->size + size > sizeof b->data) abort();
  if (size > 0) memcpy(b->data + b->size, data, size);
  b->size += size;
}

static inline void png_u32(png_bytes *b, uint32_t v) {
  const unsigned char bytes[] = {(unsigned char)(v >> 24), (unsigned char)(v >> 16), (unsigned char)(v >> 8),
                                 (unsigned char)v};
  png_raw(b, bytes, 4);
}

/* PNG specification, annex D. */
static inline uint32_t png_crc(const unsigned char *data, size_t size) {
  uint32_t crc = 0xffffffffu;
  for (size_t i = 0; i < size; i++) {
    crc ^= data[i];
    for (int k = 0; k < 8; k++) crc = crc & 1 ? 0xedb88320u ^ crc >> 1 : crc >> 1;
  }
  return ~crc;
}

static inline void png_chunk(png_bytes *b, const char *type, const void *data, size_t size) {
  png_u32(b, (uint32_t)size);
  size_t start = b->size;
  png_raw(b, type, 4);
  png_raw(b, data, size);
  png_u32(b, png_crc(b->data + start, b->size - start));
}

/* RFC 1950 and 1951: stored blocks. */
static inline void png_deflate(png_bytes *b, const unsigned char *data, size_t size) {
  uint32_t low = 1, high = 0;
  for (size_t i = 0; i < size; i++) low = (low + data[i]) % 65521, high = (high + low) % 65521;
  png_raw(b, "\x78\x01", 2);
  for (size_t at = 0; at == 0 || at < size; at += 60000) {
    unsigned n = (unsigned)(size - at < 60000 ? size - at : 60000);
    const unsigned char head[] = {at + n == size, (unsigned char)n, (unsigned char)(n >> 8), (unsigned char)~n,
                                  (unsigned char)(~n >> 8)};
    png_raw(b, head, 5);
    png_raw(b, data + at, n);
  }
  png_u32(b, high << 16 | low);
}

static inline void png_lines(png_bytes *raw, const unsigned char **pixels, size_t line, size_t lines) {
  for (size_t y = 0; y < lines && line > 0; y++, *pixels += line) {
    png_raw(raw, "", 1);
    png_raw(raw, *pixels, line);
  }
}

static inline void png_make(png_bytes *b, const png_picture *p) {
  static png_bytes raw, packed, head;
  const unsigned char *pixels = p->pixels;
  raw.size = packed.size = head.size = b->size = 0;
  png_u32(&head, p->columns);
  png_u32(&head, p->rows);
  const unsigned char kind[] = {(unsigned char)p->depth, (unsigned char)p->colour, 0, 0, (unsigned char)p->interlace};
  png_raw(&head, kind, 5);
  if (p->passes == NULL) png_lines(&raw, &pixels, p->line, p->lines);
  for (int k = 0; p->passes != NULL && k < 7; k++) png_lines(&raw, &pixels, p->passes[k][0], p->passes[k][1]);
  png_deflate(&packed, raw.data, raw.size);
  png_raw(b, "\x89PNG\r\n\x1a\n", 8);
  png_chunk(b, "IHDR", head.data, head.size);
  if (p->palette != NULL) png_chunk(b, "PLTE", p->palette, p->palette_size);
  if (p->transparency != NULL) png_chunk(b, "tRNS", p->transparency, p->transparency_size);
  png_chunk(b, "IDAT", packed.data, packed.size);
  png_chunk(b, "IEND", NULL, 0);
}

static inline void png_put(const png_bytes *b, size_t size, const char *path) {
  FILE *file = fopen(path, "wb");
  if (file == NULL || fwrite(b->data, 1, size, file) != size || fclose(file) != 0) abort();
}

/* A bit-packed mask (image/mask.h) as a PNG of one bit. */
static inline void png_put_mask(const char *path, const uint8_t *mask, int rows, int columns) {
  static png_bytes b;
  const png_picture p = {.columns = (uint32_t)columns,
                         .rows = (uint32_t)rows,
                         .depth = 1,
                         .pixels = mask,
                         .line = ((size_t)columns + 7) / 8,
                         .lines = (size_t)rows};
  png_make(&b, &p);
  png_put(&b, b.size, path);
}

/* Sets columns from xmin to xmax (exclusive) of rows from ymin to ymax of a mask. */
static inline void mask_box(uint8_t *mask, int columns, int xmin, int ymin, int xmax, int ymax) {
  for (int y = ymin; y < ymax; y++)
    for (int x = xmin; x < xmax; x++)
      mask[(size_t)y * (((size_t)columns + 7) / 8) + (size_t)x / 8] |= (uint8_t)(0x80 >> x % 8);
}

#endif
