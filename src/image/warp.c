/* Points and boxes through a warp. Pictures are sample.c's, masks mask.c's. */
#include "image/warp.h"

#include <math.h>
#include <string.h>

#include "image/spline.h"

void bf_warp_plain(bf_warp *warp, bf_affine affine) {
  memset(warp, 0, sizeof *warp); /* padding too: equal warps are equal bytes */
  warp->affine = affine;
}

static int cells_over(double length, double cell) {
  int n = (int)ceil(length / cell - 1e-9);
  return n < 1 ? 1 : n > BF_WARP_CELLS ? BF_WARP_CELLS : n;
}

void bf_warp_lay_grid(bf_warp *warp, int width, int height, double share) {
  bf_warp_plain(warp, warp->affine);
  warp->cell = fmax(share, 1.0 / BF_WARP_CELLS) * (width > height ? width : height);
  warp->columns = cells_over(width, warp->cell);
  warp->rows = cells_over(height, warp->cell);
}

void bf_warp_after(bf_warp *warp, bf_affine inner) { warp->affine = bf_affine_compose(warp->affine, inner); }

void bf_warp_displacement(const bf_warp *w, double x, double y, double *dx, double *dy) {
  double fx, fy, wx[4], wy[4];
  *dx = *dy = 0;
  if (!(w->cell > 0)) return;
  int column = bf_spline_cell(x, w->cell, w->columns, &fx), row = bf_spline_cell(y, w->cell, w->rows, &fy);
  bf_spline_weights(fx, wx);
  bf_spline_weights(fy, wy);
  for (int j = 0; j < 4; j++)
    for (int i = 0; i < 4; i++) {
      *dx += wy[j] * wx[i] * (double)w->dx[row + j][column + i];
      *dy += wy[j] * wx[i] * (double)w->dy[row + j][column + i];
    }
}

bool bf_warp_backward(const bf_warp *w, double x, double y, double *picture_x, double *picture_y) {
  bf_affine back;
  double dx, dy;
  if (!bf_affine_invert(&back, w->affine)) return false;
  bf_warp_displacement(w, x, y, &dx, &dy);
  bf_affine_apply(back, x + dx, y + dy, picture_x, picture_y);
  return true;
}

/* Solves q + u(q) = z by q <- z - u(q), beginning with the q that is given. Each round leaves at most 0.8 of the error,
 * so what is left is at most four times the last change. */
static void solve(const bf_warp *w, double zx, double zy, double *x, double *y) {
  enum { most_rounds = 80 };
  for (int round = 0; round < most_rounds; round++) {
    double dx, dy;
    bf_warp_displacement(w, *x, *y, &dx, &dy);
    double change = fmax(fabs(zx - dx - *x), fabs(zy - dy - *y));
    *x = zx - dx;
    *y = zy - dy;
    if (!(change > 2e-4)) break;
  }
}

void bf_warp_forward(const bf_warp *w, double x, double y, double *frame_x, double *frame_y) {
  double zx, zy;
  bf_affine_apply(w->affine, x, y, &zx, &zy);
  *frame_x = zx;
  *frame_y = zy;
  if (w->cell > 0) solve(w, zx, zy, frame_x, frame_y);
}

/* Points from (x0, y0) on to, and without, (x1, y1), into the box. (dx, dy): displacement at the last point, from where
 * the next one is sought. */
static void follow_side(bf_rect *box, const bf_warp *w, const double from[2], const double to[2], double *dx,
                        double *dy) {
  enum { points_a_cell = 8, most = 256 };
  double x0, y0, x1, y1;
  bf_affine_apply(w->affine, from[0], from[1], &x0, &y0);
  bf_affine_apply(w->affine, to[0], to[1], &x1, &y1);
  double n = ceil(points_a_cell * hypot(x1 - x0, y1 - y0) / w->cell);
  n = n > 1 ? n < most ? n : most : 1;
  for (int i = 0; i < (int)n; i++) {
    double zx = x0 + (x1 - x0) * i / n, zy = y0 + (y1 - y0) * i / n, x = zx - *dx, y = zy - *dy;
    solve(w, zx, zy, &x, &y);
    *dx = zx - x;
    *dy = zy - y;
    box->xmin = fmin(box->xmin, x), box->xmax = fmax(box->xmax, x);
    box->ymin = fmin(box->ymin, y), box->ymax = fmax(box->ymax, y);
  }
}

bf_rect bf_warp_rect(const bf_warp *w, bf_rect r) {
  if (!(w->cell > 0)) return bf_affine_rect(w->affine, r);
  bf_rect box = {INFINITY, INFINITY, -INFINITY, -INFINITY};
  const double corners[5][2] = {
      {r.xmin, r.ymin}, {r.xmax, r.ymin}, {r.xmax, r.ymax}, {r.xmin, r.ymax}, {r.xmin, r.ymin}};
  double dx = 0, dy = 0;
  for (int side = 0; side < 4; side++) follow_side(&box, w, corners[side], corners[side + 1], &dx, &dy);
  return box;
}
