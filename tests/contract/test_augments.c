/* What every row of augments.def must keep to, whatever it does. */
#include "data_support.h"

#include <math.h>

#include "base/memory.h"
#include "image/augment.h"
#include "image/sample.h"

enum { width = 127, height = 61, picture_columns = 97, picture_rows = 89 };

static uint16_t picture[picture_columns * picture_rows];
/* A bright lesion on a dark ground, in prepared pixels. */
static const bf_rect lesion = {35, 30, 65, 55};

static int make_picture(void **state) {
  (void)state;
  for (int y = 0; y < picture_rows; y++)
    for (int x = 0; x < picture_columns; x++)
      picture[y * picture_columns + x] =
          x >= lesion.xmin && x < lesion.xmax && y >= lesion.ymin && y < lesion.ymax ? 60000 : 6000;
  return 0;
}

typedef enum strength { lowest, defaults, highest } strength;

/* A row's options, all at one end of their range. */
static void set_options(const bf_augment_type *type, void *options, strength how) {
  assert_ok(bf_options_defaults(type->options, options, err));
  for (const bf_option *row = type->options; row->name != NULL && how != defaults; row++) {
    char value[64];
    assert_true(row->type == BF_OPTION_REAL || row->type == BF_OPTION_INT || row->type == BF_OPTION_BOOL);
    snprintf(value, sizeof value, "%.17g",
             row->type == BF_OPTION_BOOL ? how == highest
             : how == highest            ? row->high
                                         : row->low);
    assert_ok(bf_options_set(type->options, options, "", row->name, value, err));
  }
}

/* All rows at their lowest, row `only` (if any) as asked. */
static void make_augmenter(bf_augmenter *a, int only, strength how) {
  for (int i = 0; i < bf_augment_count(); i++) {
    a->options[i] = bf_alloc(1, bf_augment_at(i)->options_size);
    assert_non_null(a->options[i]);
    set_options(bf_augment_at(i), a->options[i], i == only ? how : lowest);
  }
}

static void clear_augmenter(bf_augmenter *a) {
  for (int i = 0; i < bf_augment_count(); i++) bf_free(a->options[i]);
}

static bf_affine look(float *grey, const bf_augmenter *a, uint64_t key) {
  bf_augment_draw draws[32];
  bf_rng rng = bf_rng_make(9, key, key);
  bf_affine fit = bf_affine_fit(picture_columns, picture_rows, width, height);
  bf_affine all = bf_augment_draw_all(draws, a, &rng, width, height, fit);
  bf_sample_grey(grey, width, height, picture, picture_columns, picture_rows, all);
  bf_augment_apply_all(draws, a, grey, width, height);
  return all;
}

static float plain[width * height], one[width * height], two[width * height];

static void tables_are_well_formed(void **state) {
  (void)state;
  assert_in_range(bf_augment_count(), 1, 32);
  for (int i = 0; i < bf_augment_count(); i++) {
    const bf_augment_type *type = bf_augment_at(i);
    assert_true(type->name[0] != '\0' && type->help[0] != '\0' && type->draw != NULL);
    assert_true((type->affine != NULL) != (type->apply != NULL));
    for (int k = 0; k < i; k++) assert_string_not_equal(type->name, bf_augment_at(k)->name);
    for (const bf_option *row = type->options; row->name != NULL; row++)
      assert_true(row->help != NULL && row->offset < type->options_size);
  }
}

static void lowest_is_identity(void **state) {
  (void)state;
  bf_augmenter a;
  bf_affine fit = bf_affine_fit(picture_columns, picture_rows, width, height);
  make_augmenter(&a, -1, lowest);
  bf_sample_grey(plain, width, height, picture, picture_columns, picture_rows, fit);
  for (uint64_t key = 0; key < 20; key++) {
    bf_affine all = look(one, &a, key);
    assert_memory_equal(&all, &fit, sizeof fit);
    assert_memory_equal(one, plain, sizeof plain);
  }
  clear_augmenter(&a);
}

static void each_row_does_something(void **state) {
  (void)state;
  for (int i = 0; i < bf_augment_count(); i++) {
    bf_augmenter a;
    int changed = 0;
    make_augmenter(&a, i, highest);
    for (uint64_t key = 0; key < 20; key++) {
      look(one, &a, key);
      changed += memcmp(one, plain, sizeof plain) != 0;
    }
    if (changed < 5) fail_msg("%s at its highest changes %d of 20 pictures", bf_augment_at(i)->name, changed);
    clear_augmenter(&a);
  }
}

