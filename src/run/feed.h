/* DICOM files to batches of pictures in an executor: opening, decoding and preparing, in the order of the manifest,
 * while the network works on the batch before. What to do with a batch is for score and embed. */
#ifndef BF_RUN_FEED_H
#define BF_RUN_FEED_H

#include "base/file.h"
#include "data/catalog.h"
#include "data/prepare.h"
#include "model/model.h"
#include "run/likeness.h"
#include "store/scores.h"

/* One frame on its way. */
typedef struct bf_feed_slot {
  int64_t file;
  int32_t frame;
  bool last_frame;
  bool opened;    /* image says what the header does */
  bf_image image; /* without tables */
  bf_status status;
  bf_error error;
  bf_affine to_network;        /* original pixels -> network pixels */
  char bright_edge;            /* of the stored image */
  char unlike[BF_DOMAIN_TEXT]; /* how the picture differs from those that the model was trained on; "" */
} bf_feed_slot;

/* The batch at hand: slots, and of those with a good picture, which lie dense in the executor's input, the slot. */
typedef struct bf_feed_batch {
  int count, good;
  const bf_feed_slot *slots;
  const int *place;
  const bf_affine *to_network; /* of the good ones, as columns and rows */
  const int32_t *columns, *rows;
} bf_feed_batch;

typedef struct bf_feed_line bf_feed_line;

typedef struct bf_feed {
  bf_unlike unlike;   /* what is done with pictures unlike the model's; set before bf_feed_open */
  bf_file_list files; /* owned */
  bf_catalog catalog; /* of the files */
  bf_prepare_options prepare;
  const void *key; /* secret of the patient hash, borrowed; NULL: images have none. Set before bf_feed_open */
  size_t key_size;
  bf_feed_line *line; /* what is under way; private */
} bf_feed;

/* Lists the files under paths; those that are one of `own` (NULL-safe) are left out, because what a job itself reads
 * and writes may lie in the folder that it is given. None left: BF_E_NOT_FOUND. */
bf_status bf_feed_list(bf_feed *feed, const char *const *paths, int count, const char *const *own, int own_count,
                       bf_error *err);
/* After bf_feed_list: looks at all headers, as the model's `prepare` wants it, and orders the files. */
bf_status bf_feed_look(bf_feed *feed, const bf_model *model, bf_pool *pool, bf_error *err);
/* After bf_feed_look; begins to read. Model, executor (its input is filled, `batch` places) and pool are borrowed:
 * until bf_feed_close the pool's threads read whenever the network leaves them time, at most a few batches ahead. skip
 * (NULL: none): a number a file, not 0 for those that are passed over; borrowed. */
bf_status bf_feed_open(bf_feed *feed, bf_model *model, bf_exec *exec, int batch, bf_pool *pool, const uint8_t *skip,
                       bf_error *err);
/* Safe on a zeroed feed, before the pool is destroyed. */
void bf_feed_close(bf_feed *feed);

/* The next batch, in the order of the manifest, waited for if need be; false when there is none left. Frames are those
 * that the catalog counted. Ends in bf_feed_release. From the thread that runs the network. */
bool bf_feed_next(bf_feed_batch *batch, bf_feed *feed);
void bf_feed_release(bf_feed *feed);

/* BF_E_IO where the processes that read were killed and no other can be started: what the batch at hand says of its
 * files may be wrong then. result: what is being made, for the message. */
bf_status bf_feed_check(const char *result, bf_error *err);

/* Fills the columns that say which image a row is about: file and frame, and of one that was opened what its header
 * says. Borrows from feed. */
void bf_feed_describe(bf_score_row *row, const bf_feed *feed, const bf_feed_slot *slot);

#endif
