/* Areas, frames and pictures on the canvas. Text stands in font.c, PNG in png.c. */
#include "output/canvas.h"

#include <math.h>

#include "base/memory.h"
#include "output/canvas_blend.h"

/* The largest DICOM image, and words beside it. */
enum { most_side = 40000 };

bf_status bf_canvas_create(bf_canvas *c, int width, int height, uint32_t background, bf_error *err) {
  *c = (bf_canvas){0};
  if (width < 1 || height < 1 || width > most_side || height > most_side)
    return bf_fail(err, BF_E_LIMIT, "a picture of %d x %d pixels is larger than %d a side", width, height, most_side);
  uint8_t *pixels = bf_alloc_raw((size_t)width * (size_t)height, 3);
  if (pixels == NULL) return bf_fail(err, BF_E_MEMORY, "no memory for a picture of %d x %d pixels", width, height);
  *c = (bf_canvas){width, height, pixels};
  for (int64_t i = 0; i < (int64_t)width * height; i++) {
    pixels[3 * i] = (uint8_t)(background >> 16);
    pixels[3 * i + 1] = (uint8_t)(background >> 8);
    pixels[3 * i + 2] = (uint8_t)background;
  }
  return BF_OK;
}

void bf_canvas_clear(bf_canvas *c) {
  bf_free(c->pixels);
  *c = (bf_canvas){0};
}

/* How much of pixel i (from i to i + 1) lies between low and high. */
static double cover(int i, double low, double high) {
  double from = low > i ? low : i, to = high < i + 1 ? high : i + 1;
  return to > from ? to - from : 0;
}

static int clamp(double value, int most) { return value < 0 ? 0 : value > most ? most : (int)value; }

void bf_canvas_fill(bf_canvas *c, double x0, double y0, double x1, double y1, uint32_t colour, double alpha) {
  if (!(x1 > x0 && y1 > y0)) return;
  int right = clamp(ceil(x1), c->width), bottom = clamp(ceil(y1), c->height);
  for (int y = clamp(floor(y0), c->height); y < bottom; y++)
    for (int x = clamp(floor(x0), c->width); x < right; x++)
      bf_canvas_blend(c, x, y, colour, alpha * cover(x, x0, x1) * cover(y, y0, y1));
}

void bf_canvas_frame(bf_canvas *c, double x0, double y0, double x1, double y1, double thickness, uint32_t colour,
                     double alpha) {
  double h = thickness / 2;
  bf_canvas_fill(c, x0 - h, y0 - h, x1 + h, y0 + h, colour, alpha);
  bf_canvas_fill(c, x0 - h, y1 - h, x1 + h, y1 + h, colour, alpha);
  bf_canvas_fill(c, x0 - h, y0 + h, x0 + h, y1 - h, colour, alpha);
  bf_canvas_fill(c, x1 - h, y0 + h, x1 + h, y1 - h, colour, alpha);
}

void bf_canvas_picture(bf_canvas *c, int x, int y, const uint8_t *grey, int width, int height) {
  for (int j = 0; j < height; j++)
    for (int i = 0; i < width; i++) bf_canvas_blend(c, x + i, y + j, grey[(int64_t)j * width + i] * 0x010101u, 1);
}
