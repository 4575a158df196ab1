/* Warps: splines that reproduce what they must, maps that never fold, boxes that hold their bulges, masks bit by bit,
 * and samplers that agree to the bit. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/rng.h"
#include "image/sample.h"
#include "image/sample_line.h"
#include "image/warp_line.h"

enum { width = 127, height = 61 };

/* What the control points do. */
typedef enum pattern { random_points, chequered, striped, patterns } pattern;

/* A grid at its strongest: each point at an end of its range, or drawn from it. */
static bf_warp strongest(double share, pattern how, uint64_t key) {
  bf_warp w;
  bf_rng rng = bf_rng_make(7, key, 0);
  bf_affine turned = bf_affine_compose(bf_affine_translate(20, -9), bf_affine_rotate(key % 2 ? 0.4 : 0));
  bf_warp_plain(&w, bf_affine_compose(turned, bf_affine_scale(0.7, 0.9)));
  bf_warp_lay_grid(&w, width, height, share);
  double most = BF_WARP_STRONGEST * w.cell;
  for (int y = 0; y < w.rows + 3; y++)
    for (int x = 0; x < w.columns + 3; x++) {
      double drawn_x = bf_rng_range(&rng, -most, most), drawn_y = bf_rng_range(&rng, -most, most);
      double sign = how == striped ? (x / 2 % 2 ? 1 : -1) : ((x + y) % 2 ? 1 : -1);
      w.dx[y][x] = (float)(how == random_points ? drawn_x : sign * most);
      w.dy[y][x] = (float)(how == random_points ? drawn_y : (how == striped && y / 2 % 2 ? -sign : sign) * most);
    }
  return w;
}

static void plain_is_affine(void **state) {
  (void)state;
  bf_affine a = bf_affine_compose(bf_affine_rotate(0.3), bf_affine_scale(2, 3));
  bf_warp w;
  double x, y;
  bf_warp_plain(&w, a);
  bf_warp_forward(&w, 4, 5, &x, &y);
  double ax, ay;
  bf_affine_apply(a, 4, 5, &ax, &ay);
  assert_true(x == ax && y == ay);
  assert_true(bf_warp_backward(&w, x, y, &x, &y));
  assert_true(fabs(x - 4) < 1e-12 && fabs(y - 5) < 1e-12);
  bf_rect r = {1, 2, 30, 40}, one = bf_warp_rect(&w, r), two = bf_affine_rect(a, r);
  assert_memory_equal(&one, &two, sizeof one);
  bf_warp_after(&w, bf_affine_translate(1, 1));
  bf_warp_forward(&w, 3, 4, &x, &y);
  assert_true(fabs(x - ax) < 1e-12 && fabs(y - ay) < 1e-12);
  bf_warp_plain(&w, bf_affine_scale(0, 1));
  assert_false(bf_warp_backward(&w, 1, 1, &x, &y));
}

/* Grids cover the frame, whatever its shape; points beyond it move as its edge does. */
static void grids_reproduce_lines(void **state) {
  (void)state;
  static const int sizes[][2] = {{224, 224}, {127, 61}, {61, 127}, {7, 1}, {1, 1}};
  for (int k = 0; k < 5; k++)
    for (double share = 0.1; share <= 0.5; share += 0.08) {
      int w = sizes[k][0], h = sizes[k][1];
      bf_warp warp;
      double dx, dy;
      bf_warp_plain(&warp, bf_affine_identity());
      bf_warp_lay_grid(&warp, w, h, share);
      assert_in_range(warp.columns, 1, BF_WARP_CELLS);
      assert_in_range(warp.rows, 1, BF_WARP_CELLS);
      assert_true(warp.columns * warp.cell > w - 1e-6 && warp.rows * warp.cell > h - 1e-6);
      for (int y = 0; y < warp.rows + 3; y++)
        for (int x = 0; x < warp.columns + 3; x++)
          warp.dx[y][x] = 3, warp.dy[y][x] = (float)(0.125 * (x - 1) * warp.cell - 0.0625 * (y - 1) * warp.cell);
      for (int i = 0; i <= 10; i++) {
        double x = i * 0.1 * w, y = (10 - i) * 0.1 * h;
        bf_warp_displacement(&warp, x, y, &dx, &dy);
        assert_true(fabs(dx - 3) < 1e-5 && fabs(dy - (0.125 * x - 0.0625 * y)) < 1e-4);
      }
      bf_warp_displacement(&warp, -50, -50, &dx, &dy);
      assert_true(fabs(dx - 3) < 1e-5 && fabs(dy) < 1e-4);
    }
}

