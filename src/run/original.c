/* Finding the file of a row, and looking at it. */
#include "run/original.h"

#include <string.h>

#include "base/file.h"
#include "base/memory.h"

static bf_status open_beside(bf_dicom **out, const char *file, const char *scores, bf_error *err) {
  char folder[BF_PATH_MAX], path[BF_PATH_MAX];
  bf_status status = bf_dicom_open(out, file, NULL, 0, err);
  if (status == BF_OK || bf_file_exists(file)) return status;
  bf_path_folder(folder, sizeof folder, scores);
  if (bf_path_join(path, sizeof path, folder, file, NULL) != BF_OK || !bf_file_exists(path)) return status;
  return bf_dicom_open(out, path, NULL, 0, err);
}

bf_status bf_original_open(bf_dicom **out, const bf_score_row *row, const char *scores, bf_error *err) {
  bf_status status = open_beside(out, row->file, scores, err);
  if (status != BF_OK) return status;
  if (row->sop_instance_uid[0] == '\0' || strcmp(bf_dicom_image(*out)->sop_instance_uid, row->sop_instance_uid) == 0)
    return BF_OK;
  bf_dicom_close(*out);
  *out = NULL;
  return bf_fail(err, BF_E_FORMAT, "%s: holds another image than the one that was scored", row->file);
}

bf_status bf_original_prepare(bf_prepared *out, const bf_score_row *row, const char *scores,
                              const bf_prepare_options *options, bf_prepare_scratch *scratch, bf_error *err) {
  bf_dicom *dicom = NULL;
  *out = (bf_prepared){0};
  bf_status status = bf_original_open(&dicom, row, scores, err);
  if (status == BF_OK) status = bf_prepare_frame(out, dicom, row->frame, options, scratch, err);
  bf_dicom_close(dicom);
  return status;
}

bf_status bf_original_small(bf_prepare_options *out, int side, bf_error *err) {
  bf_status status = bf_options_defaults(bf_prepare_table, out, err);
  out->side = side;
  out->crop = BF_CROP_NONE;
  out->mirror = BF_MIRROR_NONE;
  return status;
}

bf_status bf_viewer_open(bf_viewer *v, bf_error *err) {
  *v = (bf_viewer){0};
  return bf_options_defaults(bf_prepare_table, &v->options, err);
}

static bf_status make_room(bf_viewer *v, const bf_image *image, const char *file, bf_error *err) {
  size_t pixels = (size_t)image->rows * (size_t)image->columns;
  if (bf_make_room((void **)&v->grey, &v->room, pixels, 1)) return BF_OK;
  return bf_fail(err, BF_E_MEMORY, "%s: no memory for a picture of %d x %d pixels", file, image->columns, image->rows);
}

bf_status bf_viewer_look(bf_viewer *v, const bf_score_row *row, const char *scores, bf_error *err) {
  bf_dicom *dicom = NULL;
  bf_status status = bf_original_open(&dicom, row, scores, err);
  if (status != BF_OK) return status;
  const bf_image *image = bf_dicom_image(dicom);
  if (image->rows != row->rows || image->columns != row->columns)
    status = bf_fail(err, BF_E_FORMAT, "%s: has %d x %d pixels, and the scores are of an image of %d x %d", row->file,
                     image->columns, image->rows, row->columns, row->rows);
  if (status == BF_OK) status = make_room(v, image, row->file, err);
  if (status == BF_OK) status = bf_prepare_view(v->grey, dicom, row->frame, &v->options, &v->scratch, err);
  bf_dicom_close(dicom);
  return status;
}

void bf_viewer_close(bf_viewer *v) {
  bf_prepare_scratch_clear(&v->scratch);
  bf_free(v->grey);
  *v = (bf_viewer){0};
}
