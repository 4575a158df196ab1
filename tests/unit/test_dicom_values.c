/* DICOM as broken or old writers leave it: what it means must come out right, or be refused with the right reason. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/memory.h"
#include "data/prepare.h"
#include "dicom_support.h"
#include "itk/itk.h"
#include "program.h"

#define EXPLICIT_LITTLE "1.2.840.10008.1.2.1"
#define SECONDARY_CAPTURE "1.2.840.10008.5.1.4.1.1.7"

static bytes file;

static int set_up(void **state) {
  (void)state;
  bf_error err = {0};
  scratch_make();
  return bf_dicom_init(&err) != BF_OK || bf_itk_init(&err) != BF_OK;
}

static int tear_down(void **state) {
  (void)state;
  scratch_remove();
  return 0;
}

static void begin(const char *syntax, const char *sop_class, const char *modality) {
  put_start(&file, syntax);
  put_text(&file, 0x00080016, "UI", sop_class);
  put_text(&file, 0x00080018, "UI", "1.2.3.4");
  put_text(&file, 0x00080060, "CS", modality);
}

static bf_status open_file(bf_dicom **dicom, bf_image *seen, bf_error *err) {
  put_file(&file, in_scratch("x.dcm"));
  return bf_dicom_open_seen(dicom, seen, in_scratch("x.dcm"), err);
}

static bf_dicom *open_good(void) {
  bf_error err = {0};
  bf_image seen;
  bf_dicom *dicom;
  if (open_file(&dicom, &seen, &err) != BF_OK) fail_msg("%s", err.message);
  return dicom;
}

static void key_of_file(char key[65]) {
  bf_error err = {0};
  bf_dicom *dicom;
  put_file(&file, in_scratch("x.dcm"));
  if (bf_dicom_open(&dicom, in_scratch("x.dcm"), "key", 3, &err) != BF_OK) fail_msg("%s", err.message);
  memcpy(key, bf_dicom_image(dicom)->patient_key, 65);
  bf_dicom_close(dicom);
}

static void refused(bf_status wanted, const char *words, const char *modality) {
  bf_error err = {0};
  bf_image seen;
  bf_dicom *dicom;
  bf_status status = open_file(&dicom, &seen, &err);
  if (status != wanted || strstr(err.message, words) == NULL) fail_msg("%s: %s", bf_status_name(status), err.message);
  assert_non_null(strstr(err.message, "x.dcm"));
  assert_string_equal(seen.modality, modality);
}

static void decode(bf_dicom *dicom, int frame, void *pixels) {
  bf_error err = {0};
  if (bf_dicom_decode(dicom, frame, pixels, &err) != BF_OK) fail_msg("%s", err.message);
}

/* Archives that did not know a tag pass it on as UN (PS3.5 6.2.2). */
static void test_unknown_representations(void **state) {
  (void)state;
  static const unsigned char pixels[4] = {1, 2, 3, 4};
  put_start(&file, EXPLICIT_LITTLE);
  put_element(&file, 0x00080016, "UN", SECONDARY_CAPTURE, 26);
  put_element(&file, 0x00080018, "UN", "1.2.3.99.1", 10);
  put_element(&file, 0x00080060, "UN", "US", 2);
  put_element(&file, 0x00100020, "UN", "A-1 ", 4);
  put_element(&file, 0x0020000d, "UN", "1.2.3.99", 8);
  put_shape(&file, 1, "MONOCHROME2", 0, 2, 2, 8, 0);
  put_element(&file, 0x00281050, "UN", "40", 2);
  put_element(&file, 0x00281051, "UN", "80", 2);
  put_element(&file, 0x7fe00010, "OB", pixels, 4);
  bf_dicom *dicom = open_good();
  const bf_image *image = bf_dicom_image(dicom);
  assert_string_equal(image->sop_class_uid, SECONDARY_CAPTURE);
  assert_string_equal(image->sop_instance_uid, "1.2.3.99.1");
  assert_string_equal(image->study_instance_uid, "1.2.3.99");
  assert_string_equal(image->modality, "US");
  assert_true(image->has_window && image->window_center == 40 && image->window_width == 80);
  assert_string_equal(image->patient_key, "");
  bf_dicom_close(dicom);
  char key[65], other[65];
  key_of_file(key);
  memcpy(strstr((char *)memmem(file.data, file.size, "A-1 ", 4), "A-1"), "A-2", 3);
  key_of_file(other);
  assert_string_not_equal(key, "");
  assert_string_not_equal(other, key);
}

