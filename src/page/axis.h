/* Axes: their ends, round ticks, and where a value lies between the ends. */
#ifndef BF_PAGE_AXIS_H
#define BF_PAGE_AXIS_H

#include "page/markup.h"

enum { BF_TICKS_MAX = 24 };

typedef struct bf_scale {
  double low, high; /* low < high; both above 0 on a logarithmic scale */
  bool logarithm, percent;
  double ticks[BF_TICKS_MAX]; /* rising, from low to high */
  int tick_count;
  int decimals; /* of ticks of a linear scale, as written */
} bf_scale;

/* Makes room for v between *low and *high, NaN at first. Passed over: what is not defined, and what is not above 0
 * where the axis is logarithmic. */
void bf_axis_widen(const bf_page_axis *axis, double *low, double *high, double v);

/* low, high: of the data, NaN where there are none. Ends that the axis does not give are widened to round numbers; data
 * without extent get some. wanted: about how many ticks, 2 to 12. */
bf_scale bf_scale_make(const bf_page_axis *axis, double low, double high, int wanted);

/* 0 at the low end, 1 at the high end, beyond them outside, minus infinity where a logarithmic scale
 * has no place for v; NaN where v is not defined. */
double bf_scale_at(const bf_scale *scale, double v);

/* How a tick is written. Returns dst. */
char *bf_scale_text(const bf_scale *scale, char dst[BF_PAGE_NUMBER_MAX], double v);

#endif
