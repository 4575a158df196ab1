/* The program's only threads. Work is given as a fixed grid of tasks whose size depends on the problem, never on the
 * number of threads; each task writes its own outputs, and sums over tasks are taken afterwards in task order. So
 * every result has the same bits for 1 and for n threads. */
#ifndef BF_BASE_POOL_H
#define BF_BASE_POOL_H

#include "bifocal/status.h"

typedef struct bf_pool bf_pool;

/* task: 0 .. tasks-1. thread: 0 .. bf_pool_threads()-1, for choosing scratch memory only. */
typedef void (*bf_task)(void *argument, int task, int thread);

/* threads 0: the processors that this process may use. At most 64. The calling thread works too. */
bf_status bf_pool_create(bf_pool **out, int threads, bf_error *err);
void bf_pool_destroy(bf_pool *pool);
int bf_pool_threads(const bf_pool *pool); /* 1 for NULL */

/* Runs all tasks and returns when they are done. NULL pool: the caller's thread runs them in order. One caller at a
 * time; a task must not call it. */
void bf_pool_run(bf_pool *pool, bf_task function, void *argument, int tasks);

/* Processors that this process may use (affinity mask). */
int bf_processors(void);

#endif
