/* Pictures or kept features into an executor. */
#include "run/source.h"

#include <string.h>

#include "base/file.h"
#include "base/log.h"
#include "base/memory.h"
#include "run/sections.h"

struct bf_embedding {
  bf_dataset *data;
  bf_pool *pool;
  bf_loader *loader;
  bf_augmenter augmenter;
  int64_t rows;
  int views, batch;
  bf_value input, values[BF_EMBEDDING_VALUES];
  int value_count;
  int64_t each, sizes[BF_EMBEDDING_VALUES]; /* floats of a picture, and of each value */
  bf_exec *exec;                            /* from the picture to the values */
  char key[65];                             /* of all that the features hang on */
  float *features;                          /* [rows][1 + views][each]: the picture as it is comes first */
  bf_sample *samples;                       /* [rows][1 + views] */
  bool *ready;
};

bf_status bf_embedding_create(bf_embedding **out, bf_dataset *data, int views, int batch, bf_pool *pool,
                              bf_error *err) {
  *out = bf_alloc(1, sizeof **out);
  if (*out == NULL) return bf_fail(err, BF_E_MEMORY, "no memory to keep features");
  **out = (bf_embedding){.data = data, .pool = pool, .rows = bf_dataset_count(data), .views = views, .batch = batch};
  return BF_OK;
}

void bf_embedding_release(bf_embedding *e) {
  bf_exec_destroy(e->exec);
  bf_loader_destroy(e->loader);
  bf_run_augmenter_clear(&e->augmenter);
  bf_free(e->features);
  bf_free(e->samples);
  bf_free(e->ready);
  e->exec = NULL;
  e->loader = NULL;
  e->augmenter = (bf_augmenter){0};
  e->features = NULL;
  e->samples = NULL;
  e->ready = NULL;
}

void bf_embedding_destroy(bf_embedding *e) {
  if (e == NULL) return;
  bf_embedding_release(e);
  bf_free(e);
}

/* ---- which network ---- */

/* Everything that the features hang on: all of the backbone's numbers that training leaves alone, and how pictures are
 * prepared and drawn. */
static bf_status key_of(char key[65], const bf_model *model, bf_error *err) {
  bf_graph *graph = bf_network_graph(model->network);
  int count = bf_graph_param_count(graph);
  char(*hashes)[65] = bf_alloc((size_t)count + 2, sizeof *hashes);
  char *config = bf_config_write(model->config, false);
  bf_status status =
      hashes != NULL && config != NULL ? BF_OK : bf_fail(err, BF_E_MEMORY, "no memory to compare networks");
  for (int i = 0; i < count && status == BF_OK; i++) {
    const bf_param *p = bf_graph_param(graph, i);
    if (p->stage < BF_STAGE_HEAD && !p->trainable) bf_sha256(hashes[i], p->data, (size_t)p->count * sizeof(float));
  }
  if (status == BF_OK) {
    bf_sha256(hashes[count], config, strlen(config));
    /* The file of weights may say it, not the configuration. */
    bf_sha256(hashes[count + 1], &model->normalisation, sizeof model->normalisation);
    bf_sha256(key, hashes, ((size_t)count + 2) * sizeof *hashes);
  }
  bf_free(config);
  bf_free(hashes);
  return status;
}

static bool find_values(bf_embedding *e, bf_model *model) {
  bf_graph *graph = bf_network_graph(model->network);
  e->input = bf_network_input(model->network);
  e->value_count = bf_graph_frontier(graph, e->values, BF_EMBEDDING_VALUES);
  e->each = 0;
  if (e->value_count < 0)
    bf_log(BF_LOG_INFO, "frozen features are computed anew each time: they are too many to be kept");
  for (int k = 0; k < e->value_count; k++) {
    if (e->values[k] == e->input) return false;
    bf_shape s = bf_graph_shape(graph, e->values[k]);
    e->sizes[k] = (int64_t)s.h * s.w * s.c;
    e->each += e->sizes[k];
  }
  return e->value_count > 0;
}

