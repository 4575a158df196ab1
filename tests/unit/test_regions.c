/* Outlines as labels: contours of RT Structure Sets, in mm of the patient, and spatial coordinates of structured
 * reports, pixel by pixel; and each way in which such an object may be broken. */
#include "data_support.h"

#include <math.h>

#include "bifocal/ingest.h"
#include "data/labels.h"
#include "data/mask_label.h"
#include "dicom/dicom.h"
#include "dicom_support.h"

enum { rows = 20, columns = 30, room = rows * ((columns + 7) / 8) };

/* Pixels of 0.5 mm down and 2 mm along, in a plane that stands oblique: rows lead to y, columns to -z. */
static const bf_segmentation_place place = {.known = true,
                                            .position = {10, 20, 30},
                                            .row_direction = {0, 1, 0},
                                            .column_direction = {0, 0, -1},
                                            .spacing_row = 0.5,
                                            .spacing_column = 2};

/* ---- RT structure sets ---- */

typedef struct contour {
  const char *type, *uid, *data; /* uid NULL: names no image */
  int structure, frame;
} contour;

/* The point of a corner in pixels, as text; appended. */
static void put_corner(char *text, double x, double y) {
  sprintf(text + strlen(text), "%s%g\\%g\\%g", text[0] ? "\\" : "", place.position[0],
          place.position[1] + (x - 0.5) * place.spacing_column, place.position[2] - (y - 0.5) * place.spacing_row);
}

static const char *rectangle(double x0, double y0, double x1, double y1) {
  static char texts[4][512];
  static int next;
  char *text = texts[next++ % 4];
  text[0] = '\0';
  put_corner(text, x0, y0), put_corner(text, x1, y0), put_corner(text, x1, y1), put_corner(text, x0, y1);
  return text;
}

static void put_contour(bytes *item, const contour *c) {
  static bytes image;
  char number[16];
  item->size = image.size = 0;
  if (c->uid != NULL) {
    put_text(&image, 0x00081150, "UI", "1.2.840.10008.5.1.4.1.1.2");
    put_text(&image, 0x00081155, "UI", c->uid);
    snprintf(number, sizeof number, "%d", c->frame);
    if (c->frame > 0) put_text(&image, 0x00081160, "IS", number);
    put_sequence(item, 0x30060016, &image, 1);
  }
  put_text(item, 0x30060042, "CS", c->type);
  put_text(item, 0x30060046, "IS", "4");
  put_text(item, 0x30060050, "DS", c->data);
}

/* types[i]: RT ROI Interpreted Type of structure i + 1. */
static const char *write_structures(const contour *contours, int count, const char *const *types, int structures) {
  static bytes file, items[16], roi[4], observed[4];
  char number[16];
  put_start(&file, "1.2.840.10008.1.2.1");
  put_text(&file, 0x00080016, "UI", "1.2.840.10008.5.1.4.1.1.481.3");
  put_text(&file, 0x00080018, "UI", "1.2.3.9");
  put_text(&file, 0x00080060, "CS", "RTSTRUCT");
  put_text(&file, 0x00100010, "PN", "CANARY^NAME");
  for (int s = 0; s < structures; s++) {
    int n = 0;
    for (int i = 0; i < count; i++)
      if (contours[i].structure == s + 1) put_contour(&items[n++], &contours[i]);
    snprintf(number, sizeof number, "%d", s + 1);
    roi[s].size = observed[s].size = 0;
    put_sequence(&roi[s], 0x30060040, items, n);
    put_text(&roi[s], 0x30060084, "IS", number);
    put_text(&observed[s], 0x30060084, "IS", number);
    put_text(&observed[s], 0x300600a4, "CS", types[s]);
  }
  put_sequence(&file, 0x30060039, roi, structures);
  put_sequence(&file, 0x30060080, observed, structures);
  put_file(&file, in_folder("o.dcm"));
  return in_folder("o.dcm");
}

/* ---- structured reports ---- */

typedef struct region {
  const char *type, *uid;
  int frame;
  const float *points;
  int count; /* numbers */
  const char *code;
} region;

static void put_code(bytes *to, uint32_t tag, const char *scheme, const char *value) {
  static bytes code;
  code.size = 0;
  put_text(&code, 0x00080100, "SH", value);
  put_text(&code, 0x00080102, "SH", scheme);
  put_text(&code, 0x00080104, "LO", "CANARY words");
  put_sequence(to, tag, &code, 1);
}

