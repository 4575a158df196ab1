/* COCO JSON (cocodataset.org, "Data format"): images, boxes and segmentations of lesions, categories. The lists are
 * read entry by entry, images and annotations twice: what all of an image's say decides how each is taken. */
#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "base/file.h"
#include "base/memory.h"
#include "base/utf8.h"
#include "data/json_list.h"
#include "data/labels.h"
#include "data/mask_coco.h"
#include "data/string_map.h"

enum { most_lesions = 1000, farthest = 1000000 };
static const size_t most_bytes = (size_t)1 << 30;

enum { images, annotations, categories, list_count };
static const char *const list_names[list_count] = {"images", "annotations", "categories"};

/* What the annotations of an image say together; it is known when all are read. */
typedef struct coco_image {
  bf_label *label;
  int32_t rows, columns; /* 0: not given */
  bf_lesion *lesions;
  bf_mask_shape **shapes; /* of each lesion; NULL where it has none. Owned until they are the label's */
  int32_t count, room;
  bool crowd; /* one annotation stands for many lesions */
} coco_image;

typedef struct reader {
  bf_labels *labels;
  const char *path;
  char folder[BF_PATH_MAX];
  char *text;
  const char *starts[list_count];
  coco_image *images;        /* as the file lists them */
  bf_string_map image_of;    /* id -> place in the list */
  bf_string_map category_of; /* id -> class of its lesions + 1 */
  bf_string_map stems;       /* name of a file without ending -> how often it is there */
} reader;

/* ---- the file ---- */

static bf_status open_file(reader *r, bf_error *err) {
  size_t size = 0;
  bf_status status = bf_file_read(&r->text, &size, r->path, most_bytes, err);
  if (status != BF_OK) return status;
  if (memchr(r->text, '\0', size) != NULL)
    return bf_fail(err, BF_E_FORMAT, "%s: holds NUL bytes; save it as UTF-8 text", r->path);
  return bf_json_lists(r->starts, r->text + bf_utf8_mark(r->text, size), list_names, list_count, r->path, err);
}

typedef bf_status (*take_entry)(reader *r, size_t index, const json_t *entry, bf_error *err);

