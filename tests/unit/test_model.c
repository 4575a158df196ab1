/* A model's file: there and back, and what is refused. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/file.h"
#include "base/log.h"
#include "base/memory.h"
#include "base/utf8.h"
#include "model/model.h"
#include "model/safetensors.h"
#include "model/weights.h"

static char folder[64], path[128], other[128];

static int set_up(void **state) {
  (void)state;
  bf_log_set_level(BF_LOG_ERROR);
  strcpy(folder, "/tmp/bifocal-test-XXXXXX");
  if (mkdtemp(folder) == NULL) return -1;
  snprintf(path, sizeof path, "%s/a.safetensors", folder);
  snprintf(other, sizeof other, "%s/b.safetensors", folder);
  return 0;
}

static int tear_down(void **state) {
  (void)state;
  unlink(path);
  unlink(other);
  return rmdir(folder);
}

/* settings: "key=value", NULL at the end. */
static bf_status create(bf_model **out, bf_error *err, const char *const *settings) {
  bf_config *config = NULL;
  assert_int_equal(bf_model_config(&config, NULL, 0, err), BF_OK);
  assert_int_equal(bf_config_set(config, "size", "32", err), BF_OK);
  for (int i = 0; settings != NULL && settings[i] != NULL; i++)
    if (bf_config_assign(config, settings[i], err) != BF_OK) fail_msg("%s", err->message);
  return bf_model_create(out, config, err);
}

static bf_model *make(void) {
  bf_model *m = NULL;
  bf_error err = {0};
  if (create(&m, &err, NULL) != BF_OK) fail_msg("%s", err.message);
  return m;
}

static void there_and_back(void **state) {
  (void)state;
  bf_error err = {0};
  const char *const settings[] = {"seed=7", "heads.lesion.weight=2", NULL};
  bf_model *a = NULL, *b = NULL;
  char hash[65];
  if (create(&a, &err, settings) != BF_OK) fail_msg("%s", err.message);
  bf_graph *graph = bf_network_graph(a->network);
  for (int i = 0; i < bf_graph_param_count(graph); i++)
    for (int64_t k = 0; k < bf_graph_param(graph, i)->count; k++)
      bf_graph_param(graph, i)->data[k] = (float)(1 + i + k % 13) / 7;
  a->threshold = 0.125;
  strcpy(a->threshold_rule, "by \"hand\"");
  bf_operating_points_add(&a->points, (bf_operating_point){BF_POINT_SENSITIVITY, 0.9, 0.125, 0.95, NAN});
  a->points.chosen = 0;
  a->calibration[0] = (bf_calibration){BF_CALIBRATION_PLATT, 0.5, -1.0 / 3, 9, 4, 0.7, 0.6, 0.2, 0.1, "here", ""};
  a->normalisation = (bf_normalisation){{0.5f, 0.1f, 0.3f}, {0.25f, 1 / 3.0f, 1}};
  a->norms_frozen = true;
  a->training_json = bf_strdup("{\"epochs\": 3}");
  bf_domain_add(&a->domain, &(bf_domain_image){"US", "RGB", 300, 400, 0.1, 0.2, "ACME (Test)"});
  assert_int_equal(bf_model_write(a, path, &err), BF_OK);
  if (bf_model_read(&b, path, NULL, 0, &err) != BF_OK) fail_msg("%s", err.message);
  assert_int_equal(bf_sha256_file(hash, path, &err), BF_OK);
  assert_string_equal(b->sha256, hash);
  assert_string_equal(a->sha256, "");
  assert_true(b->threshold == 0.125);
  assert_string_equal(b->threshold_rule, "by \"hand\"");
  assert_int_equal(b->points.count, 1);
  assert_true(bf_operating_points_threshold(&b->points) == 0.125);
  assert_true(b->calibration[0].slope == 0.5 && b->calibration[0].intercept == -1.0 / 3);
  assert_string_equal(b->calibration[0].on, "here");
  assert_true(fabs(bf_model_probability(b, 2) - 1 / (1 + exp(-2.0 / 3))) < 1e-15);
  assert_memory_equal(&a->normalisation, &b->normalisation, sizeof a->normalisation);
  assert_true(b->norms_frozen);
  assert_string_equal(b->training_json, "{\"epochs\": 3}");
  assert_memory_equal(&a->domain, &b->domain, sizeof a->domain);
  assert_int_equal(b->options.seed, 7);
  assert_string_equal(bf_config_get(b->config, "heads.lesion.weight"), "2");
  bf_graph *back = bf_network_graph(b->network);
  assert_int_equal(bf_graph_block_size(graph), bf_graph_block_size(back));
  assert_memory_equal(bf_graph_data_block(graph), bf_graph_data_block(back),
                      (size_t)bf_graph_block_size(graph) * sizeof(float));
  /* The same model makes the same bytes. */
  assert_int_equal(bf_model_write(b, other, &err), BF_OK);
  assert_int_equal(bf_sha256_file(hash, other, &err), BF_OK);
  assert_string_equal(b->sha256, hash);
  bf_model_destroy(a);
  bf_model_destroy(b);
}

