/* Fingerprints and the search for pictures that look alike, against comparing all with all. BIFOCAL_NEAR_IMAGES=50000
 * in the environment times the search for so many pictures, and twice and four times fewer. */
#include "data_support.h"

#include <math.h>
#include <time.h>

#include "base/memory.h"
#include "base/rng.h"
#include "data/near.h"

enum { side = 48, waves = 12 };

/* Smooth random fields: neighbouring bits of their fingerprints agree as those of real pictures do. */
typedef struct field {
  double across[waves], down[waves], phase[waves], size[waves];
} field;

static field field_of(uint64_t seed) {
  field f;
  bf_rng rng = bf_rng_make(seed, 1, 0);
  for (int i = 0; i < waves; i++) {
    f.across[i] = bf_rng_range(&rng, -4, 4);
    f.down[i] = bf_rng_range(&rng, -4, 4);
    f.phase[i] = bf_rng_range(&rng, 0, 6.2832);
    f.size[i] = 1 / (1 + hypot(f.across[i], f.down[i]));
  }
  return f;
}

/* shift: of a picture's side; gain and noise change it as another look at the same thing does. */
static void draw(uint16_t *to, int rows, int columns, const field *f, double shift, double gain, double noise,
                 uint64_t seed) {
  bf_rng rng = bf_rng_make(seed, 2, 0);
  for (int y = 0; y < rows; y++)
    for (int x = 0; x < columns; x++) {
      double u = (x + 0.5) / columns + shift, v = (y + 0.5) / rows, sum = 0;
      for (int i = 0; i < waves; i++)
        sum += f->size[i] * sin(6.2832 * (f->across[i] * u + f->down[i] * v) + f->phase[i]);
      double value = 30000 + 6000 * gain * sum + (noise > 0 ? noise * bf_rng_normal(&rng) : 0);
      to[y * columns + x] = (uint16_t)(value < 0 ? 0 : value > 65535 ? 65535 : value);
    }
}

static void same_picture_same_bits(void **state) {
  (void)state;
  static uint16_t small[side * side], large[4 * side * side];
  for (uint64_t seed = 0; seed < 20; seed++) {
    field f = field_of(seed);
    bf_fingerprint a, b;
    draw(small, side, side, &f, 0, 1, 0, 0);
    draw(large, 2 * side, 2 * side, &f, 0, 0.7, 0, 0);
    bf_fingerprint_of(&a, small, side, side);
    bf_fingerprint_of(&b, large, 2 * side, 2 * side);
    assert_in_range(bf_fingerprint_distance(&a, &b), 0, 8);
    float x[BF_DETAIL], y[BF_DETAIL];
    assert_true(bf_detail_of(x, small, side, side) && bf_detail_of(y, large, 2 * side, 2 * side));
    assert_true(bf_detail_correlation(x, y) > 0.99);
    field other = field_of(seed + 1000);
    draw(small, side, side, &other, 0, 1, 0, 0);
    bf_fingerprint_of(&b, small, side, side);
    assert_true(bf_fingerprint_distance(&a, &b) > 60);
    assert_true(bf_detail_of(y, small, side, side));
    assert_true(bf_detail_correlation(x, y) < 0.6);
  }
}

/* By hand: 2 x 17 areas of a picture whose columns rise, and one whose columns fall. */
static void bits_by_hand(void **state) {
  (void)state;
  uint16_t rising[34 * 32], falling[34 * 32], flat[7] = {9, 9, 9, 9, 9, 9, 9};
  for (int i = 0; i < 34 * 32; i++) rising[i] = (uint16_t)(i % 34), falling[i] = (uint16_t)(34 - i % 34);
  bf_fingerprint p;
  bf_fingerprint_of(&p, rising, 32, 34);
  for (int i = 0; i < 4; i++) assert_true(p.words[i] == UINT64_MAX);
  bf_fingerprint_of(&p, falling, 32, 34);
  for (int i = 0; i < 4; i++) assert_true(p.words[i] == 0);
  /* Fewer pixels than areas, and of one grey. */
  bf_fingerprint_of(&p, flat, 1, 7);
  for (int i = 0; i < 4; i++) assert_true(p.words[i] == 0);
  float detail[BF_DETAIL];
  assert_false(bf_detail_of(detail, flat, 7, 1));
  for (int i = 0; i < BF_DETAIL; i++) assert_true(detail[i] == 0);
  /* Two columns: area j of 17 is dark for j < 8, mixed at 8, bright after: only 7 to 8 and 8 to 9 rise. */
  uint16_t two[2] = {0, 1000};
  bf_fingerprint_of(&p, two, 1, 2);
  for (int i = 0; i < 4; i++) assert_true(p.words[i] == UINT64_C(0x0180018001800180));
}

