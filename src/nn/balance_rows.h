/* What several balances share. Private to the balance_<name>.c files. */
#ifndef BF_NN_BALANCE_ROWS_H
#define BF_NN_BALANCE_ROWS_H

#include <math.h>

#include "nn/balance.h"

#define BF_NO_BALANCE_OPTION \
  { NULL, BF_OPTION_INT, 0, NULL, 0, 0, NULL, NULL }

/* Adam (Kingma, Ba 2015) for one number: how far to go against this gradient. first, second and steps are its state. */
static inline double bf_adam_move(double *first, double *second, double *steps, double gradient, double rate) {
  *steps += 1;
  *first = 0.9 * *first + 0.1 * gradient;
  *second = 0.999 * *second + 0.001 * gradient * gradient;
  double m = *first / (1 - pow(0.9, *steps)), v = *second / (1 - pow(0.999, *steps));
  return rate * m / (sqrt(v) + 1e-8);
}

/* The configured weights as they are. */
static inline void bf_weigh_base(double *weight, const void *options, const double *state, int tasks,
                                 const double *base) {
  (void)options, (void)state;
  for (int t = 0; t < tasks; t++) weight[t] = base[t];
}

static inline int bf_present_tasks(const bf_balance_step *step) {
  int count = 0;
  for (int t = 0; t < step->tasks; t++) count += step->present[t];
  return count;
}

#endif
