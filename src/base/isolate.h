/* Work on a stranger's bytes in a child process: what crashes, hangs or grows there costs the caller an error, not its
 * life. The child is a fork without exec: it sees the caller's memory as it stood, and gives back nothing but bytes and
 * a status with words. Both come from a process that may have been taken over: the caller believes none of them
 * unchecked. */
#ifndef BF_BASE_ISOLATE_H
#define BF_BASE_ISOLATE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#include "bifocal/status.h"

/* All must be above 0. */
typedef struct bf_isolate_limits {
  int cpu_seconds;
  int wall_milliseconds;
  size_t memory_bytes; /* address space beyond what the process has when it forks; see bf_isolate_limits_memory */
  size_t output_bytes;
} bf_isolate_limits;

/* Runs in the child, in its only thread. Locks that other threads held at the fork stay locked: of libraries it may use
 * malloc, stdio on `out`, and what no other thread is in; a library that hangs all the same meets the deadline. Files,
 * sockets and new processes are refused there. A failure's status and message reach the caller. */
typedef bf_status (*bf_isolate_work)(FILE *out, void *user, bf_error *err);

/* Runs the work and waits. *bytes (bf_free; NULL unless BF_OK) is what it wrote. A message of the child's arrives with
 * control characters replaced, and its status in the list of status.h. A child that crashes, or leaves without a word,
 * is BF_E_FORMAT; one that was stopped by a limit or the deadline is BF_E_LIMIT; BF_E_IO: it could not be started. May
 * be called from any thread, and from several at once. */
bf_status bf_isolate_run(void **bytes, size_t *size, const bf_isolate_limits *limits, bf_isolate_work work, void *user,
                         bf_error *err);

/* False where memory_bytes cannot be enforced: sanitizers reserve address space without end. */
bool bf_isolate_limits_memory(void);

#endif
