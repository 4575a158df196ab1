/* Safetensors files: a header of JSON, then raw tensors. Reading trusts nothing: every size, offset, shape and type is
 * checked, spans must be in order, without gap or overlap, and end with the file. */
#ifndef BF_MODEL_SAFETENSORS_H
#define BF_MODEL_SAFETENSORS_H

#include <stdio.h>

#include "model/tensors.h"

/* The file is cleared after a failure. */
bf_status bf_safetensors_read(bf_tensors *out, const char *path, bf_error *err);
/* The same for a file that is loaded, as a row of weights.def does it. */
bf_status bf_safetensors_parse(bf_tensors *file, bf_error *err);

/* Writes float32 tensors; `data` of each is count floats. Published whole. */
bf_status bf_safetensors_write(const char *path, const bf_tensor *tensors, int64_t count,
                               const bf_metadata_entry *metadata, int64_t metadata_count, bf_error *err);
/* The same into a file that is open, which is flushed and left open. Messages do not name the file. */
bf_status bf_safetensors_put(FILE *out, const bf_tensor *tensors, int64_t count, const bf_metadata_entry *metadata,
                             int64_t metadata_count, bf_error *err);

#endif
