/* The transforms of Winograd's F(4x4,3x3), included by kernels_body.h; winograd.h has the points. */
#include "tensor/winograd.h"

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
  const bf_finish *finish; /* NULL: none */
  const float *other;      /* NULL: none */
  int64_t row;             /* floats between rows; pixels are c apart */
  int c, high, wide;
  bool add;
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
  ending e = ending_of(o->finish, c0, count);
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
      sum = o->other != NULL ? ended_with(sum, get_some(o->other + at, count), &e) : ended(sum, &e);
      put_some(o->y + at, sum, count);
    }
  }
}

static void winograd_output(float *y, const float *m, int64_t plane, int h, int w, int c, int top, int left, bool add,
                            const bf_finish *f) {
  int64_t at = ((int64_t)top * w + left) * c;
  spot o = {.y = y + at,
            .finish = f,
            .other = f != NULL && f->other != NULL ? f->other + at : NULL,
            .row = (int64_t)w * c,
            .c = c,
            .high = h - top < 4 ? h - top : 4,
            .wide = w - left < 4 ? w - left : 4,
            .add = add};
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
