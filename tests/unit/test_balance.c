/* Each balance does what its paper says. */
#include "base/rng.h"
#include "net_support.h"
#include "nn/balance.h"

static bf_balance make(const char *name, const char *option, const char *value) {
  bf_error err = {0};
  bf_balance b = {.type = bf_balance_type_find(name, &err)};
  assert_non_null(b.type);
  if (b.type->options[0].name == NULL) return b;
  b.options = bf_alloc(1, b.type->options_size);
  assert_int_equal(bf_options_defaults(b.type->options, b.options, &err), BF_OK);
  if (option != NULL) assert_int_equal(bf_options_set(b.type->options, b.options, "", option, value, &err), BF_OK);
  return b;
}

static const double ones[BF_MAX_HEADS] = {1, 1, 1, 1, 1, 1, 1, 1};

static void weigh(double *weight, const bf_balance *b, int tasks) {
  b->type->weigh(weight, b->options, b->state, tasks, ones);
}

/* A step whose unweighted gradients have these sizes and no angle between them. */
static void step(bf_balance *b, int tasks, const double *loss, const double *size, const bool *present) {
  double factor[BF_MAX_HEADS];
  bf_balance_step s = {.tasks = tasks};
  weigh(s.weight, b, tasks);
  for (int i = 0; i < tasks; i++) {
    s.base[i] = factor[i] = 1;
    s.present[i] = present == NULL || present[i];
    s.loss[i] = s.present[i] ? loss[i] : 0;
    s.product[i][i] = s.present[i] ? s.weight[i] * s.weight[i] * size[i] * size[i] : 0;
  }
  b->type->mix(factor, b->options, b->state, &s);
}

/* e^-s L + s is least where e^-s L = 1. */
static void uncertainty_levels_the_losses(void **unused) {
  (void)unused;
  bf_balance b = make("uncertainty", "rate", "0.02");
  const double loss[2] = {0.3, 2.5}, size[2] = {1, 1};
  double weight[2];
  for (int i = 0; i < 3000; i++) step(&b, 2, loss, size, NULL);
  weigh(weight, &b, 2);
  assert_float_equal(weight[0] * loss[0], 1, 0.02);
  assert_float_equal(weight[1] * loss[1], 1, 0.02);
  bf_free(b.options);
}

/* What has no label in a batch learns nothing from it. */
static void uncertainty_waits_for_labels(void **unused) {
  (void)unused;
  bf_balance b = make("uncertainty", "rate", "0.02");
  const double loss[2] = {0.3, 2.5}, size[2] = {1, 1};
  const bool first[2] = {true, false};
  double weight[2];
  for (int i = 0; i < 50; i++) step(&b, 2, loss, size, first);
  weigh(weight, &b, 2);
  assert_true(weight[0] > 1.5 && weight[1] == 1);
  bf_free(b.options);
}

/* Equation 7 by hand: losses 1 -> 0.5 and 1 -> 0.9, temperature 2. */
static void average_follows_the_pace(void **unused) {
  (void)unused;
  bf_balance b = make("dwa", "temperature", "2");
  double first[2] = {1, 1}, second[2] = {0.5, 0.9}, weight[2];
  b.type->epoch(b.options, b.state, 2, first);
  weigh(weight, &b, 2);
  assert_true(weight[0] == 1 && weight[1] == 1); /* two epochs are needed */
  b.type->epoch(b.options, b.state, 2, second);
  weigh(weight, &b, 2);
  assert_float_equal(weight[0], 2 * exp(0.25) / (exp(0.25) + exp(0.45)), 1e-12);
  assert_float_equal(weight[1], 2 * exp(0.45) / (exp(0.25) + exp(0.45)), 1e-12);
  double gone[2] = {0.25, NAN}; /* an epoch without labels of the second task leaves its pace */
  b.type->epoch(b.options, b.state, 2, gone);
  weigh(weight, &b, 2);
  assert_float_equal(weight[1] / weight[0], exp(0.45 - 0.25), 1e-12);
  bf_free(b.options);
}

static void gradnorm_levels_the_gradients(void **unused) {
  (void)unused;
  bf_balance b = make("gradnorm", "alpha", "0");
  const double loss[2] = {1, 1}, size[2] = {10, 1};
  double weight[2];
  for (int i = 0; i < 2000; i++) step(&b, 2, loss, size, NULL);
  weigh(weight, &b, 2);
  assert_float_equal(weight[0] + weight[1], 2, 1e-9);
  if (fabs(weight[0] * size[0] / (weight[1] * size[1]) - 1) > 0.3) fail_msg("weights %g and %g", weight[0], weight[1]);
  bf_free(b.options);
}

