/* The collected labels: finding, joining, and the table of readers. Reading stands in labels_<format>.c. */
#include "data/labels.h"

#include <errno.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/file.h"
#include "base/memory.h"
#include "data/label_columns.h"
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

enum { key_count = BF_LABEL_VIEW + 1 };

struct bf_labels {
  bf_label **items; /* each in memory of its own: pointers stay good while labels are added */
  int64_t count, room;
  bf_mask_shape **shapes; /* of all labels: those that are joined have them in common */
  int64_t shape_count, shape_room;
  bf_string_map by[key_count];
  char **passed; /* files that are no images of their own */
  int64_t passed_count, passed_room;
  char *folder, *resolved_folder; /* the last one that was resolved */
  char **complaints;
  int64_t complaint_count, complaint_room;
  bf_label_columns columns;
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
  bf_free(label->name);
  bf_free(label->patient_id);
  bf_free(label->lesions);
  bf_free(label->looked);
  for (int32_t i = 0; i < label->mask_count; i++) bf_free(label->masks[i].path);
  bf_free(label->masks);
  bf_free(label->texts);
  bf_free(label);
}

void bf_labels_destroy(bf_labels *labels) {
  if (labels == NULL) return;
  for (int64_t i = 0; i < labels->count; i++) label_destroy(labels->items[i]);
  bf_free(labels->items);
  for (int64_t i = 0; i < labels->shape_count; i++) bf_mask_shape_destroy(labels->shapes[i]);
  bf_free(labels->shapes);
  for (int k = 0; k < key_count; k++) bf_string_map_clear(&labels->by[k]);
  for (int64_t i = 0; i < labels->complaint_count && i < BF_COMPLAINTS_MAX; i++) bf_free(labels->complaints[i]);
  bf_free(labels->complaints);
  for (int64_t i = 0; i < labels->passed_count; i++) bf_free(labels->passed[i]);
  bf_free(labels->passed);
  bf_free(labels->folder);
  bf_free(labels->resolved_folder);
  bf_label_columns_clear(&labels->columns);
  bf_free(labels);
}

bf_label_columns *bf_labels_columns(bf_labels *labels) { return &labels->columns; }

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
        "with pathology, mask or xmin,ymin,xmax,ymax, separated by commas; docs/labels.md lists what else is read",
        path);
  return best->read(labels, path, err);
}

int64_t bf_labels_count(const bf_labels *labels) { return labels->count; }

bf_label *bf_labels_at(bf_labels *labels, int64_t index) { return labels->items[index]; }

/* ---- what cannot be used ---- */

void bf_labels_complain(bf_labels *labels, const char *format, ...) {
  char text[1024];
  va_list arguments;
  va_start(arguments, format);
  vsnprintf(text, sizeof text, format, arguments);
  va_end(arguments);
  if (labels->complaint_count == labels->complaint_room && labels->complaint_room < BF_COMPLAINTS_MAX) {
    int64_t room = labels->complaint_room == 0 ? 16 : 2 * labels->complaint_room;
    char **grown = bf_grow(labels->complaints, (size_t)labels->complaint_room, (size_t)room, sizeof(char *));
    if (grown != NULL) labels->complaints = grown, labels->complaint_room = room;
  }
  if (labels->complaint_count < labels->complaint_room && labels->complaint_count < BF_COMPLAINTS_MAX)
    labels->complaints[labels->complaint_count] = bf_strdup(text);
  labels->complaint_count++;
}

int64_t bf_labels_complaints(const bf_labels *labels) { return labels->complaint_count; }

const char *bf_labels_complaint(const bf_labels *labels, int64_t index) {
  bool kept =
      index >= 0 && index < labels->complaint_count && index < labels->complaint_room && index < BF_COMPLAINTS_MAX;
  return kept ? labels->complaints[index] : NULL;
}

/* ---- keys ---- */

/* The folder of a path, resolved; "" where there is none. A table names thousands of files of a few folders: the last
 * one is kept. NULL when memory is short. */
static const char *real_folder(bf_labels *labels, const char *path) {
  char folder[BF_PATH_MAX];
  bf_path_folder(folder, sizeof folder, path);
  if (labels->folder != NULL && labels->resolved_folder != NULL && strcmp(labels->folder, folder) == 0)
    return labels->resolved_folder;
  char *real = realpath(folder, NULL);
  bf_free(labels->folder);
  bf_free(labels->resolved_folder);
  labels->folder = bf_strdup(folder);
  labels->resolved_folder = bf_strdup(real != NULL ? real : "");
  free(real);
  return labels->folder != NULL ? labels->resolved_folder : NULL;
}

