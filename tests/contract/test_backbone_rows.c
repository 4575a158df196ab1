/* What every row of backbones.def promises. Numbers of other implementations stand in golden/test_backbones.c. */
#include "net_support.h"
#include "nn/op.h"
#include "tensor/gemm.h"

/* ---- shapes and names, without memory for the parameters ---- */

typedef struct plan {
  bf_graph *graph;
  bf_features features;
  bf_value input, logits;
} plan;

static plan plan_make(const bf_backbone *b, int h, int w, bool classifier) {
  plan p = {.graph = net_graph(), .logits = -1};
  p.input = bf_graph_input(p.graph, h, w, 3);
  b->build(p.graph, p.input, &p.features);
  if (classifier) p.logits = b->classifier(p.graph, &p.features, 1000);
  return p;
}

static void test_features(void **unused) {
  (void)unused;
  static const int sizes[][2] = {{32, 32}, {224, 224}, {65, 97}, {127, 33}, {640, 512}};
  for (int i = 0; i < bf_backbone_count(); i++)
    for (size_t k = 0; k < sizeof sizes / sizeof sizes[0]; k++) {
      const bf_backbone *b = bf_backbone_at(i);
      plan p = plan_make(b, sizes[k][0], sizes[k][1], false);
      const bf_features *f = &p.features;
      int names = 1;
      for (const char *c = b->stage_names; *c; c++) names += *c == ',';
      assert_int_equal(f->count, names);
      /* SqueezeNet ends at 16, and does not pad: its sides fall short by a pixel a step. */
      bool pads = strcmp(b->name, "squeezenet1_1") != 0;
      assert_int_equal(f->stride[f->count - 1], pads ? 32 : 16);
      for (int s = 0; s < f->count; s++) {
        bf_shape shape = bf_graph_shape(p.graph, f->value[s]);
        if (s > 0) assert_int_equal(f->stride[s], 2 * f->stride[s - 1]);
        int least_h = sizes[k][0] / f->stride[s], least_w = sizes[k][1] / f->stride[s];
        assert_in_range(shape.h, pads ? least_h : least_h - 1, (sizes[k][0] + f->stride[s] - 1) / f->stride[s]);
        assert_in_range(shape.w, pads ? least_w : least_w - 1, (sizes[k][1] + f->stride[s] - 1) / f->stride[s]);
        assert_true(shape.c >= 16);
      }
      bf_graph_destroy(p.graph);
    }
}

static void test_stages(void **unused) {
  (void)unused;
  for (int i = 0; i < bf_backbone_count(); i++) {
    const bf_backbone *b = bf_backbone_at(i);
    bool used[BF_MAX_STAGES] = {false};
    assert_true(b->stages > 0 && b->stages <= BF_MAX_STAGES);
    plan p = plan_make(b, 64, 64, true);
    int last = 0;
    for (int k = 0; k < bf_graph_param_count(p.graph); k++) {
      int stage = bf_graph_param(p.graph, k)->stage;
      assert_true(stage >= last && stage < b->stages);
      used[stage] = true;
      last = stage;
    }
    for (int s = 0; s < b->stages; s++) assert_true(used[s]);
    bf_graph_destroy(p.graph);
  }
}

