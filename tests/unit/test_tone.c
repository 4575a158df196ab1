/* Tone mapping as DICOM PS3.3 C.11 says it, on hand-made headers. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/memory.h"
#include "image/image.h"

static bf_image grey16(int columns, int rows, int bits) {
  bf_image image;
  bf_image_init(&image);
  image.photometric = BF_MONOCHROME2;
  image.columns = columns, image.rows = rows, image.frames = 1, image.samples = 1;
  image.bits_allocated = bits > 8 ? 16 : 8, image.bits_stored = bits, image.high_bit = bits - 1;
  return image;
}

static void near(float a, double b) { assert_true(fabs(a - b) < 1e-5); }

static void test_stored_values(void **state) {
  (void)state;
  bf_image image = grey16(3, 1, 12);
  const uint16_t pixels[3] = {0x0fff, 0xf001, 0x0800}; /* bits above the stored ones are no part of the value */
  assert_int_equal(bf_image_stored(&image, pixels, 0), 4095);
  assert_int_equal(bf_image_stored(&image, pixels, 1), 1);
  image.is_signed = true;
  assert_int_equal(bf_image_stored(&image, pixels, 0), -1);
  assert_int_equal(bf_image_stored(&image, pixels, 2), -2048);
  image.is_signed = false;
  image.high_bit = 15; /* 12 bits at the top of 16 */
  assert_int_equal(bf_image_stored(&image, pixels, 1), 0xf00);
}

/* The example of PS3.3 C.11.2.1.2.1: c 2048, w 4096 maps 0..4095 over the whole range. */
static void test_linear_window(void **state) {
  (void)state;
  bf_image image = grey16(3, 1, 12);
  image.has_window = true, image.window_center = 2048, image.window_width = 4096;
  const uint16_t pixels[3] = {0, 4095, 2048};
  float out[3];
  assert_int_equal(bf_image_tone(out, &image, pixels, BF_TONE_FILE, NULL), BF_OK);
  near(out[0], 0);
  near(out[1], 1);
  near(out[2], 0.5 / 4095 + 0.5);
  image.window_center = 100, image.window_width = 1; /* a threshold */
  const uint16_t edge[3] = {99, 100, 101};
  bf_image_tone(out, &image, edge, BF_TONE_FILE, NULL);
  near(out[0], 0);
  near(out[1], 1);
  image.voi_function = BF_VOI_LINEAR_EXACT, image.window_center = 2048, image.window_width = 4096;
  bf_image_tone(out, &image, pixels, BF_TONE_FILE, NULL);
  near(out[2], 0.5);
  image.voi_function = BF_VOI_SIGMOID;
  bf_image_tone(out, &image, pixels, BF_TONE_FILE, NULL);
  near(out[0], 1 / (1 + exp(2.0)));
}

static void test_rescale_comes_first(void **state) {
  (void)state;
  bf_image image = grey16(2, 1, 12);
  image.slope = 1, image.intercept = -1024;
  image.has_window = true, image.voi_function = BF_VOI_LINEAR_EXACT, image.window_center = 40, image.window_width = 400;
  const uint16_t pixels[2] = {1064, 964}; /* 40 and -60 Hounsfield units */
  float out[2];
  bf_image_tone(out, &image, pixels, BF_TONE_FILE, NULL);
  near(out[0], 0.5);
  near(out[1], 0.25);
}

/* MONOCHROME1 twins of a picture, inverted values, give the same luminance. */
static void test_monochrome1_twin(void **state) {
  (void)state;
  bf_image image = grey16(7, 1, 8);
  uint8_t pixels[7] = {0, 1, 50, 100, 200, 254, 255}, twin[7];
  float a[7], b[7];
  for (int i = 0; i < 7; i++) twin[i] = (uint8_t)(255 - pixels[i]);
  bf_image_tone(a, &image, pixels, BF_TONE_FILE, NULL);
  image.photometric = BF_MONOCHROME1;
  bf_image_tone(b, &image, twin, BF_TONE_FILE, NULL);
  for (int i = 0; i < 7; i++) near(a[i], b[i]);
  near(a[2], 50 / 255.0);
}

static void test_padding_is_black(void **state) {
  (void)state;
  bf_image image = grey16(4, 1, 12);
  image.photometric = BF_MONOCHROME1;
  image.has_padding = true, image.padding_low = 0, image.padding_high = 5;
  const uint16_t pixels[4] = {0, 5, 100, 300};
  float out[4];
  bf_image_tone(out, &image, pixels, BF_TONE_FILE, NULL);
  near(out[0], 0);
  near(out[1], 0);
  near(out[2], 1); /* the darkest of the rest, turned over; padding does not stretch the range */
  near(out[3], 0);
}

static void test_tables(void **state) {
  (void)state;
  bf_image image = grey16(3, 1, 8);
  image.voi_lut = (bf_lut){.first = 10, .count = 3, .bits = 8, .values = bf_alloc(3, 2)};
  image.voi_lut.values[0] = 0, image.voi_lut.values[1] = 51, image.voi_lut.values[2] = 255;
  const uint8_t pixels[3] = {0, 11, 200}; /* outside: the table's ends */
  float out[3];
  bf_image_tone(out, &image, pixels, BF_TONE_FILE, NULL);
  near(out[0], 0);
  near(out[1], 0.2);
  near(out[2], 1);
  bf_image_clear(&image);
}

static void test_colour(void **state) {
  (void)state;
  bf_image image = grey16(2, 1, 8);
  image.samples = 3, image.photometric = BF_RGB;
  const uint8_t by_pixel[6] = {255, 0, 0, 0, 255, 0}, by_plane[6] = {255, 0, 0, 255, 0, 0};
  float a[2], b[2];
  bf_image_tone(a, &image, by_pixel, BF_TONE_FILE, NULL);
  image.planar = true;
  bf_image_tone(b, &image, by_plane, BF_TONE_FILE, NULL);
  near(a[0], 0.299);
  near(a[1], 0.587);
  near(b[0], 0.299);
  near(b[1], 0.587);
  bf_image palette = grey16(1, 1, 8);
  palette.photometric = BF_PALETTE;
  bf_error err = {0};
  assert_int_equal(bf_image_tone(a, &palette, by_pixel, BF_TONE_FILE, &err), BF_E_FORMAT);
}

static void test_constant_picture(void **state) {
  (void)state;
  bf_image image = grey16(2, 1, 16);
  const uint16_t pixels[2] = {700, 700};
  float out[2];
  assert_int_equal(bf_image_tone(out, &image, pixels, BF_TONE_FILE, NULL), BF_OK);
  assert_true(isfinite(out[0]) && out[0] == out[1]);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(test_stored_values),
                                     cmocka_unit_test(test_linear_window),
                                     cmocka_unit_test(test_rescale_comes_first),
                                     cmocka_unit_test(test_monochrome1_twin),
                                     cmocka_unit_test(test_padding_is_black),
                                     cmocka_unit_test(test_tables),
                                     cmocka_unit_test(test_colour),
                                     cmocka_unit_test(test_constant_picture)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
