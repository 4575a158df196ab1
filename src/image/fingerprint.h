/* What a picture looks like, in few numbers: pictures that show the same are found by them, whatever their size,
 * encoding, brightness or small marks drawn on them. Pure C on the caller's buffers; the same bits on every machine. */
#ifndef BF_IMAGE_FINGERPRINT_H
#define BF_IMAGE_FINGERPRINT_H

#include <stdbool.h>
#include <stdint.h>

enum { BF_FINGERPRINT_BITS = 256, BF_FINGERPRINT_HEX = 65, BF_DETAIL_SIDE = 32, BF_DETAIL = 1024 };

/* A bit for each of 16 x 16 places: whether it grows brighter to the right (difference hash: Krawetz, Kind of Like
 * That, 2013), by exact means over areas. */
typedef struct bf_fingerprint {
  uint64_t words[BF_FINGERPRINT_BITS / 64];
} bf_fingerprint;

/* pixels: [rows*columns]; rows and columns from 1 to 32768. */
void bf_fingerprint_of(bf_fingerprint *out, const uint16_t *pixels, int32_t rows, int32_t columns);

/* Bits that differ, 0 to 256; of unlike pictures about half. */
int bf_fingerprint_distance(const bf_fingerprint *a, const bf_fingerprint *b);

/* 64 hexadecimal digits and NUL, and back; false when the text is none. */
void bf_fingerprint_write(char hex[BF_FINGERPRINT_HEX], const bf_fingerprint *print);
bool bf_fingerprint_read(bf_fingerprint *out, const char *hex);

/* The picture's structure without its slow changes of brightness: means over 32 x 32 areas less their surroundings
 * (Gaussian, 2 areas), of mean 0 and length 1, so that the product of two is their correlation. false, and zeros, for a
 * picture of one grey. */
bool bf_detail_of(float out[BF_DETAIL], const uint16_t *pixels, int32_t rows, int32_t columns);
float bf_detail_correlation(const float a[BF_DETAIL], const float b[BF_DETAIL]);

#endif