static void put_coordinates(bytes *item, const region *r) {
  static bytes image, reference;
  char number[16];
  reference.size = image.size = 0;
  item->size = 0;
  put_text(item, 0x0040a010, "CS", "CONTAINS");
  put_text(item, 0x0040a040, "CS", "SCOORD");
  put_code(item, 0x0040a043, "DCM", "111030");
  if (r->uid != NULL) {
    put_text(&reference, 0x00081150, "UI", "1.2.840.10008.5.1.4.1.1.6.1");
    put_text(&reference, 0x00081155, "UI", r->uid);
    snprintf(number, sizeof number, "%d", r->frame);
    if (r->frame > 0) put_text(&reference, 0x00081160, "IS", number);
    put_sequence(&image, 0x00081199, &reference, 1);
    put_text(&image, 0x0040a010, "CS", "SELECTED FROM");
    put_text(&image, 0x0040a040, "CS", "IMAGE");
    put_sequence(item, 0x0040a730, &image, 1);
  }
  put_element(item, 0x00700022, "FL", r->points, (size_t)r->count * 4);
  put_text(item, 0x00700023, "CS", r->type);
}

/* Each region in a measurement group of its own, `depth` containers down. */
static const char *write_report(const region *regions, int count, int depth) {
  static bytes file, groups[8], content[2], level;
  put_start(&file, "1.2.840.10008.1.2.1");
  put_text(&file, 0x00080016, "UI", "1.2.840.10008.5.1.4.1.1.88.34");
  put_text(&file, 0x00080018, "UI", "1.2.3.8");
  put_text(&file, 0x00080060, "CS", "SR");
  put_text(&file, 0x0040a040, "CS", "CONTAINER");
  for (int i = 0; i < count; i++) {
    int n = 0;
    groups[i].size = 0;
    put_coordinates(&content[n++], &regions[i]);
    if (regions[i].code != NULL) {
      content[n].size = 0;
      put_text(&content[n], 0x0040a010, "CS", "CONTAINS");
      put_text(&content[n], 0x0040a040, "CS", "CODE");
      put_code(&content[n], 0x0040a043, "DCM", "121071");
      put_code(&content[n++], 0x0040a168, "SCT", regions[i].code);
    }
    put_text(&groups[i], 0x0040a010, "CS", "CONTAINS");
    put_text(&groups[i], 0x0040a040, "CS", "CONTAINER");
    put_code(&groups[i], 0x0040a043, "DCM", "125007");
    put_sequence(&groups[i], 0x0040a730, content, n);
  }
  for (int d = 0; d < depth; d++) {
    level.size = 0;
    put_text(&level, 0x0040a040, "CS", "CONTAINER");
    put_sequence(&level, 0x0040a730, groups, d == 0 ? count : 1);
    groups[0] = level;
  }
  put_sequence(&file, 0x0040a730, groups, depth > 0 ? 1 : count);
  put_file(&file, in_folder("o.dcm"));
  return in_folder("o.dcm");
}

/* ---- looking ---- */

static bf_segmentation *open_good(const char *path) {
  bf_segmentation *s = NULL;
  assert_ok(bf_segmentation_open(&s, path, err));
  return s;
}

static void open_bad(const char *path, bf_status wanted, const char *words) {
  bf_segmentation *s = NULL;
  bf_error bad = {0};
  bf_segmentation_open(&s, path, &bad);
  assert_message(bad, wanted, words);
  assert_null(strstr(bad.message, "CANARY"));
}

typedef bool (*inside)(int x, int y);

static void is_mask(bf_segmentation *s, const char *uid, int frame, int malignant, inside wanted) {
  uint8_t mask[room] = {0};
  bf_segmentation_image entry = {.frame = frame, .malignant = (int8_t)malignant};
  snprintf(entry.sop_instance_uid, sizeof entry.sop_instance_uid, "%s", uid);
  assert_ok(bf_segmentation_add(mask, s, &entry, rows, columns, &place, err));
  for (int y = 0; y < rows; y++)
    for (int x = 0; x < columns; x++)
      if (bf_mask_get(mask, columns, x, y) != wanted(x, y)) fail_msg("%s: pixel %d, %d", uid, x, y);
}

