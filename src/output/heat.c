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

static double most_of(const float *map, const bf_heat_grid *grid) {
  double most = 0;
  for (int32_t i = 0; i < grid->rows * grid->columns; i++) most = fmax(most, (double)map[i]);
  return most;
}

double bf_heat_most(const bf_output_row *row, const bf_output_job *job) {
  const float *map = map_of(row, job);
  return map != NULL ? most_of(map, &job->grids[job->heat]) : NAN;
}

/* How the middle of pixel (x, y) is covered. */
typedef struct layer {
  const float *map;
  const bf_heat_grid *grid;
  bf_affine to_network;
  double full; /* value of full colour */
} layer;

static layer layer_of(const float *map, const bf_heat_grid *grid, bf_heat_kind kind, bf_affine to_network) {
  return (layer){map, grid, to_network, fmax(most_of(map, grid), least_full[kind])};
}

/* Cover, 0 to 1; 0: nothing is drawn. */
static double cover_at(uint32_t *colour, const layer *l, int x, int y) {
  const double cover = 0.65, faintest = 0.05;
  double to_x, to_y;
  bf_affine_apply(l->to_network, x + 0.5, y + 0.5, &to_x, &to_y);
  double t = bf_canvas_clamp(value_at(l->map, l->grid, to_x, to_y) / l->full, 0, 1);
  *colour = colour_of(t);
  return t > faintest ? cover * t : 0;
}

void bf_heat_draw(bf_canvas *c, const bf_output_row *row, const bf_output_job *job) {
  const float *map = map_of(row, job);
  if (map == NULL) return;
  const layer l = layer_of(map, &job->grids[job->heat], (bf_heat_kind)job->heat, row->heat->from_original);
  for (int32_t y = 0; y < row->rows; y++)
    for (int32_t x = 0; x < row->columns; x++) {
      uint32_t colour;
      double cover = cover_at(&colour, &l, x, y);
      if (cover > 0) bf_canvas_blend(c, x, y, colour, cover);
    }
}

void bf_heat_layer(uint8_t *rgba, int columns, int rows, const float *map, const bf_heat_grid *grid, bf_heat_kind kind,
                   bf_affine from_picture) {
  const layer l = layer_of(map, grid, kind, from_picture);
  for (int y = 0; y < rows; y++)
    for (int x = 0; x < columns; x++, rgba += 4) {
      uint32_t colour;
      double cover = cover_at(&colour, &l, x, y);
      rgba[0] = (uint8_t)(colour >> 16), rgba[1] = (uint8_t)(colour >> 8), rgba[2] = (uint8_t)colour;
      rgba[3] = (uint8_t)lrint(255 * cover);
    }
}
