/* COCO JSON as label file: boxes, polygons and run lengths, classes by category, names of images; mistakes that are
 * told with their place; hostile files; and all of it through ingest. */
#include "labels_support.h"

#include <jansson.h>

#include "base/log.h"
#include "base/memory.h"
#include "bifocal/doctor.h"
#include "bifocal/ingest.h"
#include "data/mask_coco.h"
#include "data/mask_label.h"
#include "dicom/dicom.h"
#include "image/mask.h"

#define CATEGORIES                                                                                                \
  "\"categories\":[{\"id\":1,\"name\":\"Malignant\"},{\"id\":2,\"name\":\"benign\"},{\"id\":3,\"name\":\"mass\"," \
  "\"supercategory\":\"x\"}]"
#define IMAGE(id, name) "{\"id\":" #id ",\"file_name\":\"" name "\",\"width\":40,\"height\":30}"

static int start_all(void **state) {
  bf_error bad = {0};
  bf_log_set_level(BF_LOG_ERROR);
  if (bf_start(&bad) == BF_OK) return make_folder(state);
  print_error("%s\n", bad.message);
  return 1;
}

static const char *write_coco(const char *images, const char *annotations) {
  static char text[1 << 16];
  snprintf(text, sizeof text, "\xef\xbb\xbf {\"info\":{\"year\":2024},%s,\r\n\"images\":[%s],\"annotations\":[%s]}",
           CATEGORIES, images, annotations);
  return write_text("coco.json", text);
}

static void read_good(const char *images, const char *annotations) {
  const char *path = write_coco(images, annotations);
  assert_ok(bf_labels_read(labels, path, err));
}

static void expect(const char *path, bf_status status, const char *words) {
  bf_error bad = {0};
  bf_labels *own = NULL;
  assert_ok(bf_labels_create(&own, err));
  assert_int_equal(bf_labels_read(own, path, &bad), status);
  assert_message(bad, status, words);
  assert_non_null(strstr(bad.message, "coco.json"));
  bf_labels_destroy(own);
}

/* words: what the message must say. */
static void read_bad(const char *images, const char *annotations, const char *words) {
  expect(write_coco(images, annotations), BF_E_FORMAT, words);
}

static bf_label *by_uid(const char *uid) { return label_of(labels, &(bf_subject){.sop_instance_uid = uid}); }

static bf_label *by_path(const char *path) { return label_of(labels, &(bf_subject){.path = path}); }

static void assert_box(const bf_label *l, int i, double xmin, double ymin, double xmax, double ymax) {
  assert_true(i < l->lesion_count);
  const bf_lesion *b = &l->lesions[i].box;
  if ((double)b->xmin != xmin || (double)b->ymin != ymin || (double)b->xmax != xmax || (double)b->ymax != ymax)
    fail_msg("box %d: %g %g %g %g", i, (double)b->xmin, (double)b->ymin, (double)b->xmax, (double)b->ymax);
}

static void reads_boxes_and_classes(void **state) {
  (void)state;
  read_good(IMAGE(7, "1.2.3.png") "," IMAGE(8, "1.2.4.PNG") "," IMAGE(9, "1.2.5") "," IMAGE(10, "1.2.6.jpg"),
            "{\"id\":1,\"image_id\":7,\"category_id\":2,\"bbox\":[1,2.5,10,20],\"area\":200},"
            "{\"id\":2,\"image_id\":7,\"category_id\":1,\"bbox\":[20,3,5,6],\"segmentation\":[],\"iscrowd\":0},"
            "{\"id\":3,\"image_id\":8,\"category_id\":2,\"bbox\":[1,1,2,2]},"
            "{\"id\":4,\"image_id\":10,\"category_id\":2,\"bbox\":[1,1,2,2]},"
            "{\"id\":5,\"image_id\":10,\"category_id\":3,\"bbox\":[5,5,2,2]}");
  assert_int_equal(bf_labels_count(labels), 4);
  const bf_label *l = by_uid("1.2.3");
  assert_non_null(l);
  assert_int_equal(l->malignant, 1); /* one of its lesions is */
  assert_int_equal(l->lesion_count, 2);
  assert_box(l, 0, 1, 2.5, 11, 22.5);
  assert_int_equal(l->lesions[0].box.malignant, 0);
  assert_int_equal(l->lesions[1].box.malignant, 1);
  assert_int_equal(l->lesions[1].rows, 30);
  assert_int_equal(l->lesions[1].columns, 40);
  assert_int_equal(l->mask_count, 0);
  assert_int_equal(by_uid("1.2.4")->malignant, 0);
  l = by_uid("1.2.5"); /* looked at, no lesion; the last part of a UID is no ending */
  assert_non_null(l);
  assert_true(bf_label_knows_frame(l, 0));
  assert_int_equal(l->lesion_count, 0);
  assert_int_equal(l->malignant, -1);
  l = by_uid("1.2.6"); /* a benign one beside one of unknown kind */
  assert_int_equal(l->malignant, -1);
  assert_int_equal(l->lesions[1].box.malignant, -1);
  assert_int_equal(bf_labels_complaints(labels), 0);
}

