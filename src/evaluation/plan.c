/* Sets of figures that are resampled together. */
#include "evaluation/assess_parts.h"

bf_resampling bf_assess_resampling(const bf_assess_options *o, int32_t patients) {
  return (bf_resampling){.clusters = patients, .rounds = o->rounds, .seed = o->seed, .pool = o->pool};
}

int bf_plan_add(bf_plan *p, bf_drawn_figures figures, const void *data, int count) {
  int first = p->count;
  p->sets[p->set_count++] = (bf_drawn_set){figures, data, count};
  for (; p->count < first + count; p->count++) p->place[p->count] = -1;
  return first;
}

void bf_plan_place(bf_plan *p, int first, int place, int count) {
  for (int k = 0; k < count; k++) p->place[first + k] = place + k;
}

bf_status bf_plan_resample(bf_resampled *figures, const bf_plan *p, int32_t patients, const bf_assess_options *o,
                           bf_error *err) {
  bf_resampled found[BF_PLAN_FIGURES];
  const bf_drawn_sets sets = {p->sets, p->set_count};
  const bf_resampling how = bf_assess_resampling(o, patients);
  bf_status status = bf_metrics_resample(found, p->count, bf_drawn_sets_figures, &sets, &how, err);
  for (int k = 0; k < p->count && status == BF_OK; k++)
    if (p->place[k] >= 0) figures[p->place[k]] = found[k];
  return status;
}
