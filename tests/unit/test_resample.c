/* Resampling axis by axis: as ITK's recursive Gaussian and linear interpolation do it, mirrored to the bit, constants
 * kept, nothing from outside. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <math.h>
#include <stdbool.h>
#include <stdint.h>

#include "image/resample.h"
#include "itk/itk.h"

enum { columns = 211, rows = 160, most = 400 * 400 };

static float source[rows * columns], one[most], other[most];

static int make_source(void **state) {
  (void)state;
  bf_error err = {0};
  uint32_t random = 7;
  for (int y = 0; y < rows; y++)
    for (int x = 0; x < columns; x++) {
      random = random * 1664525u + 1013904223u;
      float edge = (x - 90) * (x - 90) + (y - 70) * (y - 70) < 1600 ? 0.7f : 0.1f;
      source[y * columns + x] = edge + 0.2f * (float)(random >> 8) / 16777216.0f;
    }
  return bf_itk_init(&err) == BF_OK ? 0 : -1;
}

static void resample(float *dst, int width, int height, bf_affine map) {
  bf_error err = {0};
  if (bf_image_resample(dst, width, height, source, columns, rows, map, &err) != BF_OK) fail_msg("%s", err.message);
}

static bf_affine cropped(double x, double y, double sx, double sy) {
  return bf_affine_compose(bf_affine_scale(sx, sy), bf_affine_translate(-x, -y));
}

static void test_as_itk(void **state) {
  (void)state;
  static const double scales[][2] = {{1, 1}, {0.97, 0.8}, {0.62, 0.62}, {0.31, 0.55}, {0.11, 0.09}, {1.7, 0.4}};
  for (size_t i = 0; i < sizeof scales / sizeof scales[0]; i++) {
    bf_error err = {0};
    bf_affine map = cropped(3.25, 8.5, scales[i][0], scales[i][1]);
    int width = (int)((columns - 10) * scales[i][0]), height = (int)((rows - 20) * scales[i][1]);
    resample(one, width, height, map);
    assert_int_equal(bf_itk_resample(other, width, height, source, columns, rows, map, &err), BF_OK);
    double worst = 0, sum = 0;
    for (int k = 0; k < width * height; k++) {
      double d = fabs((double)one[k] - (double)other[k]);
      worst = fmax(worst, d), sum += d;
    }
    print_message("%g x %g: differs from ITK by %.5f at most, %.6f in the mean\n", scales[i][0], scales[i][1], worst,
                  sum / (width * height));
    assert_true(worst < 0.005 && sum / (width * height) < 0.001);
  }
}

static void test_mirrored(void **state) {
  (void)state;
  enum { width = 100, height = 76 };
  bf_affine map = bf_affine_scale((double)width / columns, (double)height / rows);
  bf_affine mirror = bf_affine_compose(bf_affine_translate(width, 0), bf_affine_scale(-1, 1));
  resample(one, width, height, map);
  resample(other, width, height, bf_affine_compose(mirror, map));
  for (int y = 0; y < height; y++)
    for (int x = 0; x < width; x++) assert_true(fabsf(one[y * width + x] - other[y * width + width - 1 - x]) < 1e-5f);
}

static void test_constants_and_outside(void **state) {
  (void)state;
  enum { width = 90, height = 60 };
  float grey[40 * 30];
  bf_error err = {0};
  for (int i = 0; i < 40 * 30; i++) grey[i] = 0.625f;
  /* A third of the destination on each side lies outside. */
  bf_affine map = bf_affine_compose(bf_affine_translate(30, 20), bf_affine_scale(0.75, 2.0 / 3));
  assert_int_equal(bf_image_resample(one, width, height, grey, 40, 30, map, &err), BF_OK);
  for (int y = 0; y < height; y++)
    for (int x = 0; x < width; x++) {
      bool inside = x >= 30 && x < 60 && y >= 20 && y < 40;
      assert_true(fabsf(one[y * width + x] - (inside ? 0.625f : 0)) < 1e-6f);
    }
}

static void test_fine_detail_goes(void **state) {
  (void)state;
  static float stripes[240 * 240];
  bf_error err = {0};
  for (int i = 0; i < 240 * 240; i++) stripes[i] = (float)(i % 2);
  assert_int_equal(bf_image_resample(one, 60, 60, stripes, 240, 240, bf_affine_scale(0.25, 0.25), &err), BF_OK);
  for (int i = 0; i < 60 * 60; i++)
    if (i % 60 > 2 && i % 60 < 57) assert_true(fabsf(one[i] - 0.5f) < 0.01f);
}

static void test_turned_maps_are_refused(void **state) {
  (void)state;
  bf_error err = {0};
  assert_int_equal(bf_image_resample(one, 10, 10, source, columns, rows, bf_affine_rotate(0.1), &err), BF_E_INTERNAL);
  assert_int_equal(bf_image_resample(one, 10, 10, source, columns, rows, bf_affine_scale(0, 1), &err), BF_E_INTERNAL);
}

static void test_smallest(void **state) {
  (void)state;
  bf_error err = {0};
  float dot = 0.5f;
  assert_int_equal(bf_image_resample(one, 1, 1, &dot, 1, 1, bf_affine_identity(), &err), BF_OK);
  assert_true(one[0] == 0.5f);
  assert_int_equal(
      bf_image_resample(one, 1, 1, source, columns, rows, bf_affine_scale(1.0 / columns, 1.0 / rows), &err), BF_OK);
  assert_true(one[0] > 0.1f && one[0] < 0.9f);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(test_as_itk),
                                     cmocka_unit_test(test_mirrored),
                                     cmocka_unit_test(test_constants_and_outside),
                                     cmocka_unit_test(test_fine_detail_goes),
                                     cmocka_unit_test(test_turned_maps_are_refused),
                                     cmocka_unit_test(test_smallest)};
  return cmocka_run_group_tests(tests, make_source, NULL);
}