static void names_of_images(void **state) {
  (void)state;
  assert_ok(bf_make_folders(in_folder("d"), err));
  write_text("d/here.dcm", "x");
  read_good(IMAGE(1, "a/one.png") "," IMAGE(2, "b/one.png") "," IMAGE(3, "c/two.png") "," IMAGE(4, "d/here.dcm"), "");
  assert_non_null(by_path("/x/a/one.dcm"));
  assert_ptr_not_equal(by_path("/x/a/one.dcm"), by_path("/x/b/one.dcm"));
  assert_null(by_path("/x/c/one.dcm")); /* two have this name: the folder decides */
  assert_non_null(by_path("/elsewhere/two.dcm"));
  assert_non_null(by_path(in_folder("d/here.dcm")));
  assert_null(by_path("/elsewhere/here.dcm")); /* the very file is named */
}

static int64_t drawn(const bf_label *label, uint8_t *mask, int rows, int columns) {
  bf_mask_scratch scratch = {0};
  bf_mask_found found;
  assert_ok(bf_label_take_mask(&found, &scratch, (bf_label *)label, 0, rows, columns, NULL, err));
  assert_true(found.known);
  memcpy(mask, scratch.mask, bf_mask_bytes(rows, columns));
  bf_mask_scratch_clear(&scratch);
  return found.pixels;
}

static void draws_polygons(void **state) {
  (void)state;
  uint8_t mask[30 * 5];
  read_good(IMAGE(1, "1.1.png"),
            "{\"id\":1,\"image_id\":1,\"category_id\":2,\"bbox\":[2,3,4,5],"
            "\"segmentation\":[[2,3,6,3,6,8,2,8],[10,10,14.4,10,14.4,12,10,12]]},"
            "{\"id\":2,\"image_id\":1,\"category_id\":1,\"segmentation\":[[30,20,40,20,40,30]]}");
  const bf_label *l = by_uid("1.1");
  assert_int_equal(l->mask_count, 2);
  assert_box(l, 1, 30, 20, 40, 30); /* around its segmentation */
  /* 4 x 5; columns 10 to 13 of two rows (the centre of column 14 lies outside); the triangle's centres. */
  int64_t pixels = drawn(l, mask, 30, 40);
  int triangle = 0;
  for (int y = 20; y < 30; y++)
    for (int x = 30; x < 40; x++) triangle += bf_mask_get(mask, 40, x, y);
  assert_in_range(triangle, 45, 55);
  assert_int_equal(pixels, 20 + 8 + triangle);
  for (int y = 0; y < 30; y++)
    for (int x = 0; x < 30; x++)
      assert_int_equal(bf_mask_get(mask, 40, x, y),
                       (x >= 2 && x < 6 && y >= 3 && y < 8) || (x >= 10 && x < 14 && y >= 10 && y < 12));
}

/* The packed text of runs, as maskApi.c writes it. */
static void pack(char *to, const int64_t *runs, int count) {
  for (int i = 0; i < count; i++) {
    int64_t x = i > 2 ? runs[i] - runs[i - 2] : runs[i];
    for (bool more = true; more;) {
      int c = (int)(x & 31);
      x >>= 5;
      more = c & 16 ? x != -1 : x != 0;
      *to++ = (char)((c | (more ? 32 : 0)) + '0');
    }
  }
  *to = '\0';
}

