/* COCO JSON (cocodataset.org, "Data format"): images, boxes and segmentations of lesions, categories. The file is
 * looked over before it is parsed, so that neither its depth nor the number of its values can cost more than is said
 * here. */
#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "base/file.h"
#include "base/memory.h"
#include "data/labels.h"
#include "data/mask_coco.h"
#include "data/string_map.h"

/* A parsed value takes up to about 110 bytes. */
enum { most_depth = 32, most_values = 1 << 24, most_lesions = 1000, farthest = 1000000 };
static const size_t most_bytes = (size_t)1 << 28;

/* What the annotations of an image say together. */
typedef struct coco_image {
  bf_label *label;
  int32_t lesions;
  bool malignant, unknown; /* a lesion of that class is there */
  bool crowd;              /* one annotation stands for many lesions */
  bool without_shape;      /* a lesion has no segmentation */
} coco_image;

typedef struct reader {
  bf_labels *labels;
  const char *path;
  char folder[BF_PATH_MAX];
  json_t *root;
  coco_image *images;
  bf_string_map image_of, category_of, stems; /* id -> place in the list; name of a file -> 1 + how often */
  int8_t *classes;                            /* of the categories */
} reader;

/* ---- looking over the file ---- */

typedef struct look_over {
  int64_t depth, deepest, values;
} look_over;

static const char *skip_string(const char *c) {
  for (c++; *c != '\0' && *c != '"'; c++)
    if (*c == '\\' && c[1] != '\0') c++;
  return *c == '\0' ? c - 1 : c;
}

static look_over look_at(const char *text) {
  look_over o = {0};
  for (const char *c = text; *c != '\0'; c++) {
    if (*c == '"') {
      c = skip_string(c);
    } else if (*c == '{' || *c == '[') {
      o.values++;
      if (++o.depth > o.deepest) o.deepest = o.depth;
    } else if (*c == '}' || *c == ']') {
      o.depth--;
    } else {
      o.values += *c == ',';
    }
  }
  return o;
}

static bf_status parse(reader *r, bf_error *err) {
  char *text = NULL;
  size_t size = 0;
  json_error_t why;
  bf_status status = bf_file_read(&text, &size, r->path, most_bytes, err);
  if (status != BF_OK) return status;
  look_over o = look_at(text);
  size_t start = size >= 3 && memcmp(text, "\xef\xbb\xbf", 3) == 0 ? 3 : 0;
  if (memchr(text, '\0', size) != NULL)
    status = bf_fail(err, BF_E_FORMAT, "%s: holds NUL bytes; save it as UTF-8 text", r->path);
  else if (o.deepest > most_depth)
    status = bf_fail(err, BF_E_LIMIT, "%s: is nested more than %d deep", r->path, most_depth);
  else if (o.values > most_values)
    status =
        bf_fail(err, BF_E_LIMIT, "%s: holds more than %d values; split it into several files", r->path, most_values);
  else if ((r->root = json_loadb(text + start, size - start, JSON_REJECT_DUPLICATES, &why)) == NULL)
    status = bf_fail(err, BF_E_FORMAT, "%s: line %d, column %d: is no sound JSON (cut short, or a mark is missing)",
                     r->path, why.line, why.column); /* jansson's own words repeat what stands there */
  bf_free(text);
  return status;
}

/* ---- values ---- */

static bf_status bad(const reader *r, const char *list, size_t index, const char *what, bf_error *err) {
  return bf_fail(err, BF_E_FORMAT, "%s: %s[%zu]: %s", r->path, list, index, what);
}

/* Ids are numbers; some tools write texts. */
static bool id_text(char text[80], const json_t *id) {
  if (json_is_integer(id)) return snprintf(text, 80, "%" JSON_INTEGER_FORMAT, json_integer_value(id)) > 0;
  const char *said = json_string_value(id);
  return said != NULL && said[0] != '\0' && snprintf(text, 80, "'%s", said) < 80;
}

static bf_status list_of(const json_t **out, const reader *r, const char *name, bf_error *err) {
  *out = json_object_get(r->root, name);
  if (json_is_array(*out)) return BF_OK;
  return bf_fail(err, BF_E_FORMAT, "%s: holds no list '%s'; COCO has images, annotations and categories", r->path,
                 name);
}

static bf_status put_id(bf_string_map *map, const reader *r, const char *list, size_t index, const json_t *entry,
                        bf_error *err) {
  char id[80];
  if (!id_text(id, json_object_get(entry, "id"))) return bad(r, list, index, "has no id", err);
  if (bf_string_map_get(map, id) >= 0) return bad(r, list, index, "has the id of an earlier one", err);
  return bf_string_map_set(map, id, (int64_t)index, err);
}

