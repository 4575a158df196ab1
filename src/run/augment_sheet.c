/* The sheet of augmentations: which pictures and which looks at them it shows, and their layout. Pictures come from the
 * loader that training uses, under the same keys. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/memory.h"
#include "output/canvas.h"
#include "run/train_job.h"

enum {
  most_images = 4,
  together = 4,     /* looks with everything on: the first epochs */
  draws_alone = 24, /* of which the one that changes most is shown */
  most_tiles = 1 + 32 + together,
  a_line = 10 /* most tiles in a line */
};
enum { margin = 32, spacing = 12, header = 96, heading = 34, caption = 26, least_side = 160, most_side = 256 };

static const uint32_t background = 0x14161A, panel = 0x1E2127, edge = 0x31363F, words = 0xE8EAED, dim = 0x99A1AD,
                      lesion_colour = 0x35D07F, accent = 0x7FB4FF;

typedef struct work {
  bf_train_job job;
  bf_augmenter all;
  int64_t rows[most_images];
  int images;
  int size;            /* of the network's input */
  float *input, *best; /* [size*size*3] */
  int on[32], on_count;
  bf_canvas canvas;
  int side, columns, lines; /* of a tile, pixels; tiles a line, lines an image */
} work;

/* ---- which pictures ---- */

static bool is_new_patient(const work *w, const char *patient) {
  for (int i = 0; i < w->images && patient[0] != '\0'; i++)
    if (strcmp(bf_dataset_record(w->job.data, w->rows[i])->patient, patient) == 0) return false;
  return true;
}

/* One that is known to have no lesion, if any, for what is done to such alone. */
static void choose_empty(work *w, const uint8_t *part) {
  for (int64_t i = 0; i < bf_dataset_count(w->job.data) && w->images == 0; i++) {
    const bf_record *r = bf_dataset_record(w->job.data, i);
    if (part[i] == BF_SPLIT_TRAIN && r->lesions_known && r->lesions_count == 0) w->rows[w->images++] = i;
  }
}

/* Training rows: one without a lesion; those with lesions of patients not seen yet, then any others with lesions, then
 * any. */
static void choose_rows(work *w, const uint8_t *part) {
  choose_empty(w, part);
  for (int pass = 0; pass < 3; pass++)
    for (int64_t i = 0; i < bf_dataset_count(w->job.data) && w->images < most_images; i++) {
      const bf_record *r = bf_dataset_record(w->job.data, i);
      bool taken = part[i] != BF_SPLIT_TRAIN || (pass < 2 && r->lesions_count == 0) ||
                   (pass == 0 && !is_new_patient(w, r->patient));
      for (int k = 0; k < w->images && !taken; k++) taken = w->rows[k] == i;
      if (!taken) w->rows[w->images++] = i;
    }
}

static bf_status open_rows(work *w, bf_error *err) {
  size_t rows = (size_t)bf_dataset_count(w->job.data);
  uint8_t *part = bf_alloc(rows, 1), *use = bf_alloc(rows, 1);
  bf_status status = part == NULL || use == NULL ? bf_fail(err, BF_E_MEMORY, "no memory for %zu rows", rows) : BF_OK;
  if (status == BF_OK) {
    memset(use, 1, rows);
    status = bf_train_job_parts(part, &w->job, use, err);
  }
  if (status == BF_OK) choose_rows(w, part);
  if (status == BF_OK && w->images == 0)
    status = bf_fail(err, BF_E_NOT_FOUND, "%s: no picture is left to train on", w->job.options->data);
  bf_free(part);
  bf_free(use);
  return status;
}

static bf_status open_work(work *w, const bf_train_options *options, bf_error *err) {
  bf_config *config = NULL;
  *w = (work){0};
  bf_status status = bf_train_job_open(&w->job, options, err);
  if (status != BF_OK) return status;
  status = open_rows(w, err);
  if (status == BF_OK) status = bf_train_job_config(&config, &w->job, err);
  if (status == BF_OK) status = bf_run_augmenter(&w->all, config, err);
  bf_config_destroy(config);
  if (status != BF_OK) return status;
  w->size = w->job.main.size;
  size_t values = (size_t)w->size * (size_t)w->size * 3;
  w->input = bf_alloc_raw(values, sizeof *w->input);
  w->best = bf_alloc_raw(values, sizeof *w->best);
  return w->input != NULL && w->best != NULL ? BF_OK : bf_fail(err, BF_E_MEMORY, "no memory for the sheet");
}

static void close_work(work *w) {
  bf_run_augmenter_clear(&w->all);
  bf_canvas_clear(&w->canvas);
  bf_free(w->input);
  bf_free(w->best);
  bf_train_job_close(&w->job);
}

/* ---- looks ---- */

