/* Tables, and the kinds of tables that draw: forest plots and bars. Their drawings are laid out in shares of a cell's
 * width (SVG percentages), so that words keep their size on any screen. */
#include <math.h>

#include "page/axis.h"
#include "page/parts.h"

int bf_page_open_figure(bf_page *page, const char *name, const char *title, const char *caption) {
  bf_markup *m = bf_page_here(page);
  int figure = bf_page_next_figure(page);
  bf_markup_put(m,
                "<figure class=\"%s\" id=\"figure_%d\" aria-labelledby=\"figure_%d_title\">\n"
                "<figcaption><p class=\"title\" id=\"figure_%d_title\">",
                name, figure, figure, figure);
  bf_markup_text(m, title);
  bf_markup_raw(m, "</p>");
  if (caption != NULL && caption[0] != '\0') bf_markup_element(m, "p", "caption", caption);
  bf_markup_raw(m, "</figcaption>\n");
  return figure;
}

void bf_page_close_figure(bf_page *page) { bf_markup_raw(bf_page_here(page), "</figure>\n"); }

void bf_page_open_table(bf_page *page, const char *name, int figure) {
  bf_markup_put(bf_page_here(page),
                "<div class=\"scroll\" role=\"region\" tabindex=\"0\" aria-labelledby=\"figure_%d_title\">"
                "<table class=\"%s\" aria-labelledby=\"figure_%d_title\">\n",
                figure, name, figure);
}

void bf_page_close_table(bf_page *page) { bf_markup_raw(bf_page_here(page), "</tbody></table></div>\n"); }

void bf_page_open_row(bf_page *page, bool small_group) {
  bf_markup_raw(bf_page_here(page), small_group ? "<tr class=\"small\">" : "<tr>");
}

void bf_page_mark_small(bf_page *page) {
  bf_markup_raw(bf_page_here(page), " <span class=\"flag\">small group</span>");
}

void bf_page_put_unit(bf_markup *m, const char *unit) {
  if (unit == NULL || unit[0] == '\0') return;
  bf_markup_raw(m, " (");
  bf_markup_text(m, unit);
  bf_markup_raw(m, ")");
}

/* ---- tables ---- */

static void put_heads(bf_markup *m, const bf_page_table *t) {
  bf_markup_raw(m, "<thead><tr>");
  for (int i = 0; i < t->column_count; i++) {
    const bf_page_column *c = &t->columns[i];
    bf_markup_put(m, "<th scope=\"col\"%s>", c->words ? "" : " class=\"number\"");
    bf_markup_text(m, c->title);
    bf_page_put_unit(m, c->unit);
    bf_markup_raw(m, "</th>");
  }
  bf_markup_raw(m, "</tr></thead>\n<tbody>\n");
}

static void put_cell(bf_page *page, const bf_page_column *c, const bf_page_cell *cell, bool head, bool small_group) {
  bf_markup *m = bf_page_here(page);
  const char *class = c->words ? "" : " class=\"number\"";
  bf_markup_put(m, head ? "<th scope=\"row\"%s>" : "<td%s>", class);
  if (cell->words != NULL || c->words)
    bf_markup_label(m, cell->words);
  else
    bf_markup_value(m, &cell->value, c->format);
  if (head && small_group) bf_page_mark_small(page);
  bf_markup_raw(m, head ? "</th>" : "</td>");
}

void bf_page_add_table(bf_page *page, const bf_page_table *t) {
  if (!bf_page_array(page, "table", "columns", t->column_count, t->columns) ||
      !bf_page_array(page, "table", "rows", t->row_count, t->cells))
    return;
  bf_markup *m = bf_page_here(page);
  int figure = bf_page_open_figure(page, "table", t->caption, NULL);
  bf_page_open_table(page, "data", figure);
  put_heads(m, t);
  for (int64_t row = 0; row < t->row_count; row++) {
    bool small_group = t->small_group != NULL && t->small_group[row];
    bf_page_open_row(page, small_group);
    for (int i = 0; i < t->column_count; i++)
      put_cell(page, &t->columns[i], &t->cells[row * t->column_count + i], i == 0, small_group);
    bf_markup_raw(m, "</tr>\n");
  }
  bf_page_close_table(page);
  bf_page_close_figure(page);
}

/* ---- forest plots ---- */

static bf_scale forest_scale(const bf_page_forest *f) {
  double low = NAN, high = NAN;
  bf_axis_widen(&f->axis, &low, &high, f->reference);
  for (int i = 0; i < f->row_count; i++) {
    bf_axis_widen(&f->axis, &low, &high, f->rows[i].value.value);
    if (!bf_has_interval(&f->rows[i].value)) continue;
    bf_axis_widen(&f->axis, &low, &high, f->rows[i].value.low);
    bf_axis_widen(&f->axis, &low, &high, f->rows[i].value.high);
  }
  return bf_scale_make(&f->axis, low, high, 3);
}

/* Words at a share of the width that stay within it. */
static void put_spot_words(bf_markup *m, double share, int y, const char *tick, const char *words) {
  const char *anchor = share < 0.04 ? "start" : share > 0.96 ? "end" : "middle";
  bf_markup_raw(m, "<svg class=\"spot\" x=\"");
  bf_markup_share(m, share);
  bf_markup_put(m, "\">%s<text class=\"%s\" y=\"%d\">", tick, anchor, y);
  bf_markup_text(m, words);
  bf_markup_raw(m, "</text></svg>");
}

