/* Probabilities of pixels. */
#include "run/probability.h"

#include <math.h>
#include <stdlib.h>

#include "base/memory.h"
#include "image/components.h"
#include "image/mask.h"
#include "nn/loss.h"

/* Probabilities of cells, and where the network looked. */
typedef struct grid {
  float *at; /* owned */
  int w, h;
  double stride;
} grid;

static bool make_grid(grid *g, const bf_prediction *p) {
  *g = (grid){bf_alloc((size_t)p->mask_h * (size_t)p->mask_w, sizeof(float)), p->mask_w, p->mask_h, p->mask_stride};
  for (int64_t i = 0; g->at != NULL && i < (int64_t)p->mask_h * p->mask_w; i++)
    g->at[i] = (float)bf_sigmoid(p->mask[i]);
  return g->at != NULL;
}

static int within(int at, int count) { return at < 0 ? 0 : at < count ? at : count - 1; }

/* x, y: network pixels. Cells' values stand at their middles. */
static float look(const grid *g, double x, double y) {
  if (!(x >= 0 && y >= 0 && x <= g->w * g->stride && y <= g->h * g->stride)) return 0;
  double u = x / g->stride - 0.5, v = y / g->stride - 0.5;
  int x0 = (int)floor(u), y0 = (int)floor(v);
  float fx = (float)(u - x0), fy = (float)(v - y0);
  const float *top = g->at + (int64_t)within(y0, g->h) * g->w, *low = g->at + (int64_t)within(y0 + 1, g->h) * g->w;
  int left = within(x0, g->w), right = within(x0 + 1, g->w);
  float a = top[left] + fx * (top[right] - top[left]), b = low[left] + fx * (low[right] - low[left]);
  return a + fy * (b - a);
}

bf_status bf_probability_map(uint8_t **out, const bf_prediction *p, bf_affine to_network, int32_t columns, int32_t rows,
                             bf_error *err) {
  grid g;
  const double *m = to_network.m;
  *out = NULL;
  if (!bf_mask_size_good(rows, columns))
    return bf_fail(err, BF_E_LIMIT, "a mask of %d x %d is outside of 1 x 1 to %lld pixels", columns, rows,
                   (long long)BF_MASK_MAX_PIXELS);
  bool good = make_grid(&g, p);
  *out = good ? bf_alloc_raw((size_t)rows * (size_t)columns, 1) : NULL;
  if (*out == NULL) {
    bf_free(g.at);
    return bf_fail(err, BF_E_MEMORY, "no memory for a mask of %d x %d", columns, rows);
  }
  for (int32_t y = 0; y < rows; y++) {
    uint8_t *line = *out + (int64_t)y * columns;
    double v = y + 0.5;
    for (int32_t x = 0; x < columns; x++) {
      double u = x + 0.5;
      line[x] = (uint8_t)(255 * look(&g, m[0] * u + m[1] * v + m[2], m[3] * u + m[4] * v + m[5]) + 0.5f);
    }
  }
  bf_free(g.at);
  return BF_OK;
}

bf_status bf_probability_mask(uint8_t **out, const uint8_t *probable, int32_t columns, int32_t rows, bf_error *err) {
  *out = bf_alloc(bf_mask_bytes(rows, columns), 1);
  if (*out == NULL) return bf_fail(err, BF_E_MEMORY, "no memory for a mask of %d x %d", columns, rows);
  for (int32_t y = 0; y < rows; y++)
    for (int32_t x = 0; x < columns; x++)
      if (probable[(int64_t)y * columns + x] >= 128) bf_mask_set(*out, columns, x, y);
  return BF_OK;
}

static float mean_in(const uint8_t *probable, const uint8_t *mask, int32_t columns, const bf_component *piece) {
  double sum = 0;
  int64_t count = 0;
  for (int32_t y = piece->ymin; y < piece->ymax; y++)
    for (int32_t x = piece->xmin; x < piece->xmax; x++)
      if (bf_mask_get(mask, columns, x, y)) sum += probable[(int64_t)y * columns + x], count++;
  return count > 0 ? (float)(sum / (255.0 * (double)count)) : 0;
}

