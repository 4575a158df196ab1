/* Running a graph: memory planned once, forward, backward, and the re-estimation of norms.
 *
 * Time runs 0 .. 2N-1: node i works at i going forward and at 2N-1-i going backward. Every buffer lives from its first
 * writing to its last reading; buffers whose lives do not meet share memory. An operation that may, and whose input
 * nobody else reads, works in its input's memory. A norm's result that one convolution reads is not kept from forward
 * to backward: it is made again when the gradient of that convolution wants it, a pass over memory for half of what
 * such a pair would keep (Chen, Xu, Zhang, Guestrin 2016; Pleiss et al. 2017 for dense networks). */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/memory.h"
#include "nn/norm.h"
#include "nn/op.h"
#include "tensor/kernels.h"

enum { line = 16 }; /* floats in a cache line */

/* A piece of planned memory. */
typedef struct piece {
  int64_t size, offset;
  int start, end; /* inclusive; start > end: unused */
} piece;

typedef struct collector {
  double *mean, *m2, *count; /* of every channel of every backbone norm */
} collector;

/* What was drawn into a node at the end of a chain, applied while its result is written. */
typedef struct fusion {
  bf_finish finish;
  int norm; /* node, or -1 */
  float *scale, *shift;
} fusion;

struct bf_exec {
  bf_graph *graph;
  bf_node *work; /* the graph's nodes, chains drawn together */
  fusion *fusions;
  bf_pool *pool;
  int nodes, batch, frozen_stage;
  bool training, held;
  bf_run *runs;
  int *buffer;                         /* piece of each value's activation */
  bool *output;                        /* the caller reads it */
  bool *reached;                       /* an output depends on it */
  bool *needs;                         /* a gradient is wanted */
  bool *swapped;                       /* a sum works in its second input's memory */
  bool *again;                         /* made once more for the way back */
  bool *joint;                         /* belongs to all tasks, read by one or more, and wants a gradient */
  piece *values, *gradients, *seconds; /* seconds: of what is made again */
  float *memory, *scratch;
  int64_t memory_size, scratch_size;
  float **kept, **prepared;
  collector norms;
  double *clock; /* seconds of each node, forward and backward; NULL: none is kept */
};

static const bf_node *node_at(const bf_exec *e, int i) { return &e->work[i]; }

static bool is_output(const bf_exec *e, int i) { return e->output[i]; }

static bool node_frozen_norms(const bf_exec *e, const bf_node *node) {
  if (node->stage == BF_STAGE_HEAD) return false;
  return bf_graph_norms_frozen(e->graph) || node->stage <= e->frozen_stage;
}

static int flags_of(const bf_exec *e, int i) {
  const bf_node *node = node_at(e, i);
  return node->op == NULL ? 0 : node->op->flags(node, e->training && !node_frozen_norms(e, node));
}

/* ---- who depends on whom ---- */

static void find_reach(bf_exec *e) {
  for (int i = 0; i < e->nodes; i++) {
    const bf_node *node = node_at(e, i);
    e->needs[i] = e->training && bf_node_trains(e->graph, node);
    for (int k = 0; k < node->inputs; k++) e->needs[i] = e->needs[i] || e->needs[node->input[k]];
    e->needs[i] = e->needs[i] && !(flags_of(e, i) & BF_OP_STOPS);
  }
  for (int i = e->nodes - 1; i >= 0; i--) {
    if (is_output(e, i)) e->reached[i] = true;
    for (int k = 0; e->reached[i] && k < node_at(e, i)->inputs; k++) e->reached[node_at(e, i)->input[k]] = true;
  }
  for (int i = 0; i < e->nodes; i++) e->needs[i] = e->needs[i] && e->reached[i];
}

/* Where the gradients of tasks meet. An output has a gradient of the caller's, which belongs to no task. */
static void find_joints(bf_exec *e) {
  for (int i = 0; i < e->nodes; i++) {
    const bf_node *node = node_at(e, i);
    for (int k = 0; e->needs[i] && node->task >= 0 && k < node->inputs; k++) {
      int input = node->input[k];
      if (e->needs[input] && node_at(e, input)->task < 0 && !is_output(e, input)) e->joint[input] = true;
    }
  }
}

static bool same_task(const bf_exec *e, int a, int b) { return node_at(e, a)->task == node_at(e, b)->task; }

