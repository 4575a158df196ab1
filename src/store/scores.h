/* SCORES.h5 (INTERFACE: "bifocal-scores-1") and the journal that a running job keeps beside it.
 *
 * A job's rows stand in SQLite (WAL) as <SCORES.h5>.journal while it runs; a row is there or not, whatever kills the
 * program. The HDF5 file is published whole from the journal at the end. */
#ifndef BF_STORE_SCORES_H
#define BF_STORE_SCORES_H

#include <stdbool.h>
#include <stdint.h>

#include "bifocal/status.h"
#include "store/dataset.h"

/* Values of /images/status. 0 is good; stable, more may be added. */
typedef enum bf_row_status {
  BF_ROW_OK = 0,
  BF_ROW_NOT_DICOM = 1,
  BF_ROW_NO_PIXELS = 2,
  BF_ROW_DAMAGED = 3,
  BF_ROW_UNSUPPORTED = 4,
  BF_ROW_LIMIT = 5,
  BF_ROW_IO = 6,
  BF_ROW_ERROR = 7,
  BF_ROW_LEFT_OUT = 8,       /* by rule: no fault of the file, and none of bifocal */
  BF_ROW_UNLIKE_TRAINING = 9 /* a sound image of a kind that the model was not trained on */
} bf_row_status;
const char *bf_row_status_name(bf_row_status status); /* "ok", "not_dicom", "no_pixels", "damaged", ... */
bf_row_status bf_row_status_of(bf_status status);     /* FORMAT -> damaged, UNSUPPORTED -> unsupported, ... */

typedef struct bf_found_box {
  float xmin, ymin, xmax, ymax, score; /* pixels of the original image */
} bf_found_box;

/* Heat maps of an image, which some jobs make. */
typedef enum bf_heat_kind {
  BF_HEAT_MALIGNANCY, /* what each cell adds to the malignant logit: Grad-CAM is the positive part */
  BF_HEAT_LESION,     /* probability of a lesion there */
  BF_HEATS
} bf_heat_kind;

const char *bf_heat_kind_name(bf_heat_kind kind); /* static, as in /heatmaps */

/* How a kind of heat map lies on the picture that the network sees: cell (x, y) has its pixels [x*cell, (x+1)*cell) and
 * [y*cell, (y+1)*cell). The same for all images of a job. */
typedef struct bf_heat_grid {
  int32_t rows, columns; /* 0: there are none of this kind */
  double cell;
} bf_heat_grid;

typedef struct bf_score_row {
  const char *file;
  char sop_instance_uid[65], series_instance_uid[65], study_instance_uid[65];
  char patient[65]; /* the same for rows of one patient in one job, and nothing that leads to Patient ID; "" unknown */
  char modality[17];
  char laterality[17], view[17];      /* "L", "R" or ""; "CC", "MLO", ... or "" */
  char manufacturer[33];              /* cleaned (bf_image.manufacturer); "" unknown */
  char age_group[17];                 /* of the patient: "0-9", "40-49", "90+"; "" unknown */
  double spacing_row, spacing_column; /* mm; 0 unknown */
  char bright_edge[17];               /* "L", "R": the brighter edge of the stored image; "" unknown */
  int8_t seen;                        /* 1: the model was trained or validated on this image; 0: not; -1 unknown */
  int32_t frame, rows, columns;
  uint8_t status;      /* bf_row_status */
  const char *message; /* "" when ok */
  const char *unlike;  /* how the image differs from those that the model was trained on; "" or NULL: it does not */
  float malignant_probability, malignant_logit; /* NaN where unknown */
  int32_t box_count;
  const bf_found_box *boxes; /* best score first */
  /* Found lesions of the original image, rows x ((columns + 7) / 8) bytes, the leftmost pixel in the most significant
   * bit; NULL: no head outlines them. Of rows that were read: bf_scores_mask. */
  const uint8_t *mask;
  bool has_mask; /* of rows that were read */
  /* Heat maps on the job's grids, [rows][columns]; NULL: none of that kind. Of rows that were read: bf_scores_heat. */
  const float *heat[BF_HEATS];
  bool has_heat;         /* of rows that were read */
  double to_original[6]; /* affine from pixels that the network sees to original ones, where there are heat maps */
} bf_score_row;

/* Fills all columns that SCORES.h5 and DATA.h5 have in common; file is borrowed. Others stay as they are. */
void bf_score_row_describe(bf_score_row *row, const bf_record *record);

