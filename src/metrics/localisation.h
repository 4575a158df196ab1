/* Found boxes against lesions: matching, FROC, average precision, and how well the hits sit. Images without lesions
 * count for false positives; images whose lesions are unknown must not be given. Boxes are in pixels of their image. */
#ifndef BF_METRICS_LOCALISATION_H
#define BF_METRICS_LOCALISATION_H

#include <stdbool.h>
#include <stdint.h>

#include "bifocal/status.h"

typedef struct bf_hit_box {
  double xmin, ymin, xmax, ymax, score; /* score unused in truths */
} bf_hit_box;

typedef struct bf_hit_image {
  const bf_hit_box *truths, *found;
  int truth_count, found_count;
} bf_hit_image;

/* 0 where they do not overlap, or both are without area. */
double bf_metrics_iou(const bf_hit_box *a, const bf_hit_box *b);

/* ---- when a found box hits a lesion ---- */

typedef enum bf_hit_kind { BF_HIT_BY_IOU, BF_HIT_BY_CENTRE } bf_hit_kind;
typedef struct bf_hit_test {
  bf_hit_kind kind;
  double
      least; /* BF_HIT_BY_IOU: IoU >= least, above 0; BF_HIT_BY_CENTRE: unused, its centre lies in the lesion's box */
} bf_hit_test;

/* The tests that have names. */
typedef enum bf_hit_rule { BF_HIT_IOU50, BF_HIT_IOU10, BF_HIT_CENTRE, BF_HIT_IOU75 } bf_hit_rule;
bf_hit_test bf_metrics_hit_test(bf_hit_rule rule);

/* ---- matching ---- */

/* A found box: what it hits. */
typedef struct bf_verdict {
  double score;
  double iou; /* with the lesion that it hits; 0 when it hits none */
  int64_t image;
  int32_t found; /* which of the image's found boxes */
  int32_t truth; /* which of the image's lesions; -1 none */
  bool hit;
} bf_verdict;

/* Every found box of every image with its verdict, best score first; of equal scores the false ones first. */
typedef struct bf_matching {
  bf_verdict *verdicts; /* owned */
  int32_t *lesions_of;  /* owned: of each image, how many count */
  int64_t count, images, lesions;
} bf_matching;

/* The overlaps of all found boxes with the lesions of their images, computed once and matched under any number of
 * tests. Immutable: any thread. Borrows nothing after it is made. */
typedef struct bf_pairing bf_pairing;
bf_status bf_pairing_create(bf_pairing **out, const bf_hit_image *images, int64_t count, bf_error *err);
void bf_pairing_destroy(bf_pairing *pairing);
int64_t bf_pairing_boxes(const bf_pairing *pairing);
/* How many each of the *images has; borrowed. */
const int32_t *bf_pairing_lesions(const bf_pairing *pairing, int64_t *images);

/* Within an image boxes are taken by falling score (of equals the earlier); each hits the free lesion that it overlaps
 * most under the test (by the centre: whose centre is nearest; of equals the earlier). A lesion is hit once, further
 * boxes on it are false. This is COCO's greedy rule (Lin et al. 2014), without its limit on the number of boxes. */
bf_status bf_metrics_match_pairing(bf_matching *out, const bf_pairing *pairing, bf_hit_test test, bf_error *err);
/* The verdicts alone, by falling score, of equal scores in an order that no test changes: verdict i is of the same box
 * under every test. verdicts has room for bf_pairing_boxes. */
bf_status bf_metrics_judge(bf_verdict *verdicts, const bf_pairing *pairing, bf_hit_test test, bf_error *err);
/* Both at once, for one test. */
bf_status bf_metrics_match(bf_matching *out, const bf_hit_image *images, int64_t count, bf_hit_rule rule,
                           bf_error *err);
void bf_matching_clear(bf_matching *matching);

/* The same of a group of lesions, say those of a size: a hit on another lesion is neither hit nor false, the false
 * boxes stay those of all images. Whatever takes a matching takes this one. member[k] != 0: lesion k is in the group,
 * lesions counted on over the images in their order. `whole` is one that bf_metrics_match* made. */
bf_status bf_matching_narrow(bf_matching *out, const bf_matching *whole, const uint8_t *member, bf_error *err);

/* ---- figures of a matching: NaN without lesions or images ---- */

/* Lesion sensitivity where the false positives an image do not exceed `rate` (Bunch et al. 1977, FROC). Equal
 * scores are taken all or none. */
double bf_metrics_froc(const bf_matching *matching, double rate);
/* Mean of the sensitivities at 1/8, 1/4, 1/2, 1, 2, 4, 8 false positives an image (CPM). */
enum { BF_CPM_RATES = 7 };
extern const double bf_cpm_rates[BF_CPM_RATES];
double bf_metrics_cpm(const bf_matching *matching);
/* Average precision: precision made falling from the right, mean over 101 recalls (COCO). 0 where nothing is hit. */
double bf_metrics_box_precision(const bf_matching *matching);

typedef struct bf_froc_point {
  double threshold, false_positives, sensitivity; /* false positives an image */
} bf_froc_point;
/* From the highest threshold (infinity: no box) to the lowest score; one point a distinct score. points has room for
 * matching->count + 1. Returns the count; 0 without lesions or images. */
int64_t bf_metrics_froc_curve(bf_froc_point *points, const bf_matching *matching);

/* How well each hit sits on its lesion. */
typedef struct bf_hit_places {
  double *iou;      /* owned, as all arrays */
  double *distance; /* of the centres, in pixels */
  double *relative; /* of the centres, as a share of the lesion's diagonal */
  int64_t *image;
  int64_t count;
} bf_hit_places;
/* images: those that were matched. */
bf_status bf_metrics_hit_places(bf_hit_places *out, const bf_matching *matching, const bf_hit_image *images,
                                bf_error *err);
void bf_hit_places_clear(bf_hit_places *places);

/* best[k]: of lesion k, lesions counted on over the images in their order, the best IoU among the image's boxes,
 * whatever their score; 0 without a box. */
void bf_metrics_best_iou(double *best, const bf_hit_image *images, int64_t count);

#endif
