/* The contact sheet: which rows it shows, in which order, what is said of them, and their pixels from the DICOM files
 * that the scores name. Layout and drawing are the output room's. */
#include "run/sheet.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/log.h"
#include "base/memory.h"
#include "evaluation/evaluation.h"
#include "evaluation/telling.h"
#include "image/sample.h"
#include "output/sheet.h"
#include "run/label_files.h"
#include "run/original.h"

enum { tile_side = 320, usual_tiles = 30, most_tiles = 600, most_marks = 24 };

typedef struct work {
  bf_scores scores;
  bf_labels *labels; /* NULL: none were given */
  bf_cases cases;
  bf_assess_options judged; /* threshold, hit rule */
  double called_at;         /* malignant at and above */
  double shown_at;          /* boxes at and above are drawn full */
  bf_telling *candidates;
  bf_prepare_options prepare;
  bf_prepare_scratch scratch;
  float *grey;
  uint8_t *bytes;
} work;

/* ---- what is shown ---- */

static bf_status read_cases(work *w, const bf_export_options *o, bf_error *err) {
  bf_evaluation chosen = {0};
  const bf_evaluation_options usual = {.scores = o->scores};
  bf_status status = bf_scores_read(&w->scores, o->scores, err);
  if (status != BF_OK || o->label_count == 0)
    return status != BF_OK ? status : bf_cases_of_scores(&w->cases, &w->scores, err);
  status = bf_label_files_read(&w->labels, o->labels, o->label_count, NULL, err);
  if (status == BF_OK) status = bf_cases_of_labels(&w->cases, &w->scores, w->labels, o->scores, err);
  if (status == BF_OK) status = bf_evaluation_choose(&chosen, &w->scores, &usual, err);
  w->judged = chosen.options;
  if (status == BF_OK && !isnan(w->judged.threshold)) w->called_at = w->judged.threshold;
  return status == BF_OK ? bf_telling_shown_at(&w->shown_at, &w->cases, w->judged.rule, err) : status;
}

static bf_status open_work(work *w, const bf_export_options *o, bf_error *err) {
  *w = (work){.called_at = 0.5, .shown_at = 0.5};
  bf_status status = read_cases(w, o, err);
  if (status == BF_OK) status = bf_original_small(&w->prepare, 2 * tile_side, err);
  if (status != BF_OK) return status;
  w->grey = bf_alloc(tile_side * tile_side, sizeof *w->grey);
  w->bytes = bf_alloc(tile_side * tile_side, 1);
  if (w->grey == NULL || w->bytes == NULL) return bf_fail(err, BF_E_MEMORY, "no memory for the sheet");
  if (w->cases.count == 0)
    return bf_fail(err, BF_E_NOT_FOUND, "%s: no good row%s to show", o->scores, w->labels ? " with a label" : "");
  const bf_telling_how how = {w->called_at, w->shown_at, w->judged.rule};
  return bf_telling_make(&w->candidates, &w->cases, &how, err);
}

static void close_work(work *w) {
  bf_prepare_scratch_clear(&w->scratch);
  bf_free(w->candidates);
  bf_free(w->grey);
  bf_free(w->bytes);
  bf_cases_clear(&w->cases);
  bf_labels_destroy(w->labels);
  bf_scores_clear(&w->scores);
}

/* ---- pixels ---- */

/* Fills w->bytes; to_tile maps original pixels to the tile's. */
static bf_status read_picture(work *w, bf_affine *to_tile, const bf_score_row *row, const char *scores, bf_error *err) {
  bf_prepared prepared;
  bf_status status = bf_original_prepare(&prepared, row, scores, &w->prepare, &w->scratch, err);
  if (status == BF_OK) {
    bf_affine fit = bf_affine_fit(prepared.columns, prepared.rows, tile_side, tile_side);
    bf_sample_grey(w->grey, tile_side, tile_side, prepared.pixels, prepared.columns, prepared.rows, fit);
    for (int i = 0; i < tile_side * tile_side; i++) w->bytes[i] = (uint8_t)lrintf(255 * fminf(fmaxf(w->grey[i], 0), 1));
    *to_tile = bf_affine_compose(fit, prepared.to_prepared);
  }
  bf_prepared_clear(&prepared);
  return status;
}

