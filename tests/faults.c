/* A library to be preloaded (LD_PRELOAD): counts the calls by which a program changes, opens, reads or closes a folder
 * and the files below it, and at the wanted ones gives an error or a signal. Children that the program forks are left
 * alone. What it shall do stands in the environment: see the settings. No test, and no part of bifocal. */
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>
#include <unistd.h>

/* FAULTS_BELOW: the folder, an absolute path. FAULTS_FROM, FAULTS_TO: the first and last call that is disturbed,
 * counted from 1. FAULTS_ERRNO: the error that they give; 0: they are done. FAULTS_SIGNAL, FAULTS_SIGNALS: sent to the
 * program before the call, and how often. FAULTS_LOG: a file that gets a line a call. */
static struct {
  const char *below;
  long from, to, error, signal, signals;
  int log;
} settings;

static atomic_long calls;
static bool elsewhere; /* in a forked child */

/* The next library's function of that name. */
#define REAL(name) ((__typeof__(&name))real(#name))

static void *real(const char *name) {
  void *found = dlsym(RTLD_NEXT, name);
  if (found == NULL) abort();
  return found;
}

static long number(const char *name, long missing) {
  const char *text = getenv(name);
  return text != NULL ? strtol(text, NULL, 10) : missing;
}

static void leave(void) { elsewhere = true; }

__attribute__((constructor)) static void begin(void) {
  const char *log = getenv("FAULTS_LOG");
  settings.below = getenv("FAULTS_BELOW");
  settings.from = number("FAULTS_FROM", 0);
  settings.to = number("FAULTS_TO", settings.from);
  settings.error = number("FAULTS_ERRNO", 0);
  settings.signal = number("FAULTS_SIGNAL", 0);
  settings.signals = number("FAULTS_SIGNALS", 1);
  settings.log = log != NULL ? REAL(open)(log, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600) : -1;
  pthread_atfork(NULL, NULL, leave);
}

static bool is_below(const char *path) {
  size_t length = settings.below != NULL ? strlen(settings.below) : 0;
  return !elsewhere && length > 0 && strncmp(path, settings.below, length) == 0 &&
         (path[length] == '/' || path[length] == '\0');
}

/* Whether this call must fail, errno then being set. On a full disk, what takes no room goes well. */
static bool disturb(const char *call, const char *path, bool takes_room) {
  char line[4200];
  if (!is_below(path)) return false;
  long n = atomic_fetch_add(&calls, 1) + 1;
  bool now = n >= settings.from && n <= settings.to;
  int length = snprintf(line, sizeof line, "%ld %s .%s\n", n, call, path + strlen(settings.below));
  if (settings.log >= 0 && REAL(write)(settings.log, line, (size_t)length) < 0) abort();
  for (long i = 0; now && settings.signal > 0 && i < settings.signals; i++) raise((int)settings.signal);
  if (!now || settings.error == 0 || (settings.error == ENOSPC && !takes_room)) return false;
  errno = (int)settings.error;
  return true;
}

static bool disturb_file(const char *call, int file, bool takes_room) {
  char link[64], path[4096];
  if (elsewhere || settings.below == NULL) return false;
  int before = errno;
  snprintf(link, sizeof link, "/proc/self/fd/%d", file);
  ssize_t length = readlink(link, path, sizeof path - 1);
  errno = before;
  if (length <= 0) return false;
  path[length] = '\0';
  if (strstr(path, " (deleted)") != NULL) return false;
  return disturb(call, path, takes_room);
}

static bool is_written(int file) {
  int before = errno, flags = elsewhere ? -1 : fcntl(file, F_GETFL);
  errno = before;
  return flags >= 0 && (flags & O_ACCMODE) != O_RDONLY;
}

/* ---- opening and closing ---- */

#define OPEN(name)                                                                     \
  int name(const char *path, int flags, ...) {                                         \
    va_list arguments;                                                                 \
    va_start(arguments, flags);                                                        \
    mode_t mode = flags & O_CREAT ? va_arg(arguments, mode_t) : 0;                     \
    va_end(arguments);                                                                 \
    return disturb(#name, path, flags & O_CREAT) ? -1 : REAL(name)(path, flags, mode); \
  }
OPEN(open)
OPEN(open64)

#define FOPEN(name)                                                              \
  FILE *name(const char *path, const char *mode) {                               \
    return disturb(#name, path, mode[0] != 'r') ? NULL : REAL(name)(path, mode); \
  }
FOPEN(fopen)
FOPEN(fopen64)

int close(int file) {
  bool bad = is_written(file) && disturb_file("close", file, true);
  int code = errno, closed = REAL(close)(file);
  if (bad) errno = code;
  return bad ? -1 : closed;
}

/* Buffered bytes go out here. */
int fclose(FILE *file) {
  bool bad = is_written(fileno(file)) && disturb_file("fclose", fileno(file), true);
  int code = errno, closed = REAL(fclose)(file);
  if (bad) errno = code;
  return bad ? EOF : closed;
}

/* ---- reading, writing, syncing ---- */

ssize_t read(int file, void *bytes, size_t size) {
  return disturb_file("read", file, false) ? -1 : REAL(read)(file, bytes, size);
}

ssize_t write(int file, const void *bytes, size_t size) {
  return disturb_file("write", file, true) ? -1 : REAL(write)(file, bytes, size);
}

#define PREAD(name)                                                                   \
  ssize_t name(int file, void *bytes, size_t size, off_t at) {                        \
    return disturb_file(#name, file, false) ? -1 : REAL(name)(file, bytes, size, at); \
  }
PREAD(pread)
PREAD(pread64)

#define PWRITE(name)                                                                 \
  ssize_t name(int file, const void *bytes, size_t size, off_t at) {                 \
    return disturb_file(#name, file, true) ? -1 : REAL(name)(file, bytes, size, at); \
  }
PWRITE(pwrite)
PWRITE(pwrite64)

#define TRUNCATE(name) \
  int name(int file, off_t size) { return disturb_file(#name, file, true) ? -1 : REAL(name)(file, size); }
TRUNCATE(ftruncate)
TRUNCATE(ftruncate64)

#define SYNC(name) \
  int name(int file) { return disturb_file(#name, file, true) ? -1 : REAL(name)(file); }
SYNC(fsync)
SYNC(fdatasync)

/* ---- names ---- */

int rename(const char *from, const char *to) { return disturb("rename", to, false) ? -1 : REAL(rename)(from, to); }
int unlink(const char *path) { return disturb("unlink", path, false) ? -1 : REAL(unlink)(path); }
