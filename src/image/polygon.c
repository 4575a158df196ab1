/* Row by row through the centres of pixels, with the edges that the row passes at hand (Foley et al., Computer
 * Graphics, 2nd edition, 3.6). */
#include "image/polygon.h"

#include <math.h>
#include <stdlib.h>

#include "base/memory.h"
#include "image/mask.h"

typedef struct edge {
  bf_corner a, b;
  int32_t first, end; /* rows whose centres it passes */
} edge;

static int by_first(const void *a, const void *b) {
  const edge *x = a, *y = b;
  return (x->first > y->first) - (x->first < y->first);
}

static int by_value(const void *a, const void *b) {
  double x = *(const double *)a, y = *(const double *)b;
  return (x > y) - (x < y);
}

/* The first pixel, of `most`, whose centre is not before the place. */
static int32_t pixel_from(double place, int32_t most) { return (int32_t)fmin(most, fmax(0, ceil(place - 0.5))); }

/* Of two edges that share a corner one passes its row: each ends before the row of its lower corner. */
static int64_t collect(edge *edges, const bf_corner *corners, const int32_t *sizes, int32_t outlines, int32_t rows) {
  int64_t n = 0;
  for (int32_t o = 0; o < outlines; corners += sizes[o++])
    for (int32_t i = 0; i < sizes[o]; i++) {
      edge e = {.a = corners[i], .b = corners[(i + 1) % sizes[o]]};
      e.first = pixel_from(fmin(e.a.y, e.b.y), rows);
      e.end = pixel_from(fmax(e.a.y, e.b.y), rows);
      if (e.first < e.end) edges[n++] = e;
    }
  qsort(edges, (size_t)n, sizeof *edges, by_first);
  return n;
}

static double crossing(const edge *e, double y) {
  return e->a.x + (y - e->a.y) / (e->b.y - e->a.y) * (e->b.x - e->a.x);
}

/* at, passed: scratch, one an edge. */
static void fill(uint8_t *mask, int32_t columns, const edge *edges, int64_t count, double *at, const edge **passed) {
  int64_t next = 0, n = 0;
  for (int32_t y = count > 0 ? edges[0].first : 0; n > 0 || next < count; y++) {
    int64_t kept = 0;
    while (next < count && edges[next].first <= y) passed[n++] = &edges[next++];
    for (int64_t i = 0; i < n; i++)
      if (passed[i]->end > y) passed[kept++] = passed[i];
    n = kept;
    for (int64_t i = 0; i < n; i++) at[i] = crossing(passed[i], y + 0.5);
    qsort(at, (size_t)n, sizeof *at, by_value);
    for (int64_t i = 0; i + 1 < n; i += 2)
      for (int32_t x = pixel_from(at[i], columns), end = pixel_from(at[i + 1], columns); x < end; x++)
        bf_mask_set(mask, columns, x, y);
  }
}

bf_status bf_polygon_fill(uint8_t *mask, int32_t rows, int32_t columns, const bf_corner *corners, const int32_t *sizes,
                          int32_t outlines, bf_error *err) {
  int64_t total = 0;
  for (int32_t o = 0; o < outlines; o++) total += sizes[o];
  edge *edges = bf_alloc((size_t)total, sizeof *edges);
  double *at = bf_alloc((size_t)total, sizeof *at);
  const edge **passed = bf_alloc((size_t)total, sizeof *passed);
  bf_status status = edges && at && passed
                         ? BF_OK
                         : bf_fail(err, BF_E_MEMORY, "no memory for outlines of %lld corners", (long long)total);
  if (status == BF_OK) fill(mask, columns, edges, collect(edges, corners, sizes, outlines, rows), at, passed);
  bf_free(edges);
  bf_free(at);
  bf_free(passed);
  return status;
}
