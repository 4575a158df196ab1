/* An answer's way back to the deepest features. */
#include "nn/explain.h"

#include <string.h>

#include "base/memory.h"

struct bf_explain {
  bf_graph *graph;
  bf_exec *back;
  bf_value given[2], logit; /* the deepest map; and where lesions are, which a head may look at */
  int given_count;
  double cell;
  bf_shape map;
};

static bf_value answer_of(bf_network *network) {
  for (int i = 0; i < bf_network_head_count(network); i++) {
    const bf_head *head = bf_network_head(network, i);
    if (head->type->answer != NULL) return head->type->answer(head);
  }
  return -1;
}

bf_status bf_explain_create(bf_explain **out, bf_network *network, int batch, bf_pool *pool, bf_error *err) {
  const bf_features *f = bf_network_features(network);
  bf_graph *graph = bf_network_graph(network);
  bf_value logit = answer_of(network);
  *out = NULL;
  if (logit < 0) return BF_OK;
  bf_explain *e = bf_alloc(1, sizeof *e);
  if (e == NULL) return bf_fail(err, BF_E_MEMORY, "no memory for heat maps");
  *e = (bf_explain){.graph = graph, .logit = logit};
  e->given[e->given_count++] = f->value[f->count - 1];
  if (f->where_stride > 0) e->given[e->given_count++] = f->where;
  e->map = bf_graph_shape(graph, e->given[0]);
  e->cell = (double)bf_graph_shape(graph, bf_network_input(network)).w / e->map.w;
  for (int k = 0; k < e->given_count; k++) bf_graph_output(graph, e->given[k]);
  bf_status status = bf_exec_create_back(&e->back, graph, e->given, e->given_count, logit, batch, pool, err);
  if (status != BF_OK)
    bf_explain_destroy(e);
  else
    *out = e;
  return status;
}

void bf_explain_destroy(bf_explain *e) {
  if (e == NULL) return;
  bf_exec_destroy(e->back);
  bf_free(e);
}

bf_shape bf_explain_shape(const bf_explain *e) { return (bf_shape){e->map.h, e->map.w, 1}; }

double bf_explain_cell(const bf_explain *e) { return e->cell; }

void bf_explain_run(float *maps, bf_explain *e, bf_exec *exec, int n) {
  for (int k = 0; k < e->given_count; k++) {
    bf_shape s = bf_graph_shape(e->graph, e->given[k]);
    memcpy(bf_exec_value(e->back, e->given[k]), bf_exec_value(exec, e->given[k]),
           (size_t)n * (size_t)s.h * (size_t)s.w * (size_t)s.c * sizeof(float));
  }
  bf_exec_forward(e->back, n, 0);
  float *one = bf_exec_gradient(e->back, e->logit);
  for (int i = 0; i < n; i++) one[i] = 1;
  bf_exec_backward(e->back, n);
  const float *x = bf_exec_value(e->back, e->given[0]), *slope = bf_exec_gradient(e->back, e->given[0]);
  int64_t cells = (int64_t)n * e->map.h * e->map.w;
  for (int64_t i = 0; i < cells; i++) {
    double sum = 0;
    for (int c = 0; c < e->map.c; c++) sum += (double)x[i * e->map.c + c] * slope[i * e->map.c + c];
    maps[i] = (float)sum;
  }
}
