/* Safetensors: round trip, number types, and files that lie. */
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
#include "base/utf8.h"
#include "model/safetensors.h"

static char folder[64], path[128];

static int set_up(void **state) {
  (void)state;
  strcpy(folder, "/tmp/bifocal-test-XXXXXX");
  if (mkdtemp(folder) == NULL) return -1;
  snprintf(path, sizeof path, "%s/x.safetensors", folder);
  return 0;
}

static int tear_down(void **state) {
  (void)state;
  unlink(path);
  return rmdir(folder);
}

static void write_raw(uint64_t length, const char *header, size_t data_size) {
  FILE *f = fopen(path, "wb");
  assert_non_null(f);
  fwrite(&length, 8, 1, f);
  fputs(header, f);
  for (size_t i = 0; i < data_size; i++) fputc(0, f);
  assert_int_equal(fclose(f), 0);
}

static void round_trip(void **state) {
  (void)state;
  float a[7 * 13], b[1] = {-0.5f};
  for (int i = 0; i < 7 * 13; i++) a[i] = (float)i / 3;
  bf_tensor tensors[] = {{.name = "z.weight", .rank = 2, .shape = {7, 13}, .count = 91, .data = a},
                         {.name = "a.bias", .rank = 1, .shape = {1}, .count = 1, .data = b},
                         {.name = "empty", .rank = 2, .shape = {0, 4}, .count = 0, .data = a},
                         {.name = "scalar", .rank = 0, .count = 1, .data = b}};
  bf_metadata_entry notes[] = {{"format", "x\"\n\xC3\xA9"}, {"n", ""}};
  bf_error err = {0};
  bf_tensors file;
  char hash[65];
  assert_int_equal(bf_safetensors_write(path, tensors, 4, notes, 2, &err), BF_OK);
  assert_int_equal(bf_safetensors_read(&file, path, &err), BF_OK);
  assert_int_equal(bf_sha256_file(hash, path, &err), BF_OK);
  assert_string_equal(file.sha256, hash);
  assert_int_equal(file.tensor_count, 4);
  assert_string_equal(file.tensors[0].name, "a.bias");
  assert_string_equal(bf_tensors_metadata(&file, "format"), "x\"\n\xC3\xA9");
  assert_string_equal(bf_tensors_metadata(&file, "n"), "");
  assert_null(bf_tensors_metadata(&file, "m"));
  assert_null(bf_tensors_find(&file, "z"));
  const bf_tensor *t = bf_tensors_find(&file, "z.weight");
  float back[91];
  assert_non_null(t);
  assert_int_equal(t->shape[1], 13);
  assert_int_equal(bf_tensor_to_float(back, t, &err), BF_OK);
  assert_memory_equal(a, back, sizeof a);
  assert_int_equal(bf_tensors_find(&file, "empty")->count, 0);
  assert_int_equal(bf_tensors_find(&file, "scalar")->rank, 0);
  bf_tensors_clear(&file);
}

static void every_cut_is_noticed(void **state) {
  (void)state;
  float a[5] = {1, 2, 3, 4, 5};
  bf_tensor tensor = {.name = "t", .rank = 1, .shape = {5}, .count = 5, .data = a};
  bf_error err = {0};
  bf_tensors file;
  char *bytes;
  size_t size;
  assert_int_equal(bf_safetensors_write(path, &tensor, 1, NULL, 0, &err), BF_OK);
  assert_int_equal(bf_file_read(&bytes, &size, path, 1 << 20, &err), BF_OK);
  for (size_t cut = 0; cut < size; cut++) {
    assert_int_equal(truncate(path, (off_t)(size - 1 - cut)), 0);
    bf_status status = bf_safetensors_read(&file, path, &err);
    if (status != BF_E_FORMAT) fail_msg("cut to %zu bytes: status %d", size - 1 - cut, (int)status);
    assert_non_null(strstr(err.message, path));
  }
  bf_free(bytes);
}

static void twice_the_same_name_is_not_written(void **state) {
  (void)state;
  float a[1] = {1};
  bf_tensor tensors[] = {{.name = "t", .rank = 1, .shape = {1}, .count = 1, .data = a},
                         {.name = "t", .rank = 1, .shape = {1}, .count = 1, .data = a}};
  bf_error err = {0};
  assert_int_equal(bf_safetensors_write(path, tensors, 2, NULL, 0, &err), BF_E_ARGUMENT);
  assert_int_not_equal(access(path, F_OK), 0);
}

