/* Learning rates over steps and stages, and freezing over epochs. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "nn/schedule.h"

static void check(double found, double expected) {
  if (!(fabs(found - expected) <= 1e-14)) fail_msg("%.17g instead of %.17g", found, expected);
}

static double cosine(int64_t step, int64_t total, int64_t warmup, double floor) {
  bf_schedule s = {.kind = BF_COSINE, .total = total, .warmup = warmup, .floor = floor};
  bf_pace pace = bf_schedule_at(&s, step);
  assert_true(isnan(pace.momentum));
  return pace.rate;
}

static void cosine_corners(void **unused) {
  (void)unused;
  check(cosine(0, 20, 4, 0.1), 0.25);
  check(cosine(1, 20, 4, 0.1), 0.5);
  check(cosine(3, 20, 4, 0.1), 1);
  check(cosine(4, 20, 4, 0.1), 1);
  check(cosine(8, 20, 4, 0.1), 0.1 + 0.9 * 0.85355339059327376); /* (1 + sqrt(1/2)) / 2 */
  check(cosine(12, 20, 4, 0.1), 0.55);
  check(cosine(20, 20, 4, 0.1), 0.1);
  check(cosine(1000, 20, 4, 0.1), 0.1);
}

static void cosine_without_parts(void **unused) {
  (void)unused;
  check(cosine(0, 10, 0, 0), 1); /* no warm-up */
  check(cosine(5, 10, 0, 0), 0.5);
  check(cosine(10, 10, 0, 0), 0);
  check(cosine(0, 10, 1, 0), 1);  /* one step of it */
  check(cosine(7, 10, 0, 1), 1);  /* no fall */
  check(cosine(4, 5, 5, 0.1), 1); /* nothing but warm-up */
  check(cosine(5, 5, 5, 0.1), 1);
  check(cosine(2, 3, 5, 0.1), 0.6);
  check(cosine(0, 0, 0, 0.1), 1);
}

static void cosine_rises_then_falls(void **unused) {
  (void)unused;
  double last = 0;
  for (int64_t s = 0; s < 1000; s++) {
    double now = cosine(s, 1000, 100, 0.05);
    assert_true(s < 100 ? now > last : s < 101 ? now == 1 : now < last);
    assert_true(now <= 1 && now > (s < 100 ? 0 : 0.05));
    last = now;
  }
}

static void one_cycle(void **unused) {
  (void)unused;
  bf_schedule s = {.kind = BF_ONE_CYCLE, .total = 1000, .warmup = 100, .rise = 0.25, .floor = 0.001};
  check(bf_schedule_at(&s, 0).rate, 0.04);
  check(bf_schedule_at(&s, 0).momentum, 0.95);
  check(bf_schedule_at(&s, 125).rate, 0.52);
  check(bf_schedule_at(&s, 125).momentum, 0.9);
  check(bf_schedule_at(&s, 250).rate, 1);
  check(bf_schedule_at(&s, 250).momentum, 0.85);
  check(bf_schedule_at(&s, 1000).rate, 0.001);
  check(bf_schedule_at(&s, 1000).momentum, 0.95);
  for (int64_t k = 1; k < 1000; k++) {
    bf_pace before = bf_schedule_at(&s, k - 1), now = bf_schedule_at(&s, k);
    assert_true(k <= 250 ? now.rate > before.rate && now.momentum < before.momentum
                         : now.rate < before.rate && now.momentum > before.momentum);
  }
  s.rise = 0;
  check(bf_schedule_at(&s, 0).rate, 1);
  s.rise = 1;
  check(bf_schedule_at(&s, 500).rate, 0.52);
  check(bf_schedule_at(&s, 1000).rate, 1);
}

static void constant(void **unused) {
  (void)unused;
  bf_schedule s = {.kind = BF_CONSTANT, .total = 100, .warmup = 10, .floor = 0.1};
  check(bf_schedule_at(&s, 4).rate, 0.5);
  for (int64_t k = 10; k < 200; k++) check(bf_schedule_at(&s, k).rate, 1);
}

