/* Batches: pixels in memory, one warp from original to network pixels, grey values, boxes that follow. */
#include "data/loader.h"

#include <string.h>

#include "base/memory.h"
#include "data/order.h"
#include "image/mask.h"

/* A box with less of its area than this left inside the frame is dropped. */
static const double least_area_left = 0.25;

enum { most_threads = 64 }; /* of bf_pool */

struct bf_loader {
  bf_dataset *data;
  bf_loader_options options;
  uint16_t **pixels;     /* of each row; NULL for rows that are not used */
  uint8_t **masks;       /* bit-packed, of each row; NULL where there is none, or none is wanted */
  bf_outline **outlines; /* of each row's lesions; NULL where no mask is known */
  float *grey;           /* two of the pictures below a thread; pages are touched only by threads that exist */
  int64_t *alike[1 << BF_LABEL_KINDS]; /* where pictures are mixed: used rows by the labels that they have */
  int64_t alike_count[1 << BF_LABEL_KINDS];
};

/* The row before (step -1) or behind (1) in the volume; the row itself at an end, and for pictures of their own. */
static int64_t neighbour_of(const bf_loader *l, int64_t row, int step) {
  int64_t other = row + step, volume = bf_dataset_record(l->data, row)->volume;
  if (volume < 0 || other < 0 || other >= bf_dataset_count(l->data)) return row;
  return bf_dataset_record(l->data, other)->volume == volume ? other : row;
}

static bf_status read_pixels(bf_loader *l, int64_t row, bf_error *err) {
  if (l->pixels[row] != NULL) return BF_OK; /* it was a neighbour */
  const bf_record *r = bf_dataset_record(l->data, row);
  l->pixels[row] = bf_alloc_raw((size_t)r->prepared_rows * (size_t)r->prepared_columns, sizeof(uint16_t));
  if (l->pixels[row] != NULL) return bf_dataset_pixels(l->data, row, l->pixels[row], err);
  return bf_fail(err, BF_E_MEMORY,
                 "no memory to hold the prepared pictures (row %lld of %lld); ingest with a smaller prepare.side",
                 (long long)row, (long long)bf_dataset_count(l->data));
}

static bf_status find_outlines(bf_loader *l, int64_t row, const uint8_t *mask, bf_error *err) {
  const bf_record *r = bf_dataset_record(l->data, row);
  const bf_lesion *lesions = bf_dataset_lesions(l->data, row);
  bf_status status = BF_OK;
  if (r->lesions_count == 0) return BF_OK;
  l->outlines[row] = bf_alloc((size_t)r->lesions_count, sizeof(bf_outline));
  if (l->outlines[row] == NULL) return bf_fail(err, BF_E_MEMORY, "no memory for the outlines of lesions");
  for (int i = 0; i < r->lesions_count && status == BF_OK; i++) {
    bf_rect box = {lesions[i].xmin, lesions[i].ymin, lesions[i].xmax, lesions[i].ymax};
    status = bf_outline_find(&l->outlines[row][i], mask, r->rows, r->columns, box, err);
  }
  return status;
}

static bf_status read_mask(bf_loader *l, int64_t row, bf_error *err) {
  const bf_record *r = bf_dataset_record(l->data, row);
  uint8_t *mask = bf_alloc_raw(bf_mask_bytes(r->rows, r->columns), 1);
  if (mask == NULL) return bf_fail(err, BF_E_MEMORY, "no memory to hold the masks (row %lld)", (long long)row);
  bf_status status = bf_dataset_mask(l->data, row, mask, err);
  if (status == BF_OK) status = find_outlines(l, row, mask, err);
  if (l->options.masks)
    l->masks[row] = mask;
  else
    bf_free(mask);
  return status;
}

