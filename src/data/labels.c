/* The collected labels: finding, joining, and the table of readers. Reading stands in labels_<format>.c. */
#include "data/labels.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/file.h"
#include "base/memory.h"
#include "data/string_map.h"

#define BF_LABELS(name) extern const bf_label_format bf_labels_format_##name;
#include "data/labels.def"
#undef BF_LABELS

static const bf_label_format *const formats[] = {
#define BF_LABELS(name) &bf_labels_format_##name,
#include "data/labels.def"
#undef BF_LABELS
};
enum { format_count = sizeof formats / sizeof formats[0] };

/* What a reader sees of a file to know it by. */
enum { head_bytes = 65536 };

struct bf_labels {
  bf_label **items; /* each in memory of its own: pointers stay good while labels are added */
  int64_t count, room;
  bf_string_map by_uid, by_file;
};

const bf_label_format *bf_labels_format(int index) {
  return index >= 0 && index < format_count ? formats[index] : NULL;
}

bf_status bf_labels_create(bf_labels **out, bf_error *err) {
  *out = bf_alloc(1, sizeof **out);
  return *out != NULL ? BF_OK : bf_fail(err, BF_E_MEMORY, "no memory for labels");
}

static void label_destroy(bf_label *label) {
  if (label == NULL) return;
  bf_free(label->file);
  bf_free(label->patient_id);
  bf_free(label->lesions);
  bf_free(label->lesion_frames);
  bf_free(label->looked_frames);
  for (int32_t i = 0; i < label->mask_count; i++) bf_free(label->masks[i].path);
  bf_free(label->masks);
  bf_free(label);
}

void bf_labels_destroy(bf_labels *labels) {
  if (labels == NULL) return;
  for (int64_t i = 0; i < labels->count; i++) label_destroy(labels->items[i]);
  bf_free(labels->items);
  bf_string_map_clear(&labels->by_uid);
  bf_string_map_clear(&labels->by_file);
  bf_free(labels);
}

static bf_status read_head(char head[head_bytes], size_t *size, const char *path, bf_error *err) {
  *size = 0;
  struct stat info;
  if (bf_is_folder(path)) return BF_OK;
  if (stat(path, &info) == 0 && !S_ISREG(info.st_mode)) /* a pipe must not be waited for */
    return bf_fail(err, BF_E_ARGUMENT, "%s: is no regular file", path);
  errno = 0;
  FILE *file = fopen(path, "rb");
  if (file != NULL) *size = fread(head, 1, head_bytes, file);
  bool good = file != NULL && !ferror(file);
  int code = errno;
  if (file != NULL) fclose(file);
  return good ? BF_OK
              : bf_fail(err, code == ENOENT ? BF_E_NOT_FOUND : BF_E_IO, "%s: cannot read: %s", path, strerror(code));
}

bf_status bf_labels_read(bf_labels *labels, const char *path, bf_error *err) {
  size_t size = 0;
  char *head = bf_alloc_raw(head_bytes, 1);
  if (head == NULL) return bf_fail(err, BF_E_MEMORY, "%s: no memory to read it", path);
  bf_status status = read_head(head, &size, path, err);
  const bf_label_format *best = NULL;
  int surest = 0;
  for (int i = 0; i < format_count && status == BF_OK; i++) {
    int sure = formats[i]->detect(path, head, size);
    if (sure > surest) best = formats[i], surest = sure;
  }
  bf_free(head);
  if (status != BF_OK) return status;
  if (best == NULL)
    return bf_fail(
        err, BF_E_FORMAT,
        "%s: no reader knows this label file; a CSV file needs a header line with SOPInstanceUID (or file), and "
        "with pathology, mask or xmin,ymin,xmax,ymax, separated by commas; else give a folder of PNG masks or a DICOM "
        "Segmentation object",
        path);
  return best->read(labels, path, err);
}

int64_t bf_labels_count(const bf_labels *labels) { return labels->count; }

bf_label *bf_labels_at(bf_labels *labels, int64_t index) { return labels->items[index]; }

/* The path that names a file whichever way it is reached; the path itself where there is no such file. */
static void resolve(char resolved[BF_PATH_MAX], const char *path) {
  char *real = realpath(path, NULL);
  snprintf(resolved, BF_PATH_MAX, "%s", real != NULL ? real : path);
  free(real);
}

static bf_label *add(bf_labels *labels, const char *uid, const char *file, const char *resolved, bf_error *err) {
  if (labels->count == labels->room) {
    int64_t room = labels->room == 0 ? 64 : labels->room * 2;
    bf_label **grown = bf_grow(labels->items, (size_t)labels->count, (size_t)room, sizeof(bf_label *));
    if (grown == NULL) goto memory;
    labels->items = grown;
    labels->room = room;
  }
  bf_label *label = bf_alloc(1, sizeof *label);
  if (label == NULL) goto memory;
  label->malignant = -1;
  if (uid != NULL)
    snprintf(label->sop_instance_uid, sizeof label->sop_instance_uid, "%s", uid);
  else
    label->file = bf_strdup(file);
  bf_string_map *map = uid != NULL ? &labels->by_uid : &labels->by_file;
  if ((uid == NULL && label->file == NULL) ||
      bf_string_map_set(map, uid != NULL ? label->sop_instance_uid : resolved, labels->count, NULL) != BF_OK) {
    label_destroy(label);
    goto memory;
  }
  return labels->items[labels->count++] = label;
memory:
  bf_fail(err, BF_E_MEMORY, "no memory for %lld labels", (long long)labels->count);
  return NULL;
}