static void lies_are_refused_by_name(void **state) {
  (void)state;
  static const struct {
    const char *header;
    size_t data;
    bf_status status;
    const char *said;
  } cases[] = {
      {"{\"t\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,8]}}", 8, BF_OK, ""},
      {"{\"t\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,8]}}   ", 8, BF_OK, ""},
      {"{}", 0, BF_OK, ""},
      {"{\"t\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,8]}}", 4, BF_E_FORMAT,
       "t: ends at byte 8 of the data, the file has 4"},
      {"{\"t\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,8]}}", 9, BF_E_FORMAT,
       "1 bytes behind the last tensor"},
      {"{\"t\":{\"dtype\":\"F32\",\"shape\":[3],\"data_offsets\":[0,8]}}", 8, BF_E_FORMAT,
       "t: its shape and type do not make the 8 bytes"},
      {"{\"t\":{\"dtype\":\"F64\",\"shape\":[2],\"data_offsets\":[0,8]}}", 8, BF_E_FORMAT,
       "t: its shape and type do not make the 8 bytes"},
      {"{\"t\":{\"dtype\":\"F31\",\"shape\":[2],\"data_offsets\":[0,8]}}", 8, BF_E_UNSUPPORTED,
       "t: dtype 'F31' is not known"},
      {"{\"t\":{\"shape\":[2],\"data_offsets\":[0,8]}}", 8, BF_E_FORMAT, "t: no dtype"},
      {"{\"t\":{\"dtype\":\"F32\",\"data_offsets\":[0,8]}}", 8, BF_E_FORMAT, "t: no shape"},
      {"{\"t\":{\"dtype\":\"F32\",\"shape\":[2]}}", 8, BF_E_FORMAT, "t: data_offsets are not two rising whole numbers"},
      {"{\"t\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[8,0]}}", 8, BF_E_FORMAT,
       "t: data_offsets are not two rising"},
      {"{\"t\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[-8,0]}}", 8, BF_E_FORMAT,
       "t: data_offsets are not two rising"},
      {"{\"t\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,8,8]}}", 8, BF_E_FORMAT,
       "t: data_offsets are not two rising"},
      {"{\"t\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,8.0]}}", 8, BF_E_FORMAT,
       "t: data_offsets are not two rising"},
      {"{\"t\":{\"dtype\":\"F32\",\"shape\":[-2],\"data_offsets\":[0,8]}}", 8, BF_E_FORMAT,
       "t: dimension 0 of its shape is not a whole"},
      {"{\"t\":{\"dtype\":\"F32\",\"shape\":[1,1.5],\"data_offsets\":[0,8]}}", 8, BF_E_FORMAT,
       "t: dimension 1 of its shape is not a whole"},
      {"{\"t\":{\"dtype\":\"F32\",\"shape\":[NaN],\"data_offsets\":[0,8]}}", 8, BF_E_FORMAT, "its header is not JSON"},
      {"{\"t\":{\"dtype\":\"F32\",\"shape\":[\"2\"],\"data_offsets\":[0,8]}}", 8, BF_E_FORMAT,
       "t: dimension 0 of its shape is not a whole"},
      {"{\"t\":{\"dtype\":\"F32\",\"shape\":[99999999999999999999],\"data_offsets\":[0,8]}}", 8, BF_E_FORMAT,
       "its header is not JSON: too big integer"},
      {"{\"t\":{\"dtype\":\"F32\",\"shape\":[4294967296,4294967296],\"data_offsets\":[0,0]}}", 0, BF_E_FORMAT,
       "t: its shape holds more numbers"},
      {"{\"t\":{\"dtype\":\"F32\",\"shape\":[4611686018427387904],\"data_offsets\":[0,0]}}", 0, BF_E_FORMAT,
       "t: its shape holds more numbers"},
      {"{\"t\":{\"dtype\":\"F32\",\"shape\":[1,1,1,1,1,1,1,1,1],\"data_offsets\":[0,4]}}", 4, BF_E_UNSUPPORTED,
       "t: 9 dimensions, 8 are handled"},
      {"{\"a\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,8]},\"b\":{\"dtype\":\"F32\",\"shape\":[2],\"data_"
       "offsets\":[4,12]}}",
       12, BF_E_FORMAT, "b: begins at byte 4 of the data where 8 is due: tensors overlap"},
      {"{\"a\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,8]},\"b\":{\"dtype\":\"F32\",\"shape\":[2],\"data_"
       "offsets\":[12,20]}}",
       20, BF_E_FORMAT, "b: begins at byte 12 of the data where 8 is due: a gap"},
      {"{\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[4,8]}}", 8, BF_E_FORMAT,
       "a: begins at byte 4 of the data where 0 is due: a gap"},
      {"{\"t\":{\"dtype\":\"U8\",\"shape\":[1],\"data_offsets\":[0,1]},\"t\":{\"dtype\":\"U8\",\"shape\":[1],\"data_"
       "offsets\":[1,2]}}",
       2, BF_E_FORMAT, "its header is not JSON: duplicate object key"},
      {"{\"__metadata__\":{\"a\":3}}", 0, BF_E_FORMAT, "__metadata__ may hold text only"},
      {"{\"__metadata__\":[]}", 0, BF_E_FORMAT, "__metadata__ is not an object"},
      {"{\"\":{\"dtype\":\"U8\",\"shape\":[1],\"data_offsets\":[0,1]}}", 1, BF_E_FORMAT, "tensor 0: its name is empty"},
      {"{\"a\\u001b[31m\":{\"dtype\":\"U8\",\"shape\":[1],\"data_offsets\":[0,1]}}", 1, BF_E_FORMAT,
       "tensor 0: its name is empty, longer"},
      {"{\"t\":7}", 0, BF_E_FORMAT, "t: no dtype"},
      {"[1]", 0, BF_E_FORMAT, "not a safetensors file"},
      {"{\"t\":", 0, BF_E_FORMAT, "its header is not JSON"},
      {"{} {}", 0, BF_E_FORMAT, "its header is not JSON: end of file expected"},
      {"{\"a\":\"\xc2\x9b"
       "2J\001\"}",
       0, BF_E_FORMAT, "its header is not JSON: control character 0x1 near '\"??2J"},
  };
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    bf_error err = {0};
    bf_tensors file;
    write_raw(strlen(cases[i].header), cases[i].header, cases[i].data);
    bf_status status = bf_safetensors_read(&file, path, &err);
    if (status != cases[i].status || strstr(err.message, cases[i].said) == NULL)
      fail_msg("case %zu: %d, '%s' where '%s' is due", i, (int)status, err.message, cases[i].said);
    assert_true(bf_is_plain_text(err.message));
    bf_tensors_clear(&file);
  }
}

