/* Executors: planned memory, threads, batches, norms, dropout, frozen parts, and no memory asked for in a step. */
#include <dlfcn.h>
#include <malloc.h>
#include <stdatomic.h>

#include "net_support.h"
#include "nn/op.h"
#include "tensor/gemm.h"

/* ---- counting of memory calls: this program's malloc family stands before the library's ---- */

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
enum { counts_memory = 0 };
static atomic_long memory_calls;
#else
enum { counts_memory = 1 };
static atomic_long memory_calls;
extern void *__libc_malloc(size_t size);
extern void *__libc_calloc(size_t count, size_t size);
extern void *__libc_realloc(void *block, size_t size);
extern void *__libc_memalign(size_t alignment, size_t size);
void *malloc(size_t bytes) {
  atomic_fetch_add(&memory_calls, 1);
  return __libc_malloc(bytes);
}
void *calloc(size_t count, size_t bytes) {
  atomic_fetch_add(&memory_calls, 1);
  return __libc_calloc(count, bytes);
}
void *realloc(void *block, size_t bytes) {
  atomic_fetch_add(&memory_calls, 1);
  return __libc_realloc(block, bytes);
}
void *aligned_alloc(size_t alignment, size_t bytes) {
  atomic_fetch_add(&memory_calls, 1);
  return __libc_memalign(alignment, bytes);
}
#endif

/* ---- a net with every operation, of odd sizes, with values read more than once ---- */

typedef struct net {
  bf_graph *graph;
  bf_exec *exec;
  bf_value input, outputs[2], all[64];
  int batch, values;
} net;

enum { side_h = 21, side_w = 17 };

static bf_value noted(net *n, bf_value v) {
  n->all[n->values++] = v;
  return v;
}

static void build(net *n) {
  bf_graph *g = n->graph;
  n->input = bf_graph_input(g, side_h, side_w, 3);
  bf_graph_set_stage(g, 0);
  bf_value x = noted(n, bf_conv2d(g, n->input, (bf_conv){.out = 18, .kernel = 3, .stride = 2, .padding = 1}, "stem"));
  x = noted(n, bf_relu6(g, noted(n, bf_batch_norm(g, x, "stem_norm"))));
  bf_graph_set_stage(g, 1);
  bf_value y = noted(n, bf_conv2d(g, x, (bf_conv){.out = 18, .kernel = 3, .padding = 1, .groups = 18}, "deep"));
  y = noted(n, bf_relu(g, noted(n, bf_batch_norm(g, y, "deep_norm"))));
  y = noted(n, bf_batch_norm(g, noted(n, bf_conv2d(g, y, (bf_conv){.out = 18, .kernel = 1}, "narrow")), "narrow_norm"));
  x = noted(n, bf_add(g, x, y));
  bf_graph_set_stage(g, 2);
  y = noted(n, bf_conv2d(g, x, (bf_conv){.out = 9, .kernel = 3, .padding = 1, .bias = true}, "wide"));
  y = noted(n, bf_relu(g, noted(n, bf_add(g, y, y))));
  bf_value p = noted(n, bf_max_pool(g, y, 3, 2, 1));
  bf_graph_set_stage(g, BF_STAGE_HEAD);
  bf_value up = noted(n, bf_upsample2_to(g, p, bf_graph_shape(g, y).h, bf_graph_shape(g, y).w));
  bf_value map = noted(n, bf_concat(g, up, x));
  map = noted(
      n, bf_relu(g, noted(n, bf_batch_norm(g, noted(n, bf_conv2d(g, map, (bf_conv){.out = 5, .kernel = 1}, "heads.a")),
                                           "heads.n"))));
  n->outputs[0] = noted(n, bf_conv2d(g, map, (bf_conv){.out = 2, .kernel = 1, .bias = true}, "heads.b"));
  bf_value flat = noted(n, bf_dropout(g, noted(n, bf_flatten(g, noted(n, bf_adaptive_average_pool(g, p, 2, 2)))), 0.3));
  n->outputs[1] = noted(n, bf_linear(g, flat, 4, "heads.c"));
  bf_graph_output(g, n->outputs[0]);
  bf_graph_output(g, n->outputs[1]);
}

