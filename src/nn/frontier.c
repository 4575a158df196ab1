/* Where what is frozen ends. */
#include "base/memory.h"
#include "nn/op.h"

/* Outside of frozen stages dropout draws anew each time and norms may follow their batch. */
static bool repeats(const bf_graph *g, const bf_node *node) {
  if (node->op == NULL || node->stage <= bf_graph_frozen_stage(g)) return true;
  if (bf_node_trains(g, node) || node->op == &bf_op_dropout) return false;
  return node->op != &bf_op_norm || (node->stage != BF_STAGE_HEAD && bf_graph_norms_frozen(g));
}

typedef struct marks {
  bool *fixed, *reached, *read; /* the same each time; an output depends on it; what changes reads it */
} marks;

static void mark(marks *m, const bf_graph *g, int count) {
  for (int i = 0; i < count; i++) {
    const bf_node *node = bf_graph_node(g, i);
    m->fixed[i] = repeats(g, node);
    for (int k = 0; k < node->inputs; k++) m->fixed[i] = m->fixed[i] && m->fixed[node->input[k]];
  }
  for (int i = count - 1; i >= 0; i--) {
    const bf_node *node = bf_graph_node(g, i);
    if (bf_graph_is_output(g, i)) m->reached[i] = m->read[i] = true;
    for (int k = 0; k < node->inputs && m->reached[i]; k++) {
      m->reached[node->input[k]] = true;
      if (!m->fixed[i]) m->read[node->input[k]] = true;
    }
  }
}

int bf_graph_frontier(const bf_graph *g, bf_value *values, int most) {
  int nodes = bf_graph_node_count(g), count = 0;
  bool *all = bf_alloc(3 * (size_t)nodes, sizeof *all);
  if (all == NULL) return -1;
  marks m = {all, all + nodes, all + 2 * nodes};
  mark(&m, g, nodes);
  for (int i = 0; i < nodes && count >= 0; i++) {
    if (!m.fixed[i] || !m.read[i]) continue;
    if (count == most)
      count = -1;
    else
      values[count++] = i;
  }
  bf_free(all);
  return count;
}