bf_label *bf_labels_touch(bf_labels *labels, const char *sop_instance_uid, const char *file, bf_error *err) {
  if (sop_instance_uid != NULL && sop_instance_uid[0] != '\0') {
    int64_t at = bf_string_map_get(&labels->by_uid, sop_instance_uid);
    return at >= 0 ? labels->items[at] : add(labels, sop_instance_uid, NULL, NULL, err);
  }
  char resolved[BF_PATH_MAX];
  resolve(resolved, file);
  int64_t at = bf_string_map_get(&labels->by_file, resolved);
  return at >= 0 ? labels->items[at] : add(labels, NULL, file, resolved, err);
}

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

bf_status bf_label_add_mask(bf_label *label, bf_mask_kind kind, const char *path, int32_t frame, bf_error *err) {
  for (int32_t i = 0; i < label->mask_count; i++) {
    const bf_mask_file *m = &label->masks[i];
    if (m->frame == frame && m->kind == kind && strcmp(m->path, path) == 0) return BF_OK;
  }
  bf_mask_file *grown = bf_grow(label->masks, (size_t)label->mask_count, (size_t)label->mask_count + 1, sizeof *grown);
  if (grown != NULL) label->masks = grown;
  char *copy = grown != NULL ? bf_strdup(path) : NULL;
  if (copy == NULL) return bf_fail(err, BF_E_MEMORY, "no memory for labels");
  label->masks[label->mask_count++] = (bf_mask_file){copy, kind, frame};
  return BF_OK;
}

bool bf_label_knows_frame(const bf_label *label, int32_t frame) {
  for (int32_t i = 0; i < label->looked_count; i++)
    if (label->looked_frames[i] == -1 || label->looked_frames[i] == frame) return true;
  return false;
}

/* Puts what `other` says into `label`. With checking, contradictions are errors; without, they are passed over. */
static bf_status join(bf_label *label, const bf_label *other, const char *path, bool check, bf_error *err) {
  bool class_differs = label->malignant >= 0 && other->malignant >= 0 && label->malignant != other->malignant;
  bool split_differs = label->split != BF_SPLIT_NONE && other->split != BF_SPLIT_NONE && label->split != other->split;
  bool patient_differs =
      label->patient_id != NULL && other->patient_id != NULL && strcmp(label->patient_id, other->patient_id) != 0;
  if (check && (class_differs || split_differs || patient_differs))
    return bf_fail(err, BF_E_FORMAT, "%s: the labels by SOPInstanceUID and by file contradict each other about %s",
                   path,
                   class_differs   ? "pathology"
                   : split_differs ? "split"
                                   : "PatientID");
  label->has_class = label->has_class || other->has_class;
  if (label->malignant < 0) label->malignant = other->malignant;
  if (label->split == BF_SPLIT_NONE) label->split = other->split;
  if (label->patient_id == NULL && other->patient_id != NULL &&
      (label->patient_id = bf_strdup(other->patient_id)) == NULL)
    return bf_fail(err, BF_E_MEMORY, "no memory for labels");
  bf_status status = BF_OK;
  for (int32_t i = 0; i < other->looked_count && status == BF_OK; i++)
    status = bf_label_look(label, other->looked_frames[i], err);
  for (int32_t i = 0; i < other->lesion_count && status == BF_OK; i++)
    status = bf_label_add_lesion(label, other->lesions[i], other->lesion_frames[i], err);
  for (int32_t i = 0; i < other->mask_count && status == BF_OK; i++)
    status = bf_label_add_mask(label, other->masks[i].kind, other->masks[i].path, other->masks[i].frame, err);
  return status;
}

static bf_status match(bf_label **out, bf_labels *labels, const char *uid, const char *path, bool check,
                       bf_error *err) {
  int64_t by_uid = uid != NULL && uid[0] != '\0' ? bf_string_map_get(&labels->by_uid, uid) : -1, by_file = -1;
  *out = NULL;
  if (path != NULL && labels->by_file.count > 0) {
    char resolved[BF_PATH_MAX];
    resolve(resolved, path);
    by_file = bf_string_map_get(&labels->by_file, resolved);
  }
  if (by_uid < 0 && by_file < 0) return BF_OK;
  *out = labels->items[by_uid >= 0 ? by_uid : by_file];
  if (by_uid < 0 || by_file < 0) return BF_OK;
  labels->items[by_file]->matched++;
  return join(*out, labels->items[by_file], path, check, err);
}

bf_status bf_labels_match(bf_label **out, bf_labels *labels, const char *sop_instance_uid, const char *path,
                          bf_error *err) {
  return match(out, labels, sop_instance_uid, path, true, err);
}

bool bf_labels_name(const bf_labels *labels, const char *sop_instance_uid, const char *path) {
  char resolved[BF_PATH_MAX];
  if (sop_instance_uid[0] != '\0' && bf_string_map_get(&labels->by_uid, sop_instance_uid) >= 0) return true;
  if (labels->by_file.count == 0) return false;
  resolve(resolved, path);
  return bf_string_map_get(&labels->by_file, resolved) >= 0;
}

bf_label *bf_labels_find(bf_labels *labels, const char *sop_instance_uid, const char *path) {
  bf_label *label;
  match(&label, labels, sop_instance_uid, path, false, NULL);
  return label;
}
