/* A folder: of label files of any kind, or of PNG masks, each named after its image: <SOP Instance UID>.png, or <SOP
 * Instance UID>_<frame>.png. A UID has no underscore, so that the two cannot be mistaken for each other. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/memory.h"
#include "data/labels.h"

static const char ending[] = ".png";
enum { ending_size = sizeof ending - 1 };

static bool is_png(const char *path) {
  size_t size = strlen(path);
  return size > ending_size && strcasecmp(path + size - ending_size, ending) == 0;
}

/* passed: how many files beside the masks are left out. */
static bf_status list_files(bf_file_list *out, bool *masks, int64_t *passed, const char *folder, bf_error *err) {
  int64_t kept = 0;
  *masks = false;
  *passed = 0;
  bf_status status = bf_file_list_collect(out, &folder, 1, false, err);
  if (status != BF_OK) return status;
  for (int64_t i = 0; i < out->count; i++) *masks = *masks || is_png(out->paths[i]);
  for (int64_t i = 0; i < out->count; i++)
    if (!*masks || is_png(out->paths[i]))
      out->paths[kept++] = out->paths[i];
    else
      bf_free(out->paths[i]);
  *passed = out->count - kept;
  out->count = kept;
  if (kept > 0) return BF_OK;
  return bf_fail(
      err, BF_E_NOT_FOUND,
      "%s: no files under it; a folder of labels holds a mask for each image, named <SOP Instance UID>.png, or <SOP "
      "Instance UID>_<frame>.png with frames from 0; or else label files of other kinds",
      folder);
}

bf_status bf_labels_list_files(bf_file_list *out, const char *folder, bf_error *err) {
  bool masks;
  int64_t passed;
  return list_files(out, &masks, &passed, folder, err);
}

/* The image that a name tells; false where it tells none. */
static bool read_name(char uid[65], int32_t *frame, const char *name) {
  size_t size = strlen(name) - ending_size, digits = strspn(name, "0123456789.");
  if (digits > size) digits = size;
  *frame = -1;
  if (digits == 0 || digits > 64) return false;
  snprintf(uid, 65, "%.*s", (int)digits, name);
  if (digits == size) return true;
  const char *number = name + digits + 1;
  size_t length = strspn(number, "0123456789");
  if (name[digits] != '_' || length == 0 || length > 7 || digits + 1 + length != size) return false;
  *frame = (int32_t)atol(number);
  return true;
}

static bf_status take(bf_labels *labels, const char *path, bf_error *err) {
  char uid[65];
  int32_t frame;
  if (!read_name(uid, &frame, bf_path_name(path)))
    return bf_fail(err, BF_E_FORMAT,
                   "%s: is not named after an image; masks in a folder are <SOP Instance UID>.png or <SOP Instance "
                   "UID>_<frame>.png, and masks of other names stand in the column mask of a CSV file",
                   path);
  bf_label *label = bf_labels_touch(labels, uid, NULL, err);
  return label != NULL ? bf_label_add_mask(label, BF_MASK_PNG, path, frame, err) : BF_E_MEMORY;
}

static bf_status folder_read(bf_labels *labels, const char *folder, bf_error *err) {
  bf_file_list files = {0};
  bool masks;
  int64_t passed;
  bf_status status = list_files(&files, &masks, &passed, folder, err);
  for (int64_t i = 0; i < files.count && status == BF_OK; i++)
    status = masks ? take(labels, files.paths[i], err) : bf_labels_read(labels, files.paths[i], err);
  if (status == BF_OK && passed > 0)
    bf_labels_complain(labels, "%.600s: %lld files that are no PNG masks lie beside the masks, and are not used",
                       folder, (long long)passed);
  bf_file_list_clear(&files);
  return status;
}

static int folder_detect(const char *path, const char *head, size_t size) {
  (void)head, (void)size;
  return bf_is_folder(path) ? 100 : 0;
}

/* ---- fingerprint ---- */

enum { line_room = 64 + 2 + 1 + 1 }; /* what a line has beside the name, and the end of the text */

/* The part of a file's path below the folder that it was found in. */
static const char *below(const char *path, const char *folder) {
  const char *name = path + strlen(folder);
  return name + strspn(name, "/");
}

static bf_status hash_files(char hex[65], const bf_file_list *files, const char *folder, bf_error *err) {
  size_t room = 0, size = 0;
  for (int64_t i = 0; i < files->count; i++) room += strlen(below(files->paths[i], folder)) + line_room;
  char *text = bf_alloc(room, 1);
  bf_status status = text != NULL ? BF_OK : bf_fail(err, BF_E_MEMORY, "%s: no memory to hash it", folder);
  for (int64_t i = 0; i < files->count && status == BF_OK; i++) {
    status = bf_sha256_file(hex, files->paths[i], err);
    if (status == BF_OK)
      size += (size_t)snprintf(text + size, room - size, "%s  %s\n", hex, below(files->paths[i], folder));
  }
  if (status == BF_OK) bf_sha256(hex, text, size);
  bf_free(text);
  return status;
}

bf_status bf_labels_sha256(char hex[65], const char *path, bf_error *err) {
  bf_file_list files = {0};
  if (!bf_is_folder(path)) return bf_sha256_file(hex, path, err);
  bf_status status = bf_labels_list_files(&files, path, err);
  if (status == BF_OK) status = hash_files(hex, &files, path, err);
  bf_file_list_clear(&files);
  return status;
}

const bf_label_format bf_labels_format_folder = {
    "folder",
    "a folder of PNG masks, <SOP Instance UID>.png or <SOP Instance UID>_<frame>.png, white where a lesion is; or of "
    "label files of other kinds",
    folder_detect, folder_read};
