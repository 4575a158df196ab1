/* Pixels as a whole PNG file in memory. */
#ifndef BF_OUTPUT_PNG_H
#define BF_OUTPUT_PNG_H

#include <stddef.h>
#include <stdint.h>

#include "bifocal/status.h"

typedef enum bf_png_kind { BF_PNG_GREY = 1, BF_PNG_RGBA = 4 } bf_png_kind; /* bytes a pixel */

/* *png: owned, bf_free. pixels: [rows][columns][kind]; columns and rows at least 1. */
bf_status bf_png_encode(void **png, size_t *size, const uint8_t *pixels, bf_png_kind kind, int columns, int rows,
                        bf_error *err);

#endif