/* Lines are what points are, in single precision. */
static void lines_are_points(void **state) {
  (void)state;
  float dx[BF_LINE_MOST], dy[BF_LINE_MOST];
  for (int key = 0; key < 50; key++) {
    bf_warp w = strongest(0.1 + 0.008 * key, random_points, (uint64_t)key);
    for (int y = 0; y < height; y += 6) {
      double first = key % 7 + 0.17;
      bf_warp_displace_line(dx, dy, &w, first, y + 0.5, width);
      for (int i = 0; first + i <= width; i++) {
        double px, py;
        bf_warp_displacement(&w, first + i, y + 0.5, &px, &py);
        if (!(fabs(px - (double)dx[i]) < 1e-4 && fabs(py - (double)dy[i]) < 1e-4))
          fail_msg("point %d of line %d: %g %g, not %g %g", i, y, (double)dx[i], (double)dy[i], px, py);
      }
    }
  }
}

/* q + u(q) by itself, and its Jacobian by differences. */
static double folding(const bf_warp *w, double x, double y) {
  const double step = 1e-3;
  double a[2], b[2], c[2], d[2];
  bf_warp_displacement(w, x + step, y, &a[0], &a[1]);
  bf_warp_displacement(w, x - step, y, &b[0], &b[1]);
  bf_warp_displacement(w, x, y + step, &c[0], &c[1]);
  bf_warp_displacement(w, x, y - step, &d[0], &d[1]);
  double xx = 1 + (a[0] - b[0]) / (2 * step), yx = (a[1] - b[1]) / (2 * step);
  double xy = (c[0] - d[0]) / (2 * step), yy = 1 + (c[1] - d[1]) / (2 * step);
  return xx * yy - xy * yx;
}

static void strongest_is_one_to_one(void **state) {
  (void)state;
  double least = 1;
  for (int how = 0; how < patterns; how++)
    for (int key = 0; key < 30; key++) {
      bf_warp w = strongest(0.1 + 0.013 * key, (pattern)how, (uint64_t)key);
      for (int i = 0; i < 900; i++) {
        double x = (i % 30 - 5) * width / 20.0, y = (i / 30 - 5) * height / 20.0, px, py, qx, qy;
        assert_true(bf_warp_backward(&w, x, y, &px, &py));
        bf_warp_forward(&w, px, py, &qx, &qy);
        if (!(fabs(qx - x) < 0.002 && fabs(qy - y) < 0.002)) fail_msg("%g %g comes back as %g %g", x, y, qx, qy);
        least = fmin(least, folding(&w, x, y));
      }
    }
  assert_true(least > 0.04); /* (1 - 0.8)^2 */
}

