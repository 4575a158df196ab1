/* Every fast kernel table that this processor has, against the plain one, at odd shapes. */
#include "bifocal/kernels.h"
#include "net_support.h"
#include "tensor/kernels.h"

static const bf_kernels *tables[3];
static int table_count;
static const int channels[] = {1, 3, 7, 13, 16, 17, 32, 33, 127};
enum { channel_count = sizeof channels / sizeof channels[0] };

static int set_up(void **unused) {
  (void)unused;
  const bf_kernels *all[] = {bf_kernels_baseline(), bf_kernels_avx2(), bf_kernels_avx512()};
  for (int i = 0; i < 3; i++)
    if (all[i] != NULL) tables[table_count++] = all[i];
  return 0;
}

static void expect_near(const bf_kernels *t, const char *what, int c, const float *found, const float *expected,
                        int64_t count, double bound) {
  double distance = net_distance(found, expected, count);
  if (!(distance <= bound)) fail_msg("%s, %s, %d channels: off by %g", t->name, what, c, distance);
}

/* ---- windows ---- */

static const bf_window windows[] = {
    {1, 1, 0, 3, 1, 1, 1, 1},  {7, 5, 0, 3, 1, 1, 7, 5},  {8, 13, 0, 3, 2, 1, 4, 7},  {13, 8, 0, 3, 2, 0, 6, 3},
    {9, 9, 0, 5, 2, 2, 5, 5},  {7, 7, 0, 7, 2, 3, 4, 4},  {6, 7, 0, 1, 1, 0, 6, 7},   {7, 6, 0, 2, 3, 0, 2, 2},
    {2, 3, 0, 3, 1, 2, 4, 5},  {5, 4, 0, 3, 3, 1, 2, 2},  {3, 7, 0, 3, 1, 1, 3, 7},   {4, 23, 0, 3, 1, 1, 4, 23},
    {5, 14, 0, 3, 2, 1, 3, 7}, {5, 13, 0, 3, 2, 1, 3, 7}, {4, 31, 0, 3, 2, 0, 1, 15}, {3, 9, 0, 3, 1, 0, 1, 7},
};
enum { window_count = sizeof windows / sizeof windows[0] };

typedef struct maps {
  bf_window g;
  int64_t in, out, weights, columns;
  float *x, *dy, *w, *a, *b; /* a and b: results, with the same start */
} maps;

static maps maps_make(const bf_window *window, int c) {
  maps m = {.g = *window};
  m.g.c = c;
  m.in = (int64_t)m.g.h * m.g.w * c;
  m.out = (int64_t)m.g.oh * m.g.ow * c;
  m.weights = (int64_t)m.g.kernel * m.g.kernel * c;
  m.columns = (int64_t)m.g.oh * m.g.ow * m.weights;
  int64_t most = m.in + m.out + m.weights + m.columns;
  m.x = net_floats(m.in), m.dy = net_floats(m.columns + m.out), m.w = net_floats(m.weights);
  m.a = net_floats(most), m.b = net_floats(most);
  net_fill(m.x, m.in, 1, 1), net_fill(m.dy, m.columns + m.out, 2, 1), net_fill(m.w, m.weights, 3, 1);
  net_fill(m.a, most, 4, 1);
  memcpy(m.b, m.a, (size_t)most * sizeof(float));
  return m;
}

static void maps_free(maps *m) { bf_free(m->x), bf_free(m->dy), bf_free(m->w), bf_free(m->a), bf_free(m->b); }

typedef void (*window_check)(const bf_kernels *fast, const bf_kernels *plain, maps *m);

static void over_windows(window_check check) {
  for (int t = 0; t < table_count; t++)
    for (int w = 0; w < window_count; w++)
      for (int c = 0; c < channel_count; c++) {
        maps m = maps_make(&windows[w], channels[c]);
        check(tables[t], bf_kernels_plain(), &m);
        maps_free(&m);
      }
}

