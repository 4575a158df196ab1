/* The outline of a drawn lesion, and how it fades into what is around it: shared by synthetic studies and by synthetic
 * lesions in real pictures. Coordinates are pixels of whatever picture it is drawn in; the middle of the pixel in
 * column 0, row 0 is (0.5, 0.5). Pure functions, any thread. */
#ifndef BF_IMAGE_BLOB_H
#define BF_IMAGE_BLOB_H

#include <stdbool.h>
#include <stdint.h>

#include "base/rng.h"
#include "image/geometry.h"

enum { BF_BLOB_WAVES = 8 };

/* r(angle) = 1 + sum of wave[k] sin((k + 2) angle + phase[k]), in units of the half axes. */
typedef struct bf_blob {
  double x, y, a, b, tilt; /* centre, half axes, radians */
  double wave[BF_BLOB_WAVES], phase[BF_BLOB_WAVES];
  bool ragged;
} bf_blob;

/* Smooth and wider than tall, or ragged and often taller than wide. size: the first half axis. */
void bf_blob_draw(bf_blob *blob, bool ragged, double x, double y, double size, bf_rng *rng);

/* Distance from the centre in units of the outline: below 1 is inside. */
double bf_blob_distance(const bf_blob *blob, double x, double y);
/* Pixels from the centre beyond which every distance is more than `outlines`. Asking for distances costs nine angles'
 * functions, comparing with this none. */
double bf_blob_reach(const bf_blob *blob, double outlines);
/* Of a distance: 1 inside, 0 outside, over a border of +-soft outlines. */
double bf_blob_inside(double distance, double soft);
/* Of a distance: 1 on a thin line around the outline, 0 elsewhere. */
double bf_blob_capsule(double distance);
/* 0 to 1: how much of the sound that reaches a point from above went through it. x, y: the pixel's column and row. */
double bf_blob_behind(const bf_blob *blob, int x, int y);

/* Around the pixels of a columns x rows picture whose middles are inside; xmin > xmax when there is none. */
bf_rect bf_blob_bounds(const bf_blob *blob, int columns, int rows);
/* How much of each pixel it covers, 255ths, from 4 x 4 points: dst[height*width], overwritten. */
void bf_blob_mask(uint8_t *dst, int width, int height, const bf_blob *blob);

#endif
