/* A contact sheet: tiles of grey pictures with marked boxes and two lines of words under each, as one PNG. */
#ifndef BF_OUTPUT_SHEET_H
#define BF_OUTPUT_SHEET_H

#include <stdbool.h>
#include <stdint.h>

#include "output/mark.h"

/* How the tile turned out: the colour of its verdict. */
typedef enum bf_mood { BF_MOOD_PLAIN, BF_MOOD_GOOD, BF_MOOD_BAD } bf_mood;

typedef struct bf_tile {
  const uint8_t *grey; /* [side*side]; NULL: no picture, `verdict` says why */
  const bf_mark *marks;
  int mark_count;
  char headline[64]; /* "malignant" */
  char verdict[64];  /* right of it, in the mood's colour: "missed" */
  char detail[96];   /* second line */
  bf_mood mood;
} bf_tile;

typedef struct bf_sheet_head {
  char title[128], subtitle[256];
  char found_legend[96], faint_legend[96]; /* what orange and thin orange boxes are; "" leaves the entry out */
  bool truth_legend;
} bf_sheet_head;

typedef struct bf_sheet bf_sheet;

/* tiles: how many will be added at most. side: pixels of a tile's picture. */
bf_status bf_sheet_create(bf_sheet **out, const bf_sheet_head *head, int tiles, int side, bf_error *err);
void bf_sheet_destroy(bf_sheet *sheet);
void bf_sheet_add(bf_sheet *sheet, const bf_tile *tile);
bf_status bf_sheet_write(const bf_sheet *sheet, const char *path, bf_error *err);

#endif
