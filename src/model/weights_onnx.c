/* Weight format: the initialisers of ONNX models, under their own names. protobuf-c takes the message apart, from
 * memory that is counted; what it found is then checked number by number. */
#include <stdio.h>
#include <string.h>

#include "base/memory.h"
#include "base/utf8.h"
#include "model/weights_format.h"
#include "onnx.pb-c.h"

typedef Bifocal__Onnx__Tensor onnx_tensor;
typedef Bifocal__Onnx__Model onnx_model;

/* ir_version in front, as every exporter writes it; then another of the model's first fields. */
static int detect(const char *path, const void *bytes, size_t size) {
  const unsigned char *b = bytes;
  bool named = bf_weights_is_named(path, ".onnx");
  if (size < 3 || b[0] != 0x08) return named ? 20 : 0;
  if (named) return 60;
  return b[1] >= 3 && b[1] <= 30 && (b[2] == 0x12 || b[2] == 0x3A || b[2] == 0x42) ? 30 : 0;
}

/* ---- memory for protobuf-c ---- */

/* A few bytes of a message can ask for hundreds in memory; what a sound model needs is far below this. */
static const size_t budget_factor = 3, budget_more = (size_t)64 << 20;

typedef struct budget {
  size_t left;
  bool spent, out_of_memory;
} budget;

static void *take_memory(void *user, size_t size) {
  const size_t block_cost = 128; /* alignment, and the heap's own account */
  budget *b = user;
  void *block = NULL;
  if (size > b->left || b->left - size < block_cost) {
    b->spent = true;
    return NULL;
  }
  b->left -= size + block_cost;
  block = bf_alloc_raw(size, 1);
  if (block == NULL) b->out_of_memory = true;
  return block;
}

static void give_memory(void *user, void *block) {
  (void)user;
  bf_free(block);
}

/* ---- one initialiser ---- */

typedef enum list_kind { LIST_FLOAT, LIST_INT32, LIST_INT64, LIST_DOUBLE, LIST_UINT64, LIST_COUNT } list_kind;

/* ONNX's numbers of types, and the list that holds one where raw_data does not. */
static const struct {
  int id;
  const char *dtype;
  list_kind list;
} types[] = {{1, "F32", LIST_FLOAT},  {2, "U8", LIST_INT32},    {3, "I8", LIST_INT32},    {4, "U16", LIST_INT32},
             {5, "I16", LIST_INT32},  {6, "I32", LIST_INT32},   {7, "I64", LIST_INT64},   {9, "BOOL", LIST_INT32},
             {10, "F16", LIST_INT32}, {11, "F64", LIST_DOUBLE}, {12, "U32", LIST_UINT64}, {13, "U64", LIST_UINT64},
             {16, "BF16", LIST_INT32}};

static int find_type(int id) {
  for (int i = 0; i < (int)(sizeof types / sizeof types[0]); i++)
    if (types[i].id == id) return i;
  return -1;
}

static void list_lengths(size_t lengths[LIST_COUNT], const onnx_tensor *t) {
  lengths[LIST_FLOAT] = t->n_float_data;
  lengths[LIST_INT32] = t->n_int32_data;
  lengths[LIST_INT64] = t->n_int64_data;
  lengths[LIST_DOUBLE] = t->n_double_data;
  lengths[LIST_UINT64] = t->n_uint64_data;
}

/* Takes the memory of one field out of the message, which then no longer frees it. */
static bf_status adopt(bf_tensor *out, bf_tensors *file, void *field, size_t *length, bf_error *err) {
  void **data = field;
  void *block = *data;
  *data = NULL;
  *length = 0;
  bf_status status = bf_tensors_adopt(file, block, err);
  if (status == BF_OK) out->data = block;
  return status;
}

