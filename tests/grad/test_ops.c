/* Gradients of every operation against central differences, with every kernel table of this processor. Where a step
 * crosses a kink (ReLU, maximum), the differences to its two sides disagree and the place is skipped; enough must
 * remain. */
#include "net_support.h"
#include "nn/op.h"
#include "tensor/gemm.h"

typedef struct scene {
  const char *name;
  const char *op; /* row of ops.def that this scene is about */
  int h, w, c, batch;
  bf_value (*build)(bf_graph *graph, bf_value x);
  bool frozen;
} scene;

static bf_value conv1(bf_graph *g, bf_value x) {
  return bf_conv2d(g, x, (bf_conv){.out = 5, .kernel = 1, .bias = true}, "a");
}

static bf_value conv1_stride2(bf_graph *g, bf_value x) {
  return bf_conv2d(g, x, (bf_conv){.out = 3, .kernel = 1, .stride = 2}, "a");
}

static bf_value conv3(bf_graph *g, bf_value x) {
  return bf_conv2d(g, x, (bf_conv){.out = 7, .kernel = 3, .padding = 1, .bias = true}, "a");
}

static bf_value conv3_stride2(bf_graph *g, bf_value x) {
  return bf_conv2d(g, x, (bf_conv){.out = 4, .kernel = 3, .stride = 2, .padding = 1}, "a");
}

static bf_value conv7(bf_graph *g, bf_value x) {
  return bf_conv2d(g, x, (bf_conv){.out = 3, .kernel = 7, .stride = 2, .padding = 3}, "a");
}

static bf_value conv2_open(bf_graph *g, bf_value x) {
  return bf_conv2d(g, x, (bf_conv){.out = 2, .kernel = 2, .stride = 3}, "a");
}

static bf_value depthwise3(bf_graph *g, bf_value x) {
  int c = bf_graph_shape(g, x).c;
  return bf_conv2d(g, x, (bf_conv){.out = c, .kernel = 3, .padding = 1, .groups = c, .bias = true}, "a");
}

static bf_value depthwise3_stride2(bf_graph *g, bf_value x) {
  int c = bf_graph_shape(g, x).c;
  return bf_conv2d(g, x, (bf_conv){.out = c, .kernel = 3, .stride = 2, .padding = 1, .groups = c}, "a");
}

static bf_value depthwise5(bf_graph *g, bf_value x) {
  int c = bf_graph_shape(g, x).c;
  return bf_conv2d(g, x, (bf_conv){.out = c, .kernel = 5, .stride = 2, .padding = 2, .groups = c}, "a");
}

static bf_value norm(bf_graph *g, bf_value x) { return bf_batch_norm(g, x, "a"); }

static bf_value conv_norm_relu6(bf_graph *g, bf_value x) {
  x = bf_conv2d(g, x, (bf_conv){.out = 6, .kernel = 3, .padding = 1}, "a");
  return bf_relu6(g, bf_batch_norm(g, x, "n"));
}

static bf_value relu(bf_graph *g, bf_value x) { return bf_relu(g, conv1(g, x)); }

static bf_value residual(bf_graph *g, bf_value x) {
  int c = bf_graph_shape(g, x).c;
  bf_value a = bf_conv2d(g, x, (bf_conv){.out = c, .kernel = 1}, "a");
  bf_value y = bf_batch_norm(g, bf_conv2d(g, a, (bf_conv){.out = c, .kernel = 3, .padding = 1}, "b"), "n");
  return bf_relu(g, bf_add(g, y, a));
}

static bf_value residual_swapped(bf_graph *g, bf_value x) {
  int c = bf_graph_shape(g, x).c;
  bf_value a = bf_conv2d(g, x, (bf_conv){.out = c, .kernel = 1}, "a");
  bf_value y = bf_batch_norm(g, bf_conv2d(g, a, (bf_conv){.out = c, .kernel = 1}, "b"), "n");
  return bf_add(g, bf_add(g, a, y), bf_add(g, y, y));
}

/* Norms whose sum and clamp are drawn into them: what follows keeps them from being outputs. */
static bf_value after(bf_graph *g, bf_value x) { return bf_conv2d(g, x, (bf_conv){.out = 2, .kernel = 1}, "z"); }

static bf_value drawn_clamp(bf_graph *g, bf_value x) { return after(g, conv_norm_relu6(g, x)); }

static bf_value drawn_sum(bf_graph *g, bf_value x) { return after(g, residual(g, x)); }

