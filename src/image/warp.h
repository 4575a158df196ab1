/* The whole geometric map of one augmented picture: an affine, then a smooth displacement of the frame. It is defined
 * backwards, from where the pixels are made, so that all geometry together is one resampling:
 *
 *   frame point q  ->  q + u(q)  ->  affine^-1 (q + u(q)), a point of the picture
 *
 * u is a uniform cubic B-spline surface over a coarse grid of control points, in frame pixels (free-form deformation:
 * Rueckert and others 1999; for augmentation: Ronneberger and others 2015). Beyond the grid it goes on as at its edge.
 *
 * One-to-one: let no control point move by more than c in x or in y, and let h be the side of a cell. The derivative of
 * a cubic B-spline is a weighted mean of neighbours' differences over h, so each of the four first derivatives of u is
 * at most 2c/h, and |u(p) - u(q)| <= (4c/h) |p - q| in the maximum norm. With c <= h/5 that is 0.8: q -> z - u(q) is a
 * contraction, and by Banach's theorem q + u(q) = z has exactly one solution for every z. (Choi and Lee 2000 show that
 * up to 0.48 h nothing folds; the tighter bound also keeps areas away from 0 and the iteration short.)
 *
 * Plain C, no allocation, no state: any number of threads. */
#ifndef BF_IMAGE_WARP_H
#define BF_IMAGE_WARP_H

#include <stddef.h>
#include <stdint.h>

#include "image/geometry.h"

#define BF_WARP_CELLS 10                   /* most cells a side */
#define BF_WARP_POINTS (BF_WARP_CELLS + 3) /* most control points a side */
#define BF_WARP_STRONGEST 0.2              /* most a control point moves in x or in y, in cells */

typedef struct bf_warp {
  bf_affine affine;      /* picture -> frame, where nothing is displaced */
  double cell;           /* side of a cell, frame pixels; 0: no displacement */
  int32_t columns, rows; /* cells; the grid has three control points more each way */
  /* [row][column] of control points, frame pixels. Point k lies at (k - 1) * cell. */
  float dx[BF_WARP_POINTS][BF_WARP_POINTS], dy[BF_WARP_POINTS][BF_WARP_POINTS];
} bf_warp;

/* The affine alone. */
void bf_warp_plain(bf_warp *warp, bf_affine affine);
/* Lays a grid of resting control points over a frame; the affine stays. share: side of a cell as a share of the
 * frame's longer side, at least 1 / BF_WARP_CELLS. */
void bf_warp_lay_grid(bf_warp *warp, int width, int height, double share);
/* First `inner`, then the warp. */
void bf_warp_after(bf_warp *warp, bf_affine inner);

/* u at a point of the frame. */
void bf_warp_displacement(const bf_warp *warp, double x, double y, double *dx, double *dy);
/* From the frame to the picture; false when the affine is singular. */
bool bf_warp_backward(const bf_warp *warp, double x, double y, double *picture_x, double *picture_y);
/* From the picture to the frame, within 0.001 pixels. */
void bf_warp_forward(const bf_warp *warp, double x, double y, double *frame_x, double *frame_y);
/* Upright box in the frame around a mapped rectangle of the picture: of its four corners where nothing is displaced,
 * else of points on its outline, at least 8 a cell, so that bulges between them stay below half a pixel. */
bf_rect bf_warp_rect(const bf_warp *warp, bf_rect r);

/* How much of each frame pixel a binary mask covers: dst[height*width], 0 to 255 (255: wholly inside). bits: [rows]
 * lines of `stride` bytes, `columns` pixels each, the most significant bit first; outside all is 0. The warp maps the
 * mask's pixels to the frame. Each pixel takes n x n points, n from 2 to 8 and at least the mask pixels that a frame
 * pixel holds one way. */
void bf_warp_mask(uint8_t *dst, int width, int height, const uint8_t *bits, int columns, int rows, size_t stride,
                  const bf_warp *warp);

#endif
