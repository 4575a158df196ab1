/* PyTorch checkpoints: both layouts, what they hold, and files that lie. The files are made here, opcode by opcode. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/memory.h"
#include "base/rng.h"
#include "model/weights_format.h"

/* ---- bytes ---- */

typedef struct bytes {
  uint8_t *at;
  size_t size, room;
} bytes;

static bytes pickle, file;

static void add(bytes *b, const void *more, size_t size) {
  if (b->size + size > b->room) {
    size_t room = 2 * (b->size + size);
    b->at = bf_grow(b->at, b->room, room, 1);
    assert_non_null(b->at);
    b->room = room;
  }
  if (size > 0) memcpy(b->at + b->size, more, size);
  b->size += size;
}

static void add_number(bytes *b, uint64_t value, int width) { add(b, &value, (size_t)width); }

static int tear_down(void **state) {
  (void)state;
  bf_free(pickle.at);
  bf_free(file.at);
  pickle = file = (bytes){0};
  return 0;
}

/* ---- a pickle writer ---- */

static void op(const char *opcodes) { add(&pickle, opcodes, strlen(opcodes)); }

static void begin(void) {
  pickle.size = 0;
  op("\x80\x02");
}

static void text(const char *s) {
  op("X");
  add_number(&pickle, strlen(s), 4);
  op(s);
}

static void integer(int64_t value) {
  op("\x8a\x08");
  add_number(&pickle, (uint64_t)value, 8);
}

static void global(const char *module, const char *name) { op("c"), op(module), op("\n"), op(name), op("\n"); }

/* OrderedDict() and what BUILD and REDUCE of nothing look like */
static void ordered(void) { global("collections", "OrderedDict"), op(")R"); }

static void storage(const char *type, const char *key, int64_t count, bool is_legacy) {
  op("("), text("storage"), global("torch", type), text(key), text("cpu"), integer(count);
  op(is_legacy ? "NtQ" : "tQ");
}

typedef struct shape {
  int rank;
  int64_t sizes[9], strides[9];
} shape;

static bool legacy; /* the layout that is being written */

static void numbers(const int64_t *values, int count) {
  op("(");
  for (int i = 0; i < count; i++) integer(values[i]);
  op("t");
}

static void tensor(const char *type, const char *key, int64_t count, int64_t offset, shape s) {
  global("torch._utils", "_rebuild_tensor_v2"), op("(");
  storage(type, key, count, legacy), integer(offset);
  numbers(s.sizes, s.rank), numbers(s.strides, s.rank);
  op("\x89"), ordered(), op("tR");
}

#define ROW(n) ((shape){1, {n}, {1}})

/* ---- a zip writer ---- */

typedef struct record {
  const char *name;
  const void *data;
  size_t size;
  /* Lies: what the directory says instead, where not 0. */
  uint64_t claimed, moved;
  int method, flags;
} record;

static bool without_checksums;

static uint32_t checksum(const uint8_t *data, size_t size) {
  uint32_t crc = without_checksums ? 0 : 0xFFFFFFFFu;
  if (without_checksums) return 0;
  for (size_t i = 0; i < size; i++) {
    crc ^= data[i];
    for (int k = 0; k < 8; k++) crc = crc >> 1 ^ (crc & 1 ? 0xEDB88320u : 0);
  }
  return ~crc;
}

static void header(const record *r, uint64_t extra) {
  uint64_t size = r->claimed ? r->claimed : r->size;
  add_number(&file, (uint64_t)r->flags, 2), add_number(&file, (uint64_t)r->method, 2), add_number(&file, 0x00210000, 4);
  add_number(&file, checksum(r->data, r->size), 4);
  add_number(&file, r->method ? r->size : size, 4), add_number(&file, size, 4);
  add_number(&file, strlen(r->name), 2), add_number(&file, extra, 2);
}

static void write_zip(const record *records, int count) {
  uint64_t begins[16];
  file.size = 0;
  for (int i = 0; i < count; i++) {
    const record *r = &records[i];
    begins[i] = file.size;
    add(&file, "PK\3\4\0\0", 6);
    header(r, 6);
    add(&file, r->name, strlen(r->name)), add(&file, "FB\2\0ZZ", 6);
    add(&file, r->data, r->size);
  }
  uint64_t start = file.size;
  for (int i = 0; i < count; i++) {
    add(&file, "PK\1\2\0\0\0\0", 8);
    header(&records[i], 0);
    add_number(&file, 0, 6), add_number(&file, 0, 4);
    add_number(&file, records[i].moved ? records[i].moved : begins[i], 4);
    add(&file, records[i].name, strlen(records[i].name));
  }
  uint64_t end = file.size;
  add(&file, "PK\5\6\0\0\0\0", 8);
  add_number(&file, (uint64_t)count, 2), add_number(&file, (uint64_t)count, 2), add_number(&file, end - start, 4);
  add_number(&file, start, 4), add_number(&file, 0, 2);
}

static const float floats[12] = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11};

/* data.pkl is the pickle written last; record 0 holds twelve float32. */
static void zip_of_pickle(void) {
  record records[] = {{"a/data.pkl", pickle.at, pickle.size, 0, 0, 0, 0}, {"a/data/0", floats, 48, 0, 0, 0, 0}};
  write_zip(records, 2);
}

