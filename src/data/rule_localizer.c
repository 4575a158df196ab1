/* Images that were taken to plan others: Image Type says so (PS3.3 C.8.2.1.1.1), or, where no scanner's word helps, a
 * series of magnetic resonance whose slices lie in planes at right angles to each other. */
#include <math.h>
#include <string.h>

#include "base/memory.h"
#include "data/catalog_look.h"

/* A plan has a few slices of each plane; a volume with one stray slice across is none. */
enum { most_planes = 3, most_slices = 15 };

/* Of one series; count beyond most_planes: many. */
typedef struct planes {
  int count, slices[most_planes];
  double normals[most_planes][3];
  bool square; /* each at right angles to the others */
} planes;

static void add(planes *p, const double normal[3]) {
  for (int k = 0; k < p->count && k < most_planes; k++)
    if (fabs(bf_looks_product(p->normals[k], normal)) > 0.9) {
      p->slices[k]++;
      return;
    }
  for (int k = 0; k < p->count && k < most_planes; k++)
    if (fabs(bf_looks_product(p->normals[k], normal)) > 0.2) p->square = false;
  if (p->count < most_planes) {
    memcpy(p->normals[p->count], normal, sizeof p->normals[0]);
    p->slices[p->count] = 1;
  }
  p->count++;
}

static bool is_plan(const planes *p) {
  bool few = true;
  for (int k = 0; k < p->count && k < most_planes; k++) few = few && p->slices[k] <= most_slices;
  return p->count > 1 && p->count <= most_planes && p->square && few;
}

static bool has_planes(const bf_look *look) {
  return look->series >= 0 && look->has_place && look->frames == 1 && strcmp(look->modality, "MR") == 0;
}

bf_status bf_rule_localizer(bf_looks *all, bf_error *err) {
  planes *series = bf_alloc((size_t)all->series, sizeof *series);
  bf_status status = series != NULL ? BF_OK : bf_fail(err, BF_E_MEMORY, "no memory to compare series");
  for (int64_t i = 0; i < all->series && status == BF_OK; i++) series[i].square = true;
  for (int64_t i = 0; i < all->count && status == BF_OK; i++)
    if (bf_looks_takes(all, i) && has_planes(&all->looks[i])) add(&series[all->looks[i].series], all->looks[i].normal);
  for (int64_t i = 0; i < all->count && status == BF_OK; i++) {
    const bf_look *look = &all->looks[i];
    if (!bf_looks_takes(all, i)) continue;
    const planes *p = has_planes(look) ? &series[look->series] : NULL;
    bool crossed = p != NULL && is_plan(p);
    if (look->localizer || crossed)
      status = bf_looks_leave(all, i, -1,
                              look->localizer ? "a localizer (Image Type (0008,0008))"
                                              : "a localizer (its series has planes at right angles)",
                              err);
  }
  bf_free(series);
  return status;
}
