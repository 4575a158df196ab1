/* For targets whose subject reads a file: the bytes under a name that needs no disk. */
#ifndef BF_FUZZ_FILE_H
#define BF_FUZZ_FILE_H

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

/* The descriptor, whose file holds the bytes; path (may be NULL) gets a name for it. */
static inline int fuzz_file(char path[64], const uint8_t *data, size_t size) {
  static int file = -1;
  if (file < 0) file = memfd_create("fuzz", 0);
  if (file < 0 || ftruncate(file, 0) != 0 || pwrite(file, data, size, 0) != (ssize_t)size) abort();
  if (path != NULL) snprintf(path, 64, "/proc/self/fd/%d", file);
  return file;
}

#endif
