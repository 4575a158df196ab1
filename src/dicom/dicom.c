/* The room's front: files are opened here, and read in a process of bf_service, or in this one. */
#include "dicom/dicom.h"

#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "base/isolate.h"
#include "base/memory.h"
#include "dicom/answers.h"
#include "dicom/front.h"
#include "dicom/worker.h"

static bf_service *service; /* NULL: this process reads */

struct bf_dicom {
  char *path;
  int file;
  int64_t size;
  bf_image image;
  bf_server *server; /* NULL: reader */
  int64_t life;      /* of the server when it opened the file */
  bool wants_ahead;  /* frame 0 is to come with the header */
  bool ahead;        /* frame 0 stands in the server's room */
  bf_reader *reader;
};

bf_status bf_dicom_init(bf_error *err) {
  const char *how = getenv("BIFOCAL_ISOLATION");
  bf_status status = bf_reader_init(err);
  if (status != BF_OK || service != NULL || (how != NULL && strcmp(how, "off") == 0)) return status;
  return bf_service_create(&service, bf_reader_answer, err);
}

/* ---- limits ---- */

/* What a slow machine needs for an honest file, several times over; sanitizers make it slower still. Waiting costs no
 * processor time: a file system may take as long as the last limit says. */
bf_service_limits bf_dicom_limits(double cpu_milliseconds, double memory, int64_t file_size) {
  if (!bf_isolate_limits_memory()) cpu_milliseconds *= 8;
  double wall = 60000 + 20 * cpu_milliseconds + (double)file_size / 1000;
  return (bf_service_limits){.cpu_milliseconds = (int)cpu_milliseconds,
                             .wall_milliseconds = wall < 1e9 ? (int)wall : 1000000000,
                             .memory_bytes = (size_t)memory};
}

const double bf_dicom_spare_memory = 268435456;

bf_service *bf_dicom_service(void) { return service; }

static bf_service_limits limits_of_open(const bf_dicom *d) {
  return bf_dicom_limits(300 + (double)d->size / 2e4, bf_dicom_spare_memory + 3.0 * (double)d->size, d->size);
}

/* openjpeg takes up to 12 bytes for each of a sample's, and twice as many for a moment. */
static bf_service_limits limits_of_decode(const bf_dicom *d) {
  double frame = (double)d->image.frame_bytes;
  return bf_dicom_limits(300 + frame / 4e3, bf_dicom_spare_memory + 24 * frame + 3.0 * (double)d->size, d->size);
}

/* ---- in the other process ---- */

bf_status bf_dicom_said(const char *path, bf_status status, bf_error *err) {
  if (status != BF_OK && err != NULL && strstr(err->message, path) == NULL) bf_error_prefix(err, "%s", path);
  return status;
}

enum { most_again = 3 };

/* A process without work may hold on to as much. */
static const int64_t kept_file = INT64_C(1) << 24;

bf_status bf_dicom_call(bf_server *server, const void *request, size_t size, int file, size_t room,
                        const bf_service_limits *limits, bf_error *err) {
  bf_status status = bf_service_call(server, request, size, file, room, limits, err);
  if (status != BF_E_IO) return status;
  bf_error_clear(err);
  return bf_service_call(server, request, size, file, room, limits, err);
}

static bf_status call_open(bf_dicom *d, bf_error *err) {
  bf_reader_request r = {.what = BF_READER_OPEN, .ahead = d->wants_ahead, .size = d->size};
  size_t length = strlen(d->path);
  if (length >= sizeof r.path) return bf_fail(err, BF_E_LIMIT, "%s: the path is too long", d->path);
  memcpy(r.path, d->path, length + 1);
  bf_service_limits limits = limits_of_open(d);
  /* Pages that nobody touches cost nothing. */
  size_t room = d->wants_ahead ? BF_ANSWER_AHEAD + BF_ANSWER_PIXELS + BF_AHEAD_MAX : sizeof(bf_opened);
  bf_status status =
      bf_dicom_call(d->server, &r, offsetof(bf_reader_request, path) + length + 1, d->file, room, &limits, err);
  if (status == BF_E_MEMORY && d->wants_ahead) { /* a limit of file sizes may be in the way */
    bf_error_clear(err);
    r.ahead = d->wants_ahead = false;
    status = bf_dicom_call(d->server, &r, offsetof(bf_reader_request, path) + length + 1, d->file, sizeof(bf_opened),
                           &limits, err);
  }
  d->life = bf_service_life(d->server);
  return bf_dicom_said(d->path, status, err);
}

