/* Outlines filled: each pixel as the count of crossings to its left says, holes, what is cut off, shared corners. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/rng.h"
#include "image/mask.h"
#include "image/polygon.h"

enum { rows = 37, columns = 53, most = 64 };

typedef uint8_t mask[rows * ((columns + 7) / 8)];

static void fill(mask drawn, const bf_corner *corners, const int32_t *sizes, int32_t outlines) {
  bf_error err = {0};
  memset(drawn, 0, sizeof(mask));
  if (bf_polygon_fill(drawn, rows, columns, corners, sizes, outlines, &err) != BF_OK) fail_msg("%s", err.message);
}

/* Straight from the definition: a ray to the left of the centre crosses the edges of all outlines. */
static bool within(double x, double y, const bf_corner *corners, const int32_t *sizes, int32_t outlines) {
  bool odd = false;
  for (int32_t o = 0; o < outlines; corners += sizes[o++])
    for (int32_t i = 0; i < sizes[o]; i++) {
      bf_corner a = corners[i], b = corners[(i + 1) % sizes[o]];
      if ((a.y <= y) == (b.y <= y)) continue;
      odd ^= a.x + (y - a.y) / (b.y - a.y) * (b.x - a.x) <= x;
    }
  return odd;
}

static void same_as_defined(const bf_corner *corners, const int32_t *sizes, int32_t outlines) {
  mask drawn;
  fill(drawn, corners, sizes, outlines);
  for (int32_t y = 0; y < rows; y++)
    for (int32_t x = 0; x < columns; x++)
      if (bf_mask_get(drawn, columns, x, y) != within(x + 0.5, y + 0.5, corners, sizes, outlines))
        fail_msg("pixel (%d, %d)", x, y);
  for (int32_t y = 0; y < rows; y++) /* bits behind the last column */
    assert_int_equal(drawn[(y + 1) * (int)bf_mask_stride(columns) - 1] & ((1 << (8 - columns % 8)) - 1), 0);
}

/* Corners anywhere and beyond, also upon centres and borders of pixels. */
static void random_outlines(void **state) {
  (void)state;
  for (uint64_t k = 0; k < 3000; k++) {
    bf_rng rng = bf_rng_make(11, k, 0);
    bf_corner corners[4 * most];
    int32_t sizes[4], outlines = 1 + (int32_t)bf_rng_below(&rng, 4), n = 0;
    for (int32_t o = 0; o < outlines; o++) {
      sizes[o] = (int32_t)bf_rng_below(&rng, k % 2 ? 6 : most);
      for (int32_t i = 0; i < sizes[o]; i++, n++) {
        corners[n] = (bf_corner){bf_rng_range(&rng, -20, columns + 20), bf_rng_range(&rng, -20, rows + 20)};
        if (k % 3 == 0)
          corners[n] = (bf_corner){(double)(int)(2 * corners[n].x) / 2, (double)(int)(2 * corners[n].y) / 2};
      }
    }
    same_as_defined(corners, sizes, outlines);
  }
}

static int64_t area(const uint8_t *drawn) {
  int64_t n = 0;
  for (int32_t y = 0; y < rows; y++)
    for (int32_t x = 0; x < columns; x++) n += bf_mask_get(drawn, columns, x, y);
  return n;
}

#define SQUARE(from, to) \
  {from, from}, {to, from}, {to, to}, { from, to }

static void squares(void **state) {
  (void)state;
  const bf_corner corners[] = {SQUARE(4, 24), SQUARE(8, 12), SQUARE(-9, 3), SQUARE(-1e9, 1e9), SQUARE(40, 90)};
  const int32_t sizes[] = {4, 4, 4, 4, 4};
  mask drawn;
  fill(drawn, corners, sizes, 1);
  assert_int_equal(area(drawn), 20 * 20);
  fill(drawn, corners, sizes, 2); /* a hole */
  assert_int_equal(area(drawn), 20 * 20 - 4 * 4);
  fill(drawn, corners + 8, sizes, 1); /* cut off */
  assert_int_equal(area(drawn), 3 * 3);
  fill(drawn, corners + 12, sizes, 1);
  assert_int_equal(area(drawn), rows * columns);
  fill(drawn, corners + 16, sizes, 1); /* under the last row */
  assert_int_equal(area(drawn), 0);
  fill(drawn, corners, sizes, 0);
  assert_int_equal(area(drawn), 0);
}

/* Neighbours share no pixel and leave none between them. */
static void neighbours(void **state) {
  (void)state;
  const bf_corner corners[] = {{2, 2}, {31.5, 7}, {20.5, 30.5}, {31.5, 7}, {50, 33}, {20.5, 30.5}};
  const int32_t sizes[] = {3, 3};
  mask one, other, both;
  fill(one, corners, sizes, 1);
  fill(other, corners + 3, sizes, 1);
  fill(both, corners, sizes, 2);
  assert_true(area(one) > 0 && area(other) > 0);
  for (size_t i = 0; i < sizeof both; i++) {
    assert_int_equal(one[i] & other[i], 0);
    assert_int_equal(one[i] | other[i], both[i]);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(random_outlines), cmocka_unit_test(squares),
                                     cmocka_unit_test(neighbours)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
