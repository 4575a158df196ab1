/* Building of graphs: shapes, parameters, layouts, first values, errors, freezing. */
#include "net_support.h"

static void test_shapes(void **unused) {
  (void)unused;
  bf_graph *g = net_graph();
  bf_value x = bf_graph_input(g, 13, 7, 3);
  bf_value y = bf_conv2d(g, x, (bf_conv){.out = 6, .kernel = 3, .stride = 2, .padding = 1}, "a");
  bf_shape s = bf_graph_shape(g, y);
  assert_true(s.h == 7 && s.w == 4 && s.c == 6);
  s = bf_graph_shape(g, bf_max_pool(g, y, 3, 2, 1));
  assert_true(s.h == 4 && s.w == 2 && s.c == 6);
  s = bf_graph_shape(g, bf_average_pool(g, y, 2, 2)); /* the last row falls into no window */
  assert_true(s.h == 3 && s.w == 2 && s.c == 6);
  s = bf_graph_shape(g, bf_upsample2(g, y));
  assert_true(s.h == 14 && s.w == 8);
  s = bf_graph_shape(g, bf_upsample2_to(g, y, 13, 7));
  assert_true(s.h == 13 && s.w == 7);
  s = bf_graph_shape(g, bf_concat(g, y, y));
  assert_true(s.h == 7 && s.w == 4 && s.c == 12);
  s = bf_graph_shape(g, bf_flatten(g, y));
  assert_true(s.h == 1 && s.w == 1 && s.c == 7 * 4 * 6);
  s = bf_graph_shape(g, bf_adaptive_average_pool(g, y, 3, 3));
  assert_true(s.h == 3 && s.w == 3 && s.c == 6);
  s = bf_graph_shape(g, bf_global_average_pool(g, y));
  assert_true(s.h == 1 && s.w == 1 && s.c == 6);
  s = bf_graph_shape(g, -1);
  assert_true(s.h == 0 && s.w == 0 && s.c == 0);
  bf_graph_destroy(g);
}

static void test_params_and_views(void **unused) {
  (void)unused;
  bf_graph *g = net_graph();
  bf_value x = bf_graph_input(g, 5, 5, 3);
  bf_graph_set_stage(g, 2);
  x = bf_conv2d(g, x, (bf_conv){.out = 7, .kernel = 3, .bias = true}, "block.%d", 4);
  x = bf_batch_norm(g, x, "block.%d", 5);
  bf_graph_output(g, x);
  net_finish(g, 1);
  assert_int_equal(bf_graph_param_count(g), 6);
  bf_param *w = bf_graph_find_param(g, "block.4.weight"), *b = bf_graph_find_param(g, "block.4.bias");
  bf_param *mean = bf_graph_find_param(g, "block.5.running_mean"), *scale = bf_graph_find_param(g, "block.5.weight");
  assert_null(bf_graph_find_param(g, "block.4.Weight"));
  assert_true(w->rank == 4 && w->shape[0] == 7 && w->shape[1] == 3 && w->shape[2] == 3 && w->count == 189);
  assert_true(w->decay && w->trainable && !b->decay && b->trainable && !scale->decay && scale->trainable);
  assert_false(mean->trainable);
  assert_int_equal(w->stage, 2);
  for (int i = 0; i < 6; i++) {
    bf_param *p = bf_graph_param(g, i);
    assert_true(p->data == bf_graph_data_block(g) + p->offset);
    assert_null(p->gradient); /* comes with the first executor for training */
    assert_int_equal((uintptr_t)p->data % 64, 0);
    assert_true(p->offset + p->count <= bf_graph_block_size(g));
    if (i > 0) assert_true(p->offset >= bf_graph_param(g, i - 1)->offset + bf_graph_param(g, i - 1)->count);
  }
  assert_true(bf_graph_flop(g) == 2.0 * 9 * 3 * 3 * 3 * 7);
  bf_graph_destroy(g);
}