/* The second summand is read nowhere else: the result may stand in its memory. */
static bf_value drawn_sum_of_norms(bf_graph *g, bf_value x) {
  int c = bf_graph_shape(g, x).c;
  bf_value a = conv1(g, x);
  bf_value y = bf_batch_norm(g, bf_conv2d(g, a, (bf_conv){.out = c, .kernel = 1}, "b"), "n");
  bf_value z = bf_batch_norm(g, bf_conv2d(g, a, (bf_conv){.out = c, .kernel = 1}, "c"), "m");
  return after(g, bf_relu(g, bf_add(g, y, z)));
}

static bf_value concat(bf_graph *g, bf_value x) {
  bf_value a = conv1(g, x), b = bf_conv2d(g, x, (bf_conv){.out = 2, .kernel = 1}, "b");
  return bf_concat(g, bf_concat(g, a, b), x);
}

static bf_value max3(bf_graph *g, bf_value x) { return bf_max_pool(g, conv1(g, x), 3, 2, 1); }

static bf_value max2(bf_graph *g, bf_value x) { return bf_max_pool(g, x, 2, 2, 0); }

static bf_value average2(bf_graph *g, bf_value x) { return bf_average_pool(g, x, 2, 2); }

/* Windows that share places, and a shared input. */
static bf_value average3(bf_graph *g, bf_value x) {
  bf_value y = conv1(g, x);
  return bf_concat(g, bf_average_pool(g, y, 3, 2), bf_max_pool(g, y, 3, 2, 0));
}

static bf_value global_average(bf_graph *g, bf_value x) { return bf_global_average_pool(g, x); }

static bf_value adaptive(bf_graph *g, bf_value x) { return bf_adaptive_average_pool(g, x, 3, 2); }

static bf_value flat_linear(bf_graph *g, bf_value x) { return bf_linear(g, bf_flatten(g, x), 9, "a"); }

static bf_value linear(bf_graph *g, bf_value x) { return bf_linear(g, x, 5, "a"); }

static bf_value upsample(bf_graph *g, bf_value x) { return bf_upsample2(g, x); }

static bf_value lateral(bf_graph *g, bf_value x) {
  bf_shape s = bf_graph_shape(g, x);
  bf_value small = bf_conv2d(g, x, (bf_conv){.out = s.c, .kernel = 3, .stride = 2, .padding = 1}, "a");
  return bf_add(g, bf_upsample2_to(g, small, s.h, s.w), x);
}

static bf_value dropout(bf_graph *g, bf_value x) { return bf_dropout(g, conv1(g, x), 0.4); }

/* What follows a ReLU must not work in its memory: the ReLU's backward pass reads it. */
static bf_value after_relu(bf_graph *g, bf_value x) {
  bf_value y = bf_batch_norm(g, bf_relu(g, conv1(g, x)), "n");
  y = bf_dropout(g, bf_relu(g, bf_conv2d(g, y, (bf_conv){.out = 4, .kernel = 1}, "b")), 0.3);
  y = bf_flatten(g, bf_relu6(g, bf_conv2d(g, y, (bf_conv){.out = 4, .kernel = 1}, "c")));
  return bf_relu(g, bf_relu(g, y));
}

static bf_value depthwise7(bf_graph *g, bf_value x) {
  int c = bf_graph_shape(g, x).c;
  return bf_conv2d(g, x, (bf_conv){.out = c, .kernel = 7, .padding = 3, .groups = c, .bias = true}, "a");
}

static bf_value pixel_linear(bf_graph *g, bf_value x) {
  return bf_conv2d(g, x, (bf_conv){.out = 5, .kernel = 1, .bias = true, .linear = true}, "a");
}

static bf_value max3_up(bf_graph *g, bf_value x) { return bf_max_pool_up(g, conv1(g, x), 3, 2); }

static bf_value silu(bf_graph *g, bf_value x) { return bf_silu(g, conv1(g, x)); }

static bf_value gelu(bf_graph *g, bf_value x) { return bf_gelu(g, conv1(g, x)); }

static bf_value sigmoid(bf_graph *g, bf_value x) { return bf_sigmoid_map(g, conv1(g, x)); }

static bf_value gate(bf_graph *g, bf_value x) {
  bf_value y = conv1(g, x);
  bf_value s = bf_conv2d(g, bf_global_average_pool(g, y), (bf_conv){.out = 5, .kernel = 1, .bias = true}, "b");
  return bf_gate(g, y, bf_sigmoid_map(g, s));
}

static bf_value weighted_pool(bf_graph *g, bf_value x) {
  bf_value w = bf_conv2d(g, x, (bf_conv){.out = 1, .kernel = 1, .bias = true}, "w");
  return bf_weighted_pool(g, conv1(g, x), bf_sigmoid_map(g, w));
}

