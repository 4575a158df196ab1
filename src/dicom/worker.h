/* The reader in another process: requests and the function that answers them there. Private to this room. */
#ifndef BF_DICOM_WORKER_H
#define BF_DICOM_WORKER_H

#include <stdbool.h>

#include "base/service.h"
#include "dicom/segmentation_reader.h"

typedef enum bf_reader_order {
  BF_READER_OPEN,
  BF_READER_DECODE,
  BF_READER_CLOSE,
  BF_READER_OPEN_SEGMENTATION,
  BF_READER_ADD_MASK
} bf_reader_order;

typedef struct bf_reader_request {
  bf_reader_order what;
  int32_t frame;               /* to decode */
  bool ahead;                  /* to open: frame 0 is wanted as well, if it costs next to nothing */
  int64_t size;                /* of the file to open */
  int32_t rows, columns;       /* of the mask */
  bf_segmentation_image entry; /* that the mask is of */
  bf_segmentation_place place; /* of its image */
  char path[4096];             /* for messages; only as much of it as there is text is sent */
} bf_reader_request;

/* What opening a segmentation leaves in the room. */
typedef struct bf_opened_segmentation {
  int32_t count;
  int32_t passed; /* regions that are none of lesions */
  bf_segmentation_image images[];
} bf_opened_segmentation;

/* A bf_service_answer. Opening leaves bf_opened in the room, decoding bf_decoded and the pixels; opening a segmentation
 * bf_opened_segmentation, adding a mask what was drawn on that image alone, bit-packed. */
bf_status bf_reader_answer(void **state, const void *request, size_t size, int file, void *room, size_t room_size,
                           bf_error *err);

#endif
