/* The model's file: tensors under their names and all that scoring needs in the metadata. */
#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "base/name.h"
#include "base/utf8.h"
#include "bifocal/version.h"
#include "model/config_entries.h"
#include "model/model.h"
#include "model/safetensors.h"
#include "model/weights_format.h"

/* ---- metadata ---- */

enum { notes_max = 20 };

typedef struct notes {
  bf_metadata_entry entries[notes_max]; /* keys static, values owned */
  int count;
  bool failed;
} notes;

static void notes_clear(notes *n) {
  for (int i = 0; i < n->count; i++) bf_free(n->entries[i].value);
}

static void note(notes *n, const char *key, const char *value) {
  char *copy = bf_strdup(value);
  if (copy == NULL || n->count == notes_max) {
    n->failed = true;
    bf_free(copy);
    return;
  }
  n->entries[n->count++] = (bf_metadata_entry){(char *)key, copy};
}

/* Takes the object over. */
static void note_json(notes *n, const char *key, json_t *object) {
  char *text = object != NULL ? json_dumps(object, JSON_REAL_PRECISION(17)) : NULL;
  note(n, key, text);
  free(text);
  json_decref(object);
}

/* Takes the text over. */
static void note_text(notes *n, const char *key, char *text) {
  note(n, key, text);
  bf_free(text);
}

static json_t *three(const float values[3]) {
  return json_pack("[f, f, f]", (double)values[0], (double)values[1], (double)values[2]);
}

static json_t *head_names(const bf_model *m) {
  json_t *list = json_array();
  for (int i = 0; i < bf_network_head_count(m->network); i++)
    json_array_append_new(list, json_string(bf_network_head(m->network, i)->type->name));
  return list;
}

/* The keys of section "prepare", as text. */
static json_t *preparation(const bf_config *config) {
  json_t *object = json_object();
  for (int i = 0; i < config->count; i++)
    if (strcmp(config->entries[i].section->prefix, "prepare") == 0)
      json_object_set_new(object, config->entries[i].row->name, json_string(config->entries[i].value));
  return object;
}

/* NULL when memory is short. */
static json_t *operating_points(const bf_model *m) {
  json_t *o = json_object();
  char *points = m->points.count > 0 ? bf_operating_points_write(&m->points) : NULL;
  json_t *list = points != NULL ? json_loads(points, 0, NULL) : NULL;
  bool short_of_memory = m->points.count > 0 && list == NULL;
  bf_free(points);
  if (!isnan(m->threshold))
    json_object_set_new(o, "malignant", json_pack("{s:f, s:s}", "threshold", m->threshold, "rule", m->threshold_rule));
  if (list != NULL) json_object_set_new(o, "points", list);
  if (!short_of_memory) return o;
  json_decref(o);
  return NULL;
}

static void write_notes(notes *n, const bf_model *m, const char *yaml) {
  char json[64];
  note(n, "format", BF_MODEL_FORMAT);
  note(n, "software_version", BIFOCAL_VERSION);
  note(n, "backbone", m->options.backbone);
  note_json(n, "heads", head_names(m));
  note(n, "config", yaml);
  snprintf(json, sizeof json, "{\"size\": %d, \"channels\": 3}", m->options.size);
  note(n, "input", json);
  note_json(n, "preparation", preparation(m->config));
  note_json(n, "mean", three(m->normalisation.mean));
  note_json(n, "std", three(m->normalisation.std));
  note(n, "class_names", "[\"benign\", \"malignant\"]");
  note_json(n, "operating_points", operating_points(m));
  note_text(n, "calibration", bf_calibration_write(m->calibration, bf_model_members(m)));
  note(n, "norms", m->norms_frozen ? "frozen" : "batch");
  if (m->training_json != NULL) note(n, "training", m->training_json);
  if (m->seen.count > 0) note_text(n, "seen", bf_seen_write(&m->seen));
  if (m->domain.images > 0) note_text(n, "domain", bf_domain_write(&m->domain));
  if (m->other_count > 0) {
    snprintf(json, sizeof json, "%d", bf_model_members(m));
    note(n, "members", json);
  }
}

/* ---- writing ---- */

enum { member_name_max = BF_PARAM_NAME_MAX + 32 };

/* As it stands in the file. */
static void member_name(char name[member_name_max], const bf_model *m, int member, const char *param) {
  if (m->other_count == 0)
    snprintf(name, member_name_max, "%s", param);
  else
    snprintf(name, member_name_max, "members.%d.%s", member, param);
}

static void free_tensors(bf_tensor *tensors, int count) {
  for (int i = 0; tensors != NULL && i < count; i++) {
    bf_free((void *)tensors[i].data);
    bf_free(tensors[i].name);
  }
  bf_free(tensors);
}