/* A process that died took what it had read of the header with it. */
static bool is_answer(bf_status status, const bf_dicom *d) {
  return status == BF_OK || d->life == bf_service_life(d->server);
}

static bf_status open_there(bf_dicom *d, bf_image *seen, char identity[BF_IDENTITY_MAX], bf_error *err) {
  size_t size;
  bf_status status = bf_dicom_said(d->path, bf_service_take(&d->server, service, err), err);
  if (status == BF_OK) status = call_open(d, err);
  if (d->server == NULL || !is_answer(status, d)) return status;
  const bf_opened *answer = bf_service_room(d->server, &size);
  if (answer == NULL || size < sizeof *answer) return status;
  if (seen != NULL) bf_answer_take_seen(seen, answer);
  if (status != BF_OK) return status;
  status = bf_answer_take_opened(&d->image, identity, answer, err);
  d->ahead = status == BF_OK && d->wants_ahead && *(const volatile unsigned char *)&answer->ahead != 0 &&
             size >= BF_ANSWER_AHEAD + BF_ANSWER_PIXELS + d->image.frame_bytes;
  return bf_dicom_said(d->path, status, err);
}

static bf_status call_decode(bf_dicom *d, int frame, bf_error *err) {
  bf_reader_request r = {.what = BF_READER_DECODE, .frame = frame};
  bf_service_limits limits = limits_of_decode(d);
  size_t wanted = BF_ANSWER_PIXELS + d->image.frame_bytes;
  return bf_dicom_call(d->server, &r, offsetof(bf_reader_request, path), -1, wanted, &limits, err);
}

static bf_status take_frame(bf_dicom *d, const char *room, void *dst, bf_error *err) {
  memcpy(dst, room + BF_ANSWER_PIXELS, d->image.frame_bytes);
  return bf_dicom_said(d->path, bf_answer_take_decoded(&d->image, (const bf_decoded *)room, err), err);
}

/* Where the process that had the file is gone, a fresh one answers that it knows of none: it opens the file, and is
 * asked again. */
static bf_status decode_there(bf_dicom *d, int frame, void *dst, bf_error *err) {
  size_t size;
  if (d->ahead && frame == 0) {
    d->ahead = false;
    return take_frame(d, (const char *)bf_service_room(d->server, &size) + BF_ANSWER_AHEAD, dst, err);
  }
  d->ahead = false; /* the room is used again */
  bf_status status = call_decode(d, frame, err);
  for (int again = 0; again < most_again && bf_service_life(d->server) != d->life; again++) {
    bf_error_clear(err);
    status = call_open(d, err);
    if (status == BF_OK) status = call_decode(d, frame, err);
  }
  if (bf_service_life(d->server) != d->life)
    status = bf_fail(err, BF_E_IO, "the process that read it was killed from outside, again and again");
  return status == BF_OK ? take_frame(d, bf_service_room(d->server, &size), dst, err)
                         : bf_dicom_said(d->path, status, err);
}

/* The next file closes the last: a message of its own would cost as much as a small file's header. */
static void close_there(bf_dicom *d) {
  bf_reader_request r = {.what = BF_READER_CLOSE};
  if (d->size > kept_file) bf_service_tell(d->server, &r, offsetof(bf_reader_request, path));
  bf_service_give(d->server);
}

/* ---- here ---- */

static bf_status open_here(bf_dicom *d, bf_image *seen, char identity[BF_IDENTITY_MAX], bf_error *err) {
  bf_status status = bf_reader_open(&d->reader, seen, d->file, d->size, d->path, err);
  if (status != BF_OK) return status;
  bf_reader_identity(identity, d->reader);
  /* Its tables stay the reader's: see close. */
  d->image = *bf_reader_image(d->reader);
  return BF_OK;
}

