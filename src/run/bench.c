/* How fast the engine runs here: the whole network with its original classifier, random weights. */
#include "bifocal/bench.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/memory.h"
#include "base/pool.h"
#include "base/rng.h"
#include "nn/backbone.h"
#include "nn/optimiser.h"
#include "tensor/gemm.h"
#include "tensor/kernels.h"

enum { classes = 1000, max_repeats = 1000, peak_size = 768 };

typedef struct bench {
  bf_pool *pool;
  bf_graph *graph;
  bf_exec *exec;
  bf_optimiser *optimiser;
  bf_value image, logits;
  int batch;
  double times[max_repeats];
  int count;
} bench;

typedef struct peak_work {
  const bf_kernels *kernels;
  float *a, *b, *packed, *c;
} peak_work;

static void blas_task(void *argument, int task, int thread) {
  (void)task;
  peak_work *w = argument;
  size_t size = (size_t)peak_size * peak_size;
  bf_gemm(false, false, peak_size, peak_size, peak_size, 1, w->a, peak_size, w->b, peak_size, 0,
          w->c + (size_t)thread * size, peak_size);
}

static void product_task(void *argument, int task, int thread) {
  (void)task;
  peak_work *w = argument;
  bf_product q = {.rows = peak_size,
                  .columns = peak_size,
                  .outer = 1,
                  .inner = peak_size,
                  .a = w->a,
                  .a_row = peak_size,
                  .a_inner = 1,
                  .b = w->packed,
                  .c = w->c + (size_t)thread * peak_size * peak_size,
                  .c_row = peak_size};
  w->kernels->product(&q);
}

static double best_rate(bf_pool *pool, bf_task task, peak_work *w) {
  double best = 0;
  int threads = bf_pool_threads(pool);
  for (int round = 0; round < 12; round++) {
    double started = bf_now();
    bf_pool_run(pool, task, w, threads * 2);
    double rate = 2.0 * peak_size * peak_size * peak_size * threads * 2 / (bf_now() - started) / 1e9;
    if (rate > best) best = rate;
  }
  return best;
}

/* Square products on every thread, the best of several rounds, by OpenBLAS or our own product, whichever is faster: the
 * library does not know the widest instructions of every processor. */
static double sgemm_peak(bf_pool *pool) {
  int threads = bf_pool_threads(pool);
  size_t size = (size_t)peak_size * peak_size;
  peak_work w = {bf_kernels_current(), bf_alloc(size, sizeof(float)), bf_alloc(size, sizeof(float)),
                 bf_alloc(size, sizeof(float)), bf_alloc(size * (size_t)threads, sizeof(float))};
  double best = 0;
  if (w.a && w.b && w.packed && w.c) {
    for (size_t i = 0; i < size; i++) w.a[i] = 0.5f, w.b[i] = w.packed[i] = 0.25f;
    best = fmax(best_rate(pool, blas_task, &w), w.kernels->plain ? 0 : best_rate(pool, product_task, &w));
  }
  bf_free(w.a);
  bf_free(w.b);
  bf_free(w.packed);
  bf_free(w.c);
  return best;
}

/* Softmax cross-entropy with the class i mod classes for image i. */
static void loss_gradient(bench *b) {
  const float *logits = bf_exec_value(b->exec, b->logits);
  float *gradient = bf_exec_gradient(b->exec, b->logits);
  for (int i = 0; i < b->batch; i++) {
    const float *z = logits + (size_t)i * classes;
    float *g = gradient + (size_t)i * classes;
    float top = z[0];
    double sum = 0;
    for (int k = 1; k < classes; k++) top = z[k] > top ? z[k] : top;
    for (int k = 0; k < classes; k++) sum += exp((double)z[k] - top);
    for (int k = 0; k < classes; k++) g[k] = (float)((exp((double)z[k] - top) / sum - (k == i % classes)) / b->batch);
  }
}

static void one_run(bench *b, bool train) {
  static const double rates[BF_MAX_STAGES] = {1e-4, 1e-4, 1e-4, 1e-4, 1e-4, 1e-4, 1e-4, 1e-4};
  bf_exec_forward(b->exec, b->batch, train ? 1 : 0);
  if (!train) return;
  loss_gradient(b);
  bf_exec_backward(b->exec, b->batch);
  bf_optimiser_step(b->optimiser, b->pool, rates, 1e-4, NAN);
}

static int by_value(const void *x, const void *y) {
  double a = *(const double *)x, b = *(const double *)y;
  return (a > b) - (a < b);
}

static void fill_input(bench *b, int size) {
  float *input = bf_exec_value(b->exec, b->image);
  bf_rng rng = bf_rng_make(1, 2, 3);
  for (int64_t i = 0; i < (int64_t)b->batch * size * size * 3; i++) input[i] = (float)bf_rng_normal(&rng);
}

