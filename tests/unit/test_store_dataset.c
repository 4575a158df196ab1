/* DATA.h5: what is written comes back; cut, patched and foreign files are refused; a full disk leaves nothing behind.
 */
#include "data_support.h"

#include <hdf5.h>

#include "base/memory.h"

enum { images = 7 };

static void picture(uint16_t *pixels, int n, int seed) {
  for (int i = 0; i < n; i++) pixels[i] = (uint16_t)(i * 257 + seed * 7919);
}

/* Every third image has a mask. Ends behind the columns in a row are dirty now and then: they are no pixels. */
enum { mask_room = 127 * 3 };
static const uint8_t *mask_of(uint8_t *mask, const bf_record *r, int i, bool dirty) {
  size_t stride = ((size_t)r->columns + 7) / 8;
  for (size_t k = 0; k < stride * (size_t)r->rows; k++) mask[k] = (uint8_t)(k * 37 + (size_t)i);
  for (size_t y = 0; y < (size_t)r->rows && r->columns % 8 != 0 && !dirty; y++)
    mask[(y + 1) * stride - 1] &= (uint8_t)(0xff << (8 - r->columns % 8));
  return i % 3 == 0 ? mask : NULL;
}

static bf_record record_of(int i) {
  char name[64];
  static char names[images][64];
  snprintf(names[i], sizeof names[i], "folder/\xc3\xa4 %d.dcm", i);
  snprintf(name, sizeof name, "patient%d", i / 2);
  bf_record r = plain_record(names[i], name, i % 3 - 1, 13 + i, 127 - i);
  snprintf(r.sop_instance_uid, sizeof r.sop_instance_uid, "1.2.3.%d", i);
  /* All of the 64 characters that a UID may have. */
  if (i == 0) memset(r.study_instance_uid, '7', 64);
  r.split = (uint8_t)(i % 4);
  strcpy(r.photometric, i % 2 ? "YBR_PARTIAL_422" : "MONOCHROME1");
  strcpy(r.laterality, i % 3 == 0 ? "L" : i % 3 == 1 ? "R" : "");
  strcpy(r.view, i % 2 ? "MLO" : "");
  /* All of the 32 characters that a maker's name may have. */
  if (i == 1) memset(r.manufacturer, 'M', 32);
  if (i > 1) snprintf(r.manufacturer, sizeof r.manufacturer, "Maker %d, Inc.", i);
  if (i > 0) snprintf(r.age_group, sizeof r.age_group, "%d0-%d9", i, i);
  r.lesions_known = i % 2;
  r.spacing_row = 0.125;
  r.to_prepared[2] = -0.5 * i;
  return r;
}

static bf_status write_all(const char *path, bf_error *err) {
  bf_dataset_writer *w = NULL;
  uint16_t pixels[127 * 32];
  uint8_t mask[mask_room];
  bf_status status = bf_dataset_writer_create(&w, path, err);
  for (int i = 0; i < images && status == BF_OK; i++) {
    bf_record r = record_of(i);
    bf_lesion lesions[2] = {{.xmin = 1, .ymin = 2, .xmax = 3.5f, .ymax = 4, .malignant = 1},
                            {.xmin = 0, .ymin = 0, .xmax = 9, .ymax = 8, .malignant = -1}};
    picture(pixels, r.prepared_rows * r.prepared_columns, i);
    status = bf_dataset_append(w, &r, pixels, lesions, i % 2 ? 2 : 0, mask_of(mask, &r, i, i == 6), err);
  }
  if (status == BF_OK) status = bf_dataset_leave_out(w, "notes.txt", "not_dicom", "notes.txt: not DICOM", err);
  if (status == BF_OK) status = bf_dataset_note(w, "prepare.side", "320", err);
  if (status == BF_OK) status = bf_dataset_finish(w, err);
  bf_dataset_writer_destroy(w);
  return status;
}

