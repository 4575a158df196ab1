/* Ingest over small DICOM files of its own: labels matched, boxes judged, files left out with a reason, the same bytes
 * for any number of threads, and nothing of a patient in what is written. */
#include "data_support.h"

#include <jansson.h>
#include <math.h>

#include "base/log.h"
#include "base/memory.h"
#include "bifocal/doctor.h"
#include "bifocal/ingest.h"
#include "dicom/dicom.h"
#include "png_support.h"
#include "segmentation_support.h"

static int start_all(void **state) {
  bf_error bad = {0};
  bf_log_set_level(BF_LOG_ERROR);
  if (bf_start(&bad) != BF_OK) {
    print_error("%s\n", bad.message);
    return 1;
  }
  return make_folder(state);
}

/* 40 columns, 30 rows, 8 bits. */
static void write_image(const char *name, const char *sop, const char *patient) {
  enum { columns = 40, rows = 30 };
  static uint16_t pixels[columns * rows];
  for (int i = 0; i < columns * rows; i++) pixels[i] = (uint16_t)(i * 7 % 256);
  char study[64];
  snprintf(study, sizeof study, "1.9.%u",
           (unsigned)strlen(patient) * 7 + (unsigned char)patient[strlen(patient) > 0 ? strlen(patient) - 1 : 0]);
  bf_dicom_write image = {.sop_class_uid = "1.2.840.10008.5.1.4.1.1.6.1",
                          .modality = "US",
                          .patient_id = patient,
                          .patient_name = "CANARY^NAME",
                          .study_instance_uid = study,
                          .series_instance_uid = "1.8.1",
                          .sop_instance_uid = sop,
                          .transfer_syntax_uid = "1.2.840.10008.1.2.1",
                          .rows = rows,
                          .columns = columns,
                          .bits_stored = 8,
                          .slope = 1,
                          .pixels = pixels};
  assert_ok(bf_dicom_write_image(in_folder(name), &image, err));
}

static const char *paths[4], *label_files[4], *settings[4];

static bf_ingest_options options_for(const char *output) {
  return (bf_ingest_options){
      .paths = paths, .labels = label_files, .settings = settings, .output = output, .threads = 1};
}

/* A folder of studies: five good images, one twice, a cut one, a text; labels beside them. */
static kept_path folder, images_csv, boxes_csv, output;

static void make_studies(const char *name) {
  char path[300];
  assert_ok(bf_make_folders(in_folder(name), err));
  for (int i = 0; i < 5; i++) {
    char sop[32], patient[32];
    snprintf(path, sizeof path, "%s/i%d.dcm", name, i);
    snprintf(sop, sizeof sop, "1.2.3.%d", i);
    snprintf(patient, sizeof patient, "CANARY-%d", i / 2);
    write_image(path, sop, patient);
  }
  snprintf(path, sizeof path, "%s/twice.dcm", name);
  write_image(path, "1.2.3.0", "CANARY-0");
  char *content = NULL;
  size_t size = 0;
  snprintf(path, sizeof path, "%s/i4.dcm", name);
  assert_ok(bf_file_read(&content, &size, in_folder(path), 1 << 20, err));
  snprintf(path, sizeof path, "%s/cut.dcm", name);
  replace_bytes(path, content, size - 500);
  bf_free(content);
  snprintf(path, sizeof path, "%s/notes.txt", name);
  write_text(path, "a note about the studies");
  snprintf(path, sizeof path, "%s/images.csv", name);
  write_text(path,
             "SOPInstanceUID,pathology,PatientID,split\n1.2.3.0,malignant,CANARY-X,train\n1.2.3.1,benign,,train\n1.2.3."
             "2,,,\n1.2.3.99,benign,,\n");
  snprintf(path, sizeof path, "%s/boxes.csv", name);
  write_text(path,
             "SOPInstanceUID,xmin,ymin,xmax,ymax,pathology\n1.2.3.0,-0.5,2,10,30.75,malignant\n1.2.3.0,5,5,6,6,\n1.2.3."
             "1,,,,,\n1.2.3.3,30,20,42,25,benign\n");
  keep(folder, in_folder(name));
  snprintf(path, sizeof path, "%s/images.csv", name);
  keep(images_csv, in_folder(path));
  snprintf(path, sizeof path, "%s/boxes.csv", name);
  keep(boxes_csv, in_folder(path));
  snprintf(path, sizeof path, "%s/data.h5", name);
  keep(output, in_folder(path));
  paths[0] = folder;
  label_files[0] = images_csv;
  label_files[1] = boxes_csv;
}

