/* From a header to the columns that datasets and scores have in common: the one place that knows both. */
#ifndef BF_RUN_DESCRIBE_H
#define BF_RUN_DESCRIBE_H

#include "image/image.h"
#include "store/dataset.h"

/* All that the header says of the image; class and malignancy unknown, what is no part of a header zero. */
void bf_describe(bf_record *out, const bf_image *image);

#endif
