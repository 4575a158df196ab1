/* AUC, average precision, partial AUC and what thresholds call, of drawn clusters. */
#include <math.h>
#include <string.h>

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
  int passed = 0, most = r->steps;
  while (passed < most) {
    int middle = passed + (most - passed) / 2;
    if (held >= in->thresholds[r->step[middle]])
      passed = middle + 1;
    else
      most = middle;
  }
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
                     .clusters = in->clusters,
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

/* Whether the images of a cell are among those that a figure of the threshold on this step is a share of. */
static bool is_share_of(int cell, int step, int at) {
  const bool positive = cell % 2 == 1, called = cell / 2 > step;
  return at == BF_AT_SENSITIVITY           ? positive
         : at == BF_AT_SPECIFICITY         ? !positive
         : at == BF_AT_POSITIVE_PREDICTIVE ? called
                                           : !called;
}

bf_status bf_ranked_clusters(int64_t *out, const bf_ranked *r, int t, int at, bf_error *err) {
  bool *seen = bf_alloc((size_t)r->clusters, sizeof *seen);
  int step = 0;
  *out = 0;
  if (seen == NULL) return bf_fail(err, BF_E_MEMORY, "no memory to count %lld clusters", (long long)r->clusters);
  while (step < r->steps && r->step[step] != t) step++;
  for (int cell = 0; cell < 2 * (r->steps + 1) && step < r->steps; cell++) {
    if (!is_share_of(cell, step, at)) continue;
    for (int64_t i = cell > 0 ? r->cell_end[cell - 1] : 0; i < r->cell_end[cell]; i++) {
      bool *mine = &seen[r->cell_cluster[i]];
      *out += !*mine;
      *mine = true;
    }
  }
  bf_free(seen);
  return BF_OK;
}

/* A walk along the ROC curve (counts on both axes), in each draw. */
typedef struct curve {
  double right[BF_DRAWS], wrong[BF_DRAWS];               /* positives and negatives so far */
  double right_before[BF_DRAWS], wrong_before[BF_DRAWS]; /* the same before the run of equals */
  double doubled[BF_DRAWS];                              /* twice the area */
  double precision[BF_DRAWS], partial[BF_DRAWS], limit[BF_DRAWS];
  bool partly; /* some draw is left of its limit */
} curve;

/* Of nothing drawn so far it adds 0: a branch that nobody can guess would cost more than a division. */
static void add_precision(curve *c) {
  for (int d = 0; d < BF_DRAWS; d++) {
    double all = c->right[d] + c->wrong[d];
    c->precision[d] += (c->right[d] - c->right_before[d]) * c->right[d] / (all > 0 ? all : 1);
  }
}

/* The part of the area that the run adds left of the limit. */
static void add_partial(curve *c) {
  c->partly = false;
  for (int d = 0; d < BF_DRAWS; d++) {
    double x0 = c->wrong_before[d], x1 = c->wrong[d], y0 = c->right_before[d], y1 = c->right[d];
    if (!(x0 < c->limit[d])) continue;
    if (x1 > c->limit[d]) {
      y1 = y0 + (y1 - y0) * (c->limit[d] - x0) / (x1 - x0);
      x1 = c->limit[d];
    }
    c->partial[d] += (x1 - x0) * (y0 + y1) / 2;
    c->partly = true;
  }
}

static void add_area(curve *c) {
  for (int d = 0; d < BF_DRAWS; d++)
    c->doubled[d] += (c->wrong[d] - c->wrong_before[d]) * (c->right[d] + c->right_before[d]);
  if (c->partly) add_partial(c);
}

static void walk(curve *c, const bf_ranked *r, const uint16_t *times) {
  bool rights = false, wrongs = false; /* in the run */
  for (int64_t i = 0; i < r->n; i++) {
    const uint32_t item = r->items[i];
    if (bf_item_right(item))
      bf_count(c->right, bf_item_times(item, times)), rights = true;
    else
      bf_count(c->wrong, bf_item_times(item, times)), wrongs = true;
    if (!bf_item_ends(item)) continue;
    if (rights) add_precision(c);
    if (wrongs) add_area(c);
    if (rights) memcpy(c->right_before, c->right, sizeof c->right);
    if (wrongs) memcpy(c->wrong_before, c->wrong, sizeof c->wrong);
    rights = wrongs = false;
  }
}