static bf_value layer_scale(bf_graph *g, bf_value x) { return bf_layer_scale(g, conv1(g, x), 0.5, "s"); }

static bf_value layer_norm(bf_graph *g, bf_value x) { return bf_layer_norm(g, conv1(g, x), "n"); }

static bf_value drop_path(bf_graph *g, bf_value x) { return bf_add(g, x, bf_drop_path(g, norm(g, x), 0.4)); }

/* ConvNeXt's block. */
static bf_value wide_block(bf_graph *g, bf_value x) {
  int c = bf_graph_shape(g, x).c;
  bf_value y = bf_layer_norm(g, depthwise7(g, x), "n");
  y = bf_gelu(g, bf_conv2d(g, y, (bf_conv){.out = 2 * c, .kernel = 1, .bias = true, .linear = true}, "b"));
  y = bf_conv2d(g, y, (bf_conv){.out = c, .kernel = 1, .bias = true, .linear = true}, "c");
  return bf_add(g, x, bf_layer_scale(g, y, 0.5, "s"));
}

/* A coarse map of which the fine one is twice the side and one more. */
static bf_value lateral_short(bf_graph *g, bf_value x) {
  bf_shape s = bf_graph_shape(g, x);
  bf_value small = bf_conv2d(g, x, (bf_conv){.out = s.c, .kernel = 3, .stride = 2}, "a");
  return bf_add(g, bf_upsample2_to(g, small, s.h, s.w), x);
}

static const scene scenes[] = {
    {"1x1", "conv", 5, 7, 3, 2, conv1, false},
    {"1x1 stride 2", "conv", 5, 7, 3, 3, conv1_stride2, false},
    {"3x3", "conv", 6, 5, 3, 3, conv3, false},
    {"3x3, one pixel", "conv", 1, 1, 4, 2, conv3, false},
    {"3x3 stride 2", "conv", 7, 9, 2, 2, conv3_stride2, false},
    {"7x7 stride 2", "conv", 9, 13, 2, 1, conv7, false},
    {"2x2 stride 3, no padding", "conv", 8, 6, 3, 2, conv2_open, false},
    {"weighted pool", "weighted_pool", 5, 6, 3, 3, weighted_pool, false},
    {"depthwise", "depthwise", 5, 6, 19, 3, depthwise3, false},
    {"depthwise, one pixel", "depthwise", 1, 1, 17, 2, depthwise3, false},
    {"depthwise stride 2", "depthwise", 7, 6, 33, 2, depthwise3_stride2, false},
    {"depthwise 5x5", "depthwise", 9, 7, 5, 2, depthwise5, false},
    {"batch norm", "norm", 3, 5, 7, 3, norm, false},
    {"frozen norm", "norm", 3, 5, 7, 3, norm, true},
    {"conv, norm, relu6", "clamp", 3, 2, 3, 2, conv_norm_relu6, false},
    {"conv, frozen norm, relu6", "clamp", 3, 2, 3, 2, conv_norm_relu6, true},
    {"relu", "clamp", 3, 4, 3, 2, relu, false},
    {"residual", "add", 3, 2, 6, 2, residual, false},
    {"norm with its clamp", "norm", 3, 2, 3, 2, drawn_clamp, false},
    {"frozen norm with its clamp", "norm", 3, 2, 3, 2, drawn_clamp, true},
    {"norm with its sum and clamp", "norm", 3, 2, 6, 2, drawn_sum, false},
    {"frozen norm with its sum and clamp", "norm", 3, 2, 6, 2, drawn_sum, true},
    {"norm with the sum of two", "norm", 3, 2, 6, 2, drawn_sum_of_norms, false},
    {"frozen norm with the sum of two", "norm", 3, 2, 6, 2, drawn_sum_of_norms, true},
    {"residual, frozen norm", "add", 3, 2, 6, 2, residual, true},
    {"sums of sums", "add", 3, 3, 5, 2, residual_swapped, false},
    {"sums of sums, frozen norm", "add", 3, 3, 5, 2, residual_swapped, true},
    {"concat", "concat", 3, 4, 5, 2, concat, false},
    {"max 3", "max_pool", 7, 6, 3, 2, max3, false},
    {"max 2", "max_pool", 7, 6, 3, 2, max2, false},
    {"average 2, even sides", "average_pool", 6, 4, 3, 2, average2, false},
    {"average 2, odd sides", "average_pool", 7, 5, 3, 2, average2, false},
    {"average 3", "average_pool", 6, 7, 3, 2, average3, false},
    {"global average", "average_pool", 5, 3, 7, 3, global_average, false},
    {"adaptive average", "average_pool", 7, 5, 3, 2, adaptive, false},
    {"flatten, linear", "linear", 3, 2, 5, 3, flat_linear, false},
    {"linear", "linear", 1, 1, 7, 5, linear, false},
    {"flatten, linear", "flatten", 1, 1, 13, 1, flat_linear, false},
    {"upsample", "upsample2", 3, 4, 2, 2, upsample, false},
    {"lateral join", "upsample2", 5, 7, 4, 2, lateral, false},
    {"after a ReLU", "clamp", 2, 2, 3, 2, after_relu, true},
    {"dropout", "dropout", 5, 4, 3, 2, dropout, false},
    {"stochastic depth", "dropout", 3, 4, 3, 5, drop_path, false},
    {"depthwise 7x7", "depthwise", 5, 8, 17, 2, depthwise7, false},
    {"linear layer of each pixel", "conv", 3, 4, 3, 2, pixel_linear, false},
    {"max 3, rounded up", "max_pool", 8, 6, 3, 2, max3_up, false},
    {"SiLU", "silu", 3, 4, 3, 2, silu, false},
    {"GELU", "gelu", 3, 4, 3, 2, gelu, false},
    {"sigmoid", "sigmoid", 3, 4, 3, 2, sigmoid, false},
    {"gate", "gate", 5, 4, 3, 3, gate, false},
    {"layer scale", "scale", 3, 4, 3, 2, layer_scale, false},
    {"layer norm", "layer_norm", 3, 4, 3, 2, layer_norm, false},
    {"wide block", "layer_norm", 7, 6, 19, 2, wide_block, false},
    {"lateral join, one short", "upsample2", 5, 7, 4, 2, lateral_short, false},
};
enum { scene_count = sizeof scenes / sizeof scenes[0], seed = 77 };

