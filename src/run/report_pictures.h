/* Pictures for a report's gallery: from the files that scores name, or from the dataset of a training. */
#ifndef BF_RUN_REPORT_PICTURES_H
#define BF_RUN_REPORT_PICTURES_H

#include "data/prepare.h"
#include "evaluation/report.h"

/* Zeroed: nothing. */
typedef struct bf_picture_source {
  bf_scores *scores; /* borrowed, as the path and the dataset */
  const char *path;  /* of the scores */
  bf_dataset *data;  /* NULL: pictures are read from the files */
  bf_prepare_options options;
  bf_prepare_scratch scratch;
  bf_heat_kind heat;
  float *map; /* room for a heat map; NULL: there are none */
} bf_picture_source;

/* data: of cases that have a record there; NULL: of others. Fills `pictures`, which borrows the source. */
bf_status bf_picture_source_open(bf_picture_source *source, bf_report_pictures *pictures, int most, bf_scores *scores,
                                 const char *path, bf_dataset *data, bf_error *err);
void bf_picture_source_close(bf_picture_source *source);

#endif
