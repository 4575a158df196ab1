/* Lesion sensitivities at rates of false positives, of drawn clusters. */
#include <math.h>

#include "base/memory.h"
#include "metrics/drawn.h"
#include "metrics/weigh.h"

enum { most_rates = BF_BOXED_MOST_RATES + BF_CPM_RATES };

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
                        const double *rates, int rate_count, bf_boxed_depth depth, bf_error *err) {
  *out = (bf_boxed){.count = matching->count,
                    .clusters = clusters,
                    .figures = BF_BOXED_RATES + rate_count,
                    .cpm = depth == BF_BOXED_WITH_CPM};
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
  for (int k = 0; k < BF_CPM_RATES && out->cpm; k++) insert_rate(out, bf_cpm_rates[k], -1);
  take_matching(out, matching, cluster);
  return BF_OK;
}

void bf_boxed_clear(bf_boxed *d) {
  bf_free(d->items);
  bf_free(d->images);
  bf_free(d->lesions);
  *d = (bf_boxed){0};
}

int64_t bf_boxed_clusters(const bf_boxed *d) {
  int64_t count = 0;
  for (int64_t c = 0; c < d->clusters; c++) count += d->lesions[c] > 0;
  return count;
}

/* Draw d is past its limits up to before rate r[d]. */
typedef struct front {
  double hits[BF_DRAWS], wrong[BF_DRAWS], most[BF_DRAWS]; /* most: false boxes up to which rate r[d] is not passed */
  int r[BF_DRAWS];
} front;

/* Notes the hits of draw d at every rate whose limit its false boxes exceed. */
static void pass(double hits_at[][BF_DRAWS], front *f, const bf_boxed *d, const double limit[][BF_DRAWS], int draw) {
  for (; f->r[draw] < d->rate_count && f->wrong[draw] > limit[f->r[draw]][draw]; f->r[draw]++)
    hits_at[f->r[draw]][draw] = f->hits[draw];
  f->most[draw] = f->r[draw] < d->rate_count ? limit[f->r[draw]][draw] : INFINITY;
}

static bool all_passed(const front *f, int rate_count) {
  int passed = 0;
  for (int d = 0; d < BF_DRAWS; d++) passed += f->r[d] == rate_count;
  return passed == BF_DRAWS;
}

/* hits_at[r]: hits where the false boxes do not exceed limit[r], by draw. Of equal scores the false boxes come first,
 * so that none is parted from the others. */
static void walk(double hits_at[][BF_DRAWS], const bf_boxed *d, const uint16_t *times, const double limit[][BF_DRAWS]) {
  front f = {0};
  for (int k = 0; k < BF_DRAWS; k++) pass(hits_at, &f, d, limit, k);
  for (int64_t i = 0; i < d->count; i++) {
    const uint16_t *drawn = bf_item_times(d->items[i], times);
    if (bf_item_right(d->items[i])) {
      bf_count(f.hits, drawn);
      continue;
    }
    bf_count(f.wrong, drawn);
    if (!bf_any_above(f.wrong, f.most)) continue;
    for (int k = 0; k < BF_DRAWS; k++) pass(hits_at, &f, d, limit, k);
    if (all_passed(&f, d->rate_count)) break;
  }
  for (int k = 0; k < BF_DRAWS; k++)
    for (int r = f.r[k]; r < d->rate_count; r++) hits_at[r][k] = f.hits[k];
}

void bf_boxed_figures(double *out, const void *boxed, const uint16_t *times) {
  const bf_boxed *d = boxed;
  double images[BF_DRAWS], lesions[BF_DRAWS], limit[most_rates][BF_DRAWS], hits_at[most_rates][BF_DRAWS];
  bf_weigh_counts(images, d->images, times, d->clusters);
  bf_weigh_counts(lesions, d->lesions, times, d->clusters);
  for (int r = 0; r < d->rate_count; r++)
    for (int k = 0; k < BF_DRAWS; k++) limit[r][k] = d->rates[r] * images[k] + 1e-9;
  walk(hits_at, d, times, limit);
  for (int k = 0; k < BF_DRAWS; k++) {
    double sum = 0;
    for (int r = 0; r < d->rate_count; r++) {
      double sensitivity = lesions[k] > 0 ? hits_at[r][k] / lesions[k] : NAN;
      if (d->slot[r] >= 0)
        out[d->slot[r] * BF_DRAWS + k] = sensitivity;
      else
        sum += sensitivity;
    }
    out[BF_BOXED_CPM * BF_DRAWS + k] = d->cpm ? sum / BF_CPM_RATES : NAN;
  }
}