/* The lower bytes of wider numbers, which must hold all that they say. Halves stand as their bits. */
static bf_status narrow(bf_tensor *out, bf_tensors *file, const onnx_tensor *t, list_kind list, bf_error *err) {
  size_t size = bf_tensor_type_size(out->dtype);
  bool is_signed = out->dtype[0] == 'I';
  int64_t top = out->dtype[0] == 'B' && size == 1 ? 1 : ((int64_t)1 << (8 * size - is_signed)) - 1;
  int64_t least = is_signed ? -top - 1 : 0;
  void *block;
  bf_status status = bf_tensors_block(&block, file, out->bytes, err);
  if (status != BF_OK) return status;
  for (int64_t i = 0; i < out->count; i++) {
    uint64_t wide = list == LIST_UINT64 ? t->uint64_data[i] : (uint64_t)(int64_t)t->int32_data[i];
    if (list == LIST_UINT64 ? wide > (uint64_t)top : (int64_t)wide < least || (int64_t)wide > top)
      return bf_fail(err, BF_E_FORMAT, "%s: number %lld does not fit its type %s", out->name, (long long)i, out->dtype);
    memcpy((char *)block + (size_t)i * size, &wide, size);
  }
  out->data = block;
  return BF_OK;
}

static bf_status take_list(bf_tensor *out, bf_tensors *file, onnx_tensor *t, list_kind list, bf_error *err) {
  size_t lengths[LIST_COUNT];
  list_lengths(lengths, t);
  for (int i = 0; i < LIST_COUNT; i++)
    if (lengths[i] != (i == (int)list ? (size_t)out->count : 0))
      return bf_fail(err, BF_E_FORMAT, "%s: its shape makes %lld numbers of type %s, the file holds %zu%s", out->name,
                     (long long)out->count, out->dtype, lengths[i], i == (int)list ? "" : " of another type");
  if (out->count == 0) return BF_OK;
  switch (list) {
    case LIST_FLOAT: return adopt(out, file, &t->float_data, &t->n_float_data, err);
    case LIST_INT64: return adopt(out, file, &t->int64_data, &t->n_int64_data, err);
    case LIST_DOUBLE: return adopt(out, file, &t->double_data, &t->n_double_data, err);
    case LIST_INT32:
      if (strcmp(out->dtype, "I32") == 0) return adopt(out, file, &t->int32_data, &t->n_int32_data, err);
      return narrow(out, file, t, list, err);
    case LIST_UINT64:
      if (strcmp(out->dtype, "U64") == 0) return adopt(out, file, &t->uint64_data, &t->n_uint64_data, err);
      return narrow(out, file, t, list, err);
    case LIST_COUNT: break;
  }
  return bf_fail(err, BF_E_INTERNAL, "%s: no such list of numbers", out->name);
}

static bf_status take_raw(bf_tensor *out, bf_tensors *file, onnx_tensor *t, bf_error *err) {
  size_t lengths[LIST_COUNT];
  list_lengths(lengths, t);
  for (int i = 0; i < LIST_COUNT; i++)
    if (lengths[i] > 0) return bf_fail(err, BF_E_FORMAT, "%s: its numbers stand in the file twice", out->name);
  if (t->raw_data.len != out->bytes)
    return bf_fail(err, BF_E_FORMAT, "%s: its shape and type make %zu bytes, the file holds %zu", out->name, out->bytes,
                   t->raw_data.len);
  return out->bytes > 0 ? adopt(out, file, &t->raw_data.data, &t->raw_data.len, err) : BF_OK;
}

/* Where the numbers of this tensor stand; refused elsewhere than in it. */
static bf_status check_place(const onnx_tensor *t, const char *name, bf_error *err) {
  if (t->n_external_data > 0 || t->data_location != 0)
    return bf_fail(err, BF_E_UNSUPPORTED,
                   "%s: its numbers stand in another file, which is not followed; save the model in one file "
                   "(onnx.save with save_as_external_data=False)",
                   name);
  if (t->has_segment) return bf_fail(err, BF_E_UNSUPPORTED, "%s: it is stored in segments", name);
  return BF_OK;
}

static bf_status take_tensor(bf_tensors *file, onnx_tensor *t, bf_error *err) {
  const char *name = t->name != NULL && bf_is_plain_text(t->name) ? t->name : "";
  int type = find_type(t->has_data_type ? t->data_type : 0);
  bf_tensor *out;
  bf_status status = check_place(t, name, err);
  if (status != BF_OK) return status;
  if (type < 0)
    return bf_fail(err, BF_E_UNSUPPORTED, "%s: numbers of ONNX's type %d are not read", name, (int)t->data_type);
  status = bf_tensors_add(&out, file, name, types[type].dtype, t->n_dims > INT32_MAX ? INT32_MAX : (int)t->n_dims,
                          t->dims, err);
  if (status != BF_OK) return status;
  return t->has_raw_data && t->raw_data.len > 0 ? take_raw(out, file, t, err)
                                                : take_list(out, file, t, types[type].list, err);
}

