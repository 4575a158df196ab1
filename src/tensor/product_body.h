/* The fast product, included by kernels_body.h. A tile of C stays in registers while the sum runs. */

/* ---- packing ---- */

/* B [k][n] becomes panels of `panel` columns, each [k][panel], the last filled up with zeros. */
static void pack(float *dst, const float *b, int64_t ldb, bool transposed, int64_t k, int64_t n, int64_t dst_rows) {
  for (int64_t j = 0; j < n; j += panel, dst += dst_rows * panel) {
    int64_t width = n - j < panel ? n - j : panel;
    if (!transposed) {
      for (int64_t p = 0; p < k; p++) {
        const float *row = b + p * ldb + j;
        float *to = dst + p * panel;
        if (width == panel) {
          put(to, get(row));
          put(to + lane_count, get(row + lane_count));
          continue;
        }
        for (int64_t i = 0; i < panel; i++) to[i] = i < width ? row[i] : 0;
      }
      continue;
    }
    for (int64_t p0 = 0; p0 < k; p0 += 16) { /* by blocks, so that lines are read and written whole */
      int64_t last = p0 + 16 < k ? p0 + 16 : k;
      for (int64_t i = 0; i < panel; i++)
        for (int64_t p = p0; p < last; p++) dst[p * panel + i] = i < width ? b[(j + i) * ldb + p] : 0;
    }
  }
}

/* ---- the tile ---- */

/* Where a tile goes: whole vectors of C, and what is done to them on the way (columns and rows of the tile alone). */
typedef struct target {
  float *c;
  int64_t c_row;
  bool add;
  const bf_finish *finish; /* NULL: none */
  bool goes_on;            /* the sums begin with what stands in C */
  const float *ahead;      /* of B, fetched while this tile runs: ahead_step floats with each row of B */
  int64_t ahead_step;
  int64_t outer, inner; /* of the sum */
} target;

always void deliver_tile(int rows, int vectors, lane sum[tile_rows][2], const target *to) {
  const bf_finish *f = to->finish;
  float *c = to->c;
  int64_t c_row = to->c_row;
  if (f == NULL && !to->add) {
#pragma GCC unroll 16
    for (int i = 0; i < rows; i++)
#pragma GCC unroll 2
      for (int v = 0; v < vectors; v++) put(c + i * c_row + v * lane_count, sum[i][v]);
    return;
  }
  if (f == NULL) {
#pragma GCC unroll 16
    for (int i = 0; i < rows; i++)
#pragma GCC unroll 2
      for (int v = 0; v < vectors; v++)
        put(c + i * c_row + v * lane_count, get(c + i * c_row + v * lane_count) + sum[i][v]);
    return;
  }
#pragma GCC unroll 2
  for (int v = 0; v < vectors; v++) {
    int64_t at = v * lane_count;
    ending e = ending_of(f, at, lane_count);
    if (f->other != NULL) {
#pragma GCC unroll 16
      for (int i = 0; i < rows; i++) put(c + i * c_row + at, ended_with(sum[i][v], get(f->other + i * c_row + at), &e));
    } else {
#pragma GCC unroll 16
      for (int i = 0; i < rows; i++) put(c + i * c_row + at, ended(sum[i][v], &e));
    }
  }
}

always void tile_begin(int rows, int vectors, lane sum[tile_rows][2], const target *to) {
#pragma GCC unroll 16
  for (int i = 0; i < rows; i++) sum[i][0] = sum[i][1] = (lane){0};
  if (to->goes_on) {
#pragma GCC unroll 16
    for (int i = 0; i < rows; i++)
#pragma GCC unroll 2
      for (int v = 0; v < vectors; v++) sum[i][v] = get(to->c + i * to->c_row + v * lane_count);
  }
  if (to->finish != NULL && to->finish->other != NULL)
    for (int i = 0; i < rows; i++) {
      __builtin_prefetch(to->finish->other + i * to->c_row);
      if (vectors > 1) __builtin_prefetch(to->finish->other + i * to->c_row + lane_count);
    }
}

always void tile_step(int rows, int vectors, lane sum[tile_rows][2], const float *x, int64_t a_row, const float *b) {
  lane b0 = get(b), b1 = vectors > 1 ? get(b + lane_count) : b0;
#pragma GCC unroll 16
  for (int i = 0; i < rows; i++) {
    lane v = x[i * a_row] - (lane){0};
    sum[i][0] += v * b0;
    if (vectors > 1) sum[i][1] += v * b1;
  }
}