typedef struct net_options {
  int batch, frozen_stage;
  bool training, frozen_norms, keep_all;
  bf_pool *pool;
} net_options;

static net net_make(net_options o) {
  net n = {.graph = net_graph(), .batch = o.batch};
  build(&n);
  for (int i = 0; o.keep_all && i < n.values; i++) bf_graph_output(n.graph, n.all[i]);
  net_finish(n.graph, 5);
  net_fill_params(n.graph, 11);
  bf_graph_freeze_norms(n.graph, o.frozen_norms);
  bf_graph_freeze_stages(n.graph, o.frozen_stage);
  n.exec = net_exec(n.graph, o.batch, o.training, o.pool);
  return n;
}

static void net_free(net *n) {
  bf_exec_destroy(n->exec);
  bf_graph_destroy(n->graph);
}

static int64_t input_size(void) { return side_h * side_w * 3; }

static void forward(net *n, int count, uint64_t seed) {
  net_fill(bf_exec_value(n->exec, n->input), count * input_size(), 21, 1);
  bf_exec_forward(n->exec, count, seed);
}

static void step(net *n, int count) {
  forward(n, count, 99);
  for (int k = 0; k < 2; k++)
    net_fill(bf_exec_gradient(n->exec, n->outputs[k]), count * net_size(bf_graph_shape(n->graph, n->outputs[k])),
             31 + (uint64_t)k, 1);
  bf_exec_backward(n->exec, count);
}

static float *copy_of(const float *x, int64_t count) {
  float *copy = net_floats(count);
  memcpy(copy, x, (size_t)count * sizeof(float));
  return copy;
}

/* A step of both gives the same bits in outputs, gradients and statistics. */
static void expect_same_step(net *a, net *b, int count, const char *what) {
  step(a, count);
  step(b, count);
  int64_t block = bf_graph_block_size(a->graph) * (int64_t)sizeof(float);
  for (int k = 0; k < 2; k++) {
    int64_t size = count * net_size(bf_graph_shape(a->graph, a->outputs[k])) * (int64_t)sizeof(float);
    if (memcmp(bf_exec_value(a->exec, a->outputs[k]), bf_exec_value(b->exec, b->outputs[k]), (size_t)size) != 0)
      fail_msg("%s: output %d differs", what, k);
  }
  if (memcmp(bf_graph_gradient_block(a->graph), bf_graph_gradient_block(b->graph), (size_t)block) != 0)
    fail_msg("%s: gradients differ", what);
  if (memcmp(bf_graph_data_block(a->graph), bf_graph_data_block(b->graph), (size_t)block) != 0)
    fail_msg("%s: statistics differ", what);
}

/* ---- tests ---- */

/* With every value an output nothing shares memory and nothing works in place: the plan must not change a bit. */
static void test_planned_memory_changes_nothing(void **unused) {
  (void)unused;
  for (int norms = 0; norms < 2; norms++)
    for (int stage = -1; stage < 2; stage++) {
      net_options o = {.batch = 3, .training = true, .frozen_norms = norms, .frozen_stage = stage};
      net planned = net_make(o);
      o.keep_all = true;
      net kept = net_make(o);
      for (int count = 3; count > 1; count--)
        expect_same_step(&planned, &kept, count, norms ? "frozen norms" : "batch norms");
      assert_true(bf_exec_bytes(planned.exec) < bf_exec_bytes(kept.exec));
      net_free(&planned), net_free(&kept);
    }
}