/* The path that names a file whichever way it is reached: in its resolved folder, whether it is there or not; the path
 * itself where there is no such folder. A file is looked at by itself once, as it may be a link. */
static void resolve(char resolved[BF_PATH_MAX], bf_labels *labels, const char *path) {
  struct stat info;
  const char *name = bf_path_name(path), *folder = NULL;
  bool plain = name[0] != '\0' && strcmp(name, ".") != 0 && strcmp(name, "..") != 0;
  if (plain && strlen(path) < BF_PATH_MAX) folder = real_folder(labels, path);
  if (folder != NULL && folder[0] == '\0') {
    snprintf(resolved, BF_PATH_MAX, "%s", path);
    return;
  }
  bool link = folder == NULL || (lstat(path, &info) == 0 && S_ISLNK(info.st_mode));
  if (!link && bf_path_join(resolved, BF_PATH_MAX, folder, name, NULL) == BF_OK) return;
  char *real = realpath(path, NULL);
  snprintf(resolved, BF_PATH_MAX, "%s", real != NULL ? real : path);
  free(real);
}

static bool is_there(const char *text) { return text != NULL && text[0] != '\0'; }

enum { most_texts = 7 };

typedef struct key_text {
  bf_label_key key;
  char text[BF_PATH_MAX];
} key_text;

/* File name without extension, alone and behind its folder's name. */
static int stems_of(key_text *to, const char *path) {
  const char *name = bf_path_name(path);
  int length = (int)bf_label_stem(name);
  const char *end = name > path ? name - 1 : path, *start = end;
  while (start > path && start[-1] != '/') start--;
  int folder = (int)(end - start);
  to[0].key = to[1].key = BF_LABEL_STEM;
  snprintf(to[0].text, sizeof to[0].text, "%.*s", length, name);
  snprintf(to[1].text, sizeof to[1].text, "%.*s/%.*s", folder, start, length, name);
  return folder > 0 ? 2 : 1;
}

/* The texts that the image may be known by, in the order of bf_label_key; those of keys that no label has are left out.
 */
static int texts_of(key_text to[most_texts], bf_labels *labels, const bf_subject *s) {
  int n = 0;
  if (is_there(s->sop_instance_uid)) {
    to[n] = (key_text){.key = BF_LABEL_UID};
    snprintf(to[n++].text, sizeof to[n].text, "%s", s->sop_instance_uid);
  }
  if (is_there(s->path) && labels->by[BF_LABEL_FILE].count > 0) {
    to[n].key = BF_LABEL_FILE;
    resolve(to[n++].text, labels, s->path);
  }
  if (labels->by[BF_LABEL_STEM].count > 0) {
    if (is_there(s->sop_instance_uid)) {
      to[n].key = BF_LABEL_STEM;
      snprintf(to[n++].text, sizeof to[n].text, "%s", s->sop_instance_uid);
    }
    if (is_there(s->path)) n += stems_of(&to[n], s->path);
  }
  if (is_there(s->series_instance_uid) && labels->by[BF_LABEL_SERIES].count > 0) {
    to[n].key = BF_LABEL_SERIES;
    snprintf(to[n++].text, sizeof to[n].text, "%s", s->series_instance_uid);
  }
  if (is_there(s->study_instance_uid) && is_there(s->view) && labels->by[BF_LABEL_VIEW].count > 0) {
    to[n].key = BF_LABEL_VIEW;
    bf_label_view_text(to[n++].text, s->study_instance_uid, s->laterality != NULL ? s->laterality : "", s->view);
  }
  return n;
}

/* ---- finding and adding ---- */

static bf_label *add(bf_labels *labels, bf_label_key key, const char *name, const char *text, bf_error *err) {
  if (labels->count == labels->room) {
    int64_t room = labels->room == 0 ? 64 : labels->room * 2;
    bf_label **grown = bf_grow(labels->items, (size_t)labels->count, (size_t)room, sizeof(bf_label *));
    if (grown == NULL) goto memory;
    labels->items = grown;
    labels->room = room;
  }
  bf_label *label = bf_alloc(1, sizeof *label);
  if (label == NULL) goto memory;
  label->malignant = label->of_image = -1;
  label->key = key;
  label->name = bf_strdup(name);
  if (key == BF_LABEL_UID) snprintf(label->sop_instance_uid, sizeof label->sop_instance_uid, "%s", name);
  if (label->name == NULL || bf_string_map_set(&labels->by[key], text, labels->count, NULL) != BF_OK) {
    label_destroy(label);
    goto memory;
  }
  return labels->items[labels->count++] = label;
memory:
  bf_fail(err, BF_E_MEMORY, "no memory for %lld labels", (long long)labels->count);
  return NULL;
}