static int consumers(const bf_exec *e, int value) {
  int count = 0;
  for (int i = value + 1; i < e->nodes; i++)
    for (int k = 0; e->reached[i] && k < node_at(e, i)->inputs; k++) count += node_at(e, i)->input[k] == value;
  return count;
}

/* In scoring dropout changes nothing: its readers read what it reads, and chains go on over it. */
static void leave_out_dropout(bf_exec *e) {
  for (int i = 0; i < e->nodes; i++)
    for (int k = 0; k < node_at(e, i)->inputs; k++) {
      int input = node_at(e, i)->input[k];
      if (node_at(e, input)->op == &bf_op_dropout && !is_output(e, input))
        e->work[i].input[k] = node_at(e, input)->input[0];
    }
}

/* ---- chains: convolution, norm, sum, clamp become one node at the place of the last ---- */

/* The only reader of a value that is no output; -1 otherwise. */
static int only_consumer(const bf_exec *e, int value) {
  if (is_output(e, value) || consumers(e, value) != 1) return -1;
  for (int i = value + 1; i < e->nodes; i++)
    for (int k = 0; e->reached[i] && k < node_at(e, i)->inputs; k++)
      if (node_at(e, i)->input[k] == value) return i;
  return -1;
}

/* What a chain may go on to. In training it stays within a task: each task goes back by itself. */
static int next_of_chain(const bf_exec *e, int last) {
  int next = only_consumer(e, last);
  return next >= 0 && (!e->training || same_task(e, last, next)) ? next : -1;
}

static bf_status keep_norm(bf_exec *e, fusion *f, int norm, bf_error *err) {
  size_t channels = (size_t)node_at(e, norm)->shape.c;
  f->norm = norm;
  f->scale = bf_alloc(channels, sizeof(float));
  f->shift = bf_alloc(channels, sizeof(float));
  f->finish.scale = f->scale;
  f->finish.shift = f->shift;
  return f->scale != NULL && f->shift != NULL ? BF_OK : bf_fail(err, BF_E_MEMORY, "no memory for a network's norms");
}

typedef struct chain {
  int head, last, other; /* other: a sum's second value, or -1 */
} chain;

static void follow_sum(const bf_exec *e, chain *c) {
  int next = next_of_chain(e, c->last);
  if (next < 0 || node_at(e, next)->op != &bf_op_add) return;
  const bf_value *input = node_at(e, next)->input;
  if (input[0] == input[1]) return;
  c->other = input[input[0] == c->last];
  c->last = next;
}

static void follow_clamp(const bf_exec *e, chain *c, bf_finish *finish) {
  int next = next_of_chain(e, c->last);
  if (next < 0 || node_at(e, next)->op != &bf_op_clamp) return;
  finish->clamp = true;
  finish->top = node_at(e, next)->top;
  c->last = next;
}

/* Puts the chain's head where its last node was; what lies on the way is not run. */
static void join(bf_exec *e, const chain *c) {
  bf_node drawn = *node_at(e, c->head);
  for (int at = c->head; at != c->last;) {
    int to = only_consumer(e, at);
    e->reached[at] = e->needs[at] = false;
    at = to;
  }
  if (c->other >= 0) drawn.inputs = 2, drawn.input[1] = c->other;
  drawn.shape = node_at(e, c->last)->shape;
  e->work[c->last] = drawn;
}

static bf_status draw_chain(bf_exec *e, int head, bf_error *err) {
  fusion f = {.norm = -1};
  chain c = {head, head, -1};
  int next = only_consumer(e, head), bias = node_at(e, head)->param[1];
  bf_status status = BF_OK;
  if (next >= 0 && node_at(e, next)->op == &bf_op_norm) {
    status = keep_norm(e, &f, next, err);
    c.last = next;
  }
  follow_sum(e, &c);
  follow_clamp(e, &c, &f.finish);
  if (c.last == head) return status;
  if (f.norm < 0 && bias >= 0) f.finish.shift = bf_graph_param(e->graph, bias)->data;
  join(e, &c);
  e->fusions[c.last] = f;
  return status;
}

static bf_status draw_chains(bf_exec *e, bf_error *err) {
  bf_status status = BF_OK;
  for (int i = 0; i < e->nodes && status == BF_OK; i++)
    if (e->reached[i] && node_at(e, i)->op != NULL && (flags_of(e, i) & BF_OP_FINISHES) && e->fusions[i].norm < 0 &&
        !e->fusions[i].finish.clamp && e->fusions[i].finish.shift == NULL && node_at(e, i)->inputs == 1)
      status = draw_chain(e, i, err);
  return status;
}

