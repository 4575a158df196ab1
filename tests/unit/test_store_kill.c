/* A job that is killed with SIGKILL at any moment and started again: no row lost, none twice, and a published file is
 * always whole. */
#include "data_support.h"

#include <math.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>

#include "base/memory.h"
#include "base/rng.h"
#include "store/scores.h"

enum { files = 400, rounds = 60 };

static const bf_scores_notes notes = {"abc", "", "maximum", NULL, NULL};

static bf_score_row row_of(int file, bf_found_box *box) {
  *box = (bf_found_box){1, 2, 3, (float)file + 4, 0.5f};
  bf_score_row r = {.file = "f",
                    .message = "",
                    .rows = 9,
                    .columns = 9,
                    .malignant_logit = (float)file,
                    .malignant_probability = 0.5f,
                    .boxes = box,
                    .box_count = 1};
  snprintf(r.sop_instance_uid, sizeof r.sop_instance_uid, "1.%d", file);
  return r;
}

/* What score does: files that are not done, a commit now and then, publishing, removing the journal. `acknowledged`
 * is shared memory: files whose commit has returned. */
static void job(const char *journal, const char *result, volatile int *acknowledged) {
  bf_journal *j = NULL;
  if (bf_journal_open(&j, journal, "job", NULL) != BF_OK) _exit(2);
  if (bf_journal_files(j) < *acknowledged) _exit(3);
  for (int file = 0; file < files; file++) {
    if (bf_journal_has_file(j, file)) continue;
    bf_found_box box;
    bf_score_row row = row_of(file, &box);
    if (bf_journal_put(j, (int64_t)file << 20, &row, NULL) != BF_OK || bf_journal_file_done(j, file, NULL) != BF_OK)
      _exit(4);
    if (file % 4 == 3) {
      if (bf_journal_commit(j, NULL) != BF_OK) _exit(5);
      *acknowledged = file + 1;
    }
  }
  if (bf_scores_publish_journal(NULL, result, j, &notes, NULL) != BF_OK) _exit(6);
  bf_journal_close(j);
  bf_journal_remove(journal);
  _exit(0);
}

static void whole(const char *result) {
  bf_scores s;
  assert_ok(bf_scores_read(&s, result, err));
  assert_int_equal(s.count, files);
  for (int i = 0; i < files; i++) {
    char uid[32];
    snprintf(uid, sizeof uid, "1.%d", i);
    assert_string_equal(s.rows[i].sop_instance_uid, uid);
    assert_true(s.rows[i].malignant_logit == (float)i);
    assert_int_equal(s.rows[i].box_count, 1);
  }
  bf_scores_clear(&s);
}

static void killed_at_any_moment(void **state) {
  (void)state;
  kept_path journal, result;
  keep(journal, in_folder("k.h5.journal"));
  keep(result, in_folder("k.h5"));
  int *acknowledged = mmap(NULL, sizeof *acknowledged, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  assert_true(acknowledged != MAP_FAILED);
  bf_rng rng = bf_rng_make(20, 0, 0);
  int kills = 0, finished = 0;
  for (int round = 0; round < rounds; round++) {
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) job(journal, result, acknowledged);
    /* Most kills fall into the first milliseconds, where rows are written; some into publishing. */
    struct timespec wait = {0, (long)(1000000 * (0.2 + 12 * pow(bf_rng_uniform(&rng), 2)))};
    nanosleep(&wait, NULL);
    kill(child, SIGKILL);
    int status = 0;
    assert_int_equal(waitpid(child, &status, 0), child);
    if (WIFEXITED(status)) {
      assert_int_equal(WEXITSTATUS(status), 0);
      finished++;
      *acknowledged = 0;
    } else {
      kills++;
    }
    if (bf_file_exists(result)) whole(result);
    /* Killed between publishing and removing: the journal is complete, and publishing it again does no harm. */
    if (!bf_file_exists(journal)) *acknowledged = 0;
  }
  print_message("%d kills, %d jobs finished\n", kills, finished);
  assert_true(kills > 5);
  for (int tries = 0; tries < 3 && (!bf_file_exists(result) || bf_file_exists(journal)); tries++) {
    pid_t child = fork();
    if (child == 0) job(journal, result, acknowledged);
    int status = 0;
    waitpid(child, &status, 0);
    assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
  }
  whole(result);
  munmap(acknowledged, sizeof *acknowledged);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(killed_at_any_moment)};
  return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
