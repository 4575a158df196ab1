/* A small 8-bit RGB canvas: areas, frames, grey pictures and text, all anti-aliased; and PNG. Coordinates are
 * continuous pixels, x to the right, y down; what lies outside is cut off. */
#ifndef BF_OUTPUT_CANVAS_H
#define BF_OUTPUT_CANVAS_H

#include <stdint.h>

#include "bifocal/status.h"

typedef struct bf_canvas {
  int width, height;
  uint8_t *pixels; /* [height*width*3] */
} bf_canvas;

/* Colours are 0xRRGGBB; alpha 0 to 1. */
bf_status bf_canvas_create(bf_canvas *canvas, int width, int height, uint32_t background, bf_error *err);
void bf_canvas_clear(bf_canvas *canvas);
void bf_canvas_fill(bf_canvas *canvas, double x0, double y0, double x1, double y1, uint32_t colour, double alpha);
/* A frame of this thickness, centred on the rectangle's edge. */
void bf_canvas_frame(bf_canvas *canvas, double x0, double y0, double x1, double y1, double thickness, uint32_t colour,
                     double alpha);
void bf_canvas_picture(bf_canvas *canvas, int x, int y, const uint8_t *grey, int width, int height);
/* ASCII; other characters are left out. size: height of a capital letter. (x, y): left end of the base line. Returns
 * the text's right end. */
double bf_canvas_text(bf_canvas *canvas, double x, double y, double size, uint32_t colour, const char *text);
double bf_text_width(double size, const char *text);
/* Published whole. */
bf_status bf_canvas_write_png(const bf_canvas *canvas, const char *path, bf_error *err);

#endif