static void put_forest_head(bf_markup *m, const bf_page_forest *f, const bf_scale *scale) {
  double reference = bf_scale_at(scale, f->reference);
  bf_markup_raw(m, "<thead><tr><th scope=\"col\">");
  bf_markup_text(m, f->label_title);
  bf_markup_raw(m, "</th><th scope=\"col\" class=\"plot\">");
  if (f->left != NULL || f->right != NULL) {
    bf_markup_raw(m, "<span class=\"sides\">");
    bf_markup_element(m, "span", NULL, f->left);
    bf_markup_element(m, "span", NULL, f->right);
    bf_markup_raw(m, "</span>");
  } else if (f->reference_name != NULL && reference >= 0 && reference <= 1) {
    bf_markup_raw(m, "<svg class=\"strip\" role=\"img\" aria-label=\"Line: ");
    bf_markup_text(m, f->reference_name);
    bf_markup_raw(m, "\">");
    put_spot_words(m, reference < 0.3 ? 0 : reference > 0.7 ? 1 : reference, 14, "", f->reference_name);
    bf_markup_raw(m, "</svg>");
  } else {
    bf_markup_element(m, "span", "unseen", "Drawn");
  }
  bf_markup_raw(m, "</th><th scope=\"col\" class=\"number\">");
  bf_markup_text(m, f->axis.title);
  bf_page_put_unit(m, f->axis.unit);
  bf_markup_raw(m, "</th></tr></thead>\n<tbody>\n");
}

static void put_forest_axis(bf_markup *m, const bf_scale *scale) {
  bf_markup_raw(m,
                "<tr class=\"axis\" aria-hidden=\"true\"><td></td><td class=\"plot\"><svg class=\"strip\">"
                "<line class=\"frame\" x1=\"0\" x2=\"100%\" y1=\"1\" y2=\"1\"/>");
  for (int i = 0; i < scale->tick_count; i++) {
    char text[BF_PAGE_NUMBER_MAX];
    put_spot_words(m, bf_scale_at(scale, scale->ticks[i]), 19, "<path class=\"frame\" d=\"M0 1V5\"/>",
                   bf_scale_text(scale, text, scale->ticks[i]));
  }
  bf_markup_raw(m, "</svg></td><td></td></tr>\n");
}

static void put_forest_row(bf_page *page, const bf_page_forest *f, const bf_page_forest_row *row,
                           const bf_scale *scale) {
  bf_markup *m = bf_page_here(page);
  bf_page_value v = row->value;
  bf_page_open_row(page, row->small_group);
  bf_markup_raw(m, "<th scope=\"row\">");
  bf_markup_label(m, row->label);
  if (row->small_group) bf_page_mark_small(page);
  char n[BF_PAGE_NUMBER_MAX];
  if (v.n >= 0) bf_markup_put(m, " <span class=\"n\">n\xC2\xA0=\xC2\xA0%s</span>", bf_count(n, v.n));
  bf_markup_raw(m, "</th><td class=\"plot\">");
  bool shown = bf_has_interval(&v);
  bf_page_add_whisker(page, shown ? bf_scale_at(scale, v.low) : NAN, shown ? bf_scale_at(scale, v.high) : NAN,
                      bf_scale_at(scale, v.value), bf_scale_at(scale, f->reference), false);
  bf_markup_raw(m, "</td><td class=\"number\">");
  v.n = -1;
  bf_markup_value(m, &v, f->format);
  bf_markup_raw(m, "</td></tr>\n");
}

void bf_page_add_forest(bf_page *page, const bf_page_forest *f) {
  if (!bf_page_array(page, "forest plot", "rows", f->row_count, f->rows)) return;
  bf_scale scale = forest_scale(f);
  int figure = bf_page_open_figure(page, "forest", f->title, f->caption);
  bf_page_open_table(page, "forest", figure);
  put_forest_head(bf_page_here(page), f, &scale);
  for (int i = 0; i < f->row_count; i++) put_forest_row(page, f, &f->rows[i], &scale);
  put_forest_axis(bf_page_here(page), &scale);
  bf_page_close_table(page);
  bf_page_close_figure(page);
}

/* ---- bars ---- */

void bf_page_add_bars(bf_page *page, const bf_page_bars *b) {
  if (!bf_page_array(page, "bars", "bars", b->bar_count, b->bars)) return;
  int64_t most = 1;
  for (int i = 0; i < b->bar_count; i++) most = b->bars[i].count > most ? b->bars[i].count : most;
  bf_markup *m = bf_page_here(page);
  int figure = bf_page_open_figure(page, "bars", b->title, b->caption);
  bf_page_open_table(page, "bars", figure);
  bf_markup_raw(m, "<thead><tr><th scope=\"col\">");
  bf_markup_text(m, b->label_title);
  bf_markup_raw(m, "</th><th scope=\"col\" class=\"number\">");
  bf_markup_text(m, b->count_title);
  bf_markup_raw(m,
                "</th><th scope=\"col\" class=\"plot\"><span class=\"unseen\">Drawn</span></th></tr></thead>\n"
                "<tbody>\n");
  for (int i = 0; i < b->bar_count; i++) {
    char text[BF_PAGE_NUMBER_MAX];
    int64_t count = b->bars[i].count > 0 ? b->bars[i].count : 0;
    bf_markup_raw(m, "<tr><th scope=\"row\">");
    bf_markup_label(m, b->bars[i].label);
    bf_markup_put(m, "</th><td class=\"number\">%s</td><td class=\"plot\">", bf_count(text, count));
    bf_markup_raw(m,
                  "<svg class=\"strip\" aria-hidden=\"true\"><rect class=\"bar\" "
                  "height=\"100%\" width=\"");
    bf_markup_share(m, (double)count / (double)most);
    bf_markup_raw(m, "\"/></svg></td></tr>\n");
  }
  bf_page_close_table(page);
  bf_page_close_figure(page);
}