/* ---- a legacy writer ---- */

static void legacy_start(void) {
  static const char start[] =
      "\x80\x02\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19.\x80\x02M\xe9\x03.\x80\x02}(X\x0d\0\0\0little_"
      "endian\x88u.";
  file.size = 0;
  add(&file, start, sizeof start - 1);
  add(&file, pickle.at, pickle.size);
}

static void legacy_of_pickle(void) {
  bool is_empty = memmem(pickle.at, pickle.size, "storage", 7) == NULL;
  legacy_start();
  if (is_empty) {
    begin(), op("].");
    add(&file, pickle.at, pickle.size);
    return;
  }
  begin(), op("](");
  text("0"), op("e.");
  add(&file, pickle.at, pickle.size);
  add_number(&file, 12, 8);
  add(&file, floats, 48);
}

/* ---- reading ---- */

static const bf_weights_format *format(void) {
  for (int i = 0; i < bf_weights_format_count(); i++)
    if (strcmp(bf_weights_format_at(i)->name, "pth") == 0) return bf_weights_format_at(i);
  fail_msg("no format pth");
  return NULL;
}

static bf_status read_bytes(bf_tensors *out, const uint8_t *at, size_t size, bf_error *err) {
  *err = (bf_error){0};
  assert_int_equal(bf_tensors_load_bytes(out, at, size, err), BF_OK);
  bf_status status = format()->parse(out, err);
  if (status != BF_OK) assert_true(err->message[0] != '\0');
  return status;
}

static bf_tensors good(void) {
  bf_tensors out;
  bf_error err;
  if (read_bytes(&out, file.at, file.size, &err) != BF_OK) fail_msg("%s", err.message);
  return out;
}

static void refused(bf_status status, const char *said) {
  bf_tensors out;
  bf_error err;
  bf_status found = read_bytes(&out, file.at, file.size, &err);
  if (found != status || strstr(err.message, said) == NULL)
    fail_msg("status %d, '%s' where %d, '%s' is due", (int)found, err.message, (int)status, said);
  bf_tensors_clear(&out);
}

/* The file from the pickle, in both layouts. */
static void both_refused(void (*write)(void), bf_status status, const char *said) {
  for (int i = 0; i < 2; i++) {
    legacy = i == 1;
    begin(), write(), op(".");
    if (legacy)
      legacy_of_pickle();
    else
      zip_of_pickle();
    refused(status, said);
  }
  legacy = false;
}

static void expect(const bf_tensors *t, const char *name, const char *type, shape s, const float *values) {
  const bf_tensor *found = bf_tensors_find(t, name);
  float numbers_found[64];
  bf_error err;
  if (found == NULL) fail_msg("%s is missing", name);
  assert_string_equal(found->dtype, type);
  assert_int_equal(found->rank, s.rank);
  for (int i = 0; i < s.rank; i++) assert_int_equal(found->shape[i], s.sizes[i]);
  if (values == NULL) return;
  assert_int_equal(bf_tensor_to_float(numbers_found, found, &err), BF_OK);
  for (int64_t i = 0; i < found->count; i++)
    if (numbers_found[i] != values[i]) fail_msg("%s: number %d is %g", name, (int)i, (double)numbers_found[i]);
}

/* ---- good files ---- */

/* A checkpoint with most of what there is. */
static void checkpoint(void) {
  op("}("), text("epoch"), op("K\3"), text("state_dict"), ordered(), op("(");
  text("module.w"), tensor("FloatStorage", "0", 12, 0, (shape){2, {3, 4}, {4, 1}});
  text("module.turned"), tensor("FloatStorage", "0", 12, 1, (shape){2, {2, 3}, {1, 4}});
  text("module.p"), global("torch._utils", "_rebuild_parameter"), op("(");
  tensor("FloatStorage", "0", 12, 4, ROW(2)), op("\x88"), ordered(), op("tR");
  text("module.scalar"), tensor("FloatStorage", "0", 12, 7, (shape){0, {0}, {0}});
  text("module.empty"), tensor("FloatStorage", "0", 12, 0, (shape){2, {0, 4}, {4, 1}});
  text("module.wide"), tensor("FloatStorage", "0", 12, 2, (shape){2, {2, 2}, {0, 1}});
  op("u}"), text("_metadata"), ordered(), op("sb"); /* BUILD with {"_metadata": ...} */
  text("optimizer"), op("}"), text("state"), tensor("FloatStorage", "0", 12, 0, ROW(12)), op("s");
  text("args"), global("argparse", "Namespace"), op(")\x81}"), text("lr"), op("G\0\0\0\0\0\0\0\0");
  add(&pickle, "\0\0\0\0\0\0\0\0", 8), op("sb");
  text("list"), op("](N"), tensor("FloatStorage", "0", 12, 0, ROW(1)), op("e");
  op("u");
}

