// What the shim's sources share: the open file and functions that turn OFCondition into bf_error. For the room only.
#ifndef BF_DICOM_HANDLE_HPP
#define BF_DICOM_HANDLE_HPP

#include "dcmtk/config/osconfig.h"
#include "dcmtk/dcmdata/dctk.h"

#include <exception>
#include <new>
#include <string>

#include "dicom/dicom.h"

struct bf_dicom {
  std::string path;
  DcmFileFormat file;
  bf_image image;
  E_TransferSyntax syntax;
  bool halved = false; /* native pixels with halved chrominance, two bytes a pixel */
};

/* The data set without long values, and its encoding: a regular file that looks like DICOM. dicom->image is left as it
 * is. */
bf_status bf_dicom_load(bf_dicom *dicom, const char *path, bf_error *err);

/* BF_E_UNSUPPORTED for a transfer syntax that DCMTK does not know and would read as another. */
bf_status bf_dicom_check_syntax(bf_dicom *dicom, bf_error *err);

/* Runs the call; what it throws becomes an error. */
template <typename Call>
bf_status bf_dicom_guarded(const char *path, bf_error *err, Call call) noexcept {
  try {
    return call();
  } catch (const std::bad_alloc &) {
    return bf_fail(err, BF_E_MEMORY, "%s: no memory to read it", path);
  } catch (const std::exception &e) {
    return bf_fail(err, BF_E_FORMAT, "%s: %s", path, e.what());
  } catch (...) {
    return bf_fail(err, BF_E_FORMAT, "%s: the reader failed", path);
  }
}

/* Fills dicom->image from the header, with every limit checked. */
bf_status bf_dicom_read_header(bf_dicom *dicom, const void *key, size_t key_size, bf_error *err);

/* Rescale, window and spacing of this frame into dicom->image. */
void bf_dicom_read_frame(bf_dicom *dicom, int frame);

/* One frame of a JPEG 2000 file. */
bf_status bf_dicom_decode_jpeg2000(bf_dicom *dicom, int frame, void *dst, bf_error *err);

/* JPEG 2000 code stream or JP2 file in memory to interleaved samples of image->bits_allocated bits. */
extern "C" bf_status bf_jpeg2000_decode(void *dst, bf_image *image, const void *data, size_t size, bf_error *err);

#endif
