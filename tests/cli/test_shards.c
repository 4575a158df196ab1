/* One job on several machines, and one that is stopped: the same bytes as of a job that ran through. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <math.h>
#include <stdbool.h>

#include "program.h"

static const char *const tiny =
    "size: 64\nepochs: 1\nbatch: 8\nbackbone: mobilenet_v2\nvalidation: 0.3\nheads:\n  lesion:\n    channels: 16\n  "
    "mask:\n    weight: 1\n    channels: 16\n";

#define SCORE(to, ...) \
  RUN("score", in_scratch("run/model.safetensors"), in_scratch("ph/studies"), "-o", in_scratch(to), __VA_ARGS__)

static int make_inputs(void **state) {
  (void)state;
  scratch_make_for_job(tiny);
  good(RUN("phantom", "-o", in_scratch("ph"), "--studies", "12", "--seed", "4", "--masks"));
  good(RUN("ingest", in_scratch("ph/studies"), "--labels", in_scratch("ph/labels.csv"), in_scratch("ph/masks"), "-o",
           in_scratch("data.h5")));
  good(RUN("train", in_scratch("tiny.yaml"), "--data", in_scratch("data.h5"), "-o", in_scratch("run")));
  good(SCORE("whole.h5", "--batch", "2"));
  return 0;
}

static int64_t files_of_the_job(void) {
  json_t *root = json_of(SCORE("count.h5", "--json"));
  int64_t files = json_integer_value(json_object_get(root, "files"));
  json_decref(root);
  return files;
}

static void joined_shards_are_the_whole(void **state) {
  (void)state;
  good(SCORE("s1.h5", "--shard", "1/3"));
  good(SCORE("s2.h5", "--shard", "2/3", "--batch", "1"));
  good(SCORE("s3.h5", "--shard", "3/3", "--threads", "1"));
  good(RUN("export", "--merge", in_scratch("s3.h5"), in_scratch("s1.h5"), in_scratch("s2.h5"), "-o",
           in_scratch("joined.h5")));
  assert_true(same_file(in_scratch("whole.h5"), in_scratch("joined.h5")));
  outcome o = RUN("evaluate", in_scratch("s2.h5"), "--labels", in_scratch("ph/labels.csv"));
  assert_int_equal(o.code, 0);
  assert_non_null(strstr(o.err, "'bifocal export --merge' joins the shards"));
  outcome_free(&o);
}

/* Machines that find nothing to do give shards, too. */
static void more_shards_than_files(void **state) {
  (void)state;
  enum { most = 60 };
  int shards = (int)files_of_the_job() + 2;
  const char *arguments[most + 5] = {"export", "--merge"};
  static char names[most][300];
  assert_in_range(shards, 3, most);
  for (int i = 0; i < shards; i++) {
    char part[32];
    snprintf(part, sizeof part, "%d/%d", i + 1, shards);
    snprintf(names[i], sizeof names[i], "%s/many%d.h5", scratch_folder, i);
    good(RUN("score", in_scratch("run/model.safetensors"), in_scratch("ph/studies"), "-o", names[i], "--shard", part));
    arguments[2 + i] = names[i];
  }
  arguments[2 + shards] = "-o";
  arguments[3 + shards] = in_scratch("many.h5");
  good(finish_program(start_program(arguments, 0)));
  assert_true(same_file(in_scratch("whole.h5"), in_scratch("many.h5")));
}

#define MERGE(...) RUN("export", "--merge", __VA_ARGS__, "-o", in_scratch("no.h5"))

static void what_is_not_whole_is_refused(void **state) {
  (void)state;
  static const char *const wrong[] = {"", "0/2", "3/2", "1", "1/", "/2", "1/0", "1/2x", "-1/2", "1/100001", "1 /2"};
  for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) EXPECT(SCORE("w.h5", "--shard", wrong[i]), 2, "--shard");
  good(SCORE("a1.h5", "--shard", "1/4"));
  good(SCORE("a3.h5", "--shard", "3/4"));
  good(SCORE("b2.h5", "--shard", "2/2"));
  good(SCORE("f1.h5", "--shard", "1/2", "--flips"));
  EXPECT(MERGE(in_scratch("a1.h5"), in_scratch("a3.h5")), 2, "2 shards of 4 are there; missing: 2, 4");
  EXPECT(MERGE(in_scratch("a1.h5"), in_scratch("a3.h5"), in_scratch("a1.h5")), 2, "are both shard 1 of 4");
  EXPECT(MERGE(in_scratch("a1.h5"), in_scratch("b2.h5")), 2, "are no shards of one job");
  EXPECT(MERGE(in_scratch("f1.h5"), in_scratch("b2.h5")), 2, "with other options");
  EXPECT(MERGE(in_scratch("whole.h5")), 2, "whole.h5: is no shard");
  EXPECT(MERGE(in_scratch("tiny.yaml")), 1, "tiny.yaml");
  EXPECT(RUN("export", "--merge", in_scratch("a1.h5")), 2, "-o is missing");
  EXPECT(RUN("export", "--merge", in_scratch("a1.h5"), "-o", in_scratch("no.h5"), "--format", "csv"), 2,
         "--merge goes with -o alone");
  assert_int_not_equal(access(in_scratch("no.h5"), F_OK), 0);
}

