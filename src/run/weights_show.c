/* What a weight file holds: for people, or as JSON. */
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "base/utf8.h"
#include "bifocal/weights.h"
#include "run/weights_fit.h"

static bf_status take_text(char **out, char *text, bf_error *err) {
  *out = bf_strdup(text);
  free(text);
  return *out != NULL ? BF_OK : bf_fail(err, BF_E_MEMORY, "no memory for the description");
}

/* ---- show, JSON ---- */

static json_t *shape_json(int rank, const int64_t *shape) {
  json_t *list = json_array();
  for (int i = 0; i < rank; i++) json_array_append_new(list, json_integer(shape[i]));
  return list;
}

static json_t *tensors_json(const bf_tensors *file) {
  json_t *list = json_array();
  for (int64_t i = 0; i < file->tensor_count; i++) {
    const bf_tensor *t = &file->tensors[i];
    json_array_append_new(
        list, json_pack("{s:s, s:s, s:o}", "name", t->name, "dtype", t->dtype, "shape", shape_json(t->rank, t->shape)));
  }
  return list;
}

static json_t *metadata_json(const bf_tensors *file) {
  json_t *object = json_object();
  for (int64_t i = 0; i < file->metadata_count; i++)
    json_object_set_new(object, file->metadata[i].key, json_string(file->metadata[i].value));
  return object;
}

static json_t *fit_json(const bf_fit *fit, const bf_tensors *file) {
  if (fit->backbone == NULL) return json_null();
  json_t *missing = json_array(), *mismatched = json_array(), *leftover = json_array();
  for (int i = 0; i < fit->backbone_count; i++) {
    bool other;
    const char *name = bf_graph_param(fit->graph, i)->name;
    if (bf_fit_tensor(fit, i, &other) == NULL) json_array_append_new(other ? mismatched : missing, json_string(name));
  }
  for (int64_t i = 0; i < file->tensor_count; i++)
    if (!fit->wanted[i]) json_array_append_new(leftover, json_string(file->tensors[i].name));
  char names[2 * BF_PARAM_NAME_MAX];
  bf_weight_names_describe(names, sizeof names, &fit->names);
  return json_pack("{s:s, s:s, s:i, s:i, s:o, s:o, s:o, s:i}", "name", fit->backbone->name, "names", names,
                   "parameters", fit->backbone_count, "matched", fit->matched, "missing", missing, "mismatched",
                   mismatched, "leftover", leftover, "classes", fit->classes);
}

static json_t *normalisation_json(const bf_tensors *file, const bf_fit *fit) {
  bf_normalisation n;
  const char *order;
  if (!bf_weights_normalisation(&n, &order, file, &fit->names)) return json_null();
  return json_pack("{s:s, s:s, s:[f, f, f], s:[f, f, f]}", "range", "0..1", "colour_order", order, "mean",
                   (double)n.mean[0], (double)n.mean[1], (double)n.mean[2], "std", (double)n.std[0], (double)n.std[1],
                   (double)n.std[2]);
}

static int64_t count_numbers(const bf_tensors *file) {
  int64_t sum = 0;
  for (int64_t i = 0; i < file->tensor_count; i++) sum += file->tensors[i].count;
  return sum;
}

static bf_status show_json(char **text, const char *path, const bf_weights_format *format, const bf_tensors *file,
                           const bf_fit *fit, bf_error *err) {
  json_t *root =
      json_pack("{s:s, s:s, s:s, s:I, s:o, s:o, s:o, s:b, s:o}", "file", path, "format", format->name, "sha256",
                file->sha256, "numbers", (json_int_t)count_numbers(file), "metadata", metadata_json(file), "tensors",
                tensors_json(file), "backbone", fit_json(fit, file), "folded",
                fit->backbone != NULL && bf_fit_is_folded(fit), "normalisation", normalisation_json(file, fit));
  if (!bf_is_utf8(path)) {
    json_decref(root);
    return bf_fail(err, BF_E_ARGUMENT, "%s: the path is no UTF-8, and JSON cannot hold it; rename the file", path);
  }
  char *dumped = root != NULL ? json_dumps(root, JSON_REAL_PRECISION(7)) : NULL;
  json_decref(root);
  return take_text(text, dumped, err);
}

/* ---- show, text ---- */

static void list_names(FILE *f, const char *title, const bf_fit *fit, bool want_other) {
  int count = want_other ? fit->mismatched : fit->missing, said = 0;
  if (count == 0) return;
  fprintf(f, "  %s (%d):", title, count);
  for (int i = 0; i < fit->backbone_count && said < 12; i++) {
    bool other;
    if (bf_fit_tensor(fit, i, &other) == NULL && other == want_other)
      fprintf(f, "%s %s", said++ ? "," : "", bf_graph_param(fit->graph, i)->name);
  }
  fprintf(f, "%s\n", count > said ? ", ..." : "");
}

