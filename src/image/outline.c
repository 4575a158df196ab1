/* Edges of lesions. */
#include "image/outline.h"

#include <math.h>
#include <stdlib.h>

#include "base/memory.h"
#include "image/mask.h"

static const double same_drawing = 1.5; /* pixels between a given box and the mask's own */
enum { most_ends = 64 };                /* rows, and columns, whose ends are kept beside the hull */

/* First and last set pixel of each row of the window, and of each column; none: last < first. */
typedef struct ends {
  int32_t x0, y0, width, height; /* the window */
  int32_t *left, *right, *top, *bottom;
} ends;

static void ends_clear(ends *e) { bf_free(e->left); }

static bf_status ends_create(ends *e, bf_rect box, int32_t rows, int32_t columns, bf_error *err) {
  int32_t x1 = (int32_t)fmin(ceil(box.xmax), columns), y1 = (int32_t)fmin(ceil(box.ymax), rows);
  *e = (ends){.x0 = (int32_t)fmax(floor(box.xmin), 0), .y0 = (int32_t)fmax(floor(box.ymin), 0)};
  e->width = x1 > e->x0 ? x1 - e->x0 : 0;
  e->height = y1 > e->y0 ? y1 - e->y0 : 0;
  size_t w = (size_t)e->width, h = (size_t)e->height;
  e->left = bf_alloc(2 * (w + h), sizeof *e->left);
  if (e->left == NULL) return bf_fail(err, BF_E_MEMORY, "no memory for the outline of a lesion");
  e->right = e->left + h, e->top = e->right + h, e->bottom = e->top + w;
  for (size_t k = 0; k < h; k++) e->left[k] = INT32_MAX, e->right[k] = -1;
  for (size_t k = 0; k < w; k++) e->top[k] = INT32_MAX, e->bottom[k] = -1;
  return BF_OK;
}

static void find_ends(ends *e, const uint8_t *mask, int32_t columns) {
  for (int32_t y = 0; y < e->height; y++)
    for (int32_t x = 0; x < e->width; x++) {
      if (!bf_mask_get(mask, columns, e->x0 + x, e->y0 + y)) continue;
      if (x < e->left[y]) e->left[y] = x;
      if (x > e->right[y]) e->right[y] = x;
      if (y < e->top[x]) e->top[x] = y;
      if (y > e->bottom[x]) e->bottom[x] = y;
    }
}

/* The pixels' own box; false where there is none. */
static bool box_of(bf_rect *out, const ends *e) {
  *out = (bf_rect){INFINITY, INFINITY, -INFINITY, -INFINITY};
  for (int32_t y = 0; y < e->height; y++) {
    if (e->right[y] < 0) continue;
    out->xmin = fmin(out->xmin, e->x0 + e->left[y]), out->xmax = fmax(out->xmax, e->x0 + e->right[y] + 1);
    out->ymin = fmin(out->ymin, e->y0 + y), out->ymax = fmax(out->ymax, e->y0 + y + 1);
  }
  return out->xmax > out->xmin;
}

static int by_place(const void *a, const void *b) {
  const bf_point *p = a, *q = b;
  if (p->x != q->x) return p->x < q->x ? -1 : 1;
  return (p->y > q->y) - (p->y < q->y);
}

static double turn(bf_point o, bf_point a, bf_point b) {
  return ((double)a.x - o.x) * ((double)b.y - o.y) - ((double)a.y - o.y) * ((double)b.x - o.x);
}

/* Andrew's monotone chain (1979). hull has room for n + 1; returns its corners' count. */
static int32_t convex_hull(bf_point *hull, bf_point *points, int32_t n) {
  qsort(points, (size_t)n, sizeof *points, by_place);
  int32_t count = 0, lower;
  for (int32_t i = 0; i < n; i++) {
    while (count >= 2 && turn(hull[count - 2], hull[count - 1], points[i]) <= 0) count--;
    hull[count++] = points[i];
  }
  lower = count + 1;
  for (int32_t i = n - 2; i >= 0; i--) {
    while (count >= lower && turn(hull[count - 2], hull[count - 1], points[i]) <= 0) count--;
    hull[count++] = points[i];
  }
  return count > 1 ? count - 1 : count; /* the first point came again */
}

