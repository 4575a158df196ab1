/* The fast convolutions against sums in double precision at odd sizes, forward and both gradients: Winograd's by
 * itself, whatever op_conv.c would choose, and whole nodes of a graph; 1, 2 and 4 threads give the same bits. */
#include "net_support.h"
#include "nn/conv.h"

typedef struct layer {
  int n, h, w, in, out, kernel, stride, padding;
} layer;

static int high(layer s) { return (s.h + 2 * s.padding - s.kernel) / s.stride + 1; }
static int wide(layer s) { return (s.w + 2 * s.padding - s.kernel) / s.stride + 1; }

typedef struct tensors {
  float *x, *w, *y, *dx, *dw;
  int64_t xs, ws, ys;
} tensors;

static tensors tensors_make(layer s) {
  tensors t = {.xs = (int64_t)s.n * s.h * s.w * s.in,
               .ws = (int64_t)s.kernel * s.kernel * s.in * s.out,
               .ys = (int64_t)s.n * high(s) * wide(s) * s.out};
  t.x = net_floats(t.xs), t.dx = net_floats(t.xs), t.w = net_floats(t.ws), t.dw = net_floats(t.ws);
  t.y = net_floats(t.ys);
  return t;
}

static void tensors_free(tensors *t) { bf_free(t->x), bf_free(t->w), bf_free(t->y), bf_free(t->dx), bf_free(t->dw); }

/* y from x and w; dx and dw from dy. */
static void reference(layer s, tensors *t, const float *dy) {
  double *y = bf_alloc((size_t)t->ys, sizeof *y), *dx = bf_alloc((size_t)t->xs, sizeof *dx),
         *dw = bf_alloc((size_t)t->ws, sizeof *dw);
  for (int64_t p = 0; p < t->ys / s.out; p++) {
    int ox = (int)(p % wide(s)), oy = (int)(p / wide(s) % high(s)), image = (int)(p / wide(s) / high(s));
    for (int k = 0; k < s.kernel * s.kernel; k++) {
      int iy = oy * s.stride - s.padding + k / s.kernel, ix = ox * s.stride - s.padding + k % s.kernel;
      if (iy < 0 || iy >= s.h || ix < 0 || ix >= s.w) continue;
      int64_t from = (((int64_t)image * s.h + iy) * s.w + ix) * s.in;
      for (int c = 0; c < s.in; c++)
        for (int o = 0; o < s.out; o++) {
          int64_t q = ((int64_t)k * s.in + c) * s.out + o;
          y[p * s.out + o] += (double)t->x[from + c] * t->w[q];
          dx[from + c] += (double)dy[p * s.out + o] * t->w[q];
          dw[q] += (double)dy[p * s.out + o] * t->x[from + c];
        }
    }
  }
  for (int64_t i = 0; i < t->ys; i++) t->y[i] = (float)y[i];
  for (int64_t i = 0; i < t->xs; i++) t->dx[i] = (float)dx[i];
  for (int64_t i = 0; i < t->ws; i++) t->dw[i] = (float)dw[i];
  bf_free(y), bf_free(dx), bf_free(dw);
}

static void near(const char *what, layer s, const float *found, const float *wanted, int64_t count, double bound) {
  double distance = net_distance(found, wanted, count);
  if (!(distance <= bound))
    fail_msg("%s, %s: %d x %d x %d x %d to %d, kernel %d, stride %d, padding %d: off by %g", bf_kernels_current()->name,
             what, s.n, s.h, s.w, s.in, s.out, s.kernel, s.stride, s.padding, distance);
}

/* ---- Winograd by itself ---- */

static void pack_transform(const bf_winograd *s, float *u, const float *w, int in, int out, bool turned) {
  const bf_kernels *t = s->kernels;
  int64_t k = turned ? out : in, n = turned ? in : out, plane = bf_packed(t, k, n);
  float *taps = net_floats(9 * plane);
  for (int i = 0; i < 9; i++)
    t->pack(taps + i * plane, w + (int64_t)(turned ? 8 - i : i) * in * out, out, turned, k, n, k);
  bf_winograd_transform(s->form, s->pool, u, taps, plane);
  bf_free(taps);
}

