/* Scoring while the world fails: errors of the disk at chosen calls (tests/faults.c), full disks, folders that may not
 * be written, closed outputs, reading processes that are killed, signals. Before each run a former result stands in its
 * place; whatever happens, it or the whole new one stands there, and the same command ends as if nothing had been. All
 * calls one by one: tools/fault_rounds.py. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <dirent.h>
#include <errno.h>
#include <linux/capability.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/statvfs.h>

#include "program.h"

static const char *const tiny =
    "size: 64\nepochs: 1\nbatch: 8\nbackbone: squeezenet1_1\nheads:\n  lesion:\n    channels: 16\n  mask:\n    weight: "
    "1\n    channels: 16\n";

/* Sanitizers make a run ten times as long. */
#ifdef __SANITIZE_ADDRESS__
enum { thinner = 6, sanitized = true };
#else
enum { thinner = 1, sanitized = false };
#endif

enum { most_calls = 1000 };

static bool own_mounts; /* this program may mount, unseen by others */
static char folder[300], result[320], journal[340], model[300], studies[300];
static char calls[most_calls][64]; /* that a run makes below the folder, such as "rename ./s.h5" */
static int call_count;

static const char *const *job(void) {
  static const char *arguments[] = {"score", model, studies, "--quiet", "--batch", "4", "-o", result, NULL};
  return arguments;
}

static outcome run_job(void) { return finish_program(start_program(job(), 0)); }

/* ---- faults ---- */

typedef struct fault {
  long last; /* call; 0: one call alone */
  int error, signal, signals;
} fault;

static void set_number(const char *name, long value) {
  char text[32];
  snprintf(text, sizeof text, "%ld", value);
  setenv(name, text, 1);
}

static pid_t start_disturbed(const fault *f, long from) {
  const char *before = getenv("ASAN_OPTIONS");
  char options[512], kept[400];
  snprintf(kept, sizeof kept, "%s", before != NULL ? before : "");
  snprintf(options, sizeof options, "%s%sverify_asan_link_order=0", kept, kept[0] != '\0' ? ":" : "");
  setenv("LD_PRELOAD", BF_TEST_FAULTS, 1);
  setenv("FAULTS_BELOW", folder, 1);
  setenv("FAULTS_LOG", in_scratch("calls.txt"), 1);
  set_number("FAULTS_FROM", from);
  set_number("FAULTS_TO", f->last > 0 ? f->last : from);
  set_number("FAULTS_ERRNO", f->error);
  set_number("FAULTS_SIGNAL", f->signal);
  set_number("FAULTS_SIGNALS", f->signals);
  if (sanitized) setenv("ASAN_OPTIONS", options, 1);
  pid_t child = start_program(job(), 0);
  unsetenv("LD_PRELOAD");
  if (sanitized && before != NULL) setenv("ASAN_OPTIONS", kept, 1);
  return child;
}

static outcome run_disturbed(const fault *f, long from) { return finish_program(start_disturbed(f, from)); }

/* ---- what stands there ---- */

static void reset(void) {
  char command[1000];
  snprintf(command, sizeof command, "rm -f '%s'/* && cp '%s' '%s'", folder, in_scratch("former.h5"), result);
  assert_int_equal(system(command), 0);
}

static bool is_former(void) { return same_file(result, in_scratch("former.h5")); }
static bool is_whole(void) { return same_file(result, in_scratch("whole.h5")); }

/* Nothing beside the result but `allowed`, NULL-ended. */
static void nothing_left(const char *const *allowed) {
  DIR *all = opendir(folder);
  assert_non_null(all);
  for (struct dirent *one; (one = readdir(all)) != NULL;) {
    bool known = one->d_name[0] == '.' || strcmp(one->d_name, "s.h5") == 0;
    for (int i = 0; allowed != NULL && allowed[i] != NULL; i++) known = known || strcmp(one->d_name, allowed[i]) == 0;
    if (!known) fail_msg("%s is left behind", one->d_name);
  }
  closedir(all);
}

