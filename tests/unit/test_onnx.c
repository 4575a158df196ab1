/* ONNX initialisers: every type in every place, and files that lie. The messages are written here, byte by byte. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/file.h"
#include "base/memory.h"
#include "base/rng.h"
#include "model/weights_format.h"

static char folder[64], path[128];

static int set_up(void **state) {
  (void)state;
  strcpy(folder, "/tmp/bifocal-test-XXXXXX");
  if (mkdtemp(folder) == NULL) return -1;
  snprintf(path, sizeof path, "%s/x.onnx", folder);
  return 0;
}

static int tear_down(void **state) {
  (void)state;
  unlink(path);
  return rmdir(folder);
}

/* ---- a writer of protobuf ---- */

typedef struct message {
  size_t size;
  unsigned char bytes[8192];
} message;

static void put_byte(message *m, int byte) {
  assert_true(m->size < sizeof m->bytes);
  m->bytes[m->size++] = (unsigned char)byte;
}

static void put_varint(message *m, uint64_t value) {
  for (; value > 0x7F; value >>= 7) put_byte(m, (int)(value & 0x7F) | 0x80);
  put_byte(m, (int)value);
}

static void put_number(message *m, int field, uint64_t value) {
  put_varint(m, (uint64_t)field << 3);
  put_varint(m, value);
}

static void put_bytes(message *m, int field, const void *bytes, size_t size) {
  put_varint(m, (uint64_t)field << 3 | 2);
  put_varint(m, size);
  for (size_t i = 0; i < size; i++) put_byte(m, ((const unsigned char *)bytes)[i]);
}

static void put_text(message *m, int field, const char *text) { put_bytes(m, field, text, strlen(text)); }
static void put_message(message *m, int field, const message *inner) { put_bytes(m, field, inner->bytes, inner->size); }

static void start_tensor(message *m, const char *name, int type, int rank, const int64_t *dims) {
  *m = (message){0};
  for (int i = 0; i < rank; i++) put_number(m, 1, (uint64_t)dims[i]);
  put_number(m, 2, (uint64_t)type);
  if (name != NULL) put_text(m, 8, name);
}

/* A model of these tensors, with a node that is to be passed over. */
static void make_model(message *m, const message *tensors, int count) {
  static message graph, node;
  graph = (message){0}, node = (message){0};
  put_text(&node, 4, "Conv");
  put_message(&graph, 1, &node);
  for (int i = 0; i < count; i++) put_message(&graph, 5, &tensors[i]);
  *m = (message){0};
  put_number(m, 1, 8);
  put_text(m, 2, "pytorch");
  put_text(m, 3, "2.1.0");
  put_message(m, 7, &graph);
}

static void write_file(const message *m, size_t size) {
  FILE *f = fopen(path, "wb");
  assert_non_null(f);
  assert_int_equal(fwrite(m->bytes, 1, size, f), size);
  assert_int_equal(fclose(f), 0);
}

static bf_status read_model(bf_tensors *file, const message *m, bf_error *err) {
  const bf_weights_format *format = NULL;
  write_file(m, m->size);
  bf_status status = bf_weights_open(file, &format, path, err);
  assert_non_null(format);
  assert_string_equal(format->name, "onnx");
  return status;
}

/* One tensor alone must be refused with these words. */
static void refused(const message *tensor, bf_status due, const char *said) {
  static message model;
  bf_error err = {0};
  bf_tensors file;
  make_model(&model, tensor, 1);
  bf_status status = read_model(&file, &model, &err);
  if (status != due || strstr(err.message, said) == NULL)
    fail_msg("%d, '%s' where %d, '%s' is due", (int)status, err.message, (int)due, said);
  assert_non_null(strstr(err.message, path));
  assert_true(file.tensor_count == 0 && file.memory == NULL);
}

/* ---- good files ---- */

