/* Heat maps of scores: through the journal, out of shards and straight they come back as they were; what cannot be is
 * refused. */
#include "data_support.h"

#include <hdf5.h>
#include <math.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/memory.h"
#include "store/scores.h"

enum { rows = 23, cells = 3 * 5, fine = 12 * 20 };

static const bf_heat_grid both[BF_HEATS] = {{3, 5, 32}, {12, 20, 8}}, coarse[BF_HEATS] = {{3, 5, 32}, {0}};

typedef struct made {
  bf_score_row rows[rows];
  float maps[rows][cells], fines[rows][fine];
} made;

/* Every fifth failed and has none. */
static made *make_rows(const bf_heat_grid *grids) {
  made *m = bf_alloc(1, sizeof *m);
  assert_non_null(m);
  for (int i = 0; i < rows; i++) {
    bf_score_row *r = &m->rows[i];
    *r = (bf_score_row){.file = "x.dcm", .message = "", .unlike = "", .rows = 10, .columns = 9, .seen = -1};
    if (i % 5 == 2) {
      r->status = BF_ROW_DAMAGED;
      continue;
    }
    for (int k = 0; k < cells; k++) m->maps[i][k] = (float)(i - k) / 7;
    for (int k = 0; k < fine; k++) m->fines[i][k] = (float)(i * k) / 10000;
    r->heat[BF_HEAT_MALIGNANCY] = m->maps[i];
    r->heat[BF_HEAT_LESION] = grids[BF_HEAT_LESION].rows > 0 ? m->fines[i] : NULL;
    for (int k = 0; k < 6; k++) r->to_original[k] = i + k / 8.0;
  }
  return m;
}

static bf_scores_notes notes_of(const bf_heat_grid *grids) {
  return (bf_scores_notes){"abc", "size: 224\n", "maximum", NULL, grids};
}

static void same_map(bf_scores *s, int row, bf_heat_kind kind, const float *wanted, int count) {
  float got[fine];
  assert_ok(bf_scores_heat(s, row, kind, got, err));
  assert_memory_equal(got, wanted, (size_t)count * sizeof *wanted);
}

/* The file's rows are those of `m` from `first` on. */
static void same_rows(const char *path, const made *m, int first, int count, const bf_heat_grid *grids) {
  bf_scores s;
  assert_ok(bf_scores_read(&s, path, err));
  assert_int_equal(s.count, count);
  assert_memory_equal(s.grids, grids, sizeof s.grids);
  for (int i = 0; i < count; i++) {
    const bf_score_row *wanted = &m->rows[first + i];
    assert_int_equal(s.rows[i].has_heat, wanted->heat[0] != NULL);
    if (wanted->heat[0] == NULL) continue;
    assert_memory_equal(s.rows[i].to_original, wanted->to_original, sizeof wanted->to_original);
    same_map(&s, i, BF_HEAT_MALIGNANCY, wanted->heat[0], cells);
    if (wanted->heat[1] != NULL) same_map(&s, i, BF_HEAT_LESION, wanted->heat[1], fine);
  }
  bf_scores_clear(&s);
}

static void straight_and_through_the_journal(void **state) {
  (void)state;
  for (int one = 0; one < 2; one++) {
    const bf_heat_grid *grids = one ? coarse : both;
    made *m = make_rows(grids);
    bf_scores_notes notes = notes_of(grids);
    bf_journal *j;
    assert_ok(bf_scores_publish(in_folder("s.h5"), m->rows, rows, &notes, err));
    same_rows(in_folder("s.h5"), m, 0, rows, grids);
    for (int half = 0; half < 2; half++) { /* opened twice, as by a run that goes on */
      assert_ok(bf_journal_open(&j, in_folder("j"), "job", err));
      bf_journal_set_grids(j, grids);
      for (int i = half * 10; i < (half ? rows : 10); i++) {
        assert_ok(bf_journal_put(j, (int64_t)i << 20, &m->rows[i], err));
        assert_ok(bf_journal_file_done(j, i, err));
      }
      if (half) assert_ok(bf_scores_publish_journal(NULL, in_folder("j.h5"), j, &notes, err));
      bf_journal_close(j);
    }
    bf_journal_remove(in_folder("j"));
    same_rows(in_folder("j.h5"), m, 0, rows, grids);
    bf_free(m);
  }
}

