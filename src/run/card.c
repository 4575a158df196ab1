/* From a model to its card as JSON. The training record is text of a file: only what is known by name and is of the
 * right kind is taken from it. */
#include "run/card.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "base/utf8.h"
#include "bifocal/card.h"
#include "model/known_weights.h"
#include "run/sections.h"

/* ---- what may be taken ---- */

static json_t *clean_text(const char *value) {
  char *copy = value != NULL ? bf_strdup(value) : NULL;
  if (copy == NULL) return json_null();
  bf_make_plain(copy);
  json_t *string = json_string(copy);
  bf_free(copy);
  return string != NULL ? string : json_null();
}

static void put_text(json_t *to, const char *key, const json_t *from, const char *from_key) {
  json_object_set_new(to, key, clean_text(json_string_value(json_object_get(from, from_key))));
}

/* Counts of a record; those that are none are null. */
static void put_count(json_t *to, const char *key, const json_t *from, const char *from_key) {
  const json_t *value = json_object_get(from, from_key);
  bool good = json_is_integer(value) && json_integer_value(value) >= 0;
  json_object_set_new(to, key, good ? json_integer(json_integer_value(value)) : json_null());
}

static bool is_share(const json_t *value) {
  return json_is_number(value) && json_number_value(value) >= 0 && json_number_value(value) <= 1;
}

/* AUC, sensitivity and the like, from 0 to 1. */
static void put_share(json_t *to, const char *key, const json_t *from, const char *from_key) {
  const json_t *value = json_object_get(from, from_key);
  json_object_set_new(to, key, is_share(value) ? json_real(json_number_value(value)) : json_null());
}

static void put_interval(json_t *to, const char *key, const json_t *from) {
  const json_t *list = json_object_get(from, key), *low = json_array_get(list, 0), *high = json_array_get(list, 1);
  bool good = json_array_size(list) == 2 && is_share(low) && is_share(high);
  json_object_set_new(to, key,
                      good ? json_pack("[f, f]", json_number_value(low), json_number_value(high)) : json_null());
}

/* ---- the parts of a card ---- */

static json_t *config_section(const bf_model *m, const char *prefix, const bf_option *table) {
  json_t *o = json_object();
  for (const bf_option *row = table; row->name != NULL; row++) {
    char key[96];
    snprintf(key, sizeof key, "%s.%s", prefix, row->name);
    json_object_set_new(o, row->name, clean_text(bf_config_get(m->config, key)));
  }
  return o;
}

static json_t *side_json(const json_t *certificate, const char *name) {
  static const char *const keys[] = {"images", "patients", "groups", "benign", "malignant", "unknown", "lesions"};
  const json_t *from = json_object_get(certificate, name);
  json_t *o = json_object();
  if (!json_is_object(from)) return json_decref(o), json_null();
  for (size_t i = 0; i < sizeof keys / sizeof keys[0]; i++) put_count(o, keys[i], from, keys[i]);
  return o;
}

/* Of a training, or of the first of a cross-validation's. */
static const json_t *own_record(const json_t *record) {
  const json_t *first = json_object_get(record, "first_member");
  return json_is_object(first) ? first : record;
}

static json_t *parts_json(const bf_model *m, const json_t *record) {
  static const char *const names[] = {"train", "validation", "held_out"};
  const json_t *certificate = json_object_get(own_record(record), "certificate");
  json_t *o = json_object();
  for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
    json_object_set_new(o, names[i], side_json(certificate, names[i]));
  put_count(o, "patients_on_two_sides", certificate, "patients_on_two_sides");
  json_object_set_new(o, "validation_fraction", json_real(m->options.validation));
  put_count(o, "folds", record, "folds");
  put_count(o, "repeats", record, "repeats");
  return o;
}

