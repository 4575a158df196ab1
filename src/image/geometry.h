/* One affine carries points and boxes between original and network pixels. Coordinates are continuous: pixel (column
 * x, row y) covers [x, x+1) x [y, y+1), its centre is at (x + 0.5, y + 0.5); a box's max edge is exclusive. */
#ifndef BF_IMAGE_GEOMETRY_H
#define BF_IMAGE_GEOMETRY_H

#include <stdbool.h>

#ifdef __cplusplus
extern "C" {
#endif

/* x' = m[0]*x + m[1]*y + m[2];  y' = m[3]*x + m[4]*y + m[5] */
typedef struct bf_affine {
  double m[6];
} bf_affine;

typedef struct bf_rect {
  double xmin, ymin, xmax, ymax; /* max exclusive */
} bf_rect;

bf_affine bf_affine_identity(void);
bf_affine bf_affine_scale(double sx, double sy);
bf_affine bf_affine_translate(double tx, double ty);
bf_affine bf_affine_rotate(double radians); /* about the origin, x towards y */
/* First `inner`, then `outer`. */
bf_affine bf_affine_compose(bf_affine outer, bf_affine inner);
/* false when the matrix is singular. */
bool bf_affine_invert(bf_affine *out, bf_affine a);
void bf_affine_apply(bf_affine a, double x, double y, double *out_x, double *out_y);
/* Upright box around the four mapped corners. */
bf_rect bf_affine_rect(bf_affine a, bf_rect r);
/* Cut to [0,width] x [0,height]. */
bf_rect bf_rect_clip(bf_rect r, double width, double height);
double bf_rect_area(bf_rect r); /* 0 when empty */
double bf_rect_iou(bf_rect a, bf_rect b);

/* The largest centred placement of a columns x rows picture in a width x height frame, same scale both ways
 * (letterbox). */
bf_affine bf_affine_fit(int columns, int rows, int width, int height);

#ifdef __cplusplus
}
#endif
#endif
