/* SCORES.h5 and its journal: columns as INTERFACE says, the same bytes whatever the history, clear errors. */
#include "data_support.h"

#include <fcntl.h>
#include <hdf5.h>
#include <math.h>

#include "base/memory.h"
#include "base/rng.h"
#include "store/scores.h"

enum { rows = 127 };

static const bf_scores_notes notes = {"abc", "size: 224\n", "maximum", "{\"threshold\": 0.5}", NULL};

typedef struct made {
  bf_score_row rows[rows];
  bf_found_box boxes[rows][3];
  char files[rows][32], messages[rows][32];
} made;

static made *make_rows(void) {
  made *m = bf_alloc(1, sizeof *m);
  assert_non_null(m);
  for (int i = 0; i < rows; i++) {
    bf_score_row *r = &m->rows[i];
    bool failed = i % 10 == 3;
    snprintf(m->files[i], sizeof m->files[i], "s/\xc3\xbc%d.dcm", i / 2);
    snprintf(m->messages[i], sizeof m->messages[i], failed ? "file %d is damaged" : "", i);
    *r = (bf_score_row){.file = m->files[i],
                        .message = m->messages[i],
                        .frame = i % 2,
                        .rows = 100 + i,
                        .columns = 7,
                        .boxes = m->boxes[i],
                        .box_count = failed ? 0 : i % 4,
                        .status = failed ? i % 20 == 3 ? BF_ROW_DAMAGED : BF_ROW_UNLIKE_TRAINING : BF_ROW_OK,
                        .unlike = i % 20 == 13   ? "modality MG"
                                  : i % 20 == 14 ? "size 7 x 9, but scored"
                                                 : "",
                        .malignant_probability = failed ? NAN : (float)(i % 97) / 97,
                        .malignant_logit = failed ? NAN : (float)i - 60};
    snprintf(r->sop_instance_uid, sizeof r->sop_instance_uid, "1.2.%d", i);
    if (!failed || i > 50) snprintf(r->study_instance_uid, sizeof r->study_instance_uid, "9.%d", i % 5);
    snprintf(r->modality, sizeof r->modality, "MG");
    snprintf(r->patient, sizeof r->patient, i % 7 ? "%064d" : "", i % 7);
    snprintf(r->laterality, sizeof r->laterality, i % 2 ? "L" : "");
    snprintf(r->view, sizeof r->view, i % 5 ? "MLO" : "");
    snprintf(r->manufacturer, sizeof r->manufacturer, i % 3 ? "Maker %d of 32 letters in all, Inc." : "", i % 3);
    snprintf(r->age_group, sizeof r->age_group, i % 4 ? "%d0-%d9" : "", i % 4, i % 4);
    r->spacing_row = i % 6 * 0.07;
    r->spacing_column = i % 6 * 0.1;
    r->seen = (int8_t)(i % 3 - 1);
    for (int k = 0; k < r->box_count; k++)
      m->boxes[i][k] = (bf_found_box){(float)k, 1, (float)k + 5.25f, 9, 0.9f - 0.2f * (float)k};
  }
  return m;
}

static void same_rows(const bf_scores *s, const made *m) {
  assert_int_equal(s->count, rows);
  for (int i = 0; i < rows; i++) {
    const bf_score_row *a = &s->rows[i], *b = &m->rows[i];
    assert_string_equal(a->file, b->file);
    assert_string_equal(a->message, b->message);
    assert_string_equal(a->unlike, b->unlike);
    assert_string_equal(a->sop_instance_uid, b->sop_instance_uid);
    assert_string_equal(a->study_instance_uid, b->study_instance_uid);
    assert_string_equal(a->modality, b->modality);
    assert_string_equal(a->patient, b->patient);
    assert_string_equal(a->laterality, b->laterality);
    assert_string_equal(a->view, b->view);
    assert_string_equal(a->manufacturer, b->manufacturer);
    assert_string_equal(a->age_group, b->age_group);
    assert_true(a->spacing_row == b->spacing_row && a->spacing_column == b->spacing_column);
    assert_int_equal(a->seen, b->seen);
    assert_int_equal(a->frame, b->frame);
    assert_int_equal(a->rows, b->rows);
    assert_int_equal(a->columns, b->columns);
    assert_int_equal(a->status, b->status);
    assert_memory_equal(&a->malignant_logit, &b->malignant_logit, sizeof(float));
    assert_memory_equal(&a->malignant_probability, &b->malignant_probability, sizeof(float));
    assert_int_equal(a->box_count, b->box_count);
    if (a->box_count > 0) assert_memory_equal(a->boxes, b->boxes, (size_t)a->box_count * sizeof *a->boxes);
  }
}

