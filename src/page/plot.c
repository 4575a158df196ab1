/* One SVG: frame, grid, bands, lines, points, names. Coordinates have one decimal of a unit; a chart is 480 units wide,
 * so that words stay readable on a telephone. Colours, dashes and fonts are page.css's. */
#include "page/plot.h"

#include <math.h>
#include <string.h>

#include "base/memory.h"
#include "base/utf8.h"
#include "page/axis.h"
#include "page/thin.h"

/* With half a tenth of rounding in each direction a line stays within 0.2 of the truth. */
static const double thinning = 0.12, letter = 7.0, line_height = 15;

enum { names_max = 32, cell = 8, cells = 64 }; /* the drawing in cells of 8 units */

typedef struct box {
  double left, top, right, bottom;
} box;

typedef struct plot {
  bf_markup *m;
  const bf_page_chart *chart;
  bf_scale x, y;
  double width, height;            /* of the whole drawing */
  double left, top, right, bottom; /* the frame */
  box names[names_max];            /* where words stand already */
  int name_count;
  bool drawn[cells][cells]; /* cells that lines pass through */
} plot;

static double at_x(const plot *p, double v) { return p->left + bf_scale_at(&p->x, v) * (p->right - p->left); }
static double at_y(const plot *p, double v) { return p->bottom - bf_scale_at(&p->y, v) * (p->bottom - p->top); }

static double letters(const char *text) {
  double count = 0;
  while (*text) {
    if (bf_utf8_next(&text) < 0) text++;
    count++;
  }
  return count;
}

/* ---- layout ---- */

static void find_ranges(const bf_page_chart *c, double range[4]) {
  for (int i = 0; i < 4; i++) range[i] = NAN;
  for (int k = 0; k < c->series_count; k++) {
    const bf_page_series *s = &c->series[k];
    for (int64_t i = 0; i < s->count; i++) {
      if (!bf_defined(s->x[i]) || !bf_defined(s->y[i])) continue;
      bf_axis_widen(&c->x, &range[0], &range[1], s->x[i]);
      bf_axis_widen(&c->y, &range[2], &range[3], s->y[i]);
      if (s->low != NULL) bf_axis_widen(&c->y, &range[2], &range[3], s->low[i]);
      if (s->high != NULL) bf_axis_widen(&c->y, &range[2], &range[3], s->high[i]);
    }
  }
  for (int i = 0; i < c->mark_count; i++) {
    bf_axis_widen(&c->x, &range[0], &range[1], c->marks[i].x);
    bf_axis_widen(&c->y, &range[2], &range[3], c->marks[i].y);
  }
}

static double widest_tick(const bf_scale *s) {
  double most = 0;
  char text[BF_PAGE_NUMBER_MAX];
  for (int i = 0; i < s->tick_count; i++) most = fmax(most, letter * letters(bf_scale_text(s, text, s->ticks[i])));
  return most;
}

static plot lay_out(bf_page *page, const bf_page_chart *c) {
  plot p = {.m = bf_page_here(page), .chart = c, .width = BF_PLOT_WIDTH};
  double range[4];
  bool small = c->shape == BF_PAGE_SMALL;
  if (small) p.width = 320;
  find_ranges(c, range);
  p.y = bf_scale_make(&c->y, range[2], range[3], c->shape == BF_PAGE_WIDE ? 5 : small ? 4 : 6);
  p.x = bf_scale_make(&c->x, range[0], range[1], small ? 4 : 6);
  double label = widest_tick(&p.x);
  p.left = fmax(14, widest_tick(&p.y) + 9);
  p.top = 28;
  p.right = p.width - fmax(12, 0.5 * label);
  p.bottom = p.top + (c->shape == BF_PAGE_SQUARE ? p.right - p.left : small ? 150 : 230);
  p.height = p.bottom + 46;
  return p;
}

/* ---- frame ---- */

static void open_words(plot *p, const char *class, const char *anchor, double x, double y) {
  bf_markup_put(p->m, "<text class=\"%s %s\"", class, anchor);
  bf_markup_attribute(p->m, "x", x);
  bf_markup_attribute(p->m, "y", y);
  bf_markup_raw(p->m, ">");
}

static void put_circle(plot *p, const char *class, double radius, double x, double y) {
  bf_markup_put(p->m, "<circle class=\"%s\"", class);
  bf_markup_attribute(p->m, "r", radius);
  bf_markup_attribute(p->m, "cx", x);
  bf_markup_attribute(p->m, "cy", y);
  bf_markup_raw(p->m, "/>\n");
}

