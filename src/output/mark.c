/* Marks on pictures. What is marked, and in which order, is the sheet's and the overlay's. */
#include "output/mark.h"

#include <stdbool.h>

#include "output/canvas_blend.h"

/* A mark's rectangle on the canvas, with its line within the picture. */
typedef struct place {
  double x0, y0, x1, y1;
} place;

static place place_of(const bf_mark_area *a, const bf_mark *m) {
  double edge = 1.2 * a->scale, right = a->width - edge, bottom = a->height - edge;
  return (place){a->left + bf_canvas_clamp(m->xmin, edge, right), a->top + bf_canvas_clamp(m->ymin, edge, bottom),
                 a->left + bf_canvas_clamp(m->xmax, edge, right), a->top + bf_canvas_clamp(m->ymax, edge, bottom)};
}

static uint32_t colour_of(const bf_mark *m) { return m->kind == BF_MARK_TRUTH ? BF_COLOUR_TRUTH : BF_COLOUR_FOUND; }

static void draw_frame(bf_canvas *c, const bf_mark_area *area, const bf_mark *m) {
  place p = place_of(area, m);
  bool faint = m->kind == BF_MARK_FAINT;
  double s = area->scale;
  bf_canvas_frame(c, p.x0, p.y0, p.x1, p.y1, (faint ? 2.4 : 4.4) * s, 0x000000, 0.35);
  bf_canvas_frame(c, p.x0, p.y0, p.x1, p.y1, (faint ? 1.1 : 2.4) * s, colour_of(m), faint ? 0.8 : 1);
}

static void draw_label(bf_canvas *c, const bf_mark_area *area, const bf_mark *m) {
  place p = place_of(area, m);
  bool faint = m->kind == BF_MARK_FAINT;
  double s = area->scale, size = 9 * s, width = bf_text_width(size, m->label) + 10 * s, height = 15 * s;
  if (m->label[0] == '\0' || width > area->width || height > area->height) return;
  double bottom = area->top + area->height, over = p.y0 - 17 * s;
  double x = bf_canvas_clamp(p.x0 - s, area->left, area->left + area->width - width);
  double y = over >= area->top ? over : p.y1 + 17 * s <= bottom ? p.y1 + 2 * s : p.y0 + 2 * s;
  y = bf_canvas_clamp(y, area->top, bottom - height);
  bf_canvas_fill(c, x, y, x + width, y + height, faint ? 0x101215 : colour_of(m), faint ? 0.75 : 1);
  bf_canvas_text(c, x + 5 * s, y + 12 * s, size, faint ? colour_of(m) : BF_COLOUR_BACKGROUND, m->label);
}

void bf_marks_draw(bf_canvas *c, const bf_mark_area *area, const bf_mark *marks, int count, bf_mark_kind kind) {
  for (int i = count - 1; i >= 0; i--)
    if (marks[i].kind == kind) draw_frame(c, area, &marks[i]);
  for (int i = count - 1; i >= 0; i--)
    if (marks[i].kind == kind) draw_label(c, area, &marks[i]);
}
