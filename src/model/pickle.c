/* The pickle machine: a stack, a memo, and values that are data. Every limit stands here. */
#include "model/pickle.h"

#include <stdlib.h>
#include <string.h>

#include "base/memory.h"

enum {
  opcodes_max = 1 << 24,
  values_max = 1 << 22,
  stack_max = 1 << 20,
  memo_max = 1 << 22,
  text_max = 1 << 28,
  integer_bytes_max = 1024,
  line_max = 1024,
  chunk_size = 256
};

struct bf_pickle_chunk {
  struct bf_pickle_chunk *next;
  uint32_t used;
  bf_pickle_value values[chunk_size];
};

typedef struct machine {
  bf_pickle *out;
  const uint8_t *start, *at, *end;
  /* A mark is a NULL on the stack. */
  bf_pickle_value **stack, **memo;
  uint32_t depth, stack_capacity, memo_count, memo_capacity, value_count;
  bf_error *err;
} machine;

/* ---- refusals ---- */

static bf_status damaged(machine *m, const char *what) {
  return bf_fail(m->err, BF_E_FORMAT, "the pickle is damaged at its byte %zu: %s", (size_t)(m->at - m->start), what);
}

static bf_status too_many(machine *m, const char *what, int64_t limit) {
  return bf_fail(m->err, BF_E_LIMIT, "the pickle holds more than the limit of %lld %s; save a state_dict alone",
                 (long long)limit, what);
}

static bf_status no_memory(machine *m) { return bf_fail(m->err, BF_E_MEMORY, "no memory for the pickle's values"); }

/* ---- memory ---- */

static bf_status make_value(bf_pickle_value **out, machine *m, bf_pickle_kind kind) {
  struct bf_pickle_chunk *chunk = m->out->chunks;
  if (m->value_count == values_max) return too_many(m, "values", values_max);
  if (chunk == NULL || chunk->used == chunk_size) {
    chunk = bf_alloc(1, sizeof *chunk);
    if (chunk == NULL) return no_memory(m);
    chunk->next = m->out->chunks;
    m->out->chunks = chunk;
  }
  m->value_count++;
  *out = &chunk->values[chunk->used++];
  (*out)->kind = kind;
  return BF_OK;
}

/* Room for `wanted` pointers. The first room is the smallest that does, since most containers stay small. */
static bool reserve(bf_pickle_value ***items, uint32_t *capacity, uint32_t wanted) {
  if (wanted <= *capacity) return true;
  uint32_t room = *capacity == 0 || wanted > 2 * *capacity ? wanted : 2 * *capacity;
  bf_pickle_value **grown = realloc(*items, (size_t)room * sizeof *grown);
  if (grown == NULL) return false;
  *items = grown;
  *capacity = room;
  return true;
}

static bf_status append(machine *m, bf_pickle_value *to, bf_pickle_value **items, uint32_t count) {
  if (count == 0) return BF_OK;
  if (count > opcodes_max - to->count) return too_many(m, "items in one container", opcodes_max);
  if (!reserve(&to->items, &to->capacity, to->count + count)) return no_memory(m);
  memcpy(to->items + to->count, items, count * sizeof *items);
  to->count += count;
  return BF_OK;
}

void bf_pickle_clear(bf_pickle *pickle) {
  while (pickle->chunks != NULL) {
    struct bf_pickle_chunk *chunk = pickle->chunks;
    for (uint32_t i = 0; i < chunk->used; i++) free(chunk->values[i].items);
    pickle->chunks = chunk->next;
    bf_free(chunk);
  }
  free(pickle->persistent);
  *pickle = (bf_pickle){0};
}

/* ---- the stack ---- */

static bf_status push(machine *m, bf_pickle_value *value) {
  if (m->depth == stack_max) return too_many(m, "values on its stack", stack_max);
  if (m->depth == m->stack_capacity && !reserve(&m->stack, &m->stack_capacity, m->depth > 0 ? 2 * m->depth : 64))
    return no_memory(m);
  m->stack[m->depth++] = value;
  return BF_OK;
}

static bf_status push_new(machine *m, bf_pickle_value **out, bf_pickle_kind kind) {
  bf_status status = make_value(out, m, kind);
  return status == BF_OK ? push(m, *out) : status;
}

/* The topmost value is needed and no mark. */
static bf_status pop(bf_pickle_value **out, machine *m) {
  if (m->depth == 0 || m->stack[m->depth - 1] == NULL) return damaged(m, "a value is missing on the stack");
  *out = m->stack[--m->depth];
  return BF_OK;
}