static void put_words(plot *p, const char *class, const char *anchor, double x, double y, const char *text) {
  open_words(p, class, anchor, x, y);
  bf_markup_text(p->m, text);
  bf_markup_raw(p->m, "</text>\n");
}

static void put_axis_title(plot *p, const bf_page_axis *axis, const char *name, double x, double y) {
  open_words(p, "axis-title", name, x, y);
  bf_markup_text(p->m, axis->title);
  if (axis->unit != NULL && axis->unit[0] != '\0') {
    bf_markup_raw(p->m, " (");
    bf_markup_text(p->m, axis->unit);
    bf_markup_raw(p->m, ")");
  }
  bf_markup_raw(p->m, "</text>\n");
}

static void put_path(plot *p, const char *name, double x0, double y0, double x1, double y1) {
  bf_markup_put(p->m, "<path class=\"%s\" d=\"M", name);
  bf_markup_pair(p->m, x0, y0);
  bf_markup_raw(p->m, "L");
  bf_markup_pair(p->m, x1, y1);
  bf_markup_raw(p->m, "\"/>\n");
}

static void put_frame(plot *p) {
  char text[BF_PAGE_NUMBER_MAX];
  double free_from = -INFINITY;
  for (int i = 0; i < p->y.tick_count; i++) {
    double y = at_y(p, p->y.ticks[i]);
    put_path(p, "grid", p->left, y, p->right, y);
    put_words(p, "tick", "end", p->left - 6, y + 4, bf_scale_text(&p->y, text, p->y.ticks[i]));
  }
  for (int i = 0; i < p->x.tick_count; i++) {
    double x = at_x(p, p->x.ticks[i]);
    put_path(p, p->chart->shape == BF_PAGE_SQUARE ? "grid" : "stub", x, p->bottom, x,
             p->chart->shape == BF_PAGE_SQUARE ? p->top : p->bottom + 5);
    double half = 0.5 * letter * letters(bf_scale_text(&p->x, text, p->x.ticks[i]));
    if (x - half < free_from) continue;
    put_words(p, "tick", "middle", x, p->bottom + 18, text);
    free_from = x + half + 4;
  }
  put_path(p, "frame", p->left, p->bottom, p->right, p->bottom);
  put_axis_title(p, &p->chart->y, "start", 0, 13);
  put_axis_title(p, &p->chart->x, "middle", 0.5 * (p->left + p->right), p->bottom + 38);
}

/* ---- names that do not stand on each other ---- */

/* Notes where a line goes, for names to keep away from. */
static void note_line(plot *p, double x0, double y0, double x1, double y1) {
  int steps = (int)fmin(1000, 1 + hypot(x1 - x0, y1 - y0) / (0.5 * cell));
  for (int i = 0; i <= steps; i++) {
    double x = x0 + (x1 - x0) * i / steps, y = y0 + (y1 - y0) * i / steps;
    if (x >= 0 && y >= 0 && x < cell * cells && y < cell * cells) p->drawn[(int)y / cell][(int)x / cell] = true;
  }
}

static bool meets_line(const plot *p, box b) {
  for (int y = (int)b.top / cell; y <= (int)b.bottom / cell && y < cells; y++)
    for (int x = (int)b.left / cell; x <= (int)b.right / cell && x < cells; x++)
      if (p->drawn[y][x]) return true;
  return false;
}

static bool is_free(const plot *p, box b, bool of_lines) {
  if (b.left < 0 || b.right > p->width || b.top < p->top - 4 || b.bottom > p->bottom) return false;
  for (int i = 0; i < p->name_count; i++) {
    const box *n = &p->names[i];
    if (b.left < n->right && n->left < b.right && b.top < n->bottom && n->top < b.bottom) return false;
  }
  return !of_lines || !meets_line(p, b);
}

static box box_at(double x, double baseline, double width, bool before) {
  double left = before ? x - width : x;
  return (box){left, baseline - 11, left + width, baseline + 4};
}

/* Beside (x, y): the first place below or above, to the right or to the left, that meets no name and no line; where
 * there is none, no name. Where so much stands that there is no such place either, the name is left out: it would be
 * read as that of something else. */
