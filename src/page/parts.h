/* What the blocks of a page share: where they write to, names of elements, failures. */
#ifndef BF_PAGE_PARTS_H
#define BF_PAGE_PARTS_H

#include "page/markup.h"

enum { BF_PAGE_ID_MAX = 64 };

struct bf_page {
  char *language, *title, *subtitle, *footer; /* owned */
  bf_markup intro, contents, sections;
  bf_markup ids; /* every section's, a line break before and behind each */
  int figures;   /* numbered for names of elements */
  bool in_section, in_fold, in_columns, has_gallery;
  bf_error failure; /* the first */
};

/* page.css and page.js, NUL-terminated. */
extern const char bf_page_style[], bf_page_script[];

/* Where the next block goes. */
bf_markup *bf_page_here(bf_page *page);
/* The next number of a figure; its elements are called "figure_7", "figure_7_title" and so on. */
int bf_page_next_figure(bf_page *page);
/* Keeps the first failure. */
void bf_page_refuse(bf_page *page, bf_status status, const char *format, ...) BF_PRINTF(3, 4);
/* False, and a failure, where a count is below 0 or there are items and no array of them. */
bool bf_page_array(bf_page *page, const char *block, const char *name, int64_t count, const void *items);

/* <figure class="name"> with title and caption above, and its end. Returns the figure's number. */
int bf_page_open_figure(bf_page *page, const char *name, const char *title, const char *caption);
void bf_page_close_figure(bf_page *page);

/* " (unit)", or nothing. */
void bf_page_put_unit(bf_markup *m, const char *unit);

/* A table in a region that scrolls by itself, up to the first row; the title of the enclosing figure, which does not
 * scroll with it, names both. */
void bf_page_open_table(bf_page *page, const char *name, int figure);
void bf_page_close_table(bf_page *page);
/* <tr> for a row; the words that mark small groups, put into the row's head. */
void bf_page_open_row(bf_page *page, bool small_group);
void bf_page_mark_small(bf_page *page);

/* Share 0 .. 1 of v on the axis from low to high; NaN where v is not defined. */
double bf_page_share_of(double v, double low, double high);

/* A line with ends and a dot between, in shares of the width, for strips of any height (SVG percentages). reference: a
 * share, or NaN. track: the whole axis is drawn, too. */
void bf_page_add_whisker(bf_page *page, double low, double high, double value, double reference, bool track);

#endif