static bool a_box(int x, int y) { return x >= 3 && x < 9 && y >= 4 && y < 11; }
static bool a_ring(int x, int y) { return a_box(x, y) && !(x >= 5 && x < 7 && y >= 6 && y < 9); }
static bool two_boxes(int x, int y) { return a_box(x, y) || (x >= 20 && x < 22 && y >= 1 && y < 3); }
static bool a_triangle(int x, int y) { return x + 0.5 > 2 && y + 0.5 > 2 && (x + 0.5 - 2) + (y + 0.5 - 2) < 10; }
static bool a_disc(int x, int y) { return hypot(x + 0.5 - 10, y + 0.5 - 9) < 6; }
static bool none(int x, int y) { return x < 0 && y < 0; }

static const char *const gtv[] = {"GTV", "GTV", "ORGAN"};

static void contours(void **state) {
  (void)state;
  char triangle[256] = "", keyhole[1024] = "";
  put_corner(triangle, 2, 2), put_corner(triangle, 12, 2), put_corner(triangle, 2, 12);
  put_corner(keyhole, 3, 4), put_corner(keyhole, 9, 4), put_corner(keyhole, 9, 11), put_corner(keyhole, 3, 11);
  put_corner(keyhole, 3, 4), put_corner(keyhole, 5, 6), put_corner(keyhole, 5, 9), put_corner(keyhole, 7, 9);
  put_corner(keyhole, 7, 6), put_corner(keyhole, 5, 6);
  const contour list[] = {{"CLOSED_PLANAR", "1.1", rectangle(3, 4, 9, 11), 1, 0},
                          {"CLOSED_PLANAR", "1.1", rectangle(20, 1, 22, 3), 2, 0},
                          {"CLOSED_PLANAR", "1.2", triangle, 1, 0},
                          {"CLOSED_PLANAR", "1.3", keyhole, 1, 0},
                          {"POINT", "1.1", "1\\2\\3", 1, 0},
                          {"OPEN_PLANAR", "1.1", rectangle(3, 4, 9, 11), 1, 0},
                          {"CLOSED_PLANAR", NULL, rectangle(3, 4, 9, 11), 1, 0},
                          {"CLOSED_PLANAR", "1.4", rectangle(3, 4, 9, 11), 3, 0}};
  bf_segmentation *s = open_good(write_structures(list, 8, gtv, 3));
  assert_int_equal(bf_segmentation_image_count(s), 3);
  assert_int_equal(bf_segmentation_passed(s), 4);
  is_mask(s, "1.1", -1, -2, two_boxes);
  is_mask(s, "1.2", -1, -2, a_triangle);
  is_mask(s, "1.3", -1, -2, a_ring);
  is_mask(s, "1.4", -1, -2, none); /* an organ */
  bf_segmentation_close(s);
  /* A hole, whether the contours are said to exclude each other or not; another structure fills it. */
  for (int kind = 0; kind < 3; kind++) {
    const contour ring[] = {
        {kind ? "CLOSED_PLANAR" : "CLOSEDPLANAR_XOR", "1.1", rectangle(3, 4, 9, 11), 1, 0},
        {kind ? "CLOSED_PLANAR" : "CLOSEDPLANAR_XOR", "1.1", rectangle(5, 6, 7, 9), 1 + (kind == 2), 0}};
    s = open_good(write_structures(ring, 2, gtv, 2));
    is_mask(s, "1.1", -1, -2, kind == 2 ? a_box : a_ring);
    bf_segmentation_close(s);
  }
}

static void add_bad(const char *path, int frame, const bf_segmentation_place *where, bf_status wanted,
                    const char *words) {
  uint8_t mask[room];
  bf_error bad = {0};
  bf_segmentation *s = open_good(path);
  bf_segmentation_image entry = {.sop_instance_uid = "1.1", .frame = frame, .malignant = -2};
  bf_segmentation_add(mask, s, &entry, rows, columns, where, &bad);
  assert_message(bad, wanted, words);
  bf_segmentation_close(s);
}

