/* Uniform cubic B-splines. Private to src/image. */
#ifndef BF_IMAGE_SPLINE_H
#define BF_IMAGE_SPLINE_H

/* Weights of four neighbouring control points at f (0 to 1) of the cell between the middle two. */
static inline void bf_spline_weights(double f, double w[4]) {
  double g = 1 - f;
  w[0] = g * g * g / 6;
  w[1] = (3 * f * f * f - 6 * f * f + 4) / 6;
  w[2] = (3 * g * g * g - 6 * g * g + 4) / 6;
  w[3] = f * f * f / 6;
}

/* The cell (0 to cells - 1) that holds a coordinate, and where in it (0 to 1); beyond the grid its edge. */
static inline int bf_spline_cell(double at, double cell, int cells, double *f) {
  double t = at / cell;
  t = t > 0 ? t < cells ? t : cells : 0;
  int k = t < cells ? (int)t : cells - 1;
  *f = t - k;
  return k;
}

#endif
