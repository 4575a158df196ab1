/* HDF5 files as this room writes and reads them: publishing, suspicious opening, text attributes. Tables: h5_table.c.
 */
#include "store/h5.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"

/* Errors are told in our words; files are never read through plug-ins that lie about on this machine. */
static void prepare_library(void) {
  H5Eset_auto2(H5E_DEFAULT, NULL, NULL);
  H5PLset_loading_state(0);
}

/* Every call of HDF5 clears the last one's words: they are to be taken at once. Walking downward ends at the innermost
 * call: its text is the one that stays. */
static herr_t keep_last(unsigned n, const H5E_error2_t *entry, void *data) {
  char *text = data;
  (void)n;
  /* Driver messages carry file names, times and pointers behind the first comma or colon. */
  if (entry->desc != NULL) snprintf(text, 128, "%.*s", (int)strcspn(entry->desc, ",:"), entry->desc);
  return 0;
}

const char *bf_h5_reason(void) {
  static char text[128];
  text[0] = '\0';
  H5Ewalk2(H5E_DEFAULT, H5E_WALK_DOWNWARD, keep_last, text);
  return text[0] != '\0' ? text : "no reason given";
}

bf_status bf_h5_fail_out(const bf_h5_out *out, const char *what, bf_error *err) {
  if (out->failed != 0)
    return bf_fail(err, BF_E_IO, "%s: cannot %s: %s; nothing was published", out->publish.final_path, what,
                   strerror(out->failed));
  return bf_fail(err, BF_E_IO, "%s: cannot %s: HDF5 says '%s'", out->publish.final_path, what, bf_h5_reason());
}

bf_status bf_h5_fail_in(const char *path, const char *what, bf_error *err) {
  return bf_fail(err, BF_E_FORMAT, "%s: cannot read %s: HDF5 says '%s'; the file is damaged or of another kind", path,
                 what, bf_h5_reason());
}

/* Behind HDF5's own end of the file stands a line with the SHA-256 of all bytes before it. HDF5 passes over it, and a
 * program that changes the file cuts it off. It is looked at before HDF5 sees the file: HDF5 1.10 itself crashes on
 * some damaged bytes, and others would be read as good numbers. */
#define SEAL "\nbifocal sha256 "
enum { seal_words = sizeof SEAL - 1, seal_size = seal_words + 64 + 1 };

static bf_status seal(const char *path, const char *final_path, bf_error *err) {
  char line[seal_size + 1], hex[65];
  bf_status status = bf_sha256_file_start(hex, path, SIZE_MAX, err);
  if (status != BF_OK) return status;
  snprintf(line, sizeof line, SEAL "%s\n", hex);
  FILE *file = fopen(path, "ab");
  bool good = file != NULL && fwrite(line, 1, seal_size, file) == seal_size;
  int code = errno;
  if (file != NULL && fclose(file) != 0 && good) good = false, code = errno;
  return good ? BF_OK
              : bf_fail(err, BF_E_IO, "%s: cannot write: %s; nothing was published", final_path, strerror(code));
}

static bf_status check_seal(FILE *file, const char *path, bf_error *err) {
  char line[seal_size + 1] = "", hex[65];
  if (fseeko(file, -(off_t)seal_size, SEEK_END) != 0 || fread(line, 1, seal_size, file) != seal_size ||
      memcmp(line, SEAL, seal_words) != 0 || line[seal_size - 1] != '\n')
    return BF_OK; /* written or changed by another program */
  bf_status status = bf_sha256_file_start(hex, path, (size_t)(ftello(file) - seal_size), err);
  if (status == BF_OK && memcmp(hex, line + seal_words, 64) != 0)
    status = bf_fail(err, BF_E_FORMAT,
                     "%s: is damaged: its SHA-256 is not the one that it was written with; restore it, or make it anew",
                     path);
  return status;
}

bf_status bf_h5_create(bf_h5_out *out, const char *path, bf_error *err) {
  *out = (bf_h5_out){.file = -1};
  prepare_library();
  bf_status status = bf_publish_begin(&out->publish, path, err);
  if (status != BF_OK) return status;
  out->begun = true;
  hid_t access = bf_h5_driver_properties(&out->failed);
  /* The 1.8 format: read by everything that reads HDF5. */
  if (access >= 0 && H5Pset_libver_bounds(access, H5F_LIBVER_EARLIEST, H5F_LIBVER_V18) >= 0)
    out->file = H5Fcreate(out->publish.temporary_path, H5F_ACC_TRUNC, H5P_DEFAULT, access);
  if (access >= 0) H5Pclose(access);
  if (out->file >= 0) return BF_OK;
  status = bf_h5_fail_out(out, "create", err);
  bf_h5_discard(out);
  return status;
}