static void put_picture(void) {
  put_shape(&file, 1, "MONOCHROME2", 0, 1, 2, 8, 0);
  put_element(&file, 0x7fe00010, "OB", "\1\2", 2);
}

/* What is no ASCII in an identifier would make the whole result unreadable. */
static void test_identifiers_are_ascii(void **state) {
  (void)state;
  begin(EXPLICIT_LITTLE, SECONDARY_CAPTURE, "DOE JOHN");
  put_text(&file, 0x0020000e, "UI", "1.2.\x80");
  put_picture();
  bf_dicom *dicom = open_good();
  assert_string_equal(bf_dicom_image(dicom)->series_instance_uid, "1.2.?");
  assert_string_equal(bf_dicom_image(dicom)->modality, ""); /* no defined term: not kept */
  bf_dicom_close(dicom);
}

/* age, birth, study and content: NULL is not there. */
static void origin_is(const char *age, const char *birth, const char *study, const char *content, const char *wanted) {
  put_start(&file, EXPLICIT_LITTLE);
  put_text(&file, 0x00080016, "UI", SECONDARY_CAPTURE);
  put_text(&file, 0x00080018, "UI", "1.2.3.4");
  if (study != NULL) put_text(&file, 0x00080020, "DA", study);
  if (content != NULL) put_text(&file, 0x00080023, "DA", content);
  put_text(&file, 0x00080060, "CS", "MG");
  put_text(&file, 0x00080070, "LO", "ACME^Works \x9f and a name of more than 32 characters");
  if (birth != NULL) put_text(&file, 0x00100030, "DA", birth);
  if (age != NULL) put_text(&file, 0x00101010, "AS", age);
  put_picture();
  bf_dicom *dicom = open_good();
  assert_string_equal(bf_dicom_image(dicom)->manufacturer, "ACME Works and a name of more th");
  assert_string_equal(bf_dicom_image(dicom)->age_group, wanted);
  bf_dicom_close(dicom);
}

/* PatientAge, else birth and study date, else birth and content date. */
static void test_origin(void **state) {
  (void)state;
  origin_is("045Y", "19200101", "20200101", NULL, "40-49");
  origin_is("018M", NULL, NULL, NULL, "0-9");
  origin_is("??", "19500601", "20200531", "20300101", "60-69");
  origin_is(NULL, "19500601", NULL, "20200601", "70-79");
  origin_is(NULL, "19500601", "", "20200601", "70-79");
  origin_is(NULL, "20200601", "20190601", NULL, "");
  origin_is(NULL, NULL, "20190601", NULL, "");
  begin(EXPLICIT_LITTLE, SECONDARY_CAPTURE, "MG");
  put_picture();
  bf_dicom *dicom = open_good();
  assert_string_equal(bf_dicom_image(dicom)->manufacturer, "");
  assert_string_equal(bf_dicom_image(dicom)->age_group, "");
  bf_dicom_close(dicom);
}

/* Frame Laterality within Frame Anatomy, in the shared group or in that of the first frame. */
static void side_is(uint32_t group, const char *side, const char *wanted) {
  static bytes inner, item;
  inner.size = item.size = 0;
  put_text(&inner, 0x00209072, "CS", side);
  put_sequence(&item, 0x00209071, &inner, 1);
  begin(EXPLICIT_LITTLE, "1.2.840.10008.5.1.4.1.1.13.1.3", "MG");
  put_shape(&file, 1, "MONOCHROME2", 0, 1, 2, 8, 0);
  put_sequence(&file, group, &item, 1);
  put_element(&file, 0x7fe00010, "OB", "\1\2", 2);
  bf_dicom *dicom = open_good();
  assert_string_equal(bf_dicom_image(dicom)->laterality, wanted);
  bf_dicom_close(dicom);
}

static void test_sides_of_frames(void **state) {
  (void)state;
  side_is(0x52009229, "L", "L");
  side_is(0x52009229, "R", "R");
  side_is(0x52009230, "R", "R");
  side_is(0x52009229, "B", ""); /* both: of no side */
  side_is(0x52009229, "U", "");
}

enum { side = 4, pixels_422 = side * side * 2 };