static void broken_contours(void **state) {
  (void)state;
  contour one = {"CLOSED_PLANAR", "1.1", rectangle(3, 4, 9, 11), 1, 0};
  add_bad(write_structures(&one, 1, gtv, 1), -1, NULL, BF_E_UNSUPPORTED, "is not known here");
  bf_segmentation_place away = place;
  away.position[0] = 40;
  add_bad(write_structures(&one, 1, gtv, 1), -1, &away, BF_E_FORMAT, "30.0 mm out of the plane");
  bf_segmentation_place fine = place;
  fine.spacing_column = 1e-305;
  add_bad(write_structures(&one, 1, gtv, 1), -1, &fine, BF_E_UNSUPPORTED, "is not known here");
  static const char *const data[] = {"1\\2\\3",
                                     "1\\2\\3\\4\\5\\6",
                                     "1\\2\\3\\4\\5\\6\\7\\8",
                                     "1\\2\\3\\4\\5\\x\\7\\8\\9",
                                     "nan\\2\\3\\4\\5\\6\\7\\8\\9",
                                     "1e9\\2\\3\\4\\5\\6\\7\\8\\9",
                                     ""};
  for (size_t i = 0; i < sizeof data / sizeof data[0]; i++) {
    one = (contour){"CLOSED_PLANAR", "1.1", data[i], 1, 0};
    open_bad(write_structures(&one, 1, gtv, 1), BF_E_FORMAT, "Contour Data (3006,0050)");
  }
  one = (contour){"CLOSED_PLANAR", "not a uid", rectangle(3, 4, 9, 11), 1, 0};
  bf_segmentation *s = open_good(write_structures(&one, 1, gtv, 1));
  assert_true(bf_segmentation_image_count(s) == 0 && bf_segmentation_passed(s) == 1);
  bf_segmentation_close(s);
}

/* As large as those of clinics: within the limits of the reading process. */
static void many_points(void **state) {
  (void)state;
  static char circle[60000];
  circle[0] = '\0';
  char *end = circle;
  for (int i = 0; i < 1500; i++) {
    double x = 15 + 4 * cos(i / 1500.0 * 6.283185307), y = 10 + 4 * sin(i / 1500.0 * 6.283185307);
    end += sprintf(end, "%s10\\%.4f\\%.4f", i > 0 ? "\\" : "", 20 + (x - 0.5) * 2, 30 - (y - 0.5) * 0.5);
  }
  static bytes file, item, roi;
  const contour one = {"CLOSED_PLANAR", "1.1", circle, 1, 0};
  put_contour(&item, &one);
  put_start(&file, "1.2.840.10008.1.2.1");
  put_text(&file, 0x00080016, "UI", "1.2.840.10008.5.1.4.1.1.481.3");
  roi.size = 0;
  put_sequence(&roi, 0x30060040, &item, 1);
  put_sequence(&file, 0x30060039, &roi, 1);
  put_file(&file, in_folder("o.dcm"));
  bf_segmentation *s = open_good(in_folder("o.dcm"));
  assert_int_equal(bf_segmentation_image_count(s), 1);
  uint8_t mask[room] = {0};
  assert_ok(bf_segmentation_add(mask, s, bf_segmentation_image_at(s, 0), rows, columns, &place, err));
  int set = 0;
  for (int i = 0; i < rows * columns; i++) set += bf_mask_get(mask, columns, i % columns, i / columns);
  assert_in_range(set, 46, 54);
  bf_segmentation_close(s);
}

/* A region on many frames takes a few bytes for each. */
static void many_frames(void **state) {
  (void)state;
  static bytes file, scoord, image, reference;
  static char numbers[2000];
  static const float points[] = {3, 4, 9, 4, 9, 11, 3, 11, 3, 4};
  char *end = numbers;
  for (int i = 1; i <= 300; i++) end += sprintf(end, "%s%d", i > 1 ? "\\" : "", i);
  sprintf(end, "\\ 400 \\0\\x\\\\-3\\2147483648\\501e2"); /* one that is a number, and what is none */
  put_start(&file, "1.2.840.10008.1.2.1");
  put_text(&file, 0x00080016, "UI", "1.2.840.10008.5.1.4.1.1.88.33");
  scoord.size = image.size = reference.size = 0;
  put_text(&reference, 0x00081155, "UI", "1.1");
  put_text(&reference, 0x00081160, "IS", numbers);
  put_sequence(&image, 0x00081199, &reference, 1);
  put_text(&image, 0x0040a040, "CS", "IMAGE");
  put_text(&scoord, 0x0040a040, "CS", "SCOORD");
  put_sequence(&scoord, 0x0040a730, &image, 1);
  put_element(&scoord, 0x00700022, "FL", points, sizeof points);
  put_text(&scoord, 0x00700023, "CS", "POLYLINE");
  put_sequence(&file, 0x0040a730, &scoord, 1);
  put_file(&file, in_folder("o.dcm"));
  bf_segmentation *s = open_good(in_folder("o.dcm"));
  assert_int_equal(bf_segmentation_image_count(s), 301);
  is_mask(s, "1.1", 299, -2, a_box);
  is_mask(s, "1.1", 399, -2, a_box);
  bf_segmentation_close(s);
}