static void list_leftover(FILE *f, const bf_fit *fit, const bf_tensors *file) {
  fprintf(f, "left over: %d tensors", fit->leftover);
  for (int64_t i = 0, said = 0; i < file->tensor_count && said < 12; i++)
    if (!fit->wanted[i]) fprintf(f, "%s %s", said++ ? "," : ":", file->tensors[i].name);
  fprintf(f, "%s\n", fit->leftover > 12 ? ", ..." : "");
}

static void describe_fit(FILE *f, const bf_fit *fit, const bf_tensors *file) {
  bf_normalisation n;
  const char *order;
  char names[2 * BF_PARAM_NAME_MAX];
  if (fit->backbone == NULL) {
    fprintf(f, "backbone: none finds its parameters here\n");
    return;
  }
  bf_weight_names_describe(names, sizeof names, &fit->names);
  fprintf(f, "backbone: %s, %d of %d tensors found, called %s\n", fit->backbone->name, fit->matched,
          fit->backbone_count, names);
  list_names(f, "missing, would stay new", fit, false);
  list_names(f, "of another shape", fit, true);
  if (fit->classes > 0)
    fprintf(f, "classifier: whole, %d classes\n", fit->classes);
  else
    fprintf(f, "classifier: %s\n", fit->classifier > 0 ? "not whole" : "none");
  list_leftover(f, fit, file);
  if (bf_fit_has_norms(fit))
    fprintf(f, "batch norms: %s\n",
            bf_fit_is_folded(fit) ? "folded into scale and shift: keep them frozen, or let training re-estimate them"
                                  : "not folded");
  if (bf_weights_normalisation(&n, &order, file, &fit->names))
    fprintf(f, "normalisation: of values 0..1, %s: mean %g %g %g, std %g %g %g\n", order, (double)n.mean[0],
            (double)n.mean[1], (double)n.mean[2], (double)n.std[0], (double)n.std[1], (double)n.std[2]);
  else
    fprintf(f, "normalisation: not said; ImageNet's usual one would be taken\n");
}

/* A stranger's words, cut between characters and without what moves a terminal. */
static void say_note(FILE *f, const bf_metadata_entry *entry) {
  enum { most = 200 };
  char value[most + 1];
  const char *next = entry->value, *end = next;
  while (*next && bf_utf8_next(&next) >= 0 && next - entry->value <= most) end = next;
  int length = (int)(end - entry->value);
  snprintf(value, sizeof value, "%.*s", length, entry->value);
  bf_make_plain(value);
  fprintf(f, "says %s: %s%s\n", entry->key, value, entry->value[length] ? "..." : "");
}

static bf_status show_text(char **text, const char *path, const bf_weights_format *format, const bf_tensors *file,
                           const bf_fit *fit, bf_error *err) {
  char *buffer = NULL;
  size_t size;
  FILE *f = open_memstream(&buffer, &size);
  if (f == NULL) return bf_fail(err, BF_E_MEMORY, "no memory for the description");
  for (int64_t i = 0; i < file->tensor_count; i++) {
    char shape[160];
    bf_shape_text(shape, sizeof shape, file->tensors[i].rank, file->tensors[i].shape);
    fprintf(f, "%-48s %-5s %s\n", file->tensors[i].name, file->tensors[i].dtype, shape);
  }
  fprintf(f, "\nfile: %s (%s)\nsha256: %s\n", path, format->name, file->sha256);
  fprintf(f, "tensors: %lld, %lld numbers\n", (long long)file->tensor_count, (long long)count_numbers(file));
  for (int64_t i = 0; i < file->metadata_count; i++) say_note(f, &file->metadata[i]);
  describe_fit(f, fit, file);
  if (fclose(f) != 0) {
    free(buffer);
    return bf_fail(err, BF_E_MEMORY, "no memory for the description");
  }
  return take_text(text, buffer, err);
}

bf_status bf_weights_show(char **text, const char *path, int json, bf_error *err) {
  bf_tensors file;
  bf_fit fit;
  const bf_weights_format *format;
  *text = NULL;
  bf_status status = bf_weights_open(&file, &format, path, err);
  if (status != BF_OK) return status;
  status = bf_fit_best(&fit, &file, err);
  if (status == BF_OK || status == BF_E_FORMAT)
    status = json ? show_json(text, path, format, &file, &fit, err) : show_text(text, path, format, &file, &fit, err);
  bf_fit_clear(&fit);
  bf_tensors_clear(&file);
  return status;
}
