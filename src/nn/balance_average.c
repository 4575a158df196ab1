/* Dynamic weight average: a task whose loss fell less over the last two epochs counts more (Liu, Johns, Davison 2019,
 * "End-to-end multi-task learning with attention", equation 7). */
#include "nn/balance_rows.h"

typedef struct options {
  double temperature;
} options;

static const bf_option table[] = {{"temperature", BF_OPTION_REAL, offsetof(options, temperature), "2", 0.1, 100, NULL,
                                   "how even the weights are: large is even"},
                                  BF_NO_BALANCE_OPTION};

/* A loss that grows tenfold or more counts as if tenfold. */
static const double most_pace = 10;

/* Mean losses of the last epoch and the one before; 0: not known. */
typedef struct state {
  double last[BF_MAX_HEADS], before[BF_MAX_HEADS];
} state;
_Static_assert(sizeof(state) <= BF_BALANCE_STATE * sizeof(double), "the state fits");

static void weigh(double *weight, const void *o, const double *numbers, int tasks, const double *base) {
  const options *mine = o;
  const state *s = (const state *)numbers;
  double share[BF_MAX_HEADS], sum = 0, highest = -INFINITY;
  for (int t = 0; t < tasks; t++) {
    double pace = s->last[t] > 0 && s->before[t] > 0 ? fmin(s->last[t] / s->before[t], most_pace) : 1;
    share[t] = pace / mine->temperature;
    highest = fmax(highest, share[t]);
  }
  for (int t = 0; t < tasks; t++) sum += share[t] = exp(share[t] - highest);
  for (int t = 0; t < tasks; t++) weight[t] = base[t] * tasks * share[t] / sum;
}

static void epoch(const void *o, double *numbers, int tasks, const double *loss) {
  (void)o;
  state *s = (state *)numbers;
  for (int t = 0; t < tasks; t++) {
    if (!isfinite(loss[t])) continue;
    s->before[t] = s->last[t];
    s->last[t] = loss[t];
  }
}

const bf_balance_type bf_balance_dwa = {.name = "dwa",
                                        .help = "tasks whose loss falls slowly count more (Liu 2019)",
                                        .options = table,
                                        .options_size = sizeof(options),
                                        .state = sizeof(state) / sizeof(double),
                                        .weigh = weigh,
                                        .epoch = epoch};