static void comes_back(void **state) {
  (void)state;
  bf_dataset *d = NULL;
  const char *path = in_folder("round.h5");
  assert_ok(write_all(path, err));
  assert_ok(bf_dataset_open(&d, path, err));
  assert_int_equal(bf_dataset_count(d), images);
  assert_int_equal(bf_dataset_left_out_count(d), 1);
  assert_string_equal(bf_dataset_get_note(d, "prepare.side"), "320");
  assert_null(bf_dataset_get_note(d, "absent"));
  for (int i = images - 1; i >= 0; i--) { /* backwards: order of reading must not matter */
    bf_record wanted = record_of(i);
    const bf_record *r = bf_dataset_record(d, i);
    uint16_t found[127 * 32], pixels[127 * 32];
    assert_string_equal(r->file, wanted.file);
    assert_string_equal(r->sop_instance_uid, wanted.sop_instance_uid);
    assert_string_equal(r->study_instance_uid, wanted.study_instance_uid);
    assert_string_equal(r->patient, wanted.patient);
    assert_string_equal(r->modality, "US");
    assert_string_equal(r->photometric, wanted.photometric);
    assert_string_equal(r->laterality, wanted.laterality);
    assert_string_equal(r->view, wanted.view);
    assert_string_equal(r->manufacturer, wanted.manufacturer);
    assert_string_equal(r->age_group, wanted.age_group);
    assert_int_equal(r->malignant, wanted.malignant);
    assert_int_equal(r->split, wanted.split);
    assert_true(r->spacing_row == 0.125);
    assert_memory_equal(r->to_prepared, wanted.to_prepared, sizeof wanted.to_prepared);
    assert_int_equal(r->lesions_count, i % 2 ? 2 : 0);
    for (int k = 0; k < r->lesions_count; k++) assert_int_equal(bf_dataset_lesions(d, i)[k].image, i);
    if (r->lesions_count > 0) assert_true(bf_dataset_lesions(d, i)[0].xmax == 3.5f);
    int n = r->prepared_rows * r->prepared_columns;
    picture(pixels, n, i);
    assert_ok(bf_dataset_pixels(d, i, found, err));
    assert_memory_equal(found, pixels, (size_t)n * sizeof *pixels);
    uint8_t mask[mask_room], wanted_mask[mask_room];
    bool drawn = mask_of(wanted_mask, r, i, false) != NULL;
    assert_int_equal(r->mask_known, drawn);
    assert_int_equal(bf_dataset_mask(d, i, mask, NULL), drawn ? BF_OK : BF_E_ARGUMENT);
    if (drawn) assert_memory_equal(mask, wanted_mask, ((size_t)r->columns + 7) / 8 * (size_t)r->rows);
  }
  bf_dataset_close(d);
}

/* The file as another program left it: a member of it gone. */
static void without(const char *path, const char *const *names, int count) {
  hid_t f = H5Fopen(path, H5F_ACC_RDWR, H5P_DEFAULT);
  assert_true(f >= 0);
  for (int i = 0; i < count; i++) assert_true(H5Ldelete(f, names[i], H5P_DEFAULT) >= 0);
  assert_true(H5Fclose(f) >= 0);
}

/* Files that were written before there were masks. */
static void reads_files_without_masks(void **state) {
  (void)state;
  static const char *const names[] = {"images/mask_known", "images/mask_start", "masks"};
  const char *path = in_folder("old.h5");
  bf_dataset *d = NULL;
  bf_error bad = {0};
  assert_ok(write_all(path, err));
  without(path, names, 3);
  assert_ok(bf_dataset_open(&d, path, err));
  assert_int_equal(bf_dataset_count(d), images);
  for (int i = 0; i < images; i++) assert_int_equal(bf_dataset_record(d, i)->mask_known, 0);
  assert_int_equal(bf_dataset_mask(d, 0, NULL, NULL), BF_E_ARGUMENT);
  bf_dataset_close(d);
  assert_ok(write_all(path, err));
  without(path, names + 2, 1);
  bf_dataset_open(&d, path, &bad);
  assert_message(bad, BF_E_FORMAT, "/masks");
  assert_ok(write_all(path, err));
  without(path, names + 1, 1);
  bf_dataset_open(&d, path, &bad);
  assert_message(bad, BF_E_FORMAT, "mask_start");
}