static void expect_checkpoint(void) {
  bf_tensors t = good();
  assert_int_equal(t.tensor_count, 7);
  expect(&t, "state_dict.module.w", "F32", (shape){2, {3, 4}, {0}}, floats);
  expect(&t, "state_dict.module.turned", "F32", (shape){2, {2, 3}, {0}}, (float[]){1, 5, 9, 2, 6, 10});
  expect(&t, "state_dict.module.p", "F32", ROW(2), (float[]){4, 5});
  expect(&t, "state_dict.module.scalar", "F32", (shape){0, {0}, {0}}, (float[]){7});
  expect(&t, "state_dict.module.empty", "F32", (shape){2, {0, 4}, {0}}, NULL);
  expect(&t, "state_dict.module.wide", "F32", (shape){2, {2, 2}, {0}}, (float[]){2, 3, 2, 3});
  expect(&t, "list.1", "F32", ROW(1), floats);
  assert_string_equal(bf_tensors_metadata(&t, "pth_ignored"), "argparse.Namespace");
  bf_tensors_clear(&t);
}

static void both_layouts(void **state) {
  (void)state;
  for (int i = 0; i < 2; i++) {
    legacy = i == 1;
    begin(), checkpoint(), op(".");
    if (legacy)
      legacy_of_pickle();
    else
      zip_of_pickle();
    expect_checkpoint();
  }
  legacy = false;
}

static void contiguous_tensors_stand_in_the_file(void **state) {
  (void)state;
  begin(), op("}("), text("a"), tensor("FloatStorage", "0", 12, 3, ROW(4)), text("b");
  tensor("FloatStorage", "0", 12, 4, ROW(4)), op("u.");
  zip_of_pickle();
  bf_tensors t = good();
  assert_int_equal(t.block_count, 0);
  assert_ptr_equal((const char *)t.tensors[0].data + 4, t.tensors[1].data);
  assert_true((const char *)t.tensors[0].data > (const char *)t.memory);
  bf_tensors_clear(&t);
}

static void number_types(void **state) {
  (void)state;
  static const struct {
    const char *storage, *type;
    int size;
  } types[] = {{"FloatStorage", "F32", 4},  {"HalfStorage", "F16", 2}, {"BFloat16Storage", "BF16", 2},
               {"DoubleStorage", "F64", 8}, {"LongStorage", "I64", 8}, {"IntStorage", "I32", 4},
               {"ShortStorage", "I16", 2},  {"CharStorage", "I8", 1},  {"ByteStorage", "U8", 1},
               {"BoolStorage", "BOOL", 1}};
  for (size_t i = 0; i < sizeof types / sizeof types[0]; i++) {
    begin(), op("}"), text("t"), tensor(types[i].storage, "0", 2, 1, ROW(1)), op("s.");
    zip_of_pickle();
    bf_tensors t = good();
    expect(&t, "t", types[i].type, ROW(1), NULL);
    assert_int_equal(t.tensors[0].bytes, types[i].size);
    bf_tensors_clear(&t);
  }
  const uint16_t half[] = {0x3C00, 0xC000}, brain[] = {0x3F80, 0xC000};
  begin(), op("}("), text("h"), tensor("HalfStorage", "0", 2, 0, ROW(2)), text("b");
  tensor("BFloat16Storage", "1", 2, 0, ROW(2)), op("u.");
  record records[] = {{"x/data.pkl", pickle.at, pickle.size, 0, 0, 0, 0},
                      {"x/byteorder", "little", 6, 0, 0, 0, 0},
                      {"x/data/0", half, 4, 0, 0, 0, 0},
                      {"x/data/1", brain, 4, 0, 0, 0, 0}};
  write_zip(records, 4);
  bf_tensors t = good();
  expect(&t, "h", "F16", ROW(2), (float[]){1, -2});
  expect(&t, "b", "BF16", ROW(2), (float[]){1, -2});
  bf_tensors_clear(&t);
}

static void types_of_untyped_storages(void **state) {
  (void)state;
  begin(), op("}"), text("t"), global("torch._utils", "_rebuild_tensor_v3"), op("(");
  op("("), text("storage"), global("torch.storage", "UntypedStorage"), text("0"), text("cpu"), op("K0tQ"); /* 48 */
  integer(3), numbers((int64_t[]){2}, 1), numbers((int64_t[]){1}, 1), op("\x89"), ordered();
  global("torch", "uint32"), op("tRs.");
  zip_of_pickle();
  bf_tensors t = good();
  expect(&t, "t", "U32", ROW(2), NULL);
  assert_memory_equal(t.tensors[0].data, &floats[3], 8);
  bf_tensors_clear(&t);
}

/* Protocol 4: STACK_GLOBAL, MEMOIZE, FRAME and short texts. */
static void newer_opcodes(void **state) {
  (void)state;
  pickle.size = 0;
  op("\x80\x04\x95\x02"), add_number(&pickle, 0, 7), op("}\x94\x8c\1t\x94\x8c\x0ctorch._utils\x94");
  op("\x8c\x12_rebuild_tensor_v2\x94\x93\x94(");
  storage("FloatStorage", "0", 12, false), op("K"), add_number(&pickle, 0, 1),
      op("K\2\x85\x94K\1\x85\x94\x89}\x94t\x94R\x94s.");
  zip_of_pickle();
  bf_tensors t = good();
  expect(&t, "t", "F32", ROW(2), floats);
  bf_tensors_clear(&t);
}

