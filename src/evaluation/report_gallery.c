/* The most telling pictures, the worst first. */
#include <math.h>
#include <stdio.h>

#include "base/memory.h"
#include "evaluation/report_parts.h"
#include "evaluation/telling.h"

enum { MOST_BOXES = 24 };

/* One picture of the page, and all that it borrows. */
typedef struct tile {
  bf_report_picture picture;
  bf_page_box truths[MOST_BOXES], found[MOST_BOXES];
  char title[96], caption[160], alt[320];
} tile;

typedef struct gallery {
  tile *tiles;
  bf_page_picture *pictures;
  int count;
  int64_t unseen; /* pictures that could not be had */
  bf_error why;   /* the first reason */
} gallery;

static bf_page_box place(const bf_affine to, double xmin, double ymin, double xmax, double ymax, double score) {
  bf_rect r = bf_affine_rect(to, (bf_rect){xmin, ymin, xmax, ymax});
  return (bf_page_box){r.xmin, r.ymin, r.xmax, r.ymax, score};
}

static void place_boxes(bf_page_picture *p, tile *t, const bf_telling *told, const bf_score_row *row, double shown_at) {
  const bf_hit_image *boxes = &told->one->boxes;
  for (int i = 0; i < boxes->truth_count && p->truth_count < MOST_BOXES; i++) {
    const bf_hit_box *b = &boxes->truths[i];
    t->truths[p->truth_count++] = place(t->picture.from_original, b->xmin, b->ymin, b->xmax, b->ymax, NAN);
  }
  for (int i = 0; i < row->box_count && p->found_count < MOST_BOXES; i++) {
    const bf_found_box *b = &row->boxes[i];
    /* The best box is always seen. */
    if (i == 0 || (double)b->score >= shown_at)
      t->found[p->found_count++] = place(t->picture.from_original, (double)b->xmin, (double)b->ymin, (double)b->xmax,
                                         (double)b->ymax, (double)b->score);
  }
}

static void describe(tile *t, const bf_telling *told, const bf_score_row *row) {
  double p = told->one->probability;
  const char *truth = told->one->malignant < 0 ? "class unknown" : told->one->malignant ? "malignant" : "benign";
  int used = snprintf(t->title, sizeof t->title, "%s", truth);
  if (!isnan(p)) snprintf(t->title + used, sizeof t->title - (size_t)used, ", probability %.2f", p);
  used = snprintf(t->caption, sizeof t->caption, "row %lld", (long long)told->one->row);
  if (row->frame > 0) used += snprintf(t->caption + used, sizeof t->caption - (size_t)used, ", frame %d", row->frame);
  if (told->truths > 0)
    snprintf(t->caption + used, sizeof t->caption - (size_t)used, "; %d of %d lesions found, best IoU %.2f", told->hits,
             told->truths, told->best_iou);
  else if (told->one->lesions_known)
    snprintf(t->caption + used, sizeof t->caption - (size_t)used, "; no lesion labelled");
  snprintf(t->alt, sizeof t->alt, "%s image, %s; %s", row->modality[0] != '\0' ? row->modality : "Medical", t->title,
           t->caption);
}

static bf_page_mood mood_of(bf_telling_rank rank) {
  return rank <= BF_TELLING_LESION_MISSED                            ? BF_PAGE_WARNING
         : rank == BF_TELLING_MALIGNANT || rank == BF_TELLING_BENIGN ? BF_PAGE_GOOD
                                                                     : BF_PAGE_NOTE;
}

static void add_tile(gallery *g, const bf_report *r, const bf_telling *told, double shown_at) {
  const bf_score_row *row = bf_case_row(&r->evaluation->cases, told->one);
  tile *t = &g->tiles[g->count];
  bf_error why = {0};
  if (r->pictures->look(&t->picture, r->pictures->source, told->one, &why) != BF_OK) {
    if (g->unseen++ == 0) g->why = why;
    return;
  }
  describe(t, told, row);
  bf_page_picture *p = &g->pictures[g->count++];
  const char *tag = bf_telling_words(told->rank);
  *p = (bf_page_picture){.png = t->picture.png,
                         .png_size = t->picture.png_size,
                         .heat = t->picture.heat,
                         .heat_size = t->picture.heat_size,
                         .columns = t->picture.columns,
                         .rows = t->picture.rows,
                         .alt = t->alt,
                         .title = t->title,
                         .caption = t->caption,
                         .tag = tag[0] != '\0' ? tag : NULL,
                         .mood = mood_of(told->rank),
                         .truths = t->truths,
                         .found = t->found};
  place_boxes(p, t, told, row, shown_at);
}

static void add_pictures(bf_page *page, const bf_report *r, const gallery *g, double shown_at) {
  char caption[300];
  int used = snprintf(caption, sizeof caption, "The worst mistakes of each kind first, %d of %lld images.", g->count,
                      (long long)r->evaluation->cases.count);
  if (isfinite(shown_at))
    snprintf(caption + used, sizeof caption - (size_t)used,
             " Found boxes from a score of %.2f on (one false box an image), and of each image the best.", shown_at);
  const bf_page_gallery shown = {
      .caption = caption, .heat_name = r->pictures->heat_name, .pictures = g->pictures, .picture_count = g->count};
  if (g->count > 0) bf_page_add_gallery(page, &shown);
  if (g->unseen > 0)
    bf_page_add_note(page, BF_PAGE_NOTE, "%lld pictures cannot be shown. The first: %s", (long long)g->unseen,
                     g->why.message);
}

bf_status bf_report_add_gallery(bf_page *page, const bf_report *r, bf_error *err) {
  if (r->evaluation == NULL || r->pictures == NULL || r->pictures->most <= 0) return BF_OK;
  const bf_evaluation *e = r->evaluation;
  bf_telling *told = NULL;
  double shown_at, called_at = isnan(e->options.threshold) ? 0.5 : e->options.threshold;
  int most = e->cases.count < r->pictures->most ? (int)e->cases.count : r->pictures->most;
  gallery g = {.tiles = bf_alloc((size_t)most, sizeof *g.tiles),
               .pictures = bf_alloc((size_t)most, sizeof *g.pictures)};
  bf_status status = bf_telling_shown_at(&shown_at, &e->cases, e->options.rule, err);
  if (status == BF_OK) status = bf_telling_make(&told, &e->cases, called_at, shown_at, err);
  if (status == BF_OK && (g.tiles == NULL || g.pictures == NULL))
    status = bf_fail(err, BF_E_MEMORY, "no memory for %d pictures", most);
  if (status == BF_OK) {
    bf_page_add_section(page, "pictures", "The most telling images");
    bf_telling_mix(told, e->cases.count, most);
    for (int i = 0; i < most; i++) add_tile(&g, r, &told[i], shown_at);
    add_pictures(page, r, &g, shown_at);
  }
  for (int i = 0; i < g.count; i++) {
    bf_free(g.tiles[i].picture.png);
    bf_free(g.tiles[i].picture.heat);
  }
  bf_free(g.tiles);
  bf_free(g.pictures);
  bf_free(told);
  return status;
}
