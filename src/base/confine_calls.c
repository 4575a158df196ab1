/* seccomp filters of confined children (Linux: Documentation/userspace-api/seccomp_filter.rst). A list of what is
 * allowed; the rest fails instead of killing, so that a library that asks for more than it needs goes on. */
#include "base/confine.h"

#include <errno.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#if defined(__x86_64__)
#define ARCHITECTURE AUDIT_ARCH_X86_64
#elif defined(__aarch64__)
#define ARCHITECTURE AUDIT_ARCH_AARCH64
#endif

#ifdef ARCHITECTURE
#define FIELD(name) BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, name))
/* The next line when equal, else the line after it. */
#define IF(value) BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (value), 0, 1)
#define ANSWER(what) BPF_STMT(BPF_RET | BPF_K, (what))
#define ALLOW(call) IF(SYS_##call), ANSWER(SECCOMP_RET_ALLOW)
/* Allowed where the lower half of that argument is the value. */
#define ALLOW_WITH(call, argument, value)                                                              \
  BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_##call, 0, 4), FIELD(args[argument]), IF((uint32_t)(value)), \
      ANSWER(SECCOMP_RET_ALLOW), ANSWER(SECCOMP_RET_ERRNO | EPERM)

#define ALLOW_WITH_EITHER(call, argument, value, other)                                                \
  BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_##call, 0, 6), FIELD(args[argument]), IF((uint32_t)(value)), \
      ANSWER(SECCOMP_RET_ALLOW), IF((uint32_t)(other)), ANSWER(SECCOMP_RET_ALLOW), ANSWER(SECCOMP_RET_ERRNO | EPERM)
#define COMMON                                                                                                    \
  ALLOW_WITH(tgkill, 0, getpid()), /* abort's */                                                                  \
      ALLOW(fstat), ALLOW(newfstatat), ALLOW(munmap), ALLOW(mremap), ALLOW(mprotect), ALLOW(madvise), ALLOW(brk), \
      ALLOW(futex), ALLOW(clock_gettime), ALLOW(getrandom), ALLOW(getpid), ALLOW(gettid), ALLOW(rt_sigaction),    \
      ALLOW(rt_sigprocmask), ALLOW(rt_sigreturn), ALLOW(sigaltstack), ALLOW(sched_yield), ALLOW(exit),            \
      ALLOW(exit_group), ANSWER(SECCOMP_RET_ERRNO | EPERM)
#define BEGIN \
  FIELD(arch), BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, ARCHITECTURE, 1, 0), ANSWER(SECCOMP_RET_KILL_PROCESS), FIELD(nr)

static void install(const struct sock_filter *lines, size_t count) {
  const struct sock_fprog program = {(unsigned short)count, (struct sock_filter *)lines};
  if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0) prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program);
}

void bf_confine_calls_output(int output) {
  const struct sock_filter lines[] = {
      BEGIN,
      /* Other descriptors are the parent's: not to be written to, moved in or mapped. */
      ALLOW_WITH(write, 0, output), ALLOW_WITH(writev, 0, output), ALLOW_WITH(lseek, 0, output),
      ALLOW_WITH(mmap, 4, -1), COMMON};
  install(lines, sizeof lines / sizeof lines[0]);
}

void bf_confine_calls_service(int peer, int room) {
  const struct sock_filter lines[] = {BEGIN,
                                      ALLOW_WITH(recvmsg, 0, peer),
                                      ALLOW_WITH(sendto, 0, peer),
                                      ALLOW(pread64),
                                      ALLOW(close),
                                      ALLOW_WITH_EITHER(mmap, 4, -1, room),
                                      ALLOW_WITH(prlimit64, 0, 0), /* of this process */
                                      ALLOW(setitimer),
                                      COMMON};
  install(lines, sizeof lines / sizeof lines[0]);
}
#else
void bf_confine_calls_output(int output) { (void)output; }
void bf_confine_calls_service(int peer, int room) { (void)peer, (void)room; }
#endif
