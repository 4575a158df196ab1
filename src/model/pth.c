/* The names that PyTorch's pickles are understood by, and storages. */
#include "model/pth.h"

#include <stdio.h>
#include <string.h>

#include "base/memory.h"

static const struct {
  const char *module, *name;
  bf_pth_role role;
} names[] = {
    {"collections", "OrderedDict", BF_PTH_DICT},
    {"collections", "defaultdict", BF_PTH_DICT},
    {"torch._utils", "_rebuild_tensor", BF_PTH_TENSOR},
    {"torch._utils", "_rebuild_tensor_v2", BF_PTH_TENSOR},
    {"torch._utils", "_rebuild_tensor_v3", BF_PTH_TYPED},
    {"torch._utils", "_rebuild_parameter", BF_PTH_PARAMETER},
    {"torch._utils", "_rebuild_parameter_with_state", BF_PTH_PARAMETER},
    {"torch._tensor", "_rebuild_from_type_v2", BF_PTH_SUBCLASS},
    {"torch", "Size", BF_PTH_PLAIN},
    {"torch", "device", BF_PTH_PLAIN},
    {"builtins", "set", BF_PTH_PLAIN},
    {"__builtin__", "set", BF_PTH_PLAIN},
};

/* Storage classes and types of numbers. Those without a type of ours are known for their size, which older files need
 * to find what comes behind them. */
static const struct {
  const char *storage, *number, *type;
  size_t size;
} types[] = {
    {"FloatStorage", "float32", "F32", 4},
    {"HalfStorage", "float16", "F16", 2},
    {"BFloat16Storage", "bfloat16", "BF16", 2},
    {"DoubleStorage", "float64", "F64", 8},
    {"LongStorage", "int64", "I64", 8},
    {"IntStorage", "int32", "I32", 4},
    {"ShortStorage", "int16", "I16", 2},
    {"CharStorage", "int8", "I8", 1},
    {"ByteStorage", "uint8", "U8", 1},
    {"BoolStorage", "bool", "BOOL", 1},
    {"UntypedStorage", "", "U8", 1},
    {"_UntypedStorage", "", "U8", 1},
    {"", "uint16", "U16", 2},
    {"", "uint32", "U32", 4},
    {"", "uint64", "U64", 8},
    {"", "float8_e4m3fn", "F8_E4M3", 1},
    {"", "float8_e5m2", "F8_E5M2", 1},
    {"ComplexFloatStorage", "complex64", "", 8},
    {"ComplexDoubleStorage", "complex128", "", 16},
    {"QInt8Storage", "qint8", "", 1},
    {"QUInt8Storage", "quint8", "", 1},
    {"QInt32Storage", "qint32", "", 4},
};
enum { name_count = sizeof names / sizeof names[0], type_count = sizeof types / sizeof types[0] };

static bool is_torch(bf_pickle_text module) {
  return bf_pickle_text_is(module, "torch") || bf_pickle_text_is(module, "torch.cuda") ||
         bf_pickle_text_is(module, "torch.storage");
}

/* Place in the table of types; -1: none. */
static int find_type(const bf_pickle_value *global, bool by_storage) {
  if (global->kind != BF_PICKLE_GLOBAL || !is_torch(global->global.module) || global->global.name.length == 0)
    return -1;
  for (int i = 0; i < type_count; i++)
    if (bf_pickle_text_is(global->global.name, by_storage ? types[i].storage : types[i].number)) return i;
  return -1;
}

bf_pth_role bf_pth_role_of(const bf_pickle_value *global) {
  if (global->kind != BF_PICKLE_GLOBAL) return BF_PTH_OPAQUE;
  for (int i = 0; i < name_count; i++)
    if (bf_pickle_text_is(global->global.module, names[i].module) &&
        bf_pickle_text_is(global->global.name, names[i].name))
      return names[i].role;
  return find_type(global, true) >= 0 || find_type(global, false) >= 0 ? BF_PTH_PLAIN : BF_PTH_OPAQUE;
}

/* ---- storages ---- */

static bool is_key(bf_pickle_text key) {
  if (key.length == 0 || key.length > BF_PTH_KEY_MAX) return false;
  for (size_t i = 0; i < key.length; i++)
    if (key.bytes[i] <= 0x20 || key.bytes[i] > 0x7E) return false;
  return true;
}