bf_status bf_h5_publish(bf_h5_out *out, bf_error *err) {
  herr_t closed = H5Fclose(out->file);
  out->file = -1;
  if (closed < 0 || out->failed != 0) {
    bf_status status = bf_h5_fail_out(out, "write", err);
    bf_h5_discard(out);
    return status;
  }
  bf_status status = seal(out->publish.temporary_path, out->publish.final_path, err);
  if (status != BF_OK) {
    bf_h5_discard(out);
    return status;
  }
  out->begun = false;
  return bf_publish_commit(&out->publish, err);
}

void bf_h5_discard(bf_h5_out *out) {
  if (!out->begun) return;
  if (out->failed == 0) out->failed = ECANCELED; /* no need to write the rest of a file that is thrown away */
  if (out->file >= 0) H5Fclose(out->file);
  out->file = -1;
  out->begun = false;
  bf_publish_abort(&out->publish);
}

bf_status bf_h5_open(hid_t *out, const char *path, const char *convention, bf_error *err) {
  prepare_library();
  *out = -1;
  FILE *probe = fopen(path, "rb");
  if (probe == NULL)
    return bf_fail(err, errno == ENOENT ? BF_E_NOT_FOUND : BF_E_IO, "%s: cannot open: %s", path, strerror(errno));
  unsigned char head[8] = {0};
  size_t got = fread(head, 1, sizeof head, probe);
  bf_status status = check_seal(probe, path, err);
  fclose(probe);
  if (status != BF_OK) return status;
  if (got != sizeof head || memcmp(head, "\211HDF\r\n\032\n", 8) != 0)
    return bf_fail(err, BF_E_FORMAT, "%s: is no HDF5 file (%s expected)", path, convention);
  hid_t access = H5Pcreate(H5P_FILE_ACCESS);
  H5Pset_fclose_degree(access, H5F_CLOSE_STRONG);
  hid_t file = H5Fopen(path, H5F_ACC_RDONLY, access);
  if (file < 0)
    status =
        bf_fail(err, BF_E_FORMAT, "%s: HDF5 cannot open it: '%s'; it is cut short or damaged", path, bf_h5_reason());
  H5Pclose(access);
  if (status != BF_OK) return status;
  char *found = bf_h5_get_text(file, "Conventions");
  if (found == NULL || strcmp(found, convention) != 0)
    status = bf_fail(err, BF_E_FORMAT, "%s: its attribute Conventions is '%.40s', and '%s' was expected", path,
                     found ? found : "absent", convention);
  bf_free(found);
  if (status != BF_OK)
    H5Fclose(file);
  else
    *out = file;
  return status;
}

bool bf_h5_has(hid_t file, const char *name) {
  char part[256];
  if (strlen(name) >= sizeof part) return false;
  for (const char *c = name;; c++) {
    if (*c != '/' && *c != '\0') continue;
    snprintf(part, sizeof part, "%.*s", (int)(c - name), name);
    H5L_info_t info;
    if (H5Lexists(file, part, H5P_DEFAULT) <= 0 || H5Lget_info(file, part, &info, H5P_DEFAULT) < 0) return false;
    /* Soft and external links could lead anywhere on this machine. */
    if (info.type != H5L_TYPE_HARD) return false;
    if (*c == '\0') return true;
  }
}

static bool stored_here(hid_t dataset) {
  hid_t creation = H5Dget_create_plist(dataset);
  if (creation < 0) return false;
  H5D_layout_t layout = H5Pget_layout(creation);
  bool good = (layout == H5D_COMPACT || layout == H5D_CONTIGUOUS || layout == H5D_CHUNKED) &&
              H5Pget_external_count(creation) == 0;
  H5Pclose(creation);
  return good;
}