static bf_ingest_options both_labels(void) {
  bf_ingest_options o = options_for(output);
  o.path_count = 1;
  o.label_count = 2;
  return o;
}

static int64_t json_number(const json_t *root, const char *name) {
  return json_integer_value(json_object_get(root, name));
}

static void takes_and_leaves_out(void **state) {
  (void)state;
  bf_ingest_report r;
  char *text = NULL;
  make_studies("one");
  bf_ingest_options o = both_labels();
  assert_ok(bf_ingest(&r, &text, &o, err));
  assert_int_equal(r.files, 8); /* label files are no images, and no fault */
  assert_int_equal(r.taken, 5);
  assert_int_equal(r.frames, 5);
  assert_int_equal(r.left_out, 3);
  assert_int_equal(r.failed, 1); /* the cut one; a text and a copy are no failures */
  assert_int_equal(r.patients, 3);
  assert_int_equal(r.malignant, 1);
  assert_int_equal(r.benign, 1);
  assert_int_equal(r.unknown_class, 3);
  assert_int_equal(r.lesions_known, 2); /* image 3 has a box outside of it */
  assert_int_equal(r.lesions, 2);
  assert_int_equal(r.boxes_outside, 1);
  assert_int_equal(r.labels_unmatched, 1);

  json_t *root = json_loads(text, 0, NULL);
  assert_non_null(root);
  assert_int_equal(json_number(root, "left_out"), 3);
  const json_t *reasons = json_object_get(root, "reasons");
  assert_int_equal(json_number(reasons, "duplicate"), 1);
  assert_int_equal(json_number(reasons, "not_dicom"), 1);
  assert_int_equal(json_number(reasons, "damaged"), 1);
  assert_int_equal(json_array_size(json_object_get(root, "left_out_files")), 3);
  assert_string_equal(json_string_value(json_array_get(json_object_get(root, "labels_unmatched_list"), 0)), "1.2.3.99");
  const json_t *outside = json_array_get(json_object_get(root, "boxes_outside_list"), 0);
  assert_non_null(strstr(json_string_value(json_object_get(outside, "file")), "i3.dcm"));
  json_decref(root);
  assert_null(strstr(text, "CANARY"));
  bf_text_free(text);

  bf_dataset *d = NULL;
  assert_ok(bf_dataset_open(&d, output, err));
  assert_int_equal(bf_dataset_count(d), 5);
  assert_int_equal(bf_dataset_left_out_count(d), 3);
  for (int i = 0; i < 5; i++) {
    char name[16];
    snprintf(name, sizeof name, "i%d.dcm", i);
    assert_non_null(strstr(bf_dataset_record(d, i)->file, name)); /* in the order of the list */
    assert_int_equal(strlen(bf_dataset_record(d, i)->patient), 64);
  }
  const bf_record *first = bf_dataset_record(d, 0), *second = bf_dataset_record(d, 1);
  assert_string_equal(first->patient, second->patient); /* DICOM's number counts, not the one of the labels */
  assert_int_equal(first->split, BF_SPLIT_TRAIN);
  const bf_lesion *l = bf_dataset_lesions(d, 0);
  assert_true(l[0].xmin == 0 && l[0].ymin == 2 && l[0].xmax == 10 && l[0].ymax == 30); /* less than a pixel out: cut */
  assert_int_equal(l[0].malignant, 1);
  assert_true(second->lesions_known && second->lesions_count == 0);
  assert_false(bf_dataset_record(d, 2)->lesions_known);
  assert_false(bf_dataset_record(d, 3)->lesions_known);
  assert_int_equal(bf_dataset_record(d, 3)->lesions_count, 0);
  assert_non_null(bf_dataset_get_note(d, "prepare.tone"));
  assert_non_null(strstr(bf_dataset_get_note(d, "labels.1"), "sha256:"));
  bf_dataset_close(d);

  /* The old dataset lies in the folder now: it is no input either. */
  assert_ok(bf_ingest(&r, NULL, &o, err));
  assert_int_equal(r.files, 8);
}