/* The original's index of a number is written out here a second time, from PyTorch's documentation. */
static void test_layouts(void **unused) {
  (void)unused;
  bf_graph *g = net_graph();
  bf_value x = bf_graph_input(g, 3, 2, 5);
  x = bf_conv2d(g, x, (bf_conv){.out = 4, .kernel = 3, .padding = 1}, "conv");
  x = bf_conv2d(g, x, (bf_conv){.out = 4, .kernel = 3, .padding = 1, .groups = 4}, "deep");
  bf_graph_output(g, bf_linear(g, bf_flatten(g, x), 6, "flat"));
  bf_graph_output(g, bf_linear(g, bf_global_average_pool(g, x), 3, "pooled"));
  net_finish(g, 1);
  float original[4 * 6 * 6 * 4];
  for (int i = 0; i < 4 * 6 * 6 * 4; i++) original[i] = (float)i;

  bf_param *p = bf_graph_find_param(g, "conv.weight");
  bf_param_from_original(p, original);
  for (int o = 0; o < 4; o++)
    for (int i = 0; i < 5; i++)
      for (int y = 0; y < 3; y++)
        for (int z = 0; z < 3; z++)
          assert_true(p->data[((y * 3 + z) * 5 + i) * 4 + o] == original[((o * 5 + i) * 3 + y) * 3 + z]);

  p = bf_graph_find_param(g, "deep.weight");
  assert_true(p->kind == BF_PARAM_DEPTHWISE && p->shape[0] == 4 && p->shape[1] == 1);
  bf_param_from_original(p, original);
  for (int c = 0; c < 4; c++)
    for (int k = 0; k < 9; k++) assert_true(p->data[k * 4 + c] == original[c * 9 + k]);

  p = bf_graph_find_param(g, "flat.weight"); /* inputs: channel 4, height 3, width 2 */
  assert_true(p->flattened.h == 3 && p->flattened.w == 2 && p->flattened.c == 4);
  bf_param_from_original(p, original);
  for (int o = 0; o < 6; o++)
    for (int c = 0; c < 4; c++)
      for (int at = 0; at < 6; at++) assert_true(p->data[(at * 4 + c) * 6 + o] == original[o * 24 + c * 6 + at]);

  p = bf_graph_find_param(g, "pooled.weight");
  assert_int_equal(p->flattened.c, 0);
  bf_param_from_original(p, original);
  for (int o = 0; o < 3; o++)
    for (int k = 0; k < 4; k++) assert_true(p->data[k * 3 + o] == original[o * 4 + k]);
  bf_graph_destroy(g);
}

static void test_layouts_come_back(void **unused) {
  (void)unused;
  bf_graph *g = net_graph();
  bf_value x = bf_graph_input(g, 7, 5, 3);
  x = bf_batch_norm(g, bf_conv2d(g, x, (bf_conv){.out = 13, .kernel = 5, .bias = true}, "a"), "n");
  bf_graph_output(g, bf_linear(g, bf_flatten(g, x), 7, "f"));
  net_finish(g, 3);
  net_fill_params(g, 8);
  for (int i = 0; i < bf_graph_param_count(g); i++) {
    bf_param *p = bf_graph_param(g, i);
    float *was = net_floats(p->count), *original = net_floats(p->count);
    memcpy(was, p->data, (size_t)p->count * sizeof(float));
    bf_param_to_original(p, original);
    memset(p->data, 0, (size_t)p->count * sizeof(float));
    bf_param_from_original(p, original);
    assert_memory_equal(was, p->data, (size_t)p->count * sizeof(float));
    bf_free(was), bf_free(original);
  }
  bf_graph_destroy(g);
}

static bf_graph *three_layers(uint64_t seed, bool first) {
  bf_graph *g = net_graph();
  bf_value x = bf_graph_input(g, 9, 9, 3);
  if (first) x = bf_conv2d(g, x, (bf_conv){.out = 3, .kernel = 1}, "first");
  x = bf_conv2d(g, x, (bf_conv){.out = 64, .kernel = 3, .bias = true}, "conv");
  bf_graph_output(g, bf_linear(g, bf_global_average_pool(g, bf_batch_norm(g, x, "norm")), 200, "linear"));
  net_finish(g, seed);
  return g;
}

static void moments_of(const bf_param *p, double *mean, double *deviation) {
  double sum = 0, squares = 0;
  for (int64_t i = 0; i < p->count; i++) sum += p->data[i], squares += (double)p->data[i] * p->data[i];
  *mean = sum / (double)p->count;
  *deviation = sqrt(squares / (double)p->count - *mean * *mean);
}