static bf_status top(bf_pickle_value **out, machine *m) {
  bf_status status = pop(out, m);
  if (status == BF_OK) m->depth++;
  return status;
}

/* The values above the topmost mark; both leave the stack, and the pointers hold until the next push. */
static bf_status pop_to_mark(bf_pickle_value ***items, uint32_t *count, machine *m) {
  uint32_t mark = m->depth;
  while (mark > 0 && m->stack[mark - 1] != NULL) mark--;
  if (mark == 0) return damaged(m, "no mark on the stack");
  *items = m->stack + mark;
  *count = m->depth - mark;
  m->depth = mark - 1;
  return BF_OK;
}

/* ---- bytes ---- */

static bf_status take(const uint8_t **bytes, machine *m, uint64_t count) {
  if (count > (uint64_t)(m->end - m->at)) return damaged(m, "it ends here, in the middle of a value");
  *bytes = m->at;
  m->at += count;
  return BF_OK;
}

/* `width` bytes, little endian. */
static bf_status take_number(uint64_t *out, machine *m, int width) {
  const uint8_t *b;
  bf_status status = take(&b, m, (uint64_t)width);
  if (status != BF_OK) return status;
  *out = 0;
  for (int i = width - 1; i >= 0; i--) *out = *out << 8 | b[i];
  return BF_OK;
}

/* Up to the line's end, which is not kept. */
static bf_status take_line(bf_pickle_text *out, machine *m) {
  size_t left = (size_t)(m->end - m->at), most = left < line_max ? left : line_max;
  const uint8_t *end = most > 0 ? memchr(m->at, '\n', most) : NULL;
  if (end == NULL) return damaged(m, left > line_max ? "a name of more than 1024 bytes" : "a name without an end");
  *out = (bf_pickle_text){(const char *)m->at, (size_t)(end - m->at)};
  m->at = end + 1;
  return BF_OK;
}

/* ---- plain values ---- */

static bf_status push_integer(machine *m, int64_t integer) {
  bf_pickle_value *value;
  bf_status status = push_new(m, &value, BF_PICKLE_INT);
  if (status == BF_OK) value->integer = integer;
  return status;
}

static bf_status push_small(machine *m, int width) {
  uint64_t number;
  bf_status status = take_number(&number, m, width);
  if (status != BF_OK) return status;
  return push_integer(m, width == 4 ? (int32_t)(uint32_t)number : (int64_t)number);
}

static bf_status push_text(machine *m, bf_pickle_kind kind, int width) {
  uint64_t length;
  const uint8_t *bytes;
  bf_pickle_value *value;
  bf_status status = take_number(&length, m, width);
  if (status == BF_OK && length > text_max)
    return bf_fail(m->err, BF_E_LIMIT, "the pickle claims a text of %llu bytes, more than the limit of %d",
                   (unsigned long long)length, text_max);
  if (status == BF_OK) status = take(&bytes, m, length);
  if (status == BF_OK) status = push_new(m, &value, kind);
  if (status == BF_OK) value->text = (bf_pickle_text){(const char *)bytes, (size_t)length};
  return status;
}

/* Two's complement of any length. */
static bf_status push_long(machine *m, int width) {
  uint64_t length, number;
  const uint8_t *bytes;
  bf_pickle_value *value;
  bf_status status = take_number(&length, m, width);
  if (status == BF_OK && length > integer_bytes_max)
    return bf_fail(m->err, BF_E_LIMIT, "the pickle claims a whole number of %llu bytes, more than the limit of %d",
                   (unsigned long long)length, integer_bytes_max);
  if (status == BF_OK) status = take(&bytes, m, length);
  if (status != BF_OK) return status;
  if (length > 8) {
    status = push_new(m, &value, BF_PICKLE_BIG_INT);
    if (status == BF_OK) value->text = (bf_pickle_text){(const char *)bytes, (size_t)length};
    return status;
  }
  number = length > 0 && bytes[length - 1] & 0x80 ? UINT64_MAX : 0;
  for (uint64_t i = length; i-- > 0;) number = number << 8 | bytes[i];
  return push_integer(m, (int64_t)number);
}

/* Python 2 writes whole numbers of more than 32 bits, and older protocols all of them, as a line of text. */
static bf_status push_integer_line(machine *m) {
  bf_pickle_text line;
  bf_status status = take_line(&line, m);
  if (status != BF_OK) return status;
  char text[24] = "", *end;
  if (line.length > 0 && line.bytes[line.length - 1] == 'L') line.length--;
  if (line.length >= sizeof text) return damaged(m, "a whole number of more than 64 bits");
  memcpy(text, line.bytes, line.length);
  long long number = strtoll(text, &end, 10);
  if (end == text || *end != '\0') return damaged(m, "a whole number is expected");
  return push_integer(m, number);
}

