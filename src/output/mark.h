/* Boxes as they are drawn over pictures, on the contact sheet and on overlays alike: colours, lines and labels. */
#ifndef BF_OUTPUT_MARK_H
#define BF_OUTPUT_MARK_H

#include "output/canvas.h"

#define BF_COLOUR_BACKGROUND 0x14161Au
#define BF_COLOUR_WORDS 0xE8EAEDu
#define BF_COLOUR_DIM 0x99A1ADu
#define BF_COLOUR_TRUTH 0x35D07Fu
#define BF_COLOUR_FOUND 0xFFA62Bu

typedef enum bf_mark_kind { BF_MARK_TRUTH, BF_MARK_FOUND, BF_MARK_FAINT } bf_mark_kind;

typedef struct bf_mark {
  bf_mark_kind kind;
  double xmin, ymin, xmax, ymax; /* pixels of the picture */
  char label[16];                /* "" for none */
} bf_mark;

/* Where on a canvas a picture lies; nothing of its marks leaves it. */
typedef struct bf_mark_area {
  double left, top, width, height;
  double scale; /* of lines and letters; 1: as on the sheet */
} bf_mark_area;

/* Draws the marks of this kind, the first ones over the others and all labels over all lines. A label stands over its
 * box, under it where there is no room above, and within it where there is none under it. It is left out where the
 * whole picture has no room for it. */
void bf_marks_draw(bf_canvas *canvas, const bf_mark_area *area, const bf_mark *marks, int count, bf_mark_kind kind);

/* The edge of a mask [rows, columns] (bit-packed: image/mask.h) over a picture of as many pixels whose upper left one
 * is the canvas's own. Where the mask reaches the end of the picture there is no edge. BF_E_MEMORY. */
bf_status bf_mark_outline(bf_canvas *canvas, double scale, const uint8_t *mask, int32_t rows, int32_t columns,
                          bf_error *err);

#endif
