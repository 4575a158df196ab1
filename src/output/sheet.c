/* Layout and colours of the contact sheet. */
#include "output/sheet.h"

#include <stdio.h>
#include <string.h>

#include "base/memory.h"
#include "output/canvas.h"

static const uint32_t panel = 0x1E2127, edge = 0x31363F, bad_colour = 0xFF6B6B;
enum { margin = 36, spacing = 20, header = 112, caption = 62 };

struct bf_sheet {
  bf_canvas canvas;
  int columns, side, next;
};

/* Four to six, so that the last line has few empty places. */
static int columns_for(int tiles) {
  if (tiles <= 12) return 4;
  int fives = (5 - tiles % 5) % 5, sixes = (6 - tiles % 6) % 6;
  return tiles <= 20 && fives <= sixes ? 5 : 6;
}

/* Cuts the text so that it fits, with two dots at the end. */
static void fit(char *dst, size_t capacity, const char *text, double size, double width) {
  snprintf(dst, capacity, "%s", text);
  for (size_t n = strlen(dst); n > 2 && bf_text_width(size, dst) > width; n--) memcpy(dst + n - 3, "..", 3);
}

static double legend_entry(bf_canvas *c, double x, double y, uint32_t colour, double thickness, double alpha,
                           const char *text) {
  if (text[0] == '\0') return x;
  bf_canvas_frame(c, x + 1, y - 12, x + 21, y + 1, thickness, colour, alpha);
  return bf_canvas_text(c, x + 32, y, 11, BF_COLOUR_DIM, text) + 24;
}

bf_status bf_sheet_create(bf_sheet **out, const bf_sheet_head *head, int tiles, int side, bf_error *err) {
  *out = NULL;
  bf_sheet *s = bf_alloc(1, sizeof *s);
  if (s == NULL) return bf_fail(err, BF_E_MEMORY, "no memory for the sheet");
  s->columns = columns_for(tiles);
  s->side = side;
  int lines = tiles > 0 ? (tiles + s->columns - 1) / s->columns : 1;
  int width = 2 * margin + s->columns * side + (s->columns - 1) * spacing;
  int height = margin + header + lines * (side + caption) + (lines - 1) * spacing + margin;
  bf_status status = bf_canvas_create(&s->canvas, width, height, BF_COLOUR_BACKGROUND, err);
  if (status != BF_OK) {
    bf_sheet_destroy(s);
    return status;
  }
  char text[256];
  double room = width - 2 * margin;
  fit(text, sizeof text, head->title, 22, room);
  bf_canvas_text(&s->canvas, margin, margin + 22, 22, BF_COLOUR_WORDS, text);
  fit(text, sizeof text, head->subtitle, 12, room);
  bf_canvas_text(&s->canvas, margin, margin + 50, 12, BF_COLOUR_DIM, text);
  double x = margin, y = margin + 82;
  if (head->truth_legend) x = legend_entry(&s->canvas, x, y, BF_COLOUR_TRUTH, 2.4, 1, "lesion, as labelled");
  x = legend_entry(&s->canvas, x, y, BF_COLOUR_FOUND, 2.4, 1, head->found_legend);
  legend_entry(&s->canvas, x, y, BF_COLOUR_FOUND, 1, 0.8, head->faint_legend);
  *out = s;
  return BF_OK;
}

void bf_sheet_destroy(bf_sheet *s) {
  if (s == NULL) return;
  bf_canvas_clear(&s->canvas);
  bf_free(s);
}

static void draw_words(bf_sheet *s, int left, int top, const bf_tile *t) {
  char text[128];
  uint32_t mood = t->mood == BF_MOOD_BAD ? bad_colour : t->mood == BF_MOOD_GOOD ? BF_COLOUR_TRUTH : BF_COLOUR_DIM;
  double inner = s->side - 24, width = bf_text_width(11, t->verdict);
  fit(text, sizeof text, t->headline, 12, inner - width - 12);
  bf_canvas_text(&s->canvas, left + 12, top + s->side + 25, 12, BF_COLOUR_WORDS, text);
  fit(text, sizeof text, t->verdict, 11, inner);
  if (t->grey != NULL)
    bf_canvas_text(&s->canvas, left + s->side - 12 - width, top + s->side + 25, 11, mood, text);
  else
    bf_canvas_text(&s->canvas, left + 12, top + s->side / 2.0, 11, mood, text);
  fit(text, sizeof text, t->detail, 10, inner);
  bf_canvas_text(&s->canvas, left + 12, top + s->side + 47, 10, BF_COLOUR_DIM, text);
}

void bf_sheet_add(bf_sheet *s, const bf_tile *t) {
  int left = margin + s->next % s->columns * (s->side + spacing);
  int top = margin + header + s->next / s->columns * (s->side + caption + spacing);
  const bf_mark_area area = {left, top, s->side, s->side, 1};
  s->next++;
  bf_canvas_fill(&s->canvas, left, top, left + s->side, top + s->side + caption, panel, 1);
  if (t->grey != NULL) bf_canvas_picture(&s->canvas, left, top, t->grey, s->side, s->side);
  static const bf_mark_kind upward[] = {BF_MARK_FAINT, BF_MARK_TRUTH, BF_MARK_FOUND};
  for (int k = 0; k < 3; k++) bf_marks_draw(&s->canvas, &area, t->marks, t->mark_count, upward[k]);
  draw_words(s, left, top, t);
  bf_canvas_frame(&s->canvas, left - 0.5, top - 0.5, left + s->side + 0.5, top + s->side + caption + 0.5,
                  t->mood == BF_MOOD_BAD ? 2 : 1, t->mood == BF_MOOD_BAD ? bad_colour : edge, 1);
}

bf_status bf_sheet_write(const bf_sheet *s, const char *path, bf_error *err) {
  return bf_canvas_write_png(&s->canvas, path, err);
}