static bf_status read_rows(bf_loader *l, const uint8_t *use, bf_error *err) {
  bf_status status = BF_OK;
  for (int64_t i = 0; i < bf_dataset_count(l->data) && status == BF_OK; i++) {
    if (use[i] == 0) continue;
    status = read_pixels(l, i, err);
    for (int step = -1; step <= 1 && status == BF_OK && l->options.slices; step += 2)
      status = read_pixels(l, neighbour_of(l, i, step), err);
    if (status == BF_OK && bf_dataset_record(l->data, i)->mask_known) status = read_mask(l, i, err);
  }
  return status;
}

static bf_status list_alike(bf_loader *l, const uint8_t *use, bf_error *err) {
  int64_t rows = bf_dataset_count(l->data);
  for (int64_t i = 0; i < rows; i++)
    if (use[i] != 0) l->alike_count[bf_record_knows(bf_dataset_record(l->data, i))]++;
  for (int k = 0; k < 1 << BF_LABEL_KINDS; k++) {
    l->alike[k] = bf_alloc((size_t)l->alike_count[k], sizeof *l->alike[k]);
    if (l->alike[k] == NULL) return bf_fail(err, BF_E_MEMORY, "no memory for the loader");
    l->alike_count[k] = 0;
  }
  for (int64_t i = 0; i < rows; i++) {
    unsigned kinds = bf_record_knows(bf_dataset_record(l->data, i));
    if (use[i] != 0) l->alike[kinds][l->alike_count[kinds]++] = i;
  }
  return BF_OK;
}

bf_status bf_loader_create(bf_loader **out, bf_dataset *data, const uint8_t *use, const bf_loader_options *options,
                           bf_error *err) {
  *out = NULL;
  if (options->width < 1 || options->height < 1)
    return bf_fail(err, BF_E_ARGUMENT, "a network input of %d x %d pixels cannot be", options->width, options->height);
  bf_loader *l = bf_alloc(1, sizeof *l);
  if (l == NULL) return bf_fail(err, BF_E_MEMORY, "no memory for the loader");
  l->data = data;
  l->options = *options;
  size_t picture = (size_t)options->width * (size_t)options->height * (options->slices ? 3 : 1);
  size_t rows = (size_t)bf_dataset_count(data);
  l->pixels = bf_alloc(rows, sizeof *l->pixels);
  l->masks = bf_alloc(rows, sizeof *l->masks);
  l->outlines = bf_alloc(rows, sizeof *l->outlines);
  l->grey = bf_alloc_raw(2 * most_threads * picture, sizeof *l->grey);
  bf_status status =
      l->pixels && l->masks && l->outlines && l->grey ? BF_OK : bf_fail(err, BF_E_MEMORY, "no memory for the loader");
  if (status == BF_OK) status = read_rows(l, use, err);
  if (status == BF_OK && bf_augment_mixes(options->augmenter)) status = list_alike(l, use, err);
  if (status != BF_OK) {
    bf_loader_destroy(l);
    return status;
  }
  *out = l;
  return BF_OK;
}

static void free_row(bf_loader *l, int64_t row) {
  if (l->pixels != NULL) bf_free(l->pixels[row]);
  if (l->masks != NULL) bf_free(l->masks[row]);
  if (l->outlines == NULL || l->outlines[row] == NULL) return;
  for (int i = 0; i < bf_dataset_record(l->data, row)->lesions_count; i++) bf_outline_clear(&l->outlines[row][i]);
  bf_free(l->outlines[row]);
}

void bf_loader_destroy(bf_loader *loader) {
  if (loader == NULL) return;
  for (int64_t i = 0; i < bf_dataset_count(loader->data); i++) free_row(loader, i);
  bf_free(loader->pixels);
  bf_free(loader->masks);
  bf_free(loader->outlines);
  bf_free(loader->grey);
  for (int k = 0; k < 1 << BF_LABEL_KINDS; k++) bf_free(loader->alike[k]);
  bf_free(loader);
}