static void put_name(plot *p, const char *class, double x, double y, double gap, const char *name) {
  enum { places = 32 };
  if (name == NULL || name[0] == '\0') return;
  double width = letter * letters(name), baseline = y;
  bool before = false, found = false;
  box b = {0};
  for (int i = 0; i < 2 * places && !found; i++) {
    int place = i % places, ring = place / 4;
    before = place % 2;
    baseline = place % 4 < 2 ? y + gap + 6 + ring * line_height : y - gap + 2 - ring * line_height;
    b = box_at(before ? x - gap : x + gap, baseline, width, before);
    found = is_free(p, b, i < places);
  }
  if (!found) return;
  if (p->name_count < names_max) p->names[p->name_count++] = b;
  bf_markup_put(p->m, "<text class=\"name %s %s\"", class, before ? "end" : "start");
  bf_markup_attribute(p->m, "x", before ? x - gap : x + gap);
  bf_markup_attribute(p->m, "y", baseline);
  bf_markup_raw(p->m, ">");
  bf_markup_text(p->m, name);
  bf_markup_raw(p->m, "</text>\n");
}

/* ---- references and marks ---- */

/* An infinite end reaches the frame. */
static double end_at(double v, double (*at)(const plot *, double), const plot *p, double low, double high) {
  return isinf(v) ? v < 0 ? low : high : at(p, v);
}

typedef struct ends {
  double x0, y0, x1, y1;
} ends;

/* False where an end is not defined. */
static bool find_reference(ends *e, const plot *p, const bf_page_reference *r) {
  *e = (ends){end_at(r->x0, at_x, p, p->left, p->right), end_at(r->y0, at_y, p, p->bottom, p->top),
              end_at(r->x1, at_x, p, p->left, p->right), end_at(r->y1, at_y, p, p->bottom, p->top)};
  return !isnan(e->x0 + e->y0 + e->x1 + e->y1);
}

static void put_reference(plot *p, const bf_page_reference *r) {
  ends e;
  if (!find_reference(&e, p, r)) return;
  put_path(p, "reference", e.x0, e.y0, e.x1, e.y1);
  note_line(p, e.x0, e.y0, e.x1, e.y1);
}

/* At the top of an upright line, at the end of a level one, beside a slanting one. */
static void name_reference(plot *p, const bf_page_reference *r) {
  static const double along = 0.62;
  ends e;
  if (!find_reference(&e, p, r)) return;
  if (e.x0 == e.x1)
    put_name(p, "reference-name", e.x0, p->top + 4, 5, r->name);
  else if (e.y0 == e.y1)
    put_name(p, "reference-name", p->right, e.y0, 4, r->name);
  else
    put_name(p, "reference-name", e.x0 + along * (e.x1 - e.x0), e.y0 + along * (e.y1 - e.y0), 8, r->name);
}

static bool is_inside(const plot *p, double x, double y) {
  return x >= p->left - 0.5 && x <= p->right + 0.5 && y >= p->top - 0.5 && y <= p->bottom + 0.5;
}

static void put_mark(plot *p, const bf_page_mark *mark) {
  double x = at_x(p, mark->x), y = at_y(p, mark->y);
  if (!is_inside(p, x, y)) return;
  put_circle(p, "mark", 5, x, y);
  put_name(p, "mark-name", x, y, 9, mark->name);
}

/* ---- series ---- */

void bf_plot_point(bf_markup *m, int series, double x, double y) {
  static const char *const shapes[] = {"m-4.5 0a4.5 4.5 0 1 0 9 0a4.5 4.5 0 1 0 -9 0z", "m-4 -4h8v8h-8z",
                                       "m0 -5.5l5.5 5.5l-5.5 5.5l-5.5 -5.5z", "m0 -5l5 9h-10z"};
  bf_markup_raw(m, "<path class=\"point\" d=\"M");
  bf_markup_pair(m, x, y);
  bf_markup_put(m, "%s\"/>\n", shapes[series % 4]);
}

/* Far outside the frame it does not matter where. */
static double cut(double v) { return fmax(-9999, fmin(9999, v)); }

/* The spots of points from .. to of a line, steps with their corners. Room: twice their count. */
static size_t trace(bf_spot *spots, const plot *p, const bf_page_series *s, const double *y, int64_t from, int64_t to) {
  size_t count = 0;
  for (int64_t i = from; i < to; i++) {
    bf_spot here = {cut(at_x(p, s->x[i])), cut(at_y(p, y[i]))};
    if (s->draw == BF_PAGE_STEPS && count > 0) spots[count] = (bf_spot){here.x, spots[count - 1].y}, count++;
    spots[count++] = here;
  }
  return count;
}

