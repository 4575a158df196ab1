/* libFuzzer target: segmented palettes. The first byte chooses the depth, the next two the length. */
#include <stdint.h>
#include <stdlib.h>

#include "base/memory.h"
#include "dicom/palette.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  bf_error err = {0};
  if (size < 3) return 0;
  size_t count = 1 + (size_t)data[1] + 256 * (size_t)data[2];
  uint16_t *values = bf_alloc_raw(count, sizeof *values);
  if (values != NULL && bf_palette_write_out(values, count, data + 3, size - 3, data[0] % 2 ? 16 : 8, &err) == BF_OK) {
    volatile uint16_t all = 0;
    for (size_t i = 0; i < count; i++) all ^= values[i];
  }
  bf_free(values);
  return 0;
}