/* Of two tasks with gradients of one size, the one whose loss stands still gets more. */
static void gradnorm_helps_the_slow(void **unused) {
  (void)unused;
  bf_balance b = make("gradnorm", NULL, NULL);
  const double size[2] = {1, 1};
  double weight[2];
  for (int i = 0; i < 400; i++) {
    double loss[2] = {1, 1 / (1 + 0.02 * i)};
    step(&b, 2, loss, size, NULL);
  }
  weigh(weight, &b, 2);
  if (!(weight[0] > 1.2 * weight[1])) fail_msg("weights %g and %g", weight[0], weight[1]);
  bf_free(b.options);
}

/* A batch that lacks a task moves nothing: there is nothing to compare with. */
static void gradnorm_waits_for_labels(void **unused) {
  (void)unused;
  bf_balance b = make("gradnorm", NULL, NULL);
  const double loss[2] = {1, 1}, size[2] = {10, 1};
  const bool first[2] = {true, false};
  double before[2], after[2];
  for (int i = 0; i < 40; i++) step(&b, 2, loss, size, NULL);
  weigh(before, &b, 2);
  for (int i = 0; i < 40; i++) step(&b, 2, loss, size, first);
  weigh(after, &b, 2);
  assert_true(before[0] < 1 && before[0] == after[0] && before[1] == after[1]);
  bf_free(b.options);
}

enum { most = 4, length = 7 };

static double dot(const double *a, const double *b) {
  double sum = 0;
  for (int i = 0; i < length; i++) sum += a[i] * b[i];
  return sum;
}

/* Algorithm 1 with the vectors themselves. */
static void by_hand(double *out, double g[most][length], int tasks, uint64_t key) {
  bf_rng rng = bf_rng_make(key, UINT64_C(0x70636772), 0);
  for (int i = 0; i < length; i++) out[i] = 0;
  for (int t = 0; t < tasks; t++) {
    double own[length];
    int64_t order[most];
    for (int k = 0; k < tasks; k++) order[k] = k;
    bf_rng_shuffle(&rng, order, tasks);
    memcpy(own, g[t], sizeof own);
    for (int k = 0; k < tasks; k++) {
      const double *other = g[order[k]];
      if (order[k] == t) continue;
      double along = dot(own, other);
      for (int i = 0; i < length && along < 0; i++) own[i] -= along / dot(other, other) * other[i];
    }
    for (int i = 0; i < length; i++) out[i] += own[i];
  }
}

static void surgery_is_that_of_the_vectors(void **unused) {
  (void)unused;
  bf_balance b = make("pcgrad", NULL, NULL);
  int changed = 0;
  for (uint64_t key = 0; key < 200; key++) {
    double g[most][length], expected[length], factor[most] = {1, 1, 1, 1};
    int tasks = 2 + (int)(key % 3);
    bf_balance_step s = {.tasks = tasks, .key = key};
    for (int t = 0; t < tasks; t++)
      for (int i = 0; i < length; i++) g[t][i] = net_noise(key * 8 + (uint64_t)t, (uint64_t)i);
    for (int t = 0; t < tasks; t++)
      for (int u = 0; u < tasks; u++) s.product[t][u] = dot(g[t], g[u]);
    b.type->mix(factor, b.options, b.state, &s);
    by_hand(expected, g, tasks, key);
    for (int i = 0; i < length; i++) {
      double found = 0;
      for (int t = 0; t < tasks; t++) found += factor[t] * g[t][i];
      assert_float_equal(found, expected[i], 1e-9);
    }
    changed += factor[0] != 1;
  }
  assert_in_range(changed, 50, 199); /* some agree, some do not */
}

static void tasks_that_agree_are_left_alone(void **unused) {
  (void)unused;
  bf_balance b = make("pcgrad", NULL, NULL);
  double factor[2] = {1, 1};
  bf_balance_step s = {.tasks = 2, .product = {{4, 1}, {1, 9}}};
  b.type->mix(factor, b.options, b.state, &s);
  assert_true(factor[0] == 1 && factor[1] == 1);
  bf_balance_step empty = {.tasks = 2, .product = {{4, 0}, {0, 0}}}; /* the second has no label here */
  b.type->mix(factor, b.options, b.state, &empty);
  assert_true(factor[0] == 1 && factor[1] == 1);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(uncertainty_levels_the_losses),  cmocka_unit_test(uncertainty_waits_for_labels),
      cmocka_unit_test(average_follows_the_pace),       cmocka_unit_test(gradnorm_levels_the_gradients),
      cmocka_unit_test(gradnorm_helps_the_slow),        cmocka_unit_test(gradnorm_waits_for_labels),
      cmocka_unit_test(surgery_is_that_of_the_vectors), cmocka_unit_test(tasks_that_agree_are_left_alone)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