static bf_status push_real(machine *m) {
  const uint8_t *bytes;
  uint64_t bits = 0;
  bf_pickle_value *value;
  bf_status status = take(&bytes, m, 8);
  if (status != BF_OK) return status;
  for (int i = 0; i < 8; i++) bits = bits << 8 | bytes[i];
  status = push_new(m, &value, BF_PICKLE_FLOAT);
  if (status == BF_OK) memcpy(&value->real, &bits, 8);
  return status;
}

static bf_status push_bool(machine *m, bool truth) {
  bf_pickle_value *value;
  bf_status status = push_new(m, &value, BF_PICKLE_BOOL);
  if (status == BF_OK) value->truth = truth;
  return status;
}

static bf_status push_empty(machine *m, bf_pickle_kind kind) {
  bf_pickle_value *value;
  return push_new(m, &value, kind);
}

/* ---- containers ---- */

/* The topmost `count` values become a tuple. */
static bf_status make_tuple(machine *m, uint32_t count) {
  bf_pickle_value *value, *item;
  bf_status status = make_value(&value, m, BF_PICKLE_TUPLE);
  for (uint32_t i = 0; i < count && status == BF_OK; i++) status = pop(&item, m);
  if (status == BF_OK) status = append(m, value, m->stack + m->depth, count);
  return status == BF_OK ? push(m, value) : status;
}

static bf_status make_from_mark(machine *m, bf_pickle_kind kind) {
  bf_pickle_value *value, **items;
  uint32_t count;
  bf_status status = pop_to_mark(&items, &count, m);
  if (status == BF_OK) status = make_value(&value, m, kind);
  if (status == BF_OK && kind == BF_PICKLE_DICT && count % 2 != 0) return damaged(m, "a key without a value");
  if (status == BF_OK) status = append(m, value, items, count);
  return status == BF_OK ? push(m, value) : status;
}

/* What is appended to an object goes: lists of unknown classes hold nothing that is wanted. */
static bf_status extend(machine *m, bf_pickle_value **items, uint32_t count) {
  bf_pickle_value *list;
  bf_status status = top(&list, m);
  if (status != BF_OK || list->kind == BF_PICKLE_OBJECT) return status;
  if (list->kind != BF_PICKLE_LIST) return damaged(m, "an item is appended to something that is no list");
  return append(m, list, items, count);
}

static bf_status set_items(machine *m, bf_pickle_value **items, uint32_t count) {
  bf_pickle_value *dict;
  bf_status status = top(&dict, m);
  if (status != BF_OK) return status;
  if (count % 2 != 0) return damaged(m, "a key without a value");
  if (dict->kind != BF_PICKLE_DICT && dict->kind != BF_PICKLE_OBJECT)
    return damaged(m, "a key is set in something that is no dictionary");
  return append(m, dict, items, count);
}

static bf_status append_one(machine *m) {
  bf_pickle_value *item;
  bf_status status = pop(&item, m);
  return status == BF_OK ? extend(m, &item, 1) : status;
}

static bf_status set_one(machine *m) {
  bf_pickle_value *pair[2];
  bf_status status = pop(&pair[1], m);
  if (status == BF_OK) status = pop(&pair[0], m);
  return status == BF_OK ? set_items(m, pair, 2) : status;
}

static bf_status append_many(machine *m, bool pairs) {
  bf_pickle_value **items;
  uint32_t count;
  bf_status status = pop_to_mark(&items, &count, m);
  if (status != BF_OK) return status;
  return pairs ? set_items(m, items, count) : extend(m, items, count);
}

/* ---- names and what would be calls ---- */

static bf_status push_global(machine *m) {
  bf_pickle_text module, name;
  bf_pickle_value *value;
  bf_status status = take_line(&module, m);
  if (status == BF_OK) status = take_line(&name, m);
  if (status == BF_OK) status = push_new(m, &value, BF_PICKLE_GLOBAL);
  if (status == BF_OK) value->global.module = module, value->global.name = name;
  return status;
}

static bf_status stack_global(machine *m) {
  bf_pickle_value *module, *name, *value;
  bf_status status = pop(&name, m);
  if (status == BF_OK) status = pop(&module, m);
  if (status != BF_OK) return status;
  if (module->kind != BF_PICKLE_TEXT || name->kind != BF_PICKLE_TEXT) return damaged(m, "a name is no text");
  status = push_new(m, &value, BF_PICKLE_GLOBAL);
  if (status == BF_OK) value->global.module = module->text, value->global.name = name->text;
  return status;
}