static const float box_points[] = {3, 4, 9, 4, 9, 11, 3, 11, 3, 4}, triangle_points[] = {2, 2, 12, 2, 2, 12, 2, 2},
                   circle_points[] = {10, 9, 16, 9}, ellipse_points[] = {4, 9, 16, 9, 10, 3, 10, 15},
                   open_points[] = {3, 4, 9, 4, 9, 11};

static void coordinates(void **state) {
  (void)state;
  const region list[] = {
      {"POLYLINE", "1.1", 0, box_points, 10, "21594007"}, {"POLYLINE", "1.1", 0, triangle_points, 8, "30807003"},
      {"CIRCLE", "1.2", 2, circle_points, 4, NULL},       {"ELLIPSE", "1.3", 0, ellipse_points, 8, "123"},
      {"POLYLINE", "1.1", 0, open_points, 6, NULL},       {"POINT", "1.1", 0, open_points, 2, NULL},
      {"POLYLINE", NULL, 0, box_points, 10, NULL}};
  for (int depth = 0; depth < 4; depth++) {
    bf_segmentation *s = open_good(write_report(list, 7, depth));
    assert_int_equal(bf_segmentation_image_count(s), 4);
    assert_int_equal(bf_segmentation_passed(s), 3);
    is_mask(s, "1.1", -1, 1, a_box);
    is_mask(s, "1.1", -1, 0, a_triangle);
    is_mask(s, "1.1", -1, -2, none);
    is_mask(s, "1.2", 1, -2, a_disc);
    is_mask(s, "1.3", -1, -2, a_disc);
    bf_segmentation_close(s);
  }
}

static void broken_coordinates(void **state) {
  (void)state;
  static const float odd[] = {1, 2, 3}, far[] = {3, 4, 9, 4, 9, 1e9f, 3, 4}, lost[] = {3, 4, NAN, 4, 9, 9, 3, 4};
  region one = {"POLYLINE", "1.1", 0, odd, 3, NULL};
  open_bad(write_report(&one, 1, 0), BF_E_FORMAT, "Graphic Data (0070,0022)");
  one.points = far, one.count = 8;
  open_bad(write_report(&one, 1, 0), BF_E_FORMAT, "Graphic Data");
  one.points = lost;
  open_bad(write_report(&one, 1, 0), BF_E_FORMAT, "Graphic Data");
  one.points = box_points, one.count = 10;
  bf_segmentation *s = NULL;
  bf_error bad = {0};
  assert_int_not_equal(bf_segmentation_open(&s, write_report(&one, 1, 60), &bad), BF_OK);
  assert_null(strstr(bad.message, "CANARY"));
  /* Far out of the image: nothing is drawn, and nothing breaks. */
  static const float outside[] = {-500, -500, -400, -500, -400, -400, -500, -400, -500, -500};
  one.points = outside;
  s = open_good(write_report(&one, 1, 0));
  is_mask(s, "1.1", -1, -2, none);
  bf_segmentation_close(s);
}

