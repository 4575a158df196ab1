/* Average precision of found boxes under several tests at once, of drawn clusters. */
#include <math.h>
#include <string.h>

#include "base/memory.h"
#include "metrics/drawn.h"
#include "metrics/weigh.h"

enum { recalls = 101 };

void bf_precise_clear(bf_precise *d) {
  bf_free(d->items);
  bf_free(d->hits);
  bf_free(d->lesions);
  *d = (bf_precise){0};
}

/* bits[i] gains bit t where verdict i is a hit. */
static void mark(uint32_t *bits, const bf_verdict *verdicts, int64_t count, int t) {
  for (int64_t i = 0; i < count; i++) bits[i] |= (uint32_t)verdicts[i].hit << t;
}

/* Precision is largest, and recall too, where a run of equal scores ends; behind the last hit nothing counts. */
static void take_boxes(bf_precise *d, const uint32_t *bits, const bf_verdict *verdicts, int64_t count,
                       const int32_t *cluster) {
  int64_t hits = 0, last = -1;
  for (int64_t i = 0; i < count; i++) {
    bool ends = i + 1 == count || verdicts[i + 1].score != verdicts[i].score;
    d->items[i] = bf_item(bf_cluster_of(cluster, verdicts[i].image), bits[i] != 0, ends);
    if (bits[i] != 0) d->hits[hits++] = bits[i], last = i;
  }
  while (last >= 0 && !bf_item_ends(d->items[last])) last++;
  d->count = last + 1;
}

bf_status bf_precise_make(bf_precise *out, const bf_pairing *pairing, const bf_hit_test *tests, int test_count,
                          uint32_t averaged, const int32_t *cluster, int64_t clusters, bf_error *err) {
  int64_t images, count = bf_pairing_boxes(pairing);
  const int32_t *lesions = bf_pairing_lesions(pairing, &images);
  *out = (bf_precise){.clusters = clusters, .averaged = averaged, .tests = test_count, .figures = test_count + 1};
  if (test_count > BF_PRECISE_MOST_TESTS)
    return bf_fail(err, BF_E_LIMIT, "%d tests of hits; at most %d can be looked at", test_count, BF_PRECISE_MOST_TESTS);
  bf_verdict *verdicts = bf_alloc((size_t)count, sizeof *verdicts);
  uint32_t *bits = bf_alloc((size_t)count, sizeof *bits);
  out->items = bf_alloc((size_t)count, sizeof *out->items);
  out->hits = bf_alloc((size_t)count, sizeof *out->hits);
  out->lesions = bf_alloc((size_t)clusters, sizeof *out->lesions);
  bf_status status = verdicts && bits && out->items && out->hits && out->lesions
                         ? BF_OK
                         : bf_fail(err, BF_E_MEMORY, "no memory for the verdicts on %lld boxes", (long long)count);
  for (int t = 0; t < test_count && status == BF_OK; t++) {
    status = bf_metrics_judge(verdicts, pairing, tests[t], err);
    if (status == BF_OK) mark(bits, verdicts, count, t);
  }
  if (status == BF_OK && test_count > 0) take_boxes(out, bits, verdicts, count, cluster);
  for (int64_t i = 0; i < images && status == BF_OK; i++)
    out->lesions[bf_cluster_of(cluster, i)] += (uint32_t)lesions[i];
  bf_free(verdicts);
  bf_free(bits);
  if (status != BF_OK) bf_precise_clear(out);
  return status;
}

/* Precision made falling from the right, mean over the recalls, of draw d. */
static double mean_of_falling(double best[recalls][BF_DRAWS], int d) {
  double sum = 0, top = 0;
  for (int k = recalls - 1; k >= 0; k--) {
    if (best[k][d] > top) top = best[k][d];
    sum += top;
  }
  return sum / recalls;
}

/* Of one test in each draw. best[k]: the best precision where recall, in hundredths, is k and not yet k + 1. top: that
 * of the k which the draw is at, reach; hits that are `next` or more are behind it. */
