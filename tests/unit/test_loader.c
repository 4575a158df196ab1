/* Batches: the same picture for the same key whatever the threads, boxes that follow, orders that balance. */
#include "data_support.h"

#include <math.h>

#include "base/memory.h"
#include "data/loader.h"

enum { rows = 13, side = 64 };

static bf_augmenter augmenter;

/* Rows that are off by default, so that boxes and keys are tested through them too. */
static int turn_on(const bf_augment_type *type, void *options) {
  if (strcmp(type->name, "shear") == 0) return bf_options_set(type->options, options, "", "degrees", "8", NULL);
  if (strcmp(type->name, "elastic") == 0) return bf_options_set(type->options, options, "", "strength", "0.04", NULL);
  return 0;
}

static int make_all(void **state) {
  if (make_folder(state) != 0) return 1;
  for (int i = 0; i < bf_augment_count(); i++) {
    const bf_augment_type *type = bf_augment_at(i);
    augmenter.options[i] = bf_alloc(1, type->options_size);
    if (augmenter.options[i] == NULL || bf_options_defaults(type->options, augmenter.options[i], NULL) != BF_OK ||
        turn_on(type, augmenter.options[i]) != 0)
      return 1;
  }
  return 0;
}

static int remove_all(void **state) {
  for (int i = 0; i < bf_augment_count(); i++) bf_free(augmenter.options[i]);
  return remove_folder(state);
}

/* Dark pictures of odd sizes with one bright lesion each; original pixels are twice as fine as prepared ones. */
static bf_dataset *make_some(const char *name, bool all_have_lesions) {
  bf_dataset_writer *w = NULL;
  bf_dataset *d = NULL;
  static uint16_t pixels[127 * 127];
  static const uint8_t black[254 * 32];
  assert_ok(bf_dataset_writer_create(&w, in_folder(name), err));
  for (int i = 0; i < rows; i++) {
    int width = 61 + 5 * i, height = 127 - 3 * i;
    bf_record r = plain_record("f", "", i % 3 - 1, width, height);
    r.columns = 2 * width;
    r.rows = 2 * height;
    r.to_prepared[0] = r.to_prepared[4] = 0.5;
    r.lesions_known = 1;
    bool has = all_have_lesions || i % 2 == 1;
    r.mask_known = !has; /* all black */
    bf_lesion lesion = {.xmin = 40, .ymin = 50, .xmax = 100, .ymax = 90, .malignant = -1};
    for (int y = 0; y < height; y++)
      for (int x = 0; x < width; x++)
        pixels[y * width + x] = has && x >= 20 && x < 50 && y >= 25 && y < 45 ? 65535 : has ? 6553 : 30000;
    assert_ok(bf_dataset_append(w, &r, pixels, &lesion, has, has ? NULL : black, err));
  }
  assert_ok(bf_dataset_finish(w, err));
  bf_dataset_writer_destroy(w);
  assert_ok(bf_dataset_open(&d, in_folder(name), err));
  return d;
}

static bf_dataset *make(const char *name) { return make_some(name, true); }

static const bf_normalisation as_is = {{0, 0, 0}, {1, 1, 1}};

static bf_loader *loader_of(bf_dataset *d, const bf_augmenter *with) {
  uint8_t use[rows];
  bf_loader *l = NULL;
  bf_loader_options options = {.width = side, .height = side, .normalisation = as_is, .augmenter = with, .seed = 5};
  memset(use, 1, sizeof use);
  assert_ok(bf_loader_create(&l, d, use, &options, err));
  return l;
}

static float pictures[3][rows][side * side * 3];
static bf_sample samples[3][2 * rows];
static const int64_t forward[rows] = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12};

static void threads_change_nothing(void **state) {
  (void)state;
  bf_dataset *d = make("t.h5");
  bf_loader *l = loader_of(d, &augmenter);
  bf_pool *pool = NULL;
  assert_ok(bf_pool_create(&pool, 3, err));
  bf_loader_fill(l, NULL, pictures[0][0], samples[0], forward, NULL, rows, 4);
  bf_loader_fill(l, pool, pictures[1][0], samples[1], forward, NULL, rows, 4);
  assert_memory_equal(pictures[0], pictures[1], sizeof pictures[0]);
  assert_memory_equal(samples[0], samples[1], sizeof samples[0]);
  /* Another place in the batch, the same picture; another epoch, another picture. */
  int64_t backward[rows];
  for (int i = 0; i < rows; i++) backward[i] = rows - 1 - i;
  bf_loader_fill(l, pool, pictures[1][0], samples[1], backward, NULL, rows, 4);
  bf_loader_fill(l, pool, pictures[2][0], samples[2], forward, NULL, rows, 5);
  for (int i = 0; i < rows; i++) {
    assert_memory_equal(pictures[0][i], pictures[1][rows - 1 - i], sizeof pictures[0][i]);
    assert_int_equal(samples[1][rows - 1 - i].image, rows - 1 - i);
    samples[1][rows - 1 - i].image = i;
    assert_memory_equal(&samples[0][i], &samples[1][rows - 1 - i], sizeof samples[0][i]);
    assert_memory_not_equal(pictures[0][i], pictures[2][i], sizeof pictures[0][i]);
  }
  bf_pool_destroy(pool);
  bf_loader_destroy(l);
  bf_dataset_close(d);
}