/* As labels: the class of each region is its boxes', and the image is malignant when one is. */
static void as_labels(void **state) {
  (void)state;
  bf_labels *labels = NULL;
  bf_mask_found found;
  bf_mask_scratch scratch = {0};
  const region list[] = {{"POLYLINE", "1.1", 0, box_points, 10, "30807003"},
                         {"ELLIPSE", "1.1", 0, ellipse_points, 8, "397145000"},
                         {"POINT", "1.1", 0, open_points, 2, NULL}};
  assert_ok(bf_labels_create(&labels, err));
  assert_ok(bf_labels_read(labels, write_report(list, 3, 1), err));
  assert_int_equal(bf_labels_complaints(labels), 1);
  bf_label *l = NULL;
  assert_ok(bf_labels_match(&l, labels, &(bf_subject){.sop_instance_uid = "1.1"}, err));
  assert_int_equal(l->malignant, 1);
  assert_int_equal(l->mask_count, 2);
  assert_ok(bf_label_take_mask(&found, &scratch, l, 0, rows, columns, NULL, err));
  assert_int_equal(l->lesion_count, 2);
  const bf_lesion *benign = &l->lesions[l->lesions[0].box.malignant == 0 ? 0 : 1].box,
                  *malignant = &l->lesions[l->lesions[0].box.malignant == 0].box;
  assert_true(benign->xmin == 3 && benign->ymin == 4 && benign->xmax == 9 && benign->ymax == 11);
  assert_true(benign->malignant == 0 && malignant->malignant == 1);
  assert_true(malignant->xmin == 4 && malignant->ymin == 3 && malignant->xmax == 16 && malignant->ymax == 15);
  bf_mask_scratch_clear(&scratch);
  bf_labels_destroy(labels);
  assert_ok(bf_labels_create(&labels, err));
  bf_error bad = {0};
  assert_int_equal(bf_labels_read(labels, write_report(list + 2, 1, 0), &bad), BF_E_FORMAT);
  assert_message(bad, BF_E_FORMAT, "marks nothing");
  bf_labels_destroy(labels);
}

/* The whole way: a CT slice with a contour of its own. */
static void ingested(void **state) {
  (void)state;
  static bytes b;
  static unsigned char grey[rows * columns];
  bf_ingest_report report;
  bf_dataset *d = NULL;
  kept_path slice, object;
  for (int i = 0; i < rows * columns; i++) grey[i] = (unsigned char)(i * 7);
  put_start(&b, "1.2.840.10008.1.2.1");
  put_text(&b, 0x00080016, "UI", "1.2.840.10008.5.1.4.1.1.2");
  put_text(&b, 0x00080018, "UI", "1.1");
  put_text(&b, 0x00080060, "CS", "CT");
  put_text(&b, 0x00200032, "DS", "10\\20\\30");
  put_text(&b, 0x00200037, "DS", "0\\1\\0\\0\\0\\-1");
  put_us(&b, 0x00280002, 1);
  put_text(&b, 0x00280004, "CS", "MONOCHROME2");
  put_us(&b, 0x00280010, rows), put_us(&b, 0x00280011, columns);
  put_text(&b, 0x00280030, "DS", "0.5\\2");
  put_us(&b, 0x00280100, 8), put_us(&b, 0x00280101, 8), put_us(&b, 0x00280102, 7), put_us(&b, 0x00280103, 0);
  put_element(&b, 0x7fe00010, "OB", grey, sizeof grey);
  keep(slice, in_folder("slice.dcm"));
  put_file(&b, slice);
  const contour one = {"CLOSED_PLANAR", "1.1", rectangle(3, 4, 9, 11), 1, 0};
  keep(object, write_structures(&one, 1, gtv, 1));
  const char *paths[] = {slice}, *labels[] = {object};
  const bf_ingest_options o = {
      .paths = paths, .path_count = 1, .labels = labels, .label_count = 1, .output = in_folder("d.h5"), .threads = 1};
  assert_ok(bf_ingest(&report, NULL, &o, err));
  assert_ok(bf_dataset_open(&d, in_folder("d.h5"), err));
  const bf_record *r = bf_dataset_record(d, 0);
  assert_true(r->mask_known == 1 && r->lesions_known == 1 && r->lesions_count == 1);
  const bf_lesion *l = bf_dataset_lesions(d, 0);
  assert_true(l->xmin == 3 && l->ymin == 4 && l->xmax == 9 && l->ymax == 11);
  bf_dataset_close(d);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(contours),    cmocka_unit_test(broken_contours), cmocka_unit_test(many_points),
      cmocka_unit_test(many_frames), cmocka_unit_test(coordinates),     cmocka_unit_test(broken_coordinates),
      cmocka_unit_test(as_labels),   cmocka_unit_test(ingested),
  };
  bf_error why = {0};
  if (bf_dicom_init(&why) != BF_OK) return 1;
  return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