static void no_identity_in_file(void **state) {
  (void)state;
  char *content = NULL;
  size_t size = 0;
  bf_ingest_report r;
  make_studies("canary");
  bf_ingest_options o = both_labels();
  assert_ok(bf_ingest(&r, NULL, &o, err));
  assert_ok(bf_file_read(&content, &size, output, 1 << 26, err));
  assert_null(memmem(content, size, "CANARY", 6));
  bf_free(content);
}

static void same_bytes_for_any_threads(void **state) {
  (void)state;
  char *content[2] = {NULL, NULL};
  size_t size[2];
  bf_ingest_report r;
  make_studies("threads");
  for (int i = 0; i < 31; i++) {
    char name[64], sop[32];
    snprintf(name, sizeof name, "threads/more%02d.dcm", i);
    snprintf(sop, sizeof sop, "1.2.4.%d", i);
    write_image(name, sop, "P");
  }
  setenv("SOURCE_DATE_EPOCH", "1700000000", 1);
  setenv("BIFOCAL_PATIENT_KEY", "0123456789abcdef", 1);
  for (int i = 0; i < 2; i++) {
    bf_ingest_options o = both_labels();
    o.threads = i == 0 ? 1 : 3;
    assert_ok(bf_ingest(&r, NULL, &o, err));
    assert_int_equal(r.frames, 36);
    assert_ok(bf_file_read(&content[i], &size[i], output, 1 << 26, err));
  }
  assert_int_equal(size[0], size[1]);
  assert_memory_equal(content[0], content[1], size[0]);
  bf_free(content[0]);
  bf_free(content[1]);
  unsetenv("BIFOCAL_PATIENT_KEY");
}

/* The same key gives the same hash in two datasets; another key another one. */
static void keys(void **state) {
  (void)state;
  char hash[3][65];
  kept_path key_path;
  bf_ingest_report r;
  make_studies("keys");
  keep(key_path, write_text("keys/key", "a secret of more than 16 bytes\n"));
  for (int i = 0; i < 3; i++) {
    bf_dataset *d = NULL;
    bf_ingest_options o = both_labels();
    o.key_file = i < 2 ? key_path : NULL;
    assert_ok(bf_ingest(&r, NULL, &o, err));
    assert_ok(bf_dataset_open(&d, output, err));
    memcpy(hash[i], bf_dataset_record(d, 0)->patient, 65);
    bf_dataset_close(d);
  }
  assert_string_equal(hash[0], hash[1]);
  assert_string_not_equal(hash[0], hash[2]);
  bf_error bad = {0};
  bf_ingest_options o = both_labels();
  o.key_file = write_text("keys/short", "short\n");
  bf_ingest(&r, NULL, &o, &bad);
  assert_message(bad, BF_E_ARGUMENT, "16 bytes");
}

