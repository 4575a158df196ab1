/* What the tests of store, data and ingest share: a folder of their own, small files, a dataset made by hand. */
#ifndef BF_TESTS_DATA_SUPPORT_H
#define BF_TESTS_DATA_SUPPORT_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <ftw.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/file.h"
#include "store/dataset.h"

static char test_folder[256];

static inline int make_folder(void **state) {
  const char *base = getenv("TMPDIR");
  (void)state;
  snprintf(test_folder, sizeof test_folder, "%s/bifocal-test-XXXXXX",
           base != NULL && strlen(base) < 200 ? base : "/tmp");
  return mkdtemp(test_folder) == NULL;
}

static inline int remove_entry(const char *path, const struct stat *info, int kind, struct FTW *walk) {
  (void)info, (void)kind, (void)walk;
  return remove(path);
}

static inline int remove_folder(void **state) {
  (void)state;
  nftw(test_folder, remove_entry, 16, FTW_DEPTH | FTW_PHYS);
  return 0;
}

/* A path in the test's folder; four can be in use at a time. */
static inline const char *in_folder(const char *name) {
  static char paths[4][512];
  static int next;
  char *path = paths[next++ % 4];
  if (snprintf(path, sizeof paths[0], "%s/%s", test_folder, name) >= (int)sizeof paths[0])
    fail_msg("%s: too long", name);
  return path;
}

typedef char kept_path[600];
/* For paths that are needed for longer. */
static inline void keep(kept_path dst, const char *path) {
  if (snprintf(dst, sizeof(kept_path), "%s", path) >= (int)sizeof(kept_path)) fail_msg("%s: too long", path);
}

static inline const char *write_text(const char *name, const char *text) {
  const char *path = in_folder(name);
  assert_int_equal(bf_file_write(path, text, strlen(text), NULL), BF_OK);
  return path;
}

/* Without syncing: for loops over many small changes. */
static inline void replace_bytes(const char *name, const char *bytes, size_t size) {
  FILE *file = fopen(in_folder(name), "wb");
  assert_non_null(file);
  assert_int_equal(fwrite(bytes, 1, size, file), size);
  assert_int_equal(fclose(file), 0);
}

#define assert_ok(call)                                                  \
  do {                                                                   \
    bf_error assert_err = {0};                                           \
    bf_error *err = &assert_err;                                         \
    bf_status assert_status = (call);                                    \
    if (assert_status != BF_OK) fail_msg("%s: %s", #call, err->message); \
  } while (0)

#define assert_message(err, status_wanted, words)                                                       \
  do {                                                                                                  \
    assert_int_equal((err).status, status_wanted);                                                      \
    if (strstr((err).message, words) == NULL) fail_msg("'%s' does not say '%s'", (err).message, words); \
  } while (0)

/* Writing beyond `bytes` fails with EFBIG from now on, as on a full disk; give_space takes it back. */
static struct rlimit kept_limit;
static inline void take_space(rlim_t bytes) {
  signal(SIGXFSZ, SIG_IGN);
  assert_int_equal(getrlimit(RLIMIT_FSIZE, &kept_limit), 0);
  struct rlimit small = {bytes, kept_limit.rlim_max};
  assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
}
static inline void give_space(void) { assert_int_equal(setrlimit(RLIMIT_FSIZE, &kept_limit), 0); }

/* A record of a picture that was prepared at its original size. */
static inline bf_record plain_record(const char *file, const char *patient, int malignant, int columns, int rows) {
  bf_record r = {.file = (char *)file,
                 .frame = 0,
                 .rows = rows,
                 .columns = columns,
                 .malignant = (int8_t)malignant,
                 .prepared_rows = rows,
                 .prepared_columns = columns,
                 .to_prepared = {1, 0, 0, 0, 1, 0},
                 .volume = -1};
  snprintf(r.patient, sizeof r.patient, "%s", patient);
  snprintf(r.modality, sizeof r.modality, "US");
  return r;
}

#endif
