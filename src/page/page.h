/* A report as one HTML file that needs nothing else: no network, no fonts, no second file. Arrays and texts in, one
 * file out; this room knows nothing of models, DICOM or metrics. Charts are SVG, readable without scripts; scripts only
 * add (the threshold explorer, enlarged pictures). The page forbids itself every outside resource (CSP 3, default-src
 * 'none').
 *
 * Texts are plain UTF-8 without markup, of any content: they are escaped where they stand, bytes that are no UTF-8 and
 * control characters become U+FFFD. NULL is an empty text, and an empty optional part is left out. Numbers that are NaN
 * or infinite are shown as not defined, and are not drawn. All arguments are read during the call alone.
 *
 * The calls that add to a page return nothing: the first failure (memory, a length below 0) is kept, what follows is
 * passed over, and bf_page_finish says it. A page belongs to one thread; several pages may be made at once. */
#ifndef BF_PAGE_PAGE_H
#define BF_PAGE_PAGE_H

#include <math.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "bifocal/status.h"

typedef struct bf_page bf_page;

typedef struct bf_page_head {
  const char *language; /* BCP 47; NULL: "en" */
  const char *title;    /* of the window and the first heading */
  const char *subtitle; /* one line below it: of what, when */
  const char *footer;   /* the last line: which program made it of what */
} bf_page_head;

bf_status bf_page_create(bf_page **out, const bf_page_head *head, bf_error *err);
void bf_page_destroy(bf_page *page); /* NULL is accepted */

/* Publishes the page as `path`, whole or not at all (base/file.h). The page can still be added to and finished again.
 */
bf_status bf_page_finish(bf_page *page, const char *path, bf_error *err);

/* ---- words ---- */

/* Begins a section of the contents list and ends the one before. id: of the address "#id", letters, digits and '-';
 * another character becomes '-', and an id that is there already gets a number. What is added before the first section
 * stands above the contents list. */
void bf_page_add_section(bf_page *page, const char *id, const char *title);
/* A heading within a section. */
void bf_page_add_heading(bf_page *page, const char *title);
/* The answer first: one or two sentences in larger type. */
void bf_page_add_lead(bf_page *page, const char *format, ...) BF_PRINTF(2, 3);
void bf_page_add_text(bf_page *page, const char *format, ...) BF_PRINTF(2, 3);

/* GOOD: a check that was passed. Each kind says its name in words, not by colour alone. */
typedef enum bf_page_mood { BF_PAGE_NOTE, BF_PAGE_WARNING, BF_PAGE_GOOD } bf_page_mood;
void bf_page_add_note(bf_page *page, bf_page_mood mood, const char *format, ...) BF_PRINTF(3, 4);

void bf_page_add_list(bf_page *page, const char *const *items, int count);
/* Lines that keep their breaks and spaces: commands, configurations. label: what they are, for readers of screens. */
void bf_page_add_lines(bf_page *page, const char *label, const char *lines);

/* Terms and what is said of them. */
typedef struct bf_page_fact {
  const char *term, *words;
} bf_page_fact;
void bf_page_add_facts(bf_page *page, const bf_page_fact *facts, int count);

/* What is added until the end stands folded below the summary; printed unfolded. Not nested:
 * a second begin, a section or the end of the page ends it. Columns may stand in it, it not in columns. */
void bf_page_begin_fold(bf_page *page, const char *summary);
void bf_page_end_fold(bf_page *page);

/* What is added until the end stands side by side where there is room: charts of a kind (small multiples). Not nested:
 * as a fold. */
void bf_page_begin_columns(bf_page *page);
void bf_page_end_columns(bf_page *page);

/* ---- numbers ---- */

/* How numbers are written. percent: times 100, with the sign. decimals: 0 to 9, of what is written. */
typedef struct bf_page_format {
  int decimals;
  bool percent;
} bf_page_format;

/* "â0.123", "91.2 %", "not defined": as pages write numbers, for texts of the caller, so that signs are the same
 * in both. Returns dst. */
enum { BF_PAGE_NUMBER_MAX = 64 };
char *bf_page_number(char dst[BF_PAGE_NUMBER_MAX], double v, bf_page_format format);

/* low, high: the ends of its interval, NaN: none. n: how many cases it is of; below 0: not said. */
typedef struct bf_page_value {
  double value, low, high;
  int64_t n;
} bf_page_value;

static inline bf_page_value bf_page_plain(double value) { return (bf_page_value){value, NAN, NAN, -1}; }
static inline bf_page_value bf_page_interval(double value, double low, double high, int64_t n) {
  return (bf_page_value){value, low, high, n};
}