static void check_depthwise(const bf_kernels *fast, const bf_kernels *plain, maps *m) {
  int cut = m->g.oh / 2, in_cut = m->g.h / 2;
  bf_finish finishes[] = {{0}, {.scale = m->w, .shift = m->dy, .clamp = true, .top = 0.4f}, {.other = m->dy}};
  for (int f = 0; f <= 3; f++) { /* the last: none */
    const bf_finish *finish = f < 3 ? &finishes[f] : NULL;
    fast->depthwise(m->a, m->x, m->w, &m->g, 0, cut, finish);
    fast->depthwise(m->a, m->x, m->w, &m->g, cut, m->g.oh, finish);
    plain->depthwise(m->b, m->x, m->w, &m->g, 0, m->g.oh, finish);
    expect_near(fast, "depthwise", m->g.c, m->a, m->b, m->out, 1e-5);
  }
  for (int add = 0; add < 2; add++) {
    fast->depthwise_data(m->a, m->dy, m->w, &m->g, 0, in_cut, add);
    fast->depthwise_data(m->a, m->dy, m->w, &m->g, in_cut, m->g.h, add);
    plain->depthwise_data(m->b, m->dy, m->w, &m->g, 0, m->g.h, add);
    expect_near(fast, "depthwise_data", m->g.c, m->a, m->b, m->in, 1e-5);
  }
  fast->depthwise_weight(m->a, m->x, m->dy, &m->g, cut, m->g.oh);
  plain->depthwise_weight(m->b, m->x, m->dy, &m->g, cut, m->g.oh);
  expect_near(fast, "depthwise_weight", m->g.c, m->a, m->b, m->weights, 1e-5);
}

static void test_depthwise(void **unused) {
  (void)unused;
  over_windows(check_depthwise);
}

static void check_max_pool(const bf_kernels *fast, const bf_kernels *plain, maps *m) {
  int cut = m->g.oh / 2;
  for (int64_t i = 0; i < m->in; i++) m->x[i] = floorf(4 * m->x[i]); /* equal values in a window */
  fast->max_pool(m->a, m->x, &m->g, 0, cut);
  fast->max_pool(m->a, m->x, &m->g, cut, m->g.oh);
  plain->max_pool(m->b, m->x, &m->g, 0, m->g.oh);
  assert_memory_equal(m->a, m->b, (size_t)m->out * sizeof(float));
  fast->max_pool_backward(m->a + m->out, m->x, m->a, m->dy, &m->g);
  plain->max_pool_backward(m->b + m->out, m->x, m->b, m->dy, &m->g);
  expect_near(fast, "max_pool_backward", m->g.c, m->a + m->out, m->b + m->out, m->in, 1e-6);
}

static void test_max_pool(void **unused) {
  (void)unused;
  over_windows(check_max_pool);
}

/* ---- rows of channels ---- */

enum { rows = 29, most_c = 127, size = rows * most_c };

typedef struct lines {
  float x[size], y[size], dy[size], a[size], b[size], p[most_c], q[most_c], s[most_c], ta[2][most_c], tb[2][most_c];
} lines;

static void lines_fill(lines *l) {
  net_fill(l->x, size, 1, 8);
  net_fill(l->dy, size, 2, 1);
  net_fill(l->a, size, 3, 1);
  memcpy(l->b, l->a, sizeof l->b);
  net_fill(l->p, most_c, 4, 1), net_fill(l->q, most_c, 5, 1), net_fill(l->s, most_c, 6, 1);
}

static void check_elementwise(const bf_kernels *fast, int c) {
  static lines l;
  const bf_kernels *plain = bf_kernels_plain();
  int64_t n = (int64_t)rows * c;
  lines_fill(&l);
  for (int top = 0; top < 2; top++) {
    float limit = top ? 6 : INFINITY;
    fast->clamp(l.a, l.x, n, limit);
    plain->clamp(l.b, l.x, n, limit);
    expect_near(fast, "clamp", c, l.a, l.b, n, 0);
    memcpy(l.y, l.b, sizeof l.y);
    for (int add = 0; add < 2; add++) {
      fast->clamp_backward(l.a, l.dy, l.y, n, limit, add);
      plain->clamp_backward(l.b, l.dy, l.y, n, limit, add);
      expect_near(fast, "clamp_backward", c, l.a, l.b, n, 0);
    }
  }
  for (int full = 0; full < 2; full++) {
    bf_finish finish = {.scale = l.p, .shift = l.q, .other = full ? l.dy : NULL, .clamp = full, .top = 2};
    fast->finish(l.a, l.x, rows, c, &finish);
    plain->finish(l.b, l.x, rows, c, &finish);
    expect_near(fast, "finish", c, l.a, l.b, n, 1e-6);
  }
  for (int add = 0; add < 2; add++) {
    fast->scale(l.a, l.dy, l.p, rows, c, add);
    plain->scale(l.b, l.dy, l.p, rows, c, add);
    expect_near(fast, "scale", c, l.a, l.b, n, 1e-6);
    fast->norm_data(l.a, l.dy, l.x, l.p, l.q, l.s, rows, c, add);
    plain->norm_data(l.b, l.dy, l.x, l.p, l.q, l.s, rows, c, add);
    expect_near(fast, "norm_data", c, l.a, l.b, n, 1e-6);
  }
  fast->add(l.a, l.x, l.dy, n);
  plain->add(l.b, l.x, l.dy, n);
  expect_near(fast, "add", c, l.a, l.b, n, 0);
}

