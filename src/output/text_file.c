/* Buffered text files that are published whole. */
#include "output/text_file.h"

#include <errno.h>
#include <string.h>

#include "base/memory.h"
#include "base/utf8.h"

bf_status bf_text_file_open(bf_text_file *t, const char *folder, const char *name, bf_error *err) {
  char path[BF_PATH_MAX];
  *t = (bf_text_file){.publish.lock = -1};
  bf_status status = bf_path_join(path, sizeof path, folder, name, err);
  if (status == BF_OK) status = bf_publish_begin(&t->publish, path, err);
  if (status != BF_OK) return status;
  t->f = fopen(t->publish.temporary_path, "wb");
  if (t->f != NULL) return BF_OK;
  status = bf_fail(err, BF_E_IO, "%s: cannot write: %s", path, strerror(errno));
  bf_publish_abort(&t->publish);
  return status;
}

bf_status bf_text_file_check(const bf_text_file *t, bf_error *err) {
  if (!ferror(t->f)) return BF_OK;
  return bf_fail(err, BF_E_IO, "%s: cannot write: %s", t->publish.final_path,
                 errno != 0 ? strerror(errno) : "write failed");
}

bool bf_text_file_quoted(bf_text_file *t, const char *text) {
  char *clean = bf_utf8_copy(text);
  if (clean == NULL) return false;
  fputc('"', t->f);
  for (const char *c = clean; *c; c++) {
    if (*c == '"') fputc('"', t->f);
    fputc(*c, t->f);
  }
  fputc('"', t->f);
  bf_free(clean);
  return true;
}

bf_status bf_text_file_close(bf_text_file *t, bool commit, bf_error *err) {
  if (t->f == NULL) return BF_OK;
  bf_status status = commit ? bf_text_file_check(t, err) : BF_OK;
  int bad = fclose(t->f);
  t->f = NULL;
  if (bad != 0 && commit && status == BF_OK)
    status = bf_fail(err, BF_E_IO, "%s: cannot write: %s", t->publish.final_path, strerror(errno));
  if (commit && status == BF_OK) return bf_publish_commit(&t->publish, err);
  bf_publish_abort(&t->publish);
  return status;
}
