/* Weight format: Keras's HDF5 files. HDF5 is no library to meet a stranger's file with (1.10 crashes on one damaged
 * file in a thousand), so a child process reads them and gives back the bytes of a safetensors file, which is then read
 * as if it came from anywhere. */
#include <stdio.h>
#include <string.h>

#include "base/isolate.h"
#include "base/memory.h"
#include "base/name.h"
#include "model/keras.h"
#include "model/safetensors.h"
#include "model/weights_format.h"
#include "store/keras.h"

_Static_assert(BF_KERAS_RANK_MAX == BF_TENSOR_RANK_MAX, "one rank for both");

/* Weights hardly shrink: what unpacks to more is no weights. */
static const size_t unpack_factor = 8, unpack_more = (size_t)64 << 20, unpack_max = (size_t)4 << 30;
static const size_t header_room = (size_t)32 << 20, work_room = (size_t)256 << 20;

static int detect(const char *path, const void *bytes, size_t size) {
  if (size >= 8 && memcmp(bytes, "\211HDF\r\n\032\n", 8) == 0) return 90;
  return bf_weights_is_named(path, ".h5") || bf_weights_is_named(path, ".hdf5") ? 20 : 0;
}

/* ---- in the child ---- */

typedef struct job {
  const void *bytes;
  size_t size, limit;
  bf_tensors tensors;
  bf_keras_item *items;
  int64_t count, capacity;
  char backend[64], version[64];
} job;

static bf_status take_note(void *user, const char *key, const char *value, bf_error *err) {
  job *j = user;
  (void)err;
  bool is_backend = strcmp(key, "backend") == 0;
  bf_name_set(is_backend ? j->backend : j->version, sizeof j->backend, value);
  return BF_OK;
}

static bf_status take_weight(float **room, void *user, const bf_keras_weight *weight, bf_error *err) {
  job *j = user;
  void *block;
  if (j->count == j->capacity) {
    int64_t wanted = j->capacity > 0 ? 2 * j->capacity : 64;
    bf_keras_item *grown = bf_grow(j->items, (size_t)j->count, (size_t)wanted, sizeof *grown);
    if (grown == NULL) return bf_fail(err, BF_E_MEMORY, "no memory for the list of weights");
    j->items = grown;
    j->capacity = wanted;
  }
  bf_status status = bf_tensors_block(&block, &j->tensors, (size_t)weight->count * sizeof **room, err);
  if (status != BF_OK) return status;
  bf_keras_item *item = &j->items[j->count++];
  *item = (bf_keras_item){bf_strdup(weight->layer), bf_strdup(weight->name), weight->rank, {0}, weight->count, block};
  memcpy(item->shape, weight->shape, sizeof item->shape);
  if (item->layer == NULL || item->name == NULL) return bf_fail(err, BF_E_MEMORY, "no memory for a weight's name");
  *room = block;
  return BF_OK;
}

static bf_status take_producer(job *j, bf_error *err) {
  char text[160];
  if (j->backend[0] == '\0' && j->version[0] == '\0') return BF_OK;
  snprintf(text, sizeof text, "keras%s%s%s%s%s", j->version[0] ? " " : "", j->version, j->backend[0] ? " (" : "",
           j->backend, j->backend[0] ? ")" : "");
  return bf_tensors_note(&j->tensors, "producer", text, err);
}

/* Gives nothing back to the heap: the process ends here. */
static bf_status read_in_child(FILE *out, void *user, bf_error *err) {
  job *j = user;
  bf_keras_visitor visitor = {j, take_note, take_weight};
  bf_tensors *t = &j->tensors;
  bf_status status = bf_keras_walk(&visitor, j->bytes, j->size, j->limit, err);
  if (status == BF_OK) status = take_producer(j, err);
  if (status == BF_OK) status = bf_keras_convert(t, j->items, j->count, j->backend[0] != '\0' ? j->backend : NULL, err);
  if (status == BF_OK) status = bf_tensors_finish(t, err);
  if (status == BF_OK)
    status = bf_safetensors_put(out, t->tensors, t->tensor_count, t->metadata, t->metadata_count, err);
  return status;
}

/* ---- in the parent ---- */

static bf_isolate_limits limits_for(size_t size, size_t unpacked) {
  int seconds = 20 + (int)(size / ((size_t)10 << 20));
  return (bf_isolate_limits){.cpu_seconds = seconds,
                             .wall_milliseconds = seconds * 3000,
                             .memory_bytes = 2 * unpacked + work_room,
                             .output_bytes = unpacked + header_room};
}

static bf_status parse(bf_tensors *file, bf_error *err) {
  size_t limit =
      file->memory_size >= unpack_max / unpack_factor ? unpack_max : file->memory_size * unpack_factor + unpack_more;
  job j = {.bytes = file->memory, .size = file->memory_size, .limit = limit};
  bf_isolate_limits limits = limits_for(j.size, limit);
  void *bytes;
  size_t size;
  bf_status status = bf_isolate_run(&bytes, &size, &limits, read_in_child, &j, err);
  if (status != BF_OK) return status;
  bf_free(file->memory);
  file->memory = bytes;
  file->memory_size = size;
  return bf_safetensors_parse(file, err);
}

const bf_weights_format bf_weights_keras = {"keras", "Keras's HDF5 files (.h5), under its layers' names", detect,
                                            parse};
