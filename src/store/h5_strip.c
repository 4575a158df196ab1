/* Long rows of numbers. */
#include "store/h5_strip.h"

enum { chunk_bytes = 1024 * 1024 };

bool bf_strip_create(bf_strip *out, hid_t file, const char *name, hid_t type, const char *long_name) {
  *out = BF_STRIP_CLOSED;
  hsize_t dims = 0, most = H5S_UNLIMITED, chunk = chunk_bytes / H5Tget_size(type);
  hid_t space = H5Screate_simple(1, &dims, &most), creation = H5Pcreate(H5P_DATASET_CREATE),
        access = H5Pcreate(H5P_DATASET_ACCESS);
  hid_t dataset = -1;
  /* No filter: a chunk is then read straight from the page cache, and reading never holds training up. */
  if (space >= 0 && creation >= 0 && access >= 0 && H5Pset_chunk(creation, 1, &chunk) >= 0 &&
      H5Pset_obj_track_times(creation, 0) >= 0 && H5Pset_chunk_cache(access, 521, (size_t)8 << 20, 1.0) >= 0)
    dataset = H5Dcreate2(file, name, type, space, H5P_DEFAULT, creation, access);
  if (dataset >= 0 && !(bf_h5_put_text(dataset, "units", "1") && bf_h5_put_text(dataset, "long_name", long_name))) {
    H5Dclose(dataset);
    dataset = -1;
  }
  if (space >= 0) H5Sclose(space);
  if (creation >= 0) H5Pclose(creation);
  if (access >= 0) H5Pclose(access);
  out->dataset = dataset;
  return dataset >= 0;
}

bool bf_strip_append(bf_strip *to, hid_t type, const void *values, int64_t count) {
  hsize_t start = (hsize_t)to->count, length = (hsize_t)count, extent = start + length;
  if (H5Dset_extent(to->dataset, &extent) < 0) return false;
  hid_t file_space = H5Dget_space(to->dataset), memory_space = H5Screate_simple(1, &length, NULL);
  bool good = file_space >= 0 && memory_space >= 0 &&
              H5Sselect_hyperslab(file_space, H5S_SELECT_SET, &start, NULL, &length, NULL) >= 0 &&
              H5Dwrite(to->dataset, type, memory_space, file_space, H5P_DEFAULT, values) >= 0;
  if (file_space >= 0) H5Sclose(file_space);
  if (memory_space >= 0) H5Sclose(memory_space);
  if (good) to->count += count;
  return good;
}

bf_status bf_strip_open(bf_strip *out, hid_t file, const char *path, const char *name, size_t size, bf_error *err) {
  *out = BF_STRIP_CLOSED;
  bf_status status = bf_h5_open_dataset(&out->dataset, file, path, name, err);
  if (status != BF_OK) return status;
  hid_t space = H5Dget_space(out->dataset), type = H5Dget_type(out->dataset);
  hsize_t length = 0;
  bool good = space >= 0 && type >= 0 && H5Sget_simple_extent_ndims(space) == 1 &&
              H5Sget_simple_extent_dims(space, &length, NULL) == 1 && H5Tget_class(type) == H5T_INTEGER &&
              H5Tget_size(type) == size && length <= (hsize_t)INT64_MAX / 4;
  if (type >= 0) H5Tclose(type);
  if (space >= 0) H5Sclose(space);
  if (!good) return bf_fail(err, BF_E_FORMAT, "%s: /%s is not one row of %zu-bit values", path, name, 8 * size);
  if (!bf_h5_believable(out->dataset, (int64_t)length, size))
    return bf_fail(err, BF_E_FORMAT, "%s: /%s promises %lld values and does not hold them", path, name,
                   (long long)length);
  out->count = (int64_t)length;
  return BF_OK;
}

bool bf_strip_read(const bf_strip *strip, hid_t type, void *dst, int64_t first, int64_t count) {
  hsize_t start = (hsize_t)first, length = (hsize_t)count;
  hid_t file_space = H5Dget_space(strip->dataset), memory_space = H5Screate_simple(1, &length, NULL);
  bool good = file_space >= 0 && memory_space >= 0 &&
              H5Sselect_hyperslab(file_space, H5S_SELECT_SET, &start, NULL, &length, NULL) >= 0 &&
              H5Dread(strip->dataset, type, memory_space, file_space, H5P_DEFAULT, dst) >= 0;
  if (file_space >= 0) H5Sclose(file_space);
  if (memory_space >= 0) H5Sclose(memory_space);
  return good;
}

void bf_strip_close(bf_strip *strip) {
  if (strip->dataset >= 0) H5Dclose(strip->dataset);
  *strip = BF_STRIP_CLOSED;
}

bool bf_strip_read_mask(const bf_strip *strip, uint8_t *dst, int64_t start, int32_t rows, int32_t columns) {
  if (!bf_strip_read(strip, H5T_NATIVE_UINT8, dst, start, bf_strip_mask_bytes(rows, columns))) return false;
  size_t stride = ((size_t)columns + 7) / 8;
  for (int32_t y = 0; y < rows && columns % 8 != 0; y++)
    dst[(size_t)(y + 1) * stride - 1] &= (uint8_t)(0xff << (8 - columns % 8));
  return true;
}
