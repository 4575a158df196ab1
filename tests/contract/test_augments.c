/* What every row of augments.def must keep to, whatever it does. */
#include "data_support.h"

#include <math.h>

#include "base/memory.h"
#include "image/augment.h"
#include "image/sample.h"
#include "image/warp.h"

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

/* The picture counts as one without a lesion. */
static bf_augment_view view_at(float *grey, const uint16_t *pixels, const bf_augmenter *a, uint64_t key) {
  bf_augment_draw draws[32];
  bf_augment_view view = {.may_implant = true};
  bf_rng rng = bf_rng_make(9, key, key);
  bf_affine fit = bf_affine_fit(picture_columns, picture_rows, width, height);
  bf_augment_draw_all(&view, draws, a, &rng, width, height, fit);
  bf_sample_warped(grey, width, height, pixels, picture_columns, picture_rows, &view.warp);
  bf_augment_apply_all(&view, draws, a, grey, width, height, picture_columns, picture_rows);
  return view;
}

static bf_warp look_at(float *grey, const uint16_t *pixels, const bf_augmenter *a, uint64_t key) {
  return view_at(grey, pixels, a, key).warp;
}

static bf_warp look(float *grey, const bf_augmenter *a, uint64_t key) { return look_at(grey, picture, a, key); }

static bool is_geometric(const bf_augment_type *type) { return type->affine != NULL || type->displace != NULL; }

static float plain[width * height], one[width * height], two[width * height];

static void tables_are_well_formed(void **state) {
  (void)state;
  int displacing = 0;
  assert_in_range(bf_augment_count(), 1, 32);
  for (int i = 0; i < bf_augment_count(); i++) {
    const bf_augment_type *type = bf_augment_at(i);
    assert_true(type->name[0] != '\0' && type->help[0] != '\0' && type->draw != NULL);
    assert_int_equal((type->affine != NULL) + (type->displace != NULL) + (type->apply != NULL) +
                         (type->implant != NULL) + (type->share != NULL),
                     1);
    assert_int_equal(type->options[0].type, BF_OPTION_REAL);
    displacing += type->displace != NULL;
    for (int k = 0; k < i; k++) assert_string_not_equal(type->name, bf_augment_at(k)->name);
    for (const bf_option *row = type->options; row->name != NULL; row++)
      assert_true(row->help != NULL && row->offset < type->options_size);
  }
  assert_true(displacing <= 1); /* a second grid would take the place of the first */
}