/* ---- one tile ---- */

static void add_mark(bf_tile *t, bf_mark *marks, bf_mark_kind kind, bf_affine to_tile, bf_rect box, double score) {
  if (t->mark_count == most_marks) return;
  bf_rect r = bf_affine_rect(to_tile, box);
  bf_mark *m = &marks[t->mark_count++];
  *m = (bf_mark){kind, r.xmin, r.ymin, r.xmax, r.ymax, ""};
  if (kind != BF_MARK_TRUTH) snprintf(m->label, sizeof m->label, "%.2f", score);
}

static bf_rect rect_of(const bf_hit_box *b) { return (bf_rect){b->xmin, b->ymin, b->xmax, b->ymax}; }

static void mark_boxes(bf_tile *t, bf_mark *marks, const work *w, const bf_telling *c, bf_affine to_tile) {
  const bf_score_row *row = bf_case_row(&w->cases, c->one);
  for (int32_t i = 0; i < c->one->boxes.truth_count; i++)
    add_mark(t, marks, BF_MARK_TRUTH, to_tile, rect_of(&c->one->boxes.truths[i]), 0);
  for (int32_t i = 0; i < row->box_count; i++) {
    const bf_found_box *b = &row->boxes[i];
    bool shown = b->score >= w->shown_at;
    /* The best box is always seen, thin where it would not count. */
    if (shown || i == 0)
      add_mark(t, marks, shown ? BF_MARK_FOUND : BF_MARK_FAINT, to_tile, (bf_rect){b->xmin, b->ymin, b->xmax, b->ymax},
               b->score);
  }
}

static void describe(bf_tile *t, const work *w, const bf_telling *c) {
  double p = c->one->probability;
  int32_t frame = bf_case_row(&w->cases, c->one)->frame;
  const char *truth = c->one->malignant < 0 ? "class unknown" : c->one->malignant ? "malignant" : "benign";
  size_t used = 0;
  t->mood = c->rank <= BF_TELLING_LESION_MISSED                               ? BF_MOOD_BAD
            : c->rank == BF_TELLING_MALIGNANT || c->rank == BF_TELLING_BENIGN ? BF_MOOD_GOOD
                                                                              : BF_MOOD_PLAIN;
  snprintf(t->verdict, sizeof t->verdict, "%s", bf_telling_words(c->rank));
  if (w->labels != NULL) used = (size_t)snprintf(t->headline, sizeof t->headline, "%s%s", truth, isnan(p) ? "" : ", ");
  if (!isnan(p)) snprintf(t->headline + used, sizeof t->headline - used, "p %.2f", p);
  used = (size_t)snprintf(t->detail, sizeof t->detail, "row %lld", (long long)c->one->row);
  if (frame > 0) used += (size_t)snprintf(t->detail + used, sizeof t->detail - used, ", frame %d", frame);
  if (c->truths > 0)
    snprintf(t->detail + used, sizeof t->detail - used, "   found %d of %d, IoU %.2f", c->hits, c->truths, c->best_iou);
  else if (c->one->lesions_known)
    snprintf(t->detail + used, sizeof t->detail - used, "   no lesion labelled");
}

static bool draw_tile(bf_sheet *sheet, work *w, const bf_telling *c, const char *scores) {
  bf_mark marks[most_marks];
  bf_affine to_tile;
  bf_error why = {0};
  bf_tile tile = {.marks = marks};
  describe(&tile, w, c);
  bool good = read_picture(w, &to_tile, bf_case_row(&w->cases, c->one), scores, &why) == BF_OK;
  if (good) {
    tile.grey = w->bytes;
    mark_boxes(&tile, marks, w, c, to_tile);
  } else {
    snprintf(tile.verdict, sizeof tile.verdict, "the picture cannot be read");
    bf_log(BF_LOG_WARN, "row %lld: %s", (long long)c->one->row, why.message);
  }
  bf_sheet_add(sheet, &tile);
  return good;
}

