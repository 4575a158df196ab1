/* From one DICOM frame to one prepared picture: decode, tone, crop to content, turn to one side, resample. Ingest and
 * score call the same function with the same options, which travel in the dataset file and in the model. */
#ifndef BF_DATA_PREPARE_H
#define BF_DATA_PREPARE_H

#include "base/options.h"
#include "dicom/dicom.h"
#include "image/geometry.h"

typedef enum bf_crop { BF_CROP_AUTO, BF_CROP_NONE, BF_CROP_CONTENT } bf_crop;

typedef enum bf_mirror { BF_MIRROR_AUTO, BF_MIRROR_NONE } bf_mirror;

typedef enum bf_leave_out { BF_LEAVE_OUT_AUTO, BF_LEAVE_OUT_NONE } bf_leave_out;

typedef struct bf_prepare_options {
  int side;      /* pixels of the prepared picture's longer side (smaller pictures are not enlarged) */
  int crop;      /* bf_crop; AUTO: content for MG, CR, DX; none elsewhere */
  int leave_out; /* bf_leave_out: of files, see catalog.h */
  int mirror;    /* bf_mirror; AUTO: mammograms with the chest wall on the left */
  int tone;      /* bf_tone */
  int window;    /* which of several VOI windows, from 1; the first where there are fewer */
} bf_prepare_options;

extern const bf_option bf_prepare_table[]; /* section "prepare" */

typedef struct bf_prepared {
  int32_t rows, columns;
  uint16_t *pixels; /* [rows*columns], 0..65535, owned */
  char bright_edge; /* 'L', 'R': which of the first and the last column of the stored values is brighter, in all; 'L' if
                       neither */
  bf_affine to_prepared; /* original pixels -> prepared pixels; spacing that differs by direction is made square */
} bf_prepared;

void bf_prepared_clear(bf_prepared *prepared);
/* Scratch is reused between calls; one per thread. */
typedef struct bf_prepare_scratch {
  void *decoded;
  float *tone, *small;
  size_t decoded_size, tone_size, small_size;
} bf_prepare_scratch;
void bf_prepare_scratch_clear(bf_prepare_scratch *scratch);

bf_status bf_prepare_frame(bf_prepared *out, bf_dicom *dicom, int frame, const bf_prepare_options *options,
                           bf_prepare_scratch *scratch, bf_error *err);

/* The frame as people look at it: the same tones, and every pixel of the original where it is stored; neither cropped
 * nor turned nor resampled. dst[rows*columns] of the file's image: 0 black to 255 white. */
bf_status bf_prepare_view(uint8_t *dst, bf_dicom *dicom, int frame, const bf_prepare_options *options,
                          bf_prepare_scratch *scratch, bf_error *err);

#endif
