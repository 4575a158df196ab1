/* The box of a mapped outline is that of the mapped lesion, and probabilities of cells reach the pixels they belong to.
 */
#include "base/rng.h"
#include "image/mask.h"
#include "image/outline.h"
#include "net_support.h"
#include "run/predict.h"
#include "run/probability.h"

enum { columns = 601, rows = 499, width = 600, height = 560 };

static uint8_t mask[rows * ((columns + 7) / 8)];

/* A ragged blob, and its box. */
static bf_rect draw_blob(uint64_t key, double tilt, double a, double b) {
  bf_rect box = {columns, rows, 0, 0};
  memset(mask, 0, sizeof mask);
  for (int y = 0; y < rows; y++)
    for (int x = 0; x < columns; x++) {
      double dx = x + 0.5 - 300, dy = y + 0.5 - 249, u = cos(tilt) * dx + sin(tilt) * dy,
             v = cos(tilt) * dy - sin(tilt) * dx;
      double r = 1 + 0.12 * sin(5 * atan2(v / b, u / a) + (double)key);
      if (u * u / (a * a) + v * v / (b * b) >= r) continue;
      bf_mask_set(mask, columns, x, y);
      box = (bf_rect){fmin(box.xmin, x), fmin(box.ymin, y), fmax(box.xmax, x + 1), fmax(box.ymax, y + 1)};
    }
  return box;
}

static bf_warp make_warp(uint64_t key, bool elastic) {
  bf_warp w;
  bf_rng rng = bf_rng_make(3, key, 1);
  bf_affine turned =
      bf_affine_compose(bf_affine_rotate(bf_rng_range(&rng, -0.8, 0.8)), bf_affine_translate(-300, -249));
  double zoom = bf_rng_range(&rng, 0.9, 1.1);
  turned = bf_affine_compose(bf_affine_translate(300, 280), bf_affine_compose(bf_affine_scale(zoom, zoom), turned));
  bf_warp_plain(&w, turned);
  if (!elastic) return w;
  bf_warp_lay_grid(&w, width, height, 0.25);
  for (int y = 0; y < w.rows + 3; y++)
    for (int x = 0; x < w.columns + 3; x++) {
      w.dx[y][x] = (float)bf_rng_range(&rng, -0.15 * w.cell, 0.15 * w.cell);
      w.dy[y][x] = (float)bf_rng_range(&rng, -0.15 * w.cell, 0.15 * w.cell);
    }
  return w;
}

/* Of pixels that the mapped mask covers by half or more. */
static bf_rect box_of_mapped(const bf_warp *w) {
  static uint8_t mapped[width * height];
  bf_rect box = {width, height, 0, 0};
  bf_warp_mask(mapped, width, height, mask, columns, rows, bf_mask_stride(columns), w);
  for (int i = 0; i < width * height; i++) {
    if (mapped[i] < 128) continue;
    box = (bf_rect){fmin(box.xmin, i % width), fmin(box.ymin, i / width), fmax(box.xmax, i % width + 1),
                    fmax(box.ymax, i / width + 1)};
  }
  return box;
}

/* Within one pixel, turned and bent; around the box's own corners it would be many. */
static void the_box_of_the_mapped_mask(void **unused) {
  (void)unused;
  double corners_off = 0;
  for (uint64_t key = 0; key < 24; key++) {
    bf_error err = {0};
    bf_outline o;
    bf_rect box = draw_blob(key, 0.1 * (double)key, 210, 60);
    bf_warp w = make_warp(key, key % 2);
    assert_int_equal(bf_outline_find(&o, mask, rows, columns, box, &err), BF_OK);
    assert_in_range(o.count, 8, 900);
    bf_rect found = bf_outline_rect(&o, &w, box), seen = box_of_mapped(&w), corners = bf_warp_rect(&w, box);
    double off = fmax(fmax(fabs(found.xmin - seen.xmin), fabs(found.xmax - seen.xmax)),
                      fmax(fabs(found.ymin - seen.ymin), fabs(found.ymax - seen.ymax)));
    if (off > 1) fail_msg("key %d: off by %g", (int)key, off);
    corners_off = fmax(corners_off, seen.xmin - corners.xmin);
    bf_outline_clear(&o);
  }
  assert_true(corners_off > 5);
}

