/* A model in memory: made from a configuration, given pretrained weights. Its file stands in model_file.c. */
#include "model/model.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/file.h"
#include "base/log.h"
#include "base/memory.h"
#include "model/weights.h"

/* ImageNet's, which torchvision's backbones were trained with. */
static const bf_normalisation usual = {{0.485f, 0.456f, 0.406f}, {0.229f, 0.224f, 0.225f}};

static bf_status check_options(const bf_main_options *o, bf_error *err) {
  if (o->size % 32 != 0) {
    int below = o->size / 32 * 32, above = below + 32;
    return bf_fail(err, BF_E_ARGUMENT,
                   "size: %d is not a multiple of 32, the backbone's coarsest stride; take %d or %d", o->size, below,
                   above);
  }
  if (o->sensitivity > 0 && o->specificity > 0)
    return bf_fail(
        err, BF_E_ARGUMENT,
        "sensitivity: %g and specificity: %g: the stored threshold aims at one of them; leave the other out, "
        "or 0",
        o->sensitivity, o->specificity);
  return BF_OK;
}

/* Options of each head; freed by the caller also after a failure. */
static bf_status fill_heads(bf_network_spec *spec, void *options[BF_MAX_HEADS], const bf_config *config,
                            bf_error *err) {
  int count = bf_head_type_count();
  if (count > BF_MAX_HEADS) return bf_fail(err, BF_E_INTERNAL, "%d heads, room for %d", count, BF_MAX_HEADS);
  for (int i = 0; i < count; i++) {
    const bf_head_type *type = bf_head_type_at(i);
    char prefix[96];
    snprintf(prefix, sizeof prefix, "heads.%s", type->name);
    options[i] = bf_alloc(1, type->options_size);
    if (options[i] == NULL) return bf_fail(err, BF_E_MEMORY, "no memory for the options of a head");
    bf_status status = bf_config_fill(config, prefix, options[i], err);
    if (status != BF_OK) return status;
    spec->head_types[i] = type;
    spec->head_options[i] = options[i];
    spec->head_count = i + 1;
  }
  return BF_OK;
}

/* What training will read: a slip there shows before any work is done. */
static bf_status check_plan(const bf_model *m, int stages, bf_error *err) {
  bf_thaw thaw;
  bf_rate_options rate;
  double rates[BF_MAX_STAGES];
  bf_status status = bf_thaw_parse(&thaw, m->options.freeze, m->options.unfreeze, stages, err);
  if (status == BF_OK && m->options.patience > 0 && m->options.metric == BF_METRIC_LAST)
    status =
        bf_fail(err, BF_E_ARGUMENT,
                "patience: %d, but with metric: last every epoch is the best; choose another metric, or patience: 0",
                m->options.patience);
  bf_balance balance = {0};
  if (status == BF_OK) status = bf_model_balance(&balance, m->config, err);
  bf_free(balance.options);
  if (status == BF_OK) status = bf_config_fill(m->config, "optimiser", &rate, err);
  if (status == BF_OK) status = bf_stage_rates(rates, stages, 1, 1, rate.stage_rates, err);
  return status;
}

static bf_status build_network(bf_model *m, bool unset, bf_error *err) {
  void *options[BF_MAX_HEADS] = {0};
  bf_network_spec spec = {.height = m->options.size,
                          .width = m->options.size,
                          .channels = 3,
                          .seed = (uint64_t)m->options.seed,
                          .unset = unset};
  bf_status status = BF_OK;
  spec.backbone = bf_backbone_find(m->options.backbone, err);
  if (spec.backbone == NULL) return BF_E_ARGUMENT;
  status = check_plan(m, spec.backbone->stages, err);
  if (status != BF_OK) return status;
  status = fill_heads(&spec, options, m->config, err);
  if (status == BF_OK) status = bf_network_create(&m->network, &spec, err);
  for (int i = 0; i < BF_MAX_HEADS; i++) bf_free(options[i]);
  return status;
}

static bf_status create(bf_model **out, bf_config *config, bool unset, bf_error *err) {
  *out = NULL;
  bf_model *m = bf_alloc(1, sizeof *m);
  if (m == NULL) {
    bf_config_destroy(config);
    return bf_fail(err, BF_E_MEMORY, "no memory for a model");
  }
  m->config = config;
  m->normalisation = usual;
  m->threshold = NAN;
  bf_status status = bf_config_fill(config, "", &m->options, err);
  if (status == BF_OK) status = check_options(&m->options, err);
  if (status == BF_OK) status = build_network(m, unset, err);
  if (status != BF_OK) {
    bf_model_destroy(m);
    return status;
  }
  *out = m;
  return BF_OK;
}