/* Files that were written before the photometric interpretation was kept. */
static void reads_files_without_photometric(void **state) {
  (void)state;
  static const char *const name = "images/photometric";
  bf_dataset *d = NULL;
  assert_ok(write_all(in_folder("grey.h5"), err));
  without(in_folder("grey.h5"), &name, 1);
  assert_ok(bf_dataset_open(&d, in_folder("grey.h5"), err));
  for (int i = 0; i < images; i++) assert_string_equal(bf_dataset_record(d, i)->photometric, "");
  bf_dataset_close(d);
}

/* Files that were written before it was kept where a picture comes from. */
static void reads_files_without_origin(void **state) {
  (void)state;
  static const char *const names[] = {"images/laterality", "images/view", "images/manufacturer", "images/age_group"};
  bf_dataset *d = NULL;
  assert_ok(write_all(in_folder("origin.h5"), err));
  without(in_folder("origin.h5"), names, 4);
  assert_ok(bf_dataset_open(&d, in_folder("origin.h5"), err));
  for (int i = 0; i < images; i++) {
    const bf_record *r = bf_dataset_record(d, i);
    assert_true(r->laterality[0] == '\0' && r->view[0] == '\0' && r->manufacturer[0] == '\0' &&
                r->age_group[0] == '\0');
  }
  bf_dataset_close(d);
}

static void holds_nothing(void **state) {
  (void)state;
  bf_dataset_writer *w = NULL;
  bf_dataset *d = NULL;
  assert_ok(bf_dataset_writer_create(&w, in_folder("empty.h5"), err));
  assert_ok(bf_dataset_finish(w, err));
  bf_dataset_writer_destroy(w);
  assert_ok(bf_dataset_open(&d, in_folder("empty.h5"), err));
  assert_int_equal(bf_dataset_count(d), 0);
  bf_dataset_close(d);
}

/* Every length of the file: refused, or whole. Never a crash, never fewer rows. */
static void notices_cuts(void **state) {
  (void)state;
  char *bytes = NULL;
  size_t size = 0;
  assert_ok(write_all(in_folder("whole.h5"), err));
  assert_ok(bf_file_read(&bytes, &size, in_folder("whole.h5"), 1 << 24, err));
  int refused = 0;
  for (size_t cut = 0; cut < size; cut += cut < 4096 ? 61 : 4099) {
    bf_dataset *d = NULL;
    bf_error bad = {0};
    assert_ok(bf_file_write(in_folder("cut.h5"), bytes, cut, err));
    assert_int_not_equal(bf_dataset_open(&d, in_folder("cut.h5"), &bad), BF_OK);
    assert_int_equal(bad.status, BF_E_FORMAT);
    assert_null(strstr(bad.message, "no reason given"));
    assert_null(d);
    refused++;
  }
  assert_true(refused > 50);
  bf_free(bytes);
}

/* A byte anywhere before the closing line is changed: refused, before HDF5 sees the file. */
static void notices_patches(void **state) {
  (void)state;
  char *bytes = NULL;
  size_t size = 0;
  assert_ok(write_all(in_folder("whole.h5"), err));
  assert_ok(bf_file_read(&bytes, &size, in_folder("whole.h5"), 1 << 24, err));
  for (size_t at = 0; at < size - 81; at += at < 8192 ? 211 : 20011) {
    bf_dataset *d = NULL;
    bf_error bad = {0};
    bytes[at] = (char)(bytes[at] ^ 1);
    replace_bytes("patched.h5", bytes, size);
    bf_dataset_open(&d, in_folder("patched.h5"), &bad);
    assert_message(bad, BF_E_FORMAT, "SHA-256");
    bytes[at] = (char)(bytes[at] ^ 1);
  }
  bf_free(bytes);
}

