/* Every row of the outputs' table: three rows, one failed, are published whole; cut and changed files are noticed;
 * without finishing nothing stays behind, hidden or not. */
#include <dirent.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/file.h"
#include "base/memory.h"
#include "output/output.h"
#include "store/scores.h"

static char root[64], folder[128];

static int set_up(void **state) {
  (void)state;
  strcpy(root, "/tmp/bifocal-test-XXXXXX");
  if (mkdtemp(root) == NULL) return -1;
  snprintf(folder, sizeof folder, "%s/a/b", root);
  return 0;
}

/* What is in the folder; with remove they are deleted. */
static int files_in(const char *path, int remove_them) {
  DIR *d = opendir(path);
  int count = 0;
  for (struct dirent *e = d ? readdir(d) : NULL; e != NULL; e = readdir(d)) {
    char name[512];
    if (strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0) continue;
    count++;
    snprintf(name, sizeof name, "%s/%s", path, e->d_name);
    if (remove_them) unlink(name);
  }
  if (d) closedir(d);
  return count;
}

static int tear_down(void **state) {
  (void)state;
  char middle[128];
  files_in(folder, 1);
  rmdir(folder);
  snprintf(middle, sizeof middle, "%s/a", root);
  rmdir(middle);
  return rmdir(root);
}

static const bf_output_box boxes[] = {{1, 2, 30.5f, 40, 0.75f}, {0, 0, 1, 1, 0.1f}};

static const bf_found_box found[] = {{1, 2, 30.5f, 40, 0.75f}, {0, 0, 1, 1, 0.1f}};

#define NAME0 "a \"quoted\", name\n.dcm"
#define NAME1 "bro\xFFken.dcm"
#define NAME2 "\xC3\xA9.dcm"
static const bf_score_row scored[] = {
    {.file = NAME0,
     .sop_instance_uid = "1.2.3",
     .message = "",
     .rows = 13,
     .columns = 127,
     .malignant_probability = 0.25f,
     .malignant_logit = -1.0986123f,
     .box_count = 2,
     .boxes = found},
    {.file = NAME1,
     .message = "cut short, at byte 7",
     .unlike = "modality MG: \"no\"",
     .status = BF_ROW_DAMAGED,
     .malignant_probability = NAN,
     .malignant_logit = NAN},
    {.file = NAME2,
     .sop_instance_uid = "1.2.4",
     .message = "",
     .frame = 3,
     .rows = 1,
     .columns = 1,
     .malignant_probability = 1e-30f,
     .malignant_logit = -69.0776f},
};

static const uint8_t grey[13 * 127] = {7, 200}, mask[13 * 16] = {[40] = 0x3C, [56] = 0x3C};
static const bf_output_original original = {grey, ""};

static const bf_output_row rows[] = {
    {0, NAME0, "1.2.3", "1.2", "1", "US", "ok", "", 0, 13, 127, 0.25f, -1.0986123f, 2, boxes, "", &scored[0], mask,
     &original, NULL},
    {1, NAME1, "", "", "", "", "damaged", "cut short, at byte 7", 0, 0, 0, NAN, NAN, 0, NULL, "modality MG: \"no\"",
     &scored[1], NULL, NULL, NULL},
    {2, NAME2, "1.2.4", "1.2", "1", "MG", "ok", "", 3, 1, 1, 1e-30f, -69.0776f, 0, NULL, "", &scored[2], NULL,
     &original, NULL},
};

static const bf_output_job job = {.scores = "scores.h5", .count = 3, .min_score = 0.5};

static void append_all(const bf_output_type *type, bf_output **out) {
  bf_error err = {0};
  if (bf_output_open(out, type->name, folder, &job, &err) != BF_OK) fail_msg("%s: %s", type->name, err.message);
  for (int i = 0; i < 3; i++)
    if (bf_output_append(*out, &rows[i], &err) != BF_OK) fail_msg("%s: %s", type->name, err.message);
}

/* Runs sha256sum's job over <name>.sha256; returns how many lines are right, of *all. */
static int right_sums(const bf_output_type *type, int *all) {
  char list[256], *text, name[256], index[64], hash[65], real[65], path[600];
  size_t size;
  int right = 0, used;
  bf_error err = {0};
  snprintf(list, sizeof list, "%s/%s.sha256", folder, type->name);
  if (bf_file_read(&text, &size, list, 1 << 20, &err) != BF_OK) fail_msg("%s", err.message);
  *all = 0;
  for (const char *at = text; sscanf(at, "%64s  %255[^\n]\n%n", hash, name, &used) == 2; at += used) {
    snprintf(path, sizeof path, "%s/%s", folder, name);
    assert_int_equal(bf_sha256_file(real, path, &err), BF_OK);
    /* The row promises its files' extension, but that of an index. */
    snprintf(index, sizeof index, "%s.csv", type->name);
    if (strcmp(name, index) != 0) assert_string_equal(strrchr(name, '.') + 1, type->extension);
    right += strcmp(real, hash) == 0;
    (*all)++;
  }
  bf_free(text);
  return right;
}

