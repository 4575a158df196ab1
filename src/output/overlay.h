/* One overlay: a row's picture, pixel for pixel, with what was found in it, and words below. Private to the room; files
 * and their index are output_overlay.c's. */
#ifndef BF_OUTPUT_OVERLAY_H
#define BF_OUTPUT_OVERLAY_H

#include "output/canvas.h"
#include "output/output.h"

/* The picture's pixel in column x, row y is the canvas's. Under it, and beside it where it is too narrow for words, is
 * the strip of words. The row has its original. The canvas is the caller's to clear, also after a failure. */
bf_status bf_overlay_draw(bf_canvas *canvas, const bf_output_row *row, const bf_output_job *job, bf_error *err);

#endif