static void same_key_same_bits(void **state) {
  (void)state;
  for (int i = 0; i < bf_augment_count(); i++) {
    bf_augmenter a;
    make_augmenter(&a, i, highest);
    for (uint64_t key = 0; key < 5; key++) {
      bf_affine first = look(one, &a, key);
      look(two, &a, key + 100); /* another draw in between leaves no trace */
      bf_affine second = look(two, &a, key);
      assert_memory_equal(&first, &second, sizeof first);
      assert_memory_equal(one, two, sizeof one);
    }
    clear_augmenter(&a);
  }
}

static void values_stay_grey(void **state) {
  (void)state;
  for (int i = -1; i < bf_augment_count(); i++) {
    bf_augmenter a;
    make_augmenter(&a, i, highest);
    if (i < 0) /* all of them at once */
      for (int k = 0; k < bf_augment_count(); k++) set_options(bf_augment_at(k), a.options[k], highest);
    for (uint64_t key = 0; key < 20; key++) {
      bf_affine all = look(one, &a, key);
      for (int k = 0; k < 6; k++) assert_true(isfinite(all.m[k]));
      for (int k = 0; k < width * height; k++)
        if (!(one[k] >= 0 && one[k] <= 1))
          fail_msg("%s gives %g", i < 0 ? "all" : bf_augment_at(i)->name, (double)one[k]);
    }
    clear_augmenter(&a);
  }
}

/* Bright pixels lie inside the mapped box, and reach to each of its edges. */
static void boxes_follow_pixels(void **state) {
  (void)state;
  for (int i = 0; i < bf_augment_count(); i++) {
    const bf_augment_type *type = bf_augment_at(i);
    if (type->affine == NULL) continue;
    for (int how = defaults; how <= highest; how++) {
      bf_augmenter a;
      make_augmenter(&a, i, (strength)how);
      for (uint64_t key = 0; key < 30; key++) {
        bf_affine all = look(one, &a, key);
        bf_rect whole = bf_affine_rect(all, lesion), box = bf_rect_clip(whole, width, height);
        double xmin = width, ymin = height, xmax = 0, ymax = 0;
        for (int y = 0; y < height; y++)
          for (int x = 0; x < width; x++) {
            if (one[y * width + x] < 0.5f) continue;
            xmin = fmin(xmin, x), ymin = fmin(ymin, y), xmax = fmax(xmax, x + 1), ymax = fmax(ymax, y + 1);
          }
        if (bf_rect_area(box) < 64) continue; /* moved out of the frame */
        bool good = fabs(xmin - box.xmin) < 2 && fabs(ymin - box.ymin) < 2 && fabs(xmax - box.xmax) < 2 &&
                    fabs(ymax - box.ymax) < 2;
        /* Of a turned lesion that is cut by the frame, the box is larger than what is seen. */
        bool cut = bf_rect_area(box) < bf_rect_area(whole) * 0.999;
        if (cut) good = xmin > box.xmin - 2 && ymin > box.ymin - 2 && xmax < box.xmax + 2 && ymax < box.ymax + 2;
        if (!good)
          fail_msg("%s: box %g %g %g %g, pixels %g %g %g %g", type->name, box.xmin, box.ymin, box.xmax, box.ymax, xmin,
                   ymin, xmax, ymax);
      }
      clear_augmenter(&a);
    }
  }
}

/* A row's draws do not hang on the options of the other rows. */
static void rows_do_not_disturb_each_other(void **state) {
  (void)state;
  bf_augmenter all;
  bf_augment_draw together[32], alone[32];
  make_augmenter(&all, -1, lowest);
  for (int i = 0; i < bf_augment_count(); i++) set_options(bf_augment_at(i), all.options[i], highest);
  bf_rng rng = bf_rng_make(1, 2, 3);
  bf_augment_draw_all(together, &all, &rng, width, height, bf_affine_identity());
  for (int i = 0; i < bf_augment_count(); i++) {
    bf_augmenter single;
    make_augmenter(&single, i, highest);
    rng = bf_rng_make(1, 2, 3);
    bf_augment_draw_all(alone, &single, &rng, width, height, bf_affine_identity());
    assert_memory_equal(&alone[i], &together[i], sizeof alone[i]);
    for (int k = 0; k < i; k++) assert_true(together[i].noise != together[k].noise); /* streams of their own */
    clear_augmenter(&single);
  }
  clear_augmenter(&all);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(tables_are_well_formed),
      cmocka_unit_test(lowest_is_identity),
      cmocka_unit_test(each_row_does_something),
      cmocka_unit_test(same_key_same_bits),
      cmocka_unit_test(values_stay_grey),
      cmocka_unit_test(boxes_follow_pixels),
      cmocka_unit_test(rows_do_not_disturb_each_other),
  };
  return cmocka_run_group_tests(tests, make_picture, NULL);
}
