/* libFuzzer target: one weight format (BF_FUZZ_FORMAT) over the bytes of a file. What is read must lie within memory
 * that the file owns, and be convertible. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "model/weights_format.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const bf_weights_format *format_named(const char *name) {
  for (int i = 0; i < bf_weights_format_count(); i++)
    if (strcmp(bf_weights_format_at(i)->name, name) == 0) return bf_weights_format_at(i);
  abort();
}

/* Every byte is looked at, so that AddressSanitizer sees where it stands. */
static void read_tensor(const bf_tensor *t) {
  if (t->count > 1 << 20) return;
  volatile unsigned char last = 0;
  for (size_t i = 0; i < t->bytes; i++) last ^= ((const unsigned char *)t->data)[i];
  float *values = bf_alloc_raw((size_t)t->count, sizeof *values);
  if (values != NULL) (void)bf_tensor_to_float(values, t, NULL);
  bf_free(values);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  static const bf_weights_format *format;
  bf_tensors file;
  bf_error err = {0};
  if (format == NULL) format = format_named(BF_FUZZ_FORMAT);
  if (bf_tensors_load_bytes(&file, data, size, &err) != BF_OK) return 0;
  (void)format->detect("x", data, size);
  bf_status status = format->parse(&file, &err);
  if (status != BF_OK && err.message[0] == '\0') abort();
  for (int64_t i = 0; status == BF_OK && i < file.tensor_count; i++) read_tensor(&file.tensors[i]);
  bf_tensors_clear(&file);
  return 0;
}
