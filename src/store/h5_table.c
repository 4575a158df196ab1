/* Tables: arrays of structs to groups of columns and back. */
#include <stdio.h>
#include <string.h>

#include "base/memory.h"
#include "base/utf8.h"
#include "store/h5.h"

enum { uid_size = 64, name_size = 32, word_size = 16 };

/* Bytes that a column's row takes in a packed buffer. */
static size_t packed_size(bf_column_kind kind) {
  switch (kind) {
    case BF_COLUMN_TEXT: return sizeof(char *);
    case BF_COLUMN_UID: return uid_size;
    case BF_COLUMN_NAME: return name_size;
    case BF_COLUMN_WORD: return word_size;
    case BF_COLUMN_INT8:
    case BF_COLUMN_ENUM: return 1;
    case BF_COLUMN_INT32:
    case BF_COLUMN_FLOAT: return 4;
    case BF_COLUMN_INT64:
    case BF_COLUMN_DOUBLE: return 8;
    case BF_COLUMN_DOUBLE6: return 6 * sizeof(double);
  }
  return 0;
}

size_t bf_column_room(const bf_column *column) { return packed_size(column->kind) + bf_column_is_short_text(column); }

static hid_t string_type(size_t size, H5T_cset_t set) {
  hid_t type = H5Tcopy(H5T_C_S1);
  if (type < 0) return -1;
  if (H5Tset_size(type, size) < 0 || H5Tset_cset(type, set) < 0 ||
      (size != H5T_VARIABLE && H5Tset_strpad(type, H5T_STR_NULLPAD) < 0)) {
    H5Tclose(type);
    return -1;
  }
  return type;
}

static hid_t enum_type(const char *const *names) {
  hid_t type = H5Tenum_create(H5T_STD_U8LE);
  for (uint8_t i = 0; type >= 0 && names[i] != NULL; i++)
    if (H5Tenum_insert(type, names[i], &i) < 0) {
      H5Tclose(type);
      return -1;
    }
  return type;
}

/* The type in the file; little-endian whatever the machine. Closed by the caller. */
static hid_t stored_type(const bf_column *column) {
  switch (column->kind) {
    case BF_COLUMN_TEXT: return string_type(H5T_VARIABLE, H5T_CSET_UTF8);
    case BF_COLUMN_UID:
    case BF_COLUMN_NAME:
    case BF_COLUMN_WORD: return string_type(packed_size(column->kind), H5T_CSET_ASCII);
    case BF_COLUMN_INT8: return H5Tcopy(H5T_STD_I8LE);
    case BF_COLUMN_ENUM: return enum_type(column->names);
    case BF_COLUMN_INT32: return H5Tcopy(H5T_STD_I32LE);
    case BF_COLUMN_INT64: return H5Tcopy(H5T_STD_I64LE);
    case BF_COLUMN_FLOAT: return H5Tcopy(H5T_IEEE_F32LE);
    case BF_COLUMN_DOUBLE:
    case BF_COLUMN_DOUBLE6: return H5Tcopy(H5T_IEEE_F64LE);
  }
  return -1;
}

static hid_t memory_type(const bf_column *column) {
  switch (column->kind) {
    case BF_COLUMN_INT8: return H5Tcopy(H5T_NATIVE_INT8);
    case BF_COLUMN_INT32: return H5Tcopy(H5T_NATIVE_INT32);
    case BF_COLUMN_INT64: return H5Tcopy(H5T_NATIVE_INT64);
    case BF_COLUMN_FLOAT: return H5Tcopy(H5T_NATIVE_FLOAT);
    case BF_COLUMN_DOUBLE:
    case BF_COLUMN_DOUBLE6: return H5Tcopy(H5T_NATIVE_DOUBLE);
    default: return stored_type(column);
  }
}

/* Field of row i, to and from its place in the packed buffer. The structs' texts have one more byte, for the NUL. */
static void pack(char *to, const bf_column *column, const char *field) {
  size_t size = packed_size(column->kind);
  if (bf_column_is_short_text(column)) {
    size_t used = strnlen(field, size);
    memcpy(to, field, used);
    memset(to + used, 0, size - used);
  } else if (column->kind == BF_COLUMN_TEXT) {
    const char *text;
    memcpy(&text, field, sizeof text);
    if (text == NULL) text = "";
    memcpy(to, &text, sizeof text);
  } else {
    memcpy(to, field, size);
  }
}

