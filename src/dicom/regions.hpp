// Regions that people drew as outlines: contours of an RT Structure Set (PS3.3 C.8.8.6) and spatial coordinates of a
// structured report (C.18.6, templates TID 1410 and 1411 of PS3.16). Private to the room.
#ifndef BF_DICOM_REGIONS_HPP
#define BF_DICOM_REGIONS_HPP

#include <string>
#include <vector>

#include "dicom/reader.hpp"
#include "dicom/segmentation.h"

/* Outlines that are filled together by the even-odd rule, on one image. */
struct bf_region {
  std::string uid;       /* of the image */
  int32_t frame = -1;    /* from 0; -1: every frame */
  int8_t malignant = -2; /* 0, 1; -2: nothing is said */
  bool patient = false;  /* corners are x, y, z in mm of the patient; else x, y in pixels from the upper left corner */
  int plane = 0;         /* number of the structure that it is of */
  std::vector<std::vector<double>> outlines;
};

/* What the file draws. passed: regions that are none of lesions, or cannot be used (docs/labels.md). */
bf_status bf_regions_of_structures(std::vector<bf_region> *out, int32_t *passed, DcmDataset *set, const char *path,
                                   bf_error *err);
bf_status bf_regions_of_report(std::vector<bf_region> *out, int32_t *passed, DcmDataset *set, const char *path,
                               bf_error *err);

/* Adds a region to a mask of rows x columns: the pixels whose centres it holds. place: of the image, for regions in mm;
 * may be NULL. BF_E_UNSUPPORTED where it is needed and not known, BF_E_FORMAT where the region lies out of its plane.
 */
bf_status bf_region_draw(uint8_t *mask, const bf_region &region, const bf_segmentation_place *place, int32_t rows,
                         int32_t columns, const char *path, bf_error *err);

#endif
