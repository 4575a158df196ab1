/* Whole reads, publishing, folders and file lists. */
#include "base/file.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/log.h"
#include "base/memory.h"

static bf_status fail_errno(bf_error *err, const char *what, const char *path) {
  int code = errno;
  return bf_fail(err, code == ENOENT ? BF_E_NOT_FOUND : BF_E_IO, "%s: cannot %s: %s", path, what, strerror(code));
}

static bf_status sync_path(const char *path, int flags, bf_error *err) {
  int fd = open(path, flags | O_CLOEXEC);
  if (fd < 0) return fail_errno(err, "open for syncing", path);
  int bad = fsync(fd);
  if (bad != 0) fail_errno(err, "sync to disk", path);
  close(fd);
  return bad == 0 ? BF_OK : BF_E_IO;
}

static bf_status cannot_write(bf_error *err, const char *final_path, int code) {
  char folder[BF_PATH_MAX];
  bf_path_folder(folder, sizeof folder, final_path);
  return bf_fail(err, code == ENOENT ? BF_E_NOT_FOUND : BF_E_IO,
                 "%s: cannot write into the folder %s: %s; choose another -o or make the folder writable", final_path,
                 folder, strerror(code));
}

static bf_status check_final(const char *final_path, bf_error *err) {
  if (final_path[0] == '\0') return bf_fail(err, BF_E_ARGUMENT, "the name of the output file is empty");
  if (strlen(final_path) >= BF_PATH_MAX - 16)
    return bf_fail(err, BF_E_ARGUMENT, "the output path is longer than %d characters", BF_PATH_MAX - 16);
  if (bf_is_folder(final_path)) return bf_fail(err, BF_E_ARGUMENT, "%s: is a folder; name a file", final_path);
  return BF_OK;
}

/* Opens and locks the temporary file. A file that was renamed or removed between the two is not ours: again. */
static int lock_temporary(const char *path) {
  for (int tries = 0;; tries++) {
    struct stat mine, there;
    int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0666);
    if (fd < 0) return -1;
    /* File systems without locks (ENOLCK, EOPNOTSUPP) are used as they are. */
    if (flock(fd, LOCK_EX | LOCK_NB) != 0 && errno == EWOULDBLOCK) {
      close(fd);
      errno = EWOULDBLOCK;
      return -1;
    }
    if (fstat(fd, &mine) == 0 && stat(path, &there) == 0 && mine.st_dev == there.st_dev && mine.st_ino == there.st_ino)
      return fd;
    /* A file system that gives a file a new number each time cannot tell: it is used as it is. */
    if (tries == 1000) return fd;
    close(fd);
  }
}

void bf_publish_temporary(char path[BF_PATH_MAX], const char *final_path) {
  snprintf(path, BF_PATH_MAX, "%.*s.part", BF_PATH_MAX - 16, final_path);
}

bf_status bf_publish_begin(bf_publish *p, const char *final_path, bf_error *err) {
  *p = (bf_publish){.lock = -1};
  bf_status status = check_final(final_path, err);
  if (status != BF_OK) return status;
  snprintf(p->final_path, sizeof p->final_path, "%s", final_path);
  bf_publish_temporary(p->temporary_path, final_path);
  p->lock = lock_temporary(p->temporary_path);
  if (p->lock >= 0) return BF_OK;
  int code = errno;
  p->temporary_path[0] = '\0';
  if (code == EWOULDBLOCK)
    return bf_fail(err, BF_E_IO, "%s: another program is writing this file; wait for it, or choose another -o",
                   final_path);
  return cannot_write(err, final_path, code);
}

static void release(bf_publish *p) {
  if (p->lock >= 0) close(p->lock);
  p->lock = -1;
  p->temporary_path[0] = '\0';
}

bf_status bf_publish_commit(bf_publish *p, bf_error *err) {
  char folder[BF_PATH_MAX];
  bf_path_folder(folder, sizeof folder, p->final_path);
  bf_status status = sync_path(p->temporary_path, O_RDONLY, err);
  if (status == BF_OK && rename(p->temporary_path, p->final_path) != 0)
    status = fail_errno(err, "rename the finished file to", p->final_path);
  if (status != BF_OK) {
    bf_publish_abort(p);
    return status;
  }
  release(p);
  status = sync_path(folder, O_RDONLY | O_DIRECTORY, err);
  return status == BF_OK ? BF_OK
                         : bf_error_prefix(err, "%s: stands in its place, but perhaps not for long", p->final_path);
}

void bf_publish_abort(bf_publish *p) {
  if (p->temporary_path[0] != '\0') unlink(p->temporary_path);
  release(p);
}

void bf_publish_keep(bf_publish *p) { release(p); }

/* Trying is the only check that holds: access() says yes to root on a read-only mount. With no name but the temporary
 * file's, which the next run takes over, a kill in between leaves nothing for ever. */
