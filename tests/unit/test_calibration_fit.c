/* Fits of temperature and Platt scaling against scikit-learn, and what is not fitted. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "metrics/calibration_fit.h"

enum { count = 60 };

static const char classes[] = "101110111101001010001110100101011111011010111011101101010010";

/* In numpy: i = arange(60); z = (i * 37 % 60 - 29.5) / 5 + 1.25 */
static void logits(double z[count], uint8_t y[count]) {
  for (int i = 0; i < count; i++) {
    z[i] = (i * 37 % 60 - 29.5) / 5 + 1.25;
    y[i] = classes[i] == '1';
  }
}

static bool near(double a, double b) { return fabs(a - b) <= 1e-9 * (1 + fabs(b)); }

/* scikit-learn 1.2.1: LogisticRegression(penalty=None, fit_intercept=False, tol=1e-14, solver="newton-cholesky")
 *   .fit(z[:, None], y); and the zero of the derivative by scipy.optimize.brentq. metrics.log_loss of both. */
static void temperature_as_scikit_learn(void **state) {
  (void)state;
  double z[count];
  uint8_t y[count];
  logits(z, y);
  bf_calibration_fit f = bf_metrics_fit_temperature(z, y, count);
  assert_true(f.fitted);
  assert_null(f.reason);
  assert_true(near(f.slope, 0.41455383318198269));
  assert_true(f.intercept == 0);
  assert_int_equal(f.n, 60);
  assert_int_equal(f.positives, 36);
  assert_true(near(f.log_loss_before, 0.64959914658071394));
  assert_true(near(f.log_loss_after, 0.50649547151725582));
}

/* With t = where(y, 37 / 38, 1 / 26) and each image once in either class: LogisticRegression(penalty=None, tol=1e-14,
 * solver="newton-cholesky").fit(r_[z, z][:, None], r_[ones(60), zeros(60)], r_[t, 1 - t]). */
static void platt_as_scikit_learn(void **state) {
  (void)state;
  double z[count];
  uint8_t y[count];
  logits(z, y);
  bf_calibration_fit f = bf_metrics_fit_platt(z, y, count);
  assert_true(f.fitted);
  assert_true(near(f.slope, 0.36900385751580078));
  assert_true(near(f.intercept, 0.092958543406895203));
  assert_true(f.log_loss_after < f.log_loss_before);
}

/* On the way to this optimum a step is no longer below the loss that the one before it left, by its last bits. */
static void platt_where_the_loss_is_flat(void **state) {
  (void)state;
  enum { n = 43 };
  double z[n], g[2] = {0, 0};
  uint8_t y[n];
  for (int i = 0; i < n; i++) {
    z[i] = (i * 19 % n - 21) / 4.0;
    y[i] = z[i] + sin(9.0 * i) > 0;
  }
  bf_calibration_fit f = bf_metrics_fit_platt(z, y, n);
  assert_true(f.fitted);
  double high = (double)f.positives, target[2] = {1 / (n - high + 2), (high + 1) / (high + 2)};
  for (int i = 0; i < n; i++) {
    double excess = 1 / (1 + exp(-f.slope * z[i] - f.intercept)) - target[y[i]];
    g[0] += excess, g[1] += excess * z[i];
  }
  assert_true(fabs(g[0]) < 1e-12 && fabs(g[1]) < 1e-12);
}

/* Logits far from 0 and close together are the same logits on another scale. */
static void platt_on_another_scale(void **state) {
  (void)state;
  double z[count];
  uint8_t y[count];
  logits(z, y);
  for (int i = 0; i < count; i++) z[i] = 20 + 0.25 * z[i];
  bf_calibration_fit f = bf_metrics_fit_platt(z, y, count);
  assert_true(f.fitted);
  assert_true(near(f.slope, 4 * 0.36900385751580078));
  assert_true(near(f.intercept, 0.092958543406895203 - 20 * f.slope));
}

/* y = z > 2: the best temperature is none, Platt's smoothed targets give (scikit-learn as above, with its counts)
 * these.
 */
static void classes_that_are_parted(void **state) {
  (void)state;
  double z[count];
  uint8_t y[count];
  logits(z, y);
  for (int i = 0; i < count; i++) y[i] = z[i] > 2;
  bf_calibration_fit f = bf_metrics_fit_platt(z, y, count);
  assert_true(f.fitted);
  assert_true(near(f.slope, 1.2040243434554903));
  assert_true(near(f.intercept, -2.466048442440492));
  for (int i = 0; i < count; i++) y[i] = z[i] > 0;
  f = bf_metrics_fit_temperature(z, y, count);
  assert_false(f.fitted);
  assert_non_null(strstr(f.reason, "part the classes wholly"));
  assert_true(f.slope == 1 && f.intercept == 0 && f.log_loss_after == f.log_loss_before);
}

