/* Reading safetensors: https://github.com/huggingface/safetensors describes the format. Nothing in the file is believed
 * before it is checked. The file is opened once and read into memory, so that it cannot change under the reader. */
#include "model/safetensors.h"

#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "base/memory.h"

enum { name_max = 256, header_max = 16 << 20, tensors_max = 1 << 20 };
static const int64_t file_max = INT64_C(8) << 30;

static const struct {
  const char *name;
  size_t size;
} types[] = {{"F32", 4}, {"F16", 2}, {"BF16", 2}, {"F64", 8}, {"I64", 8},  {"I32", 4},     {"I16", 2},    {"I8", 1},
             {"U64", 8}, {"U32", 4}, {"U16", 2},  {"U8", 1},  {"BOOL", 1}, {"F8_E4M3", 1}, {"F8_E5M2", 1}};

static size_t type_size(const char *name) {
  for (size_t i = 0; i < sizeof types / sizeof types[0]; i++)
    if (strcmp(types[i].name, name) == 0) return types[i].size;
  return 0;
}

static bf_status read_all(bf_safetensors *out, int fd, const char *path, bf_error *err) {
  struct stat st;
  if (fstat(fd, &st) != 0) return bf_fail(err, BF_E_IO, "%s: %s", path, strerror(errno));
  if (!S_ISREG(st.st_mode)) return bf_fail(err, BF_E_FORMAT, "%s: not a file", path);
  if (st.st_size > file_max)
    return bf_fail(err, BF_E_LIMIT, "%s: %lld bytes are more than the limit of %lld", path, (long long)st.st_size,
                   (long long)file_max);
  if (st.st_size < 8)
    return bf_fail(err, BF_E_FORMAT, "%s: not a safetensors file: %lld bytes cannot hold its header's length", path,
                   (long long)st.st_size);
  out->memory_size = (size_t)st.st_size;
  out->memory = bf_alloc_raw(out->memory_size, 1);
  if (out->memory == NULL) return bf_fail(err, BF_E_MEMORY, "%s: no memory for %zu bytes", path, out->memory_size);
  for (size_t done = 0; done < out->memory_size;) {
    ssize_t n = read(fd, (char *)out->memory + done, out->memory_size - done);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return bf_fail(err, BF_E_IO, "%s: %s", path, strerror(errno));
    if (n == 0) return bf_fail(err, BF_E_IO, "%s: grew shorter while it was read", path);
    done += (size_t)n;
  }
  return BF_OK;
}

static bf_status header_length(size_t *length, const bf_safetensors *file, const char *path, bf_error *err) {
  const uint8_t *m = file->memory;
  uint64_t value = 0;
  for (int i = 7; i >= 0; i--) value = value << 8 | m[i];
  size_t left = file->memory_size - 8;
  /* Another kind of file shows itself here: its first bytes make an absurd length. */
  if (value > header_max && (file->memory_size < 9 || m[8] != '{'))
    return bf_fail(err, BF_E_FORMAT, "%s: not a safetensors file", path);
  if (value > header_max)
    return bf_fail(err, BF_E_LIMIT, "%s: its header claims %llu bytes, more than the limit of %d", path,
                   (unsigned long long)value, header_max);
  if (value > left)
    return bf_fail(err, BF_E_FORMAT, "%s: its header claims %llu bytes, the file has %zu: cut short or not safetensors",
                   path, (unsigned long long)value, left);
  if (value < 2 || m[8] != '{')
    return bf_fail(err, BF_E_FORMAT, "%s: not a safetensors file: its header does not begin with '{'", path);
  *length = (size_t)value;
  return BF_OK;
}

static bool is_decent(const char *text) {
  for (; *text; text++)
    if ((unsigned char)*text < 0x20 || *text == 0x7F) return false;
  return true;
}

