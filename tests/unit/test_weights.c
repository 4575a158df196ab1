/* Weights from file to figures: show, import, run. That the numbers are right is judged by tests/golden. */
#include <jansson.h>
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
#include "bifocal/doctor.h"
#include "bifocal/ingest.h"
#include "bifocal/weights.h"
#include "model/safetensors.h"
#include "nn/backbone.h"
#include "store/arrays.h"

static char folder[64], path[128], copy[128], x[128], y[128];

static int start(void **state) {
  (void)state;
  bf_error err = {0};
  bf_log_set_level(BF_LOG_ERROR);
  return bf_start(&err);
}

/* A whole resnet18 with seven classes, as another program would have written it. */
static void write_resnet(const char *left_out) {
  bf_error err = {0};
  bf_graph *graph;
  bf_features features;
  assert_int_equal(bf_graph_create(&graph, &err), BF_OK);
  const bf_backbone *backbone = bf_backbone_find("resnet18", &err);
  backbone->build(graph, bf_graph_input(graph, 32, 32, 3), &features);
  backbone->classifier(graph, &features, 7);
  assert_int_equal(bf_graph_finish(graph, 3, &err), BF_OK);
  int count = bf_graph_param_count(graph), n = 0;
  bf_tensor *tensors = bf_alloc((size_t)count + 1, sizeof *tensors);
  for (int i = 0; i < count; i++) {
    bf_param *p = bf_graph_param(graph, i);
    if (left_out != NULL && strcmp(p->name, left_out) == 0) continue;
    float *values = bf_alloc((size_t)p->count, sizeof *values);
    bf_param_to_original(p, values);
    tensors[n] = (bf_tensor){.name = p->name, .rank = p->rank, .count = p->count, .data = values};
    for (int d = 0; d < p->rank; d++) tensors[n].shape[d] = p->shape[d];
    n++;
  }
  float counter = 5;
  tensors[n] = (bf_tensor){.name = "bn1.num_batches_tracked", .rank = 0, .count = 1, .data = &counter};
  bf_metadata_entry notes[] = {{"mean", "[0.1, 0.2, 0.3]"}, {"std", "[1, 1, 1]"}, {"licence", "free"}};
  assert_int_equal(bf_safetensors_write(path, tensors, n + 1, notes, 3, &err), BF_OK);
  for (int i = 0; i < n; i++) bf_free((void *)tensors[i].data);
  bf_free(tensors);
  bf_graph_destroy(graph);
}

static int set_up(void **state) {
  (void)state;
  strcpy(folder, "/tmp/bifocal-test-XXXXXX");
  if (mkdtemp(folder) == NULL) return -1;
  snprintf(path, sizeof path, "%s/w.safetensors", folder);
  snprintf(copy, sizeof copy, "%s/c.safetensors", folder);
  snprintf(x, sizeof x, "%s/x.h5", folder);
  snprintf(y, sizeof y, "%s/y.h5", folder);
  write_resnet(NULL);
  return 0;
}

static int tear_down(void **state) {
  (void)state;
  char command[160];
  snprintf(command, sizeof command, "rm -rf '%s'", folder);
  return system(command);
}

static json_t *show(const char *file) {
  char *text;
  bf_error err = {0};
  if (bf_weights_show(&text, file, 1, &err) != BF_OK) fail_msg("%s", err.message);
  json_t *root = json_loads(text, JSON_REJECT_DUPLICATES, NULL);
  assert_non_null(root);
  bf_text_free(text);
  return root;
}

static void show_finds_the_backbone(void **state) {
  (void)state;
  json_t *r = show(path);
  const json_t *b = json_object_get(r, "backbone");
  assert_string_equal(json_string_value(json_object_get(b, "name")), "resnet18");
  assert_int_equal(json_integer_value(json_object_get(b, "matched")), 100);
  assert_int_equal(json_integer_value(json_object_get(b, "classes")), 7);
  assert_int_equal(json_array_size(json_object_get(b, "missing")), 0);
  assert_int_equal(json_array_size(json_object_get(b, "leftover")), 0); /* the counter is none */
  assert_int_equal(json_array_size(json_object_get(r, "tensors")), 103);
  assert_true(json_is_true(json_object_get(r, "folded")));
  json_decref(r);
  char *text;
  bf_error err = {0};
  assert_int_equal(bf_weights_show(&text, path, 0, &err), BF_OK);
  assert_non_null(strstr(text, "backbone: resnet18, 100 of 100 tensors found"));
  assert_non_null(strstr(text, "classifier: whole, 7 classes"));
  bf_text_free(text);
  write_resnet("layer4.0.conv1.weight");
  r = show(path);
  const json_t *missing = json_object_get(json_object_get(r, "backbone"), "missing");
  assert_int_equal(json_array_size(missing), 1);
  assert_string_equal(json_string_value(json_array_get(missing, 0)), "layer4.0.conv1.weight");
  json_decref(r);
}

