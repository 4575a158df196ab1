/* Words of a page, and the figures that it is about. */
#include <math.h>

#include "page/parts.h"

void bf_page_add_heading(bf_page *page, const char *title) {
  bf_markup_element(bf_page_here(page), page->in_section ? "h3" : "h2", NULL, title);
  bf_markup_raw(bf_page_here(page), "\n");
}

BF_PRINTF(3, 0)
static void add_paragraph(bf_page *page, const char *name, const char *format, va_list arguments) {
  bf_markup *m = bf_page_here(page);
  bf_markup_put(m, "<p class=\"%s\">", name);
  bf_markup_words(m, format, arguments);
  bf_markup_raw(m, "</p>\n");
}

void bf_page_add_lead(bf_page *page, const char *format, ...) {
  va_list arguments;
  va_start(arguments, format);
  add_paragraph(page, "lead", format, arguments);
  va_end(arguments);
}

void bf_page_add_text(bf_page *page, const char *format, ...) {
  va_list arguments;
  va_start(arguments, format);
  add_paragraph(page, "text", format, arguments);
  va_end(arguments);
}

void bf_page_add_note(bf_page *page, bf_page_mood mood, const char *format, ...) {
  static const char *const names[] = {"note", "warning", "good"}, *const words[] = {"Note", "Warning", "Checked"};
  int kind = mood == BF_PAGE_WARNING || mood == BF_PAGE_GOOD ? (int)mood : 0;
  bf_markup *m = bf_page_here(page);
  va_list arguments;
  va_start(arguments, format);
  bf_markup_put(m, "<p class=\"note %s\" role=\"note\"><strong>%s:</strong> ", names[kind], words[kind]);
  bf_markup_words(m, format, arguments);
  bf_markup_raw(m, "</p>\n");
  va_end(arguments);
}

void bf_page_add_list(bf_page *page, const char *const *items, int count) {
  if (!bf_page_array(page, "list", "items", count, items) || count == 0) return;
  bf_markup *m = bf_page_here(page);
  bf_markup_raw(m, "<ul class=\"list\">\n");
  for (int i = 0; i < count; i++) bf_markup_element(m, "li", NULL, items[i]);
  bf_markup_raw(m, "</ul>\n");
}

void bf_page_add_lines(bf_page *page, const char *label, const char *lines) {
  bf_markup *m = bf_page_here(page);
  bf_markup_raw(m, "<pre class=\"scroll\" tabindex=\"0\" role=\"region\" aria-label=\"");
  bf_markup_text(m, label != NULL && label[0] != '\0' ? label : "Text");
  bf_markup_raw(m, "\"><code>");
  bf_markup_text(m, lines);
  bf_markup_raw(m, "</code></pre>\n");
}

void bf_page_add_facts(bf_page *page, const bf_page_fact *facts, int count) {
  if (!bf_page_array(page, "facts", "facts", count, facts) || count == 0) return;
  bf_markup *m = bf_page_here(page);
  bf_markup_raw(m, "<dl class=\"facts\">\n");
  for (int i = 0; i < count; i++) {
    bf_markup_element(m, "dt", NULL, facts[i].term);
    bf_markup_element(m, "dd", NULL, facts[i].words);
  }
  bf_markup_raw(m, "</dl>\n");
}

double bf_page_share_of(double v, double low, double high) {
  return bf_defined(v) && high != low ? (v - low) / (high - low) : NAN;
}

static void put_line(bf_markup *m, const char *name, double from, double to, const char *y0, const char *y1) {
  bf_markup_put(m, "<line class=\"%s\" x1=\"", name);
  bf_markup_share(m, from);
  bf_markup_raw(m, "\" x2=\"");
  bf_markup_share(m, to);
  bf_markup_put(m, "\" y1=\"%s\" y2=\"%s\"/>", y0, y1);
}

/* An end beyond the axis is an arrow head. */
static void put_end(bf_markup *m, double share) {
  const char *shape = share < 0 ? "M5 -4L0 0L5 4" : share > 1 ? "M-5 -4L0 0L-5 4" : "M0 -4V4";
  bf_markup_raw(m, "<svg class=\"spot\" x=\"");
  bf_markup_share(m, share);
  bf_markup_put(m, "\" y=\"50%%\"><path class=\"whisker\" d=\"%s\"/></svg>", shape);
}

void bf_page_add_whisker(bf_page *page, double low, double high, double value, double reference, bool track) {
  bf_markup *m = bf_page_here(page);
  bool shown = low == low && high == high && low <= 1 && high >= 0;
  bf_markup_raw(m, "<svg class=\"strip\" aria-hidden=\"true\">");
  if (track) put_line(m, "track", 0, 1, "50%", "50%");
  if (reference >= 0 && reference <= 1) put_line(m, "reference", reference, reference, "0", "100%");
  if (shown) {
    put_line(m, "whisker", low, high, "50%", "50%");
    put_end(m, low);
    put_end(m, high);
  }
  if (value >= 0 && value <= 1) {
    bf_markup_raw(m, "<circle class=\"dot\" cx=\"");
    bf_markup_share(m, value);
    bf_markup_raw(m, "\" cy=\"50%\" r=\"4.5\"/>");
  }
  bf_markup_raw(m, "</svg>");
}

static void add_figure(bf_page *page, const bf_page_figure *f) {
  bf_markup *m = bf_page_here(page);
  bf_markup_raw(m, "<div class=\"tile\">");
  bf_markup_element(m, "dt", NULL, f->label);
  bf_markup_raw(m, "<dd>");
  bf_markup_value(m, &f->value, f->format);
  if (f->low != f->high)
    bf_page_add_whisker(
        page, bf_page_share_of(f->value.low, f->low, f->high), bf_page_share_of(f->value.high, f->low, f->high),
        bf_page_share_of(f->value.value, f->low, f->high), bf_page_share_of(f->reference, f->low, f->high), true);
  if (f->words != NULL) bf_markup_element(m, "span", "words", f->words);
  bf_markup_raw(m, "</dd></div>\n");
}

void bf_page_add_figures(bf_page *page, const bf_page_figure *figures, int count) {
  if (!bf_page_array(page, "figures", "figures", count, figures) || count == 0) return;
  bf_markup_raw(bf_page_here(page), "<dl class=\"tiles\">\n");
  for (int i = 0; i < count; i++) add_figure(page, &figures[i]);
  bf_markup_raw(bf_page_here(page), "</dl>\n");
}
