/* Draws of clusters, rounds over the pool's threads, and the percentiles of what they gave. */
#include "metrics/bootstrap.h"

#include <math.h>
#include <stdbool.h>
#include <string.h>

#include "base/memory.h"
#include "base/rng.h"
#include "metrics/order.h"
#include "metrics/student.h"

void bf_metrics_draw(uint16_t *times, int64_t clusters, uint64_t seed, int round) {
  bf_rng rng = bf_rng_make(seed, UINT64_C(0x626f6f74), (uint64_t)round);
  uint64_t bound = (uint64_t)clusters;
  if (bound == 0) return;
  /* High half of a product of 32 bits, without the few that would favour some (Lemire 2019). */
  const uint32_t uneven = (uint32_t)(((UINT64_C(1) << 32) - bound) % bound);
  for (int64_t k = 0; k < clusters; k++) {
    uint64_t product;
    do product = (bf_rng_next(&rng) >> 32) * bound;
    while ((uint32_t)product < uneven);
    times[(product >> 32) * BF_DRAWS]++;
  }
}

/* ---- rounds ---- */

typedef struct job {
  bf_drawn_figures figures;
  const void *a, *b; /* b NULL: figures of a alone, else differences */
  const bf_resampling *how;
  int count;
  uint16_t *times; /* [threads][clusters][BF_DRAWS] */
  double *figure;  /* [threads][2][count][BF_DRAWS] */
  double *found;   /* [count][rounds] */
} job;

/* Of BF_DRAWS rounds; the last may be fewer, and then draws of nobody fill up. */
static void task(void *argument, int number, int thread) {
  const job *j = argument;
  const size_t room = (size_t)j->how->clusters * BF_DRAWS, figures = (size_t)j->count * BF_DRAWS;
  uint16_t *times = j->times + (size_t)thread * room;
  double *a = j->figure + (size_t)thread * 2 * figures, *b = a + figures;
  const int first = number * BF_DRAWS, rest = j->how->rounds - first, rounds = rest < BF_DRAWS ? rest : BF_DRAWS;
  memset(times, 0, room * sizeof *times);
  for (int d = 0; d < rounds; d++) bf_metrics_draw(times + d, j->how->clusters, j->how->seed, first + d);
  j->figures(a, j->a, times);
  if (j->b != NULL) j->figures(b, j->b, times);
  for (int k = 0; k < j->count; k++)
    for (int d = 0; d < rounds; d++) {
      const int at = k * BF_DRAWS + d;
      j->found[(int64_t)k * j->how->rounds + first + d] = j->b != NULL ? a[at] - b[at] : a[at];
    }
}

static void job_clear(job *j) {
  bf_free(j->times);
  bf_free(j->figure);
  bf_free(j->found);
}

/* Leaves the figures of every cluster once in figure[k * BF_DRAWS] and, for b, behind all of these. */
static bf_status job_run(job *j, bf_error *err) {
  const bf_resampling *how = j->how;
  size_t threads = (size_t)bf_pool_threads(how->pool), clusters = (size_t)how->clusters, count = (size_t)j->count;
  if (how->clusters < 0 || how->clusters >= INT64_C(1) << 30)
    return bf_fail(err, BF_E_LIMIT, "%lld clusters to resample; at most 2^30 can be", (long long)how->clusters);
  j->times = bf_alloc(threads * clusters, BF_DRAWS * sizeof *j->times);
  j->figure = bf_alloc(threads * 2 * count, BF_DRAWS * sizeof *j->figure);
  j->found = bf_alloc((size_t)how->rounds * count, sizeof *j->found);
  if (j->times == NULL || j->figure == NULL || j->found == NULL)
    return bf_fail(err, BF_E_MEMORY, "no memory to resample %lld clusters", (long long)how->clusters);
  bf_pool_run(how->pool, task, j, (how->rounds + BF_DRAWS - 1) / BF_DRAWS);
  for (size_t i = 0; i < clusters * BF_DRAWS; i++) j->times[i] = 1;
  j->figures(j->figure, j->a, j->times);
  if (j->b != NULL) j->figures(j->figure + count * BF_DRAWS, j->b, j->times);
  return BF_OK;
}