/* Frames of constant luminance 10, 100 and 200; each pixel pair shares its chrominances. */
static void put_422(int frames, int bytes_a_pixel) {
  static const unsigned char luma[3] = {10, 100, 200};
  static unsigned char all[3 * side * side * 3];
  begin(EXPLICIT_LITTLE, SECONDARY_CAPTURE, "US");
  put_shape(&file, 3, "YBR_FULL_422", frames, side, side, 8, 0);
  int n = 0;
  for (int f = 0; f < frames; f++)
    for (int i = 0; i < side * side / (bytes_a_pixel == 2 ? 2 : 1); i++) {
      all[n++] = luma[f];
      if (bytes_a_pixel == 2) all[n++] = (unsigned char)(luma[f] + i % 2);
      all[n++] = 128, all[n++] = 90;
    }
  put_element(&file, 0x7fe00010, "OB", all, (size_t)n);
}

static void test_halved_chrominance(void **state) {
  (void)state;
  static const int luma[3] = {10, 100, 200};
  for (int width = 2; width <= 3; width++) { /* as the standard says, and as some writers do */
    put_422(3, width);
    bf_dicom *dicom = open_good();
    const bf_image *image = bf_dicom_image(dicom);
    unsigned char pixels[side * side * 3];
    assert_int_equal(image->frame_bytes, sizeof pixels);
    for (int f = 2; f >= 0; f--) {
      decode(dicom, f, pixels);
      for (int i = 0; i < side * side; i++) {
        assert_int_equal(pixels[3 * i], luma[f] + (width == 2 && i % 2 ? i / 2 % 2 : 0));
        assert_int_equal(pixels[3 * i + 1], 128);
        assert_int_equal(pixels[3 * i + 2], 90);
      }
    }
    bf_dicom_close(dicom);
  }
  put_422(1, 2);
  bytes whole = file;
  begin(EXPLICIT_LITTLE, SECONDARY_CAPTURE, "US");
  put_shape(&file, 3, "YBR_FULL_422", 3, side, side, 8, 0);
  put_element(&file, 0x7fe00010, "OB", whole.data + whole.size - pixels_422, pixels_422);
  refused(BF_E_FORMAT, "cut short", "US");
}

static bytes group_of(const char *slope, const char *centre) {
  static bytes value, voi, group;
  value.size = voi.size = group.size = 0;
  put_text(&voi, 0x00281050, "DS", centre);
  put_text(&voi, 0x00281051, "DS", "100");
  put_text(&value, 0x00281052, "DS", "0");
  put_text(&value, 0x00281053, "DS", slope);
  put_sequence(&group, 0x00289132, &voi, 1);
  put_sequence(&group, 0x00289145, &value, 1);
  return group;
}

/* Two frames of one brightness, stored on different scales: enhanced objects give each frame its own. */
static void test_groups_of_each_frame(void **state) {
  (void)state;
  bytes *groups = malloc(2 * sizeof *groups);
  groups[0] = group_of("10", "50");
  groups[1] = group_of("1", "50");
  begin(EXPLICIT_LITTLE, SECONDARY_CAPTURE, "MR");
  put_shape(&file, 1, "MONOCHROME2", 2, 2, 2, 8, 0);
  put_sequence(&file, 0x52009230, groups, 2);
  put_element(&file, 0x7fe00010, "OB", "\4\5\6\7\50\62\74\106", 8); /* 4 5 6 7, then 40 50 60 70 */
  free(groups);
  bf_dicom *dicom = open_good();
  bf_error err = {0};
  unsigned char pixels[4];
  float tone[2][4];
  for (int f = 1; f >= 0; f--) {
    decode(dicom, f, pixels);
    assert_true(bf_dicom_image(dicom)->slope == (f == 0 ? 10 : 1));
    assert_int_equal(bf_image_tone(tone[f], bf_dicom_image(dicom), pixels, BF_TONE_FILE, &err), BF_OK);
  }
  for (int i = 0; i < 4; i++) assert_true(tone[0][i] == tone[1][i] && tone[0][i] > 0.3f && tone[0][i] < 0.8f);
  bf_dicom_close(dicom);
}

