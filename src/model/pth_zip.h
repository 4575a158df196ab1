/* The records of a zip archive in memory, checked: each lies inside the file, none overlaps another, and libzip sees
 * the same ones. */
#ifndef BF_MODEL_PTH_ZIP_H
#define BF_MODEL_PTH_ZIP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "bifocal/status.h"

typedef struct bf_zip_record {
  const char *name;      /* borrowed from libzip */
  uint64_t begin;        /* of the record's own header */
  uint64_t data, stored; /* where its bytes stand and how many */
  uint64_t size;         /* inflated */
  uint64_t index;        /* libzip's */
  uint32_t crc;
  bool is_stored, is_encrypted, is_checked;
} bf_zip_record;

typedef struct bf_zip {
  const uint8_t *memory;
  size_t memory_size;
  int64_t count;
  bf_zip_record *records; /* sorted by name */
  struct zip *archive;
} bf_zip;

/* memory must outlive *out. Cleared after a failure. */
bf_status bf_zip_open(bf_zip *out, const void *memory, size_t size, bf_error *err);
void bf_zip_close(bf_zip *zip);
/* NULL when absent. */
bf_zip_record *bf_zip_find(const bf_zip *zip, const char *name);
/* Where a record stands that is stored as it is; its checksum is verified at the first call, unless it is 0, which
 * PyTorch writes where it was told to compute none. */
bf_status bf_zip_bytes(const void **bytes, bf_zip *zip, bf_zip_record *record, bf_error *err);
/* A record of any kind into room for record->size bytes. */
bf_status bf_zip_inflate(void *bytes, bf_zip *zip, const bf_zip_record *record, bf_error *err);

#endif