static void draws_run_lengths(void **state) {
  (void)state;
  /* Column by column of 30: pixels 1 to 4 of column 2, and from 28 of column 5 to 3 of column 6. */
  const int64_t runs[] = {61, 4, 113, 6, 1016};
  char packed[64], text[1024];
  uint8_t mask[30 * 5], again[30 * 5];
  pack(packed, runs, 5);
  read_good(
      IMAGE(1, "1.1.png"),
      "{\"id\":1,\"image_id\":1,\"category_id\":2,\"segmentation\":{\"size\":[30,40],\"counts\":[61,4,113,6,1016]}}");
  assert_int_equal(drawn(by_uid("1.1"), mask, 30, 40), 10);
  for (int i = 0; i < 1200; i++) {
    bool lesion = (i >= 61 && i < 65) || (i >= 178 && i < 184);
    assert_int_equal(bf_mask_get(mask, 40, i / 30, i % 30), lesion);
  }
  assert_box(by_uid("1.1"), 0, 2, 0, 7, 30);
  snprintf(text, sizeof text,
           "{\"id\":1,\"image_id\":1,\"category_id\":2,\"segmentation\":{\"size\":[30,40],\"counts\":\"%s\"}}", packed);
  read_good(IMAGE(1, "2.1.png"), text);
  assert_int_equal(drawn(by_uid("2.1"), again, 30, 40), 10);
  assert_memory_equal(mask, again, sizeof mask);
}

static void masks_only_where_all_lesions_have_one(void **state) {
  (void)state;
  read_good(IMAGE(1, "1.1.png"),
            "{\"id\":1,\"image_id\":1,\"category_id\":1,\"segmentation\":[[2,3,6,3,6,8,2,8]]},"
            "{\"id\":2,\"image_id\":1,\"category_id\":1,\"bbox\":[20,3,5,6]}");
  assert_int_equal(by_uid("1.1")->mask_count, 0);
  assert_int_equal(by_uid("1.1")->lesion_count, 2);
}

static void notes_what_it_cannot_use(void **state) {
  (void)state;
  read_good(IMAGE(1, "1.1.png") "," IMAGE(2, "1.2.png") "," IMAGE(3, "1.3.png"),
            "{\"id\":1,\"image_id\":99,\"category_id\":1,\"bbox\":[1,1,2,2]},"
            "{\"id\":2,\"image_id\":2,\"category_id\":1,\"bbox\":[1,1,2,2],\"iscrowd\":1},"
            "{\"id\":3,\"image_id\":3,\"category_id\":2,\"bbox\":[1,1,2,2],\"iscrowd\":1}");
  assert_int_equal(by_uid("1.3")->malignant, 0);
  assert_int_equal(bf_labels_complaints(labels), 3);
  assert_non_null(strstr(bf_labels_complaint(labels, 0), "annotations[0]"));
  assert_non_null(strstr(bf_labels_complaint(labels, 1), "iscrowd"));
  assert_false(bf_label_knows_frame(by_uid("1.2"), 0));
  assert_int_equal(by_uid("1.2")->malignant, 1);
  assert_true(bf_label_knows_frame(by_uid("1.1"), 0));
  /* The same image, with a lesion more in another file of the kind. */
  read_good(IMAGE(2, "1.2.png"), "{\"id\":2,\"image_id\":2,\"category_id\":2,\"bbox\":[1,1,2,2]}");
  assert_int_equal(bf_labels_complaints(labels), 3);
  assert_int_equal(by_uid("1.2")->malignant, 1);
  /* No lesion here, and one there. */
  read_good(IMAGE(1, "1.1.png"), "{\"id\":2,\"image_id\":1,\"category_id\":2,\"bbox\":[1,1,2,2]}");
  assert_int_equal(bf_labels_complaints(labels), 4);
  assert_non_null(strstr(bf_labels_complaint(labels, 3), "images[0]: a lesion, and that there is none"));
  assert_false(bf_label_knows_frame(by_uid("1.1"), 0));
}

