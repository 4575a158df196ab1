/* Bit-packed masks: one bit a pixel, 1 where a lesion is. Row by row from the top, each row of (columns + 7) / 8 bytes,
 * the leftmost pixel in the most significant bit of the first byte; bits behind the last column are 0. All that makes,
 * keeps or reads masks uses this layout. rows and columns are at least 1. */
#ifndef BF_IMAGE_MASK_H
#define BF_IMAGE_MASK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Masks of more are refused wherever they come from: protects memory from hostile files. */
#define BF_MASK_MAX_SIDE 32768
#define BF_MASK_MAX_PIXELS (INT64_C(1) << 26)

/* Bytes of a row. */
static inline size_t bf_mask_stride(int32_t columns) { return ((size_t)columns + 7) / 8; }

static inline size_t bf_mask_bytes(int32_t rows, int32_t columns) { return (size_t)rows * bf_mask_stride(columns); }

static inline bool bf_mask_get(const uint8_t *mask, int32_t columns, int32_t x, int32_t y) {
  return (mask[(size_t)y * bf_mask_stride(columns) + (size_t)x / 8] >> (7 - x % 8)) & 1;
}

static inline void bf_mask_set(uint8_t *mask, int32_t columns, int32_t x, int32_t y) {
  mask[(size_t)y * bf_mask_stride(columns) + (size_t)x / 8] |= (uint8_t)(0x80 >> x % 8);
}

/* Whether a mask of this size is within the limits. */
static inline bool bf_mask_size_good(int64_t rows, int64_t columns) {
  return rows >= 1 && columns >= 1 && rows <= BF_MASK_MAX_SIDE && columns <= BF_MASK_MAX_SIDE &&
         rows * columns <= BF_MASK_MAX_PIXELS;
}

#ifdef __cplusplus
}
#endif
#endif