/* Mean brightness inside and outside of the box tells whether it lies on the lesion. */
static void box_on_lesion(const float *picture, const bf_sample *s, double inside_least, double outside_most) {
  double in = 0, out = 0;
  int in_n = 0, out_n = 0;
  assert_int_equal(s->box_count, 1);
  const bf_rect *b = &s->boxes[0];
  for (int y = 0; y < side; y++)
    for (int x = 0; x < side; x++) {
      bool inside = x >= b->xmin + 1 && x + 1 <= b->xmax - 1 && y >= b->ymin + 1 && y + 1 <= b->ymax - 1;
      bool outside = x + 1 <= b->xmin - 1 || x >= b->xmax + 1 || y + 1 <= b->ymin - 1 || y >= b->ymax + 1;
      if (inside) in += picture[3 * (y * side + x)], in_n++;
      if (outside) out += picture[3 * (y * side + x)], out_n++;
    }
  if (in_n > 0) assert_true(in / in_n >= inside_least);
  if (out_n > 0) assert_true(out / out_n <= outside_most);
}

/* A mask of the lesion in original pixels, through the sample's own warp, lies where the picture is bright. Adds the
 * pixels that it covers, and those that say something else than it. */
static void mask_under_lesion(int *covered, int *wrong, const float *picture, const bf_sample *s) {
  enum { columns = 2 * 127, tall = 2 * 127, stride = (columns + 7) / 8 };
  static uint8_t bits[tall * stride], cover[side * side];
  assert_true(s->warp.cell > 0);
  assert_memory_equal(&s->warp.affine, &s->to_network, sizeof s->to_network);
  for (int y = 50; y < 90; y++)
    for (int x = 40; x < 100; x++) bits[y * stride + x / 8] |= (uint8_t)(0x80 >> x % 8);
  bf_warp_mask(cover, side, side, bits, columns, tall, stride, &s->warp);
  for (int i = 0; i < side * side; i++) {
    *covered += cover[i] == 255;
    *wrong += (cover[i] == 255 && picture[3 * i] < 0.45f) || (cover[i] == 0 && picture[3 * i] > 0.55f);
  }
  if (s->box_count == 0) return;
  bf_rect box = bf_rect_clip(bf_warp_rect(&s->warp, (bf_rect){40, 50, 100, 90}), side, side);
  assert_memory_equal(&s->boxes[0], &box, sizeof box);
}

static void boxes_follow(void **state) {
  (void)state;
  bf_dataset *d = make("b.h5");
  bf_loader *plain = loader_of(d, NULL);
  bf_loader_fill(plain, NULL, pictures[0][0], samples[0], forward, NULL, rows, 0);
  for (int i = 0; i < rows; i++) {
    const bf_sample *s = &samples[0][i];
    box_on_lesion(pictures[0][i], s, 0.97, 0.11);
    assert_int_equal(s->row, i);
    assert_int_equal(s->malignant, i % 3 - 1);
    assert_true(s->lesions_known);
    bf_rect again = bf_affine_rect(s->to_network, (bf_rect){40, 50, 100, 90});
    assert_true(fabs(again.xmin - s->boxes[0].xmin) < 1e-9 && fabs(again.ymax - s->boxes[0].ymax) < 1e-9);
  }
  bf_loader_destroy(plain);
  int covered = 0, wrong = 0;
  /* Before the first epoch a loader that augments gives pictures as they are. */
  bf_loader *moved = loader_of(d, &augmenter);
  bf_loader_fill(moved, NULL, pictures[1][0], samples[1], forward, NULL, rows, -1);
  assert_memory_equal(pictures[0], pictures[1], sizeof pictures[0]);
  for (int i = 0; i < rows; i++)
    assert_memory_equal(&samples[0][i].to_network, &samples[1][i].to_network, sizeof samples[0][i].to_network);
  for (int epoch = 0; epoch < 5; epoch++) {
    bf_loader_fill(moved, NULL, pictures[0][0], samples[0], forward, NULL, rows, epoch);
    /* Turned lesions fill their upright boxes less. */
    for (int i = 0; i < rows; i++)
      if (samples[0][i].box_count > 0) box_on_lesion(pictures[0][i], &samples[0][i], 0.6, 0.2);
    for (int i = 0; i < rows; i++) mask_under_lesion(&covered, &wrong, pictures[0][i], &samples[0][i]);
  }
  assert_true(covered > 5000 && wrong < covered / 200);
  bf_loader_destroy(moved);
  bf_dataset_close(d);
}

