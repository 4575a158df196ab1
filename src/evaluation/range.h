/* Names of ranges of a number. */
#ifndef BF_EVALUATION_RANGE_H
#define BF_EVALUATION_RANGE_H

#include <stddef.h>

/* Which of count + 1 ranges a number is in: below limits[0] is 0, from limits[k] on k + 1. */
int bf_range_of(double at, const double *limits, int count);
/* "below 10 mm", "10 to 25 mm", "25 mm and more"; unit "": none. */
void bf_range_name(char *text, size_t size, const double *limits, int count, int range, const char *unit);

#endif