static bool unpack(char *field, const bf_column *column, const char *from) {
  size_t size = packed_size(column->kind);
  if (column->kind == BF_COLUMN_TEXT) {
    const char *text;
    memcpy(&text, from, sizeof text);
    char *copy = bf_strdup(text != NULL ? text : "");
    memcpy(field, &copy, sizeof copy);
    return copy != NULL;
  }
  memcpy(field, from, size);
  if (bf_column_is_short_text(column)) field[size] = '\0';
  return true;
}

/* No time stamps: equal columns are equal bytes. block 0: as long as it is; else it grows by blocks of rows, each a
 * chunk that is written and forgotten. */
static hid_t create_column(hid_t group, const bf_column *column, int64_t count, int64_t block) {
  hsize_t dims[2] = {(hsize_t)count, 6}, most[2] = {H5S_UNLIMITED, 6}, chunk[2] = {(hsize_t)block, 6};
  int rank = column->kind == BF_COLUMN_DOUBLE6 ? 2 : 1;
  hid_t space = H5Screate_simple(rank, dims, block > 0 ? most : NULL), stored = stored_type(column),
        creation = H5Pcreate(H5P_DATASET_CREATE), access = H5Pcreate(H5P_DATASET_ACCESS), dataset = -1;
  bool good = space >= 0 && stored >= 0 && creation >= 0 && access >= 0 && H5Pset_obj_track_times(creation, 0) >= 0;
  if (good && block > 0)
    good = H5Pset_chunk(creation, rank, chunk) >= 0 &&
           H5Pset_chunk_cache(access, 1, (size_t)block * packed_size(column->kind), 1.0) >= 0;
  if (good) dataset = H5Dcreate2(group, column->name, stored, space, H5P_DEFAULT, creation, access);
  if (dataset >= 0 &&
      !(bf_h5_put_text(dataset, "units", column->units) && bf_h5_put_text(dataset, "long_name", column->long_name))) {
    H5Dclose(dataset);
    dataset = -1;
  }
  if (access >= 0) H5Pclose(access);
  if (creation >= 0) H5Pclose(creation);
  if (stored >= 0) H5Tclose(stored);
  if (space >= 0) H5Sclose(space);
  return dataset;
}

/* Rows from the first on, which the dataset has room for. */
static bool write_rows(hid_t dataset, const bf_column *column, const void *packed, int64_t first, int64_t count) {
  hsize_t start[2] = {(hsize_t)first, 0}, length[2] = {(hsize_t)count, 6};
  hid_t type = memory_type(column), file_space = H5Dget_space(dataset),
        memory_space = H5Screate_simple(column->kind == BF_COLUMN_DOUBLE6 ? 2 : 1, length, NULL);
  bool good = type >= 0 && file_space >= 0 && memory_space >= 0 &&
              H5Sselect_hyperslab(file_space, H5S_SELECT_SET, start, NULL, length, NULL) >= 0 &&
              H5Dwrite(dataset, type, memory_space, file_space, H5P_DEFAULT, packed) >= 0;
  if (memory_space >= 0) H5Sclose(memory_space);
  if (file_space >= 0) H5Sclose(file_space);
  if (type >= 0) H5Tclose(type);
  return good;
}

static bool write_column(hid_t group, const bf_column *column, const void *packed, int64_t count) {
  hid_t dataset = create_column(group, column, count, 0);
  bool good = dataset >= 0 && (count == 0 || write_rows(dataset, column, packed, 0, count));
  if (dataset >= 0) H5Dclose(dataset);
  return good;
}

static void packed_free(const bf_column *column, char *packed, int64_t count) {
  for (int64_t i = 0; i < count && packed != NULL && column->kind == BF_COLUMN_TEXT; i++) {
    char *text;
    memcpy(&text, packed + (size_t)i * sizeof text, sizeof text);
    bf_free(text);
  }
  bf_free(packed);
}

/* A column's rows one behind another; NULL when memory is short. File names are bytes, the file's texts are UTF-8: what
 * is not is mended in a copy. */
static char *pack_column(const bf_column *column, const char *rows, size_t stride, int64_t count) {
  size_t size = packed_size(column->kind);
  char *packed = bf_alloc((size_t)count, size);
  for (int64_t i = 0; i < count && packed != NULL; i++) {
    pack(packed + (size_t)i * size, column, rows + (size_t)i * stride + column->offset);
    if (column->kind != BF_COLUMN_TEXT) continue;
    char *text;
    memcpy(&text, packed + (size_t)i * size, sizeof text);
    text = bf_utf8_copy(text);
    memcpy(packed + (size_t)i * size, &text, sizeof text);
    if (text != NULL) continue;
    packed_free(column, packed, i);
    packed = NULL;
  }
  return packed;
}

