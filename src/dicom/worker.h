/* The reader in another process: requests and the function that answers them there. Private to this room. */
#ifndef BF_DICOM_WORKER_H
#define BF_DICOM_WORKER_H

#include <stdbool.h>

#include "base/service.h"

typedef enum bf_reader_order { BF_READER_OPEN, BF_READER_DECODE, BF_READER_CLOSE } bf_reader_order;

typedef struct bf_reader_request {
  bf_reader_order what;
  int32_t frame;   /* to decode */
  bool ahead;      /* to open: frame 0 is wanted as well, if it costs next to nothing */
  int64_t size;    /* of the file to open */
  char path[4096]; /* for messages; only as much of it as there is text is sent */
} bf_reader_request;

/* A bf_service_answer. Opening leaves bf_opened in the room, decoding bf_decoded and the pixels. */
bf_status bf_reader_answer(void **state, const void *request, size_t size, int file, void *room, size_t room_size,
                           bf_error *err);

#endif
