/* Export from scores and DICOM files: overlays pixel for pixel, chosen rows, scores out of scores, and what stands when
 * pictures are gone, the disk is full or an earlier export was killed. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <math.h>
#include <png.h>

#include "base/memory.h"
#include "data/prepare.h"
#include "dicom/dicom.h"
#include "dicom_support.h"
#include "image/mask.h"
#include "itk/itk.h"
#include "program.h"
#include "store/scores.h"

enum {
  pictures = 3,
  inverse = 3,
  framed = 4,
  damaged = 5,
  gone = 6,
  other = 7,
  resized = 8,
  left_out = 9,
  count = 10,
  side = 240
};

static char files[count][512];
static bf_score_row rows[count];
static uint8_t *masks[count];
static const bf_scores_notes notes = {"abc", "size: 64\n", "maximum", "{\"threshold\": 0.25}", NULL};
/* The last is below the usual score. */
static const bf_found_box boxes[] = {{100, 90, 160, 150, 0.83f}, {20, 60, 80, 120, 0.5f}, {30, 170, 90, 200, 0.49f}};

/* ---- inputs ---- */

/* 12 bits, a window, MONOCHROME1, and pixels twice as high as wide, which stay as they are stored. */
static void write_inverse(const char *path) {
  enum { columns = 61, lines = 47 };
  static uint16_t pixels[columns * lines];
  bf_error err = {0};
  for (int i = 0; i < columns * lines; i++) pixels[i] = (uint16_t)(i * 37 % 4096);
  const bf_dicom_write what = {.sop_class_uid = "1.2.840.10008.5.1.4.1.1.6.1",
                               .modality = "US",
                               .patient_id = "P",
                               .patient_name = "P",
                               .study_instance_uid = "1.9",
                               .series_instance_uid = "1.9.1",
                               .sop_instance_uid = "1.9.1.1",
                               .transfer_syntax_uid = "1.2.840.10008.1.2.1",
                               .monochrome1 = true,
                               .rows = lines,
                               .columns = columns,
                               .bits_stored = 12,
                               .slope = 1,
                               .window_center = 1500,
                               .window_width = 1001,
                               .spacing_row = 0.4,
                               .spacing_column = 0.2,
                               .pixels = pixels};
  if (bf_dicom_write_image(path, &what, &err) != BF_OK) fail_msg("%s", err.message);
}

static void write_framed(const char *path) {
  enum { columns = 120, lines = 90 };
  static bytes b;
  static unsigned char grey[2 * columns * lines];
  for (int i = 0; i < 2 * columns * lines; i++) grey[i] = (unsigned char)(i < columns * lines ? 5 : i % 251);
  put_start(&b, "1.2.840.10008.1.2.1");
  put_text(&b, 0x00080016, "UI", "1.2.840.10008.5.1.4.1.1.3.1");
  put_text(&b, 0x00080018, "UI", "1.8.1.1");
  put_text(&b, 0x00080060, "CS", "US");
  put_text(&b, 0x0020000d, "UI", "1.8");
  put_text(&b, 0x0020000e, "UI", "1.8.1");
  put_shape(&b, 1, "MONOCHROME2", 2, lines, columns, 8, 0);
  put_element(&b, 0x7fe00010, "OB", grey, sizeof grey);
  put_file(&b, path);
}

static void list_files(void) {
  char command[600], line[512];
  int n = 0;
  snprintf(command, sizeof command, "find '%s/ph/studies' -name '*.dcm' | sort | head -%d", scratch_folder, pictures);
  FILE *pipe = popen(command, "r");
  for (; n < pictures && fgets(line, sizeof line, pipe) != NULL; n++)
    snprintf(files[n], sizeof files[n], "%.*s", (int)strcspn(line, "\n"), line);
  assert_int_equal(pclose(pipe), 0);
  assert_int_equal(n, pictures);
  snprintf(files[inverse], sizeof files[0], "%s/inverse.dcm", scratch_folder);
  snprintf(files[framed], sizeof files[0], "%s/framed.dcm", scratch_folder);
  write_inverse(files[inverse]);
  write_framed(files[framed]);
  snprintf(files[damaged], sizeof files[0], "%s", files[0]);
  strcpy(files[gone], "gone.dcm");
  snprintf(files[other], sizeof files[0], "%s", files[1]);
  for (int i = resized; i < count; i++) snprintf(files[i], sizeof files[0], "%s", files[0]);
}