static void header_lengths(void **state) {
  (void)state;
  static const struct {
    uint64_t length;
    bf_status status;
    const char *said;
  } cases[] = {{3, BF_E_FORMAT, "its header claims 3 bytes, the file has 2"},
               {UINT64_MAX, BF_E_LIMIT, "more than the limit"},
               {UINT64_C(1) << 63, BF_E_LIMIT, "more than the limit"},
               {100000001, BF_E_LIMIT, "more than the limit"},
               {100000000, BF_E_FORMAT, "cut short"},
               {1, BF_E_FORMAT, "not a safetensors file"},
               {0, BF_E_FORMAT, "not a safetensors file"}};
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    bf_error err = {0};
    bf_tensors file;
    write_raw(cases[i].length, "{}", 0);
    bf_status status = bf_safetensors_read(&file, path, &err);
    if (status != cases[i].status || strstr(err.message, cases[i].said) == NULL)
      fail_msg("case %zu: %d, '%s'", i, (int)status, err.message);
  }
}

static void deep_nesting_is_an_error(void **state) {
  (void)state;
  enum { depth = 3000 };
  static char header[2 * depth + 16];
  strcpy(header, "{\"t\":");
  memset(header + 5, '[', depth);
  memset(header + 5 + depth, ']', depth);
  strcpy(header + 5 + 2 * depth, "}");
  bf_error err = {0};
  bf_tensors file;
  write_raw(strlen(header), header, 0);
  assert_int_equal(bf_safetensors_read(&file, path, &err), BF_E_FORMAT);
  assert_non_null(strstr(err.message, "maximum parsing depth"));
}

/* What costs far more to take in than it takes to write. */
static void refuse_large(const char *start, const char *piece, int times, const char *end, const char *said) {
  bf_error err = {0};
  bf_tensors file;
  size_t size = strlen(start) + strlen(piece) * (size_t)times + strlen(end) + 1;
  char *header = bf_alloc(size, 1), *to = header;
  to = stpcpy(to, start);
  for (int i = 0; i < times; i++) to = stpcpy(to, piece);
  stpcpy(to, end);
  write_raw(strlen(header), header, 0);
  assert_int_equal(bf_safetensors_read(&file, path, &err), BF_E_LIMIT);
  if (strstr(err.message, said) == NULL) fail_msg("%s", err.message);
  bf_free(header);
}

static void headers_that_cost_too_much(void **state) {
  (void)state;
  refuse_large("{\"a\":[", "{},", 300000, "0]}", "lists and objects");
  refuse_large("{\"a\":[", "1,", 3000000, "0]}", "commas");
  char *entries = bf_alloc(5000, 24), *to = entries;
  for (int i = 0; i < 5000; i++) to += sprintf(to, "%s\"k%d\":\"v\"", i > 0 ? "," : "", i);
  refuse_large("{\"__metadata__\":{", entries, 1, "}}", "entries of metadata");
  bf_free(entries);
}