/* The scene stands behind a 1x1 convolution with the head's stage, so that the gradient to the scene's input shows in
 * that convolution's weights even where the scene itself is frozen. */
typedef struct stage {
  bf_graph *graph;
  bf_exec *exec;
  bf_value input, front, output;
  int batch;
  float *slope, *front_slope; /* front_slope: where the loss reads the scene's input as well; NULL elsewhere */
} stage;

static int64_t numbers(const stage *s, bf_value v) { return s->batch * net_size(bf_graph_shape(s->graph, v)); }

static float *slope_for(const stage *s, bf_value v, uint64_t key) {
  float *slope = net_floats(numbers(s, v));
  net_fill(slope, numbers(s, v), key, 1);
  return slope;
}

static void set(stage *s, const scene *what, bool shared, bf_pool *pool) {
  s->graph = net_graph();
  s->batch = what->batch;
  s->input = bf_graph_input(s->graph, what->h, what->w, what->c);
  bf_graph_set_stage(s->graph, BF_STAGE_HEAD);
  s->front = bf_conv2d(s->graph, s->input, (bf_conv){.out = what->c, .kernel = 1, .bias = true}, "front");
  bf_graph_set_stage(s->graph, 0);
  s->output = what->build(s->graph, s->front);
  bf_graph_output(s->graph, s->output);
  if (shared) bf_graph_output(s->graph, s->front);
  net_finish(s->graph, 1);
  net_fill_params(s->graph, 3);
  bf_graph_freeze_norms(s->graph, what->frozen);
  s->exec = net_exec(s->graph, what->batch, true, pool);
  net_fill(bf_exec_value(s->exec, s->input), what->batch * what->h * what->w * what->c, 5, 1.5f);
  s->slope = slope_for(s, s->output, 9);
  s->front_slope = shared ? slope_for(s, s->front, 10) : NULL;
}

static void strike(stage *s) {
  bf_exec_destroy(s->exec);
  bf_graph_destroy(s->graph);
  bf_free(s->slope);
  bf_free(s->front_slope);
}

static double weighted(stage *s, bf_value v, const float *slope) {
  const float *y = bf_exec_value(s->exec, v);
  double sum = 0;
  for (int64_t i = 0; slope != NULL && i < numbers(s, v); i++) sum += (double)y[i] * slope[i];
  return sum;
}

/* The scalar under test. */
static double value_of(stage *s) {
  bf_exec_forward(s->exec, s->batch, seed);
  return weighted(s, s->output, s->slope) + weighted(s, s->front, s->front_slope);
}

/* Slopes to both sides of a place. */
typedef struct slopes {
  double left, right;
} slopes;

static slopes differences(stage *s, float *at, float step) {
  float old = *at, up = old + step, down = old - step;
  double middle = value_of(s);
  *at = up;
  double high = value_of(s);
  *at = down;
  double low = value_of(s);
  *at = old;
  return (slopes){(middle - low) / ((double)old - down), (high - middle) / ((double)up - old)};
}

