/* What a child process gives up before it touches a stranger's bytes. Private to isolate.c and service.c. Everything
 * here is for a process with one thread. */
#ifndef BF_BASE_CONFINE_H
#define BF_BASE_CONFINE_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/resource.h>

/* Sanitizers reserve terabytes of addresses, and their reports end a process where a crash would. */
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define BF_SANITIZED 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer) || __has_feature(memory_sanitizer)
#define BF_SANITIZED 1
#endif
#endif
#ifndef BF_SANITIZED
#define BF_SANITIZED 0
#endif

/* Soft and hard limit; each only as far as the hard limit that is there allows. */
bool bf_confine_limit(int what, rlim_t soft, rlim_t hard);
/* Address space in use and `more` bytes, of which the hard limit leaves `most`. True, and nothing done, where
 * bf_isolate_limits_memory is false. */
bool bf_confine_memory(size_t more, size_t most);
/* Address space that is in use, in bytes; 0 where unknown. */
size_t bf_confine_address_space(void);
/* Signals as the system has them: handlers of the program (and of sanitizers) would hide how the child ended. */
void bf_confine_signals(void);
/* Standard input and both outputs to nothing; a sanitizer's report is seen all the same. */
bool bf_confine_silence(void);

/* The system calls that are left, for good: the rest fails with EPERM. Without effect where the kernel or the processor
 * has no such filter: the limits hold there all the same. */
/* Compute, take and give back memory, write to `output`, and end. */
void bf_confine_calls_output(int output);
/* Compute, take and give back memory, receive and send on `peer`, read from descriptors, map `room`, set own limits and
 * timers, and end. */
void bf_confine_calls_service(int peer, int room);

#endif