static void a_new_model_has_no_threshold(void **state) {
  (void)state;
  bf_error err = {0};
  bf_model *a = make(), *b = NULL;
  assert_true(isnan(a->threshold));
  assert_int_equal(bf_model_write(a, path, &err), BF_OK);
  assert_int_equal(bf_model_read(&b, path, NULL, 0, &err), BF_OK);
  assert_true(isnan(b->threshold));
  assert_null(b->training_json);
  assert_int_equal(b->calibration[0].method, BF_CALIBRATION_NONE);
  assert_int_equal(b->points.count, 0);
  assert_true(bf_model_probability(b, 1) == 1 / (1 + exp(-1.0)));
  assert_int_equal(b->domain.images, 0);
  assert_string_equal(bf_config_get(b->config, "card.purpose"), "not stated");
  bf_model_destroy(a);
  bf_model_destroy(b);
}

static void set_note(bf_tensors *file, const char *key, const char *value) {
  for (int64_t i = 0; i < file->metadata_count; i++)
    if (strcmp(file->metadata[i].key, key) == 0) {
      bf_free(file->metadata[i].value);
      file->metadata[i].value = bf_strdup(value);
      return;
    }
  fail_msg("no metadata '%s'", key);
}

static void drop_note(bf_tensors *file, const char *key) {
  for (int64_t i = 0; i < file->metadata_count; i++)
    if (strcmp(file->metadata[i].key, key) == 0) {
      bf_free(file->metadata[i].key);
      file->metadata[i].key = bf_strdup("unused");
    }
}

/* Each network of an ensemble keeps its own calibration, and a file of one network says nothing of members. */
static void an_ensemble_there_and_back(void **state) {
  (void)state;
  bf_error err = {0};
  bf_model *a = make(), *one = make(), *b = NULL;
  one->calibration[0] = (bf_calibration){.method = BF_CALIBRATION_TEMPERATURE, .slope = 3};
  assert_int_equal(bf_model_join(a, one, &err), BF_OK);
  bf_model_destroy(one);
  assert_int_equal(bf_model_write(a, path, &err), BF_OK);
  if (bf_model_read(&b, path, NULL, 0, &err) != BF_OK) fail_msg("%s", err.message);
  assert_int_equal(bf_model_members(b), 2);
  assert_int_equal(b->calibration[0].method, BF_CALIBRATION_NONE);
  assert_true(b->calibration[1].slope == 3);
  assert_true(fabs(bf_model_probability(b, 1) - 1 / (1 + exp(-2.0))) < 1e-15);
  bf_model_destroy(a);
  bf_model_destroy(b);
}

