/* Numbered convolutions back to named ones with norms of their own. */
#include "model/weight_unfold.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "model/weight_names.h"

typedef struct numbered {
  long number;
  const bf_tensor *tensor;
} numbered;

/* -1 for names of another kind. */
static long number_of(const char *name) {
  static const char start[] = "onnx::Conv_";
  if (strncmp(name, start, sizeof start - 1) == 0) name += sizeof start - 1;
  char *end;
  if (!isdigit((unsigned char)*name)) return -1;
  long number = strtol(name, &end, 10);
  return *end == '\0' && number <= 1000000000 ? number : -1;
}

static int by_number(const void *a, const void *b) {
  const numbered *p = a, *q = b;
  return (p->number > q->number) - (p->number < q->number);
}

/* The bias that belongs to the weight at `at`. */
static const bf_tensor *bias_after(const numbered *all, int64_t count, int64_t at) {
  if (at + 1 >= count) return NULL;
  const bf_tensor *weight = all[at].tensor, *bias = all[at + 1].tensor;
  return bias->rank == 1 && bias->shape[0] == weight->shape[0] ? bias : NULL;
}

static bf_status add(bf_tensors *made, const char *name, const bf_tensor *from, bf_error *err) {
  bf_tensor *to;
  bf_status status = bf_tensors_add(&to, made, name, from->dtype, from->rank, from->shape, err);
  if (status == BF_OK) to->data = from->data;
  return status;
}

static bf_status add_constant(bf_tensors *made, const bf_param *param, float value, bf_error *err) {
  bf_tensor *to;
  void *values;
  bf_status status = bf_tensors_add(&to, made, param->name, "F32", param->rank, param->shape, err);
  if (status == BF_OK) status = bf_tensors_block(&values, made, to->bytes, err);
  if (status != BF_OK) return status;
  for (int64_t i = 0; i < to->count; i++) ((float *)values)[i] = value;
  to->data = values;
  return BF_OK;
}

/* The parameters behind a convolution's weight that its bias goes to: its own, or a norm's. */
static bf_status add_bias(bf_tensors *made, bf_graph *graph, int next, int count, const bf_tensor *bias,
                          bf_error *err) {
  bf_status status = BF_OK;
  for (; next < count && status == BF_OK; next++) {
    const bf_param *p = bf_graph_param(graph, next);
    switch (p->kind) {
      case BF_PARAM_BIAS: return add(made, p->name, bias, err);
      case BF_PARAM_NORM_SCALE: status = add_constant(made, p, 1, err); break;
      case BF_PARAM_NORM_SHIFT: status = add(made, p->name, bias, err); break;
      case BF_PARAM_NORM_MEAN: status = add_constant(made, p, 0, err); break;
      case BF_PARAM_NORM_VAR: return add_constant(made, p, (float)(1 - BF_NORM_EPSILON), err);
      default: return status;
    }
  }
  return status;
}

static bool is_convolution(const bf_param *p) {
  return (p->kind == BF_PARAM_CONV || p->kind == BF_PARAM_DEPTHWISE) && p->rank == 4;
}

/* *whole: every numbered tensor was taken, and each fits. */
static bf_status deal(bool *whole, bf_tensors *made, bf_graph *graph, int count, const bf_tensors *file,
                      const numbered *all, int64_t numbers, bf_error *err) {
  int64_t at = 0;
  bf_status status = BF_OK;
  *whole = false;
  for (int i = 0; i < count && status == BF_OK; i++) {
    const bf_param *p = bf_graph_param(graph, i);
    if (!is_convolution(p) || bf_tensors_find(file, p->name) != NULL) continue;
    const bf_tensor *bias = bias_after(all, numbers, at);
    if (bias == NULL || !bf_weight_fits(p, all[at].tensor)) return BF_OK;
    status = add(made, p->name, all[at].tensor, err);
    if (status == BF_OK) status = add_bias(made, graph, i + 1, count, bias, err);
    at += 2;
  }
  *whole = at == numbers;
  return status;
}

bf_status bf_weight_unfold(bf_tensors *made, bf_graph *graph, int count, const bf_tensors *file, bf_error *err) {
  int64_t numbers = 0;
  bool whole = false;
  *made = (bf_tensors){0};
  numbered *all = bf_alloc((size_t)file->tensor_count, sizeof *all);
  if (all == NULL) return bf_fail(err, BF_E_MEMORY, "no memory for the list of tensors");
  for (int64_t i = 0; i < file->tensor_count; i++) {
    long number = number_of(file->tensors[i].name);
    if (number >= 0) all[numbers++] = (numbered){number, &file->tensors[i]};
  }
  bf_status status = BF_OK;
  if (numbers > 1) {
    qsort(all, (size_t)numbers, sizeof *all, by_number);
    status = deal(&whole, made, graph, count, file, all, numbers, err);
  }
  for (int64_t i = 0; i < file->tensor_count && status == BF_OK && whole; i++)
    if (number_of(file->tensors[i].name) < 0) status = add(made, file->tensors[i].name, &file->tensors[i], err);
  if (status == BF_OK && whole) status = bf_tensors_finish(made, err);
  if (status != BF_OK || !whole) bf_tensors_clear(made);
  bf_free(all);
  return status;
}
