/* Weights of Keras under PyTorch's names and in its axis order. Pure: no file here. */
#ifndef BF_MODEL_KERAS_H
#define BF_MODEL_KERAS_H

#include "model/tensors.h"

/* One weight as Keras keeps it. */
typedef struct bf_keras_item {
  char *layer, *name; /* "conv1", "conv1/kernel:0"; owned by whoever made the list */
  int rank;
  int64_t shape[BF_TENSOR_RANK_MAX], count;
  float *data; /* of a block of the tensors that it becomes one of; its axes are moved in place */
} bf_keras_item;

/* Adds every item to `out` as <layer>.weight, .bias, .running_mean or .running_var; what is none of them keeps its own
 * word and axes. Items of a layer stand side by side. A layer that holds several layers (a model in a model) gives
 * <layer>.<inner layer>.weight and so on. Kernels become [out][in][...space], depthwise ones [channels][1][...space],
 * dense ones [out][in].
 *
 * backend: as the file names it, or NULL. Theano turned its kernels by 180 degrees, so those are turned back. Kernels
 * in Keras 1's order of Theano, [out][in][kh][kw], are recognised by their shapes, and refused where no backend tells
 * whether they are turned. */
bf_status bf_keras_convert(bf_tensors *out, const bf_keras_item *items, int64_t count, const char *backend,
                           bf_error *err);

#endif
