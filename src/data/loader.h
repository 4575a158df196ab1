/* Batches for training: prepared pictures (held in memory), augmentation, normalisation, boxes in network pixels. The
 * same (seed, epoch, row, repeat) gives the same picture, whatever the threads. data never sees nn: truths are given in
 * this room's own terms. */
#ifndef BF_DATA_LOADER_H
#define BF_DATA_LOADER_H

#include "base/pool.h"
#include "image/augment.h"
#include "image/outline.h"
#include "image/sample.h"
#include "store/dataset.h"

#define BF_LOADER_MAX_BOXES 64

typedef struct bf_loader bf_loader;

typedef struct bf_loader_options {
  int width, height; /* network input */
  bf_normalisation normalisation;
  const bf_augmenter *augmenter; /* NULL: none (validation, scoring) */
  bool masks;                    /* masks are kept for bf_loader_masks */
  bool slices;                   /* rows of a volume stand between their neighbours in the three channels */
  uint64_t seed;
} bf_loader_options;

/* One picture in one place of a batch, alone or mixed with another. */
typedef struct bf_sample {
  int image;     /* its place in the batch */
  double weight; /* of its grey values and its losses: 1, or the share of a picture that is mixed */
  int64_t row;
  int malignant; /* 0, 1, -1 unknown; with a synthetic lesion it is unknown */
  bool lesions_known, mask_known;
  int box_count;
  /* Around the lesions as they are mapped: exact where a mask outlines them, else around the mapped box. */
  bf_rect boxes[BF_LOADER_MAX_BOXES]; /* network pixels, clipped to the frame; boxes with less than 25 % of their area
                                         left are dropped */
  bf_affine to_network;               /* original pixels -> network pixels, where nothing is displaced */
  bf_warp warp;   /* the whole map, original -> network pixels, displacement included: what a mask goes through
                     (bf_warp_mask); warp.affine is to_network */
  bool implanted; /* a synthetic lesion was put in, whose box stands in boxes, and which is its whole mask */
  bf_blob implant;
} bf_sample;

/* Reads the pixels of rows with use[row] != 0, and of their neighbours where slices are wanted, into memory. */
bf_status bf_loader_create(bf_loader **out, bf_dataset *data, const uint8_t *use, const bf_loader_options *options,
                           bf_error *err);
void bf_loader_destroy(bf_loader *loader);

/* Fills dst [count,height,width,3] for the given rows, and says what is in it: samples has room for 2 * count. Returns
 * how many there are: first one for each row, in order, then one for each picture that was mixed in, of the same image.
 * What is mixed in is drawn from the loader's rows that are labelled in the same ways, so that no label is lost.
 * epoch and repeats (which time each row comes in the epoch, from 0; NULL: the first) key the augmentation's draws;
 * epoch below 0: pictures as they are, none mixed. */
int bf_loader_fill(bf_loader *loader, bf_pool *pool, float *dst, bf_sample *samples, const int64_t *rows,
                   const int64_t *repeats, int count, int64_t epoch);

void bf_loader_size(const bf_loader *loader, int *width, int *height); /* of its pictures */

/* Masks of samples that bf_loader_fill filled, through the same warps: dst[count][height][width], lesion in 255ths of
 * each pixel; zeroes where none is known. For loaders made with `masks`. */
void bf_loader_masks(bf_loader *loader, bf_pool *pool, uint8_t *dst, const bf_sample *samples, int count);

#endif