static void check_form(layer s, const bf_winograd_form *form, bf_pool *pool) {
  const bf_kernels *t = bf_kernels_current();
  tensors found = tensors_make(s), wanted = tensors_make(s);
  float *dy = net_floats(found.ys), *u = net_floats(36 * (bf_packed(t, s.in, s.out) + bf_packed(t, s.out, s.in)));
  net_fill(wanted.x, wanted.xs, 1, 1), net_fill(wanted.w, wanted.ws, 2, 1), net_fill(dy, found.ys, 3, 1);
  reference(s, &wanted, dy);
  bf_winograd there = {.kernels = t,
                       .form = form,
                       .pool = pool,
                       .n = s.n,
                       .in = {s.h, s.w, s.in},
                       .out = {high(s), wide(s), s.out},
                       .padding = s.padding,
                       .src = wanted.x,
                       .dst = found.y,
                       .u = u};
  bf_winograd back = there;
  back.in = there.out, back.out = there.in, back.padding = 2 - s.padding, back.src = dy, back.dst = found.dx;
  int threads = bf_pool_threads(pool);
  int64_t size =
      bf_winograd_scratch(&there, threads) + bf_winograd_scratch(&back, threads) + bf_winograd_weight_scratch(&there);
  there.scratch = back.scratch = net_floats(size);
  pack_transform(&there, u, wanted.w, s.in, s.out, false);
  bf_winograd_run(&there);
  pack_transform(&there, u, wanted.w, s.in, s.out, true);
  bf_winograd_run(&back);
  there.dst = dy;
  bf_winograd_weight(&there, found.dw);
  near("Winograd", s, found.y, wanted.y, found.ys, 1e-4);
  near("Winograd's data gradient", s, found.dx, wanted.dx, found.xs, 1e-4);
  near("Winograd's weight gradient", s, found.dw, wanted.dw, found.ws, 1e-4);
  bf_free(there.scratch), bf_free(dy), bf_free(u);
  tensors_free(&found), tensors_free(&wanted);
}

/* A batch that is not full runs in the memory that was planned for a full one. */
static void scratch_is_enough_for_fewer(void **state) {
  (void)state;
  static const int channels[] = {16, 48, 96, 512};
  const bf_kernels *t = bf_kernels_current();
  for (int form = 0; form < 2; form++)
    for (int c = 0; c < 4; c++)
      for (int side = 1; side <= 64; side += side < 8 ? 1 : 7)
        for (int threads = 1; threads <= 16; threads++) {
          bf_winograd s = {.kernels = t,
                           .form = form ? &t->winograd4 : &t->winograd2,
                           .in = {side, side, channels[c]},
                           .out = {side, side, channels[3 - c]},
                           .padding = 1};
          int64_t most = 0, most_weight = 0;
          for (s.n = 1; s.n <= 40; s.n++) {
            int64_t now = bf_winograd_scratch(&s, threads), weight = bf_winograd_weight_scratch(&s);
            if (now < most || weight < most_weight)
              fail_msg("%d images of %d x %d x %d on %d threads take less than fewer", s.n, side, side, channels[c],
                       threads);
            most = now, most_weight = weight;
          }
        }
}

static void check_winograd(layer s, bf_pool *pool) {
  check_form(s, &bf_kernels_current()->winograd2, pool);
  check_form(s, &bf_kernels_current()->winograd4, pool);
}

static const int odd[] = {1, 7, 13, 127};

static void over_tables(void (*check)(bf_pool *pool)) {
  static const char *const names[] = {"baseline", "avx2", "avx512"};
  bf_pool *pool = net_pool(2);
  for (int i = 0; i < 3; i++) {
    bf_error err = {0};
    if (bf_kernels_select(names[i], &err) == BF_OK) check(pool);
  }
  bf_pool_destroy(pool);
  net_kernels("auto");
}

static void winograds(bf_pool *pool) {
  for (int in = 0; in < 4; in++)
    for (int out = 0; out < 4; out++)
      for (int side = 0; side < 3; side++)
        for (int padding = 0; padding < 3; padding++) {
          layer s = {1 + (in + out + side) % 3, odd[side], odd[(side + in) % 3], odd[in], odd[out], 3, 1, padding};
          if (s.h + 2 * padding >= 3 && s.w + 2 * padding >= 3) check_winograd(s, pool);
        }
  check_winograd((layer){1, 127, 127, 7, 13, 3, 1, 1}, pool);
  check_winograd((layer){1, 9, 10, 512, 17, 3, 1, 1}, pool); /* a row of 2 KiB */
}

static void test_winograd(void **unused) {
  (void)unused;
  over_tables(winograds);
}

/* ---- nodes ---- */

typedef struct node {
  bf_graph *graph;
  bf_exec *exec;
  bf_value x, y; /* x: of a convolution, so that it has a gradient */
} node;

static node node_make(layer s, bf_pool *pool, bool training) {
  node m = {.graph = net_graph()};
  bf_value input = bf_graph_input(m.graph, s.h, s.w, s.in);
  m.x = bf_conv2d(m.graph, input, (bf_conv){.out = s.in, .kernel = 1}, "before");
  m.y = bf_conv2d(m.graph, m.x, (bf_conv){.out = s.out, .kernel = s.kernel, .stride = s.stride, .padding = s.padding},
                  "conv");
  bf_graph_output(m.graph, m.x), bf_graph_output(m.graph, m.y);
  net_finish(m.graph, 1);
  m.exec = net_exec(m.graph, s.n, training, pool);
  bf_param *w = bf_graph_find_param(m.graph, "conv.weight");
  net_fill(w->data, w->count, 2, 1);
  net_fill(bf_exec_value(m.exec, input), (int64_t)s.n * s.h * s.w * s.in, 1, 1);
  return m;
}

