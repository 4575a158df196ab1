/* One label: what readers put into it, and what it says of a frame. How labels are found stands in labels.c. */
#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "base/memory.h"
#include "data/labels.h"

void bf_label_view_text(char text[BF_VIEW_TEXT_MAX], const char *study, const char *laterality, const char *view) {
  snprintf(text, BF_VIEW_TEXT_MAX, "%.64s %.1s %.16s", study, laterality, view);
}

size_t bf_label_stem(const char *name) {
  const char *dot = strrchr(name, '.');
  bool extended = dot != NULL && dot != name && isalpha((unsigned char)dot[1]);
  return extended ? (size_t)(dot - name) : strlen(name);
}

const char *bf_label_title(const bf_label *label) {
  return label->key == BF_LABEL_STEM ? bf_path_name(label->name) : label->name;
}

/* ---- class, part, patient ---- */

bool bf_label_set_class(bf_label *label, int8_t malignant) {
  if (malignant < 0 || label->contradicted) return false;
  label->contradicted = label->malignant >= 0 && label->malignant != malignant;
  label->malignant = label->contradicted ? -1 : malignant;
  return label->contradicted;
}

void bf_label_add_class(bf_label *label, int8_t malignant) {
  label->has_class = true;
  if (label->contradicted) return;
  if (malignant == 1)
    label->malignant = 1;
  else if (label->malignant < 0)
    label->malignant = malignant;
}

bf_status bf_label_set_split(bf_label *label, uint8_t split, const char *path, long line, bf_error *err) {
  if (split != BF_SPLIT_NONE && label->split != BF_SPLIT_NONE && split != label->split)
    return bf_fail(err, BF_E_FORMAT,
                   "%s: line %ld, column split: an earlier row says something else about the same image", path, line);
  if (split != BF_SPLIT_NONE) label->split = split;
  return BF_OK;
}

bf_status bf_label_set_patient(bf_label *label, const char *id, const char *path, long line, bf_error *err) {
  if (!(id != NULL && id[0] != '\0')) return BF_OK;
  if (label->patient_id == NULL) {
    label->patient_id = bf_strdup(id);
    return label->patient_id != NULL ? BF_OK : bf_fail(err, BF_E_MEMORY, "%s: no memory for its rows", path);
  }
  if (strcmp(label->patient_id, id) == 0) return BF_OK;
  return bf_fail(err, BF_E_FORMAT, "%s: line %ld: an earlier row says another patient of the same image", path, line);
}

/* ---- lesions ---- */

static bool append_frame(int32_t **frames, int32_t count, int32_t frame) {
  int32_t *grown = bf_grow(*frames, (size_t)count, (size_t)count + 1, sizeof **frames);
  if (grown == NULL) return false;
  grown[count] = frame;
  *frames = grown;
  return true;
}

bf_status bf_label_look(bf_label *label, int32_t frame, bf_error *err) {
  label->lesions_known = true;
  for (int32_t i = 0; i < label->looked_count; i++)
    if (label->looked_frames[i] == frame) return BF_OK;
  if (!append_frame(&label->looked_frames, label->looked_count, frame))
    return bf_fail(err, BF_E_MEMORY, "no memory for labels");
  label->looked_count++;
  return BF_OK;
}

bf_status bf_label_add_lesion(bf_label *label, bf_lesion lesion, int32_t frame, bf_error *err) {
  bf_status status = bf_label_look(label, frame, err);
  if (status != BF_OK) return status;
  for (int32_t i = 0; i < label->lesion_count; i++) {
    bf_lesion *l = &label->lesions[i];
    if (label->lesion_frames[i] != frame || l->xmin != lesion.xmin || l->ymin != lesion.ymin ||
        l->xmax != lesion.xmax || l->ymax != lesion.ymax)
      continue;
    if (l->malignant < 0) l->malignant = lesion.malignant;
    return BF_OK;
  }
  bf_lesion *grown =
      bf_grow(label->lesions, (size_t)label->lesion_count, (size_t)label->lesion_count + 1, sizeof *grown);
  if (grown != NULL) label->lesions = grown;
  if (grown == NULL || !append_frame(&label->lesion_frames, label->lesion_count, frame))
    return bf_fail(err, BF_E_MEMORY, "no memory for labels");
  label->lesions[label->lesion_count++] = lesion;
  return BF_OK;
}

bool bf_label_fits(const bf_label *label, int32_t rows, int32_t columns) {
  return label->rows == 0 || label->columns == 0 || (label->rows == rows && label->columns == columns);
}

bf_lesion bf_label_turn(const bf_label *label, bf_lesion box, char bright_edge, int32_t rows, int32_t columns) {
  if (label->lies == 0 || bright_edge == label->lies) return box;
  bf_lesion turned = box;
  turned.xmin = (float)columns - box.xmax;
  turned.xmax = (float)columns - box.xmin;
  turned.ymin = (float)rows - box.ymax;
  turned.ymax = (float)rows - box.ymin;
  return turned;
}

/* ---- masks ---- */

bf_status bf_label_put_mask(bf_label *label, bf_mask_file mask, bf_error *err) {
  for (int32_t i = 0; i < label->mask_count; i++) {
    const bf_mask_file *m = &label->masks[i];
    if (m->frame == mask.frame && m->kind == mask.kind && m->shape == mask.shape && m->malignant == mask.malignant &&
        strcmp(m->path, mask.path) == 0)
      return BF_OK;
  }
  bf_mask_file *grown = bf_grow(label->masks, (size_t)label->mask_count, (size_t)label->mask_count + 1, sizeof *grown);
  if (grown != NULL) label->masks = grown;
  char *copy = grown != NULL ? bf_strdup(mask.path) : NULL;
  if (copy == NULL) return bf_fail(err, BF_E_MEMORY, "no memory for labels");
  mask.path = copy;
  label->masks[label->mask_count++] = mask;
  return BF_OK;
}

bf_status bf_label_add_mask(bf_label *label, bf_mask_kind kind, const char *path, int32_t frame, bf_error *err) {
  return bf_label_add_class_mask(label, kind, path, frame, BF_MASK_CLASS_OF_IMAGE, err);
}

bf_status bf_label_add_class_mask(bf_label *label, bf_mask_kind kind, const char *path, int32_t frame, int8_t malignant,
                                  bf_error *err) {
  return bf_label_put_mask(
      label, (bf_mask_file){.path = (char *)path, .kind = kind, .frame = frame, .malignant = malignant}, err);
}

bool bf_label_knows_frame(const bf_label *label, int32_t frame) {
  if (label->lesions_contradicted) return false;
  for (int32_t i = 0; i < label->looked_count; i++)
    if (label->looked_frames[i] == -1 || label->looked_frames[i] == frame) return true;
  return false;
}
