/* Matching of weight files and backbones by names and shapes. */
#include "run/weights_fit.h"

#include <math.h>

#include "base/memory.h"

enum { probe_size = 224, usual_classes = 1000 };

bf_status bf_fit_build(bf_graph **graph, bf_features *features, bf_value *input, bf_value *logits, int *backbone_count,
                       const bf_backbone *backbone, int h, int w, int c, int classes, bf_error *err) {
  bf_status status = bf_graph_create(graph, err);
  if (status != BF_OK) return status;
  *features = (bf_features){0};
  *input = bf_graph_input(*graph, h, w, c);
  backbone->build(*graph, *input, features);
  *backbone_count = bf_graph_param_count(*graph);
  *logits = classes > 0 ? backbone->classifier(*graph, features, classes) : -1;
  return BF_OK;
}

static bool same_shape(const bf_param *p, const bf_tensor *t) {
  if (p->rank != t->rank) return false;
  for (int i = 0; i < p->rank; i++)
    if (p->shape[i] != t->shape[i]) return false;
  return true;
}

const bf_tensor *bf_fit_tensor(const bf_fit *fit, const bf_tensors *file, int index, bool *other) {
  const bf_param *param = bf_graph_param(fit->graph, index);
  const bf_tensor *tensor = bf_tensors_find(file, param->name);
  *other = tensor != NULL && !same_shape(param, tensor);
  return *other ? NULL : tensor;
}

bool bf_fit_is_leftover(const bf_fit *fit, const bf_tensor *tensor) {
  return !bf_weights_is_counter(tensor->name) && bf_graph_find_param(fit->graph, tensor->name) == NULL;
}

/* The classifier's classes as the file has them: rows of its last weight matrix; 0 where absent. */
static int classes_of(const bf_fit *fit, const bf_tensors *file) {
  int64_t classes = 0;
  for (int i = fit->backbone_count; i < bf_graph_param_count(fit->graph); i++) {
    const bf_param *param = bf_graph_param(fit->graph, i);
    const bf_tensor *tensor = bf_tensors_find(file, param->name);
    if (param->kind == BF_PARAM_LINEAR) classes = tensor != NULL && tensor->rank == 2 ? tensor->shape[0] : 0;
  }
  return classes > 0 && classes <= 1000000 ? (int)classes : 0;
}

static bf_status build_probe(bf_fit *fit, int classes, bf_error *err) {
  bf_features features;
  bf_value input, logits;
  bf_graph_destroy(fit->graph);
  fit->graph = NULL;
  return bf_fit_build(&fit->graph, &features, &input, &logits, &fit->backbone_count, fit->backbone, probe_size,
                      probe_size, 3, classes, err);
}

bf_status bf_fit_one(bf_fit *out, const bf_backbone *backbone, const bf_tensors *file, bf_error *err) {
  *out = (bf_fit){.backbone = backbone};
  bf_status status = build_probe(out, usual_classes, err);
  if (status != BF_OK) return status;
  out->classes = classes_of(out, file);
  if (out->classes != usual_classes && out->classes > 0) status = build_probe(out, out->classes, err);
  if (status != BF_OK) return status;
  for (int i = 0; i < bf_graph_param_count(out->graph); i++) {
    bool other, found = bf_fit_tensor(out, file, i, &other) != NULL;
    if (i >= out->backbone_count) {
      out->classifier += found;
      if (!found) out->classes = 0;
      continue;
    }
    out->matched += found;
    out->mismatched += other;
    out->missing += !found && !other;
  }
  for (int64_t i = 0; i < file->tensor_count; i++) out->leftover += bf_fit_is_leftover(out, &file->tensors[i]);
  return BF_OK;
}

static double share(const bf_fit *fit) {
  return fit->backbone_count > 0 ? (double)fit->matched / fit->backbone_count : 0;
}

bf_status bf_fit_best(bf_fit *out, const bf_tensors *file, bf_error *err) {
  *out = (bf_fit){0};
  for (int i = 0; i < bf_backbone_count(); i++) {
    bf_fit now;
    bf_status status = bf_fit_one(&now, bf_backbone_at(i), file, err);
    if (status == BF_OK && share(&now) > share(out)) {
      bf_fit_clear(out);
      *out = now;
    } else {
      bf_fit_clear(&now);
    }
    if (status != BF_OK) {
      bf_fit_clear(out);
      return status;
    }
  }
  if (out->backbone == NULL) return bf_fail(err, BF_E_FORMAT, "no backbone finds any of its parameters in this file");
  return BF_OK;
}

void bf_fit_clear(bf_fit *fit) {
  bf_graph_destroy(fit->graph);
  *fit = (bf_fit){0};
}

bool bf_fit_is_folded(const bf_fit *fit, const bf_tensors *file) {
  int norms = 0;
  bool folded = true;
  for (int i = 0; i < fit->backbone_count && folded; i++) {
    const bf_param *param = bf_graph_param(fit->graph, i);
    bool other;
    const bf_tensor *tensor = bf_fit_tensor(fit, file, i, &other);
    if (tensor == NULL || (param->kind != BF_PARAM_NORM_MEAN && param->kind != BF_PARAM_NORM_VAR)) continue;
    float *values = bf_alloc_raw((size_t)tensor->count, sizeof *values);
    if (values == NULL || bf_tensor_to_float(values, tensor, NULL) != BF_OK) folded = false;
    for (int64_t k = 0; k < tensor->count && folded; k++)
      folded = param->kind == BF_PARAM_NORM_MEAN ? values[k] == 0 : fabsf(values[k] - values[0]) <= 1e-6f;
    bf_free(values);
    norms++;
  }
  return folded && norms > 0;
}
