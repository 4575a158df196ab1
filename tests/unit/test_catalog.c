/* What files are to each other: which are left out by rule and why, and in which order slices stand. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <math.h>

#include "data/catalog.h"
#include "dicom/dicom.h"
#include "dicom_support.h"
#include "program.h"

#define CT "1.2.840.10008.5.1.4.1.1.2"
#define MR "1.2.840.10008.5.1.4.1.1.4"
#define US "1.2.840.10008.5.1.4.1.1.6.1"
#define SC "1.2.840.10008.5.1.4.1.1.7"
#define MG_SHOWN "1.2.840.10008.5.1.4.1.1.1.2"
#define MG_RAW "1.2.840.10008.5.1.4.1.1.1.2.1"
#define TOMO "1.2.840.10008.5.1.4.1.1.13.1.3"

enum { side = 8 };

/* One file; what is NULL or 0 is left out. */
typedef struct one {
  const char *name, *class, *modality, *uid, *study, *series, *type, *source, *laterality, *view, *instance;
  double place; /* along the normal */
  char plane;   /* of the slice: 'a'xial, 's'agittal, 'c'oronal; 0: no place */
  int frames, rows;
} one;

static bf_pool *pool;

static int set_up(void **state) {
  (void)state;
  bf_error err = {0};
  scratch_make();
  if (bf_dicom_init(&err) != BF_OK) return -1;
  return bf_pool_create(&pool, 2, &err) == BF_OK ? 0 : -1;
}

static int tear_down(void **state) {
  (void)state;
  bf_pool_destroy(pool);
  scratch_remove();
  return 0;
}

static void put_if(bytes *b, uint32_t tag, const char *vr, const char *text) {
  if (text != NULL) put_text(b, tag, vr, text);
}

static void put_place(bytes *b, const one *o) {
  char text[64];
  static const struct {
    char plane;
    const char *directions, *position;
  } planes[] = {{'a', "1\\0\\0\\0\\1\\0", "5\\7\\%g"},
                {'s', "0\\1\\0\\0\\0\\-1", "%g\\5\\7"},
                {'c', "1\\0\\0\\0\\0\\-1", "5\\%g\\7"},
                {'o', "0.707\\0.707\\0\\0\\0\\-1", "%g\\5\\7"}};
  for (int i = 0; i < 4; i++) {
    if (planes[i].plane != o->plane) continue;
    snprintf(text, sizeof text, planes[i].position, o->place);
    put_text(b, 0x00200032, "DS", text);
    put_text(b, 0x00200037, "DS", planes[i].directions);
  }
}

static void write_one(const one *o) {
  static bytes b, item;
  static const unsigned char grey[4 * 2 * side * side];
  char path[512];
  put_start(&b, "1.2.840.10008.1.2.1");
  put_if(&b, 0x00080008, "CS", o->type);
  put_text(&b, 0x00080016, "UI", o->class);
  put_if(&b, 0x00080018, "UI", o->uid);
  put_if(&b, 0x00080060, "CS", o->modality);
  if (o->source != NULL) {
    item.size = 0;
    put_text(&item, 0x00081155, "UI", o->source);
    put_sequence(&b, 0x00082112, &item, 1);
  }
  put_if(&b, 0x00185101, "CS", o->view);
  put_if(&b, 0x0020000d, "UI", o->study);
  put_if(&b, 0x0020000e, "UI", o->series);
  put_if(&b, 0x00200013, "IS", o->instance);
  put_place(&b, o);
  put_if(&b, 0x00200062, "CS", o->laterality);
  int rows = o->rows > 0 ? o->rows : side, frames = o->frames > 0 ? o->frames : 1;
  put_shape(&b, 1, "MONOCHROME2", o->frames, rows, side, 8, 0);
  put_element(&b, 0x7fe00010, "OB", grey, (size_t)(frames * rows * side));
  snprintf(path, sizeof path, "%s", in_scratch(o->name));
  put_file(&b, path);
}

static bf_file_list files;
static bf_catalog catalog;

