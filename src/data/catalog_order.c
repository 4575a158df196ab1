/* Slices to volumes. */
#include <math.h>
#include <stdlib.h>

#include "base/memory.h"
#include "data/catalog_look.h"

enum { most_groups = 64 };

/* Places nearer than this along the normal are one, in mm. */
static const double same_place = 0.01, same_direction = 0.9999, same_spacing = 1e-3;

typedef struct slice {
  int64_t file, series;
  int group; /* of parallel slices of one size in the series */
  double depth;
  int32_t instance;
  int64_t stack; /* which of those at its place */
} slice;

static int compare_numbers(double a, double b) { return (a > b) - (a < b); }

static int by_series(const void *a, const void *b) {
  const slice *x = a, *y = b;
  int order = compare_numbers((double)x->series, (double)y->series);
  return order != 0 ? order : compare_numbers((double)x->file, (double)y->file);
}

static int by_depth(const void *a, const void *b) {
  const slice *x = a, *y = b;
  int order = compare_numbers(x->group, y->group);
  if (order == 0) order = compare_numbers(x->depth, y->depth);
  if (order == 0) order = compare_numbers(x->instance, y->instance);
  return order != 0 ? order : compare_numbers((double)x->file, (double)y->file);
}

/* At one place, first to last taken. */
static int by_instance(const void *a, const void *b) {
  const slice *x = a, *y = b;
  int order = compare_numbers(x->instance, y->instance);
  return order != 0 ? order : compare_numbers((double)x->file, (double)y->file);
}

static int by_stack(const void *a, const void *b) {
  const slice *x = a, *y = b;
  int order = compare_numbers(x->group, y->group);
  if (order == 0) order = compare_numbers((double)x->stack, (double)y->stack);
  return order != 0 ? order : compare_numbers(x->depth, y->depth);
}

static bool is_parallel(const bf_look *a, const bf_look *b) {
  return a->rows == b->rows && a->columns == b->columns && fabs(a->spacing[0] - b->spacing[0]) < same_spacing &&
         fabs(a->spacing[1] - b->spacing[1]) < same_spacing && bf_looks_product(a->normal, b->normal) > same_direction;
}

/* false: more groups than any series has for a reason. */
static bool find_groups(slice *slices, int64_t n, const bf_looks *all) {
  const bf_look *first[most_groups];
  int count = 0;
  for (int64_t i = 0; i < n; i++) {
    const bf_look *look = &all->looks[slices[i].file];
    int g = 0;
    while (g < count && !is_parallel(first[g], look)) g++;
    if (g == most_groups) return false;
    if (g == count) first[count++] = look;
    slices[i].group = g;
    slices[i].depth = bf_looks_product(look->position, first[g]->normal);
    slices[i].instance = look->instance;
  }
  return true;
}

static void find_stacks(slice *slices, int64_t n) {
  qsort(slices, (size_t)n, sizeof *slices, by_depth);
  for (int64_t i = 0, end; i < n; i = end) {
    for (end = i + 1;
         end < n && slices[end].group == slices[i].group && slices[end].depth - slices[i].depth < same_place;)
      end++;
    qsort(slices + i, (size_t)(end - i), sizeof *slices, by_instance);
    for (int64_t k = i; k < end; k++) slices[k].stack = k - i;
  }
  qsort(slices, (size_t)n, sizeof *slices, by_stack);
}

/* Whether each place of the group that begins at `first` holds as many slices: where one is missing, nothing says which
 * of several it was, and the stacks would mix echoes. */
static bool is_even(const slice *slices, int64_t first, int64_t n) {
  int64_t most = 0, count = 0, places = 0;
  for (int64_t i = first; i < n && slices[i].group == slices[first].group; i++, count++) {
    most = slices[i].stack > most ? slices[i].stack : most;
    places += slices[i].stack == 0;
  }
  return count == places * (most + 1);
}

/* One series: its slices stand where its first file stood. A slice that is alone in its stack is no volume. */
static void order_series(bf_place *places, int64_t *volumes, slice *slices, int64_t n, bf_looks *all) {
  int64_t anchor = slices[0].file;
  if (!find_groups(slices, n, all)) return;
  find_stacks(slices, n);
  bool even = false;
  for (int64_t i = 0, end; i < n; i = end) {
    for (end = i + 1; end < n && slices[end].group == slices[i].group && slices[end].stack == slices[i].stack;) end++;
    if (slices[i].stack == 0) even = is_even(slices, i, n);
    bool volume = even && end - i > 1;
    for (int64_t k = i; k < end; k++) {
      places[slices[k].file] = (bf_place){anchor, k, slices[k].file};
      if (volume) all->files[slices[k].file].volume = *volumes;
    }
    *volumes += volume;
  }
}

/* The same image again is no slice of its own. */
static bool is_slice(const bf_looks *all, int64_t file) {
  const bf_look *look = &all->looks[file];
  if (look->sop != NULL && bf_string_map_get(&all->sops, look->sop) != file) return false;
  return bf_looks_takes(all, file) && look->series >= 0 && look->has_place && look->frames == 1 &&
         bf_looks_is_volumetric(look);
}

bf_status bf_looks_order(bf_place *places, int64_t *volumes, bf_looks *all, bf_error *err) {
  int64_t n = 0;
  slice *slices = bf_alloc((size_t)all->count, sizeof *slices);
  if (slices == NULL) return bf_fail(err, BF_E_MEMORY, "no memory to order slices");
  *volumes = 0;
  for (int64_t i = 0; i < all->count; i++) {
    const bf_look *look = &all->looks[i];
    places[i] = (bf_place){i, 0, i};
    if (is_slice(all, i)) slices[n++] = (slice){.file = i, .series = look->series};
    if (bf_looks_takes(all, i) && look->frames > 1 && bf_looks_is_volumetric(look)) all->files[i].volume = (*volumes)++;
  }
  qsort(slices, (size_t)n, sizeof *slices, by_series);
  for (int64_t i = 0, end; i < n; i = end) {
    for (end = i + 1; end < n && slices[end].series == slices[i].series;) end++;
    order_series(places, volumes, slices + i, end - i, all);
  }
  bf_free(slices);
  return BF_OK;
}
