/* The product, its finish and Winograd's transforms: every table that this processor has against sums in double
 * precision and the plain table, at odd sizes; and the same bits however the work is cut. */
#include "net_support.h"
#include "tensor/kernels.h"

static const bf_kernels *tables[4];
static int table_count;

static int set_up(void **unused) {
  (void)unused;
  const bf_kernels *all[] = {bf_kernels_plain(), bf_kernels_baseline(), bf_kernels_avx2(), bf_kernels_avx512()};
  for (int i = 0; i < 4; i++)
    if (all[i] != NULL) tables[table_count++] = all[i];
  return 0;
}

typedef struct sizes {
  int rows, columns, outer, inner;
} sizes;

static const sizes shapes[] = {{1, 1, 1, 1},      {7, 13, 1, 5},    {13, 7, 3, 11},   {14, 32, 1, 64}, {15, 33, 2, 7},
                               {29, 17, 9, 3},    {127, 16, 1, 13}, {3, 127, 1, 127}, {28, 64, 3, 21}, {6, 8, 2, 16},
                               {31, 48, 1, 2600}, {17, 65, 3, 700}, {15, 32, 2, 1300}};
enum { shape_count = sizeof shapes / sizeof shapes[0] };

/* One product with its operands: `along` reads A along rows, as the weights' gradient does. */
typedef struct sample {
  sizes s;
  bool along;
  bf_product q;
  float *a, *b, *packed, *c, *was, *scale, *shift, *other;
  int64_t c_size;
} sample;

static sample sample_make(const bf_kernels *t, sizes s, bool along) {
  sample m = {.s = s, .along = along};
  int64_t depth = (int64_t)s.outer * s.inner, a_row = along ? 1 : s.inner + 3, a_inner = along ? s.rows + 2 : 1;
  int64_t a_outer = along ? s.inner * a_inner + 1 : (int64_t)s.rows * a_row + 5, c_row = s.columns + 3;
  int64_t a_size = s.outer * a_outer + s.rows * a_row + s.inner * a_inner;
  m.c_size = s.rows * c_row;
  m.a = net_floats(a_size), m.b = net_floats(depth * s.columns), m.c = net_floats(m.c_size),
  m.was = net_floats(m.c_size);
  m.packed = net_floats(depth * (s.columns + t->panel));
  m.scale = net_floats(s.columns), m.shift = net_floats(s.columns), m.other = net_floats(m.c_size);
  net_fill(m.a, a_size, 1, 1), net_fill(m.b, depth * s.columns, 2, 1), net_fill(m.was, m.c_size, 3, 1);
  net_fill(m.scale, s.columns, 4, 1), net_fill(m.shift, s.columns, 5, 1), net_fill(m.other, m.c_size, 6, 1);
  memcpy(m.c, m.was, (size_t)m.c_size * sizeof(float));
  t->pack(m.packed, m.b, s.columns, false, depth, s.columns, depth);
  m.q = (bf_product){.rows = s.rows,
                     .columns = s.columns,
                     .outer = s.outer,
                     .inner = s.inner,
                     .a = m.a,
                     .a_row = a_row,
                     .a_outer = a_outer,
                     .a_inner = a_inner,
                     .b = m.packed,
                     .c = m.c,
                     .c_row = c_row};
  return m;
}

static void sample_free(sample *m) {
  bf_free(m->a), bf_free(m->b), bf_free(m->packed), bf_free(m->c), bf_free(m->was);
  bf_free(m->scale), bf_free(m->shift), bf_free(m->other);
}

static double expected(const sample *m, int i, int j, double *size) {
  double sum = 0;
  *size = 1;
  for (int o = 0; o < m->s.outer; o++)
    for (int p = 0; p < m->s.inner; p++) {
      double x = (double)m->a[i * m->q.a_row + o * m->q.a_outer + p * m->q.a_inner] *
                 m->b[((int64_t)o * m->s.inner + p) * m->s.columns + j];
      sum += x;
      *size += fabs(x);
    }
  const bf_finish *f = m->q.finish;
  int64_t at = i * m->q.c_row + j;
  if (m->q.add) sum += m->was[at];
  if (f == NULL) return sum;
  if (f->scale != NULL) sum *= f->scale[j];
  if (f->shift != NULL) sum += f->shift[j];
  if (f->other != NULL) sum += f->other[at];
  if (f->clamp) sum = fmin(fmax(sum, 0), f->top);
  return sum;
}

static void check(const bf_kernels *t, sample *m) {
  t->product(&m->q);
  for (int i = 0; i < m->s.rows; i++)
    for (int j = 0; j < m->q.c_row; j++) {
      float found = m->c[i * m->q.c_row + j];
      double size = 0, wanted = j < m->s.columns ? expected(m, i, j, &size) : m->was[i * m->q.c_row + j];
      if (!(fabs(found - wanted) <= 1e-6 * size))
        fail_msg("%s, %d x %d, %d x %d, along %d, [%d][%d]: %g, expected %g", t->name, m->s.rows, m->s.columns,
                 m->s.outer, m->s.inner, m->along, i, j, found, wanted);
    }
}

