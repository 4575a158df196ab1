/* Which rows belong together and never stand on two sides of a split: those of a patient, by the file or by a label; of
 * a study; and those that look alike (near.h). */
#ifndef BF_DATA_GROUPS_H
#define BF_DATA_GROUPS_H

#include "data/near.h"
#include "store/dataset.h"

typedef struct bf_owner {
  int64_t patient, study; /* numbers, from 0; -1 unknown */
  int64_t said;           /* the patient as a label names one, beside that of the file; -1 none */
} bf_owner;

/* group[row] in 0 .. *count-1, numbered by their first rows, so that numbers do not hang on the key of the patient
 * hash. pairs: rows that look alike; may be NULL. */
bf_status bf_groups_make(int64_t *group, int64_t *count, const bf_owner *owners, int64_t rows,
                         const bf_near_pair *pairs, int64_t pair_count, bf_error *err);

/* Numbers for the patients and studies of a dataset. */
bf_status bf_owners_of(bf_owner *owners, const bf_dataset *data, bf_error *err);

/* The groups that the dataset was written with; those of patients and studies for a file that has none. */
bf_status bf_groups_of(int64_t *group, int64_t *count, const bf_dataset *data, bf_error *err);

#endif
