/* The DICOM and ITK shims: one picture in many encodings and depths comes back the same; short data is refused; the
 * prepared picture and its affine. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/memory.h"
#include "data/prepare.h"
#include "itk/itk.h"
#include "program.h"

enum { columns = 127, rows = 97 };
static uint16_t picture[columns * rows];

static const char *const syntaxes[] = {"1.2.840.10008.1.2",      "1.2.840.10008.1.2.1",    "1.2.840.10008.1.2.1.99",
                                       "1.2.840.10008.1.2.2",    "1.2.840.10008.1.2.5",    "1.2.840.10008.1.2.4.70",
                                       "1.2.840.10008.1.2.4.80", "1.2.840.10008.1.2.4.57", "1.2.840.10008.1.2.4.90"};

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

static bf_dicom_write template_of(int bits) {
  for (int i = 0; i < columns * rows; i++) picture[i] = (uint16_t)((i * 2654435761u >> 9) & ((1u << bits) - 1));
  return (bf_dicom_write){.sop_class_uid = "1.2.840.10008.5.1.4.1.1.6.1",
                          .modality = "US",
                          .patient_id = "CANARY1",
                          .patient_name = "CANARY^NAME",
                          .study_instance_uid = "1.2.3",
                          .series_instance_uid = "1.2.3.4",
                          .sop_instance_uid = "1.2.3.4.5",
                          .transfer_syntax_uid = "1.2.840.10008.1.2.1",
                          .rows = rows,
                          .columns = columns,
                          .bits_stored = bits,
                          .slope = 1,
                          .pixels = picture};
}

static void test_encodings(void **state) {
  (void)state;
  bf_error err = {0};
  static const int depths[] = {8, 12, 16};
  for (size_t s = 0; s < sizeof syntaxes / sizeof syntaxes[0]; s++)
    for (int d = 0; d < 3; d++) {
      bf_dicom_write w = template_of(depths[d]);
      w.transfer_syntax_uid = syntaxes[s];
      assert_int_equal(bf_dicom_write_image(in_scratch("a.dcm"), &w, &err), BF_OK);
      bf_dicom *dicom;
      if (bf_dicom_open(&dicom, in_scratch("a.dcm"), "key", 3, &err) != BF_OK)
        fail_msg("%s: %s", syntaxes[s], err.message);
      const bf_image *image = bf_dicom_image(dicom);
      assert_int_equal(image->columns, columns);
      assert_int_equal(image->rows, rows);
      assert_int_equal(image->bits_stored, depths[d]);
      assert_string_equal(image->transfer_syntax_uid, syntaxes[s]);
      assert_string_equal(image->sop_instance_uid, "1.2.3.4.5");
      void *pixels = bf_alloc(image->frame_bytes, 1);
      if (bf_dicom_decode(dicom, 0, pixels, &err) != BF_OK) fail_msg("%s: %s", syntaxes[s], err.message);
      for (int i = 0; i < columns * rows; i++) assert_int_equal(bf_image_stored(image, pixels, i), picture[i]);
      assert_int_equal(bf_dicom_decode(dicom, 1, pixels, &err), BF_E_ARGUMENT);
      bf_free(pixels);
      bf_dicom_close(dicom);
    }
}

/* Encodings that lose something: within a few grey levels everywhere, and half a percent of the range in the mean. */
static void test_lossy_encodings(void **state) {
  (void)state;
  bf_error err = {0};
  static const struct {
    const char *syntax;
    int bits;
    double most; /* of the range, at one pixel */
  } cases[] = {
      {"1.2.840.10008.1.2.4.50", 8, 0.1},  {"1.2.840.10008.1.2.4.51", 8, 0.1},    {"1.2.840.10008.1.2.4.51", 12, 0.1},
      {"1.2.840.10008.1.2.4.53", 8, 0.1},  {"1.2.840.10008.1.2.4.55", 8, 0.1},    {"1.2.840.10008.1.2.4.55", 12, 0.1},
      {"1.2.840.10008.1.2.4.81", 8, 0.01}, {"1.2.840.10008.1.2.4.81", 12, 0.001}, {"1.2.840.10008.1.2.4.81", 16, 0.001},
      {"1.2.840.10008.1.2.4.91", 8, 0.05}, {"1.2.840.10008.1.2.4.91", 12, 0.05},  {"1.2.840.10008.1.2.4.91", 16, 0.05}};
  for (size_t c = 0; c < sizeof cases / sizeof cases[0]; c++) {
    bf_dicom_write w = template_of(cases[c].bits);
    double range = (1 << cases[c].bits) - 1, sum = 0, wanted = 0, worst = 0;
    for (int i = 0; i < columns * rows;
         i++) /* smooth, as lossy encodings want it, and from zero on: the writer moves the least value there */
      picture[i] = (uint16_t)(range * (0.5 + 0.5 * sin(i % columns / 9.0) * cos(i / columns / 7.0)));
    w.transfer_syntax_uid = cases[c].syntax;
    if (bf_dicom_write_image(in_scratch("l.dcm"), &w, &err) != BF_OK) fail_msg("%s", err.message);
    bf_dicom *dicom;
    if (bf_dicom_open(&dicom, in_scratch("l.dcm"), "", 0, &err) != BF_OK) fail_msg("%s", err.message);
    const bf_image *image = bf_dicom_image(dicom);
    void *pixels = bf_alloc(image->frame_bytes, 1);
    if (bf_dicom_decode(dicom, 0, pixels, &err) != BF_OK) fail_msg("%s: %s", cases[c].syntax, err.message);
    for (int i = 0; i < columns * rows; i++) {
      double v = (double)bf_image_stored(image, pixels, i);
      sum += v;
      wanted += picture[i];
      worst = fmax(worst, fabs(v - picture[i]));
    }
    if (worst > cases[c].most * range || fabs(sum - wanted) > 0.005 * range * columns * rows)
      fail_msg("%s, %d bits: off by up to %g, in the mean by %g", cases[c].syntax, cases[c].bits, worst,
               (sum - wanted) / (columns * rows));
    if (strncmp(cases[c].syntax, "1.2.840.10008.1.2.4.8", 21) == 0) assert_true(worst > 0);
    bf_free(pixels);
    bf_dicom_close(dicom);
  }
}

