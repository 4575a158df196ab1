/* Forward values, gradients, running statistics and ten training losses against torchvision's, made by
 * tools/make_golden.py. Weights and inputs come from the same formula on both sides. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/memory.h"
#include "base/pool.h"
#include "nn/backbone.h"
#include "nn/op.h"
#include "nn/optimiser.h"
#include "tensor/gemm.h"

static const double bound = 1e-4;

static uint64_t mix(uint64_t z) {
  z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
  z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
  return z ^ (z >> 31);
}

static double uniform(uint64_t key, uint64_t index) {
  return (double)(mix(key + index * UINT64_C(0x9e3779b97f4a7c15)) >> 40) / (1 << 23) - 1.0;
}

static uint64_t key_of(const char *name) {
  uint64_t key = UINT64_C(0xcbf29ce484222325);
  for (const char *c = name; *c; c++) key = (key ^ (unsigned char)*c) * UINT64_C(0x100000001b3);
  return key;
}

static void fill_param(bf_param *p) {
  float *original = bf_alloc((size_t)p->count, sizeof *original);
  uint64_t key = key_of(p->name);
  double fan_in = (double)p->count / (double)p->shape[0];
  for (int64_t i = 0; i < p->count; i++) {
    double u = uniform(key, (uint64_t)i), v = 0;
    switch (p->kind) {
      case BF_PARAM_NORM_MEAN:
      case BF_PARAM_NORM_SHIFT:
      case BF_PARAM_BIAS: v = 0.1 * u; break;
      case BF_PARAM_NORM_VAR: v = 1 + 0.5 * fabs(u); break;
      case BF_PARAM_NORM_SCALE: v = 1 + 0.1 * u; break;
      case BF_PARAM_SCALE: v = p->rank == 1 ? 1 + 0.1 * u : u * sqrt(6.0 / fan_in); break;
      default: v = u * sqrt(6.0 / fan_in);
    }
    original[i] = (float)v;
  }
  bf_param_from_original(p, original);
  bf_free(original);
}

/* A network at work; made anew when a line asks for another one. */
typedef struct bench {
  char name[32];
  int picture;           /* which of the formula's */
  int batch, size, mode; /* 0 scoring, 1 training with frozen norms, 2 with batch statistics */
  bf_graph *graph;
  bf_features features;
  bf_value image, logits;
  bf_exec *exec;
  bf_pool *pool;
} bench;

static void bench_clear(bench *b) {
  bf_exec_destroy(b->exec);
  bf_graph_destroy(b->graph);
  b->exec = NULL;
  b->graph = NULL;
}

static void fill_input(bench *b) {
  float *x = bf_exec_value(b->exec, b->image);
  char which[32];
  snprintf(which, sizeof which, b->picture == 0 ? "input" : "input %d", b->picture);
  uint64_t key = key_of(which);
  int s = b->size;
  for (int n = 0; n < b->batch; n++)
    for (int c = 0; c < 3; c++)
      for (int i = 0; i < s * s; i++)
        x[((int64_t)n * s * s + i) * 3 + c] = (float)uniform(key, (uint64_t)((n * 3 + c) * s * s + i));
}

/* The classifier's dropout is off, as in the reference. */
static void build(bench *b) {
  bf_error err = {0};
  const bf_backbone *backbone = bf_backbone_find(b->name, &err);
  assert_non_null(backbone);
  assert_int_equal(bf_graph_create(&b->graph, &err), BF_OK);
  b->image = bf_graph_input(b->graph, b->size, b->size, 3);
  backbone->build(b->graph, b->image, &b->features);
  b->logits = backbone->classifier(b->graph, &b->features, 1000);
  for (int i = 0; i < b->features.count && b->mode == 0; i++) bf_graph_output(b->graph, b->features.value[i]);
  bf_graph_output(b->graph, b->logits);
  assert_int_equal(bf_graph_finish(b->graph, 1, &err), BF_OK);
  for (int i = 0; i < bf_graph_node_count(b->graph); i++) ((bf_node *)bf_graph_node(b->graph, i))->probability = 0;
  for (int i = 0; i < bf_graph_param_count(b->graph); i++) fill_param(bf_graph_param(b->graph, i));
  if (b->mode == 1) bf_graph_freeze_norms(b->graph, true);
  assert_int_equal(bf_exec_create(&b->exec, b->graph, b->batch, b->mode != 0, b->pool, &err), BF_OK);
}

static bool ready(bench *b, const char *name, int batch, int size, int mode) {
  if (b->graph != NULL && strcmp(b->name, name) == 0 && b->batch == batch && b->size == size && b->mode == mode)
    return false;
  bench_clear(b);
  snprintf(b->name, sizeof b->name, "%s", name);
  b->batch = batch, b->size = size, b->mode = mode;
  build(b);
  return true;
}

static int64_t nhwc(int64_t i, bf_shape s) { /* from index in [n][c][h][w] */
  int64_t w = i % s.w, h = i / s.w % s.h, c = i / ((int64_t)s.w * s.h) % s.c, n = i / ((int64_t)s.w * s.h * s.c);
  return ((n * s.h + h) * s.w + w) * s.c + c;
}

/* Compares samples relative to the tensor's root mean square. */
static double worst_of(const char *values, const float *ours, bf_shape shape, long step, long count, double rms) {
  double worst = 0;
  for (long k = 0; k < count; k++) {
    char *end;
    double expected = strtod(values, &end);
    assert_true(end != values);
    values = end;
    worst = fmax(worst, fabs(ours[nhwc(k * step, shape)] - expected) / rms);
  }
  return worst;
}

static void set_slope(bench *b) {
  float *g = bf_exec_gradient(b->exec, b->logits);
  uint64_t key = key_of("slope");
  for (int i = 0; i < b->batch * 1000; i++) g[i] = (float)uniform(key, (uint64_t)i);
}

