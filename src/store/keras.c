/* The walk over a Keras weight file in memory. Only plain (hard) links are followed, only data in the file itself is
 * read, and only through the filters that Keras's own files have. */
#include "store/keras.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "base/utf8.h"
#include "store/h5.h"

enum { names_max = 65536, name_bytes_max = 1024, chunks_max = 1000 };

typedef struct name_list {
  char **items;
  int64_t count, capacity;
} name_list;

typedef struct walk {
  const bf_keras_visitor *visitor;
  hid_t file, root;
  size_t limit, used; /* bytes of floats */
} walk;

/* ---- the file in memory ---- */

typedef struct image {
  void *bytes;
  size_t size;
} image;

/* HDF5 would copy the file twice; these let it use the bytes where they stand. */
static void *image_take(size_t size, H5FD_file_image_op_t why, void *user) {
  image *i = user;
  (void)why;
  return size == i->size ? i->bytes : NULL;
}

static void *image_copy(void *to, const void *from, size_t size, H5FD_file_image_op_t why, void *user) {
  (void)size, (void)why, (void)user;
  return to == from ? to : NULL;
}

static void *image_resize(void *bytes, size_t size, H5FD_file_image_op_t why, void *user) {
  (void)bytes, (void)size, (void)why, (void)user;
  return NULL;
}

static herr_t image_leave(void *bytes, H5FD_file_image_op_t why, void *user) {
  (void)bytes, (void)why, (void)user;
  return 0;
}

static void *same_user(void *user) { return user; }
static herr_t keep_user(void *user) {
  (void)user;
  return 0;
}

static bf_status open_image(hid_t *out, image *i, bf_error *err) {
  H5FD_file_image_callbacks_t calls = {image_take, image_copy, image_resize, image_leave, same_user, keep_user, i};
  const size_t unused_step = 1 << 16;
  H5Eset_auto2(H5E_DEFAULT, NULL, NULL);
  H5PLset_loading_state(0);
  hid_t access = H5Pcreate(H5P_FILE_ACCESS);
  bool good = access >= 0 && H5Pset_fapl_core(access, unused_step, 0) >= 0 &&
              H5Pset_file_image_callbacks(access, &calls) >= 0 && H5Pset_file_image(access, i->bytes, i->size) >= 0;
  *out = good ? H5Fopen("weights in memory", H5F_ACC_RDONLY, access) : -1;
  bf_status status =
      *out >= 0 ? BF_OK
                : bf_fail(err, BF_E_FORMAT, "HDF5 cannot open it: '%s'; it is cut short, damaged or no HDF5 file",
                          bf_h5_reason());
  if (access >= 0) H5Pclose(access);
  return status;
}

/* ---- lists of names ---- */

static void clear_names(name_list *names) {
  for (int64_t i = 0; i < names->count; i++) bf_free(names->items[i]);
  bf_free(names->items);
  *names = (name_list){0};
}

static bf_status add_name(name_list *names, const char *text, const char *attribute, bf_error *err) {
  if (text == NULL || !bf_is_plain_text(text))
    return bf_fail(err, BF_E_FORMAT, "%s: name %lld is empty, longer than %d bytes or no plain text", attribute,
                   (long long)names->count, name_bytes_max - 1);
  if (names->count == names_max) return bf_fail(err, BF_E_LIMIT, "%s: more than %d names", attribute, names_max);
  if (names->count == names->capacity) {
    int64_t wanted = names->capacity > 0 ? 2 * names->capacity : 64;
    char **grown = bf_grow(names->items, (size_t)names->count, (size_t)wanted, sizeof *grown);
    if (grown == NULL) return bf_fail(err, BF_E_MEMORY, "no memory for the names of %s", attribute);
    names->items = grown;
    names->capacity = wanted;
  }
  char *copy = bf_strdup(text);
  if (copy == NULL) return bf_fail(err, BF_E_MEMORY, "no memory for the names of %s", attribute);
  names->items[names->count++] = copy;
  return BF_OK;
}