/* ---- journal ---- */
typedef struct bf_journal bf_journal;
/* Opens or makes the journal. job: a text that identifies the job (model hash, manifest hash, options): a journal of
 * another job is an error that says so (BF_E_ARGUMENT). */
bf_status bf_journal_open(bf_journal **out, const char *path, const char *job, bf_error *err);
/* grids[BF_HEATS]: rows come with heat maps on these, all of those kinds or none. Before the first row. */
void bf_journal_set_grids(bf_journal *j, const bf_heat_grid *grids);
/* One row per (file index, frame): row key = file*2^20 + frame, rising in manifest order. Written when the call
 * returns after the next commit; commits happen every `rows` rows or on bf_journal_commit. */
bf_status bf_journal_put(bf_journal *j, int64_t key, const bf_score_row *row, bf_error *err);
bf_status bf_journal_commit(bf_journal *j, bf_error *err);
/* True when the file (all its frames) is already there. */
bool bf_journal_has_file(bf_journal *j, int64_t file_index);
bf_status bf_journal_file_done(bf_journal *j, int64_t file_index, bf_error *err);
int64_t bf_journal_files(const bf_journal *j); /* files done */
void bf_journal_close(bf_journal *j);
/* Removes the journal's files after the result was published. */
void bf_journal_remove(const char *path);

/* ---- the result file ---- */
typedef struct bf_scores_notes {
  const char *model_sha256, *config_yaml, *pooling, *extra_json; /* extra_json may be NULL */
  const bf_heat_grid *grids;                                     /* [BF_HEATS] of heat maps; NULL: there are none */
} bf_scores_notes;

typedef struct bf_scores_totals {
  int64_t rows, failed; /* failed: of rows, those whose status is neither ok nor left_out */
  int64_t unlike;       /* of rows, those whose `unlike` is not empty, scored or not */
} bf_scores_totals;

/* Publishes SCORES.h5 from the journal, rows in key order; studies pooled by the largest malignant probability. totals
 * speak of the whole file, whichever run made the rows; may be NULL. */
bf_status bf_scores_publish_journal(bf_scores_totals *totals, const char *path, bf_journal *j,
                                    const bf_scores_notes *notes, bf_error *err);
/* The same from rows in memory. */
bf_status bf_scores_publish(const char *path, const bf_score_row *rows, int64_t count, const bf_scores_notes *notes,
                            bf_error *err);

/* Row by row, where not all masks fit into memory at once: a mask is written as it comes, all else when it is finished.
 * The file appears whole then, or not at all. */
typedef struct bf_scores_writer bf_scores_writer;
bf_status bf_scores_writer_open(bf_scores_writer **out, const char *path, const bf_scores_notes *notes, bf_error *err);
/* The row is copied. */
bf_status bf_scores_writer_put(bf_scores_writer *writer, const bf_score_row *row, bf_error *err);
/* Publishes. The writer is destroyed in any case. */
bf_status bf_scores_writer_finish(bf_scores_writer *writer, bf_error *err);
/* Without finish: leaves nothing behind. Accepts NULL. */
void bf_scores_writer_abandon(bf_scores_writer *writer);

/* Reading: everything into memory but masks. */
typedef struct bf_scores {
  int64_t count;
  bf_score_row *rows;               /* file, message, unlike, boxes owned by the struct */
  char *model_sha256, *config_yaml; /* may be NULL */
  char *extra_json;
  bf_heat_grid grids[BF_HEATS]; /* of the heat maps that are there */
  void *memory;                 /* private */
} bf_scores;
bf_status bf_scores_read(bf_scores *out, const char *path, bf_error *err);
/* The mask of row `row`, which has_mask, into dst. Reads the file, which stays open until bf_scores_clear. */
bf_status bf_scores_mask(bf_scores *scores, int64_t row, uint8_t *dst, bf_error *err);
/* A heat map of row `row`, which has_heat, of a kind that the grids have, into dst[rows * columns]. Likewise. */
bf_status bf_scores_heat(bf_scores *scores, int64_t row, bf_heat_kind kind, float *dst, bf_error *err);
void bf_scores_clear(bf_scores *scores);

/* Publishes the rows of several results, one behind the other. */
bf_status bf_scores_publish_joined(const char *path, bf_scores *parts, int count, const bf_scores_notes *notes,
                                   bf_error *err);

#endif