/* Starts a job of one picture a batch, and gives it the signal when the file is there. */
static outcome interrupt(const char *output, const char *when, int with, const char *shard) {
  const char *const arguments[] = {"score",
                                   in_scratch("run/model.safetensors"),
                                   in_scratch("ph/studies"),
                                   "-o",
                                   output,
                                   "--batch",
                                   "1",
                                   "--publish-every",
                                   "0.0000001",
                                   "--threads",
                                   "1",
                                   shard != NULL ? "--shard" : NULL,
                                   shard,
                                   NULL};
  pid_t child = start_program(arguments, 0);
  wait_for(when, child);
  kill(child, with);
  return finish_program(child);
}

/* A journal is of one shard. */
static void shards_are_jobs_of_their_own(void **state) {
  (void)state;
  outcome o = interrupt(in_scratch("j.h5"), in_scratch("j.h5"), SIGKILL, "1/2");
  if (o.code == 0) skip(); /* it was faster than the signal */
  outcome_free(&o);
  EXPECT(SCORE("j.h5", "--shard", "2/2"), 2, "is the journal of another job");
}

/* What was asked to stop leaves what it has done, says so, and goes on. */
static void stopped_jobs_publish(void **state) {
  (void)state;
  outcome o = interrupt(in_scratch("stop.h5"), in_scratch("stop.h5"), SIGTERM, NULL);
  if (o.code == 0) skip(); /* it was faster than the signal */
  assert_non_null(strstr(o.err, "stopped as asked after"));
  assert_non_null(strstr(o.err, "the same command goes on from there"));
  outcome_free(&o);
  o = RUN("evaluate", in_scratch("stop.h5"), "--labels", in_scratch("ph/labels.csv"));
  assert_int_equal(o.code, 0);
  assert_non_null(strstr(o.err, "the job was not finished"));
  outcome_free(&o);
  good(SCORE("stop.h5", "--batch", "1"));
  assert_true(same_file(in_scratch("whole.h5"), in_scratch("stop.h5")));
}

static void published_while_running(void **state) {
  (void)state;
  outcome o = interrupt(in_scratch("run.h5"), in_scratch("run.h5"), SIGKILL, NULL);
  outcome_free(&o);
  good(RUN("export", in_scratch("run.h5"), "--format", "json", "-o", in_scratch("run-json")));
  good(SCORE("run.h5", "--batch", "1"));
  assert_true(same_file(in_scratch("whole.h5"), in_scratch("run.h5")));
  EXPECT(SCORE("x.h5", "--publish-every", "0"), 2, "--publish-every: '0' is no number of minutes");
  EXPECT(SCORE("x.h5", "--publish-every", "1m"), 2, "--publish-every");
}

static void half_a_shard_is_refused(void **state) {
  (void)state;
  outcome o = interrupt(in_scratch("half.h5"), in_scratch("half.h5"), SIGTERM, "1/1");
  if (o.code == 0) skip();
  outcome_free(&o);
  EXPECT(MERGE(in_scratch("half.h5")), 2, "its job was not finished");
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(joined_shards_are_the_whole),  cmocka_unit_test(more_shards_than_files),
      cmocka_unit_test(what_is_not_whole_is_refused), cmocka_unit_test(shards_are_jobs_of_their_own),
      cmocka_unit_test(stopped_jobs_publish),         cmocka_unit_test(published_while_running),
      cmocka_unit_test(half_a_shard_is_refused),
  };
  return cmocka_run_group_tests(tests, make_inputs, scratch_teardown);
}
