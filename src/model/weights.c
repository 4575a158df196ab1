/* Tensors of others into a graph's parameters, by name. Formats of files stand behind weights_format.h. */
#include "model/weights.h"

#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/memory.h"
#include "model/known_weights.h"
#include "model/weight_unfold.h"
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
  json_t *list = text != NULL && strlen(text) < 256 ? json_loads(text, 0, NULL) : NULL;
  bool good = json_array_size(list) == 3;
  for (size_t i = 0; i < 3 && good; i++) {
    const json_t *value = json_array_get(list, i);
    out[i] = (float)json_number_value(value);
    good = json_is_number(value) && isfinite(out[i]);
  }
  json_decref(list);
  return good;
}

static bool said_normalisation(bf_normalisation *n, const bf_tensors *file) {
  const char *range = bf_tensors_metadata(file, "range");
  float unit = range != NULL && strstr(range, "255") != NULL ? 255 : 1;
  if (!three_numbers(n->mean, bf_tensors_metadata(file, "mean")) ||
      !three_numbers(n->std, bf_tensors_metadata(file, "std")))
    return false;
  for (int i = 0; i < 3; i++) {
    if (!(n->std[i] > 0)) return false;
    n->mean[i] /= unit, n->std[i] /= unit;
  }
  return true;
}

bool bf_weights_normalisation(bf_normalisation *out, const char **order, const bf_tensors *file,
                              const bf_weight_names *names) {
  bf_normalisation n;
  const char *said = bf_tensors_metadata(file, "colour_order");
  bool is_caffe = names != NULL && names->naming != NULL && names->naming->caffe;
  if (order != NULL) *order = said != NULL && strcmp(said, "bgr") == 0 ? "bgr" : "rgb";
  if (said_normalisation(&n, file)) {
    *out = n;
    return true;
  }
  const bf_known_weights *known = bf_known_weights_by_sha256(file->sha256, (int64_t)file->file_size);
  if (known != NULL) {
    if (order != NULL) *order = strcmp(known->inputs.colour, "BGR") == 0 ? "bgr" : "rgb";
    bf_known_inputs_normalisation(out, &known->inputs);
    return true;
  }
  if (!is_caffe) return false;
  if (order != NULL) *order = "bgr";
  bf_known_inputs_normalisation(out, &bf_caffe_inputs);
  return true;
}

static bf_status refuse_shape(const bf_param *param, const bf_tensor *tensor, bf_error *err) {
  char theirs[160], ours[160];
  bf_shape_text(theirs, sizeof theirs, tensor->rank, tensor->shape);
  bf_shape_text(ours, sizeof ours, param->rank, param->shape);
  return bf_fail(err, BF_E_FORMAT, "%s: its shape is %s, the network wants %s", param->name, theirs, ours);
}

/* values: room for the larger of both, holding the tensor's numbers [out][in][taps]. */
static void join_channels(float *values, const bf_param *param, const bf_tensor *tensor) {
  int64_t taps = param->shape[2] * param->shape[3], out = param->shape[0];
  if (tensor->shape[1] == param->shape[1]) return;
  if (param->shape[1] == 1) {
    for (int64_t o = 0; o < out; o++)
      for (int64_t k = 0; k < taps; k++)
        values[o * taps + k] =
            values[3 * o * taps + k] + values[(3 * o + 1) * taps + k] + values[(3 * o + 2) * taps + k];
    return;
  }
  for (int64_t o = out - 1; o >= 0; o--) /* backwards: the numbers are spread in place */
    for (int64_t k = taps - 1; k >= 0; k--) {
      float share = values[o * taps + k] / 3;
      for (int c = 2; c >= 0; c--) values[(3 * o + c) * taps + k] = share;
    }
}

static bool same_shape(const bf_param *param, const bf_tensor *tensor) {
  bool same = param->rank == tensor->rank;
  for (int i = 0; i < param->rank && same; i++) same = param->shape[i] == tensor->shape[i];
  return same;
}

