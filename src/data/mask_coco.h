/* What COCO's "segmentation" says, as a shape: polygons ([[x, y, x, y, ...], ...]) or run lengths ({"size": [rows,
 * columns], "counts": [...] or the packed text of the COCO tools}). Source: cocodataset.org "Data format", and
 * maskApi.c of its tools. */
#ifndef BF_DATA_MASK_COCO_H
#define BF_DATA_MASK_COCO_H

#include <jansson.h>
#include <stdbool.h>

#include "data/mask_shape.h"

typedef struct bf_coco_edges {
  double xmin, ymin, xmax, ymax; /* pixels, max exclusive */
} bf_coco_edges;

/* *out is NULL where `value` says nothing: absent, null, or an empty list. rows, columns: of the image. Errors, said
 * without naming the file: BF_E_FORMAT, BF_E_LIMIT (more than 20000 corners or 2^20 runs in one annotation), memory. */
bf_status bf_coco_shape(bf_mask_shape **out, const json_t *value, int32_t rows, int32_t columns, bf_error *err);
/* The box around the shape; false when it has no pixel. */
bool bf_coco_shape_edges(bf_coco_edges *out, const bf_mask_shape *shape);

#endif
