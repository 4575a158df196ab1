/* What the samplers share: displacements of a line of frame points, and how densely a frame pixel is sampled. Private
 * to src/image. */
#ifndef BF_IMAGE_WARP_LINE_H
#define BF_IMAGE_WARP_LINE_H

#include "image/warp.h"

#define BF_LINE_MOST 256 /* points at once */

/* Displacements at (x + i, y), i < count <= BF_LINE_MOST, points within the frame of a warp that has a grid:
 * bf_warp_displacement in single precision. */
void bf_warp_displace_line(float *dx, float *dy, const bf_warp *warp, double x, double y, int count);

/* How many points each way a frame pixel takes: the picture pixels that it holds one way, 1 where it is less than 1.5
 * of them, at most 8. back: the affine's inverse. */
int bf_warp_density(const bf_affine *back);

#endif
