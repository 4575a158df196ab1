/* A pool of threads that take the tasks of one job at a time from a counter. */
#include "base/pool.h"

#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdbool.h>

#include "base/memory.h"

enum { max_threads = 64, spins = 2000 };

struct bf_pool {
  int threads;
  pthread_t workers[max_threads];
  int started; /* workers that run */
  pthread_mutex_t lock;
  pthread_cond_t wake, done;
  atomic_uint generation; /* of the job; a change wakes the workers */
  bool stop;
  bf_task function;
  void *argument;
  int tasks;
  atomic_int next;
  int busy; /* workers that have not yet finished this job; under lock */
  atomic_int left;
};

typedef struct worker_start {
  bf_pool *pool;
  int thread;
  cpu_set_t processors; /* of the process */
} worker_start;

int bf_processors(void) {
  cpu_set_t set;
  if (sched_getaffinity(0, sizeof set, &set) != 0) return 1;
  int count = CPU_COUNT(&set);
  return count > 0 ? count : 1;
}

/* The processor on which worker `thread` begins: after the caller's own, one each. A new thread is otherwise often put
 * beside its creator, and the two share one processor until the kernel's balancer looks, many milliseconds later. */
static void begin_apart(pthread_attr_t *attributes, const cpu_set_t *all, int thread) {
  int count = CPU_COUNT(all), here = sched_getcpu(), first = 0, wanted;
  if (count < 2 || here < 0) return;
  for (int i = 0; i < here; i++) first += CPU_ISSET(i, all) != 0;
  wanted = (first + thread) % count;
  for (int i = 0; i < CPU_SETSIZE; i++) {
    if (!CPU_ISSET(i, all) || wanted-- > 0) continue;
    cpu_set_t one;
    CPU_ZERO(&one);
    CPU_SET(i, &one);
    pthread_attr_setaffinity_np(attributes, sizeof one, &one);
    return;
  }
}

static void work(bf_pool *pool, int thread) {
  for (;;) {
    int task = atomic_fetch_add_explicit(&pool->next, 1, memory_order_relaxed);
    if (task >= pool->tasks) return;
    pool->function(pool->argument, task, thread);
  }
}

static void *worker_main(void *argument) {
  worker_start start = *(worker_start *)argument;
  bf_free(argument);
  /* Begun: free to move from here on. */
  if (CPU_COUNT(&start.processors) > 0) sched_setaffinity(0, sizeof start.processors, &start.processors);
  bf_pool *pool = start.pool;
  unsigned seen = 0;
  for (;;) {
    /* Jobs of a training step follow each other closely: look a while before sleeping. */
    for (int i = 0; i < spins && atomic_load_explicit(&pool->generation, memory_order_acquire) == seen; i++)
      __builtin_ia32_pause();
    pthread_mutex_lock(&pool->lock);
    while (atomic_load(&pool->generation) == seen && !pool->stop) pthread_cond_wait(&pool->wake, &pool->lock);
    bool stop = pool->stop;
    seen = atomic_load(&pool->generation);
    pthread_mutex_unlock(&pool->lock);
    if (stop) return NULL;
    work(pool, start.thread);
    pthread_mutex_lock(&pool->lock);
    if (--pool->busy == 0) pthread_cond_signal(&pool->done);
    atomic_store_explicit(&pool->left, pool->busy, memory_order_release);
    pthread_mutex_unlock(&pool->lock);
  }
}

static int start_worker(bf_pool *pool, worker_start *start) {
  pthread_attr_t attributes;
  if (pthread_attr_init(&attributes) != 0) return -1;
  CPU_ZERO(&start->processors);
  if (sched_getaffinity(0, sizeof start->processors, &start->processors) == 0)
    begin_apart(&attributes, &start->processors, start->thread);
  int failed = pthread_create(&pool->workers[pool->started], &attributes, worker_main, start);
  pthread_attr_destroy(&attributes);
  return failed;
}

bf_status bf_pool_create(bf_pool **out, int threads, bf_error *err) {
  *out = NULL;
  if (threads <= 0) threads = bf_processors();
  if (threads > max_threads) threads = max_threads;
  bf_pool *pool = bf_alloc(1, sizeof *pool);
  if (pool == NULL) return bf_fail(err, BF_E_MEMORY, "no memory for the thread pool");
  pool->threads = threads;
  pthread_mutex_init(&pool->lock, NULL);
  pthread_cond_init(&pool->wake, NULL);
  pthread_cond_init(&pool->done, NULL);
  for (int i = 1; i < threads; i++) {
    worker_start *start = bf_alloc(1, sizeof *start);
    if (start != NULL) *start = (worker_start){.pool = pool, .thread = i};
    if (start == NULL || start_worker(pool, start) != 0) {
      bf_free(start);
      bf_pool_destroy(pool);
      return bf_fail(err, BF_E_MEMORY, "cannot start thread %d of %d; try a smaller --threads", i + 1, threads);
    }
    pool->started++;
  }
  *out = pool;
  return BF_OK;
}

void bf_pool_destroy(bf_pool *pool) {
  if (pool == NULL) return;
  pthread_mutex_lock(&pool->lock);
  pool->stop = true;
  pthread_cond_broadcast(&pool->wake);
  pthread_mutex_unlock(&pool->lock);
  for (int i = 0; i < pool->started; i++) pthread_join(pool->workers[i], NULL);
  pthread_cond_destroy(&pool->done);
  pthread_cond_destroy(&pool->wake);
  pthread_mutex_destroy(&pool->lock);
  bf_free(pool);
}

int bf_pool_threads(const bf_pool *pool) { return pool == NULL ? 1 : pool->threads; }

void bf_pool_run(bf_pool *pool, bf_task function, void *argument, int tasks) {
  if (pool == NULL || pool->started == 0 || tasks <= 1) {
    for (int i = 0; i < tasks; i++) function(argument, i, 0);
    return;
  }
  pthread_mutex_lock(&pool->lock);
  pool->function = function;
  pool->argument = argument;
  pool->tasks = tasks;
  atomic_store(&pool->next, 0);
  pool->busy = pool->started;
  atomic_store(&pool->left, pool->started);
  atomic_fetch_add(&pool->generation, 1);
  pthread_cond_broadcast(&pool->wake);
  pthread_mutex_unlock(&pool->lock);
  work(pool, 0);
  for (int i = 0; i < spins && atomic_load_explicit(&pool->left, memory_order_acquire) != 0; i++)
    __builtin_ia32_pause();
  pthread_mutex_lock(&pool->lock);
  while (pool->busy != 0) pthread_cond_wait(&pool->done, &pool->lock);
  pthread_mutex_unlock(&pool->lock);
}