/* ---- notes ---- */

static bf_status take_producer(bf_tensors *file, const onnx_model *m, bf_error *err) {
  char text[256];
  const char *name = m->producer_name, *version = m->producer_version;
  if (name == NULL || name[0] == '\0' || strlen(name) > 100 || !bf_is_plain_text(name)) return BF_OK;
  if (version == NULL || strlen(version) > 100 || !bf_is_plain_text(version)) version = "";
  snprintf(text, sizeof text, "%s%s%s", name, version[0] ? " " : "", version);
  return bf_tensors_note(file, "producer", text, err);
}

/* "onnx::Conv_193", or "193" of older exporters: a value that the exporter computed and named itself. */
static bool is_exporters_name(const char *name) {
  return strncmp(name, "onnx::", 6) == 0 || strspn(name, "0123456789") == strlen(name);
}

static bf_status take_hint(bf_tensors *file, bf_error *err) {
  char text[512];
  int64_t count = 0;
  const char *first = NULL;
  for (int64_t i = 0; i < file->tensor_count; i++) {
    const bf_tensor *t = &file->tensors[i];
    if (t->rank == 0 || t->dtype[0] == 'I' || !is_exporters_name(t->name)) continue;
    if (count++ == 0) first = t->name;
  }
  if (count == 0) return BF_OK;
  snprintf(text, sizeof text,
           "%lld of %lld tensors bear the exporter's names (%s): norms were folded. Convolutions in a known network's "
           "order are "
           "found all the same; to keep all names export with training=torch.onnx.TrainingMode.PRESERVE, "
           "do_constant_folding=False",
           (long long)count, (long long)file->tensor_count, first);
  return bf_tensors_note(file, "hint", text, err);
}

/* ---- the model ---- */

static bf_status take_model(bf_tensors *file, onnx_model *m, bf_error *err) {
  if (m->graph == NULL) return bf_fail(err, BF_E_FORMAT, "no ONNX model: it has no graph");
  if (m->graph->n_initializer == 0)
    return bf_fail(err, BF_E_FORMAT, "its graph has no initialisers: there are no weights in this file");
  bf_status status = BF_OK;
  for (size_t i = 0; i < m->graph->n_initializer && status == BF_OK; i++)
    status = take_tensor(file, m->graph->initializer[i], err);
  if (status == BF_OK) status = bf_tensors_finish(file, err);
  if (status == BF_OK) status = take_producer(file, m, err);
  return status == BF_OK ? take_hint(file, err) : status;
}

static bf_status say_unread(const budget *b, size_t size, bf_error *err) {
  if (b->out_of_memory) return bf_fail(err, BF_E_MEMORY, "no memory for an ONNX model of %zu bytes", size);
  if (b->spent)
    return bf_fail(err, BF_E_LIMIT, "its %zu bytes unpack to more than %zu times their size; it is damaged or hostile",
                   size, budget_factor);
  return bf_fail(err, BF_E_FORMAT, "no ONNX model, or cut short or damaged");
}

static bf_status parse(bf_tensors *file, bf_error *err) {
  /* protobuf's own limit; also keeps the budget from overflowing. */
  if (file->memory_size > INT32_MAX)
    return bf_fail(err, BF_E_LIMIT, "%zu bytes, and no ONNX model has more than 2 GiB", file->memory_size);
  budget b = {.left = file->memory_size * budget_factor + budget_more};
  ProtobufCAllocator allocator = {take_memory, give_memory, &b};
  onnx_model *m = bifocal__onnx__model__unpack(&allocator, file->memory_size, file->memory);
  if (m == NULL) return say_unread(&b, file->memory_size, err);
  bf_status status = take_model(file, m, err);
  bifocal__onnx__model__free_unpacked(m, &allocator);
  if (status != BF_OK) return status;
  /* Every number stands in a block of its own now. */
  bf_free(file->memory);
  file->memory = NULL;
  file->memory_size = 0;
  return BF_OK;
}

const bf_weights_format bf_weights_onnx = {"onnx", "initialisers of ONNX models, under their own names", detect, parse};
