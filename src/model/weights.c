/* Tensors of others into a graph's parameters, by name. Formats of files stand behind weights_format.h. */
#include "model/weights.h"

#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/memory.h"
#include "model/weights_format.h"

void bf_shape_text(char *text, size_t capacity, int rank, const int64_t *shape) {
  size_t used = (size_t)snprintf(text, capacity, "[");
  for (int i = 0; i < rank && used < capacity; i++)
    used += (size_t)snprintf(text + used, capacity - used, "%s%lld", i ? ", " : "", (long long)shape[i]);
  if (used < capacity) snprintf(text + used, capacity - used, "]");
}

bool bf_weights_is_counter(const char *name) {
  static const char ending[] = ".num_batches_tracked";
  size_t length = strlen(name), end = sizeof ending - 1;
  return length > end && strcmp(name + length - end, ending) == 0;
}

static bool three_numbers(float out[3], const char *text) {
  json_t *list = text != NULL ? json_loads(text, 0, NULL) : NULL;
  bool good = json_array_size(list) == 3;
  for (size_t i = 0; i < 3 && good; i++) {
    const json_t *value = json_array_get(list, i);
    out[i] = (float)json_number_value(value);
    good = json_is_number(value) && isfinite(out[i]);
  }
  json_decref(list);
  return good;
}

bool bf_weights_normalisation(bf_normalisation *out, const bf_tensors *file) {
  bf_normalisation n;
  if (!three_numbers(n.mean, bf_tensors_metadata(file, "mean")) ||
      !three_numbers(n.std, bf_tensors_metadata(file, "std")))
    return false;
  for (int i = 0; i < 3; i++)
    if (!(n.std[i] > 0)) return false;
  *out = n;
  return true;
}

bf_status bf_weights_take(bf_param *param, const bf_tensor *tensor, bf_error *err) {
  bool same = param->rank == tensor->rank;
  for (int i = 0; i < param->rank && same; i++) same = param->shape[i] == tensor->shape[i];
  if (!same) {
    char theirs[160], ours[160];
    bf_shape_text(theirs, sizeof theirs, tensor->rank, tensor->shape);
    bf_shape_text(ours, sizeof ours, param->rank, param->shape);
    return bf_fail(err, BF_E_FORMAT, "%s: its shape is %s, the network wants %s", param->name, theirs, ours);
  }
  float *values = bf_alloc_raw((size_t)param->count, sizeof *values);
  if (values == NULL)
    return bf_fail(err, BF_E_MEMORY, "%s: no memory for %lld numbers", param->name, (long long)param->count);
  bf_status status = bf_tensor_to_float(values, tensor, err);
  for (int64_t i = 0; i < param->count && status == BF_OK; i++) {
    if (!isfinite(values[i]))
      status = bf_fail(err, BF_E_FORMAT, "%s: number %lld is not finite", param->name, (long long)i);
    else if (param->kind == BF_PARAM_NORM_VAR && values[i] < 0)
      status = bf_fail(err, BF_E_FORMAT, "%s: variance %lld is %g", param->name, (long long)i, values[i]);
  }
  if (status == BF_OK) bf_param_from_original(param, values);
  bf_free(values);
  return status;
}

static void count_missing(bf_weights_report *report, const char *name) {
  if (report->missing < 3) snprintf(report->first_missing[report->missing], BF_PARAM_NAME_MAX, "%s", name);
  report->missing++;
}

bf_status bf_weights_apply(bf_weights_report *report, bf_graph *graph, int stage_limit, const bf_tensors *file,
                           bf_error *err) {
  *report = (bf_weights_report){0};
  int64_t counters = 0;
  for (int i = 0; i < bf_graph_param_count(graph); i++) {
    bf_param *param = bf_graph_param(graph, i);
    if (param->stage >= stage_limit) continue;
    const bf_tensor *tensor = bf_tensors_find(file, param->name);
    if (tensor == NULL) {
      count_missing(report, param->name);
      continue;
    }
    bf_status status = bf_weights_take(param, tensor, err);
    if (status != BF_OK) return status;
    report->loaded++;
  }
  if (report->loaded == 0)
    return bf_fail(err, BF_E_FORMAT, "none of its %lld tensors is called as in this backbone (%s is looked for)",
                   (long long)file->tensor_count, report->missing > 0 ? report->first_missing[0] : "nothing");
  for (int64_t i = 0; i < file->tensor_count; i++) counters += bf_weights_is_counter(file->tensors[i].name);
  report->leftover = (int)(file->tensor_count - counters - report->loaded);
  report->folded = bf_graph_norms_are_folded(graph);
  report->has_normalisation = bf_weights_normalisation(&report->normalisation, file);
  memcpy(report->sha256, file->sha256, sizeof report->sha256);
  return BF_OK;
}

bf_status bf_weights_load(bf_weights_report *report, bf_graph *graph, int stage_limit, const char *path,
                          bf_error *err) {
  bf_tensors file;
  *report = (bf_weights_report){0};
  bf_status status = bf_weights_open(&file, NULL, path, err);
  if (status != BF_OK) return status;
  status = bf_weights_apply(report, graph, stage_limit, &file, err);
  if (status != BF_OK) bf_error_prefix(err, "%s", path);
  bf_tensors_clear(&file);
  return status;
}
