/* Pieces of masks against a plain flood fill, on random masks of odd sizes; then the shapes that trip joiners up. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/memory.h"
#include "image/components.h"
#include "image/mask.h"

enum { most_side = 127, most_pixels = most_side * most_side };

static uint32_t seed = 1;
static uint32_t draw(void) { /* xorshift: the same masks everywhere */
  seed ^= seed << 13;
  seed ^= seed >> 17;
  return seed ^= seed << 5;
}

/* The judge: a stack of pixels, nothing clever. */
static int flood(bf_component *out, const uint8_t *mask, int rows, int columns) {
  static uint8_t seen[most_pixels];
  static int stack[most_pixels];
  int count = 0;
  memset(seen, 0, sizeof seen);
  for (int start = 0; start < rows * columns; start++) {
    if (seen[start] || !bf_mask_get(mask, columns, start % columns, start / columns)) continue;
    bf_component c = {.xmin = columns, .ymin = rows};
    int n = 0;
    stack[n++] = start;
    seen[start] = 1;
    while (n > 0) {
      int at = stack[--n], x = at % columns, y = at / columns;
      c.area++;
      c.x += x + 0.5;
      c.y += y + 0.5;
      if (x < c.xmin) c.xmin = x;
      if (y < c.ymin) c.ymin = y;
      if (x + 1 > c.xmax) c.xmax = x + 1;
      if (y + 1 > c.ymax) c.ymax = y + 1;
      for (int v = y - 1; v <= y + 1; v++)
        for (int u = x - 1; u <= x + 1; u++) {
          if (u < 0 || v < 0 || u >= columns || v >= rows || seen[v * columns + u]) continue;
          if (!bf_mask_get(mask, columns, u, v)) continue;
          seen[v * columns + u] = 1;
          stack[n++] = v * columns + u;
        }
    }
    c.x /= (double)c.area;
    c.y /= (double)c.area;
    out[count++] = c;
  }
  return count;
}

static void compare(const uint8_t *mask, int rows, int columns) {
  static bf_component wanted[most_pixels];
  bf_components found;
  bf_error err = {0};
  int count = flood(wanted, mask, rows, columns);
  if (bf_components_find(&found, mask, rows, columns, &err) != BF_OK) fail_msg("%s", err.message);
  assert_int_equal(found.count, count);
  for (int i = 0; i < count; i++) {
    const bf_component *a = &found.items[i], *b = &wanted[i];
    assert_true(a->xmin == b->xmin && a->ymin == b->ymin && a->xmax == b->xmax && a->ymax == b->ymax);
    assert_int_equal(a->area, b->area);
    assert_true(a->x - b->x < 1e-9 && b->x - a->x < 1e-9 && a->y - b->y < 1e-9 && b->y - a->y < 1e-9);
  }
  bf_components_clear(&found);
}

static void agrees_with_flood_fill(void **state) {
  (void)state;
  static const int sides[] = {1, 7, 13, 127};
  static uint8_t mask[most_side * ((most_side + 7) / 8)];
  for (int a = 0; a < 4; a++)
    for (int b = 0; b < 4; b++)
      for (int round = 0; round < 40; round++) {
        int rows = sides[a], columns = sides[b];
        uint32_t share = 5 + draw() % 90; /* of pixels set, in hundredths */
        memset(mask, 0, sizeof mask);
        for (int y = 0; y < rows; y++)
          for (int x = 0; x < columns; x++)
            if (draw() % 100 < share) bf_mask_set(mask, columns, x, y);
        /* What stands behind the last column is no pixel. */
        if (round % 2)
          for (int y = 0; y < rows; y++)
            for (size_t k = (size_t)columns; k < 8 * bf_mask_stride(columns); k++)
              mask[(size_t)y * bf_mask_stride(columns) + k / 8] |= (uint8_t)(0x80 >> k % 8);
        compare(mask, rows, columns);
      }
}

static void draw_text(uint8_t *mask, const char *const *lines, int rows, int columns) {
  memset(mask, 0, bf_mask_bytes(rows, columns));
  for (int y = 0; y < rows; y++)
    for (int x = 0; x < columns; x++)
      if (lines[y][x] == '#') bf_mask_set(mask, columns, x, y);
}

static void shapes(void **state) {
  (void)state;
  static const char *const comb[] = {"#.#.#.#.#", "#.#.#.#.#", "#########"};
  static const char *const spiral[] = {"#########", "........#", "#######.#", "#.....#.#", "#.###.#.#",
                                       "#.#...#.#", "#.#####.#", "#.......#", "#########"};
  static const char *const corners[] = {"#.#......", ".#.....#.", "#.#...#.#"};
  uint8_t mask[64];
  bf_components found;
  draw_text(mask, comb, 3, 9);
  compare(mask, 3, 9);
  assert_int_equal(bf_components_find(&found, mask, 3, 9, NULL), BF_OK);
  assert_int_equal(found.count, 1);
  assert_int_equal(found.items[0].area, 19);
  bf_components_clear(&found);
  draw_text(mask, spiral, 9, 9);
  compare(mask, 9, 9);
  draw_text(mask, corners, 3, 9);
  compare(mask, 3, 9);
  assert_int_equal(bf_components_find(&found, mask, 3, 9, NULL), BF_OK);
  assert_int_equal(found.count, 2);
  assert_true(found.items[0].x == 1.5 && found.items[0].y == 1.5);
  assert_true(found.items[1].xmin == 6 && found.items[1].xmax == 9 && found.items[1].ymin == 1);
  bf_components_clear(&found);
}

/* A mammogram's size: nothing, everything, and as many pieces as fit. */
static void large_masks(void **state) {
  (void)state;
  enum { rows = 4000, columns = 3000 };
  uint8_t *mask = bf_alloc(bf_mask_bytes(rows, columns), 1);
  bf_components found;
  assert_int_equal(bf_components_find(&found, mask, rows, columns, NULL), BF_OK);
  assert_int_equal(found.count, 0);
  bf_components_clear(&found);
  memset(mask, 0xff, bf_mask_bytes(rows, columns));
  assert_int_equal(bf_components_find(&found, mask, rows, columns, NULL), BF_OK);
  assert_int_equal(found.count, 1);
  assert_int_equal(found.items[0].area, (int64_t)rows * columns);
  assert_true(found.items[0].x == columns / 2.0 && found.items[0].y == rows / 2.0);
  bf_components_clear(&found);
  memset(mask, 0, bf_mask_bytes(rows, columns));
  for (int y = 0; y < rows; y += 2) memset(mask + (size_t)y * bf_mask_stride(columns), 0xaa, bf_mask_stride(columns));
  assert_int_equal(bf_components_find(&found, mask, rows, columns, NULL), BF_OK);
  assert_int_equal(found.count, rows / 2 * columns / 2);
  bf_components_clear(&found);
  bf_free(mask);
}

static void refuses_sizes(void **state) {
  (void)state;
  bf_components found;
  bf_error err = {0};
  uint8_t one = 0x80;
  assert_int_equal(bf_components_find(&found, &one, 0, 5, &err), BF_E_LIMIT);
  assert_int_equal(bf_components_find(&found, &one, 32768, 32768, &err), BF_E_LIMIT);
  assert_int_equal(bf_components_find(&found, &one, 1, 40000, &err), BF_E_LIMIT);
  assert_int_equal(found.count, 0);
  bf_components_clear(&found);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(agrees_with_flood_fill),
      cmocka_unit_test(shapes),
      cmocka_unit_test(large_masks),
      cmocka_unit_test(refuses_sizes),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
