/* What passes between the process that opens a file and the one that reads it. The reading side may have been taken
 * over: what comes from it is copied once and checked before anything is done with it. Private to this room. */
#ifndef BF_DICOM_ANSWERS_H
#define BF_DICOM_ANSWERS_H

#include "dicom/reader.h"

enum { BF_TABLE_MAX = 65536, BF_TABLES = 5 };

/* Modality, VOI, red, green, blue. */
bf_lut *bf_answer_table(bf_image *image, int index);

/* At the start of the room after a file was opened, or refused: image without its tables, whose values follow. */
typedef struct bf_opened {
  bf_image image;
  bool ahead; /* what decoding frame 0 leaves stands at BF_ANSWER_AHEAD */
  char identity[BF_IDENTITY_MAX];
  uint16_t tables[BF_TABLES][BF_TABLE_MAX];
} bf_opened;

/* After a frame was decoded; the pixels follow at bf_answer_pixels. */
typedef struct bf_decoded {
  bf_image image;
} bf_decoded;

/* Frames that come along with the header have at most BF_AHEAD_MAX bytes. */
enum { BF_AHEAD_MAX = 1 << 22, BF_ANSWER_PIXELS = 4096, BF_ANSWER_AHEAD = (sizeof(bf_opened) + 4095) / 4096 * 4096 };

/* In the reader. */
void bf_answer_opened(bf_opened *out, bf_reader *reader);
/* Of a file that was refused: what was seen of its header. */
void bf_answer_seen(bf_opened *out, const bf_image *seen);

/* A text of that process: ended, and what is not printable ASCII replaced. */
void bf_answer_plain(char *text, size_t size);

/* In the other process. Copies the image with its tables; BF_E_FORMAT where it is nothing that a header could say. */
bf_status bf_answer_take_opened(bf_image *image, char identity[BF_IDENTITY_MAX], const bf_opened *from, bf_error *err);
/* Texts and numbers for a report; never fails. */
void bf_answer_take_seen(bf_image *seen, const bf_opened *from);
/* What decoding and the frame's own values change. */
bf_status bf_answer_take_decoded(bf_image *image, const bf_decoded *from, bf_error *err);

#endif