/* M or L and what follows, with H and V where one coordinate stays. */
static void put_spots(bf_markup *m, const bf_spot *spots, size_t count, char first) {
  long x = 0, y = 0;
  for (size_t i = 0; i < count; i++) {
    long to_x = lround(10 * spots[i].x), to_y = lround(10 * spots[i].y);
    if (i > 0 && to_x == x && to_y == y) continue;
    if (i > 0 && (to_x == x || to_y == y)) {
      bf_markup_raw(m, to_y == y ? "H" : "V");
      bf_markup_at(m, to_y == y ? spots[i].x : spots[i].y);
    } else {
      const char command[2] = {i == 0 ? first : 'L'};
      bf_markup_raw(m, command);
      bf_markup_pair(m, spots[i].x, spots[i].y);
    }
    x = to_x, y = to_y;
  }
}

static void put_line(plot *p, const bf_page_series *s, bf_spot *spots, int64_t from, int64_t to) {
  size_t count = bf_thin(spots, trace(spots, p, s, s->y, from, to), thinning);
  put_spots(p->m, spots, count, 'M');
  for (size_t i = 1; i < count; i++) note_line(p, spots[i - 1].x, spots[i - 1].y, spots[i].x, spots[i].y);
  if (count == 1) bf_markup_raw(p->m, "h0");
}

static void put_band(plot *p, const bf_page_series *s, bf_spot *spots, int64_t from, int64_t to) {
  size_t count = bf_thin(spots, trace(spots, p, s, s->low, from, to), thinning);
  put_spots(p->m, spots, count, 'M');
  count = bf_thin(spots, trace(spots, p, s, s->high, from, to), thinning);
  for (size_t i = 0; i < count / 2; i++) {
    bf_spot swapped = spots[i];
    spots[i] = spots[count - 1 - i];
    spots[count - 1 - i] = swapped;
  }
  put_spots(p->m, spots, count, 'L');
  bf_markup_raw(p->m, "Z");
}

static bool has_line(const bf_page_series *s, int64_t i) { return bf_defined(s->x[i]) && bf_defined(s->y[i]); }

static bool has_band(const bf_page_series *s, int64_t i) {
  return s->low != NULL && s->high != NULL && has_line(s, i) && bf_defined(s->low[i]) && bf_defined(s->high[i]);
}

/* Runs of points that have what is asked for, each drawn by itself, as one path. */
static void put_runs(plot *p, const bf_page_series *s, bf_spot *spots, const char *name,
                     bool (*has)(const bf_page_series *, int64_t),
                     void (*put)(plot *, const bf_page_series *, bf_spot *, int64_t, int64_t)) {
  bool any = false;
  for (int64_t from = 0; from < s->count;) {
    int64_t to = from;
    while (to < s->count && has(s, to)) to++;
    if (to > from) {
      if (!any) bf_markup_put(p->m, "<path class=\"%s\" d=\"", name);
      any = true;
      put(p, s, spots, from, to);
    }
    from = to + 1;
  }
  if (any) bf_markup_raw(p->m, "\"/>\n");
}

static void put_points(plot *p, const bf_page_series *s, int number) {
  for (int64_t i = 0; i < s->count; i++) {
    if (!has_line(s, i)) continue;
    double x = at_x(p, s->x[i]), y = at_y(p, s->y[i]);
    if (has_band(s, i)) {
      double low = fmin(at_y(p, s->low[i]), p->bottom), high = fmax(at_y(p, s->high[i]), p->top);
      put_path(p, "error", x, low, x, high);
      note_line(p, x, low, x, high);
    }
    if (is_inside(p, x, y)) bf_plot_point(p->m, number, x, y);
  }
}

static void put_series(bf_page *page, plot *p, int number) {
  const bf_page_series *s = &p->chart->series[number];
  bool points = s->draw == BF_PAGE_POINTS;
  bf_spot *spots = points ? NULL : bf_alloc_raw(2 * (size_t)s->count, sizeof *spots);
  if (!points && spots == NULL) {
    bf_page_refuse(page, BF_E_MEMORY, "no memory for a curve of the report page");
    return;
  }
  bf_markup_put(p->m, "<g class=\"series s%d\">\n", number % BF_PLOT_COLOURS + 1);
  if (points) {
    put_points(p, s, number);
  } else {
    put_runs(p, s, spots, "band", has_band, put_band);
    put_runs(p, s, spots, "line", has_line, put_line);
  }
  bf_markup_raw(p->m, "</g>\n");
  bf_free(spots);
}

