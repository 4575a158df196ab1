/* The most telling pictures, the worst first, of a size that a page can hold. */
#include <math.h>
#include <stdio.h>

#include "base/log.h"
#include "base/memory.h"
#include "evaluation/report_parts.h"
#include "evaluation/telling.h"

enum {
  MOST_BOXES = 24,
  MOST_BYTES = 3 << 20 /* of all PNG files: a third more in the page, where they stand in base 64 */
};

/* One picture of the page, and all that it borrows. */
typedef struct tile {
  const bf_telling *told;
  bf_report_picture picture;
  bf_page_box truths[MOST_BOXES], found[MOST_BOXES];
  char title[96], caption[160], alt[320];
} tile;

typedef struct gallery {
  tile *tiles;
  bf_page_picture *pictures;
  int count;
  int unseen; /* pictures that could not be had */
  double called_at, shown_at;
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

/* ---- pixels ---- */

/* The reason names the file, whose path may hold a patient's name: it is for the log, not for the page. */
static void miss(gallery *g, const bf_telling *told, const bf_error *why) {
  if (g->unseen++ == 0)
    bf_log(BF_LOG_WARN, "a picture cannot be shown in the report: row %lld: %s; further ones are not told",
           (long long)told->one->row, why->message);
}

static void look_at(gallery *g, const bf_report *r, const bf_telling *told) {
  tile *t = &g->tiles[g->count];
  bf_error why = {0};
  t->told = told;
  if (r->pictures->look(&t->picture, r->pictures->source, told->one, &why) == BF_OK) {
    g->count++;
    return;
  }
  miss(g, told, &why);
  bf_free(t->picture.pixels);
  *t = (tile){0};
}

static void drop_files(bf_report_picture *p) {
  bf_free(p->png);
  bf_free(p->heat);
  p->png = p->heat = NULL;
  p->png_size = p->heat_size = 0;
}

/* Whether all together keep within the limit; if not, there are no files. */
static bf_status encode_all(bool *fits, gallery *g, const bf_report *r, int side, bf_error *err) {
  size_t bytes = 0;
  bf_status status = BF_OK;
  for (int i = 0; i < g->count && status == BF_OK && bytes <= MOST_BYTES; i++) {
    bf_report_picture *p = &g->tiles[i].picture;
    status = r->pictures->encode(p, r->pictures->source, g->tiles[i].told->one, side, err);
    bytes += p->png_size + p->heat_size;
  }
  *fits = bytes <= MOST_BYTES;
  for (int i = 0; i < g->count && !*fits; i++) drop_files(&g->tiles[i].picture);
  return status;
}

/* As large as they may be: noise does not pack, and takes a byte a pixel. */
static bf_status encode(gallery *g, const bf_report *r, bf_error *err) {
  static const int sides[] = {384, 320, 256, 192, 160, 128, 96, 64, 48, 32};
  bool fits = false;
  bf_status status = BF_OK;
  for (size_t k = 0; k < sizeof sides / sizeof *sides && status == BF_OK && !fits; k++)
    status = encode_all(&fits, g, r, sides[k], err);
  if (status == BF_OK && !fits)
    status = bf_fail(err, BF_E_LIMIT, "%d pictures are too many for a page; ask for fewer with --pictures", g->count);
  return status;
}

/* ---- the page ---- */

static void fill_picture(bf_page_picture *p, const bf_report *r, tile *t, double shown_at) {
  const bf_score_row *row = bf_case_row(&r->evaluation->cases, t->told->one);
  const char *tag = bf_telling_words(t->told->rank);
  describe(t, t->told, row);
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
                         .mood = mood_of(t->told->rank),
                         .truths = t->truths,
                         .found = t->found};
  place_boxes(p, t, t->told, row, shown_at);
}

static void write_caption(char *text, size_t size, const bf_report *r, const gallery *g) {
  const bf_assessment *all = &r->evaluation->all;
  int used = snprintf(text, size, "The worst mistakes of each kind first, %d of %lld images.", g->count,
                      (long long)r->evaluation->cases.count);
  if (isnan(r->evaluation->options.threshold) && all->classes.n > 0)
    used += snprintf(text + used, size - (size_t)used,
                     " Called malignant from a probability of 0.5 on, because there is no threshold.");
  if (isfinite(g->shown_at) && all->lesions.lesions > 0)
    snprintf(text + used, size - (size_t)used,
             " Found boxes from a score of %.2f on (one false box an image), and of each image the best. A lesion "
             "counts as found by the rule %s.",
             g->shown_at, bf_hit_rule_name(r->evaluation->options.rule));
}

static void add_pictures(bf_page *page, const bf_report *r, const gallery *g) {
  char caption[480];
  write_caption(caption, sizeof caption, r, g);
  const bf_page_gallery shown = {
      .caption = caption, .heat_name = r->pictures->heat_name, .pictures = g->pictures, .picture_count = g->count};
  for (int i = 0; i < g->count; i++) fill_picture(&g->pictures[i], r, &g->tiles[i], g->shown_at);
  if (g->count > 0) bf_page_add_gallery(page, &shown);
  if (g->unseen > 0)
    bf_page_add_note(page, BF_PAGE_NOTE,
                     g->unseen == 1 ? "%d picture cannot be shown: its file is gone or cannot be read."
                                    : "%d pictures cannot be shown: their files are gone or cannot be read.",
                     g->unseen);
}

static bf_status judge(bf_telling **told, gallery *g, const bf_evaluation *e, bf_error *err) {
  g->called_at = isnan(e->options.threshold) ? 0.5 : e->options.threshold;
  bf_status status = bf_telling_shown_at(&g->shown_at, &e->cases, e->options.rule, err);
  const bf_telling_how how = {g->called_at, g->shown_at, e->options.rule};
  return status == BF_OK ? bf_telling_make(told, &e->cases, &how, err) : status;
}

static bf_status show(bf_page *page, gallery *g, const bf_report *r, bf_telling *told, int most, bf_error *err) {
  bf_telling_mix(told, r->evaluation->cases.count, most);
  for (int i = 0; i < most; i++) look_at(g, r, &told[i]);
  bf_status status = encode(g, r, err);
  if (status != BF_OK) return status;
  bf_page_add_section(page, "pictures", "The most telling images");
  add_pictures(page, r, g);
  return BF_OK;
}

static void gallery_clear(gallery *g) {
  for (int i = 0; i < g->count && g->tiles != NULL; i++) {
    bf_free(g->tiles[i].picture.pixels);
    drop_files(&g->tiles[i].picture);
  }
  bf_free(g->tiles);
  bf_free(g->pictures);
}

bf_status bf_report_add_gallery(bf_page *page, const bf_report *r, bf_error *err) {
  if (r->evaluation == NULL || r->pictures == NULL || r->pictures->most <= 0) return BF_OK;
  const bf_cases *c = &r->evaluation->cases;
  int most = c->count < r->pictures->most ? (int)c->count : r->pictures->most;
  bf_telling *told = NULL;
  gallery g = {.tiles = bf_alloc((size_t)most, sizeof *g.tiles),
               .pictures = bf_alloc((size_t)most, sizeof *g.pictures)};
  bf_status status = g.tiles != NULL && g.pictures != NULL
                         ? judge(&told, &g, r->evaluation, err)
                         : bf_fail(err, BF_E_MEMORY, "no memory for %d pictures", most);
  if (status == BF_OK) status = show(page, &g, r, told, most, err);
  gallery_clear(&g);
  bf_free(told);
  return status;
}
