// Outlines to masks.
#include <algorithm>
#include <cmath>

#include "dicom/regions.hpp"
#include "image/polygon.h"

namespace {

/* Contours are drawn on slices; planning systems round them. */
const double most_distance = 1;                    /* mm from the image's plane */
const double least_spacing = 1e-4, farthest = 1e7; /* mm; pixels */

bf_status to_pixels(std::vector<bf_corner> *out, const std::vector<double> &corners, const bf_segmentation_place *place,
                    const char *path, bf_error *err) {
  const double *r = place->row_direction, *c = place->column_direction;
  const double normal[3] = {r[1] * c[2] - r[2] * c[1], r[2] * c[0] - r[0] * c[2], r[0] * c[1] - r[1] * c[0]};
  for (size_t i = 0; i + 2 < corners.size(); i += 3) {
    double along = 0, down = 0, off = 0;
    for (int k = 0; k < 3; k++) {
      double d = corners[i + static_cast<size_t>(k)] - place->position[k];
      along += d * r[k], down += d * c[k], off += d * normal[k];
    }
    if (!(std::fabs(off) <= most_distance))
      return bf_fail(err, BF_E_FORMAT, "%s: a contour lies %.1f mm out of the plane of the image that it names", path,
                     std::fabs(off));
    /* Image Position is the centre of the first pixel. */
    bf_corner p = {along / place->spacing_column + 0.5, down / place->spacing_row + 0.5};
    if (!(std::fabs(p.x) <= farthest) || !(std::fabs(p.y) <= farthest))
      return bf_fail(err, BF_E_FORMAT, "%s: a contour lies %g pixels away from its image", path,
                     std::max(std::fabs(p.x), std::fabs(p.y)));
    out->push_back(p);
  }
  return BF_OK;
}

bf_status outline_points(std::vector<bf_corner> *out, const bf_region &region, const std::vector<double> &outline,
                         const bf_segmentation_place *place, const char *path, bf_error *err) {
  if (region.patient) return to_pixels(out, outline, place, path, err);
  for (size_t i = 0; i + 1 < outline.size(); i += 2) out->push_back({outline[i], outline[i + 1]});
  return BF_OK;
}

}  // namespace

bf_status bf_region_draw(uint8_t *mask, const bf_region &region, const bf_segmentation_place *place, int32_t rows,
                         int32_t columns, const char *path, bf_error *err) {
  std::vector<bf_corner> corners;
  std::vector<int32_t> sizes;
  bf_status status = BF_OK;
  if (region.patient && (place == nullptr || !place->known || !(place->spacing_row >= least_spacing) ||
                         !(place->spacing_column >= least_spacing)))
    return bf_fail(
        err, BF_E_UNSUPPORTED,
        "%s: its contours are in mm of the patient, and where the image, or each of its frames, lies is not known "
        "here",
        path);
  for (const auto &outline : region.outlines) {
    const size_t before = corners.size();
    if (status == BF_OK) status = outline_points(&corners, region, outline, place, path, err);
    sizes.push_back(static_cast<int32_t>(corners.size() - before));
  }
  if (status != BF_OK) return status;
  return bf_polygon_fill(mask, rows, columns, corners.data(), sizes.data(), static_cast<int32_t>(sizes.size()), err);
}
