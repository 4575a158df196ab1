/* Networks as graphs of operations on NHWC float32 activations: building, parameters, planned memory, forward and
 * backward. Knows nothing of files, images or labels.
 *
 * Building is sticky: after the first failure every builder returns -1 and bf_graph_finish reports the first error, so
 * a backbone reads like its paper. Values and parameters are numbered in the order they are made.
 * One graph is used by one thread at a time; the work inside an executor runs on its pool. */
#ifndef BF_NN_GRAPH_H
#define BF_NN_GRAPH_H

#include <stdbool.h>
#include <stdint.h>

#include "base/pool.h"
#include "bifocal/kernels.h" /* which loops: selected there */
#include "bifocal/status.h"

typedef struct bf_graph bf_graph;
typedef int bf_value; /* an activation; -1 after a failure */

typedef struct bf_shape {
  int h, w, c; /* without the batch */
} bf_shape;

/* ---- parameters ------------------------------------------------------------------------------------------------ */

typedef enum bf_param_kind {
  BF_PARAM_CONV,      /* ours [kh][kw][in/groups][out]; original [out][in/groups][kh][kw] */
  BF_PARAM_DEPTHWISE, /* ours [kh][kw][c];              original [c][1][kh][kw] */
  BF_PARAM_LINEAR,    /* ours [in][out];                original [out][in] */
  BF_PARAM_BIAS,      /* [c] */
  BF_PARAM_NORM_SCALE,
  BF_PARAM_NORM_SHIFT,
  BF_PARAM_NORM_MEAN, /* running statistic: a parameter to files, not to the optimiser */
  BF_PARAM_NORM_VAR,
  BF_PARAM_SCALE /* [c], or [c][1][1] in the original: of layer norms and layer scales */
} bf_param_kind;

#define BF_PARAM_NAME_MAX 128

typedef struct bf_param {
  char name[BF_PARAM_NAME_MAX]; /* the original implementation's, e.g. "features.0.0.weight" */
  bf_param_kind kind;
  int rank;         /* of the original layout, 1 to 4 */
  int64_t shape[4]; /* original layout */
  int64_t count;    /* numbers */
  int64_t offset;   /* into the data, gradient and moment blocks, in floats */
  int stage;        /* 0 = first layers of the backbone, rising; heads: BF_STAGE_HEAD */
  bool trainable;   /* false: no gradient is computed; false always for running statistics */
  bool decay;       /* weight decay applies (weights, not biases or norms) */
  float first;      /* what a BF_PARAM_SCALE starts with */
  /* For linear layers over flattened maps: the map's shape, so that the original's C,H,W order of inputs can be
   * turned into our H,W,C; all 0 elsewhere. */
  bf_shape flattened;
  float *data;     /* view into the graph's block */
  float *gradient; /* view; meaningful after a backward pass where trainable */
} bf_param;

#define BF_STAGE_HEAD 100
#define BF_NORM_EPSILON 1e-5 /* what batch norms add to variances */

/* ---- building -------------------------------------------------------------------------------------------------- */

bf_status bf_graph_create(bf_graph **out, bf_error *err);
void bf_graph_destroy(bf_graph *graph);

/* Parameters made from now on belong to this stage. */
void bf_graph_set_stage(bf_graph *graph, int stage);

/* Values made from now on belong to this task, 0 and up, never falling; at first, -1, to all tasks. A task reads what
 * belongs to all, what is its own, and of another's what bf_detach gives. */
void bf_graph_set_task(bf_graph *graph, int task);

bf_value bf_graph_input(bf_graph *graph, int h, int w, int c);

typedef struct bf_conv {
  int out;     /* channels */
  int kernel;  /* square */
  int stride;  /* 0 means 1 */
  int padding; /* zeros on each side */
  int groups;  /* 0 means 1; 1, or the number of input channels (depthwise, out = in) */
  bool bias;
  bool linear; /* kernel 1 whose weights the original keeps as a linear layer of each pixel, [out][in] */
} bf_conv;