/* The figures that a page is about, each large with its interval drawn on low .. high. */
typedef struct bf_page_figure {
  const char *label;
  bf_page_value value;
  bf_page_format format;
  double low, high;  /* range of the drawing, such as 0 and 1; equal: nothing is drawn */
  double reference;  /* a line in it, such as 0.5 for chance; NaN: none */
  const char *words; /* a short line below: what of; may be NULL */
} bf_page_figure;
void bf_page_add_figures(bf_page *page, const bf_page_figure *figures, int count);

/* ---- tables ---- */

typedef struct bf_page_column {
  const char *title;
  const char *unit; /* behind the title; may be NULL */
  bool words;       /* cells are texts; else numbers, which are aligned */
  bf_page_format format;
} bf_page_column;

/* words: shown in place of the value where not NULL, in columns of either kind. */
typedef struct bf_page_cell {
  const char *words;
  bf_page_value value;
} bf_page_cell;

static inline bf_page_cell bf_page_cell_words(const char *words) { return (bf_page_cell){words, bf_page_plain(NAN)}; }
static inline bf_page_cell bf_page_cell_value(bf_page_value value) { return (bf_page_cell){NULL, value}; }

/* The first column heads its rows. Numbers are shown with interval and n where they have them. */
typedef struct bf_page_table {
  const char *caption;
  const bf_page_column *columns;
  int column_count;
  const bf_page_cell *cells; /* row_count x column_count, row by row */
  int64_t row_count;
  const bool *small_group; /* per row: too few cases to be sure, marked in words; NULL: none */
} bf_page_table;
void bf_page_add_table(bf_page *page, const bf_page_table *table);

/* ---- charts ---- */

/* An end that is NaN is taken from the data, and then widened to a round number. */
typedef struct bf_page_axis {
  const char *title, *unit; /* unit may be NULL */
  double low, high;
  bool logarithm; /* to the base of 10; what is not above 0 lies beyond the low end */
  bool percent;   /* ticks are written times 100, with the sign */
} bf_page_axis;

typedef enum bf_page_draw {
  BF_PAGE_LINE,
  BF_PAGE_STEPS, /* from point to point first along x, then along y */
  BF_PAGE_POINTS /* with error bars where there are low and high */
} bf_page_draw;

/* A point with NaN breaks a line. low, high: ends of the intervals of y, drawn as a band (lines, steps) or error bars;
 * NULL, or NaN at a point: none. Long curves are thinned to what can be seen: every point left out lies within 0.2
 * of the 480 units that a chart is wide. */
typedef struct bf_page_series {
  const char *name;
  bf_page_draw draw;
  const double *x, *y, *low, *high;
  int64_t count;
} bf_page_series;

/* A point of its own, such as an operating point, with its name beside it. */
typedef struct bf_page_mark {
  const char *name;
  double x, y;
} bf_page_mark;

/* A thin straight line; an infinite end reaches the frame: x0 = x1 = 7, y0 = -INFINITY, y1 = INFINITY. */
typedef struct bf_page_reference {
  const char *name; /* written at the line; may be NULL */
  double x0, y0, x1, y1;
} bf_page_reference;

typedef enum bf_page_shape { BF_PAGE_WIDE, BF_PAGE_SQUARE, BF_PAGE_SMALL } bf_page_shape;

/* At most 6 series: their colours (Okabe, Ito 2008, darkened or lightened to a contrast of 3) and dashes differ; those
 * beyond begin again. Below each chart its numbers stand in a folded table of at most 50 rows. */
typedef struct bf_page_chart {
  const char *title;         /* what is to be seen, in a few words */
  const char *caption;       /* how to read it, and n */
  const char *description;   /* for those who do not see it; NULL: made of the axes and the series */
  const char *interval_name; /* what bands and error bars are; NULL: "95 % interval" */
  bf_page_shape shape;       /* SQUARE: for two axes of one unit; SMALL: for columns of charts */
  bf_page_axis x, y;
  const bf_page_series *series;
  int series_count;
  const bf_page_mark *marks;
  int mark_count;
  const bf_page_reference *references;
  int reference_count;
} bf_page_chart;
void bf_page_add_chart(bf_page *page, const bf_page_chart *chart);