/* The same picture gives the same bytes, whatever lies in memory: a stream's odd length is padded with zero. */
static void test_same_bytes(void **state) {
  (void)state;
  bf_error err = {0};
  static const char *const padded[] = {"1.2.840.10008.1.2.4.70", "1.2.840.10008.1.2.4.50", "1.2.840.10008.1.2.4.80"};
  int odd = 0;
  for (int k = 0; k < 36; k++) {
    bf_dicom_write w = template_of(8);
    for (int i = 0; i <= k; i++) picture[i] = (uint16_t)(7 * i);
    w.transfer_syntax_uid = padded[k % 3];
    assert_int_equal(bf_dicom_write_image(in_scratch("s.dcm"), &w, &err), BF_OK);
    char *text = read_text(in_scratch("s.dcm"));
    struct stat info;
    stat(in_scratch("s.dcm"), &info);
    unsigned char *end = (unsigned char *)text + info.st_size - 8; /* the delimiter */
    assert_memory_equal(end, "\xfe\xff\xdd\xe0", 4);
    if (end[-3] == 0xff && end[-2] == 0xd9) {
      odd++;
      assert_int_equal(end[-1], 0);
    } else {
      assert_int_equal(end[-1], 0xd9);
    }
    free(text);
  }
  if (odd < 3) fail_msg("%d", odd);
}

/* Equal for the same patient and key, different for another key, and never the number itself. */
static void test_patient_key(void **state) {
  (void)state;
  bf_error err = {0};
  bf_dicom_write w = template_of(8);
  assert_int_equal(bf_dicom_write_image(in_scratch("p.dcm"), &w, &err), BF_OK);
  bf_dicom *a, *b, *c;
  assert_int_equal(bf_dicom_open(&a, in_scratch("p.dcm"), "one", 3, &err), BF_OK);
  assert_int_equal(bf_dicom_open(&b, in_scratch("p.dcm"), "one", 3, &err), BF_OK);
  assert_int_equal(bf_dicom_open(&c, in_scratch("p.dcm"), "two", 3, &err), BF_OK);
  assert_string_equal(bf_dicom_image(a)->patient_key, bf_dicom_image(b)->patient_key);
  assert_string_not_equal(bf_dicom_image(a)->patient_key, bf_dicom_image(c)->patient_key);
  assert_int_equal(strlen(bf_dicom_image(a)->patient_key), 64);
  assert_null(strstr(bf_dicom_image(a)->patient_key, "CANARY"));
  bf_dicom_close(a);
  bf_dicom_close(b);
  bf_dicom_close(c);
  w.patient_id = "";
  assert_int_equal(bf_dicom_write_image(in_scratch("p.dcm"), &w, &err), BF_OK);
  assert_int_equal(bf_dicom_open(&a, in_scratch("p.dcm"), "one", 3, &err), BF_OK);
  assert_string_equal(bf_dicom_image(a)->patient_key, "");
  bf_dicom_close(a);
}

