/* Which found box hits which lesion: overlaps computed once, matched under any test. */
#include <math.h>
#include <stdlib.h>

#include "base/memory.h"
#include "metrics/localisation.h"

static double area(const bf_hit_box *b) { return fmax(0, b->xmax - b->xmin) * fmax(0, b->ymax - b->ymin); }

double bf_metrics_iou(const bf_hit_box *a, const bf_hit_box *b) {
  double w = fmin(a->xmax, b->xmax) - fmax(a->xmin, b->xmin), h = fmin(a->ymax, b->ymax) - fmax(a->ymin, b->ymin);
  if (w <= 0 || h <= 0) return 0;
  return w * h / (area(a) + area(b) - w * h);
}

bf_hit_test bf_metrics_hit_test(bf_hit_rule rule) {
  switch (rule) {
    case BF_HIT_IOU50: return (bf_hit_test){BF_HIT_BY_IOU, 0.5};
    case BF_HIT_IOU10: return (bf_hit_test){BF_HIT_BY_IOU, 0.1};
    case BF_HIT_IOU75: return (bf_hit_test){BF_HIT_BY_IOU, 0.75};
    case BF_HIT_CENTRE: break;
  }
  return (bf_hit_test){BF_HIT_BY_CENTRE, 0};
}

/* ---- overlaps ---- */

/* A lesion that a found box touches, or that its centre lies in. */
typedef struct candidate {
  double iou, nearness; /* nearness: minus the squared distance of the centres; -infinity when outside */
  int32_t truth;
} candidate;

typedef struct paired_box {
  double score;
  int64_t image, first, end; /* candidates from first to before end */
  int32_t found;
} paired_box;

struct bf_pairing {
  paired_box *boxes; /* by falling score, over all images */
  candidate *candidates;
  int64_t *first_lesion; /* of each image, lesions counted on over the images */
  int32_t *lesions_of;
  int64_t count, images, lesions;
  size_t candidate_count, candidate_room;
};

static double nearness_of(const bf_hit_box *found, const bf_hit_box *truth) {
  double x = (found->xmin + found->xmax) / 2, y = (found->ymin + found->ymax) / 2;
  if (x < truth->xmin || x >= truth->xmax || y < truth->ymin || y >= truth->ymax) return -INFINITY;
  double dx = x - (truth->xmin + truth->xmax) / 2, dy = y - (truth->ymin + truth->ymax) / 2;
  return -(dx * dx + dy * dy);
}

static bool put_candidate(bf_pairing *p, candidate one) {
  if (p->candidate_count == p->candidate_room) {
    size_t room = p->candidate_room * 2 + 64;
    candidate *grown = bf_grow(p->candidates, p->candidate_room, room, sizeof *grown);
    if (grown == NULL) return false;
    p->candidates = grown;
    p->candidate_room = room;
  }
  p->candidates[p->candidate_count++] = one;
  return true;
}

static bool pair_box(bf_pairing *p, const bf_hit_image *image, int64_t at, int32_t found) {
  const bf_hit_box *box = &image->found[found];
  paired_box *paired = &p->boxes[p->count++];
  *paired = (paired_box){box->score, at, (int64_t)p->candidate_count, 0, found};
  for (int32_t t = 0; t < image->truth_count; t++) {
    const candidate one = {bf_metrics_iou(box, &image->truths[t]), nearness_of(box, &image->truths[t]), t};
    if ((one.iou > 0 || one.nearness > -INFINITY) && !put_candidate(p, one)) return false;
  }
  paired->end = (int64_t)p->candidate_count;
  return true;
}

static int best_first(const void *a, const void *b) {
  const paired_box *x = a, *y = b;
  if (x->score != y->score) return x->score > y->score ? -1 : 1;
  if (x->image != y->image) return x->image < y->image ? -1 : 1;
  return x->found - y->found;
}

bf_status bf_pairing_create(bf_pairing **out, const bf_hit_image *images, int64_t count, bf_error *err) {
  int64_t found = 0;
  for (int64_t i = 0; i < count; i++) found += images[i].found_count;
  bf_pairing *p = *out = bf_alloc(1, sizeof *p);
  bool good = p != NULL && (p->boxes = bf_alloc((size_t)found, sizeof *p->boxes)) != NULL &&
              (p->first_lesion = bf_alloc((size_t)count, sizeof *p->first_lesion)) != NULL &&
              (p->lesions_of = bf_alloc((size_t)count, sizeof *p->lesions_of)) != NULL;
  for (int64_t i = 0; i < count && good; i++) {
    p->first_lesion[i] = p->lesions;
    p->lesions_of[i] = images[i].truth_count;
    p->lesions += images[i].truth_count;
    for (int32_t f = 0; f < images[i].found_count && good; f++) good = pair_box(p, &images[i], i, f);
  }
  if (!good) {
    bf_pairing_destroy(p);
    *out = NULL;
    return bf_fail(err, BF_E_MEMORY, "no memory to match %lld boxes", (long long)found);
  }
  p->images = count;
  qsort(p->boxes, (size_t)p->count, sizeof *p->boxes, best_first);
  return BF_OK;
}

void bf_pairing_destroy(bf_pairing *p) {
  if (p == NULL) return;
  bf_free(p->boxes);
  bf_free(p->candidates);
  bf_free(p->first_lesion);
  bf_free(p->lesions_of);
  bf_free(p);
}

