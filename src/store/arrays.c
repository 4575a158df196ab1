/* Arrays of other people's programs: no attribute says what the file is, so only the array itself is judged. */
#include "store/arrays.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/memory.h"
#include "store/h5.h"

static bf_status open_file(hid_t *out, const char *path, bf_error *err) {
  H5Eset_auto2(H5E_DEFAULT, NULL, NULL);
  H5PLset_loading_state(0);
  if (access(path, R_OK) != 0)
    return bf_fail(err, errno == ENOENT ? BF_E_NOT_FOUND : BF_E_IO, "%s: cannot open: %s", path, strerror(errno));
  if (H5Fis_hdf5(path) <= 0) return bf_fail(err, BF_E_FORMAT, "%s: is no HDF5 file", path);
  *out = H5Fopen(path, H5F_ACC_RDONLY, H5P_DEFAULT);
  return *out >= 0 ? BF_OK : bf_h5_fail_in(path, "the file", err);
}

static bf_status read_shape(bf_array *out, int64_t *count, hid_t dataset, const char *path, int64_t limit,
                            bf_error *err) {
  hsize_t dims[BF_ARRAY_RANK_MAX] = {0};
  hid_t space = H5Dget_space(dataset), type = H5Dget_type(dataset);
  int rank = space < 0 ? -1 : H5Sget_simple_extent_ndims(space);
  bool is_float = type >= 0 && H5Tget_class(type) == H5T_FLOAT;
  if (rank >= 0 && rank <= BF_ARRAY_RANK_MAX) H5Sget_simple_extent_dims(space, dims, NULL);
  if (type >= 0) H5Tclose(type);
  if (space >= 0) H5Sclose(space);
  if (!is_float) return bf_fail(err, BF_E_FORMAT, "%s: /%s does not hold floating-point numbers", path, out->name);
  if (rank < 0 || rank > BF_ARRAY_RANK_MAX)
    return bf_fail(err, BF_E_FORMAT, "%s: /%s has %d dimensions, at most %d are handled", path, out->name, rank,
                   BF_ARRAY_RANK_MAX);
  *count = 1;
  out->rank = rank;
  for (int i = 0; i < rank; i++) {
    if (dims[i] > (hsize_t)INT64_MAX || __builtin_mul_overflow(*count, (int64_t)dims[i], count) || *count > limit)
      return bf_fail(err, BF_E_LIMIT, "%s: /%s holds more than %lld numbers", path, out->name, (long long)limit);
    out->shape[i] = (int64_t)dims[i];
  }
  return BF_OK;
}

bf_status bf_array_read(bf_array *out, const char *path, const char *name, int64_t limit, bf_error *err) {
  hid_t file = -1, dataset = -1;
  int64_t count = 0;
  *out = (bf_array){.rank = 0};
  snprintf(out->name, sizeof out->name, "%s", name);
  bf_status status = open_file(&file, path, err);
  if (status == BF_OK) status = bf_h5_open_dataset(&dataset, file, path, name, err);
  if (status == BF_OK) status = read_shape(out, &count, dataset, path, limit, err);
  if (status == BF_OK && count > 0 && H5Dget_storage_size(dataset) == 0)
    status = bf_fail(err, BF_E_FORMAT, "%s: /%s claims %lld numbers and stores none", path, name, (long long)count);
  if (status == BF_OK && (out->data = bf_alloc_raw((size_t)count, sizeof(float))) == NULL)
    status = bf_fail(err, BF_E_MEMORY, "%s: no memory for %lld numbers", path, (long long)count);
  if (status == BF_OK && count > 0 && H5Dread(dataset, H5T_NATIVE_FLOAT, H5S_ALL, H5S_ALL, H5P_DEFAULT, out->data) < 0)
    status = bf_h5_fail_in(path, name, err);
  if (dataset >= 0) H5Dclose(dataset);
  if (file >= 0) H5Fclose(file);
  if (status != BF_OK) {
    bf_free(out->data);
    out->data = NULL;
  }
  return status;
}

static bool write_one(hid_t file, const bf_array *array) {
  hsize_t dims[BF_ARRAY_RANK_MAX];
  for (int i = 0; i < array->rank; i++) dims[i] = (hsize_t)array->shape[i];
  hid_t space = H5Screate_simple(array->rank, dims, NULL), link = H5Pcreate(H5P_LINK_CREATE), dataset = -1;
  bool good = space >= 0 && link >= 0 && H5Pset_create_intermediate_group(link, 1) >= 0;
  good = good && (dataset = H5Dcreate2(file, array->name, H5T_IEEE_F32LE, space, link, H5P_DEFAULT, H5P_DEFAULT)) >= 0;
  good = good && H5Dwrite(dataset, H5T_NATIVE_FLOAT, H5S_ALL, H5S_ALL, H5P_DEFAULT, array->data) >= 0;
  if (dataset >= 0) H5Dclose(dataset);
  if (link >= 0) H5Pclose(link);
  if (space >= 0) H5Sclose(space);
  return good;
}

bf_status bf_arrays_write(const char *path, const bf_array *arrays, int count, bf_error *err) {
  bf_h5_out out;
  bf_status status = bf_h5_create(&out, path, err);
  if (status != BF_OK) return status;
  bool good = true;
  for (int i = 0; i < count && good; i++) good = write_one(out.file, &arrays[i]) && out.failed == 0;
  if (good) return bf_h5_publish(&out, err);
  status = bf_h5_fail_out(&out, "write the arrays", err);
  bf_h5_discard(&out);
  return status;
}
