/* Balances: the table (balances.def) and the row. A balance decides how much each task counts: in its own head through
 * the weight of its loss, and in what all tasks share through a factor of its gradient there. All are measured on top
 * of the weights that the configuration gives the heads (`heads.<name>.weight`). Pure arithmetic on a few numbers: the
 * long vectors are tasks.h's. */
#ifndef BF_NN_BALANCE_H
#define BF_NN_BALANCE_H

#include <stdint.h>

#include "base/options.h"

#define BF_MAX_HEADS 8
#define BF_BALANCE_STATE 64 /* numbers */

/* What one step brought, for `tasks` tasks. */
typedef struct bf_balance_step {
  int tasks;
  uint64_t key;               /* of this step's random draws */
  double base[BF_MAX_HEADS];  /* the configured weights, above 0 */
  bool present[BF_MAX_HEADS]; /* the batch has labels for it */
  double loss[BF_MAX_HEADS];  /* before any weight; 0 where not present */
  double weight[BF_MAX_HEADS];
  /* Inner products of the weighted losses' gradients at the shared features; all 0 where nothing shared is trained. */
  double product[BF_MAX_HEADS][BF_MAX_HEADS];
} bf_balance_step;

typedef struct bf_balance_type {
  const char *name; /* value of balance.method; options: balance.<name>.<option> */
  const char *help;
  const bf_option *options; /* may be empty, never NULL */
  size_t options_size;
  int state; /* numbers of state, at most BF_BALANCE_STATE, 0 at the start of a training */
  /* Weights of this step's losses, from the state alone. */
  void (*weigh)(double *weight, const void *options, const double *state, int tasks, const double *base);
  /* Optional. factor[t], 1 at entry: of each weighted task's gradient where all meet. May change the state. */
  void (*mix)(double *factor, const void *options, double *state, const bf_balance_step *step);
  /* Optional. After an epoch: the mean loss of each task, NaN where it had no label. */
  void (*epoch)(const void *options, double *state, int tasks, const double *loss);
} bf_balance_type;

int bf_balance_type_count(void);
const bf_balance_type *bf_balance_type_at(int index);
/* NULL and an error with the nearest name when unknown. */
const bf_balance_type *bf_balance_type_find(const char *name, bf_error *err);

/* One balance at work. state is all that a resumed training needs. */
typedef struct bf_balance {
  const bf_balance_type *type;
  void *options; /* owned */
  double state[BF_BALANCE_STATE];
} bf_balance;

#endif
