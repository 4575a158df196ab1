/* Weights in HDF5 as Keras 1 and 2 write them (save_weights, model.save): the attribute layer_names names groups, each
 * group's weight_names its datasets. For a process of its own (base/isolate.h) and no other: HDF5 1.10 crashes on some
 * damaged files, and every byte of these is a stranger's. */
#ifndef BF_STORE_KERAS_H
#define BF_STORE_KERAS_H

#include <stddef.h>
#include <stdint.h>

#include "bifocal/status.h"

#define BF_KERAS_RANK_MAX 8

typedef struct bf_keras_weight {
  const char *layer, *name; /* as in layer_names and weight_names; UTF-8 without control characters */
  int rank;
  int64_t shape[BF_KERAS_RANK_MAX], count; /* in the file's axis order */
} bf_keras_weight;

typedef struct bf_keras_visitor {
  void *user;
  /* The file's attribute backend or keras_version. Before all weights. */
  bf_status (*note)(void *user, const char *key, const char *value, bf_error *err);
  /* One weight, in the file's order; gives room for weight->count floats, which are filled once it returns. */
  bf_status (*weight)(float **room, void *user, const bf_keras_weight *weight, bf_error *err);
} bf_keras_visitor;

/* All weights of the file that these bytes are; they are not written to. At most `limit` bytes of floats in all. */
bf_status bf_keras_walk(const bf_keras_visitor *visitor, const void *bytes, size_t size, size_t limit, bf_error *err);

#endif