/* A file without Patient ID is grouped by the label's, and with files that carry the same number. */
static void patient_of_labels(void **state) {
  (void)state;
  bf_ingest_report r;
  bf_dataset *d = NULL;
  assert_ok(bf_make_folders(in_folder("pat"), err));
  write_image("pat/a.dcm", "1.5.1", "");
  write_image("pat/b.dcm", "1.5.2", "M7");
  write_image("pat/c.dcm", "1.5.3", "");
  kept_path csv, out, in;
  keep(csv, write_text("pat/l.csv", "file,pathology,PatientID\na.dcm,benign,M7\nb.dcm,benign,\nc.dcm,benign,\n"));
  keep(in, in_folder("pat"));
  keep(out, in_folder("pat/d.h5"));
  paths[0] = in;
  label_files[0] = csv;
  bf_ingest_options o = options_for(out);
  o.path_count = o.label_count = 1;
  assert_ok(bf_ingest(&r, NULL, &o, err));
  assert_int_equal(r.patients, 1);
  assert_ok(bf_dataset_open(&d, out, err));
  assert_string_equal(bf_dataset_record(d, 0)->patient, bf_dataset_record(d, 1)->patient);
  assert_string_equal(bf_dataset_record(d, 2)->patient, "");
  bf_dataset_close(d);
}

static void refuses(void **state) {
  (void)state;
  bf_ingest_report r;
  bf_error bad = {0};
  kept_path empty, texts, wrong;
  make_studies("refuse");
  assert_ok(bf_make_folders(in_folder("empty/inner"), err));
  keep(empty, in_folder("empty"));
  bf_ingest_options o = both_labels();
  paths[0] = empty;
  bf_ingest(&r, NULL, &o, &bad);
  assert_message(bad, BF_E_NOT_FOUND, "no files under it");
  assert_ok(bf_make_folders(in_folder("texts"), err));
  write_text("texts/a.txt", "nothing to see");
  keep(texts, in_folder("texts"));
  paths[0] = texts;
  bf_ingest(&r, NULL, &o, &bad);
  assert_message(bad, BF_E_NOT_FOUND, "none of 1 files");
  paths[0] = in_folder("absent");
  bf_ingest(&r, NULL, &o, &bad);
  assert_message(bad, BF_E_NOT_FOUND, "absent");
  paths[0] = folder;
  keep(wrong, write_text("wrong.csv", "SOPInstanceUID,pathology\n7.7,benign\n"));
  label_files[0] = wrong;
  o.label_count = 1;
  bf_ingest(&r, NULL, &o, &bad);
  assert_message(bad, BF_E_ARGUMENT, "none of 1 labels names an image");
  settings[0] = "prepare.sidee=100";
  o.setting_count = 1;
  bf_ingest(&r, NULL, &o, &bad);
  assert_message(bad, BF_E_ARGUMENT, "did you mean prepare.side");
  settings[0] = "epochs=3";
  bf_ingest(&r, NULL, &o, &bad);
  assert_message(bad, BF_E_ARGUMENT, "prepare.NAME=VALUE");
  assert_false(bf_file_exists(output)); /* nothing was published by any of these */
}

static void settings_reach_the_file(void **state) {
  (void)state;
  bf_ingest_report r;
  bf_dataset *d = NULL;
  make_studies("settings");
  bf_ingest_options o = both_labels();
  settings[0] = "prepare.side=33";
  o.setting_count = 1;
  assert_ok(bf_ingest(&r, NULL, &o, err));
  assert_ok(bf_dataset_open(&d, output, err));
  assert_string_equal(bf_dataset_get_note(d, "prepare.side"), "33");
  assert_int_equal(bf_dataset_record(d, 0)->prepared_columns, 33);
  bf_dataset_close(d);
}

static void full_disk(void **state) {
  (void)state;
  bf_ingest_report r;
  bf_error bad = {0};
  make_studies("full");
  bf_ingest_options o = both_labels();
  take_space(4096);
  bf_status status = bf_ingest(&r, NULL, &o, &bad);
  give_space();
  assert_int_equal(status, BF_E_IO);
  assert_message(bad, BF_E_IO, "File too large");
  assert_false(bf_file_exists(output));
}

/* ---- masks ---- */

enum { image_columns = 40, image_rows = 30, mask_size = image_rows * 5 };

static int64_t listed(const json_t *root, const char *list) {
  return (int64_t)json_array_size(json_object_get(root, list));
}

/* A folder with masks of five images: one with two pieces and specks, a black one, one beside a box, one of another
 * size, a cut one; and one of an image that is not there. */