static void build(const char *folder, bool rules, bf_catalog_named named, const char *name) {
  bf_error err = {0};
  const char *path = in_scratch(folder);
  assert_int_equal(bf_file_list_collect(&files, &path, 1, true, &err), BF_OK);
  if (bf_catalog_build(&catalog, &files, rules, named, (void *)name, pool, &err) != BF_OK) fail_msg("%s", err.message);
  assert_int_equal(catalog.count, files.count);
}

static void forget(void) {
  bf_catalog_clear(&catalog);
  bf_file_list_clear(&files);
}

static void make(const char *folder, const one *list, int count) {
  assert_int_equal(mkdir(in_scratch(folder), 0700), 0);
  for (int i = 0; i < count; i++) {
    one o = list[i];
    char name[128];
    snprintf(name, sizeof name, "%s/%s", folder, o.name);
    o.name = name;
    write_one(&o);
  }
}
#define MAKE(folder, list) make(folder, list, sizeof(list) / sizeof(list)[0])

static int64_t place_of(const char *name) {
  for (int64_t i = 0; i < files.count; i++)
    if (strcmp(bf_path_name(files.paths[i]), name) == 0) return i;
  fail_msg("%s is not in the list", name);
  return -1;
}

static void is_left_out(const char *name, const char *rule, const char *words) {
  const bf_catalog_file *f = &catalog.files[place_of(name)];
  if (f->rule == NULL) fail_msg("%s is taken", name);
  assert_string_equal(f->rule, rule);
  if (strstr(f->message, name) == NULL || strstr(f->message, words) == NULL) fail_msg("message: %s", f->message);
}

static void is_taken(const char *name) {
  const bf_catalog_file *f = &catalog.files[place_of(name)];
  if (!bf_catalog_takes(&catalog, place_of(name))) fail_msg("%s: %s", name, f->message);
}

/* The list's names, joined. */
static void order_is(const char *wanted) {
  char found[1024] = "";
  for (int64_t i = 0; i < files.count; i++)
    snprintf(found + strlen(found), sizeof found - strlen(found), "%s%s", i > 0 ? " " : "",
             bf_path_name(files.paths[i]));
  assert_string_equal(found, wanted);
}

static int64_t volume_of(const char *name) { return catalog.files[place_of(name)].volume; }

static void test_slices_in_order(void **state) {
  (void)state;
  static const one list[] = {{.name = "a", .class = US, .modality = "US", .uid = "1.1", .study = "1", .series = "1.5"},
                             {.name = "b",
                              .class = CT,
                              .modality = "CT",
                              .uid = "2.1",
                              .study = "2",
                              .series = "2.5",
                              .plane = 'a',
                              .place = 9},
                             {.name = "c",
                              .class = CT,
                              .modality = "CT",
                              .uid = "2.2",
                              .study = "2",
                              .series = "2.5",
                              .plane = 'a',
                              .place = -3.5},
                             {.name = "d", .class = US, .modality = "US", .uid = "1.2", .study = "1", .series = "1.5"},
                             {.name = "e",
                              .class = CT,
                              .modality = "CT",
                              .uid = "2.3",
                              .study = "2",
                              .series = "2.5",
                              .plane = 'a',
                              .place = 2},
                             {.name = "f",
                              .class = CT,
                              .modality = "CT",
                              .uid = "2.4",
                              .study = "2",
                              .series = "2.6",
                              .plane = 'a',
                              .place = 1},
                             {.name = "g",
                              .class = CT,
                              .modality = "CT",
                              .uid = "2.5",
                              .study = "2",
                              .series = "2.5",
                              .plane = 'a',
                              .place = 4},
                             {.name = "h",
                              .class = CT,
                              .modality = "CT",
                              .uid = "2.6",
                              .study = "2",
                              .series = "2.5",
                              .plane = 'a',
                              .place = 5,
                              .rows = 2 * side},
                             {.name = "i", .class = CT, .modality = "CT", .uid = "2.7", .study = "2", .series = "2.5"}};
  MAKE("slices", list);
  build("slices", true, NULL, NULL);
  /* h is of another size and i has no place: they are no slices of it; f is alone. */
  order_is("a c e g b h d f i");
  assert_true(volume_of("c") >= 0 && volume_of("c") == volume_of("e") && volume_of("e") == volume_of("g") &&
              volume_of("g") == volume_of("b"));
  static const char *const others[] = {"a", "d", "f", "h", "i"};
  for (int i = 0; i < 5; i++) assert_int_equal(volume_of(others[i]), -1);
  forget();
}