static void module_part(const char *name) { text(name), ordered(), op("("); }

/* torch.save(model): classes are not opened, their parts are found. */
static void whole_modules(void **state) {
  (void)state;
  begin(), global("my.net", "Net"), op(")\x81}(");
  module_part("_parameters"), text("scale"), tensor("FloatStorage", "0", 12, 0, ROW(1)), text("none"), op("Nu");
  module_part("_buffers"), text("seen"), tensor("FloatStorage", "0", 12, 1, ROW(1));
  text("hidden"), tensor("FloatStorage", "0", 12, 1, ROW(1)), op("u");
  text("_non_persistent_buffers_set"), global("__builtin__", "set"), op("]"), text("hidden"), op("a\x85R");
  text("grad"), tensor("FloatStorage", "0", 12, 1, ROW(1));
  module_part("_modules"), text("conv"), global("torch.nn", "Conv2d"), op(")\x81}(");
  module_part("_parameters"), text("weight"), tensor("FloatStorage", "0", 12, 2, ROW(2)), op("u");
  module_part("_buffers"), op("u"), module_part("_modules"), op("uub"); /* the inner one ends */
  op("uub.");
  zip_of_pickle();
  bf_tensors t = good();
  assert_int_equal(t.tensor_count, 3);
  expect(&t, "scale", "F32", ROW(1), &floats[0]);
  expect(&t, "seen", "F32", ROW(1), &floats[1]);
  expect(&t, "conv.weight", "F32", ROW(2), &floats[2]);
  bf_tensors_clear(&t);
}

static void compressed_pickles_are_read(void **state) {
  (void)state;
  begin(), op("}"), text("t"), tensor("FloatStorage", "0", 12, 0, ROW(12)), op("s.");
  /* A deflate stream of one stored block. */
  bytes deflated = {0};
  add_number(&deflated, 1, 1), add_number(&deflated, pickle.size, 2), add_number(&deflated, ~pickle.size, 2);
  add(&deflated, pickle.at, pickle.size);
  record records[] = {{"a/data.pkl", deflated.at, deflated.size, pickle.size, 0, 8, 0},
                      {"a/data/0", floats, 48, 0, 0, 0, 0}};
  write_zip(records, 2);
  uint32_t right = checksum(pickle.at, pickle.size), wrong = checksum(deflated.at, deflated.size);
  refused(BF_E_FORMAT, "record 'a/data.pkl' is damaged: CRC error");
  for (size_t i = 0; i + 4 <= file.size; i++)
    if (memcmp(file.at + i, &wrong, 4) == 0) memcpy(file.at + i, &right, 4);
  bf_tensors t = good();
  expect(&t, "t", "F32", ROW(12), floats);
  bf_tensors_clear(&t);
  bf_free(deflated.at);
}

/* ---- what is never run ---- */

static void call(void) { global("os", "system"), text("touch /tmp/bifocal-pth-was-run"), op("\x85R"); }

static void calls_are_not_made(void **state) {
  (void)state;
  unlink("/tmp/bifocal-pth-was-run");
  both_refused(call, BF_E_UNSUPPORTED, "these objects were not opened: os.system");
  begin(), op("}("), text("x"), call(), text("t"), tensor("FloatStorage", "0", 12, 0, ROW(1)), op("u.");
  zip_of_pickle();
  bf_tensors t = good();
  assert_int_equal(t.tensor_count, 1);
  assert_string_equal(bf_tensors_metadata(&t, "pth_ignored"), "os.system");
  bf_tensors_clear(&t);
  assert_int_not_equal(access("/tmp/bifocal-pth-was-run", F_OK), 0);
}

/* ---- pickles that lie ---- */