static void test_first_values(void **unused) {
  (void)unused;
  double mean, deviation;
  bf_graph *a = three_layers(7, false), *b = three_layers(7, true), *c = three_layers(8, false);
  moments_of(bf_graph_find_param(a, "conv.weight"), &mean, &deviation);
  double expected = sqrt(2.0 / (64 * 9)); /* He normal over the fan-out */
  assert_true(fabs(mean) < 0.1 * expected && fabs(deviation / expected - 1) < 0.06);
  moments_of(bf_graph_find_param(a, "linear.weight"), &mean, &deviation);
  assert_true(fabs(mean) < 0.001 && fabs(deviation / 0.01 - 1) < 0.03);
  static const struct {
    const char *name;
    float value;
  } constants[] = {{"conv.bias", 0}, {"linear.bias", 0},       {"norm.weight", 1},
                   {"norm.bias", 0}, {"norm.running_mean", 0}, {"norm.running_var", 1}};
  for (size_t k = 0; k < sizeof constants / sizeof constants[0]; k++) {
    bf_param *p = bf_graph_find_param(a, constants[k].name);
    for (int64_t i = 0; i < p->count; i++) assert_true(p->data[i] == constants[k].value);
  }
  /* Keyed by seed and name: another layer before it changes nothing, another seed all. */
  bf_param *first = bf_graph_find_param(a, "conv.weight");
  assert_memory_equal(first->data, bf_graph_find_param(b, "conv.weight")->data, (size_t)first->count * sizeof(float));
  assert_memory_not_equal(first->data, bf_graph_find_param(c, "conv.weight")->data,
                          (size_t)first->count * sizeof(float));
  bf_graph_destroy(a), bf_graph_destroy(b), bf_graph_destroy(c);
}

/* ---- errors stick ---- */

static void refused(bf_graph *g, bf_status status, const char *words) {
  bf_error err = {0};
  assert_int_equal(bf_graph_finish(g, 1, &err), status);
  if (strstr(err.message, words) == NULL) fail_msg("'%s' does not say '%s'", err.message, words);
  bf_graph_destroy(g);
}

static void test_errors_stick(void **unused) {
  (void)unused;
  bf_graph *g = net_graph();
  bf_value x = bf_graph_input(g, 4, 4, 3);
  bf_value y = bf_conv2d(g, x, (bf_conv){.out = 2, .kernel = 7}, "wide");
  assert_int_equal(y, -1);
  y = bf_relu(g, bf_batch_norm(g, y, "n"));
  y = bf_concat(g, bf_add(g, y, x), bf_upsample2(g, bf_max_pool(g, y, 2, 2, 0)));
  y = bf_linear(g, bf_flatten(g, bf_dropout(g, bf_relu6(g, y), 0.5)), 3, "l");
  y = bf_adaptive_average_pool(g, bf_global_average_pool(g, y), 2, 2);
  assert_int_equal(y, -1);
  bf_graph_output(g, y);
  refused(g, BF_E_ARGUMENT, "too small");
}

static void test_refusals(void **unused) {
  (void)unused;
  bf_graph *g = net_graph();
  bf_value x = bf_graph_input(g, 4, 5, 6);
  bf_conv2d(g, x, (bf_conv){.out = 6, .kernel = 3, .groups = 3}, "grouped");
  refused(g, BF_E_UNSUPPORTED, "grouped");

  g = net_graph();
  x = bf_graph_input(g, 4, 5, 6);
  bf_add(g, x, bf_conv2d(g, x, (bf_conv){.out = 7, .kernel = 1}, "a"));
  refused(g, BF_E_INTERNAL, "4 x 5 x 6");

  g = net_graph();
  x = bf_graph_input(g, 4, 5, 6);
  bf_concat(g, x, bf_max_pool(g, x, 2, 2, 0));
  refused(g, BF_E_INTERNAL, "2 x 2");

  g = net_graph();
  x = bf_graph_input(g, 4, 5, 6);
  bf_batch_norm(g, x, "same");
  bf_batch_norm(g, x, "same");
  refused(g, BF_E_INTERNAL, "same.weight");

  g = net_graph();
  bf_linear(g, bf_graph_input(g, 4, 5, 6), 3, "map");
  refused(g, BF_E_INTERNAL, "map");

  g = net_graph();
  bf_upsample2_to(g, bf_graph_input(g, 4, 5, 6), 10, 10);
  refused(g, BF_E_INTERNAL, "doubled");

  g = net_graph();
  bf_graph_input(g, 0, 5, 6);
  refused(g, BF_E_ARGUMENT, "too small");

  g = net_graph();
  bf_graph_input(g, 65536, 65536, 3);
  refused(g, BF_E_LIMIT, "too large");

  char name[2 * BF_PARAM_NAME_MAX];
  memset(name, 'n', sizeof name);
  name[sizeof name - 1] = '\0';
  g = net_graph();
  bf_batch_norm(g, bf_graph_input(g, 4, 5, 6), "%s", name);
  refused(g, BF_E_INTERNAL, "too long");
}