/* The papers' numbers, as torchvision counts them. */
static void test_known_sizes(void **unused) {
  (void)unused;
  static const struct {
    const char *name;
    long numbers;
    double giga_multiply_adds; /* at 224 x 224 */
  } known[] = {
      {"vgg19", 143667240, 19.632},        {"vgg19_bn", 143678248, 19.632},   {"resnet18", 11689512, 1.814},
      {"resnet34", 21797672, 3.664},       {"resnet50", 25557032, 4.089},     {"densenet121", 7978856, 2.834},
      {"mobilenet_v2", 3504872, 0.301},    {"vgg11", 132863336, 7.609},       {"vgg11_bn", 132868840, 7.609},
      {"vgg13", 133047848, 11.308},        {"vgg13_bn", 133053736, 11.308},   {"vgg16", 138357544, 15.47},
      {"vgg16_bn", 138365992, 15.47},      {"resnet101", 44549160, 7.801},    {"squeezenet1_1", 1235496, 0.349},
      {"efficientnet_b0", 5288548, 0.386}, {"convnext_tiny", 28589128, 4.456}};
  for (size_t k = 0; k < sizeof known / sizeof known[0]; k++) {
    bf_error err = {0};
    const bf_backbone *b = bf_backbone_find(known[k].name, &err);
    assert_non_null(b);
    plan p = plan_make(b, 224, 224, true);
    int64_t numbers = 0;
    for (int i = 0; i < bf_graph_param_count(p.graph); i++)
      if (strstr(bf_graph_param(p.graph, i)->name, "running") == NULL) numbers += bf_graph_param(p.graph, i)->count;
    assert_int_equal(numbers, known[k].numbers);
    assert_true(fabs(bf_graph_flop(p.graph) / 2e9 - known[k].giga_multiply_adds) <
                0.002 * (1 + known[k].giga_multiply_adds));
    bf_graph_destroy(p.graph);
  }
}

static void test_too_small_a_picture(void **unused) {
  (void)unused;
  for (int i = 0; i < bf_backbone_count(); i++) {
    bf_error err = {0};
    plan p = plan_make(bf_backbone_at(i), 1, 1, true);
    bf_status status = bf_graph_finish(p.graph, 1, &err);
    if (status != BF_OK) assert_non_null(strstr(err.message, "too small"));
    bf_graph_destroy(p.graph);
  }
}

static void test_names(void **unused) {
  (void)unused;
  bf_error err = {0};
  for (int i = 0; i < bf_backbone_count(); i++) {
    const bf_backbone *b = bf_backbone_at(i);
    assert_true(bf_backbone_find(b->name, &err) == b);
    assert_true(strlen(b->help) > 0 && strlen(b->help) < 100);
  }
  assert_null(bf_backbone_at(-1));
  assert_null(bf_backbone_at(bf_backbone_count()));
  assert_null(bf_backbone_find("mobilnet_v2", &err));
  assert_non_null(strstr(err.message, "mobilenet_v2"));
  assert_null(bf_backbone_find("transformer", &err));
  assert_non_null(strstr(err.message, "resnet18"));
}

/* ---- at work ---- */

typedef struct net {
  plan p;
  bf_exec *exec;
  int batch;
} net;

enum { side = 40, classes = 7 };
static bool without_dropout; /* for comparisons of what is frozen, where it is off, with what is not */

static net net_make(const bf_backbone *b, int batch, bool training, bool frozen, int frozen_stage, bf_pool *pool) {
  net n = {.batch = batch, .p = plan_make(b, side, side, false)};
  bf_graph_set_stage(n.p.graph, BF_STAGE_HEAD);
  bf_value pooled = bf_global_average_pool(n.p.graph, n.p.features.value[n.p.features.count - 1]);
  n.p.logits = bf_linear(n.p.graph, pooled, classes, "heads.test");
  bf_graph_output(n.p.graph, n.p.logits);
  for (int i = 0; i < n.p.features.count; i++) bf_graph_output(n.p.graph, n.p.features.value[i]);
  net_finish(n.p.graph, 2);
  for (int i = 0; i < bf_graph_node_count(n.p.graph) && without_dropout; i++)
    ((bf_node *)bf_graph_node(n.p.graph, i))->probability = 0;
  bf_graph_freeze_norms(n.p.graph, frozen);
  bf_graph_freeze_stages(n.p.graph, frozen_stage);
  n.exec = net_exec(n.p.graph, batch, training, pool);
  net_fill(bf_exec_value(n.exec, n.p.input), (int64_t)batch * side * side * 3, 7, 1);
  return n;
}