static void cyclic(void) { op("]q\1h\1a"); }
static void cyclic_dict(void) { op("}q\1"), text("k"), op("h\1s"); }
static void deep_list(void) {
  for (int i = 0; i < 100000; i++) op("]");
  for (int i = 1; i < 100000; i++) op("a");
}
static void deep_tuple(void) {
  op(")");
  for (int i = 0; i < 100000; i++) op("\x85");
}
/* Each list holds the one before twice: 2^60 values seen from outside. */
static void exponential(void) {
  op("]q\1");
  for (int i = 0; i < 60; i++) op("](h\1h\1eq\1");
}
/* One dictionary without usable keys, reached many times. */
static void shared_work(void) {
  op("](}q\1(");
  for (int i = 0; i < 20000; i++) op("NN");
  op("u");
  for (int i = 0; i < 20000; i++) op("h\1");
  op("e");
}
static void huge_long(void) { op("\x8b\xff\xff\xff\x7f"); }
static void huge_text(void) { op("X\xff\xff\xff\xff"); }
static void long_text(void) { op("X\xff\xff\xff\x01"); }
static void no_stack(void) { op("a"); }
static void no_mark(void) { op("]e"); }
static void mark_as_value(void) { op("]("), op("a"); }
static void odd_pairs(void) { op("}(NNNu"); }
static void list_as_dict(void) { op("]NNs"); }
static void no_memo(void) { op("h\7"); }
static void far_memo(void) { op("Nr\xff\xff\xff\xff"); }
static void unknown_opcode(void) { op("\xff"); }
static void old_protocol(void) { op("\x80\1"); }
static void endless_name(void) {
  op("c");
  for (int i = 0; i < 3000; i++) op("x");
}
static void flood_stack(void) {
  for (int i = 0; i < 1100000; i++) op("(");
}
static void flood_values(void) {
  for (int i = 0; i < 4200000; i++) op("N0");
}
static void nothing(void) { op("}"), text("epoch"), op("K\3s"); }
static void bad_name(void) { op("}"), text("a\n"), tensor("FloatStorage", "0", 12, 0, ROW(1)), op("s"); }
static void no_utf8(void) { op("}"), text("a\xff"), tensor("FloatStorage", "0", 12, 0, ROW(1)), op("s"); }
static void long_name(void) {
  char name[300];
  memset(name, 'n', sizeof name - 1), name[299] = '\0';
  op("}"), text(name), tensor("FloatStorage", "0", 12, 0, ROW(1)), op("s");
}
static void twice(void) {
  op("}("), text("a.b"), tensor("FloatStorage", "0", 12, 0, ROW(1)), text("a"), op("}"), text("b");
  tensor("FloatStorage", "0", 12, 0, ROW(1)), op("su");
}
static void named(shape s, int64_t offset) { op("}"), text("t"), tensor("FloatStorage", "0", 12, offset, s), op("s"); }
static void beyond(void) { named(ROW(13), 0); }
static void offset_beyond(void) { named(ROW(12), 1); }
static void stride_beyond(void) { named((shape){2, {3, 2}, {6, 1}}, 0); }
static void offset_overflow(void) { named(ROW(2), INT64_MAX); }
static void stride_overflow(void) { named((shape){2, {3, 3}, {INT64_MAX / 2, INT64_MAX / 2}}, 0); }
static void shape_overflow(void) { named((shape){2, {INT64_MAX / 2, INT64_MAX / 2}, {0, 0}}, 0); }
static void byte_overflow(void) { named((shape){1, {INT64_MAX}, {0}}, 0); }
static void negative_offset(void) { named(ROW(2), -1); }
static void negative_stride(void) { named((shape){1, {2}, {-1}}, 4); }
static void negative_size(void) { named((shape){1, {-2}, {1}}, 0); }
static void expanded(void) { named((shape){3, {1000, 1000, 100}, {0, 0, 0}}, 0); }
static void many_dimensions(void) { named((shape){9, {1, 1, 1, 1, 1, 1, 1, 1, 1}, {1, 1, 1, 1, 1, 1, 1, 1, 1}}, 0); }
static void two_lengths(void) {
  op("}"), text("t"), global("torch._utils", "_rebuild_tensor"), op("("), storage("FloatStorage", "0", 12, legacy);
  integer(0), numbers((int64_t[]){1, 1}, 2), numbers((int64_t[]){1}, 1), op("tRs");
}
static void no_storage(void) {
  op("}"), text("t"), global("torch._utils", "_rebuild_tensor"), op("(N"), integer(0), op("))tRs");
}
static void no_arguments(void) { op("}"), text("t"), global("torch._utils", "_rebuild_tensor_v2"), op("NRs"); }
static void own_parameter(void) {
  op("}"), text("t"), global("torch._utils", "_rebuild_parameter"), op("(");
  global("torch._utils", "_rebuild_parameter"), op(")RtRs");
}
static void complex_numbers(void) { op("}"), text("t"), tensor("ComplexFloatStorage", "0", 1, 0, ROW(1)), op("s"); }

