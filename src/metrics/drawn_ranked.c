/* AUC, average precision, partial AUC and what thresholds call, of drawn clusters. */
#include <math.h>

#include "base/memory.h"
#include "metrics/drawn.h"
#include "metrics/order.h"
#include "metrics/weigh.h"

static bool alloc_all(bf_ranked *r, const bf_ranked_input *in) {
  size_t clusters = (size_t)in->clusters, thresholds = (size_t)in->threshold_count;
  r->items = bf_alloc((size_t)in->n, sizeof *r->items);
  r->positives = bf_alloc(clusters, sizeof *r->positives);
  r->all = bf_alloc(clusters, sizeof *r->all);
  r->called = bf_alloc(clusters * thresholds, sizeof *r->called);
  r->called_right = bf_alloc(clusters * thresholds, sizeof *r->called_right);
  r->thresholds = bf_alloc(thresholds, sizeof *r->thresholds);
  return r->items && r->positives && r->all && r->called && r->called_right && r->thresholds;
}

static void count_called(bf_ranked *r, const bf_ranked_input *in) {
  const double *held = in->probability != NULL ? in->probability : in->score;
  for (int64_t i = 0; i < in->n; i++) {
    int64_t c = bf_cluster_of(in->cluster, i);
    r->all[c]++;
    r->positives[c] += in->label[i] != 0;
    for (int t = 0; t < in->threshold_count; t++) {
      bool called = held[i] >= in->thresholds[t];
      r->called[t * in->clusters + c] += called;
      r->called_right[t * in->clusters + c] += called && in->label[i];
    }
  }
}

bf_status bf_ranked_make(bf_ranked *out, const bf_ranked_input *in, bf_error *err) {
  *out = (bf_ranked){.n = in->n,
                     .clusters = in->clusters,
                     .most = in->most,
                     .threshold_count = in->threshold_count,
                     .figures = bf_ranked_at(in->threshold_count, 0)};
  bf_ordered *order = bf_order_rising(in->score, in->n);
  if (!alloc_all(out, in) || order == NULL) {
    bf_free(order);
    bf_ranked_clear(out);
    return bf_fail(err, BF_E_MEMORY, "no memory to rank %lld scores", (long long)in->n);
  }
  for (int64_t i = in->n - 1, k = 0; i >= 0; i--, k++) {
    bool ends = i == 0 || order[i - 1].score != order[i].score;
    out->items[k] = bf_item(bf_cluster_of(in->cluster, order[i].index), in->label[order[i].index], ends);
  }
  for (int t = 0; t < in->threshold_count; t++) out->thresholds[t] = in->thresholds[t];
  count_called(out, in);
  bf_free(order);
  return BF_OK;
}

void bf_ranked_clear(bf_ranked *r) {
  bf_free(r->items);
  bf_free(r->positives);
  bf_free(r->all);
  bf_free(r->called);
  bf_free(r->called_right);
  bf_free(r->thresholds);
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
    if (right > right_before) precision += (double)(right - right_before) * (double)right / (double)(right + wrong);
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

static double share(int64_t part, int64_t whole) { return whole > 0 ? (double)part / (double)whole : NAN; }

void bf_ranked_figures(double *out, const void *ranked, const uint32_t *times) {
  const bf_ranked *r = ranked;
  int64_t positives = bf_weigh_counts(r->positives, times, r->clusters),
          negatives = bf_weigh_counts(r->all, times, r->clusters) - positives;
  rank_figures(out, r, times, (double)positives, (double)negatives);
  for (int t = 0; t < r->threshold_count; t++) {
    double *at = out + bf_ranked_at(t, 0);
    int64_t right = bf_weigh_counts(r->called_right + t * r->clusters, times, r->clusters),
            called = bf_weigh_counts(r->called + t * r->clusters, times, r->clusters), wrong = called - right,
            others = negatives + positives - called;
    bool known = !isnan(r->thresholds[t]);
    at[BF_AT_SENSITIVITY] = known ? share(right, positives) : NAN;
    at[BF_AT_SPECIFICITY] = known ? share(negatives - wrong, negatives) : NAN;
    at[BF_AT_POSITIVE_PREDICTIVE] = known ? share(right, called) : NAN;
    at[BF_AT_NEGATIVE_PREDICTIVE] = known ? share(negatives - wrong, others) : NAN;
  }
}