static int64_t chain_bytes(int length) {
  bf_graph *g = net_graph();
  bf_value x = bf_graph_input(g, 16, 16, 16);
  bf_graph_set_stage(g, 0);
  for (int i = 0; i < length; i++) {
    char name[2][24];
    snprintf(name[0], sizeof name[0], "c%d", i), snprintf(name[1], sizeof name[1], "n%d", i);
    x = bf_conv2d(g, x, (bf_conv){.out = 16, .kernel = 3, .padding = 1}, name[0]);
    x = bf_relu(g, bf_batch_norm(g, x, name[1]));
  }
  bf_graph_output(g, bf_conv2d(g, x, (bf_conv){.out = 1, .kernel = 1}, "last"));
  net_finish(g, 5);
  bf_exec *e = net_exec(g, 4, true, NULL);
  int64_t bytes = bf_exec_bytes(e);
  bf_exec_destroy(e);
  bf_graph_destroy(g);
  return bytes;
}

/* Of a convolution and its norm one map is kept for the way back, not two. */
static void test_norms_results_are_not_kept(void **unused) {
  (void)unused;
  int64_t map = 4 * 16 * 16 * 16 * (int64_t)sizeof(float), more = chain_bytes(12) - chain_bytes(4);
  assert_true(more <= 8 * map);
}

static void test_planned_memory_of_scoring(void **unused) {
  (void)unused;
  net planned = net_make((net_options){.batch = 3, .frozen_stage = -1}),
      kept = net_make((net_options){.batch = 3, .frozen_stage = -1, .keep_all = true});
  forward(&planned, 3, 0), forward(&kept, 3, 0);
  for (int k = 0; k < 2; k++)
    assert_memory_equal(bf_exec_value(planned.exec, planned.outputs[k]), bf_exec_value(kept.exec, kept.outputs[k]),
                        (size_t)(3 * net_size(bf_graph_shape(kept.graph, kept.outputs[k]))) * sizeof(float));
  net_free(&planned), net_free(&kept);
}

/* Weights in the executor's own form alone: the same bits, with less memory in all, and heads keep theirs. */
static void test_weights_of_its_own(void **unused) {
  (void)unused;
  net shared = net_make((net_options){.batch = 3, .frozen_stage = -1}),
      own = net_make((net_options){.batch = 3, .frozen_stage = -1});
  bf_error err = {0};
  int64_t before = bf_exec_bytes(own.exec);
  assert_int_equal(bf_exec_hold_weights(own.exec, &err), BF_OK);
  bf_exec_own_weights(own.exec);
  assert_true(bf_exec_bytes(own.exec) <= before);
  assert_null(bf_graph_find_param(own.graph, "wide.weight")->data);
  assert_non_null(bf_graph_find_param(own.graph, "wide.bias")->data);
  assert_non_null(bf_graph_find_param(own.graph, "heads.b.weight")->data);
  for (int round = 0; round < 2; round++) {
    forward(&shared, 3, 0), forward(&own, 3, 0);
    for (int k = 0; k < 2; k++)
      assert_memory_equal(bf_exec_value(own.exec, own.outputs[k]), bf_exec_value(shared.exec, shared.outputs[k]),
                          (size_t)(3 * net_size(bf_graph_shape(own.graph, own.outputs[k]))) * sizeof(float));
    bf_exec_own_weights(own.exec);
  }
  net_free(&shared), net_free(&own);
}

static void test_same_bits_for_any_threads(void **unused) {
  (void)unused;
  static const int threads[] = {1, 2, 4};
  for (int norms = 0; norms < 2; norms++) {
    net one = net_make((net_options){.batch = 5, .training = true, .frozen_norms = norms, .frozen_stage = -1});
    for (int t = 0; t < 3; t++) {
      bf_pool *pool = net_pool(threads[t]);
      net many = net_make(
          (net_options){.batch = 5, .training = true, .frozen_norms = norms, .frozen_stage = -1, .pool = pool});
      net_fill_params(one.graph, 11);
      expect_same_step(&one, &many, 5, "threads");
      expect_same_step(&one, &many, 4, "threads, a batch that is not full");
      net_free(&many);
      bf_pool_destroy(pool);
    }
    net_free(&one);
  }
}

