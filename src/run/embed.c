/* Batches of pictures through the backbone alone, their features to EMBED.h5. */
#include "bifocal/embed.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/cancel.h"
#include "base/log.h"
#include "base/memory.h"
#include "run/feed.h"
#include "run/sections.h"
#include "store/embeddings.h"

enum { most_batch = 1024, most_grid = 32 };

typedef struct embedder {
  const bf_embed_options *options;
  bf_pool *pool;
  bf_model *model;
  bf_exec *exec;
  bf_feed feed;
  bf_embeddings *out;
  bf_value value;
  bf_shape shape;
  char stage[64];
  int grid;
  float *vector;
  bf_embed_report report;
} embedder;

static void embedder_clear(embedder *e) {
  bf_embeddings_discard(e->out);
  bf_feed_close(&e->feed);
  bf_free(e->vector);
  bf_exec_destroy(e->exec);
  bf_model_destroy(e->model);
  bf_pool_destroy(e->pool);
}

/* The feature map by its name among the backbone's stage names. */
static bf_status choose_stage(embedder *e, bf_error *err) {
  const bf_backbone *backbone = bf_backbone_find(e->model->options.backbone, err);
  if (backbone == NULL) return BF_E_ARGUMENT;
  const bf_features *features = bf_network_features(e->model->network);
  e->value = -1;
  for (int i = 0; i < features->count && e->value < 0; i++) {
    bf_backbone_stage_name(e->stage, sizeof e->stage, backbone, i);
    if (e->options->stage == NULL ? i + 1 == features->count : strcmp(e->stage, e->options->stage) == 0)
      e->value = features->value[i];
  }
  if (e->value < 0)
    return bf_fail(err, BF_E_ARGUMENT, "--stage %s: %s has the stages %s", e->options->stage, backbone->name,
                   backbone->stage_names);
  e->shape = bf_graph_shape(bf_network_graph(e->model->network), e->value);
  return BF_OK;
}

static bf_status put(embedder *e, const bf_feed_slot *one, const float *vector, bf_error *err) {
  const bf_error *why = &one->error;
  bf_score_row row = {.message = ""};
  bf_feed_describe(&row, &e->feed, one);
  if (vector == NULL) {
    row.status = (uint8_t)bf_row_status_of(why->status);
    row.message = why->message;
    e->report.failed += why->status != BF_E_LEFT_OUT;
  }
  e->report.rows++;
  return bf_embeddings_append(e->out, &row, vector, err);
}

static bf_status create_output(embedder *e, bf_error *err) {
  char layout[128];
  if (e->grid == 1)
    snprintf(layout, sizeof layout, "mean of each of %d channels over the map", e->shape.c);
  else
    snprintf(layout, sizeof layout, "channel after channel, means over %d x %d places row by row", e->grid, e->grid);
  const bf_embeddings_notes notes = {e->model->sha256, e->model->options.backbone, e->stage, layout};
  e->report.width = (int64_t)e->shape.c * e->grid * e->grid;
  e->vector = bf_alloc((size_t)e->report.width, sizeof *e->vector);
  if (e->vector == NULL) return bf_fail(err, BF_E_MEMORY, "no memory for a vector");
  return bf_embeddings_create(&e->out, e->options->output, e->report.width, &notes, err);
}