/* `extra` values above the class and its arguments are dropped: keyword arguments. */
static bf_status make_object(machine *m, int extra) {
  bf_pickle_value *type, *arguments, *value;
  bf_status status = BF_OK;
  for (; extra > 0 && status == BF_OK; extra--) status = pop(&value, m);
  if (status == BF_OK) status = pop(&arguments, m);
  if (status == BF_OK) status = pop(&type, m);
  if (status == BF_OK) status = push_new(m, &value, BF_PICKLE_OBJECT);
  if (status != BF_OK) return status;
  value->object.type = type;
  value->object.arguments = arguments->kind == BF_PICKLE_TUPLE ? arguments : NULL;
  return BF_OK;
}

static bf_status build(machine *m) {
  bf_pickle_value *state, *object;
  bf_status status = pop(&state, m);
  if (status == BF_OK) status = top(&object, m);
  if (status == BF_OK && object->kind == BF_PICKLE_OBJECT) object->object.state = state;
  return status;
}

static bf_status push_persistent(machine *m) {
  bf_pickle_value *id, *value;
  bf_pickle *out = m->out;
  bf_status status = pop(&id, m);
  if (status == BF_OK) status = push_new(m, &value, BF_PICKLE_PERSISTENT);
  if (status != BF_OK) return status;
  value->id = id;
  if (out->persistent_count == out->persistent_capacity &&
      !reserve(&out->persistent, &out->persistent_capacity, out->persistent_count > 0 ? 2 * out->persistent_count : 16))
    return no_memory(m);
  out->persistent[out->persistent_count++] = value;
  return BF_OK;
}

/* ---- the memo ---- */

static bf_status put(machine *m, uint64_t index) {
  bf_pickle_value *value;
  bf_status status = top(&value, m);
  if (status != BF_OK) return status;
  if (index >= memo_max) return too_many(m, "remembered values", memo_max);
  if (index >= m->memo_capacity && !reserve(&m->memo, &m->memo_capacity, (uint32_t)index + 1)) return no_memory(m);
  while (m->memo_count <= index) m->memo[m->memo_count++] = NULL;
  m->memo[index] = value;
  return BF_OK;
}

static bf_status put_numbered(machine *m, int width) {
  uint64_t index;
  bf_status status = take_number(&index, m, width);
  return status == BF_OK ? put(m, index) : status;
}

static bf_status get_numbered(machine *m, int width) {
  uint64_t index;
  bf_status status = take_number(&index, m, width);
  if (status != BF_OK) return status;
  if (index >= m->memo_count || m->memo[index] == NULL)
    return damaged(m, "a value is asked for that was not remembered");
  return push(m, m->memo[index]);
}

/* ---- the rest ---- */

static bf_status pop_any(machine *m) {
  if (m->depth == 0) return damaged(m, "a value is missing on the stack");
  m->depth--;
  return BF_OK;
}

static bf_status drop_to_mark(machine *m) {
  bf_pickle_value **items;
  uint32_t count;
  return pop_to_mark(&items, &count, m);
}

static bf_status duplicate(machine *m) {
  bf_pickle_value *value;
  bf_status status = top(&value, m);
  return status == BF_OK ? push(m, value) : status;
}

static bf_status check_protocol(machine *m) {
  uint64_t protocol;
  bf_status status = take_number(&protocol, m, 1);
  if (status == BF_OK && (protocol < 2 || protocol > 5))
    return bf_fail(m->err, BF_E_UNSUPPORTED, "the pickle is of protocol %d; 2 to 5 are read", (int)protocol);
  return status;
}

/* A frame tells how much may be read at once; all is in memory here. */
static bf_status check_frame(machine *m) {
  uint64_t length;
  bf_status status = take_number(&length, m, 8);
  if (status == BF_OK && length > (uint64_t)(m->end - m->at)) return damaged(m, "a frame reaches beyond the end");
  return status;
}

