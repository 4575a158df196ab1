/* Reading the label files that were named. */
#include "run/label_files.h"

bf_status bf_label_files_read(bf_labels **out, const char *const *paths, int count, bf_error *err) {
  *out = NULL;
  if (count == 0) return bf_fail(err, BF_E_ARGUMENT, "--labels is missing; name at least one label file");
  bf_status status = bf_labels_create(out, err);
  for (int i = 0; i < count && status == BF_OK; i++) status = bf_labels_read(*out, paths[i], err);
  if (status != BF_OK) {
    bf_labels_destroy(*out);
    *out = NULL;
  }
  return status;
}