static const char *const journal_names[] = {"s.h5.journal", "s.h5.journal-wal", "s.h5.journal-journal", "filler", NULL};
static const char *const killed_names[] = {"s.h5.journal", "s.h5.journal-wal", "s.h5.journal-journal", "s.h5.part",
                                           NULL};

/* One message, which names the place and says how to go on. */
static void says_what_to_do(const char *said) {
  const char *end = strchr(said, '\n');
  if (strncmp(said, "error: ", 7) != 0 || end == NULL || end[1] != '\0' || strstr(said, folder) == NULL ||
      (strstr(said, "the same command") == NULL && strstr(said, "choose another -o") == NULL))
    fail_msg("no clear message: %s", said);
}

/* A fault that was no signal: the former result, or the whole new one where all that was left to do was tidying. */
static void failed_cleanly(outcome o) {
  if (o.code == 0) {
    assert_true(is_whole());
  } else {
    assert_int_equal(o.code, 1);
    assert_true(is_former() || is_whole());
    says_what_to_do(o.err);
  }
  nothing_left(journal_names);
  outcome_free(&o);
}

/* The same command, undisturbed. */
static void goes_on(void) {
  good(run_job());
  assert_true(is_whole());
  nothing_left((const char *const[]){"filler", NULL});
}

/* ---- inputs ---- */

static void count_calls(void) {
  good(run_disturbed(&(fault){0}, 0));
  assert_true(is_whole());
  FILE *log = fopen(in_scratch("calls.txt"), "r");
  assert_non_null(log);
  char name[32], path[64];
  while (call_count < most_calls && fscanf(log, "%*d %31s %63s", name, path) == 2)
    snprintf(calls[call_count++], sizeof calls[0], "%.20s %.40s", name, path);
  fclose(log);
  assert_in_range(call_count, 50, most_calls - 1);
}

static void make_names(void) {
  char *real = realpath(scratch_folder, NULL);
  snprintf(folder, sizeof folder, "%s/out", real);
  snprintf(model, sizeof model, "%s/run/model.safetensors", real);
  snprintf(studies, sizeof studies, "%s/ph/studies", real);
  snprintf(result, sizeof result, "%s/s.h5", folder);
  snprintf(journal, sizeof journal, "%s.journal", result);
  free(real);
}

static int make_inputs(void **state) {
  (void)state;
  scratch_make_for_job(tiny);
  make_names();
  good(RUN("phantom", "-o", in_scratch("ph"), "--studies", "4", "--seed", "4", "--masks", "--side", "96"));
  good(RUN("ingest", studies, "--labels", in_scratch("ph/labels.csv"), in_scratch("ph/masks"), "-o",
           in_scratch("data.h5")));
  good(RUN("train", in_scratch("tiny.yaml"), "--data", in_scratch("data.h5"), "-o", in_scratch("run")));
  mkdir(folder, 0755);
  good(RUN("score", model, studies, "-o", in_scratch("former.h5"), "--flips"));
  good(RUN("score", model, studies, "-o", in_scratch("whole.h5")));
  assert_false(same_file(in_scratch("former.h5"), in_scratch("whole.h5")));
  count_calls();
  return 0;
}

/* ---- at chosen calls ---- */

/* From 0. Headers are looked at then, and no picture is read: the readers are at rest. */
static int first_call_of_the_journal(void) {
  int call = 0;
  while (call < call_count && strstr(calls[call], ".journal") == NULL) call++;
  return call;
}

/* One call in so many. */
static bool is_chosen(int call, int one_in) { return call % (one_in * thinner) == 0; }

static bool is_first_of_its_kind(int call) {
  int before = 0;
  while (before < call && strncmp(calls[before], calls[call], strcspn(calls[call], " ") + 1) != 0) before++;
  return before == call;
}