static void rows_are_complete(void **state) {
  (void)state;
  for (int i = 0; i < bf_output_count(); i++) {
    const bf_output_type *t = bf_output_at(i);
    assert_true(t->name[0] && t->help[0] && t->extension[0] && t->open && t->append && t->close);
    for (int k = 0; k < i; k++) assert_string_not_equal(t->name, bf_output_at(k)->name);
  }
  assert_null(bf_output_at(-1));
  assert_null(bf_output_at(bf_output_count()));
}

static void published_whole_and_cuts_are_noticed(void **state) {
  (void)state;
  for (int i = 0; i < bf_output_count(); i++) {
    const bf_output_type *t = bf_output_at(i);
    bf_output *output;
    bf_error err = {0};
    char list[256], *text, name[256], path[600];
    size_t size;
    int all;
    append_all(t, &output);
    assert_int_equal(bf_output_finish(output, &err), BF_OK);
    int right = right_sums(t, &all);
    assert_int_equal(right, all);
    assert_true(all > 0);
    assert_int_equal(files_in(folder, 0), all + 1);
    snprintf(list, sizeof list, "%s/%s.sha256", folder, t->name);
    assert_int_equal(bf_file_read(&text, &size, list, 1 << 20, &err), BF_OK);
    assert_int_equal(sscanf(text, "%*s %255s", name), 1);
    bf_free(text);
    snprintf(path, sizeof path, "%s/%s", folder, name);
    assert_int_equal(bf_file_read(&text, &size, path, 16 << 20, &err), BF_OK);
    assert_int_equal(truncate(path, (off_t)size - 1), 0);
    bf_free(text);
    right = right_sums(t, &all);
    assert_int_equal(right, all - 1);
    files_in(folder, 1);
  }
}

static void the_same_rows_give_the_same_bytes(void **state) {
  (void)state;
  for (int i = 0; i < bf_output_count(); i++) {
    bf_output *output;
    bf_error err = {0};
    char list[256], *text[2];
    size_t size;
    snprintf(list, sizeof list, "%s/%s.sha256", folder, bf_output_at(i)->name);
    for (int k = 0; k < 2; k++) {
      append_all(bf_output_at(i), &output);
      assert_int_equal(bf_output_finish(output, &err), BF_OK);
      assert_int_equal(bf_file_read(&text[k], &size, list, 1 << 20, &err), BF_OK);
    }
    assert_string_equal(text[0], text[1]);
    bf_free(text[0]);
    bf_free(text[1]);
    files_in(folder, 1);
  }
}

static void abandoning_leaves_nothing_and_keeps_the_old(void **state) {
  (void)state;
  for (int i = 0; i < bf_output_count(); i++) {
    bf_output *output;
    bf_error err = {0};
    int all;
    append_all(bf_output_at(i), &output);
    bf_output_abandon(output);
    assert_int_equal(files_in(folder, 0), 0);
    append_all(bf_output_at(i), &output);
    assert_int_equal(bf_output_finish(output, &err), BF_OK);
    append_all(bf_output_at(i), &output);
    bf_output_abandon(output);
    int right = right_sums(bf_output_at(i), &all);
    assert_int_equal(right, all);
    files_in(folder, 1);
  }
}

static void order_is_kept(void **state) {
  (void)state;
  for (int i = 0; i < bf_output_count(); i++) {
    bf_output *output;
    bf_error err = {0};
    assert_int_equal(bf_output_open(&output, bf_output_at(i)->name, folder, &job, &err), BF_OK);
    /* Rows may be left out, and none comes twice or late. */
    assert_int_equal(bf_output_append(output, &rows[1], &err), BF_OK);
    assert_int_equal(bf_output_append(output, &rows[0], &err), BF_E_INTERNAL);
    assert_int_equal(bf_output_append(output, &rows[1], &err), BF_E_INTERNAL);
    assert_int_equal(bf_output_append(output, &rows[2], &err), BF_OK);
    bf_output_abandon(output);
  }
}

static void unknown_names_and_folders(void **state) {
  (void)state;
  bf_output *output;
  bf_error err = {0};
  assert_int_equal(bf_output_open(&output, "cvs", folder, &job, &err), BF_E_ARGUMENT);
  assert_non_null(strstr(err.message, "did you mean csv?"));
  assert_null(output);
  for (int i = 0; i < bf_output_count(); i++) {
    assert_int_not_equal(bf_output_open(&output, bf_output_at(i)->name, "/proc/nowhere", &job, &err), BF_OK);
    assert_null(output);
  }
}

#define CASE(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)
int main(void) {
  const struct CMUnitTest tests[] = {
      CASE(rows_are_complete),
      CASE(published_whole_and_cuts_are_noticed),
      CASE(the_same_rows_give_the_same_bytes),
      CASE(abandoning_leaves_nothing_and_keeps_the_old),
      CASE(order_is_kept),
      CASE(unknown_names_and_folders),
  };
  setenv("SOURCE_DATE_EPOCH", "1767225600", 1); /* files that say when they were made say this */
  return cmocka_run_group_tests(tests, NULL, NULL);
}