/* Against an outline of 4004 points. */
static void boxes_hold_bulges(void **state) {
  (void)state;
  double worst = 0;
  for (int how = 0; how < patterns; how++)
    for (int key = 0; key < 60; key++) {
      bf_warp w = strongest(0.1 + 0.0067 * key, (pattern)how, (uint64_t)key);
      bf_rng rng = bf_rng_make(3, (uint64_t)key, 1);
      bf_rect r = {bf_rng_range(&rng, -20, 120), bf_rng_range(&rng, -20, 60), 0, 0}, dense = {1e9, 1e9, -1e9, -1e9};
      r.xmax = r.xmin + bf_rng_range(&rng, 1, 150);
      r.ymax = r.ymin + bf_rng_range(&rng, 1, 80);
      for (int i = 0; i < 4004; i++) {
        double t = i % 1001 / 1000.0, x, y;
        int side = i / 1001;
        bf_warp_forward(&w,
                        side == 0   ? r.xmin
                        : side == 1 ? r.xmax
                                    : r.xmin + t * (r.xmax - r.xmin),
                        side == 2   ? r.ymin
                        : side == 3 ? r.ymax
                                    : r.ymin + t * (r.ymax - r.ymin),
                        &x, &y);
        dense = (bf_rect){fmin(dense.xmin, x), fmin(dense.ymin, y), fmax(dense.xmax, x), fmax(dense.ymax, y)};
      }
      bf_rect box = bf_warp_rect(&w, r);
      worst = fmax(worst, fmax(fmax(fabs(box.xmin - dense.xmin), fabs(box.ymin - dense.ymin)),
                               fmax(fabs(box.xmax - dense.xmax), fabs(box.ymax - dense.ymax))));
    }
  if (!(worst < 0.5)) fail_msg("a box misses %g pixels of its outline", worst);
}

static uint16_t picture[131 * 89];
static float one[width * height], two[width * height];

static void paint(void) {
  bf_rng rng = bf_rng_make(1, 2, 3);
  for (int i = 0; i < 131 * 89; i++) picture[i] = (uint16_t)bf_rng_below(&rng, 65536);
}

/* A displacement that is the same everywhere is a shift. */
static void even_displacement_shifts(void **state) {
  (void)state;
  bf_warp w;
  paint();
  bf_affine fit = bf_affine_fit(131, 89, width, height);
  bf_warp_plain(&w, fit);
  bf_warp_lay_grid(&w, width, height, 0.2);
  for (int y = 0; y < w.rows + 3; y++)
    for (int x = 0; x < w.columns + 3; x++) w.dx[y][x] = 4, w.dy[y][x] = -2;
  bf_sample_warped(one, width, height, picture, 131, 89, &w);
  bf_sample_grey(two, width, height, picture, 131, 89, bf_affine_compose(bf_affine_translate(-4, 2), fit));
  for (int i = 0; i < width * height; i++) assert_true(fabsf(one[i] - two[i]) < 1e-4f);
}

/* Every sampler that this processor can run, on pictures and lines of odd sizes, straight and displaced. */
static void samplers_agree(void **state) {
  (void)state;
#if defined(__x86_64__)
  static const int sizes[][2] = {{131, 89}, {2, 2}, {7, 2}, {2, 13}, {13, 7}};
  bf_line_sampler *const samplers[] = {bf_sample_line_avx2, bf_sample_line_avx512};
  const bool there[] = {__builtin_cpu_supports("avx2"), __builtin_cpu_supports("avx512f")};
  float dx[BF_LINE_MOST], dy[BF_LINE_MOST];
  paint();
  for (int round = 0; round < 3000; round++) {
    bf_rng rng = bf_rng_make(5, (uint64_t)round, 0);
    bf_warp w = strongest(0.1 + 0.4 * bf_rng_uniform(&rng), random_points, (uint64_t)round);
    bf_affine fit = bf_affine_fit(sizes[round % 5][0], sizes[round % 5][1], width, height), back;
    fit = bf_affine_compose(bf_affine_rotate(round % 3 == 0 ? 0 : bf_rng_range(&rng, -3, 3)), fit);
    fit = bf_affine_compose(bf_affine_translate(bf_rng_range(&rng, -9, 90), bf_rng_range(&rng, -9, 60)), fit);
    assert_true(bf_affine_invert(&back, fit));
    bf_sampled s = {.pixels = picture, .columns = sizes[round % 5][0], .rows = sizes[round % 5][1]};
    memcpy(s.back, back.m, sizeof s.back);
    s.most = BF_WARP_STRONGEST * w.cell;
    int count = 1 + (int)bf_rng_below(&rng, width), x = (int)bf_rng_below(&rng, 9);
    double fraction = bf_rng_uniform(&rng), y = bf_rng_range(&rng, -1, height + 1);
    bool displaced = round % 2 == 1;
    bf_warp_displace_line(dx, dy, &w, x + fraction, y, count);
    for (int k = 0; k < 2; k++) {
      for (int i = 0; i < count; i++) one[i] = two[i] = (float)i;
      bf_sample_line(one, &s, x, fraction, y, displaced ? dx : NULL, displaced ? dy : NULL, count);
      if (!there[k]) continue;
      samplers[k](two, &s, x, fraction, y, displaced ? dx : NULL, displaced ? dy : NULL, count);
      assert_memory_equal(one, two, (size_t)count * sizeof(float));
    }
  }
#endif
}

