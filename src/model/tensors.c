/* The list of a file's tensors: loading, checked growth, looking up, conversion. */
#include "model/tensors.h"

#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/memory.h"
#include "base/utf8.h"

#if __BYTE_ORDER__ != __ORDER_LITTLE_ENDIAN__
#error "weight files are little endian, and read where they stand"
#endif

enum { name_max = 256, tensors_max = 1 << 16, notes_max = 1 << 12 };
static const size_t file_max = (size_t)8 << 30;

static const struct {
  const char *name;
  size_t size;
} types[] = {{"F32", 4}, {"F16", 2}, {"BF16", 2}, {"F64", 8}, {"I64", 8},  {"I32", 4},     {"I16", 2},    {"I8", 1},
             {"U64", 8}, {"U32", 4}, {"U16", 2},  {"U8", 1},  {"BOOL", 1}, {"F8_E4M3", 1}, {"F8_E5M2", 1}};

size_t bf_tensor_type_size(const char *name) {
  for (size_t i = 0; i < sizeof types / sizeof types[0]; i++)
    if (strcmp(types[i].name, name) == 0) return types[i].size;
  return 0;
}

/* ---- loading ---- */

bf_status bf_tensors_load(bf_tensors *out, const char *path, bf_error *err) {
  char *bytes;
  *out = (bf_tensors){0};
  bf_status status = bf_file_read(&bytes, &out->memory_size, path, file_max, err);
  if (status != BF_OK) return status;
  out->memory = bytes;
  out->file_size = out->memory_size;
  bf_sha256(out->sha256, out->memory, out->memory_size);
  return BF_OK;
}

bf_status bf_tensors_load_bytes(bf_tensors *out, const void *bytes, size_t size, bf_error *err) {
  *out = (bf_tensors){.memory = bf_alloc_raw(size, 1), .memory_size = size, .file_size = size};
  if (out->memory == NULL) return bf_fail(err, BF_E_MEMORY, "no memory for %zu bytes of weights", size);
  if (size > 0) memcpy(out->memory, bytes, size);
  bf_sha256(out->sha256, out->memory, size);
  return BF_OK;
}

void bf_tensors_clear(bf_tensors *file) {
  for (int64_t i = 0; i < file->tensor_count; i++) bf_free(file->tensors[i].name);
  for (int64_t i = 0; i < file->metadata_count; i++) {
    bf_free(file->metadata[i].key);
    bf_free(file->metadata[i].value);
  }
  for (int64_t i = 0; i < file->block_count; i++) bf_free(file->blocks[i]);
  bf_free(file->tensors);
  bf_free(file->metadata);
  bf_free(file->blocks);
  bf_free(file->memory);
  *file = (bf_tensors){0};
}

/* ---- growing ---- */

/* Room for one more item of an array that doubles. */
static bool make_room(void *array, int64_t count, int64_t *capacity, size_t size) {
  void **items = array;
  if (count < *capacity) return true;
  int64_t wanted = *capacity > 0 ? 2 * *capacity : 16;
  void *grown = bf_grow(*items, (size_t)*capacity, (size_t)wanted, size);
  if (grown == NULL) return false;
  *items = grown;
  *capacity = wanted;
  return true;
}

static bf_status set_shape(bf_tensor *t, int rank, const int64_t *shape, bf_error *err) {
  if (rank < 0 || rank > BF_TENSOR_RANK_MAX)
    return bf_fail(err, BF_E_UNSUPPORTED, "%s: %d dimensions, %d are handled", t->name, rank, BF_TENSOR_RANK_MAX);
  t->rank = rank;
  t->count = 1;
  for (int i = 0; i < rank; i++) {
    t->shape[i] = shape[i];
    if (shape[i] < 0)
      return bf_fail(err, BF_E_FORMAT, "%s: dimension %d of its shape is not a whole number from 0 on", t->name, i);
    if (__builtin_mul_overflow(t->count, shape[i], &t->count))
      return bf_fail(err, BF_E_FORMAT, "%s: its shape holds more numbers than can be counted", t->name);
  }
  if (__builtin_mul_overflow((size_t)t->count, bf_tensor_type_size(t->dtype), &t->bytes))
    return bf_fail(err, BF_E_FORMAT, "%s: its shape holds more numbers than can be counted", t->name);
  return BF_OK;
}

bf_status bf_tensors_add(bf_tensor **out, bf_tensors *file, const char *name, const char *dtype, int rank,
                         const int64_t *shape, bf_error *err) {
  if (name[0] == '\0' || strlen(name) >= name_max || !bf_is_plain_text(name))
    return bf_fail(err, BF_E_FORMAT, "tensor %lld: its name is empty, longer than %d bytes or no plain text",
                   (long long)file->tensor_count, name_max - 1);
  if (bf_tensor_type_size(dtype) == 0)
    return bf_fail(err, BF_E_UNSUPPORTED, "%s: dtype '%.16s' is not known", name,
                   bf_is_plain_text(dtype) ? dtype : "?");
  if (file->tensor_count == tensors_max)
    return bf_fail(err, BF_E_LIMIT, "more than the limit of %d tensors", tensors_max);
  if (!make_room(&file->tensors, file->tensor_count, &file->tensor_capacity, sizeof *file->tensors))
    return bf_fail(err, BF_E_MEMORY, "no memory for the list of tensors");
  bf_tensor *t = &file->tensors[file->tensor_count];
  *t = (bf_tensor){.name = bf_strdup(name)};
  if (t->name == NULL) return bf_fail(err, BF_E_MEMORY, "no memory for the list of tensors");
  file->tensor_count++;
  memcpy(t->dtype, dtype, strlen(dtype) + 1);
  *out = t;
  return set_shape(t, rank, shape, err);
}