/* Names: "<name>.weight", "<name>.bias"; and for norms ".weight", ".bias", ".running_mean", ".running_var". */
bf_value bf_conv2d(bf_graph *graph, bf_value x, bf_conv conv, const char *name_format, ...) BF_PRINTF(4, 5);
bf_value bf_batch_norm(bf_graph *graph, bf_value x, const char *name_format, ...) BF_PRINTF(3, 4);
/* Each pixel over its channels, epsilon 1e-6: "<name>.weight", "<name>.bias". */
bf_value bf_layer_norm(bf_graph *graph, bf_value x, const char *name_format, ...) BF_PRINTF(3, 4);
/* Each channel times a parameter "<name>.layer_scale" that starts at `first`. */
bf_value bf_layer_scale(bf_graph *graph, bf_value x, double first, const char *name_format, ...) BF_PRINTF(4, 5);
bf_value bf_linear(bf_graph *graph, bf_value x, int out, const char *name_format, ...) BF_PRINTF(4, 5);
bf_value bf_relu(bf_graph *graph, bf_value x);
bf_value bf_relu6(bf_graph *graph, bf_value x);
bf_value bf_silu(bf_graph *graph, bf_value x);
bf_value bf_gelu(bf_graph *graph, bf_value x); /* the exact one */
bf_value bf_sigmoid_map(bf_graph *graph, bf_value x);
bf_value bf_gate(bf_graph *graph, bf_value x, bf_value factor); /* each channel times factor's, 1 x 1 x c */
bf_value bf_add(bf_graph *graph, bf_value a, bf_value b);
bf_value bf_concat(bf_graph *graph, bf_value a, bf_value b); /* channels */
bf_value bf_max_pool(bf_graph *graph, bf_value x, int kernel, int stride, int padding);
/* With a last window that begins inside the map and ends outside, as torch's ceil_mode. */
bf_value bf_max_pool_up(bf_graph *graph, bf_value x, int kernel, int stride);
bf_value bf_average_pool(bf_graph *graph, bf_value x, int kernel, int stride); /* no padding */
bf_value bf_global_average_pool(bf_graph *graph, bf_value x);                  /* -> 1 x 1 x c */
bf_value bf_adaptive_average_pool(bf_graph *graph, bf_value x, int h, int w);  /* as torchvision's */
/* Means weighed by a second value of one channel -> 1 x 1 x c. */
bf_value bf_weighted_pool(bf_graph *graph, bf_value x, bf_value weights);
bf_value bf_flatten(bf_graph *graph, bf_value x);   /* -> 1 x 1 x hwc */
bf_value bf_upsample2(bf_graph *graph, bf_value x); /* nearest, each side doubled */
/* As bf_upsample2, then cut to 2*side-1 or its edge repeated to 2*side+1, to be h x w: for lateral joins at odd sizes.
 */
bf_value bf_upsample2_to(bf_graph *graph, bf_value x, int h, int w);
bf_value bf_dropout(bf_graph *graph, bf_value x, double probability); /* identity when not training */
/* Stochastic depth: an image's whole value is dropped; identity when not training, x itself for probability 0. */
bf_value bf_drop_path(bf_graph *graph, bf_value x, double probability);
bf_value bf_detach(bf_graph *graph, bf_value x); /* x, and no gradient goes through */

/* Keeps the value readable after a forward pass, and lets the caller give its gradient before a backward pass. */
void bf_graph_output(bf_graph *graph, bf_value x);

/* Allocates the parameter block (that of the gradients comes with the first executor for training), initialises every
 * parameter (He normal fan-out for convolutions, as torchvision; norms 1/0/0/1; linear normal 0.01, bias 0) from the
 * seed keyed by the parameter's name. */
bf_status bf_graph_finish(bf_graph *graph, uint64_t seed, bf_error *err);
/* The same, but every parameter is 0: for numbers that are all read from a file. */
bf_status bf_graph_finish_unset(bf_graph *graph, bf_error *err);

bf_shape bf_graph_shape(const bf_graph *graph, bf_value x);
int bf_graph_param_count(const bf_graph *graph);
bf_param *bf_graph_param(bf_graph *graph, int index);             /* borrowed */
bf_param *bf_graph_find_param(bf_graph *graph, const char *name); /* borrowed, NULL when absent */
int64_t bf_graph_block_size(const bf_graph *graph);               /* floats in the data (and gradient) block */
float *bf_graph_data_block(bf_graph *graph);
float *bf_graph_gradient_block(bf_graph *graph);
/* Multiply-adds * 2 of one image's forward pass, direct-equivalent. */
double bf_graph_flop(const bf_graph *graph);
/* The table of layers with shapes and parameters, a line each, to stderr at DEBUG level. */
void bf_graph_log(const bf_graph *graph);

/* Copies between our layout and the original one (PyTorch's axis order); dst and src hold param->count floats. */
void bf_param_to_original(const bf_param *param, float *dst);
void bf_param_from_original(bf_param *param, const float *src);

/* Norms of stages below BF_STAGE_HEAD: frozen = running statistics are used and not changed in training, scale and
 * shift are not trained. Heads' norms always use batch statistics in training. Default: not frozen. */
void bf_graph_freeze_norms(bf_graph *graph, bool frozen);
/* Parameters of stages <= stage get trainable = false (-1 thaws all). Running statistics of frozen stages stay. */
void bf_graph_freeze_stages(bf_graph *graph, int stage);

/* True when every backbone norm looks folded (mean 0 and all variances equal): batch statistics would undo it. */
bool bf_graph_norms_are_folded(const bf_graph *graph);

/* ---- running --------------------------------------------------------------------------------------------------- */