static json_t *dataset_json(const json_t *record) {
  enum { most = 100 };
  json_t *o = json_object(), *from = json_object_get(json_object_get(own_record(record), "certificate"), "dataset"),
         *value;
  const char *key;
  put_text(o, "sha256", record, "data_sha256");
  json_object_foreach(from, key, value) {
    if (bf_is_plain_text(key) && json_object_size(o) < most)
      json_object_set_new(o, key, clean_text(json_string_value(value)));
  }
  return o;
}

static json_t *domain_json(const bf_domain *d) {
  char *text = d->images > 0 ? bf_domain_write(d) : NULL;
  json_t *o = text != NULL ? json_loads(text, 0, NULL) : NULL;
  bf_free(text);
  return o != NULL ? o : json_null();
}

/* A record without intervals has two figures, and no counts. */
static void put_bare_figures(json_t *to, const json_t *record) {
  put_share(to, "auc", record, "validation_auc");
  put_share(to, "froc1", record, "validation_froc1");
}

static json_t *figures_json(const bf_model *m, const json_t *record) {
  static const char *const counts[] = {"images", "benign", "malignant", "lesion_images", "lesions"};
  static const char *const shares[] = {"auc", "sensitivity", "specificity", "froc1", "ece"};
  static const char *const intervals[] = {"auc_ci", "sensitivity_ci", "specificity_ci", "froc1_ci"};
  bool folds = json_is_integer(json_object_get(record, "folds"));
  const json_t *from = json_object_get(record, folds ? "first_time" : "validation");
  json_t *o = json_object();
  bool known = json_is_object(from) || is_share(json_object_get(record, "validation_auc")) ||
               is_share(json_object_get(record, "validation_froc1"));
  json_object_set_new(o, "on", json_string(folds ? "out of fold" : known ? "validation part" : "nothing"));
  for (size_t i = 0; i < sizeof counts / sizeof counts[0]; i++) put_count(o, counts[i], from, counts[i]);
  for (size_t i = 0; i < sizeof shares / sizeof shares[0]; i++) put_share(o, shares[i], from, shares[i]);
  for (size_t i = 0; i < sizeof intervals / sizeof intervals[0]; i++) put_interval(o, intervals[i], from);
  if (!json_is_object(from) && !folds) put_bare_figures(o, record);
  put_share(o, "figures_threshold", from, "threshold");
  json_object_set_new(o, "threshold", isnan(m->threshold) ? json_null() : json_real(m->threshold));
  json_object_set_new(o, "threshold_rule", clean_text(m->threshold_rule));
  return o;
}

/* The model's own, checked when it was read; not the record's. */
static json_t *calibration_json(const bf_model *m) {
  char line[BF_CALIBRATION_LINE], *text = bf_calibration_write(m->calibration, bf_model_members(m));
  bf_calibration whole = bf_model_calibration(m);
  json_t *o = text != NULL ? json_loads(text, 0, NULL) : NULL;
  bf_free(text);
  if (o == NULL) o = json_pack("{s:s}", "method", "none");
  bf_calibration_tell(line, &whole);
  json_object_set_new(o, "in_words", json_string(line));
  return o;
}

static json_t *points_json(const bf_model *m) {
  char *text = bf_operating_points_write(&m->points);
  json_t *list = text != NULL ? json_loads(text, 0, NULL) : NULL;
  bf_free(text);
  return list != NULL ? list : json_array();
}

static json_t *heads_json(const bf_model *m) {
  json_t *list = json_array();
  for (int i = 0; i < bf_network_head_count(m->network); i++)
    json_array_append_new(list, json_string(bf_network_head(m->network, i)->type->name));
  return list;
}

