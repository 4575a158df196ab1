/* Reading the label files that were named. */
#include "run/label_files.h"

static bf_status wish(bf_labels *labels, const bf_label_wishes *wishes, bf_error *err) {
  for (int i = 0; i < wishes->count; i++) {
    wishes->columns[i] = bf_labels_keep(labels, wishes->names[i], err);
    if (wishes->columns[i] < 0) return err->status;
  }
  return BF_OK;
}

bf_status bf_label_files_read(bf_labels **out, const char *const *paths, int count, const bf_label_wishes *wishes,
                              bf_error *err) {
  *out = NULL;
  if (count == 0) return bf_fail(err, BF_E_ARGUMENT, "--labels is missing; name at least one label file");
  bf_status status = bf_labels_create(out, err);
  if (status == BF_OK && wishes != NULL) status = wish(*out, wishes, err);
  for (int i = 0; i < count && status == BF_OK; i++) status = bf_labels_read(*out, paths[i], err);
  if (status == BF_OK && wishes != NULL) status = bf_labels_check_kept(*out, err);
  if (status != BF_OK) {
    bf_labels_destroy(*out);
    *out = NULL;
  }
  return status;
}
