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
  pthread_cond_t wake, done, quiet;
  atomic_int sleepers;
  atomic_bool caller_sleeps;
  atomic_long offers; /* how often idle work was offered */
  /* under lock */
  bf_idle_work idle;
  void *idle_argument;
  int idling; /* threads within idle work */
  bool stop;
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
static bool sleep_until_work(bf_pool *pool, long declined) {
  pthread_mutex_lock(&pool->lock);
  atomic_fetch_add(&pool->sleepers, 1);
  while (atomic_load(&pool->unclaimed) == 0 && atomic_load(&pool->offers) == declined && !pool->stop)
    pthread_cond_wait(&pool->wake, &pool->lock);
  atomic_fetch_sub(&pool->sleepers, 1);
  bool stop = pool->stop;
  pthread_mutex_unlock(&pool->lock);
  return !stop;
}

static bool do_idle_work(bf_pool *pool, int thread) {
  pthread_mutex_lock(&pool->lock);
  bf_idle_work idle = pool->idle;
  void *argument = pool->idle_argument;
  pool->idling += idle != NULL;
  pthread_mutex_unlock(&pool->lock);
  if (idle == NULL) return false;
  bool some = idle(argument, thread);
  pthread_mutex_lock(&pool->lock);
  if (--pool->idling == 0) pthread_cond_broadcast(&pool->quiet);
  pthread_mutex_unlock(&pool->lock);
  return some;
}

/* Tasks, then idle work, then sleep. An offer of idle work that had nothing is not looked at again. */
static void serve(bf_pool *pool, int thread) {
  long declined = 0, offer;
  do {
    work(pool, thread);
    while ((offer = atomic_load(&pool->offers)) != declined) {
      if (!do_idle_work(pool, thread)) declined = offer;
      work(pool, thread);
    }
  } while (becomes(&pool->unclaimed, false) || sleep_until_work(pool, declined));
}

static void *worker_main(void *argument) {
  worker_start start = *(worker_start *)argument;
  bf_free(argument);
  /* Begun: free to move from here on. */
  if (CPU_COUNT(&start.processors) > 0) sched_setaffinity(0, sizeof start.processors, &start.processors);
  serve(start.pool, start.thread);
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
  pthread_cond_init(&pool->quiet, NULL);
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
  pthread_cond_destroy(&pool->quiet);
  pthread_cond_destroy(&pool->wake);
  pthread_mutex_destroy(&pool->lock);
  bf_free(pool);
}

static void wake_sleepers(bf_pool *pool) {
  if (atomic_load(&pool->sleepers) == 0) return;
  pthread_mutex_lock(&pool->lock);
  pthread_cond_broadcast(&pool->wake);
  pthread_mutex_unlock(&pool->lock);
}

void bf_pool_idle(bf_pool *pool, bf_idle_work idle, void *argument) {
  if (pool == NULL) return;
  pthread_mutex_lock(&pool->lock);
  pool->idle = idle;
  pool->idle_argument = argument;
  while (idle == NULL && pool->idling > 0) pthread_cond_wait(&pool->quiet, &pool->lock);
  pthread_mutex_unlock(&pool->lock);
  if (idle != NULL) bf_pool_wake(pool);
}

void bf_pool_wake(bf_pool *pool) {
  if (pool == NULL) return;
  atomic_fetch_add(&pool->offers, 1);
  wake_sleepers(pool);
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
  wake_sleepers(pool);
  work(pool, 0);
  if (becomes(&pool->unfinished, true)) return;
  pthread_mutex_lock(&pool->lock);
  atomic_store(&pool->caller_sleeps, true);
  while (atomic_load(&pool->unfinished) != 0) pthread_cond_wait(&pool->done, &pool->lock);
  atomic_store(&pool->caller_sleeps, false);
  pthread_mutex_unlock(&pool->lock);
}