/* Where the mask says something else than the box, the box counts. */
static void another_drawing_is_left_alone(void **unused) {
  (void)unused;
  bf_error err = {0};
  bf_outline o;
  bf_rect box = draw_blob(1, 0, 180, 60), larger = {box.xmin - 4, box.ymin, box.xmax, box.ymax},
          nearly = {box.xmin - 1, box.ymin + 1, box.xmax, box.ymax}, elsewhere = {0, 0, 9, 9};
  bf_warp w = make_warp(3, true);
  assert_int_equal(bf_outline_find(&o, mask, rows, columns, larger, &err), BF_OK);
  assert_int_equal(o.count, 0);
  bf_rect a = bf_outline_rect(&o, &w, larger), b = bf_warp_rect(&w, larger);
  assert_memory_equal(&a, &b, sizeof a);
  assert_int_equal(bf_outline_find(&o, mask, rows, columns, elsewhere, &err), BF_OK);
  assert_int_equal(o.count, 0);
  assert_int_equal(bf_outline_find(&o, mask, rows, columns, nearly, &err), BF_OK);
  assert_true(o.count > 0);
  bf_outline_clear(&o);
  bf_rect outside = {columns + 3, -9, columns + 8, -2};
  assert_int_equal(bf_outline_find(&o, mask, rows, columns, outside, &err), BF_OK);
  assert_int_equal(o.count, 0);
}

static void lesions_of_a_pixel_and_a_line(void **unused) {
  (void)unused;
  bf_error err = {0};
  static const bf_rect boxes[] = {{5, 6, 6, 7}, {5, 6, 30, 7}, {5, 6, 6, 40}, {0, 0, columns, rows}};
  for (int k = 0; k < 4; k++) {
    bf_outline o;
    bf_warp w;
    memset(mask, 0, sizeof mask);
    for (int y = (int)boxes[k].ymin; y < boxes[k].ymax; y++)
      for (int x = (int)boxes[k].xmin; x < boxes[k].xmax; x++) bf_mask_set(mask, columns, x, y);
    bf_warp_plain(&w, bf_affine_compose(bf_affine_rotate(0.4), bf_affine_scale(1.5, 0.7)));
    assert_int_equal(bf_outline_find(&o, mask, rows, columns, boxes[k], &err), BF_OK);
    bf_rect found = bf_outline_rect(&o, &w, boxes[k]), whole = bf_affine_rect(w.affine, boxes[k]);
    assert_float_equal(found.xmin, whole.xmin, 1e-4); /* a filled rectangle is its box */
    assert_float_equal(found.ymax, whole.ymax, 1e-4);
    bf_outline_clear(&o);
  }
}

/* ---- probabilities ---- */

/* Logits whose probabilities are a plane over the network's pixels come back as that plane. */
static void planes_stay_planes(void **unused) {
  (void)unused;
  enum { h = 8, w = 10, stride = 4, picture_w = 60, picture_h = 50 };
  static float logits[h * w];
  bf_error err = {0};
  bf_prediction p = {.mask = logits, .mask_h = h, .mask_w = w, .mask_stride = stride};
  bf_affine to_network = {{0.5, 0, 3, 0, 0.5, 2}};
  uint8_t *found;
  for (int i = 0; i < h * w; i++) {
    double x = stride * (i % w + 0.5), y = stride * (i / w + 0.5), value = 0.2 + 0.01 * x + 0.005 * y;
    logits[i] = (float)log(value / (1 - value));
  }
  assert_int_equal(bf_probability_map(&found, &p, to_network, picture_w, picture_h, &err), BF_OK);
  for (int y = 0; y < picture_h; y++)
    for (int x = 0; x < picture_w; x++) {
      double u = 0.5 * (x + 0.5) + 3, v = 0.5 * (y + 0.5) + 2;
      if (u < 2 || v < 2 || u > stride * w - 2 || v > stride * h - 2) continue; /* the edge repeats */
      assert_float_equal(found[y * picture_w + x] / 255.0, 0.2 + 0.01 * u + 0.005 * v, 0.51 / 255);
    }
  bf_free(found);
}

/* What the network's picture does not show is no lesion, whatever the cells beside it say. */
static void outside_is_none(void **unused) {
  (void)unused;
  static float logits[16];
  bf_error err = {0};
  bf_prediction p = {.mask = logits, .mask_h = 4, .mask_w = 4, .mask_stride = 8};
  uint8_t *found, *bits;
  for (int i = 0; i < 16; i++) logits[i] = 9;
  assert_int_equal(bf_probability_map(&found, &p, (bf_affine){{1, 0, -10, 0, 1, -5}}, 61, 45, &err), BF_OK);
  assert_int_equal(bf_probability_mask(&bits, found, 61, 45, &err), BF_OK);
  for (int y = 0; y < 45; y++)
    for (int x = 0; x < 61; x++) {
      bool inside = x >= 10 && x < 42 && y >= 5 && y < 37;
      assert_int_equal(found[y * 61 + x] > 200, inside);
      assert_int_equal(bf_mask_get(bits, 61, x, y), inside);
    }
  bf_found_box boxes[BF_MAX_BOXES];
  int count;
  assert_int_equal(bf_probability_boxes(boxes, &count, found, bits, 61, 45, &err), BF_OK);
  assert_int_equal(count, 1);
  assert_true(boxes[0].xmin == 10 && boxes[0].ymin == 5 && boxes[0].xmax == 42 && boxes[0].ymax == 37);
  assert_true(boxes[0].score > 0.99f && boxes[0].score <= 1);
  bf_free(found);
  bf_free(bits);
}