static void test_finished_once(void **unused) {
  (void)unused;
  bf_graph *g = net_graph();
  bf_graph_output(g, bf_relu(g, bf_graph_input(g, 1, 1, 1)));
  net_finish(g, 1);
  refused(g, BF_E_INTERNAL, "twice");
}

/* ---- freezing ---- */

static void test_freezing(void **unused) {
  (void)unused;
  bf_graph *g = net_graph();
  bf_value x = bf_graph_input(g, 3, 3, 2);
  for (int stage = 0; stage < 3; stage++) {
    bf_graph_set_stage(g, stage < 2 ? stage : BF_STAGE_HEAD);
    x = bf_batch_norm(g, bf_conv2d(g, x, (bf_conv){.out = 2, .kernel = 1, .bias = true}, "c%d", stage), "n%d", stage);
  }
  bf_graph_output(g, x);
  net_finish(g, 1);
  for (int frozen_stage = -1; frozen_stage < 2; frozen_stage++)
    for (int norms = 0; norms < 2; norms++) {
      bf_graph_freeze_norms(g, norms);
      bf_graph_freeze_stages(g, frozen_stage);
      for (int i = 0; i < bf_graph_param_count(g); i++) {
        const bf_param *p = bf_graph_param(g, i);
        bool statistic = strstr(p->name, "running") != NULL, norm = p->name[0] == 'n', head = p->name[1] == '2';
        bool expected = !statistic && (head || (p->stage > frozen_stage && !(norm && norms)));
        if (p->trainable != expected) fail_msg("%s, stages to %d, norms %d", p->name, frozen_stage, norms);
      }
    }
  bf_graph_destroy(g);
}

static void test_folded_norms(void **unused) {
  (void)unused;
  bf_graph *g = net_graph();
  bf_value x = bf_graph_input(g, 3, 3, 5);
  x = bf_batch_norm(g, x, "a");
  x = bf_batch_norm(g, x, "b");
  bf_graph_set_stage(g, BF_STAGE_HEAD);
  bf_graph_output(g, bf_batch_norm(g, x, "heads.x"));
  net_finish(g, 1);
  assert_true(bf_graph_norms_are_folded(g));
  bf_graph_find_param(g, "heads.x.running_mean")->data[1] = 3; /* a head's norms say nothing */
  assert_true(bf_graph_norms_are_folded(g));
  bf_graph_find_param(g, "b.running_var")->data[4] = 1.5f;
  assert_false(bf_graph_norms_are_folded(g));
  bf_graph_find_param(g, "b.running_var")->data[4] = 1;
  bf_graph_find_param(g, "a.running_mean")->data[0] = -0.1f;
  assert_false(bf_graph_norms_are_folded(g));
  bf_graph_destroy(g);

  g = net_graph();
  bf_graph_output(g, bf_relu(g, bf_graph_input(g, 3, 3, 5)));
  net_finish(g, 1);
  assert_false(bf_graph_norms_are_folded(g));
  bf_graph_destroy(g);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_shapes),       cmocka_unit_test(test_params_and_views),
      cmocka_unit_test(test_layouts),      cmocka_unit_test(test_layouts_come_back),
      cmocka_unit_test(test_first_values), cmocka_unit_test(test_errors_stick),
      cmocka_unit_test(test_refusals),     cmocka_unit_test(test_finished_once),
      cmocka_unit_test(test_freezing),     cmocka_unit_test(test_folded_norms),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