typedef void (*unary)(float *y, const float *x, int64_t n);
typedef void (*unary_backward)(float *dx, const float *dy, const float *x, int64_t n, bool add);

/* Over the whole range that single precision has something to say about. */
static void check_activations(const bf_kernels *fast, int c) {
  static lines l;
  const bf_kernels *plain = bf_kernels_plain();
  int64_t n = rows * c;
  lines_fill(&l);
  for (int64_t i = 0; i < n; i++) l.x[i] = (i % 7 == 0 ? 30 : 6) * l.x[i];
  const struct {
    const char *name;
    unary fast, plain;
    unary_backward fast_backward, plain_backward;
  } all[] = {{"silu", fast->silu, plain->silu, fast->silu_backward, plain->silu_backward},
             {"gelu", fast->gelu, plain->gelu, fast->gelu_backward, plain->gelu_backward},
             {"sigmoid", fast->sigmoid, plain->sigmoid, fast->sigmoid_backward, plain->sigmoid_backward}};
  for (size_t k = 0; k < sizeof all / sizeof all[0]; k++) {
    all[k].fast(l.a, l.x, n);
    all[k].plain(l.b, l.x, n);
    for (int64_t i = 0; i < n; i++)
      if (!(fabsf(l.a[i] - l.b[i]) <= 1e-6f * (1 + fabsf(l.b[i]))))
        fail_msg("%s, %s(%g): %g, plainly %g", fast->name, all[k].name, l.x[i], l.a[i], l.b[i]);
    for (int add = 0; add < 2; add++) {
      all[k].fast_backward(l.a, l.dy, l.x, n, add);
      all[k].plain_backward(l.b, l.dy, l.x, n, add);
      expect_near(fast, all[k].name, c, l.a, l.b, n, 2e-6);
    }
  }
}

static void check_layer_norm(const bf_kernels *fast, int c) {
  static lines l;
  const bf_kernels *plain = bf_kernels_plain();
  float of_fast[2 * rows], of_plain[2 * rows];
  lines_fill(&l);
  fast->layer_norm(l.a, of_fast, l.x, l.p, l.q, 1e-6f, rows, c);
  plain->layer_norm(l.b, of_plain, l.x, l.p, l.q, 1e-6f, rows, c);
  if (c > 1) { /* of one channel the deviation is rounding alone */
    expect_near(fast, "layer norm", c, l.a, l.b, rows * c, 1e-5);
    expect_near(fast, "its statistics", c, of_fast, of_plain, 2 * rows, 1e-5);
  }
  fast->layer_norm_sums(l.ta[0], l.ta[1], l.dy, l.x, of_plain, rows, c);
  plain->layer_norm_sums(l.tb[0], l.tb[1], l.dy, l.x, of_plain, rows, c);
  expect_near(fast, "its shift's slope", c, l.ta[0], l.tb[0], c, 1e-5);
  expect_near(fast, "its scale's slope", c, l.ta[1], l.tb[1], c, 1e-5);
  for (int add = 0; add < 2 && c > 1; add++) {
    lines_fill(&l);
    fast->layer_norm_data(l.a, l.dy, l.x, of_plain, l.p, rows, c, add);
    plain->layer_norm_data(l.b, l.dy, l.x, of_plain, l.p, rows, c, add);
    expect_near(fast, "its input's slope", c, l.a, l.b, rows * c, 1e-5);
  }
}

static void check_sums(const bf_kernels *fast, int c) {
  static lines l;
  const bf_kernels *plain = bf_kernels_plain();
  lines_fill(&l);
  for (int i = 0; i < size; i++) l.x[i] += 100; /* a large mean beside a small deviation */
  fast->moments(l.ta[0], l.ta[1], l.x, rows, c);
  plain->moments(l.tb[0], l.tb[1], l.x, rows, c);
  expect_near(fast, "mean", c, l.ta[0], l.tb[0], c, 1e-5);
  expect_near(fast, "deviations", c, l.ta[1], l.tb[1], c, 1e-4);
  fast->norm_sums(l.ta[0], l.ta[1], l.dy, l.x, l.p, l.q, rows, c);
  plain->norm_sums(l.tb[0], l.tb[1], l.dy, l.x, l.p, l.q, rows, c);
  expect_near(fast, "sum of slopes", c, l.ta[0], l.tb[0], c, 1e-5);
  expect_near(fast, "sum of products", c, l.ta[1], l.tb[1], c, 1e-5);
  fast->norm_sums(l.ta[0], NULL, l.dy, NULL, NULL, NULL, rows, c);
  expect_near(fast, "sum alone", c, l.ta[0], l.tb[0], c, 1e-5);
}

