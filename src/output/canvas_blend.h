/* One pixel's worth of colour, for what draws pixel by pixel. Private to the room. */
#ifndef BF_OUTPUT_CANVAS_BLEND_H
#define BF_OUTPUT_CANVAS_BLEND_H

#include "output/canvas.h"

/* NaN becomes low. */
static inline double bf_canvas_clamp(double value, double low, double high) {
  return value > low ? value < high ? value : high : low;
}

static inline void bf_canvas_blend(bf_canvas *c, int x, int y, uint32_t colour, double alpha) {
  if (x < 0 || y < 0 || x >= c->width || y >= c->height || !(alpha > 0)) return;
  uint8_t *p = c->pixels + 3 * ((int64_t)y * c->width + x);
  for (int i = 0; i < 3; i++) {
    double to = (double)(colour >> (16 - 8 * i) & 0xFF);
    p[i] = (uint8_t)(p[i] + (to - p[i]) * (alpha < 1 ? alpha : 1) + 0.5);
  }
}

#endif
