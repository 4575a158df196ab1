/* The transforms of Winograd's F(2x2,3x3) and F(4x4,3x3), included by kernels_body.h; winograd.h has the points. What
 * is written for a tile of t is compiled for both. */
#include "tensor/winograd.h"

enum { most_side = 6 };

/* B^T d. */
always void input_line(int t, lane *out, const lane *d) {
  if (t == 2) {
    out[0] = d[0] - d[2];
    out[1] = d[1] + d[2];
    out[2] = d[2] - d[1];
    out[3] = d[1] - d[3];
    return;
  }
  lane a = d[4] - WB2 * d[2], b = WA * (d[3] - WB2 * d[1]), c = d[4] - WA2 * d[2], e = WB * (d[3] - WA2 * d[1]);
  out[0] = WA2 * WB2 * d[0] - (WA2 + WB2) * d[2] + d[4];
  out[1] = a + b;
  out[2] = a - b;
  out[3] = c + e;
  out[4] = c - e;
  out[5] = WA2 * WB2 * d[1] - (WA2 + WB2) * d[3] + d[5];
}

/* A^T m. */
always void output_line(int t, lane *out, const lane *m) {
  if (t == 2) {
    out[0] = m[0] + m[1] + m[2];
    out[1] = m[1] - m[2] - m[3];
    return;
  }
  lane a = m[1] + m[2], b = m[1] - m[2], c = m[3] + m[4], d = m[3] - m[4];
  out[0] = m[0] + a + c;
  out[1] = WA * b + WB * d;
  out[2] = WA2 * a + WB2 * c;
  out[3] = WA * WA2 * b + WB * WB2 * d + m[5];
}

/* A y: its adjoint. */
always void gradient_line(int t, lane *out, const lane *y) {
  out[0] = y[0];
  if (t == 2) {
    out[1] = y[0] + y[1];
    out[2] = y[0] - y[1];
    out[3] = -y[1];
    return;
  }
  lane a = y[0] + WA2 * y[2], b = WA * y[1] + WA * WA2 * y[3], c = y[0] + WB2 * y[2], d = WB * y[1] + WB * WB2 * y[3];
  out[1] = a + b;
  out[2] = a - b;
  out[3] = c + d;
  out[4] = c - d;
  out[5] = y[3];
}

/* G g. */
always void weight_line(int t, lane *out, const lane *g) {
  if (t == 2) {
    lane a = 0.5f * (g[0] + g[2]), b = 0.5f * g[1];
    out[0] = g[0];
    out[1] = a + b;
    out[2] = a - b;
    out[3] = g[2];
    return;
  }
  lane a = WNA * g[0] + WNA * WA2 * g[2], b = WNA * WA * g[1], c = WNB * g[0] + WNB * WB2 * g[2], d = WNB * WB * g[1];
  out[0] = WN0 * g[0];
  out[1] = a + b;
  out[2] = a - b;
  out[3] = c + d;
  out[4] = c - d;
  out[5] = g[2];
}

/* G^T u: its adjoint. */
always void weight_gradient_line(int t, lane *out, const lane *u) {
  lane a = u[1] + u[2], b = u[1] - u[2];
  if (t == 2) {
    out[0] = u[0] + 0.5f * a;
    out[1] = 0.5f * b;
    out[2] = 0.5f * a + u[3];
    return;
  }
  lane c = u[3] + u[4], d = u[3] - u[4];
  out[0] = WN0 * u[0] + WNA * a + WNB * c;
  out[1] = WNA * WA * b + WNB * WB * d;
  out[2] = WNA * WA2 * a + WNB * WB2 * c + u[5];
}

/* ---- a transform from both sides: columns first, then rows ---- */

typedef enum transform { INPUT, GRADIENT, WEIGHT } transform;

always void transform_line(transform of, int t, lane *out, const lane *in) {
  if (of == INPUT)
    input_line(t, out, in);
  else if (of == GRADIENT)
    gradient_line(t, out, in);
  else
    weight_line(t, out, in);
}

always void transform_column(transform of, int t, lane half[most_side][most_side], int k, const lane *column) {
  lane out[most_side];
  transform_line(of, t, out, column);
#pragma GCC unroll 6
  for (int i = 0; i < t + 2; i++) half[i][k] = out[i];
}

/* The (t+2)^2 values, `plane` floats apart. */
always void transform_rows(transform of, int t, float *to, int64_t plane, lane half[most_side][most_side], int count) {
  int side = t + 2;
#pragma GCC unroll 6
  for (int i = 0; i < side; i++) {
    lane out[most_side];
    transform_line(of, t, out, half[i]);
#pragma GCC unroll 6
    for (int k = 0; k < side; k++) put_some(to + (i * side + k) * plane, out[k], count);
  }
}