static hid_t open_group(const bf_h5_out *out, const char *name) {
  return H5Lexists(out->file, name, H5P_DEFAULT) > 0
             ? H5Gopen2(out->file, name, H5P_DEFAULT)
             : H5Gcreate2(out->file, name, H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT);
}

bf_status bf_h5_write_table(bf_h5_out *out, const char *group, const bf_column *columns, int column_count,
                            const void *rows, size_t stride, int64_t count, bf_error *err) {
  hid_t place = open_group(out, group);
  if (place < 0) return bf_h5_fail_out(out, "write", err);
  bf_status status = BF_OK;
  for (int c = 0; c < column_count && status == BF_OK; c++) {
    char *packed = pack_column(&columns[c], rows, stride, count);
    if (packed == NULL)
      status = bf_fail(err, BF_E_MEMORY, "%s: no memory for %lld rows of /%s", out->publish.final_path,
                       (long long)count, group);
    else if (!write_column(place, &columns[c], packed, count) || out->failed != 0)
      status = bf_h5_fail_out(out, "write", err);
    packed_free(&columns[c], packed, count);
  }
  H5Gclose(place);
  return status;
}

/* ---- tables that grow ---- */

enum { growing_rows = 256 };

bf_status bf_h5_growing_begin(bf_h5_growing *t, bf_h5_out *out, const char *group, const bf_column *columns,
                              int column_count, size_t stride, bf_error *err) {
  *t = (bf_h5_growing){.columns = columns, .stride = stride};
  t->rows = bf_alloc(growing_rows, stride);
  t->datasets = bf_alloc((size_t)column_count, sizeof *t->datasets);
  if (t->rows == NULL || t->datasets == NULL)
    return bf_fail(err, BF_E_MEMORY, "%s: no memory for rows of /%s", out->publish.final_path, group);
  hid_t place = open_group(out, group);
  bool good = place >= 0;
  for (; t->column_count < column_count && good; t->column_count += good) {
    hid_t dataset = create_column(place, &columns[t->column_count], 0, growing_rows);
    t->datasets[t->column_count] = dataset;
    good = dataset >= 0;
  }
  if (place >= 0) H5Gclose(place);
  return good ? BF_OK : bf_h5_fail_out(out, "write", err);
}

static void forget_rows(bf_h5_growing *t) {
  bf_h5_free_texts(t->rows, t->stride, t->waiting, t->columns, t->column_count);
  t->waiting = 0;
}

bf_status bf_h5_growing_flush(bf_h5_growing *t, bf_h5_out *out, bf_error *err) {
  bf_status status = BF_OK;
  for (int c = 0; c < t->column_count && status == BF_OK && t->waiting > 0; c++) {
    const bf_column *column = &t->columns[c];
    hsize_t extent[2] = {(hsize_t)(t->count), 6};
    char *packed = pack_column(column, t->rows, t->stride, t->waiting);
    if (packed == NULL)
      status = bf_fail(err, BF_E_MEMORY, "%s: no memory for rows", out->publish.final_path);
    else if (H5Dset_extent(t->datasets[c], extent) < 0 ||
             !write_rows(t->datasets[c], column, packed, t->count - t->waiting, t->waiting) || out->failed != 0)
      status = bf_h5_fail_out(out, "write", err);
    packed_free(column, packed, t->waiting);
  }
  forget_rows(t);
  return status;
}

static bool copy_texts(char *row, const bf_column *columns, int column_count) {
  bool good = true;
  for (int c = 0; c < column_count; c++) {
    if (columns[c].kind != BF_COLUMN_TEXT) continue;
    char *text;
    memcpy(&text, row + columns[c].offset, sizeof text);
    text = bf_strdup(text != NULL ? text : "");
    memcpy(row + columns[c].offset, &text, sizeof text);
    good = good && text != NULL;
  }
  return good;
}

bf_status bf_h5_growing_append(bf_h5_growing *t, bf_h5_out *out, const void *row, bf_error *err) {
  if (t->waiting == growing_rows) {
    bf_status status = bf_h5_growing_flush(t, out, err);
    if (status != BF_OK) return status;
  }
  char *place = t->rows + (size_t)t->waiting * t->stride;
  memcpy(place, row, t->stride);
  bool good = copy_texts(place, t->columns, t->column_count);
  t->waiting++;
  t->count++;
  return good ? BF_OK : bf_fail(err, BF_E_MEMORY, "%s: no memory for rows", out->publish.final_path);
}