/* Far away, hugely enlarged or of no extent: black or a value, never a fault. */
static void odd_maps_are_safe(void **state) {
  (void)state;
  const bf_affine maps[] = {bf_affine_scale(1e-12, 1e-12),     bf_affine_scale(1e12, 1e12),
                            bf_affine_translate(1e15, 0),      bf_affine_scale(0, 1),
                            (bf_affine){{NAN, 0, 0, 0, 1, 0}}, {{1, 0, INFINITY, 0, 1, 0}}};
  static uint8_t cover[width * height], bits[89 * 17];
  paint();
  memset(bits, 0xff, sizeof bits);
  for (int k = 0; k < 6; k++) {
    bf_warp w;
    bf_warp_plain(&w, maps[k]);
    for (int grid = 0; grid < 2; grid++) {
      if (grid) bf_warp_lay_grid(&w, width, height, 0.25);
      bf_sample_warped(one, width, height, picture, 131, 89, &w);
      for (int i = 0; i < width * height; i++) assert_true(one[i] >= 0 && one[i] <= 1);
      bf_warp_mask(cover, width, height, bits, 131, 89, 17, &w);
    }
  }
}

static void masks_are_counted(void **state) {
  (void)state;
  enum { columns = 13, rows = 7, stride = 3 }; /* a byte more than needed */
  uint8_t bits[rows * stride], dst[26 * 14];
  bf_rng rng = bf_rng_make(4, 4, 4);
  bf_warp w;
  for (int i = 0; i < rows * stride; i++) bits[i] = (uint8_t)bf_rng_next(&rng);
  bf_warp_plain(&w, bf_affine_identity());
  bf_warp_mask(dst, 15, 9, bits, columns, rows, stride, &w);
  for (int y = 0; y < 9; y++)
    for (int x = 0; x < 15; x++) {
      int bit = x < columns && y < rows ? (bits[y * stride + x / 8] >> (7 - x % 8)) & 1 : 0;
      assert_int_equal(dst[y * 15 + x], 255 * bit);
    }
  /* Twice as large: each pixel four times. A third: one in nine where one of nine is set. */
  bf_warp_plain(&w, bf_affine_scale(2, 2));
  bf_warp_mask(dst, 26, 14, bits, columns, rows, stride, &w);
  for (int i = 0; i < 26 * 14; i++) {
    int x = i % 26 / 2, y = i / 26 / 2;
    assert_int_equal(dst[i], 255 * ((bits[y * stride + x / 8] >> (7 - x % 8)) & 1));
  }
  memset(bits, 0, sizeof bits);
  bits[1 * stride] = 0x80 >> 4;
  bf_warp_plain(&w, bf_affine_scale(1.0 / 3, 1.0 / 3));
  bf_warp_mask(dst, 4, 2, bits, columns, rows, stride, &w);
  for (int i = 0; i < 8; i++) assert_int_equal(dst[i], i == 1 ? 28 : 0);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(plain_is_affine),   cmocka_unit_test(grids_reproduce_lines),
      cmocka_unit_test(lines_are_points),  cmocka_unit_test(strongest_is_one_to_one),
      cmocka_unit_test(boxes_hold_bulges), cmocka_unit_test(even_displacement_shifts),
      cmocka_unit_test(samplers_agree),    cmocka_unit_test(odd_maps_are_safe),
      cmocka_unit_test(masks_are_counted),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
