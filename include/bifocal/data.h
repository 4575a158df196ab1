/* Dataset files: what is in one, whether it can be trusted, and several made one. */
#ifndef BIFOCAL_DATA_H
#define BIFOCAL_DATA_H

#include <stdint.h>

#include "bifocal/status.h"

#ifdef __cplusplus
extern "C" {
#endif

/* A page about DATA.h5 for a reader who must judge what was done: patients, studies, images, classes and lesions of
 * each part, sizes of lesions, modalities, folds, what was left out and why, what looks alike, label files and their
 * hashes. text and json may be NULL; freed with bf_text_free. No patient's name or number is in it. */
bf_status bf_data_show(char **text, char **json, const char *path, bf_error *err);

typedef struct bf_data_finding {
  const char *check; /* static: "patient_on_two_sides", ... (docs/protocol.md) */
  int64_t count;
  char example[512]; /* the first one, in words; rows are those of /images */
} bf_data_finding;

#define BF_DATA_FINDINGS 16

typedef struct bf_data_check_report {
  int64_t images;
  int count; /* of findings; 0: nothing is wrong */
  bf_data_finding findings[BF_DATA_FINDINGS];
} bf_data_check_report;

/* Looks through a dataset, whoever made it: patients, groups and alike pictures on two sides of the split or in two
 * folds, the same image twice, boxes outside of their images, lesions where nobody looked, pictures of one grey,
 * pictures that are not those of their fingerprints. Findings are no errors: BF_OK where the file could be read. */
bf_status bf_data_check(bf_data_check_report *report, const char *path, int threads, bf_error *err);

typedef struct bf_data_merge_options {
  const char *const *inputs;
  int input_count;
  const char *output;
  const char *const *settings; /* "split.test=0.2" and the like: how the whole is dealt */
  int setting_count;
  int threads;
} bf_data_merge_options;

typedef struct bf_data_merge_report {
  int64_t images, patients, groups, duplicates, left_out; /* left_out: the same image again */
} bf_data_merge_report;

/* One dataset of several that were prepared alike. Splits stand as they are in the inputs; folds and groups are made
 * anew over all. Inputs whose patient hashes come from random keys know nothing of each other's patients: that is said
 * in the log, and what looks alike is found all the same. Preparations that differ, a patient with two splits:
 * BF_E_ARGUMENT. */
bf_status bf_data_merge(bf_data_merge_report *report, const bf_data_merge_options *options, bf_error *err);

#ifdef __cplusplus
}
#endif
#endif
