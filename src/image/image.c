/* Image headers and stored values. */
#include "image/image.h"

#include <string.h>

#include "base/memory.h"

void bf_image_init(bf_image *image) { *image = (bf_image){.slope = 1}; }

void bf_image_clear(bf_image *image) {
  bf_free(image->modality_lut.values);
  bf_free(image->voi_lut.values);
  for (int i = 0; i < 3; i++) bf_free(image->palette[i].values);
  *image = (bf_image){.slope = 1};
}

static uint32_t raw(const bf_image *image, const void *pixels, int64_t i) {
  switch (image->bits_allocated) {
    case 32: {
      uint32_t v;
      memcpy(&v, (const char *)pixels + 4 * i, 4);
      return v;
    }
    case 16: {
      uint16_t v;
      memcpy(&v, (const char *)pixels + 2 * i, 2);
      return v;
    }
    default: return ((const uint8_t *)pixels)[i];
  }
}

int64_t bf_image_stored(const bf_image *image, const void *pixels, int64_t i) {
  uint32_t v = raw(image, pixels, i);
  int low = image->high_bit + 1 - image->bits_stored; /* bits below the stored ones */
  if (low > 0) v >>= low;
  int64_t range = INT64_C(1) << image->bits_stored, value = v & (uint32_t)(range - 1);
  return image->is_signed && value >= range / 2 ? value - range : value;
}

void bf_image_range(const bf_image *image, const void *pixels, double *low, double *high, double *mean) {
  int64_t n = (int64_t)image->rows * image->columns * image->samples;
  double sum = 0;
  int64_t least = INT64_MAX, most = INT64_MIN;
  for (int64_t i = 0; i < n; i++) {
    int64_t v = bf_image_stored(image, pixels, i);
    if (v < least) least = v;
    if (v > most) most = v;
    sum += (double)v;
  }
  *low = (double)least;
  *high = (double)most;
  *mean = n > 0 ? sum / (double)n : 0;
}
