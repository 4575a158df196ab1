/* Shards that say what their rows do not: nothing of it is believed. Whole jobs are joined in tests/cli/test_shards.c.
 */
#include "data_support.h"

#include <math.h>

#include "base/log.h"
#include "base/memory.h"
#include "bifocal/export.h"
#include "bifocal/ingest.h"
#include "run/job_notes.h"
#include "store/scores.h"

#define SHA "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

static int start(void **state) {
  bf_log_set_level(BF_LOG_ERROR);
  return make_folder(state);
}

/* Files of one row each. */
static const char *write_shard(const char *name, int files, const char *extra) {
  bf_score_row rows[4] = {0};
  for (int i = 0; i < files; i++)
    rows[i] = (bf_score_row){.file = "x.dcm", .message = "", .malignant_probability = 0.5f, .seen = -1};
  bf_scores_notes notes = {"model", "epochs: 1\n", "maximum", extra, NULL};
  assert_ok(bf_scores_publish(in_folder(name), rows, files, &notes, err));
  return in_folder(name);
}

static void refused(int files, const char *extra, bf_status wanted, const char *words) {
  bf_error bad = {0};
  kept_path path;
  keep(path, write_shard("s.h5", files, extra));
  const char *const paths[] = {path};
  char *summary;
  bf_status status = bf_export_merge(&summary, paths, 1, in_folder("out.h5"), &bad);
  if (status != wanted || strstr(bad.message, words) == NULL)
    fail_msg("%s: %s: %s", extra, bf_status_name(status), bad.message);
  assert_null(summary);
}

#define EXTRA(files, shard) "{\"manifest\": {\"files\": " files ", \"sha256\": \"" SHA "\"}, \"shard\": {" shard "}}"

static void shards_that_lie(void **state) {
  (void)state;
  kept_path path;
  char *summary;
  keep(path, write_shard("s.h5", 2, EXTRA("2", "\"index\": 1, \"of\": 1, \"first\": 0, \"files\": 2")));
  const char *const paths[] = {path};
  assert_ok(bf_export_merge(&summary, paths, 1, in_folder("out.h5"), err));
  bf_text_free(summary);
  static const char *const no_shards[] = {
      NULL,
      "no json",
      "[]",
      "{}",
      "{\"manifest\": {\"files\": 2, \"sha256\": \"" SHA "\"}}",
      "{\"manifest\": {\"files\": 2, \"sha256\": \"0\"}, \"shard\": {\"index\": 1, \"of\": 1, \"first\": 0, \"files\": "
      "2}}",
      EXTRA("2", "\"index\": 0, \"of\": 1, \"first\": 0, \"files\": 2"),
      EXTRA("2", "\"index\": 2, \"of\": 1, \"first\": 0, \"files\": 2"),
      EXTRA("2", "\"index\": 1, \"of\": 100001, \"first\": 0, \"files\": 2"),
      EXTRA("2", "\"index\": 1, \"of\": 1, \"first\": 9223372036854775807, \"files\": 2"),
      EXTRA("2", "\"index\": 1, \"of\": 1, \"first\": 1, \"files\": 2"),
      EXTRA("-2", "\"index\": 1, \"of\": 1, \"first\": 0, \"files\": 0"),
      EXTRA("2", "\"index\": 1.0, \"of\": 1, \"first\": 0, \"files\": 2"),
  };
  for (size_t i = 0; i < sizeof no_shards / sizeof no_shards[0]; i++)
    refused(2, no_shards[i], BF_E_ARGUMENT, "s.h5: is no shard");
  /* A row that is not there, one too many, and a place that is another one's. */
  refused(1, EXTRA("2", "\"index\": 1, \"of\": 1, \"first\": 0, \"files\": 2"), BF_E_FORMAT, "the file is damaged");
  refused(3, EXTRA("2", "\"index\": 1, \"of\": 1, \"first\": 0, \"files\": 2"), BF_E_FORMAT, "the file is damaged");
  refused(1, EXTRA("2", "\"index\": 1, \"of\": 2, \"first\": 1, \"files\": 1"), BF_E_FORMAT, "the file is damaged");
  refused(2, EXTRA("4", "\"index\": 1, \"of\": 4, \"first\": 0, \"files\": 2"), BF_E_FORMAT, "the file is damaged");
}

