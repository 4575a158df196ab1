/* Splits and folds by patient: no patient is ever on both sides. */
#ifndef BF_DATA_SPLITS_H
#define BF_DATA_SPLITS_H

#include "store/dataset.h"

/* Assigns each row a fold 0..folds-1, by patient (rows with no patient count by study, and by themselves where that
 * is unknown too), stratified: patients are dealt in an order shuffled by seed so that every fold gets nearly the same
 * number of images of each class. fold[row] = -1 for rows whose record->split is TEST. */
bf_status bf_folds_assign(int *fold, const bf_dataset *data, int folds, uint64_t seed, bf_error *err);

/* Marks a validation part of about `fraction` of the rows with use[row] != 0, by patient and stratified in the same
 * way: part[row] = BF_SPLIT_TRAIN, BF_SPLIT_VALIDATION or BF_SPLIT_NONE (not used). Splits given in the records are
 * honoured; a patient with two given splits is an error that names neither patient nor name but rows. */
bf_status bf_split_validation(uint8_t *part, const bf_dataset *data, const uint8_t *use, double fraction, uint64_t seed,
                              bf_error *err);

/* Leaves about `fraction` of the training rows in part (bf_split of each row), by patient and stratified: the others
 * become BF_SPLIT_NONE. What a smaller fraction keeps a larger one keeps, too; at least one patient stays. */
bf_status bf_split_thin(uint8_t *part, const bf_dataset *data, double fraction, uint64_t seed, bf_error *err);

/* Which rows belong together, as in all of the above: group[row] in 0 .. *count-1. */
bf_status bf_split_groups(int64_t *group, int64_t *count, const bf_dataset *data, bf_error *err);

#endif