/* Frozen stage of epochs 1, 2, ... */
static void expect_frozen(const char *freeze, const char *unfreeze, int count, const int *frozen) {
  bf_thaw t;
  bf_error err = {0};
  if (bf_thaw_parse(&t, freeze, unfreeze, 5, &err) != BF_OK) fail_msg("%s", err.message);
  for (int e = 0; e < count; e++)
    if (bf_thaw_frozen(&t, e) != frozen[e])
      fail_msg("freeze %s, unfreeze %s, epoch %d: %d", freeze, unfreeze, e + 1, bf_thaw_frozen(&t, e));
  /* The two ways to ask agree. */
  for (int stage = 0; stage < 5; stage++)
    for (int e = 0; e < 40; e++) {
      int first = bf_thaw_epoch(&t, stage);
      assert_int_equal(first >= 0 && e >= first, stage > bf_thaw_frozen(&t, e));
    }
}

static void freezing(void **unused) {
  (void)unused;
  expect_frozen("none", "none", 3, (const int[]){-1, -1, -1});
  expect_frozen("-1", "none", 3, (const int[]){-1, -1, -1});
  expect_frozen("all", "none", 3, (const int[]){4, 4, 4});
  expect_frozen(" 2 ", "none", 3, (const int[]){2, 2, 2});
  expect_frozen("all", "every 1", 7, (const int[]){4, 3, 2, 1, 0, -1, -1});
  expect_frozen("1", "every 2", 7, (const int[]){1, 1, 0, 0, -1, -1, -1});
  expect_frozen("all", "4 at 3, 2 at 6,0 at 9", 10, (const int[]){4, 4, 3, 3, 3, 1, 1, 1, -1, -1});
  expect_frozen("3", "1 at 2", 4, (const int[]){3, 0, 0, 0});
}

static void freezing_refused(void **unused) {
  (void)unused;
  static const struct {
    const char *freeze, *unfreeze, *said;
  } cases[] = {
      {"some", "none", "freeze: 'some'; write none, all, or the number of the last frozen stage (0 to 4)"},
      {"5", "none", "freeze: 5, but the last stage is 4"},
      {"2x", "none", "freeze: '2x'"},
      {"", "none", "freeze: ''"},
      {"none", "every 2", "but nothing is frozen"},
      {"all", "every", "write 'every 2'"},
      {"all", "every 0", "write 'every 2'"},
      {"all", "every 2 epochs", "write 'every 2'"},
      {"all", "4", "write none, every N"},
      {"all", "4 at", "write none, every N"},
      {"all", "4 at 3 2 at 5", "a comma is due before"},
      {"all", "4 at 3,", "write none, every N"},
      {"2", "3 at 4", "stage 3 is not frozen; freeze: ends at stage 2"},
      {"all", "4 at 1", "the first epoch that can thaw is 2"},
      {"all", "2 at 5, 3 at 7", "later epochs thaw earlier stages"},
      {"all", "3 at 5, 2 at 5", "later epochs thaw earlier stages"},
      {"all", "4 at 99999999999999999999", "write none, every N"},
      {"all", "-1 at 3", "write none, every N"},
  };
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    bf_thaw t;
    bf_error err = {0};
    assert_int_equal(bf_thaw_parse(&t, cases[i].freeze, cases[i].unfreeze, 5, &err), BF_E_ARGUMENT);
    if (strstr(err.message, cases[i].said) == NULL) fail_msg("case %zu: %s", i, err.message);
  }
}

static void rates(void **unused) {
  (void)unused;
  double out[BF_MAX_STAGES];
  bf_error err = {0};
  assert_int_equal(bf_stage_rates(out, 5, 1e-3, 0.5, "none", &err), BF_OK);
  for (int s = 0; s < 5; s++) check(out[s], 1e-3 * pow(0.5, 4 - s));
  check(out[7], 1e-3);
  assert_int_equal(bf_stage_rates(out, 3, 1e-3, 0.5, "1e-5, 2e-5 ,0.5", &err), BF_OK);
  check(out[0], 1e-5), check(out[1], 2e-5), check(out[2], 0.5), check(out[7], 0.5);
  static const char *const bad[] = {"",           "1e-5",           "1e-5, 1e-4", "1e-5, 1e-4, x", "1e-5, 1e-4, -1",
                                    "1, 1, 1, 1", "1e-5 1e-4 1e-3", "nan, 1, 1",  "1, 1, 11"};
  for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
    assert_int_equal(bf_stage_rates(out, 3, 1, 1, bad[i], &err), BF_E_ARGUMENT);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(cosine_corners),
                                     cmocka_unit_test(cosine_without_parts),
                                     cmocka_unit_test(cosine_rises_then_falls),
                                     cmocka_unit_test(one_cycle),
                                     cmocka_unit_test(constant),
                                     cmocka_unit_test(freezing),
                                     cmocka_unit_test(freezing_refused),
                                     cmocka_unit_test(rates)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
