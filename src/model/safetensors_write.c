/* Writing safetensors: float32 tensors, the header padded so that the data begin on a multiple of 64 bytes. */
#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "model/safetensors.h"

static bool add_tensor(json_t *root, const bf_tensor *t, int64_t begin) {
  if (json_object_get(root, t->name) != NULL) return false;
  json_t *shape = json_array();
  for (int i = 0; i < t->rank; i++) json_array_append_new(shape, json_integer(t->shape[i]));
  json_t *row = json_pack("{s:s, s:o, s:[I, I]}", "dtype", "F32", "shape", shape, "data_offsets", (json_int_t)begin,
                          (json_int_t)(begin + t->count * 4));
  return row != NULL && json_object_set_new(root, t->name, row) == 0;
}

/* Freed with free(); NULL with the reason in err. */
static char *make_header(const bf_tensor *tensors, int64_t count, const bf_metadata_entry *metadata,
                         int64_t metadata_count, bf_error *err) {
  json_t *root = json_object(), *notes = json_object();
  char *text = NULL;
  int64_t begin = 0;
  bool good = root != NULL && notes != NULL;
  for (int64_t i = 0; i < metadata_count && good; i++) {
    good = json_object_set_new(notes, metadata[i].key, json_string(metadata[i].value)) == 0;
    if (!good) bf_fail(err, BF_E_ARGUMENT, "metadata '%s' is not UTF-8 text", metadata[i].key);
  }
  if (good && metadata_count > 0) json_object_set(root, "__metadata__", notes);
  for (int64_t i = 0; i < count && good; i++) {
    good = add_tensor(root, &tensors[i], begin);
    if (!good) bf_fail(err, BF_E_ARGUMENT, "tensor '%s' is there twice, or its name is not UTF-8", tensors[i].name);
    begin += tensors[i].count * 4;
  }
  if (good && (text = json_dumps(root, JSON_COMPACT)) == NULL)
    bf_fail(err, BF_E_MEMORY, "no memory for the header of a safetensors file");
  json_decref(notes);
  json_decref(root);
  return text;
}

static bool put(FILE *f, const char *header, const bf_tensor *tensors, int64_t count) {
  size_t length = strlen(header), padding = (64 - (length + 8) % 64) % 64;
  uint64_t total = length + padding;
  bool good = fwrite(&total, 8, 1, f) == 1 && fwrite(header, 1, length, f) == length;
  for (size_t i = 0; i < padding && good; i++) good = fputc(' ', f) != EOF;
  for (int64_t i = 0; i < count && good; i++)
    good = fwrite(tensors[i].data, sizeof(float), (size_t)tensors[i].count, f) == (size_t)tensors[i].count;
  return good;
}

bf_status bf_safetensors_put(FILE *out, const bf_tensor *tensors, int64_t count, const bf_metadata_entry *metadata,
                             int64_t metadata_count, bf_error *err) {
  bf_error why = {.status = BF_E_ARGUMENT};
  char *header = make_header(tensors, count, metadata, metadata_count, &why);
  if (header == NULL) return bf_fail(err, why.status, "%s", why.message);
  bool good = put(out, header, tensors, count) && fflush(out) == 0;
  bf_status status = good ? BF_OK : bf_fail(err, BF_E_IO, "could not be written: %s", strerror(errno));
  free(header);
  return status;
}

bf_status bf_safetensors_write(const char *path, const bf_tensor *tensors, int64_t count,
                               const bf_metadata_entry *metadata, int64_t metadata_count, bf_error *err) {
  bf_publish publish;
  bf_status status = bf_publish_begin(&publish, path, err);
  if (status != BF_OK) return status;
  FILE *f = fopen(publish.temporary_path, "wb");
  if (f == NULL) {
    status = bf_fail(err, BF_E_IO, "cannot be opened: %s", strerror(errno));
  } else {
    status = bf_safetensors_put(f, tensors, count, metadata, metadata_count, err);
    if (fclose(f) != 0 && status == BF_OK) status = bf_fail(err, BF_E_IO, "could not be written: %s", strerror(errno));
  }
  if (status == BF_OK) return bf_publish_commit(&publish, err);
  bf_publish_abort(&publish);
  bf_error_prefix(err, "%s", path);
  return status;
}
