/* From stored values to luminance 0..1 (DICOM PS3.3 C.11.1, C.11.2; PS3.14 is left to displays). */
#include <math.h>
#include <stdlib.h>

#include "base/memory.h"
#include "image/image.h"

/* PS3.3 C.11.1.1: values outside the table take its ends. */
static double look_up(const bf_lut *lut, double input) {
  int64_t i = (int64_t)floor(input + 0.5) - lut->first;
  if (i < 0) i = 0;
  if (i >= lut->count) i = lut->count - 1;
  return lut->values[i];
}

static double rescaled(const bf_image *image, int64_t stored) {
  if (image->modality_lut.count > 0) return look_up(&image->modality_lut, (double)stored);
  return (double)stored * image->slope + image->intercept;
}

/* PS3.3 C.11.2.1.2 and C.11.2.1.3, output 0..1. */
static double windowed(const bf_image *image, double x) {
  double c = image->window_center, w = image->window_width;
  switch (image->voi_function) {
    case BF_VOI_SIGMOID: return 1 / (1 + exp(-4 * (x - c) / w));
    case BF_VOI_LINEAR_EXACT: {
      double y = (x - c) / w + 0.5;
      return y < 0 ? 0 : y > 1 ? 1 : y;
    }
    case BF_VOI_LINEAR: break;
  }
  if (w <= 1) return x <= c - 0.5 ? 0 : 1;
  double y = (x - (c - 0.5)) / (w - 1) + 0.5;
  return y < 0 ? 0 : y > 1 ? 1 : y;
}

static bool is_padding(const bf_image *image, int64_t stored) {
  if (!image->has_padding) return false;
  int32_t a = image->padding_low, b = image->padding_high;
  return a <= b ? stored >= a && stored <= b : stored >= b && stored <= a;
}

/* What maps one rescaled value to 0..1, chosen once a picture. */
typedef struct tone {
  const bf_image *image;
  bool lut, window, invert;
  double low, scale;
} tone;

static double tone_of(const tone *t, int64_t stored) {
  if (is_padding(t->image, stored)) return 0;
  double x = rescaled(t->image, stored), y;
  if (t->lut)
    y = look_up(&t->image->voi_lut, x) / (double)((INT64_C(1) << t->image->voi_lut.bits) - 1);
  else if (t->window)
    y = windowed(t->image, x);
  else
    y = (x - t->low) * t->scale;
  y = y < 0 ? 0 : y > 1 ? 1 : y;
  return t->invert ? 1 - y : y;
}

/* Where a stored value stands in a table of all of them, smallest first. */
typedef struct places {
  int shift;
  uint32_t mask, flip; /* flip: the sign bit, so that negative values come first */
} places;

static places places_of(const bf_image *image) {
  uint32_t mask = (uint32_t)((INT64_C(1) << image->bits_stored) - 1);
  return (places){image->high_bit + 1 - image->bits_stored, mask, image->is_signed ? mask / 2 + 1 : 0};
}

static inline uint32_t place_of(places p, uint32_t raw) { return ((raw >> p.shift) & p.mask) ^ p.flip; }

static void mark_seen(uint8_t *seen, places p, const bf_image *image, const void *pixels, int64_t n) {
  const uint8_t *bytes = pixels;
  const uint16_t *words = pixels;
  if (image->bits_allocated == 8)
    for (int64_t i = 0; i < n; i++) seen[place_of(p, bytes[i])] = 1;
  else
    for (int64_t i = 0; i < n; i++) seen[place_of(p, words[i])] = 1;
}

static void map_all(float *restrict dst, const float *restrict table, places p, const bf_image *image,
                    const void *pixels, int64_t n) {
  const uint8_t *bytes = pixels;
  const uint16_t *words = pixels;
  if (image->bits_allocated == 8)
    for (int64_t i = 0; i < n; i++) dst[i] = table[place_of(p, bytes[i])];
  else
    for (int64_t i = 0; i < n; i++) dst[i] = table[place_of(p, words[i])];
}

static void widen(double *low, double *high, const bf_image *image, int64_t stored) {
  if (is_padding(image, stored)) return;
  double v = rescaled(image, stored);
  if (v < *low) *low = v;
  if (v > *high) *high = v;
}

/* 8-bit pictures without a window use their whole scale: a dark picture stays dark. */
static bool has_whole_scale(const bf_image *image, bf_tone how) {
  return how == BF_TONE_FILE && image->bits_stored <= 8 && !image->is_signed && image->modality_lut.count == 0 &&
         image->slope == 1 && image->intercept == 0;
}

static void set_range(tone *t, double low, double high) {
  t->low = low;
  t->scale = high > low ? 1 / (high - low) : 0;
}

