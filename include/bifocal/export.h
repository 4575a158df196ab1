/* Export: scores for other programs and for people's eyes. */
#ifndef BIFOCAL_EXPORT_H
#define BIFOCAL_EXPORT_H

#include <stdint.h>

#include "bifocal/status.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct bf_export_options {
  const char *scores; /* SCORES.h5 */
  const char *format; /* csv, json, overlay, hdf5, sheet */
  const char *output; /* folder */
  /* sheet only */
  const char *const *labels;
  int label_count;
  int images; /* tiles at most; 0: 30 */
  /* Which rows, of every format but the sheet: those for which all holds that is not NULL. */
  const char *status;            /* ok, failed (neither ok nor left_out), or the name of a status of SCORES.h5 */
  const double *min_probability; /* of malignancy, 0 to 1; rows without one are not taken */
  const char *study;             /* Study Instance UID */
  const char *rows;              /* "FIRST-LAST", numbers from 0, both taken; "FIRST-" to the end; "N" one row */
  /* overlay only */
  const double *min_score; /* boxes below it are not drawn, 0 to 1; NULL: 0.5 */
  const char *heat;        /* heat map that is drawn: malignancy, lesion; NULL: none */
} bf_export_options;

typedef struct bf_export_counts {
  int64_t rows;   /* that were put out */
  int64_t of;     /* in the scores */
  int64_t good;   /* of `rows`, those whose status is ok */
  int64_t failed; /* of `good`, those whose picture could not be read any more, where the format wants pictures */
} bf_export_counts;

/* csv: images.csv and boxes.csv; json: scores.jsonl; overlay: a PNG a good row with what was found in it, and
 * overlay.csv; hdf5: scores.h5, these rows alone; sheet: sheet.png, pictures with labelled and found boxes, the worst
 * first. Overlay and sheet read the DICOM files that the scores name. No row that is asked for: BF_E_NOT_FOUND.
 * summary: one line, freed with bf_text_free. One call at a time. */
bf_status bf_export(char **summary, const bf_export_options *options, bf_error *err);
/* The same, and what became of the rows; of the sheet, `rows` are its tiles and the others 0. */
bf_status bf_export_counted(char **summary, bf_export_counts *counts, const bf_export_options *options, bf_error *err);

/* The results of all shards of one job (bf_score_options.shard), in any order, to one SCORES.h5: the same rows as of a
 * job that was not divided. A shard that is missing, there twice, of another job or not finished is BF_E_ARGUMENT, and
 * named. summary as above. */
bf_status bf_export_merge(char **summary, const char *const *shards, int count, const char *output, bf_error *err);

#ifdef __cplusplus
}
#endif
#endif