static bf_status build(bench *b, const bf_bench_options *o, const bf_backbone *backbone, int size, bf_error *err) {
  bf_features features = {0};
  bf_status status = bf_graph_create(&b->graph, err);
  if (status != BF_OK) return status;
  b->image = bf_graph_input(b->graph, size, size, 3);
  backbone->build(b->graph, b->image, &features);
  b->logits = o->features ? features.value[features.count - 1] : backbone->classifier(b->graph, &features, classes);
  bf_graph_output(b->graph, b->logits);
  status = bf_graph_finish(b->graph, 1, err);
  if (status == BF_OK && o->frozen_norms) bf_graph_freeze_norms(b->graph, true);
  if (status == BF_OK) status = bf_exec_create(&b->exec, b->graph, b->batch, o->train, b->pool, err);
  if (status == BF_OK && !o->train) status = bf_exec_hold_weights(b->exec, err);
  bf_optimiser_spec spec = {.kind = BF_SGD, .momentum = 0.9, .weight_decay = 1e-4};
  if (status == BF_OK && o->train) status = bf_optimiser_create(&b->optimiser, b->graph, &spec, err);
  return status;
}

static void measure(bench *b, const bf_bench_options *o) {
  one_run(b, o->train);
  double started = bf_now();
  int wanted = o->repeats > 0 && o->repeats < max_repeats ? o->repeats : max_repeats;
  while (b->count < wanted && (o->repeats > 0 || b->count < 5 || bf_now() - started < 2)) {
    double from = bf_now();
    one_run(b, o->train);
    b->times[b->count++] = (bf_now() - from) * 1000 / b->batch;
  }
  qsort(b->times, (size_t)b->count, sizeof b->times[0], by_value);
}

/* Operations of a few more runs, with the clock of each running. */
static bf_status measure_ops(bench *b, bf_bench_op *ops, int *count, bool train, bf_error *err) {
  bf_status status = bf_exec_clock(b->exec, err);
  if (status != BF_OK) return status;
  int runs = b->count < 10 ? b->count : 10;
  for (int i = 0; i < runs; i++) one_run(b, train);
  double share = 1000.0 / runs / b->batch;
  *count = 0;
  for (int i = 0; i < bf_exec_nodes(b->exec) && *count < BF_BENCH_MAX_OPS; i++) {
    bf_node_time t = bf_exec_node_time(b->exec, i);
    if (t.op == NULL) continue;
    ops[(*count)++] = (bf_bench_op){
        t.op,        t.out.h, t.out.w, t.in.c, t.out.c, t.kernel, t.stride, t.forward * share, t.backward * share,
        t.flop / 1e9};
  }
  return BF_OK;
}

bf_status bf_bench(bf_bench_report *report, const bf_bench_options *o, bf_error *err) {
  return bf_bench_with_ops(report, NULL, NULL, o, err);
}

bf_status bf_bench_with_ops(bf_bench_report *report, bf_bench_op *ops, int *count, const bf_bench_options *o,
                            bf_error *err) {
  const bf_backbone *backbone = bf_backbone_find(o->backbone != NULL ? o->backbone : "mobilenet_v2", err);
  if (backbone == NULL) return BF_E_ARGUMENT;
  if (o->train && o->features) return bf_fail(err, BF_E_ARGUMENT, "--train needs the classifier: leave --features out");
  int size = o->size > 0 ? o->size : 224;
  bench *b = bf_alloc(1, sizeof *b);
  if (b == NULL) return bf_fail(err, BF_E_MEMORY, "no memory for the measurement");
  b->batch = o->batch > 0 ? o->batch : 1;
  bf_status status = bf_pool_create(&b->pool, o->threads, err);
  if (status == BF_OK) status = build(b, o, backbone, size, err);
  if (status == BF_OK) {
    fill_input(b, size);
    measure(b, o);
    *report = (bf_bench_report){.backbone = backbone->name,
                                .mode = o->train ? "train" : "infer",
                                .kernels = bf_kernels_describe(),
                                .batch = b->batch,
                                .size = size,
                                .threads = bf_pool_threads(b->pool),
                                .ms_min = b->times[0],
                                .ms_median = b->times[b->count / 2],
                                .gflop_per_image = bf_graph_flop(b->graph) / 1e9 * (o->train ? 3 : 1),
                                .peak_rss_mib = bf_peak_rss_mib()};
    if (ops != NULL) status = measure_ops(b, ops, count, o->train, err);
    report->sgemm_peak_gflops = sgemm_peak(b->pool);
  }
  bf_optimiser_destroy(b->optimiser);
  bf_exec_destroy(b->exec);
  bf_graph_destroy(b->graph);
  bf_pool_destroy(b->pool);
  bf_free(b);
  return status;
}
