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
#include "image/sample.h"
#include "output/sheet.h"
#include "run/evaluation.h"
#include "run/original.h"

enum { tile_side = 320, usual_tiles = 30, most_tiles = 600, most_marks = 24 };

/* In the order of the sheet. */
typedef enum rank { MISSED, FALSE_ALARM, LESION_MISSED, BOX_INEXACT, MALIGNANT, OTHER, UNKNOWN } rank;

typedef struct candidate {
  const bf_score_row *row;
  const bf_label *label; /* NULL: nobody spoke of it */
  rank rank;
  double badness; /* within its rank, the worst first */
  bool lesions_known;
  int truths, hits, touched; /* labelled lesions; those with a shown box of IoU 0.5 or more, of 0.1 or more */
  double best_iou;           /* of any box; NaN without a labelled lesion */
} candidate;

typedef struct work {
  bf_evaluation e; /* without labels only its scores are filled */
  bool labelled;
  double called_at; /* malignant at and above */
  double shown_at;  /* boxes at and above are drawn full */
  candidate *candidates;
  int64_t count;
  bf_lesion *lesions; /* of the row that is looked at */
  bf_prepare_options prepare;
  bf_prepare_scratch scratch;
  float *grey;
  uint8_t *bytes;
} work;

/* ---- what is shown ---- */

/* The lowest score at which no more than one false box an image stands, as in FROC; infinity when not even one box
 * may be shown. */
static double one_false_box(const bf_matching *m) {
  double at = INFINITY;
  int64_t wrong = 0;
  for (int64_t i = 0; i < m->count; i++) {
    wrong += !m->verdicts[i].hit;
    if (wrong > m->images) break;
    if (i + 1 == m->count || m->verdicts[i + 1].score != m->verdicts[i].score) at = m->verdicts[i].score;
  }
  return at;
}

static bf_hit_box hit_box(const bf_found_box *b) { return (bf_hit_box){b->xmin, b->ymin, b->xmax, b->ymax, b->score}; }

/* Fills w->lesions; how many there are. */
static int32_t lesions_of(const work *w, candidate *c) {
  int32_t count = 0;
  if (c->label != NULL) c->lesions_known = bf_evaluation_lesions(w->lesions, &count, c->label, c->row);
  return count;
}

static void judge_lesions(const work *w, candidate *c) {
  c->best_iou = NAN;
  c->truths = lesions_of(w, c);
  for (int32_t i = 0; i < c->truths; i++) {
    const bf_lesion *l = &w->lesions[i];
    const bf_hit_box truth = {l->xmin, l->ymin, l->xmax, l->ymax, 0};
    double best = 0, best_shown = 0;
    for (int32_t k = 0; k < c->row->box_count; k++) {
      const bf_hit_box found = hit_box(&c->row->boxes[k]);
      double iou = bf_metrics_iou(&truth, &found);
      if (iou > best) best = iou;
      if (iou > best_shown && found.score >= w->shown_at) best_shown = iou;
    }
    c->hits += best_shown >= 0.5;
    c->touched += best_shown >= 0.1;
    if (isnan(c->best_iou) || best > c->best_iou) c->best_iou = best;
  }
}

static candidate judge(const work *w, const bf_score_row *row, const bf_label *label) {
  candidate c = {.row = row, .label = label, .rank = UNKNOWN};
  int malignant = label != NULL ? label->malignant : -1;
  double p = row->malignant_probability;
  judge_lesions(w, &c);
  c.badness = isnan(p) ? 0 : p;
  rank boxes = c.truths > c.touched        ? LESION_MISSED
               : c.truths > c.hits         ? BOX_INEXACT
               : malignant < 0 || isnan(p) ? UNKNOWN
               : malignant                 ? MALIGNANT
                                           : OTHER;
  c.rank = boxes;
  if (malignant < 0 || isnan(p)) return c;
  c.badness = malignant ? 1 - p : p;
  bool called = p >= w->called_at;
  if (called != (malignant > 0)) c.rank = malignant ? MISSED : FALSE_ALARM;
  /* Among lesions that were not found well the malignant ones come first. */
  if (c.rank == LESION_MISSED || c.rank == BOX_INEXACT) c.badness += malignant;
  return c;
}