/* Cut at every tenth of the file: refused in opening or decoding, never a picture, and the message says no patient. */
static void test_cut_files(void **state) {
  (void)state;
  bf_error err = {0};
  for (size_t s = 0; s < sizeof syntaxes / sizeof syntaxes[0]; s++) {
    bf_dicom_write w = template_of(16);
    w.transfer_syntax_uid = syntaxes[s];
    assert_int_equal(bf_dicom_write_image(in_scratch("whole.dcm"), &w, &err), BF_OK);
    struct stat info;
    stat(in_scratch("whole.dcm"), &info);
    for (int tenth = 0; tenth < 10; tenth++) {
      char command[1200];
      snprintf(command, sizeof command, "head -c %ld '%s' > '%s'", (long)info.st_size * tenth / 10,
               in_scratch("whole.dcm"), in_scratch("cut.dcm"));
      assert_int_equal(system(command), 0);
      bf_dicom *dicom = NULL;
      bf_error why = {0};
      bf_status status = bf_dicom_open(&dicom, in_scratch("cut.dcm"), "k", 1, &why);
      if (status == BF_OK) {
        void *pixels = bf_alloc(bf_dicom_image(dicom)->frame_bytes, 1);
        status = bf_dicom_decode(dicom, 0, pixels, &why);
        bf_free(pixels);
      }
      bf_dicom_close(dicom);
      if (status == BF_OK) fail_msg("%s cut at %d tenths was read", syntaxes[s], tenth);
      assert_non_null(strstr(why.message, "cut.dcm"));
      assert_null(strstr(why.message, "CANARY"));
    }
  }
}

static void test_not_dicom(void **state) {
  (void)state;
  bf_error err = {0};
  bf_dicom *dicom;
  write_text(in_scratch("text.dcm"), "a text file");
  assert_int_equal(bf_dicom_open(&dicom, in_scratch("text.dcm"), "k", 1, &err), BF_E_NOT_DICOM);
  assert_non_null(strstr(err.message, "not DICOM"));
  write_text(in_scratch("empty.dcm"), "");
  assert_int_equal(bf_dicom_open(&dicom, in_scratch("empty.dcm"), "k", 1, &err), BF_E_NOT_DICOM);
  assert_int_equal(bf_dicom_open(&dicom, in_scratch("absent.dcm"), "k", 1, &err), BF_E_NOT_FOUND);
}

/* A blob on black is found, with its box within a pixel; the resampled blob lies where the affine says. */
static void test_itk(void **state) {
  (void)state;
  bf_error err = {0};
  static float source[200 * 150], small[100 * 75];
  for (int y = 0; y < 150; y++)
    for (int x = 0; x < 200; x++)
      source[y * 200 + x] = x >= 60 && x < 140 && y >= 40 && y < 100 ? 0.8f : x > 190 && y < 5 ? 0.9f : 0.02f;
  bf_rect box;
  bool found;
  assert_int_equal(bf_itk_content(&box, &found, source, 200, 150, &err), BF_OK);
  assert_true(found && box.xmin == 60 && box.xmax == 140 && box.ymin == 40 && box.ymax == 100);
  assert_int_equal(bf_itk_resample(small, 100, 75, source, 200, 150, bf_affine_scale(0.5, 0.5), &err), BF_OK);
  assert_true(fabsf(small[35 * 100 + 50] - 0.8f) < 1e-3f);
  assert_true(fabsf(small[10 * 100 + 10] - 0.02f) < 1e-3f);
  double left = 0; /* the edge at 30 keeps its place: as much bright before it as dark behind */
  for (int x = 25; x < 35; x++) left += (small[35 * 100 + x] - 0.02) / 0.78;
  assert_true(fabs(left - 5) < 0.1);
  for (int i = 0; i < 200 * 150; i++) source[i] = 0.5f;
  assert_int_equal(bf_itk_content(&box, &found, source, 200, 150, &err), BF_OK);
  assert_false(found);
}

static void prepare_file(bf_prepared *out, bf_prepare_options o) {
  bf_error err = {0};
  bf_dicom *dicom;
  bf_prepare_scratch scratch = {0};
  assert_int_equal(bf_dicom_open(&dicom, in_scratch("prep.dcm"), "k", 1, &err), BF_OK);
  if (bf_prepare_frame(out, dicom, 0, &o, &scratch, &err) != BF_OK) fail_msg("%s", err.message);
  bf_prepare_scratch_clear(&scratch);
  bf_dicom_close(dicom);
}

