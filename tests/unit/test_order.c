/* Orders of epochs: each row once, classes in equal shares, rare labels in every batch. */
#include "data_support.h"

#include "data/order.h"

enum { rows = 13, many = 200 };

/* What a row is labelled with. */
typedef struct labels {
  int malignant;
  bool lesions, mask;
} labels;

static labels by_thirds(int row) { return (labels){row % 3 - 1, false, false}; }

/* Lesions known of a tenth, the class of all, a mask of none. */
static labels few_lesions(int row) { return (labels){row % 3 == 0, row % 10 == 4, false}; }

/* The class known of a tenth, lesions of all but a quarter, masks of a fifth. */
static labels few_classes(int row) {
  return (labels){row % 10 == 7 ? row / 10 % 4 == 0 : -1, row % 4 != 1, row % 5 == 0};
}

static bf_dataset *make(const char *name, int count, labels (*of)(int row)) {
  static const uint16_t pixels[4] = {0};
  static const uint8_t mask[2] = {0x80, 0};
  bf_dataset_writer *w;
  bf_dataset *d = NULL;
  assert_ok(bf_dataset_writer_create(&w, in_folder(name), err));
  for (int i = 0; i < count; i++) {
    labels l = of(i);
    bf_record r = plain_record("f", "", (int8_t)l.malignant, 2, 2);
    r.lesions_known = l.lesions;
    assert_ok(bf_dataset_append(w, &r, pixels, NULL, 0, l.mask ? mask : NULL, err));
  }
  assert_ok(bf_dataset_finish(w, err));
  bf_dataset_writer_destroy(w);
  assert_ok(bf_dataset_open(&d, in_folder(name), err));
  return d;
}

static int64_t draw(int64_t *order, int64_t *repeats, const bf_dataset *d, const uint8_t *part, uint8_t which,
                    bool balanced, int64_t epoch) {
  bf_order_options options = {.balanced = balanced, .seed = 1};
  bf_order *o = NULL;
  assert_ok(bf_order_create(&o, d, part, which, &options, err));
  int64_t n = bf_order_draw(o, order, repeats, epoch);
  bf_order_destroy(o);
  return n;
}

static int by_number(const void *a, const void *b) {
  const int64_t *p = a, *q = b;
  return (*p > *q) - (*p < *q);
}

static void orders(void **state) {
  (void)state;
  bf_dataset *d = make("o.h5", rows, by_thirds);
  uint8_t part[rows];
  int64_t order[rows], second[rows];
  for (int i = 0; i < rows; i++) part[i] = i == 6 ? BF_SPLIT_VALIDATION : BF_SPLIT_TRAIN;
  assert_int_equal(draw(order, NULL, d, part, BF_SPLIT_TRAIN, false, 0), rows - 1);
  assert_int_equal(draw(second, NULL, d, part, BF_SPLIT_TRAIN, false, 1), rows - 1);
  assert_memory_not_equal(order, second, sizeof(int64_t) * (rows - 1));
  draw(second, NULL, d, part, BF_SPLIT_TRAIN, false, 0);
  assert_memory_equal(order, second, sizeof(int64_t) * (rows - 1));
  qsort(order, rows - 1, sizeof order[0], by_number);
  for (int i = 0; i < rows - 1; i++) assert_int_equal(order[i], i < 6 ? i : i + 1);
  assert_int_equal(draw(order, NULL, d, part, BF_SPLIT_TEST, true, 0), 0);

  /* Balanced: one malignant image among eleven others makes up half of the epoch; over epochs all others are seen. */
  int seen[rows] = {0};
  for (int i = 0; i < rows; i++) {
    int class = bf_dataset_record(d, i)->malignant;
    part[i] = class == 0 || i == 2 ? BF_SPLIT_TRAIN : BF_SPLIT_NONE;
  }
  assert_int_equal(bf_dataset_record(d, 2)->malignant, 1);
  for (int epoch = 0; epoch < 40; epoch++) {
    int64_t n = draw(order, NULL, d, part, BF_SPLIT_TRAIN, true, epoch);
    int malignant = 0;
    assert_int_equal(n, 5);
    for (int i = 0; i < n; i++) {
      malignant += order[i] == 2;
      seen[order[i]]++;
      assert_int_equal(part[order[i]], BF_SPLIT_TRAIN);
    }
    assert_in_range(malignant, 2, 3);
  }
  for (int i = 0; i < rows; i++) assert_int_equal(seen[i] > 0, part[i] == BF_SPLIT_TRAIN);

  /* Rows of unknown class keep their places: one among all of the others comes once, with the row that is repeated
   * looking different each time. */
  int64_t repeats[rows], unknown = -1;
  for (int i = 0; i < rows; i++) {
    int class = bf_dataset_record(d, i)->malignant;
    if (class < 0 && unknown < 0) unknown = i;
    part[i] = class == 0 || i == 2 || i == unknown ? BF_SPLIT_TRAIN : BF_SPLIT_NONE;
  }
  for (int epoch = 0; epoch < 10; epoch++) {
    int64_t n = draw(order, repeats, d, part, BF_SPLIT_TRAIN, true, epoch);
    int times = 0, malignant = 0;
    bool repeat[rows] = {false};
    for (int i = 0; i < n; i++) {
      times += order[i] == unknown;
      malignant += order[i] == 2;
      if (order[i] != 2) assert_int_equal(repeats[i], 0);
      if (order[i] == 2) assert_false(repeat[repeats[i]]), repeat[repeats[i]] = true;
    }
    assert_int_equal(n, 6);
    assert_int_equal(times, 1);
    assert_in_range(malignant, 2, 3);
    assert_true(repeat[0] && repeat[1]);
  }
  bf_dataset_close(d);
}

