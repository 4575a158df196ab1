/* What each file is, and whether it can be used. */
#ifndef BIFOCAL_INSPECT_H
#define BIFOCAL_INSPECT_H

#include <stdint.h>

#include "bifocal/status.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct bf_inspection {
  const char *file;
  const char *status; /* "ok", or a stable word: "not_dicom", "no_pixels", "damaged", "unsupported", "limit", "io" */
  const char *reason; /* "" when ok */
  const char *modality, *sop_class_uid, *transfer_syntax_uid, *photometric; /* "" where unknown */
  int32_t rows, columns, frames, samples, bits_stored;
  double stored_min, stored_max, stored_mean; /* frame 0, stored values; NaN unless ok */
} bf_inspection;

/* Called once a file, in order; texts are valid during the call. */
typedef void (*bf_inspect_sink)(void *user, const bf_inspection *inspection);

typedef struct bf_inspect_report {
  int64_t files, good;
} bf_inspect_report;

bf_status bf_inspect(bf_inspect_report *report, const char *const *paths, int path_count, int threads,
                     bf_inspect_sink sink, void *user, bf_error *err);

#ifdef __cplusplus
}
#endif
#endif
