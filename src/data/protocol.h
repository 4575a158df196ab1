/* The protocol of a dataset, made when all of its rows are there: who belongs together, what looks alike, which part
 * and fold each row has. Written into the dataset, so that nobody deals again by accident. One thread. */
#ifndef BF_DATA_PROTOCOL_H
#define BF_DATA_PROTOCOL_H

#include "base/pool.h"
#include "data/groups.h"
#include "data/splits.h"
#include "data/string_map.h"

typedef struct bf_protocol_counts {
  int64_t patients, studies;
  int64_t groups;           /* sets of rows that stay together */
  int64_t without_patient;  /* images that are held together by their study alone */
  int64_t without_identity; /* images that are held together by nothing but what they look like */
  int64_t duplicates;       /* pairs of images of different patients that look alike */
  int64_t labels_differ;    /* of them: one is benign, the other malignant */
  int64_t excluded;         /* images left out of training because one that looks alike judges it */
  int64_t crowded;          /* images with more images alike than are looked at */
  int64_t largest;          /* images of the largest group */
  int64_t parts[5], folds;  /* images of each bf_split; folds that were dealt */
} bf_protocol_counts;

typedef struct bf_row_fact {
  bf_fingerprint print; /* valid when has_print */
  bf_owner owner;
  int64_t modality, source; /* source: the caller's number, for messages */
  int32_t pixels;
  int8_t malignant;
  uint8_t split;
  bool has_print, volumetric;
} bf_row_fact;

typedef struct bf_protocol {
  bf_row_fact *facts;
  int64_t count, room;
  bf_string_map patients, studies, modalities, said;
  bf_protocol_counts counts; /* after bf_protocol_finish */
  int64_t crossing[2];       /* sources of two rows of one patient that the labels give two splits; -1 none */
} bf_protocol;               /* zeroed: empty */

/* A row that was just appended to the dataset. said: the patient as a label names one, whatever the file says; may be
 * NULL: some collections give each file a Patient ID of its own. Kept in memory until clear. */
bf_status bf_protocol_add(bf_protocol *p, const bf_record *record, const char *said, int64_t source, bf_error *err);

/* Finds what looks alike (of different patients), groups, deals, and writes all of it to the dataset, with a note of
 * each option. Pictures are alike when their fingerprints are at most options->alike bits apart and the correlation of
 * their detail is 0.75 or more; for slices of volumes (CT, MR, PET), which look alike from one patient to the next, 8
 * bits and 0.98. A patient with two given splits: BF_E_ARGUMENT, and crossing names two rows. Too few groups for the
 * folds: none are dealt, counts.folds is 0. */
bf_status bf_protocol_finish(bf_protocol *p, bf_dataset_writer *w, const bf_split_options *options, bf_pool *pool,
                             bf_error *err);
void bf_protocol_clear(bf_protocol *p);

#endif