static void test_large_unsigned_values(void **state) {
  (void)state;
  const uint32_t stored[2] = {4000000000u, 5};
  begin(EXPLICIT_LITTLE, SECONDARY_CAPTURE, "OT");
  put_shape(&file, 1, "MONOCHROME2", 0, 1, 2, 32, 0);
  put_element(&file, 0x7fe00010, "OW", stored, 8);
  bf_dicom *dicom = open_good();
  bf_error err = {0};
  uint32_t pixels[2];
  float tone[2];
  double low, high, mean;
  decode(dicom, 0, pixels);
  bf_image_range(bf_dicom_image(dicom), pixels, &low, &high, &mean);
  assert_true(low == 5 && high == 4000000000.0 && mean == 2000000002.5);
  assert_int_equal(bf_image_tone(tone, bf_dicom_image(dicom), pixels, BF_TONE_FILE, &err), BF_OK);
  assert_true(tone[0] == 1 && tone[1] == 0);
  bf_dicom_close(dicom);
}

static void test_reasons(void **state) {
  (void)state;
  begin(EXPLICIT_LITTLE, "1.2.840.10008.5.1.4.1.1.88.11", "SR");
  refused(BF_E_NO_IMAGE, "is no image (BasicTextSRStorage)", "SR");
  begin(EXPLICIT_LITTLE, "1.2.840.10008.5.1.4.1.1.66.4", "SEG");
  put_shape(&file, 1, "MONOCHROME2", 1, 2, 2, 8, 0);
  put_element(&file, 0x7fe00010, "OB", "\1\2\3\4", 4);
  refused(BF_E_NO_IMAGE, "is no image but a", "SEG");
  begin(EXPLICIT_LITTLE, SECONDARY_CAPTURE, "US");
  put_shape(&file, 1, "PALETTE COLOR", 0, 2, 2, 8, 0);
  put_element(&file, 0x7fe00010, "OB", "\1\2\3\4", 4);
  refused(BF_E_FORMAT, "without its tables", "US");
  begin("1.2.840.10008.1.2.4.999", SECONDARY_CAPTURE, "US");
  put_shape(&file, 1, "MONOCHROME2", 0, 2, 2, 8, 0);
  put_element(&file, 0x7fe00010, "OB", "\1\2\3\4", 4);
  refused(BF_E_UNSUPPORTED, "1.2.840.10008.1.2.4.999", "US");
}

enum { jpeg_side = 16 };

/* The JPEG-LS stream of a picture of one grey value. */
static bytes stream_of(int grey) {
  static uint16_t picture[jpeg_side * jpeg_side];
  static bytes stream;
  bf_error err = {0};
  for (int i = 0; i < jpeg_side * jpeg_side; i++) picture[i] = (uint16_t)(grey + i % 7);
  bf_dicom_write w = {.sop_class_uid = SECONDARY_CAPTURE,
                      .modality = "US",
                      .patient_id = "",
                      .patient_name = "",
                      .study_instance_uid = "1.2",
                      .series_instance_uid = "1.3",
                      .sop_instance_uid = "1.4",
                      .transfer_syntax_uid = "1.2.840.10008.1.2.4.80",
                      .rows = jpeg_side,
                      .columns = jpeg_side,
                      .bits_stored = 8,
                      .slope = 1,
                      .pixels = picture};
  assert_int_equal(bf_dicom_write_image(in_scratch("ls.dcm"), &w, &err), BF_OK);
  FILE *f = fopen(in_scratch("ls.dcm"), "rb");
  static unsigned char all[1 << 16];
  size_t size = fread(all, 1, sizeof all, f);
  fclose(f);
  unsigned char *start = memmem(all, size, "\xff\xd8\xff", 3), *end = memmem(all, size, "\xfe\xff\xdd\xe0", 4);
  assert_true(start != NULL && end > start);
  stream.size = 0;
  put_raw(&stream, start, (size_t)(end - start));
  return stream;
}

/* Each frame in two fragments, and an offset table that is empty, as it may be (PS3.5 A.4). */
static void test_fragments_without_a_table(void **state) {
  (void)state;
  bytes *parts = calloc(7, sizeof *parts);
  for (int f = 0; f < 3; f++) {
    bytes stream = stream_of(40 * f + 10);
    size_t half = stream.size / 4 * 2;
    put_raw(&parts[2 * f + 1], stream.data, half);
    put_raw(&parts[2 * f + 2], stream.data + half, stream.size - half);
  }
  begin("1.2.840.10008.1.2.4.80", SECONDARY_CAPTURE, "US");
  put_shape(&file, 1, "MONOCHROME2", 3, jpeg_side, jpeg_side, 8, 0);
  put_fragments(&file, parts, 7);
  free(parts);
  bf_dicom *dicom = open_good();
  unsigned char pixels[jpeg_side * jpeg_side];
  for (int f = 2; f >= 0; f--) {
    decode(dicom, f, pixels);
    for (int i = 0; i < jpeg_side * jpeg_side; i++) assert_int_equal(pixels[i], 40 * f + 10 + i % 7);
  }
  bf_dicom_close(dicom);
}

