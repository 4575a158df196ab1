/* Thinning in two steps: spots that crowd around a kept one go, then those that a straight line passes by (Ramer 1972;
 * Douglas, Peucker 1973). The second step takes pieces of bounded length, so that no curve makes it quadratic. */
#include "page/thin.h"

#include <math.h>
#include <stdbool.h>
#include <string.h>

enum { piece = 2048 };

/* Distance of p from the piece of line from a to b. */
static double distance(bf_spot p, bf_spot a, bf_spot b) {
  double dx = b.x - a.x, dy = b.y - a.y, length2 = dx * dx + dy * dy;
  double along = length2 > 0 ? ((p.x - a.x) * dx + (p.y - a.y) * dy) / length2 : 0;
  along = along < 0 ? 0 : along > 1 ? 1 : along;
  return hypot(p.x - a.x - along * dx, p.y - a.y - along * dy);
}

static size_t drop_crowded(bf_spot *spots, size_t count, double most) {
  size_t kept = 1;
  for (size_t i = 1; i + 1 < count; i++)
    if (hypot(spots[i].x - spots[kept - 1].x, spots[i].y - spots[kept - 1].y) > most) spots[kept++] = spots[i];
  spots[kept++] = spots[count - 1];
  return kept;
}

/* keep[first] and keep[last] are set; marks those between that are needed. */
static void mark(bool *keep, const bf_spot *spots, int first, int last, double most) {
  short stack[2 * piece][2];
  int depth = 0;
  stack[depth][0] = (short)first, stack[depth++][1] = (short)last;
  while (depth > 0) {
    int from = stack[--depth][0], to = stack[depth][1], far = -1;
    double worst = most;
    for (int i = from + 1; i < to; i++) {
      double d = distance(spots[i], spots[from], spots[to]);
      if (d > worst) worst = d, far = i;
    }
    if (far < 0) continue;
    keep[far] = true;
    stack[depth][0] = (short)from, stack[depth++][1] = (short)far;
    stack[depth][0] = (short)far, stack[depth++][1] = (short)to;
  }
}

size_t bf_thin(bf_spot *spots, size_t count, double most) {
  if (count < 3) return count;
  count = drop_crowded(spots, count, 0.4 * most);
  size_t kept = 1;
  for (size_t start = 0; start + 1 < count; start += piece) {
    bool keep[piece + 1] = {false};
    int last = (int)(count - 1 - start < piece ? count - 1 - start : piece);
    /* The spot that the last piece ended with may have been moved over, not changed: its own place is still whole. */
    mark(keep, spots + start, 0, last, 0.6 * most);
    keep[last] = true;
    for (int i = 1; i <= last; i++)
      if (keep[i]) spots[kept++] = spots[start + (size_t)i];
  }
  return kept;
}