static void test_product(void **unused) {
  (void)unused;
  for (int t = 0; t < table_count; t++)
    for (int s = 0; s < shape_count; s++)
      for (int way = 0; way < 4; way++) {
        sample m = sample_make(tables[t], shapes[s], way & 1);
        m.q.add = way & 2;
        check(tables[t], &m);
        sample_free(&m);
      }
}

static void test_finish(void **unused) {
  (void)unused;
  for (int t = 0; t < table_count; t++)
    for (int s = 0; s < shape_count; s++)
      for (int way = 0; way < 12; way++) {
        sample m = sample_make(tables[t], shapes[s], false);
        bf_finish finish = {.shift = m.shift, .clamp = way & 1, .top = way & 1 ? 1.5f : 0};
        if (way & 2) finish.other = m.other;
        if (way >= 4) finish.scale = m.scale;
        if (way >= 8) memcpy(m.c, m.other, (size_t)m.c_size * sizeof(float)), finish.other = m.c;
        m.q.finish = &finish;
        if (way < 8) {
          check(tables[t], &m);
        } else { /* the summand stands where the result goes */
          tables[t]->product(&m.q);
          finish.other = m.other;
          for (int i = 0; i < m.s.rows; i++)
            for (int j = 0; j < m.s.columns; j++) {
              double size, wanted = expected(&m, i, j, &size);
              assert_true(fabs(m.c[i * m.q.c_row + j] - wanted) <= 1e-6 * size);
            }
        }
        sample_free(&m);
      }
}

/* A picture's numbers must not hang on what stands beside it in a batch, nor on the threads. */
static void test_cuts_change_no_bit(void **unused) {
  (void)unused;
  for (int t = 0; t < table_count; t++)
    for (int along = 0; along < 2; along++) {
      sample whole = sample_make(tables[t], (sizes){61, 75, 3, 37}, along),
             part = sample_make(tables[t], whole.s, along);
      tables[t]->product(&whole.q);
      int64_t panel = tables[t]->panel;
      for (int row = 0; row < 61; row += 5)
        for (int64_t j = 0; j < 75; j += panel) {
          bf_product q = part.q;
          q.rows = 61 - row < 5 ? 61 - row : 5;
          q.columns = 75 - j < panel ? 75 - j : panel;
          q.a += row * q.a_row, q.b += j * 111, q.c += row * q.c_row + j;
          tables[t]->product(&q);
        }
      assert_memory_equal(whole.c, part.c, (size_t)whole.c_size * sizeof(float));
      sample_free(&whole), sample_free(&part);
    }
}

static void test_pack_turns(void **unused) {
  (void)unused;
  enum { k = 19, n = 37 };
  for (int t = 0; t < table_count; t++) {
    int64_t size = (int64_t)k * (n + tables[t]->panel);
    float *b = net_floats(k * n), *turned = net_floats(k * n), *one = net_floats(size), *two = net_floats(size);
    net_fill(b, k * n, 1, 1);
    for (int i = 0; i < k * n; i++) turned[i % n * k + i / n] = b[i];
    tables[t]->pack(one, b, n, false, k, n, k);
    tables[t]->pack(two, turned, k, true, k, n, k);
    assert_memory_equal(one, two, (size_t)size * sizeof(float));
    bf_free(b), bf_free(turned), bf_free(one), bf_free(two);
  }
}

/* ---- fully connected ---- */

static void check_linear(const bf_kernels *t, int n, int in, int out) {
  const bf_kernels *plain = bf_kernels_plain();
  int64_t x_row = in + 2, big = (int64_t)in * out;
  float *x = net_floats(n * x_row), *w = net_floats(big), *dy = net_floats(n * out);
  float *found[3] = {net_floats(n * out), net_floats(n * x_row), net_floats(big)},
        *wanted[3] = {net_floats(n * out), net_floats(n * x_row), net_floats(big)};
  int64_t counts[3] = {n * out, n * x_row, big};
  net_fill(x, n * x_row, 1, 1), net_fill(w, big, 2, 1), net_fill(dy, n * out, 3, 1);
  for (int add = 0; add < 2; add++) {
    for (int k = 0; k < 3; k++) {
      net_fill(found[k], counts[k], 4, 1);
      memcpy(wanted[k], found[k], (size_t)counts[k] * sizeof(float));
    }
    t->linear(found[0], x, x_row, w, n, in, out), plain->linear(wanted[0], x, x_row, w, n, in, out);
    t->linear_data(found[1], x_row, dy, w, n, in, out, add),
        plain->linear_data(wanted[1], x_row, dy, w, n, in, out, add);
    t->linear_weight(found[2], x, x_row, dy, n, in, out), plain->linear_weight(wanted[2], x, x_row, dy, n, in, out);
    for (int k = 0; k < 3; k++) {
      double distance = net_distance(found[k], wanted[k], counts[k]);
      if (!(distance <= 1e-5)) fail_msg("%s, linear %d of %d x %d x %d: off by %g", t->name, k, n, in, out, distance);
    }
  }
  bf_free(x), bf_free(w), bf_free(dy);
  for (int k = 0; k < 3; k++) bf_free(found[k]), bf_free(wanted[k]);
}

