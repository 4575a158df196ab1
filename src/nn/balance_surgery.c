/* PCGrad: of two tasks whose gradients point against each other, each loses the part that works against the other (Yu
 * et al. 2020, "Gradient surgery for multi-task learning", algorithm 1), at the shared features. What results is a sum
 * of the tasks' gradients with other factors, which their inner products alone decide. */
#include "base/rng.h"
#include "nn/balance_rows.h"

static const bf_option table[] = {BF_NO_BALANCE_OPTION};

/* One task's gradient as factors of all, after it met the others in random order. */
static void project(double *own, int task, const bf_balance_step *step, bf_rng *rng) {
  int64_t order[BF_MAX_HEADS];
  for (int t = 0; t < step->tasks; t++) order[t] = t, own[t] = t == task;
  bf_rng_shuffle(rng, order, step->tasks);
  for (int k = 0; k < step->tasks; k++) {
    int64_t other = order[k];
    double along = 0, square = step->product[other][other];
    if (other == task || !(square > 0)) continue;
    for (int t = 0; t < step->tasks; t++) along += own[t] * step->product[t][other];
    if (along < 0) own[other] -= along / square;
  }
}

static void mix(double *factor, const void *options, double *state, const bf_balance_step *step) {
  (void)options, (void)state;
  bf_rng rng = bf_rng_make(step->key, UINT64_C(0x70636772), 0);
  for (int t = 0; t < step->tasks; t++) factor[t] = 0;
  for (int task = 0; task < step->tasks; task++) {
    double own[BF_MAX_HEADS];
    project(own, task, step, &rng);
    for (int t = 0; t < step->tasks; t++) factor[t] += own[t];
  }
}

const bf_balance_type bf_balance_pcgrad = {.name = "pcgrad",
                                           .help = "conflicting parts of the gradients are taken out (Yu 2020)",
                                           .options = table,
                                           .weigh = bf_weigh_base,
                                           .mix = mix};