static void test_neighbours_do_not_matter(void **unused) {
  (void)unused;
  net many = net_make((net_options){.batch = 4, .frozen_stage = -1}),
      one = net_make((net_options){.batch = 1, .frozen_stage = -1});
  forward(&many, 4, 0);
  for (int i = 0; i < 4; i++) {
    net_fill(bf_exec_value(many.exec, many.input), 4 * input_size(), 21, 1);
    memcpy(bf_exec_value(one.exec, one.input), bf_exec_value(many.exec, many.input) + i * input_size(),
           (size_t)input_size() * sizeof(float));
    bf_exec_forward(one.exec, 1, 0);
    for (int k = 0; k < 2; k++) {
      int64_t size = net_size(bf_graph_shape(one.graph, one.outputs[k]));
      assert_true(net_distance(bf_exec_value(one.exec, one.outputs[k]),
                               bf_exec_value(many.exec, many.outputs[k]) + i * size, size) < 1e-5);
    }
  }
  net_free(&many), net_free(&one);
}

static void test_scoring_in_a_training_executor(void **unused) {
  (void)unused;
  net training = net_make((net_options){.batch = 3, .training = true, .frozen_stage = -1}),
      scoring = net_make((net_options){.batch = 3, .frozen_stage = -1});
  step(&training, 3); /* leaves its traces in every buffer */
  net_fill_params(training.graph, 11);
  forward(&training, 3, 0), forward(&scoring, 3, 0);
  for (int k = 0; k < 2; k++)
    assert_true(net_distance(bf_exec_value(training.exec, training.outputs[k]),
                             bf_exec_value(scoring.exec, scoring.outputs[k]),
                             3 * net_size(bf_graph_shape(scoring.graph, scoring.outputs[k]))) < 1e-6);
  net_free(&training), net_free(&scoring);
}

static void test_steps_ask_for_no_memory(void **unused) {
  (void)unused;
  if (!counts_memory) skip();
  bf_pool *pool = net_pool(2);
  for (int norms = 0; norms < 2; norms++) {
    net n =
        net_make((net_options){.batch = 3, .training = true, .frozen_norms = norms, .frozen_stage = -1, .pool = pool});
    step(&n, 3); /* OpenBLAS takes its buffers at the first product */
    long before = atomic_load(&memory_calls);
    step(&n, 3);
    step(&n, 2);
    forward(&n, 3, 0);
    assert_int_equal(atomic_load(&memory_calls) - before, 0);
    net_free(&n);
  }
  long before = atomic_load(&memory_calls);
  bf_pool_destroy(net_pool(1));
  assert_true(atomic_load(&memory_calls) > before); /* the counter counts */
  bf_pool_destroy(pool);
}

static void test_gradients_are_overwritten(void **unused) {
  (void)unused;
  net n = net_make((net_options){.batch = 2, .training = true, .frozen_norms = true, .frozen_stage = -1});
  int64_t size = bf_graph_block_size(n.graph);
  step(&n, 2);
  float *first = copy_of(bf_graph_gradient_block(n.graph), size);
  for (int i = 0; i < bf_graph_param_count(n.graph); i++) {
    bf_param *p = bf_graph_param(n.graph, i);
    if (p->trainable) memset(p->gradient, 0x7f, (size_t)p->count * sizeof(float));
  }
  step(&n, 2);
  for (int i = 0; i < bf_graph_param_count(n.graph); i++) {
    bf_param *p = bf_graph_param(n.graph, i);
    if (p->trainable) assert_memory_equal(first + p->offset, p->gradient, (size_t)p->count * sizeof(float));
  }
  bf_free(first);
  net_free(&n);
}