static void weights_as_exporters_write_them(void **state) {
  (void)state;
  static message tensors[3], model;
  float w[2 * 3 * 5 * 7], b[2] = {0.5f, -1};
  int64_t counter = 12;
  for (int i = 0; i < 210; i++) w[i] = (float)i / 7;
  start_tensor(&tensors[0], "conv1.weight", 1, 4, (int64_t[]){2, 3, 5, 7});
  put_bytes(&tensors[0], 9, w, sizeof w);
  start_tensor(&tensors[1], "conv1.bias", 1, 1, (int64_t[]){2});
  put_bytes(&tensors[1], 4, b, sizeof b);
  start_tensor(&tensors[2], "bn1.num_batches_tracked", 7, 0, NULL);
  put_bytes(&tensors[2], 9, &counter, 8);
  make_model(&model, tensors, 3);
  bf_error err = {0};
  bf_tensors file;
  char hash[65];
  assert_int_equal(read_model(&file, &model, &err), BF_OK);
  bf_sha256(hash, model.bytes, model.size);
  assert_string_equal(file.sha256, hash);
  assert_int_equal(file.tensor_count, 3);
  const bf_tensor *t = bf_tensors_find(&file, "conv1.weight");
  assert_non_null(t);
  assert_int_equal(t->rank, 4);
  assert_int_equal(t->shape[3], 7);
  assert_memory_equal(t->data, w, sizeof w);
  assert_memory_equal(bf_tensors_find(&file, "conv1.bias")->data, b, sizeof b);
  t = bf_tensors_find(&file, "bn1.num_batches_tracked");
  assert_int_equal(t->count, 1);
  assert_string_equal(t->dtype, "I64");
  assert_string_equal(bf_tensors_metadata(&file, "producer"), "pytorch 2.1.0");
  assert_null(bf_tensors_metadata(&file, "hint"));
  bf_tensors_clear(&file);
}

/* A packed list of varints. */
static void put_list(message *m, int field, const int64_t *values, int count) {
  static message packed;
  packed = (message){0};
  for (int i = 0; i < count; i++) put_varint(&packed, (uint64_t)values[i]);
  put_message(m, field, &packed);
}

static void expect_one(const message *tensor, const char *dtype, const void *data, size_t bytes) {
  static message model;
  bf_error err = {0};
  bf_tensors file;
  make_model(&model, tensor, 1);
  if (read_model(&file, &model, &err) != BF_OK) fail_msg("%s", err.message);
  assert_string_equal(file.tensors[0].dtype, dtype);
  assert_int_equal(file.tensors[0].bytes, bytes);
  if (bytes > 0) assert_memory_equal(file.tensors[0].data, data, bytes);
  float values[8];
  if (strchr("FB", dtype[0]) != NULL && strcmp(dtype, "BOOL") != 0)
    assert_int_equal(bf_tensor_to_float(values, &file.tensors[0], &err), BF_OK);
  bf_tensors_clear(&file);
}

static void every_type_in_its_list(void **state) {
  (void)state;
  static message t;
  const int64_t two[] = {2}, values[] = {-3, 100}, bits[] = {0x3C00, 0xFC00}, flags[] = {1, 0};
  start_tensor(&t, "t", 10, 1, two);
  put_list(&t, 5, bits, 2);
  expect_one(&t, "F16", (uint16_t[]){0x3C00, 0xFC00}, 4);
  start_tensor(&t, "t", 16, 1, two);
  put_list(&t, 5, bits, 2);
  expect_one(&t, "BF16", (uint16_t[]){0x3C00, 0xFC00}, 4);
  start_tensor(&t, "t", 6, 1, two);
  put_list(&t, 5, values, 2);
  expect_one(&t, "I32", (int32_t[]){-3, 100}, 8);
  start_tensor(&t, "t", 5, 1, two);
  put_list(&t, 5, values, 2);
  expect_one(&t, "I16", (int16_t[]){-3, 100}, 4);
  start_tensor(&t, "t", 3, 1, two);
  put_list(&t, 5, values, 2);
  expect_one(&t, "I8", (int8_t[]){-3, 100}, 2);
  start_tensor(&t, "t", 2, 1, two);
  put_list(&t, 5, (int64_t[]){255, 0}, 2);
  expect_one(&t, "U8", (uint8_t[]){255, 0}, 2);
  start_tensor(&t, "t", 4, 1, two);
  put_list(&t, 5, bits, 2);
  expect_one(&t, "U16", (uint16_t[]){0x3C00, 0xFC00}, 4);
  start_tensor(&t, "t", 9, 1, two);
  put_list(&t, 5, flags, 2);
  expect_one(&t, "BOOL", (uint8_t[]){1, 0}, 2);
  start_tensor(&t, "t", 7, 1, two);
  put_list(&t, 7, values, 2);
  expect_one(&t, "I64", values, 16);
  start_tensor(&t, "t", 13, 1, two);
  put_list(&t, 11, values, 2);
  expect_one(&t, "U64", values, 16);
  start_tensor(&t, "t", 12, 1, two);
  put_list(&t, 11, (int64_t[]){0xFFFFFFFF, 7}, 2);
  expect_one(&t, "U32", (uint32_t[]){0xFFFFFFFF, 7}, 8);
  start_tensor(&t, "t", 11, 1, two);
  put_bytes(&t, 10, (double[]){0.1, -1e300}, 16);
  expect_one(&t, "F64", (double[]){0.1, -1e300}, 16);
  /* One value a field, as older writers did. */
  start_tensor(&t, "t", 7, 1, two);
  put_number(&t, 7, 5);
  put_number(&t, 7, 6);
  expect_one(&t, "I64", (int64_t[]){5, 6}, 16);
  start_tensor(&t, "t", 1, 2, (int64_t[]){0, 4});
  put_bytes(&t, 9, "", 0);
  expect_one(&t, "F32", "", 0);
}

