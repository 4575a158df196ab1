/* Requests to the reader, where it runs. */
#include "dicom/worker.h"

#include <string.h>
#include <unistd.h>

#include "base/memory.h"
#include "dicom/answers.h"
#include "image/mask.h"

_Static_assert(sizeof(bf_decoded) <= BF_ANSWER_PIXELS, "the pixels stand behind the header");

typedef struct worker {
  bf_reader *reader;
  bf_segmentation_reader *segmentation;
  int file;
} worker;

static void close_file(worker *w) {
  bf_reader_close(w->reader);
  bf_segmentation_reader_close(w->segmentation);
  if (w->file >= 0) close(w->file);
  *w = (worker){.file = -1};
}

static bf_status decode(worker *w, int frame, void *room, size_t room_size, bf_error *err) {
  if (w->reader == NULL) return bf_fail(err, BF_E_INTERNAL, "no file is open in the reading process");
  const bf_image *image = bf_reader_image(w->reader);
  if (room_size < BF_ANSWER_PIXELS + image->frame_bytes)
    return bf_fail(err, BF_E_INTERNAL, "no room for a frame in the reading process");
  bf_status status = bf_reader_decode(w->reader, frame, (char *)room + BF_ANSWER_PIXELS, err);
  ((bf_decoded *)room)->image = *image;
  return status;
}

/* An answer less: the way there and back costs as much as copying a frame. What fails is asked for again, and fails
 * then. */
static bool decode_ahead(worker *w, void *room, size_t room_size) {
  bf_error why = {0};
  return room_size > BF_ANSWER_AHEAD && bf_reader_is_cheap(w->reader) &&
         bf_reader_image(w->reader)->frame_bytes <= BF_AHEAD_MAX &&
         decode(w, 0, (char *)room + BF_ANSWER_AHEAD, room_size - BF_ANSWER_AHEAD, &why) == BF_OK;
}

static bf_status open_file(worker *w, const bf_reader_request *r, int file, bf_opened *out, size_t room_size,
                           bf_error *err) {
  bf_image seen;
  w->file = file;
  bf_status status = bf_reader_open(&w->reader, &seen, file, r->size, r->path, err);
  if (status == BF_OK)
    bf_answer_opened(out, w->reader);
  else
    bf_answer_seen(out, &seen);
  if (status == BF_OK && r->ahead) out->ahead = decode_ahead(w, out, room_size);
  return status;
}

static bf_status open_segmentation(worker *w, const bf_reader_request *r, int file, bf_opened_segmentation *out,
                                   size_t room_size, bf_error *err) {
  w->file = file;
  bf_status status = bf_segmentation_reader_open(&w->segmentation, file, r->size, r->path, err);
  if (status != BF_OK) return status;
  out->count = bf_segmentation_reader_count(w->segmentation);
  out->passed = bf_segmentation_reader_passed(w->segmentation);
  if ((size_t)out->count > (room_size - sizeof *out) / sizeof *out->images)
    return bf_fail(err, BF_E_LIMIT, "%s: the segmentation names %d images, more than a file of its size can", r->path,
                   out->count);
  for (int32_t i = 0; i < out->count; i++) out->images[i] = *bf_segmentation_reader_at(w->segmentation, i);
  return BF_OK;
}

static bf_status add_mask(worker *w, const bf_reader_request *r, uint8_t *room, size_t room_size, bf_error *err) {
  if (w->segmentation == NULL) return bf_fail(err, BF_E_INTERNAL, "no segmentation is open in the reading process");
  size_t bytes = bf_mask_bytes(r->rows, r->columns);
  if (room_size < bytes) return bf_fail(err, BF_E_INTERNAL, "no room for a mask in the reading process");
  memset(room, 0, bytes);
  return bf_segmentation_reader_add(room, w->segmentation, &r->entry, r->rows, r->columns, &r->place, err);
}

bf_status bf_reader_answer(void **state, const void *request, size_t size, int file, void *room, size_t room_size,
                           bf_error *err) {
  static bf_reader_request r; /* one thread a process */
  worker *w = *state;
  if (w == NULL) {
    w = *state = bf_alloc(1, sizeof *w);
    if (w == NULL) return bf_fail(err, BF_E_MEMORY, "no memory to read files");
    w->file = -1;
  }
  memset(&r, 0, sizeof r);
  memcpy(&r, request, size < sizeof r ? size : sizeof r);
  r.path[sizeof r.path - 1] = '\0';
  if (r.what == BF_READER_DECODE) return decode(w, r.frame, room, room_size, err);
  if (r.what == BF_READER_ADD_MASK) return add_mask(w, &r, room, room_size, err);
  close_file(w);
  if (r.what == BF_READER_OPEN_SEGMENTATION) return open_segmentation(w, &r, file, room, room_size, err);
  return r.what == BF_READER_OPEN ? open_file(w, &r, file, room, room_size, err) : BF_OK;
}