/* Every transform is one block of channels: written once, compiled for whole vectors and for what is left. */
always void input_block(int t, float *v, int64_t plane, const float *x, int h, int w, int c, int top, int left,
                        int count, bool inside) {
  const float *p = x + ((int64_t)top * w + left) * c;
  lane half[most_side][most_side];
#pragma GCC unroll 6
  for (int k = 0; k < t + 2; k++) {
    lane column[most_side];
#pragma GCC unroll 6
    for (int i = 0; i < t + 2; i++) {
      bool here = inside || (top + i >= 0 && top + i < h && left + k >= 0 && left + k < w);
      column[i] = here ? get_some(p + ((int64_t)i * w + k) * c, count) : (lane){0};
    }
    transform_column(INPUT, t, half, k, column);
  }
  transform_rows(INPUT, t, v, plane, half, count);
}

always void input(int t, float *v, int64_t plane, const float *x, int h, int w, int c, int top, int left) {
  bool inside = top >= 0 && left >= 0 && top + t + 2 <= h && left + t + 2 <= w;
  int c0 = 0;
  for (; c0 + lane_count <= c; c0 += lane_count) {
    if (inside)
      input_block(t, v + c0, plane, x + c0, h, w, c, top, left, lane_count, true);
    else
      input_block(t, v + c0, plane, x + c0, h, w, c, top, left, lane_count, false);
  }
  if (c0 < c) input_block(t, v + c0, plane, x + c0, h, w, c, top, left, c - c0, inside);
}

/* Where an output tile goes: at most high x wide pixels. */
typedef struct spot {
  float *y;
  const bf_finish *finish; /* NULL: none */
  const float *other;      /* NULL: none */
  int64_t row;             /* floats between rows; pixels are c apart */
  int c, high, wide;
  bool add;
} spot;

always void output_block(int t, const spot *o, const float *m, int64_t plane, int c0, int count, int high, int wide) {
  int side = t + 2;
  lane half[4][most_side];
#pragma GCC unroll 6
  for (int k = 0; k < side; k++) {
    lane column[most_side], out[4];
#pragma GCC unroll 6
    for (int i = 0; i < side; i++) column[i] = get_some(m + (i * side + k) * plane + c0, count);
    output_line(t, out, column);
#pragma GCC unroll 4
    for (int i = 0; i < t; i++) half[i][k] = out[i];
  }
  ending e = ending_of(o->finish, c0, count);
#pragma GCC unroll 4
  for (int i = 0; i < t; i++) {
    if (i >= high) break;
    lane out[4];
    output_line(t, out, half[i]);
#pragma GCC unroll 4
    for (int k = 0; k < t; k++) {
      if (k >= wide) break;
      int64_t at = i * o->row + (int64_t)k * o->c + c0;
      lane sum = out[k];
      if (o->add) sum += get_some(o->y + at, count);
      sum = o->other != NULL ? ended_with(sum, get_some(o->other + at, count), &e) : ended(sum, &e);
      put_some(o->y + at, sum, count);
    }
  }
}

always void output(int t, float *y, const float *m, int64_t plane, int h, int w, int c, int top, int left, bool add,
                   const bf_finish *f) {
  int64_t at = ((int64_t)top * w + left) * c;
  spot o = {.y = y + at,
            .finish = f,
            .other = f != NULL && f->other != NULL ? f->other + at : NULL,
            .row = (int64_t)w * c,
            .c = c,
            .high = h - top < t ? h - top : t,
            .wide = w - left < t ? w - left : t,
            .add = add};
  int c0 = 0;
  for (; c0 + lane_count <= c; c0 += lane_count) {
    if (o.high == t && o.wide == t)
      output_block(t, &o, m, plane, c0, lane_count, t, t);
    else
      output_block(t, &o, m, plane, c0, lane_count, o.high, o.wide);
  }
  if (c0 < c) output_block(t, &o, m, plane, c0, c - c0, o.high, o.wide);
}

always void gradient_block(int t, float *v, int64_t plane, const float *dy, int64_t row, int c, int count, int high,
                           int wide) {
  lane half[most_side][most_side];
#pragma GCC unroll 4
  for (int k = 0; k < t; k++) {
    lane column[4];
#pragma GCC unroll 4
    for (int i = 0; i < t; i++)
      column[i] = i < high && k < wide ? get_some(dy + i * row + (int64_t)k * c, count) : (lane){0};
    transform_column(GRADIENT, t, half, k, column);
  }
  transform_rows(GRADIENT, t, v, plane, half, count);
}

