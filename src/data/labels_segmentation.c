/* DICOM objects that mark lesions: one file speaks of every image that it was drawn on. */
#include "data/labels.h"

/* What a report says of a region is said of its image, as of any lesion. */
static bf_status take(bf_labels *labels, const bf_segmentation_image *image, const char *path, bf_error *err) {
  bf_label *label = bf_labels_touch(labels, image->sop_instance_uid, NULL, err);
  if (label == NULL) return BF_E_MEMORY;
  if (image->malignant >= 0) bf_label_add_class(label, image->malignant);
  return bf_label_add_class_mask(label, BF_MASK_SEGMENTATION, path, image->frame, image->malignant, err);
}

static bf_status segmentation_read(bf_labels *labels, const char *path, bf_error *err) {
  bf_segmentation *s = NULL;
  bf_status status = bf_segmentation_open(&s, path, err);
  if (status != BF_OK) return status;
  for (int32_t i = 0; i < bf_segmentation_image_count(s) && status == BF_OK; i++)
    status = take(labels, bf_segmentation_image_at(s, i), path, err);
  if (bf_segmentation_passed(s) > 0)
    bf_labels_complain(
        labels,
        "%.600s: %d contours or coordinates are none of lesions, not closed, or of no image; they are not "
        "used",
        path, bf_segmentation_passed(s));
  if (status == BF_OK && bf_segmentation_image_count(s) == 0)
    status = bf_fail(err, BF_E_FORMAT, "%s: marks nothing on any image", path);
  bf_segmentation_close(s);
  return status;
}

static int segmentation_detect(const char *path, const char *head, size_t size) {
  (void)path;
  return bf_segmentation_may_be(head, size) ? 90 : 0;
}

const bf_label_format bf_labels_format_segmentation = {
    "segmentation",
    "DICOM Segmentation (binary, fractional, label map), RT Structure Set, or structured report with regions",
    segmentation_detect, segmentation_read};
