/* DICOM files: headers and decoded frames, and writing of the images of `phantom`. Files of others are parsed and
 * decoded in child processes with limits on memory and time (base/service.h), so that whatever a file does costs that
 * file: BF_E_FORMAT where the process crashed over it, BF_E_LIMIT where it met a limit. One bf_dicom per thread;
 * different files in different threads. Supported transfer syntaxes: implicit and explicit little endian, big endian,
 * deflated, RLE, JPEG (baseline, extended, spectral, progressive, lossless), JPEG-LS, JPEG 2000, HTJ2K. */
#ifndef BF_DICOM_DICOM_H
#define BF_DICOM_DICOM_H

#include "image/image.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct bf_dicom bf_dicom;

/* Registers decoders, checks that the data dictionary was found, and starts the process that the readers come from.
 * Before any thread is made; again does nothing. BIFOCAL_ISOLATION=off in the environment: this process reads. */
bf_status bf_dicom_init(bf_error *err);

/* Reads the header only. key: secret of patient_key; NULL: none is made. Errors: BF_E_NOT_DICOM, BF_E_FORMAT damaged,
 * BF_E_NO_IMAGE nothing to look at, BF_E_UNSUPPORTED an encoding that is not handled, BF_E_LIMIT larger than the
 * limits. The file's name is said in messages. */
bf_status bf_dicom_open(bf_dicom **out, const char *path, const void *key, size_t key_size, bf_error *err);
/* The same without a patient key; *seen gets what was read of the header even when the file is refused, without tables:
 * it needs no clearing. */
bf_status bf_dicom_open_seen(bf_dicom **out, bf_image *seen, const char *path, bf_error *err);
/* The header alone, where no frame is wanted. */
bf_status bf_dicom_look(bf_image *seen, const char *path, const void *key, size_t key_size, bf_error *err);
void bf_dicom_close(bf_dicom *dicom);
const bf_image *bf_dicom_image(const bf_dicom *dicom); /* borrowed */
const char *bf_dicom_path(const bf_dicom *dicom);      /* borrowed */

/* Decodes frame 0.. into dst (image->frame_bytes). A frame whose data is shorter than the header promises is refused.
 * After decoding, image->photometric and planar describe what dst holds, and rescale, window and spacing are the
 * frame's own (enhanced objects give them a frame each). */
bf_status bf_dicom_decode(bf_dicom *dicom, int frame, void *dst, bf_error *err);

/* False where the processes that read were killed and no other can be started: what fails from then on is no fault of
 * the files. */
bool bf_dicom_can_read(void);

/* How many reading processes have died so far. */
int64_t bf_dicom_deaths(void);

/* What `phantom` writes. */
typedef struct bf_dicom_write {
  const char *sop_class_uid, *modality, *patient_id, *patient_name;
  const char *study_instance_uid, *series_instance_uid, *sop_instance_uid;
  const char *transfer_syntax_uid; /* any that is read, but RLE of more than one byte and HTJ2K */
  const char *laterality, *view;   /* or NULL */
  const char *manufacturer, *age;  /* likewise; age as "045Y" */
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
