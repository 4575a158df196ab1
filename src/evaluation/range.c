/* Ranges in words. */
#include "evaluation/range.h"

#include <stdio.h>

int bf_range_of(double at, const double *limits, int count) {
  int range = 0;
  while (range < count && at >= limits[range]) range++;
  return range;
}

void bf_range_name(char *text, size_t size, const double *limits, int count, int range, const char *unit) {
  const char *blank = unit[0] != '\0' ? " " : "";
  /* Ten digits: dates and numbers of studies are whole ones of eight and more. */
  int written = range == 0 ? snprintf(text, size, "below %.10g%s%s", limits[0], blank, unit)
                : range == count
                    ? snprintf(text, size, "%.10g%s%s and more", limits[count - 1], blank, unit)
                    : snprintf(text, size, "%.10g to %.10g%s%s", limits[range - 1], limits[range], blank, unit);
  if (written < 0 && size > 0) text[0] = '\0';
}
