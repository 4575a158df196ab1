/* The sheet of augmentations from a dataset to PNG, and what augmentations cost. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdbool.h>

#include "program.h"

#define SHEET(...) \
  RUN("train", in_scratch("c.yaml"), "--data", in_scratch("data.h5"), "-o", in_scratch("run"), "--json", __VA_ARGS__)

static int make_inputs(void **state) {
  (void)state;
  setenv("BIFOCAL_PATIENT_KEY", "key of this test", 1);
  scratch_make();
  write_text(in_scratch("c.yaml"), "size: 64\nbackbone: mobilenet_v2\n");
  good(RUN("phantom", "-o", in_scratch("ph"), "--studies", "8", "--seed", "4"));
  good(RUN("ingest", in_scratch("ph/studies"), "--labels", in_scratch("ph/labels.csv"), "--labels",
           in_scratch("ph/boxes.csv"), "-o", in_scratch("data.h5")));
  return 0;
}

static long word_at(const uint8_t *p) { return (long)p[0] << 24 | (long)p[1] << 16 | (long)p[2] << 8 | (long)p[3]; }

/* Size as the file says it, and that it holds pixels alone: no text that could name someone. */
static void read_png(const char *path, long *width, long *height) {
  uint8_t head[8], size[8];
  FILE *f = fopen(path, "rb");
  assert_non_null(f);
  assert_int_equal(fread(head, 1, 8, f), 8);
  assert_memory_equal(head, "\x89PNG\r\n\x1A\n", 8);
  while (fread(head, 1, 8, f) == 8) {
    bool begins = memcmp(head + 4, "IHDR", 4) == 0;
    assert_true(begins || memcmp(head + 4, "IDAT", 4) == 0 || memcmp(head + 4, "IEND", 4) == 0);
    if (begins) {
      assert_int_equal(fread(size, 1, 8, f), 8);
      *width = word_at(size);
      *height = word_at(size + 4);
    }
    fseek(f, word_at(head) + 4 - (begins ? 8 : 0), SEEK_CUR);
  }
  fclose(f);
}

static long count_of(json_t *root, const char *key) { return (long)json_integer_value(json_object_get(root, key)); }

/* Four pictures, eleven augmentations that are on by default: 16 tiles of 64 pixels three times enlarged, eight a
 * line. */
static void draws_what_is_on(void **state) {
  (void)state;
  long width = 0, height = 0;
  json_t *root = json_of(SHEET("--show-augmentations", in_scratch("a.png")));
  assert_int_equal(count_of(root, "images"), 4);
  assert_int_equal(count_of(root, "augmentations"), 11);
  read_png(in_scratch("a.png"), &width, &height);
  assert_int_equal(width, 2 * 32 + 8 * 192 + 7 * 12);
  assert_int_equal(height, 2 * 32 + 96 + 4 * (34 + 2 * (192 + 26 + 12)) - 12);
  assert_int_equal(count_of(root, "width"), width);
  assert_int_equal(count_of(root, "height"), height);
  json_decref(root);
  /* Nothing is trained, and the same sheet comes again, whatever the threads. */
  assert_int_not_equal(access(in_scratch("run/model.safetensors"), F_OK), 0);
  json_decref(json_of(SHEET("--show-augmentations", in_scratch("b.png"), "--threads", "1")));
  assert_true(same_file(in_scratch("a.png"), in_scratch("b.png")));
}

static void follows_the_configuration(void **state) {
  (void)state;
  json_decref(json_of(SHEET("--show-augmentations", in_scratch("a.png"))));
  json_t *root = json_of(SHEET("--show-augmentations", in_scratch("off.png"), "--set", "augment.rotate.degrees=0"));
  assert_int_equal(count_of(root, "augmentations"), 10);
  json_decref(root);
  assert_false(same_file(in_scratch("a.png"), in_scratch("off.png")));
  root = json_of(SHEET("--show-augmentations", in_scratch("on.png"), "--set", "augment.elastic.strength=0.05", "--set",
                       "augment.shear.degrees=5", "--set", "augment.window.range=0.1"));
  assert_int_equal(count_of(root, "augmentations"), 14);
  json_decref(root);
}

static void refuses_what_it_does_not_do(void **state) {
  (void)state;
  EXPECT(SHEET("--show-augmentations", in_scratch("x.png"), "--folds", "2"), 2, "nothing is trained");
  EXPECT(SHEET("--show-augmentations", in_scratch("x.png"), "--find-lr"), 2, "nothing is trained");
  EXPECT(SHEET("--show-augmentations", in_scratch("no/such/folder/x.png")), 1, "x.png");
  assert_int_not_equal(access(in_scratch("x.png"), F_OK), 0);
}

static void costs_are_told(void **state) {
  (void)state;
  json_t *root = json_of(RUN("bench", "--augment", "--size", "32", "--repeats", "2", "--json"));
  json_t *alone = json_object_get(root, "alone_ms"), *value;
  const char *name;
  assert_true(json_number_value(json_object_get(root, "plain_ms")) > 0);
  assert_true(json_number_value(json_object_get(root, "all_ms")) > 0);
  assert_int_equal(json_object_size(alone), 17);
  json_object_foreach(alone, name, value) assert_true(json_number_value(value) > 0);
  json_decref(root);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(draws_what_is_on), cmocka_unit_test(follows_the_configuration),
                                     cmocka_unit_test(refuses_what_it_does_not_do), cmocka_unit_test(costs_are_told)};
  return cmocka_run_group_tests(tests, make_inputs, scratch_teardown);
}
