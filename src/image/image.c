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

bf_image bf_image_without_tables(const bf_image *image) {
  bf_image bare = *image;
  bare.modality_lut = bare.voi_lut = (bf_lut){0};
  for (int i = 0; i < 3; i++) bare.palette[i] = (bf_lut){0};
  return bare;
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

/* How stored values lie in samples. */
typedef struct layout {
  int shift; /* bits below the stored ones */
  uint32_t mask;
  int64_t half; /* of the range of signed values, else 0 */
} layout;

static layout layout_of(const bf_image *image) {
  int64_t range = INT64_C(1) << image->bits_stored;
  return (layout){image->high_bit + 1 - image->bits_stored, (uint32_t)(range - 1), image->is_signed ? range / 2 : 0};
}

static inline int64_t stored(layout l, uint32_t raw_value) {
  return ((int64_t)((raw_value >> l.shift) & l.mask) ^ l.half) - l.half;
}

int64_t bf_image_stored(const bf_image *image, const void *pixels, int64_t i) {
  return stored(layout_of(image), raw(image, pixels, i));
}

typedef struct range {
  int64_t least, most, sum;
} range;

static inline void widen(range *r, int64_t v) {
  r->least = v < r->least ? v : r->least;
  r->most = v > r->most ? v : r->most;
  r->sum += v;
}

/* At most 2^30 samples of 32 bits: the sum fits. */
static range range_of(const bf_image *image, const void *pixels, int64_t n) {
  const uint8_t *bytes = pixels;
  const uint16_t *words = pixels;
  layout l = layout_of(image);
  range r = {INT64_MAX, INT64_MIN, 0};
  if (image->bits_allocated == 8)
    for (int64_t i = 0; i < n; i++) widen(&r, stored(l, bytes[i]));
  else if (image->bits_allocated == 16)
    for (int64_t i = 0; i < n; i++) widen(&r, stored(l, words[i]));
  else
    for (int64_t i = 0; i < n; i++) widen(&r, stored(l, raw(image, pixels, i)));
  return r;
}

void bf_image_choose_window(bf_image *image, int number) {
  if (number < 1 || number > image->window_count) return;
  image->window_center = image->window_centers[number - 1];
  image->window_width = image->window_widths[number - 1];
}

void bf_image_range(const bf_image *image, const void *pixels, double *low, double *high, double *mean) {
  int64_t n = (int64_t)image->rows * image->columns * image->samples;
  range r = range_of(image, pixels, n);
  *low = (double)r.least;
  *high = (double)r.most;
  *mean = n > 0 ? (double)r.sum / (double)n : 0;
}