static void backward(stage *s) {
  bf_exec_forward(s->exec, s->batch, seed);
  memcpy(bf_exec_gradient(s->exec, s->output), s->slope, (size_t)numbers(s, s->output) * sizeof(float));
  if (s->front_slope != NULL)
    memcpy(bf_exec_gradient(s->exec, s->front), s->front_slope, (size_t)numbers(s, s->front) * sizeof(float));
  bf_exec_backward(s->exec, s->batch);
}

static void check_param(stage *s, const char *scene_name, bf_param *p, const float *gradient, double scale) {
  int64_t checked = 0, skipped = 0, stride = p->count > 40 ? p->count / 37 : 1;
  for (int64_t i = 0; i < p->count; i += stride) {
    slopes d = differences(s, &p->data[i], 0x1p-10f);
    double found = (d.left + d.right) / 2, error = fabs(found - gradient[i]);
    checked++;
    if (fabs(d.left - d.right) > 8e-3 * scale) {
      skipped++;
      continue;
    }
    if (error > 5e-3 * scale)
      fail_msg("%s, %s kernels, %s[%lld]: gradient %g, difference %g (of scale %g)", scene_name, bf_kernels_describe(),
               p->name, (long long)i, gradient[i], found, scale);
  }
  if (skipped * 4 > checked * 3)
    fail_msg("%s, %s: %lld of %lld places lie at kinks", scene_name, p->name, (long long)skipped, (long long)checked);
}

static void check_scene(const scene *what, bool shared, bf_pool *pool) {
  stage s;
  set(&s, what, shared, pool);
  backward(&s);
  int64_t size = bf_graph_block_size(s.graph);
  float *gradients = net_floats(size);
  memcpy(gradients, bf_graph_gradient_block(s.graph), (size_t)size * sizeof(float));
  int trained = 0;
  for (int i = 0; i < bf_graph_param_count(s.graph); i++) {
    bf_param *p = bf_graph_param(s.graph, i);
    if (!p->trainable) continue;
    double squares = 0;
    for (int64_t k = 0; k < p->count; k++) squares += (double)gradients[p->offset + k] * gradients[p->offset + k];
    check_param(&s, what->name, p, gradients + p->offset, sqrt(squares / (double)p->count) + 0.3);
    trained++;
  }
  assert_true(trained >= 2);
  bf_free(gradients);
  strike(&s);
}

static void check_all(const char *kernels) {
  bf_error err = {0};
  if (bf_kernels_select(kernels, &err) != BF_OK) return; /* not on this processor */
  bf_pool *pool = net_pool(2);
  for (int i = 0; i < 2 * scene_count; i++) check_scene(&scenes[i / 2], i % 2, pool);
  bf_pool_destroy(pool);
  net_kernels("auto");
}

static void test_plain(void **unused) {
  (void)unused;
  check_all("plain");
}

static void test_baseline(void **unused) {
  (void)unused;
  check_all("baseline");
}

static void test_avx2(void **unused) {
  (void)unused;
  check_all("avx2");
}

static void test_avx512(void **unused) {
  (void)unused;
  check_all("avx512");
}

/* A new row of ops.def without a scene fails here. */
static void test_every_operation_has_a_scene(void **unused) {
  (void)unused;
  static const bf_op *const ops[] = {
#define BF_OP(file, name) &bf_op_##name,
#include "nn/ops.def"
#undef BF_OP
  };
  for (size_t k = 0; k < sizeof ops / sizeof ops[0]; k++) {
    bf_node plain = {0};
    bool found = ops[k]->flags(&plain, false) & BF_OP_STOPS; /* has none: unit.tasks */
    for (int i = 0; i < scene_count; i++) {
      if (strcmp(scenes[i].op, ops[k]->name) != 0) continue;
      bf_graph *g = net_graph();
      scenes[i].build(g, bf_graph_input(g, scenes[i].h, scenes[i].w, scenes[i].c));
      for (int n = 0; n < bf_graph_node_count(g); n++) found = found || bf_graph_node(g, n)->op == ops[k];
      bf_graph_destroy(g);
    }
    if (!found) fail_msg("operation %s has no gradient test", ops[k]->name);
  }
}

int main(void) {
  bf_error err = {0};
  if (bf_blas_init(&err) != BF_OK) return 1;
  const struct CMUnitTest tests[] = {cmocka_unit_test(test_plain), cmocka_unit_test(test_baseline),
                                     cmocka_unit_test(test_avx2), cmocka_unit_test(test_avx512),
                                     cmocka_unit_test(test_every_operation_has_a_scene)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
