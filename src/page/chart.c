/* A chart's figure: its legend, its drawing (plot.c) and its numbers as a folded table. */
#include <math.h>
#include <string.h>

#include "page/plot.h"

enum { rows_max = 50 };

static bool has_intervals(const bf_page_series *s) { return s->low != NULL && s->high != NULL; }

static bool any_intervals(const bf_page_chart *c) {
  bool any = false;
  for (int i = 0; i < c->series_count; i++) any = any || has_intervals(&c->series[i]);
  return any;
}

static const char *interval_name(const bf_page_chart *c) {
  return c->interval_name != NULL ? c->interval_name : "95\xC2\xA0% interval";
}

/* ---- legend ---- */

static void put_entry(bf_markup *m, const bf_page_series *s, int number) {
  bf_markup_put(m, "<li><svg class=\"swatch\" viewBox=\"0 0 34 14\" aria-hidden=\"true\"><g class=\"series s%d\">",
                number % BF_PLOT_COLOURS + 1);
  if (s->draw == BF_PAGE_POINTS)
    bf_plot_point(m, number, 17, 7);
  else
    bf_markup_raw(m, "<path class=\"line\" d=\"M1 7H33\"/>");
  bf_markup_raw(m, "</g></svg>");
  bf_markup_text(m, s->name);
  bf_markup_raw(m, "</li>\n");
}

static void put_legend(bf_markup *m, const bf_page_chart *c) {
  bool intervals = any_intervals(c), bands = false;
  if (c->series_count < 2 && !intervals) return;
  bf_markup_raw(m, "<ul class=\"legend\">\n");
  for (int i = 0; i < c->series_count; i++) put_entry(m, &c->series[i], i);
  for (int i = 0; i < c->series_count; i++)
    bands = bands || (has_intervals(&c->series[i]) && c->series[i].draw != BF_PAGE_POINTS);
  if (intervals) {
    bf_markup_put(m,
                  "<li><svg class=\"swatch\" viewBox=\"0 0 34 14\" aria-hidden=\"true\"><g class=\"series s1\">%s"
                  "</g></svg>",
                  bands ? "<path class=\"band\" d=\"M1 1H33V13H1Z\"/>" : "<path class=\"error\" d=\"M17 0V14\"/>");
    bf_markup_text(m, interval_name(c));
    bf_markup_raw(m, "</li>\n");
  }
  bf_markup_raw(m, "</ul>\n");
}

/* ---- numbers ---- */

static void put_head(bf_markup *m, const bf_page_axis *axis) {
  bf_markup_raw(m, "<th scope=\"col\" class=\"number\">");
  bf_markup_text(m, axis->title);
  bf_page_put_unit(m, axis->unit != NULL && axis->unit[0] != '\0' ? axis->unit : axis->percent ? "%" : NULL);
  bf_markup_raw(m, "</th>");
}

static void put_number(bf_markup *m, const bf_page_axis *axis, double v) {
  char text[BF_PAGE_NUMBER_MAX];
  bf_markup_put(m, "<td class=\"number\">%s</td>", bf_number_short(text, axis->percent ? 100 * v : v, 4));
}

static void put_row(bf_markup *m, const bf_page_chart *c, const char *name, double x, double y, double low,
                    double high) {
  bf_markup_raw(m, "<tr><th scope=\"row\">");
  bf_markup_text(m, name);
  bf_markup_raw(m, "</th>");
  put_number(m, &c->x, x);
  put_number(m, &c->y, y);
  if (any_intervals(c)) {
    put_number(m, &c->y, low);
    put_number(m, &c->y, high);
  }
  bf_markup_raw(m, "</tr>\n");
}

/* Evenly by their order, first and last among them. */
static void put_rows(bf_markup *m, const bf_page_chart *c, const bf_page_series *s, int64_t most) {
  int64_t shown = s->count < most ? s->count : most;
  for (int64_t k = 0; k < shown; k++) {
    int64_t i = shown > 1 ? k * (s->count - 1) / (shown - 1) : 0;
    put_row(m, c, s->name, s->x[i], s->y[i], s->low != NULL ? s->low[i] : NAN, s->high != NULL ? s->high[i] : NAN);
  }
}

static void put_numbers(bf_page *page, const bf_page_chart *c, int figure) {
  bf_markup *m = bf_page_here(page);
  int64_t all = 0, shown = 0, most = c->series_count > 0 ? (rows_max - c->mark_count) / c->series_count : 0;
  if (most < 2) most = 2;
  for (int i = 0; i < c->series_count; i++) {
    all += c->series[i].count;
    shown += c->series[i].count < most ? c->series[i].count : most;
  }
  if (all + c->mark_count == 0) return;
  bf_markup_raw(m, "<details class=\"numbers\"><summary>Numbers of this chart</summary>\n");
  char a[BF_PAGE_NUMBER_MAX], b[BF_PAGE_NUMBER_MAX];
  if (shown < all)
    bf_markup_put(m, "<p class=\"text\">%s of %s points, evenly chosen.</p>\n", bf_count(a, shown), bf_count(b, all));
  bf_page_open_table(page, "data", figure);
  bf_markup_raw(m, "<thead><tr><th scope=\"col\">Series</th>");
  put_head(m, &c->x);
  put_head(m, &c->y);
  if (any_intervals(c)) {
    bf_markup_raw(m, "<th scope=\"col\" class=\"number\" colspan=\"2\">");
    bf_markup_text(m, interval_name(c));
    bf_markup_raw(m, "</th>");
  }
  bf_markup_raw(m, "</tr></thead>\n<tbody>\n");
  for (int i = 0; i < c->series_count; i++) put_rows(m, c, &c->series[i], most);
  for (int i = 0; i < c->mark_count; i++) put_row(m, c, c->marks[i].name, c->marks[i].x, c->marks[i].y, NAN, NAN);
  bf_page_close_table(page);
  bf_markup_raw(m, "</details>\n");
}

/* ---- the figure ---- */

void bf_page_put_chart(bf_page *page, const bf_page_chart *chart, int figure, const double *moving) {
  put_legend(bf_page_here(page), chart);
  bf_plot_draw(page, chart, figure, moving);
  put_numbers(page, chart, figure);
}

void bf_page_add_chart(bf_page *page, const bf_page_chart *c) {
  if (!bf_page_array(page, "chart", "series", c->series_count, c->series) ||
      !bf_page_array(page, "chart", "marks", c->mark_count, c->marks) ||
      !bf_page_array(page, "chart", "references", c->reference_count, c->references))
    return;
  for (int i = 0; i < c->series_count; i++)
    if (!bf_page_array(page, "chart", "x of a series", c->series[i].count, c->series[i].x) ||
        !bf_page_array(page, "chart", "y of a series", c->series[i].count, c->series[i].y))
      return;
  int figure = bf_page_open_figure(page, "plot", c->title, c->caption);
  bf_page_put_chart(page, c, figure, NULL);
  bf_page_close_figure(page);
}
