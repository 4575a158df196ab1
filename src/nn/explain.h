/* Heat maps of an answer: what each cell of the backbone's deepest map adds to a head's logit. The gradient of the
 * logit in the map times the map, summed over channels, cell by cell: Grad-CAM (Selvaraju et al. 2017) with each cell's
 * own gradient in place of the mean of all (Draelos, Carin 2020). Where a head reads means the two are the same; and
 * where it is linear the cells add up to the logit but for its bias. Negative cells speak for benign. */
#ifndef BF_NN_EXPLAIN_H
#define BF_NN_EXPLAIN_H

#include "nn/network.h"

typedef struct bf_explain bf_explain;

/* For up to `batch` images. Before the executor that scores is made: it must keep what is read here. Network and pool
 * are borrowed; the network needs the data of its heads' weights alone. *out is NULL where no head gives such an
 * answer. */
bf_status bf_explain_create(bf_explain **out, bf_network *network, int batch, bf_pool *pool, bf_error *err);
void bf_explain_destroy(bf_explain *explain); /* accepts NULL */
/* Of a map; c is 1. */
bf_shape bf_explain_shape(const bf_explain *explain);
/* Network pixels that a cell has on a side: the map is spread over the whole input. */
double bf_explain_cell(const bf_explain *explain);
/* After a forward pass of `exec`, an executor of the same network: maps[n][h][w], in logits. */
void bf_explain_run(float *maps, bf_explain *explain, bf_exec *exec, int n);

#endif