#define TEN "\xC3\xA9\xC3\xA9\xC3\xA9\xC3\xA9\xC3\xA9\xC3\xA9\xC3\xA9\xC3\xA9\xC3\xA9\xC3\xA9"

/* Without a calibration and a list of points, and with a rule that is longer than its room. */
static void a_file_that_says_less(void **state) {
  (void)state;
  bf_error err = {0};
  bf_tensors file;
  bf_model *a = make(), *b = NULL;
  a->threshold = 0.25;
  a->calibration[0] = (bf_calibration){.method = BF_CALIBRATION_TEMPERATURE, .slope = 3};
  assert_int_equal(bf_model_write(a, path, &err), BF_OK);
  assert_int_equal(bf_safetensors_read(&file, path, &err), BF_OK);
  drop_note(&file, "calibration");
  set_note(&file, "operating_points",
           "{\"malignant\": {\"threshold\": 0.25, \"rule\": \"" TEN TEN TEN TEN TEN TEN TEN "\"}}");
  assert_int_equal(
      bf_safetensors_write(other, file.tensors, file.tensor_count, file.metadata, file.metadata_count, &err), BF_OK);
  bf_tensors_clear(&file);
  if (bf_model_read(&b, other, NULL, 0, &err) != BF_OK) fail_msg("%s", err.message);
  assert_int_equal(b->calibration[0].method, BF_CALIBRATION_NONE);
  assert_int_equal(b->points.count, 0);
  assert_true(b->threshold == 0.25);
  assert_true(bf_is_utf8(b->threshold_rule)); /* cut between two characters of two bytes */
  assert_int_equal(strlen(b->threshold_rule), sizeof b->threshold_rule - 2);
  bf_model_destroy(a);
  bf_model_destroy(b);
}

/* What reading would refuse is not written, and what stood there stays. */
static void a_diverged_model_is_not_written(void **state) {
  (void)state;
  bf_error err = {0};
  bf_model *a = make(), *b = NULL;
  assert_int_equal(bf_model_write(a, path, &err), BF_OK);
  bf_graph_find_param(bf_network_graph(a->network), "features.0.1.running_var")->data[3] = INFINITY;
  assert_int_equal(bf_model_write(a, path, &err), BF_E_ARGUMENT);
  assert_non_null(strstr(err.message, "number 3 of features.0.1.running_var is not finite"));
  bf_model_destroy(a);
  assert_int_equal(bf_model_read(&b, path, NULL, 0, &err), BF_OK);
  bf_model_destroy(b);
}

static void options_are_checked(void **state) {
  (void)state;
  static const struct {
    const char *settings[3];
    bf_status status;
    const char *said;
  } cases[] = {
      {{"size=100"}, BF_E_ARGUMENT, "size: 100 is not a multiple of 32"},
      {{"sensitivity=0.9", "specificity=0.8"}, BF_E_ARGUMENT, "aims at one of them; leave the other out"},
      {{"backbone=resnet81"}, BF_E_ARGUMENT, "did you mean resnet18?"},
      {{"patience=3", "metric=last"}, BF_E_ARGUMENT, "with metric: last every epoch is the best"},
      {{"freeze=some"}, BF_E_ARGUMENT, "freeze: 'some'; write none, all, or the number"},
      {{"unfreeze=every 2"}, BF_E_ARGUMENT, "but nothing is frozen"},
      {{"optimiser.stage_rates=1e-5, 1e-4"}, BF_E_ARGUMENT, "or 5 learning rates from 0 to 10"},
      {{"freeze=5"}, BF_E_ARGUMENT, "freeze: 5, but the last stage is 4"},
      {{"heads.malignancy.weight=0", "heads.lesion.weight=0"}, BF_E_ARGUMENT, "every head's weight is 0"},
  };
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    bf_error err = {0};
    bf_model *m = NULL;
    bf_status status = create(&m, &err, cases[i].settings);
    if (status != cases[i].status || strstr(err.message, cases[i].said) == NULL)
      fail_msg("case %zu: %d, '%s'", i, (int)status, err.message);
    assert_null(m);
  }
}