/* AUC and lesion sensitivity at one false box an image, in one line. */
static bf_status write_figures(char *text, size_t size, const work *w, bf_error *err) {
  bf_assessment a;
  size_t used = strlen(text);
  bf_status status = bf_assess(&a, &w->cases, w->cases.items, NULL, w->cases.count, BF_ASSESS_GROUP, &w->judged, err);
  if (status != BF_OK) return status;
  if (a.classes.n > 0)
    used += (size_t)snprintf(text + used, size - used, "   |   malignant from p = %.2f on%s", w->called_at,
                             isnan(w->judged.threshold) ? ", because there is no threshold" : "");
  const bf_shown auc = bf_assessment_shown(&a, BF_FIGURE_AUC);
  if (isfinite(auc.value) && used < size)
    used += (size_t)snprintf(text + used, size - used, "   |   AUC %.3f", auc.value);
  if (isfinite(auc.interval.low) && used < size)
    used += (size_t)snprintf(text + used, size - used, " (%.3f to %.3f)", auc.interval.low, auc.interval.high);
  if (a.lesions.lesions > 0 && used < size)
    snprintf(text + used, size - used, "   |   %.0f %% of lesions found at 1 false box an image",
             100 * a.figures[BF_FIGURE_FROC_1].value);
  return BF_OK;
}

static bf_status write_head(bf_sheet_head *h, const work *w, const bf_export_options *o, int64_t shown, bf_error *err) {
  *h = (bf_sheet_head){.truth_legend = w->labels != NULL};
  snprintf(h->title, sizeof h->title, "%lld of %lld images%s", (long long)shown, (long long)w->cases.count,
           w->labels != NULL ? ", the worst first" : ", the most suspicious first");
  snprintf(h->subtitle, sizeof h->subtitle, "%.60s", bf_path_name(o->scores));
  snprintf(h->found_legend, sizeof h->found_legend, "found, score 0.50 or more");
  if (w->labels != NULL && isfinite(w->shown_at) && w->shown_at != 0.5)
    snprintf(h->found_legend, sizeof h->found_legend, "found, score %.2f or more (1 false box an image)", w->shown_at);
  snprintf(h->faint_legend, sizeof h->faint_legend, "best box below that");
  return w->labels != NULL ? write_figures(h->subtitle, sizeof h->subtitle, w, err) : BF_OK;
}

bf_status bf_sheet_export(int *tiles, const bf_export_options *o, bf_error *err) {
  work w;
  bf_sheet *sheet = NULL;
  bf_sheet_head head;
  char path[BF_PATH_MAX];
  int64_t readable = 0, count = 0;
  bf_status status = open_work(&w, o, err);
  if (status == BF_OK && o->images > most_tiles)
    status = bf_fail(err, BF_E_LIMIT, "--images %d: a sheet holds at most %d", o->images, most_tiles);
  if (status == BF_OK) {
    count = o->images > 0 ? o->images : usual_tiles;
    if (count > w.cases.count) count = w.cases.count;
    status = write_head(&head, &w, o, count, err);
    if (status == BF_OK) status = bf_make_folders(o->output, err);
  }
  if (status == BF_OK) status = bf_path_join(path, sizeof path, o->output, "sheet.png", err);
  if (status == BF_OK) status = bf_sheet_create(&sheet, &head, (int)count, tile_side, err);
  for (int64_t i = 0; i < count && status == BF_OK; i++) readable += draw_tile(sheet, &w, &w.candidates[i], o->scores);
  if (status == BF_OK && readable == 0)
    status = bf_fail(err, BF_E_NOT_FOUND,
                     "%s: none of its pictures can be read; run from the folder where they were scored", o->scores);
  if (status == BF_OK) status = bf_sheet_write(sheet, path, err);
  *tiles = (int)count;
  bf_sheet_destroy(sheet);
  close_work(&w);
  return status;
}