static void describe(int i) {
  bf_dicom *dicom;
  bf_error err = {0};
  bf_score_row *r = &rows[i];
  *r = (bf_score_row){.file = files[i],
                      .message = "",
                      .seen = -1,
                      .malignant_probability = (float)(i + 1) / 10,
                      .malignant_logit = (float)i - 3.5f,
                      .box_count = i == inverse ? 0 : 3,
                      .boxes = boxes};
  int picture = i < damaged ? i : 0;
  if (bf_dicom_open(&dicom, files[picture], "", 0, &err) != BF_OK) fail_msg("%s", err.message);
  const bf_image *image = bf_dicom_image(dicom);
  r->rows = image->rows;
  r->columns = image->columns;
  strcpy(r->sop_instance_uid, image->sop_instance_uid);
  strcpy(r->series_instance_uid, image->series_instance_uid);
  strcpy(r->study_instance_uid, image->study_instance_uid);
  strcpy(r->modality, image->modality);
  bf_dicom_close(dicom);
}

/* A square of 100 to 160 in columns, 160 to 220 in lines. */
static void mask_rows(void) {
  for (int i = 0; i < pictures; i += 2) {
    masks[i] = calloc(bf_mask_bytes(side, side), 1);
    for (int y = 160; y < 220; y++)
      for (int x = 100; x < 160; x++) bf_mask_set(masks[i], side, x, y);
    rows[i].mask = masks[i];
  }
}

static int make_inputs(void **state) {
  bf_error err = {0};
  (void)state;
  if (bf_dicom_init(&err) != BF_OK || bf_itk_init(&err) != BF_OK) return 1;
  scratch_make_for_job("");
  good(RUN("phantom", "-o", in_scratch("ph"), "--studies", "3", "--seed", "5", "--side", "240"));
  list_files();
  for (int i = 0; i < count; i++) describe(i);
  mask_rows();
  rows[framed].frame = 1;
  rows[framed].boxes = boxes + 1; /* the first reaches out of the picture */
  rows[framed].box_count = 1;
  rows[damaged].status = BF_ROW_DAMAGED;
  rows[damaged].message = "cut, \"short\"";
  rows[damaged].malignant_probability = rows[damaged].malignant_logit = NAN;
  rows[damaged].box_count = 0;
  rows[resized].columns++;
  rows[left_out].status = BF_ROW_LEFT_OUT;
  assert_int_equal(mkdir(in_scratch("in"), 0700), 0);
  assert_int_equal(bf_scores_publish(in_scratch("in/scores.h5"), rows, count, &notes, &err), BF_OK);
  return 0;
}

static int clean_up(void **state) {
  for (int i = 0; i < count; i++) free(masks[i]);
  return scratch_teardown(state);
}

/* ---- overlays ---- */

typedef struct picture {
  png_image head;
  uint8_t *pixels;
} picture;

static picture read_png(const char *path) {
  picture p = {.head = {.version = PNG_IMAGE_VERSION}};
  if (!png_image_begin_read_from_file(&p.head, path)) fail_msg("%s: %s", path, p.head.message);
  p.head.format = PNG_FORMAT_RGB;
  p.pixels = malloc(PNG_IMAGE_SIZE(p.head));
  assert_true(png_image_finish_read(&p.head, NULL, p.pixels, 0, NULL));
  return p;
}

static uint32_t colour_at(const picture *p, int x, int y) {
  const uint8_t *c = p->pixels + 3 * (y * (int)p->head.width + x);
  return (uint32_t)c[0] << 16 | (uint32_t)c[1] << 8 | c[2];
}

static bool near(double a, double b, double least, double most) { return a > b - least && a < b + most; }

