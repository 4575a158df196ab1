/* DICOM files byte by byte, explicit little endian, for what a library's writer would refuse to write. Elements are put
 * in rising order of tags. */
#ifndef BF_TESTS_DICOM_SUPPORT_H
#define BF_TESTS_DICOM_SUPPORT_H

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct bytes {
  unsigned char data[1 << 16];
  size_t size;
} bytes;

static inline void put_raw(bytes *b, const void *data, size_t size) {
  if (b->size + size > sizeof b->data) abort();
  if (size > 0) memcpy(b->data + b->size, data, size);
  b->size += size;
}

static inline void put16(bytes *b, unsigned v) {
  put_raw(b, (unsigned char[]){(unsigned char)v, (unsigned char)(v >> 8)}, 2);
}
static inline void put32(bytes *b, uint32_t v) { put16(b, v & 0xffff), put16(b, v >> 16); }

/* Value representations with a length of 32 bits (PS3.5 7.1.2). */
static inline int is_long(const char *vr) { return strstr("OB OD OF OL OV OW SQ SV UC UN UR UT UV", vr) != NULL; }

/* tag: group << 16 | element. Odd values get one byte more. */
static inline void put_element(bytes *b, uint32_t tag, const char *vr, const void *data, size_t size) {
  put16(b, tag >> 16);
  put16(b, tag & 0xffff);
  put_raw(b, vr, 2);
  if (is_long(vr)) {
    put16(b, 0);
    put32(b, (uint32_t)(size + size % 2));
  } else {
    put16(b, (unsigned)(size + size % 2));
  }
  put_raw(b, data, size);
  if (size % 2) put_raw(b, strcmp(vr, "UI") == 0 || strcmp(vr, "OB") == 0 ? "" : " ", 1);
}

static inline void put_text(bytes *b, uint32_t tag, const char *vr, const char *text) {
  put_element(b, tag, vr, text, strlen(text));
}

static inline void put_us(bytes *b, uint32_t tag, unsigned value) {
  put_element(b, tag, "US", (unsigned char[]){(unsigned char)value, (unsigned char)(value >> 8)}, 2);
}

/* A sequence of items, each the whole content of a `bytes`. */
static inline void put_sequence(bytes *b, uint32_t tag, const bytes *items, int count) {
  static bytes all;
  all.size = 0;
  for (int i = 0; i < count; i++) {
    put32(&all, 0xe000fffeu);
    put32(&all, (uint32_t)items[i].size);
    put_raw(&all, items[i].data, items[i].size);
  }
  put_element(b, tag, "SQ", all.data, all.size);
}

/* Encapsulated pixel data: fragments, the first one being the offset table. */
static inline void put_fragments(bytes *b, const bytes *fragments, int count) {
  put_raw(b, "\xe0\x7f\x10\x00OB\0\0\xff\xff\xff\xff", 12);
  for (int i = 0; i < count; i++) {
    put32(b, 0xe000fffeu);
    put32(b, (uint32_t)(fragments[i].size + fragments[i].size % 2));
    put_raw(b, fragments[i].data, fragments[i].size);
    if (fragments[i].size % 2) put_raw(b, "", 1);
  }
  put32(b, 0xe0ddfffeu);
  put32(b, 0);
}

/* Preamble and meta header (PS3.10 7.1). */
static inline void put_start(bytes *b, const char *syntax) {
  static bytes meta;
  static const char zeros[128];
  meta.size = 0;
  put_element(&meta, 0x00020001, "OB", "\0\1", 2);
  put_text(&meta, 0x00020002, "UI", "1.2.840.10008.5.1.4.1.1.7");
  put_text(&meta, 0x00020003, "UI", "1.2.3.4");
  put_text(&meta, 0x00020010, "UI", syntax);
  put_text(&meta, 0x00020012, "UI", "2.25.1");
  b->size = 0;
  put_raw(b, zeros, sizeof zeros);
  put_raw(b, "DICM", 4);
  uint32_t length = (uint32_t)meta.size;
  put_element(b, 0x00020000, "UL", (unsigned char[]){(unsigned char)length, (unsigned char)(length >> 8), 0, 0}, 4);
  put_raw(b, meta.data, meta.size);
}

/* Group 0028 of a picture, up to Pixel Representation. frames 0: left out. */
static inline void put_shape(bytes *b, int samples, const char *photometric, int frames, int rows, int columns,
                             int bits, int is_signed) {
  char text[16];
  put_us(b, 0x00280002, (unsigned)samples);
  put_text(b, 0x00280004, "CS", photometric);
  if (samples > 1) put_us(b, 0x00280006, 0);
  snprintf(text, sizeof text, "%d", frames);
  if (frames > 0) put_text(b, 0x00280008, "IS", text);
  put_us(b, 0x00280010, (unsigned)rows);
  put_us(b, 0x00280011, (unsigned)columns);
  put_us(b, 0x00280100, (unsigned)bits);
  put_us(b, 0x00280101, (unsigned)bits);
  put_us(b, 0x00280102, (unsigned)bits - 1);
  put_us(b, 0x00280103, (unsigned)is_signed);
}

static inline void put_file(const bytes *b, const char *path) {
  FILE *file = fopen(path, "wb");
  if (file == NULL || fwrite(b->data, 1, b->size, file) != b->size || fclose(file) != 0) abort();
}

#endif