static void pickles_that_lie(void **state) {
  (void)state;
  static const struct {
    void (*write)(void);
    bf_status status;
    const char *said;
  } cases[] = {
      {cyclic, BF_E_FORMAT, "0: contains itself"},
      {cyclic_dict, BF_E_FORMAT, "k: contains itself"},
      {deep_list, BF_E_LIMIT, "nested more than 100 containers deep"},
      {deep_tuple, BF_E_LIMIT, "nested more than 100 containers deep"},
      {exponential, BF_E_LIMIT, "values, seen from outside"},
      {shared_work, BF_E_LIMIT, "values, seen from outside"},
      {huge_long, BF_E_LIMIT, "a whole number of 2147483647 bytes, more than the limit of 1024"},
      {huge_text, BF_E_LIMIT, "a text of 4294967295 bytes, more than the limit"},
      {long_text, BF_E_FORMAT, "in the middle of a value"},
      {no_stack, BF_E_FORMAT, "a value is missing on the stack"},
      {no_mark, BF_E_FORMAT, "no mark on the stack"},
      {mark_as_value, BF_E_FORMAT, "a value is missing on the stack"},
      {odd_pairs, BF_E_FORMAT, "a key without a value"},
      {list_as_dict, BF_E_FORMAT, "something that is no dictionary"},
      {no_memo, BF_E_FORMAT, "asked for that was not remembered"},
      {far_memo, BF_E_LIMIT, "limit of 4194304 remembered values"},
      {unknown_opcode, BF_E_UNSUPPORTED, "opcode 0xFF at byte 2 of the pickle is not handled"},
      {old_protocol, BF_E_UNSUPPORTED, "protocol 1; 2 to 5 are read"},
      {endless_name, BF_E_FORMAT, "a name of more than 1024 bytes"},
      {flood_stack, BF_E_LIMIT, "limit of 1048576 values on its stack"},
      {flood_values, BF_E_LIMIT, "limit of 4194304 values"},
      {nothing, BF_E_UNSUPPORTED, "no tensors in its lists and dictionaries; save them alone"},
      {bad_name, BF_E_FORMAT, "its name is no UTF-8 or holds control characters"},
      {no_utf8, BF_E_FORMAT, "its name is no UTF-8 or holds control characters"},
      {long_name, BF_E_FORMAT, "is longer than 255 bytes"},
      {twice, BF_E_FORMAT, "two tensors are called a.b"},
      {beyond, BF_E_FORMAT, "t: reaches number 12 of its storage, which has 12"},
      {offset_beyond, BF_E_FORMAT, "t: reaches number 12 of its storage, which has 12"},
      {stride_beyond, BF_E_FORMAT, "t: reaches number 13 of its storage, which has 12"},
      {offset_overflow, BF_E_FORMAT, "t: offset and strides are larger than can be counted"},
      {stride_overflow, BF_E_FORMAT, "t: offset and strides are larger than can be counted"},
      {shape_overflow, BF_E_FORMAT, "t: its shape holds more numbers"},
      {byte_overflow, BF_E_FORMAT, "t: its shape holds more numbers"},
      {negative_offset, BF_E_FORMAT, "t: begins at number -1 of its storage"},
      {negative_stride, BF_E_FORMAT, "t: dimension 0 has size 2 and stride -1"},
      {negative_size, BF_E_FORMAT, "t: dimension 0 has size -2 and stride 1"},
      {expanded, BF_E_LIMIT, "t: its 400000000 bytes, spread out by strides"},
      {many_dimensions, BF_E_UNSUPPORTED, "t: 9 dimensions, 8 are handled"},
      {two_lengths, BF_E_FORMAT, "t: its sizes and strides are not two lists of one length"},
      {no_arguments, BF_E_UNSUPPORTED, "t: a tensor of a kind that is not handled"},
      {own_parameter, BF_E_UNSUPPORTED, "t: a tensor of a kind that is not handled"},
  };
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
    both_refused(cases[i].write, cases[i].status, cases[i].said);
  begin(), no_storage(), op("."), zip_of_pickle();
  refused(BF_E_FORMAT, "t: no storage stands where one is due");
  begin(), complex_numbers(), op("."), zip_of_pickle();
  refused(BF_E_UNSUPPORTED, "t: holds numbers of a type that is not handled");
}

/* ---- archives that lie ---- */

static void simple(void) { begin(), named(ROW(12), 0), op("."); }

/* An archive of data.pkl, data/0 and one more record. */
static void archive(record zero, record more) {
  simple();
  record records[] = {{"a/data.pkl", pickle.at, pickle.size, 0, 0, 0, 0}, zero, more};
  write_zip(records, more.name != NULL ? 3 : 2);
}

static void archives_that_lie(void **state) {
  (void)state;
  static const uint8_t zeros[64];
  const record zero = {"a/data/0", floats, 48, 0, 0, 0, 0}, none = {0};
  archive(zero, none);
  bf_tensors t = good();
  bf_tensors_clear(&t);
  archive((record){"a/data/1", floats, 48, 0, 0, 0, 0}, none);
  refused(BF_E_FORMAT, "t: the archive has no record 'a/data/0'");
  archive((record){"a/data/0", floats, 44, 0, 0, 0, 0}, none);
  refused(BF_E_FORMAT, "t: storage '0' claims 12 numbers of 4 bytes, its record has 44 bytes");
  archive((record){"a/data/0", floats, 48, 0, 0, 8, 0}, none);
  refused(BF_E_UNSUPPORTED, "record 'a/data/0' is compressed");
  archive((record){"a/data/0", floats, 48, 1u << 31, 0, 8, 0}, none);
  refused(BF_E_UNSUPPORTED, "record 'a/data/0' is compressed");
  archive((record){"a/data/0", floats, 48, 0, 0, 0, 1}, none);
  refused(BF_E_UNSUPPORTED, "record 'a/data/0' is encrypted");
  archive((record){"a/data/0", floats, 48, 5000, 0, 0, 0}, none);
  refused(BF_E_FORMAT, "");
  archive(zero, (record){"a/data.pkl", zeros, 4, 0, 0, 0, 0});
  refused(BF_E_FORMAT, "");
  archive(zero, (record){"b/data.pkl", zeros, 4, 0, 0, 0, 0});
  refused(BF_E_FORMAT, "the archive holds two checkpoints");
  archive(zero, (record){"a/byteorder", "big", 3, 0, 0, 0, 0});
  refused(BF_E_UNSUPPORTED, "record 'a/byteorder' says 'big', little is read");
  archive(zero, (record){"a/constants.pkl", zeros, 4, 0, 0, 0, 0});
  refused(BF_E_UNSUPPORTED, "a TorchScript archive, which holds a program; save its tensors alone");
  archive(zero, (record){"a/code/x.py", zeros, 4, 0, 0, 0, 0});
  refused(BF_E_UNSUPPORTED, "a TorchScript archive");
  archive(zero, (record){"a/x\n", zeros, 4, 0, 0, 0, 0});
  refused(BF_E_FORMAT, "its name is longer than 255 bytes or holds control characters");
  record other[] = {{"word/document.xml", zeros, 4, 0, 0, 0, 0}};
  write_zip(other, 1);
  refused(BF_E_UNSUPPORTED, "a zip archive without data.pkl");
}