static int64_t find_id(const bf_string_map *map, const json_t *id) {
  char text[80];
  return id_text(text, id) ? bf_string_map_get(map, text) : -1;
}

/* ---- categories ---- */

static int8_t class_of(const char *name) {
  return strcasecmp(name, "malignant") == 0 ? 1 : strcasecmp(name, "benign") == 0 ? 0 : -1;
}

static bf_status read_categories(reader *r, bf_error *err) {
  const json_t *list;
  bf_status status = list_of(&list, r, "categories", err);
  if (status != BF_OK) return status;
  r->classes = bf_alloc(json_array_size(list) + 1, sizeof *r->classes);
  if (r->classes == NULL) return bf_fail(err, BF_E_MEMORY, "%s: no memory to read it", r->path);
  for (size_t i = 0; i < json_array_size(list) && status == BF_OK; i++) {
    const json_t *entry = json_array_get(list, i);
    const char *name = json_string_value(json_object_get(entry, "name"));
    if (name == NULL) return bad(r, "categories", i, "has no name", err);
    r->classes[i] = class_of(name);
    status = put_id(&r->category_of, r, "categories", i, entry, err);
  }
  return status;
}

/* ---- images ---- */

/* The name without its ending. An ending begins with a letter: the last part of a UID is none. */
static bool stem_of(char stem[BF_PATH_MAX], const char *file) {
  const char *name = bf_path_name(file), *dot = strrchr(name, '.');
  bool ending = dot != NULL && dot > name && ((dot[1] | 32) >= 'a' && (dot[1] | 32) <= 'z');
  size_t size = ending ? (size_t)(dot - name) : strlen(name);
  if (size == 0 || size >= BF_PATH_MAX) return false;
  memcpy(stem, name, size);
  stem[size] = '\0';
  return true;
}

/* "folder/stem" where the file is given with a folder. */
static void with_folder(char text[BF_PATH_MAX], const char *file, const char *stem) {
  const char *end = bf_path_name(file), *start = end;
  if (end > file + 1)
    for (start = end - 1; start > file && start[-1] != '/';) start--;
  if (snprintf(text, BF_PATH_MAX, "%.*s%s", (int)(end - start), start, stem) >= BF_PATH_MAX)
    snprintf(text, BF_PATH_MAX, "%s", stem);
}

/* A picture that was made of a DICOM file to be drawn on is not that file. */
static bool is_picture(const char *file) {
  static const char *const endings[] = {".png", ".jpg", ".jpeg", ".bmp", ".tif", ".tiff", ".webp"};
  const char *dot = strrchr(bf_path_name(file), '.');
  for (size_t i = 0; dot != NULL && i < sizeof endings / sizeof endings[0]; i++)
    if (strcasecmp(dot, endings[i]) == 0) return true;
  return false;
}

/* The very file, where it is there; else by its name, which may be a SOP Instance UID, and by its folder as well where
 * the name stands in the table more than once. */
static bf_label *touch(reader *r, const char *file, const char *stem, bf_error *err) {
  char path[BF_PATH_MAX];
  if (!is_picture(file) && bf_path_join(path, sizeof path, r->folder, file, NULL) == BF_OK && bf_file_exists(path) &&
      !bf_is_folder(path))
    return bf_labels_touch(r->labels, NULL, path, err);
  if (bf_string_map_get(&r->stems, stem) <= 1) return bf_labels_touch_by(r->labels, BF_LABEL_STEM, stem, err);
  with_folder(path, file, stem);
  return bf_labels_touch_by(r->labels, BF_LABEL_STEM, path, err);
}

static bf_status read_side(int32_t *out, const reader *r, size_t index, const json_t *image, const char *name,
                           bf_error *err) {
  const json_t *value = json_object_get(image, name);
  json_int_t number = json_integer_value(value);
  *out = 0;
  if (value == NULL || json_is_null(value)) return BF_OK;
  if (!json_is_integer(value) || number < 1 || number > farthest)
    return bad(r, "images", index, "width or height is no number of pixels", err);
  *out = (int32_t)number;
  return BF_OK;
}

static bf_status read_size(const reader *r, size_t index, const json_t *image, bf_label *label, bf_error *err) {
  int32_t rows, columns;
  bf_status status = read_side(&rows, r, index, image, "height", err);
  if (status == BF_OK) status = read_side(&columns, r, index, image, "width", err);
  if (status != BF_OK || rows == 0 || columns == 0) return status;
  if (!bf_label_fits(label, rows, columns))
    return bad(r, "images", index, "width and height are not those that were given for the same file before", err);
  label->rows = rows;
  label->columns = columns;
  return BF_OK;
}