static bool make_tensor(bf_tensor *out, const bf_model *m, int member, const bf_param *param) {
  char name[member_name_max];
  float *values = bf_alloc_raw((size_t)param->count, sizeof *values);
  member_name(name, m, member, param->name);
  *out = (bf_tensor){.name = bf_strdup(name),
                     .dtype = "F32",
                     .rank = param->rank,
                     .count = param->count,
                     .data = values,
                     .bytes = (size_t)param->count * sizeof *values};
  for (int d = 0; d < param->rank; d++) out->shape[d] = param->shape[d];
  if (values != NULL) bf_param_to_original(param, values);
  return values != NULL && out->name != NULL;
}

/* count: of the parameters of one member. */
static bf_tensor *make_tensors(const bf_model *m, int count) {
  int members = bf_model_members(m);
  bf_tensor *tensors = bf_alloc((size_t)count * (size_t)members, sizeof *tensors);
  for (int i = 0; tensors != NULL && i < count * members; i++) {
    bf_graph *graph = bf_network_graph(bf_model_member(m, i / count));
    if (make_tensor(&tensors[i], m, i / count, bf_graph_param(graph, i % count))) continue;
    free_tensors(tensors, i + 1);
    return NULL;
  }
  return tensors;
}

/* What reading would refuse is not written. */
static bf_status check_finite(bf_graph *graph, const char *path, bf_error *err) {
  for (int i = 0; i < bf_graph_param_count(graph); i++) {
    const bf_param *p = bf_graph_param(graph, i);
    for (int64_t k = 0; k < p->count; k++)
      if (!isfinite(p->data[k]))
        return bf_fail(
            err, BF_E_ARGUMENT,
            "%s: number %lld of %s is not finite: training has diverged; try a smaller optimiser.learning_rate", path,
            (long long)k, p->name);
  }
  return BF_OK;
}

bf_status bf_model_write(const bf_model *m, const char *path, bf_error *err) {
  int members = bf_model_members(m), count = bf_graph_param_count(bf_network_graph(m->network));
  bf_status status = BF_OK;
  for (int k = 0; k < members && status == BF_OK; k++)
    status = check_finite(bf_network_graph(bf_model_member(m, k)), path, err);
  if (status != BF_OK) return status;
  notes n = {.count = 0};
  char *yaml = bf_config_write(m->config, false);
  bf_tensor *tensors = make_tensors(m, count);
  if (yaml != NULL) write_notes(&n, m, yaml);
  if (yaml == NULL || tensors == NULL || n.failed)
    status = bf_fail(err, BF_E_MEMORY, "%s: no memory to write the model", path);
  else
    status = bf_safetensors_write(path, tensors, count * members, n.entries, n.count, err);
  free_tensors(tensors, count * members);
  notes_clear(&n);
  bf_free(yaml);
  return status;
}

/* ---- reading ---- */

static bf_status need(const char **value, const bf_tensors *file, const char *key, bf_error *err) {
  *value = bf_tensors_metadata(file, key);
  return *value != NULL ? BF_OK : bf_fail(err, BF_E_FORMAT, "its metadata lacks '%s': not a whole bifocal model", key);
}

static bf_status refuse_other(const bf_tensors *file, const char *format, bf_error *err) {
  if (format != NULL && strcmp(format, "pt") != 0)
    return bf_fail(err, BF_E_FORMAT,
                   "not a bifocal model: a safetensors file of format '%.60s'; 'bifocal train' makes models", format);
  return bf_fail(err, BF_E_FORMAT,
                 "not a bifocal model: %lld tensors without a model's metadata, as weight files are; 'bifocal train' "
                 "makes a model, and pretrained weights go into its configuration (weights: FILE)",
                 (long long)file->tensor_count);
}

static bf_status check_format(const bf_tensors *file, bf_error *err) {
  static const char start[] = "bifocal-model-";
  const char *format = bf_tensors_metadata(file, "format"), *by = bf_tensors_metadata(file, "software_version");
  if (format == NULL || strncmp(format, start, sizeof start - 1) != 0) return refuse_other(file, format, err);
  if (strcmp(format, BF_MODEL_FORMAT) == 0) return BF_OK;
  const char *digits = format + sizeof start - 1;
  char *end;
  if (*digits >= '1' && *digits <= '9' && strtoul(digits, &end, 10) > 1 && *end == '\0')
    return bf_fail(err, BF_E_UNSUPPORTED,
                   "its format is %.60s, this version reads " BF_MODEL_FORMAT
                   "; it was written by bifocal %.60s: "
                   "update bifocal, or train the model again with this one (" BIFOCAL_VERSION ")",
                   format, by != NULL ? by : "of an unknown version");
  return bf_fail(err, BF_E_UNSUPPORTED,
                 "its format is %.60s, this version reads " BF_MODEL_FORMAT
                 "; no version of bifocal wrote such a "
                 "format: the file is damaged or forged; train the model again",
                 format);
}