/* PS3.3 C.7.6.3.1.8: offsets and lengths of 64 bits, the basic table empty, one fragment a frame. */
static void test_extended_offset_table(void **state) {
  (void)state;
  bytes *parts = calloc(4, sizeof *parts), offsets = {.size = 0}, lengths = {.size = 0};
  uint32_t offset = 0;
  for (int f = 0; f < 3; f++) {
    parts[f + 1] = stream_of(60 * f + 20);
    uint32_t length = (uint32_t)parts[f + 1].size;
    put32(&offsets, offset), put32(&offsets, 0);
    put32(&lengths, length), put32(&lengths, 0);
    offset += length + length % 2 + 8;
  }
  begin("1.2.840.10008.1.2.4.80", SECONDARY_CAPTURE, "US");
  put_shape(&file, 1, "MONOCHROME2", 3, jpeg_side, jpeg_side, 8, 0);
  put_element(&file, 0x7fe00001, "OV", offsets.data, offsets.size);
  put_element(&file, 0x7fe00002, "OV", lengths.data, lengths.size);
  put_fragments(&file, parts, 4);
  free(parts);
  bf_dicom *dicom = open_good();
  unsigned char pixels[jpeg_side * jpeg_side];
  for (int f = 2; f >= 0; f--) {
    decode(dicom, f, pixels);
    for (int i = 0; i < jpeg_side * jpeg_side; i++) assert_int_equal(pixels[i], 60 * f + 20 + i % 7);
  }
  bf_dicom_close(dicom);
}

/* Several windows: the first, or the one that is asked for. */
static void test_windows(void **state) {
  (void)state;
  static const unsigned char grey[2] = {50, 150};
  static const struct {
    int number, first, second;
  } wanted[] = {{0, 0, 65535}, {1, 0, 65535}, {2, 65535, 65535}, {3, 0, 0}, {4, 0, 65535}, {8, 0, 65535}};
  begin(EXPLICIT_LITTLE, SECONDARY_CAPTURE, "CT");
  put_shape(&file, 1, "MONOCHROME2", 0, 1, 2, 8, 0);
  put_text(&file, 0x00281050, "DS", "100\\20\\200");
  put_text(&file, 0x00281051, "DS", "50\\10\\20");
  put_element(&file, 0x7fe00010, "OB", grey, 2);
  bf_dicom *dicom = open_good();
  assert_int_equal(bf_dicom_image(dicom)->window_count, 3);
  for (size_t i = 0; i < sizeof wanted / sizeof wanted[0]; i++) {
    bf_prepared p;
    bf_prepare_scratch scratch = {0};
    bf_prepare_options o = {.side = 64, .crop = BF_CROP_NONE, .window = wanted[i].number};
    bf_error err = {0};
    if (bf_prepare_frame(&p, dicom, 0, &o, &scratch, &err) != BF_OK) fail_msg("%s", err.message);
    assert_int_equal(p.pixels[0], wanted[i].first);
    assert_int_equal(p.pixels[1], wanted[i].second);
    bf_prepared_clear(&p);
    bf_prepare_scratch_clear(&scratch);
  }
  bf_dicom_close(dicom);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_unknown_representations),
      cmocka_unit_test(test_identifiers_are_ascii),
      cmocka_unit_test(test_origin),
      cmocka_unit_test(test_sides_of_frames),
      cmocka_unit_test(test_halved_chrominance),
      cmocka_unit_test(test_groups_of_each_frame),
      cmocka_unit_test(test_large_unsigned_values),
      cmocka_unit_test(test_reasons),
      cmocka_unit_test(test_fragments_without_a_table),
      cmocka_unit_test(test_extended_offset_table),
      cmocka_unit_test(test_windows),
  };
  return cmocka_run_group_tests(tests, set_up, tear_down);
}