static void test_rows(void **unused) {
  (void)unused;
  for (int t = 0; t < table_count; t++)
    for (int c = 0; c < channel_count; c++) {
      check_elementwise(tables[t], channels[c]);
      check_sums(tables[t], channels[c]);
      check_activations(tables[t], channels[c]);
      check_layer_norm(tables[t], channels[c]);
    }
}

/* NaN says "missing": a clamp that turned it into a number would hide a broken network. */
static void test_nan_passes_through_clamps(void **unused) {
  (void)unused;
  float x[19], y[19];
  for (int i = 0; i < 19; i++) x[i] = NAN;
  bf_kernels_plain()->clamp(y, x, 19, 6);
  for (int i = 0; i < 19; i++) assert_true(isnan(y[i]));
  for (int t = 0; t < table_count; t++) {
    tables[t]->clamp(y, x, 19, 6);
    for (int i = 0; i < 19; i++) assert_true(isnan(y[i]));
  }
}

/* ---- updates of weights ---- */

static void check_updates(const bf_kernels *fast, int n) {
  static lines l;
  const bf_kernels *plain = bf_kernels_plain();
  bf_update u = {.rate = 0.1f,
                 .clip = 0.5f,
                 .decay = 0.01f,
                 .momentum = 0.9f,
                 .beta1 = 0.9f,
                 .beta2 = 0.99f,
                 .epsilon = 1e-6f,
                 .rest1 = 0.1f,
                 .rest2 = 0.01f,
                 .correction1 = 3,
                 .correction2 = 20,
                 .keep = 0.999f};
  lines_fill(&l);
  double all = plain->dot(l.x, l.x, n), both = plain->dot(l.x, l.dy, n);
  assert_float_equal(fast->dot(l.x, l.x, n) / all, 1, 1e-12);
  assert_float_equal(fast->dot(l.x, l.dy, n), both, 1e-12 * (all + 1));
  for (int adamw = 0; adamw < 2; adamw++) {
    float w[2][most_c], m[2][most_c], v[2][most_c];
    for (int k = 0; k < 2; k++) {
      const bf_kernels *t = k ? plain : fast;
      memcpy(w[k], l.a, sizeof w[k]), memcpy(m[k], l.dy, sizeof m[k]);
      for (int i = 0; i < most_c; i++) v[k][i] = l.x[i] * l.x[i];
      if (adamw)
        t->adamw(w[k], m[k], v[k], l.x, n, &u);
      else
        t->sgd(w[k], m[k], l.x, n, &u);
    }
    expect_near(fast, adamw ? "adamw, w" : "sgd, w", n, w[0], w[1], most_c, 1e-6);
    expect_near(fast, adamw ? "adamw, m" : "sgd, m", n, m[0], m[1], most_c, 1e-6);
    expect_near(fast, adamw ? "adamw, v" : "sgd, v", n, v[0], v[1], most_c, 1e-6);
  }
}

static void test_updates(void **unused) {
  (void)unused;
  for (int t = 0; t < table_count; t++)
    for (int n = 1; n <= most_c; n += 9) check_updates(tables[t], n);
}

static void test_choice_by_name(void **unused) {
  (void)unused;
  bf_error err = {0};
  assert_int_equal(bf_kernels_select("plain", &err), BF_OK);
  assert_true(bf_kernels_current() == bf_kernels_plain());
  assert_int_equal(bf_kernels_select("quick", &err), BF_E_ARGUMENT);
  assert_non_null(strstr(err.message, "plain"));
  assert_true(bf_kernels_current() == bf_kernels_plain());
  assert_int_equal(bf_kernels_select("auto", &err), BF_OK);
  assert_true(bf_kernels_current() == tables[table_count - 1]);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_depthwise),
      cmocka_unit_test(test_max_pool),
      cmocka_unit_test(test_updates),
      cmocka_unit_test(test_rows),
      cmocka_unit_test(test_nan_passes_through_clamps),
      cmocka_unit_test(test_choice_by_name),
  };
  return cmocka_run_group_tests(tests, set_up, NULL);
}