static void tells_mistakes(void **state) {
  (void)state;
#define one IMAGE(1, "1.1.png")
#define A(rest) "{\"id\":1,\"image_id\":1,\"category_id\":1," rest "}"
  read_bad(one "," IMAGE(1, "1.2.png"), "", "images[1]: has the id of an earlier one");
  read_bad(one "," IMAGE(x, "1.2.png"), "", "is no sound JSON");
  read_bad("{\"id\":1}", "", "images[0]: has no file_name");
  read_bad("{\"file_name\":\"a.png\"}", "", "images[0]: has no id");
  read_bad("{\"id\":1,\"file_name\":\"a.png\",\"width\":-4,\"height\":3}", "", "width or height");
  read_bad("{\"id\":1,\"file_name\":\"a.png\",\"width\":\"4\",\"height\":3}", "", "width or height");
  read_bad("7", "", "images[0]: has no file_name");
  read_bad(one, "5", "annotations[0]: is no object");
  read_bad(one, "{\"id\":1,\"image_id\":1,\"category_id\":9,\"bbox\":[1,1,2,2]}", "names a category");
  read_bad(one, A("\"bbox\":[1,1,2]"), "bbox is no list");
  read_bad(one, A("\"bbox\":[1,\"1\",2,2]"), "no number of pixels");
  read_bad(one, A("\"bbox\":[1,1e300,2,2]"), "no number of pixels");
  read_bad(one, A("\"bbox\":[1,1,0,2]"), "no width or no height");
  read_bad(one, A("\"bbox\":[999999,1,1e-9,2]"), "no width or no height");
  read_bad(one, A("\"area\":4"), "neither bbox nor a segmentation");
  read_bad(one, A("\"segmentation\":[[1,1,2,2]]"), "has 4 numbers");
  read_bad(one, A("\"segmentation\":[[1,1,2,2,3,3,4]]"), "has 7 numbers");
  read_bad(one, A("\"segmentation\":[[1,1,2,2,3,null]]"), "is no number of pixels");
  read_bad(one, A("\"segmentation\":[1,2,3,4,5,6]"), "has 0 numbers");
  read_bad(one, A("\"segmentation\":7"), "neither a list of polygons nor run lengths");
  read_bad(one, A("\"segmentation\":{\"size\":[30,40]}"), "has no counts");
  read_bad(one, A("\"segmentation\":{\"size\":[40,30],\"counts\":[1200]}"), "not the height and width");
  read_bad(one, A("\"segmentation\":{\"size\":[30,40],\"counts\":[1,2]}"), "add up to 3 pixels");
  read_bad(one, A("\"segmentation\":{\"size\":[30,40],\"counts\":[-1,1201]}"), "a run length");
  read_bad(one, A("\"segmentation\":{\"size\":[30,40],\"counts\":\"oooooooooooo\"}"), "damaged");
  read_bad(one, A("\"segmentation\":{\"size\":[30,40],\"counts\":\"1 2\"}"), "damaged");
  read_bad(one, A("\"segmentation\":{\"size\":[30,40],\"counts\":[1200]}"), "neither bbox nor a segmentation");
  read_bad("{\"id\":1,\"file_name\":\"1.1.png\"}", A("\"segmentation\":[[2,3,6,3,6,8]]"), "needs width and height");
#undef A
#undef one
  expect(write_text("coco.json", "{\"images\":[];\"annotations\":[],\"categories\":[]}"), BF_E_FORMAT, "no sound JSON");
  expect(write_text("coco.json", "{\"images\":[],\"annotations\":[],\"categories\":[],}"), BF_E_FORMAT,
         "no sound JSON");
  expect(write_text("coco.json", "{\"annotations\":[],\"images\":[]}"), BF_E_FORMAT, "no list 'categories'");
  expect(write_text("coco.json", "{\"categories\":[],\"images\":{}}"), BF_E_FORMAT, "'images' is no list");
  expect(write_text("coco.json", "{\"categories\":[{\"id\":1}],\"images\":[],\"annotations\":[]}"), BF_E_FORMAT,
         "categories[0]: has no name");
  expect(write_text("coco.json", "{\"images\":[],\"images\":[]}"), BF_E_FORMAT, "'images' twice");
}

