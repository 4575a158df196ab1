/* Operations: the table (ops.def) and the row, and what the graph tells an operation when it runs. For the room only.
 */
#ifndef BF_NN_OP_H
#define BF_NN_OP_H

#include "nn/graph.h"
#include "tensor/kernels.h"

#define BF_OP_MAX_PARAMS 4

/* What the backward pass reads; whether the result may stand in an input's memory (IN_PLACE: any input's, always;
 * OVERWRITES: the first one's, where there is no backward pass); and whether a finish (a norm, a sum and a clamp that
 * follow) can be applied while the result is written, the summand standing where the result goes or not; and whether
 * gradients end here. */
enum {
  BF_OP_READS_INPUT = 1,
  BF_OP_READS_OUTPUT = 2,
  BF_OP_IN_PLACE = 4,
  BF_OP_FINISHES = 8,
  BF_OP_SUMS_IN_PLACE = 16,
  BF_OP_OVERWRITES = 32,
  BF_OP_STOPS = 64
};

typedef struct bf_op bf_op;

typedef struct bf_node {
  const bf_op *op; /* NULL: the graph's input */
  int inputs;
  bf_value input[2];
  bf_shape shape;
  int stage, task;             /* task: -1 belongs to all */
  int param[BF_OP_MAX_PARAMS]; /* indices, -1 none; weight, bias; or scale, shift, mean, variance */
  int kernel, stride, padding;
  bool depthwise;
  float top;          /* upper bound of clamps */
  double probability; /* dropout */
  bool whole;         /* dropout of an image's whole value */
  uint64_t ordinal;   /* keys dropout's draws */
} bf_node;

/* One node at work on n images. */
typedef struct bf_run {
  const bf_node *node;
  bf_graph *graph;
  bf_pool *pool;
  const bf_kernels *kernels;
  int n, capacity; /* images now, and at most */
  bool trains;     /* the executor has gradients */
  bool training;   /* dropout acts, norms use batch statistics */
  bool frozen_norms;
  uint64_t seed;
  bf_shape in[2], out;
  const float *x[2];
  float *y;
  const float *dy;         /* nobody reads it after this node: a norm that carries a clamp masks it in place */
  float *dx[2];            /* NULL where no gradient is wanted; may be dy when the node runs in place */
  bool add[2];             /* the gradient is added to what stands in dx */
  float *kept;             /* floats that live from forward to backward */
  float *scratch;          /* floats for this call */
  float *prepared;         /* what prepare() made of the weights; NULL: nothing is kept */
  const bf_finish *finish; /* replaces the bias; NULL: none */
} bf_run;

struct bf_op {
  const char *name;
  int (*flags)(const bf_node *node, bool batch_statistics);
  /* Floats wanted for n images on `threads` threads; NULL means none. */
  int64_t (*kept)(const bf_run *run);
  int64_t (*scratch)(const bf_run *run, int threads);
  /* Floats of weights (parameter 0) in the form that forward reads, and their making; NULL where weights are read as
   * they are. With r->prepared forward does not read them, and scratch needs no room for their making. */
  int64_t (*prepared)(const bf_run *run);
  void (*prepare)(bf_run *run);
  void (*forward)(bf_run *run);
  /* What forward wrote, once more, from its input and what is kept; NULL: it cannot be had so. */
  void (*again)(bf_run *run);
  void (*backward)(bf_run *run);
  double (*flop)(const bf_run *run); /* of one image, direct-equivalent; NULL means 0 */
};

#define BF_OP(file, name) extern const bf_op bf_op_##name;
#include "nn/ops.def"
#undef BF_OP

/* Adds a node; -1 after a failure. The shape must be set. */
bf_value bf_graph_add(bf_graph *graph, bf_node node);
/* Adds a parameter; -1 after a failure. */
int bf_graph_add_param(bf_graph *graph, const char *base, const char *suffix, bf_param_kind kind, int rank,
                       const int64_t shape[4], bool decay);
bf_param *bf_run_param(const bf_run *run, int which); /* NULL when the node has none */
bool bf_run_trains(const bf_run *run, int which);
bf_window bf_run_window(const bf_run *run); /* of convolutions and pooling */
/* Remembers the first error. */
bf_value bf_graph_refuse(bf_graph *graph, bf_status status, const char *format, ...) BF_PRINTF(3, 4);
bool bf_graph_failed(const bf_graph *graph);
const bf_node *bf_graph_node(const bf_graph *graph, bf_value value);
int bf_graph_node_count(const bf_graph *graph);
bool bf_graph_is_output(const bf_graph *graph, bf_value value);
/* Allocates the gradients' block unless it is there. */
bf_status bf_graph_need_gradients(bf_graph *graph, bf_error *err);
bool bf_graph_norms_frozen(const bf_graph *graph);
int bf_graph_frozen_stage(const bf_graph *graph);

/* Whether any parameter of the node is trained. */
bool bf_node_trains(const bf_graph *graph, const bf_node *node);

static inline int64_t bf_elements(bf_shape s) { return (int64_t)s.h * s.w * s.c; }

/* Runs function(argument, slice, ...) over [0, count) cut into slices of `grain`: a fixed grid. */
typedef void (*bf_slice)(void *argument, int64_t first, int64_t count, int slice, int thread);
void bf_slices(bf_pool *pool, bf_slice function, void *argument, int64_t count, int64_t grain);
static inline int64_t bf_slice_count(int64_t count, int64_t grain) { return (count + grain - 1) / grain; }

#endif