static void comes_back(void **state) {
  (void)state;
  made *m = make_rows();
  bf_scores s;
  assert_ok(bf_scores_publish(in_folder("s.h5"), m->rows, rows, &notes, err));
  assert_ok(bf_scores_read(&s, in_folder("s.h5"), err));
  same_rows(&s, m);
  assert_string_equal(s.model_sha256, "abc");
  assert_string_equal(s.config_yaml, "size: 224\n");
  assert_string_equal(s.extra_json, "{\"threshold\": 0.5}");
  bf_scores_clear(&s);
  bf_free(m);
}

static void sorts_boxes(void **state) {
  (void)state;
  bf_found_box boxes[3] = {{0, 0, 1, 1, 0.25f}, {5, 5, 6, 6, 0.75f}, {2, 2, 3, 3, 0.5f}};
  bf_score_row row = {.file = "a",
                      .message = "",
                      .rows = 9,
                      .columns = 9,
                      .boxes = boxes,
                      .box_count = 3,
                      .malignant_logit = NAN,
                      .malignant_probability = NAN};
  bf_scores s;
  assert_ok(bf_scores_publish(in_folder("sorted.h5"), &row, 1, &notes, err));
  assert_ok(bf_scores_read(&s, in_folder("sorted.h5"), err));
  assert_true(s.rows[0].boxes[0].score == 0.75f && s.rows[0].boxes[1].score == 0.5f &&
              s.rows[0].boxes[2].score == 0.25f);
  bf_scores_clear(&s);
}

static void journal_gives_the_same(void **state) {
  (void)state;
  made *m = make_rows();
  bf_journal *j = NULL;
  char *direct = NULL, *resumed = NULL;
  size_t direct_size = 0, resumed_size = 0;
  bf_scores_totals totals;
  int64_t failed = 0, unlike = 0;
  for (int i = 0; i < rows; i++) failed += m->rows[i].status != BF_ROW_OK, unlike += m->rows[i].unlike[0] != '\0';
  setenv("SOURCE_DATE_EPOCH", "1700000000", 1);
  assert_ok(bf_scores_publish(in_folder("direct.h5"), m->rows, rows, &notes, err));
  /* Files are done in another order, over three openings, one file left half done and done again. */
  assert_ok(bf_journal_open(&j, in_folder("j"), "job", err));
  for (int file = 63; file >= 30; file--) {
    for (int frame = 0; frame < 2; frame++)
      if (file * 2 + frame < rows)
        assert_ok(bf_journal_put(j, (int64_t)file << 20 | frame, &m->rows[file * 2 + frame], err));
    assert_ok(bf_journal_file_done(j, file, err));
  }
  assert_ok(bf_journal_put(j, (int64_t)5 << 20 | 7, &m->rows[0], err)); /* a frame that the second run does not have */
  bf_journal_close(j);
  assert_ok(bf_journal_open(&j, in_folder("j"), "job", err));
  assert_int_equal(bf_journal_files(j), 34);
  assert_true(bf_journal_has_file(j, 30));
  assert_false(bf_journal_has_file(j, 5));
  for (int file = 0; file < 30; file++) {
    for (int frame = 0; frame < 2; frame++)
      assert_ok(bf_journal_put(j, (int64_t)file << 20 | frame, &m->rows[file * 2 + frame], err));
    assert_ok(bf_journal_file_done(j, file, err));
  }
  assert_ok(bf_scores_publish_journal(&totals, in_folder("resumed.h5"), j, &notes, err));
  assert_int_equal(totals.rows, rows);
  assert_int_equal(totals.failed, failed); /* those of the earlier runs too */
  assert_true(failed > 0);
  assert_int_equal(totals.unlike, unlike);
  assert_true(unlike > 0);
  assert_int_equal(bf_journal_files(j), 64);
  bf_journal_close(j);
  bf_journal_remove(in_folder("j"));
  assert_false(bf_file_exists(in_folder("j")));
  assert_ok(bf_file_read(&direct, &direct_size, in_folder("direct.h5"), 1 << 24, err));
  assert_ok(bf_file_read(&resumed, &resumed_size, in_folder("resumed.h5"), 1 << 24, err));
  assert_int_equal(direct_size, resumed_size);
  assert_memory_equal(direct, resumed, direct_size);
  bf_free(direct);
  bf_free(resumed);
  bf_free(m);
}

