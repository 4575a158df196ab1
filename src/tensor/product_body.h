/* The fast product and the transforms of Winograd's F(4x4,3x3), included by kernels_body.h. A tile of C stays in
 * registers while the sum runs; one vector is the widest that the instruction set has. */
#include "tensor/winograd.h"

#if defined(__AVX512F__)
enum { lane_count = 16, tile_rows = 14 };
#elif defined(__AVX__)
enum { lane_count = 8, tile_rows = 6 };
#else
enum { lane_count = 4, tile_rows = 6 };
#endif
enum { panel = 2 * lane_count };

typedef float lane __attribute__((vector_size(lane_count * 4)));
typedef float lane_unaligned __attribute__((vector_size(lane_count * 4), aligned(4), may_alias));
typedef int32_t lane_bits __attribute__((vector_size(lane_count * 4)));
#define get(p) ((lane) * (const lane_unaligned *)(p))
#define put(p, v) (*(lane_unaligned *)(p) = (v))
#define always static inline __attribute__((always_inline))

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

/* To [low, top]; NaN stays NaN. */
always lane between(lane s, lane low, lane top) {
  lane_bits under = s<low, over = s> top;
  return (lane)(((lane_bits)s & ~under & ~over) | ((lane_bits)low & under) | ((lane_bits)top & over));
}

/* Where a tile goes: whole vectors of C, and what is done to them on the way (columns and rows of the tile alone). */
typedef struct target {
  float *c;
  int64_t c_row;
  bool add;
  const bf_finish *finish; /* NULL: none */
  const float *ahead;      /* B's next panel, fetched while this tile runs; NULL: it is there */
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
  lane low = (f->clamp ? 0.0f : -__builtin_inff()) - (lane){0},
       top = (f->clamp ? f->top : __builtin_inff()) - (lane){0};
#pragma GCC unroll 2
  for (int v = 0; v < vectors; v++) {
    int64_t at = v * lane_count;
    lane scale = f->scale != NULL ? get(f->scale + at) : 1.0f - (lane){0};
    lane shift = f->shift != NULL ? get(f->shift + at) : (lane){0};
    if (f->other != NULL) {
#pragma GCC unroll 16
      for (int i = 0; i < rows; i++)
        put(c + i * c_row + at, between(sum[i][v] * scale + shift + get(f->other + i * c_row + at), low, top));
    } else {
#pragma GCC unroll 16
      for (int i = 0; i < rows; i++) put(c + i * c_row + at, between(sum[i][v] * scale + shift, low, top));
    }
  }
}

enum { far_columns = 24 };

always void tile(int rows, int vectors, bool along, const bf_product *q, const float *a, const float *b,
                 const target *to) {
  lane sum[tile_rows][2];
#pragma GCC unroll 16
  for (int i = 0; i < rows; i++) sum[i][0] = sum[i][1] = (lane){0};
  int64_t a_row = along ? 1 : q->a_row, a_inner = along ? q->a_inner : 1, inner = q->inner;
  if (to->finish != NULL && to->finish->other != NULL)
    for (int i = 0; i < rows; i++) {
      __builtin_prefetch(to->finish->other + i * to->c_row);
      if (vectors > 1) __builtin_prefetch(to->finish->other + i * to->c_row + lane_count);
    }
  const float *ahead = to->ahead != NULL ? to->ahead : b;
  int64_t ahead_step = to->ahead != NULL ? panel : 0;
  /* A comes from afar in strides that no prefetcher follows: the next tile's rows, or this one's next columns. */
  bool dense = !along && q->outer == 1 && a_row == inner;
  const float *far = along ? a + far_columns * a_inner : dense ? a + rows * a_row : a;
  int64_t far_step = along ? a_inner : dense ? rows : 0, far_outer = along ? q->a_outer - inner * a_inner : 0;
  for (int64_t o = 0; o < q->outer; o++, a += q->a_outer, far += far_outer) {
    const float *x = a;
    for (int64_t p = 0; p < inner; p++, x += a_inner, b += panel, ahead += ahead_step, far += far_step) {
      lane b0 = get(b), b1 = vectors > 1 ? get(b + lane_count) : b0;
      __builtin_prefetch(ahead, 0, 2);
      if (lane_count == 16) __builtin_prefetch(ahead + lane_count, 0, 2);
      __builtin_prefetch(far, 0, along ? 2 : 3);
      if (along) __builtin_prefetch(far + rows - 1, 0, 2);
#pragma GCC unroll 16
      for (int i = 0; i < rows; i++) {
        lane v = x[i * a_row] - (lane){0};
        sum[i][0] += v * b0;
        if (vectors > 1) sum[i][1] += v * b1;
      }
    }
  }
  deliver_tile(rows, vectors, sum, to);
}