/* Changes the file at `path` into `other`. */
typedef void (*damage)(bf_tensors *file);

static void refuse(const char *name, damage change, bf_status status, const char *said) {
  bf_error err = {0};
  bf_tensors file;
  bf_model *m = NULL;
  assert_int_equal(bf_safetensors_read(&file, path, &err), BF_OK);
  change(&file);
  assert_int_equal(
      bf_safetensors_write(other, file.tensors, file.tensor_count, file.metadata, file.metadata_count, &err), BF_OK);
  bf_status found = bf_model_read(&m, other, NULL, 0, &err);
  if (found != status || strstr(err.message, said) == NULL || strstr(err.message, other) == NULL)
    fail_msg("%s: %d, '%s' where '%s' is due", name, (int)found, err.message, said);
  assert_null(m);
  bf_tensors_clear(&file);
}

static void rename_note(bf_tensors *file, const char *key, const char *name, const char *value) {
  set_note(file, key, value);
  for (int64_t i = 0; i < file->metadata_count; i++)
    if (strcmp(file->metadata[i].key, key) == 0) {
      bf_free(file->metadata[i].key);
      file->metadata[i].key = bf_strdup(name);
    }
}

static bf_tensor *tensor(bf_tensors *file, const char *name) {
  bf_tensor *t = (bf_tensor *)bf_tensors_find(file, name);
  assert_non_null(t);
  return t;
}

static void no_format(bf_tensors *f) { drop_note(f, "format"); }
static void next_format(bf_tensors *f) { set_note(f, "format", "bifocal-model-2"); }
static void forged_format(bf_tensors *f) { set_note(f, "format", "bifocal-model-0\033[2J"); }
static void format_of_weights(bf_tensors *f) { set_note(f, "format", "pt"); }
static void format_of_another(bf_tensors *f) { set_note(f, "format", "mlx\r\n"); }
static void bad_domain(bf_tensors *f) {
  set_note(f, "calibration", "none"), rename_note(f, "calibration", "domain", "{}");
}
static void bad_seen(bf_tensors *f) { rename_note(f, "calibration", "seen", "0123456789abcde"); }
static void many_members(bf_tensors *f) { rename_note(f, "calibration", "members", "1000000000"); }
static void overflowing_members(bf_tensors *f) { rename_note(f, "calibration", "members", "99999999999999999999"); }
static void more_members_than_tensors(bf_tensors *f) { rename_note(f, "calibration", "members", "64"); }
static void aliases(bf_tensors *f) { set_note(f, "config", "card: &a\n  purpose: &b x\n  limits: *b\n"); }
static void points_of_text(bf_tensors *f) {
  set_note(f, "operating_points", "{\"malignant\": {\"threshold\": \"0.5\"}}");
}
static void long_config(bf_tensors *f) {
  size_t size = (2 << 20) + 1;
  char *text = bf_alloc_raw(size, 1);
  memset(text, '#', size - 1);
  text[size - 1] = '\0';
  set_note(f, "config", text);
  bf_free(text);
}
static void no_config(bf_tensors *f) { drop_note(f, "config"); }
static void bad_config(bf_tensors *f) { set_note(f, "config", "epochz: 3\n"); }
static void config_of_another_size(bf_tensors *f) { set_note(f, "config", "size: 33\n"); }
static void other_backbone(bf_tensors *f) { set_note(f, "backbone", "vgg19"); }
static void other_heads(bf_tensors *f) { set_note(f, "heads", "[\"malignancy\"]"); }
static void bad_mean(bf_tensors *f) { set_note(f, "mean", "[1, 2]"); }
static void zero_std(bf_tensors *f) { set_note(f, "std", "[1, 0, 1]"); }
static void bad_points(bf_tensors *f) { set_note(f, "operating_points", "{\"malignant\": {\"threshold\": 2}}"); }
static void other_threshold(bf_tensors *f) {
  set_note(f, "operating_points",
           "{\"malignant\": {\"threshold\": 0.5}, \"points\": [{\"rule\": \"youden\", \"threshold\": 0.25, "
           "\"chosen\": true}]}");
}
static void points_no_list(bf_tensors *f) { set_note(f, "operating_points", "{\"points\": 7}"); }
static void bad_slope(bf_tensors *f) {
  set_note(f, "calibration", "{\"method\": \"platt\", \"slope\": 0, \"intercept\": 0}");
}
static void forged_calibration(bf_tensors *f) { set_note(f, "calibration", "\033[2J"); }
static void points_no_json(bf_tensors *f) { set_note(f, "operating_points", "{"); }
static void renamed(bf_tensors *f) { strcpy(tensor(f, "features.0.0.weight")->name, "features.0.0.weighs"); }
static void one_more(bf_tensors *f) {
  /* The statistics' counter of another program is no part of a model. */
  f->tensors = bf_grow(f->tensors, (size_t)f->tensor_count, (size_t)f->tensor_count + 1, sizeof *f->tensors);
  f->tensors[f->tensor_count] = f->tensors[0];
  f->tensors[f->tensor_count++].name = bf_strdup("zzz");
}
static void turned(bf_tensors *f) {
  bf_tensor *t = tensor(f, "features.0.0.weight");
  t->shape[0] = 3;
  t->shape[1] = 32;
}
static void not_a_number(bf_tensors *f) {
  float nan = NAN;
  memcpy((char *)tensor(f, "features.0.1.weight")->data + 8, &nan, 4);
}
static void negative_variance(bf_tensors *f) {
  float value = -1;
  memcpy((char *)tensor(f, "features.0.1.running_var")->data, &value, 4);
}

