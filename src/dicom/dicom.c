/* The room's front: opens and decodes here. */
#include "dicom/dicom.h"

#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "base/memory.h"
#include "dicom/reader.h"

struct bf_dicom {
  bf_reader *reader;
  int file;
  char *path;
};

bf_status bf_dicom_init(bf_error *err) { return bf_reader_init(err); }

static bf_status open_file(bf_dicom *d, bf_image *seen, const char *path, bf_error *err) {
  int64_t size;
  d->path = bf_strdup(path);
  if (d->path == NULL) return bf_fail(err, BF_E_MEMORY, "%s: no memory to read it", path);
  bf_status status = bf_reader_file(&d->file, &size, path, err);
  return status == BF_OK ? bf_reader_open(&d->reader, seen, d->file, size, path, err) : status;
}

static bf_status open_new(bf_dicom **out, bf_image *seen, const char *path, bf_error *err) {
  bf_dicom *d = bf_alloc(1, sizeof *d);
  *out = NULL;
  if (d == NULL) return bf_fail(err, BF_E_MEMORY, "%s: no memory to read it", path);
  d->file = -1;
  bf_status status = open_file(d, seen, path, err);
  if (status == BF_OK)
    *out = d;
  else
    bf_dicom_close(d);
  return status;
}

bf_status bf_dicom_open(bf_dicom **out, const char *path, const void *key, size_t key_size, bf_error *err) {
  char identity[BF_IDENTITY_MAX];
  bf_status status = open_new(out, NULL, path, err);
  if (status != BF_OK) return status;
  bf_reader_identity(identity, (*out)->reader);
  if (identity[0] != '\0')
    bf_hmac_sha256(bf_reader_image((*out)->reader)->patient_key, key, key_size, identity, strlen(identity));
  return BF_OK;
}

bf_status bf_dicom_open_seen(bf_dicom **out, bf_image *seen, const char *path, bf_error *err) {
  bf_image_init(seen);
  return open_new(out, seen, path, err);
}

void bf_dicom_close(bf_dicom *d) {
  if (d == NULL) return;
  bf_reader_close(d->reader);
  if (d->file >= 0) close(d->file);
  bf_free(d->path);
  bf_free(d);
}

const bf_image *bf_dicom_image(const bf_dicom *d) { return bf_reader_image(d->reader); }
const char *bf_dicom_path(const bf_dicom *d) { return d->path; }

bf_status bf_dicom_decode(bf_dicom *d, int frame, void *dst, bf_error *err) {
  return bf_reader_decode(d->reader, frame, dst, err);
}
