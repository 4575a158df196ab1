/* libFuzzer target: RLE frames. The first bytes choose the picture. */
#include <stdlib.h>

#include "base/memory.h"
#include "dicom/rle.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  static const int32_t depths[] = {8, 16, 32};
  bf_error err = {0};
  if (size < 4) return 0;
  bf_image image = {.rows = 1 + data[0],
                    .columns = 1 + data[1],
                    .samples = data[2] % 2 ? 3 : 1,
                    .bits_allocated = depths[data[3] % 3]};
  image.frame_bytes =
      (size_t)image.rows * (size_t)image.columns * (size_t)image.samples * (size_t)image.bits_allocated / 8;
  void *pixels = bf_alloc_raw(image.frame_bytes, 1);
  if (pixels != NULL && bf_rle_decode(pixels, &image, data + 4, size - 4, &err) == BF_OK) {
    /* Every byte was written: MemorySanitizer, or valgrind, would say otherwise. */
    volatile unsigned char all = 0;
    for (size_t i = 0; i < image.frame_bytes; i++) all ^= ((unsigned char *)pixels)[i];
  }
  bf_free(pixels);
  return 0;
}
