/* A pool of threads that take the tasks of one job at a time from a counter. */
#include "base/pool.h"

#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdbool.h>

#include "base/memory.h"

enum { max_threads = 64, spins = 4000 };

/* A job is alive while tasks of it are unfinished, and only who holds one of them reads it: a thread that comes late
 * finds no task and need not be waited for. */
struct bf_pool {
  int threads;
  pthread_t workers[max_threads];
  int started; /* workers that run */
  bf_task function;
  void *argument;
  int tasks;
  atomic_int unclaimed, unfinished; /* tasks of the job */
  pthread_mutex_t lock;             /* of sleep alone */
  pthread_cond_t wake, done;
  atomic_int sleepers;
  atomic_bool caller_sleeps;
  bool stop; /* under lock */
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

static void finish_task(bf_pool *pool) {
  if (atomic_fetch_sub(&pool->unfinished, 1) != 1 || !atomic_load(&pool->caller_sleeps)) return;
  pthread_mutex_lock(&pool->lock);
  pthread_cond_signal(&pool->done);
  pthread_mutex_unlock(&pool->lock);
}

static void work(bf_pool *pool, int thread) {
  int left = atomic_load(&pool->unclaimed);
  while (left > 0) {
    if (!atomic_compare_exchange_weak(&pool->unclaimed, &left, left - 1)) continue;
    pool->function(pool->argument, pool->tasks - left, thread);
    finish_task(pool);
    left = atomic_load(&pool->unclaimed);
  }
}

/* Jobs follow each other closely: it pays to look a while before sleeping. */
static bool becomes(atomic_int *count, bool zero) {
  for (int i = 0; i < spins; i++) {
    if ((atomic_load_explicit(count, memory_order_acquire) == 0) == zero) return true;
    __builtin_ia32_pause();
  }
  return false;
}

/* Who goes to sleep says so first and looks once more; who brings work sets it out first and then looks for sleepers:
 * one of the two sees the other. */
static bool sleep_until_work(bf_pool *pool) {
  pthread_mutex_lock(&pool->lock);
  atomic_fetch_add(&pool->sleepers, 1);
  while (atomic_load(&pool->unclaimed) == 0 && !pool->stop) pthread_cond_wait(&pool->wake, &pool->lock);
  atomic_fetch_sub(&pool->sleepers, 1);
  bool stop = pool->stop;
  pthread_mutex_unlock(&pool->lock);
  return !stop;
}

static void *worker_main(void *argument) {
  worker_start start = *(worker_start *)argument;
  bf_free(argument);
  /* Begun: free to move from here on. */
  if (CPU_COUNT(&start.processors) > 0) sched_setaffinity(0, sizeof start.processors, &start.processors);
  bf_pool *pool = start.pool;
  while (becomes(&pool->unclaimed, false) || sleep_until_work(pool)) work(pool, start.thread);
  return NULL;
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
  pool->function = function;
  pool->argument = argument;
  pool->tasks = tasks;
  atomic_store(&pool->unfinished, tasks);
  atomic_store(&pool->unclaimed, tasks);
  if (atomic_load(&pool->sleepers) > 0) {
    pthread_mutex_lock(&pool->lock);
    pthread_cond_broadcast(&pool->wake);
    pthread_mutex_unlock(&pool->lock);
  }
  work(pool, 0);
  if (becomes(&pool->unfinished, true)) return;
  pthread_mutex_lock(&pool->lock);
  atomic_store(&pool->caller_sleeps, true);
  while (atomic_load(&pool->unfinished) != 0) pthread_cond_wait(&pool->done, &pool->lock);
  atomic_store(&pool->caller_sleeps, false);
  pthread_mutex_unlock(&pool->lock);
}
