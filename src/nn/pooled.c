/* Pooled features. */
#include "nn/pooled.h"

#include "nn/op.h"

/* How likely each place of the deepest map shows a lesion: the greatest of the finer places under it. The task that
 * says where is not taught by the one that looks there. */
static bf_value look_at(bf_graph *g, const bf_features *f, const char *head) {
  if (f->where_stride == 0)
    return bf_graph_refuse(g, BF_E_ARGUMENT,
                           "heads.%s.pool: lesion, but no head says where lesions are; give heads.lesion.weight or "
                           "heads.mask.weight a value, or choose another pool",
                           head);
  bf_value likely = bf_sigmoid_map(g, bf_detach(g, f->where));
  int ratio = f->stride[f->count - 1] / f->where_stride;
  return ratio > 1 ? bf_max_pool_up(g, likely, ratio, ratio) : likely;
}

bf_value bf_pooled_build(bf_graph *g, const bf_features *f, const bf_pooled *o, const char *head) {
  bf_value map = f->value[f->count - 1], x = -1;
  switch ((bf_pool_kind)o->pool) {
    case BF_POOL_FLATTEN: x = bf_flatten(g, bf_adaptive_average_pool(g, map, o->grid, o->grid)); break;
    case BF_POOL_LESION:
      x = bf_concat(g, bf_global_average_pool(g, map), bf_weighted_pool(g, map, look_at(g, f, head)));
      break;
    default: x = bf_global_average_pool(g, map);
  }
  for (int i = 0; i < o->layers && o->hidden > 0; i++) {
    if (i > 0) x = bf_dropout(g, x, o->dropout);
    x = bf_relu(g, bf_linear(g, x, o->hidden, "heads.%s.hidden%d", head, i));
  }
  return bf_dropout(g, x, o->dropout);
}
