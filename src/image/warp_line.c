/* Displacements along a line: the grid's rows are joined once, then each cell is one cubic in x. */
#include "image/warp_line.h"

#include <math.h>
#include <stdbool.h>

#include "image/spline.h"

#define INLINE static inline __attribute__((always_inline))

/* The grid's rows at one height joined into one line of control points. */
INLINE void join_rows(float *line, const float (*points)[BF_WARP_POINTS], const double w[4], int count) {
  for (int i = 0; i < count; i++)
    line[i] = (float)(w[0] * (double)points[0][i] + w[1] * (double)points[1][i] + w[2] * (double)points[2][i] +
                      w[3] * (double)points[3][i]);
}

/* out[i] = the cubic of one cell at f + i * step. p: its four control points. */
INLINE void run_cell(float *out, const float *p, float f0, float step, int count) {
  const float a = (p[0] + 4 * p[1] + p[2]) / 6, b = (p[2] - p[0]) / 2, c = (p[0] - 2 * p[1] + p[2]) / 2;
  const float d = (p[3] - p[0] + 3 * (p[1] - p[2])) / 6;
  for (int i = 0; i < count; i++) {
    float f = f0 + (float)i * step;
    out[i] = a + f * (b + f * (c + f * d));
  }
}

INLINE void run(float *dx, float *dy, const bf_warp *w, double x, double y, int count) {
  float px[BF_WARP_POINTS], py[BF_WARP_POINTS];
  double f, weights[4];
  int row = bf_spline_cell(y, w->cell, w->rows, &f);
  bf_spline_weights(f, weights);
  join_rows(px, w->dx + row, weights, w->columns + 3);
  join_rows(py, w->dy + row, weights, w->columns + 3);
  const float step = (float)(1 / w->cell);
  for (int i = 0; i < count;) {
    int k = bf_spline_cell(x + i, w->cell, w->columns, &f);
    /* To the cell's end, at least one point; the last cell takes the rest. */
    int n = k + 1 < w->columns ? (int)ceil((1 - f) * w->cell) : count - i;
    n = n < 1 ? 1 : n > count - i ? count - i : n;
    run_cell(dx + i, px + k, (float)f, step, n);
    run_cell(dy + i, py + k, (float)f, step, n);
    i += n;
  }
}

/* The same operations in the same order, so the same bits, with wider vectors where there are any. */
#if defined(__x86_64__)
__attribute__((target("avx2"))) static void run_avx2(float *dx, float *dy, const bf_warp *w, double x, double y,
                                                     int count) {
  run(dx, dy, w, x, y, count);
}
#endif

void bf_warp_displace_line(float *dx, float *dy, const bf_warp *warp, double x, double y, int count) {
#if defined(__x86_64__)
  if (__builtin_cpu_supports("avx2")) {
    run_avx2(dx, dy, warp, x, y, count);
    return;
  }
#endif
  run(dx, dy, warp, x, y, count);
}

int bf_warp_density(const bf_affine *back) {
  const double *m = back->m;
  double shrink = sqrt(fabs(m[0] * m[4] - m[1] * m[3]));
  return shrink > 1.5 ? (int)ceil(fmin(shrink, 8)) : 1;
}
