/* The columns of SCORES.h5 (INTERFACE), shared by writer and reader. Private to the room. */
#ifndef BF_STORE_SCORES_COLUMNS_H
#define BF_STORE_SCORES_COLUMNS_H

#include "store/h5_strip.h"
#include "store/scores.h"

#define BF_SCORES_CONVENTION "bifocal-scores-1"

typedef struct bf_stored_row {
  bf_score_row row;
  int64_t boxes_start;
  int64_t mask_start; /* first byte in /masks; -1 when there is no mask */
  int64_t heat;       /* its place in /heatmaps; -1 when there is none; of rows that were read */
} bf_stored_row;

typedef struct bf_stored_box {
  int64_t image;
  bf_found_box box;
} bf_stored_box;

/* A series, or a study, whose series_instance_uid says nothing. */
typedef struct bf_stored_pool {
  char series_instance_uid[65], study_instance_uid[65];
  int32_t images;
  float malignant_probability;
} bf_stored_pool;

/* The last BF_ROW_MASK of a row's columns, and /masks, are there where a head outlines lesions. The last BF_ROW_LATER
 * came after the first files were written. */
enum {
  BF_ROW_COLUMNS = 25,
  BF_ROW_MASK = 1,
  BF_ROW_LATER = 11,
  BF_BOX_COLUMNS = 6,
  BF_SERIES_COLUMNS = 4,
  BF_STUDY_COLUMNS = 3
};
extern const bf_column bf_row_columns[BF_ROW_COLUMNS];
extern const bf_column bf_box_columns[BF_BOX_COLUMNS];
extern const bf_column bf_series_columns[BF_SERIES_COLUMNS];
extern const bf_column bf_study_columns[BF_STUDY_COLUMNS];

#endif
