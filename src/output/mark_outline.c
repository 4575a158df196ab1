/* The edge of a mask as a soft line: discs along it, of which each pixel keeps the nearest, so that a line that meets
 * itself is not darker there. */
#include <math.h>

#include "base/memory.h"
#include "image/mask.h"
#include "output/canvas_blend.h"
#include "output/mark.h"

/* How near a disc's middle is: 255 in it, 0 at the reach and beyond. */
typedef struct stamp {
  uint8_t *near; /* [side*side] */
  int side;
} stamp;

typedef struct painting {
  uint8_t *near; /* [rows*columns] */
  int32_t rows, columns;
  double reach;
  stamp beside, below; /* for the middle of a pixel's right edge, and of its lower edge */
} painting;

/* (dx, dy): the disc's middle from the upper left corner of the pixel in the middle of the stamp. */
static bool make_stamp(stamp *s, double reach, double dx, double dy) {
  int half = (int)ceil(reach) + 1;
  s->side = 2 * half + 1;
  s->near = bf_alloc((size_t)s->side * (size_t)s->side, 1);
  for (int y = 0; y < s->side && s->near != NULL; y++)
    for (int x = 0; x < s->side; x++) {
      double d = hypot(x - half + 0.5 - dx, y - half + 0.5 - dy);
      s->near[y * s->side + x] = (uint8_t)lrint(d < reach ? 255 * (reach - d) / reach : 0);
    }
  return s->near != NULL;
}

static void put(painting *p, const stamp *s, int32_t x, int32_t y) {
  int32_t left = x - s->side / 2, top = y - s->side / 2;
  int from = left < 0 ? -left : 0, to = left + s->side > p->columns ? p->columns - left : s->side;
  for (int j = top < 0 ? -top : 0; j < s->side && top + j < p->rows; j++) {
    uint8_t *line = p->near + (size_t)(top + j) * (size_t)p->columns + left;
    const uint8_t *disc = s->near + j * s->side;
    for (int i = from; i < to; i++)
      if (disc[i] > line[i]) line[i] = disc[i];
  }
}

static void follow(painting *p, const uint8_t *mask) {
  for (int32_t y = 0; y < p->rows; y++) {
    bool last = y + 1 == p->rows;
    for (int32_t x = 0; x < p->columns; x++) {
      bool inside = bf_mask_get(mask, p->columns, x, y);
      if (x + 1 < p->columns && inside != bf_mask_get(mask, p->columns, x + 1, y)) put(p, &p->beside, x, y);
      if (!last && inside != bf_mask_get(mask, p->columns, x, y + 1)) put(p, &p->below, x, y);
    }
  }
}

static void blend(bf_canvas *c, const painting *p, double scale) {
  double line = 0.8 * scale, halo = 1.8 * scale;
  for (int32_t y = 0; y < p->rows; y++)
    for (int32_t x = 0; x < p->columns; x++) {
      uint8_t near = p->near[(size_t)y * (size_t)p->columns + (size_t)x];
      if (near == 0) continue;
      double d = p->reach * (1 - near / 255.0);
      bf_canvas_blend(c, x, y, 0x000000, 0.35 * bf_canvas_clamp(halo - d + 0.5, 0, 1));
      bf_canvas_blend(c, x, y, BF_COLOUR_FOUND, bf_canvas_clamp(line - d + 0.5, 0, 1));
    }
}

bf_status bf_mark_outline(bf_canvas *c, double scale, const uint8_t *mask, int32_t rows, int32_t columns,
                          bf_error *err) {
  painting p = {.rows = rows, .columns = columns, .reach = 1.8 * scale + 0.5};
  p.near = bf_alloc((size_t)rows * (size_t)columns, 1);
  bool good = p.near != NULL && make_stamp(&p.beside, p.reach, 1, 0.5) && make_stamp(&p.below, p.reach, 0.5, 1);
  if (good) {
    follow(&p, mask);
    blend(c, &p, scale);
  }
  bf_free(p.near);
  bf_free(p.beside.near);
  bf_free(p.below.near);
  return good ? BF_OK : bf_fail(err, BF_E_MEMORY, "no memory for the outline of %d x %d pixels", columns, rows);
}
