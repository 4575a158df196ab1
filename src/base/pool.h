/* The program's only threads. Work is given as a fixed grid of tasks whose size depends on the problem, never on the
 * number of threads; each task writes its own outputs, and sums over tasks are taken afterwards in task order. So
 * every result has the same bits for 1 and for n threads. */
#ifndef BF_BASE_POOL_H
#define BF_BASE_POOL_H

#include <stdbool.h>

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

/* Work of lower rank, which the pool's threads do while there is no task for them: a piece of it, or false when there
 * is none at the moment. Called by several threads at once, with the same numbers as tasks get; never by the calling
 * thread, which may do such pieces by itself as thread 0. It must not call bf_pool_run. */
typedef bool (*bf_idle_work)(void *argument, int thread);
/* From the calling thread. NULL takes it away, and returns when no thread is in it any more. */
void bf_pool_idle(bf_pool *pool, bf_idle_work work, void *argument);
/* There may be pieces again. From any thread. */
void bf_pool_wake(bf_pool *pool);

/* Processors that this process may use (affinity mask). */
int bf_processors(void);

#endif