static void folded_names_are_told(void **state) {
  (void)state;
  static message tensors[3], model;
  const float w = 1;
  const char *names[] = {"onnx::Conv_193", "fc.bias", "497"};
  for (int i = 0; i < 3; i++) {
    start_tensor(&tensors[i], names[i], 1, 1, (int64_t[]){1});
    put_bytes(&tensors[i], 9, &w, 4);
  }
  make_model(&model, tensors, 3);
  bf_error err = {0};
  bf_tensors file;
  assert_int_equal(read_model(&file, &model, &err), BF_OK);
  const char *hint = bf_tensors_metadata(&file, "hint");
  assert_non_null(hint);
  assert_non_null(strstr(hint, "2 of 3 tensors bear the exporter's names (497)"));
  assert_non_null(strstr(hint, "TrainingMode.PRESERVE"));
  bf_tensors_clear(&file);
}

/* ---- bad files ---- */

static void lies_are_refused_by_name(void **state) {
  (void)state;
  static message t;
  const int64_t two[] = {2};
  const float w[3] = {1, 2, 3};
  start_tensor(&t, "t", 1, 1, two);
  put_bytes(&t, 9, w, 4);
  refused(&t, BF_E_FORMAT, "t: its shape and type make 8 bytes, the file holds 4");
  start_tensor(&t, "t", 1, 1, two);
  put_bytes(&t, 9, w, 12);
  refused(&t, BF_E_FORMAT, "t: its shape and type make 8 bytes, the file holds 12");
  start_tensor(&t, "t", 1, 1, two);
  put_bytes(&t, 4, w, 12);
  refused(&t, BF_E_FORMAT, "t: its shape makes 2 numbers of type F32, the file holds 3");
  start_tensor(&t, "t", 1, 1, two);
  refused(&t, BF_E_FORMAT, "t: its shape makes 2 numbers of type F32, the file holds 0");
  start_tensor(&t, "t", 11, 1, two);
  put_bytes(&t, 4, w, 8);
  refused(&t, BF_E_FORMAT, "of another type");
  start_tensor(&t, "t", 1, 1, two);
  put_bytes(&t, 9, w, 8);
  put_bytes(&t, 4, w, 8);
  refused(&t, BF_E_FORMAT, "t: its numbers stand in the file twice");
  start_tensor(&t, "t", 1, 2, (int64_t[]){INT64_C(1) << 32, INT64_C(1) << 32});
  put_bytes(&t, 9, w, 8);
  refused(&t, BF_E_FORMAT, "t: its shape holds more numbers");
  start_tensor(&t, "t", 1, 1, (int64_t[]){INT64_MAX});
  put_bytes(&t, 9, w, 8);
  refused(&t, BF_E_FORMAT, "t: its shape holds more numbers");
  start_tensor(&t, "t", 1, 1, (int64_t[]){-2});
  put_bytes(&t, 9, w, 8);
  refused(&t, BF_E_FORMAT, "t: dimension 0 of its shape is not a whole number");
  start_tensor(&t, "t", 1, 9, (int64_t[]){1, 1, 1, 1, 1, 1, 1, 1, 1});
  put_bytes(&t, 9, w, 4);
  refused(&t, BF_E_UNSUPPORTED, "t: 9 dimensions, 8 are handled");
  start_tensor(&t, "t", 8, 1, two);
  put_text(&t, 6, "a");
  refused(&t, BF_E_UNSUPPORTED, "t: numbers of ONNX's type 8 are not read");
  start_tensor(&t, "t", 0, 0, NULL);
  refused(&t, BF_E_UNSUPPORTED, "t: numbers of ONNX's type 0 are not read");
  start_tensor(&t, NULL, 1, 1, two);
  put_bytes(&t, 9, w, 8);
  refused(&t, BF_E_FORMAT, "tensor 0: its name is empty");
  start_tensor(&t, "a\x1b[31m", 1, 1, two);
  put_bytes(&t, 9, w, 8);
  refused(&t, BF_E_FORMAT, "tensor 0: its name is empty");
  start_tensor(&t, "a\xff", 1, 1, two);
  put_bytes(&t, 9, w, 8);
  refused(&t, BF_E_FORMAT, "tensor 0: its name is empty");
  start_tensor(&t, "t", 3, 1, two);
  put_list(&t, 5, (int64_t[]){1, 128}, 2);
  refused(&t, BF_E_FORMAT, "t: number 1 does not fit its type I8");
  start_tensor(&t, "t", 10, 1, two);
  put_list(&t, 5, (int64_t[]){0x10000, 1}, 2);
  refused(&t, BF_E_FORMAT, "t: number 0 does not fit its type F16");
  start_tensor(&t, "t", 9, 1, two);
  put_list(&t, 5, (int64_t[]){1, 2}, 2);
  refused(&t, BF_E_FORMAT, "t: number 1 does not fit its type BOOL");
}