bf_status bf_tensors_note(bf_tensors *file, const char *key, const char *value, bf_error *err) {
  if (bf_tensors_metadata(file, key) != NULL) return BF_OK;
  if (file->metadata_count == notes_max)
    return bf_fail(err, BF_E_LIMIT, "more than the limit of %d entries of metadata", notes_max);
  if (!make_room(&file->metadata, file->metadata_count, &file->metadata_capacity, sizeof *file->metadata))
    return bf_fail(err, BF_E_MEMORY, "no memory for the metadata");
  bf_metadata_entry *entry = &file->metadata[file->metadata_count++];
  *entry = (bf_metadata_entry){bf_strdup(key), bf_strdup(value)};
  return entry->key != NULL && entry->value != NULL ? BF_OK : bf_fail(err, BF_E_MEMORY, "no memory for the metadata");
}

bf_status bf_tensors_adopt(bf_tensors *file, void *block, bf_error *err) {
  if (!make_room(&file->blocks, file->block_count, &file->block_capacity, sizeof *file->blocks)) {
    bf_free(block);
    return bf_fail(err, BF_E_MEMORY, "no memory for the list of weights");
  }
  file->blocks[file->block_count++] = block;
  return BF_OK;
}

bf_status bf_tensors_block(void **out, bf_tensors *file, size_t bytes, bf_error *err) {
  *out = NULL;
  if (bytes == 0) return BF_OK;
  void *block = bf_alloc_raw(bytes, 1);
  if (block == NULL) return bf_fail(err, BF_E_MEMORY, "no memory for %zu bytes of weights", bytes);
  bf_status status = bf_tensors_adopt(file, block, err);
  if (status == BF_OK) *out = block;
  return status;
}

static int by_name(const void *a, const void *b) {
  return strcmp(((const bf_tensor *)a)->name, ((const bf_tensor *)b)->name);
}

bf_status bf_tensors_finish(bf_tensors *file, bf_error *err) {
  if (file->tensor_count > 0) qsort(file->tensors, (size_t)file->tensor_count, sizeof *file->tensors, by_name);
  for (int64_t i = 0; i < file->tensor_count; i++) {
    const bf_tensor *t = &file->tensors[i];
    if (i > 0 && by_name(t - 1, t) == 0) return bf_fail(err, BF_E_FORMAT, "two tensors are called %s", t->name);
    if (t->data == NULL && t->bytes > 0) return bf_fail(err, BF_E_INTERNAL, "%s: has no data", t->name);
  }
  return BF_OK;
}

/* ---- looking ---- */

const bf_tensor *bf_tensors_find(const bf_tensors *file, const char *name) {
  int64_t low = 0, high = file->tensor_count;
  while (low < high) {
    int64_t middle = low + (high - low) / 2;
    int order = strcmp(file->tensors[middle].name, name);
    if (order == 0) return &file->tensors[middle];
    if (order < 0)
      low = middle + 1;
    else
      high = middle;
  }
  return NULL;
}

const char *bf_tensors_metadata(const bf_tensors *file, const char *key) {
  for (int64_t i = 0; i < file->metadata_count; i++)
    if (strcmp(file->metadata[i].key, key) == 0) return file->metadata[i].value;
  return NULL;
}

/* IEEE 754 half precision. */
static float half_to_float(uint16_t half) {
  uint32_t sign = (uint32_t)(half & 0x8000) << 16, exponent = half >> 10 & 0x1F, fraction = half & 0x3FF, bits;
  if (exponent == 31) {
    bits = sign | 0x7F800000u | fraction << 13;
  } else if (exponent > 0) {
    bits = sign | (exponent + 112) << 23 | fraction << 13;
  } else {
    float small = (float)fraction * 0x1p-24f;
    return sign ? -small : small;
  }
  float value;
  memcpy(&value, &bits, sizeof value);
  return value;
}

bf_status bf_tensor_to_float(float *dst, const bf_tensor *t, bf_error *err) {
  const char *src = t->data;
  if (strcmp(t->dtype, "F32") == 0) {
    if (t->bytes > 0) memcpy(dst, src, t->bytes);
    return BF_OK;
  }
  bool is_half = strcmp(t->dtype, "F16") == 0, is_brain = strcmp(t->dtype, "BF16") == 0;
  if (!is_half && !is_brain && strcmp(t->dtype, "F64") != 0)
    return bf_fail(err, BF_E_UNSUPPORTED, "%s: numbers of type %s are not taken as weights", t->name, t->dtype);
  for (int64_t i = 0; i < t->count; i++) {
    uint16_t narrow;
    double wide;
    if (is_half || is_brain) {
      memcpy(&narrow, src + 2 * i, 2);
      uint32_t bits = (uint32_t)narrow << 16;
      memcpy(&dst[i], &bits, 4);
      if (is_half) dst[i] = half_to_float(narrow);
    } else {
      memcpy(&wide, src + 8 * i, 8);
      dst[i] = (float)wide;
    }
  }
  return BF_OK;
}