/* The lesion that was put into a picture that had none. */
static void take_implant(bf_sample *sample, const bf_augment_view *view, int width, int height) {
  sample->implanted = view->implanted;
  if (!view->implanted) return;
  sample->implant = view->implant;
  sample->boxes[0] = bf_blob_bounds(&view->implant, width, height);
  sample->box_count = 1;
  sample->malignant = -1;
}

static void follow_boxes(bf_sample *sample, const bf_loader *l) {
  const bf_record *r = bf_dataset_record(l->data, sample->row);
  const bf_lesion *lesions = bf_dataset_lesions(l->data, sample->row);
  const bf_outline *outlines = l->outlines[sample->row];
  sample->box_count = 0;
  for (int i = 0; i < r->lesions_count && sample->box_count < BF_LOADER_MAX_BOXES; i++) {
    bf_rect box = {lesions[i].xmin, lesions[i].ymin, lesions[i].xmax, lesions[i].ymax};
    bf_rect whole = bf_outline_rect(outlines != NULL ? &outlines[i] : NULL, &sample->warp, box);
    bf_rect inside = bf_rect_clip(whole, l->options.width, l->options.height);
    if (bf_rect_area(inside) >= least_area_left * bf_rect_area(whole) && bf_rect_area(inside) > 0)
      sample->boxes[sample->box_count++] = inside;
  }
}

typedef struct fill_job {
  bf_loader *loader;
  float *dst;
  bf_sample *samples;
  const int64_t *rows, *repeats;
  int64_t epoch;
  int count;
} fill_job;

static void draw(const bf_loader *l, float *grey, bf_augment_view *view, int64_t row, const bf_augmenter *augmenter,
                 bf_rng *rng) {
  const bf_record *r = bf_dataset_record(l->data, row);
  bf_augment_picture(grey, view, augmenter, rng, l->options.width, l->options.height, l->pixels[row],
                     r->prepared_columns, r->prepared_rows);
}

/* Behind a row's own picture those of its neighbours, changed by the very draws that changed it. */
static void draw_neighbours(const bf_loader *l, float *grey, bool may_implant, int64_t row,
                            const bf_augmenter *augmenter, bf_rng start) {
  size_t picture = (size_t)l->options.width * (size_t)l->options.height;
  for (int side = 0; side < 2; side++) {
    int64_t other = neighbour_of(l, row, side == 0 ? -1 : 1);
    float *to = grey + (1 + (size_t)side) * picture;
    bf_augment_view view = {.may_implant = may_implant};
    bf_rng rng = start;
    if (other == row)
      memcpy(to, grey, picture * sizeof *to);
    else
      draw(l, to, &view, other, augmenter, &rng);
  }
}

/* One row's picture into grey, and the sample that says what it shows. Returns the share that another is to have. */
static double view_row(bf_loader *l, float *grey, bf_sample *sample, int64_t row, const bf_augmenter *augmenter,
                       bf_rng *rng) {
  int width = l->options.width, height = l->options.height;
  const bf_record *r = bf_dataset_record(l->data, row);
  *sample = (bf_sample){.weight = 1,
                        .row = row,
                        .malignant = r->malignant,
                        .lesions_known = r->lesions_known != 0,
                        .mask_known = r->mask_known != 0};
  bool may_implant = sample->lesions_known && r->lesions_count == 0;
  bf_augment_view view = {.may_implant = may_implant};
  bf_rng start = *rng;
  draw(l, grey, &view, row, augmenter, rng);
  if (l->options.slices) draw_neighbours(l, grey, may_implant, row, augmenter, start);
  bf_affine to_prepared;
  memcpy(to_prepared.m, r->to_prepared, sizeof to_prepared.m);
  sample->warp = view.warp;
  bf_warp_after(&sample->warp, to_prepared);
  sample->to_network = sample->warp.affine;
  follow_boxes(sample, l);
  take_implant(sample, &view, width, height);
  return view.share;
}