static void each_call_fails_once(void **state) {
  (void)state;
  for (int k = 0; k < call_count; k++) {
    if (!is_chosen(k, 24) && (sanitized || !is_first_of_its_kind(k))) continue;
    reset();
    failed_cleanly(run_disturbed(&(fault){.error = EIO}, k + 1));
    goes_on();
  }
}

/* What is in the way of a run that goes on, too: each begins where the last one was disturbed. */
static void each_run_fails_later(void **state) {
  (void)state;
  reset();
  for (int k = 0; k < call_count; k += 19 * thinner) failed_cleanly(run_disturbed(&(fault){.error = EIO}, k + 1));
  goes_on();
}

static void the_disk_is_full_from_a_call_on(void **state) {
  (void)state;
  for (int k = 0; k < call_count; k += 26 * thinner) {
    reset();
    failed_cleanly(run_disturbed(&(fault){.error = ENOSPC, .last = 1000000}, k + 1));
    goes_on();
  }
}

/* Also in the midst of tidying. The temporary file of a killed run is taken over by the next one. */
static void killed_at_a_call(void **state) {
  (void)state;
  int renamed = 0;
  while (renamed < call_count && strncmp(calls[renamed], "rename", 6) != 0) renamed++;
  for (int k = 0; k < call_count; k++) {
    if (!is_chosen(k, k > renamed ? 4 : 33)) continue;
    reset();
    outcome o = run_disturbed(&(fault){.signal = SIGKILL, .signals = 1}, k + 1);
    assert_int_equal(o.code, 128 + SIGKILL);
    outcome_free(&o);
    assert_true(k <= renamed ? is_former() : is_whole());
    nothing_left(killed_names);
    goes_on();
  }
}

/* What a kill in the midst of removing a journal leaves. */
static void a_log_without_its_journal_is_harmless(void **state) {
  (void)state;
  char log[360];
  snprintf(log, sizeof log, "%s-wal", journal);
  reset();
  outcome o = run_disturbed(&(fault){.signal = SIGKILL, .signals = 1}, call_count / 2);
  outcome_free(&o);
  assert_int_equal(access(log, F_OK), 0);
  assert_int_equal(unlink(journal), 0);
  goes_on();
}

/* ---- asked to stop ---- */

/* Of files of one frame. */
static int64_t rows_there(void) {
  good(RUN("export", result, "--format", "json", "-o", in_scratch("rows")));
  char *lines = read_text(in_scratch("rows/scores.jsonl"));
  int64_t rows = 0;
  for (const char *c = lines; *c != '\0'; c++) rows += *c == '\n';
  free(lines);
  return rows;
}

static void stopped_jobs_publish_and_go_on(void **state) {
  (void)state;
  int parts = 0;
  for (int k = 0; k < call_count; k = k == 0 ? first_call_of_the_journal() : k + 23 * thinner) {
    reset();
    outcome o = run_disturbed(&(fault){.signal = k % 2 == 0 ? SIGTERM : SIGINT, .signals = 1}, k + 1);
    bool early = strstr(o.err, "nothing was written") != NULL;
    if (o.code == 0) {
      assert_true(is_whole());
    } else if (early) {
      assert_int_equal(o.code, 1);
      assert_true(is_former());
    } else {
      assert_int_equal(o.code, 1);
      says_what_to_do(o.err);
      const char *told = strstr(o.err, "stopped as asked after ");
      assert_non_null(told);
      assert_int_equal(rows_there(), strtol(told + strlen("stopped as asked after "), NULL, 10));
      parts += !is_whole();
      assert_false(is_former());
    }
    nothing_left(journal_names);
    outcome_free(&o);
    goes_on();
  }
  assert_true(parts > 0);
}

static void a_second_signal_ends_at_once(void **state) {
  (void)state;
  for (int k = 0; k < call_count; k += 40 * thinner) {
    reset();
    outcome o = run_disturbed(&(fault){.signal = SIGTERM, .signals = 2}, k + 1);
    assert_int_equal(o.code, 128 + SIGTERM);
    outcome_free(&o);
    assert_true(is_former() || is_whole());
    nothing_left(killed_names);
    goes_on();
  }
}

