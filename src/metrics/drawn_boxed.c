/* Lesion sensitivities at rates of false positives and average precision, of drawn clusters. */
#include <math.h>

#include "base/memory.h"
#include "metrics/drawn.h"
#include "metrics/weigh.h"

enum { most_rates = BF_BOXED_MOST_RATES + BF_CPM_RATES, recalls = 101 };

/* Among the rates so far, which rise. */
static void insert_rate(bf_boxed *d, double rate, int slot) {
  int at = d->rate_count++;
  for (; at > 0 && d->rates[at - 1] > rate; at--) {
    d->rates[at] = d->rates[at - 1];
    d->slot[at] = d->slot[at - 1];
  }
  d->rates[at] = rate;
  d->slot[at] = slot;
}

static void take_matching(bf_boxed *d, const bf_matching *m, const int32_t *cluster) {
  for (int64_t i = 0; i < m->images; i++) {
    d->images[bf_cluster_of(cluster, i)]++;
    d->lesions[bf_cluster_of(cluster, i)] += (uint32_t)m->lesions_of[i];
  }
  for (int64_t i = 0; i < m->count; i++) {
    const bf_verdict *v = &m->verdicts[i];
    d->items[i] = bf_item(bf_cluster_of(cluster, v->image), v->hit, 0);
  }
}

bf_status bf_boxed_make(bf_boxed *out, const bf_matching *matching, const int32_t *cluster, int64_t clusters,
                        const double *rates, int rate_count, bf_error *err) {
  *out = (bf_boxed){.count = matching->count, .clusters = clusters, .figures = BF_BOXED_RATES + rate_count};
  if (rate_count > BF_BOXED_MOST_RATES)
    return bf_fail(err, BF_E_LIMIT, "%d rates of false positives; at most %d can be looked at", rate_count,
                   BF_BOXED_MOST_RATES);
  for (int k = 0; k < rate_count; k++)
    if (!(rates[k] >= 0)) return bf_fail(err, BF_E_ARGUMENT, "a rate of %g false positives an image", rates[k]);
  out->items = bf_alloc((size_t)matching->count, sizeof *out->items);
  out->images = bf_alloc((size_t)clusters, sizeof *out->images);
  out->lesions = bf_alloc((size_t)clusters, sizeof *out->lesions);
  if (out->items == NULL || out->images == NULL || out->lesions == NULL) {
    bf_boxed_clear(out);
    return bf_fail(err, BF_E_MEMORY, "no memory for the verdicts on %lld boxes", (long long)matching->count);
  }
  for (int k = 0; k < rate_count; k++) insert_rate(out, rates[k], BF_BOXED_RATES + k);
  for (int k = 0; k < BF_CPM_RATES; k++) insert_rate(out, bf_cpm_rates[k], -1);
  take_matching(out, matching, cluster);
  return BF_OK;
}

void bf_boxed_clear(bf_boxed *d) {
  bf_free(d->items);
  bf_free(d->images);
  bf_free(d->lesions);
  *d = (bf_boxed){0};
}

/* Precision made falling from the right, mean over the recalls. */
static double mean_of_falling(const double *best) {
  double sum = 0, top = 0;
  for (int k = recalls - 1; k >= 0; k--) {
    if (best[k] > top) top = best[k];
    sum += top;
  }
  return sum / recalls;
}

/* The least number of hits whose recall reaches behind k hundredths: the same sum as everywhere, so that no rounding
 * tells them apart. */
static int64_t hits_behind(int k, double recalls_a_hit) {
  int64_t hits = (int64_t)((k + 1) / recalls_a_hit) - 1;
  while ((int)((double)hits * recalls_a_hit + 1e-9) <= k) hits++;
  return hits;
}

static double precision_of(int64_t hits, int64_t wrong) {
  return hits > 0 ? (double)hits / (double)(hits + wrong) : 0;
}

/* hits_at[r]: hits where the false boxes do not exceed limit[r]. best[k]: best precision at recall >= k/100. Of equal
 * scores the false boxes come first, so that none is parted from the others. The best of a recall is kept as two
 * counts, which are compared without a division or a branch. */
static void walk(int64_t *hits_at, double *best, const bf_boxed *d, const uint32_t *times, const double *limit,
                 double recalls_a_hit) {
  int64_t hits = 0, wrong = 0, best_hits = 0, best_wrong = 0, next = hits_behind(0, recalls_a_hit);
  double most = d->rate_count > 0 ? limit[0] : INFINITY;
  int r = 0, reach = 0;
  for (int64_t i = 0; i < d->count; i++) {
    uint32_t drawn = bf_item_times(d->items[i], times), mine = drawn & bf_item_right(d->items[i]);
    hits += mine;
    wrong += drawn - mine;
    while ((double)wrong > most) {
      hits_at[r++] = hits;
      most = r < d->rate_count ? limit[r] : INFINITY;
    }
    if (hits >= next) {
      best[reach] = precision_of(best_hits, best_wrong);
      reach = (int)((double)hits * recalls_a_hit + 1e-9);
      next = hits_behind(reach, recalls_a_hit);
      best_hits = hits, best_wrong = wrong;
    }
    bool better = hits * best_wrong > best_hits * wrong || best_hits == 0;
    best_hits = better ? hits : best_hits;
    best_wrong = better ? wrong : best_wrong;
  }
  best[reach] = precision_of(best_hits, best_wrong);
  while (r < d->rate_count) hits_at[r++] = hits;
}

void bf_boxed_figures(double *out, const void *boxed, const uint32_t *times) {
  const bf_boxed *d = boxed;
  double images = (double)bf_weigh_counts(d->images, times, d->clusters),
         lesions = (double)bf_weigh_counts(d->lesions, times, d->clusters), best[recalls] = {0}, limit[most_rates],
         sum = 0;
  int64_t hits_at[most_rates];
  for (int k = 0; k < d->figures; k++) out[k] = NAN;
  if (!(lesions > 0)) return;
  for (int r = 0; r < d->rate_count; r++) limit[r] = d->rates[r] * images + 1e-9;
  walk(hits_at, best, d, times, limit, (recalls - 1) / lesions);
  for (int r = 0; r < d->rate_count; r++) {
    double sensitivity = (double)hits_at[r] / lesions;
    if (d->slot[r] >= 0)
      out[d->slot[r]] = sensitivity;
    else
      sum += sensitivity;
  }
  out[BF_BOXED_CPM] = sum / BF_CPM_RATES;
  out[BF_BOXED_PRECISION] = mean_of_falling(best);
}
