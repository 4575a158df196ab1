/* Several sets of figures under the same draws. */
#include "metrics/drawn.h"

void bf_drawn_sets_figures(double *out, const void *drawn_sets, const uint16_t *times) {
  const bf_drawn_sets *d = drawn_sets;
  for (int k = 0; k < d->count; out += d->sets[k++].count * BF_DRAWS) d->sets[k].figures(out, d->sets[k].data, times);
}