/* Old files: None, or (key, offset, size) of the part that is seen. */
static bool read_view(bf_pth_storage *s, const bf_pickle_value *view) {
  if (view->kind == BF_PICKLE_NONE) return true;
  if (view->kind != BF_PICKLE_TUPLE || view->count != 3 || view->items[1]->kind != BF_PICKLE_INT ||
      view->items[2]->kind != BF_PICKLE_INT)
    return false;
  s->view_offset = view->items[1]->integer;
  s->view_count = view->items[2]->integer;
  return s->view_offset >= 0 && s->view_count >= 0 && s->view_offset <= s->count &&
         s->view_count <= s->count - s->view_offset;
}

bf_status bf_pth_read_storage(bf_pth_storage *out, const bf_pickle_value *value, bf_error *err) {
  const bf_pickle_value *id = value->kind == BF_PICKLE_PERSISTENT ? value->id : NULL;
  *out = (bf_pth_storage){.type = ""};
  if (id == NULL || id->kind != BF_PICKLE_TUPLE || id->count < 5 || id->items[0]->kind != BF_PICKLE_TEXT ||
      !bf_pickle_text_is(id->items[0]->text, "storage"))
    return bf_fail(err, BF_E_FORMAT, "no storage stands where one is due");
  if (id->items[2]->kind != BF_PICKLE_TEXT || !is_key(id->items[2]->text))
    return bf_fail(err, BF_E_FORMAT, "a storage's key is no plain text of 1 to %d characters", BF_PTH_KEY_MAX);
  out->key = id->items[2]->text;
  int type = find_type(id->items[1], true);
  if (type >= 0) out->type = types[type].type, out->item_size = types[type].size;
  if (id->items[4]->kind != BF_PICKLE_INT || id->items[4]->integer < 0)
    return bf_fail(err, BF_E_FORMAT, "storage '%.*s': its size is no whole number from 0 on", (int)out->key.length,
                   out->key.bytes);
  out->count = out->view_count = id->items[4]->integer;
  if (id->count > 5 && !read_view(out, id->items[5]))
    return bf_fail(err, BF_E_FORMAT, "storage '%.*s': a view of it does not lie inside it", (int)out->key.length,
                   out->key.bytes);
  return BF_OK;
}

static const bf_pth_section *find_section(const bf_pth *pth, bf_pickle_text key) {
  int64_t low = 0, high = pth->section_count;
  while (low < high) {
    int64_t middle = low + (high - low) / 2;
    int order = bf_pickle_text_compare(pth->sections[middle].storage.key, key);
    if (order == 0) return &pth->sections[middle];
    if (order < 0)
      low = middle + 1;
    else
      high = middle;
  }
  return NULL;
}

static bf_status find_record(const void **bytes, uint64_t *size, bf_pth *pth, bf_pickle_text key, bf_error *err) {
  char name[sizeof pth->archive + BF_PTH_KEY_MAX + 16];
  snprintf(name, sizeof name, "%s/data/%.*s", pth->archive, (int)key.length, key.bytes);
  bf_zip_record *record = bf_zip_find(&pth->zip, name);
  if (record == NULL)
    return bf_fail(err, BF_E_FORMAT, "the archive has no record '%s': damaged or saved incompletely", name);
  *size = record->stored;
  return bf_zip_bytes(bytes, &pth->zip, record, err);
}

bf_status bf_pth_find(const void **bytes, bf_pth *pth, const bf_pth_storage *storage, bf_error *err) {
  uint64_t size = 0, needed;
  if (pth->is_zip) {
    bf_status status = find_record(bytes, &size, pth, storage->key, err);
    if (status != BF_OK) return status;
  } else {
    const bf_pth_section *section = find_section(pth, storage->key);
    if (section == NULL || section->bytes == NULL)
      return bf_fail(err, BF_E_FORMAT, "the file lists no storage '%.*s'", (int)storage->key.length,
                     storage->key.bytes);
    *bytes = section->bytes;
    size = (uint64_t)section->storage.count * section->storage.item_size;
  }
  if (__builtin_mul_overflow((uint64_t)storage->count, (uint64_t)storage->item_size, &needed) || needed > size)
    return bf_fail(err, BF_E_FORMAT, "storage '%.*s' claims %lld numbers of %zu bytes, its record has %llu bytes",
                   (int)storage->key.length, storage->key.bytes, (long long)storage->count, storage->item_size,
                   (unsigned long long)size);
  return BF_OK;
}

void bf_pth_close(bf_pth *pth) {
  bf_pickle_clear(&pth->pickle);
  bf_zip_close(&pth->zip);
  bf_free(pth->inflated);
  bf_free(pth->sections);
  *pth = (bf_pth){0};
}

