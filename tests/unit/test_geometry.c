/* Affine maps: boxes there and back within 0.01 pixel through any chain; letterbox; sampling. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/rng.h"
#include "image/geometry.h"
#include "image/sample.h"

static void test_round_trip(void **state) {
  (void)state;
  bf_rng rng = bf_rng_make(3, 1, 4);
  double worst = 0;
  for (int round = 0; round < 2000; round++) {
    int columns = 1 + (int)bf_rng_below(&rng, 3000), rows = 1 + (int)bf_rng_below(&rng, 3000);
    /* crop, resample, letterbox, mirror: what a picture goes through on its way to the network */
    bf_affine a = bf_affine_translate(-bf_rng_range(&rng, 0, 100), -bf_rng_range(&rng, 0, 100));
    a = bf_affine_compose(bf_affine_scale(bf_rng_range(&rng, 0.05, 3), bf_rng_range(&rng, 0.05, 3)), a);
    a = bf_affine_compose(bf_affine_fit(columns, rows, 224, 224), a);
    if (round % 2) a = bf_affine_compose((bf_affine){{-1, 0, 224, 0, 1, 0}}, a);
    bf_affine back;
    assert_true(bf_affine_invert(&back, a));
    bf_rect r = {bf_rng_range(&rng, 0, 1000), bf_rng_range(&rng, 0, 1000), 0, 0};
    r.xmax = r.xmin + bf_rng_range(&rng, 1, 500);
    r.ymax = r.ymin + bf_rng_range(&rng, 1, 500);
    bf_rect s = bf_affine_rect(back, bf_affine_rect(a, r));
    worst = fmax(worst, fmax(fmax(fabs(s.xmin - r.xmin), fabs(s.ymin - r.ymin)),
                             fmax(fabs(s.xmax - r.xmax), fabs(s.ymax - r.ymax))));
  }
  assert_true(worst < 0.01);
}

static void test_compose_order(void **state) {
  (void)state;
  double x, y;
  bf_affine a = bf_affine_compose(bf_affine_scale(2, 3), bf_affine_translate(1, 1)); /* first shift, then scale */
  bf_affine_apply(a, 4, 5, &x, &y);
  assert_true(x == 10 && y == 18);
  bf_affine_apply(bf_affine_rotate(acos(0.0)), 1, 0, &x, &y);
  assert_true(fabs(x) < 1e-12 && fabs(y - 1) < 1e-12);
  bf_affine singular = {{1, 2, 0, 2, 4, 0}};
  assert_false(bf_affine_invert(&a, singular));
}

static void test_fit(void **state) {
  (void)state;
  bf_rect r = bf_affine_rect(bf_affine_fit(400, 200, 100, 100), (bf_rect){0, 0, 400, 200});
  assert_true(r.xmin == 0 && r.xmax == 100 && r.ymin == 25 && r.ymax == 75);
}

static void test_boxes(void **state) {
  (void)state;
  bf_rect a = {0, 0, 10, 10}, b = {5, 0, 15, 10}, none = {20, 20, 20, 30};
  assert_true(fabs(bf_rect_iou(a, b) - 50.0 / 150) < 1e-12);
  assert_true(bf_rect_iou(a, none) == 0 && bf_rect_area(none) == 0);
  bf_rect c = bf_rect_clip((bf_rect){-5, -5, 500, 3}, 100, 50);
  assert_true(c.xmin == 0 && c.ymin == 0 && c.xmax == 100 && c.ymax == 3);
}

/* A bright rectangle is found where its box says, after any placement. */
static void test_sampling_follows_boxes(void **state) {
  (void)state;
  static uint16_t picture[127 * 113];
  static float frame[96 * 96];
  for (int y = 0; y < 113; y++)
    for (int x = 0; x < 127; x++) picture[y * 127 + x] = x >= 40 && x < 80 && y >= 30 && y < 70 ? 65535 : 0;
  const bf_affine maps[] = {bf_affine_fit(127, 113, 96, 96),
                            bf_affine_compose((bf_affine){{-1, 0, 96, 0, 1, 0}}, bf_affine_fit(127, 113, 96, 96)),
                            bf_affine_scale(0.3, 0.3), bf_affine_identity()};
  for (int m = 0; m < 4; m++) {
    bf_sample_grey(frame, 96, 96, picture, 127, 113, maps[m]);
    bf_rect r = bf_affine_rect(maps[m], (bf_rect){40, 30, 80, 70});
    for (int y = 0; y < 96; y++)
      for (int x = 0; x < 96; x++) {
        bool deep = x > r.xmin + 2 && x + 1 < r.xmax - 2 && y > r.ymin + 2 && y + 1 < r.ymax - 2;
        bool far = x + 1 < r.xmin - 2 || x > r.xmax + 2 || y + 1 < r.ymin - 2 || y > r.ymax + 2;
        if (deep) assert_true(frame[y * 96 + x] > 0.999f);
        if (far) assert_true(frame[y * 96 + x] == 0);
      }
  }
}

static void test_normalise(void **state) {
  (void)state;
  bf_normalisation n = {{0.5f, 0.4f, 0.3f}, {0.5f, 0.25f, 0.1f}};
  float grey[2] = {0, 1}, out[6];
  bf_sample_normalise(out, grey, 2, 1, &n);
  const float expected[6] = {-1, -1.6f, -3, 1, 2.4f, 7};
  for (int i = 0; i < 6; i++) assert_true(fabsf(out[i] - expected[i]) < 1e-5f);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(test_round_trip),
                                     cmocka_unit_test(test_compose_order),
                                     cmocka_unit_test(test_fit),
                                     cmocka_unit_test(test_boxes),
                                     cmocka_unit_test(test_sampling_follows_boxes),
                                     cmocka_unit_test(test_normalise)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