static void node_free(node *m) { bf_exec_destroy(m->exec), bf_graph_destroy(m->graph); }

static void node_step(node *m, layer s, const float *dy, int64_t count) {
  bf_exec_forward(m->exec, s.n, 1);
  memcpy(bf_exec_gradient(m->exec, m->y), dy, (size_t)count * sizeof(float));
  bf_exec_backward(m->exec, s.n);
}

static void check_node(layer s, bf_pool *pool) {
  node m = node_make(s, pool, true);
  tensors t = tensors_make(s);
  float *dy = net_floats(t.ys);
  net_fill(dy, t.ys, 3, 1);
  node_step(&m, s, dy, t.ys);
  memcpy(t.x, bf_exec_value(m.exec, m.x), (size_t)t.xs * sizeof(float));
  bf_param *w = bf_graph_find_param(m.graph, "conv.weight");
  memcpy(t.w, w->data, (size_t)t.ws * sizeof(float));
  reference(s, &t, dy);
  double bound = s.kernel == 3 && s.stride == 1 ? 1e-4 : 1e-5;
  near("forward", s, bf_exec_value(m.exec, m.y), t.y, t.ys, bound);
  near("data gradient", s, bf_exec_gradient(m.exec, m.x), t.dx, t.xs, bound);
  near("weight gradient", s, w->gradient, t.dw, t.ws, bound);
  node_free(&m), tensors_free(&t), bf_free(dy);
}

static void nodes(bf_pool *pool) {
  static const int kernels[][3] = {{1, 1, 0}, {1, 2, 0}, {3, 1, 1}, {3, 2, 1},
                                   {7, 2, 3}, {5, 3, 2}, {2, 3, 0}, {3, 1, 0}};
  for (int k = 0; k < 8; k++)
    for (int in = 0; in < 4; in++)
      for (int side = 0; side < 3; side++) {
        layer s = {1 + (in + side) % 3,      odd[side],     odd[(side + in) % 3], odd[in],
                   odd[(in + side + k) % 4], kernels[k][0], kernels[k][1],        kernels[k][2]};
        if (s.h + 2 * s.padding >= s.kernel && s.w + 2 * s.padding >= s.kernel) check_node(s, pool);
      }
  check_node((layer){2, 127, 61, 3, 16, 7, 2, 3}, pool);
  check_node((layer){3, 14, 14, 64, 48, 3, 1, 1}, pool);
}

static void test_nodes(void **unused) {
  (void)unused;
  over_tables(nodes);
}

static void test_threads_change_no_bit(void **unused) {
  (void)unused;
  static const layer layers[] = {{3, 14, 13, 64, 48, 3, 1, 1},  {2, 7, 7, 127, 65, 3, 1, 1},
                                 {2, 29, 31, 13, 40, 3, 2, 1},  {2, 33, 17, 3, 24, 7, 2, 3},
                                 {3, 13, 13, 127, 33, 1, 1, 0}, {1, 9, 9, 272, 272, 3, 1, 1}};
  static const int threads[] = {1, 2, 4};
  for (size_t i = 0; i < sizeof layers / sizeof layers[0]; i++) {
    float *first[3] = {0};
    layer s = layers[i];
    tensors t = tensors_make(s);
    float *dy = net_floats(t.ys);
    net_fill(dy, t.ys, 3, 1);
    for (int k = 0; k < 3; k++) {
      bf_pool *pool = net_pool(threads[k]);
      node m = node_make(s, pool, true);
      node_step(&m, s, dy, t.ys);
      const float *now[] = {bf_exec_value(m.exec, m.y), bf_exec_gradient(m.exec, m.x),
                            bf_graph_find_param(m.graph, "conv.weight")->gradient};
      int64_t sizes[] = {t.ys, t.xs, t.ws};
      for (int q = 0; q < 3; q++) {
        if (k == 0) {
          first[q] = net_floats(sizes[q]);
          memcpy(first[q], now[q], (size_t)sizes[q] * sizeof(float));
        } else {
          assert_memory_equal(first[q], now[q], (size_t)sizes[q] * sizeof(float));
        }
      }
      node_free(&m);
      bf_pool_destroy(pool);
    }
    for (int q = 0; q < 3; q++) bf_free(first[q]);
    tensors_free(&t), bf_free(dy);
  }
}

