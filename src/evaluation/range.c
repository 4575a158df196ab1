/* Ranges in words. */
#include "evaluation/range.h"

#include <stdio.h>

int bf_range_of(double at, const double *limits, int count) {
  int range = 0;
  while (range < count && at >= limits[range]) range++;
  return range;
}

void bf_range_name(char *text, size_t size, const double *limits, int count, int range, const char *unit) {
  int written = range == 0       ? snprintf(text, size, "below %g %s", limits[0], unit)
                : range == count ? snprintf(text, size, "%g %s and more", limits[count - 1], unit)
                                 : snprintf(text, size, "%g to %g %s", limits[range - 1], limits[range], unit);
  if (written < 0 && size > 0) text[0] = '\0';
}