static void import_copies_what_fits(void **state) {
  (void)state;
  char *text, hash[65];
  bf_error err = {0};
  assert_int_equal(bf_weights_import(&text, path, NULL, copy, &err), BF_OK);
  assert_non_null(strstr(text, "102 tensors for resnet18, 0 missing, 0 left out"));
  bf_text_free(text);
  bf_tensors a, b;
  assert_int_equal(bf_safetensors_read(&a, path, &err), BF_OK);
  assert_int_equal(bf_safetensors_read(&b, copy, &err), BF_OK);
  assert_int_equal(bf_sha256_file(hash, path, &err), BF_OK);
  assert_string_equal(bf_tensors_metadata(&b, "origin_sha256"), hash);
  assert_string_equal(bf_tensors_metadata(&b, "origin"), "w.safetensors");
  assert_string_equal(bf_tensors_metadata(&b, "licence"), "free");
  assert_string_equal(bf_tensors_metadata(&b, "mean"), "[0.1, 0.2, 0.3]");
  const bf_tensor *t = bf_tensors_find(&a, "layer2.0.conv1.weight"), *u = bf_tensors_find(&b, "layer2.0.conv1.weight");
  assert_memory_equal(t->data, u->data, t->bytes);
  bf_tensors_clear(&a);
  bf_tensors_clear(&b);
  assert_int_equal(bf_weights_import(&text, path, "mobilenet_v2", copy, &err), BF_E_FORMAT);
  assert_int_equal(bf_weights_import(&text, path, "resnet19", copy, &err), BF_E_ARGUMENT);
}

static void write_input(int rank, int64_t n, int64_t c, int64_t h, int64_t w) {
  bf_error err = {0};
  bf_array a = {.name = "input", .rank = rank, .shape = {n, c, h, w}};
  int64_t count = n * c * h * w;
  a.data = bf_alloc((size_t)count, sizeof(float));
  for (int64_t i = 0; i < count; i++) a.data[i] = sinf((float)i);
  assert_int_equal(bf_arrays_write(x, &a, 1, &err), BF_OK);
  bf_free(a.data);
}

static void run_gives_features_and_logits(void **state) {
  (void)state;
  bf_error err = {0};
  bf_array all, one;
  write_input(4, 7, 3, 45, 67);
  if (bf_weights_run(path, "resnet18", x, y, 2, &err) != BF_OK) fail_msg("%s", err.message);
  assert_int_equal(bf_array_read(&all, y, "logits", 1 << 20, &err), BF_OK);
  assert_int_equal(all.rank, 2);
  assert_true(all.shape[0] == 7 && all.shape[1] == 7);
  bf_array f;
  assert_int_equal(bf_array_read(&f, y, "features/layer3", 1 << 20, &err), BF_OK);
  assert_true(f.rank == 4 && f.shape[0] == 7 && f.shape[1] == 256 && f.shape[2] == 3 && f.shape[3] == 5);
  for (int64_t i = 0; i < 7 * 256 * 15; i++) assert_true(isfinite(f.data[i]));
  bf_free(f.data);
  /* The first image alone and with one thread: the same. */
  write_input(4, 1, 3, 45, 67);
  assert_int_equal(bf_weights_run(path, "resnet18", x, y, 1, &err), BF_OK);
  assert_int_equal(bf_array_read(&one, y, "logits", 1 << 20, &err), BF_OK);
  for (int i = 0; i < 7; i++) assert_true(fabsf(one.data[i] - all.data[i]) <= 1e-5f * (1 + fabsf(all.data[i])));
  bf_free(one.data);
  bf_free(all.data);
}

static void without_a_whole_classifier_no_logits(void **state) {
  (void)state;
  bf_error err = {0};
  bf_array a;
  write_resnet("fc.bias");
  write_input(4, 1, 3, 32, 32);
  assert_int_equal(bf_weights_run(path, "resnet18", x, y, 1, &err), BF_OK);
  assert_int_equal(bf_array_read(&a, y, "logits", 1 << 20, &err), BF_E_FORMAT);
  assert_int_equal(bf_array_read(&a, y, "features/relu", 1 << 20, &err), BF_OK);
  bf_free(a.data);
}

static void inputs_are_checked(void **state) {
  (void)state;
  bf_error err = {0};
  bf_array a;
  write_input(4, 1, 2, 32, 32);
  assert_int_equal(bf_weights_run(path, "resnet18", x, y, 1, &err), BF_E_FORMAT);
  assert_non_null(strstr(err.message, "/input is [1, 2, 32, 32], wanted is [N, 3, H, W] or [N, 1, H, W]"));
  write_input(3, 3, 32, 32, 1);
  assert_int_equal(bf_weights_run(path, "resnet18", x, y, 1, &err), BF_E_FORMAT);
  write_input(4, 1, 3, 32, 32);
  assert_int_equal(bf_array_read(&a, x, "input", 100, &err), BF_E_LIMIT);
  assert_int_equal(bf_array_read(&a, x, "nothing", 100, &err), BF_E_FORMAT);
  assert_int_equal(bf_weights_run(path, "resnet18", path, y, 1, &err), BF_E_FORMAT);
  assert_non_null(strstr(err.message, "is no HDF5 file"));
  assert_int_equal(bf_weights_run(path, "resnet18", y, y, 1, &err), BF_E_NOT_FOUND);
  assert_int_equal(bf_weights_run(x, "resnet18", x, y, 1, &err), BF_E_UNSUPPORTED);
  assert_non_null(strstr(err.message, "an HDF5 file, and not Keras's"));
  assert_int_equal(bf_weights_run(path, "mobilenet_v2", x, y, 1, &err), BF_E_FORMAT);
  assert_int_not_equal(access(y, F_OK), 0);
}

#define CASE(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)
int main(void) {
  const struct CMUnitTest tests[] = {
      CASE(show_finds_the_backbone),
      CASE(import_copies_what_fits),
      CASE(run_gives_features_and_logits),
      CASE(without_a_whole_classifier_no_logits),
      CASE(inputs_are_checked),
  };
  return cmocka_run_group_tests(tests, start, NULL);
}