/* The second record's bytes hold a whole record of their own, which the directory names too. */
static void overlapping_records(void **state) {
  (void)state;
  simple();
  bytes inner = {0};
  record hidden = {"a/data/1", floats, 48, 0, 0, 0, 0};
  write_zip(&hidden, 1);
  add(&inner, file.at, 30 + 8 + 6 + 48);
  record records[] = {
      {"a/data.pkl", pickle.at, pickle.size, 0, 0, 0, 0}, {"a/data/0", inner.at, inner.size, 0, 0, 0, 0}, hidden};
  records[2].moved = (30 + 10 + 6 + pickle.size) + (30 + 8 + 6);
  write_zip(records, 3);
  refused(BF_E_FORMAT, "records 'a/data/0' and 'a/data/1' of the archive overlap");
  /* Two entries for one record. */
  records[2] = (record){"a/data/0", inner.at, inner.size, 0, 0, 0, 0};
  records[2].moved = 30 + 10 + 6 + pickle.size;
  write_zip(records, 3);
  refused(BF_E_FORMAT, "");
  bf_free(inner.at);
}

/* A bomb: data.pkl that claims more than the limit. */
static void compressed_bombs(void **state) {
  (void)state;
  uint8_t small[100] = {0};
  record records[] = {{"a/data.pkl", small, sizeof small, (16 << 20) + 1, 0, 8, 0}};
  write_zip(records, 1);
  refused(BF_E_LIMIT, "record 'a/data.pkl' claims 16777217 bytes when inflated, the limit is 16777216");
  records[0].claimed = 16 << 20;
  write_zip(records, 1);
  refused(BF_E_FORMAT, "record 'a/data.pkl' is damaged");
}

static void changed_numbers_are_noticed(void **state) {
  (void)state;
  simple(), zip_of_pickle();
  uint8_t *at = memmem(file.at, file.size, floats, sizeof floats);
  assert_non_null(at);
  at[5] ^= 1;
  refused(BF_E_FORMAT, "t: record 'a/data/0' is damaged: CRC error");
  without_checksums = true; /* as PyTorch may be told to */
  zip_of_pickle();
  without_checksums = false;
  bf_tensors t = good();
  bf_tensors_clear(&t);
}

/* ---- legacy files that lie ---- */

static void legacy_files_that_lie(void **state) {
  (void)state;
  legacy = true;
  simple(), legacy_of_pickle();
  size_t size = file.size;
  uint64_t wrong = 11;
  memcpy(file.at + size - 56, &wrong, 8);
  refused(BF_E_FORMAT, "storage '0' has 11 numbers where 12 are due");
  simple(), legacy_of_pickle();
  file.at[11] ^= 1;
  refused(BF_E_UNSUPPORTED, "a pickle that torch.save did not write");
  simple(), legacy_of_pickle();
  file.at[18] = 0xea;
  refused(BF_E_UNSUPPORTED, "its protocol version is not 1001");
  simple(), legacy_of_pickle();
  *(uint8_t *)memmem(file.at, size, "\x88u.", 3) = 0x89;
  refused(BF_E_UNSUPPORTED, "not said to be little endian");
  simple(), legacy_start();
  begin(), op("]("), text("7"), op("e."), add(&file, pickle.at, pickle.size);
  refused(BF_E_FORMAT, "storage 0 of the file's list belongs to no tensor");
  simple(), legacy_start();
  begin(), op("]."), add(&file, pickle.at, pickle.size);
  refused(BF_E_FORMAT, "t: the file lists no storage '0'");
  simple(), legacy_start();
  begin(), op("]("), text("0"), text("0"), op("e."), add(&file, pickle.at, pickle.size);
  for (int i = 0; i < 2; i++) add_number(&file, 12, 8), add(&file, floats, 48);
  refused(BF_E_FORMAT, "storage '0' is listed twice");
  begin(), op("}("), text("a"), tensor("FloatStorage", "0", 12, 0, ROW(1));
  text("b"), tensor("DoubleStorage", "0", 6, 0, ROW(1)), op("u."), legacy_of_pickle();
  refused(BF_E_FORMAT, "storage '0' is described in two ways");
  begin(), op("}"), text("a"), tensor("StrangeStorage", "0", 12, 0, ROW(1)), op("s."), legacy_of_pickle();
  refused(BF_E_UNSUPPORTED, "storage '0': its type of numbers is not known");
  legacy = false;
}

