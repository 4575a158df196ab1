/* Weight format: PyTorch's checkpoints. The containers are flattened into dotted names; whole modules give theirs too,
 * from their attributes. */
#include <stdio.h>
#include <string.h>

#include "base/utf8.h"
#include "model/pth.h"
#include "model/weights_format.h"

enum { name_max = 255, depth_max = 100, visits_max = 1 << 20, ignored_max = 16 };

typedef struct walk {
  bf_pth pth;
  char name[name_max + 1];
  size_t length; /* of the whole name, also where it is too long to be kept */
  int depth;
  int64_t visits;
  char ignored[512]; /* names of what no tensor was looked for in */
  int ignored_count;
  bf_error *err;
} walk;

/* Magic numbers of both layouts; the archive's first record is its pickle. */
static int detect(const char *path, const void *bytes, size_t size) {
  size_t start = size < 4096 ? size : 4096;
  if (size >= 4 && memcmp(bytes, "PK\3\4", 4) == 0 && memmem(bytes, start, "/data.pkl", 9) != NULL) return 90;
  if (size >= 32 && *(const uint8_t *)bytes == 0x80 &&
      memmem(bytes, 32, "\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19", 10) != NULL)
    return 90;
  return bf_weights_is_named(path, ".pth") || bf_weights_is_named(path, ".pt") || bf_weights_is_named(path, ".bin") ? 20
                                                                                                                    : 0;
}

/* ---- names ---- */

static bool is_printable(const char *text) { return bf_is_plain_text(text); }

static const char *place(const walk *w) {
  if (w->length == 0) return "the outermost container";
  return w->length <= name_max && is_printable(w->name) ? w->name : "a container of unprintable name";
}

/* Appends to the name; returns its length before. */
static size_t enter(walk *w, const char *key, size_t length) {
  size_t before = w->length, dot = before > 0, after = before + dot + length;
  if (after <= name_max) {
    if (dot) w->name[before] = '.';
    memcpy(w->name + before + dot, key, length);
    /* What is behind a 0 would be lost, so that two names became one. */
    for (size_t i = before + dot; i < after; i++)
      if (w->name[i] == '\0') w->name[i] = '\1';
    w->name[after] = '\0';
  }
  w->length = after;
  return before;
}

static void leave(walk *w, size_t before) {
  w->length = before;
  if (before <= name_max) w->name[before] = '\0';
}

static void ignore(walk *w, const bf_pickle_value *global) {
  char name[128];
  if (global == NULL || global->kind != BF_PICKLE_GLOBAL || w->ignored_count == ignored_max) return;
  size_t used = strlen(w->ignored);
  const bf_pickle_text m = global->global.module, n = global->global.name;
  if (m.length + n.length + 1 >= sizeof name) return;
  snprintf(name, sizeof name, "%.*s.%.*s", (int)m.length, m.bytes, (int)n.length, n.bytes);
  if (!is_printable(name)) snprintf(name, sizeof name, "(unprintable)");
  if (strstr(w->ignored, name) != NULL || used + strlen(name) + 3 > sizeof w->ignored) return;
  snprintf(w->ignored + used, sizeof w->ignored - used, "%s%s", used > 0 ? ", " : "", name);
  w->ignored_count++;
}

/* ---- containers ---- */

static bf_status flatten(walk *w, bf_pickle_value *value);

/* Shared values are seen as often as they are reached: the work is limited, not the file. */
static bf_status charge(walk *w, int64_t values) {
  w->visits += values;
  if (w->visits <= visits_max) return BF_OK;
  return bf_fail(w->err, BF_E_LIMIT, "its containers hold more than the limit of %d values, seen from outside",
                 visits_max);
}

static bool is_optimiser(bf_pickle_text key) {
  static const char *const keys[] = {"optimizer",        "optimizers",           "optimizer_state",
                                     "optimizer_states", "optimizer_state_dict", "optim",
                                     "lr_scheduler",     "lr_schedulers"};
  for (size_t i = 0; i < sizeof keys / sizeof keys[0]; i++)
    if (bf_pickle_text_is(key, keys[i])) return true;
  return false;
}

static bf_status flatten_as(walk *w, const char *key, size_t length, bf_pickle_value *value) {
  size_t before = enter(w, key, length);
  bf_status status = flatten(w, value);
  leave(w, before);
  return status;
}