bf_status bf_model_create(bf_model **out, bf_config *config, bf_error *err) { return create(out, config, false, err); }

bf_status bf_model_create_unset(bf_model **out, bf_config *config, bf_error *err) {
  return create(out, config, true, err);
}

void bf_model_destroy(bf_model *m) {
  if (m == NULL) return;
  bf_network_destroy(m->network);
  for (int i = 0; i < m->other_count; i++) bf_network_destroy(m->others[i]);
  bf_config_destroy(m->config);
  bf_free(m->training_json);
  bf_seen_clear(&m->seen);
  bf_free(m);
}

bf_status bf_model_join(bf_model *m, bf_model *other, bf_error *err) {
  char *mine = bf_config_write(m->config, false), *theirs = bf_config_write(other->config, false);
  bf_status status = BF_OK;
  if (mine == NULL || theirs == NULL)
    status = bf_fail(err, BF_E_MEMORY, "no memory to join models");
  else if (strcmp(mine, theirs) != 0 || memcmp(&m->normalisation, &other->normalisation, sizeof m->normalisation) != 0)
    status = bf_fail(err, BF_E_ARGUMENT, "models of different configurations make no ensemble");
  else if (bf_model_members(m) + bf_model_members(other) > BF_MODEL_MEMBERS)
    status = bf_fail(err, BF_E_LIMIT, "an ensemble has at most %d members", BF_MODEL_MEMBERS);
  bf_free(mine);
  bf_free(theirs);
  if (status == BF_OK) status = bf_seen_add(&m->seen, other->seen.hashes, other->seen.count, err);
  if (status != BF_OK) return status;
  bf_domain_join(&m->domain, &other->domain);
  memcpy(&m->calibration[bf_model_members(m)], other->calibration,
         (size_t)bf_model_members(other) * sizeof other->calibration[0]);
  m->others[m->other_count++] = other->network;
  for (int i = 0; i < other->other_count; i++) m->others[m->other_count++] = other->others[i];
  other->network = NULL;
  other->other_count = 0;
  return BF_OK;
}

bf_calibration bf_model_calibration(const bf_model *m) {
  return bf_calibration_join(m->calibration, bf_model_members(m));
}

double bf_model_probability(const bf_model *m, double logit) {
  bf_calibration c = bf_model_calibration(m);
  return bf_calibration_probability(&c, logit);
}

bf_status bf_model_want_one(const bf_model *m, const char *path, bf_error *err) {
  if (m->other_count == 0) return BF_OK;
  return bf_fail(err, BF_E_UNSUPPORTED, "%s: is an ensemble of %d networks; name the model of one fold", path,
                 bf_model_members(m));
}

static void tell(const char *path, const bf_weights_report *r) {
  bf_log(BF_LOG_INFO, "weights: %d tensors of the backbone from %s", r->loaded, bf_path_name(path));
  if (r->missing > 0) {
    char names[3 * BF_PARAM_NAME_MAX + 8] = "";
    for (int i = 0; i < r->missing && i < 3; i++) {
      size_t used = strlen(names);
      snprintf(names + used, sizeof names - used, "%s%s", i ? ", " : "", r->first_missing[i]);
    }
    bf_log(BF_LOG_WARN, "weights: %d tensors are not in the file and stay new: %s%s", r->missing, names,
           r->missing > 3 ? ", ..." : "");
  }
  if (!r->has_normalisation)
    bf_log(BF_LOG_WARN, "weights: the file says no mean and std of its inputs; ImageNet's usual ones are taken");
}

bf_status bf_model_load_weights(bf_model *m, const char *base_folder, bf_error *err) {
  char path[BF_PATH_MAX];
  bf_weights_report report;
  if (strcmp(m->options.weights, "none") == 0) return BF_OK;
  if (m->options.weights[0] == '\0') return bf_fail(err, BF_E_ARGUMENT, "weights: is empty; name a file, or none");
  bf_status status = bf_path_join(path, sizeof path, base_folder, m->options.weights, err);
  if (status == BF_OK && !bf_file_exists(path))
    status = bf_fail(
        err, BF_E_NOT_FOUND,
        "weights: %s does not exist; name a file relative to the configuration file, or none for a random start", path);
  if (status == BF_OK)
    status = bf_weights_load(&report, bf_network_graph(m->network), bf_backbone_find(m->options.backbone, NULL),
                             BF_STAGE_HEAD, path, err);
  if (status != BF_OK) return status;
  tell(path, &report);
  m->normalisation = report.has_normalisation ? report.normalisation : usual;
  memcpy(m->weights_sha256, report.sha256, sizeof m->weights_sha256);
  return BF_OK;
}