static void damage_is_refused_by_name(void **state) {
  (void)state;
  static const struct {
    const char *name;
    damage change;
    bf_status status;
    const char *said;
  } cases[] = {
      {"no_format", no_format, BF_E_FORMAT, "not a bifocal model"},
      {"next_format", next_format, BF_E_UNSUPPORTED,
       "its format is bifocal-model-2, this version reads bifocal-model-1; it was written by bifocal 0.1.0: update"},
      {"forged_format", forged_format, BF_E_UNSUPPORTED, "its format is bifocal-model-0?[2J, this version"},
      {"format_of_weights", format_of_weights, BF_E_FORMAT, "pretrained weights go into its configuration"},
      {"format_of_another", format_of_another, BF_E_FORMAT,
       "a safetensors file of format 'mlx?"
       "?'"},
      {"bad_domain", bad_domain, BF_E_FORMAT, "its metadata's domain: 'images' cannot be"},
      {"bad_seen", bad_seen, BF_E_FORMAT, "list of seen images is damaged"},
      {"many_members", many_members, BF_E_FORMAT, "its metadata's members are 1000000000; from 2 to 64"},
      {"overflowing_members", overflowing_members, BF_E_FORMAT, "from 2 to 64 are handled"},
      {"more_members_than_tensors", more_members_than_tensors, BF_E_FORMAT, "its metadata says 64 members of"},
      {"aliases", aliases, BF_E_FORMAT, "aliases (*name) are not taken"},
      {"points_of_text", points_of_text, BF_E_FORMAT, "threshold from 0 to 1"},
      {"long_config", long_config, BF_E_FORMAT, "its configuration: 2097152 bytes, more than the limit of 1048576"},
      {"no_config", no_config, BF_E_FORMAT, "its metadata lacks 'config'"},
      {"bad_config", bad_config, BF_E_FORMAT, "its configuration: epochz: no such key"},
      {"config_of_another_size", config_of_another_size, BF_E_FORMAT, "size: 33 is not a multiple of 32"},
      {"other_backbone", other_backbone, BF_E_FORMAT, "its backbone is vgg19, its configuration says mobilenet_v2"},
      {"other_heads", other_heads, BF_E_FORMAT, "its heads are [\"malignancy\"]"},
      {"bad_mean", bad_mean, BF_E_FORMAT, "mean and std are not three numbers"},
      {"zero_std", zero_std, BF_E_FORMAT, "mean and std are not three numbers"},
      {"bad_points", bad_points, BF_E_FORMAT, "operating points"},
      {"other_threshold", other_threshold, BF_E_FORMAT, "the chosen one is not the threshold"},
      {"points_no_list", points_no_list, BF_E_FORMAT, "no list"},
      {"bad_slope", bad_slope, BF_E_FORMAT, "its calibration: 'slope' is not a number above 0"},
      {"forged_calibration", forged_calibration, BF_E_FORMAT, "its calibration is neither none nor"},
      {"points_no_json", points_no_json, BF_E_FORMAT, "operating points"},
      {"renamed", renamed, BF_E_FORMAT, "tensor features.0.0.weight is missing"},
      {"one_more", one_more, BF_E_FORMAT, "tensor zzz belongs to no part"},
      {"turned", turned, BF_E_FORMAT,
       "features.0.0.weight: its shape is [3, 32, 3, 3], the network wants [32, 3, 3, 3]"},
      {"not_a_number", not_a_number, BF_E_FORMAT, "features.0.1.weight: number 2 is not finite"},
      {"negative_variance", negative_variance, BF_E_FORMAT, "features.0.1.running_var: variance 0 is -1"},
  };
  bf_error err = {0};
  bf_model *m = make();
  assert_int_equal(bf_model_write(m, path, &err), BF_OK);
  bf_model_destroy(m);
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
    refuse(cases[i].name, cases[i].change, cases[i].status, cases[i].said);
}

