/* Heat maps as stacks [map][row][column]. */
#include "store/heat_maps.h"

#include <math.h>
#include <string.h>

#include "base/memory.h"

static const struct {
  const char *name, *units, *long_name;
} kinds[BF_HEATS] = {
    {"malignancy", "logit", "what each cell adds to malignant_logit; Grad-CAM is the positive part"},
    {"lesion", "1", "probability of a lesion at each cell, 0 to 1"},
};

static const bf_column columns[] = {
    {"image", BF_COLUMN_INT64, offsetof(bf_heat_row, image), "1", "row in /images", NULL},
    {"to_original", BF_COLUMN_DOUBLE6, offsetof(bf_heat_row, to_original), "px",
     "affine from pixels that the network sees to original ones: x' = m0 x + m1 y + m2, y' = m3 x + m4 y + m5", NULL},
};
enum { column_count = sizeof columns / sizeof columns[0], most_side = 4096, chunk_bytes = 1 << 20 };

const char *bf_heat_kind_name(bf_heat_kind kind) { return kinds[kind].name; }

static bool is_there(const bf_heat_grid *grid) { return grid->rows > 0; }

/* ---- writing ---- */

void bf_heat_out_begin(bf_heat_out *heat, const bf_heat_grid *grids) {
  *heat = (bf_heat_out){.maps = {-1, -1}};
  if (grids != NULL) memcpy(heat->grids, grids, sizeof heat->grids);
}

static bool put_cell(hid_t dataset, double cell) {
  hid_t space = H5Screate(H5S_SCALAR);
  hid_t attribute = space >= 0 ? H5Acreate2(dataset, "cell", H5T_IEEE_F64LE, space, H5P_DEFAULT, H5P_DEFAULT) : -1;
  bool good = attribute >= 0 && H5Awrite(attribute, H5T_NATIVE_DOUBLE, &cell) >= 0;
  if (attribute >= 0) H5Aclose(attribute);
  if (space >= 0) H5Sclose(space);
  return good;
}

static hid_t create_maps(hid_t group, int kind, const bf_heat_grid *grid) {
  hsize_t rows = (hsize_t)grid->rows, cols = (hsize_t)grid->columns, each = chunk_bytes / (4 * rows * cols);
  hsize_t dims[3] = {0, rows, cols}, most[3] = {H5S_UNLIMITED, rows, cols},
          chunk[3] = {each > 0 ? each : 1, rows, cols};
  hid_t space = H5Screate_simple(3, dims, most), creation = H5Pcreate(H5P_DATASET_CREATE), dataset = -1;
  if (space >= 0 && creation >= 0 && H5Pset_chunk(creation, 3, chunk) >= 0 && H5Pset_obj_track_times(creation, 0) >= 0)
    dataset = H5Dcreate2(group, kinds[kind].name, H5T_IEEE_F32LE, space, H5P_DEFAULT, creation, H5P_DEFAULT);
  if (space >= 0) H5Sclose(space);
  if (creation >= 0) H5Pclose(creation);
  bool good = dataset >= 0 && bf_h5_put_text(dataset, "units", kinds[kind].units) &&
              bf_h5_put_text(dataset, "long_name", kinds[kind].long_name) && put_cell(dataset, grid->cell);
  if (dataset >= 0 && !good) H5Dclose(dataset);
  return good ? dataset : -1;
}

static bool create_all(bf_heat_out *heat, hid_t file) {
  hid_t group = H5Gcreate2(file, "heatmaps", H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT);
  bool good = group >= 0;
  for (int k = 0; k < BF_HEATS && good; k++)
    if (is_there(&heat->grids[k])) good = (heat->maps[k] = create_maps(group, k, &heat->grids[k])) >= 0;
  if (group >= 0) H5Gclose(group);
  return good;
}