/* Keeps the list sorted, best first; a full one loses its last. */
static int insert(bf_found_box *boxes, int count, bf_found_box box) {
  if (count == BF_MAX_BOXES && box.score <= boxes[count - 1].score) return count;
  int i = count < BF_MAX_BOXES ? count : count - 1;
  for (; i > 0 && boxes[i - 1].score < box.score; i--) boxes[i] = boxes[i - 1];
  boxes[i] = box;
  return count < BF_MAX_BOXES ? count + 1 : count;
}

/* The pieces of the mask that are no specks. */
static bf_status find_lesions(bf_components *pieces, const uint8_t *mask, int32_t columns, int32_t rows,
                              bf_error *err) {
  bf_status status = bf_components_find(pieces, mask, rows, columns, err);
  bf_components_drop_specks(pieces, (int64_t)rows * columns);
  return status;
}

bf_status bf_probability_boxes(bf_found_box *boxes, int *count, const uint8_t *probable, const uint8_t *mask,
                               int32_t columns, int32_t rows, bf_error *err) {
  bf_components pieces;
  *count = 0;
  bf_status status = find_lesions(&pieces, mask, columns, rows, err);
  for (int32_t i = 0; i < pieces.count; i++) {
    const bf_component *p = &pieces.items[i];
    *count = insert(boxes, *count,
                    (bf_found_box){(float)p->xmin, (float)p->ymin, (float)p->xmax, (float)p->ymax,
                                   mean_in(probable, mask, columns, p)});
  }
  bf_components_clear(&pieces);
  return status;
}

static bf_rect rect_of(const bf_found_box *b) { return (bf_rect){b->xmin, b->ymin, b->xmax, b->ymax}; }

/* Where a box and a piece overlap less than this they are not the same lesion. */
static const double least_overlap = 0.1;
/* Boxes that follow the same piece and overlap at least this much are the same lesion. */
static const double same_lesion = 0.5;

/* -1: none. */
static int32_t piece_under(const bf_components *pieces, const bf_found_box *box) {
  int32_t best = -1;
  double most = 0;
  for (int32_t i = 0; i < pieces->count; i++) {
    const bf_component *p = &pieces->items[i];
    double iou = bf_rect_iou(rect_of(box), (bf_rect){p->xmin, p->ymin, p->xmax, p->ymax});
    if (iou >= least_overlap && iou > most) best = i, most = iou;
  }
  return best;
}

static float towards(float side, int32_t edge, double share) {
  return (float)((1 - share) * (double)side + share * edge);
}

bf_status bf_probability_sides(bf_found_box *boxes, int *count, const uint8_t *mask, int32_t columns, int32_t rows,
                               double share, bf_error *err) {
  bf_components pieces;
  int32_t followed[BF_MAX_BOXES];
  int kept = 0;
  if (!(share > 0)) return BF_OK;
  bf_status status = find_lesions(&pieces, mask, columns, rows, err);
  for (int i = 0; i < *count && status == BF_OK; i++) {
    bf_found_box box = boxes[i];
    int32_t piece = piece_under(&pieces, &box);
    if (piece >= 0) {
      const bf_component *p = &pieces.items[piece];
      box = (bf_found_box){towards(box.xmin, p->xmin, share), towards(box.ymin, p->ymin, share),
                           towards(box.xmax, p->xmax, share), towards(box.ymax, p->ymax, share), box.score};
    }
    bool fresh = true;
    for (int k = 0; k < kept && fresh && piece >= 0; k++)
      fresh = followed[k] != piece || bf_rect_iou(rect_of(&boxes[k]), rect_of(&box)) < same_lesion;
    if (!fresh) continue;
    followed[kept] = piece;
    boxes[kept++] = box;
  }
  if (status == BF_OK) *count = kept;
  bf_components_clear(&pieces);
  return status;
}