/* Frozen stages: less memory, no gradient written there, the same gradients above. */
static void test_frozen_stages(void **unused) {
  (void)unused;
  net free_net = net_make((net_options){.batch = 3, .training = true, .frozen_norms = true, .frozen_stage = -1});
  net frozen = net_make((net_options){.batch = 3, .training = true, .frozen_norms = true, .frozen_stage = 1});
  assert_true(bf_exec_bytes(frozen.exec) < bf_exec_bytes(free_net.exec));
  step(&free_net, 3), step(&frozen, 3);
  int trained = 0;
  for (int i = 0; i < bf_graph_param_count(frozen.graph); i++) {
    bf_param *p = bf_graph_param(frozen.graph, i), *q = bf_graph_param(free_net.graph, i);
    if (p->trainable) {
      assert_memory_equal(p->gradient, q->gradient, (size_t)p->count * sizeof(float));
      trained++;
    } else {
      for (int64_t k = 0; k < p->count; k++) assert_true(p->gradient[k] == 0);
    }
  }
  assert_true(trained >= 8);
  net_free(&free_net), net_free(&frozen);
}

/* ---- norms ---- */

typedef struct norm_net {
  bf_graph *graph;
  bf_exec *exec;
  bf_value input, output;
} norm_net;

static norm_net norm_make(int batch, bool training, bool frozen, int stage) {
  norm_net n = {.graph = net_graph()};
  n.input = bf_graph_input(n.graph, 5, 7, 3);
  bf_graph_set_stage(n.graph, stage);
  n.output = bf_batch_norm(n.graph, n.input, "n");
  bf_graph_output(n.graph, n.output);
  net_finish(n.graph, 1);
  net_fill_params(n.graph, 4);
  bf_graph_freeze_norms(n.graph, frozen);
  n.exec = net_exec(n.graph, batch, training, NULL);
  float *x = bf_exec_value(n.exec, n.input);
  net_fill(x, batch * 105, 6, 2);
  for (int i = 0; i < batch * 105; i++) x[i] += 10 * (float)(i % 3); /* channels of different mean */
  return n;
}

static void norm_free(norm_net *n) {
  bf_exec_destroy(n->exec);
  bf_graph_destroy(n->graph);
}

static const float *param(bf_graph *g, const char *name) { return bf_graph_find_param(g, name)->data; }

static void test_norm_of_a_batch(void **unused) {
  (void)unused;
  norm_net n = norm_make(4, true, false, 0);
  float scale[3], shift[3], mean[3], var[3];
  memcpy(scale, param(n.graph, "n.weight"), sizeof scale), memcpy(shift, param(n.graph, "n.bias"), sizeof shift);
  memcpy(mean, param(n.graph, "n.running_mean"), sizeof mean), memcpy(var, param(n.graph, "n.running_var"), sizeof var);
  bf_exec_forward(n.exec, 4, 1);
  const float *x = bf_exec_value(n.exec, n.input), *y = bf_exec_value(n.exec, n.output);
  for (int c = 0; c < 3; c++) {
    double m = 0, v = 0;
    for (int i = 0; i < 140; i++) m += x[i * 3 + c] / 140.0;
    for (int i = 0; i < 140; i++) v += (x[i * 3 + c] - m) * (x[i * 3 + c] - m) / 140;
    for (int i = 0; i < 140; i++) {
      double expected = (x[i * 3 + c] - m) / sqrt(v + 1e-5) * scale[c] + shift[c];
      assert_true(fabs(y[i * 3 + c] - expected) < 2e-5);
    }
    assert_true(fabs(param(n.graph, "n.running_mean")[c] - (0.9 * mean[c] + 0.1 * m)) < 1e-5);
    assert_true(fabs(param(n.graph, "n.running_var")[c] - (0.9 * var[c] + 0.1 * v * 140 / 139)) < 1e-5);
  }
  norm_free(&n);
}