static bf_status count_stems(reader *r, const json_t *list, bf_error *err) {
  char stem[BF_PATH_MAX];
  bf_status status = BF_OK;
  for (size_t i = 0; i < json_array_size(list) && status == BF_OK; i++) {
    const char *file = json_string_value(json_object_get(json_array_get(list, i), "file_name"));
    if (file == NULL || !stem_of(stem, file)) return bad(r, "images", i, "has no file_name", err);
    int64_t count = bf_string_map_get(&r->stems, stem);
    status = bf_string_map_set(&r->stems, stem, count < 0 ? 1 : count + 1, err);
  }
  return status;
}

static bf_status read_images(reader *r, bf_error *err) {
  const json_t *list;
  char stem[BF_PATH_MAX];
  bf_status status = list_of(&list, r, "images", err);
  if (status == BF_OK) status = count_stems(r, list, err);
  if (status != BF_OK) return status;
  r->images = bf_alloc(json_array_size(list) + 1, sizeof *r->images);
  if (r->images == NULL) return bf_fail(err, BF_E_MEMORY, "%s: no memory to read it", r->path);
  for (size_t i = 0; i < json_array_size(list) && status == BF_OK; i++) {
    const json_t *entry = json_array_get(list, i);
    const char *file = json_string_value(json_object_get(entry, "file_name"));
    status = put_id(&r->image_of, r, "images", i, entry, err);
    if (status != BF_OK || !stem_of(stem, file)) return status;
    r->images[i].label = touch(r, file, stem, err);
    if (r->images[i].label == NULL) return BF_E_MEMORY;
    status = read_size(r, i, entry, r->images[i].label, err);
  }
  return status;
}

/* ---- annotations ---- */

static bool says_something(const json_t *segmentation) {
  return json_object_size(segmentation) > 0 || json_array_size(segmentation) > 0;
}

static int8_t class_at(const reader *r, const json_t *annotation) {
  int64_t at = find_id(&r->category_of, json_object_get(annotation, "category_id"));
  return at >= 0 ? r->classes[at] : -1;
}

/* What must be known of all annotations of an image before one of them is taken. */
static bf_status count_annotation(reader *r, size_t index, const json_t *a, bf_error *err) {
  int64_t at = find_id(&r->image_of, json_object_get(a, "image_id"));
  const json_t *crowd = json_object_get(a, "iscrowd");
  if (!json_is_object(a)) return bad(r, "annotations", index, "is no object", err);
  if (at < 0) {
    bf_labels_complain(r->labels,
                       "%.600s: annotations[%zu]: names an image that the file does not list; it is not used", r->path,
                       index);
    return BF_OK;
  }
  if (find_id(&r->category_of, json_object_get(a, "category_id")) < 0)
    return bad(r, "annotations", index, "names a category that the file does not list", err);
  coco_image *image = &r->images[at];
  int8_t malignant = class_at(r, a);
  image->malignant = image->malignant || malignant == 1;
  image->unknown = image->unknown || malignant < 0;
  image->crowd = image->crowd || json_is_true(crowd) || json_integer_value(crowd) != 0;
  image->without_shape = image->without_shape || !says_something(json_object_get(a, "segmentation"));
  if (++image->lesions > most_lesions)
    return bf_fail(err, BF_E_LIMIT, "%s: annotations[%zu]: more than %d annotations of one image", r->path, index,
                   most_lesions);
  return BF_OK;
}

static bf_status read_box(bf_coco_edges *out, const reader *r, size_t index, const json_t *box, bf_error *err) {
  double v[4];
  if (json_array_size(box) != 4) return bad(r, "annotations", index, "bbox is no list of x, y, width, height", err);
  for (size_t k = 0; k < 4; k++) {
    const json_t *value = json_array_get(box, k);
    v[k] = json_number_value(value);
    if (!json_is_number(value) || !(fabs(v[k]) <= farthest))
      return bad(r, "annotations", index, "a value of bbox is no number of pixels", err);
  }
  if (!(v[2] > 0 && v[3] > 0)) return bad(r, "annotations", index, "bbox has no width or no height", err);
  *out = (bf_coco_edges){v[0], v[1], v[0] + v[2], v[1] + v[3]};
  return BF_OK;
}

/* The box, or where there is none, that around the segmentation. */
static bf_status read_edges(bf_coco_edges *out, const reader *r, size_t index, const json_t *annotation,
                            const bf_mask_shape *shape, bf_error *err) {
  const json_t *box = json_object_get(annotation, "bbox");
  bool empty = box == NULL || json_is_null(box) || (json_is_array(box) && json_array_size(box) == 0);
  if (!empty) return read_box(out, r, index, box, err);
  if (shape != NULL && bf_coco_shape_edges(out, shape)) return BF_OK;
  return bad(r, "annotations", index, "has neither bbox nor a segmentation with pixels", err);
}

