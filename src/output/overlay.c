/* Layers of an overlay from below: picture, heat map, lesion outlines, boxes, words. */
#include "output/overlay.h"

#include <math.h>
#include <stdio.h>

#include "base/memory.h"
#include "output/heat.h"
#include "output/mark.h"

enum { most_words = 6 };

/* Words below the picture. The first stand alone on their line, larger where the picture is wide enough. */
typedef struct strip {
  char words[most_words][96];
  int count;
  double scale, margin, first; /* first: height of the first words' letters */
  int width;                   /* of the whole canvas */
  double height;
} strip;

/* Letters and lines grow with the picture, because large ones are looked at from farther away; below about 600 pixels
 * they stay as small as can be read. */
static double scale_of(const bf_output_row *row) { return fmax(0.9, (row->rows + row->columns) / 2.0 / 700); }

static int32_t boxes_from(const bf_output_row *row, double min_score, float *best_below) {
  int32_t count = 0;
  *best_below = 0;
  for (int32_t i = 0; i < row->box_count; i++) {
    float score = row->boxes[i].score;
    bool shown = (double)score >= min_score;
    count += shown;
    if (!shown && score > *best_below) *best_below = score;
  }
  return count;
}

/* ---- words ---- */

/* How strong the strongest colour is: it stands for each picture's own maximum. */
static void say_heat(strip *s, const bf_output_row *row, const bf_output_job *job) {
  static const char *const words[BF_HEATS] = {"colour: for malignancy, a cell at most %+.2f logit",
                                              "colour: lesion likely, at most %.2f"};
  double most = bf_heat_most(row, job);
  if (!isnan(most)) snprintf(s->words[s->count++], sizeof s->words[0], words[job->heat], most);
}

static void say(strip *s, const bf_output_row *row, const bf_output_job *job) {
  const double min_score = job->min_score;
  float best;
  int32_t shown = boxes_from(row, min_score, &best), below = row->box_count - shown;
  size_t room = sizeof s->words[0];
  if (isfinite(row->malignant_probability))
    snprintf(s->words[0], room, "malignant probability %.3f", (double)row->malignant_probability);
  else
    snprintf(s->words[0], room, "malignant probability unknown");
  if (row->frame > 0)
    snprintf(s->words[1], room, "row %lld, frame %d", (long long)row->number, row->frame);
  else
    snprintf(s->words[1], room, "row %lld", (long long)row->number);
  s->count = 3;
  if (row->box_count == 0)
    snprintf(s->words[2], room, "no box found");
  else if (shown == 0)
    snprintf(s->words[2], room, "no box of score %g or more", min_score);
  else
    snprintf(s->words[2], room, "%d %s of score %g or more", shown, shown == 1 ? "box" : "boxes", min_score);
  /* Cut, not rounded: a score below the least one is never told as that one. */
  if (below > 0) snprintf(s->words[s->count++], room, "%d below, best %.2f", below, floor((double)best * 100) / 100);
  say_heat(s, row, job);
  if (row->unlike[0] != '\0') snprintf(s->words[s->count++], room, "unlike the model's training");
}

static double size_of(const strip *s, int word) { return word == 0 ? s->first : 9 * s->scale; }

/* Puts the words into lines, from y on; draws them where there is a canvas. Returns where the last line ends. */
static double flow(const strip *s, double y, bf_canvas *c) {
  double x = s->margin, end = s->width - s->margin;
  y += 22 * s->scale;
  for (int i = 0; i < s->count; i++) {
    double width = bf_text_width(size_of(s, i), s->words[i]);
    if (i == 1 || (i > 1 && x + width > end)) {
      x = s->margin;
      y += 18 * s->scale;
    }
    if (c != NULL) bf_canvas_text(c, x, y, size_of(s, i), i == 0 ? BF_COLOUR_WORDS : BF_COLOUR_DIM, s->words[i]);
    x += width + 18 * s->scale;
  }
  return y + 12 * s->scale;
}

static void plan(strip *s, const bf_output_row *row, const bf_output_job *job) {
  *s = (strip){.scale = scale_of(row), .width = row->columns};
  s->margin = 10 * s->scale;
  say(s, row, job);
  s->first = 11 * s->scale;
  if (bf_text_width(s->first, s->words[0]) + 2 * s->margin > row->columns) s->first = 9 * s->scale;
  for (int i = 0; i < s->count; i++) {
    int wanted = (int)ceil(bf_text_width(size_of(s, i), s->words[i]) + 2 * s->margin);
    if (wanted > s->width) s->width = wanted;
  }
  s->height = ceil(flow(s, 0, NULL));
}

/* ---- pictures ---- */

static bf_status draw_boxes(bf_canvas *c, const bf_output_row *row, double scale, double min_score, bf_error *err) {
  const bf_mark_area area = {0, 0, row->columns, row->rows, scale};
  bf_mark *marks = bf_alloc((size_t)row->box_count, sizeof *marks);
  int count = 0;
  if (marks == NULL) return bf_fail(err, BF_E_MEMORY, "no memory for %d boxes", row->box_count);
  for (int32_t i = 0; i < row->box_count; i++) {
    const bf_output_box *b = &row->boxes[i];
    if ((double)b->score < min_score) continue;
    bf_mark *m = &marks[count++];
    *m = (bf_mark){BF_MARK_FOUND, b->xmin, b->ymin, b->xmax, b->ymax, ""};
    snprintf(m->label, sizeof m->label, "%.2f", (double)b->score);
  }
  bf_marks_draw(c, &area, marks, count, BF_MARK_FOUND);
  bf_free(marks);
  return BF_OK;
}

bf_status bf_overlay_draw(bf_canvas *c, const bf_output_row *row, const bf_output_job *job, bf_error *err) {
  strip s;
  plan(&s, row, job);
  bf_status status = bf_canvas_create(c, s.width, row->rows + (int)s.height, BF_COLOUR_BACKGROUND, err);
  if (status != BF_OK) return status;
  bf_canvas_picture(c, 0, 0, row->original->grey, row->columns, row->rows);
  bf_heat_draw(c, row, job);
  if (row->mask != NULL) status = bf_mark_outline(c, s.scale, row->mask, row->rows, row->columns, err);
  if (status == BF_OK) status = draw_boxes(c, row, s.scale, job->min_score, err);
  if (status != BF_OK) return status;
  /* Halos of lines at the picture's end reach over it. */
  bf_canvas_fill(c, 0, row->rows, s.width, c->height, BF_COLOUR_BACKGROUND, 1);
  bf_canvas_fill(c, row->columns, 0, s.width, c->height, BF_COLOUR_BACKGROUND, 1);
  flow(&s, row->rows, c);
  return BF_OK;
}
