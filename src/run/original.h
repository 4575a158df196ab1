/* The file that a row was scored from, opened again for its picture: for the sheet and for outputs that ask. */
#ifndef BF_RUN_ORIGINAL_H
#define BF_RUN_ORIGINAL_H

#include "data/prepare.h"
#include "store/scores.h"

/* The file as the row names it, else beside the scores. BF_E_FORMAT where it holds another image than the one that was
 * scored. Closed with bf_dicom_close. */
bf_status bf_original_open(bf_dicom **out, const bf_score_row *row, const char *scores, bf_error *err);

/* The row's frame as it is prepared with these options. Cleared by the caller, also after a failure. */
bf_status bf_original_prepare(bf_prepared *out, const bf_score_row *row, const char *scores,
                              const bf_prepare_options *options, bf_prepare_scratch *scratch, bf_error *err);
/* Options for a small picture that shows all of the image as it lies, at most `side` pixels long. */
bf_status bf_original_small(bf_prepare_options *out, int side, bf_error *err);

/* Pictures of row after row, one in memory at a time. Zeroed: none yet. */
typedef struct bf_viewer {
  bf_prepare_options options; /* tone and window as files say */
  bf_prepare_scratch scratch;
  uint8_t *grey; /* [rows*columns] of the last row, 0 black to 255 white; good until the next */
  size_t room;
} bf_viewer;

bf_status bf_viewer_open(bf_viewer *viewer, bf_error *err);
/* Fills viewer->grey with the original's pixels of the row's frame. BF_E_FORMAT where the image has another size than
 * the scores say: boxes would lie elsewhere. */
bf_status bf_viewer_look(bf_viewer *viewer, const bf_score_row *row, const char *scores, bf_error *err);
void bf_viewer_close(bf_viewer *viewer);

#endif
