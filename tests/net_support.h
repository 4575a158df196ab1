/* Small networks for tests of the engine: values from a hash of (name, index), and a net at work. Header-only. */
#ifndef BF_TESTS_NET_SUPPORT_H
#define BF_TESTS_NET_SUPPORT_H

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
#include "nn/graph.h"

/* In (-1, 1); the same everywhere. */
static inline float net_noise(uint64_t key, uint64_t index) {
  uint64_t z = key * UINT64_C(0xd1342543de82ef95) + (index + 1) * UINT64_C(0x9e3779b97f4a7c15);
  z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
  z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
  z ^= z >> 31;
  return (float)((double)(z >> 40) / (1 << 23) - 1);
}

static inline void net_fill(float *x, int64_t count, uint64_t key, float scale) {
  for (int64_t i = 0; i < count; i++) x[i] = scale * net_noise(key, (uint64_t)i);
}

static inline float *net_floats(int64_t count) {
  float *x = bf_alloc((size_t)count, sizeof *x);
  assert_non_null(x);
  return x;
}

static inline int64_t net_size(bf_shape s) { return (int64_t)s.h * s.w * s.c; }

/* Values that keep activations of order one and every norm's statistics away from 0 and 1. */
static inline void net_fill_params(bf_graph *graph, uint64_t key) {
  for (int i = 0; i < bf_graph_param_count(graph); i++) {
    bf_param *p = bf_graph_param(graph, i);
    double fan_in = p->rank > 1 ? (double)p->count / (double)p->shape[0] : 1;
    for (int64_t k = 0; k < p->count; k++) {
      float u = net_noise(key + (uint64_t)i, (uint64_t)k);
      switch (p->kind) {
        case BF_PARAM_NORM_SCALE: p->data[k] = 1 + 0.3f * u; break;
        case BF_PARAM_NORM_VAR: p->data[k] = 1 + 0.5f * fabsf(u); break;
        case BF_PARAM_NORM_MEAN:
        case BF_PARAM_NORM_SHIFT:
        case BF_PARAM_BIAS: p->data[k] = 0.2f * u; break;
        default: p->data[k] = (float)sqrt(4.0 / fan_in) * u;
      }
    }
  }
}

static inline bf_graph *net_graph(void) {
  bf_error err = {0};
  bf_graph *graph;
  assert_int_equal(bf_graph_create(&graph, &err), BF_OK);
  return graph;
}

static inline void net_finish(bf_graph *graph, uint64_t seed) {
  bf_error err = {0};
  if (bf_graph_finish(graph, seed, &err) != BF_OK) fail_msg("%s", err.message);
}

static inline bf_exec *net_exec(bf_graph *graph, int batch, bool training, bf_pool *pool) {
  bf_error err = {0};
  bf_exec *exec;
  if (bf_exec_create(&exec, graph, batch, training, pool, &err) != BF_OK) fail_msg("%s", err.message);
  return exec;
}

static inline bf_pool *net_pool(int threads) {
  bf_error err = {0};
  bf_pool *pool;
  assert_int_equal(bf_pool_create(&pool, threads, &err), BF_OK);
  return pool;
}

static inline void net_kernels(const char *name) {
  bf_error err = {0};
  if (bf_kernels_select(name, &err) != BF_OK) fail_msg("%s", err.message);
}

/* Largest difference relative to the root mean square of b. */
static inline double net_distance(const float *a, const float *b, int64_t count) {
  double worst = 0, squares = 0;
  for (int64_t i = 0; i < count; i++) {
    if (isnan(a[i]) || isnan(b[i])) return INFINITY;
    worst = fmax(worst, fabs((double)a[i] - b[i]));
    squares += (double)b[i] * b[i];
  }
  return worst / (sqrt(squares / (double)count) + 1e-12);
}

#endif