static void another_job(void **state) {
  (void)state;
  bf_journal *j = NULL, *second = NULL;
  bf_error bad = {0};
  assert_ok(bf_journal_open(&j, in_folder("other"), "model A", err));
  assert_int_not_equal(bf_journal_open(&second, in_folder("other"), "model A", &bad), BF_OK);
  assert_message(bad, BF_E_ARGUMENT, "another program");
  bf_journal_close(j);
  assert_int_not_equal(bf_journal_open(&j, in_folder("other"), "model B", &bad), BF_OK);
  assert_message(bad, BF_E_ARGUMENT, "another job");
  assert_ok(bf_journal_open(&j, in_folder("other"), "model A", err));
  bf_journal_close(j);
}

/* The table of another version, which has a column less, or one of another name. */
static void other_columns(void **state) {
  (void)state;
  bf_journal *j = NULL;
  bf_error bad = {0};
  char *bytes, *place;
  size_t size;
  assert_ok(bf_journal_open(&j, in_folder("columns"), "job", err));
  bf_journal_close(j);
  assert_ok(bf_file_read(&bytes, &size, in_folder("columns"), 1 << 24, err));
  place = memmem(bytes, size, "\"manufacturer\" TEXT", 19);
  assert_non_null(place);
  memcpy(place, "\"manufacturex\"", 14);
  assert_ok(bf_file_write(in_folder("columns"), bytes, size, err));
  bf_journal_open(&j, in_folder("columns"), "job", &bad);
  assert_message(bad, BF_E_ARGUMENT, "the journal of another version of this one");
  bf_free(bytes);
}

static void damaged_journal(void **state) {
  (void)state;
  bf_journal *j = NULL;
  bf_error bad = {0};
  const char *letter = write_text("text.journal",
                                  "A letter, and no journal at all, whatever its name may be. It goes on for more than "
                                  "a hundred bytes, and then it ends.");
  bf_journal_open(&j, letter, "job", &bad);
  assert_message(bad, BF_E_FORMAT, "remove it");
  /* A journal with a hole in it. */
  made *m = make_rows();
  const char *path = in_folder("torn");
  assert_ok(bf_journal_open(&j, path, "job", err));
  for (int i = 0; i < rows; i++) {
    assert_ok(bf_journal_put(j, (int64_t)i << 20, &m->rows[i], err));
    assert_ok(bf_journal_file_done(j, i, err));
  }
  bf_journal_close(j);
  char *bytes = NULL;
  size_t size = 0;
  assert_ok(bf_file_read(&bytes, &size, path, 1 << 24, err));
  assert_true(size > 16384);
  int refused = 0;
  for (size_t cut = 100; cut < size; cut += 1777) {
    bad = (bf_error){0};
    assert_ok(bf_file_write(path, bytes, cut, err));
    if (bf_journal_open(&j, path, "job", &bad) != BF_OK) {
      assert_int_equal(bad.status, BF_E_FORMAT);
      refused++;
    } else {
      bf_journal_close(j);
    }
    bf_journal_remove(path);
  }
  assert_true(refused > 5);
  memset(bytes + 8192, 0xa5, 4096);
  assert_ok(bf_file_write(path, bytes, size, err));
  assert_int_equal(bf_journal_open(&j, path, "job", &bad), BF_E_FORMAT);
  bf_free(bytes);
  bf_free(m);
}

