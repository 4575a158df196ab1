/* Answers to transformed copies against the answers to the pictures as they are. */
#include "bifocal/invariance.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/cancel.h"
#include "base/log.h"
#include "base/memory.h"
#include "run/predict_rows.h"
#include "run/sections.h"

enum { batch = 8 };

/* A box is followed where the model is this sure of it, and this much of it stays in the frame. */
static const double least_score = 0.3, least_left = 0.5;

typedef struct work {
  const bf_invariance_options *options;
  bf_pool *pool;
  bf_model *model;
  bf_dataset *data;
  bf_exec *exec;
  bf_augmenter all;
  int64_t *rows, count;
  bf_answer *base; /* of each row */
  double threshold;
} work;

/* Sums over copies. */
typedef struct sums {
  double probability, logit, changes, iou, kept;
  int64_t classes, boxes;
} sums;

static void work_close(work *w) {
  for (int64_t i = 0; i < w->count && w->base != NULL; i++) bf_answer_clear(&w->base[i]);
  bf_free(w->base);
  bf_free(w->rows);
  bf_run_augmenter_clear(&w->all);
  bf_exec_destroy(w->exec);
  bf_dataset_close(w->data);
  bf_model_destroy(w->model);
  bf_pool_destroy(w->pool);
}

static bf_status take_settings(work *w, bf_error *err) {
  bf_status status = bf_run_augmenter_moderate(&w->all, err);
  for (int i = 0; i < w->options->setting_count && status == BF_OK; i++)
    status = bf_run_augmenter_set(&w->all, w->options->settings[i], err);
  return status;
}

static bf_status work_open(work *w, const bf_invariance_options *options, bf_error *err) {
  bf_config_section sections[BF_RUN_MAX_SECTIONS];
  int count = bf_run_sections(sections);
  *w = (work){.options = options};
  bf_status status = take_settings(w, err);
  if (status == BF_OK) status = bf_pool_create(&w->pool, options->threads, err);
  if (status == BF_OK) status = bf_model_read(&w->model, options->model, sections, count, err);
  if (status == BF_OK) status = bf_model_want_one(w->model, options->model, err);
  if (status == BF_OK) status = bf_dataset_open(&w->data, options->data, err);
  if (status == BF_OK)
    status = bf_exec_create(&w->exec, bf_network_graph(w->model->network), batch, false, w->pool, err);
  if (status == BF_OK) status = bf_exec_hold_weights(w->exec, err);
  if (status != BF_OK) return status;
  w->count = bf_dataset_count(w->data);
  w->threshold = isnan(w->model->threshold) ? 0.5 : w->model->threshold;
  w->rows = bf_alloc((size_t)w->count, sizeof *w->rows);
  w->base = bf_alloc((size_t)w->count, sizeof *w->base);
  for (int64_t i = 0; i < w->count && w->rows != NULL; i++) w->rows[i] = i;
  return w->rows && w->base ? BF_OK : bf_fail(err, BF_E_MEMORY, "no memory for %lld images", (long long)w->count);
}

static bf_status create_loader(bf_loader **out, work *w, const bf_augmenter *augmenter, bf_error *err) {
  uint8_t *use = bf_alloc((size_t)w->count, 1);
  if (use == NULL) return bf_fail(err, BF_E_MEMORY, "no memory for %lld images", (long long)w->count);
  memset(use, 1, (size_t)w->count);
  bf_loader_options options = {.slices = w->model->options.slices == BF_SLICES_THREE,
                               .width = w->model->options.size,
                               .height = w->model->options.size,
                               .normalisation = w->model->normalisation,
                               .augmenter = augmenter,
                               .seed = (uint64_t)w->model->options.seed};
  bf_status status = bf_loader_create(out, w->data, use, &options, err);
  bf_free(use);
  return status;
}

static bf_status answer_base(work *w, bf_error *err) {
  bf_loader *loader = NULL;
  bf_status status = create_loader(&loader, w, NULL, err);
  bf_source source = {.loader = loader, .pool = w->pool, .input = bf_network_input(w->model->network)};
  if (status == BF_OK)
    status = bf_predict_rows(w->base, NULL, w->model, w->exec, batch, &source, w->data, w->rows, w->count, false, err);
  bf_loader_destroy(loader);
  return status;
}

