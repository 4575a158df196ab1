/* Safetensors files: a header of JSON, then raw tensors. Reading trusts nothing: every size, offset, shape and type is
 * checked, spans must be in order, without gap or overlap, and end with the file. */
#ifndef BF_MODEL_SAFETENSORS_H
#define BF_MODEL_SAFETENSORS_H

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
  const void *data; /* borrowed from the file's memory; may be unaligned */
  size_t bytes;
} bf_tensor;

typedef struct bf_metadata_entry {
  char *key, *value;
} bf_metadata_entry;

typedef struct bf_safetensors {
  int64_t tensor_count;
  bf_tensor *tensors; /* sorted by name */
  int64_t metadata_count;
  bf_metadata_entry *metadata;
  char sha256[65];
  void *memory;
  size_t memory_size;
} bf_safetensors;

bf_status bf_safetensors_read(bf_safetensors *out, const char *path, bf_error *err);
void bf_safetensors_clear(bf_safetensors *file);
const bf_tensor *bf_safetensors_find(const bf_safetensors *file, const char *name); /* NULL when absent */
const char *bf_safetensors_metadata(const bf_safetensors *file, const char *key);   /* NULL when absent */
/* F32, F16, BF16, F64 to float32; others are refused. dst has tensor->count places. */
bf_status bf_tensor_to_float(float *dst, const bf_tensor *tensor, bf_error *err);

/* Writes float32 tensors; `data` of each is count floats. Published whole. */
bf_status bf_safetensors_write(const char *path, const bf_tensor *tensors, int64_t count,
                               const bf_metadata_entry *metadata, int64_t metadata_count, bf_error *err);

#endif