static void data_in_other_files_are_refused(void **state) {
  (void)state;
  static message t, entry;
  start_tensor(&t, "conv1.weight", 1, 1, (int64_t[]){2});
  entry = (message){0};
  put_text(&entry, 1, "location");
  put_text(&entry, 2, "../../etc/passwd");
  put_message(&t, 13, &entry);
  put_number(&t, 14, 1);
  refused(&t, BF_E_UNSUPPORTED, "conv1.weight: its numbers stand in another file, which is not followed; save the");
  start_tensor(&t, "conv1.weight", 1, 1, (int64_t[]){2});
  put_number(&t, 14, 1);
  refused(&t, BF_E_UNSUPPORTED, "save the model in one file");
  start_tensor(&t, "conv1.weight", 1, 1, (int64_t[]){2});
  put_message(&t, 13, &entry);
  refused(&t, BF_E_UNSUPPORTED, "save the model in one file");
  start_tensor(&t, "conv1.weight", 1, 1, (int64_t[]){2});
  put_bytes(&t, 3, "", 0);
  refused(&t, BF_E_UNSUPPORTED, "stored in segments");
}

static void the_same_name_twice(void **state) {
  (void)state;
  static message tensors[2], model;
  const float w = 1;
  for (int i = 0; i < 2; i++) {
    start_tensor(&tensors[i], "t", 1, 1, (int64_t[]){1});
    put_bytes(&tensors[i], 9, &w, 4);
  }
  make_model(&model, tensors, 2);
  bf_error err = {0};
  bf_tensors file;
  assert_int_equal(read_model(&file, &model, &err), BF_E_FORMAT);
  assert_non_null(strstr(err.message, "two tensors are called t"));
}

static void files_without_weights(void **state) {
  (void)state;
  static message m;
  bf_error err = {0};
  bf_tensors file;
  m = (message){0};
  put_number(&m, 1, 8);
  put_text(&m, 2, "x");
  assert_int_equal(read_model(&file, &m, &err), BF_E_FORMAT);
  assert_non_null(strstr(err.message, "it has no graph"));
  make_model(&m, NULL, 0);
  assert_int_equal(read_model(&file, &m, &err), BF_E_FORMAT);
  assert_non_null(strstr(err.message, "no initialisers"));
  m = (message){.size = 5, .bytes = "hello"};
  assert_int_equal(read_model(&file, &m, &err), BF_E_FORMAT); /* by its name */
  assert_non_null(strstr(err.message, "no ONNX model, or cut short"));
}

