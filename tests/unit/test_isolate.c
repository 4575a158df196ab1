/* The isolated child: what it gives, how it ends, and what it cannot do. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/isolate.h"
#include "base/memory.h"

static const bf_isolate_limits wide = {20, 20000, (size_t)256 << 20, (size_t)1 << 20};

/* Runs it; the message must hold `said`. */
static void expect(bf_isolate_work work, void *user, bf_isolate_limits limits, bf_status due, const char *said) {
  bf_error err = {0};
  void *bytes;
  size_t size;
  bf_status status = bf_isolate_run(&bytes, &size, &limits, work, user, &err);
  if (status != due || strstr(err.message, said) == NULL)
    fail_msg("%d, '%s' where %d, '%s' is due", (int)status, err.message, (int)due, said);
  if (status != BF_OK) assert_true(bytes == NULL && size == 0 && err.status == due);
  bf_free(bytes);
}

static bf_status write_many(FILE *out, void *user, bf_error *err) {
  (void)err;
  for (int64_t i = 0; i < *(int64_t *)user; i++) fputc((int)(i * 7 % 251), out);
  return BF_OK;
}

static void what_is_written_arrives(void **state) {
  (void)state;
  const int64_t counts[] = {0, 1, 100001, 1 << 20};
  for (int i = 0; i < 4; i++) {
    bf_error err = {0};
    void *bytes;
    size_t size;
    int64_t count = counts[i];
    assert_int_equal(bf_isolate_run(&bytes, &size, &wide, write_many, &count, &err), BF_OK);
    assert_int_equal(size, count);
    for (int64_t k = 0; k < count; k++)
      if (((unsigned char *)bytes)[k] != k * 7 % 251) fail_msg("byte %lld of %lld", (long long)k, (long long)count);
    bf_free(bytes);
  }
}

static void an_error_comes_through(void **state);

/* As under supervisors that ignore it: the system then keeps no account of how children end. */
static void children_that_nobody_counts(void **state) {
  what_is_written_arrives(state);
  signal(SIGCHLD, SIG_IGN);
  what_is_written_arrives(state);
  an_error_comes_through(state);
  signal(SIGCHLD, SIG_DFL);
}

/* Where the caller has no stdin the output's descriptor would be the first, and be silenced with it. */
static void without_stdin(void **state) {
  int kept = dup(0);
  close(0);
  what_is_written_arrives(state);
  dup2(kept, 0);
  close(kept);
}

static void writing_too_much(void **state) {
  (void)state;
  int64_t count = (1 << 20) + 1;
  expect(write_many, &count, wide, BF_E_LIMIT, "more than the limit of 1048576 bytes");
}

static bf_status refuse(FILE *out, void *user, bf_error *err) {
  fputs("half of it", out);
  return bf_fail(err, BF_E_UNSUPPORTED, "layer%s: no filter 32\n\x1b[31m", (const char *)user);
}

static void an_error_comes_through(void **state) {
  (void)state;
  expect(refuse, "7", wide, BF_E_UNSUPPORTED, "layer7: no filter 32??[31m");
}

static bf_status say_nonsense(FILE *out, void *user, bf_error *err) {
  (void)out;
  if (*(int *)user == 1) memset(err->message, 'x', sizeof err->message);
  return (bf_status) * (int *)user;
}

static void a_status_that_is_none(void **state) {
  (void)state;
  expect(say_nonsense, &(int){1}, wide, BF_E_FORMAT, "xxxx");
  expect(say_nonsense, &(int){-99}, wide, BF_E_FORMAT, "it could not be read");
}

static bf_status crash(FILE *out, void *user, bf_error *err) {
  (void)out, (void)err;
  raise(*(int *)user);
  return BF_OK;
}

static void crashes(void **state) {
  (void)state;
  const int signals[] = {SIGSEGV, SIGFPE, SIGBUS, SIGILL, SIGABRT};
  for (size_t i = 0; i < sizeof signals / sizeof signals[0]; i++) {
    char said[64];
    int number = signals[i];
    snprintf(said, sizeof said, "(signal %d, %s); it is damaged or hostile", number, strsignal(number));
    expect(crash, &number, wide, BF_E_FORMAT, said);
  }
}

static bf_status leave(FILE *out, void *user, bf_error *err) {
  (void)out, (void)err;
  _exit(*(int *)user);
}

static void leaving_without_a_word(void **state) {
  (void)state;
  expect(leave, &(int){0}, wide, BF_E_FORMAT, "(exit 0)");
  expect(leave, &(int){3}, wide, BF_E_FORMAT, "(exit 3)");
}

static bf_status loop(FILE *out, void *user, bf_error *err) {
  (void)out, (void)user, (void)err;
  for (volatile int i = 0;; i = 0) (void)i;
  return BF_OK;
}

static void loops_meet_the_deadline(void **state) {
  (void)state;
  bf_isolate_limits limits = wide;
  limits.wall_milliseconds = 50;
  time_t start = time(NULL);
  expect(loop, NULL, limits, BF_E_LIMIT, "more than the limit of 0.1 s");
  assert_true(time(NULL) - start < 10); /* not the 20 s of the processor's limit */
}

static void loops_meet_the_limit_of_the_processor(void **state) {
  (void)state;
  bf_isolate_limits limits = wide;
  limits.cpu_seconds = 1;
  expect(loop, NULL, limits, BF_E_LIMIT, "more than the limit of 1 s of processor time");
}

