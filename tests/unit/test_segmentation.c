/* DICOM Segmentation objects as masks: bits that follow each other across bytes, fractions, frames joined by image;
 * what cannot be matched or read is refused with its reason. */
#include "data_support.h"

#include "data/mask_label.h"
#include "dicom/dicom.h"
#include "segmentation_support.h"

enum { columns = 13, rows = 7, pixels = rows * columns, room = rows * 2 };

static uint8_t drawn[4][pixels];

static int set_up(void **state) {
  bf_error bad = {0};
  for (int k = 0; k < 4; k++)
    for (int i = 0; i < pixels; i++) drawn[k][i] = (i * (k + 3) + k) % 5 == 0;
  return bf_dicom_init(&bad) != BF_OK || make_folder(state);
}

static bf_segmentation *open_good(const seg_object *s) {
  bf_segmentation *found = NULL;
  seg_put(s, in_folder("s.dcm"));
  assert_ok(bf_segmentation_open(&found, in_folder("s.dcm"), err));
  return found;
}

static void refused(const seg_object *s, bf_status wanted, const char *words) {
  bf_segmentation *found = NULL;
  bf_error bad = {0};
  seg_put(s, in_folder("s.dcm"));
  bf_segmentation_open(&found, in_folder("s.dcm"), &bad);
  assert_message(bad, wanted, words);
  assert_message(bad, wanted, "s.dcm");
  assert_null(found);
  assert_null(strstr(bad.message, "CANARY"));
}

static const bf_segmentation_image *entry_of(const char *uid, int frame) {
  static bf_segmentation_image entry;
  entry = (bf_segmentation_image){.frame = frame, .malignant = -2};
  snprintf(entry.sop_instance_uid, sizeof entry.sop_instance_uid, "%s", uid);
  return &entry;
}

/* The mask of an image is the union of the frames whose bits are set in `which`. */
static void expect(bf_segmentation *s, const char *uid, int frame, unsigned which) {
  uint8_t mask[room] = {0};
  assert_ok(bf_segmentation_add(mask, s, entry_of(uid, frame), rows, columns, NULL, err));
  for (int i = 0; i < pixels; i++) {
    bool wanted = false;
    for (int k = 0; k < 4; k++) wanted = wanted || ((which >> k & 1) && drawn[k][i]);
    if (bf_mask_get(mask, columns, i % columns, i / columns) != wanted) fail_msg("%s: pixel %d", uid, i);
  }
}

/* Two segments of one image, a frame of a multi-frame one, an image without a frame number. */
static const seg_frame four[] = {{"1.1", 0, NULL, NULL, drawn[0]},
                                 {"1.2", 3, NULL, "YES", drawn[1]},
                                 {"1.1", 0, NULL, NULL, drawn[2]},
                                 {"1.2", 4, NULL, NULL, drawn[3]}};

static void binary(void **state) {
  (void)state;
  bf_segmentation *s =
      open_good(&(seg_object){.type = "BINARY", .rows = rows, .columns = columns, .frame_count = 4, .frames = four});
  assert_int_equal(bf_segmentation_image_count(s), 3);
  assert_string_equal(bf_segmentation_image_at(s, 0)->sop_instance_uid, "1.1");
  assert_int_equal(bf_segmentation_image_at(s, 0)->frame, -1);
  assert_string_equal(bf_segmentation_image_at(s, 1)->sop_instance_uid, "1.2");
  assert_int_equal(bf_segmentation_image_at(s, 1)->frame, 2);
  expect(s, "1.1", -1, 1 | 4);
  expect(s, "1.2", 2, 2);
  expect(s, "1.2", 3, 8);
  expect(s, "1.2", 0, 0);
  expect(s, "1.9", -1, 0);
  uint8_t mask[room];
  bf_error bad = {0};
  bf_segmentation_add(mask, s, &(bf_segmentation_image){.sop_instance_uid = "1.1", .frame = -1, .malignant = -2}, rows,
                      columns + 1, NULL, &bad);
  assert_message(bad, BF_E_FORMAT, "the mask has 13 columns and 7 rows, the image 14 columns and 7 rows");
  bf_segmentation_close(s);
}

