/* Optimisers over a graph's parameter block. When which rate applies is schedule.h's. */
#ifndef BF_NN_OPTIMISER_H
#define BF_NN_OPTIMISER_H

#include "nn/backbone.h"

typedef struct bf_optimiser bf_optimiser;

typedef enum bf_optimiser_kind { BF_ADAMW, BF_SGD } bf_optimiser_kind;

typedef struct bf_optimiser_spec {
  bf_optimiser_kind kind;
  double weight_decay;          /* decoupled for AdamW (Loshchilov, Hutter 2019), added to the gradient for SGD */
  double momentum;              /* SGD */
  double beta1, beta2, epsilon; /* AdamW */
  double gradient_clip;         /* largest L2 norm of the whole gradient; 0: none */
} bf_optimiser_spec;

bf_status bf_optimiser_create(bf_optimiser **out, bf_graph *graph, const bf_optimiser_spec *spec, bf_error *err);
void bf_optimiser_destroy(bf_optimiser *optimiser);

/* One update of all trainable parameters. rate(stage) = stage_rate[min(stage, BF_MAX_STAGES-1)] for the backbone,
 * head_rate for BF_STAGE_HEAD. momentum: in place of SGD's momentum and AdamW's beta1; NaN: as configured. Same bits
 * for any number of threads. Returns the gradient's L2 norm before clipping; a norm that is not finite leaves the
 * parameters as they are (the caller stops with an error). */
double bf_optimiser_step(bf_optimiser *optimiser, bf_pool *pool, const double *stage_rate, double head_rate,
                         double momentum);

/* For checkpoints: the moments as `blocks` arrays of bf_graph_block_size floats, and how many steps each stage has been
 * trained, the heads last. AdamW corrects each stage's moments by its own count: a stage that is thawed late starts as
 * gently as the others did. */
enum { BF_OPTIMISER_STAGES = BF_MAX_STAGES + 1 };
int bf_optimiser_blocks(const bf_optimiser *optimiser);
float *bf_optimiser_block(bf_optimiser *optimiser, int index);
int64_t *bf_optimiser_steps(bf_optimiser *optimiser); /* borrowed; BF_OPTIMISER_STAGES numbers */

#endif
