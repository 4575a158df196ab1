/* DICOM files to batches of pictures in an executor: listing, opening, decoding and preparing, frame by frame in the
 * order of the manifest. What to do with a batch is for score and embed. */
#ifndef BF_RUN_FEED_H
#define BF_RUN_FEED_H

#include "base/file.h"
#include "data/catalog.h"
#include "data/prepare.h"
#include "model/model.h"
#include "run/likeness.h"
#include "store/scores.h"

/* One frame on its way. Frames of one file that stand in the same batch share its reader and are prepared by one task,
 * because a reader belongs to one thread. */
typedef struct bf_feed_slot {
  int64_t file;
  int32_t frame;
  bool last_frame;
  bf_dicom *dicom; /* the feed's; NULL: the file could not be opened, status and error say why */
  bf_status status;
  bf_error error;
  bf_affine to_network;        /* original pixels -> network pixels */
  char bright_edge;            /* of the stored image */
  char unlike[BF_DOMAIN_TEXT]; /* how the picture differs from those that the model was trained on; "" */
} bf_feed_slot;

/* Files that are passed over, such as those that an earlier run has finished. */
typedef bool (*bf_feed_skip)(void *argument, int64_t file);

typedef struct bf_feed {
  bf_unlike unlike;   /* what is done with pictures unlike the model's; set before bf_feed_next */
  bf_file_list files; /* owned */
  bf_catalog catalog; /* of the files */
  /* the batch at hand: slots, and of those with a good picture, which lie dense in the executor's input, the slot */
  int count, good;
  bf_feed_slot *slots;
  int *place;
  bf_affine *to_network;
  int32_t *columns, *rows;
  int64_t next_file; /* files before it are dealt */
  /* private */
  bf_feed_skip skip;
  void *argument;
  bf_model *model;
  bf_pool *pool;
  bf_exec *exec;
  int batch, groups, *group;
  bf_prepare_options prepare;
  bf_prepare_scratch *scratch;
  float **grey; /* three pictures a thread */
  bf_dicom *open;
  int64_t open_file;
  int32_t next_frame, open_frames;
} bf_feed;

/* Lists the files under paths; those that are one of `own` (NULL-safe) are left out, because what a job itself reads
 * and writes may lie in the folder that it is given. None left: BF_E_NOT_FOUND. */
bf_status bf_feed_list(bf_feed *feed, const char *const *paths, int count, const char *const *own, int own_count,
                       bf_error *err);
/* After bf_feed_list: looks at all headers, as the model's `prepare` wants it, and orders the files. */
bf_status bf_feed_look(bf_feed *feed, const bf_model *model, bf_pool *pool, bf_error *err);
/* After bf_feed_look. Model, executor (its input is filled, `batch` places) and pool are borrowed. skip NULL: no file
 * is passed over. */
bf_status bf_feed_open(bf_feed *feed, bf_model *model, bf_exec *exec, int batch, bf_pool *pool, bf_feed_skip skip,
                       void *argument, bf_error *err);
/* Safe on a zeroed feed. */
void bf_feed_close(bf_feed *feed);

/* The next batch, in the order of the manifest; count 0: there is none left. Ends in bf_feed_release. */
void bf_feed_next(bf_feed *feed);
/* Closes the readers whose last frame stood in the batch. */
void bf_feed_release(bf_feed *feed);

/* Of the slot's file; NULL where it could not be opened. */
const bf_image *bf_feed_image(const bf_feed_slot *slot);
/* Fills the columns that say which image a row is about; image may be NULL. */
void bf_feed_describe(bf_score_row *row, const bf_image *image);

#endif