static int worst_first(const void *a, const void *b) {
  const candidate *x = a, *y = b;
  if (x->rank != y->rank) return x->rank < y->rank ? -1 : 1;
  if (x->badness != y->badness) return x->badness > y->badness ? -1 : 1;
  return (x->row > y->row) - (x->row < y->row);
}

static bf_status open_work(work *w, const bf_export_options *o, bf_error *err) {
  *w = (work){.labelled = o->label_count > 0, .called_at = 0.5, .shown_at = 0.5};
  bf_evaluate_options evaluate = {.scores = o->scores, .labels = o->labels, .label_count = o->label_count};
  bf_status status =
      w->labelled ? bf_evaluation_create(&w->e, &evaluate, err) : bf_scores_read(&w->e.scores, o->scores, err);
  if (status == BF_OK) status = bf_options_defaults(bf_prepare_table, &w->prepare, err);
  if (status != BF_OK) return status;
  w->prepare.side = 2 * tile_side;
  w->prepare.crop = BF_CROP_NONE;
  w->prepare.mirror = BF_MIRROR_NONE;
  if (w->labelled && !isnan(w->e.threshold)) w->called_at = w->e.threshold;
  if (w->labelled && w->e.lesions > 0) w->shown_at = one_false_box(&w->e.matching);
  w->candidates = bf_alloc((size_t)w->e.scores.count, sizeof *w->candidates);
  w->lesions = bf_alloc((size_t)w->e.most_lesions, sizeof *w->lesions);
  w->grey = bf_alloc(tile_side * tile_side, sizeof *w->grey);
  w->bytes = bf_alloc(tile_side * tile_side, 1);
  if (w->candidates == NULL || w->lesions == NULL || w->grey == NULL || w->bytes == NULL)
    return bf_fail(err, BF_E_MEMORY, "no memory for the sheet");
  for (int64_t i = 0; i < w->e.scores.count; i++) {
    const bf_score_row *row = &w->e.scores.rows[i];
    const bf_label *label = w->labelled ? w->e.row_labels[i] : NULL;
    if (row->status == BF_ROW_OK && (label != NULL || !w->labelled)) w->candidates[w->count++] = judge(w, row, label);
  }
  qsort(w->candidates, (size_t)w->count, sizeof *w->candidates, worst_first);
  if (w->count == 0)
    return bf_fail(err, BF_E_NOT_FOUND, "%s: no good row%s to show", o->scores, w->labelled ? " with a label" : "");
  return BF_OK;
}

static void close_work(work *w) {
  bf_prepare_scratch_clear(&w->scratch);
  bf_free(w->candidates);
  bf_free(w->lesions);
  bf_free(w->grey);
  bf_free(w->bytes);
  bf_evaluation_clear(&w->e);
}

/* ---- pixels ---- */

