/* Files: whole reads, and publishing. A result file appears whole or not at all: it is written under a temporary name
 * in the same folder, synced, renamed over the old one, and the folder is synced. */
#ifndef BF_BASE_FILE_H
#define BF_BASE_FILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "bifocal/status.h"

#ifdef __cplusplus
extern "C" {
#endif

#define BF_PATH_MAX 4096

typedef struct bf_publish {
  char final_path[BF_PATH_MAX];
  char temporary_path[BF_PATH_MAX]; /* write here, and close, before bf_publish_commit; do not remove it */
  int lock;                         /* private */
} bf_publish;

/* Where the file is while it is written. */
void bf_publish_temporary(char path[BF_PATH_MAX], const char *final_path);
/* Creates and locks the temporary file, so that of two programs that write one result the second is told so, and the
 * error of a folder that cannot be written to comes at once. What an earlier, killed run left is taken over. Ends in
 * bf_publish_commit or bf_publish_abort. */
bf_status bf_publish_begin(bf_publish *p, const char *final_path, bf_error *err);
/* fsync, rename, fsync of the folder. On failure the temporary file is removed and the old result is untouched. */
bf_status bf_publish_commit(bf_publish *p, bf_error *err);
/* Removes the temporary file. Safe after a failed begin and after commit. */
void bf_publish_abort(bf_publish *p);
/* Ends without a result: the temporary file stays as it is, for a later run that goes on from it. */
void bf_publish_keep(bf_publish *p);
/* Whether the file could be published, for long work that publishes at its end. The file is left alone; a temporary
 * file that a killed run left is removed. */
bf_status bf_publish_check(const char *final_path, bf_error *err);

/* The whole file into memory, one NUL byte added behind; freed with bf_free. Refused above limit bytes. */
bf_status bf_file_read(char **data, size_t *size, const char *path, size_t limit, bf_error *err);
/* Publishes `size` bytes as `path`. */
bf_status bf_file_write(const char *path, const void *data, size_t size, bf_error *err);

bool bf_file_exists(const char *path);
bool bf_is_folder(const char *path);
/* Creates the folder and its parents; no error when it is there. */
bf_status bf_make_folders(const char *path, bf_error *err);
/* dst = folder + "/" + name, or name alone where name is absolute or folder is empty; truncation is an error. */
bf_status bf_path_join(char *dst, size_t capacity, const char *folder, const char *name, bf_error *err);
/* Everything before the last '/', "." where there is none. */
void bf_path_folder(char *dst, size_t capacity, const char *path);
/* Borrowed: behind the last '/'. */
const char *bf_path_name(const char *path);

/* All regular files under each path, a file path being itself, sorted by name (bytes) folder by folder, symbolic
 * links to files followed, to folders not (a warning names them). Hidden names (".x") and files called DICOMDIR are
 * left out. */
typedef struct bf_file_list {
  char **paths;
  int64_t count;
} bf_file_list;
/* sets: a lone path that is a file called DICOMDIR stands for its file-set, all files of its folder; else for itself.
 */
bf_status bf_file_list_collect(bf_file_list *out, const char *const *paths, int count, bool sets, bf_error *err);
/* Takes out the files that are the same as one of `paths` (by device and inode; NULL and absent paths are passed over).
 */
bf_status bf_file_list_leave(bf_file_list *list, const char *const *paths, int count, bf_error *err);
void bf_file_list_clear(bf_file_list *list);

/* Lower-case hexadecimal, 64 characters and NUL. */
bf_status bf_sha256_file(char hex[65], const char *path, bf_error *err);
/* Of the first `most` bytes. */
bf_status bf_sha256_file_start(char hex[65], const char *path, size_t most, bf_error *err);
void bf_sha256(char hex[65], const void *data, size_t size);
void bf_hmac_sha256(char hex[65], const void *key, size_t key_size, const void *data, size_t size);

#ifdef __cplusplus
}
#endif
#endif
