/* Checked, aligned allocation. */
#include "base/memory.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

static const size_t alignment = 64, huge_page = (size_t)2 << 20;

void *bf_alloc_raw(size_t count, size_t size) {
  size_t bytes;
  if (__builtin_mul_overflow(count, size, &bytes)) return NULL;
  if (bytes > SIZE_MAX / 2) return NULL;
  /* Large blocks in huge pages where the system grants them: far fewer page faults, and misses of the address cache. */
  size_t unit = bytes >= 4 * huge_page ? huge_page : alignment;
  bytes = (bytes + unit - 1) & ~(unit - 1);
  void *block = aligned_alloc(unit, bytes ? bytes : unit);
  if (block != NULL && unit == huge_page) madvise(block, bytes, MADV_HUGEPAGE);
  return block;
}

void *bf_alloc(size_t count, size_t size) {
  void *block = bf_alloc_raw(count, size);
  if (block != NULL) memset(block, 0, count * size);
  return block;
}

void *bf_grow(void *old, size_t old_count, size_t new_count, size_t size) {
  void *block = bf_alloc(new_count, size);
  if (block == NULL) return NULL;
  if (old != NULL) memcpy(block, old, (old_count < new_count ? old_count : new_count) * size);
  free(old);
  return block;
}

void bf_free(void *block) { free(block); }

bool bf_make_room(void **block, size_t *have, size_t count, size_t size) {
  if (*block != NULL && *have >= count) return true;
  bf_free(*block);
  *block = bf_alloc_raw(count, size);
  *have = *block != NULL ? count : 0;
  return *block != NULL;
}

void bf_give_back(void *part, size_t size) {
  const uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE), first = ((uintptr_t)part + page - 1) & ~(page - 1),
                  end = ((uintptr_t)part + size) & ~(page - 1);
  if (end <= first) return;
  madvise((void *)first, end - first, MADV_NOHUGEPAGE); /* huge pages that are put together anew would fill it again */
  madvise((void *)first, end - first, MADV_DONTNEED);
}

char *bf_strdup(const char *text) {
  if (text == NULL) return NULL;
  size_t size = strlen(text) + 1;
  /* Of one alignment with the large blocks: texts that stay, between blocks that come and go, would else leave holes
   * that no block fits into again, and a long ingest would grow by a picture's size for each few pictures. */
  char *copy = bf_alloc_raw(size, 1);
  if (copy != NULL) memcpy(copy, text, size);
  return copy;
}

double bf_peak_rss_mib(void) {
  FILE *status = fopen("/proc/self/status", "r");
  if (status == NULL) return 0;
  char line[256];
  double kib = 0;
  while (fgets(line, sizeof line, status) != NULL)
    if (sscanf(line, "VmHWM: %lf kB", &kib) == 1) break;
  fclose(status);
  return kib / 1024;
}