/* Two echoes of each place: two volumes, told apart by the order in which they were taken. */
static void test_echoes(void **state) {
  (void)state;
  one list[12];
  char text[12][4][16];
  for (int i = 0; i < 12; i++) {
    int place = (i * 5) % 6, echo = i / 6;
    snprintf(text[i][0], 16, "f%02d", i);
    snprintf(text[i][1], 16, "3.%d", i + 1);
    snprintf(text[i][2], 16, "%d", 2 * place + echo + 1);
    list[i] = (one){.name = text[i][0],
                    .class = MR,
                    .modality = "MR",
                    .uid = text[i][1],
                    .study = "3",
                    .series = "3.5",
                    .instance = text[i][2],
                    .plane = 's',
                    .place = 1.25 * place};
  }
  MAKE("echoes", list);
  build("echoes", true, NULL, NULL);
  int64_t first = volume_of("f00"), second = volume_of("f06");
  assert_true(first >= 0 && second >= 0 && first != second);
  for (int i = 0; i < 12; i++) assert_int_equal(volume_of(text[i][0]), i < 6 ? first : second);
  for (int64_t i = 0; i < 12; i++) { /* the sagittal normal points to -x: places fall */
    int place = i < 6 ? 5 - (int)i : 11 - (int)i, wanted = -1;
    for (int k = 0; k < 12; k++)
      if ((k * 5) % 6 == place && k / 6 == i / 6) wanted = k;
    assert_int_equal(place_of(text[wanted][0]), i);
  }
  forget();
}

/* An oblique volume with the three decimals that some scanners write, a copy of a slice, and a place where one of two
 * echoes is missing. */
static void test_odd_volumes(void **state) {
  (void)state;
  static const one list[] = {{.name = "o1",
                              .class = CT,
                              .modality = "CT",
                              .uid = "11.1",
                              .study = "11",
                              .series = "11.5",
                              .plane = 'o',
                              .place = 0},
                             {.name = "o2",
                              .class = CT,
                              .modality = "CT",
                              .uid = "11.2",
                              .study = "11",
                              .series = "11.5",
                              .plane = 'o',
                              .place = 2},
                             {.name = "o2copy",
                              .class = CT,
                              .modality = "CT",
                              .uid = "11.2",
                              .study = "11",
                              .series = "11.5",
                              .plane = 'o',
                              .place = 2},
                             {.name = "e1",
                              .class = MR,
                              .modality = "MR",
                              .uid = "11.3",
                              .study = "11",
                              .series = "11.6",
                              .plane = 'a',
                              .place = 1,
                              .instance = "1"},
                             {.name = "e2",
                              .class = MR,
                              .modality = "MR",
                              .uid = "11.4",
                              .study = "11",
                              .series = "11.6",
                              .plane = 'a',
                              .place = 1,
                              .instance = "2"},
                             {.name = "e3",
                              .class = MR,
                              .modality = "MR",
                              .uid = "11.6",
                              .study = "11",
                              .series = "11.6",
                              .plane = 'a',
                              .place = 2,
                              .instance = "4"}};
  MAKE("odd", list);
  build("odd", true, NULL, NULL);
  assert_true(volume_of("o1") >= 0 && volume_of("o1") == volume_of("o2"));
  assert_int_equal(volume_of("o2copy"), -1);
  assert_int_equal(volume_of("e1"), -1);
  assert_int_equal(volume_of("e2"), -1);
  assert_int_equal(volume_of("e3"), -1);
  forget();
}

