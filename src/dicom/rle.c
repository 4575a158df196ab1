/* RLE (PS3.5 Annex G): each byte of each sample is a plane, run-length coded in a segment of its own. A frame that is
 * not whole is refused. */
#include "dicom/rle.h"

#include <string.h>

enum { header_size = 64, most_segments = 15 };

static uint32_t word(const uint8_t *b) {
  return (uint32_t)b[0] | (uint32_t)b[1] << 8 | (uint32_t)b[2] << 16 | (uint32_t)b[3] << 24;
}

/* Fills every step-th byte from dst on, `count` of them; false: the segment ends before. */
static bool decode_plane(uint8_t *dst, size_t count, size_t step, const uint8_t *from, size_t size) {
  size_t done = 0, at = 0;
  while (done < count) {
    if (at >= size) return false;
    uint8_t control = from[at++];
    if (control == 128) continue;
    size_t n = control < 128 ? (size_t)control + 1 : 257 - (size_t)control;
    size_t taken = n < count - done ? n : count - done; /* some writers run past the end */
    if (size - at < (control < 128 ? taken : 1)) return false;
    for (size_t i = 0; i < taken; i++) dst[(done + i) * step] = from[at + (control < 128 ? i : 0)];
    at += control < 128 ? n : 1;
    done += taken;
  }
  return true;
}

bf_status bf_rle_decode(void *dst, bf_image *image, const void *data, size_t size, bf_error *err) {
  const uint8_t *stream = data;
  size_t each = (size_t)image->bits_allocated / 8, samples = (size_t)image->samples, wanted = each * samples;
  size_t pixels = (size_t)image->rows * (size_t)image->columns;
  if (size < header_size) return bf_fail(err, BF_E_FORMAT, "the RLE header is cut short: %zu of 64 bytes", size);
  if (word(stream) != wanted || wanted > most_segments)
    return bf_fail(err, BF_E_FORMAT, "the RLE header has %u segments; %d samples of %d bits need %zu", word(stream),
                   image->samples, image->bits_allocated, wanted);
  for (size_t k = 0; k < wanted; k++) {
    size_t start = word(stream + 4 + 4 * k), end = k + 1 < wanted ? word(stream + 8 + 4 * k) : size;
    if (start < header_size || start > end || end > size)
      return bf_fail(err, BF_E_FORMAT, "RLE segment %zu is to lie at %zu to %zu of %zu bytes", k + 1, start, end, size);
    /* The most significant byte of a sample comes first. */
    uint8_t *plane = (uint8_t *)dst + k / each * each + (each - 1 - k % each);
    if (!decode_plane(plane, pixels, wanted, stream + start, end - start))
      return bf_fail(err, BF_E_FORMAT, "RLE segment %zu ends before its %zu bytes", k + 1, pixels);
  }
  image->planar = false;
  return BF_OK;
}
