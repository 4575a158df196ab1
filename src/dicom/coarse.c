/* Cleaning of a maker's name, and the decade of an age. */
#include "dicom/coarse.h"

#include <stdio.h>
#include <string.h>

/* By bytes: a byte of another alphabet is none of these, whatever the locale. */
static bool is_kept(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
         (c != '\0' && strchr(".,&()/-", c) != NULL);
}

void bf_coarse_name(char out[BF_COARSE_NAME], const char *name) {
  int n = 0;
  bool gap = false;
  for (; *name != '\0' && n < BF_COARSE_NAME - 1; name++) {
    if (!is_kept(*name)) {
      gap = n > 0;
      continue;
    }
    char kept = *name;
    if (gap) out[n++] = ' ';
    gap = false;
    if (n < BF_COARSE_NAME - 1) out[n++] = kept;
  }
  while (n > 0 && out[n - 1] == ' ') n--;
  out[n] = '\0';
}

/* The number that `count` digits make; -1 where they are none. */
static int digits(const char *text, int count) {
  int value = 0;
  for (int i = 0; i < count; i++) {
    if (text[i] < '0' || text[i] > '9') return -1;
    value = 10 * value + text[i] - '0';
  }
  return value;
}

/* Only blanks may follow, which pad values. */
static bool ends(const char *text) { return text[strspn(text, " ")] == '\0'; }

/* Whole years; -1: it is no age. A year has 365.25 days. */
static int years_of(const char *age) {
  if (strlen(age) < 4 || !ends(age + 4)) return -1;
  int n = digits(age, 3);
  if (n < 0) return -1;
  switch (age[3]) {
    case 'D': return n * 4 / 1461;
    case 'W': return n * 28 / 1461;
    case 'M': return n / 12;
    case 'Y': return n;
    default: return -1;
  }
}

typedef struct day {
  int year, month, day;
} day;

static bool read_day(day *out, const char *text) {
  static const int lengths[] = {31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
  if (strlen(text) < 8 || !ends(text + 8)) return false;
  *out = (day){digits(text, 4), digits(text + 4, 2), digits(text + 6, 2)};
  return out->year > 0 && out->month >= 1 && out->month <= 12 && out->day >= 1 && out->day <= lengths[out->month - 1];
}

static int years_between(const char *birth, const char *date) {
  day from, to;
  if (!read_day(&from, birth) || !read_day(&to, date)) return -1;
  bool had_birthday = to.month > from.month || (to.month == from.month && to.day >= from.day);
  return to.year - from.year - !had_birthday;
}

enum { oldest = 90 };

void bf_coarse_age(char out[BF_COARSE_AGE], const char *age, const char *birth, const char *date) {
  int years = years_of(age);
  if (years < 0) years = years_between(birth, date);
  out[0] = '\0';
  if (years >= oldest)
    snprintf(out, BF_COARSE_AGE, "%d+", oldest);
  else if (years >= 0)
    snprintf(out, BF_COARSE_AGE, "%d-%d", years / 10 * 10, years / 10 * 10 + 9);
}

bool bf_coarse_is_age(const char *text) {
  char age[8], one[BF_COARSE_AGE];
  for (int years = 0; years <= oldest; years += 10) {
    snprintf(age, sizeof age, "%03dY", years);
    bf_coarse_age(one, age, "", "");
    if (strcmp(one, text) == 0) return true;
  }
  return false;
}
