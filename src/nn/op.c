/* What operations share: their parameters, and slices of work. */
#include "nn/op.h"

bf_param *bf_run_param(const bf_run *r, int which) {
  return r->node->param[which] < 0 ? NULL : bf_graph_param(r->graph, r->node->param[which]);
}

bool bf_run_trains(const bf_run *r, int which) {
  const bf_param *p = bf_run_param(r, which);
  return p != NULL && p->trainable && !r->fixed;
}

bf_window bf_run_window(const bf_run *r) {
  const bf_node *node = r->node;
  return (bf_window){r->in[0].h, r->in[0].w, r->in[0].c, node->kernel, node->stride, node->padding, r->out.h, r->out.w};
}

typedef struct slices {
  bf_slice function;
  void *argument;
  int64_t count, grain;
} slices;

static void slice_task(void *argument, int task, int thread) {
  const slices *s = argument;
  int64_t first = task * s->grain, count = s->count - first < s->grain ? s->count - first : s->grain;
  s->function(s->argument, first, count, task, thread);
}

void bf_slices(bf_pool *pool, bf_slice function, void *argument, int64_t count, int64_t grain) {
  slices s = {function, argument, count, grain};
  bf_pool_run(pool, slice_task, &s, (int)bf_slice_count(count, grain));
}