typedef struct tally {
  double hits[BF_DRAWS], next[BF_DRAWS], top[BF_DRAWS];
  int reach[BF_DRAWS];
  double best[recalls][BF_DRAWS];
} tally;

/* The same sum as where `next` is looked for, so that no rounding tells them apart. */
static int recall_of(double hits, double recalls_a_hit) { return (int)(hits * recalls_a_hit + 1e-9); }

static void move_on(tally *c, int d, double recalls_a_hit) {
  c->best[c->reach[d]][d] = c->top[d];
  c->reach[d] = recall_of(c->hits[d], recalls_a_hit);
  c->top[d] = 0;
  double next = floor((c->reach[d] + 1) / recalls_a_hit) - 1;
  while (recall_of(next, recalls_a_hit) <= c->reach[d]) next++;
  c->next[d] = next;
}

/* Behind a run of equal scores. A product is cheaper than the division, which is hardly ever needed: precision falls.
 */
static void close_run(tally *c, const double *called, const double *recalls_a_hit) {
  double least[BF_DRAWS];
  if (bf_any_reaches(c->hits, c->next))
    for (int d = 0; d < BF_DRAWS; d++)
      if (c->hits[d] >= c->next[d]) move_on(c, d, recalls_a_hit[d]);
  for (int d = 0; d < BF_DRAWS; d++) least[d] = c->top[d] * called[d];
  if (bf_any_above(c->hits, least))
    for (int d = 0; d < BF_DRAWS; d++)
      if (c->hits[d] > least[d]) c->top[d] = c->hits[d] / called[d];
}

static void walk(tally *tests, const bf_precise *data, const uint16_t *times, const double *recalls_a_hit) {
  const uint32_t *hit = data->hits;
  double called[BF_DRAWS] = {0};
  uint32_t touched = 0;
  for (int64_t i = 0; i < data->count; i++) {
    const uint32_t item = data->items[i];
    const uint16_t *drawn = bf_item_times(item, times);
    bf_count(called, drawn);
    if (bf_item_right(item)) {
      touched |= *hit;
      for (uint32_t bits = *hit++; bits != 0; bits &= bits - 1) bf_count(tests[__builtin_ctz(bits)].hits, drawn);
    }
    if (touched == 0 || !bf_item_ends(item)) continue;
    for (; touched != 0; touched &= touched - 1) close_run(&tests[__builtin_ctz(touched)], called, recalls_a_hit);
  }
}

void bf_precise_figures(double *out, const void *precise, const uint16_t *times) {
  const bf_precise *data = precise;
  double lesions[BF_DRAWS], recalls_a_hit[BF_DRAWS], sum[BF_DRAWS] = {0};
  tally tests[BF_PRECISE_MOST_TESTS];
  bf_weigh_counts(lesions, data->lesions, times, data->clusters);
  for (int d = 0; d < BF_DRAWS; d++) recalls_a_hit[d] = lesions[d] > 0 ? (recalls - 1) / lesions[d] : 1;
  memset(tests, 0, (size_t)data->tests * sizeof *tests);
  for (int t = 0; t < data->tests; t++)
    for (int d = 0; d < BF_DRAWS; d++) move_on(&tests[t], d, recalls_a_hit[d]);
  walk(tests, data, times, recalls_a_hit);
  for (int t = 0; t < data->tests; t++)
    for (int d = 0; d < BF_DRAWS; d++) {
      tally *c = &tests[t];
      c->best[c->reach[d]][d] = c->top[d];
      double *mine = &out[t * BF_DRAWS + d];
      *mine = lesions[d] > 0 ? mean_of_falling(c->best, d) : NAN;
      if (data->averaged >> t & 1) sum[d] += *mine;
    }
  for (int d = 0; d < BF_DRAWS; d++)
    out[data->tests * BF_DRAWS + d] = data->averaged != 0 ? sum[d] / __builtin_popcount(data->averaged) : NAN;
}
