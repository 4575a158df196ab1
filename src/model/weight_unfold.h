/* Weights whose batch norms an exporter folded into the convolutions before them, which it then numbered instead of
 * named: torch.onnx writes onnx::Conv_193, onnx::Conv_194, ... (older versions 193, 194, ...) in the order of the
 * network, weight and bias by turns. */
#ifndef BF_MODEL_WEIGHT_UNFOLD_H
#define BF_MODEL_WEIGHT_UNFOLD_H

#include "model/tensors.h"
#include "nn/graph.h"

/* Of the graph's first `count` parameters, convolutions that the file does not name take its numbered ones, in order;
 * the norm behind each becomes one that only adds the bias (scale 1, mean 0, variance 1 less its epsilon), so that the
 * function is the file's. made: all that under our names, and the file's other tensors under their own; it borrows from
 * the file, and is cleared by bf_tensors_clear before it. Empty where the file is not of that kind, or where its
 * numbered convolutions are not exactly this graph's in number and shape. */
bf_status bf_weight_unfold(bf_tensors *made, bf_graph *graph, int count, const bf_tensors *file, bf_error *err);

#endif