static bf_status take_metadata(bf_safetensors *out, json_t *object, const char *path, bf_error *err) {
  const char *key;
  json_t *value;
  if (!json_is_object(object)) return bf_fail(err, BF_E_FORMAT, "%s: __metadata__ is not an object", path);
  out->metadata = bf_alloc(json_object_size(object), sizeof *out->metadata);
  if (out->metadata == NULL) return bf_fail(err, BF_E_MEMORY, "%s: no memory for its metadata", path);
  json_object_foreach(object, key, value) {
    if (!is_decent(key) || !json_is_string(value))
      return bf_fail(err, BF_E_FORMAT, "%s: __metadata__ may hold text only; entry %lld does not", path,
                     (long long)out->metadata_count);
    bf_metadata_entry *entry = &out->metadata[out->metadata_count++];
    entry->key = bf_strdup(key);
    entry->value = bf_strdup(json_string_value(value));
    if (entry->key == NULL || entry->value == NULL)
      return bf_fail(err, BF_E_MEMORY, "%s: no memory for its metadata", path);
  }
  return BF_OK;
}

/* A whole number from 0 on; -1 for anything else. */
static int64_t natural(const json_t *value) {
  return json_is_integer(value) && json_integer_value(value) >= 0 ? json_integer_value(value) : -1;
}

static bf_status take_shape(bf_tensor *t, const json_t *shape, const char *path, bf_error *err) {
  size_t rank = json_array_size(shape);
  if (!json_is_array(shape)) return bf_fail(err, BF_E_FORMAT, "%s: %s: no shape", path, t->name);
  if (rank > BF_TENSOR_RANK_MAX)
    return bf_fail(err, BF_E_UNSUPPORTED, "%s: %s: %zu dimensions, %d are handled", path, t->name, rank,
                   BF_TENSOR_RANK_MAX);
  t->rank = (int)rank;
  t->count = 1;
  for (size_t i = 0; i < rank; i++) {
    t->shape[i] = natural(json_array_get(shape, i));
    if (t->shape[i] < 0)
      return bf_fail(err, BF_E_FORMAT, "%s: %s: dimension %zu of its shape is not a whole number from 0 on", path,
                     t->name, i);
    if (__builtin_mul_overflow(t->count, t->shape[i], &t->count))
      return bf_fail(err, BF_E_FORMAT, "%s: %s: its shape holds more numbers than can be counted", path, t->name);
  }
  return BF_OK;
}

static bf_status take_span(bf_tensor *t, const json_t *span, const char *data, size_t data_size, const char *path,
                           bf_error *err) {
  int64_t begin = natural(json_array_get(span, 0)), end = natural(json_array_get(span, 1)), bytes;
  if (json_array_size(span) != 2 || begin < 0 || end < begin)
    return bf_fail(err, BF_E_FORMAT, "%s: %s: data_offsets are not two rising whole numbers", path, t->name);
  if ((uint64_t)end > data_size)
    return bf_fail(err, BF_E_FORMAT, "%s: %s: ends at byte %lld of the data, the file has %zu: cut short or damaged",
                   path, t->name, (long long)end, data_size);
  if (__builtin_mul_overflow(t->count, (int64_t)type_size(t->dtype), &bytes) || bytes != end - begin)
    return bf_fail(err, BF_E_FORMAT, "%s: %s: its shape and type do not make the %lld bytes that it claims", path,
                   t->name, (long long)(end - begin));
  t->data = data + begin;
  t->bytes = (size_t)bytes;
  return BF_OK;
}

static bf_status take_tensor(bf_safetensors *out, const char *name, const json_t *value, const char *data,
                             size_t data_size, const char *path, bf_error *err) {
  if (name[0] == '\0' || strlen(name) >= name_max || !is_decent(name))
    return bf_fail(err, BF_E_FORMAT,
                   "%s: tensor %lld: its name is empty, longer than %d bytes or holds control characters", path,
                   (long long)out->tensor_count, name_max - 1);
  bf_tensor *t = &out->tensors[out->tensor_count++];
  t->name = bf_strdup(name);
  if (t->name == NULL) return bf_fail(err, BF_E_MEMORY, "%s: no memory for its tensors", path);
  const char *type = json_string_value(json_object_get(value, "dtype"));
  if (type == NULL) return bf_fail(err, BF_E_FORMAT, "%s: %s: no dtype", path, name);
  if (type_size(type) == 0)
    return bf_fail(err, BF_E_UNSUPPORTED, "%s: %s: dtype '%.16s' is not known", path, name,
                   is_decent(type) ? type : "?");
  memcpy(t->dtype, type, strlen(type) + 1);
  bf_status status = take_shape(t, json_object_get(value, "shape"), path, err);
  if (status == BF_OK) status = take_span(t, json_object_get(value, "data_offsets"), data, data_size, path, err);
  return status;
}