/* Large logits with errors among them: the loss is finite and the slope small. */
static void sure_and_wrong(void **state) {
  (void)state;
  double z[count];
  uint8_t y[count];
  logits(z, y);
  for (int i = 0; i < count; i++) z[i] *= 20;
  bf_calibration_fit t = bf_metrics_fit_temperature(z, y, count), p = bf_metrics_fit_platt(z, y, count);
  assert_true(t.fitted && near(t.slope, 0.41455383318198269 / 20));
  assert_true(p.fitted && near(p.slope, 0.36900385751580078 / 20));
  assert_true(isfinite(t.log_loss_before) && t.log_loss_before > 5 && near(t.log_loss_after, 0.50649547151725582));
}

static void expect_none(bf_calibration_fit f, const char *words) {
  assert_false(f.fitted);
  assert_true(f.slope == 1 && f.intercept == 0);
  if (f.reason == NULL || strstr(f.reason, words) == NULL)
    fail_msg("'%s' is not in '%s'", words, f.reason != NULL ? f.reason : "");
}

static void what_is_not_fitted(void **state) {
  (void)state;
  double z[count];
  uint8_t y[count];
  bf_calibration_fit (*const fits[])(const double *, const uint8_t *, int64_t) = {bf_metrics_fit_temperature,
                                                                                  bf_metrics_fit_platt};
  for (int k = 0; k < 2; k++) {
    logits(z, y);
    expect_none(fits[k](z, y, 0), "fewer than 10 images");
    assert_true(isnan(fits[k](z, y, 0).log_loss_before));
    for (int i = 0; i < count; i++) y[i] = !y[i];
    expect_none(fits[k](z, y, count), "do not order the classes");
    for (int i = 0; i < count; i++) y[i] = 1;
    expect_none(fits[k](z, y, count), "fewer than 10 images");
    for (int i = 0; i < count; i++) y[i] = i < 9;
    expect_none(fits[k](z, y, count), "fewer than 10 images");
    logits(z, y);
    z[7] = INFINITY;
    expect_none(fits[k](z, y, count), "not finite");
    assert_true(isnan(fits[k](z, y, count).log_loss_after));
    for (int i = 0; i < count; i++) z[i] = 2;
    expect_none(fits[k](z, y, count), "all logits are the same");
  }
}

/* Optima that lie beyond the bounds. */
static void slopes_beyond_reason(void **state) {
  (void)state;
  double z[count];
  uint8_t y[count];
  logits(z, y);
  for (int i = 0; i < count; i++) z[i] *= 1e-3;
  expect_none(bf_metrics_fit_platt(z, y, count), "slope or intercept is above 100");
  expect_none(bf_metrics_fit_temperature(z, y, count), "every larger slope is better");
  logits(z, y);
  for (int i = 0; i < count; i++) z[i] += 1e4;
  expect_none(bf_metrics_fit_platt(z, y, count), "slope or intercept is above 100");
}

static void ten_of_each_are_enough(void **state) {
  (void)state;
  double z[20];
  uint8_t y[20];
  for (int i = 0; i < 20; i++) z[i] = i - 9.5, y[i] = i == 9 || (i > 9 && i != 10);
  bf_calibration_fit f = bf_metrics_fit_temperature(z, y, 20);
  assert_true(f.fitted);
  /* At the optimum the derivative is 0. */
  double pull = 0;
  for (int i = 0; i < 20; i++) pull += (1 / (1 + exp(-f.slope * z[i])) - y[i]) * z[i];
  assert_true(fabs(pull) < 1e-11);
  expect_none(bf_metrics_fit_temperature(z, y, 19), "fewer than 10");
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(temperature_as_scikit_learn),  cmocka_unit_test(platt_as_scikit_learn),
      cmocka_unit_test(platt_where_the_loss_is_flat), cmocka_unit_test(platt_on_another_scale),
      cmocka_unit_test(classes_that_are_parted),      cmocka_unit_test(sure_and_wrong),
      cmocka_unit_test(what_is_not_fitted),           cmocka_unit_test(slopes_beyond_reason),
      cmocka_unit_test(ten_of_each_are_enough),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
