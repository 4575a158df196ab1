/* What a dataset holds, counted. */
#ifndef BF_RUN_DATA_SUMMARY_H
#define BF_RUN_DATA_SUMMARY_H

#include "store/dataset.h"

enum { BF_SUMMARY_PARTS = 6, BF_SUMMARY_ALL = 5, BF_SUMMARY_WORDS = 32, BF_SUMMARY_SIZES = 5 };

/* Of one bf_split, or of all. */
typedef struct bf_part_summary {
  int64_t patients, studies, groups, images, benign, malignant, unknown, lesions_known, lesions, masks;
} bf_part_summary;

typedef struct bf_size_summary {
  int64_t count;
  double quantiles[BF_SUMMARY_SIZES]; /* smallest, lower quartile, median, upper quartile, largest; NaN without any */
} bf_size_summary;

/* What is counted by the words of a column. */
typedef enum bf_summary_column {
  BF_SUMMARY_MODALITY,
  BF_SUMMARY_MANUFACTURER,
  BF_SUMMARY_AGE_GROUP,
  BF_SUMMARY_LATERALITY,
  BF_SUMMARY_VIEW,
  BF_SUMMARY_COLUMNS
} bf_summary_column;

typedef struct bf_word_summary {
  char word[33]; /* "" unknown */
  int64_t images;
} bf_word_summary;

typedef struct bf_words_summary {
  bf_word_summary words[BF_SUMMARY_WORDS]; /* most images first, ages in their order; the last holds what is more */
  int count;
} bf_words_summary;

typedef struct bf_data_summary {
  bf_part_summary parts[BF_SUMMARY_PARTS]; /* by bf_split, then all */
  bf_size_summary pixels, millimetres;     /* longest sides of lesions; the second where spacing is known */
  bf_words_summary columns[BF_SUMMARY_COLUMNS];
  bf_part_summary *folds; /* owned */
  int fold_count;
  int64_t volumes, without_patient, without_identity;
  int64_t patients_on_two_sides, groups_on_two_sides; /* of train, validation and test */
  int64_t labels_differ;                              /* of the duplicates */
} bf_data_summary;

bf_status bf_data_summarise(bf_data_summary *out, const bf_dataset *data, bf_error *err);
void bf_data_summary_clear(bf_data_summary *summary);

#endif
