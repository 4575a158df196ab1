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
    const int64_t c = bf_cluster_of(cluster, v->image);
    d->items[i] = bf_item(c, v->hit, 0);
    (v->hit ? d->hits : d->wrong)[c]++;
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
  out->hits = bf_alloc((size_t)clusters, sizeof *out->hits);
  out->wrong = bf_alloc((size_t)clusters, sizeof *out->wrong);
  if (!out->items || !out->images || !out->lesions || !out->hits || !out->wrong) {
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
  bf_free(d->hits);
  bf_free(d->wrong);
  *d = (bf_boxed){0};
}

int64_t bf_boxed_clusters(const bf_boxed *d) {
  int64_t count = 0;
  for (int64_t c = 0; c < d->clusters; c++) count += d->lesions[c] > 0;
  return count;
}

/* What is drawn together. */
typedef struct totals {
  double images[BF_DRAWS], lesions[BF_DRAWS], hits[BF_DRAWS], wrong[BF_DRAWS];
} totals;

static void add_up(totals *t, const bf_boxed *d, const uint16_t *times) {
  for (int64_t c = 0; c < d->clusters; c++) {
    const uint16_t *drawn = bf_drawn_times(times, c);
    bf_weigh(t->images, drawn, d->images[c]);
    bf_weigh(t->lesions, drawn, d->lesions[c]);
    bf_weigh(t->hits, drawn, d->hits[c]);
    bf_weigh(t->wrong, drawn, d->wrong[c]);
  }
}

/* Draw d is past its limits up to before rate r[d]; end[d]: the first that all its false boxes do not exceed. */
typedef struct front {
  double hits[BF_DRAWS], wrong[BF_DRAWS], most[BF_DRAWS]; /* most: false boxes up to which rate r[d] is not passed */
  int r[BF_DRAWS], end[BF_DRAWS];
} front;

/* Notes the hits of a draw at every rate whose limit its false boxes exceed. */
static void pass(double hits_at[][BF_DRAWS], front *f, const double limit[][BF_DRAWS], int draw) {
  for (; f->r[draw] < f->end[draw] && f->wrong[draw] > limit[f->r[draw]][draw]; f->r[draw]++)
    hits_at[f->r[draw]][draw] = f->hits[draw];
  f->most[draw] = f->r[draw] < f->end[draw] ? limit[f->r[draw]][draw] : INFINITY;
}

static bool pass_all(double hits_at[][BF_DRAWS], front *f, const double limit[][BF_DRAWS]) {
  int passed = 0;
  for (int k = 0; k < BF_DRAWS; k++) {
    pass(hits_at, f, limit, k);
    passed += f->r[k] == f->end[k];
  }
  return passed == BF_DRAWS;
}

/* hits_at[r]: hits where the false boxes do not exceed limit[r], by draw; where they never do, all hits. Of equal
 * scores the false boxes come first, so that none is parted from the others. */
static void walk(double hits_at[][BF_DRAWS], const bf_boxed *d, const uint16_t *times, const double limit[][BF_DRAWS],
                 const totals *t) {
  front f = {0};
  for (int k = 0; k < BF_DRAWS; k++) {
    while (f.end[k] < d->rate_count && t->wrong[k] > limit[f.end[k]][k]) f.end[k]++;
    for (int r = f.end[k]; r < d->rate_count; r++) hits_at[r][k] = t->hits[k];
  }
  bool done = pass_all(hits_at, &f, limit);
  for (int64_t i = 0; i < d->count && !done; i++) {
    const uint16_t *drawn = bf_item_times(d->items[i], times);
    if (bf_item_right(d->items[i])) {
      bf_count(f.hits, drawn);
      continue;
    }
    bf_count(f.wrong, drawn);
    if (bf_any_above(f.wrong, f.most)) done = pass_all(hits_at, &f, limit);
  }
}

void bf_boxed_figures(double *out, const void *boxed, const uint16_t *times) {
  const bf_boxed *d = boxed;
  double limit[most_rates][BF_DRAWS], hits_at[most_rates][BF_DRAWS];
  totals t = {0};
  add_up(&t, d, times);
  for (int r = 0; r < d->rate_count; r++)
    for (int k = 0; k < BF_DRAWS; k++) limit[r][k] = d->rates[r] * t.images[k] + 1e-9;
  walk(hits_at, d, times, limit, &t);
  for (int k = 0; k < BF_DRAWS; k++) {
    double sum = 0;
    for (int r = 0; r < d->rate_count; r++) {
      double sensitivity = t.lesions[k] > 0 ? hits_at[r][k] / t.lesions[k] : NAN;
      if (d->slot[r] >= 0)
        out[d->slot[r] * BF_DRAWS + k] = sensitivity;
      else
        sum += sensitivity;
    }
    out[BF_BOXED_CPM * BF_DRAWS + k] = d->cpm ? sum / BF_CPM_RATES : NAN;
  }
}