static int by_place(const void *a, const void *b) {
  const bf_tensor *x = a, *y = b;
  if (x->data != y->data) return (const char *)x->data < (const char *)y->data ? -1 : 1;
  return (x->bytes > y->bytes) - (x->bytes < y->bytes);
}

static int by_name(const void *a, const void *b) {
  return strcmp(((const bf_tensor *)a)->name, ((const bf_tensor *)b)->name);
}

static bf_status check_spans(const bf_safetensors *file, const char *data, size_t data_size, const char *path,
                             bf_error *err) {
  const char *at = data;
  for (int64_t i = 0; i < file->tensor_count; i++) {
    const bf_tensor *t = &file->tensors[i];
    if ((const char *)t->data != at)
      return bf_fail(err, BF_E_FORMAT, "%s: %s: begins at byte %lld of the data where %lld is due: %s", path, t->name,
                     (long long)((const char *)t->data - data), (long long)(at - data),
                     (const char *)t->data < at ? "tensors overlap" : "a gap");
    at += t->bytes;
  }
  if (at != data + data_size)
    return bf_fail(err, BF_E_FORMAT, "%s: %lld bytes behind the last tensor", path, (long long)(data + data_size - at));
  return BF_OK;
}

static bf_status take_header(bf_safetensors *out, size_t length, const char *path, bf_error *err) {
  const char *text = (const char *)out->memory + 8, *data = text + length, *name;
  size_t data_size = out->memory_size - 8 - length;
  json_error_t why;
  json_t *value, *root = json_loadb(text, length, JSON_REJECT_DUPLICATES, &why);
  bf_status status = BF_OK;
  if (root == NULL)
    return bf_fail(err, BF_E_FORMAT, "%s: its header is not JSON: %s (byte %d)", path, why.text, why.position);
  if (json_object_size(root) > tensors_max) {
    status = bf_fail(err, BF_E_LIMIT, "%s: %zu tensors, more than the limit of %d", path, json_object_size(root),
                     tensors_max);
    goto out;
  }
  out->tensors = bf_alloc(json_object_size(root), sizeof *out->tensors);
  if (out->tensors == NULL) {
    status = bf_fail(err, BF_E_MEMORY, "%s: no memory for its tensors", path);
    goto out;
  }
  json_object_foreach(root, name, value) {
    if (strcmp(name, "__metadata__") == 0)
      status = take_metadata(out, value, path, err);
    else
      status = take_tensor(out, name, value, data, data_size, path, err);
    if (status != BF_OK) goto out;
  }
  qsort(out->tensors, (size_t)out->tensor_count, sizeof *out->tensors, by_place);
  status = check_spans(out, data, data_size, path, err);
  qsort(out->tensors, (size_t)out->tensor_count, sizeof *out->tensors, by_name);
out:
  json_decref(root);
  return status;
}

bf_status bf_safetensors_read(bf_safetensors *out, const char *path, bf_error *err) {
  size_t length = 0;
  *out = (bf_safetensors){0};
  int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  if (fd < 0) return bf_fail(err, errno == ENOENT ? BF_E_NOT_FOUND : BF_E_IO, "%s: %s", path, strerror(errno));
  bf_status status = read_all(out, fd, path, err);
  close(fd);
  if (status == BF_OK) status = header_length(&length, out, path, err);
  if (status == BF_OK) status = take_header(out, length, path, err);
  if (status == BF_OK)
    bf_sha256(out->sha256, out->memory, out->memory_size);
  else
    bf_safetensors_clear(out);
  return status;
}

void bf_safetensors_clear(bf_safetensors *file) {
  for (int64_t i = 0; i < file->tensor_count; i++) bf_free(file->tensors[i].name);
  for (int64_t i = 0; i < file->metadata_count; i++) {
    bf_free(file->metadata[i].key);
    bf_free(file->metadata[i].value);
  }
  bf_free(file->tensors);
  bf_free(file->metadata);
  bf_free(file->memory);
  *file = (bf_safetensors){0};
}

const bf_tensor *bf_safetensors_find(const bf_safetensors *file, const char *name) {
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

const char *bf_safetensors_metadata(const bf_safetensors *file, const char *key) {
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
    memcpy(dst, src, t->bytes);
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