/* m positives and k negatives were drawn. */
static void rank_figures(double *out, const bf_ranked *r, const uint16_t *times, const double *m, const double *k) {
  const bool partly = r->most > 0 && r->most <= 1;
  const double chance = r->most * r->most / 2;
  curve c = {.partly = partly};
  for (int d = 0; d < BF_DRAWS; d++) c.limit[d] = partly ? r->most * k[d] : -1;
  walk(&c, r, times);
  for (int d = 0; d < BF_DRAWS; d++) {
    const bool both = m[d] > 0 && k[d] > 0;
    const double pairs = m[d] * k[d];
    out[BF_RANKED_AUC * BF_DRAWS + d] = both ? c.doubled[d] / 2 / pairs : NAN;
    out[BF_RANKED_AVERAGE_PRECISION * BF_DRAWS + d] = m[d] > 0 ? c.precision[d] / m[d] : NAN;
    out[BF_RANKED_PARTIAL_AUC * BF_DRAWS + d] =
        both && partly ? 0.5 * (1 + (c.partial[d] / pairs - chance) / (r->most - chance)) : NAN;
  }
}

static double share(double part, double whole) { return whole > 0 ? part / whole : NAN; }

/* Of `right` positives and `wrong` negatives called, of m and k, by draw. */
static void put_threshold(double *at, const double *right, const double *wrong, const double *m, const double *k) {
  for (int d = 0; d < BF_DRAWS; d++) {
    double hits = right[d], alarms = wrong[d];
    at[BF_AT_SENSITIVITY * BF_DRAWS + d] = share(hits, m[d]);
    at[BF_AT_SPECIFICITY * BF_DRAWS + d] = share(k[d] - alarms, k[d]);
    at[BF_AT_POSITIVE_PREDICTIVE * BF_DRAWS + d] = share(hits, hits + alarms);
    at[BF_AT_NEGATIVE_PREDICTIVE * BF_DRAWS + d] = share(k[d] - alarms, m[d] + k[d] - hits - alarms);
  }
}

static void add_cell(double *sum, const bf_ranked *r, int cell, const uint16_t *times) {
  int64_t from = cell > 0 ? r->cell_end[cell - 1] : 0;
  double drawn[BF_DRAWS];
  bf_count_items(drawn, r->cell_cluster + from, times, r->cell_end[cell] - from);
  for (int d = 0; d < BF_DRAWS; d++) sum[d] += drawn[d];
}

void bf_ranked_figures(double *out, const void *ranked, const uint16_t *times) {
  const bf_ranked *r = ranked;
  double m[BF_DRAWS] = {0}, k[BF_DRAWS] = {0};
  for (int i = 0; i < r->figures * BF_DRAWS; i++) out[i] = NAN;
  for (int passed = r->steps; passed >= 0; passed--) {
    add_cell(k, r, 2 * passed, times);
    add_cell(m, r, 2 * passed + 1, times);
    if (passed == 0) break;
    /* Kept there until all are counted. */
    double *at = out + bf_ranked_at(r->step[passed - 1], 0) * BF_DRAWS;
    memcpy(at, m, sizeof m);
    memcpy(at + BF_DRAWS, k, sizeof k);
  }
  for (int s = 0; s < r->steps; s++) {
    double *at = out + bf_ranked_at(r->step[s], 0) * BF_DRAWS, right[BF_DRAWS], wrong[BF_DRAWS];
    memcpy(right, at, sizeof right);
    memcpy(wrong, at + BF_DRAWS, sizeof wrong);
    put_threshold(at, right, wrong, m, k);
  }
  rank_figures(out, r, times, m, k);
}