static bf_status flatten_number(walk *w, int64_t index, bf_pickle_value *value) {
  char key[24];
  int length = snprintf(key, sizeof key, "%lld", (long long)index);
  return flatten_as(w, key, (size_t)length, value);
}

static bf_status flatten_entry(walk *w, const bf_pickle_value *key, bf_pickle_value *value) {
  if (key->kind == BF_PICKLE_INT) return flatten_number(w, key->integer, value);
  if (key->kind != BF_PICKLE_TEXT || is_optimiser(key->text)) return BF_OK;
  return flatten_as(w, key->text.bytes, key->text.length, value);
}

/* Python 2's OrderedDict comes as a list of pairs that would be its argument. */
static bf_status flatten_pairs(walk *w, const bf_pickle_value *arguments) {
  if (arguments == NULL || arguments->count != 1 || arguments->items[0]->kind != BF_PICKLE_LIST) return BF_OK;
  const bf_pickle_value *list = arguments->items[0];
  for (uint32_t i = 0; i < list->count; i++) {
    const bf_pickle_value *pair = list->items[i];
    if ((pair->kind != BF_PICKLE_LIST && pair->kind != BF_PICKLE_TUPLE) || pair->count != 2) continue;
    bf_status status = flatten_entry(w, pair->items[0], pair->items[1]);
    if (status != BF_OK) return status;
  }
  return BF_OK;
}

static bf_status flatten_dict(walk *w, const bf_pickle_value *dict) {
  for (uint32_t i = 0; i + 1 < dict->count; i += 2) {
    bf_status status = flatten_entry(w, dict->items[i], dict->items[i + 1]);
    if (status != BF_OK) return status;
  }
  return dict->kind == BF_PICKLE_OBJECT ? flatten_pairs(w, dict->object.arguments) : BF_OK;
}

static bf_status flatten_list(walk *w, const bf_pickle_value *list) {
  for (uint32_t i = 0; i < list->count; i++) {
    bf_status status = flatten_number(w, i, list->items[i]);
    if (status != BF_OK) return status;
  }
  return BF_OK;
}

/* ---- modules ---- */

static bool is_dict(const bf_pickle_value *value) {
  return value != NULL && (value->kind == BF_PICKLE_DICT ||
                           (value->kind == BF_PICKLE_OBJECT && bf_pth_role_of(value->object.type) == BF_PTH_DICT));
}

static bool is_module(const bf_pickle_value *object) {
  const bf_pickle_value *state = object->object.state;
  return is_dict(bf_pickle_entry(state, "_parameters")) && is_dict(bf_pickle_entry(state, "_modules"));
}

/* Names of buffers that a module keeps out of its state_dict: a list, as sets come; NULL where there is none. */
static const bf_pickle_value *transient_names(const bf_pickle_value *state) {
  const bf_pickle_value *set = bf_pickle_entry(state, "_non_persistent_buffers_set");
  if (set != NULL && set->kind == BF_PICKLE_OBJECT && set->object.arguments != NULL &&
      set->object.arguments->count == 1)
    set = set->object.arguments->items[0];
  return set != NULL && set->kind == BF_PICKLE_LIST ? set : NULL;
}

static bool is_transient(const bf_pickle_value *set, const bf_pickle_value *key) {
  if (set == NULL) return false;
  for (uint32_t i = 0; i < set->count; i++) {
    const bf_pickle_value *item = set->items[i];
    if (item->kind == BF_PICKLE_TEXT && item->text.length == key->text.length &&
        memcmp(item->text.bytes, key->text.bytes, key->text.length) == 0)
      return true;
  }
  return false;
}

static bf_status flatten_part(walk *w, const bf_pickle_value *dict, const bf_pickle_value *left_out) {
  if (!is_dict(dict)) return BF_OK;
  for (uint32_t i = 0; i + 1 < dict->count; i += 2) {
    const bf_pickle_value *key = dict->items[i];
    bf_status status = charge(w, left_out != NULL ? (int64_t)left_out->count : 0);
    if (status != BF_OK) return status;
    if (key->kind != BF_PICKLE_TEXT || is_transient(left_out, key)) continue;
    status = flatten_as(w, key->text.bytes, key->text.length, dict->items[i + 1]);
    if (status != BF_OK) return status;
  }
  return dict->kind == BF_PICKLE_OBJECT ? flatten_pairs(w, dict->object.arguments) : BF_OK;
}

