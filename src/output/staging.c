/* The hidden folder: making, moving, removing. Nothing but the files right in it is touched. */
#include "output/staging.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static bf_status move(const bf_staging *s, const char *name, bf_error *err) {
  char from[BF_PATH_MAX], to[BF_PATH_MAX];
  bf_status status = bf_path_join(from, sizeof from, s->folder, name, err);
  if (status == BF_OK) status = bf_path_join(to, sizeof to, s->home, name, err);
  if (status == BF_OK && rename(from, to) != 0)
    status = bf_fail(err, BF_E_IO, "%s: cannot put the finished file there: %s", to, strerror(errno));
  return status;
}

static bf_status drop(const bf_staging *s, const char *name, bf_error *err) {
  char path[BF_PATH_MAX];
  bf_status status = bf_path_join(path, sizeof path, s->folder, name, err);
  if (status == BF_OK && unlink(path) != 0)
    status = bf_fail(err, BF_E_IO, "%s: cannot remove what is left of an earlier run: %s", path, strerror(errno));
  return status;
}

static bf_status each(const bf_staging *s, bf_status (*act)(const bf_staging *, const char *, bf_error *),
                      bf_error *err) {
  DIR *folder = opendir(s->folder);
  if (folder == NULL) return bf_fail(err, BF_E_IO, "%s: cannot look into it: %s", s->folder, strerror(errno));
  bf_status status = BF_OK;
  for (const struct dirent *e; status == BF_OK && (e = readdir(folder)) != NULL;)
    if (strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0) status = act(s, e->d_name, err);
  closedir(folder);
  return status;
}

/* False where something is left in it. */
static bool close_folder(bf_staging *s) {
  bool gone = rmdir(s->folder) == 0;
  s->folder[0] = '\0';
  return gone;
}

/* A link of that name would have files removed wherever it leads. */
static bf_status make_folder(const char *path, bf_error *err) {
  struct stat info;
  if (mkdir(path, 0777) != 0 && errno != EEXIST)
    return bf_fail(err, BF_E_IO, "%s: cannot make this folder: %s", path, strerror(errno));
  if (lstat(path, &info) != 0 || !S_ISDIR(info.st_mode))
    return bf_fail(err, BF_E_IO, "%s: is no folder, and is needed as one while files are made; remove it", path);
  return BF_OK;
}

bf_status bf_staging_open(bf_staging *s, const char *home, const char *name, bf_error *err) {
  *s = (bf_staging){.folder = ""};
  snprintf(s->home, sizeof s->home, "%s", home);
  bf_status status = bf_path_join(s->folder, sizeof s->folder, home, name, err);
  if (status == BF_OK) status = make_folder(s->folder, err);
  if (status == BF_OK) status = each(s, drop, err);
  if (status != BF_OK) s->folder[0] = '\0';
  return status;
}

bf_status bf_staging_publish(bf_staging *s, bf_error *err) {
  bf_status status = each(s, move, err);
  if (status != BF_OK) {
    bf_staging_discard(s);
    return status;
  }
  /* A file system may pass over files while others are moved away. */
  each(s, move, NULL);
  return close_folder(s)
             ? BF_OK
             : bf_fail(err, BF_E_IO, "%s: finished files are left in a hidden folder there; export again", s->home);
}

void bf_staging_discard(bf_staging *s) {
  if (s->folder[0] == '\0') return;
  each(s, drop, NULL);
  close_folder(s);
}