/* ---- tensors ---- */

/* The call behind parameters and subclasses: which role, and its arguments. */
static bf_status find_call(bf_pth_role *role, const bf_pickle_value **arguments, const char *name,
                           const bf_pickle_value *object, bf_error *err) {
  enum { wrappings_max = 8 };
  const bf_pickle_value *type = object->object.type, *given = object->object.arguments;
  for (int i = 0; i < wrappings_max; i++) {
    *role = bf_pth_role_of(type);
    *arguments = given;
    if (given == NULL) break;
    if (*role == BF_PTH_TENSOR || *role == BF_PTH_TYPED) return BF_OK;
    if (*role == BF_PTH_PARAMETER && given->count >= 1 && given->items[0]->kind == BF_PICKLE_OBJECT) {
      type = given->items[0]->object.type;
      given = given->items[0]->object.arguments;
    } else if (*role == BF_PTH_SUBCLASS && given->count >= 3 && given->items[2]->kind == BF_PICKLE_TUPLE) {
      type = given->items[0];
      given = given->items[2];
    } else {
      break;
    }
  }
  return bf_fail(err, BF_E_UNSUPPORTED, "%s: a tensor of a kind that is not handled (sparse, quantised or a subclass)",
                 name);
}

typedef struct layout {
  const char *type;
  size_t item_size;
  int rank;
  int64_t offset, shape[BF_TENSOR_RANK_MAX], stride[BF_TENSOR_RANK_MAX];
} layout;

/* torch.Size of a tuple is the tuple. */
static const bf_pickle_value *as_tuple(const bf_pickle_value *value) {
  if (value->kind == BF_PICKLE_OBJECT && value->object.arguments != NULL && value->object.arguments->count == 1)
    value = value->object.arguments->items[0];
  return value->kind == BF_PICKLE_TUPLE || value->kind == BF_PICKLE_LIST ? value : NULL;
}

static bf_status read_layout(layout *l, const char *name, const bf_pickle_value *arguments, bf_error *err) {
  if (arguments->count < 4 || arguments->items[1]->kind != BF_PICKLE_INT)
    return bf_fail(err, BF_E_FORMAT, "%s: its description is incomplete", name);
  const bf_pickle_value *sizes = as_tuple(arguments->items[2]), *strides = as_tuple(arguments->items[3]);
  if (sizes == NULL || strides == NULL || sizes->count != strides->count)
    return bf_fail(err, BF_E_FORMAT, "%s: its sizes and strides are not two lists of one length", name);
  if (sizes->count > BF_TENSOR_RANK_MAX)
    return bf_fail(err, BF_E_UNSUPPORTED, "%s: %u dimensions, %d are handled", name, sizes->count, BF_TENSOR_RANK_MAX);
  l->offset = arguments->items[1]->integer;
  l->rank = (int)sizes->count;
  if (l->offset < 0)
    return bf_fail(err, BF_E_FORMAT, "%s: begins at number %lld of its storage", name, (long long)l->offset);
  for (int i = 0; i < l->rank; i++) {
    if (sizes->items[i]->kind != BF_PICKLE_INT || strides->items[i]->kind != BF_PICKLE_INT)
      return bf_fail(err, BF_E_FORMAT, "%s: size or stride %d is no whole number", name, i);
    l->shape[i] = sizes->items[i]->integer;
    l->stride[i] = strides->items[i]->integer;
    if (l->shape[i] < 0 || l->stride[i] < 0)
      return bf_fail(err, BF_E_FORMAT, "%s: dimension %d has size %lld and stride %lld", name, i,
                     (long long)l->shape[i], (long long)l->stride[i]);
    if (l->shape[i] == 1) l->stride[i] = 0; /* never taken, so that it may be anything */
  }
  return BF_OK;
}

/* Numbers that are to be conjugated or negated when read: left to PyTorch. */
static bool is_lazy(const bf_pickle_value *arguments, bf_pth_role role) {
  uint32_t place = role == BF_PTH_TYPED ? 7 : 6;
  if (arguments->count <= place) return false;
  const bf_pickle_value *notes = arguments->items[place];
  if (notes->count > 16) return true; /* there are two at most; the look-up is no work to be had for nothing */
  return bf_pickle_entry(notes, "conj") != NULL || bf_pickle_entry(notes, "neg") != NULL;
}

static bool is_contiguous(const layout *l) {
  int64_t due = 1;
  for (int i = l->rank - 1; i >= 0; i--) {
    if (l->shape[i] != 1 && l->stride[i] != due) return false;
    due *= l->shape[i];
  }
  return true;
}