/* Samples of 32 bits, for which a table would be too large. */
static void grey_one_by_one(float *dst, tone *t, bool ranged, const void *pixels, int64_t n) {
  double low = INFINITY, high = -INFINITY;
  for (int64_t i = 0; i < n && ranged; i++) widen(&low, &high, t->image, bf_image_stored(t->image, pixels, i));
  if (ranged) set_range(t, low, high);
  for (int64_t i = 0; i < n; i++) dst[i] = (float)tone_of(t, bf_image_stored(t->image, pixels, i));
}

/* The range and the tones of values that occur, each once. */
static bf_status grey_by_table(float *dst, tone *t, bool ranged, const void *pixels, int64_t n, bf_error *err) {
  const bf_image *image = t->image;
  int32_t count = 1 << image->bits_stored, first = image->is_signed ? -(count / 2) : 0;
  places p = places_of(image);
  float *table = bf_alloc((size_t)count, sizeof *table);
  uint8_t *seen = bf_alloc((size_t)count, 1);
  if (table != NULL && seen != NULL) {
    double low = INFINITY, high = -INFINITY;
    mark_seen(seen, p, image, pixels, n);
    for (int32_t k = 0; k < count && ranged; k++)
      if (seen[k]) widen(&low, &high, image, first + k);
    if (ranged) set_range(t, low, high);
    for (int32_t k = 0; k < count; k++)
      if (seen[k]) table[k] = (float)tone_of(t, first + k);
    map_all(dst, table, p, image, pixels, n);
  }
  bf_status status =
      table != NULL && seen != NULL ? BF_OK : bf_fail(err, BF_E_MEMORY, "no memory for a grey-scale table");
  bf_free(table);
  bf_free(seen);
  return status;
}

static bf_status grey(float *dst, const bf_image *image, const void *pixels, bf_tone how, bf_error *err) {
  int64_t n = (int64_t)image->rows * image->columns;
  tone t = {.image = image};
  t.lut = how == BF_TONE_FILE && image->voi_lut.count > 0;
  t.window = how == BF_TONE_FILE && !t.lut && image->has_window;
  t.invert = (image->photometric == BF_MONOCHROME1) != image->presentation_inverse;
  bool ranged = !t.lut && !t.window && !has_whole_scale(image, how);
  if (!t.lut && !t.window && !ranged) set_range(&t, 0, (1 << image->bits_stored) - 1);
  if (image->bits_allocated <= 16) return grey_by_table(dst, &t, ranged, pixels, n, err);
  grey_one_by_one(dst, &t, ranged, pixels, n);
  return BF_OK;
}

/* ITU-R BT.601 luma of values 0..1. */
static double luma(double r, double g, double b) { return 0.299 * r + 0.587 * g + 0.114 * b; }

static void colour(float *dst, const bf_image *image, const void *pixels) {
  int64_t n = (int64_t)image->rows * image->columns;
  double scale = 1.0 / (double)((INT64_C(1) << image->bits_stored) - 1);
  bool ybr = image->photometric == BF_YBR_FULL || image->photometric == BF_YBR_FULL_422 ||
             image->photometric == BF_YBR_PARTIAL;
  for (int64_t i = 0; i < n; i++) {
    int64_t at = image->planar ? i : 3 * i, step = image->planar ? n : 1;
    double a = (double)bf_image_stored(image, pixels, at) * scale;
    if (ybr) { /* Y is the luminance; partial range runs 16..235 */
      dst[i] = (float)(image->photometric == BF_YBR_PARTIAL ? fmin(fmax((a * 255 - 16) / 219, 0), 1) : a);
      continue;
    }
    double b = (double)bf_image_stored(image, pixels, at + step) * scale,
           c = (double)bf_image_stored(image, pixels, at + 2 * step) * scale;
    dst[i] = (float)luma(a, b, c);
  }
}

static void palette(float *dst, const bf_image *image, const void *pixels) {
  int64_t n = (int64_t)image->rows * image->columns;
  for (int64_t i = 0; i < n; i++) {
    double v[3];
    int64_t stored = bf_image_stored(image, pixels, i);
    for (int k = 0; k < 3; k++)
      v[k] = look_up(&image->palette[k], (double)stored) / (double)((INT64_C(1) << image->palette[k].bits) - 1);
    dst[i] = (float)luma(v[0], v[1], v[2]);
  }
}

bf_status bf_image_tone(float *dst, const bf_image *image, const void *pixels, bf_tone how, bf_error *err) {
  if (image->photometric == BF_PALETTE) {
    for (int k = 0; k < 3; k++)
      if (image->palette[k].count == 0)
        return bf_fail(err, BF_E_FORMAT, "PALETTE COLOR without its tables (0028,1201..1203)");
    palette(dst, image, pixels);
    return BF_OK;
  }
  if (image->samples == 3) {
    colour(dst, image, pixels);
    return BF_OK;
  }
  return grey(dst, image, pixels, how, err);
}
