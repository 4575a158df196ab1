/* Figures of lesions, and which range of sizes each is of. */
#include <math.h>

#include "base/memory.h"
#include "evaluation/assess_parts.h"
#include "evaluation/range.h"

/* ---- by size ---- */

/* Hundredths of the image where some spacing is unknown; else mm, the limits of T1b and T1 tumours of the breast. */
static const double size_limits[2][BF_SIZE_GROUPS - 1] = {{10, 25}, {10, 20}};

static bool spacing_known(const bf_cases *c, const bf_case *items, const int64_t *members, const bf_lesion_arrays *a) {
  for (int64_t i = 0; i < a->n; i++) {
    const bf_case *one = bf_case_at(items, members, a->at[i]);
    const bf_score_row *row = bf_case_row(c, one);
    if (one->boxes.truth_count > 0 && !(row->spacing_row > 0 && row->spacing_column > 0)) return false;
  }
  return true;
}

/* The range of each lesion by the longer side of its box. */
static void measure(uint8_t *range, bf_lesion_figures *f, const bf_cases *c, const bf_case *items,
                    const int64_t *members, const bf_lesion_arrays *a) {
  f->sizes_in_mm = f->lesions > 0 && spacing_known(c, items, members, a);
  const double *limits = size_limits[f->sizes_in_mm];
  for (int k = 0; k < BF_SIZE_GROUPS; k++)
    bf_range_name(f->sizes[k].name, sizeof f->sizes[k].name, limits, BF_SIZE_GROUPS - 1, k,
                  f->sizes_in_mm ? "mm" : "% of the image");
  for (int64_t i = 0; i < a->n; i++) {
    const bf_case *one = bf_case_at(items, members, a->at[i]);
    const bf_score_row *row = bf_case_row(c, one);
    double down = row->spacing_row, across = row->spacing_column,
           side = row->rows > row->columns ? row->rows : row->columns;
    if (!f->sizes_in_mm) down = across = 100 / (side > 0 ? side : 1);
    for (int t = 0; t < one->boxes.truth_count; t++) {
      const bf_hit_box *b = &one->boxes.truths[t];
      const double size = fmax((b->xmax - b->xmin) * across, (b->ymax - b->ymin) * down);
      *range = (uint8_t)bf_range_of(size, limits, BF_SIZE_GROUPS - 1);
      f->sizes[*range++].lesions++;
    }
  }
}

/* ---- all ---- */

static void count(bf_lesion_figures *f, const bf_lesion_arrays *a, int64_t cases) {
  f->images = a->n;
  f->unknown = cases - a->n;
  f->patients = a->patients;
  for (int64_t i = 0; i < a->n; i++) {
    f->lesions += a->images[i].truth_count;
    f->found += a->images[i].found_count;
    f->without_lesions += a->images[i].truth_count == 0;
  }
}

/* Where all or none of the lesions are found: Wilson's interval of the patients that have any. */
static void settle(bf_assessment *out, const bf_lesion_sets *sets) {
  for (int k = 0; k < BF_FROC_RATES; k++) {
    bf_resampled *r = &out->figures[BF_FIGURE_FROC_QUARTER + k];
    *r = bf_metrics_resampled_share(*r, bf_boxed_clusters(&sets->boxed));
  }
  for (int k = 0; k < BF_SIZE_GROUPS; k++) {
    bf_resampled *r = &out->figures[bf_place_of_size(k, BF_SIZE_FROC_1)];
    *r = bf_metrics_resampled_share(*r, bf_boxed_clusters(&sets->sizes[k]));
  }
}

static bf_status resample(bf_assessment *out, const bf_lesion_arrays *a, const uint8_t *size, bf_assess_depth depth,
                          const bf_assess_options *o, bf_error *err) {
  bf_lesion_sets sets;
  bf_status status = bf_lesion_sets_make(&sets, a, out->lesions.lesions, size, o, depth, err);
  if (status == BF_OK) status = bf_plan_resample(out->figures, &sets.plan, a->patients, o, err);
  if (status == BF_OK) settle(out, &sets);
  out->lesions.hits = sets.hits;
  bf_lesion_sets_clear(&sets);
  return status;
}

bf_status bf_assess_lesions(bf_assessment *out, const bf_cases *c, const bf_case *items, const int64_t *members,
                            int64_t cases, bf_assess_depth depth, const bf_assess_options *o, bf_error *err) {
  bf_lesion_arrays a;
  bf_status status = bf_lesion_arrays_make(&a, items, members, cases, err);
  if (status != BF_OK) return status;
  count(&out->lesions, &a, cases);
  uint8_t *size = bf_alloc((size_t)out->lesions.lesions, 1);
  if (size == NULL) status = bf_fail(err, BF_E_MEMORY, "no memory for %lld lesions", (long long)out->lesions.lesions);
  if (status == BF_OK && depth == BF_ASSESS_WHOLE) measure(size, &out->lesions, c, items, members, &a);
  if (status == BF_OK) status = resample(out, &a, depth == BF_ASSESS_WHOLE ? size : NULL, depth, o, err);
  bf_free(size);
  bf_lesion_arrays_clear(&a);
  return status;
}