static void test_prepare(void **state) {
  (void)state;
  bf_error err = {0};
  bf_dicom_write w = template_of(12);
  for (int i = 0; i < columns * rows; i++) {
    int x = i % columns, y = i / columns;
    picture[i] = x >= 20 && x < 60 && y >= 30 && y < 80 ? 3000 : 0;
  }
  w.modality = "MG";
  w.spacing_row = 0.2, w.spacing_column = 0.1; /* rows lie twice as far apart */
  assert_int_equal(bf_dicom_write_image(in_scratch("prep.dcm"), &w, &err), BF_OK);
  bf_prepared p;
  prepare_file(&p, (bf_prepare_options){.side = 1000, .crop = BF_CROP_NONE});
  assert_int_equal(p.rows, rows);
  assert_int_equal(p.columns, (columns + 1) / 2);
  bf_prepared_clear(&p);
  prepare_file(&p, (bf_prepare_options){.side = 1000, .crop = BF_CROP_AUTO});
  bf_rect lesion = bf_affine_rect(p.to_prepared, (bf_rect){20, 30, 60, 80});
  assert_true(p.rows < 60 && p.columns < 30);
  assert_true(lesion.xmin > 0 && lesion.ymin > 0 && lesion.xmax < p.columns && lesion.ymax < p.rows);
  assert_true(p.pixels[(p.rows / 2) * p.columns + p.columns / 2] > 65000);
  bf_prepared_clear(&p);
  w.spacing_row = w.spacing_column = 0;
  assert_int_equal(bf_dicom_write_image(in_scratch("prep.dcm"), &w, &err), BF_OK);
  prepare_file(&p, (bf_prepare_options){.side = 64, .crop = BF_CROP_NONE});
  assert_int_equal(p.columns, 64);
  assert_int_equal(p.rows, 49);
  bf_prepared_clear(&p);
}

/* Whether the prepared picture is the other way round, and still where its map says. */
static bool is_mirrored(int bright_from, int bright_to, const char *laterality, int mirror) {
  bf_error err = {0};
  bf_prepared p;
  bf_dicom_write w = template_of(8);
  for (int i = 0; i < columns * rows; i++)
    picture[i] = i % columns >= bright_from && i % columns < bright_to ? 200 : i / columns == 40 ? 90 : 3;
  w.modality = "MG";
  w.laterality = laterality;
  assert_int_equal(bf_dicom_write_image(in_scratch("prep.dcm"), &w, &err), BF_OK);
  prepare_file(&p, (bf_prepare_options){.side = 64, .crop = BF_CROP_NONE, .mirror = mirror});
  double x, y;
  bf_affine_apply(p.to_prepared, (bright_from + bright_to) / 2.0, 20, &x, &y);
  assert_true(p.pixels[(int)y * p.columns + (int)x] > 45000);
  bool mirrored = p.to_prepared.m[0] < 0;
  bf_prepared_clear(&p);
  return mirrored;
}

/* Pixels say it, then the header; other modalities are never turned. */
static void test_mirror(void **state) {
  (void)state;
  assert_false(is_mirrored(0, 50, "L", BF_MIRROR_AUTO));
  assert_false(is_mirrored(0, 50, "R", BF_MIRROR_AUTO)); /* its sender turned it */
  assert_true(is_mirrored(columns - 50, columns, "R", BF_MIRROR_AUTO));
  assert_true(is_mirrored(columns - 50, columns, "L", BF_MIRROR_AUTO));
  assert_true(is_mirrored(40, 60, "R", BF_MIRROR_AUTO)); /* both edges are black */
  assert_false(is_mirrored(40, 60, "L", BF_MIRROR_AUTO));
  assert_false(is_mirrored(40, 60, NULL, BF_MIRROR_AUTO));
  assert_false(is_mirrored(columns - 50, columns, "R", BF_MIRROR_NONE));
}

/* The larger collection beside the repository, where it is there: no file brings the reader down. */
static void test_awkward_files(void **state) {
  (void)state;
  if (access(BF_TEST_SOURCE_DIR "/../shared/data/dicom", F_OK) != 0) skip();
  outcome o = RUN("inspect", BF_TEST_SOURCE_DIR "/../shared/data/dicom", "--json");
  assert_int_equal(o.code, 3);
  int lines = 0, good = 0;
  for (const char *c = o.out; *c; c++) lines += *c == '\n';
  for (const char *c = o.out; (c = strstr(c, "\"status\": \"ok\"")) != NULL; c++) good++;
  assert_true(lines >= 297); /* files called DICOMDIR are no images of their own */
  assert_true(good >= 180);
  outcome_free(&o);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(test_encodings),  cmocka_unit_test(test_lossy_encodings),
                                     cmocka_unit_test(test_same_bytes), cmocka_unit_test(test_patient_key),
                                     cmocka_unit_test(test_cut_files),  cmocka_unit_test(test_not_dicom),
                                     cmocka_unit_test(test_itk),        cmocka_unit_test(test_prepare),
                                     cmocka_unit_test(test_mirror),     cmocka_unit_test(test_awkward_files)};
  return cmocka_run_group_tests(tests, set_up, tear_down);
}