int64_t bf_pairing_boxes(const bf_pairing *p) { return p->count; }

const int32_t *bf_pairing_lesions(const bf_pairing *p, int64_t *images) {
  *images = p->images;
  return p->lesions_of;
}

/* ---- matching ---- */

/* How well a lesion is hit; -infinity: not at all. */
static double worth_of(const candidate *c, bf_hit_test test) {
  if (test.kind == BF_HIT_BY_CENTRE) return c->nearness;
  return c->iou > 0 && c->iou >= test.least ? c->iou : -INFINITY;
}

/* taken: of the image's lesions. */
static bf_verdict judge(bool *taken, const bf_pairing *p, const paired_box *box, bf_hit_test test) {
  bf_verdict v = {box->score, 0, box->image, box->found, -1, false};
  double best = -INFINITY;
  for (int64_t k = box->first; k < box->end; k++) {
    const candidate *c = &p->candidates[k];
    double worth = taken[c->truth] ? -INFINITY : worth_of(c, test);
    if (worth > best) best = worth, v.truth = c->truth, v.iou = c->iou;
  }
  v.hit = v.truth >= 0;
  if (v.hit) taken[v.truth] = true;
  return v;
}

/* Of equal scores the false ones first: ties never flatter. */
static int false_first(const void *a, const void *b) {
  const bf_verdict *x = a, *y = b;
  if (x->hit != y->hit) return (int)x->hit - (int)y->hit;
  if (x->image != y->image) return x->image < y->image ? -1 : 1;
  return x->found - y->found;
}

static void order_ties(bf_verdict *verdicts, int64_t count) {
  for (int64_t i = 0, k; i < count; i = k) {
    for (k = i + 1; k < count && verdicts[k].score == verdicts[i].score;) k++;
    if (k > i + 1) qsort(verdicts + i, (size_t)(k - i), sizeof *verdicts, false_first);
  }
}

static bool matching_make(bf_matching *out, int64_t boxes, int64_t images) {
  *out = (bf_matching){bf_alloc((size_t)boxes, sizeof *out->verdicts), bf_alloc((size_t)images, sizeof(int32_t)), 0,
                       images, 0};
  return out->verdicts != NULL && out->lesions_of != NULL;
}

void bf_matching_clear(bf_matching *matching) {
  bf_free(matching->verdicts);
  bf_free(matching->lesions_of);
  *matching = (bf_matching){0};
}

static bf_status short_of_memory(bf_matching *out, int64_t boxes, bf_error *err) {
  bf_matching_clear(out);
  return bf_fail(err, BF_E_MEMORY, "no memory to match %lld boxes", (long long)boxes);
}

bf_status bf_metrics_judge(bf_verdict *verdicts, const bf_pairing *p, bf_hit_test test, bf_error *err) {
  bool *taken = bf_alloc((size_t)p->lesions, sizeof *taken);
  if (taken == NULL) return bf_fail(err, BF_E_MEMORY, "no memory to match %lld boxes", (long long)p->count);
  for (int64_t i = 0; i < p->count; i++)
    verdicts[i] = judge(taken + p->first_lesion[p->boxes[i].image], p, &p->boxes[i], test);
  bf_free(taken);
  return BF_OK;
}

bf_status bf_metrics_match_pairing(bf_matching *out, const bf_pairing *p, bf_hit_test test, bf_error *err) {
  if (!matching_make(out, p->count, p->images)) return short_of_memory(out, p->count, err);
  bf_status status = bf_metrics_judge(out->verdicts, p, test, err);
  if (status != BF_OK) {
    bf_matching_clear(out);
    return status;
  }
  out->count = p->count;
  out->lesions = p->lesions;
  for (int64_t i = 0; i < p->images; i++) out->lesions_of[i] = p->lesions_of[i];
  order_ties(out->verdicts, out->count);
  return BF_OK;
}

bf_status bf_metrics_match(bf_matching *out, const bf_hit_image *images, int64_t count, bf_hit_rule rule,
                           bf_error *err) {
  bf_pairing *pairing;
  *out = (bf_matching){0};
  bf_status status = bf_pairing_create(&pairing, images, count, err);
  if (status == BF_OK) status = bf_metrics_match_pairing(out, pairing, bf_metrics_hit_test(rule), err);
  bf_pairing_destroy(pairing);
  return status;
}

bf_status bf_matching_narrow(bf_matching *out, const bf_matching *whole, const uint8_t *member, bf_error *err) {
  int64_t *first = bf_alloc((size_t)whole->images, sizeof *first), next = 0;
  bool good = matching_make(out, whole->count, whole->images);
  if (first == NULL || !good) {
    bf_free(first);
    return short_of_memory(out, whole->count, err);
  }
  for (int64_t i = 0; i < whole->images; i++) {
    first[i] = next;
    next += whole->lesions_of[i];
    for (int64_t k = first[i]; k < next; k++) out->lesions_of[i] += member[k] != 0;
    out->lesions += out->lesions_of[i];
  }
  for (int64_t i = 0; i < whole->count; i++) {
    const bf_verdict *v = &whole->verdicts[i];
    if (!v->hit || member[first[v->image] + v->truth]) out->verdicts[out->count++] = *v;
  }
  bf_free(first);
  return BF_OK;
}