/* In training a convolution's result is what its norm reads again: chains begin at the norm there, and so do those
 * whose norm reads what others read too. One that ends in an output is left alone: its gradient is the caller's and may
 * not be changed. */
static void draw_norms(bf_exec *e) {
  for (int i = 0; i < e->nodes; i++) {
    if (!e->reached[i] || node_at(e, i)->op != &bf_op_norm || node_at(e, i)->inputs != 1) continue;
    chain c = {i, i, -1};
    bf_finish finish = {0};
    follow_sum(e, &c);
    follow_clamp(e, &c, &finish);
    if (!finish.clamp || is_output(e, c.last)) continue;
    join(e, &c);
    e->work[c.last].top = finish.top;
    e->fusions[c.last].finish = finish;
  }
}

static int64_t value_size(const bf_exec *e, int i) {
  int64_t size = (int64_t)e->batch * bf_elements(node_at(e, i)->shape);
  return (size + line - 1) / line * line;
}

static bool may_overwrite(const bf_exec *e, int value) {
  if (node_at(e, value)->op == NULL || is_output(e, value) || consumers(e, value) != 1) return false;
  return !(e->needs[value] && (flags_of(e, value) & BF_OP_READS_OUTPUT));
}

static void choose_buffers(bf_exec *e) {
  for (int i = 0; i < e->nodes; i++) {
    const bf_node *node = node_at(e, i);
    e->buffer[i] = i;
    int flags = flags_of(e, i);
    bool summed = node->inputs == 2 && (flags & BF_OP_SUMS_IN_PLACE);
    bool in_place = (flags & BF_OP_IN_PLACE) || ((flags & BF_OP_OVERWRITES) && !e->needs[i]);
    if (!e->reached[i] || !(in_place || summed)) continue;
    int last = (flags & BF_OP_OVERWRITES) ? 1 : node->inputs;
    for (int k = summed; k < last; k++) {
      if (!may_overwrite(e, node->input[k]) || !same_task(e, i, node->input[k])) continue;
      e->buffer[i] = e->buffer[node->input[k]];
      e->swapped[i] = k == 1 && !summed;
      break;
    }
  }
}

/* ---- what is made again ---- */

/* Multiplications with each value that is made again: where they are few, the pass over memory shows in the time. */
static double work_for_each_value(const bf_node *conv) {
  return (double)conv->shape.c * conv->kernel * conv->kernel / (conv->stride * conv->stride);
}

static void choose_again(bf_exec *e) {
  const double least_work = 128;
  for (int i = 0; e->training && i < e->nodes; i++) {
    const bf_node *node = node_at(e, i);
    if (!e->needs[i] || node->op == NULL || node->op->again == NULL || node->inputs != 1) continue;
    int reader = only_consumer(e, i);
    e->again[i] = reader >= 0 && e->needs[reader] && node_at(e, reader)->op == &bf_op_conv && e->buffer[i] == i &&
                  (flags_of(e, i) & BF_OP_READS_INPUT) && work_for_each_value(node_at(e, reader)) >= least_work;
  }
}

/* ---- lives ---- */

static void live(piece *p, int64_t size, int start, int end) {
  if (size > p->size) p->size = size;
  if (p->start > p->end) {
    p->start = start;
    p->end = end;
    return;
  }
  if (start < p->start) p->start = start;
  if (end > p->end) p->end = end;
}

static void find_lives(bf_exec *e) {
  int last = 2 * e->nodes;
  for (int i = 0; i < e->nodes; i++)
    e->values[i].start = e->gradients[i].start = e->seconds[i].start = last,
    e->values[i].end = e->gradients[i].end = e->seconds[i].end = -1;
  for (int i = 0; i < e->nodes; i++) {
    if (!e->reached[i]) continue;
    const bf_node *node = node_at(e, i);
    piece *value = &e->values[e->buffer[i]], *gradient = &e->gradients[e->buffer[i]];
    int back = last - 1 - i;
    live(value, value_size(e, i), i, i);
    if (node->op == NULL || is_output(e, i)) live(value, 0, 0, last);
    if (e->needs[i]) {
      if (flags_of(e, i) & BF_OP_READS_OUTPUT) live(e->again[i] ? &e->seconds[i] : value, value_size(e, i), back, back);
      int start = is_output(e, i) ? 0 : e->joint[i] ? e->nodes : back;
      live(gradient, value_size(e, i), start, is_output(e, i) ? last : back);
    }
    for (int k = 0; k < node->inputs; k++) {
      int input = node->input[k];
      bool reads = e->needs[i] && (flags_of(e, i) & BF_OP_READS_INPUT), second = e->again[input] && reads;
      live(&e->values[e->buffer[input]], 0, i, reads && !second ? back : i);
      if (second) live(&e->seconds[input], value_size(e, input), back, back);
      if (e->needs[node->input[k]] && e->needs[i]) live(&e->gradients[e->buffer[node->input[k]]], 0, back, back);
    }
  }
}