bf_status bf_publish_check(const char *final_path, bf_error *err) {
  char probe[BF_PATH_MAX];
  bf_status status = check_final(final_path, err);
  if (status != BF_OK) return status;
  bf_publish_temporary(probe, final_path);
  int fd = lock_temporary(probe);
  if (fd < 0) return errno == EWOULDBLOCK ? BF_OK : cannot_write(err, final_path, errno);
  unlink(probe);
  close(fd);
  return BF_OK;
}

bf_status bf_file_read(char **data, size_t *size, const char *path, size_t limit, bf_error *err) {
  *data = NULL;
  bf_status status = BF_OK;
  char *buffer = NULL;
  int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK); /* a pipe must not be waited for */
  if (fd < 0) return fail_errno(err, "open", path);
  struct stat info;
  if (fstat(fd, &info) != 0) {
    status = fail_errno(err, "look at", path);
    goto out;
  }
  if (!S_ISREG(info.st_mode)) {
    status = bf_fail(err, BF_E_ARGUMENT, "%s: is no regular file", path);
    goto out;
  }
  if ((uint64_t)info.st_size > limit) {
    status =
        bf_fail(err, BF_E_LIMIT, "%s: %lld bytes, more than the limit of %zu", path, (long long)info.st_size, limit);
    goto out;
  }
  buffer = bf_alloc_raw((size_t)info.st_size + 1, 1);
  if (buffer == NULL) {
    status = bf_fail(err, BF_E_MEMORY, "%s: no memory for its %lld bytes", path, (long long)info.st_size);
    goto out;
  }
  size_t have = 0;
  while (have < (size_t)info.st_size) {
    ssize_t got = read(fd, buffer + have, (size_t)info.st_size - have);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) {
      status = fail_errno(err, "read", path);
      goto out;
    }
    if (got == 0) break;
    have += (size_t)got;
  }
  buffer[have] = '\0';
  *data = buffer;
  *size = have;
  buffer = NULL;
out:
  bf_free(buffer);
  close(fd);
  return status;
}

static bf_status write_all(int fd, const char *path, const char *data, size_t size, bf_error *err) {
  while (size > 0) {
    ssize_t put = write(fd, data, size);
    if (put < 0 && errno == EINTR) continue;
    if (put < 0) return fail_errno(err, "write", path);
    data += put;
    size -= (size_t)put;
  }
  return BF_OK;
}