static bf_status read_fixed(name_list *names, hid_t attribute, hid_t stored, int64_t count, const char *name,
                            bf_error *err) {
  size_t width = H5Tget_size(stored);
  if (width >= name_bytes_max)
    return bf_fail(err, BF_E_LIMIT, "%s: names of %zu bytes, at most %d are handled", name, width, name_bytes_max - 1);
  hid_t type = H5Tcopy(H5T_C_S1);
  char *texts = bf_alloc((size_t)count, width + 1);
  bf_status status = BF_OK;
  if (texts == NULL || type < 0)
    status = bf_fail(err, BF_E_MEMORY, "no memory for the names of %s", name);
  else if (H5Tset_size(type, width + 1) < 0 || H5Tset_cset(type, H5Tget_cset(stored)) < 0 ||
           H5Aread(attribute, type, texts) < 0)
    status = bf_fail(err, BF_E_FORMAT, "%s cannot be read: HDF5 says '%s'", name, bf_h5_reason());
  for (int64_t i = 0; i < count && status == BF_OK; i++) {
    char *text = texts + (size_t)i * (width + 1);
    text[width] = '\0';
    status = add_name(names, text, name, err);
  }
  bf_free(texts);
  if (type >= 0) H5Tclose(type);
  return status;
}

static bf_status read_variable(name_list *names, hid_t attribute, hid_t type, hid_t space, int64_t count,
                               const char *name, bf_error *err) {
  char **texts = bf_alloc((size_t)count, sizeof *texts);
  if (texts == NULL) return bf_fail(err, BF_E_MEMORY, "no memory for the names of %s", name);
  bf_status status = BF_OK;
  if (H5Aread(attribute, type, texts) < 0)
    status = bf_fail(err, BF_E_FORMAT, "%s cannot be read: HDF5 says '%s'", name, bf_h5_reason());
  for (int64_t i = 0; i < count && status == BF_OK; i++) status = add_name(names, texts[i], name, err);
  H5Dvlen_reclaim(type, space, H5P_DEFAULT, texts);
  bf_free(texts);
  return status;
}

static bf_status read_attribute(name_list *names, hid_t object, const char *name, bf_error *err) {
  hid_t attribute = H5Aopen(object, name, H5P_DEFAULT);
  hid_t type = attribute < 0 ? -1 : H5Aget_type(attribute), space = attribute < 0 ? -1 : H5Aget_space(attribute);
  hssize_t count = space < 0 ? -1 : H5Sget_simple_extent_npoints(space);
  bf_status status = BF_OK;
  if (type < 0 || count < 0)
    status = bf_fail(err, BF_E_FORMAT, "%s cannot be read: HDF5 says '%s'", name, bf_h5_reason());
  else if (count > names_max)
    status = bf_fail(err, BF_E_LIMIT, "%s: more than %d names", name, names_max);
  else if (count > 0 && H5Tget_class(type) != H5T_STRING) /* an empty list is written as numbers */
    status = bf_fail(err, BF_E_FORMAT, "%s holds no texts", name);
  else if (count > 0 && H5Tis_variable_str(type) > 0)
    status = read_variable(names, attribute, type, space, count, name, err);
  else if (count > 0)
    status = read_fixed(names, attribute, type, count, name, err);
  if (space >= 0) H5Sclose(space);
  if (type >= 0) H5Tclose(type);
  if (attribute >= 0) H5Aclose(attribute);
  return status;
}

/* Lists that are too long for one attribute stand in name0, name1 ... */
static bf_status read_names(name_list *names, bool *found, hid_t object, const char *name, bf_error *err) {
  char chunk[64];
  *found = H5Aexists(object, name) > 0;
  if (*found) return read_attribute(names, object, name, err);
  for (int i = 0; i < chunks_max; i++) {
    snprintf(chunk, sizeof chunk, "%s%d", name, i);
    if (H5Aexists(object, chunk) <= 0) break;
    *found = true;
    bf_status status = read_attribute(names, object, chunk, err);
    if (status != BF_OK) return status;
  }
  return BF_OK;
}

/* ---- one weight ---- */