/* Half of the maximum and above. */
static void fractional(void **state) {
  (void)state;
  static uint8_t values[2][pixels];
  static const int most[] = {255, 100, 1};
  for (int m = 0; m < 3; m++) {
    uint8_t half = (uint8_t)((most[m] + 1) / 2);
    for (int i = 0; i < pixels; i++) {
      values[0][i] = (uint8_t)(drawn[0][i] ? half : half - 1);
      values[1][i] = (uint8_t)(drawn[1][i] ? most[m] : 0);
    }
    const seg_frame frames[] = {{"1.1", 0, NULL, NULL, values[0]}, {"1.2", 0, NULL, NULL, values[1]}};
    bf_segmentation *s = open_good(&(seg_object){
        .type = "FRACTIONAL", .rows = rows, .columns = columns, .frame_count = 2, .frames = frames, .most = most[m]});
    expect(s, "1.1", -1, 1);
    expect(s, "1.2", -1, 2);
    bf_segmentation_close(s);
  }
}

/* Whatever its segment, what is not the background is lesion. */
static void label_map(void **state) {
  (void)state;
  uint8_t values[pixels];
  const seg_frame frame = {"1.1", 0, NULL, NULL, values};
  for (int i = 0; i < pixels; i++) values[i] = (uint8_t)(drawn[0][i] ? 1 + i % 7 : 0);
  bf_segmentation *s = open_good(&(seg_object){.sop_class = "1.2.840.10008.5.1.4.1.1.66.7",
                                               .type = "LABELMAP",
                                               .rows = rows,
                                               .columns = columns,
                                               .frame_count = 1,
                                               .frames = &frame});
  expect(s, "1.1", -1, 1);
  bf_segmentation_close(s);
}

static void source_in_the_shared_groups(void **state) {
  (void)state;
  const seg_frame frames[] = {{"1.1", 0, NULL, NULL, drawn[0]}, {NULL, 0, NULL, NULL, drawn[1]}};
  bf_segmentation *s = open_good(&(seg_object){
      .type = "BINARY", .rows = rows, .columns = columns, .frame_count = 2, .frames = frames, .shared = true});
  assert_int_equal(bf_segmentation_image_count(s), 1);
  expect(s, "1.1", -1, 3);
  bf_segmentation_close(s);
}

static void refuses(void **state) {
  (void)state;
  seg_frame frame = four[0];
  const seg_object good = {.type = "BINARY", .rows = rows, .columns = columns, .frame_count = 1, .frames = &frame};
  seg_object s = good;
  s.sop_class = "1.2.840.10008.5.1.4.1.1.6.1";
  refused(&s, BF_E_FORMAT, "no object that marks lesions");
  s = good;
  s.type = "LABELED";
  refused(&s, BF_E_UNSUPPORTED, "BINARY, FRACTIONAL and LABELMAP are handled");
  s = good;
  s.left_away = 2;
  refused(&s, BF_E_FORMAT, "cut short");
  s = good;
  s.syntax = "1.2.840.10008.1.2.1.98";
  refused(&s, BF_E_UNSUPPORTED, "TransferSyntaxUID");
  s = good;
  s.type = "FRACTIONAL";
  s.most = 300;
  refused(&s, BF_E_FORMAT, "MaximumFractionalValue (0062,000E) 300");
  frame.uid = NULL;
  refused(&good, BF_E_FORMAT, "frame 1 does not say which image");
  frame.uid = "no.uid";
  refused(&good, BF_E_FORMAT, "'no.uid', which is no UID");
  frame.uid = "1.1";
  frame.number = -1;
  refused(&good, BF_E_FORMAT, "ReferencedFrameNumber");
  frame.number = 0;
  frame.second_uid = "1.2";
  refused(&good, BF_E_UNSUPPORTED, "several images");
  frame.second_uid = "1.1"; /* the same one twice is one */
  bf_segmentation_close(open_good(&good));
  frame.preserved = "REORIENTED_ONLY";
  refused(&good, BF_E_UNSUPPORTED, "REORIENTED_ONLY");
}