static void make_masks(const char *name) {
  char path[300];
  uint8_t mask[mask_size] = {0};
  make_studies(name);
  snprintf(path, sizeof path, "%s/masks", name);
  assert_ok(bf_make_folders(in_folder(path), err));
  snprintf(path, sizeof path, "%s/masks/1.2.3.1.png", name);
  png_put_mask(in_folder(path), mask, image_rows, image_columns);
  mask_box(mask, image_columns, 2, 3, 12, 9);
  mask_box(mask, image_columns, 20, 20, 24, 30);
  mask_box(mask, image_columns, 30, 2, 32, 4);
  snprintf(path, sizeof path, "%s/masks/1.2.3.0.png", name);
  png_put_mask(in_folder(path), mask, image_rows, image_columns);
  snprintf(path, sizeof path, "%s/masks/1.2.3.2.png", name);
  png_put_mask(in_folder(path), mask, image_rows, image_columns);
  snprintf(path, sizeof path, "%s/masks/1.2.3.98.png", name);
  png_put_mask(in_folder(path), mask, image_rows, image_columns);
  snprintf(path, sizeof path, "%s/masks/1.2.3.3.png", name);
  png_put_mask(in_folder(path), mask, image_rows - 1, image_columns);
  snprintf(path, sizeof path, "%s/masks/1.2.3.4.png", name);
  png_put_mask(in_folder(path), mask, image_rows, image_columns);
  assert_int_equal(truncate(in_folder(path), 70), 0);
}

static void takes_a_folder_of_masks(void **state) {
  (void)state;
  bf_ingest_report r;
  bf_dataset *d = NULL;
  char *text = NULL;
  kept_path masks, boxes;
  uint8_t mask[mask_size], wanted[mask_size] = {0};
  make_masks("drawn");
  keep(masks, in_folder("drawn/masks/"));
  keep(boxes, write_text("drawn/some.csv", "SOPInstanceUID,xmin,ymin,xmax,ymax,pathology\n1.2.3.2,1,1,5,5,benign\n"));
  bf_ingest_options o = both_labels();
  label_files[1] = boxes;
  label_files[2] = masks;
  o.label_count = 3;
  assert_ok(bf_ingest(&r, &text, &o, err));
  assert_int_equal(r.files, 9); /* the masks lie in the folder that is ingested, and are no images */
  assert_int_equal(r.left_out, 4);
  assert_int_equal(r.frames, 5);
  assert_int_equal(r.masks, 3);
  assert_int_equal(r.mask_pixels, 2 * (60 + 40 + 4));
  assert_int_equal(r.boxes_from_masks, 2);
  assert_int_equal(r.specks, 1);
  assert_int_equal(r.masks_unfit, 2);
  assert_int_equal(r.masks_unmatched, 1);
  assert_int_equal(r.lesions_known, 3);
  assert_int_equal(r.lesions, 3);
  json_t *root = json_loads(text, 0, NULL);
  assert_int_equal(json_number(root, "masks"), 3);
  assert_int_equal(json_number(root, "boxes_from_masks"), 2);
  assert_int_equal(listed(root, "masks_unfit_list"), 2);
  assert_int_equal(listed(root, "masks_unmatched_list"), 1);
  const json_t *unfit = json_array_get(json_object_get(root, "masks_unfit_list"), 0);
  const char *why = json_string_value(json_object_get(unfit, "message"));
  assert_non_null(strstr(json_string_value(json_object_get(unfit, "file")), "i3.dcm"));
  assert_non_null(
      strstr(why, "masks/1.2.3.3.png: the mask has 40 columns and 29 rows, the image 40 columns and 30 rows"));
  json_decref(root);
  assert_null(strstr(text, "CANARY"));
  bf_text_free(text);

  assert_ok(bf_dataset_open(&d, output, err));
  static const int known[] = {1, 1, 1, 0, 0}, lesions[] = {2, 0, 1, 0, 0}, looked[] = {1, 1, 1, 0, 0};
  for (int i = 0; i < 5; i++) {
    assert_int_equal(bf_dataset_record(d, i)->mask_known, known[i]);
    assert_int_equal(bf_dataset_record(d, i)->lesions_count, lesions[i]);
    assert_int_equal(bf_dataset_record(d, i)->lesions_known, looked[i]);
  }
  const bf_lesion *l = bf_dataset_lesions(d, 0);
  assert_true(l[0].xmin == 2 && l[0].ymin == 3 && l[0].xmax == 12 && l[0].ymax == 9 && l[0].malignant == 1);
  assert_true(l[1].xmin == 20 && l[1].ymax == 30);
  assert_true(bf_dataset_lesions(d, 2)->xmax == 5); /* a box file spoke of it: its box stands, and the mask is kept */
  assert_int_equal(bf_dataset_lesions(d, 2)->malignant, 0);
  assert_ok(bf_dataset_mask(d, 1, mask, err));
  assert_memory_equal(mask, wanted, sizeof mask);
  mask_box(wanted, image_columns, 2, 3, 12, 9);
  mask_box(wanted, image_columns, 20, 20, 24, 30);
  mask_box(wanted, image_columns, 30, 2, 32, 4);
  assert_ok(bf_dataset_mask(d, 2, mask, err));
  assert_memory_equal(mask, wanted, sizeof mask);
  assert_non_null(strstr(bf_dataset_get_note(d, "labels.3"), " masks"));
  bf_dataset_close(d);
}

