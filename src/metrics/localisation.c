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

/* Sorts the numbers. */
static void mean_and_median(double *mean, double *median, double *numbers, int64_t n) {
  double sum = 0;
  *median = bf_metrics_median(numbers, n);
  for (int64_t i = 0; i < n; i++) sum += numbers[i];
  *mean = n > 0 ? sum / (double)n : NAN;
}

bf_status bf_metrics_hit_quality(bf_hit_quality *out, const bf_matching *m, const bf_hit_image *images, bf_error *err) {
  *out = (bf_hit_quality){0};
  double *iou = bf_alloc((size_t)m->count, sizeof *iou), *distance = bf_alloc((size_t)m->count, sizeof *distance),
         *relative = bf_alloc((size_t)m->count, sizeof *relative);
  bf_status status = iou && distance && relative
                         ? BF_OK
                         : bf_fail(err, BF_E_MEMORY, "no memory for the hits among %lld boxes", (long long)m->count);
  for (int64_t i = 0; i < m->count && status == BF_OK; i++) {
    const bf_verdict *v = &m->verdicts[i];
    if (!v->hit) continue;
    const bf_hit_box *truth = &images[v->image].truths[v->truth];
    double diagonal = hypot(truth->xmax - truth->xmin, truth->ymax - truth->ymin),
           far = centre_distance(&images[v->image].found[v->found], truth);
    iou[out->hits] = v->iou;
    distance[out->hits] = far;
    relative[out->hits++] = far / diagonal; /* a lesion that is a point is never hit */
  }
  if (status == BF_OK) {
    mean_and_median(&out->mean_iou, &out->median_iou, iou, out->hits);
    mean_and_median(&out->mean_distance, &out->median_distance, distance, out->hits);
    mean_and_median(&out->mean_relative, &out->median_relative, relative, out->hits);
  }
  bf_free(iou);
  bf_free(distance);
  bf_free(relative);
  return status;
}

/* ---- over tests ---- */

bf_status bf_metrics_box_precisions(double *out, const double *least, int count, const bf_pairing *pairing,
                                    bf_error *err) {
  bf_status status = BF_OK;
  for (int k = 0; k < count && status == BF_OK; k++) {
    bf_matching matching;
    status = bf_metrics_match_pairing(&matching, pairing, (bf_hit_test){BF_HIT_BY_IOU, least[k]}, err);
    if (status == BF_OK) out[k] = bf_metrics_box_precision(&matching);
    bf_matching_clear(&matching);
  }
  return status;
}

bf_status bf_metrics_coco_precision(double *out, const bf_pairing *pairing, bf_error *err) {
  enum { tests = 10 };
  double least[tests], precision[tests] = {0}, sum = 0;
  for (int k = 0; k < tests; k++) least[k] = (50 + 5 * k) / 100.0;
  bf_status status = bf_metrics_box_precisions(precision, least, tests, pairing, err);
  for (int k = 0; k < tests; k++) sum += precision[k];
  *out = status == BF_OK ? sum / tests : NAN;
  return status;
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

double bf_metrics_mean_best_iou(const bf_hit_image *images, int64_t count) {
  double sum = 0;
  int64_t lesions = 0;
  for (int64_t i = 0; i < count; i++)
    for (int t = 0; t < images[i].truth_count; t++) {
      sum += best_iou(&images[i], t);
      lesions++;
    }
  return lesions > 0 ? sum / (double)lesions : NAN;
}