static bf_status flatten_module(walk *w, const bf_pickle_value *object) {
  const bf_pickle_value *state = object->object.state;
  bf_status status = flatten_part(w, bf_pickle_entry(state, "_parameters"), NULL);
  if (status == BF_OK) status = flatten_part(w, bf_pickle_entry(state, "_buffers"), transient_names(state));
  return status == BF_OK ? flatten_part(w, bf_pickle_entry(state, "_modules"), NULL) : status;
}

/* ---- values ---- */

static bf_status add_tensor(walk *w, const bf_pickle_value *object) {
  if (w->length > name_max)
    return bf_fail(w->err, BF_E_FORMAT, "a tensor's name begins with '%.60s' and is longer than %d bytes",
                   is_printable(w->name) ? w->name : "?", name_max);
  if (w->length == 0) enter(w, "tensor", 6);
  if (!is_printable(w->name))
    return bf_fail(w->err, BF_E_FORMAT, "tensor %lld: its name is no UTF-8 or holds control characters",
                   (long long)w->pth.file->tensor_count);
  return bf_pth_add_tensor(&w->pth, w->name, object, w->err);
}

static bf_status flatten_object(walk *w, const bf_pickle_value *object) {
  switch (bf_pth_role_of(object->object.type)) {
    case BF_PTH_PLAIN: return BF_OK;
    case BF_PTH_DICT: return flatten_dict(w, object);
    case BF_PTH_TENSOR:
    case BF_PTH_TYPED:
    case BF_PTH_PARAMETER:
    case BF_PTH_SUBCLASS: return add_tensor(w, object);
    case BF_PTH_OPAQUE: break;
  }
  const bf_pickle_value *state = object->object.state;
  bf_status status = charge(w, state != NULL ? (int64_t)state->count : 0);
  if (status != BF_OK) return status;
  if (is_module(object)) return flatten_module(w, object);
  ignore(w, object->object.type);
  return BF_OK;
}

static bf_status flatten_inside(walk *w, const bf_pickle_value *value) {
  if (value->kind == BF_PICKLE_DICT) return flatten_dict(w, value);
  if (value->kind == BF_PICKLE_OBJECT) return flatten_object(w, value);
  return flatten_list(w, value);
}

static bf_status flatten(walk *w, bf_pickle_value *value) {
  bf_status status = charge(w, 1 + (int64_t)value->count);
  if (status != BF_OK) return status;
  if (value->kind == BF_PICKLE_GLOBAL && bf_pth_role_of(value) == BF_PTH_OPAQUE) ignore(w, value);
  if (value->kind != BF_PICKLE_DICT && value->kind != BF_PICKLE_LIST && value->kind != BF_PICKLE_TUPLE &&
      value->kind != BF_PICKLE_OBJECT)
    return BF_OK;
  if (value->visiting) return bf_fail(w->err, BF_E_FORMAT, "%s: contains itself", place(w));
  if (w->depth == depth_max)
    return bf_fail(w->err, BF_E_LIMIT, "%s: nested more than %d containers deep", place(w), depth_max);
  value->visiting = true;
  w->depth++;
  status = flatten_inside(w, value);
  w->depth--;
  value->visiting = false;
  return status;
}

/* ---- the file ---- */

static bf_status finish(walk *w, bf_tensors *file) {
  if (file->tensor_count == 0)
    return bf_fail(w->err, BF_E_UNSUPPORTED,
                   "no tensors in its lists and dictionaries%s%s; save them alone: torch.save(model.state_dict(), NEW)",
                   w->ignored[0] ? ", and these objects were not opened: " : "", w->ignored);
  bf_status status = w->ignored[0] ? bf_tensors_note(file, "pth_ignored", w->ignored, w->err) : BF_OK;
  return status == BF_OK ? bf_tensors_finish(file, w->err) : status;
}

static bf_status parse(bf_tensors *file, bf_error *err) {
  walk w = {.err = err};
  bool is_zip = file->memory_size >= 2 && memcmp(file->memory, "PK", 2) == 0;
  bf_status status = is_zip ? bf_pth_open_zip(&w.pth, file, err) : bf_pth_open_legacy(&w.pth, file, err);
  if (status != BF_OK) return status;
  status = flatten(&w, w.pth.pickle.root);
  if (status == BF_OK) status = finish(&w, file);
  bf_pth_close(&w.pth);
  return status;
}

const bf_weights_format bf_weights_pth = {"pth", "PyTorch's torch.save: state dicts, checkpoints, whole modules",
                                          detect, parse};
