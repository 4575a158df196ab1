/* Depthwise convolution: direct, row by row; weight gradients as partial sums over a fixed cut of the batch. */
#include <string.h>

#include "nn/op.h"

enum { most_rows = 8, most_chunks = 16 };

/* Rows of a task: few enough that all threads have some. */
static int grain_of(const bf_run *r, int rows) {
  int tasks = 4 * bf_pool_threads(r->pool), grain = (r->n * rows + tasks - 1) / tasks;
  return grain < most_rows ? grain : most_rows;
}

static int64_t weights(const bf_run *r) { return (int64_t)r->node->kernel * r->node->kernel * r->in[0].c; }

static int chunks(const bf_run *r) { return r->n < most_chunks ? r->n : most_chunks; }

static int64_t scratch(const bf_run *r, int threads) {
  (void)threads;
  return r->training ? (weights(r) + r->out.c) * most_chunks : 0;
}

static void forward_task(void *argument, int task, int thread) {
  (void)thread;
  bf_run *r = argument;
  bf_window g = bf_run_window(r);
  int grain = grain_of(r, g.oh), bands = (g.oh + grain - 1) / grain, image = task / bands, row = task % bands * grain;
  int last = row + grain < g.oh ? row + grain : g.oh;
  const bf_param *bias = bf_run_param(r, 1);
  bf_finish finish = {.shift = bias != NULL ? bias->data : NULL};
  if (r->finish != NULL) finish = bf_finish_at(r->finish, 0, image * bf_elements(r->out));
  r->kernels->depthwise(r->y + image * bf_elements(r->out), r->x[0] + image * bf_elements(r->in[0]),
                        bf_run_param(r, 0)->data, &g, row, last, &finish);
}

static void data_task(void *argument, int task, int thread) {
  (void)thread;
  bf_run *r = argument;
  bf_window g = bf_run_window(r);
  int grain = grain_of(r, g.h), bands = (g.h + grain - 1) / grain, image = task / bands, row = task % bands * grain;
  int last = row + grain < g.h ? row + grain : g.h;
  r->kernels->depthwise_data(r->dx[0] + image * bf_elements(r->in[0]), r->dy + image * bf_elements(r->out),
                             bf_run_param(r, 0)->data, &g, row, last, r->add[0]);
}

static void weight_task(void *argument, int task, int thread) {
  (void)thread;
  bf_run *r = argument;
  bf_window g = bf_run_window(r);
  float *sum = r->scratch + task * weights(r), *bias = r->scratch + weights(r) * most_chunks + (int64_t)task * g.c;
  memset(sum, 0, (size_t)weights(r) * sizeof(float));
  int first = r->n * task / chunks(r), last = r->n * (task + 1) / chunks(r);
  for (int i = first; i < last; i++)
    r->kernels->depthwise_weight(sum, r->x[0] + i * bf_elements(r->in[0]), r->dy + i * bf_elements(r->out), &g, 0,
                                 g.oh);
  if (bf_run_trains(r, 1))
    r->kernels->norm_sums(bias, NULL, r->dy + first * bf_elements(r->out), NULL, NULL, NULL,
                          (int64_t)(last - first) * g.oh * g.ow, g.c);
}

static void add_partials(bf_run *r, bf_param *param, const float *sums, int64_t size) {
  memcpy(param->gradient, sums, (size_t)size * sizeof(float));
  for (int k = 1; k < chunks(r); k++) r->kernels->add(param->gradient, param->gradient, sums + k * size, size);
}

static void forward(bf_run *r) {
  int grain = grain_of(r, r->out.h);
  bf_pool_run(r->pool, forward_task, r, r->n * ((r->out.h + grain - 1) / grain));
}

static void backward(bf_run *r) {
  if (bf_run_trains(r, 0)) {
    bf_pool_run(r->pool, weight_task, r, chunks(r));
    add_partials(r, bf_run_param(r, 0), r->scratch, weights(r));
    if (bf_run_trains(r, 1)) add_partials(r, bf_run_param(r, 1), r->scratch + weights(r) * most_chunks, r->out.c);
  }
  int grain = grain_of(r, r->in[0].h);
  if (r->dx[0] != NULL) bf_pool_run(r->pool, data_task, r, r->n * ((r->in[0].h + grain - 1) / grain));
}

static int flags(const bf_node *node, bool batch_statistics) {
  (void)node, (void)batch_statistics;
  return BF_OP_READS_INPUT | BF_OP_FINISHES;
}

static double flop(const bf_run *r) { return 2.0 * r->node->kernel * r->node->kernel * (double)bf_elements(r->out); }

const bf_op bf_op_depthwise = {
    .name = "depthwise", .flags = flags, .scratch = scratch, .forward = forward, .backward = backward, .flop = flop};