/* Bytes of a good file changed at random: it is read or refused, and what is read lies inside the file. */
static void random_damage(void **state) {
  (void)state;
  float a[7 * 13] = {0};
  bf_tensor tensors[] = {{.name = "z.weight", .rank = 2, .shape = {7, 13}, .count = 91, .data = a},
                         {.name = "a.bias", .rank = 1, .shape = {5}, .count = 5, .data = a}};
  bf_metadata_entry note = {"mean", "[1, 2, 3]"};
  bf_error err = {0};
  char *bytes;
  size_t size;
  int refused = 0;
  assert_int_equal(bf_safetensors_write(path, tensors, 2, &note, 1, &err), BF_OK);
  assert_int_equal(bf_file_read(&bytes, &size, path, 1 << 20, &err), BF_OK);
  for (uint64_t round = 0; round < 3000; round++) {
    bf_rng rng = bf_rng_make(1, round, 0);
    bf_tensors file;
    char *damaged = bf_alloc(size, 1);
    memcpy(damaged, bytes, size);
    static const char likely[] = "0123456789[]{}\",:-.eF";
    for (uint64_t i = 0; i <= bf_rng_below(&rng, 3); i++) {
      size_t where = bf_rng_below(&rng, 250);
      damaged[where] =
          bf_rng_below(&rng, 2) ? (char)bf_rng_below(&rng, 256) : likely[bf_rng_below(&rng, sizeof likely - 1)];
    }
    FILE *f = fopen(path, "wb");
    fwrite(damaged, 1, size, f);
    fclose(f);
    bf_status status = bf_safetensors_read(&file, path, &err);
    if (status != BF_OK && status != BF_E_FORMAT && status != BF_E_UNSUPPORTED && status != BF_E_LIMIT)
      fail_msg("round %d: status %d, '%s'", (int)round, (int)status, err.message);
    for (int64_t i = 0; i < file.tensor_count; i++) {
      const char *first = file.tensors[i].data;
      assert_true(first >= (const char *)file.memory &&
                  first + file.tensors[i].bytes <= (const char *)file.memory + file.memory_size);
    }
    refused += status != BF_OK;
    bf_tensors_clear(&file);
    bf_free(damaged);
  }
  bf_free(bytes);
  assert_true(refused > 1000 && refused < 3000);
}

static void folders_and_absent_files(void **state) {
  (void)state;
  bf_error err = {0};
  bf_tensors file;
  assert_int_equal(bf_safetensors_read(&file, folder, &err), BF_E_ARGUMENT);
  assert_non_null(strstr(err.message, "is no regular file"));
  assert_int_equal(bf_safetensors_read(&file, path, &err), BF_E_NOT_FOUND);
}

static void number_types(void **state) {
  (void)state;
  /* 1, -2, smallest subnormal, largest, infinity, -0 */
  const uint16_t half[] = {0x3C00, 0xC000, 0x0001, 0x7BFF, 0x7C00, 0x8000}, brain[] = {0x3F80, 0xC000};
  const double wide[] = {1.0 / 3, -1e300};
  float out[6];
  bf_error err = {0};
  bf_tensor t = {.name = "t", .dtype = "F16", .count = 6, .data = half, .bytes = 12};
  assert_int_equal(bf_tensor_to_float(out, &t, &err), BF_OK);
  const float expected[] = {1, -2, 0x1p-24f, 65504, INFINITY, -0.0f};
  assert_memory_equal(out, expected, sizeof expected);
  t = (bf_tensor){.name = "t", .dtype = "BF16", .count = 2, .data = brain, .bytes = 4};
  assert_int_equal(bf_tensor_to_float(out, &t, &err), BF_OK);
  assert_true(out[0] == 1 && out[1] == -2);
  t = (bf_tensor){.name = "t", .dtype = "F64", .count = 2, .data = wide, .bytes = 16};
  assert_int_equal(bf_tensor_to_float(out, &t, &err), BF_OK);
  assert_true(out[0] == (float)(1.0 / 3) && out[1] == -INFINITY);
  t = (bf_tensor){.name = "t", .dtype = "I64", .count = 2, .data = wide, .bytes = 16};
  assert_int_equal(bf_tensor_to_float(out, &t, &err), BF_E_UNSUPPORTED);
}

#define CASE(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)
int main(void) {
  const struct CMUnitTest tests[] = {
      CASE(round_trip),
      CASE(every_cut_is_noticed),
      CASE(twice_the_same_name_is_not_written),
      CASE(lies_are_refused_by_name),
      CASE(header_lengths),
      CASE(headers_that_cost_too_much),
      CASE(deep_nesting_is_an_error),
      CASE(folders_and_absent_files),
      CASE(number_types),
      CASE(random_damage),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
