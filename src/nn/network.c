/* Backbone and heads joined: building, the weighted total loss, decoding. */
#include "nn/network.h"

#include <math.h>
#include <string.h>

#include "base/memory.h"

struct bf_network {
  bf_graph *graph;
  bf_value input;
  bf_features features;
  int head_count;
  bf_head heads[BF_MAX_HEADS];
  int tasks[BF_MAX_HEADS]; /* of the heads, in the order in which they were built */
};

static double weight_of(const bf_head_type *type, const void *options) {
  double weight;
  memcpy(&weight, (const char *)options + type->weight_offset, sizeof weight);
  return weight;
}

static bf_status add_head(bf_network *net, const bf_head_type *type, const void *options, bf_error *err) {
  if (weight_of(type, options) == 0) return BF_OK;
  bf_head *head = &net->heads[net->head_count++];
  head->type = type;
  head->options = bf_alloc(1, type->options_size);
  head->state = bf_alloc(1, type->state_size);
  if (head->options == NULL || head->state == NULL)
    return bf_fail(err, BF_E_MEMORY, "no memory for the head %s", type->name);
  memcpy(head->options, options, type->options_size);
  return BF_OK;
}

/* In their order, those that look where another head sees lesions after the others. */
static void build_heads(bf_network *net) {
  int task = 0;
  bf_graph_set_stage(net->graph, BF_STAGE_HEAD);
  for (int late = 0; late < 2; late++)
    for (int i = 0; i < net->head_count; i++) {
      bf_head *head = &net->heads[i];
      if ((head->type->reads_where != NULL && head->type->reads_where(head->options)) != (late == 1)) continue;
      net->tasks[i] = task;
      bf_graph_set_task(net->graph, task++);
      head->type->build(head, net->graph, &net->features);
    }
}

bf_status bf_network_create(bf_network **out, const bf_network_spec *spec, bf_error *err) {
  *out = NULL;
  bf_network *net = bf_alloc(1, sizeof *net);
  if (net == NULL) return bf_fail(err, BF_E_MEMORY, "no memory for a network");
  bf_status status = bf_graph_create(&net->graph, err);
  if (status == BF_OK) {
    net->input = bf_graph_input(net->graph, spec->height, spec->width, spec->channels);
    spec->backbone->build(net->graph, net->input, &net->features);
  }
  for (int i = 0; i < spec->head_count && status == BF_OK; i++)
    status = add_head(net, spec->head_types[i], spec->head_options[i], err);
  if (status == BF_OK && net->head_count == 0)
    status = bf_fail(err, BF_E_ARGUMENT,
                     "every head's weight is 0: give heads.malignancy.weight or heads.lesion.weight a value");
  if (status == BF_OK) build_heads(net);
  if (status == BF_OK)
    status = spec->unset ? bf_graph_finish_unset(net->graph, err) : bf_graph_finish(net->graph, spec->seed, err);
  for (int i = 0; i < net->head_count && status == BF_OK && !spec->unset; i++)
    if (net->heads[i].type->initialise != NULL) net->heads[i].type->initialise(&net->heads[i], net->graph);
  if (status != BF_OK)
    bf_network_destroy(net);
  else
    *out = net;
  return status;
}

void bf_network_destroy(bf_network *net) {
  if (net == NULL) return;
  for (int i = 0; i < net->head_count; i++) {
    bf_free(net->heads[i].options);
    bf_free(net->heads[i].state);
  }
  bf_graph_destroy(net->graph);
  bf_free(net);
}

bf_graph *bf_network_graph(bf_network *net) { return net->graph; }
bf_value bf_network_input(const bf_network *net) { return net->input; }
const bf_features *bf_network_features(const bf_network *net) { return &net->features; }
int bf_network_head_count(const bf_network *net) { return net->head_count; }
bf_head *bf_network_head(bf_network *net, int index) { return &net->heads[index]; }

double bf_network_weight(const bf_network *net, int index) {
  return weight_of(net->heads[index].type, net->heads[index].options);
}

unsigned bf_network_reads(const bf_network *net) {
  unsigned all = 0;
  for (int i = 0; i < net->head_count; i++) all |= net->heads[i].type->reads;
  return all;
}

int bf_network_task(const bf_network *net, int index) { return net->tasks[index]; }

void bf_network_prepare(bf_network *net, const bf_truth *truth, int64_t n) {
  for (int i = 0; i < net->head_count; i++)
    if (net->heads[i].type->prepare != NULL) net->heads[i].type->prepare(&net->heads[i], truth, n);
}

void bf_network_loss(bf_network *net, bf_exec *exec, const bf_truth *truth, int n, const double *weights,
                     bf_losses *out) {
  *out = (bf_losses){0};
  for (int i = 0; i < net->head_count; i++) {
    bf_head *head = &net->heads[i];
    float scale = weights != NULL ? (float)weights[i] : 0;
    head->type->loss(head, exec, truth, n, scale, &out->task[i], &out->labelled[i]);
    out->total += bf_network_weight(net, i) * out->task[i];
  }
}

void bf_network_add_losses(const bf_network *net, bf_losses *sums, const bf_losses *batch) {
  for (int i = 0; i < net->head_count; i++) {
    sums->task[i] += batch->task[i] * batch->labelled[i];
    sums->labelled[i] += batch->labelled[i];
  }
}

void bf_network_mean_losses(const bf_network *net, bf_losses *sums) {
  sums->total = NAN;
  for (int i = 0; i < net->head_count; i++) {
    if (sums->labelled[i] == 0) continue;
    sums->task[i] /= sums->labelled[i];
    sums->total = (isnan(sums->total) ? 0 : sums->total) + bf_network_weight(net, i) * sums->task[i];
  }
}

void bf_network_decode(bf_network *net, bf_exec *exec, int n, bf_prediction *out) {
  for (int i = 0; i < n; i++) {
    out[i].malignant_logit = NAN;
    out[i].has_boxes = false;
    out[i].box_count = 0;
    out[i].mask = NULL;
  }
  for (int i = 0; i < net->head_count; i++) net->heads[i].type->decode(&net->heads[i], exec, n, out);
}