static void text_and_back(void **state) {
  (void)state;
  bf_fingerprint p = {{0x0123456789abcdefu, 1, UINT64_MAX, 0}}, back;
  char hex[BF_FINGERPRINT_HEX];
  bf_fingerprint_write(hex, &p);
  assert_string_equal(hex, "0123456789abcdef0000000000000001ffffffffffffffff0000000000000000");
  assert_true(bf_fingerprint_read(&back, hex));
  assert_memory_equal(&p, &back, sizeof p);
  hex[63] = '\0';
  assert_false(bf_fingerprint_read(&back, hex));
  assert_false(bf_fingerprint_read(&back, ""));
  assert_false(bf_fingerprint_read(&back, "0123456789abcdefg000000000000001ffffffffffffffff0000000000000000"));
  assert_false(bf_fingerprint_read(&back, "0123456789abcdef0000000000000001ffffffffffffffff00000000000000000"));
}

/* n pictures of n/2 things: every thing twice, the second time moved and with noise. */
static bf_fingerprint *prints_of(int64_t n, double shift, double noise) {
  static uint16_t picture[side * side];
  bf_fingerprint *prints = bf_alloc((size_t)n, sizeof *prints);
  assert_non_null(prints);
  for (int64_t i = 0; i < n; i++) {
    field f = field_of((uint64_t)i / 2);
    draw(picture, side, side, &f, i % 2 * shift, 1, noise, (uint64_t)i);
    bf_fingerprint_of(&prints[i], picture, side, side);
  }
  return prints;
}

static void finds_what_comparing_all_finds(void **state) {
  (void)state;
  enum { n = 3000 };
  bf_fingerprint *prints = prints_of(n, 0.02, 1500);
  bf_near_pairs one, two;
  bf_pool *pool;
  assert_ok(bf_pool_create(&pool, 3, err));
  assert_ok(bf_near_find(&one, prints, NULL, n, 40, NULL, err));
  assert_ok(bf_near_find(&two, prints, NULL, n, 40, pool, err));
  assert_int_equal(one.count, two.count);
  assert_memory_equal(one.items, two.items, (size_t)one.count * sizeof *one.items);
  int64_t all = 0, found = 0, at = 0;
  for (int64_t a = 0; a < n; a++)
    for (int64_t b = a + 1; b < n; b++) {
      int distance = bf_fingerprint_distance(&prints[a], &prints[b]);
      bool listed = at < one.count && one.items[at].a == a && one.items[at].b == b;
      if (listed) assert_int_equal(one.items[at++].distance, distance);
      assert_true(!listed || distance <= 40);
      all += distance <= 40;
      found += listed;
    }
  assert_int_equal(at, one.count);
  assert_true(all > n / 4);
  assert_true(found >= all - all / 1000);
  bf_near_clear(&one);
  bf_near_clear(&two);
  bf_pool_destroy(pool);
  bf_free(prints);
}