static void test_norm_that_is_frozen(void **unused) {
  (void)unused;
  for (int training = 0; training < 2; training++) {
    norm_net n = norm_make(2, training, true, 0);
    float mean[3];
    memcpy(mean, param(n.graph, "n.running_mean"), sizeof mean);
    bf_exec_forward(n.exec, 2, 1);
    const float *x = bf_exec_value(n.exec, n.input), *y = bf_exec_value(n.exec, n.output);
    for (int i = 0; i < 210; i++) {
      int c = i % 3;
      double expected = (x[i] - (double)mean[c]) / sqrt((double)param(n.graph, "n.running_var")[c] + 1e-5) *
                            param(n.graph, "n.weight")[c] +
                        param(n.graph, "n.bias")[c];
      assert_true(fabs(y[i] - expected) < 2e-5);
    }
    assert_memory_equal(mean, param(n.graph, "n.running_mean"), sizeof mean);
    norm_free(&n);
  }
}

static void test_norms_of_heads_never_freeze(void **unused) {
  (void)unused;
  norm_net n = norm_make(2, true, true, BF_STAGE_HEAD);
  float mean[3];
  memcpy(mean, param(n.graph, "n.running_mean"), sizeof mean);
  bf_exec_forward(n.exec, 2, 1);
  assert_memory_not_equal(mean, param(n.graph, "n.running_mean"), sizeof mean);
  norm_free(&n);
}

/* The statistics are put in, of all batches together, and the network still computes what it did. */
static void test_norms_estimated_again(void **unused) {
  (void)unused;
  bf_error err = {0};
  norm_net n = norm_make(3, false, false, 1);
  float *x = copy_of(bf_exec_value(n.exec, n.input), 315);
  bf_exec_forward(n.exec, 3, 0);
  float *before = copy_of(bf_exec_value(n.exec, n.output), 315);
  assert_int_equal(bf_exec_norms_begin(n.exec, &err), BF_OK);
  bf_exec_norms_feed(n.exec, 2);
  memcpy(bf_exec_value(n.exec, n.input), x + 210, 105 * sizeof(float));
  bf_exec_norms_feed(n.exec, 1);
  bf_exec_norms_end(n.exec);
  for (int c = 0; c < 3; c++) {
    double m = 0, v = 0;
    for (int i = 0; i < 105; i++) m += x[i * 3 + c] / 105.0;
    for (int i = 0; i < 105; i++) v += (x[i * 3 + c] - m) * (x[i * 3 + c] - m) / 105;
    assert_true(fabs(param(n.graph, "n.running_mean")[c] - m) < 1e-4);
    assert_true(fabs(param(n.graph, "n.running_var")[c] / v - 1) < 0.011);
  }
  memcpy(bf_exec_value(n.exec, n.input), x, 315 * sizeof(float));
  bf_exec_forward(n.exec, 3, 0);
  assert_true(net_distance(bf_exec_value(n.exec, n.output), before, 315) < 1e-5);
  bf_free(x), bf_free(before);
  norm_free(&n);
}

/* ---- dropout ---- */

static void test_dropout(void **unused) {
  (void)unused;
  bf_graph *g = net_graph();
  bf_value x = bf_graph_input(g, 1, 1, 1000), y = bf_dropout(g, x, 0.25);
  bf_graph_output(g, y);
  net_finish(g, 1);
  bf_exec *e = net_exec(g, 4, true, NULL);
  float *in = bf_exec_value(e, x);
  for (int i = 0; i < 4000; i++) in[i] = 3;
  bf_exec_forward(e, 4, 17);
  float *first = copy_of(bf_exec_value(e, y), 4000);
  int dropped = 0;
  for (int i = 0; i < 4000; i++) {
    assert_true(first[i] == 0 || first[i] == 4);
    dropped += first[i] == 0;
  }
  assert_true(dropped > 880 && dropped < 1120);
  assert_memory_not_equal(first, first + 1000, 1000 * sizeof(float));
  bf_exec_forward(e, 4, 17);
  assert_memory_equal(first, bf_exec_value(e, y), 4000 * sizeof(float));
  bf_exec_forward(e, 4, 18);
  assert_memory_not_equal(first, bf_exec_value(e, y), 4000 * sizeof(float));
  bf_exec_forward(e, 4, 0);
  for (int i = 0; i < 4000; i++) assert_true(bf_exec_value(e, y)[i] == 3);
  bf_free(first);
  bf_exec_destroy(e);
  bf_graph_destroy(g);
}