static bf_status create_loader(bf_embedding *e, const bf_model *model, bf_error *err) {
  uint8_t *use = bf_alloc((size_t)e->rows, 1);
  if (use == NULL) return bf_fail(err, BF_E_MEMORY, "no memory for %lld rows", (long long)e->rows);
  memset(use, 1, (size_t)e->rows);
  bf_status status = bf_run_augmenter(&e->augmenter, model->config, err);
  bf_loader_options options = {.slices = model->options.slices == BF_SLICES_THREE,
                               .width = model->options.size,
                               .height = model->options.size,
                               .normalisation = model->normalisation,
                               .augmenter = &e->augmenter,
                               .masks = (bf_network_reads(model->network) & BF_READS_MASK) != 0,
                               .seed = (uint64_t)model->options.seed};
  if (status == BF_OK) status = bf_loader_create(&e->loader, e->data, use, &options, err);
  bf_free(use);
  return status;
}

static int64_t places(const bf_embedding *e) { return e->rows * (1 + e->views); }

/* Room for the features, unless those of the same key are there. */
static bf_status reserve(bf_embedding *e, const bf_model *model, const char *key, bf_error *err) {
  if (e->features != NULL && strcmp(e->key, key) == 0) return BF_OK;
  bf_embedding_release(e);
  memcpy(e->key, key, sizeof e->key);
  e->samples = bf_alloc((size_t)places(e), sizeof *e->samples);
  e->ready = bf_alloc((size_t)places(e), sizeof *e->ready);
  e->features = bf_alloc_raw((size_t)places(e) * (size_t)e->each, sizeof *e->features);
  if (e->samples == NULL || e->ready == NULL || e->features == NULL)
    return bf_fail(err, BF_E_MEMORY, "no memory to keep features; set views: 0");
  return create_loader(e, model, err);
}

/* Partners come from the training part, which is another one in each fold: what is kept would carry pictures from one
 * side to the other. */
static bf_status is_mixed(bool *mixed, const bf_model *model, bf_error *err) {
  bf_augmenter augmenter;
  bf_status status = bf_run_augmenter(&augmenter, model->config, err);
  *mixed = status == BF_OK && bf_augment_mixes(&augmenter);
  bf_run_augmenter_clear(&augmenter);
  if (*mixed) bf_log(BF_LOG_INFO, "frozen features are computed anew each time: augment.mixup is on");
  return status;
}

static bool fits(const bf_embedding *e, int most_mib) {
  double each = (double)e->each * sizeof(float) + sizeof *e->samples, mib = (double)places(e) * each / 1048576;
  if (mib <= most_mib) return true;
  bf_log(BF_LOG_INFO,
         "frozen features are computed anew each time: kept, %lld pictures in %d views would take %.0f MiB, more than "
         "views_memory (%d)",
         (long long)e->rows, 1 + e->views, mib, most_mib);
  return false;
}

bf_status bf_embedding_bind(bool *used, bf_embedding *e, bf_model *model, int most_mib, bf_error *err) {
  bf_graph *graph = bf_network_graph(model->network);
  char key[65];
  *used = false;
  bf_exec_destroy(e->exec);
  e->exec = NULL;
  bool mixed;
  bf_status status = is_mixed(&mixed, model, err);
  if (status != BF_OK || mixed || !find_values(e, model) || !fits(e, most_mib)) {
    bf_embedding_release(e);
    return status;
  }
  status = key_of(key, model, err);
  if (status == BF_OK) status = reserve(e, model, key, err);
  if (status == BF_OK)
    status = bf_exec_create_until(&e->exec, graph, e->values, e->value_count, e->batch, e->pool, err);
  if (status == BF_OK) status = bf_exec_hold_weights(e->exec, err);
  *used = status == BF_OK;
  return status;
}