void bf_h5_growing_close(bf_h5_growing *t) {
  if (t->rows != NULL) forget_rows(t);
  for (int c = 0; c < t->column_count; c++) H5Dclose(t->datasets[c]);
  bf_free(t->rows);
  bf_free(t->datasets);
  *t = (bf_h5_growing){0};
}

/* ---- reading ---- */

static bf_status open_column(hid_t *dataset, hid_t file, const char *path, const char *group, const bf_column *column,
                             bf_error *err) {
  char name[128];
  snprintf(name, sizeof name, "%s/%s", group, column->name);
  return bf_h5_open_dataset(dataset, file, path, name, err);
}

/* Rows of a column, -1 when its shape is wrong. */
static int64_t column_rows(hid_t dataset, const bf_column *column) {
  hsize_t dims[2] = {0, 0};
  hid_t space = H5Dget_space(dataset);
  int rank = space < 0 ? -1 : H5Sget_simple_extent_ndims(space);
  int wanted = column->kind == BF_COLUMN_DOUBLE6 ? 2 : 1;
  if (rank == wanted) H5Sget_simple_extent_dims(space, dims, NULL);
  if (space >= 0) H5Sclose(space);
  if (rank != wanted || (wanted == 2 && dims[1] != 6) || dims[0] > (hsize_t)BF_H5_MAX_ROWS) return -1;
  return (int64_t)dims[0];
}

bf_status bf_h5_table_count(int64_t *count, hid_t file, const char *path, const char *group, const bf_column *columns,
                            bf_error *err) {
  hid_t dataset;
  bf_status status = open_column(&dataset, file, path, group, &columns[0], err);
  if (status != BF_OK) return status;
  *count = column_rows(dataset, &columns[0]);
  bool there = *count >= 0 && bf_h5_believable(dataset, *count, packed_size(columns[0].kind));
  H5Dclose(dataset);
  if (*count >= 0 && !there)
    return bf_fail(err, BF_E_FORMAT, "%s: /%s/%s promises %lld rows and does not hold them", path, group,
                   columns[0].name, (long long)*count);
  if (*count >= 0) return BF_OK;
  return bf_fail(err, BF_E_FORMAT, "%s: /%s/%s is not a column of at most %lld rows", path, group, columns[0].name,
                 (long long)BF_H5_MAX_ROWS);
}

/* The stored type may be wider or narrower than ours, but must be of the same class. */
static bool class_fits(hid_t dataset, const bf_column *column) {
  hid_t type = H5Dget_type(dataset);
  if (type < 0) return false;
  H5T_class_t class = H5Tget_class(type);
  bool good = false;
  switch (column->kind) {
    case BF_COLUMN_TEXT: good = class == H5T_STRING && H5Tis_variable_str(type) > 0; break;
    case BF_COLUMN_UID:
    case BF_COLUMN_NAME:
    case BF_COLUMN_WORD: good = class == H5T_STRING && H5Tis_variable_str(type) == 0; break;
    case BF_COLUMN_ENUM: good = (class == H5T_ENUM || class == H5T_INTEGER) && H5Tget_size(type) == 1; break;
    case BF_COLUMN_FLOAT:
    case BF_COLUMN_DOUBLE:
    case BF_COLUMN_DOUBLE6: good = class == H5T_FLOAT; break;
    default: good = class == H5T_INTEGER; break;
  }
  H5Tclose(type);
  return good;
}

static hid_t reading_type(hid_t dataset, const bf_column *column) {
  if (column->kind == BF_COLUMN_ENUM) return H5Dget_type(dataset); /* one byte: names may be fewer or more than ours */
  if (column->kind != BF_COLUMN_TEXT && !bf_column_is_short_text(column)) return memory_type(column);
  /* Texts are read in the character set they were written in; HDF5 does not convert between sets. */
  hid_t type = H5Dget_type(dataset);
  H5T_cset_t set = type < 0 ? H5T_CSET_UTF8 : H5Tget_cset(type);
  if (type >= 0) H5Tclose(type);
  return string_type(column->kind == BF_COLUMN_TEXT ? H5T_VARIABLE : packed_size(column->kind), set);
}