bf_status bf_weights_take(bf_param *param, const bf_tensor *tensor, bool exact, bf_error *err) {
  if (exact ? !same_shape(param, tensor) : !bf_weight_fits(param, tensor)) return refuse_shape(param, tensor, err);
  int64_t room = param->count > tensor->count ? param->count : tensor->count;
  float *values = bf_alloc_raw((size_t)room, sizeof *values);
  if (values == NULL) return bf_fail(err, BF_E_MEMORY, "%s: no memory for %lld numbers", param->name, (long long)room);
  bf_status status = bf_tensor_to_float(values, tensor, err);
  for (int64_t i = 0; i < tensor->count && status == BF_OK; i++) {
    if (!isfinite(values[i]))
      status = bf_fail(err, BF_E_FORMAT, "%s: number %lld is not finite", param->name, (long long)i);
    else if (param->kind == BF_PARAM_NORM_VAR && values[i] < 0)
      status = bf_fail(err, BF_E_FORMAT, "%s: variance %lld is %g", param->name, (long long)i, values[i]);
  }
  if (status == BF_OK) {
    if (param->kind == BF_PARAM_CONV && param->rank == 4 && tensor->rank == 4) join_channels(values, param, tensor);
    bf_param_from_original(param, values);
  }
  bf_free(values);
  return status;
}

static void count_missing(bf_weights_report *report, const char *name) {
  if (report->missing < 3) snprintf(report->first_missing[report->missing], BF_PARAM_NAME_MAX, "%s", name);
  report->missing++;
}

/* Loads from the file, or from what unfolding made of it. */
static bf_status apply(bf_weights_report *report, bf_graph *graph, int stage_limit, const bf_tensors *file,
                       bf_error *err) {
  int64_t counters = 0;
  for (int i = 0; i < bf_graph_param_count(graph); i++) {
    bf_param *param = bf_graph_param(graph, i);
    if (param->stage >= stage_limit) continue;
    const bf_tensor *tensor = bf_weight_names_tensor(&report->names, file, param->name);
    if (tensor == NULL) {
      count_missing(report, param->name);
      continue;
    }
    bf_status status = bf_weights_take(param, tensor, false, err);
    if (status != BF_OK) return status;
    report->loaded++;
  }
  if (report->loaded == 0)
    return bf_fail(err, BF_E_FORMAT, "none of its %lld tensors is called as in this backbone (%s is looked for)",
                   (long long)file->tensor_count, report->missing > 0 ? report->first_missing[0] : "nothing");
  for (int64_t i = 0; i < file->tensor_count; i++) counters += bf_weights_is_counter(file->tensors[i].name);
  report->leftover = (int)(file->tensor_count - counters - report->loaded);
  return BF_OK;
}

static int params_below(bf_graph *graph, int stage_limit) {
  int count = 0;
  while (count < bf_graph_param_count(graph) && bf_graph_param(graph, count)->stage < stage_limit) count++;
  return count;
}

bf_status bf_weights_apply(bf_weights_report *report, bf_graph *graph, const bf_backbone *backbone, int stage_limit,
                           const bf_tensors *file, bf_error *err) {
  int count = params_below(graph, stage_limit);
  bf_tensors made;
  *report = (bf_weights_report){0};
  bf_status status = bf_weight_unfold(&made, graph, count, file, err);
  if (status != BF_OK) return status;
  const bf_tensors *from = made.tensor_count > 0 ? &made : file;
  report->names = bf_weight_names_find(backbone, graph, count, from);
  report->names.unfolded = from == &made;
  status = apply(report, graph, stage_limit, from, err);
  bf_tensors_clear(&made);
  if (status != BF_OK) return status;
  report->folded = bf_graph_norms_are_folded(graph);
  report->has_normalisation = bf_weights_normalisation(&report->normalisation, NULL, file, &report->names);
  memcpy(report->sha256, file->sha256, sizeof report->sha256);
  return BF_OK;
}

bf_status bf_weights_load(bf_weights_report *report, bf_graph *graph, const bf_backbone *backbone, int stage_limit,
                          const char *path, bf_error *err) {
  bf_tensors file;
  *report = (bf_weights_report){0};
  bf_status status = bf_weights_open(&file, NULL, path, err);
  if (status != BF_OK) return status;
  status = bf_weights_apply(report, graph, backbone, stage_limit, &file, err);
  if (status != BF_OK) bf_error_prefix(err, "%s", path);
  bf_tensors_clear(&file);
  return status;
}