static bf_status check_filters(hid_t dataset, const char *layer, const char *name, bf_error *err) {
  hid_t creation = H5Dget_create_plist(dataset);
  int count = creation < 0 ? -1 : H5Pget_nfilters(creation);
  bf_status status =
      count >= 0 ? BF_OK : bf_fail(err, BF_E_FORMAT, "%s: %s: its filters are not readable", layer, name);
  for (int i = 0; i < count && status == BF_OK; i++) {
    unsigned flags, options;
    size_t values = 0;
    H5Z_filter_t filter = H5Pget_filter2(creation, (unsigned)i, &flags, &values, NULL, 0, NULL, &options);
    if (filter != H5Z_FILTER_DEFLATE && filter != H5Z_FILTER_SHUFFLE)
      status = bf_fail(err, BF_E_UNSUPPORTED,
                       "%s: %s is stored through HDF5 filter %d, and only gzip and shuffle are read; save it without",
                       layer, name, (int)filter);
  }
  if (creation >= 0) H5Pclose(creation);
  return status;
}

static bf_status read_shape(bf_keras_weight *w, size_t *type_size, hid_t dataset, bf_error *err) {
  hsize_t dims[BF_KERAS_RANK_MAX] = {0};
  hid_t space = H5Dget_space(dataset), type = H5Dget_type(dataset);
  int rank = space < 0 ? -1 : H5Sget_simple_extent_ndims(space);
  H5T_class_t kind = type < 0 ? H5T_NO_CLASS : H5Tget_class(type);
  *type_size = type < 0 ? 0 : H5Tget_size(type);
  if (rank > 0 && rank <= BF_KERAS_RANK_MAX) H5Sget_simple_extent_dims(space, dims, NULL);
  bool is_null = space >= 0 && H5Sget_simple_extent_type(space) == H5S_NULL;
  if (type >= 0) H5Tclose(type);
  if (space >= 0) H5Sclose(space);
  if (kind != H5T_FLOAT && kind != H5T_INTEGER)
    return bf_fail(err, BF_E_UNSUPPORTED, "%s: %s does not hold numbers", w->layer, w->name);
  if (rank < 0 || rank > BF_KERAS_RANK_MAX || is_null)
    return bf_fail(err, BF_E_UNSUPPORTED, "%s: %s has %d dimensions, 0 to %d are handled", w->layer, w->name, rank,
                   BF_KERAS_RANK_MAX);
  w->rank = rank;
  w->count = 1;
  for (int i = 0; i < rank; i++) {
    if (dims[i] > INT64_MAX || __builtin_mul_overflow(w->count, (int64_t)dims[i], &w->count))
      return bf_fail(err, BF_E_FORMAT, "%s: %s holds more numbers than can be counted", w->layer, w->name);
    w->shape[i] = (int64_t)dims[i];
  }
  return BF_OK;
}

static bf_status check_size(walk *k, const bf_keras_weight *w, hid_t dataset, size_t type_size, bf_error *err) {
  size_t bytes;
  if (__builtin_mul_overflow((size_t)w->count, sizeof(float), &bytes) || bytes > k->limit - k->used)
    return bf_fail(err, BF_E_LIMIT,
                   "%s: with the %lld numbers of %s the file unpacks to more than the limit of %zu bytes for its size",
                   w->layer, (long long)w->count, w->name, k->limit);
  if (!bf_h5_believable(dataset, w->count, type_size))
    return bf_fail(err, BF_E_FORMAT, "%s: %s claims %lld numbers, which the file does not hold: cut short or damaged",
                   w->layer, w->name, (long long)w->count);
  k->used += bytes;
  return BF_OK;
}

static bf_status read_weight(walk *k, hid_t group, const char *layer, const char *name, bf_error *err) {
  bf_keras_weight w = {.layer = layer, .name = name};
  size_t type_size = 0;
  float *room = NULL;
  hid_t dataset;
  bf_status status = bf_h5_open_dataset(&dataset, group, layer, name, err);
  if (status != BF_OK) return status;
  status = check_filters(dataset, layer, name, err);
  if (status == BF_OK) status = read_shape(&w, &type_size, dataset, err);
  if (status == BF_OK) status = check_size(k, &w, dataset, type_size, err);
  if (status == BF_OK) status = k->visitor->weight(&room, k->visitor->user, &w, err);
  if (status == BF_OK && w.count > 0 && H5Dread(dataset, H5T_NATIVE_FLOAT, H5S_ALL, H5S_ALL, H5P_DEFAULT, room) < 0)
    status = bf_h5_fail_in(layer, name, err);
  H5Dclose(dataset);
  return status;
}