static bool move_map(hid_t dataset, const bf_heat_grid *grid, int64_t place, float *read, const float *write) {
  hsize_t first[3] = {(hsize_t)place, 0, 0}, size[3] = {1, (hsize_t)grid->rows, (hsize_t)grid->columns};
  hid_t there = H5Dget_space(dataset), here = H5Screate_simple(3, size, NULL);
  bool good = there >= 0 && here >= 0 && H5Sselect_hyperslab(there, H5S_SELECT_SET, first, NULL, size, NULL) >= 0;
  if (good && write != NULL) good = H5Dwrite(dataset, H5T_NATIVE_FLOAT, here, there, H5P_DEFAULT, write) >= 0;
  if (good && read != NULL) good = H5Dread(dataset, H5T_NATIVE_FLOAT, here, there, H5P_DEFAULT, read) >= 0;
  if (there >= 0) H5Sclose(there);
  if (here >= 0) H5Sclose(here);
  return good;
}

static bool append_map(hid_t dataset, const bf_heat_grid *grid, int64_t place, const float *map) {
  hsize_t extent[3] = {(hsize_t)place + 1, (hsize_t)grid->rows, (hsize_t)grid->columns};
  return H5Dset_extent(dataset, extent) >= 0 && move_map(dataset, grid, place, NULL, map);
}

static bool has_maps(const bf_heat_out *heat, const bf_score_row *row) {
  bool any = false;
  for (int k = 0; k < BF_HEATS; k++) {
    if (is_there(&heat->grids[k]) && row->heat[k] == NULL) return false;
    any = any || is_there(&heat->grids[k]);
  }
  return any;
}

bf_status bf_heat_out_put(bf_heat_out *heat, bf_h5_out *out, int64_t image, const bf_score_row *row, bf_error *err) {
  if (!has_maps(heat, row)) return BF_OK;
  if (heat->count == heat->room) {
    int64_t room = heat->room > 0 ? 2 * heat->room : 256;
    bf_heat_row *rows = bf_grow(heat->rows, (size_t)heat->room, (size_t)room, sizeof *rows);
    if (rows == NULL) return bf_fail(err, BF_E_MEMORY, "no memory for %lld heat maps", (long long)room);
    heat->rows = rows;
    heat->room = room;
  }
  bool good = heat->count > 0 || create_all(heat, out->file);
  for (int k = 0; k < BF_HEATS && good; k++)
    if (is_there(&heat->grids[k])) good = append_map(heat->maps[k], &heat->grids[k], heat->count, row->heat[k]);
  bf_heat_row *one = &heat->rows[heat->count];
  one->image = image;
  memcpy(one->to_original, row->to_original, sizeof one->to_original);
  heat->count++;
  return good && out->failed == 0 ? BF_OK : bf_h5_fail_out(out, "write heat maps", err);
}

bf_status bf_heat_out_finish(bf_heat_out *heat, bf_h5_out *out, bf_error *err) {
  if (heat->count == 0) return BF_OK;
  return bf_h5_write_table(out, "heatmaps", columns, column_count, heat->rows, sizeof *heat->rows, heat->count, err);
}

static void close_all(hid_t maps[BF_HEATS]) {
  for (int k = 0; k < BF_HEATS; k++) {
    if (maps[k] >= 0) H5Dclose(maps[k]);
    maps[k] = -1;
  }
}

void bf_heat_out_close(bf_heat_out *heat) {
  close_all(heat->maps);
  bf_free(heat->rows);
  heat->rows = NULL;
}

/* ---- reading ---- */

static bool get_cell(double *cell, hid_t dataset) {
  hid_t attribute = H5Aexists(dataset, "cell") > 0 ? H5Aopen(dataset, "cell", H5P_DEFAULT) : -1;
  hid_t space = attribute >= 0 ? H5Aget_space(attribute) : -1;
  bool good = space >= 0 && H5Sget_simple_extent_npoints(space) == 1 &&
              H5Aread(attribute, H5T_NATIVE_DOUBLE, cell) >= 0 && *cell > 0 && *cell <= most_side;
  if (space >= 0) H5Sclose(space);
  if (attribute >= 0) H5Aclose(attribute);
  return good;
}