/* ---- places: the largest first, each at the lowest offset where its life is free ---- */

static int by_size(const void *a, const void *b) {
  const piece *x = *(piece *const *)a, *y = *(piece *const *)b;
  if (x->size != y->size) return x->size < y->size ? 1 : -1;
  return (x->start > y->start) - (x->start < y->start);
}

static int by_offset(const void *a, const void *b) {
  const piece *x = *(piece *const *)a, *y = *(piece *const *)b;
  return (x->offset > y->offset) - (x->offset < y->offset);
}

static int64_t lowest_place(piece **placed, int count, const piece *p) {
  int64_t at = 0;
  for (int i = 0; i < count; i++) { /* in order of offset */
    if (placed[i]->end < p->start || placed[i]->start > p->end) continue;
    if (placed[i]->offset >= at + p->size) break;
    if (placed[i]->offset + placed[i]->size > at) at = placed[i]->offset + placed[i]->size;
  }
  return at;
}

static bf_status place(bf_exec *e, bf_error *err) {
  size_t most = 3 * (size_t)e->nodes;
  piece **all = bf_alloc(most, sizeof *all), **placed = bf_alloc(most, sizeof *placed);
  bf_status status = all == NULL || placed == NULL ? bf_fail(err, BF_E_MEMORY, "no memory to plan memory") : BF_OK;
  int count = 0;
  for (int i = 0; status == BF_OK && i < e->nodes; i++) {
    if (e->values[i].end >= 0) all[count++] = &e->values[i];
    if (e->gradients[i].end >= 0) all[count++] = &e->gradients[i];
    if (e->seconds[i].end >= 0) all[count++] = &e->seconds[i];
  }
  if (status == BF_OK) qsort(all, (size_t)count, sizeof *all, by_size);
  for (int i = 0; status == BF_OK && i < count; i++) {
    all[i]->offset = lowest_place(placed, i, all[i]);
    if (all[i]->offset + all[i]->size > e->memory_size) e->memory_size = all[i]->offset + all[i]->size;
    placed[i] = all[i];
    qsort(placed, (size_t)i + 1, sizeof *placed, by_offset);
  }
  bf_free(all);
  bf_free(placed);
  if (status != BF_OK) return status;
  e->memory = bf_alloc((size_t)e->memory_size, sizeof(float));
  return e->memory != NULL
             ? BF_OK
             : bf_fail(err, BF_E_MEMORY, "no memory for %.0f MiB of activations; try a smaller batch or size",
                       (double)e->memory_size * 4 / 1048576);
}

/* ---- the list of work ---- */

static bool fused(const bf_exec *e, int i) {
  const fusion *f = &e->fusions[i];
  return f->norm >= 0 || f->finish.clamp || f->finish.shift != NULL || node_at(e, i)->inputs == 2;
}

static float *value_at(bf_exec *e, int i) { return e->memory + e->values[e->buffer[i]].offset; }

static float *gradient_at(bf_exec *e, int i) {
  return e->needs[i] ? e->memory + e->gradients[e->buffer[i]].offset : NULL;
}

/* A gradient is added to where another wrote before: the caller's, in outputs, or that of a later consumer. */
static bool adds(const bf_exec *e, int consumer, int input_slot) {
  int value = node_at(e, consumer)->input[input_slot];
  if (is_output(e, value)) return true;
  for (int i = consumer; i < e->nodes; i++)
    for (int k = 0; e->needs[i] && k < node_at(e, i)->inputs; k++)
      if (node_at(e, i)->input[k] == value && (i > consumer || k > input_slot)) return true;
  return false;
}