static bf_status each(reader *r, int list, take_entry take, bf_error *err) {
  bf_json_cursor cursor = {.next = r->starts[list], .path = r->path, .name = list_names[list]};
  bf_status status = BF_OK;
  while (status == BF_OK) {
    json_t *entry;
    status = bf_json_next(&entry, &cursor, err);
    if (status != BF_OK || entry == NULL) break;
    status = take(r, cursor.index - 1, entry, err);
    json_decref(entry);
  }
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

static bf_status put_id(bf_string_map *map, const reader *r, const char *list, size_t index, const json_t *entry,
                        int64_t value, bf_error *err) {
  char id[80];
  if (!id_text(id, json_object_get(entry, "id"))) return bad(r, list, index, "has no id", err);
  if (bf_string_map_get(map, id) >= 0) return bad(r, list, index, "has the id of an earlier one", err);
  return bf_string_map_set(map, id, value, err);
}

static int64_t find_id(const bf_string_map *map, const json_t *id) {
  char text[80];
  return id_text(text, id) ? bf_string_map_get(map, text) : -1;
}

/* ---- categories ---- */

static int8_t class_of(const char *name) {
  return strcasecmp(name, "malignant") == 0 ? 1 : strcasecmp(name, "benign") == 0 ? 0 : -1;
}

/* The classes are kept as ids are: the value of an id is that of its category, 0 to 2, and one more than the class. */
static bf_status read_category(reader *r, size_t index, const json_t *entry, bf_error *err) {
  const char *name = json_string_value(json_object_get(entry, "name"));
  if (name == NULL) return bad(r, "categories", index, "has no name", err);
  return put_id(&r->category_of, r, "categories", index, entry, class_of(name) + 1, err);
}

/* ---- images ---- */

static bool stem_of(char stem[BF_PATH_MAX], const char *file) {
  const char *name = bf_path_name(file);
  size_t size = bf_label_stem(name);
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

static bf_status count_image(reader *r, size_t index, const json_t *entry, bf_error *err) {
  char stem[BF_PATH_MAX];
  const char *file = json_string_value(json_object_get(entry, "file_name"));
  if (file == NULL || !stem_of(stem, file)) return bad(r, "images", index, "has no file_name", err);
  int64_t count = bf_string_map_get(&r->stems, stem);
  bf_status status = put_id(&r->image_of, r, "images", index, entry, (int64_t)index, err);
  return status == BF_OK ? bf_string_map_set(&r->stems, stem, count < 0 ? 1 : count + 1, err) : status;
}

static bf_status take_image(reader *r, size_t index, const json_t *entry, bf_error *err) {
  char stem[BF_PATH_MAX];
  const char *file = json_string_value(json_object_get(entry, "file_name"));
  if (!stem_of(stem, file)) return bad(r, "images", index, "has no file_name", err);
  r->images[index].label = touch(r, file, stem, err);
  if (r->images[index].label == NULL) return BF_E_MEMORY;
  bf_status status = read_side(&r->images[index].rows, r, index, entry, "height", err);
  return status == BF_OK ? read_side(&r->images[index].columns, r, index, entry, "width", err) : status;
}

static bf_status read_images(reader *r, bf_error *err) {
  bf_status status = each(r, images, count_image, err);
  if (status != BF_OK) return status;
  r->images = bf_alloc((size_t)r->image_of.count + 1, sizeof *r->images);
  if (r->images == NULL) return bf_fail(err, BF_E_MEMORY, "%s: no memory to read it", r->path);
  return each(r, images, take_image, err);
}

/* ---- annotations ---- */

static int8_t class_at(const reader *r, const json_t *annotation) {
  int64_t value = find_id(&r->category_of, json_object_get(annotation, "category_id"));
  return (int8_t)(value > 0 ? value - 1 : -1);
}

static bf_status keep(reader *r, coco_image *image, bf_lesion lesion, bf_mask_shape *shape, bf_error *err) {
  if (image->count == image->room) {
    int32_t room = image->room == 0 ? 2 : 2 * image->room;
    bf_lesion *lesions = bf_grow(image->lesions, (size_t)image->count, (size_t)room, sizeof *lesions);
    if (lesions != NULL) image->lesions = lesions;
    bf_mask_shape **shapes = bf_grow(image->shapes, (size_t)image->count, (size_t)room, sizeof(bf_mask_shape *));
    if (shapes != NULL) image->shapes = shapes;
    if (lesions == NULL || shapes == NULL) return bf_fail(err, BF_E_MEMORY, "%s: no memory to read it", r->path);
    image->room = room;
  }
  image->lesions[image->count] = lesion;
  image->shapes[image->count++] = shape;
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

static bf_status read_lesion(reader *r, size_t index, const json_t *a, coco_image *image, bf_error *err) {
  bf_mask_shape *shape = NULL;
  bf_coco_edges e = {0};
  bf_status status = bf_coco_shape(&shape, json_object_get(a, "segmentation"), image->rows, image->columns, err);
  if (status != BF_OK) return bf_error_prefix(err, "%s: annotations[%zu]", r->path, index);
  status = read_edges(&e, r, index, a, shape, err);
  bf_lesion lesion = {.xmin = (float)e.xmin,
                      .ymin = (float)e.ymin,
                      .xmax = (float)e.xmax,
                      .ymax = (float)e.ymax,
                      .malignant = class_at(r, a)};
  if (status == BF_OK && !(lesion.xmax > lesion.xmin && lesion.ymax > lesion.ymin))
    status = bad(r, "annotations", index, "bbox has no width or no height", err);
  if (status == BF_OK) status = keep(r, image, lesion, shape, err);
  if (status != BF_OK) bf_mask_shape_destroy(shape);
  return status;
}

static bf_status take_annotation(reader *r, size_t index, const json_t *a, bf_error *err) {
  if (!json_is_object(a)) return bad(r, "annotations", index, "is no object", err);
  int64_t at = find_id(&r->image_of, json_object_get(a, "image_id"));
  const json_t *crowd = json_object_get(a, "iscrowd");
  if (at < 0) {
    bf_labels_complain(r->labels,
                       "%.600s: annotations[%zu]: names an image that the file does not list; it is not used", r->path,
                       index);
    return BF_OK;
  }
  if (find_id(&r->category_of, json_object_get(a, "category_id")) < 0)
    return bad(r, "annotations", index, "names a category that the file does not list", err);
  coco_image *image = &r->images[at];
  bf_label_add_class(image->label, class_at(r, a));
  image->crowd = image->crowd || json_is_true(crowd) || json_integer_value(crowd) != 0;
  if (image->crowd) return BF_OK;
  if (image->count == most_lesions)
    return bf_fail(err, BF_E_LIMIT, "%s: annotations[%zu]: more than %d annotations of one image", r->path, index,
                   most_lesions);
  return read_lesion(r, index, a, image, err);
}

/* ---- what follows for the images ---- */

/* The mask of an image is that of all its lesions, or there is none. */
static bf_status give_lesions(reader *r, coco_image *image, bf_error *err) {
  bool whole = true;
  bf_status status = bf_label_look_at(image->label, -1, image->count == 0 ? BF_LOOK_CLEAN : BF_LOOK_DONE, err);
  for (int32_t i = 0; i < image->count && status == BF_OK; i++) {
    whole = whole && image->shapes[i] != NULL;
    status = bf_label_add_lesion(
        image->label,
        (bf_label_lesion){.box = image->lesions[i], .frame = -1, .rows = image->rows, .columns = image->columns}, err);
  }
  for (int32_t i = 0; i < image->count && status == BF_OK && whole; i++) {
    status = bf_labels_add_shape(r->labels, image->label, image->shapes[i], r->path, -1, err);
    image->shapes[i] = NULL;
  }
  return status;
}

static bf_status finish_images(reader *r, bf_error *err) {
  bf_status status = BF_OK;
  for (int64_t i = 0; i < r->image_of.count && status == BF_OK; i++) {
    coco_image *image = &r->images[i];
    if (image->crowd)
      bf_labels_complain(r->labels,
                         "%.600s: images[%lld]: an annotation with iscrowd stands for many lesions; the lesions of the "
                         "image are unknown",
                         r->path, (long long)i);
    else
      status = give_lesions(r, image, err);
    char place[BF_PATH_MAX];
    snprintf(place, sizeof place, "%.560s: images[%lld]", r->path, (long long)i);
    bf_labels_tell(r->labels, image->label, place, 0);
  }
  return status;
}

static void image_clear(coco_image *image) {
  for (int32_t i = 0; i < image->count; i++) bf_mask_shape_destroy(image->shapes[i]);
  bf_free(image->shapes);
  bf_free(image->lesions);
}

static void reader_clear(reader *r) {
  bf_free(r->text);
  for (int64_t i = 0; r->images != NULL && i < r->image_of.count; i++) image_clear(&r->images[i]);
  bf_free(r->images);
  bf_string_map_clear(&r->image_of);
  bf_string_map_clear(&r->category_of);
  bf_string_map_clear(&r->stems);
}

static bf_status coco_read(bf_labels *labels, const char *path, bf_error *err) {
  reader r = {.labels = labels, .path = path};
  bf_path_folder(r.folder, sizeof r.folder, path);
  bf_status status = open_file(&r, err);
  if (status == BF_OK) status = each(&r, categories, read_category, err);
  if (status == BF_OK) status = read_images(&r, err);
  if (status == BF_OK) status = each(&r, annotations, take_annotation, err);
  if (status == BF_OK) status = finish_images(&r, err);
  reader_clear(&r);
  return status;
}

/* An object, surely COCO when one of its lists begins within what is seen of it. */
static int coco_detect(const char *path, const char *head, size_t size) {
  static const char *const lists[] = {"\"images\"", "\"annotations\"", "\"categories\""};
  size_t at = bf_utf8_mark(head, size);
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