/* ---- chains that are drawn together in scoring ---- */

/* Residual blocks with a shortcut by identity and by convolution, ReLU and ReLU6, and a bias before a norm. */
static node chains_make(bf_pool *pool) {
  node m = {.graph = net_graph()};
  bf_graph *g = m.graph;
  m.x = bf_graph_input(g, 13, 11, 3);
  bf_value a =
      bf_relu(g, bf_batch_norm(g, bf_conv2d(g, m.x, (bf_conv){.out = 32, .kernel = 3, .padding = 1}, "a"), "an"));
  bf_value b =
      bf_batch_norm(g, bf_conv2d(g, a, (bf_conv){.out = 32, .kernel = 3, .padding = 1, .bias = true}, "b"), "bn");
  bf_value c = bf_relu(g, bf_add(g, b, a));
  bf_value d = bf_relu6(
      g,
      bf_batch_norm(g, bf_conv2d(g, c, (bf_conv){.out = 32, .kernel = 3, .stride = 2, .padding = 1, .groups = 32}, "d"),
                    "dn"));
  bf_value e = bf_batch_norm(g, bf_conv2d(g, d, (bf_conv){.out = 40, .kernel = 1}, "e"), "en");
  bf_value f = bf_batch_norm(g, bf_conv2d(g, c, (bf_conv){.out = 40, .kernel = 1, .stride = 2}, "f"), "fn");
  bf_value h = bf_relu(g, bf_add(g, e, f));
  bf_value i = bf_add(g, h, bf_conv2d(g, h, (bf_conv){.out = 40, .kernel = 1, .bias = true}, "i"));
  m.y = bf_relu(g, bf_conv2d(g, i, (bf_conv){.out = 5, .kernel = 1, .bias = true}, "j"));
  bf_graph_output(g, m.y);
  net_finish(g, 1);
  net_fill_params(g, 7);
  m.exec = net_exec(g, 3, false, pool);
  return m;
}

static void test_chains(void **unused) {
  (void)unused;
  static const char *const names[] = {"plain", "baseline", "avx2", "avx512"};
  bf_pool *pool = net_pool(2);
  float *wanted = NULL;
  int64_t count = 3 * 7 * 6 * 5;
  for (int k = 0; k < 4; k++)
    for (int held = 0; held < 3; held++) { /* 2: by an executor for training, which draws nothing together */
      bf_error err = {0};
      if (bf_kernels_select(names[k], &err) != BF_OK) continue;
      node m = chains_make(pool);
      if (held == 2) {
        bf_exec_destroy(m.exec);
        m.exec = net_exec(m.graph, 3, true, pool);
      }
      if (held == 1) assert_int_equal(bf_exec_hold_weights(m.exec, &err), BF_OK);
      net_fill(bf_exec_value(m.exec, m.x), 3 * 13 * 11 * 3, 5, 1);
      bf_exec_forward(m.exec, 3, 0);
      if (wanted == NULL) {
        wanted = net_floats(count);
        memcpy(wanted, bf_exec_value(m.exec, m.y), (size_t)count * sizeof(float));
      }
      double distance = net_distance(bf_exec_value(m.exec, m.y), wanted, count);
      if (!(distance <= 1e-4)) fail_msg("%s, %d: off by %g", names[k], held, distance);
      node_free(&m);
    }
  bf_free(wanted);
  bf_pool_destroy(pool);
  net_kernels("auto");
}

/* Weights that changed between two passes are seen unless they were said to hold. */
static void test_weights_are_seen(void **unused) {
  (void)unused;
  node m = chains_make(NULL);
  bf_error err = {0};
  net_fill(bf_exec_value(m.exec, m.x), 3 * 13 * 11 * 3, 5, 1);
  bf_exec_forward(m.exec, 1, 0);
  float before = bf_exec_value(m.exec, m.y)[0] + bf_exec_value(m.exec, m.y)[1] + bf_exec_value(m.exec, m.y)[2];
  net_fill_params(m.graph, 8);
  bf_exec_forward(m.exec, 1, 0);
  float after = bf_exec_value(m.exec, m.y)[0] + bf_exec_value(m.exec, m.y)[1] + bf_exec_value(m.exec, m.y)[2];
  assert_true(before != after);
  bf_exec *training = net_exec(m.graph, 1, true, NULL);
  assert_int_equal(bf_exec_hold_weights(training, &err), BF_E_INTERNAL);
  bf_exec_destroy(training);
  node_free(&m);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(scratch_is_enough_for_fewer),
                                     cmocka_unit_test(test_winograd),
                                     cmocka_unit_test(test_nodes),
                                     cmocka_unit_test(test_threads_change_no_bit),
                                     cmocka_unit_test(test_chains),
                                     cmocka_unit_test(test_weights_are_seen)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
