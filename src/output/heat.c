/* From cells of the network's picture to pixels of the original. */
#include "output/heat.h"

#include <math.h>

#include "image/geometry.h"
#include "output/canvas_blend.h"

/* A cell that adds a tenth of a logit, and a chance of one half, are worth full colour: a map of next to nothing does
 * not glow. */
static const double least_full[BF_HEATS] = {0.1, 0.5};

/* From violet to rose: told from grey by colour, from the boxes' orange by hue, and rising in lightness. */
static uint32_t colour_of(double t) {
  const double from[3] = {0x5B, 0x1F, 0xD6}, to[3] = {0xFF, 0x8A, 0xD8};
  uint32_t colour = 0;
  for (int i = 0; i < 3; i++) colour = colour << 8 | (uint32_t)lrint(from[i] + (to[i] - from[i]) * t);
  return colour;
}

/* (x, y): pixels of the network's picture. Behind the outermost middles a cell goes on as it is. */
static double value_at(const float *v, const bf_heat_grid *grid, double x, double y) {
  int rows = grid->rows, columns = grid->columns;
  double u = bf_canvas_clamp(x / grid->cell - 0.5, 0, columns - 1),
         w = bf_canvas_clamp(y / grid->cell - 0.5, 0, rows - 1);
  int u0 = (int)u, w0 = (int)w, u1 = u0 + 1 < columns ? u0 + 1 : u0, w1 = w0 + 1 < rows ? w0 + 1 : w0;
  double a = u - u0, b = w - w0;
  double above = (1 - a) * (double)v[w0 * columns + u0] + a * (double)v[w0 * columns + u1];
  double below = (1 - a) * (double)v[w1 * columns + u0] + a * (double)v[w1 * columns + u1];
  return (1 - b) * above + b * below;
}

static const float *map_of(const bf_output_row *row, const bf_output_job *job) {
  return job->heat >= 0 && job->grids != NULL && row->heat != NULL ? row->heat->maps[job->heat] : NULL;
}

double bf_heat_most(const bf_output_row *row, const bf_output_job *job) {
  const float *map = map_of(row, job);
  double most = map != NULL ? 0 : NAN;
  for (int32_t i = 0; map != NULL && i < job->grids[job->heat].rows * job->grids[job->heat].columns; i++)
    most = fmax(most, (double)map[i]);
  return most;
}

void bf_heat_draw(bf_canvas *c, const bf_output_row *row, const bf_output_job *job) {
  const float *map = map_of(row, job);
  if (map == NULL) return;
  const double full = fmax(bf_heat_most(row, job), least_full[job->heat]), cover = 0.65, faintest = 0.05;
  for (int32_t y = 0; y < row->rows; y++)
    for (int32_t x = 0; x < row->columns; x++) {
      double to_x, to_y;
      bf_affine_apply(row->heat->from_original, x + 0.5, y + 0.5, &to_x, &to_y);
      double t = bf_canvas_clamp(value_at(map, &job->grids[job->heat], to_x, to_y) / full, 0, 1);
      if (t > faintest) bf_canvas_blend(c, x, y, colour_of(t), cover * t);
    }
}