static void fill_run(bf_exec *e, int i) {
  const bf_node *node = node_at(e, i);
  bf_run *r = &e->runs[i];
  *r = (bf_run){.node = node,
                .graph = e->graph,
                .pool = e->pool,
                .n = e->batch,
                .capacity = e->batch,
                .trains = e->training,
                .training = e->training,
                .out = node->shape};
  r->frozen_norms = node_frozen_norms(e, node);
  if (!e->reached[i]) return;
  r->y = value_at(e, i);
  r->dy = gradient_at(e, i);
  for (int k = 0; k < node->inputs; k++) {
    int slot = e->swapped[i] ? 1 - k : k;
    r->in[slot] = node_at(e, node->input[k])->shape;
    r->x[slot] = value_at(e, node->input[k]);
    r->dx[slot] = gradient_at(e, node->input[k]);
    r->add[slot] = r->dx[slot] != NULL && r->dx[slot] != r->dy && adds(e, i, k);
  }
}

static bf_status make_scratch(bf_exec *e, bf_error *err) {
  e->scratch_size = 0;
  for (int i = 0; i < e->nodes; i++) {
    bf_run *r = &e->runs[i];
    if (!e->reached[i] || r->node->op == NULL || r->node->op->scratch == NULL) continue;
    int64_t size = r->node->op->scratch(r, bf_pool_threads(e->pool));
    if (size > e->scratch_size) e->scratch_size = size;
  }
  bf_free(e->scratch);
  e->scratch = bf_alloc((size_t)e->scratch_size + line, sizeof(float));
  for (int i = 0; i < e->nodes; i++) e->runs[i].scratch = e->scratch;
  return e->scratch != NULL
             ? BF_OK
             : bf_fail(err, BF_E_MEMORY, "no memory for %.0f MiB of scratch", (double)e->scratch_size * 4 / 1048576);
}

static bf_status fill_runs(bf_exec *e, bf_error *err) {
  const bf_kernels *kernels = bf_kernels_current();
  for (int i = 0; i < e->nodes; i++) {
    bf_run *r = &e->runs[i];
    fill_run(e, i);
    r->kernels = kernels;
    if (!e->reached[i] || r->node->op == NULL) continue;
    if (r->node->op->kept != NULL && (e->kept[i] = bf_alloc((size_t)r->node->op->kept(r), sizeof(float))) == NULL)
      return bf_fail(err, BF_E_MEMORY, "no memory for a network's statistics");
    r->kept = e->kept[i];
    if (fused(e, i)) {
      e->fusions[i].finish.other = r->node->inputs == 2 ? r->x[1] : NULL;
      r->finish = &e->fusions[i].finish;
    }
  }
  return make_scratch(e, err);
}

/* What the executor is to run: from values that are given, or the graph's inputs, to values that are wanted, or the
 * graph's outputs. */
typedef struct reach {
  const bf_value *given, *wanted;
  int given_count, wanted_count;
} reach;

static bf_status allocate(bf_exec *e, bf_error *err) {
  size_t nodes = (size_t)e->nodes;
  e->runs = bf_alloc(nodes, sizeof *e->runs);
  e->buffer = bf_alloc(nodes, sizeof *e->buffer);
  e->output = bf_alloc(nodes, sizeof *e->output);
  e->reached = bf_alloc(nodes, sizeof *e->reached);
  e->needs = bf_alloc(nodes, sizeof *e->needs);
  e->swapped = bf_alloc(nodes, sizeof *e->swapped);
  e->again = bf_alloc(nodes, sizeof *e->again);
  e->joint = bf_alloc(nodes, sizeof *e->joint);
  e->values = bf_alloc(nodes, sizeof *e->values);
  e->seconds = bf_alloc(nodes, sizeof *e->seconds);
  e->gradients = bf_alloc(nodes, sizeof *e->gradients);
  e->kept = bf_alloc(nodes, sizeof *e->kept);
  e->prepared = bf_alloc(nodes, sizeof *e->prepared);
  e->work = bf_alloc(nodes, sizeof *e->work);
  e->fusions = bf_alloc(nodes, sizeof *e->fusions);
  bool good = e->runs && e->buffer && e->output && e->reached && e->needs && e->swapped && e->again && e->joint &&
              e->values && e->seconds && e->gradients && e->kept && e->prepared && e->work && e->fusions;
  return good ? BF_OK : bf_fail(err, BF_E_MEMORY, "no memory for an executor");
}