static bf_status decode_here(bf_dicom *d, int frame, void *dst, bf_error *err) {
  char key[sizeof d->image.patient_key];
  bf_status status = bf_reader_decode(d->reader, frame, dst, err);
  memcpy(key, d->image.patient_key, sizeof key);
  d->image = *bf_reader_image(d->reader);
  memcpy(d->image.patient_key, key, sizeof key);
  return status;
}

/* ---- the front ---- */

static bf_status open_file(bf_dicom *d, bf_image *seen, char identity[BF_IDENTITY_MAX], const char *path,
                           bf_error *err) {
  d->path = bf_strdup(path);
  if (d->path == NULL) return bf_fail(err, BF_E_MEMORY, "%s: no memory to read it", path);
  bf_status status = bf_reader_file(&d->file, &d->size, path, err);
  if (status != BF_OK) return status;
  return service != NULL ? open_there(d, seen, identity, err) : open_here(d, seen, identity, err);
}

static bf_status open_new(bf_dicom **out, bf_image *seen, char identity[BF_IDENTITY_MAX], const char *path,
                          bool wants_ahead, bf_error *err) {
  bf_dicom *d = bf_alloc(1, sizeof *d);
  *out = NULL;
  identity[0] = '\0';
  if (seen != NULL) bf_image_init(seen);
  if (d == NULL) return bf_fail(err, BF_E_MEMORY, "%s: no memory to read it", path);
  *d = (bf_dicom){.file = -1, .wants_ahead = wants_ahead};
  bf_status status = open_file(d, seen, identity, path, err);
  if (status == BF_OK)
    *out = d;
  else
    bf_dicom_close(d);
  return status;
}

/* Of whoever it is of, the hash alone stays. */
static bf_status open_keyed(bf_dicom **out, bf_image *seen, const char *path, bool wants_ahead, const void *key,
                            size_t key_size, bf_error *err) {
  char identity[BF_IDENTITY_MAX];
  bf_status status = open_new(out, seen, identity, path, wants_ahead, err);
  if (status == BF_OK && key != NULL && identity[0] != '\0')
    bf_hmac_sha256((*out)->image.patient_key, key, key_size, identity, strlen(identity));
  explicit_bzero(identity, sizeof identity);
  return status;
}

bf_status bf_dicom_open(bf_dicom **out, const char *path, const void *key, size_t key_size, bf_error *err) {
  return open_keyed(out, NULL, path, true, key, key_size, err);
}

bf_status bf_dicom_open_seen(bf_dicom **out, bf_image *seen, const char *path, bf_error *err) {
  return open_keyed(out, seen, path, true, NULL, 0, err);
}

bf_status bf_dicom_look(bf_image *seen, const char *path, const void *key, size_t key_size, bf_error *err) {
  bf_dicom *dicom;
  bf_status status = open_keyed(&dicom, seen, path, false, key, key_size, err);
  if (status == BF_OK) *seen = bf_image_without_tables(&dicom->image); /* what was checked */
  bf_dicom_close(dicom);
  return status;
}

void bf_dicom_close(bf_dicom *d) {
  if (d == NULL) return;
  if (d->server != NULL) {
    close_there(d);
    bf_image_clear(&d->image);
  }
  bf_reader_close(d->reader);
  if (d->file >= 0) close(d->file);
  bf_free(d->path);
  bf_free(d);
}

const bf_image *bf_dicom_image(const bf_dicom *d) { return &d->image; }
const char *bf_dicom_path(const bf_dicom *d) { return d->path; }

bf_status bf_dicom_decode(bf_dicom *d, int frame, void *dst, bf_error *err) {
  return d->server != NULL ? decode_there(d, frame, dst, err) : decode_here(d, frame, dst, err);
}

bool bf_dicom_can_read(void) { return service == NULL || bf_service_lives(service); }

int64_t bf_dicom_deaths(void) { return service != NULL ? bf_service_deaths(service) : 0; }
