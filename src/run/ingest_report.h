/* What ingest tells when it is done: counts, what was left out and why, which labels met no image. */
#ifndef BF_RUN_INGEST_REPORT_H
#define BF_RUN_INGEST_REPORT_H

#include "bifocal/ingest.h"
#include "data/labels.h"
#include "data/protocol.h"

typedef struct bf_ingest_left_out {
  char *file, *message;
  const char *reason; /* static */
} bf_ingest_left_out;

typedef struct bf_ingest_outside {
  char *file;
  bf_lesion box;
  int32_t rows, columns; /* of the image that it reaches out of */
  int32_t frame;         /* that the file does not have; -1: the box reaches out of its image */
} bf_ingest_outside;

typedef struct bf_ingest_unfit {
  char *file, *message; /* the image, and what is wrong with its mask */
} bf_ingest_unfit;

typedef struct bf_ingest_story {
  bf_ingest_report counts;
  bf_ingest_left_out *left_out;
  int64_t left_out_room;
  bf_ingest_outside *outside; /* the first ones; the count stands in counts.boxes_outside */
  int outside_count;
  char **unlabelled; /* of each file that no label speaks of */
  int64_t unlabelled_room;
  bf_ingest_unfit *unfit; /* the first ones; the count stands in counts.masks_unfit */
  int unfit_count;
} bf_ingest_story;

/* reason: a static word. The message is copied. */
bf_status bf_ingest_story_leave_out(bf_ingest_story *story, const char *file, const char *reason, const char *message,
                                    bf_error *err);
bf_status bf_ingest_story_outside(bf_ingest_story *story, const char *file, bf_lesion box, int32_t rows,
                                  int32_t columns, bf_error *err);
bf_status bf_ingest_story_absent_frame(bf_ingest_story *story, const char *file, bf_lesion box, int32_t frame,
                                       int32_t frames, bf_error *err);
/* A mask that was not used. The message is copied. */
bf_status bf_ingest_story_unfit(bf_ingest_story *story, const char *file, const char *message, bf_error *err);
/* A file that no label speaks of. */
bf_status bf_ingest_story_unlabelled(bf_ingest_story *story, const char *file, bf_error *err);
void bf_ingest_story_take_protocol(bf_ingest_story *story, const bf_protocol_counts *counts);
/* The counts alone, as compact JSON text from malloc, for the dataset; NULL when memory is short. */
char *bf_ingest_story_counts(const bf_ingest_story *story);
/* On stderr. labels may be NULL. */
void bf_ingest_story_tell(const bf_ingest_story *story, bf_labels *labels);
/* JSON text from malloc; NULL when memory is short. */
char *bf_ingest_story_json(const bf_ingest_story *story, const char *output, bf_labels *labels);
void bf_ingest_story_clear(bf_ingest_story *story);

#endif
