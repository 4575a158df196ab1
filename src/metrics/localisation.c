/* Matching of found boxes with lesions, and what follows from it. */
#include <math.h>
#include <stdlib.h>

#include "base/memory.h"
#include "metrics/metrics.h"

static double area(const bf_hit_box *b) { return fmax(0, b->xmax - b->xmin) * fmax(0, b->ymax - b->ymin); }

double bf_metrics_iou(const bf_hit_box *a, const bf_hit_box *b) {
  double w = fmin(a->xmax, b->xmax) - fmax(a->xmin, b->xmin), h = fmin(a->ymax, b->ymax) - fmax(a->ymin, b->ymin);
  if (w <= 0 || h <= 0) return 0;
  return w * h / (area(a) + area(b) - w * h);
}

/* How well `found` hits `truth`: negative when it does not. Under the centre rule nearer centres hit better. */
static double hit_worth(const bf_hit_box *found, const bf_hit_box *truth, bf_hit_rule rule) {
  double iou = bf_metrics_iou(found, truth);
  double x = (found->xmin + found->xmax) / 2, y = (found->ymin + found->ymax) / 2;
  switch (rule) {
    case BF_HIT_IOU50: return iou >= 0.5 ? iou : -1;
    case BF_HIT_IOU10: return iou >= 0.1 ? iou : -1;
    case BF_HIT_IOU75: return iou >= 0.75 ? iou : -1;
    case BF_HIT_CENTRE: {
      if (x < truth->xmin || x >= truth->xmax || y < truth->ymin || y >= truth->ymax) return -1;
      double dx = x - (truth->xmin + truth->xmax) / 2, dy = y - (truth->ymin + truth->ymax) / 2;
      return 1 / (1 + dx * dx + dy * dy);
    }
  }
  return -1;
}

typedef struct ranked {
  double score;
  int index;
} ranked;

static int best_first(const void *a, const void *b) {
  const ranked *x = a, *y = b;
  if (x->score != y->score) return x->score > y->score ? -1 : 1;
  return x->index - y->index;
}

static bool match_image(bf_verdict *verdicts, const bf_hit_image *image, int64_t index, bf_hit_rule rule) {
  ranked *order = bf_alloc((size_t)image->found_count, sizeof *order);
  bool *taken = bf_alloc((size_t)image->truth_count, sizeof *taken);
  bool good = order != NULL && taken != NULL;
  for (int i = 0; good && i < image->found_count; i++) order[i] = (ranked){image->found[i].score, i};
  if (good) qsort(order, (size_t)image->found_count, sizeof *order, best_first);
  for (int i = 0; good && i < image->found_count; i++) {
    const bf_hit_box *found = &image->found[order[i].index];
    int best = -1;
    double worth = -1;
    for (int t = 0; t < image->truth_count; t++) {
      double w = taken[t] ? -1 : hit_worth(found, &image->truths[t], rule);
      if (w >= 0 && w > worth) best = t, worth = w;
    }
    if (best >= 0) taken[best] = true;
    verdicts[i] = (bf_verdict){found->score, best >= 0, index};
  }
  bf_free(order);
  bf_free(taken);
  return good;
}

/* Of equal scores the false ones first: ties never flatter. */
static int falling(const void *a, const void *b) {
  const bf_verdict *x = a, *y = b;
  if (x->score != y->score) return x->score > y->score ? -1 : 1;
  return (int)x->hit - (int)y->hit;
}

bf_status bf_metrics_match(bf_matching *out, const bf_hit_image *images, int64_t count, bf_hit_rule rule,
                           bf_error *err) {
  *out = (bf_matching){.images = count};
  int64_t found = 0;
  for (int64_t i = 0; i < count; i++) found += images[i].found_count, out->lesions += images[i].truth_count;
  out->verdicts = bf_alloc((size_t)found, sizeof *out->verdicts);
  bool good = out->verdicts != NULL;
  for (int64_t i = 0; i < count && good; i++) {
    good = match_image(out->verdicts + out->count, &images[i], i, rule);
    out->count += images[i].found_count;
  }
  if (!good) {
    bf_matching_clear(out);
    return bf_fail(err, BF_E_MEMORY, "no memory to match %lld boxes", (long long)found);
  }
  qsort(out->verdicts, (size_t)out->count, sizeof *out->verdicts, falling);
  return BF_OK;
}

void bf_matching_clear(bf_matching *matching) {
  bf_free(matching->verdicts);
  *matching = (bf_matching){0};
}

double bf_metrics_froc(const bf_matching *m, double rate) {
  if (m->lesions == 0 || m->images == 0) return NAN;
  int64_t hits = 0, false_hits = 0, best = 0;
  double most = rate * (double)m->images + 1e-9;
  for (int64_t i = 0; i < m->count; i++) {
    if (m->verdicts[i].hit)
      hits++;
    else
      false_hits++;
    if ((double)false_hits > most) break;
    /* A threshold cannot part equal scores. */
    if (i + 1 == m->count || m->verdicts[i + 1].score != m->verdicts[i].score) best = hits;
  }
  return (double)best / (double)m->lesions;
}

double bf_metrics_cpm(const bf_matching *m) {
  double sum = 0;
  for (int k = -3; k <= 3; k++) sum += bf_metrics_froc(m, ldexp(1, k));
  return sum / 7;
}

double bf_metrics_box_precision(const bf_matching *m) {
  if (m->lesions == 0) return NAN;
  double *best = bf_alloc(101, sizeof *best); /* best precision at recall >= k/100 */
  if (best == NULL) return NAN;
  int64_t hits = 0;
  for (int64_t i = 0; i < m->count; i++) {
    hits += m->verdicts[i].hit;
    if (i + 1 < m->count && m->verdicts[i + 1].score == m->verdicts[i].score) continue;
    double precision = (double)hits / (double)(i + 1);
    int reach = (int)floor(100 * (double)hits / (double)m->lesions + 1e-9);
    if (precision > best[reach]) best[reach] = precision;
  }
  double sum = 0, top = 0;
  for (int k = 100; k >= 0; k--) {
    if (best[k] > top) top = best[k];
    sum += top;
  }
  bf_free(best);
  return hits > 0 ? sum / 101 : 0;
}

double bf_metrics_mean_best_iou(const bf_hit_image *images, int64_t count) {
  double sum = 0;
  int64_t lesions = 0;
  for (int64_t i = 0; i < count; i++)
    for (int t = 0; t < images[i].truth_count; t++) {
      double best = 0;
      for (int f = 0; f < images[i].found_count; f++)
        best = fmax(best, bf_metrics_iou(&images[i].found[f], &images[i].truths[t]));
      sum += best;
      lesions++;
    }
  return lesions > 0 ? sum / (double)lesions : NAN;
}