/* Sizes that a header promises and no file could hold. */
static void lying_headers(void **state) {
  (void)state;
  static bytes b;
  static const struct {
    unsigned rows, columns;
    const char *frames, *words;
  } cases[] = {{0, 13, "1", "Rows"},          {65535, 65535, "1", "Rows"}, {40000, 1, "1", "Rows"},
               {7, 13, "-3", "NumberOf"},     {7, 13, "0", "NumberOf"},    {7, 13, "2000000000", "NumberOf"},
               {8000, 8000, "90000", "bytes"}};
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    bf_segmentation *s = NULL;
    bf_error bad = {0};
    put_start(&b, "1.2.840.10008.1.2.1");
    put_text(&b, 0x00080016, "UI", "1.2.840.10008.5.1.4.1.1.66.4");
    put_us(&b, 0x00280002, 1);
    put_text(&b, 0x00280008, "IS", cases[i].frames);
    put_us(&b, 0x00280010, cases[i].rows);
    put_us(&b, 0x00280011, cases[i].columns);
    put_us(&b, 0x00280100, 1);
    put_text(&b, 0x00620001, "CS", "BINARY");
    put_element(&b, 0x7fe00010, "OB", "\1\2", 2);
    put_file(&b, in_folder("lie.dcm"));
    assert_int_not_equal(bf_segmentation_open(&s, in_folder("lie.dcm"), &bad), BF_OK);
    if (strstr(bad.message, cases[i].words) == NULL) fail_msg("%zu: %s", i, bad.message);
  }
}

static void cut_files(void **state) {
  (void)state;
  static bytes b;
  seg_make(&b, &(seg_object){.type = "BINARY", .rows = rows, .columns = columns, .frame_count = 4, .frames = four});
  for (size_t size = 0; size < b.size; size += 3) {
    bf_segmentation *s = NULL;
    replace_bytes("cut.dcm", (const char *)b.data, size);
    if (bf_segmentation_open(&s, in_folder("cut.dcm"), NULL) == BF_OK) fail_msg("%zu of %zu bytes", size, b.size);
  }
}

/* As a label file: each image that a frame was drawn on gets its mask and its boxes. */
static void as_labels(void **state) {
  (void)state;
  bf_labels *labels = NULL;
  bf_mask_scratch scratch = {0};
  bf_mask_found found;
  seg_put(&(seg_object){.type = "BINARY", .rows = rows, .columns = columns, .frame_count = 4, .frames = four},
          in_folder("labels.dcm"));
  assert_ok(bf_labels_create(&labels, err));
  assert_ok(bf_labels_read(labels, in_folder("labels.dcm"), err));
  assert_int_equal(bf_labels_count(labels), 2);
  bf_label *label = NULL;
  assert_ok(bf_labels_match(&label, labels, &(bf_subject){.sop_instance_uid = "1.2"}, err));
  assert_int_equal(label->mask_count, 2);
  assert_ok(bf_label_take_mask(&found, &scratch, label, 2, rows, columns, NULL, err));
  int wanted = 0;
  for (int i = 0; i < pixels; i++) wanted += drawn[1][i];
  assert_true(found.known);
  assert_int_equal(found.pixels, wanted);
  assert_ok(bf_label_take_mask(&found, &scratch, label, 0, rows, columns, NULL, err));
  assert_false(found.known);
  bf_mask_scratch_clear(&scratch);
  bf_labels_destroy(labels);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(binary),    cmocka_unit_test(fractional),
      cmocka_unit_test(label_map), cmocka_unit_test(source_in_the_shared_groups),
      cmocka_unit_test(refuses),   cmocka_unit_test(lying_headers),
      cmocka_unit_test(cut_files), cmocka_unit_test(as_labels),
  };
  return cmocka_run_group_tests(tests, set_up, remove_folder);
}
