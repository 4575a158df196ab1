/* The drawing of a chart: one SVG. Figure, legend and numbers around it are chart.c's. */
#ifndef BF_PAGE_PLOT_H
#define BF_PAGE_PLOT_H

#include "page/parts.h"

enum { BF_PLOT_COLOURS = 6, BF_PLOT_WIDTH = 480 };

/* Shapes of points, one a series: circle, square, diamond, triangle, and again. Drawn around (0, 0) moved to x, y. */
void bf_plot_point(bf_markup *m, int series, double x, double y);

/* moving: a point that scripts move (the explorer's), as x and y of the axes; NULL: none. Names of its elements begin
 * with figure_<figure>. */
void bf_plot_draw(bf_page *page, const bf_page_chart *chart, int figure, const double *moving);

/* A chart's legend, drawing and folded numbers, within an open figure. */
void bf_page_put_chart(bf_page *page, const bf_page_chart *chart, int figure, const double *moving);

#endif
