/* The front of segmentations: opened here, read in a process of the service, or in this one. */
#include "dicom/segmentation.h"

#include <stddef.h>
#include <string.h>
#include <unistd.h>

#include "base/memory.h"
#include "dicom/answers.h"
#include "dicom/front.h"
#include "dicom/reader.h"
#include "dicom/worker.h"
#include "image/mask.h"

struct bf_segmentation {
  char *path;
  int file;
  int64_t size;
  bf_segmentation_image *images;
  int32_t count, passed;
  bf_server *server; /* NULL: reader */
  int64_t life;      /* of the server when it opened the file */
  bf_segmentation_reader *reader;
};

bool bf_segmentation_may_be(const char *head, size_t size) { return size >= 132 && memcmp(head + 128, "DICM", 4) == 0; }

/* ---- in the other process ---- */

/* Frames that name their images stand in sequences in each other: slower to read, byte for byte, than pictures. */
static bf_service_limits limits_of_open(const bf_segmentation *s) {
  return bf_dicom_limits(2000 + (double)s->size / 5e3, bf_dicom_spare_memory + 12.0 * (double)s->size, s->size);
}

/* An image may have many segments. */
static bf_service_limits limits_of_add(const bf_segmentation *s, int32_t rows, int32_t columns) {
  double pixels = (double)rows * columns;
  return bf_dicom_limits(2000 + (double)s->size / 5e3 + pixels / 1e3,
                         bf_dicom_spare_memory + 12.0 * (double)s->size + 8 * pixels, s->size);
}

/* No file can name more: a frame of an image takes two bytes or more of a list of numbers. */
static int32_t most_images(int64_t size) {
  int64_t most = size / 2 + 1;
  return most > BF_SEGMENTATION_FRAMES_MAX ? BF_SEGMENTATION_FRAMES_MAX : (int32_t)most;
}

static bf_status call_open(bf_segmentation *s, bf_error *err) {
  bf_reader_request r = {.what = BF_READER_OPEN_SEGMENTATION, .size = s->size};
  size_t length = strlen(s->path);
  if (length >= sizeof r.path) return bf_fail(err, BF_E_LIMIT, "%s: the path is too long", s->path);
  memcpy(r.path, s->path, length + 1);
  bf_service_limits limits = limits_of_open(s);
  size_t room = sizeof(bf_opened_segmentation) + (size_t)most_images(s->size) * sizeof(bf_segmentation_image);
  bf_status status =
      bf_dicom_call(s->server, &r, offsetof(bf_reader_request, path) + length + 1, s->file, room, &limits, err);
  s->life = bf_service_life(s->server);
  return bf_dicom_said(s->path, status, err);
}

/* Copied once, then checked. */
static bf_status take_images(bf_segmentation *s, bf_error *err) {
  size_t size;
  const bf_opened_segmentation *answer = bf_service_room(s->server, &size);
  memcpy(&s->count, &answer->count, sizeof s->count);
  memcpy(&s->passed, &answer->passed, sizeof s->passed);
  if (s->passed < 0) s->passed = 0;
  if (s->count < 0 || s->count > most_images(s->size)) {
    s->count = 0;
    return bf_fail(err, BF_E_FORMAT, "%s: the process that read it gave an answer that no reader gives; it is hostile",
                   s->path);
  }
  s->images = bf_alloc((size_t)s->count, sizeof *s->images);
  if (s->images == NULL) return bf_fail(err, BF_E_MEMORY, "%s: no memory for its images", s->path);
  memcpy(s->images, answer->images, (size_t)s->count * sizeof *s->images);
  for (int32_t i = 0; i < s->count; i++) {
    bf_answer_plain(s->images[i].sop_instance_uid, sizeof s->images[i].sop_instance_uid);
    if (s->images[i].frame < -1) s->images[i].frame = -1;
    if (s->images[i].malignant < 0 || s->images[i].malignant > 1) s->images[i].malignant = -2;
  }
  return BF_OK;
}

/* Bits behind the last column are nobody's. */
static void join(uint8_t *mask, const uint8_t *drawn, int32_t rows, int32_t columns) {
  size_t stride = bf_mask_stride(columns);
  uint8_t last = columns % 8 != 0 ? (uint8_t)(0xff << (8 - columns % 8)) : 0xff;
  for (int32_t y = 0; y < rows; y++)
    for (size_t x = 0; x < stride; x++) {
      size_t i = (size_t)y * stride + x;
      mask[i] |= (uint8_t)(drawn[i] & (x + 1 == stride ? last : 0xff));
    }
}