bf_label *bf_labels_touch(bf_labels *labels, const char *sop_instance_uid, const char *file, bf_error *err) {
  char resolved[BF_PATH_MAX];
  if (is_there(sop_instance_uid)) return bf_labels_touch_by(labels, BF_LABEL_UID, sop_instance_uid, err);
  resolve(resolved, labels, file);
  int64_t at = bf_string_map_get(&labels->by[BF_LABEL_FILE], resolved);
  return at >= 0 ? labels->items[at] : add(labels, BF_LABEL_FILE, file, resolved, err);
}

bf_label *bf_labels_touch_by(bf_labels *labels, bf_label_key key, const char *text, bf_error *err) {
  int64_t at = bf_string_map_get(&labels->by[key], text);
  return at >= 0 ? labels->items[at] : add(labels, key, text, text, err);
}

/* ---- what readers say of a label ---- */

void bf_labels_tell(bf_labels *labels, bf_label *label, const char *path, long line) {
  char place[32] = "";
  if (line > 0) snprintf(place, sizeof place, "line %ld: ", line);
  if (label->contradicted && !label->told_class)
    bf_labels_complain(labels, "%.600s: %sbenign and malignant are said of the same image; its class is unknown", path,
                       place);
  if (label->box_contradicted && !label->told_box)
    bf_labels_complain(labels, "%.600s: %sbenign and malignant are said of the same box; its class is unknown", path,
                       place);
  if (label->doubted && !label->told_lesions)
    bf_labels_complain(
        labels, "%.600s: %sa lesion, and that there is none, are said of the same image; its lesions are unknown", path,
        place);
  label->told_class = label->contradicted;
  label->told_box = label->box_contradicted;
  label->told_lesions = label->doubted;
}

bf_status bf_labels_pass(bf_labels *labels, const char *path, bf_error *err) {
  if (labels->passed_count == labels->passed_room) {
    int64_t room = labels->passed_room == 0 ? 64 : 2 * labels->passed_room;
    char **grown = bf_grow(labels->passed, (size_t)labels->passed_count, (size_t)room, sizeof(char *));
    if (grown == NULL) return bf_fail(err, BF_E_MEMORY, "no memory for labels");
    labels->passed = grown;
    labels->passed_room = room;
  }
  char *copy = bf_strdup(path);
  if (copy == NULL) return bf_fail(err, BF_E_MEMORY, "no memory for labels");
  labels->passed[labels->passed_count++] = copy;
  return BF_OK;
}

const char *const *bf_labels_passed(const bf_labels *labels, int64_t *count) {
  *count = labels->passed_count;
  return (const char *const *)labels->passed;
}

bf_status bf_labels_add_shape(bf_labels *labels, bf_label *label, bf_mask_shape *shape, const char *path, int32_t frame,
                              bf_error *err) {
  if (labels->shape_count == labels->shape_room) {
    int64_t room = labels->shape_room == 0 ? 64 : labels->shape_room * 2;
    bf_mask_shape **grown = bf_grow(labels->shapes, (size_t)labels->shape_count, (size_t)room, sizeof(bf_mask_shape *));
    if (grown == NULL) {
      bf_mask_shape_destroy(shape);
      return bf_fail(err, BF_E_MEMORY, "no memory for labels");
    }
    labels->shapes = grown;
    labels->shape_room = room;
  }
  labels->shapes[labels->shape_count++] = shape;
  return bf_label_put_mask(label,
                           (bf_mask_file){.path = (char *)path,
                                          .kind = BF_MASK_SHAPE,
                                          .frame = frame,
                                          .malignant = BF_MASK_CLASS_OF_IMAGE,
                                          .shape = shape},
                           err);
}

/* ---- joining ---- */

/* Two patients or splits. */
static bf_status check_join(const bf_label *label, const bf_label *other, const bf_subject *subject, bf_error *err) {
  bool split_differs = label->split != BF_SPLIT_NONE && other->split != BF_SPLIT_NONE && label->split != other->split;
  bool patient_differs =
      label->patient_id != NULL && other->patient_id != NULL && strcmp(label->patient_id, other->patient_id) != 0;
  if (!split_differs && !patient_differs) return BF_OK;
  return bf_fail(err, BF_E_FORMAT, "%s: the labels of it contradict each other about %s",
                 is_there(subject->path) ? subject->path : subject->sop_instance_uid,
                 split_differs ? "split" : "PatientID");
}