/* ---- folders ---- */

/* In a name space of its own this program may mount; where the kernel does not let it, some tests are passed over. */
static bool take_own_mounts(void) {
  char map[64];
  uid_t user = getuid();
  gid_t group = getgid();
  if (unshare(CLONE_NEWNS) != 0) {
    if (unshare(CLONE_NEWUSER | CLONE_NEWNS) != 0) return false;
    write_text("/proc/self/setgroups", "deny");
    snprintf(map, sizeof map, "%u %u 1", (unsigned)user, (unsigned)user);
    write_text("/proc/self/uid_map", map);
    snprintf(map, sizeof map, "%u %u 1", (unsigned)group, (unsigned)group);
    write_text("/proc/self/gid_map", map);
  }
  return mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0;
}

static void pass_over(const char *what) {
  print_message("not tried: this machine does not let a test make %s\n", what);
  skip();
}

/* Leaves so many pages free. */
static void fill(long pages) {
  struct statvfs about;
  char path[340];
  snprintf(path, sizeof path, "%s/filler", folder);
  unlink(path);
  assert_int_equal(statvfs(folder, &about), 0);
  int file = open(path, O_WRONLY | O_CREAT, 0600);
  assert_true(file >= 0);
  assert_int_equal(posix_fallocate(file, 0, (off_t)(((long)about.f_bavail - pages) * (long)about.f_bsize)), 0);
  close(file);
}

/* The real thing: every call that wants room fails, and parts of writes go in. */
static void a_small_file_system(void **state) {
  (void)state;
  bool done = false;
  if (!own_mounts || mount("none", folder, "tmpfs", 0, "size=8m") != 0) pass_over("a small file system");
  for (long pages = 0; !done && pages < 1000; pages += pages < 60 ? 20 * thinner : 150) {
    reset();
    fill(pages);
    outcome o = run_job();
    done = o.code == 0;
    if (!done) assert_true(is_former());
    failed_cleanly(o);
    assert_true(pages > 0 || !done);
    fill(1000);
    goes_on();
  }
  assert_true(done);
  umount(folder);
  reset();
}

static void a_read_only_folder(void **state) {
  (void)state;
  reset();
  if (!own_mounts || mount(folder, folder, NULL, MS_BIND, NULL) != 0) pass_over("a read-only folder");
  bool locked = mount(NULL, folder, NULL, MS_BIND | MS_REMOUNT | MS_RDONLY, NULL) == 0;
  if (locked) {
    EXPECT(run_job(), 1, "choose another -o or make the folder writable");
    assert_true(is_former());
    nothing_left(NULL);
  }
  umount(folder);
  if (!locked) pass_over("a read-only folder");
  goes_on();
}

/* Runs the job as somebody for whom permissions hold, which for root they do not. */
static outcome run_as_others(void) {
  pid_t child = fork();
  if (child == 0) {
    bool held = geteuid() != 0 || (prctl(PR_CAPBSET_DROP, CAP_DAC_OVERRIDE, 0, 0, 0) == 0 &&
                                   prctl(PR_CAPBSET_DROP, CAP_DAC_READ_SEARCH, 0, 0, 0) == 0);
    _exit(held ? run_job().code : 99);
  }
  return finish_program(child);
}

static void no_permission(void **state) {
  (void)state;
  reset();
  outcome o = run_disturbed(&(fault){.signal = SIGKILL, .signals = 1}, call_count / 3); /* leaves a journal */
  outcome_free(&o);
  assert_int_equal(chmod(folder, 0555), 0);
  o = run_as_others();
  assert_int_equal(chmod(folder, 0755), 0);
  if (o.code == 99) pass_over("a program that obeys permissions");
  assert_true(is_former());
  failed_cleanly(o);
  assert_int_equal(chmod(journal, 0), 0);
  o = run_as_others();
  assert_int_equal(chmod(journal, 0644), 0);
  assert_int_equal(o.code, 1);
  assert_non_null(strstr(o.err, journal));
  assert_true(is_former());
  failed_cleanly(o);
  goes_on();
}