/* A's values of one row of B lie apart. The next tile's are fetched meanwhile, row by row: the same columns of many
 * rows at once would often meet in one set of the cache. */
always void tile(int rows, int vectors, const bf_product *q, const float *a, const float *b, const target *to) {
  lane sum[tile_rows][2];
  tile_begin(rows, vectors, sum, to);
  int64_t a_row = q->a_row, inner = to->inner, ahead_step = to->ahead_step;
  const float *ahead = to->ahead;
  bool dense = to->outer == 1 && a_row == inner;
  const float *far = dense ? a + rows * a_row : a;
  int64_t far_step = dense ? rows : 0;
  for (int64_t o = 0; o < to->outer; o++, a += q->a_outer) {
    const float *x = a;
    for (int64_t p = 0; p < inner; p++, x++, b += panel, ahead += ahead_step, far += far_step) {
      __builtin_prefetch(ahead, 0, 2);
      if (lane_count == 16) __builtin_prefetch(ahead + ahead_step / 2, 0, 2);
      __builtin_prefetch(far, 0, 3);
      tile_step(rows, vectors, sum, x, a_row, b);
    }
  }
  deliver_tile(rows, vectors, sum, to);
}

/* A's values of one row of B are neighbours; the rows lie apart, and are fetched some ahead. */
always void tile_along(int rows, int vectors, const bf_product *q, const float *a, const float *b, const target *to) {
  enum { far_rows = 24 };
  lane sum[tile_rows][2];
  tile_begin(rows, vectors, sum, to);
  int64_t a_inner = q->a_inner, ahead_step = to->ahead_step;
  const float *ahead = to->ahead;
  for (int64_t o = 0; o < to->outer; o++, a += q->a_outer) {
    const float *x = a;
    for (int64_t p = 0; p < to->inner; p++, x += a_inner, b += panel, ahead += ahead_step) {
      __builtin_prefetch(ahead, 0, 2);
      if (lane_count == 16) __builtin_prefetch(ahead + ahead_step / 2, 0, 2);
      __builtin_prefetch(x + far_rows * a_inner, 0, 2);
      __builtin_prefetch(x + far_rows * a_inner + rows - 1, 0, 2);
      tile_step(rows, vectors, sum, x, 1, b);
    }
  }
  deliver_tile(rows, vectors, sum, to);
}

typedef void (*tile_function)(const bf_product *q, const float *a, const float *b, const target *to);

#define TILE(rows, vectors)                                                                                     \
  static void tile_##rows##_##vectors(const bf_product *q, const float *a, const float *b, const target *to) {  \
    tile(rows, vectors, q, a, b, to);                                                                           \
  }                                                                                                             \
  static void along_##rows##_##vectors(const bf_product *q, const float *a, const float *b, const target *to) { \
    tile_along(rows, vectors, q, a, b, to);                                                                     \
  }
