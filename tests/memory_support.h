/* Allocations that fail on demand, for programs that are linked with --wrap=aligned_alloc: every one of bf_alloc is
 * then counted here. Header-only; one thread. */
#ifndef BF_TESTS_MEMORY_SUPPORT_H
#define BF_TESTS_MEMORY_SUPPORT_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "bifocal/status.h"

static int memory_asked, memory_fails_at; /* the allocation that fails, from 1; 0: none */

void *__real_aligned_alloc(size_t alignment, size_t size);
void *__wrap_aligned_alloc(size_t alignment, size_t size);

void *__wrap_aligned_alloc(size_t alignment, size_t size) {
  return ++memory_asked == memory_fails_at ? NULL : __real_aligned_alloc(alignment, size);
}

/* Runs the work once with each of its allocations failing, and at last with none: BF_E_MEMORY with words in all runs
 * but that one. least: allocations that it must have, so that none is looked at in vain. */
static inline void assert_tells_short_memory(bf_status (*work)(bf_error *err), int least) {
  for (int k = 1;; k++) {
    bf_error err = {0};
    memory_asked = 0;
    memory_fails_at = k;
    bf_status status = work(&err);
    memory_fails_at = 0;
    if (memory_asked < k) { /* it came through without the k-th */
      if (status != BF_OK) fail_msg("%d with enough memory: %s", (int)status, err.message);
      if (k <= least) fail_msg("%d allocations, and %d are due", k - 1, least);
      return;
    }
    if (status != BF_E_MEMORY || err.message[0] == '\0')
      fail_msg("allocation %d fails: %d, '%s'", k, (int)status, err.message);
  }
}

#endif
