/* The two-headed network: one backbone, any set of heads, their weighted total loss, and the training step. */
#ifndef BF_NN_NETWORK_H
#define BF_NN_NETWORK_H

#include "nn/balance.h"
#include "nn/head.h"
#include "nn/optimiser.h"

typedef struct bf_network bf_network;

typedef struct bf_network_spec {
  const bf_backbone *backbone;
  int height, width; /* input pixels */
  int channels;      /* input channels of the network, 3 */
  int head_count;
  const bf_head_type *head_types[BF_MAX_HEADS];
  const void *head_options[BF_MAX_HEADS]; /* copied; filled structs of the heads' option tables */
  uint64_t seed;                          /* of the initial parameters */
  bool unset;                             /* they are all read from a file, and 0 until then */
} bf_network_spec;

/* Heads with weight 0 are left out. */
bf_status bf_network_create(bf_network **out, const bf_network_spec *spec, bf_error *err);
void bf_network_destroy(bf_network *network);

bf_graph *bf_network_graph(bf_network *network); /* borrowed */
bf_value bf_network_input(const bf_network *network);
const bf_features *bf_network_features(const bf_network *network);
int bf_network_head_count(const bf_network *network);
bf_head *bf_network_head(bf_network *network, int index);
double bf_network_weight(const bf_network *network, int index); /* that the configuration gives the head's loss */
unsigned bf_network_reads(const bf_network *network);           /* of all heads: BF_READS_... */
int bf_network_task(const bf_network *network, int index);      /* the head's number among the graph's tasks */

/* Before training: hands each head the truths of the training part. */
void bf_network_prepare(bf_network *network, const bf_truth *truth, int64_t n);

typedef struct bf_losses {
  double total;                  /* sum of configured weight x loss */
  double task[BF_MAX_HEADS];     /* unweighted, in the order of heads */
  double labelled[BF_MAX_HEADS]; /* images with a label: weights of the truths that have it */
} bf_losses;

/* Losses of the last forward pass of `exec` against n truths; with weights, one a head, also adds the gradients of the
 * losses so weighted to those of the outputs, for bf_exec_backward. NULL: no gradients. */
void bf_network_loss(bf_network *network, bf_exec *exec, const bf_truth *truth, int n, const double *weights,
                     bf_losses *out);
/* Over several batches: sums, begun with zeroes, gathers each task's loss x labelled; bf_network_mean_losses then makes
 * task[i] the mean over labelled[i], and total the weighted sum of the tasks that have labels, NaN when none has. */
void bf_network_add_losses(const bf_network *network, bf_losses *sums, const bf_losses *batch);
void bf_network_mean_losses(const bf_network *network, bf_losses *sums);
void bf_network_decode(bf_network *network, bf_exec *exec, int n, bf_prediction *out);

#endif