/* What stands near the fault may tell of a patient. */
static void keeps_texts_quiet(void **state) {
  (void)state;
  static const struct {
    const char *text, *words;
  } files[] = {
      {"{\"categories\":[],\"annotations\":[],\"images\":[{\"file_name\":CANARY}]}", "images[0]: is no sound JSON"},
      {"{\"categories\":[],\"annotations\":[],\"images\":[\"CANARY\" CANARY]}", "images[0]: has no file_name"},
      {"{\"categories\":[],\n\"CANARY\" CANARY", "line 2: is no sound JSON"},
      {"{\"categories\":[],\"annotations\":[],\"images\":[]} CANARY", "line 1: is no sound JSON"},
      {"{\"images\":[],\"annotations\":[],\"categories\":[{\"id\":1,\"name\":\"CANARY\"},]}",
       "categories[1]: is no sound JSON"},
      {"{\"images\":[],\"annotations\":[],\"categories\":[{\"id\":1,\"id\":2,\"name\":\"CANARY\"}]}",
       "categories[0]: is no sound JSON"}};
  for (size_t i = 0; i < sizeof files / sizeof files[0]; i++) {
    bf_error bad = {0};
    bf_labels_read(labels, write_text("coco.json", files[i].text), &bad);
    assert_message(bad, BF_E_FORMAT, files[i].words);
    assert_null(strstr(bad.message, "CANARY"));
  }
}

static void hostile_files(void **state) {
  (void)state;
  enum { size = 9 << 20 };
  char *text = bf_alloc(size + 64, 1);
  assert_non_null(text);
  const char *head = "{\"categories\":[],\"annotations\":[],\"images\":[";
  int start = (int)strlen(head);
  strcpy(text, head);
  memset(text + start, '[', 10000);
  assert_int_equal(bf_file_write(in_folder("coco.json"), text, (size_t)start + 10000, NULL), BF_OK);
  expect(in_folder("coco.json"), BF_E_LIMIT, "nested more than");
  text[start] = '[';
  for (int i = start + 1; i < size; i += 2) memcpy(text + i, "1,", 2);
  strcpy(text + size, "1]]}");
  assert_int_equal(bf_file_write(in_folder("coco.json"), text, strlen(text), NULL), BF_OK);
  expect(in_folder("coco.json"), BF_E_LIMIT, "images[0]: has more than 8388608 bytes");
  bf_free(text);
  const char *path = in_folder("coco.json");
  char *many = bf_alloc(200000, 1);
  assert_non_null(many);
  char *to = many + sprintf(many, "{\"images\":[%s],%s,\"annotations\":[", IMAGE(1, "1.1.png"), CATEGORIES);
  for (int i = 0; i < 1001; i++)
    to += sprintf(to, "%s{\"id\":%d,\"image_id\":1,\"category_id\":1,\"bbox\":[%d,1,2,2]}", i ? "," : "", i, i);
  strcpy(to, "]}");
  assert_int_equal(bf_file_write(path, many, strlen(many), NULL), BF_OK);
  expect(path, BF_E_LIMIT, "more than 1000 annotations");
  to = many + sprintf(many,
                      "{\"images\":[%s],%s,\"annotations\":[{\"id\":1,\"image_id\":1,\"category_id\":1,"
                      "\"segmentation\":[[0,0",
                      IMAGE(1, "1.1.png"), CATEGORIES);
  for (int i = 0; i < 20000; i++) to += sprintf(to, ",%d,%d", i % 10, i % 7);
  strcpy(to, "]]}]}");
  assert_int_equal(bf_file_write(path, many, strlen(many), NULL), BF_OK);
  expect(path, BF_E_LIMIT, "more than 20000 corners");
  bf_free(many);
}

static void cut_files(void **state) {
  (void)state;
  char *text = NULL;
  size_t size = 0;
  write_coco(IMAGE(1, "1.1.png"),
             "{\"id\":1,\"image_id\":1,\"category_id\":1,\"segmentation\":{\"size\":[30,40],\"counts\":[61,4,1135]}}");
  assert_ok(bf_file_read(&text, &size, in_folder("coco.json"), 1 << 20, err));
  for (size_t cut = 0; cut < size; cut++) {
    bf_labels *fresh = NULL;
    assert_ok(bf_labels_create(&fresh, err));
    replace_bytes("cut.json", text, cut);
    assert_int_not_equal(bf_labels_read(fresh, in_folder("cut.json"), NULL), BF_OK);
    bf_labels_destroy(fresh);
  }
  bf_free(text);
}