/* ---- the drawing ---- */

static void describe(plot *p) {
  const bf_page_chart *c = p->chart;
  char low[BF_PAGE_NUMBER_MAX], high[BF_PAGE_NUMBER_MAX];
  if (c->description != NULL) {
    bf_markup_text(p->m, c->description);
    return;
  }
  bf_markup_text(p->m, c->y.title);
  bf_markup_raw(p->m, " over ");
  bf_markup_text(p->m, c->x.title);
  bf_markup_put(p->m, ", from %s to %s", bf_scale_text(&p->x, low, p->x.low), bf_scale_text(&p->x, high, p->x.high));
  for (int i = 0; i < c->series_count; i++) {
    bf_markup_raw(p->m, i == 0 ? ": " : ", ");
    bf_markup_text(p->m, c->series[i].name);
  }
  bf_markup_raw(p->m, ". The numbers stand in the table below.");
}

static void put_clip(plot *p, int figure) {
  static const double room = 1.2; /* lines at the frame keep their width */
  bf_markup_put(p->m, "<clipPath id=\"figure_%d_clip\"><rect", figure);
  bf_markup_attribute(p->m, "x", p->left - room);
  bf_markup_attribute(p->m, "y", p->top - room);
  bf_markup_attribute(p->m, "width", p->right - p->left + 2 * room);
  bf_markup_attribute(p->m, "height", p->bottom - p->top + 2 * room);
  bf_markup_put(p->m, "/></clipPath>\n<g clip-path=\"url(#figure_%d_clip)\">\n", figure);
}

static void open_drawing(plot *p, int figure, const double *moving) {
  static const char *const shapes[] = {"wide", "square", "small"};
  bf_markup_put(
      p->m, "<svg class=\"chart %s\" viewBox=\"0 0 ",
      shapes[p->chart->shape == BF_PAGE_SQUARE || p->chart->shape == BF_PAGE_SMALL ? (int)p->chart->shape : 0]);
  bf_markup_pair(p->m, p->width, p->height);
  bf_markup_put(p->m, "\" role=\"img\" aria-labelledby=\"figure_%d_name figure_%d_words\"", figure, figure);
  if (moving != NULL) {
    bf_markup_raw(p->m, " data-frame=\"");
    bf_markup_pair(p->m, p->left, p->bottom);
    bf_markup_raw(p->m, " ");
    bf_markup_pair(p->m, p->right - p->left, p->top - p->bottom);
    bf_markup_raw(p->m, "\"");
  }
  bf_markup_put(p->m, ">\n<title id=\"figure_%d_name\">", figure);
  bf_markup_text(p->m, p->chart->title);
  bf_markup_put(p->m, "</title>\n<desc id=\"figure_%d_words\">", figure);
  describe(p);
  bf_markup_raw(p->m, "</desc>\n");
}

static void put_moving(plot *p, const double *moving) {
  put_circle(p, "moving", 7, at_x(p, moving[0]), at_y(p, moving[1]));
}

void bf_plot_draw(bf_page *page, const bf_page_chart *chart, int figure, const double *moving) {
  plot p = lay_out(page, chart);
  open_drawing(&p, figure, moving);
  put_frame(&p);
  put_clip(&p, figure);
  for (int i = 0; i < chart->reference_count; i++) put_reference(&p, &chart->references[i]);
  for (int i = 0; i < chart->series_count; i++)
    if (chart->series[i].draw != BF_PAGE_POINTS) put_series(page, &p, i);
  bf_markup_raw(p.m, "</g>\n");
  for (int i = 0; i < chart->series_count; i++)
    if (chart->series[i].draw == BF_PAGE_POINTS) put_series(page, &p, i);
  for (int i = 0; i < chart->mark_count; i++) put_mark(&p, &chart->marks[i]);
  for (int i = 0; i < chart->reference_count; i++) name_reference(&p, &chart->references[i]);
  if (moving != NULL) put_moving(&p, moving);
  bf_markup_raw(p.m, "</svg>\n");
}
