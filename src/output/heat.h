/* A heat map as a translucent layer over a picture. */
#ifndef BF_OUTPUT_HEAT_H
#define BF_OUTPUT_HEAT_H

#include "output/canvas.h"
#include "output/output.h"

/* The map of the job's kind over the row's picture, which stands at the canvas's upper left corner. Colour and cover
 * grow from nothing at 0 to full at the map's own maximum, or at what is worth it where that is more; what lies below 0
 * (which speaks against) is not drawn. Values between the cells' middles are interpolated. Does nothing where there is
 * no such map. */
void bf_heat_draw(bf_canvas *canvas, const bf_output_row *row, const bf_output_job *job);
/* The map's maximum, of its positive part; NaN where there is no map. */
double bf_heat_most(const bf_output_row *row, const bf_output_job *job);

/* The same as a picture of its own, rgba[rows][columns][4], for a map of this kind on its grid. from_picture: from its
 * pixels to those that the network saw. */
void bf_heat_layer(uint8_t *rgba, int columns, int rows, const float *map, const bf_heat_grid *grid, bf_heat_kind kind,
                   bf_affine from_picture);

#endif
