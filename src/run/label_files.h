/* Label files that were named on the command line. */
#ifndef BF_RUN_LABEL_FILES_H
#define BF_RUN_LABEL_FILES_H

#include "data/labels.h"

/* Names of columns beyond those that have a meaning, which are asked for. */
typedef struct bf_label_wishes {
  const char *const *names;
  int count;
  int *columns; /* of each; filled */
} bf_label_wishes;

/* All of them as one; BF_E_ARGUMENT where there is none, or none has a column that is wished for. wishes: may be NULL.
 */
bf_status bf_label_files_read(bf_labels **out, const char *const *paths, int count, const bf_label_wishes *wishes,
                              bf_error *err);

#endif