static bf_status call_add(bf_segmentation *s, const bf_reader_request *r, bf_error *err) {
  bf_service_limits limits = limits_of_add(s, r->rows, r->columns);
  return bf_dicom_call(s->server, r, offsetof(bf_reader_request, path), -1, bf_mask_bytes(r->rows, r->columns), &limits,
                       err);
}

/* A process that was killed from outside took the file with it: another one opens it once more. */
static bf_status add_there(uint8_t *mask, bf_segmentation *s, const bf_reader_request *r, bf_error *err) {
  size_t size;
  bf_status status = call_add(s, r, err);
  if (status != BF_OK && bf_service_life(s->server) != s->life) {
    bf_error_clear(err);
    status = call_open(s, err);
    if (status == BF_OK) status = call_add(s, r, err);
  }
  if (status != BF_OK) return bf_dicom_said(s->path, status, err);
  if (bf_service_life(s->server) != s->life)
    return bf_fail(err, BF_E_IO, "%s: the process that read it was killed from outside, again and again", s->path);
  join(mask, bf_service_room(s->server, &size), r->rows, r->columns);
  return BF_OK;
}

/* ---- here ---- */

static bf_status copy_images(bf_segmentation *s, bf_error *err) {
  s->count = bf_segmentation_reader_count(s->reader);
  s->passed = bf_segmentation_reader_passed(s->reader);
  s->images = bf_alloc((size_t)s->count, sizeof *s->images);
  if (s->images == NULL) return bf_fail(err, BF_E_MEMORY, "%s: no memory for its images", s->path);
  for (int32_t i = 0; i < s->count; i++) s->images[i] = *bf_segmentation_reader_at(s->reader, i);
  return BF_OK;
}

/* ---- the front ---- */

static bf_status open_file(bf_segmentation *s, const char *path, bf_error *err) {
  s->path = bf_strdup(path);
  if (s->path == NULL) return bf_fail(err, BF_E_MEMORY, "%s: no memory to read it", path);
  bf_status status = bf_reader_file(&s->file, &s->size, path, err);
  if (status != BF_OK) return status;
  if (bf_dicom_service() == NULL) {
    status = bf_segmentation_reader_open(&s->reader, s->file, s->size, path, err);
    return status == BF_OK ? copy_images(s, err) : status;
  }
  status = bf_service_take(&s->server, bf_dicom_service(), err);
  if (status == BF_OK) status = call_open(s, err);
  return status == BF_OK ? take_images(s, err) : status;
}

bf_status bf_segmentation_open(bf_segmentation **out, const char *path, bf_error *err) {
  bf_segmentation *s = bf_alloc(1, sizeof *s);
  *out = NULL;
  if (s == NULL) return bf_fail(err, BF_E_MEMORY, "%s: no memory to read it", path);
  s->file = -1;
  bf_status status = open_file(s, path, err);
  if (status == BF_OK)
    *out = s;
  else
    bf_segmentation_close(s);
  return status;
}

void bf_segmentation_close(bf_segmentation *s) {
  if (s == NULL) return;
  if (s->server != NULL) {
    bf_reader_request r = {.what = BF_READER_CLOSE};
    bf_service_tell(s->server, &r, offsetof(bf_reader_request, path));
    bf_service_give(s->server);
  }
  bf_segmentation_reader_close(s->reader);
  if (s->file >= 0) close(s->file);
  bf_free(s->images);
  bf_free(s->path);
  bf_free(s);
}

int32_t bf_segmentation_image_count(const bf_segmentation *s) { return s->count; }

const bf_segmentation_image *bf_segmentation_image_at(const bf_segmentation *s, int32_t index) {
  return &s->images[index];
}

int32_t bf_segmentation_passed(const bf_segmentation *s) { return s->passed; }

bf_status bf_segmentation_add(uint8_t *mask, bf_segmentation *s, const bf_segmentation_image *entry, int32_t rows,
                              int32_t columns, const bf_segmentation_place *place, bf_error *err) {
  bf_reader_request r = {.what = BF_READER_ADD_MASK, .rows = rows, .columns = columns, .entry = *entry};
  if (place != NULL) r.place = *place;
  if (s->server == NULL) return bf_segmentation_reader_add(mask, s->reader, entry, rows, columns, &r.place, err);
  return add_there(mask, s, &r, err);
}