/* ---- outputs ---- */

/* The job with these as stdout and stderr; -1: closed. */
static int run_into(int out, int err) {
  static const char *arguments[] = {BF_TEST_PROGRAM, "score", model, studies, "--json", "-o", result, NULL};
  int status = 0;
  pid_t child = fork();
  if (child == 0) {
    if (out < 0 ? close(1) != 0 : dup2(out, 1) < 0) _exit(98);
    if (err < 0 ? close(2) != 0 : dup2(err, 2) < 0) _exit(98);
    execv(arguments[0], (char *const *)arguments);
    _exit(127);
  }
  waitpid(child, &status, 0);
  assert_true(WIFEXITED(status));
  return WEXITSTATUS(status);
}

static void expect_outputs(int out, int err, int code) {
  reset();
  assert_int_equal(run_into(out, err), code);
  assert_true(is_whole());
  nothing_left(NULL);
}

/* What was to be printed is lost, and it is told; the result stands. */
static void closed_outputs(void **state) {
  (void)state;
  int pipe_ends[2], said = open(in_scratch("said.txt"), O_WRONLY | O_CREAT | O_TRUNC, 0600),
                    nowhere = open("/dev/null", O_WRONLY);
  assert_int_equal(pipe(pipe_ends), 0);
  close(pipe_ends[0]); /* as 'head -c 0' does */
  expect_outputs(pipe_ends[1], said, 1);
  char *words = read_text(in_scratch("said.txt"));
  assert_non_null(strstr(words, "error: the output cannot be written to stdout: Broken pipe\n"));
  free(words);
  expect_outputs(nowhere, pipe_ends[1], 0);
  expect_outputs(nowhere, -1, 0);
  expect_outputs(-1, said, 0);
  close(pipe_ends[1]);
  close(nowhere);
  close(said);
}

/* ---- reading processes ---- */

static int children_of(pid_t *out, int most, pid_t parent) {
  char path[64];
  int count = 0;
  snprintf(path, sizeof path, "/proc/%d/task/%d/children", (int)parent, (int)parent);
  FILE *file = fopen(path, "r");
  while (file != NULL && count < most && fscanf(file, "%d", &out[count]) == 1) count++;
  if (file != NULL) fclose(file);
  return count;
}

/* How many were killed: they are children of a child that starts them. */
static int kill_readers(pid_t program) {
  pid_t nurseries[8], readers[64];
  int killed = 0, n = children_of(nurseries, 8, program);
  for (int i = 0; i < n; i++)
    for (int k = children_of(readers, 64, nurseries[i]) - 1; k >= 0; k--) killed += kill(readers[k], SIGKILL) == 0;
  return killed;
}

/* The program stops at some of its calls; all readers are then killed. */
static void killed_readers_cost_no_row(void **state) {
  (void)state;
  const char *how = getenv("BIFOCAL_ISOLATION");
  if (how != NULL && strcmp(how, "off") == 0) skip();
  int killed = 0, status = 0;
  reset();
  pid_t child = start_disturbed(&(fault){.last = 1000000, .signal = SIGSTOP, .signals = 1}, 1);
  while (waitpid(child, &status, WUNTRACED) == child && WIFSTOPPED(status)) {
    killed += kill_readers(child);
    kill(child, SIGCONT);
  }
  assert_true(WIFEXITED(status));
  assert_int_equal(WEXITSTATUS(status), 0);
  assert_true(is_whole());
  assert_true(killed > 1);
  nothing_left(NULL);
}

