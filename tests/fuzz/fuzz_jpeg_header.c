/* libFuzzer target: the markers of a JPEG stream. */
#include <stdint.h>

#include "dicom/jpeg_header.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  bf_error err = {0};
  const bf_image image = {.rows = 41, .columns = 50, .samples = 1, .bits_allocated = 8};
  (void)bf_jpeg_check(&image, data, size, &err);
  return 0;
}