static void parts_are_joined(void **state) {
  (void)state;
  made *m = make_rows(both);
  bf_scores parts[3];
  bf_scores_notes notes = notes_of(both);
  /* The middle one holds a failed row alone, and so no maps. */
  static const int starts[] = {0, 2, 3, rows};
  static const char *const names[] = {"p0.h5", "p1.h5", "p2.h5"};
  for (int k = 0; k < 3; k++) {
    assert_ok(bf_scores_publish(in_folder(names[k]), m->rows + starts[k], starts[k + 1] - starts[k], &notes, err));
    assert_ok(bf_scores_read(&parts[k], in_folder(names[k]), err));
  }
  assert_ok(bf_scores_publish_joined(in_folder("all.h5"), parts, 3, &notes, err));
  same_rows(in_folder("all.h5"), m, 0, rows, both);
  bf_scores_clear(&parts[2]);
  made *other = make_rows(coarse);
  bf_scores_notes with = notes_of(coarse);
  assert_ok(bf_scores_publish(in_folder("p2.h5"), other->rows, rows, &with, err));
  assert_ok(bf_scores_read(&parts[2], in_folder("p2.h5"), err));
  parts[2].grids[0].cell = 16;
  bf_error bad = {0};
  assert_int_equal(bf_scores_publish_joined(in_folder("no.h5"), parts, 3, &notes, &bad), BF_E_ARGUMENT);
  assert_non_null(strstr(bad.message, "different sizes"));
  for (int k = 0; k < 3; k++) bf_scores_clear(&parts[k]);
  bf_free(other);
  bf_free(m);
}

static void write_at(hid_t file, const char *name, hid_t type, const void *value) {
  hid_t dataset = H5Dopen2(file, name, H5P_DEFAULT), all = H5Dget_space(dataset), one = H5Scopy(all);
  hsize_t first[2] = {1, 0}, count[2] = {1, 1};
  assert_true(H5Sselect_hyperslab(one, H5S_SELECT_SET, first, NULL, count, NULL) >= 0);
  hid_t memory = H5Screate(H5S_SCALAR);
  assert_true(H5Dwrite(dataset, type, memory, one, H5P_DEFAULT, value) >= 0);
  H5Sclose(memory), H5Sclose(one), H5Sclose(all), H5Dclose(dataset);
}

/* It is of the bytes as they were. */
static void cut_closing_line(const char *path) {
  struct stat info;
  assert_int_equal(stat(path, &info), 0);
  assert_int_equal(truncate(path, info.st_size - 81), 0);
}

typedef enum harm { IMAGE_TWICE, IMAGE_BEYOND, AFFINE_NAN, CELL_GONE, MAPS_OF_ONE_ROW_LESS, HARMS } harm;

static void do_harm(hid_t file, harm what) {
  const int64_t image = what == IMAGE_TWICE ? 0 : rows;
  const double nothing = NAN;
  if (what <= IMAGE_BEYOND) write_at(file, "heatmaps/image", H5T_NATIVE_INT64, &image);
  if (what == AFFINE_NAN) write_at(file, "heatmaps/to_original", H5T_NATIVE_DOUBLE, &nothing);
  hid_t maps = H5Dopen2(file, "heatmaps/lesion", H5P_DEFAULT);
  hsize_t less[3] = {rows - 6, 12, 20};
  if (what == CELL_GONE) assert_true(H5Adelete(maps, "cell") >= 0);
  if (what == MAPS_OF_ONE_ROW_LESS) assert_true(H5Dset_extent(maps, less) >= 0);
  H5Dclose(maps);
}

static void what_cannot_be_is_refused(void **state) {
  (void)state;
  made *m = make_rows(both);
  bf_scores_notes notes = notes_of(both);
  for (int what = 0; what < HARMS; what++) {
    bf_scores s;
    bf_error bad = {0};
    assert_ok(bf_scores_publish(in_folder("h.h5"), m->rows, rows, &notes, err));
    cut_closing_line(in_folder("h.h5"));
    hid_t file = H5Fopen(in_folder("h.h5"), H5F_ACC_RDWR, H5P_DEFAULT);
    assert_true(file >= 0);
    do_harm(file, (harm)what);
    H5Fclose(file);
    if (bf_scores_read(&s, in_folder("h.h5"), &bad) != BF_E_FORMAT) fail_msg("harm %d is not seen", what);
    assert_non_null(strstr(bad.message, "heatmaps"));
  }
  bf_free(m);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(straight_and_through_the_journal),
      cmocka_unit_test(parts_are_joined),
      cmocka_unit_test(what_cannot_be_is_refused),
  };
  return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