typedef void (*tile_function)(const bf_product *q, const float *a, const float *b, const target *to);

#define TILE(rows, vectors)                                                                                     \
  static void tile_##rows##_##vectors(const bf_product *q, const float *a, const float *b, const target *to) {  \
    tile(rows, vectors, false, q, a, b, to);                                                                    \
  }                                                                                                             \
  static void along_##rows##_##vectors(const bf_product *q, const float *a, const float *b, const target *to) { \
    tile(rows, vectors, true, q, a, b, to);                                                                     \
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
TILES(8) TILES(9) TILES(10) TILES(11) TILES(12) TILES(13) TILES(14)
#endif

    static const tile_function tiles[tile_rows][2][2] = {
        TILE_ROW(1), TILE_ROW(2), TILE_ROW(3), TILE_ROW(4),  TILE_ROW(5),  TILE_ROW(6),
#if defined(__AVX512F__)
        TILE_ROW(7), TILE_ROW(8), TILE_ROW(9), TILE_ROW(10), TILE_ROW(11), TILE_ROW(12), TILE_ROW(13), TILE_ROW(14),
#endif
};

always lane finished(lane s, const bf_finish *f, const float *scale, const float *shift, const float *other) {
  if (scale != NULL)
    s = s * get(scale) + get(shift);
  else if (shift != NULL)
    s += get(shift);
  if (other != NULL) s += get(other);
  return f->clamp ? between(s, (lane){0}, f->top - (lane){0}) : s;
}

static float finished_one(float s, const bf_finish *f, int64_t j, const float *other) {
  if (f->scale != NULL)
    s = s * f->scale[j] + f->shift[j];
  else if (f->shift != NULL)
    s += f->shift[j];
  if (other != NULL) s += *other;
  if (f->clamp) {
    s = s < 0 ? 0 : s;
    s = s > f->top ? f->top : s;
  }
  return s;
}

static void finish_line(float *c, const float *sums, int64_t width, const bf_finish *f, int64_t j, const float *other) {
  int64_t k = 0;
  for (; k + lane_count <= width; k += lane_count)
    put(c + k, finished(get(sums + k), f, f->scale ? f->scale + j + k : NULL, f->shift ? f->shift + j + k : NULL,
                        other ? other + k : NULL));
  for (; k < width; k++) c[k] = finished_one(sums[k], f, j + k, other ? other + k : NULL);
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
    int64_t k = 0;
    if (f != NULL) {
      finish_line(c, sums, width, f, j, f->other != NULL ? f->other + (i + r) * q->c_row + j : NULL);
      continue;
    }
    for (; k + lane_count <= width; k += lane_count) put(c + k, q->add ? get(c + k) + get(sums + k) : get(sums + k));
    for (; k < width; k++) c[k] = q->add ? c[k] + sums[k] : sums[k];
  }
}

/* A panel larger than this would push out the one in use. */
enum { most_ahead = 40 * 1024 };

static void product(const bf_product *q) {
  if (q->rows == 0 || q->columns == 0) return;
  int64_t depth = q->outer * q->inner, steps = (q->rows + tile_rows - 1) / tile_rows;
  bool along = q->a_inner != 1;
  float sums[tile_rows * panel] __attribute__((aligned(64)));
  for (int64_t j = 0; j < q->columns; j += panel) {
    int64_t width = q->columns - j < panel ? q->columns - j : panel;
    int two = width > lane_count;
    bool whole = width == (two ? panel : lane_count);
    const float *b = q->b + j * depth;
    for (int64_t s = 0; s < steps; s++) { /* rows are cut evenly */
      int64_t i = q->rows * s / steps;
      int rows = (int)(q->rows * (s + 1) / steps - i);
      target to = {
          .c = sums, .c_row = panel, .ahead = s == 0 && depth * panel <= most_ahead ? b + depth * panel : NULL};
      bf_finish finish;
      if (whole) {
        to.c = q->c + i * q->c_row + j, to.c_row = q->c_row, to.add = q->add;
        if (q->finish != NULL) {
          finish = *q->finish;
          if (finish.scale != NULL) finish.scale += j;
          if (finish.shift != NULL) finish.shift += j;
          if (finish.other != NULL) finish.other += i * q->c_row + j;
          to.finish = &finish;
        }
      }
      tiles[rows - 1][along][two](q, q->a + i * q->a_row, b, &to);
      if (!whole) deliver(q, sums, rows, i, j, width);
    }
  }
}

