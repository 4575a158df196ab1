/* Masks against masks. */
#ifndef BF_METRICS_OVERLAP_H
#define BF_METRICS_OVERLAP_H

#include <stdint.h>

/* Set bits of two bit-packed masks, and of both. */
typedef struct bf_overlap {
  int64_t a, b, both;
} bf_overlap;
bf_overlap bf_metrics_overlap(const uint8_t *a, const uint8_t *b, int64_t bytes);
/* 2 both/(a + b) (Dice 1945), and both over either (Jaccard 1912); NaN where both masks are empty. */
double bf_metrics_dice(bf_overlap overlap);
double bf_metrics_mask_iou(bf_overlap overlap);

#endif
