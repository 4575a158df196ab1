/* Named float32 arrays with shapes in plain HDF5: inputs and outputs of `weights run`. */
#ifndef BF_STORE_ARRAYS_H
#define BF_STORE_ARRAYS_H

#include <stdint.h>

#include "bifocal/status.h"

#define BF_ARRAY_RANK_MAX 4

typedef struct bf_array {
  char name[128]; /* "input", "features/layer1": below the root, without the first slash */
  int rank;
  int64_t shape[BF_ARRAY_RANK_MAX];
  float *data; /* row-major */
} bf_array;

/* Reads one array of floating-point numbers, converted to float32. More than `limit` numbers: BF_E_LIMIT. data is freed
 * with bf_free. */
bf_status bf_array_read(bf_array *out, const char *path, const char *name, int64_t limit, bf_error *err);

/* A file of arrays, published whole. data is borrowed. */
bf_status bf_arrays_write(const char *path, const bf_array *arrays, int count, bf_error *err);

#endif