/* Whether a line of a drawn box, its label above it, or the mask's edge may touch this pixel. */
static bool may_be_touched(const bf_score_row *r, int x, int y, int shown) {
  for (int i = 0; i < shown && i < r->box_count; i++) {
    const bf_found_box *b = &r->boxes[i];
    double bottom = fmin((double)b->ymax, r->rows);
    bool along_x = near(x, b->xmin, 4, b->xmax - b->xmin + 4), along_y = near(y, b->ymin, 4, bottom - b->ymin + 4);
    if (along_x && (near(y, b->ymin, 4, 4) || near(y, bottom, 5, 4))) return true;
    if (along_y && (near(x, b->xmin, 4, 4) || near(x, b->xmax, 4, 4))) return true;
    if (near(y, b->ymin, 20, 4) && near(x, b->xmin, 4, 50)) return true;
  }
  bool edge = near(x, 100, 4, 4) || near(x, 160, 4, 4) || near(y, 160, 4, 4) || near(y, 220, 4, 4);
  return r->mask != NULL && edge && x > 96 && x < 164 && y > 156 && y < 224;
}

static void check_overlay(int row, const char *name, int shown) {
  picture p = read_png(name);
  const bf_score_row *r = &rows[row];
  bf_prepare_options options;
  bf_prepare_scratch scratch = {0};
  bf_dicom *dicom;
  bf_error err = {0};
  uint8_t *grey = malloc((size_t)r->rows * (size_t)r->columns);
  int free_pixels = 0;
  assert_int_equal(bf_options_defaults(bf_prepare_table, &options, &err), BF_OK);
  assert_int_equal(bf_dicom_open(&dicom, r->file, "", 0, &err), BF_OK);
  assert_int_equal(bf_prepare_view(grey, dicom, r->frame, &options, &scratch, &err), BF_OK);
  assert_true((int)p.head.width >= r->columns && (int)p.head.height > r->rows + 20);
  if (r->columns == side) assert_int_equal(p.head.width, side);
  for (int y = 0; y < r->rows; y++)
    for (int x = 0; x < r->columns; x++) {
      if (may_be_touched(r, x, y, shown)) continue;
      free_pixels++;
      if (colour_at(&p, x, y) != grey[y * r->columns + x] * 0x010101u)
        fail_msg("%s: %d, %d is %06x, %d in the image", name, x, y, colour_at(&p, x, y), grey[y * r->columns + x]);
    }
  assert_true(free_pixels > r->rows * r->columns / 3);
  free(p.pixels);
  free(grey);
  bf_prepare_scratch_clear(&scratch);
  bf_dicom_close(dicom);
}

#define EXPORT(format, to, ...) \
  RUN("export", in_scratch("in/scores.h5"), "--format", format, "-o", in_scratch(to), __VA_ARGS__)

static void sums_are_right(const char *folder, const char *name) {
  char command[700];
  snprintf(command, sizeof command, "cd '%s' && sha256sum --status -c %s.sha256", in_scratch(folder), name);
  assert_int_equal(system(command), 0);
}

static void overlays_show_the_original(void **state) {
  (void)state;
  EXPECT(EXPORT("overlay", "ov", "--json"), 3, "3 of 8 pictures could not be read");
  for (int i = 0; i < pictures; i++) {
    char name[32];
    snprintf(name, sizeof name, "ov/row-000%d.png", i);
    check_overlay(i, in_scratch(name), 2);
  }
  check_overlay(framed, in_scratch("ov/row-0004-frame-1.png"), 2);
  check_overlay(inverse, in_scratch("ov/row-0003.png"), 0);
  sums_are_right("ov", "overlay");
  picture p = read_png(in_scratch("ov/row-0000.png"));
  /* Lines of the two boxes and of the mask; the third box, and the middle of the mask, are not drawn. */
  assert_int_equal(colour_at(&p, 130, 90), 0xFFA62B);
  assert_int_equal(colour_at(&p, 100, 120), 0xFFA62B);
  assert_int_equal(colour_at(&p, 50, 119), 0xFFA62B);
  uint32_t edge = colour_at(&p, 130, 160);
  assert_true((edge >> 16) > 160 && (edge >> 16) > (edge & 0xFF) + 60);
  free(p.pixels);
}