static int32_t put_row(bf_point *to, const ends *e, int32_t y) {
  float left = (float)(e->x0 + e->left[y]), right = (float)(e->x0 + e->right[y] + 1), at = (float)(e->y0 + y);
  if (e->right[y] < 0) return 0;
  to[0] = (bf_point){left, at}, to[1] = (bf_point){right, at};
  to[2] = (bf_point){left, at + 1}, to[3] = (bf_point){right, at + 1};
  return 4;
}

static int32_t put_column(bf_point *to, const ends *e, int32_t x) {
  if (e->bottom[x] < 0) return 0;
  to[0] = (bf_point){(float)(e->x0 + x) + 0.5f, (float)(e->y0 + e->top[x])};
  to[1] = (bf_point){to[0].x, (float)(e->y0 + e->bottom[x] + 1)};
  return 2;
}

/* The hull's corners, then ends of some rows and columns. */
static bf_status gather(bf_outline *out, const ends *e, bf_error *err) {
  bf_point *all = bf_alloc(4 * (size_t)e->height, sizeof *all),
           *hull = bf_alloc(4 * (size_t)e->height + 1, sizeof *hull);
  size_t room = 4 * (size_t)e->height + 1 + 4 * (most_ends + 1) + 2 * (most_ends + 1);
  out->points = bf_alloc(room, sizeof *out->points);
  bf_status status =
      all && hull && out->points ? BF_OK : bf_fail(err, BF_E_MEMORY, "no memory for the outline of a lesion");
  int32_t n = 0;
  for (int32_t y = 0; y < e->height && status == BF_OK; y++) n += put_row(all + n, e, y);
  if (status == BF_OK) {
    n = convex_hull(hull, all, n);
    for (int32_t i = 0; i < n; i++) out->points[out->count++] = hull[i];
    for (int32_t y = 0; y < e->height; y += 1 + e->height / most_ends)
      out->count += put_row(out->points + out->count, e, y);
    for (int32_t x = 0; x < e->width; x += 1 + e->width / most_ends)
      out->count += put_column(out->points + out->count, e, x);
  }
  bf_free(all);
  bf_free(hull);
  return status;
}

bf_status bf_outline_find(bf_outline *out, const uint8_t *mask, int32_t rows, int32_t columns, bf_rect box,
                          bf_error *err) {
  ends e;
  bf_rect own;
  *out = (bf_outline){0};
  bf_status status = ends_create(&e, box, rows, columns, err);
  if (status != BF_OK) return status;
  find_ends(&e, mask, columns);
  bool same = box_of(&own, &e) && fabs(own.xmin - box.xmin) <= same_drawing &&
              fabs(own.ymin - box.ymin) <= same_drawing && fabs(own.xmax - box.xmax) <= same_drawing &&
              fabs(own.ymax - box.ymax) <= same_drawing;
  if (same) status = gather(out, &e, err);
  if (status != BF_OK) bf_outline_clear(out);
  ends_clear(&e);
  return status;
}

void bf_outline_clear(bf_outline *outline) {
  bf_free(outline->points);
  *outline = (bf_outline){0};
}

bf_rect bf_outline_rect(const bf_outline *outline, const bf_warp *warp, bf_rect box) {
  if (outline == NULL || outline->count == 0) return bf_warp_rect(warp, box);
  bf_rect out = {INFINITY, INFINITY, -INFINITY, -INFINITY};
  for (int32_t i = 0; i < outline->count; i++) {
    double x, y;
    bf_warp_forward(warp, (double)outline->points[i].x, (double)outline->points[i].y, &x, &y);
    out.xmin = fmin(out.xmin, x), out.xmax = fmax(out.xmax, x);
    out.ymin = fmin(out.ymin, y), out.ymax = fmax(out.ymax, y);
  }
  return out;
}