static void full_disk(void **state) {
  (void)state;
  made *m = make_rows();
  const char *path = in_folder("full.h5");
  for (rlim_t space = 0; space < 20000; space += 1024) {
    bf_error bad = {0};
    take_space(space);
    bf_status status = bf_scores_publish(path, m->rows, rows, &notes, &bad);
    give_space();
    assert_int_equal(status, BF_E_IO);
    assert_message(bad, BF_E_IO, "File too large");
    assert_false(bf_file_exists(path));
  }
  /* The journal: an error, and what was committed before is still there. */
  bf_journal *j = NULL;
  bf_error bad = {0};
  assert_ok(bf_journal_open(&j, in_folder("fj"), "job", err));
  assert_ok(bf_journal_put(j, 0, &m->rows[0], err));
  assert_ok(bf_journal_file_done(j, 0, err));
  assert_ok(bf_journal_commit(j, err));
  take_space(1024);
  bf_status status = BF_OK;
  for (int i = 1; i < rows && status == BF_OK; i++) status = bf_journal_put(j, (int64_t)i << 20, &m->rows[i], &bad);
  if (status == BF_OK) status = bf_journal_commit(j, &bad);
  bf_journal_close(j);
  give_space();
  assert_int_equal(status, BF_E_IO);
  assert_ok(bf_journal_open(&j, in_folder("fj"), "job", err));
  assert_int_equal(bf_journal_files(j), 1);
  bf_journal_close(j);
  bf_free(m);
}

static void unwritable(void **state) {
  (void)state;
  bf_journal *j = NULL;
  bf_error bad = {0};
  char path[600];
  snprintf(path, sizeof path, "%s/s.journal", write_text("a-file", "x"));
  assert_int_not_equal(bf_journal_open(&j, path, "job", &bad), BF_OK);
  assert_message(bad, BF_E_IO, "s.journal");
  assert_null(j);
}

static void notices_cuts_and_patches(void **state) {
  (void)state;
  made *m = make_rows();
  char *bytes = NULL;
  size_t size = 0;
  bf_scores s;
  assert_ok(bf_scores_publish(in_folder("whole.h5"), m->rows, rows, &notes, err));
  assert_ok(bf_file_read(&bytes, &size, in_folder("whole.h5"), 1 << 24, err));
  for (size_t cut = 0; cut < size - 81; cut += 499) {
    replace_bytes("cut.h5", bytes, cut);
    assert_int_equal(bf_scores_read(&s, in_folder("cut.h5"), NULL), BF_E_FORMAT);
  }
  for (size_t at = 0; at < size - 81; at += 97) {
    bytes[at] = (char)(bytes[at] ^ 0xff);
    replace_bytes("patched.h5", bytes, size);
    assert_int_equal(bf_scores_read(&s, in_folder("patched.h5"), NULL), BF_E_FORMAT);
    bytes[at] = (char)(bytes[at] ^ 0xff);
  }
  /* Changed by another program (no closing line): numbers are checked one by one. */
  int32_t counts[rows];
  int64_t starts[rows], total = 0;
  for (int i = 0; i < rows; i++) counts[i] = m->rows[i].box_count, starts[i] = total, total += counts[i];
  const int64_t wrong[] = {-1, total, INT64_C(1) << 62};
  for (int i = 0; i < 3; i++) {
    bf_error bad = {0};
    char *place = memmem(bytes, size, starts + rows - 8, 8 * sizeof starts[0]);
    assert_non_null(place);
    memcpy(place + 7 * 8, &wrong[i], 8);
    replace_bytes("patched.h5", bytes, size - 81);
    memcpy(place + 7 * 8, &starts[rows - 1], 8);
    bf_scores_read(&s, in_folder("patched.h5"), &bad);
    if (counts[rows - 1] > 0 || wrong[i] != total) assert_message(bad, BF_E_FORMAT, "boxes_start");
  }
  replace_bytes("patched.h5", bytes, size - 81);
  assert_ok(bf_scores_read(&s, in_folder("patched.h5"), err));
  same_rows(&s, m);
  bf_scores_clear(&s);
  bf_free(bytes);
  bf_free(m);
}

