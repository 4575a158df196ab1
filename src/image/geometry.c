/* Affine maps and boxes. */
#include "image/geometry.h"

#include <math.h>

bf_affine bf_affine_identity(void) { return (bf_affine){{1, 0, 0, 0, 1, 0}}; }

bf_affine bf_affine_scale(double sx, double sy) { return (bf_affine){{sx, 0, 0, 0, sy, 0}}; }

bf_affine bf_affine_translate(double tx, double ty) { return (bf_affine){{1, 0, tx, 0, 1, ty}}; }

bf_affine bf_affine_rotate(double radians) {
  double c = cos(radians), s = sin(radians);
  return (bf_affine){{c, -s, 0, s, c, 0}};
}

bf_affine bf_affine_compose(bf_affine o, bf_affine i) {
  const double *a = o.m, *b = i.m;
  return (bf_affine){{a[0] * b[0] + a[1] * b[3], a[0] * b[1] + a[1] * b[4], a[0] * b[2] + a[1] * b[5] + a[2],
                      a[3] * b[0] + a[4] * b[3], a[3] * b[1] + a[4] * b[4], a[3] * b[2] + a[4] * b[5] + a[5]}};
}

bool bf_affine_invert(bf_affine *out, bf_affine a) {
  const double *m = a.m;
  double d = m[0] * m[4] - m[1] * m[3];
  if (!(fabs(d) > 1e-300) || !isfinite(d)) return false;
  double p = m[4] / d, q = -m[1] / d, r = -m[3] / d, s = m[0] / d;
  *out = (bf_affine){{p, q, -(p * m[2] + q * m[5]), r, s, -(r * m[2] + s * m[5])}};
  return true;
}

void bf_affine_apply(bf_affine a, double x, double y, double *out_x, double *out_y) {
  *out_x = a.m[0] * x + a.m[1] * y + a.m[2];
  *out_y = a.m[3] * x + a.m[4] * y + a.m[5];
}

bf_rect bf_affine_rect(bf_affine a, bf_rect r) {
  bf_rect out = {INFINITY, INFINITY, -INFINITY, -INFINITY};
  for (int k = 0; k < 4; k++) {
    double x, y;
    bf_affine_apply(a, k & 1 ? r.xmax : r.xmin, k & 2 ? r.ymax : r.ymin, &x, &y);
    out.xmin = fmin(out.xmin, x), out.xmax = fmax(out.xmax, x);
    out.ymin = fmin(out.ymin, y), out.ymax = fmax(out.ymax, y);
  }
  return out;
}

static double within(double v, double top) { return v < 0 ? 0 : v > top ? top : v; }

bf_rect bf_rect_clip(bf_rect r, double width, double height) {
  return (bf_rect){within(r.xmin, width), within(r.ymin, height), within(r.xmax, width), within(r.ymax, height)};
}

double bf_rect_area(bf_rect r) {
  return r.xmax > r.xmin && r.ymax > r.ymin ? (r.xmax - r.xmin) * (r.ymax - r.ymin) : 0;
}

double bf_rect_iou(bf_rect a, bf_rect b) {
  bf_rect common = {fmax(a.xmin, b.xmin), fmax(a.ymin, b.ymin), fmin(a.xmax, b.xmax), fmin(a.ymax, b.ymax)};
  double i = bf_rect_area(common), u = bf_rect_area(a) + bf_rect_area(b) - i;
  return u > 0 ? i / u : 0;
}

bf_affine bf_affine_fit(int columns, int rows, int width, int height) {
  double s = fmin((double)width / columns, (double)height / rows);
  return (bf_affine){{s, 0, (width - s * columns) / 2, 0, s, (height - s * rows) / 2}};
}
