/* Reading processes that are killed from outside, at rest and at work, and answers of one that was taken over: the
 * caller gets its pixels or an error with the file's name, and the next file is read as if nothing had been. */
#include <dirent.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "dicom/answers.h"
#include "dicom/dicom.h"
#include "dicom/segmentation.h"
#include "dicom_support.h"
#include "image/mask.h"
#include "program.h"
#include "segmentation_support.h"

enum { side = 64, frames = 5 };

static void make_file(const char *path) {
  static bytes file;
  static unsigned char pixels[frames][side * side];
  for (int f = 0; f < frames; f++) memset(pixels[f], 10 + f, sizeof pixels[f]);
  put_start(&file, "1.2.840.10008.1.2.1");
  put_text(&file, 0x00080016, "UI", "1.2.840.10008.5.1.4.1.1.7");
  put_text(&file, 0x00080018, "UI", "1.2.3.4");
  put_shape(&file, 1, "MONOCHROME2", frames, side, side, 8, 0);
  put_element(&file, 0x7fe00010, "OB", pixels, sizeof pixels);
  put_file(&file, path);
}

static int set_up(void **state) {
  (void)state;
  bf_error err = {0};
  scratch_make();
  make_file(in_scratch("a.dcm"));
  return bf_dicom_init(&err) != BF_OK;
}

/* Parent and name of a process; 0 where it is gone. */
static pid_t parent_of(pid_t process) {
  char path[64], text[512] = "";
  snprintf(path, sizeof path, "/proc/%d/stat", (int)process);
  FILE *file = fopen(path, "r");
  if (file == NULL) return 0;
  text[fread(text, 1, sizeof text - 1, file)] = '\0';
  fclose(file);
  const char *behind = strrchr(text, ')');
  int parent = 0;
  if (behind != NULL) sscanf(behind + 2, "%*c %d", &parent);
  return (pid_t)parent;
}

/* Kills the grandchildren of this process, which are the readers; returns how many. */
static int kill_readers(void) {
  DIR *all = opendir("/proc");
  int killed = 0;
  assert_non_null(all);
  for (struct dirent *entry; (entry = readdir(all)) != NULL;) {
    pid_t process = (pid_t)strtol(entry->d_name, NULL, 10), parent = process > 0 ? parent_of(process) : 0;
    if (parent > 1 && parent_of(parent) == getpid()) killed += kill(process, SIGKILL) == 0;
  }
  closedir(all);
  return killed;
}

static void killed_at_rest(void **state) {
  (void)state;
  bf_error err = {0};
  bf_dicom *dicom;
  unsigned char pixels[side * side];
  for (int round = 0; round < 3; round++) {
    assert_int_equal(bf_dicom_open(&dicom, in_scratch("a.dcm"), "", 0, &err), BF_OK);
    for (int f = 0; f < frames; f++) {
      if (round > 0) assert_true(kill_readers() >= 1);
      if (bf_dicom_decode(dicom, f, pixels, &err) != BF_OK) fail_msg("round %d, frame %d: %s", round, f, err.message);
      assert_int_equal(pixels[0], 10 + f);
      assert_int_equal(pixels[side * side - 1], 10 + f);
    }
    if (round == 2) kill_readers();
    bf_dicom_close(dicom);
  }
}

static void segmentations_killed_at_rest(void **state) {
  (void)state;
  enum { wide = 21, high = 9 };
  static uint8_t drawn[wide * high];
  uint8_t mask[high * 3];
  bf_error err = {0};
  bf_segmentation *s;
  for (int i = 0; i < wide * high; i++) drawn[i] = i % 4 == 0;
  const seg_frame frame = {.uid = "1.5", .pixels = drawn};
  seg_put(&(seg_object){.type = "BINARY", .rows = high, .columns = wide, .frame_count = 1, .frames = &frame},
          in_scratch("s.dcm"));
  assert_int_equal(bf_segmentation_open(&s, in_scratch("s.dcm"), &err), BF_OK);
  for (int round = 0; round < 3; round++) {
    assert_true(kill_readers() >= 1);
    memset(mask, 0, sizeof mask);
    if (bf_segmentation_add(mask, s, &(bf_segmentation_image){.sop_instance_uid = "1.5", .frame = -1, .malignant = -2},
                            high, wide, NULL, &err) != BF_OK)
      fail_msg("%s", err.message);
    for (int i = 0; i < wide * high; i++) assert_int_equal(bf_mask_get(mask, wide, i % wide, i / wide), drawn[i]);
  }
  bf_segmentation_close(s);
}

/* A segmentation that brings its reader down is an error with its name. */
static void hostile_segmentation(void **state) {
  (void)state;
  static bytes b;
  bf_error err = {0};
  bf_segmentation *s;
  put_start(&b, "1.2.840.10008.1.2.1");
  put_text(&b, 0x00080016, "UI", "1.2.840.10008.5.1.4.1.1.66.4");
  for (int i = 0; i < 3000; i++) put_raw(&b, "\x08\0\x12\x21SQ\0\0\xff\xff\xff\xff\xfe\xff\0\xe0\xff\xff\xff\xff", 20);
  put_file(&b, in_scratch("deep.dcm"));
  assert_int_not_equal(bf_segmentation_open(&s, in_scratch("deep.dcm"), &err), BF_OK);
  assert_non_null(strstr(err.message, "deep.dcm"));
  assert_null(s);
}

