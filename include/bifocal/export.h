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

/* The results of all shards of one job (bf_score_options.shard), in any order, to one SCORES.h5: the same rows as of a
 * job that was not divided. A shard that is missing, there twice, of another job or not finished is BF_E_ARGUMENT, and
 * named. summary as above. */
bf_status bf_export_merge(char **summary, const char *const *shards, int count, const char *output, bf_error *err);

#ifdef __cplusplus
}
#endif
#endif
