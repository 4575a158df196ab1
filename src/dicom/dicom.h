/* The DCMTK shim: reads DICOM files and decodes their frames, and writes the images of `phantom`. Every function is
 * noexcept: OFCondition and exceptions become errors. One bf_dicom per thread; different files in different threads.
 * Supported transfer syntaxes: implicit and explicit little endian, big endian, deflated, RLE, JPEG (baseline,
 * extended, lossless), JPEG-LS, JPEG 2000 (through openjpeg). */
#ifndef BF_DICOM_DICOM_H
#define BF_DICOM_DICOM_H

#include "image/image.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct bf_dicom bf_dicom;

/* Registers decoders and checks that the data dictionary was found (without it implicit VR files read wrongly).
 * Once, before any thread is made. */
bf_status bf_dicom_init(bf_error *err);

/* Reads the header only. key: secret of patient_key. Errors: BF_E_NOT_DICOM, BF_E_FORMAT damaged, BF_E_NO_IMAGE nothing
 * to look at, BF_E_UNSUPPORTED an encoding that is not handled, BF_E_LIMIT larger than the limits. The file's name is
 * said in messages. */
bf_status bf_dicom_open(bf_dicom **out, const char *path, const void *key, size_t key_size, bf_error *err);
/* The same without a patient key; *seen gets what was read of the header even when the file is refused, without tables:
 * it needs no clearing. */
bf_status bf_dicom_open_seen(bf_dicom **out, bf_image *seen, const char *path, bf_error *err);
void bf_dicom_close(bf_dicom *dicom);
const bf_image *bf_dicom_image(const bf_dicom *dicom); /* borrowed */
const char *bf_dicom_path(const bf_dicom *dicom);      /* borrowed */

/* Decodes frame 0.. into dst (image->frame_bytes). A frame whose data is shorter than the header promises is refused.
 * After decoding, image->photometric and planar describe what dst holds, and rescale, window and spacing are the
 * frame's own (enhanced objects give them a frame each). */
bf_status bf_dicom_decode(bf_dicom *dicom, int frame, void *dst, bf_error *err);

/* What `phantom` writes. */
typedef struct bf_dicom_write {
  const char *sop_class_uid, *modality, *patient_id, *patient_name;
  const char *study_instance_uid, *series_instance_uid, *sop_instance_uid;
  const char *transfer_syntax_uid; /* uncompressed, RLE, JPEG lossless, JPEG-LS lossless, deflated */
  const char *laterality, *view;   /* or NULL */
  bool monochrome1;
  int32_t rows, columns, bits_stored; /* 8..16 */
  bool is_signed;
  double slope, intercept, window_center, window_width; /* window_width 0: none */
  double spacing_row, spacing_column;                   /* 0: none */
  const uint16_t *pixels;                               /* stored values, bits_stored low bits */
} bf_dicom_write;
bf_status bf_dicom_write_image(const char *path, const bf_dicom_write *what, bf_error *err);

const char *bf_dicom_library_version(void); /* static */

#ifdef __cplusplus
}
#endif
#endif
