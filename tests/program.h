/* Running the bifocal program from tests: arguments in, exit code and both outputs back. cmocka.h comes first. */
#ifndef BF_TESTS_PROGRAM_H
#define BF_TESTS_PROGRAM_H

#include <fcntl.h>
#include <jansson.h>
#include <sched.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

typedef struct outcome {
  int code; /* exit status; 128 + signal when killed */
  char *out, *err;
} outcome;

static char scratch_folder[256];

/* A folder of this test's own, removed by scratch_remove. */
static inline void scratch_make(void) {
  const char *base = getenv("TMPDIR");
  snprintf(scratch_folder, sizeof scratch_folder, "%s/bifocal-test-XXXXXX", base != NULL ? base : "/tmp");
  if (mkdtemp(scratch_folder) == NULL) abort();
}

static inline void scratch_remove(void) {
  char command[300];
  snprintf(command, sizeof command, "rm -rf '%s'", scratch_folder);
  if (system(command) != 0) abort();
}

/* For a group's teardown. */
static inline int scratch_teardown(void **state) {
  (void)state;
  scratch_remove();
  return 0;
}

static inline bool same_file(const char *a, const char *b) {
  char command[1200];
  snprintf(command, sizeof command, "cmp -s '%s' '%s'", a, b);
  return system(command) == 0;
}

/* Waits until `path` exists or the child has ended. */
static inline void wait_for(const char *path, pid_t child) {
  siginfo_t info = {0};
  while (access(path, F_OK) != 0) {
    assert_int_equal(waitid(P_PID, (id_t)child, &info, WEXITED | WNOHANG | WNOWAIT), 0);
    if (info.si_pid == child) return;
    sched_yield();
  }
}

/* "<scratch>/name", one of sixteen rotating buffers. */
static inline const char *in_scratch(const char *name) {
  static char paths[16][512];
  static int next;
  char *path = paths[next++ % 16];
  snprintf(path, 512, "%s/%s", scratch_folder, name);
  return path;
}

static inline char *read_text(const char *path) {
  FILE *file = fopen(path, "rb");
  if (file == NULL) return strdup("");
  fseek(file, 0, SEEK_END);
  long size = ftell(file);
  rewind(file);
  char *text = malloc((size_t)size + 1);
  size_t got = fread(text, 1, (size_t)size, file);
  text[got] = '\0';
  fclose(file);
  return text;
}

static inline void write_text(const char *path, const char *text) {
  FILE *file = fopen(path, "wb");
  if (file == NULL || fputs(text, file) < 0 || fclose(file) != 0) abort();
}

/* A scratch folder with tiny.yaml in it, for runs that must end in the same bytes: creation times, which are their only
 * difference, and the key of patients are the same for all. */
static inline void scratch_make_for_job(const char *config) {
  setenv("SOURCE_DATE_EPOCH", "1700000000", 1);
  setenv("BIFOCAL_PATIENT_KEY", "key of this test", 1);
  scratch_make();
  write_text(in_scratch("tiny.yaml"), config);
}

/* Starts the program with a NULL-ended list of arguments; most_bytes > 0 limits the size of files it may write. */
static inline pid_t start_program(const char *const *arguments, long most_bytes) {
  const char *argv[64] = {BF_TEST_PROGRAM};
  int n = 1;
  while (arguments[n - 1] != NULL && n < 63) argv[n] = arguments[n - 1], n++;
  pid_t child = fork();
  if (child != 0) return child;
  int out = open(in_scratch("stdout.txt"), O_WRONLY | O_CREAT | O_TRUNC, 0600);
  int err = open(in_scratch("stderr.txt"), O_WRONLY | O_CREAT | O_TRUNC, 0600);
  dup2(out, 1);
  dup2(err, 2);
  if (most_bytes > 0) {
    struct rlimit limit = {(rlim_t)most_bytes, (rlim_t)most_bytes};
    setrlimit(RLIMIT_FSIZE, &limit);
  }
  execv(argv[0], (char *const *)argv);
  _exit(127);
}

static inline outcome finish_program(pid_t child) {
  int status = 0;
  waitpid(child, &status, 0);
  outcome o = {WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status), read_text(in_scratch("stdout.txt")),
               read_text(in_scratch("stderr.txt"))};
  return o;
}

static inline void outcome_free(outcome *o) {
  free(o->out);
  free(o->err);
}

#define RUN(...) finish_program(start_program((const char *const[]){__VA_ARGS__, NULL}, 0))
#define RUN_LIMITED(bytes, ...) finish_program(start_program((const char *const[]){__VA_ARGS__, NULL}, bytes))

/* Exit code, and words that must stand on stderr. */
#define EXPECT(o, wanted_code, words)                                                                            \
  do {                                                                                                           \
    outcome got_ = (o);                                                                                          \
    if (got_.code != (wanted_code) || strstr(got_.err, (words)) == NULL)                                         \
      print_message("exit %d, stderr: %s\nstdout: %s\nwanted exit %d and '%s'\n", got_.code, got_.err, got_.out, \
                    wanted_code, words);                                                                         \
    assert_int_equal(got_.code, wanted_code);                                                                    \
    assert_non_null(strstr(got_.err, (words)));                                                                  \
    outcome_free(&got_);                                                                                         \
  } while (0)

/* The run must have been good. */
static inline void good(outcome o) {
  if (o.code != 0) print_message("exit %d: %s\n", o.code, o.err);
  assert_int_equal(o.code, 0);
  outcome_free(&o);
}

/* What a good run printed with --json. */
static inline json_t *json_of(outcome o) {
  if (o.code != 0) print_message("exit %d: %s\n", o.code, o.err);
  assert_int_equal(o.code, 0);
  json_t *root = json_loads(o.out, 0, NULL);
  assert_non_null(root);
  outcome_free(&o);
  return root;
}

static inline double number_at(json_t *root, const char *section, const char *key) {
  json_t *value = json_object_get(json_object_get(root, section), key);
  assert_true(json_is_number(value));
  return json_number_value(value);
}

#endif