/* Rows that belong together anyway are no pair; a crowd of equal pictures stays connected and is told. */
static void same_and_crowds(void **state) {
  (void)state;
  enum { n = 200 };
  bf_fingerprint prints[n] = {{{0}}};
  int64_t same[n];
  bf_near_pairs pairs;
  for (int i = 0; i < n; i++) same[i] = i / 100;
  assert_ok(bf_near_find(&pairs, prints, same, n, 0, NULL, err));
  for (int64_t i = 0; i < pairs.count; i++) assert_true(pairs.items[i].a < 100 && pairs.items[i].b >= 100);
  assert_true(pairs.count > 0);
  bf_near_clear(&pairs);
  assert_ok(bf_near_find(&pairs, prints, NULL, n, 0, NULL, err));
  assert_true(pairs.crowded > 0 && pairs.count <= n * BF_NEAR_MOST);
  bool reached[n] = {true};
  for (int round = 0; round < n; round++)
    for (int64_t i = 0; i < pairs.count; i++)
      if (reached[pairs.items[i].a] || reached[pairs.items[i].b])
        reached[pairs.items[i].a] = reached[pairs.items[i].b] = true;
  for (int i = 0; i < n; i++) assert_true(reached[i]);
  bf_near_clear(&pairs);
  assert_ok(bf_near_find(&pairs, prints, NULL, 1, 40, NULL, err));
  assert_int_equal(pairs.count, 0);
  bf_near_clear(&pairs);
}

static double now(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

/* Of too many the nearest are kept, the first of equal ones: as comparing all with all says. */
static void keeps_the_nearest(void **state) {
  (void)state;
  enum { n = 60, most = 40 };
  bf_fingerprint prints[n] = {0};
  bf_near_pairs pairs;
  bf_pool *pool;
  int64_t at = 0, crowded = 0;
  /* The first stand farther away. */
  for (int i = 1; i < n; i++)
    for (int bit = 0; bit < (n - i) / 3 + 1; bit++) {
      int which = (bit * 7 + i * 3) % BF_FINGERPRINT_BITS;
      prints[i].words[which / 64] |= UINT64_C(1) << which % 64;
    }
  assert_ok(bf_pool_create(&pool, 2, err));
  assert_ok(bf_near_find(&pairs, prints, NULL, n, most, pool, err));
  for (int a = 0; a < n; a++) {
    int of_distance[most + 1] = {0}, all = 0, taken = 0, limit = 0;
    for (int b = a + 1; b < n; b++) {
      int distance = bf_fingerprint_distance(&prints[a], &prints[b]);
      if (distance <= most) of_distance[distance]++, all++;
    }
    crowded += all > BF_NEAR_MOST;
    while (limit < most && taken + of_distance[limit] <= BF_NEAR_MOST) taken += of_distance[limit++];
    int of_limit = BF_NEAR_MOST - taken; /* so many of those at the limit, the first of them */
    for (int b = a + 1; b < n; b++) {
      int distance = bf_fingerprint_distance(&prints[a], &prints[b]);
      if (distance > limit || distance > most || (distance == limit && of_limit-- <= 0)) continue;
      assert_in_range(at, 0, pairs.count - 1);
      assert_true(pairs.items[at].a == a && pairs.items[at].b == b && pairs.items[at].distance == distance);
      at++;
    }
  }
  assert_int_equal(at, pairs.count);
  assert_true(crowded > 0);
  assert_int_equal(pairs.crowded, crowded);
  bf_near_clear(&pairs);
  bf_pool_destroy(pool);
}

static void time_it(void **state) {
  (void)state;
  const char *wanted = getenv("BIFOCAL_NEAR_IMAGES");
  if (wanted == NULL) skip();
  int64_t most = atoll(wanted);
  bf_fingerprint *prints = prints_of(most, 0.02, 1500);
  bf_pool *pool;
  assert_ok(bf_pool_create(&pool, 0, err));
  for (int64_t n = most / 4; n <= most; n *= 2) {
    bf_near_pairs pairs;
    double start = now();
    assert_ok(bf_near_find(&pairs, prints, NULL, n, 40, pool, err));
    printf("%lld pictures, %lld pairs: %.2f s\n", (long long)n, (long long)pairs.count, now() - start);
    bf_near_clear(&pairs);
  }
  bf_pool_destroy(pool);
  bf_free(prints);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(bits_by_hand),    cmocka_unit_test(same_picture_same_bits),
      cmocka_unit_test(text_and_back),   cmocka_unit_test(finds_what_comparing_all_finds),
      cmocka_unit_test(same_and_crowds), cmocka_unit_test(keeps_the_nearest),
      cmocka_unit_test(time_it),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