typedef struct bf_exec bf_exec;

/* Plans memory once for up to `batch` images. training: activations are kept for the backward pass. The graph's
 * freeze state is read here; make a new executor after changing it. The graph must outlive it. pool may be NULL. */
bf_status bf_exec_create(bf_exec **out, bf_graph *graph, int batch, bool training, bf_pool *pool, bf_error *err);
/* For scoring, up to `count` values that are wanted in place of the graph's outputs: bf_exec_value reads them. */
bf_status bf_exec_create_until(bf_exec **out, bf_graph *graph, const bf_value *values, int count, int batch,
                               bf_pool *pool, bf_error *err);
/* From values that the caller fills, as the input elsewhere, to the graph's outputs: what comes before is not run. */
bf_status bf_exec_create_from(bf_exec **out, bf_graph *graph, const bf_value *values, int count, int batch,
                              bool training, bf_pool *pool, bf_error *err);
/* From values that the caller fills to one that is wanted and back, as in scoring: after bf_exec_forward with seed 0
 * the caller fills the gradient of what is wanted, and bf_exec_backward leaves in bf_exec_gradient of what was given
 * what it hangs on. Weights get no gradient. */
bf_status bf_exec_create_back(bf_exec **out, bf_graph *graph, const bf_value *given, int count, bf_value wanted,
                              int batch, bf_pool *pool, bf_error *err);
void bf_exec_destroy(bf_exec *exec);

/* The values that no training changes while the graph is frozen as it is, and that what is trained reads (or that are
 * outputs): of one picture they need to be computed but once. Ascending; at most `most`, -1 when there are more. The
 * input alone: nothing is frozen. */
int bf_graph_frontier(const bf_graph *graph, bf_value *values, int most);

/* Says that the weights will not change while this executor (not one for training) is used: it then prepares its own
 * copies once instead of in every pass. */
bf_status bf_exec_hold_weights(bf_exec *exec, bf_error *err);
/* After that: gives back the memory of the graph's weights that this executor has copies of, those of heads excepted.
 * Their `data` is NULL from then on: the graph serves this executor, and what is made of it from its features on, but
 * cannot be written, nor run by others. */
void bf_exec_own_weights(bf_exec *exec);

/* [n,h,w,c] of the input (to be filled before forward) or of an output. Borrowed. */
float *bf_exec_value(bf_exec *exec, bf_value x);
/* Gradient of an output, [n,h,w,c]; zeroed by forward; fill before backward. NULL unless training. */
float *bf_exec_gradient(bf_exec *exec, bf_value x);

/* n images (1..batch). training flag and step seed only matter for dropout and norms: an executor made for training
 * runs in training mode when `seed` is not 0, frozen stages apart; seed 0 runs it as in scoring. No allocation. */
void bf_exec_forward(bf_exec *exec, int n, uint64_t seed);
/* Overwrites the gradients of all trainable parameters. No allocation. */
void bf_exec_backward(bf_exec *exec, int n);

/* The same pass in parts: the tasks, each once and the last one first, then what belongs to all. After a task's part
 * the gradients of the joints are what this task alone gives; the last part goes on from what stands in them, which
 * the caller may have changed. Joints: values of all tasks that a task reads and a gradient is wanted for. */
void bf_exec_backward_task(bf_exec *exec, int n, int task);
void bf_exec_backward_shared(bf_exec *exec, int n);
/* Ascending, at most `most`; returns how many there are. bf_exec_gradient gives a joint's gradient. */
int bf_exec_joints(const bf_exec *exec, bf_value *values, int most);

/* What a node that was run is and took; chains drawn together stand at their last node, under the first one's name. */
typedef struct bf_node_time {
  const char *op; /* NULL: the node was not run by itself */
  bf_shape in, out;
  int kernel, stride;
  double flop;              /* of one image, forward */
  double forward, backward; /* seconds since the clock was set */
} bf_node_time;

/* Sets the clock of every node to 0 and lets it run from now on. Costs two looks at the clock for each node. */
bf_status bf_exec_clock(bf_exec *exec, bf_error *err);
int bf_exec_nodes(const bf_exec *exec);
bf_node_time bf_exec_node_time(const bf_exec *exec, int node);

/* One pass that re-estimates running mean and variance of every backbone norm from the activations while keeping the
 * function: scale' = scale*sqrt(var'+eps)/sqrt(var+eps), shift' = shift + scale*(mean'-mean)/sqrt(var+eps). Begin, then
 * feed(n) after filling the input for each batch, then end. */
bf_status bf_exec_norms_begin(bf_exec *exec, bf_error *err);
void bf_exec_norms_feed(bf_exec *exec, int n);
void bf_exec_norms_end(bf_exec *exec);

/* Bytes planned for activations and scratch. */
int64_t bf_exec_bytes(const bf_exec *exec);

#endif
