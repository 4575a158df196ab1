/* How numbers look: in words, in coordinates, with their intervals. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "page/markup.h"

static const char minus[] = "\xE2\x88\x92", no_break[] = "\xC2\xA0", dash[] = "\xE2\x80\x93";

bool bf_defined(double v) { return isfinite(v) && fabs(v) < 1e300; }

/* A locale's decimal sign, of any length, becomes a point. */
static void set_point(char *text) {
  char *sign = text + strspn(text, "-0123456789");
  if (*sign == '\0') return;
  char *rest = sign + strcspn(sign, "0123456789");
  *sign = '.';
  memmove(sign + 1, rest, strlen(rest) + 1);
}

static bool is_zero(const char *text) { return text[strspn(text, "0.")] == '\0'; }

char *bf_page_number(char dst[BF_PAGE_NUMBER_MAX], double v, bf_page_format format) {
  int decimals = format.decimals < 0 ? 0 : format.decimals > 9 ? 9 : format.decimals;
  if (format.percent) v *= 100;
  if (!bf_defined(v)) return strcpy(dst, "not defined");
  if (fabs(v) >= 1e15) return bf_number_short(dst, v, 4);
  char text[40];
  snprintf(text, sizeof text, "%.*f", decimals, fabs(v));
  set_point(text);
  snprintf(dst, BF_PAGE_NUMBER_MAX, "%s%s%s", v < 0 && !is_zero(text) ? minus : "", text,
           format.percent ? no_break : "");
  return format.percent ? strcat(dst, "%") : dst;
}

char *bf_count(char dst[BF_PAGE_NUMBER_MAX], int64_t n) {
  char digits[24];
  int size = snprintf(digits, sizeof digits, "%lld", n < 0 ? -(long long)n : (long long)n), at = 0;
  if (n < 0) at = snprintf(dst, BF_PAGE_NUMBER_MAX, "%s", minus);
  for (int i = 0; i < size; i++) {
    if (i > 0 && (size - i) % 3 == 0) dst[at++] = ',';
    dst[at++] = digits[i];
  }
  dst[at] = '\0';
  return dst;
}

char *bf_number_short(char dst[BF_PAGE_NUMBER_MAX], double v, int digits) {
  if (!bf_defined(v)) return strcpy(dst, "not defined");
  char text[40];
  snprintf(text, sizeof text, "%.*e", digits - 1, v);
  int power = atoi(strchr(text, 'e') + 1);
  bool plain = power >= -4 && power < 7;
  if (plain) snprintf(text, sizeof text, "%.*f", power < digits - 1 ? digits - 1 - power : 0, v);
  if (!plain) *strchr(text, 'e') = '\0';
  set_point(text);
  if (strchr(text, '.') != NULL) {
    char *end = text + strlen(text);
    while (end[-1] == '0') *--end = '\0';
    if (end[-1] == '.') end[-1] = '\0';
  }
  bool negative = text[0] == '-' && !is_zero(text + 1);
  int at = snprintf(dst, BF_PAGE_NUMBER_MAX, "%s%s", negative ? minus : "", text + (text[0] == '-'));
  if (!plain) snprintf(dst + at, (size_t)(BF_PAGE_NUMBER_MAX - at), "e%d", power);
  return dst;
}

void bf_markup_at(bf_markup *m, double v) {
  long tenths = v < -99999 ? -999990 : v > 99999 ? 999990 : v == v ? lround(10 * v) : 0;
  const char *sign = tenths < 0 ? "-" : "";
  if (tenths < 0) tenths = -tenths;
  if (tenths % 10 != 0)
    bf_markup_put(m, "%s%ld.%ld", sign, tenths / 10, tenths % 10);
  else
    bf_markup_put(m, "%s%ld", sign, tenths / 10);
}

void bf_markup_pair(bf_markup *m, double x, double y) {
  bf_markup_at(m, x);
  bf_markup_raw(m, " ");
  bf_markup_at(m, y);
}

void bf_markup_attribute(bf_markup *m, const char *name, double v) {
  bf_markup_put(m, " %s=\"", name);
  bf_markup_at(m, v);
  bf_markup_raw(m, "\"");
}

void bf_markup_share(bf_markup *m, double share) {
  long parts = lround(1e4 * (share > 0 ? share < 1 ? share : 1 : 0));
  bf_markup_put(m, "%ld.%02ld%%", parts / 100, parts % 100);
}

bool bf_has_interval(const bf_page_value *v) { return bf_defined(v->low) && bf_defined(v->high); }

void bf_markup_value(bf_markup *m, const bf_page_value *v, bf_page_format format) {
  char a[BF_PAGE_NUMBER_MAX], b[BF_PAGE_NUMBER_MAX];
  const char *name = bf_defined(v->value) ? "value" : "value none";
  bf_markup_put(m, "<span class=\"%s\">%s</span>", name, bf_page_number(a, v->value, format));
  if (bf_has_interval(v)) {
    /* The sign stands once, behind both ends. */
    bf_page_format bare = {format.decimals, false};
    double scale = format.percent ? 100 : 1;
    bf_page_number(a, scale * v->low, bare);
    bf_page_number(b, scale * v->high, bare);
    bool to = v->low < 0 || v->high < 0;
    bf_markup_put(m, " <span class=\"interval\">(%s%s%s%s)</span>", a, to ? " to " : dash, b,
                  format.percent ? "\xC2\xA0%" : "");
  }
  if (v->n >= 0) bf_markup_put(m, " <span class=\"n\">n\xC2\xA0=\xC2\xA0%s</span>", bf_count(a, v->n));
}
