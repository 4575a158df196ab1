/* Splits and folds by group of rows (groups.h): no patient is ever on both sides. Groups are dealt so that each class
 * of each modality is spread evenly, in an order shuffled by seed. */
#ifndef BF_DATA_SPLITS_H
#define BF_DATA_SPLITS_H

#include "base/options.h"
#include "store/dataset.h"

/* What becomes of the splits that labels give. */
typedef enum bf_split_given { BF_SPLIT_HONOUR, BF_SPLIT_IGNORE } bf_split_given;

/* How ingest parts a dataset. */
typedef struct bf_split_options {
  double test, validation; /* fractions of the images; 0: no such part is made */
  int folds;               /* 0: none */
  int seed;
  int given; /* bf_split_given */
  int alike; /* pictures at most so many of 256 bits apart may be alike; 0: none are looked for */
} bf_split_options;

extern const bf_option bf_split_table[]; /* section "split" */
/* Fractions that leave nothing to train on: BF_E_ARGUMENT. */
bf_status bf_split_check(const bf_split_options *options, bf_error *err);

/* What dealing asks of a row. */
typedef struct bf_split_row {
  int64_t group;
  int32_t stratum; /* 0 .. BF_STRATA-1: class and modality */
  uint8_t split;   /* given, bf_split */
} bf_split_row;

enum { BF_STRATA = 24 };

/* Of a dataset. Rows of a group with several given splits: BF_E_ARGUMENT, where the group is a patient's alone; where
 * pictures that look alike made it, the part that judges most has it: test before validation before training. */
bf_status bf_split_rows_of(bf_split_row *rows, const bf_dataset *data, bf_error *err);

/* The stratum of a row: class -1, 0 or 1, and the number of its modality; unknown ones (-1) and those from the eighth
 * on share one. */
int32_t bf_stratum_of(int malignant, int64_t modality);

/* fold[row] in 0 .. folds-1, or -1 for groups that stand in a test part. Fewer groups than folds: BF_E_ARGUMENT. */
bf_status bf_deal_folds(int32_t *fold, const bf_split_row *rows, int64_t count, int folds, uint64_t seed,
                        bf_error *err);

/* split[row]: about these fractions of the images as test and validation part, the others training. What is given
 * stands: a given test part is the whole of it, and so is a given validation part. Without a validation part, what is
 * neither given nor test stays BF_SPLIT_NONE: who trains deals. A row whose group is in a part that judges more than
 * its own given one is BF_SPLIT_EXCLUDED. */
bf_status bf_deal_parts(uint8_t *split, const bf_split_row *rows, int64_t count, double test, double validation,
                        uint64_t seed, bf_error *err);

/* The same for a dataset. */
bf_status bf_folds_assign(int *fold, const bf_dataset *data, int folds, uint64_t seed, bf_error *err);
/* The folds that the dataset holds; false where it does not hold as many. */
bool bf_folds_stored(int *fold, const bf_dataset *data, int folds);

/* Marks a validation part of about `fraction` of the rows with use[row] != 0: part[row] = BF_SPLIT_TRAIN,
 * BF_SPLIT_VALIDATION or BF_SPLIT_NONE (not used). Splits given in the records are honoured; a given validation part
 * is the whole of it. */
bf_status bf_split_validation(uint8_t *part, const bf_dataset *data, const uint8_t *use, double fraction, uint64_t seed,
                              bf_error *err);

/* Leaves about `fraction` of the training rows in part (bf_split of each row), by patient and stratified: the others
 * become BF_SPLIT_NONE. What a smaller fraction keeps a larger one keeps, too; at least one patient stays. */
bf_status bf_split_thin(uint8_t *part, const bf_dataset *data, double fraction, uint64_t seed, bf_error *err);

#endif
