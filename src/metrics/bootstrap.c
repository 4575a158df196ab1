/* Draws of clusters, rounds over the pool's threads, and the percentiles of what they gave. */
#include "metrics/bootstrap.h"

#include <math.h>
#include <string.h>

#include "base/memory.h"
#include "base/rng.h"
#include "metrics/order.h"

void bf_metrics_draw(uint32_t *times, int64_t clusters, uint64_t seed, int round) {
  bf_rng rng = bf_rng_make(seed, UINT64_C(0x626f6f74), (uint64_t)round);
  uint64_t bound = (uint64_t)clusters;
  memset(times, 0, (size_t)clusters * sizeof *times);
  if (bound == 0) return;
  /* High half of a product of 32 bits, without the few that would favour some (Lemire 2019). */
  const uint32_t uneven = (uint32_t)(((UINT64_C(1) << 32) - bound) % bound);
  for (int64_t k = 0; k < clusters; k++) {
    uint64_t product;
    do product = (bf_rng_next(&rng) >> 32) * bound;
    while ((uint32_t)product < uneven);
    times[product >> 32]++;
  }
}

/* ---- rounds ---- */

enum { rounds_a_task = 8 };

typedef struct job {
  bf_drawn_figures figures;
  const void *a, *b; /* b NULL: figures of a alone, else differences */
  const bf_resampling *how;
  int count;
  uint32_t *times; /* [threads][clusters] */
  double *figure;  /* [threads][2][count] */
  double *found;   /* [count][rounds] */
} job;

static void one_round(const job *j, int round, uint32_t *times, double *figure) {
  double *other = figure + j->count;
  bf_metrics_draw(times, j->how->clusters, j->how->seed, round);
  j->figures(figure, j->a, times);
  if (j->b != NULL) j->figures(other, j->b, times);
  for (int k = 0; k < j->count; k++)
    j->found[(int64_t)k * j->how->rounds + round] = j->b != NULL ? figure[k] - other[k] : figure[k];
}

static void task(void *argument, int number, int thread) {
  const job *j = argument;
  uint32_t *times = j->times + (int64_t)thread * j->how->clusters;
  double *figure = j->figure + (int64_t)thread * 2 * j->count;
  for (int r = number * rounds_a_task; r < (number + 1) * rounds_a_task && r < j->how->rounds; r++)
    one_round(j, r, times, figure);
}

static void job_clear(job *j) {
  bf_free(j->times);
  bf_free(j->figure);
  bf_free(j->found);
}

/* Leaves the figures of every cluster once in figure[0 .. count-1] and, for b, behind them. */
static bf_status job_run(job *j, bf_error *err) {
  const bf_resampling *how = j->how;
  size_t threads = (size_t)bf_pool_threads(how->pool), clusters = (size_t)how->clusters, count = (size_t)j->count;
  if (how->clusters < 0 || how->clusters >= INT64_C(1) << 30)
    return bf_fail(err, BF_E_LIMIT, "%lld clusters to resample; at most 2^30 can be", (long long)how->clusters);
  j->times = bf_alloc(threads * clusters, sizeof *j->times);
  j->figure = bf_alloc(threads * 2 * count, sizeof *j->figure);
  j->found = bf_alloc((size_t)how->rounds * count, sizeof *j->found);
  if (j->times == NULL || j->figure == NULL || j->found == NULL)
    return bf_fail(err, BF_E_MEMORY, "no memory to resample %lld clusters", (long long)how->clusters);
  bf_pool_run(how->pool, task, j, (how->rounds + rounds_a_task - 1) / rounds_a_task);
  for (size_t c = 0; c < clusters; c++) j->times[c] = 1;
  j->figures(j->figure, j->a, j->times);
  if (j->b != NULL) j->figures(j->figure + j->count, j->b, j->times);
  return BF_OK;
}

/* ---- percentiles ---- */

/* Moves what is defined to the front and sorts it; how many are. */
static int defined_of(double *numbers, const bf_resampling *how) {
  int defined = 0;
  for (int r = 0; r < how->rounds && how->clusters > 1; r++)
    if (!isnan(numbers[r])) numbers[defined++] = numbers[r];
  bf_sort_numbers(numbers, defined);
  return defined;
}

static bool enough(int defined, const bf_resampling *how) { return defined > 0 && 2 * (int64_t)defined >= how->rounds; }

static bf_interval middle(const double *sorted, int defined, const bf_resampling *how) {
  if (!enough(defined, how)) return (bf_interval){NAN, NAN};
  return (bf_interval){bf_percentile(sorted, defined, 0.025), bf_percentile(sorted, defined, 0.975)};
}

static double two_sided(const double *sorted, int defined, const bf_resampling *how) {
  int below = 0, above = 0;
  if (!enough(defined, how)) return NAN;
  for (int r = 0; r < defined; r++) below += sorted[r] <= 0, above += sorted[r] >= 0;
  int fewer = below < above ? below : above;
  return fmin(1, 2 * (fewer + 1.0) / (defined + 1.0));
}

bf_status bf_metrics_resample(bf_resampled *out, int count, bf_drawn_figures figures, const void *data,
                              const bf_resampling *how, bf_error *err) {
  job j = {figures, data, NULL, how, count, NULL, NULL, NULL};
  bf_status status = job_run(&j, err);
  for (int k = 0; k < count && status == BF_OK; k++) {
    double *found = j.found + (int64_t)k * how->rounds;
    int defined = defined_of(found, how);
    bf_interval interval = middle(found, defined, how);
    if (interval.low == interval.high) interval = (bf_interval){NAN, NAN};
    out[k] = (bf_resampled){j.figure[k], interval, defined};
  }
  job_clear(&j);
  return status;
}

bf_resampled bf_metrics_resampled_share(bf_resampled r, int64_t n) {
  if (r.value == 0 || r.value == 1) r.interval = bf_metrics_share(r.value == 0 ? 0 : n, n).interval;
  return r;
}

bf_status bf_metrics_resample_pair(bf_resampled_pair *out, int count, bf_drawn_figures figures, const void *a,
                                   const void *b, const bf_resampling *how, bf_error *err) {
  job j = {figures, a, b, how, count, NULL, NULL, NULL};
  bf_status status = job_run(&j, err);
  for (int k = 0; k < count && status == BF_OK; k++) {
    double *found = j.found + (int64_t)k * how->rounds, x = j.figure[k], y = j.figure[count + k];
    int defined = defined_of(found, how);
    out[k] = (bf_resampled_pair){x, y, x - y, middle(found, defined, how), two_sided(found, defined, how), defined};
    /* Rounds that are all alike tell nothing, but of answers that are. */
    bf_interval *i = &out[k].interval;
    if (i->low == i->high && i->low != 0) *i = (bf_interval){NAN, NAN}, out[k].p_value = NAN;
  }
  job_clear(&j);
  return status;
}