/* Files that another program has changed have no closing line: what they say is checked, number by number. */
static void checks_numbers(void **state) {
  (void)state;
  char *bytes = NULL;
  size_t size = 0;
  assert_ok(write_all(in_folder("whole.h5"), err));
  assert_ok(bf_file_read(&bytes, &size, in_folder("whole.h5"), 1 << 24, err));
  size -= 81;
  int32_t heights[images], counts[images];
  int64_t starts[images], at = 0, lesion_starts[images], mask_starts[images], masks = 0;
  bf_record first = record_of(0);
  for (int i = 0, lesions = 0; i < images; i++) {
    bf_record r = record_of(i);
    heights[i] = r.prepared_rows;
    starts[i] = at;
    lesion_starts[i] = lesions;
    mask_starts[i] = i % 3 == 0 ? masks : -1;
    if (i % 3 == 0) masks += (r.columns + 7) / 8 * r.rows;
    counts[i] = i % 2 ? 2 : 0;
    lesions += counts[i];
    at += (int64_t)r.prepared_rows * r.prepared_columns;
  }
  const int32_t huge32 = 1 << 30, minus32 = -1;
  const int64_t huge64 = INT64_C(1) << 62, minus64 = -5;
  const double none = 0;
  const struct {
    const void *column;
    size_t column_size;
    const void *value;
    size_t value_size;
    const char *words;
  } cases[] = {
      {starts, sizeof starts, &huge64, 8, "pixels_start"},
      {starts, sizeof starts, &minus64, 8, "pixels_start"},
      {starts + 1, sizeof starts - 8, &at, 8, "pixels_start"}, /* ends behind the last value */
      {lesion_starts, sizeof lesion_starts, &huge64, 8, "lesions_start"},
      {counts, sizeof counts, &minus32, 4, "lesions_count"},
      {counts, sizeof counts, &huge32, 4, "lesions_count"},
      {mask_starts, sizeof mask_starts, &huge64, 8, "mask_start"},
      {mask_starts, sizeof mask_starts, &minus64, 8, "mask_start"},
      {mask_starts + 6, 8, &masks, 8, "mask_start"}, /* ends behind the last byte */
      {first.to_prepared, sizeof first.to_prepared, &none, 8, "to_prepared"},
  };
  for (size_t c = 0; c < sizeof cases / sizeof cases[0]; c++) {
    bf_dataset *d = NULL;
    bf_error bad = {0};
    char *place = memmem(bytes, size, cases[c].column, cases[c].column_size), kept[8];
    assert_non_null(place);
    memcpy(kept, place, cases[c].value_size);
    memcpy(place, cases[c].value, cases[c].value_size);
    replace_bytes("patched.h5", bytes, size);
    memcpy(place, kept, cases[c].value_size);
    bf_dataset_open(&d, in_folder("patched.h5"), &bad);
    assert_null(d);
    assert_message(bad, BF_E_FORMAT, cases[c].words);
  }
  /* Heights stand there twice: of the original and of the prepared picture. */
  char *place = memmem(bytes, size, heights, sizeof heights);
  assert_non_null(place);
  size_t behind = (size_t)(place - bytes) + sizeof heights;
  char *second = memmem(bytes + behind, size - behind, heights, sizeof heights);
  assert_non_null(second);
  char *both[] = {place, second};
  for (int i = 0; i < 2; i++) {
    bf_dataset *d = NULL;
    bf_error bad = {0};
    memcpy(both[i], &minus32, 4);
    replace_bytes("patched.h5", bytes, size);
    memcpy(both[i], heights, 4);
    bf_dataset_open(&d, in_folder("patched.h5"), &bad);
    assert_message(bad, BF_E_FORMAT, "cannot be");
  }
  bf_dataset *d = NULL;
  replace_bytes("patched.h5", bytes, size);
  assert_ok(bf_dataset_open(&d, in_folder("patched.h5"), err));
  bf_dataset_close(d);
  bf_free(bytes);
}

static void refuses_others(void **state) {
  (void)state;
  bf_dataset *d = NULL;
  bf_error bad = {0};
  bf_dataset_open(&d, write_text("text.h5", "no HDF5 at all, but some text"), &bad);
  assert_message(bad, BF_E_FORMAT, "is no HDF5 file");
  bf_dataset_open(&d, in_folder("absent.h5"), &bad);
  assert_message(bad, BF_E_NOT_FOUND, "absent.h5");
  bf_dataset_open(&d, write_text("short.h5", ""), &bad);
  assert_message(bad, BF_E_FORMAT, "is no HDF5 file");
}

