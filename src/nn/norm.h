/* Re-estimation of a batch norm's statistics, for exec.c alone. mean, m2, count: one place a channel. */
#ifndef BF_NN_NORM_H
#define BF_NN_NORM_H

#include "nn/op.h"

/* Joins the moments of the node's input into what was collected. */
void bf_norm_collect(bf_run *run, double *mean, double *m2, double *count);
/* Puts the collected statistics in, changing scale and shift so that the function stays the same. */
void bf_norm_replace(bf_run *run, const double *mean, const double *m2, const double *count);

/* The affine map that a norm is in scoring: scale and shift of each channel. */
void bf_norm_factors(bf_graph *graph, const bf_node *norm, float *scale, float *shift);

#endif
