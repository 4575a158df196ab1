/* One DICOM file in this very process: its header as bf_image, its frames decoded. dicom.h is for the other rooms, and
 * decides in which process this runs. Every function is noexcept: OFCondition and exceptions become errors. One reader
 * per thread; different readers in different threads. */
#ifndef BF_DICOM_READER_H
#define BF_DICOM_READER_H

#include "image/image.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct bf_reader bf_reader;

enum { BF_IDENTITY_MAX = 132 }; /* two values of 64 characters, PS3.5 6.2, and what stands between */

/* Registers decoders and checks that the data dictionary was found (without it implicit VR files read wrongly). */
bf_status bf_reader_init(bf_error *err);

/* A regular file that begins like DICOM, opened for reading, and its size. The caller closes *file. Errors:
 * BF_E_NOT_FOUND, BF_E_IO, BF_E_ARGUMENT no regular file, BF_E_LIMIT too large, BF_E_NOT_DICOM. */
bf_status bf_reader_file(int *file, int64_t *size, const char *path, bf_error *err);

/* Reads the header from the descriptor, which is borrowed until close; path is for messages. *seen (may be NULL) gets
 * what was read of the header even when the file is refused, without tables: it needs no clearing. */
bf_status bf_reader_open(bf_reader **out, bf_image *seen, int file, int64_t size, const char *path, bf_error *err);
void bf_reader_close(bf_reader *reader);
bf_image *bf_reader_image(bf_reader *reader); /* borrowed; without a patient key */
/* "Patient ID\issuer", "" where there is no ID: for the patient's hash and nothing else. */
void bf_reader_identity(char out[BF_IDENTITY_MAX], bf_reader *reader);

/* Whether a frame is hardly more than bytes to copy. */
bool bf_reader_is_cheap(const bf_reader *reader);

/* As bf_dicom_decode. */
bf_status bf_reader_decode(bf_reader *reader, int frame, void *dst, bf_error *err);

#ifdef __cplusplus
}
#endif
#endif
