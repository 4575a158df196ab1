/* Copying a weight file into safetensors: a backbone's tensors under our names, with where they came from and how their
 * inputs are to be normalised. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/memory.h"
#include "bifocal/version.h"
#include "bifocal/weights.h"
#include "model/safetensors.h"
#include "run/weights_fit.h"

/* Float32, in our shape. */
static bf_status copy_tensor(bf_tensors *out, const bf_param *param, const bf_tensor *from, bf_error *err) {
  bf_tensor *to;
  void *values;
  /* Numbers differ for a first convolution of one channel alone: it stays as it is. */
  bool same = from->count == param->count;
  bf_status status = bf_tensors_add(&to, out, param->name, "F32", same ? param->rank : from->rank,
                                    same ? param->shape : from->shape, err);
  if (status == BF_OK) status = bf_tensors_block(&values, out, to->bytes, err);
  if (status == BF_OK) status = bf_tensor_to_float(values, from, err);
  if (status == BF_OK) to->data = values;
  return status;
}

static bf_status copy_tensors(bf_tensors *out, const bf_fit *fit, bf_error *err) {
  bf_status status = BF_OK;
  for (int i = 0; i < bf_graph_param_count(fit->graph) && status == BF_OK; i++) {
    bool other;
    const bf_tensor *from = bf_fit_tensor(fit, i, &other);
    if (from != NULL) status = copy_tensor(out, bf_graph_param(fit->graph, i), from, err);
  }
  return status;
}

/* In the fewest digits that give the number back. */
static int print_shortest(char *text, size_t capacity, float value) {
  int digits = 6;
  while (digits < 9) {
    snprintf(text, capacity, "%.*g", digits, (double)value);
    if (strtof(text, NULL) == value) break;
    digits++;
  }
  return snprintf(text, capacity, "%.*g", digits, (double)value);
}

static bf_status note_three(bf_tensors *out, const char *key, const float values[3], bf_error *err) {
  char text[96] = "[";
  size_t used = 1;
  for (int i = 0; i < 3; i++) {
    used += (size_t)print_shortest(text + used, sizeof text - used, values[i]);
    used += (size_t)snprintf(text + used, sizeof text - used, "%s", i < 2 ? ", " : "]");
  }
  return bf_tensors_note(out, key, text, err);
}

/* What is noted first stays: a copy of a copy tells of the original. */
static bf_status copy_notes(bf_tensors *out, const bf_fit *fit, const bf_tensors *file, const char *path,
                            const char *format, bf_error *err) {
  char names[2 * BF_PARAM_NAME_MAX];
  const char *order, *before = bf_tensors_metadata(file, "format");
  bool is_copy = before != NULL && strcmp(before, "bifocal-weights-1") == 0;
  bf_normalisation n;
  bf_weight_names_describe(names, sizeof names, &fit->names);
  const bf_metadata_entry own[] = {{"format", "bifocal-weights-1"},
                                   {"backbone", (char *)fit->backbone->name},
                                   {"software_version", BIFOCAL_VERSION},
                                   {"range", "0..1"}};
  const bf_metadata_entry origin[] = {{"origin", (char *)bf_path_name(path)},
                                      {"origin_sha256", (char *)file->sha256},
                                      {"origin_format", (char *)format},
                                      {"origin_names", names}};
  bf_status status = BF_OK;
  for (size_t i = 0; i < sizeof own / sizeof own[0] && status == BF_OK; i++)
    status = bf_tensors_note(out, own[i].key, own[i].value, err);
  if (status == BF_OK && bf_weights_normalisation(&n, &order, file, &fit->names)) {
    status = bf_tensors_note(out, "colour_order", order, err);
    if (status == BF_OK) status = note_three(out, "mean", n.mean, err);
    if (status == BF_OK) status = note_three(out, "std", n.std, err);
  }
  /* A copy's word for where its original came from is kept as that: its own name and hash stand beside it. */
  const bf_metadata_entry copied[] = {{"copied_from", (char *)bf_path_name(path)},
                                      {"copied_from_sha256", (char *)file->sha256}};
  for (size_t i = 0; i < sizeof origin / sizeof origin[0] && status == BF_OK && !is_copy; i++)
    status = bf_tensors_note(out, origin[i].key, origin[i].value, err);
  for (size_t i = 0; i < sizeof copied / sizeof copied[0] && status == BF_OK && is_copy; i++)
    status = bf_tensors_note(out, copied[i].key, copied[i].value, err);
  for (int64_t i = 0; i < file->metadata_count && status == BF_OK; i++)
    status = bf_tensors_note(out, file->metadata[i].key, file->metadata[i].value, err);
  return status;
}

static bf_status check_fit(const bf_fit *fit, bf_error *err) {
  if (fit->matched == 0) return bf_fail(err, BF_E_FORMAT, "none of its tensors fits %s", fit->backbone->name);
  if (fit->mismatched > 0)
    return bf_fail(err, BF_E_FORMAT, "%d tensors have another shape than %s wants; 'bifocal weights show' lists them",
                   fit->mismatched, fit->backbone->name);
  return BF_OK;
}

static bf_status summarise(char **summary, const char *output, const bf_fit *fit, const bf_tensors *copy,
                           bf_error *err) {
  char text[BF_PATH_MAX + 256];
  snprintf(text, sizeof text, "%s: %lld tensors for %s, %d missing, %d left out", output, (long long)copy->tensor_count,
           fit->backbone->name, fit->missing, fit->leftover);
  *summary = bf_strdup(text);
  return *summary != NULL ? BF_OK : bf_fail(err, BF_E_MEMORY, "no memory for the summary");
}

bf_status bf_weights_import(char **summary, const char *path, const char *backbone, const char *output, bf_error *err) {
  bf_tensors file, copy = {0};
  bf_fit fit = {0};
  const bf_weights_format *format;
  const bf_backbone *wanted = NULL;
  *summary = NULL;
  if (backbone != NULL && (wanted = bf_backbone_find(backbone, err)) == NULL) return BF_E_ARGUMENT;
  bf_status status = bf_weights_open(&file, &format, path, err);
  if (status != BF_OK) return status;
  status = wanted != NULL ? bf_fit_one(&fit, wanted, &file, err) : bf_fit_best(&fit, &file, err);
  if (status == BF_OK) status = check_fit(&fit, err);
  if (status == BF_OK) status = copy_tensors(&copy, &fit, err);
  if (status == BF_OK) status = copy_notes(&copy, &fit, &file, path, format->name, err);
  if (status == BF_OK) status = bf_tensors_finish(&copy, err);
  if (status != BF_OK) bf_error_prefix(err, "%s", path);
  if (status == BF_OK)
    status = bf_safetensors_write(output, copy.tensors, copy.tensor_count, copy.metadata, copy.metadata_count, err);
  if (status == BF_OK) status = summarise(summary, output, &fit, &copy, err);
  bf_tensors_clear(&copy);
  bf_fit_clear(&fit);
  bf_tensors_clear(&file);
  return status;
}