static void test_localizers(void **state) {
  (void)state;
  static const one list[] = {
      {.name = "scout",
       .class = CT,
       .modality = "CT",
       .uid = "4.1",
       .study = "4",
       .series = "4.5",
       .type = "ORIGINAL\\PRIMARY\\LOCALIZER"},
      {.name = "slice",
       .class = CT,
       .modality = "CT",
       .uid = "4.2",
       .study = "4",
       .series = "4.6",
       .type = "ORIGINAL\\PRIMARY\\AXIAL",
       .plane = 'a'},
      {.name = "plan1", .class = MR, .modality = "MR", .uid = "4.3", .study = "4", .series = "4.7", .plane = 'a'},
      {.name = "plan2", .class = MR, .modality = "MR", .uid = "4.4", .study = "4", .series = "4.7", .plane = 's'},
      {.name = "plan3", .class = MR, .modality = "MR", .uid = "4.5", .study = "4", .series = "4.7", .plane = 'c'},
      {.name = "mr1", .class = MR, .modality = "MR", .uid = "4.6", .study = "4", .series = "4.8", .plane = 'a'},
      {.name = "mr2",
       .class = MR,
       .modality = "MR",
       .uid = "4.7",
       .study = "4",
       .series = "4.8",
       .plane = 'a',
       .place = 3},
      {.name = "ct1", .class = CT, .modality = "CT", .uid = "4.8", .study = "4", .series = "4.9", .plane = 'a'},
      {.name = "ct2", .class = CT, .modality = "CT", .uid = "4.9", .study = "4", .series = "4.9", .plane = 's'}};
  MAKE("localizers", list);
  build("localizers", true, NULL, NULL);
  is_left_out("scout", "localizer", "Image Type");
  is_left_out("plan1", "localizer", "right angles");
  is_left_out("plan2", "localizer", "right angles");
  is_left_out("plan3", "localizer", "right angles");
  static const char *const good[] = {"slice", "mr1", "mr2", "ct1", "ct2"};
  for (int i = 0; i < 5; i++) is_taken(good[i]);
  forget();
  build("localizers", false, NULL, NULL);
  is_taken("scout");
  is_taken("plan1");
  forget();
}

static void test_secondary_captures(void **state) {
  (void)state;
  static const one list[] = {
      {.name = "shot", .class = SC, .modality = "OT", .uid = "5.1", .study = "5", .series = "5.5"},
      {.name = "image", .class = US, .modality = "US", .uid = "5.2", .study = "5", .series = "5.6"},
      {.name = "only1", .class = SC, .modality = "US", .uid = "5.3", .study = "5.9", .series = "5.7"},
      {.name = "only2", .class = SC ".1", .modality = "US", .uid = "5.4", .study = "5.9", .series = "5.7"},
      {.name = "unknown", .class = SC, .modality = "US", .uid = "5.8"}};
  MAKE("captures", list);
  build("captures", true, NULL, NULL);
  is_left_out("shot", "secondary_capture", "has images");
  is_taken("image");
  is_taken("only1");
  is_taken("only2");
  is_taken("unknown");
  forget();
}

static bool is_the(void *argument, const bf_image *image, const char *path) {
  (void)path;
  return strcmp(image->sop_instance_uid, argument) == 0;
}

static void test_mammograms(void **state) {
  (void)state;
  static const one list[] = {
      {.name = "raw1", .class = MG_RAW, .modality = "MG", .uid = "6.1", .study = "6", .series = "6.5"},
      {.name = "shown1",
       .class = MG_SHOWN,
       .modality = "MG",
       .uid = "6.2",
       .study = "6",
       .series = "6.6",
       .source = "6.1",
       .type = "DERIVED\\PRIMARY"},
      {.name = "raw2",
       .class = MG_RAW,
       .modality = "MG",
       .uid = "6.3",
       .study = "6",
       .series = "6.5",
       .laterality = "L",
       .view = "MLO"},
      {.name = "shown2",
       .class = MG_SHOWN,
       .modality = "MG",
       .uid = "6.4",
       .study = "6",
       .series = "6.6",
       .laterality = "L",
       .view = "MLO"},
      {.name = "raw3",
       .class = MG_RAW,
       .modality = "MG",
       .uid = "6.7",
       .study = "6",
       .series = "6.5",
       .laterality = "R",
       .view = "MLO"},
      {.name = "raw4",
       .class = MG_RAW,
       .modality = "MG",
       .uid = "6.8",
       .study = "6.9",
       .series = "6.5",
       .laterality = "L",
       .view = "MLO"}};
  MAKE("mammograms", list);
  build("mammograms", true, NULL, NULL);
  is_left_out("raw1", "for_processing", "shown1");
  is_left_out("raw2", "for_processing", "shown2");
  is_taken("shown1"); /* derived from what is there only as raw data */
  is_taken("shown2");
  is_taken("raw3"); /* another breast */
  is_taken("raw4"); /* another study */
  forget();
  build("mammograms", true, is_the, "6.3");
  is_left_out("raw1", "for_processing", "shown1");
  is_taken("raw2"); /* asked for */
  forget();
}

