/* One segmentation object in this very process; segmentation.h is for the other rooms, and decides in which process
 * this runs. Every function is noexcept. Private to this room. */
#ifndef BF_DICOM_SEGMENTATION_READER_H
#define BF_DICOM_SEGMENTATION_READER_H

#include "dicom/segmentation.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct bf_segmentation_reader bf_segmentation_reader;

enum { BF_SEGMENTATION_FRAMES_MAX = 100000 };

/* As those of segmentation.h. The descriptor is borrowed until close. */
bf_status bf_segmentation_reader_open(bf_segmentation_reader **out, int file, int64_t size, const char *path,
                                      bf_error *err);
void bf_segmentation_reader_close(bf_segmentation_reader *s);
int32_t bf_segmentation_reader_count(const bf_segmentation_reader *s);
const bf_segmentation_image *bf_segmentation_reader_at(const bf_segmentation_reader *s, int32_t index);
int32_t bf_segmentation_reader_passed(const bf_segmentation_reader *s);
bf_status bf_segmentation_reader_add(uint8_t *mask, bf_segmentation_reader *s, const bf_segmentation_image *entry,
                                     int32_t rows, int32_t columns, const bf_segmentation_place *place, bf_error *err);

#ifdef __cplusplus
}
#endif
#endif
