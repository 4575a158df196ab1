/* The tasks of a network apart from each other: a backward pass that knows each task's gradient at the shared features,
 * lets a balance mix them, and says how large they are and whether they agree. Costs one pass over those features a
 * task beside bf_exec_backward. */
#ifndef BF_NN_TASKS_H
#define BF_NN_TASKS_H

#include "nn/balance.h"
#include "nn/network.h"

typedef struct bf_tasks bf_tasks;

/* For an executor of the network that trains; both must outlive it, the pool too. Tasks are the network's heads, in
 * their order. */
bf_status bf_tasks_create(bf_tasks **out, bf_network *network, bf_exec *exec, int batch, bf_pool *pool, bf_error *err);
void bf_tasks_destroy(bf_tasks *tasks);

/* After a forward pass of n images, against their truths (of an image there may be several): losses, the gradients of
 * all parameters, the balance's new state. key: of this step's random draws. step: what happened (its weights are those
 * that were used). No allocation. */
void bf_tasks_backward(bf_tasks *tasks, bf_balance *balance, const bf_truth *truth, int truths, int n, uint64_t key,
                       bf_losses *losses, bf_balance_step *step);

/* ---- what happens over an epoch ---- */

/* Begun with zeroes. */
typedef struct bf_watch {
  int64_t steps, present[BF_MAX_HEADS], together[BF_MAX_HEADS][BF_MAX_HEADS];
  double weight[BF_MAX_HEADS], norm[BF_MAX_HEADS], pull[BF_MAX_HEADS], cosine[BF_MAX_HEADS][BF_MAX_HEADS];
  int64_t against[BF_MAX_HEADS][BF_MAX_HEADS];
} bf_watch;

/* Means over the steps; NaN where there was none. */
typedef struct bf_task_figures {
  double weight;  /* of its loss */
  double norm;    /* L2, of its loss's gradient at the shared features, before any weight */
  double share;   /* of its weighted gradient's norm in the sum of all tasks' */
  double present; /* share of the steps that had labels for it */
} bf_task_figures;

void bf_watch_add(bf_watch *watch, const bf_balance_step *step);
bf_task_figures bf_watch_task(const bf_watch *watch, int tasks, int task);
/* Mean cosine between the gradients of two tasks, and the share of the steps in which it was below 0. */
double bf_watch_cosine(const bf_watch *watch, int a, int b);
double bf_watch_conflicts(const bf_watch *watch, int a, int b);
/* The task whose share is at least `share`, or -1; *remedy: the weight with which it would pull as hard as the others'
 * mean does. */
int bf_watch_dominant(const bf_watch *watch, int tasks, double share, double *remedy);

#endif