static void lowest_is_identity(void **state) {
  (void)state;
  bf_augmenter a;
  bf_warp rest;
  bf_affine fit = bf_affine_fit(picture_columns, picture_rows, width, height);
  bf_warp_plain(&rest, fit);
  make_augmenter(&a, -1, lowest);
  bf_sample_grey(plain, width, height, picture, picture_columns, picture_rows, fit);
  for (uint64_t key = 0; key < 20; key++) {
    bf_warp all = look(one, &a, key);
    assert_memory_equal(&all, &rest, sizeof rest);
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
    assert_true(bf_augment_mixes(&a) == (bf_augment_at(i)->share != NULL));
    for (uint64_t key = 0; key < 20; key++) {
      bf_augment_view view = view_at(one, picture, &a, key);
      assert_true(view.share >= 0 && view.share <= 0.5);
      changed += memcmp(one, plain, sizeof plain) != 0 || view.share > 0;
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
      bf_warp first = look(one, &a, key);
      look(two, &a, key + 100); /* another draw in between leaves no trace */
      bf_warp second = look(two, &a, key);
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
      bf_warp all = look(one, &a, key);
      for (int k = 0; k < 6; k++) assert_true(isfinite(all.affine.m[k]));
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
    if (!is_geometric(type)) continue;
    for (int how = defaults; how <= highest; how++) {
      bf_augmenter a;
      make_augmenter(&a, i, (strength)how);
      for (uint64_t key = 0; key < 30; key++) {
        bf_warp all = look(one, &a, key);
        bf_rect whole = bf_warp_rect(&all, lesion), box = bf_rect_clip(whole, width, height);
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

/* ---- masks ---- */

/* A lesion in original pixels, twice as fine as prepared ones, and what is derived from it. */
typedef struct shape {
  bool ellipse;
  double x, y, a, b; /* centre and half axes */
} shape;

static const shape shapes[] = {{false, 100, 85, 30, 25}, {true, 92, 88, 34, 21}, {true, 130, 60, 9, 13}};
enum { original_columns = 2 * picture_columns, original_rows = 2 * picture_rows, stride = (original_columns + 7) / 8 };

static uint16_t drawn[picture_columns * picture_rows];
static uint8_t bits[original_rows * stride], cover[width * height], truth[width * height];

static bool within(const shape *s, double x, double y) {
  double u = fabs(x - s->x) / s->a, v = fabs(y - s->y) / s->b;
  return s->ellipse ? u * u + v * v <= 1 : u <= 1 && v <= 1;
}

static void draw_shape(const shape *s) {
  memset(bits, 0, sizeof bits);
  for (int y = 0; y < original_rows; y++)
    for (int x = 0; x < original_columns; x++)
      if (within(s, x + 0.5, y + 0.5)) bits[y * stride + x / 8] |= (uint8_t)(0x80 >> x % 8);
  for (int y = 0; y < picture_rows; y++)
    for (int x = 0; x < picture_columns; x++)
      drawn[y * picture_columns + x] = within(s, 2 * x + 1, 2 * y + 1) ? 60000 : 6000;
}

/* Upright box around the mapped outline of the true shape. */
static bf_rect outline_box(const shape *s, const bf_warp *w) {
  enum { points = 2000 };
  bf_rect box = {INFINITY, INFINITY, -INFINITY, -INFINITY};
  for (int i = 0; i < points; i++) {
    double t = 6.283185307179586 * i / points, c = cos(t), d = sin(t), r = s->ellipse ? 1 : fmax(fabs(c), fabs(d)), x,
           y;
    bf_warp_forward(w, s->x + s->a * c / r, s->y + s->b * d / r, &x, &y);
    box = (bf_rect){fmin(box.xmin, x), fmin(box.ymin, y), fmax(box.xmax, x), fmax(box.ymax, y)};
  }
  return box;
}

/* Of pixels at or above `least`. */
static bf_rect pixel_box(const uint8_t *values, int least) {
  bf_rect box = {width, height, 0, 0};
  for (int y = 0; y < height; y++)
    for (int x = 0; x < width; x++)
      if (values[y * width + x] >= least)
        box = (bf_rect){fmin(box.xmin, x), fmin(box.ymin, y), fmax(box.xmax, x + 1), fmax(box.ymax, y + 1)};
  return box;
}

static bool is_near(bf_rect a, bf_rect b, double most) {
  return fabs(a.xmin - b.xmin) <= most && fabs(a.ymin - b.ymin) <= most && fabs(a.xmax - b.xmax) <= most &&
         fabs(a.ymax - b.ymax) <= most;
}

/* The true shape, pixel by pixel through the backward map: 255 where the centre lies in it. */
static void draw_truth(const shape *s, const bf_warp *w) {
  for (int i = 0; i < width * height; i++) {
    double x, y;
    assert_true(bf_warp_backward(w, i % width + 0.5, i / width + 0.5, &x, &y));
    truth[i] = within(s, x, y) ? 255 : 0;
  }
}

/* How many pixels of one thresholded picture have no equal within `reach` pixels of their place in the other. */
static int count_apart(const uint8_t *a, const uint8_t *b, int reach) {
  int apart = 0;
  for (int i = 0; i < width * height; i++) {
    bool found = false;
    for (int dy = -reach; dy <= reach; dy++)
      for (int dx = -reach; dx <= reach; dx++) {
        int x = i % width + dx, y = i / width + dy;
        found |= x >= 0 && y >= 0 && x < width && y < height && (b[y * width + x] >= 128) == (a[i] >= 128);
      }
    apart += !found;
  }
  return apart;
}

static void check_mask(const char *name, const shape *s, const bf_warp *prepared_to_frame, const float *grey) {
  static uint8_t bright[width * height];
  bf_warp w = *prepared_to_frame;
  bf_warp_after(&w, bf_affine_scale(0.5, 0.5));
  bf_warp_mask(cover, width, height, bits, original_columns, original_rows, stride, &w);
  draw_truth(s, &w);
  for (int i = 0; i < width * height; i++) bright[i] = grey[i] >= 0.5f ? 255 : 0;
  bf_rect outline = outline_box(s, &w), seen = bf_rect_clip(outline, width, height);
  if (bf_rect_area(seen) < 16) return; /* moved out of the frame */
  bf_rect box = pixel_box(cover, 128), expected = pixel_box(truth, 128);
  /* Of a lesion that is cut by the frame, the outline's box is larger than what is seen. */
  if (bf_rect_area(seen) > 0.999 * bf_rect_area(outline)) expected = outline;
  if (!is_near(box, expected, 1))
    fail_msg("%s: mask's box %g %g %g %g, outline's %g %g %g %g", name, box.xmin, box.ymin, box.xmax, box.ymax,
             expected.xmin, expected.ymin, expected.xmax, expected.ymax);
  /* Within a pixel; where prepared pixels are larger than the frame's, within one of each. */
  const double *m = prepared_to_frame->affine.m;
  double side = fmax(hypot(m[0], m[3]), hypot(m[1], m[4]));
  int reach = side > 1 ? (int)ceil(side) + 1 : 1;
  int off_truth = count_apart(cover, truth, 1), off_grey = count_apart(bright, cover, reach);
  if (off_truth > 0 || off_grey > 0)
    fail_msg("%s: %d pixels off the shape, %d off the grey values", name, off_truth, off_grey);
}

/* The mask, its box, the true shape and the grey pixels all go the same way. */
static void masks_follow_outlines(void **state) {
  (void)state;
  int all_of_them = bf_augment_count();
  for (int k = 0; k < (int)(sizeof shapes / sizeof shapes[0]); k++) {
    draw_shape(&shapes[k]);
    for (int i = 0; i <= all_of_them; i++) {
      if (i < all_of_them && !is_geometric(bf_augment_at(i))) continue;
      for (int how = defaults; how <= highest; how++) {
        bf_augmenter a;
        make_augmenter(&a, i, (strength)how);
        if (i == all_of_them)
          for (int j = 0; j < all_of_them; j++)
            if (is_geometric(bf_augment_at(j))) set_options(bf_augment_at(j), a.options[j], (strength)how);
        for (uint64_t key = 0; key < 30; key++) {
          bf_warp w = look_at(one, drawn, &a, key);
          check_mask(i < all_of_them ? bf_augment_at(i)->name : "all", &shapes[k], &w, one);
        }
        clear_augmenter(&a);
      }
    }
  }
}

/* There and back, from within the frame and around it. */
static void check_round_trip(const bf_augmenter *a, int keys) {
  for (int key = 0; key < keys; key++) {
    bf_warp w = look(one, a, (uint64_t)key);
    for (int i = 0; i < 400; i++) {
      double x = (i % 20 - 3) * width / 14.0, y = (i / 20 - 3) * height / 14.0, px, py, qx, qy;
      assert_true(bf_warp_backward(&w, x, y, &px, &py));
      bf_warp_forward(&w, px, py, &qx, &qy);
      if (!(fabs(qx - x) < 0.01 && fabs(qy - y) < 0.01)) fail_msg("%g %g comes back as %g %g", x, y, qx, qy);
    }
  }
}

/* All geometry at its strongest; then rows that displace, with each option at either end of its range. */
static void maps_are_one_to_one(void **state) {
  (void)state;
  bf_augmenter a;
  make_augmenter(&a, -1, lowest);
  for (int i = 0; i < bf_augment_count(); i++)
    if (is_geometric(bf_augment_at(i))) set_options(bf_augment_at(i), a.options[i], highest);
  check_round_trip(&a, 100);
  for (int i = 0; i < bf_augment_count(); i++) {
    const bf_augment_type *type = bf_augment_at(i);
    int options = 0;
    while (type->options[options].name != NULL) options++;
    for (int ends = 0; type->displace != NULL && ends < 1 << options; ends++) {
      for (int k = 0; k < options; k++) {
        char value[64];
        const bf_option *row = &type->options[k];
        snprintf(value, sizeof value, "%.17g", ends >> k & 1 ? row->high : row->low);
        assert_ok(bf_options_set(type->options, a.options[i], "", row->name, value, err));
      }
      check_round_trip(&a, 30);
    }
  }
  clear_augmenter(&a);
}

/* The window's ends become black and white, what lies between stays in proportion, and the frame stays black. */
static void window_stretches(void **state) {
  (void)state;
  const bf_augment_draw draw = {.value = {0.1, -0.2}};
  float grey[] = {0, 0.05f, 0.1f, 0.45f, 0.8f, 0.95f, 1}, expected[] = {0, 0, 0, 0.5f, 1, 1, 1};
  for (int i = 0; i < bf_augment_count(); i++)
    if (strcmp(bf_augment_at(i)->name, "window") == 0) bf_augment_at(i)->apply(NULL, &draw, grey, 7, 1);
  for (int i = 0; i < 7; i++) assert_true(fabsf(grey[i] - expected[i]) < 1e-6f);
}

/* The plain sum: weights of a Gaussian up to three standard deviations, the last value going on beyond the ends. */
static void blur_plainly(double *dst, const double *source, double sigma, int across, int along, int step, int jump) {
  int radius = (int)ceil(3 * sigma);
  for (int l = 0; l < across; l++)
    for (int i = 0; i < along; i++) {
      double sum = 0, weights = 0;
      for (int k = -radius; k <= radius; k++) {
        int at = i + k < 0 ? 0 : i + k < along ? i + k : along - 1;
        double w = exp(-0.5 * k * k / (sigma * sigma));
        sum += w * source[l * jump + at * step];
        weights += w;
      }
      dst[l * jump + i * step] = sum / weights;
    }
}

static void blur_is_gaussian(void **state) {
  (void)state;
  static double source[width * height], middle[width * height], expected[width * height];
  const double sigmas[] = {0.3, 1, 4};
  bf_rng rng = bf_rng_make(1, 1, 1);
  for (int i = 0; i < width * height; i++) source[i] = bf_rng_uniform(&rng);
  for (int k = 0; k < 6; k++) { /* lying and standing frames */
    int w = k % 2 ? height : width, h = k % 2 ? width : height;
    const bf_augment_draw draw = {.value = {sigmas[k / 2]}};
    blur_plainly(middle, source, sigmas[k / 2], h, w, 1, w);
    blur_plainly(expected, middle, sigmas[k / 2], w, h, w, 1);
    for (int i = 0; i < width * height; i++) one[i] = (float)source[i];
    for (int i = 0; i < bf_augment_count(); i++)
      if (strcmp(bf_augment_at(i)->name, "blur") == 0) bf_augment_at(i)->apply(NULL, &draw, one, w, h);
    for (int i = 0; i < width * height; i++) assert_true(fabs((double)one[i] - expected[i]) < 1e-5);
  }
}

/* ---- lesions that are put in, pictures that are mixed ---- */

/* Whole, where the blob says, and nowhere but where the row is allowed to. */
static void implants_are_where_they_say(void **state) {
  (void)state;
  static uint8_t mask[width * height];
  for (int i = 0; i < bf_augment_count(); i++) {
    bf_augmenter a;
    int found = 0;
    if (bf_augment_at(i)->implant == NULL) continue;
    make_augmenter(&a, i, defaults);
    assert_ok(bf_options_set(bf_augment_at(i)->options, a.options[i], "", bf_augment_at(i)->options[0].name, "1", err));
    for (uint64_t key = 0; key < 60; key++) {
      bf_augment_view view = view_at(one, picture, &a, key);
      assert_true(view.implanted || memcmp(one, plain, sizeof plain) == 0);
      if (!view.implanted) continue;
      found++;
      bf_rect r = bf_blob_bounds(&view.implant, width, height);
      assert_true(r.xmin > 0 && r.ymin > 0 && r.xmax < width && r.ymax < height && r.xmax - r.xmin >= 4);
      bf_blob_mask(mask, width, height, &view.implant);
      double changed = 0;
      int count = 0, off = 0;
      for (int k = 0; k < width * height; k++) {
        int x = k % width, y = k / width;
        bool near = x >= r.xmin - 1 && x < r.xmax + 1 && y >= r.ymin - 1 && y < r.ymax + 1;
        off += mask[k] >= 128 && !near;
        if (mask[k] == 255 && plain[k] > 0) changed += fabs(one[k] - plain[k]) / plain[k], count++;
        if (one[k] != plain[k]) assert_true(fabs(x - view.implant.x) < 3 * (r.xmax - r.xmin)); /* and in its shadow */
      }
      assert_int_equal(off, 0);
      assert_true(count == 0 || changed / count > 0.15);
    }
    if (found < 30) fail_msg("%s put a lesion into %d of 60 pictures", bf_augment_at(i)->name, found);
    clear_augmenter(&a);
  }
}

/* Coverage of each pixel against 32 x 32 points; the bounds against the pixels' middles. */
static void blobs_cover(void **state) {
  (void)state;
  static uint8_t mask[width * height];
  for (uint64_t key = 0; key < 20; key++) {
    bf_rng rng = bf_rng_make(3, key, 0);
    bf_blob blob;
    bf_blob_draw(&blob, key % 2 == 0, bf_rng_range(&rng, -5, width + 5), bf_rng_range(&rng, -5, height + 5),
                 bf_rng_range(&rng, 2, 20), &rng);
    bf_rect seen = {width, height, 0, 0};
    bf_blob_mask(mask, width, height, &blob);
    for (int k = 0; k < width * height; k++) {
      int x = k % width, y = k / width, in = 0;
      for (int n = 0; n < 1024; n++)
        in += bf_blob_distance(&blob, x + (n % 32 + 0.5) / 32, y + (n / 32 + 0.5) / 32) < 1;
      assert_true(abs(mask[k] - in * 255 / 1024) <= 40);
      if (bf_blob_distance(&blob, x + 0.5, y + 0.5) >= 1) continue;
      seen = (bf_rect){fmin(seen.xmin, x), fmin(seen.ymin, y), fmax(seen.xmax, x + 1), fmax(seen.ymax, y + 1)};
    }
    bf_rect bounds = bf_blob_bounds(&blob, width, height);
    assert_memory_equal(&seen, &bounds, sizeof seen);
  }
}

/* The smaller one of two shares from Beta(alpha, alpha): uniform up to a half for 1; for a small alpha mostly nothing.
 */
static void shares_are_drawn(void **state) {
  (void)state;
  static const char *const alphas[] = {"1", "0.1", "0.0001"};
  for (int i = 0; i < 3 * bf_augment_count(); i++) {
    const bf_augment_type *type = bf_augment_at(i / 3);
    bf_augmenter a;
    double sum = 0;
    int none = 0;
    if (type->share == NULL) continue;
    make_augmenter(&a, -1, lowest);
    assert_ok(bf_options_set(type->options, a.options[i / 3], "", type->options[0].name, alphas[i % 3], err));
    for (uint64_t key = 0; key < 4000; key++) {
      bf_rng rng = bf_rng_make(1, key, 2);
      bf_augment_view view;
      bf_augment_draw draws[32];
      bf_augment_draw_all(&view, draws, &a, &rng, width, height, bf_affine_identity());
      assert_true(view.share == 0 || (view.share >= 0.02 && view.share <= 0.5));
      none += view.share == 0;
      sum += view.share;
    }
    /* Of 4000: the mean of a uniform share is 0.25 with a standard error of 0.0023, and 4 % are below 0.02. */
    if (i % 3 == 0) assert_true(fabs(sum / 4000 - 0.25) < 0.01 && none > 100 && none < 230);
    /* P(share < 0.02) is about 2 * 0.02^0.1 * 10 / B(0.1, 0.1), which is 0.69. */
    if (i % 3 == 1) assert_true(none > 2600 && none < 2900);
    if (i % 3 == 2) assert_true(none > 3980);
    clear_augmenter(&a);
  }
}

/* ---- draws that stay ---- */

static uint64_t hash(uint64_t h, const void *bytes, size_t count) { /* FNV-1a */
  for (size_t i = 0; i < count; i++) h = (h ^ ((const unsigned char *)bytes)[i]) * UINT64_C(0x100000001b3);
  return h;
}

/* A configuration keeps its pictures from one version to the next. Rows whose arithmetic needs no library function are
 * held to the bit; the others as near as two libraries' functions agree. */
static void keys_keep_their_pictures(void **state) {
  (void)state;
  static const char *const exact[] = {"flip", "translate", "crop", "speckle", "noise"};
  static const float expected[4][8] = {
      {0.048568f, 0.066633f, 0.079438f, 0.749260f, 0.844326f, 0.078110f, 0.063826f, 0.058974f},
      {0.134494f, 0.130924f, 0.133258f, 0.965622f, 0.953364f, 0.135699f, 0.130557f, 0.000000f},
      {0.068828f, 0.130152f, 0.134731f, 0.619389f, 0.913461f, 0.117071f, 0.118948f, 0.000000f},
      {0.111036f, 0.113923f, 0.132176f, 0.969489f, 1.000000f, 0.118935f, 0.136283f, 0.106336f}};
  bf_augmenter a;
  uint64_t h = UINT64_C(0xcbf29ce484222325);
  make_augmenter(&a, -1, lowest);
  for (int i = 0; i < bf_augment_count(); i++)
    for (int k = 0; k < 5; k++)
      if (strcmp(bf_augment_at(i)->name, exact[k]) == 0) set_options(bf_augment_at(i), a.options[i], defaults);
  for (uint64_t key = 0; key < 40; key++) {
    bf_warp w = look(one, &a, key);
    h = hash(h, &w.affine, sizeof w.affine);
    h = hash(h, one, sizeof one);
  }
  assert_int_equal(h, UINT64_C(0xd81ce4baa368618d));
  for (int i = 0; i < bf_augment_count(); i++) set_options(bf_augment_at(i), a.options[i], defaults);
  for (uint64_t key = 0; key < 4; key++) {
    look(one, &a, key);
    for (int i = 0; i < 8; i++) assert_true(fabsf(one[(7 * i + 3) * width + 30 + 9 * i] - expected[key][i]) < 1e-5f);
  }
  clear_augmenter(&a);
}

/* A row's draws do not hang on the options of the other rows. */
static void rows_do_not_disturb_each_other(void **state) {
  (void)state;
  bf_augmenter all;
  bf_augment_draw together[32], alone[32];
  bf_augment_view view;
  make_augmenter(&all, -1, lowest);
  for (int i = 0; i < bf_augment_count(); i++) set_options(bf_augment_at(i), all.options[i], highest);
  bf_rng rng = bf_rng_make(1, 2, 3);
  bf_augment_draw_all(&view, together, &all, &rng, width, height, bf_affine_identity());
  for (int i = 0; i < bf_augment_count(); i++) {
    bf_augmenter single;
    make_augmenter(&single, i, highest);
    rng = bf_rng_make(1, 2, 3);
    bf_augment_draw_all(&view, alone, &single, &rng, width, height, bf_affine_identity());
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
      cmocka_unit_test(masks_follow_outlines),
      cmocka_unit_test(maps_are_one_to_one),
      cmocka_unit_test(window_stretches),
      cmocka_unit_test(blur_is_gaussian),
      cmocka_unit_test(implants_are_where_they_say),
      cmocka_unit_test(blobs_cover),
      cmocka_unit_test(shares_are_drawn),
      cmocka_unit_test(keys_keep_their_pictures),
      cmocka_unit_test(rows_do_not_disturb_each_other),
  };
  return cmocka_run_group_tests(tests, make_picture, NULL);
}
