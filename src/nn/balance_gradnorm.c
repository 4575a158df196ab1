/* GradNorm: weights that bring the tasks' gradients to one size, larger where a task has learned less so far (Chen,
 * Badrinarayanan, Lee, Rabinovich 2018). The gradients are those at the shared features, which every shared parameter's
 * gradient goes through. */
#include "nn/balance_rows.h"

typedef struct options {
  double alpha, rate;
} options;

static const bf_option table[] = {
    {"alpha", BF_OPTION_REAL, offsetof(options, alpha), "1.5", 0, 10, NULL,
     "how strongly a task that learns slowly is helped; 0: all gradients alike"},
    {"rate", BF_OPTION_REAL, offsetof(options, rate), "0.025", 0, 1, NULL, "learning rate of the weights (Adam)"},
    BF_NO_BALANCE_OPTION};

/* less: what is to be taken from the weight 1. loss: moving mean over the steps in which the task had labels. */
typedef struct state {
  double less[BF_MAX_HEADS], first[BF_MAX_HEADS], second[BF_MAX_HEADS], steps[BF_MAX_HEADS];
  double loss[BF_MAX_HEADS], start[BF_MAX_HEADS], seen[BF_MAX_HEADS];
} state;
_Static_assert(sizeof(state) <= BF_BALANCE_STATE * sizeof(double), "the state fits");

/* Steps whose mean loss is where a task begins: one batch alone says little. */
static const double first_steps = 10;
static const double least = 0.01; /* of a weight */

static void weigh(double *weight, const void *o, const double *numbers, int tasks, const double *base) {
  (void)o;
  const state *s = (const state *)numbers;
  for (int t = 0; t < tasks; t++) weight[t] = base[t] * (1 - s->less[t]);
}

static bool follow_losses(state *s, const bf_balance_step *step) {
  bool ready = true;
  for (int t = 0; t < step->tasks; t++) {
    if (step->present[t]) {
      s->seen[t] += 1;
      double newest = fmax(1 / s->seen[t], 0.1);
      s->loss[t] += newest * (step->loss[t] - s->loss[t]);
      if (s->seen[t] <= first_steps) s->start[t] = s->loss[t];
    }
    ready = ready && s->seen[t] >= first_steps && s->start[t] > 0;
  }
  return ready;
}

/* Their mean stays 1. */
static void renormalise(state *s, int tasks) {
  double sum = 0;
  for (int t = 0; t < tasks; t++) sum += fmax(1 - s->less[t], least);
  for (int t = 0; t < tasks; t++) s->less[t] = 1 - fmax(1 - s->less[t], least) * tasks / sum;
}

static void mix(double *factor, const void *o, double *numbers, const bf_balance_step *step) {
  (void)factor;
  const options *mine = o;
  state *s = (state *)numbers;
  int count = bf_present_tasks(step);
  if (!follow_losses(s, step) || count < 2) return;
  double size[BF_MAX_HEADS], progress[BF_MAX_HEADS], mean_size = 0, mean_progress = 0;
  for (int t = 0; t < step->tasks; t++) {
    size[t] = sqrt(fmax(step->product[t][t], 0));
    progress[t] = s->loss[t] / s->start[t];
    if (step->present[t]) mean_size += size[t] / count, mean_progress += progress[t] / count;
  }
  if (!(mean_size > 0) || !(mean_progress > 0)) return;
  for (int t = 0; t < step->tasks; t++) {
    if (!step->present[t]) continue;
    double aim = mean_size * pow(progress[t] / mean_progress, mine->alpha), weight = 1 - s->less[t];
    /* The slope of |size - aim| with the aim held; in units of the mean size, so that Adam's epsilon is small. */
    double slope = (size[t] > aim) - (size[t] < aim);
    double gradient = slope * size[t] / weight / mean_size;
    s->less[t] += bf_adam_move(&s->first[t], &s->second[t], &s->steps[t], gradient, mine->rate);
  }
  renormalise(s, step->tasks);
}

const bf_balance_type bf_balance_gradnorm = {.name = "gradnorm",
                                             .help = "gradients of one size at the shared features (Chen 2018)",
                                             .options = table,
                                             .options_size = sizeof(options),
                                             .state = sizeof(state) / sizeof(double),
                                             .weigh = weigh,
                                             .mix = mix};
