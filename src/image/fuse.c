/* Weighted boxes fusion. */
#include "image/fuse.h"

enum { most = 512 };

static void sort_by_score(bf_scored_rect *boxes, int count) {
  for (int i = 1; i < count; i++) { /* insertion keeps the order of equals; lists are short */
    bf_scored_rect item = boxes[i];
    int j = i;
    for (; j > 0 && boxes[j - 1].score < item.score; j--) boxes[j] = boxes[j - 1];
    boxes[j] = item;
  }
}

static bf_rect mean_of(bf_rect sum, double weight) {
  return (bf_rect){sum.xmin / weight, sum.ymin / weight, sum.xmax / weight, sum.ymax / weight};
}

int bf_fuse_rects(bf_scored_rect *boxes, int count, int views, double overlap) {
  if (count > most) count = most;
  sort_by_score(boxes, count);
  bf_rect sums[most];
  double weights[most];
  int clusters = 0;
  for (int i = 0; i < count; i++) {
    bf_rect r = boxes[i].rect;
    double w = boxes[i].score > 1e-9 ? boxes[i].score : 1e-9;
    int best = -1;
    double best_iou = overlap;
    for (int c = 0; c < clusters; c++) {
      double iou = bf_rect_iou(mean_of(sums[c], weights[c]), r);
      if (iou >= best_iou) best = c, best_iou = iou;
    }
    if (best < 0) {
      best = clusters++;
      sums[best] = (bf_rect){0};
      weights[best] = 0;
    }
    sums[best].xmin += w * r.xmin, sums[best].ymin += w * r.ymin;
    sums[best].xmax += w * r.xmax, sums[best].ymax += w * r.ymax;
    weights[best] += w;
  }
  for (int c = 0; c < clusters; c++) {
    double score = weights[c] / (views > 0 ? views : 1);
    boxes[c] = (bf_scored_rect){mean_of(sums[c], weights[c]), score < 1 ? score : 1};
  }
  sort_by_score(boxes, clusters);
  return clusters;
}
