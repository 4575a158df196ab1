/* EMBED.h5 on its way out: vectors in blocks as they come, the columns at the end. */
#include "store/embeddings.h"

#include <math.h>
#include <string.h>

#include "base/log.h"
#include "base/memory.h"
#include "bifocal/version.h"
#include "store/scores_columns.h"

enum { identity_columns = 10, most_block = 1 << 18 }; /* the columns up to "message"; numbers of a block */

struct bf_embeddings {
  bf_h5_out out;
  hid_t dataset;
  int64_t width, written, count, capacity;
  bf_stored_row *rows; /* file and message owned */
  float *block;        /* vectors not yet written */
  int64_t block_rows, block_count;
};

static bool put_notes(hid_t file, const bf_embeddings_notes *n) {
  char created[32];
  bf_utc_now(created, sizeof created);
  return bf_h5_put_text(file, "Conventions", "bifocal-embedding-1") && bf_h5_put_text(file, "created", created) &&
         bf_h5_put_text(file, "software_version", BIFOCAL_VERSION) &&
         bf_h5_put_text(file, "model_sha256", n->model_sha256) && bf_h5_put_text(file, "backbone", n->backbone) &&
         bf_h5_put_text(file, "stage", n->stage) && bf_h5_put_text(file, "layout", n->layout);
}

static hid_t create_dataset(hid_t file, int64_t width, int64_t block_rows) {
  hsize_t dims[2] = {0, (hsize_t)width}, most[2] = {H5S_UNLIMITED, (hsize_t)width},
          chunk[2] = {(hsize_t)block_rows, (hsize_t)width};
  hid_t space = H5Screate_simple(2, dims, most), creation = H5Pcreate(H5P_DATASET_CREATE), dataset = -1;
  bool good =
      space >= 0 && creation >= 0 && H5Pset_chunk(creation, 2, chunk) >= 0 && H5Pset_obj_track_times(creation, 0) >= 0;
  if (good) dataset = H5Dcreate2(file, "features", H5T_IEEE_F32LE, space, H5P_DEFAULT, creation, H5P_DEFAULT);
  if (dataset >= 0 && !(bf_h5_put_text(dataset, "units", "1") &&
                        bf_h5_put_text(dataset, "long_name", "features of the image; NaN where there is none"))) {
    H5Dclose(dataset);
    dataset = -1;
  }
  if (creation >= 0) H5Pclose(creation);
  if (space >= 0) H5Sclose(space);
  return dataset;
}

bf_status bf_embeddings_create(bf_embeddings **out, const char *path, int64_t width, const bf_embeddings_notes *notes,
                               bf_error *err) {
  *out = NULL;
  bf_embeddings *e = bf_alloc(1, sizeof *e);
  if (e == NULL) return bf_fail(err, BF_E_MEMORY, "no memory for an embedding file");
  *e = (bf_embeddings){.out = {.file = -1}, .dataset = -1, .width = width};
  e->block_rows = width < most_block / 64 ? 64 : 1;
  bf_status status = bf_h5_create(&e->out, path, err);
  if (status == BF_OK && (e->block = bf_alloc((size_t)(e->block_rows * width), sizeof *e->block)) == NULL)
    status = bf_fail(err, BF_E_MEMORY, "no memory for vectors of %lld numbers", (long long)width);
  if (status == BF_OK &&
      (!put_notes(e->out.file, notes) || (e->dataset = create_dataset(e->out.file, width, e->block_rows)) < 0))
    status = bf_h5_fail_out(&e->out, "write", err);
  if (status != BF_OK)
    bf_embeddings_discard(e);
  else
    *out = e;
  return status;
}

static bf_status write_block(bf_embeddings *e, bf_error *err) {
  if (e->block_count == 0) return BF_OK;
  hsize_t all[2] = {(hsize_t)(e->written + e->block_count), (hsize_t)e->width}, first[2] = {(hsize_t)e->written, 0},
          count[2] = {(hsize_t)e->block_count, (hsize_t)e->width};
  hid_t memory = H5Screate_simple(2, count, NULL), space = -1;
  bool good = memory >= 0 && H5Dset_extent(e->dataset, all) >= 0 && (space = H5Dget_space(e->dataset)) >= 0;
  good = good && H5Sselect_hyperslab(space, H5S_SELECT_SET, first, NULL, count, NULL) >= 0;
  good = good && H5Dwrite(e->dataset, H5T_NATIVE_FLOAT, memory, space, H5P_DEFAULT, e->block) >= 0;
  if (space >= 0) H5Sclose(space);
  if (memory >= 0) H5Sclose(memory);
  e->written += e->block_count;
  e->block_count = 0;
  return good && e->out.failed == 0 ? BF_OK : bf_h5_fail_out(&e->out, "write", err);
}

bf_status bf_embeddings_append(bf_embeddings *e, const bf_score_row *row, const float *vector, bf_error *err) {
  if (e->count == e->capacity) {
    int64_t wanted = e->capacity > 0 ? 2 * e->capacity : 64;
    bf_stored_row *grown = bf_grow(e->rows, (size_t)e->capacity, (size_t)wanted, sizeof *grown);
    if (grown == NULL) return bf_fail(err, BF_E_MEMORY, "no memory for %lld rows", (long long)wanted);
    e->rows = grown;
    e->capacity = wanted;
  }
  bf_score_row *to = &e->rows[e->count++].row;
  *to = *row;
  to->file = bf_strdup(row->file);
  to->message = bf_strdup(row->message);
  to->boxes = NULL;
  if (to->file == NULL || to->message == NULL) return bf_fail(err, BF_E_MEMORY, "no memory for a row");
  float *place = e->block + e->block_count++ * e->width;
  for (int64_t i = 0; i < e->width; i++) place[i] = vector != NULL ? vector[i] : NAN;
  return e->block_count == e->block_rows ? write_block(e, err) : BF_OK;
}

bf_status bf_embeddings_publish(bf_embeddings *e, bf_error *err) {
  bf_status status = write_block(e, err);
  if (e->dataset >= 0) H5Dclose(e->dataset);
  e->dataset = -1;
  if (status == BF_OK)
    status =
        bf_h5_write_table(&e->out, "images", bf_row_columns, identity_columns, e->rows, sizeof *e->rows, e->count, err);
  if (status == BF_OK) status = bf_h5_publish(&e->out, err);
  bf_embeddings_discard(e);
  return status;
}

void bf_embeddings_discard(bf_embeddings *e) {
  if (e == NULL) return;
  if (e->dataset >= 0) H5Dclose(e->dataset);
  bf_h5_discard(&e->out);
  for (int64_t i = 0; i < e->count; i++) {
    bf_free((char *)e->rows[i].row.file);
    bf_free((char *)e->rows[i].row.message);
  }
  bf_free(e->rows);
  bf_free(e->block);
  bf_free(e);
}