/* ---- Winograd F(4x4,3x3): see winograd.h for the points ---- */

/* B^T d of six values. */
always void input6(lane out[6], lane d0, lane d1, lane d2, lane d3, lane d4, lane d5) {
  lane a = d4 - WB2 * d2, b = WA * (d3 - WB2 * d1), c = d4 - WA2 * d2, d = WB * (d3 - WA2 * d1);
  out[0] = WA2 * WB2 * d0 - (WA2 + WB2) * d2 + d4;
  out[1] = a + b;
  out[2] = a - b;
  out[3] = c + d;
  out[4] = c - d;
  out[5] = WA2 * WB2 * d1 - (WA2 + WB2) * d3 + d5;
}

/* A^T m. */
always void output4(lane out[4], const lane m[6]) {
  lane a = m[1] + m[2], b = m[1] - m[2], c = m[3] + m[4], d = m[3] - m[4];
  out[0] = m[0] + a + c;
  out[1] = WA * b + WB * d;
  out[2] = WA2 * a + WB2 * c;
  out[3] = WA * WA2 * b + WB * WB2 * d + m[5];
}

/* A y: the adjoint of output4. */
always void gradient6(lane out[6], const lane y[4]) {
  lane a = y[0] + WA2 * y[2], b = WA * y[1] + WA * WA2 * y[3], c = y[0] + WB2 * y[2], d = WB * y[1] + WB * WB2 * y[3];
  out[0] = y[0];
  out[1] = a + b;
  out[2] = a - b;
  out[3] = c + d;
  out[4] = c - d;
  out[5] = y[3];
}

/* G g. */
always void weight6(lane out[6], lane g0, lane g1, lane g2) {
  lane a = WNA * g0 + WNA * WA2 * g2, b = WNA * WA * g1, c = WNB * g0 + WNB * WB2 * g2, d = WNB * WB * g1;
  out[0] = WN0 * g0;
  out[1] = a + b;
  out[2] = a - b;
  out[3] = c + d;
  out[4] = c - d;
  out[5] = g2;
}

/* G^T u: its adjoint. */
always void weight3(lane out[3], const lane u[6]) {
  lane a = u[1] + u[2], b = u[1] - u[2], c = u[3] + u[4], d = u[3] - u[4];
  out[0] = WN0 * u[0] + WNA * a + WNB * c;
  out[1] = WNA * WA * b + WNB * WB * d;
  out[2] = WNA * WA2 * a + WNB * WB2 * c + u[5];
}

/* Up to lane_count channels. */
always lane get_some(const float *p, int count) {
  if (count == lane_count) return get(p);
  float some[lane_count] = {0};
  for (int i = 0; i < count; i++) some[i] = p[i];
  return get(some);
}

always void put_some(float *p, lane v, int count) {
  if (count == lane_count) {
    put(p, v);
    return;
  }
  float some[lane_count];
  put(some, v);
  for (int i = 0; i < count; i++) p[i] = some[i];
}

/* B^T d B of the 6x6 patch d, in place. */
always void input_patch(lane d[6][6]) {
#pragma GCC unroll 6
  for (int i = 0; i < 6; i++) {
    lane t[6];
    input6(t, d[0][i], d[1][i], d[2][i], d[3][i], d[4][i], d[5][i]);
#pragma GCC unroll 6
    for (int k = 0; k < 6; k++) d[k][i] = t[k];
  }
}

