/* Limits, signals and outputs of a child process. */
#include "base/confine.h"

#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/isolate.h"

bool bf_isolate_limits_memory(void) { return !BF_SANITIZED; }

bool bf_confine_limit(int what, rlim_t soft, rlim_t hard) {
  struct rlimit now;
  if (getrlimit((__rlimit_resource_t)what, &now) != 0) return false;
  /* Who started the program may have set it lower: a hard limit can only fall. */
  if (hard > now.rlim_max) hard = now.rlim_max;
  if (soft > hard) soft = hard;
  return setrlimit((__rlimit_resource_t)what, &(struct rlimit){soft, hard}) == 0;
}

size_t bf_confine_address_space(void) {
  char text[64] = "";
  int file = open("/proc/self/statm", O_RDONLY | O_CLOEXEC);
  ssize_t got = file < 0 ? -1 : read(file, text, sizeof text - 1);
  if (file >= 0) close(file);
  return got > 0 ? (size_t)strtoull(text, NULL, 10) * (size_t)sysconf(_SC_PAGESIZE) : 0;
}

bool bf_confine_memory(size_t more, size_t most) {
  size_t soft, hard, used = bf_confine_address_space();
  if (!bf_isolate_limits_memory()) return true;
  if (__builtin_add_overflow(used, more, &soft) || __builtin_add_overflow(used, most, &hard)) return true;
  return bf_confine_limit(RLIMIT_AS, soft, hard);
}

void bf_confine_signals(void) {
  static const int signals[] = {SIGINT,  SIGTERM, SIGSEGV, SIGBUS,  SIGFPE, SIGILL,
                                SIGABRT, SIGTRAP, SIGXCPU, SIGXFSZ, SIGSYS, SIGPROF};
  sigset_t none;
  for (size_t i = 0; i < sizeof signals / sizeof signals[0]; i++) signal(signals[i], SIG_DFL);
  sigemptyset(&none);
  sigprocmask(SIG_SETMASK, &none, NULL);
}

bool bf_confine_silence(void) {
  int nothing = open("/dev/null", O_RDWR | O_CLOEXEC);
  if (nothing < 0) return false;
  /* A sanitizer's report is to be seen. */
  for (int i = 0; i < (BF_SANITIZED ? 2 : 3); i++)
    if (dup2(nothing, i) < 0) return false;
  return true;
}