static atomic_bool over;

static char shared_path[512]; /* in_scratch is for one thread */

static void *read_on(void *user) {
  int *wrong = user;
  unsigned char pixels[side * side];
  while (!over) {
    bf_error err = {0};
    bf_dicom *dicom;
    bf_status status = bf_dicom_open(&dicom, shared_path, "", 0, &err);
    for (int f = 0; f < frames && status == BF_OK; f++) {
      status = bf_dicom_decode(dicom, f, pixels, &err);
      *wrong += status == BF_OK && (pixels[0] != 10 + f || pixels[side * side - 1] != 10 + f);
    }
    if (status != BF_OK && strstr(err.message, "a.dcm: the process that read it was killed") == NULL)
      fprintf(stderr, "%s\n", err.message);
    if (status != BF_OK)
      *wrong += status != BF_E_IO || strstr(err.message, "a.dcm: the process that read it was killed") == NULL;
    bf_dicom_close(dicom);
  }
  return NULL;
}

static void killed_at_work(void **state) {
  (void)state;
  pthread_t threads[4];
  int wrong[4] = {0};
  over = false;
  snprintf(shared_path, sizeof shared_path, "%s", in_scratch("a.dcm"));
  for (int i = 0; i < 4; i++) assert_int_equal(pthread_create(&threads[i], NULL, read_on, &wrong[i]), 0);
  for (int i = 0; i < 200; i++) kill_readers();
  over = true;
  for (int i = 0; i < 4; i++) {
    pthread_join(threads[i], NULL);
    assert_int_equal(wrong[i], 0);
  }
  killed_at_rest(NULL);
}

/* Every number that could make the caller read or write outside is refused. */
static void strange_answers(void **state) {
  (void)state;
  static bf_opened answer;
  static const struct {
    size_t offset;
    int32_t value;
  } bad[] = {{offsetof(bf_image, rows), 0},
             {offsetof(bf_image, rows), -1},
             {offsetof(bf_image, rows), side + 1},
             {offsetof(bf_image, columns), INT32_MAX},
             {offsetof(bf_image, frames), 0},
             {offsetof(bf_image, samples), 2},
             {offsetof(bf_image, bits_allocated), 24},
             {offsetof(bf_image, bits_allocated), 16},
             {offsetof(bf_image, bits_stored), 0},
             {offsetof(bf_image, bits_stored), 9},
             {offsetof(bf_image, high_bit), 8},
             {offsetof(bf_image, photometric), 99},
             {offsetof(bf_image, voi_function), -1},
             {offsetof(bf_image, modality_lut) + offsetof(bf_lut, count), 65537},
             {offsetof(bf_image, palette) + offsetof(bf_lut, count), -1},
             {offsetof(bf_image, frame_bytes), 1}};
  bf_image image;
  bf_error err;
  char identity[BF_IDENTITY_MAX];
  for (size_t i = 0; i <= sizeof bad / sizeof bad[0]; i++) {
    answer.image = (bf_image){.rows = side,
                              .columns = side,
                              .frames = 1,
                              .samples = 1,
                              .bits_allocated = 8,
                              .bits_stored = 8,
                              .high_bit = 7,
                              .slope = 1,
                              .frame_bytes = side * side};
    memset(answer.image.modality, 'X', sizeof answer.image.modality); /* without an end */
    memset(answer.identity, 'Y', sizeof answer.identity);
    answer.image.voi_lut = (bf_lut){.count = 10, .bits = 16, .values = (uint16_t *)8};
    memset(&answer.image.is_signed, 77, 1);
    bf_status wanted = BF_OK;
    if (i > 0) {
      memcpy((char *)&answer.image + bad[i - 1].offset, &bad[i - 1].value, sizeof bad[i - 1].value);
      wanted = BF_E_FORMAT;
    }
    if (bf_answer_take_opened(&image, identity, &answer, &err) != wanted) fail_msg("answer %zu", i);
    if (wanted != BF_OK) continue;
    assert_int_equal(strlen(image.modality), sizeof image.modality - 1);
    assert_int_equal(strlen(identity), BF_IDENTITY_MAX - 1);
    assert_true(image.is_signed);
    assert_ptr_not_equal(image.voi_lut.values, (uint16_t *)8);
    bf_image_clear(&image);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(killed_at_rest), cmocka_unit_test(segmentations_killed_at_rest),
                                     cmocka_unit_test(hostile_segmentation), cmocka_unit_test(killed_at_work),
                                     cmocka_unit_test(strange_answers)};
  return cmocka_run_group_tests(tests, set_up, scratch_teardown);
}