/* Everything off but one option. */
static void only(bf_augmenter *a, const char *name, const char *option, const char *value) {
  for (int i = 0; i < bf_augment_count(); i++) {
    const bf_augment_type *type = bf_augment_at(i);
    a->options[i] = bf_alloc(1, type->options_size);
    assert_non_null(a->options[i]);
    assert_ok(bf_options_defaults(type->options, a->options[i], err));
    for (const bf_option *o = type->options; o->name != NULL && strcmp(type->name, name) != 0; o++) {
      char low[32];
      snprintf(low, sizeof low, "%.17g", o->low);
      assert_ok(bf_options_set(type->options, a->options[i], "", o->name, low, err));
    }
    if (strcmp(type->name, name) == 0) assert_ok(bf_options_set(type->options, a->options[i], "", option, value, err));
  }
}

static void clear(bf_augmenter *a) {
  for (int i = 0; i < bf_augment_count(); i++) bf_free(a->options[i]);
}

/* Two pictures and their shares, and partners that carry the same labels; the one picture with none of its kind stays
 * as it is. Rows with i % 3 == 0 have no class; of those only row 0 is used. */
static void pictures_are_mixed(void **state) {
  (void)state;
  bf_dataset *d = make("m.h5");
  bf_augmenter mixup;
  bf_loader *plain = loader_of(d, NULL), *l = NULL;
  uint8_t use[rows];
  const int64_t used[] = {0, 1, 2, 4, 5, 7, 8, 10, 11};
  enum { n = 9 };
  bf_pool *pool = NULL;
  memset(use, 0, sizeof use);
  for (int i = 0; i < n; i++) use[used[i]] = 1;
  only(&mixup, "mixup", "alpha", "1");
  bf_loader_options options = {.width = side, .height = side, .normalisation = as_is, .augmenter = &mixup, .seed = 5};
  assert_ok(bf_loader_create(&l, d, use, &options, err));
  assert_ok(bf_pool_create(&pool, 3, err));
  assert_int_equal(bf_loader_fill(plain, NULL, pictures[0][0], samples[0], forward, NULL, rows, 0), rows);
  int seen[rows] = {0};
  for (int64_t epoch = 0; epoch < 20; epoch++) {
    int count = bf_loader_fill(l, NULL, pictures[1][0], samples[1], used, NULL, n, epoch);
    assert_int_equal(bf_loader_fill(l, pool, pictures[2][0], samples[2], used, NULL, n, epoch), count);
    assert_memory_equal(pictures[1], pictures[2], (size_t)n * sizeof pictures[0][0]);
    assert_memory_equal(samples[1], samples[2], (size_t)count * sizeof samples[0][0]);
    assert_true(count > n && count < 2 * n); /* row 0 is alone of its kind */
    for (int k = 0, at = n; k < n; k++) {
      const bf_sample *mine = &samples[1][k], *other = &samples[1][at];
      bool mixed = at < count && other->image == k;
      assert_true(mine->image == k && mine->row == used[k] && (mixed || mine->weight == 1));
      if (used[k] == 0) assert_false(mixed);
      if (!mixed) continue;
      at++;
      seen[other->row]++;
      assert_true(other->row != mine->row && use[other->row] && other->malignant >= 0 && mine->malignant >= 0);
      assert_true(other->weight >= 0.02 && other->weight <= 0.5 && mine->weight == 1 - other->weight);
      assert_int_equal(other->box_count, 1);
      assert_memory_equal(&other->boxes[0], &samples[0][other->row].boxes[0], sizeof(bf_rect));
      for (int i = 0; i < side * side * 3; i++)
        assert_true(fabs(pictures[1][k][i] - mine->weight * pictures[0][mine->row][i] -
                         other->weight * pictures[0][other->row][i]) < 1e-6);
    }
  }
  for (int i = 1; i < n; i++) assert_true(seen[used[i]] > 5); /* each takes its turn as a partner */
  assert_int_equal(bf_loader_fill(l, NULL, pictures[1][0], samples[1], used, NULL, n, -1), n);
  assert_memory_equal(pictures[1][0], pictures[0][0], sizeof pictures[0][0]);
  bf_pool_destroy(pool);
  bf_loader_destroy(l), bf_loader_destroy(plain);
  bf_dataset_close(d);
  clear(&mixup);
}

