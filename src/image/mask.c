/* Binary masks through a warp. */
#include <math.h>
#include <string.h>

#include "image/warp_line.h"

typedef struct mask {
  const uint8_t *bits;
  int columns, rows;
  size_t stride;
  bf_affine back;
} mask;

/* hits[i] += whether the frame point (x + i, y), displaced, lies on the mask. */
static void count_line(uint8_t *hits, const mask *m, double x, double y, const float *dx, const float *dy, int count) {
  for (int i = 0; i < count; i++) {
    double px, py, fx = x + i, fy = y;
    if (dx != NULL) fx += (double)dx[i], fy += (double)dy[i];
    bf_affine_apply(m->back, fx, fy, &px, &py);
    if (!(px >= 0 && py >= 0 && px < m->columns && py < m->rows)) continue;
    size_t column = (size_t)px, row = (size_t)py;
    hits[i] = (uint8_t)(hits[i] + ((m->bits[row * m->stride + column / 8] >> (7 - column % 8)) & 1));
  }
}

void bf_warp_mask(uint8_t *dst, int width, int height, const uint8_t *bits, int columns, int rows, size_t stride,
                  const bf_warp *warp) {
  mask m = {.bits = bits, .columns = columns, .rows = rows, .stride = stride};
  float room_x[BF_LINE_MOST], room_y[BF_LINE_MOST], *dx = warp->cell > 0 ? room_x : NULL, *dy = room_y;
  memset(dst, 0, (size_t)width * (size_t)height);
  if (!bf_affine_invert(&m.back, warp->affine)) return;
  int n = bf_warp_density(&m.back);
  if (n < 2) n = 2;
  for (int y = 0; y < height; y++)
    for (int x = 0; x < width; x += BF_LINE_MOST) {
      uint8_t *line = dst + (int64_t)y * width + x;
      int count = width - x < BF_LINE_MOST ? width - x : BF_LINE_MOST;
      for (int k = 0; k < n * n; k++) {
        double fx = x + (k % n + 0.5) / n, fy = y + (k / n + 0.5) / n;
        if (dx != NULL) bf_warp_displace_line(dx, dy, warp, fx, fy, count);
        count_line(line, &m, fx, fy, dx, dy, count);
      }
      for (int i = 0; i < count; i++) line[i] = (uint8_t)((255 * line[i] + n * n / 2) / (n * n));
    }
}