static bf_status take_annotation(reader *r, size_t index, const json_t *a, bf_error *err) {
  int64_t at = find_id(&r->image_of, json_object_get(a, "image_id"));
  if (at < 0 || r->images[at].crowd) return BF_OK;
  bf_label *label = r->images[at].label;
  bf_mask_shape *shape = NULL;
  bf_coco_edges e = {0};
  bf_status status = bf_coco_shape(&shape, json_object_get(a, "segmentation"), label->rows, label->columns, err);
  if (status != BF_OK) return bf_error_prefix(err, "%s: annotations[%zu]", r->path, index);
  status = read_edges(&e, r, index, a, shape, err);
  bf_lesion lesion = {.xmin = (float)e.xmin,
                      .ymin = (float)e.ymin,
                      .xmax = (float)e.xmax,
                      .ymax = (float)e.ymax,
                      .malignant = class_at(r, a)};
  if (status == BF_OK && !(lesion.xmax > lesion.xmin && lesion.ymax > lesion.ymin))
    status = bad(r, "annotations", index, "bbox has no width or no height", err);
  if (status == BF_OK) status = bf_label_add_lesion(label, lesion, -1, err);
  if (status == BF_OK && shape != NULL && !r->images[at].without_shape)
    return bf_labels_add_shape(r->labels, label, shape, r->path, -1, err);
  bf_mask_shape_destroy(shape);
  return status;
}

static bf_status read_annotations(reader *r, bf_error *err) {
  const json_t *list;
  bf_status status = list_of(&list, r, "annotations", err);
  for (size_t i = 0; status == BF_OK && i < json_array_size(list); i++)
    status = count_annotation(r, i, json_array_get(list, i), err);
  for (size_t i = 0; status == BF_OK && i < json_array_size(list); i++)
    status = take_annotation(r, i, json_array_get(list, i), err);
  return status;
}

/* Malignant when any lesion is, benign when there are lesions and all are, else unknown. */
static int8_t class_of_image(const coco_image *image) {
  return image->malignant ? 1 : image->lesions > 0 && !image->unknown ? 0 : -1;
}

static void set_class(reader *r, int64_t index, bf_label *label, int8_t malignant) {
  label->has_class = label->has_class || malignant >= 0;
  if (malignant < 0 || label->contradicted) return;
  label->contradicted = label->malignant >= 0 && label->malignant != malignant;
  label->malignant = label->contradicted ? -1 : malignant;
  if (label->contradicted)
    bf_labels_complain(r->labels,
                       "%.600s: images[%lld]: benign or malignant was said otherwise of the same image before; its "
                       "class is unknown",
                       r->path, (long long)index);
}

static bf_status finish_images(reader *r, bf_error *err) {
  bf_status status = BF_OK;
  for (int64_t i = 0; i < r->image_of.count && status == BF_OK; i++) {
    const coco_image *image = &r->images[i];
    set_class(r, i, image->label, class_of_image(image));
    if (image->crowd)
      bf_labels_complain(r->labels,
                         "%.600s: images[%lld]: an annotation with iscrowd stands for many lesions; the lesions of the "
                         "image are unknown",
                         r->path, (long long)i);
    else
      status = bf_label_look(image->label, -1, err);
  }
  return status;
}

static void reader_clear(reader *r) {
  json_decref(r->root);
  bf_free(r->images);
  bf_free(r->classes);
  bf_string_map_clear(&r->image_of);
  bf_string_map_clear(&r->category_of);
  bf_string_map_clear(&r->stems);
}

static bf_status coco_read(bf_labels *labels, const char *path, bf_error *err) {
  reader r = {.labels = labels, .path = path};
  bf_path_folder(r.folder, sizeof r.folder, path);
  bf_status status = parse(&r, err);
  if (status == BF_OK) status = read_categories(&r, err);
  if (status == BF_OK) status = read_images(&r, err);
  if (status == BF_OK) status = read_annotations(&r, err);
  if (status == BF_OK) status = finish_images(&r, err);
  reader_clear(&r);
  return status;
}

/* An object, surely COCO when one of its lists begins within what is seen of it. */
static int coco_detect(const char *path, const char *head, size_t size) {
  static const char *const lists[] = {"\"images\"", "\"annotations\"", "\"categories\""};
  size_t at = size >= 3 && memcmp(head, "\xef\xbb\xbf", 3) == 0 ? 3 : 0;
  (void)path;
  while (at < size && memchr(" \t\r\n", head[at], 4) != NULL) at++;
  if (at == size || head[at] != '{') return 0;
  for (int k = 0; k < 3; k++)
    if (memmem(head, size, lists[k], strlen(lists[k])) != NULL) return 95;
  return 40;
}

const bf_label_format bf_labels_format_coco = {
    "coco", "COCO JSON: images, annotations with bbox and segmentation, categories benign and malignant", coco_detect,
    coco_read};