/* ---- through ingest ---- */

static void write_image(const char *name, const char *sop) {
  static uint16_t pixels[40 * 30];
  for (int i = 0; i < 40 * 30; i++) pixels[i] = (uint16_t)(i * 7 % 256);
  bf_dicom_write image = {.sop_class_uid = "1.2.840.10008.5.1.4.1.1.6.1",
                          .modality = "US",
                          .patient_id = "P",
                          .patient_name = "N",
                          .study_instance_uid = "1.9.1",
                          .series_instance_uid = "1.8.1",
                          .sop_instance_uid = sop,
                          .transfer_syntax_uid = "1.2.840.10008.1.2.1",
                          .rows = 30,
                          .columns = 40,
                          .bits_stored = 8,
                          .slope = 1,
                          .pixels = pixels};
  assert_ok(bf_dicom_write_image(in_folder(name), &image, err));
}

static void through_ingest(void **state) {
  (void)state;
  kept_path folder, json, output;
  bf_ingest_report r;
  char *report = NULL;
  assert_ok(bf_make_folders(in_folder("studies"), err));
  static const char *const sops[] = {"1.1", "1.2", "1.3", "1.4"};
  for (int i = 0; i < 4; i++) {
    char name[64];
    snprintf(name, sizeof name, "studies/i%d.dcm", i);
    write_image(name, sops[i]);
  }
  keep(folder, in_folder("studies"));
  keep(output, in_folder("coco.h5"));
  /* By name of the file, by UID, without lesions, and drawn on another size. */
  keep(json, write_coco(IMAGE(1, "i0.png") "," IMAGE(2, "1.2.png") "," IMAGE(
                            3, "1.3.png") ","
                                          "{\"id\":4,\"file_name\":\"1.4.png\",\"width\":30,\"height\":40}," IMAGE(
                                              5, "1.99.png"),
                        "{\"id\":1,\"image_id\":1,\"category_id\":1,\"bbox\":[2,3,4,5],"
                        "\"segmentation\":[[2,3,6,3,6,8,2,8]]},"
                        "{\"id\":2,\"image_id\":2,\"category_id\":2,\"bbox\":[30,20,20,5]},"
                        "{\"id\":3,\"image_id\":4,\"category_id\":2,\"bbox\":[1,1,2,2]}"));
  const char *paths[] = {folder}, *files[] = {json};
  bf_ingest_options o = {
      .paths = paths, .path_count = 1, .labels = files, .label_count = 1, .output = output, .threads = 1};
  assert_ok(bf_ingest(&r, &report, &o, err));
  assert_int_equal(r.taken, 4);
  assert_int_equal(r.malignant, 1);
  assert_int_equal(r.benign, 2);
  assert_int_equal(r.lesions_known, 2); /* of the others a box lies outside, and one is of another size */
  assert_int_equal(r.lesions, 1);
  assert_int_equal(r.boxes_outside, 1);
  assert_int_equal(r.masks, 1);
  assert_int_equal(r.mask_pixels, 20);
  assert_int_equal(r.masks_unfit, 1);
  assert_int_equal(r.labels_unmatched, 1);
  assert_non_null(strstr(report, "drawn on 30 columns and 40 rows, the image has 40 and 30"));
  bf_text_free(report);
  bf_dataset *d = NULL;
  assert_ok(bf_dataset_open(&d, output, err));
  assert_int_equal(bf_dataset_record(d, 0)->malignant, 1);
  assert_int_equal(bf_dataset_record(d, 2)->lesions_known, 1);
  bf_dataset_close(d);
}

#define with_labels(f) cmocka_unit_test_setup_teardown(f, begin, end)

int main(void) {
  const struct CMUnitTest tests[] = {
      with_labels(reads_boxes_and_classes),
      with_labels(names_of_images),
      with_labels(draws_polygons),
      with_labels(draws_run_lengths),
      with_labels(masks_only_where_all_lesions_have_one),
      with_labels(notes_what_it_cannot_use),
      with_labels(tells_mistakes),
      with_labels(keeps_texts_quiet),
      with_labels(hostile_files),
      with_labels(cut_files),
      cmocka_unit_test(through_ingest),
  };
  return cmocka_run_group_tests(tests, start_all, remove_folder);
}
