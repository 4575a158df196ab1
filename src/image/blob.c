/* Outlines of drawn lesions. */
#include "image/blob.h"

#include <math.h>
#include <string.h>

static const double pi = 3.14159265358979323846;

static double smoothstep(double low, double high, double v) {
  double t = fmin(fmax((v - low) / (high - low), 0), 1);
  return t * t * (3 - 2 * t);
}

void bf_blob_draw(bf_blob *l, bool ragged, double x, double y, double size, bf_rng *rng) {
  double flat = ragged ? bf_rng_range(rng, 0.85, 1.35) : bf_rng_range(rng, 0.5, 0.8);
  *l = (bf_blob){.x = x, .y = y, .a = size, .b = size * flat, .tilt = bf_rng_range(rng, -0.35, 0.35), .ragged = ragged};
  for (int k = 0; k < BF_BLOB_WAVES; k++) {
    double most = ragged ? (k < 3 ? 0.10 : 0.075) : (k < 2 ? 0.04 : 0.004);
    l->wave[k] = bf_rng_range(rng, 0.3, 1) * most;
    l->phase[k] = bf_rng_range(rng, 0, 2 * pi);
  }
}

double bf_blob_distance(const bf_blob *l, double x, double y) {
  double c = cos(l->tilt), s = sin(l->tilt), dx = x - l->x, dy = y - l->y;
  double u = (c * dx + s * dy) / l->a, v = (c * dy - s * dx) / l->b, angle = atan2(v, u), r = 1;
  for (int k = 0; k < BF_BLOB_WAVES; k++) r += l->wave[k] * sin((k + 2) * angle + l->phase[k]);
  return sqrt(u * u + v * v) / r;
}

double bf_blob_reach(const bf_blob *l, double outlines) {
  double furthest = 1;
  for (int k = 0; k < BF_BLOB_WAVES; k++) furthest += fabs(l->wave[k]);
  return outlines * furthest * fmax(l->a, l->b);
}

double bf_blob_inside(double distance, double soft) { return 1 - smoothstep(1 - soft, 1 + soft, distance); }

double bf_blob_capsule(double distance) { return exp(-pow((distance - 1.04) / 0.05, 2)); }

double bf_blob_behind(const bf_blob *l, int x, int y) {
  double behind = y - l->y, across = fabs(x + 0.5 - l->x) / (0.8 * l->a), reach = fmax(l->a, l->b);
  if (!(behind > 0 && across < 1.4)) return 0;
  return smoothstep(0, l->b, behind) * exp(-behind / (4.5 * reach)) * (1 - smoothstep(0.7, 1.4, across));
}

typedef struct window {
  int x0, y0, x1, y1;
} window;

static window window_of(const bf_blob *l, int columns, int rows) {
  double reach = bf_blob_reach(l, 1) + 2;
  return (window){(int)fmax(0, fmin(l->x - reach, columns)), (int)fmax(0, fmin(l->y - reach, rows)),
                  (int)fmin(columns, fmax(l->x + reach + 1, 0)), (int)fmin(rows, fmax(l->y + reach + 1, 0))};
}

bf_rect bf_blob_bounds(const bf_blob *l, int columns, int rows) {
  window w = window_of(l, columns, rows);
  bf_rect r = {columns, rows, 0, 0};
  for (int y = w.y0; y < w.y1; y++)
    for (int x = w.x0; x < w.x1; x++) {
      if (bf_blob_distance(l, x + 0.5, y + 0.5) >= 1) continue;
      r.xmin = fmin(r.xmin, x), r.ymin = fmin(r.ymin, y);
      r.xmax = fmax(r.xmax, x + 1), r.ymax = fmax(r.ymax, y + 1);
    }
  return r;
}

void bf_blob_mask(uint8_t *dst, int width, int height, const bf_blob *l) {
  enum { points = 4 };
  window w = window_of(l, width, height);
  memset(dst, 0, (size_t)width * (size_t)height);
  for (int y = w.y0; y < w.y1; y++)
    for (int x = w.x0; x < w.x1; x++) {
      int count = 0;
      for (int k = 0; k < points * points; k++)
        count += bf_blob_distance(l, x + (k % points + 0.5) / points, y + (k / points + 0.5) / points) < 1;
      dst[(size_t)y * (size_t)width + (size_t)x] = (uint8_t)((255 * count + 8) / (points * points));
    }
}
