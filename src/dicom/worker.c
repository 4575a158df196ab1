/* Requests to the reader, where it runs. */
#include "dicom/worker.h"

#include <string.h>
#include <unistd.h>

#include "base/memory.h"
#include "dicom/answers.h"

_Static_assert(sizeof(bf_decoded) <= BF_ANSWER_PIXELS, "the pixels stand behind the header");

typedef struct worker {
  bf_reader *reader;
  int file;
} worker;

static void close_file(worker *w) {
  bf_reader_close(w->reader);
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
  close_file(w);
  return r.what == BF_READER_OPEN ? open_file(w, &r, file, room, room_size, err) : BF_OK;
}
