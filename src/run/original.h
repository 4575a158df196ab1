/* The file that a row was scored from, opened again for its picture: for the sheet and for outputs that ask. */
#ifndef BF_RUN_ORIGINAL_H
#define BF_RUN_ORIGINAL_H

#include "data/prepare.h"
#include "store/scores.h"

/* The file as the row names it, else beside the scores. BF_E_FORMAT where it holds another image than the one that was
 * scored. Closed with bf_dicom_close. */
bf_status bf_original_open(bf_dicom **out, const bf_score_row *row, const char *scores, bf_error *err);

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
