/* The columns of DATA.h5 (docs/formats.md), shared by writer and reader. Private to the room. */
#ifndef BF_STORE_DATASET_COLUMNS_H
#define BF_STORE_DATASET_COLUMNS_H

#include "store/dataset.h"
#include "store/h5_strip.h"

#define BF_DATASET_CONVENTION "bifocal-data-1"

/* A picture larger than this is refused on both ways: it protects memory from a hostile file. */
#define BF_DATASET_MAX_SIDE 32768
#define BF_DATASET_MAX_PIXELS (INT64_C(1) << 26)

typedef struct bf_stored_record {
  bf_record record;
  int64_t pixels_start; /* first value in /pixels */
  int64_t mask_start;   /* first byte in /masks; -1 when there is no mask */
} bf_stored_record;

/* The last BF_RECORD_LATER of a record's columns, and /masks, came after the first files were written. */
enum { BF_RECORD_COLUMNS = 29, BF_RECORD_LATER = 10, BF_LESION_COLUMNS = 6, BF_LEFT_OUT_COLUMNS = 3 };
extern const bf_column bf_record_columns[BF_RECORD_COLUMNS];
/* What is known of a row when all are there. All but the first came later, too. */
enum { BF_PART_COLUMNS = 3, BF_DUPLICATE_COLUMNS = 5 };
extern const bf_column bf_part_columns[BF_PART_COLUMNS];
extern const bf_column bf_duplicate_columns[BF_DUPLICATE_COLUMNS];
extern const bf_column bf_lesion_columns[BF_LESION_COLUMNS];
extern const bf_column bf_left_out_columns[BF_LEFT_OUT_COLUMNS];

#endif
