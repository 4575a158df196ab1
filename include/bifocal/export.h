/* Export: scores for other programs and for people's eyes. */
#ifndef BIFOCAL_EXPORT_H
#define BIFOCAL_EXPORT_H

#include "bifocal/status.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct bf_export_options {
  const char *scores; /* SCORES.h5 */
  const char *format; /* csv, json, sheet */
  const char *output; /* folder */
  /* sheet only */
  const char *const *labels;
  int label_count;
  int images; /* tiles at most; 0: 30 */
} bf_export_options;

/* csv: images.csv and boxes.csv; json: scores.jsonl; sheet: sheet.png, pictures with labelled and found boxes, the
 * worst first. The sheet reads the DICOM files that the scores name. summary: one line, freed with bf_text_free. */
bf_status bf_export(char **summary, const bf_export_options *options, bf_error *err);

#ifdef __cplusplus
}
#endif
#endif