/* Memory that two bytes ask for is counted: a message of many empty things is refused, not served. */
static void a_small_file_gets_no_gigabytes(void **state) {
  (void)state;
  const size_t count = (size_t)1 << 20;
  unsigned char *bytes = bf_alloc(2 * count + 16, 1), *at = bytes;
  bf_error err = {0};
  bf_tensors file;
  size_t length = 2 * count;
  *at++ = 0x08, *at++ = 8, *at++ = 0x3A;
  for (; length > 0x7F; length >>= 7) *at++ = (unsigned char)(length | 0x80);
  *at++ = (unsigned char)length;
  for (size_t i = 0; i < count; i++) *at++ = 0x2A, *at++ = 0; /* initializer {} */
  assert_int_equal(bf_file_write(path, bytes, (size_t)(at - bytes), &err), BF_OK);
  assert_int_equal(bf_weights_open(&file, NULL, path, &err), BF_E_LIMIT);
  assert_non_null(strstr(err.message, "unpack to more than 3 times their size"));
  bf_free(bytes);
}

static void make_small(message *model) {
  static message tensors[2];
  const float w[6] = {1, 2, 3, 4, 5, 6};
  start_tensor(&tensors[0], "a.weight", 1, 2, (int64_t[]){2, 3});
  put_bytes(&tensors[0], 9, w, sizeof w);
  start_tensor(&tensors[1], "a.bias", 1, 1, (int64_t[]){3});
  put_bytes(&tensors[1], 4, w, 12);
  make_model(model, tensors, 2);
}

static void every_cut_is_noticed(void **state) {
  (void)state;
  static message model;
  bf_error err = {0};
  bf_tensors file;
  make_small(&model);
  for (size_t cut = 0; cut < model.size; cut++) {
    write_file(&model, cut);
    bf_status status = bf_weights_open(&file, NULL, path, &err);
    if (status != BF_E_FORMAT) fail_msg("cut to %zu bytes: status %d, '%s'", cut, (int)status, err.message);
  }
  assert_int_equal(read_model(&file, &model, &err), BF_OK);
  bf_tensors_clear(&file);
}

static void random_damage(void **state) {
  (void)state;
  static message model, damaged;
  bf_error err = {0};
  int refused_count = 0;
  make_small(&model);
  for (uint64_t round = 0; round < 3000; round++) {
    bf_rng rng = bf_rng_make(1, round, 0);
    bf_tensors file;
    damaged = model;
    for (uint64_t i = 0; i <= bf_rng_below(&rng, 3); i++)
      damaged.bytes[1 + bf_rng_below(&rng, model.size - 1)] = (unsigned char)bf_rng_below(&rng, 256);
    write_file(&damaged, damaged.size);
    bf_status status = bf_weights_open(&file, NULL, path, &err);
    if (status != BF_OK && status != BF_E_FORMAT && status != BF_E_UNSUPPORTED)
      fail_msg("round %d: status %d, '%s'", (int)round, (int)status, err.message);
    volatile unsigned char sum = 0;
    for (int64_t i = 0; i < file.tensor_count; i++)
      for (size_t k = 0; k < file.tensors[i].bytes; k++) sum ^= ((const unsigned char *)file.tensors[i].data)[k];
    refused_count += status != BF_OK;
    bf_tensors_clear(&file);
  }
  assert_true(refused_count > 1000 && refused_count < 3000);
}

static void told_by_content(void **state) {
  (void)state;
  static message model;
  bf_error err = {0};
  bf_tensors file;
  const bf_weights_format *format;
  make_small(&model);
  char other[160];
  snprintf(other, sizeof other, "%s/model.data", folder);
  assert_int_equal(bf_file_write(other, model.bytes, model.size, &err), BF_OK);
  assert_int_equal(bf_weights_open(&file, &format, other, &err), BF_OK);
  assert_string_equal(format->name, "onnx");
  bf_tensors_clear(&file);
  assert_int_equal(bf_file_write(other, "\x08\x01zz", 4, &err), BF_OK);
  assert_int_equal(bf_weights_open(&file, &format, other, &err), BF_E_UNSUPPORTED);
  unlink(other);
}

#define CASE(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)
int main(void) {
  const struct CMUnitTest tests[] = {
      CASE(weights_as_exporters_write_them),
      CASE(every_type_in_its_list),
      CASE(folded_names_are_told),
      CASE(lies_are_refused_by_name),
      CASE(data_in_other_files_are_refused),
      CASE(the_same_name_twice),
      CASE(files_without_weights),
      CASE(a_small_file_gets_no_gigabytes),
      CASE(every_cut_is_noticed),
      CASE(random_damage),
      CASE(told_by_content),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