static void test_derived(void **state) {
  (void)state;
  static const one list[] = {
      {.name = "first", .class = US, .modality = "US", .uid = "7.1", .study = "7", .series = "7.5"},
      {.name = "again",
       .class = US,
       .modality = "US",
       .uid = "7.2",
       .study = "7",
       .series = "7.5",
       .type = "DERIVED\\PRIMARY",
       .source = "7.1"},
      {.name = "alone",
       .class = US,
       .modality = "US",
       .uid = "7.3",
       .study = "7",
       .series = "7.5",
       .type = "DERIVED\\PRIMARY",
       .source = "7.99"},
      {.name = "cine", .class = US, .modality = "US", .uid = "7.4", .study = "7", .series = "7.5", .frames = 3},
      {.name = "still",
       .class = US,
       .modality = "US",
       .uid = "7.6",
       .study = "7",
       .series = "7.5",
       .type = "DERIVED\\PRIMARY",
       .source = "7.4"},
      {.name = "own",
       .class = US,
       .modality = "US",
       .uid = "7.7",
       .study = "7",
       .series = "7.5",
       .type = "DERIVED\\PRIMARY",
       .source = "7.7"}};
  MAKE("derived", list);
  build("derived", true, NULL, NULL);
  is_left_out("again", "derived", "first");
  is_taken("first");
  is_taken("alone");
  is_taken("still"); /* of a film: another thing */
  is_taken("own");
  assert_int_equal(volume_of("cine"), -1); /* time is no place */
  forget();
}

static void test_volumes_of_many_frames(void **state) {
  (void)state;
  static const one list[] = {
      {.name = "ct", .class = CT ".1", .modality = "CT", .uid = "8.1", .study = "8", .series = "8.5", .frames = 4},
      {.name = "tomo", .class = TOMO, .modality = "MG", .uid = "8.2", .study = "8", .series = "8.6", .frames = 4},
      {.name = "us", .class = US, .modality = "US", .uid = "8.3", .study = "8", .series = "8.7", .frames = 4}};
  MAKE("frames", list);
  build("frames", true, NULL, NULL);
  assert_true(volume_of("ct") >= 0);
  assert_int_equal(volume_of("tomo"), -1); /* each frame is cut and turned by itself */
  assert_int_equal(volume_of("us"), -1);
  assert_int_equal(catalog.volumes, 1);
  forget();
}

static void test_unreadable(void **state) {
  (void)state;
  static const one list[] = {
      {.name = "good", .class = US, .modality = "US", .uid = "9.1", .study = "9", .series = "9.5"}};
  MAKE("unreadable", list);
  write_text(in_scratch("unreadable/notes.txt"), "no DICOM");
  build("unreadable", true, NULL, NULL);
  is_taken("good");
  const bf_catalog_file *f = &catalog.files[place_of("notes.txt")];
  assert_int_equal(f->status, BF_E_NOT_DICOM);
  assert_null(f->rule);
  assert_non_null(strstr(f->message, "notes.txt"));
  forget();
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(test_slices_in_order),
                                     cmocka_unit_test(test_echoes),
                                     cmocka_unit_test(test_odd_volumes),
                                     cmocka_unit_test(test_localizers),
                                     cmocka_unit_test(test_secondary_captures),
                                     cmocka_unit_test(test_mammograms),
                                     cmocka_unit_test(test_derived),
                                     cmocka_unit_test(test_volumes_of_many_frames),
                                     cmocka_unit_test(test_unreadable)};
  return cmocka_run_group_tests(tests, set_up, tear_down);
}
