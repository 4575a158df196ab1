/* Masks against masks. */
#include <math.h>

#include "metrics/overlap.h"

bf_overlap bf_metrics_overlap(const uint8_t *a, const uint8_t *b, int64_t bytes) {
  bf_overlap o = {0, 0, 0};
  for (int64_t i = 0; i < bytes; i++) {
    o.a += __builtin_popcount(a[i]);
    o.b += __builtin_popcount(b[i]);
    o.both += __builtin_popcount(a[i] & b[i]);
  }
  return o;
}

double bf_metrics_dice(bf_overlap o) { return o.a + o.b > 0 ? 2 * (double)o.both / (double)(o.a + o.b) : NAN; }

double bf_metrics_mask_iou(bf_overlap o) {
  int64_t either = o.a + o.b - o.both;
  return either > 0 ? (double)o.both / (double)either : NAN;
}