static void full_disk(void **state) {
  (void)state;
  const char *path = in_folder("full.h5");
  assert_ok(bf_file_write(path, "old", 3, err));
  /* Wherever the disk fills up: in the pixels, in the tables, while closing. */
  bf_dataset *d = NULL;
  char *whole = NULL;
  size_t whole_size = 0;
  assert_ok(write_all(in_folder("enough.h5"), err));
  assert_ok(bf_file_read(&whole, &whole_size, in_folder("enough.h5"), 1 << 24, err));
  bf_free(whole);
  for (rlim_t space = 0; space < whole_size; space += space < 4096 ? 512 : 97 * 1024) {
    bf_error bad = {0};
    take_space(space);
    bf_status status = write_all(path, &bad);
    give_space();
    assert_int_equal(status, BF_E_IO);
    assert_message(bad, BF_E_IO, "File too large");
    char *left = NULL;
    size_t size = 0;
    assert_ok(bf_file_read(&left, &size, path, 100, err));
    assert_string_equal(left, "old");
    bf_free(left);
    char part[600];
    snprintf(part, sizeof part, "%s.part", path);
    assert_false(bf_file_exists(part));
  }
  assert_ok(write_all(path, err)); /* and the library still works */
  assert_ok(bf_dataset_open(&d, path, err));
  bf_dataset_close(d);
}

static void unwritable(void **state) {
  (void)state;
  char path[600];
  bf_error bad = {0};
  snprintf(path, sizeof path, "%s/data.h5", write_text("a-file", "x"));
  assert_int_not_equal(write_all(path, &bad), BF_OK);
  assert_message(bad, BF_E_IO, "cannot write into the folder");
  bad = (bf_error){0};
  assert_int_not_equal(write_all(in_folder("no/such/folder/data.h5"), &bad), BF_OK);
  assert_message(bad, BF_E_NOT_FOUND, "folder");
  bad = (bf_error){0};
  assert_int_not_equal(write_all(test_folder, &bad), BF_OK);
  assert_message(bad, BF_E_ARGUMENT, "is a folder");
}

static void abandoned(void **state) {
  (void)state;
  bf_dataset_writer *w = NULL;
  uint16_t pixels[13 * 127] = {0};
  bf_record r = record_of(0);
  assert_ok(bf_dataset_writer_create(&w, in_folder("abandoned.h5"), err));
  assert_ok(bf_dataset_append(w, &r, pixels, NULL, 0, NULL, err));
  bf_dataset_writer_destroy(w);
  assert_false(bf_file_exists(in_folder("abandoned.h5")));
  assert_false(bf_file_exists(in_folder("abandoned.h5.part")));
}

static void refuses_sizes(void **state) {
  (void)state;
  bf_dataset_writer *w = NULL;
  uint16_t one = 0;
  bf_record r = plain_record("x.dcm", "", 0, 1 << 14, 1 << 14);
  bf_error bad = {0};
  assert_ok(bf_dataset_writer_create(&w, in_folder("sizes.h5"), err));
  assert_int_equal(bf_dataset_append(w, &r, &one, NULL, 0, NULL, &bad), BF_E_LIMIT);
  r.prepared_rows = r.prepared_columns = 1;
  assert_int_equal(bf_dataset_append(w, &r, &one, NULL, 0, (const uint8_t *)"", &bad), BF_E_LIMIT);
  assert_message(bad, BF_E_LIMIT, "a mask of 16384 x 16384");
  r.prepared_rows = 0;
  assert_int_equal(bf_dataset_append(w, &r, &one, NULL, 0, NULL, &bad), BF_E_LIMIT);
  bf_dataset_writer_destroy(w);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(comes_back),
      cmocka_unit_test(holds_nothing),
      cmocka_unit_test(notices_cuts),
      cmocka_unit_test(notices_patches),
      cmocka_unit_test(checks_numbers),
      cmocka_unit_test(refuses_others),
      cmocka_unit_test(full_disk),
      cmocka_unit_test(unwritable),
      cmocka_unit_test(abandoned),
      cmocka_unit_test(refuses_sizes),
      cmocka_unit_test(reads_files_without_masks),
      cmocka_unit_test(reads_files_without_photometric),
      cmocka_unit_test(reads_files_without_origin),
  };
  return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
