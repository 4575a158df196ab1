/* What follows from a matching: FROC, average precision, and how well the hits sit. */
#include "metrics/localisation.h"

#include <math.h>

#include "base/memory.h"
#include "metrics/order.h"

const double bf_cpm_rates[BF_CPM_RATES] = {0.125, 0.25, 0.5, 1, 2, 4, 8};

/* A threshold cannot part equal scores. That the false ones of them stand first makes it so without a look at them:
 * before a false box only the hits of higher scores have been counted. */
double bf_metrics_froc(const bf_matching *m, double rate) {
  if (m->lesions == 0 || m->images == 0) return NAN;
  int64_t hits = 0, false_hits = 0;
  double most = rate * (double)m->images + 1e-9;
  for (int64_t i = 0; i < m->count && (double)false_hits <= most; i++) {
    if (m->verdicts[i].hit)
      hits++;
    else
      false_hits++;
  }
  return (double)hits / (double)m->lesions;
}

double bf_metrics_cpm(const bf_matching *m) {
  double sum = 0;
  for (int k = 0; k < BF_CPM_RATES; k++) sum += bf_metrics_froc(m, bf_cpm_rates[k]);
  return sum / BF_CPM_RATES;
}

double bf_metrics_box_precision(const bf_matching *m) {
  if (m->lesions == 0) return NAN;
  double best[101] = {0}; /* best precision at recall >= k/100 */
  int64_t hits = 0;
  for (int64_t i = 0; i < m->count; i++) {
    if (!m->verdicts[i].hit) continue;
    hits++;
    double precision = (double)hits / (double)(i + 1);
    int reach = (int)floor(100 * (double)hits / (double)m->lesions + 1e-9);
    if (precision > best[reach]) best[reach] = precision;
  }
  double sum = 0, top = 0;
  for (int k = 100; k >= 0; k--) {
    if (best[k] > top) top = best[k];
    sum += top;
  }
  return sum / 101;
}

int64_t bf_metrics_froc_curve(bf_froc_point *points, const bf_matching *m) {
  if (m->lesions == 0 || m->images == 0) return 0;
  int64_t count = 0, hits = 0;
  points[count++] = (bf_froc_point){INFINITY, 0, 0};
  for (int64_t i = 0; i < m->count; i++) {
    hits += m->verdicts[i].hit;
    /* A threshold cannot part equal scores. */
    if (i + 1 == m->count || m->verdicts[i + 1].score != m->verdicts[i].score)
      points[count++] = (bf_froc_point){m->verdicts[i].score, (double)(i + 1 - hits) / (double)m->images,
                                        (double)hits / (double)m->lesions};
  }
  return count;
}

/* ---- how well hits sit ---- */

static double centre_distance(const bf_hit_box *a, const bf_hit_box *b) {
  return hypot((a->xmin + a->xmax - b->xmin - b->xmax) / 2, (a->ymin + a->ymax - b->ymin - b->ymax) / 2);
}

void bf_hit_places_clear(bf_hit_places *p) {
  bf_free(p->iou);
  bf_free(p->distance);
  bf_free(p->relative);
  bf_free(p->image);
  *p = (bf_hit_places){0};
}

bf_status bf_metrics_hit_places(bf_hit_places *out, const bf_matching *m, const bf_hit_image *images, bf_error *err) {
  const size_t room = (size_t)m->count;
  *out = (bf_hit_places){bf_alloc(room, sizeof *out->iou), bf_alloc(room, sizeof *out->distance),
                         bf_alloc(room, sizeof *out->relative), bf_alloc(room, sizeof *out->image), 0};
  if (!out->iou || !out->distance || !out->relative || !out->image) {
    bf_hit_places_clear(out);
    return bf_fail(err, BF_E_MEMORY, "no memory for the hits among %lld boxes", (long long)m->count);
  }
  for (int64_t i = 0; i < m->count; i++) {
    const bf_verdict *v = &m->verdicts[i];
    if (!v->hit) continue;
    const bf_hit_box *truth = &images[v->image].truths[v->truth];
    double diagonal = hypot(truth->xmax - truth->xmin, truth->ymax - truth->ymin);
    out->iou[out->count] = v->iou;
    out->distance[out->count] = centre_distance(&images[v->image].found[v->found], truth);
    out->relative[out->count] = out->distance[out->count] / diagonal; /* a lesion that is a point is never hit */
    out->image[out->count++] = v->image;
  }
  return BF_OK;
}

static double best_iou(const bf_hit_image *image, int truth) {
  double best = 0;
  for (int f = 0; f < image->found_count; f++)
    best = fmax(best, bf_metrics_iou(&image->found[f], &image->truths[truth]));
  return best;
}

void bf_metrics_best_iou(double *best, const bf_hit_image *images, int64_t count) {
  for (int64_t i = 0; i < count; i++)
    for (int t = 0; t < images[i].truth_count; t++) *best++ = best_iou(&images[i], t);
}