/* Values with intervals one below another (Lewis, Clarke 2001): subgroups, or one model against another. */
typedef struct bf_page_forest_row {
  const char *label;
  bf_page_value value;
  bool small_group;
} bf_page_forest_row;
typedef struct bf_page_forest {
  const char *title, *caption;
  const char *label_title; /* head of the first column */
  bf_page_axis axis;       /* its title heads the values */
  bf_page_format format;
  double reference;           /* a line through all rows; NaN: none */
  const char *reference_name; /* may be NULL */
  const char *left, *right;   /* what lies on each side, such as "B better"; may be NULL */
  const bf_page_forest_row *rows;
  int row_count;
} bf_page_forest;
void bf_page_add_forest(bf_page *page, const bf_page_forest *forest);

/* Counts as horizontal bars from 0. */
typedef struct bf_page_bar {
  const char *label;
  int64_t count; /* 0 or more */
} bf_page_bar;
typedef struct bf_page_bars {
  const char *title, *caption;
  const char *label_title, *count_title; /* heads of the two columns */
  const bf_page_bar *bars;
  int bar_count;
} bf_page_bars;
void bf_page_add_bars(bf_page *page, const bf_page_bars *bars);

/* ---- threshold explorer ---- */

typedef struct bf_page_operating_point {
  const char *name;
  double threshold;
} bf_page_operating_point;

/* A place of the slider: cases of each class with a score of at least the threshold. */
enum { BF_PAGE_STOPS_MAX = 1000, BF_PAGE_MEASURES = 4 };
typedef struct bf_page_stop {
  double threshold;
  int64_t true_positive, false_positive;
} bf_page_stop;

/* 95 % intervals at a stop, shares of 0 to 1: of sensitivity, specificity, positive and negative predictive value. NaN:
 * none. */
typedef struct bf_page_stop_intervals {
  double low[BF_PAGE_MEASURES], high[BF_PAGE_MEASURES];
} bf_page_stop_intervals;

/* An ROC curve with a slider for the threshold: sensitivity, specificity, predictive values and confusion table.
 * true_positive[i] and false_positive[i] count the cases with a score of at least threshold[i]; thresholds fall, counts
 * never do. An infinite first threshold (nothing is positive) is no stop. */
typedef struct bf_page_explorer {
  const char *title, *caption;
  const char *positive, *negative; /* names of the classes, such as "malignant" and "benign" */
  const double *threshold;
  const int64_t *true_positive, *false_positive;
  int64_t count;
  int64_t positives, negatives; /* cases of each class */
  const bf_page_operating_point *points;
  int point_count;
  int chosen;     /* of points, shown first; other numbers: none is, and the stop of `start` is shown */
  double start;   /* a threshold */
  int stops_most; /* fewer than BF_PAGE_STOPS_MAX, but not fewer than 24; 0: as many */
  const bf_page_stop_intervals *intervals; /* of each stop of bf_page_explorer_stops; NULL: none are shown */
  const char *interval_words;              /* which they are, in a sentence; may be NULL */
} bf_page_explorer;
void bf_page_add_explorer(bf_page *page, const bf_page_explorer *explorer);

/* Where the slider of an explorer will stop, thresholds rising, so that their intervals can be made; intervals and
 * words are not looked at. Stops are exact each, evenly chosen where there are too many; those of the operating points
 * and of `start` are among them, with the threshold asked for. BF_E_ARGUMENT as the page would say it, BF_E_MEMORY. Any
 * thread. */
bf_status bf_page_explorer_stops(bf_page_stop stops[BF_PAGE_STOPS_MAX], int *count, const bf_page_explorer *explorer,
                                 bf_error *err);

/* ---- pictures ---- */

/* Pixels of the picture; (0, 0) is the upper left corner of the first. */
typedef struct bf_page_box {
  double xmin, ymin, xmax, ymax;
  double score; /* NaN: not said */
} bf_page_box;

typedef struct bf_page_picture {
  const void *png; /* a whole PNG file, of any resolution */
  size_t png_size;
  const void *heat; /* a PNG file with alpha that is laid over the picture, stretched to its size; NULL: none */
  size_t heat_size;
  int columns, rows; /* of the pixels in which boxes are */
  const char *alt;   /* what is to be seen */
  const char *title, *caption;
  const char *tag;   /* a word or two, such as "missed"; may be NULL */
  bf_page_mood mood; /* of the tag */
  const bf_page_box *truths, *found;
  int truth_count, found_count;
} bf_page_picture;

/* Readers choose whether they see truths, found boxes and heat maps; heat maps are hidden at first. */
typedef struct bf_page_gallery {
  const char *caption;
  const char *truth_name, *found_name, *heat_name; /* NULL: "lesion, as labelled", "found, with score", "heat map" */
  const bf_page_picture *pictures;
  int picture_count;
} bf_page_gallery;
void bf_page_add_gallery(bf_page *page, const bf_page_gallery *gallery);

#endif
