/* Weights learned with the network: each task has a log variance s, its loss L counts e^-s, and s is trained on
 * e^-s L + s (Kendall, Gal, Cipolla 2018, with one form for all kinds of losses). Where it rests, e^-s L = 1: each task
 * ends up counting the same, whatever the size of its loss. */
#include "nn/balance_rows.h"

typedef struct options {
  double rate;
} options;

static const bf_option table[] = {
    {"rate", BF_OPTION_REAL, offsetof(options, rate), "0.01", 0, 1, NULL, "learning rate of the log variances (Adam)"},
    BF_NO_BALANCE_OPTION};

typedef struct state {
  double log_variance[BF_MAX_HEADS], first[BF_MAX_HEADS], second[BF_MAX_HEADS], steps[BF_MAX_HEADS];
} state;
_Static_assert(sizeof(state) <= BF_BALANCE_STATE * sizeof(double), "the state fits");

/* A loss that goes to 0 would let its weight go to infinity. */
static const double most = 4;

static void weigh(double *weight, const void *o, const double *numbers, int tasks, const double *base) {
  (void)o;
  const state *s = (const state *)numbers;
  for (int t = 0; t < tasks; t++) weight[t] = base[t] * exp(-s->log_variance[t]);
}

static void mix(double *factor, const void *o, double *numbers, const bf_balance_step *step) {
  (void)factor;
  const options *mine = o;
  state *s = (state *)numbers;
  for (int t = 0; t < step->tasks; t++) {
    if (!step->present[t]) continue;
    double gradient = 1 - step->weight[t] * step->loss[t];
    double moved = s->log_variance[t] - bf_adam_move(&s->first[t], &s->second[t], &s->steps[t], gradient, mine->rate);
    s->log_variance[t] = fmin(fmax(moved, -most), most);
  }
}

const bf_balance_type bf_balance_uncertainty = {.name = "uncertainty",
                                                .help = "weights learned as variances of the tasks (Kendall 2018)",
                                                .options = table,
                                                .options_size = sizeof(options),
                                                .state = sizeof(state) / sizeof(double),
                                                .weigh = weigh,
                                                .mix = mix};