/* Another row with the same kinds of labels; the row itself where there is no other. */
static int64_t partner_of(const bf_loader *l, int64_t row, bf_rng *rng) {
  unsigned kinds = bf_record_knows(bf_dataset_record(l->data, row));
  int64_t count = l->alike_count[kinds];
  if (count < 2) return row;
  int64_t other = l->alike[kinds][bf_rng_below(rng, (uint64_t)count - 1)];
  return other == row ? l->alike[kinds][count - 1] : other;
}

static void fill_one(void *argument, int task, int thread) {
  const fill_job *job = argument;
  bf_loader *l = job->loader;
  int width = l->options.width, height = l->options.height;
  size_t area = (size_t)width * (size_t)height, picture = area * (l->options.slices ? 3 : 1);
  float *grey = l->grey + 2 * (size_t)thread * picture, *behind = grey + picture,
        *place = job->dst + (size_t)task * area * 3;
  int64_t row = job->rows[task];
  bf_sample *sample = &job->samples[task], *other = &job->samples[job->count + task];
  const bf_augmenter *augmenter = job->epoch >= 0 ? l->options.augmenter : NULL;
  uint64_t repeat = job->repeats != NULL ? (uint64_t)job->repeats[task] : 0;
  bf_rng rng = bf_rng_make(l->options.seed, (uint64_t)job->epoch + (repeat << 32), (uint64_t)row);
  double share = view_row(l, grey, sample, row, augmenter, &rng);
  int64_t partner = share > 0 ? partner_of(l, row, &rng) : row;
  sample->image = task;
  other->weight = 0; /* nobody's, unless it is filled */
  if (partner != row) {
    view_row(l, behind, other, partner, augmenter, &rng);
    bf_augment_mix(grey, behind, share, picture);
    sample->weight = 1 - share;
    other->weight = share;
    other->image = task;
  }
  if (l->options.slices) {
    const float *const slices[3] = {grey + area, grey, grey + 2 * area};
    bf_sample_normalise_slices(place, slices, width, height, &l->options.normalisation);
  } else {
    bf_sample_normalise(place, grey, width, height, &l->options.normalisation);
  }
}

int bf_loader_fill(bf_loader *loader, bf_pool *pool, float *dst, bf_sample *samples, const int64_t *rows,
                   const int64_t *repeats, int count, int64_t epoch) {
  fill_job job = {loader, dst, samples, rows, repeats, epoch, count};
  int all = count;
  bf_pool_run(pool, fill_one, &job, count);
  for (int i = count; i < 2 * count; i++)
    if (samples[i].weight > 0) {
      if (i != all) samples[all] = samples[i];
      all++;
    }
  return all;
}

void bf_loader_size(const bf_loader *loader, int *width, int *height) {
  *width = loader->options.width;
  *height = loader->options.height;
}

typedef struct mask_job {
  const bf_loader *loader;
  uint8_t *dst;
  const bf_sample *samples;
} mask_job;

static void mask_one(void *argument, int task, int thread) {
  (void)thread;
  const mask_job *job = argument;
  const bf_loader *l = job->loader;
  const bf_sample *sample = &job->samples[task];
  const bf_record *r = bf_dataset_record(l->data, sample->row);
  size_t picture = (size_t)l->options.width * (size_t)l->options.height;
  uint8_t *to = job->dst + (size_t)task * picture;
  if (sample->implanted && sample->mask_known)
    bf_blob_mask(to, l->options.width, l->options.height, &sample->implant);
  else if (l->masks[sample->row] != NULL)
    bf_warp_mask(to, l->options.width, l->options.height, l->masks[sample->row], r->columns, r->rows,
                 bf_mask_stride(r->columns), &sample->warp);
  else
    memset(to, 0, picture);
}

void bf_loader_masks(bf_loader *loader, bf_pool *pool, uint8_t *dst, const bf_sample *samples, int count) {
  mask_job job = {loader, dst, samples};
  bf_pool_run(pool, mask_one, &job, count);
}
