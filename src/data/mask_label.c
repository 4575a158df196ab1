/* The rule that makes boxes of masks. */
#include "data/mask_label.h"

#include <string.h>

#include "base/memory.h"
#include "image/components.h"

enum { most_lesions = 1000 }; /* of one mask */

void bf_mask_scratch_clear(bf_mask_scratch *scratch) {
  bf_mask_reader_clear(&scratch->reader);
  bf_free(scratch->mask);
  bf_free(scratch->one);
  *scratch = (bf_mask_scratch){0};
}

/* Zeroed memory for a mask; false when it is short. */
static bool make_room(uint8_t **mask, size_t *room, size_t bytes) {
  if (bytes > *room) {
    bf_free(*mask);
    *mask = bf_alloc_raw(bytes, 1);
    *room = *mask != NULL ? bytes : 0;
  }
  if (*mask != NULL) memset(*mask, 0, bytes);
  return *mask != NULL;
}

static bool speaks_of(const bf_mask_file *file, int32_t frame) { return file->frame == -1 || file->frame == frame; }

static bf_status read_masks(bool *known, bf_mask_scratch *scratch, const bf_label *label, int32_t frame, int32_t rows,
                            int32_t columns, const bf_segmentation_place *place, bf_error *err) {
  bf_status status = BF_OK;
  bool any = false;
  for (int32_t i = 0; i < label->mask_count && status == BF_OK; i++) {
    if (!speaks_of(&label->masks[i], frame)) continue;
    if (!any && bf_mask_size_good(rows, columns) &&
        !make_room(&scratch->mask, &scratch->room, bf_mask_bytes(rows, columns)))
      return bf_fail(err, BF_E_MEMORY, "no memory for a mask of %d x %d", columns, rows);
    any = true;
    status = bf_mask_read(scratch->mask, &scratch->reader, &label->masks[i], label->sop_instance_uid, rows, columns,
                          place, err);
  }
  *known = any && status == BF_OK;
  return status;
}

/* For messages; of several masks that are joined the first stands for all. */
static const char *first_path(const bf_label *label, int32_t frame) {
  for (int32_t i = 0; i < label->mask_count; i++)
    if (speaks_of(&label->masks[i], frame)) return label->masks[i].path;
  return "";
}

static bf_status add_boxes(bf_mask_found *found, bf_label *label, bf_components *pieces, int8_t malignant,
                           int32_t frame, int64_t image, bf_error *err) {
  const int32_t specks = bf_components_drop_specks(pieces, image);
  found->specks += specks;
  if (pieces->count == 0 && specks > 0) return BF_OK;
  if (pieces->count > most_lesions)
    return bf_fail(err, BF_E_LIMIT, "the mask has %d pieces that are no specks: it is no mask of lesions",
                   pieces->count);
  int32_t before = label->lesion_count;
  bf_status status = bf_label_look_at(label, frame, BF_LOOK_DONE, err);
  for (int32_t i = 0; i < pieces->count && status == BF_OK; i++) {
    const bf_component *p = &pieces->items[i];
    bf_label_lesion lesion = {.box = {.xmin = (float)p->xmin,
                                      .ymin = (float)p->ymin,
                                      .xmax = (float)p->xmax,
                                      .ymax = (float)p->ymax,
                                      .malignant = malignant},
                              .frame = frame};
    status = bf_label_add_lesion(label, lesion, err);
  }
  found->boxes += label->lesion_count - before;
  return status;
}

static bool has_classes(const bf_label *label, int32_t frame) {
  for (int32_t i = 0; i < label->mask_count; i++)
    if (speaks_of(&label->masks[i], frame) && label->masks[i].malignant != BF_MASK_CLASS_OF_IMAGE) return true;
  return false;
}

/* Each file's boxes with the file's class. */
static bf_status add_boxes_by_class(bf_mask_found *found, bf_mask_scratch *scratch, bf_label *label, int32_t frame,
                                    int32_t rows, int32_t columns, const bf_segmentation_place *place, bf_error *err) {
  bf_status status = BF_OK;
  const int32_t lesions = label->lesion_count, looked = label->looked_count;
  for (int32_t i = 0; i < label->mask_count && status == BF_OK; i++) {
    const bf_mask_file *file = &label->masks[i];
    bf_components pieces = {0};
    if (!speaks_of(file, frame)) continue;
    int8_t malignant = file->malignant == BF_MASK_CLASS_OF_IMAGE ? label->malignant : file->malignant;
    if (!make_room(&scratch->one, &scratch->one_room, bf_mask_bytes(rows, columns)))
      return bf_fail(err, BF_E_MEMORY, "no memory for a mask of %d x %d", columns, rows);
    status = bf_mask_read(scratch->one, &scratch->reader, file, label->sop_instance_uid, rows, columns, place, err);
    if (status == BF_OK) status = bf_components_find(&pieces, scratch->one, rows, columns, err);
    if (status == BF_OK) status = add_boxes(found, label, &pieces, malignant, frame, (int64_t)rows * columns, err);
    bf_components_clear(&pieces);
  }
  /* Half of what was drawn would say that the rest is no lesion. */
  if (status != BF_OK) label->lesion_count = lesions, label->looked_count = looked;
  return status;
}

/* Of this frame alone: masks are read frame by frame, and what is said of one must not hang on another. */
static bf_status doubt_clean_frame(bf_label *label, bf_components *pieces, int32_t frame, int64_t image,
                                   bf_error *err) {
  bf_components_drop_specks(pieces, image);
  return pieces->count > 0 ? bf_label_look_at(label, frame, BF_LOOK_DOUBTED, err) : BF_OK;
}

bf_status bf_label_take_mask(bf_mask_found *found, bf_mask_scratch *scratch, bf_label *label, int32_t frame,
                             int32_t rows, int32_t columns, const bf_segmentation_place *place, bf_error *err) {
  bool known = false;
  bf_components pieces = {0};
  *found = (bf_mask_found){0};
  bf_status status = read_masks(&known, scratch, label, frame, rows, columns, place, err);
  if (status != BF_OK || !known) return status;
  status = bf_components_find(&pieces, scratch->mask, rows, columns, err);
  for (int32_t i = 0; i < pieces.count; i++) found->pixels += pieces.items[i].area;
  if (status == BF_OK && bf_label_says_clean(label, frame))
    status = doubt_clean_frame(label, &pieces, frame, (int64_t)rows * columns, err);
  else if (status == BF_OK && !bf_label_knows_frame(label, frame))
    status = has_classes(label, frame)
                 ? add_boxes_by_class(found, scratch, label, frame, rows, columns, place, err)
                 : add_boxes(found, label, &pieces, label->malignant, frame, (int64_t)rows * columns, err);
  found->known = status == BF_OK;
  if (status != BF_OK) {
    *found = (bf_mask_found){0};
    bf_error_prefix(err, "%s", first_path(label, frame));
  }
  bf_components_clear(&pieces);
  return status;
}