static bf_status take_memory(FILE *out, void *user, bf_error *err) {
  (void)out;
  char *block = malloc(*(size_t *)user);
  if (block == NULL) return bf_fail(err, BF_E_MEMORY, "no memory for %zu bytes", *(size_t *)user);
  memset(block, 1, *(size_t *)user);
  free(block);
  return BF_OK;
}

static void taking_too_much_memory(void **state) {
  (void)state;
  size_t much = (size_t)300 << 20, little = (size_t)100 << 20;
  if (!bf_isolate_limits_memory()) skip();
  expect(take_memory, &much, wide, BF_E_MEMORY, "no memory for 314572800 bytes");
  expect(take_memory, &little, wide, BF_OK, "");
}

/* One digit for each thing that was possible. */
static bf_status try_things(FILE *out, void *user, bf_error *err) {
  (void)out;
  char done[8] = "";
  int file = open("/etc/passwd", O_RDONLY), s = socket(AF_INET, SOCK_STREAM, 0);
  if (file >= 0) strcat(done, "o");
  if (s >= 0) strcat(done, "s");
  if (kill(getppid(), 0) == 0) strcat(done, "k");
  if (syscall(SYS_tgkill, getppid(), getppid(), 0) == 0) strcat(done, "t");
  if (user != NULL && write(*(int *)user, "x", 1) == 1) strcat(done, "w");
  pid_t child = fork();
  if (child == 0) _exit(0);
  if (child > 0) strcat(done, "f");
  if (access("/etc/passwd", F_OK) == 0) strcat(done, "a");
  return bf_fail(err, BF_E_NOT_FOUND, "possible: [%s]", done);
}

static void the_child_is_shut_in(void **state) {
  (void)state;
  int other = memfd_create("other", MFD_CLOEXEC);
  expect(try_things, &other, wide, BF_E_NOT_FOUND, "possible: []");
  assert_int_equal(lseek(other, 0, SEEK_END), 0);
  close(other);
}

static bf_status talk(FILE *out, void *user, bf_error *err) {
  (void)user, (void)err;
  char c;
  ssize_t got = read(0, &c, 1);
  fputs("noise", stderr);
  puts("noise");
  fflush(stdout);
  fprintf(out, "%d", (int)got);
  return BF_OK;
}

/* Its words go nowhere, and what stood unwritten in the parent's buffers is not written twice. */
static void the_child_is_quiet(void **state) {
  (void)state;
  char path[] = "/tmp/bifocal-test-XXXXXX", text[64] = "";
  bf_error err = {0};
  void *bytes;
  size_t size;
  int file = mkstemp(path), old = dup(1);
  fflush(stdout);
  dup2(file, 1);
  printf("once ");
  bf_status status = bf_isolate_run(&bytes, &size, &wide, talk, NULL, &err);
  fflush(stdout);
  dup2(old, 1);
  assert_int_equal(status, BF_OK);
  assert_true(pread(file, text, sizeof text - 1, 0) >= 0);
  assert_string_equal(text, "once ");
  bf_free(bytes);
  close(old);
  close(file);
  unlink(path);
}

static int open_files(void) {
  int count = 0;
  DIR *folder = opendir("/proc/self/fd");
  assert_non_null(folder);
  while (readdir(folder) != NULL) count++;
  closedir(folder);
  return count;
}

/* Descriptors and children do not pile up. */
static void nothing_is_left(void **state) {
  (void)state;
  int before = open_files(), number = SIGSEGV;
  int64_t count = 5;
  for (int i = 0; i < 20; i++) {
    expect(crash, &number, wide, BF_E_FORMAT, "crashed");
    expect(write_many, &count, wide, BF_OK, "");
  }
  assert_int_equal(open_files(), before);
  assert_true(waitpid(-1, NULL, WNOHANG) < 0 && errno == ECHILD);
}

static volatile bool stop;

static void *take_and_give(void *user) {
  (void)user;
  while (!stop) free(malloc(1000));
  return NULL;
}

/* The heap's locks are held by other threads at nearly every fork. */
static void with_busy_threads(void **state) {
  (void)state;
  pthread_t threads[2];
  size_t little = (size_t)1 << 20;
  int64_t count = 100;
  if (!bf_isolate_limits_memory()) skip(); /* AddressSanitizer's heap, unlike glibc's, is not made ready for a fork */
  stop = false;
  for (int i = 0; i < 2; i++) assert_int_equal(pthread_create(&threads[i], NULL, take_and_give, NULL), 0);
  for (int i = 0; i < 50; i++) {
    expect(take_memory, &little, wide, BF_OK, "");
    expect(write_many, &count, wide, BF_OK, "");
  }
  stop = true;
  for (int i = 0; i < 2; i++) pthread_join(threads[i], NULL);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(what_is_written_arrives),
      cmocka_unit_test(children_that_nobody_counts),
      cmocka_unit_test(without_stdin),
      cmocka_unit_test(writing_too_much),
      cmocka_unit_test(an_error_comes_through),
      cmocka_unit_test(a_status_that_is_none),
      cmocka_unit_test(crashes),
      cmocka_unit_test(leaving_without_a_word),
      cmocka_unit_test(loops_meet_the_deadline),
      cmocka_unit_test(loops_meet_the_limit_of_the_processor),
      cmocka_unit_test(taking_too_much_memory),
      cmocka_unit_test(the_child_is_shut_in),
      cmocka_unit_test(the_child_is_quiet),
      cmocka_unit_test(nothing_is_left),
      cmocka_unit_test(with_busy_threads),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