static bf_status embedder_open(embedder *e, const bf_embed_options *o, bf_error *err) {
  bf_config_section sections[BF_RUN_MAX_SECTIONS];
  int count = bf_run_sections(sections), batch = o->batch > 0 ? o->batch : 8;
  *e = (embedder){.options = o, .grid = o->grid > 0 ? o->grid : 1};
  char temporary[BF_PATH_MAX] = "";
  const char *const own[] = {o->model, o->output, temporary};
  if (o->output == NULL) return bf_fail(err, BF_E_ARGUMENT, "-o: name the result file, such as -o embed.h5");
  if (batch > most_batch) return bf_fail(err, BF_E_ARGUMENT, "--batch %d: at most %d", batch, most_batch);
  if (e->grid > most_grid) return bf_fail(err, BF_E_ARGUMENT, "--grid %d: at most %d", e->grid, most_grid);
  bf_publish_temporary(temporary, o->output);
  bf_status status = bf_publish_check(o->output, err);
  if (status == BF_OK) status = bf_pool_create(&e->pool, o->threads, err);
  if (status == BF_OK) status = bf_model_read(&e->model, o->model, sections, count, err);
  if (status == BF_OK) status = bf_model_want_one(e->model, o->model, err);
  if (status == BF_OK) status = choose_stage(e, err);
  if (status == BF_OK) status = bf_feed_list(&e->feed, o->paths, o->path_count, own, 3, err);
  if (status == BF_OK) status = bf_feed_look(&e->feed, e->model, e->pool, err);
  if (status == BF_OK)
    status = bf_exec_create_until(&e->exec, bf_network_graph(e->model->network), &e->value, 1, batch, e->pool, err);
  if (status == BF_OK) status = bf_exec_hold_weights(e->exec, err);
  if (status == BF_OK) status = bf_feed_open(&e->feed, e->model, e->exec, batch, e->pool, NULL, err);
  if (status == BF_OK) status = create_output(e, err);
  e->report.files = e->feed.files.count;
  return status;
}

/* Means over bins as torch's adaptive pooling has them: bin i covers [floor(i*in/out), ceil((i+1)*in/out)). */
static void pool(embedder *e, const float *map) {
  int h = e->shape.h, w = e->shape.w, c = e->shape.c, g = e->grid;
  for (int gy = 0; gy < g; gy++)
    for (int gx = 0; gx < g; gx++) {
      int y0 = gy * h / g, y1 = ((gy + 1) * h + g - 1) / g, x0 = gx * w / g, x1 = ((gx + 1) * w + g - 1) / g;
      for (int k = 0; k < c; k++) {
        double sum = 0;
        for (int y = y0; y < y1; y++)
          for (int x = x0; x < x1; x++) sum += map[((int64_t)y * w + x) * c + k];
        e->vector[((int64_t)k * g + gy) * g + gx] = (float)(sum / ((y1 - y0) * (x1 - x0)));
      }
    }
}

static bf_status put_batch(embedder *e, const bf_feed_batch *b, bf_error *err) {
  const float *maps = bf_exec_value(e->exec, e->value);
  int64_t each = (int64_t)e->shape.h * e->shape.w * e->shape.c;
  bf_status status = BF_OK;
  for (int i = 0, next = 0; i < b->count && status == BF_OK; i++) {
    bool good = next < b->good && b->place[next] == i;
    if (good) pool(e, maps + each * next++);
    status = put(e, &b->slots[i], good ? e->vector : NULL, err);
  }
  return status;
}

static bf_status run(embedder *e, bf_error *err) {
  bf_progress progress;
  bf_feed_batch batch;
  bf_progress_start(&progress, "embedding", "files", e->feed.files.count);
  while (bf_feed_next(&batch, &e->feed)) {
    if (batch.good > 0) bf_exec_forward(e->exec, batch.good, 0);
    bf_status status = bf_feed_check(e->options->output, err);
    if (status == BF_OK) status = put_batch(e, &batch, err);
    int64_t file = batch.slots[batch.count - 1].file;
    bf_feed_release(&e->feed);
    if (status != BF_OK) return status;
    bf_progress_update(&progress, file + 1, NULL);
    if (bf_cancelled()) return bf_fail(err, BF_E_CANCELLED, "stopped as asked; nothing was written");
  }
  bf_progress_end(&progress, NULL);
  bf_embeddings *out = e->out;
  e->out = NULL;
  return bf_embeddings_publish(out, err);
}

bf_status bf_embed(bf_embed_report *report, const bf_embed_options *options, bf_error *err) {
  embedder e;
  double started = bf_now();
  bf_status status = embedder_open(&e, options, err);
  if (status == BF_OK) status = run(&e, err);
  e.report.seconds = bf_now() - started;
  *report = e.report;
  embedder_clear(&e);
  return status;
}
