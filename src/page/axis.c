/* Round ticks: steps of 1, 2 and 5 times a power of ten (Heckbert 1990, without his loose ends). */
#include "page/axis.h"

#include <math.h>
#include <string.h>

static const double slack = 1e-9; /* of a step: rounding must not lose a tick at an end */

/* On a logarithmic axis what is next to 0 has no more place than 0. */
static bool has_place(bool logarithm, double v) { return bf_defined(v) && (!logarithm || v > 1e-300); }

void bf_axis_widen(const bf_page_axis *axis, double *low, double *high, double v) {
  if (!has_place(axis->logarithm, v)) return;
  if (!(*low <= v)) *low = v;
  if (!(*high >= v)) *high = v;
}

/* The smallest of 1, 2, 5, 10 times a power of ten that is not below v. */
static double round_up(double v) {
  double power = pow(10, floor(log10(v)));
  for (int i = 0; i < 3; i++) {
    static const double steps[] = {1, 2, 5};
    if (v <= steps[i] * power * (1 + slack)) return steps[i] * power;
  }
  return 10 * power;
}

static double round_down(double v) {
  double up = round_up(v);
  if (up <= v * (1 + slack)) return up;
  double power = pow(10, floor(log10(v))), digit = up / power;
  return power * (digit > 7 ? 5 : digit > 3 ? 2 : 1);
}

/* Two ends that are (nearly) one move apart; a given end stays. */
static void make_extent(double *low, double *high, bool logarithm, bool fixed_low, bool fixed_high) {
  double room = logarithm ? 0 : fmax(0.5, 0.1 * fmax(fabs(*low), fabs(*high)));
  double below = logarithm ? *high / 2 : *high - room, above = logarithm ? *low * 2 : *low + room;
  if (fixed_high)
    *low = below;
  else if (fixed_low)
    *high = above;
  else
    *low = below, *high = above;
}

/* The ends: given ones as they are, others from the data; never without extent. */
static void find_ends(double *low, double *high, const bf_page_axis *axis) {
  bool fixed_low = has_place(axis->logarithm, axis->low), fixed_high = has_place(axis->logarithm, axis->high);
  if (fixed_low && fixed_high && axis->low >= axis->high) fixed_low = fixed_high = false;
  if (fixed_low) *low = axis->low;
  if (fixed_high) *high = axis->high;
  if (!bf_defined(*low) && !bf_defined(*high)) *low = axis->logarithm ? 1 : 0;
  if (!bf_defined(*low)) *low = *high;
  if (!bf_defined(*high)) *high = *low;
  double extent = axis->logarithm ? log10(*high) - log10(*low) : *high - *low;
  if (extent > (axis->logarithm ? 1e-6 : 1e-9 * fmax(fabs(*low), fabs(*high)))) return;
  make_extent(low, high, axis->logarithm, fixed_low, fixed_high);
}

static void add_tick(bf_scale *s, double v) {
  if (s->tick_count < BF_TICKS_MAX) s->ticks[s->tick_count++] = v;
}

static void tick_evenly(bf_scale *s, const bf_page_axis *axis, int wanted) {
  bool loose = !s->logarithm;
  double step = round_up((s->high - s->low) / wanted);
  if (loose && !(bf_defined(axis->low) && axis->low == s->low)) s->low = step * floor(s->low / step + slack);
  if (loose && !(bf_defined(axis->high) && axis->high == s->high)) s->high = step * ceil(s->high / step - slack);
  double first = ceil(s->low / step - slack), last = floor(s->high / step + slack);
  for (double k = first; k <= last; k++) add_tick(s, k * step);
  s->decimals = (int)fmax(0, -floor(log10(step * (s->percent ? 100 : 1)) + slack));
}

static void tick_by_powers(bf_scale *s, int wanted) {
  static const double digits[] = {1, 2, 5};
  int first = (int)floor(log10(s->low)), last = (int)ceil(log10(s->high));
  int few = 0, every = (last - first + wanted) / (wanted + 1);
  double few_ticks[BF_TICKS_MAX + 1];
  for (int k = first; k <= last && few <= BF_TICKS_MAX; k++)
    for (int i = 0; i < 3 && few <= BF_TICKS_MAX; i++) {
      double v = digits[i] * pow(10, k);
      if (v >= s->low * (1 - slack) && v <= s->high * (1 + slack)) few_ticks[few++] = v;
    }
  if (few <= wanted + 2) {
    for (int i = 0; i < few; i++) add_tick(s, few_ticks[i]);
    return;
  }
  for (int k = first; k <= last; k += every)
    if (pow(10, k) >= s->low * (1 - slack) && pow(10, k) <= s->high * (1 + slack)) add_tick(s, pow(10, k));
}

static bool is_power_of_two(double v) {
  int power;
  return frexp(v, &power) == 0.5;
}

/* Ends such as 1/8 and 8 are there for the sake of doublings. */
static bool tick_by_doublings(bf_scale *s) {
  if (!is_power_of_two(s->low) || !is_power_of_two(s->high) || s->high > 256 * s->low) return false;
  for (double v = s->low; v <= s->high; v *= 2) add_tick(s, v);
  return true;
}

bf_scale bf_scale_make(const bf_page_axis *axis, double low, double high, int wanted) {
  bf_scale s = {.logarithm = axis->logarithm, .percent = axis->percent};
  find_ends(&low, &high, axis);
  s.low = low;
  s.high = high;
  if (!s.logarithm) {
    tick_evenly(&s, axis, wanted);
    return s;
  }
  if (!(bf_defined(axis->low) && axis->low == low)) s.low = round_down(low);
  if (!(bf_defined(axis->high) && axis->high == high)) s.high = round_up(high);
  if (tick_by_doublings(&s)) return s;
  tick_by_powers(&s, wanted);
  if (s.tick_count < 2) {
    s.tick_count = 0;
    tick_evenly(&s, axis, 3);
  }
  return s;
}

double bf_scale_at(const bf_scale *s, double v) {
  if (!bf_defined(v)) return NAN;
  if (!s->logarithm) return (v - s->low) / (s->high - s->low);
  if (!has_place(true, v)) return -INFINITY;
  return (log10(v) - log10(s->low)) / (log10(s->high) - log10(s->low));
}

char *bf_scale_text(const bf_scale *s, char dst[BF_PAGE_NUMBER_MAX], double v) {
  double shown = s->percent ? 100 * v : v;
  bool large = !(fabs(shown) < 1e7) || (shown != 0 && fabs(shown) < 1e-4);
  if (!s->logarithm && !large) return bf_page_number(dst, v, (bf_page_format){s->decimals, s->percent});
  bf_number_short(dst, shown, 4);
  return s->percent ? strcat(dst, "\xC2\xA0%") : dst;
}
