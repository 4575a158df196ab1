/* libFuzzer target: a mask as PNG. */
#include "data/mask.h"
#include "fuzz_file.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  enum { rows = 13, columns = 21 };
  char path[64];
  bf_error err = {0};
  uint8_t mask[rows * 3] = {0};
  fuzz_file(path, data, size);
  bf_status status = bf_mask_png_read(mask, path, rows, columns, &err);
  if (status != BF_OK && err.message[0] == '\0') abort();
  return 0;
}
