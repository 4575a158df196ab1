/* What every row of balances.def must keep to, whatever it does. */
#include "net_support.h"
#include "nn/balance.h"

static bf_balance make(const bf_balance_type *type) {
  bf_error err = {0};
  bf_balance b = {.type = type};
  if (type->options[0].name == NULL) return b;
  b.options = bf_alloc(1, type->options_size);
  assert_non_null(b.options);
  if (bf_options_defaults(type->options, b.options, &err) != BF_OK) fail_msg("%s: %s", type->name, err.message);
  return b;
}

/* One step as tasks.c makes it; gradients and losses of the step are given, unweighted. */
static void take(bf_balance *b, bf_balance_step *s, double *factor) {
  b->type->weigh(s->weight, b->options, b->state, s->tasks, s->base);
  for (int i = 0; i < s->tasks; i++) factor[i] = 1;
  for (int i = 0; i < s->tasks; i++)
    for (int k = 0; k < s->tasks; k++) s->product[i][k] *= s->weight[i] * s->weight[k];
  if (b->type->mix != NULL) b->type->mix(factor, b->options, b->state, s);
}

static bf_balance_step even_step(int tasks, uint64_t key, double base, double loss, double square, double cosine) {
  bf_balance_step s = {.tasks = tasks, .key = key};
  for (int i = 0; i < tasks; i++) {
    s.base[i] = base, s.present[i] = true, s.loss[i] = loss;
    for (int k = 0; k < tasks; k++) s.product[i][k] = square * (i == k ? 1 : cosine);
  }
  return s;
}

#define EACH_ROW(type)                                       \
  for (int row_ = 0; row_ < bf_balance_type_count(); row_++) \
    for (const bf_balance_type *type = bf_balance_type_at(row_); type != NULL; type = NULL)

static void rows_are_whole(void **unused) {
  (void)unused;
  bf_error err = {0};
  assert_true(bf_balance_type_count() >= 5);
  EACH_ROW(type) {
    assert_true(type->name[0] != '\0' && type->help[0] != '\0' && type->weigh != NULL && type->options != NULL);
    assert_in_range(type->state, 0, BF_BALANCE_STATE);
    assert_ptr_equal(bf_balance_type_find(type->name, &err), type);
    for (const bf_option *o = type->options; o->name != NULL; o++)
      assert_true(o->help != NULL && o->offset < type->options_size);
    for (int i = 0; i < row_; i++) assert_string_not_equal(type->name, bf_balance_type_at(i)->name);
  }
  assert_null(bf_balance_type_find("gradnrom", &err));
  assert_non_null(strstr(err.message, "did you mean gradnorm?"));
  assert_non_null(strstr(err.message, "fixed, uncertainty, dwa, gradnorm, pcgrad"));
}

/* A training begins with the configured weights. */
static void begins_with_the_weights_given(void **unused) {
  (void)unused;
  EACH_ROW(type) {
    bf_balance b = make(type);
    double base[3] = {0.5, 2, 1}, weight[3];
    type->weigh(weight, b.options, b.state, 3, base);
    for (int i = 0; i < 3; i++) assert_float_equal(weight[i], base[i], 1e-12);
    bf_free(b.options);
  }
}

static void equal_tasks_stay_equal(void **unused) {
  (void)unused;
  EACH_ROW(type) {
    bf_balance b = make(type);
    for (int i = 0; i < 300; i++) {
      double factor[BF_MAX_HEADS], loss = 3.0 / (1 + i), mean[3] = {loss, loss, loss};
      bf_balance_step s = even_step(3, (uint64_t)i, 0.7, loss, 0.01 + loss, i % 2 ? 0.3 : 0);
      take(&b, &s, factor);
      for (int k = 1; k < 3; k++) {
        if (fabs(s.weight[k] / s.weight[0] - 1) > 1e-9 || fabs(factor[k] / factor[0] - 1) > 1e-9)
          fail_msg("%s: step %d: weights %g and %g, factors %g and %g", type->name, i, s.weight[0], s.weight[k],
                   factor[0], factor[k]);
      }
      if (i % 10 == 9 && type->epoch != NULL) type->epoch(b.options, b.state, 3, mean);
    }
    bf_free(b.options);
  }
}

/* Whatever a step brings, weights stay above 0 and finite, factors finite. */
static void extremes(void **unused) {
  (void)unused;
  static const double losses[] = {0, 1e-300, 1, 1e300}, squares[] = {0, 1e-300, 1e-20, 1, 1e30};
  EACH_ROW(type) {
    bf_balance b = make(type);
    for (int i = 0; i < 4000; i++) {
      double factor[BF_MAX_HEADS], mean[3];
      bf_balance_step s = even_step(3, (uint64_t)i, 1, losses[i % 4], squares[i / 4 % 5], i % 7 ? -0.4 : 1);
      for (int k = 0; k < 3; k++) {
        s.present[k] = (i >> k) & 1;
        s.loss[k] *= 1 + k;
        if (!s.present[k]) s.loss[k] = 0;
        for (int j = 0; j < 3; j++)
          if (!s.present[k]) s.product[j][k] = s.product[k][j] = 0;
        mean[k] = s.present[k] ? s.loss[k] : NAN;
      }
      take(&b, &s, factor);
      for (int k = 0; k < 3; k++)
        if (!(s.weight[k] > 0) || !isfinite(s.weight[k]) || !isfinite(factor[k]))
          fail_msg("%s: step %d: weight %g, factor %g", type->name, i, s.weight[k], factor[k]);
      if (i % 13 == 12 && type->epoch != NULL) type->epoch(b.options, b.state, 3, mean);
    }
    bf_free(b.options);
  }
}

static void wander(bf_balance *b, int first, int last, double *trace) {
  for (int i = first; i < last; i++) {
    double factor[BF_MAX_HEADS], mean[2];
    bf_balance_step s = even_step(2, (uint64_t)i, 1, 1, 1, net_noise(3, (uint64_t)i));
    for (int k = 0; k < 2; k++) s.loss[k] = mean[k] = 1.5 + net_noise(4 + (uint64_t)k, (uint64_t)i);
    s.product[1][1] = 4 + net_noise(9, (uint64_t)i);
    take(b, &s, factor);
    if (i % 20 == 19 && b->type->epoch != NULL) b->type->epoch(b->options, b->state, 2, mean);
    trace[4 * i] = s.weight[0], trace[4 * i + 1] = s.weight[1];
    trace[4 * i + 2] = factor[0], trace[4 * i + 3] = factor[1];
  }
}

/* Its numbers are all that a balance goes on from. */
static void resumed_is_repeated(void **unused) {
  (void)unused;
  static double whole[800], parts[800];
  EACH_ROW(type) {
    bf_balance a = make(type), b = make(type), c = make(type);
    wander(&a, 0, 200, whole);
    wander(&b, 0, 77, parts);
    memcpy(c.state, b.state, (size_t)type->state * sizeof(double));
    wander(&c, 77, 200, parts);
    assert_memory_equal(whole, parts, sizeof whole);
    for (int k = type->state; k < BF_BALANCE_STATE; k++) assert_true(a.state[k] == 0);
    bf_free(a.options), bf_free(b.options), bf_free(c.options);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(rows_are_whole), cmocka_unit_test(begins_with_the_weights_given),
                                     cmocka_unit_test(equal_tasks_stay_equal), cmocka_unit_test(extremes),
                                     cmocka_unit_test(resumed_is_repeated)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