/* PS3.3 C.11.2.1.2, turned over. */
static void the_window_is_the_files(void **state) {
  (void)state;
  picture p = read_png(in_scratch("ov/row-0003.png"));
  for (int i = 0; i < 61 * 47; i++) {
    double y = (i * 37 % 4096 - 1499.5) / 1000 + 0.5;
    int wanted = (int)lrint(255 * (1 - fmin(fmax(y, 0), 1)));
    int got = (int)(colour_at(&p, i % 61, i / 61) & 0xFF);
    if (abs(got - wanted) > (fabs(255 * y - floor(255 * y) - 0.5) < 1e-3)) fail_msg("%d: %d, not %d", i, got, wanted);
  }
  free(p.pixels);
}

static void what_cannot_be_drawn_is_listed(void **state) {
  (void)state;
  char *index = read_text(in_scratch("ov/overlay.csv")), line[700];
  assert_non_null(strstr(index, "row,sop_instance_uid,frame,png,reason\r\n0,"));
  snprintf(line, sizeof line,
           "\r\n4,\"1.8.1.1\",1,\"row-0004-frame-1.png\",\"\"\r\n5,\"%s\",0,\"\",\"cut, "
           "\"\"short\"\"\"\r\n6,\"%s\",0,\"\",\"gone.dcm: ",
           rows[damaged].sop_instance_uid, rows[gone].sop_instance_uid);
  if (strstr(index, line) == NULL) fail_msg("%s", index);
  snprintf(line, sizeof line, "\r\n7,\"%s\",0,\"\",\"%s: holds another image", rows[other].sop_instance_uid,
           files[other]);
  assert_non_null(strstr(index, line));
  assert_non_null(strstr(index, "240 x 240 pixels, and the scores are of an image of 241 x 240"));
  assert_non_null(strstr(index, "0,\"\",\"left_out\"\r\n"));
  free(index);
  assert_int_not_equal(access(in_scratch("ov/row-0005.png"), F_OK), 0);
  assert_int_not_equal(access(in_scratch("ov/row-0006.png"), F_OK), 0);
}

static void boxes_by_score(void **state) {
  (void)state;
  good(EXPORT("overlay", "all", "--min-score", "0.1", "--rows", "0"));
  check_overlay(0, in_scratch("all/row-0000.png"), 3);
  picture p = read_png(in_scratch("all/row-0000.png"));
  assert_int_equal(colour_at(&p, 60, 170), 0xFFA62B);
  free(p.pixels);
  EXPECT(EXPORT("overlay", "all", "--min-score", "1.5"), 2, "--min-score 1.5");
  EXPECT(EXPORT("overlay", "all", "--min-score", "much"), 2, "'much' is no number");
  EXPECT(EXPORT("csv", "all", "--min-score", "0.5"), 2, "overlay only");
}

/* What an earlier export, or one that was killed, left behind is not among the pictures. */
static void earlier_pictures_go(void **state) {
  (void)state;
  good(EXPORT("overlay", "twice", "--rows", "0-2"));
  write_text(in_scratch("twice/row-9999.png"), "somebody else's");
  assert_int_equal(mkdir(in_scratch("twice/.overlay.part"), 0700), 0);
  write_text(in_scratch("twice/.overlay.part/row-0001.png"), "half a pict");
  outcome full =
      RUN_LIMITED(3000, "export", in_scratch("in/scores.h5"), "--format", "overlay", "-o", in_scratch("twice"));
  assert_int_not_equal(full.code, 0);
  outcome_free(&full);
  sums_are_right("twice", "overlay");
  good(EXPORT("overlay", "twice", "--rows", "2-3"));
  sums_are_right("twice", "overlay");
  assert_int_not_equal(access(in_scratch("twice/row-0000.png"), F_OK), 0);
  assert_int_equal(access(in_scratch("twice/row-0002.png"), F_OK), 0);
  assert_int_equal(access(in_scratch("twice/row-9999.png"), F_OK), 0);
  assert_int_not_equal(access(in_scratch("twice/.overlay.part"), F_OK), 0);
  assert_int_not_equal(access(in_scratch("twice/row-0001.png"), F_OK), 0);
}

