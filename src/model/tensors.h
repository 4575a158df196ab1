/* The named tensors of one file, whatever its format, in memory. Readers of formats add to it; nothing of a file is
 * believed before these functions or the reader have checked it. */
#ifndef BF_MODEL_TENSORS_H
#define BF_MODEL_TENSORS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "bifocal/status.h"

#define BF_TENSOR_RANK_MAX 8

typedef struct bf_tensor {
  char *name;
  char dtype[8]; /* "F32", "F16", "BF16", "F64", "I64", ... */
  int rank;
  int64_t shape[BF_TENSOR_RANK_MAX];
  int64_t count;
  const void *data; /* row-major, little endian; borrowed from the file's memory; may be unaligned */
  size_t bytes;     /* count x size of the type */
} bf_tensor;

typedef struct bf_metadata_entry {
  char *key, *value;
} bf_metadata_entry;

typedef struct bf_tensors {
  int64_t tensor_count, tensor_capacity;
  bf_tensor *tensors; /* sorted by name once read */
  int64_t metadata_count, metadata_capacity;
  bf_metadata_entry *metadata;
  char sha256[65]; /* of the file */
  size_t file_size;
  void *memory; /* the file's bytes, as long as a reader has use for them; owned */
  size_t memory_size;
  void **blocks; /* further memory that tensors point into; owned */
  int64_t block_count, block_capacity;
} bf_tensors;

/* ---- for whoever uses tensors ---- */

void bf_tensors_clear(bf_tensors *file);
const bf_tensor *bf_tensors_find(const bf_tensors *file, const char *name); /* NULL when absent */
const char *bf_tensors_metadata(const bf_tensors *file, const char *key);   /* NULL when absent */
/* F32, F16, BF16, F64 to float32; others are refused. dst has tensor->count places. */
bf_status bf_tensor_to_float(float *dst, const bf_tensor *tensor, bf_error *err);

/* ---- for readers of formats ---- */

/* Reads the file once and whole, so that it cannot change under the reader: memory and sha256 are set. At most 8 GiB;
 * no pipe or device. The file is cleared after a failure. */
bf_status bf_tensors_load(bf_tensors *out, const char *path, bf_error *err);
/* The same from bytes, which are copied. */
bf_status bf_tensors_load_bytes(bf_tensors *out, const void *bytes, size_t size, bf_error *err);

/* Bytes of one number; 0: no such type. */
size_t bf_tensor_type_size(const char *dtype);
/* Adds a tensor with name, dtype, rank, shape, count and bytes checked (names of 1 to 255 bytes of plain text, products
 * without overflow); data is NULL, for the reader to set before bf_tensors_finish. Valid until the next call. Messages
 * name the tensor, not the file. */
bf_status bf_tensors_add(bf_tensor **out, bf_tensors *file, const char *name, const char *dtype, int rank,
                         const int64_t *shape, bf_error *err);
/* Copies key and value; a key that is there keeps its first value. At most 4096 entries. */
bf_status bf_tensors_note(bf_tensors *file, const char *key, const char *value, bf_error *err);
/* Memory that lives as long as the file; *out is NULL for 0 bytes. */
bf_status bf_tensors_block(void **out, bf_tensors *file, size_t bytes, bf_error *err);
/* Takes over a block of bf_alloc, which is freed even where this fails. */
bf_status bf_tensors_adopt(bf_tensors *file, void *block, bf_error *err);
/* Sorts by name; two tensors of one name, or one without data, are refused. */
bf_status bf_tensors_finish(bf_tensors *file, bf_error *err);

#endif