/* The configuration makes the network; what the file says beside it must agree. */
static bf_status check_agreement(const bf_model *m, const bf_tensors *file, bf_error *err) {
  const char *backbone, *heads;
  bf_status status = need(&backbone, file, "backbone", err);
  if (status == BF_OK) status = need(&heads, file, "heads", err);
  if (status != BF_OK) return status;
  if (strcmp(backbone, m->options.backbone) != 0)
    return bf_fail(err, BF_E_FORMAT, "its backbone is %.60s, its configuration says %.60s", backbone,
                   m->options.backbone);
  json_t *named = json_loads(heads, JSON_REJECT_DUPLICATES, NULL), *built = head_names(m);
  bool same = json_equal(named, built);
  json_decref(named);
  json_decref(built);
  return same ? BF_OK : bf_fail(err, BF_E_FORMAT, "its heads are %.100s, its configuration makes others", heads);
}

/* The list beside the threshold, where there is one. */
static bf_status take_points(bf_model *m, const json_t *list, bf_error *err) {
  char *text = json_dumps(list, 0);
  bf_status status = text != NULL ? bf_operating_points_read(&m->points, text, err)
                                  : bf_fail(err, BF_E_FORMAT, "its operating points' 'points' are no list");
  free(text);
  double own = bf_operating_points_threshold(&m->points);
  if (status == BF_OK && !isnan(own) && !(fabs(own - m->threshold) <= 1e-12))
    status = bf_fail(err, BF_E_FORMAT, "its operating points: the chosen one is not the threshold");
  return status;
}

static bf_status take_operating_points(bf_model *m, const char *text, bf_error *err) {
  json_t *root = json_loads(text, JSON_REJECT_DUPLICATES, NULL);
  const json_t *point = json_object_get(root, "malignant"), *threshold = json_object_get(point, "threshold"),
               *list = json_object_get(root, "points");
  const char *rule = json_string_value(json_object_get(point, "rule"));
  double value = json_number_value(threshold);
  bf_status status = BF_OK;
  if (!json_is_object(root) || (point != NULL && (!json_is_number(threshold) || !(value >= 0 && value <= 1))))
    status = bf_fail(err, BF_E_FORMAT, "its operating points are not JSON with a threshold from 0 to 1");
  else if (point != NULL)
    m->threshold = value;
  bf_name_set(m->threshold_rule, sizeof m->threshold_rule, rule);
  if (status == BF_OK && list != NULL) status = take_points(m, list, err);
  json_decref(root);
  return status;
}

static bf_status take_notes(bf_model *m, const bf_tensors *file, bf_error *err) {
  const char *points, *norms = bf_tensors_metadata(file, "norms"), *training = bf_tensors_metadata(file, "training");
  if (!bf_weights_normalisation(&m->normalisation, NULL, file, NULL))
    return bf_fail(err, BF_E_FORMAT, "its metadata's mean and std are not three numbers each");
  bf_status status = need(&points, file, "operating_points", err);
  if (status == BF_OK) status = take_operating_points(m, points, err);
  if (status != BF_OK) return status;
  m->norms_frozen = norms != NULL && strcmp(norms, "frozen") == 0;
  if (training != NULL && (m->training_json = bf_strdup(training)) == NULL)
    return bf_fail(err, BF_E_MEMORY, "no memory for the training record");
  const char *seen = bf_tensors_metadata(file, "seen"), *domain = bf_tensors_metadata(file, "domain");
  if (seen != NULL) status = bf_seen_read(&m->seen, seen, err);
  return status == BF_OK && domain != NULL ? bf_domain_read(&m->domain, domain, err) : status;
}

static bf_status take_member(const bf_model *m, int member, const bf_tensors *file, bf_error *err) {
  bf_graph *graph = bf_network_graph(bf_model_member(m, member));
  int count = bf_graph_param_count(graph);
  for (int i = 0; i < count; i++) {
    char name[member_name_max];
    bf_param *param = bf_graph_param(graph, i);
    member_name(name, m, member, param->name);
    const bf_tensor *tensor = bf_tensors_find(file, name);
    if (tensor == NULL) return bf_fail(err, BF_E_FORMAT, "tensor %s is missing", name);
    bf_status status = bf_weights_take(param, tensor, true, err);
    if (status != BF_OK) return status;
  }
  return BF_OK;
}