/* Nor does the process that starts readers, and takes them along. */
static void the_starter_of_readers_killed_costs_no_row(void **state) {
  (void)state;
  const char *how = getenv("BIFOCAL_ISOLATION");
  pid_t starters[8], readers[64];
  int killed = 0, status = 0;
  if (how != NULL && strcmp(how, "off") == 0) skip();
  reset();
  pid_t child = start_disturbed(&(fault){.signal = SIGSTOP, .signals = 1}, first_call_of_the_journal() + 1);
  assert_int_equal(waitpid(child, &status, WUNTRACED), child);
  assert_true(WIFSTOPPED(status));
  for (int i = children_of(starters, 8, child) - 1; i >= 0; i--)
    if (children_of(readers, 64, starters[i]) > 0) killed += kill(starters[i], SIGKILL) == 0;
  kill(child, SIGCONT);
  good(finish_program(child));
  assert_int_equal(killed, 1);
  assert_true(is_whole());
}

/* Where all that could start readers are killed, files that were not read are no failed rows. */
static void without_readers_the_job_ends(void **state) {
  (void)state;
  const char *how = getenv("BIFOCAL_ISOLATION");
  pid_t starters[8];
  int status = 0, killed = 0;
  if (how != NULL && strcmp(how, "off") == 0) skip();
  reset();
  pid_t child = start_disturbed(&(fault){.signal = SIGSTOP, .signals = 1}, first_call_of_the_journal() + 1);
  assert_int_equal(waitpid(child, &status, WUNTRACED), child);
  assert_true(WIFSTOPPED(status));
  for (int i = children_of(starters, 8, child) - 1; i >= 0; i--) killed += kill(starters[i], SIGKILL) == 0;
  kill(child, SIGCONT);
  outcome o = finish_program(child);
  assert_true(killed > 1);
  assert_int_equal(o.code, 1);
  assert_non_null(strstr(o.err, "the processes that read DICOM files were killed"));
  assert_true(is_former());
  failed_cleanly(o);
  goes_on();
}

/* One that is at work: the first as soon as it is there, the next when the job has a journal. */
static void a_reader_killed_at_work_costs_no_row(void **state) {
  (void)state;
  const char *how = getenv("BIFOCAL_ISOLATION");
  if (how != NULL && strcmp(how, "off") == 0) skip();
  for (int round = 0; round < 3; round++) {
    reset();
    pid_t child = start_program(job(), 0);
    siginfo_t ended = {0};
    for (int killed = 0; killed == 0 && ended.si_pid == 0; sched_yield()) {
      killed = kill_readers(child);
      assert_int_equal(waitid(P_PID, (id_t)child, &ended, WEXITED | WNOHANG | WNOWAIT), 0);
    }
    wait_for(journal, child);
    kill_readers(child);
    good(finish_program(child));
    assert_true(is_whole());
  }
}

static int end(void **state) {
  umount2(folder, MNT_DETACH); /* where a test failed in between */
  return scratch_teardown(state);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(each_call_fails_once),
      cmocka_unit_test(each_run_fails_later),
      cmocka_unit_test(the_disk_is_full_from_a_call_on),
      cmocka_unit_test(killed_at_a_call),
      cmocka_unit_test(a_log_without_its_journal_is_harmless),
      cmocka_unit_test(stopped_jobs_publish_and_go_on),
      cmocka_unit_test(a_second_signal_ends_at_once),
      cmocka_unit_test(a_small_file_system),
      cmocka_unit_test(a_read_only_folder),
      cmocka_unit_test(no_permission),
      cmocka_unit_test(closed_outputs),
      cmocka_unit_test(killed_readers_cost_no_row),
      cmocka_unit_test(the_starter_of_readers_killed_costs_no_row),
      cmocka_unit_test(without_readers_the_job_ends),
      cmocka_unit_test(a_reader_killed_at_work_costs_no_row),
  };
  own_mounts = take_own_mounts();
  return cmocka_run_group_tests_name("score_faults", tests, make_inputs, end);
}