static void a_cut_model_is_refused(void **state) {
  (void)state;
  bf_error err = {0};
  bf_model *m = make(), *back = NULL;
  char *bytes;
  size_t size;
  assert_int_equal(bf_model_write(m, path, &err), BF_OK);
  bf_model_destroy(m);
  assert_int_equal(bf_file_read(&bytes, &size, path, 1 << 28, &err), BF_OK);
  bf_free(bytes);
  for (size_t at = size - 1; at > 0; at = at * 3 / 4) {
    assert_int_equal(truncate(path, (off_t)at), 0);
    assert_int_equal(bf_model_read(&back, path, NULL, 0, &err), BF_E_FORMAT);
    assert_null(back);
  }
}

static void pretrained_weights_go_into_the_backbone(void **state) {
  (void)state;
  bf_error err = {0};
  bf_tensors file;
  bf_model *a = make(), *b = NULL;
  char setting[160];
  assert_int_equal(bf_model_write(a, path, &err), BF_OK);
  assert_int_equal(bf_safetensors_read(&file, path, &err), BF_OK);
  const float one = 1;
  float *first = (float *)tensor(&file, "features.0.0.weight")->data;
  memcpy(first, &one, 4);
  strcpy(tensor(&file, "features.18.0.weight")->name, "features.18.0.weigth");
  set_note(&file, "mean", "[0.1, 0.2, 0.3]");
  assert_int_equal(
      bf_safetensors_write(other, file.tensors, file.tensor_count, file.metadata, file.metadata_count, &err), BF_OK);
  bf_tensors_clear(&file);

  bf_weights_report report;
  bf_graph *graph = bf_network_graph(a->network);
  assert_int_equal(bf_weights_load(&report, graph, bf_backbone_find("mobilenet_v2", &err), BF_STAGE_HEAD, other, &err),
                   BF_OK);
  assert_int_equal(report.loaded, 259);
  assert_int_equal(report.missing, 1);
  assert_string_equal(report.first_missing[0], "features.18.0.weight");
  assert_true(report.leftover > 1);
  assert_true(report.folded); /* a fresh network's statistics are 0 and 1 */
  assert_true(report.has_normalisation);

  snprintf(setting, sizeof setting, "weights=%s", "b.safetensors");
  const char *const settings[] = {setting, NULL}, *const lost[] = {"weights=c.safetensors", NULL};
  assert_int_equal(create(&b, &err, settings), BF_OK);
  assert_int_equal(bf_model_load_weights(b, folder, &err), BF_OK);
  assert_true(bf_graph_find_param(bf_network_graph(b->network), "features.0.0.weight")->data[0] == 1);
  assert_true(b->normalisation.mean[1] == 0.2f);
  bf_model_destroy(b);
  assert_int_equal(create(&b, &err, lost), BF_OK);
  assert_int_equal(bf_model_load_weights(b, folder, &err), BF_E_NOT_FOUND);
  assert_non_null(strstr(err.message, "c.safetensors does not exist"));
  bf_model_destroy(b);
  bf_model_destroy(a);
}