static void net_free(net *n) {
  bf_exec_destroy(n->exec);
  bf_graph_destroy(n->p.graph);
}

static void step(net *n) {
  bf_exec_forward(n->exec, n->batch, 3);
  net_fill(bf_exec_gradient(n->exec, n->p.logits), n->batch * classes, 9, 1);
  bf_exec_backward(n->exec, n->batch);
}

static void test_gradients_reach_everything(void **unused) {
  (void)unused;
  bf_pool *pool = net_pool(2);
  for (int i = 0; i < bf_backbone_count(); i++) {
    net n = net_make(bf_backbone_at(i), 2, true, false, -1, pool);
    step(&n);
    for (int k = 0; k < bf_graph_param_count(n.p.graph); k++) {
      bf_param *p = bf_graph_param(n.p.graph, k);
      double squares = 0;
      for (int64_t j = 0; j < p->count; j++) squares += (double)p->gradient[j] * p->gradient[j];
      if (p->trainable ? !(squares > 0 && isfinite(squares)) : squares != 0)
        fail_msg("%s: %s", bf_backbone_at(i)->name, p->name);
    }
    net_free(&n);
  }
  bf_pool_destroy(pool);
}

static void test_same_bits_for_any_threads(void **unused) {
  (void)unused;
  for (int i = 0; i < bf_backbone_count(); i++) {
    net one = net_make(bf_backbone_at(i), 3, true, false, -1, NULL);
    step(&one);
    for (int threads = 2; threads <= 4; threads += 2) {
      bf_pool *pool = net_pool(threads);
      net many = net_make(bf_backbone_at(i), 3, true, false, -1, pool);
      step(&many);
      size_t size = (size_t)bf_graph_block_size(one.p.graph) * sizeof(float);
      assert_memory_equal(bf_graph_gradient_block(one.p.graph), bf_graph_gradient_block(many.p.graph), size);
      assert_memory_equal(bf_graph_data_block(one.p.graph), bf_graph_data_block(many.p.graph), size);
      net_free(&many);
      bf_pool_destroy(pool);
    }
    net_free(&one);
  }
}

static void test_neighbours_do_not_matter(void **unused) {
  (void)unused;
  for (int i = 0; i < bf_backbone_count(); i++) {
    net many = net_make(bf_backbone_at(i), 3, false, false, -1, NULL),
        one = net_make(bf_backbone_at(i), 1, false, false, -1, NULL);
    int64_t image = side * side * 3;
    memcpy(bf_exec_value(one.exec, one.p.input), bf_exec_value(many.exec, many.p.input) + 2 * image,
           (size_t)image * sizeof(float));
    bf_exec_forward(many.exec, 3, 0), bf_exec_forward(one.exec, 1, 0);
    for (int s = 0; s < one.p.features.count; s++) {
      bf_value v = one.p.features.value[s];
      int64_t size = net_size(bf_graph_shape(one.p.graph, v));
      if (memcmp(bf_exec_value(one.exec, v), bf_exec_value(many.exec, v) + 2 * size, (size_t)size * sizeof(float)) != 0)
        fail_msg("%s, feature %d: alone and in a batch are not the same bits", bf_backbone_at(i)->name, s);
    }
    net_free(&many), net_free(&one);
  }
}