static json_t *network_json(const bf_model *m, const json_t *record) {
  const json_t *own = own_record(record);
  json_t *o = json_pack("{s:s, s:i, s:i, s:o}", "backbone", m->options.backbone, "size", m->options.size, "members",
                        bf_model_members(m), "heads", heads_json(m));
  const char *hash = json_string_value(json_object_get(own, "weights_sha256"));
  bool whole = hash != NULL && strlen(hash) == 64;
  const bf_known_weights *known = whole ? bf_known_weights_by_sha256(hash, 0) : NULL;
  json_object_set_new(o, "weights", clean_text(m->options.weights));
  json_object_set_new(o, "weights_sha256", whole ? clean_text(hash) : json_null());
  json_object_set_new(o, "weights_known_as", known != NULL ? json_string(known->name) : json_null());
  json_object_set_new(o, "epoch_chosen_by", clean_text(bf_config_get(m->config, "metric")));
  put_count(o, "epoch", own, "epoch");
  put_count(o, "epochs", own, "epochs");
  return o;
}

json_t *bf_card_make(const bf_model *m, const char *path) {
  json_t *record = m->training_json != NULL ? json_loads(m->training_json, JSON_REJECT_DUPLICATES, NULL) : NULL;
  json_t *card = config_section(m, "card", bf_card_table);
  json_object_set_new(card, "file", clean_text(path));
  json_object_set_new(card, "sha256", json_string(m->sha256));
  json_object_set_new(card, "format", json_string(BF_MODEL_FORMAT));
  put_text(card, "software_version", record, "software_version");
  put_text(card, "created", own_record(record), "created");
  json_object_set_new(card, "training_record", json_boolean(json_is_object(record)));
  json_object_set_new(card, "trained_on", domain_json(&m->domain));
  json_object_set_new(card, "parts", parts_json(m, record));
  json_object_set_new(card, "dataset", dataset_json(record));
  json_object_set_new(card, "figures", figures_json(m, record));
  json_object_set_new(card, "calibration", calibration_json(m));
  json_object_set_new(card, "operating_points", points_json(m));
  json_object_set_new(card, "network", network_json(m, record));
  json_object_set_new(card, "preparation", config_section(m, "prepare", bf_prepare_table));
  json_object_set_new(card, "seen_images", json_integer(m->seen.count));
  json_object_set_new(card, "known_limits", bf_card_limits(card));
  json_decref(record);
  return card;
}

void bf_card_line(char text[BF_CARD_LINE], const bf_model *m) {
  char modality[160], patients[24] = "";
  const char *purpose = bf_config_get(m->config, "card.purpose");
  bf_domain_kinds_text(modality, sizeof modality, &m->domain.modality);
  if (m->domain.patients > 0) snprintf(patients, sizeof patients, "%lld", (long long)m->domain.patients);
  int used = snprintf(text, BF_CARD_LINE, "model: purpose %.511s; trained on ", purpose != NULL ? purpose : "unknown");
  if (m->domain.images > 0)
    snprintf(text + used, BF_CARD_LINE - (size_t)used, "%lld images of %s%s patients (modality %s)",
             (long long)m->domain.images, patients, m->domain.patients > 0 ? "" : "unknown", modality);
  else
    snprintf(text + used, BF_CARD_LINE - (size_t)used,
             "images that it does not tell: none but empty pictures is refused as unlike them");
  bf_make_plain(text);
}

bf_status bf_card(char **text, const char *path, int json, bf_error *err) {
  bf_config_section sections[BF_RUN_MAX_SECTIONS];
  int count = bf_run_sections(sections);
  bf_model *model = NULL;
  *text = NULL;
  bf_status status = bf_model_read(&model, path, sections, count, err);
  if (status != BF_OK) return status;
  json_t *card = bf_card_make(model, path);
  if (json) {
    char *dump = json_dumps(card, JSON_PRESERVE_ORDER | JSON_REAL_PRECISION(6));
    *text = bf_strdup(dump);
    free(dump);
  } else {
    *text = bf_card_tell(card);
  }
  json_decref(card);
  bf_model_destroy(model);
  return *text != NULL ? BF_OK : bf_fail(err, BF_E_MEMORY, "%s: no memory for its card", path);
}
