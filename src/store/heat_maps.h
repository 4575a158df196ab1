/* /heatmaps of SCORES.h5: one map after the other of each kind, on the job's grids, and which image each is of. Private
 * to the room. */
#ifndef BF_STORE_HEAT_MAPS_H
#define BF_STORE_HEAT_MAPS_H

#include "store/scores_columns.h"

/* One map of every kind that the grids have. */
typedef struct bf_heat_row {
  int64_t image;
  double to_original[6];
} bf_heat_row;

/* ---- writing ---- */

typedef struct bf_heat_out {
  bf_heat_grid grids[BF_HEATS];
  hid_t maps[BF_HEATS]; /* < 0: not begun, or none of that kind */
  bf_heat_row *rows;
  int64_t count, room;
} bf_heat_out;

void bf_heat_out_begin(bf_heat_out *heat, const bf_heat_grid *grids); /* grids[BF_HEATS]; NULL: there will be none */
/* The maps of the row that stands at `image`, if it has any. */
bf_status bf_heat_out_put(bf_heat_out *heat, bf_h5_out *out, int64_t image, const bf_score_row *row, bf_error *err);
bf_status bf_heat_out_finish(bf_heat_out *heat, bf_h5_out *out, bf_error *err);
void bf_heat_out_close(bf_heat_out *heat);

/* ---- reading ---- */

typedef struct bf_heat_in {
  bf_heat_grid grids[BF_HEATS];
  hid_t maps[BF_HEATS];
} bf_heat_in;

#define BF_HEAT_CLOSED ((bf_heat_in){.maps = {-1, -1}})

/* Tells the rows which place their maps have. A file without maps opens as closed. */
bf_status bf_heat_in_open(bf_heat_in *heat, bf_stored_row *rows, int64_t count, hid_t file, const char *path,
                          bf_error *err);
bool bf_heat_in_read(const bf_heat_in *heat, bf_heat_kind kind, int64_t place, float *dst);
void bf_heat_in_close(bf_heat_in *heat);

#endif