/* Puts what `other` says into `label`. */
static bf_status join(bf_labels *labels, bf_label *label, const bf_label *other, const bf_subject *subject,
                      bf_error *err) {
  const char *where = is_there(subject->path) ? subject->path : subject->sop_instance_uid;
  bf_status status = check_join(label, other, subject, err);
  if (status != BF_OK) return status;
  if (label->split == BF_SPLIT_NONE) label->split = other->split;
  if (label->patient_id == NULL && other->patient_id != NULL &&
      (label->patient_id = bf_strdup(other->patient_id)) == NULL)
    return bf_fail(err, BF_E_MEMORY, "no memory for labels");
  /* What was told of either is not told again of both. */
  label->told_class = label->told_class || other->told_class;
  label->told_lesions = label->told_lesions || other->told_lesions;
  label->told_box = label->told_box || other->told_box;
  bf_label_join_class(label, other);
  for (int32_t i = 0; i < other->looked_count && status == BF_OK; i++)
    status = bf_label_look_at(label, other->looked[i].frame, other->looked[i].said, err);
  for (int32_t i = 0; i < other->lesion_count && status == BF_OK; i++)
    status = bf_label_add_lesion(label, other->lesions[i], err);
  for (int32_t i = 0; i < other->mask_count && status == BF_OK; i++)
    status = bf_label_put_mask(label, other->masks[i], err);
  if (status == BF_OK) status = bf_labels_join_texts(labels, label, other, where, err);
  if (status == BF_OK) bf_labels_tell(labels, label, where, 0);
  return status;
}

/* The labels that speak of the image, each once, in the order of their keys. */
static int speakers(bf_label *found[most_texts], bf_labels *labels, const bf_subject *subject) {
  key_text texts[most_texts];
  int n = 0, count = texts_of(texts, labels, subject);
  for (int i = 0; i < count; i++) {
    int64_t at = bf_string_map_get(&labels->by[texts[i].key], texts[i].text);
    if (at < 0) continue;
    int k = 0;
    while (k < n && found[k] != labels->items[at]) k++;
    if (k == n) found[n++] = labels->items[at];
  }
  return n;
}

/* What tells an image from others: its UID, or where it has none the end of its path. */
static const char *identity_of(const bf_subject *subject) {
  if (is_there(subject->sop_instance_uid)) return subject->sop_instance_uid;
  size_t length = is_there(subject->path) ? strlen(subject->path) : 0;
  return length == 0 ? "-" : length > 64 ? subject->path + length - 64 : subject->path;
}

bool bf_labels_claim(bf_labels *labels, const bf_subject *subject) {
  bf_label *found[most_texts];
  const char *who = identity_of(subject);
  bool named = false;
  int n = speakers(found, labels, subject);
  for (int i = 0; i < n; i++) {
    bf_label *l = found[i];
    named = named || l->key <= BF_LABEL_STEM;
    if (l->key < BF_LABEL_STEM) continue;
    /* The same image again is no other image. */
    if (l->sop_instance_uid[0] != '\0' && strcmp(l->sop_instance_uid, who) != 0) l->ambiguous = true;
    snprintf(l->sop_instance_uid, sizeof l->sop_instance_uid, "%s", who);
  }
  return named;
}

bf_status bf_labels_match(bf_label **out, bf_labels *labels, const bf_subject *subject, bf_error *err) {
  bf_label *found[most_texts];
  bf_status status = BF_OK;
  int n = speakers(found, labels, subject);
  *out = NULL;
  for (int i = 0; i < n && status == BF_OK; i++) {
    if (found[i]->ambiguous) continue;
    if (*out == NULL) {
      *out = found[i];
      continue;
    }
    found[i]->matched++;
    status = join(labels, *out, found[i], subject, err);
  }
  return status;
}

bool bf_labels_mark(bf_labels *labels, const bf_subject *subject) {
  bf_label *found[most_texts];
  bool unused = false;
  int n = speakers(found, labels, subject);
  for (int i = 0; i < n; i++) {
    if (found[i]->ambiguous) continue;
    unused = unused || found[i]->matched == 0;
    found[i]->matched++;
  }
  return unused;
}

int64_t bf_labels_ambiguous(const bf_labels *labels) {
  int64_t n = 0;
  for (int64_t i = 0; i < labels->count; i++) n += labels->items[i]->ambiguous;
  return n;
}