/* Into pictures that are known to have no lesion, and no others: a box and a mask that lie on it, and no class. */
static void lesions_are_put_in(void **state) {
  (void)state;
  bf_dataset *d = make_some("s.h5", false);
  bf_augmenter synthetic;
  bf_loader *l = NULL, *plain = loader_of(d, NULL);
  static uint8_t masks[rows][side * side], use[rows];
  int put = 0;
  memset(use, 1, sizeof use);
  only(&synthetic, "synthetic", "probability", "1");
  bf_loader_options options = {
      .width = side, .height = side, .normalisation = as_is, .augmenter = &synthetic, .masks = true, .seed = 5};
  assert_ok(bf_loader_create(&l, d, use, &options, err));
  bf_loader_fill(plain, NULL, pictures[0][0], samples[0], forward, NULL, rows, 0);
  for (int64_t epoch = 0; epoch < 6; epoch++) {
    assert_int_equal(bf_loader_fill(l, NULL, pictures[1][0], samples[1], forward, NULL, rows, epoch), rows);
    bf_loader_masks(l, NULL, masks[0], samples[1], rows);
    for (int i = 0; i < rows; i++) {
      const bf_sample *s = &samples[1][i];
      if (i % 2 == 1) assert_memory_equal(pictures[1][i], pictures[0][i], sizeof pictures[0][i]);
      if (i % 2 == 1 || !s->implanted) {
        assert_true(!s->implanted && s->malignant == i % 3 - 1);
        continue;
      }
      put++;
      assert_true(s->malignant == -1 && s->lesions_known && s->mask_known && s->box_count == 1);
      bf_rect around = {side, side, 0, 0};
      double inside = 0;
      int area = 0;
      for (int k = 0; k < side * side; k++) {
        if (masks[i][k] < 128) continue;
        int x = k % side, y = k / side;
        around =
            (bf_rect){fmin(around.xmin, x), fmin(around.ymin, y), fmax(around.xmax, x + 1), fmax(around.ymax, y + 1)};
        inside += pictures[1][i][3 * k] - pictures[0][i][3 * k], area++;
      }
      const bf_rect *b = &s->boxes[0];
      assert_true(fabs(around.xmin - b->xmin) <= 1 && fabs(around.ymin - b->ymin) <= 1 &&
                  fabs(around.xmax - b->xmax) <= 1 && fabs(around.ymax - b->ymax) <= 1);
      assert_true(inside / area < -0.08); /* of 0.46: darker */
    }
  }
  assert_true(put > 20);
  bf_loader_fill(l, NULL, pictures[1][0], samples[1], forward, NULL, rows, -1);
  assert_memory_equal(pictures[1], pictures[0], sizeof pictures[0]);
  bf_loader_destroy(l), bf_loader_destroy(plain);
  bf_dataset_close(d);
  clear(&synthetic);
}

static void normalises(void **state) {
  (void)state;
  bf_dataset *d = make("n.h5");
  uint8_t use[rows] = {1};
  bf_loader *l = NULL;
  bf_loader_options options = {.width = 7, .height = 13, .normalisation = {{0.5f, 0.25f, 0}, {0.5f, 2, 1}}};
  assert_ok(bf_loader_create(&l, d, use, &options, err));
  bf_loader_fill(l, NULL, pictures[0][0], samples[0], forward, NULL, 1, 0);
  for (int i = 0; i < 7 * 13; i++) {
    const float *p = pictures[0][0] + 3 * i;
    assert_true(fabsf(p[0] - (p[2] - 0.5f) / 0.5f) < 1e-5f && fabsf(p[1] - (p[2] - 0.25f) / 2) < 1e-5f);
  }
  bf_loader_destroy(l);
  bf_error bad = {0};
  options.width = 0;
  assert_int_equal(bf_loader_create(&l, d, use, &options, &bad), BF_E_ARGUMENT);
  bf_dataset_close(d);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(threads_change_nothing), cmocka_unit_test(boxes_follow),
                                     cmocka_unit_test(pictures_are_mixed), cmocka_unit_test(lesions_are_put_in),
                                     cmocka_unit_test(normalises)};
  return cmocka_run_group_tests(tests, make_all, remove_all);
}
