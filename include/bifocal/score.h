/* Scoring: a model and DICOM files to SCORES.h5. */
#ifndef BIFOCAL_SCORE_H
#define BIFOCAL_SCORE_H

#include <stdbool.h>
#include <stdint.h>

#include "bifocal/status.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct bf_score_options {
  const char *model; /* MODEL.safetensors */
  const char *const *paths;
  int path_count;
  const char *output;     /* SCORES.h5; its journal stands beside it while the job runs */
  const char *key_file;   /* secret of the patient hash, or NULL: BIFOCAL_PATIENT_KEY, else patients are numbered; with
                             the key of an ingest, patients have the hashes of its dataset */
  const char *unlike;     /* images unlike those that the model was trained on: "refuse" (NULL) or "score" and mark */
  bool flips;             /* also score each image mirrored and take the mean */
  bool heat;              /* also keep heat maps of each image */
  int batch;              /* 0: 8 */
  const char *shard;      /* "i/n": the i-th of n parts of the files; NULL: all. bf_export_merge joins the results */
  double publish_minutes; /* the result is published while the job runs, this often; 0: at the end alone */
  int threads;
} bf_score_options;

typedef struct bf_score_report {
  int64_t files, rows, failed;     /* of the whole result, whichever run made its rows */
  int64_t unlike;                  /* likewise: rows that are unlike the model's training, scored or not */
  int64_t resumed;                 /* files that an earlier, killed run had finished */
  int64_t scored;                  /* rows that this run made */
  double seconds, forward_seconds; /* of this run; of these within the network */
} bf_score_report;

/* Every file gives rows, a failed one a row with a status and a message. The same call after a kill goes on, and so it
 * does after a stop that was asked for (BF_E_CANCELLED), which publishes what is done. A result of some of the files
 * says so (files_done in extra_json). */
bf_status bf_score(bf_score_report *report, const bf_score_options *options, bf_error *err);

#ifdef __cplusplus
}
#endif
#endif