#define TILES(rows) TILE(rows, 1) TILE(rows, 2)
#define TILE_ROW(rows)                                                         \
  {                                                                            \
    {tile_##rows##_1, tile_##rows##_2}, { along_##rows##_1, along_##rows##_2 } \
  }

TILES(1)
TILES(2)
TILES(3)
TILES(4)
TILES(5)
TILES(6)
#if defined(__AVX512F__)
TILES(7)
TILES(8)
TILES(9)
TILES(10)
TILES(11)
TILES(12) TILES(13) TILES(14)
#endif

    static const tile_function tiles[tile_rows][2][2] = {
        TILE_ROW(1), TILE_ROW(2), TILE_ROW(3), TILE_ROW(4),  TILE_ROW(5),  TILE_ROW(6),
#if defined(__AVX512F__)
        TILE_ROW(7), TILE_ROW(8), TILE_ROW(9), TILE_ROW(10), TILE_ROW(11), TILE_ROW(12), TILE_ROW(13), TILE_ROW(14),
#endif
};

static void finish_line(float *c, const float *sums, int64_t width, const bf_finish *f, int64_t j, const float *other) {
  for (int64_t k = 0; k < width; k += lane_count) {
    int count = width - k < lane_count ? (int)(width - k) : lane_count;
    ending e = ending_of(f, j + k, count);
    lane s = get_some(sums + k, count);
    put_some(c + k, other != NULL ? ended_with(s, get_some(other + k, count), &e) : ended(s, &e), count);
  }
}

static void finish_rows(float *y, const float *x, int64_t rows, int64_t columns, const bf_finish *f) {
  for (int64_t i = 0; i < rows; i++)
    finish_line(y + i * columns, x + i * columns, columns, f, 0, f->other ? f->other + i * columns : NULL);
}

/* A tile that is wanted otherwise than whole and bare. */
static void deliver(const bf_product *q, const float *sums, int rows, int64_t i, int64_t j, int64_t width) {
  const bf_finish *f = q->finish;
  for (int r = 0; r < rows; r++, sums += panel) {
    float *c = q->c + (i + r) * q->c_row + j;
    if (f != NULL) {
      finish_line(c, sums, width, f, j, f->other != NULL ? f->other + (i + r) * q->c_row + j : NULL);
      continue;
    }
    for (int64_t k = 0; k < width; k += lane_count) {
      int count = width - k < lane_count ? (int)(width - k) : lane_count;
      lane s = get(sums + k);
      put_some(c + k, q->add ? get_some(c + k, count) + s : s, count);
    }
  }
}

/* Some rows of B, of all panels alike, and the columns of A that they meet. */
typedef struct depth_part {
  int64_t outer, inner; /* as a product's */
  int64_t a, b;         /* where they begin */
} depth_part;

typedef struct fetch {
  const float *from; /* NULL: nothing */
  int64_t floats;
} fetch;

enum { part_depth = 1280 };

static int depth_parts(const bf_product *q) {
  bool in_place = q->finish != NULL && q->finish->other == q->c; /* C may not hold the sums of a part */
  if (in_place || q->rows <= tile_rows || q->outer * q->inner <= part_depth) return 1;
  if (q->outer == 1) return (int)((q->inner + part_depth - 1) / part_depth);
  int64_t together = q->inner < part_depth ? part_depth / q->inner : 1;
  return (int)((q->outer + together - 1) / together);
}

static depth_part depth_part_of(const bf_product *q, int part, int parts) {
  bool inner = q->outer == 1;
  int64_t all = inner ? q->inner : q->outer, first = all * part / parts, last = all * (part + 1) / parts;
  if (inner) return (depth_part){1, last - first, first * q->a_inner, first};
  return (depth_part){last - first, q->inner, first * q->a_outer, first * q->inner};
}

/* One panel of C from one part of the depth. What comes next of B is fetched meanwhile, evenly: memory has the time of
 * all the tiles for it. */
static void product_part(const bf_product *q, const depth_part *d, int64_t j, bool first, bool last, fetch next) {
  int64_t steps = (q->rows + tile_rows - 1) / tile_rows, turns = steps * d->outer * d->inner;
  int64_t ahead_step = turns > 0 ? (next.floats + turns - 1) / turns : 0;
  int64_t width = q->columns - j < panel ? q->columns - j : panel;
  int two = width > lane_count;
  bool along = q->a_inner != 1, whole = width == (two ? panel : lane_count);
  float sums[tile_rows * panel] __attribute__((aligned(64)));
  const float *b = q->b + j * q->outer * q->inner + d->b * panel;
  for (int64_t s = 0; s < steps; s++) { /* rows are cut evenly */
    int64_t i = q->rows * s / steps;
    int rows = (int)(q->rows * (s + 1) / steps - i);
    target to = {.c = sums, .c_row = panel, .ahead = b, .outer = d->outer, .inner = d->inner};
    if (next.from != NULL) to.ahead = next.from + next.floats * s / steps, to.ahead_step = ahead_step;
    bf_finish finish;
    if (whole) {
      to.c = q->c + i * q->c_row + j, to.c_row = q->c_row, to.add = q->add && first, to.goes_on = !first;
      if (q->finish != NULL && last) {
        finish = bf_finish_at(q->finish, j, i * q->c_row + j);
        to.finish = &finish;
      }
    }
    tiles[rows - 1][along][two](q, q->a + d->a + i * q->a_row, b, &to);
    if (!whole) deliver(q, sums, rows, i, j, width);
  }
}

static void product(const bf_product *q) {
  if (q->rows == 0) return;
  int parts = depth_parts(q);
  for (int64_t j = 0; j < q->columns; j += panel) {
    bool whole = q->columns - j >= panel || q->columns - j == lane_count;
    int64_t depth = q->outer * q->inner;
    const float *b = q->b + j * depth;
    fetch after = {q->next, q->next_floats};
    if (j + panel < q->columns) after = (fetch){b + depth * panel, depth / parts * panel};
    if (!whole || q->add) {
      depth_part all = {q->outer, q->inner, 0, 0};
      product_part(q, &all, j, true, true, after);
      continue;
    }
    for (int k = 0; k < parts; k++) {
      depth_part d = depth_part_of(q, k, parts);
      bool last = k == parts - 1;
      int64_t here = d.outer * d.inner * panel;
      product_part(q, &d, j, k == 0, last, last ? after : (fetch){b + d.b * panel + here, here});
    }
  }
}

/* ---- fully connected layers: weights are read once, line by line ---- */

/* Few images: memory sets the pace, and one line after the other is what it likes best. */
static void linear_few(float *y, const float *x, int64_t x_row, const float *w, int64_t n, int64_t inputs,
                       int64_t outputs) {
  enum { far = 4096 };
  for (int64_t k = 0; k < inputs; k++, w += outputs)
    for (int64_t j = 0; j < outputs; j += lane_count) {
      int count = outputs - j < lane_count ? (int)(outputs - j) : lane_count;
      __builtin_prefetch(w + j + far, 0, 3);
      lane a = get_some(w + j, count);
      for (int64_t i = 0; i < n; i++) {
        float *to = y + i * outputs + j;
        put_some(to, get_some(to, count) + x[i * x_row + k] * a, count);
      }
    }
}

/* The sums of both ways have the same bits. */
static void linear(float *y, const float *x, int64_t x_row, const float *w, int64_t n, int64_t inputs,
                   int64_t outputs) {
  if (n <= 4) {
    linear_few(y, x, x_row, w, n, inputs, outputs);
    return;
  }
  for (int64_t k = 0; k < inputs; k += 4, w += 4 * outputs) {
    int more = inputs - k < 4 ? (int)(inputs - k) : 4;
    const float *w1 = more > 1 ? w + outputs : w, *w2 = more > 2 ? w + 2 * outputs : w,
                *w3 = more > 3 ? w + 3 * outputs : w;
    for (int64_t j = 0; j < outputs; j += lane_count) {
      int count = outputs - j < lane_count ? (int)(outputs - j) : lane_count;
      lane a = get_some(w + j, count), b = get_some(w1 + j, count), c = get_some(w2 + j, count),
           d = get_some(w3 + j, count);
      for (int64_t i = 0; i < n; i++) {
        const float *v = x + i * x_row + k;
        lane s = get_some(y + i * outputs + j, count) + v[0] * a;
        if (more > 1) s += v[1] * b;
        if (more > 2) s += v[2] * c;
        if (more > 3) s += v[3] * d;
        put_some(y + i * outputs + j, s, count);
      }
    }
  }
}

static void linear_data(float *dx, int64_t dx_row, const float *dy, const float *w, int64_t n, int64_t inputs,
                        int64_t outputs, bool add) {
  enum { at_once = 4 };
  for (int64_t k = 0; k < inputs; k++, w += outputs)
    for (int64_t i0 = 0; i0 < n; i0 += at_once) {
      int images = n - i0 < at_once ? (int)(n - i0) : at_once;
      lane sum[at_once] = {{0}};
      for (int64_t j = 0; j < outputs; j += lane_count) {
        int count = outputs - j < lane_count ? (int)(outputs - j) : lane_count;
        lane v = get_some(w + j, count);
        for (int i = 0; i < images; i++) sum[i] += v * get_some(dy + (i0 + i) * outputs + j, count);
      }
      for (int i = 0; i < images; i++) {
        float all = 0;
        for (int l = 0; l < lane_count; l++) all += sum[i][l];
        float *d = dx + (i0 + i) * dx_row + k;
        *d = add ? *d + all : all;
      }
    }
}

static void linear_weight(float *dw, const float *x, int64_t x_row, const float *dy, int64_t n, int64_t inputs,
                          int64_t outputs) {
  for (int64_t k = 0; k < inputs; k += 4, dw += 4 * outputs) {
    int more = inputs - k < 4 ? (int)(inputs - k) : 4;
    for (int64_t j = 0; j < outputs; j += lane_count) {
      int count = outputs - j < lane_count ? (int)(outputs - j) : lane_count;
      lane sum[4] = {{0}};
      for (int64_t i = 0; i < n; i++) {
        lane v = get_some(dy + i * outputs + j, count);
        for (int q = 0; q < more; q++) sum[q] += x[i * x_row + k + q] * v;
      }
      for (int q = 0; q < more; q++) put_some(dw + q * outputs + j, sum[q], count);
    }
  }
}
