/* AUC, average precision, partial AUC and what thresholds call, of drawn clusters. */
#include <math.h>

#include "base/memory.h"
#include "metrics/drawn.h"
#include "metrics/order.h"
#include "metrics/weigh.h"

static bool alloc_all(bf_ranked *r, const bf_ranked_input *in) {
  r->items = bf_alloc((size_t)in->n, sizeof *r->items);
  r->cell_cluster = bf_alloc((size_t)in->n, sizeof *r->cell_cluster);
  r->cell_end = bf_alloc((size_t)in->threshold_count + 1, 2 * sizeof *r->cell_end);
  r->step = bf_alloc((size_t)in->threshold_count, sizeof *r->step);
  return r->items && r->cell_cluster && r->cell_end && r->step;
}

/* Thresholds that are numbers, by their size. */
static void order_thresholds(bf_ranked *r, const double *thresholds) {
  for (int t = 0; t < r->threshold_count; t++) {
    if (isnan(thresholds[t])) continue;
    int at = r->steps++;
    for (; at > 0 && thresholds[r->step[at - 1]] > thresholds[t]; at--) r->step[at] = r->step[at - 1];
    r->step[at] = t;
  }
}

static int cell_of(const bf_ranked *r, const bf_ranked_input *in, int64_t i) {
  double held = in->probability != NULL ? in->probability[i] : in->score[i];
  int passed = 0;
  while (passed < r->steps && held >= in->thresholds[r->step[passed]]) passed++;
  return 2 * passed + (in->label[i] != 0);
}

static void fill_cells(bf_ranked *r, const bf_ranked_input *in) {
  for (int64_t i = 0; i < in->n; i++) r->cell_end[cell_of(r, in, i)]++;
  bf_counts_to_starts(r->cell_end, 2 * (r->steps + 1));
  for (int64_t i = 0; i < in->n; i++)
    r->cell_cluster[r->cell_end[cell_of(r, in, i)]++] = (int32_t)bf_cluster_of(in->cluster, i);
}

bf_status bf_ranked_make(bf_ranked *out, const bf_ranked_input *in, bf_error *err) {
  *out = (bf_ranked){.n = in->n,
                     .most = in->most,
                     .threshold_count = in->threshold_count,
                     .figures = bf_ranked_at(in->threshold_count, 0)};
  bf_ordered *order;
  bf_status status = bf_order_rising(&order, in->score, in->n, err);
  if (status == BF_OK && !alloc_all(out, in))
    status = bf_fail(err, BF_E_MEMORY, "no memory to rank %lld scores", (long long)in->n);
  if (status != BF_OK) {
    bf_free(order);
    bf_ranked_clear(out);
    return status;
  }
  for (int64_t i = in->n - 1, k = 0; i >= 0; i--, k++) {
    bool ends = i == 0 || order[i - 1].score != order[i].score;
    out->items[k] = bf_item(bf_cluster_of(in->cluster, order[i].index), in->label[order[i].index], ends);
  }
  order_thresholds(out, in->thresholds);
  fill_cells(out, in);
  bf_free(order);
  return BF_OK;
}

void bf_ranked_clear(bf_ranked *r) {
  bf_free(r->items);
  bf_free(r->cell_cluster);
  bf_free(r->cell_end);
  bf_free(r->step);
  *r = (bf_ranked){0};
}

/* The part of the area under the ROC curve (counts on both axes) that a run of equals adds left of `limit`. */
static double area_until(double limit, double x0, double x1, double y0, double y1) {
  if (x1 > limit) {
    y1 = y0 + (y1 - y0) * (limit - x0) / (x1 - x0);
    x1 = limit;
  }
  return (x1 - x0) * (y0 + y1) / 2;
}

/* m positives and k negatives were drawn. */
static void rank_figures(double *out, const bf_ranked *r, const uint32_t *times, double m, double k) {
  bool partly = r->most > 0 && r->most <= 1;
  double limit = partly ? r->most * k : -1, precision = 0, partial = 0, chance = r->most * r->most / 2;
  int64_t right = 0, wrong = 0, right_before = 0, wrong_before = 0;
  uint64_t doubled = 0; /* twice the area */
  for (int64_t i = 0; i < r->n; i++) {
    uint32_t drawn = bf_item_times(r->items[i], times), mine = drawn & bf_item_right(r->items[i]);
    right += mine;
    wrong += drawn - mine;
    if (!bf_item_ends(r->items[i])) continue;
    doubled += (uint64_t)(wrong - wrong_before) * (uint64_t)(right + right_before);
    /* Of nothing drawn so far it adds 0: a branch that nobody can guess would cost more than a division. */
    int64_t all = right + wrong;
    precision += (double)(right - right_before) * (double)right / (double)(all > 0 ? all : 1);
    if ((double)wrong_before < limit)
      partial += area_until(limit, (double)wrong_before, (double)wrong, (double)right_before, (double)right);
    right_before = right;
    wrong_before = wrong;
  }
  bool both = m > 0 && k > 0;
  out[BF_RANKED_AUC] = both ? (double)doubled / 2 / (m * k) : NAN;
  out[BF_RANKED_AVERAGE_PRECISION] = m > 0 ? precision / m : NAN;
  out[BF_RANKED_PARTIAL_AUC] = both && partly ? 0.5 * (1 + (partial / (m * k) - chance) / (r->most - chance)) : NAN;
}

static double share(double part, double whole) { return whole > 0 ? part / whole : NAN; }

/* Of `right` positives and `wrong` negatives called, of m and k. */
static void put_threshold(double *at, double right, double wrong, double m, double k) {
  at[BF_AT_SENSITIVITY] = share(right, m);
  at[BF_AT_SPECIFICITY] = share(k - wrong, k);
  at[BF_AT_POSITIVE_PREDICTIVE] = share(right, right + wrong);
  at[BF_AT_NEGATIVE_PREDICTIVE] = share(k - wrong, m + k - right - wrong);
}

static double drawn_of(const bf_ranked *r, int cell, const uint32_t *times) {
  int64_t from = cell > 0 ? r->cell_end[cell - 1] : 0;
  return (double)bf_count_items(r->cell_cluster + from, times, r->cell_end[cell] - from);
}

void bf_ranked_figures(double *out, const void *ranked, const uint32_t *times) {
  const bf_ranked *r = ranked;
  double m = 0, k = 0;
  for (int f = 0; f < r->figures; f++) out[f] = NAN;
  for (int passed = r->steps; passed >= 0; passed--) {
    k += drawn_of(r, 2 * passed, times);
    m += drawn_of(r, 2 * passed + 1, times);
    if (passed == 0) break;
    /* Kept there until all are counted. */
    double *at = out + bf_ranked_at(r->step[passed - 1], 0);
    at[0] = m, at[1] = k;
  }
  for (int s = 0; s < r->steps; s++) {
    double *at = out + bf_ranked_at(r->step[s], 0);
    put_threshold(at, at[0], at[1], m, k);
  }
  rank_figures(out, r, times, m, k);
}
