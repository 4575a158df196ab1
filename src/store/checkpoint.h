/* Training checkpoints: named float blocks and a text, published whole as HDF5. */
#ifndef BF_STORE_CHECKPOINT_H
#define BF_STORE_CHECKPOINT_H

#include <stdint.h>

#include "bifocal/status.h"

typedef struct bf_block {
  const char *name;
  float *data; /* written from, or read into; on reading count must match */
  int64_t count;
} bf_block;

bf_status bf_checkpoint_write(const char *path, const bf_block *blocks, int count, const char *text, bf_error *err);
/* *text is freed with bf_free. */
bf_status bf_checkpoint_read(const char *path, const bf_block *blocks, int count, char **text, bf_error *err);

#endif