/* An image's whole value goes or stays. */
static void test_drop_path(void **unused) {
  (void)unused;
  enum { images = 600, each = 7 };
  bf_graph *g = net_graph();
  bf_value x = bf_graph_input(g, 1, 1, each), y = bf_drop_path(g, x, 0.25);
  assert_int_equal(bf_drop_path(g, x, 0), x);
  bf_graph_output(g, y);
  net_finish(g, 1);
  bf_pool *pool = net_pool(3);
  bf_exec *e = net_exec(g, images, true, pool);
  float *in = bf_exec_value(e, x);
  for (int i = 0; i < images * each; i++) in[i] = 3;
  bf_exec_forward(e, images, 17);
  const float *out = bf_exec_value(e, y);
  int dropped = 0;
  for (int i = 0; i < images; i++) {
    assert_true(out[i * each] == 0 || out[i * each] == 4);
    dropped += out[i * each] == 0;
    for (int k = 1; k < each; k++) assert_true(out[i * each + k] == out[i * each]);
  }
  assert_in_range(dropped, 110, 190);
  bf_exec_destroy(e);
  bf_graph_destroy(g);
  bf_pool_destroy(pool);
}

/* Maps of some floats whose rounded sizes agree are not one another's: a gate's factor is no place for its result. */
static void test_gate_of_few_channels(void **unused) {
  (void)unused;
  enum { channels = 8 };
  bf_graph *g = net_graph();
  bf_value x = bf_graph_input(g, 1, 2, channels);
  bf_value y = bf_sigmoid_map(g, x), factor = bf_sigmoid_map(g, bf_global_average_pool(g, y));
  bf_value gated = bf_gate(g, y, factor);
  bf_graph_output(g, bf_add(g, gated, y));
  net_finish(g, 1);
  bf_exec *e = net_exec(g, 1, false, NULL);
  float *in = bf_exec_value(e, x), kept[2 * channels];
  net_fill(in, 2 * channels, 3, 2);
  memcpy(kept, in, sizeof kept);
  bf_exec_forward(e, 1, 0);
  const float *out = bf_exec_value(e, bf_graph_node_count(g) - 1);
  for (int k = 0; k < channels; k++) {
    float a = 1 / (1 + expf(-kept[k])), b = 1 / (1 + expf(-kept[channels + k])), f = 1 / (1 + expf(-(a + b) / 2));
    assert_float_equal(out[k], a * f + a, 1e-5);
    assert_float_equal(out[channels + k], b * f + b, 1e-5);
  }
  bf_exec_destroy(e);
  bf_graph_destroy(g);
}

/* A scoring executor does not run it at all, and draws chains over it. */
static void test_scoring_leaves_dropout_out(void **unused) {
  (void)unused;
  bf_graph *g = net_graph();
  bf_value x = bf_graph_input(g, 5, 5, 6);
  bf_value y = bf_batch_norm(g, bf_conv2d(g, x, (bf_conv){.out = 6, .kernel = 3, .padding = 1}, "a"), "n");
  bf_value sum = bf_add(g, x, bf_drop_path(g, y, 0.5));
  bf_graph_output(g, bf_dropout(g, sum, 0.5));
  net_finish(g, 1);
  bf_exec *e = net_exec(g, 1, false, NULL);
  int ran = 0;
  for (int i = 0; i < bf_exec_nodes(e); i++) ran += bf_exec_node_time(e, i).op != NULL;
  assert_int_equal(ran, 2); /* the chain, and the output, which must stand by itself */
  bf_exec_destroy(e);
  bf_graph_destroy(g);
}

