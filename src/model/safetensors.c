/* Reading safetensors: https://github.com/huggingface/safetensors describes the format. Nothing in the file is believed
 * before it is checked. */
#include "model/safetensors.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "base/utf8.h"

/* header_max is the format's own. A model that remembers six million images fills it. */
enum { header_max = 100000000, containers_max = 1 << 18, commas_max = 1 << 21 };

static bf_status header_length(size_t *length, const bf_tensors *file, bf_error *err) {
  const uint8_t *m = file->memory;
  uint64_t value = 0;
  if (file->memory_size < 8)
    return bf_fail(err, BF_E_FORMAT, "not a safetensors file: %zu bytes cannot hold its header's length",
                   file->memory_size);
  for (int i = 7; i >= 0; i--) value = value << 8 | m[i];
  size_t left = file->memory_size - 8;
  /* Another kind of file shows itself here: its first bytes make an absurd length. */
  if (value > header_max && (file->memory_size < 9 || m[8] != '{'))
    return bf_fail(err, BF_E_FORMAT, "not a safetensors file");
  if (value > header_max)
    return bf_fail(err, BF_E_LIMIT, "its header claims %llu bytes, more than the limit of %d",
                   (unsigned long long)value, header_max);
  if (value > left)
    return bf_fail(err, BF_E_FORMAT, "its header claims %llu bytes, the file has %zu: cut short or not safetensors",
                   (unsigned long long)value, left);
  if (value < 2 || m[8] != '{')
    return bf_fail(err, BF_E_FORMAT, "not a safetensors file: its header does not begin with '{'");
  *length = (size_t)value;
  return BF_OK;
}

static bf_status take_metadata(bf_tensors *out, json_t *object, bf_error *err) {
  const char *key;
  json_t *value;
  if (!json_is_object(object)) return bf_fail(err, BF_E_FORMAT, "__metadata__ is not an object");
  json_object_foreach(object, key, value) {
    if (!bf_is_plain_text(key) || !json_is_string(value))
      return bf_fail(err, BF_E_FORMAT, "__metadata__ may hold text only; entry %lld does not",
                     (long long)out->metadata_count);
    bf_status status = bf_tensors_note(out, key, json_string_value(value), err);
    if (status != BF_OK) return status;
  }
  return BF_OK;
}

/* A whole number from 0 on; -1 for anything else. */
static int64_t natural(const json_t *value) {
  return json_is_integer(value) && json_integer_value(value) >= 0 ? json_integer_value(value) : -1;
}

static bf_status take_span(bf_tensor *t, const json_t *span, const char *data, size_t data_size, bf_error *err) {
  int64_t begin = natural(json_array_get(span, 0)), end = natural(json_array_get(span, 1));
  if (json_array_size(span) != 2 || begin < 0 || end < begin)
    return bf_fail(err, BF_E_FORMAT, "%s: data_offsets are not two rising whole numbers", t->name);
  if ((uint64_t)end > data_size)
    return bf_fail(err, BF_E_FORMAT, "%s: ends at byte %lld of the data, the file has %zu: cut short or damaged",
                   t->name, (long long)end, data_size);
  if (t->bytes != (size_t)(end - begin))
    return bf_fail(err, BF_E_FORMAT, "%s: its shape and type do not make the %lld bytes that it claims", t->name,
                   (long long)(end - begin));
  t->data = data + begin;
  return BF_OK;
}

static bf_status take_tensor(bf_tensors *out, const char *name, const json_t *value, const char *data, size_t data_size,
                             bf_error *err) {
  const char *type = json_string_value(json_object_get(value, "dtype"));
  const json_t *list = json_object_get(value, "shape");
  int64_t shape[BF_TENSOR_RANK_MAX] = {0};
  size_t rank = json_array_size(list);
  bf_tensor *t;
  for (size_t i = 0; i < rank && i < BF_TENSOR_RANK_MAX; i++) shape[i] = natural(json_array_get(list, i));
  if (!bf_is_plain_text(name)) return bf_tensors_add(&t, out, "", "F32", 0, shape, err); /* refused with its number */
  if (type == NULL) return bf_fail(err, BF_E_FORMAT, "%s: no dtype", name);
  if (!json_is_array(list)) return bf_fail(err, BF_E_FORMAT, "%s: no shape", name);
  bf_status status = bf_tensors_add(&t, out, name, type, rank > INT32_MAX ? INT32_MAX : (int)rank, shape, err);
  return status == BF_OK ? take_span(t, json_object_get(value, "data_offsets"), data, data_size, err) : status;
}

