/* A backbone with a file's weights over given inputs: features and logits as other implementations number them. */
#include <stdio.h>
#include <string.h>

#include "base/log.h"
#include "base/memory.h"
#include "bifocal/weights.h"
#include "run/weights_fit.h"
#include "store/arrays.h"

enum { images_at_once = 4, most_outputs = BF_MAX_STAGES + 1 };
static const int64_t most_numbers = INT64_C(1) << 31;

typedef struct runner {
  bf_array input, output[most_outputs];
  bf_value value[most_outputs];
  int output_count;
  bf_graph *graph;
  bf_value image;
  bf_exec *exec;
  bf_pool *pool;
} runner;

static void runner_clear(runner *r) {
  for (int i = 0; i < r->output_count; i++) bf_free(r->output[i].data);
  bf_free(r->input.data);
  bf_exec_destroy(r->exec);
  bf_graph_destroy(r->graph);
  bf_pool_destroy(r->pool);
}

static bf_status read_input(runner *r, const char *path, bf_error *err) {
  bf_status status = bf_array_read(&r->input, path, "input", most_numbers, err);
  if (status != BF_OK) return status;
  const int64_t *s = r->input.shape;
  if (r->input.rank != 4 || s[0] < 1 || (s[1] != 3 && s[1] != 1) || s[2] < 1 || s[3] < 1 || s[2] > 8192 ||
      s[3] > 8192) {
    char shape[160];
    bf_shape_text(shape, sizeof shape, r->input.rank, s);
    return bf_fail(err, BF_E_FORMAT, "%s: /input is %s, wanted is [N, 3, H, W] or [N, 1, H, W]", path, shape);
  }
  return BF_OK;
}

static bf_status add_output(runner *r, bf_value value, const char *name, bool flat, bf_error *err) {
  bf_shape shape = bf_graph_shape(r->graph, value);
  bf_array *out = &r->output[r->output_count];
  int64_t count = r->input.shape[0] * shape.c * shape.h * shape.w;
  *out = (bf_array){.rank = flat ? 2 : 4, .shape = {r->input.shape[0], shape.c, shape.h, shape.w}};
  snprintf(out->name, sizeof out->name, "%s", name);
  if (count > most_numbers)
    return bf_fail(err, BF_E_LIMIT, "/%s would hold more than %lld numbers; give fewer images", name,
                   (long long)most_numbers);
  out->data = bf_alloc_raw((size_t)count, sizeof(float));
  if (out->data == NULL) return bf_fail(err, BF_E_MEMORY, "no memory for /%s", name);
  r->value[r->output_count++] = value;
  bf_graph_output(r->graph, value);
  return BF_OK;
}

static bf_status add_outputs(runner *r, const bf_backbone *backbone, const bf_features *features, bf_value logits,
                             bf_error *err) {
  for (int i = 0; i < features->count; i++) {
    char stage[64], name[128];
    bf_backbone_stage_name(stage, sizeof stage, backbone, i);
    snprintf(name, sizeof name, "features/%s", stage);
    bf_status status = add_output(r, features->value[i], name, false, err);
    if (status != BF_OK) return status;
  }
  return logits >= 0 ? add_output(r, logits, "logits", true, err) : BF_OK;
}

static bf_status build(runner *r, const bf_backbone *backbone, const char *path, bf_error *err) {
  bf_tensors file;
  bf_fit fit;
  bf_features features;
  bf_value logits;
  bf_weights_report report;
  int count;
  bf_status status = bf_weights_open(&file, NULL, path, err);
  if (status != BF_OK) return status;
  status = bf_fit_one(&fit, backbone, &file, err);
  if (status == BF_OK)
    status = bf_fit_build(&r->graph, &features, &r->image, &logits, &count, backbone, (int)r->input.shape[2],
                          (int)r->input.shape[3], (int)r->input.shape[1], fit.classes, err);
  if (status == BF_OK) status = bf_graph_finish(r->graph, 0, err);
  if (status == BF_OK) status = add_outputs(r, backbone, &features, logits, err);
  if (status == BF_OK) {
    status = bf_weights_apply(&report, r->graph, backbone, BF_STAGE_HEAD + 1, &file, err);
    if (status != BF_OK) bf_error_prefix(err, "%s", path);
  }
  if (status == BF_OK && report.missing > 0)
    bf_log(BF_LOG_WARN, "%s: %d tensors are missing and keep random values: %s%s", path, report.missing,
           report.first_missing[0], report.missing > 1 ? ", ..." : "");
  if (status == BF_OK && fit.classes == 0) bf_log(BF_LOG_INFO, "%s: without the original classifier: no /logits", path);
  bf_fit_clear(&fit);
  bf_tensors_clear(&file);
  return status;
}

/* [n][c][hw] from and to [n][hw][c]. */
static void swap_axes(float *dst, const float *src, int64_t outer, int64_t middle) {
  for (int64_t i = 0; i < middle; i++)
    for (int64_t k = 0; k < outer; k++) dst[i * outer + k] = src[k * middle + i];
}

static void run_batch(runner *r, int64_t first, int n) {
  int64_t hw = r->input.shape[2] * r->input.shape[3], c = r->input.shape[1];
  float *input = bf_exec_value(r->exec, r->image);
  for (int i = 0; i < n; i++) swap_axes(input + i * c * hw, r->input.data + (first + i) * c * hw, c, hw);
  bf_exec_forward(r->exec, n, 0);
  for (int o = 0; o < r->output_count; o++) {
    bf_shape shape = bf_graph_shape(r->graph, r->value[o]);
    int64_t size = (int64_t)shape.h * shape.w * shape.c;
    const float *from = bf_exec_value(r->exec, r->value[o]);
    for (int i = 0; i < n; i++)
      swap_axes(r->output[o].data + (first + i) * size, from + i * size, (int64_t)shape.h * shape.w, shape.c);
  }
}

bf_status bf_weights_run(const char *path, const char *backbone, const char *input, const char *output, int threads,
                         bf_error *err) {
  runner r = {.output_count = 0};
  const bf_backbone *wanted = bf_backbone_find(backbone, err);
  if (wanted == NULL) return BF_E_ARGUMENT;
  bf_status status = read_input(&r, input, err);
  if (status == BF_OK) status = build(&r, wanted, path, err);
  if (status == BF_OK) status = bf_pool_create(&r.pool, threads, err);
  if (status == BF_OK) status = bf_exec_create(&r.exec, r.graph, images_at_once, false, r.pool, err);
  if (status == BF_OK) status = bf_exec_hold_weights(r.exec, err);
  for (int64_t first = 0; status == BF_OK && first < r.input.shape[0]; first += images_at_once) {
    int64_t left = r.input.shape[0] - first;
    run_batch(&r, first, (int)(left < images_at_once ? left : images_at_once));
  }
  if (status == BF_OK) status = bf_arrays_write(output, r.output, r.output_count, err);
  runner_clear(&r);
  return status;
}