/* Grey values stay 0 to 1: the network's normalisation is nothing to look at. */
static bf_status create_loader(bf_loader **out, work *w, const bf_augmenter *augmenter, bf_error *err) {
  size_t rows = (size_t)bf_dataset_count(w->job.data);
  uint8_t *use = bf_alloc(rows, 1);
  *out = NULL;
  if (use == NULL) return bf_fail(err, BF_E_MEMORY, "no memory for %zu rows", rows);
  for (int i = 0; i < w->images; i++) use[w->rows[i]] = 1;
  bf_loader_options options = {.width = w->size,
                               .height = w->size,
                               .normalisation = {{0, 0, 0}, {1, 1, 1}},
                               .augmenter = augmenter,
                               .seed = (uint64_t)w->job.main.seed};
  bf_status status = bf_loader_create(out, w->job.data, use, &options, err);
  bf_free(use);
  return status;
}

static double distance(const work *w) {
  double sum = 0;
  for (int64_t i = 0; i < (int64_t)w->size * w->size; i++)
    sum += fabs((double)w->input[3 * i] - (double)w->best[3 * i]);
  return sum;
}

/* Which of the first epochs' draws changes the picture most; -1: none does anything. w->best: the picture as it is. */
static int64_t strongest(work *w, bf_loader *loader, int64_t row) {
  int64_t best = -1;
  double most = 0;
  bf_sample samples[2];
  bf_loader_fill(loader, NULL, w->best, samples, &row, NULL, 1, -1);
  for (int64_t epoch = 0; epoch < draws_alone; epoch++) {
    bf_loader_fill(loader, NULL, w->input, samples, &row, NULL, 1, epoch);
    double far = distance(w);
    if (far > most) most = far, best = epoch;
  }
  return best;
}

/* ---- drawing ---- */

/* Tiles of the network's input as it is, enlarged or averaged by a whole factor where it is very small or large. */
static void lay_out(work *w) {
  int tiles = 1 + w->on_count + together;
  w->side = w->size < least_side ? w->size * ((least_side + w->size - 1) / w->size)
                                 : w->size / ((w->size + most_side - 1) / most_side);
  w->lines = (tiles + a_line - 1) / a_line;
  w->columns = (tiles + w->lines - 1) / w->lines;
}

/* Mean of the input's pixels under one of the tile's. */
static uint8_t tile_pixel(const work *w, int x, int y) {
  int factor = w->size > w->side ? w->size / w->side : 1, from_x = x * factor, from_y = y * factor;
  if (w->size < w->side) from_x = x * w->size / w->side, from_y = y * w->size / w->side;
  double sum = 0;
  for (int v = 0; v < factor; v++)
    for (int u = 0; u < factor; u++) sum += (double)w->input[3 * ((int64_t)(from_y + v) * w->size + from_x + u)];
  return (uint8_t)lrint(255 * fmin(fmax(sum / (factor * factor), 0), 1));
}

static void tile_corner(int *left, int *top, const work *w, int image, int place) {
  int block = heading + w->lines * (w->side + caption + spacing);
  *left = margin + place % w->columns * (w->side + spacing);
  *top = margin + header + image * block + heading + place / w->columns * (w->side + caption + spacing);
}

static void draw_lesions(work *w, int left, int top, const bf_sample *sample) {
  double scale = (double)w->side / w->size, last = w->side - 1;
  for (int i = 0; i < sample->box_count; i++) {
    const bf_rect *b = &sample->boxes[i];
    double x0 = left + fmax(1, b->xmin * scale), x1 = left + fmin(last, b->xmax * scale);
    double y0 = top + fmax(1, b->ymin * scale), y1 = top + fmin(last, b->ymax * scale);
    bf_canvas_frame(&w->canvas, x0, y0, x1, y1, 3.6, 0x000000, 0.35);
    bf_canvas_frame(&w->canvas, x0, y0, x1, y1, 1.8, lesion_colour, 1);
  }
}

/* w->input, with the lesions of all pictures in it. */
static void draw_tile(work *w, int image, int place, const bf_sample *samples, int count, const char *name,
                      uint32_t colour) {
  uint8_t line[2 * most_side];
  int left, top;
  tile_corner(&left, &top, w, image, place);
  bf_canvas_fill(&w->canvas, left, top, left + w->side, top + w->side + caption, panel, 1);
  for (int y = 0; y < w->side; y++) {
    for (int x = 0; x < w->side; x++) line[x] = tile_pixel(w, x, y);
    bf_canvas_picture(&w->canvas, left, top + y, line, w->side, 1);
  }
  for (int i = 0; i < count; i++) draw_lesions(w, left, top, &samples[i]);
  bf_canvas_text(&w->canvas, left + 9, top + w->side + 18, 10, colour, name);
  bf_canvas_frame(&w->canvas, left - 0.5, top - 0.5, left + w->side + 0.5, top + w->side + caption + 0.5, 1, edge, 1);
}