/* Many pieces: the best come first, specks and the worst of too many are left out. */
static void the_best_boxes_first(void **unused) {
  (void)unused;
  enum { side = 200 };
  static uint8_t probable[side * side];
  bf_error err = {0};
  uint8_t *bits;
  bf_found_box boxes[BF_MAX_BOXES];
  int count;
  for (int k = 0; k < 40; k++) /* 8 x 5 squares of 6 x 6 */
    for (int i = 0; i < 36; i++) probable[(k / 8 * 20 + i / 6) * side + k % 8 * 20 + i % 6] = (uint8_t)(140 + k);
  probable[190 * side + 190] = 255; /* a speck */
  assert_int_equal(bf_probability_mask(&bits, probable, side, side, &err), BF_OK);
  assert_int_equal(bf_probability_boxes(boxes, &count, probable, bits, side, side, &err), BF_OK);
  assert_int_equal(count, BF_MAX_BOXES);
  for (int i = 0; i < count; i++) assert_float_equal(boxes[i].score, (179 - i) / 255.0, 1e-6);
  bf_free(bits);
}

/* Two lesions and a speck in the mask. Boxes move to the lesion that they lie on, by the share; the speck and far boxes
 * are left alone; of two boxes on one lesion the better one stays. */
static void boxes_take_the_sides_of_outlines(void **unused) {
  (void)unused;
  enum { side = 100 };
  static uint8_t probable[side * side];
  bf_error err = {0};
  uint8_t *bits;
  for (int i = 0; i < side * side; i++) {
    int x = i % side, y = i / side;
    bool first = x >= 10 && x < 30 && y >= 20 && y < 40, second = x >= 60 && x < 90 && y >= 50 && y < 80;
    probable[i] = first || second || (x == 95 && y == 5) ? 255 : 0;
  }
  assert_int_equal(bf_probability_mask(&bits, probable, side, side, &err), BF_OK);
  const bf_found_box found[] = {{6, 16, 30, 44, 0.9f}, {64, 50, 94, 76, 0.8f}, {12, 22, 28, 42, 0.7f},
                                {40, 0, 50, 10, 0.6f}, {94, 4, 97, 7, 0.5f},   {60, 50, 72, 62, 0.4f},
                                {12, 60, 32, 80, 0.3f}};
  static const int stay[] = {0, 1, 3, 4, 5, 6};
  for (int k = 0; k < 3; k++) {
    double share = 0.5 * k;
    bf_found_box boxes[7];
    int count = 7;
    memcpy(boxes, found, sizeof found);
    assert_int_equal(bf_probability_sides(boxes, &count, bits, side, side, share, &err), BF_OK);
    assert_int_equal(count, k == 0 ? 7 : k == 1 ? 6 : 5);
    for (int i = 0; i < count && k > 0; i++)
      assert_float_equal(boxes[i].score, found[stay[k == 2 && i > 3 ? i + 1 : i]].score, 0);
    if (k == 0) assert_memory_equal(boxes, found, sizeof found);
    if (k == 1) assert_true(boxes[0].xmin == 8 && boxes[0].ymin == 18 && boxes[0].xmax == 30 && boxes[0].ymax == 42);
    if (k == 2) assert_true(boxes[1].xmin == 60 && boxes[1].ymin == 50 && boxes[1].xmax == 90 && boxes[1].ymax == 80);
    if (k > 0) assert_memory_equal(&boxes[2], &found[3], 2 * sizeof found[0]);
  }
  bf_free(bits);
}

/* Of two looks each pixel's probability is the mean; what the second owned is freed. */
static void looks_are_joined(void **unused) {
  (void)unused;
  bf_answer looks[2] = {{.logit = 1}, {.logit = 2}};
  for (int v = 0; v < 2; v++) {
    looks[v].probable = bf_alloc(6, 1);
    assert_non_null(looks[v].probable);
    for (int i = 0; i < 6; i++) looks[v].probable[i] = (uint8_t)(v == 0 ? 40 * i : 255 - i);
  }
  bf_predict_join(looks, NULL, 2, 3, 2);
  assert_float_equal(looks[0].logit, 1.5, 1e-6);
  for (int i = 0; i < 6; i++) assert_int_equal(looks[0].probable[i], (40 * i + 255 - i + 1) / 2);
  assert_null(looks[1].probable);
  bf_answer_clear(&looks[0]);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(the_box_of_the_mapped_mask),
                                     cmocka_unit_test(another_drawing_is_left_alone),
                                     cmocka_unit_test(lesions_of_a_pixel_and_a_line),
                                     cmocka_unit_test(planes_stay_planes),
                                     cmocka_unit_test(outside_is_none),
                                     cmocka_unit_test(the_best_boxes_first),
                                     cmocka_unit_test(boxes_take_the_sides_of_outlines),
                                     cmocka_unit_test(looks_are_joined)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