/* Every transform is one block of channels: written once, compiled for whole vectors and for what is left. */
always void input_block(float *v, int64_t plane, const float *x, int h, int w, int c, int top, int left, int count,
                        bool inside) {
  const float *p = x + ((int64_t)top * w + left) * c;
  lane d[6][6];
#pragma GCC unroll 6
  for (int i = 0; i < 6; i++)
#pragma GCC unroll 6
    for (int k = 0; k < 6; k++) {
      bool here = inside || (top + i >= 0 && top + i < h && left + k >= 0 && left + k < w);
      d[i][k] = here ? get_some(p + ((int64_t)i * w + k) * c, count) : (lane){0};
    }
  input_patch(d);
#pragma GCC unroll 6
  for (int i = 0; i < 6; i++) {
    lane t[6];
    input6(t, d[i][0], d[i][1], d[i][2], d[i][3], d[i][4], d[i][5]);
#pragma GCC unroll 6
    for (int k = 0; k < 6; k++) put_some(v + (i * 6 + k) * plane, t[k], count);
  }
}

static void winograd_input(float *v, int64_t plane, const float *x, int h, int w, int c, int top, int left) {
  bool inside = top >= 0 && left >= 0 && top + 6 <= h && left + 6 <= w;
  int c0 = 0;
  for (; c0 + lane_count <= c; c0 += lane_count) {
    if (inside)
      input_block(v + c0, plane, x + c0, h, w, c, top, left, lane_count, true);
    else
      input_block(v + c0, plane, x + c0, h, w, c, top, left, lane_count, false);
  }
  if (c0 < c) input_block(v + c0, plane, x + c0, h, w, c, top, left, c - c0, inside);
}

/* Where an output tile goes: at most high x wide pixels. */
typedef struct spot {
  float *y;
  const float *other, *scale, *shift; /* NULL: none */
  int64_t row;                        /* floats between rows; pixels are c apart */
  int c, high, wide;
  bool add;
  lane low, top;
} spot;

always void output_block(const spot *o, const float *m, int64_t plane, int c0, int count, int high, int wide) {
  lane t[4][6];
#pragma GCC unroll 6
  for (int k = 0; k < 6; k++) {
    lane column[6], out[4];
#pragma GCC unroll 6
    for (int i = 0; i < 6; i++) column[i] = get_some(m + (i * 6 + k) * plane + c0, count);
    output4(out, column);
#pragma GCC unroll 4
    for (int i = 0; i < 4; i++) t[i][k] = out[i];
  }
  lane scale = o->scale != NULL ? get_some(o->scale + c0, count) : 1.0f - (lane){0};
  lane shift = o->shift != NULL ? get_some(o->shift + c0, count) : (lane){0};
#pragma GCC unroll 4
  for (int i = 0; i < 4; i++) {
    if (i >= high) break;
    lane out[4];
    output4(out, t[i]);
#pragma GCC unroll 4
    for (int k = 0; k < 4; k++) {
      if (k >= wide) break;
      int64_t at = i * o->row + (int64_t)k * o->c + c0;
      lane sum = out[k];
      if (o->add) sum += get_some(o->y + at, count);
      sum = sum * scale + shift;
      if (o->other != NULL) sum += get_some(o->other + at, count);
      put_some(o->y + at, between(sum, o->low, o->top), count);
    }
  }
}

static void winograd_output(float *y, const float *m, int64_t plane, int h, int w, int c, int top, int left, bool add,
                            const bf_finish *f) {
  bf_finish none = {0};
  if (f == NULL) f = &none;
  int64_t at = ((int64_t)top * w + left) * c;
  spot o = {.y = y + at,
            .other = f->other != NULL ? f->other + at : NULL,
            .scale = f->scale,
            .shift = f->shift,
            .row = (int64_t)w * c,
            .c = c,
            .high = h - top < 4 ? h - top : 4,
            .wide = w - left < 4 ? w - left : 4,
            .add = add,
            .low = (f->clamp ? 0.0f : -__builtin_inff()) - (lane){0},
            .top = (f->clamp ? f->top : __builtin_inff()) - (lane){0}};
  int c0 = 0;
  for (; c0 + lane_count <= c; c0 += lane_count) {
    if (o.high == 4 && o.wide == 4)
      output_block(&o, m, plane, c0, lane_count, 4, 4);
    else
      output_block(&o, m, plane, c0, lane_count, o.high, o.wide);
  }
  if (c0 < c) output_block(&o, m, plane, c0, c - c0, o.high, o.wide);
}

