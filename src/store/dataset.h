/* DATA.h5: prepared 16-bit pictures with geometry, labels and keyed patient hash; one row a frame, taken or not.
 * The only rooms' door to hdf5.h is src/store. Exactly one thread calls it. Paths and types: docs/formats.md. */
#ifndef BF_STORE_DATASET_H
#define BF_STORE_DATASET_H

#include <stdbool.h>
#include <stdint.h>

#include "bifocal/status.h"

typedef enum bf_split {
  BF_SPLIT_NONE, /* not said: training may deal */
  BF_SPLIT_TRAIN,
  BF_SPLIT_VALIDATION,
  BF_SPLIT_TEST,
  BF_SPLIT_EXCLUDED /* of no part: a picture that looks like it judges what is learnt */
} bf_split;

typedef struct bf_lesion {
  int64_t image;                /* row */
  float xmin, ymin, xmax, ymax; /* pixels of the original image, max exclusive */
  int8_t malignant;             /* -1 unknown */
} bf_lesion;

typedef struct bf_record {
  char *file; /* owned by the dataset */
  char sop_instance_uid[65], series_instance_uid[65], study_instance_uid[65];
  char patient[65]; /* keyed hash; "" unknown */
  char modality[17];
  char photometric[17];               /* as DICOM says it, such as "MONOCHROME2"; "" unknown */
  char laterality[17], view[17];      /* "L", "R" or ""; "CC", "MLO", ... or "" */
  char manufacturer[33];              /* cleaned (bf_image.manufacturer); "" unknown */
  char age_group[17];                 /* of the patient: "0-9", "40-49", "90+"; "" unknown */
  int32_t frame, rows, columns;       /* original */
  double spacing_row, spacing_column; /* mm; 0 unknown */
  int8_t malignant;                   /* -1 unknown */
  int8_t lesions_known;
  uint8_t split; /* bf_split: as the labels give it, or as bf_dataset_set_part said */
  double to_prepared[6];
  int32_t prepared_rows, prepared_columns;
  int64_t lesions_start;
  int32_t lesions_count;
  int64_t volume;       /* rows of one volume follow each other, slice by slice; -1: a picture of its own */
  int8_t mask_known;    /* 1: bf_dataset_mask gives the lesions pixel by pixel; set by bf_dataset_append */
  char bright_edge[17]; /* "L", "R": the brighter edge of the stored image; "" unknown */
  char fingerprint[65]; /* of the prepared picture (image/fingerprint.h); "" unknown */
  int32_t fold;         /* of cross-validation; -1 none; set by bf_dataset_set_part */
  int64_t group;        /* rows of one group never stand on two sides of a split; -1 unknown; likewise */
} bf_record;

/* Two rows of different patients that look alike. */
typedef struct bf_duplicate {
  int64_t first, second;
  int32_t distance;  /* bits of the fingerprints that differ */
  float correlation; /* of their detail */
  int8_t labels_differ;
} bf_duplicate;

typedef struct bf_left_out {
  char *file, *reason, *message;
} bf_left_out;

typedef struct bf_dataset bf_dataset;

/* ---- writing: rows are appended, the file is published whole by bf_dataset_finish ---- */
typedef struct bf_dataset_writer bf_dataset_writer;
bf_status bf_dataset_writer_create(bf_dataset_writer **out, const char *path, bf_error *err);
/* pixels: [prepared_rows*prepared_columns]. file and lesions are copied; lesions->image is set here. mask: the lesions
 * of the original image, rows x ((columns + 7) / 8) bytes, the leftmost pixel in the most significant bit, 1 = lesion;
 * NULL when nobody drew one. */
bf_status bf_dataset_append(bf_dataset_writer *w, const bf_record *record, const uint16_t *pixels,
                            const bf_lesion *lesions, int lesion_count, const uint8_t *mask, bf_error *err);
/* A file that was left out: name, stable reason word ("not_dicom", "no_pixels", ...) and message. */
bf_status bf_dataset_leave_out(bf_dataset_writer *w, const char *file, const char *reason, const char *message,
                               bf_error *err);
/* What is known of a row when all are there: its part, fold and group instead of record->split, none and none. */
void bf_dataset_set_part(bf_dataset_writer *w, int64_t row, bf_split split, int32_t fold, int64_t group);
bf_status bf_dataset_add_duplicate(bf_dataset_writer *w, const bf_duplicate *duplicate, bf_error *err);
/* Pixels that were appended, and their shape: rows*columns of the prepared picture. */
bf_status bf_dataset_appended_pixels(bf_dataset_writer *w, int64_t row, uint16_t *dst, int32_t *rows, int32_t *columns,
                                     bf_error *err);
/* Text attribute of the root. */
bf_status bf_dataset_note(bf_dataset_writer *w, const char *name, const char *text, bf_error *err);
bf_status bf_dataset_finish(bf_dataset_writer *w, bf_error *err); /* publishes; the writer is then only to destroy */
void bf_dataset_writer_destroy(bf_dataset_writer *w);             /* without finish: leaves no file behind */

/* ---- reading ---- */
bf_status bf_dataset_open(bf_dataset **out, const char *path, bf_error *err);
void bf_dataset_close(bf_dataset *d);
int64_t bf_dataset_count(const bf_dataset *d);
const bf_record *bf_dataset_record(const bf_dataset *d, int64_t row);  /* borrowed */
const bf_lesion *bf_dataset_lesions(const bf_dataset *d, int64_t row); /* borrowed; record->lesions_count of them */
/* prepared_rows*prepared_columns values. */
bf_status bf_dataset_pixels(bf_dataset *d, int64_t row, uint16_t *dst, bf_error *err);
/* The mask of a row whose record says mask_known, in bf_dataset_append's layout at the original image's size: rows x
 * ((columns + 7) / 8) bytes. Bits behind the last column are 0. Of another row: BF_E_ARGUMENT. */
bf_status bf_dataset_mask(bf_dataset *d, int64_t row, uint8_t *dst, bf_error *err);
/* Borrowed text attribute, NULL when absent. */
const char *bf_dataset_get_note(const bf_dataset *d, const char *name);
int64_t bf_dataset_note_count(const bf_dataset *d);
/* Borrowed; in the order of their names. */
void bf_dataset_note_at(const bf_dataset *d, int64_t index, const char **name, const char **text);
int64_t bf_dataset_left_out_count(const bf_dataset *d);
/* All of them, freed with bf_dataset_left_out_free. */
bf_status bf_dataset_left_out(bf_left_out **out, const bf_dataset *d, bf_error *err);
void bf_dataset_left_out_free(bf_left_out *rows, int64_t count);
int64_t bf_dataset_duplicate_count(const bf_dataset *d);
const bf_duplicate *bf_dataset_duplicates(const bf_dataset *d); /* borrowed */
/* Whether every row has one. */
bool bf_dataset_has_groups(const bf_dataset *d);

#endif
