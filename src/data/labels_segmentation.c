/* DICOM Segmentation objects: one file speaks of every image that its frames were drawn on. */
#include "data/labels.h"

static bf_status segmentation_read(bf_labels *labels, const char *path, bf_error *err) {
  bf_segmentation *s = NULL;
  bf_status status = bf_segmentation_open(&s, path, err);
  if (status != BF_OK) return status;
  for (int32_t i = 0; i < bf_segmentation_image_count(s) && status == BF_OK; i++) {
    const bf_segmentation_image *image = bf_segmentation_image_at(s, i);
    bf_label *label = bf_labels_touch(labels, image->sop_instance_uid, NULL, err);
    status = label != NULL ? bf_label_add_mask(label, BF_MASK_SEGMENTATION, path, image->frame, err) : BF_E_MEMORY;
  }
  bf_segmentation_close(s);
  return status;
}

static int segmentation_detect(const char *path, const char *head, size_t size) {
  (void)path;
  return bf_segmentation_may_be(head, size) ? 90 : 0;
}

const bf_label_format bf_labels_format_segmentation = {
    "segmentation", "DICOM Segmentation object, BINARY or FRACTIONAL, whose frames name the images they were drawn on",
    segmentation_detect, segmentation_read};