/* The first of equal values takes the whole gradient, as in the original implementations. */
static void test_maximum_of_equal_values(void **unused) {
  (void)unused;
  for (int plain = 0; plain < 2; plain++) {
    net_kernels(plain ? "plain" : "auto");
    bf_graph *g = net_graph();
    bf_value x = bf_graph_input(g, 4, 4, 1), y = bf_conv2d(g, x, (bf_conv){.out = 1, .kernel = 1, .bias = true}, "a");
    bf_value top = bf_max_pool(g, y, 2, 2, 0);
    bf_graph_output(g, y);
    bf_graph_output(g, top);
    net_finish(g, 1);
    bf_exec *e = net_exec(g, 1, true, NULL);
    for (int i = 0; i < 16; i++) bf_exec_value(e, x)[i] = 1;
    bf_exec_forward(e, 1, 1);
    for (int i = 0; i < 4; i++) bf_exec_gradient(e, top)[i] = (float)(i + 1);
    bf_exec_backward(e, 1);
    static const float expected[16] = {1, 0, 2, 0, 0, 0, 0, 0, 3, 0, 4, 0, 0, 0, 0, 0};
    assert_memory_equal(bf_exec_gradient(e, y), expected, sizeof expected);
    bf_exec_destroy(e);
    bf_graph_destroy(g);
  }
  net_kernels("auto");
}

static void test_plain_and_fast_networks_agree(void **unused) {
  (void)unused;
  for (int norms = 0; norms < 2; norms++) {
    net_options o = {.batch = 3, .training = true, .frozen_norms = norms, .frozen_stage = -1};
    net fast = net_make(o);
    net_kernels("plain");
    net plain = net_make(o);
    net_kernels("auto");
    step(&fast, 3), step(&plain, 3);
    for (int i = 0; i < bf_graph_param_count(fast.graph); i++) {
      bf_param *p = bf_graph_param(fast.graph, i), *q = bf_graph_param(plain.graph, i);
      double distance = net_distance(p->gradient, q->gradient, p->count);
      if (p->trainable && distance > 2e-4) fail_msg("%s: off by %g", p->name, distance);
    }
    net_free(&fast), net_free(&plain);
  }
}

static void test_no_batch(void **unused) {
  (void)unused;
  bf_error err = {0};
  bf_exec *exec;
  net n = net_make((net_options){.batch = 1, .frozen_stage = -1});
  assert_int_equal(bf_exec_create(&exec, n.graph, 0, false, NULL, &err), BF_E_ARGUMENT);
  assert_null(exec);
  assert_null(bf_exec_gradient(n.exec, n.outputs[0]));
  net_free(&n);
  bf_exec_destroy(NULL);
}

int main(void) {
  bf_error err = {0};
  if (bf_blas_init(&err) != BF_OK) return 1;
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_planned_memory_changes_nothing),
      cmocka_unit_test(test_norms_results_are_not_kept),
      cmocka_unit_test(test_planned_memory_of_scoring),
      cmocka_unit_test(test_weights_of_its_own),
      cmocka_unit_test(test_same_bits_for_any_threads),
      cmocka_unit_test(test_neighbours_do_not_matter),
      cmocka_unit_test(test_scoring_in_a_training_executor),
      cmocka_unit_test(test_steps_ask_for_no_memory),
      cmocka_unit_test(test_gradients_are_overwritten),
      cmocka_unit_test(test_frozen_stages),
      cmocka_unit_test(test_norm_of_a_batch),
      cmocka_unit_test(test_norm_that_is_frozen),
      cmocka_unit_test(test_norms_of_heads_never_freeze),
      cmocka_unit_test(test_norms_estimated_again),
      cmocka_unit_test(test_dropout),
      cmocka_unit_test(test_drop_path),
      cmocka_unit_test(test_gate_of_few_channels),
      cmocka_unit_test(test_scoring_leaves_dropout_out),
      cmocka_unit_test(test_maximum_of_equal_values),
      cmocka_unit_test(test_plain_and_fast_networks_agree),
      cmocka_unit_test(test_no_batch),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
