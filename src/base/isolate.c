/* A child process with limits. Where the rules of the child stand: confine(). */
#include "base/isolate.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/confine.h"
#include "base/memory.h"
#include "base/utf8.h"

/* Shared with the child, which may write anything here. */
typedef struct report {
  int done;
  bf_error error;
} report;

typedef struct job {
  const bf_isolate_limits *limits;
  report *report;
  int output; /* memfd */
} job;

/* ---- in the child ---- */

/* The child's rules; what a signal ends is told by wait_for. */
static bool confine(const bf_isolate_limits *limits, int output) {
  bf_confine_signals();
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  prctl(PR_SET_DUMPABLE, 0); /* a core pattern with a pipe ignores the limit below */
  bool good = bf_confine_silence() && bf_confine_limit(RLIMIT_CORE, 0, 0);
  good = good && bf_confine_limit(RLIMIT_CPU, (rlim_t)limits->cpu_seconds, (rlim_t)limits->cpu_seconds + 1);
  good = good && bf_confine_limit(RLIMIT_FSIZE, limits->output_bytes, limits->output_bytes);
  good = good && bf_confine_memory(limits->memory_bytes, limits->memory_bytes);
  /* From here on no file can be opened. */
  good = good && bf_confine_limit(RLIMIT_NOFILE, 0, 0);
  bf_confine_calls_output(output);
  return good;
}

static bf_status work_in_child(const job *j, bf_isolate_work work, void *user, bf_error *err) {
  FILE *out = fdopen(j->output, "wb"); /* asks for what is refused later */
  if (out == NULL) return bf_fail(err, BF_E_MEMORY, "no memory for the child process's output");
  if (!confine(j->limits, j->output))
    return bf_fail(err, BF_E_IO, "the child process's limits could not be set: %s", strerror(errno));
  bf_status status = work(out, user, err);
  if (fflush(out) != 0 && status == BF_OK)
    status = bf_fail(err, BF_E_IO, "the child process could not write: %s", strerror(errno));
  return status;
}

/* Leaves by _exit: what the parent would do at its end (flush its files, close its databases) is not the child's. */
static void run_child(const job *j, bf_isolate_work work, void *user) {
  bf_error err = {0};
  err.status = work_in_child(j, work, user, &err);
  j->report->error = err;
  j->report->done = 1;
  _exit(0);
}

/* ---- in the parent ---- */