static int by_place(const void *a, const void *b) {
  const bf_tensor *x = a, *y = b;
  if (x->data != y->data) return (const char *)x->data < (const char *)y->data ? -1 : 1;
  return (x->bytes > y->bytes) - (x->bytes < y->bytes);
}

static bf_status check_spans(const bf_tensors *file, const char *data, size_t data_size, bf_error *err) {
  const char *at = data;
  for (int64_t i = 0; i < file->tensor_count; i++) {
    const bf_tensor *t = &file->tensors[i];
    if ((const char *)t->data != at)
      return bf_fail(err, BF_E_FORMAT, "%s: begins at byte %lld of the data where %lld is due: %s", t->name,
                     (long long)((const char *)t->data - data), (long long)(at - data),
                     (const char *)t->data < at ? "tensors overlap" : "a gap");
    at += t->bytes;
  }
  if (at != data + data_size)
    return bf_fail(err, BF_E_FORMAT, "%lld bytes behind the last tensor", (long long)(data + data_size - at));
  return BF_OK;
}

/* A parsed value takes a hundred times its text: what no list of tensors needs is refused before it is parsed. */
static bf_status check_structure(const char *text, size_t length, bf_error *err) {
  size_t containers = 0, commas = 0;
  bool quoted = false;
  for (size_t i = 0; i < length; i++) {
    if (quoted && text[i] == '\\')
      i++;
    else if (text[i] == '"')
      quoted = !quoted;
    containers += !quoted && (text[i] == '{' || text[i] == '[');
    commas += !quoted && text[i] == ',';
  }
  if (containers > containers_max || commas > commas_max)
    return bf_fail(err, BF_E_LIMIT,
                   "its header holds %zu lists and objects and %zu commas, more than any list of tensors", containers,
                   commas);
  return BF_OK;
}

static bf_status take_header(bf_tensors *out, size_t length, bf_error *err) {
  const char *text = (const char *)out->memory + 8, *data = text + length, *name;
  size_t data_size = out->memory_size - 8 - length;
  json_error_t why;
  bf_status status = check_structure(text, length, err);
  if (status != BF_OK) return status;
  json_t *value, *root = json_loadb(text, length, JSON_REJECT_DUPLICATES, &why);
  if (root == NULL) {
    bf_make_plain(why.text); /* it quotes the file */
    return bf_fail(err, BF_E_FORMAT, "its header is not JSON: %s (byte %d)", why.text, why.position);
  }
  json_object_foreach(root, name, value) {
    if (strcmp(name, "__metadata__") == 0)
      status = take_metadata(out, value, err);
    else
      status = take_tensor(out, name, value, data, data_size, err);
    if (status != BF_OK) goto out;
  }
  if (out->tensor_count > 0) qsort(out->tensors, (size_t)out->tensor_count, sizeof *out->tensors, by_place);
  status = check_spans(out, data, data_size, err);
  if (status == BF_OK) status = bf_tensors_finish(out, err);
out:
  json_decref(root);
  return status;
}

bf_status bf_safetensors_parse(bf_tensors *file, bf_error *err) {
  size_t length = 0;
  bf_status status = header_length(&length, file, err);
  return status == BF_OK ? take_header(file, length, err) : status;
}

bf_status bf_safetensors_read(bf_tensors *out, const char *path, bf_error *err) {
  bf_status status = bf_tensors_load(out, path, err);
  if (status != BF_OK) return status;
  status = bf_safetensors_parse(out, err);
  if (status == BF_OK) return BF_OK;
  bf_error_prefix(err, "%s", path);
  bf_tensors_clear(out);
  return status;
}