/* Fills w->bytes; to_tile maps original pixels to the tile's. */
static bf_status read_picture(work *w, bf_affine *to_tile, const bf_score_row *row, const char *scores, bf_error *err) {
  bf_dicom *dicom = NULL;
  bf_prepared prepared = {0};
  bf_status status = bf_original_open(&dicom, row, scores, err);
  if (status != BF_OK) return status;
  status = bf_prepare_frame(&prepared, dicom, row->frame, &w->prepare, &w->scratch, err);
  if (status == BF_OK) {
    bf_affine fit = bf_affine_fit(prepared.columns, prepared.rows, tile_side, tile_side);
    bf_sample_grey(w->grey, tile_side, tile_side, prepared.pixels, prepared.columns, prepared.rows, fit);
    for (int i = 0; i < tile_side * tile_side; i++) w->bytes[i] = (uint8_t)lrintf(255 * fminf(fmaxf(w->grey[i], 0), 1));
    *to_tile = bf_affine_compose(fit, prepared.to_prepared);
  }
  bf_prepared_clear(&prepared);
  bf_dicom_close(dicom);
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

static void mark_boxes(bf_tile *t, bf_mark *marks, const work *w, candidate *c, bf_affine to_tile) {
  for (int32_t i = 0, count = lesions_of(w, c); i < count; i++) {
    const bf_lesion *l = &w->lesions[i];
    add_mark(t, marks, BF_MARK_TRUTH, to_tile, (bf_rect){l->xmin, l->ymin, l->xmax, l->ymax}, 0);
  }
  for (int32_t i = 0; i < c->row->box_count; i++) {
    const bf_found_box *b = &c->row->boxes[i];
    bool shown = b->score >= w->shown_at;
    /* The best box is always seen, thin where it would not count. */
    if (shown || i == 0)
      add_mark(t, marks, shown ? BF_MARK_FOUND : BF_MARK_FAINT, to_tile, (bf_rect){b->xmin, b->ymin, b->xmax, b->ymax},
               b->score);
  }
}

static void describe(bf_tile *t, const work *w, const candidate *c) {
  static const char *const verdicts[] = {"missed", "false alarm", "lesion missed", "box inexact", "right", "right", ""};
  double p = c->row->malignant_probability;
  const char *truth = c->label == NULL || c->label->malignant < 0 ? "class unknown"
                      : c->label->malignant                       ? "malignant"
                                                                  : "benign";
  size_t used = 0;
  t->mood = c->rank <= LESION_MISSED                   ? BF_MOOD_BAD
            : c->rank == MALIGNANT || c->rank == OTHER ? BF_MOOD_GOOD
                                                       : BF_MOOD_PLAIN;
  snprintf(t->verdict, sizeof t->verdict, "%s", verdicts[c->rank]);
  if (w->labelled) used = (size_t)snprintf(t->headline, sizeof t->headline, "%s%s", truth, isnan(p) ? "" : ", ");
  if (!isnan(p)) snprintf(t->headline + used, sizeof t->headline - used, "p %.2f", p);
  used = (size_t)snprintf(t->detail, sizeof t->detail, "row %lld", (long long)(c->row - w->e.scores.rows));
  if (c->row->frame > 0)
    used += (size_t)snprintf(t->detail + used, sizeof t->detail - used, ", frame %d", c->row->frame);
  if (c->truths > 0)
    snprintf(t->detail + used, sizeof t->detail - used, "   found %d of %d, IoU %.2f", c->hits, c->truths, c->best_iou);
  else if (c->lesions_known)
    snprintf(t->detail + used, sizeof t->detail - used, "   no lesion labelled");
}

static bool draw_tile(bf_sheet *sheet, work *w, candidate *c, const char *scores) {
  bf_mark marks[most_marks];
  bf_affine to_tile;
  bf_error why = {0};
  bf_tile tile = {.marks = marks};
  describe(&tile, w, c);
  bool good = read_picture(w, &to_tile, c->row, scores, &why) == BF_OK;
  if (good) {
    tile.grey = w->bytes;
    mark_boxes(&tile, marks, w, c, to_tile);
  } else {
    snprintf(tile.verdict, sizeof tile.verdict, "the picture cannot be read");
    bf_log(BF_LOG_WARN, "row %lld: %s", (long long)(c->row - w->e.scores.rows), why.message);
  }
  bf_sheet_add(sheet, &tile);
  return good;
}

static void write_head(bf_sheet_head *h, const work *w, const bf_export_options *o, int64_t shown) {
  *h = (bf_sheet_head){.truth_legend = w->labelled};
  snprintf(h->title, sizeof h->title, "%lld of %lld images%s", (long long)shown, (long long)w->count,
           w->labelled ? ", the worst first" : ", the most suspicious first");
  size_t used = (size_t)snprintf(h->subtitle, sizeof h->subtitle, "%.60s", bf_path_name(o->scores));
  if (w->labelled && isfinite(w->e.auc.value))
    used += (size_t)snprintf(h->subtitle + used, sizeof h->subtitle - used,
                             "   |   malignant from p = %.2f on   |   AUC %.3f (%.3f to %.3f)", w->called_at,
                             w->e.auc.value, w->e.auc.interval.low, w->e.auc.interval.high);
  if (w->labelled && w->e.lesions > 0 && used < sizeof h->subtitle)
    snprintf(h->subtitle + used, sizeof h->subtitle - used, "   |   %.0f %% of lesions found at 1 false box an image",
             100 * w->e.froc[2]);
  if (w->labelled && w->e.lesions > 0 && isfinite(w->shown_at))
    snprintf(h->found_legend, sizeof h->found_legend, "found, score %.2f or more (1 false box an image)", w->shown_at);
  else
    snprintf(h->found_legend, sizeof h->found_legend, "found, score 0.50 or more");
  snprintf(h->faint_legend, sizeof h->faint_legend, "best box below that");
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
    if (count > w.count) count = w.count;
    write_head(&head, &w, o, count);
    status = bf_make_folders(o->output, err);
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