bf_status bf_file_write(const char *path, const void *data, size_t size, bf_error *err) {
  bf_publish publish;
  bf_status status = bf_publish_begin(&publish, path, err);
  if (status != BF_OK) return status;
  int fd = open(publish.temporary_path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
  if (fd < 0) {
    status = fail_errno(err, "create", publish.temporary_path);
    bf_publish_abort(&publish);
    return status;
  }
  status = write_all(fd, path, data, size, err);
  if (close(fd) != 0 && status == BF_OK) status = fail_errno(err, "write", path);
  if (status != BF_OK) {
    bf_publish_abort(&publish);
    return status;
  }
  return bf_publish_commit(&publish, err);
}

bool bf_file_exists(const char *path) {
  struct stat info;
  return stat(path, &info) == 0;
}

bool bf_is_folder(const char *path) {
  struct stat info;
  return stat(path, &info) == 0 && S_ISDIR(info.st_mode);
}

bf_status bf_make_folders(const char *path, bf_error *err) {
  char part[BF_PATH_MAX];
  int used = snprintf(part, sizeof part, "%s", path);
  if (used <= 0 || (size_t)used >= sizeof part)
    return bf_fail(err, BF_E_ARGUMENT, "the folder's name is empty or too long");
  for (char *c = part + 1;; c++) {
    if (*c != '/' && *c != '\0') continue;
    char kept = *c;
    *c = '\0';
    if (mkdir(part, 0777) != 0 && errno != EEXIST) return fail_errno(err, "make the folder", part);
    *c = kept;
    if (kept == '\0') break;
  }
  if (!bf_is_folder(path)) return bf_fail(err, BF_E_IO, "%s: is there, and is no folder", path);
  return BF_OK;
}

bf_status bf_path_join(char *dst, size_t capacity, const char *folder, const char *name, bf_error *err) {
  bool alone = folder == NULL || folder[0] == '\0' || name[0] == '/';
  const char *slash = alone || folder[strlen(folder) - 1] == '/' ? "" : "/";
  int used = snprintf(dst, capacity, "%s%s%s", alone ? "" : folder, slash, name);
  if (used < 0 || (size_t)used >= capacity) return bf_fail(err, BF_E_ARGUMENT, "%s: the path is too long", name);
  return BF_OK;
}

const char *bf_path_name(const char *path) {
  const char *slash = strrchr(path, '/');
  return slash == NULL ? path : slash + 1;
}

void bf_path_folder(char *dst, size_t capacity, const char *path) {
  const char *slash = strrchr(path, '/');
  if (slash == NULL)
    snprintf(dst, capacity, ".");
  else
    snprintf(dst, capacity, "%.*s", slash == path ? 1 : (int)(slash - path), path);
}

static bf_status list_add(bf_file_list *list, const char *path, bf_error *err) {
  /* Room doubles whenever the count is a power of two. */
  if ((list->count & (list->count - 1)) == 0) {
    size_t room = list->count == 0 ? 1 : (size_t)list->count * 2;
    char **grown = bf_grow(list->paths, (size_t)list->count, room, sizeof *grown);
    if (grown == NULL) return bf_fail(err, BF_E_MEMORY, "no memory for the list of %lld files", (long long)list->count);
    list->paths = grown;
  }
  char *copy = bf_strdup(path);
  if (copy == NULL) return bf_fail(err, BF_E_MEMORY, "no memory for the list of %lld files", (long long)list->count);
  list->paths[list->count++] = copy;
  return BF_OK;
}

static int wanted(const struct dirent *entry) {
  return entry->d_name[0] != '.' && strcmp(entry->d_name, "DICOMDIR") != 0;
}

static int by_bytes(const struct dirent **a, const struct dirent **b) { return strcmp((*a)->d_name, (*b)->d_name); }

static bf_status collect(bf_file_list *list, const char *path, int depth, bf_error *err) {
  if (depth > 64) return bf_fail(err, BF_E_LIMIT, "%s: folders are nested deeper than 64", path);
  struct dirent **entries;
  int count = scandir(path, &entries, wanted, by_bytes);
  if (count < 0) return fail_errno(err, "list the folder", path);
  bf_status status = BF_OK;
  for (int i = 0; i < count; i++) {
    char child[BF_PATH_MAX];
    struct stat info, target;
    if (status == BF_OK) status = bf_path_join(child, sizeof child, path, entries[i]->d_name, err);
    if (status == BF_OK && lstat(child, &info) == 0) {
      if (S_ISDIR(info.st_mode))
        status = collect(list, child, depth + 1, err);
      else if (S_ISREG(info.st_mode) || (S_ISLNK(info.st_mode) && stat(child, &target) == 0 && S_ISREG(target.st_mode)))
        status = list_add(list, child, err);
      else if (S_ISLNK(info.st_mode))
        bf_log(BF_LOG_WARN,
               "%s: a symbolic link to a folder, or to nothing: it is not followed; name its target instead", child);
    }
    free(entries[i]);
  }
  free(entries);
  return status;
}

/* PS3.10 8.1: the files that a directory speaks of lie in its folder, or below. */
static bf_status collect_set(bf_file_list *list, const char *directory, bf_error *err) {
  char folder[BF_PATH_MAX];
  if (strlen(directory) >= sizeof folder) return bf_fail(err, BF_E_LIMIT, "%s: the path is too long", directory);
  bf_path_folder(folder, sizeof folder, directory);
  return collect(list, folder, 0, err);
}

bf_status bf_file_list_collect(bf_file_list *out, const char *const *paths, int count, bool sets, bf_error *err) {
  *out = (bf_file_list){0};
  bf_status status = BF_OK;
  for (int i = 0; i < count && status == BF_OK; i++) {
    if (!bf_file_exists(paths[i]))
      status = bf_fail(err, BF_E_NOT_FOUND, "%s: no such file or folder", paths[i]);
    else if (bf_is_folder(paths[i]))
      status = collect(out, paths[i], 0, err);
    else if (sets && count == 1 && strcmp(bf_path_name(paths[i]), "DICOMDIR") == 0)
      status = collect_set(out, paths[i], err);
    else
      status = list_add(out, paths[i], err);
  }
  if (status != BF_OK) bf_file_list_clear(out);
  return status;
}

static int by_identity(const void *a, const void *b) {
  const struct stat *x = a, *y = b;
  if (x->st_dev != y->st_dev) return x->st_dev < y->st_dev ? -1 : 1;
  return (x->st_ino > y->st_ino) - (x->st_ino < y->st_ino);
}

bf_status bf_file_list_leave(bf_file_list *list, const char *const *paths, int count, bf_error *err) {
  struct stat *known = bf_alloc((size_t)count, sizeof *known), mine;
  int64_t kept = 0;
  int n = 0;
  if (known == NULL) return bf_fail(err, BF_E_MEMORY, "no memory for the list of files");
  for (int i = 0; i < count; i++)
    if (paths[i] != NULL && stat(paths[i], &known[n]) == 0) n++;
  qsort(known, (size_t)n, sizeof *known, by_identity);
  for (int64_t i = 0; i < list->count; i++) {
    if (n > 0 && stat(list->paths[i], &mine) == 0 && bsearch(&mine, known, (size_t)n, sizeof *known, by_identity))
      bf_free(list->paths[i]);
    else
      list->paths[kept++] = list->paths[i];
  }
  list->count = kept;
  bf_free(known);
  return BF_OK;
}

void bf_file_list_clear(bf_file_list *list) {
  for (int64_t i = 0; i < list->count; i++) bf_free(list->paths[i]);
  bf_free(list->paths);
  *list = (bf_file_list){0};
}