static void test_linear(void **unused) {
  (void)unused;
  static const int odd[] = {1, 7, 13, 127};
  for (int t = 0; t < table_count; t++)
    for (int n = 1; n <= 5; n += 2)
      for (int in = 0; in < 4; in++)
        for (int out = 0; out < 4; out++) check_linear(tables[t], n, odd[in], odd[out]);
}

/* ---- Winograd ---- */

enum { h = 9, w = 7, most_c = 127, most = 36 * most_c };
static const int channels[] = {1, 3, 7, 13, 16, 17, 33, 127};

static void near(const bf_kernels *t, const char *what, int c, const float *found, const float *wanted, int64_t count) {
  double distance = net_distance(found, wanted, count);
  if (!(distance <= 1e-4)) fail_msg("%s, %s, %d channels: off by %g", t->name, what, c, distance);
}

static void check_transforms(const bf_kernels *t, const bf_winograd_form *fast, const bf_winograd_form *plain, int c) {
  static float x[h * w * most_c], v[2][most], y[2][h * w * most_c], p[most_c], q[most_c];
  int64_t values = (int64_t)fast->points * c;
  net_fill(x, h * w * c, 1, 1), net_fill(p, c, 2, 1), net_fill(q, c, 3, 1);
  for (int top = -2; top < h; top += 3)
    for (int left = -2; left < w; left += 3) {
      fast->input(v[0], c, x, h, w, c, top, left);
      plain->input(v[1], c, x, h, w, c, top, left);
      near(t, "input", c, v[0], v[1], values);
      if (top < 0 || left < 0) continue;
      for (int way = 0; way < 3; way++) {
        bf_finish finish = {p, q, x, way == 1, 0.5f};
        net_fill(y[0], h * w * c, 4, 1), net_fill(y[1], h * w * c, 4, 1);
        fast->output(y[0], v[1], c, h, w, c, top, left, way == 2, way < 2 ? &finish : NULL);
        plain->output(y[1], v[1], c, h, w, c, top, left, way == 2, way < 2 ? &finish : NULL);
        near(t, "output", c, y[0], y[1], h * w * c);
      }
      memset(v, 0, sizeof v);
      fast->gradient(v[0], c, t->panel, x, h, w, c, top, left);
      plain->gradient(v[1], c, 1, x, h, w, c, top, left);
      near(t, "gradient", c, v[0], v[1], values);
    }
  fast->weights(v[0], c, x, c, c);
  plain->weights(v[1], c, x, c, c);
  near(t, "weights", c, v[0], v[1], values);
  fast->weights_gradient(y[0], c, v[1], c, c);
  plain->weights_gradient(y[1], c, v[1], c, c);
  near(t, "weights' gradient", c, y[0], y[1], 9 * c);
}

static void test_transforms(void **unused) {
  (void)unused;
  const bf_kernels *plain = bf_kernels_plain();
  for (int t = 0; t < table_count; t++)
    for (size_t c = 0; c < sizeof channels / sizeof channels[0]; c++) {
      check_transforms(tables[t], &tables[t]->winograd2, &plain->winograd2, channels[c]);
      check_transforms(tables[t], &tables[t]->winograd4, &plain->winograd4, channels[c]);
    }
}

/* The transforms belong together: one tile and one filter give the correlation of both. */
static void check_tile(const bf_winograd_form *form) {
  float x[36], g[9], v[36], u[36], y[16] = {0};
  int tile = form->tile, side = tile + 2;
  assert_int_equal(form->points, side * side);
  net_fill(x, 36, 1, 1), net_fill(g, 9, 2, 1);
  form->input(v, 1, x, side, side, 1, 0, 0);
  form->weights(u, 1, g, 1, 1);
  for (int i = 0; i < form->points; i++) v[i] *= u[i];
  form->output(y, v, 1, tile, tile, 1, 0, 0, false, NULL);
  for (int i = 0; i < tile * tile; i++) {
    double sum = 0;
    for (int k = 0; k < 9; k++) sum += (double)x[(i / tile + k / 3) * side + i % tile + k % 3] * g[k];
    assert_true(fabs(sum - y[i]) < 1e-5);
  }
}

static void test_tile_is_a_correlation(void **unused) {
  (void)unused;
  check_tile(&bf_kernels_plain()->winograd2);
  check_tile(&bf_kernels_plain()->winograd4);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(test_product),
                                     cmocka_unit_test(test_finish),
                                     cmocka_unit_test(test_cuts_change_no_bit),
                                     cmocka_unit_test(test_pack_turns),
                                     cmocka_unit_test(test_linear),
                                     cmocka_unit_test(test_transforms),
                                     cmocka_unit_test(test_tile_is_a_correlation)};
  return cmocka_run_group_tests(tests, set_up, NULL);
}
