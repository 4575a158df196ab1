/* A smooth random displacement, as of soft tissue: control points of a coarse grid move, and a cubic spline carries the
 * pixels between them (Ronneberger and others 2015, section 3.1; uniform draws in place of Gaussian ones, so that the
 * bound of warp.h holds). Off unless asked for. */
#include "image/augment_rows.h"

typedef struct options {
  double strength, spacing;
} options;

static const bf_option table[] = {{"strength", BF_OPTION_REAL, offsetof(options, strength), "0", 0, 0.1, NULL,
                                   "largest move of a control point in x and in y, as a share of the frame's longer "
                                   "side; at most a fifth of spacing"},
                                  {"spacing", BF_OPTION_REAL, offsetof(options, spacing), "0.25", 0.1, 0.5, NULL,
                                   "distance of control points, as a share of the frame's longer side"},
                                  BF_NO_OPTION};

static void draw(const void *o, bf_rng *rng, bf_augment_draw *out) {
  const options *mine = o;
  (void)rng;
  out->value[0] = fmin(mine->strength, BF_WARP_STRONGEST * mine->spacing);
  out->value[1] = mine->spacing;
}

/* Every point of the largest grid takes its draws, so that a point's move hangs on its place alone. */
static void displace(const void *o, const bf_augment_draw *d, int width, int height, bf_warp *warp) {
  (void)o;
  if (d->value[0] == 0) return;
  double most = d->value[0] * (width > height ? width : height);
  bf_rng rng = bf_rng_make(d->noise, 0, 0);
  bf_warp_lay_grid(warp, width, height, d->value[1]);
  for (int y = 0; y < BF_WARP_POINTS; y++)
    for (int x = 0; x < BF_WARP_POINTS; x++) {
      double dx = bf_rng_range(&rng, -most, most), dy = bf_rng_range(&rng, -most, most);
      if (y >= warp->rows + 3 || x >= warp->columns + 3) continue;
      warp->dx[y][x] = (float)dx;
      warp->dy[y][x] = (float)dy;
    }
}

const bf_augment_type bf_augment_type_elastic = {
    "elastic", "a smooth random displacement", table, sizeof(options), draw, .displace = displace};