/* (key, offset, size): what an old file sees of a storage. */
static void legacy_views(void **state) {
  (void)state;
  for (int size = 4; size < 9; size++) {
    begin(), op("}"), text("t"), global("torch._utils", "_rebuild_tensor"), op("((");
    text("storage"), global("torch", "FloatStorage"), text("0"), text("cpu"), integer(12), op("(");
    text("5"), integer(5), integer(size), op("ttQ"), integer(1), numbers((int64_t[]){4}, 1);
    numbers((int64_t[]){1}, 1), op("tRs."), legacy_of_pickle();
    if (size == 4) {
      refused(BF_E_FORMAT, "t: reaches number 4 of its storage, which has 4");
    } else if (size == 8) {
      refused(BF_E_FORMAT, "storage '0': a view of it does not lie inside it");
    } else {
      bf_tensors t = good();
      expect(&t, "t", "F32", ROW(4), &floats[6]);
      bf_tensors_clear(&t);
    }
  }
}

/* ---- any damage ---- */

static void every_cut_is_noticed(void **state) {
  (void)state;
  for (int i = 0; i < 2; i++) {
    legacy = i == 1;
    begin(), checkpoint(), op(".");
    if (legacy)
      legacy_of_pickle();
    else
      zip_of_pickle();
    for (size_t size = 0; size < file.size; size++) {
      bf_tensors t;
      bf_error err;
      bf_status status = read_bytes(&t, file.at, size, &err);
      if (status != BF_E_FORMAT && status != BF_E_UNSUPPORTED)
        fail_msg("layout %d cut to %zu bytes: status %d, '%s'", i, size, (int)status, err.message);
      bf_tensors_clear(&t);
    }
  }
  legacy = false;
}

static void touch(const bf_tensors *t) {
  volatile uint8_t all = 0;
  for (int64_t i = 0; i < t->tensor_count; i++)
    for (size_t k = 0; k < t->tensors[i].bytes; k++) all ^= ((const uint8_t *)t->tensors[i].data)[k];
}

static int damage(uint64_t seed, int rounds) {
  static const uint8_t likely[] = "()]}.tues\x85\x86\x87QRbhq\x8aKMXN\x88\xff\x7f\0\1\2";
  int refusals = 0;
  uint8_t *copy = bf_alloc(file.size, 1);
  for (int round = 0; round < rounds; round++) {
    bf_rng rng = bf_rng_make(seed, (uint64_t)round, 0);
    bf_tensors t;
    bf_error err;
    memcpy(copy, file.at, file.size);
    for (uint64_t i = 0; i <= bf_rng_below(&rng, 3); i++)
      copy[bf_rng_below(&rng, file.size)] =
          bf_rng_below(&rng, 2) ? (uint8_t)bf_rng_below(&rng, 256) : likely[bf_rng_below(&rng, sizeof likely - 1)];
    bf_status status = read_bytes(&t, copy, file.size, &err);
    if (status != BF_OK && status != BF_E_FORMAT && status != BF_E_UNSUPPORTED && status != BF_E_LIMIT)
      fail_msg("round %d: status %d, '%s'", round, (int)status, err.message);
    if (status == BF_OK) touch(&t);
    refusals += status != BF_OK;
    bf_tensors_clear(&t);
  }
  bf_free(copy);
  return refusals;
}

static void random_damage(void **state) {
  (void)state;
  const int rounds = 3000;
  for (int i = 0; i < 2; i++) {
    legacy = i == 1;
    without_checksums = true;
    begin(), checkpoint(), op(".");
    if (legacy)
      legacy_of_pickle();
    else
      zip_of_pickle();
    int refusals = damage((uint64_t)i, rounds);
    assert_true(refusals > rounds / 4 && refusals < rounds);
  }
  legacy = without_checksums = false;
}

static void detection(void **state) {
  (void)state;
  simple(), zip_of_pickle();
  assert_int_equal(format()->detect("x", file.at, file.size), 90);
  legacy = true;
  simple(), legacy_of_pickle();
  legacy = false;
  assert_int_equal(format()->detect("x", file.at, file.size), 90);
  record other[] = {{"word/document.xml", "x", 1, 0, 0, 0, 0}};
  write_zip(other, 1);
  assert_int_equal(format()->detect("x.docx", file.at, file.size), 0);
  assert_int_equal(format()->detect("x.npz", file.at, file.size), 0);
  assert_int_equal(format()->detect("x.PTH", file.at, 0), 20);
  assert_int_equal(format()->detect("x.pt", "", 0), 20);
  assert_int_equal(format()->detect("x.bin", "PK", 2), 20);
}

#define CASE(f) cmocka_unit_test_teardown(f, tear_down)
int main(void) {
  const struct CMUnitTest tests[] = {
      CASE(both_layouts),
      CASE(contiguous_tensors_stand_in_the_file),
      CASE(number_types),
      CASE(types_of_untyped_storages),
      CASE(newer_opcodes),
      CASE(whole_modules),
      CASE(compressed_pickles_are_read),
      CASE(calls_are_not_made),
      CASE(pickles_that_lie),
      CASE(archives_that_lie),
      CASE(overlapping_records),
      CASE(compressed_bombs),
      CASE(changed_numbers_are_noticed),
      CASE(legacy_files_that_lie),
      CASE(legacy_views),
      CASE(every_cut_is_noticed),
      CASE(random_damage),
      CASE(detection),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