static void killed_exports_leave_nothing_to_see(void **state) {
  (void)state;
  const char *const arguments[] = {"export", in_scratch("in/scores.h5"), "--format", "overlay",
                                   "-o",     in_scratch("killed"),       NULL};
  char command[700];
  pid_t child = start_program(arguments, 0);
  wait_for(in_scratch("killed/.overlay.part/row-0000.png"), child);
  kill(child, SIGKILL);
  outcome o = finish_program(child);
  snprintf(command, sizeof command, "ls '%s'/*.png '%s'/*.csv >/dev/null 2>&1", in_scratch("killed"),
           in_scratch("killed"));
  if (o.code == 128 + SIGKILL) assert_int_not_equal(system(command), 0);
  outcome_free(&o);
  EXPECT(EXPORT("overlay", "killed", NULL), 3, "3 of 8");
  sums_are_right("killed", "overlay");
  assert_int_not_equal(access(in_scratch("killed/.overlay.part"), F_OK), 0);
  assert_int_not_equal(access(in_scratch("killed/overlay.csv.part"), F_OK), 0);
}

/* A link in the place of the hidden folder is not followed. */
static void no_link_is_followed(void **state) {
  (void)state;
  assert_int_equal(mkdir(in_scratch("linked"), 0700), 0);
  assert_int_equal(mkdir(in_scratch("precious"), 0700), 0);
  write_text(in_scratch("precious/a"), "a");
  assert_int_equal(symlink(in_scratch("precious"), in_scratch("linked/.overlay.part")), 0);
  EXPECT(EXPORT("overlay", "linked", "--rows", "0"), 1, ".overlay.part: is no folder");
  assert_int_equal(access(in_scratch("precious/a"), F_OK), 0);
  assert_int_not_equal(access(in_scratch("linked/overlay.csv"), F_OK), 0);
}

/* ---- rows ---- */

/* Numbers of the rows that an export took, as digits. */
static void taken(const char *wanted, const char *option, const char *value, const char *more,
                  const char *other_value) {
  char got[16] = "", *text, *line;
  int used = 0;
  good(EXPORT("csv", "rows", option, value, more, other_value));
  text = read_text(in_scratch("rows/images.csv"));
  for (line = strchr(text, '\n') + 1; *line; line = strchr(line, '\n') + 1) got[used++] = *line;
  assert_string_equal(got, wanted);
  free(text);
}

static void rows_are_chosen(void **state) {
  (void)state;
  taken("01234678", "--status", "ok", NULL, NULL);
  taken("5", "--status", "failed", NULL, NULL);
  taken("5", "--status", "damaged", NULL, NULL);
  taken("9", "--status", "left_out", NULL, NULL);
  taken("6789", "--min-probability", "0.7", NULL, NULL);
  taken("3", "--study", "1.9", NULL, NULL);
  taken("2345", "--rows", "2-5", NULL, NULL);
  taken("789", "--rows", "7-", NULL, NULL);
  taken("1", "--rows", "1", NULL, NULL);
  taken("34", "--status", "ok", "--rows", "3-5");
  EXPECT(EXPORT("json", "none", "--study", "1.7", "--status", "ok"), 1,
         "none of its 10 rows is one of --status ok --study 1.7");
  EXPECT(EXPORT("json", "none", "--rows", "10-"), 1, "none of its 10 rows");
  assert_int_not_equal(access(in_scratch("none"), F_OK), 0);
  EXPECT(EXPORT("json", "none", "--status", "fine"), 2, "--status fine");
  EXPECT(EXPORT("json", "none", "--rows", "5-2"), 2, "--rows 5-2");
  EXPECT(EXPORT("json", "none", "--rows", "-2"), 2, "--rows -2");
  EXPECT(EXPORT("json", "none", "--min-probability", "70"), 2, "--min-probability 70");
  EXPECT(EXPORT("sheet", "none", "--status", "ok"), 2, "--format sheet");
  outcome o = EXPORT("csv", "rows", "--rows", "2-5");
  assert_non_null(strstr(o.out, "4 of 10 rows as csv"));
  outcome_free(&o);
}

