/* A line chart as an SVG file: title, axes with units, ticks, curves, marked places. Stands alone: no script, no font
 * or style from elsewhere; colours that colour-blind readers can tell apart (Okabe, Ito 2008). */
#ifndef BF_OUTPUT_CHART_H
#define BF_OUTPUT_CHART_H

#include <stdbool.h>

#include "bifocal/status.h"

typedef struct bf_curve {
  const char *name;    /* in the legend; NULL: none */
  const double *x, *y; /* count each; NaN leaves a gap */
  int count;
  bool faint; /* drawn thin, behind the others */
} bf_curve;

typedef struct bf_chart_mark {
  const char *name;
  double x; /* a vertical line there */
} bf_chart_mark;

typedef struct bf_chart {
  const char *title, *x_label, *y_label; /* UTF-8; labels with their units */
  bool log_x;                            /* powers of ten; x > 0 then */
  const bf_curve *curves;
  int curve_count;
  const bf_chart_mark *marks;
  int mark_count;
  double y_low, y_high; /* both 0: of the curves */
} bf_chart;

/* Published whole. No finite point: BF_E_ARGUMENT. */
bf_status bf_chart_write(const char *path, const bf_chart *chart, bf_error *err);

#endif