/* ---- partial labels ---- */

static uint8_t all_train[many];

static bf_order *order_of(const bf_dataset *d, bf_order_options options) {
  bf_order *o = NULL;
  options.seed = 3;
  memset(all_train, BF_SPLIT_TRAIN, sizeof all_train);
  assert_ok(bf_order_create(&o, d, all_train, BF_SPLIT_TRAIN, &options, err));
  return o;
}

static int knowing(const bf_dataset *d, const int64_t *order, int64_t n, unsigned kind) {
  int count = 0;
  for (int64_t i = 0; i < n; i++) count += (bf_record_knows(bf_dataset_record(d, order[i])) & kind) != 0;
  return count;
}

/* Every time a row comes it is another time. */
static void expect_times(const int64_t *order, const int64_t *repeats, int64_t n) {
  for (int64_t row = 0; row < many; row++) {
    int times = 0;
    bool seen[many] = {false};
    for (int64_t i = 0; i < n; i++)
      if (order[i] == row) {
        assert_in_range(repeats[i], 0, many - 1);
        assert_false(seen[repeats[i]]);
        seen[repeats[i]] = true;
        times++;
      }
    for (int k = 0; k < times; k++) assert_true(seen[k]);
  }
}

/* A tenth is a quarter then, in every batch, and changes from epoch to epoch; the other task loses little. */
static void rare_labels_are_in_every_batch(void **state) {
  (void)state;
  bf_dataset *d = make("r.h5", many, few_lesions);
  bf_order *o = order_of(d, (bf_order_options){.rare = 0.25, .wanted = BF_KNOWS_CLASS | BF_KNOWS_LESIONS});
  int64_t order[many], repeats[many], first[many];
  for (int epoch = 0; epoch < 5; epoch++) {
    assert_int_equal(bf_order_draw(o, order, repeats, epoch), many);
    assert_int_equal(knowing(d, order, many, BF_KNOWS_LESIONS), many / 4);
    for (int b = 0; b + 16 <= many; b += 16) assert_in_range(knowing(d, order + b, 16, BF_KNOWS_LESIONS), 2, 6);
    expect_times(order, repeats, many);
    if (epoch == 0) memcpy(first, order, sizeof first);
    if (epoch == 1) assert_memory_not_equal(first, order, sizeof first);
  }
  bf_order_draw(o, order, NULL, 0);
  assert_memory_equal(first, order, sizeof first);
  bf_order_destroy(o);
  bf_dataset_close(d);
}

/* Without a wish for more, each row comes once, spread evenly all the same. */
static void without_a_wish_rows_come_once(void **state) {
  (void)state;
  bf_dataset *d = make("w.h5", many, few_lesions);
  bf_order *o = order_of(d, (bf_order_options){.wanted = BF_KNOWS_CLASS | BF_KNOWS_LESIONS});
  int64_t order[many];
  bf_order_draw(o, order, NULL, 2);
  for (int b = 0; b + 20 <= many; b += 20) assert_in_range(knowing(d, order + b, 20, BF_KNOWS_LESIONS), 1, 3);
  qsort(order, many, sizeof order[0], by_number);
  for (int i = 0; i < many; i++) assert_int_equal(order[i], i);
  bf_order_destroy(o);
  /* Labels that nobody is trained from are nobody's concern. */
  bf_order *one = order_of(d, (bf_order_options){.rare = 0.5, .wanted = BF_KNOWS_CLASS}),
           *two = order_of(d, (bf_order_options){.wanted = 0});
  int64_t second[many];
  bf_order_draw(one, order, NULL, 2);
  bf_order_draw(two, second, NULL, 2);
  assert_memory_equal(order, second, sizeof order);
  bf_order_destroy(one);
  bf_order_destroy(two);
  bf_dataset_close(d);
}

/* Two rare kinds at once, with balanced classes: both reach their share, and the known classes stay even. */
static void two_rare_kinds(void **state) {
  (void)state;
  bf_dataset *d = make("k.h5", many, few_classes);
  for (int balanced = 0; balanced < 2; balanced++) {
    bf_order *o = order_of(
        d, (bf_order_options){
               .balanced = balanced, .rare = 0.3, .wanted = BF_KNOWS_CLASS | BF_KNOWS_LESIONS | BF_KNOWS_MASK});
    int64_t order[many], repeats[many];
    for (int epoch = 0; epoch < 5; epoch++) {
      int class[2] = {0, 0};
      assert_int_equal(bf_order_draw(o, order, repeats, epoch), many);
      assert_in_range(knowing(d, order, many, BF_KNOWS_CLASS), 60, 80);
      assert_in_range(knowing(d, order, many, BF_KNOWS_MASK), 60, 90);
      assert_true(knowing(d, order, many, BF_KNOWS_LESIONS) > 100);
      for (int b = 0; b + 20 <= many; b += 20) {
        assert_in_range(knowing(d, order + b, 20, BF_KNOWS_CLASS), 3, 11);
        assert_in_range(knowing(d, order + b, 20, BF_KNOWS_MASK), 3, 12);
      }
      for (int i = 0; i < many; i++) {
        int malignant = bf_dataset_record(d, order[i])->malignant;
        if (malignant >= 0) class[malignant]++;
      }
      if (balanced) assert_in_range(class[0] - class[1] + 2, 0, 4);
      expect_times(order, repeats, many);
    }
    bf_order_destroy(o);
  }
  bf_dataset_close(d);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(orders), cmocka_unit_test(rare_labels_are_in_every_batch),
                                     cmocka_unit_test(without_a_wish_rows_come_once), cmocka_unit_test(two_rare_kinds)};
  return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