/* ---- percentiles ---- */

/* Moves what is defined to the front; how many are. */
static int defined_of(double *numbers, int rounds) {
  int defined = 0;
  for (int r = 0; r < rounds; r++)
    if (!isnan(numbers[r])) numbers[defined++] = numbers[r];
  return defined;
}

static bool enough(int defined, const bf_resampling *how) {
  return how->clusters >= BF_CLUSTERS_LEAST && defined > 0 && 2 * (int64_t)defined >= how->rounds;
}

/* tail: the share to leave out at each end. */
static bf_interval middle(double *numbers, int defined, double tail, const bf_resampling *how) {
  if (!enough(defined, how)) return (bf_interval){NAN, NAN};
  return (bf_interval){bf_percentile(numbers, defined, tail), bf_percentile(numbers, defined, 1 - tail)};
}

/* Rounds that differ by what sums in another order make do not differ. */
static bool alike(bf_interval i) { return i.low == i.high || i.high - i.low <= 1e-12 * fmax(1, fabs(i.low)); }

static double two_sided(const double *numbers, int defined, const bf_resampling *how) {
  int below = 0, above = 0;
  if (!enough(defined, how)) return NAN;
  for (int r = 0; r < defined; r++) below += numbers[r] <= 0, above += numbers[r] >= 0;
  int fewer = below < above ? below : above;
  return bf_expanded_p_value((fewer + 1.0) / (defined + 1.0), how->clusters);
}

static double tail_of(const bf_resampling *how) {
  return how->clusters >= BF_CLUSTERS_LEAST ? bf_expanded_tail(how->clusters) : NAN;
}

bf_status bf_metrics_resample(bf_resampled *out, int count, bf_drawn_figures figures, const void *data,
                              const bf_resampling *how, bf_error *err) {
  job j = {figures, data, NULL, how, count, NULL, NULL, NULL};
  bf_status status = job_run(&j, err);
  const double tail = tail_of(how);
  for (int k = 0; k < count && status == BF_OK; k++) {
    double *found = j.found + (int64_t)k * how->rounds;
    int defined = defined_of(found, how->rounds);
    bf_interval interval = middle(found, defined, tail, how);
    if (alike(interval)) interval = (bf_interval){NAN, NAN};
    out[k] = (bf_resampled){j.figure[k * BF_DRAWS], interval, defined};
  }
  job_clear(&j);
  return status;
}

bf_resampled bf_metrics_resampled_share(bf_resampled r, int64_t clusters) {
  if (r.value == 0 || r.value == 1) r.interval = bf_metrics_share(r.value == 0 ? 0 : clusters, clusters).interval;
  return r;
}

bf_status bf_metrics_resample_pair(bf_resampled_pair *out, int count, bf_drawn_figures figures, const void *a,
                                   const void *b, const bf_resampling *how, bf_error *err) {
  job j = {figures, a, b, how, count, NULL, NULL, NULL};
  bf_status status = job_run(&j, err);
  const double tail = tail_of(how);
  for (int k = 0; k < count && status == BF_OK; k++) {
    double *found = j.found + (int64_t)k * how->rounds, x = j.figure[k * BF_DRAWS],
           y = j.figure[(count + k) * BF_DRAWS];
    int defined = defined_of(found, how->rounds);
    bf_interval interval = middle(found, defined, tail, how);
    if (alike(interval)) interval = fabs(interval.low) <= 1e-12 ? (bf_interval){0, 0} : (bf_interval){NAN, NAN};
    out[k] = (bf_resampled_pair){x, y, x - y, interval, two_sided(found, defined, how), defined};
  }
  job_clear(&j);
  return status;
}
