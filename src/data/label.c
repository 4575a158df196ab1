/* One label: what readers put into it, and what it says of a frame. How labels are found stands in labels.c. */
#include <ctype.h>
#include <math.h>
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

static void settle_class(bf_label *label) {
  const int8_t of_lesions = label->lesion_malignant ? 1 : label->lesion_benign && !label->lesion_unknown ? 0 : -1;
  label->contradicted =
      label->contradicted || (label->of_image == 0 && (label->lesion_malignant || label->box_malignant));
  label->malignant = (int8_t)(label->contradicted ? -1 : label->of_image >= 0 ? label->of_image : of_lesions);
}

void bf_label_set_class(bf_label *label, int8_t malignant) {
  if (malignant >= 0) {
    label->contradicted = label->contradicted || (label->of_image >= 0 && label->of_image != malignant);
    label->of_image = malignant;
  }
  settle_class(label);
}

void bf_label_add_class(bf_label *label, int8_t malignant) {
  label->lesion_malignant = label->lesion_malignant || malignant == 1;
  label->lesion_benign = label->lesion_benign || malignant == 0;
  label->lesion_unknown = label->lesion_unknown || malignant < 0;
  settle_class(label);
}

void bf_label_join_class(bf_label *label, const bf_label *other) {
  label->contradicted = label->contradicted || other->contradicted;
  label->lesion_malignant = label->lesion_malignant || other->lesion_malignant;
  label->lesion_benign = label->lesion_benign || other->lesion_benign;
  label->lesion_unknown = label->lesion_unknown || other->lesion_unknown;
  label->box_malignant = label->box_malignant || other->box_malignant;
  label->box_contradicted = label->box_contradicted || other->box_contradicted;
  bf_label_set_class(label, other->of_image);
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

static bool overlap(int32_t a, int32_t b) { return a == -1 || b == -1 || a == b; }

static bf_status note_look(bf_label *label, int32_t frame, bf_label_look said, bf_error *err) {
  for (int32_t i = 0; i < label->looked_count; i++)
    if (label->looked[i].frame == frame && label->looked[i].said == said) return BF_OK;
  bf_label_looked *grown =
      bf_grow(label->looked, (size_t)label->looked_count, (size_t)label->looked_count + 1, sizeof *grown);
  if (grown == NULL) return bf_fail(err, BF_E_MEMORY, "no memory for labels");
  label->looked = grown;
  grown[label->looked_count++] = (bf_label_looked){frame, said};
  label->doubted = label->doubted || said == BF_LOOK_DOUBTED;
  return BF_OK;
}

/* Nobody can tell which of two statements erred: the wider of both is doubted. */
static void doubt(bool *doubted, bool *wide, int32_t frame, int32_t other) {
  *doubted = *doubted || overlap(frame, other);
  *wide = *wide || other == -1;
}

bf_status bf_label_look_at(bf_label *label, int32_t frame, bf_label_look said, bf_error *err) {
  bf_status status = note_look(label, frame, said, err);
  bool doubted = false, wide = frame == -1;
  for (int32_t i = 0; said == BF_LOOK_CLEAN && i < label->lesion_count; i++)
    doubt(&doubted, &wide, frame, label->lesions[i].frame);
  return status == BF_OK && doubted ? note_look(label, wide ? -1 : frame, BF_LOOK_DOUBTED, err) : status;
}

static bool same_lesion(const bf_label_lesion *a, const bf_label_lesion *b) {
  bool sizes = a->rows == 0 || b->rows == 0 || (a->rows == b->rows && a->columns == b->columns);
  return sizes && a->frame == b->frame && a->lies == b->lies && a->box.xmin == b->box.xmin &&
         a->box.ymin == b->box.ymin && a->box.xmax == b->box.xmax && a->box.ymax == b->box.ymax;
}

static void join_lesion(bf_label *label, bf_label_lesion *to, const bf_label_lesion *from) {
  const int8_t a = to->box.malignant, b = from->box.malignant;
  to->class_contradicted = to->class_contradicted || from->class_contradicted || (a >= 0 && b >= 0 && a != b);
  to->box.malignant = (int8_t)(to->class_contradicted ? -1 : a >= 0 ? a : b);
  label->box_contradicted = label->box_contradicted || to->class_contradicted;
  if (to->rows == 0) to->rows = from->rows, to->columns = from->columns;
}

/* Adds it, or joins it to the one that is there. */
static bf_status note_lesion(bf_label *label, const bf_label_lesion *lesion, bf_error *err) {
  for (int32_t i = 0; i < label->lesion_count; i++) {
    if (!same_lesion(&label->lesions[i], lesion)) continue;
    join_lesion(label, &label->lesions[i], lesion);
    return BF_OK;
  }
  bf_label_lesion *grown =
      bf_grow(label->lesions, (size_t)label->lesion_count, (size_t)label->lesion_count + 1, sizeof *grown);
  if (grown == NULL) return bf_fail(err, BF_E_MEMORY, "no memory for labels");
  label->lesions = grown;
  grown[label->lesion_count++] = *lesion;
  return BF_OK;
}

bf_status bf_label_add_lesion(bf_label *label, bf_label_lesion lesion, bf_error *err) {
  bf_status status = note_look(label, lesion.frame, BF_LOOK_DONE, err);
  if (status == BF_OK) status = note_lesion(label, &lesion, err);
  bool doubted = false, wide = lesion.frame == -1;
  for (int32_t i = 0; i < label->looked_count; i++)
    if (label->looked[i].said == BF_LOOK_CLEAN) doubt(&doubted, &wide, lesion.frame, label->looked[i].frame);
  if (status == BF_OK && doubted) status = note_look(label, wide ? -1 : lesion.frame, BF_LOOK_DOUBTED, err);
  label->box_malignant = label->box_malignant || lesion.box.malignant == 1;
  settle_class(label);
  return status;
}

static bool was_said(const bf_label *label, int32_t frame, bf_label_look said) {
  for (int32_t i = 0; i < label->looked_count; i++)
    if (label->looked[i].said == said && overlap(label->looked[i].frame, frame)) return true;
  return false;
}

bool bf_label_says_clean(const bf_label *label, int32_t frame) { return was_said(label, frame, BF_LOOK_CLEAN); }

bool bf_label_knows_frame(const bf_label *label, int32_t frame) {
  return !was_said(label, frame, BF_LOOK_DOUBTED) &&
         (was_said(label, frame, BF_LOOK_DONE) || bf_label_says_clean(label, frame));
}

/* ---- lesions on their picture ---- */

bf_lesion_fit bf_label_place(bf_lesion *out, const bf_label_lesion *lesion, const bf_label_picture *picture) {
  const float edge_tolerance = 1, width = (float)picture->columns, height = (float)picture->rows;
  bf_lesion box = *out = lesion->box;
  if (lesion->frame != -1 && lesion->frame != picture->frame) return BF_LESION_ELSEWHERE;
  if (lesion->rows > 0 && lesion->columns > 0 && (lesion->rows != picture->rows || lesion->columns != picture->columns))
    return BF_LESION_OTHER_SIZE;
  if (lesion->lies != 0 && picture->bright_edge != lesion->lies)
    box = (bf_lesion){.xmin = width - out->xmax,
                      .ymin = height - out->ymax,
                      .xmax = width - out->xmin,
                      .ymax = height - out->ymin,
                      .malignant = out->malignant};
  *out = box;
  bf_lesion cut = {.xmin = fmaxf(box.xmin, 0),
                   .ymin = fmaxf(box.ymin, 0),
                   .xmax = fminf(box.xmax, width),
                   .ymax = fminf(box.ymax, height),
                   .malignant = box.malignant};
  bool inside = box.xmin >= -edge_tolerance && box.ymin >= -edge_tolerance && box.xmax <= width + edge_tolerance &&
                box.ymax <= height + edge_tolerance && cut.xmax > cut.xmin && cut.ymax > cut.ymin;
  if (!inside) return BF_LESION_OUTSIDE;
  *out = cut;
  return BF_LESION_FITS;
}

bool bf_label_lesions(bf_lesion *out, int32_t *count, const bf_label *label, const bf_label_picture *picture) {
  bool known = bf_label_knows_frame(label, picture->frame);
  *count = 0;
  for (int32_t i = 0; i < label->lesion_count && known; i++) {
    bf_lesion_fit fit = bf_label_place(&out[*count], &label->lesions[i], picture);
    *count += fit == BF_LESION_FITS;
    known = fit == BF_LESION_FITS || fit == BF_LESION_ELSEWHERE;
  }
  if (!known) *count = 0;
  return known;
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