static void add_class(sums *s, const work *w, double base, double copy) {
  if (isnan(base) || isnan(copy)) return;
  double p = bf_model_probability(w->model, base), q = bf_model_probability(w->model, copy);
  s->probability += fabs(p - q);
  s->logit += (base - copy) * (base - copy);
  s->changes += (p >= w->threshold) != (q >= w->threshold);
  s->classes++;
}

/* The picture's best box, taken through the copy's map, against the copy's best box. */
static void add_box(sums *s, const work *w, const bf_answer *base, const bf_sample *sample, const bf_prediction *copy) {
  double side = w->model->options.size;
  if (base->box_count == 0 || !((double)base->boxes[0].score >= least_score) || !copy->has_boxes) return;
  const bf_found_box *b = &base->boxes[0];
  bf_rect whole = bf_warp_rect(&sample->warp, (bf_rect){b->xmin, b->ymin, b->xmax, b->ymax}),
          inside = bf_rect_clip(whole, side, side);
  if (bf_rect_area(inside) < least_left * bf_rect_area(whole)) return;
  double iou = 0;
  if (copy->box_count > 0) {
    const bf_box *c = &copy->boxes[0];
    iou = bf_rect_iou(inside, (bf_rect){c->xmin, c->ymin, c->xmax, c->ymax});
  }
  s->iou += iou;
  s->kept += iou >= 0.5;
  s->boxes++;
}

static void look(sums *s, work *w, bf_loader *loader, int64_t first, int n, int64_t copy) {
  bf_sample samples[2 * batch];
  bf_prediction found[batch];
  bf_loader_fill(loader, w->pool, bf_exec_value(w->exec, bf_network_input(w->model->network)), samples, w->rows + first,
                 NULL, n, copy);
  bf_exec_forward(w->exec, n, 0);
  bf_network_decode(w->model->network, w->exec, n, found);
  for (int i = 0; i < n; i++) {
    add_class(s, w, w->base[first + i].logit, found[i].malignant_logit);
    add_box(s, w, &w->base[first + i], &samples[i], &found[i]);
  }
}

static bf_status measure(bf_invariance *out, work *w, int row, int copies, bf_error *err) {
  bf_augmenter alone;
  bf_loader *loader = NULL;
  sums s = {0};
  bf_status status = bf_run_augmenter_alone(&alone, &w->all, row, err);
  if (status == BF_OK) status = create_loader(&loader, w, &alone, err);
  for (int64_t copy = 0; copy < copies && status == BF_OK; copy++)
    for (int64_t first = 0; first < w->count && status == BF_OK; first += batch) {
      look(&s, w, loader, first, (int)(w->count - first < batch ? w->count - first : batch), copy);
      if (bf_cancelled()) status = bf_fail(err, BF_E_CANCELLED, "stopped as asked");
    }
  bf_loader_destroy(loader);
  bf_run_augmenter_clear(&alone);
  double classes = s.classes > 0 ? (double)s.classes : NAN, boxes = s.boxes > 0 ? (double)s.boxes : NAN;
  *out = (bf_invariance){.probability_move = s.probability / classes,
                         .logit_move = sqrt(s.logit / classes),
                         .decision_change = s.changes / classes,
                         .box_iou = s.iou / boxes,
                         .box_kept = s.kept / boxes};
  snprintf(out->name, sizeof out->name, "%s", bf_augment_at(row)->name);
  return status;
}

bf_status bf_invariance_measure(bf_invariance_report *report, const bf_invariance_options *options, bf_error *err) {
  work w;
  *report = (bf_invariance_report){.copies = options->copies > 0 ? options->copies : 4};
  bf_status status = work_open(&w, options, err);
  if (status == BF_OK) status = answer_base(&w, err);
  report->images = w.count;
  report->threshold = w.threshold;
  for (int64_t i = 0; i < w.count && status == BF_OK; i++)
    report->boxes += w.base[i].box_count > 0 && (double)w.base[i].boxes[0].score >= least_score;
  for (int i = 0; i < bf_augment_count() && report->count < BF_INVARIANCE_MAX && status == BF_OK; i++) {
    /* What shows another lesion or another picture ought to change the answer. */
    if (bf_augment_at(i)->implant != NULL || bf_augment_at(i)->share != NULL) continue;
    status = measure(&report->of[report->count++], &w, i, report->copies, err);
  }
  work_close(&w);
  return status;
}