static bf_status step(machine *m, uint8_t opcode) {
  switch (opcode) {
    case 0x80: return check_protocol(m);
    case 0x95: return check_frame(m);
    case '(': return push(m, NULL);
    case '0': return pop_any(m);
    case '1': return drop_to_mark(m);
    case '2': return duplicate(m);
    case 'N': return push_empty(m, BF_PICKLE_NONE);
    case 0x88: return push_bool(m, true);
    case 0x89: return push_bool(m, false);
    case 'K': return push_small(m, 1);
    case 'M': return push_small(m, 2);
    case 'J': return push_small(m, 4);
    case 0x8A: return push_long(m, 1);
    case 0x8B: return push_long(m, 4);
    case 'I': return push_integer_line(m);
    case 'G': return push_real(m);
    case 'U': return push_text(m, BF_PICKLE_TEXT, 1); /* Python 2's str */
    case 'T': return push_text(m, BF_PICKLE_TEXT, 4);
    case 0x8C: return push_text(m, BF_PICKLE_TEXT, 1);
    case 'X': return push_text(m, BF_PICKLE_TEXT, 4);
    case 0x8D: return push_text(m, BF_PICKLE_TEXT, 8);
    case 'C': return push_text(m, BF_PICKLE_BYTES, 1);
    case 'B': return push_text(m, BF_PICKLE_BYTES, 4);
    case 0x8E:
    case 0x96: return push_text(m, BF_PICKLE_BYTES, 8);
    case ')': return push_empty(m, BF_PICKLE_TUPLE);
    case 0x85: return make_tuple(m, 1);
    case 0x86: return make_tuple(m, 2);
    case 0x87: return make_tuple(m, 3);
    case 't': return make_from_mark(m, BF_PICKLE_TUPLE);
    case ']':
    case 0x8F: return push_empty(m, BF_PICKLE_LIST);
    case 'l':
    case 0x91: return make_from_mark(m, BF_PICKLE_LIST);
    case 'a': return append_one(m);
    case 'e':
    case 0x90: return append_many(m, false);
    case '}': return push_empty(m, BF_PICKLE_DICT);
    case 'd': return make_from_mark(m, BF_PICKLE_DICT);
    case 's': return set_one(m);
    case 'u': return append_many(m, true);
    case 'c': return push_global(m);
    case 0x93: return stack_global(m);
    case 'R':
    case 0x81: return make_object(m, 0);
    case 0x92: return make_object(m, 1);
    case 'b': return build(m);
    case 'Q': return push_persistent(m);
    case 'h': return get_numbered(m, 1);
    case 'j': return get_numbered(m, 4);
    case 'q': return put_numbered(m, 1);
    case 'r': return put_numbered(m, 4);
    case 0x94: return put(m, m->memo_count);
    default:
      return bf_fail(m->err, BF_E_UNSUPPORTED, "opcode 0x%02X at byte %zu of the pickle is not handled", opcode,
                     (size_t)(m->at - m->start - 1));
  }
}

static bf_status run(machine *m) {
  const uint8_t *opcode;
  for (int64_t i = 0; i < opcodes_max; i++) {
    bf_status status = take(&opcode, m, 1);
    if (status != BF_OK) return status;
    if (*opcode == '.') return pop(&m->out->root, m);
    status = step(m, *opcode);
    if (status != BF_OK) return status;
  }
  return too_many(m, "steps", opcodes_max);
}

bf_status bf_pickle_read(bf_pickle *out, const void *bytes, size_t size, bf_error *err) {
  *out = (bf_pickle){0};
  if (size < 2 || *(const uint8_t *)bytes != 0x80)
    return bf_fail(err, BF_E_FORMAT, "no pickle of protocol 2 to 5 begins where one is due: cut short or damaged");
  machine m = {.out = out, .start = bytes, .at = bytes, .end = (const uint8_t *)bytes + size, .err = err};
  bf_status status = run(&m);
  out->used = (size_t)(m.at - m.start);
  free(m.stack);
  free(m.memo);
  if (status != BF_OK) bf_pickle_clear(out);
  return status;
}

/* ---- looking ---- */

bool bf_pickle_text_is(bf_pickle_text text, const char *wanted) {
  return text.length == strlen(wanted) && memcmp(text.bytes, wanted, text.length) == 0;
}

const bf_pickle_value *bf_pickle_entry(const bf_pickle_value *dict, const char *key) {
  if (dict == NULL || dict->kind != BF_PICKLE_DICT) return NULL;
  for (uint32_t i = 0; i < dict->count; i += 2)
    if (dict->items[i]->kind == BF_PICKLE_TEXT && bf_pickle_text_is(dict->items[i]->text, key))
      return dict->items[i + 1];
  return NULL;
}

int bf_pickle_text_compare(bf_pickle_text a, bf_pickle_text b) {
  int order = memcmp(a.bytes, b.bytes, a.length < b.length ? a.length : b.length);
  return order != 0 ? order : (a.length > b.length) - (a.length < b.length);
}