static void same_masks_for_any_threads(void **state) {
  (void)state;
  char *content[2] = {NULL, NULL};
  size_t size[2];
  bf_ingest_report r;
  kept_path masks;
  make_masks("mthreads");
  keep(masks, in_folder("mthreads/masks"));
  setenv("SOURCE_DATE_EPOCH", "1700000000", 1);
  setenv("BIFOCAL_PATIENT_KEY", "0123456789abcdef", 1);
  for (int i = 0; i < 2; i++) {
    bf_ingest_options o = both_labels();
    label_files[1] = masks;
    o.threads = i == 0 ? 1 : 3;
    assert_ok(bf_ingest(&r, NULL, &o, err));
    assert_ok(bf_file_read(&content[i], &size[i], output, 1 << 26, err));
  }
  assert_int_equal(size[0], size[1]);
  assert_memory_equal(content[0], content[1], size[0]);
  bf_free(content[0]);
  bf_free(content[1]);
  unsetenv("BIFOCAL_PATIENT_KEY");
}

/* A segmentation of a rectangle of 7 x 4 pixels from (5, 10) on the first of the frames, nothing on the others. */
static void put_segmentation(const char *path, const char *const *uids, int count) {
  static uint8_t pixels[2][image_rows * image_columns];
  seg_frame frames[2];
  memset(pixels, 0, sizeof pixels);
  for (int i = 0; i < 4; i++) memset(&pixels[0][(10 + i) * image_columns + 5], 1, 7);
  for (int i = 0; i < count; i++) frames[i] = (seg_frame){uids[i], i, NULL, NULL, pixels[i]};
  seg_put(
      &(seg_object){
          .type = "BINARY", .rows = image_rows, .columns = image_columns, .frame_count = count, .frames = frames},
      path);
}