always void gradient_block(float *v, int64_t plane, const float *dy, int64_t row, int c, int count, int high,
                           int wide) {
  lane t[6][4];
#pragma GCC unroll 4
  for (int k = 0; k < 4; k++) {
    lane column[4], out[6];
#pragma GCC unroll 4
    for (int i = 0; i < 4; i++)
      column[i] = i < high && k < wide ? get_some(dy + i * row + (int64_t)k * c, count) : (lane){0};
    gradient6(out, column);
#pragma GCC unroll 6
    for (int i = 0; i < 6; i++) t[i][k] = out[i];
  }
#pragma GCC unroll 6
  for (int i = 0; i < 6; i++) {
    lane out[6];
    gradient6(out, t[i]);
#pragma GCC unroll 6
    for (int k = 0; k < 6; k++) put_some(v + (i * 6 + k) * plane, out[k], count);
  }
}

static void winograd_gradient(float *v, int64_t plane, int64_t panel_step, const float *dy, int h, int w, int c,
                              int top, int left) {
  int high = h - top < 4 ? h - top : 4, wide = w - left < 4 ? w - left : 4;
  int64_t row = (int64_t)w * c;
  dy += (int64_t)top * row + (int64_t)left * c;
  for (int c0 = 0; c0 < c; c0 += lane_count) {
    float *to = v + c0 / panel * panel_step + c0 % panel;
    int count = c - c0 < lane_count ? c - c0 : lane_count;
    if (count == lane_count && high == 4 && wide == 4)
      gradient_block(to, plane, dy + c0, row, c, lane_count, 4, 4);
    else if (count == lane_count)
      gradient_block(to, plane, dy + c0, row, c, lane_count, high, wide);
    else
      gradient_block(to, plane, dy + c0, row, c, count, high, wide);
  }
}

always void weights_block(float *u, int64_t u_plane, const float *g, int64_t g_plane, int count) {
  lane t[6][3];
#pragma GCC unroll 3
  for (int k = 0; k < 3; k++) {
    lane out[6];
    weight6(out, get_some(g + k * g_plane, count), get_some(g + (3 + k) * g_plane, count),
            get_some(g + (6 + k) * g_plane, count));
#pragma GCC unroll 6
    for (int i = 0; i < 6; i++) t[i][k] = out[i];
  }
#pragma GCC unroll 6
  for (int i = 0; i < 6; i++) {
    lane out[6];
    weight6(out, t[i][0], t[i][1], t[i][2]);
#pragma GCC unroll 6
    for (int k = 0; k < 6; k++) put_some(u + (i * 6 + k) * u_plane, out[k], count);
  }
}

static void winograd_weights(float *u, int64_t u_plane, const float *g, int64_t g_plane, int64_t n) {
  int64_t at = 0;
  for (; at + lane_count <= n; at += lane_count) weights_block(u + at, u_plane, g + at, g_plane, lane_count);
  if (at < n) weights_block(u + at, u_plane, g + at, g_plane, (int)(n - at));
}

always void weights_gradient_block(float *dg, int64_t g_plane, const float *du, int64_t u_plane, int count) {
  lane t[3][6];
#pragma GCC unroll 6
  for (int k = 0; k < 6; k++) {
    lane column[6], out[3];
#pragma GCC unroll 6
    for (int i = 0; i < 6; i++) column[i] = get_some(du + (i * 6 + k) * u_plane, count);
    weight3(out, column);
#pragma GCC unroll 3
    for (int i = 0; i < 3; i++) t[i][k] = out[i];
  }
#pragma GCC unroll 3
  for (int i = 0; i < 3; i++) {
    lane out[3];
    weight3(out, t[i]);
#pragma GCC unroll 3
    for (int k = 0; k < 3; k++) put_some(dg + (i * 3 + k) * g_plane, out[k], count);
  }
}

static void winograd_weights_gradient(float *dg, int64_t g_plane, const float *du, int64_t u_plane, int64_t n) {
  int64_t at = 0;
  for (; at + lane_count <= n; at += lane_count) weights_gradient_block(dg + at, g_plane, du + at, u_plane, lane_count);
  if (at < n) weights_gradient_block(dg + at, g_plane, du + at, u_plane, (int)(n - at));
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