/* Every file is of one shard, whatever their number. */
static void parts_are_the_whole(void **state) {
  (void)state;
  static const int64_t files[] = {0, 1, 2, 7, 100, INT64_C(1) << 40};
  static const int shards[] = {1, 2, 3, 7, 99, 100, 101, BF_SHARDS_MAX};
  for (size_t f = 0; f < sizeof files / sizeof files[0]; f++)
    for (size_t n = 0; n < sizeof shards / sizeof shards[0]; n++) {
      int64_t next = 0;
      for (int k = 1; k <= shards[n]; k++) {
        bf_job_part p = {.files = files[f]};
        char text[32];
        snprintf(text, sizeof text, "%d/%d", k, shards[n]);
        assert_ok(bf_job_part_of(&p, text, err));
        assert_true(p.first == next && p.count >= 0);
        assert_true(p.count - files[f] / shards[n] <= 1);
        next += p.count;
      }
      assert_true(next == files[f]);
    }
}

static void notes_there_and_back(void **state) {
  (void)state;
  const bf_job_part part = {.files = 9, .sha256 = SHA, .shard = 2, .shards = 3, .first = 3, .count = 3, .done = 1};
  bf_job_part back;
  char *text = bf_job_notes_write(&(bf_job_notes){.threshold = NAN, .part = &part});
  assert_true(bf_job_part_read(&back, text));
  assert_true(back.files == 9 && back.shard == 2 && back.shards == 3 && back.first == 3 && back.count == 3);
  assert_int_equal(back.done, 1);
  assert_string_equal(back.sha256, SHA);
  bf_free(text);
  text = bf_job_notes_write(&(bf_job_notes){.threshold = 0.25, .rule = "so", .folds = 5});
  assert_false(bf_job_part_read(&back, text));
  assert_non_null(strstr(text, "\"threshold\": 0.25"));
  bf_free(text);
}

/* Shards have one calibration in their notes, and out of fold no slope is that of all rows. */
static void notes_of_probabilities(void **state) {
  (void)state;
  static const char calibration[] = "{\"method\": \"platt\", \"slope\": 0.5, \"intercept\": 1, \"members\": [7]}";
  bf_operating_points points = {0};
  bf_operating_points_add(&points, (bf_operating_point){BF_POINT_YOUDEN, 0, 0.25, 0.75, 0.5});
  points.chosen = 0;
  bf_job_notes notes = {.threshold = 0.25, .rule = "so", .calibration = calibration, .points = &points};
  char *text = bf_job_notes_write(&notes), *both;
  assert_non_null(strstr(text, "\"calibration\": {\"method\": \"platt\", \"slope\": 0.5, \"intercept\": 1"));
  assert_non_null(strstr(text, "\"operating_points\": [{\"name\": \"youden\""));
  notes.folds = 2;
  char *folds = bf_job_notes_write(&notes);
  assert_non_null(strstr(folds, "\"calibration\": {\"method\": \"platt\", \"members\": [7]}"));
  notes = (bf_job_notes){.threshold = 0.25, .rule = "so", .calibration = "none"};
  char *none = bf_job_notes_write(&notes);
  assert_non_null(strstr(none, "\"calibration\": {\"method\": \"none\"}"));
  assert_null(strstr(none, "operating_points"));
  assert_true(bf_job_notes_join(&both, text, text));
  bf_free(both);
  assert_false(bf_job_notes_join(&both, text, none));
  bf_free(text), bf_free(folds), bf_free(none);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(shards_that_lie), cmocka_unit_test(parts_are_the_whole),
                                     cmocka_unit_test(notes_there_and_back), cmocka_unit_test(notes_of_probabilities)};
  return cmocka_run_group_tests(tests, start, remove_folder);
}
