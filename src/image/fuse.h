/* Joining the boxes that several looks at one picture gave (mirrored views, members of an ensemble). */
#ifndef BF_IMAGE_FUSE_H
#define BF_IMAGE_FUSE_H

#include "image/geometry.h"

typedef struct bf_scored_rect {
  bf_rect rect;
  double score; /* 0 to 1 */
} bf_scored_rect;

/* Weighted boxes fusion (Solovyev, Wang, Gabruseva 2021): boxes whose IoU with a cluster's mean is at least
 * `overlap` join it; a cluster's box is the mean weighted by score, its score the sum of scores over `views`, at most
 * 1. In place; returns the new count, best score first. Equal scores keep their order. */
int bf_fuse_rects(bf_scored_rect *boxes, int count, int views, double overlap);

#endif