/* The farthest number lies inside the storage; for tensors that hold any. */
static bf_status check_reach(const layout *l, const char *name, int64_t available, bf_error *err) {
  int64_t last = l->offset, step;
  for (int i = 0; i < l->rank; i++)
    if (__builtin_mul_overflow(l->shape[i] - 1, l->stride[i], &step) || __builtin_add_overflow(last, step, &last))
      return bf_fail(err, BF_E_FORMAT, "%s: offset and strides are larger than can be counted", name);
  if (last >= available)
    return bf_fail(err, BF_E_FORMAT, "%s: reaches number %lld of its storage, which has %lld", name, (long long)last,
                   (long long)available);
  return BF_OK;
}

static void copy_strided(char *to, const char *from, const layout *l, int64_t count) {
  int64_t at[BF_TENSOR_RANK_MAX] = {0}, where = l->offset;
  for (int64_t i = 0; i < count; i++, to += l->item_size) {
    memcpy(to, from + (size_t)where * l->item_size, l->item_size);
    for (int d = l->rank - 1; d >= 0; d--) {
      where += l->stride[d];
      if (++at[d] < l->shape[d]) break;
      where -= l->stride[d] * l->shape[d];
      at[d] = 0;
    }
  }
}

static bf_status gather(bf_tensor *t, bf_pth *pth, const char *from, const layout *l, bf_error *err) {
  void *block;
  if (t->bytes > pth->gather_left)
    return bf_fail(err, BF_E_LIMIT,
                   "%s: its %zu bytes, spread out by strides, are more than may be made of this file; save "
                   "tensor.contiguous()",
                   t->name, t->bytes);
  bf_status status = bf_tensors_block(&block, pth->file, t->bytes, err);
  if (status != BF_OK) return status;
  pth->gather_left -= t->bytes;
  copy_strided(block, from, l, t->count);
  t->data = block;
  return BF_OK;
}

static bf_status set_type(layout *l, const bf_pth_storage *s, bf_pth_role role, const bf_pickle_value *arguments) {
  int type = role == BF_PTH_TYPED && arguments->count > 6 ? find_type(arguments->items[6], false) : -1;
  l->type = role == BF_PTH_TYPED ? "" : s->type;
  l->item_size = s->item_size;
  if (type >= 0) l->type = types[type].type, l->item_size = types[type].size;
  return l->type[0] != '\0' ? BF_OK : BF_E_UNSUPPORTED;
}

static bf_status add(bf_pth *pth, const char *name, bf_pth_role role, const bf_pickle_value *arguments, bf_error *err) {
  layout l = {0};
  bf_pth_storage s;
  bf_tensor *t;
  const void *bytes;
  bf_status status = read_layout(&l, name, arguments, err);
  if (status != BF_OK) return status;
  status = bf_pth_read_storage(&s, arguments->items[0], err);
  if (status != BF_OK) return bf_error_prefix(err, "%s", name);
  if (set_type(&l, &s, role, arguments) != BF_OK)
    return bf_fail(err, BF_E_UNSUPPORTED, "%s: holds numbers of a type that is not handled", name);
  if (is_lazy(arguments, role))
    return bf_fail(err, BF_E_UNSUPPORTED, "%s: its numbers are stored conjugated or negated; save tensor.clone()",
                   name);
  status = bf_tensors_add(&t, pth->file, name, l.type, l.rank, l.shape, err);
  if (status != BF_OK || t->count == 0) return status;
  status = bf_pth_find(&bytes, pth, &s, err);
  if (status != BF_OK) return bf_error_prefix(err, "%s", name);
  int64_t available = s.view_count;
  if (role == BF_PTH_TYPED) available = (int64_t)((uint64_t)s.view_count * s.item_size / l.item_size);
  status = check_reach(&l, name, available, err);
  if (status != BF_OK) return status;
  const char *from = (const char *)bytes + (size_t)s.view_offset * s.item_size;
  if (!is_contiguous(&l)) return gather(t, pth, from, &l, err);
  t->data = from + (size_t)l.offset * l.item_size;
  return BF_OK;
}

bf_status bf_pth_add_tensor(bf_pth *pth, const char *name, const bf_pickle_value *object, bf_error *err) {
  bf_pth_role role;
  const bf_pickle_value *arguments;
  bf_status status = find_call(&role, &arguments, name, object, err);
  return status == BF_OK ? add(pth, name, role, arguments, err) : status;
}