/* The parameter's name of a tensor of some member; NULL when it is of none. */
static const char *name_of(const bf_model *m, const char *tensor) {
  if (m->other_count == 0) return tensor;
  char *end;
  if (strncmp(tensor, "members.", 8) != 0 || tensor[8] < '0' || tensor[8] > '9') return NULL;
  long member = strtol(tensor + 8, &end, 10);
  return *end == '.' && member < bf_model_members(m) ? end + 1 : NULL;
}

static bf_status take_tensors(bf_model *m, const bf_tensors *file, bf_error *err) {
  bf_status status = BF_OK;
  for (int k = 0; k < bf_model_members(m) && status == BF_OK; k++) status = take_member(m, k, file, err);
  for (int64_t i = 0; i < file->tensor_count && status == BF_OK; i++) {
    const char *name = name_of(m, file->tensors[i].name);
    if (name == NULL || bf_graph_find_param(bf_network_graph(m->network), name) == NULL)
      status = bf_fail(err, BF_E_FORMAT, "tensor %s belongs to no part of the network", file->tensors[i].name);
  }
  return status;
}

/* The further networks of an ensemble, as the first one is. */
static bf_status add_members(bf_model *m, const bf_tensors *file, const bf_config_section *extra, int extra_count,
                             const char *yaml, bf_error *err) {
  const char *text = bf_tensors_metadata(file, "members");
  char *end = NULL;
  long members = text != NULL ? strtol(text, &end, 10) : 1;
  if (text != NULL && (end == text || *end != '\0' || members < 2 || members > BF_MODEL_MEMBERS))
    return bf_fail(err, BF_E_FORMAT, "its metadata's members are %.20s; from 2 to %d are handled", text,
                   BF_MODEL_MEMBERS);
  int64_t each = bf_graph_param_count(bf_network_graph(m->network));
  /* Before networks are made that the file does not hold. */
  if (text != NULL && file->tensor_count != each * members)
    return bf_fail(err, BF_E_FORMAT, "its metadata says %ld members of %lld tensors, and it holds %lld tensors",
                   members, (long long)each, (long long)file->tensor_count);
  bf_status status = BF_OK;
  while (bf_model_members(m) < members && status == BF_OK) {
    bf_config *config = NULL;
    bf_model *one = NULL;
    status = bf_model_config(&config, extra, extra_count, err);
    if (status == BF_OK && (status = bf_config_read_text(config, yaml, "its configuration", err)) != BF_OK)
      bf_config_destroy(config);
    if (status == BF_OK) status = bf_model_create_unset(&one, config, err);
    if (status == BF_OK) {
      one->normalisation = m->normalisation;
      one->domain = m->domain;
      status = bf_model_join(m, one, err);
    }
    bf_model_destroy(one);
  }
  return status;
}

static bf_status from_file(bf_model **out, const bf_tensors *file, const bf_config_section *extra, int extra_count,
                           bf_error *err) {
  const char *yaml;
  bf_config *config = NULL;
  bf_model *m = NULL;
  bf_status status = check_format(file, err);
  if (status == BF_OK) status = need(&yaml, file, "config", err);
  if (status == BF_OK) status = bf_model_config(&config, extra, extra_count, err);
  if (status == BF_OK) status = bf_config_read_text(config, yaml, "its configuration", err);
  if (status != BF_OK) {
    bf_config_destroy(config);
    return status;
  }
  status = bf_model_create_unset(&m, config, err);
  if (status == BF_OK) status = check_agreement(m, file, err);
  if (status == BF_OK) status = take_notes(m, file, err);
  if (status == BF_OK) status = add_members(m, file, extra, extra_count, yaml, err);
  if (status == BF_OK)
    status = bf_calibration_read(m->calibration, bf_model_members(m), bf_tensors_metadata(file, "calibration"), err);
  if (status == BF_OK) status = take_tensors(m, file, err);
  if (status != BF_OK) {
    bf_model_destroy(m);
    return status;
  }
  memcpy(m->sha256, file->sha256, sizeof m->sha256);
  *out = m;
  return BF_OK;
}

bf_status bf_model_read(bf_model **out, const char *path, const bf_config_section *extra, int extra_count,
                        bf_error *err) {
  bf_tensors file;
  *out = NULL;
  bf_status status = bf_safetensors_read(&file, path, err);
  if (status != BF_OK) return status;
  status = from_file(out, &file, extra, extra_count, err);
  if (status != BF_OK) {
    /* What the file says is not let near a terminal; a bad value inside it is its fault, not the caller's. */
    if (err != NULL) bf_make_plain(err->message);
    bf_error_prefix(err, "%s", path);
    if (status == BF_E_ARGUMENT) status = BF_E_FORMAT;
    if (err != NULL) err->status = status;
  }
  bf_tensors_clear(&file);
  return status;
}
