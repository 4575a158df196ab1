/* One long row of whole numbers that grows at its end, chunked and without a filter: pictures, masks. Private to the
 * room. */
#ifndef BF_STORE_H5_STRIP_H
#define BF_STORE_H5_STRIP_H

#include "store/h5.h"

typedef struct bf_strip {
  hid_t dataset; /* < 0: closed */
  int64_t count; /* numbers */
} bf_strip;

#define BF_STRIP_CLOSED ((bf_strip){-1, 0})

/* An empty one. false: HDF5 refuses; bf_h5_fail_out says why. */
bool bf_strip_create(bf_strip *out, hid_t file, const char *name, hid_t type, const char *long_name);
/* type: of the values in memory. */
bool bf_strip_append(bf_strip *strip, hid_t type, const void *values, int64_t count);
/* One that stands in a file; its numbers have `size` bytes. */
bf_status bf_strip_open(bf_strip *out, hid_t file, const char *path, const char *name, size_t size, bf_error *err);
/* The caller has checked that first and count lie within. */
bool bf_strip_read(const bf_strip *strip, hid_t type, void *dst, int64_t first, int64_t count);
void bf_strip_close(bf_strip *strip);

/* ---- masks of original images: rows x ((columns + 7) / 8) bytes ---- */

#define BF_STRIP_MASK_SIDE 32768
#define BF_STRIP_MASK_PIXELS (INT64_C(1) << 26)

/* Bytes of the mask of an image of this size; -1 when it is beyond the limits. */
static inline int64_t bf_strip_mask_bytes(int32_t rows, int32_t columns) {
  if (rows < 1 || columns < 1 || rows > BF_STRIP_MASK_SIDE || columns > BF_STRIP_MASK_SIDE ||
      (int64_t)rows * columns > BF_STRIP_MASK_PIXELS)
    return -1;
  return (int64_t)rows * (((int64_t)columns + 7) / 8);
}

/* Whether a mask that begins at `start` lies within. */
static inline bool bf_strip_holds_mask(int64_t strip_bytes, int64_t start, int32_t rows, int32_t columns) {
  int64_t bytes = bf_strip_mask_bytes(rows, columns);
  return bytes > 0 && start >= 0 && start <= strip_bytes && bytes <= strip_bytes - start;
}

/* Bits behind the last column are cleared, whatever the file holds there. */
bool bf_strip_read_mask(const bf_strip *strip, uint8_t *dst, int64_t start, int32_t rows, int32_t columns);

#endif