/* A result of another program, or of before: columns gone, and a distance that cannot be. */
static void reads_older_scores(void **state) {
  (void)state;
  static const char *const names[] = {"patient", "manufacturer", "age_group", "spacing_row", "spacing_column"};
  made *m = make_rows();
  bf_scores s;
  bf_error bad = {0};
  char name[64];
  double distance = -0.5;
  assert_ok(bf_scores_publish(in_folder("old.h5"), m->rows, rows, &notes, err));
  hid_t f = H5Fopen(in_folder("old.h5"), H5F_ACC_RDWR, H5P_DEFAULT), column = H5Dopen2(f, "images/spacing_row", 0);
  hsize_t one = 1, at = 9;
  hid_t space = H5Dget_space(column), memory = H5Screate_simple(1, &one, NULL);
  assert_true(H5Sselect_elements(space, H5S_SELECT_SET, 1, &at) >= 0);
  assert_true(H5Dwrite(column, H5T_NATIVE_DOUBLE, memory, space, 0, &distance) >= 0);
  H5Sclose(memory), H5Sclose(space), H5Dclose(column), H5Fclose(f);
  bf_scores_read(&s, in_folder("old.h5"), &bad);
  assert_message(bad, BF_E_FORMAT, "row 9 of /images: spacing_row and spacing_column cannot be");
  f = H5Fopen(in_folder("old.h5"), H5F_ACC_RDWR, H5P_DEFAULT);
  for (int i = 0; i < 5; i++) {
    snprintf(name, sizeof name, "images/%s", names[i]);
    assert_true(H5Ldelete(f, name, H5P_DEFAULT) >= 0);
  }
  H5Fclose(f);
  assert_ok(bf_scores_read(&s, in_folder("old.h5"), err));
  for (int i = 0; i < rows; i++) {
    const bf_score_row *r = &s.rows[i];
    assert_true(r->patient[0] == '\0' && r->manufacturer[0] == '\0' && r->age_group[0] == '\0');
    assert_true(r->spacing_row == 0 && r->spacing_column == 0);
    assert_string_equal(r->view, m->rows[i].view);
  }
  bf_scores_clear(&s);
  bf_free(m);
}

/* A row of a dataset is one of scores in all columns that both have, and in no other. */
static void takes_records(void **state) {
  (void)state;
  bf_record r = plain_record("a.dcm", "abc", 1, 13, 127);
  r.frame = 3;
  strcpy(r.sop_instance_uid, "1.2"), strcpy(r.series_instance_uid, "1.3"), strcpy(r.study_instance_uid, "1.4");
  strcpy(r.laterality, "R"), strcpy(r.view, "CC"), strcpy(r.age_group, "90+"), strcpy(r.bright_edge, "L");
  strcpy(r.manufacturer, "Maker"), r.spacing_row = 0.5, r.spacing_column = 0.25;
  bf_score_row row = {.message = "m", .seen = 1, .malignant_logit = 2, .status = BF_ROW_LIMIT};
  bf_score_row_describe(&row, &r);
  assert_ptr_equal(row.file, r.file);
  assert_true(row.frame == 3 && row.rows == 127 && row.columns == 13);
  assert_true(row.spacing_row == 0.5 && row.spacing_column == 0.25);
  const char *const texts[][2] = {{row.sop_instance_uid, "1.2"},
                                  {row.series_instance_uid, "1.3"},
                                  {row.study_instance_uid, "1.4"},
                                  {row.patient, "abc"},
                                  {row.modality, "US"},
                                  {row.laterality, "R"},
                                  {row.view, "CC"},
                                  {row.age_group, "90+"},
                                  {row.bright_edge, "L"},
                                  {row.manufacturer, "Maker"},
                                  {row.message, "m"}};
  for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) assert_string_equal(texts[i][0], texts[i][1]);
  assert_true(row.seen == 1 && row.malignant_logit == 2 && row.status == BF_ROW_LIMIT && row.box_count == 0);
}

static void same_bytes(const char *a, const char *b) {
  char *x, *y;
  size_t m, n;
  assert_ok(bf_file_read(&x, &m, a, 1 << 24, err));
  assert_ok(bf_file_read(&y, &n, b, 1 << 24, err));
  assert_int_equal(m, n);
  assert_memory_equal(x, y, m);
  bf_free(x);
  bf_free(y);
}

