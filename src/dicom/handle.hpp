// What the shim's sources share: the open file and helpers that turn OFCondition into bf_error. For the room only.
#ifndef BF_DICOM_HANDLE_HPP
#define BF_DICOM_HANDLE_HPP

#include "dcmtk/config/osconfig.h"
#include "dcmtk/dcmdata/dctk.h"

#include <string>

#include "dicom/dicom.h"

struct bf_dicom {
  std::string path;
  DcmFileFormat file;
  bf_image image;
  E_TransferSyntax syntax;
  bool halved = false; /* native pixels with halved chrominance, two bytes a pixel */
};

/* Fills dicom->image from the header, with every limit checked. */
bf_status bf_dicom_read_header(bf_dicom *dicom, const void *key, size_t key_size, bf_error *err);

/* Rescale, window and spacing of this frame into dicom->image. */
void bf_dicom_read_frame(bf_dicom *dicom, int frame);

/* One frame of a JPEG 2000 file. */
bf_status bf_dicom_decode_jpeg2000(bf_dicom *dicom, int frame, void *dst, bf_error *err);

/* JPEG 2000 code stream or JP2 file in memory to interleaved samples of image->bits_allocated bits. */
extern "C" bf_status bf_jpeg2000_decode(void *dst, bf_image *image, const void *data, size_t size, bf_error *err);

#endif
