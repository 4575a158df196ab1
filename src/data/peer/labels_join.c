/* Reads one label file, then joins it with the images of a list: processor seconds of both, for tools/bench_labels.py.
 * Further arguments are columns that are kept. A line of the list is an image: SOP, series and study instance UID,
 * laterality, view and path, with tabs between. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/memory.h"
#include "data/labels.h"

static double now(void) {
  struct timespec t;
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
  return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static bf_subject next_subject(char **line) {
  const char *field[6];
  char *rest = strsep(line, "\n");
  for (int k = 0; k < 6; k++) {
    field[k] = strsep(&rest, "\t");
    if (field[k] == NULL) field[k] = "";
  }
  return (bf_subject){field[0], field[1], field[2], field[3], field[4], field[5]};
}

/* In one pass all are claimed, in the other all are matched, as ingest and evaluate do. */
static int64_t join(bf_labels *labels, char *list, bf_error *err) {
  int64_t count = 0, matched = 0, n = 0;
  for (const char *c = list; *c != '\0'; c++) count += *c == '\n';
  bf_subject *subjects = bf_alloc((size_t)count, sizeof *subjects);
  if (subjects == NULL) return bf_fail(err, BF_E_MEMORY, "no memory for %lld images", (long long)count), -1;
  while (n < count) subjects[n++] = next_subject(&list);
  for (int64_t i = 0; i < count; i++) bf_labels_claim(labels, &subjects[i]);
  for (int64_t i = 0; i < count && matched >= 0; i++) {
    bf_label *label;
    matched = bf_labels_match(&label, labels, &subjects[i], err) != BF_OK ? -1 : matched + (label != NULL);
  }
  bf_free(subjects);
  return matched;
}

int main(int argc, char **argv) {
  bf_error err = {0};
  bf_labels *labels = NULL;
  char *list = NULL;
  size_t size;
  int64_t matched = -1;
  double start = now(), read = start;
  bf_status status =
      argc >= 3 ? bf_labels_create(&labels, &err) : bf_fail(&err, BF_E_ARGUMENT, "labels_join LABELS LIST [COLUMN]...");
  for (int i = 3; i < argc && status == BF_OK; i++)
    if (bf_labels_keep(labels, argv[i], &err) < 0) status = err.status;
  if (status == BF_OK) status = bf_labels_read(labels, argv[1], &err);
  if (status == BF_OK) status = bf_labels_check_kept(labels, &err);
  read = now();
  if (status == BF_OK) status = bf_file_read(&list, &size, argv[2], (size_t)1 << 30, &err);
  if (status == BF_OK) matched = join(labels, list, &err);
  if (matched >= 0)
    printf("%.3f %.3f %lld %lld\n", read - start, now() - read, (long long)bf_labels_count(labels), (long long)matched);
  else
    fprintf(stderr, "%s\n", err.message);
  bf_free(list);
  bf_labels_destroy(labels);
  return matched >= 0 ? 0 : 1;
}