/* Row by row, whether with masks or without: the same bytes as at once; without its end nothing. */
static void row_by_row(void **state) {
  (void)state;
  static uint8_t mask[rows][100 + rows], again[100 + rows];
  made *m = make_rows();
  bf_scores_writer *w;
  kept_path one, other;
  keep(one, in_folder("one.h5"));
  keep(other, in_folder("other.h5"));
  setenv("SOURCE_DATE_EPOCH", "1700000000", 1);
  for (int i = 0; i < rows; i++) memset(mask[i], 2 * i, sizeof mask[i]); /* the last bit is behind the last column */
  for (int masks = 0; masks < 2; masks++) {
    for (int i = 0; i < rows && masks; i += 3) m->rows[i].mask = m->rows[i].status == BF_ROW_OK ? mask[i] : NULL;
    assert_ok(bf_scores_publish(one, m->rows, rows, &notes, err));
    assert_ok(bf_scores_writer_open(&w, other, &notes, err));
    for (int i = 0; i < rows; i++) {
      bf_score_row row = m->rows[i];
      char *file = strdup(row.file);
      row.file = file;
      assert_ok(bf_scores_writer_put(w, &row, err));
      free(file);
    }
    assert_ok(bf_scores_writer_finish(w, err));
    same_bytes(one, other);
    assert_ok(bf_scores_writer_open(&w, other, &notes, err));
    assert_ok(bf_scores_writer_put(w, &m->rows[0], err));
    bf_scores_writer_abandon(w);
    same_bytes(one, other);
  }
  bf_scores s;
  assert_ok(bf_scores_read(&s, other, err));
  for (int i = 0; i < rows; i++) {
    assert_int_equal(s.rows[i].has_mask, m->rows[i].mask != NULL);
    if (!s.rows[i].has_mask) continue;
    assert_ok(bf_scores_mask(&s, i, again, err));
    assert_memory_equal(again, mask[i], (size_t)m->rows[i].rows);
  }
  bf_scores_clear(&s);
  unsetenv("SOURCE_DATE_EPOCH");
  bf_error bad = {0};
  bf_score_row wrong = m->rows[0];
  wrong.status = BF_ROW_UNLIKE_TRAINING + 1;
  assert_ok(bf_scores_writer_open(&w, other, &notes, err));
  assert_int_equal(bf_scores_writer_put(w, &wrong, &bad), BF_E_INTERNAL);
  bf_scores_writer_abandon(w);
  assert_int_not_equal(bf_scores_writer_open(&w, in_folder("nowhere/x.h5"), &notes, &bad), BF_OK);
  assert_null(w);
  bf_free(m);
}

static void names_of_states(void **state) {
  (void)state;
  assert_string_equal(bf_row_status_name(bf_row_status_of(BF_E_NOT_DICOM)), "not_dicom");
  assert_string_equal(bf_row_status_name(bf_row_status_of(BF_E_NO_IMAGE)), "no_pixels");
  assert_string_equal(bf_row_status_name(bf_row_status_of(BF_E_FORMAT)), "damaged");
  assert_string_equal(bf_row_status_name(bf_row_status_of(BF_OK)), "ok");
  assert_string_equal(bf_row_status_name(bf_row_status_of(BF_E_UNLIKE)), "unlike_training");
  assert_int_equal(bf_row_status_of(BF_E_UNLIKE), 9);
  assert_string_equal(bf_row_status_name((bf_row_status)200), "unknown");
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(other_columns),
      cmocka_unit_test(reads_older_scores),
      cmocka_unit_test(takes_records),
      cmocka_unit_test(comes_back),
      cmocka_unit_test(sorts_boxes),
      cmocka_unit_test(journal_gives_the_same),
      cmocka_unit_test(another_job),
      cmocka_unit_test(damaged_journal),
      cmocka_unit_test(full_disk),
      cmocka_unit_test(unwritable),
      cmocka_unit_test(notices_cuts_and_patches),
      cmocka_unit_test(row_by_row),
      cmocka_unit_test(names_of_states),
  };
  return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