static int64_t now_ms(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

/* Whether the child ended before the deadline. */
static bool ends_in_time(int process, int milliseconds) {
  int64_t end = now_ms() + milliseconds, left;
  struct pollfd p = {.fd = process, .events = POLLIN};
  while ((left = end - now_ms()) > 0) {
    int got = poll(&p, 1, left > INT32_MAX ? INT32_MAX : (int)left);
    if (got > 0) return true;
    if (got < 0 && errno != EINTR) return false;
  }
  return false;
}

static bf_status say_signal(int number, const bf_isolate_limits *limits, bf_error *err) {
  if (number == SIGXCPU)
    return bf_fail(err, BF_E_LIMIT,
                   "reading it took more than the limit of %d s of processor time; it is damaged or "
                   "hostile",
                   limits->cpu_seconds);
  if (number == SIGXFSZ)
    return bf_fail(err, BF_E_LIMIT, "reading it gave more than the limit of %zu bytes", limits->output_bytes);
  if (number == SIGKILL)
    return bf_fail(err, BF_E_LIMIT,
                   "the process that read it was killed from outside: perhaps the machine's memory "
                   "ran out");
  return bf_fail(err, BF_E_FORMAT,
                 "reading it crashed the process that was set apart for it (signal %d, %s); it is "
                 "damaged or hostile",
                 number, strsignal(number));
}

/* The child's own account, of which only a known status and plain words are taken over. */
static bf_status say_report(const report *shared, bf_error *err) {
  report r;
  memcpy(&r, shared, sizeof r);
  bf_status status = r.error.status;
  if (status == BF_OK) return BF_OK;
  r.error.message[sizeof r.error.message - 1] = '\0';
  bf_make_plain(r.error.message);
  if (status > BF_OK || status < BF_E_NO_IMAGE) status = BF_E_FORMAT;
  return bf_fail(err, status, "%s", r.error.message[0] != '\0' ? r.error.message : "it could not be read");
}

static bf_status wait_for(pid_t child, const job *j, bf_error *err) {
  int how = 0, process = (int)syscall(SYS_pidfd_open, child, 0);
  bool in_time = process >= 0 && ends_in_time(process, j->limits->wall_milliseconds);
  int why = errno;
  if (!in_time && process >= 0) syscall(SYS_pidfd_send_signal, process, SIGKILL, NULL, 0);
  if (process < 0) kill(child, SIGKILL);
  if (process >= 0) close(process);
  pid_t got;
  while ((got = waitpid(child, &how, 0)) < 0 && errno == EINTR) continue;
  if (process < 0) return bf_fail(err, BF_E_IO, "cannot wait for a child process: %s", strerror(why));
  if (!in_time)
    return bf_fail(err, BF_E_LIMIT,
                   "reading it took more than the limit of %.1f s; it is damaged or hostile, or this "
                   "machine is too busy",
                   j->limits->wall_milliseconds / 1000.0);
  /* Where the program was started with SIGCHLD ignored the system keeps no account: the child's own has to do. */
  if (got < 0 && errno == ECHILD) how = 0;
  if (got < 0 && errno != ECHILD)
    return bf_fail(err, BF_E_IO, "how a child process ended is not known: %s", strerror(errno));
  if (WIFSIGNALED(how)) return say_signal(WTERMSIG(how), j->limits, err);
  if (!WIFEXITED(how) || WEXITSTATUS(how) != 0 || !j->report->done)
    return bf_fail(err, BF_E_FORMAT,
                   "reading it ended the process that was set apart for it (exit %d); it is damaged "
                   "or hostile",
                   WEXITSTATUS(how));
  return say_report(j->report, err);
}

/* A copy: the memory behind the file is not the caller's alone. */
static bf_status take_output(void **bytes, size_t *size, const job *j, bf_error *err) {
  struct stat about;
  size_t done = 0;
  if (fstat(j->output, &about) != 0) return bf_fail(err, BF_E_IO, "cannot read a child's output: %s", strerror(errno));
  size_t whole = (size_t)about.st_size;
  if (about.st_size < 0 || whole > j->limits->output_bytes)
    return bf_fail(err, BF_E_LIMIT, "reading it gave more than the limit of %zu bytes", j->limits->output_bytes);
  char *copy = bf_alloc_raw(whole, 1);
  if (copy == NULL) return bf_fail(err, BF_E_MEMORY, "no memory for %zu bytes", whole);
  while (done < whole) {
    ssize_t got = pread(j->output, copy + done, whole - done, (off_t)done);
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) {
      bf_free(copy);
      return bf_fail(err, BF_E_IO, "cannot read a child's output: %s", got < 0 ? strerror(errno) : "cut short");
    }
    done += (size_t)got;
  }
  *bytes = copy;
  *size = whole;
  return BF_OK;
}

/* Not among the first three descriptors, which a caller may have closed: the child's are turned to nothing. */
static int memory_file(void) {
  int file = memfd_create("bifocal", MFD_CLOEXEC);
  if (file < 0 || file > 2) return file;
  int higher = fcntl(file, F_DUPFD_CLOEXEC, 3);
  close(file);
  return higher;
}

bf_status bf_isolate_run(void **bytes, size_t *size, const bf_isolate_limits *limits, bf_isolate_work work, void *user,
                         bf_error *err) {
  job j = {.limits = limits, .output = memory_file()};
  pid_t child = -1;
  *bytes = NULL;
  *size = 0;
  void *shared = mmap(NULL, sizeof(report), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  if (shared != MAP_FAILED) j.report = shared;
  if (j.output >= 0 && j.report != NULL) child = fork();
  if (child == 0) run_child(&j, work, user);
  bf_status status =
      child < 0 ? bf_fail(err, BF_E_IO, "cannot start a child process: %s", strerror(errno)) : wait_for(child, &j, err);
  if (status == BF_OK) status = take_output(bytes, size, &j, err);
  if (j.report != NULL) munmap(j.report, sizeof(report));
  if (j.output >= 0) close(j.output);
  return status;
}
