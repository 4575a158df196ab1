/* libFuzzer target: the look over a data set's structure. */
#include "dicom/scan.h"
#include "fuzz_file.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  bf_error err = {0};
  bf_status status = bf_scan(fuzz_file(NULL, data, size), (int64_t)size, &err);
  if (status != BF_OK && status != BF_E_LIMIT) abort();
  return 0;
}
