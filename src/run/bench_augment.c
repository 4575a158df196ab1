/* How long a picture takes from prepared pixels to the network's input, by augmentation. */
#include <stdio.h>
#include <stdlib.h>

#include "base/log.h"
#include "base/memory.h"
#include "base/pool.h"
#include "bifocal/bench.h"
#include "image/sample.h"
#include "run/sections.h"

enum {
  pictures = 8,
  columns = 500,
  rows = 400,
  batch = 32,
  usual_repeats = 15,
  most_repeats = 1000,
  most_threads = 64
};

typedef struct work {
  bf_pool *pool;
  int size;
  uint16_t *pixels; /* [pictures][rows*columns] */
  float *grey;      /* [most_threads][2][size*size]; pages are touched only by threads that exist */
  float *input;     /* [batch][size*size*3] */
  const bf_augmenter *augmenter;
  bf_rect boxes[batch];
} work;

static void one_picture(void *argument, int task, int thread) {
  static const bf_normalisation n = {{0.45f, 0.45f, 0.45f}, {0.22f, 0.22f, 0.22f}};
  work *w = argument;
  size_t area = (size_t)w->size * (size_t)w->size;
  float *grey = w->grey + 2 * (size_t)thread * area, *behind = grey + area;
  bf_rng rng = bf_rng_make(1, 2, (uint64_t)task);
  bf_augment_view view = {.may_implant = true}, other = view;
  bf_augment_picture(grey, &view, w->augmenter, &rng, w->size, w->size,
                     w->pixels + (size_t)(task % pictures) * rows * columns, columns, rows);
  if (view.share > 0) {
    bf_augment_picture(behind, &other, w->augmenter, &rng, w->size, w->size,
                       w->pixels + (size_t)((task + 1) % pictures) * rows * columns, columns, rows);
    bf_augment_mix(grey, behind, view.share, area);
  }
  bf_sample_normalise(w->input + (size_t)task * area * 3, grey, w->size, w->size, &n);
  w->boxes[task] = bf_rect_clip(bf_warp_rect(&view.warp, (bf_rect){150, 120, 260, 210}), w->size, w->size);
}

static int by_value(const void *x, const void *y) {
  double a = *(const double *)x, b = *(const double *)y;
  return (a > b) - (a < b);
}

/* Median over batches, milliseconds a picture. */
static double measure(work *w, const bf_augmenter *augmenter, int repeats) {
  double times[most_repeats];
  w->augmenter = augmenter;
  bf_pool_run(w->pool, one_picture, w, batch);
  for (int i = 0; i < repeats; i++) {
    double from = bf_now();
    bf_pool_run(w->pool, one_picture, w, batch);
    times[i] = (bf_now() - from) * 1000 / batch;
  }
  qsort(times, (size_t)repeats, sizeof times[0], by_value);
  return times[repeats / 2];
}

static bf_status open_work(work *w, const bf_bench_options *o, bf_error *err) {
  *w = (work){.size = o->size > 0 ? o->size : 224};
  if (w->size > 4096) return bf_fail(err, BF_E_LIMIT, "--size %d: at most 4096", w->size);
  size_t area = (size_t)w->size * (size_t)w->size;
  w->pixels = bf_alloc_raw((size_t)pictures * rows * columns, sizeof *w->pixels);
  w->grey = bf_alloc_raw(2 * most_threads * area, sizeof *w->grey);
  w->input = bf_alloc_raw(batch * area * 3, sizeof *w->input);
  if (w->pixels == NULL || w->grey == NULL || w->input == NULL)
    return bf_fail(err, BF_E_MEMORY, "no memory for pictures of %d pixels a side", w->size);
  bf_rng rng = bf_rng_make(1, 1, 1);
  for (size_t i = 0; i < (size_t)pictures * rows * columns; i++)
    w->pixels[i] = (uint16_t)(20000 + bf_rng_below(&rng, 30000));
  return bf_pool_create(&w->pool, o->threads, err);
}

bf_status bf_bench_augment(bf_bench_augment_report *r, const bf_bench_options *o, bf_error *err) {
  work w;
  bf_augmenter all = {{0}}, one = {{0}};
  int repeats = o->repeats > 0 && o->repeats < most_repeats ? o->repeats : usual_repeats;
  bf_status status = open_work(&w, o, err);
  if (status == BF_OK) status = bf_run_augmenter_moderate(&all, err);
  if (status == BF_OK) {
    *r = (bf_bench_augment_report){.size = w.size, .columns = columns, .rows = rows, .count = bf_augment_count()};
    r->threads = bf_pool_threads(w.pool);
    r->plain_ms = measure(&w, NULL, repeats);
    r->all_ms = measure(&w, &all, repeats);
  }
  for (int i = 0; i < bf_augment_count() && status == BF_OK; i++) {
    status = bf_run_augmenter_alone(&one, &all, i, err);
    if (status == BF_OK) r->row[i] = (bf_bench_augment_row){bf_augment_at(i)->name, measure(&w, &one, repeats)};
    bf_run_augmenter_clear(&one);
  }
  if (status == BF_OK) r->peak_rss_mib = bf_peak_rss_mib();
  bf_run_augmenter_clear(&all);
  bf_pool_destroy(w.pool);
  bf_free(w.pixels);
  bf_free(w.grey);
  bf_free(w.input);
  return status;
}
