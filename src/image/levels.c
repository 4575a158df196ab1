/* Counting grey levels. */
#include "image/levels.h"

#include <stdbool.h>

int bf_image_levels(const uint16_t *pixels, int64_t count) {
  bool used[256] = {false};
  int levels = 0;
  for (int64_t i = 0; i < count; i++) used[pixels[i] >> 8] = true;
  for (int i = 0; i < 256; i++) levels += used[i];
  return levels;
}
