/* Training checkpoints: /blocks/<name> float32 each, and the text as an attribute of the root. */
#include "store/checkpoint.h"

#include <stdio.h>

#include "base/memory.h"
#include "store/h5.h"

#define CONVENTION "bifocal-checkpoint-1"

static bool write_block(hid_t file, const bf_block *block) {
  char name[512];
  if (snprintf(name, sizeof name, "blocks/%s", block->name) >= (int)sizeof name || block->count < 0) return false;
  hsize_t count = (hsize_t)block->count;
  hid_t space = H5Screate_simple(1, &count, NULL), link = H5Pcreate(H5P_LINK_CREATE),
        creation = H5Pcreate(H5P_DATASET_CREATE), dataset = -1;
  bool good = space >= 0 && link >= 0 && creation >= 0 && H5Pset_create_intermediate_group(link, 1) >= 0 &&
              H5Pset_obj_track_times(creation, 0) >= 0;
  good = good && (dataset = H5Dcreate2(file, name, H5T_IEEE_F32LE, space, link, creation, H5P_DEFAULT)) >= 0;
  good = good && (count == 0 || H5Dwrite(dataset, H5T_NATIVE_FLOAT, H5S_ALL, H5S_ALL, H5P_DEFAULT, block->data) >= 0);
  if (dataset >= 0) H5Dclose(dataset);
  if (creation >= 0) H5Pclose(creation);
  if (link >= 0) H5Pclose(link);
  if (space >= 0) H5Sclose(space);
  return good;
}

bf_status bf_checkpoint_write(const char *path, const bf_block *blocks, int count, const char *text, bf_error *err) {
  bf_h5_out out;
  bf_status status = bf_h5_create(&out, path, err);
  if (status != BF_OK) return status;
  bool good = bf_h5_put_text(out.file, "Conventions", CONVENTION) && bf_h5_put_text(out.file, "text", text);
  for (int i = 0; i < count && good; i++) good = write_block(out.file, &blocks[i]) && out.failed == 0;
  if (good) return bf_h5_publish(&out, err);
  status = bf_h5_fail_out(&out, "write the checkpoint", err);
  bf_h5_discard(&out);
  return status;
}

static bf_status read_block(hid_t file, const char *path, const bf_block *block, bf_error *err) {
  char name[512];
  hid_t dataset;
  if (snprintf(name, sizeof name, "blocks/%s", block->name) >= (int)sizeof name)
    return bf_fail(err, BF_E_ARGUMENT, "%s: the name of a block is too long", path);
  bf_status status = bf_h5_open_dataset(&dataset, file, path, name, err);
  if (status != BF_OK) return status;
  hid_t space = H5Dget_space(dataset), type = H5Dget_type(dataset);
  hssize_t count = space < 0 ? -1 : H5Sget_simple_extent_npoints(space);
  if (count != block->count || type < 0 || H5Tget_class(type) != H5T_FLOAT)
    status =
        bf_fail(err, BF_E_FORMAT,
                "%s: /%s holds %lld values, and %lld numbers are expected: it belongs to another network or optimiser",
                path, name, (long long)count, (long long)block->count);
  else if (count > 0 && (!bf_h5_believable(dataset, count, 4) ||
                         H5Dread(dataset, H5T_NATIVE_FLOAT, H5S_ALL, H5S_ALL, H5P_DEFAULT, block->data) < 0))
    status = bf_h5_fail_in(path, name, err);
  if (type >= 0) H5Tclose(type);
  if (space >= 0) H5Sclose(space);
  H5Dclose(dataset);
  return status;
}

bf_status bf_checkpoint_read(const char *path, const bf_block *blocks, int count, char **text, bf_error *err) {
  hid_t file;
  *text = NULL;
  bf_status status = bf_h5_open(&file, path, CONVENTION, err);
  if (status != BF_OK) return status;
  for (int i = 0; i < count && status == BF_OK; i++) status = read_block(file, path, &blocks[i], err);
  if (status == BF_OK && (*text = bf_h5_get_text(file, "text")) == NULL)
    status = bf_fail(err, BF_E_FORMAT, "%s: the attribute text is absent; the file is damaged", path);
  H5Fclose(file);
  return status;
}