static bool check_maps(bf_heat_grid *grid, hid_t dataset, int64_t count) {
  hsize_t dims[3] = {0};
  hid_t space = H5Dget_space(dataset), type = H5Dget_type(dataset);
  bool good = space >= 0 && type >= 0 && H5Sget_simple_extent_ndims(space) == 3 &&
              H5Sget_simple_extent_dims(space, dims, NULL) == 3 && H5Tget_class(type) == H5T_FLOAT &&
              H5Tget_size(type) == sizeof(float) && dims[0] == (hsize_t)count && dims[1] >= 1 && dims[1] <= most_side &&
              dims[2] >= 1 && dims[2] <= most_side && get_cell(&grid->cell, dataset);
  if (type >= 0) H5Tclose(type);
  if (space >= 0) H5Sclose(space);
  if (!good) return false;
  grid->rows = (int32_t)dims[1];
  grid->columns = (int32_t)dims[2];
  return bf_h5_believable(dataset, count * (int64_t)dims[1] * (int64_t)dims[2], sizeof(float));
}

static bf_status open_maps(bf_heat_in *heat, int64_t count, hid_t file, const char *path, bf_error *err) {
  bf_status status = BF_OK;
  for (int k = 0; k < BF_HEATS && status == BF_OK; k++) {
    char name[64];
    snprintf(name, sizeof name, "heatmaps/%s", kinds[k].name);
    if (!bf_h5_has(file, name)) continue;
    status = bf_h5_open_dataset(&heat->maps[k], file, path, name, err);
    if (status == BF_OK && !check_maps(&heat->grids[k], heat->maps[k], count))
      status = bf_fail(err, BF_E_FORMAT, "%s: /%s is no stack of %lld heat maps", path, name, (long long)count);
  }
  return status;
}

/* Images rise, so that none has two. */
static bf_status give_places(bf_stored_row *rows, int64_t count, const bf_heat_row *maps, int64_t map_count,
                             const char *path, bf_error *err) {
  for (int64_t i = 0; i < map_count; i++) {
    bool good = maps[i].image >= (i > 0 ? maps[i - 1].image + 1 : 0) && maps[i].image < count;
    for (int k = 0; k < 6; k++) good = good && isfinite(maps[i].to_original[k]);
    if (!good)
      return bf_fail(err, BF_E_FORMAT, "%s: row %lld of /heatmaps cannot be; the file is damaged", path, (long long)i);
    bf_stored_row *row = &rows[maps[i].image];
    row->heat = i;
    memcpy(row->row.to_original, maps[i].to_original, sizeof row->row.to_original);
  }
  return BF_OK;
}

bf_status bf_heat_in_open(bf_heat_in *heat, bf_stored_row *rows, int64_t count, hid_t file, const char *path,
                          bf_error *err) {
  int64_t map_count = 0;
  *heat = BF_HEAT_CLOSED;
  if (!bf_h5_has(file, "heatmaps")) return BF_OK;
  bf_status status = bf_h5_table_count(&map_count, file, path, "heatmaps", columns, err);
  if (status != BF_OK) return status;
  bf_heat_row *maps = bf_alloc((size_t)map_count, sizeof *maps);
  if (maps == NULL) return bf_fail(err, BF_E_MEMORY, "%s: no memory for %lld heat maps", path, (long long)map_count);
  status = bf_h5_read_table(maps, sizeof *maps, map_count, file, path, "heatmaps", columns, column_count, err);
  if (status == BF_OK) status = open_maps(heat, map_count, file, path, err);
  if (status == BF_OK) status = give_places(rows, count, maps, map_count, path, err);
  bf_free(maps);
  return status;
}

bool bf_heat_in_read(const bf_heat_in *heat, bf_heat_kind kind, int64_t place, float *dst) {
  return move_map(heat->maps[kind], &heat->grids[kind], place, dst, NULL);
}

void bf_heat_in_close(bf_heat_in *heat) { close_all(heat->maps); }
