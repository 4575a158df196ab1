/* Matching of weight files and backbones by names and shapes. */
#include "run/weights_fit.h"

#include <math.h>

#include "base/memory.h"
#include "model/weight_unfold.h"

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

const bf_tensor *bf_fit_tensor(const bf_fit *fit, int index, bool *other) {
  const bf_tensor *tensor = fit->found[index];
  *other = tensor != NULL && !bf_weight_fits(bf_graph_param(fit->graph, index), tensor);
  return *other ? NULL : tensor;
}

static bf_status build_probe(bf_fit *fit, int classes, bf_error *err) {
  bf_features features;
  bf_value input, logits;
  bf_graph_destroy(fit->graph);
  fit->graph = NULL;
  return bf_fit_build(&fit->graph, &features, &input, &logits, &fit->backbone_count, fit->backbone, probe_size,
                      probe_size, 3, classes, err);
}

/* The classifier's classes as the file has them: rows of its last weight matrix; 0 where absent. */
static int classes_of(const bf_fit *fit, const bf_tensors *file) {
  int64_t classes = 0;
  for (int i = fit->backbone_count; i < bf_graph_param_count(fit->graph); i++) {
    const bf_param *param = bf_graph_param(fit->graph, i);
    const bf_tensor *tensor = bf_weight_names_tensor(&fit->names, file, param->name);
    if (param->kind == BF_PARAM_LINEAR || param->kind == BF_PARAM_CONV)
      classes = tensor != NULL && tensor->rank >= 2 ? tensor->shape[0] : 0;
  }
  return classes > 0 && classes <= 1000000 ? (int)classes : 0;
}

/* A tensor of what unfolding made stands for that of the file whose numbers it borrows. */
static void mark_wanted(bf_fit *fit, const bf_tensors *file, const bf_tensor *found) {
  for (int64_t i = 0; i < file->tensor_count; i++)
    if (file->tensors[i].data == found->data) fit->wanted[i] = true;
}

static const bf_tensors *source_of(const bf_fit *fit, const bf_tensors *file) {
  return fit->made.tensor_count > 0 ? &fit->made : file;
}

static bf_status look_up(bf_fit *fit, const bf_tensors *file, bf_error *err) {
  int params = bf_graph_param_count(fit->graph);
  fit->found = bf_alloc((size_t)params, sizeof *fit->found);
  fit->wanted = bf_alloc((size_t)file->tensor_count, sizeof *fit->wanted);
  if (fit->found == NULL || fit->wanted == NULL) return bf_fail(err, BF_E_MEMORY, "no memory to compare weights");
  for (int i = 0; i < params; i++) {
    fit->found[i] = bf_weight_names_tensor(&fit->names, source_of(fit, file), bf_graph_param(fit->graph, i)->name);
    if (fit->found[i] == NULL) continue;
    if (fit->made.tensor_count > 0)
      mark_wanted(fit, file, fit->found[i]);
    else
      fit->wanted[fit->found[i] - file->tensors] = true;
  }
  for (int64_t i = 0; i < file->tensor_count; i++) {
    fit->wanted[i] = fit->wanted[i] || bf_weights_is_counter(file->tensors[i].name);
    fit->leftover += !fit->wanted[i];
  }
  return BF_OK;
}

bf_status bf_fit_one(bf_fit *out, const bf_backbone *backbone, const bf_tensors *file, bf_error *err) {
  *out = (bf_fit){.backbone = backbone};
  bf_status status = build_probe(out, usual_classes, err);
  if (status != BF_OK) return status;
  status = bf_weight_unfold(&out->made, out->graph, out->backbone_count, file, err);
  if (status != BF_OK) return status;
  out->names = bf_weight_names_find(backbone, out->graph, out->backbone_count, source_of(out, file));
  out->names.unfolded = out->made.tensor_count > 0;
  out->classes = classes_of(out, source_of(out, file));
  if (out->classes != usual_classes && out->classes > 0) status = build_probe(out, out->classes, err);
  if (status == BF_OK) status = look_up(out, file, err);
  if (status != BF_OK) return status;
  for (int i = 0; i < bf_graph_param_count(out->graph); i++) {
    bool other, found = bf_fit_tensor(out, i, &other) != NULL;
    if (i >= out->backbone_count) {
      out->classifier += found;
      if (!found) out->classes = 0;
      continue;
    }
    out->matched += found;
    out->mismatched += other;
    out->missing += !found && !other;
  }
  return BF_OK;
}

static double share(const bf_fit *fit) {
  return fit->backbone_count > 0 ? (double)fit->matched / fit->backbone_count : 0;
}

/* A larger share of its parameters; among equals (VGG-11 is a part of no other, but a ResNet-34 holds all names of a
 * ResNet-18) more of the file's. */
static bool better(const bf_fit *a, const bf_fit *b) {
  return share(a) > share(b) || (share(a) == share(b) && a->leftover < b->leftover);
}

bf_status bf_fit_best(bf_fit *out, const bf_tensors *file, bf_error *err) {
  *out = (bf_fit){0};
  for (int i = 0; i < bf_backbone_count(); i++) {
    bf_fit now;
    bf_status status = bf_fit_one(&now, bf_backbone_at(i), file, err);
    if (status == BF_OK && share(&now) > 0 && (out->backbone == NULL || better(&now, out))) {
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
  bf_tensors_clear(&fit->made);
  bf_free(fit->found);
  bf_free(fit->wanted);
  bf_graph_destroy(fit->graph);
  *fit = (bf_fit){0};
}

bool bf_fit_has_norms(const bf_fit *fit) {
  for (int i = 0; i < fit->backbone_count; i++)
    if (bf_graph_param(fit->graph, i)->kind == BF_PARAM_NORM_MEAN) return true;
  return false;
}

bool bf_fit_is_folded(const bf_fit *fit) {
  int norms = 0;
  bool folded = true;
  for (int i = 0; i < fit->backbone_count && folded; i++) {
    const bf_param *param = bf_graph_param(fit->graph, i);
    bool other;
    const bf_tensor *tensor = bf_fit_tensor(fit, i, &other);
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