bf_status bf_h5_open_dataset(hid_t *out, hid_t file, const char *path, const char *name, bf_error *err) {
  *out = -1;
  if (!bf_h5_has(file, name)) return bf_fail(err, BF_E_FORMAT, "%s: has no dataset /%s", path, name);
  H5O_info_t about;
  if (H5Oget_info_by_name(file, name, &about, H5P_DEFAULT) < 0 || about.type != H5O_TYPE_DATASET)
    return bf_fail(err, BF_E_FORMAT, "%s: /%s is no dataset", path, name);
  hid_t access = H5Pcreate(H5P_DATASET_ACCESS);
  /* Room for a few pixel chunks, so that a picture that crosses chunks is not read twice. */
  if (access >= 0) H5Pset_chunk_cache(access, 521, (size_t)8 << 20, 0.75);
  hid_t dataset = H5Dopen2(file, name, access >= 0 ? access : H5P_DEFAULT);
  bf_status status = dataset < 0 ? bf_h5_fail_in(path, name, err) : BF_OK;
  if (access >= 0) H5Pclose(access);
  if (status != BF_OK) return status;
  if (!stored_here(dataset)) {
    H5Dclose(dataset);
    return bf_fail(err, BF_E_FORMAT, "%s: /%s points to data outside of the file, which is not followed", path, name);
  }
  *out = dataset;
  return BF_OK;
}

bool bf_h5_believable(hid_t dataset, int64_t values, size_t value_size) {
  /* deflate cannot shrink by more than 1032 to 1 (zlib's own account). */
  const double most_shrink = 1040;
  H5D_space_status_t allocated;
  hsize_t size = 0;
  if (values == 0) return true;
  if (H5Dget_space_status(dataset, &allocated) < 0 || allocated == H5D_SPACE_STATUS_NOT_ALLOCATED) return false;
  hsize_t stored = H5Dget_storage_size(dataset);
  hid_t file = H5Iget_file_id(dataset);
  bool known = file >= 0 && H5Fget_filesize(file, &size) >= 0;
  if (file >= 0) H5Fclose(file);
  return known && stored <= size && (double)stored * most_shrink >= (double)values * (double)value_size;
}

static hid_t text_type(void) {
  hid_t type = H5Tcopy(H5T_C_S1);
  if (type < 0) return -1;
  if (H5Tset_size(type, H5T_VARIABLE) >= 0 && H5Tset_cset(type, H5T_CSET_UTF8) >= 0) return type;
  H5Tclose(type);
  return -1;
}

bool bf_h5_put_text(hid_t object, const char *name, const char *text) {
  hid_t type = text_type(), space = H5Screate(H5S_SCALAR);
  hid_t attribute = type < 0 || space < 0 ? -1 : H5Acreate2(object, name, type, space, H5P_DEFAULT, H5P_DEFAULT);
  bool good = attribute >= 0 && H5Awrite(attribute, type, &text) >= 0;
  if (attribute >= 0) H5Aclose(attribute);
  if (space >= 0) H5Sclose(space);
  if (type >= 0) H5Tclose(type);
  return good;
}

/* HDF5 does not convert between its two character sets, of which one holds the other. */
static char *read_variable(hid_t attribute, H5T_cset_t set) {
  hid_t type = text_type(), space = H5Aget_space(attribute);
  char *text = NULL, *copy = NULL;
  if (type >= 0 && space >= 0 && H5Tset_cset(type, set) >= 0 && H5Sget_simple_extent_npoints(space) == 1 &&
      H5Aread(attribute, type, &text) >= 0) {
    copy = bf_strdup(text != NULL ? text : "");
    H5Dvlen_reclaim(type, space, H5P_DEFAULT, &text);
  }
  if (space >= 0) H5Sclose(space);
  if (type >= 0) H5Tclose(type);
  return copy;
}

static char *read_fixed(hid_t attribute, size_t size, H5T_cset_t set) {
  hid_t type = H5Tcopy(H5T_C_S1), space = H5Aget_space(attribute);
  char *copy = size > ((size_t)1 << 28) ? NULL : bf_alloc(size + 1, 1);
  if (copy != NULL && (type < 0 || space < 0 || H5Tset_size(type, size + 1) < 0 || H5Tset_cset(type, set) < 0 ||
                       H5Sget_simple_extent_npoints(space) != 1 || H5Aread(attribute, type, copy) < 0)) {
    bf_free(copy);
    copy = NULL;
  }
  if (space >= 0) H5Sclose(space);
  if (type >= 0) H5Tclose(type);
  return copy;
}

char *bf_h5_get_text(hid_t object, const char *name) {
  if (H5Aexists(object, name) <= 0) return NULL;
  hid_t attribute = H5Aopen(object, name, H5P_DEFAULT);
  if (attribute < 0) return NULL;
  hid_t type = H5Aget_type(attribute);
  char *text = NULL;
  if (type >= 0 && H5Tget_class(type) == H5T_STRING)
    text = H5Tis_variable_str(type) > 0 ? read_variable(attribute, H5Tget_cset(type))
                                        : read_fixed(attribute, H5Tget_size(type), H5Tget_cset(type));
  if (type >= 0) H5Tclose(type);
  H5Aclose(attribute);
  return text;
}