/* Given values stand where inputs do: nothing before them is run. */
static void copy_nodes(bf_exec *e, const reach *r) {
  for (int i = 0; i < e->nodes; i++) {
    e->work[i] = *bf_graph_node(e->graph, i);
    e->output[i] = r->wanted_count == 0 && bf_graph_is_output(e->graph, i);
    e->fusions[i].norm = -1;
  }
  for (int k = 0; k < r->wanted_count; k++) e->output[r->wanted[k]] = true;
  for (int k = 0; k < r->given_count; k++) {
    bf_node *node = &e->work[r->given[k]];
    *node =
        (bf_node){.stage = node->stage, .task = -1, .shape = node->shape, .input = {-1, -1}, .param = {-1, -1, -1, -1}};
    e->output[r->given[k]] = true; /* has its place even where nothing reads it */
  }
}

static bf_status plan(bf_exec *e, bf_error *err) {
  if (!e->training) leave_out_dropout(e);
  find_reach(e);
  bf_status status = e->training ? BF_OK : draw_chains(e, err);
  if (status != BF_OK) return status;
  draw_norms(e);
  find_joints(e);
  choose_buffers(e);
  choose_again(e);
  find_lives(e);
  status = place(e, err);
  return status == BF_OK ? fill_runs(e, err) : status;
}

static bf_status create(bf_exec **out, bf_graph *graph, const reach *r, int batch, bool training, bf_pool *pool,
                        bf_error *err) {
  *out = NULL;
  if (batch < 1) return bf_fail(err, BF_E_ARGUMENT, "a batch of %d images", batch);
  bf_exec *e = bf_alloc(1, sizeof *e);
  if (e == NULL) return bf_fail(err, BF_E_MEMORY, "no memory for an executor");
  *e = (bf_exec){.graph = graph,
                 .pool = pool,
                 .nodes = bf_graph_node_count(graph),
                 .batch = batch,
                 .frozen_stage = bf_graph_frozen_stage(graph),
                 .training = training};
  bf_status status = training ? bf_graph_need_gradients(graph, err) : BF_OK;
  if (status == BF_OK) status = allocate(e, err);
  if (status == BF_OK) {
    copy_nodes(e, r);
    status = plan(e, err);
  }
  if (status != BF_OK)
    bf_exec_destroy(e);
  else
    *out = e;
  return status;
}

bf_status bf_exec_create(bf_exec **out, bf_graph *graph, int batch, bool training, bf_pool *pool, bf_error *err) {
  const reach all = {0};
  return create(out, graph, &all, batch, training, pool, err);
}

bf_status bf_exec_create_until(bf_exec **out, bf_graph *graph, const bf_value *values, int count, int batch,
                               bf_pool *pool, bf_error *err) {
  const reach until = {.wanted = values, .wanted_count = count};
  return create(out, graph, &until, batch, false, pool, err);
}

bf_status bf_exec_create_from(bf_exec **out, bf_graph *graph, const bf_value *values, int count, int batch,
                              bool training, bf_pool *pool, bf_error *err) {
  const reach from = {.given = values, .given_count = count};
  return create(out, graph, &from, batch, training, pool, err);
}

static void collector_clear(collector *c) {
  bf_free(c->mean);
  bf_free(c->m2);
  bf_free(c->count);
  *c = (collector){0};
}

void bf_exec_destroy(bf_exec *e) {
  if (e == NULL) return;
  for (int i = 0; i < e->nodes; i++) {
    if (e->kept != NULL) bf_free(e->kept[i]);
    if (e->prepared != NULL) bf_free(e->prepared[i]);
    if (e->fusions != NULL) bf_free(e->fusions[i].scale), bf_free(e->fusions[i].shift);
  }
  bf_free(e->prepared);
  bf_free(e->clock);
  bf_free(e->work);
  bf_free(e->fusions);
  collector_clear(&e->norms);
  bf_free(e->runs);
  bf_free(e->buffer);
  bf_free(e->output);
  bf_free(e->reached);
  bf_free(e->needs);
  bf_free(e->swapped);
  bf_free(e->again);
  bf_free(e->joint);
  bf_free(e->values);
  bf_free(e->seconds);
  bf_free(e->gradients);
  bf_free(e->kept);
  bf_free(e->memory);
  bf_free(e->scratch);
  bf_free(e);
}

float *bf_exec_value(bf_exec *e, bf_value x) { return value_at(e, x); }

float *bf_exec_gradient(bf_exec *e, bf_value x) { return e->training ? gradient_at(e, x) : NULL; }

int64_t bf_exec_bytes(const bf_exec *e) { return (e->memory_size + e->scratch_size) * (int64_t)sizeof(float); }