static bf_status read_column(char *rows, size_t stride, int64_t count, hid_t dataset, const char *path,
                             const char *group, const bf_column *column, bf_error *err) {
  size_t size = packed_size(column->kind);
  if (column_rows(dataset, column) != count)
    return bf_fail(err, BF_E_FORMAT, "%s: /%s/%s does not have the %lld rows of its table", path, group, column->name,
                   (long long)count);
  if (!class_fits(dataset, column))
    return bf_fail(err, BF_E_FORMAT, "%s: /%s/%s has an unexpected type", path, group, column->name);
  if (!bf_h5_believable(dataset, count, size))
    return bf_fail(err, BF_E_FORMAT, "%s: /%s/%s promises %lld rows and holds no data", path, group, column->name,
                   (long long)count);
  if (count == 0) return BF_OK;
  char *packed = bf_alloc((size_t)count, size);
  if (packed == NULL)
    return bf_fail(err, BF_E_MEMORY, "%s: no memory for %lld rows of /%s/%s", path, (long long)count, group,
                   column->name);
  hid_t type = reading_type(dataset, column);
  bf_status status = BF_OK;
  if (type < 0 || H5Dread(dataset, type, H5S_ALL, H5S_ALL, H5P_DEFAULT, packed) < 0) {
    char name[128];
    snprintf(name, sizeof name, "/%s/%s", group, column->name);
    status = bf_h5_fail_in(path, name, err);
  } else {
    for (int64_t i = 0; i < count && status == BF_OK; i++)
      if (!unpack(rows + (size_t)i * stride + column->offset, column, packed + (size_t)i * size))
        status = bf_fail(err, BF_E_MEMORY, "%s: no memory for the texts of /%s/%s", path, group, column->name);
  }
  if (column->kind == BF_COLUMN_TEXT && type >= 0) {
    hid_t space = H5Dget_space(dataset);
    H5Dvlen_reclaim(type, space, H5P_DEFAULT, packed);
    if (space >= 0) H5Sclose(space);
  }
  if (type >= 0) H5Tclose(type);
  bf_free(packed);
  return status;
}

bf_status bf_h5_read_table(void *rows, size_t stride, int64_t count, hid_t file, const char *path, const char *group,
                           const bf_column *columns, int column_count, bf_error *err) {
  for (int c = 0; c < column_count; c++) {
    hid_t dataset;
    bf_status status = open_column(&dataset, file, path, group, &columns[c], err);
    if (status != BF_OK) return status;
    status = read_column(rows, stride, count, dataset, path, group, &columns[c], err);
    H5Dclose(dataset);
    if (status != BF_OK) return status;
  }
  return BF_OK;
}

bf_status bf_h5_read_later_columns(void *rows, size_t stride, int64_t count, hid_t file, const char *path,
                                   const char *group, const bf_column *columns, int column_count, bf_error *err) {
  bf_status status = BF_OK;
  for (int c = 0; c < column_count && status == BF_OK; c++) {
    char name[128];
    snprintf(name, sizeof name, "%s/%s", group, columns[c].name);
    if (bf_h5_has(file, name)) status = bf_h5_read_table(rows, stride, count, file, path, group, &columns[c], 1, err);
  }
  return status;
}

const char *bf_h5_unclean(const void *row, const bf_column *columns, int column_count) {
  for (int c = 0; c < column_count; c++) {
    if (!bf_column_is_short_text(&columns[c])) continue;
    for (const char *text = (const char *)row + columns[c].offset; *text != '\0'; text++)
      if ((unsigned char)*text < 32 || (unsigned char)*text > 126) return columns[c].name;
  }
  return NULL;
}

void bf_h5_copy_columns(void *row, const bf_column *columns, int column_count, const void *from,
                        const bf_column *from_columns, int from_count) {
  for (int c = 0; c < column_count; c++)
    for (int k = 0; k < from_count; k++) {
      if (columns[c].kind != from_columns[k].kind || strcmp(columns[c].name, from_columns[k].name) != 0) continue;
      memcpy((char *)row + columns[c].offset, (const char *)from + from_columns[k].offset, bf_column_room(&columns[c]));
    }
}

void bf_h5_free_texts(void *rows, size_t stride, int64_t count, const bf_column *columns, int column_count) {
  if (rows == NULL) return;
  for (int c = 0; c < column_count; c++) {
    if (columns[c].kind != BF_COLUMN_TEXT) continue;
    for (int64_t i = 0; i < count; i++) {
      char *field = (char *)rows + (size_t)i * stride + columns[c].offset;
      char *text;
      memcpy(&text, field, sizeof text);
      bf_free(text);
      text = NULL;
      memcpy(field, &text, sizeof text);
    }
  }
}
