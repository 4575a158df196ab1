/* What masks say of a frame: its lesions pixel by pixel, and where no box file speaks of it, its boxes too. The one
 * place of that rule, for ingest and for evaluation:
 *   - The masks of a frame are joined. A mask that is black all over says: looked at, no lesion.
 *   - Each connected piece is a lesion with the smallest box around it, and of the class of the image; where masks have
 * classes of their own, the pieces of each are looked for by themselves.
 *   - A piece of fewer than 9 pixels is a speck; so is one of less than 0.02 % of the image that has less than a tenth
 * of the largest piece. Specks are no lesions. Masks of nothing but specks leave the lesions unknown.
 *   - Where a box file speaks of the frame, its boxes stand, and the mask changes none. Where it says that there is no
 * lesion and the mask has some, they are unknown. */
#ifndef BF_DATA_MASK_LABEL_H
#define BF_DATA_MASK_LABEL_H

#include "data/labels.h"

/* Memory that is used again for each frame. Zeroed: empty. One thread. */
typedef struct bf_mask_scratch {
  uint8_t *mask; /* of the frame that was read last: rows x ((columns + 7) / 8) bytes */
  uint8_t *one;  /* of one of several files */
  size_t room, one_room;
  bf_mask_reader reader;
} bf_mask_scratch;

void bf_mask_scratch_clear(bf_mask_scratch *scratch);

typedef struct bf_mask_found {
  bool known;     /* a mask speaks of the frame, and scratch->mask holds it */
  int64_t pixels; /* of lesions */
  int32_t boxes;  /* lesions that the label gained */
  int32_t specks; /* pieces that were passed over; 0 where boxes of a file stand */
} bf_mask_found;

/* Reads the masks of a frame of the image that has rows x columns pixels, and adds the lesions that follow to the
 * label. place: where the image lies, for contours in mm; may be NULL. found->known is false, and nothing changed,
 * where no mask speaks of the frame, and after a failure: a mask that cannot be read or has another size than the image
 * (errors of bf_mask_read), or that has more than 1000 lesions (BF_E_LIMIT). */
bf_status bf_label_take_mask(bf_mask_found *found, bf_mask_scratch *scratch, bf_label *label, int32_t frame,
                             int32_t rows, int32_t columns, const bf_segmentation_place *place, bf_error *err);

#endif