static void draw_look(work *w, bf_loader *loader, int image, int place, int64_t epoch, const char *name,
                      uint32_t colour) {
  bf_sample samples[2];
  int count = bf_loader_fill(loader, NULL, w->input, samples, &w->rows[image], NULL, 1, epoch);
  draw_tile(w, image, place, samples, count, name, colour);
}

static bf_status draw_alone(work *w, int which, bf_error *err) {
  bf_augmenter one;
  bf_loader *loader = NULL;
  bf_status status = bf_run_augmenter_alone(&one, &w->all, w->on[which], err);
  if (status == BF_OK) status = create_loader(&loader, w, &one, err);
  for (int i = 0; i < w->images && status == BF_OK; i++)
    draw_look(w, loader, i, 1 + which, strongest(w, loader, w->rows[i]), bf_augment_at(w->on[which])->name, words);
  bf_loader_destroy(loader);
  bf_run_augmenter_clear(&one);
  return status;
}

static bf_status draw_together(work *w, bf_error *err) {
  bf_loader *loader = NULL;
  bf_status status = create_loader(&loader, w, &w->all, err);
  for (int i = 0; i < w->images && status == BF_OK; i++) {
    draw_look(w, loader, i, 0, -1, "as it is", dim);
    for (int k = 0; k < together; k++) {
      char name[32];
      snprintf(name, sizeof name, "together, epoch %d", k + 1);
      draw_look(w, loader, i, 1 + w->on_count + k, k, name, accent);
    }
  }
  bf_loader_destroy(loader);
  return status;
}

/* A row is on if it changes one of the pictures in any of the draws. */
static bf_status find_on(work *w, bf_error *err) {
  bf_status status = BF_OK;
  for (int i = 0; i < bf_augment_count() && status == BF_OK; i++) {
    bf_augmenter one;
    bf_loader *loader = NULL;
    status = bf_run_augmenter_alone(&one, &w->all, i, err);
    if (status == BF_OK) status = create_loader(&loader, w, &one, err);
    bool on = false;
    for (int k = 0; k < w->images && status == BF_OK && !on; k++) on = strongest(w, loader, w->rows[k]) >= 0;
    if (on) w->on[w->on_count++] = i;
    bf_loader_destroy(loader);
    bf_run_augmenter_clear(&one);
  }
  return status;
}

static const char *class_of(const bf_record *r) {
  return r->malignant < 0 ? "class unknown" : r->malignant > 0 ? "malignant" : "benign";
}

static void draw_words(work *w) {
  char text[192];
  bf_canvas *c = &w->canvas;
  bf_canvas_text(c, margin, margin + 20, 20, words, "augmentations");
  snprintf(text, sizeof text,
           "%d x %d pixels, seed %d   |   alone: of %d draws the one that changes most   |   together:"
           " what training sees",
           w->size, w->size, w->job.main.seed, draws_alone);
  bf_canvas_text(c, margin, margin + 46, 11, dim, text);
  bf_canvas_frame(c, margin + 1, margin + 60, margin + 21, margin + 73, 2, lesion_colour, 1);
  bf_canvas_text(c, margin + 32, margin + 72, 11, dim, "lesion, as labelled");
  for (int i = 0; i < w->images; i++) {
    int left, top;
    tile_corner(&left, &top, w, i, 0);
    snprintf(text, sizeof text, "image %d", i + 1);
    double x = bf_canvas_text(c, left, top - 12, 13, words, text);
    bf_canvas_text(c, x + 14, top - 12, 11, dim, class_of(bf_dataset_record(w->job.data, w->rows[i])));
  }
}

static bf_status create_canvas(work *w, bf_error *err) {
  lay_out(w);
  int width = 2 * margin + w->columns * w->side + (w->columns - 1) * spacing;
  int height = 2 * margin + header + w->images * (heading + w->lines * (w->side + caption + spacing)) - spacing;
  return bf_canvas_create(&w->canvas, width, height, background, err);
}

bf_status bf_augment_sheet(bf_augment_sheet_report *report, const bf_train_options *options, const char *path,
                           bf_error *err) {
  work w;
  bf_status status = open_work(&w, options, err);
  if (status == BF_OK) status = find_on(&w, err);
  if (status == BF_OK) status = create_canvas(&w, err);
  if (status == BF_OK) draw_words(&w);
  if (status == BF_OK) status = draw_together(&w, err);
  for (int i = 0; i < w.on_count && status == BF_OK; i++) status = draw_alone(&w, i, err);
  if (status == BF_OK) status = bf_canvas_write_png(&w.canvas, path, err);
  if (status == BF_OK) *report = (bf_augment_sheet_report){w.images, w.on_count, w.canvas.width, w.canvas.height};
  close_work(&w);
  return status;
}