static void zero_output_gradients(bf_exec *e, int n) {
  for (int i = 0; i < e->nodes; i++)
    if (is_output(e, i) && e->needs[i])
      memset(gradient_at(e, i), 0, (size_t)(n * bf_elements(node_at(e, i)->shape)) * sizeof(float));
}

static void prepare_run(bf_run *r, int n, bool training, uint64_t seed) {
  r->n = n;
  r->training = training;
  r->seed = seed;
}

/* Norms that were drawn into chains, as they are now. */
static void refresh_fusions(bf_exec *e) {
  for (int i = 0; i < e->nodes; i++) {
    fusion *f = &e->fusions[i];
    if (f->norm < 0) continue;
    const bf_node *norm = bf_graph_node(e->graph, f->norm);
    bf_norm_factors(e->graph, norm, f->scale, f->shift);
    if (node_at(e, i)->param[1] < 0) continue;
    const float *bias = bf_graph_param(e->graph, node_at(e, i)->param[1])->data;
    for (int k = 0; k < norm->shape.c; k++) f->shift[k] += f->scale[k] * bias[k];
  }
}

bf_status bf_exec_hold_weights(bf_exec *e, bf_error *err) {
  if (e->training) return bf_fail(err, BF_E_INTERNAL, "weights held while they are trained");
  refresh_fusions(e);
  for (int i = 0; i < e->nodes; i++) {
    bf_run *r = &e->runs[i];
    if (!e->reached[i] || r->node->op == NULL || r->node->op->prepared == NULL || e->prepared[i] != NULL) continue;
    int64_t size = r->node->op->prepared(r);
    if (size == 0) continue;
    if ((e->prepared[i] = bf_alloc_raw((size_t)size, sizeof(float))) == NULL)
      return bf_fail(err, BF_E_MEMORY, "no memory for %.0f MiB of prepared weights", (double)size * 4 / 1048576);
    r->prepared = e->prepared[i];
    r->node->op->prepare(r);
  }
  e->held = true;
  return make_scratch(e, err); /* that of packing is wanted no more */
}

void bf_exec_own_weights(bf_exec *e) {
  for (int i = 0; i < e->nodes; i++) {
    if (e->prepared[i] == NULL || node_at(e, i)->stage >= BF_STAGE_HEAD) continue;
    bf_param *weights = bf_graph_param(e->graph, node_at(e, i)->param[0]);
    if (weights->data != NULL) bf_give_back(weights->data, (size_t)weights->count * sizeof(float));
    weights->data = NULL;
  }
}

void bf_exec_forward(bf_exec *e, int n, uint64_t seed) {
  bool training = e->training && seed != 0;
  if (!e->held) refresh_fusions(e);
  for (int i = 0; i < e->nodes; i++) {
    if (!e->reached[i] || node_at(e, i)->op == NULL) continue;
    /* What is frozen gives what it gives in scoring. */
    prepare_run(&e->runs[i], n, training && node_at(e, i)->stage > e->frozen_stage, seed);
    double started = e->clock != NULL ? bf_now() : 0;
    node_at(e, i)->op->forward(&e->runs[i]);
    if (e->clock != NULL) e->clock[2 * i] += bf_now() - started;
  }
  if (e->training) zero_output_gradients(e, n);
}

static float *second_at(bf_exec *e, int i) { return e->memory + e->seconds[i].offset; }

/* The input that is made again stands elsewhere than it did going forward. */
static void make_again(bf_exec *e, int reader, int n) {
  int input = node_at(e, reader)->inputs > 0 ? node_at(e, reader)->input[0] : -1;
  if (input < 0 || !e->again[input]) return;
  bf_run *made = &e->runs[input];
  made->n = n;
  made->y = second_at(e, input);
  node_at(e, input)->op->again(made);
  e->runs[reader].x[0] = made->y;
}

static void as_forward(bf_exec *e, int i) {
  int input = node_at(e, i)->inputs > 0 ? node_at(e, i)->input[0] : -1;
  if (input >= 0 && e->again[input]) e->runs[i].x[0] = value_at(e, input);
  if (e->again[i]) e->runs[i].y = value_at(e, i);
}

static void zero_joints(bf_exec *e, int n) {
  for (int i = 0; i < e->nodes; i++)
    if (e->joint[i]) memset(gradient_at(e, i), 0, (size_t)(n * bf_elements(node_at(e, i)->shape)) * sizeof(float));
}