static void weights_of_another_backbone_are_refused(void **state) {
  (void)state;
  bf_error err = {0};
  const char *const settings[] = {"backbone=resnet18", NULL};
  bf_model *a = make(), *b = NULL;
  bf_weights_report report;
  assert_int_equal(bf_model_write(a, path, &err), BF_OK);
  assert_int_equal(create(&b, &err, settings), BF_OK);
  assert_int_equal(bf_weights_load(&report, bf_network_graph(b->network), bf_backbone_find(b->options.backbone, &err),
                                   BF_STAGE_HEAD, path, &err),
                   BF_E_FORMAT);
  assert_non_null(strstr(err.message, "is called as in this backbone (conv1.weight is looked for)"));
  bf_model_destroy(a);
  bf_model_destroy(b);
}

static void real_files(void **state) {
  (void)state;
  static const struct {
    const char *file, *setting;
    int loaded, missing, leftover;
    float mean;
  } cases[] = {{"mobilenet_v2_imagenet.safetensors", "backbone=mobilenet_v2", 260, 0, 2, 0.5f},
               {"resnet18_imagenet_partial.safetensors", "backbone=resnet18", 80, 20, 2, 0.485f}};
  for (size_t i = 0; i < 2; i++) {
    char file[512];
    bf_error err = {0};
    bf_weights_report report;
    bf_model *m = NULL;
    snprintf(file, sizeof file, "%s/../shared/data/weights/%s", BF_TEST_SOURCE_DIR, cases[i].file);
    if (access(file, R_OK) != 0) skip();
    const char *const settings[] = {cases[i].setting, NULL};
    assert_int_equal(create(&m, &err, settings), BF_OK);
    assert_int_equal(bf_weights_load(&report, bf_network_graph(m->network), bf_backbone_find(m->options.backbone, &err),
                                     BF_STAGE_HEAD, file, &err),
                     BF_OK);
    assert_int_equal(report.loaded, cases[i].loaded);
    assert_int_equal(report.missing, cases[i].missing);
    assert_int_equal(report.leftover, cases[i].leftover);
    assert_true(report.folded && report.has_normalisation);
    assert_true(report.normalisation.mean[0] == cases[i].mean);
    if (i == 1) assert_string_equal(report.first_missing[0], "layer4.0.conv1.weight");
    bf_model_destroy(m);
  }
}

#define CASE(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)
int main(void) {
  const struct CMUnitTest tests[] = {
      CASE(there_and_back),
      CASE(a_new_model_has_no_threshold),
      CASE(an_ensemble_there_and_back),
      CASE(a_file_that_says_less),
      CASE(a_diverged_model_is_not_written),
      CASE(options_are_checked),
      CASE(damage_is_refused_by_name),
      CASE(a_cut_model_is_refused),
      CASE(pretrained_weights_go_into_the_backbone),
      CASE(weights_of_another_backbone_are_refused),
      CASE(real_files),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