const bf_value *bf_embedding_values(const bf_embedding *e, int *count) {
  *count = e->value_count;
  return e->values;
}

/* ---- features ---- */

/* Of up to `batch` rows in one view (0: as they are) into their places. */
static void compute(bf_embedding *e, const int64_t *rows, int n, int view) {
  bf_sample *samples = bf_alloc(2 * (size_t)n, sizeof *samples);
  if (samples == NULL) return; /* the places stay unready: see need() */
  bf_loader_fill(e->loader, e->pool, bf_exec_value(e->exec, e->input), samples, rows, NULL, n, view - 1);
  bf_exec_forward(e->exec, n, 0);
  for (int i = 0; i < n; i++) {
    int64_t place = rows[i] * (1 + e->views) + view;
    float *to = e->features + place * e->each;
    for (int k = 0; k < e->value_count; to += e->sizes[k++])
      memcpy(to, bf_exec_value(e->exec, e->values[k]) + i * e->sizes[k], (size_t)e->sizes[k] * sizeof *to);
    e->samples[place] = samples[i];
    e->ready[place] = true;
  }
  bf_free(samples);
}

static int view_of(const bf_embedding *e, int64_t epoch, int64_t repeat) {
  return epoch < 0 ? 0 : 1 + (int)((epoch + repeat) % e->views);
}

/* Computes those of one view that are not there yet. */
static void need_view(bf_embedding *e, const int64_t *rows, const int64_t *repeats, int n, int64_t epoch, int view) {
  int64_t missing[64];
  int count = 0, most = e->batch < 64 ? e->batch : 64;
  for (int i = 0; i < n; i++) {
    bool wanted = view_of(e, epoch, repeats != NULL ? repeats[i] : 0) == view;
    for (int k = 0; k < count && wanted; k++) wanted = missing[k] != rows[i];
    if (wanted && !e->ready[rows[i] * (1 + e->views) + view]) missing[count++] = rows[i];
    if (count == most) compute(e, missing, count, view), count = 0;
  }
  if (count > 0) compute(e, missing, count, view);
}

static bf_status fill_kept(bf_embedding *e, bf_exec *exec, bf_sample *samples, const int64_t *rows,
                           const int64_t *repeats, int n, int64_t epoch, bf_error *err) {
  for (int view = 0; view <= e->views; view++) need_view(e, rows, repeats, n, epoch, view);
  for (int i = 0; i < n; i++) {
    int64_t place = rows[i] * (1 + e->views) + view_of(e, epoch, repeats != NULL ? repeats[i] : 0);
    if (!e->ready[place]) return bf_fail(err, BF_E_MEMORY, "no memory for the features of a batch");
    const float *from = e->features + place * e->each;
    for (int k = 0; k < e->value_count; from += e->sizes[k++])
      memcpy(bf_exec_value(exec, e->values[k]) + i * e->sizes[k], from, (size_t)e->sizes[k] * sizeof *from);
    samples[i] = e->samples[place];
    samples[i].image = i;
  }
  return BF_OK;
}

bf_status bf_source_fill(const bf_source *s, bf_exec *exec, bf_sample *samples, int *count, const int64_t *rows,
                         const int64_t *repeats, int n, int64_t epoch, bf_error *err) {
  *count = n;
  if (s->embedding != NULL) return fill_kept(s->embedding, exec, samples, rows, repeats, n, epoch, err);
  *count = bf_loader_fill(s->loader, s->pool, bf_exec_value(exec, s->input), samples, rows, repeats, n, epoch);
  return BF_OK;
}

void bf_source_masks(const bf_source *s, uint8_t *dst, int *width, int *height, const bf_sample *samples, int n) {
  bf_loader *loader = s->embedding != NULL ? s->embedding->loader : s->loader;
  bf_loader_size(loader, width, height);
  bf_loader_masks(loader, s->pool, dst, samples, n);
}