static void check_param(bench *b, const char *name, const char *kind, const char *values, long size, long step,
                        long count, double rms) {
  bf_param *p = bf_graph_find_param(b->graph, name);
  assert_non_null(p);
  assert_int_equal(p->count, size);
  float *original = bf_alloc((size_t)size, sizeof *original);
  bf_param view = *p;
  if (strcmp(kind, "gradient") == 0) view.data = p->gradient;
  bf_param_to_original(&view, original);
  double worst = worst_of(values, original, (bf_shape){1, 1, (int)size}, step, count, rms);
  if (worst > bound) printf("%s %s %s: %g\n", b->name, kind, name, worst);
  assert_true(worst <= bound);
  bf_free(original);
}

static double cross_entropy(bench *b) {
  const float *z = bf_exec_value(b->exec, b->logits);
  float *g = bf_exec_gradient(b->exec, b->logits);
  double loss = 0;
  for (int i = 0; i < b->batch; i++) {
    double sum = 0, top = -1e30;
    for (int k = 0; k < 1000; k++) top = fmax(top, z[i * 1000 + k]);
    for (int k = 0; k < 1000; k++) sum += exp(z[i * 1000 + k] - top);
    int target = i * 7 % 1000;
    loss -= (z[i * 1000 + target] - top - log(sum)) / b->batch;
    for (int k = 0; k < 1000; k++)
      g[i * 1000 + k] = (float)((exp(z[i * 1000 + k] - top) / sum - (k == target)) / b->batch);
  }
  return loss;
}

static void check_losses(bench *b, double rate, const char *values) {
  double rates[BF_MAX_STAGES];
  for (int i = 0; i < BF_MAX_STAGES; i++) rates[i] = rate;
  bf_error err = {0};
  bf_optimiser *optimiser;
  bf_optimiser_spec spec = {.kind = BF_SGD, .momentum = 0.9};
  assert_int_equal(bf_optimiser_create(&optimiser, b->graph, &spec, &err), BF_OK);
  for (int k = 0; k < 10; k++) {
    char *end;
    double expected = strtod(values, &end);
    values = end;
    fill_input(b);
    bf_exec_forward(b->exec, b->batch, 1);
    double loss = cross_entropy(b);
    if (!(fabs(loss - expected) <= bound * fabs(expected)))
      printf("%s loss %d: %.9g, reference %.9g\n", b->name, k, loss, expected);
    assert_true(fabs(loss - expected) <= bound * fabs(expected));
    bf_exec_backward(b->exec, b->batch);
    bf_optimiser_step(optimiser, b->pool, rates, rate, NAN);
  }
  bf_optimiser_destroy(optimiser);
  bench_clear(b); /* its weights have moved */
}

static void check_line(bench *b, const char *head, const char *values) {
  char kind[16], name[32], tail[160] = "";
  int batch, size;
  long number, step, count;
  double rms;
  double rate;
  if (sscanf(head, "input %31s %d", name, &b->picture) == 2) {
    bench_clear(b);
    return;
  }
  if (sscanf(head, "losses %31s %d %d %159s %lf", name, &batch, &size, tail, &rate) == 5) {
    bench_clear(b);
    ready(b, name, batch, size, tail[0] == '1' ? 1 : 2);
    check_losses(b, rate, values);
    return;
  }
  char param[160] = "";
  if (sscanf(head, "%15s %31s %d %d %159s", kind, name, &batch, &size, tail) != 5) fail_msg("bad line: %s", head);
  bool parameter = strcmp(kind, "gradient") == 0 || strcmp(kind, "running") == 0;
  int good = parameter
                 ? sscanf(head, "%*s %*s %*d %*d %*s %159s %ld %ld %ld %lf", param, &number, &step, &count, &rms) - 1
                 : sscanf(head, "%*s %*s %*d %*d %*s %ld %ld %ld %lf", &number, &step, &count, &rms);
  assert_int_equal(good, 4);
  int mode = !parameter ? 0 : tail[0] == '1' ? 1 : 2;
  if (ready(b, name, batch, size, mode)) {
    fill_input(b);
    bf_exec_forward(b->exec, batch, mode ? 1 : 0);
    if (mode) set_slope(b), bf_exec_backward(b->exec, batch);
  }
  if (parameter) {
    check_param(b, param, kind, values, number, step, count, rms);
    return;
  }
  bf_value value = strcmp(kind, "logits") == 0 ? b->logits : b->features.value[atoi(tail)];
  bf_shape shape = bf_graph_shape(b->graph, value);
  assert_int_equal(number, (int64_t)batch * shape.h * shape.w * shape.c);
  double worst = worst_of(values, bf_exec_value(b->exec, value), shape, step, count, rms);
  if (worst > bound) printf("%s: %g\n", head, worst);
  assert_true(worst <= bound);
}

static void test_against_torchvision(void **unused) {
  (void)unused;
  bf_error err = {0};
  bench b = {0};
  assert_int_equal(bf_blas_init(&err), BF_OK);
  assert_int_equal(bf_pool_create(&b.pool, 2, &err), BF_OK);
  FILE *file = fopen(BF_TEST_SOURCE_DIR "/tests/golden/backbones.txt", "r");
  assert_non_null(file);
  char head[512], values[8192];
  int cases = 0;
  while (fgets(head, sizeof head, file) != NULL) {
    if (head[0] == '#') continue;
    assert_non_null(fgets(values, sizeof values, file));
    check_line(&b, head, values);
    cases++;
  }
  fclose(file);
  assert_true(cases > 60);
  bench_clear(&b);
  bf_pool_destroy(b.pool);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(test_against_torchvision)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