/* ---- the walk ---- */

static bf_status read_layer(walk *k, const char *layer, bf_error *err) {
  name_list names = {0};
  bool found;
  if (!bf_h5_has(k->root, layer))
    return bf_fail(err, BF_E_FORMAT,
                   "layer_names has %s, and the file no such group (links to other places are not "
                   "followed)",
                   layer);
  hid_t group = H5Gopen2(k->root, layer, H5P_DEFAULT);
  if (group < 0) return bf_h5_fail_in(layer, "its group", err);
  bf_status status = read_names(&names, &found, group, "weight_names", err);
  if (status != BF_OK)
    bf_error_prefix(err, "%s", layer);
  else if (!found)
    status = bf_fail(err, BF_E_FORMAT, "%s: its group has no attribute weight_names", layer);
  for (int64_t i = 0; i < names.count && status == BF_OK; i++)
    status = read_weight(k, group, layer, names.items[i], err);
  clear_names(&names);
  H5Gclose(group);
  return status;
}

static bf_status tell(walk *k, const char *key, bf_error *err) {
  char *text = bf_h5_get_text(k->root, key);
  if (text == NULL) text = bf_h5_get_text(k->file, key);
  bf_status status = BF_OK;
  if (text != NULL && bf_is_plain_text(text)) status = k->visitor->note(k->visitor->user, key, text, err);
  bf_free(text);
  return status;
}

/* What else an HDF5 file without layer_names may be. */
static bf_status refuse(const walk *k, bf_error *err) {
  char *convention = bf_h5_get_text(k->file, "Conventions");
  bf_status status;
  if (convention != NULL && bf_is_plain_text(convention))
    status = bf_fail(err, BF_E_UNSUPPORTED, "an HDF5 file, and not Keras's: its Conventions say '%.60s'", convention);
  else if (bf_h5_has(k->file, "layers") || bf_h5_has(k->file, "_layer_checkpoint_dependencies"))
    status = bf_fail(err, BF_E_UNSUPPORTED,
                     "weights of Keras 3, whose HDF5 files do not name their layers; save the model with "
                     "model.save('model.h5') instead");
  else
    status = bf_fail(err, BF_E_UNSUPPORTED, "an HDF5 file, and not Keras's: it has no attribute layer_names");
  bf_free(convention);
  return status;
}

static bf_status walk_root(walk *k, bf_error *err) {
  name_list layers = {0};
  bool found;
  bf_status status = read_names(&layers, &found, k->root, "layer_names", err);
  if (status == BF_OK && !found) status = refuse(k, err);
  if (status == BF_OK) status = tell(k, "keras_version", err);
  if (status == BF_OK) status = tell(k, "backend", err);
  for (int64_t i = 0; i < layers.count && status == BF_OK; i++) status = read_layer(k, layers.items[i], err);
  clear_names(&layers);
  return status;
}

bf_status bf_keras_walk(const bf_keras_visitor *visitor, const void *bytes, size_t size, size_t limit, bf_error *err) {
  image i = {(void *)bytes, size};
  walk k = {.visitor = visitor, .file = -1, .root = -1, .limit = limit};
  bf_status status = open_image(&k.file, &i, err);
  if (status != BF_OK) return status;
  /* model.save puts the weights into a group of their own. */
  k.root = H5Gopen2(k.file, bf_h5_has(k.file, "model_weights") ? "model_weights" : "/", H5P_DEFAULT);
  status = k.root < 0 ? bf_fail(err, BF_E_FORMAT, "its first group cannot be read: HDF5 says '%s'", bf_h5_reason())
                      : walk_root(&k, err);
  if (k.root >= 0) H5Gclose(k.root);
  H5Fclose(k.file);
  return status;
}
