/* Label files that were named on the command line. */
#ifndef BF_RUN_LABEL_FILES_H
#define BF_RUN_LABEL_FILES_H

#include "data/labels.h"

/* All of them as one; BF_E_ARGUMENT where there is none. */
bf_status bf_label_files_read(bf_labels **out, const char *const *paths, int count, bf_error *err);

#endif