static void test_frozen_stages(void **unused) {
  (void)unused;
  without_dropout = true;
  bf_pool *pool = net_pool(2);
  for (int i = 0; i < bf_backbone_count(); i++) {
    const bf_backbone *b = bf_backbone_at(i);
    net all = net_make(b, 1, true, true, -1, pool);
    step(&all);
    int64_t bytes = bf_exec_bytes(all.exec);
    for (int stage = 0; stage < b->stages; stage += 2) {
      net part = net_make(b, 1, true, true, stage, pool);
      step(&part);
      assert_true(bf_exec_bytes(part.exec) <= bytes);
      bytes = bf_exec_bytes(part.exec);
      for (int k = 0; k < bf_graph_param_count(part.p.graph); k++) {
        bf_param *p = bf_graph_param(part.p.graph, k), *q = bf_graph_param(all.p.graph, k);
        if (p->trainable) assert_memory_equal(p->gradient, q->gradient, (size_t)p->count * sizeof(float));
        if (p->stage <= stage && p->stage != BF_STAGE_HEAD) assert_false(p->trainable);
      }
      net_free(&part);
    }
    net_free(&all);
  }
  without_dropout = false;
  bf_pool_destroy(pool);
}

/* What is frozen gives in training what it gives in scoring, dropped paths and all; and from its frontier on, filled
 * with what an executor up to there gave, the rest gives the same gradients. */
static void test_frontier(void **unused) {
  (void)unused;
  bf_pool *pool = net_pool(2);
  for (int i = 0; i < bf_backbone_count(); i++) {
    const bf_backbone *b = bf_backbone_at(i);
    if (strncmp(b->name, "vgg", 3) == 0 && strcmp(b->name, "vgg11_bn") != 0) continue;
    net whole =
        net_make(b, 2, true, true, b->stages - 2, pool); /* batch statistics of so few pixels amplify rounding */
    bf_graph *g = whole.p.graph;
    step(&whole);
    float *expected = net_floats(bf_graph_block_size(g));
    memcpy(expected, bf_graph_gradient_block(g), (size_t)bf_graph_block_size(g) * sizeof *expected);
    bf_value values[8];
    int count = bf_graph_frontier(g, values, 8);
    assert_in_range(count, 1, 8);
    bf_exec *until, *from;
    bf_error err = {0};
    assert_int_equal(bf_exec_create_until(&until, g, values, count, 2, pool, &err), BF_OK);
    assert_int_equal(bf_exec_create_from(&from, g, values, count, 2, true, pool, &err), BF_OK);
    assert_true(bf_exec_bytes(from) < bf_exec_bytes(whole.exec));
    net_fill(bf_exec_value(until, whole.p.input), 2 * side * side * 3, 7, 1);
    bf_exec_forward(until, 2, 0);
    for (int k = 0; k < count; k++)
      memcpy(bf_exec_value(from, values[k]), bf_exec_value(until, values[k]),
             (size_t)(2 * net_size(bf_graph_shape(g, values[k]))) * sizeof(float));
    memset(bf_graph_gradient_block(g), 0, (size_t)bf_graph_block_size(g) * sizeof(float));
    bf_exec_forward(from, 2, 3);
    net_fill(bf_exec_gradient(from, whole.p.logits), 2 * classes, 9, 1);
    bf_exec_backward(from, 2);
    for (int k = 0; k < bf_graph_param_count(g); k++) {
      const bf_param *p = bf_graph_param(g, k);
      if (!p->trainable) continue;
      double distance = net_distance(p->gradient, expected + p->offset, p->count);
      if (!(distance <= 1e-4)) fail_msg("%s, %s: off by %g", b->name, p->name, distance);
    }
    bf_exec_destroy(until), bf_exec_destroy(from);
    bf_free(expected);
    net_free(&whole);
  }
  bf_pool_destroy(pool);
}

int main(void) {
  bf_error err = {0};
  if (bf_blas_init(&err) != BF_OK) return 1;
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_features),
      cmocka_unit_test(test_stages),
      cmocka_unit_test(test_known_sizes),
      cmocka_unit_test(test_too_small_a_picture),
      cmocka_unit_test(test_names),
      cmocka_unit_test(test_gradients_reach_everything),
      cmocka_unit_test(test_same_bits_for_any_threads),
      cmocka_unit_test(test_neighbours_do_not_matter),
      cmocka_unit_test(test_frozen_stages),
      cmocka_unit_test(test_frontier),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