always void gradient(int t, float *v, int64_t plane, int64_t panel_step, const float *dy, int h, int w, int c, int top,
                     int left) {
  int high = h - top < t ? h - top : t, wide = w - left < t ? w - left : t;
  int64_t row = (int64_t)w * c;
  dy += (int64_t)top * row + (int64_t)left * c;
  for (int c0 = 0; c0 < c; c0 += lane_count) {
    float *to = v + c0 / panel * panel_step + c0 % panel;
    int count = c - c0 < lane_count ? c - c0 : lane_count;
    if (count == lane_count && high == t && wide == t)
      gradient_block(t, to, plane, dy + c0, row, c, lane_count, t, t);
    else if (count == lane_count)
      gradient_block(t, to, plane, dy + c0, row, c, lane_count, high, wide);
    else
      gradient_block(t, to, plane, dy + c0, row, c, count, high, wide);
  }
}

always void weights_block(int t, float *u, int64_t u_plane, const float *g, int64_t g_plane, int count) {
  lane half[most_side][most_side];
#pragma GCC unroll 3
  for (int k = 0; k < 3; k++) {
    lane column[3] = {get_some(g + k * g_plane, count), get_some(g + (3 + k) * g_plane, count),
                      get_some(g + (6 + k) * g_plane, count)};
    transform_column(WEIGHT, t, half, k, column);
  }
  transform_rows(WEIGHT, t, u, u_plane, half, count);
}

always void weights(int t, float *u, int64_t u_plane, const float *g, int64_t g_plane, int64_t n) {
  int64_t at = 0;
  for (; at + lane_count <= n; at += lane_count) weights_block(t, u + at, u_plane, g + at, g_plane, lane_count);
  if (at < n) weights_block(t, u + at, u_plane, g + at, g_plane, (int)(n - at));
}

always void weights_gradient_block(int t, float *dg, int64_t g_plane, const float *du, int64_t u_plane, int count) {
  int side = t + 2;
  lane half[3][most_side];
#pragma GCC unroll 6
  for (int k = 0; k < side; k++) {
    lane column[most_side], out[3];
#pragma GCC unroll 6
    for (int i = 0; i < side; i++) column[i] = get_some(du + (i * side + k) * u_plane, count);
    weight_gradient_line(t, out, column);
#pragma GCC unroll 3
    for (int i = 0; i < 3; i++) half[i][k] = out[i];
  }
#pragma GCC unroll 3
  for (int i = 0; i < 3; i++) {
    lane out[3];
    weight_gradient_line(t, out, half[i]);
#pragma GCC unroll 3
    for (int k = 0; k < 3; k++) put_some(dg + (i * 3 + k) * g_plane, out[k], count);
  }
}

always void weights_gradient(int t, float *dg, int64_t g_plane, const float *du, int64_t u_plane, int64_t n) {
  int64_t at = 0;
  for (; at + lane_count <= n; at += lane_count)
    weights_gradient_block(t, dg + at, g_plane, du + at, u_plane, lane_count);
  if (at < n) weights_gradient_block(t, dg + at, g_plane, du + at, u_plane, (int)(n - at));
}

#define WINOGRAD(t)                                                                                                  \
  static void winograd##t##_input(float *v, int64_t plane, const float *x, int h, int w, int c, int top, int left) { \
    input(t, v, plane, x, h, w, c, top, left);                                                                       \
  }                                                                                                                  \
  static void winograd##t##_output(float *y, const float *m, int64_t plane, int h, int w, int c, int top, int left,  \
                                   bool add, const bf_finish *f) {                                                   \
    output(t, y, m, plane, h, w, c, top, left, add, f);                                                              \
  }                                                                                                                  \
  static void winograd##t##_gradient(float *v, int64_t plane, int64_t panel_step, const float *dy, int h, int w,     \
                                     int c, int top, int left) {                                                     \
    gradient(t, v, plane, panel_step, dy, h, w, c, top, left);                                                       \
  }                                                                                                                  \
  static void winograd##t##_weights(float *u, int64_t u_plane, const float *g, int64_t g_plane, int64_t n) {         \
    weights(t, u, u_plane, g, g_plane, n);                                                                           \
  }                                                                                                                  \
  static void winograd##t##_weights_gradient(float *dg, int64_t g_plane, const float *du, int64_t u_plane,           \
                                             int64_t n) {                                                            \
    weights_gradient(t, dg, g_plane, du, u_plane, n);                                                                \
  }
WINOGRAD(2)
WINOGRAD(4)