/* ---- scores out of scores ---- */

/* The file that the store would write of these rows at once. */
static void same_as_written(const char *path, const int *of, int n, const char *extra) {
  bf_score_row part[count];
  bf_error err = {0};
  const bf_scores_notes with = {"abc", "size: 64\n", "maximum", extra, NULL};
  for (int i = 0; i < n; i++) part[i] = rows[of[i]];
  assert_int_equal(bf_scores_publish(in_scratch("wanted.h5"), part, n, &with, &err), BF_OK);
  assert_true(same_file(in_scratch("wanted.h5"), path));
}

static void scores_of_some_rows(void **state) {
  (void)state;
  bf_scores s;
  bf_error err = {0};
  good(EXPORT("hdf5", "whole", NULL));
  assert_true(same_file(in_scratch("in/scores.h5"), in_scratch("whole/scores.h5")));
  sums_are_right("whole", "hdf5");
  good(EXPORT("hdf5", "part", "--rows", "2-6", "--min-probability", "0.3"));
  assert_int_equal(bf_scores_read(&s, in_scratch("part/scores.h5"), &err), BF_OK);
  assert_int_equal(s.count, 4);
  same_as_written(in_scratch("part/scores.h5"), (const int[]){2, 3, 4, 6}, 4, s.extra_json);
  json_t *root = json_loads(s.extra_json, 0, NULL), *subset = json_object_get(root, "subset");
  assert_true(json_number_value(json_object_get(root, "threshold")) == 0.25);
  assert_int_equal(json_integer_value(json_object_get(subset, "rows")), 4);
  assert_int_equal(json_integer_value(json_object_get(subset, "of")), 10);
  assert_string_equal(json_string_value(json_object_get(json_object_get(subset, "asked"), "rows")), "2-6");
  json_decref(root);
  bf_scores_clear(&s);
}

/* A part of a part tells of both; evaluate and merge know what it is; no file is written over itself. */
static void parts_are_known_as_parts(void **state) {
  (void)state;
  bf_scores s;
  bf_error err = {0};
  good(RUN("export", in_scratch("part/scores.h5"), "--format", "hdf5", "-o", in_scratch("less"), "--rows", "1-2"));
  assert_int_equal(bf_scores_read(&s, in_scratch("less/scores.h5"), &err), BF_OK);
  json_t *root = json_loads(s.extra_json, 0, NULL), *subset = json_object_get(root, "subset");
  assert_int_equal(json_integer_value(json_object_get(subset, "of")), 4);
  assert_int_equal(json_integer_value(json_object_get(json_object_get(subset, "before"), "of")), 10);
  json_decref(root);
  bf_scores_clear(&s);
  EXPECT(RUN("evaluate", in_scratch("part/scores.h5"), "--labels", in_scratch("ph/labels.csv")), 0,
         "4 rows chosen out of 10");
  EXPECT(RUN("export", "--merge", in_scratch("part/scores.h5"), "-o", in_scratch("merged.h5")), 2,
         "4 rows chosen out of 10");
  EXPECT(RUN("export", "--merge", in_scratch("part/scores.h5"), "-o", in_scratch("m.h5"), "--rows", "1"), 2,
         "-o alone");
  EXPECT(EXPORT("hdf5", "in", "--rows", "1-2"), 2, "its own place");
  assert_true(same_file(in_scratch("in/scores.h5"), in_scratch("whole/scores.h5")));
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(overlays_show_the_original),
      cmocka_unit_test(the_window_is_the_files),
      cmocka_unit_test(what_cannot_be_drawn_is_listed),
      cmocka_unit_test(boxes_by_score),
      cmocka_unit_test(earlier_pictures_go),
      cmocka_unit_test(killed_exports_leave_nothing_to_see),
      cmocka_unit_test(no_link_is_followed),
      cmocka_unit_test(rows_are_chosen),
      cmocka_unit_test(scores_of_some_rows),
      cmocka_unit_test(parts_are_known_as_parts),
  };
  return cmocka_run_group_tests(tests, make_inputs, clean_up);
}