/* A segmentation that lies among the images, of two of them; and a mask of a frame that is not there. */
static void takes_segmentations(void **state) {
  (void)state;
  bf_ingest_report r;
  bf_dataset *d = NULL;
  kept_path segmentation, csv;
  uint8_t mask[mask_size] = {0};
  make_studies("seg");
  keep(segmentation, in_folder("seg/lesions.dcm"));
  put_segmentation(segmentation, (const char *const[]){"1.2.3.1", "1.2.3.2"}, 2);
  png_put_mask(in_folder("seg/any.png"), mask, image_rows, image_columns);
  keep(csv, write_text("seg/masks.csv", "file,frame,mask\ni4.dcm,0,any.png\ni4.dcm,1,any.png\n"));
  bf_ingest_options o = both_labels();
  label_files[1] = segmentation;
  label_files[2] = csv;
  o.label_count = 3;
  assert_ok(bf_ingest(&r, NULL, &o, err));
  assert_int_equal(r.masks, 3);
  assert_int_equal(r.boxes_from_masks, 1);
  assert_int_equal(r.masks_unfit, 1);
  assert_int_equal(r.lesions_known, 3);
  assert_ok(bf_dataset_open(&d, output, err));
  const bf_lesion *l = bf_dataset_lesions(d, 1);
  assert_true(l->xmin == 5 && l->ymin == 10 && l->xmax == 12 && l->ymax == 14);
  assert_int_equal(l->malignant, 0);
  assert_true(bf_dataset_record(d, 2)->mask_known && bf_dataset_record(d, 2)->lesions_known);
  assert_true(bf_dataset_record(d, 4)->mask_known);
  bf_dataset_close(d);
}

/* What a label says of a file that cannot be read is said of no other one that shares a name with it. */
static void unreadable_files_give_nothing(void **state) {
  (void)state;
  bf_ingest_report r;
  kept_path in, coco, rsna, out;
  assert_ok(bf_make_folders(in_folder("un/b"), err));
  assert_ok(bf_make_folders(in_folder("un/z"), err));
  write_text("un/b/im1.dcm", "no image");
  write_image("un/z/im1.dcm", "1.7.1", "P");
  keep(in, in_folder("un"));
  keep(out, in_folder("un/d.h5"));
  keep(coco,
       write_text("un/c.json",
                  "{\"images\": [{\"id\": 1, \"file_name\": \"im1.png\"}], \"annotations\": [], \"categories\": []}"));
  keep(rsna, write_text("un/r.csv", "patient_id,image_id,cancer\nb,im1,1\n"));
  paths[0] = in;
  label_files[0] = coco;
  label_files[1] = rsna;
  bf_ingest_options o = options_for(out);
  o.path_count = 1;
  o.label_count = 2;
  assert_ok(bf_ingest(&r, NULL, &o, err));
  assert_int_equal(r.frames, 1);
  assert_int_equal(r.malignant, 0);
  assert_int_equal(r.lesions_known, 1);
  assert_int_equal(r.labels_unmatched, 0);
}

/* A folder of label files of several kinds, below the images: none of them is an image. */
static void takes_a_folder_of_labels(void **state) {
  (void)state;
  bf_ingest_report r;
  kept_path labels;
  make_studies("many");
  assert_ok(bf_make_folders(in_folder("many/labels"), err));
  keep(labels, in_folder("many/labels"));
  put_segmentation(in_folder("many/labels/lesions.dcm"), (const char *const[]){"1.2.3.1"}, 1);
  write_text("many/labels/classes.csv", "SOPInstanceUID,pathology\n1.2.3.1,benign\n");
  bf_ingest_options o = both_labels();
  label_files[0] = labels;
  o.label_count = 1;
  assert_ok(bf_ingest(&r, NULL, &o, err));
  assert_int_equal(r.passed_over, 2);
  assert_int_equal(r.masks, 1);
  assert_int_equal(r.benign, 1);
  assert_int_equal(r.boxes_from_masks, 1);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(takes_and_leaves_out),
      cmocka_unit_test(no_identity_in_file),
      cmocka_unit_test(same_bytes_for_any_threads),
      cmocka_unit_test(keys),
      cmocka_unit_test(patient_of_labels),
      cmocka_unit_test(refuses),
      cmocka_unit_test(settings_reach_the_file),
      cmocka_unit_test(full_disk),
      cmocka_unit_test(takes_a_folder_of_masks),
      cmocka_unit_test(same_masks_for_any_threads),
      cmocka_unit_test(takes_segmentations),
      cmocka_unit_test(takes_a_folder_of_labels),
      cmocka_unit_test(unreadable_files_give_nothing),
  };
  return cmocka_run_group_tests(tests, start_all, remove_folder);
}
