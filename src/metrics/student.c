/* Student's t by the incomplete beta function. */
#include "metrics/student.h"

#include <math.h>
#include <stdbool.h>

/* More are as good as normal: the chances differ by less than 1e-9. */
static const int64_t freedom_most = 1000000000;

/* Gamma((v + 1)/2) / Gamma(v/2): from v to v + 2 it grows by (v + 1)/v; for many degrees its series. */
static double gamma_ratio(int64_t freedom) {
  const double a = (double)freedom / 2;
  if (freedom > 1000) return sqrt(a) * (1 - 1 / (8 * a) + 1 / (128 * a * a) + 5 / (1024 * a * a * a));
  double ratio = freedom % 2 == 1 ? 1 / sqrt(M_PI) : sqrt(M_PI) / 2;
  for (int64_t k = freedom % 2 == 1 ? 1 : 2; k < freedom; k += 2) ratio *= (double)(k + 1) / (double)k;
  return ratio;
}

/* The continued fraction of the incomplete beta function (Abramowitz, Stegun 1964, 26.5.8) from its front, by Lentz's
 * method. It ends soon where x < (a + 1)/(a + b + 2). */
static double beta_fraction(double x, double a, double b) {
  double value = 1, front = 1, back = 0, change = 0;
  for (int k = 1; k < 100000 && fabs(change - 1) > 1e-16; k++) {
    const double m = (double)(k / 2);
    const double term = k % 2 == 1 ? -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1))
                                   : m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m));
    back = 1 / (1 + term * back);
    front = 1 + term / front;
    change = front * back;
    value *= change;
  }
  return value;
}

static double normal_below(double z) { return 0.5 * erfc(-z / sqrt(2)); }

/* That |t| is larger: the incomplete beta function of freedom/2 and 1/2 at freedom/(freedom + t^2). */
static double beyond(double t, int64_t freedom) {
  const double v = (double)freedom, rest = t * t / (v + t * t), x = v / (v + t * t);
  const double factor = gamma_ratio(freedom) / sqrt(M_PI) * exp(v / 2 * log1p(-rest)) * sqrt(rest);
  if (x < (v / 2 + 1) / (v / 2 + 2.5)) return factor / (v / 2) / beta_fraction(x, v / 2, 0.5);
  return 1 - factor / 0.5 / beta_fraction(rest, 0.5, v / 2);
}

double bf_student_below(double t, int64_t freedom) {
  if (freedom > freedom_most) return normal_below(t);
  if (isinf(t)) return t > 0;
  double outside = beyond(t, freedom) / 2;
  return t < 0 ? outside : 1 - outside;
}

/* ---- the other way ---- */

typedef double (*chance_below)(double at, int64_t freedom);

static double normal_chance(double z, int64_t unused) {
  (void)unused;
  return normal_below(z);
}

/* By halving of the numbers below 0, where chances keep their digits. */
static double quantile(double chance, chance_below below, int64_t freedom) {
  if (chance > 0.5) return -quantile(1 - chance, below, freedom);
  double low = -1, high = 0;
  while (isfinite(low) && below(low, freedom) > chance) low *= 2;
  for (int k = 0; k < 200 && isfinite(low); k++) {
    double middle = low + (high - low) / 2;
    *(below(middle, freedom) > chance ? &high : &low) = middle;
  }
  return low;
}

double bf_student_quantile(double chance, int64_t freedom) { return quantile(chance, bf_student_below, freedom); }

double bf_expanded_tail(int64_t n) {
  const double size = (double)n;
  return normal_below(sqrt(size / (size - 1)) * bf_student_quantile(0.025, n - 1));
}

double bf_expanded_p_value(double tail, int64_t n) {
  const double size = (double)n;
  if (tail >= 0.5) return 1;
  return 2 * bf_student_below(sqrt((size - 1) / size) * quantile(tail, normal_chance, 0), n - 1);
}