static void backward_node(bf_exec *e, int i, int n) {
  if (!e->needs[i] || node_at(e, i)->op == NULL) return;
  e->runs[i].n = n;
  double started = e->clock != NULL ? bf_now() : 0;
  make_again(e, i, n);
  node_at(e, i)->op->backward(&e->runs[i]);
  as_forward(e, i);
  if (e->clock != NULL) e->clock[2 * i + 1] += bf_now() - started;
}

void bf_exec_backward(bf_exec *e, int n) {
  for (int i = e->nodes - 1; i >= 0; i--) backward_node(e, i, n);
}

void bf_exec_backward_task(bf_exec *e, int n, int task) {
  zero_joints(e, n);
  for (int i = e->nodes - 1; i >= 0; i--)
    if (node_at(e, i)->task == task) backward_node(e, i, n);
}

void bf_exec_backward_shared(bf_exec *e, int n) {
  for (int i = e->nodes - 1; i >= 0; i--)
    if (node_at(e, i)->task < 0) backward_node(e, i, n);
}

int bf_exec_joints(const bf_exec *e, bf_value *values, int most) {
  int count = 0;
  for (int i = 0; i < e->nodes; i++) {
    if (!e->joint[i]) continue;
    if (count < most) values[count] = i;
    count++;
  }
  return count;
}

bf_status bf_exec_clock(bf_exec *e, bf_error *err) {
  bf_free(e->clock);
  e->clock = bf_alloc(2 * (size_t)e->nodes, sizeof *e->clock);
  return e->clock != NULL ? BF_OK : bf_fail(err, BF_E_MEMORY, "no memory for the nodes' times");
}

int bf_exec_nodes(const bf_exec *e) { return e->nodes; }

bf_node_time bf_exec_node_time(const bf_exec *e, int i) {
  const bf_node *node = node_at(e, i);
  if (!e->reached[i] || node->op == NULL) return (bf_node_time){0};
  const bf_run *r = &e->runs[i];
  return (bf_node_time){.op = node->op->name,
                        .in = r->in[0],
                        .out = r->out,
                        .kernel = node->kernel,
                        .stride = node->stride,
                        .flop = node->op->flop != NULL ? node->op->flop(r) : 0,
                        .forward = e->clock != NULL ? e->clock[2 * i] : 0,
                        .backward = e->clock != NULL ? e->clock[2 * i + 1] : 0};
}

/* ---- re-estimation of norms ---- */

static bool is_backbone_norm(const bf_exec *e, int i) {
  return e->reached[i] && node_at(e, i)->op == &bf_op_norm && node_at(e, i)->stage < BF_STAGE_HEAD;
}

static size_t norm_channels(const bf_exec *e) {
  size_t all = 0;
  for (int i = 0; i < e->nodes; i++)
    if (is_backbone_norm(e, i)) all += (size_t)node_at(e, i)->shape.c;
  return all;
}

bf_status bf_exec_norms_begin(bf_exec *e, bf_error *err) {
  collector_clear(&e->norms);
  size_t all = norm_channels(e);
  e->norms = (collector){bf_alloc(all, sizeof(double)), bf_alloc(all, sizeof(double)), bf_alloc(all, sizeof(double))};
  if (e->norms.mean && e->norms.m2 && e->norms.count) return BF_OK;
  collector_clear(&e->norms);
  return bf_fail(err, BF_E_MEMORY, "no memory for the norms' statistics");
}

void bf_exec_norms_feed(bf_exec *e, int n) {
  size_t at = 0;
  for (int i = 0; i < e->nodes; i++) {
    if (!e->reached[i] || node_at(e, i)->op == NULL) continue;
    prepare_run(&e->runs[i], n, false, 0);
    if (is_backbone_norm(e, i)) {
      bf_norm_collect(&e->runs[i], e->norms.mean + at, e->norms.m2 + at, e->norms.count + at);
      at += (size_t)node_at(e, i)->shape.c;
    }
    node_at(e, i)->op->forward(&e->runs[i]);
  }
}

void bf_exec_norms_end(bf_exec *e) {
  size_t at = 0;
  for (int i = 0; i < e->nodes; i++) {
    if (!is_backbone_norm(e, i)) continue;
    bf_norm_replace(&e->runs[i], e->norms.mean + at, e->norms.m2 + at, e->norms.count + at);
    at += (size_t)node_at(e, i)->shape.c;
  }
  collector_clear(&e->norms);
}
