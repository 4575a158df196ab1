/* Weight format: safetensors. */
#include "model/safetensors.h"
#include "model/weights_format.h"

/* The header's length, then its first brace: eight bytes of which the upper ones are zero. */
static int detect(const char *path, const void *bytes, size_t size) {
  const unsigned char *h = bytes;
  if (size >= 9 && h[8] == '{' && h[4] == 0 && h[5] == 0 && h[6] == 0 && h[7] == 0) return 90;
  return bf_weights_is_named(path, ".safetensors") ? 20 : 0;
}

const bf_weights_format bf_weights_safetensors = {"safetensors", "safetensors, under torchvision's names", detect,
                                                  bf_safetensors_parse};
